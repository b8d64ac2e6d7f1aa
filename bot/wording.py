"""Finds, renders and checks what is said: the interface's phrases, the channel's templates, times and numbers.

Phrases stand in `message_templates/interface/<file>.<language>.po`, sentences for channels in
`message_templates/channel/<name>.<language>.j2`. People's words are escaped unless they are Mrkdwn already.
"""

import gettext
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.dates import format_date, format_datetime
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_decimal
from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from bot.incident import Money

LANGUAGES = ("en", "zh")
TEMPLATES = Path(__file__).parent.parent / "message_templates"
NEAR = timedelta(hours=12)  # what is further away is said with its day: 01:15 tomorrow is not 01:15
LOCALES = {"en": "en_GB", "zh": "zh_CN"}


class Mrkdwn(str):
    """Text that is Slack's markup already: not escaped again."""

    __slots__ = ()


def escape(words: object) -> Mrkdwn:
    """People's words made safe for mrkdwn: the three characters that Slack's markup begins with.

    A mark of formatting (`*`, `_`, `~`, a backtick) is left as it is; it can make a word bold, never ping anybody.
    """
    if isinstance(words, Mrkdwn):
        return words
    return Mrkdwn(str(words).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))


def unescape(text: str) -> str:
    """The same the other way: what people typed, from a text of Slack's."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def mention(user_id: str) -> Mrkdwn:
    """A person, as Slack shows them."""
    return Mrkdwn(f"<@{user_id}>")


def channel_link(channel_id: str) -> Mrkdwn:
    """A channel, as Slack shows it."""
    return Mrkdwn(f"<#{channel_id}>")


@dataclass(frozen=True)
class _Phrase:
    forms: tuple[str, ...]
    plural: Callable[[int], int]


def language_of(locale: str | None, default: str) -> str:
    """The bot's language for a Slack locale: `zh-CN` -> zh, any other known one -> en, None -> default."""
    if not locale:
        return default
    return "zh" if locale.lower().startswith("zh") else "en"


class Wording:
    """What is said in one language. Slack shows times in each reader's zone; where only plain text can stand they are
    those of `timezone`. Without `now` every time is one of today."""

    def __init__(
        self,
        language: str,
        timezone: str,
        phrases: Mapping[str, _Phrase],
        templates: SandboxedEnvironment,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self.language = language
        self._timezone = ZoneInfo(timezone)
        self._phrases = phrases
        self._templates = templates
        self._now = now
        self._elsewhere: dict[str, Wording] = {timezone: self}

    def in_zone(self, timezone: str | None) -> "Wording":
        """The same words to somebody whose clock hangs there; a zone that is not known changes nothing."""
        if timezone is None:
            return self
        if timezone not in self._elsewhere:
            try:
                there = Wording(self.language, timezone, self._phrases, self._templates, self._now)
            except (ZoneInfoNotFoundError, ValueError, OSError):  # Slack's list is longer than this machine's
                there = self
            self._elsewhere[timezone] = there
        return self._elsewhere[timezone]

    def text(self, key: str, n: int | None = None, **values: object) -> str:
        """A phrase as plain text. `n` chooses the plural and is itself a value, with separators.

        Raises KeyError for a phrase or a value that is not there.
        """
        return self._fill(key, n, values, str)

    def mrkdwn(self, key: str, n: int | None = None, **values: object) -> Mrkdwn:
        """A phrase as mrkdwn: values are escaped unless they are Mrkdwn."""
        return Mrkdwn(self._fill(key, n, values, escape))

    def has(self, key: str) -> bool:
        """Whether the catalogue has this phrase."""
        return key in self._phrases

    def counts(self, key: str) -> bool:
        """Whether the phrase says a number that chooses its plural."""
        return any("{n}" in form for form in self._phrases[key].forms)

    def message(self, template: str, **values: object) -> Mrkdwn:
        """A sentence for a channel from `message_templates/channel/`, as mrkdwn; values are escaped.

        Raises jinja2.UndefinedError for a value that is not there: a gap is never sent.
        """
        name = f"channel/{template}.{self.language}.j2"
        return Mrkdwn(self._templates.get_template(name).render(words=self, **values).strip())

    def money(self, money: Money) -> str:
        """An amount with its currency and separators."""
        return format_currency(
            money.amount, money.currency, "¤¤ #,##0.00", LOCALES[self.language], currency_digits=True
        )

    def number(self, value: int | Decimal) -> str:
        """A number with its separators."""
        return format_decimal(value, locale=LOCALES[self.language])

    def time(self, at: datetime) -> Mrkdwn:
        """A time of day in the reader's own zone; with its day when it is not near."""
        return self._date(at, self._of_day(at))

    def when(self, at: datetime) -> Mrkdwn:
        """A time with its distance, in the reader's own zone: `14:15 (in 9 minutes)`; with its day when it is not
        near."""
        return self._date(at, f"{self._of_day(at)} ({{ago}})")

    def day(self, at: datetime) -> Mrkdwn:
        """A day and time in the reader's own zone."""
        return self._date(at, "{date_short_pretty} {time}")

    def clock(self, at: datetime) -> str:
        """A time for plain text, in the reader's zone where it is one person's, else in the workspace's."""
        return format_datetime(
            at, "d MMM HH:mm" if self.language == "en" else "M月d日 HH:mm", self._timezone, LOCALES[self.language]
        )

    def calendar_day(self, day: date) -> str:
        """A day of the calendar, which is the same for every reader: `Wed 25 Nov 2026`."""
        form = "EEE d MMM yyyy" if self.language == "en" else "yyyy年M月d日（EEE）"
        return format_date(day, form, LOCALES[self.language])

    def iso(self, at: datetime) -> str:
        """A time for another program, in the workspace's zone: `2026-11-22T14:05+08:00`."""
        return at.astimezone(self._timezone).isoformat(timespec="minutes")

    def spoken(self, at: datetime, now: datetime) -> str:
        """A time as one says it to a customer, in the workspace's zone: `16:00`; on another day with its date."""
        here = at.astimezone(self._timezone)
        return f"{here:%H:%M}" if here.date() == now.astimezone(self._timezone).date() else self.clock(at)

    def shares_clock(self, other: "Wording", now: datetime) -> bool:
        """Whether a time in plain text is the same in both."""
        return now.astimezone(self._timezone).utcoffset() == now.astimezone(other._timezone).utcoffset()

    def duration(self, seconds: float) -> str:
        """A distance in words, to the minute: `9 minutes`, `1 h 20 min`; less than one minute is said so."""
        minutes = round(abs(seconds) / 60)
        if minutes < 1:
            return self.text("time.under_a_minute")
        if minutes < 60:
            return self.text("time.minutes", n=minutes)
        hours, rest = divmod(minutes, 60)
        return self.text("time.hours", h=hours) if rest == 0 else self.text("time.hours_minutes", h=hours, m=rest)

    def _of_day(self, at: datetime) -> str:
        is_near = self._now is None or abs(at - self._now()) <= NEAR
        return "{time}" if is_near else "{date_short_pretty} {time}"

    def _date(self, at: datetime, form: str) -> Mrkdwn:
        return Mrkdwn(f"<!date^{int(at.timestamp())}^{form}|{escape(self.clock(at))}>")

    def _fill(self, key: str, n: int | None, values: dict[str, object], made_safe: Callable[[object], str]) -> str:
        phrase = self._phrases[key]
        if n is not None:
            values["n"] = self.number(n)
        text = phrase.forms[phrase.plural(n) if n is not None and len(phrase.forms) > 1 else 0]
        return string.Formatter().vformat(text, (), {name: made_safe(value) for name, value in values.items()})


Wordings = Mapping[str, Wording]


def load(timezone: str = "UTC", now: Callable[[], datetime] | None = None) -> Wordings:
    """All wording, by language. `now` tells what is near, and is said without its day."""
    templates = SandboxedEnvironment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        finalize=escape,
        trim_blocks=True,
        lstrip_blocks=True,
        # What is rendered is Slack's mrkdwn, not HTML: `finalize` escapes what mrkdwn needs escaped.
        autoescape=False,
    )
    templates.filters["mention"] = mention
    templates.filters["channel"] = channel_link
    return {language: Wording(language, timezone, _catalogue(language), templates, now) for language in LANGUAGES}


def _catalogue(language: str) -> dict[str, _Phrase]:
    phrases: dict[str, _Phrase] = {}
    for path in sorted((TEMPLATES / "interface").glob(f"*.{language}.po")):
        with path.open("rb") as file:
            catalogue = read_po(file, locale=LOCALES[language], abort_invalid=True)
        plural = partial(_plural, gettext.c2py(catalogue.plural_expr))
        for message in catalogue:
            if not message.id:
                continue
            key = message.id if isinstance(message.id, str) else message.id[0]
            forms = (message.string,) if isinstance(message.string, str) else tuple(message.string or ())
            if key in phrases:
                raise ValueError(f"{path.name}: {key} stands in two catalogues")
            phrases[key] = _Phrase(forms, plural)
    return phrases


def _plural(rule: Callable[[int], int], n: int) -> int:
    return rule(n)

"""What is said to a customer: a stage's script for one channel and one occasion, and what must not be in it.

Scripts stand in `message_templates/customer/<stage>/<channel>.<language>.j2`. A company's folder is laid out the same
and comes first, file by file: what it does not have is said as shipped.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any

from jinja2 import (
    BaseLoader,
    ChoiceLoader,
    FileSystemLoader,
    StrictUndefined,
    TemplateError,
    Undefined,
    meta,
    pass_context,
)
from jinja2.exceptions import TemplateNotFound, TemplatesNotFound, TemplateSyntaxError
from jinja2.runtime import Context
from jinja2.sandbox import SandboxedEnvironment

from bot.incident import ContactChannel, Emotion, Severity, Stage, Tier
from bot.named_times import unrecorded
from bot.procedure import Procedure
from bot.wording import LANGUAGES, TEMPLATES

FACTS = ("news", "delay_reason", "eta", "measure", "solution", "compensation", "check")
PHONE, SMS, EMAIL, CHAT, SOCIAL = CHANNELS = (
    ContactChannel.PHONE,
    ContactChannel.SMS,
    ContactChannel.EMAIL,
    ContactChannel.CHAT,
    ContactChannel.SOCIAL,
)
SOLVED = (Stage.VERIFICATION, Stage.CLOSING, Stage.FOLLOW_UP, Stage.SURVEY)  # nobody asks any more when it will be
# What stands where a fact is still to be said.
GAPS = {
    "en": {
        "news": "what has been done since the last word",
        "delay_reason": "why it takes longer",
        "eta": "the new expected time",
        "measure": "the temporary measure",
        "solution": "what was or will be done",
        "compensation": "what we offer",
        "check": "what to try or check",
    },
    "zh": {
        "news": "已采取的措施或最新进展",
        "delay_reason": "延迟原因",
        "eta": "新的预计时间",
        "measure": "临时措施",
        "solution": "解决方案",
        "compensation": "补偿内容",
        "check": "请客户确认的事项",
    },
}
STOPS = " .。!！;；,，、…"
# What a script can do wrong: Jinja's own errors, `{{ severity + "x" }}`, a file that is not UTF-8 or not readable.
BROKEN = (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError, OSError)


@dataclass(frozen=True)
class Occasion:
    """Whom a script is for, how, and what is known; `facts` are people's sentences, by the names in FACTS.

    `next_word` is when the customer hears from us again, as people write it; `since` when it began.
    """

    stage: Stage
    channel: ContactChannel
    language: str
    severity: Severity
    trigger: str
    tier: Tier
    emotion: Emotion
    company: str
    number: str
    next_word: str
    customers_affected: int = 1
    reached: int = 0
    agent: str | None = None
    customer: str | None = None
    product: str | None = None
    since: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Script:
    """The words for one occasion, as plain text. `missing` are the facts it says and nobody has told, in the order of
    FACTS: their places are marked in the text. `segments` is what it costs as an SMS, None for other channels."""

    text: str
    missing: tuple[str, ...]
    segments: int | None


def has_gap(text: str) -> bool:
    """Whether a script's mark for a fact that nobody has told still stands in a text."""
    return any(f"[{words}]" in text for gaps in GAPS.values() for words in gaps.values())


class BrokenScript(Exception):  # noqa: N818 - it reads as what happened
    """A script cannot be filled in: `path` is its file, `sentence` what to mend there. The cause is chained."""

    def __init__(self, path: Path, sentence: str) -> None:
        super().__init__(f"{path}: {sentence}")
        self.path = path
        self.sentence = sentence


class _Gap(Undefined):
    """A fact that nobody has told: noted as missing where a script says it, or goes by it; `is defined` only asks."""

    def __init__(self, name: str, language: str, missing: set[str]) -> None:
        super().__init__(name=name)
        self._name = name
        self._marker = f"[{GAPS.get(language, GAPS['en'])[name]}]"
        self._missing = missing

    def __str__(self) -> str:
        self._missing.add(self._name)
        return self._marker

    def __bool__(self) -> bool:
        self._missing.add(self._name)
        return True


class _Shipped(FileSystemLoader):
    """The scripts that ship. One that is in memory counts no longer once the company has a file in its place."""

    def __init__(self, own_folder: Path | None) -> None:
        super().__init__(TEMPLATES)
        self._own = own_folder

    def get_source(self, environment: Any, template: str) -> Any:
        source, path, is_current = super().get_source(environment, template)
        own = self._own / template if self._own else None
        return source, path, lambda: is_current() and not (own and own.exists())


class Scripts:
    """All scripts: a company's own folder first, then those that ship. A changed file counts from then on."""

    def __init__(self, own_folder: Path | None = None) -> None:
        self.own_folder = own_folder
        loaders: list[BaseLoader] = [FileSystemLoader(own_folder)] if own_folder else []
        self._templates = SandboxedEnvironment(
            loader=ChoiceLoader([*loaders, _Shipped(own_folder)]),
            undefined=StrictUndefined,
            finalize=_said,
            trim_blocks=True,
            lstrip_blocks=True,
            # A script is plain text, as a customer reads or hears it. Where it is drawn into Slack's mrkdwn, it is
            # escaped whole like any other words of people.
            autoescape=False,
            cache_size=1000,
        )
        self._templates.filters |= {"sentence": _sentence, "clause": _clause}

    def render(self, occasion: Occasion) -> Script:
        """The script of an occasion. On site one says what one says on the phone; a language without scripts gets the
        English ones.

        Raises BrokenScript when a file cannot be filled in, or is not there at all.
        """
        channel = PHONE if occasion.channel is ContactChannel.ON_SITE else occasion.channel
        names = _names(occasion.stage, channel, occasion.language)
        missing: set[str] = set()
        known = {name: words for name in FACTS if (words := _one_line(occasion.facts.get(name)))}
        try:
            text = self._templates.select_template(names).render(
                language=occasion.language,
                is_solved=occasion.stage in SOLVED,
                severity=int(occasion.severity),
                trigger=occasion.trigger,
                tier=str(occasion.tier),
                emotion=str(occasion.emotion),
                company=_one_line(occasion.company),
                agent=_one_line(occasion.agent) or None,
                customer=_one_line(occasion.customer) or None,
                number=occasion.number,
                product=_one_line(occasion.product) or None,
                since=_one_line(occasion.since) or None,
                next_word=_one_line(occasion.next_word),
                customers_affected=occasion.customers_affected,
                reached=occasion.reached,
                **{name: known.get(name) or _Gap(name, occasion.language, missing) for name in FACTS},
            )
        except BROKEN as error:
            raise self._broken(error, names[0]) from error
        if channel is SMS:
            text = _as_sms(text, occasion.language)
        text = _tidy(text)
        gaps = tuple(name for name in FACTS if name in missing)
        return Script(text, gaps, segments(text) if channel is SMS else None)

    def needs(self, stage: Stage) -> tuple[str, ...]:
        """The facts that a stage's scripts say on any channel, in the order of FACTS. Raises BrokenScript."""
        found = {
            name
            for channel in CHANNELS
            for language in LANGUAGES
            if self.path(stage, channel, language)
            for name in self.render(_example(stage, channel, language)).missing
        }
        return tuple(name for name in FACTS if name in found)

    def welcome(self, stage: Stage) -> tuple[str, ...]:
        """The facts that a stage's scripts say when they are known, and do without when they are not. Raises
        BrokenScript."""
        found: set[str] = set()
        for channel in CHANNELS:
            for language in LANGUAGES:
                if path := self.path(stage, channel, language):
                    try:
                        found |= meta.find_undeclared_variables(
                            self._templates.parse(path.read_text(encoding="utf-8"), filename=str(path))
                        )
                    except BROKEN as error:
                        raise self._broken(error, _names(stage, channel, language)[0]) from error
        needed = self.needs(stage)
        return tuple(name for name in FACTS if name in found and name not in needed)

    def is_own(self, stage: Stage, channel: ContactChannel, language: str) -> bool:
        """Whether the company says it in its own words."""
        path = self.path(stage, channel, language)
        return bool(path and self.own_folder and path.is_relative_to(self.own_folder))

    def path(self, stage: Stage, channel: ContactChannel, language: str) -> Path | None:
        """The file in which a script stands: the company's, else the shipped one; None when there is none."""
        name = _names(stage, PHONE if channel is ContactChannel.ON_SITE else channel, language)[0]
        return next((folder / name for folder in self.folders if (folder / name).is_file()), None)

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where scripts are looked for, in this order."""
        return (self.own_folder, TEMPLATES) if self.own_folder else (TEMPLATES,)

    def _broken(self, error: BaseException, name: str) -> BrokenScript:
        path, line = _place(error)
        if path is None:
            path = next((folder / name for folder in self.folders if (folder / name).is_file()), TEMPLATES / name)
        names = error.templates if isinstance(error, TemplatesNotFound) else [error]
        lacking = f"{' or '.join(str(one) for one in names)} is not there"
        what = lacking if isinstance(error, TemplateNotFound) else str(error) or type(error).__name__
        return BrokenScript(path, f"line {line}: {what}" if line else what)


def _names(stage: Stage, channel: ContactChannel, language: str) -> list[str]:
    own, english = (f"customer/{stage}/{channel}.{word}.j2" for word in (language, "en"))
    return [own] if own == english else [own, english]


def _example(stage: Stage, channel: ContactChannel, language: str) -> Occasion:
    return Occasion(
        stage, channel, language, Severity.TWO, "", Tier.ORDINARY, Emotion.CALM, "Hotline", "INC-1", "16:00"
    )


def _place(error: BaseException) -> tuple[Path | None, int | None]:
    """The file and the line that an error is about: where it says so, else the last script on its way."""
    if isinstance(error, TemplateSyntaxError) and error.filename:
        return Path(error.filename), error.lineno
    found: tuple[Path | None, int | None] = (None, None)
    step: TracebackType | None = error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename.endswith(".j2"):
            found = Path(step.tb_frame.f_code.co_filename), step.tb_lineno
        step = step.tb_next
    return found


# -- how words are put in ----------------------------------------------------------------------------------------------


def _said(value: object) -> object:
    return "" if value is None else value


@pass_context
def _sentence(context: Context, words: object) -> str:
    """As a sentence: one stop at its end, whatever somebody typed there, and a capital at its beginning."""
    text = _clause(words)
    if re.match(r"[a-z]+(?![A-Za-z])", text):
        text = text[0].upper() + text[1:]
    if not text or text[-1] in "?？" or re.search(r"[.。?？][\"'”’」)）]$", text):
        return text
    return text + ("。" if context.get("language") == "zh" else ".")


def _clause(words: object) -> str:
    """Without a stop at its end, to be gone on with."""
    return _one_line(str(words)).rstrip(STOPS)


def _one_line(words: str | None) -> str:
    return " ".join((words or "").split())


def _tidy(text: str) -> str:
    one_space = re.sub(r"(?<=\S)[ \t]{2,}", " ", text)
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]+\n", "\n", one_space)).strip()


# What people's keyboards and copied sentences bring along, in letters that an SMS has: one curly quote makes it UCS-2,
# of which less than half as much fits.
PLAIN = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "...", "\xa0": " ", "•": "-"})


def _as_sms(text: str, language: str) -> str:
    """On one line; in English with the letters that an SMS has."""
    if language == "zh":
        return re.sub(r"\s*\n\s*", "", text.strip())
    return _one_line(text.translate(PLAIN))


# -- what an SMS costs -------------------------------------------------------------------------------------------------

GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_EXTENSION = frozenset("^{}\\[~]|€")


def is_gsm(text: str) -> bool:
    """Whether an SMS has all these letters (GSM 03.38), so that 160 of them fit into one."""
    return all(letter in GSM or letter in GSM_EXTENSION for letter in text)


def segments(text: str) -> int:
    """How many SMS a text costs: 160 letters of GSM 03.38 (153 each when there are several; some count two), or 70 (67)
    units of UCS-2. A letter of two is never cut in half. 0 for nothing."""
    if is_gsm(text):
        sizes, alone, each = [2 if letter in GSM_EXTENSION else 1 for letter in text], 160, 153
    else:
        sizes, alone, each = [2 if ord(letter) > 0xFFFF else 1 for letter in text], 70, 67
    if sum(sizes) <= alone:
        return 1 if text else 0
    found, room = 1, each
    for size in sizes:
        if size > room:
            found, room = found + 1, each
        room -= size
    return found


# -- what must not be in it --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Flag:
    """Words to change before they go to a customer: `kind` is never_said, unsafe or time, `instead` what to say, or to
    do, instead."""

    words: str
    kind: str
    instead: str


def flags(text: str, procedure: Procedure, known_times: Collection[str] = ()) -> list[Flag]:
    """What in a text should not reach a customer, each once, in the order of its appearance.

    `known_times` are those on record, as people read them (the next word, since when, what was promised): any other
    time in the text is flagged, since nothing would remind us of it.
    """
    plain = _plain(text)
    wording = procedure.wording
    found: list[tuple[int, Flag]] = []
    for kind, phrases in (("never_said", wording.never_said), ("unsafe", wording.unsafe)):
        for phrase in (*phrases.en, *phrases.zh):
            place = _pattern(phrase.words).search(plain)
            if place:
                found.append((place.start(), Flag(phrase.words, kind, phrase.instead)))
    instead = wording.unrecorded_time.in_language("zh" if re.search(HAN, text) else "en")
    recorded = [_plain(time) for time in known_times]
    found += [(start, Flag(text[start:end], "time", instead)) for start, end in unrecorded(plain, recorded)]
    seen: set[str] = set()
    once = []
    for _, flag in sorted(found, key=lambda one: one[0]):
        if flag.words.casefold() not in seen:
            seen.add(flag.words.casefold())
            once.append(flag)
    return once


HAN = "[\u4e00-\u9fff]"
LATIN = "[0-9A-Za-z\u00c0-\u024f_]"
QUOTES = str.maketrans("’‘ʼ`´", "'''''")


def _plain(text: str) -> str:
    """Letter for letter the same, with full-width letters (100％, 16：00) and apostrophes as they are looked for."""
    narrow = "".join(chr(ord(letter) - 0xFEE0) if "！" <= letter <= "～" else letter for letter in text)
    return narrow.translate(QUOTES)


@cache
def _pattern(words: str) -> re.Pattern[str]:
    """Words of an alphabet stand alone: `guarantee` is not found in `guaranteed`."""
    plain = _plain(words.strip())
    before = f"(?<!{LATIN})" if re.match(LATIN, plain) else ""
    after = f"(?!{LATIN})" if re.search(f"{LATIN}$", plain) else ""
    return re.compile(before + r"\s+".join(map(re.escape, plain.split())) + after, re.IGNORECASE)

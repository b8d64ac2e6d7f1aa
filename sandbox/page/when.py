"""Times as a reader sees them: in their zone, in their language, with Slack's date tokens."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.dates import format_date, format_timedelta

from sandbox.page.words import say

TOKEN = re.compile(r"\{(\w+)\}")


def local(unix: float, tz: str) -> datetime:
    try:
        zone = ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError):
        return datetime.fromtimestamp(unix, UTC)
    return datetime.fromtimestamp(unix, zone)


def babel_locale(language: str) -> str:
    return "zh_Hans_CN" if language == "zh" else "en"


def clock(unix: float, tz: str) -> str:
    return local(unix, tz).strftime("%H:%M")


def ago(unix: float, now: float, language: str) -> str:
    """ "in 4 minutes", "2 hours ago"; minutes up to two hours, as people count them."""
    distance = timedelta(seconds=round(unix - now))
    return format_timedelta(distance, threshold=2, add_direction=True, locale=babel_locale(language))


def day(unix: float, now: float, tz: str, language: str, style: str = "full") -> str:
    """ "Today", "Yesterday", "Tomorrow", else the date."""
    date, today = local(unix, tz).date(), local(now, tz).date()
    near = {0: "today", -1: "yesterday", 1: "tomorrow"}.get((date - today).days)
    return say(language, near) if near else format_date(date, style, locale=babel_locale(language))


def fill_tokens(pattern: str, unix: float, now: float, tz: str, language: str) -> str:
    """Slack's date formatting: `{date_short_pretty} at {time}`; an unknown token stays as it is."""
    at, locale = local(unix, tz), babel_locale(language)
    tokens: dict[str, Callable[[], str]] = {
        "date_num": lambda: at.strftime("%Y-%m-%d"),
        "date_slash": lambda: at.strftime("%d/%m/%Y" if language == "en" else "%Y/%m/%d"),
        "date": lambda: format_date(at, "long", locale=locale),
        "date_short": lambda: format_date(at, "medium", locale=locale),
        "date_long": lambda: format_date(at, "full", locale=locale),
        "date_long_full": lambda: format_date(at, "full", locale=locale),
        "date_pretty": lambda: day(unix, now, tz, language, "long"),
        "date_short_pretty": lambda: day(unix, now, tz, language, "medium"),
        "date_long_pretty": lambda: day(unix, now, tz, language, "full"),
        "day_divider_pretty": lambda: day(unix, now, tz, language, "full"),
        "time": lambda: at.strftime("%H:%M"),
        "time_secs": lambda: at.strftime("%H:%M:%S"),
        "ago": lambda: ago(unix, now, language),
    }

    def replace(found: re.Match[str]) -> str:
        shown = tokens[found[1]]() if found[1] in tokens else found[0]
        return _lower(shown, language, found) if found[1].endswith("_pretty") else shown

    return TOKEN.sub(replace, pattern)


def _lower(text: str, language: str, found: re.Match[str]) -> str:
    """ "Due today" and "Today", as the place in the sentence wants it."""
    near = {say(language, key) for key in ("today", "yesterday", "tomorrow")}
    return text.lower() if found.start() and text in near else text

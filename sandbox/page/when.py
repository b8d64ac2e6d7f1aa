"""Times as a reader sees them: in their zone, in their language, with Slack's date tokens."""

import re
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

    def replace(found: re.Match[str]) -> str:  # noqa: PLR0911 - one line a token
        token = found.group(1)
        match token:
            case "date_num":
                return at.strftime("%Y-%m-%d")
            case "date_slash":
                return at.strftime("%d/%m/%Y") if language == "en" else at.strftime("%Y/%m/%d")
            case "date":
                return format_date(at, "long", locale=locale)
            case "date_short":
                return format_date(at, "medium", locale=locale)
            case "date_long":
                return format_date(at, "full", locale=locale)
            case "date_pretty":
                return _lower(day(unix, now, tz, language, "long"), language, found)
            case "date_short_pretty":
                return _lower(day(unix, now, tz, language, "medium"), language, found)
            case "date_long_pretty" | "day_divider_pretty" | "date_long_full":
                return _lower(day(unix, now, tz, language, "full"), language, found)
            case "time":
                return at.strftime("%H:%M")
            case "time_secs":
                return at.strftime("%H:%M:%S")
            case "ago":
                return ago(unix, now, language)
            case _:
                return found.group(0)

    return TOKEN.sub(replace, pattern)


def _lower(text: str, language: str, found: re.Match[str]) -> str:
    """ "Due today" and "Today", as the place in the sentence wants it."""
    near = {say(language, key) for key in ("today", "yesterday", "tomorrow")}
    return text.lower() if found.start() and text in near else text

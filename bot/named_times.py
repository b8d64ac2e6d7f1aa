"""Finds the times that a text names, as people write them in either language, and knows again those on record.

`16:00`, `4 pm`, `tomorrow at 10:00`, `by Friday`, `within 30 minutes`, `下午4点`, `明天`, `两小时内`, `周五前`.
"""

import re
from collections.abc import Collection, Iterator

# `(?-i:…)` where only a capital tells a month or a day from a word.
MONTH = (
    r"(?-i:(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?"
    r"|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\b\.?)"
)
WEEKDAY = (
    r"(?:(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day|(?-i:Mon|Tues?|Wed|Thu(?:rs)?|Fri|Sat|Sun))\b"
    r"(?:\s+(?:morning|noon|afternoon|evening|night)\b)?)"
)
WEEKDAY_ZH = "(?:周|星期|礼拜)[一二三四五六日天]"
UNTIL_ZH = "(?:之前|以前|前(?![提台端往面])|之内|以内|内(?!部))"  # 前提 is a condition, 内部 inside
PART_ZH = "(?:凌晨|清晨|早上|上午|中午|下午|傍晚|晚上|今晚|明早|明晚)"
DAY = "|".join(
    [
        r"(?<!earlier )\btoday\b",
        r"\btomorrow\b(?:\s+(?:morning|noon|afternoon|evening|night)\b)?",
        r"\btonight\b|\bthis\s+(?:afternoon|evening)\b|\bnext\s+(?:week|month)\b",
        rf"\b(?:by|before|on|until|till|next|this|from)\s+(?:next\s+|this\s+)?{WEEKDAY}",
        r"\bby\s+(?:the\s+)?end\s+of\s+(?:the\s+|this\s+)?(?:day|week|month)\b",
        rf"\b\d{{1,2}}(?:st|nd|rd|th)?\s+(?:of\s+)?{MONTH}",
        rf"\b{MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?\b",
        r"(?<![\w-])\d{4}-\d{2}-\d{2}(?![\w-])",
        "明天|明日|明早|明晚|大?后天|今晚",
        rf"(?:今天|今日)(?:下班|{PART_ZH})?{UNTIL_ZH}|(?:今天|今日)(?=\s*(?:{PART_ZH}|\d{{1,2}}[:点]))",
        rf"(?:下个?|本|这个?){WEEKDAY_ZH}{UNTIL_ZH}?|{WEEKDAY_ZH}(?:{UNTIL_ZH}|(?=\s*(?:{PART_ZH}|\d{{1,2}}[:点])))",
        rf"下个?(?:周|星期|礼拜|月)(?:初|末|底)?{UNTIL_ZH}?|(?:本|这)个?(?:周|星期|月){UNTIL_ZH}|(?:本?月|年)底{UNTIL_ZH}?",
        rf"\d{{1,2}}月\d{{1,2}}[日号]{UNTIL_ZH}?",
        rf"(?<!\d)\d{{1,2}}[日号]{UNTIL_ZH}",
    ]
)
HOUR_ZH = "(?:十[一二]?|[一二两三四五六七八九])"
PAST_THE_HOUR_ZH = "(?:钟|整|半|一刻|三刻|[0-5]?[0-9]分|[0-5][0-9]|[二三四五]?十[一二三四五六七八九]?分?)"
NO_HOUR_ZH = "建议|意见|要求|原因|说明|内容|问题|情况|注意|体会|是|:"  # 3点建议 are three suggestions
CLOCK = "|".join(
    [
        rf"{PART_ZH}\s*(?:[0-9]{{1,2}}:[0-5][0-9]|(?:[0-9]{{1,2}}|{HOUR_ZH})点{PAST_THE_HOUR_ZH}?)",
        r"(?<![0-9A-Za-z_:.])(?:[01]?[0-9]|2[0-4]):[0-5][0-9](?![0-9:])(?:\s*[ap](?:m\b|\.m\.?))?",
        r"(?<![0-9A-Za-z_:.,])(?:1[0-2]|0?[1-9])(?:\.[0-5][0-9])?\s*[ap](?:m\b|\.m\.?)",
        r"\b(?:1[0-2]|[1-9])\s*o'clock\b|\b(?:noon|midday|midnight)\b",
        rf"(?<![0-9.])(?:[01]?[0-9]|2[0-4])点(?:{PAST_THE_HOUR_ZH}|(?!{NO_HOUR_ZH}))",
        # 一点 alone is a little, 两点 are two points.
        rf"(?<![十一二三四五六七八九]){HOUR_ZH}点(?:钟|整|半|一刻|三刻)",
        "(?<![十一二三四五六七八九])(?:十[一二]?|[二两三四五六七八九])点(?=之前|以前|前(?!提))",
    ]
)
NUMBER = (
    r"(?:\d{1,4}(?:[.,]\d{1,2})?(?:\s*(?:-|–|to|or)\s*\d{1,4})?|an?|one|two|three|four|five|six|seven|eight|nine|ten|twelve|fifteen"
    r"|twenty|thirty|forty|sixty|half\s+an?|an?\s+few|an?\s+couple\s+of|several|the(?:\s+next)?)"
)
ABOUT = r"(?:about|around|roughly|under|less\s+than|at\s+most|no\s+more\s+than|up\s+to|the\s+next|another)\s+"
UNIT = r"(?:minutes?|mins?|hours?|hrs?|h|(?:working\s+|business\s+)?days?|weeks?|months?)\b"
NUMBER_ZH = r"(?:\d{1,4}(?:\.\d)?(?:\s*(?:-|到|至)\s*\d{1,4})?|[半一二两三四五六七八九十几数]{1,5})"
SPAN = "|".join(
    [
        rf"\bwithin\s+(?:{ABOUT})?{NUMBER}\s*{UNIT}",
        rf"\bin\s+(?:{ABOUT})?(?!the\s){NUMBER}\s*{UNIT}",
        rf"{NUMBER_ZH}\s*(?:个)?\s*半?\s*(?:小时|钟头|分钟|工作日|自然日|天|日|周|星期|礼拜|月)(?:之内|以内|内(?!部)|之?后|以后)",
    ]
)
NAMED = re.compile(
    rf"(?:(?P<day>{DAY})[\s,的]*(?:(?:at|by|before|around|from)\s+)?)?(?:{CLOCK})"
    rf"(?:\s+(?:on\s+)?(?P<day_after>{DAY}))?|{DAY}|{SPAN}",
    re.IGNORECASE,
)
TODAY = re.compile("today|tonight|this|今", re.IGNORECASE)
HOUR_OF = {word: number for number, word in enumerate("零一二三四五六七八九")} | {
    "两": 2,
    "十": 10,
    "十一": 11,
    "十二": 12,
}
PAST_OF = {"半": 30, "一刻": 15, "三刻": 45}


def unrecorded(text: str, recorded: Collection[str]) -> Iterator[tuple[int, int]]:
    """Where a text names a time that is not one of `recorded`: its beginning and its end, in order.

    A clock time is known again however it is written (`4 pm` is `16:00`); with another day beside it only when the
    recorded one has a day too. Anything else is known when it stands there word for word.
    """
    on_record = [known.strip() for known in recorded if known.strip()]
    hours = {minute for known in on_record for minute in _minutes(known)}
    with_day = {minute for known in on_record if not _is_only_a_clock(known) for minute in _minutes(known)}
    word_for_word = [
        found.span()
        for known in on_record
        if not _is_only_a_clock(known)
        for found in re.finditer(re.escape(known), text, re.IGNORECASE)
    ]
    for named in NAMED.finditer(text):
        start, end = named.span()
        if any(start < last and first < end for first, last in word_for_word):
            continue
        day = named["day"] or named["day_after"]
        minutes = _minutes(named[0])
        if minutes & (hours if day is None or TODAY.search(day) else with_day):
            continue
        yield start, end


def _is_only_a_clock(words: str) -> bool:
    return bool(re.fullmatch(rf"(?:{CLOCK})", words, re.IGNORECASE))


def _minutes(words: str) -> set[int]:
    """The minutes of the day that a clock time can mean; none when there is no clock time in the words."""
    words = words.casefold()
    if "midnight" in words:
        return {0, 24 * 60}
    if "noon" in words and "afternoon" not in words and not re.search(r"\d", words):
        return {12 * 60}
    found = (
        re.search(r"(?P<hour>\d{1,2}):(?P<past>\d{2})", words)
        or re.search(r"(?P<hour>\d{1,2})(?:\.(?P<past>\d{2}))?(?=\s*[ap](?:m\b|\.m))", words)
        or re.search(r"(?P<hour>\d{1,2})(?P<past>)(?=\s*o'clock)", words)
        or re.search(rf"(?P<hour>\d{{1,2}}|{HOUR_ZH})点(?P<past>半|一刻|三刻|\d{{1,2}})?", words)
    )
    if not found:
        return set()
    hour = int(found["hour"]) if found["hour"].isdigit() else HOUR_OF[found["hour"]]
    past = found["past"] or "0"
    at = hour * 60 + (int(past) if past.isdigit() else PAST_OF[past])
    if re.search(r"\d\s*p\.?m|下午|傍晚|晚上|今晚|明晚", words) or (hour < 3 and "中午" in words):
        return {at + 12 * 60 if hour < 12 else at}
    if re.search(r"\d\s*a\.?m|凌晨|清晨|早上|上午|明早|中午", words):
        return {at - 12 * 60 if hour == 12 and "中午" not in words else at}
    return {at} if ":" in found[0] or hour >= 12 else {at, at + 12 * 60}

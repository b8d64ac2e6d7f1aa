"""What of a customer is shown where others read along (design.md decision 7): names, numbers and addresses are masked.

`masked` is for people's words, whatever stands in them. Looking for numbers is a matter of taste where a number could
be anything: amounts, dates, times and ids with letters stay, what may be a way to reach somebody goes.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable

from bot.incident import Customer

STARS = "****"
SHORTEST = 7  # digits of a number to call
SHORTEST_ID = 4  # letters and digits of a customer's number that is looked for in what people say
NO_NAMES = ("unknown", "n/a", "none", "nobody", "various", "several", "未知", "不详", "不明", "未知客户", "多位客户")
# What companies are by law: people leave it out when they write quickly.
_FORMS = (
    r"[ ,.]*\b(?:co[., ]*ltd|pty ltd|ltd|limited|inc|incorporated|llc|llp|plc|corp|corporation|gmbh|ag|kg|s\.?a)\.?$"
    r"|(?:股份)?有限(?:责任)?公司$"
)
_IN_WORD = r"[^\W_\u2e80-\U0010ffff]"  # what continues a word; Chinese has no gaps between its words
_JOINS = r"[\s_\-‐-―－]+"  # between the words of a name
_TITLES = r"(?:mr|mrs|ms|miss|mx|dr|prof)\.?\s+"

_BETWEEN = r"[,;/|\n，；、／]"
_CHINA = r"^(?:00)?86(?=1[3-9]\d{9}$)"
_GAP = r"[ \u00a0.\-‐-―－]"
_UNITS = (
    "CNY|RMB|USD|EUR|GBP|HKD|JPY|TWD|SGD|CHF|yuan|dollars?|euros?|元|块|圆|万|亿|美元|港币|%|％|"
    "customers?|users?|people|orders?|accounts?|records?|rows?|requests?|个|位|人|名|笔|单|次|条|件|户"
)
# What has as many digits as a number to call, and is none.
_OTHER = rf"""
    \d{{4}} [-/.年] \d{{1,2}} [-/.月] \d{{1,2}} (?!\d) 日? (?: [ T]* \d{{1,2}} : \d{{2}} (?: : \d{{2}} (?:\.\d+)? )? )?
  | \d{{1,2}} [-/.] \d{{1,2}} [-/.] \d{{4}} (?!\d)
  | \d{{1,2}} [:.] \d{{2}} [ ]? [-–—] [ ]? \d{{1,2}} [:.] \d{{2}} (?!\d)
  | \d{{1,2}} : \d{{2}} (?: : \d{{2}} )? (?!\d)
  | (?:19|20)\d{{2}} [ ]? [-–—/ ] [ ]? (?:19|20)\d{{2}} (?!\d)
  | (?:19|20)\d{{2}} (?:0[1-9]|1[0-2]) (?:0[1-9]|[12]\d|3[01]) (?: [T]? [0-2]\d [0-5]\d (?:[0-5]\d)? )? (?![A-Za-z\d])
  | (?:\d{{1,3}} \.){{3}} \d{{1,3}} (?![.\d])
  | (?: (?:CNY|RMB|USD|EUR|GBP|HKD|JPY|TWD|SGD|CHF) [ ]? | [¥￥$€£] [ ]? ) \d [\d,]{{0,20}} (?:\.\d{{1,9}})?
  | \d {{1,9}} (?: ,\d{{3}} )* (?:\.\d+)? [ ]? (?:{_UNITS}) (?![A-Za-z])
  | \d{{1,3}} (?: ,\d{{3}} )+ (?:\.\d+)?
  | \d{{1,15}} \. (?!1[3-9]\d{{9}}(?!\d)) \d{{1,15}} (?! \d | {_GAP}\d )
"""
_KINDS = rf"""
    (?= [\d+(¥￥$€£A-Z] ) (?: (?P<other> (?<![\d.*]) (?: {_OTHER} ) )
  | (?P<identity> (?<![\d*]) (?: \d{{17}}[\dXx] | \d{{6}}{_GAP}\d{{8}}{_GAP}\d{{3}}[\dXx] ) (?![\d*]) )
  | (?P<card> (?<![+\d*]) (?!0) (?!86{_GAP}?1[3-9]) (?:
        \d{{4}} (?: {_GAP}\d{{4}} ){{2,3}} (?: {_GAP}\d{{1,3}} )?
      | \d{{4}}{_GAP}\d{{6}}{_GAP}\d{{4,5}}
      | \d{{12,19}} ) (?![\d*]) )
  | (?P<mobile> (?<![\d*]) (?P<country> (?: (?:\+|00)[ ]?86 | 86 ) {_GAP}? )?
        (?P<own> 1[3-9] (?: {_GAP}?\d ){{9}} )
        (?![\d*]) )
  | (?P<number> (?<![\d+*]) (?:
        (?: \+ | 00 ) [ ]? [1-9] (?: (?! [ ]\d{{4}}-\d ) [()/]? {_GAP}? [()]? \d ){{6,14}}
      | \(? 0 (?!\.\d) \d{{1,4}} \)? (?: [/]? {_GAP}{{0,3}} \d{{2,}} ){{1,5}}
      | (?: 1{_GAP} )? \(? \d{{3}} \)? {_GAP}{{0,2}} \d{{3}} {_GAP} \d{{4}}
      | [48]00 {_GAP}? \d{{3}} {_GAP}? \d{{4}}
      | [48]00 {_GAP}? \d{{4}} {_GAP}? \d{{3}}
      | \d{{3,4}} [-‐-―－] \d{{4}}
      | \d{{4}} [ \u00a0] \d{{4}}
      | \d{{7,11}} ) (?![\d*]) )
    )
"""
_NUMBER = re.compile(_KINDS, re.VERBOSE)
_MAIL = re.compile(r"(?:[A-Za-z0-9._%+'-]{1,64}|\w{0,63}[^\W\x00-\x7f])([@＠](?:[\w-]{1,63}\.)+\w{2,63})")
# Letters in front of a number that say what it is; with others it is an id.
_CALLS = re.compile(
    r"(?:tel|telephone|phone|ph|mobile|mob|cell|fax|call|sms|whatsapp|wechat|wx|vx|qq|id|card|no|nr|t|m|p|f|x)[-_]?",
    re.IGNORECASE,
)
# A number that is said to be something else.
_NAMED = re.compile(
    r"(?:orders?|tickets?|cases?|invoices?|transactions?|batch(?:es)?|parcels?|tracking|ref(?:erence)?|error|code|version"
    r"|订单|工单|单号|编号|流水号?|批次|批号|运单|版本|错误码?)"
    r"(?:[ #:：.]|no\b|nr\b|number|id\b|号|是|为)*$",
    re.IGNORECASE,
)


BEGINNING = 4  # letters


def masked(words: str, *names: str) -> str:
    """People's words for everybody to read: these names in them are masked, and whatever else leads to a person:
    numbers to call, e-mail addresses, numbers of identity and bank cards. Masking twice changes nothing more."""
    return masking(names)(words)


def masking(names: Iterable[str]) -> Callable[[str], str]:
    """`masked` with these names, made once for many texts; there may be thousands of names."""
    # The longer one stands before the one that is part of it.
    known = sorted({_without_details(name) for name in names}, key=lambda name: (-len(name), name))
    looked_for = [(_pieces(name), name) for name in known if name]
    # By how their pieces begin: of thousands of names only the few are looked for that a text may have.
    beginning: dict[str, list[int]] = defaultdict(list)
    for number, (pieces, _) in enumerate(looked_for):
        for start in {piece[:BEGINNING] for piece in pieces}:
            beginning[start].append(number)
    lengths = {len(start) for start in beginning}

    def mask(words: str) -> str:
        words = _without_details(words)
        said = words.casefold()
        starts = {said[at : at + length] for length in lengths for at in range(len(said) - length + 1)}
        for number in sorted({number for start in starts & beginning.keys() for number in beginning[start]}):
            pieces, name = looked_for[number]
            if any(piece in said for piece in pieces):
                words = without_name(words, name)
        return words

    return mask


def without_name(words: str, name: str) -> str:
    """People's words with the customer's name masked, however it is written: in other capitals, without the company's
    legal form, after a title. One letter alone is no name."""
    name = " ".join(name.split())
    if len(name) < 2 or name.casefold() in NO_NAMES:
        return words
    short = re.sub(_FORMS, "", name, flags=re.IGNORECASE)
    ways = [_as_word(way) for way in dict.fromkeys((name, short)) if len(way) > 1]
    words = re.sub("|".join(ways), lambda found: masked_name(found[0]), words, flags=re.IGNORECASE)
    pieces = [piece for piece in name.split() if len(piece) > 1]
    if len(pieces) > 1:
        titled = rf"(?<!{_IN_WORD})({_TITLES})({'|'.join(map(re.escape, pieces))})(?!{_IN_WORD})"
        words = re.sub(titled, lambda found: found[1] + masked_name(found[2]), words, flags=re.IGNORECASE)
    return words


def without_customer(words: str, customer: Customer) -> str:
    """People's words with everything masked that is known of one customer; what is others' stays."""
    for said in {customer.number.strip(), *parts(customer.contact)}:
        digits = re.sub(_CHINA, "", re.sub(r"\D", "", said))
        if len(digits) >= SHORTEST and not re.search(r"[^\W\d_]", said):
            number = rf"(?<!\d){f'[)/]?{_GAP}?[(]?'.join(digits)}(?!\d)"
            words = re.sub(number, digits[:2] + STARS + digits[-2:], words)
        elif len(said) >= SHORTEST_ID:
            words = re.sub(_as_word(said), lambda found: masked_name(found[0]), words, flags=re.IGNORECASE)
    return without_name(words, customer.name)


def known_by(customer: Customer) -> list[str]:
    """What is to be masked when people say it: a name, a number, ways to reach somebody that nobody would recognise."""
    ids = [customer.number, *(way for way in parts(customer.contact) if masked(way) == way)]
    return [customer.name, *(each for each in ids if len(each.strip()) >= SHORTEST_ID)]


def plain(words: str) -> str:
    """A name or a number for comparing, without what people write differently: capitals, spaces, dashes, width; a
    number to call in China without its country's prefix."""
    said = re.sub(r"[\s\-‐-―_]+", "", unicodedata.normalize("NFKC", words).casefold())
    digits = re.sub(r"[()./+]", "", said)
    return re.sub(_CHINA, "", digits) if digits.isdigit() else said


def ways(contact: str) -> set[str]:
    """The ways to reach somebody that stand in one field, each `plain`, and the whole."""
    return {plain(way) for way in (contact, *parts(contact))} - {""}


def parts(contact: str) -> list[str]:
    """What stands in one field, one by one."""
    return [way.strip() for way in re.split(_BETWEEN, contact) if way.strip()]


def masked_name(name: str) -> str:
    """A name that those who know the customer recognise and others don't: `Acme Ltd` -> `A***`, `王小明` -> `王**`."""
    name = name.strip()
    if not name or name.casefold() in NO_NAMES:
        return name
    first = name[0]
    stars = 2 if ord(first) > 0x2E7F else 3
    return first + "*" * stars


def _without_details(words: str) -> str:
    if "@" in words or "＠" in words:
        words = _MAIL.sub(lambda found: f"{found[0][0]}***{found[1]}", words)
    return _NUMBER.sub(_hidden, words) if sum(map(str.isdigit, words)) >= SHORTEST else words


def _pieces(name: str) -> list[str]:
    """What has to stand in a text before it is worth looking for the name in it."""
    said = re.sub(_FORMS, "", name.strip(), flags=re.IGNORECASE).casefold().split() or [name.strip().casefold()]
    return [max(re.split(_JOINS, piece), key=len) or piece for piece in said]


def _as_word(name: str) -> str:
    """Finds a name that is not part of a longer word; how much space is in it does not matter, nor whether it is space
    or, as in the names of files, dashes."""
    before = rf"(?<!{_IN_WORD})" if re.match(_IN_WORD, name) else ""
    after = rf"(?!{_IN_WORD})" if re.match(_IN_WORD, name[-1]) else ""
    words = re.split(_JOINS, name.strip())
    # With a dash at its end, as in "No-", it is as it is.
    return before + (_JOINS.join(map(re.escape, words)) if all(words) else re.escape(name)) + after


def _hidden(found: re.Match[str]) -> str:
    kind, said = str(found.lastgroup), found[0]
    if kind == "other" or _is_id(found):
        return said
    digits = re.sub(r"[^\dXx]", "", said)
    if kind in ("identity", "card"):
        return digits[:4] + STARS + digits[-4:]
    if kind == "own" or found["mobile"]:
        own = re.sub(r"\D", "", found["own"])
        return f"{found['country'] or ''}{own[:3]}{STARS}{own[-4:]}"
    if len(digits) < SHORTEST:
        return said
    plus = "+" if said.startswith("+") else ""
    head, tail = (3, 4) if len(digits) > 10 else (3, 3) if len(digits) > 8 else (2, 2)
    return f"{plus}{digits[:head]}{STARS}{digits[-tail:]}"


def _is_id(found: re.Match[str]) -> bool:
    """Whether it is said to be an order's, or has letters right before or behind it as those often have."""
    said = found.string[max(found.start() - 40, 0) : found.start()]
    if not found["own"] and not found["identity"] and _NAMED.search(said):
        return True
    before = re.search(r"[A-Za-z0-9_-]*$", said)
    behind = re.match(r"[A-Za-z0-9_-]*", found.string[found.end() : found.end() + 40])
    front, back = before[0] if before else "", behind[0] if behind else ""
    if re.search("[A-Za-z]", front) and not _CALLS.fullmatch(front):
        return True
    return bool(re.search("[A-Za-z]", back)) and not re.match(r"(?:ext?|x)\d", back, re.IGNORECASE)

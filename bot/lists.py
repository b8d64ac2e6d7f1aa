"""Lists of customers as companies have them: text or a file -> rows -> which column is what -> customers, merged.

What can't be used is named by its line and a reason; nothing is dropped in silence. Numbers, names and ways to reach
somebody are compared without what people write differently: capitals, spaces, dashes, full-width letters.
"""

import csv
import io
import re
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar
from xml.etree.ElementTree import ParseError

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from bot.incident import Customer, CustomerLanguage, Listed, Tier

MOST_BYTES = 5_000_000
MOST_ROWS = 20_000
MOST_COLUMNS = 50
UNPACKED = 60_000_000  # bytes of an XLSX file, which is a zip: more is a trap
MOST_LINES = 200_000  # of a sheet, most of them empty: in files that somebody has formatted down to the last row
LOOKED_AT = 200  # rows from which a delimiter and the columns are guessed
ERASED = "lists.wrong_erased"  # why a list fails whose customers were erased meanwhile
TITLES = 5  # lines above the headings, in files that somebody has made to be printed
KINDS = ("csv", "tsv", "txt", "xlsx")

W = TypeVar("W", bound=StrEnum)


class Meaning(StrEnum):
    """What a column says of a customer."""

    NAME = "name"
    NUMBER = "number"
    CONTACT = "contact"
    TIER = "tier"
    LANGUAGE = "language"


LONGEST = {Meaning.NAME: 150, Meaning.NUMBER: 80, Meaning.CONTACT: 200}  # as in the form of a report

# What companies write above their columns, as `plain` has it.
HEADINGS: Mapping[Meaning, Sequence[str]] = {
    Meaning.NAME: (
        *("name", "customer", "customername", "client", "clientname", "company", "companyname", "accountname"),
        *("organisation", "organization", "fullname", "whoisaffected"),
        *("姓名", "名称", "名字", "客户", "客户名", "客户名称", "客户姓名", "公司", "公司名称", "单位", "单位名称"),
        *("企业", "企业名称", "涉及客户", "用户", "用户名称", "用户姓名", "会员姓名"),
    ),
    Meaning.NUMBER: (
        *("number", "no", "no.", "id", "customernumber", "customerno", "customerno.", "customerid", "clientnumber"),
        *("clientid", "accountnumber", "accountno", "accountid", "memberid"),
        *("编号", "客户编号", "客户号", "客户号码", "客户id", "客户代码", "账号", "账户", "帐号", "会员号", "用户编号"),
        *("用户id", "户号"),
    ),
    Meaning.CONTACT: (
        *("phone", "phonenumber", "phoneno", "mobile", "mobilenumber", "mobilephone", "cell", "cellphone", "tel"),
        *("tel.", "telephone", "telephonenumber", "email", "emailaddress", "mail", "contact", "contactdetails"),
        *("contactinfo", "contactinformation", "contactnumber", "contactphone", "howtoreachthem"),
        *("电话", "电话号码", "联系电话", "手机", "手机号", "手机号码", "联系手机", "邮箱", "邮箱地址", "电子邮箱"),
        *("电子邮件", "邮件", "联系方式"),
    ),
    Meaning.TIER: (
        *("tier", "customertier", "level", "customerlevel", "vip", "class", "segment", "grade", "priority"),
        *("等级", "级别", "客户等级", "客户级别", "会员等级", "层级"),
    ),
    Meaning.LANGUAGE: (
        *("language", "customerslanguage", "customer’slanguage", "customer'slanguage", "customerlanguage", "lang"),
        *("preferredlanguage", "locale", "语言", "语种", "客户语言", "客户使用的语言"),
    ),
}
# Parts of longer headings ("Contact phone (daytime)"), tried in this order.
PARTS: Sequence[tuple[Meaning, str]] = (
    (Meaning.CONTACT, r"phone|mobile|e-?mail|\btel\b|contact (?:number|details|info)|电话|手机|邮箱|邮件|联系方式"),
    (Meaning.LANGUAGE, r"language|语言|语种"),
    (Meaning.TIER, r"\btier\b|\bvip\b|等级|级别"),
    (Meaning.NUMBER, r"\b(?:number|no|id)\b|编号|客户号|账号"),
    (Meaning.NAME, r"\bname\b|customer|client|company|姓名|名称"),
)
TIERS: Mapping[Tier, Sequence[str]] = {
    Tier.ORDINARY: ("ordinary", "normal", "standard", "regular", "no", "普通", "普通客户", "一般", "一般客户", "否"),
    Tier.VIP: ("vip", "vip客户", "yes", "贵宾", "贵宾客户", "是"),
    Tier.IMPORTANT: ("important", "key", "keyaccount", "重要", "重要客户", "重点", "重点客户", "大客户"),
}
LANGUAGES: Mapping[CustomerLanguage, Sequence[str]] = {
    CustomerLanguage.EN: ("en", "english", "engb", "enus", "英语", "英文"),
    CustomerLanguage.ZH: (
        *("zh", "chinese", "zhcn", "zhhans", "cn", "mandarin", "simplifiedchinese"),
        *("中文", "汉语", "简体中文", "普通话", "国语"),
    ),
}

_DELIMITERS = "\t;；,，"
_LEGAL_FORM = re.compile(r", ?(?=(?:inc|ltd|limited|llc|llp|plc|corp|co|gmbh|s\.?a)\b)", re.IGNORECASE)
_REACHES = re.compile(
    r"\S+@\S+\.\S+|(?:\+|0)[\d\s().\-/]{6,24}|1[3-9]\d{9}|\(?\d{2,4}\)?[\s.\-/]\d{2,4}[\s.\-/]?\d{3,8}|\d{10,11}"
)
_CODE = re.compile(r"(?=.*\d)[\w\-./#]{1,20}")
_SHORTENED = re.compile(r"\d(?:[.,]\d+)?E\+\d+", re.IGNORECASE)
_INVISIBLE = dict.fromkeys([0xFEFF, 0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x2060])
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
# What openpyxl lets out when a file is not what it says.
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    InvalidFileException,
    ParseError,
    EOFError,
    OSError,
    KeyError,
    IndexError,
    ValueError,  # also defusedxml's word for an entity
    TypeError,
    AttributeError,
    NotImplementedError,
    RuntimeError,
)


class ListState(StrEnum):
    """What has become of a list that somebody gives."""

    DRAFT = "draft"  # still being typed
    READING = "reading"  # a file that is still to be fetched
    READ = "read"  # its columns are to be confirmed
    IMPORTING = "importing"
    IMPORTED = "imported"
    FAILED = "failed"


@dataclass(frozen=True)
class CustomerList:
    """A list that somebody gives, from the form to the last row. Its content is confidential and stays in the
    database, sealed; `name` is the file's. `why` names the sentence that says why it failed, `why_values` go into it.

    `view_id` is the form that shows it; `added`, `merged` and `bad` count its rows.
    """

    id: int
    incident_id: int
    form_key: str
    by: str
    at: datetime
    state: ListState
    view_id: str = ""
    name: str = ""
    columns: "Columns | None" = None
    why: str = ""
    why_values: Mapping[str, Any] = field(default_factory=dict)
    added: int = 0
    merged: int = 0
    bad: int = 0


class Unreadable(Exception):  # noqa: N818 - it reads as what it is
    """A list can't be used. `phrase` names the sentence in the catalogue that says what to do."""

    def __init__(self, phrase: str, **values: Any) -> None:
        super().__init__(phrase)
        self.phrase = phrase
        self.values = values


@dataclass(frozen=True)
class Row:
    """A line of a list; `line` is where it begins in the file, from 1."""

    line: int
    cells: tuple[str, ...]

    def cell(self, column: int | None) -> str:
        """What stands in a column, from 0; nothing where the row is shorter, or there is no such column."""
        return self.cells[column] if column is not None and column < len(self.cells) else ""


@dataclass(frozen=True)
class Columns:
    """Which column says what; `heading`: the first row names them."""

    heading: bool
    of: Mapping[Meaning, int] = field(default_factory=dict)

    def data(self, rows: Sequence[Row]) -> Sequence[Row]:
        """The rows with customers."""
        return rows[1:] if self.heading else rows


@dataclass(frozen=True)
class Bad:
    """A row that was left out. `phrase` names the reason in the catalogue."""

    row: Row
    phrase: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Checked:
    """What a list says: customers with the row of each, and what can't be read."""

    customers: Sequence[tuple[Row, Customer]]
    bad: Sequence[Bad]


@dataclass(frozen=True)
class Merged:
    """What a list changes: who is new, who is known better now (by their number in the list of the incident), how many
    rows were about somebody who is there already, and which are about somebody who was taken off."""

    added: Sequence[Customer]
    filled: Mapping[int, Customer]
    merged: int
    off: Sequence[Bad]


def read_file(content: bytes) -> list[Row]:
    """The rows of a CSV or XLSX file, without empty ones; what it is, is seen in its first bytes.

    Raises Unreadable.
    """
    if not content.strip():
        raise Unreadable("lists.wrong_empty")
    if len(content) > MOST_BYTES:
        raise Unreadable("lists.wrong_large", n=MOST_BYTES // 1_000_000)
    if content.startswith(b"PK\x03\x04"):
        return _usable(_read_xlsx(content))
    if content.startswith(b"\xd0\xcf\x11\xe0"):  # Excel before 2007, or with a password
        raise Unreadable("lists.wrong_old_excel")
    return read_text(_decoded(content))


def read_text(text: str) -> list[Row]:
    """The rows of a text: a line for each customer, columns separated by tabs, semicolons or commas, or names alone.

    Raises Unreadable.
    """
    text = text.lstrip("\ufeff").replace("\x00", "")
    before, delimiter = 0, _delimiter(text)
    if said := re.match(r"sep=(.)\r?\n", text):  # Excel's own word for it
        before, delimiter, text = 1, said[1], text[said.end() :]
    rows = _split(text, delimiter, csv.QUOTE_MINIMAL)
    if any(cell.count("\n") > 10 for row in rows for cell in row.cells):  # a quotation mark that never ends
        rows = _split(text, delimiter, csv.QUOTE_NONE)
    return _usable([Row(row.line + before, tuple(_clean(cell) for cell in row.cells)) for row in rows])


def guess(rows: Sequence[Row]) -> Columns:
    """Which column is what: by the headings, in English or Chinese; where there are none, by what stands in them."""
    first, width = rows[0], max(len(row.cells) for row in rows[:LOOKED_AT])
    found = _by_heading(first)
    heading = bool(found) or _differs(first, rows[1:LOOKED_AT], width)
    data = rows[1:LOOKED_AT] if heading else rows[:LOOKED_AT]
    if Meaning.NAME not in found or not heading:
        found = {**_by_content(data, width, set(found.values())), **found}
    return Columns(heading, found)


def check(rows: Sequence[Row], columns: Columns) -> Checked:
    """Customers, and the rows in which something can't be read."""
    good: list[tuple[Row, Customer]] = []
    bad: list[Bad] = []
    for row in columns.data(rows):
        customer = _customer(row, columns.of)
        if isinstance(customer, Bad):
            bad.append(customer)
        else:
            good.append((row, customer))
    return Checked(good, bad)


def is_understood(rows: Sequence[Row], column: int, meaning: Meaning) -> bool:
    """Whether a column can be what somebody says it is: at least one of its cells can be read so."""
    said = [cell for row in rows if (cell := row.cell(column))]
    if meaning is Meaning.TIER:
        return not said or any(_word(cell, TIERS) for cell in said)
    if meaning is Meaning.LANGUAGE:
        return not said or any(_word(cell, LANGUAGES) for cell in said)
    return bool(said) or not rows or meaning is not Meaning.NAME


def merge(listed: Sequence[Listed], found: Iterable[tuple[Row, Customer]]) -> Merged:
    """Who in `found` is new. The same customer: by number; else by how to reach them; else by name, when nothing else
    is known of one of the two. What is known is never overwritten, gaps are filled."""
    known = _Known(listed)
    merged, off = 0, []
    for row, customer in found:
        entry = known.find(customer)
        if entry is None:
            known.add(_Entry(customer))
        elif entry.is_off:
            off.append(Bad(row, "lists.bad_taken_off"))
        else:
            merged += 1
            known.fill(entry, customer)
    return Merged(
        [entry.customer for entry in known.entries if entry.id is None],
        {entry.id: entry.customer for entry in known.entries if entry.id is not None and entry.is_filled},
        merged,
        off,
    )


def plain(words: str) -> str:
    """Words without what people write differently: for comparing, and for finding."""
    return re.sub(r"[\s\-‐-―_]+", "", unicodedata.normalize("NFKC", words).casefold())


def as_csv(rows: Iterable[Sequence[str]]) -> bytes:
    """A CSV file that Excel opens in any language. No cell of it is a formula, whatever people have typed."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([[f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in row] for row in rows])
    return text.getvalue().encode("utf-8-sig")


# -- reading -----------------------------------------------------------------------------------------------------------


def _decoded(content: bytes) -> str:
    """The text of a file, whatever program has written it."""
    beginning = content[:2000]
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    elif beginning.count(0) > len(beginning) / 5:  # UTF-16 without a mark: every other byte is zero
        encodings = ["utf-16-be" if beginning[::2].count(0) > beginning[1::2].count(0) else "utf-16-le"]
    else:
        encodings = ["utf-8-sig", "gb18030"]
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        strange = sum(1 for letter in text[:2000] if unicodedata.category(letter) == "Cc" and letter not in "\t\r\n")
        if strange > len(text[:2000]) / 100:
            break
        return text
    raise Unreadable("lists.wrong_encoding")


def _delimiter(text: str) -> str:
    """What separates the columns: what at least every other line has. A tab, which no line has, when nothing does."""
    beginning = _LEGAL_FORM.sub(" ", "\n".join(text.splitlines()[:LOOKED_AT]))
    shares: dict[str, float] = {}
    for delimiter in _DELIMITERS:
        widths = [len(row.cells) for row in _split(beginning, delimiter, csv.QUOTE_MINIMAL) if any(row.cells)]
        shares[delimiter] = sum(1 for width in widths if width > 1) / max(len(widths), 1)
    best = max(_DELIMITERS, key=lambda delimiter: shares[delimiter])
    return best if shares[best] >= 0.5 else "\t"


def _split(text: str, delimiter: str, quoting: Any) -> list[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting)
    rows, line = [], 1
    try:
        for cells in reader:
            rows.append(Row(line, tuple(cells[:MOST_COLUMNS])))
            line = reader.line_num + 1
    except csv.Error:
        raise Unreadable("lists.wrong_broken") from None
    return rows


def _read_xlsx(content: bytes) -> list[Row]:
    """The first sheet that has anything in it."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(part.file_size for part in archive.infolist()) > UNPACKED:
                raise Unreadable("lists.wrong_large", n=MOST_BYTES // 1_000_000)
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
        for sheet in book.worksheets:
            sheet.reset_dimensions()  # some programs write wrong ones
            rows: list[Row] = []
            for line, cells in enumerate(sheet.iter_rows(values_only=True, max_col=MOST_COLUMNS), start=1):
                if any(cell is not None for cell in cells):
                    rows.append(Row(line, tuple(_clean(_written(cell)) for cell in cells)))
                if len(rows) > MOST_ROWS + TITLES + 1 or line > MOST_LINES:
                    raise Unreadable("lists.wrong_long", n=MOST_ROWS)
            if rows:
                return rows
    except _BROKEN:
        raise Unreadable("lists.wrong_broken") from None
    raise Unreadable("lists.wrong_empty")


def _written(value: object) -> str:
    """A cell as one reads it: numbers without exponent and without a needless point."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else format(Decimal(repr(value)), "f")
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value)


def _clean(cell: str) -> str:
    """Without what one does not see; and without the mark that keeps a cell from being a formula (`as_csv`)."""
    cell = " ".join(cell.translate(_INVISIBLE).split())
    return cell[1:] if cell[:1] == "'" and cell[1:2] in _FORMULA else cell


def _usable(rows: Iterable[Row]) -> list[Row]:
    found = [_shortened(row) for row in rows if re.search(r"\w", "".join(row.cells))]
    for number, row in enumerate(found[1 : TITLES + 1], start=1):
        # Lines above the headings: what the list is, and of which day.
        if len(_by_heading(row)) > 1 and all(sum(map(bool, each.cells)) < 2 for each in found[:number]):
            found = found[number:]
            break
    if not found:
        raise Unreadable("lists.wrong_empty")
    if len(found) > MOST_ROWS + 1:
        raise Unreadable("lists.wrong_long", n=MOST_ROWS)
    return found


def _shortened(row: Row) -> Row:
    """Without the empty cells at its end."""
    width = max(number for number, cell in enumerate(row.cells, start=1) if cell)
    return replace(row, cells=row.cells[:width])


# -- columns -----------------------------------------------------------------------------------------------------------


def _by_heading(row: Row) -> dict[Meaning, int]:
    """The columns that a row names; nothing unless one of its cells is a heading as it stands."""
    exact: dict[Meaning, int] = {}
    for column, cell in enumerate(row.cells):
        meaning = next((meaning for meaning, words in HEADINGS.items() if _as_heading(cell) in words), None)
        if meaning is not None:
            exact.setdefault(meaning, column)
    found = dict(exact) if exact else {}
    for meaning, pattern in PARTS if exact else ():
        for column, cell in enumerate(row.cells):
            if meaning not in found and column not in found.values() and re.search(pattern, cell, re.IGNORECASE):
                found[meaning] = column
    return found


def _as_heading(cell: str) -> str:
    return re.sub(r"[*:：]+$|[(（].*[)）]$", "", plain(cell))


def _differs(first: Row, others: Sequence[Row], width: int) -> bool:
    """Whether the first row must be a heading in some language: words above a column of numbers."""
    for column in range(width):
        cells = [cell for row in others if (cell := row.cell(column))]
        said = first.cell(column)
        if len(cells) > 1 and said and not any(letter.isdigit() or letter == "@" for letter in said):
            numbers = sum(1 for cell in cells if _REACHES.fullmatch(cell) or _CODE.fullmatch(cell))
            if numbers > len(cells) * 0.8:
                return True
    return False


def _by_content(rows: Sequence[Row], width: int, taken: set[int]) -> dict[Meaning, int]:
    found: dict[Meaning, int] = {}
    tests: Sequence[tuple[Meaning, Any]] = (
        (Meaning.CONTACT, _REACHES.fullmatch),
        (Meaning.LANGUAGE, lambda cell: _word(cell, LANGUAGES)),
        (Meaning.TIER, lambda cell: _word(cell, TIERS)),
        (Meaning.NUMBER, _CODE.fullmatch),
    )
    for meaning, test in tests:
        shares = {
            column: sum(1 for cell in cells if test(cell)) / len(cells)
            for column in range(width)
            if column not in taken and column not in found.values()
            if (cells := [cell for row in rows if (cell := row.cell(column))])
        }
        best = max(shares, key=lambda column: shares[column], default=None)
        if best is not None and shares[best] > 0.6:
            found[meaning] = best
    left = [column for column in range(width) if column not in taken and column not in found.values()]
    if left:
        different = {column: len({row.cell(column) for row in rows}) for column in left}
        found[Meaning.NAME] = max(left, key=lambda column: (different[column] > len(rows) / 2, -column))
    elif found:  # numbers alone are names too
        column = min(found.values())
        found = {meaning: each for meaning, each in found.items() if each != column} | {Meaning.NAME: column}
    return found


# -- rows --------------------------------------------------------------------------------------------------------------


def _customer(row: Row, of: Mapping[Meaning, int]) -> Customer | Bad:
    said = {meaning: row.cell(of.get(meaning)) for meaning in Meaning}
    if not said[Meaning.NAME]:
        return Bad(row, "lists.bad_no_name")
    for meaning, most in LONGEST.items():
        if len(said[meaning]) > most:
            return Bad(row, "lists.bad_long", {"column": meaning, "n": most})
        if meaning is not Meaning.NAME and _SHORTENED.fullmatch(said[meaning]):
            return Bad(row, "lists.bad_shortened", {"cell": said[meaning]})
    tier, language = _word(said[Meaning.TIER], TIERS), _word(said[Meaning.LANGUAGE], LANGUAGES)
    if said[Meaning.TIER] and tier is None:
        return Bad(row, "lists.bad_tier", {"cell": said[Meaning.TIER][:40]})
    if said[Meaning.LANGUAGE] and language is None:
        return Bad(row, "lists.bad_language", {"cell": said[Meaning.LANGUAGE][:40]})
    return Customer(said[Meaning.NAME], said[Meaning.NUMBER], said[Meaning.CONTACT], tier, language)


def _word(cell: str, known: Mapping[W, Sequence[str]]) -> W | None:
    said = plain(cell)
    return next((word for word, ways in known.items() if said in ways), None)


# -- who is the same ---------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class _Entry:
    customer: Customer
    id: int | None = None
    is_off: bool = False
    is_filled: bool = False

    @property
    def is_bare(self) -> bool:
        return not (self.customer.number or self.customer.contact)


class _Known:
    """The customers so far, found by what they have."""

    def __init__(self, listed: Sequence[Listed]) -> None:
        self.entries: list[_Entry] = []
        self._by_number: dict[str, _Entry] = {}
        self._by_reach: dict[str, _Entry] = {}
        self._by_reach_alone: dict[str, _Entry] = {}  # who has no number
        self._by_name: dict[str, _Entry] = {}
        self._by_name_alone: dict[str, _Entry] = {}  # of whom nothing else is known
        # Who is on the list stands before who was taken off: somebody may have been added anew.
        for each in sorted(listed, key=lambda each: each.removed_at is not None):
            if each.customer.name:  # else they were erased
                self.add(_Entry(each.customer, each.id, each.removed_at is not None))

    def add(self, entry: _Entry) -> None:
        self.entries.append(entry)
        name = plain(entry.customer.name)
        self._by_name.setdefault(name, entry)
        if entry.is_bare:
            self._by_name_alone.setdefault(name, entry)
        self._index(entry)

    def find(self, customer: Customer) -> _Entry | None:
        number, reach, name = plain(customer.number), _reach(customer.contact), plain(customer.name)
        if number and (entry := self._by_number.get(number)):
            return entry
        if number:  # two numbers are two customers
            entry = self._by_reach_alone.get(reach)
            if entry and not entry.customer.number:
                return entry
        elif reach and (entry := self._by_reach.get(reach)):
            return entry
        if not (number or reach):
            return self._by_name.get(name)
        entry = self._by_name_alone.get(name)
        return entry if entry and entry.is_bare else None

    def fill(self, entry: _Entry, more: Customer) -> None:
        was = entry.customer
        entry.customer = replace(
            was,
            number=was.number or more.number,
            contact=was.contact or more.contact,
            tier=was.tier or more.tier,
            language=was.language or more.language,
        )
        if entry.customer != was:
            entry.is_filled = True
            self._index(entry)

    def _index(self, entry: _Entry) -> None:
        if number := plain(entry.customer.number):
            self._by_number.setdefault(number, entry)
        if reach := _reach(entry.customer.contact):
            self._by_reach.setdefault(reach, entry)
            if not number:
                self._by_reach_alone.setdefault(reach, entry)


def _reach(contact: str) -> str:
    """A way to reach somebody, for comparing: of a number to call the digits, without China's prefix."""
    said = plain(contact)
    if not re.fullmatch(r"[+\d()./]+", said):
        return said
    return re.sub(r"^(?:00)?86(?=1[3-9]\d{9}$)", "", re.sub(r"\D", "", said))

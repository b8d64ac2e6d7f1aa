"""Lists of customers as companies have them: read, their columns guessed, their rows checked, merged; and given through
the form: one, pasted, or as a file; by several people, twice, and with the bot killed in the middle."""

import base64
import csv
import io
import threading
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any

import openpyxl
import pytest

from bot import lists
from bot.incident import Customer, CustomerLanguage, Duty, Incident, Listed, Outcome, Tier
from bot.lists import Columns, ListState, Meaning, Row, Unreadable
from handlers import channel
from handlers import lists as step
from storage import customers, deadlines, erasure, incidents, journal, outbox, tables
from storage import lists as given
from storage.outbox import Saying
from tests.workspace import ADA, GUEST, LIN, MEI, WANG, Said, Workspace

NAME, NUMBER, CONTACT, TIER, LANGUAGE = Meaning


def cells(rows: list[Row]) -> list[tuple[str, ...]]:
    return [row.cells for row in rows]


def xlsx(*rows: list[Any], before: int = 0) -> bytes:
    book = openpyxl.Workbook()
    for _ in range(before):
        book.create_sheet(index=0)
    sheet = book.worksheets[before]
    for row in rows:
        sheet.append(row)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


# -- reading -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Acme Ltd\nBeta GmbH", [("Acme Ltd",), ("Beta GmbH",)]),
        ("Acme, Inc.\nBeta, Ltd.\nGamma", [("Acme, Inc.",), ("Beta, Ltd.",), ("Gamma",)]),
        ("Acme\t1\nBeta\t2", [("Acme", "1"), ("Beta", "2")]),
        ("Acme;1\r\nBeta;2\r\n", [("Acme", "1"), ("Beta", "2")]),
        ("Acme,1\rBeta,2", [("Acme", "1"), ("Beta", "2")]),
        ("王小明，13800001111\n李四，13900002222", [("王小明", "13800001111"), ("李四", "13900002222")]),
        ("王小明；1\n李四；2", [("王小明", "1"), ("李四", "2")]),
        ("Acme, 1\nBeta\nGamma, 3", [("Acme", "1"), ("Beta",), ("Gamma", "3")]),
        ('"Acme, Inc.",1\n"Be ""ta""",2', [("Acme, Inc.", "1"), ('Be "ta"', "2")]),
        ('name,note\nAcme,"two\nlines"\nBeta,', [("name", "note"), ("Acme", "two lines"), ("Beta",)]),
        ("sep=|\nAcme|1\nBeta|2", [("Acme", "1"), ("Beta", "2")]),
        ("\ufeff Acme \u200b  Ltd ,1\n ,\n\nBeta,2", [("Acme Ltd", "1"), ("Beta", "2")]),
        ("'+49 30 1,Acme\n'=x,Beta\nO'Neill,Gamma", [("+49 30 1", "Acme"), ("=x", "Beta"), ("O'Neill", "Gamma")]),
        (
            "Affected customers\n22 Nov\n\nName,Phone\nAcme,1",
            [("Name", "Phone"), ("Acme", "1")],
        ),
    ],
)
def test_a_text_is_read_however_its_columns_are_separated(text: str, expected: list[tuple[str, ...]]) -> None:
    assert cells(lists.read_text(text)) == expected


def test_a_row_is_known_by_the_line_in_which_it_begins() -> None:
    rows = lists.read_text('name,note\n\nAcme,"two\nlines"\n\nBeta,x')
    assert [(row.line, row.cells[0]) for row in rows] == [(1, "name"), (3, "Acme"), (6, "Beta")]
    assert [row.line for row in lists.read_file(xlsx(["name"], [None], ["Acme"]))] == [1, 3]


def test_a_quotation_mark_that_never_ends_does_not_swallow_the_list() -> None:
    rows = lists.read_text("\n".join(["name;number", '"Best Ltd;1', *(f"Customer {n};{n}" for n in range(40))]))
    assert len(rows) == 42
    assert rows[1].cells == ('"Best Ltd', "1")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "gb18030"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_file_is_read_whatever_program_has_written_it(encoding: str, delimiter: str) -> None:
    said = [["客户名称", "手机号"], ["王小明", "13800001111"], ["Acme, Ltd; x", "+49 30 1"]]
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(said)
    assert cells(lists.read_file(text.getvalue().encode(encoding))) == [tuple(row) for row in said]


def test_an_excel_file_is_read_as_people_see_it() -> None:
    content = xlsx(
        ["Name", "Phone", "Number", "Share", "VIP"],
        ["Acme", 13800001111, 1000001.0, 0.00001, True],
        ["Beta", 1.38e10, "000123", 1234.5, False],
    )
    assert cells(lists.read_file(content))[1:] == [
        ("Acme", "13800001111", "1000001", "0.00001", "yes"),
        ("Beta", "13800000000", "000123", "1234.5", "no"),
    ]
    assert cells(lists.read_file(xlsx(["Acme"], before=2))) == [("Acme",)], "the first sheet that has anything in it"


@pytest.mark.parametrize(
    ("content", "phrase"),
    [
        (b"", "lists.wrong_empty"),
        (b" \r\n\r\n", "lists.wrong_empty"),
        (b",,\n,,", "lists.wrong_empty"),
        (xlsx(), "lists.wrong_empty"),
        (b"x" * 5_000_001, "lists.wrong_large"),
        (b"a\n" * 20_002, "lists.wrong_long"),
        (b"PK\x03\x04 this is no Excel file", "lists.wrong_broken"),
        (xlsx(["Acme"])[:-300], "lists.wrong_broken"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 old", "lists.wrong_old_excel"),
        (bytes(range(256)) * 20, "lists.wrong_encoding"),
        ("Müller;1\nCafé;2".encode("latin-1"), "lists.wrong_encoding"),
        (b"a" * 200_000, "lists.wrong_broken"),
    ],
)
def test_what_cannot_be_read_says_what_to_do(content: bytes, phrase: str) -> None:
    with pytest.raises(Unreadable) as why:
        lists.read_file(content)
    assert why.value.phrase == phrase


def test_an_excel_file_that_blows_up_is_refused() -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/sharedStrings.xml", b"0" * 101_000_000)
    with pytest.raises(Unreadable) as why:
        lists.read_file(content.getvalue())
    assert why.value.phrase == "lists.wrong_large"


# -- columns -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "heading", "expected"),
    [
        ("name,number,phone,tier,language\nA,1,2,VIP,en", True, {NAME: 0, NUMBER: 1, CONTACT: 2, TIER: 3, LANGUAGE: 4}),
        (
            "客户名称,客户编号,手机号,等级,语言\nA,1,2,VIP,中文",
            True,
            {NAME: 0, NUMBER: 1, CONTACT: 2, TIER: 3, LANGUAGE: 4},
        ),
        ("Customer ID,Company Name,E-Mail\n1,A,a@b.c", True, {NUMBER: 0, NAME: 1, CONTACT: 2}),
        ("*公司：,联系方式（必填）\nA,1", True, {NAME: 0, CONTACT: 1}),
        ("Customer,Contact phone (daytime),Note\nA,1,x", True, {NAME: 0, CONTACT: 1}),
        ("Customer\nAcme", True, {NAME: 0}),
        ("Acme\nBeta", False, {NAME: 0}),
        ("Acme,+44 20 7946 0018\nBeta,030 123456", False, {NAME: 0, CONTACT: 1}),
        ("C-1,王小明,13800001111,普通\nC-2,李四,13800001112,VIP", False, {NUMBER: 0, NAME: 1, CONTACT: 2, TIER: 3}),
        ("1000001,Acme,a@b.cd,en\n1000002,Beta,b@b.cd,zh", False, {NUMBER: 0, NAME: 1, CONTACT: 2, LANGUAGE: 3}),
        ("Kunde;Telefon\nA;030 1234567\nB;030 1234568\nC;030 1234569", True, {NAME: 0, CONTACT: 1}),
        ("Line,Reason,Name,Customer number\n3,x,A,1", True, {NAME: 2, NUMBER: 3}),
        ("行号,原因,客户名称,客户编号\n3,x,A,1", True, {NAME: 2, NUMBER: 3}),
        ("4711\n4712", False, {NAME: 0}),
    ],
)
def test_columns_are_guessed_by_heading_or_by_what_stands_in_them(
    text: str, heading: bool, expected: dict[Meaning, int]
) -> None:
    assert lists.guess(lists.read_text(text)) == Columns(heading, expected)


# -- rows --------------------------------------------------------------------------------------------------------------

FIVE = Columns(False, {NAME: 0, NUMBER: 1, CONTACT: 2, TIER: 3, LANGUAGE: 4})


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (("Acme",), Customer("Acme")),
        (("Acme", "1", "2", "vip", "EN"), Customer("Acme", "1", "2", Tier.VIP, CustomerLanguage.EN)),
        (("Acme", "", "", "重要客户", "简体中文"), Customer("Acme", tier=Tier.IMPORTANT, language=CustomerLanguage.ZH)),
        (("Acme", "", "", "Key account", "zh-CN"), Customer("Acme", tier=Tier.IMPORTANT, language=CustomerLanguage.ZH)),
        (("", "1"), "lists.bad_no_name"),
        (("x" * 151,), "lists.bad_long"),
        (("Acme", "x" * 81), "lists.bad_long"),
        (("Acme", "", "x" * 201), "lists.bad_long"),
        (("Acme", "1.38E+10"), "lists.bad_shortened"),
        (("Acme", "", "1,38e+10"), "lists.bad_shortened"),
        (("Acme", "", "", "gold"), "lists.bad_tier"),
        (("Acme", "", "", "", "Klingon"), "lists.bad_language"),
    ],
)
def test_a_row_is_a_customer_or_is_named_with_a_reason(row: tuple[str, ...], expected: object) -> None:
    checked = lists.check([Row(7, row)], FIVE)
    if isinstance(expected, Customer):
        assert checked.customers == [(Row(7, row), expected)]
        assert checked.bad == []
    else:
        assert [(bad.row.line, bad.phrase) for bad in checked.bad] == [(7, expected)]


# -- who is the same ---------------------------------------------------------------------------------------------------


def listed(number: int, customer: Customer, removed: bool = False) -> Listed:
    at = datetime(2026, 11, 22, tzinfo=UTC) if removed else None
    return Listed(number, 1, customer, removed_at=at)


def merged(known: list[Customer], new: list[Customer]) -> lists.Merged:
    on_list = [listed(number, customer) for number, customer in enumerate(known, start=1)]
    return lists.merge(on_list, [(Row(line, ()), customer) for line, customer in enumerate(new, start=1)])


@pytest.mark.parametrize(
    ("known", "new", "is_same"),
    [
        (Customer("Acme", "C-1"), Customer("Other", "c 1"), True),
        (Customer("Acme", "C-1", "030 1"), Customer("Acme", "C-2", "030 1"), False),
        (Customer("Acme", "C-1", "030 1"), Customer("Akme", "", "(030) 1"), True),
        (Customer("Acme", "", "+86 138-0000-1111"), Customer("Akme", "", "13800001111"), True),
        (Customer("Acme", "", "A@b.c"), Customer("Akme", "", "a@B.c "), True),
        (Customer("Acme", "", "030 1"), Customer("Acme", "", "030 2"), False),
        (Customer("Acme Ltd"), Customer("ACME-LTD", "C-1"), True),
        (Customer("Acme", "C-1"), Customer("acme"), True),
        (Customer("ＡＣＭＥ"), Customer("acme", "", "030 1"), True),
        (Customer("Acme", "C-1"), Customer("Acme", "", "030 1"), False),
        (Customer("Acme"), Customer("Beta"), False),
        (Customer("王小明", "", "13800001111"), Customer("王小明", "", "13800001112"), False),
    ],
)
def test_the_same_customer_is_known_by_number_else_by_contact_else_by_name(
    known: Customer, new: Customer, is_same: bool
) -> None:
    for outcome in (merged([known], [new]), merged([], [known, new])):
        assert (outcome.merged == 1) is is_same
    assert len(merged([known], [new]).added) == (0 if is_same else 1)


def test_merging_fills_gaps_and_overwrites_nothing() -> None:
    known = Customer("Acme Ltd", "C-1", tier=Tier.ORDINARY)
    new = Customer("ACME", "C-1", "030 1", Tier.VIP, CustomerLanguage.EN)
    assert merged([known], [new]).filled == {
        1: Customer("Acme Ltd", "C-1", "030 1", Tier.ORDINARY, CustomerLanguage.EN)
    }
    assert merged([], [known, new]).added == [Customer("Acme Ltd", "C-1", "030 1", Tier.ORDINARY, CustomerLanguage.EN)]
    assert merged([known], [Customer("Acme", "C-1")]).filled == {}


def test_what_was_filled_in_is_known_to_the_rows_that_follow() -> None:
    rows = [Customer("Acme", "C-1", "030 1"), Customer("Other", "", "030 1"), Customer("Acme", "C-2")]
    outcome = merged([Customer("Acme")], rows)
    assert (outcome.merged, outcome.added) == (2, [Customer("Acme", "C-2")])


def test_who_was_taken_off_is_not_put_back_by_a_list() -> None:
    known = [listed(1, Customer("Acme", "C-1"), removed=True), listed(2, Customer("Beta", "C-2"))]
    outcome = lists.merge(known, [(Row(3, ()), Customer("Acme", "C-1")), (Row(4, ()), Customer("Beta", "C-2"))])
    assert [(bad.row.line, bad.phrase) for bad in outcome.off] == [(3, "lists.bad_taken_off")]
    assert (outcome.merged, outcome.added, outcome.filled) == (1, [], {})


def test_nothing_in_a_file_of_ours_is_a_formula_and_it_is_read_back_as_it_was() -> None:
    rows = [("Name", "Phone"), ("=1+1", "+49 30 1"), ("@x", "-1"), ("王小明", 'a,b"c')]
    content = lists.as_csv(rows)
    assert content.startswith(b"\xef\xbb\xbf")
    assert [line.split(",")[0] for line in content.decode("utf-8-sig").splitlines()] == [
        "Name",
        "'=1+1",
        "'@x",
        "王小明",
    ]
    assert cells(lists.read_file(content)) == rows


# -- through the form --------------------------------------------------------------------------------------------------

HEAD = "name;number;phone;tier"


def texts(view: Any) -> list[str]:
    return [str(block["text"]["text"]) for block in view["blocks"] if block["type"] == "section"]


def fields(view: Any) -> list[str]:
    return [str(block["block_id"]) for block in view["blocks"] if block["type"] == "input"]


def buttons(view: Any) -> list[str]:
    return [
        str(element["action_id"])
        for block in view["blocks"]
        if block["type"] == "actions"
        for element in block["elements"]
    ]


def initial(view: Any) -> dict[str, str]:
    """What the form has chosen or filled in."""
    found = {}
    for block in view["blocks"]:
        element = block.get("element") or {}
        said = element.get("initial_value") or (element.get("initial_option") or {}).get("value")
        if said:
            found[str(block["block_id"])] = str(said)
    return found


def in_list(workspace: Workspace, incident: Incident) -> list[Customer]:
    with workspace.bot.db.read() as tx:
        return [each.customer for each in customers.all_of(tx, incident.id)]


def entries(workspace: Workspace, incident: Incident, what: str) -> list[Any]:
    with workspace.bot.db.read() as tx:
        assert journal.is_whole(tx, incident.id)
        return [each for each in journal.of_incident(tx, incident.id) if each.what == what]


def open_form(workspace: Workspace, user: str, incident: Incident, way: str = "paste") -> Any:
    """From the card to the list to the form."""
    workspace.choose(user, incident, "ledger.open")
    view = workspace.view_action(user, "lists.open")["view"]
    if way != "paste":
        view = workspace.view_action(user, "lists.choose", option=way)["view"]
    return view


def paste(workspace: Workspace, user: str, incident: Incident, text: str) -> Any:
    open_form(workspace, user, incident)
    return workspace.submit(user, paste=text)["view"]


def file_of(workspace: Workspace, user: str, name: str, content: bytes) -> str:
    encoded = base64.b64encode(content).decode()
    return str(workspace.sandbox.post("/act/upload", user=user, name=name, content_base64=encoded)["file"]["id"])


def upload(workspace: Workspace, user: str, incident: Incident, name: str, content: bytes) -> Any:
    open_form(workspace, user, incident, "upload")
    return workspace.submit(user, file=[file_of(workspace, user, name, content)])


def add(workspace: Workspace, user: str, **values: Any) -> Any:
    """The columns are confirmed, and everything it sets off is carried."""
    answer = workspace.submit(user, **values)
    workspace.settle()
    return answer


def direct(workspace: Workspace, user: str) -> Said:
    return workspace.said(user)[-1]


def files(workspace: Workspace, user: str) -> list[bytes]:
    key = {"authorization": "Bearer xoxb-sandbox"}
    found = [file for said in workspace.said(user) for file in said.raw.get("files", ())]
    return [workspace.sandbox.http.get(file["url_private"], headers=key).content for file in found]


def remembered(workspace: Workspace) -> list[Any]:
    with workspace.bot.db.read() as tx:
        return list(tx.execute(tables.lists.select()))


def big(count: int) -> bytes:
    table = ["Name,Customer number,Phone", *(f"Customer {n},C-{n:05},030 {n:07}" for n in range(count))]
    return "\r\n".join(table).encode("utf-8-sig")


def test_a_file_from_its_upload_to_the_rows_that_were_left_out(workspace: Workspace) -> None:
    incident = workspace.report(ADA, customers_affected="2")
    content = xlsx(
        ["Customer", "Customer no.", "Mobile", "Level", "Remark"],
        ["ACME LTD", 1001, 13800001111, "VIP", "x"],
        ["Beta", 1002, 13800001112, "normal", ""],
        ["Gamma", 1003, "13800001113", "gold", ""],
        [None, 1004, "13800001114", None, None],
        ["Beta again", 1002, None, None, None],
    )
    upload(workspace, ADA, incident, "Affected customers.xlsx", content)
    workspace.settle()
    view = workspace.view(ADA)
    assert (view["title"]["text"], view["submit"]["text"]) == ("Check the columns", "Add")
    assert fields(view) == [*(f"column_{meaning}" for meaning in Meaning), "heading"]
    assert [initial(view)[f"column_{meaning}"] for meaning in Meaning] == ["0", "1", "2", "3", "none"]
    assert initial(view)["heading"] == "yes"
    assert texts(view)[0].splitlines()[:2] == ["*5 rows*, beginning with:", "> ACME LTD · 1001 · 13800001111 · VIP · x"]
    assert len(texts(view)[0].splitlines()) == 4, "three of them"
    assert "1001" not in view["private_metadata"]

    shown = add(workspace, ADA)["view"]
    assert texts(shown)[:2] == [
        "*1 added*, 2 merged with customers in the list already, 2 left out.",
        "• Line 4: “gold” is not a tier; write one of these: Ordinary, VIP, Important\n• Line 5: the name is missing",
    ]
    assert in_list(workspace, incident) == [
        Customer("Acme Ltd", "1001", "13800001111", Tier.VIP),
        Customer("Beta", "1002", "13800001112", Tier.ORDINARY),
    ]
    workspace.view_action(ADA, "lists.get_bad")
    workspace.settle()
    assert "The file is on its way" in texts(workspace.view(ADA))[2]
    [left_out] = files(workspace, ADA)
    assert list(csv.reader(io.StringIO(left_out.decode("utf-8-sig")))) == [
        ["Line", "Reason", "Customer", "Customer no.", "Mobile", "Level", "Remark"],
        [
            "4",
            "“gold” is not a tier; write one of these: Ordinary, VIP, Important",
            "Gamma",
            "1003",
            "13800001113",
            "gold",
        ],
        ["5", "the name is missing", "", "1004", "13800001114"],
    ]
    corrected = left_out.decode("utf-8-sig").replace("gold\r", "vip\r").replace(",,1004", ",Delta,1004").encode()
    workspace.view_action(ADA, "lists.again")
    workspace.view_action(ADA, "lists.choose", option="upload")
    workspace.submit(ADA, file=[file_of(workspace, ADA, "left-out.csv", corrected)])
    workspace.settle()
    assert initial(workspace.view(ADA))["column_name"] == "2"
    shown = add(workspace, ADA)["view"]
    assert texts(shown) == ["*2 added*."]

    workspace.sandbox.post("/act/close", user=ADA)
    below = workspace.view(ADA)
    assert below["callback_id"] == "ledger.submit"
    assert "Delta" in str(below["blocks"]), "the list below was drawn anew"
    assert workspace.incident(incident.id).customers_affected == 4, "nobody of the list is left out of the count"
    assert [each.detail["added"] for each in entries(workspace, incident, "customers_added")] == [1, 2]
    looks = [each.detail["form"] for each in entries(workspace, incident, "customer_seen")]
    assert looks.count("columns") == 2
    assert looks.count("left_out") == 1
    assert all(row.content == "" for row in remembered(workspace)), "erased when it is imported"


def test_a_list_is_pasted(office: Workspace) -> None:
    incident = office.report(ADA)
    form = open_form(office, ADA, incident)
    assert (form["title"]["text"], form["submit"]["text"]) == ("Add to INC-1", "Read the list")
    assert fields(form) == ["way", "paste"]
    view = office.submit(ADA, paste="Beta GmbH; C-2; +49 30 1234567\nGamma; C-3; +49 30 1234568")["view"]
    assert initial(view)["column_contact"] == "2"
    shown = add(office, ADA)["view"]
    assert texts(shown) == ["*2 added*."]
    assert in_list(office, incident)[1:] == [
        Customer("Beta GmbH", "C-2", "+49 30 1234567"),
        Customer("Gamma", "C-3", "+49 30 1234568"),
    ]


def test_of_names_alone_only_the_heading_is_asked(office: Workspace) -> None:
    incident = office.report(ADA)
    view = paste(office, ADA, incident, "Beta\nGamma\nbeta\nAcme ltd")
    assert fields(view) == ["column_name", "heading"]
    assert texts(add(office, ADA)["view"]) == ["*2 added*, 2 merged with customers in the list already."]
    assert [each.name for each in in_list(office, incident)] == ["Acme Ltd", "Beta", "Gamma"]


def test_one_customer_is_entered_and_merged_when_they_are_there(office: Workspace) -> None:
    incident = office.report(ADA)
    form = open_form(office, ADA, incident, "one")
    assert fields(form) == ["way", "name", "number", "contact", "tier", "language"]
    assert form["submit"]["text"] == "Add"
    wrong = office.submit_unchecked(ADA, name=" ", contact="x" * 201)
    assert wrong["response"]["errors"] == {
        "name": "Enter at least a name.",
        "contact": "Shorten this to 200 characters.",
    }
    shown = office.submit(ADA, name="Beta", number="C-2", contact="030 1", tier="vip", language="zh")["view"]
    assert texts(shown) == ["*1 added*."]
    office.view_action(ADA, "lists.again")
    office.view_action(ADA, "lists.choose", option="one")
    shown = office.submit(ADA, name="acme ltd", number="C-1", contact="")["view"]
    assert texts(shown) == ["*0 added*, 1 merged with a customer in the list already."]
    assert in_list(office, incident) == [
        Customer("Acme Ltd", "C-1"),
        Customer("Beta", "C-2", "030 1", Tier.VIP, CustomerLanguage.ZH),
    ]
    with office.bot.db.begin() as tx:
        customers.remove(tx, customers.all_of(tx, incident.id)[1].id, LIN, "Not affected", office.clock())
    office.view_action(ADA, "lists.again")
    office.view_action(ADA, "lists.choose", option="one")
    answer = office.submit(ADA, name="Beta", number="C-2")
    assert answer["response"]["errors"]["name"].startswith("This customer was taken off the list.")
    assert len(in_list(office, incident)) == 2


def test_what_was_typed_is_there_again_after_another_way_was_looked_at(office: Workspace) -> None:
    incident = office.report(ADA)
    open_form(office, ADA, incident)
    office.view_action(ADA, "lists.choose", option="one", values={"paste": "Beta;1\nGamma;2"})
    office.view_action(ADA, "lists.choose", option="upload", values={"name": "Delta", "tier": "vip"})
    view = office.view_action(ADA, "lists.choose", option="paste")["view"]
    assert initial(view)["paste"] == "Beta;1\nGamma;2"
    office.view_action(ADA, "lists.choose", option="one", values={"paste": ""})
    assert "paste" not in initial(office.view_action(ADA, "lists.choose", option="paste")["view"]), "taken out again"
    view = office.view_action(ADA, "lists.choose", option="one")["view"]
    assert (initial(view)["name"], initial(view)["tier"]) == ("Delta", "vip")
    assert "Delta" not in str([list(row) for row in remembered(office)]), "sealed"
    office.submit(ADA)
    [row] = remembered(office)
    assert (row.state, row.content) == ("imported", "")


def test_columns_that_make_no_sense_are_named_beside_the_field(office: Workspace) -> None:
    incident = office.report(ADA)
    paste(office, ADA, incident, "name;note;phone\nBeta;gold;030 1\nGamma;;030 2")
    answer = office.submit(ADA, column_contact="0", column_tier="1", column_language="2")
    assert answer["response"]["errors"] == {
        "column_contact": "This column is chosen above already. Choose another one, or “not in the list”.",
        "column_tier": "No tier can be read in this column. Choose another one, or “not in the list”.",
        "column_language": "No language can be read in this column (English, Chinese). Choose another one, or “not in "
        "the list”.",
    }
    office.submit(ADA, column_contact="2", column_tier="none", column_language="none", heading="no")
    assert [each.name for each in in_list(office, incident)] == ["Acme Ltd", "name", "Beta", "Gamma"], "as they say"
    office.view_action(ADA, "lists.again")
    office.submit(ADA, paste="Delta")
    answer = office.submit(ADA, heading="yes")
    assert answer["response"]["errors"] == {"heading": "The list has only one row. Choose “No” if it is a customer."}


@pytest.mark.parametrize(
    ("name", "content", "beside"),
    [
        ("list.pdf", b"%PDF", "Choose a CSV or XLSX file. Other files: open them and save them as CSV or XLSX."),
        ("list.csv", b"x" * 5_000_001, "This file is too large. Split it into files of at most 5 MB."),
    ],
)
def test_what_is_seen_at_once_is_said_beside_the_field(
    office: Workspace, name: str, content: bytes, beside: str
) -> None:
    incident = office.report(ADA)
    open_form(office, ADA, incident, "upload")
    answer = office.submit_unchecked(ADA, file=[file_of(office, ADA, name, content)])
    assert answer["response"]["errors"] == {"file": beside}
    assert office.submit_unchecked(ADA, file=[])["response"]["errors"] == {"file": "Add a file."}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b" \n", "There are no customers in this."),
        (b"PK\x03\x04 broken", "This file is damaged or not what its name says."),
        (b"a\n" * 20_002, "This list is too long. Split it into files of at most 20,000 rows."),
    ],
)
def test_a_file_that_cannot_be_read_says_what_to_do_where_one_chooses_another(
    office: Workspace, content: bytes, sentence: str
) -> None:
    incident = office.report(ADA)
    upload(office, ADA, incident, "list.xlsx", content)
    office.settle()
    view = office.view(ADA)
    assert fields(view) == ["way", "file"]
    assert texts(view)[0].startswith(f"⚠️ {sentence}")
    office.submit(ADA, file=[file_of(office, ADA, "other.csv", b"name,number\nBeta,1")])
    office.settle()
    assert texts(add(office, ADA)["view"]) == ["*1 added*."]


def test_where_slack_asks_the_bot_to_sign_in_that_is_said(office: Workspace) -> None:
    incident = office.report(ADA)
    open_form(office, ADA, incident, "upload")
    file_id = file_of(office, ADA, "list.csv", b"name\nBeta")
    office.sandbox.fault("url_private", "error", error="not_authed", count=1)
    office.submit(ADA, file=[file_id])
    office.settle()
    assert "Slack does not let Hotline read this file" in texts(office.view(ADA))[0]
    assert "files:read" in texts(office.view(ADA))[0]


def test_a_file_that_is_away_is_fetched_again_and_after_a_while_the_person_is_told(office: Workspace) -> None:
    incident = office.report(ADA)
    fault = office.sandbox.fault("url_private", "http_error", status=503)
    upload(office, ADA, incident, "list.csv", b"name\nBeta")
    for _ in range(3):
        office.settle()
        assert "The file is being read" in texts(office.view(ADA))[0]
        office.clock.now += timedelta(seconds=70)
    office.sandbox.http.delete(f"/faults/{fault}")
    office.settle()
    assert office.view(ADA)["callback_id"] == "lists.columns_submit"

    office.sandbox.post("/act/close", user=ADA, all=True)
    office.sandbox.fault("url_private", "drop_before")
    upload(office, ADA, incident, "list.csv", b"name\nBeta")
    for _ in range(step.TRIES):
        office.settle()
        office.clock.now += timedelta(seconds=70)
    assert "The file could not be fetched from Slack" in texts(office.view(ADA))[0]


def test_whoever_waits_can_look_how_far_it_is(office: Workspace) -> None:
    incident = office.report(ADA)
    open_form(office, ADA, incident, "upload")
    held = office.sandbox.fault("url_private", "hold_before")
    waits = office.submit(ADA, file=[file_of(office, ADA, "list.csv", b"name\nBeta")])["view"]
    assert buttons(waits) == ["lists.look"]
    assert "The file is being read" in texts(office.view_action(ADA, "lists.look")["view"])[0]
    office.sandbox.fault("views.update", "error", error="not_found", count=1)  # the form has missed that it was read
    office.sandbox.http.delete(f"/faults/{held}")
    office.settle()
    assert office.view_action(ADA, "lists.look")["view"]["callback_id"] == "lists.columns_submit"


def test_whoever_has_closed_the_form_goes_on_from_a_direct_message(office: Workspace) -> None:
    incident = office.report(ADA)
    open_form(office, ADA, incident, "upload")
    held = office.sandbox.fault("url_private", "hold_before")
    office.submit(ADA, file=[file_of(office, ADA, "list.csv", b"name,tier\nBeta,vip\nGamma,gold")])
    office.sandbox.post("/act/close", user=ADA, all=True)
    office.sandbox.http.delete(f"/faults/{held}")
    office.settle()
    told = direct(office, ADA)
    assert told.text == "Your list for INC-1 was read: 3 rows. Check the columns, then they are added."
    office.click(ADA, told, "lists.resume")
    assert office.view(ADA)["callback_id"] == "lists.columns_submit"
    assert texts(add(office, ADA)["view"])[0] == "*1 added*, 1 left out."
    [told] = [said for said in office.said(ADA) if said.ts == told.ts]
    assert told.text == "Your list for INC-1: *1 added*, 1 left out."
    assert told.buttons == ["lists.get_bad", "ledger.open"]
    office.sandbox.post("/act/close", user=ADA, all=True)
    office.click(ADA, told, "lists.get_bad")
    office.settle()
    assert "Gamma" in files(office, ADA)[0].decode("utf-8-sig")
    office.click(ADA, told, "ledger.open")
    assert "Beta" in str(office.view(ADA)["blocks"])


def test_a_long_list_is_added_while_the_form_says_so(office: Workspace) -> None:
    incident = office.report(ADA)
    upload(office, ADA, incident, "list.csv", big(step.AT_ONCE + 50))
    office.settle()
    held = office.sandbox.fault("views.update", "hold_before")
    answer = office.submit(ADA)
    assert "The customers are being added" in texts(answer["view"])[0]
    office.sandbox.http.delete(f"/faults/{held}")
    office.settle()
    assert texts(office.view(ADA)) == ["*350 added*."]
    assert len(in_list(office, incident)) == 351
    assert office.incident(incident.id).customers_affected == 351


def test_a_bot_killed_while_it_adds_a_list_adds_each_customer_once(office: Workspace) -> None:
    incident = office.report(ADA)
    upload(office, ADA, incident, "list.csv", big(step.AT_ONCE + 1))
    office.settle()
    office.sandbox.fault("views.update", "drop_before", count=3)  # added, and then nobody hears of it
    office.submit(ADA)
    for _ in range(5):
        office.settle()
        office.clock.now += timedelta(seconds=60)
    assert texts(office.view(ADA)) == [f"*{step.AT_ONCE + 1} added*."]
    assert len(in_list(office, incident)) == step.AT_ONCE + 2
    assert len(entries(office, incident, "customers_added")) == 1


def test_the_same_form_once_more_adds_nothing(office: Workspace) -> None:
    incident = office.report(ADA)
    open_form(office, ADA, incident)
    for values in ({"paste": "name;number\nBeta;1"}, {}):
        sent = office.submit(ADA, **values)
        again = office.sandbox.post("/redeliver", delivery_id=sent["delivery_id"])
        assert again["ok"], again
        office.settle()
    assert len(remembered(office)) == 1
    assert len(in_list(office, incident)) == 2
    assert len(entries(office, incident, "customers_added")) == 1


@pytest.mark.parametrize("workspace", ["socket-sqlite", "http-postgresql"], indirect=True)
def test_two_people_who_give_the_same_list_at_once_add_each_customer_once(workspace: Workspace) -> None:
    incident = workspace.report(ADA)
    with workspace.bot.db.begin() as tx:
        channel.bring_in(tx, incident, [LIN], workspace.clock())
    workspace.settle()
    for user in (ADA, LIN):
        upload(workspace, user, incident, "list.csv", big(500))
        workspace.settle()
        assert workspace.view(user)["callback_id"] == "lists.columns_submit"
    threads = [threading.Thread(target=workspace.submit, args=(user,)) for user in (ADA, LIN)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    workspace.settle()
    shown = sorted(texts(workspace.view(user))[0] for user in (ADA, LIN))
    assert shown in (
        ["*0 added*, 500 merged with customers in the list already.", "新增 500 位。"],
        ["*500 added*.", "新增 0 位，500 行与名单中已有客户合并。"],
    )
    assert len(in_list(workspace, incident)) == 501


def test_newcomers_start_the_first_contact_again_and_the_card_counts_them(office: Workspace) -> None:
    incident = office.report(ADA, customers_affected="2")
    with office.bot.db.begin() as tx:
        [acme] = customers.all_of(tx, incident.id)
        customers.set_tried(tx, [acme.id], Outcome.REACHED, ADA, office.clock())
        deadlines.meet(tx, incident.id, [Duty.FIRST_CONTACT], ADA, office.clock())
    paste(office, ADA, incident, "Beta\nGamma")
    add(office, ADA)
    with office.bot.db.read() as tx:
        assert [each.duty for each in deadlines.running(tx, incident.id) if each.duty is Duty.FIRST_CONTACT]
    assert "1 of 3 customers reached" in office.card(incident).everything


def test_customers_are_added_only_by_those_who_handle_an_open_case(office: Workspace) -> None:
    incident = office.report(ADA)
    open_form(office, ADA, incident)
    with office.bot.db.begin() as tx:
        incidents.set_dismissed(tx, incident.id, WANG, "A test", office.clock())
    answer = office.submit(ADA, paste="Beta")
    assert "ended" in answer["response"]["errors"]["way"]
    assert len(in_list(office, incident)) == 1
    assert remembered(office) == []


def test_a_button_that_somebody_else_has_leads_nowhere_for_who_does_not_handle_the_case(office: Workspace) -> None:
    incident = office.report(ADA)
    with office.bot.db.begin() as tx:
        outbox.say(tx, [Saying(incident.id, "list", "person", GUEST, detail={"list": 1})], office.clock())
        given.begin(tx, incident.id, "V1.0", ADA, office.clock(), ListState.READING)
        rows = lists.read_text("Beta;1\nGamma;2")
        given.set_read(tx, 1, rows, lists.guess(rows))
    office.settle()
    office.click(GUEST, direct(office, GUEST), "lists.resume")
    told = str(office.view(GUEST)["blocks"])
    assert "only for those who handle the case" in told
    assert "Beta" not in told


def test_a_list_whose_customers_were_erased_meanwhile_adds_nobody(office: Workspace) -> None:
    incident = office.report(ADA)
    paste(office, ADA, incident, "Beta;1\nGamma;2")
    with office.bot.db.begin() as tx:
        found = [(each.id, each.customer) for each in customers.all_of(tx, incident.id)]
        erasure.erase_one(tx, incident, found, office.clock())
    shown = office.submit(ADA)["view"]
    assert texts(shown)[0].startswith("⚠️ What was in this list has been erased in the meantime.")
    office.view_action(ADA, "lists.choose", option="paste")
    office.submit(ADA, paste="Delta;3")
    with office.bot.db.begin() as tx:
        erasure.erase_all(tx, incident.id, str, office.clock())
    answer = office.submit(ADA)
    assert "was erased" in str(answer["response"]["errors"])
    with office.bot.db.read() as tx:
        assert given.get(tx, 1) is None


def test_the_form_in_chinese(office: Workspace) -> None:
    incident = office.report(MEI)
    view = open_form(office, MEI, incident)
    assert view["title"]["text"] == "INC-1 添加客户"
    view = office.submit(MEI, paste="客户名称，手机号，等级\n王小明，13800001111，金卡\n李四，13800001112，VIP")["view"]
    assert view["title"]["text"] == "确认各列"
    assert texts(add(office, MEI)["view"])[:2] == [
        "新增 1 位，1 行未添加。",
        "• 第 2 行：无法识别等级“金卡”，可填：普通、VIP、重要客户",
    ]


def test_no_customer_is_in_the_log_or_in_a_channel(office: Workspace, capfd: pytest.CaptureFixture[str]) -> None:
    incident = office.report(ADA)
    upload(office, ADA, incident, "Zanzibar Bank.csv", b"name;phone\nZanzibar Bank;030 998877\n;1")
    office.settle()
    add(office, ADA)
    assert len(in_list(office, incident)) == 2
    everywhere = office.sandbox.get("/state")["channels"].values()
    said = str([channel["messages"] for channel in everywhere if not channel["is_im"]])
    assert "Zanzibar" not in said
    captured = capfd.readouterr()
    assert "Zanzibar" not in captured.out + captured.err
    with office.bot.db.read() as tx:
        assert "Zanzibar" not in str([list(row) for row in tx.execute(tables.customers.select())])
        assert "Zanzibar" not in str([list(row) for row in tx.execute(tables.outbox.select())])
    assert ListState(remembered(office)[0].state) is ListState.IMPORTED

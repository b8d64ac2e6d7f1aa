"""The list of an incident's customers: shown to those who handle the case, searched, turned, corrected, exported; each
look is on record."""

import csv
import io
import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest

from bot.incident import Customer, CustomerLanguage, Emotion, Incident, Outcome, Role, Tier
from handlers import channel, team
from storage import customers, erasure, incidents, journal
from tests.workspace import ADA, BOT, GUEST, LIN, MEI, WANG, Sandbox, Workspace, opened, settings_for


def many(count: int) -> list[Customer]:
    return [Customer(f"Customer {number:03}", f"C-{number:04}", f"030 55{number:04}") for number in range(count)]


def reported(workspace: Workspace, more: Iterable[Customer] = (), **values: Any) -> Incident:
    """An incident with customers in its list besides the one that was reported."""
    incident = workspace.report(ADA, **values)
    with workspace.bot.db.begin() as tx:
        customers.add(tx, incident.id, list(more), ADA, workspace.clock())
    return incident


def open_list(workspace: Workspace, user: str, incident: Incident) -> Any:
    return workspace.choose(user, incident, "ledger.open")["view"]


def texts(view: Any) -> list[str]:
    return [str(block["text"]["text"]) for block in view["blocks"] if block["type"] == "section"]


def rows(view: Any) -> list[str]:
    """The customers that a page shows."""
    blocks = [block for block in view["blocks"] if str(block.get("block_id")).startswith("customer_")]
    return [str(block["text"]["text"]) for block in blocks]


def field(view: Any) -> str:
    """Where one types what to search for."""
    return next(str(block["block_id"]) for block in view["blocks"] if block["type"] == "input")


def choose(workspace: Workspace, user: str, name: str, what: str) -> Any:
    """Somebody chooses in the menu of a customer that the page shows."""
    view = workspace.view(user)
    block = next(block for block in view["blocks"] if block.get("accessory") and name in block["text"]["text"])
    option = next(each["value"] for each in block["accessory"]["options"] if each["value"].partition(":")[0] == what)
    answer = workspace.view_action(user, "ledger.one", block_id=block["block_id"], option=option)
    workspace.settle()
    return answer


def part(workspace: Workspace, user: str, which: str) -> Any:
    return workspace.view_action(user, "ledger.which", option=which)["view"]


def entries(workspace: Workspace, incident: Incident, what: str) -> list[Any]:
    with workspace.bot.db.read() as tx:
        assert journal.is_whole(tx, incident.id)
        return [each for each in journal.of_incident(tx, incident.id) if each.what == what]


def tried(workspace: Workspace, incident: Incident, number: str, outcome: Outcome, **more: Any) -> None:
    with workspace.bot.db.begin() as tx:
        found = [each for each in customers.all_of(tx, incident.id) if each.customer.number == number]
        customers.set_tried(tx, [found[0].id], outcome, LIN, workspace.clock(), **more)


def test_the_list_of_an_incident_from_its_opening_to_its_end(workspace: Workspace) -> None:
    incident = reported(workspace, many(24), customers_affected="30")
    view = open_list(workspace, ADA, incident)
    assert view["title"]["text"] == "Customers of INC-1"
    assert texts(view)[0] == "0 of 30 customers reached"
    assert texts(view)[1].startswith("25 are in the list; 5 more are affected. Paste or upload them")
    assert len(rows(view)) == 10
    assert rows(view)[0] == "*Acme Ltd*\nnot reached yet"
    assert rows(view)[1] == "*Customer 000* · C-0000 · 030 550000\nnot reached yet"
    assert "1 to 10 of 25" in json.dumps(view)

    view = workspace.view_action(ADA, "ledger.next")["view"]
    assert rows(view)[0].startswith("*Customer 009*")
    view = workspace.view_action(ADA, "ledger.next")["view"]
    assert len(rows(view)) == 5
    assert "21 to 25 of 25" in json.dumps(view)
    view = workspace.view_action(ADA, "ledger.previous")["view"]
    assert rows(view)[0].startswith("*Customer 009*")

    view = workspace.view_action(ADA, "ledger.search", values={"search": "c 0013"})["view"]
    assert [row.partition("*\n")[0] for row in rows(view)] == ["*Customer 013* · C-0013 · 030 550013\nnot reached yet"]
    choose(workspace, ADA, "Customer 013", "ledger.correct")
    workspace.submit(ADA, name="Customer Thirteen", tier="vip", language="zh")
    workspace.settle()
    view = workspace.view(ADA)
    assert view["callback_id"] == "ledger.submit", "back on the list, drawn anew"
    assert "*Customer Thirteen* · VIP · C-0013 · 030 550013\nnot reached yet" in rows(view), "VIPs come first"

    choose(workspace, ADA, "Customer 000", "ledger.remove")
    assert "*Customer 000* is not called or updated any more" in texts(workspace.view(ADA))[0]
    workspace.submit(ADA, reason="Not affected <!here>")
    workspace.settle()
    view = part(workspace, ADA, "removed")
    [row] = rows(view)
    assert row.startswith("*Customer 000* · C-0000 · 030 550000\ntaken off <!date^")
    assert row.endswith(f"by <@{ADA}>: Not affected &lt;!here&gt;")
    choose(workspace, ADA, "Customer 000", "ledger.put_back")
    assert "Nobody was taken off the list." in texts(workspace.view(ADA))

    whats = ("customer_corrected", "customer_removed", "customer_put_back")
    assert [len(entries(workspace, incident, what)) for what in whats] == [1, 1, 1]
    seen = entries(workspace, incident, "customer_seen")
    assert all(each.by == ADA and "Customer" not in json.dumps(dict(each.detail)) for each in seen)
    assert [each.detail["n"] for each in seen if each.detail["form"] == "ledger"][:4] == [10, 10, 5, 10]


def test_each_state_is_said_with_who_and_when(office: Workspace) -> None:
    incident = reported(office, many(6), customers_affected="7")
    office.grade(WANG, incident, 1, reason="The press calls")
    now = office.clock()
    tried(office, incident, "C-0000", Outcome.REACHED, emotion=Emotion.ANGRY)
    tried(office, incident, "C-0001", Outcome.NO_ANSWER)
    tried(office, incident, "C-0001", Outcome.NO_ANSWER, retry_at=now + timedelta(minutes=20))
    tried(office, incident, "C-0002", Outcome.BUSY)
    tried(office, incident, "C-0003", Outcome.WRONG_NUMBER)
    tried(office, incident, "C-0004", Outcome.SENT)
    tried(office, incident, "C-0004", Outcome.NO_ANSWER)
    view = open_list(office, ADA, incident)
    assert texts(view)[0] == "2 of 7 customers reached · 2 no answer · 1 wrong number"

    def at(minutes: int) -> str:
        return f"<!date^{int((now + timedelta(minutes=minutes)).timestamp())}^{{time}}|"

    def state(name: str) -> str:
        return next(row for row in rows(view) if name in row).partition("\n")[2]

    assert "· Angry ·" in next(row for row in rows(view) if "Customer 000" in row)
    assert state("Customer 000").startswith(f"✅ heard {at(0)}")
    assert f"from <@{LIN}> · ⏱ next update by {at(120)}" in state("Customer 000")
    assert state("Customer 001").startswith(f"no answer, 2 tries · again {at(20)}")
    assert state("Customer 002") == "busy, 1 try"
    assert state("Customer 003") == "wrong number: correct it"
    assert "· no answer, 2 tries · ⏱ next update by" in state("Customer 004")
    office.clock.now += timedelta(hours=2, minutes=1)
    for which, expected in (
        ("unheard", ["Acme", "005", "002", "001", "003"]),
        ("no_answer", ["002", "001", "004"]),
        ("wrong_number", ["003"]),
        ("due", ["000", "004"]),
        ("removed", []),
        ("all", ["Acme", "005", "002", "001", "000", "004", "003"]),
    ):
        view = part(office, ADA, which)
        assert sorted(rows(view)) == sorted(r for r in rows(view) if any(name in r for name in expected)), which
        assert len(rows(view)) == len(expected), which
    assert f"⚠️ update was due {at(120)}" in state("Customer 000")


def test_what_is_empty_says_what_to_do_next(office: Workspace) -> None:
    incident = office.report(ADA)
    view = open_list(office, ADA, incident)
    assert texts(view)[1] == (
        "Only Acme Ltd is in the list; 119 more are affected. Paste or upload them, so that each is called once."
    )
    assert "Everybody" not in json.dumps(view)
    for which, sentence in (
        ("no_answer", "Nobody here: whoever was called has answered."),
        ("wrong_number", "Nobody here: no number has turned out wrong."),
        ("due", "Nobody here: no update is due."),
        ("removed", "Nobody was taken off the list."),
    ):
        assert sentence in texts(part(office, ADA, which))
    part(office, ADA, "all")
    view = office.view_action(ADA, "ledger.search", values={"search": "<b>&"})["view"]
    assert "“&lt;b&gt;&amp;”" in texts(view)[-1]


def test_one_searches_by_name_number_and_phone_however_they_are_written(office: Workspace) -> None:
    found = [Customer("Müller & Söhne", "C-77", "+49 (30) 55-44 33"), Customer("王小明", "", "138 0000 1111")]
    incident = reported(office, found)
    open_list(office, ADA, incident)
    for words, name in (
        ("müller", "Müller"),
        ("MÜLLER &", "Müller"),
        ("c77", "Müller"),
        ("55 44", "Müller"),
        ("小明", "王小明"),
        ("13800001111", "王小明"),
        ("138-0000", "王小明"),
    ):
        view = office.view_action(ADA, "ledger.search", values={"search": words})["view"]
        assert [name in row for row in rows(view)] == [True], words
    submitted = office.submit(ADA, search="acme")
    assert [row.partition("\n")[0] for row in rows(submitted["view"])] == ["*Acme Ltd*"], "the button searches too"
    assert office.view_action(ADA, "ledger.which", option="unheard")["view"]["private_metadata"].find("acme") == -1


def test_only_those_who_handle_the_case_see_it_and_others_are_told_whom_to_ask(office: Workspace) -> None:
    incident = reported(office, many(3))
    opened_view = open_list(office, GUEST, incident)
    assert "Join the incident’s channel first, or ask <@U0ADA>" in str(opened_view["blocks"])
    assert "Acme" not in str(opened_view)
    assert entries(office, incident, "customer_seen") == []


def test_what_somebody_may_not_any_more_is_refused_when_it_is_saved(office: Workspace) -> None:
    incident = reported(office, many(3))
    open_list(office, ADA, incident)
    choose(office, ADA, "Customer 001", "ledger.correct")
    with office.bot.db.begin() as tx:
        incidents.set_dismissed(tx, incident.id, WANG, "A test", office.clock())
    answer = office.submit(ADA, name="Other")
    assert "ended" in answer["response"]["errors"]["name"]
    with office.bot.db.read() as tx:
        assert [each.customer.name for each in customers.all_of(tx, incident.id)][2] == "Customer 001"


def test_the_same_form_once_more_has_no_second_effect(office: Workspace) -> None:
    incident = reported(office, many(3))
    open_list(office, ADA, incident)
    choose(office, ADA, "Customer 001", "ledger.remove")
    deliver_twice(office, reason="Not affected")
    assert len(entries(office, incident, "customer_removed")) == 1
    choose(office, ADA, "Customer 002", "ledger.correct")
    deliver_twice(office, name="Other")
    assert len(entries(office, incident, "customer_corrected")) == 1


def deliver_twice(workspace: Workspace, **values: Any) -> None:
    """A form is sent, and Slack delivers it once more."""
    sent = workspace.submit(ADA, **values)
    again = workspace.sandbox.post("/redeliver", delivery_id=sent["delivery_id"])
    assert again["ok"], again
    workspace.settle()


def test_of_two_who_take_somebody_off_the_second_is_told_who_did(office: Workspace) -> None:
    incident = reported(office, many(3))
    for user in (ADA, LIN):
        with office.bot.db.begin() as tx:
            channel.bring_in(tx, incident, [user], office.clock())
    office.settle()
    for user in (ADA, LIN):
        open_list(office, user, incident)
        choose(office, user, "Customer 001", "ledger.remove")
    office.submit(ADA, reason="Not affected")
    answer = office.submit(LIN, reason="Gone")
    assert "Ada Okafor" in answer["response"]["errors"]["reason"]
    with office.bot.db.read() as tx:
        assert customers.all_of(tx, incident.id)[2].removal_reason == "Not affected"


def test_a_corrected_number_is_no_wrong_number_any_more(office: Workspace) -> None:
    incident = reported(office, many(2))
    tried(office, incident, "C-0001", Outcome.WRONG_NUMBER)
    open_list(office, ADA, incident)
    choose(office, ADA, "Customer 001", "ledger.correct")
    wrong = office.submit_unchecked(ADA, name=" ", contact="x" * 201)
    assert wrong["response"]["errors"] == {
        "name": "Enter the customer’s name.",
        "contact": "Shorten this to 200 characters.",
    }
    office.submit(ADA, name="Customer 001", contact="030 999")
    office.settle()
    assert rows(part(office, ADA, "wrong_number")) == []


def test_the_list_as_a_file_for_whoever_asks(workspace: Workspace) -> None:
    incident = reported(workspace, [*many(2), Customer("=cmd()", "@1", "+49 30 1", Tier.VIP, CustomerLanguage.ZH)])
    workspace.grade(WANG, incident, 1)
    tried(workspace, incident, "C-0000", Outcome.REACHED)
    tried(workspace, incident, "C-0001", Outcome.NO_ANSWER)
    with workspace.bot.db.begin() as tx:
        customers.remove(tx, customers.all_of(tx, incident.id)[2].id, LIN, "Not affected", workspace.clock())
    open_list(workspace, ADA, incident)
    for _ in range(2):  # two clicks at once
        workspace.sandbox.post("/act/view_action", user=ADA, action_id="ledger.export")
    workspace.settle()
    assert "The list is on its way" in str(workspace.view(ADA)["blocks"])
    sent = files(workspace, ADA)
    assert 1 <= len(sent) <= 2
    content = sent[-1]
    assert content.startswith(b"\xef\xbb\xbf")
    table = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    now = workspace.clock()

    def iso(hours: int) -> str:
        return (now + timedelta(hours=hours)).isoformat(timespec="minutes")

    assert table[0] == [
        *("Name", "Customer number", "How to reach them", "Tier", "Customer’s language", "First heard", "Last heard"),
        *("Heard from", "Last outcome", "Tries", "Next update by", "Taken off", "Reason"),
    ]
    assert table[1] == ["Acme Ltd", *[""] * 8, "0", "", "", ""]
    assert table[2] == [
        *("Customer 000", "C-0000", "030 550000", "", "", iso(0), iso(0), "Lin 林", "Reached", "1", iso(2), "", ""),
    ]
    assert table[3][8:] == ["No answer", "1", "", iso(0), "Not affected"]
    assert table[4][:5] == ["'=cmd()", "'@1", "'+49 30 1", "VIP", "Chinese"]
    exports = entries(workspace, incident, "customers_exported")
    assert [(each.by, each.detail["n"]) for each in exports][:1] == [(ADA, 4)]


def files(workspace: Workspace, user: str) -> list[bytes]:
    """What was sent to somebody as files."""
    everything = workspace.sandbox.get("/state")["channels"].values()
    [direct] = [channel for channel in everything if channel["is_im"] and set(channel["members"]) == {user, BOT}]
    found = [file for message in direct["messages"] for file in message.get("files", ())]
    key = {"authorization": "Bearer xoxb-sandbox"}
    return [workspace.sandbox.http.get(file["url_private"], headers=key).content for file in found]


def test_a_file_of_which_no_answer_came_is_not_sent_twice(office: Workspace) -> None:
    incident = reported(office, many(2))
    open_list(office, ADA, incident)
    office.sandbox.fault("files.completeUploadExternal", "drop_after", count=1)
    office.view_action(ADA, "ledger.export")
    office.settle()
    office.clock.now += timedelta(seconds=5)
    office.settle()
    assert len(files(office, ADA)) == 1


def test_nothing_is_shown_of_customers_who_were_erased(office: Workspace) -> None:
    incident = reported(office, many(2))
    with office.bot.db.begin() as tx:
        found = [(each.id, each.customer) for each in customers.all_of(tx, incident.id)][1:2]
        erasure.erase_one(tx, incident, found, office.clock())
    open_list(office, ADA, incident)
    view = part(office, ADA, "removed")
    [row] = rows(view)
    assert row.startswith("*(erased)*\nerased <!date^")
    assert not any(block.get("accessory") for block in view["blocks"])
    with office.bot.db.begin() as tx:
        erasure.erase_all(tx, incident.id, str, office.clock())
    office.sandbox.post("/act/close", user=ADA)
    assert "were erased" in str(open_list(office, ADA, incident)["blocks"])


def test_app_home_shows_the_lead_how_far_the_customers_have_heard(office: Workspace) -> None:
    incident = reported(office, many(3), customers_affected="212")
    office.report(ADA, customers_affected="1")
    tried(office, incident, "C-0001", Outcome.REACHED)

    def lines(user: str) -> list[str]:
        office.sandbox.post("/act/home", user=user)
        office.settle()
        blocks = office.sandbox.get(f"/home/{user}")["blocks"]
        assert len(blocks) < 100
        return [block["text"]["text"] for block in blocks if str(block["block_id"]).startswith("customers_")]

    assert lines(ADA) == ["⚪ *INC-1*: 1 of 212 customers reached"], "nobody leads: it is the reporter's"
    assert lines(MEI) == []
    with office.bot.db.begin() as tx:
        team.ask(office.bot.desk, tx, incident, Role.LEAD, MEI, MEI, office.clock())
    office.settle()
    assert lines(MEI) == ["⚪ *INC-1* · 已联系到 1 / 212 位客户"]
    assert lines(ADA) == []
    office.sandbox.post("/act/home_action", user=MEI, action_id="ledger.open")
    assert office.view(MEI)["title"]["text"] == "INC-1 客户名单"


@pytest.mark.parametrize("count", [0, 5_000])
def test_a_long_list_opens_and_is_searched_within_slacks_three_seconds(office: Workspace, count: int) -> None:
    incident = reported(office, many(count))
    assert office.choose(ADA, incident, "ledger.open")["took_ms"] < 3000
    searched = office.view_action(ADA, "ledger.search", values={"search": "acme"})
    assert searched["took_ms"] < 3000
    assert len(rows(searched["view"])) == 1


def test_the_list_in_chinese(sandbox: Sandbox, sqlite_url: str) -> None:
    settings = settings_for(sandbox, sqlite_url, hotline_language="zh", hotline_timezone="Asia/Shanghai")
    with opened(sandbox, settings) as workspace:
        incident = reported(workspace, [Customer("王小明", "1", "13800001111")])
        with workspace.bot.db.begin() as tx:
            channel.bring_in(tx, incident, [MEI], workspace.clock())
        workspace.settle()
        view = open_list(workspace, MEI, incident)
        assert view["title"]["text"] == "INC-1 客户名单"
        assert texts(view)[0] == "已联系到 0 / 120 位客户"
        assert rows(view)[1] == "*王小明* · 1 · 13800001111\n尚未联系到"
        workspace.view_action(MEI, "ledger.export")
        workspace.settle()
        table = list(csv.reader(io.StringIO(files(workspace, MEI)[0].decode("utf-8-sig"))))
        assert table[0][:3] == ["客户名称", "客户编号", "联系方式"]

"""Slack's answers get lost, late or wrong: everything is said once, in order, as soon as it can be (decision 3).

After a failure the courier tries again by the bot's clock: the tests move it, and look at the workspace.
"""

from typing import Any

import pytest
from sqlalchemy import delete

from bot.incident import Incident
from storage import deadlines, outbox
from storage.tables import metadata
from tests.workspace import (
    ADA,
    BOT,
    GUEST,
    LIN,
    MEI,
    PAYMENTS_FAIL,
    WANG,
    ZHOU,
    Said,
    Workspace,
)

# What goes wrong -> the fault. `fatal_error` may come although Slack did it (slack.md section 4).
TROUBLES: dict[str, dict[str, Any]] = {
    "the connection breaks before it takes effect": {"kind": "drop_before"},
    "the connection breaks after it took effect": {"kind": "drop_after"},
    "Slack is broken": {"kind": "http_error", "status": 503},
    "Slack is broken and says so": {"kind": "error", "error": "internal_error"},
    "Slack says that it failed, and has done it": {"kind": "error_after", "error": "fatal_error"},
    "Slack wants to be left alone": {"kind": "ratelimited", "retry_after": 7},
}
CREATION = [
    "conversations.create",
    "conversations.invite",
    "conversations.setTopic",
    "conversations.setPurpose",
    "chat.postMessage",
    "pins.add",
    "views.update",
    "conversations.list",
    "conversations.join",
]


def report_in_trouble(office: Workspace, **values: str) -> None:
    """Lin reports; her form is acknowledged whatever is wrong with Slack."""
    assert office.command(LIN)["view"]
    answer = office.submit(LIN, **{**PAYMENTS_FAIL, **values})
    assert (answer["response"] or {}).get("response_action") == "update", answer
    office.settle()


def wait_for_the_next_tries(office: Workspace) -> None:
    """A while, step by step; shorter than until the first reminder."""
    for _ in range(5):
        office.wait(10 / 60)


def check_once_each(office: Workspace) -> Incident:
    """One channel with the right people, one card, pinned once, one announcement; the form shows the way."""
    [channel] = office.channels()
    incident = office.incident(1)
    assert channel["id"] == incident.channel_id
    assert set(channel["members"]) == {LIN, ADA, MEI, WANG, ZHOU, BOT}
    assert channel["topic"].startswith("INC-1 ")
    assert "INC-1" in channel["purpose"]
    [card] = office.said(channel["id"])
    assert [pin["ts"] for pin in channel["pins"]] == [card.ts]
    assert len(office.said("incidents")) == 1
    office.wait(0.1)
    assert channel["id"] in str(office.view(LIN)["blocks"])
    return incident


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("method", CREATION)
def test_a_report_is_complete_after_trouble_with_each_call(office: Workspace, method: str, trouble: str) -> None:
    office.sandbox.fault(method, count=2 if method == "chat.postMessage" else 1, **TROUBLES[trouble])
    report_in_trouble(office)
    wait_for_the_next_tries(office)
    check_once_each(office)


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("method", ["chat.postMessage", "conversations.open"])
def test_a_reminder_comes_once_in_the_channel_and_once_in_person(office: Workspace, method: str, trouble: str) -> None:
    channel = str(office.incident(office.report().id).channel_id)
    office.sandbox.fault(method, count=2, **TROUBLES[trouble])
    office.wait(3)
    office.wait(0.5)
    office.wait(0.5)
    assert [said.buttons for said in office.said(channel)[1:]] == [["verify.open*", "acknowledge.told"]]
    assert len(office.said(LIN)) == 1


def test_messages_keep_their_order_when_the_first_one_fails(office: Workspace) -> None:
    channel = str(office.incident(office.report().id).channel_id)
    office.sandbox.fault("chat.postMessage", "http_error", count=3, match={"channel": channel})
    office.wait(3)  # the reminder fails
    office.wait(2)  # the lead is told: not before the reminder is there
    for _ in range(6):
        office.wait(10 / 60)
    texts = [said.text for said in office.said(channel)]
    assert len(texts) == 3, texts
    assert f"<@{LIN}>, verify INC-1" in texts[1]
    assert f"<@{MEI}>, INC-1 is not verified" in texts[2]


def test_slack_is_not_called_again_before_it_wants_to_be(office: Workspace) -> None:
    office.sandbox.fault("chat.postMessage", "ratelimited", retry_after=30, match={"channel": "C0INCIDENTS"}, count=1)
    report_in_trouble(office)
    assert len(announcing(office)) == 1
    office.wait(29 / 60)
    assert len(announcing(office)) == 1, "29 seconds are not 30"
    office.wait(1 / 60)
    assert len(announcing(office)) == 2
    check_once_each(office)


def test_one_channel_that_is_limited_does_not_slow_the_others_down(office: Workspace) -> None:
    office.sandbox.fault("chat.postMessage", "ratelimited", retry_after=60, match={"channel": "C0INCIDENTS"})
    report_in_trouble(office)
    [channel] = office.channels()
    assert len(office.said(channel["id"])) == 1
    assert office.said("incidents") == []


def announcing(office: Workspace) -> list[object]:
    """The calls that announce something."""
    return [call for call in office.sandbox.calls("chat.postMessage") if call["args"]["channel"] == "C0INCIDENTS"]


def test_everything_arrives_in_order_after_an_outage_during_a_report(office: Workspace) -> None:
    assert office.command(LIN)["view"]
    office.sandbox.fault("*", "http_error")
    answer = office.submit(LIN, **PAYMENTS_FAIL)
    assert (answer["response"] or {}).get("response_action") == "update", "it is recorded, whatever Slack can do"
    office.settle()
    for _ in range(4):  # reminded, and the lead told, while nothing gets through
        office.wait(1.5)
    assert office.channels() == []
    office.sandbox.heal()
    for _ in range(4):
        office.wait(20 / 60)
    [channel] = office.channels()
    texts = [said.text for said in office.said(channel["id"])]
    assert len(texts) == 3, texts
    assert "INC-1" in texts[0]
    assert f"<@{LIN}>, verify INC-1" in texts[1]
    assert f"<@{MEI}>, INC-1 is not verified" in texts[2]
    assert {LIN, ADA, MEI} <= set(channel["members"])
    assert len(channel["pins"]) == 1
    assert len(office.said("incidents")) == 1
    assert len(office.said(LIN)) == 2, "reminded, and told that it is late"
    assert len(office.said(MEI)) == 1


def test_no_connection_at_all_is_an_outage_too(office: Workspace) -> None:
    assert office.command(LIN)["view"]
    office.sandbox.fault("*", "drop_before")
    office.submit(LIN, **PAYMENTS_FAIL)
    office.settle()
    office.wait(1)
    office.sandbox.heal()
    wait_for_the_next_tries(office)
    office.wait(0.5)
    check_once_each(office)


def test_an_answer_that_is_not_slacks_is_taken_for_an_outage(office: Workspace) -> None:
    office.sandbox.fault("chat.postMessage", "error", error="Received a response in a non-JSON format: <html>", count=2)
    report_in_trouble(office)
    wait_for_the_next_tries(office)
    check_once_each(office)


def test_missing_rights_are_mended_and_then_everything_is_said(office: Workspace) -> None:
    office.sandbox.fault("chat.postMessage", "error", error="missing_scope")
    report_in_trouble(office)
    office.wait(1)
    office.sandbox.heal()
    office.wait(1)
    office.wait(0.5)
    check_once_each(office)


# -- names -------------------------------------------------------------------------------------------------------------

NAME = "inc-0001-payments-fail-with-error-502"


@pytest.mark.parametrize("is_private", [False, True])
@pytest.mark.parametrize("answer", ["comes", "is lost"])
def test_somebody_elses_channel_of_that_name_is_left_alone(office: Workspace, answer: str, is_private: bool) -> None:
    office.sandbox.post("/act/create_channel", user=ADA, name=NAME, is_private=is_private)
    if answer == "is lost":
        office.sandbox.fault("conversations.create", "drop_after", count=1, match={"name": f"{NAME}-2"})
    report_in_trouble(office)
    wait_for_the_next_tries(office)
    theirs, ours = sorted(office.channels(), key=lambda channel: len(channel["name"]))
    assert ours["name"] == f"{NAME}-2"
    assert ours["id"] == office.incident(1).channel_id
    assert set(theirs["members"]) == {ADA}
    assert len(office.said(ours["id"])) == 1


def test_a_name_that_the_bots_archived_channel_has_gets_a_suffix(office: Workspace) -> None:
    first = office.report()
    office.choose(LIN, first, "dismiss.open")
    office.submit(LIN, reason="A test")
    office.settle()
    old = office.channel(NAME)
    assert old["is_archived"]
    forget_everything(office)
    office.sandbox.fault("conversations.create", "drop_before", count=1)  # then the bot looks who has the name
    report_in_trouble(office)
    wait_for_the_next_tries(office)
    assert office.incident(1).channel_name == f"{NAME}-2"
    assert office.channel(NAME) == old


@pytest.mark.parametrize("minutes", [0, 60])
def test_the_bots_channel_of_another_incident_of_that_number_is_left_alone(office: Workspace, minutes: float) -> None:
    office.report()
    forget_everything(office)  # numbers start again
    if minutes:
        office.wait(minutes)
    before = office.channel(NAME)
    office.sandbox.fault("conversations.create", "drop_before", count=1)  # then the bot looks who has the name
    report_in_trouble(office)
    wait_for_the_next_tries(office)
    assert office.incident(1).channel_name == f"{NAME}-2"
    assert office.channel(NAME) == before


def forget_everything(office: Workspace) -> None:
    """The database is emptied, as when somebody starts anew; the workspace remembers."""
    with office.bot.db.begin() as tx:
        for table in reversed(metadata.sorted_tables):
            if table.name not in ("facts", "people", "rosters", "places"):
                tx.execute(delete(table))


# -- people ------------------------------------------------------------------------------------------------------------


def test_who_cannot_be_invited_is_named_once_and_the_others_are_in(office: Workspace) -> None:
    office.sandbox.post("/act/group", handle="support-oncall", members=[ADA, GUEST, MEI])
    office.settle()
    office.sandbox.fault("conversations.invite", "drop_after", count=1)
    report_in_trouble(office)
    wait_for_the_next_tries(office)
    [channel] = office.channels()
    assert {LIN, ADA, MEI} <= set(channel["members"])
    named = [said.text for said in office.said(channel["id"]) if f"<@{GUEST}>" in said.text]
    assert len(named) == 1, [said.text for said in office.said(channel["id"])]


def test_what_a_guest_owes_who_reported_it_is_owed_by_the_first_on_call(office: Workspace) -> None:
    office.command(GUEST)
    office.submit(GUEST, **PAYMENTS_FAIL)
    office.settle()
    incident = office.incident(1)
    [told] = [said.text for said in office.said(str(incident.channel_id)) if f"<@{GUEST}>" in said.text]
    assert "What the reporter would have to do is up to <@U0LIN> now." in told
    assert f"please ask <@{LIN}>" in str(office.view(GUEST)["blocks"])
    with office.bot.db.read() as tx:
        owners = {each.owner_id for each in deadlines.running(tx, incident.id)}
    assert GUEST not in owners
    office.wait(3)
    assert "verify.open*" in office.said(LIN)[-1].buttons
    assert office.said(GUEST) == []


def test_a_guest_who_alone_knows_of_it_keeps_what_they_owe(office: Workspace) -> None:
    office.sandbox.post("/act/group", handle="support-oncall", members=[])
    office.settle()
    office.command(GUEST)
    office.submit(GUEST, **PAYMENTS_FAIL)
    office.wait(3)
    assert f"<@{GUEST}>, verify INC-1" in office.said(GUEST)[-1].text


def test_an_announcement_waits_for_its_channel_to_come_back(office: Workspace) -> None:
    office.report()
    office.sandbox.post("/act/archive", user=LIN, channel="incidents")
    office.report(what_happened="The second")
    assert "The second" not in str([said.text for said in office.said("incidents")])
    office.sandbox.post("/act/archive", user=LIN, channel="incidents", undo=True)
    office.wait(11)
    assert sum("The second" in said.text for said in office.said("incidents")) == 1


@pytest.mark.parametrize("word", ["restricted_action", "cannot_create_channel", "invalid_name_specials"])
def test_a_channel_that_slack_refuses_is_tried_until_an_admin_allows_it(office: Workspace, word: str) -> None:
    refused = office.sandbox.fault("conversations.create", "error", error=word)
    office.command(ADA)
    office.submit(ADA, **PAYMENTS_FAIL)
    office.settle()
    in_form = office.view(ADA)["blocks"][0]["text"]["text"]
    assert f"Slack says `{word}`" in in_form
    assert "an admin of the workspace" in in_form
    wait_for_the_next_tries(office)
    assert f"Slack says `{word}`" in office.view(ADA)["blocks"][0]["text"]["text"]
    [told] = office.said(ADA)
    assert f"The channel of INC-1 can’t be opened (Slack says `{word}`)" in told.text
    assert "not open yet" in str(office.command(ADA, "list")["response"])
    office.wait(5)
    assert office.said(WANG), "the clocks go on, in direct messages"
    assert len([said for said in office.said(ADA) if "can’t be opened" in said.text]) == 1, "said once"
    assert office.channels() == []

    office.sandbox.http.delete(f"/faults/{refused}")
    office.wait(1)
    [channel] = office.channels()
    assert "INC-1" in office.card(office.incident(1)).text
    assert len(office.said("incidents")) == 1
    first = office.said(ADA)[0]
    assert first.ts == told.ts
    assert f"INC-1 is open: everything goes on in <#{channel['id']}>" in first.text
    assert channel["id"] in office.view(ADA)["blocks"][0]["text"]["text"]


def test_an_incident_that_is_over_before_its_channel_could_be_opened_gets_none(office: Workspace) -> None:
    refused = office.sandbox.fault("conversations.create", "error", error="restricted_action")
    office.command(ADA)
    office.submit(ADA, **PAYMENTS_FAIL)
    wait_for_the_next_tries(office)
    office.click(ADA, shown_privately(office), "card.menu", option="dismiss.open:1")
    office.submit(ADA, reason="A test by a colleague")
    office.settle()
    [told] = [said for said in office.said(ADA) if "was over before its channel could be opened" in said.text]
    assert "can’t be opened" not in told.text
    office.sandbox.http.delete(f"/faults/{refused}")
    office.wait(5)
    assert office.channels() == []
    with office.bot.db.read() as tx:
        assert outbox.waiting(tx) == 0, "nothing waits for it any more"


def test_one_that_was_closed_without_a_channel_gets_it_when_it_is_opened_again(office: Workspace) -> None:
    refused = office.sandbox.fault("conversations.create", "error", error="restricted_action")
    office.command(ADA)
    office.submit(ADA, **PAYMENTS_FAIL)
    wait_for_the_next_tries(office)
    office.click(ADA, shown_privately(office), "card.menu", option="more.open:1")
    office.view_action(ADA, "close.open", value="1")
    office.submit(ADA, reason="They can pay again")
    wait_for_the_next_tries(office)
    assert "was over before its channel could be opened" in office.said(ADA)[0].text
    office.sandbox.http.delete(f"/faults/{refused}")
    office.wait(2)
    assert office.channels() == []
    office.click(ADA, shown_privately(office), "card.menu", option="reopen.open:1")
    office.submit(ADA, reason="They still can't pay")
    office.settle()
    [channel] = office.channels()
    cards = [said for said in office.said(channel["id"]) if "contact.open" in said.buttons]
    assert len(cards) == 1
    assert f"INC-1 is open: everything goes on in <#{channel['id']}>" in office.said(ADA)[0].text


def shown_privately(office: Workspace) -> Said:
    """The card that Ada reads after `/incident show 1`."""
    shown = office.command(ADA, "show 1")["ephemeral"]
    return Said(office.channel("general")["id"], shown["ts"], shown["text"], shown["blocks"], shown)


def test_who_reports_in_chinese_reads_in_chinese_that_slack_refuses_the_channel(office: Workspace) -> None:
    office.sandbox.fault("conversations.create", "error", error="restricted_action")
    office.command(LIN)
    office.submit(LIN, **PAYMENTS_FAIL)
    office.settle()
    assert "请联系工作区管理员允许此应用创建频道" in office.view(LIN)["blocks"][0]["text"]["text"]
    [told] = office.said(LIN)
    assert "请联系工作区管理员允许此应用创建频道" in told.text

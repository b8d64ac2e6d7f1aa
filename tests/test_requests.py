"""What is asked of other departments: agreed to, declined, there; reminders, twice, two at once, wrong input."""

from datetime import timedelta
from typing import Any

from bot.incident import Deadline, Duty, Incident
from bot.plan import Request, RequestState
from storage import deadlines, journal, requests
from tests.test_home import open_home
from tests.test_plan import graded, in_time, open_plan, propose, shown
from tests.test_twice import again, at_once
from tests.workspace import ADA, GONE, MEI, QIAN, QUINN, WANG, Said, Workspace

WHAT = "A second pair of eyes on the payment gateway"


def ask(workspace: Workspace, user: str, incident: Incident, **values: Any) -> Any:
    """Somebody asks for something from ⋯ More."""
    workspace.click(user, workspace.card(incident), "card.menu", option=f"more.open:{incident.id}")
    workspace.view_action(user, "requests.open")
    return fill_in(workspace, user, **values)


def fill_in(workspace: Workspace, user: str, **values: Any) -> Any:
    known = {"what": WHAT, "department": "quality", "owner": QUINN, "until": in_time(workspace, 60)}
    answer = workspace.submit(user, **{**known, **values})
    workspace.settle()
    workspace.sandbox.post("/act/close", user=user)
    return answer


def quiet(workspace: Workspace) -> Incident:
    """An incident in which nothing else is due for a while."""
    incident = graded(workspace, 3, customers_affected="1", trigger="dispute")
    workspace.click(ADA, workspace.card(incident), "verify.open")
    workspace.submit(ADA)
    workspace.contact(ADA, incident)
    return incident


def every(workspace: Workspace, incident: Incident) -> list[Request]:
    with workspace.bot.db.read() as tx:
        return requests.of_incident(tx, incident.id)


def clocks(workspace: Workspace, incident: Incident) -> list[Deadline]:
    with workspace.bot.db.read() as tx:
        return [each for each in deadlines.of_incident(tx, incident.id) if each.duty is Duty.REQUEST]


def listed(workspace: Workspace, incident: Incident) -> Said:
    """The one message with all requests in the incident's channel."""
    found = workspace.said(str(incident.channel_id))
    said = [each for each in found if WHAT in each.everything and "Quality" in each.everything]
    assert len(said) == 1
    return said[0]


def told(workspace: Workspace, user: str, number: int = -1) -> Said:
    return [each for each in workspace.said(user) if WHAT in each.everything][number]


def test_a_request_is_agreed_to_reminded_of_and_there(workspace: Workspace) -> None:
    incident = graded(workspace)
    propose(workspace, MEI, incident)
    opened = workspace.click(ADA, shown(workspace, incident), "requests.open")
    assert opened["view"]["callback_id"] == "requests.submit"
    fill_in(workspace, ADA)
    assert listed(workspace, incident).text.startswith(f"<@{QUINN}>, “{WHAT}” is needed by <!date^")
    assert f"⏱ *{WHAT}* · Quality · <@{QUINN}> is asked" in listed(workspace, incident).everything
    assert QUINN in workspace.channel(str(incident.channel_id))["members"]
    direct = told(workspace, QUINN)
    assert direct.text.startswith(f"<@{QUINN}>, <@{ADA}> needs this for INC-1 · Payments fail")
    assert direct.buttons == ["requests.agree*", "requests.decline"]
    assert WHAT in str(open_home(workspace, QUINN))
    clock = clocks(workspace, incident)[0]
    assert (clock.owner_id, clock.due_at) == (QUINN, every(workspace, incident)[0].until_at)

    workspace.click(QUINN, direct, "requests.agree")
    workspace.settle()
    assert told(workspace, QUINN).buttons == ["requests.done*", "requests.decline"]
    assert f"<@{QUINN}> does it" in listed(workspace, incident).everything
    workspace.wait(50)
    reminder = workspace.said(QUINN)[-1]
    assert f"“{WHAT}” is needed for INC-1" in reminder.text
    assert reminder.buttons[0] == "requests.done*"
    workspace.click(QUINN, reminder, "requests.done")
    workspace.submit(QUINN, answer="Two engineers watch it")
    workspace.settle()
    assert clocks(workspace, incident)[0].met_by == QUINN
    assert "Two engineers watch it" in listed(workspace, incident).everything
    assert "is still open" in listed(workspace, incident).text
    assert told(workspace, ADA).text == (
        f"✅ <@{ADA}>, “{WHAT}” for INC-1 · Payments fail with error 502 is done, says <@{QUINN}>."
    )
    assert told(workspace, QUINN, 0).buttons == []
    with workspace.bot.db.read() as tx:
        said = [each.what for each in journal.of_incident(tx, incident.id) if each.what.startswith("request_")]
    assert said == ["request_made", "request_agreed", "request_done"]


def test_who_cannot_says_why_and_somebody_else_is_asked(office: Workspace) -> None:
    incident = graded(office)
    ask(office, ADA, incident)
    office.click(QUINN, told(office, QUINN), "requests.decline")
    assert office.submit_unchecked(QUINN, reason="")["response"]["errors"]["reason"].startswith("Say why")
    office.submit(QUINN, reason="We are in the field; Qian could")
    office.settle()
    assert clocks(office, incident)[0].stopped_at is not None
    assert f"~{WHAT}~ · Quality · <@{QUINN}> can’t" in listed(office, incident).everything
    message = told(office, ADA)
    assert "ask somebody else" in message.text
    assert "Qian could" in message.everything
    assert message.buttons == ["requests.open*"]
    office.click(ADA, message, "requests.open")
    fill_in(office, ADA, owner=QIAN, department="tech_support")
    assert [each.state for each in every(office, incident)] == [RequestState.DECLINED, RequestState.ASKED]
    assert listed(office, incident).text.startswith(f"<@{QIAN}>, ")


def test_what_is_not_there_in_time_goes_up_and_may_be_taken_over(office: Workspace) -> None:
    incident = quiet(office)
    ask(office, ADA, incident, until=in_time(office, 30))
    office.wait(31)
    assert "⚠️ *" in listed(office, incident).everything
    late = next(each for each in reversed(office.said(MEI)) if "reminders.take_over" in str(each.buttons))
    office.click(MEI, late, "reminders.take_over")
    office.settle()
    assert f"<@{MEI}>" in listed(office, incident).everything
    assert clocks(office, incident)[0].owner_id == MEI
    reminder = next(each for each in reversed(office.said(MEI)) if "requests.done" in str(each.buttons))
    office.click(MEI, reminder, "requests.done")
    office.submit(MEI)
    office.settle()
    assert every(office, incident)[0].answered_by == MEI


def test_only_who_is_asked_answers_and_the_second_is_told(office: Workspace) -> None:
    incident = quiet(office)
    ask(office, ADA, incident, until=in_time(office, 40))
    direct = told(office, QUINN)
    office.wait(26)
    reminder = next(each for each in office.said(str(incident.channel_id)) if "requests.done*" in each.buttons)
    assert f"<@{QUINN}>" in str(office.click(WANG, reminder, "requests.done")["view"]["blocks"])
    office.sandbox.post("/act/close", user=WANG)
    again(office, office.click(QUINN, direct, "requests.agree"))
    office.click(QUINN, told(office, QUINN, 0), "requests.done")
    office.click(ADA, reminder, "requests.done")  # who has asked may say so, too
    at_once(lambda: office.submit(QUINN, answer="Here"), lambda: office.submit(ADA, answer="I have it"))
    office.settle()
    with office.bot.db.read() as tx:
        assert [each.what for each in journal.of_incident(tx, incident.id)].count("request_done") == 1
    slower = ADA if every(office, incident)[0].answered_by == QUINN else QUINN
    assert office.view(slower)["callback_id"] == "requests.done_submit", "they read under the field who was faster"


def test_wrong_input_and_the_same_form_twice(office: Workspace) -> None:
    incident = graded(office)
    office.click(ADA, office.card(incident), "card.menu", option=f"more.open:{incident.id}")
    office.view_action(ADA, "requests.open")
    values = {"what": " ", "department": "quality", "until": in_time(office, -1)}
    errors = office.submit_unchecked(ADA, **values)["response"]["errors"]
    assert set(errors) == {"what", "owner", "until"}
    errors = office.submit_unchecked(ADA, what=WHAT, owner=GONE, until=in_time(office))["response"]["errors"]
    assert "has left" in errors["owner"]
    answer = fill_in(office, ADA)
    again(office, answer)
    assert len(every(office, incident)) == 1
    assert len(clocks(office, incident)) == 1


def test_a_customers_name_in_a_request_is_masked(office: Workspace) -> None:
    incident = graded(office, customer="Zhang Wei")
    ask(office, ADA, incident, what=f"{WHAT}: Zhang Wei")
    assert "Zhang Wei" not in listed(office, incident).everything
    assert "Zhang Wei" not in told(office, QUINN).everything
    office.wait(46)
    assert "Zhang Wei" not in str([each.everything for each in office.said(QUINN)])


def test_what_somebody_was_asked_for_who_leaves_is_owed_by_whoever_coordinates(office: Workspace) -> None:
    incident = graded(office)
    ask(office, ADA, incident)
    assert open_plan(office, MEI, incident)
    office.sandbox.post("/act/profile", user=QUINN, deleted=True)
    office.settle()
    assert clocks(office, incident)[0].owner_id == WANG


def test_a_long_list_shows_what_is_open_first_and_says_where_the_rest_is(office: Workspace) -> None:
    incident = quiet(office)
    ask(office, ADA, incident)
    now, until = office.clock(), office.clock() + timedelta(hours=2)
    with office.bot.db.begin() as tx:
        for number in range(60):
            new = Request(0, incident.id, ADA, now, f"Number {number}. {'x' * 480}", "quality", QIAN, until)
            made = requests.save(tx, f"many {number}", new)
            if number % 2:
                requests.answer(tx, made.id, RequestState.DONE, QIAN, "x" * 500, now - timedelta(hours=1))
    office.click(QUINN, told(office, QUINN), "requests.agree")
    office.settle()
    shown = listed(office, incident)
    assert f"*{WHAT}* · Quality · <@{QUINN}> does it" in shown.everything, "who agrees to it is seen to"
    lines = [each for each in shown.blocks if "Number" in str(each)]
    assert all("is asked" in str(each) for each in lines), "what is over comes last"
    assert f"{30 - len(lines)} more are open: whoever was asked has each as a direct message" in shown.everything
    assert "30 more are over: `/incident record` shows them." in shown.everything
    with office.bot.db.begin() as tx:
        for each in requests.of_incident(tx, incident.id)[1:]:
            requests.answer(tx, each.id, RequestState.DONE, QIAN, "", now - timedelta(hours=1))
    office.click(QUINN, told(office, QUINN), "requests.done")
    office.submit(QUINN)
    office.settle()
    shown = listed(office, incident)
    assert f"✅ {WHAT}" in shown.everything, "what has just been done is seen"
    assert "Number 59" in shown.everything
    assert "Number 0" not in shown.everything
    assert "more are open" not in shown.everything


def test_whatever_signs_somebody_writes_the_list_is_shown(office: Workspace) -> None:
    incident = quiet(office)
    ask(office, ADA, incident, what=f"{WHAT} {'&' * 400}")
    office.click(QUINN, told(office, QUINN), "requests.agree")
    office.settle()
    office.click(QUINN, told(office, QUINN), "requests.done")
    office.submit(QUINN, answer="<&>" * 150)
    office.settle()
    assert "is done" in listed(office, incident).everything or "✅" in listed(office, incident).everything
    assert "&lt;&amp;&gt;" in listed(office, incident).everything
    assert "&lt;&amp;&gt;" * 100 in told(office, ADA).everything.replace("\n> ", "")

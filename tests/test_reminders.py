"""What is owed: told, reminded of before it is due, passed on when it is late; answered by one click."""

from datetime import timedelta

import pytest

from bot.incident import Deadline, Duty, Status
from handlers.clock import tick
from storage import deadlines, journal
from tests.test_plan import fill_in
from tests.workspace import ADA, EVA, GUEST, LIN, MEI, PAYMENTS_FAIL, SUN, WANG, ZHOU, Said, Workspace

TOM = "U0TOM"


def clocks(workspace: Workspace) -> dict[Duty, Deadline]:
    with workspace.bot.db.read() as tx:
        return {deadline.duty: deadline for deadline in deadlines.of_incident(tx, 1)}


def channel_of(workspace: Workspace) -> str:
    return str(workspace.incident(1).channel_id)


def latest(workspace: Workspace, place: str, words: str) -> Said:
    return next(said for said in reversed(workspace.said(place)) if words in said.text)


def acknowledge(workspace: Workspace) -> None:
    workspace.wait(0)
    workspace.click(WANG, latest(workspace, WANG, "INC-1"), "acknowledge.confirm")
    workspace.settle()


def test_what_is_told_at_once_waits_for_the_channel_and_not_longer(workspace: Workspace) -> None:
    workspace.sandbox.fault("conversations.create", "http_error", count=1)
    workspace.command(LIN)
    workspace.submit(LIN, **PAYMENTS_FAIL)
    tick(workspace.bot.desk)
    workspace.settle()
    assert workspace.incident(1).channel_id is None
    assert not workspace.said(WANG), "it would name no channel"
    workspace.wait(1 / 60)  # a second later the channel is opened
    assert "INC-1" in latest(workspace, WANG, channel_of(workspace)).text


def test_without_a_channel_the_supervisor_is_told_all_the_same_soon(workspace: Workspace) -> None:
    workspace.sandbox.fault("conversations.create", "http_error")
    workspace.command(LIN)
    workspace.submit(LIN, **PAYMENTS_FAIL)
    for _ in range(12):
        workspace.wait(2 / 60)
    assert workspace.incident(1).channel_id is None
    assert "INC-1" in latest(workspace, WANG, "INC-1").text


def test_the_supervisor_is_told_at_once_and_says_so_with_one_click(workspace: Workspace) -> None:
    incident = workspace.report()
    workspace.wait(0)
    told = latest(workspace, WANG, "INC-1")
    assert "请在" in told.text, "in Wang's own language"
    assert "确认知悉" in told.text
    assert told.buttons == ["acknowledge.confirm*"]
    assert WANG in workspace.channel(channel_of(workspace))["members"], "whoever is told can look"
    assert any("知会" in said.text or "for your information" in said.text for said in workspace.said(ZHOU))

    workspace.wait(1)
    workspace.click(WANG, told, "acknowledge.confirm")
    workspace.settle()
    assert "✅ *Report up*" in workspace.card(incident).everything
    done = next(said for said in workspace.said(WANG) if said.ts == told.ts)
    assert f"✅ <@{WANG}>" in done.text
    assert done.buttons == []
    owed = clocks(workspace)
    assert owed[Duty.ASSEMBLE_TEAM].due_at == workspace.clock.now + timedelta(minutes=10)
    assert owed[Duty.INFORM_EXECUTIVE].is_running
    workspace.wait(0)
    assert latest(workspace, EVA, "INC-1").buttons == ["acknowledge.confirm*"]


def test_nobody_acknowledges_and_the_next_one_up_is_told(office: Workspace) -> None:
    office.report()
    for minutes in (3, 2, 5, 5, 5, 5):
        office.wait(minutes)
    said = [each.text for each in office.said(channel_of(office))]
    for user_id in (MEI, TOM, SUN, EVA):
        assert any(f"⚠️ <@{user_id}>, nobody above has confirmed" in text for text in said), user_id
    assert any("Report up of INC-1 was due" in text and "nobody is left to tell" in text for text in said)


def test_who_stands_higher_may_acknowledge_others_may_not(office: Workspace) -> None:
    incident = office.report(ADA)
    office.click(ADA, office.card(incident), "verify.open")
    office.submit(ADA)
    office.wait(3)
    reminder = latest(office, channel_of(office), "has not confirmed yet")
    assert reminder.buttons[:2] == ["acknowledge.told*", "acknowledge.confirm"], "others read along in the channel"
    window = office.click(ADA, reminder, "acknowledge.confirm")["view"]
    assert "This is for supervisor" in str(window["blocks"])
    office.click(SUN, reminder, "acknowledge.confirm")
    office.settle()
    assert clocks(office)[Duty.REPORT_UP].met_by == SUN
    assert "✅ *Report up*" in office.card(incident).everything


def test_what_falls_together_is_one_message_with_a_button_for_each(office: Workspace) -> None:
    office.report(ADA)
    before = len(office.said(channel_of(office)))
    office.wait(3)
    new = office.said(channel_of(office))[before:]
    assert len(new) == 1
    assert "verify INC-1" in new[0].text
    assert "has not confirmed yet that they know about INC-1" in new[0].text
    assert new[0].buttons == ["verify.open*", "acknowledge.told"]
    assert office.said(ADA)[-1].buttons[0] == "verify.open*"


def test_in_the_first_ten_minutes_the_bot_says_little(office: Workspace) -> None:
    incident = office.report(ADA)
    office.wait(1)
    office.click(WANG, latest(office, WANG, "INC-1"), "acknowledge.confirm")
    office.click(ADA, office.card(incident), "verify.open")
    office.submit(ADA, note="Seen")
    office.settle()
    office.grade(WANG, incident, 1)
    for _ in range(9):
        office.wait(1)
    assert len(office.said(channel_of(office))) <= 6


def test_who_is_late_hears_of_it_too(office: Workspace) -> None:
    office.report(ADA)
    office.wait(5)
    assert "is not verified; it was due" in office.said(ADA)[-1].text


def a_dispute(office: Workspace, reporter: str) -> None:
    """Severity 3: 45 minutes after the report nothing but the first contact is to be reminded of."""
    incident = office.report(reporter, customers_affected="1", trigger="dispute")
    acknowledge(office)
    office.click(ADA, office.card(incident), "verify.open")
    office.submit(ADA)
    office.wait(45)


def test_a_reminder_is_put_off_once_and_comes_again_before_the_time(office: Workspace) -> None:
    a_dispute(office, ADA)
    reminder = latest(office, ADA, "first contact with 1 customer of")
    assert reminder.buttons == ["contact.open*", "reminders.postpone"]
    assert "Remind me in 7 min" in reminder.everything
    office.click(ADA, reminder, "reminders.postpone")
    office.settle()
    assert "put off once" in next(said.text for said in office.said(ADA) if said.ts == reminder.ts)
    office.wait(6)
    assert len([said for said in office.said(ADA) if "first contact with" in said.text]) == 1
    office.wait(1)
    again = office.said(ADA)[-1]
    assert "first contact with 1 customer of" in again.text
    assert again.ts != reminder.ts
    assert again.buttons == ["contact.open*"], "once"
    office.wait(8)
    assert "仍未首次联系" in office.said(MEI)[-1].text


def test_only_the_owner_puts_it_off(office: Workspace) -> None:
    a_dispute(office, LIN)
    window = office.click(ADA, latest(office, channel_of(office), "first contact"), "reminders.postpone")["view"]
    assert f"<@{LIN}>" in str(window["blocks"])
    assert clocks(office)[Duty.FIRST_CONTACT].postponed_at is None


def test_whoever_takes_over_owes_it_from_then_on(workspace: Workspace) -> None:
    incident = workspace.report(LIN)
    workspace.wait(3)
    workspace.click(LIN, latest(workspace, LIN, "核实"), "verify.open")
    workspace.submit(LIN)
    workspace.wait(7)
    workspace.wait(5)
    late = latest(workspace, channel_of(workspace), f"⚠️ <@{MEI}>, 120 customers of INC-1")
    assert late.buttons == ["reminders.take_over*", "contact.open"] or "reminders.take_over" in str(late.buttons)
    workspace.click(MEI, late, "reminders.take_over")
    workspace.settle()
    assert clocks(workspace)[Duty.FIRST_CONTACT].owner_id == MEI
    assert f"*First contact* · <@{MEI}>" in workspace.card(incident).everything
    workspace.wait(5)
    next_up = latest(workspace, channel_of(workspace), f"⚠️ <@{WANG}>, 120 customers").text
    assert f"from <@{LIN}>" in next_up, "it was not Mei who was late"
    assert f"<@{MEI}> has it now" in next_up, "the next one up is told, of the new owner"
    assert sum(f"⚠️ <@{MEI}>, 120 customers" in said.text for said in workspace.said(channel_of(workspace))) <= 1
    with workspace.bot.db.read() as tx:
        assert "taken_over" in [entry.what for entry in journal.of_incident(tx, 1)]


def test_updates_are_due_again_after_each_contact(office: Workspace) -> None:
    incident = office.report(ADA)
    assert Duty.UPDATE not in clocks(office)
    for _ in range(2):
        office.click(ADA, office.card(incident), "contact.open")
        office.submit(ADA, said="We are on it")
        office.settle()
        assert clocks(office)[Duty.UPDATE].due_at == office.clock.now + timedelta(hours=2)
        assert office.card(incident).everything.count("Update to customers") == 1
        office.wait(30)
    office.wait(75)
    assert "an update by" in office.said(ADA)[-1].text


@pytest.mark.parametrize(("becomes", "due"), [("ordinary_complaint", 3), ("complex_complaint", 5)])
def test_an_ordinary_complaint_has_longer_clocks_and_is_closed_by_feedback(
    office: Workspace, becomes: str, due: int
) -> None:
    incident = office.report(ADA, customers_affected="1", trigger="staff_attitude")
    office.choose(ADA, incident, "dismiss.open")
    office.submit(ADA, reason="One customer, calm", becomes=becomes)
    office.settle()
    assert not office.channel(channel_of(office))["is_archived"]
    owed = clocks(office)
    assert owed[Duty.VERIFY].stopped_at is not None
    assert owed[Duty.COMPLAINT_RESPONSE].due_at == office.clock.now + timedelta(hours=24)
    solution = owed[Duty.COMPLAINT_SOLUTION if due == 3 else Duty.COMPLEX_SOLUTION]
    assert solution.due_at == office.bot.desk.procedure.worktime.add_days(office.clock.now, due)
    calendar = office.bot.desk.procedure.worktime
    assert all(calendar.is_working_time(moment.at) for moment in solution.moments), "quiet hours"
    card = office.card(incident)
    assert "*Ordinary complaint*: One customer, calm" in card.everything
    assert card.buttons == ["solution.open*", "contact.open"]

    office.click(ADA, card, "contact.open")
    office.submit(ADA, said="We look into it")
    office.click(ADA, card, "solution.open")
    assert office.submit_unchecked(ADA, words=" ")["response"]["errors"]["words"].startswith("Say in a sentence")
    office.submit(ADA, words="The colleague apologises")
    office.settle()
    assert clocks(office)[Duty.COMPLAINT_FEEDBACK].due_at == office.clock.now + timedelta(hours=24)
    assert "*Solution:* The colleague apologises" in office.card(incident).everything
    office.click(ADA, office.card(incident), "contact.open")
    office.submit(ADA, said="The colleague has apologised; is all well?")
    office.settle()
    assert office.incident(1).status is Status.CLOSED
    assert office.channel(channel_of(office))["is_archived"]
    assert "Open incidents: none." in str(office.command(ADA, "list")["ephemeral"]["blocks"])


def test_a_preliminary_solution_is_owed_at_severity_3(office: Workspace) -> None:
    incident = office.report(ADA, customers_affected="1", trigger="wrong_charge")
    office.click(ADA, office.card(incident), "verify.open")
    office.submit(ADA)
    office.settle()
    office.wait(90)
    assert "propose a preliminary solution for INC-1" in latest(office, ADA, "preliminary").text
    window = office.click(GUEST, latest(office, channel_of(office), "preliminary"), "plan.open")["view"]
    assert "This is for" in str(window["blocks"])
    office.click(ADA, latest(office, ADA, "preliminary"), "plan.open")
    fill_in(office, ADA, steps="Refund tomorrow")
    assert clocks(office)[Duty.PRELIMINARY_SOLUTION].is_running, "nobody has approved it"
    said = latest(office, ADA, "still waits for")
    assert {"plan.check", "plan.check*"} & {*said.buttons}
    assert "plan.open" not in str(said.buttons)
    office.click(MEI, latest(office, MEI, "方案"), "plan.approve")
    office.settle()
    assert clocks(office)[Duty.PRELIMINARY_SOLUTION].met_by == ADA

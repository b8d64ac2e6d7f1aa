"""Who has to know of an incident: they say so with a click, or by acting; whoever has told them says that; nobody is
accused of what somebody else was late with."""

from typing import Any

import pytest

from bot.incident import Deadline, Duty, Incident
from storage import deadlines, journal
from tests.test_plan import fill_in, open_plan
from tests.workspace import ADA, EVA, GUEST, LEA, LIN, MEI, PAT, WANG, ZHOU, Said, Workspace

TOM = "U0TOM"


def clocks(workspace: Workspace) -> dict[Duty, Deadline]:
    with workspace.bot.db.read() as tx:
        return {deadline.duty: deadline for deadline in deadlines.of_incident(tx, 1)}


def told_in_journal(workspace: Workspace) -> list[tuple[str, str | None, Any]]:
    """What the journal says about who knows: the word, who, and by what they did or whom they told."""
    with workspace.bot.db.read() as tx:
        entries = journal.of_incident(tx, 1)
    about = ("acknowledged", "knows_by_acting", "told")
    return [
        (each.what, each.by, each.detail.get("did") or each.detail.get("to")) for each in entries if each.what in about
    ]


def channel_of(workspace: Workspace) -> str:
    return str(workspace.incident(1).channel_id)


def latest(workspace: Workspace, place: str, words: str) -> Said:
    return next(said for said in reversed(workspace.said(place)) if words in said.text)


def verified(office: Workspace, **values: Any) -> Incident:
    """Reported by Ada, verified, and with nothing else to be reminded of for a while."""
    incident = office.report(ADA, **values)
    office.click(ADA, office.card(incident), "verify.open")
    office.submit(ADA)
    office.settle()
    return incident


def in_public(office: Workspace) -> Incident:
    """Severity 1, the press has it: Wang, who leads nobody yet, owes PR's word within five minutes."""
    incident = verified(office)
    office.grade(WANG, incident, 1, publicity="press")
    assert clocks(office)[Duty.INVOLVE_PR].owner_id == WANG
    return incident


def take(office: Workspace, user: str) -> None:
    """Somebody takes every role that they are asked for."""
    for message in office.said(user):
        if "roles.accept*" in message.buttons:
            office.click(user, message, "roles.accept")
    office.settle()


def test_whoever_grades_and_stands_high_enough_knows_of_it(office: Workspace) -> None:
    incident = verified(office)
    office.wait(1)
    told = latest(office, WANG, "INC-1")
    office.grade(WANG, incident, 1)
    assert clocks(office)[Duty.REPORT_UP].met_by == WANG
    assert told_in_journal(office) == [("knows_by_acting", WANG, "graded")]
    done = next(said for said in office.said(WANG) if said.ts == told.ts)
    assert "✅" in done.text
    assert done.buttons == [], "nothing is asked of him any more"
    assert clocks(office)[Duty.INFORM_EXECUTIVE].is_running, "what follows has begun"


def test_whoever_does_not_have_to_know_may_act_as_much_as_they_like(office: Workspace) -> None:
    incident = verified(office)
    office.grade(ADA, incident, 1)
    assert clocks(office)[Duty.REPORT_UP].is_running, "an agent is not the supervisor"


def test_the_executive_who_acts_first_knows_of_everything_at_once(office: Workspace) -> None:
    incident = verified(office)
    office.grade(EVA, incident, 1)
    office.wait(1)
    assert {duty for duty, each in clocks(office).items() if each.met_by == EVA} >= {
        Duty.REPORT_UP,
        Duty.INFORM_EXECUTIVE,
    }
    assert not any("acknowledge.confirm" in str(said.buttons) for said in office.said(EVA)), "nobody asks her to say so"


def test_pr_is_involved_when_it_takes_its_role_and_who_leads_since_then_is_not_accused(office: Workspace) -> None:
    incident = in_public(office)
    office.assign(WANG, incident)
    office.wait(5)  # nobody has answered, and PR does not know
    late = latest(office, channel_of(office), "PR has not confirmed")
    assert f"<@{WANG}> was to involve <@{PAT}>" in late.text
    office.wait(0.5)
    take(office, MEI)
    assert clocks(office)[Duty.INVOLVE_PR].owner_id == MEI, "what is still to be done is the lead's now"
    late = latest(office, channel_of(office), "PR has not confirmed")
    assert f"<@{WANG}> was to involve <@{PAT}>" in late.text, "it was Wang's when it fell due"
    assert f"<@{MEI}> has it now." in late.text
    assert f"<@{WANG}> 应于" in latest(office, MEI, "公关仍未知悉").text, "her own message says so too"
    take(office, PAT)
    met = clocks(office)[Duty.INVOLVE_PR]
    assert (met.met_by, met.met_at) == (PAT, office.clock.now)
    assert ("knows_by_acting", PAT, "role_taken") in told_in_journal(office)
    assert "has not confirmed" not in str([said.text for said in office.said(channel_of(office))])
    assert all("acknowledge.confirm" not in str(said.buttons) for said in office.said(PAT)), "no second click"


def test_who_decides_on_the_plan_knows_of_it(office: Workspace) -> None:
    incident = in_public(office)
    office.wait(0)
    assert "acknowledge.confirm*" in str([said.buttons for said in office.said(EVA)])
    open_plan(office, ADA, incident)
    fill_in(office, ADA)
    office.click(EVA, latest(office, EVA, "plan 1"), "plan.approve")
    office.settle()
    assert clocks(office)[Duty.INFORM_EXECUTIVE].met_by == EVA
    assert ("knows_by_acting", EVA, "plan_approved") in told_in_journal(office)
    assert "acknowledge.confirm" not in str([said.buttons for said in office.said(EVA)])


@pytest.mark.parametrize(
    ("action", "answer", "did"),
    [
        ("plan.refuse", {"reason": "Too slow"}, "plan_refused"),
        ("plan.ask", {"question": "How long is it down?"}, "plan_question"),
    ],
)
def test_who_sends_the_plan_back_or_asks_about_it_knows_of_it(
    office: Workspace, action: str, answer: dict[str, str], did: str
) -> None:
    incident = in_public(office)
    office.wait(0)
    open_plan(office, ADA, incident)
    fill_in(office, ADA)
    office.click(EVA, latest(office, EVA, "plan 1"), action)
    office.submit(EVA, **answer)
    office.settle()
    assert clocks(office)[Duty.INFORM_EXECUTIVE].met_by == EVA
    assert ("knows_by_acting", EVA, did) in told_in_journal(office)


def test_who_has_reached_them_says_so_and_is_left_in_peace_while_they_are_asked_themselves(office: Workspace) -> None:
    in_public(office)
    office.wait(3)
    reminder = latest(office, WANG, "公关")
    assert reminder.buttons[0] == "acknowledge.told*", "a button for him, not for PR"
    assert "acknowledge.confirm" not in str(reminder.buttons)
    office.click(WANG, reminder, "acknowledge.told")
    office.settle()
    assert ("told", WANG, PAT) in told_in_journal(office)
    said = next(each for each in office.said(WANG) if each.ts == reminder.ts)
    assert f"告知 <@{PAT}>，待对方确认知悉" in said.text
    assert said.buttons == []
    in_channel = latest(office, channel_of(office), f"<@{WANG}> told <@{PAT}>")
    assert in_channel.buttons == ["acknowledge.confirm*"], "what is missing is PR's own word"
    office.wait(0)
    asked = latest(office, PAT, f"<@{WANG}> says that they told you about")
    assert asked.buttons == ["acknowledge.confirm*"]

    heard = len(office.said(WANG))
    office.wait(2)  # it falls due
    assert clocks(office)[Duty.INVOLVE_PR].is_running
    assert not any("PR has not confirmed" in each.text for each in office.said(channel_of(office))), (
        "the ladder waits once"
    )
    assert not any("公关" in each.text for each in office.said(WANG)[heard:])
    office.click(PAT, asked, "acknowledge.confirm")
    office.settle()
    assert clocks(office)[Duty.INVOLVE_PR].met_by == PAT


def test_nobody_acknowledges_although_told_and_the_next_one_up_is_told_an_interval_later(office: Workspace) -> None:
    in_public(office)
    office.wait(0)
    office.click(EVA, latest(office, EVA, "INC-1"), "acknowledge.confirm")
    office.wait(3)
    office.click(WANG, latest(office, WANG, "公关"), "acknowledge.told")
    office.settle()
    office.wait(2)
    office.wait(5)
    late = latest(office, channel_of(office), f"⚠️ <@{MEI}>, <@{PAT}> has not confirmed that they know about INC-1")
    assert f"<@{WANG}> told them at" in late.text
    assert all("acknowledge.told" not in each for each in late.buttons), "once"
    window = office.click(WANG, late, "acknowledge.confirm")["view"]
    assert f"<@{PAT}>" in str(window["blocks"]), "the refusal names who can"
    office.wait(5)
    assert latest(office, channel_of(office), f"⚠️ <@{TOM}>, <@{PAT}> has not confirmed"), "and so on up"


def test_whoever_hears_that_it_is_late_can_say_so_too_and_others_can_not(office: Workspace) -> None:
    in_public(office)
    office.wait(5)
    late = latest(office, MEI, "公关")
    assert late.buttons == ["acknowledge.told*"], "a lead can't speak for PR, but can reach them"
    window = office.click(GUEST, latest(office, channel_of(office), "PR has not confirmed"), "acknowledge.told")["view"]
    assert f"<@{ADA}>" in str(window["blocks"]), "not one of its people; whoever reported it is"
    office.click(MEI, late, "acknowledge.told")
    office.settle()
    assert clocks(office)[Duty.INVOLVE_PR].told_by == MEI


def test_what_was_met_while_its_reminder_waited_is_not_said_any_more(office: Workspace) -> None:
    incident = verified(office)
    office.grade(WANG, incident, 1)
    office.wait(4)
    office.assign(WANG, incident)
    before = len(office.said(channel_of(office)))
    office.sandbox.fault("chat.postMessage", "ratelimited", retry_after=60)
    office.wait(2)  # the team is to be complete in four minutes
    for user in (MEI, ZHOU, LEA, PAT, "U0HE"):
        take(office, user)
    office.sandbox.heal()
    office.wait(2)
    assert clocks(office)[Duty.ASSEMBLE_TEAM].met_at is not None
    new = [said.text for said in office.said(channel_of(office))[before:]]
    assert not any("The team for INC-1" in text for text in new)
    assert any("has not confirmed yet that they know" in text for text in new), "what fell together with it is said"


def test_the_channel_is_reminded_once_when_somebody_else_owes_it_from_then_on(office: Workspace) -> None:
    incident = verified(office)
    office.grade(WANG, incident, 1)
    office.wait(4)
    office.assign(WANG, incident)
    office.wait(2)
    reminder = latest(office, channel_of(office), "the team for INC-1 is not complete")
    assert reminder.text.startswith(f"<@{WANG}>, ")
    take(office, MEI)
    office.wait(0)
    now = [said for said in office.said(channel_of(office)) if "the team for INC-1 is not complete" in said.text]
    assert [said.ts for said in now] == [reminder.ts], "not posted anew"
    assert f"<@{MEI}>, the team" in now[0].text, "it names who owes it now"
    assert latest(office, MEI, "团队尚未到位"), "the new lead reads it in person"
    for user in (ZHOU, LEA, PAT, "U0HE"):
        take(office, user)
    done = [said for said in office.said(channel_of(office)) if "The team for INC-1 was complete" in said.text]
    assert len(done) == 1


def test_the_home_tab_offers_what_the_owner_can_do(office: Workspace) -> None:
    verified(office)
    office.wait(3)
    office.sandbox.post("/act/home", user=ADA)
    office.settle()
    office.sandbox.post("/act/home_action", user=ADA, action_id="acknowledge.told", block_id=None)
    office.settle()
    assert clocks(office)[Duty.REPORT_UP].told_by == ADA
    assert f"<@{WANG}> was told and has still to confirm it" in str(office.sandbox.get(f"/home/{ADA}")["blocks"])
    assert LIN not in str(told_in_journal(office))

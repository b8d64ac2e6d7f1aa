"""A customer is not satisfied, or it was closed too early: it is open again, and somebody acts at once."""

import json
from typing import Any

from bot.incident import Deadline, Duty, Incident, Role, Status
from storage import confirmations, deadlines, incidents, notes, roles
from tests.test_closing import (
    DAY,
    LINK,
    ONE,
    clock,
    close,
    confirm,
    errors,
    fixed,
    press,
    running,
    said,
    say_fixed,
    whats,
)
from tests.workspace import ADA, HE, LIN, MEI, PAT, WANG, Workspace

WORDS = "We are sorry that it still fails, and work on it"


def not_satisfied(workspace: Workspace, user: str, incident: Incident, **values: Any) -> Any:
    """Somebody records that a customer is not satisfied."""
    return confirm(workspace, user, incident, satisfied="no", **values)


def has_role(workspace: Workspace, incident: Incident, role: Role, user: str) -> None:
    """Somebody has a role."""
    with workspace.bot.db.begin() as tx:
        roles.ask(tx, incident.id, role, user, user, workspace.clock.now, accepted=True)
        incidents.add_participants(tx, incident.id, [user])


def subjects(workspace: Workspace, incident: Incident, duty: Duty) -> list[Deadline]:
    with workspace.bot.db.read() as tx:
        return [each for each in deadlines.running(tx, incident.id) if each.duty is duty]


def test_at_severity_1_the_lead_calls_in_person(workspace: Workspace) -> None:
    incident = workspace.report(ADA, **ONE)
    workspace.grade(WANG, incident, 1, "an important customer")
    has_role(workspace, incident, Role.LEAD, MEI)
    workspace.contact(ADA, incident)
    say_fixed(workspace, ADA, incident)
    workspace.wait(10)
    not_satisfied(workspace, ADA, incident, said="It still fails for Acme Ltd", score="1")
    again = workspace.incident(incident.id)
    assert (again.status, again.round, again.fixed_at) == (Status.VERIFIED, 2, None)
    [owed] = subjects(workspace, incident, Duty.CALL_IN_PERSON)
    assert owed.owner_id == MEI
    assert not running(workspace, incident) & {Duty.CONFIRMATION, Duty.SATISFACTION, Duty.FOLLOW_UP, Duty.POSTMORTEM}
    assert {Duty.UPDATE, Duty.BRIEF} <= running(workspace, incident)

    told = said(workspace, incident, "is not satisfied")
    assert told.text.startswith(f"<@{MEI}>, call them in person by ")
    assert told.buttons == ["contact.with*"]
    assert "Acme" not in told.everything, "in the channel the customer is masked"
    direct = [each for each in workspace.said(MEI) if "亲自致电" in each.text][-1]
    assert direct.buttons == ["contact.with*"]
    assert "Acme" not in direct.everything

    opened = workspace.click(ADA, told, "contact.with")
    assert '"apology"' in json.dumps(opened["view"])
    assert workspace.submit(ADA, said=WORDS)["response"] is None
    workspace.settle()
    assert subjects(workspace, incident, Duty.CALL_IN_PERSON), "it is the lead who has to call"
    workspace.click(MEI, direct, "contact.with")
    assert workspace.submit(MEI, said=WORDS)["response"] is None
    workspace.settle()
    met = clock(workspace, incident, Duty.CALL_IN_PERSON)
    assert met is not None
    assert met.met_by == MEI
    assert not said(workspace, incident, "is not satisfied").buttons

    say_fixed(workspace, ADA, incident, what="And now for good")
    confirm(workspace, ADA, incident, score="5")
    assert workspace.incident(incident.id).status is Status.CONFIRMED
    with workspace.bot.db.read() as tx:
        kept = confirmations.of_incident(tx, incident.id)
    assert [(each.round, each.is_satisfied) for each in kept] == [(1, False), (2, True)], "the first round stays"
    assert "satisfaction 5 of 5 (1 answer)" in workspace.card(incident).everything


def test_at_severity_2_customer_relations_works_out_a_second_plan(workspace: Workspace) -> None:
    incident = workspace.report(ADA, **ONE)
    workspace.grade(WANG, incident, 2, "as I see it")
    has_role(workspace, incident, Role.CUSTOMER_RELATIONS, PAT)
    workspace.contact(ADA, incident)
    say_fixed(workspace, ADA, incident)
    not_satisfied(workspace, ADA, incident)
    [owed] = subjects(workspace, incident, Duty.SECOND_PLAN)
    assert owed.owner_id == PAT
    assert not subjects(workspace, incident, Duty.CALL_IN_PERSON)
    told = said(workspace, incident, "is not satisfied")
    assert told.text.startswith(f"<@{PAT}>, work out a second plan by ")
    assert told.buttons == ["plan.open*"]
    assert [each for each in workspace.said(PAT) if "work out a second plan" in each.text]
    say_fixed(workspace, ADA, incident)
    assert not subjects(workspace, incident, Duty.SECOND_PLAN), "what works again needs no plan"


def test_several_at_once_who_are_not_satisfied(office: Workspace) -> None:
    incident = office.report(ADA)
    office.grade(WANG, incident, 1)
    has_role(office, incident, Role.LEAD, MEI)
    say_fixed(office, ADA, incident)
    press(office, ADA, incident, "confirm.open")
    office.suggest(ADA, "confirm.look")
    office.view_action(ADA, "confirm.look", value="several", block_id="who")
    office.submit(ADA, satisfied="no", url=LINK, many="3")
    office.settle()
    [owed] = subjects(office, incident, Duty.CALL_IN_PERSON)
    assert owed.subject == ""
    told = said(office, incident, "not satisfied")
    assert "3 customers" in told.text
    assert told.buttons == ["contact.open*"]
    office.wait(20)
    reminder = next(each for each in office.said(MEI) if "一位客户" in each.everything)
    assert "contact.open" in [each.rstrip("*") for each in reminder.buttons]
    office.click(MEI, reminder, "contact.open")
    office.submit(MEI, said=WORDS)
    office.settle()
    assert not subjects(office, incident, Duty.CALL_IN_PERSON)


def test_a_message_or_no_answer_is_no_call(office: Workspace) -> None:
    incident = fixed(office, severity=1, **ONE)
    not_satisfied(office, ADA, incident)
    [owed] = subjects(office, incident, Duty.CALL_IN_PERSON)
    who = owed.owner_id
    with office.bot.db.begin() as tx:
        incidents.add_participants(tx, incident.id, [who])
    for channel, outcome in (("sms:en", "sent"), ("phone:en", "no_answer")):
        opened = office.click(who, office.card(incident), "contact.open")
        assert opened["view"]["callback_id"] == "contact.submit"
        office.view_action(who, "contact.look", value=channel, block_id="channel")
        if outcome == "no_answer":
            office.view_action(who, "contact.look", value=outcome, block_id="outcome")
        said_field = next(
            each["block_id"] for each in office.view(who)["blocks"] if each["block_id"].startswith("said")
        )
        office.submit(who, **{said_field: WORDS})
        office.settle()
        assert subjects(office, incident, Duty.CALL_IN_PERSON), channel


def test_two_people_record_at_once_that_the_customer_is_not_satisfied(office: Workspace) -> None:
    incident = fixed(office, severity=2, **ONE)
    press(office, ADA, incident, "confirm.open")
    press(office, WANG, incident, "confirm.open")
    office.submit(ADA, satisfied="no", url=LINK)
    told = errors(office.submit(WANG, satisfied="no", url=LINK))
    assert "重新打开" in next(iter(told.values()))
    office.settle()
    assert office.incident(incident.id).round == 2
    assert len(subjects(office, incident, Duty.SECOND_PLAN)) == 1


def test_after_somebody_has_confirmed_it_takes_another_round(office: Workspace) -> None:
    incident = fixed(office, severity=3, **ONE)
    confirm(office, ADA, incident)
    office.click(ADA, office.card(incident), "card.menu", option=f"fixed.not_fixed:{incident.id}")
    office.submit(ADA, reason="Errors are back")
    office.settle()
    again = office.incident(incident.id)
    assert (again.status, again.round) == (Status.VERIFIED, 2)
    assert "It is open again" in said(office, incident, "said that").everything


def test_closed_too_early(office: Workspace) -> None:
    incident = fixed(office, severity=2, **ONE)
    office.contact(ADA, incident)
    confirm(office, ADA, incident, score="4")
    close(office, ADA, incident)
    assert whats(office, incident).count("closed") == 1
    office.click(LIN, office.card(incident), "card.menu", option=f"reopen.open:{incident.id}")
    assert "reason" in errors(office.submit_unchecked(LIN, reason=" "))
    office.click(ADA, said(office, incident, "has closed"), "reopen.open")
    office.submit(LIN, reason="Acme Ltd says that it fails again")
    told = errors(office.submit(ADA, reason="It fails again"))
    assert "has opened it again" in next(iter(told.values()))
    office.settle()
    again = office.incident(incident.id)
    assert (again.status, again.round, again.closed_at, again.reopened_by) == (Status.VERIFIED, 2, None, LIN)
    assert Duty.UPDATE in running(office, incident)
    card = office.card(incident).everything
    assert "*Opened again:*" in card
    assert "Acme" not in card
    assert "Round 2" in card
    assert whats(office, incident).count("reopened") == 1
    office.wait(7 * DAY + 60)
    assert office.incident(incident.id).archived_at is None, "it is open: nothing is archived"
    say_fixed(office, ADA, incident)
    close(office, ADA, incident)
    office.wait(6 * DAY)
    assert office.incident(incident.id).archived_at is None, "seven days after it was closed for good"
    office.wait(DAY + 60)
    assert office.incident(incident.id).archived_at is not None


def test_an_archived_incident_gets_another_channel(office: Workspace) -> None:
    incident = fixed(office, severity=2, **ONE)
    confirm(office, ADA, incident, score="4")
    close(office, ADA, incident)
    office.wait(8 * DAY)
    old = str(office.incident(incident.id).channel_id)
    assert office.channel(old)["is_archived"]
    opened = office.click(ADA, office.card(incident), "card.menu", option=f"reopen.open:{incident.id}")
    assert "it gets a new one" in json.dumps(opened["view"])
    office.submit(ADA, reason="It fails again")
    office.settle()
    again = office.incident(incident.id)
    assert again.channel_id != old
    assert again.archived_at is None
    new = office.channel(str(again.channel_id))
    assert set(office.channel(old)["members"]) <= set(new["members"])
    assert ADA in new["members"]
    assert "Round 2" in office.card(again).everything
    assert office.card(again).channel == again.channel_id
    announced = [each for each in office.said("incidents") if incident.number in each.text]
    assert len(announced) == 1
    assert str(again.channel_id) in announced[0].text
    assert [each for each in office.said(str(again.channel_id)) if "has opened INC-1 again" in each.text]


def test_who_has_nothing_to_do_with_it_does_not_open_it_again(office: Workspace) -> None:
    incident = fixed(office, severity=2, **ONE)
    confirm(office, ADA, incident, score="4")
    close(office, ADA, incident)
    answer = office.click(HE, said(office, incident, "has closed"), "reopen.open")
    assert answer["view"]["callback_id"] == "told"
    assert office.incident(incident.id).status is Status.CLOSED


def test_a_complaint_that_is_opened_again_has_its_own_clocks_again(office: Workspace) -> None:
    incident = office.report(ADA, **ONE)
    office.click(ADA, office.card(incident), "card.menu", option=f"dismiss.open:{incident.id}")
    office.submit(ADA, reason="Complex, but no emergency", becomes="complex_complaint")
    office.settle()
    close(office, ADA, incident)
    assert running(office, incident) == set()
    office.click(ADA, office.card(incident), "card.menu", option=f"reopen.open:{incident.id}")
    office.submit(ADA, reason="The customer is not content")
    office.settle()
    again = office.incident(incident.id)
    assert (again.status, again.round) == (Status.COMPLAINT, 2)
    assert running(office, incident) == {Duty.COMPLAINT_RESPONSE, Duty.COMPLEX_SOLUTION}
    with office.bot.db.read() as tx:
        assert [each.occasion for each in notes.of_incident(tx, incident.id)][-1] == "reopened"

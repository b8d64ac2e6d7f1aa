"""A customer is not satisfied, or it was closed too early: it is open again, and somebody acts at once."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.incident import Customer, Deadline, Duty, Incident, Role, Status
from bot.plan import in_force
from storage import confirmations, customers, deadlines, incidents, notes, people, roles
from tests import test_plan, test_requests
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
from tests.workspace import ADA, HE, LIN, MEI, PAT, SUN, WANG, Workspace

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
    assert "相同答复" in next(iter(told.values()))
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
    office.wait(10)
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


def open_again(office: Workspace, user: str, incident: Incident, **values: Any) -> Incident:
    """Somebody opens a closed incident again, from the message that says so."""
    office.click(user, said(office, incident, "has closed"), "reopen.open")
    assert office.submit(user, **{"reason": "That was the wrong button", **values})["response"] is None
    office.settle()
    return office.incident(incident.id)


def clocks(office: Workspace, incident: Incident) -> dict[tuple[Duty, str], Deadline]:
    with office.bot.db.read() as tx:
        return {(each.duty, each.subject): each for each in deadlines.running(tx, incident.id)}


def not_fixed(office: Workspace, user: str, incident: Incident) -> None:
    """Somebody says that it is not fixed after all."""
    office.click(user, office.card(incident), "card.menu", option=f"fixed.not_fixed:{incident.id}")
    office.submit(user, reason="Errors are back")
    office.settle()


@pytest.mark.parametrize("severity", [1, 3])
def test_what_was_owed_when_it_was_closed_by_mistake_is_owed_again(office: Workspace, severity: int) -> None:
    incident = office.report(ADA)
    office.grade(ADA, incident, severity, "as I see it")  # a supervisor would know of it by that
    test_requests.ask(office, ADA, incident)
    office.wait(1)
    before = clocks(office, incident)
    assert {Duty.VERIFY, Duty.FIRST_CONTACT, Duty.REQUEST} <= {duty for duty, _ in before}
    assert severity != 1 or {Duty.REPORT_UP, Duty.BRIEF, Duty.TASK} <= {duty for duty, _ in before}
    close(office, ADA, incident, reason="by mistake")
    office.wait(7)
    again = open_again(office, LIN, incident)
    assert (again.status, again.round) == (Status.REPORTED, 1), "it was never solved: it is the same round"
    after = clocks(office, incident)
    assert set(after) == set(before)
    for about, clock_then in before.items():
        stood = timedelta(0) if about[0] is Duty.REQUEST else timedelta(minutes=7)
        assert after[about].due_at == clock_then.due_at + stood, "it has as much time as it had"
    office.wait(40 if severity == 1 else 90)
    late = clocks(office, incident)
    assert late[Duty.FIRST_CONTACT, ""].position > after[Duty.FIRST_CONTACT, ""].position, "the ladder hears of it"
    close(office, ADA, incident, reason="by mistake once more")
    told = [each for each in office.said(str(incident.channel_id)) if "has closed" in each.text]
    assert [bool(each.buttons) for each in told] == [False, True], "the button of the first closing is used"


def test_the_approved_plan_of_an_incident_closed_by_mistake_is_in_force_again(office: Workspace) -> None:
    incident = test_plan.graded(office, 3, **ONE)
    test_plan.propose(office, ADA, incident)
    [asked] = subjects(office, incident, Duty.APPROVE_PLAN)
    office.click(asked.owner_id, test_plan.asked(office, asked.owner_id), "plan.approve")
    office.wait(1)
    steps = {about for about in clocks(office, incident) if about[0] is Duty.TASK}
    assert steps
    close(office, ADA, incident, reason="by mistake")
    open_again(office, ADA, incident)
    assert steps <= set(clocks(office, incident))
    [plan] = test_plan.every(office, incident)
    assert in_force([plan], office.incident(incident.id).round) == plan


def test_a_fixed_incident_that_was_closed_owes_again_what_it_owed_then(office: Workspace) -> None:
    incident = fixed(office, severity=2, **ONE)
    test_requests.ask(office, ADA, incident)
    office.wait(1)
    before = set(clocks(office, incident))
    close(office, ADA, incident, reason="by mistake")
    office.wait(60)
    again = open_again(office, ADA, incident)
    assert (again.status, again.round) == (Status.VERIFIED, 2)
    of_round = {Duty.CONFIRMATION, Duty.FOLLOW_UP, Duty.POSTMORTEM, Duty.SECTION}
    assert {about for about in before if about[0] not in of_round} <= set(clocks(office, incident))
    assert not of_round & running(office, incident), "asked anew when it is fixed once more"
    office.wait(1)
    say_fixed(office, ADA, incident)
    assert of_round <= running(office, incident)


def test_not_fixed_after_all_goes_on_with_the_time_that_was_left(office: Workspace) -> None:
    incident = test_plan.graded(office, 3, **ONE)
    test_plan.propose(office, ADA, incident)
    [first] = subjects(office, incident, Duty.APPROVE_PLAN)
    office.contact(ADA, incident)
    office.wait(5)
    test_plan.propose(office, WANG, incident)
    office.wait(3)
    before = clocks(office, incident)
    [asked] = subjects(office, incident, Duty.APPROVE_PLAN)
    assert asked.id != first.id
    say_fixed(office, ADA, incident)
    office.wait(2 * DAY)
    not_fixed(office, ADA, incident)
    after = clocks(office, incident)
    assert {Duty.SECTION, Duty.POSTMORTEM, Duty.CONFIRMATION} & running(office, incident) == set()
    [again] = subjects(office, incident, Duty.APPROVE_PLAN)
    assert again.id == asked.id, "the plan that was replaced waits for nobody"
    for duty in (Duty.UPDATE, Duty.APPROVE_PLAN):
        [then] = [each for about, each in before.items() if about[0] is duty]
        [now] = [each for about, each in after.items() if about[0] is duty]
        assert now.due_at == then.due_at + timedelta(days=2)
    channel = str(incident.channel_id)
    told = len(office.said(channel))
    office.wait(1)
    assert not [each.text for each in office.said(channel)[told:]], "nothing is late"
    office.grade(WANG, incident, 2, "more than we thought")
    [update] = subjects(office, incident, Duty.UPDATE)
    assert not update.is_late(office.clock.now), "nobody owed an update while it was said to work"


def test_nobody_is_asked_for_the_postmortem_of_what_is_not_over(office: Workspace) -> None:
    incident = fixed(office, severity=2, **ONE)
    assert Duty.SECTION in running(office, incident)
    not_satisfied(office, ADA, incident)
    assert not {Duty.SECTION, Duty.ACCEPT_POSTMORTEM, Duty.POSTMORTEM} & running(office, incident)
    direct = [each for each in office.said(ADA) if "postmortem" in each.everything.lower()][-1]
    assert "please write this" not in direct.text
    office.wait(1)
    say_fixed(office, ADA, incident)
    assert {Duty.SECTION, Duty.POSTMORTEM} <= running(office, incident)
    direct = [each for each in office.said(ADA) if "postmortem" in each.everything.lower()][-1]
    assert "please write this" in direct.text


def test_whoever_has_left_while_it_was_closed_has_nothing_of_it(office: Workspace) -> None:
    incident = fixed(office, severity=2, **ONE)
    has_role(office, incident, Role.LEAD, MEI)
    confirm(office, ADA, incident, score="5")
    office.wait(1)
    close(office, ADA, incident, reason="nothing is left")
    office.sandbox.post("/users/deactivate", user=MEI)
    office.settle()
    with office.bot.db.begin() as tx:
        mei = people.get(tx, MEI)
        assert mei is not None
        people.learn(tx, [replace(mei, is_active=False)], office.clock.now)
    open_again(office, ADA, incident)
    with office.bot.db.read() as tx:
        assert roles.holders(roles.of_incident(tx, incident.id)).get(Role.LEAD) != MEI
    assert MEI not in {each.owner_id for each in clocks(office, incident).values()}
    told = said(office, incident, "has opened INC-1 again")
    assert f"<@{MEI}>" not in told.text


def test_the_new_channel_has_the_list_of_requests_too(office: Workspace) -> None:
    incident = fixed(office, severity=2, **ONE)
    test_requests.ask(office, ADA, incident)
    confirm(office, ADA, incident, score="4")
    close(office, ADA, incident, reason="nothing is left")
    office.wait(8 * DAY)
    office.click(ADA, office.card(incident), "card.menu", option=f"reopen.open:{incident.id}")
    office.submit(ADA, reason="It fails again")
    office.settle()
    channel = str(office.incident(incident.id).channel_id)
    [listed] = [
        each for each in office.said(channel) if "requests.open*" in each.buttons or "requests.open" in each.buttons
    ]
    before = listed.everything
    test_requests.ask(office, ADA, incident, what="Another thing")
    [listed] = [each for each in office.said(channel) if each.ts == listed.ts]
    assert "Another thing" in listed.everything
    assert "Another thing" not in before


@pytest.mark.parametrize("severity", [1, 2])
def test_a_customer_who_is_not_satisfied_after_closing_is_called_or_gets_a_second_plan(
    workspace: Workspace, severity: int
) -> None:
    incident = fixed(workspace, severity=severity, **ONE)
    has_role(workspace, incident, Role.LEAD, MEI)
    has_role(workspace, incident, Role.CUSTOMER_RELATIONS, PAT)
    confirm(workspace, ADA, incident, score="4")
    close(workspace, ADA, incident, reason="nothing is left")
    workspace.click(ADA, said(workspace, incident, "has closed"), "reopen.open")
    options = workspace.suggest(ADA, "reopen.find")
    assert [each["value"] for each in options] == ["c1", "several"]
    assert "customer_seen" in whats(workspace, incident), "names are shown to nobody without a record"
    workspace.view_action(ADA, "reopen.find", value="c1", block_id="who")
    assert workspace.submit(ADA, reason="Acme Ltd wants more")["response"] is None
    workspace.settle()
    again = workspace.incident(incident.id)
    assert (again.status, again.round) == (Status.VERIFIED, 2)
    if severity == 1:
        [owed] = subjects(workspace, incident, Duty.CALL_IN_PERSON)
        assert (owed.owner_id, owed.subject) == (MEI, "1")
    else:
        [owed] = subjects(workspace, incident, Duty.SECOND_PLAN)
        assert owed.owner_id == PAT
    told = said(workspace, incident, "is not satisfied")
    assert told.text.startswith(f"<@{owed.owner_id}>")
    assert "Acme" not in told.everything
    with workspace.bot.db.read() as tx:
        kept = confirmations.of_incident(tx, incident.id)
    assert [(each.round, each.is_satisfied, each.witness_id) for each in kept] == [(1, True, None), (1, False, ADA)]
    assert {"customer_not_satisfied", "reopened"} <= set(whats(workspace, incident))


def test_who_does_not_handle_the_case_sees_no_customer_when_opening_it_again(office: Workspace) -> None:
    incident = fixed(office, severity=2, **ONE)
    close(office, ADA, incident, reason="by mistake")
    with office.bot.db.read() as tx:
        assert SUN not in incidents.participants_of(tx, incident.id)
    office.click(SUN, said(office, incident, "has closed"), "reopen.open")
    options = office.suggest(SUN, "reopen.find")
    assert [each["value"] for each in options] == ["several"]
    office.view_action(SUN, "reopen.find", value="several", block_id="who")
    assert office.submit(SUN, reason="They have called me")["response"] is None
    office.settle()
    assert len(subjects(office, incident, Duty.SECOND_PLAN)) == 1


def test_what_was_never_fixed_asks_for_no_dissatisfied_customer(office: Workspace) -> None:
    incident = office.report(ADA, **ONE)
    close(office, ADA, incident, reason="by mistake")
    opened = office.click(ADA, said(office, incident, "has closed"), "reopen.open")
    assert "reopen.find" not in json.dumps(opened["view"])


def test_a_form_from_before_does_not_close_the_next_round(office: Workspace) -> None:
    incident = fixed(office, severity=3, **ONE)
    press(office, ADA, incident, "close.open")
    close(office, WANG, incident, reason="by mistake")
    office.wait(1)
    open_again(office, LIN, incident)
    answer = office.submit(ADA, reason="The customer has given up")["response"]
    assert answer["response_action"] == "update"
    office.settle()
    assert office.incident(incident.id).status is Status.VERIFIED
    shown = json.dumps(office.view(ADA))
    assert "Something has changed" in shown
    assert "fixed.open" in shown, "what is missing now"
    assert office.submit(ADA, reason="The customer has given up")["response"] is None
    office.settle()
    closed = office.incident(incident.id)
    assert (closed.status, closed.closing_reason) == (Status.CLOSED, "The customer has given up")


def test_what_has_come_to_be_missing_meanwhile_is_shown_before_it_is_closed(office: Workspace) -> None:
    incident = fixed(office, severity=3, **ONE)
    press(office, ADA, incident, "close.open")
    test_requests.ask(office, WANG, incident)
    assert office.submit(ADA, reason="The customer has given up")["response"]["response_action"] == "update"
    assert office.incident(incident.id).status is Status.FIXED
    assert office.submit(ADA, reason="The customer has given up")["response"] is None
    assert office.incident(incident.id).status is Status.CLOSED


def test_while_it_is_open_again_others_who_are_not_satisfied_are_called_too(office: Workspace) -> None:
    incident = fixed(office, severity=1, customers_affected="20")
    with office.bot.db.begin() as tx:
        customers.add(tx, incident.id, [Customer("Zenith Motors")], ADA, office.clock.now)
    for user, who in ((ADA, "c1"), (WANG, "c2"), (LIN, "c2")):
        press(office, user, incident, "confirm.open")
        office.suggest(user, "confirm.look")
        office.view_action(user, "confirm.look", value=who, block_id="who")
    for user, satisfied in ((ADA, "no"), (WANG, "no"), (LIN, "yes")):
        answer = office.submit(user, satisfied=satisfied, url=LINK)
        if user == LIN:
            assert "重新打开" in next(iter(errors(answer).values())), "nothing is there to be satisfied with"
        else:
            assert answer["response"] is None
        office.settle()
    assert office.incident(incident.id).round == 2
    assert {each.subject for each in subjects(office, incident, Duty.CALL_IN_PERSON)} == {"1", "2"}
    press(office, ADA, incident, "confirm.open")
    assert '"value": "yes"' not in json.dumps(office.view(ADA)["blocks"])
    office.suggest(ADA, "confirm.look")
    office.view_action(ADA, "confirm.look", value="several", block_id="who")
    office.submit(ADA, satisfied="no", url=LINK, many="3")
    office.settle()
    assert {each.subject for each in subjects(office, incident, Duty.CALL_IN_PERSON)} == {"", "1", "2"}
    assert "Zenith" not in "".join(each.everything for each in office.said(str(incident.channel_id)))
    with office.bot.db.read() as tx:
        kept = confirmations.of_incident(tx, incident.id)
    assert [(each.round, each.is_satisfied, each.customers) for each in kept] == [
        (1, False, 1),
        (1, False, 1),
        (1, False, 3),
    ]

"""When numbers, severities and kinds change after the fix: nobody who is owed something is forgotten."""

from dataclasses import replace
from datetime import timedelta

from bot.incident import Customer, Duty, Incident, Status
from storage import confirmations, customers, deadlines, incidents
from tests.test_closing import LINK, clock, confirm, fixed, press
from tests.workspace import ADA, LIN, WANG, Workspace


def of(office: Workspace, incident: Incident) -> Incident:
    return office.incident(incident.id)


def dissatisfied(office: Workspace, severity: int) -> Incident:
    """The only customer says that it is not solved."""
    incident = fixed(office, severity=severity, customers_affected="1")
    confirm(office, ADA, incident, satisfied="no")
    assert (of(office, incident).status, of(office, incident).round) == (Status.VERIFIED, 2)
    return of(office, incident)


def test_graded_more_urgent_whoever_is_not_satisfied_is_called_instead_of_a_second_plan(office: Workspace) -> None:
    incident = dissatisfied(office, 2)
    second = clock(office, incident, Duty.SECOND_PLAN)
    assert second is not None
    assert second.is_running
    office.grade(WANG, incident, 1, "It is in the papers")
    second, call = clock(office, incident, Duty.SECOND_PLAN), clock(office, incident, Duty.CALL_IN_PERSON)
    assert second is not None
    assert second.stopped_at is not None
    assert call is not None
    assert call.is_running
    with office.bot.db.read() as tx:
        (answer,) = [each for each in confirmations.answers(tx, 1, 1) if not each.is_satisfied]
    assert call.subject == str(answer.customer_id)


def test_graded_less_urgent_a_second_plan_is_owed(office: Workspace) -> None:
    incident = dissatisfied(office, 1)
    assert clock(office, incident, Duty.SECOND_PLAN) is None
    office.grade(WANG, incident, 2, "It is one customer")
    second = clock(office, incident, Duty.SECOND_PLAN)
    assert second is not None
    assert second.is_running


def test_more_customers_after_the_fix_are_called_and_confirm_like_the_others(office: Workspace) -> None:
    incident = fixed(office, severity=2, customers_affected="1")
    press(office, ADA, incident, "grade.open")
    view = office.view(ADA)
    decision = next(b["block_id"] for b in view["blocks"] if str(b["block_id"]).startswith("decision_"))
    office.submit(ADA, **{decision: "2", "customers_affected": "50"})
    office.settle()
    first = clock(office, incident, Duty.FIRST_CONTACT)
    assert first is not None
    assert first.is_running
    confirm(office, ADA, incident)
    assert of(office, incident).status is Status.FIXED, "one of fifty is not enough"


def test_fewer_customers_than_was_thought_may_be_enough(office: Workspace) -> None:
    incident = fixed(office, severity=2, customers_affected="30")
    press(office, ADA, incident, "confirm.open")
    acme = next(each["value"] for each in office.suggest(ADA, "confirm.look") if "Acme" in str(each))
    office.view_action(ADA, "confirm.look", value=acme, block_id="who")
    assert not office.submit(ADA, satisfied="yes", url=LINK)["response"]
    office.settle()
    assert of(office, incident).status is Status.FIXED
    press(office, ADA, incident, "grade.open")
    view = office.view(ADA)
    decision = next(b["block_id"] for b in view["blocks"] if str(b["block_id"]).startswith("decision_"))
    office.view_action(ADA, "grade.propose", block_id="customers_affected", value="1")
    view = office.view(ADA)
    decision = next(b["block_id"] for b in view["blocks"] if str(b["block_id"]).startswith("decision_"))
    assert not office.submit(ADA, **{decision: "2", "reason": "As before"})["response"]
    office.settle()
    assert of(office, incident).status is Status.CONFIRMED


def test_a_promise_holds_when_the_emergency_becomes_a_complaint(office: Workspace) -> None:
    incident = office.report(LIN, customers_affected="1", trigger="staff_attitude")
    until = int((office.clock.now + timedelta(hours=2)).timestamp())
    office.click(LIN, office.card(incident), "contact.open")
    office.view_action(LIN, "contact.more")
    office.submit(LIN, promise="A call from the manager", promised_until=until)
    office.settle()
    office.choose(LIN, incident, "dismiss.open")
    office.submit(LIN, reason="One customer, calm", becomes="ordinary_complaint")
    office.settle()
    with office.bot.db.read() as tx:
        running = {each.duty for each in deadlines.running(tx, incident.id)}
    assert Duty.PROMISE in running
    assert Duty.UPDATE not in running


def test_the_twelfth_customer_is_masked_like_the_first(office: Workspace) -> None:
    incident = office.report(ADA, customers_affected="12")
    more = [Customer(f"Firm {letter}quist") for letter in "BCDFGHJKLM"]
    with office.bot.db.begin() as tx:
        customers.add(tx, incident.id, [*more, Customer("Zenith Motors")], ADA, office.clock.now)
    office.choose(ADA, incident, "progress.open")
    office.submit(ADA, words="Zenith Motors and Acme Ltd still can't pay")
    office.settle()
    everything = str(office.sandbox.get("/state")["channels"])
    assert "Z*** and A***" in everything
    assert "Zenith" not in everything, everything[everything.index("Zenith") - 300 :][:400]
    with office.bot.db.begin() as tx:  # a list that changes is looked at anew
        last = customers.all_of(tx, incident.id)[-1]
        customers.change(tx, last.id, replace(last.customer, name="Halcyon Works"))
        incidents.get(tx, incident.id)
    office.choose(ADA, incident, "progress.open")
    office.submit(ADA, words="Halcyon Works too")
    office.settle()
    assert "Halcyon" not in str(office.sandbox.get("/state")["channels"])

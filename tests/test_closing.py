"""From fixed to closed: customers confirm with proof, say how satisfied they are, and it is closed and archived."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from bot.closing import (
    ENDS_WITH_SOLUTION,
    GOES_ON,
    Answer,
    Missing,
    Rating,
    State,
    average,
    confirmed_by_name,
    has_several,
    missing,
    tally,
)
from bot.incident import Customer, Deadline, Duty, Incident, Severity, Stage, Status, TaskState
from bot.procedure import Enough, Need
from storage import confirmations, customers, deadlines, erasure, incidents, journal, outbox, tasks
from tests.workspace import ADA, HE, LIN, PAT, SUN, WANG, Said, Workspace

LINK = "https://north.slack.com/archives/C0SUPPORT/p1700000000123456"
ONE: dict[str, Any] = {"customers_affected": "1"}
DAY = 24 * 60


def fixed(workspace: Workspace, user: str = ADA, severity: int | None = None, **values: Any) -> Incident:
    """Somebody reports it, somebody grades it, and it is fixed."""
    incident = workspace.report(user, **values)
    if severity:
        workspace.grade(WANG, incident, severity, "as I see it")
    say_fixed(workspace, user, incident)
    return workspace.incident(incident.id)


def say_fixed(workspace: Workspace, user: str, incident: Incident, **values: Any) -> Any:
    """Somebody says that it works again."""
    opened = press(workspace, user, incident, "fixed.open")
    assert opened["view"]["callback_id"] == "fixed.submit", opened
    answer = workspace.submit(user, **{"what": "The gateway was restarted", **values})
    workspace.settle()
    return answer


def press(workspace: Workspace, user: str, incident: Incident, action: str) -> Any:
    """A button of the card; else by way of "More"."""
    card = workspace.card(incident)
    if any(each.rstrip("*") == action for each in card.buttons):
        return workspace.click(user, card, action)
    workspace.click(user, card, "card.menu", option=f"more.open:{incident.id}")
    return workspace.view_action(user, action, value=str(incident.id))


def confirm(workspace: Workspace, user: str, incident: Incident, **values: Any) -> Any:
    """Somebody records what a customer says: by default that it is solved, in a message."""
    press(workspace, user, incident, "confirm.open")
    answer = workspace.submit(user, **{"satisfied": "yes", "url": LINK, **values})
    workspace.settle()
    return answer


def errors(answer: Any) -> dict[str, str]:
    response = answer["response"] or {}
    assert response.get("response_action") == "errors", response
    return dict(response["errors"])


def clock(workspace: Workspace, incident: Incident, duty: Duty) -> Deadline | None:
    """The latest clock of a duty."""
    with workspace.bot.db.read() as tx:
        found = [each for each in deadlines.of_incident(tx, incident.id) if each.duty is duty]
    return found[-1] if found else None


def running(workspace: Workspace, incident: Incident) -> set[Duty]:
    with workspace.bot.db.read() as tx:
        return {each.duty for each in deadlines.running(tx, incident.id)}


def said(workspace: Workspace, incident: Incident, words: str) -> Said:
    """The latest message in the incident's channel that has these words."""
    channel = str(workspace.incident(incident.id).channel_id)
    return [each for each in workspace.said(channel) if words in each.everything][-1]


def whats(workspace: Workspace, incident: Incident) -> list[str]:
    with workspace.bot.db.read() as tx:
        assert journal.is_whole(tx, incident.id)
        return [each.what for each in journal.of_incident(tx, incident.id)]


def test_from_fixed_to_archived(workspace: Workspace) -> None:
    incident = workspace.report(ADA, **ONE)
    workspace.grade(WANG, incident, 3, "one customer")
    workspace.contact(ADA, incident)
    say_fixed(workspace, ADA, incident)
    incident = workspace.incident(incident.id)
    assert (incident.status, incident.fixed_by) == (Status.FIXED, ADA)
    asked = said(workspace, incident, "whether it works for them")
    assert asked.buttons == ["confirm.open*", "contact.open"]
    assert {Duty.CONFIRMATION, Duty.FOLLOW_UP, Duty.POSTMORTEM} <= running(workspace, incident)
    assert Duty.UPDATE not in running(workspace, incident)

    workspace.wait(30)
    workspace.click(ADA, asked, "confirm.open")
    workspace.submit(ADA, satisfied="yes", url=LINK, said="Works, thank you, Acme", score="4")
    workspace.settle()
    assert workspace.incident(incident.id).status is Status.CONFIRMED
    with workspace.bot.db.read() as tx:
        [kept] = confirmations.of_incident(tx, incident.id)
        [rating] = confirmations.ratings_of(tx, incident.id)
    assert (kept.ref, kept.url, kept.words) == ("C0SUPPORT:1700000000.123456", LINK, "Works, thank you, Acme")
    assert (rating.score, rating.customer_id) == (4, kept.customer_id)
    met = clock(workspace, incident, Duty.SATISFACTION)
    assert met is not None
    assert met.met_by == ADA, "the score was in the same form"
    assert not said(workspace, incident, "has fixed").buttons, "the used button is gone"

    asked = said(workspace, incident, "can be closed")
    opened = workspace.click(ADA, asked, "close.open")
    assert "tasks of the checklist are open" in str(opened["view"])
    workspace.submit(ADA, reason="The tasks were not needed")
    workspace.settle()
    closed = workspace.incident(incident.id)
    assert (closed.status, closed.closed_by, closed.closing_reason) == (Status.CLOSED, ADA, "The tasks were not needed")
    assert running(workspace, incident) <= {Duty.FOLLOW_UP, Duty.POSTMORTEM, Duty.SECTION}
    assert "closed" in [each for each in workspace.said("incidents") if incident.number in each.text][-1].text
    assert "satisfaction 4 of 5 (1 answer)" in workspace.card(incident).everything
    assert not workspace.card(incident).buttons

    workspace.wait(6 * DAY)
    assert workspace.incident(incident.id).archived_at is None
    workspace.wait(DAY + 1)
    assert workspace.incident(incident.id).archived_at is not None
    assert workspace.channel(str(incident.channel_id))["is_archived"]
    workspace.wait(8 * DAY)
    refused = workspace.click(ADA, workspace.card(incident), "card.menu", option=f"reopen.open:{incident.id}")
    assert "report a new incident with /incident" in str(refused["view"]), refused
    assert workspace.incident(incident.id).status is Status.CLOSED


# -- the rules ---------------------------------------------------------------------------------------------------------

NOW = datetime(2026, 2, 13, 8, tzinfo=UTC)
ALL, NAMED = Enough(need=Need.ALL), Enough(need=Need.NAMED)


def share(percent: int) -> Enough:
    return Enough(need=Need.SHARE, percent=percent)


def answers(*given: int | tuple[int, bool] | str) -> list[Answer]:
    """`3`: customer 3 is satisfied; `(3, False)`: is not; `"+40"`: forty at once are, `"-40"`: are not."""
    found = []
    for number, each in enumerate(given, start=1):
        if isinstance(each, str):
            found.append(Answer(number, ADA, NOW, None, int(each[1:]), each[0] == "+"))
        else:
            customer_id, is_satisfied = each if isinstance(each, tuple) else (each, True)
            found.append(Answer(number, ADA, NOW, customer_id, 1, is_satisfied))
    return found


@pytest.mark.parametrize(
    ("given", "listed", "everybody", "rule", "counted", "needed", "is_enough"),
    [
        (answers(), [1], 1, ALL, 0, 1, False),
        (answers(1), [1], 1, ALL, 1, 1, True),
        (answers(1, 1), [1, 2], 2, ALL, 1, 2, False),  # the same customer twice is one customer
        (answers(1, 2), [1, 2], 2, ALL, 2, 2, True),
        (answers(1, (1, False)), [1], 1, ALL, 0, 1, False),  # the latest counts
        (answers((1, False), 1), [1], 1, ALL, 1, 1, True),
        (answers(1, 7), [1, 2], 2, ALL, 1, 2, False),  # 7 was taken off the list
        (answers(), [], 0, ALL, 0, 0, False),  # nobody is affected: nobody has confirmed it
        (answers("+95"), [1], 120, share(80), 95, 96, False),
        (answers("+95", 1), [1], 120, share(80), 96, 96, True),
        (answers("+8"), [1], 11, share(80), 8, 9, False),  # 8.8 is rounded up
        (answers("+9"), [1], 11, share(80), 9, 9, True),
        (answers("-40"), [1], 120, share(80), 0, 96, False),
        (answers("+500", 1), [1], 120, share(100), 120, 120, True),  # never more than there are
        (answers("+40"), [1, 2], 120, NAMED, 0, 2, False),  # only who is named counts
        (answers("+40", 1, 2), [1, 2], 120, NAMED, 2, 2, True),
        (answers(1), [1], 100, share(1), 1, 1, True),
    ],
)
def test_whose_confirmation_is_enough(
    given: list[Answer], listed: list[int], everybody: int, rule: Enough, counted: int, needed: int, is_enough: bool
) -> None:
    found = tally(given, listed, listed, everybody, rule)
    assert (found.counted, found.needed, found.is_enough) == (counted, needed, is_enough)


def test_who_was_erased_at_their_own_wish_has_confirmed_all_the_same() -> None:
    assert tally(answers(1, 2), [1], [1, 2], 2, ALL).is_enough


def test_how_many_are_left_is_known_whichever_way_they_have_confirmed() -> None:
    assert tally(answers("+40", 1, (2, False)), [1, 2], [1, 2], 120, NAMED).left == 79


def test_who_has_confirmed_by_name_and_whether_anybody_has_without() -> None:
    given = answers(1, 2, (1, False), 3)
    assert (confirmed_by_name(given), has_several(given)) == ({2, 3}, False)
    assert has_several(answers(1, "+2"))
    assert not has_several(answers("-2"))


def rating(score: int, customer_id: int | None = None) -> Rating:
    return Rating(0, 1, 1, ADA, NOW, score, customer_id)


@pytest.mark.parametrize(
    ("given", "mean"),
    [
        ([], None),
        ([rating(4)], "4.0"),
        ([rating(4), rating(5), rating(5)], "4.7"),
        ([rating(1, 7), rating(5, 7)], "5.0"),  # the latest of a customer counts
        ([rating(1), rating(5), rating(3, 7)], "3.0"),
        ([rating(4, 1), rating(4, 2), rating(4, 3), rating(3, 4)], "3.8"),  # 3.75
    ],
)
def test_the_average_to_one_digit(given: list[Rating], mean: str | None) -> None:
    assert str(average(given)) == str(mean)


@pytest.mark.parametrize("duty", list(Duty))
def test_each_duty_ends_with_the_solution_or_goes_on(duty: Duty) -> None:
    """What is listed here as going on still makes sense once it works again."""
    goes_on = {
        Duty.VERIFY,  # met by whoever has fixed it
        Duty.REPORT_UP,
        Duty.INFORM_EXECUTIVE,
        Duty.INVOLVE_PR,
        Duty.FIRST_CONTACT,
        Duty.ACCEPT_ROLE,
        Duty.TASK,
        Duty.APPROVE_STATEMENT,
        Duty.PROMISE,
        Duty.CALL_AGAIN,
        Duty.REQUEST,
        Duty.CALL_IN_PERSON,
        Duty.COMPLAINT_RESPONSE,
        Duty.COMPLAINT_SOLUTION,
        Duty.COMPLEX_SOLUTION,
        Duty.COMPLAINT_FEEDBACK,
        Duty.CONFIRMATION,
        Duty.SATISFACTION,
        *GOES_ON,
    }
    assert (duty in ENDS_WITH_SOLUTION) is (duty not in goes_on)


INCIDENT = Incident(
    id=1,
    report_key="k",
    status=Status.CONFIRMED,
    title="Payments fail",
    what_happened="Payments fail",
    trigger="system_failure",
    customers_affected=3,
    proposed_severity=Severity.ONE,
    severity=Severity.ONE,
    reporter_id=ADA,
    is_private=False,
    reported_at=NOW,
    verified_at=NOW,
)


def runs(duty: Duty, late: bool = False) -> Deadline:
    return Deadline(1, 1, duty, ADA, NOW, NOW + timedelta(hours=-1 if late else 1), 900)


@pytest.mark.parametrize(
    ("facts", "clocks", "state", "found"),
    [
        ({}, [], State(), []),
        ({}, [runs(duty) for duty in GOES_ON], State(), []),  # goes on: is not missing
        ({}, [runs(Duty.SATISFACTION)], State(), [(Missing.SATISFACTION, 1)]),
        ({"status": Status.FIXED}, [], State(), [(Missing.CONFIRMATION, 1)]),
        ({"status": Status.VERIFIED}, [runs(Duty.UPDATE)], State(), [(Missing.FIX, 1)]),
        ({"status": Status.VERIFIED}, [runs(Duty.UPDATE, True)], State(), [(Missing.UPDATE, 1), (Missing.FIX, 1)]),
        ({"verified_at": None, "severity": None}, [], State(), [(Missing.VERIFY, 1), (Missing.GRADE, 1)]),
        ({}, [runs(Duty.PROMISE)] * 2, State(unheard=3), [(Missing.FIRST_CONTACT, 3), (Missing.PROMISE, 2)]),
        ({}, [], State(plan_is_approved=False, tasks=2, requests=1), [
            (Missing.PLAN, 1), (Missing.REQUEST, 1), (Missing.TASK, 2),
        ]),
        ({}, [], State(plan_is_approved=True), []),
        ({}, [runs(Duty.CALL_IN_PERSON)], State(), [(Missing.CALL_IN_PERSON, 1)]),
        ({"status": Status.COMPLAINT, "severity": None}, [runs(Duty.COMPLEX_SOLUTION)], State(unheard=1), [
            (Missing.SOLUTION, 1),
        ]),
        ({"status": Status.COMPLAINT}, [runs(Duty.COMPLAINT_RESPONSE), runs(Duty.COMPLAINT_FEEDBACK)], State(), [
            (Missing.FIRST_CONTACT, 1), (Missing.FEEDBACK, 1),
        ]),
    ],
)  # fmt: skip
def test_what_is_missing_when_it_is_to_be_closed(
    facts: dict[str, Any], clocks: list[Deadline], state: State, found: list[tuple[Missing, int]]
) -> None:
    assert missing(replace(INCIDENT, **facts), clocks, state, NOW) == found


# -- fixed -------------------------------------------------------------------------------------------------------------


def test_fixing_stops_what_makes_no_sense_any_more(office: Workspace) -> None:
    incident = office.report(ADA)
    office.grade(ADA, incident, 1, core_down_since=int((office.clock.now - timedelta(minutes=20)).timestamp()))
    before = running(office, incident)
    assert {Duty.FIRST_CONTACT, Duty.VERIFY, Duty.BRIEF} <= before
    say_fixed(office, ADA, incident)
    after = running(office, incident)
    assert not after & {*ENDS_WITH_SOLUTION, Duty.VERIFY}
    assert {Duty.FIRST_CONTACT, Duty.REPORT_UP, Duty.CONFIRMATION, Duty.FOLLOW_UP, Duty.POSTMORTEM} <= after
    incident = office.incident(incident.id)
    assert incident.core_restored_at == incident.fixed_at, "what was down works since then"
    assert (incident.verified_by, incident.status) == (ADA, Status.FIXED)
    assert "*Fixed:* The gateway was restarted" in office.card(incident).everything
    assert "confirmed by 0 of 120 (96 needed)" in office.card(incident).everything
    assert office.card(incident).buttons[0] == "confirm.open*"


def test_without_an_approved_plan_the_form_says_so_and_asks_for_a_sentence(office: Workspace) -> None:
    incident = office.report(ADA, **ONE)
    opened = press(office, ADA, incident, "fixed.open")
    assert "No plan was approved" in str(opened["view"])
    assert errors(office.submit_unchecked(ADA, what=" ")) == {"what": "Say in a sentence what was done."}
    assert office.incident(incident.id).status is Status.REPORTED


def test_it_can_not_have_worked_before_it_began(office: Workspace) -> None:
    incident = office.report(ADA, **ONE)
    office.grade(WANG, incident, 2, core_down_since=int((office.clock.now - timedelta(minutes=20)).timestamp()))
    press(office, ADA, incident, "fixed.open")
    before = int((office.clock.now - timedelta(minutes=21)).timestamp())
    assert "can’t have worked again before that" in errors(office.submit(ADA, what="Done", at=before))["at"]
    later = int((office.clock.now + timedelta(minutes=21)).timestamp())
    assert "at" in errors(office.submit(ADA, what="Done", at=later))


def test_two_people_say_at_once_that_it_is_fixed(office: Workspace) -> None:
    incident = office.report(ADA, **ONE)
    press(office, ADA, incident, "fixed.open")
    press(office, LIN, incident, "fixed.open")
    office.submit(ADA, what="The gateway was restarted")
    told = errors(office.submit(LIN, what="I did it"))
    assert "确认修复，下一步请客户确认" in next(iter(told.values()))
    office.settle()
    assert office.incident(incident.id).fixed_by == ADA
    assert whats(office, incident).count("fixed") == 1


def test_who_may_not_say_so_is_told_who_may(office: Workspace) -> None:
    incident = office.report(ADA, **ONE)
    answer = press(office, HE, incident, "fixed.open")
    assert answer["view"]["callback_id"] == "told"


def test_it_was_not_fixed_after_all_and_everything_runs_on(office: Workspace) -> None:
    incident = office.report(ADA, **ONE)
    office.grade(WANG, incident, 2, core_down_since=int((office.clock.now - timedelta(minutes=5)).timestamp()))
    office.contact(ADA, incident)
    before = clock(office, incident, Duty.UPDATE)
    say_fixed(office, ADA, incident)
    office.click(ADA, office.card(incident), "card.menu", option=f"fixed.not_fixed:{incident.id}")
    assert "reason" in errors(office.submit_unchecked(ADA, reason=""))
    office.submit(ADA, reason="Errors are back")
    office.settle()
    now_is = office.incident(incident.id)
    assert (now_is.status, now_is.round, now_is.fixed_at, now_is.core_restored_at) == (Status.VERIFIED, 1, None, None)
    after = clock(office, incident, Duty.UPDATE)
    assert before is not None
    assert after is not None
    assert (after.id, after.due_at, after.next_nudge_at) == (before.id, before.due_at, before.next_nudge_at)
    assert not running(office, incident) & {Duty.CONFIRMATION, Duty.FOLLOW_UP, Duty.POSTMORTEM}
    assert "*Not fixed after all:* Errors are back" in office.card(incident).everything
    assert "not_fixed" in whats(office, incident)
    say_fixed(office, ADA, incident)
    assert {Duty.CONFIRMATION, Duty.FOLLOW_UP, Duty.POSTMORTEM} <= running(office, incident), "and anew"


# -- confirmed ---------------------------------------------------------------------------------------------------------


def test_what_shows_it_is_required_as_it_was_chosen(office: Workspace) -> None:
    incident = fixed(office, **ONE)
    press(office, ADA, incident, "confirm.open")
    assert errors(office.submit(ADA, satisfied="yes")) == {"url": "Enter the link to it, or add the file."}
    assert errors(office.submit(ADA, satisfied="yes", url="in my inbox")) == {
        "url": "This is not a link: enter one that begins with https://"
    }
    view = office.view_action(ADA, "confirm.look", value="witness", block_id="proof")["view"]
    assert [block["block_id"] for block in view["blocks"] if block["type"] == "input"] == [
        "satisfied", "proof", "witness", "said", "score",
    ]  # fmt: skip
    assert "witness" in errors(office.submit_unchecked(ADA, satisfied="yes"))
    office.submit(ADA, satisfied="yes", witness=LIN)
    office.settle()
    with office.bot.db.read() as tx:
        [kept] = confirmations.of_incident(tx, incident.id)
    assert (kept.proof, kept.witness_id) == ("witness", LIN)
    assert office.incident(incident.id).status is Status.CONFIRMED


def test_whether_they_are_satisfied_has_to_be_said(office: Workspace) -> None:
    incident = fixed(office, **ONE)
    press(office, ADA, incident, "confirm.open")
    assert "satisfied" in errors(office.submit_unchecked(ADA, url=LINK))
    assert office.incident(incident.id).status is Status.FIXED


def test_many_confirm_until_it_is_enough(office: Workspace) -> None:
    incident = fixed(office)
    press(office, ADA, incident, "confirm.open")
    offered = office.suggest(ADA, "confirm.look")
    assert [each["text"]["text"] for each in offered] == ["Acme Ltd", "Several at once, without names"]
    acme = offered[0]["value"]
    assert "who" in errors(office.submit_unchecked(ADA, satisfied="yes", url=LINK))
    office.view_action(ADA, "confirm.look", value="several", block_id="who")
    told = errors(office.submit(ADA, satisfied="yes", url=LINK, many="121"))
    assert told == {"many": "Only 120 are left: enter that number or less."}
    office.submit(ADA, satisfied="yes", url=LINK, many="95")
    office.settle()
    assert office.incident(incident.id).status is Status.FIXED
    assert "confirmed by 95 of 120 (96 needed)" in office.card(incident).everything
    assert "confirmed by 95 of 120 (96 needed)" in said(office, incident, "whether it works for them").everything

    press(office, ADA, incident, "confirm.open")
    office.suggest(ADA, "confirm.look", "acm")
    office.view_action(ADA, "confirm.look", value=acme, block_id="who")
    office.submit(ADA, satisfied="yes", url=LINK)
    office.settle()
    assert office.incident(incident.id).status is Status.CONFIRMED
    asked = said(office, incident, "how satisfied they are")
    assert asked.buttons == ["satisfaction.open*", "close.open"]
    assert Duty.SATISFACTION in running(office, incident)
    assert "customer_seen" in whats(office, incident)
    assert "Acme" not in asked.everything


def test_the_same_confirmation_twice_and_by_two_people(office: Workspace) -> None:
    incident = fixed(office, customers_affected="2")
    for user in (ADA, LIN):
        press(office, user, incident, "confirm.open")
        acme = office.suggest(user, "confirm.look")[0]["value"]
        office.view_action(user, "confirm.look", value=acme, block_id="who")
    office.submit(ADA, satisfied="yes", url=LINK)
    told = errors(office.submit(LIN, satisfied="yes", url=LINK))
    assert "记录了该客户的相同答复" in told["who"]
    with office.bot.db.read() as tx:
        assert len(confirmations.of_incident(tx, incident.id)) == 1
    assert office.incident(incident.id).status is Status.FIXED


def test_a_customer_who_was_not_affected_has_not_to_confirm(office: Workspace) -> None:
    incident = fixed(office, customers_affected="2")
    with office.bot.db.begin() as tx:
        customers.add(tx, incident.id, [Customer("Globex")], ADA, office.clock.now)
        acme, globex = customers.ids_of(tx, incident.id, False)
    confirm_of(office, ADA, incident, acme)
    assert office.incident(incident.id).status is Status.FIXED
    office.click(ADA, office.card(incident), "card.menu", option=f"ledger.open:{incident.id}")
    office.view_action(ADA, "ledger.one", value=f"ledger.remove:{globex}", block_id=f"customer_{globex}")
    office.submit(ADA, reason="Was not affected")
    office.settle()
    assert office.incident(incident.id).status is Status.CONFIRMED


def confirm_of(workspace: Workspace, user: str, incident: Incident, customer_id: int, **values: Any) -> Any:
    """Somebody records what one customer of several says."""
    press(workspace, user, incident, "confirm.open")
    workspace.suggest(user, "confirm.look")
    workspace.view_action(user, "confirm.look", value=f"c{customer_id}", block_id="who")
    answer = workspace.submit(user, **{"satisfied": "yes", "url": LINK, **values})
    workspace.settle()
    return answer


def test_only_who_handles_the_case_says_what_a_customer_says(office: Workspace) -> None:
    incident = fixed(office, **ONE)
    assert (
        office.click(SUN, said(office, incident, "whether it works"), "confirm.open")["view"]["callback_id"] == "told"
    )
    assert "customer_confirmed" not in whats(office, incident)


def test_before_it_is_fixed_there_is_nothing_to_confirm(office: Workspace) -> None:
    incident = fixed(office, **ONE)
    asked = said(office, incident, "whether it works")
    office.click(ADA, office.card(incident), "card.menu", option=f"fixed.not_fixed:{incident.id}")
    office.submit(ADA, reason="Errors are back")
    answer = office.click(ADA, asked, "confirm.open")
    assert "Nobody has said yet that it works again" in str(answer["view"])


# -- satisfaction ------------------------------------------------------------------------------------------------------


def test_among_many_whoever_asks_says_when_everybody_has_answered(office: Workspace) -> None:
    incident = fixed(office)
    press(office, ADA, incident, "confirm.open")
    office.suggest(ADA, "confirm.look")
    office.view_action(ADA, "confirm.look", value="several", block_id="who")
    office.submit(ADA, satisfied="yes", url=LINK, many="120")
    office.settle()
    for score, done in ((5, False), (4, True)):
        assert Duty.SATISFACTION in running(office, incident)
        office.click(ADA, said(office, incident, "how satisfied they are"), "satisfaction.open")
        office.suggest(ADA, "satisfaction.find")
        values: dict[str, Any] = {"who": "several", "score": str(score), "comment": "Acme is fine"}
        office.submit(ADA, **values, **({"done": ["everybody"]} if done else {}))
        office.settle()
    assert Duty.SATISFACTION not in running(office, incident)
    assert "satisfaction 4.5 of 5 (2 answers)" in office.card(incident).everything


def test_a_score_is_required_and_one_of_five(office: Workspace) -> None:
    incident = fixed(office, **ONE)
    confirm(office, ADA, incident)
    office.click(ADA, said(office, incident, "how satisfied they are"), "satisfaction.open")
    assert "score" in errors(office.submit_unchecked(ADA))
    office.submit(ADA, score="5", comment="Fine")
    office.settle()
    assert Duty.SATISFACTION not in running(office, incident)
    assert whats(office, incident).count("rated") == 1


def test_a_day_later_is_not_right_after_the_fix(office: Workspace) -> None:
    incident = fixed(office, **ONE)
    office.contact(ADA, incident)
    assert Duty.FOLLOW_UP in running(office, incident)
    confirm(office, ADA, incident)
    office.contact(ADA, incident)  # closing
    assert Duty.FOLLOW_UP in running(office, incident)
    office.wait(19 * 60)
    opened = office.click(ADA, office.card(incident), "contact.open")
    assert '"follow_up"' in json.dumps(opened["view"])
    office.submit(ADA)
    office.settle()
    met = clock(office, incident, Duty.FOLLOW_UP)
    assert met is not None
    assert met.met_by == ADA


def test_the_follow_up_goes_on_after_closing(office: Workspace) -> None:
    incident = fixed(office, **ONE)
    office.contact(ADA, incident)
    confirm(office, ADA, incident, score="5")
    close(office, ADA, incident)
    assert office.incident(incident.id).status is Status.CLOSED
    assert Duty.FOLLOW_UP in running(office, incident)
    office.wait(23 * 60 + 30)
    reminder = [each for each in office.said(ADA) if "whether everything is well" in each.text][-1]
    office.click(ADA, reminder, "contact.open")
    office.submit(ADA)
    office.settle()
    assert Duty.FOLLOW_UP not in running(office, incident)


# -- closed ------------------------------------------------------------------------------------------------------------


def close(workspace: Workspace, user: str, incident: Incident, **values: Any) -> Any:
    """Somebody closes it, with a reason where something is missing."""
    opened = press(workspace, user, incident, "close.open")
    has_gaps = any(block["block_id"] == "reason" for block in opened["view"]["blocks"])
    answer = workspace.submit(user, **({"reason": "It is all right", **values} if has_gaps else {}))
    workspace.settle()
    return answer


def test_closing_with_gaps_lists_them_and_needs_a_reason(office: Workspace) -> None:
    incident = office.report(ADA)
    office.grade(WANG, incident, 2, "smaller than it looks")
    opened = press(office, ADA, incident, "close.open")
    everything = json.dumps(opened["view"])
    for words in ("is not verified", "120 customers have heard nothing yet", "Nobody has said that it is fixed"):
        assert words in everything
    offered = [block["accessory"]["action_id"] for block in opened["view"]["blocks"] if block.get("accessory")]
    assert offered[:2] == ["verify.open", "contact.open"]
    assert "fixed.open" in offered
    assert "why you are closing it anyway" in errors(office.submit_unchecked(ADA, reason=" "))["reason"]
    answer = office.view_action(ADA, "verify.open", value=str(incident.id))
    assert answer["view"]["callback_id"] == "verify.submit", "the button does it, above the list"
    office.submit(ADA, note="It holds")
    office.settle()
    view = office.view_action(ADA, "close.look", value=str(incident.id))["view"]
    assert "is not verified" not in json.dumps(view or office.view(ADA))
    office.submit(ADA, reason="It was a planned outage")
    office.settle()
    closed = office.incident(incident.id)
    assert (closed.status, closed.closing_reason) == (Status.CLOSED, "It was a planned outage")
    assert running(office, incident) == {Duty.POSTMORTEM, Duty.SECTION}, "there is something to learn all the same"
    assert "It was a planned outage" in office.card(incident).everything
    assert any(incident.number in each.everything for each in office.said("reviews"))


def all_done(workspace: Workspace) -> Incident:
    """An incident of which nothing is missing."""
    incident = fixed(workspace, severity=3, **ONE)
    workspace.contact(ADA, incident)
    confirm(workspace, ADA, incident, score="5")
    with workspace.bot.db.begin() as tx:
        for task in tasks.of_incident(tx, incident.id):
            tasks.set_state(tx, task.id, TaskState.DONE, ADA, ADA, workspace.clock.now)
    return incident


def test_who_closes_second_is_told_who_was_faster(office: Workspace) -> None:
    incident = all_done(office)
    for user in (ADA, WANG):
        press(office, user, incident, "close.open")
    office.submit(ADA)
    told = office.submit(WANG)
    assert told["response"]["response_action"] == "update", "a form without a field says so in its place"
    assert "关闭" in json.dumps(told["response"], ensure_ascii=False)
    office.settle()
    assert office.incident(incident.id).closed_by == ADA
    assert whats(office, incident).count("closed") == 1


def test_what_has_come_to_be_missing_since_is_said_first(office: Workspace) -> None:
    incident = all_done(office)
    opened = press(office, ADA, incident, "close.open")
    assert "Nothing is missing" in json.dumps(opened["view"]), opened["view"]
    with office.bot.db.begin() as tx:
        tasks.add(tx, incident.id, [("added.x", "Call the bank", None)])
    answer = office.submit(ADA)
    assert answer["response"]["response_action"] == "update"
    assert "1 task of the checklist is open" in json.dumps(answer["response"])
    assert office.incident(incident.id).status is Status.CONFIRMED


def test_closing_ends_what_people_are_asked_for(office: Workspace) -> None:
    incident = office.report(ADA)
    office.grade(WANG, incident, 2, "as I see it")
    office.assign(WANG, incident)
    say_fixed(office, ADA, incident)
    close(office, WANG, incident)
    asked = [each for each in office.said(PAT) if "asked to be" in each.everything or "PR" in each.everything][-1]
    assert not asked.buttons
    assert Duty.ACCEPT_ROLE not in running(office, incident)


def test_a_complaint_can_be_closed_too(office: Workspace) -> None:
    incident = office.report(ADA, **ONE)
    office.click(ADA, office.card(incident), "card.menu", option=f"dismiss.open:{incident.id}")
    office.submit(ADA, reason="An ordinary complaint", becomes="ordinary_complaint")
    office.settle()
    opened = press(office, ADA, incident, "close.open")
    assert "The complaint has no solution" in json.dumps(opened["view"])
    office.submit(ADA, reason="The customer has withdrawn it")
    office.settle()
    assert office.incident(incident.id).status is Status.CLOSED
    assert running(office, incident) == set()


def test_the_script_for_the_talk_is_posted_with_the_fix(office: Workspace) -> None:
    incident = office.report(ADA, **ONE)
    office.contact(ADA, incident)
    say_fixed(office, ADA, incident)
    with office.bot.db.read() as tx:
        shown = [each for each in outbox.of_incident(tx, incident.id) if each.drawing == "script"]
    assert shown[-1].detail["stage"] == Stage.VERIFICATION


# -- customers' data ---------------------------------------------------------------------------------------------------


def test_what_customers_said_is_sealed_and_goes_with_their_data(office: Workspace) -> None:
    incident = fixed(office, **ONE)
    confirm(office, ADA, incident, said="Acme Ltd is content")
    office.click(ADA, said(office, incident, "how satisfied they are"), "satisfaction.open")
    office.submit(ADA, score="4", comment="Wang of Acme was kind")
    office.settle()
    with office.bot.db.read() as tx:
        sealed = [*tx.execute(text("select words from confirmations")).scalars()]
        sealed += tx.execute(text("select comment from ratings")).scalars()
    assert not any("Acme" in each for each in sealed)
    with office.bot.db.begin() as tx:
        locked = incidents.get(tx, incident.id, lock=True)
        [customer_id] = customers.ids_of(tx, incident.id, False)
        erasure.erase_one(tx, locked, [(customer_id, Customer("Acme Ltd"))], office.clock.now)
        [kept], [rated] = confirmations.of_incident(tx, incident.id), confirmations.ratings_of(tx, incident.id)
        assert (kept.words, kept.url, rated.comment) == ("", "", "")
        assert (kept.is_satisfied, rated.score) == (True, 4), "figures stay"


def test_with_the_whole_incident_it_goes_too(office: Workspace) -> None:
    incident = fixed(office)
    press(office, ADA, incident, "confirm.open")
    office.suggest(ADA, "confirm.look")
    office.view_action(ADA, "confirm.look", value="several", block_id="who")
    office.submit(ADA, satisfied="yes", url=LINK, many="120", said="Acme Ltd and the others are content")
    office.settle()
    with office.bot.db.begin() as tx:
        incidents.get(tx, incident.id, lock=True)
        erasure.erase_all(tx, incident.id, lambda words: words, office.clock.now)
        [kept] = confirmations.of_incident(tx, incident.id)
        assert (kept.words, kept.url, kept.customers) == ("", "", 120)

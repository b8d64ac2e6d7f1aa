"""Progress for the inside, and the brief for the executives at the procedure's rhythm."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from bot import deadlines as rules
from bot.incident import Deadline, Duty, Incident, Moment, MomentKind, Role, Severity, Status
from bot.procedure_file import load
from storage import contacts, deadlines, progress, tables
from tests.test_contact import opened, words_in
from tests.workspace import ADA, EVA, MEI, PROCEDURE, SUN, WANG, ZHOU, Said, Workspace

DEFAULT = load(PROCEDURE)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ROSTERS = {"support-leads": [MEI], "supervisors": [WANG], "service-heads": [SUN], "executives": [EVA, "U0TWO"]}


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def asked(minutes: float, user_id: str = MEI) -> Moment:
    return Moment(at(minutes), MomentKind.REMIND, user_id, Role.OWNER)


def sent(minutes: float) -> Moment:
    return Moment(at(minutes), MomentKind.BRIEF, None, Role.EXECUTIVE)


def brief(severity: Severity = Severity.ONE, position: int = 0) -> Deadline:
    """A brief that began at noon."""
    made = rules.plan(Duty.BRIEF, severity, MEI, NOON, DEFAULT, ROSTERS)
    return Deadline(
        1, 1, Duty.BRIEF, MEI, NOON, made.due_at, made.escalate_every_s, made.moments, position, made.moments[0].at
    )


@pytest.mark.parametrize(
    ("severity", "moments"), [(Severity.ONE, [asked(45), sent(60)]), (Severity.TWO, [asked(210), sent(240)])]
)
def test_a_brief_has_no_ladder_and_nobody_hears_of_it_before(severity: Severity, moments: list[Moment]) -> None:
    assert list(brief(severity).moments) == moments


@pytest.mark.parametrize(
    ("before", "position", "severity", "now", "moments"),
    [
        (Severity.TWO, 0, Severity.ONE, 20, [asked(45), sent(60)]),
        (Severity.TWO, 0, Severity.ONE, 50, [asked(50), sent(60)]),
        (Severity.TWO, 0, Severity.ONE, 90, [asked(90), sent(105)]),  # its time is past: the lead can still say
        (Severity.TWO, 1, Severity.ONE, 235, [asked(210), sent(240)]),
        (Severity.ONE, 0, Severity.TWO, 20, [asked(210), sent(240)]),
        (Severity.ONE, 1, Severity.TWO, 50, [asked(45), asked(210), sent(240)]),
        (Severity.ONE, 1, Severity.ONE, 50, [asked(45), sent(60)]),
        (Severity.ONE, 2, Severity.TWO, 61, [asked(45), sent(60)]),  # it is on its way
    ],
)
def test_another_severity_has_another_rhythm(
    before: Severity, position: int, severity: Severity, now: float, moments: list[Moment]
) -> None:
    moved = rules.replanned(brief(before, position), severity, MEI, at(now), DEFAULT, ROSTERS)
    assert list(moved.moments) == moments


def test_looked_at_again_and_again_it_does_not_slip() -> None:
    moved = rules.replanned(brief(Severity.TWO), Severity.ONE, MEI, at(90), DEFAULT, ROSTERS)
    for minutes in (92, 95, 104):
        again = rules.replanned(moved, Severity.ONE, MEI, at(minutes), DEFAULT, ROSTERS)
        assert again.due_at == at(105)
        assert [moment for moment in again.moments if moment.kind is MomentKind.BRIEF] == [sent(105)]


@pytest.mark.parametrize(
    ("position", "now", "moments"),
    [
        (0, 10, [asked(45, WANG), sent(60)]),
        (1, 50, [asked(45), asked(50, WANG), sent(60)]),
        (2, 61, [asked(45), sent(60)]),
    ],
)
def test_whoever_leads_now_is_asked_and_the_time_stays(position: int, now: float, moments: list[Moment]) -> None:
    moved = rules.handed_to(brief(position=position), Severity.ONE, WANG, at(now), DEFAULT, ROSTERS)
    assert list(moved.moments) == moments
    assert moved.owner_id == WANG


def test_who_has_left_is_not_asked_and_the_brief_goes_out_all_the_same() -> None:
    assert list(rules.without(brief(), {MEI, EVA}, DEFAULT, ROSTERS).moments) == [sent(60)]


def test_the_clock_asks_then_sends_and_after_an_outage_only_sends() -> None:
    running = brief()
    assert [each.moment for each in rules.decide_all(running, at(46)) if each.moment] == [asked(45)]
    late = rules.decide_all(running, at(200))
    assert [each.moment for each in late] == [sent(60)]
    assert late[-1].next_nudge_at is None


def test_put_off_it_is_still_sent_at_its_time() -> None:
    later = rules.postponed(replace(brief(position=1)), at(46))
    assert later
    assert list(later.moments) == [asked(45), asked(53), sent(60)]


def test_it_is_for_the_people_of_its_rung_alone() -> None:
    assert rules.read_by(DEFAULT.duties[Duty.BRIEF], DEFAULT, ROSTERS) == [EVA, "U0TWO"]


def graded(workspace: Workspace, severity: int = 1) -> Incident:
    """Reported and graded, with somebody who leads."""
    incident = workspace.report()
    workspace.grade(WANG, incident, severity, reason="As it is")
    workspace.assign(WANG, incident)
    for said in workspace.said(MEI):
        if "roles.accept*" in said.buttons:
            workspace.click(MEI, said, "roles.accept")
    workspace.settle()
    return workspace.incident(incident.id)


def report(workspace: Workspace, user: str, incident: Incident, words: str, **more: object) -> dict[str, object]:
    """Somebody reports progress."""
    opened = workspace.choose(user, incident, "progress.open")
    assert opened["view"]["callback_id"] == "progress.submit", opened
    answer = workspace.submit(user, words=words, **more)
    workspace.settle()
    return dict(answer)


def briefs(workspace: Workspace, user: str = EVA) -> list[Said]:
    return [said for said in workspace.said(user) if said.text.startswith("Brief on")]


def in_minutes(workspace: Workspace, minutes: int) -> str:
    return str(int((workspace.clock.now + timedelta(minutes=minutes)).timestamp()))


def asking(workspace: Workspace, user: str) -> list[Said]:
    return [said for said in workspace.said(user) if {"progress.open*", "progress.open"} & set(said.buttons)]


def test_progress_reaches_the_channel_the_card_the_announcement_and_the_executives(workspace: Workspace) -> None:
    incident = graded(workspace)
    assert not briefs(workspace)
    workspace.wait(20)
    report(
        workspace,
        ZHOU,
        incident,
        "The rollback runs; Acme Ltd can pay again",
        expected_at=in_minutes(workspace, 90),
        needs="A second database expert",
    )
    [said] = [each for each in workspace.said(str(incident.channel_id)) if "reports on" in each.text]
    assert f"<@{ZHOU}>" in said.text
    assert "A second database expert" in said.everything
    assert "Acme" not in said.everything, "masked"
    card = workspace.card(incident)
    assert "*Latest:* The rollback runs" in card.everything
    assert "*Expected to work again:*" in card.everything
    announced = workspace.said("incidents")[-1]
    assert "Latest: The rollback runs" in announced.text
    assert "expected to work again" in announced.text
    assert "Acme" not in card.everything + announced.everything

    workspace.wait(35)  # 55 minutes after the grading: whoever leads has nothing to add
    assert not asking(workspace, MEI)
    assert not briefs(workspace)
    workspace.wait(6)
    [first] = briefs(workspace)
    assert "severity 1" in first.text
    assert "The rollback runs" in first.everything
    assert "none yet" in first.everything, "there is no plan"
    assert "Acme" not in first.everything
    assert f"<@{MEI}>" in first.everything
    assert not briefs(workspace, SUN), "only for those of its rung"

    workspace.wait(46)  # in the next round nobody has said anything yet
    [reminder] = asking(workspace, MEI)
    workspace.click(MEI, reminder, "progress.open")
    workspace.submit(MEI, words="It works for most")
    workspace.settle()
    [told] = [each for each in workspace.said(MEI) if each.ts == reminder.ts]
    assert told not in asking(workspace, MEI)
    assert "完成" not in told.text
    assert "更新 INC-1" in told.text
    workspace.wait(15)
    assert "It works for most" in briefs(workspace)[-1].everything
    assert len(briefs(workspace)) == 2


def test_before_each_brief_whoever_leads_is_asked_in_person(office: Workspace) -> None:
    incident = graded(office)
    office.wait(30)  # what was due by then is said in a message of its own
    office.wait(16)
    [reminder] = asking(office, MEI)
    assert "简报" in reminder.text, "in their own language"
    in_channel = office.said(str(incident.channel_id))
    assert not [said for said in in_channel if "progress.open" in said.everything and "brief" in said.text]
    office.wait(15)
    [first] = briefs(office)
    assert "nobody has reported progress yet" in first.everything
    [reminder] = [said for said in office.said(MEI) if said.ts == reminder.ts]
    assert reminder not in asking(office, MEI)
    with office.bot.db.read() as tx:
        found = [each for each in deadlines.of_incident(tx, incident.id) if each.duty is Duty.BRIEF]
        journal = tx.execute(select(tables.journal.c.what)).scalars().all()
    assert [each.is_running for each in found] == [False, True]
    assert found[1].due_at - found[0].due_at >= timedelta(minutes=60)
    assert journal.count("briefed") == 1


def test_severity_3_has_no_brief_and_a_graver_one_begins_it(office: Workspace) -> None:
    incident = graded(office, 3)
    office.wait(300)
    assert not briefs(office)
    office.grade(WANG, incident, 1, reason="It spreads")
    office.settle()
    office.wait(1)
    assert not briefs(office), "not in the first minutes"
    office.wait(61)
    assert len(briefs(office)) == 1
    office.grade(WANG, incident, 3, reason="It is contained")
    office.wait(120)
    assert len(briefs(office)) == 1
    office.grade(WANG, incident, 2, reason="It is back")
    office.wait(241)
    assert len(briefs(office)) == 2


def test_what_is_over_is_briefed_no_more(office: Workspace) -> None:
    incident = graded(office)
    office.choose(WANG, incident, "dismiss.open")
    office.submit(WANG, reason="A rehearsal")
    office.settle()
    office.wait(61)
    assert not briefs(office)


def test_what_works_again_is_briefed_no_more_until_it_does_not(office: Workspace) -> None:
    incident = graded(office)
    office.wait(30)
    office.choose(MEI, incident, "fixed.open")
    assert office.submit(MEI, what="Rolled back")["ok"]
    office.settle()
    office.wait(120)
    assert office.incident(incident.id).status is Status.FIXED
    assert not briefs(office)
    assert not asking(office, MEI)
    office.choose(MEI, incident, "fixed.not_fixed")
    assert office.submit(MEI, reason="It fails again")["ok"]
    office.settle()
    office.wait(61)
    assert "fixed" not in str(office.incident(incident.id).status)
    count = len(briefs(office))
    assert count >= 1
    office.wait(61)
    assert len(briefs(office)) == count + 1, "one rhythm, not two"


def test_a_form_without_news_or_with_a_time_that_is_past_says_what_to_enter(office: Workspace) -> None:
    incident = graded(office)
    office.choose(ZHOU, incident, "progress.open")
    answer = office.submit_unchecked(ZHOU, words=" ", expected_at=in_minutes(office, -5))
    assert set(answer["response"]["errors"]) == {"words", "expected_at"}
    answer = office.submit_unchecked(ZHOU, words="Nothing new", tell=["customers"])
    assert set(answer["response"]["errors"]) == {"expected_at"}


def test_customers_are_told_the_time_only_when_somebody_says_so(office: Workspace) -> None:
    incident = graded(office)
    report(office, ZHOU, incident, "A disk is full", expected_at=in_minutes(office, 60))
    with office.bot.db.read() as tx:
        assert contacts.facts_of(tx, incident.id) == {}
    report(office, ZHOU, incident, "Half of it is back", tell=["customers"])
    with office.bot.db.read() as tx:
        facts = {name: words for name, (words, _) in contacts.facts_of(tx, incident.id).items()}
        found = progress.of_incident(tx, incident.id)
    assert list(facts) == ["eta"], "what was said for the inside stays inside"
    assert found[1].expected_at == found[0].expected_at, "the time was filled in"


def test_each_customer_hears_the_time_in_their_own_language(office: Workspace) -> None:
    incident = graded(office)
    report(office, ZHOU, incident, "A disk is full", expected_at=in_minutes(office, 26 * 60), tell=["customers"])
    with office.bot.db.read() as tx:
        [said] = progress.of_incident(tx, incident.id)
    assert said.expected_at
    spoken = {
        language: office.bot.desk.wordings[language].spoken(said.expected_at, office.clock.now)
        for language in ("en", "zh")
    }
    assert spoken["en"] != spoken["zh"]
    view = opened(office, ADA, incident)
    for language, other in (("en", "zh"), ("zh", "en"), ("en", "zh")):
        view = office.view_action(ADA, "contact.look", value=f"phone:{language}", block_id="channel")["view"]
        assert spoken[language] in words_in(view)
        assert spoken[other] not in words_in(view), "whatever the form showed before"
    office.submit(ADA)
    office.settle()
    with office.bot.db.read() as tx:
        assert contacts.facts_of(tx, incident.id)["eta"][0] == said.expected_at.isoformat(), "it is still a time"


def test_the_same_form_twice_is_kept_once_and_two_people_are_both_kept(office: Workspace) -> None:
    incident = graded(office)
    for user in (ZHOU, ADA):
        office.choose(user, incident, "progress.open")
    view = office.view(ZHOU)
    office.submit(ZHOU, words="A disk is full")
    office.submit(ADA, words="Customers wait")
    office.settle()
    with office.bot.db.begin() as tx:
        assert progress.was_saved(tx, view["id"])
        assert [each.by for each in progress.of_incident(tx, incident.id)] == [ZHOU, ADA]
    said = [each.text for each in office.said(str(incident.channel_id)) if "reports on" in each.text]
    assert len(said) == 2


def test_a_private_incident_is_briefed_to_its_people_alone(office: Workspace) -> None:
    incident = office.report(trigger="privacy_leak")
    office.grade(ADA, incident, 1, reason="As it is")
    office.wait(61)
    assert len(briefs(office)) == 1
    assert EVA in office.channel(str(office.incident(incident.id).channel_id))["members"]


@pytest.mark.parametrize("said", ["<b>&<" * 200, "&" * 1000, "a\n" * 499 + "&"])
def test_whatever_signs_somebody_writes_everybody_reads_all_of_it(office: Workspace, said: str) -> None:
    incident = graded(office)
    report(office, ZHOU, incident, said, needs="<" * 300)
    message = office.said(str(incident.channel_id))[-1]
    assert message.text.startswith(f"<@{ZHOU}> reports on INC-1")
    shown = str(message.raw["blocks"]).count("&")
    assert shown == sum(said.count(sign) for sign in "&<>") + 300
    assert f"<@{ZHOU}>" in office.card(incident).everything
    office.wait(61)
    assert "&lt;" * 300 in briefs(office)[-1].everything, "what comes after the news is there too"


def test_nobody_pings_everybody_with_news(office: Workspace) -> None:
    incident = graded(office)
    report(office, ZHOU, incident, f"<!channel> <@{EVA}> look")
    message = office.said(str(incident.channel_id))[-1]
    assert f"&lt;!channel&gt; &lt;@{EVA}&gt; look" in message.text
    assert "<!channel>" not in message.everything + message.text

"""How bad is it: the form proposes as facts change, a person decides, the clocks follow; time moves facts too."""

from datetime import UTC, timedelta
from typing import Any

from bot.incident import Deadline, Duty, Severity
from storage import deadlines, gradings, journal
from tests.workspace import ADA, GUEST, LIN, MEI, WANG, Workspace


def clocks(workspace: Workspace, incident_id: int) -> dict[Duty, Deadline]:
    with workspace.bot.db.read() as tx:
        return {deadline.duty: deadline for deadline in deadlines.of_incident(tx, incident_id)}


def opened(workspace: Workspace, user: str, incident: Any) -> Any:
    return workspace.click(user, workspace.card(incident), "grade.open")["view"]


def proposal(view: Any) -> str:
    return next(
        str(block["text"]["text"]) for block in view["blocks"] if str(block.get("block_id", "")).startswith("proposal_")
    )


def test_the_form_proposes_with_reasons_and_anew_with_each_fact(office: Workspace) -> None:
    incident = office.report(LIN, customers_affected="120")
    view = opened(office, ADA, incident)
    assert "🔴 *Proposed: severity 1*" in proposal(view)
    assert "• 120 customers are affected (100 or more)" in proposal(view)
    office.view_action(ADA, "grade.propose", block_id="customers_affected", value="99")
    assert "🟠 *Proposed: severity 2*\n• 99 customers are affected (10 or more)" in proposal(office.view(ADA))
    assert "decision_2" in str(office.view(ADA)["blocks"]), "the decision follows the proposal"
    office.view_action(ADA, "grade.propose", block_id="money_lost", value="9,999.99")
    assert "*Proposed: severity 2*" in proposal(office.view(ADA))
    office.view_action(ADA, "grade.propose", block_id="money_lost", value="10000 CNY")
    assert "• customers lost CNY 10,000.00 (10,000 or more)" in proposal(office.view(ADA))
    office.view_action(ADA, "grade.propose", block_id="money_lost", value="1408.45 USD")
    assert "*Proposed: severity 2*" in proposal(office.view(ADA))


def test_more_facts_unfold_and_what_was_typed_stays(office: Workspace) -> None:
    incident = office.report(LIN, customers_affected="3")
    opened(office, ADA, incident)
    office.view_action(ADA, "grade.more", values={"customers_affected": "12"})
    view = office.view(ADA)
    assert "*Proposed: severity 2*" in proposal(view)
    assert {"part_faulty_since", "complaint", "emotion"} <= {block["block_id"] for block in view["blocks"]}
    assert "grade.more" not in str(view["blocks"])
    office.view_action(ADA, "grade.propose", block_id="complaint", option="mass")
    assert "*Proposed: severity 1*\n• many customers complain" in proposal(office.view(ADA))


def test_who_confirms_is_on_the_card_and_the_announcement(office: Workspace) -> None:
    incident = office.report(LIN)
    office.grade(WANG, incident, 1)
    card = office.card(incident)
    assert f"🔴 *Severity 1*, confirmed by <@{WANG}>" in card.everything
    assert "🔴 INC-1" in card.everything
    assert card.buttons == ["verify.open*", "roles.open", "plan.open", "contact.open"]
    assert "🔴 *INC-1*" in office.said("incidents")[-1].text
    assert "severity 1" in office.said("incidents")[-1].text
    assert "proposed" not in office.said("incidents")[-1].text


def test_another_severity_than_the_proposed_needs_a_reason(office: Workspace) -> None:
    incident = office.report(LIN)
    answer = office.grade(ADA, incident, 3)
    assert "not severity 1" in answer["response"]["errors"]["reason"]
    assert office.incident(incident.id).severity is None
    office.submit(ADA, decision_1="3", reason="A test of the customer's own")
    office.settle()
    graded = office.incident(incident.id)
    assert (graded.severity, graded.graded_by) == (Severity.THREE, ADA)
    card = office.card(incident).everything
    assert "A test of the customer's own" in card
    assert "Proposed: 🔴 severity 1" in card, "what the facts speak for stays in sight"


def test_wrong_facts_are_said_next_to_the_field_and_nothing_is_saved(office: Workspace) -> None:
    incident = office.report(LIN)
    wrong = {"customers_affected": "0", "money_lost": "a lot"}
    opened(office, ADA, incident)
    errors = office.submit_unchecked(ADA, decision_1="1", **wrong)["response"]["errors"]
    assert set(errors) == set(wrong)
    assert "9,999.99 CNY" in errors["money_lost"]
    errors = office.submit(ADA, decision_1="1", money_lost="100 XAU", customers_affected="12")["response"]["errors"]
    assert "CNY, USD" in errors["money_lost"]
    future = int((office.clock.now + timedelta(hours=1)).timestamp())
    errors = office.submit(ADA, money_lost="", core_down_since=future)["response"]["errors"]
    assert "future" in errors["core_down_since"]
    assert office.incident(incident.id).severity is None


def test_whoever_is_slower_is_told_who_was_faster_and_loses_nothing(office: Workspace) -> None:
    incident = office.report(LIN)
    opened(office, WANG, incident)
    opened(office, MEI, incident)
    office.submit(WANG, decision_1="1")
    answer = office.submit(MEI, decision_1="2", reason="Only the shop", money_lost="500 CNY")
    view = answer["response"]["view"]
    assert answer["response"]["response_action"] == "update"
    assert f"<@{WANG}>" in view["blocks"][0]["text"]["text"]
    assert "1 级" in view["blocks"][0]["text"]["text"], "in Mei's language"
    assert "Only the shop" in str(view["blocks"])
    assert "500.00 CNY" in str(view["blocks"])
    assert office.incident(incident.id).severity is Severity.ONE
    office.submit(MEI)
    office.settle()
    assert office.incident(incident.id).severity is Severity.TWO
    with office.bot.db.read() as tx:
        assert [(each.by, each.severity) for each in gradings.of_incident(tx, incident.id)] == [(WANG, 1), (MEI, 2)]
        assert journal.is_whole(tx, incident.id)


def test_grading_again_sets_the_clocks_anew_from_their_start(workspace: Workspace) -> None:
    incident = workspace.report(LIN, customers_affected="1", trigger="wrong_charge")
    start = workspace.incident(incident.id).reported_at
    before = clocks(workspace, incident.id)
    assert before[Duty.FIRST_CONTACT].due_at == start + timedelta(minutes=60)
    assert Duty.PRELIMINARY_SOLUTION in before
    workspace.wait(4)
    workspace.grade(ADA, incident, 1, "It is all over the news", publicity="press")
    after = clocks(workspace, incident.id)
    assert after[Duty.FIRST_CONTACT].due_at == start + timedelta(minutes=15)
    assert after[Duty.REPORT_UP].due_at == start + timedelta(minutes=5)
    assert after[Duty.PRELIMINARY_SOLUTION].stopped_at is not None
    assert after[Duty.INVOLVE_PR].is_running, "publicity: PR has to know"
    assert Duty.ASSEMBLE_TEAM not in after, "it starts when the supervisor knows"
    card = workspace.card(incident)
    assert "Involve PR" in card.everything


def test_a_change_of_severity_is_said_in_the_channel(office: Workspace) -> None:
    incident = office.report(LIN, customers_affected="3")
    office.grade(WANG, incident, 3)
    office.grade(MEI, incident, 1, customers_affected="150")
    channel = str(office.incident(incident.id).channel_id)
    assert any(f"🔴 <@{MEI}> has graded INC-1 *severity 1* (it was 🟡 3)" in said.text for said in office.said(channel))


def test_only_those_whom_the_procedure_names_grade(office: Workspace) -> None:
    incident = office.report(LIN)
    refused = office.click(GUEST, office.card(incident), "grade.open")
    window = str(refused["view"]["blocks"])
    assert "people on call" in window
    assert "head of service" in window
    assert "for example <@" in window


def test_severity_1_is_proposed_when_a_core_function_is_down_for_more_than_30_minutes(workspace: Workspace) -> None:
    incident = workspace.report(LIN, customers_affected="3")
    since = int(workspace.clock.now.replace(tzinfo=UTC).timestamp())
    workspace.grade(WANG, incident, 2, core_down_since=since, reason="")
    channel = str(workspace.incident(incident.id).channel_id)
    workspace.wait(30)
    assert not any("severity 1 is proposed" in said.text for said in workspace.said(channel)), "30 minutes are not over"
    workspace.wait(1)
    said = next(said for said in workspace.said(channel) if "🔴 severity 1 is proposed for INC-1" in said.text)
    assert "down for 31 minutes (more than 30)" in said.text
    assert said.buttons == ["grade.confirm*", "grade.open"]
    assert workspace.incident(incident.id).severity is Severity.TWO, "a person confirms"
    workspace.click(ADA, said, "grade.confirm")
    workspace.settle()
    assert workspace.incident(incident.id).severity is Severity.ONE
    done = next(each for each in workspace.said(channel) if each.ts == said.ts)
    assert f"✅ <@{ADA}> graded INC-1" in done.text
    assert done.buttons == []


def test_the_form_says_what_time_alone_will_change(office: Workspace) -> None:
    incident = office.report(LIN, customers_affected="3")
    opened(office, ADA, incident)
    since = office.clock.now - timedelta(minutes=12)
    office.view_action(ADA, "grade.propose", block_id="core_down_since", value=int(since.timestamp()))
    said = proposal(office.view(ADA))
    assert "• a core function has been down for 12 minutes (more than 0)" in said
    assert f"severity 1 is proposed at <!date^{int((since + timedelta(minutes=30, seconds=1)).timestamp())}" in said


def test_a_function_that_works_again_is_not_counted_on(office: Workspace) -> None:
    incident = office.report(LIN, customers_affected="3")
    since = int(office.clock.now.timestamp())
    office.grade(WANG, incident, 2, core_down_since=since)
    office.wait(10)
    office.grade(WANG, incident, 2, core_restored_at=int(office.clock.now.timestamp()))
    channel = str(office.incident(incident.id).channel_id)
    office.wait(60)
    assert not any("is proposed for" in said.text for said in office.said(channel))

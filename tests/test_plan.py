"""The plan: made, decided on by whoever may, its steps done; versions, limits, two at once, what customers are told."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot import lifecycle
from bot.incident import (
    Deadline,
    Duty,
    Incident,
    MomentKind,
    Money,
    NotAllowed,
    Role,
    Severity,
    Status,
    Task,
    TaskState,
)
from bot.plan import Plan, Step, deciders, steps_of
from bot.procedure_file import load
from handlers import decisions, team
from storage import deadlines, incidents, journal, outbox, people, plans, tasks
from tests.test_home import open_home
from tests.test_twice import again, at_once
from tests.workspace import (
    ADA,
    EVA,
    GONE,
    GUEST,
    LIN,
    MEI,
    PROCEDURE,
    SUN,
    WANG,
    ZHOU,
    Said,
    Sandbox,
    Workspace,
    opened,
    settings_for,
)

BEN = "U0BEN"
STEPS = "1. Undo the change of this morning 30 min\n2. Watch the error rate\n3. Pay back the double charges (2 h)"
TOLD = "The change of this morning has been undone"


def graded(workspace: Workspace, severity: int = 1, **values: Any) -> Incident:
    """An incident whose report holds, with this severity."""
    incident = workspace.report(ADA, **values)
    workspace.grade(WANG, incident, severity, reason="As I see it")
    return workspace.incident(incident.id)


def in_time(workspace: Workspace, minutes: int = 180) -> int:
    """What a date picker says."""
    return int((workspace.clock() + timedelta(minutes=minutes)).replace(second=0).timestamp())


def fill_in(workspace: Workspace, user: str, **values: Any) -> Any:
    """Somebody fills in the form for a plan that is open."""
    known = {"steps": STEPS, "owner": ZHOU, "until": in_time(workspace), "kind": "final", "told": TOLD}
    answer = workspace.submit(user, **{**known, **values})
    workspace.settle()
    return answer


def propose(workspace: Workspace, user: str, incident: Incident, **values: Any) -> Plan:
    """Somebody submits a plan."""
    open_plan(workspace, user, incident)
    answer = fill_in(workspace, user, **values)
    assert not answer["response"], answer
    return every(workspace, incident)[-1]


def open_plan(workspace: Workspace, user: str, incident: Incident) -> Any:
    card = workspace.card(incident)
    if any(each.startswith("plan.open") for each in card.buttons):
        return workspace.click(user, card, "plan.open")["view"]
    workspace.click(user, card, "card.menu", option=f"more.open:{incident.id}")
    return workspace.view_action(user, "plan.open")["view"]


def every(workspace: Workspace, incident: Incident) -> list[Plan]:
    with workspace.bot.db.read() as tx:
        return plans.of_incident(tx, incident.id)


def shown(workspace: Workspace, incident: Incident, version: int = 1) -> Said:
    """The message of a version in the incident's channel."""
    said = workspace.said(str(incident.channel_id))
    return [each for each in said if "*Steps*" in each.everything or "*What has to change*" in each.everything
            or "is replaced" in each.text][version - 1]  # fmt: skip


def asked(workspace: Workspace, user: str) -> Said:
    """What somebody was told about a plan in a direct message, latest."""
    return next(each for each in reversed(workspace.said(user)) if "plan" in each.text or "方案" in each.text)


def clocks(workspace: Workspace, incident: Incident, duty: Duty = Duty.APPROVE_PLAN) -> list[Deadline]:
    with workspace.bot.db.read() as tx:
        return [each for each in deadlines.of_incident(tx, incident.id) if each.duty is duty]


def whats(workspace: Workspace, incident: Incident) -> list[str]:
    with workspace.bot.db.read() as tx:
        return [entry.what for entry in journal.of_incident(tx, incident.id)]


def steps_in(workspace: Workspace, incident: Incident) -> list[Task]:
    with workspace.bot.db.read() as tx:
        return [each for each in tasks.of_incident(tx, incident.id) if each.key.startswith("plan")]


def test_a_plan_of_severity_1_is_rejected_written_anew_and_approved(workspace: Workspace) -> None:  # noqa: PLR0915 - a day
    incident = graded(workspace)
    form = open_plan(workspace, MEI, incident)
    assert form["callback_id"] == "plan.submit"
    fill_in(workspace, MEI, compensation="5,000 CNY")
    message = shown(workspace, incident)
    assert message.text.startswith(f"<@{EVA}>, decide on plan 1 by <@{MEI}>, by <!date^")
    assert message.buttons == ["plan.check*", "requests.open"]
    assert "CNY 5,000.00" in message.everything
    assert f"*Plan 1* · <@{ZHOU}> by" in workspace.card(incident).everything
    assert f"⏱ <@{EVA}> decides by" in workspace.card(incident).everything
    assert asked(workspace, EVA).buttons == ["plan.approve*", "plan.refuse", "plan.ask"]
    assert [each.owner_id for each in clocks(workspace, incident)] == [EVA]

    workspace.click(EVA, asked(workspace, EVA), "plan.ask")
    workspace.submit(EVA, question="Who watches the rate & when?")
    workspace.settle()
    question = workspace.said(str(incident.channel_id))[-1]
    assert question.text == f"<@{MEI}>, <@{EVA}> asks about plan 1. Please answer here."
    assert question.raw["thread_ts"] == message.ts
    assert "Who watches the rate &amp; when?" in question.everything
    assert "Who watches" not in workspace.card(incident).everything

    workspace.click(EVA, asked(workspace, EVA), "plan.refuse")
    assert workspace.submit_unchecked(EVA, reason=" ")["response"]["errors"]["reason"].startswith("Say what has")
    workspace.submit(EVA, reason="Say who watches the error rate")
    workspace.settle()
    message = shown(workspace, incident)
    assert message.text.startswith(f"<@{MEI}>, write a new version: <@{EVA}> rejected plan 1 at")
    assert message.buttons == ["plan.revise*"]
    assert asked(workspace, EVA).text.startswith("You rejected plan 1 for INC-1")
    assert asked(workspace, EVA).buttons == []
    assert asked(workspace, MEI).buttons == ["plan.revise*"]
    assert f"rejected by <@{EVA}>" in workspace.card(incident).everything

    form = workspace.click(MEI, asked(workspace, MEI), "plan.revise")["view"]
    assert "Say who watches the error rate" in str(form["blocks"])
    assert "Undo the change of this morning" in str(form["blocks"]), "what the version before says is filled in"
    workspace.submit(MEI, steps=STEPS.replace("Watch", "Qian watches"))
    workspace.settle()
    assert shown(workspace, incident).buttons == []
    assert asked(workspace, MEI).buttons == []

    home = open_home(workspace, SUN)
    assert "Approval" in str(home) or "方案审批" in str(home)
    workspace.sandbox.post("/act/home_action", user=SUN, action_id="plan.check")
    workspace.view_action(SUN, "plan.approve")
    workspace.settle()
    message = shown(workspace, incident, 2)
    assert message.text.startswith(f"✅ <@{SUN}> approved plan 2 at")
    assert asked(workspace, EVA).text.startswith(f"✅ <@{SUN}> approved plan 2 for INC-1")
    assert asked(workspace, ZHOU).buttons == ["requests.open"]
    assert [each.met_by for each in clocks(workspace, incident)] == [EVA, SUN]

    found = steps_in(workspace, incident)
    assert [(each.key, each.words, each.user_id) for each in found] == [
        ("plan2.1", "Undo the change of this morning", ZHOU),
        ("plan2.2", "Qian watches the error rate", ZHOU),
        ("plan2.3", "Pay back the double charges", ZHOU),
    ]
    due = {each.subject: each.due_at - workspace.clock() for each in clocks(workspace, incident, Duty.TASK)}
    assert due[str(found[0].id)] == timedelta(minutes=30)
    assert due[str(found[2].id)] == timedelta(hours=2)
    assert timedelta(hours=2, minutes=58) < due[str(found[1].id)] <= timedelta(hours=3)
    listed = next(each for each in workspace.said(str(incident.channel_id)) if "Undo the change" in each.everything
                  and "tasks.menu" in each.everything)  # fmt: skip
    assert f"*Undo the change of this morning* · <@{ZHOU}>" in listed.everything
    script = workspace.said(str(incident.channel_id))[-1]
    assert TOLD in script.everything
    assert "contact.said*" in script.buttons
    with workspace.bot.db.read() as tx:
        assert journal.is_whole(tx, incident.id)
        said = [each.what for each in journal.of_incident(tx, incident.id) if each.what.startswith("plan_")]
    assert said == ["plan_made", "plan_question", "plan_refused", "plan_made", "plan_approved"]


# -- who decides -------------------------------------------------------------------------------------------------------

PEOPLE = {
    "support-leads": ["MEI"],
    "supervisors": ["WANG", "TOM"],
    "service-heads": ["SUN"],
    "executives": ["EVA"],
    "tech-heads": ["ZHOU"],
    "business-heads": ["BEN"],
}
ONE, TWO, THREE = Severity


@pytest.mark.parametrize(
    ("severity", "amount", "author", "asked", "above"),
    [
        (ONE, "", "MEI", ["EVA", "SUN", "ZHOU", "BEN"], []),
        (ONE, "", "EVA", ["SUN", "ZHOU", "BEN"], []),  # nobody their own
        (ONE, "100000 CNY", "MEI", ["EVA", "SUN", "ZHOU", "BEN"], []),
        (ONE, "100000.01 CNY", "MEI", ["EVA", "ZHOU", "BEN"], []),
        (TWO, "", "WANG", ["MEI", "TOM", "SUN", "WANG"], ["EVA"]),  # their own last
        (TWO, "1000 CNY", "ADA", ["MEI", "WANG", "TOM", "SUN"], ["EVA"]),
        (TWO, "1000.01 CNY", "ADA", ["WANG", "TOM", "SUN"], ["EVA"]),
        (TWO, "10000 CNY", "ADA", ["WANG", "TOM", "SUN"], ["EVA"]),
        (TWO, "10000.01 CNY", "ADA", ["SUN"], ["EVA"]),
        (TWO, "1408.45 USD", "ADA", ["WANG", "TOM", "SUN"], ["EVA"]),  # 9,999.995 CNY
        (TWO, "1408.46 USD", "ADA", ["SUN"], ["EVA"]),  # 10,000.066 CNY
        (TWO, "100000.01 CNY", "ADA", ["EVA"], []),
        (THREE, "0 CNY", "ADA", ["MEI", "WANG", "TOM"], ["SUN", "EVA"]),
        (THREE, "10000.01 CNY", "ADA", ["SUN", "EVA"], []),  # above all who approve: the rungs above them
        (THREE, "100000.01 CNY", "MEI", ["EVA"], []),
    ],
)
def test_who_decides_by_severity_and_amount(
    severity: Severity, amount: str, author: str, asked: list[str], above: list[str]
) -> None:
    procedure = load(PROCEDURE)
    worth = procedure.money.worth(Money.parse(amount)) if amount else Decimal(0)
    found = deciders(severity, worth, author, procedure, {}, PEOPLE)
    assert (list(found.asked), list(found.above)) == (asked, above)


def test_whoever_has_the_role_comes_first() -> None:
    found = deciders(TWO, Decimal(5), "ADA", load(PROCEDURE), {Role.LEAD: "HE"}, PEOPLE)
    assert found.asked[:2] == ("HE", "MEI")
    assert found.roles["HE"] is Role.LEAD
    assert deciders(TWO, Decimal(1001), "ADA", load(PROCEDURE), {Role.LEAD: "HE"}, PEOPLE).asked[0] == "WANG"


def test_somebody_decides_while_anybody_is_there() -> None:
    procedure = load(PROCEDURE)
    assert deciders(ONE, Decimal(0), "EVA", procedure, {}, {"supervisors": ["WANG"], "executives": ["EVA"]}).asked == (
        "WANG",
    )
    only_lead = {"support-leads": ["MEI"]}
    assert deciders(TWO, Decimal(10**9), "ADA", procedure, {}, only_lead).asked == ("MEI",), "whatever the limit"
    assert deciders(ONE, Decimal(0), "MEI", procedure, {}, only_lead).asked == (), "but nobody their own"


@pytest.mark.parametrize(
    ("line", "what", "minutes"),
    [
        ("Undo the change 30 min", "Undo the change", 30),
        ("1. Undo the change (30 minutes)", "Undo the change", 30),
        ("- Watch it, 2 h.", "Watch it", 120),
        ("3、重启服务（1个小时）", "重启服务", 60),
        ("回滚变更，30分钟", "回滚变更", 30),
        ("Wait 2.5 h", "Wait 2.5 h", None),
        ("30 min", "30 min", None),
        ("Watch it for 0 min", "Watch it for 0 min", None),
        ("Watch it 99999 min", "Watch it 99999 min", None),
        ("Buy 30 pcs", "Buy 30 pcs", None),
        ("3.5 volts on the line", "3.5 volts on the line", None),
    ],
)
def test_a_step_may_have_a_time_of_its_own(line: str, what: str, minutes: int | None) -> None:
    assert steps_of(f"\n  {line} \n") == [Step(what, minutes)]


# -- what is written for customers, and what is not --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "better"),
    [
        ("没办法，您必须等。", "不使用“没办法”。建议：目前我能为您做的是……"),
        ("我们尽快处理", "“尽快”承诺了尚未确定的事"),
        ("You have to wait", "不使用“you have to”。建议：The next step is"),
        ("今晚23:59前恢复", "没有登记，届时不会提醒任何人"),
    ],
)
def test_what_is_never_said_is_marked_before_the_plan_tells_customers_so(
    office: Workspace, told: str, better: str
) -> None:
    incident = graded(office, 2, customers_affected="12")
    open_plan(office, MEI, incident)
    view = fill_in(office, MEI, told=told, compensation="5万")["response"]["view"]
    ids = [block.get("block_id") for block in view["blocks"]]
    warned = [str(block) for block in view["blocks"] if block["type"] == "context"]
    assert "请再次点击“提交方案”" in warned[0]
    assert better in warned[1]
    assert view["blocks"][ids.index("told") - 1]["type"] == "context", "beside the words that it is about"
    assert not every(office, incident)
    answer = fill_in(office, MEI, told=told + " 您冷静")
    assert "您冷静" in str(answer["response"]["view"]), "other words are looked through again"
    office.submit(MEI)  # who insists may
    assert [plan.told for plan in every(office, incident)] == [told + " 您冷静"]
    with office.bot.db.read() as tx:
        [made] = [entry for entry in journal.of_incident(tx, incident.id) if entry.what == "plan_made"]
    assert made.detail["flagged"] >= 2


def test_the_time_until_which_the_plan_is_done_may_be_told(office: Workspace) -> None:
    incident = graded(office, 2, customers_affected="12")
    until = office.bot.desk.wordings["zh"].spoken(office.clock() + timedelta(minutes=40), office.clock())
    open_plan(office, MEI, incident)
    answer = fill_in(
        office, MEI, told=f"我们 {until} 前换好", until=int((office.clock() + timedelta(minutes=40)).timestamp())
    )
    assert not answer["response"]


@pytest.mark.parametrize(
    ("written", "minor"), [("5万", 5_000_000), ("1.5万元", 1_500_000), ("￥5，000", 500_000), ("5000块", 500_000)]
)
def test_compensation_is_taken_as_people_write_it(office: Workspace, written: str, minor: int) -> None:
    incident = graded(office, 2, customers_affected="12")
    assert propose(office, MEI, incident, compensation=written).compensation == Money(minor, "CNY")


def test_an_amount_that_may_be_a_slip_is_asked_for_again(office: Workspace) -> None:
    incident = graded(office, 2, customers_affected="12")
    open_plan(office, MEI, incident)
    errors = fill_in(office, MEI, compensation="5w")["response"]["errors"]
    assert errors == {"compensation": "请填写金额，例如 5000 或 1.5万；未写币种时按 CNY 计。"}


def test_a_named_solution_of_a_complaint_is_looked_through_too(office: Workspace) -> None:
    incident = office.report(ADA, customers_affected="1", trigger="staff_attitude")
    office.click(ADA, office.card(incident), "card.menu", option=f"dismiss.open:{incident.id}")
    office.submit(ADA, reason="No emergency", becomes="ordinary_complaint")
    office.settle()
    office.choose(ADA, incident, "solution.open")
    view = office.submit(ADA, words="There is nothing we can do")["response"]["view"]
    assert "We never say “nothing we can do”. Better: What we can do is this" in str(view["blocks"])
    assert "press “Save” once more" in str(view["blocks"])
    assert "solution_named" not in whats(office, incident)
    office.submit(ADA, words="The colleague will apologise")
    assert "solution_named" in whats(office, incident)


def test_what_was_done_begins_with_the_steps_that_were(office: Workspace) -> None:
    incident = graded(office, 2, customers_affected="12")
    propose(office, MEI, incident, own=["at_once"], steps="Undo it for Acme Ltd\nWatch the rate\nPay back")

    def what() -> str:
        view = office.choose(ADA, incident, "fixed.open")["view"]
        element = next(block["element"] for block in view["blocks"] if block.get("block_id") == "what")
        return str(element.get("initial_value", ""))

    assert what() == "", "nobody has said that anything is done"
    with office.bot.db.begin() as tx:
        for task in steps_in(office, incident)[:2]:
            tasks.set_state(tx, task.id, TaskState.DONE, ZHOU, ZHOU, office.clock())
    assert what() == "Undo it for A***; Watch the rate"


# -- what can go wrong -------------------------------------------------------------------------------------------------


def test_wrong_input_is_named_beside_its_field_and_nothing_is_lost(office: Workspace) -> None:
    incident = graded(office)
    open_plan(office, MEI, incident)
    values = {"steps": " \n-\n", "owner": ZHOU, "until": in_time(office, -5), "kind": "final", "told": TOLD}
    errors = office.submit_unchecked(MEI, **values, compensation="300 XAU")["response"]["errors"]
    assert set(errors) == {"steps", "until", "compensation"}
    assert errors["compensation"].startswith("请使用以下币种之一：CNY"), "in Mei's own language"
    answer = office.submit_unchecked(MEI, steps="\n".join(["a"] * 21), until=in_time(office), compensation="")
    assert answer["response"]["errors"] == {"steps": "步骤过多，最多 20 步，请适当合并。"}
    errors = office.submit_unchecked(MEI, steps="x" * 201)["response"]["errors"]
    assert "过长" in errors["steps"]
    errors = office.submit_unchecked(MEI, steps=STEPS, owner=GONE)["response"]["errors"]
    assert "已停用" in errors["owner"]
    office.view_action(MEI, "plan.more", values={"steps": STEPS, "owner": ZHOU})
    assert not fill_in(office, MEI, resources="Two engineers", risks="It may fail again")["response"]
    said = shown(office, incident).everything
    assert "Two engineers" in said
    assert "It may fail again" in said
    assert not again(office, office.click(GUEST, shown(office, incident), "plan.check")).get("error")
    assert len(every(office, incident)) == 1


def test_the_same_form_and_click_twice_have_one_effect(office: Workspace) -> None:
    incident = graded(office)
    open_plan(office, MEI, incident)
    again(office, fill_in(office, MEI))
    assert len(every(office, incident)) == 1
    click = office.click(SUN, shown(office, incident), "plan.check")
    assert click["view"]["callback_id"] == "plan.shown"
    outcome = office.view_action(SUN, "plan.approve")
    again(office, outcome)
    assert len(steps_in(office, incident)) == 3
    with office.bot.db.read() as tx:
        assert [each.what for each in journal.of_incident(tx, incident.id)].count("plan_approved") == 1


def test_two_decide_at_once_and_the_second_is_told_who_was_faster(workspace: Workspace) -> None:
    incident = graded(workspace)
    propose(workspace, MEI, incident)
    for user in (SUN, ZHOU):
        workspace.click(user, shown(workspace, incident), "plan.check")
    workspace.click(EVA, asked(workspace, EVA), "plan.refuse")
    at_once(*(lambda user=user: workspace.view_action(user, "plan.approve") for user in (SUN, ZHOU)))
    workspace.settle()
    plan = every(workspace, incident)[0]
    slower = ZHOU if plan.approved_by == SUN else SUN
    assert f"<@{plan.approved_by}>" in str(workspace.view(slower)["blocks"])
    assert "批准" in str(workspace.view(slower)["blocks"])
    errors = workspace.submit(EVA, reason="Too slow")["response"]["errors"]
    assert "has approved this plan already" in errors["reason"]
    assert every(workspace, incident)[0].refused_at is None
    assert len(steps_in(workspace, incident)) == 3


def test_nobody_decides_on_their_own_plan_at_severity_1(office: Workspace) -> None:
    incident = graded(office)
    assert "at_once" not in str(open_plan(office, SUN, incident)["blocks"])
    fill_in(office, SUN)
    office.click(SUN, shown(office, incident), "plan.check")
    assert "plan.approve" not in str(office.view(SUN)["blocks"])
    office.sandbox.post("/act/close", user=SUN)
    with office.bot.db.read() as tx:
        plan = plans.get(tx, 1)
        who = decisions.deciders(office.bot.desk, tx, incident, plan)
    with pytest.raises(NotAllowed, match=r"allowed\.plan_is_yours"):
        lifecycle.check_can_decide(plan, None, SUN, who)
    with pytest.raises(NotAllowed, match=r"allowed\.only"):
        lifecycle.check_can_decide(plan, None, MEI, who)
    home = str(open_home(office, SUN))
    assert "plan.check" not in home
    assert "plan.check" in str(open_home(office, ZHOU)), "who may decide, asked or not"


def test_who_may_approve_their_own_does_so_with_a_tick_as_far_as_their_limit_goes(office: Workspace) -> None:
    incident = graded(office, 2, customers_affected="12")
    assert "at_once" in str(open_plan(office, MEI, incident)["blocks"])
    answer = fill_in(office, MEI, compensation="1000.01 CNY", own=["at_once"])
    assert "Wang" in answer["response"]["errors"]["own"]
    answer = fill_in(office, MEI, compensation="1,000 CNY", own=["at_once"])
    assert not answer["response"]
    plan = every(office, incident)[0]
    assert (plan.by, plan.approved_by) == (MEI, MEI)
    assert shown(office, incident).text.startswith(f"✅ <@{MEI}> approved plan 1 at")
    assert clocks(office, incident) == []
    assert len(steps_in(office, incident)) == 3
    with office.bot.db.read() as tx:
        entry = next(each for each in journal.of_incident(tx, incident.id) if each.what == "plan_approved")
    assert entry.detail["own"] is True
    open_plan(office, MEI, incident)
    fill_in(office, MEI, compensation="50000 CNY", own=[])
    assert shown(office, incident, 2).text.startswith(f"<@{SUN}>, decide on plan 2 by <@{MEI}>")


# -- versions and time -------------------------------------------------------------------------------------------------


def test_a_newer_version_replaces_what_waits_and_what_is_left_of_what_was_approved(office: Workspace) -> None:
    incident = graded(office, 2, customers_affected="12")
    propose(office, ADA, incident, steps="First")
    assert [each.owner_id for each in clocks(office, incident)] == [MEI]
    form = open_plan(office, WANG, incident)
    assert "第 1 版方案正待审批" in str(form["blocks"])
    fill_in(office, WANG, steps="Second\nThird")
    assert shown(office, incident).text == f"Plan 1 by <@{ADA}> is replaced: <@{WANG}> has submitted plan 2."
    assert shown(office, incident).buttons == []
    first, second = clocks(office, incident)
    assert first.stopped_at is not None
    assert second.is_running
    assert asked(office, MEI).buttons[0] == "plan.approve*"
    office.click(MEI, asked(office, MEI), "plan.approve")
    office.settle()
    assert [each.words for each in steps_in(office, incident)] == ["Second", "Third"]
    propose(office, MEI, incident, steps="Fourth", told="Other words", own=["at_once"])
    states = {each.words: str(each.state) for each in steps_in(office, incident)}
    assert states == {"Second": "not_applicable", "Third": "not_applicable", "Fourth": "taken"}
    assert "has given way to plan 3" in shown(office, incident, 2).text
    assert "replaced by plan 3" in str([each.everything for each in office.said(str(incident.channel_id))])
    assert "Other words" in office.said(str(incident.channel_id))[-1].everything
    running = [each for each in clocks(office, incident, Duty.TASK) if each.is_running and each.owner_id == ZHOU]
    assert len(running) == 1


def test_who_writes_while_somebody_else_submits_sees_that_and_keeps_what_they_wrote(office: Workspace) -> None:
    incident = graded(office, 2, customers_affected="12")
    open_plan(office, ADA, incident)
    propose(office, WANG, incident)
    answer = fill_in(office, ADA, steps="Mine")
    assert answer["response"]["response_action"] == "update"
    assert "submitted plan 1" in str(office.view(ADA)["blocks"])
    assert not office.submit(ADA)["response"]
    assert [each.steps for each in every(office, incident)] == [STEPS, "Mine"]


def test_no_decision_in_time_asks_the_next_and_tells_the_ladder(office: Workspace) -> None:
    incident = graded(office)
    propose(office, MEI, incident)
    office.wait(11)
    assert "decide on plan 1 for INC-1" in office.said(EVA)[-1].text
    assert "plan.check" in office.said(EVA)[-1].buttons, "beside what she has to say that she knows of"
    office.wait(5)
    assert "nobody has decided on 第 1 版方案" not in str([each.text for each in office.said(SUN)])
    late = next(each for each in reversed(office.said(SUN)) if "方案" in each.text)
    assert late.buttons == ["plan.check*"]
    assert f"⚠️ <@{EVA}> has not decided" in office.card(incident).everything
    office.click(SUN, late, "plan.check")
    office.view_action(SUN, "plan.approve")
    office.settle()
    assert clocks(office, incident)[0].met_by == SUN
    assert any(each.text.startswith(f"✅ <@{SUN}> decided on plan 1") for each in office.said(EVA))


def test_another_severity_has_others_decide(office: Workspace) -> None:
    incident = graded(office, 2, customers_affected="12")
    propose(office, ADA, incident)
    assert clocks(office, incident)[0].owner_id == MEI
    office.grade(WANG, incident, 1, reason="It spreads")
    clock = clocks(office, incident)[0]
    assert clock.owner_id == EVA
    assert clock.due_at - clock.started_at == timedelta(minutes=15)
    assert "decides on plan 1" in asked(office, MEI).text or "现由" in asked(office, MEI).text
    assert asked(office, EVA).buttons == ["plan.approve*", "plan.refuse", "plan.ask"]
    assert shown(office, incident).text.startswith(f"<@{EVA}>, decide on plan 1")


def test_another_lead_decides_now(office: Workspace) -> None:
    incident = graded(office, 2, customers_affected="12")
    propose(office, ADA, incident)
    with office.bot.db.begin() as tx:
        team.ask(office.bot.desk, tx, incidents.get(tx, incident.id, lock=True), Role.LEAD, LIN, LIN, office.clock())
    office.settle()
    assert clocks(office, incident)[0].owner_id == LIN
    assert asked(office, LIN).buttons == ["plan.approve*", "plan.refuse", "plan.ask"]
    assert asked(office, MEI).buttons[0] == "plan.approve*", "who may still decide, may"


# -- what customers hear -----------------------------------------------------------------------------------------------


def test_a_temporary_measure_asks_customers_whether_they_agree(office: Workspace) -> None:
    incident = graded(office, 3, customers_affected="1")
    office.contact(ADA, incident)
    propose(office, MEI, incident, kind="temporary", told="You can pay by card on the phone", own=["at_once"])
    assert "You can pay by card on the phone" in office.said(str(incident.channel_id))[-1].everything
    assert "Temporary: customers are asked" in shown(office, incident).everything
    assert "temporary" in office.card(incident).everything
    view = office.click(ADA, office.card(incident), "contact.open")["view"]
    assert "You can pay by card on the phone" in str(view["blocks"])
    consent = next(block["block_id"] for block in view["blocks"] if block["block_id"].startswith("consent"))
    office.submit(ADA, **{consent: "given"})
    office.settle()
    view = office.click(ADA, office.card(incident), "contact.open")["view"]
    assert not any(block["block_id"].startswith("consent") for block in view["blocks"])
    propose(office, MEI, incident, told="Payments work again", own=["at_once"])
    view = office.click(ADA, office.card(incident), "contact.open")["view"]
    assert "Payments work again" in str(view["blocks"])


def test_words_that_were_not_approved_are_said_to_nobody(office: Workspace) -> None:
    incident = graded(office)
    propose(office, MEI, incident, told="Nobody has approved this")
    office.contact(ADA, incident, who="everybody")
    view = office.click(ADA, office.card(incident), "contact.open")["view"]
    assert "Nobody has approved this" not in str(view["blocks"])


def test_an_emergency_has_no_solution_without_a_plan_and_a_complaint_no_plan(office: Workspace) -> None:
    incident = graded(office)
    with pytest.raises(NotAllowed, match=r"allowed\.needs_plan"):
        lifecycle.check_is_complaint(incident)
    complaint = office.report(ADA, customers_affected="1", trigger="staff_attitude")
    office.click(ADA, office.card(complaint), "card.menu", option=f"dismiss.open:{complaint.id}")
    office.submit(ADA, reason="One customer, calm", becomes="ordinary_complaint")
    office.settle()
    with pytest.raises(NotAllowed, match=r"allowed\.is_complaint"):
        lifecycle.check_unsolved(office.incident(complaint.id))
    with pytest.raises(NotAllowed, match=r"allowed\.works_again"):
        lifecycle.check_unsolved(replace(incident, status=Status.FIXED, fixed_by=ADA, fixed_at=datetime.now(UTC)))


def test_a_customers_name_in_a_plan_is_masked_for_those_who_read_along(office: Workspace) -> None:
    incident = graded(office, customer="Zhang Wei")
    propose(office, MEI, incident, steps="Pay Zhang Wei back", told="Zhang Wei gets the money")
    assert "Zhang Wei" not in shown(office, incident).everything
    assert asked(office, EVA).buttons == ["plan.check*"], "nobody decides on words that they can't see"
    assert "Zhang Wei" not in asked(office, EVA).everything
    office.click(EVA, asked(office, EVA), "plan.check")
    assert "Zhang Wei" in str(office.view(EVA)["blocks"])
    office.view_action(EVA, "plan.approve")
    office.settle()
    assert "Zhang Wei" not in str([each.everything for each in office.said(str(incident.channel_id))])
    with office.bot.db.read() as tx:
        looks = [each for each in journal.of_incident(tx, incident.id) if each.what == "customer_seen"]
        details = str([each.detail for each in journal.of_incident(tx, incident.id)])
    assert [each.by for each in looks if each.detail.get("form") == "plan"][:1] == [EVA]
    assert "Zhang" not in details


def test_nobody_decides_on_a_plan_of_which_a_message_shows_only_a_part(office: Workspace) -> None:
    incident = graded(office)
    steps = "\n".join(f"{number} " + "&" * 145 for number in range(20))
    propose(office, MEI, incident, steps=steps, told="<" * 1900 + " The end")
    for message in (shown(office, incident), asked(office, EVA)):
        assert "more of it than fits here; “Look at the plan” shows every word" in message.everything
        assert "The end" not in message.everything
    assert asked(office, EVA).buttons == ["plan.check*"]
    office.click(EVA, asked(office, EVA), "plan.check")
    assert "The end" in str(office.view(EVA)["blocks"])
    office.view_action(EVA, "plan.approve")
    office.settle()
    assert shown(office, incident).buttons == ["requests.open", "plan.check"], "what is done can still be read"
    assert "approved" in shown(office, incident).text


# -- who is asked, and who then ----------------------------------------------------------------------------------------


def moments_of(workspace: Workspace, clock: Deadline) -> list[tuple[int, str | None]]:
    """Who is told when it is late, and how many minutes after the plan."""
    return [
        (int((each.at - clock.started_at).total_seconds() // 60), each.user_id)
        for each in clock.moments
        if each.kind in (MomentKind.ESCALATE, MomentKind.NOBODY_LEFT)
    ]


def leave(workspace: Workspace, user_id: str) -> None:
    """Somebody leaves the workspace, and we notice."""
    with workspace.bot.db.begin() as tx:
        known = people.get(tx, user_id)
        assert known is not None
        people.learn(tx, [replace(known, is_active=False)], workspace.clock())
        outbox.ask(tx, "replace_gone", f"gone:{user_id}", workspace.clock(), detail={"user": user_id})
    workspace.settle()


def test_everybody_who_decides_at_severity_1_is_asked_at_once_and_again_in_turn(office: Workspace) -> None:
    incident = graded(office)
    propose(office, MEI, incident)
    for user in (EVA, SUN, ZHOU, BEN):
        assert asked(office, user).buttons == ["plan.approve*", "plan.refuse", "plan.ask"], user
    assert f"<@{SUN}>, <@{ZHOU}>, <@{BEN}> may decide as well" in asked(office, EVA).everything
    [clock] = clocks(office, incident)
    assert moments_of(office, clock) == [(15, SUN), (20, ZHOU), (25, BEN), (30, None)], "nobody who may not decide"
    with office.bot.db.begin() as tx:
        team.ask(office.bot.desk, tx, incidents.get(tx, incident.id, lock=True), Role.LEAD, WANG, WANG, office.clock())
    office.settle()
    [clock] = clocks(office, incident)
    assert moments_of(office, clock) == [(15, SUN), (20, ZHOU), (25, BEN), (30, None)], "another lead changes nothing"
    assert sum("decide on plan 1" in each.text for each in office.said(EVA)) == 1
    office.wait(16)
    office.grade(WANG, incident, 2, reason="It is less", customers_affected="12")
    [clock] = clocks(office, incident)
    assert clock.owner_id == WANG
    assert asked(office, WANG).buttons[0] == "plan.approve*"
    assert {who for _, who in moments_of(office, clock)} >= {SUN, EVA}


def test_of_a_confidential_incident_those_who_decide_hear_one_after_the_other(office: Workspace) -> None:
    incident = office.report(ADA, trigger="privacy_leak")
    office.grade(ADA, incident, 1, reason="As I see it")
    incident = office.incident(incident.id)
    assert incident.is_private
    propose(office, ADA, incident)
    assert asked(office, EVA).buttons
    for user in (ZHOU, BEN):
        assert not [each for each in office.said(user) if "plan.approve*" in each.buttons]
    assert BEN not in office.channel(str(incident.channel_id))["members"]
    for minutes in (16, 5, 5):
        office.wait(minutes)
    assert BEN in office.channel(str(incident.channel_id))["members"]
    late = next(each for each in reversed(office.said(BEN)) if "plan.check*" in each.buttons)
    office.click(BEN, late, "plan.check")
    office.view_action(BEN, "plan.approve")
    office.settle()
    assert every(office, incident)[0].approved_by == BEN


def test_where_nobody_else_may_decide_the_ladder_is_told(office: Workspace) -> None:
    incident = graded(office, 2, customers_affected="12")
    propose(office, ADA, incident, compensation="100000.01 CNY")
    [clock] = clocks(office, incident)
    assert clock.owner_id == EVA
    assert [who for _, who in moments_of(office, clock)] == [MEI, WANG, SUN, None]


def test_a_plan_that_is_rejected_is_no_second_plan(office: Workspace) -> None:
    incident = graded(office, 3, customers_affected="1", trigger="wrong_charge")
    office.click(ADA, office.card(incident), "verify.open")
    office.submit(ADA)
    office.settle()
    propose(office, ADA, incident)
    owed = clocks(office, incident, Duty.PRELIMINARY_SOLUTION)
    assert [each.is_running for each in owed] == [True], "what nobody has approved is none"
    office.click(MEI, asked(office, MEI), "plan.refuse")
    office.submit(MEI, reason="Too slow")
    office.settle()
    assert [each.is_running for each in clocks(office, incident, Duty.PRELIMINARY_SOLUTION)] == [True]
    propose(office, ADA, incident, steps="Faster")
    office.click(MEI, asked(office, MEI), "plan.approve")
    office.settle()
    assert [each.met_by for each in clocks(office, incident, Duty.PRELIMINARY_SOLUTION)] == [ADA]


def test_an_owner_who_leaves_before_the_approval_gets_nothing(office: Workspace) -> None:
    incident = graded(office, 3, customers_affected="1", trigger="dispute")
    propose(office, ADA, incident)
    leave(office, ZHOU)
    office.click(MEI, asked(office, MEI), "plan.approve")
    office.settle()
    owners = {each.user_id for each in steps_in(office, incident)}
    assert len(owners) == 1
    assert ZHOU not in owners
    assert {each.owner_id for each in clocks(office, incident, Duty.TASK) if each.is_running} >= owners
    assert ZHOU not in {each.owner_id for each in clocks(office, incident, Duty.TASK) if each.is_running}
    assert f"<@{ZHOU}>" not in shown(office, incident).text


def test_whom_the_procedure_names_and_who_has_left_is_not_asked(
    sandbox: Sandbox, sqlite_url: str, tmp_path: Path
) -> None:
    procedure = PROCEDURE.read_text()
    named = '  1: [executive, head_of_service, "@tech-heads", "@business-heads"]'
    assert named in procedure
    path = tmp_path / "procedure.yml"
    path.write_text(procedure.replace(named, f"  1: [{GONE}, executive]"))
    with opened(sandbox, settings_for(sandbox, sqlite_url, socket_mode=False, hotline_procedure=path)) as office:
        incident = graded(office)
        propose(office, MEI, incident)
        assert [each.owner_id for each in clocks(office, incident)] == [EVA]
        assert shown(office, incident).text.startswith(f"<@{EVA}>, decide on plan 1")
        assert f"<@{GONE}>" not in asked(office, EVA).everything

"""The plan: made, decided on by whoever may, its steps done; versions, limits, two at once, what customers are told."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.incident import Deadline, Duty, Incident, Task
from bot.plan import Plan
from storage import deadlines, journal, plans, tasks
from tests.test_home import open_home
from tests.test_twice import again, at_once
from tests.workspace import ADA, EVA, GUEST, LIN, MEI, SUN, WANG, ZHOU, Said, Workspace

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


def steps_in(workspace: Workspace, incident: Incident) -> list[Task]:
    with workspace.bot.db.read() as tx:
        return [each for each in tasks.of_incident(tx, incident.id) if each.key.startswith("plan")]


def test_a_plan_of_severity_1_is_rejected_written_anew_and_approved(workspace: Workspace) -> None:
    incident = graded(workspace)
    form = open_plan(workspace, MEI, incident)
    assert form["callback_id"] == "plan.submit"
    fill_in(workspace, MEI, compensation="5,000 CNY")
    message = shown(workspace, incident)
    assert message.text.startswith(f"<@{EVA}>, decide on plan 1 by <@{MEI}> until <!date^")
    assert message.buttons == ["plan.check*", "requests.open"]
    assert "CNY 5,000.00" in message.everything
    assert f"*Plan 1* · <@{ZHOU}> by" in workspace.card(incident).everything
    assert f"⏱ <@{EVA}> decides until" in workspace.card(incident).everything
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

"""The playbook: posted once, taken, done, crossed out with a reason, added to; late tasks go up the ladder."""

from typing import Any

import pytest

from bot.incident import Incident, Role, Task, TaskState
from handlers import team
from storage import deadlines, journal, tasks
from tests.workspace import ADA, GUEST, LIN, MEI, WANG, ZHOU, Said, Sandbox, Workspace, opened, settings_for

CAUSE = "Find out what is down and for whom"
RELEASES = "Stop planned changes and releases"
NOTICE = "Put a notice where customers look first"


def verified(workspace: Workspace, user: str = LIN, **values: Any) -> Incident:
    incident = workspace.report(user, **values)
    workspace.click(user, workspace.card(incident), "verify.open")
    workspace.submit(user, note="It holds")
    workspace.settle()
    return workspace.incident(incident.id)


def checklists(workspace: Workspace, incident: Incident) -> list[Said]:
    said = workspace.said(str(workspace.incident(incident.id).channel_id))
    return [each for each in said if "has a playbook" in each.text or "处置清单" in each.text]


def lines(workspace: Workspace, incident: Incident) -> list[str]:
    [shown] = checklists(workspace, incident)
    return [str(block["text"]["text"]) for block in shown.blocks if block["type"] == "section"]


def line(workspace: Workspace, incident: Incident, what: str) -> str:
    return next(each for each in lines(workspace, incident) if what in each)


def menu(workspace: Workspace, incident: Incident, what: str) -> list[str]:
    [shown] = checklists(workspace, incident)
    block = next(each for each in shown.blocks if each["type"] == "section" and what in each["text"]["text"])
    options = block.get("accessory", {}).get("options", [])
    return [str(option["value"]).partition(":")[0].removeprefix("tasks.") for option in options]


def choose(workspace: Workspace, user: str, incident: Incident, what: str, choice: str) -> Any:
    """Somebody chooses in the menu of a task."""
    [shown] = checklists(workspace, incident)
    block = next(each for each in shown.blocks if each["type"] == "section" and what in each["text"]["text"])
    number = str(block["block_id"]).removeprefix("task_")
    answer = workspace.click(user, shown, "tasks.menu", block_id=block["block_id"], option=f"tasks.{choice}:{number}")
    workspace.settle()
    return answer


def task(workspace: Workspace, incident: Incident, key: str) -> Task:
    with workspace.bot.db.read() as tx:
        return next(each for each in tasks.of_incident(tx, incident.id) if each.key.startswith(key))


def entries(workspace: Workspace, incident: Incident) -> list[tuple[str, str | None]]:
    with workspace.bot.db.read() as tx:
        assert journal.is_whole(tx, incident.id)
        return [(each.what, each.by) for each in journal.of_incident(tx, incident.id) if each.what.startswith("task_")]


def test_a_playbook_from_its_posting_to_its_end(workspace: Workspace) -> None:
    incident = verified(workspace)
    assert lines(workspace, incident)[0] == "*Playbook: System failure* · 0 of 6 done"
    assert f"⏱ *{CAUSE}* · Tech support –, for now <@{LIN}> · due " in line(workspace, incident, CAUSE)
    assert line(workspace, incident, RELEASES) == f"☐ *{RELEASES}* · Tech support –"

    choose(workspace, ADA, incident, CAUSE, "take")
    assert f"⏱ *{CAUSE}* · <@{ADA}> · due " in line(workspace, incident, CAUSE)
    workspace.wait(10)
    channel = str(incident.channel_id)
    reminder = next(said for said in workspace.said(channel) if f"<@{ADA}>, “{CAUSE}”" in said.text)
    workspace.click(ADA, reminder, "tasks.done")
    workspace.settle()
    assert line(workspace, incident, CAUSE).startswith(f"✅ {CAUSE} · <@{ADA}> ")
    assert lines(workspace, incident)[0] == "*Playbook: System failure* · 1 of 6 done"
    met = next(said for said in workspace.said(channel) if said.ts == reminder.ts)
    assert f"✅ “{CAUSE}” for INC-1 was done by <@{ADA}>" in met.text
    assert "tasks.done" not in met.everything

    choose(workspace, LIN, incident, RELEASES, "done")
    assert line(workspace, incident, RELEASES).startswith(f"✅ {RELEASES} · <@{LIN}> "), "done without being taken"
    choose(workspace, LIN, incident, NOTICE, "not_applicable")
    workspace.submit(LIN, reason="One customer only")
    workspace.settle()
    assert line(workspace, incident, NOTICE).startswith(f"~{NOTICE}~ · not applicable: One customer only · <@{LIN}> ")
    assert lines(workspace, incident)[0] == "*Playbook: System failure* · 2 of 5 done"
    before = len(workspace.said(channel))
    workspace.wait(14.5)
    assert not any(NOTICE in said.text for said in workspace.said(channel)[before:]), "nobody owes it any more"
    assert entries(workspace, incident) == [
        ("task_taken", ADA),
        ("task_done", ADA),
        ("task_done", LIN),
        ("task_not_applicable", LIN),
    ]


def test_it_is_posted_once_whether_verified_or_graded_first(office: Workspace) -> None:
    incident = office.report(LIN)
    office.grade(WANG, incident, 1)
    assert len(lines(office, incident)) == 7
    office.click(LIN, office.card(incident), "verify.open")
    office.submit(LIN)
    office.settle()
    assert len(checklists(office, incident)) == 1
    with office.bot.db.read() as tx:
        assert len(tasks.of_incident(tx, incident.id)) == 6


def test_each_state_has_its_menu(office: Workspace) -> None:
    incident = verified(office)
    assert menu(office, incident, CAUSE) == ["take", "done", "not_applicable"]
    choose(office, ADA, incident, CAUSE, "take")
    assert menu(office, incident, CAUSE) == ["done", "not_applicable", "give_back"]
    choose(office, ADA, incident, CAUSE, "done")
    assert menu(office, incident, CAUSE) == ["reopen"]


def test_of_two_who_take_it_at_once_the_second_is_told_who_has_it(office: Workspace) -> None:
    incident = verified(office)
    [shown] = checklists(office, incident)
    number = task(office, incident, "system_failure.0").id
    office.bot.courier.stop()  # nothing is drawn between the two clicks
    for user in (ADA, MEI, ADA):
        office.click(user, shown, "tasks.menu", block_id=f"task_{number}", option=f"tasks.take:{number}")
    told = str(office.view(MEI)["blocks"])
    assert f"<@{ADA}> 已于" in told, "in Mei's own language"
    assert "认领此任务" in told
    assert "This is yours already." in str(office.view(ADA)["blocks"])
    assert task(office, incident, "system_failure.0").user_id == ADA
    assert entries(office, incident) == [("task_taken", ADA)]


def test_what_is_done_is_not_done_twice(office: Workspace) -> None:
    incident = verified(office)
    number = task(office, incident, "system_failure.0").id
    office.wait(10)
    reminder = next(said for said in office.said(str(incident.channel_id)) if f"“{CAUSE}”" in said.text)
    [shown] = checklists(office, incident)
    office.bot.courier.stop()
    office.click(LIN, reminder, "tasks.done")
    office.click(ADA, reminder, "tasks.done")
    assert f"<@{LIN}> has done this already" in str(office.view(ADA)["blocks"])
    office.sandbox.post("/act/close", user=ADA)
    office.click(ADA, shown, "tasks.menu", block_id=f"task_{number}", option=f"tasks.not_applicable:{number}")
    assert f"<@{LIN}> has done this already" in str(office.view(ADA)["blocks"]), "no form opens"
    assert entries(office, incident) == [("task_done", LIN)]


def test_not_applicable_needs_a_reason(office: Workspace) -> None:
    incident = verified(office)
    form = choose(office, ADA, incident, RELEASES, "not_applicable")["view"]
    assert RELEASES in str(form["blocks"][0])
    answer = office.submit_unchecked(ADA, reason="   ")
    assert answer["response"]["errors"] == {"reason": "Say in a sentence why this does not apply here."}
    assert task(office, incident, "system_failure.1").state is TaskState.OPEN
    assert (office.submit(ADA, reason="Nothing is *planned* <!here>")["response"] or {}) == {}
    office.settle()
    assert "not applicable: Nothing is *planned* &lt;!here&gt; · " in line(office, incident, RELEASES)


def test_who_opens_the_reason_while_somebody_does_it_is_told(office: Workspace) -> None:
    incident = verified(office)
    choose(office, ADA, incident, RELEASES, "not_applicable")
    choose(office, LIN, incident, RELEASES, "done")
    answer = office.submit(ADA, reason="Nothing is planned")
    assert "Lin 林 has done this already" in answer["response"]["errors"]["reason"]
    assert task(office, incident, "system_failure.1").state is TaskState.DONE


def test_what_was_done_by_mistake_is_opened_again_without_a_clock(office: Workspace) -> None:
    incident = verified(office)
    choose(office, ADA, incident, CAUSE, "done")
    choose(office, LIN, incident, CAUSE, "reopen")
    assert line(office, incident, CAUSE) == f"☐ *{CAUSE}* · Tech support –"
    assert menu(office, incident, CAUSE) == ["take", "done", "not_applicable"]
    choose(office, ADA, incident, NOTICE, "not_applicable")
    office.submit(ADA, reason="A slip")
    office.settle()
    choose(office, ADA, incident, NOTICE, "reopen")
    assert line(office, incident, NOTICE) == f"☐ *{NOTICE}* · PR –"
    assert "A slip" not in str(lines(office, incident))
    assert [what for what, _ in entries(office, incident)][-1] == "task_reopened"


def test_what_is_given_back_is_owed_by_whoever_owed_it_and_can_be_taken_by_another(office: Workspace) -> None:
    incident = verified(office)
    due = next(part for part in line(office, incident, CAUSE).split(" · ") if part.startswith("due "))
    choose(office, ADA, incident, CAUSE, "take")
    assert due in line(office, incident, CAUSE), "its time stays"
    choose(office, LIN, incident, CAUSE, "give_back")
    assert f"Tech support –, for now <@{LIN}> · {due}" in line(office, incident, CAUSE)
    choose(office, MEI, incident, CAUSE, "take")
    assert f"<@{MEI}> · {due}" in line(office, incident, CAUSE)


def test_a_late_task_goes_up_the_ladder_and_whoever_takes_over_has_it(office: Workspace) -> None:
    incident = verified(office)
    channel = str(incident.channel_id)
    choose(office, ADA, incident, CAUSE, "take")
    office.wait(10)
    assert any(f"<@{ADA}>, “{CAUSE}” for INC-1 is due at" in said.text for said in office.said(channel))
    office.wait(5)
    assert f"⚠️ *{CAUSE}* · <@{ADA}> · was due " in line(office, incident, CAUSE)
    late = next(said for said in office.said(channel) if f"⚠️ <@{MEI}>, “{CAUSE}” for INC-1 is not done" in said.text)
    assert "reminders.take_over" in late.everything
    assert "任务“查明哪些功能受影响、影响哪些客户”仍未完成" in str([said.text for said in office.said(MEI)])
    office.wait(15)
    wang = next(said for said in office.said(channel) if f"⚠️ <@{WANG}>, “{CAUSE}”" in said.text)
    with office.bot.db.read() as tx:
        [clock] = [each for each in deadlines.running(tx, incident.id) if each.subject and each.owner_id == ADA]
    offers = [
        (each["block_id"], part) for each in wang.blocks if each["type"] == "actions" for part in each["elements"]
    ]
    mine = next(block for block, part in offers if part["value"] == str(clock.id))
    office.click(WANG, wang, "reminders.take_over", block_id=mine)
    office.settle()
    assert f"⚠️ *{CAUSE}* · <@{WANG}> · was due " in line(office, incident, CAUSE)
    taken = task(office, incident, "system_failure.0")
    assert (taken.state, taken.user_id) == (TaskState.TAKEN, WANG)
    with office.bot.db.read() as tx:
        assert deadlines.get(tx, clock.id).due_at == clock.due_at, "its own time, not the one of all tasks"


def test_a_task_is_added_with_and_without_a_time(office: Workspace) -> None:
    incident = verified(office)
    [shown] = checklists(office, incident)
    form = office.click(ADA, shown, "tasks.add")["view"]
    assert (form["title"]["text"], form["submit"]["text"]) == ("Add a task", "Add")
    wrong = office.submit_unchecked(ADA, words=" ", minutes="0")
    assert wrong["response"]["errors"] == {
        "words": "Say in a few words what is to be done.",
        "minutes": "Enter a number from 1 to 1,440.",
    }
    office.submit(ADA, words="Call the bank & ask", minutes="")
    office.settle()
    assert line(office, incident, "Call the bank") == "☐ *Call the bank &amp; ask*"

    [shown] = checklists(office, incident)
    office.click(ADA, shown, "tasks.add")
    office.submit(ADA, words="Write to the provider", role="tech_support", minutes="8")
    office.settle()
    assert f"⏱ *Write to the provider* · Tech support –, for now <@{LIN}> · due " in line(office, incident, "provider")
    assert lines(office, incident)[0] == "*Playbook: System failure* · 0 of 8 done"
    office.wait(4)
    said = "\n".join(each.text for each in office.said(str(incident.channel_id)))
    assert "“Write to the provider” for INC-1 is due at" in said
    with office.bot.db.read() as tx:
        added = [each for each in journal.of_incident(tx, incident.id) if each.what == "task_added"]
    assert [(each.detail["role"], each.detail["minutes"]) for each in added] == [(None, None), ("tech_support", 8)]
    assert "bank" not in str([each.detail for each in added]), "people's words are not in the journal"


def test_the_same_form_once_more_adds_nothing(office: Workspace) -> None:
    incident = verified(office)
    [shown] = checklists(office, incident)
    view = office.click(ADA, shown, "tasks.add")["view"]
    office.submit(ADA, words="Call the bank")
    with office.bot.db.begin() as tx:
        assert tasks.add(tx, incident.id, [(f"added.{view['id']}", "Call the bank", None)]) == []


def test_only_people_in_the_channel_work_on_it(office: Workspace) -> None:
    incident = verified(office)
    [shown] = checklists(office, incident)
    number = task(office, incident, "system_failure.0").id
    for choice in ("take", "done", "not_applicable"):
        office.click(GUEST, shown, "tasks.menu", block_id=f"task_{number}", option=f"tasks.{choice}:{number}")
        told = str(office.view(GUEST)["blocks"])
        assert "This is for the people in its channel (for example <@" in told, choice
        office.sandbox.post("/act/close", user=GUEST)
    office.click(GUEST, shown, "tasks.add")
    assert "This is for the people in its channel" in str(office.view(GUEST)["blocks"])
    assert entries(office, incident) == []


def test_when_the_incident_is_over_nothing_is_offered_any_more(office: Workspace) -> None:
    incident = verified(office)
    [shown] = checklists(office, incident)
    office.choose(LIN, incident, "dismiss.open")
    office.submit(LIN, reason="A test")
    office.settle()
    [ended] = checklists(office, incident)
    assert "tasks.menu" not in ended.everything
    assert "tasks.add" not in ended.everything
    assert line(office, incident, CAUSE).startswith("☐"), "its clock has stopped"
    assert "tasks.add" in shown.everything


def test_whoever_gets_the_role_owes_its_tasks_and_the_list_says_so(office: Workspace) -> None:
    incident = verified(office)
    office.grade(WANG, incident, 1)
    with office.bot.db.begin() as tx:
        team.ask(office.bot.desk, tx, incident, Role.TECH_SUPPORT, ZHOU, ZHOU, office.clock())
    office.settle()
    assert f"⏱ *{CAUSE}* · Tech support <@{ZHOU}> · due " in line(office, incident, CAUSE)
    assert line(office, incident, RELEASES) == f"☐ *{RELEASES}* · Tech support <@{ZHOU}>"


@pytest.mark.parametrize(("added", "finished"), [(34, 0), (35, 1), (60, 30), (80, 0)])
def test_a_long_list_fits_into_one_message(office: Workspace, added: int, finished: int) -> None:
    incident = verified(office)
    with office.bot.db.begin() as tx:
        new = tasks.add(tx, incident.id, [(f"added.{n}", f"Task number {n}. " + "x" * 180, None) for n in range(added)])
        for each in new[:finished]:
            tasks.set_state(tx, each.id, TaskState.DONE, ADA, ADA, office.clock())
    choose(office, ADA, incident, CAUSE, "take")
    [shown] = checklists(office, incident)
    assert len(shown.blocks) <= 50
    assert lines(office, incident)[0] == f"*Playbook: System failure* · {finished} of {added + 6} done"
    open_ones, menus = added + 6 - finished, str(shown.blocks).count("tasks.menu")
    assert menus > 20
    if menus < open_ones:
        assert f"{open_ones - menus} more open tasks are shown here as soon as others are finished" in shown.everything
    else:
        assert "more open" not in shown.everything


@pytest.mark.parametrize("letter", ["x", "&"])
def test_a_tick_shows_however_long_the_tasks_are(office: Workspace, letter: str) -> None:
    incident = verified(office)
    with office.bot.db.begin() as tx:
        tasks.add(tx, incident.id, [(f"added.{n}", f"Task {n}. " + letter * 190, None) for n in range(34)])
    choose(office, ADA, incident, CAUSE, "done")
    [shown] = checklists(office, incident)
    assert shown.text == "INC-1 has a playbook: 1 of 40 tasks are done."
    menus = str(shown.blocks).count("tasks.menu")
    assert f"{39 - menus} more open tasks are shown" in shown.everything, "what is open comes first"
    assert f"✅ {CAUSE}" in shown.everything
    with office.bot.db.read() as tx:
        last = tasks.of_incident(tx, incident.id)[-1]
    assert f"task_{last.id}" not in shown.everything
    with office.bot.db.begin() as tx:
        for each in tasks.of_incident(tx, incident.id)[6:-1]:
            tasks.set_state(tx, each.id, TaskState.DONE, ADA, ADA, office.clock())
    choose(office, ADA, incident, RELEASES, "take")
    [shown] = checklists(office, incident)
    assert f"task_{last.id}" in shown.everything, "it has moved up"
    assert "Task 32. " in shown.everything, "the latest that are finished stand together"
    assert "Task 0. " not in shown.everything


def test_however_much_falls_together_slack_takes_it(office: Workspace) -> None:
    incident = verified(office, ADA, what_happened="&" * 80)
    for number in range(12):
        office.click(ADA, checklists(office, incident)[0], "tasks.add")
        office.submit(ADA, words=f"{number} " + "&" * 190, minutes="60")
        office.settle()
    for _ in range(8):
        office.wait(10)
    together = office.said(ADA)[-1]
    assert len(together.blocks) == 2 * 8 + 1
    assert "… and 4 more: they are in App Home" in together.everything
    office.click(ADA, together, "tasks.done")
    office.settle()
    assert "✅" in office.said(ADA)[-1].everything, "it is edited however long its text would be"


def test_in_a_chinese_workspace_the_list_is_chinese(sandbox: Sandbox, sqlite_url: str) -> None:
    settings = settings_for(sandbox, sqlite_url, hotline_language="zh", hotline_timezone="Asia/Shanghai")
    with opened(sandbox, settings) as workspace:
        incident = verified(workspace, ADA)
        assert lines(workspace, incident)[0] == "*处置清单：系统故障* · 已完成 0/6"
        first = line(workspace, incident, "查明哪些功能受影响、影响哪些客户")
        assert f"* · 技术支持 –，暂由 <@{ADA}> 负责 · 截止 " in first
        choose(workspace, LIN, incident, "暂停计划中的变更和发布", "not_applicable")
        assert workspace.view(LIN)["title"]["text"] == "任务不适用"
        workspace.submit(LIN, reason="没有变更")
        workspace.settle()
        assert "~暂停计划中的变更和发布~ · 不适用：没有变更 · " in str(lines(workspace, incident))
        form = workspace.click(ADA, checklists(workspace, incident)[0], "tasks.add")["view"]
        assert form["title"]["text"] == "Add a task", "each in their own language"
        workspace.submit(ADA, words="联系银行", minutes="10")
        workspace.settle()
        assert "⏱ *联系银行*" in str(lines(workspace, incident))

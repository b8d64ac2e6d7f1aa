"""App Home: what waits for somebody, with the button that does it; what is open, page by page; seen at once."""

from datetime import timedelta
from typing import Any

from sqlalchemy import insert, text

from bot.action import Action, ActionKind
from bot.incident import Duty, Incident, Role
from handlers import team
from storage import actions, deadlines, incidents, people, tables
from tests.workspace import ADA, EVA, GUEST, LIN, MEI, WANG, ZHOU, Sandbox, Workspace, opened, settings_for


def home(workspace: Workspace, user: str) -> list[dict[str, Any]]:
    return list(workspace.sandbox.get(f"/home/{user}")["blocks"])


def open_home(workspace: Workspace, user: str) -> list[dict[str, Any]]:
    workspace.sandbox.post("/act/home", user=user)
    workspace.settle()
    return home(workspace, user)


def act(workspace: Workspace, user: str, action_id: str, block_id: str | None = None) -> Any:
    answer = workspace.sandbox.post("/act/home_action", user=user, action_id=action_id, block_id=block_id)
    assert answer.get("error") is None, answer
    workspace.settle()
    return answer


def sections(blocks: list[dict[str, Any]]) -> list[str]:
    return [str(block["text"]["text"]) for block in blocks if block["type"] == "section"]


def buttons(blocks: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Each button's id and value, in the order in which one sees them."""
    found = []
    for block in blocks:
        elements = block["elements"] if block["type"] == "actions" else [block.get("accessory", {})]
        found += [(part["action_id"], part["value"]) for part in elements if part.get("type") == "button"]
    return found


def of(blocks: list[dict[str, Any]], what: str) -> dict[str, Any]:
    return next(block for block in blocks if block["type"] == "section" and what in block["text"]["text"])


def verified(workspace: Workspace, user: str = LIN) -> Incident:
    incident = workspace.report(user)
    workspace.click(user, workspace.card(incident), "verify.open")
    workspace.submit(user)
    workspace.settle()
    return workspace.incident(incident.id)


def take(workspace: Workspace, user: str, incident: Incident, number: int) -> int:
    """Somebody takes a task of the playbook."""
    shown = next(each for each in workspace.said(str(incident.channel_id)) if "has a playbook" in each.text)
    menus = [block for block in shown.blocks if block.get("accessory", {}).get("action_id") == "tasks.menu"]
    block_id = str(menus[number]["block_id"])
    task = int(block_id.removeprefix("task_"))
    workspace.click(user, shown, "tasks.menu", block_id=block_id, option=f"tasks.take:{task}")
    workspace.settle()
    return task


def test_nothing_waits_and_nothing_is_open(office: Workspace) -> None:
    blocks = open_home(office, ADA)
    assert sections(blocks) == ["Hello, Ada Okafor.", "Nothing is waiting for you.", "Open incidents: none."]
    assert buttons(blocks) == [("report.open", "new")]
    assert sections(open_home(office, LIN))[1:] == ["目前没有待您处理的事项。", "目前没有进行中的事件。"]
    assert act(office, ADA, "report.open")["view"]["callback_id"] == "report.submit"


def test_what_somebody_owes_stands_there_with_its_time_and_the_button_that_does_it(workspace: Workspace) -> None:
    incident = workspace.report(ADA)
    blocks = open_home(workspace, ADA)
    assert "*Waiting for you*" in sections(blocks)
    verify, reach, first = sections(blocks)[2:5]
    assert verify.startswith("⏱ *Verify* · <!date^")
    assert f"⚪ *INC-1* · Payments fail with error 502 · <#{workspace.incident(incident.id).channel_id}>" in verify
    assert reach.startswith(f"⏱ *Report up: reach <@{WANG}>* · ")
    assert first.startswith("⏱ *First contact* · ")
    with workspace.bot.db.read() as tx:
        report_up = next(each.id for each in deadlines.of_incident(tx, 1) if each.duty is Duty.REPORT_UP)
    assert buttons(blocks) == [
        ("report.open", "new"),
        ("verify.open", "1"),
        ("acknowledge.told", str(report_up)),
        ("contact.open", "1"),
        ("ledger.open", "1"),
    ]
    assert open_home(workspace, GUEST)[2]["text"]["text"] == "Nothing is waiting for you."

    workspace.wait(6)
    late = sections(home(workspace, ADA))
    assert late[2].startswith("⚠️ *Verify* · was due "), "told that it is late, they see it there too"
    assert late[4].startswith("⏱ *First contact*"), "what is late stands first"

    act(workspace, ADA, "verify.open", of(home(workspace, ADA), "*Verify*")["block_id"])
    workspace.submit(ADA, note="It holds")
    workspace.settle()
    assert "*Verify*" not in str(home(workspace, ADA)), "the form was opened there: what it did is seen there"
    act(workspace, ADA, "contact.open")
    workspace.choose_customers(ADA, "everybody")
    workspace.submit(ADA)
    workspace.settle()
    assert "First contact" not in str(home(workspace, ADA))
    assert "*Update to customers*" in str(home(workspace, ADA))


def test_who_is_told_of_an_incident_can_say_there_that_they_know(office: Workspace) -> None:
    office.report(ADA)
    assert "Nothing is waiting" not in str(open_home(office, WANG))
    assert "目前没有待您处理的事项。" in sections(open_home(office, WANG)), (
        "before he was told, it does not wait for him"
    )
    office.wait(0.1)
    blocks = home(office, WANG)
    assert sections(blocks)[2].startswith("⏱ *确认知悉* · ")
    assert buttons(blocks)[1][0] == "acknowledge.confirm"
    act(office, WANG, "acknowledge.confirm")
    assert "确认知悉" not in str(sections(home(office, WANG))[:3]), "seen at once"
    assert "*组建团队*" in str(home(office, WANG)), "and what it has started"


def test_only_who_may_acknowledge_is_asked_to(office: Workspace) -> None:
    office.report(ADA)
    for minutes in (5, 5, 5, 5):
        office.wait(minutes)
    assert "acknowledge.confirm" not in str(open_home(office, MEI)), "a lead was told that it is late, no more"
    assert "acknowledge.confirm" in str(open_home(office, EVA))
    with office.bot.db.begin() as tx:
        tx.execute(text("update deadlines set owner_id = :eva"), {"eva": EVA})
    assert "acknowledge.confirm" not in str(open_home(office, EVA))


def test_a_role_to_accept_has_both_answers(office: Workspace) -> None:
    incident = verified(office, ADA)
    office.grade(WANG, incident, 1)
    with office.bot.db.begin() as tx:
        asked = team.ask(office.bot.desk, tx, office.incident(1), Role.TECH_SUPPORT, ZHOU, WANG, office.clock())
    office.settle()
    blocks = open_home(office, ZHOU)
    role = of(blocks, "*接受职责：技术支持*")
    assert role["text"]["text"].startswith("⏱ *接受职责：技术支持* · <!date^"), "with the time of its clock"
    assert buttons(blocks)[1:3] == [("roles.accept", str(asked)), ("roles.decline", str(asked))]
    act(office, ZHOU, "roles.accept")
    assert "接受职责" not in str(home(office, ZHOU))
    assert "*任务：查明哪些功能受影响、影响哪些客户*" in str(home(office, ZHOU)), "its tasks are theirs now"


def test_a_task_that_was_taken_can_be_ticked_off_there(office: Workspace) -> None:
    incident = verified(office, LIN)
    timed, untimed = take(office, ADA, incident, 0), take(office, ADA, incident, 1)
    blocks = open_home(office, ADA)
    assert of(blocks, "Find out what is down")["text"]["text"].startswith(
        "⏱ *Task: Find out what is down and for whom* · <!"
    )
    assert of(blocks, "Stop planned")["text"]["text"].startswith("⏱ *Task: Stop planned changes and releases*\n")
    assert buttons(blocks)[1:] == [("tasks.done", str(timed)), ("tasks.done", str(untimed))]
    act(office, ADA, "tasks.done", of(blocks, "Stop planned")["block_id"])
    assert "Stop planned" not in str(home(office, ADA))
    act(office, ADA, "tasks.done", of(home(office, ADA), "Find out")["block_id"])
    assert "Nothing is waiting for you." in sections(home(office, ADA))


def test_what_an_ended_incident_left_waits_for_nobody(office: Workspace) -> None:
    incident = verified(office, LIN)
    take(office, ADA, incident, 1)
    office.choose(LIN, incident, "dismiss.open")
    office.submit(LIN, reason="A test")
    office.settle()
    assert sections(open_home(office, ADA))[1:] == ["Nothing is waiting for you.", "Open incidents: none."]


def test_a_severity_to_be_looked_at_again_waits_only_once_it_was_asked_for(office: Workspace) -> None:
    incident = office.report(LIN, customers_affected="12")
    office.grade(ADA, incident, 2, core_down_since=int(office.clock().timestamp()))
    assert "severity 1" not in str(sections(open_home(office, ADA)))
    office.wait(31)
    waits = of(home(office, ADA), "Grade it anew")
    assert waits["text"]["text"].startswith("⏱ *Grade it anew: 🔴 severity 1 is proposed*")
    act(office, ADA, "grade.confirm")
    assert "Grade it anew" not in str(home(office, ADA))


def test_private_incidents_are_for_their_people(office: Workspace) -> None:
    office.report(LIN, trigger="privacy_leak", what_happened="A list of customers was sent out")
    assert "🔒" in str(open_home(office, ADA)), "on call"
    assert sections(open_home(office, GUEST))[-1] == "Open incidents: none."


def many(workspace: Workspace, number: int) -> None:
    now = workspace.clock()
    rows = [
        {
            "report_key": f"many {n}",
            "status": "verified",
            "title": f"Case {n}",
            "what_happened": f"Case {n}",
            "trigger": "dispute",
            "customers_affected": 1,
            "proposed_severity": 3,
            "reporter_id": LIN,
            "is_private": False,
            "reported_at": now - timedelta(minutes=n),
        }
        for n in range(1, number + 1)
    ]
    with workspace.bot.db.begin() as tx:
        tx.execute(insert(tables.incidents), rows)


def owed(workspace: Workspace, user: str, number: int) -> None:
    now = workspace.clock()
    with workspace.bot.db.begin() as tx:
        ids = [each.id for each in incidents.still_open(tx, user, number)]
        rows = [
            {
                "incident_id": incident_id,
                "duty": Duty.FIRST_CONTACT,
                "owner_id": user,
                "started_at": now,
                "due_at": now + timedelta(minutes=n),
                "escalate_every_s": 300,
                "moments": "",
            }
            for n, incident_id in enumerate(ids)
        ]
        tx.execute(insert(tables.deadlines), rows)


def test_many_open_incidents_come_in_pages(office: Workspace) -> None:
    many(office, 23)
    blocks = open_home(office, ADA)
    assert "*Open incidents:* 23" in sections(blocks)
    assert [f"Case {n} " in str(blocks) for n in (1, 10, 11)] == [True, True, False], "latest first"
    assert buttons(blocks)[-1] == ("home.next", "1")
    assert "1 to 10 of 23" in str(blocks)
    act(office, ADA, "home.next")
    assert "Case 11 " in str(home(office, ADA))
    assert buttons(home(office, ADA))[-2:] == [("home.previous", "0"), ("home.next", "2")]
    act(office, ADA, "home.next")
    blocks = home(office, ADA)
    assert "21 to 23 of 23" in str(blocks)
    assert buttons(blocks)[-1] == ("home.previous", "1")
    act(office, ADA, "home.previous")
    assert "11 to 20 of 23" in str(home(office, ADA))
    with office.bot.db.begin() as tx:
        tx.execute(text("update incidents set status = 'closed' where id > 5"))
        people.set_home(tx, ADA, office.clock(), 2)
    act(office, ADA, "report.open")
    assert "*Open incidents:* 5" in str(home(office, ADA)), "of pages that are gone, the last one is shown"
    assert "home.previous" not in str(home(office, ADA))
    many_more = open_home(office, ADA)
    assert "Case 1 " in str(many_more)


def test_what_is_told_keeps_the_page(office: Workspace) -> None:
    office.report(ADA)
    many(office, 15)
    open_home(office, ADA)
    act(office, ADA, "home.next")
    office.wait(6)
    assert "⚠️ *Verify*" in str(home(office, ADA))
    assert "11 to 16 of 16" in str(home(office, ADA))


def test_who_does_not_look_is_not_drawn_for(office: Workspace) -> None:
    office.report(ADA)
    open_home(office, ADA)
    office.wait(3)
    before = len(office.sandbox.calls("views.publish"))
    office.wait(61)
    office.sandbox.http.delete("/calls")
    office.wait(5)
    assert office.sandbox.calls("views.publish") == []
    assert before > 1


def test_however_much_there_is_slack_takes_it(office: Workspace) -> None:
    many(office, 120)
    owed(office, ADA, 60)
    incident = verified(office, LIN)
    for number in range(6):
        take(office, ADA, incident, number)
    now = office.clock()
    with office.bot.db.begin() as tx:
        for number in range(30):
            item = Action(0, incident.id, f"Item {number}", ActionKind.FIX, ADA, now.date(), LIN, now)
            actions.save(tx, f"many {number}", item)
    blocks = open_home(office, ADA)
    assert len(blocks) < 100
    assert sum("Item" in each for each in sections(blocks)) == 8
    assert "22 more" in str(blocks)
    assert "The 20 most urgent are shown." in str(blocks)
    assert sum("First contact*" in each and "Case" in each for each in sections(blocks)[:24]) >= 14


def test_in_a_chinese_workspace_everybody_still_reads_their_own_language(sandbox: Sandbox, sqlite_url: str) -> None:
    settings = settings_for(sandbox, sqlite_url, hotline_language="zh", hotline_timezone="Asia/Shanghai")
    with opened(sandbox, settings) as workspace:
        workspace.report(LIN)
        blocks = open_home(workspace, LIN)
        assert sections(blocks)[:2] == ["Lin 林，您好。", "*待您处理*"]
        assert sections(blocks)[2].startswith("⏱ *核实* · ")
        assert f"*上报主管：请联系 <@{WANG}>*" in str(blocks)
        workspace.wait(6)
        assert sections(home(workspace, LIN))[2].startswith("⚠️ *核实* · 应于 ")
        many(workspace, 11)
        open_home(workspace, LIN)
        act(workspace, LIN, "home.next")
        assert "第 11 至 12 个，共 12 个" in str(home(workspace, LIN))
        assert sections(open_home(workspace, ADA))[-1].startswith("⚪ *INC-")
        assert "Open incidents" in str(home(workspace, ADA))

"""Action items: agreed, reminded of, overdue, told to the managers once a week, done with a link; also when closed."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import Connection, event, text

from bot.action import Action, ActionKind, ActionState, day_in_hand, told_last
from bot.deadlines import plan
from bot.incident import Duty, Incident, MomentKind, Severity, Status
from bot.procedure_file import load
from bot.worktime import Calendar
from handlers import overdue
from handlers.clock import tick
from storage import actions, deadlines, incidents, journal, outbox
from storage.db import Database
from storage.encryption import Cipher
from storage.schema import migrate
from tests.test_home import act, of, open_home, sections
from tests.workspace import (
    ADA,
    BOT,
    GONE,
    GUEST,
    HE,
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

WEDNESDAY = datetime(2026, 12, 2, 2, tzinfo=UTC)  # 10:00 in Shanghai, an ordinary week
THURSDAY, FRIDAY, MONDAY = (date(2026, 12, day) for day in (3, 4, 7))
SECOND_LOOK = "A second person approves each change of configuration"
CALENDAR = load(PROCEDURE).worktime


def at(day: date, clock: str) -> datetime:
    return CALENDAR.at(day, time.fromisoformat(clock))


def until(workspace: Workspace, moment: datetime) -> None:
    """Time passes until then; the clock's own job looks too, as with each sweep."""
    workspace.wait((moment - workspace.clock.now).total_seconds() / 60)
    overdue.Overdue(workspace.bot.desk).look()
    workspace.settle()


def closed(workspace: Workspace, **values: Any) -> Incident:
    """An incident that is over since Wednesday; nothing of it runs any more."""
    workspace.clock.now = WEDNESDAY
    incident = workspace.report(LIN, **values)
    with workspace.bot.db.begin() as tx:
        incidents.set_closed(tx, incident.id, MEI, WEDNESDAY)
        deadlines.stop(tx, incident.id, WEDNESDAY)
    overdue.Overdue(workspace.bot.desk).look()
    return workspace.incident(incident.id)


def archived(workspace: Workspace, incident: Incident) -> None:
    with workspace.bot.db.begin() as tx:
        outbox.ask(tx, "archive", f"archive:{incident.id}", workspace.clock.now, incident.id)
    workspace.settle()
    assert workspace.incident(incident.id).archived_at


def add(workspace: Workspace, user: str, incident: Incident, **values: Any) -> Any:
    """Somebody adds an action item, from the list in the incident's channel."""
    workspace.command(user, "actions", channel=str(incident.channel_id))
    assert workspace.view_action(user, "actions.add")["view"]["callback_id"] == "actions.add_submit"
    said = {"what": SECOND_LOOK, "kind": "prevention", "owner": ZHOU, "due_on": FRIDAY.isoformat(), **values}
    answer = workspace.submit(user, **said)
    workspace.settle()
    return answer


def items(workspace: Workspace, incident: Incident) -> list[Action]:
    with workspace.bot.db.read() as tx:
        return actions.of_incident(tx, incident.id)


def asked(workspace: Workspace, user: str) -> Said:
    """The latest direct message about an action item."""
    return next(
        each for each in reversed(workspace.said(user)) if "改进措施" in each.text or "action item" in each.text
    )


def errors(answer: Any) -> Any:
    return answer["response"]["errors"]


def happened(workspace: Workspace, incident: Incident) -> list[str]:
    with workspace.bot.db.begin() as tx:
        assert journal.is_whole(tx, incident.id)
        return [entry.what for entry in journal.of_incident(tx, incident.id) if entry.what.startswith("action_")]


def test_an_action_item_is_followed_until_it_is_done(workspace: Workspace) -> None:
    incident = closed(workspace)
    add(workspace, MEI, incident)
    archived(workspace, incident)
    before = len(workspace.said(str(incident.channel_id)))
    assert SECOND_LOOK in str(workspace.view(MEI)), "the list below the form shows it"
    told = asked(workspace, ZHOU)
    assert told.text.startswith(f"<@{ZHOU}>，<@{MEI}> 请您在 2026年12月4日（周五） 前完成 INC-1 的改进措施")
    assert told.buttons == ["actions.done_open*", "actions.change_open"]

    until(workspace, at(THURSDAY, "08:59"))
    assert asked(workspace, ZHOU).ts == told.ts
    until(workspace, at(THURSDAY, "09:00"))
    reminded = asked(workspace, ZHOU)
    assert reminded.ts != told.ts
    assert SECOND_LOOK in reminded.text
    assert reminded.buttons == ["actions.done_open*", "actions.change_open"], "no minutes to put off, but another day"

    until(workspace, at(FRIDAY, "18:30"))
    assert asked(workspace, ZHOU).ts == reminded.ts, "nobody is told at night, or on a day off"
    assert "1 项，其中 1 项逾期" in str(sections(open_home(workspace, ZHOU)))
    until(workspace, at(MONDAY, "08:59"))
    assert not any("逾期" in each.text for each in workspace.said(WANG))
    until(workspace, at(MONDAY, "09:00"))
    late = asked(workspace, MEI)
    assert "仍未完成" in late.text
    assert late.buttons == ["reminders.take_over", "actions.done_open*", "actions.change_open"]
    assert "仍未完成" in asked(workspace, ZHOU).text

    weekly = workspace.said(WANG)[-1]
    assert weekly.text == f"<@{WANG}>，有 1 项改进措施已逾期，最早的一项应于 2026年12月4日（周五） 前完成。"
    assert f"<@{ZHOU}>\n⚠️ INC-1 · {SECOND_LOOK} · 应于 2026年12月4日（周五） 前完成，已逾期 3 天" in str(
        [block["text"]["text"] for block in weekly.blocks if block["type"] == "section"]
    ).replace("\\n", "\n")
    assert sum("逾期" in each.text for each in workspace.said(SUN)) == 1
    until(workspace, at(MONDAY, "18:00"))
    assert sum("已逾期" in each.text for each in workspace.said(WANG)) == 1, "once a week"
    assert workspace.click(WANG, weekly, "actions.overdue")["view"]["callback_id"] == "actions.shown"

    act(workspace, ZHOU, "actions.done_open", f"action_{items(workspace, incident)[0].id}")
    assert "outcome" in errors(workspace.submit_unchecked(ZHOU, outcome=" "))
    workspace.submit(ZHOU, outcome="https://wiki.example/changes")
    workspace.settle()
    done = next(each for each in workspace.said(ZHOU) if each.ts == told.ts)
    assert "https://wiki.example/changes" in done.text
    assert done.buttons == []
    assert all("actions.done_open" not in each.everything for each in workspace.said(ZHOU) + workspace.said(MEI))
    assert "改进措施" not in str(open_home(workspace, ZHOU))
    assert happened(workspace, incident) == ["action_added", "action_done"]
    until(workspace, at(MONDAY + timedelta(days=7), "12:00"))
    assert sum("已逾期" in each.text for each in workspace.said(WANG)) == 1, "nothing is overdue any more"
    assert len(workspace.said(str(incident.channel_id))) == before, "it concerns one person"
    refused = [call for call in workspace.sandbox.calls() if "is_archived" in str(call)]
    assert refused == [], "nothing is tried in an archived channel"


DUE = [  # agreed at, until -> reminded, late, and when the first rung is told
    ("2026-12-02 10:00", FRIDAY, "2026-12-03 09:00", "2026-12-04 18:00", "2026-12-07 09:00"),
    ("2026-12-02 10:00", MONDAY, "2026-12-04 09:00", "2026-12-07 18:00", "2026-12-08 09:00"),
    ("2026-12-02 10:00", date(2026, 12, 6), "2026-12-04 09:00", "2026-12-06 18:00", "2026-12-07 09:00"),
    ("2026-12-02 10:00", date(2026, 12, 2), "2026-12-02 14:00", "2026-12-02 18:00", "2026-12-03 09:00"),
    ("2026-12-02 10:00", THURSDAY, "2026-12-03 09:00", "2026-12-03 18:00", "2026-12-04 09:00"),
    ("2026-09-21 10:00", date(2026, 9, 28), "2026-09-24 09:00", "2026-09-28 18:00", "2026-09-29 09:00"),
    ("2026-09-21 10:00", date(2026, 10, 8), "2026-09-30 09:00", "2026-10-08 18:00", "2026-10-09 09:00"),
]


@pytest.mark.parametrize(("agreed", "until_day", "reminded", "due", "told"), DUE)
def test_when_an_action_item_is_due(agreed: str, until_day: date, reminded: str, due: str, told: str) -> None:
    def local(written: str) -> datetime:
        return at(date.fromisoformat(written[:10]), written[11:])

    rosters = {"support-leads": [MEI], "supervisors": [WANG]}
    made = plan(Duty.ACTION, Severity.TWO, ZHOU, local(agreed), load(PROCEDURE), rosters, "1", due_on=until_day)
    reminding = [moment.at for moment in made.moments if moment.kind is MomentKind.REMIND]
    rungs = [moment.at for moment in made.moments if moment.kind is MomentKind.ESCALATE]
    assert (made.due_at, reminding, rungs[0]) == (local(due), [local(reminded)], local(told))


@pytest.mark.parametrize(
    ("now", "day"),
    [("17:59", THURSDAY), ("18:00", FRIDAY), ("00:00", THURSDAY), ("23:59", FRIDAY)],
)
def test_a_day_is_over_at_closing_time(now: str, day: date) -> None:
    assert day_in_hand(at(THURSDAY, now), CALENDAR) == day
    item = Action(1, 1, "", ActionKind.FIX, ZHOU, THURSDAY, MEI, WEDNESDAY)
    assert item.is_overdue(day) == (now in ("18:00", "23:59"))


@pytest.mark.parametrize(
    ("weekday", "now", "told"),
    [
        (0, at(MONDAY, "08:59"), date(2026, 11, 30)),
        (0, at(MONDAY, "09:00"), MONDAY),
        (0, at(date(2026, 12, 13), "23:00"), MONDAY),
        (4, at(MONDAY, "09:00"), FRIDAY),
        (4, at(FRIDAY, "08:00"), date(2026, 11, 27)),
    ],
)
def test_the_day_on_which_managers_hear(weekday: int, now: datetime, told: date) -> None:
    assert told_last(weekday, time(9), now, CALENDAR) == told


def test_an_opening_is_the_next_working_days() -> None:
    calendar = Calendar("CN", "Asia/Shanghai", time(9), time(18))
    assert calendar.opening(date(2026, 12, 5)) == at(MONDAY, "09:00")
    assert calendar.closing(date(2026, 12, 5)) == at(date(2026, 12, 5), "18:00")


def test_what_is_wrong_is_said_beside_its_field(office: Workspace) -> None:
    incident = closed(office)
    wrong = errors(add(office, MEI, incident, due_on="2026-12-01"))
    assert wrong == {"due_on": "请选择将来的日期。"}
    assert errors(office.submit_unchecked(MEI, due_on="2031-01-01")) == {"due_on": "请选择两年以内的日期。"}
    assert set(errors(office.submit_unchecked(MEI, due_on="2026-12-04", what=" "))) == {"what"}
    assert errors(office.submit_unchecked(MEI, what=SECOND_LOOK, owner=GONE)).keys() == {"owner"}
    assert errors(office.submit_unchecked(MEI, owner=BOT)).keys() == {"owner"}
    assert errors(office.submit_unchecked(MEI, what="x" * 301, owner=ZHOU)).keys() == {"what"}
    assert items(office, incident) == []
    office.submit(MEI, what=SECOND_LOOK)
    assert len(items(office, incident)) == 1


def test_ten_working_days_are_proposed(office: Workspace) -> None:
    incident = closed(office)
    assert "An action item says what will change" in str(
        office.command(ADA, "actions", channel=str(incident.channel_id))["view"]
    )
    form = office.view_action(ADA, "actions.add")["view"]
    day = next(block for block in form["blocks"] if block["block_id"] == "due_on")
    assert day["element"]["initial_date"] == "2026-12-16"
    office.submit(ADA, what=SECOND_LOOK, kind="fix", owner=ADA)
    office.settle()
    assert items(office, incident)[0].due_on == date(2026, 12, 16)
    assert not any("asks you to do" in each.text for each in office.said(ADA)), "nobody is told what they just did"


def test_the_same_form_twice_and_two_people_at_once(office: Workspace) -> None:
    incident = closed(office)
    office.command(MEI, "actions", channel=str(incident.channel_id))
    office.view_action(MEI, "actions.add")
    said = {"what": SECOND_LOOK, "kind": "fix", "owner": ZHOU, "due_on": FRIDAY.isoformat()}
    view = office.view(MEI)
    office.submit(MEI, **said)
    with office.bot.db.begin() as tx:
        assert actions.was_saved(tx, view["id"])
    office.settle()
    told = asked(office, ZHOU)
    office.click(ZHOU, told, "actions.done_open")
    office.command(MEI, "actions", channel=str(incident.channel_id))
    office.view_action(MEI, "actions.done_open", block_id=f"action_{items(office, incident)[0].id}")
    office.submit(ZHOU, outcome="Done since Monday")
    assert "已于" in errors(office.submit(MEI, outcome="I did it"))["outcome"], "somebody was faster"
    office.settle()
    item = items(office, incident)[0]
    assert (item.state, item.ended_by, item.outcome) == (ActionState.DONE, ZHOU, "Done since Monday")
    assert happened(office, incident) == ["action_added", "action_done"]


def test_somebody_else_and_another_day(office: Workspace) -> None:
    incident = closed(office)
    add(office, MEI, incident)
    told = asked(office, ZHOU)
    office.click(ZHOU, told, "actions.change_open")
    office.submit(ZHOU, owner=HE, due_on="2026-12-11")
    office.settle()
    item = items(office, incident)[0]
    assert (item.owner_id, item.due_on) == (HE, date(2026, 12, 11))
    assert f"<@{HE}>" in next(each for each in office.said(ZHOU) if each.ts == told.ts).text
    assert next(each for each in office.said(ZHOU) if each.ts == told.ts).buttons == []
    assert asked(office, HE).buttons == ["actions.done_open*", "actions.change_open"]
    until(office, at(FRIDAY, "18:30"))
    assert len([each for each in office.said(ZHOU) if "改进措施" in each.text]) == 1, "not of the old day"
    until(office, at(date(2026, 12, 10), "09:00"))
    assert "2026" not in (reminded := asked(office, HE)).text
    assert reminded.ts != asked(office, ZHOU).ts
    office.command(MEI, "actions", channel=str(incident.channel_id))
    office.view_action(MEI, "actions.change_open", block_id=f"action_{item.id}")
    office.submit(MEI, owner=ZHOU)
    office.settle()
    assert items(office, incident)[0].owner_id == ZHOU
    assert asked(office, ZHOU).ts != told.ts, "asked anew"
    with office.bot.db.read() as tx:
        running = deadlines.running(tx, incident.id)
        was = [entry.detail["was"] for entry in journal.of_incident(tx, incident.id) if entry.what == "action_changed"]
    assert [(each.duty, each.owner_id) for each in running] == [(Duty.ACTION, ZHOU)]
    assert was == [ZHOU, HE]


def test_dropped_with_a_reason(office: Workspace) -> None:
    incident = closed(office)
    add(office, MEI, incident)
    item = items(office, incident)[0]
    office.command(MEI, "actions", channel=str(incident.channel_id))
    office.view_action(MEI, "actions.drop_open", block_id=f"action_{item.id}")
    assert set(errors(office.submit_unchecked(MEI, why=""))) == {"why"}
    office.submit(MEI, why="The tool is replaced")
    office.settle()
    assert "The tool is replaced" in asked(office, ZHOU).text
    assert asked(office, ZHOU).buttons == []
    assert "The tool is replaced" in str(office.view(MEI)), "the list is drawn anew"
    until(office, at(MONDAY, "12:00"))
    assert not any("逾期" in each.text for each in office.said(WANG))
    assert "已撤销" in asked(office, ZHOU).text


def test_who_may(office: Workspace) -> None:
    incident = closed(office)
    add(office, MEI, incident)
    told = asked(office, ZHOU)
    opened_by_guest = office.command(GUEST, "actions", channel=str(incident.channel_id))["view"]
    assert SECOND_LOOK in str(opened_by_guest), "everybody may read it"
    assert "This is for" in str(office.view_action(GUEST, "actions.add")["view"])
    office.command(GUEST, "actions", channel=str(incident.channel_id))
    number = items(office, incident)[0].id
    assert "This is for" in str(office.view_action(GUEST, "actions.done_open", block_id=f"action_{number}")["view"])
    assert office.click(ZHOU, told, "actions.done_open")["view"]["callback_id"] == "actions.done_submit", "it is theirs"
    office.command(SUN, "actions", channel=str(incident.channel_id))
    form = office.view_action(SUN, "actions.change_open", block_id=f"action_{number}")["view"]
    assert form["callback_id"] == "actions.change_submit", "a manager may"


def test_a_dismissed_report_has_no_lessons(office: Workspace) -> None:
    incident = office.report(LIN)
    add(office, LIN, incident, due_on=(office.clock.now + timedelta(days=9)).date().isoformat())
    office.click(LIN, office.card(incident), "card.menu", option=f"dismiss.open:{incident.id}")
    office.submit(LIN, reason="A test")
    office.settle()
    assert items(office, incident)[0].state is ActionState.DROPPED
    assert "改进措施" not in str(open_home(office, ZHOU))
    assert happened(office, incident) == ["action_added", "action_dropped"]
    with office.bot.db.read() as tx:
        assert deadlines.running(tx, incident.id) == []


def test_what_is_confidential_stays_with_its_people(office: Workspace) -> None:
    incident = closed(office, trigger="privacy_leak", what_happened="A list of customers was sent out")
    wrong = errors(add(office, LIN, incident, owner=HE))
    assert "此事件已保密" in wrong["owner"]
    office.submit(LIN, owner=ADA)
    office.settle()
    assert items(office, incident)[0].owner_id == ADA
    seen_by_guest = office.command(GUEST, "actions", channel="general")["view"]
    assert SECOND_LOOK not in str(seen_by_guest)
    with office.bot.db.begin() as tx:
        tx.execute(text("update deadlines set next_nudge_at = null"))  # nobody above is told, and called in
    until(office, at(MONDAY, "09:00"))
    assert not any("逾期" in each.text for each in office.said(SUN))
    assert "actions.overdue" not in str(open_home(office, SUN))
    assert "1, overdue" in str(open_home(office, ADA))
    with office.bot.db.begin() as tx:
        incidents.add_participants(tx, incident.id, [SUN])
    assert "actions.overdue" in str(open_home(office, SUN))


def test_customers_are_masked_in_it(office: Workspace) -> None:
    incident = closed(office)
    add(office, MEI, incident, what="Call Acme Ltd on 13812345678 before each release")
    assert "Acme Ltd" not in asked(office, ZHOU).everything
    assert "13812345678" not in asked(office, ZHOU).everything
    assert "13812345678" not in str(open_home(office, ZHOU))
    assert "Acme Ltd" not in str(office.command(GUEST, "actions", channel=str(incident.channel_id))["view"])


def test_an_owner_who_has_left(office: Workspace) -> None:
    incident = closed(office)
    add(office, MEI, incident)
    office.sandbox.post("/act/profile", user=ZHOU, deleted=True)
    office.settle()
    item = items(office, incident)[0]
    assert item.owner_id == WANG, "nobody leads it: the first supervisor"
    assert f"<@{ZHOU}> 已离开" in asked(office, WANG).text
    assert asked(office, WANG).buttons == ["actions.done_open*", "actions.change_open"]
    until(office, at(THURSDAY, "09:00"))
    assert SECOND_LOOK in asked(office, WANG).text
    with office.bot.db.read() as tx:
        assert [each.owner_id for each in deadlines.running(tx, incident.id)] == [WANG]


def test_a_rung_that_takes_over_has_it(office: Workspace) -> None:
    incident = closed(office)
    add(office, ADA, incident)
    until(office, at(MONDAY, "09:00"))
    office.click(MEI, asked(office, MEI), "reminders.take_over")
    office.settle()
    assert items(office, incident)[0].owner_id == MEI
    assert "actions.done_open" in str(open_home(office, MEI))
    assert "actions.done_open" not in str(open_home(office, ZHOU))


def test_the_weekly_word_survives_a_restart_and_is_said_once(sandbox: Sandbox, sqlite_url: str) -> None:
    settings = settings_for(sandbox, sqlite_url, socket_mode=False)
    with opened(sandbox, settings) as before:
        incident = closed(before)
        add(before, MEI, incident)
        until(before, at(FRIDAY, "18:30"))
        clock = before.clock
    clock.now = at(MONDAY + timedelta(days=2), "11:00")  # nothing ran on Monday
    with opened(sandbox, settings, clock, reset=False) as after:
        tick(after.bot.desk)
        first, second = overdue.tell_managers(after.bot.desk), overdue.tell_managers(after.bot.desk)
        assert (first, second) == (3, 0)
        after.settle()
        assert sum("已逾期" in each.text for each in after.said(WANG)) == 1
        clock.now = at(MONDAY + timedelta(days=7), "09:00")
        assert overdue.tell_managers(after.bot.desk) == 3


def test_a_week_without_anything_overdue_is_over_too(office: Workspace) -> None:
    incident = closed(office)
    add(office, MEI, incident)
    until(office, at(THURSDAY, "12:00"))
    until(office, at(FRIDAY, "18:30"))
    assert not any("逾期" in each.text for each in office.said(WANG)), "not on a Friday"


@pytest.mark.parametrize("letter", ["x", "&"])
def test_however_many_are_overdue_slack_takes_it(office: Workspace, letter: str) -> None:
    incident = closed(office)
    with office.bot.db.begin() as tx:
        for number in range(60):
            what = f"Item {number} " + letter * 280
            item = Action(0, incident.id, what, ActionKind.FIX, ZHOU, THURSDAY, MEI, WEDNESDAY)
            actions.save(tx, f"many {number}", item)
    until(office, at(MONDAY, "09:00"))
    weekly = office.said(WANG)[-1]
    assert "有 60 项" in weekly.text
    assert f"另有 {60 - weekly.everything.count('Item')} 项" in weekly.everything
    assert weekly.everything.count("Item") == (15 if letter == "x" else 6)
    shown = office.click(WANG, weekly, "actions.overdue")["view"]
    assert len(shown["blocks"]) < 100
    assert "仅显示前 40 项" in str(shown)
    blocks = open_home(office, ZHOU)
    assert "（60 项，其中 60 项逾期）" in str(blocks)
    assert len(blocks) < 30
    act(office, ZHOU, "actions.mine")
    assert "您的改进措施" in str(office.view(ZHOU)["title"])


def test_whatever_they_say_none_of_them_is_dropped(office: Workspace) -> None:
    incident = closed(office)
    with office.bot.db.begin() as tx:
        for number in range(10):
            item = Action(
                0, incident.id, f"Item {number} " + "& " * 140, ActionKind.FIX, ZHOU, THURSDAY, MEI, WEDNESDAY
            )
            actions.save(tx, f"several {number}", item)
    until(office, at(MONDAY, "09:00"))
    weekly = office.said(WANG)[-1].everything
    assert all(f"Item {number} " in weekly for number in range(10))


QUESTIONS: list[Callable[[Connection], object]] = [
    lambda tx: actions.open_of(tx, ZHOU, 8),
    lambda tx: actions.count_of(tx, ZHOU, THURSDAY),
    lambda tx: actions.overdue(tx, THURSDAY, 15, WANG),
    lambda tx: actions.count_overdue(tx, THURSDAY, WANG),
]


@pytest.mark.parametrize("ask", QUESTIONS)
def test_app_home_finds_them_by_an_index(database_url: str, ask: Callable[[Connection], object]) -> None:
    db = Database(database_url, Cipher([Fernet.generate_key().decode()]))
    migrate(db)
    asked_for: list[tuple[str, Any]] = []

    def note(_: object, __: object, statement: str, values: Any, *___: object) -> None:
        asked_for.append((statement, values))

    with db.begin() as tx:
        if tx.dialect.name == "postgresql":
            tx.exec_driver_sql("set enable_seqscan = off")  # the table is empty
        event.listen(tx, "before_cursor_execute", note)
        ask(tx)
        event.remove(tx, "before_cursor_execute", note)
        explain = "explain query plan" if tx.dialect.name == "sqlite" else "explain"
        [(statement, values)] = asked_for
        found = str(tx.exec_driver_sql(f"{explain} {statement}", values).all())
    db.close()
    assert re.search("ix_actions_(owner|due)", found), found


def test_what_goes_on_after_closing_is_said_in_person_once_the_channel_is_archived(office: Workspace) -> None:
    incident = closed(office)
    archived(office, incident)
    now = office.clock.now
    made = plan(Duty.POSTMORTEM, Severity.ONE, ZHOU, now, load(PROCEDURE), {"supervisors": [WANG]})
    with office.bot.db.begin() as tx:
        deadlines.start(tx, incident.id, [made])
    office.sandbox.http.delete("/calls")
    office.wait(20 * 60 + 1)
    assert "复盘" in office.said(ZHOU)[-1].text
    office.wait(4 * 60)
    assert "复盘" in office.said(WANG)[-1].text
    office.wait(10 * 60)
    called = {call["method"] for call in office.sandbox.calls()}
    allowed = {"chat.postMessage", "conversations.open", "views.update"}
    assert called <= allowed, "nobody is invited, and nothing is drawn there"
    assert all(call["args"].get("channel") != incident.channel_id for call in office.sandbox.calls())
    with office.bot.db.read() as tx:
        assert outbox.waiting(tx) == 0


def test_home_lists_them_for_their_owner(office: Workspace) -> None:
    incident = closed(office)
    add(office, ADA, incident, owner=ADA)
    add(office, ADA, incident, owner=ADA, what="Train everybody", kind="training", due_on="2026-12-09")
    blocks = open_home(office, ADA)
    assert "Nothing is waiting for you." not in str(blocks)
    assert of(blocks, "Your action items")["text"]["text"] == "*Your action items* (2)"
    until(office, at(FRIDAY, "18:30"))
    blocks = open_home(office, ADA)
    assert of(blocks, "Your action items")["text"]["text"] == "*Your action items* (2, 1 overdue)"
    assert of(blocks, SECOND_LOOK)["text"]["text"].startswith("⚠️ *")
    assert of(blocks, "Train")["text"]["text"].startswith("⏱ *Train everybody*")
    assert "1 项" in of(open_home(office, SUN), "全部事件")["text"]["text"]
    assert office.incident(incident.id).status is Status.CLOSED

"""Working on the playbook: ⋯ of a task, or the button on its reminder -> taken, done, not applicable, open again.

And one task more: button below the checklist -> form -> in the list, with a clock when it has a time.
"""

from datetime import datetime

from slack_bolt import Ack, App
from slack_sdk import WebClient
from slack_sdk.models.views import View
from sqlalchemy import Connection

from bot import lifecycle
from bot.incident import TEAM, Deadline, Duty, Incident, Person, Role, Task, TaskState
from bot.procedure import Span
from bot.wording import Wording, escape
from handlers import checklist, duties, masks, team
from handlers.blocks import Json, modal, section
from handlers.card import SHOWN_WITH_INCIDENT
from handlers.desk import Desk
from handlers.fields import Answers, Choice, Number, Text
from handlers.windows import show
from handlers.words import choice, chosen_id
from storage import deadlines, incidents, journal, outbox, tasks

WHAT = Text("words", "tasks", required=True, max_length=200, if_missing="tasks.say_what")
ROLE = Choice("role", "tasks")
MINUTES = Number("minutes", "tasks", least=1, most=24 * 60)
REASON = Text("reason", "tasks", required=True, multiline=True, max_length=300, if_missing="tasks.say_why")


def register(app: App) -> None:
    """What leads here."""
    app.action("tasks.done")(done)
    app.action("tasks.menu", matchers=[choice("tasks.take")])(take)
    app.action("tasks.menu", matchers=[choice("tasks.done")])(done)
    app.action("tasks.menu", matchers=[choice("tasks.not_applicable")])(open_reason)
    app.action("tasks.menu", matchers=[choice("tasks.give_back")])(reopen)
    app.action("tasks.menu", matchers=[choice("tasks.reopen")])(reopen)
    app.view("tasks.not_applicable")(submit_reason)
    app.action("tasks.add")(open_form)
    app.view("tasks.add_submit")(submit)


def take(ack: Ack, action: Json, desk: Desk, person: Person, now: datetime) -> None:
    """It is theirs, and so is its clock. Whoever comes second is told who has it."""
    with desk.db.begin() as tx:
        incident, task = _locked(desk, tx, chosen_id(action), person)
        lifecycle.check_can_take(task, person.user_id)
        tasks.set_state(tx, task.id, TaskState.TAKEN, person.user_id, person.user_id, now)
        clocks = _clocks(tx, task)
        for clock in clocks:
            if clock.owner_id != person.user_id:
                duties.take_over(desk, tx, incident, clock, person.user_id, now)
        journal.add(tx, incident.id, "task_taken", person.user_id, now, task=task.id)
        met = duties.knows(desk, tx, incident, person.user_id, "task_taken", now)
        outbox.redraw(tx, [incident.id], now, SHOWN_WITH_INCIDENT, [*(clock.id for clock in clocks), *met])
    ack()
    desk.wake()


def done(ack: Ack, action: Json, desk: Desk, person: Person, now: datetime) -> None:
    """Done by whoever says so, taken or not; its clock is met."""
    with desk.db.begin() as tx:
        incident, task = _locked(desk, tx, chosen_id(action), person)
        lifecycle.check_is_unfinished(task)
        tasks.set_state(tx, task.id, TaskState.DONE, person.user_id, person.user_id, now)
        met = deadlines.meet(tx, incident.id, [Duty.TASK], person.user_id, now, str(task.id))
        journal.add(tx, incident.id, "task_done", person.user_id, now, task=task.id)
        met += duties.knows(desk, tx, incident, person.user_id, "task_done", now)
        outbox.redraw(tx, [incident.id], now, SHOWN_WITH_INCIDENT, met)
    ack()
    desk.wake()


def reopen(ack: Ack, action: Json, desk: Desk, person: Person, now: datetime) -> None:
    """Open for everybody again. The clock of one that was given back goes to whoever has its role; that of one that was
    done or not applicable has ended, and does not run again: its time is past, and was met."""
    with desk.db.begin() as tx:
        incident, task = _locked(desk, tx, chosen_id(action), person)
        lifecycle.check_can_reopen(task)
        tasks.set_state(tx, task.id, TaskState.OPEN, None, person.user_id, now)
        changed = [each for clock in _clocks(tx, task) for each in duties.hand_on(desk, tx, incident, clock, now)]
        journal.add(tx, incident.id, "task_reopened", person.user_id, now, task=task.id, was=task.state)
        outbox.redraw(tx, [incident.id], now, SHOWN_WITH_INCIDENT, changed)
    ack()
    desk.wake()


def open_reason(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person
) -> None:
    """Refuses kindly when somebody was faster."""
    with desk.db.read() as tx:
        task = tasks.get(tx, chosen_id(action))
        incident = incidents.get(tx, task.incident_id)
        team.check_may(desk, tx, "work_on_tasks", incident, person.user_id)
        said = masks.of(tx, incident.id)(desk.procedure.task_words(task, words.language))
    lifecycle.check_open(incident)
    lifecycle.check_is_unfinished(task)
    show(client, body, reason_form(task, said, words))
    ack()


def reason_form(task: Task, said: str, words: Wording) -> View:
    """Which task, as everybody sees it, and why it does not apply."""
    return modal(
        "tasks.not_applicable",
        words.text("tasks.not_applicable"),
        [section(escape(said)), REASON.block(words, focus=True)],
        close=words.text("form.cancel"),
        submit=words.text("tasks.strike"),
        about=str(task.id),
    )


def submit_reason(ack: Ack, view: Json, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """Crossed out, with the reason; nobody owes it any more."""
    answers = Answers(view)
    reason = REASON.read(answers)
    if answers.wrong:
        ack(response_action="errors", errors=answers.sentences(words))
        return
    with desk.db.begin() as tx:
        incident, task = _locked(desk, tx, int(view["private_metadata"]), person)
        if (task.state, task.changed_by, task.reason) == (TaskState.NOT_APPLICABLE, person.user_id, reason):
            ack()  # the same form once more
            return
        lifecycle.check_is_unfinished(task)
        tasks.set_state(tx, task.id, TaskState.NOT_APPLICABLE, None, person.user_id, now, reason)
        stopped = deadlines.stop(tx, incident.id, now, [Duty.TASK], str(task.id))
        journal.add(tx, incident.id, "task_not_applicable", person.user_id, now, task=task.id)
        outbox.redraw(tx, [incident.id], now, SHOWN_WITH_INCIDENT, stopped)
    ack()
    desk.wake()


def open_form(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person
) -> None:
    """Says who may when this person may not."""
    with desk.db.read() as tx:
        incident = incidents.get(tx, chosen_id(action))
        team.check_may(desk, tx, "work_on_tasks", incident, person.user_id)
    lifecycle.check_open(incident)
    show(client, body, form(incident, words))
    ack()


def form(incident: Incident, words: Wording) -> View:
    """What is to be done; whose it is and until when, if somebody knows."""
    return modal(
        "tasks.add_submit",
        words.text("tasks.add"),
        [
            WHAT.block(words, focus=True),
            ROLE.block(words, [(role.value, words.text(f"role.{role}")) for role in TEAM]),
            MINUTES.block(words),
        ],
        close=words.text("form.cancel"),
        submit=words.text("tasks.add_submit"),
        about=str(incident.id),
    )


def submit(ack: Ack, view: Json, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """It stands at the end of the list; with a time its clock runs from now on."""
    answers = Answers(view)
    said, role, minutes = WHAT.read(answers), ROLE.read(answers, list(TEAM)), MINUTES.read_if_said(answers)
    if answers.wrong:
        ack(response_action="errors", errors=answers.sentences(words))
        return
    with desk.db.begin() as tx:
        incident = incidents.get(tx, int(view["private_metadata"]), lock=True)
        team.check_may(desk, tx, "work_on_tasks", incident, person.user_id)
        lifecycle.check_open(incident)
        added = tasks.add(tx, incident.id, [(f"added.{view['id']}", said, Role(role) if role else None)])
        if not added:  # the same form once more
            ack()
            return
        within = Span(minutes=minutes) if minutes else None
        checklist.start_clocks(desk, tx, incident, [(added[0], within)], now)
        journal.add(tx, incident.id, "task_added", person.user_id, now, task=added[0].id, role=role, minutes=minutes)
        outbox.redraw(tx, [incident.id], now, SHOWN_WITH_INCIDENT)
    ack()
    desk.wake()


def _locked(desk: Desk, tx: Connection, task_id: int, person: Person) -> tuple[Incident, Task]:
    """The task as it is now, with its incident locked. Raises NotAllowed when this person may not work on it."""
    incident = incidents.get(tx, tasks.get(tx, task_id).incident_id, lock=True)
    team.check_may(desk, tx, "work_on_tasks", incident, person.user_id)
    lifecycle.check_open(incident)
    return incident, tasks.get(tx, task_id)


def _clocks(tx: Connection, task: Task) -> list[Deadline]:
    """Its running clock, if it has one."""
    running = deadlines.running(tx, task.incident_id, lock=True)
    return [each for each in running if each.duty is Duty.TASK and each.subject == str(task.id)]

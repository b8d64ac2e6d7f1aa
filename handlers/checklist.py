"""The playbook as a checklist in the incident's channel: posted once, drawn anew with each change.

Not a step of its own: the steps that find out that it is an incident post it, the step `tasks` works on it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from slack_sdk.models.blocks import Block, OverflowMenuElement
from sqlalchemy import Connection

from bot import deadlines as rules
from bot.incident import Deadline, Duty, Incident, Role, Task, TaskState
from bot.plan import is_step
from bot.procedure import Span
from bot.wording import Mrkdwn, Wording, mention
from handlers import duties, masks
from handlers.blocks import actions, button, context, fitting, overflow, room_beside, room_for, section
from handlers.desk import Desk, Drawing
from storage import deadlines, incidents, outbox, roles, tasks
from storage.outbox import Message, Saying

# What the ⋯ of a task offers.
CHOICES = {
    TaskState.OPEN: ("tasks.take", "tasks.done", "tasks.not_applicable"),
    TaskState.TAKEN: ("tasks.done", "tasks.not_applicable", "tasks.give_back"),
    TaskState.DONE: ("tasks.reopen",),
    TaskState.NOT_APPLICABLE: ("tasks.reopen",),
}
FINISHED = (TaskState.DONE, TaskState.NOT_APPLICABLE)
LINES = 40  # as many as somebody looks through
LATEST = 1500  # letters for what is finished, however much is open


def post(desk: Desk, tx: Connection, incident: Incident, now: datetime) -> None:
    """The tasks of this trigger (domain.md section 9), with their clocks; what is there already stays as it is."""
    playbook = desk.procedure.playbooks.get(incident.trigger, [])
    if not playbook or any(not is_step(task.key) for task in tasks.of_incident(tx, incident.id)):
        return
    new = [(f"{incident.trigger}.{number}", "", each.role) for number, each in enumerate(playbook)]
    added = tasks.add(tx, incident.id, new)
    spans = [each.within for each in playbook]
    start_clocks(desk, tx, incident, zip(added, spans, strict=True), now)
    show(tx, incident, now)


def show(tx: Connection, incident: Incident, now: datetime) -> None:
    """The list stands in the incident's channel, once."""
    if not any(message.drawing == "checklist" for message in outbox.of_incident(tx, incident.id)):
        outbox.say(tx, [Saying(incident.id, "checklist", "incident")], now)


def start_clocks(
    desk: Desk, tx: Connection, incident: Incident, timed: Iterable[tuple[Task, Span | None]], now: datetime
) -> None:
    """Tasks with a time: owed by whoever has the role, else by whoever owes tasks in this procedure."""
    holders = roles.holders(roles.of_incident(tx, incident.id))
    who = duties.company(desk, tx, incident.reporter_id, *holders.values())
    plans = []
    for task, within in timed:
        if within is not None:
            owner = holders.get(task.role) if task.role else None
            plans.append(
                rules.plan(
                    Duty.TASK,
                    incident.level,
                    owner or who.owner(Duty.TASK, holders, incident),
                    now,
                    who.procedure,
                    who.rosters,
                    str(task.id),
                    within,
                )
            )
    deadlines.start(tx, incident.id, plans)


def draw(desk: Desk, tx: Connection, message: Message) -> Drawing:
    """A line for each task: what, whose, until when, or what has become of it; and ⋯ while the incident is open."""
    incident, words, now = incidents.get(tx, message.incident_id), desk.channel_words, desk.now()
    found = tasks.of_incident(tx, incident.id)
    clocks = {each.subject: each for each in deadlines.of_incident(tx, incident.id) if each.duty is Duty.TASK}
    holders = roles.holders(roles.of_incident(tx, incident.id))
    mask = masks.of(tx, incident.id)
    lines = {task: _line(desk, task, clocks.get(str(task.id)), holders, mask, words, now) for task in found}
    is_open = incident.status.is_open
    own: dict[Task, Block] = {
        task: section(lines[task], _menu(task, words) if is_open else None, f"task_{task.id}") for task in found
    }
    above: list[Block] = [section(_heading(desk, incident, found, words))]
    below: list[Block] = []
    if is_open:
        below.append(actions([button(words.text("button.tasks.add"), "tasks.add", incident.id)]))
    done, all_ = _count(found)
    text = words.mrkdwn("checklist.sentence", number=incident.number, done=done, all=all_)
    shown = room_for(list(own.values())[:LINES], [*above, *below])
    if len(shown) == len(found):
        return Drawing(text, [*above, *shown, *below])
    # In a long list what is finished stands in one block, at least the latest of it: whoever ticks something off sees
    # that. Open ones that still find no place move up when others are finished.
    unfinished = [task for task in found if task.state not in FINISHED]
    ended = [task for task in found if task.state in FINISHED]
    finished = [lines[task] for task in sorted(ended, key=lambda task: (task.changed_at or now, task.id), reverse=True)]
    waiting = context(words.mrkdwn("checklist.waiting", n=len(unfinished)))
    beside = [*above, *_together(finished, LATEST), waiting, *below]
    shown = room_for([own[task] for task in unfinished[:LINES]], beside)
    if more := len(unfinished) - len(shown):
        below.insert(0, context(words.mrkdwn("checklist.waiting", n=more)))
    return Drawing(text, [*above, *shown, *_together(finished, room_beside([*above, *shown, *below])), *below])


def _together(finished: Iterable[Mrkdwn], room: int) -> list[Block]:
    """The latest that are finished, in one block, as far as there is room."""
    latest = fitting(finished, room)
    return [section(Mrkdwn("\n".join(reversed(latest))))] if latest else []


def _heading(desk: Desk, incident: Incident, found: Sequence[Task], words: Wording) -> Mrkdwn:
    trigger = desk.procedure.trigger_name(incident.trigger, words.language)
    if all(task.state in FINISHED for task in found):
        return words.mrkdwn("checklist.complete", trigger=trigger)
    done, all_ = _count(found)
    return words.mrkdwn("checklist.title", trigger=trigger, done=done, all=all_)


def _count(found: Sequence[Task]) -> tuple[int, int]:
    """How many are done, of those that apply."""
    states = [task.state for task in found]
    return states.count(TaskState.DONE), len(found) - states.count(TaskState.NOT_APPLICABLE)


def _line(
    desk: Desk,
    task: Task,
    clock: Deadline | None,
    holders: Mapping[Role, str],
    mask: Callable[[str], str],
    words: Wording,
    now: datetime,
) -> Mrkdwn:
    what = mask(desk.procedure.task_words(task, words.language))
    if task.state in FINISHED and task.changed_by and task.changed_at:
        who, at = mention(task.changed_by), words.time(task.changed_at)
        if task.state is TaskState.DONE:
            return words.mrkdwn("checklist.done", what=what, who=who, at=at)
        return words.mrkdwn("checklist.not_applicable", what=what, who=who, at=at, reason=mask(task.reason))
    running = clock if clock and clock.is_running else None
    late = running is not None and running.is_late(now)
    sign = "⚠️" if late else "⏱" if running or task.state is TaskState.TAKEN else "☐"
    parts = [words.mrkdwn("checklist.task", sign=sign, what=what), _whose(task, running, holders, words)]
    if running:
        parts.append(words.mrkdwn("checklist.late" if late else "checklist.due", at=words.when(running.due_at)))
    return Mrkdwn(" · ".join(part for part in parts if part))


def _whose(task: Task, running: Deadline | None, holders: Mapping[Role, str], words: Wording) -> Mrkdwn:
    """Who has taken it; else whose role it is, and who owes it while nobody has the role."""
    owes = running.owner_id if running else None
    if task.state is TaskState.TAKEN and task.user_id:
        return mention(owes or task.user_id)
    if task.role is None:
        return mention(owes) if owes else Mrkdwn("")
    role, holder = words.text(f"role.{task.role}"), holders.get(task.role)
    if owes and owes != holder:
        return words.mrkdwn("checklist.for_now", role=role, who=mention(owes))
    if holder:
        return words.mrkdwn("card.role", role=role, who=mention(holder))
    return words.mrkdwn("card.role_open", role=role)


def _menu(task: Task, words: Wording) -> OverflowMenuElement:
    return overflow(
        "tasks.menu", [(words.text(f"button.{choice}"), f"{choice}:{task.id}") for choice in CHOICES[task.state]]
    )

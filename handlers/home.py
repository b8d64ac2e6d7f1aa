"""App Home: somebody opens it, turns a page or does something there -> what waits for them, what is open, the report.

Drawn from the database for this person. Drawn again when they have done something there, or are told something in a
direct message: nobody has to open it anew to see that.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from slack_bolt import Ack, App
from slack_sdk.models.blocks import Block, ButtonElement
from slack_sdk.models.views import View
from sqlalchemy import Connection

from bot import grading
from bot.action import day_in_hand
from bot.deadlines import addressees, asked_to_know
from bot.incident import Assignment, Deadline, Duty, Incident, Person, Task
from bot.wording import Mrkdwn, Wording, escape
from handlers import agreed, approvals, brief, card, decisions, duties, masks, overdue, overview, reminders, review
from handlers.blocks import Json, actions, button, context, divider, section
from handlers.desk import Desk
from handlers.words import chosen_id
from storage import actions as action_items
from storage import customers, deadlines, incidents, outbox, people, roles, tasks
from storage.outbox import Errand

WAITING = 20  # as many as somebody can do something about; Slack takes 100 blocks in all
PAGE = 10
LED = 10
ACTIONS = 8


@dataclass(frozen=True)
class Item:
    """Something that waits for somebody: where, what, until when, and the buttons that do it."""

    incident: Incident
    what: Mrkdwn
    due_at: datetime | None = None
    buttons: Sequence[ButtonElement] = ()


def register(app: App) -> None:
    """What leads here."""
    app.event("app_home_opened")(open_home)
    app.action("home.previous")(turn_page)
    app.action("home.next")(turn_page)


def open_home(event: Json, desk: Desk, person: Person) -> None:
    """Its first page."""
    if event.get("tab") == "home":
        ask_for(desk, person.user_id, 0)


def turn_page(ack: Ack, action: Json, desk: Desk, person: Person) -> None:
    """Another page of what is open."""
    ask_for(desk, person.user_id, max(chosen_id(action), 0))
    ack()


def ask_for(desk: Desk, user_id: str, page: int | None = None) -> None:
    """Somebody looks at their App Home (the same page as before, without `page`). The courier draws it: publishing is a
    call to Slack."""
    with desk.db.begin() as tx:
        people.set_home(tx, user_id, desk.now(), page)
        outbox.ask_for_home(tx, user_id, desk.now())
    desk.met.pop(user_id, None)
    desk.wake()


def show_home(desk: Desk, errand: Errand) -> None:
    """Draws App Home for one person."""
    user_id, now = str(errand.detail["user"]), desk.now()
    with desk.db.read() as tx:
        person = people.get(tx, user_id) or Person(user_id)
        words = desk.words_for(person)
        hello = words.mrkdwn("home.greeting", name=person.name) if person.name else words.mrkdwn("home.hello")
        blocks = [
            section(hello),
            actions([button(words.text("button.report.open"), "report.open", "new", primary=True)]),
            *_waiting(desk, tx, user_id, words, now),
            *_actions(desk, tx, user_id, words, now),
            *_overdue(desk, tx, user_id, words, now),
            *_customers(tx, user_id, words),
            divider(),
            *_open(desk, tx, person, words, now),
        ]
    desk.client.views_publish(user_id=user_id, view=View(type="home", blocks=blocks))


def _waiting(desk: Desk, tx: Connection, user_id: str, words: Wording, now: datetime) -> Iterator[Block]:
    found = sorted(waiting(desk, tx, user_id, words, now), key=lambda item: (item.due_at is None, item.due_at or now))
    if not found:
        if not action_items.open_of(tx, user_id, 1):  # they are listed below
            yield section(words.mrkdwn("home.nothing"))
        return
    yield section(words.mrkdwn("home.waiting"))
    for item in found[:WAITING]:
        yield from _drawn(item, words, now)
    if len(found) > WAITING:
        yield context(words.mrkdwn("home.more", n=WAITING))


def waiting(desk: Desk, tx: Connection, user_id: str, words: Wording, now: datetime) -> Iterator[Item]:
    """What they owe, the roles they are asked to take, the tasks they have taken, and what they shall know of."""
    owed = deadlines.of_person(tx, user_id, WAITING + 1)
    clocks = {(each.duty, each.subject): each for each in owed}
    for deadline in owed:
        if deadline.duty is not Duty.ACCEPT_ROLE:
            yield from _owed(desk, tx, deadline, words, now)
    for asked in roles.asked_of(tx, user_id, WAITING + 1):
        yield _asked(tx, asked, clocks.get((Duty.ACCEPT_ROLE, str(asked.id))), words)
    for task in tasks.taken_by(tx, user_id, WAITING + 1):
        if (Duty.TASK, str(task.id)) not in clocks:
            yield _taken(desk, tx, task, words)
    for wait in (approvals.waiting, decisions.waiting, review.waiting):
        for incident, what, does in wait(desk, tx, user_id, words):
            yield Item(incident, what, buttons=[does])
    told = deadlines.to_acknowledge(tx, user_id, WAITING + 1)
    who = duties.company(desk, tx) if told else None
    for deadline in told:
        if who and user_id in addressees(who.procedure.duties[deadline.duty], who.procedure, who.rosters):
            yield _to_acknowledge(tx, deadline, words)


def _owed(desk: Desk, tx: Connection, deadline: Deadline, words: Wording, now: datetime) -> Iterator[Item]:
    incident = incidents.get(tx, deadline.incident_id)
    if deadline.duty is Duty.REGRADE:
        proposal = grading.propose(grading.facts_of(incident, now), desk.procedure)
        level = int(proposal.severity)
        if proposal.severity != incident.severity:
            confirm = button(words.text("button.grade.confirm", severity=level), "grade.confirm", incident.id)
            grade = button(words.text("button.grade.open"), "grade.open", incident.id)
            what = words.mrkdwn("home.regrade", sign=card.SIGN[proposal.severity], severity=level)
            yield Item(incident, what, buttons=[confirm, grade])
        return
    if brief.is_answered(tx, deadline):  # the clock does the rest
        return
    duty, does = words.text(f"duty.{deadline.duty}"), reminders.DOES.get(deadline.duty)
    if does == reminders.TOLD:  # it is somebody else who has to say something; they have to reach them
        key = "home.reach" if deadline.told_at is None else "home.told"
        what = words.mrkdwn(key, duty=duty, who=reminders.addressee(deadline, words))
        can_tell = deadline.told_at is None and asked_to_know(deadline) is not None
        yield Item(incident, what, deadline.due_at, [reminders.doing(does, deadline, words)] if can_tell else [])
        return
    subject = reminders.subject_of(desk, tx, deadline, words)
    what = words.mrkdwn("home.about", duty=duty, subject=subject) if subject else escape(duty)
    yield Item(incident, what, deadline.due_at, [reminders.doing(does, deadline, words)] if does else [])


def _asked(tx: Connection, asked: Assignment, clock: Deadline | None, words: Wording) -> Item:
    accept = button(words.text("button.roles.accept"), "roles.accept", asked.id)
    decline = button(words.text("button.roles.decline"), "roles.decline", asked.id)
    duty, role = words.text(f"duty.{Duty.ACCEPT_ROLE}"), words.text(f"role.{asked.role}")
    what = words.mrkdwn("home.about", duty=duty, subject=role)
    return Item(incidents.get(tx, asked.incident_id), what, clock.due_at if clock else None, [accept, decline])


def _taken(desk: Desk, tx: Connection, task: Task, words: Wording) -> Item:
    said = masks.of(tx, task.incident_id)(desk.procedure.task_words(task, words.language))
    what = words.mrkdwn("home.about", duty=words.text(f"duty.{Duty.TASK}"), subject=said)
    done = button(words.text("button.tasks.done"), "tasks.done", task.id)
    return Item(incidents.get(tx, task.incident_id), what, buttons=[done])


def _to_acknowledge(tx: Connection, deadline: Deadline, words: Wording) -> Item:
    what = words.mrkdwn("home.know")
    know = reminders.doing(reminders.KNOW, deadline, words)
    return Item(incidents.get(tx, deadline.incident_id), what, deadline.due_at, [know])


def _drawn(item: Item, words: Wording, now: datetime) -> Iterator[Block]:
    if item.due_at is None:
        first = words.mrkdwn("home.item", what=item.what)
    else:
        key = "home.late" if item.due_at <= now else "home.running"
        first = words.mrkdwn(key, what=item.what, at=words.when(item.due_at))
    text = Mrkdwn(f"{first}\n{card.summary(item.incident, None, words, now)}")
    if len(item.buttons) == 1:
        yield section(text, accessory=item.buttons[0])
        return
    yield section(text)
    if item.buttons:
        yield actions(item.buttons)


def _actions(desk: Desk, tx: Connection, user_id: str, words: Wording, now: datetime) -> Iterator[Block]:
    """What they have to do so that it does not happen again, the first due first; also of closed incidents."""
    count, late = action_items.count_of(tx, user_id, day_in_hand(now, desk.procedure.worktime))
    if not count:
        return
    yield section(words.mrkdwn("home.actions_late" if late else "home.actions", n=count, late=words.number(late)))
    for item in action_items.open_of(tx, user_id, ACTIONS):
        where = agreed.where(incidents.get(tx, item.incident_id), words)
        text = Mrkdwn(f"{agreed.line(desk, tx, item, words, now)}\n{where}")
        yield section(text, accessory=agreed.done_button(item, words), block_id=f"action_{item.id}")
    if count > ACTIONS:
        every = button(words.text("button.actions.mine"), "actions.mine", "all")
        yield section(words.mrkdwn("home.actions_more", n=count - ACTIONS), accessory=every)


def _overdue(desk: Desk, tx: Connection, user_id: str, words: Wording, now: datetime) -> Iterator[Block]:
    """For the managers who hear of it once a week: how many action items are overdue, whoever has them."""
    if user_id not in overdue.managers(tx, desk.procedure):
        return
    count = action_items.count_overdue(tx, day_in_hand(now, desk.procedure.worktime), user_id)
    if count:
        offer = button(words.text("button.actions.overdue"), "actions.overdue", "all")
        yield section(words.mrkdwn("home.overdue", n=count), accessory=offer)


def _customers(tx: Connection, user_id: str, words: Wording) -> Iterator[Block]:
    """For whoever leads an incident: how far its customers have heard, and the way to their list."""
    for incident in incidents.led_by(tx, user_id, LED):
        counts = customers.counts(tx, incident)
        none_yet = [words.mrkdwn("card.heard", n=counts.total, heard=words.number(0))]
        progress = Mrkdwn(" · ".join(card.progress(counts, words) or none_yet))
        sign = card.sign_of(incident)
        text = words.mrkdwn("home.customers", sign=sign, number=incident.number, progress=progress)
        offer = button(words.text("button.ledger.open"), "ledger.open", incident.id)
        yield section(text, accessory=offer, block_id=f"customers_{incident.id}")


def _open(desk: Desk, tx: Connection, person: Person, words: Wording, now: datetime) -> Iterator[Block]:
    """A page of the open incidents that they may know of, latest first."""
    count = incidents.count_open_for(tx, person.user_id)
    if not count:
        yield section(words.mrkdwn("list.none"))
        return
    page = min(person.home_page, (count - 1) // PAGE)
    shown = incidents.still_open(tx, person.user_id, PAGE, page * PAGE)
    yield section(words.mrkdwn("list.open", n=count))
    yield from overview.lines(desk, tx, shown, words, now)
    turns = []
    if page > 0:
        turns.append(button(words.text("button.home.previous"), "home.previous", page - 1))
    if count > (page + 1) * PAGE:
        turns.append(button(words.text("button.home.next"), "home.next", page + 1))
    if turns:
        first = page * PAGE + 1
        yield context(words.mrkdwn("home.page", first=first, last=first + len(shown) - 1, all=words.number(count)))
        yield actions(turns)

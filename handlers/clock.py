"""One tick of the clock: what is due is reminded of or escalated, and what is still to be said is carried.

deadline row + now -> bot/deadlines.decide -> message rows and the next time, in one transaction.
"""

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta

import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger
from slack_sdk.models.blocks import Block
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from bot.deadlines import Decision, decide
from bot.incident import Deadline, MomentKind
from bot.wording import channel_link, mention
from handlers.blocks import actions, button, section
from handlers.courier import Courier
from handlers.desk import Desk, Drawing
from handlers.metrics import FIRED, FIRED_LATE_SECONDS
from storage import deadlines, incidents, outbox, people
from storage.outbox import Errand, Message, Saying

log = structlog.get_logger(__name__)

BATCH = 1000
SWEEP_S = 5  # how soon what another replica wrote is noticed
ACTION = {"verify": "verify.open", "first_contact": "contact.open"}  # the button that does the thing


def tick(desk: Desk, batch: int = BATCH) -> int:
    """Says everything that is due now. Returns how many deadlines something was said about.

    Several replicas may tick at once: each claims different rows (design.md decision 4).
    """
    now, fired = desk.now(), 0
    while True:
        with desk.db.read() as tx:
            next_at = deadlines.next_nudge_at(tx)
        if next_at is None or next_at > now:
            return fired
        with desk.db.begin() as tx:
            due = deadlines.claim_due(tx, now, batch)
            if not due:  # another replica has them in hand
                return fired
            _fire(tx, [(deadline, decide(deadline, now)) for deadline in due], now)
        fired += len(due)


def next_time(desk: Desk) -> datetime | None:
    """When there is something to do again: a deadline, or an errand that waits for its time."""
    now = desk.now()
    with desk.db.read() as tx:
        times = [at for at in (deadlines.next_nudge_at(tx), outbox.next_time(tx, now)) if at is not None]
    return min(times, default=None)


def draw_reminder(desk: Desk, tx: Connection, message: Message) -> Drawing:
    """A reminder or an escalation; once the duty is done, the same message says who did it and when."""
    deadline = deadlines.get(tx, int(message.deadline_id or 0))
    incident = incidents.get(tx, message.incident_id)
    moment = deadline.moments[int(message.moment or 0)]
    words = desk.channel_words
    if message.place == "person":
        words = desk.words_for(people.get(tx, str(message.user_id)))
    values = {
        "incident": incident,
        "channel": channel_link(incident.channel_id) if incident.channel_id else incident.number,
        "in_person": message.place == "person",
        "owner": mention(deadline.owner_id),
        "due_at": deadline.due_at,
    }
    blocks: list[Block] = []
    if deadline.met_at is not None:
        text = words.message(
            f"{deadline.duty}.met",
            who=mention(deadline.met_by or deadline.owner_id),
            at=deadline.met_at,
            early=words.duration((deadline.due_at - deadline.met_at).total_seconds()),
            is_late=deadline.met_at > deadline.due_at,
            **values,
        )
        return Drawing(text, [section(text)])
    if deadline.stopped_at is not None:
        text = words.message("stopped", **values)
        return Drawing(text, [section(text)])
    if moment.kind is MomentKind.NOBODY_LEFT:
        text = words.message("nobody_left", what=words.text(f"duty.{deadline.duty}"), **values)
    else:
        left = (deadline.due_at - message.created_at).total_seconds()
        text = words.message(
            f"{deadline.duty}.{moment.kind}",
            to=mention(moment.user_id or deadline.owner_id),
            role=words.text(f"role.{moment.role}"),
            left=words.duration(left),
            **values,
        )
    action = ACTION[deadline.duty]
    blocks = [section(text), actions([button(words.text(f"button.{action}"), action, incident.id, primary=True)])]
    return Drawing(text, blocks)


class Metronome:
    """APScheduler wakes us at the next due time; a sweep notices what another replica wrote (design.md decision 4).

    One job in memory, moved to wherever the next thing is due: what is due stands in the database, so a restart forgets
    nothing. The scheduler runs on the machine's clock; what is due is decided by the desk's.
    """

    def __init__(self, desk: Desk, courier: Courier) -> None:
        self._desk = desk
        self._courier = courier
        # A tick that comes while another runs waits for it (the lock), and a late one is still done.
        settings = {"coalesce": True, "misfire_grace_time": None, "max_instances": 100}
        self._scheduler = BackgroundScheduler(timezone=UTC, job_defaults=settings)
        self._ticking = threading.Lock()
        self._moving = threading.Lock()
        self._wakes = 0
        self._looked = 0  # which of the wakes have been looked for

    def start(self) -> None:
        """Ticks at once, then whenever it is time."""
        self._scheduler.start()
        self._scheduler.add_job(self.wake, IntervalTrigger(seconds=SWEEP_S, timezone=UTC), id="sweep")
        self.wake()

    def wake(self) -> None:
        """Something may have been written: look now, and find out when to look next."""
        with self._moving:
            self._wakes += 1
            self._move_to(timedelta(0), self._wakes)

    def stop(self) -> None:
        """No more ticks; the one that runs ends."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=True)

    def _tick(self, asked: int | None = None) -> None:
        with self._ticking:
            if asked is not None and self._looked >= asked:
                return  # the tick that this one waited for has seen what it was asked to look at
            wakes = self._wakes
            try:
                tick(self._desk)
                at = next_time(self._desk)
            except OperationalError as error:
                log.warning("the database can't be reached; the clock looks again", error=type(error.orig).__name__)
                return  # the sweep comes again
            self._courier.wake()
            self._looked = wakes
            with self._moving:
                if self._wakes == wakes and at is not None:  # else somebody has asked for another look meanwhile
                    self._move_to(max(at - self._desk.now(), timedelta(0)))

    def _move_to(self, distance: timedelta, asked: int | None = None) -> None:
        if self._scheduler.running:
            at = datetime.now(UTC) + distance
            self._scheduler.add_job(self._tick, DateTrigger(at, UTC), [asked], id="tick", replace_existing=True)


def _fire(tx: Connection, decisions: list[tuple[Deadline, Decision]], now: datetime) -> None:
    """Writes what is to be said as errands, and where each deadline goes on: two statements, however many are due."""
    nudges = [
        (deadline.incident_id, deadline.id, decision.index) for deadline, decision in decisions if decision.moment
    ]
    outbox.ask_nudges(tx, nudges, now)
    deadlines.set_positions(tx, [(deadline.id, decision) for deadline, decision in decisions])
    fired = Counter((deadline.duty, decision.moment.kind) for deadline, decision in decisions if decision.moment)
    for (duty, kind), count in fired.items():
        FIRED.labels(duty, kind).inc(count)
    FIRED_LATE_SECONDS.observe(
        max((now - (deadline.next_nudge_at or now)).total_seconds() for deadline, _ in decisions)
    )


def nudge(desk: Desk, errand: Errand) -> None:
    """A moment of a deadline becomes messages: in the channel, and to the person alone. Once, whoever else tries."""
    now, index = desk.now(), int(errand.detail["moment"])
    with desk.db.begin() as tx:
        if not outbox.take(tx, errand.id):
            return
        deadline = deadlines.get(tx, int(errand.detail["deadline"]))
        if not deadline.is_running:  # met while this waited
            return
        moment, incident_id = deadline.moments[index], deadline.incident_id
        sayings = [Saying(incident_id, "reminder", "incident", None, deadline.id, index)]
        if moment.user_id:
            sayings.append(Saying(incident_id, "reminder", "person", moment.user_id, deadline.id, index))
        outbox.say(tx, sayings, now)
        if moment.kind is MomentKind.ESCALATE and moment.user_id:
            # Whoever is told must be able to look, and to press the button.
            incidents.add_participants(tx, incident_id, [moment.user_id])
            outbox.ask(tx, "invite", f"invite:{incident_id}", now, incident_id, collapses=f"invite:{incident_id}")
        if moment.kind is not MomentKind.REMIND:
            outbox.redraw(tx, [incident_id], now, drawings=["card"])

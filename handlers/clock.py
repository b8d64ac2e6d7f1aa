"""One tick of the clock: what is due is reminded of or escalated, and what is still to be said is carried.

deadline row + now -> bot/deadlines.decide -> message rows and the next time, in one transaction.
"""

import math
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from bot.deadlines import Decision, decide_all
from bot.incident import Deadline, Duty, Incident, Moment, MomentKind, Role
from handlers import brief, channel, occasion, team
from handlers.courier import Courier
from handlers.desk import Desk, Later
from handlers.metrics import FIRED, FIRED_LATE_SECONDS
from storage import deadlines, incidents, outbox
from storage.outbox import Errand, Saying

log = structlog.get_logger(__name__)

BATCH = 1000
SWEEP_S = 5  # how soon what another replica wrote is noticed
WAITS_FOR_CHANNEL = timedelta(seconds=20)  # what is said names the channel; without one it is said all the same
LOOKS_FOR_CHANNEL = timedelta(seconds=2)  # so often meanwhile; once it is open, at once
HELD_S = 0.2  # how often we look for what is due and held by somebody else
TOGETHER_S = 0.02  # what is written within so long after a tick is looked at by one more
DONE_AT_ONCE = (MomentKind.DEPUTY, MomentKind.BRIEF)  # the clock does it itself, instead of telling somebody
BEFORE_IT_IS_LATE = (MomentKind.REMIND, MomentKind.TELL)
CALLED_IN = (MomentKind.ESCALATE, MomentKind.TELL)
IN_PERSON = (Duty.ACTION,)  # weeks after the incident it concerns its owner, and who is told when it is late


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
            _fire(tx, [(deadline, decide_all(deadline, now)) for deadline in due], now)
        fired += len(due)
        if len(due) < batch:
            return fired


def next_time(desk: Desk) -> datetime | None:
    """When there is something to do again: a deadline, or an errand that waits for its time."""
    now = desk.now()
    with desk.db.read() as tx:
        times = [at for at in (deadlines.next_nudge_at(tx), outbox.next_time(tx, now)) if at is not None]
    return min(times, default=None)


class Metronome:
    """APScheduler wakes us at the next due time; a sweep notices what another replica wrote (design.md decision 4).

    One job in memory, moved to wherever the next thing is due: what is due stands in the database, so a restart forgets
    nothing. The scheduler runs on the machine's clock; what is due is decided by the desk's. `also` is called with each
    sweep, in a job of its own: it may be slow, the clock is not.
    """

    def __init__(self, desk: Desk, courier: Courier, also: Callable[[], None]) -> None:
        self._desk = desk
        self._courier = courier
        self._also = also
        # A tick that comes while another runs waits for it (the lock), and a late one is still done.
        settings = {"coalesce": True, "misfire_grace_time": None, "max_instances": 100}
        self._scheduler = BackgroundScheduler(timezone=UTC, job_defaults=settings)
        self._ticking = threading.Lock()
        self._moving = threading.Lock()
        self._wakes = 0
        self._asked = 0  # which of the wakes the tick that began last looks for
        self._ended = -math.inf  # when the last tick did, by the monotonic clock
        self._began = time.monotonic()
        self._stuck_at: datetime | None = None  # what was still due after the last tick
        self._stopping = False

    def looked_ago(self) -> float:
        """Seconds since the last tick ended, or since the start: a few, as long as all is well."""
        return time.monotonic() - max(self._ended, self._began)

    def start(self) -> None:
        """Ticks at once, then whenever it is time."""
        self._scheduler.start()
        sweep = IntervalTrigger(seconds=SWEEP_S, timezone=UTC)
        self._scheduler.add_job(self._sweep, sweep, id="sweep")
        self._scheduler.add_job(self._also, sweep, id="also", max_instances=1)
        self.wake()

    def wake(self) -> None:
        """Something may have been written: look now, and find out when to look next."""
        with self._moving:
            if not self._scheduler.running:
                return  # the first tick looks at everything
            self._wakes += 1
            if self._wakes == self._asked + 1:  # else a tick that has not begun looks for this too
                rested = time.monotonic() - self._ended
                self._move_to(timedelta(seconds=max(TOGETHER_S - rested, 0)))

    def stop(self) -> None:
        """No more ticks; the one that runs ends. It must not be moved meanwhile: the scheduler waits for it with the
        lock that moving needs."""
        with self._moving:
            self._stopping = True
        if self._scheduler.running:
            self._scheduler.shutdown(wait=True)

    def _sweep(self) -> None:
        """Looks whatever was asked for before: a tick that got lost must not be waited for."""
        with self._moving:
            self._asked = self._wakes
        self.wake()

    def _tick(self) -> None:
        with self._ticking:
            with self._moving:
                wakes = self._asked = self._wakes
            try:
                tick(self._desk)
                at = next_time(self._desk)
            except OperationalError as error:
                log.warning("the database can't be reached; the clock looks again", error=type(error.orig).__name__)
                return  # the sweep comes again
            self._courier.wake()
            with self._moving:
                self._ended = time.monotonic()
                if self._wakes == wakes and at is not None:  # else somebody has asked for another look meanwhile
                    left = at - self._desk.now()
                    # What is still due though we have just looked, somebody else holds: not asked for without a pause.
                    is_stuck = at == self._stuck_at
                    self._stuck_at = at if left <= timedelta(0) else None
                    self._move_to(max(left, timedelta(seconds=HELD_S if is_stuck else 0)))

    def _move_to(self, distance: timedelta) -> None:
        if self._scheduler.running and not self._stopping:
            at = datetime.now(UTC) + distance
            self._scheduler.add_job(self._tick, DateTrigger(at, UTC), id="tick", replace_existing=True)


def _fire(tx: Connection, decisions: list[tuple[Deadline, list[Decision]]], now: datetime) -> None:
    """Writes what is to be said as errands, and where each deadline goes on: three statements, however many are due."""
    # What falls together for one incident is one errand; by whether it is so new that its channel may not be open yet.
    nudges: dict[bool, dict[int, list[tuple[int, int]]]] = {True: defaultdict(list), False: defaultdict(list)}
    new = {deadline.incident_id for deadline, _ in decisions if now - deadline.started_at < WAITS_FOR_CHANNEL}
    fired: Counter[tuple[Duty, MomentKind]] = Counter()
    for deadline, said in decisions:
        for decision in said:
            if decision.moment:
                nudges[deadline.incident_id in new][deadline.incident_id].append((deadline.id, decision.index))
                fired[deadline.duty, decision.moment.kind] += 1
    outbox.ask_nudges(tx, nudges[False], now)
    outbox.ask_nudges(tx, nudges[True], now, without_channel=now + LOOKS_FOR_CHANNEL)
    deadlines.set_positions(tx, [(deadline.id, said[-1]) for deadline, said in decisions])
    for (duty, kind), count in fired.items():
        FIRED.labels(duty, kind).inc(count)
    FIRED_LATE_SECONDS.observe(
        max((now - (deadline.next_nudge_at or now)).total_seconds() for deadline, _ in decisions)
    )


def nudge(desk: Desk, errand: Errand) -> None:
    """What is due in an incident becomes messages: one in the channel, one to each person. Once, whoever else tries."""
    now = desk.now()
    with desk.db.begin() as tx:
        if not outbox.take(tx, errand.id):
            return
        # Before what people's steps lock, in their order.
        incident = incidents.get(tx, int(errand.incident_id or 0), lock=True)
        if incident.channel_id is None and now - errand.created_at < WAITS_FOR_CHANNEL:
            raise Later("the channel is not open yet", LOOKS_FOR_CHANNEL.total_seconds())
        due = []
        for deadline_id, index in errand.detail["due"]:
            deadline = deadlines.get(tx, int(deadline_id))
            if deadline.is_running:  # else it was met while this waited
                due.append((deadline, int(index), deadline.moments[int(index)]))
        due.sort(key=lambda each: [*Duty].index(each[0].duty))
        due = [each for each in due if each[2].kind is MomentKind.BRIEF or not brief.is_answered(tx, each[0])]
        for deadline in [each for each, _, moment in due if moment.kind is MomentKind.DEPUTY]:
            team.ask_deputy(desk, tx, deadline, now)
        outbox.say(tx, _sayings(incident, [each for each in due if each[2].kind not in DONE_AT_ONCE]), now)
        for deadline in [each for each, _, moment in due if moment.kind is MomentKind.BRIEF]:
            brief.send(desk, tx, incident, deadline, now)
        for deadline in [each for each, _, moment in due if moment.kind in (MomentKind.REMIND, MomentKind.ESCALATE)]:
            occasion.post_due(desk, tx, incident, deadline, now)
        _call_in(tx, incident, [moment for _, _, moment in due], now)
        _show_late(tx, incident, [(each.duty, moment.kind) for each, _, moment in due], now)


def _call_in(tx: Connection, incident: Incident, said: Sequence[Moment], now: datetime) -> None:
    """Whoever is told must be able to look, and to press the button."""
    if called_in := [moment.user_id for moment in said if moment.kind in CALLED_IN and moment.user_id]:
        channel.bring_in(tx, incident, called_in, now)


def _show_late(tx: Connection, incident: Incident, due: Sequence[tuple[Duty, MomentKind]], now: datetime) -> None:
    """What stands in the channel says so too, and the postmortem, which shows every clock, closed or not."""
    drawings = ["postmortem"]
    is_late = any(kind not in BEFORE_IT_IS_LATE for duty, kind in due if duty not in IN_PERSON)
    if incident.archived_at is None and is_late:
        drawings += ["card", "checklist", "statement", "plan", "requests"]
    outbox.redraw(tx, [incident.id], now, drawings)


def _sayings(incident: Incident, due: Sequence[tuple[Deadline, int, Moment]]) -> list[Saying]:
    """One message for the channel with what concerns all, and one for each person with what concerns them. Nobody can
    speak in an archived channel any more."""
    places: dict[str | None, dict[int, int]] = defaultdict(dict)  # person (None: the channel) -> deadline -> moment
    for deadline, index, moment in due:
        to_others = moment.kind is MomentKind.REMIND and moment.user_id != deadline.owner_id
        in_private = deadline.duty in IN_PERSON or (
            deadline.duty in (Duty.ACCEPT_ROLE, Duty.BRIEF) and moment.kind is MomentKind.REMIND
        )
        in_private = in_private or _stands_in_channel(deadline, index)
        if moment.kind is not MomentKind.TELL and not to_others and not in_private:
            places[None][deadline.id] = index
        if moment.user_id:
            places[moment.user_id][deadline.id] = index
        first_late = moment.kind is MomentKind.ESCALATE and not any(
            before.kind is MomentKind.ESCALATE for before in deadline.moments[:index]
        )
        if first_late and deadline.told_at is None:  # the one who is late hears of it too, unless they did their part
            places[deadline.owner_id].setdefault(deadline.id, index)
    if incident.archived_at is not None:
        places.pop(None, None)
    return [_saying(incident.id, user_id, list(some.items())) for user_id, some in places.items()]


def _stands_in_channel(deadline: Deadline, index: int) -> bool:
    """Whether the channel was reminded a moment ago, of whoever owed it before: that message names its owner as it is
    now, so the new one is reminded in person, and the channel does not read it twice."""
    moment, every = deadline.moments[index], timedelta(seconds=deadline.escalate_every_s)
    return moment.kind is MomentKind.REMIND and any(
        before.kind is MomentKind.REMIND
        and before.role is Role.OWNER
        and before.user_id != moment.user_id
        and moment.at - before.at < every
        for before in deadline.moments[:index]
    )


def _saying(incident_id: int, user_id: str | None, some: Sequence[tuple[int, int]]) -> Saying:
    (deadline_id, index), *more = some
    place = "incident" if user_id is None else "person"
    return Saying(incident_id, "reminder", place, user_id, deadline_id, index, {"more": more} if more else {})

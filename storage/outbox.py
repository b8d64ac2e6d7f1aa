"""Everything that is still to be done in Slack, and the messages that were said (design.md decision 3).

An *errand* is one thing for the courier: open a channel, draw a message. It is written in the same transaction as the
change that causes it, and deleted when it is done. A *message* stays: it is drawn again whenever its facts change.
Order is kept within a lane; lanes run side by side.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Integer, Row, bindparam, delete, func, insert, or_, select, text, update

from storage.db import upsert
from storage.tables import deadlines, messages, outbox

# Drawn again so long after a change at the earliest: what people read at leisure is not edited with each click. Their
# lane is their own, so that nothing waits behind them.
AT_LEISURE = {"postmortem": timedelta(seconds=20)}
BY_AND_BY = 4  # lanes for what nobody waits for

Asked = tuple[str, str, Mapping[str, Any], timedelta]  # errand, lane, detail, after what time at the earliest


@dataclass(frozen=True)
class Message:
    """Something said in Slack, or still to be said; `ts` is None until it is there."""

    id: int
    incident_id: int
    drawing: str
    place: str
    user_id: str | None
    deadline_id: int | None
    moment: int | None
    detail: Mapping[str, Any]
    created_at: datetime
    channel_id: str | None
    ts: str | None
    digest: str | None = None

    @property
    def thread(self) -> int | None:
        """The message in whose thread it stands."""
        found = self.detail.get("thread")
        return None if found is None else int(found)

    @property
    def reminds_of(self) -> list[tuple[int, int]]:
        """The deadlines that it reminds of, each with the index of its moment: what falls together is one message."""
        first = [] if self.deadline_id is None else [(self.deadline_id, self.moment or 0)]
        return [*first, *((int(deadline), int(moment)) for deadline, moment in self.detail.get("more", ()))]


@dataclass(frozen=True)
class Errand:
    """One thing for the courier to do."""

    id: int
    incident_id: int | None
    errand: str
    lane: str
    message_id: int | None
    detail: Mapping[str, Any]
    created_at: datetime
    tries: int
    unsure: bool


@dataclass(frozen=True)
class Said:
    """Where a message stands that was said just now."""

    message_id: int
    incident_id: int
    drawing: str
    channel_id: str
    ts: str
    digest: str | None = None


@dataclass(frozen=True)
class Saying:
    """A message before it is remembered. `place` is `incident`, `announcements`, `reviews` or `person`; `detail` may
    have the `thread` in which it stands: the id of its first message."""

    incident_id: int
    drawing: str
    place: str
    user_id: str | None = None
    deadline_id: int | None = None
    moment: int | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def lane(self) -> str:
        """What is said in one channel keeps its order; different places don't wait for each other."""
        if self.drawing in AT_LEISURE:
            return f"{self.drawing}:{self.incident_id}"
        return f"person:{self.user_id}" if self.place == "person" else f"{self.place}:{self.incident_id}"


def say(tx: Connection, sayings: Sequence[Saying], now: datetime) -> list[int]:
    """Messages that are to be said. Returns their ids, in order."""
    if not sayings:
        return []
    rows = [
        {
            "incident_id": saying.incident_id,
            "drawing": saying.drawing,
            "place": saying.place,
            "user_id": saying.user_id,
            "deadline_id": saying.deadline_id,
            "moment": saying.moment,
            "detail": dict(saying.detail),
            "created_at": now,
        }
        for saying in sayings
    ]
    ids = list(tx.execute(SAY, rows).scalars())
    tx.execute(
        ASK,
        [
            _errand_row("draw", saying.lane, now, saying.incident_id, message_id)
            for saying, message_id in zip(sayings, ids, strict=True)
        ],
    )
    return ids


def redraw(
    tx: Connection,
    incident_ids: Collection[int],
    now: datetime,
    drawings: Collection[str] = (),
    deadline_ids: Collection[int] = (),
    assignment_ids: Collection[int] = (),
) -> None:
    """Messages that show what has changed are drawn again: of these drawings, or about these deadlines or roles."""
    reminding = ["reminder", "script"] if deadline_ids else []
    about = {*drawings, *reminding, *(["role"] if assignment_ids else [])}
    found = tx.execute(SHOWING, {"incidents": list(incident_ids), "drawings": sorted(about)})
    rows = []
    for message in [_message(row) for row in found]:
        if message.drawing not in drawings and not (
            any(deadline in deadline_ids for deadline, _ in message.reminds_of)
            or message.detail.get("assignment") in assignment_ids
        ):
            continue
        if message.drawing in AT_LEISURE and message.ts is None and message.created_at == now:
            continue  # said by this very transaction: it will show what is true then
        if message.drawing == "reminder" and message.ts is None and _withdrawn(tx, message):
            continue
        rows.append(_drawn_again(message, now))
    _collapsed(tx, rows)


def _withdrawn(tx: Connection, message: Message) -> bool:
    """What a reminder that still waits to be said would say of what is done, or not owed any more, is taken out of it;
    when nothing is left, it is never said: one more message would say that there is nothing to do. Not from one that
    the courier has in hand, or may have said. True when nothing has to be drawn again."""
    c, about = deadlines.c, [deadline_id for deadline_id, _ in message.reminds_of]
    owed = set(tx.execute(select(c.id).where(c.id.in_(about), c.met_at.is_(None), c.stopped_at.is_(None))).scalars())
    left = [each for each in message.reminds_of if each[0] in owed]
    if len(left) == len(about):
        return False
    waiting_ = select(outbox.c.id, outbox.c.held_by, outbox.c.unsure).where(outbox.c.message_id == message.id)
    found = tx.execute(waiting_.with_for_update()).all()
    if not found or any(row.held_by is not None or row.unsure for row in found):
        return False
    this = messages.c.id == message.id
    if not left:
        done(tx, [row.id for row in found])
        tx.execute(delete(messages).where(this))
        return True
    (deadline_id, moment), *more = left
    detail = {"more": more} if more else {}
    tx.execute(update(messages).where(this).values(deadline_id=deadline_id, moment=moment, detail=detail))
    return True


def redraw_all(tx: Connection, incident_id: int, now: datetime, but_not_in: str = "", by_and_by: bool = False) -> None:
    """Everything said about an incident is drawn again, in direct messages too: what it showed is to be seen no more.

    What stands in the place `but_not_in` is left alone. `by_and_by` nobody waits for it: it goes in a few lanes for all
    incidents together, so that it holds up nobody, however much there is.
    """
    rows = []
    for message in of_incident(tx, incident_id):
        if message.place == but_not_in:
            continue
        row = _drawn_again(message, now)
        if by_and_by:
            if message.ts is None:
                continue  # it will show what is true when it is said
            row["lane"] = f"by_and_by:{incident_id % BY_AND_BY}"
        rows.append(row)
    _collapsed(tx, rows)


def _drawn_again(message: Message, now: datetime) -> dict[str, Any]:
    lane = Saying(message.incident_id, message.drawing, message.place, message.user_id).lane
    row = _errand_row("draw", lane, now, message.incident_id, message.id)
    not_before = now + AT_LEISURE.get(message.drawing, timedelta(0))
    return row | {"collapses": f"draw:{message.id}", "not_before": not_before}


def ask(
    tx: Connection,
    errand: str,
    lane: str,
    now: datetime,
    incident_id: int | None = None,
    detail: Mapping[str, Any] | None = None,
    collapses: str | None = None,
    after: timedelta = timedelta(0),
) -> None:
    """An errand that is not a message, to be done `after` some time at the earliest.

    With `collapses`, one that still waits by that name stands for it.
    """
    row = _errand_row(errand, lane, now, incident_id, None, detail) | {"not_before": now + after}
    if collapses is None:
        tx.execute(ASK, row)
    else:
        _collapsed(tx, [row | {"collapses": collapses}])


def ask_these(tx: Connection, incident_id: int, now: datetime, asked: Sequence[Asked]) -> None:
    """Several errands about one incident in one statement."""
    rows = [
        _errand_row(errand, lane, now, incident_id, None, detail) | {"not_before": now + after}
        for errand, lane, detail, after in asked
    ]
    if rows:
        tx.execute(ASK, rows)


def ask_for_home(tx: Connection, user_id: str, now: datetime) -> None:
    """Somebody's App Home is to be drawn."""
    lane = f"home:{user_id}"
    ask(tx, "show_home", lane, now, detail={"user": user_id}, collapses=lane)


def ask_nudges(
    tx: Connection,
    nudges: Mapping[int, Sequence[tuple[int, int]]],
    now: datetime,
    without_channel: datetime | None = None,
) -> None:
    """An errand for each incident in which something is due: its id -> (deadline id, index of the moment) of each.

    With `without_channel` it is for then where the incident's channel is not open yet, or for when `hasten` says that
    it is. One statement with few parameters, however many rows: thousands may be due at once.
    """
    if not nudges:
        return
    values: dict[str, Any] = {"now": now}
    if without_channel is not None:
        values["without_channel"] = without_channel
    if tx.dialect.name == "postgresql":
        values |= {"i": ",".join(map(str, nudges)), "d": json.dumps(list(nudges.values()))}
    else:
        values["nudges"] = json.dumps(list(nudges.items()))
    tx.execute(ASK_NUDGES[tx.dialect.name, without_channel is not None], values)


def hasten(tx: Connection, lane: str, now: datetime) -> None:
    """What waits in a lane for its time need not wait any more."""
    tx.execute(HASTEN, {"in_lane": lane, "now": now})


def take(tx: Connection, errand_id: int) -> bool:
    """Crosses out an errand in the transaction that does it. False when somebody else has done it."""
    return tx.execute(TAKE, {"id": errand_id}).rowcount == 1


def _claiming() -> Any:
    earlier, now = outbox.alias("earlier"), bindparam("now", type_=outbox.c.not_before.type)
    due = (
        select(outbox.c.id)
        .where(
            outbox.c.gave_up_at.is_(None),
            outbox.c.not_before <= now,
            or_(outbox.c.held_until.is_(None), outbox.c.held_until <= now),
            ~select(earlier.c.id)
            .where(earlier.c.lane == outbox.c.lane, earlier.c.id < outbox.c.id, earlier.c.gave_up_at.is_(None))
            .exists(),
        )
        .order_by(outbox.c.id)
        .limit(bindparam("limit", type_=Integer))
        .with_for_update(skip_locked=True)
    )
    return (
        update(outbox)
        .where(outbox.c.id.in_(due))
        .values(
            held_by=bindparam("holder"),
            held_until=bindparam("until", type_=outbox.c.held_until.type),
            tries=outbox.c.tries + 1,
            unsure=or_(outbox.c.unsure, outbox.c.held_by.is_not(None)),  # whoever held it died over it
        )
        .returning(outbox)
    )


# What is asked for each errand is put together once: that costs more than asking it.
CLAIM = _claiming()
ASK = insert(outbox)
SAY = insert(messages).returning(messages.c.id, sort_by_parameter_order=True)
TAKE = delete(outbox).where(outbox.c.id == bindparam("id"))
OF_INCIDENT = select(messages).where(messages.c.incident_id == bindparam("incident")).order_by(messages.c.id)
SHOWING = (
    select(messages)
    .where(
        messages.c.incident_id.in_(bindparam("incidents", expanding=True)),
        messages.c.drawing.in_(bindparam("drawings", expanding=True)),
    )
    .order_by(messages.c.id)
)
DUE_NUDGES = {
    "postgresql": "select i, json_build_object('due', d) as d from rows from "
    "(unnest(cast(string_to_array(:i, ',') as int[])), json_array_elements(cast(:d as json))) as each(i, d)",
    "sqlite": "select json_extract(value, '$[0]') as i, json_object('due', json_extract(value, '$[1]')) as d "
    "from json_each(:nudges)",
}


def _asking_nudges(due: str, looks_for_channel: bool) -> Any:
    not_before, also, names = ":now", "", ["now"]
    if looks_for_channel:
        not_before = "case when channel_id is null then :without_channel else :now end"
        also, names = "join incidents on incidents.id = i", ["now", "without_channel"]
    said = text(
        "insert into outbox (errand, lane, incident_id, detail, created_at, not_before) "  # noqa: S608 - our own words
        f"select 'nudge', 'nudge:' || i, i, d, :now, {not_before} from ({due}) as due {also}"
    )
    return said.bindparams(*(bindparam(name, type_=outbox.c.not_before.type) for name in names))


ASK_NUDGES = {(name, looks): _asking_nudges(due, looks) for name, due in DUE_NUDGES.items() for looks in (False, True)}
HASTEN = (
    update(outbox)
    .where(
        outbox.c.lane == bindparam("in_lane"), outbox.c.not_before > bindparam("now", type_=outbox.c.not_before.type)
    )
    .values(not_before=bindparam("now", type_=outbox.c.not_before.type))
)
DONE = delete(outbox).where(outbox.c.id.in_(bindparam("ids", expanding=True)))
MESSAGE = select(messages).where(messages.c.id == bindparam("id"))
SAID = (
    update(messages)
    .where(messages.c.id == bindparam("about"))
    .values(channel_id=bindparam("channel"), ts=bindparam("said"), digest=bindparam("looks"))
)


def claim(tx: Connection, now: datetime, holder: str, lease: timedelta, limit: int) -> list[Errand]:
    """Errands that can be done now, oldest first: the first of each lane, none that somebody else holds.

    They are `holder`'s until `lease` has passed: a process that died holds up nobody for longer.
    """
    found = tx.execute(CLAIM, {"now": now, "limit": limit, "holder": holder, "until": now + lease})
    return sorted((_errand(row) for row in found), key=lambda errand: errand.id)


def hold(tx: Connection, errand_id: int, until: datetime) -> None:
    """Whoever has this errand in hand needs longer for it."""
    tx.execute(update(outbox).where(outbox.c.id == errand_id).values(held_until=until))


def keep_cursor(tx: Connection, errand: Errand, cursor: str, until: datetime) -> bool:
    """Of an errand that reads page by page: where whoever carries it next begins. It stays in hand `until` then.

    False when somebody else has taken it up meanwhile: where they are counts.
    """
    ours = (outbox.c.id == errand.id, outbox.c.tries == errand.tries)  # each claim counts one try more
    values = {"detail": {**errand.detail, "cursor": cursor}, "held_until": until}
    return tx.execute(update(outbox).where(*ours).values(**values)).rowcount == 1


def done(tx: Connection, errand_ids: Collection[int]) -> None:
    """They are done, or there is nothing left to do."""
    if errand_ids:
        tx.execute(DONE, {"ids": list(errand_ids)})


def put_back(tx: Connection, errand: Errand, not_before: datetime, error: str, unsure: bool) -> None:
    """It did not work; it is tried again then. `unsure` when Slack may have done it all the same.

    Whoever has taken it up meanwhile, because our time for it had run out, keeps it: each claim counts one try more.
    """
    values: dict[str, Any] = {"held_by": None, "held_until": None, "not_before": not_before, "error": error}
    if unsure:
        values["unsure"] = True
    ours = (outbox.c.id == errand.id, outbox.c.tries == errand.tries)
    tx.execute(update(outbox).where(*ours).values(**values))


def give_up(tx: Connection, errand_id: int, error: str, now: datetime) -> None:
    """It can never work; it stays on record and holds up nothing behind it."""
    tx.execute(
        update(outbox)
        .where(outbox.c.id == errand_id)
        .values(gave_up_at=now, error=error, held_by=None, held_until=None)
    )


def release(tx: Connection, dead: Iterable[str]) -> None:
    """What these processes held is free at once: they are known to be dead."""
    free = {"held_by": None, "held_until": None, "unsure": True}
    tx.execute(update(outbox).where(outbox.c.held_by.in_(list(dead))).values(**free))


def holders(tx: Connection) -> set[str]:
    """Who holds anything."""
    return set(tx.execute(select(outbox.c.held_by).where(outbox.c.held_by.is_not(None)).distinct()).scalars())


# Whoever holds it has not_before behind them.
READY = func.coalesce(outbox.c.held_until, outbox.c.not_before, type_=outbox.c.not_before.type)
NEXT_TIME = select(func.min(READY, type_=outbox.c.not_before.type)).where(
    outbox.c.gave_up_at.is_(None), bindparam("now", type_=outbox.c.not_before.type) < READY
)


def next_time(tx: Connection, now: datetime) -> datetime | None:
    """The earliest time after `now` at which an errand can be tried.

    What can be tried already, or waits behind another in its lane, is the courier's, who is woken for it.
    """
    at: datetime | None = tx.execute(NEXT_TIME, {"now": now}).scalar_one()
    return at


def waiting(tx: Connection) -> int:
    """How many errands are not done yet."""
    return tx.execute(select(func.count()).select_from(outbox).where(outbox.c.gave_up_at.is_(None))).scalar_one()


def message(tx: Connection, message_id: int) -> Message:
    """One message. Raises sqlalchemy.exc.NoResultFound when there is none."""
    return _message(tx.execute(MESSAGE, {"id": message_id}).one())


def of_incident(tx: Connection, incident_id: int) -> list[Message]:
    """Everything said about an incident, oldest first."""
    return [_message(row) for row in tx.execute(OF_INCIDENT, {"incident": incident_id})]


def said_as(tx: Connection, incident_id: int, drawing: str) -> list[Message]:
    """What was said about an incident, or is to be said, by one drawing; oldest first."""
    question = select(messages).where(messages.c.incident_id == incident_id, messages.c.drawing == drawing)
    return [_message(row) for row in tx.execute(question.order_by(messages.c.id))]


def set_said(tx: Connection, said: Sequence[Said]) -> None:
    """The messages are there."""
    if said:
        rows = [
            {"about": each.message_id, "channel": each.channel_id, "said": each.ts, "looks": each.digest}
            for each in said
        ]
        tx.execute(SAID, rows)


def set_digest(tx: Connection, message_id: int, digest: str) -> None:
    """What Slack shows of a message now."""
    tx.execute(update(messages).where(messages.c.id == message_id).values(digest=digest))


COLLAPSING: dict[str, Any] = {}  # by database: put together once


def _collapsed(tx: Connection, rows: Sequence[dict[str, Any]]) -> None:
    if not rows:
        return
    if tx.dialect.name not in COLLAPSING:
        # The update locks the waiting row until this transaction ends: nobody draws it before the change is there.
        statement = upsert(tx, outbox)
        COLLAPSING[tx.dialect.name] = statement.on_conflict_do_update(
            index_elements=["collapses"],
            index_where=text("tries = 0 and collapses is not null"),
            set_={"collapses": statement.excluded.collapses},
        )
    tx.execute(COLLAPSING[tx.dialect.name], list(rows))


def _errand_row(
    errand: str,
    lane: str,
    now: datetime,
    incident_id: int | None = None,
    message_id: int | None = None,
    detail: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    return {
        "errand": errand,
        "lane": lane,
        "incident_id": incident_id,
        "message_id": message_id,
        "detail": dict(detail or {}),
        "created_at": now,
        "not_before": now,
    }


def _errand(row: Row[Any]) -> Errand:
    return Errand(
        row.id,
        row.incident_id,
        row.errand,
        row.lane,
        row.message_id,
        row.detail or {},
        row.created_at,
        row.tries,
        row.unsure,
    )


def _message(row: Row[Any]) -> Message:
    return Message(
        row.id,
        row.incident_id,
        row.drawing,
        row.place,
        row.user_id,
        row.deadline_id,
        row.moment,
        row.detail or {},
        row.created_at,
        row.channel_id,
        row.ts,
        row.digest,
    )

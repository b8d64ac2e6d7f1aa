"""Deadlines, one row each, with everything that will be said about them (design.md decision 4)."""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from itertools import islice
from typing import Any, overload

from sqlalchemy import Connection, Integer, bindparam, func, insert, or_, select, text, update

from bot.deadlines import Decision, Plan
from bot.incident import Deadline, Duty, Moment, MomentKind, Role
from storage.tables import TO_ACKNOWLEDGE, deadlines

# Thousands may be due at once: to look a word up here takes a fifth of asking the enumeration.
DUTIES = {duty.value: duty for duty in Duty}
KINDS = {kind.value: kind for kind in MomentKind}
ROLES = {role.value: role for role in Role}

# What is asked all the time is put together once: that costs more than asking it.
ALL = select(*(deadlines.c[field.name] for field in fields(Deadline)))
ONE = ALL.where(deadlines.c.id == bindparam("id"))
OF_INCIDENT = ALL.where(deadlines.c.incident_id == bindparam("incident")).order_by(deadlines.c.id)
RUNNING = OF_INCIDENT.where(deadlines.c.met_at.is_(None), deadlines.c.stopped_at.is_(None))
START = insert(deadlines)
NEXT_NUDGE = select(func.min(deadlines.c.next_nudge_at)).where(deadlines.c.next_nudge_at.is_not(None))

DUE = (
    ALL.where(deadlines.c.next_nudge_at <= bindparam("now", type_=deadlines.c.next_nudge_at.type))
    .order_by(deadlines.c.next_nudge_at)
    .limit(bindparam("limit", type_=Integer))
    .with_for_update(skip_locked=True)
)


def start(tx: Connection, incident_id: int, plans: Iterable[Plan]) -> None:
    """The clocks run."""
    rows = [
        {
            "incident_id": incident_id,
            "duty": plan.duty,
            "owner_id": plan.owner_id,
            "started_at": plan.started_at,
            "due_at": plan.due_at,
            "escalate_every_s": plan.escalate_every_s,
            "moments": written(plan.moments),
            "next_nudge_at": plan.moments[0].at if plan.moments else None,
            "subject": plan.subject,
        }
        for plan in plans
    ]
    if rows:
        tx.execute(START, rows)


def of_incident(tx: Connection, incident_id: int) -> list[Deadline]:
    """The deadlines of an incident, in the order in which they started."""
    return [_deadline(row) for row in tx.execute(OF_INCIDENT, {"incident": incident_id})]


def get(tx: Connection, deadline_id: int, lock: bool = False) -> Deadline:
    """One deadline; with `lock`, the clock leaves it alone until this transaction ends.

    Raises sqlalchemy.exc.NoResultFound when there is none.
    """
    return _deadline(tx.execute(ONE.with_for_update() if lock else ONE, {"id": deadline_id}).one())


def running(tx: Connection, incident_id: int, lock: bool = False) -> list[Deadline]:
    """What is still owed in an incident; with `lock`, the clock leaves it alone until this transaction ends."""
    question = RUNNING.with_for_update() if lock else RUNNING
    return [_deadline(row) for row in tx.execute(question, {"incident": incident_id})]


def of_person(tx: Connection, user_id: str, limit: int) -> list[Deadline]:
    """What somebody owes, the first due first, without action items (storage/actions.py). Of a severity to be looked at
    again only what has been asked."""
    question = (
        ALL.where(
            deadlines.c.owner_id == user_id,
            deadlines.c.met_at.is_(None),
            deadlines.c.stopped_at.is_(None),
            or_(deadlines.c.duty != Duty.REGRADE, deadlines.c.position > 0),
            deadlines.c.duty != Duty.ACTION,
        )
        .order_by(deadlines.c.due_at, deadlines.c.id)
        .limit(limit)
    )
    return [_deadline(row) for row in tx.execute(question)]


def to_acknowledge(tx: Connection, user_id: str, limit: int) -> list[Deadline]:
    """What somebody was told of that nobody has acknowledged yet, the first due first."""
    question = ALL.where(
        text(TO_ACKNOWLEDGE),  # in the words of the index: few wait for this at a time, however many clocks run
        deadlines.c.owner_id != user_id,
        deadlines.c.moments.contains(user_id),
    ).order_by(deadlines.c.due_at, deadlines.c.id)
    found = (_deadline(row) for row in tx.execute(question))
    return list(islice((each for each in found if _was_told(each, user_id)), limit))


def _was_told(deadline: Deadline, user_id: str) -> bool:
    said = deadline.moments[: deadline.position]
    return any(each.user_id == user_id and each.role is not Role.OWNER for each in said)


def that_tell(tx: Connection, user_id: str) -> list[int]:
    """The incidents with a running deadline of which somebody is, was or will be told something."""
    question = select(deadlines.c.incident_id).where(
        deadlines.c.met_at.is_(None), deadlines.c.stopped_at.is_(None), deadlines.c.moments.contains(user_id)
    )
    return sorted(set(tx.execute(question).scalars()))


def change(tx: Connection, deadline: Deadline) -> None:
    """Another owner, another time, other moments to come: bot/deadlines.py has worked them out."""
    tx.execute(
        update(deadlines)
        .where(deadlines.c.id == deadline.id)
        .values(
            owner_id=deadline.owner_id,
            due_at=deadline.due_at,
            escalate_every_s=deadline.escalate_every_s,
            moments=written(deadline.moments),
            position=deadline.position,
            next_nudge_at=deadline.next_nudge_at,
            postponed_at=deadline.postponed_at,
            missed_by=deadline.missed_by,
            told_at=deadline.told_at,
            told_by=deadline.told_by,
        )
    )


def next_of_each(tx: Connection, incident_ids: Collection[int]) -> dict[int, Deadline]:
    """The running deadline of each incident that is due first."""
    question = ALL.where(
        deadlines.c.incident_id.in_(incident_ids),
        deadlines.c.met_at.is_(None),
        deadlines.c.stopped_at.is_(None),
        deadlines.c.duty != Duty.REGRADE,
    ).order_by(deadlines.c.due_at.desc(), deadlines.c.id.desc())
    return {row.incident_id: _deadline(row) for row in tx.execute(question)}


def meet(
    tx: Connection, incident_id: int, duties: Collection[Duty], by: str, at: datetime, subject: str | None = None
) -> list[int]:
    """The duties were done. Returns the ids of the deadlines that this met; none when they were met before."""
    return _end(tx, incident_id, duties, subject, met_at=at, met_by=by)


def meet_these(tx: Connection, deadline_ids: Collection[int], by: str, at: datetime) -> list[int]:
    """These were done. Returns the ids of those that were still running."""
    statement = (
        update(deadlines)
        .where(deadlines.c.id.in_(deadline_ids), deadlines.c.met_at.is_(None), deadlines.c.stopped_at.is_(None))
        .values(met_at=at, met_by=by, next_nudge_at=None)
    )
    return list(tx.execute(statement.returning(deadlines.c.id)).scalars())


def stop(
    tx: Connection, incident_id: int, at: datetime, duties: Collection[Duty] | None = None, subject: str | None = None
) -> list[int]:
    """These duties of an incident (None: all) are owed no more. Returns the ids of the deadlines that were running."""
    return _end(tx, incident_id, duties, subject, stopped_at=at)


def stopped_at(tx: Connection, incident_id: int, at: datetime) -> list[Deadline]:
    """What was stopped in an incident at this very moment, all for the same reason."""
    return [each for each in of_incident(tx, incident_id) if each.stopped_at == at]


def resume(tx: Connection, again: Iterable[Deadline]) -> None:
    """Deadlines that were stopped run on: bot/deadlines.py has worked out their times."""
    for each in again:
        change(tx, each)
        values = {"started_at": each.started_at, "stopped_at": None}
        tx.execute(update(deadlines).where(deadlines.c.id == each.id).values(**values))


def claim_due(tx: Connection, now: datetime, limit: int) -> list[Deadline]:
    """Deadlines of which something is to be said now, the longest due first.

    They stay locked until this transaction ends. Replicas that ask at the same time get different ones.
    """
    return [_deadline(row) for row in tx.execute(DUE, {"now": now, "limit": limit}).all()]


def set_positions(tx: Connection, decisions: Sequence[tuple[int, Decision]]) -> None:
    """Where each of these deadlines goes on: one statement with few parameters, however many rows."""
    if tx.dialect.name == "postgresql":
        statement = text(
            "update deadlines set position = due.p, next_nudge_at = due.n "
            "from unnest(cast(string_to_array(:ids, ',') as int[]), cast(string_to_array(:p, ',') as int[]), "
            "cast(string_to_array(:n, ',', '') as timestamptz[])) as due(id, p, n) "
            "where deadlines.id = due.id"
        )
        columns = {
            "ids": ",".join(str(deadline_id) for deadline_id, _ in decisions),
            "p": ",".join(str(decision.position) for _, decision in decisions),
            "n": ",".join(each.next_nudge_at.isoformat() if each.next_nudge_at else "" for _, each in decisions),
        }
        tx.execute(statement, columns)
        return
    statement = text(
        "update deadlines set position = json_extract(due.value, '$[1]'), "
        "next_nudge_at = json_extract(due.value, '$[2]') "
        "from json_each(:rows) as due where deadlines.id = json_extract(due.value, '$[0]')"
    )
    rows = [
        (deadline_id, decision.position, _sqlite_time(decision.next_nudge_at)) for deadline_id, decision in decisions
    ]
    tx.execute(statement, {"rows": json.dumps(rows)})


def _sqlite_time(at: datetime | None) -> str | None:
    """A time as SQLAlchemy keeps it in SQLite."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds") if at else None


def next_nudge_at(tx: Connection) -> datetime | None:
    """When the clock has to wake next."""
    at: datetime | None = tx.execute(NEXT_NUDGE).scalar_one()
    return at


def _end(
    tx: Connection, incident_id: int, duties: Collection[Duty] | None, subject: str | None, **values: object
) -> list[int]:
    statement = update(deadlines).where(
        deadlines.c.incident_id == incident_id, deadlines.c.met_at.is_(None), deadlines.c.stopped_at.is_(None)
    )
    if duties is not None:
        statement = statement.where(deadlines.c.duty.in_(list(duties)))
    if subject is not None:
        statement = statement.where(deadlines.c.subject == subject)
    return list(tx.execute(statement.values(next_nudge_at=None, **values).returning(deadlines.c.id)).scalars())


def written(moments: Iterable[Moment]) -> str:
    """Moments as the database keeps them: a line each."""
    return "\n".join(
        f"{moment.at.timestamp()} {moment.kind} {moment.role} {moment.user_id or ''}" for moment in moments
    )


class Moments(Sequence[Moment]):
    """Moments as they are written, read one by one: of thousands that are due, each needs its next ones alone."""

    def __init__(self, lines: str) -> None:
        self._lines = lines.split("\n") if lines else []

    def __len__(self) -> int:
        return len(self._lines)

    @overload
    def __getitem__(self, index: int) -> Moment: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Moment]: ...

    def __getitem__(self, index: int | slice) -> Moment | Sequence[Moment]:
        if isinstance(index, slice):
            return tuple(self[number] for number in range(*index.indices(len(self))))
        at, kind, role, user_id = self._lines[index].split(" ")
        return Moment(datetime.fromtimestamp(float(at), UTC), KINDS[kind], user_id or None, ROLES[role])


def _deadline(row: Sequence[Any]) -> Deadline:
    id_, incident_id, duty, owner_id, started_at, due_at, escalate_every_s, moments, *rest = row
    return Deadline(
        id_, incident_id, DUTIES[duty], owner_id, started_at, due_at, escalate_every_s, Moments(moments), *rest
    )

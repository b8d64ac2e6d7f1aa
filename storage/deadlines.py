"""Deadlines, one row each, with everything that will be said about them (design.md decision 4)."""

import json
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, overload

from sqlalchemy import Connection, Row, func, insert, select, text, update

from bot.deadlines import Decision, Plan
from bot.incident import Deadline, Duty, Moment, MomentKind, Role
from storage.tables import deadlines


def start(tx: Connection, incident_id: int, plans: Iterable[Plan]) -> None:
    """The clocks run."""
    for plan in plans:
        tx.execute(
            insert(deadlines).values(
                incident_id=incident_id,
                duty=plan.duty,
                owner_id=plan.owner_id,
                started_at=plan.started_at,
                due_at=plan.due_at,
                escalate_every_s=plan.escalate_every_s,
                moments=written(plan.moments),
                next_nudge_at=plan.moments[0].at if plan.moments else None,
            )
        )


def of_incident(tx: Connection, incident_id: int) -> list[Deadline]:
    """The deadlines of an incident, in the order in which they started."""
    question = select(deadlines).where(deadlines.c.incident_id == incident_id).order_by(deadlines.c.id)
    return [_deadline(row) for row in tx.execute(question)]


def get(tx: Connection, deadline_id: int) -> Deadline:
    """One deadline. Raises sqlalchemy.exc.NoResultFound when there is none."""
    return _deadline(tx.execute(select(deadlines).where(deadlines.c.id == deadline_id)).one())


def next_of_each(tx: Connection, incident_ids: Collection[int]) -> dict[int, Deadline]:
    """The running deadline of each incident that is due first."""
    question = (
        select(deadlines)
        .where(
            deadlines.c.incident_id.in_(incident_ids), deadlines.c.met_at.is_(None), deadlines.c.stopped_at.is_(None)
        )
        .order_by(deadlines.c.due_at.desc())
    )
    return {row.incident_id: _deadline(row) for row in tx.execute(question)}


def meet(tx: Connection, incident_id: int, duty: Duty, by: str, at: datetime) -> list[int]:
    """The duty was done. Returns the ids of the deadlines that this met; none when it was met before."""
    return _end(tx, incident_id, duty, met_at=at, met_by=by)


def stop(tx: Connection, incident_id: int, at: datetime) -> list[int]:
    """Nothing of this incident is owed any more. Returns the ids of the deadlines that were running."""
    return _end(tx, incident_id, None, stopped_at=at)


def claim_due(tx: Connection, now: datetime, limit: int) -> list[Deadline]:
    """Deadlines of which something is to be said now, the longest due first.

    They stay locked until this transaction ends. Replicas that ask at the same time get different ones.
    """
    question = (
        select(deadlines)
        .where(deadlines.c.next_nudge_at <= now)
        .order_by(deadlines.c.next_nudge_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return [_deadline(row) for row in tx.execute(question)]


def set_positions(tx: Connection, decisions: Sequence[tuple[int, Decision]]) -> None:
    """Where each of these deadlines goes on: one statement with few parameters, however many rows."""
    if tx.dialect.name == "postgresql":
        statement = text(
            "update deadlines set position = due.p, next_nudge_at = due.n "
            "from unnest(cast(:ids as int[]), cast(:p as int[]), cast(:n as timestamptz[])) as due(id, p, n) "
            "where deadlines.id = due.id"
        )
        columns = {
            "ids": [deadline_id for deadline_id, _ in decisions],
            "p": [decision.position for _, decision in decisions],
            "n": [decision.next_nudge_at for _, decision in decisions],
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
    at: datetime | None = tx.execute(
        select(func.min(deadlines.c.next_nudge_at)).where(deadlines.c.next_nudge_at.is_not(None))
    ).scalar_one()
    return at


def _end(tx: Connection, incident_id: int, duty: Duty | None, **values: object) -> list[int]:
    statement = update(deadlines).where(
        deadlines.c.incident_id == incident_id, deadlines.c.met_at.is_(None), deadlines.c.stopped_at.is_(None)
    )
    if duty is not None:
        statement = statement.where(deadlines.c.duty == duty)
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
        return Moment(datetime.fromtimestamp(float(at), UTC), MomentKind(kind), user_id or None, Role(role))


def _deadline(row: Row[Any]) -> Deadline:
    return Deadline(
        row.id,
        row.incident_id,
        Duty(row.duty),
        row.owner_id,
        row.started_at,
        row.due_at,
        row.escalate_every_s,
        Moments(row.moments),
        row.position,
        row.next_nudge_at,
        row.met_at,
        row.met_by,
        row.stopped_at,
    )

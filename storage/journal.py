"""What happened, in order: append-only, each entry chained to the one before by its hash (design.md decision 7)."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, insert, select

from storage.tables import journal

BATCH = 1000


@dataclass(frozen=True)
class Entry:
    """One thing that happened. `by` is None for the bot itself."""

    at: datetime
    by: str | None
    what: str
    detail: Mapping[str, Any]
    previous: str
    hash: str
    id: int = 0


def add(tx: Connection, incident_id: int | None, what: str, by: str | None, now: datetime, **detail: object) -> None:
    """Writes an entry. The caller holds the incident's lock, so that the chain has no fork.

    Without an incident it is the installation's; whoever writes there has changed a row that only one can change.

    `detail` has ids, numbers and the procedure's words; never customers' data.
    """
    last = select(journal.c.hash).where(_of(incident_id)).order_by(journal.c.id.desc()).limit(1)
    previous = tx.execute(last).scalar_one_or_none() or ""
    hash_ = _hash(previous, incident_id, now, by, what, detail)
    tx.execute(
        insert(journal).values(
            incident_id=incident_id, at=now, by=by, what=what, detail=detail, previous=previous, hash=hash_
        )
    )


def of_incident(tx: Connection, incident_id: int | None) -> list[Entry]:
    """Everything that happened in an incident (None: to the installation), oldest first."""
    question = select(journal).where(_of(incident_id)).order_by(journal.c.id)
    return [_entry(row) for row in tx.execute(question)]


def latest(tx: Connection, incident_id: int, what: str) -> datetime | None:
    """When something happened last in an incident."""
    question = select(journal.c.at).where(journal.c.incident_id == incident_id, journal.c.what == what)
    at: datetime | None = tx.execute(question.order_by(journal.c.id.desc()).limit(1)).scalar_one_or_none()
    return at


@dataclass(frozen=True)
class Broken:
    """The first entry of a chain that does not fit the one before it; `incident_id` is None for the installation."""

    incident_id: int | None
    at: datetime
    what: str


@dataclass(frozen=True)
class Verified:
    """How much was looked at, and which chains are broken."""

    entries: int
    incidents: int
    broken: Sequence[Broken]


def is_whole(tx: Connection, incident_id: int | None) -> bool:
    """Whether no entry was changed or taken out of the chain."""
    return not _verify(tx.execute(select(journal).where(_of(incident_id)).order_by(journal.c.id))).broken


def verify(tx: Connection) -> Verified:
    """Every chain in the database, entry by entry: as much memory is needed for a million as for a thousand."""
    question = select(journal).order_by(journal.c.incident_id, journal.c.id)
    return _verify(tx.execute(question, execution_options={"yield_per": BATCH}))  # read on in the same transaction


def _verify(found: Iterable[Row[Any]]) -> Verified:
    entries, incidents = 0, 0
    broken: list[Broken] = []
    chain: int | str | None = "none yet"
    previous = ""
    for row in found:
        if row.incident_id != chain:
            chain, previous = row.incident_id, ""
            incidents += row.incident_id is not None
        entries += 1
        expected = _hash(previous, row.incident_id, row.at, row.by, row.what, row.detail)
        fits = (row.previous, row.hash) == (previous, expected)
        if not fits and not any(each.incident_id == row.incident_id for each in broken[-1:]):
            broken.append(Broken(row.incident_id, row.at, row.what))
        previous = row.hash
    return Verified(entries, incidents, broken)


def _entry(row: Row[Any]) -> Entry:
    return Entry(row.at, row.by, row.what, row.detail, row.previous, row.hash, row.id)


def _of(incident_id: int | None) -> ColumnElement[bool]:
    return journal.c.incident_id.is_(None) if incident_id is None else journal.c.incident_id == incident_id


def _hash(
    previous: str, incident_id: int | None, at: datetime, by: str | None, what: str, detail: Mapping[str, Any]
) -> str:
    said = json.dumps([previous, incident_id, at.timestamp(), by, what, detail], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(said.encode()).hexdigest()

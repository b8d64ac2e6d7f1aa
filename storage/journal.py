"""What happened, in order: append-only, each entry chained to the one before by its hash (design.md decision 7)."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, Row, bindparam, insert, select

from storage.tables import journal

BATCH = 1000

# What is asked with everything that happens is put together once: that costs more than asking it.
LAST_OF_INCIDENT = (
    select(journal.c.hash).where(journal.c.incident_id == bindparam("incident")).order_by(journal.c.id.desc()).limit(1)
)
LAST_OF_INSTALLATION = (
    select(journal.c.hash).where(journal.c.incident_id.is_(None)).order_by(journal.c.id.desc()).limit(1)
)
ADD = insert(journal)


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
    last = LAST_OF_INSTALLATION if incident_id is None else LAST_OF_INCIDENT
    previous = tx.execute(last, {"incident": incident_id}).scalar_one_or_none() or ""
    hash_ = _hash(previous, incident_id, now, by, what, detail)
    entry = {"at": now, "by": by, "what": what, "detail": detail, "previous": previous, "hash": hash_}
    tx.execute(ADD, {**entry, "incident_id": incident_id})


def of_incident(tx: Connection, incident_id: int | None) -> list[Entry]:
    """Everything that happened in an incident (None: to the installation), oldest first."""
    question = select(journal).where(_of(incident_id)).order_by(journal.c.id)
    return [_entry(row) for row in tx.execute(question)]


def latest(tx: Connection, incident_id: int, what: str, by: str | None = None, **detail: object) -> datetime | None:
    """When something happened last in an incident: by anybody or `by` somebody, with this detail."""
    c = journal.c
    question = select(c.at, c.detail).where(c.incident_id == incident_id, c.what == what)
    if by is not None:
        question = question.where(c.by == by)
    if not detail:
        question = question.limit(1)
    found = tx.execute(question.order_by(c.id.desc())).all()
    return next((row.at for row in found if detail.items() <= (row.detail or {}).items()), None)


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
    """Every chain in the database. Page by page, so that a million entries need no more memory than the last hash of
    each incident; entries that are written meanwhile are looked at as well."""

    def pages() -> Iterator[Row[Any]]:
        last = 0
        while page := tx.execute(PAGE, {"after": last, "limit": BATCH}).all():
            yield from page
            last = page[-1].id

    return _verify(pages())


PAGE = (
    select(journal)
    .where(journal.c.id > bindparam("after"))
    .order_by(journal.c.id)
    .limit(bindparam("limit", type_=Integer))
)


def _verify(found: Iterable[Row[Any]]) -> Verified:
    """In the order in which they were written, whichever chain each belongs to."""
    entries = 0
    ends: dict[int | None, str] = {None: ""}  # the last hash of each chain
    broken: dict[int | None, Broken] = {}
    for row in found:
        entries += 1
        previous = ends.get(row.incident_id, "")
        expected = _hash(previous, row.incident_id, row.at, row.by, row.what, row.detail)
        if (row.previous, row.hash) != (previous, expected):
            broken.setdefault(row.incident_id, Broken(row.incident_id, row.at, row.what))
        ends[row.incident_id] = row.hash
    return Verified(entries, len(ends) - 1, list(broken.values()))


def _entry(row: Row[Any]) -> Entry:
    return Entry(row.at, row.by, row.what, row.detail, row.previous, row.hash, row.id)


def _of(incident_id: int | None) -> ColumnElement[bool]:
    return journal.c.incident_id.is_(None) if incident_id is None else journal.c.incident_id == incident_id


def _hash(
    previous: str, incident_id: int | None, at: datetime, by: str | None, what: str, detail: Mapping[str, Any]
) -> str:
    said = json.dumps([previous, incident_id, at.timestamp(), by, what, detail], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(said.encode()).hexdigest()

"""The postmortem of each incident: how far it is, what people wrote for it, and its figures.

The figures are counted without opening anything that is sealed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, case, func, insert, select, text, update

from bot.incident import ContactChannel, Outcome
from bot.postmortem import Postmortem, Reached, Section, Written
from storage.db import upsert
from storage.tables import (
    SUBMITTED,
    as_dict,
    confirmations,
    contacts,
    customers,
    deadlines,
    journal,
    kept,
    postmortems,
    ratings,
    sections,
)

HEARD = (Outcome.REACHED, Outcome.SENT)


def begin(tx: Connection, incident_id: int, now: datetime) -> bool:
    """It is drafted from now on. False when it was before: there is one for an incident, however often it is fixed."""
    statement = upsert(tx, postmortems).values(incident_id=incident_id, drafted_at=now).on_conflict_do_nothing()
    return tx.execute(statement.returning(postmortems.c.incident_id)).first() is not None


def get(tx: Connection, incident_id: int) -> Postmortem | None:
    """The one of an incident; None before it is drafted."""
    row = tx.execute(select(postmortems).where(postmortems.c.incident_id == incident_id)).one_or_none()
    return Postmortem(**as_dict(row)) if row else None


def change(tx: Connection, incident_id: int, **values: object) -> None:
    """Some of its columns have other values now, by their names in Postmortem."""
    tx.execute(update(postmortems).where(postmortems.c.incident_id == incident_id).values(**values))


def submitted(tx: Connection, limit: int) -> list[Postmortem]:
    """Those that wait for somebody to accept or return them, the longest waiting first."""
    question = select(postmortems).where(text(f"postmortems.{SUBMITTED}")).order_by(postmortems.c.submitted_at)
    return [Postmortem(**as_dict(row)) for row in tx.execute(question.limit(limit))]


def was_written(tx: Connection, form_key: str) -> bool:
    """Whether this form was submitted before."""
    return tx.execute(select(sections.c.id).where(sections.c.form_key == form_key)).first() is not None


def write(
    tx: Connection, incident_id: int, form_key: str, section: Section, parts: Mapping[str, str], by: str, now: datetime
) -> None:
    """What somebody has written for a section, by part. What was written before stays on record.

    Raises sqlalchemy.exc.IntegrityError when it was saved by this form already, by whichever replica.
    """
    rows = [
        {
            "incident_id": incident_id,
            "form_key": form_key,
            "section": section,
            "part": part,
            "words": words,
            "by": by,
            "at": now,
        }
        for part, words in parts.items()
    ]
    if rows:
        tx.execute(insert(sections), rows)


def written(tx: Connection, incident_id: int) -> list[Written]:
    """What counts of what people wrote: of each section what was submitted last, in the order of its parts."""
    latest: dict[Section, tuple[str, list[Written]]] = {}
    question = select(sections).where(sections.c.incident_id == incident_id).order_by(sections.c.id)
    for row in tx.execute(question):
        one = _written(row)
        if latest.get(one.section, ("", []))[0] != row.form_key:
            latest[one.section] = (row.form_key, [])
        latest[one.section][1].append(one)
    return [one for section in Section if section in latest for one in latest[section][1]]


def _written(row: Row[Any]) -> Written:
    said = as_dict(row)
    del said["form_key"]
    said["section"] = Section(said["section"])
    return Written(**said)


# -- figures -----------------------------------------------------------------------------------------------------------


def version(tx: Connection, incident_id: int, now: datetime) -> tuple[int, ...]:
    """Tells one state of an incident from another, in two looks: whatever happens in it is in the journal, but for the
    addresses of what was kept, which are found later; and what time alone changes is which clocks have passed."""
    latest = select(func.max(journal.c.id)).where(journal.c.incident_id == incident_id)
    found = select(func.count()).where(kept.c.incident_id == incident_id, kept.c.url != "")
    d = deadlines.c
    passed = and_(d.met_at.is_(None), d.stopped_at.is_(None), d.due_at <= now)
    clocks = select(func.count(), func.count(d.met_at), func.count(d.stopped_at), func.count(case((passed, 1)))).where(
        d.incident_id == incident_id
    )
    entry, addresses = tx.execute(select(latest.scalar_subquery(), found.scalar_subquery())).one()
    return (entry or 0, addresses, *tx.execute(clocks).one())


def reached(tx: Connection, incident_id: int) -> list[Reached]:
    """The customers in the list, in the order in which they were added."""
    c = customers.c
    question = select(c.id, c.added_at, c.first_heard_at, c.heard_at).where(
        c.incident_id == incident_id, c.removed_at.is_(None)
    )
    return [Reached(*row) for row in tx.execute(question.order_by(c.id))]


@dataclass(frozen=True)
class Contacts:
    """How often customers were spoken or written to."""

    by_outcome: Mapping[Outcome, int]
    by_channel: Mapping[ContactChannel, int]
    others_heard_at: datetime | None  # when the first message went to those who are not in the list by name

    @property
    def all(self) -> int:
        """How many contacts were logged."""
        return sum(self.by_outcome.values())


def contacts_of(tx: Connection, incident_id: int) -> Contacts:
    """How the customers of an incident were spoken or written to."""
    c = contacts.c
    rows = tx.execute(
        select(c.outcome, c.channel, func.count().label("logged"))
        .where(c.incident_id == incident_id)
        .group_by(c.outcome, c.channel)
    ).all()
    by_outcome: dict[Outcome, int] = {}
    by_channel: dict[ContactChannel, int] = {}
    for row in rows:
        outcome, channel = Outcome(row.outcome), ContactChannel(row.channel)
        by_outcome[outcome] = by_outcome.get(outcome, 0) + row.logged
        by_channel[channel] = by_channel.get(channel, 0) + row.logged
    to_several = select(func.min(c.at, type_=c.at.type)).where(
        c.incident_id == incident_id, c.customer_id.is_(None), c.outcome.in_(HEARD)
    )
    return Contacts(by_outcome, by_channel, tx.execute(to_several).scalar_one())


def contacts_with(tx: Connection, incident_id: int) -> dict[int, int]:
    """How often each customer was spoken or written to alone, by their number."""
    c = contacts.c
    question = select(c.customer_id, func.count()).where(c.incident_id == incident_id, c.customer_id.is_not(None))
    return {row[0]: row[1] for row in tx.execute(question.group_by(c.customer_id))}


def scores(tx: Connection, incident_id: int) -> list[int]:
    """How satisfied the customers are, from 1 to 5: what each has said last."""
    r = ratings.c
    question = select(r.customer_id, r.score).where(r.incident_id == incident_id).order_by(r.id)
    latest: dict[tuple[int | None, int], int] = {}
    for number, row in enumerate(tx.execute(question)):
        latest[(row.customer_id, number if row.customer_id is None else 0)] = row.score
    return list(latest.values())


@dataclass(frozen=True)
class Confirmed:
    """What customers have said of one solution: so many are satisfied with it, so many are not."""

    round: int
    satisfied: int
    dissatisfied: int


def confirmed(tx: Connection, incident_id: int) -> list[Confirmed]:
    """What the customers have said of each solution, the first one first; of each what they have said last."""
    c = confirmations.c
    question = select(c.round, c.customer_id, c.customers, c.is_satisfied).where(c.incident_id == incident_id)
    latest: dict[tuple[int, int | None, int], tuple[int, bool]] = {}
    for number, row in enumerate(tx.execute(question.order_by(c.id))):
        one = (row.round, row.customer_id, number if row.customer_id is None else 0)
        latest[one] = (row.customers, bool(row.is_satisfied))
    found: dict[int, list[int]] = {}
    for (round_, _, _), (count, is_satisfied) in latest.items():
        found.setdefault(round_, [0, 0])[0 if is_satisfied else 1] += count
    return [Confirmed(round_, *found[round_]) for round_ in sorted(found)]

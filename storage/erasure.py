"""Customers' data are erased: of a whole incident when its time has come, or of one customer who asks for it.

What is sealed goes; what people wrote to each other stays, masked; figures stay: counts, times, outcomes, tiers,
emotions.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Table, and_, bindparam, delete, func, or_, select, text, true, update

from bot.confidential import without_customer
from bot.incident import Customer, Incident
from bot.postmortem import KIND
from storage import customers as customers_of
from storage.encryption import cipher_of
from storage.tables import (
    OVER,
    SEALED,
    WRITTEN,
    confirmations,
    contacts,
    customers,
    evidence,
    incidents,
    kept,
    lists,
    ratings,
    script_facts,
    sections,
)


@dataclass(frozen=True)
class Erased:
    """How much was erased: rows, and texts in which something was masked."""

    customers: int
    contacts: int
    texts: int
    lists: int = 0
    facts: int = 0


def due(tx: Connection, before: datetime, limit: int) -> list[int]:
    """Incidents that were over before some time and still have their customers' data, at most `limit`."""
    c = incidents.c
    # The first in the words of the index: it has only the incidents that are over and not erased yet.
    question = select(c.id).where(
        text(OVER), func.coalesce(c.closed_at, c.dismissed_at, type_=c.closed_at.type) <= before
    )
    return list(tx.execute(question.order_by(c.id).limit(limit)).scalars())


def known_of(tx: Connection, incident_id: int) -> list[str]:
    """By what the customers of an incident are known, opened. Confidential."""
    spoken_to = select(contacts.c.customer).where(contacts.c.incident_id == incident_id)
    names = {cipher_of(tx).open(sealed) for sealed in tx.execute(spoken_to).scalars()}
    return list(names | set(customers_of.names_of(tx, incident_id, None)))


def erase_all(tx: Connection, incident_id: int, mask: Callable[[str], str], now: datetime) -> Erased:
    """The customers of an incident, which is locked. `mask` knows their names: what people wrote is masked with it."""
    texts = _mask(tx, incident_id, mask)
    for table in (evidence, kept, confirmations):  # of a file it ends with its name
        tx.execute(update(table).where(table.c.incident_id == incident_id).values(url=""))
    gone = {
        table: tx.execute(
            update(table).where(table.c.incident_id == incident_id).values(dict.fromkeys(SEALED[table], ""))
        ).rowcount
        for table in (customers, contacts, confirmations, ratings)
    }
    dropped = {
        table: tx.execute(delete(table).where(table.c.incident_id == incident_id)).rowcount
        for table in (lists, script_facts)
    }
    tx.execute(update(incidents).where(incidents.c.id == incident_id).values(customers_erased_at=now))
    return Erased(gone[customers], gone[contacts], texts, dropped[lists], dropped[script_facts])


def erase_one(tx: Connection, incident: Incident, found: Sequence[tuple[int, Customer]], now: datetime) -> Erased:
    """One customer of an incident, which is locked, with all rows that are theirs.

    In an open incident they leave the list, since nobody can call them any more; who has heard counts on. What is left
    of uploaded lists goes too: nobody can tell which lines of them are theirs.
    """
    ids = [customer_id for customer_id, _ in found]
    cipher = cipher_of(tx)

    def mask(words: str) -> str:
        for _, customer in found:
            words = without_customer(words, customer)
        return words

    theirs = contacts.c.customer_id.in_(ids)
    of_theirs = tx.execute(update(contacts).where(theirs).values(dict.fromkeys(SEALED[contacts], ""))).rowcount
    for table in (confirmations, ratings):
        tx.execute(update(table).where(table.c.customer_id.in_(ids)).values(dict.fromkeys(SEALED[table], "")))
    tx.execute(update(confirmations).where(confirmations.c.customer_id.in_(ids)).values(url=""))
    _forget_files(tx, incident.id, mask)
    texts = _mask(tx, incident.id, mask)
    for table in (contacts, script_facts, confirmations, ratings):

        def mask_sealed(sealed: str) -> str:
            said = cipher.open(sealed)
            return sealed if mask(said) == said else cipher.seal(mask(said))

        texts += _change(tx, table, SEALED[table], incident.id, mask_sealed)
    emptied = or_(*(lists.c[name] != "" for name in SEALED[lists]))
    of_lists = tx.execute(
        update(lists).where(lists.c.incident_id == incident.id, emptied).values(dict.fromkeys(SEALED[lists], ""))
    ).rowcount
    mine = and_(customers.c.incident_id == incident.id, customers.c.id.in_(ids))
    if incident.status.is_open:
        on_list = and_(mine, customers.c.removed_at.is_(None))
        heard = tx.execute(select(func.count()).where(on_list, customers.c.first_heard_at.is_not(None))).scalar_one()
        tx.execute(update(customers).where(on_list).values(removed_at=now))
        others = {"others_heard": incidents.c.others_heard + heard}
        tx.execute(update(incidents).where(incidents.c.id == incident.id).values(others))
    of_customers = tx.execute(update(customers).where(mine).values(dict.fromkeys(SEALED[customers], ""))).rowcount
    return Erased(of_customers, of_theirs, texts, of_lists)


def _forget_files(tx: Connection, incident_id: int, mask: Callable[[str], str]) -> None:
    """The addresses of files that are named after a customer: an address ends with the name."""
    for table in (evidence, kept):
        question = select(table.c.id, table.c.name).where(table.c.incident_id == incident_id, table.c.name != "")
        theirs = [row.id for row in tx.execute(question).all() if mask(row.name) != row.name]
        if theirs:
            tx.execute(update(table).where(table.c.id.in_(theirs)).values(url=""))


def _mask(tx: Connection, incident_id: int, mask: Callable[[str], str]) -> int:
    """Everything that people wrote to each other in an incident. Returns how many texts are different now."""
    return sum(_change(tx, table, names, incident_id, mask) for table, names in WRITTEN.items())


def _change(tx: Connection, table: Table, names: Sequence[str], incident_id: int, changed: Callable[[str], str]) -> int:
    of_incident = table.c.id if table is incidents else table.c.incident_id
    [key] = table.primary_key.columns  # of a postmortem, the incident's
    by_people = sections.c.part != KIND if table is sections else true()  # of a cause, the sort is a word of ours
    rows = tx.execute(
        select(key, *(table.c[name] for name in names)).where(
            of_incident == incident_id, by_people, or_(*(table.c[name] != "" for name in names))
        )
    ).all()
    count = 0
    for number, name in enumerate(names, start=1):
        longest = getattr(table.c[name].type, "length", None)  # stars may be more than the name had letters
        texts = [(row[0], row[number], changed(row[number])[:longest]) for row in rows]
        new = [{"row": row, "new": shown} for row, said, shown in texts if shown != said]
        if new:
            tx.execute(update(table).where(key == bindparam("row")).values({name: bindparam("new")}), new)
        count += len(new)
    return count

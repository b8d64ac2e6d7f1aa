"""The words that people had with customers, and the facts that the scripts say. All of it is sealed."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, func, insert, select

from bot.incident import Consent, Contact, ContactChannel, CustomerLanguage, Emotion, Outcome, Stage
from storage import customers
from storage.db import upsert
from storage.encryption import Cipher, cipher_of
from storage.tables import contacts, script_facts
from storage.tables import customers as customers_table


def was_logged(tx: Connection, form_key: str) -> bool:
    """Whether this form was saved before."""
    return tx.execute(select(contacts.c.id).where(contacts.c.form_key == form_key)).first() is not None


def log(tx: Connection, form_key: str, contact: Contact) -> int:
    """Remembers a contact, sealed; its own `id` does not count. Returns its number.

    Raises sqlalchemy.exc.IntegrityError when this form was saved already, by whichever replica.
    """
    cipher = cipher_of(tx)
    statement = insert(contacts).values(
        incident_id=contact.incident_id,
        form_key=form_key,
        by=contact.by,
        at=contact.at,
        logged_at=contact.logged_at,
        channel=contact.channel,
        customer=cipher.seal(contact.customer),
        customer_id=contact.customer_id,
        customers=contact.customers,
        said=cipher.seal(contact.said),
        answer=cipher.seal(contact.answer),
        outcome=contact.outcome,
        stage=contact.stage,
        language=contact.language,
        emotion=contact.emotion,
        promise=cipher.seal(contact.promise),
        promised_until=contact.promised_until,
        consent=contact.consent,
        measure=cipher.seal(contact.measure),
    )
    return int(tx.execute(statement.returning(contacts.c.id)).scalar_one())


def get(tx: Connection, contact_id: int) -> Contact:
    """One contact, opened. Confidential. Raises sqlalchemy.exc.NoResultFound when there is none."""
    return _contact(tx.execute(select(contacts).where(contacts.c.id == contact_id)).one(), cipher_of(tx))


def of_incident(tx: Connection, incident_id: int) -> list[Contact]:
    """Every contact of an incident, in the order in which they were logged, opened. Confidential."""
    cipher = cipher_of(tx)
    question = select(contacts).where(contacts.c.incident_id == incident_id).order_by(contacts.c.id)
    return [_contact(row, cipher) for row in tx.execute(question)]


def last_with(tx: Connection, customer_id: int, limit: int) -> list[Contact]:
    """The latest contacts with one customer, latest first, opened. Confidential."""
    cipher = cipher_of(tx)
    question = select(contacts).where(contacts.c.customer_id == customer_id).order_by(contacts.c.at.desc())
    return [_contact(row, cipher) for row in tx.execute(question.limit(limit))]


def language_with(tx: Connection, customer_id: int) -> CustomerLanguage | None:
    """In which language a customer heard from us last; None when nobody has spoken to them alone."""
    c = contacts.c
    question = select(c.language).where(
        c.customer_id == customer_id, c.outcome.in_([Outcome.REACHED, Outcome.SENT]), c.language.is_not(None)
    )
    found = tx.execute(question.order_by(c.at.desc(), c.id.desc()).limit(1)).scalar_one_or_none()
    return CustomerLanguage(found) if found else None


def customers_of(tx: Connection, contact_ids: Collection[int]) -> set[int]:
    """With whom these contacts were; those with several at once are with nobody in particular."""
    question = select(contacts.c.customer_id).where(contacts.c.id.in_(contact_ids), contacts.c.customer_id.is_not(None))
    return set(tx.execute(question).scalars())


def count(tx: Connection, incident_id: int) -> int:
    """How many contacts were logged."""
    return tx.execute(
        select(func.count()).select_from(contacts).where(contacts.c.incident_id == incident_id)
    ).scalar_one()


def was_said_to_everybody(tx: Connection, incident_id: int, stage: Stage, since: datetime) -> bool:
    """Whether this was said since some time, and everybody in the list has heard from us since then."""
    heard = [Outcome.REACHED, Outcome.SENT]
    said = select(contacts.c.id).where(
        contacts.c.incident_id == incident_id,
        contacts.c.stage == stage,
        contacts.c.at >= since,
        contacts.c.outcome.in_(heard),
    )
    return tx.execute(said.limit(1)).first() is not None and not customers.unheard_since(tx, incident_id, since)


def not_heard_of(tx: Connection, incident_id: int, stages: Collection[Stage], since: datetime) -> int:
    """How many in the list have not been told this since some time, alone or with all the others at once."""
    c, k = contacts.c, customers_table.c
    said = and_(
        c.incident_id == incident_id,
        c.stage.in_(list(stages)),
        c.at >= since,
        c.outcome.in_([Outcome.REACHED, Outcome.SENT]),
    )
    of_theirs = select(c.id).where(said, c.customer_id == k.id).exists()
    on_list = and_(k.incident_id == incident_id, k.removed_at.is_(None))
    listed = tx.execute(select(func.count()).where(on_list)).scalar_one()
    to_all = select(c.id).where(said, c.customer_id.is_(None), c.customers >= listed)
    if tx.execute(to_all.limit(1)).first() is not None:
        return 0
    return tx.execute(select(func.count()).where(on_list, ~of_theirs)).scalar_one()


def answered_since(tx: Connection, incident_id: int, since: datetime) -> set[int]:
    """The customers who have said yes or no to a temporary measure since some time."""
    question = select(contacts.c.customer_id).where(
        contacts.c.incident_id == incident_id,
        contacts.c.consent.is_not(None),
        contacts.c.customer_id.is_not(None),
        contacts.c.logged_at >= since,
    )
    return set(tx.execute(question).scalars())


def facts_of(tx: Connection, incident_id: int) -> dict[str, tuple[str, datetime]]:
    """What people have filled in for the scripts of an incident, and when, by the fact's name."""
    cipher = cipher_of(tx)
    question = select(script_facts).where(script_facts.c.incident_id == incident_id)
    return {row.name: (cipher.open(row.words), row.at) for row in tx.execute(question)}


def set_facts(tx: Connection, incident_id: int, facts: Mapping[str, str], by: str, now: datetime) -> None:
    """What the scripts are to say from now on; what is not named stays."""
    cipher = cipher_of(tx)
    rows = [
        {"incident_id": incident_id, "name": name, "words": cipher.seal(words), "by": by, "at": now}
        for name, words in facts.items()
    ]
    if rows:
        statement = upsert(tx, script_facts)
        tx.execute(
            statement.on_conflict_do_update(
                index_elements=["incident_id", "name"],
                set_={name: statement.excluded[name] for name in ("words", "by", "at")},
            ),
            rows,
        )


def _contact(row: Row[Any], cipher: Cipher) -> Contact:
    return Contact(
        row.id,
        row.incident_id,
        row.by,
        row.at,
        ContactChannel(row.channel),
        cipher.open(row.customer),
        cipher.open(row.said),
        cipher.open(row.answer),
        row.customer_id,
        row.customers,
        row.logged_at,
        Outcome(row.outcome),
        Stage(row.stage) if row.stage else None,
        CustomerLanguage(row.language) if row.language else None,
        Emotion(row.emotion) if row.emotion else None,
        cipher.open(row.promise),
        row.promised_until,
        Consent(row.consent) if row.consent else None,
        cipher.open(row.measure),
    )

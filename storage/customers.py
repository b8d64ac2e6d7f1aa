"""The customers of an incident: who they are, sealed, and what became of each (domain.md section 6)."""

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Row,
    Select,
    and_,
    bindparam,
    case,
    func,
    insert,
    or_,
    select,
    true,
    update,
)

from bot.confidential import known_by
from bot.incident import (
    Counts,
    Customer,
    CustomerLanguage,
    Emotion,
    Incident,
    Listed,
    Outcome,
    Tier,
)
from bot.lists import plain
from storage.encryption import Cipher, cipher_of
from storage.tables import customers

URGENT_TIERS = (Tier.IMPORTANT, Tier.VIP)
URGENT_EMOTIONS = (Emotion.FURIOUS, Emotion.ANGRY)
TRIED_JUST_NOW = timedelta(minutes=10)  # who has not answered lets the others go first for so long
UNANSWERED = (Outcome.NO_ANSWER, Outcome.BUSY)

_on_list = customers.c.removed_at.is_(None)
_unheard = customers.c.first_heard_at.is_(None)
_urgent = or_(customers.c.tier.in_(URGENT_TIERS), customers.c.emotion.in_(URGENT_EMOTIONS))


class Which(StrEnum):
    """A part of the list."""

    ALL = "all"
    UNHEARD = "unheard"
    NO_ANSWER = "no_answer"
    WRONG_NUMBER = "wrong_number"
    DUE = "due"
    REMOVED = "removed"


@dataclass(frozen=True)
class Page:
    """A part of the list as it is shown, and how many there are in all."""

    shown: Sequence[Listed]
    count: int


ADD = insert(customers)


def add(
    tx: Connection,
    incident_id: int,
    added: Sequence[Customer],
    by: str,
    now: datetime,
    emotion: Emotion | None = None,
) -> None:
    """More customers of an incident, sealed. Who is in the list already is the caller's to see."""
    cipher = cipher_of(tx)
    rows = [
        {
            "incident_id": incident_id,
            "name": cipher.seal(customer.name),
            "number": cipher.seal(customer.number),
            "contact": cipher.seal(customer.contact),
            "tier": customer.tier,
            "language": customer.language,
            "added_at": now,
            "added_by": by,
            "emotion": emotion,
        }
        for customer in added
    ]
    if rows:
        tx.execute(ADD, rows)


def fill(tx: Connection, known: Mapping[int, Customer]) -> None:
    """More is known about customers, by their id: what was missing is there now."""
    cipher, c = cipher_of(tx), customers.c
    rows = [
        {
            "of": customer_id,
            "new_number": cipher.seal(customer.number),
            "new_contact": cipher.seal(customer.contact),
            "new_tier": customer.tier,
            "new_language": customer.language,
        }
        for customer_id, customer in known.items()
    ]
    if rows:
        new: dict[str, Any] = {name: bindparam(f"new_{name}") for name in ("number", "contact", "tier", "language")}
        tx.execute(update(customers).where(c.id == bindparam("of")).values(**new), rows)


def first_id(tx: Connection, incident_id: int) -> int | None:
    """The number of the customer who was reported first."""
    question = select(func.min(customers.c.id)).where(customers.c.incident_id == incident_id)
    return tx.execute(question).scalar_one_or_none()


def matching(tx: Connection, is_wanted: Callable[[Customer], bool], batch: int = 1000) -> list[Listed]:
    """The customers of all incidents whom somebody looks for. Each is opened, so it takes a while. Confidential."""
    cipher, found, last = cipher_of(tx), [], 0
    while True:
        question = select(customers).where(customers.c.id > last).order_by(customers.c.id).limit(batch)
        rows = tx.execute(question).all()
        found += [_listed(row, cipher) for row in rows if is_wanted(_customer(row, cipher))]
        if len(rows) < batch:
            return found
        last = rows[-1].id


ALL = 10**9
FIRST_FEW = (
    select(customers)
    .where(customers.c.incident_id == bindparam("incident"))
    .order_by(customers.c.id)
    .limit(bindparam("limit", type_=Integer))
)


def first_few(tx: Connection, incident_id: int, limit: int | None = 10) -> list[Customer]:
    """Who was put on the list first, as reported, all of them if `limit` is None: each is opened. Confidential."""
    cipher = cipher_of(tx)
    found = tx.execute(FIRST_FEW, {"incident": incident_id, "limit": ALL if limit is None else limit})
    return [_customer(row, cipher) for row in found]


NAMES = (
    select(customers.c.name, customers.c.number, customers.c.contact)
    .where(customers.c.incident_id == bindparam("incident"))
    .order_by(customers.c.id)
    .limit(bindparam("limit", type_=Integer))
)


def state_of_names(tx: Connection, incident_id: int, limit: int) -> str:
    """Tells one state of the first so many names from another, without opening any."""
    digest = hashlib.sha256()
    for row in tx.execute(NAMES, {"incident": incident_id, "limit": limit}):
        digest.update("\n".join(row).encode())
    return digest.hexdigest()


def names_of(tx: Connection, incident_id: int, limit: int | None = 10) -> list[str]:
    """By what the customers are known, of the first few unless `limit` is None. Confidential."""
    return [name for customer in first_few(tx, incident_id, limit) for name in known_by(customer)]


def get(tx: Connection, incident_id: int, customer_id: int) -> Listed | None:
    """One of an incident's customers; None when there is none by this number in it. Confidential."""
    question = select(customers).where(customers.c.id == customer_id, customers.c.incident_id == incident_id)
    row = tx.execute(question).one_or_none()
    return _listed(row, cipher_of(tx)) if row else None


def incident_of(tx: Connection, customer_id: int) -> int:
    """The incident in whose list a customer stands. Raises sqlalchemy.exc.NoResultFound when there is none."""
    return int(tx.execute(select(customers.c.incident_id).where(customers.c.id == customer_id)).scalar_one())


def change(tx: Connection, customer_id: int, customer: Customer) -> None:
    """Who they are is corrected. A new way to reach them undoes what was wrong about the old one."""
    cipher = cipher_of(tx)
    was = tx.execute(select(customers).where(customers.c.id == customer_id)).one()
    tx.execute(
        update(customers)
        .where(customers.c.id == customer_id)
        .values(
            name=cipher.seal(customer.name),
            number=cipher.seal(customer.number),
            contact=cipher.seal(customer.contact),
            tier=customer.tier,
            language=customer.language,
        )
    )
    if was.outcome == Outcome.WRONG_NUMBER and cipher.open(was.contact) != customer.contact:
        tx.execute(update(customers).where(customers.c.id == customer_id).values(outcome=None))


def remove(tx: Connection, customer_id: int, by: str, reason: str, now: datetime) -> None:
    """Off the list, with the reason; what was said to them stays on record."""
    values = {"removed_at": now, "removed_by": by, "removal_reason": reason}
    tx.execute(update(customers).where(customers.c.id == customer_id).values(**values))


def put_back(tx: Connection, customer_id: int) -> None:
    """On the list again."""
    values = {"removed_at": None, "removed_by": None, "removal_reason": ""}
    tx.execute(update(customers).where(customers.c.id == customer_id).values(**values))


def _counting() -> Any:
    c = customers.c
    return select(
        func.count().label("listed"),
        func.count(c.first_heard_at).label("heard"),
        func.count(case((and_(_unheard, c.outcome.in_(UNANSWERED)), 1))).label("no_answer"),
        func.count(case((and_(_unheard, c.outcome == Outcome.WRONG_NUMBER), 1))).label("wrong_number"),
        func.count(case((and_(_unheard, _urgent), 1))).label("urgent"),
        func.min(c.heard_at, type_=c.heard_at.type).label("oldest_heard_at"),
        func.max(c.heard_at, type_=c.heard_at.type).label("newest_heard_at"),
        func.max(c.first_heard_at, type_=c.first_heard_at.type).label("newest_first_heard_at"),
    ).where(c.incident_id == bindparam("incident"), _on_list)


# Put together once: that costs more than asking it.
COUNTS = _counting()
TAKEN_OFF = select(func.count()).where(
    customers.c.incident_id == bindparam("incident"), customers.c.removed_by.is_not(None)
)


def counts(tx: Connection, incident: Incident) -> Counts:
    """How far they have heard: one look, however many there are."""
    row = tx.execute(COUNTS, {"incident": incident.id}).one()
    # Somebody has taken them off; who was erased at their own wish is counted on.
    is_fewer = incident.customers_affected > row.listed
    off = tx.execute(TAKEN_OFF, {"incident": incident.id}).scalar_one() if is_fewer else 0
    others = max(incident.customers_affected - row.listed - off, 0)
    others_heard = min(incident.others_heard, others)
    return Counts(
        total=row.listed + others,
        listed=row.listed,
        heard=row.heard + others_heard,
        no_answer=row.no_answer,
        wrong_number=row.wrong_number,
        urgent=row.urgent,
        oldest_heard_at=row.oldest_heard_at,
        newest_heard_at=row.newest_heard_at,
        newest_first_heard_at=row.newest_first_heard_at,
        nameless=others - others_heard,
    )


def unheard_since(tx: Connection, incident_id: int, since: datetime) -> int:
    """How many in the list have not heard from us since some time."""
    c = customers.c
    question = select(func.count()).where(
        c.incident_id == incident_id, _on_list, or_(c.heard_at.is_(None), c.heard_at < since)
    )
    return tx.execute(question).scalar_one()


def hold(tx: Connection, incident_id: int, customer_id: int | None, by: str, until: datetime) -> None:
    """Somebody has a customer in hand, and nobody else of the incident's: meanwhile others are offered the next one."""
    c = customers.c
    mine = update(customers).where(c.incident_id == incident_id, c.held_by == by)
    tx.execute(mine.values(held_by=None, held_until=None))
    if customer_id is not None:
        tx.execute(update(customers).where(c.id == customer_id).values(held_by=by, held_until=until))


def next_to_contact(tx: Connection, incident_id: int, now: datetime, by: str = "") -> Listed | None:
    """Whose turn it is: who has heard nothing stands before who has heard, the urgent before the others; then who has
    waited longest. Who asked to be called later, has a wrong number, or is in the hands of somebody other than `by`,
    only when nobody else is left. Confidential."""
    # Its number first: among thousands nothing sealed is read for it, and who has heard is put in order only when
    # everybody has.
    for part in (_unheard, None):
        question = _in_turn(incident_id, now, part, by=by).with_only_columns(customers.c.id).limit(1)
        whose = tx.execute(question).scalar_one_or_none()
        if whose is not None:
            return get(tx, incident_id, whose)
    return None


def in_turn(tx: Connection, incident_id: int, now: datetime, limit: int, words: str = "", by: str = "") -> list[Listed]:
    """Customers in the order in which it is their turn; with `words`, those whose name, number or contact has them.
    Confidential."""
    return list(_found(tx, _in_turn(incident_id, now, by=by), words, limit))


def page(
    tx: Connection,
    incident_id: int,
    which: Which,
    now: datetime,
    due_before: datetime,
    offset: int,
    limit: int,
    words: str = "",
) -> Page:
    """A page of one part of the list, in the order of turns. `due_before`: an update is due to who last heard before.
    Confidential."""
    question = _in_turn(incident_id, now, _part(which, due_before), on_list=which is not Which.REMOVED)
    if words.strip():
        found = list(_found(tx, question, words, None))
        return Page(found[offset : offset + limit], len(found))
    count = tx.execute(select(func.count()).select_from(question.order_by(None).subquery())).scalar_one()
    cipher = cipher_of(tx)
    return Page([_listed(row, cipher) for row in tx.execute(question.limit(limit).offset(offset))], count)


def all_of(tx: Connection, incident_id: int) -> list[Listed]:
    """The whole list, in the order in which they were added. Confidential."""
    cipher = cipher_of(tx)
    question = select(customers).where(customers.c.incident_id == incident_id).order_by(customers.c.id)
    return [_listed(row, cipher) for row in tx.execute(question)]


def count_all(tx: Connection, incident_id: int) -> int:
    """How many customers an incident has ever had in its list, with those who were taken off."""
    return tx.execute(select(func.count()).where(customers.c.incident_id == incident_id)).scalar_one()


def ids_of(tx: Connection, incident_id: int, unheard_only: bool) -> list[int]:
    """The customers in the list; `unheard_only`: those who have heard nothing yet."""
    question = select(customers.c.id).where(customers.c.incident_id == incident_id, _on_list)
    return list(tx.execute(question.where(_unheard) if unheard_only else question).scalars())


def counted_ids(tx: Connection, incident_id: int) -> list[int]:
    """Who is or was in the list, without those whom somebody has taken off: they were not affected."""
    c = customers.c
    return list(tx.execute(select(c.id).where(c.incident_id == incident_id, c.removed_by.is_(None))).scalars())


def set_tried(
    tx: Connection,
    customer_ids: Collection[int],
    outcome: Outcome,
    by: str,
    at: datetime,
    emotion: Emotion | None = None,
    retry_at: datetime | None = None,
) -> None:
    """Somebody has called or written. An earlier try that is logged later changes only what is counted."""
    c = customers.c
    for part in _parts(customer_ids):
        statement = update(customers).where(c.id.in_(part))
        tx.execute(statement.values(tries=c.tries + 1))
        latest = or_(c.tried_at.is_(None), c.tried_at <= at)
        values: dict[str, Any] = {"outcome": outcome, "tried_at": at, "retry_at": retry_at}
        if emotion is not None:
            values["emotion"] = emotion
        tx.execute(statement.where(latest).values(**values))
        if outcome.is_heard:
            first = or_(c.first_heard_at.is_(None), c.first_heard_at > at)
            tx.execute(statement.where(first).values(first_heard_at=at))
            tx.execute(statement.where(or_(c.heard_at.is_(None), c.heard_at <= at)).values(heard_at=at, heard_by=by))


def gravest_emotion(tx: Connection, incident_id: int) -> Emotion | None:
    """How the angriest customer in the list sounded last."""
    c = customers.c
    question = select(c.emotion).where(c.incident_id == incident_id, _on_list, c.emotion.is_not(None)).distinct()
    found = [Emotion(word) for word in tx.execute(question).scalars()]
    return max(found, key=[*Emotion].index, default=None)


def _in_turn(
    incident_id: int, now: datetime, part: ColumnElement[bool] | None = None, on_list: bool = True, by: str = ""
) -> Select[Any]:
    c = customers.c
    waits = or_(
        c.outcome == Outcome.WRONG_NUMBER,
        and_(_unheard, c.outcome.in_(UNANSWERED), c.tried_at > now - TRIED_JUST_NOW),
        and_(c.retry_at.is_not(None), c.retry_at > now),
        and_(c.held_until.is_not(None), c.held_until > now, c.held_by != by),
    )
    question = select(customers).where(c.incident_id == incident_id, true() if part is None else part)
    return question.where(_on_list if on_list else c.removed_at.is_not(None)).order_by(
        case((and_(waits, _unheard), 1), (waits, 3), (_unheard, 0), else_=2),
        case((_urgent, 0), else_=1),
        case((c.heard_at.is_(None), 0), else_=1),
        c.heard_at,
        c.tries,
        c.id,
    )


def _part(which: Which, due_before: datetime) -> ColumnElement[bool]:
    c = customers.c
    return {
        Which.ALL: true(),
        Which.UNHEARD: _unheard,
        Which.NO_ANSWER: c.outcome.in_(UNANSWERED),
        Which.WRONG_NUMBER: c.outcome == Outcome.WRONG_NUMBER,
        Which.DUE: c.heard_at <= due_before,
        Which.REMOVED: true(),
    }[which]


def _found(tx: Connection, question: Select[Any], words: str, limit: int | None) -> Iterator[Listed]:
    """What is sealed can't be looked for in the database: each row is opened, until enough are found."""
    cipher, wanted = cipher_of(tx), plain(words)
    count = 0
    for row in tx.execute(question if wanted or limit is None else question.limit(limit)):
        listed = _listed(row, cipher)
        who = listed.customer
        if wanted and not any(wanted in plain(each) for each in (who.name, who.number, who.contact)):
            continue
        yield listed
        count += 1
        if count == limit:
            return


def _parts(ids: Collection[int], size: int = 1000) -> Iterator[list[int]]:
    """Few parameters in one statement."""
    every = list(ids)
    for start in range(0, len(every), size):
        yield every[start : start + size]


def _listed(row: Row[Any], cipher: Cipher) -> Listed:
    return Listed(
        row.id,
        row.incident_id,
        _customer(row, cipher),
        Emotion(row.emotion) if row.emotion else None,
        Outcome(row.outcome) if row.outcome else None,
        row.tried_at,
        row.tries,
        row.first_heard_at,
        row.heard_at,
        row.heard_by,
        row.retry_at,
        row.held_by,
        row.held_until,
        row.removed_at,
        row.removed_by,
        row.removal_reason,
    )


def _customer(row: Row[Any], cipher: Cipher) -> Customer:
    return Customer(
        name=cipher.open(row.name),
        number=cipher.open(row.number),
        contact=cipher.open(row.contact),
        tier=Tier(row.tier) if row.tier else None,
        language=CustomerLanguage(row.language) if row.language else None,
    )

"""What customers say of the solution, and how satisfied they are. Their words are sealed."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select

from bot.closing import Answer, Confirmation, Proof, Rating
from storage.encryption import cipher_of
from storage.tables import as_dict, confirmations, ratings

ANSWERS = (
    select(
        confirmations.c.id,
        confirmations.c.by,
        confirmations.c.logged_at,
        confirmations.c.customer_id,
        confirmations.c.customers,
        confirmations.c.is_satisfied,
    )
    .where(confirmations.c.incident_id == bindparam("incident"), confirmations.c.round == bindparam("round"))
    .order_by(confirmations.c.id)
)
SCORES = (
    select(
        ratings.c.id,
        ratings.c.incident_id,
        ratings.c.round,
        ratings.c.by,
        ratings.c.at,
        ratings.c.score,
        ratings.c.customer_id,
    )
    .where(ratings.c.incident_id == bindparam("incident"), ratings.c.round == bindparam("round"))
    .order_by(ratings.c.id)
)


def was_saved(tx: Connection, form_key: str) -> bool:
    """Whether this form was submitted before."""
    return tx.execute(select(confirmations.c.id).where(confirmations.c.form_key == form_key)).first() is not None


def save(tx: Connection, form_key: str, said: Confirmation) -> Confirmation:
    """Keeps it; its own `id` does not count. Returns it with its number.

    Raises sqlalchemy.exc.IntegrityError when it was saved by this form already, by whichever replica.
    """
    values = {name: value for name, value in asdict(said).items() if name != "id"}
    values["words"] = cipher_of(tx).seal(said.words)
    row = tx.execute(insert(confirmations).values(**values, form_key=form_key).returning(confirmations)).one()
    return _confirmation(tx, row)


def of_incident(tx: Connection, incident_id: int) -> list[Confirmation]:
    """All of an incident, in all its rounds, oldest first."""
    question = select(confirmations).where(confirmations.c.incident_id == incident_id).order_by(confirmations.c.id)
    return [_confirmation(tx, row) for row in tx.execute(question)]


def proof_files(tx: Connection, incident_id: int) -> list[str]:
    """Slack's ids of the files that customers' answers were proved with, oldest first; nothing is unsealed."""
    c = confirmations.c
    question = select(c.ref).where(c.incident_id == incident_id, c.ref != "", c.ref.not_like("%:%")).order_by(c.id)
    return list(tx.execute(question).scalars())


def answers(tx: Connection, incident_id: int, in_round: int) -> list[Answer]:
    """What counts of those of one round, oldest first: nothing sealed is opened for it."""
    return [Answer(*row) for row in tx.execute(ANSWERS, {"incident": incident_id, "round": in_round})]


def was_rated(tx: Connection, form_key: str) -> bool:
    """Whether this form was submitted before."""
    return tx.execute(select(ratings.c.id).where(ratings.c.form_key == form_key)).first() is not None


def rate(tx: Connection, form_key: str, rating: Rating) -> Rating:
    """Keeps how satisfied somebody is; its own `id` does not count. Returns it with its number.

    Raises sqlalchemy.exc.IntegrityError when it was saved by this form already, by whichever replica.
    """
    values = {name: value for name, value in asdict(rating).items() if name != "id"}
    values["comment"] = cipher_of(tx).seal(rating.comment)
    return _rating(tx, tx.execute(insert(ratings).values(**values, form_key=form_key).returning(ratings)).one())


def ratings_of(tx: Connection, incident_id: int) -> list[Rating]:
    """All of an incident, in all its rounds, oldest first."""
    question = select(ratings).where(ratings.c.incident_id == incident_id).order_by(ratings.c.id)
    return [_rating(tx, row) for row in tx.execute(question)]


def scores(tx: Connection, incident_id: int, in_round: int) -> list[Rating]:
    """Those of one round, oldest first, without what was said: nothing sealed is opened for it."""
    return [Rating(*row) for row in tx.execute(SCORES, {"incident": incident_id, "round": in_round})]


def _confirmation(tx: Connection, row: Row[Any]) -> Confirmation:
    said = as_dict(row)
    del said["form_key"]
    said["proof"] = Proof(said["proof"])
    said["words"] = cipher_of(tx).open(said["words"])
    return Confirmation(**said)


def _rating(tx: Connection, row: Row[Any]) -> Rating:
    said = as_dict(row)
    del said["form_key"]
    said["comment"] = cipher_of(tx).open(said["comment"])
    return Rating(**said)

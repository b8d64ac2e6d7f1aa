"""What is said in public, and who has approved it. A statement's words never change: other words are another one."""

from collections.abc import Collection
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, String, and_, insert, literal, or_, select, update

from bot.incident import ContactChannel, CustomerLanguage, Role, Statement
from storage.incidents import IS_OPEN
from storage.tables import as_dict, incidents, statements

NEW_VERSION = "instead_of:"  # a new version's form_key: there is one, whoever writes it and however often it arrives


def key_of(form_key: str, instead_of: int = 0) -> str:
    """By what a statement is saved once: its form, or the statement that it replaces."""
    return f"{NEW_VERSION}{instead_of}" if instead_of else form_key


def was_saved(tx: Connection, key: str) -> Statement | None:
    """The statement that was saved by this key, if there is one."""
    return _one(tx.execute(select(statements).where(statements.c.form_key == key)).one_or_none())


def save(tx: Connection, key: str, statement: Statement) -> Statement:
    """Keeps a new statement; its own `id` does not count. Returns it with its number.

    Raises sqlalchemy.exc.IntegrityError when one was saved by this key already, by whichever replica.
    """
    values = {name: value for name, value in asdict(statement).items() if name != "id"}
    row = tx.execute(insert(statements).values(**values, form_key=key).returning(statements)).one()
    return _statement(row)


def get(tx: Connection, statement_id: int) -> Statement:
    """One statement. Raises sqlalchemy.exc.NoResultFound when there is none."""
    return _statement(tx.execute(select(statements).where(statements.c.id == statement_id)).one())


def of_incident(tx: Connection, incident_id: int) -> list[Statement]:
    """The statements of an incident, those that were refused too, oldest first."""
    question = select(statements).where(statements.c.incident_id == incident_id).order_by(statements.c.id)
    return [_statement(row) for row in tx.execute(question)]


def approved(tx: Connection, incident_id: int) -> Statement | None:
    """The latest statement that may go out, or is out; None when legal and PR have approved none."""
    return next((each for each in reversed(of_incident(tx, incident_id)) if each.is_approved), None)


def version_after(tx: Connection, statement_id: int) -> Statement | None:
    """What was written in place of a statement in which changes were asked for."""
    return was_saved(tx, key_of("", statement_id))


def unfinished(tx: Connection, user_id: str, limit: int) -> list[Statement]:
    """The statements of open incidents that may wait for somebody, latest first: theirs in which changes were asked for
    and that have no new version, those that they may say are out, and all that wait for an approval."""
    c = statements.c
    waits = or_(c.legal_at.is_(None), c.pr_at.is_(None))
    question = (
        select(statements)
        .join(incidents)
        .where(IS_OPEN, c.published_at.is_(None))
        .where(
            or_(
                and_(c.refused_at.is_not(None), c.by == user_id, ~_has_new_version()),
                and_(c.refused_at.is_(None), or_(waits, c.by == user_id, c.pr_by == user_id)),
            )
        )
        .order_by(c.id.desc())
        .limit(limit)
    )
    return [_statement(row) for row in tx.execute(question)]


def approve(tx: Connection, statement_id: int, roles: Collection[Role], by: str, now: datetime) -> None:
    """Somebody approves it, for one role or for both."""
    values: dict[str, Any] = {}
    for role in roles:
        values |= {f"{role}_by": by, f"{role}_at": now}
    tx.execute(update(statements).where(statements.c.id == statement_id).values(**values))


def refuse(tx: Connection, statement_id: int, by: str, reason: str, now: datetime) -> None:
    """Changes are asked for: it can't go out any more."""
    values = {"refused_by": by, "refused_at": now, "reason": reason}
    tx.execute(update(statements).where(statements.c.id == statement_id).values(**values))


def set_published(tx: Connection, statement_id: int, by: str, at: datetime) -> None:
    """It is out since `at`."""
    tx.execute(update(statements).where(statements.c.id == statement_id).values(published_by=by, published_at=at))


def _has_new_version() -> Any:
    newer = statements.alias("newer")
    return select(newer.c.id).where(newer.c.form_key == literal(NEW_VERSION) + statements.c.id.cast(String)).exists()


def _one(row: Row[Any] | None) -> Statement | None:
    return _statement(row) if row else None


def _statement(row: Row[Any]) -> Statement:
    said = as_dict(row)
    del said["form_key"]
    said["channel"], said["language"] = ContactChannel(said["channel"]), CustomerLanguage(said["language"])
    return Statement(**said)

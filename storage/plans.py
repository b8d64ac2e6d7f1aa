"""The plans of an incident, in versions. A plan's words never change: other words are another version."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, insert, or_, select, text, update

from bot.incident import Money, Status
from bot.plan import Plan
from storage.incidents import IS_OPEN
from storage.tables import as_dict, incidents, plans

UNSOLVED = [status for status in Status if status.is_unsolved]
OF_INCIDENT = select(plans).where(plans.c.incident_id == bindparam("incident")).order_by(plans.c.version)


def was_saved(tx: Connection, form_key: str) -> Plan | None:
    """The plan that this form became, if it was submitted before."""
    row = tx.execute(select(plans).where(plans.c.form_key == form_key)).one_or_none()
    return _plan(row) if row else None


def save(tx: Connection, form_key: str, plan: Plan) -> Plan:
    """Keeps a new version; its own `id` does not count. Returns it with its number. The incident is locked.

    Raises sqlalchemy.exc.IntegrityError when one was saved by this form already, by whichever replica.
    """
    values = {name: value for name, value in asdict(plan).items() if name not in ("id", "compensation")}
    money = plan.compensation
    values |= {
        "compensation_minor": money.minor if money else None,
        "compensation_currency": money.currency if money else None,
    }
    return _plan(tx.execute(insert(plans).values(**values, form_key=form_key).returning(plans)).one())


def get(tx: Connection, plan_id: int) -> Plan:
    """One plan. Raises sqlalchemy.exc.NoResultFound when there is none."""
    return _plan(tx.execute(select(plans).where(plans.c.id == plan_id)).one())


def of_incident(tx: Connection, incident_id: int) -> list[Plan]:
    """The versions of an incident's plan, those that were refused too, oldest first."""
    return [_plan(row) for row in tx.execute(OF_INCIDENT, {"incident": incident_id})]


def unfinished(tx: Connection, user_id: str, limit: int) -> list[Plan]:
    """The latest versions of unsolved incidents that wait for a decision, and those of this person that were refused;
    latest first."""
    c, newer = plans.c, plans.alias("newer")
    has_newer = select(newer.c.id).where(newer.c.incident_id == c.incident_id, newer.c.version > c.version).exists()
    question = (
        select(plans)
        .join(incidents)
        # The first two in the words of the indexes: what was approved or is over waits for nobody, however much it is.
        .where(
            text("plans.approved_at is null"),
            c.incident_id.in_(select(incidents.c.id).where(IS_OPEN, incidents.c.status.in_(UNSOLVED))),
            incidents.c.round == c.round,
            ~has_newer,
        )
        .where(or_(c.refused_at.is_(None), and_(c.refused_at.is_not(None), c.by == user_id)))
        .order_by(c.id.desc())
        .limit(limit)
    )
    return [_plan(row) for row in tx.execute(question)]


def approve(tx: Connection, plan_id: int, by: str, now: datetime) -> None:
    """It is what is done."""
    tx.execute(update(plans).where(plans.c.id == plan_id).values(approved_by=by, approved_at=now))


def refuse(tx: Connection, plan_id: int, by: str, reason: str, now: datetime) -> None:
    """A new version is asked for."""
    tx.execute(update(plans).where(plans.c.id == plan_id).values(refused_by=by, refused_at=now, reason=reason))


def _plan(row: Row[Any]) -> Plan:
    said = as_dict(row)
    del said["form_key"]
    minor, currency = said.pop("compensation_minor"), said.pop("compensation_currency")
    return Plan(**said, compensation=Money(minor, currency) if currency else None)

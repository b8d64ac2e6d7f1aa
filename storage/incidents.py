"""Incidents, their customer, evidence and people."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, insert, or_, select, update

from bot.incident import (
    Customer,
    CustomerLanguage,
    Emotion,
    Evidence,
    Incident,
    Report,
    Severity,
    Source,
    Status,
    Tier,
    Urgency,
)
from storage.db import upsert
from storage.encryption import cipher_of
from storage.tables import as_dict, customers, evidence, incidents, participants


def create(
    tx: Connection,
    report_key: str,
    report: Report,
    title: str,
    reporter_id: str,
    severity: Severity,
    is_private: bool,
    now: datetime,
) -> Incident:
    """Remembers a report as a new incident.

    Raises sqlalchemy.exc.IntegrityError when this report was remembered already, by whichever replica.
    """
    said = {
        name: value
        for name, value in asdict(report).items()
        if name in incidents.c and name not in ("customer", "evidence")
    }
    incident_id = tx.execute(
        insert(incidents)
        .values(
            **said,
            report_key=report_key,
            status=Status.REPORTED,
            title=title,
            proposed_severity=int(severity),
            reporter_id=reporter_id,
            is_private=is_private,
            reported_at=now,
        )
        .returning(incidents.c.id)
    ).scalar_one()
    cipher, customer = cipher_of(tx), report.customer
    tx.execute(
        insert(customers).values(
            incident_id=incident_id,
            name=cipher.seal(customer.name),
            number=cipher.seal(customer.number),
            contact=cipher.seal(customer.contact),
            tier=customer.tier,
            language=customer.language,
        )
    )
    if report.evidence:
        tx.execute(insert(evidence), [{"incident_id": incident_id, **asdict(item)} for item in report.evidence])
    return get(tx, incident_id)


def get(tx: Connection, incident_id: int, lock: bool = False) -> Incident:
    """The incident; with `lock`, nobody else changes it until this transaction ends.

    Raises sqlalchemy.exc.NoResultFound when there is none with this number.
    """
    question = select(incidents).where(incidents.c.id == incident_id)
    # NO KEY UPDATE on PostgreSQL: rows that only refer to the incident (the clock's messages) don't wait for it.
    return _incident(tx.execute(question.with_for_update(key_share=True) if lock else question).one())


def reported_as(tx: Connection, report_key: str) -> Incident | None:
    """The incident that this form became, if it was submitted before."""
    return _one(tx, select(incidents).where(incidents.c.report_key == report_key))


def in_channel(tx: Connection, channel_id: str) -> Incident | None:
    """The incident whose channel this is."""
    return _one(tx, select(incidents).where(incidents.c.channel_id == channel_id))


def still_open(tx: Connection, user_id: str, limit: int) -> list[Incident]:
    """Open incidents that somebody may know of, latest first, at most `limit`."""
    question = (
        select(incidents).where(_open_for(user_id)).order_by(incidents.c.reported_at.desc(), incidents.c.id.desc())
    )
    return [_incident(row) for row in tx.execute(question.limit(limit))]


def count_open_for(tx: Connection, user_id: str) -> int:
    """How many open incidents somebody may know of."""
    return tx.execute(select(func.count()).select_from(incidents).where(_open_for(user_id))).scalar_one()


def _open_for(user_id: str) -> ColumnElement[bool]:
    mine = select(participants.c.incident_id).where(participants.c.user_id == user_id)
    return and_(
        incidents.c.status != Status.DISMISSED,
        or_(incidents.c.is_private.is_(False), incidents.c.reporter_id == user_id, incidents.c.id.in_(mine)),
    )


def has_channel(tx: Connection, channel_id: str) -> bool:
    """Whether a channel belongs to an incident."""
    return tx.execute(select(incidents.c.id).where(incidents.c.channel_id == channel_id)).first() is not None


def set_channel(tx: Connection, incident_id: int, channel_id: str, name: str) -> None:
    """Remembers the channel that was made for an incident."""
    _set(tx, incident_id, channel_id=channel_id, channel_name=name)


def set_verified(tx: Connection, incident_id: int, by: str, now: datetime) -> None:
    """The report holds."""
    _set(tx, incident_id, status=Status.VERIFIED, verified_at=now, verified_by=by)


def set_dismissed(tx: Connection, incident_id: int, by: str, reason: str, now: datetime) -> None:
    """It is not an emergency; it stays on record with the reason."""
    _set(tx, incident_id, status=Status.DISMISSED, dismissed_at=now, dismissed_by=by, dismissal_reason=reason)


def set_archived(tx: Connection, incident_id: int, now: datetime) -> None:
    """Its channel is archived."""
    _set(tx, incident_id, archived_at=now)


def customer_of(tx: Connection, incident_id: int) -> Customer:
    """The customer as reported, opened with the installation's key. Confidential."""
    row = tx.execute(
        select(customers).where(customers.c.incident_id == incident_id).order_by(customers.c.id).limit(1)
    ).one()
    cipher = cipher_of(tx)
    return Customer(
        name=cipher.open(row.name),
        number=cipher.open(row.number),
        contact=cipher.open(row.contact),
        tier=Tier(row.tier) if row.tier else None,
        language=CustomerLanguage(row.language) if row.language else None,
    )


def evidence_of(tx: Connection, incident_id: int) -> list[Evidence]:
    """What was attached, oldest first."""
    question = select(evidence).where(evidence.c.incident_id == incident_id).order_by(evidence.c.id)
    return [Evidence(row.kind, row.ref, row.name, row.url) for row in tx.execute(question)]


def set_evidence_url(tx: Connection, incident_id: int, ref: str, url: str) -> None:
    """Adds the address of a message that was kept as evidence."""
    tx.execute(update(evidence).where(evidence.c.incident_id == incident_id, evidence.c.ref == ref).values(url=url))


def add_participants(tx: Connection, incident_id: int, user_ids: Iterable[str]) -> None:
    """People who are to be in the channel; who is there already stays as they are."""
    rows = [{"incident_id": incident_id, "user_id": user_id} for user_id in dict.fromkeys(user_ids)]
    if rows:
        tx.execute(upsert(tx, participants).on_conflict_do_nothing(), rows)


def participants_of(tx: Connection, incident_id: int) -> list[str]:
    """Everybody who is or was to be in the channel, in the order in which they were added."""
    question = select(participants.c.user_id).where(participants.c.incident_id == incident_id)
    return list(tx.execute(question.order_by(participants.c.id)).scalars())


def not_yet_invited(tx: Connection, incident_id: int) -> list[str]:
    """Who is still to be invited, in the order in which they were added."""
    question = select(participants.c.user_id).where(
        participants.c.incident_id == incident_id, participants.c.invited_at.is_(None), participants.c.refused.is_(None)
    )
    return list(tx.execute(question.order_by(participants.c.id)).scalars())


def set_invited(tx: Connection, incident_id: int, user_ids: Sequence[str], now: datetime) -> None:
    """They are in the channel."""
    tx.execute(_those(incident_id, user_ids).values(invited_at=now, refused=None))


def set_refused(tx: Connection, incident_id: int, user_ids: Sequence[str], error: str) -> None:
    """Slack would not let them in; `error` is Slack's word for why."""
    tx.execute(_those(incident_id, user_ids).values(refused=error))


def _those(incident_id: int, user_ids: Sequence[str]) -> Any:
    return update(participants).where(participants.c.incident_id == incident_id, participants.c.user_id.in_(user_ids))


def _set(tx: Connection, incident_id: int, **values: object) -> None:
    tx.execute(update(incidents).where(incidents.c.id == incident_id).values(**values))


def _one(tx: Connection, question: Select[Any]) -> Incident | None:
    row = tx.execute(question).one_or_none()
    return _incident(row) if row else None


def _incident(row: Row[Any]) -> Incident:
    said = as_dict(row)
    said["status"] = Status(said["status"])
    said["proposed_severity"] = Severity(said["proposed_severity"])
    for name, words in (("source", Source), ("urgency", Urgency), ("emotion", Emotion)):
        said[name] = words(said[name]) if said[name] else None
    return Incident(**said)

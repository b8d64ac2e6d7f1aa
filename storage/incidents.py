"""Incidents, their evidence and people."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Row,
    Select,
    and_,
    bindparam,
    func,
    insert,
    or_,
    select,
    text,
    union,
    update,
)

from bot.incident import (
    Complaint,
    Emotion,
    Evidence,
    HighRisk,
    Incident,
    Money,
    Publicity,
    Report,
    Role,
    Severity,
    Source,
    Status,
    Tier,
    Urgency,
    YesNo,
)
from storage import customers
from storage.db import upsert
from storage.tables import (
    as_dict,
    assignments,
    deadlines,
    evidence,
    gradings,
    incidents,
    notes,
    participants,
    plans,
    progress,
    ratings,
)

WORDS: dict[str, type[StrEnum]] = {
    "source": Source,
    "urgency": Urgency,
    "emotion": Emotion,
    "customer_tier": Tier,
    "publicity": Publicity,
    "high_risk": HighRisk,
    "complaint": Complaint,
    "business_stopped": YesNo,
}
IS_OPEN = text("incidents.status not in ('dismissed', 'closed')")  # in the words of the index, so that it is used
FACTS = (
    "core_down_since",
    "core_restored_at",
    "part_faulty_since",
    "part_restored_at",
    "publicity",
    "high_risk",
    "complaint",
    "emotion",
    "customer_tier",
    "business_stopped",
)


# What is asked all the time is put together once: that costs more than asking it.
ONE = select(incidents).where(incidents.c.id == bindparam("id"))
CHANNEL_OF = select(incidents.c.channel_id).where(incidents.c.id == bindparam("id"))
# NO KEY UPDATE on PostgreSQL: rows that only refer to the incident (the clock's messages) don't wait for it.
LOCKED = ONE.with_for_update(key_share=True)
EVIDENCE = select(evidence).where(evidence.c.incident_id == bindparam("incident")).order_by(evidence.c.id)
WHAT_IS_THERE = select(
    *(
        select(table.c.id).where(table.c.incident_id == bindparam("incident")).exists().label(table.name)
        for table in (evidence, notes, gradings, assignments, plans, progress, ratings)
    )
)
PARTICIPANTS = (
    select(participants.c.user_id)
    .where(participants.c.incident_id == bindparam("incident"))
    .order_by(participants.c.id)
)
SET = update(incidents).where(incidents.c.id == bindparam("of"))  # what is set goes with it
REPORT = insert(incidents).returning(incidents)
REPORTED_AS = select(incidents).where(incidents.c.report_key == bindparam("key"))
IN_CHANNEL = select(incidents).where(incidents.c.channel_id == bindparam("channel"))
NOT_INVITED = PARTICIPANTS.where(participants.c.invited_at.is_(None), participants.c.refused.is_(None))
INVITED = PARTICIPANTS.where(participants.c.invited_at.is_not(None))
REFUSED = PARTICIPANTS.where(participants.c.refused.is_not(None), participants.c.user_id == bindparam("user"))

ADDING: dict[str, Any] = {}  # participants, by database: put together once
THOSE = update(participants).where(
    participants.c.incident_id == bindparam("incident"), participants.c.user_id.in_(bindparam("users", expanding=True))
)


def create(
    tx: Connection,
    report_key: str,
    report: Report,
    title: str,
    reporter_id: str,
    severity: Severity,
    is_private: bool,
    kind: str,
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
    values = {
        **said,
        "report_key": report_key,
        "status": Status.REPORTED,
        "title": title,
        "proposed_severity": int(severity),
        "reporter_id": reporter_id,
        "is_private": is_private,
        "reported_at": now,
        "kind": kind,
        "customer_tier": report.customer.tier,
    }
    row = tx.execute(REPORT, values).one()
    incident = _incident(row)
    customers.add(tx, incident.id, [report.customer], reporter_id, now, report.emotion)
    if report.evidence:
        tx.execute(insert(evidence), [{"incident_id": incident.id, **asdict(item)} for item in report.evidence])
    return incident


def get(tx: Connection, incident_id: int, lock: bool = False) -> Incident:
    """The incident; with `lock`, nobody else changes it until this transaction ends.

    Raises sqlalchemy.exc.NoResultFound when there is none with this number.
    """
    return _incident(tx.execute(LOCKED if lock else ONE, {"id": incident_id}).one())


def channel_of(tx: Connection, incident_id: int) -> str | None:
    """The incident's channel, once it is open."""
    channel_id: str | None = tx.execute(CHANNEL_OF, {"id": incident_id}).scalar_one()
    return channel_id


def find(tx: Connection, incident_id: int) -> Incident | None:
    """The incident with this number, if there is one."""
    return _one(tx, ONE, id=incident_id)


def reported_as(tx: Connection, report_key: str) -> Incident | None:
    """The incident that this form became, if it was submitted before."""
    return _one(tx, REPORTED_AS, key=report_key)


def in_channel(tx: Connection, channel_id: str) -> Incident | None:
    """The incident whose channel this is."""
    return _one(tx, IN_CHANNEL, channel=channel_id)


def still_open(tx: Connection, user_id: str, limit: int, offset: int = 0) -> list[Incident]:
    """Open incidents that somebody may know of, latest first, at most `limit`, without the first `offset`."""
    question = (
        select(incidents).where(_open_for(user_id)).order_by(incidents.c.reported_at.desc(), incidents.c.id.desc())
    )
    return [_incident(row) for row in tx.execute(question.limit(limit).offset(offset))]


def open_since(tx: Connection, user_id: str, trigger: str, since: datetime, limit: int) -> list[Incident]:
    """Open incidents of one trigger since some time that somebody may know of, latest first, at most `limit`."""
    question = (
        select(incidents)
        .where(_open_for(user_id), incidents.c.trigger == trigger, incidents.c.reported_at >= since)
        .order_by(incidents.c.reported_at.desc(), incidents.c.id.desc())
    )
    return [_incident(row) for row in tx.execute(question.limit(limit))]


def count_open_for(tx: Connection, user_id: str) -> int:
    """How many open incidents somebody may know of."""
    return tx.execute(select(func.count()).select_from(incidents).where(_open_for(user_id))).scalar_one()


def _open_for(user_id: str) -> ColumnElement[bool]:
    # One look for each private incident: a list of everything that somebody takes part in grows for ever.
    takes_part = (
        select(participants.c.id)
        .where(participants.c.incident_id == incidents.c.id, participants.c.user_id == user_id)
        .exists()
    )
    return and_(IS_OPEN, or_(incidents.c.is_private.is_(False), incidents.c.reporter_id == user_id, takes_part))


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


def set_complaint(tx: Connection, incident_id: int, by: str, reason: str, now: datetime) -> None:
    """No emergency, but an ordinary complaint, which has clocks of its own."""
    _set(tx, incident_id, status=Status.COMPLAINT, dismissed_at=now, dismissed_by=by, dismissal_reason=reason)


def set_fixed(tx: Connection, incident_id: int, by: str, now: datetime) -> None:
    """It works again; the customers have still to say so."""
    _set(tx, incident_id, status=Status.FIXED, fixed_at=now, fixed_by=by, confirmed_at=None)


def set_not_fixed(tx: Connection, incident_id: int) -> None:
    """It was said too early that it works again; the round goes on."""
    _set(tx, incident_id, status=Status.VERIFIED, fixed_at=None, fixed_by=None, confirmed_at=None)


def set_confirmed(tx: Connection, incident_id: int, now: datetime) -> None:
    """Enough customers have said that it is solved."""
    _set(tx, incident_id, status=Status.CONFIRMED, confirmed_at=now)


def set_closed(tx: Connection, incident_id: int, by: str | None, now: datetime, reason: str = "") -> None:
    """Nothing is owed to the customers any more; `reason` says why although something is missing."""
    _set(tx, incident_id, status=Status.CLOSED, closed_at=now, closed_by=by, closing_reason=reason)


def set_reopened(tx: Connection, incident: Incident, by: str, now: datetime, another_round: bool = True) -> None:
    """It goes on after all, in another round where it was solved before. What was said of the earlier ones stays on
    record."""
    status = Status.REPORTED if incident.verified_at is None else Status.VERIFIED
    in_round = incident.round + 1 if another_round else incident.round
    values = {"status": status, "round": in_round, "reopened_at": now, "reopened_by": by}
    nothing = {"fixed_at": None, "fixed_by": None, "confirmed_at": None, "closed_at": None, "closed_by": None}
    _set(tx, incident.id, **values, **nothing, closing_reason="")


def set_others_heard(tx: Connection, incident_id: int, count: int) -> None:
    """A message has gone to so many of those who are not in the list by name."""
    _set(tx, incident_id, others_heard=count)


def set_emotion(tx: Connection, incident_id: int, emotion: Emotion | None) -> None:
    """How the customers sound: the gravest of what was heard last."""
    _set(tx, incident_id, emotion=emotion)


def set_kind(tx: Connection, incident_id: int, kind: str) -> None:
    """What it is about, in the procedure's word."""
    _set(tx, incident_id, kind=kind)


def set_proposed(tx: Connection, incident_id: int, severity: Severity) -> None:
    """What the facts speak for now."""
    _set(tx, incident_id, proposed_severity=int(severity))


def set_facts(tx: Connection, changed: Incident) -> None:
    """The facts that grading goes by."""
    money = changed.money_lost
    _set(
        tx,
        changed.id,
        customers_affected=changed.customers_affected,
        money_lost_minor=money.minor if money else None,
        money_lost_currency=money.currency if money else None,
        **{name: getattr(changed, name) for name in FACTS},
    )


def set_restored(
    tx: Connection, incident_id: int, core_restored_at: datetime | None, part_restored_at: datetime | None
) -> None:
    """Since when what was down works again; None while it does not, or was never down."""
    _set(tx, incident_id, core_restored_at=core_restored_at, part_restored_at=part_restored_at)


def set_graded(tx: Connection, incident_id: int, severity: Severity, by: str, now: datetime) -> None:
    """Somebody has decided how bad it is."""
    _set(tx, incident_id, severity=int(severity), graded_by=by, graded_at=now)


def open_with(tx: Connection, user_id: str) -> list[int]:
    """The incidents in which somebody has something: open ones that they have reported, or in which they have or are
    asked for a role; and all in which they owe a duty."""
    of_theirs = union(
        select(incidents.c.id).where(incidents.c.reporter_id == user_id),
        select(assignments.c.incident_id).where(assignments.c.user_id == user_id, assignments.c.ended_at.is_(None)),
    )
    question = union(
        select(incidents.c.id).where(IS_OPEN, incidents.c.id.in_(of_theirs)),
        # What is owed after closing too: only that runs on.
        select(deadlines.c.incident_id).where(
            deadlines.c.owner_id == user_id, deadlines.c.met_at.is_(None), deadlines.c.stopped_at.is_(None)
        ),
    )
    return sorted(tx.execute(question).scalars())


def led_by(tx: Connection, user_id: str, limit: int) -> list[Incident]:
    """Open incidents with several customers that somebody leads; or, while nobody leads, that they have reported or
    stand in for whoever did. The latest first, at most `limit`."""
    holds, anybody = assignments.alias("holds"), assignments.alias("anybody")

    def held(who: FromClause, role: Role) -> Select[Any]:
        return select(who.c.id).where(
            who.c.incident_id == incidents.c.id,
            who.c.role == role,
            who.c.accepted_at.is_not(None),
            who.c.ended_at.is_(None),
        )

    reports = or_(
        held(holds, Role.REPORTER).where(holds.c.user_id == user_id).exists(),
        and_(incidents.c.reporter_id == user_id, ~held(anybody, Role.REPORTER).exists()),
    )
    leads = held(holds, Role.LEAD).where(holds.c.user_id == user_id).exists()
    question = (
        select(incidents)
        .where(IS_OPEN, incidents.c.customers_affected > 1)
        .where(or_(leads, and_(~held(anybody, Role.LEAD).exists(), reports)))
        .order_by(incidents.c.reported_at.desc(), incidents.c.id.desc())
    )
    return [_incident(row) for row in tx.execute(question.limit(limit))]


def set_archived(tx: Connection, incident_id: int, now: datetime) -> None:
    """Its channel is archived."""
    _set(tx, incident_id, archived_at=now)


def set_no_channel(tx: Connection, incident_id: int) -> None:
    """Its channel is archived for good, and it needs another one, to which everybody is invited."""
    _set(tx, incident_id, channel_id=None, channel_name=None, archived_at=None)
    tx.execute(
        update(participants).where(participants.c.incident_id == incident_id).values(invited_at=None, refused=None)
    )


def add_evidence(tx: Connection, incident_id: int, items: Iterable[Evidence]) -> None:
    """More that shows what happened; what was attached before stays as it is."""
    rows = [{"incident_id": incident_id, **asdict(item)} for item in items]
    if rows:
        tx.execute(upsert(tx, evidence).on_conflict_do_nothing(), rows)


def what_is_there(tx: Connection, incident_id: int) -> set[str]:
    """Which of these tables have anything about an incident, by their names: each may be asked then."""
    row = tx.execute(WHAT_IS_THERE, {"incident": incident_id}).one()
    return {name for name, is_there in row._mapping.items() if is_there}


def evidence_of(tx: Connection, incident_id: int) -> list[Evidence]:
    """What was attached, oldest first."""
    found = tx.execute(EVIDENCE, {"incident": incident_id})
    return [Evidence(row.kind, row.ref, row.name, row.url) for row in found]


def set_evidence_url(tx: Connection, incident_id: int, ref: str, url: str) -> None:
    """Adds the address of a message that was kept as evidence."""
    tx.execute(update(evidence).where(evidence.c.incident_id == incident_id, evidence.c.ref == ref).values(url=url))


def add_participants(tx: Connection, incident_id: int, user_ids: Iterable[str]) -> None:
    """People who are to be in the channel; who is there already stays as they are."""
    rows = [{"incident_id": incident_id, "user_id": user_id} for user_id in dict.fromkeys(user_ids)]
    if rows:
        if tx.dialect.name not in ADDING:
            ADDING[tx.dialect.name] = upsert(tx, participants).on_conflict_do_nothing()
        tx.execute(ADDING[tx.dialect.name], rows)


def participants_of(tx: Connection, incident_id: int) -> list[str]:
    """Everybody who is or was to be in the channel, in the order in which they were added."""
    return list(tx.execute(PARTICIPANTS, {"incident": incident_id}).scalars())


def not_yet_invited(tx: Connection, incident_id: int) -> list[str]:
    """Who is still to be invited, in the order in which they were added."""
    return list(tx.execute(NOT_INVITED, {"incident": incident_id}).scalars())


def invited(tx: Connection, incident_id: int) -> list[str]:
    """Who is in the channel, in the order in which they were added."""
    return list(tx.execute(INVITED, {"incident": incident_id}).scalars())


def is_refused(tx: Connection, incident_id: int, user_id: str) -> bool:
    """Whether Slack would not let somebody into the channel."""
    return tx.execute(REFUSED, {"incident": incident_id, "user": user_id}).first() is not None


def set_invited(tx: Connection, incident_id: int, user_ids: Sequence[str], now: datetime) -> None:
    """They are in the channel."""
    who = {"incident": incident_id, "users": list(user_ids)}
    tx.execute(THOSE, {**who, "invited_at": now, "refused": None})


def set_refused(tx: Connection, incident_id: int, user_ids: Sequence[str], error: str) -> None:
    """Slack would not let them in; `error` is Slack's word for why."""
    tx.execute(THOSE, {"incident": incident_id, "users": list(user_ids), "refused": error})


def _set(tx: Connection, incident_id: int, **values: object) -> None:
    tx.execute(SET, {**values, "of": incident_id})


def _one(tx: Connection, question: Select[Any], **asked: object) -> Incident | None:
    row = tx.execute(question, asked).one_or_none()
    return _incident(row) if row else None


def _incident(row: Row[Any]) -> Incident:
    said = as_dict(row)
    said["status"] = Status(said["status"])
    said["proposed_severity"] = Severity(said["proposed_severity"])
    said["severity"] = Severity(said["severity"]) if said["severity"] else None
    for name, words in WORDS.items():
        said[name] = words(said[name]) if said[name] else None
    minor, currency = said.pop("money_lost_minor"), said.pop("money_lost_currency")
    said["money_lost"] = Money(minor, currency) if currency else None
    return Incident(**said)

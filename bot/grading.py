"""Facts -> proposed severity, with reasons (domain.md section 3)."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from bot.incident import Complaint, Emotion, HighRisk, Incident, Money, Publicity, Severity, Tier, YesNo
from bot.procedure import Criterion, Procedure, Threshold
from bot.wording import Wording


@dataclass(frozen=True)
class Facts:
    """What is known about how bad it is. None is not known, which speaks for no severity."""

    customers_affected: int | None = None
    money_lost: Money | None = None
    core_down_minutes: int | None = None
    part_faulty_minutes: int | None = None
    publicity: Publicity | None = None
    high_risk: HighRisk | None = None
    complaint: Complaint | None = None
    emotion: Emotion | None = None
    customer_tier: Tier | None = None
    business_stopped: YesNo | None = None
    trigger: str | None = None


@dataclass(frozen=True)
class Reason:
    """Why a severity is proposed: the fact, what it is, and the number from which it counts."""

    fact: str
    value: int | Money | str
    threshold: Threshold | None = None


@dataclass(frozen=True)
class Proposal:
    """The severity that the facts speak for, with all the reasons at that severity."""

    severity: Severity
    reasons: tuple[Reason, ...]


def propose(facts: Facts, procedure: Procedure) -> Proposal:
    """The most urgent severity of which one criterion holds; severity 3 without a reason when none does.

    Money in a currency whose rate the file no longer has holds for nothing.
    """
    held = [(criterion, reason) for criterion in procedure.grading if (reason := _reason(criterion, facts, procedure))]
    severity = min((criterion.severity for criterion, _ in held), default=Severity.THREE)
    return Proposal(severity, tuple(reason for criterion, reason in held if criterion.severity == severity))


def facts_of(incident: Incident, now: datetime) -> Facts:
    """What is known of an incident at `now`: what moves with time is counted in minutes that have begun."""
    return Facts(
        customers_affected=incident.customers_affected,
        money_lost=incident.money_lost,
        core_down_minutes=_minutes(incident.core_down_since, incident.core_restored_at, now),
        part_faulty_minutes=_minutes(incident.part_faulty_since, incident.part_restored_at, now),
        publicity=incident.publicity,
        high_risk=incident.high_risk,
        complaint=incident.complaint,
        emotion=incident.emotion,
        customer_tier=incident.customer_tier,
        business_stopped=incident.business_stopped,
        trigger=incident.trigger,
    )


def next_crossing(incident: Incident, now: datetime, procedure: Procedure) -> datetime | None:
    """When the facts will speak for a more urgent severity than now, if nothing changes but the time.

    Right after a threshold: severity 1 is proposed when 30 minutes are over (domain.md section 3).
    """
    current = min(propose(facts_of(incident, now), procedure).severity, incident.level)
    running = {
        "core_down_minutes": incident.core_down_since if incident.core_restored_at is None else None,
        "part_faulty_minutes": incident.part_faulty_since if incident.part_restored_at is None else None,
    }
    times = []
    for criterion in procedure.grading:
        for fact, test in criterion.when.items():
            since = running.get(fact)
            if since is not None and isinstance(test, Threshold):
                times.append(since + timedelta(minutes=float(test.number), seconds=1))
    return next(
        (at for at in sorted(times) if at > now and propose(facts_of(incident, at), procedure).severity < current), None
    )


def clause(reason: Reason, words: Wording) -> str:
    """A reason in plain words: `120 customers are affected (100 or more)`."""
    test = reason.threshold
    if test is None:
        return words.text("reason.trigger" if reason.fact == "trigger" else f"reason.{reason.fact}.{reason.value}")
    kind = "at_least" if test.at_least is not None else "more_than"
    threshold = words.number(test.number)
    if isinstance(reason.value, Money):
        return words.text(f"reason.{reason.fact}.{kind}", amount=words.money(reason.value), threshold=threshold)
    return words.text(f"reason.{reason.fact}.{kind}", n=int(reason.value), threshold=threshold)


def _minutes(since: datetime | None, until: datetime | None, now: datetime) -> int | None:
    if since is None:
        return None
    return max(math.ceil(((until or now) - since).total_seconds() / 60), 1)


def _reason(criterion: Criterion, facts: Facts, procedure: Procedure) -> Reason | None:
    """The criterion's first fact, when all of them hold."""
    reasons = [_held(fact, test, facts, procedure) for fact, test in criterion.when.items()]
    return reasons[0] if all(reasons) else None


def _held(fact: str, test: Threshold | list[str], facts: Facts, procedure: Procedure) -> Reason | None:
    value = getattr(facts, fact)
    if value is None:
        return None
    if isinstance(test, Threshold):
        if isinstance(value, Money) and not procedure.money.knows(value.currency):
            return None
        number = procedure.money.worth(value) if isinstance(value, Money) else Decimal(value)
        return Reason(fact, value, test) if test.is_reached(number) else None
    return Reason(fact, str(value)) if value in test else None

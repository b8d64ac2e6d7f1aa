"""Facts -> proposed severity, with reasons (domain.md section 3)."""

from dataclasses import dataclass
from decimal import Decimal

from bot.incident import Complaint, Emotion, HighRisk, Money, Publicity, Severity, Tier, YesNo
from bot.procedure import Criterion, Procedure, Threshold


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

    Raises KeyError for money in a currency without a rate.
    """
    held = [(criterion, reason) for criterion in procedure.grading if (reason := _reason(criterion, facts, procedure))]
    severity = min((criterion.severity for criterion, _ in held), default=Severity.THREE)
    return Proposal(severity, tuple(reason for criterion, reason in held if criterion.severity == severity))


def _reason(criterion: Criterion, facts: Facts, procedure: Procedure) -> Reason | None:
    """The criterion's first fact, when all of them hold."""
    reasons = [_held(fact, test, facts, procedure) for fact, test in criterion.when.items()]
    return reasons[0] if all(reasons) else None


def _held(fact: str, test: Threshold | list[str], facts: Facts, procedure: Procedure) -> Reason | None:
    value = getattr(facts, fact)
    if value is None:
        return None
    if isinstance(test, Threshold):
        number = procedure.money.worth(value) if isinstance(value, Money) else Decimal(value)
        return Reason(fact, value, test) if test.is_reached(number) else None
    return Reason(fact, str(value)) if value in test else None

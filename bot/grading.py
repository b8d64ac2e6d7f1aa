"""Facts -> proposed severity, with reasons (domain.md section 3)."""

from dataclasses import dataclass

from bot.incident import Emotion, Severity, Tier
from bot.procedure import Criterion, Procedure


@dataclass(frozen=True)
class Facts:
    """What is known about how bad it is. None is not known, which speaks for no severity."""

    customers_affected: int
    trigger: str
    customer_tier: Tier | None = None
    emotion: Emotion | None = None


@dataclass(frozen=True)
class Reason:
    """Why a severity is proposed: the fact, what it is, and the number from which it counts."""

    fact: str
    value: int | str
    at_least: int | None = None


@dataclass(frozen=True)
class Proposal:
    """The severity that the facts speak for, with all the reasons at that severity."""

    severity: Severity
    reasons: tuple[Reason, ...]


def propose(facts: Facts, procedure: Procedure) -> Proposal:
    """The most urgent severity of which one criterion holds; severity 3 without a reason when none does."""
    held = [(criterion, reason) for criterion in procedure.grading if (reason := _reason(criterion, facts))]
    severity = min((criterion.severity for criterion, _ in held), default=Severity.THREE)
    return Proposal(severity, tuple(reason for criterion, reason in held if criterion.severity == severity))


def _reason(criterion: Criterion, facts: Facts) -> Reason | None:
    value = getattr(facts, criterion.fact)
    if value is None:
        return None
    if criterion.at_least is not None:
        return Reason(criterion.fact, value, criterion.at_least) if value >= criterion.at_least else None
    return Reason(criterion.fact, value) if value in (criterion.is_one_of or []) else None

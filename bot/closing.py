"""From fixed to closed: confirmations, satisfaction, and when it is enough (domain.md section 8)."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

from bot.incident import Deadline, Duty, Incident, Status
from bot.procedure import Enough, Need

# Makes no sense any more once it works again. Whoever has heard nothing yet still has to hear, management still has to
# know, what was promised still holds, and an open task or request is still somebody's.
ENDS_WITH_SOLUTION = (
    Duty.ASSEMBLE_TEAM,
    Duty.UPDATE,
    Duty.BRIEF,
    Duty.PRELIMINARY_SOLUTION,
    Duty.APPROVE_PLAN,
    Duty.SECOND_PLAN,
    Duty.REGRADE,
)
# Goes on when an incident is closed: it is about the lesson, or about what comes a day later.
GOES_ON = (Duty.FOLLOW_UP, Duty.SECTION, Duty.POSTMORTEM, Duty.ACCEPT_POSTMORTEM, Duty.ACTION)


class Proof(StrEnum):
    """What shows that a customer has confirmed it (domain.md section 8)."""

    WRITTEN = "written"
    RECORDING = "recording"
    FILE = "file"
    WITNESS = "witness"


@dataclass(frozen=True)
class Confirmation:
    """What a customer says of the solution; `customer_id` is None for several at once who are not listed by name, then
    `customers` says how many. `ref` and `url` are of the message or file that shows it, `witness_id` is who heard it.
    `words` are confidential like the customer. A later one of the same customer in the same round counts."""

    id: int
    incident_id: int
    round: int
    by: str
    at: datetime
    logged_at: datetime
    is_satisfied: bool
    proof: Proof
    customer_id: int | None = None
    customers: int = 1
    ref: str = ""
    url: str = ""
    witness_id: str | None = None
    words: str = ""


@dataclass(frozen=True)
class Rating:
    """How satisfied a customer is, from 1 to 5. `comment` is confidential like the customer."""

    id: int
    incident_id: int
    round: int
    by: str
    at: datetime
    score: int
    customer_id: int | None = None
    comment: str = ""


@dataclass(frozen=True)
class Answer:
    """What counts of a confirmation: whose it is (None: of `customers` at once), and whether they are satisfied."""

    id: int
    by: str
    logged_at: datetime
    customer_id: int | None
    customers: int
    is_satisfied: bool


@dataclass(frozen=True)
class Tally:
    """How far the customers have confirmed: `counted` of `total` have, `needed` have to. `everybody` is how many there
    are, `confirmed` how many of those have said yes, whether or not they are among those who have to."""

    counted: int
    needed: int
    total: int
    confirmed: int
    everybody: int

    @property
    def is_enough(self) -> bool:
        """Whether it is confirmed. When nobody is left who is affected, nobody has confirmed it."""
        return self.needed > 0 and self.counted >= self.needed

    @property
    def left(self) -> int:
        """How many have said nothing yet."""
        return max(self.everybody - self.confirmed, 0)


def tally(
    answers: Iterable[Answer], listed: Collection[int], counted: Collection[int], everybody: int, rule: Enough
) -> Tally:
    """How far it is confirmed in a round, of which `answers` are all, oldest first.

    `listed` are the customers in the list, `counted` those and whoever was erased at their own wish: who was taken off
    the list was not affected. Of each customer the latest answer counts. Several at once may be of the list or not, but
    never more than there are. A share is rounded up.
    """
    latest: dict[int, bool] = {}
    several, affected = 0, set(counted)
    for answer in answers:
        if answer.customer_id is not None:
            latest[answer.customer_id] = answer.is_satisfied
        elif answer.is_satisfied:
            several += answer.customers
    named = sum(1 for customer_id, is_satisfied in latest.items() if is_satisfied and customer_id in affected)
    confirmed = min(named + several, everybody)
    if rule.need is Need.NAMED:
        by_name = sum(1 for customer_id in listed if latest.get(customer_id))
        return Tally(by_name, len(listed), len(listed), confirmed, everybody)
    needed = everybody if rule.percent is None else -(-everybody * rule.percent // 100)
    return Tally(confirmed, needed, everybody, confirmed, everybody)


def confirmed_by_name(answers: Iterable[Answer]) -> set[int]:
    """The customers whose latest answer is yes."""
    latest = {answer.customer_id: answer.is_satisfied for answer in answers if answer.customer_id is not None}
    return {customer_id for customer_id, is_satisfied in latest.items() if is_satisfied}


def has_several(answers: Iterable[Answer]) -> bool:
    """Whether some have confirmed without a name: then nobody can know who is still to be asked."""
    return any(answer.customer_id is None and answer.is_satisfied for answer in answers)


def counting(ratings: Sequence[Rating]) -> list[Rating]:
    """The ratings that count, oldest first: of a customer the latest, of those without a name each."""
    latest = {rating.customer_id: rating for rating in ratings if rating.customer_id is not None}
    return [each for each in ratings if each.customer_id is None or latest[each.customer_id] is each]


def average(ratings: Sequence[Rating]) -> Decimal | None:
    """How satisfied the customers are, to one digit; None when nobody was asked."""
    scores = [rating.score for rating in counting(ratings)]
    if not scores:
        return None
    return (Decimal(sum(scores)) / len(scores)).quantize(Decimal("0.1"), ROUND_HALF_UP)


class Missing(StrEnum):
    """What is missing when an incident is to be closed, in the order of the procedure."""

    VERIFY = "verify"
    GRADE = "grade"
    FIRST_CONTACT = "first_contact"
    UPDATE = "update"
    PROMISE = "promise"
    CALL_IN_PERSON = "call_in_person"
    PLAN = "plan"
    SECOND_PLAN = "second_plan"
    REQUEST = "request"
    TASK = "task"
    SOLUTION = "solution"
    FIX = "fix"
    CONFIRMATION = "confirmation"
    SATISFACTION = "satisfaction"
    FEEDBACK = "feedback"


@dataclass(frozen=True)
class State:
    """What closing goes by, besides the incident and its clocks: how many customers have heard nothing, what has become
    of this round's plan (None: there is none), how many tasks and requests are open, how far it is confirmed."""

    unheard: int = 0
    plan_is_approved: bool | None = None
    tasks: int = 0
    requests: int = 0
    tally: Tally | None = None


def missing(incident: Incident, clocks: Iterable[Deadline], state: State, now: datetime) -> list[tuple[Missing, int]]:
    """What is not done, each with how often; `clocks` are those that run. What goes on after closing is not missing."""
    running = list(clocks)

    def of(*duties: Duty) -> int:
        return sum(1 for each in running if each.duty in duties)

    def late(duty: Duty) -> int:
        return sum(1 for each in running if each.duty is duty and each.is_late(now))

    is_emergency = incident.status is not Status.COMPLAINT
    found = {
        Missing.VERIFY: int(is_emergency and incident.verified_at is None),
        Missing.GRADE: int(is_emergency and incident.severity is None),
        Missing.FIRST_CONTACT: state.unheard if is_emergency else of(Duty.COMPLAINT_RESPONSE),
        Missing.UPDATE: late(Duty.UPDATE),
        Missing.PROMISE: of(Duty.PROMISE),
        Missing.CALL_IN_PERSON: of(Duty.CALL_IN_PERSON),
        Missing.PLAN: int(state.plan_is_approved is False),
        Missing.SECOND_PLAN: of(Duty.SECOND_PLAN),
        Missing.REQUEST: state.requests,
        Missing.TASK: state.tasks,
        Missing.SOLUTION: of(Duty.COMPLAINT_SOLUTION, Duty.COMPLEX_SOLUTION),
        Missing.FIX: int(incident.status.is_unsolved),
        Missing.CONFIRMATION: int(incident.status is Status.FIXED),
        Missing.SATISFACTION: of(Duty.SATISFACTION),
        Missing.FEEDBACK: of(Duty.COMPLAINT_FEEDBACK),
    }
    return [(what, found[what]) for what in Missing if found[what]]


def going_on(clocks: Iterable[Deadline]) -> list[Deadline]:
    """What is still owed after closing, the first due first."""
    return sorted((each for each in clocks if each.duty in GOES_ON), key=lambda each: each.due_at)

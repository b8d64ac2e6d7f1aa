"""What is done about an incident: a plan in versions, what it needs from others, progress (domain.md section 7)."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from bot.deadlines import Rosters, members
from bot.incident import RUNGS, Money, Role, Severity
from bot.procedure import Procedure

MOST_STEPS = 20
MOST_ASKED = 5  # of those who may decide: where many may, nobody of them is meant
LONGEST_STEP = 200
LONGEST_TIME = 7 * 24 * 60  # minutes of a step: more is another plan, or a slip of the finger
_MARK = re.compile(r"^(?:[-*•·]\s+|\d{1,2}\s*(?:[)）、]|[.．](?!\d))\s*)")
_TIME = re.compile(
    r"[\s,，;；:：(（\[—–-]*(?<!\d)(?<!\d[.,])(?P<number>\d{1,5})\s*"
    r"(?:(?P<minutes>min(?:ute)?s?\.?|分钟)|(?P<hours>h(?:ours?|rs?)?\.?|个?小时))[)）\]]?[.。]?$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Plan:
    """One version of the plan of an incident; its words never change: other words are another version.

    `steps` has one step a line. `told` is what the customers are told of it. `compensation` is what all customers get
    together. `round` is the incident's when it was made.
    """

    id: int
    incident_id: int
    version: int
    round: int
    by: str
    at: datetime
    steps: str
    owner_id: str
    until_at: datetime
    is_temporary: bool
    told: str
    resources: str = ""
    compensation: Money | None = None
    risks: str = ""
    approved_by: str | None = None
    approved_at: datetime | None = None
    refused_by: str | None = None
    refused_at: datetime | None = None
    reason: str = ""

    @property
    def is_waiting(self) -> bool:
        """Whether nobody has decided yet."""
        return self.approved_at is None and self.refused_at is None


@dataclass(frozen=True)
class Step:
    """One step of a plan; `minutes` is its own time, from the approval, when it has one."""

    what: str
    minutes: int | None = None


def steps_of(words: str) -> list[Step]:
    """The steps, one a line; `Undo the change 30 min` and `回滚变更 2小时` have a time of their own."""
    lines = [_MARK.sub("", line.strip()).strip() for line in words.splitlines()]
    return [_step(line) for line in lines if any(letter.isalnum() for letter in line)]


def _step(line: str) -> Step:
    found = _TIME.search(line)
    if found is None:
        return Step(line)
    what, number = line[: found.start()].strip(), int(found["number"])
    minutes = number * 60 if found["hours"] else number
    if not what or not 0 < minutes <= LONGEST_TIME:
        return Step(line)
    return Step(what, minutes)


def key_of(plan: Plan, number: int) -> str:
    """What a step of a plan is called among the tasks."""
    return f"plan{plan.version}.{number}"


def is_step(key: str) -> bool:
    """Whether a task is a step of a plan."""
    return re.fullmatch(r"plan\d+\.\d+", key) is not None


def in_force(plans: Iterable[Plan], round_: int) -> Plan | None:
    """What is done in a round: of the versions that were approved the latest."""
    approved = [plan for plan in plans if plan.round == round_ and plan.approved_at is not None]
    return max(approved, key=lambda plan: plan.version, default=None)


@dataclass(frozen=True)
class Deciders:
    """Who decides on a plan. `asked` are asked, in this order; `above` are of higher rungs of the ladder: they are told
    when nobody decides in time, and may decide then. `words` are those of the procedure by which the first may;
    `roles` is by which role, for those who may by one."""

    asked: tuple[str, ...]
    above: tuple[str, ...]
    words: tuple[str, ...]
    roles: Mapping[str, Role]

    @property
    def everybody(self) -> tuple[str, ...]:
        """All who may decide."""
        return (*self.asked, *self.above)

    def first(self, severity: Severity) -> tuple[str, ...]:
        """Who is asked in person at once: everybody at severity 1, else as many as feel that they are meant."""
        return self.asked if severity is Severity.ONE else self.asked[:MOST_ASKED]

    def then(self, severity: Severity, author: str, ladder: Iterable[Role]) -> list[tuple[str, Role]]:
        """Who is asked again when the first of them is late, one after the other, and by which role they may decide:
        those who were asked, then of each rung of the `ladder` the first who may. Never its author."""
        some = [who for who in self.first(severity)[1:] if who != author]
        for rung in ladder:
            of_rung = [who for who in self.everybody if self.roles.get(who) is rung and who != author]
            if of_rung and not {*some, *self.asked[:1]} & {*of_rung}:
                some.append(of_rung[0])
        return [(who, self.roles.get(who, Role.OWNER)) for who in some]


def deciders(
    severity: Severity,
    worth: Decimal,
    author: str,
    procedure: Procedure,
    holders: Mapping[Role, str],
    rosters: Rosters,
    reporter: str = "",
    participants: Collection[str] = (),
    gone: Collection[str] = (),
) -> Deciders:
    """Who decides on a plan of `author` with a compensation that is `worth` so much in the procedure's currency.

    Whoever the procedure names for the severity, as far as their limit goes. When nobody of them may, the rungs of the
    ladder that may; when none may, the highest rung where somebody is. Nobody decides on their own plan at severity 1;
    otherwise its author comes last. `holders` and `rosters` have only people who are there; `gone` are those who have
    left of the people whom the procedure names themselves.
    """

    def behind(word: str) -> list[str]:
        if word == "participants":
            return [reporter, *participants]
        if word == "reporter":
            return [holders.get(Role.REPORTER, reporter)]
        if word == "on_call":
            return members(procedure.on_call, rosters)
        if word in [*Role]:
            role = Role(word)
            holder = [holders[role]] if role in holders else []
            return [*holder, *(members(procedure.rung(role), rosters) if role in RUNGS else [])]
        return members([word], rosters)

    def may(word: str) -> bool:
        limit = procedure.plans.limits.get(Role(word)) if word in [*Role] else None
        return limit is None or worth <= limit

    def found(some: Iterable[str]) -> list[tuple[str, str]]:
        is_own = severity is Severity.ONE
        there = ((who, word) for word in some for who in behind(word) if who and who not in gone)
        return [(who, word) for who, word in there if not (is_own and who == author)]

    named, ladder = procedure.plans.approval.at(severity), [rung.role for rung in procedure.ladder]
    highest = max((ladder.index(Role(word)) for word in named if word in ladder), default=None)
    higher = ladder if highest is None else ladder[highest + 1 :]
    asked = found(word for word in named if may(word))
    if not asked:
        asked = found(word for word in higher if may(word)) or found(word for word in reversed(ladder) if may(word))
    if not asked:
        asked = next((some for word in reversed(ladder) if (some := found([word]))), [])
    first = [who for who, _ in asked if who != author]
    in_order = tuple(dict.fromkeys([*first, *(who for who, _ in asked)]))
    above = [] if highest is None else found(word for word in higher if may(word))
    return Deciders(
        in_order,
        tuple(dict.fromkeys(who for who, _ in above if who not in in_order)),
        tuple(dict.fromkeys(word for _, word in asked)) or tuple(named),
        {who: Role(word) for who, word in reversed([*asked, *above]) if word in [*Role]},
    )


def worth_of(plan: Plan, procedure: Procedure) -> Decimal:
    """A plan's compensation in the procedure's currency; without end in one that the file no longer knows."""
    if plan.compensation is None:
        return Decimal(0)
    known = procedure.money.knows(plan.compensation.currency)
    return procedure.money.worth(plan.compensation) if known else Decimal("Infinity")


class RequestState(StrEnum):
    """What has become of a request."""

    ASKED = "asked"
    AGREED = "agreed"
    DECLINED = "declined"
    DONE = "done"


@dataclass(frozen=True)
class Request:
    """Something that is needed from another department, by one of its people, until a time. `answer` is in words."""

    id: int
    incident_id: int
    by: str
    at: datetime
    what: str
    department: str
    owner_id: str
    until_at: datetime
    state: RequestState = RequestState.ASKED
    answered_by: str | None = None
    answered_at: datetime | None = None
    answer: str = ""


@dataclass(frozen=True)
class Progress:
    """How far it is, for the inside: what is new, when it is expected to work again, and what is needed."""

    id: int
    incident_id: int
    by: str
    at: datetime
    words: str
    expected_at: datetime | None = None
    needs: str = ""

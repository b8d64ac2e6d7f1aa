"""The vocabulary: what an incident, a customer, a person and a deadline are, in the words of the procedure."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import IntEnum, StrEnum

from babel.numbers import get_currency_precision


class Severity(IntEnum):
    """How bad it is for customers; 1 is the most urgent (domain.md section 3)."""

    ONE = 1
    TWO = 2
    THREE = 3


class Status(StrEnum):
    """Where an incident stands."""

    REPORTED = "reported"
    VERIFIED = "verified"
    FIXED = "fixed"  # it works again; the customers have still to say so (domain.md section 8)
    CONFIRMED = "confirmed"  # enough of them have
    COMPLAINT = "complaint"  # no emergency, but an ordinary complaint: its own, longer clocks run (domain.md section 8)
    DISMISSED = "dismissed"
    CLOSED = "closed"

    @property
    def is_open(self) -> bool:
        """Whether somebody still has to do something about it."""
        return self not in (Status.DISMISSED, Status.CLOSED)

    @property
    def is_unsolved(self) -> bool:
        """Whether customers are still hit by it, and clocks run towards the solution."""
        return self in (Status.REPORTED, Status.VERIFIED)


class Duty(StrEnum):
    """What somebody owes, with a time (domain.md sections 2, 4, 6, 8 and 10), in the order of the procedure."""

    VERIFY = "verify"
    REPORT_UP = "report_up"
    FIRST_CONTACT = "first_contact"
    ASSEMBLE_TEAM = "assemble_team"
    INFORM_EXECUTIVE = "inform_executive"
    INVOLVE_PR = "involve_pr"
    ACCEPT_ROLE = "accept_role"
    TASK = "task"
    APPROVE_STATEMENT = "approve_statement"
    UPDATE = "update"
    BRIEF = "brief"
    PROMISE = "promise"
    CALL_AGAIN = "call_again"
    PRELIMINARY_SOLUTION = "preliminary_solution"
    APPROVE_PLAN = "approve_plan"
    REQUEST = "request"
    COMPLAINT_RESPONSE = "complaint_response"
    COMPLAINT_SOLUTION = "complaint_solution"
    COMPLEX_SOLUTION = "complex_solution"
    COMPLAINT_FEEDBACK = "complaint_feedback"
    CONFIRMATION = "confirmation"
    CALL_IN_PERSON = "call_in_person"
    SECOND_PLAN = "second_plan"
    SATISFACTION = "satisfaction"
    FOLLOW_UP = "follow_up"
    SECTION = "section"
    POSTMORTEM = "postmortem"
    ACCEPT_POSTMORTEM = "accept_postmortem"
    ACTION = "action"
    REGRADE = "regrade"


class Event(StrEnum):
    """What starts a duty."""

    REPORTED = "reported"
    ACKNOWLEDGED = "acknowledged"  # somebody above knows of it
    GRADED = "graded"
    ASKED = "asked"  # somebody was asked to take a role
    CONTACTED = "contacted"
    COMPLAINT = "complaint"  # kept as a complaint, ordinary or complex
    ORDINARY_COMPLAINT = "ordinary_complaint"
    COMPLEX_COMPLAINT = "complex_complaint"
    ANSWERED = "answered"  # the complaint has its solution
    SOLVED = "solved"  # it is fixed; the customers have not confirmed it yet
    CONFIRMED = "confirmed"
    DISSATISFIED = "dissatisfied"  # a customer is not satisfied: it is open again


class Role(StrEnum):
    """What somebody is in an incident (domain.md section 5), or on the ladder (section 4)."""

    OWNER = "owner"  # whoever owes the duty in question
    REPORTER = "reporter"
    LEAD = "lead"
    TECH_SUPPORT = "tech_support"
    LEGAL = "legal"
    PR = "pr"
    CUSTOMER_RELATIONS = "customer_relations"
    LIAISON = "liaison"
    SCRIBE = "scribe"
    SUPERVISOR = "supervisor"
    HEAD_OF_SERVICE = "head_of_service"
    EXECUTIVE = "executive"


TEAM = (
    Role.LEAD,
    Role.TECH_SUPPORT,
    Role.LEGAL,
    Role.PR,
    Role.CUSTOMER_RELATIONS,
    Role.LIAISON,
    Role.SCRIBE,
)
RUNGS = (Role.LEAD, Role.SUPERVISOR, Role.HEAD_OF_SERVICE, Role.EXECUTIVE)
APPROVERS = (Role.LEGAL, Role.PR)  # of what is said in public (domain.md section 6)


class Tier(StrEnum):
    """How much depends on this customer (domain.md sections 2 and 3)."""

    ORDINARY = "ordinary"
    VIP = "vip"
    IMPORTANT = "important"


class Emotion(StrEnum):
    """How the customer sounds (domain.md section 2)."""

    CALM = "calm"
    WORRIED = "worried"
    DISAPPOINTED = "disappointed"
    ANGRY = "angry"
    FURIOUS = "furious"


class Publicity(StrEnum):
    """How far it is known in public (domain.md section 3)."""

    NONE = "none"
    MAY_SPREAD = "may_spread"
    PRESS = "press"
    REGULATOR = "regulator"


class HighRisk(StrEnum):
    """What makes it severe whatever else holds (domain.md section 3)."""

    NONE = "none"
    FRAUD = "fraud"
    DATA_LEAK = "data_leak"
    PERSONAL_SAFETY = "personal_safety"
    DEFECTIVE_BATCH = "defective_batch"


class Complaint(StrEnum):
    """How far a complaint has gone (domain.md section 3)."""

    NONE = "none"
    DISCONTENT = "discontent"
    WILL_ESCALATE = "will_escalate"
    MASS = "mass"


class YesNo(StrEnum):
    """A fact that holds or does not."""

    YES = "yes"
    NO = "no"


class Urgency(StrEnum):
    """How soon the customer needs it, in the reporter's eyes (domain.md section 2)."""

    CAN_WAIT = "can_wait"
    TODAY = "today"
    NOW = "now"


class Source(StrEnum):
    """The way it came in (domain.md section 1)."""

    PHONE = "phone"
    EMAIL = "email"
    CHAT = "chat"
    TICKET = "ticket"
    SOCIAL = "social"
    LETTER = "letter"
    ON_SITE = "on_site"
    MONITORING = "monitoring"


class ContactChannel(StrEnum):
    """How a customer was spoken to (domain.md section 6)."""

    PHONE = "phone"
    SMS = "sms"
    EMAIL = "email"
    CHAT = "chat"
    SOCIAL = "social"
    ON_SITE = "on_site"

    @property
    def is_written(self) -> bool:
        """Whether words are sent, instead of somebody being reached."""
        return self not in (ContactChannel.PHONE, ContactChannel.ON_SITE)


class Stage(StrEnum):
    """What a contact is for; each has its scripts (domain.md section 6), in the order of the procedure."""

    FIRST_CONTACT = "first_contact"
    COMFORT = "comfort"
    PROGRESS = "progress"
    DELAY = "delay"
    TEMPORARY_MEASURE = "temporary_measure"
    SOLUTION = "solution"
    VERIFICATION = "verification"
    APOLOGY = "apology"
    CLOSING = "closing"
    FOLLOW_UP = "follow_up"
    SURVEY = "survey"
    PUBLIC_STATEMENT = "public_statement"
    INTERNAL_BRIEF = "internal_brief"


class Outcome(StrEnum):
    """What became of a contact. Only the first two mean that the customer has heard (domain.md section 6)."""

    REACHED = "reached"
    SENT = "sent"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    WRONG_NUMBER = "wrong_number"

    @property
    def is_heard(self) -> bool:
        """Whether it meets a first contact and resets the clock of updates."""
        return self in (Outcome.REACHED, Outcome.SENT)


class Consent(StrEnum):
    """What a customer says to a temporary measure (domain.md section 7)."""

    GIVEN = "given"
    REFUSED = "refused"


class CustomerLanguage(StrEnum):
    """The language a customer is spoken to in."""

    EN = "en"
    ZH = "zh"


# How people write a currency, beside its three letters. What may be several is told by what else is known.
WRITTEN_AS: dict[str, tuple[str, ...]] = {
    "¥": ("CNY", "JPY"),
    **dict.fromkeys(("人民币", "人民幣", "RMB", "YUAN"), ("CNY",)),
    **dict.fromkeys(("元", "圆", "圓", "块钱", "块"), ("CNY", "HKD", "MOP", "TWD")),
    **dict.fromkeys(("美元", "美金"), ("USD",)),
    **dict.fromkeys(("日元", "日圆", "円"), ("JPY",)),
    **dict.fromkeys(("港元", "港币"), ("HKD",)),
    **dict.fromkeys(("新台币", "台币"), ("TWD",)),
    "澳门元": ("MOP",),
    "欧元": ("EUR",),
    "英镑": ("GBP",),
    "韩元": ("KRW",),
    "新加坡元": ("SGD",),
    "加元": ("CAD",),
    "澳元": ("AUD",),
}
MULTIPLIERS = {"": 0, "百": 2, "千": 3, "万": 4, "萬": 4, "百万": 6, "千万": 7, "亿": 8, "億": 8}  # as powers of ten
_MARK = f"(?:{'|'.join(sorted(WRITTEN_AS, key=len, reverse=True))}|[A-Z]{{3}})"
CURRENCY_MARK = re.compile(_MARK)
# A comma stands before three digits, so that the decimals of `1,5` are not taken for hundreds.
WRITTEN_MONEY = re.compile(
    rf"\s*(?P<before>(?:{_MARK}\s*){{0,2}})"
    r"(?P<number>(?:[0-9]{1,3}(?:,[0-9]{2,3})*,[0-9]{3}|[0-9]+)(?:\.[0-9]+)?)"
    rf"\s*(?P<times>{'|'.join(sorted(MULTIPLIERS, key=len, reverse=True))})"
    rf"\s*(?P<after>(?:{_MARK}\s*){{0,2}})整?\s*"
)


@dataclass(frozen=True)
class Money:
    """An amount in the currency's smallest unit (fen, cent): `Money(999_999, "CNY")` is 9,999.99 CNY."""

    minor: int
    currency: str

    @classmethod
    def parse(cls, text: str, home: str = "", language: str = "en") -> "Money":
        """`9999.99CNY`, `10,000 CNY`, `￥5,000` or `1.5万元` as money, written by somebody in this `language`; in the
        currency `home` when the text names none.

        Raises ValueError when it is not an amount, when its currency is not told or told in two ways, and when it is
        finer than the currency's smallest unit.
        """
        found = WRITTEN_MONEY.fullmatch(unicodedata.normalize("NFKC", text).upper())
        if not found:
            raise ValueError("an amount needs its currency, for example 9999.99CNY")
        currency = _currency(CURRENCY_MARK.findall(f"{found['before']} {found['after']}"), home, language)
        digits = digits_of(currency) + MULTIPLIERS[found["times"]]
        minor = Decimal(found["number"].replace(",", "")).scaleb(digits)
        if minor != minor.to_integral_value():
            raise ValueError(f"{currency} has {digits_of(currency)} digits behind the point")
        return cls(int(minor), currency)

    @property
    def amount(self) -> Decimal:
        """The amount in whole units."""
        return Decimal(self.minor).scaleb(-digits_of(self.currency))


def _currency(marks: Sequence[str], home: str, language: str) -> str:
    """The one currency that all of these can mean; of several the company's own, else to who writes Chinese the yuan.

    Raises ValueError when they contradict each other, or leave it open."""
    meant = [WRITTEN_AS.get(mark, (mark,)) for mark in marks] or [(home,)]
    possible = [currency for currency in meant[0] if all(currency in each for each in meant)]
    if home in possible:
        possible = [home]
    elif "CNY" in possible and (language == "zh" or set(marks) != {"¥"}):
        possible = ["CNY"]
    if len(possible) != 1 or not possible[0]:
        raise ValueError("an amount needs its currency, for example 9999.99CNY")
    return possible[0]


def digits_of(currency: str) -> int:
    """How many digits a currency has behind the point (Unicode CLDR)."""
    return int(get_currency_precision(currency))


AT_HOME = timedelta(hours=1)


@dataclass(frozen=True)
class Person:
    """Somebody in the workspace, as far as the bot knows them."""

    user_id: str
    name: str = ""
    language: str | None = None
    timezone: str | None = None
    is_active: bool = True
    dm_channel_id: str | None = None
    home_at: datetime | None = None
    home_page: int = 0

    def is_at_home(self, now: datetime) -> bool:
        """Whether they may have App Home before their eyes: they have looked at it within the last hour."""
        return self.home_at is not None and now - self.home_at < AT_HOME


@dataclass(frozen=True)
class Customer:
    """A customer of an incident. Confidential: shown masked, kept encrypted (design.md decision 7)."""

    name: str
    number: str = ""
    contact: str = ""
    tier: Tier | None = None
    language: CustomerLanguage | None = None


@dataclass(frozen=True)
class Listed:
    """A customer in the list of an incident, with what became of them so far. Confidential like the customer.

    `outcome` is of the last try, None when nobody has tried; `heard_at` is when they last heard from us; `held_by` has
    them in hand until `held_until`.
    """

    id: int
    incident_id: int
    customer: Customer
    emotion: Emotion | None = None
    outcome: Outcome | None = None
    tried_at: datetime | None = None
    tries: int = 0
    first_heard_at: datetime | None = None
    heard_at: datetime | None = None
    heard_by: str | None = None
    retry_at: datetime | None = None
    held_by: str | None = None
    held_until: datetime | None = None
    removed_at: datetime | None = None
    removed_by: str | None = None
    removal_reason: str = ""

    def is_held(self, user_id: str, now: datetime) -> bool:
        """Whether somebody other than this person has them in hand."""
        return self.held_by not in (None, user_id) and self.held_until is not None and self.held_until > now


@dataclass(frozen=True)
class Counts:
    """How far the customers of an incident have heard. `total` is everybody affected, in the list by name or not,
    without those who were taken off it.

    `no_answer` and `wrong_number` are the last try of those who have heard nothing yet; `urgent` of them are
    customers on whom much depends, or who are angry; `nameless` of them are not in the list.
    """

    total: int
    listed: int
    heard: int
    no_answer: int = 0
    wrong_number: int = 0
    urgent: int = 0
    oldest_heard_at: datetime | None = None
    newest_heard_at: datetime | None = None
    newest_first_heard_at: datetime | None = None
    nameless: int = 0

    @property
    def unheard(self) -> int:
        """How many have heard nothing yet."""
        return self.total - self.heard


@dataclass(frozen=True)
class Evidence:
    """A file or a message that shows what happened; `ref` is Slack's id of it (`F…`, or `C…:ts`)."""

    kind: str
    ref: str
    name: str = ""
    url: str = ""


@dataclass(frozen=True)
class Report:
    """What the reporter said (domain.md section 2). Only the first four are required."""

    what_happened: str
    trigger: str
    customer: Customer
    customers_affected: int
    source: Source | None = None
    product: str = ""
    happened_at: datetime | None = None
    place: str = ""
    demand: str = ""
    done_already: str = ""
    impact: str = ""
    urgency: Urgency | None = None
    emotion: Emotion | None = None
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True)
class Incident:
    """One incident as the database remembers it; all times are aware UTC. `others_heard` counts those affected who are
    not in the list by name and to whom a message has gone.
    `round` counts the solutions: it is open again when a customer is not satisfied with one. `fixed_at` and
    `confirmed_at` are of this round, `closing_reason` says why it was closed although something was missing.

    `severity` is what a person has confirmed, None before; `level` is what everything goes by.
    """

    id: int
    report_key: str
    status: Status
    title: str
    what_happened: str
    trigger: str
    customers_affected: int
    proposed_severity: Severity
    reporter_id: str
    is_private: bool
    reported_at: datetime
    source: Source | None = None
    product: str = ""
    happened_at: datetime | None = None
    place: str = ""
    demand: str = ""
    done_already: str = ""
    impact: str = ""
    urgency: Urgency | None = None
    emotion: Emotion | None = None
    channel_id: str | None = None
    channel_name: str | None = None
    archived_at: datetime | None = None
    verified_at: datetime | None = None
    verified_by: str | None = None
    dismissed_at: datetime | None = None
    dismissed_by: str | None = None
    dismissal_reason: str = ""
    kind: str = ""
    severity: Severity | None = None
    graded_at: datetime | None = None
    graded_by: str | None = None
    customer_tier: Tier | None = None
    money_lost: Money | None = None
    core_down_since: datetime | None = None
    core_restored_at: datetime | None = None
    part_faulty_since: datetime | None = None
    part_restored_at: datetime | None = None
    publicity: Publicity | None = None
    high_risk: HighRisk | None = None
    complaint: Complaint | None = None
    business_stopped: YesNo | None = None
    closed_at: datetime | None = None
    others_heard: int = 0
    customers_erased_at: datetime | None = None
    round: int = 1
    fixed_at: datetime | None = None
    fixed_by: str | None = None
    confirmed_at: datetime | None = None
    closed_by: str | None = None
    closing_reason: str = ""
    reopened_at: datetime | None = None
    reopened_by: str | None = None

    @property
    def level(self) -> Severity:
        """The severity that counts now: the confirmed one, before that the proposed one."""
        return self.severity or self.proposed_severity

    @property
    def began_at(self) -> datetime | None:
        """Since when customers are hit by it, as far as that is known."""
        return self.core_down_since or self.part_faulty_since or self.happened_at

    @property
    def number(self) -> str:
        """How people call it: `INC-42`."""
        return f"INC-{self.id}"


class MomentKind(StrEnum):
    """What a moment of a deadline is for."""

    REMIND = "remind"
    ESCALATE = "escalate"
    NOBODY_LEFT = "nobody_left"
    DEPUTY = "deputy"  # the one who was asked for a role has not answered: the next one is asked
    TELL = "tell"  # who has to acknowledge it, or is told as well
    BRIEF = "brief"  # the executives read where it stands
    PROPOSE = "propose"  # a fact that moves with time has crossed a threshold


@dataclass(frozen=True)
class Moment:
    """A time at which somebody is told about a deadline: who, as what, and what for."""

    at: datetime
    kind: MomentKind
    user_id: str | None
    role: Role


@dataclass(frozen=True)
class Deadline:
    """A duty with its own times, which stay as they were when it started (design.md decision 4).

    `moments` is everything that will be said while it is not met, in order; `position` is the next of them;
    `next_nudge_at` is when that one is to be said, or None when the clock has nothing more to do with it.
    `subject` is what it is about when an incident may have several of its kind: the id of an assignment, of a task, of
    the contact in which something was promised, of the customer who is to be called again or in person, of the public
    statement with the role that approves it, of the plan, the request or the action item; or the section of the
    postmortem.
    `postponed_at` is when its owner asked to be reminded once more. `missed_by` owed it when it fell due, where that is
    not its owner now. `told_by` has said at `told_at` that they have told the one who has to acknowledge it.
    """

    id: int
    incident_id: int
    duty: Duty
    owner_id: str
    started_at: datetime
    due_at: datetime
    escalate_every_s: int
    moments: Sequence[Moment] = ()
    position: int = 0
    next_nudge_at: datetime | None = None
    met_at: datetime | None = None
    met_by: str | None = None
    stopped_at: datetime | None = None
    subject: str = ""
    postponed_at: datetime | None = None
    missed_by: str | None = None
    told_at: datetime | None = None
    told_by: str | None = None

    @property
    def is_running(self) -> bool:
        """Whether it can still be met or missed."""
        return self.met_at is None and self.stopped_at is None

    @property
    def was_due_from(self) -> str:
        """Who owed it when it fell due: whoever got it late is not late."""
        return self.missed_by or self.owner_id

    def is_late(self, now: datetime) -> bool:
        """Whether it was missed, or is being missed now."""
        if self.met_at is not None:
            return self.met_at > self.due_at
        return self.stopped_at is None and now >= self.due_at


@dataclass(frozen=True)
class Grading:
    """A severity that somebody has decided on. Never changed: a later grading is another one."""

    id: int
    incident_id: int
    by: str
    at: datetime
    severity: Severity
    proposed_severity: Severity
    reason: str = ""


@dataclass(frozen=True)
class Assignment:
    """Somebody asked to take a role; theirs from `accepted_at` to `ended_at`. `ended_why` is one of
    handed_back, handed_over, no_answer, relieved, gone; `reason` is what they said themselves. `hands_over` is the
    assignment that ends when this one is accepted; `with_duties` when everything else of theirs comes with it. The role
    of reporter is held only by somebody who stands in for whoever reported."""

    id: int
    incident_id: int
    role: Role
    user_id: str
    asked_by: str | None
    asked_at: datetime
    accepted_at: datetime | None = None
    ended_at: datetime | None = None
    ended_why: str = ""
    note: str = ""
    hands_over: int | None = None
    reason: str = ""
    with_duties: bool = False


class TaskState(StrEnum):
    """What has become of a task."""

    OPEN = "open"
    TAKEN = "taken"
    DONE = "done"
    NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True)
class Task:
    """A task of the playbook (`key` says which, `words` is empty), or one that somebody added (`words`)."""

    id: int
    incident_id: int
    key: str
    words: str
    role: Role | None
    state: TaskState
    user_id: str | None = None
    changed_by: str | None = None
    changed_at: datetime | None = None
    reason: str = ""


@dataclass(frozen=True)
class Contact:
    """Words with a customer (domain.md section 6), or with several at once: then `customer_id` is None and
    `customers` says how many. `at` is when it was, `logged_at` when it was written down. A promise has its time.
    Confidential like the customer."""

    id: int
    incident_id: int
    by: str
    at: datetime
    channel: ContactChannel
    customer: str
    said: str
    answer: str = ""
    customer_id: int | None = None
    customers: int = 1
    logged_at: datetime | None = None
    outcome: Outcome = Outcome.REACHED
    stage: Stage | None = None
    language: CustomerLanguage | None = None
    emotion: Emotion | None = None
    promise: str = ""
    promised_until: datetime | None = None
    consent: Consent | None = None
    measure: str = ""


@dataclass(frozen=True)
class Statement:
    """Words to the public; they go out when legal and PR have approved them (domain.md section 6)."""

    id: int
    incident_id: int
    by: str
    at: datetime
    channel: ContactChannel
    language: CustomerLanguage
    words: str
    legal_by: str | None = None
    legal_at: datetime | None = None
    pr_by: str | None = None
    pr_at: datetime | None = None
    refused_by: str | None = None
    refused_at: datetime | None = None
    reason: str = ""
    published_by: str | None = None
    published_at: datetime | None = None

    @property
    def is_approved(self) -> bool:
        """Whether it may go out."""
        return self.legal_at is not None and self.pr_at is not None and self.refused_at is None

    @property
    def waits_for(self) -> tuple[Role, ...]:
        """The roles whose approval is missing; none when changes were asked for."""
        if self.refused_at is not None:
            return ()
        return tuple(role for role in APPROVERS if self.approval(role) is None)

    def approval(self, role: Role) -> tuple[str, datetime] | None:
        """Who has approved it for one of APPROVERS, and when."""
        by, at = (self.legal_by, self.legal_at) if role is Role.LEGAL else (self.pr_by, self.pr_at)
        return (by, at) if by is not None and at is not None else None


class NotAllowed(Exception):  # noqa: N818 - it reads as what happened: the procedure does not allow it
    """The procedure forbids it. `phrase` names the sentence in the catalogue that says who may, or what to do."""

    def __init__(self, phrase: str, **values: object) -> None:
        super().__init__(phrase)
        self.phrase = phrase
        self.values = values

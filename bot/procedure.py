"""What the procedure file may say: its schema. `bot/procedure_file.py` reads it."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainSerializer,
    PlainValidator,
    Tag,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from bot.incident import (
    RUNGS,
    TEAM,
    Complaint,
    Duty,
    Emotion,
    Event,
    HighRisk,
    Money,
    Publicity,
    Role,
    Severity,
    Task,
    Tier,
    YesNo,
)
from bot.postmortem import Section
from bot.worktime import Calendar, known_countries

WHO_OR_GROUP = r"^(@[a-z0-9._-]{1,80}|[UW][A-Z0-9]{2,})$"
WhoOrGroup = Annotated[str, Field(pattern=WHO_OR_GROUP)]
PLACE = r"^(#[^A-Z\s#]{1,80}|[CG][A-Z0-9]{2,})$"
Place = Annotated[str, Field(pattern=PLACE)]
KEY = r"^[a-z][a-z0-9_]{0,39}$"
Key = Annotated[str, Field(pattern=KEY)]
CURRENCY = r"^[A-Z]{3}$"
Currency = Annotated[str, Field(pattern=CURRENCY)]
LONGEST = 60 * 24 * 365  # minutes


def _among(known: Sequence[str], what: str) -> BeforeValidator:
    def check(value: object) -> object:
        if value not in known:
            raise ValueError(f"{value} is no {what}; known are {', '.join(known)}")
        return value

    return BeforeValidator(check)


RungRole = Annotated[Role, _among(RUNGS, "rung of the ladder"), WithJsonSchema({"type": "string", "enum": [*RUNGS]})]
TeamRole = Annotated[Role, _among(TEAM, "role in an incident"), WithJsonSchema({"type": "string", "enum": [*TEAM]})]
OWED = tuple(duty for duty in Duty if duty is not Duty.REGRADE)  # that one is the clock's own
Owed = Annotated[Duty, _among(OWED, "duty with times"), WithJsonSchema({"type": "string", "enum": [*OWED]})]
OWNERS = tuple(role for role in Role if role is not Role.OWNER)
Owner = Annotated[Role, _among(OWNERS, "role or rung"), WithJsonSchema({"type": "string", "enum": [*OWNERS]})]


@dataclass(frozen=True)
class Span:
    """A length of time: minutes on the clock, or working days (then `minutes` is 0)."""

    minutes: int = 0
    working_days: int = 0

    @classmethod
    def parse(cls, written: object) -> "Span":
        """`15`, `"15 min"`, `"2 h"`, `"3 working days"`. Raises ValueError for anything else."""
        if isinstance(written, Span):
            return written
        found = re.fullmatch(r"(\d{1,6})(?: ?(min|h|working days?))?", str(written).strip())
        if not found or isinstance(written, (bool, float)) or int(found[1]) == 0:
            raise ValueError('must be minutes, or a time like "2 h" or "3 working days"')
        number, unit = int(found[1]), found[2] or "min"
        span = cls(working_days=number) if unit.startswith("working") else cls(number * (60 if unit == "h" else 1))
        if span.minutes > LONGEST or span.working_days > 365:
            raise ValueError("must be a year at most")
        return span

    def after(self, at: datetime, calendar: Calendar) -> datetime:
        """So much later."""
        return calendar.add_days(at, self.working_days) if self.working_days else at + timedelta(minutes=self.minutes)

    def before(self, at: datetime, calendar: Calendar) -> datetime:
        """So much earlier."""
        if self.working_days:
            return calendar.subtract_days(at, self.working_days)
        return at - timedelta(minutes=self.minutes)

    @property
    def seconds(self) -> int:
        """On the clock; a working day is a day."""
        return self.minutes * 60 + self.working_days * 24 * 3600


Time = Annotated[
    Span,
    PlainValidator(Span.parse),
    PlainSerializer(str),
    WithJsonSchema(
        {
            "description": 'Minutes, or a time like "15 min", "2 h", "3 working days".',
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": LONGEST},
                {"type": "string", "pattern": r"^\d{1,6}( ?(min|h|working days?))?$"},
            ],
        }
    ),
]


class Part(BaseModel):
    """A part of the file: nothing unknown is passed over in silence, nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Channels(Part):
    """The channels that are there before any incident, by name (`#incidents`) or id."""

    announcements: Place = Field(description="Every incident that is not confidential has a line here, kept current.")
    reviews: Place = Field(
        description=(
            "The postmortem of every incident that is not confidential is a thread here; that of a confidential one is "
            "in the incident's own channel."
        )
    )


class Rung(Part):
    """One step of the ladder: who is told, and as what."""

    role: RungRole = Field(description="Which rung it is: `owner`, `to` and `may` name it by this word.")
    people: list[WhoOrGroup] = Field(
        min_length=1, description="Who stands on it; the first who has not been told yet is told."
    )


class Words(Part):
    """The same words in each language, as long as an option of a menu may be."""

    en: str = Field(min_length=1, max_length=75, description="In English.")
    zh: str = Field(min_length=1, max_length=75, description="In Simplified Chinese.")

    def in_language(self, language: str) -> str:
        """The words in `language` (`en` or `zh`)."""
        return self.zh if language == "zh" else self.en


class LongWords(Words):
    """The same words in each language, as long as a hint under a field may be."""

    en: str = Field(min_length=1, max_length=500, description="In English.")
    zh: str = Field(min_length=1, max_length=500, description="In Simplified Chinese.")


class Department(Part):
    """A part of the company."""

    name: Words = Field(description="What people read.")


class Kind(Part):
    """What an incident is about, and which department answers for it (domain.md section 5)."""

    name: Words = Field(description="What people read.")
    department: Key = Field(description="Who answers for it: a key of `departments`. Refused: any other word.")


class Trigger(Part):
    """What can have happened (domain.md sections 1 and 9)."""

    name: Words = Field(description="What people choose when they report.")
    kind: Key = Field(description="What it is about: a key of `kinds`. Refused: any other word.")
    confidential: bool = Field(
        default=False, description="`true` opens a private channel, and nothing is announced to others."
    )
    verify: LongWords = Field(description="What the person who verifies the report should look at.")
    verify_with: TeamRole | None = Field(
        default=None,
        description="The role whose people know: the form names the first of them, who may not be in the channel yet.",
    )


class Threshold(Part):
    """From which number on a fact counts. Refused: both at once, or neither."""

    at_least: Decimal | None = Field(default=None, ge=0, description="From this number on; the number itself counts.")
    more_than: Decimal | None = Field(default=None, ge=0, description="Above this number; the number itself does not.")

    @model_validator(mode="after")
    def _one_of_them(self) -> "Threshold":
        if (self.at_least is None) == (self.more_than is None):
            raise ValueError("needs either at_least or more_than")
        return self

    def is_above(self, other: "Threshold") -> bool:
        """Whether every number that reaches this one reaches the other, and some that reach the other not this."""
        mine, theirs = self.number, other.number
        return mine > theirs or (mine == theirs and self.more_than is not None and other.at_least is not None)

    @property
    def number(self) -> Decimal:
        """Where it lies."""
        return self.at_least if self.at_least is not None else self.more_than or Decimal(0)

    def is_reached(self, value: Decimal) -> bool:
        """Whether a value counts."""
        if self.at_least is not None:
            return value >= self.at_least
        return value > (self.more_than or 0)


def _written_as(value: object) -> str | None:
    return "parts" if isinstance(value, (dict, Threshold)) else "list" if isinstance(value, list) else None


Test = Annotated[
    Annotated[Threshold, Tag("parts")] | Annotated[list[str], Tag("list")],
    Discriminator(
        _written_as,
        custom_error_type="written_otherwise",
        custom_error_message="must be {at_least: ...} or {more_than: ...} for a number, or a list of words",
    ),
]

NUMBERS = ("customers_affected", "money_lost", "core_down_minutes", "part_faulty_minutes")
VOCABULARIES: dict[str, type[StrEnum]] = {
    "publicity": Publicity,
    "high_risk": HighRisk,
    "complaint": Complaint,
    "emotion": Emotion,
    "customer_tier": Tier,
    "business_stopped": YesNo,
}


class Criterion(Part):
    """One line of the grading table (domain.md section 3): it holds when each of its facts does."""

    severity: Severity = Field(description="What is proposed when it holds; 1 is the most urgent.")
    when: dict[str, Test] = Field(
        min_length=1,
        description=(
            "The facts, each with its test: a threshold for a number, a list of words for a word. When there are "
            "several, each has to hold. A fact that is not known holds for nothing. Minutes that have begun count. "
            "Refused: facts and words that do not exist, a trigger that `triggers` does not have."
        ),
    )

    @model_validator(mode="after")
    def _facts_are_known(self) -> "Criterion":
        for fact, test in self.when.items():
            if fact in NUMBERS:
                if not isinstance(test, Threshold):
                    raise ValueError(f"{fact} is a number: write {{at_least: ...}} or {{more_than: ...}}")
            elif fact != "trigger" and fact not in VOCABULARIES:
                known = ", ".join([*NUMBERS, *VOCABULARIES, "trigger"])
                raise ValueError(f"{fact} is no fact; known are {known}")
            elif isinstance(test, Threshold):
                raise ValueError(f"{fact} is a word: write a list of words")
            elif fact in VOCABULARIES and (strange := [word for word in test if word not in [*VOCABULARIES[fact]]]):
                raise ValueError(f"{fact} can't be {strange[0]}; it can be {', '.join(VOCABULARIES[fact])}")
        return self


class Currencies(Part):
    """The currency of the thresholds, and what one unit of others is worth in it."""

    currency: Currency = Field(description="What the thresholds of `money_lost` are in: three capital letters.")
    rates: dict[Currency, Annotated[Decimal, Field(gt=0)]] = Field(
        default={}, description="What one unit of another currency is worth in it. Refused: 0 or less."
    )

    def knows(self, currency: str) -> bool:
        """Whether amounts in it can be compared."""
        return currency == self.currency or currency in self.rates

    def worth(self, money: Money) -> Decimal:
        """An amount in the thresholds' currency, exact. Raises KeyError for a currency without a rate."""
        return money.amount if money.currency == self.currency else money.amount * self.rates[money.currency]


class TimesBySeverity(Part):
    """Times that differ by severity; at a severity that is not named nothing is owed."""

    one: Time | None = Field(default=None, alias="1", description="At severity 1.")
    two: Time | None = Field(default=None, alias="2", description="At severity 2.")
    three: Time | None = Field(default=None, alias="3", description="At severity 3.")

    def at(self, severity: Severity) -> Span | None:
        """The time at a severity."""
        return {Severity.ONE: self.one, Severity.TWO: self.two, Severity.THREE: self.three}[severity]


class EventsBySeverity(Part):
    """What starts a duty, where that differs by severity."""

    one: Event | None = Field(default=None, alias="1", description="At severity 1.")
    two: Event | None = Field(default=None, alias="2", description="At severity 2.")
    three: Event | None = Field(default=None, alias="3", description="At severity 3.")

    def at(self, severity: Severity) -> Event | None:
        """What starts it at a severity."""
        return {Severity.ONE: self.one, Severity.TWO: self.two, Severity.THREE: self.three}[severity]


def _written_by_severity(value: object) -> str:
    return "by_severity" if isinstance(value, (dict, TimesBySeverity, EventsBySeverity)) else "one"


Times = Annotated[
    Annotated[Time, Tag("one")] | Annotated[TimesBySeverity, Tag("by_severity")], Discriminator(_written_by_severity)
]
Starts = Annotated[
    Annotated[Event, Tag("one")] | Annotated[EventsBySeverity, Tag("by_severity")], Discriminator(_written_by_severity)
]


class DutyTimes(Part):
    """What is owed by whom, and when (domain.md sections 2, 4, 6, 8 and 10)."""

    starts: Starts = Field(
        description=(
            "What starts the clock: one word, or one for each severity. `acknowledged`: somebody above knows of it; "
            "`asked`: somebody was asked to take a role, or a task was set; `complaint`: it is kept as an ordinary "
            "complaint, of either sort; `answered`: the complaint has its solution; `solved`: the incident is fixed; "
            "`confirmed`: enough customers have confirmed that; `dissatisfied`: one of them is not satisfied."
        )
    )
    owner: list[Owner] = Field(
        description=(
            "Who owes it: the first of these whom the incident has. Refused: an empty list (except for `accept_role`, "
            "which is owed by the person asked), and a rung that the ladder does not have."
        )
    )
    to: Owner | None = Field(
        default=None,
        description="Who has to acknowledge it, and is told at once. Refused: a rung that the ladder does not have.",
    )
    copies: dict[Literal["1", "2", "3"], list[WhoOrGroup]] = Field(
        default={}, description="Who is told at once as well, by severity: of a group, one person."
    )
    when: dict[str, list[str]] = Field(
        default={},
        description=(
            "Facts without which it is not owed: each must be one of its words. Refused: facts that are numbers, and "
            "words that do not exist."
        ),
    )
    within: Times = Field(
        description=(
            "How long after its start it is due: one time, or one for each severity that owes it. `{}` switches the "
            "duty off. Refused: no time for a severity at `accept_role`, `task`, `approve_plan`, `request`, "
            "`accept_postmortem` and `action`, since they start whenever somebody is asked."
        )
    )
    remind_before: Times = Field(
        description=(
            "How long before it is due its owner is reminded. Refused: as long as `within` or longer, and no time for "
            "a severity that owes it."
        )
    )
    escalate_every: Times = Field(
        description=(
            "How long each rung of the ladder has before the next one is told; the first one is told when it is due. "
            "Refused: no time for a severity that owes it."
        )
    )

    @model_validator(mode="after")
    def _in_order(self) -> "DutyTimes":
        for severity in Severity:
            within, before = _at(self.within, severity), _at(self.remind_before, severity)
            if within is None:
                continue
            if before is None or _at(self.escalate_every, severity) is None:
                raise ValueError(f"severity {severity} has no remind_before or no escalate_every")
            if before.seconds >= within.seconds:
                raise ValueError(f"severity {severity}: remind_before must be less than within")
            if self.starts_at(severity) is None:
                raise ValueError(f"severity {severity} is owed, but starts does not say what starts it")
        for fact, words in self.when.items():
            if fact not in VOCABULARIES:
                raise ValueError(f"when: {fact} is no fact with words; known are {', '.join(VOCABULARIES)}")
            if strange := [word for word in words if word not in [*VOCABULARIES[fact]]]:
                raise ValueError(f"when: {fact} can't be {strange[0]}; it can be {', '.join(VOCABULARIES[fact])}")
        return self

    def is_owed(self, severity: Severity) -> bool:
        """Whether anybody owes it at a severity."""
        return _at(self.within, severity) is not None

    def starts_at(self, severity: Severity) -> Event | None:
        """What starts it at a severity."""
        return self.starts.at(severity) if isinstance(self.starts, EventsBySeverity) else self.starts

    def due_within(self, severity: Severity) -> Span:
        """How long after its start the duty is due. Raises KeyError when it is not owed at this severity."""
        return _owed(self.within, severity)

    def remind_before_due(self, severity: Severity) -> Span:
        """How long before it is due its owner is reminded. Raises KeyError like `due_within`."""
        return _owed(self.remind_before, severity)

    def escalates_every(self, severity: Severity) -> Span:
        """How long each rung of the ladder has before the next one is told. Raises KeyError like `due_within`."""
        return _owed(self.escalate_every, severity)


def _at(times: Span | TimesBySeverity, severity: Severity) -> Span | None:
    return times.at(severity) if isinstance(times, TimesBySeverity) else times


def _owed(times: Span | TimesBySeverity, severity: Severity) -> Span:
    span = _at(times, severity)
    if span is None:
        raise KeyError(severity)
    return span


def _clock(written: object) -> time:
    if isinstance(written, time):
        return written
    if not isinstance(written, str) or not re.fullmatch(CLOCK, written):
        raise ValueError('must be a time of day, like "09:00"')
    return time.fromisoformat(written)


def _day(written: object) -> date:
    if isinstance(written, date):
        return written
    try:
        if isinstance(written, str) and re.fullmatch(DAY, written):
            return date.fromisoformat(written)
    except ValueError:  # 2026-02-30
        pass
    raise ValueError('must be a day, like "2026-12-31"')


CLOCK = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
Clock = Annotated[
    time,
    PlainValidator(_clock),
    PlainSerializer(lambda at: f"{at:%H:%M}"),
    WithJsonSchema({"type": "string", "pattern": CLOCK}),
]
Day = Annotated[date, PlainValidator(_day), PlainSerializer(str), WithJsonSchema({"type": "string", "pattern": DAY})]


class Hours(Part):
    """Working time (domain.md section 11)."""

    country: str = Field(
        description="ISO code of the country whose weekends, public holidays and make-up working days count."
    )
    timezone: str = Field(description="Where the company's clocks hang: the name of a time zone.")
    opens: Clock = Field(description="When a working day begins, hours and minutes.")
    closes: Clock = Field(description="When it ends. Refused: not after `opens`.")
    extra_holidays: list[Day] = Field(
        default=[],
        description="Days on which the company does not work, whatever its country does. Refused: a day in both lists.",
    )
    extra_working_days: list[Day] = Field(
        default=[], description="Days on which it works all the same. Refused: a day in both lists."
    )

    @field_validator("country")
    @classmethod
    def _known_country(cls, value: str) -> str:
        if value not in known_countries():
            raise ValueError(f"{value} is no country that has a calendar: write its ISO code, for example CN")
        return value

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("must be the name of a time zone, for example Asia/Shanghai") from None
        return value

    @model_validator(mode="after")
    def _opens_before_it_closes(self) -> "Hours":
        if self.opens >= self.closes:
            raise ValueError("opens must be before closes")
        if both := set(self.extra_holidays) & set(self.extra_working_days):
            raise ValueError(f"{min(both)} is an extra holiday and an extra working day: it can be only one")
        return self


class Item(Part):
    """A line in each language."""

    en: str = Field(min_length=1, max_length=300, description="In English.")
    zh: str = Field(min_length=1, max_length=300, description="In Simplified Chinese.")

    def in_language(self, language: str) -> str:
        """The words in `language` (`en` or `zh`)."""
        return self.zh if language == "zh" else self.en


People = Annotated[
    Annotated[dict[str, list[WhoOrGroup]], Tag("parts")] | Annotated[list[WhoOrGroup], Tag("list")],
    Discriminator(
        _written_as,
        custom_error_type="written_otherwise",
        custom_error_message="must be a list of people and groups, or such a list for each department",
    ),
]


class RoleNeeds(Part):
    """A role: when it is needed, who is proposed for it, and what its holder does (domain.md section 5)."""

    needed_at: list[Severity] = Field(description="The severities that need it; an empty list makes it optional.")
    people: People = Field(
        description=(
            "Who is proposed, in this order: one list, or one for each department concerned, with `otherwise` for the "
            "rest. Refused: nobody for a role that is needed, and departments that `departments` does not have."
        )
    )
    reporter_at: list[Severity] = Field(
        default=[], description="The severities at which whoever reported the incident is proposed first."
    )
    line: Item = Field(description="The role in one line: what people read when they are asked to take it.")
    duties: list[Item] = Field(min_length=1, max_length=10, description="What its holder does: the list they get.")

    def roster(self, department: str) -> list[str]:
        """Who is proposed when this department is concerned."""
        if isinstance(self.people, list):
            return self.people
        return self.people.get(department, self.people.get("otherwise", []))


class PlaybookTask(Part):
    """Something to do when a trigger has happened (domain.md section 9)."""

    task: Item = Field(description="What is to be done.")
    role: TeamRole | None = Field(default=None, description="Whose task it is; anybody's when left out.")
    within: Time | None = Field(
        default=None, description="How long after the list was posted it is due; without it no clock runs."
    )


class Duplicates(Part):
    """When two reports may be about the same."""

    within: int = Field(default=120, ge=1, le=60 * 24 * 7, description="How far apart they may be, in minutes.")
    similarity: float = Field(
        default=0.35, gt=0, le=1, description="How alike their texts have to be: 1 is word for word the same."
    )


class Confidentiality(Part):
    """What becomes of customers' data."""

    erase_after_days: int | None = Field(
        default=None,
        ge=1,
        le=36_500,
        description=(
            "So many days after an incident is closed or dismissed, its customers' data are erased: names, numbers, "
            "ways to reach them, what was said to them and what they answered; in what people wrote to each other they "
            "are masked. Figures stay. Left out, or `null`: they are kept for ever. Refused: less than a day."
        ),
    )


class UrgentCustomers(Part):
    """Who is called first."""

    tiers: list[Tier] = Field(default=[Tier.VIP, Tier.IMPORTANT], description="Customers of these tiers are.")
    emotions: list[Emotion] = Field(
        default=[Emotion.ANGRY, Emotion.FURIOUS], description="Customers who sounded like this are."
    )
    remind_earlier: int = Field(
        default=2,
        ge=1,
        le=4,
        description="What is owed to them is reminded of so many times earlier before it is due.",
    )


class Company(Part):
    """The company, as its customers know it."""

    name: Words = Field(description="What it is called in front of customers: its scripts begin or end with it.")


class Phrase(Part):
    """Words that should not reach a customer."""

    words: str = Field(
        min_length=1,
        max_length=100,
        description=(
            "What is looked for, whatever its capitals and apostrophes; words of an alphabet only as whole words. "
            "Refused: nothing but spaces."
        ),
    )
    instead: str = Field(
        min_length=1, max_length=300, description="What to say instead: read by whoever was about to say it."
    )

    @field_validator("words")
    @classmethod
    def _can_be_found(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("must have a word in it: it would be found everywhere")
        return value


class Phrases(Part):
    """Words that are flagged. Those of both languages are looked for in every text, since people mix them."""

    en: list[Phrase] = Field(description="English ones. Refused: the same words twice.")
    zh: list[Phrase] = Field(description="Chinese ones. Refused: the same words twice.")

    @field_validator("en", "zh")
    @classmethod
    def _each_once(cls, value: list[Phrase]) -> list[Phrase]:
        seen: set[str] = set()
        for phrase in value:
            if phrase.words.casefold() in seen:
                raise ValueError(f"{phrase.words} stands here twice")
            seen.add(phrase.words.casefold())
        return value


class CustomerWording(Part):
    """What is flagged in a text before it goes to a customer (domain.md section 6)."""

    never_said: Phrases = Field(description="What ends a talk instead of helping it.")
    unsafe: Phrases = Field(description="What promises something that nobody can know yet.")
    unrecorded_time: Item = Field(description="What is said when a text names a time that is not on record.")


May = Literal[
    "verify",
    "contact",
    "grade",
    "assign_roles",
    "dismiss",
    "solve",
    "work_on_tasks",
    "state_publicly",
    "plan",
    "request",
    "report_progress",
    "say_fixed",
    "confirm",
    "close",
    "reopen",
    "keep",
    "review",
    "accept_review",
    "plan_actions",
    "make_dossier",
]
ACTIONS: tuple[May, ...] = get_args(May)
WHO = ("anybody", "participants", "reporter", "on_call")


class DecidersBySeverity(Part):
    """Who decides, by severity: roles of the incident, rungs of the ladder, groups or persons."""

    one: list[str] = Field(alias="1", min_length=1, description="At severity 1.")
    two: list[str] = Field(alias="2", min_length=1, description="At severity 2.")
    three: list[str] = Field(alias="3", min_length=1, description="At severity 3.")

    def at(self, severity: Severity) -> list[str]:
        """Who decides at a severity."""
        return {Severity.ONE: self.one, Severity.TWO: self.two, Severity.THREE: self.three}[severity]


class Plans(Part):
    """Who approves a plan (domain.md section 7)."""

    approval: DecidersBySeverity = Field(
        description=(
            "Who approves a plan; one of them is enough, and nobody approves their own at severity 1. The same words "
            "as in `may`, without `anybody`. Refused: a word that is nobody."
        )
    )
    limits: dict[Role, Annotated[Decimal, Field(ge=0)]] = Field(
        default={},
        description=(
            "The compensation up to which somebody may approve a plan by a role or rung alone, in `money.currency`. "
            "One that is not named may approve any amount. Above the limits of all who approve at a severity, the "
            "rungs of the ladder above them decide."
        ),
    )


class Need(StrEnum):
    """How many customers have to confirm that it is solved."""

    ALL = "all"
    NAMED = "named"
    SHARE = "share"


class Enough(Part):
    """Whose confirmation is enough when so many customers are affected."""

    up_to: int | None = Field(
        default=None, ge=1, description="Up to so many customers affected; left out in the last line, for any number."
    )
    need: Need = Field(description="`all` of them, those who are in the list by `name`, or a `share` of them.")
    percent: int | None = Field(
        default=None,
        ge=1,
        le=100,
        description="The share. Refused: left out where `need` is `share`, or given elsewhere.",
    )

    @model_validator(mode="after")
    def _has_its_share(self) -> "Enough":
        if (self.need is Need.SHARE) != (self.percent is not None):
            raise ValueError("percent belongs to need: share, and only to it")
        return self


class Closing(Part):
    """From fixed to closed (domain.md section 8)."""

    confirmed_when: list[Enough] = Field(
        min_length=1,
        description=(
            "Whose confirmation is enough: the first line whose `up_to` is not exceeded. Refused: lines that don't go "
            "up, and a last line with `up_to`."
        ),
    )
    reopen_within_days: int = Field(
        default=14, ge=1, le=365, description="So many days after closing it can be opened again."
    )
    archive_after_days: int | None = Field(
        default=7,
        ge=0,
        le=365,
        description="So many days after closing the channel is archived. `null`: never.",
    )

    @model_validator(mode="after")
    def _goes_up(self) -> "Closing":
        *some, last = self.confirmed_when
        bounds = [line.up_to for line in some]
        if last.up_to is not None or None in bounds or bounds != sorted(set(bounds), key=lambda bound: bound or 0):
            raise ValueError("confirmed_when: up_to must go up from line to line, and the last line has none")
        return self

    def enough(self, customers: int) -> Enough:
        """Whose confirmation is enough when so many customers are affected."""
        return next(line for line in self.confirmed_when if line.up_to is None or customers <= line.up_to)


class Review(Part):
    """The postmortem (domain.md section 10)."""

    sections: dict[Section, list[Owner]] = Field(
        description=(
            "Who writes which section: the first of these whom the incident has. Refused: a section that is left out, "
            "and nobody."
        )
    )

    @field_validator("sections")
    @classmethod
    def _all_of_them(cls, value: dict[Section, list[Owner]]) -> dict[Section, list[Owner]]:
        if missing := [section for section in Section if not value.get(section)]:
            raise ValueError(f"{', '.join(missing)} must be there, with somebody who writes it")
        return value


class Weekday(StrEnum):
    """A day of the week."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


class Actions(Part):
    """Action items: who hears of those that are overdue, and when (domain.md section 10)."""

    managers: list[RungRole] = Field(
        min_length=1, description="The rungs of the ladder whose people hear of overdue action items once a week."
    )
    weekday: Weekday = Field(default=Weekday.MONDAY, description="The day of the week on which they do.")
    at: Clock = Field(default=time(9), description="The time of that day, in the company's time zone.")


EMOJI = r"^[a-z0-9_+'-]{1,80}$"


class Record(Part):
    """What people keep for the record."""

    reaction: str = Field(
        default="pushpin",
        pattern=EMOJI,
        description="The emoji, without colons, that keeps a message of an incident's channel.",
    )


class Procedure(Part):
    """The whole file."""

    channels: Channels = Field(description="The channels that are there before any incident.")
    on_call: list[WhoOrGroup] = Field(description="Who is invited to each incident's channel as soon as it opens.")
    ladder: list[Rung] = Field(
        description=(
            "Who is told when nobody answers in time, lowest rung first. The owner of a duty stands below the first "
            "rung. Refused: a rung that stands there twice, since the ladder would go in a circle."
        )
    )
    calendar: Hours = Field(
        description="Working time, for what is counted in working days. The company's own days win over its country's."
    )
    departments: dict[Key, Department] = Field(
        min_length=1, description="The parts of the company that an incident can concern, by keys of your own."
    )
    kinds: dict[Key, Kind] = Field(
        min_length=1,
        max_length=100,
        description="What incidents are about, by keys of your own; the kind decides which department is concerned.",
    )
    roles: dict[TeamRole, RoleNeeds] = Field(
        description="Who does what in an incident. Refused: a role that is left out, or that does not exist."
    )
    may: dict[May, list[str]] = Field(
        description=(
            "Who may do what: for each action any of `anybody`, `participants` (the people in the incident's channel), "
            "`reporter`, `on_call`, a role, a rung of the ladder, a group (`@legal`) or a person's id. Refused: an "
            "action that is left out, and a word that is nobody."
        )
    )
    triggers: dict[Key, Trigger] = Field(
        min_length=1,
        max_length=100,
        description="What can have happened, by keys of your own: the choice in the report.",
    )
    money: Currencies = Field(description="How customers' losses in different currencies compare.")
    grading: list[Criterion] = Field(
        min_length=1,
        description=(
            "Which facts speak for which severity. The most urgent severity of which one line holds is proposed, with "
            "all that hold at that severity as its reasons; severity 3 when none holds. Refused: two thresholds of one "
            "fact that overlap (the same severity twice, or a less urgent one that is not lower), a hole (severities 1 "
            "and 3 have a threshold, 2 has none), and a word that stands alone for two severities."
        ),
    )
    duties: dict[Owed, DutyTimes] = Field(
        description="What is owed, by whom and until when. Refused: a duty that is left out, or that does not exist."
    )
    playbooks: dict[Key, Annotated[list[PlaybookTask], Field(max_length=20)]] = Field(
        default={},
        description=(
            "What is to be done, by trigger: a checklist of at most 20 tasks in the incident's channel. Refused: a "
            "trigger that `triggers` does not have."
        ),
    )
    plans: Plans = Field(description="Who approves a plan, up to which compensation.")
    closing: Closing = Field(description="When it is confirmed, how long it can be opened again, and its channel.")
    review: Review = Field(description="The postmortem.")
    actions: Actions = Field(description="Action items that are overdue.")
    record: Record = Field(default=Record(), description="How messages of the channel are kept for the record.")
    urgent_customers: UrgentCustomers = Field(
        default=UrgentCustomers(), description="Which customers are called first, and reminded of earlier."
    )
    confidentiality: Confidentiality = Field(
        default=Confidentiality(), description="How long customers' data are kept."
    )
    duplicates: Duplicates = Field(
        default=Duplicates(), description="Which incidents are shown as possible duplicates while somebody reports."
    )
    company: Company = Field(description="Who speaks to the customers.")
    wording: CustomerWording = Field(
        description="Which words and times are flagged in a text before it goes to a customer."
    )

    @property
    def groups(self) -> set[str]:
        """The handles of all user groups that the file names, without the @."""
        named = [
            *self.on_call,
            *(who for rung in self.ladder for who in rung.people),
            *(who for needs in self.roles.values() for who in everybody(needs.people)),
            *(who for times in self.duties.values() for people in times.copies.values() for who in people),
            *(word for words in self.may.values() for word in words),
            *(word for severity in Severity for word in self.plans.approval.at(severity)),
        ]
        return {who.removeprefix("@") for who in named if who.startswith("@")}

    @cached_property
    def worktime(self) -> Calendar:
        """The working calendar."""
        hours = self.calendar
        return Calendar(
            hours.country,
            hours.timezone,
            hours.opens,
            hours.closes,
            frozenset(hours.extra_holidays),
            frozenset(hours.extra_working_days),
        )

    @cached_property
    def fingerprint(self) -> str:
        """Tells one content of the file from another."""
        return hashlib.sha256(self.model_dump_json(by_alias=True).encode()).hexdigest()[:16]

    def rung(self, role: Role) -> list[str]:
        """The people of a rung, as the file writes them; nobody when the ladder has no such rung."""
        return next((rung.people for rung in self.ladder if rung.role is role), [])

    def department_of(self, kind: str) -> str:
        """The department that answers for a kind; of a kind that is no longer in the file, the first one."""
        found = self.kinds.get(kind)
        return found.department if found else next(iter(self.departments))

    def task_words(self, task: Task, language: str) -> str:
        """What a task says: the playbook's words, or what somebody has written."""
        name, _, number = task.key.rpartition(".")
        playbook = self.playbooks.get(name, [])
        if task.words or not number.isdigit() or int(number) >= len(playbook):
            return task.words or task.key
        return playbook[int(number)].task.in_language(language)

    def trigger_name(self, key: str, language: str) -> str:
        """What a trigger is called; one that is no longer in the file keeps its key."""
        trigger = self.triggers.get(key)
        return trigger.name.in_language(language) if trigger else key


def everybody(people: list[str] | dict[str, list[str]]) -> list[str]:
    """All who are proposed for a role, whichever department is concerned."""
    return people if isinstance(people, list) else [who for some in people.values() for who in some]

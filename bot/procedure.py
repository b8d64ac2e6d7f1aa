"""The procedure file: its schema and its loader. A mistake in the file is named by line and field."""

import re
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bot.incident import Complaint, Duty, Emotion, HighRisk, Money, Publicity, Role, Severity, Tier, YesNo
from bot.settings import WrongSetup

WhoOrGroup = Annotated[str, Field(pattern=r"^(@[a-z0-9._-]{1,80}|[UW][A-Z0-9]{2,})$")]
Place = Annotated[str, Field(pattern=r"^(#[^A-Z\s#]{1,80}|[CG][A-Z0-9]{2,})$")]
Minutes = Annotated[int, Field(ge=1, le=60 * 24 * 30)]


class Part(BaseModel):
    """A part of the file: nothing unknown is passed over in silence, nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Channels(Part):
    """The channels that are there before any incident, by name (`#incidents`) or id."""

    announcements: Place


class Rung(Part):
    """One step of the ladder: who is told, and as what."""

    role: Role
    people: list[WhoOrGroup] = Field(min_length=1)


class Words(Part):
    """The same words in each language."""

    en: str = Field(min_length=1, max_length=75)
    zh: str = Field(min_length=1, max_length=75)

    def in_language(self, language: str) -> str:
        """The words in `language` (`en` or `zh`)."""
        return self.zh if language == "zh" else self.en


class LongWords(Words):
    """Like Words, as long as a hint under a field may be."""

    en: str = Field(min_length=1, max_length=500)
    zh: str = Field(min_length=1, max_length=500)


class Trigger(Part):
    """What can have happened (domain.md sections 1 and 9)."""

    name: Words
    confidential: bool = False
    verify: LongWords


class Threshold(Part):
    """From which number on a fact counts: `at_least` includes the number itself, `more_than` does not."""

    at_least: Decimal | None = Field(default=None, ge=0)
    more_than: Decimal | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _one_of_them(self) -> "Threshold":
        if (self.at_least is None) == (self.more_than is None):
            raise ValueError("needs either at_least or more_than")
        return self

    def is_reached(self, value: Decimal) -> bool:
        """Whether a value counts."""
        if self.at_least is not None:
            return value >= self.at_least
        return value > (self.more_than or 0)


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

    severity: Severity
    when: dict[str, Threshold | list[str]] = Field(min_length=1)

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

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    rates: dict[Annotated[str, Field(pattern=r"^[A-Z]{3}$")], Annotated[Decimal, Field(gt=0)]] = {}

    def worth(self, money: Money) -> Decimal:
        """An amount in the thresholds' currency, exact. Raises KeyError for a currency without a rate."""
        return money.amount if money.currency == self.currency else money.amount * self.rates[money.currency]


class BySeverity(Part):
    """Minutes that differ by severity."""

    one: Minutes = Field(alias="1")
    two: Minutes = Field(alias="2")
    three: Minutes = Field(alias="3")


def _minutes(value: int | BySeverity, severity: Severity) -> timedelta:
    if isinstance(value, BySeverity):
        value = {Severity.ONE: value.one, Severity.TWO: value.two, Severity.THREE: value.three}[severity]
    return timedelta(minutes=value)


class DutyTimes(Part):
    """The minutes of a duty (domain.md sections 2, 4 and 6)."""

    within: Minutes | BySeverity
    remind_before: Minutes | BySeverity
    escalate_every: Minutes | BySeverity

    @model_validator(mode="after")
    def _in_order(self) -> "DutyTimes":
        for severity in Severity:
            if self.remind_before_due(severity) >= self.due_within(severity):
                raise ValueError(f"severity {severity}: remind_before must be less than within")
        return self

    def due_within(self, severity: Severity) -> timedelta:
        """How long after its start the duty is due."""
        return _minutes(self.within, severity)

    def remind_before_due(self, severity: Severity) -> timedelta:
        """How long before it is due its owner is reminded."""
        return _minutes(self.remind_before, severity)

    def escalates_every(self, severity: Severity) -> timedelta:
        """How long each rung of the ladder has before the next one is told."""
        return _minutes(self.escalate_every, severity)


class Procedure(Part):
    """The whole file."""

    channels: Channels
    on_call: list[WhoOrGroup]
    ladder: list[Rung]
    triggers: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")], Trigger] = Field(
        min_length=1, max_length=100
    )
    money: Currencies
    grading: list[Criterion] = Field(min_length=1)
    duties: dict[Duty, DutyTimes]

    @model_validator(mode="after")
    def _whole(self) -> "Procedure":
        if missing := [duty for duty in Duty if duty not in self.duties]:
            raise ValueError(f"duties: {', '.join(missing)} must have its minutes")
        order = list(Role)
        rungs = [order.index(rung.role) for rung in self.ladder]
        if rungs != sorted(set(rungs)) or 0 in rungs:
            raise ValueError(f"ladder: the roles go up in this order, each at most once: {', '.join(order[1:])}")
        for number, criterion in enumerate(self.grading, 1):
            named = criterion.when.get("trigger", [])
            unknown = [key for key in named if key not in self.triggers] if isinstance(named, list) else []
            if unknown:
                raise ValueError(
                    f"grading: criterion {number} names the trigger {unknown[0]}, which is not in triggers"
                )
        return self

    @property
    def groups(self) -> set[str]:
        """The handles of all user groups that the file names, without the @."""
        named = [*self.on_call, *(who for rung in self.ladder for who in rung.people)]
        return {who.removeprefix("@") for who in named if who.startswith("@")}

    def trigger_name(self, key: str, language: str) -> str:
        """What a trigger is called; one that is no longer in the file keeps its key."""
        trigger = self.triggers.get(key)
        return trigger.name.in_language(language) if trigger else key


def load(path: Path) -> Procedure:
    """Reads and checks a procedure file.

    Raises WrongSetup with one sentence for each mistake, each with its line and field.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise WrongSetup(
            f"The procedure file {path} can't be read ({type(error).__name__}): set HOTLINE_PROCEDURE to one that can."
        ) from None
    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "it is not YAML"
        raise WrongSetup(f"{path.name}{line}: {problem}.") from None
    if not isinstance(data, dict):
        raise WrongSetup(
            f"{path.name}: the file is empty; start from the one that comes with Hotline, bot/procedure.yml."
        )
    try:
        return Procedure.model_validate(_with_text_keys(data))
    except ValidationError as error:
        raise WrongSetup(
            *(_sentence(path.name, tree, mistake["loc"], mistake["msg"]) for mistake in error.errors())
        ) from None


def _with_text_keys(value: object) -> object:
    """YAML reads the severities 1, 2, 3 as numbers where they are keys."""
    if isinstance(value, dict):
        return {str(key): _with_text_keys(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_text_keys(item) for item in value]
    return value


def _sentence(name: str, tree: yaml.Node | None, where: tuple[int | str, ...], message: str) -> str:
    line, path = 1, []
    node = tree
    for step in where:
        child = _child(node, step)
        if child is None:
            if isinstance(step, str) and re.fullmatch(r"[a-z_0-9]+", step) and step == where[-1]:
                path.append(step)
            continue
        path.append(str(step))
        line, node = child[0], child[1]
    message = message.removeprefix("Value error, ")
    field = f" {'.'.join(path)}:" if path else ""
    return f"{name} line {line}:{field} {message[0].lower()}{message[1:]}."


def _child(node: yaml.Node | None, step: int | str) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(step):
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        child = node.value[step]
        return child.start_mark.line + 1, child
    return None

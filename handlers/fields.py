"""Fields of forms. A field is written once: it draws itself, reads itself back, and its id addresses an error."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, Generic, Self, TypeVar

from slack_sdk.models.blocks import (
    CheckboxesElement,
    DatePickerElement,
    DateTimePickerElement,
    ExternalDataSelectElement,
    InputBlock,
    NumberInputElement,
    Option,
    PlainTextInputElement,
    RadioButtonsElement,
    StaticSelectElement,
    UserMultiSelectElement,
    UserSelectElement,
)
from slack_sdk.models.blocks.basic_components import DispatchActionConfig
from slack_sdk.models.blocks.block_elements import FileInputElement

from bot.incident import Evidence, Money
from bot.wording import Wording

E = TypeVar("E", bound=StrEnum)
LARGEST_AMOUNT = 10**15  # in the smallest unit: more is a slip of the finger


@dataclass
class Answers:
    """What somebody entered, with what is wrong about it so far (field id -> phrase)."""

    view: Mapping[str, Any]
    wrong: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)

    def of(self, field_id: str) -> Mapping[str, Any]:
        """What was entered in one field; nothing when the form does not show it."""
        block: Mapping[str, Any] = self.view.get("state", {}).get("values", {}).get(field_id) or {}
        return next(iter(block.values()), None) or {}

    def shows(self, field_id: str) -> bool:
        """Whether the form has this field."""
        return any(block.get("block_id") == field_id for block in self.view.get("blocks", ()))

    def refuse(self, field_id: str, phrase: str, **values: Any) -> None:
        """Something is wrong: `phrase` says what to enter."""
        self.wrong.setdefault(field_id, (phrase, values))

    def sentences(self, words: Wording) -> dict[str, str]:
        """What Slack shows under each wrong field."""
        return {
            field_id: words.text(phrase, **{name: _readable(name, value, words) for name, value in values.items()})
            for field_id, (phrase, values) in self.wrong.items()
        }


def _readable(name: str, value: Any, words: Wording) -> Any:
    """A number with its separators; `n`, which chooses the plural, gets them there."""
    return words.number(value) if isinstance(value, int) and name != "n" else value


@dataclass(frozen=True)
class Field:
    """What all fields have.

    The label is the phrase `<form>.<id>`; `.hint` and `.placeholder` are shown if they exist. `tells` is the action
    that a change of the field sends at once, for a form that redraws as facts change. Slack keeps what was entered by
    the id: a field that is to be filled anew has its version behind `__`."""

    id: str
    form: str
    required: bool = False
    tells: str = ""

    @property
    def label(self) -> str:
        """The phrase that names it."""
        return f"{self.form}.{self.id.partition('__')[0]}"

    def version(self, number: int) -> Self:
        """The same field, to be filled anew."""
        return replace(self, id=f"{self.id}__{number}") if number else self

    @property
    def action_id(self) -> str:
        """What Slack calls its element: the id by which state is kept while the form is redrawn."""
        return self.tells or self.id

    def _around(self, words: Wording, element: Any, hint: str | None = None) -> InputBlock:
        if hint is None and words.has(f"{self.label}.hint"):
            hint = words.text(f"{self.label}.hint")
        return InputBlock(
            block_id=self.id,
            label=words.text(self.label),
            hint=hint or None,
            optional=not self.required,
            dispatch_action=True if self.tells else None,
            element=element,
        )

    def _placeholder(self, words: Wording) -> str | None:
        key = f"{self.label}.placeholder"
        return words.text(key) if words.has(key) else None


def _as_typed(told: Field) -> DispatchActionConfig | None:
    """Typing is told as it goes: Slack says nothing when somebody only leaves a field."""
    return DispatchActionConfig(trigger_actions_on=["on_character_entered", "on_enter_pressed"]) if told.tells else None


@dataclass(frozen=True)
class Text(Field):
    """Words, on one line or several."""

    multiline: bool = False
    max_length: int = 3000
    if_missing: str = "form.say_something"

    def block(self, words: Wording, initial: str = "", hint: str | None = None, focus: bool = False) -> InputBlock:
        """The field, filled with what is known."""
        element = PlainTextInputElement(
            action_id=self.action_id,
            multiline=self.multiline,
            max_length=self.max_length,
            initial_value=initial[: self.max_length] or None,
            placeholder=self._placeholder(words),
            focus_on_load=focus or None,
            dispatch_action_config=_as_typed(self),
        )
        return self._around(words, element, hint)

    def read(self, answers: Answers) -> str:
        """What was entered, without space around it."""
        said = str(answers.of(self.id).get("value") or "").strip()
        if self.required and not said:
            answers.refuse(self.id, self.if_missing)
        if len(said) > self.max_length:
            answers.refuse(self.id, "form.too_long", n=self.max_length)
        return said


@dataclass(frozen=True)
class Number(Field):
    """A whole number within bounds."""

    least: int = 0
    most: int = 10_000_000

    def block(self, words: Wording, initial: int | None = None) -> InputBlock:
        """The field, filled with what is known."""
        element = NumberInputElement(
            action_id=self.action_id,
            is_decimal_allowed=False,
            min_value=str(self.least),
            max_value=str(self.most),
            initial_value=None if initial is None else str(initial),
            placeholder=self._placeholder(words),
            dispatch_action_config=_as_typed(self),
        )
        return self._around(words, element)

    def read(self, answers: Answers) -> int:
        """The number; the least one when what was entered is none."""
        said = str(answers.of(self.id).get("value") or "").strip()
        try:
            number = int(said)
        except ValueError:
            if said or self.required:
                answers.refuse(self.id, "form.whole_number", least=self.least)
            return self.least
        if not self.least <= number <= self.most:
            answers.refuse(self.id, "form.number_between", least=self.least, most=self.most)
        return number

    def read_if_said(self, answers: Answers) -> int | None:
        """The number; None when the field was left empty."""
        return self.read(answers) if str(answers.of(self.id).get("value") or "").strip() else None


@dataclass(frozen=True)
class Amount(Field):
    """Money, as people write it (`9,999.99 CNY`); a bare number is in the currency of the procedure."""

    def block(self, words: Wording, initial: Money | None = None) -> InputBlock:
        """The field, filled with what is known."""
        element = PlainTextInputElement(
            action_id=self.action_id,
            max_length=40,
            initial_value=f"{initial.amount:,f} {initial.currency}" if initial else None,
            placeholder=self._placeholder(words),
            dispatch_action_config=_as_typed(self),
        )
        return self._around(words, element)

    def read(self, answers: Answers, currency: str, rates: Collection[str], language: str) -> Money | None:
        """The amount, from a form in this `language`; one in a currency that can't be compared is refused."""
        said = str(answers.of(self.id).get("value") or "").strip()
        if not said:
            return None
        try:
            money = Money.parse(said, currency, language)
        except ValueError:
            answers.refuse(self.id, "form.an_amount", currency=currency)
            return None
        if money.currency not in (currency, *rates) or money.minor > LARGEST_AMOUNT:
            answers.refuse(self.id, "form.known_currency", known=", ".join([currency, *rates]))
            return None
        return money


@dataclass(frozen=True)
class Somebody(Field):
    """A person of the workspace."""

    def block(self, words: Wording, initial: str | None = None, hint: str | None = None, label: str = "") -> InputBlock:
        """The field, filled with whom is proposed. `label` is a phrase of its own, when there is one."""
        element = UserSelectElement(
            action_id=self.action_id,
            initial_user=initial,
            placeholder=self._placeholder(words) or words.text("form.choose_somebody"),
        )
        if not label:
            return self._around(words, element, hint)
        return InputBlock(
            block_id=self.id,
            label=words.text(label),
            hint=hint,
            optional=not self.required,
            dispatch_action=True if self.tells else None,
            element=element,
        )

    def read(self, answers: Answers) -> str | None:
        """Their id."""
        chosen = answers.of(self.id).get("selected_user")
        if not chosen and self.required:
            answers.refuse(self.id, "form.choose_somebody")
        return str(chosen) if chosen else None


@dataclass(frozen=True)
class People(Field):
    """People of the workspace."""

    most: int = 50

    def block(self, words: Wording, initial: Sequence[str] = ()) -> InputBlock:
        """The field, filled with whom is proposed."""
        element = UserMultiSelectElement(
            action_id=self.action_id,
            initial_users=list(initial[: self.most]) or None,
            max_selected_items=self.most,
            placeholder=self._placeholder(words) or words.text("form.choose_somebody"),
        )
        return self._around(words, element)

    def read(self, answers: Answers) -> list[str]:
        """Their ids."""
        chosen = answers.of(self.id).get("selected_users") or ()
        if not chosen and self.required:
            answers.refuse(self.id, "form.choose_somebody")
        return [str(user_id) for user_id in chosen][: self.most]


@dataclass(frozen=True)
class Choice(Field):
    """One of several options, given as (value, text) when the form is drawn."""

    def block(
        self, words: Wording, options: Iterable[tuple[str, str]], initial: str | None = None, hint: str | None = None
    ) -> InputBlock:
        """The field, filled with what is known."""
        drawn = [Option(value=value, text=text) for value, text in options]
        element = StaticSelectElement(
            action_id=self.action_id,
            options=drawn,
            initial_option=next((option for option in drawn if option.value == initial), None),
            placeholder=self._placeholder(words) or words.text("form.choose"),
        )
        return self._around(words, element, hint)

    def radio(self, words: Wording, options: Iterable[tuple[str, str]], initial: str | None, label: str) -> InputBlock:
        """Few options, all of them in sight. `label` is the phrase that names it."""
        drawn = [Option(value=value, text=text) for value, text in options]
        element = RadioButtonsElement(
            action_id=self.action_id,
            options=drawn,
            initial_option=next((option for option in drawn if option.value == initial), None),
        )
        return InputBlock(block_id=self.id, label=words.text(label), optional=not self.required, element=element)

    def read(self, answers: Answers, known: Collection[str]) -> str | None:
        """The value that was chosen, one of `known`."""
        chosen = (answers.of(self.id).get("selected_option") or {}).get("value")
        if chosen not in known:
            if chosen is not None or self.required:
                answers.refuse(self.id, "form.choose_one")
            return None
        return str(chosen)


@dataclass(frozen=True)
class Word(Field, Generic[E]):
    """One word of the procedure's vocabulary; its texts are the phrases `<vocabulary>.<word>`."""

    words_of: type[E] = field(kw_only=True)
    vocabulary: str = field(kw_only=True)

    def block(self, words: Wording, initial: E | None = None) -> InputBlock:
        """The field, filled with what is known."""
        options = [(word.value, words.text(f"{self.vocabulary}.{word.value}")) for word in self.words_of]
        return Choice(self.id, self.form, self.required, self.tells).block(words, options, initial)

    def read(self, answers: Answers) -> E | None:
        """The word that was chosen."""
        chosen = Choice(self.id, self.form, self.required).read(answers, list(self.words_of))
        return self.words_of(chosen) if chosen else None


@dataclass(frozen=True)
class Found(Field):
    """One of many, found by typing: the options come from a listener for `tells`."""

    def block(self, words: Wording, initial: tuple[str, str] | None, hint: str | None = None) -> InputBlock:
        """The field, filled with (value, text); with another `hint` than its own, or with none ("")."""
        option = Option(value=initial[0], text=initial[1]) if initial else None
        element = ExternalDataSelectElement(
            action_id=self.action_id, initial_option=option, min_query_length=0, placeholder=self._placeholder(words)
        )
        return self._around(words, element, hint)

    def read(self, answers: Answers) -> str:
        """The value that was chosen; empty when none was."""
        chosen = (answers.of(self.id).get("selected_option") or {}).get("value")
        if not chosen and self.required:
            answers.refuse(self.id, "form.choose_one")
        return str(chosen or "")


@dataclass(frozen=True)
class Ticks(Field):
    """Any of a few things, at most ten, given as (value, text) when the form is drawn."""

    def block(self, words: Wording, options: Iterable[tuple[str, str]], initial: Collection[str] = ()) -> InputBlock:
        """The field, with what is ticked already."""
        drawn = [Option(value=value, text=text) for value, text in options]
        ticked = [option for option in drawn if option.value in initial]
        element = CheckboxesElement(action_id=self.action_id, options=drawn, initial_options=ticked or None)
        return self._around(words, element)

    def read(self, answers: Answers) -> list[str]:
        """The values that are ticked."""
        return [str(option["value"]) for option in answers.of(self.id).get("selected_options") or ()]


@dataclass(frozen=True)
class When(Field):
    """A day and time that lies in the past, or with `ahead` in the future."""

    ahead: bool = False

    def block(self, words: Wording, initial: datetime | None = None) -> InputBlock:
        """The field, filled with what is known."""
        element = DateTimePickerElement(
            action_id=self.action_id, initial_date_time=int(initial.timestamp()) if initial else None
        )
        return self._around(words, element)

    def read(self, answers: Answers, now: datetime) -> datetime | None:
        """The time, aware UTC."""
        seconds = answers.of(self.id).get("selected_date_time")
        if not seconds:
            if self.required:
                answers.refuse(self.id, "form.choose_time")
            return None
        at = datetime.fromtimestamp(int(seconds), UTC)
        if self.ahead and at <= now:
            answers.refuse(self.id, "form.not_in_the_past")
        if not self.ahead and at > now + timedelta(minutes=5):  # people's clocks differ a little
            answers.refuse(self.id, "form.not_in_the_future")
        return at


@dataclass(frozen=True)
class Day(Field):
    """A day that is still to come, as the company's calendar counts it."""

    most: timedelta = timedelta(days=2 * 365)

    def block(self, words: Wording, initial: date | None = None) -> InputBlock:
        """The field, filled with what is known."""
        element = DatePickerElement(action_id=self.action_id, initial_date=initial.isoformat() if initial else None)
        return self._around(words, element)

    def read(self, answers: Answers, earliest: date) -> date | None:
        """The day: `earliest` or later."""
        said = str(answers.of(self.id).get("selected_date") or "")
        try:
            day = date.fromisoformat(said)
        except ValueError:
            if said or self.required:
                answers.refuse(self.id, "form.choose_day")
            return None
        if day < earliest:
            answers.refuse(self.id, "form.day_is_past")
        if day - earliest > self.most:
            answers.refuse(self.id, "form.day_is_far")
        return day


@dataclass(frozen=True)
class Files(Field):
    """Files that show what happened, of any kind or only of these (`csv`)."""

    most: int = 10
    kinds: Sequence[str] = ()

    def block(self, words: Wording) -> InputBlock:
        """The field; Slack keeps what was uploaded while the form is redrawn."""
        element = FileInputElement(action_id=self.action_id, max_files=self.most, filetypes=list(self.kinds) or None)
        return self._around(words, element)

    def read(self, answers: Answers) -> tuple[Evidence, ...]:
        """The files, by Slack's ids."""
        files: Sequence[Mapping[str, Any]] = answers.of(self.id).get("files") or ()
        if self.required and not files:
            answers.refuse(self.id, "form.choose_file")
        return tuple(
            Evidence("file", str(file["id"]), str(file.get("name") or ""), str(file.get("permalink") or ""))
            for file in files[: self.most]
        )

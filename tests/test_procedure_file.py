"""The procedure file: each mistake is named, its page is current, and a change is taken over while the bot runs."""

import json
import os
import re
import runpy
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
import yaml
from cryptography.fernet import Fernet
from sqlalchemy.exc import OperationalError

from bot.grading import Facts, propose
from bot.incident import Deadline, Duty, Incident, Money
from bot.procedure_file import Change, ProcedureFile, load
from bot.settings import WrongSetup
from handlers.metrics import PROCEDURE_IS_OLD
from handlers.procedure import reread
from storage import deadlines, incidents, journal, outbox, procedures
from storage.db import Database
from storage.encryption import Cipher
from storage.schema import migrate
from tests.processes import BotProcess, environment_of
from tests.workspace import ADA, PROCEDURE, ROOT, Clock, Sandbox, Workspace, opened, settings_for

TEXT = PROCEDURE.read_text(encoding="utf-8")
VERIFY = "  verify:\n    starts: reported\n    owner: [reporter]\n    within: 5\n    remind_before: 2\n"
CONTACT = "within: {1: 15, 2: 30, 3: 60}"


def changed(*changes: tuple[str, str]) -> str:
    """The shipped file with something else in it."""
    text = TEXT
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def line_of(words: str, text: str = TEXT) -> int:
    """The line on which these words begin, or which their last line is when they are several."""
    return text[: text.index(words)].count("\n") + words.rstrip("\n").count("\n") + 1


# -- mistakes ----------------------------------------------------------------------------------------------------------

# What stands in the file, what somebody writes instead, and what is said: all of it, one sentence for one mistake. The
# line is the one on which it was written, unless there is another (the words by which it is found).
MISTAKES: list[tuple[str, str, str] | tuple[str, str, str, str]] = [
    # channels, people
    ('"#incidents"', '"incidents"', "channels.announcements: must be a channel's name (#incidents) or its id"),
    ('"#incidents"', "5", "channels.announcements: must be a text"),
    (
        'on_call: ["@support-oncall"]',
        "on_call: [support]",
        "on_call.0: must be a person's id (U0123456789) or a user group",
    ),
    ('on_call: ["@support-oncall"]', 'on_call: "@support-oncall"', "on_call: must be a list, like [a, b]"),
    # ladder
    ("role: supervisor", "role: boss", "ladder.1.role: boss is no rung of the ladder; known are lead, supervisor,"),
    ("role: supervisor", "role: owner", "ladder.1.role: owner is no rung of the ladder; known are"),
    ("role: supervisor", "role: lead", "ladder.1.role: lead stands on the ladder already: it would go in a circle"),
    ("role: executive, people", "role: lead, people", "ladder.3.role: lead stands on the ladder already"),
    ('people: ["@supervisors"]', 'people: ["supervisors"]', "ladder.1.people.0: must be a person's id"),
    ('people: ["@supervisors"]', "people: []", "ladder.1.people: must not be empty"),
    # calendar
    ("country: CN", "country: Atlantis", "calendar.country: Atlantis is no country that has a calendar: write its ISO"),
    ("timezone: Asia/Shanghai", "timezone: Mars/Olympus", "calendar.timezone: must be the name of a time zone"),
    ('opens: "09:00"', "opens: 9", 'calendar.opens: must be a time of day, like "09:00"'),
    ('opens: "09:00"', 'opens: "9 am"', 'calendar.opens: must be a time of day, like "09:00"'),
    ('opens: "09:00"', 'opens: "25:00"', 'calendar.opens: must be a time of day, like "09:00"'),
    ('opens: "09:00"', 'opens: "09:00Z"', 'calendar.opens: must be a time of day, like "09:00"'),
    ('opens: "09:00"', 'opens: "18:00"', "calendar: opens must be before closes", "calendar:"),
    (
        "extra_holidays: []",
        "extra_holidays: [2026-13-45]",
        'calendar.extra_holidays.0: must be a day, like "2026-12-31"',
    ),
    (
        "extra_holidays: []",
        "extra_holidays: [2026-02-30]",
        'calendar.extra_holidays.0: must be a day, like "2026-12-31"',
    ),
    ("extra_holidays: []", "extra_holidays: [20261231]", 'calendar.extra_holidays.0: must be a day, like "2026-12-31"'),
    ("extra_holidays: []", "extra_holidays: 2026-12-31", "calendar.extra_holidays: must be a list, like [a, b]"),
    (
        'extra_holidays: []                 # ["2026-12-31"]\n  extra_working_days: []',
        "extra_holidays: [2026-12-31]\n  extra_working_days: [2026-12-31]",
        "calendar: 2026-12-31 is an extra holiday and an extra working day: it can be only one",
        "calendar:",
    ),
    # names that lead nowhere
    ("department: quality", "department: qualty", "kinds.product.department: qualty is not in departments, which has"),
    ("kind: product", "kind: produkt", "triggers.defective_batch.kind: produkt is not in kinds, which has technical,"),
    ("trigger: [escalated_complaint]", "trigger: [complaint]", "grading.14: the trigger complaint is not in triggers"),
    (
        "  wrong_charge:\n    - {task",
        "  wrong_charges:\n    - {task",
        "playbooks.wrong_charges: wrong_charges is not in triggers",
        "  wrong_charges:",
    ),
    (
        "      quality: [",
        "      quality_control: [",
        "roles.liaison.people.quality_control: quality_control is not in departments",
    ),
    (
        "  quality: {name",
        "  Quality: {name",
        "departments.Quality: must begin with a small letter and have small letters,",
    ),
    # roles and playbooks
    (
        "  legal:\n",
        "  lawyer:\n",
        "roles.lawyer: lawyer is no role in an incident; known are lead, tech_support, legal,",
    ),
    ("  legal:\n", "  executive:\n", "roles.executive: executive is no role in an incident; known are"),
    ("needed_at: [1, 2]", "needed_at: [1, 4]", "roles.tech_support.needed_at.1: can't be 4; it can be 1, 2, 3"),
    ('people: ["@legal"]', "people: []", "roles.legal.people: it is needed, but nobody is proposed for it"),
    (
        'people: ["@legal"]',
        "people: legal",
        "roles.legal.people: must be a list of people and groups, or such a list for each",
    ),
    (
        "role: pr, within: 30",
        "role: press, within: 30",
        "playbooks.system_failure.3.role: press is no role in an incident; known",
    ),
    (
        "role: pr, within: 30",
        "role: executive, within: 30",
        "playbooks.system_failure.3.role: executive is no role in an",
    ),
    (
        "role: pr, within: 30",
        "role: pr, within: 3 working dayz",
        "playbooks.system_failure.3.within: must be minutes, or a",
    ),
    # permissions
    (
        "contact: [participants]",
        "contact: [participant]",
        "may.contact.0: participant is nobody: write anybody, participants,",
    ),
    ("contact: [participants]", "contact: participants", "may.contact: must be a list, like [a, b]"),
    ("contact: [participants]", "talk: [participants]", "may.talk: can't be talk; it can be verify, contact, grade,"),
    ("  contact: [participants]\n", "", "may: contact must say who may", "may:"),
    # money and grading
    ("currency: CNY", "currency: yuan", "money.currency: must be a currency's three capital letters, like CNY"),
    ("USD: 7.10", "USD: 0", "money.rates.USD: must be greater than 0"),
    ("USD: 7.10", "USD: much", "money.rates.USD: must be a number"),
    ("USD: 7.10", "usd: 7.10", "money.rates.usd: must be a currency's three capital letters, like CNY"),
    ("severity: 1, when: {money", "severity: 4, when: {money", "grading.3.severity: can't be 4; it can be 1, 2, 3"),
    ("at_least: 100}", "at_leest: 100}", "grading.0.when.customers_affected.at_leest: is no key of this part; docs/"),
    ("at_least: 100}", "at_least: many}", "grading.0.when.customers_affected.at_least: must be a number"),
    (
        "at_least: 100}",
        "at_least: -1}",
        "grading.0.when.customers_affected.at_least: must be greater than or equal to 0",
    ),
    (
        "at_least: 100}",
        "at_least: 100, more_than: 9}",
        "grading.0.when.customers_affected: needs either at_least or more_than",
    ),
    (
        "{at_least: 100}",
        "[many]",
        "grading.0: customers_affected is a number: write {at_least: ...} or {more_than: ...}",
    ),
    (
        "{at_least: 100}",
        "100",
        "grading.0.when.customers_affected: must be {at_least: ...} or {more_than: ...} for a number",
    ),
    ("emotion: [furious]", "emotion: [fuming]", "grading.18: emotion can't be fuming; it can be calm, worried,"),
    ("emotion: [furious]", "mood: [furious]", "grading.18: mood is no fact; known are customers_affected, money_lost,"),
    ("emotion: [furious]", "emotion: {at_least: 1}", "grading.18: emotion is a word: write a list of words"),
    ("emotion: [furious]", "emotion: furious", "grading.18.when.emotion: must be {at_least: ...} or {more_than: ...}"),
    (
        "at_least: 100}",
        "at_least: 10}",
        "grading.1: customers_affected: the threshold of severity 2 is not below severity 1's",
        "severity: 2, when: {customers",
    ),
    (
        "{at_least: 1000}",
        "{at_least: 20000}",
        "grading.4: money_lost: the threshold of severity 2 is not below severity 1's",
    ),
    (
        "severity: 2, when: {customers",
        "severity: 1, when: {customers",
        "grading.1: customers_affected has two thresholds for",
    ),
    (
        "  - {severity: 2, when: {customers_affected: {at_least: 10}}}\n",
        "",
        "grading.1: customers_affected leaves a hole: severities 1 and 3 have a threshold, 2 has none",
        "  - {severity: 3, when: {customers",
    ),
    (
        "complaint: [mass]",
        "complaint: [mass, discontent]",
        "grading.17: complaint discontent stands for severity 1 and for",
        "complaint: [discontent]",
    ),
    # duties
    (
        "    within: 5\n",
        "    within: five\n",
        'duties.verify.within: must be minutes, or a time like "2 h" or "3 working days"',
    ),
    ("    within: 5\n", "    within: 3 working dayz\n", "duties.verify.within: must be minutes, or a time like"),
    ("    within: 5\n", "    within: 0\n", "duties.verify.within: must be minutes, or a time like"),
    ("    within: 5\n", "    within: 2.5\n", "duties.verify.within: must be minutes, or a time like"),
    ("    within: 5\n", "    within: 400 working days\n", "duties.verify.within: must be a year at most"),
    (
        "    within: 5\n",
        "    within: 1\n",
        "duties.verify: severity 1: remind_before must be less than within",
        "duties:\n  verify:",
    ),
    ("    within: 5\n", "    within: {1: 5, 2: soon}\n", "duties.verify.within.2: must be minutes, or a time like"),
    ("    within: 5\n", "    within: {1: 5, 4: 5}\n", "duties.verify.within.4: is no key of this part"),
    ("    within: 5\n", "", "duties.verify.within: is missing", "duties:\n  verify:"),
    (
        "    within: 5\n",
        "    within: 5\n    whithin: 6\n",
        "duties.verify.whithin: is no key of this part",
        "    whithin",
    ),
    (
        "remind_before: {1: 2, 2: 5, 3: 15}",
        "remind_before: {1: 2}",
        "duties.report_up: severity 2 has no remind_before or no",
        "  report_up:",
    ),
    (
        "starts: {1: acknowledged, 2: reported}",
        "starts: {1: acknowledged}",
        "duties.assemble_team: severity 2 is owed, but starts",
        "  assemble_team:",
    ),
    (
        "starts: graded",
        "starts: gradd",
        "duties.involve_pr.starts: can't be gradd; it can be reported, acknowledged, graded,",
    ),
    (
        "owner: [lead, supervisor]",
        "owner: [lead, boss]",
        "duties.assemble_team.owner.1: boss is no role or rung; known are",
    ),
    (
        "owner: [lead, supervisor]",
        "owner: [owner]",
        "duties.assemble_team.owner.0: owner is no role or rung; known are",
    ),
    ("owner: [lead, supervisor]", "owner: []", "duties.assemble_team.owner: somebody must owe it"),
    ("to: supervisor", "to: boss", "duties.report_up.to: boss is no role or rung; known are reporter, lead,"),
    (
        'copies: {1: ["@tech-support"]}',
        'copies: {1: ["tech-support"]}',
        "duties.report_up.copies.1.0: must be a person's id",
    ),
    (
        'copies: {1: ["@tech-support"]}',
        'copies: {9: ["@tech-support"]}',
        "duties.report_up.copies.9: can't be 9; it can be 1, 2, 3",
    ),
    (
        "when: {publicity: [may_spread, press",
        "when: {public: [may_spread, press",
        "duties.involve_pr: when: public is no fact with",
        "  involve_pr:",
    ),
    (
        "when: {publicity: [may_spread, press",
        "when: {publicity: [loud, press",
        "duties.involve_pr: when: publicity can't be loud;",
        "  involve_pr:",
    ),
    (
        "  follow_up:\n",
        "  followup:\n",
        "duties.followup: followup is no duty with times; known are verify, report_up,",
    ),
    ("  follow_up:\n", "  regrade:\n", "duties.regrade: regrade is no duty with times; known are"),
    (
        "within: {1: 3, 2: 5, 3: 15}",
        "within: {1: 3, 2: 5}",
        "duties.accept_role.within: must have a time for each severity: it starts whenever somebody is asked",
    ),
    ("    within: 60\n", "    within: {}\n", "duties.task.within: must have a time for each severity"),
    # duplicates, whole sections
    ("similarity: 0.35", "similarity: 3.5", "duplicates.similarity: must be less than or equal to 1"),
    ("{within: 120, similarity", "{within: 2 h, similarity", "duplicates.within: must be a whole number"),
    ("duplicates: {", "duplicate: {", "duplicate: is no key of this part; docs/procedure.md has them all"),
    ("erase_after_days: 180", "erase_after_days: 0", "confidentiality.erase_after_days: must be greater than or equal"),
    ("erase_after_days: 180", "erase_after_days: 180 days", "confidentiality.erase_after_days: must be a whole number"),
    ("erase_after_days: 180", "erase_after: 180", "confidentiality.erase_after: is no key of this part;"),
    ("confidential: true", "confidential: maybe", "triggers.account_security.confidential: must be true or false"),
    ("zh: 系统故障", f"zh: {'长' * 76}", "triggers.system_failure.name.zh: must have at most 75 characters"),
    ("zh: 系统故障", 'zh: ""', "triggers.system_failure.name.zh: must not be empty"),
    # what customers hear
    ("{en: Northlight Support, zh: 北光客服}", "{en: Northlight Support}", "company.name.zh: is missing"),
    ("{en: Northlight Support,", '{en: "",', "company.name.en: must not be empty"),
    ("{words: definitely,", "{words: definitely, note: a,", "wording.unsafe.en.0.note: is no key of this part;"),
    ("{words: definitely,", '{words: " ",', "wording.unsafe.en.0.words: must have a word in it: it would be found"),
    ("{words: definitely,", '{words: "",', "wording.unsafe.en.0.words: must not be empty"),
    (
        "{words: 您冷静,",
        "{words: 你冷静,",
        "wording.never_said.zh: 你冷静 stands here twice",
        'What I can offer you is ..."}\n    zh:',
    ),
    (
        "  unrecorded_time:\n    en: Record",
        "  unrecorded_time:\n    fr: a\n    en: Record",
        "wording.unrecorded_time.fr: is no key",
        "    fr:",
    ),
]


@pytest.mark.parametrize("case", MISTAKES, ids=lambda case: case[1].strip()[:50])
def test_a_mistake_is_named_by_line_and_key(tmp_path: Path, case: tuple[str, ...]) -> None:
    old, new, sentence, *elsewhere = case
    text = changed((old, new))
    path = tmp_path / "ours.yml"
    path.write_text(text, encoding="utf-8")
    line = line_of(elsewhere[0], text) if elsewhere else line_of(old)
    with pytest.raises(WrongSetup) as wrong:
        load(path)
    assert len(wrong.value.sentences) == 1, wrong.value
    assert wrong.value.sentences[0].startswith(f"ours.yml line {line}: {sentence}"), wrong.value
    assert wrong.value.sentences[0].endswith(".")


NO_YAML = [
    ("channels:\n", "channels: [\n", 7, "expected ',' or ']', but got '<scalar>'"),
    ("on_call: [", "on_call: ]", 9, "but found ']'"),
    ("ladder:\n", "ladder:\n\t- {}\n", 13, "found character '\\t' that cannot start any token"),
    ("on_call:", "channels:", 9, "channels stands here twice"),
    ("    remind_before: 2\n", "    within: 6\n", 237, "within stands here twice"),
    ("on_call:", "on_call: !!python/name:os.system", 9, "could not determine a constructor for the tag"),
    ("on_call:", "on_call: *nobody\nx:", 9, "found undefined alias 'nobody'"),
    ("on_call:", "\x07on_call:", 9, "a text can't have the character 0x7"),
]


@pytest.mark.parametrize(("old", "new", "line", "sentence"), NO_YAML)
def test_what_is_no_yaml_is_named_by_its_line(tmp_path: Path, old: str, new: str, line: int, sentence: str) -> None:
    path = tmp_path / "ours.yml"
    path.write_text(changed((old, new)), encoding="utf-8")
    with pytest.raises(WrongSetup) as wrong:
        load(path)
    [said] = wrong.value.sentences
    assert re.match(rf"ours\.yml line {line}: ", said), said
    assert sentence in said


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            b"",
            "ours.yml line 1: there are no sections; start from the file that comes with Hotline, bot/procedure.yml.",
        ),
        (b"- a\n", "ours.yml line 1: there are no sections"),
        (b"hello", "ours.yml line 1: there are no sections"),
        (b"a: 1\nb: \xff\n", "ours.yml line 2: this is not UTF-8: save the file in that encoding."),
        (b"a: " + b"[" * 5000, "ours.yml: it is nested too deeply, or in a circle."),
        (b"a: &a [*a]", "ours.yml: it is nested too deeply, or in a circle."),
    ],
)
def test_what_is_no_procedure_at_all_is_said(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "ours.yml"
    path.write_bytes(content)
    with pytest.raises(WrongSetup) as wrong:
        load(path)
    assert wrong.value.sentences[0].startswith(sentence)


def test_each_duty_to_a_rung_that_is_not_on_the_ladder_is_named(tmp_path: Path) -> None:
    path = tmp_path / "ours.yml"
    path.write_text(changed(('  - {role: executive, people: ["@executives"]}\n', "")), encoding="utf-8")
    with pytest.raises(WrongSetup) as wrong:
        load(path)
    nobody = "nobody can be executive: it is no role and no rung of the ladder."
    lines = [
        number for number, line in enumerate(path.read_text().splitlines(), start=1) if line == "    to: executive"
    ]
    assert list(wrong.value.sentences) == [
        f"ours.yml line {line}: duties.{duty}.to: {nobody}"
        for line, duty in zip(lines, ("inform_executive", "brief"), strict=True)
    ]


def test_all_mistakes_are_said_at_once(tmp_path: Path) -> None:
    path = tmp_path / "ours.yml"
    path.write_text(changed(("    within: 5\n", "    within: five\n"), ("role: lead,", "role: boss,"), ("CNY", "yuan")))
    with pytest.raises(WrongSetup) as wrong:
        load(path)
    assert len(wrong.value.sentences) == 3, wrong.value
    path.write_text("channels: {}\n", encoding="utf-8")
    with pytest.raises(WrongSetup) as wrong:
        load(path)
    missing = {sentence.split(": ")[1] for sentence in wrong.value.sentences if sentence.endswith("is missing.")}
    assert missing == {*load(PROCEDURE).model_dump(), "channels.announcements", "channels.reviews"} - {
        "channels",
        "playbooks",
        "urgent_customers",
        "confidentiality",
        "duplicates",
        "record",
    }


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('opens: "09:00"', "opens: 09:00"),  # as editors read it: no number in sixties
        ("extra_holidays: []", "extra_holidays: [2026-12-31]"),
        ("country: CN", "country: NO"),  # Norway, not false
        ('business_stopped: ["yes"]', "business_stopped: [yes]"),
        ("    within: 5\n", "    within: 5 min\n"),
        (VERIFY, VERIFY.replace("within: 5", "within: {}")),  # switched off
        ("at_least: 100}", "more_than: 99.5}"),
        ("erase_after_days: 180", "erase_after_days: null"),  # kept for ever
    ],
)
def test_what_can_be_understood_is_taken(tmp_path: Path, old: str, new: str) -> None:
    path = tmp_path / "ours.yml"
    path.write_text(changed((old, new)), encoding="utf-8-sig")
    assert load(path)


# -- its page, and the schema for editors ------------------------------------------------------------------------------

SCHEMA: dict[str, Any] = json.loads((ROOT / "docs" / "procedure.schema.json").read_text(encoding="utf-8"))
TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
SAID = {"$schema", "$defs", "title", "description", "default"}  # these forbid nothing


def refused(data: Any, part: dict[str, Any]) -> Iterator[str]:
    """What a JSON Schema has against some data: as much of the standard as our schema uses, and not a word more."""
    for word, value in part.items():
        if word not in SAID:
            yield from AGAINST[word](data, value, part)


def no(is_wrong: bool, why: str) -> Iterator[str]:
    if is_wrong:
        yield why


def against_type(data: Any, kind: str, _: Any) -> Iterator[str]:
    fits = isinstance(data, TYPES[kind]) and (kind == "boolean" or not isinstance(data, bool))
    yield from no(not fits, f"{data!r} is no {kind}")


def against_keys(data: Any, known: dict[str, Any], _: Any) -> Iterator[str]:
    for key in data if isinstance(data, dict) else ():
        if key in known:
            yield from refused(data[key], known[key])


def against_others(data: Any, value: Any, part: dict[str, Any]) -> Iterator[str]:
    others = [key for key in data if key not in part.get("properties", {})] if isinstance(data, dict) else []
    for key in others:
        yield from no(value is False, f"{key} is not known") if isinstance(value, bool) else refused(data[key], value)


def against_patterns(data: Any, patterns: dict[str, Any], _: Any) -> Iterator[str]:
    for key in data if isinstance(data, dict) else ():
        for pattern, inner in patterns.items():
            if re.search(pattern, key):
                yield from refused(data[key], inner)


def against_choices(data: Any, choices: list[Any], _: Any, most: int) -> Iterator[str]:
    fits = sum(not list(refused(data, one)) for one in choices)
    yield from no(not 1 <= fits <= most, f"{data!r} fits {fits} of the choices")


AGAINST: dict[str, Callable[[Any, Any, dict[str, Any]], Iterator[str]]] = {
    "$ref": lambda data, ref, _: refused(data, SCHEMA["$defs"][ref.removeprefix("#/$defs/")]),
    "type": against_type,
    "properties": against_keys,
    "additionalProperties": against_others,
    "patternProperties": against_patterns,
    "propertyNames": lambda data, part, _: (why for key in data for why in refused(key, part)),
    "required": lambda data, keys, _: (f"{key} is missing" for key in keys if key not in data),
    "items": lambda data, part, _: (why for each in data if isinstance(data, list) for why in refused(each, part)),
    "anyOf": lambda data, choices, part: against_choices(data, choices, part, len(choices)),
    "oneOf": lambda data, choices, part: against_choices(data, choices, part, 1),
    "enum": lambda data, words, _: no(data not in words, f"{data!r} is none of {words}"),
    "pattern": lambda data, value, _: no(
        isinstance(data, str) and not re.search(value, data), f"{data!r} is no {value}"
    ),
    "minItems": lambda data, least, _: no(len(data) < least, "it is too short"),
    "maxItems": lambda data, most, _: no(len(data) > most, "it is too long"),
    "minLength": lambda data, least, _: no(len(data) < least, "it is too short"),
    "maxLength": lambda data, most, _: no(len(data) > most, "it is too long"),
    "minProperties": lambda data, least, _: no(len(data) < least, "it is too short"),
    "maxProperties": lambda data, most, _: no(len(data) > most, "it is too long"),
    "minimum": lambda data, least, _: no(isinstance(data, (int, float)) and data < least, "it is too small"),
    "exclusiveMinimum": lambda data, least, _: no(isinstance(data, (int, float)) and data <= least, "it is too small"),
    "maximum": lambda data, most, _: no(isinstance(data, (int, float)) and data > most, "it is too large"),
}


def as_editors_read_it(text: str) -> Any:
    """The data of a file; keys are texts."""

    def with_text_keys(value: Any) -> Any:
        if isinstance(value, dict):
            return {str(key): with_text_keys(item) for key, item in value.items()}
        return [with_text_keys(item) for item in value] if isinstance(value, list) else value

    return with_text_keys(yaml.safe_load(text))


def test_the_page_and_the_schema_are_current() -> None:
    written: dict[Path, str] = runpy.run_path(str(ROOT / "docs" / "write_procedure.py"))["files"]()
    assert {path.name for path in written} == {"procedure.md", "procedure.schema.json"}
    for path, content in written.items():
        assert path.read_text(encoding="utf-8") == content, f"make docs: {path.name} is not what the schema says now"


def keys_of(part: Any) -> Iterator[str]:
    """Every key that a schema names."""
    for one in part if isinstance(part, list) else []:
        yield from keys_of(one)
    for name, inner in part.items() if isinstance(part, dict) else ():
        if name == "properties":
            yield from inner
        if name == "propertyNames":
            yield from SCHEMA["$defs"].get(inner.get("$ref", "").rpartition("/")[2], inner)["enum"]
        yield from keys_of(inner)


def test_every_key_of_the_schema_is_on_the_page() -> None:
    page = (ROOT / "docs" / "procedure.md").read_text(encoding="utf-8")
    explained = {
        key for path in re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE) for key in re.findall(r"\w+", path)
    }
    explained |= {word for line in re.findall(r"The keys are (.*?)\.", page) for word in re.findall(r"`(\w+)`", line)}
    keys = set(keys_of(SCHEMA))
    assert {"ladder", "remind_before", "follow_up", "at_least", "zh", "1", "otherwise"} - keys == {"otherwise"}
    assert keys <= explained | set(re.findall(r"^## `(\w+)`", page, re.MULTILINE)), keys - explained
    for line in page.splitlines():
        if line.startswith("| `"):
            cells = [cell.strip() for cell in line.strip("|").split(" | ")]
            assert all(cells[:3]), f"it says what it is and what it takes: {line}"
    assert "domain.md" not in page


def test_the_schema_takes_the_file_that_ships() -> None:
    assert list(refused(as_editors_read_it(TEXT), SCHEMA)) == []
    assert TEXT.startswith("# yaml-language-server: $schema=../docs/procedure.schema.json\n")
    assert (PROCEDURE.parent / "../docs/procedure.schema.json").exists()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("on_call:", "on_cal:"),
        ("role: supervisor", "role: boss"),
        ("    within: 5\n", "    within: 3 working dayz\n"),
        ("    within: 5\n", "    within: {1: 5, 4: 5}\n"),
        ("  follow_up:\n", "  followup:\n"),
        ("emotion: [furious]", "mood: [furious]"),
        ("emotion: [furious]", "emotion: [fuming]"),
        ("at_least: 100}", "at_leest: 100}"),
        ("needed_at: [1, 2]", "needed_at: [1, 4]"),
        ('"#incidents"', '"incidents"'),
        ("USD: 7.10", "USD: 0"),
        ("similarity: 0.35", "similarity: 3.5"),
    ],
)
def test_the_schema_shows_a_mistake_while_somebody_types(old: str, new: str) -> None:
    assert list(refused(as_editors_read_it(changed((old, new))), SCHEMA))


# -- a file that changes -----------------------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A company's own file; as it ships so far."""
    path = tmp_path / "ours.yml"
    path.write_text(TEXT, encoding="utf-8")
    return path


def replace_file(path: Path, content: str | bytes) -> None:
    """As an editor saves: at another moment than before."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    stamp = path.stat()
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns + 1_000_000))


OTHER = changed((CONTACT, "within: {1: 12, 2: 24, 3: 48}"))
WRONG = changed(("    within: 5\n", "    within: five\n"), ("role: lead,", "role: boss,"))


def test_a_look_tells_what_has_changed(path: Path) -> None:
    file = ProcedureFile(path)
    first = file.current
    assert file.look() == Change()
    replace_file(path, TEXT + "\n# a remark\n")
    assert file.look() == Change(has_changed=False, is_news=True), "the words are others, the procedure is not"
    replace_file(path, OTHER)
    assert file.look() == Change(has_changed=True, is_news=True)
    assert file.current != first
    assert file.current == load(path)
    assert file.look() == Change()


def test_a_wrong_file_leaves_everything_as_it_was(path: Path) -> None:
    file = ProcedureFile(path)
    first = file.current
    replace_file(path, WRONG)
    found = file.look()
    assert (found.has_changed, found.is_news, len(found.wrong)) == (False, True, 2)
    assert file.current is first
    assert file.look() == Change(wrong=found.wrong), "said once, but still true"
    replace_file(path, WRONG + "# and another remark\n")
    assert file.look().is_news
    replace_file(path, TEXT)
    assert file.look() == Change(is_news=True), "mended: as it was before"
    replace_file(path, OTHER)
    assert file.look() == Change(has_changed=True, is_news=True)


def test_a_file_that_is_not_there_for_a_while_changes_nothing(path: Path) -> None:
    file = ProcedureFile(path)
    first = file.current
    path.unlink()
    found = file.look()
    assert found.is_news
    assert found.wrong[0].startswith(f"The procedure file {path} can't be read (FileNotFoundError)")
    assert file.look() == Change(wrong=found.wrong)
    path.mkdir()
    assert "IsADirectoryError" in file.look().wrong[0]
    path.rmdir()
    replace_file(path, TEXT)
    assert file.look() == Change(is_news=True)
    assert file.current == first


@pytest.mark.parametrize("share", [0, 0.1, 0.3, 0.5, 0.7])
def test_a_half_written_file_is_not_taken_over(path: Path, share: float) -> None:
    file = ProcedureFile(path)
    first = file.current
    whole = OTHER.encode()
    replace_file(path, whole[: int(len(whole) * share)])
    assert file.look().wrong
    assert file.current is first
    replace_file(path, whole)
    assert file.look().has_changed


def test_a_file_that_is_being_written_is_looked_at_later(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = ProcedureFile(path)
    replace_file(path, OTHER)
    read = Path.read_bytes

    def read_while_somebody_writes(self: Path) -> bytes:
        content = read(self)
        with self.open("ab") as more:
            more.write(b"# more")
        return content

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", read_while_somebody_writes)
        assert file.look() == Change()
    assert file.look().has_changed


def test_a_change_is_seen_however_it_was_made(path: Path, tmp_path: Path) -> None:
    file = ProcedureFile(path)
    before = path.stat()
    path.write_text(changed(("    within: 5\n", "    within: 6\n")), encoding="utf-8")  # as long as before
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # and as old
    assert file.look().has_changed
    other = tmp_path / "other.yml"
    other.write_text(OTHER, encoding="utf-8")
    other.rename(path)
    assert file.look().has_changed
    versions = [tmp_path / "1.yml", tmp_path / "2.yml"]
    for version, text in zip(versions, (TEXT, OTHER), strict=True):
        version.write_text(text, encoding="utf-8")
    path.unlink()
    path.symlink_to(versions[0])  # as an orchestrator mounts it
    assert file.look().has_changed
    (tmp_path / "next").symlink_to(versions[1])
    (tmp_path / "next").rename(path)
    assert file.look().has_changed


# -- while the bot runs ------------------------------------------------------------------------------------------------


@pytest.fixture
def company(sandbox: Sandbox, sqlite_url: str, path: Path) -> Iterator[Workspace]:
    """A workspace whose procedure file can be changed."""
    with opened(sandbox, settings_for(sandbox, sqlite_url, socket_mode=False, hotline_procedure=path)) as joined:
        yield joined


def deadlines_of(workspace: Workspace, incident: Incident) -> dict[Duty, Deadline]:
    """The clocks of an incident, with everything that they will say."""
    with workspace.bot.db.read() as tx:
        found = deadlines.of_incident(tx, incident.id)
        return {deadline.duty: replace(deadline, moments=tuple(deadline.moments)) for deadline in found}


def noted(workspace: Workspace) -> list[str]:
    """The fingerprints that the journal has."""
    with workspace.bot.db.read() as tx:
        assert journal.is_whole(tx, None)
        entries = journal.of_incident(tx, None)
    assert all(entry.by is None for entry in entries)
    return [str(entry.detail["fingerprint"]) for entry in entries if entry.what == "procedure_changed"]


def is_old() -> float:
    """The gauge that operators watch."""
    [sample] = next(iter(PROCEDURE_IS_OLD.collect())).samples
    return float(sample.value)


def test_running_deadlines_keep_their_times_and_new_ones_go_by_the_new_file(company: Workspace, path: Path) -> None:
    first = company.report()
    running = deadlines_of(company, first)
    replace_file(path, OTHER)
    assert reread(company.bot.desk)
    assert deadlines_of(company, first) == running
    second = company.report(customer="Globex", what_happened="Nobody can log in")
    times = [deadlines_of(company, incident)[Duty.FIRST_CONTACT] for incident in (first, second)]
    assert [(each.due_at - each.started_at) // timedelta(minutes=1) for each in times] == [15, 12]
    company.wait(9)
    positions = [deadlines_of(company, incident)[Duty.FIRST_CONTACT].position for incident in (first, second)]
    assert positions == [0, 1], (
        "the reminder comes five minutes before: after 10 by the old file, after 7 by the new one"
    )
    company.wait(1)
    assert deadlines_of(company, first)[Duty.FIRST_CONTACT].position == 1


def test_a_form_that_was_drawn_before_is_drawn_anew(company: Workspace, path: Path) -> None:
    form = json.dumps(company.command(ADA)["view"])
    assert "System failure" in form
    replace_file(path, changed(("{en: System failure,", "{en: Meteor strike,")))
    reread(company.bot.desk)
    form = json.dumps(company.command(ADA)["view"])
    assert "Meteor strike" in form
    assert "System failure" not in form


def test_the_groups_that_it_names_are_asked_for(company: Workspace, path: Path) -> None:
    asked = len(company.sandbox.calls("usergroups.list"))
    reread(company.bot.desk)
    company.settle()
    assert len(company.sandbox.calls("usergroups.list")) == asked
    replace_file(path, changed(('on_call: ["@support-oncall"]', 'on_call: ["@supervisors"]')))
    assert reread(company.bot.desk)
    company.settle()
    assert len(company.sandbox.calls("usergroups.list")) == asked + 1


def test_a_change_is_in_the_journal_once(company: Workspace, path: Path) -> None:
    assert noted(company) == [], "the first start is no change"
    replace_file(path, OTHER)
    for _ in range(3):
        reread(company.bot.desk)
    other = company.bot.desk.procedure.fingerprint
    assert noted(company) == [other]
    replace_file(path, OTHER + "# a remark\n")
    reread(company.bot.desk)
    assert noted(company) == [other]
    replace_file(path, TEXT)
    reread(company.bot.desk)
    assert noted(company) == [other, load(PROCEDURE).fingerprint]


def test_a_wrong_file_is_said_once_and_the_old_one_stays_in_force(company: Workspace, path: Path) -> None:
    assert is_old() == 0
    with structlog.testing.capture_logs() as logged:
        replace_file(path, WRONG)
        assert not reread(company.bot.desk)
        reread(company.bot.desk)
    said = [str(entry["event"]) for entry in logged if entry["log_level"] == "warning"]
    assert len(said) == 3, said
    assert said[0] == "the procedure file can't be used: what it said before stays in force"
    assert {line.split(": ")[1] for line in said[1:]} == {"ladder.0.role", "duties.verify.within"}
    assert is_old() == 1
    assert noted(company) == []
    incident = company.report()
    assert Duty.VERIFY in deadlines_of(company, incident)
    with structlog.testing.capture_logs() as logged:
        replace_file(path, OTHER)
        assert reread(company.bot.desk)
    assert [entry for entry in logged if entry["log_level"] != "info"] == []
    assert is_old() == 0
    assert len(noted(company)) == 1


def test_a_file_that_disappears_is_said(company: Workspace, path: Path) -> None:
    path.unlink()
    with structlog.testing.capture_logs() as logged:
        assert not reread(company.bot.desk)
        assert not reread(company.bot.desk)
    assert sum("can't be read" in str(entry["event"]) for entry in logged) == 1
    assert is_old() == 1
    replace_file(path, TEXT)
    assert not reread(company.bot.desk)
    assert is_old() == 0
    assert noted(company) == []


def test_a_change_made_while_nothing_ran_is_noted_at_the_start(sandbox: Sandbox, sqlite_url: str, path: Path) -> None:
    settings = settings_for(sandbox, sqlite_url, socket_mode=False, hotline_procedure=path)
    with opened(sandbox, settings) as first:
        assert noted(first) == []
    with opened(sandbox, settings) as again:
        assert noted(again) == [], "the same file is no change"
    replace_file(path, OTHER)
    with opened(sandbox, settings) as after:
        assert noted(after) == [load(path).fingerprint]


def test_of_several_replicas_one_notes_a_change(sandbox: Sandbox, database_url: str, path: Path) -> None:
    settings = settings_for(sandbox, database_url, socket_mode=False, hotline_procedure=path)
    with opened(sandbox, settings) as first, opened(sandbox, settings, Clock(), reset=False) as second:
        replace_file(path, OTHER)
        with ThreadPoolExecutor(8) as pool:
            changes = list(pool.map(reread, [first.bot.desk, second.bot.desk] * 4))
        assert sum(changes) == 2, "each has taken it over"
        assert first.bot.desk.procedure == second.bot.desk.procedure == load(path)
        assert noted(first) == [load(path).fingerprint]


def test_of_many_who_note_the_same_at_once_one_is_told_that_it_is_new(database_url: str) -> None:
    db = Database(database_url, Cipher([Fernet.generate_key().decode()]))
    migrate(db)

    def note(fingerprint: str) -> bool:
        with db.begin() as tx:
            return procedures.set_current(tx, fingerprint)

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(note, ["first"] * 8)) == 0, "what is there first is no change"
        assert sum(pool.map(note, ["second"] * 8)) == 1
        assert sum(pool.map(note, ["first"] * 8)) == 1
    db.close()


def test_a_database_that_is_away_is_told_later(company: Workspace, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise OperationalError("", {}, Exception("away"))

    replace_file(path, OTHER)
    with monkeypatch.context() as patch, structlog.testing.capture_logs() as logged:
        patch.setattr(company.bot.db, "begin", away)
        assert reread(company.bot.desk), "it is in force all the same"
    assert any("noted later" in str(entry["event"]) for entry in logged)
    assert noted(company) == []
    reread(company.bot.desk)
    assert noted(company) == [load(path).fingerprint]


def test_an_incident_whose_words_the_file_no_longer_has_goes_on(company: Workspace, path: Path) -> None:
    """A trigger, a kind and a currency are gone: what was reported before keeps its card and its clocks."""
    incident = company.report()
    with company.bot.db.begin() as tx:
        incidents.set_facts(tx, replace(incidents.get(tx, incident.id), money_lost=Money.parse("5000USD")))
    gone = changed(("USD: 7.10, ", ""), ("  technical: {name", "  machines: {name"))
    gone = gone.replace("kind: technical", "kind: machines").replace("  system_failure:\n", "  outage:\n")
    replace_file(path, gone)
    assert reread(company.bot.desk)
    company.wait(5)
    with company.bot.db.begin() as tx:
        outbox.redraw(tx, [incident.id], company.clock.now, drawings=["card"])
    company.settle()
    assert "INC-1" in company.card(incident).everything
    with company.bot.db.read() as tx:
        assert outbox.waiting(tx) == 0
    proposal = propose(Facts(money_lost=Money.parse("5000USD")), company.bot.desk.procedure)
    assert proposal.reasons == ()


# -- as a process ------------------------------------------------------------------------------------------------------


def test_a_wrong_file_never_starts_the_bot(sandbox: Sandbox, tmp_path: Path, path: Path) -> None:
    sandbox.post("/reset")
    replace_file(path, WRONG)
    database = tmp_path / "started" / "hotline.db"
    process = BotProcess(environment_of(settings_for(sandbox, f"sqlite:///{database}"), HOTLINE_PROCEDURE=str(path)))
    assert process.ended() == 2
    said = process.output.splitlines()
    assert len(said) == 2, said
    assert all(re.match(r"ours\.yml line \d+: \S+: ", sentence) for sentence in said), said
    assert not database.parent.exists(), "not even half"
    assert sandbox.calls() == []


def test_a_bot_that_runs_takes_over_a_mended_file(sandbox: Sandbox, sqlite_url: str, path: Path) -> None:
    sandbox.post("/reset")
    environment = environment_of(settings_for(sandbox, sqlite_url), HOTLINE_PROCEDURE=str(path), HOTLINE_LOG="json")
    running = BotProcess(environment).ready()
    replace_file(path, WRONG)
    running.says("ours.yml line", seconds=15)
    replace_file(path, changed(("@supervisors", "@nobody")))
    running.says("the user group @nobody, which does not exist", seconds=15)
    assert running.output.count("can't be used") == 1
    assert running.stop() == 0
    assert "Traceback" not in running.output

"""Where an incident stands -> what its customers hear next, how, and by when."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.contact import channel_of, is_restored, language_of, next_word_at, stage_of
from bot.incident import (
    ContactChannel,
    Customer,
    CustomerLanguage,
    Deadline,
    Duty,
    Incident,
    Listed,
    Severity,
    Stage,
    Status,
)
from bot.procedure_file import load
from tests.workspace import PROCEDURE

NOW = datetime(2026, 2, 13, 8, 2, 30, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
INCIDENT = Incident(
    id=1,
    report_key="k",
    status=Status.VERIFIED,
    title="Payments fail",
    what_happened="Payments fail",
    trigger="system_failure",
    customers_affected=3,
    proposed_severity=Severity.ONE,
    reporter_id="U0ADA",
    is_private=False,
    reported_at=NOW - HOUR,
)
DOWN = {"core_down_since": NOW - HOUR}
FIXED = {"status": Status.FIXED, "fixed_at": NOW}


def clock(duty: Duty, due_at: datetime) -> Deadline:
    return Deadline(1, 1, duty, "U0ADA", NOW - HOUR, due_at, 900)


@pytest.mark.parametrize(
    ("facts", "clocks", "has_heard", "solution", "stage"),
    [
        ({}, [Duty.FIRST_CONTACT], False, False, Stage.FIRST_CONTACT),
        (DOWN, [], False, True, Stage.FIRST_CONTACT),
        ({}, [Duty.UPDATE], True, False, Stage.PROGRESS),
        (DOWN, [Duty.UPDATE], True, False, Stage.PROGRESS),
        ({}, [Duty.UPDATE], True, True, Stage.SOLUTION),
        (DOWN | {"core_restored_at": NOW}, [Duty.UPDATE], True, False, Stage.VERIFICATION),
        (DOWN | {"core_restored_at": NOW, "part_faulty_since": NOW}, [Duty.UPDATE], True, False, Stage.PROGRESS),
        (FIXED, [Duty.UPDATE], False, False, Stage.FIRST_CONTACT),
        (FIXED, [Duty.CONFIRMATION], True, True, Stage.VERIFICATION),
        ({"status": Status.CONFIRMED}, [], True, True, Stage.CLOSING),
        ({"status": Status.CONFIRMED}, [Duty.FOLLOW_UP], True, True, Stage.FOLLOW_UP),
        ({"status": Status.CLOSED}, [Duty.FOLLOW_UP], True, False, Stage.FOLLOW_UP),
        (DOWN | {"core_restored_at": NOW, "reopened_at": NOW}, [Duty.UPDATE], True, False, Stage.PROGRESS),
        ({"status": Status.COMPLAINT}, [Duty.COMPLAINT_FEEDBACK], True, False, Stage.SOLUTION),
        ({"status": Status.CLOSED}, [], True, False, Stage.SURVEY),
    ],
)
def test_the_stage_follows_from_where_the_incident_stands(
    facts: dict[str, object], clocks: list[Duty], has_heard: bool, solution: bool, stage: Stage
) -> None:
    incident = replace(INCIDENT, **facts)  # type: ignore[arg-type]
    running = [clock(duty, NOW + HOUR) for duty in clocks]
    assert stage_of(incident, running, has_heard, solution, NOW) is stage


@pytest.mark.parametrize(
    ("status", "left", "stage"),
    [
        (Status.FIXED, 24 * HOUR, Stage.VERIFICATION),
        (Status.CONFIRMED, 24 * HOUR, Stage.CLOSING),
        (Status.CONFIRMED, 6 * HOUR + MINUTE, Stage.CLOSING),
        (Status.CONFIRMED, 6 * HOUR, Stage.FOLLOW_UP),
        (Status.FIXED, HOUR, Stage.FOLLOW_UP),
        (Status.FIXED, -HOUR, Stage.FOLLOW_UP),
        (Status.CLOSED, 20 * HOUR, Stage.FOLLOW_UP),
    ],
)
def test_right_after_the_fix_it_is_about_the_solution_and_a_day_later_about_how_it_is(
    status: Status, left: timedelta, stage: Stage
) -> None:
    incident = replace(INCIDENT, status=status, fixed_at=NOW - HOUR)
    assert stage_of(incident, [clock(Duty.FOLLOW_UP, NOW + left)], True, True, NOW) is stage


def test_a_temporary_measure_needs_the_customers_word_before_anything_else_is_said_of_it() -> None:
    assert stage_of(INCIDENT, [], True, False, NOW, asks_consent=True) is Stage.TEMPORARY_MEASURE
    assert stage_of(INCIDENT, [], False, False, NOW, asks_consent=True) is Stage.FIRST_CONTACT
    restored = replace(INCIDENT, **DOWN, core_restored_at=NOW)  # type: ignore[arg-type]
    assert stage_of(restored, [], True, True, NOW, asks_consent=True) is Stage.VERIFICATION


@pytest.mark.parametrize("duty", [Duty.UPDATE, Duty.PROMISE])
def test_what_is_late_is_explained_first(duty: Duty) -> None:
    assert stage_of(INCIDENT, [clock(duty, NOW)], True, False, NOW) is Stage.DELAY


@pytest.mark.parametrize(
    ("severity", "clocks", "at"),
    [
        (Severity.ONE, [], "10:05"),
        (Severity.TWO, [], "12:05"),
        (Severity.ONE, [clock(Duty.FIRST_CONTACT, NOW + 15 * MINUTE)], "10:20"),
        (Severity.ONE, [clock(Duty.FIRST_CONTACT, NOW - 15 * MINUTE)], "10:05"),
        (Severity.ONE, [clock(Duty.UPDATE, NOW + 20 * MINUTE)], "10:25"),
        (Severity.ONE, [clock(Duty.UPDATE, NOW + 100 * MINUTE)], "10:05"),
        (Severity.THREE, [clock(Duty.PRELIMINARY_SOLUTION, NOW + HOUR)], "09:05"),
        (Severity.THREE, [clock(Duty.PRELIMINARY_SOLUTION, NOW)], "08:05"),
    ],
)
def test_the_next_word_comes_by_a_time_that_our_own_clock_keeps(
    severity: Severity, clocks: list[Deadline], at: str
) -> None:
    incident = replace(INCIDENT, severity=severity)
    assert f"{next_word_at(incident, clocks, NOW, load(PROCEDURE)):%H:%M}" == at


@pytest.mark.parametrize(
    ("contact", "channel"),
    [
        ("+44 20 7946 0000", ContactChannel.PHONE),
        ("", ContactChannel.PHONE),
        ("ada@example.com", ContactChannel.EMAIL),
        ("13812345678, ada@example.com", ContactChannel.PHONE),
    ],
)
def test_a_customer_is_called_unless_there_is_only_an_address(contact: str, channel: ContactChannel) -> None:
    assert channel_of(Listed(1, 1, Customer("Acme Ltd", contact=contact))) is channel


def test_several_are_written_to() -> None:
    assert channel_of(None).is_written


def test_nothing_was_down_nothing_is_restored() -> None:
    assert not is_restored(INCIDENT)


ZH, EN = CustomerLanguage.ZH, CustomerLanguage.EN


@pytest.mark.parametrize(
    ("name", "known", "last_spoken", "workspaces", "language"),
    [
        ("张伟", None, None, EN, ZH),
        ("北京星辰贸易有限公司", None, None, EN, ZH),
        ("A公司", None, None, EN, ZH),  # one letter is no word
        ("7天酒店（上海）", None, None, EN, ZH),
        ("㐂田", None, None, EN, ZH),  # rare characters too
        ("张伟", None, EN, EN, EN),  # they were spoken to in English, and it went
        ("张伟", EN, ZH, ZH, EN),  # what is on record comes first
        ("Acme Ltd", None, ZH, EN, ZH),
        ("Acme Ltd", None, None, EN, EN),
        ("Acme Ltd", None, None, ZH, ZH),
        ("IBM中国", None, None, EN, EN),
        ("ＩＢＭ中国", None, None, EN, EN),
        ("Müller 贸易", None, None, EN, EN),
        ("田中さん", None, None, EN, EN),
        ("株式会社ｱｸﾒ", None, None, EN, EN),
        ("김철수 金哲洙", None, None, EN, EN),
        ("", None, None, EN, EN),
        ("138 0000 1111", None, None, ZH, ZH),
    ],
)
def test_the_language_is_what_is_known_or_was_spoken_or_the_name_is_written_in(
    name: str,
    known: CustomerLanguage | None,
    last_spoken: CustomerLanguage | None,
    workspaces: CustomerLanguage,
    language: CustomerLanguage,
) -> None:
    assert language_of(known, last_spoken, name, workspaces) is language

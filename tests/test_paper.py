"""The procedure on paper: `grade`, `due` and `check --procedure`, without Slack, a database or tokens."""

import json
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.__main__ import main
from bot.grading import Facts
from bot.incident import Duty
from tests.processes import BotProcess
from tests.workspace import PROCEDURE

FRIDAY = "2026-02-13T17:00+08:00"  # before the Spring Festival: the 14th is worked, the 15th to the 23rd are not
Asking = Callable[..., str]


@pytest.fixture
def asking(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Asking:
    """A command with nothing in the environment; says what it prints, or with `wrong` what it refuses."""
    for name in [name for name in os.environ if name.startswith(("SLACK_", "HOTLINE_", "DATABASE_"))]:
        monkeypatch.delenv(name)

    def ask(*arguments: str, wrong: bool = False) -> str:
        capsys.readouterr()
        code = main(arguments)
        printed = capsys.readouterr()
        assert code == (2 if wrong else 0), printed
        assert (printed.out if wrong else printed.err) == "", printed
        return (printed.err if wrong else printed.out).strip()

    return ask


@pytest.fixture
def ours(tmp_path: Path) -> Callable[[str, str], str]:
    """A procedure file with one thing changed."""

    def write(old: str, new: str) -> str:
        text = PROCEDURE.read_text(encoding="utf-8")
        assert old in text
        path = tmp_path / "ours.yml"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        return str(path)

    return write


# -- grade -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "severity", "reasons"),
    [
        ("", 3, []),
        ("customers_affected=0", 3, []),
        ("customers_affected=1", 3, ["1 customer is affected (1 or more)"]),
        ("customers_affected=99", 2, ["99 customers are affected (10 or more)"]),
        ("customers_affected=100", 1, ["100 customers are affected (100 or more)"]),
        ("customers_affected=1234", 1, ["1,234 customers are affected (100 or more)"]),
        ("money_lost=0CNY", 3, []),
        ("money_lost=9999.99CNY", 2, ["customers lost CNY 9,999.99 (1,000 or more)"]),
        ("money_lost=10000CNY", 1, ["customers lost CNY 10,000.00 (10,000 or more)"]),
        ("money_lost=1408.45USD", 2, ["customers lost USD 1,408.45 (1,000 or more)"]),
        ("money_lost=1408.46USD", 1, ["customers lost USD 1,408.46 (10,000 or more)"]),
        ("core_down_minutes=0", 3, []),
        ("core_down_minutes=30", 2, ["a core function has been down for 30 minutes (more than 0)"]),
        ("core_down_minutes=31", 1, ["a core function has been down for 31 minutes (more than 30)"]),
        ("part_faulty_minutes=60", 3, ["a part of a function has been faulty for 60 minutes (more than 0)"]),
        ("part_faulty_minutes=61", 2, ["a part of a function has been faulty for 61 minutes (more than 60)"]),
        ("publicity=regulator", 1, ["a regulator has stepped in"]),
        ("high_risk=none complaint=none emotion=calm business_stopped=no", 3, []),
        ("high_risk=data_leak", 1, ["customers’ data have leaked"]),
        ("complaint=mass", 1, ["many customers complain"]),
        ("emotion=furious customer_tier=vip", 2, ["the customer is furious", "a VIP customer"]),
        ("customer_tier=important business_stopped=no", 2, ["an important customer"]),
        ("customer_tier=important business_stopped=yes", 1, ["an important customer"]),
        ("trigger=privacy_leak", 1, ["set for this kind of incident"]),
        ("trigger=dispute", 3, []),
        (
            "customers_affected=120 money_lost=9999.99CNY core_down_minutes=31",
            1,
            [
                "120 customers are affected (100 or more)",
                "a core function has been down for 31 minutes (more than 30)",
            ],
        ),
    ],
)
def test_what_facts_speak_for_is_said_with_the_reasons(
    asking: Asking, facts: str, severity: int, reasons: list[str]
) -> None:
    assert json.loads(asking("grade", *facts.split(), "--json")) == {"severity": severity, "reasons": reasons}
    first, *lines = asking("grade", *facts.split()).splitlines()
    assert first.startswith(f"Severity {severity} is proposed")
    assert lines == [f"- {reason}" for reason in reasons]


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ("customers=1", "customers=1 is no fact: write FACT=VALUE; known are customers_affected, money_lost,"),
        ("customers_affected", "customers_affected is no fact: write FACT=VALUE; known are customers_affected,"),
        ("=5", "=5 is no fact"),
        ("customers_affected=", "customers_affected can't be : write a whole number, 0 or more"),
        ("customers_affected=-1", "customers_affected can't be -1: write a whole number, 0 or more"),
        ("core_down_minutes=1.5", "core_down_minutes can't be 1.5: write a whole number, 0 or more"),
        ("part_faulty_minutes=many", "part_faulty_minutes can't be many: write a whole number, 0 or more"),
        ("customers_affected=1_000", "customers_affected can't be 1_000"),
        ("customers_affected=٣", "customers_affected can't be ٣"),
        ("publicity=loud", "publicity can't be loud; it can be none, may_spread, press, regulator."),
        ("publicity=Press", "publicity can't be Press; it can be none, may_spread, press, regulator."),
        ("high_risk=", "high_risk can't be ; it can be none, fraud, data_leak, personal_safety, defective_batch."),
        ("complaint=loud", "complaint can't be loud; it can be none, discontent, will_escalate, mass."),
        ("emotion=sad", "emotion can't be sad; it can be calm, worried, disappointed, angry, furious."),
        ("customer_tier=gold", "customer_tier can't be gold; it can be ordinary, vip, important."),
        ("business_stopped=maybe", "business_stopped can't be maybe; it can be yes, no."),
        ("trigger=rain", "trigger can't be rain; it can be system_failure, data_loss,"),
        (
            "money_lost=5",
            "money_lost can't be 5: write 0 or more with its currency, like 9999.99CNY; known are CNY, USD,",
        ),
        ("money_lost=-5CNY", "money_lost can't be -5CNY: write 0 or more with its currency"),
        ("money_lost=1.234CNY", "money_lost can't be 1.234CNY: write 0 or more with its currency"),
        ("money_lost=5XYZ", "money_lost: XYZ has no rate; known are CNY, USD, EUR, GBP, HKD, JPY, SGD."),
        ("emotion=calm emotion=angry", "emotion stands there twice: give each fact once."),
    ],
)
def test_what_is_no_fact_is_refused_and_the_known_ones_are_named(asking: Asking, facts: str, sentence: str) -> None:
    said = asking("grade", *facts.split(), "--json", wrong=True).splitlines()
    assert len(said) == 1, "one sentence for one mistake"
    assert sentence in said[0]


def test_each_mistake_has_its_sentence(asking: Asking) -> None:
    assert len(asking("grade", "a=1", "emotion=sad", "customers_affected=1", wrong=True).splitlines()) == 2


def test_help_names_every_fact(asking: Asking, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        asking("grade", "--help")
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert all(f"  {name}=" in printed for name in Facts.__dataclass_fields__)


def test_another_file_grades_otherwise(asking: Asking, ours: Callable[[str, str], str]) -> None:
    path = ours("customers_affected: {at_least: 100}", "customers_affected: {at_least: 50}")
    assert "Severity 2" in asking("grade", "customers_affected=50")
    assert "Severity 1" in asking("grade", "customers_affected=50", "--procedure", path)
    path = ours("currency: CNY", "currency: EUR")
    assert "CNY has no rate; known are EUR, USD" in asking("grade", "money_lost=5CNY", "--procedure", path, wrong=True)


# -- due ---------------------------------------------------------------------------------------------------------------


def due(asking: Asking, severity: int, start: str = FRIDAY, *more: str) -> dict[str, dict[str, Any]]:
    """What is owed, by duty."""
    owed = json.loads(asking("due", "--severity", str(severity), "--from", start, "--json", *more))
    names = [each["duty"] for each in owed]
    assert names == [duty for duty in Duty if duty in names], "in the order of the procedure"
    assert "regrade" not in names
    return {each["duty"]: each for each in owed}


@pytest.mark.parametrize(
    ("severity", "not_owed"),
    [
        (1, {"preliminary_solution", "second_plan"}),
        (2, {"preliminary_solution", "inform_executive", "call_in_person"}),
        (3, {"assemble_team", "inform_executive", "involve_pr", "brief", "call_in_person"}),
    ],
)
def test_every_duty_of_a_severity_is_there(asking: Asking, severity: int, not_owed: set[str]) -> None:
    assert set(due(asking, severity)) == {*Duty} - not_owed - {"regrade"}


@pytest.mark.parametrize(
    ("severity", "duty", "at"),
    [
        (1, "first_contact", "2026-02-13T17:15+08:00"),
        (2, "first_contact", "2026-02-13T17:30+08:00"),
        (3, "first_contact", "2026-02-13T18:00+08:00"),
        (1, "report_up", "2026-02-13T17:05+08:00"),
        (2, "assemble_team", "2026-02-13T17:30+08:00"),
        (3, "update", "2026-02-14T17:00+08:00"),  # hours go on through the night
        (1, "postmortem", "2026-02-14T17:00+08:00"),
        (2, "postmortem", "2026-02-25T17:00+08:00"),  # the 14th, the 24th and the 25th are worked
        (3, "complex_solution", "2026-02-27T17:00+08:00"),
    ],
)
def test_a_duty_is_due_by_the_clock_or_by_the_calendar(asking: Asking, severity: int, duty: str, at: str) -> None:
    found = datetime.fromisoformat(due(asking, severity)[duty]["due_at"])
    assert found == datetime.fromisoformat(at)
    assert found.utcoffset() == timedelta(hours=8)


@pytest.mark.parametrize("start", [FRIDAY, "2026-02-13T09:00Z", "2026-02-13T04:00:00-05:00"])
def test_times_are_said_in_the_calendars_zone(asking: Asking, start: str) -> None:
    assert due(asking, 2, start)["postmortem"]["due_at"] == "2026-02-25T17:00:00+08:00"


def test_a_duty_has_its_owner_its_start_its_reminders_and_its_ladder(asking: Asking) -> None:
    owed = due(asking, 2)
    assert owed["first_contact"] == {
        "duty": "first_contact",
        "owner": "customer_relations",
        "due_at": "2026-02-13T17:30:00+08:00",
        "starts": "reported",
        "reminders": ["2026-02-13T17:20:00+08:00"],
        "ladder": [
            {"at": "2026-02-13T17:30:00+08:00", "role": "lead"},
            {"at": "2026-02-13T17:40:00+08:00", "role": "supervisor"},
            {"at": "2026-02-13T17:50:00+08:00", "role": "head_of_service"},
            {"at": "2026-02-13T18:00:00+08:00", "role": "executive"},
        ],
    }
    assert owed["accept_role"]["owner"] == "the person asked"
    assert owed["involve_pr"]["when"] == {"publicity": ["may_spread", "press", "regulator"]}
    assert [each["duty"] for each in owed.values() if "when" in each] == ["involve_pr"]
    assert due(asking, 1)["assemble_team"]["starts"] == "acknowledged"
    assert owed["assemble_team"]["starts"] == "reported"


@pytest.mark.parametrize("severity", [1, 2, 3])
def test_every_rung_shows_whoever_is_told_before(asking: Asking, severity: int) -> None:
    for duty, each in due(asking, severity).items():
        if duty == "brief":  # the clock sends it itself: nobody is told that it is late
            continue
        assert [rung["role"] for rung in each["ladder"]] == ["lead", "supervisor", "head_of_service", "executive"], each
        assert len(each["reminders"]) == 1
        times = [*each["reminders"], each["due_at"], *(rung["at"] for rung in each["ladder"])]
        assert times == sorted(times), each
        assert each["ladder"][0]["at"] == each["due_at"]


def test_working_days_remind_and_escalate_in_working_time(asking: Asking) -> None:
    postmortem = due(asking, 2)["postmortem"]
    assert postmortem["reminders"] == ["2026-02-24T17:00:00+08:00"]
    assert [rung["at"][:10] for rung in postmortem["ladder"]] == [
        "2026-02-25", "2026-02-26", "2026-02-27", "2026-02-28",
    ]  # fmt: skip


def test_people_read_the_same(asking: Asking) -> None:
    said = asking("due", "--severity", "2", "--from", FRIDAY)
    assert said.startswith("Owed at severity 2, if what starts it happens on Fri 2026-02-13 at 17:00 (Asia/Shanghai):")
    assert "first_contact: customer_relations, by 17:30\n  starts    reported\n  reminder  17:20\n" in said
    assert "  ladder    17:30 lead, 17:40 supervisor, 17:50 head_of_service, 18:00 executive\n" in said
    assert "postmortem: lead, by Wed 2026-02-25 17:00\n" in said
    assert "  only if   publicity is may_spread or press or regulator\n" in said


def test_without_a_time_it_is_now(asking: Asking) -> None:
    before = datetime.now().astimezone() - timedelta(seconds=1)
    [verify, *_] = json.loads(asking("due", "--severity", "1", "--json"))
    assert before <= datetime.fromisoformat(verify["due_at"]) - timedelta(minutes=5) <= datetime.now().astimezone()


def test_other_minutes_and_a_duty_that_is_switched_off(asking: Asking, ours: Callable[[str, str], str]) -> None:
    path = ours("within: {1: 15, 2: 30, 3: 60}", "within: {1: 12, 3: 60}")
    assert due(asking, 1, FRIDAY, "--procedure", path)["first_contact"]["due_at"] == "2026-02-13T17:12:00+08:00"
    assert "first_contact" not in due(asking, 2, FRIDAY, "--procedure", path)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--severity", "4"), "--severity can't be 4; it can be 1, 2, 3."),
        (("--severity", "0"), "--severity can't be 0; it can be 1, 2, 3."),
        (("--severity", "one"), "--severity can't be one; it can be 1, 2, 3."),
        (("--severity", "1", "--from", "2026-02-13T17:00"), "--from 2026-02-13T17:00 has no offset from UTC: write it"),
        (("--severity", "1", "--from", "2026-02-13"), "--from 2026-02-13 has no offset from UTC"),
        (("--severity", "1", "--from", "soon"), "--from can't be soon: write it like 2026-02-13T17:00+08:00."),
        (("--severity", "1", "--from", "2026-02-30T17:00Z"), "--from can't be 2026-02-30T17:00Z: write it like"),
        (("--severity", "1", "--from", "9999-12-31T23:00Z"), "is too far away"),
        (("--severity", "1", "--from", "0001-01-01T00:00+14:00"), "is too far away"),
    ],
)
def test_a_severity_or_a_time_that_is_none_is_refused(
    asking: Asking, arguments: tuple[str, ...], sentence: str
) -> None:
    said = asking("due", *arguments, "--json", wrong=True)
    assert sentence in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("year", ["1970-01-01T00:00Z", "2099-12-31T23:59Z"])
def test_any_time_that_is_taken_can_be_worked_out(asking: Asking, year: str) -> None:
    assert due(asking, 3, year)


def test_a_severity_is_needed(asking: Asking) -> None:
    with pytest.raises(SystemExit) as ended:
        asking("due", "--json")
    assert ended.value.code == 2


# -- check, and where the file is --------------------------------------------------------------------------------------


def test_a_file_alone_can_be_checked(asking: Asking, ours: Callable[[str, str], str]) -> None:
    assert asking("check", "--procedure", str(PROCEDURE)) == "procedure.yml is in order."
    path = ours("on_call: [", "on_call: [support, ")
    assert asking("check", "--procedure", path, wrong=True).startswith("ours.yml line ")


@pytest.mark.parametrize("command", [("check",), ("grade",), ("due", "--severity", "1")])
def test_a_wrong_file_is_refused_by_each_command(
    asking: Asking, ours: Callable[[str, str], str], command: tuple[str, ...]
) -> None:
    path = ours("    within: 5\n", "    within: five\n")
    said = asking(*command, "--procedure", path, wrong=True)
    assert "duties.verify.within: must be minutes" in said
    assert len(said.splitlines()) == 1
    said = asking(*command, "--procedure", "/nowhere/ours.yml", wrong=True)
    assert said.startswith("The procedure file /nowhere/ours.yml can't be read (FileNotFoundError)")


def test_the_environment_names_the_file(
    asking: Asking, ours: Callable[[str, str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "HOTLINE_PROCEDURE", ours("customers_affected: {at_least: 100}", "customers_affected: {at_least: 50}")
    )
    assert "Severity 1" in asking("grade", "customers_affected=50")
    assert "Severity 2" in asking("grade", "customers_affected=50", "--procedure", str(PROCEDURE))
    monkeypatch.setenv("HOTLINE_PROCEDURE", "")
    assert "Severity 2" in asking("grade", "customers_affected=50")


def test_as_a_process_it_needs_nothing_of_the_environment(tmp_path: Path) -> None:
    bare = {"PATH": os.environ["PATH"]}
    asked = BotProcess(bare, "grade", "customers_affected=100", "--json", folder=tmp_path)
    assert asked.ended() == 0, asked.output
    assert json.loads(asked.output) == {"severity": 1, "reasons": ["100 customers are affected (100 or more)"]}
    assert not list(tmp_path.iterdir()), "no database, no key"
    refused = BotProcess(bare, "grade", "customers_affected=-1", folder=tmp_path)
    assert refused.ended() == 2
    assert refused.output == "customers_affected can't be -1: write a whole number, 0 or more.\n"

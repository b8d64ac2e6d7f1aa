"""The procedure on paper: for whoever edits the file, without Slack and without a database.

`grade` says what the facts speak for, `due` who would owe what and when, `check` whether the file is in order.
"""

import argparse
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bot import deadlines, grading, settings, wording
from bot.deadlines import Plan
from bot.grading import Facts, Proposal
from bot.incident import Duty, MomentKind, Money, Severity
from bot.procedure import NUMBERS, OWED, VOCABULARIES, DutyTimes, Procedure
from bot.procedure_file import load
from bot.settings import WrongSetup

COMMANDS = ("grade", "due")  # and `check`, when it is given a file
FACTS = tuple(field.name for field in fields(Facts))
OWNER = "owner"  # whoever owes the duty: nobody of the ladder


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The two commands and what they take."""
    grade = commands.add_parser(
        "grade",
        help="say which severity facts speak for, and why (no Slack needed)",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(["facts:", *(f"  {fact}={_example(fact)}" for fact in FACTS)]),
    )
    grade.add_argument("facts", nargs="*", metavar="FACT=VALUE", help="what is known; each fact once")
    due = commands.add_parser("due", help="say who would owe what at a severity, and when (no Slack needed)")
    due.add_argument("--severity", required=True, help="1, 2 or 3")
    due.add_argument("--from", dest="start", metavar="TIME", help="like 2026-02-13T17:00+08:00; now when left out")
    for command in (grade, due):
        command.add_argument("--procedure", type=Path, metavar="FILE", help="another file than HOTLINE_PROCEDURE")
        command.add_argument("--json", action="store_true", help="for programs")


def _example(fact: str) -> str:
    if fact in VOCABULARIES:
        return "|".join(VOCABULARIES[fact])
    return {"money_lost": "9999.99CNY", "trigger": "system_failure"}.get(fact, "120")


def answer(asked: argparse.Namespace, now: datetime) -> str:
    """What is printed. Raises WrongSetup with a sentence for each mistake in the file or in what was asked."""
    path = asked.procedure or settings.procedure_path()
    procedure = load(path)
    if asked.command == "grade":
        proposal = grading.propose(facts_of(asked.facts, procedure), procedure)
        return grade_as_json(proposal) if asked.json else grade_as_text(proposal)
    if asked.command == "due":
        severity = severity_of(asked.severity)
        start = now.replace(microsecond=0) if asked.start is None else moment_of(asked.start)
        owed = owed_at(severity, start, procedure)
        return due_as_json(owed, procedure) if asked.json else due_as_text(owed, severity, start, procedure)
    return f"{path.name} is in order."


def facts_of(pairs: Sequence[str], procedure: Procedure) -> Facts:
    """`customers_affected=120` ... as facts. Raises WrongSetup with a sentence for each pair that is none."""
    found: dict[str, Any] = {}
    wrong: list[str] = []
    for pair in pairs:
        name, is_pair, value = pair.partition("=")
        if name not in FACTS or not is_pair:
            wrong.append(f"{pair} is no fact: write FACT=VALUE; known are {', '.join(FACTS)}.")
        elif name in found:
            wrong.append(f"{name} stands there twice: give each fact once.")
        else:
            found[name] = None
            try:
                found[name] = _value(name, value, procedure)
            except ValueError as error:
                wrong.append(f"{error}.")
    if wrong:
        raise WrongSetup(*wrong)
    return Facts(**found)


def _value(name: str, value: str, procedure: Procedure) -> int | Money | str:
    if name == "money_lost":
        return _money(value, procedure)
    if name in NUMBERS:
        if not re.fullmatch("[0-9]{1,12}", value):
            raise ValueError(f"{name} can't be {value}: write a whole number, 0 or more")
        return int(value)
    known = list(procedure.triggers) if name == "trigger" else [str(word) for word in VOCABULARIES[name]]
    if value not in known:
        raise ValueError(f"{name} can't be {value}; it can be {', '.join(known)}")
    return value if name == "trigger" else VOCABULARIES[name](value)


def _money(value: str, procedure: Procedure) -> Money:
    known = [procedure.money.currency, *procedure.money.rates]
    try:
        money = Money.parse(value)
    except ValueError:
        example = f"0 or more with its currency, like 9999.99{known[0]}"
        raise ValueError(f"money_lost can't be {value}: write {example}; known are {', '.join(known)}") from None
    if not procedure.money.knows(money.currency):
        raise ValueError(f"money_lost: {money.currency} has no rate; known are {', '.join(known)}")
    return money


def grade_as_text(proposal: Proposal) -> str:
    """A sentence, and a line for each reason."""
    words = wording.load()["en"]
    if not proposal.reasons:
        return f"Severity {proposal.severity} is proposed: {words.text('reason.none')}."
    return "\n".join(
        [f"Severity {proposal.severity} is proposed, because", *(f"- {why}" for why in _reasons(proposal))]
    )


def grade_as_json(proposal: Proposal) -> str:
    """The same for programs."""
    return json.dumps({"severity": int(proposal.severity), "reasons": _reasons(proposal)}, ensure_ascii=False)


def _reasons(proposal: Proposal) -> list[str]:
    words = wording.load()["en"]
    return [grading.clause(reason, words) for reason in proposal.reasons]


def severity_of(written: str) -> Severity:
    """Raises WrongSetup when it is not 1, 2 or 3."""
    if written not in ("1", "2", "3"):
        raise WrongSetup(f"--severity can't be {written}; it can be 1, 2, 3.")
    return Severity(int(written))


def moment_of(written: str) -> datetime:
    """A time with its offset. Raises WrongSetup when it can't be read, or when nobody knows where its clock stands."""
    example = "write it like 2026-02-13T17:00+08:00"
    try:
        at = datetime.fromisoformat(written)
    except ValueError:
        raise WrongSetup(f"--from can't be {written}: {example}.") from None
    if at.utcoffset() is None:
        raise WrongSetup(f"--from {written} has no offset from UTC: {example}.")
    if not 1970 <= at.year <= 2099:
        raise WrongSetup(f"--from {written} is too far away: it can be from 1970 to 2099.")
    return at


@dataclass(frozen=True)
class Owed:
    """A duty with the times that it would have."""

    duty: Duty
    times: DutyTimes
    plan: Plan
    starts: str

    @property
    def owner(self) -> str:
        """Who owes it first."""
        return str(self.times.owner[0]) if self.times.owner else "the person asked"

    @property
    def reminders(self) -> list[datetime]:
        """When its owner is reminded."""
        return sorted({moment.at for moment in self.plan.moments if moment.kind is MomentKind.REMIND})

    @property
    def ladder(self) -> list[tuple[datetime, str]]:
        """Who is told when it is late, and when."""
        return [(moment.at, str(moment.role)) for moment in self.plan.moments if moment.kind is MomentKind.ESCALATE]


def owed_at(severity: Severity, start: datetime, procedure: Procedure) -> list[Owed]:
    """Every duty owed at a severity, in the order of the procedure, as if what starts it happened at `start`.

    Somebody is there for each rung: a group has as many people as the ladder has rungs, and two who are told besides.
    """
    members = range(len(procedure.ladder) + 2)
    rosters = {handle: [f"{handle}/{number}" for number in members] for handle in procedure.groups}
    found = []
    for duty in OWED:
        times = procedure.duties[duty]
        if not times.is_owed(severity):
            continue
        plan = deadlines.plan(duty, severity, OWNER, start, procedure, rosters)
        found.append(Owed(duty, times, plan, str(times.starts_at(severity))))
    return found


def due_as_json(owed: Sequence[Owed], procedure: Procedure) -> str:
    """For programs; times in the calendar's zone."""
    zone = ZoneInfo(procedure.calendar.timezone)

    def iso(at: datetime) -> str:
        return at.astimezone(zone).isoformat()

    return json.dumps(
        [
            {
                "duty": str(each.duty),
                "owner": each.owner,
                "due_at": iso(each.plan.due_at),
                "starts": each.starts,
                "reminders": [iso(at) for at in each.reminders],
                "ladder": [{"at": iso(at), "role": role} for at, role in each.ladder],
            }
            | ({"when": each.times.when} if each.times.when else {})
            for each in owed
        ],
        indent=2,
    )


def due_as_text(owed: Sequence[Owed], severity: Severity, start: datetime, procedure: Procedure) -> str:
    """For people; times in the calendar's zone, with the day where it is another one."""
    zone = ZoneInfo(procedure.calendar.timezone)
    first = start.astimezone(zone)

    def clock(at: datetime) -> str:
        local = at.astimezone(zone)
        return f"{local:%H:%M}" if local.date() == first.date() else f"{local:%a %Y-%m-%d %H:%M}"

    lines = [f"Owed at severity {severity}, if what starts it happens on {first:%a %Y-%m-%d at %H:%M} ({zone.key}):"]
    for each in owed:
        lines += ["", f"{each.duty}: {each.owner}, by {clock(each.plan.due_at)}", f"  starts    {each.starts}"]
        lines += [f"  only if   {fact} is {' or '.join(words)}" for fact, words in each.times.when.items()]
        lines.append(f"  reminder  {', '.join(clock(at) for at in each.reminders)}")
        lines.append(f"  ladder    {', '.join(f'{clock(at)} {role}' for at, role in each.ladder)}")
    return "\n".join(lines)

"""The postmortem: its sections, how far it is, and what the record says of how well it went (domain.md section 10)."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from statistics import median

from bot.incident import Deadline


class Section(StrEnum):
    """What people write; everything else comes from the record."""

    CAUSES = "causes"
    WENT_WELL = "went_well"
    FELL_SHORT = "fell_short"


class Chapter(StrEnum):
    """The messages of its thread, in their order. The first is what a manager reads in twenty seconds."""

    SUMMARY = "summary"
    TIMELINE = "timeline"
    IMPACT = "impact"
    CONTACT = "contact"
    DUTIES = "duties"
    GRADINGS = "gradings"
    PLANS = "plans"
    SATISFACTION = "satisfaction"
    CAUSES = "causes"
    WENT_WELL = "went_well"
    FELL_SHORT = "fell_short"
    ACTIONS = "actions"


class Cause(StrEnum):
    """What sort of cause it had, once that is known (domain.md section 1)."""

    TECHNOLOGY = "technology"
    PROCESS = "process"
    PEOPLE = "people"


class State(StrEnum):
    """How far it is."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    RETURNED = "returned"
    ACCEPTED = "accepted"


KIND = "kind"  # the parts of the section about causes: what sort, and why, five times
WHYS = ("why_1", "why_2", "why_3", "why_4", "why_5")
WORDS = "words"  # the one part of the others


@dataclass(frozen=True)
class Written:
    """What somebody wrote for one part of a section; the latest of a part counts, the others stay on record."""

    id: int
    incident_id: int
    section: Section
    part: str
    words: str
    by: str
    at: datetime


@dataclass(frozen=True)
class Postmortem:
    """How far the postmortem of an incident is. `meeting_at` is when the review meeting was or will be (severity 1)."""

    incident_id: int
    drafted_at: datetime
    meeting_at: datetime | None = None
    submitted_by: str | None = None
    submitted_at: datetime | None = None
    returned_by: str | None = None
    returned_at: datetime | None = None
    remarks: str = ""
    accepted_by: str | None = None
    accepted_at: datetime | None = None
    told_at: datetime | None = None

    @property
    def state(self) -> State:
        """How far it is. Submitting it again takes back that it was returned; the remarks stay."""
        if self.accepted_at is not None:
            return State.ACCEPTED
        if self.returned_at is not None:
            return State.RETURNED
        return State.DRAFT if self.submitted_at is None else State.SUBMITTED


# -- what the record says ----------------------------------------------------------------------------------------------


class Standing(StrEnum):
    """What has become of something that was owed."""

    KEPT = "kept"
    LATE = "late"  # done late
    MISSED = "missed"  # its time has passed, and it was not done
    RUNNING = "running"
    NOT_OWED = "not_owed"  # it ended before its time


def standing(deadline: Deadline, now: datetime) -> Standing:
    """What has become of one clock."""
    if deadline.met_at is not None:
        return Standing.KEPT if deadline.met_at <= deadline.due_at else Standing.LATE
    if deadline.stopped_at is not None:
        return Standing.MISSED if deadline.stopped_at > deadline.due_at else Standing.NOT_OWED
    return Standing.MISSED if now >= deadline.due_at else Standing.RUNNING


def late_by(deadline: Deadline) -> timedelta:
    """How late it was done, or how late it was when nobody owed it any more; nothing while it can still be done."""
    ended_at = deadline.met_at or deadline.stopped_at
    return max(ended_at - deadline.due_at, timedelta(0)) if ended_at else timedelta(0)


@dataclass(frozen=True)
class Tally:
    """How many of several clocks were kept, and how late the worst of them was."""

    kept: int = 0
    late: int = 0
    worst: timedelta = timedelta(0)

    @property
    def all(self) -> int:
        """How many count: what is still running, or was not owed any more before its time, does not."""
        return self.kept + self.late


def tally(found: Iterable[Deadline], now: datetime) -> Tally:
    """How well these were kept."""
    kept = late = 0
    worst = timedelta(0)
    for deadline in found:
        stands = standing(deadline, now)
        kept += stands is Standing.KEPT
        late += stands in (Standing.LATE, Standing.MISSED)
        worst = max(worst, late_by(deadline))
    return Tally(kept, late, worst)


@dataclass(frozen=True)
class Reached:
    """A customer of the list, without anything by which they could be known."""

    id: int
    added_at: datetime | None
    first_heard_at: datetime | None
    heard_at: datetime | None


@dataclass(frozen=True)
class FirstContacts:
    """How soon the customers have heard for the first time. `slowest` and `middle` are of those in the list by name."""

    total: int
    in_time: int
    late: int
    slowest: timedelta | None = None
    middle: timedelta | None = None

    @property
    def unheard(self) -> int:
        """How many have heard nothing yet."""
        return self.total - self.in_time - self.late


def wait_of(customer: Reached, clocks: Sequence[Deadline], began_at: datetime) -> tuple[timedelta | None, bool]:
    """How long a customer waited for the first word, and whether that was in time; None: they still wait.

    `clocks` are those for the first contact, in the order in which they started: who was put on the list later has a
    later one. Without any, nothing was owed.
    """
    if customer.first_heard_at is None:
        return None, False
    added_at = customer.added_at or began_at
    mine = [clock for clock in clocks if clock.started_at <= added_at] or list(clocks[:1])
    since = mine[-1].started_at if mine else began_at
    in_time = not mine or customer.first_heard_at <= mine[-1].due_at
    return max(customer.first_heard_at - since, timedelta(0)), in_time


def first_contacts(
    found: Sequence[Reached],
    clocks: Sequence[Deadline],
    began_at: datetime,
    others: int = 0,
    others_heard: int = 0,
    others_heard_at: datetime | None = None,
) -> FirstContacts:
    """How soon the customers have heard. `others` are not in the list by name; the first message to them went out at
    `others_heard_at`, to so many of them."""
    waited = [wait_of(customer, clocks, began_at) for customer in found]
    times = [wait for wait, _ in waited if wait is not None]
    in_time = sum(on_time for wait, on_time in waited if wait is not None)
    heard = min(others, others_heard)
    others_in_time = bool(heard) and (not clocks or (others_heard_at or began_at) <= clocks[0].due_at)
    return FirstContacts(
        total=len(found) + others,
        in_time=in_time + (heard if others_in_time else 0),
        late=len(times) - in_time + (0 if others_in_time else heard),
        slowest=max(times, default=None),
        middle=timedelta(seconds=median(wait.total_seconds() for wait in times)) if times else None,
    )


# -- how it fits into messages -----------------------------------------------------------------------------------------

_WHOLE = re.compile(r"<[^<>\n]*>|&(?:amp|lt|gt);|.", re.DOTALL)  # what must not be cut in the middle


def pieces(line: str, most: int) -> list[str]:
    """A line in pieces of at most `most` characters, between words where there are any; markup stays in one piece."""
    if len(line) <= most:
        return [line]
    found: list[str] = []
    piece = ""
    for token in _WHOLE.findall(line):
        if len(piece) + len(token) > most:
            at = piece.rfind(" ")
            while at > 0 and piece.rfind("<", 0, at) > piece.rfind(">", 0, at):
                at = piece.rfind(" ", 0, at)  # inside of markup is no place between words
            if at <= 0:
                found.append(piece)
                piece = ""
            else:
                found.append(piece[: at + 1])
                piece = piece[at + 1 :]
        piece += token
    return [*found, piece]


def split(lines: Iterable[str], most: int) -> list[list[str]]:
    """Lines in as many parts as they need, each of at most `most` characters with its line breaks. Nothing is lost: a
    line that is longer than a part goes on in the next one."""
    parts: list[list[str]] = []
    length = most
    for line in lines:
        for piece in pieces(line, most):
            if length + 1 + len(piece) > most:
                parts.append([])
                length = -1
            parts[-1].append(piece)
            length += 1 + len(piece)
    return parts

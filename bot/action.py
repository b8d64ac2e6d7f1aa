"""Action items: what is changed so that it does not happen again (domain.md section 10)."""

from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum

from bot.procedure import Span
from bot.worktime import DAY, Calendar


class ActionKind(StrEnum):
    """What sort of change it is."""

    FIX = "fix"
    PREVENTION = "prevention"
    TRAINING = "training"
    PROCEDURE = "procedure"


class ActionState(StrEnum):
    """What has become of it."""

    OPEN = "open"
    DONE = "done"
    DROPPED = "dropped"


@dataclass(frozen=True)
class Action:
    """Something that somebody does until a day, in the company's time zone. `outcome` is the sentence or link with
    which it was done, or the reason for which it was dropped."""

    id: int
    incident_id: int
    what: str
    kind: ActionKind
    owner_id: str
    due_on: date
    by: str
    at: datetime
    state: ActionState = ActionState.OPEN
    ended_by: str | None = None
    ended_at: datetime | None = None
    outcome: str = ""

    def is_overdue(self, today: date) -> bool:
        """Whether its day has passed."""
        return self.state is ActionState.OPEN and self.due_on < today


def day_in_hand(now: datetime, calendar: Calendar) -> date:
    """The day that is not over yet: what was due before it is overdue. After closing time it is the next one."""
    today = calendar.day_of(now)
    return today if now < calendar.closing(today) else today + DAY


def proposed_day(within: Span, now: datetime, calendar: Calendar) -> date:
    """Until when, unless somebody says otherwise."""
    return calendar.day_of(within.after(now, calendar))


def told_last(weekday: int, at: time, now: datetime, calendar: Calendar) -> date:
    """The latest day on which the managers were to hear of what is overdue: at that time of that day of the week
    (0 is Monday)."""
    today = calendar.day_of(now)
    day = today - DAY * ((today.weekday() - weekday) % 7)
    return day if calendar.at(day, at) <= now else day - 7 * DAY

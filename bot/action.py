"""Action items: what is changed so that it does not happen again (domain.md section 10)."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


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

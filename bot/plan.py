"""What is done about an incident: a plan in versions, what it needs from others, progress (domain.md section 7)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.incident import Money


@dataclass(frozen=True)
class Plan:
    """One version of the plan of an incident; its words never change: other words are another version.

    `steps` has one step a line. `told` is what the customers are told of it. `compensation` is what all customers get
    together. `round` is the incident's when it was made.
    """

    id: int
    incident_id: int
    version: int
    round: int
    by: str
    at: datetime
    steps: str
    owner_id: str
    until_at: datetime
    is_temporary: bool
    told: str
    resources: str = ""
    compensation: Money | None = None
    risks: str = ""
    approved_by: str | None = None
    approved_at: datetime | None = None
    refused_by: str | None = None
    refused_at: datetime | None = None
    reason: str = ""

    @property
    def is_waiting(self) -> bool:
        """Whether nobody has decided yet."""
        return self.approved_at is None and self.refused_at is None


class RequestState(StrEnum):
    """What has become of a request."""

    ASKED = "asked"
    AGREED = "agreed"
    DECLINED = "declined"
    DONE = "done"


@dataclass(frozen=True)
class Request:
    """Something that is needed from another department, by one of its people, until a time. `answer` is in words."""

    id: int
    incident_id: int
    by: str
    at: datetime
    what: str
    department: str
    owner_id: str
    until_at: datetime
    state: RequestState = RequestState.ASKED
    answered_by: str | None = None
    answered_at: datetime | None = None
    answer: str = ""


@dataclass(frozen=True)
class Progress:
    """How far it is, for the inside: what is new, when it is expected to work again, and what is needed."""

    id: int
    incident_id: int
    by: str
    at: datetime
    words: str
    expected_at: datetime | None = None
    needs: str = ""

"""The postmortem: its sections, and how far it is (domain.md section 10)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Section(StrEnum):
    """What people write; everything else comes from the record."""

    CAUSES = "causes"
    WENT_WELL = "went_well"
    FELL_SHORT = "fell_short"


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

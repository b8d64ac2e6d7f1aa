"""What is kept of an incident beside what the bot does itself: messages, files, and corrections of the record."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class KeptKind(StrEnum):
    """What was kept."""

    MESSAGE = "message"
    FILE = "file"
    CORRECTION = "correction"


@dataclass(frozen=True)
class Kept:
    """Something that somebody kept for the record, or a correction of it; never changed.

    `at` is when it was said, `added_at` when it was kept. `ref` is Slack's id (`C…:ts`, `F…`). A correction is `about`
    a journal entry (`journal:12`) or another kept thing (`kept:3`).
    """

    id: int
    incident_id: int
    kind: KeptKind
    by: str
    at: datetime
    added_at: datetime
    words: str
    author_id: str | None = None
    ref: str | None = None
    about: str = ""
    name: str = ""
    url: str = ""

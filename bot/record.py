"""What is kept of an incident beside what the bot does itself: messages, files, and corrections of the record."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from bot.wording import unescape


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


def said_at(ts: str) -> datetime:
    """When a message was said: Slack's id of it is its time."""
    return datetime.fromtimestamp(float(ts), UTC)


def readable(text: str, names: Mapping[str, str]) -> str:
    """A message of Slack's as people read it: mentions as names, links with their address, without Slack's markup."""

    def shown(found: re.Match[str]) -> str:
        what, _, label = found[1].partition("|")
        if what.startswith("@"):
            return "@" + (names.get(what[1:]) or label or what[1:])
        if what.startswith("#"):
            return "#" + (label or what[1:])
        if what.startswith("!"):
            return label or what.replace("!", "@", 1)
        address = what.removeprefix("mailto:").removeprefix("tel:")
        return f"{label} ({address})" if label and label != address else address

    said = re.sub(r"<([^<>]+)>", shown, text)
    return unescape(said)


def mentioned(text: str) -> set[str]:
    """Whom a message of Slack's mentions."""
    return set(re.findall(r"<@([A-Z0-9]+)[|>]", text))

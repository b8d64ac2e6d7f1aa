"""The postmortem: a thread that writes itself, sections that people owe, submitted, returned, accepted; rules."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from bot import lifecycle
from bot import postmortem as rules
from bot.incident import Deadline, Duty, Incident, NotAllowed
from bot.postmortem import Chapter, Postmortem, Reached, Section, Standing, State
from handlers import review
from storage import deadlines, journal, outbox, postmortems
from tests.test_home import open_home
from tests.test_twice import again, at_once
from tests.workspace import ADA, GUEST, HE, LEA, LIN, MEI, QIAN, SUN, WANG, ZHOU, Said, Sandbox, Workspace
from tests.workspace import opened, settings_for

TOM = "U0TOM"
CAUSES = {
    "kind": "process",
    "why_1": "A change of the configuration went live without a test",
    "why_2": "Nobody had to look at it twice",
}


def fix(workspace: Workspace, incident: Incident, user: str = LIN) -> Incident:
    """Somebody says that it works again."""
    workspace.choose(user, incident, "fixed.open")
    answer = workspace.submit(user, what="The change was taken back")
    assert not answer["response"], answer
    workspace.settle()
    return workspace.incident(incident.id)


def fixed(workspace: Workspace, **values: Any) -> Incident:
    """An incident of severity 3 that works again."""
    incident = workspace.report(**values)
    workspace.wait(5)
    workspace.contact(LIN, incident)
    workspace.grade(ADA, incident, 3, "It hits one customer only")
    workspace.wait(30)
    return fix(workspace, workspace.incident(incident.id))


def replies(workspace: Workspace, channel: str = "reviews") -> list[Said]:
    """The thread's messages, the first one too."""
    said = workspace.said(channel)
    first = next(each for each in said if "postmortem.complete" in each.everything or "Postmortem of" in each.text)
    return [each for each in said if each.ts == first.ts or each.raw.get("thread_ts") == first.ts]


def chapter(workspace: Workspace, named: str, channel: str = "reviews") -> Said:
    """The message with this chapter."""
    return next(each for each in replies(workspace, channel) if named in each.text)


def write(workspace: Workspace, user: str, message: Said, action: str = "postmortem.write", **values: Any) -> Any:
    """Somebody writes a section, from a button that is there."""
    opened = workspace.click(user, message, action)
    assert opened["view"]["callback_id"] == "postmortem.submit_section", opened
    answer = workspace.submit(user, **values)
    workspace.settle()
    return answer


def asked(workspace: Workspace, user: str, words: str) -> Said:
    """The latest direct message with these words."""
    return next(each for each in reversed(workspace.said(user)) if words in each.everything)


def running(workspace: Workspace, incident: Incident, duty: Duty) -> list[Deadline]:
    with workspace.bot.db.read() as tx:
        return [each for each in deadlines.running(tx, incident.id) if each.duty is duty]


def test_a_postmortem_from_its_draft_to_the_department(workspace: Workspace) -> None:
    incident = fixed(workspace)
    thread = replies(workspace)
    names = ["Timeline", "Impact", "Customer contact", "Duties kept and missed", "Gradings", "Plans and approvals"]
    names += ["Satisfaction", "Causes", "What went well", "What fell short", "Action items"]
    assert [each.text for each in thread[1:]] == [f"Postmortem of {incident.number}: {name}." for name in names]
    assert "The cause is not written down yet" in thread[0].everything
    assert "still missing" in thread[0].everything
    assert thread[0].buttons[0] == "postmortem.complete*"
    owners = {each.subject: each.owner_id for each in running(workspace, incident, Duty.SECTION)}
    assert set(owners) == {"causes", "went_well", "fell_short"}

"""The window with everything that can be done with an incident now."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.incident import Incident, Severity, Status
from handlers.more import GROUPS, Known, offered
from tests.workspace import ADA, LIN, MEI, WANG, Workspace

AT = datetime(2026, 11, 22, 10, tzinfo=UTC)
REPORTED = Incident(
    1, "V1", Status.REPORTED, "Payments fail", "Payments fail", "system_failure", 120, Severity.ONE, LIN, False, AT
)
VERIFIED = replace(REPORTED, status=Status.VERIFIED, verified_at=AT, severity=Severity.ONE)
MANY = Known(customers=120)
BEGIN = ["verify.open", "grade.open", "roles.open", "roles.hand_over"]
CUSTOMERS = ["contact.open", "ledger.open", "statement.open"]
WORK = ["plan.open", "tasks.add", "requests.open", "progress.open"]
OPEN = ["tasks.add", "requests.open"]
UNSOLVED = ["fixed.open", "close.open", "dismiss.open"]
SOLVED = ["fixed.not_fixed", "confirm.open", "satisfaction.open", "close.open"]
RECORD = ["actions.open", "record.open", "dossier.make"]


@pytest.mark.parametrize(
    ("incident", "known", "expected"),
    [
        (REPORTED, MANY, [*BEGIN, *CUSTOMERS, *WORK, *UNSOLVED, *RECORD]),
        (VERIFIED, MANY, [*BEGIN[1:], *CUSTOMERS, *WORK, *UNSOLVED, *RECORD]),
        (
            VERIFIED,
            Known(customers=1),
            [*BEGIN[1:], "contact.open", "customer.show", "statement.open", *WORK, *UNSOLVED, *RECORD],
        ),
        (
            replace(VERIFIED, status=Status.FIXED),
            replace(MANY, has_review=True),
            [
                *BEGIN[1:],
                *CUSTOMERS,
                *OPEN,
                *SOLVED,
                "actions.open",
                "postmortem.open",
                "record.open",
                "dossier.make",
            ],
        ),
        (
            replace(VERIFIED, status=Status.CONFIRMED),
            MANY,
            [*BEGIN[1:], *CUSTOMERS, *OPEN, *SOLVED, *RECORD],
        ),
        (
            replace(REPORTED, status=Status.COMPLAINT),
            MANY,
            ["roles.hand_over", *CUSTOMERS, *OPEN, "solution.open", "close.open", *RECORD],
        ),
        (replace(VERIFIED, status=Status.CLOSED), MANY, ["reopen.open", *RECORD]),
        (
            replace(VERIFIED, status=Status.CLOSED, fixed_at=AT),
            MANY,
            ["satisfaction.open", "reopen.open", *RECORD],
        ),
        (replace(VERIFIED, status=Status.CLOSED), replace(MANY, may_reopen=False), RECORD),
        (replace(REPORTED, status=Status.DISMISSED), MANY, ["record.open", "dossier.make"]),
    ],
)
def test_only_what_can_be_done_is_offered(incident: Incident, known: Known, expected: list[str]) -> None:
    assert offered(incident, known) == expected


def test_each_step_is_named_once() -> None:
    steps = [step for group in GROUPS.values() for step in group]
    assert len(steps) == len(set(steps)) < 40  # with its headings well below Slack's 100 blocks


def buttons(view: dict[str, Any]) -> list[str]:
    return [block["accessory"]["action_id"] for block in view["blocks"] if "accessory" in block]


def test_the_window_leads_to_each_step_and_the_form_stands_above_it(workspace: Workspace) -> None:
    incident = workspace.report()
    view = workspace.click(MEI, workspace.card(incident), "card.menu", option=f"more.open:{incident.id}")["view"]
    assert view["callback_id"] == "more.shown"
    assert {"grade.open", "roles.open", "tasks.add", "statement.open", "dismiss.open"} <= set(buttons(view))
    opened = workspace.view_action(MEI, "grade.open", value=str(incident.id))
    assert opened["view"]["callback_id"] == "grade.submit"
    assert len(workspace.sandbox.get("/views", user=MEI)) == 2


def test_the_word_opens_it_in_the_channel_in_the_readers_language(office: Workspace) -> None:
    incident = office.report()
    channel = str(office.incident(incident.id).channel_name)
    view = office.command(MEI, "more", channel)["view"]
    assert "可执行的操作" in str(view["title"])
    assert office.command(ADA, "更多", channel)["view"]["title"]["text"] == f"{incident.number}: what you can do"


def test_elsewhere_the_word_says_where_it_works(office: Workspace) -> None:
    answer = office.command(ADA, "more")
    assert answer["view"] is None
    assert "/incident list" in str(answer["response"])


@pytest.mark.parametrize(
    ("said", "form"),
    [
        ("plan", "plan.submit"),
        ("方案", "plan.submit"),
        ("fixed", "fixed.submit"),
        ("close", "close.submit"),
        ("progress", "progress.submit"),
    ],
)
def test_a_step_is_opened_by_its_word_in_the_channel(office: Workspace, said: str, form: str) -> None:
    incident = office.report()
    office.grade(WANG, incident, 1)
    channel = str(office.incident(incident.id).channel_name)
    assert office.command(WANG, said, channel)["view"]["callback_id"] == form
    assert "/incident 列表" in str(office.command(WANG, said))

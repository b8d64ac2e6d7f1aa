"""What belongs into an incident's channel is not lost when somebody removes the bot from it, or archives it."""

from datetime import timedelta

import pytest

from bot.incident import Incident
from handlers.clock import tick
from storage import outbox
from tests.processes import is_holding
from tests.test_closing import ONE, close, confirm, fixed
from tests.workspace import ADA, BOT, LIN, MEI, WANG, Said, Workspace

DAY = 24 * 60


def unsaid(office: Workspace, incident: Incident) -> list[str]:
    """What is not said yet."""
    with office.bot.db.read() as tx:
        return [each.drawing for each in outbox.of_incident(tx, incident.id) if each.ts is None]


def reminders(office: Workspace, channel: str) -> list[Said]:
    return [said for said in office.said(channel) if "⏰" in said.everything or "⚠️" in said.everything]


def test_removed_from_a_public_channel_the_bot_goes_back_and_says_what_was_due(office: Workspace) -> None:
    incident = office.report(ADA)
    channel = str(office.incident(incident.id).channel_id)
    office.sandbox.post("/act/leave", user=BOT, channel=channel)
    for _ in range(3):
        office.wait(4)
    assert BOT in office.channel(channel)["members"]
    assert reminders(office, channel)
    assert unsaid(office, incident) == []


def test_of_a_private_channel_somebody_is_asked_to_let_it_in_again(office: Workspace) -> None:
    incident = office.report(ADA, trigger="account_security")
    channel = str(office.incident(incident.id).channel_id)
    office.sandbox.post("/act/leave", user=BOT, channel=channel)
    for _ in range(4):
        office.wait(4)
    asked = [said for said in office.said(ADA) if "/invite @Hotline" in said.text]
    assert len(asked) == 1, "once, and not with each message that waits"
    assert channel in asked[0].text
    assert unsaid(office, incident)
    office.sandbox.post("/act/invite", user=ADA, channel=channel, invited=["bot"])
    office.wait(2)
    assert unsaid(office, incident) == []
    assert reminders(office, channel)


def test_archived_by_hand_an_open_incident_gets_another_channel(workspace: Workspace) -> None:
    incident = workspace.report(LIN)
    old = str(workspace.incident(incident.id).channel_id)
    workspace.sandbox.post("/act/archive", user=LIN, channel=old)
    for _ in range(4):
        workspace.wait(4)
    new = str(workspace.incident(incident.id).channel_id)
    assert new != old
    assert not workspace.channel(new)["is_archived"]
    assert {LIN, BOT} <= set(workspace.channel(new)["members"])
    assert workspace.card(incident).channel == new
    assert reminders(workspace, new)
    assert unsaid(workspace, incident) == []


@pytest.mark.parametrize("kind", ["hold_before", "hold_after"])
def test_opened_again_while_slack_archives_it_is_not_left_in_an_archived_channel(office: Workspace, kind: str) -> None:
    incident = fixed(office, severity=2, **ONE)
    confirm(office, ADA, incident, score="4")
    close(office, ADA, incident)
    for _ in range(6):
        office.wait(DAY)
    old = str(office.incident(incident.id).channel_id)
    assert not office.channel(old)["is_archived"]
    fault = office.sandbox.fault("conversations.archive", kind, count=1)
    office.clock.now += timedelta(minutes=DAY + 61)
    office.sandbox.post("/time", advance=(DAY + 61) * 60)
    tick(office.bot.desk)
    office.bot.courier.wake()
    office.until(lambda: is_holding(office, fault))
    office.click(ADA, office.card(incident), "card.menu", option=f"reopen.open:{incident.id}")
    office.submit(ADA, reason="It fails again")
    office.sandbox.heal()
    office.settle()
    office.wait(1)
    now = office.incident(incident.id)
    assert now.status.is_open
    assert now.channel_id != old
    assert not office.channel(str(now.channel_id))["is_archived"]
    assert office.card(incident).channel == now.channel_id


def test_where_nobody_may_edit_what_is_old_the_card_is_said_anew(office: Workspace) -> None:
    incident = office.report(ADA)
    before = office.card(incident)
    office.sandbox.fault("chat.update", "error", error="edit_window_closed")
    office.grade(MEI, incident, 1, "Nobody can pay")
    after = office.card(incident)
    assert after.ts != before.ts, "the new one is pinned, and the old one is not any more"
    assert "grade.open" not in [button.rstrip("*") for button in after.buttons]


@pytest.mark.parametrize(
    "word",
    [
        "team_added_to_org",
        "org_login_required",
        "accesslimited",
        "message_limit_exceeded",
        "restricted_action",
        "restricted_action_thread_locked",
    ],
)
def test_what_an_admin_mends_is_said_afterwards(office: Workspace, word: str) -> None:
    incident = office.report(ADA)
    office.sandbox.fault("chat.postMessage", "error", error=word)
    office.wait(5)
    assert unsaid(office, incident)
    office.sandbox.heal()
    office.wait(1.5)
    assert unsaid(office, incident) == []
    assert any("⏰" in said.everything or "⚠️" in said.everything for said in office.said(WANG) + office.said(ADA))


def test_an_announcement_of_which_no_answer_came_waits_for_the_bot_to_be_let_in_again(office: Workspace) -> None:
    office.report(ADA)
    said = len(office.said("incidents"))
    office.sandbox.fault("chat.postMessage", "drop_after", match={"channel": "C0INCIDENTS"}, count=1)
    office.sandbox.fault("conversations.history", "error", error="not_in_channel", match={"channel": "C0INCIDENTS"})
    office.report(LIN, what_happened="Another thing is broken")
    office.wait(1)
    office.sandbox.heal()
    office.wait(2)
    office.wait(2)
    assert len(office.said("incidents")) == said + 1, "it was said, and is found again"

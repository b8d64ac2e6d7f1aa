"""Files that were given to a form: Slack shows them to their owner alone; the bot brings them to who needs them."""

import base64
from typing import Any

import httpx
import pytest

from bot.incident import Incident
from storage import erasure, journal, outbox
from tests.test_closing import press as click
from tests.test_closing import say_fixed
from tests.workspace import ADA, LIN, PAT, WANG, Said, Workspace


def uploaded(office: Workspace, user: str, name: str, content: bytes) -> Any:
    """Somebody has chosen a file in a form."""
    text = base64.b64encode(content).decode()
    return office.sandbox.post("/act/upload", user=user, name=name, content_base64=text)["file"]


def reported_with(office: Workspace, *files: Any) -> Incident:
    """Ada reports an incident with files."""
    office.command(ADA)
    office.view_action(ADA, "report.more", values={"what_happened": "Payments fail"})
    evidence = [each["id"] for each in files]
    office.submit(ADA, customer="Acme Ltd", customers_affected="12", trigger="system_failure", evidence=evidence)
    office.settle()
    return office.incident(1)


def brought(office: Workspace, user: str) -> list[Said]:
    """The files that somebody has in their direct messages."""
    return [said for said in office.said(user) if said.raw.get("files")]


def content(said: Said, user: str) -> bytes:
    """What somebody reads who clicks on it."""
    [file] = said.raw["files"]
    answer = httpx.get(file["permalink"], params={"as": user})
    assert answer.status_code == 200
    return answer.content


def looks(office: Workspace, incident: Incident) -> list[str]:
    with office.bot.db.read() as tx:
        return [
            str(each.by)
            for each in journal.of_incident(tx, incident.id)
            if each.what == "customer_seen" and each.detail["form"] == "files"
        ]


def test_who_handles_the_case_gets_the_files_with_one_click_on_the_card(office: Workspace) -> None:
    shot = uploaded(office, ADA, "error page.png", b"the picture")
    log = uploaded(office, ADA, "gateway.log", b"502 bad gateway")
    incident = reported_with(office, shot, log)
    assert httpx.get(shot["permalink"], params={"as": WANG}).status_code == 404, "as in Slack"
    card = office.card(incident)
    assert "error page.png" in card.everything
    assert shot["permalink"] not in card.everything, "a link that opens for nobody is none"
    opened = office.click(WANG, card, "evidence.send")
    assert "2 个文件" in str(opened["view"])
    office.settle()
    assert [content(each, WANG) for each in brought(office, WANG)] == [b"the picture", b"502 bad gateway"]
    assert all("INC-1" in each.text for each in brought(office, WANG))
    assert looks(office, incident) == [WANG]
    assert not [said for said in office.said(str(incident.channel_id)) if said.raw.get("files")]


def test_two_clicks_are_one_wish_and_each_who_asks_gets_their_own(office: Workspace) -> None:
    incident = reported_with(office, uploaded(office, ADA, "a.png", b"a"))
    for user in (WANG, WANG, ADA):
        office.click(user, office.card(incident), "evidence.send")
    office.settle()
    assert [len(brought(office, user)) for user in (WANG, ADA)] == [1, 1]
    assert looks(office, incident) == [WANG, ADA]


def test_others_get_nothing(office: Workspace) -> None:
    incident = reported_with(office, uploaded(office, ADA, "a.png", b"a"))
    refused = office.click(PAT, office.card(incident), "evidence.send")
    office.settle()
    assert refused["view"]["callback_id"] == "told"
    assert not brought(office, PAT)
    assert looks(office, incident) == []


def test_without_files_nothing_is_offered(office: Workspace) -> None:
    incident = office.report(ADA)
    assert "evidence.send" not in office.card(incident).everything
    opened = office.click(ADA, office.card(incident), "card.menu", option=f"more.open:{incident.id}")
    assert "evidence.send" not in str(opened["view"])


def test_the_proof_of_a_confirmation_is_brought_too(office: Workspace) -> None:
    incident = office.report(ADA, customers_affected="1")
    office.grade(WANG, incident, 3, "One customer")
    say_fixed(office, ADA, office.incident(incident.id))
    file = uploaded(office, ADA, "signed.pdf", b"it works")
    click(office, ADA, incident, "confirm.open")
    office.view_action(ADA, "confirm.look", value="file", block_id="proof")
    [field] = [block for block in office.view(ADA)["blocks"] if block.get("element", {}).get("type") == "file_input"]
    assert not office.submit(ADA, satisfied="yes", **{field["block_id"]: [file["id"]]})["response"]
    office.settle()
    opened = office.click(WANG, office.card(incident), "card.menu", option=f"more.open:{incident.id}")
    assert "evidence.send" in str(opened["view"])
    office.view_action(WANG, "evidence.send", value=str(incident.id))
    office.settle()
    assert [content(each, WANG) for each in brought(office, WANG)] == [b"it works"]


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
def test_an_answer_that_got_lost_brings_nothing_twice(office: Workspace, kind: str) -> None:
    incident = reported_with(office, *(uploaded(office, ADA, name, name.encode()) for name in ("a.png", "b.png")))
    office.sandbox.fault("files.completeUploadExternal", kind, count=1)
    office.click(WANG, office.card(incident), "evidence.send")
    office.settle()
    office.wait(1)
    assert [content(each, WANG) for each in brought(office, WANG)] == [b"a.png", b"b.png"]


def test_what_can_not_be_brought_is_said(office: Workspace) -> None:
    incident = reported_with(office, uploaded(office, ADA, "a.png", b"a"), uploaded(office, ADA, "b.png", b"b"))
    office.sandbox.fault("files.info", "error", error="file_not_found", count=1)
    office.click(LIN, office.card(incident), "evidence.send")
    office.settle()
    assert [content(each, LIN) for each in brought(office, LIN)] == [b"b"]
    assert "文件已不在 Slack 中" in office.said(LIN)[0].text + office.said(LIN)[-1].text
    office.sandbox.fault("files.getUploadURLExternal", "error", error="file_uploads_disabled")
    office.wait(1)
    office.click(LIN, office.card(incident), "evidence.send")
    office.settle()
    last = office.said(LIN)[-1]
    assert "file_uploads_disabled" in last.text
    assert last.buttons == ["evidence.send"]


def test_once_the_customers_are_erased_nobody_gets_them(office: Workspace) -> None:
    incident = reported_with(office, uploaded(office, ADA, "a.png", b"a"))
    office.click(ADA, office.card(incident), "card.menu", option=f"more.open:{incident.id}")
    with office.bot.db.begin() as tx:
        erasure.erase_all(tx, incident.id, str, office.clock.now)
        outbox.redraw(tx, [incident.id], office.clock.now, ["card"])
    office.bot.desk.wake()
    office.settle()
    assert "evidence.send" not in office.card(incident).everything
    refused = office.view_action(ADA, "evidence.send", value=str(incident.id))  # in a window that was open
    office.settle()
    assert refused["view"]["callback_id"] == "told"
    assert not brought(office, ADA)

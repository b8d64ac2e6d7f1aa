"""What people keep for the record, the timeline, and its corrections."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from bot.incident import Incident
from bot.record import KeptKind
from handlers import timeline
from storage import customers, erasure, incidents, journal, outbox, record
from tests.test_postmortem import chapter, fixed, later
from tests.workspace import ADA, LIN, MEI, PAT, Said, Workspace


def write(workspace: Workspace, user: str, incident: Incident, text: str, **more: Any) -> Said:
    """Somebody writes into the incident's channel."""
    channel = str(workspace.incident(incident.id).channel_id)
    answer = workspace.sandbox.post("/act/message", user=user, channel=channel, text=text, **more)
    workspace.settle()
    assert answer["ts"], answer
    return Said(channel, answer["ts"], text, [], answer)


def react(workspace: Workspace, user: str, message: Said, name: str = "pushpin", remove: bool = False) -> None:
    """Somebody puts an emoji under a message, or takes it away."""
    answer = workspace.sandbox.post(
        "/act/react", user=user, channel=message.channel, ts=message.ts, name=name, remove=remove
    )
    assert "error" not in answer, answer
    workspace.settle()


def timeline_of(workspace: Workspace, incident: Incident, full: bool = True) -> list[str]:
    """The lines, with people by name."""
    desk = workspace.bot.desk
    with workspace.bot.db.read() as tx:
        lines = timeline.lines(desk, tx, workspace.incident(incident.id), desk.channel_words, full)
        return [line.text for line in timeline.named(tx, lines)]


def words_of(view: Any) -> str:
    return str(view["blocks"])


def test_the_story_of_what_is_kept_and_corrected(workspace: Workspace) -> None:
    incident = workspace.report(ADA)
    said = write(
        workspace, LIN, incident, "Call <tel:+447911123456|+44 7911 123456>, Acme Ltd &amp; others wait <@U0MEI>"
    )
    told = workspace.message_shortcut(ADA, said, "record.keep")
    assert "Kept for the record of INC-1" in words_of(told["view"])
    workspace.settle()
    workspace.wait(1)
    answer = write(workspace, LIN, incident, "The certificate has run out", thread_ts=said.ts)
    react(workspace, MEI, answer)
    with workspace.bot.db.read() as tx:
        kept = record.of_incident(tx, incident.id)
    assert [(each.kind, each.by, each.author_id) for each in kept] == [
        (KeptKind.MESSAGE, ADA, LIN),
        (KeptKind.MESSAGE, MEI, LIN),
    ]
    assert kept[0].words == "Call +44 7911 123456 (+447911123456), Acme Ltd & others wait @Mei 梅"
    assert all(each.url.startswith("https://") or each.url.startswith("http://") for each in kept)

    opened = workspace.command(MEI, "record", channel=said.channel)
    assert "A*** & others" in words_of(opened["view"]).replace("&amp;", "&")
    assert "Acme" not in words_of(opened["view"])
    assert "7911" not in words_of(opened["view"])
    form = workspace.view_action(MEI, "record.correct")["view"]
    which = form["blocks"][0]["element"]["options"]
    reported = next(option["value"] for option in which if option["value"] == "journal:1")
    workspace.submit(MEI, which=reported, right="It began at 13:50")
    workspace.settle()
    assert "It began at 13:50" in words_of(workspace.view(MEI)), "the window under the form shows it"
    lines = timeline_of(workspace, incident)
    assert "reported it" in lines[0]
    assert lines[1].startswith("↳ Corrected by Mei 梅, ")
    assert lines[1].endswith(": It began at 13:50")

    workspace.view_action(MEI, "record.correct")
    at = workspace.clock.now - timedelta(hours=1)
    workspace.submit(MEI, which="outside", right="A monitor had turned red", at=str(int(at.timestamp())))
    workspace.settle()
    lines = timeline_of(workspace, incident)
    assert lines[0].startswith("A monitor had turned red (added by Mei 梅")
    with workspace.bot.db.read() as tx:
        assert journal.is_whole(tx, incident.id)
        assert [each.what for each in journal.of_incident(tx, incident.id)].count("kept") == 2


@contextmanager
def no_outbox(url: str) -> Iterator[None]:
    """The database refuses every errand: as when it is away."""
    with sqlite3.connect(url.removeprefix("sqlite:///")) as database:
        database.execute("alter table outbox rename to away")
        database.commit()
        yield
        database.execute("alter table away rename to outbox")


@pytest.mark.parametrize("workspace", ["socket-sqlite", "http-sqlite"], indirect=True)
def test_what_could_not_be_saved_is_delivered_again(workspace: Workspace, sqlite_url: str) -> None:
    incident = workspace.report(ADA)
    said = write(workspace, LIN, incident, "The certificate has run out")

    def deliveries() -> int:
        sent = workspace.sandbox.get("/deliveries")
        return sum((each["event"] or {}).get("item", {}).get("ts") == said.ts for each in sent)

    with no_outbox(sqlite_url):
        workspace.sandbox.post("/act/react", user=MEI, channel=said.channel, ts=said.ts, name="pushpin")
        workspace.until(lambda: deliveries() == 2)  # once more at once, then a minute later

    def is_kept() -> bool:
        workspace.wait(1)
        with workspace.bot.db.read() as tx:
            return len(record.of_incident(tx, incident.id)) == 1

    workspace.until(is_kept, 30)
    assert deliveries() == 3


def test_what_is_kept_twice_is_kept_once(office: Workspace) -> None:
    incident = office.report(ADA)
    said = write(office, LIN, incident, "The certificate has run out")
    office.message_shortcut(MEI, said, "record.keep")
    office.settle()
    again = office.message_shortcut(ADA, said, "record.keep")
    assert "in the record of INC-1 already" in words_of(again["view"])
    react(office, MEI, said)
    react(office, ADA, said)
    react(office, ADA, said, remove=True)  # it stays on record
    with office.bot.db.read() as tx:
        assert len(record.of_incident(tx, incident.id)) == 1


def test_files_are_kept_each_by_itself(office: Workspace) -> None:
    incident = office.report(ADA)
    upload = office.sandbox.post("/act/upload", user=LIN, name="acme ltd.png", content_base64="YWJj")
    said = write(office, LIN, incident, "See this", files=[upload["file"]["id"]])
    react(office, ADA, said)
    with office.bot.db.read() as tx:
        kept = record.of_incident(tx, incident.id)
    assert [each.kind for each in kept] == [KeptKind.MESSAGE, KeptKind.FILE]
    shown = timeline_of(office, incident)[-1]
    assert "shared the file" in shown
    assert "acme" not in shown.lower()


def test_of_a_customer_who_is_erased_no_file_keeps_the_name(office: Workspace) -> None:
    names = ("acme ltd.png", "diagram.png")
    files = [office.sandbox.post("/act/upload", user=LIN, name=name, content_base64="YWJj")["file"] for name in names]
    office.command(LIN)
    office.view_action(LIN, "report.more", values={"what_happened": "Payments fail"})
    ids = [file["id"] for file in files]
    office.submit(LIN, customer="Acme Ltd", customers_affected="1", trigger="system_failure", evidence=ids)
    office.settle()
    incident = office.incident(1)
    react(office, ADA, write(office, LIN, incident, "See these", files=ids))
    with office.bot.db.begin() as tx:
        found = [(each.id, each.customer) for each in customers.all_of(tx, 1)]
        erasure.erase_one(tx, incidents.get(tx, 1, lock=True), found, office.clock.now)
        outbox.redraw(tx, [1], office.clock.now, ["card"])
    office.bot.desk.wake()
    office.settle()
    for shown in ("\n".join(timeline_of(office, incident)), office.card(incident).everything):
        assert "acme" not in shown.lower()
        assert "diagram.png" in shown, "the other is still found"
    with office.bot.db.read() as tx:
        kept = [each.url for each in record.of_incident(tx, 1) if each.name]
        attached = [each.url for each in incidents.evidence_of(tx, 1)]
    assert kept == attached == ["", files[1]["permalink"]]


def test_what_is_not_kept(office: Workspace) -> None:
    incident = office.report(ADA)
    elsewhere = office.sandbox.post("/act/message", user=LIN, channel="general", text="Lunch?")
    lunch = Said(office.channel("general")["id"], elsewhere["ts"], "Lunch?", [], elsewhere)
    refused = office.message_shortcut(ADA, lunch, "record.keep")
    assert "in an incident’s own channel" in words_of(refused["view"])
    react(office, LIN, lunch)
    card = office.card(incident)
    assert "recorded automatically" in words_of(office.message_shortcut(ADA, card, "record.keep")["view"])
    react(office, ADA, card)
    told = office.sandbox.get("/ephemerals", user=ADA)
    assert [each["text"] for each in told] == ["What Hotline says is recorded automatically."]
    said = write(office, LIN, incident, "The certificate has run out")
    react(office, LIN, said, "tada")
    with office.bot.db.read() as tx:
        assert record.of_incident(tx, incident.id) == []
        assert all(each.what != "kept" for each in journal.of_incident(tx, incident.id))


def test_only_its_people_keep_and_correct(office: Workspace) -> None:
    incident = office.report(ADA)
    said = write(office, LIN, incident, "The certificate has run out")
    opened = office.command(PAT, "record", channel=said.channel)
    assert opened["view"]["callback_id"] == "record.shown"
    refused = office.view_action(PAT, "record.correct")
    assert "people in its channel" in words_of(refused["view"])
    refused = office.message_shortcut(PAT, said, "record.keep")
    assert "people in its channel" in words_of(refused["view"])
    react(office, PAT, said)
    with office.bot.db.read() as tx:
        assert record.of_incident(tx, incident.id) == []


def test_a_correction_says_when_something_else_happened(office: Workspace) -> None:
    incident = office.report(ADA)
    office.command(ADA, "record", channel=str(office.incident(incident.id).channel_id))
    office.view_action(ADA, "record.correct")
    answer = office.submit(ADA, which="outside", right="A monitor had turned red")
    assert answer["response"]["errors"].keys() == {"at"}
    office.submit(ADA, which="journal:1", right="It was Bert")
    office.settle()
    with office.bot.db.read() as tx:
        assert [each.about for each in record.of_incident(tx, incident.id)] == ["journal:1"]


def test_the_pages_of_a_long_timeline(office: Workspace) -> None:
    incident = office.report(ADA)
    with office.bot.db.begin() as tx:
        for number in range(40):
            journal.add(tx, incident.id, "task_done", MEI, office.clock.now + timedelta(minutes=number), task=number)
    opened = office.command(ADA, "record", channel=str(office.incident(incident.id).channel_id))
    view = opened["view"]
    assert "Page 4 of 4" in words_of(view)
    assert "record.later" not in words_of(view)
    view = office.view_action(ADA, "record.earlier")["view"]
    view = office.view(ADA)
    assert "Page 3 of 4" in words_of(view)
    assert "record.later" in words_of(view)


def test_a_long_message_is_whole_in_the_window(office: Workspace) -> None:
    incident = office.report(ADA)
    said = write(office, LIN, incident, "FIRST " + "&amp; " * 1400 + "LAST")  # each & is five characters for Slack
    react(office, ADA, said)
    view = office.command(ADA, "record", channel=said.channel)["view"]
    assert view["callback_id"] == "record.shown"
    shown = words_of(view)
    assert "FIRST" in shown
    assert "LAST" in shown
    assert shown.count("&amp; ") == 1400
    options = office.view_action(ADA, "record.correct")["view"]["blocks"][0]["element"]["options"]
    assert sum("FIRST" in option["text"]["text"] for option in options) == 1
    assert len({option["value"] for option in options}) == len(options)


def test_the_address_of_what_is_kept_reaches_the_thread(office: Workspace) -> None:
    incident = fixed(office)
    office.sandbox.fault("chat.getPermalink", "error", error="internal_error", count=6)
    react(office, ADA, write(office, LIN, incident, "The certificate has run out"))
    later(office)
    shown = chapter(office, "Timeline").everything
    assert "/archives/" not in shown[shown.index("certificate") :]
    office.sandbox.heal()
    for _ in range(6):
        later(office)
    with office.bot.db.read() as tx:
        assert record.of_incident(tx, incident.id)[0].url
    shown = chapter(office, "Timeline").everything
    assert "/archives/" in shown[shown.index("certificate") :]


def test_what_is_done_many_times_is_one_line_for_managers(office: Workspace) -> None:
    incident = office.report(ADA)
    with office.bot.db.begin() as tx:
        for number in range(87):
            at = office.clock.now + timedelta(seconds=30 * number)
            said = {"channel": "phone", "outcome": "reached" if number % 3 else "no_answer", "customers": 1}
            journal.add(tx, incident.id, "contacted", MEI, at, **said, flagged=0)
            journal.add(tx, incident.id, "customer_seen", MEI, at, form="contact")
    short, full = timeline_of(office, incident, full=False), timeline_of(office, incident)
    assert sum("Mei 梅 contacted" in line for line in full) == 87
    assert [line for line in short if "87 contacts" in line and "58 got through" in line]
    assert len(short) < 6


def test_an_entry_that_nobody_knows_any_more_is_still_a_line(office: Workspace) -> None:
    incident = office.report(ADA)
    with office.bot.db.begin() as tx:
        journal.add(tx, incident.id, "levitated", MEI, office.clock.now)
        journal.add(tx, incident.id, "graded", MEI, office.clock.now)
    assert timeline_of(office, incident)[-2:] == ["Mei 梅: levitated", "Mei 梅: graded"]

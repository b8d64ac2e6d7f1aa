"""The dossier in one click, and the journal that nobody changes unnoticed."""

import io
import json
import re
import shutil
import subprocess
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import delete, select, update

from bot import __main__ as start
from bot.incident import Customer, Incident
from handlers import dossier, press, printing, six_parts
from storage import customers, incidents, journal
from storage.tables import journal as journal_rows
from storage.tables import outbox as errands
from storage.tables import people as people_rows
from tests.conftest import not_here
from tests.processes import environment_of
from tests.test_closing import press as click
from tests.test_closing import say_fixed
from tests.workspace import ADA, EVA, MEI, PAT, TOKENS, WANG, Said, Workspace, settings_for

SECRETS = ("Acme Ltd", "C-1001", "7911 123456")


def happened(office: Workspace) -> Incident:
    """An incident with something in each part."""
    incident = office.report(ADA)
    office.click(ADA, office.card(incident), "verify.open")
    office.submit(ADA, note="Acme Ltd called from +44 7911 123456")
    office.settle()
    office.grade(MEI, incident, 1, "Nobody can pay", money_lost="9999.99")
    office.contact(ADA, incident, answer="Acme Ltd is angry, call +44 7911 123456")
    return office.incident(incident.id)


def make(office: Workspace, user: str, incident: Incident) -> Any:
    """Somebody asks for the dossier in its channel."""
    answer = office.command(user, "dossier", channel=str(incident.channel_id))
    office.settle()
    return answer


def dossiers(office: Workspace, channel: str) -> list[Said]:
    """The messages with a dossier."""
    return [said for said in office.said(channel) if said.raw.get("files")]


def content(said: Said) -> dict[str, bytes]:
    """What is in the ZIP."""
    (file,) = said.raw["files"]
    assert file["name"] == "INC-1-dossier.zip"
    got = httpx.get(file["url_private_download"], headers={"Authorization": f"Bearer {TOKENS['bot']}"})
    with zipfile.ZipFile(io.BytesIO(got.content)) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def text_of(pdf: bytes) -> str:
    """The words of a PDF in one line."""
    if shutil.which("pdftotext") is None:
        not_here("pdftotext (apt-get install poppler-utils)")
    done = subprocess.run(["pdftotext", "-layout", "-", "-"], input=pdf, capture_output=True, check=True)
    return re.sub(r"[ \n]+", " ", done.stdout.decode())


def test_one_click_gives_the_six_parts_masked(office: Workspace) -> None:
    incident = happened(office)
    answer = make(office, ADA, incident)
    assert "is being made" in str(answer["view"]["blocks"])
    (said,) = dossiers(office, str(incident.channel_id))
    assert "customers’ data masked" in said.text
    found = content(said)
    assert [*found] == ["INC-1-dossier.pdf", "INC-1-dossier.json"]
    assert found["INC-1-dossier.pdf"].startswith(b"%PDF-")
    told = json.loads(found["INC-1-dossier.json"])
    assert [*told] == ["incident", *six_parts.PARTS]
    assert told["incident"]["severity"] == 1
    assert told["incident"]["reported_at"] == incident.reported_at.isoformat()
    assert told["grading_record"]["facts"]["money_lost"] == {"minor": 999999, "currency": "CNY"}
    assert told["grading_record"]["gradings"][0]["by"] == {"id": MEI, "name": "Mei 梅"}
    assert told["contact_log"][0]["customer"] == "A***"
    assert told["timeline"][0]["key"] == "journal:1"
    everything = found["INC-1-dossier.json"].decode()
    assert not [secret for secret in SECRETS if secret in everything]
    printed = text_of(found["INC-1-dossier.pdf"])
    for part in six_parts.PARTS:
        assert office.bot.desk.channel_words.text(f"dossier.{part}") in printed
    assert not [secret for secret in SECRETS if secret in printed]


def test_those_who_handle_the_case_get_it_in_clear_for_themselves_alone(office: Workspace) -> None:
    incident = happened(office)
    make(office, ADA, incident)
    redrawn = office.view_action(ADA, "dossier.unmasked")
    office.settle()
    assert redrawn
    assert "on record" in str(office.view(ADA)["blocks"])
    assert "dossier.unmasked" not in str(office.view(ADA)["blocks"])
    (said,) = dossiers(office, ADA)
    told = json.loads(content(said)["INC-1-dossier.json"])
    assert told["contact_log"][0]["customer"] == "Acme Ltd"
    assert "+44 7911 123456" in told["contact_log"][0]["answer"]
    assert len(dossiers(office, str(incident.channel_id))) == 1, "the channel has only the masked one"
    with office.bot.db.read() as tx:
        looks = [each for each in journal.of_incident(tx, incident.id) if each.what == "customer_seen"]
    assert (looks[-1].by, looks[-1].detail["form"]) == (ADA, "dossier")


def test_who_does_not_handle_the_case_gets_it_masked_only(office: Workspace) -> None:
    incident = happened(office)
    answer = make(office, EVA, incident)
    assert "dossier.unmasked" not in str(answer["view"]["blocks"])
    refused = make(office, PAT, incident)
    assert "is being made" not in str(refused["view"])
    assert len(dossiers(office, str(incident.channel_id))) == 1


def test_two_clicks_make_one(office: Workspace) -> None:
    incident = happened(office)
    make(office, ADA, incident)
    make(office, WANG, incident)
    assert len(dossiers(office, str(incident.channel_id))) == 1
    office.clock.now += timedelta(minutes=1)
    make(office, ADA, incident)
    assert len(dossiers(office, str(incident.channel_id))) == 2


def test_three_clicks_for_the_one_in_clear_make_one(office: Workspace) -> None:
    incident = happened(office)
    for _ in range(3):
        office.command(ADA, "dossier", channel=str(incident.channel_id))
        office.view_action(ADA, "dossier.unmasked")
        office.settle()
    assert "is being made" in str(office.view(ADA)["blocks"])
    assert len(dossiers(office, ADA)) == 1
    office.clock.now += timedelta(minutes=1)
    office.command(ADA, "dossier", channel=str(incident.channel_id))
    office.view_action(ADA, "dossier.unmasked")
    office.settle()
    assert len(dossiers(office, ADA)) == 2


def test_after_the_channel_is_archived_it_comes_as_a_direct_message(office: Workspace) -> None:
    incident = happened(office)
    with office.bot.db.begin() as tx:
        incidents.set_archived(tx, incident.id, office.clock.now)
    answer = make(office, ADA, incident)
    assert "direct message" in str(answer["view"]["blocks"])
    make(office, WANG, incident)
    assert [len(dossiers(office, user)) for user in (ADA, WANG)] == [1, 1], "each who asks gets it"


def test_a_masked_one_has_no_name_in_an_address_nor_a_way_to_reach_anybody(office: Workspace) -> None:
    office.command(ADA)
    office.view_action(ADA, "report.more", values={"what_happened": "Payments fail"})
    known = {"customer_number": "C-1001", "customer_contact": "wechat acme_boss88, a@acme.example"}
    office.submit(ADA, customer="Acme Ltd", customers_affected="1", trigger="system_failure", **known)
    office.settle()
    incident = office.incident(1)
    office.contact(ADA, incident, answer="Acme Ltd is angry")
    office.grade(WANG, incident, 3, "One customer")
    say_fixed(office, ADA, office.incident(incident.id))
    file = office.sandbox.post("/act/upload", user=ADA, name="acme ltd signed.png", content_base64="YWJj")["file"]
    click(office, ADA, incident, "confirm.open")
    office.view_action(ADA, "confirm.look", value="file", block_id="proof")
    fields = [block for block in office.view(ADA)["blocks"] if block.get("element", {}).get("type") == "file_input"]
    assert not office.submit(ADA, satisfied="yes", **{fields[0]["block_id"]: [file["id"]]})["response"]
    office.settle()
    with office.bot.db.begin() as tx:  # by its old name it stands in what was said
        ways = "wechat acme_boss88, b@beta.example"
        customers.change(tx, customers.first_id(tx, incident.id) or 0, Customer("Beta GmbH", "C-1001", ways))
    make(office, ADA, incident)
    found = content(dossiers(office, str(incident.channel_id))[-1])
    told = json.loads(found["INC-1-dossier.json"])
    assert told["first_report"]["customer"]["contact"] == "w***, b***@b***.example"
    assert told["contact_log"][0]["answer"] == "A*** is angry"
    [confirmed] = told["customer_confirmations"]["confirmations"]
    assert confirmed["url"] == file["permalink"].rpartition("/")[0]
    for secret in ("acme", "beta", "boss88"):
        assert secret not in found["INC-1-dossier.json"].decode().lower()
        assert secret not in text_of(found["INC-1-dossier.pdf"]).lower()


def test_names_are_printed_as_they_are_written(office: Workspace) -> None:
    incident = happened(office)
    with office.bot.db.begin() as tx:
        tx.execute(update(people_rows).where(people_rows.c.user_id == ADA).values(name="Ada O'Brien & Co"))
    make(office, ADA, incident)
    printed = text_of(content(dossiers(office, str(incident.channel_id))[0])["INC-1-dossier.pdf"])
    assert "by Ada O'Brien & Co" in printed
    assert "&amp;" not in printed
    assert "#39" not in printed


def test_a_dossier_that_is_being_printed_does_not_hold_up_a_stop(
    office: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    incident = happened(office)
    (tmp_path / "press.py").write_text("import sys, time\nprint('here', flush=True)\ntime.sleep(600)\n")
    monkeypatch.setattr(press, "__file__", str(tmp_path / "press.py"))
    office.command(ADA, "dossier", channel=str(incident.channel_id))
    while not printing._at_work:
        pass
    office.bot.courier.stop()
    with office.bot.db.read() as tx:
        [left] = tx.execute(select(errands).where(errands.c.errand == "make_dossier")).all()
    assert (left.held_by, left.error) == (None, "printing was stopped by signal 15")
    assert not printing._at_work


def test_what_takes_much_memory_is_printed_in_two_lanes(office: Workspace) -> None:
    reported = [office.report(ADA, what_happened=f"Payments fail, says {name}") for name in ("Lin", "Ada", "Mei")]
    office.bot.courier.stop()
    for incident in reported:
        office.command(ADA, "dossier", channel=str(incident.channel_id))
    with office.bot.db.read() as tx:
        lanes = tx.execute(select(errands.c.lane).where(errands.c.errand == "make_dossier")).scalars().all()
    assert len(lanes) == 3
    assert len({*lanes}) == dossier.AT_ONCE


def test_a_channel_that_was_archived_meanwhile(office: Workspace) -> None:
    incident = happened(office)
    office.sandbox.fault("files.completeUploadExternal", "error", error="is_archived", count=1)
    make(office, ADA, incident)
    assert len(dossiers(office, ADA)) == 1


def test_an_answer_that_never_came_is_looked_for(office: Workspace) -> None:
    incident = happened(office)
    office.sandbox.fault("files.completeUploadExternal", "drop_after", count=1)
    make(office, ADA, incident)
    office.wait(1)
    assert len(dossiers(office, str(incident.channel_id))) == 1


def test_who_waits_is_told_when_slack_does_not_take_it(office: Workspace) -> None:
    incident = happened(office)
    office.sandbox.fault("files.getUploadURLExternal", "error", error="storage_limit_reached")
    make(office, ADA, incident)
    office.sandbox.heal()
    told = office.said(ADA)[-1]
    assert "storage_limit_reached" in told.text
    office.clock.now += timedelta(minutes=1)
    office.click(ADA, told, "dossier.make")
    office.settle()
    assert len(dossiers(office, str(incident.channel_id))) == 1


def test_without_pango_there_is_a_web_page(office: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    incident = happened(office)

    def missing(_: str) -> bytes:
        raise printing.NoPrinter("dossier.without_pdf")

    monkeypatch.setattr(printing, "pdf", missing)
    make(office, ADA, incident)
    (said,) = dossiers(office, str(incident.channel_id))
    assert "web page" in said.text
    assert [*content(said)] == ["INC-1-dossier.html", "INC-1-dossier.json"]
    assert printing.complaints() == [printing.NO_PANGO]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_people_wrote_does_no_harm_on_paper(office: Workspace, language: str) -> None:
    incident = office.report(
        ADA, what_happened="<img src='file:///etc/passwd'> {{ 7 * 7 }} 支付失败 & <script>x</script>"
    )
    desk, words = office.bot.desk, office.bot.desk.wordings[language]
    with office.bot.db.read() as tx:
        parts = six_parts.collect(desk, tx, office.incident(incident.id), words, ADA, False, office.clock.now)
    page = printing.html("dossier", words, dossier=parts, zone="+00:00")
    assert "<img" not in page
    assert "<script" not in page
    assert "{{ 7 * 7 }}" in page
    assert press.pdf(page.replace("</body>", "<img src='file:///etc/passwd'></body>")).startswith(b"%PDF-")


def test_a_page_without_chinese_fonts_says_so(office: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    incident = happened(office)
    monkeypatch.setattr(printing, "has_chinese_font", lambda: False)
    shown = dossier.form(incident, office.bot.desk.channel_words, may_see=False).to_dict()
    assert "fonts-noto-cjk" in str(shown)
    assert printing.complaints() == [printing.NO_CHINESE]


def verified(office: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """What `python -m bot journal verify` says."""
    settings = settings_for(office.sandbox, office.bot.settings.database_url)
    for name, value in environment_of(settings).items():
        monkeypatch.setenv(name, value)
    capsys.readouterr()
    code = start.main(["journal", "verify"])
    return code, capsys.readouterr().out


def test_the_journal_is_whole_until_somebody_changes_it(
    office: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    incident = happened(office)
    with office.bot.db.begin() as tx:
        journal.add(tx, None, "procedure_changed", None, office.clock.now, fingerprint="abc")
    code, said = verified(office, monkeypatch, capsys)
    assert code == 0
    assert re.fullmatch(r"\d+ entries of 1 incident are whole\.\n", said), said
    with office.bot.db.begin() as tx:
        entries = journal.of_incident(tx, incident.id)
        graded = next(each for each in entries if each.what == "graded")
        tx.execute(update(journal_rows).where(journal_rows.c.id == graded.id).values(detail={"severity": 3}))
    code, said = verified(office, monkeypatch, capsys)
    assert code == 1
    assert said.startswith(f"INC-1: the entry “graded” of {graded.at:%Y-%m-%d %H:%M:%S} UTC was changed")
    assert said.endswith("1 chain broken.\n")


def test_an_entry_that_was_taken_out_is_missed(
    office: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    incident = happened(office)
    with office.bot.db.begin() as tx:
        first, second = journal.of_incident(tx, incident.id)[:2]
        tx.execute(delete(journal_rows).where(journal_rows.c.id == first.id))
    code, said = verified(office, monkeypatch, capsys)
    assert code == 1
    assert f"INC-1: the entry “{second.what}”" in said

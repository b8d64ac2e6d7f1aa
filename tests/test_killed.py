"""`kill -9` at any point: the next start finishes what was begun, and does nothing twice (design.md decisions 2 and 3).

The bot is a real process. The sandbox holds a call back, before or after it took effect; there the process is killed,
and a new one starts. It also serves the next test, so that each costs one start; each test has an incident of its own.
"""

import base64
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from bot.__main__ import Program
from bot.incident import Incident
from bot.procedure_file import ProcedureFile
from bot.settings import Settings
from storage import customers, incidents, journal
from tests.processes import BotProcess, environment_of, is_all_carried, is_holding, put_back_in_time
from tests.workspace import (
    ADA,
    BOT,
    LIN,
    MEI,
    PAYMENTS_FAIL,
    PROCEDURE,
    WANG,
    ZHOU,
    Clock,
    Sandbox,
    Workspace,
    settings_for,
)

BEFORE, AFTER = "hold_before", "hold_after"  # the call took effect, or it did not


@dataclass
class Installation:
    """A sandbox, a database, and whichever process of the bot is alive."""

    sandbox: Sandbox
    settings: Settings
    workspace: Workspace
    alive: BotProcess | None = None

    def start(self) -> None:
        """A new process."""
        self.alive = BotProcess(environment_of(self.settings))

    def ready(self) -> None:
        """A process serves people; it is the one of the test before, if that is still well."""
        if self.alive is None:
            self.start()
        assert self.alive is not None
        self.alive.ready()

    def kill(self) -> None:
        """`kill -9`; what was held back for the dead process is let go."""
        assert self.alive is not None
        self.alive.kill()
        self.alive = None
        self.sandbox.heal()

    def hold(self, method: str, kind: str, calls: int = 1, **match: str) -> str:
        """The next call of `method` (or several) will be held back."""
        return self.sandbox.fault(method, kind, count=calls, match=match)

    def kill_at(self, hold: str, calls: int = 1) -> None:
        """Waits until the call is held back, and kills the process there."""
        self.workspace.until(lambda: is_holding(self.workspace, hold, calls), 40)
        self.kill()

    def report(self, **values: str) -> None:
        """Lin fills in the form; it is acknowledged."""
        opened = self.workspace.command(LIN)
        assert opened["view"], opened
        answer = self.workspace.submit(LIN, **{**PAYMENTS_FAIL, **values})
        assert (answer["response"] or {}).get("response_action") == "update", answer

    def finish(self) -> None:
        """Everything that is to be done in Slack is done."""
        self.ready()
        self.workspace.until(lambda: is_all_carried(self.workspace), 40)
        assert self.sandbox.get("/wait", until="calls_idle", quiet_ms=30)["ok"]

    def latest(self) -> Incident:
        """The incident that was reported last."""
        with self.workspace.bot.db.read() as tx:
            [incident] = incidents.still_open(tx, LIN, 1)
        return incident


@pytest.fixture(scope="module")
def own_sandbox() -> Iterator[Sandbox]:
    """A sandbox that no other test resets."""
    running = Sandbox()
    yield running
    running.stop()


def _installation(sandbox: Sandbox, url: str) -> Iterator[Installation]:
    sandbox.post("/reset")
    settings = settings_for(sandbox, url)
    reader = Program(settings, ProcedureFile(PROCEDURE))  # never started: it only reads the database
    installation = Installation(sandbox, settings, Workspace(sandbox, Clock(), reader))
    yield installation
    sandbox.heal()
    if installation.alive:
        installation.alive.stop()
    reader.db.close()


@pytest.fixture(scope="module")
def installed(own_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """On SQLite; it lasts for all tests of this file."""
    yield from _installation(own_sandbox, f"sqlite:///{tmp_path_factory.mktemp('killed')}/hotline.db")


@pytest.fixture
def on_postgresql(own_sandbox: Sandbox, postgresql_url: str, installed: Installation) -> Iterator[Installation]:
    """On PostgreSQL; meanwhile the other installation stands still."""
    if installed.alive:
        installed.alive.stop()
        installed.alive = None
    yield from _installation(own_sandbox, postgresql_url)


def check_once_each(installation: Installation, is_private: bool = False) -> None:
    """One channel with the right people, one card, pinned once, one announcement; the form shows the way."""
    workspace, incident = installation.workspace, installation.latest()
    channels = [channel for channel in workspace.channels() if str(channel["name"]).startswith(f"inc-{incident.id:04}")]
    assert [channel["id"] for channel in channels] == [incident.channel_id]
    channel = channels[0]
    assert channel["is_private"] is is_private
    assert set(channel["members"]) == {LIN, ADA, MEI, WANG, ZHOU, BOT}
    assert channel["topic"].startswith(incident.number)
    assert incident.number in channel["purpose"]
    said = workspace.said(channel["id"])
    assert len(said) == 1, [message.text for message in said]
    assert [pin["ts"] for pin in channel["pins"]] == [said[0].ts]
    assert incident.title in said[0].everything
    announced = [message for message in workspace.said("incidents") if f"<#{channel['id']}>" in message.text]
    assert len(announced) == (0 if is_private else 1)
    assert channel["id"] in str(workspace.view(LIN)["blocks"]), "the form shows the way to the channel"


CREATION = [
    "conversations.create",
    "conversations.invite",
    "chat.postMessage",  # the card
    "pins.add",
    "conversations.setTopic",
    "conversations.setPurpose",
    "views.update",
]
PRIVATE_CREATION = ["conversations.create", "conversations.invite"]


def kill_during_creation(installation: Installation, method: str, kind: str, **values: str) -> None:
    """Lin reports; the process is killed before or after that call."""
    installation.ready()
    if method != "chat.postMessage":
        hold = installation.hold(method, kind)
        installation.report(**values)
        installation.kill_at(hold)
        return
    creating = installation.hold("conversations.create", AFTER)  # the card is told by its channel: wait for its id
    installation.report(**values)
    installation.workspace.until(lambda: is_holding(installation.workspace, creating))
    newest = max(installation.workspace.channels(), key=lambda channel: str(channel["name"]))
    hold = installation.hold(method, kind, channel=newest["id"])
    installation.sandbox.http.delete(f"/faults/{creating}")
    installation.kill_at(hold)


@pytest.mark.parametrize("kind", [BEFORE, AFTER])
@pytest.mark.parametrize("method", CREATION)
def test_a_report_is_finished_after_a_kill_at_each_call(installed: Installation, method: str, kind: str) -> None:
    kill_during_creation(installed, method, kind)
    installed.finish()
    check_once_each(installed)


@pytest.mark.parametrize("kind", [BEFORE, AFTER])
@pytest.mark.parametrize("method", PRIVATE_CREATION)
def test_a_confidential_report_too(installed: Installation, method: str, kind: str) -> None:
    kill_during_creation(installed, method, kind, trigger="privacy_leak")
    installed.finish()
    check_once_each(installed, is_private=True)


@pytest.mark.parametrize("kind", [BEFORE, AFTER])
def test_it_is_announced_once_after_a_kill_at_the_announcement(installed: Installation, kind: str) -> None:
    installed.ready()
    hold = installed.hold("chat.postMessage", kind, channel=installed.workspace.channel("incidents")["id"])
    installed.report()
    installed.kill_at(hold)
    installed.finish()
    check_once_each(installed)


def test_it_is_finished_when_the_recovery_is_killed_again_and_again(installed: Installation) -> None:
    kill_during_creation(installed, "conversations.create", AFTER)
    for method, kind in [
        ("conversations.create", AFTER),  # the name is taken, by itself
        ("conversations.list", AFTER),  # it looks who has the name
        ("conversations.invite", AFTER),
        ("chat.postMessage", AFTER),
        ("conversations.history", BEFORE),  # it looks whether it said that before
    ]:
        hold = installed.hold(method, kind)
        installed.start()
        installed.kill_at(hold)
    installed.finish()
    check_once_each(installed)


@pytest.mark.parametrize("kind", [BEFORE, AFTER])
def test_reminders_come_once_after_a_kill(installed: Installation, kind: str) -> None:
    installed.ready()
    installed.report()
    installed.finish()
    workspace, incident = installed.workspace, installed.latest()
    channel = str(incident.channel_id)
    installed.kill()
    put_back_in_time(workspace, incident.id, 3)  # the owner of "verify" is to be reminded two minutes before its time
    hold = installed.hold("chat.postMessage", kind, calls=2)  # in the channel, and to the owner alone
    installed.start()
    installed.kill_at(hold, calls=2)
    installed.finish()
    assert [said.buttons for said in workspace.said(channel)[1:]] == [["verify.open*", "acknowledge.told"]]
    assert len([said for said in workspace.said(LIN) if f"<#{channel}>" in said.text]) == 1


def test_the_announcement_finds_its_channel_after_kills_on_the_way(on_postgresql: Installation) -> None:
    kill_during_creation(on_postgresql, "conversations.list", AFTER)  # a new database: the bot looks for #incidents
    hold = on_postgresql.hold("conversations.join", AFTER)
    on_postgresql.start()
    on_postgresql.kill_at(hold)
    on_postgresql.finish()
    check_once_each(on_postgresql)
    for method in ("conversations.create", "chat.postMessage"):
        kill_during_creation(on_postgresql, method, AFTER)
        on_postgresql.finish()
        check_once_each(on_postgresql)


@pytest.mark.parametrize("kind", [BEFORE, AFTER])
@pytest.mark.parametrize("reading", ["files.info", "url_private", "views.update"])
def test_a_list_of_customers_is_read_and_added_once_after_kills_on_the_way(
    installed: Installation, reading: str, kind: str
) -> None:
    installed.ready()
    installed.report()
    installed.finish()
    workspace, incident = installed.workspace, installed.latest()
    workspace.choose(LIN, incident, "ledger.open")
    workspace.view_action(LIN, "lists.open")
    workspace.view_action(LIN, "lists.choose", option="upload")
    rows = "\n".join(["name,number", *(f"Customer {number},C-{number}" for number in range(400))])
    content = base64.b64encode(rows.encode()).decode()
    file = installed.sandbox.post("/act/upload", user=LIN, name="list.csv", content_base64=content)["file"]
    hold = installed.hold(reading, kind)
    workspace.submit(LIN, file=[file["id"]])
    installed.kill_at(hold)
    installed.finish()
    assert workspace.view(LIN)["callback_id"] == "lists.columns_submit"

    hold = installed.hold("views.update", kind)
    workspace.submit(LIN)
    installed.kill_at(hold)
    installed.finish()
    assert "新增 400 位" in str(workspace.view(LIN)["blocks"])
    with workspace.bot.db.read() as tx:
        assert len(customers.all_of(tx, incident.id)) == 401
        assert sum(entry.what == "customers_added" for entry in journal.of_incident(tx, incident.id)) == 1
    installed.sandbox.post("/act/close", user=LIN, all=True)

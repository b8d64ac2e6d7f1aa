"""A day in a Slack workspace: people act, time passes, and one reads what was said.

The sandbox is a process of its own that the tests talk to over HTTP; the bot joins it as it joins Slack, with a
clock that the tests move. `workspace.command(...)`, `.click(...)`, `.submit(...)`, `.wait(minutes)`, `.said(...)`.
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import httpx
from pydantic import SecretStr

from bot.__main__ import Program, migrate_database
from bot.incident import Incident
from bot.procedure_file import ProcedureFile
from bot.settings import Settings
from handlers.clock import tick
from handlers.transport import HttpServer, SocketMode
from storage import incidents

ROOT = Path(__file__).parent.parent
MANIFEST = ROOT / "manifest.yml"
PROCEDURE = ROOT / "bot" / "procedure.yml"
TOKENS = {"bot": "xoxb-sandbox", "app": "xapp-sandbox", "secret": "sandbox-signing-secret"}

LIN, ADA, MEI, WANG, SUN, EVA = "U0LIN", "U0ADA", "U0MEI", "U0WANG", "U0SUN", "U0EVA"  # as the sandbox seeds them
ZHOU, QIAN, LEA, PAT, HE, QUINN = "U0ZHOU", "U0QIAN", "U0LEA", "U0PAT", "U0HE", "U0QUINN"
GUEST, GONE, BOT = "U0GUEST", "U0GONE", "U0HOTLINE"

PAYMENTS_FAIL = {
    "what_happened": "Payments fail with error 502",
    "customer": "Acme Ltd",
    "customers_affected": "120",
    "trigger": "system_failure",
}


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC).replace(microsecond=0)

    def __call__(self) -> datetime:
        return self.now


@dataclass(frozen=True)
class Said:
    """A message as people see it."""

    channel: str
    ts: str
    text: str
    blocks: list[dict[str, Any]]
    raw: Mapping[str, Any]

    @property
    def everything(self) -> str:
        """All its words, for a look at what it says."""
        return json.dumps([self.text, self.blocks], ensure_ascii=False)

    @property
    def buttons(self) -> list[str]:
        """The ids of its buttons, the primary one marked with *."""
        elements = [element for block in self.blocks if block["type"] == "actions" for element in block["elements"]]
        return [element["action_id"] + ("*" if element.get("style") == "primary" else "") for element in elements]


class Sandbox:
    """The sandbox's process and its control API."""

    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sandbox", "--port", "0", "--announce-ready", "--no-page", *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        line = next((line for line in self._process.stdout if line.startswith("SANDBOX_READY ")), "")
        assert line, "the sandbox did not start"
        self.url = str(json.loads(line.removeprefix("SANDBOX_READY "))["url"]).rstrip("/")
        self.http = httpx.Client(base_url=f"{self.url}/sandbox", timeout=90)

    def get(self, path: str, **query: Any) -> Any:
        """Reads."""
        return self.http.get(path, params=query).json()

    def post(self, path: str, **body: Any) -> Any:
        """Does."""
        return self.http.post(path, json=body).json()

    def fault(self, method: str, kind: str, **more: Any) -> str:
        """Makes calls go wrong; returns the fault's id."""
        return str(self.post("/faults", method=method, kind=kind, **more)["id"])

    def heal(self) -> None:
        """Everything works again."""
        self.http.delete("/faults")

    def calls(self, method: str | None = None) -> list[dict[str, Any]]:
        """The Web API calls that arrived, oldest first."""
        query = {"method": method} if method else {}
        return list(self.get("/calls", **query))

    def stop(self) -> None:
        """Ends the process."""
        self.http.close()
        self._process.terminate()
        self._process.communicate(timeout=20)


@dataclass
class Workspace:
    """People, the bot, and time."""

    sandbox: Sandbox
    clock: Clock
    bot: Program
    doors: list[Any] = field(default_factory=list)

    def command(self, user: str, text: str = "", channel: str = "general") -> Any:
        """Somebody types `/incident text`."""
        return self._acted("/act/command", user=user, channel=channel, text=f"/incident {text}".strip())

    def shortcut(self, user: str, callback_id: str) -> Any:
        """Somebody chooses a global shortcut."""
        return self._acted("/act/shortcut", user=user, callback_id=callback_id)

    def message_shortcut(self, user: str, message: Said, callback_id: str) -> Any:
        """Somebody chooses a shortcut in a message's menu."""
        return self._acted(
            "/act/message_shortcut", user=user, channel=message.channel, ts=message.ts, callback_id=callback_id
        )

    def click(self, user: str, message: Said, action_id: str, **more: Any) -> Any:
        """Somebody clicks a button, or chooses an `option` of a menu."""
        return self._acted("/act/click", user=user, channel=message.channel, ts=message.ts, action_id=action_id, **more)

    def view_action(self, user: str, action_id: str, **more: Any) -> Any:
        """Somebody clicks a button inside a form; `values` is what they have typed by then."""
        return self._acted("/act/view_action", user=user, action_id=action_id, **more)

    def submit(self, user: str, **values: Any) -> Any:
        """Somebody fills in the open form and submits it."""
        return self._acted("/act/submit", user=user, values=values)

    def submit_unchecked(self, user: str, **values: Any) -> Any:
        """Like `submit`, without what Slack's own client checks before."""
        return self._acted("/act/submit", user=user, values=values, force=True)

    def report(self, user: str = LIN, **values: Any) -> Incident:
        """Somebody reports an incident; everything it sets off is carried."""
        opened = self.command(user)
        assert opened["view"], opened
        answer = self.submit(user, **{**PAYMENTS_FAIL, **values})
        assert (answer["response"] or {}).get("response_action") == "update", answer
        self.settle()
        with self.bot.db.read() as tx:
            found = incidents.reported_as(tx, opened["view"]["id"])
        assert found is not None
        return found

    def grade(self, user: str, incident: Incident, severity: int, reason: str = "", **facts: Any) -> Any:
        """Somebody grades an incident, from the card or its menu; everything it sets off is carried."""
        opened = self.choose(user, incident, "grade.open")
        assert opened["view"], opened
        decision = next(
            block["block_id"] for block in opened["view"]["blocks"] if block["block_id"].startswith("decision_")
        )
        answer = self.submit(user, **{decision: str(severity), "reason": reason, **facts})
        self.settle()
        return answer

    def assign(self, user: str, incident: Incident, **chosen: str | None) -> Any:
        """Somebody assigns the roles of an incident as proposed, except `chosen`; everything it sets off is carried."""
        opened = self.choose(user, incident, "roles.open")
        assert opened["view"]["callback_id"] == "roles.submit", opened
        answer = self.submit(user, **chosen)
        self.settle()
        return answer

    def choose(self, user: str, incident: Incident, action_id: str) -> Any:
        """Somebody does something with an incident from where it is offered: a button on its card, the card's menu, or
        the window with everything that can be done."""
        card = self.card(incident)
        if any(button.rstrip("*") == action_id for button in card.buttons):
            return self.click(user, card, action_id)
        if f'"{action_id}:{incident.id}"' in card.everything:
            return self.click(user, card, "card.menu", option=f"{action_id}:{incident.id}")
        opened = self.click(user, card, "card.menu", option=f"more.open:{incident.id}")
        assert opened["view"]["callback_id"] == "more.shown", opened
        return self.view_action(user, action_id, value=str(incident.id))

    def suggest(self, user: str, action_id: str, typed: str = "") -> list[dict[str, Any]]:
        """Somebody types into a field that finds its options; what it offers."""
        return list(self._acted("/act/suggest", user=user, action_id=action_id, value=typed)["response"]["options"])

    def choose_customers(self, user: str, who: str) -> Any:
        """Somebody chooses other customers in the form about a contact."""
        self.suggest(user, "contact.look")
        return self.view_action(user, "contact.look", value=who, block_id="who")

    def contact(self, user: str, incident: Incident, who: str = "", **values: Any) -> Any:
        """Somebody tells a customer something and logs it: whoever's turn it is, or `who` as the form calls them, such
        as `everybody` (then it is a text message). Everything it sets off is carried."""
        opened = self.click(user, self.card(incident), "contact.open")
        assert opened["view"]["callback_id"] == "contact.submit", opened
        if who:
            self.choose_customers(user, who)
        answer = self.submit(user, **values)
        self.settle()
        return answer

    def incident(self, number: int) -> Incident:
        """What the database knows of an incident."""
        with self.bot.db.read() as tx:
            return incidents.get(tx, number)

    def wait(self, minutes: float) -> None:
        """Time passes for everybody; the bot's clock ticks once at the end."""
        self.clock.now += timedelta(minutes=minutes)
        self.sandbox.post("/time", advance=minutes * 60)
        tick(self.bot.desk)
        self.settle()

    def settle(self) -> None:
        """Everything that can be done now is done."""
        for _ in range(3):  # what was done may have sent events, which may have written errands
            self.bot.courier.wake()
            assert self.bot.courier.settle(90), "the courier does not come to rest"
            assert self.sandbox.get("/wait", until="calls_idle", quiet_ms=15)["ok"]

    def said(self, channel: str, by: str = BOT) -> list[Said]:
        """What somebody said in a channel, oldest first; a person's id is their direct messages with the bot."""
        found = self._direct(channel) if channel.startswith("U") else self.channel(channel)
        return [
            Said(found["id"], message["ts"], message["text"], message.get("blocks") or [], message)
            for message in (found or {}).get("messages", ())
            if message.get("user") == by and not message.get("subtype")
        ]

    def channel(self, name: str) -> Any:
        """A channel with its members and messages."""
        return self.sandbox.get(f"/channels/{name}")

    def channels(self) -> list[Any]:
        """The channels of incidents."""
        everything = self.sandbox.get("/state")["channels"].values()
        return [channel for channel in everything if str(channel["name"]).startswith("inc-")]

    def card(self, incident: Incident) -> Said:
        """The pinned card of an incident."""
        channel = self.channel(str(self.incident(incident.id).channel_id))
        assert len(channel["pins"]) == 1, channel["pins"]
        return next(said for said in self.said(channel["id"]) if said.ts == channel["pins"][0]["ts"])

    def view(self, user: str) -> Any:
        """The form that somebody has open."""
        stack = self.sandbox.get("/views", user=user)
        return stack[-1] if stack else None

    def until(self, condition: Callable[[], bool], seconds: float = 30) -> None:
        """Waits for what another process does in its own time."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "it did not happen"
            time.sleep(0.01)

    def _acted(self, path: str, **body: Any) -> Any:
        answer = self.sandbox.post(path, **body)
        assert answer.get("error") in (None, "invalid_input"), answer
        return answer

    def _direct(self, user: str) -> Any:
        everything = self.sandbox.get("/state")["channels"].values()
        direct = [channel for channel in everything if channel["is_im"] and set(channel["members"]) == {user, BOT}]
        return direct[0] if direct else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        closing = [threading.Thread(target=door.stop) for door in self.doors]
        for thread in closing:
            thread.start()
        self.sandbox.post("/disconnect", reason="closed")  # else the SDK's reader waits for its time-out of 3 s
        for thread in closing:
            thread.join()
        self.bot.stop()


def settings_for(sandbox: Sandbox, database_url: str, socket_mode: bool = True, **more: Any) -> Settings:
    """The bot's settings for a sandbox."""
    return Settings(
        slack_bot_token=SecretStr(TOKENS["bot"]),
        slack_app_token=SecretStr(TOKENS["app"]) if socket_mode else None,
        slack_signing_secret=None if socket_mode else SecretStr(TOKENS["secret"]),
        slack_api_url=f"{sandbox.url}/api/",
        database_url=database_url,
        **{"hotline_timezone": "UTC", **more},
    )


@contextmanager
def opened(sandbox: Sandbox, settings: Settings, clock: Clock | None = None, reset: bool = True) -> Iterator[Workspace]:
    """The bot joins the sandbox, through Socket Mode or HTTP as the settings say."""
    if reset:
        sandbox.post("/reset")
    clock = clock or Clock()
    program = Program(settings, ProcedureFile(settings.hotline_procedure), clock)
    migrate_database(program.db)
    with Workspace(sandbox, clock, program) as workspace:
        program.start()
        if settings.slack_app_token:
            socket_mode = SocketMode(program.app, settings.slack_app_token.get_secret_value())
            workspace.doors.append(socket_mode)
            sandbox.post("/settings", transport="socket", request_url=None)
            socket_mode.start()
            assert sandbox.get("/wait", connections=1)["ok"]
        else:
            server = HttpServer(program.app, lambda: None, "127.0.0.1", 0)
            port = server.start()
            workspace.doors.append(server)
            sandbox.post("/settings", transport="http", request_url=f"http://127.0.0.1:{port}/slack/events")
        workspace.settle()
        yield workspace

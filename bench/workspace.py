"""A sandbox with an app in it, each a process of its own; and the people who use them."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
from cryptography.fernet import Fernet

from sandbox.workspace import APP_TOKEN, BOT_TOKEN, SIGNING_SECRET

ROOT = Path(__file__).parent.parent
BOT = ("bot", "run")
SLACK_S = 0.12  # what a call to Slack takes, when it takes something

Json = dict[str, Any]


class Workspace:
    """The sandbox's control API in a few words."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = httpx.Client(base_url=f"{url}/sandbox/", timeout=90, trust_env=False)

    def get(self, path: str, **query: Any) -> Any:
        """Reads."""
        return self.http.get(path, params=query).raise_for_status().json()

    def act(self, path: str, **body: Any) -> Json:
        """Does something. Raises AssertionError when it did not work."""
        answer: Json = self.http.post(path, json=body).json()
        assert answer["ok"], f"{path}: {answer}"
        return answer

    def slow_down(self) -> None:
        """From now on each call to Slack takes its time."""
        self.act("faults", method="*", kind="latency", seconds=SLACK_S)

    def speed_up(self) -> None:
        """Calls to Slack take no time."""
        self.http.delete("faults").raise_for_status()

    def is_quiet(self, quiet_ms: int = 300, timeout: float = 90) -> bool:
        """Waits until no call has been made for a while."""
        return bool(self.get("wait", until="calls_idle", quiet_ms=quiet_ms, timeout=timeout)["ok"])

    def open_form(self, user: str, text: str = "/incident") -> tuple[Json, float]:
        """`/incident`: the form, and what the person waited in milliseconds."""
        outcome = self.act("act/command", user=user, channel="general", text=text)
        assert outcome["view"], f"no form opened: {outcome}"
        return outcome["view"], outcome["took_ms"]

    def calls(self, method: str | None = None) -> list[Json]:
        """Slack's calls so far; `at` is [began, ended] on this machine's monotonic clock."""
        found: list[Json] = self.get("calls", **({"method": method} if method else {}))
        return found


@contextmanager
def workspace(module: Sequence[str], environment: Mapping[str, str], reporters: int = 0) -> Iterator[Workspace]:
    """A sandbox in which this app (`python -m ...`) runs, ready to be used, with so many more people in it."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hotline-bench-")))
        options = ["--port", "0", "--announce-ready", "--no-page", "--manifest", str(ROOT / "manifest.yml")]
        log = folder / "sandbox.log"
        stack.enter_context(_process(["sandbox", *options], {}, log))
        place = Workspace(_address(log))
        stack.callback(place.http.close)
        for number in range(reporters):
            place.act("act/add_person", id=reporter(number), name=f"reporter{number}", real_name=f"Reporter {number}")
        app = {
            "SLACK_API_URL": f"{place.url}/api/",
            "SLACK_BOT_TOKEN": BOT_TOKEN,
            "SLACK_APP_TOKEN": APP_TOKEN,
            "SLACK_SIGNING_SECRET": SIGNING_SECRET,
            "HOTLINE_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        }
        stack.enter_context(_process(module, {**app, **environment}, folder / "app.log"))
        if not place.get("wait", connections=1, timeout=30)["ok"]:
            raise AssertionError(f"the app did not connect:\n{(folder / 'app.log').read_text()[-2000:]}")
        assert place.is_quiet()
        yield place


def reporter(number: int) -> str:
    """One of the people who were added."""
    return f"U0REP{number:03}"


def answers(title: str) -> Json:
    """What somebody fills into the form."""
    return {
        "what_happened": f"{title}\nThe app shows an error after the card number.",
        "customer": "Acme Ltd",
        "customers_affected": "12",
        "trigger": "system_failure",
    }


@contextmanager
def _process(module: Sequence[str], environment: Mapping[str, str], log: Path) -> Iterator[None]:
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("SLACK_", "HOTLINE_", "DATABASE_"))
    }
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *module],
            cwd=ROOT,
            env={**inherited, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for us; we end it
        )
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _address(log: Path) -> str:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        for line in log.read_text().splitlines():
            if line.startswith("SANDBOX_READY "):
                return str(json.loads(line.removeprefix("SANDBOX_READY "))["url"])
        time.sleep(0.02)
    raise AssertionError(f"the sandbox did not start:\n{log.read_text()[-2000:]}")

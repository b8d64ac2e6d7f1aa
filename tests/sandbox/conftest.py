"""A sandbox as a program of its own on a free port, and the app's manifest that most tests install."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

MANIFEST: dict[str, Any] = {
    "display_information": {"name": "Tester"},
    "features": {
        "app_home": {"home_tab_enabled": True, "messages_tab_enabled": True},
        "bot_user": {"display_name": "Tester"},
        "slash_commands": [{"command": "/incident", "description": "Incidents", "should_escape": True}],
        "shortcuts": [
            {"name": "Report", "type": "global", "callback_id": "report", "description": "Report an incident"},
            {"name": "Report this", "type": "message", "callback_id": "report_this", "description": "Report it"},
        ],
    },
    "oauth_config": {
        "scopes": {
            "bot": [
                "commands", "chat:write", "channels:manage", "groups:write", "channels:read", "groups:read",
                "channels:history", "groups:history", "im:history", "channels:join", "im:write", "mpim:write",
                "users:read", "users:read.email", "usergroups:read", "pins:write", "pins:read", "bookmarks:write",
                "reactions:read", "reactions:write", "files:read", "files:write", "app_mentions:read",
            ]
        }
    },
    "settings": {
        "event_subscriptions": {
            "bot_events": [
                "app_home_opened", "app_mention", "message.channels", "message.im", "member_joined_channel",
                "user_change", "reaction_added", "channel_archive", "subteam_members_changed",
            ]
        },
        "interactivity": {"is_enabled": True},
        "socket_mode_enabled": True,
    },
}  # fmt: skip


class Sandbox:
    """A running sandbox, and its control API in two words: get and do."""

    def __init__(self, folder: Path, *options: str, command: tuple[str, ...] = ()) -> None:
        self.folder = folder
        self.manifest = folder / "manifest.yml"
        if not self.manifest.exists():
            self.install(MANIFEST)
        self.arguments = [
            sys.executable, "-m", "sandbox", "--port", "0", "--no-page", "--announce-ready",
            "--manifest", str(self.manifest), *options, *(("--", *command) if command else ()),
        ]  # fmt: skip
        self.start()

    def install(self, manifest: dict[str, Any]) -> Path:
        self.manifest.write_text(yaml.safe_dump(manifest), encoding="utf-8")
        return self.manifest

    def start(self) -> None:
        self.process = subprocess.Popen(self.arguments, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.said: list[str] = []
        for line in self.process.stdout:
            self.said.append(line.rstrip())
            if line.startswith("SANDBOX_READY "):
                self.url = json.loads(line.removeprefix("SANDBOX_READY "))["url"]
                break
        else:
            raise AssertionError(f"the sandbox did not start: {self.said}")
        self.http = httpx.Client(base_url=self.url, timeout=15, trust_env=False)
        self.api = f"{self.url}/api/"

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        self.http.close()
        self.process.send_signal(how)
        code = self.process.wait(timeout=20)
        if self.process.stdout is not None:
            self.said += [line.rstrip() for line in self.process.stdout]
            self.process.stdout.close()
        return code

    def get(self, path: str, **query: Any) -> Any:
        return self.http.get(f"/sandbox/{path}", params=query).json()

    def do(self, path: str, **body: Any) -> Any:
        return self.http.post(f"/sandbox/{path}", json=body).json()

    def end(self, path: str) -> Any:
        return self.http.delete(f"/sandbox/{path}").json()

    def call(self, method: str, token: str = "xoxb-sandbox", **args: Any) -> Any:  # noqa: S107 - it opens nothing
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return self.http.post(f"/api/{method}", json=args, headers=headers).json()


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    running = Sandbox(tmp_path_factory.mktemp("sandbox"))
    yield running
    running.stop()


@pytest.fixture
def sandbox(shared: Sandbox) -> Iterator[Sandbox]:
    """A fresh workspace; the program itself is shared by the tests."""
    shared.do("reset", manifest=str(shared.install(MANIFEST)))
    shared.do("settings", request_url=None, transport="auto", rate_limits=False)
    yield shared
    shared.end("faults")


@pytest.fixture
def start_sandbox(tmp_path: Path) -> Iterator[Callable[..., Sandbox]]:
    """Starts one with options of its own."""
    running: list[Sandbox] = []

    def start(*options: str, command: tuple[str, ...] = ()) -> Sandbox:
        running.append(Sandbox(tmp_path, *options, command=command))
        return running[-1]

    yield start
    for each in running:
        if each.process.poll() is None:
            each.stop()

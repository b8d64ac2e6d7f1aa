"""The bot as a real process, as an operator starts it: it can be killed, and it says what is wrong with its setup."""

import atexit
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select, update

from bot.settings import Settings
from storage import outbox
from storage.deadlines import Moments, written
from storage.tables import deadlines
from tests.workspace import ROOT, Workspace

PATIENCE_S = 60  # a machine under load starts a process in ten times the usual second
READY = ("] ready", '"event": "ready"')  # for people, and for machines


def environment_of(settings: Settings, **more: str) -> dict[str, str]:
    """What to put into the environment so that a process has these settings; nothing else of ours leaks into it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SLACK_", "HOTLINE_", "PORT"))}
    own = {
        "SLACK_BOT_TOKEN": settings.slack_bot_token.get_secret_value(),
        "SLACK_API_URL": settings.slack_api_url,
        "DATABASE_URL": settings.database_url,
    }
    if settings.slack_app_token:
        own["SLACK_APP_TOKEN"] = settings.slack_app_token.get_secret_value()
    if settings.slack_signing_secret:
        own["SLACK_SIGNING_SECRET"] = settings.slack_signing_secret.get_secret_value()
    return {**kept, **own, **more}


class BotProcess:
    """`python -m bot ...`, with everything it writes."""

    def __init__(self, environment: Mapping[str, str], *arguments: str, folder: Path = ROOT) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bot", *(arguments or ("run",))],
            cwd=folder,
            env={**environment, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        atexit.register(self._process.kill)  # a test that fails must leave nobody behind
        self._lines: list[str] = []
        self._written = threading.Condition()
        self._over = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def output(self) -> str:
        """Everything it has written so far."""
        with self._written:
            return "".join(self._lines)

    def says(self, *words: str, seconds: float = PATIENCE_S) -> str:
        """Waits until it has written some of these words; returns the line that has them."""

        def line_with_them() -> str | None:
            return next((line for line in self._lines if any(some in line for some in words)), None)

        with self._written:
            self._written.wait_for(lambda: self._over or line_with_them() is not None, seconds)
            found = line_with_them()
        assert found is not None, f"it did not say {words!r}, but: {self.output}"
        return found

    def ready(self) -> "BotProcess":
        """Waits until people can use it."""
        self.says(*READY)
        return self

    def kill(self) -> None:
        """`kill -9`: it can finish nothing."""
        self._process.kill()
        self._process.wait(timeout=PATIENCE_S)
        self._reader.join(timeout=PATIENCE_S)

    def stop(self) -> int:
        """Asks it to end, as an operator does; returns its exit code."""
        self._process.terminate()
        return self.ended()

    def ended(self, seconds: float = PATIENCE_S) -> int:
        """Waits until it has ended by itself; returns its exit code."""
        try:
            code = self._process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise AssertionError(f"it does not end: {self.output}") from None
        self._reader.join(timeout=PATIENCE_S)
        return code

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._written:
                self._lines.append(line)
                self._written.notify_all()
        self._process.stdout.close()
        with self._written:
            self._over = True
            self._written.notify_all()


def is_all_carried(workspace: Workspace) -> bool:
    """Whether nothing waits in the outbox that another process works at."""
    with workspace.bot.db.read() as tx:
        return outbox.waiting(tx) == 0


def is_holding(workspace: Workspace, fault: str, calls: int = 1) -> bool:
    """Whether so many calls are being held back."""
    faults: list[dict[str, Any]] = workspace.sandbox.get("/faults")
    return any(str(one["id"]) == fault and one["holding"] >= calls for one in faults)


def put_back_in_time(workspace: Workspace, incident_id: int, minutes: float) -> None:
    """Its clocks started so much earlier: what a process with a real clock finds after that time."""
    with workspace.bot.db.begin() as tx:
        for row in tx.execute(select(deadlines).where(deadlines.c.incident_id == incident_id)).all():
            tx.execute(
                update(deadlines)
                .where(deadlines.c.id == row.id)
                .values(
                    started_at=row.started_at - timedelta(minutes=minutes),
                    due_at=row.due_at - timedelta(minutes=minutes),
                    next_nudge_at=row.next_nudge_at and row.next_nudge_at - timedelta(minutes=minutes),
                    moments=written(
                        replace(moment, at=moment.at - timedelta(minutes=minutes)) for moment in Moments(row.moments)
                    ),
                )
            )

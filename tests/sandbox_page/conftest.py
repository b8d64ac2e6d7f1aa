"""A sandbox with its page and the little app `toybox.py`, and a browser to look at it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Error, Page

HERE = Path(__file__).parent


class Toybox:
    """The running sandbox, seen from outside."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = httpx.Client(base_url=url, trust_env=False, timeout=30)

    def act(self, what: str, **about: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.http.post(f"/sandbox/act/{what}", json=about).json()
        assert answer["ok"], answer
        return answer

    def get(self, path: str, **query: Any) -> Any:
        return self.http.get(f"/sandbox/{path}", params=query).json()

    def post(self, path: str, **about: Any) -> Any:
        return self.http.post(f"/sandbox/{path}", json=about).json()


@contextmanager
def started(*command: str) -> Iterator[Toybox]:
    """A sandbox, with this program beside it."""
    arguments = [sys.executable, "-m", "sandbox", "--port", "0", "--announce-ready"]
    arguments += ["--manifest", str(HERE / "manifest.yml"), *(("--", *command) if command else ())]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        ready = next((line for line in process.stdout if line.startswith("SANDBOX_READY ")), None)
        assert ready, "the sandbox did not start"
        toybox = Toybox(json.loads(ready.removeprefix("SANDBOX_READY "))["url"])
        try:
            yield toybox
        finally:
            toybox.http.close()
            process.terminate()


@pytest.fixture(scope="session")
def running() -> Iterator[Toybox]:
    with started(sys.executable, str(HERE / "toybox.py")) as toybox:
        yield toybox


@pytest.fixture
def toybox(running: Toybox) -> Toybox:
    """The sandbox as new, with the app connected."""
    assert running.get("wait", connections=1)["ok"]
    running.post("reset")
    return running


@pytest.fixture
def page(browser: Browser, toybox: Toybox) -> Iterator[Page]:
    """A browser window on the sandbox; a script error in it fails the test."""
    context = browser.new_context(base_url=toybox.url, viewport={"width": 1440, "height": 900})
    context.set_default_timeout(10_000)
    opened = context.new_page()
    errors: list[Error] = []
    opened.on("pageerror", lambda error: errors.append(error))  # noqa: PLW0108 - it wants a function of its own
    yield opened
    context.close()
    assert not errors


def enter(page: Page, person: str, at: str = "C0GENERAL") -> None:
    page.goto(f"/?as={person}&at={at}")
    page.locator(".sandbox[data-ready]").wait_for()


def say(page: Page, text: str) -> None:
    composer = page.locator("#composer textarea")
    composer.fill(text)
    composer.press("Enter")

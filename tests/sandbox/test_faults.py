"""The sandbox misbehaves as it is told to, and the workspace afterwards is what it should be."""

import re
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox import app, control, faults
from sandbox.manifest import read
from tests.sandbox.conftest import Sandbox
from tests.sandbox.test_with_bolt import until


def names(sandbox: Sandbox) -> set[str]:
    return {c["name"] for c in sandbox.get("state")["channels"].values()}


def create(sandbox: Sandbox, name: str) -> Any:
    return sandbox.call("conversations.create", name=name)


def test_a_call_is_slow_and_the_others_beside_it_are_not_slower(sandbox: Sandbox) -> None:
    sandbox.do("faults", method="conversations.create", kind="latency", seconds=0.3)
    began = time.monotonic()
    threads = [
        threading.Thread(
            target=httpx.post,
            args=(f"{sandbox.api}conversations.create",),
            kwargs={"json": {"name": f"x{i}", "token": "xoxb-sandbox"}, "trust_env": False},
        )
        for i in range(10)
    ]
    for thread in threads:
        thread.start()
    assert sandbox.call("auth.test")["ok"]
    for thread in threads:
        thread.join()
    assert 0.3 <= time.monotonic() - began < 2.0
    assert {f"x{i}" for i in range(10)} <= names(sandbox)


def test_a_call_is_rate_limited_twice_after_the_first_went_well(sandbox: Sandbox) -> None:
    sandbox.do("faults", method="conversations.create", kind="ratelimited", retry_after=7, skip=1, count=2)
    headers = {"Authorization": "Bearer xoxb-sandbox"}
    replies = [
        sandbox.http.post("/api/conversations.create", json={"name": f"x{i}"}, headers=headers) for i in range(4)
    ]
    assert [r.status_code for r in replies] == [200, 429, 429, 200]
    assert replies[1].headers["retry-after"] == "7"
    assert sandbox.get("faults")[0]["hits"] == 2
    assert [c["fault"] for c in sandbox.get("calls")] == [None, "ratelimited", "ratelimited", None]


def test_a_fault_may_be_for_certain_arguments_only(sandbox: Sandbox) -> None:
    sandbox.do("faults", method="*", kind="error", error="fatal_error", match={"name": "bad"})
    assert create(sandbox, "good")["ok"]
    assert create(sandbox, "bad")["error"] == "fatal_error"


@pytest.mark.parametrize(("kind", "exists"), [("drop_before", False), ("drop_after", True)])
def test_the_connection_drops_before_or_after_the_effect(sandbox: Sandbox, kind: str, exists: bool) -> None:
    sandbox.do("faults", method="conversations.create", kind=kind, count=1)
    with pytest.raises(httpx.RemoteProtocolError):
        create(sandbox, "x")
    assert ("x" in names(sandbox)) is exists
    assert sandbox.call("auth.test")["ok"]


@pytest.mark.parametrize(("kind", "exists"), [("hold_before", False), ("hold_after", True)])
def test_a_held_call_of_a_client_that_went_away_has_no_later_effect(sandbox: Sandbox, kind: str, exists: bool) -> None:
    fault = sandbox.do("faults", method="conversations.create", kind=kind)["id"]
    with httpx.Client(trust_env=False) as client:
        body = {"name": "x", "token": "xoxb-sandbox"}
        with pytest.raises(httpx.ReadTimeout):
            client.post(f"{sandbox.api}conversations.create", json=body, timeout=0.3)
    until(lambda: sandbox.get("faults")[0]["holding"] == 0)
    sandbox.end(f"faults/{fault}")
    assert ("x" in names(sandbox)) is exists


def test_a_held_call_goes_on_when_it_is_released(sandbox: Sandbox) -> None:
    sandbox.do("faults", method="conversations.create", kind="hold_before")
    thread = threading.Thread(
        target=httpx.post,
        args=(f"{sandbox.api}conversations.create",),
        kwargs={"json": {"name": "x", "token": "xoxb-sandbox"}, "trust_env": False},
    )
    thread.start()
    until(lambda: sandbox.get("faults")[0]["holding"] == 1)
    assert "x" not in names(sandbox)
    sandbox.end("faults")
    thread.join()
    assert "x" in names(sandbox)


def test_an_outage_takes_the_sockets_too(sandbox: Sandbox) -> None:
    sandbox.do("faults", method="*", kind="http_error", status=503, sockets=True)
    headers = {"Authorization": "Bearer xoxb-sandbox"}
    assert sandbox.http.post("/api/auth.test", headers=headers).status_code == 503
    sandbox.end("faults")
    assert sandbox.call("auth.test")["ok"]


def test_the_readme_names_what_the_control_api_can_do(sandbox: Sandbox) -> None:
    text = (Path(faults.__file__).parent / "README.md").read_text("utf-8")
    routes = control.routes(app.Sandbox(read(sandbox.manifest)))
    addresses = {route.path.removeprefix("/sandbox/").partition("/")[0] for route in routes}
    named = {*addresses, *faults.KINDS, *control.ENDS, "sockets", "skip", "count", "match"}
    assert not {word for word in named if not re.search(rf"\b{word}\b", text)}

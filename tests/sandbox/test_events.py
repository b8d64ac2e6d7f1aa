"""Events go to whoever subscribed, are acknowledged, and come again when they were not."""

import asyncio
import json
from typing import Any, cast

import pytest
import websockets
from starlette.websockets import WebSocket, WebSocketDisconnect

from sandbox.app import Sandbox as Pretend
from sandbox.delivery import Connection
from sandbox.manifest import parse
from tests.sandbox.conftest import MANIFEST, Sandbox


async def link(sandbox: Sandbox) -> websockets.ClientConnection:
    url = sandbox.call("apps.connections.open", "xapp-sandbox")["url"]
    socket = await websockets.connect(url, proxy=None)
    assert json.loads(await socket.recv())["type"] == "hello"
    return socket


async def next_envelope(socket: websockets.ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(10):
        return dict(json.loads(await socket.recv()))


async def acknowledge(socket: websockets.ClientConnection, envelope: dict[str, Any]) -> None:
    await socket.send(json.dumps({"envelope_id": envelope["envelope_id"]}))


def test_an_event_that_was_not_acknowledged_comes_three_times_more(sandbox: Sandbox) -> None:
    async def story() -> None:
        socket = await link(sandbox)
        sandbox.do("act/profile", user="U0LIN", locale="en-US")
        first = await next_envelope(socket)
        assert first["payload"]["event"]["type"] == "user_change"
        assert first["payload"]["event"]["user"]["locale"] == "en-US"
        second = await next_envelope(socket)
        assert (second["retry_attempt"], second["retry_reason"]) == (1, "http_timeout")
        waiting = asyncio.create_task(next_envelope(socket))
        while not waiting.done():  # once the sandbox gave up on the second, it waits for a minute to pass
            sandbox.do("time", advance=20)
            await asyncio.sleep(0.1)
        third = await waiting
        assert third["retry_attempt"] == 2
        assert third["payload"]["event_id"] == first["payload"]["event_id"]
        await acknowledge(socket, third)
        await socket.close()

    asyncio.run(story())


def test_an_event_whose_connection_broke_comes_again_on_the_next(sandbox: Sandbox) -> None:
    async def story() -> None:
        one, other = await link(sandbox), await link(sandbox)
        sandbox.do("act/profile", user="U0LIN", tz="Europe/Rome")
        tasks = {asyncio.create_task(next_envelope(s)): s for s in (one, other)}
        done, waiting = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        first = done.pop()
        await tasks[first].close()
        again = await waiting.pop()
        assert again["payload"]["event_id"] == first.result()["payload"]["event_id"]
        assert again["retry_attempt"] == 1
        await acknowledge(other if tasks[first] is one else one, again)
        await (other if tasks[first] is one else one).close()

    asyncio.run(story())


def test_events_stay_away_from_channels_the_bot_is_not_in(sandbox: Sandbox) -> None:
    async def story() -> None:
        socket = await link(sandbox)
        sandbox.do("act/message", user="U0LIN", channel="general", text="among us")
        sandbox.do("act/invite", user="U0LIN", channel="general", invited=["bot"])
        sandbox.do("act/message", user="U0LIN", channel="general", text="<@U0TESTER> hello")
        kinds = []
        while "app_mention" not in kinds:
            envelope = await next_envelope(socket)
            await acknowledge(socket, envelope)
            assert "among us" not in json.dumps(envelope)
            kinds.append(envelope["payload"]["event"]["type"])
        assert "member_joined_channel" in kinds
        await socket.close()

    asyncio.run(story())


def test_ten_connections_are_enough_and_a_ticket_is_good_once(sandbox: Sandbox) -> None:
    async def story() -> None:
        url = sandbox.call("apps.connections.open", "xapp-sandbox")["url"]
        sockets = [await websockets.connect(url, proxy=None)]
        try:
            await websockets.connect(url, proxy=None)
            raise AssertionError("the ticket was good twice")
        except websockets.InvalidStatus:
            pass
        sockets += [await link(sandbox) for _ in range(9)]
        url = sandbox.call("apps.connections.open", "xapp-sandbox")["url"]
        try:
            await websockets.connect(url, proxy=None)
            raise AssertionError("there were eleven")
        except websockets.InvalidStatus:
            pass
        for socket in sockets:
            await socket.close()

    asyncio.run(story())
    assert sandbox.get("wait", connections=0, timeout=10)["ok"]


@pytest.mark.parametrize(("how", "frame"), [("closed", 1011), ("abrupt", None)])
def test_a_connection_is_closed_with_a_frame_or_breaks_without_one(
    sandbox: Sandbox, how: str, frame: int | None
) -> None:
    async def story() -> None:
        socket = await link(sandbox)
        assert sandbox.do("disconnect", reason=how)["told"] == 1
        with pytest.raises(websockets.ConnectionClosed) as ended:
            await next_envelope(socket)
        assert (ended.value.rcvd.code if ended.value.rcvd else None) == frame
        assert sandbox.get("wait", connections=0)["ok"]

    asyncio.run(story())


class LeftAlready:
    """The socket of an app that went away in this moment: the sandbox still counts it among its connections."""

    async def close(self, code: int) -> None:
        raise WebSocketDisconnect(code)

    async def send_text(self, _: str) -> None:
        raise WebSocketDisconnect


@pytest.mark.parametrize("reason", ["closed", "warning"])
def test_an_app_that_leaves_at_the_same_moment_is_no_error(reason: str) -> None:
    async def story() -> None:
        delivery = Pretend(parse(MANIFEST)).delivery
        delivery.connections.append(Connection(cast(WebSocket, LeftAlready()), 1))
        assert await delivery.disconnect(reason) == 1

    asyncio.run(story())


def test_an_outage_breaks_the_connections_and_takes_no_new_one(sandbox: Sandbox) -> None:
    async def story() -> None:
        socket = await link(sandbox)
        url = sandbox.call("apps.connections.open", "xapp-sandbox")["url"]
        sandbox.do("faults", method="*", kind="http_error", sockets=True)
        with pytest.raises(websockets.ConnectionClosed) as ended:
            await next_envelope(socket)
        assert ended.value.rcvd is None
        with pytest.raises(websockets.InvalidStatus):
            await websockets.connect(url, proxy=None)
        sandbox.end("faults")
        await (await link(sandbox)).close()

    asyncio.run(story())


def test_a_reason_that_slack_does_not_know_is_refused(sandbox: Sandbox) -> None:
    assert "must be one of" in sandbox.do("disconnect", reason="boredom")["error"]

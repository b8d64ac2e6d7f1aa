"""Brings to the app what Slack would bring: over Socket Mode when it is connected, else as signed HTTP requests.

Commands and interactions are sent once and must be answered within three seconds of real time. Events are sent again
when they were not acknowledged: at once, after a minute and after five, by the sandbox's clock.
"""

import asyncio
import hashlib
import hmac
import json
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx
from starlette.websockets import WebSocket, WebSocketDisconnect

from sandbox.manifest import EVENT_SCOPES
from sandbox.workspace import APP_ID, SIGNING_SECRET, TEAM_ID, Json, Workspace

RETRY_AFTER = (0, 60, 300)
MOST_CONNECTIONS = 10
KEPT_DELIVERIES = 5000
GONE = (RuntimeError, WebSocketDisconnect)  # what sending raises when the app has left, depending on who noticed first
HOLDER = "sandbox.holder"  # what uvicorn keeps of a connection; ASGI itself knows no way to break one
MESSAGE_KINDS = {"channel": "channels", "group": "groups", "im": "im", "mpim": "mpim"}


@dataclass
class Answer:
    """What became of one delivery. `status`: acked, timeout, refused (HTTP, not 200), broken, unreachable."""

    status: str
    payload: Any = None
    took_ms: float = 0.0
    delivery_id: str = ""
    http_status: int | None = None
    no_retry: bool = False

    @property
    def acked(self) -> bool:
        return self.status == "acked"


@dataclass
class Sent:
    """One delivery as it went out, so that exactly the same can go out again."""

    id: str
    kind: str
    payload: Json
    envelope: str = ""
    url: str = ""
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(eq=False)
class Connection:
    socket: WebSocket
    number: int
    waiting: set[str] = field(default_factory=set)
    told_to_go: bool = False


class Delivery:
    def __init__(self, workspace: Workspace, request_url: str | None = None, transport: str = "auto") -> None:
        self.workspace = workspace
        self.request_url = request_url
        self.transport = transport  # auto: sockets when there are any, else HTTP
        self.connections: list[Connection] = []
        self.refusing_sockets = False
        self._tickets: set[str] = set()
        self._pending: dict[str, asyncio.Future[Answer]] = {}
        self._sent: OrderedDict[str, Sent] = OrderedDict()
        self._turn = 0
        self._number = 0
        self._on_the_way: set[str] = set()  # events sent once and not answered yet
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._http: httpx.AsyncClient | None = None
        workspace.send_event = self.event

    # -- the app's sockets -------------------------------------------------------------------------------------------

    def new_ticket(self) -> str:
        ticket = secrets.token_urlsafe(24)
        self._tickets.add(ticket)
        return ticket

    async def serve(self, socket: WebSocket) -> None:
        """One Socket Mode connection, from its handshake to its end."""
        ticket = socket.query_params.get("ticket", "")
        if ticket not in self._tickets or self.refusing_sockets or len(self.connections) >= MOST_CONNECTIONS:
            await socket.close(code=1008)
            return
        self._tickets.discard(ticket)
        await socket.accept()
        self._number += 1
        connection = Connection(socket, self._number)
        self.connections.append(connection)
        self._connections_changed()
        try:
            await socket.send_text(self._hello())
            while True:
                self._take_ack(json.loads(await socket.receive_text()))
        except (*GONE, ValueError):
            pass  # the app went away, or does not speak Slack
        finally:
            self.connections.remove(connection)
            for envelope_id in connection.waiting:
                self._broken(envelope_id)
            self._connections_changed()

    def _hello(self) -> str:
        return json.dumps(
            {
                "type": "hello",
                "num_connections": len(self.connections),
                "debug_info": {"host": "sandbox", "build_number": 1, "approximate_connection_time": 3600},
                "connection_info": {"app_id": APP_ID},
            }
        )

    def _take_ack(self, message: Json) -> None:
        envelope_id = message.get("envelope_id", "")
        future = self._pending.get(envelope_id)
        if future is not None and not future.done():
            future.set_result(Answer("acked", message.get("payload"), delivery_id=envelope_id))

    def _broken(self, envelope_id: str) -> None:
        """Events go out again when their connection broke; for the rest the app may still answer on its new one."""
        future = self._pending.get(envelope_id)
        if future is not None and not future.done() and self._sent[envelope_id].kind == "events_api":
            future.set_result(Answer("broken", delivery_id=envelope_id))

    def _connections_changed(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
        self.workspace.tell("connections", str(len(self.connections)))

    async def wait_for_connections(self, count: int, timeout: float) -> bool:
        """True once there are exactly `count` (0) or at least `count` connections."""
        until = time.monotonic() + timeout
        while not (len(self.connections) >= count if count else not self.connections):
            try:
                await asyncio.wait_for(self._changed.wait(), max(0.0, until - time.monotonic()))
            except TimeoutError:
                return False
        return True

    async def _retire(self, connection: Connection) -> None:
        """Slack closes a connection that was told to go, ten seconds later or when the app has its new one."""
        await self._wait_for_successor(10.0)
        if connection in self.connections:
            await self._close(connection)

    async def _wait_for_successor(self, within: float) -> None:
        """An app that was told to refresh opens its new connection first; what it is sent meanwhile waits for that."""
        until = time.monotonic() + within
        while all(c.told_to_go for c in self.connections):
            try:
                await asyncio.wait_for(self._changed.wait(), max(0.0, until - time.monotonic()))
            except TimeoutError:
                return

    async def disconnect(self, reason: str) -> int:
        """Tells every connection to go (warning, refresh_requested), closes them properly (closed), or lets them break
        without a word (abrupt). Returns how many."""
        connections = list(self.connections)
        for connection in connections:
            if reason == "abrupt":
                _break(connection)
            elif reason == "closed":
                await self._close(connection)
            else:
                connection.told_to_go = True
                info = {"type": "disconnect", "reason": reason, "debug_info": {"host": "sandbox"}}
                try:
                    await connection.socket.send_text(json.dumps(info))
                except GONE:
                    continue
                self.start(self._retire(connection))
        return len(connections)

    async def refuse_sockets(self, refuse: bool) -> None:
        self.refusing_sockets = refuse
        if refuse:
            await self.disconnect("abrupt")

    async def _close(self, connection: Connection) -> None:
        try:
            await connection.socket.close(code=1011)
        except GONE:
            return

    # -- sending -----------------------------------------------------------------------------------------------------

    @property
    def reachable(self) -> bool:
        return bool(self.connections) or self.request_url is not None

    def _by_socket(self) -> bool:
        return self.transport == "socket" or (self.transport == "auto" and bool(self.connections))

    async def send(self, kind: str, payload: Json, attempt: int = 0, reason: str = "") -> Answer:
        """Sends `payload` (kind: slash_commands, interactive, events_api) and waits for the acknowledgement."""
        began = time.perf_counter()
        if self._by_socket():
            answer = await self._send_by_socket(self._envelope(kind, payload, attempt, reason))
        elif self.request_url is not None:
            answer = await self._send_by_http(self._request(kind, payload, attempt, reason))
        else:
            answer = Answer("unreachable")
        answer.took_ms = round((time.perf_counter() - began) * 1000, 3)
        return answer

    async def send_again(self, delivery_id: str, exact: bool = True) -> Answer:
        """The same delivery once more; with `exact`, byte for byte, signature and all."""
        sent = self._sent.get(delivery_id)
        if sent is None:
            return Answer("unknown_delivery")
        began = time.perf_counter()
        if not exact:
            return await self.send(sent.kind, sent.payload, 1, "timeout")
        answer = await (self._send_by_socket(sent) if sent.envelope else self._send_by_http(sent))
        answer.took_ms = round((time.perf_counter() - began) * 1000, 3)
        return answer

    def _envelope(self, kind: str, payload: Json, attempt: int, reason: str) -> Sent:
        id_ = f"{secrets.token_hex(4)}-{secrets.token_hex(8)}"
        envelope: Json = {
            "envelope_id": id_,
            "type": kind,
            "payload": payload,
            "accepts_response_payload": kind != "events_api",
        }
        if kind == "events_api":
            envelope |= {"retry_attempt": attempt, "retry_reason": reason}
        return self._remember(Sent(id_, kind, payload, json.dumps(envelope)))

    async def _send_by_socket(self, sent: Sent) -> Answer:
        if not self.connections:
            return Answer("unreachable", delivery_id=sent.id)
        self._turn += 1
        if all(c.told_to_go for c in self.connections):
            await self._wait_for_successor(1.0)
        staying = [c for c in self.connections if not c.told_to_go] or self.connections
        if not staying:
            return Answer("unreachable", delivery_id=sent.id)
        connection = staying[self._turn % len(staying)]
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._pending[sent.id] = future
        connection.waiting.add(sent.id)
        try:
            await connection.socket.send_text(sent.envelope)
            async with asyncio.timeout(self.workspace.patience):
                return await future
        except TimeoutError:
            return Answer("timeout", delivery_id=sent.id)
        except GONE:
            return Answer("broken", delivery_id=sent.id)
        finally:
            connection.waiting.discard(sent.id)
            if self._pending.get(sent.id) is future:
                del self._pending[sent.id]

    def _request(self, kind: str, payload: Json, attempt: int, reason: str) -> Sent:
        headers = {"User-Agent": "Slackbot 1.0 (sandbox)", "Content-Type": "application/x-www-form-urlencoded"}
        if kind == "events_api":
            body, headers["Content-Type"] = json.dumps(payload).encode(), "application/json"
        elif kind == "slash_commands":
            body = urlencode(
                {k: str(v).lower() if isinstance(v, bool) else v or "" for k, v in payload.items()}
            ).encode()
        else:
            body = urlencode({"payload": json.dumps(payload)}).encode()
        if attempt:
            headers |= {"X-Slack-Retry-Num": str(attempt), "X-Slack-Retry-Reason": reason}
        stamp = str(int(time.time()))
        digest = hmac.new(SIGNING_SECRET.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
        headers |= {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={digest}"}
        id_ = f"http-{secrets.token_hex(8)}"
        return self._remember(Sent(id_, kind, payload, url=self.request_url or "", body=body, headers=headers))

    async def _send_by_http(self, sent: Sent) -> Answer:
        if self._http is None:
            limits = httpx.Limits(max_connections=None, max_keepalive_connections=50)
            # How long an answer is waited for is said below, with each request.
            self._http = httpx.AsyncClient(trust_env=False, limits=limits, timeout=None)  # noqa: S113
        try:
            async with asyncio.timeout(self.workspace.patience):
                reply = await self._http.post(sent.url, content=sent.body, headers=sent.headers)
        except (TimeoutError, httpx.TimeoutException):
            return Answer("timeout", delivery_id=sent.id)
        except (httpx.HTTPError, httpx.InvalidURL):
            return Answer("unreachable", delivery_id=sent.id)
        answer = Answer("acked", None, 0.0, sent.id, reply.status_code, "x-slack-no-retry" in reply.headers)
        if reply.status_code != httpx.codes.OK:
            answer.status = "refused"
        if reply.content:
            is_json = reply.headers.get("content-type", "").startswith("application/json")
            answer.payload = reply.json() if is_json else {"text": reply.text}
        return answer

    @property
    def sent(self) -> list[Sent]:
        return list(self._sent.values())

    def _remember(self, sent: Sent) -> Sent:
        self._sent[sent.id] = sent
        if len(self._sent) > KEPT_DELIVERIES:
            self._sent.popitem(last=False)
        return sent

    # -- events ------------------------------------------------------------------------------------------------------

    def event(self, event: Json, channel_id: str | None) -> None:
        """Sends an event if the app subscribed to it, has the scope, and is where it happened."""
        if self.wants(event, channel_id):
            body = self.event_callback(event)
            self._on_the_way.add(body["event_id"])
            self.start(self._deliver_event(body))

    @property
    def is_at_rest(self) -> bool:
        """Whether the app has answered each event once; those that wait to be sent again don't count."""
        return not self._on_the_way

    def wants(self, event: Json, channel_id: str | None) -> bool:
        workspace, kind = self.workspace, event["type"]
        name = f"message.{MESSAGE_KINDS[event['channel_type']]}" if kind == "message" else kind
        if name not in workspace.manifest.events:
            return False
        needed = EVENT_SCOPES.get(name, ())
        if kind in {"member_joined_channel", "member_left_channel"}:
            needed = ("groups:read",) if event["channel_type"] == "G" else ("channels:read",)
        if needed and not workspace.manifest.scopes.intersection(needed):
            return False
        return channel_id is None or workspace.bot_user_id in workspace.channels[channel_id].members

    def event_callback(self, event: Json) -> Json:
        now = self.workspace.now()
        event.setdefault("event_ts", f"{now:.6f}")
        authorization = {"enterprise_id": None, "team_id": TEAM_ID, "user_id": self.workspace.bot_user_id}
        return {
            "token": "sandbox-verification",
            "team_id": TEAM_ID,
            "context_team_id": TEAM_ID,
            "api_app_id": APP_ID,
            "event": event,
            "type": "event_callback",
            "event_id": f"Ev{secrets.token_hex(6).upper()}",
            "event_time": int(now),
            "authorizations": [{**authorization, "is_bot": True, "is_enterprise_install": False}],
            "is_ext_shared_channel": False,
            "event_context": f"4-{secrets.token_urlsafe(16)}",
        }

    async def _deliver_event(self, body: Json) -> None:
        try:
            answer = await self.send("events_api", body)
        finally:
            self._on_the_way.discard(body["event_id"])
        for attempt, after in enumerate(RETRY_AFTER, start=1):
            if answer.acked or answer.no_retry:
                return
            if after:
                await self.workspace.clock.sleep(after)
            answer = await self.send("events_api", body, attempt, retry_reason(answer))

    def start(self, coroutine: Any) -> None:
        """Runs it beside what happens now."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def forget(self) -> None:
        """Drops what is still to be sent again (a reset)."""
        for task in self._tasks:
            task.cancel()
        self._on_the_way.clear()

    async def close(self) -> None:
        self.forget()
        await self.disconnect("closed")
        if self._http is not None:
            await self._http.aclose()


def _break(connection: Connection) -> None:
    """Ends the TCP connection without a close frame, as a cable does. The door in app.py hands us who holds it."""
    holder = connection.socket.scope.get(HOLDER)
    if holder is None:
        raise RuntimeError("The sandbox can break connections only under uvicorn.")
    holder.transport.abort()


def retry_reason(answer: Answer) -> str:
    return {"timeout": "http_timeout", "refused": "http_error"}.get(answer.status, "connection_failed")

"""The door for the app's calls: token, scope, rate limit, faults, the method itself, and the log of it all.

A plain ASGI application, so that a call costs little and its connection can be dropped.
"""

import asyncio
import json
import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from sandbox.errors import SlackError
from sandbox.faults import Fault, Faults
from sandbox.webapi import METHODS, chat, files
from sandbox.webapi.call import SPECIAL, Call, Method
from sandbox.workspace import APP_TOKEN, BOT_TOKEN, Json, Workspace

KEPT_CALLS = 50_000
FILE = Method(lambda _: {}, SPECIAL, ("files:read",))  # `url_private`: no method, but with the same key


@dataclass
class Record:
    """One call in the log. `at` is [began, ended] by the monotonic clock."""

    n: int
    method: str
    args: Json
    at: list[float | None]
    ok: bool | None = None
    error: str | None = None
    fault: str | None = None
    took_effect: bool = False


@dataclass
class Bucket:
    """Fills by `per_second`; a call takes one."""

    level: float
    filled_at: float


@dataclass
class Reply:
    status: int
    body: bytes
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)


class Gone(Exception):  # noqa: N818 - reads as what it is
    """There is nobody to answer any more."""


class WebApi:
    def __init__(self, workspace: Workspace, faults: Faults, new_ticket: Callable[[], str]) -> None:
        self.workspace = workspace
        self.faults = faults
        self.new_ticket = new_ticket
        self.rate_limits = False
        self.calls: deque[Record] = deque(maxlen=KEPT_CALLS)
        self.running = 0
        self.last_ended = time.monotonic()
        self._count = 0
        self._buckets: dict[tuple[str, str], Bucket] = {}

    def reset(self) -> None:
        self.calls.clear()
        self._buckets.clear()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        request = Request(scope, receive)
        try:
            body = await request.body()
        except Exception:  # noqa: BLE001 - the client went away while it was speaking
            return
        family, _, rest = path.lstrip("/").partition("/")
        names = {"api": rest.rstrip("/"), "response": "response_url", "upload": "upload", "files-pri": "url_private"}
        method = names[family]
        args, unreadable = await _arguments(request, body) if family in {"api", "response"} else ({}, "")
        shown = {k: v for k, v in args.items() if k != "token"} if "token" in args else args
        self._count += 1
        record = Record(self._count, method, shown, [time.monotonic(), None])
        self.calls.append(record)
        self.running += 1

        def run() -> Json | Reply:
            if unreadable:
                raise SlackError(unreadable)
            if family == "files-pri":
                return self._private(request, rest)
            if family == "response":
                return chat.respond(self._call(method, args), rest)
            if family == "upload":
                return files.take_upload(self._call(method, args), rest, body)
            return self._run(request, method, args)

        try:
            reply = await self._answer(method, args, run, record, receive)
            await _send(reply, send)
        except Gone:
            pass
        except ConnectionAbortedError:
            await _drop(receive, send)
        finally:
            self.running -= 1
            self.last_ended = record.at[1] = time.monotonic()

    async def _answer(
        self, method: str, args: Json, run: Callable[[], Json | Reply], record: Record, receive: Receive
    ) -> Reply:
        hits = list(self.faults.hitting(method, args)) if self.faults.all else []
        if hits:
            record.fault = "+".join(f.kind for f in hits)
        for fault in hits:
            if (early := await self._before(fault, record, receive)) is not None:
                return early
        reply = self._effect(run, record)
        for fault in hits:
            if fault.kind == "hold_after":
                await _hold(fault, receive)
            elif fault.kind == "drop_after":
                raise ConnectionAbortedError
            elif fault.kind == "error_after":
                return self._reply({"ok": False, "error": fault.error})  # Slack says no, and has done it
        return reply

    async def _before(self, fault: Fault, record: Record, receive: Receive) -> Reply | None:
        if fault.kind == "latency":
            await asyncio.sleep(fault.seconds)
        elif fault.kind == "hold_before":
            await _hold(fault, receive)
        elif fault.kind == "drop_before":
            raise ConnectionAbortedError
        elif fault.kind == "ratelimited":
            record.ok, record.error = False, "ratelimited"
            return _ratelimited(fault.retry_after)
        elif fault.kind == "http_error":
            record.ok, record.error = False, f"http_{fault.status}"
            return Reply(fault.status, b"the sandbox was told to fail", [(b"content-type", b"text/plain")])
        elif fault.kind == "error":
            record.ok, record.error = False, fault.error
            return _sign_in() if record.method == "url_private" else self._reply({"ok": False, "error": fault.error})
        return None

    def _effect(self, run: Callable[[], Json | Reply], record: Record) -> Reply:
        try:
            if self.rate_limits and (wait := self._over_limit(record)):
                record.ok, record.error = False, "ratelimited"
                return _ratelimited(wait)
            done = run()
            record.ok = record.took_effect = True
            if isinstance(done, Reply):
                return done
            answer = {"ok": True, **done}
        except SlackError as e:
            answer = {"ok": False, "error": e.error, **e.extra}
            record.ok, record.error = False, e.error
            if record.method == "url_private":
                return _sign_in()
        status = 200 if record.method != "response_url" or answer["ok"] else 404
        return self._reply(answer, status)

    def _run(self, request: Request, name: str, args: Json) -> Json:
        method = METHODS.get(name)
        if method is None:
            raise SlackError("unknown_method", req_method=name)
        self._check_token(request, method, args)
        call = self._call(name, args)
        call.need(*method.scopes)
        return method.run(call)

    def _private(self, request: Request, rest: str) -> Reply:
        """A file's bytes, for an app with the token and the scope."""
        self._check_token(request, FILE, {})
        call = self._call("url_private", {})
        call.need(*FILE.scopes)
        file = files.private(call, rest.partition("/")[0])
        headers = [(b"content-type", file.mimetype.encode()), (b"content-disposition", b"attachment")]
        return Reply(200, self.workspace.contents[file.id], headers)

    def _call(self, method: str, args: Json) -> Call:
        return Call(self.workspace, method, args, self.new_ticket)

    def _check_token(self, request: Request, method: Method, args: Json) -> None:
        if method.anonymous:
            return
        token = request.headers.get("authorization", "").removeprefix("Bearer ") or args.get("token") or ""
        if not token:
            raise SlackError("not_authed")
        if token not in {BOT_TOKEN, APP_TOKEN}:
            raise SlackError("invalid_auth")
        if (token == APP_TOKEN) != method.app_token:
            raise SlackError("not_allowed_token_type")

    def _over_limit(self, record: Record) -> int:
        """Seconds to wait, or 0. Posting has a limit for each channel besides the one for the method."""
        method = METHODS.get(record.method)
        if method is None:
            return 0
        wait = self._take(record.method, "", method.tier / 60, method.tier)
        if not wait and record.method == "chat.postMessage":
            wait = self._take(record.method, str(record.args.get("channel")), 1.0, 5)
        return wait

    def _take(self, method: str, key: str, per_second: float, most: float) -> int:
        now = self.workspace.now()
        bucket = self._buckets.setdefault((method, key), Bucket(most, now))
        bucket.level = min(most, bucket.level + max(0.0, now - bucket.filled_at) * per_second)
        bucket.filled_at = now
        if bucket.level >= 1:
            bucket.level -= 1
            return 0
        return max(1, math.ceil((1 - bucket.level) / per_second))

    def _reply(self, answer: Json, status: int = 200) -> Reply:
        scopes = ",".join(sorted(self.workspace.manifest.scopes)).encode()
        headers = [(b"content-type", b"application/json; charset=utf-8"), (b"x-oauth-scopes", scopes)]
        return Reply(status, json.dumps(answer).encode(), headers)


async def _arguments(request: Request, body: bytes) -> tuple[Json, str]:
    """What came, and Slack's word for why the body cannot be read."""
    args: Json = dict(request.query_params) if request.scope["query_string"] else {}
    kind = request.headers.get("content-type", "")
    if kind.startswith("multipart/form-data"):
        try:
            form = await request.form()
        except MultiPartException:
            return args, "invalid_form_data"
        return args | {k: v for k, v in form.items() if isinstance(v, str)}, ""
    if not body:
        return args, ""
    if kind.startswith("application/json"):
        try:
            parsed = json.loads(body)
        except ValueError:
            return args, "invalid_json"
        return (args | parsed, "") if isinstance(parsed, dict) else (args, "json_not_object")
    return args | dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)), ""


async def _send(reply: Reply, send: Send) -> None:
    length = (b"content-length", str(len(reply.body)).encode())
    await send({"type": "http.response.start", "status": reply.status, "headers": [*reply.headers, length]})
    await send({"type": "http.response.body", "body": reply.body})


def _sign_in() -> Reply:
    """What Slack shows to whoever may not see a file: not an error, but the page on which people sign in."""
    page = (
        b"<!DOCTYPE html><html><head><title>Sign in | Slack</title></head><body>Sign in to see this file.</body></html>"
    )
    return Reply(200, page, [(b"content-type", b"text/html; charset=utf-8")])


def _ratelimited(seconds: int) -> Reply:
    headers = [(b"content-type", b"application/json; charset=utf-8"), (b"retry-after", str(seconds).encode())]
    return Reply(429, b'{"ok":false,"error":"ratelimited"}', headers)


async def _hold(fault: Fault, receive: Receive) -> None:
    """Waits until the fault is removed; raises Gone when the client leaves first."""
    fault.holding += 1
    released = asyncio.ensure_future(fault.released.wait())
    left = asyncio.ensure_future(_until_disconnected(receive))
    try:
        await asyncio.wait({released, left}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.sleep(0.001)  # who was killed before the release has left by now
        if left.done():
            raise Gone
    finally:
        fault.holding -= 1
        released.cancel()
        left.cancel()


async def _until_disconnected(receive: Receive) -> None:
    message: Message = {"type": ""}
    while message["type"] != "http.disconnect":
        message = await receive()


async def _drop(receive: Receive, send: Send) -> None:
    """Closes the TCP connection without an answer. uvicorn's `send` is a method of what holds the transport."""
    holder: Any = getattr(send, "__self__", None)
    if holder is None:
        raise RuntimeError("The sandbox can drop connections only under uvicorn.")
    holder.transport.close()
    await _until_disconnected(receive)

"""The two ways in: Socket Mode, and HTTP behind a load balancer. Both hand what people do to the same Bolt app."""

import re
import socket
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from slack_bolt import App, BoltRequest, BoltResponse
from slack_bolt.adapter.socket_mode import SocketModeHandler
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from storage.turns import Turns

log = structlog.get_logger(__name__)

WORKERS = 40  # a slow views.open must hold up nobody (design.md decision 9)
PING_S = 3  # the SDK gives a silent connection up after four to five of them
RESTING_S = 75  # a connection may; load balancers keep theirs for 60 and must be the first to close
LARGEST_BODY = 3_000_000  # bytes; Slack's views are at most 250 KB


class Front(App):
    """Where both ways lead: what people do is answered a few at a time, before the courier works.

    More at a time only take the interpreter from each other: of fifty reports in a second the last was answered after
    1.7 s when all were at work together with the courier, after 0.1 s in turns.
    """

    def __init__(self, turns: Turns, **settings: Any) -> None:
        super().__init__(**settings)
        self._turns = turns

    def dispatch(self, req: BoltRequest) -> BoltResponse:
        """Like `App.dispatch`. Nobody waits for the answer to an event."""
        with self._turns.taken(patient=req.body.get("type") == "event_callback"):
            return super().dispatch(req)


class SocketMode:
    """Slack's WebSocket: no public address is needed."""

    def __init__(self, app: App, app_token: str, ping_s: float = PING_S) -> None:
        self._handler = SocketModeHandler(app, app_token, concurrency=WORKERS, ping_interval=ping_s)
        self._patience_s = 3 * ping_s

    def start(self) -> None:
        """Connects; the SDK reconnects by itself from then on. Raises SlackApiError when Slack refuses the token."""
        self._handler.connect()  # type: ignore[no-untyped-call]

    def is_connected(self) -> bool:
        """Whether Slack can reach us now: it has answered a ping lately. A connection may break without a word."""
        session = self._handler.client.current_session
        if session is None or not session.is_active():
            return False
        answered_at = session.last_ping_pong_time  # by the SDK's clock; None until the first answer
        return answered_at is None or time.time() - answered_at < self._patience_s

    def stop(self) -> None:
        """Leaves; Slack gives what comes then to another replica."""
        self._handler.client.auto_reconnect_enabled = False
        try:
            self._handler.close()  # type: ignore[no-untyped-call]
        except AttributeError:
            # The SDK looks whether there is a socket before it waits for its turn to close it: Slack's own farewell
            # came in between. Nothing is left to close now, and the SDK's threads still have to end.
            self._handler.close()  # type: ignore[no-untyped-call]


class HttpServer:
    """`POST /slack/events` for Slack (HTTP mode only), and what operators look at.

    `is_ready` says whether people can be served now; None means that it is so, a sentence says why not.
    """

    def __init__(self, app: App | None, is_ready: Callable[[], str | None], host: str, port: int) -> None:
        routes = [
            Route("/healthz", lambda _: PlainTextResponse("ok")),
            Route("/readyz", _ready(is_ready)),
            Route("/metrics", lambda _: Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)),
        ]
        if app is not None:
            routes.append(Route("/slack/events", _events(app), methods=["POST"]))
        config = uvicorn.Config(
            Starlette(routes=routes),
            host=host,
            port=port,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_keep_alive=RESTING_S,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, name="http", daemon=True)

    def start(self) -> int:
        """Serves in a thread. Returns the port. Raises OSError when the port is taken."""
        listening = socket.create_server((self._server.config.host, self._server.config.port))
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listening]}, name="http", daemon=True
        )
        self._thread.start()
        return int(listening.getsockname()[1])

    def stop(self) -> None:
        """Finishes what is being answered, and stops."""
        self._server.should_exit = True
        self._thread.join(timeout=10)


def _ready(is_ready: Callable[[], str | None]) -> Callable[[Request], Response]:
    def answer(_: Request) -> Response:
        why_not = is_ready()
        return PlainTextResponse("ready") if why_not is None else PlainTextResponse(why_not, status_code=503)

    return answer


def _events(app: App) -> Callable[[Request], Awaitable[Response]]:
    async def receive(request: Request) -> Response:
        # Bolt waits for the database and for Slack: on a thread, never on the event loop (slack.md, table 0).
        if not re.fullmatch("[0-9]{1,12}", request.headers.get("x-slack-request-timestamp", "")):
            return Response(status_code=401)  # Bolt would answer 500 (slack.md section 3, signature gaps)
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > LARGEST_BODY:
                return Response(status_code=413)
        bolt_request = BoltRequest(
            body=body.decode("utf-8", "replace"),
            query=request.url.query,
            headers=dict(request.headers.items()),
        )
        answer = await run_in_threadpool(app.dispatch, bolt_request)
        return Response(
            answer.body, answer.status, headers={name: values[0] for name, values in answer.headers.items() if values}
        )

    return receive

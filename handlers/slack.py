"""Slack's Web API over connections that stay open; whoever waits for its answer lets others work meanwhile."""

import io
import selectors
import ssl
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request

from slack_sdk import WebClient
from slack_sdk.web import SlackResponse

RESTS_AT_MOST_S = 20  # seconds; a connection that nobody has used for longer may just be closed by the other side


class Slack(WebClient):
    """A client for all threads. `meanwhile` is entered for as long as a call takes.

    The SDK opens a connection for each call, and reads the machine's certificates for each: 20 to 50 ms of work.
    Nothing is sent twice, and nothing tried again: after a call without an answer the courier looks before it speaks.
    """

    def __init__(
        self,
        token: str,
        base_url: str,
        timeout_s: int,
        meanwhile: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        super().__init__(token, base_url, timeout_s, ssl=_certificates(), retry_handlers=[])
        self._meanwhile = meanwhile
        self._resting: deque[tuple[HTTPConnection, float]] = deque()  # the last used first

    def api_call(self, api_method: str, **how: Any) -> SlackResponse:
        """Like `WebClient.api_call`."""
        with self._meanwhile():
            return super().api_call(api_method, **how)

    def _request_for_pagination(self, api_url: str, req_args: dict[str, dict[str, Any]]) -> dict[str, Any]:
        """What the SDK calls for each page after the first."""
        with self._meanwhile():
            return super()._request_for_pagination(api_url, req_args)

    def close(self) -> None:
        """Closes what is open; what is called afterwards opens anew."""
        while self._resting:
            self._resting.popleft()[0].close()

    def _perform_urllib_http_request_internal(self, url: str, req: Request) -> dict[str, Any]:
        """Where the SDK would open a connection. Raises HTTPError from status 400 on, like urllib, or OSError."""
        if self.proxy is not None:
            return super()._perform_urllib_http_request_internal(url, req)
        connection = self._rested() or self._opened(req)
        try:
            connection.request("POST", req.selector, req.data, dict(req.header_items()))
            answer = connection.getresponse()
            body = answer.read()
        except BaseException:
            connection.close()
            raise
        if answer.will_close:
            connection.close()
        else:
            self._resting.appendleft((connection, time.monotonic()))
        return _taken_in(url, answer, body)

    def _rested(self) -> HTTPConnection | None:
        """A connection that was used before and still stands."""
        while self._resting:
            connection, since = self._resting.popleft()
            if time.monotonic() - since < RESTS_AT_MOST_S and not _is_dropped(connection):
                return connection
            connection.close()
        return None

    def _opened(self, req: Request) -> HTTPConnection:
        if req.type == "https":
            return HTTPSConnection(req.host, timeout=self.timeout, context=self.ssl)
        return HTTPConnection(req.host, timeout=self.timeout)


@cache
def _certificates() -> ssl.SSLContext:
    return ssl.create_default_context()


def _is_dropped(connection: HTTPConnection) -> bool:
    """Whether the other side has closed it, or says something unasked."""
    with selectors.DefaultSelector() as selector:
        selector.register(connection.sock, selectors.EVENT_READ)
        return bool(selector.select(0))


def _taken_in(url: str, answer: HTTPResponse, body: bytes) -> dict[str, Any]:
    if answer.status >= 400:
        raise HTTPError(url, answer.status, answer.reason, answer.headers, io.BytesIO(body))
    charset = answer.headers.get_content_charset() or "utf-8"
    return {"status": answer.status, "headers": answer.headers, "body": body.decode(charset)}

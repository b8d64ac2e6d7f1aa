"""Calls to Slack share connections, and none is made twice."""

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.error import URLError

import pytest
from slack_sdk.errors import SlackApiError

from handlers.slack import Slack


class Far(ThreadingHTTPServer):
    """The other side: counts connections and requests, and answers as it is told."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.connections = 0
        self.requests: list[str] = []
        self.then = ""  # what becomes of the connection: "" it stays open, "close", or "silence"
        self.status = 200
        self.next_cursors: list[str] = []
        self.ended = threading.Semaphore(0)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        self.ended.release()


class Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Far

    def setup(self) -> None:
        self.server.connections += 1
        super().setup()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append(self.path)
        if self.server.then == "silence":
            self.close_connection = True
            return
        cursor = self.server.next_cursors.pop(0) if self.server.next_cursors else ""
        right = {"ok": True, "response_metadata": {"next_cursor": cursor}}
        body = json.dumps(right if self.server.status == 200 else {"ok": False, "error": "ratelimited"}).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Retry-After", "7")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = self.server.then == "close"

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def far() -> Iterator[Far]:
    server = Far()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def slack(far: Far) -> Iterator[Slack]:
    client = Slack("xoxb-test", f"http://127.0.0.1:{far.server_address[1]}/api/", 5)
    yield client
    client.close()


def test_one_call_after_the_other_goes_over_one_connection(far: Far, slack: Slack) -> None:
    for _ in range(5):
        assert slack.chat_postMessage(channel="C1", text="Good afternoon")["ok"]
    assert slack.auth_test()["ok"], "without a word in its body too"
    assert (far.connections, len(far.requests)) == (1, 6)


def test_a_connection_that_the_other_side_has_closed_is_not_used_again(far: Far, slack: Slack) -> None:
    far.then = "close"  # without saying so in the answer
    for _ in range(3):
        assert slack.auth_test()["ok"]
        assert far.ended.acquire(timeout=5)
    assert (far.connections, len(far.requests)) == (3, 3)


def test_a_call_without_an_answer_is_not_made_again(far: Far, slack: Slack) -> None:
    assert slack.auth_test()["ok"]
    far.then = "silence"
    with pytest.raises((http.client.HTTPException, URLError, OSError)):
        slack.chat_postMessage(channel="C1", text="Good afternoon")
    assert far.requests == ["/api/auth.test", "/api/chat.postMessage"]
    far.then = ""
    assert slack.auth_test()["ok"], "the next one opens anew"
    assert far.connections == 2


def test_slacks_refusals_arrive_with_what_they_say(far: Far, slack: Slack) -> None:
    far.status = 429
    with pytest.raises(SlackApiError) as refused:
        slack.auth_test()
    assert refused.value.response["error"] == "ratelimited"
    assert refused.value.response.status_code == 429
    assert refused.value.response.headers["Retry-After"] == "7"
    far.status = 200
    assert slack.auth_test()["ok"]
    assert far.connections == 1


def test_the_machines_certificates_are_read_once(slack: Slack) -> None:
    another = Slack("xoxb-test", "https://slack.test/api/", 5)
    assert slack.ssl is not None
    assert another.ssl is slack.ssl


def test_whoever_waits_for_a_further_page_lets_others_work_too(far: Far) -> None:
    entered = []

    @contextmanager
    def meanwhile() -> Iterator[None]:
        entered.append(len(far.requests))
        yield

    far.next_cursors = ["two", "three"]
    slack = Slack("xoxb-test", f"http://127.0.0.1:{far.server_port}/api/", 5, meanwhile)
    assert len(list(slack.users_list(limit=1))) == 3
    assert entered == [0, 1, 2], "for each page"
    slack.close()

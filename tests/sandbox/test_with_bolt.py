"""Real Bolt apps join the sandbox as they join Slack: over Socket Mode, and over signed HTTP."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from slack_bolt import App, BoltRequest
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient

from tests.sandbox.conftest import Sandbox


def modal(**more: Any) -> dict[str, Any]:
    block = {
        "type": "input",
        "block_id": "title",
        "label": {"type": "plain_text", "text": "What happened"},
        "element": {"type": "plain_text_input", "action_id": "text"},
    }
    view = {"type": "modal", "callback_id": "report", "title": {"type": "plain_text", "text": "Report"}}
    return {**view, "submit": {"type": "plain_text", "text": "Report"}, "blocks": [block], **more}


@pytest.fixture
def bolt(sandbox: Sandbox) -> Iterator[App]:
    client = WebClient("xoxb-sandbox", base_url=sandbox.api)
    app = App(client=client, process_before_response=True)
    for kind in ("member_joined_channel", "message"):
        app.event(kind)(lambda: None)  # acknowledged, or they come again
    handler = SocketModeHandler(app, "xapp-sandbox", ping_interval=1)
    handler.connect()  # type: ignore[no-untyped-call]
    assert sandbox.get("wait", connections=1, timeout=10)["ok"]
    yield app
    handler.client.auto_reconnect_enabled = False
    # On its own the client would wait for its socket's next word, for seconds.
    sandbox.do("disconnect", reason="closed")
    until(lambda: not handler.client.is_connected())
    handler.close()  # type: ignore[no-untyped-call]
    assert sandbox.get("wait", connections=0, timeout=10)["ok"]


def test_a_choice_is_told_at_once_with_what_was_typed(sandbox: Sandbox, bolt: App) -> None:
    option = {"text": {"type": "plain_text", "text": "Large"}, "value": "l"}
    select = {"type": "static_select", "action_id": "chosen", "options": [option]}
    label = {"type": "plain_text", "text": "Size"}
    size = {"type": "input", "block_id": "size", "label": label, "element": select, "dispatch_action": True}
    told: list[Any] = []

    @bolt.command("/incident")
    def command(ack: Any, body: Any, client: WebClient) -> None:
        client.views_open(trigger_id=body["trigger_id"], view=modal(blocks=[*modal()["blocks"], size]))
        ack()

    @bolt.action("chosen")
    def chosen(ack: Any, action: Any, body: Any) -> None:
        told.append((action["selected_option"], body["view"]["state"]["values"]))
        ack()

    sandbox.do("act/command", user="U0ADA", channel="general", text="/incident")
    sandbox.do("act/view_action", user="U0ADA", action_id="chosen", values={"title": "It rains", "size": "l"})
    sandbox.do("act/view_action", user="U0ADA", action_id="chosen", option="l")
    for choice, values in told:
        assert choice["value"] == "l"
        assert values["title"]["text"]["value"] == "It rains"
        assert values["size"]["chosen"]["selected_option"]["value"] == "l"
    assert len(told) == 2


def test_options_are_asked_for_without_what_was_typed(sandbox: Sandbox, bolt: App) -> None:
    element = {"type": "external_select", "action_id": "find", "min_query_length": 0}
    label = {"type": "plain_text", "text": "Who"}
    who = {"type": "input", "block_id": "who", "label": label, "element": element}
    told: list[Any] = []

    @bolt.command("/incident")
    def command(ack: Any, body: Any, client: WebClient) -> None:
        client.views_open(trigger_id=body["trigger_id"], view=modal(blocks=[*modal()["blocks"], who]))
        ack()

    @bolt.options("find")
    def find(ack: Any, body: Any) -> None:
        told.append(body)
        ack(options=[{"text": {"type": "plain_text", "text": "Acme"}, "value": "acme"}])

    @bolt.view("report")
    def submit(ack: Any, view: Any) -> None:
        told.append(view["state"]["values"])
        ack()

    sandbox.do("act/command", user="U0ADA", channel="general", text="/incident")
    sandbox.do("act/type", user="U0ADA", values={"title": "It rains"})
    found = sandbox.do("act/suggest", user="U0ADA", action_id="find", value="ac")
    assert found["response"]["options"][0]["value"] == "acme", found
    assert sandbox.do("act/submit", user="U0ADA", values={"who": "acme"})["ok"]
    asked, submitted = told
    assert (asked["value"], asked["view"]["callback_id"]) == ("ac", "report")
    assert asked["view"]["state"] == {"values": {}}
    assert submitted["title"]["text"]["value"] == "It rains", "it is typed all the same"
    assert submitted["who"]["find"]["selected_option"]["value"] == "acme"


def test_from_a_command_to_a_channel_with_a_card_whose_button_is_pressed(sandbox: Sandbox, bolt: App) -> None:
    @bolt.command("/incident")
    def command(ack: Any, body: Any, client: WebClient) -> None:
        client.views_open(trigger_id=body["trigger_id"], view=modal())
        ack()

    @bolt.view("report")
    def submit(ack: Any, body: Any, view: Any, client: WebClient) -> None:
        ack()
        title = view["state"]["values"]["title"]["text"]["value"]
        channel = client.conversations_create(name="inc-1")["channel"]["id"]
        client.conversations_invite(channel=channel, users=[body["user"]["id"], "U0WANG"], force=True)
        button = {"type": "button", "action_id": "take", "text": {"type": "plain_text", "text": "Take"}, "value": "1"}
        client.chat_postMessage(channel=channel, text=title, blocks=[{"type": "actions", "elements": [button]}])

    clicked = []

    @bolt.action("take")
    def take(ack: Any, body: Any, respond: Any) -> None:
        clicked.append(body)
        ack()
        respond(text="Taken", replace_original=True)

    opened = sandbox.do("act/command", user="U0LIN", channel="general", text="/incident")
    assert opened["ok"], opened
    assert opened["view"]["title"]["text"] == "Report"
    sent = sandbox.do("act/submit", user="U0LIN", values={"title": "Payments fail"})
    assert sent["ok"], sent
    assert sent["view"] is None
    assert sandbox.get("wait", until="calls_idle", quiet_ms=100, timeout=5)["ok"]
    channel = sandbox.get("channels/inc-1")
    assert channel["members"] == ["U0TESTER", "U0LIN", "U0WANG"]
    card = channel["messages"][-1]
    assert card["text"] == "Payments fail"
    click = sandbox.do("act/click", user="U0WANG", channel="inc-1", ts=card["ts"], action_id="take")
    assert click["ok"], click
    assert clicked[0]["message"]["ts"] == card["ts"]
    assert sandbox.get("channels/inc-1")["messages"][-1]["text"] == "Taken"
    assert [c["ok"] for c in sandbox.get("calls")] == [True] * len(sandbox.get("calls"))


def test_a_trigger_is_good_for_three_seconds_and_once(sandbox: Sandbox, bolt: App) -> None:
    triggers: list[str] = []

    @bolt.command("/incident")
    def command(ack: Any, body: Any) -> None:
        triggers.append(body["trigger_id"])
        ack()

    sandbox.do("act/command", user="U0LIN", channel="general", text="/incident")
    assert sandbox.call("views.open", trigger_id="1.2.abc", view=modal())["error"] == "invalid_trigger_id"
    assert sandbox.call("views.open", trigger_id=triggers[0], view=modal())["ok"]
    assert sandbox.call("views.open", trigger_id=triggers[0], view=modal())["error"] == "exchanged_trigger_id"
    assert sandbox.call("views.push", trigger_id=triggers[0], view=modal())["error"] == "exchanged_trigger_id"
    sandbox.do("act/command", user="U0LIN", channel="general", text="/incident")
    sandbox.do("time", advance=3.5)
    assert sandbox.call("views.open", trigger_id=triggers[1], view=modal())["error"] == "expired_trigger_id"


def test_a_submission_is_answered_with_errors_an_update_a_push_or_clear(sandbox: Sandbox, bolt: App) -> None:
    answers: list[dict[str, Any]] = [
        {"response_action": "errors", "errors": {"title": "Say more"}},
        {"response_action": "errors", "errors": {"nobody": "knows"}},
        {"response_action": "update", "view": modal(title={"type": "plain_text", "text": "Second"})},
        {"response_action": "push", "view": modal(title={"type": "plain_text", "text": "Above"})},
        {"response_action": "clear"},
    ]

    @bolt.command("/incident")
    def command(ack: Any, body: Any, client: WebClient) -> None:
        client.views_open(trigger_id=body["trigger_id"], view=modal())
        ack()

    @bolt.view("report")
    def submit(ack: Any) -> None:
        ack(**answers.pop(0))

    sandbox.do("act/command", user="U0LIN", channel="general", text="/incident")
    empty = sandbox.do("act/submit", user="U0LIN")
    assert (empty["ok"], empty["error"], list(empty["errors"])) == (False, "invalid_input", ["title"])
    refused = sandbox.do("act/submit", user="U0LIN", values={"title": {"text": {"value": "Payments"}}})
    assert refused["ok"]
    assert refused["view"]["errors"] == {"title": "Say more"}
    wrong = sandbox.do("act/submit", user="U0LIN")
    assert (wrong["ok"], wrong["error"]) == (False, "invalid_response")
    updated = sandbox.do("act/submit", user="U0LIN")
    assert updated["view"]["title"]["text"] == "Second"
    assert updated["view"]["state"]["values"]["title"]["text"]["value"] == "Payments"
    sandbox.do("act/submit", user="U0LIN")
    stack = sandbox.get("views", user="U0LIN")
    assert [v["title"]["text"] for v in stack] == ["Second", "Above"]
    assert stack[1]["previous_view_id"] == stack[0]["id"]
    sandbox.do("act/submit", user="U0LIN", values={"title": "x"})
    assert sandbox.get("views", user="U0LIN") == []


def test_a_view_is_updated_only_over_the_state_that_was_seen(sandbox: Sandbox, bolt: App) -> None:
    @bolt.shortcut("report")
    def shortcut(ack: Any, shortcut: Any, client: WebClient) -> None:
        client.views_open(trigger_id=shortcut["trigger_id"], view=modal(external_id="one"))
        ack()

    opened = sandbox.do("act/shortcut", user="U0ADA", callback_id="report")["view"]
    sandbox.do("act/type", user="U0ADA", values={"title": "typed"})
    first = sandbox.call("views.update", view_id=opened["id"], hash=opened["hash"], view=modal(external_id="one"))
    assert first["view"]["state"]["values"]["title"]["text"]["value"] == "typed"
    late = sandbox.call("views.update", external_id="one", hash=opened["hash"], view=modal())
    assert late["error"] == "hash_conflict"
    assert sandbox.do("act/close", user="U0ADA")["view"] is None
    assert sandbox.call("views.update", view_id=opened["id"], view=modal())["error"] == "not_found"
    assert sandbox.do("act/shortcut", user="U0ADA", callback_id="unheard_of")["error"] == "unknown_shortcut"


def test_home_events_and_message_shortcuts_reach_the_app(sandbox: Sandbox, bolt: App) -> None:
    @bolt.event("app_home_opened")
    def home(event: Any, client: WebClient) -> None:
        block = {"type": "section", "text": {"type": "plain_text", "text": "Welcome"}}
        client.views_publish(user_id=event["user"], view={"type": "home", "blocks": [block]})

    @bolt.shortcut("report_this")
    def this(ack: Any, shortcut: Any, respond: Any) -> None:
        ack()
        respond(text=f"Reported: {shortcut['message']['text']}")

    opened = sandbox.do("act/home", user="U0WANG")
    assert opened["ok"], opened
    assert opened["view"]["blocks"][0]["text"]["text"] == "Welcome"
    ts = sandbox.do("act/message", user="U0LIN", channel="general", text="it is down")["ts"]
    said = sandbox.do("act/message_shortcut", user="U0ADA", channel="general", ts=ts, callback_id="report_this")
    assert said["ok"], said
    assert [m["text"] for m in sandbox.get("ephemerals", user="U0ADA")] == ["Reported: it is down"]


def test_a_response_url_works_five_times_within_half_an_hour(sandbox: Sandbox, bolt: App) -> None:
    urls: list[str] = []

    @bolt.command("/incident")
    def command(ack: Any, body: Any) -> None:
        urls.append(body["response_url"])
        ack("Only you see this")

    shown = sandbox.do("act/command", user="U0LIN", channel="general", text="/incident @ada")
    assert shown["ephemeral"]["text"] == "Only you see this"
    for i in range(5):
        assert sandbox.http.post(urls[0], json={"text": str(i), "response_type": "in_channel"}).json() == {"ok": True}
    assert sandbox.http.post(urls[0], json={"text": "6"}).json()["error"] == "used_url"
    sandbox.do("act/command", user="U0LIN", channel="general", text="/incident")
    sandbox.do("time", advance=31 * 60)
    assert sandbox.http.post(urls[1], json={"text": "late"}).json()["error"] == "expired_url"


def test_files_go_up_and_travel_in_forms(sandbox: Sandbox, bolt: App) -> None:
    client = WebClient("xoxb-sandbox", base_url=sandbox.api)
    channel = client.conversations_create(name="files")["channel"]["id"]
    client.files_upload_v2(channel=channel, content="a,b\n1,2\n", filename="figures.csv", title="Figures")
    assert sandbox.get("channels/files")["messages"][-1]["files"][0]["name"] == "figures.csv"
    seen: list[Any] = []
    block = {
        "type": "input",
        "block_id": "evidence",
        "label": {"type": "plain_text", "text": "Evidence"},
        "element": {"type": "file_input", "action_id": "files", "max_files": 1},
    }

    @bolt.shortcut("report")
    def shortcut(ack: Any, shortcut: Any, client: WebClient) -> None:
        client.views_open(trigger_id=shortcut["trigger_id"], view=modal(blocks=[block]))
        ack()

    @bolt.view("report")
    def submit(ack: Any, view: Any) -> None:
        seen.append(view["state"]["values"]["evidence"]["files"])
        ack()

    file = sandbox.do("act/upload", user="U0LIN", name="log.txt", content_base64="bG9n")["file"]
    sandbox.do("act/shortcut", user="U0LIN", callback_id="report")
    many = sandbox.do("act/submit", user="U0LIN", values={"evidence": [file["id"], file["id"]]})
    assert many["errors"] == {"evidence": "Please add at most 1 files."}
    assert sandbox.do("act/submit", user="U0LIN", values={"evidence": [file["id"]]})["ok"]
    assert seen[0]["files"][0]["name"] == "log.txt"
    address = seen[0]["files"][0]["url_private"]
    key = {"authorization": "Bearer xoxb-sandbox"}
    assert sandbox.http.get(address, headers=key).content == b"log"
    for wrong in ({}, {"authorization": "Bearer xoxb-other"}, {"authorization": "Bearer xapp-sandbox"}):
        page = sandbox.http.get(address, headers=wrong)
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8"), "as Slack answers"
        assert "Sign in" in page.text
    sandbox.do("faults", method="url_private", kind="http_error", status=503)
    assert sandbox.http.get(address, headers=key).status_code == 503


def test_nobody_answering_is_said_after_three_seconds_or_at_once(sandbox: Sandbox, bolt: App) -> None:
    @bolt.command("/incident")
    def command() -> None:
        return

    slow = sandbox.do("act/command", user="U0LIN", channel="general", text="/incident")
    assert (slow["ok"], slow["error"]) == (False, "operation_timeout")
    assert slow["took_ms"] >= 3000
    unknown = sandbox.do("act/command", user="U0LIN", channel="general", text="/nothing")
    assert unknown["error"] == "unknown_command"


def test_connections_are_refreshed_and_broken_without_losing_anything(sandbox: Sandbox, bolt: App) -> None:
    @bolt.command("/incident")
    def command(ack: Any) -> None:
        ack("here")

    for reason in ("refresh_requested", "warning", "closed", "abrupt"):
        sandbox.end("calls")
        sandbox.do("disconnect", reason=reason)
        until(lambda: sandbox.get("calls", method="apps.connections.open"))
        until(lambda: sandbox.get("state")["connections"] == 1)
        answer = sandbox.do("act/command", user="U0LIN", channel="general", text="/incident")
        assert answer["response"] == {"text": "here"}, reason


def test_the_same_app_over_signed_http(sandbox: Sandbox) -> None:
    client = WebClient("xoxb-sandbox", base_url=sandbox.api)
    app = App(client=client, signing_secret="sandbox-signing-secret", process_before_response=True)
    events: list[str] = []

    @app.command("/incident")
    def command(ack: Any, body: Any, client: WebClient) -> None:
        client.views_open(trigger_id=body["trigger_id"], view=modal())
        ack()

    @app.view("report")
    def submit(ack: Any) -> None:
        ack()

    @app.event("message")
    def message(event: Any) -> None:
        events.append(event["text"])

    with serving(app) as (url, requests):
        sandbox.do("settings", request_url=url, transport="http")
        opened = sandbox.do("act/command", user="U0LIN", channel="general", text="/incident")
        assert opened["ok"], opened
        sent = sandbox.do("act/submit", user="U0LIN", values={"title": "Payments fail"})
        assert sent["ok"], sent
        assert sent["view"] is None
        sandbox.do("act/message", user="U0LIN", channel="general", text="not for the bot")
        assert sandbox.call("conversations.join", channel="C0GENERAL")["ok"]
        sandbox.do("act/message", user="U0LIN", channel="general", text="for the bot")
        until(lambda: "for the bot" in events)
        assert "not for the bot" not in events
        again = sandbox.do("redeliver", delivery_id=sent["delivery_id"], exact=True)
        assert again["ok"]
        submissions = [r for r in requests if b"view_submission" in r[1]]
        assert submissions[0] == submissions[1]


def until(true: Callable[[], Any], within: float = 10.0) -> None:
    """Waits for a condition, not for a time."""
    end = time.monotonic() + within
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


@contextmanager
def serving(app: App) -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """The app behind an HTTP server in a thread; what was requested is noted as (signature, body)."""
    requests: list[tuple[str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            requests.append((self.headers["x-slack-signature"], body))
            headers: dict[str, str | Sequence[str]] = {name.lower(): value for name, value in self.headers.items()}
            reply = app.dispatch(BoltRequest(body=body.decode(), headers=headers))
            self.send_response(reply.status)
            for name, values in reply.headers.items():
                for value in values:
                    self.send_header(name, value)
            content = (reply.body or "").encode()
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/slack/events", requests
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

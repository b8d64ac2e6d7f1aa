"""Real Bolt apps join the sandbox as they join Slack: over Socket Mode, and over signed HTTP."""

from collections.abc import Iterator
from typing import Any

import pytest
from slack_bolt import App
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
    handler = SocketModeHandler(app, "xapp-sandbox")
    handler.connect()
    assert sandbox.get("wait", connections=1, timeout=10)["ok"]
    yield app
    handler.close()
    assert sandbox.get("wait", connections=0, timeout=10)["ok"]


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

"""A Bolt app as the tutorials have it, with Bolt's and Socket Mode's defaults: the listener makes all the calls itself.

BENCH_CONTENT names a file with the form and the messages, those of our bot. Runs as its own process.
"""

import itertools
import json
import os
import re
import signal
from pathlib import Path
from typing import Any

from slack_bolt import Ack, App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient


def main() -> None:
    """Until it is told to stop."""
    content = json.loads(Path(os.environ["BENCH_CONTENT"]).read_text())
    app = App(client=WebClient(os.environ["SLACK_BOT_TOKEN"], os.environ["SLACK_API_URL"]))
    app.client.conversations_join(channel=content["announcements"])
    numbers = itertools.count(1)

    @app.command("/incident")
    def open_form(ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        ack()
        client.views_open(trigger_id=body["trigger_id"], view=content["form"])

    @app.view("report.submit")
    def submit(ack: Ack, body: dict[str, Any], view: dict[str, Any], client: WebClient) -> None:
        number = f"INC-{next(numbers):04}"
        title = view["state"]["values"]["what_happened"]["what_happened"]["value"].splitlines()[0]
        ack(response_action="update", view=_done(f"Recorded as {number}."))
        name = f"{number}-{re.sub('[^a-z0-9]+', '-', title.lower())}".lower()
        channel = client.conversations_create(name=name[:80])["channel"]["id"]
        people = [body["user"]["id"], *content["on_call"]]
        client.conversations_invite(channel=channel, users=people, force=True)
        client.conversations_setTopic(channel=channel, topic=f"{number} · {title}")
        client.conversations_setPurpose(channel=channel, purpose=content["purpose"])
        card = client.chat_postMessage(channel=channel, text=content["card_text"], blocks=content["card"])
        client.pins_add(channel=channel, timestamp=card["ts"])
        link = f"<#{channel}>"
        client.chat_postMessage(channel=content["announcements"], text=f"{number} {link}", blocks=content["card"])
        client.views_update(view_id=view["id"], view=_done(f"Recorded as {number}: {link}"))

    @app.event("member_joined_channel")
    def join() -> None:
        """Somebody joined."""

    SocketModeHandler(app, os.environ["SLACK_APP_TOKEN"]).connect()  # type: ignore[no-untyped-call]
    signal.pause()


def _done(text: str) -> dict[str, Any]:
    section = {"type": "section", "text": {"type": "mrkdwn", "text": text}}
    return {"type": "modal", "title": {"type": "plain_text", "text": "Recorded"}, "blocks": [section]}


if __name__ == "__main__":
    main()

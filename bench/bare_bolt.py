"""The least a Bolt app can do: `/incident` opens a constant form, the file BENCH_FORM. A process of its own."""

import json
import os
import signal
from pathlib import Path
from typing import Any

from slack_bolt import Ack, App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient

from handlers.transport import WORKERS


def main() -> None:
    """Until it is told to stop."""
    form = json.loads(Path(os.environ["BENCH_FORM"]).read_text())
    client = WebClient(os.environ["SLACK_BOT_TOKEN"], os.environ["SLACK_API_URL"])
    app = App(client=client, process_before_response=True)

    @app.command("/incident")
    def open_form(ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        client.views_open(trigger_id=body["trigger_id"], view=form)
        ack()

    SocketModeHandler(app, os.environ["SLACK_APP_TOKEN"], concurrency=WORKERS).connect()  # type: ignore[no-untyped-call]
    signal.pause()


if __name__ == "__main__":
    main()

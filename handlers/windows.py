"""Where a form opens: in a window of its own, or above the one from which it was asked for.

Not a step of its own: each step shows its forms through this.
"""

import inspect
from collections.abc import Callable
from datetime import datetime

from slack_bolt import Ack
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.models.views import View

from bot.incident import Person
from bot.wording import Wording
from handlers.blocks import Json
from handlers.desk import Desk
from storage import incidents


def show(client: WebClient, body: Json, view: View) -> None:
    """Opens a form for whoever has just clicked or typed a command; `body` is what Slack has sent of it."""
    if (body.get("view") or {}).get("type") == "modal":
        client.views_push(trigger_id=body["trigger_id"], view=view)
    else:
        client.views_open(trigger_id=body["trigger_id"], view=view)


def of_channel(open_form: Callable[..., None]) -> Callable[..., None]:
    """What a word opens that somebody types in an incident's channel: the same form as the step's button."""
    asked = inspect.signature(open_form).parameters

    def open_in_channel(
        ack: Ack, body: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime
    ) -> None:
        with desk.db.read() as tx:
            incident = incidents.in_channel(tx, str(body["channel_id"]))
        if incident is None:
            ack(text=words.text("status.not_here"))
            return
        given = {"ack": ack, "body": body, "client": client, "desk": desk, "words": words, "person": person, "now": now}
        action = {"value": str(incident.id)}
        open_form(**{name: value for name, value in {**given, "action": action}.items() if name in asked})

    return open_in_channel


def redraw(client: WebClient, body: Json, view: View) -> None:
    """Draws the window anew in which somebody has clicked; nothing when they have closed it meanwhile."""
    try:
        client.views_update(view_id=body["view"]["id"], view=view)
    except SlackApiError as error:
        if error.response["error"] != "not_found":
            raise

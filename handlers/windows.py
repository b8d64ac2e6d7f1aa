"""Where a form opens: in a window of its own, or above the one from which it was asked for.

Not a step of its own: each step shows its forms through this.
"""

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.models.views import View

from handlers.blocks import Json


def show(client: WebClient, body: Json, view: View) -> None:
    """Opens a form for whoever has just clicked or typed a command; `body` is what Slack has sent of it."""
    if (body.get("view") or {}).get("type") == "modal":
        client.views_push(trigger_id=body["trigger_id"], view=view)
    else:
        client.views_open(trigger_id=body["trigger_id"], view=view)


def redraw(client: WebClient, body: Json, view: View) -> None:
    """Draws the window anew in which somebody has clicked; nothing when they have closed it meanwhile."""
    try:
        client.views_update(view_id=body["view"]["id"], view=view)
    except SlackApiError as error:
        if error.response["error"] != "not_found":
            raise

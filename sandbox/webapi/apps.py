"""The way into Socket Mode."""

from sandbox.errors import SlackError
from sandbox.webapi.call import TIER_3, Call, Method
from sandbox.workspace import APP_ID, Json


def connections_open(call: Call) -> Json:
    if not call.workspace.manifest.socket_mode:
        raise SlackError("socket_mode_disabled")
    address = call.workspace.address.replace("http", "ws", 1)
    return {"url": f"{address}/link/?ticket={call.new_ticket()}&app_id={APP_ID}"}


METHODS = {"apps.connections.open": Method(connections_open, TIER_3, app_token=True)}

"""What is pinned to a channel."""

from sandbox.webapi.call import TIER_2, Call, Method
from sandbox.workspace import Json


def add(call: Call) -> Json:
    channel = call.joined(call.channel())
    call.workspace.pin(channel, call.required("timestamp"), call.bot)
    return {}


def remove(call: Call) -> Json:
    channel = call.joined(call.channel())
    call.workspace.unpin(channel, call.required("timestamp"), call.bot)
    return {}


def list_(call: Call) -> Json:
    channel = call.joined(call.channel())
    messages = call.workspace.messages[channel.id]
    items = [
        {
            "type": "message",
            "channel": channel.id,
            "created": pin["created"],
            "created_by": pin["created_by"],
            "message": call.workspace.message_json(messages[pin["ts"]]),
        }
        for pin in channel.pins
        if pin["ts"] in messages
    ]
    return {"items": items}


METHODS = {
    "pins.add": Method(add, TIER_2, ("pins:write",)),
    "pins.remove": Method(remove, TIER_2, ("pins:write",)),
    "pins.list": Method(list_, TIER_2, ("pins:read",)),
}

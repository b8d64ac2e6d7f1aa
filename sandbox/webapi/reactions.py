"""Emoji under messages."""

import re

from sandbox.errors import SlackError
from sandbox.webapi.call import TIER_2, TIER_3, Call, Method
from sandbox.workspace import Json


def add(call: Call) -> Json:
    channel = call.joined(call.channel())
    if channel.is_archived:
        raise SlackError("is_archived")
    call.workspace.react(channel, call.required("timestamp"), _name(call), call.bot)
    return {}


def remove(call: Call) -> Json:
    channel = call.joined(call.channel())
    if channel.is_archived:
        raise SlackError("is_archived")
    call.workspace.unreact(channel, call.required("timestamp"), _name(call), call.bot)
    return {}


def get(call: Call) -> Json:
    channel = call.joined(call.channel())
    message = call.workspace.message(channel, call.required("timestamp"))
    return {"type": "message", "channel": channel.id, "message": call.workspace.message_json(message)}


def _name(call: Call) -> str:
    name = call.required("name")
    if not re.fullmatch(r"[a-z0-9_+'-]+(::skin-tone-[2-6])?", name):
        raise SlackError("invalid_name")
    return name


METHODS = {
    "reactions.add": Method(add, TIER_3, ("reactions:write",)),
    "reactions.remove": Method(remove, TIER_2, ("reactions:write",)),
    "reactions.get": Method(get, TIER_3, ("reactions:read",)),
}

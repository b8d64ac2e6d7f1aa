"""Messages that the app posts, edits and takes back."""

import json
from typing import Any

from sandbox import blockkit
from sandbox.errors import SlackError
from sandbox.people import TEAM_DOMAIN
from sandbox.webapi.call import SPECIAL, TIER_3, TIER_4, Call, Method
from sandbox.workspace import Channel, Json, Message

CUT_AT = 40_000


def post_message(call: Call) -> Json:
    channel = _addressed(call)
    if channel.is_archived:
        raise SlackError("is_archived")
    public = channel.type == "channel" and "chat:write.public" in call.workspace.manifest.scopes
    if not call.is_member(channel) and not public:
        raise SlackError("not_in_channel")
    if channel.is_im and not call.workspace.manifest.messages_tab:
        raise SlackError("messages_tab_disabled")
    content = _content(call)
    if any(call.given(name) for name in ("username", "icon_emoji", "icon_url")):
        call.need("chat:write.customize")
        content |= {"username": call.text("username") or None, "icon_emoji": call.text("icon_emoji") or None}
    if (metadata := _metadata(call)) is not None:
        content["metadata"] = metadata
    if thread_ts := call.text("thread_ts"):
        first = call.workspace.messages[channel.id].get(thread_ts)
        if first is None:
            raise SlackError("thread_not_found")
        if first.subtype is not None:
            raise SlackError("cannot_reply_to_message")
        content |= {"thread_ts": thread_ts, "reply_broadcast": call.flag("reply_broadcast")}
    message = call.workspace.post(channel, call.bot, **content)
    return {"channel": channel.id, "ts": message.ts, "message": call.workspace.message_json(message, metadata=True)}


def update(call: Call) -> Json:
    channel, message = call.channel(), None
    ts = call.required("ts")
    message = call.workspace.messages[channel.id].get(ts)
    if message is None:
        raise SlackError("message_not_found")
    if message.user != call.bot or message.subtype is not None:
        raise SlackError("cant_update_message")
    if channel.is_archived:
        raise SlackError("is_inactive")
    if len(call.text("text")) > 4000:
        raise SlackError("msg_too_long")
    content = _content(call)
    if not call.given("blocks"):  # what is left out stays; an empty list takes it away
        content.pop("blocks")
    if not call.given("attachments"):
        content.pop("attachments")
    if (metadata := _metadata(call)) is not None:
        content["metadata"] = metadata or None
    call.workspace.update_message(message, **content)
    shown = call.workspace.message_json(message, metadata=True)
    return {"channel": channel.id, "ts": ts, "text": message.text, "message": shown}


def delete(call: Call) -> Json:
    channel = call.channel()
    message = call.workspace.messages[channel.id].get(call.required("ts"))
    if message is None:
        raise SlackError("message_not_found")
    if message.user != call.bot:
        raise SlackError("cant_delete_message")
    if channel.is_archived:
        raise SlackError("is_inactive")
    call.workspace.delete_message(message)
    return {"channel": channel.id, "ts": message.ts}


def post_ephemeral(call: Call) -> Json:
    channel = call.channel()
    user = call.required("user")
    if channel.is_archived:
        raise SlackError("is_archived")
    call.joined(channel)
    if user not in channel.members:
        raise SlackError("user_not_in_channel")
    content = _content(call)
    if thread_ts := call.text("thread_ts"):
        content["thread_ts"] = thread_ts
    message = call.workspace.post_ephemeral(channel, user, **content)
    return {"message_ts": message.ts}


def get_permalink(call: Call) -> Json:
    channel = call.channel()
    ts = call.required("message_ts")
    message = call.workspace.message(channel, ts)
    link = f"https://{TEAM_DOMAIN}.sandbox.example/archives/{channel.id}/p{ts.replace('.', '')}"
    if message.thread_ts and message.thread_ts != ts:
        link += f"?thread_ts={message.thread_ts}&cid={channel.id}"
    return {"channel": channel.id, "permalink": link}


def respond(call: Call, hook_id: str) -> Json:
    """What comes to a response_url: five times within thirty minutes, without being in the channel."""
    workspace = call.workspace
    hook = workspace.hooks.get(hook_id)
    if hook is None:
        raise SlackError("invalid_url")
    if hook.uses >= 5 or workspace.now() - hook.created > 30 * 60:
        raise SlackError("used_url" if hook.uses >= 5 else "expired_url")
    channel = workspace.channels[hook.channel]
    original: Message | None = None
    if hook.message_ts is not None:
        table = workspace.ephemerals if hook.ephemeral else workspace.messages
        original = table.get(channel.id, {}).get(hook.message_ts)
    if call.flag("delete_original"):
        if original is None:
            raise SlackError("message_not_found")
        workspace.use_hook(hook)
        workspace.delete_message(original)
        return {}
    content = _content(call)
    in_channel = call.text("response_type") == "in_channel"
    if call.flag("replace_original"):
        if original is None:
            raise SlackError("message_not_found")
        workspace.use_hook(hook)
        workspace.update_message(original, **content)
        return {}
    workspace.use_hook(hook)
    if (thread_ts := call.text("thread_ts")) and in_channel:
        content["thread_ts"] = thread_ts
    if in_channel:
        workspace.post(channel, call.bot, **content)
    else:
        workspace.post_ephemeral(channel, hook.user, **content)
    return {}


def _addressed(call: Call) -> Channel:
    """The channel by id or name; a person's id stands for the direct message with them."""
    address, workspace = call.required("channel"), call.workspace
    if address in workspace.people:
        person = workspace.people[address]
        if person.is_bot or person.deleted:
            raise SlackError("channel_not_found")
        return workspace.direct([address, call.bot])
    channel = workspace.channels.get(address)
    if channel is None and address.startswith("#"):
        channel = next((c for c in workspace.channels.values() if c.name == address[1:]), None)
    if channel is None or (channel.type != "channel" and not call.is_member(channel)):
        raise SlackError("channel_not_found")
    return channel


def _content(call: Call) -> dict[str, Any]:
    """Text, blocks and attachments, checked."""
    text, markdown = call.text("text"), call.text("markdown_text")
    blocks: list[Json] = call.structure("blocks", list, "invalid_blocks_format") or []
    attachments: list[Json] = call.structure("attachments", list, "invalid_attachments") or []
    if markdown:
        if text or blocks:
            raise SlackError("markdown_text_conflict")
        if len(markdown) > 12_000:
            raise SlackError("msg_too_long")
        blocks = [{"type": "markdown", "text": markdown}]
    if blocks:
        blocks = blockkit.checked_message(blocks)
    if len(attachments) > 100:
        raise SlackError("too_many_attachments")
    for attachment in attachments:
        if isinstance(attachment, dict) and attachment.get("blocks"):
            attachment["blocks"] = blockkit.checked_message(attachment["blocks"], "/attachments/0/blocks")
    if not text and not blocks and not attachments:
        raise SlackError("no_text")
    return {"text": text[:CUT_AT], "blocks": blocks, "attachments": attachments}


def _metadata(call: Call) -> Json | None:
    metadata: Json | None = call.structure("metadata", dict, "invalid_metadata_format")
    if not metadata:
        return metadata
    if not isinstance(metadata.get("event_type"), str) or not isinstance(metadata.get("event_payload"), dict):
        raise SlackError("invalid_metadata_format")
    if len(json.dumps(metadata)) > 8000:
        raise SlackError("metadata_too_large")
    return metadata


METHODS = {
    "chat.postMessage": Method(post_message, SPECIAL, ("chat:write",)),
    "chat.update": Method(update, TIER_3, ("chat:write",)),
    "chat.delete": Method(delete, TIER_3, ("chat:write",)),
    "chat.postEphemeral": Method(post_ephemeral, TIER_4, ("chat:write",)),
    "chat.getPermalink": Method(get_permalink, SPECIAL),
}

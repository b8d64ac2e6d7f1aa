"""Channels: made, joined, filled, read, named and closed by the app."""

from sandbox.errors import SlackError
from sandbox.webapi.call import TIER_2, TIER_3, TIER_4, Call, Method, page
from sandbox.workspace import Channel, Json

KINDS = {"public_channel": "channel", "private_channel": "group", "im": "im", "mpim": "mpim"}


def create(call: Call) -> Json:
    is_private = call.flag("is_private")
    call.need("groups:write" if is_private else "channels:manage")
    channel = call.workspace.create_channel(call.text("name"), call.bot, is_private)
    return {"channel": _shown(call, channel)}


def invite(call: Call) -> Json:
    channel = call.channel()
    call.need_to_manage(channel, "invites")
    users = call.names("users")
    if not users:
        raise SlackError("no_user")
    if channel.is_archived:
        raise SlackError("is_archived")
    if len(users) > 100:
        raise SlackError("too_many_users")
    call.joined(channel)
    errors: list[Json] = [
        {"user": u, "ok": False, "error": e} for u in users if (e := _cannot_be_invited(call, channel, u))
    ]
    force = call.flag("force")
    if errors and (not force or len(errors) == len(users)):
        raise SlackError(errors[0]["error"], errors=errors)
    refused = {e["user"] for e in errors}
    for user in dict.fromkeys(users):
        if user not in refused:
            call.workspace.join(channel, user, inviter=call.bot)
    result: Json = {"channel": _shown(call, channel)}
    return result | {"errors": errors} if errors else result


def _cannot_be_invited(call: Call, channel: Channel, user: str) -> str:
    person = call.workspace.people.get(user)
    if person is None or person.deleted:
        return "user_not_found"
    if user == call.bot:
        return "cant_invite_self"
    if user in channel.members:
        return "already_in_channel"
    if person.is_bot:
        return "cant_invite"
    return "ura_max_channels" if person.is_ultra_restricted else ""


def info(call: Call) -> Json:
    channel = call.channel()
    call.need_for(channel, "read")
    shown = _shown(call, channel)
    if call.flag("include_num_members"):
        shown["num_members"] = len(channel.members)
    if call.flag("include_locale"):
        shown["locale"] = "en-US"
    return {"channel": shown}


def list_(call: Call) -> Json:
    return _listed(call, None)


def users_conversations(call: Call) -> Json:
    return _listed(call, call.text("user") or call.bot)


def _listed(call: Call, member: str | None) -> Json:
    kinds = call.names("types") or ["public_channel"]
    if any(k not in KINDS for k in kinds):
        raise SlackError("invalid_types")
    scopes = {"public_channel": "channels:read", "private_channel": "groups:read", "im": "im:read", "mpim": "mpim:read"}
    for kind in kinds:
        call.need(scopes[kind])
    wanted = {KINDS[k] for k in kinds}
    hide_archived = call.flag("exclude_archived")
    found = [
        c
        for c in call.workspace.channels.values()
        if c.type in wanted
        and (c.type == "channel" or call.is_member(c))
        and (member is None or member in c.members)
        and not (hide_archived and c.is_archived)
    ]
    channels, metadata = page(call, found, 100, 999)
    shown = [{**_shown(call, c), "num_members": len(c.members)} for c in channels]
    return {"channels": shown, "response_metadata": metadata}


def members(call: Call) -> Json:
    channel = call.channel()
    call.need_for(channel, "read")
    found, metadata = page(call, list(channel.members), 100, 999)
    return {"members": found, "response_metadata": metadata}


def history(call: Call) -> Json:
    channel = call.joined(call.channel())
    call.need_for(channel, "history")
    oldest, latest, inclusive = call.text("oldest", "0"), call.text("latest"), call.flag("inclusive")
    if "include_all_metadata" in call.args and call.flag("include_all_metadata"):
        call.need_for(channel, "history")
    low, high = _ts(oldest), _ts(latest) if latest else float("inf")
    found = []
    for message in reversed(call.workspace.history(channel)):
        at = float(message.ts)
        if low < at < high or (inclusive and at in {low, high}):
            found.append(message)
    messages, metadata = page(call, found, 100, 999)
    with_metadata = call.flag("include_all_metadata")
    return {
        "messages": [call.workspace.message_json(m, with_metadata) for m in messages],
        "has_more": bool(metadata["next_cursor"]),
        "pin_count": len(channel.pins),
        "response_metadata": metadata,
    }


def replies(call: Call) -> Json:
    channel = call.joined(call.channel())
    call.need_for(channel, "history")
    ts = call.required("ts")
    if ts not in call.workspace.messages[channel.id]:
        raise SlackError("thread_not_found")
    messages, metadata = page(call, call.workspace.thread(channel, ts), 1000, 1000)
    with_metadata = call.flag("include_all_metadata")
    return {
        "messages": [call.workspace.message_json(m, with_metadata) for m in messages],
        "has_more": bool(metadata["next_cursor"]),
        "response_metadata": metadata,
    }


def _ts(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise SlackError("invalid_ts_latest") from None


def join(call: Call) -> Json:
    channel = call.channel()
    if channel.type != "channel":
        raise SlackError("method_not_supported_for_channel_type")
    fresh = call.workspace.join(channel, call.bot)
    result: Json = {"channel": _shown(call, channel)}
    return result if fresh else result | {"warning": "already_in_channel"}


def kick(call: Call) -> Json:
    channel = call.joined(call.channel())
    call.need_to_manage(channel)
    user = call.required("user")
    if user == call.bot:
        raise SlackError("cant_kick_self")
    if user not in call.workspace.people:
        raise SlackError("user_not_found")
    if channel.is_general:
        raise SlackError("cant_kick_from_general")
    if not call.workspace.leave(channel, user):
        raise SlackError("not_in_channel")
    return {"errors": {}}


def leave(call: Call) -> Json:
    channel = call.channel()
    call.need_to_manage(channel)
    return {} if call.workspace.leave(channel, call.bot) else {"not_in_channel": True}


def open_(call: Call) -> Json:
    if call.given("channel"):
        channel = call.channel()
        if not (channel.is_im or channel.is_mpim):
            raise SlackError("method_not_supported_for_channel_type")
        return {"channel": {"id": channel.id}, "no_op": True, "already_open": True}
    users = call.names("users")
    if not users:
        raise SlackError("users_list_not_supplied")
    if len(users) > 8:
        raise SlackError("too_many_users")
    for user in users:
        person = call.workspace.people.get(user)
        if person is None:
            raise SlackError("user_not_found")
        if person.deleted:
            raise SlackError("user_disabled")
    call.need("im:write" if len(users) == 1 else "mpim:write")
    if call.bot in users:
        raise SlackError("invalid_user_combination")
    before = len(call.workspace.channels)
    channel = call.workspace.direct([*users, call.bot])
    known = len(call.workspace.channels) == before
    shown = _shown(call, channel) if call.flag("return_im") or channel.is_mpim else {"id": channel.id}
    return {"channel": shown, **({"no_op": True, "already_open": True} if known else {})}


def archive(call: Call) -> Json:
    channel = call.channel()
    call.need_to_manage(channel)
    if channel.is_archived:
        raise SlackError("already_archived")
    call.workspace.archive(call.joined(channel), call.bot)
    return {}


def unarchive(call: Call) -> Json:
    """Bots cannot: archiving took them out of the channel, in effect."""
    channel = call.channel()
    call.need_to_manage(channel)
    raise SlackError("not_in_channel" if channel.is_archived else "not_archived")


def rename(call: Call) -> Json:
    channel = call.channel()
    call.need_to_manage(channel)
    if channel.creator != call.bot:
        raise SlackError("not_authorized")
    call.workspace.rename(call.joined(channel), call.text("name"), call.bot)
    return {"channel": _shown(call, channel)}


def set_topic(call: Call) -> Json:
    channel = call.channel()
    call.need_to_manage(channel, "topic")
    call.workspace.set_topic(call.joined(channel), call.text("topic"), call.bot)
    return {"channel": _shown(call, channel)}


def set_purpose(call: Call) -> Json:
    channel = call.channel()
    call.need_to_manage(channel, "topic")
    call.workspace.set_purpose(call.joined(channel), call.text("purpose"), call.bot)
    return {"channel": _shown(call, channel), "purpose": channel.purpose}


def _shown(call: Call, channel: Channel) -> Json:
    return call.workspace.channel_json(channel)


METHODS = {
    "conversations.create": Method(create, TIER_2),
    "conversations.invite": Method(invite, TIER_3),
    "conversations.info": Method(info, TIER_3),
    "conversations.list": Method(list_, TIER_2),
    "conversations.members": Method(members, TIER_4),
    "conversations.history": Method(history, TIER_3),
    "conversations.replies": Method(replies, TIER_3),
    "conversations.join": Method(join, TIER_3, ("channels:join",)),
    "conversations.kick": Method(kick, TIER_3),
    "conversations.leave": Method(leave, TIER_3),
    "conversations.open": Method(open_, TIER_3),
    "conversations.archive": Method(archive, TIER_2),
    "conversations.unarchive": Method(unarchive, TIER_2),
    "conversations.rename": Method(rename, TIER_2),
    "conversations.setTopic": Method(set_topic, TIER_2),
    "conversations.setPurpose": Method(set_purpose, TIER_2),
    "users.conversations": Method(users_conversations, TIER_3),
}

"""The links at the top of a channel."""

from sandbox.errors import SlackError
from sandbox.webapi.call import TIER_2, TIER_3, Call, Method
from sandbox.workspace import Channel, Json, new_id

MOST = 100


def add(call: Call) -> Json:
    channel = _channel(call, "channel_id")
    link, kind = call.text("link"), call.required("type")
    if kind != "link":
        raise SlackError("invalid_bookmark_type")
    _check_link(link)
    if len(channel.bookmarks) >= MOST:
        raise SlackError("too_many_bookmarks")
    bookmark: Json = {
        "id": new_id("Bk"),
        "channel_id": channel.id,
        "title": call.required("title"),
        "link": link,
        "emoji": call.text("emoji"),
        "icon_url": "",
        "type": kind,
        "date_created": int(call.workspace.now()),
        "date_updated": 0,
        "rank": f"{len(channel.bookmarks):03d}",
        "last_updated_by_user_id": call.bot,
    }
    channel.bookmarks.append(bookmark)
    call.workspace.save_channel(channel)
    return {"bookmark": bookmark}


def list_(call: Call) -> Json:
    return {"bookmarks": _channel(call, "channel_id").bookmarks}


def edit(call: Call) -> Json:
    channel = _channel(call, "channel_id")
    bookmark = _bookmark(call, channel)
    if call.given("link"):
        _check_link(call.text("link"))
    for key in ("title", "link", "emoji"):
        if call.given(key):
            bookmark[key] = call.text(key)
    bookmark["date_updated"] = int(call.workspace.now())
    call.workspace.save_channel(channel)
    return {"bookmark": bookmark}


def remove(call: Call) -> Json:
    channel = _channel(call, "channel_id")
    channel.bookmarks.remove(_bookmark(call, channel))
    call.workspace.save_channel(channel)
    return {}


def _channel(call: Call, name: str) -> Channel:
    return call.joined(call.channel(name))


def _bookmark(call: Call, channel: Channel) -> Json:
    id_ = call.required("bookmark_id")
    for bookmark in channel.bookmarks:
        if bookmark["id"] == id_:
            return bookmark
    raise SlackError("not_found")


def _check_link(link: str) -> None:
    if not link.startswith(("http://", "https://", "slack://", "mailto:")):
        raise SlackError("invalid_link")


METHODS = {
    "bookmarks.add": Method(add, TIER_2, ("bookmarks:write",)),
    "bookmarks.list": Method(list_, TIER_3, ("bookmarks:read", "bookmarks:write")),
    "bookmarks.edit": Method(edit, TIER_2, ("bookmarks:write",)),
    "bookmarks.remove": Method(remove, TIER_2, ("bookmarks:write",)),
}

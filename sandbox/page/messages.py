"""Messages as they stand in a channel or a thread."""

import json
from collections.abc import Iterable

from markupsafe import Markup

from sandbox.page.blocks import draw_blocks
from sandbox.page.emoji import emoji
from sandbox.page.fields import Place
from sandbox.page.icons import icon
from sandbox.page.markup import Attribute, Child, tag
from sandbox.page.mrkdwn import mrkdwn, plain
from sandbox.page.viewer import Viewer, avatar
from sandbox.page.when import clock, day, local
from sandbox.page.words import translate
from sandbox.workspace import Channel, File, Json, Message, Person

SYSTEM = {
    f"{kind}_{what}"
    for kind in ("channel", "group")
    for what in ("join", "leave", "topic", "purpose", "name", "archive", "unarchive")
}
DISTANCE_HOLDS = 2  # seconds
SAME_BREATH = 300  # seconds within which the next message of the same person needs no head of its own

Item = tuple[str, str]  # key, HTML


def in_channel(channel: Channel, viewer: Viewer, most: int, new_from: str | None, known: dict[str, Item]) -> list[Item]:
    """The last `most` messages with the days between them. `known` is this function's memory: pass it again."""
    workspace = viewer.workspace
    hidden = [m for m in workspace.ephemerals_for(viewer.id, channel.id) if m.thread_ts in {None, m.ts}]
    shown = sorted([*workspace.history(channel), *hidden], key=lambda m: m.ts)
    items: list[Item] = []
    if len(shown) > most:
        text = viewer.say("earlier", count=len(shown) - most)
        items.append(_item("earlier", tag("button", text, type="button", class_="btn", data_do="earlier")))
        shown = shown[-most:]
    if not shown:
        items.append(_item("empty", tag("p", viewer.say("empty_channel"), class_="empty")))
    before: Message | None = None
    for message in shown:
        at = float(message.ts)
        if before is None or local(float(before.ts), viewer.tz).date() != local(at, viewer.tz).date():
            text = day(at, viewer.now, viewer.tz, viewer.language)
            items.append(_item(f"day-{message.ts}", tag("div", tag("span", text), class_="day", role="separator")))
            before = None
        if message.ts == new_from:
            items.append(_item("new", tag("div", tag("span", viewer.say("new")), class_="day fresh", role="separator")))
            before = None
        items.append(_remembered(message, channel, viewer, "m", _follows(message, before), known))
        before = message
    _forget(known, items)
    return items


def in_thread(channel: Channel, ts: str, viewer: Viewer, known: dict[str, Item]) -> list[Item]:
    workspace = viewer.workspace
    hidden = [m for m in workspace.ephemerals_for(viewer.id, channel.id) if m.thread_ts == ts and m.ts != ts]
    shown = workspace.thread(channel, ts)
    answers = sorted([*shown[1:], *hidden], key=lambda m: m.ts)
    items = [_remembered(shown[0], channel, viewer, "t", False, known)]
    if answers:
        key = "one_reply" if len(answers) == 1 else "replies"
        count = tag("span", viewer.say(key, count=len(answers)))
        items.append(_item("count", tag("div", count, class_="day", role="separator")))
    before: Message | None = None
    for message in answers:
        items.append(_remembered(message, channel, viewer, "t", _follows(message, before), known))
        before = message
    _forget(known, items)
    return items


def _item(key: str, html: Markup) -> Item:
    return key, str(tag("div", html, data_key=key))


def _follows(message: Message, before: Message | None) -> bool:
    return (
        before is not None
        and before.user == message.user
        and before.username == message.username
        and before.subtype not in SYSTEM
        and message.subtype not in SYSTEM
        and before.ephemeral_to == message.ephemeral_to
        and float(message.ts) - float(before.ts) < SAME_BREATH
    )


def _remembered(
    message: Message, channel: Channel, viewer: Viewer, scope: str, follows: bool, known: dict[str, Item]
) -> Item:
    key = message.ts
    pinned = any(p["ts"] == message.ts for p in channel.pins)
    stamp = f"{vars(message)}{pinned}{follows}{channel.is_archived}"
    old = known.get(key)
    if old is not None and old[0] in {stamp, stamp + _distance(viewer)}:
        return key, old[1]
    html = str(draw(message, viewer, scope, follows, pinned))
    stamp += _distance(viewer) if "data-ago" in html else ""
    known[key] = (stamp, html)
    return key, html


def _distance(viewer: Viewer) -> str:
    """Changes as often as "in 4 minutes" has to be drawn anew."""
    return str(viewer.now // DISTANCE_HOLDS)


def _forget(known: dict[str, Item], items: Iterable[Item]) -> None:
    present = {key for key, _ in items}
    for key in [k for k in known if k not in present]:
        del known[key]


def draw(message: Message, viewer: Viewer, scope: str, follows: bool, pinned: bool) -> Markup:
    hooks: dict[str, Attribute] = {
        "data_key": message.ts,
        "data_ts": message.ts,
        "data_channel": message.channel,
        "data_user": message.user,
    }
    if message.subtype in SYSTEM:
        text = mrkdwn(translate(viewer.language, message.text), viewer)
        return tag("div", text, " ", _time(message, viewer), class_="system", **hooks)
    author = _author(message, viewer)
    name = message.username or author.real_name
    marks: list[Child] = [
        tag("div", icon("eye"), " ", viewer.say("only_you"), class_="mark") if message.ephemeral_to else None,
        tag("div", icon("pin"), " ", viewer.say("pinned"), class_="mark pinned") if pinned else None,
        tag("div", "↳ ", viewer.say("also_channel"), class_="mark")
        if message.reply_broadcast and scope == "m"
        else None,
    ]
    head = tag(
        "div",
        tag("b", name, class_="author"),
        tag("span", viewer.say("app"), class_="badge") if message.bot_id else None,
        _time(message, viewer),
        class_="by",
    )
    body: list[Child] = [
        *marks,
        None if follows else head,
        _content(message, viewer, scope),
        [_file(viewer.workspace.files[f], viewer) for f in message.files if f in viewer.workspace.files],
        _reactions(message, viewer),
        _answers(message, viewer) if scope == "m" else None,
        _dismiss(viewer) if message.ephemeral_to else None,
    ]
    kind = "msg" + (" follows" if follows else "") + (" ephemeral" if message.ephemeral_to else "")
    kind += " is-pinned" if pinned else ""
    return tag(
        "article",
        tag("div", _time(message, viewer) if follows else _face(message, author), class_="side"),
        tag("div", body, class_="content"),
        None if message.ephemeral_to else _tools(message, viewer, scope, name, pinned),
        class_=kind,
        aria_label=f"{name}, {clock(float(message.ts), viewer.tz)}",
        **hooks,
    )


def _author(message: Message, viewer: Viewer) -> Person:
    return viewer.workspace.people.get(message.user) or Person(message.user, message.user, message.user)


def _face(message: Message, author: Person) -> Markup:
    sign = emoji(message.icon_emoji.strip(":")) if message.icon_emoji else None
    return tag("span", sign, class_="avatar bot", aria_hidden="true") if sign else avatar(author)


def _time(message: Message, viewer: Viewer) -> Markup:
    at = local(float(message.ts), viewer.tz)
    return tag(
        "time", at.strftime("%H:%M"), datetime=at.isoformat(), title=at.strftime("%Y-%m-%d %H:%M:%S"), class_="at"
    )


def _content(message: Message, viewer: Viewer, scope: str) -> Markup:
    place = Place(f"{scope}{message.ts}", viewer)
    edited = tag("span", f" ({viewer.say('edited')})", class_="edited") if message.edited else None
    parts: list[Child] = []
    if message.blocks:
        parts.append(draw_blocks(message.blocks, place))
    elif message.text:
        parts.append(tag("div", mrkdwn(message.text, viewer), edited, class_="text"))
    parts += [_attachment(a, place) for a in message.attachments]
    return tag("div", parts, class_="blocks")


def _attachment(attachment: Json, place: Place) -> Markup:
    viewer = place.viewer
    inner: list[Child] = [
        mrkdwn(str(attachment["pretext"]), viewer) if attachment.get("pretext") else None,
        tag("b", mrkdwn(str(attachment["title"]), viewer)) if attachment.get("title") else None,
        draw_blocks(attachment["blocks"], place) if attachment.get("blocks") else None,
    ]
    text = attachment.get("text") or (None if attachment.get("blocks") else attachment.get("fallback"))
    inner.append(tag("div", mrkdwn(str(text), viewer), class_="text") if text else None)
    return tag("div", inner, class_="attachment")


def _file(file: File, viewer: Viewer) -> Markup:
    address = viewer.address_of(file)
    if file.mimetype.startswith("image/") and "svg" not in file.mimetype:
        return tag("a", tag("img", src=address, alt=file.title, class_="picture", loading="lazy"), href=address,
                   target="_blank", rel="noopener", class_="file")  # fmt: skip
    size = f"{file.size / 1024:.0f} KB" if file.size >= 1024 else f"{file.size} B"
    return tag("a", tag("b", file.title), tag("small", f"{file.name} · {size}"), href=address, target="_blank",
               rel="noopener", class_="file card")  # fmt: skip


def _reactions(message: Message, viewer: Viewer) -> Markup | None:
    if not message.reactions:
        return None
    drawn = []
    for reaction in message.reactions:
        sign = emoji(reaction["name"]) or f":{reaction['name']}:"
        shown = plain(f":{reaction['name']}:")
        names = ", ".join(viewer.name_of(u) for u in reaction["users"])
        mine = viewer.id in reaction["users"]
        drawn.append(
            tag("button", shown, f" {reaction['count']}", type="button", class_="reaction mine" if mine else "reaction",
                data_do="react", data_name=reaction["name"], aria_pressed="true" if mine else "false", title=names,
                aria_label=viewer.say("reacted", emoji=sign, count=reaction["count"], names=names))
        )  # fmt: skip
    return tag("div", drawn, class_="reactions")


def _answers(message: Message, viewer: Viewer) -> Markup | None:
    if not message.replies:
        return None
    count = len(message.replies)
    faces = [
        avatar(viewer.workspace.people[u], "small") for u in message.reply_users[:4] if u in viewer.workspace.people
    ]
    text = viewer.say("one_reply" if count == 1 else "replies", count=count)
    return tag(
        "button", faces, tag("span", text), type="button", class_="answers", data_do="thread", data_to=message.ts
    )


def _dismiss(viewer: Viewer) -> Markup:
    return tag("button", viewer.say("dismiss"), type="button", class_="link", data_do="dismiss")


def _tools(message: Message, viewer: Viewer, scope: str, name: str, pinned: bool) -> Markup:
    at = clock(float(message.ts), viewer.tz)
    react = [
        tag("button", plain(f":{sign}:"), type="button", data_do="react", data_name=sign,
            aria_label=viewer.say("react", emoji=emoji(sign) or sign))
        for sign in ("white_check_mark", "eyes")
    ]  # fmt: skip
    root = message.thread_ts or message.ts
    reply = tag("button", icon("reply"), type="button", data_do="thread", data_to=root, aria_label=viewer.say("reply"),
                title=viewer.say("reply"))  # fmt: skip
    more = tag("button", "⋯", type="button", class_="more", data_do="message-menu", aria_haspopup="menu",
               aria_label=viewer.say("more_for", name=name, time=at), data_pinned=json.dumps(pinned))  # fmt: skip
    return tag("div", react, reply if scope == "m" else None, more, class_="tools")

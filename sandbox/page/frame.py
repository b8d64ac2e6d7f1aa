"""What stands around the messages: who one is, where one can go, what one can say."""

import json
from typing import TYPE_CHECKING

from markupsafe import Markup

from sandbox.page.emoji import emoji
from sandbox.page.icons import icon
from sandbox.page.markup import EMPTY, Attribute, Child, tag
from sandbox.page.mrkdwn import mrkdwn, plain
from sandbox.page.viewer import Viewer, avatar
from sandbox.page.words import translate
from sandbox.people import TEAM_NAME
from sandbox.workspace import APP_TOKEN, BOT_TOKEN, Channel, Person

if TYPE_CHECKING:
    from sandbox.app import Program


def topbar(viewer: Viewer) -> Markup:
    """The name, who waits for an answer, and the switch of persons."""
    workspace = viewer.workspace
    counts = {p.id: _called(Viewer(workspace, p)) for p in workspace.actors() if p.id != viewer.id}
    waiting = [
        tag("button", avatar(workspace.people[id_], "small"), tag("span", str(count), class_="count"), type="button",
            class_="waiting", data_do="person", data_person=id_, data_key=f"waiting-{id_}",
            title=viewer.say("waiting_for", name=viewer.name_of(id_), count=count),
            aria_label=viewer.say("waiting_for", name=viewer.name_of(id_), count=count))
        for id_, count in counts.items() if count
    ]  # fmt: skip
    people = [_actor(p, viewer, counts.get(p.id, 0)) for p in workspace.actors()]
    total = sum(counts.values())
    return EMPTY.join([
        tag("button", "☰", type="button", class_="drawer", data_do="drawer", aria_label=viewer.say("menu"),
            aria_expanded="false"),
        tag("div", tag("b", viewer.say("page_title")), tag("span", TEAM_NAME), class_="brand"),
        tag("button", "?", type="button", class_="help", data_do="intro", aria_label=viewer.say("intro_again"),
            title=viewer.say("intro_again")),
        tag("div", waiting, class_="waiters"),
        tag("button", avatar(viewer.person, "small"),
            tag("span", tag("b", viewer.person.real_name), tag("small", _title(viewer.person, viewer)), class_="who"),
            tag("span", str(total), class_="count mobile") if total else None, tag("span", "▾", aria_hidden="true"),
            type="button", class_="actor", popovertarget="people", aria_haspopup="dialog",
            aria_label=viewer.say("acting_as", name=viewer.person.real_name), data_acting=viewer.id),
        tag("div", tag("p", viewer.say("act_as"), class_="hint"), people, id="people", popover="auto",
            class_="pop people", role="group", aria_label=viewer.say("act_as")),
    ])  # fmt: skip


def _actor(person: Person, viewer: Viewer, count: int) -> Markup:
    title = _title(person, viewer)
    language = "中文" if person.locale.lower().startswith("zh") else "EN"
    label = viewer.say("act_as_person", name=person.real_name, title=title)
    return tag(
        "button",
        avatar(person),
        tag("span", tag("b", person.real_name), tag("small", title), class_="who"),
        tag("span", language, class_="language"),
        tag("span", str(count), class_="count") if count else None,
        type="button", class_="person" + (" here" if person.id == viewer.id else ""), data_do="person",
        data_person=person.id, aria_label=label + (f", {viewer.say('unread', count=count)}" if count else ""),
        aria_current="true" if person.id == viewer.id else None,
    )  # fmt: skip


def _title(person: Person, viewer: Viewer) -> str:
    return translate(viewer.language, person.title)


def _called(viewer: Viewer) -> int:
    return sum(viewer.calls(c) for c in viewer.workspace.channels_of(viewer.id))


def sidebar(viewer: Viewer, here: str, connected: bool) -> Markup:
    workspace = viewer.workspace
    mine = workspace.channels_of(viewer.id)
    channels = sorted((c for c in mine if not (c.is_im or c.is_mpim)), key=lambda c: c.name)
    directs = sorted((c for c in mine if c.is_im or c.is_mpim), key=viewer.title_of)
    archived = sorted(
        (c for c in workspace.channels.values() if c.is_archived and viewer.id in c.members), key=lambda c: c.name
    )
    parts: list[Markup] = []
    if workspace.manifest.home_tab:
        name = workspace.manifest.bot_name
        status = tag("span", class_="dot on" if connected else "dot")
        parts += [
            tag("h2", viewer.say("apps")),
            tag("a", tag("span", icon("bolt"), class_="sign", aria_hidden="true"),
                tag("span", name, class_="name"), status, href="?at=home", class_="place",
                data_do="home", aria_label=viewer.say("home_of", name=name),
                aria_current="page" if here == "home" else None),
        ]  # fmt: skip
    parts += [
        tag("h2", viewer.say("channels")),
        *(_place(c, viewer, here) for c in channels),
        tag("button", "＋ ", viewer.say("browse"), type="button", class_="place browse", data_do="browse"),
        tag("h2", viewer.say("direct_messages")),
        *(_place(c, viewer, here) for c in directs),
        *(_person(p, viewer) for p in _strangers(viewer)),
    ]
    if archived:
        inside = [_place(c, viewer, here) for c in archived]
        title = tag("summary", f"{viewer.say('archived')} ({len(archived)})")
        parts.append(tag("details", title, inside, open=any(c.id == here for c in archived), data_key="archived"))
    return EMPTY.join(parts)


def _strangers(viewer: Viewer) -> list[Person]:
    """With whom the person has not talked yet; the bot first."""
    known = {m for c in viewer.workspace.channels_of(viewer.id) if c.is_im for m in c.members}
    people = [p for p in viewer.workspace.people.values() if not p.deleted and p.id != viewer.id and p.id not in known]
    return sorted(people, key=lambda p: (not p.is_bot, p.real_name))


def _person(person: Person, viewer: Viewer) -> Markup:
    return tag("a", avatar(person, "tiny"), tag("span", person.real_name, class_="name"), href="#",
               class_="place quiet", data_do="direct", data_person=person.id, data_key=f"direct-{person.id}",
               aria_label=viewer.say("message_to", name=person.real_name))  # fmt: skip


def _place(channel: Channel, viewer: Viewer, here: str) -> Markup:
    unread, calls = viewer.unread(channel), viewer.calls(channel)
    title = viewer.title_of(channel)
    if channel.is_im or channel.is_mpim:
        other = next((m for m in channel.members if m != viewer.id), viewer.id)
        sign = avatar(viewer.workspace.people[other], "tiny")
    else:
        sign = tag("span", icon("lock") if channel.is_private else "#", class_="sign", aria_hidden="true")
    label = (f"{viewer.say('private')} " if channel.is_private and not channel.is_mpim else "") + title
    label += f", {viewer.say('unread', count=unread)}" if unread else ""
    return tag(
        "a", sign, tag("span", title, class_="name"), tag("span", str(calls), class_="count") if calls else None,
        href=f"?at={channel.id}", class_="place" + (" unread" if unread else ""), data_do="goto", data_goto=channel.id,
        data_place=channel.id, data_key=f"place-{channel.id}", data_unread=unread or None, aria_label=label,
        aria_current="page" if channel.id == here else None,
    )  # fmt: skip


def head(channel: Channel, viewer: Viewer) -> Markup:
    title = viewer.title_of(channel)
    is_direct = channel.is_im or channel.is_mpim
    sign: Child = "" if is_direct else (icon("lock") + " " if channel.is_private else "# ")
    about: list[Child] = []
    if channel.topic or channel.purpose:
        about.append(tag("div", mrkdwn(channel.topic or channel.purpose, viewer), class_="topic"))
    marks = [
        tag("a", plain(f"{b['emoji']} ") if b.get("emoji") else icon("link"), b["title"], href=b["link"],
            target="_blank", rel="noopener noreferrer", class_="bookmark", data_do="follow")
        for b in channel.bookmarks if str(b.get("link", "")).startswith(("http://", "https://"))
    ]  # fmt: skip
    pins = tag("button", icon("pin"), str(len(channel.pins)), type="button", class_="btn small", popovertarget="pins",
               aria_label=viewer.say("pins")) if channel.pins else None  # fmt: skip
    count = viewer.say("members", count=len(channel.members))
    members = (
        None
        if is_direct
        else tag("span", icon("people"), f" {len(channel.members)}", class_="members", title=count, aria_label=count)
    )
    return EMPTY.join([
        tag("div", tag("h1", sign, title), about, class_="title"),
        tag("div", marks, pins, members, class_="facts"),
        tag("div", [_pin(channel, p["ts"], viewer) for p in channel.pins], id="pins", popover="auto", class_="pop menu",
            role="menu", aria_label=viewer.say("pins")),
    ])  # fmt: skip


def _pin(channel: Channel, ts: str, viewer: Viewer) -> Markup | None:
    message = viewer.workspace.messages[channel.id].get(ts)
    if message is None:
        return None
    text = str(mrkdwn(message.text, viewer).striptags()) or ts
    return tag(
        "button", text[:120], type="button", role="menuitem", data_do="goto", data_goto=channel.id, data_to_ts=ts
    )


def home_head(viewer: Viewer) -> Markup:
    name = viewer.workspace.manifest.bot_name
    direct = tag("a", viewer.say("messages"), href="#", class_="btn small", data_do="direct",
                 data_person=viewer.workspace.bot_user_id)  # fmt: skip
    return tag("div", tag("h1", icon("bolt"), " ", name), class_="title") + tag("div", direct, class_="facts")


def intro(viewer: Viewer) -> Markup:
    manifest = viewer.workspace.manifest
    first = next((s for s in manifest.shortcuts.values() if s.type == "global"), None)
    command = next(iter(manifest.commands), "/")
    title = translate(viewer.language, viewer.person.title)
    title = title if viewer.language == "zh" else _with_article(title)
    text = viewer.say("intro_1", name=viewer.person.real_name, title=title, company=TEAM_NAME)
    button = tag("button", viewer.say("intro_button"), type="button", class_="btn primary big",
                 data_do="shortcut", data_callback=first.callback_id) if first else None  # fmt: skip
    return tag(
        "section",
        tag("button", "✕", type="button", class_="x", data_do="intro-done", aria_label=viewer.say("close")),
        tag("p", text, " ", viewer.say("intro_2"), class_="lead"),
        button,
        tag("p", viewer.say("intro_hint", command=command), class_="hint") if manifest.commands else None,
        class_="intro",
    )


def _with_article(title: str) -> str:
    return f"{'an' if title[:1].lower() in 'aeio' else 'a'} {title[:1].lower()}{title[1:]}" if title else ""


def away(viewer: Viewer, child: "Program | None") -> Markup:
    """That no app is connected, and what to do: here if the sandbox started it, else where it is to be started."""
    name = viewer.workspace.manifest.bot_name
    if child is None:
        address = f"{viewer.workspace.address}/api/"
        lines = f"SLACK_API_URL={address}\nSLACK_BOT_TOKEN={BOT_TOKEN}\nSLACK_APP_TOKEN={APP_TOKEN}"
        parts = [tag("p", viewer.say("away", name=name)), tag("p", viewer.say("away_how")), tag("pre", lines)]
    elif child.ended:
        parts = [
            tag("p", viewer.say("away_ended", name=name, how=translate(viewer.language, child.ended))),
            tag("button", viewer.say("start_again"), type="button", class_="btn primary", data_do="start-again"),
        ]
    else:
        parts = [tag("p", viewer.say("away_running", name=name))]
    return tag("section", parts, class_="away", role="status")


def composer(channel: Channel, viewer: Viewer, may_write_to_bot: bool, thread_ts: str | None = None) -> Markup:
    """Where one writes; or the reason why one cannot."""
    title = viewer.title_of(channel)
    if channel.is_archived:
        return tag("p", viewer.say("archived_note"), class_="note", data_archived=True)
    if viewer.id not in channel.members:
        label = viewer.say("join_named", name=title)
        return tag("div", tag("span", viewer.say("not_member", name=title)),
                   tag("button", viewer.say("join"), type="button", class_="btn primary", data_do="join",
                       data_goto=channel.id, aria_label=label), class_="note")  # fmt: skip
    to_bot = channel.is_im and viewer.workspace.bot_user_id in channel.members
    if to_bot and not may_write_to_bot:
        return tag("p", viewer.say("read_only", name=viewer.workspace.manifest.bot_name), class_="note")
    sign = "" if channel.is_im or channel.is_mpim else "#"
    label = viewer.say("reply_to") if thread_ts else viewer.say("message_to", name=sign + title)
    about: dict[str, Attribute] = {"data_channel": channel.id, "data_thread": thread_ts}
    manifest = viewer.workspace.manifest
    commands = [] if thread_ts else [
        {"insert": c.command, "hint": c.usage_hint, "about": c.description} for c in manifest.commands.values()
    ]  # fmt: skip
    people = [{"insert": f"@{p.name}", "hint": p.real_name, "about": _title(p, viewer)}
              for p in viewer.workspace.people.values() if not p.deleted]  # fmt: skip
    key = f"composer-{viewer.id}-{channel.id}-{thread_ts or ''}"
    bolt = None if thread_ts else tag(
        "button", icon("bolt"), type="button", class_="btn icon", popovertarget="bolt", aria_haspopup="menu",
        aria_label=viewer.say("shortcuts"), title=viewer.say("shortcuts"),
    )  # fmt: skip
    return tag(
        "form",
        tag("ul", class_="completion", role="listbox", hidden=True, data_own=True, aria_label=viewer.say("commands")),
        tag("textarea", rows=1, placeholder=label, aria_label=label, data_key=f"{key}-text", data_typing=True,
            title=viewer.say("composer_hint"), autocomplete="off"),
        tag("div", bolt, None if thread_ts else _bolt_menu(viewer),
            tag("button", viewer.say("send"), type="submit", class_="btn primary send"), class_="buttons"),
        class_="composer", data_key=key, data_commands=json.dumps(commands), data_people=json.dumps(people), **about,
    )  # fmt: skip


def _bolt_menu(viewer: Viewer) -> Markup:
    """What the manifest says of the app is shown in its own language, as Slack does: here and in the other menus."""
    shortcuts = [s for s in viewer.workspace.manifest.shortcuts.values() if s.type == "global"]
    items = [
        tag("button", tag("b", s.name), tag("small", s.description), type="button",
            role="menuitem", data_do="shortcut", data_callback=s.callback_id)
        for s in shortcuts
    ]  # fmt: skip
    return tag("div", items or tag("p", viewer.say("no_shortcuts"), class_="hint"), id="bolt", popover="auto",
               class_="pop menu", role="menu", aria_label=viewer.say("shortcuts"))  # fmt: skip


def message_menu(viewer: Viewer) -> Markup:
    """One menu for all messages: board.js puts it beside the message it was asked for."""
    shortcuts = [s for s in viewer.workspace.manifest.shortcuts.values() if s.type == "message"]
    quick = [
        tag("button", plain(f":{sign}:"), type="button", role="menuitem", data_do="react", data_name=sign,
            aria_label=viewer.say("react", emoji=emoji(sign) or sign))
        for sign in ("white_check_mark", "eyes", "+1", "x", "warning")
    ]  # fmt: skip
    return tag(
        "div",
        tag("div", quick, class_="quick"),
        tag("button", viewer.say("reply"), type="button", role="menuitem", data_do="thread"),
        tag("button", viewer.say("pin"), type="button", role="menuitem", data_do="pin", data_when="unpinned"),
        tag("button", viewer.say("unpin"), type="button", role="menuitem", data_do="unpin", data_when="pinned"),
        tag("hr") if shortcuts else None,
        [tag("button", s.name, tag("small", viewer.workspace.manifest.name), type="button", role="menuitem",
             data_do="message-shortcut", data_callback=s.callback_id) for s in shortcuts],
        id="message-menu", popover="auto", class_="pop menu", role="menu", aria_label=viewer.say("more"),
    )  # fmt: skip


def thread_head(viewer: Viewer) -> Markup:
    return tag("h2", viewer.say("thread")) + tag(
        "button", "✕", type="button", class_="x", data_do="thread-close", aria_label=viewer.say("close")
    )


def browse(viewer: Viewer) -> Markup:
    """The public channels that the person is not in."""
    channels = sorted(
        (c for c in viewer.workspace.channels.values()
         if c.type == "channel" and viewer.id not in c.members and not c.is_archived), key=lambda c: c.name,
    )  # fmt: skip
    rows = [
        tag("li", tag("a", tag("b", "# ", c.name), tag("small", c.topic or c.purpose), href=f"?at={c.id}",
                      data_do="goto", data_goto=c.id),
            tag("button", viewer.say("join"), type="button", class_="btn", data_do="join", data_goto=c.id,
                aria_label=viewer.say("join_named", name=c.name)))
        for c in channels
    ]  # fmt: skip
    return tag(
        "dialog",
        tag("div", tag("h2", viewer.say("browse")),
            tag("button", "✕", type="button", class_="x", data_do="browse-close", aria_label=viewer.say("close")),
            class_="top"),
        tag("div", tag("p", viewer.say("browse_hint" if rows else "nothing_to_join"), class_="hint"),
            tag("ul", rows, class_="rows"), class_="inside"),
        class_="form", data_key="browse", data_browse=True, aria_label=viewer.say("browse"),
    )  # fmt: skip

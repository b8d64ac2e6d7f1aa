"""The workspace's state: people, user groups, channels, messages, views, files, homes; and what can be done with them.

Everything happens in one event loop, so nothing here locks. Each change is written through to the store, told to
whoever subscribed (the page), and, where Slack would send an event, handed to `send_event` (see `delivery.py`). What
people do that reaches the app (commands, buttons, forms, App Home) is in `acting.py`; what the app does, in `webapi/`.

Refusals are `SlackError`s with Slack's own codes.
"""

import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote

from sandbox import people as seed
from sandbox.clock import Clock
from sandbox.errors import SlackError
from sandbox.manifest import Manifest
from sandbox.store import Store

PATIENCE = 3.0  # seconds that Slack waits for an answer, and that a trigger_id is good; tests of other things have more
TEAM_ID = "T0SANDBOX"
APP_ID = "A0SANDBOX"
BOT_ID = "B0SANDBOX"
BOT_TOKEN = "xoxb-sandbox"  # noqa: S105 - opens nothing but this sandbox
APP_TOKEN = "xapp-sandbox"  # noqa: S105
SIGNING_SECRET = "sandbox-signing-secret"  # noqa: S105

Json = dict[str, Any]
Loaded = TypeVar("Loaded")


@dataclass(frozen=True)
class Change:
    """What subscribers hear.

    `kind`: person, group, channel, message, ephemeral, view, home, file, read, connections, reset. `id` is the
    object's; for messages and ephemerals it is the channel's, for homes and reads the person's.
    """

    kind: str
    id: str


@dataclass
class Person:
    id: str
    name: str
    real_name: str
    title: str = ""
    locale: str = "en-US"
    tz: str = "Europe/London"
    email: str = ""
    is_bot: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    deleted: bool = False
    updated: float = 0.0


@dataclass
class UserGroup:
    id: str
    handle: str
    name: str
    description: str = ""
    members: list[str] = field(default_factory=list)
    date_create: int = 0
    date_update: int = 0


@dataclass
class Bookmark:
    id: str
    title: str
    link: str
    emoji: str = ""
    type: str = "link"
    date_created: int = 0


@dataclass
class Channel:
    id: str
    name: str
    is_private: bool = False
    is_im: bool = False
    is_mpim: bool = False
    is_archived: bool = False
    is_general: bool = False
    creator: str = ""
    created: int = 0
    topic: str = ""
    purpose: str = ""
    members: dict[str, float] = field(default_factory=dict)  # who -> since when
    pins: list[Json] = field(default_factory=list)  # {"ts", "created", "created_by"}
    bookmarks: list[Json] = field(default_factory=list)
    previous_names: list[str] = field(default_factory=list)

    @property
    def type(self) -> str:
        """`channel`, `group`, `im` or `mpim`, as in a message event's channel_type."""
        if self.is_im:
            return "im"
        if self.is_mpim:
            return "mpim"
        return "group" if self.is_private else "channel"


@dataclass
class Message:
    """One message. `ephemeral_to` is set for those that only one person sees."""

    ts: str
    channel: str
    user: str
    text: str = ""
    blocks: list[Json] = field(default_factory=list)
    attachments: list[Json] = field(default_factory=list)
    thread_ts: str | None = None
    reply_broadcast: bool = False
    subtype: str | None = None
    bot_id: str | None = None
    username: str | None = None
    icon_emoji: str | None = None
    edited: Json | None = None
    metadata: Json | None = None
    reactions: list[Json] = field(default_factory=list)  # {"name", "users", "count"}
    files: list[str] = field(default_factory=list)  # ids
    replies: list[str] = field(default_factory=list)  # ts of the thread's answers; on its first message only
    reply_users: list[str] = field(default_factory=list)
    client_msg_id: str | None = None
    ephemeral_to: str | None = None
    inviter: str | None = None


@dataclass
class File:
    id: str
    name: str
    title: str
    mimetype: str
    size: int
    user: str
    created: int
    channels: list[str] = field(default_factory=list)
    complete: bool = True


@dataclass
class View:
    """A form that is or was open for a person, or a person's App Home (`type` is `home`).

    `definition` is what the app sent. `values` are the inputs' present states, {block_id: {action_id: state}}, as
    they travel in view.state.values. `errors` are the notes under the fields after a refused submission.
    """

    id: str
    user: str
    definition: Json
    hash: str
    type: str = "modal"
    root_view_id: str = ""
    previous_view_id: str | None = None
    values: dict[str, dict[str, Json]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    open: bool = True
    opened_at: float = 0.0


@dataclass
class Hook:
    """Where a response_url leads."""

    id: str
    channel: str
    user: str
    created: float
    message_ts: str | None = None
    ephemeral: bool = False
    thread_ts: str | None = None
    uses: int = 0


@dataclass
class Trigger:
    """A trigger_id, as long as it is good."""

    user: str
    sent_at: float
    view_id: str | None = None
    used: bool = False


class Workspace:
    """All of it. Read the dictionaries freely; change them only by the methods."""

    def __init__(self, manifest: Manifest, store: Store) -> None:
        self.manifest = manifest
        self.store = store
        self.clock = Clock()
        self.patience = PATIENCE
        self.send_event: Callable[[Json, str | None], None] = lambda _event, _channel: None
        self._subscribers: list[Callable[[Change], None]] = []
        self.bot_user_id = bot_user_id(manifest)
        self.people: dict[str, Person] = {}
        self.groups: dict[str, UserGroup] = {}
        self.channels: dict[str, Channel] = {}
        self.messages: dict[str, dict[str, Message]] = {}
        self.ephemerals: dict[str, dict[str, Message]] = {}
        self.views: dict[str, View] = {}
        self.stacks: dict[str, list[str]] = {}
        self.homes: dict[str, View] = {}
        self.files: dict[str, File] = {}
        self.contents: dict[str, bytes] = {}
        self.hooks: dict[str, Hook] = {}
        self.triggers: dict[str, Trigger] = {}
        self.reads: dict[str, dict[str, str]] = {}
        self._names: dict[str, str] = {}
        self._direct: dict[frozenset[str], str] = {}
        self._external_ids: dict[str, str] = {}
        self._last_ts = 0
        self._load()
        if not self.people:
            self._seed()
        self.install(manifest)

    # -- telling ---------------------------------------------------------------------------------------------------

    def subscribe(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Calls `callback` after each change, in the loop's thread. Returns what ends that."""
        self._subscribers.append(callback)
        return lambda: self._subscribers.remove(callback) if callback in self._subscribers else None

    def tell(self, kind: str, id_: str) -> None:
        if self._subscribers:
            change = Change(kind, id_)
            for callback in list(self._subscribers):
                callback(change)

    def _keep(self, kind: str, id_: str, thing: Any) -> None:
        self.store.save(kind, id_, thing)
        self.tell(kind, id_)

    def _keep_message(self, message: Message) -> None:
        kind = "ephemeral" if message.ephemeral_to else "message"
        self.store.save(kind, f"{message.channel}/{message.ts}", message)
        self.tell(kind, message.channel)

    # -- time ------------------------------------------------------------------------------------------------------

    def now(self) -> float:
        """The sandbox's time, in seconds since 1970."""
        return self.clock.now()

    def move_time(self, offset: float) -> None:
        self.clock.move(offset)
        self.store.save("meta", "clock", {"offset": offset})

    def next_ts(self) -> str:
        """A message's id: the present time in microseconds, later than every one before."""
        self._last_ts = max(int(self.now() * 1_000_000), self._last_ts + 100)
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    # -- the beginning ---------------------------------------------------------------------------------------------

    def install(self, manifest: Manifest) -> None:
        """Installs the app: its scopes and features are the manifest's, and its bot user is one of the people."""
        self.manifest = manifest
        self.bot_user_id = bot_user_id(manifest)
        name = re.sub(r"[^a-z0-9_-]+", "", manifest.bot_name.lower()) or "bot"
        bot = Person(
            self.bot_user_id, name, manifest.bot_name, tz="America/Los_Angeles", is_bot=True, updated=self.now()
        )
        self.people[bot.id] = bot
        self._keep("person", bot.id, bot)

    def reset(self, manifest: Manifest | None = None) -> None:
        """Back to the first day: nothing but the seed, the real time, no forms open."""
        self.store.clear()
        self.clock.move(0.0)
        self.patience = PATIENCE
        for table in (self.people, self.groups, self.channels, self.messages, self.ephemerals, self.views, self.stacks,
                      self.homes, self.files, self.contents, self.hooks, self.triggers, self.reads, self._names,
                      self._direct, self._external_ids):  # fmt: skip
            table.clear()
        self._last_ts = 0
        self._seed()
        self.install(manifest or self.manifest)
        self.tell("reset", "")

    def _seed(self) -> None:
        now = self.now()
        for someone in seed.PEOPLE:
            person = Person(
                someone.id, someone.name, someone.real_name, someone.title, someone.locale, someone.tz,
                f"{someone.name}@northlight.example", False, someone.is_restricted,
                someone.is_ultra_restricted, someone.deleted, now,
            )  # fmt: skip
            self.people[person.id] = person
            self._keep("person", person.id, person)
        for template in seed.GROUPS:
            members = [s.id for s in seed.PEOPLE if template.handle in s.groups]
            group = UserGroup(
                template.id, template.handle, template.name, template.description, members, int(now), int(now)
            )
            self.groups[group.id] = group
            self._keep("group", group.id, group)
        everybody = [p.id for p in self.people.values() if not p.deleted and not p.is_restricted and not p.is_bot]
        for id_, name, purpose in seed.CHANNELS:
            channel = Channel(
                id_, name, is_general=name == "general", creator="U0SUN", created=int(now), purpose=purpose
            )
            channel.members = dict.fromkeys(everybody, now)
            self._add_channel(channel)

    def _load(self) -> None:  # noqa: C901 - table by table
        def everything(kind: str, type_: Callable[..., Loaded]) -> Iterable[Loaded]:
            return (type_(**doc) for doc in self.store.load(kind))

        for doc in self.store.load("meta"):
            if "offset" in doc:
                self.clock.move(doc["offset"])
        self.people.update((p.id, p) for p in everything("person", Person))
        self.groups.update((g.id, g) for g in everything("group", UserGroup))
        for channel in everything("channel", Channel):
            self._index_channel(channel)
        for kind, table in (("message", self.messages), ("ephemeral", self.ephemerals)):
            for message in everything(kind, Message):
                table.setdefault(message.channel, {})[message.ts] = message
                self._last_ts = max(self._last_ts, int(message.ts.replace(".", "")))
        for view in sorted(everything("view", View), key=lambda v: v.opened_at):
            self._index_view(view)
            if view.open:
                self.stacks.setdefault(view.user, []).append(view.id)
        for home in everything("home", View):
            self.homes[home.user] = home
            self._index_view(home)
        self.files.update((f.id, f) for f in everything("file", File))
        self.contents.update(self.store.load_bytes())
        self.hooks.update((h.id, h) for h in everything("hook", Hook))
        for doc in self.store.load("read"):
            self.reads[doc["user"]] = doc["seen"]

    # -- people and user groups --------------------------------------------------------------------------------------

    @property
    def bot(self) -> Person:
        return self.people[self.bot_user_id]

    def person(self, id_or_name: str) -> Person:
        """By id, or by name ("lin"); refuses with user_not_found."""
        found = self.people.get(id_or_name)
        if found is None:
            found = next((p for p in self.people.values() if p.name == id_or_name.lstrip("@")), None)
        if found is None:
            raise SlackError("user_not_found")
        return found

    def actors(self) -> list[Person]:
        """The people one can act as: everybody who is still here and no bot."""
        return [p for p in self.people.values() if not p.deleted and not p.is_bot]

    def add_person(self, id_: str, name: str, real_name: str, **about: Any) -> Person:
        if id_ in self.people:
            raise SlackError("user_already_exists")
        person = Person(id_, name, real_name, updated=self.now(), **about)
        person.email = person.email or f"{name}@northlight.example"
        self.people[id_] = person
        self._keep("person", id_, person)
        self.send_event({"type": "team_join", "user": self.user_json(person)}, None)
        return person

    def update_person(self, id_: str, **about: Any) -> Person:
        """Changes locale, tz, name, real_name, title, deleted or what kind of guest they are, and sends user_change."""
        person = self.person(id_)
        for key, value in about.items():
            if key not in {
                "locale",
                "tz",
                "name",
                "real_name",
                "title",
                "deleted",
                "is_restricted",
                "is_ultra_restricted",
            }:
                raise SlackError("invalid_profile")
            setattr(person, key, value)
        person.updated = self.now()
        self._keep("person", person.id, person)
        self.send_event({"type": "user_change", "user": self.user_json(person, locale=True)}, None)
        return person

    def group(self, id_or_handle: str) -> UserGroup:
        found = self.groups.get(id_or_handle)
        if found is None:
            found = next((g for g in self.groups.values() if g.handle == id_or_handle.lstrip("@")), None)
        if found is None:
            raise SlackError("no_such_subteam")
        return found

    def set_group_members(self, id_or_handle: str, members: list[str]) -> UserGroup:
        """Creates the group when there is none with that handle."""
        now = int(self.now())
        ids = [self.person(m).id for m in members]
        try:
            group = self.group(id_or_handle)
        except SlackError:
            group = UserGroup(new_id("S"), id_or_handle, id_or_handle, "", ids, now, now)
            self.groups[group.id] = group
            self._keep("group", group.id, group)
            self.send_event({"type": "subteam_created", "subteam": self.group_json(group)}, None)
            return group
        added, removed = [i for i in ids if i not in group.members], [i for i in group.members if i not in ids]
        group.members, group.date_update = ids, now
        self._keep("group", group.id, group)
        self.send_event(
            {
                "type": "subteam_members_changed",
                "subteam_id": group.id,
                "team_id": TEAM_ID,
                "date_update": now,
                "added_users": added,
                "added_users_count": len(added),
                "removed_users": removed,
                "removed_users_count": len(removed),
            },
            None,
        )
        self.send_event({"type": "subteam_updated", "subteam": self.group_json(group, members=True)}, None)
        return group

    # -- channels ----------------------------------------------------------------------------------------------------

    def channel(self, id_or_name: str) -> Channel:
        """By id, or by name with or without #; refuses with channel_not_found."""
        found = self.channels.get(id_or_name) or self.channels.get(self._names.get(id_or_name.lstrip("#"), ""))
        if found is None:
            raise SlackError("channel_not_found")
        return found

    def channels_of(self, user: str) -> list[Channel]:
        """What the person sees in the side bar: channels and direct messages they are in, archived ones left out."""
        return [c for c in self.channels.values() if user in c.members and not c.is_archived]

    def create_channel(self, name: str, creator: str, is_private: bool = False) -> Channel:
        name = self._free_name(name)
        now = self.now()
        channel = Channel(new_id("C"), name, is_private=is_private, creator=creator, created=int(now))
        channel.members[creator] = now
        self._add_channel(channel)
        self._note(channel, creator, "channel_join", f"<@{creator}> has joined the channel")
        if not is_private:
            brief = {"id": channel.id, "name": name, "created": channel.created, "creator": creator}
            self.send_event({"type": "channel_created", "channel": brief}, None)
        self._joined(channel, creator)
        return channel

    def direct(self, users: Iterable[str]) -> Channel:
        """The direct message between these people (or a person and the bot), opened when there is none."""
        members = frozenset(users)
        if (known := self._direct.get(members)) is not None:
            return self.channels[known]
        now = self.now()
        is_im = len(members) <= 2
        name = "" if is_im else "mpdm-" + "--".join(sorted(self.person(u).name for u in members)) + "-1"
        channel = Channel(new_id("D" if is_im else "G"), name, is_private=not is_im, is_im=is_im, is_mpim=not is_im)
        channel.created, channel.creator = int(now), self.bot_user_id
        channel.members = dict.fromkeys(sorted(members), now)
        self._add_channel(channel)
        return channel

    def join(self, channel: Channel, user: str, inviter: str | None = None) -> bool:
        """False when the person was in the channel already."""
        self._check_active(channel)
        if user in channel.members:
            return False
        channel.members[user] = self.now()
        self._keep("channel", channel.id, channel)
        self._note(channel, user, "channel_join", f"<@{user}> has joined the channel", inviter)
        self._joined(channel, user, inviter)
        return True

    def leave(self, channel: Channel, user: str) -> bool:
        if channel.is_general:
            raise SlackError("cant_leave_general")
        self._check_active(channel)
        if user not in channel.members:
            return False
        event = {
            "type": "member_left_channel",
            "user": user,
            "channel": channel.id,
            "channel_type": "G" if channel.is_private else "C",
            "team": TEAM_ID,
        }
        self.send_event(event, channel.id)
        del channel.members[user]
        self._keep("channel", channel.id, channel)
        self._note(channel, user, "channel_leave", f"<@{user}> has left the channel")
        if user == self.bot_user_id:
            kind = "group_left" if channel.is_private else "channel_left"
            self.send_event({"type": kind, "channel": channel.id, "actor_id": user}, None)
        return True

    def archive(self, channel: Channel, user: str) -> None:
        if channel.is_archived:
            raise SlackError("already_archived")
        if channel.is_general:
            raise SlackError("cant_archive_general")
        self._note(channel, user, "channel_archive", f"<@{user}> archived the channel")
        self._archived(channel, user, True)

    def unarchive(self, channel: Channel, user: str) -> None:
        if not channel.is_archived:
            raise SlackError("not_archived")
        self._archived(channel, user, False)
        self._note(channel, user, "channel_unarchive", f"<@{user}> un-archived the channel")

    def _archived(self, channel: Channel, user: str, archived: bool) -> None:
        channel.is_archived = archived
        self._keep("channel", channel.id, channel)
        kind = ("group_" if channel.is_private else "channel_") + ("archive" if archived else "unarchive")
        self.send_event({"type": kind, "channel": channel.id, "user": user}, channel.id)

    def rename(self, channel: Channel, name: str, user: str) -> None:
        if channel.is_archived:
            raise SlackError("is_archived")
        if name == channel.name:
            return
        name, old = self._free_name(name), channel.name
        self._names.pop(old, None)
        channel.previous_names.append(old)
        channel.name = name
        self._names[name] = channel.id
        self._keep("channel", channel.id, channel)
        kind = "group_rename" if channel.is_private else "channel_rename"
        brief = {"id": channel.id, "name": name, "created": channel.created}
        self.send_event({"type": kind, "channel": brief}, channel.id)
        self._note(channel, user, "channel_name", f'<@{user}> has renamed the channel from "{old}" to "{name}"')

    def set_topic(self, channel: Channel, topic: str, user: str) -> None:
        self._check_active(channel)
        if len(topic) > 250:
            raise SlackError("too_long")
        channel.topic = topic
        self._keep("channel", channel.id, channel)
        self._note(channel, user, "channel_topic", f"<@{user}> set the channel topic: {topic}")

    def set_purpose(self, channel: Channel, purpose: str, user: str) -> None:
        self._check_active(channel)
        if len(purpose) > 250:
            raise SlackError("too_long")
        channel.purpose = purpose
        self._keep("channel", channel.id, channel)
        self._note(channel, user, "channel_purpose", f"<@{user}> set the channel description: {purpose}")

    def pin(self, channel: Channel, ts: str, user: str) -> None:
        self.message(channel, ts)
        if any(p["ts"] == ts for p in channel.pins):
            raise SlackError("already_pinned")
        if len(channel.pins) >= 100:
            raise SlackError("too_many_pins")
        channel.pins.append({"ts": ts, "created": int(self.now()), "created_by": user})
        self._keep("channel", channel.id, channel)
        self.send_event(self._pin_event("pin_added", channel, ts, user), channel.id)

    def unpin(self, channel: Channel, ts: str, user: str) -> None:
        if not any(p["ts"] == ts for p in channel.pins):
            raise SlackError("no_pin")
        channel.pins = [p for p in channel.pins if p["ts"] != ts]
        self._keep("channel", channel.id, channel)
        self.send_event(self._pin_event("pin_removed", channel, ts, user), channel.id)

    def save_channel(self, channel: Channel) -> None:
        """After its bookmarks were changed."""
        self._keep("channel", channel.id, channel)

    def _pin_event(self, kind: str, channel: Channel, ts: str, user: str) -> Json:
        message = self.messages[channel.id].get(ts)
        item = {
            "type": "message",
            "channel": channel.id,
            "message": self.message_json(message) if message else {"ts": ts},
        }
        return {"type": kind, "user": user, "channel_id": channel.id, "item": item, "pin_count": len(channel.pins)}

    def _joined(self, channel: Channel, user: str, inviter: str | None = None) -> None:
        event = {
            "type": "member_joined_channel",
            "user": user,
            "channel": channel.id,
            "channel_type": "G" if channel.is_private else "C",
            "team": TEAM_ID,
        }
        if inviter:
            event["inviter"] = inviter
        self.send_event(event, channel.id)

    def _free_name(self, name: str) -> str:
        if not name:
            raise SlackError("invalid_name_required")
        if len(name) > 80:
            raise SlackError("invalid_name_maxlength")
        if not re.search(r"[a-z0-9]", name.lower()) and re.fullmatch(r"[-_.#@!\s]+", name):
            raise SlackError("invalid_name_punctuation")
        if not re.fullmatch(r"[a-z0-9_-]+", name):
            raise SlackError("invalid_name_specials")
        if name in self._names:
            raise SlackError("name_taken")
        return name

    def _add_channel(self, channel: Channel) -> None:
        self._index_channel(channel)
        self._keep("channel", channel.id, channel)

    def _index_channel(self, channel: Channel) -> None:
        self.channels[channel.id] = channel
        self.messages.setdefault(channel.id, {})
        if channel.is_im or channel.is_mpim:
            self._direct[frozenset(channel.members)] = channel.id
        else:
            self._names[channel.name] = channel.id

    def _check_active(self, channel: Channel) -> None:
        if channel.is_archived:
            raise SlackError("is_archived")

    # -- messages ----------------------------------------------------------------------------------------------------

    def history(self, channel: Channel) -> list[Message]:
        """The channel's messages, oldest first, without the answers in threads."""
        return [m for m in self.messages[channel.id].values() if m.thread_ts in {None, m.ts} or m.reply_broadcast]

    def thread(self, channel: Channel, ts: str) -> list[Message]:
        """A message and its answers, oldest first."""
        first = self.message(channel, ts)
        return [first, *(self.messages[channel.id][r] for r in first.replies if r in self.messages[channel.id])]

    def message(self, channel: Channel, ts: str) -> Message:
        found = self.messages[channel.id].get(ts)
        if found is None:
            raise SlackError("message_not_found")
        return found

    def ephemerals_for(self, user: str, channel: str | None = None) -> list[Message]:
        """What only this person sees, oldest first."""
        tables = self.ephemerals.values() if channel is None else [self.ephemerals.get(channel, {})]
        return sorted((m for t in tables for m in t.values() if m.ephemeral_to == user), key=lambda m: m.ts)

    def any_message(self, channel: Channel, ts: str, user: str) -> Message:
        """A message of the channel, or one that only this person sees."""
        hidden = self.ephemerals.get(channel.id, {}).get(ts)
        if hidden is not None and hidden.ephemeral_to == user:
            return hidden
        return self.message(channel, ts)

    def post(self, channel: Channel, user: str, text: str = "", **more: Any) -> Message:
        """Puts a message into a channel, for a person or for the bot. `more`: fields of Message."""
        self._check_active(channel)
        thread_ts = more.get("thread_ts")
        first = self.messages[channel.id].get(thread_ts) if thread_ts else None
        if first is not None and first.thread_ts and first.thread_ts != first.ts:
            first = self.messages[channel.id].get(first.thread_ts)
            more["thread_ts"] = first.ts if first else thread_ts
        message = Message(self.next_ts(), channel.id, user, text, **more)
        if user == self.bot_user_id:
            message.bot_id = BOT_ID
        self.messages[channel.id][message.ts] = message
        self._keep_message(message)
        if first is not None:
            first.thread_ts = first.ts
            first.replies.append(message.ts)
            if user not in first.reply_users:
                first.reply_users.append(user)
            self._keep_message(first)
        for id_ in message.files:
            file = self.files[id_]
            if channel.id not in file.channels:
                file.channels.append(channel.id)
                self._keep("file", id_, file)
        if user in self.reads and user != self.bot_user_id:
            self.mark_read(user, channel.id)
        self._message_event(channel, message)
        return message

    def post_ephemeral(self, channel: Channel, to: str, text: str = "", **more: Any) -> Message:
        """Shows a message of the app to one person only."""
        message = Message(self.next_ts(), channel.id, self.bot_user_id, text, bot_id=BOT_ID, ephemeral_to=to, **more)
        self.ephemerals.setdefault(channel.id, {})[message.ts] = message
        self._keep_message(message)
        return message

    def update_message(self, message: Message, **changes: Any) -> None:
        """Replaces text, blocks, attachments, metadata ... of a message."""
        before = self.message_json(message)
        for key, value in changes.items():
            setattr(message, key, value)
        if not message.ephemeral_to:
            message.edited = {"user": message.user, "ts": f"{int(self.now())}.000000"}
        self._keep_message(message)
        if not message.ephemeral_to:
            channel = self.channels[message.channel]
            self._send_message(
                channel,
                {
                    "type": "message",
                    "subtype": "message_changed",
                    "hidden": True,
                    "message": self.message_json(message),
                    "previous_message": before,
                    "ts": self.next_ts(),
                },
            )

    def delete_message(self, message: Message) -> None:
        kind = "ephemeral" if message.ephemeral_to else "message"
        table = self.ephemerals if message.ephemeral_to else self.messages
        table[message.channel].pop(message.ts, None)
        self.store.remove(kind, f"{message.channel}/{message.ts}")
        self.tell(kind, message.channel)
        if message.ephemeral_to:
            return
        channel = self.channels[message.channel]
        if any(p["ts"] == message.ts for p in channel.pins):
            self.unpin(channel, message.ts, message.user)
        first = self.messages[channel.id].get(message.thread_ts or "")
        if first is not None and message.ts in first.replies:
            first.replies.remove(message.ts)
            self._keep_message(first)
        event = {"type": "message", "subtype": "message_deleted", "hidden": True, "deleted_ts": message.ts}
        self._send_message(channel, {**event, "previous_message": self.message_json(message), "ts": self.next_ts()})

    def react(self, channel: Channel, ts: str, name: str, user: str) -> None:
        message = self.message(channel, ts)
        name = name.strip(":")
        reaction = next((r for r in message.reactions if r["name"] == name), None)
        if reaction is None:
            message.reactions.append({"name": name, "users": [user], "count": 1})
        elif user in reaction["users"]:
            raise SlackError("already_reacted")
        else:
            reaction["users"].append(user)
            reaction["count"] += 1
        self._keep_message(message)
        self._reaction_event("reaction_added", message, name, user)

    def unreact(self, channel: Channel, ts: str, name: str, user: str) -> None:
        message = self.message(channel, ts)
        name = name.strip(":")
        reaction = next((r for r in message.reactions if r["name"] == name and user in r["users"]), None)
        if reaction is None:
            raise SlackError("no_reaction")
        reaction["users"].remove(user)
        reaction["count"] -= 1
        message.reactions = [r for r in message.reactions if r["users"]]
        self._keep_message(message)
        self._reaction_event("reaction_removed", message, name, user)

    def mark_read(self, user: str, channel: str) -> None:
        """The person has seen the channel up to now."""
        seen = self.reads.setdefault(user, {})
        last = next(reversed(self.messages[channel]), "") if self.messages.get(channel) else ""
        if seen.get(channel) != last:
            seen[channel] = last
            self.store.save("read", user, {"user": user, "seen": seen})
            self.tell("read", user)

    def unread(self, user: str, channel: str) -> int:
        """How many messages of others the person has not seen there; what joined before them does not count."""
        since = self.reads.get(user, {}).get(channel, "")
        count = 0
        for message in reversed(self.messages.get(channel, {}).values()):
            if message.ts <= since:
                break
            count += message.user != user and message.subtype is None
        return count

    def _note(self, channel: Channel, user: str, subtype: str, text: str, inviter: str | None = None) -> None:
        """A line that Slack itself writes into a channel: who joined, what the topic is now."""
        if channel.is_im or channel.is_mpim:
            return
        if channel.is_private:
            subtype = subtype.replace("channel_", "group_")
        message = Message(self.next_ts(), channel.id, user, text, subtype=subtype, inviter=inviter)
        self.messages[channel.id][message.ts] = message
        self._keep_message(message)
        self._message_event(channel, message)

    def _message_event(self, channel: Channel, message: Message) -> None:
        event = {**self.message_json(message), "event_ts": message.ts}
        event.pop("metadata", None)
        self._send_message(channel, event)
        mentioned = f"<@{self.bot_user_id}>" in message.text
        if mentioned and message.user != self.bot_user_id and message.subtype is None and not channel.is_im:
            self.send_event({**event, "type": "app_mention", "channel": channel.id}, channel.id)

    def _send_message(self, channel: Channel, event: Json) -> None:
        self.send_event({**event, "channel": channel.id, "channel_type": channel.type}, channel.id)

    def _reaction_event(self, kind: str, message: Message, name: str, user: str) -> None:
        item = {"type": "message", "channel": message.channel, "ts": message.ts}
        self.send_event(
            {"type": kind, "user": user, "reaction": name, "item_user": message.user, "item": item}, message.channel
        )

    # -- files -------------------------------------------------------------------------------------------------------

    def add_file(self, user: str, name: str, content: bytes, mimetype: str, title: str = "") -> File:
        file = File(new_id("F"), name, title or name, mimetype, len(content), user, int(self.now()))
        self.files[file.id] = file
        self.set_content(file, content)
        return file

    def set_content(self, file: File, content: bytes) -> None:
        self.contents[file.id] = content
        self.store.save_bytes(file.id, content)
        self.save_file(file)

    def save_file(self, file: File) -> None:
        self.files[file.id] = file
        self._keep("file", file.id, file)

    # -- views -------------------------------------------------------------------------------------------------------

    def stack(self, user: str) -> list[View]:
        """The forms that are open for the person, the visible one last."""
        return [self.views[v] for v in self.stacks.get(user, [])]

    def top_view(self, user: str) -> View | None:
        ids = self.stacks.get(user)
        return self.views[ids[-1]] if ids else None

    def view(self, view_id: str | None, external_id: str | None = None) -> View:
        found = self.views.get(view_id or "") or self.views.get(self._external_ids.get(external_id or "", ""))
        if found is None:
            raise SlackError("not_found")
        return found

    def open_view(self, user: str, definition: Json) -> View:
        """Opens a form as the only one; what was open before is gone."""
        for old in self.stack(user):
            self._shut(old)
        self.stacks[user] = []
        return self.push_view(user, definition)

    def push_view(self, user: str, definition: Json) -> View:
        stack = self.stack(user)
        if len(stack) >= 3:
            raise SlackError("push_limit_reached")
        self._check_external_id(definition)
        view = View(new_id("V"), user, definition, new_hash(self.now()), opened_at=self.now())
        view.root_view_id = stack[0].id if stack else view.id
        view.previous_view_id = stack[-1].id if stack else None
        view.values = initial_values(definition, {})
        self._index_view(view)
        self.stacks.setdefault(user, []).append(view.id)
        self._keep("view", view.id, view)
        return view

    def update_view(self, view: View, definition: Json, hash_: str | None = None) -> View:
        """Redraws a form; what was typed stays where block_id and action_id stay."""
        if hash_ and hash_ != view.hash:
            raise SlackError("hash_conflict")
        self._check_external_id(definition, view)
        view.definition = definition
        view.values = initial_values(definition, view.values)
        view.errors = {}
        view.hash = new_hash(self.now())
        self._index_view(view)
        self._keep(view.type if view.type == "home" else "view", view.user if view.type == "home" else view.id, view)
        return view

    def fill(self, view: View, values: dict[str, dict[str, Json]]) -> None:
        """The person typed: {block_id: {action_id: state}}."""
        for block_id, by_action in values.items():
            view.values.setdefault(block_id, {}).update(by_action)
        self._keep("home" if view.type == "home" else "view", view.user if view.type == "home" else view.id, view)

    def set_errors(self, view: View, errors: dict[str, str]) -> None:
        view.errors = errors
        self._keep("view", view.id, view)

    def close_view(self, view: View) -> None:
        """Closes a form and those above it; the one below shows again."""
        ids = self.stacks.get(view.user, [])
        if view.id in ids:
            above = ids[ids.index(view.id) :]
            self.stacks[view.user] = ids[: ids.index(view.id)]
            for id_ in reversed(above):
                self._shut(self.views[id_])

    def clear_views(self, user: str) -> None:
        stack = self.stack(user)
        if stack:
            self.close_view(stack[0])

    def publish_home(self, user: str, definition: Json, hash_: str | None = None) -> View:
        home = self.homes.get(user)
        if home is None:
            if hash_:
                raise SlackError("hash_conflict")
            self._check_external_id(definition)
            home = View(new_id("V"), user, definition, new_hash(self.now()), "home", opened_at=self.now())
            home.root_view_id = home.id
            home.values = initial_values(definition, {})
            self.homes[user] = home
            self._index_view(home)
            self._keep("home", user, home)
            return home
        return self.update_view(home, definition, hash_)

    def _shut(self, view: View) -> None:
        view.open = False
        self._external_ids.pop(view.definition.get("external_id") or "", None)
        self._keep("view", view.id, view)

    def _check_external_id(self, definition: Json, own: View | None = None) -> None:
        other = self._external_ids.get(definition.get("external_id") or "")
        if other is not None and (own is None or other != own.id):
            raise SlackError("duplicate_external_id")

    def _index_view(self, view: View) -> None:
        self.views[view.id] = view
        external_id = view.definition.get("external_id")
        if external_id and view.open:
            self._external_ids[external_id] = view.id

    # -- triggers and response_urls ----------------------------------------------------------------------------------

    def new_trigger(self, user: str, view_id: str | None = None) -> str:
        if len(self.triggers) > 10_000:
            self.triggers.clear()
        id_ = f"{int(self.now() * 1000)}.{secrets.randbelow(10**12)}.{secrets.token_hex(16)}"
        self.triggers[id_] = Trigger(user, self.now(), view_id)
        return id_

    def use_trigger(self, trigger_id: str) -> Trigger:
        trigger = self.triggers.get(trigger_id)
        if trigger is None:
            raise SlackError("invalid_trigger_id")
        if trigger.used:
            raise SlackError("exchanged_trigger_id")
        if self.now() - trigger.sent_at > self.patience:
            raise SlackError("expired_trigger_id")
        return trigger

    def new_hook(self, channel: str, user: str, message: Message | None = None) -> Hook:
        hook = Hook(secrets.token_urlsafe(18), channel, user, self.now())
        if message is not None:
            hook.message_ts, hook.ephemeral = message.ts, message.ephemeral_to is not None
            hook.thread_ts = message.thread_ts
        self.hooks[hook.id] = hook
        self.store.save("hook", hook.id, hook)
        return hook

    def use_hook(self, hook: Hook) -> None:
        hook.uses += 1
        self.store.save("hook", hook.id, hook)

    # -- as Slack writes it ------------------------------------------------------------------------------------------

    def user_json(self, person: Person, locale: bool = False, email: bool = True) -> Json:
        profile: Json = {
            "title": person.title,
            "real_name": person.real_name,
            "real_name_normalized": person.real_name,
            "display_name": "",  # people here go by their real names
            "display_name_normalized": "",
            "team": TEAM_ID,
        }
        if email and person.email:
            profile["email"] = person.email
        if person.is_bot:
            profile |= {"api_app_id": APP_ID, "bot_id": BOT_ID}
        user: Json = {"id": person.id, "team_id": TEAM_ID, "name": person.name, "deleted": person.deleted}
        if not person.deleted:
            user |= {"real_name": person.real_name, "tz": person.tz, "tz_label": person.tz, "tz_offset": 0}
        user |= {
            "profile": profile,
            "is_admin": False,
            "is_owner": False,
            "is_primary_owner": False,
            "is_restricted": person.is_restricted,
            "is_ultra_restricted": person.is_ultra_restricted,
            "is_bot": person.is_bot,
            "is_app_user": False,
            "updated": int(person.updated),
        }
        if locale:
            user["locale"] = person.locale
        return user

    def group_json(self, group: UserGroup, members: bool = False) -> Json:
        result: Json = {
            "id": group.id,
            "team_id": TEAM_ID,
            "is_usergroup": True,
            "name": group.name,
            "description": group.description,
            "handle": group.handle,
            "is_external": False,
            "date_create": group.date_create,
            "date_update": group.date_update,
            "date_delete": 0,
            "auto_type": None,
            "created_by": "U0SUN",
            "updated_by": "U0SUN",
            "deleted_by": None,
            "prefs": {"channels": [], "groups": []},
            "user_count": len(group.members),
        }
        if members:
            result["users"] = list(group.members)
        return result

    def channel_json(self, channel: Channel, viewer: str | None = None) -> Json:
        if channel.is_im:
            other = next((m for m in channel.members if m != (viewer or self.bot_user_id)), viewer or self.bot_user_id)
            return {
                "id": channel.id,
                "created": channel.created,
                "is_im": True,
                "is_org_shared": False,
                "is_archived": False,
                "user": other,
                "is_user_deleted": self.people[other].deleted,
                "context_team_id": TEAM_ID,
            }
        return {
            "id": channel.id,
            "name": channel.name,
            "name_normalized": channel.name,
            "is_channel": not channel.is_private,
            "is_group": channel.is_private and not channel.is_mpim,
            "is_im": False,
            "is_mpim": channel.is_mpim,
            "is_private": channel.is_private,
            "created": channel.created,
            "creator": channel.creator,
            "is_archived": channel.is_archived,
            "is_general": channel.is_general,
            "is_shared": False,
            "is_ext_shared": False,
            "is_org_shared": False,
            "is_member": (viewer or self.bot_user_id) in channel.members,
            "context_team_id": TEAM_ID,
            "topic": {"value": channel.topic, "creator": channel.creator if channel.topic else "", "last_set": 0},
            "purpose": {"value": channel.purpose, "creator": channel.creator if channel.purpose else "", "last_set": 0},
            "previous_names": list(channel.previous_names),
        }

    def message_json(self, message: Message, metadata: bool = False) -> Json:  # noqa: C901 - field by field
        result: Json = {
            "type": "message",
            "ts": message.ts,
            "user": message.user,
            "text": message.text,
            "team": TEAM_ID,
        }
        for key in ("subtype", "bot_id", "username", "edited", "client_msg_id", "inviter", "thread_ts"):
            if (value := getattr(message, key)) is not None:
                result[key] = value
        if message.bot_id:
            result["app_id"] = APP_ID
            result["bot_profile"] = {"id": BOT_ID, "app_id": APP_ID, "name": self.manifest.bot_name, "team_id": TEAM_ID}
        if message.icon_emoji:
            result["icons"] = {"emoji": message.icon_emoji}
        if message.blocks:
            result["blocks"] = message.blocks
        if message.attachments:
            result["attachments"] = message.attachments
        if message.reactions:
            result["reactions"] = message.reactions
        if message.files:
            result["files"] = [self.file_json(self.files[f]) for f in message.files]
        if message.ephemeral_to:
            result["is_ephemeral"] = True
        if message.replies:
            result |= {
                "reply_count": len(message.replies),
                "reply_users": message.reply_users,
                "reply_users_count": len(message.reply_users),
                "latest_reply": message.replies[-1],
            }
        elif message.thread_ts and message.thread_ts != message.ts:
            first = self.messages[message.channel].get(message.thread_ts)
            result["parent_user_id"] = first.user if first else ""
        if metadata and message.metadata is not None:
            result["metadata"] = message.metadata
        return result

    def may_see_file(self, user_id: str, file: File) -> bool:
        """Whoever has uploaded it, and who may read where it was shared. A file given to a form is shared nowhere."""
        shared = [self.channels[each] for each in file.channels if each in self.channels]
        return file.user == user_id or any(c.type == "channel" or user_id in c.members for c in shared)

    def file_json(self, file: File) -> Json:
        kind = file.name.rsplit(".", 1)[-1].lower() if "." in file.name else "text"
        return {
            "id": file.id,
            "created": file.created,
            "timestamp": file.created,
            "name": file.name,
            "title": file.title,
            "mimetype": file.mimetype,
            "filetype": kind,
            "pretty_type": kind.upper(),
            "user": file.user,
            "user_team": TEAM_ID,
            "size": file.size,
            "mode": "hosted",
            "is_external": False,
            "is_public": False,
            "url_private": f"{self.address}/files-pri/{file.id}/{quote(file.name)}",
            "url_private_download": f"{self.address}/files-pri/{file.id}/download/{quote(file.name)}",
            "permalink": f"{self.address}/files/{file.id}/{file.name}",
            "channels": list(file.channels),
        }

    def view_json(self, view: View) -> Json:
        definition = view.definition
        return {
            "id": view.id,
            "team_id": TEAM_ID,
            "type": view.type,
            "blocks": definition.get("blocks", []),
            "private_metadata": definition.get("private_metadata", ""),
            "callback_id": definition.get("callback_id", ""),
            "state": {"values": view.values},
            "hash": view.hash,
            "title": definition.get("title") or {"type": "plain_text", "text": "View Title", "emoji": True},
            "clear_on_close": bool(definition.get("clear_on_close", False)),
            "notify_on_close": bool(definition.get("notify_on_close", False)),
            "close": definition.get("close"),
            "submit": definition.get("submit"),
            "previous_view_id": view.previous_view_id,
            "root_view_id": view.root_view_id,
            "app_id": APP_ID,
            "external_id": definition.get("external_id", ""),
            "app_installed_team_id": TEAM_ID,
            "bot_id": BOT_ID,
        }

    address: str = "http://127.0.0.1:8970"  # where this sandbox is reached; set when it starts


def bot_user_id(manifest: Manifest) -> str:
    return "U0" + (re.sub(r"[^A-Z0-9]", "", manifest.bot_name.upper()) or "BOT")[:12]


def new_id(kind: str) -> str:
    """C… for a channel, V… for a view and so on; never the same twice, also after a reset."""
    return f"{kind}0{secrets.token_hex(5).upper()}"


def new_hash(now: float) -> str:
    return f"{int(now)}.{secrets.token_hex(4)}"


def inputs(definition: Json) -> Iterable[tuple[Json, Json]]:
    """(block, element) for each element of a view that has a state: in input, actions and section blocks."""
    for block in definition.get("blocks", []):
        kind = block.get("type")
        if kind == "input":
            yield block, block.get("element", {})
        elif kind in {"actions", "context_actions"}:
            for element in block.get("elements", []):
                if element.get("type") in STATEFUL:
                    yield block, element
        elif kind == "section" and (block.get("accessory") or {}).get("type") in STATEFUL:
            yield block, block["accessory"]


STATEFUL = {
    "plain_text_input", "email_text_input", "url_text_input", "number_input", "rich_text_input", "file_input",
    "checkboxes", "radio_buttons", "datepicker", "timepicker", "datetimepicker",
    "static_select", "external_select", "users_select", "conversations_select", "channels_select",
    "multi_static_select", "multi_external_select", "multi_users_select", "multi_conversations_select",
    "multi_channels_select",
}  # fmt: skip

# element type -> (key of its state, key of its initial value, state when it is empty)
STATE_KEYS: dict[str, tuple[str, str, Any]] = {
    "plain_text_input": ("value", "initial_value", None),
    "email_text_input": ("value", "initial_value", None),
    "url_text_input": ("value", "initial_value", None),
    "number_input": ("value", "initial_value", None),
    "rich_text_input": ("rich_text_value", "initial_value", None),
    "file_input": ("files", "", []),
    "checkboxes": ("selected_options", "initial_options", []),
    "radio_buttons": ("selected_option", "initial_option", None),
    "datepicker": ("selected_date", "initial_date", None),
    "timepicker": ("selected_time", "initial_time", None),
    "datetimepicker": ("selected_date_time", "initial_date_time", None),
    "static_select": ("selected_option", "initial_option", None),
    "external_select": ("selected_option", "initial_option", None),
    "users_select": ("selected_user", "initial_user", None),
    "conversations_select": ("selected_conversation", "initial_conversation", None),
    "channels_select": ("selected_channel", "initial_channel", None),
    "multi_static_select": ("selected_options", "initial_options", []),
    "multi_external_select": ("selected_options", "initial_options", []),
    "multi_users_select": ("selected_users", "initial_users", []),
    "multi_conversations_select": ("selected_conversations", "initial_conversations", []),
    "multi_channels_select": ("selected_channels", "initial_channels", []),
}


def initial_values(definition: Json, typed: dict[str, dict[str, Json]]) -> dict[str, dict[str, Json]]:
    """The state a view begins with: what was typed into the same block and action, else the initial value."""
    values: dict[str, dict[str, Json]] = {}
    for block, element in inputs(definition):
        kind, block_id, action_id = element.get("type", ""), block.get("block_id", ""), element.get("action_id", "")
        kept = typed.get(block_id, {}).get(action_id)
        if kept is not None and kept.get("type") == kind:
            values.setdefault(block_id, {})[action_id] = kept
            continue
        key, initial, empty = STATE_KEYS[kind]
        start = element.get(initial, empty) if initial else list(empty)
        state: Json = {"type": kind, key: start}
        if kind == "timepicker" and element.get("timezone"):
            state["timezone"] = element["timezone"]
        values.setdefault(block_id, {})[action_id] = state
    return values

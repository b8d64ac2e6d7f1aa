"""Who looks: the person one acts as, their language and their clock."""

import colorsys
import re
import zlib
from dataclasses import dataclass
from urllib.parse import quote

from markupsafe import Markup

from sandbox.page.icons import icon
from sandbox.page.markup import tag
from sandbox.page.words import say
from sandbox.workspace import Channel, File, Message, Person, Workspace

CALL = re.compile(
    r"<@([A-Z0-9]+)|<!(here|channel|everyone)\b|<!subteam\^([A-Z0-9]+)|'user(?:group)?_id': '([A-Z0-9]+)'"
)
EVERYBODY = {"here", "channel", "everyone"}
REMEMBERED = 20_000


@dataclass(frozen=True)
class Viewer:
    workspace: Workspace
    person: Person

    @property
    def id(self) -> str:
        return self.person.id

    @property
    def language(self) -> str:
        return "zh" if self.person.locale.lower().startswith("zh") else "en"

    @property
    def tz(self) -> str:
        return self.person.tz

    @property
    def now(self) -> float:
        return self.workspace.now()

    def say(self, key: str, **values: object) -> str:
        return say(self.language, key, **values)

    def name_of(self, user_id: str) -> str:
        person = self.workspace.people.get(user_id)
        return person.real_name if person else user_id

    def title_of(self, channel: Channel) -> str:
        """How the person calls the channel: its name, or whom they talk to."""
        if not (channel.is_im or channel.is_mpim):
            return channel.name
        others = [m for m in channel.members if m != self.id] or [self.id]
        return ", ".join(self.name_of(m) for m in others)

    def address_of(self, file: File) -> str:
        """Where the person reads a file; who looks stands in it, since the browser is everybody's."""
        return f"/files/{file.id}/{quote(file.name)}?as={self.id}"

    def may_see(self, channel: Channel) -> bool:
        return channel.type == "channel" or self.id in channel.members

    def mentions(self, message: Message) -> bool:
        """Whether the message calls this person: by name, by group, or everybody."""
        if message.user == self.id or message.subtype is not None:
            return False
        called = _called(message)
        if self.id in called or called & EVERYBODY:
            return True
        return any(g.id in called for g in self.workspace.groups.values() if self.id in g.members)

    def unread(self, channel: Channel) -> int:
        return self.workspace.unread(self.id, channel.id)

    def calls(self, channel: Channel) -> int:
        """Unread messages that call the person; each one does in a direct message."""
        unread = self.unread(channel)
        if not unread or channel.is_im or channel.is_mpim:
            return unread
        since = self.workspace.reads.get(self.id, {}).get(channel.id, "")
        count = 0
        for message in reversed(self.workspace.messages.get(channel.id, {}).values()):
            if message.ts <= since:
                break
            count += self.mentions(message)
        return count


_calls: dict[tuple[str, str, str], frozenset[str]] = {}


def _called(message: Message) -> frozenset[str]:
    """Who is named in the message; remembered, since everybody's unread marks ask again and again."""
    key = (message.channel, message.ts, str(message.edited or ""))
    known = _calls.get(key)
    if known is None:
        if len(_calls) > REMEMBERED:
            _calls.clear()
        found = CALL.findall(f"{message.text} {message.blocks or ''}")
        known = _calls[key] = frozenset(part for parts in found for part in parts if part)
    return known


def initials(person: Person) -> str:
    if han := re.search(r"[\u4e00-\u9fff]", person.real_name):
        return han[0]
    words = person.real_name.split()
    return "".join(w[0] for w in words[:2]).upper() if words else person.name[:1].upper()


def colour(person: Person) -> str:
    """Each person's own, dark enough for white letters."""
    hue = zlib.crc32(person.id.encode()) % 360 / 360
    red, green, blue = colorsys.hls_to_rgb(hue, 0.36, 0.42)
    return f"#{int(red * 255):02x}{int(green * 255):02x}{int(blue * 255):02x}"


def avatar(person: Person, size: str = "") -> Markup:
    if person.is_bot:
        return tag("span", icon("bolt"), class_=f"avatar bot {size}", aria_hidden="true")
    return tag(
        "span", initials(person), class_=f"avatar {size}", style=f"background:{colour(person)}", aria_hidden="true"
    )

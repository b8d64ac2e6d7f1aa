"""Who looks: the person one acts as, their language and their clock."""

import colorsys
import zlib
from dataclasses import dataclass

from markupsafe import Markup

from sandbox.page.markup import tag
from sandbox.page.words import say
from sandbox.workspace import Channel, Message, Person, Workspace


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

    def may_see(self, channel: Channel) -> bool:
        return channel.type == "channel" or self.id in channel.members

    def mentions(self, message: Message) -> bool:
        """Whether the message calls this person: by name, by group, or everybody."""
        if message.user == self.id or message.subtype is not None:
            return False
        text = f"{message.text}{message.blocks or ''}"
        if f"<@{self.id}" in text or "<!here" in text or "<!channel" in text or "<!everyone" in text:
            return True
        if f"'user_id': '{self.id}'" in text:
            return True
        return "<!subteam^" in text and any(
            f"<!subteam^{g.id}" in text for g in self.workspace.groups.values() if self.id in g.members
        )

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


def initials(person: Person) -> str:
    words = person.real_name.split()
    return "".join(w[0] for w in words[:2]).upper() if words else person.name[:1].upper()


def colour(person: Person) -> str:
    """Each person's own, dark enough for white letters."""
    hue = zlib.crc32(person.id.encode()) % 360 / 360
    red, green, blue = colorsys.hls_to_rgb(hue, 0.36, 0.42)
    return f"#{int(red * 255):02x}{int(green * 255):02x}{int(blue * 255):02x}"


def avatar(person: Person, size: str = "") -> Markup:
    if person.is_bot:
        return tag("span", "⚡", class_=f"avatar bot {size}", aria_hidden="true")
    return tag(
        "span", initials(person), class_=f"avatar {size}", style=f"background:{colour(person)}", aria_hidden="true"
    )

"""One Web API call: its arguments as Slack reads them, and the checks that many methods share."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.errors import SlackError
from sandbox.workspace import Channel, Json, Workspace

TIER_1, TIER_2, TIER_3, TIER_4 = 1, 20, 50, 100  # calls a minute
SPECIAL = 300


@dataclass
class Call:
    """`args` as they came: JSON values, or strings when the body was a form."""

    workspace: Workspace
    method: str
    args: Json
    new_ticket: Callable[[], str]

    def text(self, name: str, default: str = "") -> str:
        value = self.args.get(name)
        if value is None:
            return default
        if isinstance(value, str):
            return value
        if isinstance(value, bool | dict | list):
            raise invalid_arguments(f"must be a string [json-pointer:/{name}]")
        return str(value)

    def required(self, name: str) -> str:
        value = self.text(name)
        if not value:
            raise invalid_arguments(f"missing required field: {name}")
        return value

    def given(self, name: str) -> bool:
        return self.args.get(name) is not None

    def flag(self, name: str, default: bool = False) -> bool:
        value = self.args.get(name)
        if value is None or value == "":
            return default
        return value is True or str(value).lower() in {"1", "true"}

    def number(self, name: str, default: int) -> int:
        value = self.args.get(name)
        if value is None or value == "":
            return default
        try:
            return int(value)
        except (TypeError, ValueError):
            raise invalid_arguments(f"must be a number [json-pointer:/{name}]") from None

    def names(self, name: str) -> list[str]:
        """A comma-separated list, or a JSON one."""
        value = self.args.get(name)
        if value is None:
            return []
        if isinstance(value, str) and value.startswith("["):
            try:
                value = json.loads(value)
            except ValueError:
                raise invalid_arguments(f"must be a list [json-pointer:/{name}]") from None
        if isinstance(value, str):
            value = value.split(",")
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            raise invalid_arguments(f"must be a list of strings [json-pointer:/{name}]")
        return [v.strip() for v in value if v.strip()]

    def structure(self, name: str, kind: type, error: str = "invalid_arguments") -> Any:
        """A JSON value that may have travelled as a string; None when it was not given."""
        value = self.args.get(name)
        if value is None or value == "":
            return None
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except ValueError:
                raise SlackError(error) from None
        if not isinstance(value, kind):
            raise SlackError(error)
        return value

    def need(self, *scopes: str) -> None:
        """Any one of them is enough."""
        granted = self.workspace.manifest.scopes
        if scopes and not granted.intersection(scopes):
            raise SlackError("missing_scope", needed=scopes[0], provided=",".join(sorted(granted)))

    def need_for(self, channel: Channel, verb: str) -> None:
        """The scope `<kind of the channel>:<verb>`, as in channels:history or groups:read."""
        family = {"channel": "channels", "group": "groups", "im": "im", "mpim": "mpim"}[channel.type]
        self.need(f"{family}:{verb}")

    def need_to_manage(self, channel: Channel, narrow: str = "") -> None:
        """channels:manage or groups:write; the narrow ones (channels:write.invites) will do too."""
        if channel.is_private:
            self.need("groups:write", *([f"groups:write.{narrow}"] if narrow else []))
        else:
            self.need("channels:manage", *([f"channels:write.{narrow}"] if narrow else []))

    def channel(self, name: str = "channel") -> Channel:
        """By id. A private channel that the bot is not in does not exist for it."""
        channel = self.workspace.channels.get(self.required(name))
        if channel is None or (channel.type != "channel" and not self.is_member(channel)):
            raise SlackError("channel_not_found")
        return channel

    def is_member(self, channel: Channel) -> bool:
        return self.workspace.bot_user_id in channel.members

    def joined(self, channel: Channel) -> Channel:
        if not self.is_member(channel):
            raise SlackError("not_in_channel")
        return channel

    @property
    def bot(self) -> str:
        return self.workspace.bot_user_id


@dataclass(frozen=True)
class Method:
    run: Callable[[Call], Json]
    tier: int
    scopes: tuple[str, ...] = ()  # any one of them
    app_token: bool = False
    anonymous: bool = False


def invalid_arguments(*messages: str) -> SlackError:
    return SlackError("invalid_arguments", response_metadata={"messages": [f"[ERROR] {m}" for m in messages]})


def page(call: Call, items: list[Any], default: int, most: int) -> tuple[list[Any], Json]:
    """A page of a list, and the response_metadata that leads to the next one."""
    limit = call.number("limit", default) or default
    if limit < 1 or limit > most:
        raise SlackError("invalid_limit")
    cursor, start = call.text("cursor"), 0
    if cursor:
        if not cursor.startswith("from:") or not cursor[5:].isdigit():
            raise SlackError("invalid_cursor")
        start = int(cursor[5:])
    following = f"from:{start + limit}" if start + limit < len(items) else ""
    return items[start : start + limit], {"next_cursor": following}

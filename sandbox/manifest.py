"""Reads the app's manifest.yml as Slack does at installation: scopes, commands, shortcuts, events, Home tab."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

MESSAGE_EVENTS = {
    "message.channels": "channels:history",
    "message.groups": "groups:history",
    "message.im": "im:history",
    "message.mpim": "mpim:history",
}
# Any one of the scopes is enough; an empty tuple needs none.
EVENT_SCOPES: dict[str, tuple[str, ...]] = {
    **{event: (scope,) for event, scope in MESSAGE_EVENTS.items()},
    "app_home_opened": (),
    "app_mention": ("app_mentions:read",),
    "app_uninstalled": (),
    "tokens_revoked": (),
    "function_executed": (),
    "channel_archive": ("channels:read",),
    "channel_created": ("channels:read",),
    "channel_deleted": ("channels:read",),
    "channel_left": ("channels:read",),
    "channel_rename": ("channels:read",),
    "channel_unarchive": ("channels:read",),
    "group_archive": ("groups:read",),
    "group_left": ("groups:read",),
    "group_rename": ("groups:read",),
    "group_unarchive": ("groups:read",),
    "member_joined_channel": ("channels:read", "groups:read"),
    "member_left_channel": ("channels:read", "groups:read"),
    "reaction_added": ("reactions:read",),
    "reaction_removed": ("reactions:read",),
    "pin_added": ("pins:read",),
    "pin_removed": ("pins:read",),
    "file_shared": ("files:read",),
    "subteam_created": ("usergroups:read",),
    "subteam_updated": ("usergroups:read",),
    "subteam_members_changed": ("usergroups:read",),
    "team_join": ("users:read",),
    "user_change": ("users:read",),
    "user_profile_changed": ("users:read",),
    "link_shared": ("links:read",),
    "message_metadata_posted": ("metadata.message:read",),
}

TOP = {"$schema", "_metadata", "app_directory", "display_information", "features", "oauth_config", "settings",
       "functions", "workflows", "datastores", "outgoing_domains", "types",
       "external_auth_providers", "mcp_servers"}  # fmt: skip
FEATURES = {"app_home", "bot_user", "functions", "shortcuts", "slash_commands", "workflow_steps", "unfurl_domains",
            "assistant_view", "agent_view"}  # fmt: skip
SETTINGS = {"allowed_ip_address_ranges", "event_subscriptions", "incoming_webhooks", "interactivity",
            "org_deploy_enabled", "socket_mode_enabled", "is_hosted", "token_rotation_enabled", "siws_links",
            "hermes_app_type", "function_runtime", "is_mcp_enabled"}  # fmt: skip


class WrongManifest(Exception):  # noqa: N818 - reads as what it is
    """The manifest cannot be installed; the text says why, a line for each reason."""


@dataclass(frozen=True)
class Command:
    command: str
    description: str
    usage_hint: str = ""
    should_escape: bool = False


@dataclass(frozen=True)
class Shortcut:
    name: str
    type: str
    callback_id: str
    description: str


@dataclass(frozen=True)
class Manifest:
    """What the app declared."""

    name: str
    bot_name: str
    scopes: frozenset[str] = frozenset()
    events: frozenset[str] = frozenset()
    commands: dict[str, Command] = field(default_factory=dict)
    shortcuts: dict[str, Shortcut] = field(default_factory=dict)
    interactivity: bool = False
    home_tab: bool = False
    messages_tab: bool = False
    messages_tab_read_only: bool = False
    socket_mode: bool = False


def read(path: Path) -> Manifest:
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as e:
        raise WrongManifest(f"The manifest {path} cannot be read: {e.strerror}.") from e
    except (yaml.YAMLError, UnicodeDecodeError) as e:
        raise WrongManifest(f"The manifest {path} is not YAML: {e}") from e
    if wrong := mistakes(data):
        raise WrongManifest(f"The manifest {path} cannot be installed:\n" + "\n".join(f"  {line}" for line in wrong))
    return parse(data)


def parse(data: dict[str, Any]) -> Manifest:
    features, settings = data.get("features") or {}, data.get("settings") or {}
    home, bot = features.get("app_home") or {}, features.get("bot_user") or {}
    interactivity = settings.get("interactivity") or {}
    scopes = (data.get("oauth_config") or {}).get("scopes") or {}
    name = data["display_information"]["name"]
    return Manifest(
        name=name,
        bot_name=bot.get("display_name", name),
        scopes=frozenset([*(scopes.get("bot") or []), *(scopes.get("bot_optional") or [])]),
        events=frozenset((settings.get("event_subscriptions") or {}).get("bot_events") or []),
        commands={
            c["command"]: Command(
                c["command"], c["description"], c.get("usage_hint") or "", bool(c.get("should_escape", False))
            )
            for c in features.get("slash_commands") or []
        },
        shortcuts={
            s["callback_id"]: Shortcut(s["name"], s["type"], s["callback_id"], s["description"])
            for s in features.get("shortcuts") or []
        },
        interactivity=bool(interactivity.get("is_enabled", False)),
        home_tab=bool(home.get("home_tab_enabled", False)),
        messages_tab=bool(home.get("messages_tab_enabled", False)),
        messages_tab_read_only=bool(home.get("messages_tab_read_only_enabled", False)),
        socket_mode=bool(settings.get("socket_mode_enabled", False)),
    )


def mistakes(data: Any) -> list[str]:  # noqa: C901, PLR0912, PLR0915 - a list of rules, read from top to bottom
    """What Slack's manifest schema 2.0.0 refuses, as sentences; empty when it can be installed."""
    if not isinstance(data, dict):
        return ["it is not a mapping"]
    wrong: list[str] = []

    def strange(where: str, value: dict[str, Any], known: set[str]) -> None:
        wrong.extend(f"{where}{key} is not known to Slack" for key in value if key not in known)

    def length(where: str, value: Any, low: int, high: int) -> None:
        if value is not None and not (isinstance(value, str) and low <= len(value) <= high):
            wrong.append(f"{where} must be a text of {low} to {high} characters")

    def required(where: str, value: dict[str, Any], *keys: str) -> None:
        wrong.extend(f"{where}.{key} is required" for key in keys if value.get(key) is None)

    def mapping(where: str, value: Any) -> dict[str, Any]:
        if value is not None and not isinstance(value, dict):
            wrong.append(f"{where} must be a mapping")
        return value if isinstance(value, dict) else {}

    def entries(where: str, value: Any, kind: type, what: str) -> list[Any]:
        """The entries that are of the right kind; with a place for the others, so that the numbers stay right."""
        if value is not None and not isinstance(value, list):
            wrong.append(f"{where} must be a list")
        listed = value if isinstance(value, list) else []
        wrong.extend(f"{where}[{i}] must be {what}" for i, each in enumerate(listed) if not isinstance(each, kind))
        return [each if isinstance(each, kind) else None for each in listed]

    def yes_or_no(where: str, value: dict[str, Any], *keys: str) -> None:
        wrong.extend(
            f"{where}.{key} must be true or false"
            for key in keys
            if value.get(key) is not None and not isinstance(value[key], bool)
        )

    def address(where: str, value: Any) -> None:
        if value is not None and not (isinstance(value, str) and value.startswith(("http://", "https://"))):
            wrong.append(f"{where} must be an address that begins with http:// or https://")

    strange("", data, TOP)
    about = mapping("display_information", data.get("display_information"))
    required("display_information", about, "name")
    strange("display_information.", about, {"name", "description", "background_color", "long_description"})
    length("display_information.name", about.get("name"), 1, 35)
    length("display_information.description", about.get("description"), 1, 140)
    length("display_information.long_description", about.get("long_description"), 175, 4000)
    colour = about.get("background_color")
    if colour is not None and not re.fullmatch("#[0-9a-fA-F]{3}([0-9a-fA-F]{3})?", str(colour)):
        wrong.append("display_information.background_color must look like #1a2b3c")

    features = mapping("features", data.get("features"))
    strange("features.", features, FEATURES)
    home = mapping("features.app_home", features.get("app_home"))
    tabs = ("home_tab_enabled", "messages_tab_enabled", "messages_tab_read_only_enabled")
    strange("features.app_home.", home, set(tabs))
    yes_or_no("features.app_home", home, *tabs)
    bot = features.get("bot_user")
    mapping("features.bot_user", bot)
    if isinstance(bot, dict):
        required("features.bot_user", bot, "display_name")
        strange("features.bot_user.", bot, {"display_name", "always_online"})
        length("features.bot_user.display_name", bot.get("display_name"), 1, 80)
        yes_or_no("features.bot_user", bot, "always_online")
    commands = entries("features.slash_commands", features.get("slash_commands"), dict, "a mapping")
    if len(commands) > 50:
        wrong.append("features.slash_commands may have 50 entries")
    for i, command in enumerate(commands):
        if command is None:
            continue
        where = f"features.slash_commands[{i}]"
        required(where, command, "command", "description")
        strange(f"{where}.", command, {"command", "url", "description", "usage_hint", "should_escape"})
        length(f"{where}.command", command.get("command"), 2, 32)
        length(f"{where}.description", command.get("description"), 1, 2000)
        length(f"{where}.usage_hint", command.get("usage_hint"), 1, 1000)
        if not str(command.get("command", "/")).startswith("/"):
            wrong.append(f"{where}.command must begin with /")
        yes_or_no(where, command, "should_escape")
    shortcuts = entries("features.shortcuts", features.get("shortcuts"), dict, "a mapping")
    wrong.extend(
        f"features.shortcuts may have 5 entries of type {kind}"
        for kind in ("global", "message")
        if sum(s is not None and s.get("type") == kind for s in shortcuts) > 5
    )
    for i, shortcut in enumerate(shortcuts):
        if shortcut is None:
            continue
        where = f"features.shortcuts[{i}]"
        required(where, shortcut, "name", "type", "callback_id", "description")
        strange(f"{where}.", shortcut, {"name", "type", "callback_id", "description"})
        length(f"{where}.name", shortcut.get("name"), 1, 24)
        length(f"{where}.callback_id", shortcut.get("callback_id"), 1, 255)
        length(f"{where}.description", shortcut.get("description"), 1, 150)
        if shortcut.get("type") not in ("message", "global"):
            wrong.append(f"{where}.type must be message or global")

    oauth = mapping("oauth_config", data.get("oauth_config"))
    scopes = mapping("oauth_config.scopes", oauth.get("scopes"))
    strange("oauth_config.scopes.", scopes, {"user", "bot", "user_optional", "bot_optional"})
    bot_scopes = [
        scope
        for key in ("bot", "bot_optional")
        for scope in entries(f"oauth_config.scopes.{key}", scopes.get(key), str, "the name of a scope")
        if scope is not None
    ]
    wrong.extend(f"oauth_config.scopes: {s!r} is not a scope" for s in bot_scopes if not re.fullmatch(r"[a-z._:]+", s))
    if bot_scopes and bot is None:
        wrong.append("bot scopes need features.bot_user")

    settings = mapping("settings", data.get("settings"))
    strange("settings.", settings, SETTINGS)
    yes_or_no("settings", settings, "socket_mode_enabled", "org_deploy_enabled", "token_rotation_enabled")
    subscriptions = mapping("settings.event_subscriptions", settings.get("event_subscriptions"))
    strange("settings.event_subscriptions.", subscriptions,
            {"request_url", "user_events", "bot_events", "metadata_subscriptions"})  # fmt: skip
    listed = subscriptions.get("bot_events")
    where = "settings.event_subscriptions.bot_events"
    events = [event for event in entries(where, listed, str, "the name of an event") if event is not None]
    if len(events) > 100 or len(set(events)) < len(events):
        wrong.append("settings.event_subscriptions.bot_events may have 100 entries, each once")
    wrong.extend(
        f"settings.event_subscriptions.bot_events: {event} is not an event the sandbox knows"
        for event in events
        if event not in EVENT_SCOPES
    )
    interactivity = settings.get("interactivity")
    mapping("settings.interactivity", interactivity)
    if isinstance(interactivity, dict):
        required("settings.interactivity", interactivity, "is_enabled")
        yes_or_no("settings.interactivity", interactivity, "is_enabled")
        for key in ("request_url", "message_menu_options_url"):
            address(f"settings.interactivity.{key}", interactivity.get(key))
        strange("settings.interactivity.", interactivity, {"is_enabled", "request_url", "message_menu_options_url"})
    return wrong

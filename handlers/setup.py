"""What must be right outside of the bot: tokens, scopes, groups and channels in Slack, in plain sentences."""

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError

import yaml
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.procedure import Procedure
from bot.settings import WrongSetup
from handlers.desk import Identity

MANIFEST = Path(__file__).parent.parent / "manifest.yml"

ASKED_AFTER_S = 10

MENDS = {
    "invalid_auth": "Slack does not know SLACK_BOT_TOKEN: copy it again (Slack: OAuth & Permissions).",
    "not_authed": "Slack does not know SLACK_BOT_TOKEN: copy it again (Slack: OAuth & Permissions).",
    "account_inactive": "The app was removed from the workspace: install it again, and copy the new SLACK_BOT_TOKEN.",
    "token_revoked": "SLACK_BOT_TOKEN was revoked: install the app again, and copy the new one.",
    "token_expired": "SLACK_BOT_TOKEN has expired: turn token rotation off in the manifest and install the app again.",
    "not_allowed_token_type": "SLACK_BOT_TOKEN is not a bot token: it begins with xoxb- (Slack: OAuth & Permissions).",
}


def identify(client: WebClient) -> Identity:
    """Who the bot is.

    Raises WrongSetup when Slack refuses the token, OSError or URLError when Slack can't be reached.
    """
    try:
        answer = client.auth_test()
    except SlackApiError as error:
        word = str(error.response.get("error") or "")
        if word in MENDS:
            raise WrongSetup(MENDS[word]) from None
        if not word or " " in word:  # words of Slack's have no spaces: somebody's page
            raise URLError(f"what answers there, with HTTP {error.response.status_code}, is not Slack") from None
        raise URLError(word) from None  # Slack's own trouble: it passes
    return Identity(str(answer["user_id"]), str(answer["bot_id"]), str(answer["team_id"]), str(answer.get("url") or ""))


class Reach:
    """Whether Slack takes the bot's calls; asked every ten seconds at most, however often somebody looks."""

    def __init__(self, client: WebClient, seconds: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._seconds = seconds
        self._asking = threading.Lock()
        self._asked_at: float | None = None
        self._why_not: str | None = None

    def why_not(self) -> str | None:
        """A sentence when it does not."""
        with self._asking:
            if self._asked_at is None or self._seconds() - self._asked_at >= ASKED_AFTER_S:
                self._why_not = self._ask()
                self._asked_at = self._seconds()
            return self._why_not

    def _ask(self) -> str | None:
        try:
            self._client.auth_test()
        except SlackApiError as error:
            if error.response.status_code == 429:  # busy, but there
                return None
            return f"Slack refuses the bot ({error.response.get('error')}): run `python -m bot check`"
        except (OSError, http.client.HTTPException) as error:
            return f"Slack can't be reached ({type(error).__name__})"
        return None


def complaints(client: WebClient, app_token: str | None, procedure: Procedure) -> Iterator[str]:
    """What is wrong in Slack, a sentence each. Raises like `identify`."""
    identify(client)
    yield from missing_scopes(client)
    if app_token:
        yield from _socket(client, app_token)
    yield from gaps(client, procedure)


def gaps(client: WebClient, procedure: Procedure) -> Iterator[str]:
    """What the procedure names and Slack does not have: it can be made while the bot runs."""
    yield from _groups(client, procedure)
    try:
        yield from _channels(client, procedure)
    except SlackApiError as error:
        yield f"Channels can't be looked for ({error.response['error']}): mend that, and check again."


def missing_scopes(client: WebClient) -> Iterator[str]:
    """Without one of its scopes the bot would fail somewhere later, in front of people."""
    granted = {scope.strip() for scope in str(_header(client.auth_test(), "x-oauth-scopes")).split(",")}
    needed = set(yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))["oauth_config"]["scopes"]["bot"])
    if missing := sorted(needed - granted):
        yield (
            f"The app lacks the scopes {', '.join(missing)}: paste manifest.yml into the app's manifest "
            "(Slack: App Manifest) and install the app again."
        )


def _socket(client: WebClient, app_token: str) -> Iterator[str]:
    try:
        client.apps_connections_open(app_token=app_token)
    except SlackApiError as error:
        yield no_socket_mode(str(error.response["error"]))


def no_socket_mode(word: str) -> str:
    """What to do when Slack refuses the app-level token with this word."""
    return (
        f"Socket Mode can't be used ({word}): make an app-level token with connections:write "
        "(Slack: Basic Information) and set SLACK_APP_TOKEN."
    )


def _groups(client: WebClient, procedure: Procedure) -> Iterator[str]:
    try:
        groups = {group["handle"]: group for group in client.usergroups_list(include_users=True)["usergroups"]}
    except SlackApiError as error:
        yield f"User groups can't be read ({error.response['error']}): write people's ids into the procedure instead."
        return
    for handle in sorted(procedure.groups):
        if handle not in groups:
            yield (
                f"The procedure names the user group @{handle}, which does not exist: create it in Slack, "
                "or write another group or people's ids into the procedure file."
            )
        elif not groups[handle].get("users"):
            yield f"Nobody is in the user group @{handle}: nobody would be told."


def _channels(client: WebClient, procedure: Procedure) -> Iterator[str]:
    named = {
        procedure.channels.announcements: "announces incidents",
        procedure.channels.reviews: "has the postmortems",
    }
    by_name = {name: what for name, what in named.items() if name.startswith("#")}
    found: set[str] = set()
    if by_name:
        for page in client.conversations_list(types="public_channel", exclude_archived=True, limit=500):
            found |= {f"#{channel['name']}" for channel in page["channels"]}
    for name, what in by_name.items():
        if name not in found:
            yield f"The procedure {what} in {name}, which does not exist: create the channel, or name another one."
    for channel_id, what in named.items():
        if channel_id not in by_name and (why_not := _out_of_reach(client, channel_id)):
            yield f"The procedure {what} in {channel_id}, {why_not}"


def _out_of_reach(client: WebClient, channel_id: str) -> str:
    """Why the bot can't speak in a channel, and what to do; nothing when it can, or can join."""
    try:
        channel = client.conversations_info(channel=channel_id)["channel"]
    except SlackApiError as error:
        if error.response["error"] != "channel_not_found":
            raise
        return "which the bot does not see: correct the id, or invite the bot if the channel is private."
    if channel.get("is_archived"):
        return "which is archived: name another channel."
    if channel.get("is_private") and not channel.get("is_member"):
        return "which is private: invite the bot into it."
    return ""


def _header(answer: Any, name: str) -> str:
    return next((str(value) for key, value in answer.headers.items() if key.lower() == name), "")

"""Slack's Web API: whoever waits for its answer lets others work meanwhile."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from slack_sdk import WebClient
from slack_sdk.web import SlackResponse


class Slack(WebClient):
    """`meanwhile` is entered for as long as a call takes."""

    def __init__(self, like: WebClient, meanwhile: Callable[[], AbstractContextManager[None]]) -> None:
        super().__init__(like.token, like.base_url, like.timeout, ssl=like.ssl, proxy=like.proxy, retry_handlers=[])
        self._meanwhile = meanwhile

    def api_call(self, api_method: str, **how: Any) -> SlackResponse:
        """Like `WebClient.api_call`."""
        with self._meanwhile():
            return super().api_call(api_method, **how)

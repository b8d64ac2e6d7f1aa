"""What Slack answers when it refuses."""

from typing import Any


class SlackError(Exception):
    """A refusal with Slack's own error code; `extra` goes into the answer beside it."""

    def __init__(self, error: str, **extra: Any) -> None:
        super().__init__(error)
        self.error = error
        self.extra = extra

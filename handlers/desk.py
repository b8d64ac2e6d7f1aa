"""What lies on everybody's desk: each listener, errand and drawing gets this one thing handed in."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from slack_sdk import WebClient
from slack_sdk.models.blocks import Block

from bot.incident import Person
from bot.procedure import Procedure
from bot.procedure_file import ProcedureFile
from bot.scripts import Scripts
from bot.wording import Wording, Wordings
from handlers.blocks import Json
from storage.db import Database


@dataclass(frozen=True)
class Identity:
    """Who the bot is in this workspace (Slack's auth.test)."""

    user_id: str
    bot_id: str
    team_id: str
    url: str = ""  # of the workspace: the addresses of its messages begin with it


@dataclass(frozen=True)
class Desk:
    """The database, the procedure, the words, Slack, and the time.

    `language` is the workspace's: what goes to a channel. `wake` tells courier and clock that a transaction has
    written something for them; call it after the commit.
    """

    db: Database
    file: ProcedureFile
    wordings: Wordings
    scripts: Scripts
    language: str
    client: WebClient
    identity: Callable[[], Identity]
    now: Callable[[], datetime]
    wake: Callable[[], None]
    drawn: dict[str, Json] = field(default_factory=dict)  # forms that are the same for everybody, by name and language
    # Who people are, by id, and since when we remember it: so that a form opens without a question to the database.
    met: dict[str, tuple[datetime, Person]] = field(default_factory=dict)
    bots: set[str] = field(default_factory=set)  # who turned out to be none of the people
    # The latest postmortems as they are drawn, by incident, and of which state: their messages are drawn one by one.
    reviews: dict[int, tuple[object, object]] = field(default_factory=dict)

    @property
    def procedure(self) -> Procedure:
        """What the procedure file says now; whoever needs it twice takes it once, since the file may change."""
        return self.file.current

    @property
    def channel_words(self) -> Wording:
        """What is said to a channel."""
        return self.wordings[self.language]

    def words_for(self, person: Person | None) -> Wording:
        """What is said to one person: in their own language and by their own clock, once these are known."""
        if person is None:
            return self.channel_words
        return self.wordings[person.language or self.language].in_zone(person.timezone)


@dataclass(frozen=True)
class Drawing:
    """A message as Slack shows it; `text` is the full sentence for a lock screen. `then` is an errand that has to
    follow."""

    text: str
    blocks: list[Block]
    then: str = ""


class Later(Exception):  # noqa: N818 - it is an answer, not a mistake
    """It can't be done yet; the courier tries again in `seconds`. Nothing has reached Slack."""

    def __init__(self, why: str, seconds: float) -> None:
        super().__init__(why)
        self.seconds = seconds

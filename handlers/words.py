"""Which listener a word after `/incident`, or a choice in a menu, is for."""

import unicodedata
from collections.abc import Callable

from bot.wording import unescape
from handlers.blocks import Json

CHINESE = "\u2e80"  # from here on, letters need no space between words


def word(*words: str) -> Callable[[Json], bool]:
    """A matcher for the first word of the command's text; the empty word is a command without text."""

    def matches(command: Json) -> bool:
        return after_word(command, *words) is not None

    return matches


def after_word(command: Json, *words: str) -> str | None:
    """What stands behind the first word of the command, as it was typed; None when that is none of these.

    Capitals and full-width letters are as good as others, and behind a Chinese word there need not be a space. Slack's
    documentation does not say whether `&` arrives as `&amp;`: either is what was typed.
    """
    said = unescape(str(command.get("text") or "")).strip()
    for each in words:
        rest = said[len(each) :]
        if compared(said[: len(each)]) == each and not _goes_on(each, rest):
            return rest.strip().lstrip(":：").lstrip()
    return None


def compared(said: str) -> str:
    """What was typed, for comparing: without capitals, and with full-width letters and digits as the usual ones."""
    return unicodedata.normalize("NFKC", said).casefold()


def _goes_on(word: str, rest: str) -> bool:
    """Whether what begins like the word is another one: `showcase`."""
    following = compared(rest[:1])
    return bool(rest) if not word else word.isascii() and following.isalpha() and following < CHINESE


def choice(name: str) -> Callable[[Json], bool]:
    """A matcher for an option `name:id` of a ⋯ menu."""

    def matches(action: Json) -> bool:
        return str(action.get("selected_option", {}).get("value", "")).partition(":")[0] == name

    return matches


def chosen_id(action: Json) -> int:
    """The id that a button or a menu's option carries. Raises ValueError when there is none."""
    value = action.get("value") or action.get("selected_option", {}).get("value", "")
    return int(str(value).rpartition(":")[2])

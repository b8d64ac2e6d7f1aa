"""Which listener a word after `/incident`, or a choice in a menu, is for."""

import unicodedata
from collections.abc import Callable

from handlers.blocks import Json


def word(*words: str) -> Callable[[Json], bool]:
    """A matcher for the first word of the command's text."""

    def matches(command: Json) -> bool:
        return _first(command) in words

    return matches


def after_word(command: Json, *words: str) -> str | None:
    """What stands behind the first word of the command, as it is compared; None when that is none of these.

    Full-width letters and digits are as good as others, and behind a Chinese word there need not be a space.
    """
    said = unicodedata.normalize("NFKC", str(command.get("text") or "")).strip().casefold()
    for each in words:
        rest = said.removeprefix(each)
        if said.startswith(each) and not (each.isascii() and rest[:1].isalpha()):
            return rest.strip()
    return None


def choice(name: str) -> Callable[[Json], bool]:
    """A matcher for an option `name:id` of a ⋯ menu."""

    def matches(action: Json) -> bool:
        return str(action.get("selected_option", {}).get("value", "")).partition(":")[0] == name

    return matches


def chosen_id(action: Json) -> int:
    """The id that a button or a menu's option carries. Raises ValueError when there is none."""
    value = action.get("value") or action.get("selected_option", {}).get("value", "")
    return int(str(value).rpartition(":")[2])


def _first(command: Json) -> str:
    said = str(command.get("text") or "").split()
    return said[0].lower() if said else ""

"""Our few Block Kit words. slack_sdk's classes refuse what is too long before Slack does."""

from collections.abc import Iterable, Sequence
from typing import Any

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    ContextBlock,
    DividerBlock,
    HeaderBlock,
    MarkdownTextObject,
    Option,
    OverflowMenuElement,
    SectionBlock,
)
from slack_sdk.models.views import View

from bot.wording import Mrkdwn, escape

Json = dict[str, Any]
SECTION_LENGTH = 3000  # Slack's limit for a section's text
# Slack refuses a message with too much in all its blocks together, and says nowhere how much that is. Others have
# measured 13,200, where a block counts for about 100 besides its characters (bolt-js#2509, bolt-js#2867).
MESSAGE_SIZE = 10_000
BLOCK_SIZE = 100
BLOCKS = 50


def section(
    text: Mrkdwn, accessory: OverflowMenuElement | ButtonElement | None = None, block_id: str | None = None
) -> Block:
    """A paragraph. `text` is markup already: people's words in it are escaped."""
    return SectionBlock(text=MarkdownTextObject(text=text), accessory=accessory, block_id=block_id)


def fitting(lines: Iterable[Mrkdwn], at_most: int = SECTION_LENGTH) -> list[Mrkdwn]:
    """Whole lines from the first on, as many as Slack takes in one section, or `at_most` characters of it."""
    told: list[Mrkdwn] = []
    length = 0
    for line in lines:
        if length + len(line) + 1 > min(at_most, SECTION_LENGTH):
            break
        told.append(line)
        length += len(line) + 1
    return told


def room_beside(blocks: Iterable[Block]) -> int:
    """How many characters one more block may have in a message with these."""
    return MESSAGE_SIZE - BLOCK_SIZE - sum(BLOCK_SIZE + _characters(block.to_dict()) for block in blocks)


def room_for(some: Sequence[Block], beside: Sequence[Block] = ()) -> list[Block]:
    """Whole blocks from the first on, as many as a message takes `beside` what it shows anyway."""
    kept: list[Block] = []
    left = room_beside(beside)
    for block in some[: BLOCKS - len(beside)]:
        left -= _characters(block.to_dict())
        if left < 0:
            break
        kept.append(block)
        left -= BLOCK_SIZE
    return kept


def as_fits(said: Sequence[Block], beside: Sequence[Block], cut: Block) -> tuple[list[Block], list[Block]]:
    """As many of these as a message takes `beside` what it shows anyway; and `cut`, which says so, if these are not
    all."""
    shown = room_for(said, [*beside, cut])
    return shown, [cut] if len(shown) < len(said) else []


def _characters(part: Any) -> int:
    """Of all the texts in a block, those on its buttons and in its menus too."""
    if isinstance(part, dict):
        return sum(
            len(each) if key == "text" and isinstance(each, str) else _characters(each) for key, each in part.items()
        )
    return sum(_characters(each) for each in part) if isinstance(part, list) else 0


def context(*texts: Mrkdwn) -> Block:
    """Small print."""
    return ContextBlock(elements=[MarkdownTextObject(text=text) for text in texts])


def header(text: str) -> Block:
    """A heading: plain text, so that a `*` in people's words is a `*`. At most 150 characters."""
    return HeaderBlock(text=text)


def divider() -> Block:
    """A line across."""
    return DividerBlock()


def actions(elements: Sequence[ButtonElement], block_id: str | None = None) -> Block:
    """Buttons in a row."""
    return ActionsBlock(elements=list(elements), block_id=block_id)


def button(text: str, action_id: str, value: object, primary: bool = False) -> ButtonElement:
    """A button; its value is an id."""
    return ButtonElement(text=text, action_id=action_id, value=str(value), style="primary" if primary else None)


def overflow(action_id: str, choices: Sequence[tuple[str, str]]) -> OverflowMenuElement:
    """The ⋯ menu: what is needed less often, as (text, value)."""
    return OverflowMenuElement(action_id=action_id, options=[Option(text=text, value=value) for text, value in choices])


def modal(
    callback_id: str, title: str, blocks: Sequence[Block], close: str, submit: str | None = None, about: str = ""
) -> View:
    """A form; `about` travels with it and is an id, never data."""
    return View(
        type="modal",
        callback_id=callback_id,
        title={"type": "plain_text", "text": title},
        submit={"type": "plain_text", "text": submit} if submit else None,
        close={"type": "plain_text", "text": close},
        blocks=list(blocks),
        private_metadata=about,
    )


def beginning(words: str, length: int = 500) -> str:
    """As many of people's words as are at most `length` characters once they are escaped, since Slack counts those; an
    ellipsis says that there is more."""
    if len(escape(words)) <= length:
        return words
    room, kept = length - 1, 0
    for letter in words:
        room -= len(escape(letter))
        if room < 0:
            break
        kept += 1
    return words[:kept].rstrip() + "…"


def quote(words: str, length: int = 1200) -> Mrkdwn:
    """People's words as a quotation, escaped; cut at `length` characters, which is said by an ellipsis."""
    return Mrkdwn("\n".join(f"> {escape(line)}" for line in beginning(words, length).splitlines()))

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


def section(
    text: Mrkdwn, accessory: OverflowMenuElement | ButtonElement | None = None, block_id: str | None = None
) -> Block:
    """A paragraph. `text` is markup already: people's words in it are escaped."""
    return SectionBlock(text=MarkdownTextObject(text=text), accessory=accessory, block_id=block_id)


def fitting(lines: Iterable[Mrkdwn]) -> list[Mrkdwn]:
    """Whole lines from the first on, as many as Slack takes in one section."""
    told: list[Mrkdwn] = []
    length = 0
    for line in lines:
        if length + len(line) + 1 > SECTION_LENGTH:
            break
        told.append(line)
        length += len(line) + 1
    return told


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

"""Block Kit as HTML, the same in messages, forms and Home."""

from collections.abc import Callable
from typing import Any

from markupsafe import Markup

from sandbox.page.fields import Place, Spot, draw, image, text_of
from sandbox.page.markup import EMPTY, Child, tag
from sandbox.page.mrkdwn import mrkdwn, rich_text, text_object
from sandbox.page.words import translate
from sandbox.workspace import Json


def draw_blocks(blocks: list[Json], place: Place) -> Markup:
    return EMPTY.join(_draw_block(block, place) for block in blocks)


def _draw_block(block: Json, place: Place) -> Markup:
    kind = str(block.get("type", ""))
    inner = DRAWN.get(kind, _unknown)(block, place)
    block_id = block.get("block_id")
    return tag("div", inner, class_=f"bk {kind}", data_block_id=block_id, data_key=f"{place.scope}-{block_id}-{kind}")


def _section(block: Json, place: Place) -> Markup:
    viewer = place.viewer
    text, fields, accessory = block.get("text"), block.get("fields") or [], block.get("accessory")
    left: list[Child] = [
        tag("div", text_object(text, viewer), class_="text") if text else None,
        tag("div", [tag("div", text_object(f, viewer), class_="text") for f in fields], class_="fields")
        if fields
        else None,
    ]
    name = text_of(text, viewer) or str(block.get("block_id", ""))
    right = None
    if accessory:
        right = tag(
            "div", draw(Spot(accessory, block, place, _own_name(accessory, place) or name, True)), class_="accessory"
        )
    return tag("div", tag("div", left, class_="body"), right, class_="split")


def _own_name(element: Json, place: Place) -> str:
    return text_of(element.get("placeholder"), place.viewer)


def _header(block: Json, place: Place) -> Markup:
    return tag("h3", text_object(block.get("text") or {}, place.viewer))


def _context(block: Json, place: Place) -> Markup:
    return EMPTY.join(
        image(e, place.viewer, "tiny")
        if e.get("type") == "image"
        else tag("span", text_object(e, place.viewer), class_="text")
        for e in block.get("elements", [])
    )


def _divider(_block: Json, _place: Place) -> Markup:
    return tag("hr")


def _actions(block: Json, place: Place) -> Markup:
    elements = block.get("elements", [])
    return EMPTY.join(
        draw(Spot(e, block, place, _own_name(e, place) or str(e.get("action_id", "")), True)) for e in elements
    )


def _image(block: Json, place: Place) -> Markup:
    title = block.get("title")
    caption = tag("div", text_object(title, place.viewer), class_="caption") if title else None
    return tag("figure", caption, image(block, place.viewer, "picture"))


def _rich_text(block: Json, place: Place) -> Markup:
    return tag("div", rich_text(block, place.viewer), class_="text")


def _markdown(block: Json, place: Place) -> Markup:
    """Markdown's bold is Slack's twice; the rest reads well enough as it is."""
    return tag("div", mrkdwn(str(block.get("text", "")).replace("**", "*"), place.viewer), class_="text")


def _table(block: Json, place: Place) -> Markup:
    def cell(value: Json, name: str) -> Markup:
        kind = value.get("type")
        inner: Child = (
            rich_text(value, place.viewer) if kind == "rich_text" else str(value.get("text", value.get("value", "")))
        )
        return tag(name, inner)

    rows = [tag("tr", [cell(c, "th" if i == 0 else "td") for c in row]) for i, row in enumerate(block.get("rows", []))]
    return tag("div", tag("table", rows), class_="scroll")


def _input(block: Json, place: Place) -> Markup:
    viewer, element = place.viewer, block.get("element") or {}
    label, hint = text_of(block.get("label"), viewer), block.get("hint")
    spot = Spot(element, block, place, label, bool(block.get("dispatch_action")))
    base = f"{place.scope}-{block.get('block_id', '')}"
    error = place.errors.get(str(block.get("block_id", "")))
    optional = tag("span", " ", viewer.say("optional"), class_="optional") if block.get("optional") else None
    wrong = EMPTY
    if error:
        wrong = tag("div", translate(viewer.language, error), class_="error", id=f"{base}-error", role="alert")
    return EMPTY.join([
        tag("label", label, optional, for_=spot.id, class_="label"),
        draw(spot),
        wrong,
        tag("div", text_object(hint, viewer), class_="hint", id=f"{base}-hint") if hint else EMPTY,
    ])  # fmt: skip


def _unknown(block: Json, place: Place) -> Markup:
    text: Any = block.get("text") or block.get("title")
    if isinstance(text, dict):
        return tag("div", text_object(text, place.viewer), class_="text")
    return tag("div", f"[{block.get('type')}] {text or ''}", class_="unknown")


DRAWN: dict[str, Callable[[Json, Place], Markup]] = {
    "section": _section,
    "header": _header,
    "context": _context,
    "divider": _divider,
    "actions": _actions,
    "context_actions": _actions,
    "image": _image,
    "rich_text": _rich_text,
    "markdown": _markdown,
    "table": _table,
    "input": _input,
}

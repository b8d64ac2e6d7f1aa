"""What Slack refuses in messages and views: lengths, counts, unknown fields, blocks that do not belong on the surface.

A table for each kind of thing: field -> rule. A rule looks at a value and notes what is wrong, with the pointer to it,
as Slack does in response_metadata.messages. What passes gets the block_ids and action_ids that the app left out.
"""

import json
import re
import secrets
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from sandbox.errors import SlackError

Json = dict[str, Any]


@dataclass
class Checking:
    """What one payload has shown so far."""

    surface: str
    scopes: Collection[str] = ()
    wrong: list[str] = field(default_factory=list)
    block_ids: set[str] = field(default_factory=set)
    action_ids: set[str] = field(default_factory=set)
    focused: int = 0
    markdown: int = 0
    tables: int = 0
    charts: int = 0
    has_input: bool = False
    within: str = ""  # the type of the block that is looked at

    def note(self, text: str, pointer: str) -> None:
        self.wrong.append(f"[ERROR] {text} [json-pointer:{pointer}]")


Rule = Callable[[Checking, Any, str], None]


def string(high: int, low: int = 0, pattern: str | None = None, what: str = "") -> Rule:
    matches = re.compile(pattern).fullmatch if pattern else None

    def rule(at: Checking, value: Any, pointer: str) -> None:
        if not isinstance(value, str):
            at.note("must be a string", pointer)
        elif len(value) < low:
            at.note(f"must be more than {low - 1} characters", pointer)
        elif len(value) > high:
            at.note(f"must be less than {high + 1} characters", pointer)
        elif matches and not matches(value):
            at.note(f"must be a valid {what}", pointer)

    return rule


def whole(low: int, high: int) -> Rule:
    def rule(at: Checking, value: Any, pointer: str) -> None:
        if not isinstance(value, int) or isinstance(value, bool):
            at.note("must be an integer", pointer)
        elif not low <= value <= high:
            at.note(f"must be between {low} and {high}", pointer)

    return rule


def one_of(*values: str) -> Rule:
    def rule(at: Checking, value: Any, pointer: str) -> None:
        if value not in values:
            at.note(f"must be one of: {', '.join(values)}", pointer)

    return rule


def boolean(at: Checking, value: Any, pointer: str) -> None:
    if not isinstance(value, bool):
        at.note("must be a boolean", pointer)


def anything(_at: Checking, _value: Any, _pointer: str) -> None:
    return


def many(rule: Rule, low: int, high: int) -> Rule:
    def rules(at: Checking, value: Any, pointer: str) -> None:
        if not isinstance(value, list):
            at.note("must be an array", pointer)
            return
        if len(value) < low:
            at.note(f"must have at least {low} items" if low > 1 else "no fewer than 1 items allowed", pointer)
        if len(value) > high:
            at.note(f"no more than {high} items allowed", pointer)
        for i, item in enumerate(value):
            rule(at, item, f"{pointer}/{i}")

    return rules


def fields_of(rules: dict[str, Rule], required: Iterable[str]) -> Rule:
    """An object with these fields and no others."""
    needed = tuple(required)

    def rule(at: Checking, value: Any, pointer: str) -> None:
        if not isinstance(value, dict):
            at.note("must be an object", pointer)
            return
        for key in needed:
            if value.get(key) is None:
                at.note(f"missing required field: {key}", pointer)
        for key, part in value.items():
            known = rules.get(key)
            if known is None:
                at.note(f"invalid additional property: {key}", pointer)
            elif part is not None:
                known(at, part, f"{pointer}/{key}")

    return rule


def text(high: int, *kinds: str, low: int = 1) -> Rule:
    """A text object; the kinds are plain_text and mrkdwn."""
    allowed = kinds or ("plain_text", "mrkdwn")
    content = string(high, low)

    def rule(at: Checking, value: Any, pointer: str) -> None:
        if not isinstance(value, dict):
            at.note("must be an object", pointer)
            return
        kind = value.get("type")
        if kind not in allowed:
            at.note(f"unsupported type: {kind}" if kind else "missing required field: type", f"{pointer}/type")
            return
        if "text" not in value:
            at.note("missing required field: text", pointer)
        else:
            content(at, value["text"], f"{pointer}/text")
        for key in value:
            if key not in {"type", "text", "emoji" if kind == "plain_text" else "verbatim"}:
                at.note(f"invalid additional property: {key}", pointer)

    return rule


PLAIN = "plain_text"
LONG_URL = string(3000, 1)
DATE = string(10, 10, r"\d{4}-\d{2}-\d{2}", "date")
TIME = string(5, 5, r"([01]\d|2[0-3]):[0-5]\d", "time")
CONFIRM = fields_of(
    {
        "title": text(100, PLAIN),
        "text": text(300),
        "confirm": text(30, PLAIN),
        "deny": text(30, PLAIN),
        "style": one_of("primary", "danger"),
    },
    ("title", "text", "confirm", "deny"),
)
SLACK_FILE = fields_of({"id": string(255, 1), "url": LONG_URL}, ())
FILTER = fields_of(
    {
        "include": many(one_of("im", "mpim", "private", "public"), 1, 4),
        "exclude_external_shared_channels": boolean,
        "exclude_bot_users": boolean,
    },
    (),
)


def option(*kinds: str, url: bool = False) -> Rule:
    parts: dict[str, Rule] = {
        "text": text(75, *kinds),
        "value": string(150, 1),
        "description": text(75, *kinds),
    }
    if url:
        parts["url"] = LONG_URL
    return fields_of(parts, ("text", "value"))


def options(high: int, *kinds: str, low: int = 1, url: bool = False) -> Rule:
    each = many(option(*kinds, url=url), low, high)

    def rule(at: Checking, value: Any, pointer: str) -> None:
        each(at, value, pointer)
        if isinstance(value, list):
            values = [o.get("value") for o in value if isinstance(o, dict)]
            if len(set(map(str, values))) < len(values):
                at.note("option values must be unique", pointer)

    return rule


GROUPS = many(
    fields_of({"label": text(75, PLAIN), "options": options(100, PLAIN)}, ("label", "options")),
    1,
    100,
)

ACTION_ID = string(255, 1)
COMMON: dict[str, Rule] = {"type": anything, "action_id": ACTION_ID, "focus_on_load": boolean}
ASKED: dict[str, Rule] = COMMON | {"confirm": CONFIRM}
MENU: dict[str, Rule] = ASKED | {"placeholder": text(150, PLAIN)}
MULTI: dict[str, Rule] = MENU | {"max_selected_items": whole(1, 100)}
TYPED: dict[str, Rule] = COMMON | {
    "placeholder": text(150, PLAIN),
    "dispatch_action_config": fields_of(
        {"trigger_actions_on": many(one_of("on_enter_pressed", "on_character_entered"), 1, 2)}, ()
    ),
}
IDS = many(string(255, 1), 1, 100)
LISTED: dict[str, Rule] = {"options": options(100, PLAIN), "option_groups": GROUPS}
RESPONSE_URL: dict[str, Rule] = {"response_url_enabled": boolean}
CONVERSATIONS: dict[str, Rule] = {"default_to_current_conversation": boolean, "filter": FILTER}
QUERY: dict[str, Rule] = {"min_query_length": whole(0, 100)}

# element type -> (its fields, those it cannot do without)
ELEMENTS: dict[str, tuple[dict[str, Rule], tuple[str, ...]]] = {
    "button": (
        {
            "type": anything,
            "action_id": ACTION_ID,
            "text": text(75, PLAIN),
            "url": LONG_URL,
            "value": string(2000),
            "style": one_of("primary", "danger"),
            "confirm": CONFIRM,
            "accessibility_label": string(75),
        },
        ("text",),
    ),
    "overflow": (
        {"type": anything, "action_id": ACTION_ID, "options": options(5, PLAIN, url=True), "confirm": CONFIRM},
        ("options",),
    ),
    "image": (
        {"type": anything, "image_url": LONG_URL, "slack_file": SLACK_FILE, "alt_text": string(2000)},
        ("alt_text",),
    ),
    "checkboxes": (
        ASKED | {"options": options(10), "initial_options": many(option(), 1, 10)},
        ("options",),
    ),
    "radio_buttons": (ASKED | {"options": options(10), "initial_option": option()}, ("options",)),
    "datepicker": (MENU | {"initial_date": DATE}, ()),
    "timepicker": (MENU | {"initial_time": TIME, "timezone": string(64, 1)}, ()),
    "datetimepicker": (ASKED | {"initial_date_time": whole(1_000_000_000, 9_999_999_999)}, ()),
    "plain_text_input": (
        TYPED
        | {
            "initial_value": string(3000),
            "multiline": boolean,
            "min_length": whole(0, 3000),
            "max_length": whole(1, 3000),
        },
        (),
    ),
    "email_text_input": (TYPED | {"initial_value": string(3000)}, ()),
    "url_text_input": (TYPED | {"initial_value": string(3000)}, ()),
    "number_input": (
        TYPED
        | {
            "is_decimal_allowed": boolean,
            "initial_value": string(255),
            "min_value": string(255),
            "max_value": string(255),
        },
        ("is_decimal_allowed",),
    ),
    "rich_text_input": (TYPED | {"initial_value": anything}, ()),
    "file_input": (
        {
            "type": anything,
            "action_id": ACTION_ID,
            "filetypes": many(string(32, 1), 1, 100),
            "max_files": whole(1, 10),
        },
        (),
    ),
    "static_select": (MENU | LISTED | {"initial_option": option(PLAIN)}, ()),
    "multi_static_select": (MULTI | LISTED | {"initial_options": many(option(PLAIN), 1, 100)}, ()),
    "external_select": (MENU | QUERY | {"initial_option": option(PLAIN)}, ()),
    "multi_external_select": (MULTI | QUERY | {"initial_options": many(option(PLAIN), 1, 100)}, ()),
    "users_select": (MENU | {"initial_user": string(255, 1)}, ()),
    "multi_users_select": (MULTI | {"initial_users": IDS}, ()),
    "conversations_select": (
        MENU | CONVERSATIONS | RESPONSE_URL | {"initial_conversation": string(255, 1)},
        (),
    ),
    "multi_conversations_select": (MULTI | CONVERSATIONS | {"initial_conversations": IDS}, ()),
    "channels_select": (MENU | RESPONSE_URL | {"initial_channel": string(255, 1)}, ()),
    "multi_channels_select": (MULTI | {"initial_channels": IDS}, ()),
    "workflow_button": (
        {"type": anything, "action_id": ACTION_ID, "text": text(75, PLAIN), "workflow": anything, "style": anything},
        ("text", "workflow"),
    ),
    "feedback_buttons": (
        {"type": anything, "action_id": ACTION_ID, "positive_button": anything, "negative_button": anything},
        ("positive_button", "negative_button"),
    ),
    "icon_button": (
        {
            "type": anything,
            "action_id": ACTION_ID,
            "icon": anything,
            "text": text(75, PLAIN),
            "value": string(2000),
            "confirm": CONFIRM,
            "accessibility_label": string(75),
            "visible_to_user_ids": anything,
        },
        ("icon", "text"),
    ),
}

SELECTS = {
    f"{many_}{kind}_select"
    for many_ in ("", "multi_")
    for kind in ("static", "external", "users", "conversations", "channels")
}
PICKERS = {"datepicker", "timepicker", "checkboxes", "radio_buttons"} | SELECTS
IN_SECTION = PICKERS | {"button", "overflow", "image", "workflow_button"}
IN_ACTIONS = PICKERS | {"button", "overflow", "datetimepicker", "workflow_button", "icon_button", "feedback_buttons"}
IN_INPUT = PICKERS | {
    "datetimepicker", "plain_text_input", "email_text_input", "url_text_input", "number_input", "rich_text_input",
    "file_input",
}  # fmt: skip
ELEMENT_SURFACES = {
    "file_input": {"modal"},
    "workflow_button": {"message"},
    "feedback_buttons": {"message"},
    "icon_button": {"message"},
    "rich_text_input": {"modal", "home"},
    "datetimepicker": {"message", "modal"},
}


def element(allowed: Collection[str]) -> Rule:
    def rule(at: Checking, value: Any, pointer: str) -> None:
        kind = str(value.get("type") or "") if isinstance(value, dict) else ""
        if kind not in allowed:
            at.note(f"unsupported type: {kind}" if kind else "missing required field: type", f"{pointer}/type")
            return
        if at.surface not in ELEMENT_SURFACES.get(kind, {at.surface}):
            at.note(f"unsupported type: {kind}", f"{pointer}/type")
            return
        if kind != "image":
            action_id = value.setdefault("action_id", secrets.token_urlsafe(4))
            if action_id in at.action_ids:
                at.note(f'`action_id` "{action_id}" already exists for this block', f"{pointer}/action_id")
            at.action_ids.add(action_id)
        _shape(*ELEMENTS[kind])(at, value, pointer)
        special = SPECIAL.get(kind)
        if special is not None:
            special(at, value, pointer)
        if value.get("focus_on_load"):
            at.focused += 1
            if at.focused > 1:
                at.note("only one element may have focus_on_load", f"{pointer}/focus_on_load")

    return rule


_shapes: dict[int, Rule] = {}


def _shape(rules: dict[str, Rule], required: tuple[str, ...]) -> Rule:
    known = _shapes.get(id(rules))
    if known is None:
        known = _shapes[id(rules)] = fields_of(rules, required)
    return known


def _menu(at: Checking, value: Json, pointer: str) -> None:
    has = [k for k in ("options", "option_groups") if value.get(k) is not None]
    if len(has) != 1:
        at.note(
            "must have exactly one of: options, option_groups" if has else "missing required field: options", pointer
        )
        return
    _initial(at, value, pointer)


def _initial(at: Checking, value: Json, pointer: str) -> None:
    known = list(all_options(value))
    wanted = [value["initial_option"]] if value.get("initial_option") else value.get("initial_options") or []
    for chosen in wanted if isinstance(wanted, list) else []:
        if not any(_same_option(chosen, o) for o in known):
            at.note("initial option must be one of the options", pointer)


def _same_option(one: Any, other: Any) -> bool:
    def key(o: Any) -> Any:
        return (o.get("value"), (o.get("text") or {}).get("text")) if isinstance(o, dict) else o

    return bool(key(one) == key(other))


def all_options(value: Json) -> Iterable[Json]:
    """An element's options, also those in groups."""
    yield from (o for o in value.get("options") or [] if isinstance(o, dict))
    for group in value.get("option_groups") or []:
        if isinstance(group, dict):
            yield from (o for o in group.get("options") or [] if isinstance(o, dict))


def _number(at: Checking, value: Json, pointer: str) -> None:
    numbers: dict[str, float] = {}
    for key in ("min_value", "max_value", "initial_value"):
        if isinstance(value.get(key), str):
            try:
                numbers[key] = float(value[key])
            except ValueError:
                at.note("must be a number", f"{pointer}/{key}")
    if numbers.get("min_value", float("-inf")) > numbers.get("max_value", float("inf")):
        at.note("min_value must not be greater than max_value", pointer)


def _lengths(at: Checking, value: Json, pointer: str) -> None:
    low, high = value.get("min_length"), value.get("max_length")
    if isinstance(low, int) and isinstance(high, int) and low > high:
        at.note("min_length must not be greater than max_length", pointer)


def _picture(at: Checking, value: Json, pointer: str) -> None:
    if (value.get("image_url") is None) == (value.get("slack_file") is None):
        at.note("must have exactly one of: image_url, slack_file", pointer)


def _response_url(at: Checking, value: Json, pointer: str) -> None:
    if value.get("response_url_enabled") and (at.surface != "modal" or at.within != "input"):
        at.note("response_url_enabled is only allowed in input blocks of modals", pointer)


def _files(at: Checking, _value: Json, pointer: str) -> None:
    if "files:read" not in at.scopes:
        at.note("file_input needs the scope files:read", pointer)


SPECIAL: dict[str, Callable[[Checking, Json, str], None]] = {
    "static_select": _menu,
    "multi_static_select": _menu,
    "checkboxes": _initial,
    "radio_buttons": _initial,
    "number_input": _number,
    "plain_text_input": _lengths,
    "image": _picture,
    "conversations_select": _response_url,
    "channels_select": _response_url,
    "file_input": _files,
}


def _in_context(at: Checking, value: Any, pointer: str) -> None:
    if isinstance(value, dict) and value.get("type") == "image":
        CONTEXT_IMAGE(at, value, pointer)
    else:
        CONTEXT_TEXT(at, value, pointer)


CONTEXT_IMAGE, CONTEXT_TEXT = element({"image"}), text(3000)


def _rich(at: Checking, value: Any, pointer: str) -> None:
    kinds = {"rich_text_section", "rich_text_list", "rich_text_quote", "rich_text_preformatted"}
    kind = value.get("type") if isinstance(value, dict) else None
    if kind not in kinds:
        at.note(f"unsupported type: {kind}", f"{pointer}/type")
    elif not isinstance(value.get("elements"), list):
        at.note("missing required field: elements", pointer)
    elif kind == "rich_text_list":
        if value.get("style") not in {"bullet", "ordered"}:
            at.note("must be one of: bullet, ordered", f"{pointer}/style")
        if not 0 <= value.get("indent", 0) <= 8:
            at.note("must be between 0 and 8", f"{pointer}/indent")


def _cell(*kinds: str) -> Rule:
    def rule(at: Checking, value: Any, pointer: str) -> None:
        kind = value.get("type") if isinstance(value, dict) else None
        if kind not in kinds:
            at.note(f"unsupported type: {kind}" if kind else "missing required field: type", f"{pointer}/type")
        elif kind == "rich_text":
            many(_rich, 0, 1000)(at, value.get("elements"), f"{pointer}/elements")

    return rule


def _data_rows(at: Checking, value: Any, pointer: str) -> None:
    """A header, and the rows below it; all of one length."""
    many(anything, 2, 101)(at, value, pointer)
    if not isinstance(value, list):
        return
    for i, row in enumerate(value):
        many(DATA_CELL if i else HEADER_CELL, 1, 20)(at, row, f"{pointer}/{i}")
        if isinstance(row, list) and isinstance(value[0], list) and len(row) != len(value[0]):
            at.note(f"must have exactly {len(value[0])} items, like the first row", f"{pointer}/{i}")
    if _letters(value) > MOST_LETTERS_IN_A_TABLE:
        at.note(f"must be less than {MOST_LETTERS_IN_A_TABLE + 1} characters in all", pointer)


def _letters(value: Any) -> int:
    """How much text there is in cells or in a rich text."""
    if isinstance(value, list):
        return sum(map(_letters, value))
    if not isinstance(value, dict):
        return 0
    return len(str(value.get("text") or "")) + _letters(value.get("elements"))


def _rich_title(at: Checking, value: Any, pointer: str) -> None:
    _cell("rich_text")(at, value, pointer)
    if _letters(value) > MOST_IN_A_TITLE:
        at.note(f"must be less than {MOST_IN_A_TITLE + 1} characters", pointer)


def _chart(at: Checking, value: Any, pointer: str) -> None:
    if not isinstance(value, dict):
        at.note("must be an object", pointer)
    else:
        one_of("pie", "bar", "area", "line")(at, value.get("type"), f"{pointer}/type")


def within(*kinds: str, but: Collection[str] = ()) -> Rule:
    """A block inside of another one: only of these kinds, or (without any) all `but` some."""

    def rule(at: Checking, value: Any, pointer: str) -> None:
        kind = value.get("type") if isinstance(value, dict) else None
        if kind in but or (kinds and kind not in kinds):
            at.note(f"unsupported type: {kind}" if kind else "missing required field: type", f"{pointer}/type")
        else:
            _block(at, value, pointer)

    return rule


DATA_CELL, HEADER_CELL = _cell("raw_text", "raw_number", "rich_text"), _cell("raw_text", "raw_number")
MOST_IN_A_TITLE, MOST_LETTERS_IN_A_TABLE = 150, 10_000
BLOCK: dict[str, Rule] = {"type": anything, "block_id": string(255, 1)}
# block type -> (surfaces, fields or None when only the surface is checked, those it cannot do without)
EVERYWHERE = frozenset({"message", "modal", "home"})
BLOCKS: dict[str, tuple[frozenset[str], dict[str, Rule] | None, tuple[str, ...]]] = {
    "section": (
        EVERYWHERE,
        BLOCK
        | {
            "text": text(3000),
            "fields": many(text(2000), 1, 10),
            "accessory": element(IN_SECTION),
            "expand": boolean,
        },
        (),
    ),
    "header": (EVERYWHERE, BLOCK | {"text": text(150, PLAIN), "level": whole(1, 4)}, ("text",)),
    "divider": (EVERYWHERE, BLOCK, ()),
    "context": (EVERYWHERE, BLOCK | {"elements": many(_in_context, 1, 10)}, ("elements",)),
    "actions": (EVERYWHERE, BLOCK | {"elements": many(element(IN_ACTIONS), 1, 25)}, ("elements",)),
    "context_actions": (
        frozenset({"message"}),
        BLOCK | {"elements": many(element({"feedback_buttons", "icon_button"}), 1, 5)},
        ("elements",),
    ),
    "input": (
        EVERYWHERE,
        BLOCK
        | {
            "label": text(2000, PLAIN),
            "hint": text(2000, PLAIN),
            "optional": boolean,
            "dispatch_action": boolean,
            "element": element(IN_INPUT),
        },
        ("label", "element"),
    ),
    "image": (
        EVERYWHERE,
        BLOCK
        | {
            "image_url": LONG_URL,
            "slack_file": SLACK_FILE,
            "alt_text": string(2000, 1),
            "title": text(2000, PLAIN),
        },
        ("alt_text",),
    ),
    "rich_text": (EVERYWHERE, BLOCK | {"elements": many(_rich, 0, 1000)}, ("elements",)),
    "markdown": (frozenset({"message"}), BLOCK | {"text": string(12_000, 1)}, ("text",)),
    "table": (
        frozenset({"message", "home"}),
        BLOCK | {"rows": many(many(anything, 1, 20), 1, 100), "column_settings": many(anything, 0, 20)},
        ("rows",),
    ),
    "video": (EVERYWHERE, None, ("alt_text", "title", "thumbnail_url", "video_url")),
    "card": (
        EVERYWHERE,
        BLOCK
        | {
            "hero_image": element({"image"}),
            "icon": element({"image"}),
            "title": text(MOST_IN_A_TITLE),
            "subtitle": text(150),
            "body": text(200),
            "actions": many(element({"button"}), 1, 25),
        },
        (),
    ),
    "carousel": (
        frozenset({"message", "home"}),
        BLOCK | {"elements": many(within("card"), 1, 10)},
        ("elements",),
    ),
    "data_table": (
        frozenset({"message", "home"}),
        BLOCK
        | {
            "caption": string(10_000, 1),
            "rows": _data_rows,
            "page_size": whole(1, 100),
            "row_header_column_index": whole(0, 19),
        },
        ("caption", "rows"),
    ),
    "container": (
        frozenset({"message"}),
        BLOCK
        | {
            "title": text(MOST_IN_A_TITLE, PLAIN),
            "rich_text_title": _rich_title,
            "subtitle": text(150),
            "child_blocks": many(within(but={"container", "card", "markdown"}), 1, 10),
            "width": one_of("narrow", "standard", "wide", "full"),
            "icon": element({"image"}),
            "is_collapsible": boolean,
            "default_collapsed": boolean,
            "has_header_divider": boolean,
        },
        ("child_blocks",),
    ),
    "data_visualization": (
        frozenset({"message"}),
        BLOCK | {"title": string(50, 1), "chart": _chart},
        ("title", "chart"),
    ),
    "plan": (frozenset({"message"}), None, ()),
    "task_card": (frozenset({"message"}), None, ()),
    "alert": (frozenset({"modal"}), None, ()),
}


def _block(at: Checking, block: Any, pointer: str) -> None:
    kind = block.get("type") if isinstance(block, dict) else None
    known = BLOCKS.get(kind) if isinstance(kind, str) else None
    if known is None or at.surface not in known[0]:
        at.note(f"unsupported type: {kind}" if kind else "missing required field: type", f"{pointer}/type")
        return
    _surfaces, rules, required = known
    at.action_ids, at.within = set(), str(kind)
    block_id = block.setdefault("block_id", secrets.token_urlsafe(4))
    if block_id in at.block_ids:
        at.note(f"`block_id` {block_id} already exists", f"{pointer}/block_id")
    at.block_ids.add(block_id)
    if rules is not None:
        _shape(rules, required)(at, block, pointer)
    else:
        for key in required:
            if block.get(key) is None:
                at.note(f"missing required field: {key}", pointer)
    special = SPECIAL_BLOCKS.get(str(kind))
    if special is not None:
        special(at, block, pointer)


def _section(at: Checking, block: Json, pointer: str) -> None:
    if block.get("text") is None and block.get("fields") is None:
        at.note("must have text or fields", pointer)


def _input(at: Checking, block: Json, pointer: str) -> None:
    at.has_input = True
    if block.get("dispatch_action") and (block.get("element") or {}).get("type") == "file_input":
        at.note("dispatch_action is not allowed with file_input", pointer)


def _markdown(at: Checking, block: Json, pointer: str) -> None:
    at.markdown += len(block.get("text") or "")
    if at.markdown > 12_000:
        at.note("markdown blocks must be less than 12001 characters in all", pointer)


def _table(at: Checking, _block: Json, _pointer: str) -> None:
    at.tables += 1
    if at.tables > 1:
        raise SlackError("invalid_attachments", response_metadata={"messages": ["[ERROR] only_one_table_allowed"]})


def _card(at: Checking, block: Json, pointer: str) -> None:
    if all(block.get(key) is None for key in ("hero_image", "title", "actions", "body")):
        at.note("must have at least one of: hero_image, title, actions, body", pointer)


def _container(at: Checking, block: Json, pointer: str) -> None:
    if block.get("title") is None and block.get("rich_text_title") is None:
        at.note("must have title or rich_text_title", pointer)


def _charts(at: Checking, _block: Json, pointer: str) -> None:
    at.charts += 1
    if at.charts > 2:
        at.note("no more than 2 data_visualization blocks allowed", pointer)


def _video(at: Checking, _block: Json, pointer: str) -> None:
    if "links.embed:write" not in at.scopes:
        at.note("video needs the scope links.embed:write", pointer)


SPECIAL_BLOCKS: dict[str, Callable[[Checking, Json, str], None]] = {
    "section": _section,
    "input": _input,
    "markdown": _markdown,
    "table": _table,
    "video": _video,
    "image": _picture,
    "card": _card,
    "container": _container,
    "data_visualization": _charts,
}


def _blocks(at: Checking, blocks: Any, most: int, pointer: str) -> None:
    if not isinstance(blocks, list):
        at.note("must be an array", pointer)
        return
    if len(blocks) > most:
        at.note(f"no more than {most} items allowed", pointer)
    for i, block in enumerate(blocks):
        _block(at, block, f"{pointer}/{i}")


# Slack says nowhere how much all blocks of a message may hold; this is what others have measured (bolt-js#2509,
# bolt-js#2867).
MOST_IN_MESSAGE = 13_200
PER_BLOCK = 100


def checked_message(blocks: list[Json], pointer: str = "/blocks", scopes: Collection[str] = ()) -> list[Json]:
    """A message's blocks with their ids filled in, or invalid_blocks, or msg_blocks_too_long."""
    at = Checking("message", scopes)
    _blocks(at, blocks, 50, pointer)
    if at.wrong:
        raise SlackError("invalid_blocks", errors=_plain(at.wrong), response_metadata={"messages": at.wrong})
    if sum(PER_BLOCK + _characters(block) for block in blocks) > MOST_IN_MESSAGE:
        raise SlackError("msg_blocks_too_long")
    return blocks


def _characters(part: Any) -> int:
    """Of all the texts in a block."""
    if isinstance(part, dict):
        return sum(len(v) if k == "text" and isinstance(v, str) else _characters(v) for k, v in part.items())
    return sum(_characters(each) for each in part) if isinstance(part, list) else 0


VIEW_FIELDS: dict[str, Rule] = {
    "type": one_of("modal", "home"),
    "blocks": anything,
    "callback_id": string(255),
    "external_id": string(255),
    "private_metadata": string(3000),
}
MODAL_FIELDS: dict[str, Rule] = VIEW_FIELDS | {
    "title": text(24, PLAIN),
    "submit": text(24, PLAIN),
    "close": text(24, PLAIN),
    "clear_on_close": boolean,
    "notify_on_close": boolean,
    "submit_disabled": boolean,
}
MODAL = fields_of(MODAL_FIELDS, ("type", "title", "blocks"))
HOME = fields_of(VIEW_FIELDS, ("type", "blocks"))
MOST_VIEW_BYTES = 250_000


def checked_view(view: Json, surface: str, scopes: Collection[str] = ()) -> Json:
    """A view's definition with its ids filled in, or invalid_arguments; `surface` is modal or home."""
    at = Checking(surface, scopes)
    if view.get("type") != surface:
        at.note(f"must be {surface}" if view.get("type") else "missing required field: type", "/view/type")
    (MODAL if surface == "modal" else HOME)(at, view, "/view")
    if view.get("blocks") is not None:
        _blocks(at, view["blocks"], 100, "/view/blocks")
    if at.has_input and surface == "modal" and not view.get("submit"):
        at.note("missing required field: submit", "/view")
    if at.wrong:
        raise SlackError("invalid_arguments", response_metadata={"messages": at.wrong})
    if len(json.dumps(view)) > MOST_VIEW_BYTES:
        raise SlackError("view_too_large")
    return view


def checked_options(answer: Any) -> Json:
    """The answer to a block_suggestion: up to 100 options, or groups of them."""
    at = Checking("modal")
    if not isinstance(answer, dict):
        raise SlackError("invalid_options")
    if answer.get("option_groups") is not None:
        many(
            fields_of({"label": text(75, PLAIN), "options": options(100, PLAIN, low=0)}, ("label", "options")), 0, 100
        )(at, answer["option_groups"], "/option_groups")
    else:
        options(100, PLAIN, low=0)(at, answer.get("options"), "/options")
    if at.wrong:
        raise SlackError("invalid_options", response_metadata={"messages": at.wrong})
    return answer


def _plain(messages: list[str]) -> list[str]:
    return [m.removeprefix("[ERROR] ") for m in messages]

"""Everything one can press, choose or fill in: Block Kit's elements as native controls.

`data-field` marks what has a state (board.js reads it), `data-fire` what tells the app at once and on which occasion.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from sandbox import blockkit
from sandbox.page.markup import EMPTY, Attribute, tag
from sandbox.page.mrkdwn import shortcodes, text_object
from sandbox.page.viewer import Viewer
from sandbox.page.when import local
from sandbox.workspace import STATE_KEYS, Channel, Json

TEXT_TYPES = {"email_text_input": "email", "url_text_input": "url"}
LINES = {"plain_text_input", "email_text_input", "url_text_input", "number_input", "rich_text_input"}
GROUPS = {"radio_buttons", "checkboxes"}


@dataclass(frozen=True)
class Place:
    """Where a block stands. `scope` makes ids unique on the page; `values` and `errors` are the view's."""

    scope: str
    viewer: Viewer
    values: dict[str, dict[str, Json]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Spot:
    """One element of one block at its place, and what it is called."""

    element: Json
    block: Json
    place: Place
    name: str
    fires: bool

    @property
    def kind(self) -> str:
        return str(self.element.get("type", ""))

    @property
    def id(self) -> str:
        return f"{self.place.scope}-{self.block.get('block_id', '')}-{self.element.get('action_id', '')}"

    @property
    def hooks(self) -> dict[str, Attribute]:
        confirm = self.element.get("confirm")
        return {
            "data_action_id": self.element.get("action_id"),
            "data_block_id": self.block.get("block_id"),
            "data_kind": self.kind,
            "data_confirm": json.dumps(_confirm(confirm, self.place.viewer)) if confirm else None,
        }

    @property
    def field_hooks(self) -> dict[str, Attribute]:
        return {**self.hooks, "data_field": True, "data_key": f"{self.id}-{self.kind}", "data_fire": self.occasion}

    @property
    def occasion(self) -> str | None:
        if not self.fires:
            return None
        if self.kind not in LINES:
            return "change"
        config = self.element.get("dispatch_action_config") or {}
        return "typing" if "on_character_entered" in config.get("trigger_actions_on", []) else "enter"

    @property
    def value(self) -> Any:
        """What is in it now: the view's state, else the initial value."""
        key, initial, empty = STATE_KEYS[self.kind]
        block_id, action_id = str(self.block.get("block_id", "")), str(self.element.get("action_id", ""))
        state = self.place.values.get(block_id, {}).get(action_id)
        if state is not None and key in state:
            return state[key]
        return self.element.get(initial, empty) if initial else empty

    @property
    def naming(self) -> dict[str, Attribute]:
        """In an input block the label names it, with the hint and the error; elsewhere its own text does."""
        if self.block.get("type") != "input":
            return {"aria_label": self.name}
        base = f"{self.place.scope}-{self.block.get('block_id', '')}"
        about = [f"{base}-hint"] if self.block.get("hint") else []
        wrong = str(self.block.get("block_id", "")) in self.place.errors
        return {
            "aria_label": self.name,
            "aria_describedby": " ".join([*about, *([f"{base}-error"] if wrong else [])]) or None,
            "aria_invalid": "true" if wrong else None,
            "aria_required": None if self.block.get("optional") else "true",
        }

    @property
    def autofocus(self) -> Attribute:
        return True if self.element.get("focus_on_load") else None


def draw(spot: Spot) -> Markup:  # noqa: C901, PLR0911 - one line a kind
    kind = spot.kind
    if kind in {"button", "workflow_button"}:
        return _button(spot)
    if kind == "overflow":
        return _overflow(spot)
    if kind == "image":
        return image(spot.element, spot.place.viewer, "thumb")
    if kind in LINES:
        return _line(spot)
    if kind in GROUPS:
        return _group(spot)
    if kind in {"datepicker", "timepicker", "datetimepicker"}:
        return _date(spot)
    if kind == "file_input":
        return _files(spot)
    if kind in {"external_select", "multi_external_select"}:
        return _external(spot)
    if kind.startswith("multi_"):
        return _multi(spot)
    if kind in STATE_KEYS:
        return _select(spot)
    return tag("span", f"[{kind}]", class_="unknown")


def text_of(obj: Any, viewer: Viewer) -> str:
    """A text object as bare text, for names and options."""
    if not isinstance(obj, dict):
        return ""
    if obj.get("type") == "mrkdwn":
        return str(text_object(obj, viewer).striptags())
    return shortcodes(str(obj.get("text", "")))


def image(element: Json, viewer: Viewer, class_: str) -> Markup:
    address = str(element.get("image_url") or "")
    stored = element.get("slack_file") or {}
    file = viewer.workspace.files.get(str(stored.get("id", "")))
    if file is not None:
        address = viewer.address_of(file)
    if not address.startswith(("http://", "https://", "/files/")):
        address = ""
    return tag("img", src=address or None, alt=str(element.get("alt_text", "")), class_=class_, loading="lazy",
               referrerpolicy="no-referrer")  # fmt: skip


def _confirm(confirm: Json, viewer: Viewer) -> Json:
    return {
        "title": text_of(confirm.get("title"), viewer),
        "html": str(text_object(confirm.get("text") or {}, viewer)),
        "confirm": text_of(confirm.get("confirm"), viewer) or viewer.say("ok"),
        "deny": text_of(confirm.get("deny"), viewer) or viewer.say("cancel"),
        "style": confirm.get("style", "primary"),
    }


def _button(spot: Spot) -> Markup:
    element, viewer = spot.element, spot.place.viewer
    text = text_object(element.get("text") or {}, viewer)
    style = element.get("style", "")
    about: dict[str, Attribute] = {
        **spot.hooks,
        "data_do": "action",
        "data_key": f"{spot.id}-button",
        "class_": f"btn {style}",
        "aria_label": element.get("accessibility_label"),
    }
    address = str(element.get("url") or "")
    if address.startswith(("http://", "https://", "mailto:", "tel:")):
        return tag("a", text, href=address, target="_blank", rel="noopener noreferrer", **about)
    return tag("button", text, type="button", **about)


def _overflow(spot: Spot) -> Markup:
    viewer, menu = spot.place.viewer, f"{spot.id}-menu"
    items = []
    for option in spot.element.get("options", []):
        address = str(option.get("url") or "")
        safe = address.startswith(("http://", "https://"))
        about: dict[str, Attribute] = {**spot.hooks, "data_do": "action", "data_given": option.get("value")}
        label = [text_object(option.get("text") or {}, viewer), _description(option, viewer)]
        if safe:
            items.append(
                tag("a", label, role="menuitem", href=address, target="_blank", rel="noopener noreferrer", **about)
            )
        else:
            items.append(tag("button", label, type="button", role="menuitem", **about))
    return tag(
        "span",
        tag("button", "⋯", type="button", class_="btn icon", popovertarget=menu, aria_haspopup="menu",
            aria_label=viewer.say("more"), **spot.hooks),
        tag("div", items, id=menu, popover="auto", class_="pop menu", role="menu"),
        class_="overflow", data_key=f"{spot.id}-overflow",
    )  # fmt: skip


def _line(spot: Spot) -> Markup:
    element, viewer = spot.element, spot.place.viewer
    value = spot.value
    if spot.kind == "rich_text_input":
        value = _rich_as_text(value)
    about: dict[str, Attribute] = {
        **spot.field_hooks,
        **spot.naming,
        "id": spot.id,
        "placeholder": text_of(element.get("placeholder"), viewer) or None,
        "maxlength": element.get("max_length") or (3000 if spot.kind == "plain_text_input" else None),
        "autofocus": spot.autofocus,
        "autocomplete": "off",
    }
    if element.get("multiline") or spot.kind == "rich_text_input":
        # The first line end after <textarea> is not part of its text.
        return tag("textarea", "\n", value or "", rows=4, **about)
    if spot.kind == "number_input":
        decimal = element.get("is_decimal_allowed")
        return tag(
            "input", type="text", inputmode="decimal" if decimal else "numeric", value=value, class_="number", **about
        )
    return tag("input", type="text", inputmode=TEXT_TYPES.get(spot.kind), value=value, **about)


def _rich_as_text(value: Any) -> str:
    if not isinstance(value, dict):
        return ""
    parts = [e.get("text", "") for s in value.get("elements", []) for e in s.get("elements", [])]
    return "".join(str(p) for p in parts)


def _group(spot: Spot) -> Markup:
    single = spot.kind == "radio_buttons"
    chosen = {spot.value.get("value")} if single and spot.value else {o.get("value") for o in (spot.value or [])}
    options = [
        tag(
            "label",
            tag("input", type="radio" if single else "checkbox", name=spot.id, value=option.get("value", ""),
                checked=option.get("value") in chosen, autofocus=spot.autofocus if i == 0 else None),
            tag("span", text_object(option.get("text") or {}, spot.place.viewer),
                _description(option, spot.place.viewer)),
            class_="option",
        )
        for i, option in enumerate(spot.element.get("options", []))
    ]  # fmt: skip
    return tag(
        "div", options, class_="options", role="radiogroup" if single else "group", **spot.field_hooks, **spot.naming
    )


def _description(option: Json, viewer: Viewer) -> Markup | None:
    description = option.get("description")
    return tag("small", text_object(description, viewer)) if description else None


def _date(spot: Spot) -> Markup:
    value = spot.value
    if spot.kind == "datetimepicker":
        kind = "datetime-local"
        value = local(float(value), spot.place.viewer.tz).strftime("%Y-%m-%dT%H:%M") if value else None
    else:
        kind = "date" if spot.kind == "datepicker" else "time"
    return tag("input", type=kind, value=value, id=spot.id, autofocus=spot.autofocus, **spot.field_hooks, **spot.naming)


def _files(spot: Spot) -> Markup:
    element, viewer = spot.element, spot.place.viewer
    kinds = ",".join(f".{k}" for k in element.get("filetypes") or [])
    chips = [tag("li", f.get("name", ""), data_value=f.get("id"), data_name=f.get("name")) for f in spot.value or []]
    return tag(
        "div",
        tag("ul", chips, class_="chips", data_own=True),
        tag("input", type="file", id=spot.id, multiple=int(element.get("max_files", 10)) > 1, accept=kinds or None,
            autofocus=spot.autofocus, **spot.naming),
        class_="files", data_remove=viewer.say("remove", name="{name}"), **spot.field_hooks,
    )  # fmt: skip


def _external(spot: Spot) -> Markup:
    viewer = spot.place.viewer
    several = spot.kind.startswith("multi_")
    chosen = (spot.value or []) if several else ([spot.value] if spot.value else [])
    chips = [tag("li", text_of(o.get("text"), viewer), data_value=o.get("value")) for o in chosen]
    menu = f"{spot.id}-menu"
    return tag(
        "div",
        tag("ul", chips, class_="chips", data_own=True),
        tag("input", type="text", role="combobox", id=spot.id, aria_expanded="false", aria_controls=menu,
            aria_autocomplete="list", autocomplete="off", autofocus=spot.autofocus,
            placeholder=text_of(spot.element.get("placeholder"), viewer) or viewer.say("search"), **spot.naming),
        tag("ul", id=menu, class_="found", role="listbox", hidden=True, data_own=True),
        class_="external", data_remove=viewer.say("remove", name="{name}"), data_nothing=viewer.say("nothing_found"),
        data_several=several, data_least=int(spot.element.get("min_query_length", 3)), **spot.field_hooks,
    )  # fmt: skip


def _choices(spot: Spot) -> list[tuple[str, list[tuple[str, str]]]]:
    """(group, [(value, label)]); a group without a name holds those that have none."""
    element, viewer = spot.element, spot.place.viewer
    kind = spot.kind.removeprefix("multi_")
    if kind == "users_select":
        people = [p for p in viewer.workspace.people.values() if not p.deleted]
        return [("", [(p.id, p.real_name) for p in people])]
    if kind in {"conversations_select", "channels_select"}:
        return [("", [(c.id, _place_name(c, viewer)) for c in _places(element, kind, viewer)])]
    if element.get("option_groups"):
        return [
            (
                text_of(g.get("label"), viewer),
                [(o["value"], text_of(o.get("text"), viewer)) for o in g.get("options", [])],
            )
            for g in element["option_groups"]
        ]
    return [("", [(o["value"], text_of(o.get("text"), viewer)) for o in blockkit.all_options(element)])]


def _places(element: Json, kind: str, viewer: Viewer) -> list[Channel]:
    wanted = (element.get("filter") or {}).get("include") or ["public", "private", "im", "mpim"]
    if kind == "channels_select":
        wanted = ["public"]
    names = {"channel": "public", "group": "private"}
    channels = [c for c in viewer.workspace.channels.values() if viewer.may_see(c) and not c.is_archived]
    return [c for c in channels if names.get(c.type, c.type) in wanted]


def _place_name(channel: Channel, viewer: Viewer) -> str:
    sign = "" if channel.is_im or channel.is_mpim else ("🔒 " if channel.is_private else "#")
    return sign + viewer.title_of(channel)


def _chosen(spot: Spot) -> set[str]:
    value = spot.value
    values = value if isinstance(value, list) else [value]
    return {str(v.get("value") if isinstance(v, dict) else v) for v in values if v}


def _select(spot: Spot) -> Markup:
    viewer, chosen = spot.place.viewer, _chosen(spot)
    placeholder = text_of(spot.element.get("placeholder"), viewer) or viewer.say("choose")
    parts: list[Markup] = [tag("option", placeholder, value="", selected=not chosen)]
    for group, options in _choices(spot):
        drawn = [tag("option", label, value=value, selected=value in chosen) for value, label in options]
        parts.append(tag("optgroup", drawn, label=group) if group else EMPTY.join(drawn))
    return tag("select", parts, id=spot.id, autofocus=spot.autofocus, **spot.field_hooks, **spot.naming)


def _multi(spot: Spot) -> Markup:
    viewer, chosen, menu = spot.place.viewer, _chosen(spot), f"{spot.id}-menu"
    parts: list[Markup] = []
    labels: list[str] = []
    for group, options in _choices(spot):
        if group:
            parts.append(tag("div", group, class_="group"))
        for value, label in options:
            labels += [label] if value in chosen else []
            box = tag("input", type="checkbox", value=value, checked=value in chosen)
            parts.append(tag("label", box, tag("span", label), class_="option"))
    placeholder = text_of(spot.element.get("placeholder"), viewer) or viewer.say("choose_some")
    return tag(
        "div",
        tag("button", tag("span", ", ".join(labels) or placeholder, class_="summary", data_own=True,
                          data_placeholder=placeholder),
            type="button", class_="choose", id=spot.id, popovertarget=menu, autofocus=spot.autofocus, **spot.naming),
        tag("div", parts, id=menu, popover="auto", class_="pop list"),
        class_="multi", **spot.field_hooks,
    )  # fmt: skip

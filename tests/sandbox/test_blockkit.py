"""What Slack's block checks let through and what they refuse, case by case."""

from typing import Any

import pytest

from sandbox import blockkit
from sandbox.errors import SlackError


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def section(text: str = "x", **more: Any) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **more}


def button(**more: Any) -> dict[str, Any]:
    return {"type": "button", "text": plain("Go"), **more}


def actions(*elements: dict[str, Any]) -> dict[str, Any]:
    return {"type": "actions", "elements": list(elements)}


def asks(element: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "input", "label": plain("Label"), "element": element, **more}


def select(count: int = 1, **more: Any) -> dict[str, Any]:
    return {"type": "static_select", "options": [option(str(i)) for i in range(count)], **more}


def option(value: str, text: str = "text") -> dict[str, Any]:
    return {"text": plain(text), "value": value}


def modal(*blocks: dict[str, Any], **more: Any) -> dict[str, Any]:
    view = {"type": "modal", "title": plain("Title"), "submit": plain("Save"), "blocks": list(blocks)}
    return {**view, **more}


def card(**more: Any) -> dict[str, Any]:
    return {"type": "card", "title": plain("x"), **more}


def carousel(count: int, kind: str = "card") -> dict[str, Any]:
    return {"type": "carousel", "elements": [{"type": kind, "title": plain("x")} for _ in range(count)]}


def container(*blocks: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "container", "title": plain("x"), "child_blocks": list(blocks or [section()]), **more}


def rows(count: int, columns: int = 2, text: str = "x") -> list[Any]:
    return [[{"type": "raw_text", "text": text} for _ in range(columns)] for _ in range(count)]


def data_table(*table: Any, **more: Any) -> dict[str, Any]:
    return {"type": "data_table", "caption": "x", "rows": list(table), **more}


def rich(text: str) -> dict[str, Any]:
    words = [{"type": "text", "text": text}]
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": words}]}


def chart(kind: str = "pie", title: str = "x") -> dict[str, Any]:
    return {"type": "data_visualization", "title": title, "chart": {"type": kind, "segments": []}}


TEXT_INPUT = {"type": "plain_text_input"}

REFUSED_IN_MESSAGES = [
    (section("x" * 3001), "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"),
    (section(""), "must be more than 0 characters [json-pointer:/blocks/0/text/text]"),
    ({"type": "section"}, "must have text or fields [json-pointer:/blocks/0]"),
    (section(fields=[plain("x")] * 11), "no more than 10 items allowed [json-pointer:/blocks/0/fields]"),
    (section(fields=[plain("x" * 2001)]), "must be less than 2001 characters [json-pointer:/blocks/0/fields/0/text]"),
    (section(block_id="x" * 256), "must be less than 256 characters [json-pointer:/blocks/0/block_id]"),
    (section(colour="red"), "invalid additional property: colour [json-pointer:/blocks/0]"),
    (
        {"type": "section", "text": {"type": "mrkdwn", "text": "x", "emoji": True}},
        "invalid additional property: emoji [json-pointer:/blocks/0/text]",
    ),
    (
        {"type": "header", "text": plain("x" * 151)},
        "must be less than 151 characters [json-pointer:/blocks/0/text/text]",
    ),
    (
        {"type": "header", "text": {"type": "mrkdwn", "text": "x"}},
        "unsupported type: mrkdwn [json-pointer:/blocks/0/text/type]",
    ),
    (
        {"type": "context", "elements": [plain("x")] * 11},
        "no more than 10 items allowed [json-pointer:/blocks/0/elements]",
    ),
    (actions(*[button(action_id=str(i)) for i in range(26)]), "no more than 25 items allowed"),
    (actions(), "no fewer than 1 items allowed [json-pointer:/blocks/0/elements]"),
    (
        actions(button(text=plain("x" * 76))),
        "must be less than 76 characters [json-pointer:/blocks/0/elements/0/text/text]",
    ),
    (actions(button(value="x" * 2001)), "must be less than 2001 characters"),
    (actions(button(url="x" * 3001)), "must be less than 3001 characters"),
    (actions(button(style="big")), "must be one of: primary, danger"),
    (actions(button(action_id="a"), button(action_id="a")), '`action_id` "a" already exists'),
    (actions(TEXT_INPUT), "unsupported type: plain_text_input"),
    (actions(select(101)), "no more than 100 items allowed"),
    (actions({"type": "static_select"}), "missing required field: options"),
    (actions(select(2, initial_option=option("9"))), "initial option must be one of the options"),
    (actions({"type": "static_select", "options": [option("x" * 151)]}), "must be less than 151 characters"),
    (actions({"type": "static_select", "options": [option("1", "x" * 76)]}), "must be less than 76 characters"),
    (actions({"type": "overflow", "options": [option(str(i)) for i in range(6)]}), "no more than 5 items allowed"),
    (actions({"type": "checkboxes", "options": [option(str(i)) for i in range(11)]}), "no more than 10 items allowed"),
    (actions(button(confirm={"title": plain("Sure")})), "missing required field: text"),
    (
        {"type": "image", "image_url": "https://example.com/x.png"},
        "missing required field: alt_text [json-pointer:/blocks/0]",
    ),
    ({"type": "image", "alt_text": "x"}, "must have exactly one of: image_url, slack_file"),
    ({"type": "alert", "text": plain("x")}, "unsupported type: alert [json-pointer:/blocks/0/type]"),
    ({"type": "file", "external_id": "x"}, "unsupported type: file"),
    ({"type": "markdown", "text": "x" * 12_001}, "must be less than 12001 characters"),
    (asks({"type": "file_input"}), "unsupported type: file_input"),
    ({"text": "x"}, "missing required field: type [json-pointer:/blocks/0/type]"),
    (card(title=None, subtitle=plain("x")), "must have at least one of: hero_image, title, actions, body"),
    (
        card(title=plain("x" * 151)),
        "must be less than 151 characters [json-pointer:/blocks/0/title/text]",
    ),
    (card(subtitle=plain("x" * 151)), "must be less than 151 characters [json-pointer:/blocks/0/subtitle/text]"),
    (card(body=plain("x" * 201)), "must be less than 201 characters [json-pointer:/blocks/0/body/text]"),
    (card(body="x"), "must be an object [json-pointer:/blocks/0/body]"),
    (card(actions=[select()]), "unsupported type: static_select [json-pointer:/blocks/0/actions/0/type]"),
    (carousel(11), "no more than 10 items allowed [json-pointer:/blocks/0/elements]"),
    (carousel(0), "no fewer than 1 items allowed [json-pointer:/blocks/0/elements]"),
    (carousel(1, "section"), "unsupported type: section [json-pointer:/blocks/0/elements/0/type]"),
    ({"type": "carousel", "elements": [card(body=plain("x" * 201))]}, "[json-pointer:/blocks/0/elements/0/body/text]"),
    (container(*[section() for _ in range(11)]), "no more than 10 items allowed [json-pointer:/blocks/0/child_blocks]"),
    (container(title=None), "must have title or rich_text_title [json-pointer:/blocks/0]"),
    (container(title=plain("x" * 151)), "must be less than 151 characters [json-pointer:/blocks/0/title/text]"),
    (
        container(title=None, rich_text_title=rich("x" * 151)),
        "must be less than 151 characters [json-pointer:/blocks/0/rich_text_title]",
    ),
    (container(container()), "unsupported type: container [json-pointer:/blocks/0/child_blocks/0/type]"),
    (container(card()), "unsupported type: card [json-pointer:/blocks/0/child_blocks/0/type]"),
    (container({"type": "markdown", "text": "x"}), "unsupported type: markdown"),
    (data_table(*rows(1)), "must have at least 2 items [json-pointer:/blocks/0/rows]"),
    (data_table(*rows(102)), "no more than 101 items allowed [json-pointer:/blocks/0/rows]"),
    ({**data_table(), "rows": 5}, "must be an array [json-pointer:/blocks/0/rows]"),
    (data_table(*rows(2), 5), "must be an array [json-pointer:/blocks/0/rows/2]"),
    (
        data_table(*rows(2), *rows(1, 3)),
        "must have exactly 2 items, like the first row [json-pointer:/blocks/0/rows/2]",
    ),
    (
        data_table([rich("x")], *rows(1, 1)),
        "unsupported type: rich_text [json-pointer:/blocks/0/rows/0/0/type]",
    ),
    (data_table(*rows(2), caption=None), "missing required field: caption [json-pointer:/blocks/0]"),
    (data_table(*rows(2), page_size=101), "must be between 1 and 100 [json-pointer:/blocks/0/page_size]"),
    (data_table(*rows(11, 10, "x" * 91)), "must be less than 10001 characters in all [json-pointer:/blocks/0/rows]"),
    (chart("cake"), "must be one of: pie, bar, area, line [json-pointer:/blocks/0/chart/type]"),
    (chart(title="x" * 51), "must be less than 51 characters [json-pointer:/blocks/0/title]"),
    ({"type": "data_visualization", "title": "x"}, "missing required field: chart [json-pointer:/blocks/0]"),
]

TAKEN_IN_MESSAGES = [
    section("x" * 3000, fields=[plain("x" * 2000), *[plain("x")] * 9], accessory=button()),
    {"type": "header", "text": plain("x" * 150)},
    {"type": "divider"},
    {
        "type": "context",
        "elements": [plain("x"), {"type": "image", "image_url": "https://e.example/x", "alt_text": "x"}],
    },
    actions(button(action_id="a"), select(100, action_id="b"), {"type": "users_select", "action_id": "c"}),
    actions({"type": "static_select", "option_groups": [{"label": plain("x"), "options": [option("1")]}]}),
    actions({"type": "datetimepicker", "initial_date_time": 1_700_000_000}),
    asks(TEXT_INPUT, dispatch_action=True),
    {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "x"}]}]},
    {"type": "markdown", "text": "**x**"},
    card(title=plain("x" * 150), subtitle=plain("x" * 150), body=plain("x" * 200), actions=[button()]),
    carousel(10),
    container(*[section() for _ in range(9)], chart(), title=None, rich_text_title=rich("x" * 150)),
    data_table(*rows(100), [rich("x"), {"type": "raw_number", "value": 7}], page_size=100),
    data_table(*rows(10, 10, "x" * 100)),
    chart("line"),
]

REFUSED_IN_VIEWS = [
    (modal(section(), title=plain("x" * 25)), "must be less than 25 characters [json-pointer:/view/title/text]"),
    (modal(section(), submit=plain("x" * 25)), "must be less than 25 characters [json-pointer:/view/submit/text]"),
    (modal(section(), private_metadata="x" * 3001), "must be less than 3001 characters"),
    (modal(section(), callback_id="x" * 256), "must be less than 256 characters"),
    (modal(*[section()] * 101), "no more than 100 items allowed [json-pointer:/view/blocks]"),
    (modal(asks(TEXT_INPUT), submit=None), "missing required field: submit [json-pointer:/view]"),
    (modal(section(block_id="a"), section(block_id="a")), "`block_id` a already exists"),
    (modal(asks({**TEXT_INPUT, "max_length": 3001})), "must be between 1 and 3000"),
    (modal(asks({**TEXT_INPUT, "min_length": 9, "max_length": 3})), "min_length must not be greater"),
    (modal(asks({"type": "number_input"})), "missing required field: is_decimal_allowed"),
    (
        modal(asks({"type": "number_input", "is_decimal_allowed": False, "min_value": "9", "max_value": "1"})),
        "min_value must not be greater than max_value",
    ),
    (modal(asks({"type": "datepicker", "initial_date": "21.11.2026"})), "must be a valid date"),
    (modal(asks({"type": "timepicker", "initial_time": "24:00"})), "must be a valid time"),
    (modal(asks({"type": "file_input", "max_files": 11})), "must be between 1 and 10"),
    (modal(asks({"type": "file_input"}, dispatch_action=True)), "dispatch_action is not allowed with file_input"),
    (modal(asks(button())), "unsupported type: button"),
    (modal(asks(TEXT_INPUT, label=plain("x" * 2001))), "must be less than 2001 characters"),
    (
        modal(asks({**TEXT_INPUT, "focus_on_load": True}), asks({**TEXT_INPUT, "focus_on_load": True})),
        "only one element may have focus_on_load",
    ),
    (
        modal(actions({"type": "conversations_select", "response_url_enabled": True})),
        "response_url_enabled is only allowed in input blocks of modals",
    ),
    (
        modal(actions({"type": "workflow_button", "text": plain("x"), "workflow": {}})),
        "unsupported type: workflow_button",
    ),
    (modal({"type": "markdown", "text": "x"}), "unsupported type: markdown"),
    (modal(section(), type="home"), "must be modal [json-pointer:/view/type]"),
    (modal(section(), colour="red"), "invalid additional property: colour [json-pointer:/view]"),
]


@pytest.mark.parametrize(("block", "message"), REFUSED_IN_MESSAGES)
def test_a_message_is_refused(block: dict[str, Any], message: str) -> None:
    with pytest.raises(SlackError) as refusal:
        blockkit.checked_message([block])
    assert refusal.value.error == "invalid_blocks"
    assert message in " ".join(refusal.value.extra["response_metadata"]["messages"])


@pytest.mark.parametrize("block", TAKEN_IN_MESSAGES)
def test_a_message_is_taken(block: dict[str, Any]) -> None:
    assert blockkit.checked_message([block])[0]["block_id"]


def test_a_message_has_fifty_blocks_at_most() -> None:
    blockkit.checked_message([{"type": "divider"} for _ in range(50)])
    with pytest.raises(SlackError, match="invalid_blocks"):
        blockkit.checked_message([{"type": "divider"} for _ in range(51)])


def test_a_message_has_two_charts_at_most() -> None:
    blockkit.checked_message([chart(), chart()])
    with pytest.raises(SlackError) as refusal:
        blockkit.checked_message([chart(), container(chart()), chart()])
    assert "no more than 2 data_visualization blocks allowed [json-pointer:/blocks/2]" in str(refusal.value.extra)


def test_all_blocks_of_a_message_have_a_limit_together() -> None:
    full = [section("x" * 2900), section("x" * 2900), section("x" * 2900), section("x" * 2900)]  # and 100 for each
    blockkit.checked_message([*full, actions(button(text=plain("x" * 75))), section("x" * 925)])
    with pytest.raises(SlackError, match="msg_blocks_too_long"):
        blockkit.checked_message([*full, actions(button(text=plain("x" * 75))), section("x" * 926)])
    with pytest.raises(SlackError, match="invalid_blocks"):
        blockkit.checked_message([*full, *full, section("x" * 3001)])


@pytest.mark.parametrize("block", [container(), carousel(1), data_table(*rows(2)), chart()])
def test_what_belongs_into_a_message_is_refused_in_a_form(block: dict[str, Any]) -> None:
    with pytest.raises(SlackError, match="invalid_arguments") as refusal:
        blockkit.checked_view(modal(block), "modal")
    assert f"unsupported type: {block['type']} [json-pointer:/view/blocks/0/type]" in str(refusal.value.extra)


@pytest.mark.parametrize(("view", "message"), REFUSED_IN_VIEWS)
def test_a_view_is_refused(view: dict[str, Any], message: str) -> None:
    with pytest.raises(SlackError) as refusal:
        blockkit.checked_view(view, "modal", {"files:read"})
    assert refusal.value.error == "invalid_arguments"
    assert message in " ".join(refusal.value.extra["response_metadata"]["messages"])


def test_a_view_gets_the_ids_that_the_app_left_out() -> None:
    view = blockkit.checked_view(modal(asks(dict(TEXT_INPUT))), "modal")
    assert view["blocks"][0]["block_id"]
    assert view["blocks"][0]["element"]["action_id"]


def test_a_home_has_no_title() -> None:
    blockkit.checked_view({"type": "home", "blocks": [section()]}, "home")
    with pytest.raises(SlackError, match="invalid_arguments"):
        blockkit.checked_view({"type": "home", "title": plain("x"), "blocks": [section()]}, "home")


def test_a_view_may_be_too_large() -> None:
    with pytest.raises(SlackError, match="view_too_large"):
        blockkit.checked_view(modal(*[section("x" * 3000) for _ in range(99)]), "modal")

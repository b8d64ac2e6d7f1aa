"""A tiny app that uses everything the page can draw. Run as a program, with the sandbox's address in SLACK_API_URL."""

import os
import signal
import time
from threading import Event
from typing import Any

from slack_bolt import Ack, App, Respond
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient

Json = dict[str, Any]

app = App(
    client=WebClient(token=os.environ["SLACK_BOT_TOKEN"], base_url=os.environ["SLACK_API_URL"]),
    process_before_response=True,
)


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def field(block_id: str, label: str, kind: str, **more: Any) -> Json:
    about: Json = {key: more.pop(key) for key in ("optional", "hint", "dispatch_action") if key in more}
    if "hint" in about:
        about["hint"] = plain(about["hint"])
    return {
        "type": "input",
        "block_id": block_id,
        "label": plain(label),
        "element": {"type": kind, "action_id": more.pop("action_id", "it"), **more},
        **about,
    }


def options(*values: str) -> list[Json]:
    return [{"text": plain(value.title()), "value": value} for value in values]


def every_field(more: bool = False) -> Json:
    blocks = [
        field("what", "What happened", "plain_text_input", hint="One sentence", placeholder=plain("Payments fail")),
        field("story", "The whole story", "plain_text_input", multiline=True, max_length=200, optional=True),
        field("count", "How many customers", "number_input", is_decimal_allowed=False, min_value="1"),
        field("kind", "What kind", "static_select", options=options("system", "privacy", "delivery")),
        field("tags", "Tags", "multi_static_select", options=options("urgent", "vip", "press"), optional=True),
        field("owner", "Owner", "users_select", initial_user="U0WANG"),
        field("place", "Channel", "conversations_select", optional=True),
        field("speed", "Speed", "radio_buttons", options=options("slow", "fast")),
        field("checks", "Checks", "checkboxes", options=options("seen", "called"), optional=True),
        field("day", "Day", "datepicker", initial_date="2026-11-21"),
        field("hour", "Hour", "timepicker", initial_time="09:30"),
        field("moment", "Moment", "datetimepicker", initial_date_time=1795262400),
        field("mail", "E-mail", "email_text_input", optional=True),
        field("site", "Site", "url_text_input", optional=True),
        field("proof", "Proof", "file_input", optional=True, max_files=2),
        field("customer", "Customer", "external_select", action_id="find", min_query_length=1, optional=True),
        {
            "type": "actions",
            "block_id": "extra",
            "elements": [{"type": "button", "action_id": "more", "text": plain("More details")}],
        },
    ]
    if more:
        blocks[-1] = field("money", "Money lost", "number_input", is_decimal_allowed=True, optional=True)
    return {
        "type": "modal",
        "callback_id": "everything",
        "title": plain("Report an incident"),
        "submit": plain("Report"),
        "close": plain("Cancel"),
        "notify_on_close": True,
        "blocks": blocks,
    }


@app.shortcut("everything")
def open_everything(ack: Ack, body: Json, client: WebClient) -> None:
    ack()
    client.views_open(trigger_id=body["trigger_id"], view=every_field())


@app.action("more")
def expand(ack: Ack, body: Json, client: WebClient) -> None:
    ack()
    client.views_update(view_id=body["view"]["id"], hash=body["view"]["hash"], view=every_field(more=True))


@app.options("find")
def customers(ack: Ack, payload: Json) -> None:
    names = ["acme", "initech", "globex"]
    ack(options=options(*(n for n in names if payload["value"].lower() in n)))


@app.view("everything")
def take(ack: Ack, body: Json, client: WebClient) -> None:
    values = body["view"]["state"]["values"]
    if (values["what"]["it"]["value"] or "").startswith("wrong"):
        ack(response_action="errors", errors={"what": "Say what happened, <b>not</b> that it is wrong."})
        return
    ack()
    lines = [
        f"{block_id}: {next((v for k, v in next(iter(state.values())).items() if k != 'type'), None)!r}"
        for block_id, state in values.items()
    ]
    client.chat_postMessage(channel="C0GENERAL", text="\n".join(lines).replace("<", "&lt;"))


@app.view_closed("everything")
def closed(ack: Ack, body: Json, client: WebClient) -> None:
    ack()
    client.chat_postMessage(channel=body["user"]["id"], text="You closed the form.")


@app.command("/toy")
def toy(ack: Ack, body: Json, client: WebClient, respond: Respond) -> None:  # noqa: C901 - one line a word
    word, _, rest = body["text"].partition(" ")
    if word == "form":
        client.views_open(trigger_id=body["trigger_id"], view=every_field())
        ack()
    elif word == "say":
        client.chat_postMessage(channel=body["channel_id"], text=rest)
        ack()
    elif word == "show":
        ack()
        client.chat_postMessage(channel=body["channel_id"], text="Something to press", blocks=showpiece())
    elif word == "stack":
        client.views_open(trigger_id=body["trigger_id"], view=layer(1))
        ack()
    elif word == "live":
        client.views_open(trigger_id=body["trigger_id"], view=live())
        ack()
    elif word == "press":
        ack()
        button = {"type": "button", "action_id": "layer", "text": plain("Open the form")}
        blocks = [{"type": "actions", "elements": [button]}]
        client.chat_postMessage(channel=body["channel_id"], text="A button", blocks=blocks)
    elif word == "long":
        client.views_open(trigger_id=body["trigger_id"], view=long())
        ack()
    elif word == "later":
        ack()
        respond(f"Later: {rest}")
    elif word == "slow":
        time.sleep(3.5)
    elif word == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    else:
        ack(f"Psst, <@{body['user_id']}>: *{rest or 'hush'}*")


def long(chapter: int = 1, note: str = "", more: bool = False) -> Json:
    """A form that is longer than the window; each one is followed by the next."""
    config = {"trigger_actions_on": ["on_enter_pressed"]}
    blocks = [
        field(
            "customer", "Which customer", "external_select", action_id="find", min_query_length=0, optional=True,
            placeholder=plain("Part of a name, a number or a phone number"),
        ),
        *(field(f"f{i}", f"Field {i}", "plain_text_input", multiline=True, optional=True) for i in range(1, 5)),
        {"type": "actions", "elements": [{"type": "button", "action_id": "unfold", "text": plain("Unfold")}]},
        field("reason", "Reason", "plain_text_input", optional=True, action_id="fold", dispatch_action=True,
              dispatch_action_config=config),
        *(field(f"f{i}", f"Field {i}", "plain_text_input", multiline=True, optional=True) for i in range(5, 8)),
        field("last", "The last number", "number_input", is_decimal_allowed=False, optional=True),
        *(field(f"f{i}", f"Field {i}", "plain_text_input", multiline=True, optional=True) for i in range(8, 12)),
    ]  # fmt: skip
    if more:
        blocks[5:6] = [field("money", "Money", "plain_text_input", optional=True)]
    text = plain(f"Chapter {chapter}. {note}")
    return {
        "type": "modal",
        "callback_id": f"long.{min(chapter, 2)}",
        "title": plain(f"Chapter {chapter}"),
        "submit": plain("Next"),
        "blocks": [{"type": "section", "text": text}, *blocks],
    }


@app.action("unfold")
def unfold(ack: Ack, body: Json, client: WebClient) -> None:
    ack()
    client.views_update(view_id=body["view"]["id"], view=long(more=True))


@app.action("fold")
def fold(ack: Ack, body: Json, client: WebClient) -> None:
    ack()
    client.views_update(view_id=body["view"]["id"], view=long(note="Noted."))


@app.view("long.1")
def second(ack: Ack) -> None:
    ack(response_action="update", view=long(2))


@app.view("long.2")
def third(ack: Ack, body: Json) -> None:
    chapter = int(body["view"]["title"]["text"].split()[-1])
    ack(response_action="update" if chapter == 2 else "push", view=long(chapter + 1))


def layer(number: int) -> Json:
    return {
        "type": "modal",
        "callback_id": f"layer.{number}",
        "title": plain(f"Layer {number}"),
        "submit": plain("Deeper"),
        "blocks": [field("note", f"Note {number}", "plain_text_input", optional=True)],
    }


def live(text: str = "nothing") -> Json:
    config = {"trigger_actions_on": ["on_character_entered"]}
    return {
        "type": "modal",
        "callback_id": "live",
        "title": plain("Live"),
        "blocks": [
            field(
                "name",
                "Name",
                "plain_text_input",
                action_id="live",
                dispatch_action=True,
                dispatch_action_config=config,
            ),
            field("size", "Size", "static_select", action_id="live", dispatch_action=True, options=options("s", "l")),
            {"type": "section", "block_id": "said", "text": plain(f"You said {text}.")},
            {"type": "section", "text": {"type": "mrkdwn", "text": "It goes on in <#C0INCIDENTS>."}},
        ],
        "submit": plain("Done"),
    }


@app.action("live")
def redraw(ack: Ack, body: Json, client: WebClient) -> None:
    ack()
    values = body["view"]["state"]["values"]
    size = (values["size"]["live"]["selected_option"] or {}).get("value")
    client.views_update(view_id=body["view"]["id"], view=live(f"{values['name']['live']['value']}, {size}"))


@app.action("layer")
def first(ack: Ack, body: Json, client: WebClient) -> None:
    client.views_open(trigger_id=body["trigger_id"], view=layer(1))
    ack()


@app.view("layer.1")
def deeper(ack: Ack) -> None:
    ack(response_action="push", view=layer(2))


@app.view("layer.2")
def out(ack: Ack) -> None:
    ack(response_action="clear")


def showpiece() -> list[Json]:
    now = int(time.time())
    return [
        {"type": "header", "text": plain(":red_circle: INC-42 · Payments fail")},
        {
            "type": "section",
            "block_id": "facts",
            "text": {
                "type": "mrkdwn",
                "text": "*Proposed: severity 1* because _120 customers_ are affected, ~not 12~ `code`\n• one\n• two\n"
                "> quoted <https://example.com/a_b_c|the link> &lt;b&gt;not bold&lt;/b&gt;\nafterwards <@U0LIN>"
                f" in <#C0INCIDENTS> due <!date^{now + 300}^{{time}} ({{ago}})|soon>",
            },
            "accessory": {
                "type": "overflow",
                "action_id": "overflow",
                "options": options("plan", "update"),
            },
        },
        {
            "type": "section",
            "fields": [{"type": "mrkdwn", "text": f"*Field {i}*\nvalue {i}"} for i in range(4)],
        },
        {"type": "divider"},
        {"type": "context", "elements": [{"type": "mrkdwn", "text": "Reported by <@U0ADA> :white_check_mark:"}]},
        {
            "type": "actions",
            "block_id": "press",
            "elements": [
                {"type": "button", "action_id": "press.ok", "text": plain("Confirm"), "style": "primary", "value": "1"},
                {
                    "type": "button",
                    "action_id": "press.drop",
                    "text": plain("Drop it"),
                    "style": "danger",
                    "confirm": {
                        "title": plain("Drop it?"),
                        "text": {"type": "mrkdwn", "text": "It is *gone* then."},
                        "confirm": plain("Drop"),
                        "deny": plain("Keep"),
                    },
                },
                {
                    "type": "static_select",
                    "action_id": "press.pick",
                    "placeholder": plain("Pick one"),
                    "options": options("red", "green"),
                },
            ],
        },
        {
            "type": "rich_text",
            "elements": [
                {"type": "rich_text_section", "elements": [{"type": "text", "text": "Rich ", "style": {"bold": True}}]},
                {
                    "type": "rich_text_list",
                    "style": "ordered",
                    "elements": [
                        {"type": "rich_text_section", "elements": [{"type": "text", "text": "first"}]},
                        {"type": "rich_text_section", "elements": [{"type": "user", "user_id": "U0LIN"}]},
                    ],
                },
            ],
        },
    ]


@app.action("press.ok")
@app.action("press.drop")
@app.action("press.pick")
@app.action("overflow")
def pressed(ack: Ack, body: Json, client: WebClient) -> None:
    ack()
    action = body["actions"][0]
    what = (action.get("selected_option") or {}).get("value") or action["action_id"]
    client.chat_update(
        channel=body["channel"]["id"],
        ts=body["message"]["ts"],
        text="used",
        blocks=[{"type": "section", "text": {"type": "mrkdwn", "text": f"<@{body['user']['id']}> used {what}"}}],
    )


@app.shortcut("quote")
def quote(ack: Ack, body: Json, client: WebClient) -> None:
    ack()
    client.chat_postMessage(
        channel=body["channel"]["id"], thread_ts=body["message"]["ts"], text=f"&gt; {body['message']['text']}"
    )


@app.event("app_home_opened")
def home(event: Json, client: WebClient) -> None:
    draw_home(client, event["user"], 0)


@app.action("home.add")
def add(ack: Ack, body: Json, client: WebClient) -> None:
    ack()
    draw_home(client, body["user"]["id"], int(body["actions"][0]["value"]) + 1)


def draw_home(client: WebClient, user: str, count: int) -> None:
    button = {"type": "button", "action_id": "home.add", "text": plain("One more"), "value": str(count)}
    text = f"Good afternoon, <@{user}>. You have {count} things to do."
    client.views_publish(
        user_id=user,
        view={
            "type": "home",
            "blocks": [
                {"type": "section", "text": {"type": "mrkdwn", "text": text}},
                {"type": "actions", "elements": [button]},
            ],
        },
    )


if __name__ == "__main__":
    handler = SocketModeHandler(app, os.environ["SLACK_APP_TOKEN"], web_client=app.client, ping_interval=1)
    handler.connect()  # type: ignore[no-untyped-call]
    Event().wait()

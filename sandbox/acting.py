"""What people do that reaches the app: commands, shortcuts, buttons, forms, App Home.

Each of these does what Slack's own client does: it looks whether it is possible, sends it, waits up to three seconds
for the answer, and shows what the answer says. `Outcome.ok` means that the app acknowledged; a form that came back with
errors was acknowledged too (see `Outcome.view.errors`).
"""

import asyncio
import re
from dataclasses import dataclass, field
from typing import Any

from sandbox import blockkit
from sandbox.delivery import Answer, Delivery
from sandbox.errors import SlackError
from sandbox.people import TEAM_DOMAIN
from sandbox.workspace import (
    APP_ID,
    STATE_KEYS,
    TEAM_ID,
    Change,
    Channel,
    Json,
    Message,
    Person,
    View,
    Workspace,
    initial_values,
    inputs,
)

ERRORS = {"timeout": "operation_timeout", "broken": "operation_timeout"}


@dataclass
class Outcome:
    """What the person sees afterwards.

    `error` when not ok: operation_timeout (no answer within three seconds), dispatch_failed (nobody there, or not 200),
    invalid_input (Slack's client refuses the form; `errors` says where), invalid_response (the app answered with
    something Slack refuses; `messages` says why), or the reason why the person cannot do this.
    """

    ok: bool
    error: str | None = None
    status: str = "not_sent"
    http_status: int | None = None
    response: Any = None
    took_ms: float = 0.0
    delivery_id: str = ""
    view: View | None = None
    ephemeral: Message | None = None
    message: Message | None = None
    errors: dict[str, str] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)


class Acting:
    def __init__(self, workspace: Workspace, delivery: Delivery) -> None:
        self.workspace = workspace
        self.delivery = delivery
        self._suggested: dict[tuple[str, str], list[Json]] = {}
        self._message_values: dict[tuple[str, str], dict[str, dict[str, Json]]] = {}

    def reset(self) -> None:
        self._suggested.clear()
        self._message_values.clear()

    # -- commands and shortcuts --------------------------------------------------------------------------------------

    async def command(self, user: str, channel: str, text: str) -> Outcome:
        """The person types `text` ("/incident list") into the composer of a channel."""
        person, place = self._person(user), self._place(channel, user)
        word, _, rest = text.strip().partition(" ")
        command = self.workspace.manifest.commands.get(word)
        if command is None or "commands" not in self.workspace.manifest.scopes:
            raise SlackError("unknown_command")
        if place.is_archived:
            raise SlackError("is_archived")
        hook = self.workspace.new_hook(place.id, person.id)
        payload = {
            "token": "sandbox-verification",
            "team_id": TEAM_ID,
            "team_domain": TEAM_DOMAIN,
            "channel_id": place.id,
            "channel_name": _channel_name(place),
            "user_id": person.id,
            "user_name": person.name,
            "command": word,
            "text": self._escaped(rest.strip()) if command.should_escape else rest.strip(),
            "api_app_id": APP_ID,
            "is_enterprise_install": "false",
            "response_url": self._response_url(hook.id),
            "trigger_id": self.workspace.new_trigger(person.id),
        }
        answer = await self.delivery.send("slash_commands", payload)
        outcome = self._outcome(answer, person.id)
        if answer.acked and answer.payload:
            self._show_reply(outcome, answer.payload, place, person)
        return outcome

    def _show_reply(self, outcome: Outcome, reply: Any, channel: Channel, person: Person) -> None:
        """Shows what the acknowledgement of a command carries: to the person only, if not told else."""
        if not isinstance(reply, dict) or not (reply.get("text") or reply.get("blocks") or reply.get("attachments")):
            return
        content = {"blocks": reply.get("blocks") or [], "attachments": reply.get("attachments") or []}
        try:
            if content["blocks"]:
                content["blocks"] = blockkit.checked_message(content["blocks"])
        except SlackError as e:
            self._refuse_response(outcome, e)
            return
        text = reply.get("text") or ""
        if reply.get("response_type") == "in_channel":
            outcome.message = self.workspace.post(channel, self.workspace.bot_user_id, text, **content)
        else:
            outcome.ephemeral = self.workspace.post_ephemeral(channel, person.id, text, **content)

    async def shortcut(self, user: str, callback_id: str) -> Outcome:
        """A global shortcut, from the search bar or the composer's menu."""
        person = self._person(user)
        self._check_shortcut(callback_id, "global")
        payload = self._base("shortcut", person) | {
            "callback_id": callback_id,
            "action_ts": self.workspace.next_ts(),
            "trigger_id": self.workspace.new_trigger(person.id),
        }
        return self._outcome(await self.delivery.send("interactive", payload), person.id)

    async def message_shortcut(self, user: str, channel: str, ts: str, callback_id: str) -> Outcome:
        """A shortcut from a message's menu."""
        person, place = self._person(user), self._place(channel, user)
        self._check_shortcut(callback_id, "message")
        message = self.workspace.message(place, ts)
        hook = self.workspace.new_hook(place.id, person.id, message)
        payload = self._base("message_action", person) | {
            "callback_id": callback_id,
            "action_ts": self.workspace.next_ts(),
            "trigger_id": self.workspace.new_trigger(person.id),
            "response_url": self._response_url(hook.id),
            "channel": {"id": place.id, "name": _channel_name(place)},
            "message_ts": ts,
            "message": self.workspace.message_json(message),
        }
        return self._outcome(await self.delivery.send("interactive", payload), person.id)

    def _check_shortcut(self, callback_id: str, kind: str) -> None:
        manifest = self.workspace.manifest
        shortcut = manifest.shortcuts.get(callback_id)
        if shortcut is None or shortcut.type != kind or "commands" not in manifest.scopes:
            raise SlackError("unknown_shortcut")
        if not manifest.interactivity:
            raise SlackError("interactivity_disabled")

    # -- buttons and menus -------------------------------------------------------------------------------------------

    async def click(
        self, user: str, channel: str, ts: str, action_id: str, block_id: str | None = None, given: Any = None
    ) -> Outcome:
        """Uses a button or menu in a message; `given` is what was chosen (an option's value, an id, a date ...)."""
        person, place = self._person(user), self._place(channel, user)
        message = self.workspace.any_message(place, ts, person.id)
        block, element = _find(message.blocks, action_id, block_id)
        action = self._action(person.id, block, element, given)
        key = (person.id, ts)
        values = initial_values({"blocks": message.blocks}, self._message_values.get(key, {}))
        if element["type"] in STATE_KEYS:
            state = {k: v for k, v in action.items() if k not in {"action_id", "block_id", "action_ts"}}
            values[block["block_id"]][action_id] = state
        self._message_values[key] = values
        if block["type"] == "input" and not block.get("dispatch_action"):
            return Outcome(True, view=self.workspace.top_view(person.id))
        self._check_interactivity()
        hook = self.workspace.new_hook(place.id, person.id, message)
        container: Json = {"type": "message", "message_ts": ts, "channel_id": place.id}
        container["is_ephemeral"] = message.ephemeral_to is not None
        if message.thread_ts:
            container["thread_ts"] = message.thread_ts
        payload = self._base("block_actions", person) | {
            "container": container,
            "trigger_id": self.workspace.new_trigger(person.id),
            "channel": {"id": place.id, "name": _channel_name(place)},
            "state": {"values": values},
            "response_url": self._response_url(hook.id),
            "actions": [action],
        }
        if not message.ephemeral_to:
            payload["message"] = self.workspace.message_json(message)
        return self._outcome(await self.delivery.send("interactive", payload), person.id)

    async def view_action(
        self, user: str, action_id: str, view_id: str | None = None, block_id: str | None = None, given: Any = None,
        values: Json | None = None,
    ) -> Outcome:  # fmt: skip
        """Uses a button or menu in the open form; what was typed meanwhile goes with it."""
        person = self._person(user)
        view = self._open_view(person.id, view_id)
        return await self._act_in_view(person, view, action_id, block_id, given, values)

    async def home_action(
        self, user: str, action_id: str, block_id: str | None = None, given: Any = None, values: Json | None = None
    ) -> Outcome:
        """Uses a button or menu in the person's App Home."""
        person = self._person(user)
        home = self.workspace.homes.get(person.id)
        if home is None:
            raise SlackError("not_found")
        return await self._act_in_view(person, home, action_id, block_id, given, values)

    async def _act_in_view(
        self, person: Person, view: View, action_id: str, block_id: str | None, given: Any, values: Json | None
    ) -> Outcome:
        if values:
            self.type(person.id, values, view)
        block, element = _find(view.definition.get("blocks", []), action_id, block_id)
        if given is None:  # what was typed into it
            given = view.values.get(block["block_id"], {}).get(action_id)
        action = self._action(person.id, block, element, given)
        if element["type"] in STATE_KEYS:
            state = {k: v for k, v in action.items() if k not in {"action_id", "block_id", "action_ts"}}
            self.workspace.fill(view, {block["block_id"]: {action_id: state}})
        if block["type"] == "input" and not block.get("dispatch_action"):
            return Outcome(True, view=view)
        self._check_interactivity()
        shown = self.workspace.view_json(view)
        payload = self._base("block_actions", person) | {
            "container": {"type": "view", "view_id": view.id},
            "trigger_id": self.workspace.new_trigger(person.id, None if view.type == "home" else view.id),
            "view": shown,
            "actions": [action],
        }
        return self._outcome(await self.delivery.send("interactive", payload), person.id)

    async def suggest(
        self, user: str, action_id: str, value: str, view_id: str | None = None, channel: str = "", ts: str = ""
    ) -> Outcome:
        """Types into an external select; the options come in `response`."""
        person = self._person(user)
        payload = self._base("block_suggestion", person) | {"action_id": action_id, "value": value}
        if channel:
            place = self._place(channel, user)
            message = self.workspace.any_message(place, ts, person.id)
            block, element = _find(message.blocks, action_id, None)
            payload |= {
                "container": {"type": "message", "message_ts": ts, "channel_id": place.id, "is_ephemeral": False},
                "channel": {"id": place.id, "name": _channel_name(place)},
                "message": self.workspace.message_json(message),
            }
        else:
            view = self._open_view(person.id, view_id)
            block, element = _find(view.definition.get("blocks", []), action_id, None)
            # Slack does not tell here what is typed and chosen in the view (bolt-python#336).
            shown = self.workspace.view_json(view) | {"state": {"values": {}}}
            payload |= {"container": {"type": "view", "view_id": view.id}, "view": shown}
        if "external" not in element["type"]:
            raise SlackError("not_an_external_select")
        if len(value) < element.get("min_query_length", 3):
            return Outcome(True, response={"options": []})
        payload["block_id"] = block["block_id"]
        answer = await self.delivery.send("interactive", payload)
        outcome = self._outcome(answer, person.id)
        if answer.acked:
            try:
                blockkit.checked_options(answer.payload)
            except SlackError as e:
                self._refuse_response(outcome, e)
            else:
                self._suggested[person.id, action_id] = list(blockkit.all_options(answer.payload))
        return outcome

    # -- forms -------------------------------------------------------------------------------------------------------

    def type(self, user: str, values: Json, view: View | None = None) -> View:
        """Fills fields without sending: {block_id: {action_id: state}}, or {block_id: text, number, value or list}."""
        shown = view or self._open_view(user, None)
        filled: dict[str, dict[str, Json]] = {}
        known = {b.get("block_id"): [e for other, e in inputs(shown.definition) if other is b] for b, _ in _all(shown)}
        for block_id, given in values.items():
            elements = known.get(block_id)
            if not elements:
                raise SlackError("no_such_field", field=block_id)
            for element in elements:
                action_id = element["action_id"]
                if isinstance(given, dict) and action_id in given:
                    filled.setdefault(block_id, {})[action_id] = self.state(user, element, given[action_id])
                elif len(elements) == 1:
                    filled[block_id] = {action_id: self.state(user, element, given)}
        self.workspace.fill(shown, filled)
        return shown

    async def submit(
        self, user: str, values: Json | None = None, view_id: str | None = None, force: bool = False
    ) -> Outcome:
        """Presses the form's submit button. `force` leaves out the checks that Slack's client makes."""
        person = self._person(user)
        view = self._open_view(person.id, view_id)
        if values:
            self.type(person.id, values, view)
        if not view.definition.get("submit"):
            raise SlackError("no_submit_button")
        self._check_interactivity()
        if not force and (errors := wrong_input(view)):
            self.workspace.set_errors(view, errors)
            return Outcome(False, "invalid_input", view=view, errors=errors)
        payload = self._base("view_submission", person) | {
            "trigger_id": self.workspace.new_trigger(person.id),
            "view": self.workspace.view_json(view),
            "response_urls": self._response_urls(person, view),
        }
        answer = await self.delivery.send("interactive", payload)
        outcome = self._outcome(answer, person.id)
        if answer.acked:
            try:
                outcome.errors = self._follow(view, answer.payload)
            except SlackError as e:
                self._refuse_response(outcome, e)
        outcome.view = self.workspace.top_view(person.id)
        return outcome

    def _follow(self, view: View, response: Any) -> dict[str, str]:
        """Does what the answer to a submission says; returns the notes under the fields."""
        action = response.get("response_action") if isinstance(response, dict) else None
        if not action:
            self.workspace.close_view(view)
        elif action == "clear":
            self.workspace.clear_views(view.user)
        elif action in {"update", "push"}:
            definition = response.get("view")
            if not isinstance(definition, dict):
                raise SlackError("invalid_response", response_metadata={"messages": ["[ERROR] missing view"]})
            definition = blockkit.checked_view(definition, "modal", self.workspace.manifest.scopes)
            if action == "push":
                self.workspace.push_view(view.user, definition)
            else:
                self.workspace.update_view(view, definition)
        elif action == "errors":
            errors = response.get("errors")
            fields = {b.get("block_id") for b in view.definition.get("blocks", []) if b.get("type") == "input"}
            if not isinstance(errors, dict) or not errors or not set(errors) <= fields:
                strange = sorted(set(errors or {}) - fields) if isinstance(errors, dict) else []
                message = f"[ERROR] errors must name input blocks of the view; not so: {', '.join(strange) or 'empty'}"
                raise SlackError("invalid_response", response_metadata={"messages": [message]})
            self.workspace.set_errors(view, errors)
            return dict(errors)
        else:
            raise SlackError("invalid_response", response_metadata={"messages": [f"[ERROR] unknown {action}"]})
        return {}

    async def close(self, user: str, view_id: str | None = None, all_: bool = False) -> Outcome:
        """Presses cancel; with `all_`, the x that closes the whole stack."""
        person = self._person(user)
        view = self._open_view(person.id, view_id)
        stack = self.workspace.stack(person.id)
        cleared = all_ or bool(view.definition.get("clear_on_close"))
        shown = stack[0] if cleared else view
        if cleared:
            self.workspace.clear_views(person.id)
        else:
            self.workspace.close_view(view)
        outcome = Outcome(True, view=self.workspace.top_view(person.id))
        if shown.definition.get("notify_on_close"):
            payload = self._base("view_closed", person) | {
                "view": self.workspace.view_json(shown),
                "is_cleared": cleared,
            }
            outcome = self._outcome(await self.delivery.send("interactive", payload), person.id)
        return outcome

    # -- App Home ----------------------------------------------------------------------------------------------------

    async def home(self, user: str, wait: float = 3.0) -> Outcome:
        """Opens the app's Home tab and waits until it is drawn anew; `view` is the Home."""
        person, workspace = self._person(user), self.workspace
        if not workspace.manifest.home_tab:
            raise SlackError("not_enabled")
        channel = workspace.direct([person.id, workspace.bot_user_id])
        event: Json = {"type": "app_home_opened", "user": person.id, "channel": channel.id, "tab": "home"}
        old = workspace.homes.get(person.id)
        if old is not None:
            event["view"] = workspace.view_json(old)
        if not self.delivery.wants(event, None):
            return Outcome(True, view=old)
        drawn = asyncio.Event()

        def look(change: Change) -> None:
            if change.kind == "home" and change.id == person.id:
                drawn.set()

        end = workspace.subscribe(look)
        try:
            workspace.send_event(event, None)
            await asyncio.wait_for(drawn.wait(), wait)
        except TimeoutError:
            return Outcome(False, "operation_timeout", "timeout", view=workspace.homes.get(person.id))
        finally:
            end()
        return Outcome(True, status="acked", view=workspace.homes.get(person.id))

    # -- parts of payloads -------------------------------------------------------------------------------------------

    def _base(self, kind: str, person: Person) -> Json:
        return {
            "type": kind,
            "token": "sandbox-verification",
            "team": {"id": TEAM_ID, "domain": TEAM_DOMAIN},
            "user": {"id": person.id, "username": person.name, "name": person.name, "team_id": TEAM_ID},
            "api_app_id": APP_ID,
            "enterprise": None,
            "is_enterprise_install": False,
        }

    def _action(self, user: str, block: Json, element: Json, given: Any) -> Json:
        kind = element["type"]
        action: Json = {"type": kind, "action_id": element["action_id"], "block_id": block["block_id"]}
        action["action_ts"] = self.workspace.next_ts()
        if kind == "button":
            action |= {k: element[k] for k in ("text", "value", "style", "url") if element.get(k)}
        elif kind == "overflow":
            action["selected_option"] = _option(element, given)
        elif given is not None:
            action |= self.state(user, element, given)
        else:
            key, initial, empty = STATE_KEYS.get(kind, ("", "", None))
            if key:
                action[key] = element.get(initial, empty)
        return action

    def state(self, user: str, element: Json, given: Any) -> Json:  # noqa: C901 - kind by kind
        """An input's state, as it travels, from a state or from the bare text, number, option value, id or list."""
        kind = element["type"]
        if kind not in STATE_KEYS:
            raise SlackError("not_an_input")
        key, _initial, empty = STATE_KEYS[kind]
        if isinstance(given, dict) and (key in given or "type" in given) and "rich_text" not in str(given.get("type")):
            return {**given, "type": kind, key: given.get(key, empty)}
        value: Any = given
        if given is None or given == "":
            value = empty
        elif key == "selected_option":
            value = self._chosen(user, element, given)
        elif key == "selected_options":
            chosen = given if isinstance(given, list) else [given]
            value = [self._chosen(user, element, g) for g in chosen]
        elif key == "files":
            ids = given if isinstance(given, list) else [given]
            value = [self._file(i) for i in ids]
        elif key.startswith("selected_") and key.endswith("s"):
            value = given if isinstance(given, list) else [given]
        elif key == "selected_date_time":
            value = int(given)
        elif key == "rich_text_value" and isinstance(given, str):
            part = {"type": "rich_text_section", "elements": [{"type": "text", "text": given}]}
            value = {"type": "rich_text", "elements": [part]}
        elif key == "value":
            value = str(given)
        state: Json = {"type": kind, key: value}
        if kind == "timepicker" and element.get("timezone"):
            state["timezone"] = element["timezone"]
        return state

    def _chosen(self, user: str, element: Json, given: Any) -> Json:
        if "external" not in element["type"]:
            return _option(element, given)
        if isinstance(given, dict):
            return given
        known = self._suggested.get((user, element["action_id"]), [])
        initial = [element["initial_option"]] if element.get("initial_option") else element.get("initial_options", [])
        for option in [*known, *initial]:
            if option.get("value") == given:
                return dict(option)
        raise SlackError("no_such_option", option=given)

    def _file(self, id_: Any) -> Json:
        file = self.workspace.files.get(id_["id"] if isinstance(id_, dict) else id_)
        if file is None:
            raise SlackError("file_not_found")
        return self.workspace.file_json(file)

    def _response_urls(self, person: Person, view: View) -> list[Json]:
        urls = []
        for block, element in inputs(view.definition):
            if element.get("response_url_enabled"):
                state = view.values.get(block["block_id"], {}).get(element["action_id"], {})
                channel = state.get("selected_conversation") or state.get("selected_channel")
                if channel:
                    hook = self.workspace.new_hook(channel, person.id)
                    ids = {"block_id": block["block_id"], "action_id": element["action_id"], "channel_id": channel}
                    urls.append({**ids, "response_url": self._response_url(hook.id)})
        return urls

    def _response_url(self, hook_id: str) -> str:
        return f"{self.workspace.address}/response/{hook_id}"

    def _outcome(self, answer: Answer, user: str) -> Outcome:
        error = None if answer.acked else ERRORS.get(answer.status, "dispatch_failed")
        return Outcome(
            answer.acked, error, answer.status, answer.http_status, answer.payload, answer.took_ms, answer.delivery_id,
            view=self.workspace.top_view(user),
        )  # fmt: skip

    def _refuse_response(self, outcome: Outcome, error: SlackError) -> None:
        outcome.ok, outcome.error = False, "invalid_response"
        outcome.messages = error.extra.get("response_metadata", {}).get("messages", [error.error])

    def _person(self, user: str) -> Person:
        person = self.workspace.person(user)
        if person.deleted or person.is_bot:
            raise SlackError("account_inactive")
        return person

    def _place(self, channel: str, user: str) -> Channel:
        """The channel, if the person can see it."""
        place = self.workspace.channel(channel)
        if place.type != "channel" and user not in place.members:
            raise SlackError("channel_not_found")
        return place

    def _open_view(self, user: str, view_id: str | None) -> View:
        view = self.workspace.top_view(user)
        if view is None or (view_id is not None and view.id != view_id):
            raise SlackError("view_not_open")
        return view

    def _check_interactivity(self) -> None:
        if not self.workspace.manifest.interactivity:
            raise SlackError("interactivity_disabled")

    def _escaped(self, text: str) -> str:
        """With should_escape, @names and #channels travel as <@U…|name> and <#C…|name>."""

        def mention(match: re.Match[str]) -> str:
            sign, name = match[1], match[2]
            if sign == "@":
                person = next((p for p in self.workspace.people.values() if p.name == name), None)
                return f"<@{person.id}|{name}>" if person else match[0]
            channel = next((c for c in self.workspace.channels.values() if c.name == name), None)
            return f"<#{channel.id}|{name}>" if channel else match[0]

        return re.sub(r"([@#])([a-z0-9_-]+)", mention, text)


def _channel_name(channel: Channel) -> str:
    if channel.is_im:
        return "directmessage"
    return "privategroup" if channel.is_private and not channel.is_mpim else channel.name


def _all(view: View) -> list[tuple[Json, Json]]:
    return list(inputs(view.definition))


def _find(blocks: list[Json], action_id: str, block_id: str | None) -> tuple[Json, Json]:
    """The element with this action_id, and its block."""
    for block in blocks:
        if block_id is not None and block.get("block_id") != block_id:
            continue
        parts = [block.get("element"), block.get("accessory"), *(block.get("elements") or [])]
        for element in parts:
            if isinstance(element, dict) and element.get("action_id") == action_id:
                return block, element
    raise SlackError("no_such_element", action_id=action_id)


def _option(element: Json, given: Any) -> Json:
    wanted = given.get("value") if isinstance(given, dict) else str(given)
    for option in blockkit.all_options(element):
        if option.get("value") == wanted:
            return option
    raise SlackError("no_such_option", option=wanted)


def wrong_input(view: View) -> dict[str, str]:
    """What Slack's client says before anything is sent: {block_id: sentence}."""
    wrong: dict[str, str] = {}
    for block, element in inputs(view.definition):
        if block["type"] != "input":
            continue
        state = view.values.get(block["block_id"], {}).get(element["action_id"], {})
        value = state.get(STATE_KEYS[element["type"]][0])
        if value in (None, "", []):
            if not block.get("optional"):
                wrong[block["block_id"]] = "Please complete this required field."
        elif sentence := _wrong_value(element, value):
            wrong[block["block_id"]] = sentence
    return wrong


def _wrong_value(element: Json, value: Any) -> str:  # noqa: C901, PLR0911 - one rule after the other
    kind = element["type"]
    if kind == "plain_text_input":
        low, high = element.get("min_length", 0), element.get("max_length", 3000)
        if len(value) < low:
            return f"Please enter at least {low} characters."
        if len(value) > high:
            return f"Please enter at most {high} characters."
    elif kind == "number_input":
        return _wrong_number(element, value)
    elif kind == "email_text_input" and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", value):
        return "Please enter a valid email address."
    elif kind == "url_text_input" and not re.match(r"https?://\S+$", value):
        return "Please enter a valid URL."
    elif kind == "file_input":
        if len(value) > element.get("max_files", 10):
            return f"Please add at most {element.get('max_files', 10)} files."
        kinds = element.get("filetypes")
        if kinds and any(f["filetype"] not in kinds for f in value):
            return f"Please add files of these types only: {', '.join(kinds)}."
    elif kind.startswith("multi_") and len(value) > element.get("max_selected_items", 100):
        return f"Please choose at most {element['max_selected_items']} items."
    return ""


def _wrong_number(element: Json, value: str) -> str:
    try:
        number = float(value)
    except ValueError:
        return "Please enter a number."
    if not element.get("is_decimal_allowed") and not number.is_integer():
        return "Please enter a whole number."
    if "min_value" in element and number < float(element["min_value"]):
        return f"Please enter a number of at least {element['min_value']}."
    if "max_value" in element and number > float(element["max_value"]):
        return f"Please enter a number of at most {element['max_value']}."
    return ""

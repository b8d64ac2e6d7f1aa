"""Forms and App Home."""

from sandbox import blockkit
from sandbox.errors import SlackError
from sandbox.webapi.call import TIER_4, Call, Method
from sandbox.workspace import Json, View


def open_(call: Call) -> Json:
    trigger_id, definition = call.required("trigger_id"), _definition(call, "modal")
    trigger = call.workspace.use_trigger(trigger_id)
    view = call.workspace.open_view(trigger.user, definition)
    trigger.used = True
    return _answer(call, view)


def push(call: Call) -> Json:
    trigger_id, definition = call.required("trigger_id"), _definition(call, "modal")
    trigger = call.workspace.use_trigger(trigger_id)
    if trigger.view_id is None or not call.workspace.views[trigger.view_id].open:
        raise SlackError("invalid_trigger_id")
    view = call.workspace.push_view(trigger.user, definition)
    trigger.used = True
    return _answer(call, view)


def update(call: Call) -> Json:
    if not call.given("view_id") and not call.given("external_id"):
        raise SlackError("invalid_arguments")
    view = call.workspace.view(call.text("view_id") or None, call.text("external_id") or None)
    definition = _definition(call, view.type)
    if not view.open:
        raise SlackError("not_found")
    return _answer(call, call.workspace.update_view(view, definition, call.text("hash") or None))


def publish(call: Call) -> Json:
    user = call.required("user_id")
    definition = _definition(call, "home")
    if not call.workspace.manifest.home_tab:
        raise SlackError("not_enabled")
    person = call.workspace.people.get(user)
    if person is None or person.deleted or person.is_bot:
        raise SlackError("user_not_found")
    return _answer(call, call.workspace.publish_home(user, definition, call.text("hash") or None))


def _definition(call: Call, surface: str) -> Json:
    view = call.structure("view", dict)
    if view is None:
        raise SlackError("invalid_arguments", response_metadata={"messages": ["[ERROR] missing required field: view"]})
    return blockkit.checked_view(view, surface, call.workspace.manifest.scopes)


def _answer(call: Call, view: View) -> Json:
    return {"view": call.workspace.view_json(view)}


METHODS = {
    "views.open": Method(open_, TIER_4),
    "views.push": Method(push, TIER_4),
    "views.update": Method(update, TIER_4),
    "views.publish": Method(publish, TIER_4),
}

"""The control API under /sandbox/: tests and benches act as people, move time, break things and read everything."""

import asyncio
import base64
import binascii
import json
import mimetypes
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from sandbox import blockkit, manifest
from sandbox.acting import Outcome
from sandbox.errors import SlackError
from sandbox.people import TEAM_DOMAIN, TEAM_NAME
from sandbox.workspace import TEAM_ID, Channel, Json, Message, View, Workspace

if TYPE_CHECKING:
    from sandbox.app import Sandbox

Act = Callable[["Sandbox", Json], Awaitable[Json]]


def routes(sandbox: "Sandbox") -> list[Route]:
    """The addresses; what each does is below, in the same order."""

    def get(path: str, answer: Callable[["Sandbox", Request], Awaitable[Any]], method: str = "GET") -> Route:
        async def endpoint(request: Request) -> JSONResponse:
            return _stranger(sandbox, request) or await _guarded(answer(sandbox, request))

        return Route(f"/sandbox/{path}", endpoint, methods=[method])

    def act(path: str, do: Act) -> Route:
        async def endpoint(request: Request) -> JSONResponse:
            if (refusal := _stranger(sandbox, request)) is not None:
                return refusal
            return await _guarded(_do(sandbox, do, await request.body()))

        return Route(f"/sandbox/{path}", endpoint, methods=["POST"])

    return [
        get("state", _state),
        get("channels/{channel}", _channel),
        get("views", _views),
        get("home/{user}", _home),
        get("ephemerals", _ephemerals),
        get("deliveries", _deliveries),
        get("calls", _calls),
        get("calls", _forget_calls, "DELETE"),
        get("faults", _faults),
        get("faults", _end_faults, "DELETE"),
        get("faults/{id:int}", _end_faults, "DELETE"),
        get("wait", _wait),
        *(act(f"act/{name}", do) for name, do in ACTS.items()),
        act("time", _time),
        act("reset", _reset),
        act("settings", _settings),
        act("faults", _fault),
        act("redeliver", _redeliver),
        act("disconnect", _disconnect),
    ]


def _stranger(sandbox: "Sandbox", request: Request) -> JSONResponse | None:
    """Only programs of this machine, and no other site's page in its browser, may use the control API."""
    here = request.client is not None and request.client.host in {"127.0.0.1", "::1", "testclient"}
    if here and request.headers.get("origin") in {None, sandbox.workspace.address}:
        return None
    return JSONResponse({"ok": False, "error": "the control API is for programs on this machine"}, 403)


TEXTS = {
    "action_id", "block_id", "callback_id", "channel", "content_base64", "delivery_id", "handle", "id", "locale",
    "manifest", "mimetype", "name", "real_name", "reason", "request_url", "text", "thread_ts", "title", "transport",
    "ts", "tz", "user", "view_id",
}  # fmt: skip
LISTS_OF_TEXTS = {"files", "invited", "members"}


async def _do(sandbox: "Sandbox", do: Act, raw: bytes) -> Json:
    """One act, once its body is what acts work with. Raises ValueError with a sentence."""
    try:
        body = json.loads(raw) if raw else {}
    except ValueError as e:
        raise ValueError(f"the body is not JSON: {e}") from e
    if not isinstance(body, dict):
        raise ValueError("the body must be a JSON object")  # noqa: TRY004 - a 400 like the others
    body = {key: value for key, value in body.items() if value is not None or key == "request_url"}
    for key, value in body.items():
        if value is None:
            continue
        if key in TEXTS and not isinstance(value, str):
            raise ValueError(f"{key} must be a text")
        if key in LISTS_OF_TEXTS and not (isinstance(value, list) and all(isinstance(each, str) for each in value)):
            raise ValueError(f"{key} must be a list of texts")
        if key in {"values", "match"} and not isinstance(value, dict):
            raise ValueError(f"{key} must be an object")
    return await do(sandbox, body)


async def _guarded(answer: Awaitable[Any]) -> JSONResponse:
    """Refusals become {"ok": false, "error"}; what is missing or senseless in a request is said in words."""
    try:
        return JSONResponse(await answer)
    except SlackError as e:
        return JSONResponse({"ok": False, "error": e.error, "status": "not_sent", **e.extra})
    except KeyError as e:
        return JSONResponse({"ok": False, "error": f"missing: {e.args[0]}"}, 400)
    except (ValueError, TypeError, manifest.WrongManifest, binascii.Error) as e:
        return JSONResponse({"ok": False, "error": str(e)}, 400)


# -- reading ---------------------------------------------------------------------------------------------------------


async def _state(sandbox: "Sandbox", _request: Request) -> Json:
    w = sandbox.workspace
    return {
        "now": w.now(),
        "team": {"id": TEAM_ID, "name": TEAM_NAME, "domain": TEAM_DOMAIN},
        "bot_user_id": w.bot_user_id,
        "people": {p.id: vars(p) for p in w.people.values()},
        "groups": {g.id: vars(g) for g in w.groups.values()},
        "channels": {c.id: channel_json(w, c) for c in w.channels.values()},
        "views": {v.id: view_json(w, v) for v in w.views.values() if v.type == "modal"},
        "homes": {user: view_json(w, home) for user, home in w.homes.items()},
        "files": {f.id: w.file_json(f) for f in w.files.values()},
        "bot": sandbox.child.ended if sandbox.child else "",
        "connections": len(sandbox.delivery.connections),
    }


async def _channel(sandbox: "Sandbox", request: Request) -> Json:
    return channel_json(sandbox.workspace, sandbox.workspace.channel(request.path_params["channel"]))


async def _views(sandbox: "Sandbox", request: Request) -> list[Json]:
    user = sandbox.workspace.person(request.query_params["user"])
    return [view_json(sandbox.workspace, v) for v in sandbox.workspace.stack(user.id)]


async def _home(sandbox: "Sandbox", request: Request) -> Json | None:
    home = sandbox.workspace.homes.get(sandbox.workspace.person(request.path_params["user"]).id)
    return None if home is None else view_json(sandbox.workspace, home)


async def _ephemerals(sandbox: "Sandbox", request: Request) -> list[Json]:
    w = sandbox.workspace
    user = request.query_params.get("user")
    if user:
        found = w.ephemerals_for(w.person(user).id, request.query_params.get("channel"))
    else:
        found = sorted((m for t in w.ephemerals.values() for m in t.values()), key=lambda m: m.ts)
    return [message_json(w, m) for m in found]


async def _deliveries(sandbox: "Sandbox", _request: Request) -> list[Json]:
    """What went out to the app, oldest first; `delivery_id` is for /sandbox/redeliver."""
    return [
        {"delivery_id": sent.id, "kind": sent.kind, "event": sent.payload.get("event")}
        for sent in sandbox.delivery.sent
    ]


async def _calls(sandbox: "Sandbox", request: Request) -> list[Json]:
    method = request.query_params.get("method")
    since = int(request.query_params.get("since", 0))
    return [vars(c) for c in sandbox.webapi.calls if c.n > since and method in {None, c.method}]


async def _forget_calls(sandbox: "Sandbox", _request: Request) -> Json:
    sandbox.webapi.calls.clear()
    return {"ok": True}


async def _wait(sandbox: "Sandbox", request: Request) -> Json:
    query = request.query_params
    timeout = float(query.get("timeout", 10))
    if "connections" in query:
        done = await sandbox.delivery.wait_for_connections(int(query["connections"]), timeout)
        return {"ok": done, "connections": len(sandbox.delivery.connections)}
    if query.get("until") != "calls_idle":
        raise ValueError("wait for connections=N or until=calls_idle")
    quiet, until = float(query.get("quiet_ms", 200)) / 1000, time.monotonic() + timeout
    while time.monotonic() < until:
        idle_for = time.monotonic() - sandbox.webapi.last_ended
        if not sandbox.webapi.running and sandbox.delivery.is_at_rest and idle_for >= quiet:
            return {"ok": True}
        await asyncio.sleep(0.005 if sandbox.webapi.running else max(0.002, quiet - idle_for))
    return {"ok": False, "error": "timeout", "running": sandbox.webapi.running}


# -- acting as people ------------------------------------------------------------------------------------------------

CHOICES = (
    "option", "selected_option", "selected_options", "selected_user", "selected_users", "selected_channel",
    "selected_channels", "selected_conversation", "selected_conversations", "selected_date", "selected_time",
    "selected_date_time", "value",
)  # fmt: skip


def _given(body: Json) -> Any:
    return next((body[key] for key in CHOICES if body.get(key) is not None), None)


async def _command(sandbox: "Sandbox", body: Json) -> Json:
    return outcome_json(sandbox, await sandbox.acting.command(body["user"], body["channel"], body["text"]))


async def _shortcut(sandbox: "Sandbox", body: Json) -> Json:
    return outcome_json(sandbox, await sandbox.acting.shortcut(body["user"], body["callback_id"]))


async def _message_shortcut(sandbox: "Sandbox", body: Json) -> Json:
    outcome = await sandbox.acting.message_shortcut(body["user"], body["channel"], body["ts"], body["callback_id"])
    return outcome_json(sandbox, outcome)


async def _click(sandbox: "Sandbox", body: Json) -> Json:
    outcome = await sandbox.acting.click(
        body["user"], body["channel"], body["ts"], body["action_id"], body.get("block_id"), _given(body)
    )
    return outcome_json(sandbox, outcome)


async def _view_action(sandbox: "Sandbox", body: Json) -> Json:
    outcome = await sandbox.acting.view_action(
        body["user"], body["action_id"], body.get("view_id"), body.get("block_id"), _given(body), body.get("values")
    )
    return outcome_json(sandbox, outcome)


async def _home_action(sandbox: "Sandbox", body: Json) -> Json:
    outcome = await sandbox.acting.home_action(
        body["user"], body["action_id"], body.get("block_id"), _given(body), body.get("values")
    )
    return outcome_json(sandbox, outcome)


async def _suggest(sandbox: "Sandbox", body: Json) -> Json:
    outcome = await sandbox.acting.suggest(
        body["user"], body["action_id"], body["value"], body.get("view_id"), body.get("channel", ""), body.get("ts", "")
    )
    return outcome_json(sandbox, outcome)


async def _type(sandbox: "Sandbox", body: Json) -> Json:
    view = sandbox.acting.type(sandbox.workspace.person(body["user"]).id, body["values"])
    return {"ok": True, "view": view_json(sandbox.workspace, view)}


async def _submit(sandbox: "Sandbox", body: Json) -> Json:
    outcome = await sandbox.acting.submit(
        body["user"], body.get("values"), body.get("view_id"), bool(body.get("force"))
    )
    return outcome_json(sandbox, outcome)


async def _close(sandbox: "Sandbox", body: Json) -> Json:
    return outcome_json(sandbox, await sandbox.acting.close(body["user"], body.get("view_id"), bool(body.get("all"))))


async def _open_home(sandbox: "Sandbox", body: Json) -> Json:
    return outcome_json(sandbox, await sandbox.acting.home(body["user"], float(body.get("timeout", 3.0))))


async def _message(sandbox: "Sandbox", body: Json) -> Json:
    w = sandbox.workspace
    user, address = w.person(body["user"]).id, body["channel"]
    channel = w.direct([user, address]) if address in w.people else w.channel(address)
    if user not in channel.members:
        raise SlackError("not_in_channel")
    if channel.is_im and w.bot_user_id in channel.members and not sandbox.may_write_to_bot:
        raise SlackError("messages_tab_disabled")
    more: Json = {"thread_ts": body.get("thread_ts"), "files": body.get("files") or []}
    if body.get("blocks"):
        more["blocks"] = blockkit.checked_message(body["blocks"])
    message = w.post(channel, user, body.get("text", ""), **more)
    return {"ok": True, "channel": channel.id, "ts": message.ts, "message": message_json(w, message)}


async def _react(sandbox: "Sandbox", body: Json) -> Json:
    w = sandbox.workspace
    do = w.unreact if body.get("remove") else w.react
    do(w.channel(body["channel"]), body["ts"], body["name"], w.person(body["user"]).id)
    return {"ok": True}


async def _join(sandbox: "Sandbox", body: Json) -> Json:
    w = sandbox.workspace
    w.join(w.channel(body["channel"]), w.person(body["user"]).id)
    return {"ok": True}


async def _leave(sandbox: "Sandbox", body: Json) -> Json:
    w = sandbox.workspace
    w.leave(w.channel(body["channel"]), w.person(body["user"]).id)
    return {"ok": True}


async def _invite(sandbox: "Sandbox", body: Json) -> Json:
    """`invited`: ids or names; "bot" is the app."""
    w = sandbox.workspace
    channel, user = w.channel(body["channel"]), w.person(body["user"]).id
    if user not in channel.members:
        raise SlackError("not_in_channel")
    for name in body["invited"]:
        w.join(channel, w.bot_user_id if name == "bot" else w.person(name).id, inviter=user)
    return {"ok": True}


async def _create_channel(sandbox: "Sandbox", body: Json) -> Json:
    w = sandbox.workspace
    channel = w.create_channel(body["name"], w.person(body["user"]).id, bool(body.get("is_private")))
    return {"ok": True, "channel": channel_json(w, channel)}


async def _archive(sandbox: "Sandbox", body: Json) -> Json:
    w = sandbox.workspace
    do = w.unarchive if body.get("undo") else w.archive
    do(w.channel(body["channel"]), w.person(body["user"]).id)
    return {"ok": True}


async def _upload(sandbox: "Sandbox", body: Json) -> Json:
    w = sandbox.workspace
    kind = body.get("mimetype") or mimetypes.guess_type(body["name"])[0] or "application/octet-stream"
    content = base64.b64decode(body["content_base64"], validate=True)
    file = w.add_file(w.person(body["user"]).id, body["name"], content, kind)
    return {"ok": True, "file": w.file_json(file)}


async def _profile(sandbox: "Sandbox", body: Json) -> Json:
    about = {key: value for key, value in body.items() if key != "user"}
    return {"ok": True, "person": vars(sandbox.workspace.update_person(body["user"], **about))}


async def _add_person(sandbox: "Sandbox", body: Json) -> Json:
    about = {key: value for key, value in body.items() if key not in {"id", "name", "real_name"}}
    person = sandbox.workspace.add_person(body["id"], body["name"], body.get("real_name") or body["name"], **about)
    return {"ok": True, "person": vars(person)}


async def _group(sandbox: "Sandbox", body: Json) -> Json:
    return {"ok": True, "group": vars(sandbox.workspace.set_group_members(body["handle"], body["members"]))}


ACTS: dict[str, Act] = {
    "command": _command,
    "shortcut": _shortcut,
    "message_shortcut": _message_shortcut,
    "click": _click,
    "view_action": _view_action,
    "home_action": _home_action,
    "suggest": _suggest,
    "type": _type,
    "submit": _submit,
    "close": _close,
    "home": _open_home,
    "message": _message,
    "react": _react,
    "join": _join,
    "leave": _leave,
    "invite": _invite,
    "create_channel": _create_channel,
    "archive": _archive,
    "upload": _upload,
    "profile": _profile,
    "add_person": _add_person,
    "group": _group,
}


# -- time, faults, connections ---------------------------------------------------------------------------------------


async def _time(sandbox: "Sandbox", body: Json) -> Json:
    if sandbox.child is not None:
        raise ValueError(
            "time stays as it is beside a program that the sandbox started (-- CMD), since that reads its own clock: "
            "start the sandbox without one to move the workspace's"
        )
    w = sandbox.workspace
    offset = w.clock.offset + float(body["advance"]) if "advance" in body else float(body["now"]) - time.time()
    w.move_time(offset)
    return {"ok": True, "now": w.now()}


async def _reset(sandbox: "Sandbox", body: Json) -> Json:
    installed = manifest.read(Path(body["manifest"])) if body.get("manifest") else None
    sandbox.reset(installed)
    return {"ok": True}


async def _settings(sandbox: "Sandbox", body: Json) -> Json:
    if "request_url" in body:
        sandbox.delivery.request_url = body["request_url"]
    if "transport" in body:
        if body["transport"] not in {"auto", "socket", "http"}:
            raise ValueError("transport must be auto, socket or http")
        sandbox.delivery.transport = body["transport"]
    if "rate_limits" in body:
        sandbox.webapi.rate_limits = bool(body["rate_limits"])
    if "patience" in body:
        sandbox.workspace.patience = float(body["patience"])
    return {
        "ok": True,
        "request_url": sandbox.delivery.request_url,
        "transport": sandbox.delivery.transport,
        "rate_limits": sandbox.webapi.rate_limits,
        "patience": sandbox.workspace.patience,
    }


async def _fault(sandbox: "Sandbox", body: Json) -> Json:
    fault = sandbox.faults.add(**body)
    if fault.sockets:
        await sandbox.delivery.refuse_sockets(True)
    return {"ok": True, "id": fault.id}


async def _faults(sandbox: "Sandbox", _request: Request) -> list[Json]:
    return [f.to_json() for f in sandbox.faults.all.values()]


async def _end_faults(sandbox: "Sandbox", request: Request) -> Json:
    removed = sandbox.faults.remove(request.path_params.get("id"))
    await sandbox.delivery.refuse_sockets(sandbox.faults.sockets_down())
    return {"ok": True, "removed": removed}


async def _redeliver(sandbox: "Sandbox", body: Json) -> Json:
    answer = await sandbox.delivery.send_again(body["delivery_id"], bool(body.get("exact", True)))
    return {**vars(answer), "ok": answer.acked, "response": answer.payload}


ENDS = ("warning", "refresh_requested", "link_disabled", "closed", "abrupt")


async def _disconnect(sandbox: "Sandbox", body: Json) -> Json:
    reason = body.get("reason", "refresh_requested")
    if reason not in ENDS:
        raise ValueError(f"reason must be one of: {', '.join(ENDS)}")
    return {"ok": True, "told": await sandbox.delivery.disconnect(reason)}


# -- as JSON ---------------------------------------------------------------------------------------------------------


def message_json(w: Workspace, message: Message) -> Json:
    shown = w.message_json(message, metadata=True) | {"channel": message.channel}
    return shown | {"ephemeral_to": message.ephemeral_to} if message.ephemeral_to else shown


def channel_json(w: Workspace, channel: Channel) -> Json:
    shown = dict(vars(channel)) | {"members": list(channel.members), "type": channel.type}
    return shown | {"messages": [message_json(w, m) for m in w.messages[channel.id].values()]}


def view_json(w: Workspace, view: View) -> Json:
    return w.view_json(view) | {"user": view.user, "open": view.open, "errors": view.errors}


def outcome_json(sandbox: "Sandbox", outcome: Outcome) -> Json:
    w = sandbox.workspace
    return {
        **vars(outcome),
        "view": None if outcome.view is None else view_json(w, outcome.view),
        "ephemeral": None if outcome.ephemeral is None else message_json(w, outcome.ephemeral),
        "message": None if outcome.message is None else message_json(w, outcome.message),
    }

"""One open browser window: who acts in it, what it shows, and what happens when something is pressed.

The window draws HTML by regions and sends to the browser what differs from what it sent before; `board.js` puts it
into the page without touching what is being typed, and reports what is pressed to `act`.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any

from nicegui.element import Element
from nicegui.events import GenericEventArguments

from sandbox.acting import Outcome
from sandbox.errors import SlackError
from sandbox.page import forms, frame, messages
from sandbox.page.fields import text_of
from sandbox.page.viewer import Viewer
from sandbox.page.when import local
from sandbox.workspace import Change, Channel, Json, View, inputs

if TYPE_CHECKING:
    from sandbox.app import Sandbox

PAGE = 200  # messages shown at first, and more each time one asks for earlier ones
GATHER = 0.03  # seconds in which changes are gathered before they are drawn
TICK = 2.0  # seconds after which "in 4 minutes" is drawn again
EVERYTHING = frozenset({"frame", "side", "main", "thread", "forms", "home"})
CONCERNS: dict[str, set[str]] = {
    "person": set(EVERYTHING),
    "group": {"main", "thread"},
    "channel": {"frame", "side", "main", "thread", "forms"},
    "message": {"frame", "side", "main", "thread"},
    "ephemeral": {"main", "thread"},
    "read": {"frame", "side"},
    "view": {"forms"},
    "home": {"home"},
    "connections": {"frame", "side", "main"},
    "reset": set(EVERYTHING),
    "file": set(),
}


class Board(Element, component="board.js"):
    """The element in the page; everything in it is drawn by `Window`."""


class Window:
    def __init__(self, sandbox: "Sandbox") -> None:
        self.sandbox = sandbox
        self.workspace = sandbox.workspace
        self.person = next((p.id for p in self.workspace.actors()), "")
        self.at = ""  # a channel's id, or "home"
        self.thread = ""
        self.most = PAGE
        self.new_from: str | None = None
        self.browsing = False
        self.intro = True
        self.visible = True
        self.board = Board()
        self.board.on("ready", self._ready)
        self.board.on("act", self._act)
        self.ended = False
        self._stop = self.workspace.subscribe(self._changed)
        self._dirty: set[str] = set()
        self._sent: dict[str, str] = {}
        self._sent_items: dict[str, dict[str, str]] = {}
        self._known: dict[str, dict[str, messages.Item]] = {"list": {}, "thread": {}}
        self._timer: asyncio.TimerHandle | None = None
        self._ticking: asyncio.Task[None] | None = None
        self._ready_once = False

    # -- life --------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        self.ended = True
        self._stop()
        if self._timer is not None:
            self._timer.cancel()
        if self._ticking is not None:
            self._ticking.cancel()

    @property
    def viewer(self) -> Viewer:
        return Viewer(self.workspace, self.workspace.people[self.person])

    @property
    def channel(self) -> Channel | None:
        return self.workspace.channels.get(self.at)

    async def _ready(self, event: GenericEventArguments) -> None:
        """The page is there (for the first time, or again after a lost connection) and says what its address names."""
        asked: Json = event.args if isinstance(event.args, dict) else {}
        if not self._ready_once:
            wanted = str(asked.get("as", ""))
            language = "zh" if str(asked.get("language", "")).lower().startswith("zh") else "en"
            actor = next((p for p in self.workspace.actors() if wanted in {p.id, p.name}), None)
            # A newcomer begins as the first person who speaks the browser's language.
            actor = actor or next((p for p in self.workspace.actors() if p.locale.lower().startswith(language)), None)
            self.person = actor.id if actor else self.person
            self.intro = not asked.get("introduced")
        self._ready_once = True
        self._sent.clear()
        self._sent_items.clear()
        self._ticking = self._ticking or asyncio.create_task(self._tick())
        self._go(str(asked.get("at", "")))
        thread = str(asked.get("thread", ""))
        if self.channel and thread in self.workspace.messages[self.channel.id]:
            self.thread = thread
        self._flush()
        if self.at == "home":
            await self._open_home({})

    async def _tick(self) -> None:
        while not self.ended:
            await asyncio.sleep(TICK)
            self._mark({"main", "thread", "home", "forms"})

    # -- drawing -----------------------------------------------------------------------------------------------------

    def _changed(self, change: Change) -> None:
        concerned = set(CONCERNS.get(change.kind, EVERYTHING))
        if change.kind in {"message", "ephemeral"} and change.id != self.at:
            concerned -= {"main", "thread"}
        if change.kind in {"home", "read"} and change.id != self.person and change.kind == "home":
            return
        if change.kind == "view":
            view = self.workspace.views.get(change.id)
            if view is not None and view.user != self.person:
                return
        if change.kind == "reset":
            self.at, self.thread, self.browsing = "", "", False
            for known in self._known.values():
                known.clear()
        if change.kind in {"person", "group"}:
            for known in self._known.values():
                known.clear()
        self._mark(concerned)

    def _mark(self, regions: set[str]) -> None:
        self._dirty |= regions
        if self._dirty and self._timer is None and self._ready_once and not self.ended:
            self._timer = asyncio.get_running_loop().call_later(GATHER, self._flush_marked)

    def _flush_marked(self) -> None:
        self._timer = None
        dirty, self._dirty = self._dirty, set()
        self._flush(dirty)

    def _flush(self, dirty: set[str] | frozenset[str] = EVERYTHING) -> None:
        """Draws the regions and sends what is different now."""
        if self.ended or not self._ready_once:
            return
        if self.person not in self.workspace.people:
            self.person = next(p.id for p in self.workspace.actors())
        if self.at != "home" and self.channel is None:
            self._go("")
        viewer, channel = self.viewer, self.channel
        self._read()
        patches: list[Json] = []
        for name, html in self._regions(dirty, viewer, channel).items():
            if self._sent.get(name) != html:
                self._sent[name] = html
                patches.append({"region": name, "html": html})
        patches += [p for p in self._lists(dirty, viewer, channel) if p]
        state = self._state(viewer, channel)
        if patches or self._sent.get("state") != str(state):
            self._sent["state"] = str(state)
            self.board.run_method("patch", patches, state)

    def _regions(self, dirty: set[str] | frozenset[str], viewer: Viewer, channel: Channel | None) -> dict[str, str]:
        drawn: dict[str, str] = {}
        connected = self.sandbox.delivery.reachable
        if "frame" in dirty:
            drawn["topbar"] = str(frame.topbar(viewer))
        if "side" in dirty:
            drawn["sidebar"] = str(frame.sidebar(viewer, self.at, connected))
        if "main" in dirty:
            top = ("" if connected else str(frame.away(viewer, self.sandbox.child))) + (
                str(frame.intro(viewer)) if self.intro and connected else ""
            )
            may = self.sandbox.may_write_to_bot
            drawn["notice"] = top
            drawn["head"] = str(frame.head(channel, viewer) if channel else frame.home_head(viewer))
            drawn["composer"] = str(frame.composer(channel, viewer, may)) if channel else ""
            drawn["menus"] = str(frame.message_menu(viewer))
            drawn["thread-head"] = str(frame.thread_head(viewer))
            drawn["thread-composer"] = (
                str(frame.composer(channel, viewer, may, self.thread)) if channel and self.thread else ""
            )
        if self.at == "home" and dirty & {"home", "main"}:
            drawn["home"] = str(forms.home(self.workspace.homes.get(self.person), viewer))
        return drawn

    def _lists(self, dirty: set[str] | frozenset[str], viewer: Viewer, channel: Channel | None) -> list[Json | None]:
        patches: list[Json | None] = []
        if "main" in dirty:
            items = (
                messages.in_channel(channel, viewer, self.most, self.new_from, self._known["list"]) if channel else []
            )
            patches.append(self._list_patch("list", items, f"{self.person}{self.at}"))
        if "thread" in dirty:
            if self.thread and (channel is None or self.thread not in self.workspace.messages[channel.id]):
                self.thread = ""
            items = (
                messages.in_thread(channel, self.thread, viewer, self._known["thread"])
                if channel and self.thread
                else []
            )
            patches.append(self._list_patch("thread-list", items, f"{self.person}{self.at}{self.thread}"))
        if "forms" in dirty:
            dialogs = [(v.id, str(forms.form(v, viewer))) for v in self.workspace.stack(self.person)]
            if self.browsing:
                dialogs.insert(0, ("browse", str(frame.browse(viewer))))
            patches.append(self._list_patch("dialogs", dialogs, ""))
        return patches

    def _list_patch(self, region: str, items: list[messages.Item], of: str) -> Json | None:
        before = self._sent_items.get(region, {})
        now = dict(items)
        fresh = self._sent.get(f"{region}-of") != of
        if now == before and list(now) == list(before) and not fresh:
            return None
        self._sent[f"{region}-of"] = of
        self._sent_items[region] = now
        changed = now if fresh else {k: html for k, html in now.items() if before.get(k) != html}
        return {"region": region, "order": list(now), "items": changed, "fresh": fresh}

    def _state(self, viewer: Viewer, channel: Channel | None) -> Json:
        unread = sum(viewer.calls(c) for c in self.workspace.channels_of(self.person))
        place = f"#{viewer.title_of(channel)}" if channel else viewer.workspace.manifest.bot_name
        return {
            "as": self.person,
            "at": self.at,
            "thread": self.thread,
            "language": "zh-CN" if viewer.language == "zh" else "en",
            "title": (f"({unread}) " if unread else "") + f"{place} · {viewer.say('page_title')}",
            "words": {key: viewer.say(key) for key in ("newest", "cancel", "skip", "menu", "messages", "thread")},
        }

    def _read(self) -> None:
        channel = self.channel
        if self.visible and channel is not None and self.person in channel.members:
            self.workspace.mark_read(self.person, channel.id)

    # -- going somewhere ---------------------------------------------------------------------------------------------

    def _go(self, at: str) -> None:
        """To a channel or to "home"; to the first channel when that is not possible."""
        viewer = self.viewer
        channel = self.workspace.channels.get(at)
        if at == "home" and self.workspace.manifest.home_tab:
            self.at = "home"
        elif channel is not None and viewer.may_see(channel):
            self.at = channel.id
        else:
            mine = [c for c in self.workspace.channels_of(self.person) if not c.is_im]
            self.at = next((c.id for c in mine if c.is_general), mine[0].id if mine else "home")
        self.thread, self.most, self.browsing = "", PAGE, False
        for known in self._known.values():
            known.clear()
        self.new_from = self._first_unread(self.viewer)

    def _first_unread(self, viewer: Viewer) -> str | None:
        channel = self.channel
        if channel is None or not viewer.unread(channel):
            return None
        since = self.workspace.reads.get(self.person, {}).get(channel.id, "")
        fresh = (
            m.ts for m in self.workspace.history(channel) if m.ts > since and m.user != self.person and not m.subtype
        )
        return next(fresh, None)

    # -- what is pressed ---------------------------------------------------------------------------------------------

    async def _act(self, event: GenericEventArguments) -> None:
        asked: Json = event.args if isinstance(event.args, dict) else {}
        do = ACTS.get(str(asked.get("do", "")))
        well = True
        if do is not None:
            try:
                outcome = await do(self, asked)
                if isinstance(outcome, Outcome) and not outcome.ok:
                    well = False
                    self._tell(outcome.error or "other", asked, "; ".join(outcome.messages))
            except SlackError as e:
                well = False
                self._tell(e.error, asked, e.error)
            except KeyError as e:
                well = False
                self._tell("other", asked, str(e))
        if self.ended:
            return
        self._flush()
        self.board.run_method("done", asked.get("token"), well)

    def _tell(self, error: str, asked: Json, why: str = "") -> None:
        """A failure as a sentence in the corner; wrong input stands beside the field already."""
        if error == "invalid_input":
            return
        viewer = self.viewer
        known = f"toast_{error}"
        what = str(asked.get("text", "")).split(" ")[0] if asked.get("do") == "send" else str(asked.get("label", ""))
        values = {"name": viewer.workspace.manifest.bot_name, "what": f"“{what}”", "why": why or error}
        try:
            text = viewer.say(known, **values)
        except KeyError:
            text = viewer.say("toast_other", **values)
        self.board.run_method("toast", text)

    async def _person(self, asked: Json) -> None:
        actor = next((p for p in self.workspace.actors() if p.id == asked["person"]), None)
        if actor is None:
            return
        self.person = actor.id
        for known in self._known.values():
            known.clear()
        at = self.at
        channel = self.channel
        if channel is not None and actor.id not in channel.members:
            at = ""
        self._go(at)
        if self.at == "home":
            await self._open_home({})

    async def _goto(self, asked: Json) -> None:
        if asked.get("view") and self.workspace.stack(self.person):
            # A link in a form leads away from it.
            await self.sandbox.acting.close(self.person, None, True)
        self._go(str(asked["goto"]))
        channel, ts = self.channel, str(asked.get("to_ts") or "")
        message = self.workspace.messages[channel.id].get(ts) if channel and ts else None
        if message is None:
            return
        if message.thread_ts and message.thread_ts != message.ts:
            self.thread = message.thread_ts
        self.most = max(self.most, sum(m >= ts for m in self.workspace.messages[message.channel]) + 1)
        self._flush()
        self.board.run_method("show", ts)

    async def _direct(self, asked: Json) -> None:
        other = self.workspace.person(str(asked["person"]))
        self._go(self.workspace.direct([self.person, other.id]).id)

    async def _open_home(self, _asked: Json) -> Outcome:
        if self.at != "home":
            self._go("home")
            self._flush()
        return await self.sandbox.acting.home(self.person)

    async def _open_thread(self, asked: Json) -> None:
        self.thread = str(asked.get("to") or asked.get("ts") or "")
        self._known["thread"].clear()

    async def _close_thread(self, _asked: Json) -> None:
        self.thread = ""

    async def _earlier(self, _asked: Json) -> None:
        self.most += PAGE

    async def _browse(self, _asked: Json) -> None:
        self.browsing = True

    async def _browse_close(self, _asked: Json) -> None:
        self.browsing = False

    async def _join(self, asked: Json) -> None:
        channel = self.workspace.channel(str(asked["goto"]))
        if channel.type != "channel":
            raise SlackError("channel_not_found")
        self.workspace.join(channel, self.person)
        self._go(channel.id)

    async def _introduction(self, _asked: Json) -> None:
        self.intro = True

    async def _introduced(self, _asked: Json) -> None:
        self.intro = False
        self.board.run_method("introduced")

    async def _start_again(self, _asked: Json) -> None:
        if self.sandbox.child is not None:
            self.sandbox.child.again.set()

    async def _seen(self, asked: Json) -> None:
        self.visible = bool(asked.get("visible"))

    async def _send(self, asked: Json) -> Outcome | None:
        channel, text = self.workspace.channel(str(asked["channel"])), str(asked["text"]).strip()
        if not text:
            return None
        thread = str(asked.get("thread") or "") or None
        if re.match(r"/[a-z]", text):
            if thread:
                raise SlackError("in_thread")
            await self._introduced({})
            return await self.sandbox.acting.command(self.person, channel.id, text)
        if self.person not in channel.members:
            raise SlackError("not_in_channel")
        if channel.is_im and self.workspace.bot_user_id in channel.members and not self.sandbox.may_write_to_bot:
            raise SlackError("messages_tab_disabled")
        self.workspace.post(channel, self.person, self._as_typed(text), thread_ts=thread)
        return None

    def _as_typed(self, text: str) -> str:
        """As Slack's client sends it: signs escaped, names, channels and addresses as links."""
        workspace = self.workspace

        def name(found: re.Match[str]) -> str:
            sign, word = found[1], found[2]
            if sign == "@":
                if word in {"here", "channel", "everyone"}:
                    return f"<!{word}>"
                person = next((p for p in workspace.people.values() if p.name == word), None)
                group = next((g for g in workspace.groups.values() if g.handle == word), None)
                return f"<@{person.id}>" if person else f"<!subteam^{group.id}>" if group else found[0]
            channel = next((c for c in workspace.channels.values() if c.name == word), None)
            return f"<#{channel.id}|{channel.name}>" if channel else found[0]

        text = escape(text, quote=False)
        text = re.sub(r"(?<![\w<@#/])([@#])([a-z0-9][a-z0-9_-]*)", name, text)
        return re.sub(r"(?<![<|\w])(https?://[^\s<>]*[^\s<>.,;:!?)\]'\"])", r"<\1>", text)

    async def _shortcut(self, asked: Json) -> Outcome:
        await self._introduced({})
        return await self.sandbox.acting.shortcut(self.person, str(asked["callback"]))

    async def _message_shortcut(self, asked: Json) -> Outcome:
        return await self.sandbox.acting.message_shortcut(
            self.person, str(asked["channel"]), str(asked["ts"]), str(asked["callback"])
        )

    async def _react(self, asked: Json) -> None:
        channel, ts, name = self.workspace.channel(str(asked["channel"])), str(asked["ts"]), str(asked["name"])
        message = self.workspace.message(channel, ts)
        if channel.is_archived:
            raise SlackError("is_archived")
        mine = any(r["name"] == name and self.person in r["users"] for r in message.reactions)
        (self.workspace.unreact if mine else self.workspace.react)(channel, ts, name, self.person)

    async def _pin(self, asked: Json) -> None:
        self.workspace.pin(self.workspace.channel(str(asked["channel"])), str(asked["ts"]), self.person)

    async def _unpin(self, asked: Json) -> None:
        self.workspace.unpin(self.workspace.channel(str(asked["channel"])), str(asked["ts"]), self.person)

    async def _upload_failed(self, _asked: Json) -> None:
        self.board.run_method("toast", self.viewer.say("toast_upload"))

    async def _dismiss(self, asked: Json) -> None:
        hidden = self.workspace.ephemerals.get(str(asked["channel"]), {}).get(str(asked["ts"]))
        if hidden is not None and hidden.ephemeral_to == self.person:
            self.workspace.delete_message(hidden)

    # -- the app's buttons and forms ---------------------------------------------------------------------------------

    async def _action(self, asked: Json) -> Outcome:
        action_id, block_id, given = str(asked["action_id"]), asked.get("block_id"), asked.get("given")
        acting = self.sandbox.acting
        view = self._shown_view(asked)
        if view is None:
            channel, ts = str(asked["channel"]), str(asked["ts"])
            message = self.workspace.any_message(self.workspace.channel(channel), ts, self.person)
            given = self._unix(message.blocks, block_id, action_id, given)
            return await acting.click(self.person, channel, ts, action_id, block_id, given)
        values = self._values(view, asked.get("values"))
        given = self._unix(view.definition.get("blocks", []), block_id, action_id, given)
        if view.type == "home":
            return await acting.home_action(self.person, action_id, block_id, given, values)
        return await acting.view_action(self.person, action_id, view.id, block_id, given, values)

    async def _typed(self, asked: Json) -> None:
        """What was typed is kept, so that a reload or another window shows it too."""
        view = self._shown_view(asked)
        if view is not None:
            self.sandbox.acting.type(self.person, self._values(view, asked.get("values")), view)

    async def _submit(self, asked: Json) -> Outcome:
        view = self._shown_view(asked)
        if view is None:
            raise SlackError("view_not_open")
        return await self.sandbox.acting.submit(self.person, self._values(view, asked.get("values")), view.id)

    async def _cancel(self, asked: Json) -> Outcome:
        return await self.sandbox.acting.close(self.person, str(asked["view"]), bool(asked.get("all")))

    async def _suggest(self, asked: Json) -> Outcome:
        view = self._shown_view(asked)
        outcome = await self.sandbox.acting.suggest(
            self.person, str(asked["action_id"]), str(asked["given"]),
            view.id if view else None, "" if view else str(asked["channel"]), "" if view else str(asked["ts"]),
        )  # fmt: skip
        response = outcome.response if isinstance(outcome.response, dict) else {}
        options = [*response.get("options", []), *(o for g in response.get("option_groups", []) for o in g["options"])]
        found = [{"value": o["value"], "label": text_of(o.get("text"), self.viewer)} for o in options]
        self.board.run_method("suggested", asked.get("field"), asked["given"], found)
        return outcome

    def _shown_view(self, asked: Json) -> View | None:
        """The view that something was pressed in; None when it was a message."""
        id_ = asked.get("view")
        if not id_:
            return None
        view = self.workspace.views.get(str(id_))
        if view is None or view.user != self.person or not view.open:
            raise SlackError("view_not_open")
        return view

    def _values(self, view: View, given: Any) -> dict[str, dict[str, Any]]:
        """What the fields of the browser say, for those fields that the view has now."""
        given = given if isinstance(given, dict) else {}
        values: dict[str, dict[str, Any]] = {}
        for block, element in inputs(view.definition):
            block_id, action_id = block.get("block_id", ""), element.get("action_id", "")
            by_action = given.get(block_id)
            if isinstance(by_action, dict) and action_id in by_action:
                value = self._in_unix(element, by_action[action_id])
                values.setdefault(block_id, {})[action_id] = value
        return values

    def _unix(self, blocks: list[Json], block_id: Any, action_id: str, given: Any) -> Any:
        for block, element in inputs({"blocks": blocks}):
            if block.get("block_id") == block_id and element.get("action_id") == action_id:
                return self._in_unix(element, given)
        return given

    def _in_unix(self, element: Json, given: Any) -> Any:
        """A browser's "2026-11-21T14:00" in the person's zone, as Slack's seconds since 1970."""
        if element.get("type") != "datetimepicker" or not isinstance(given, str) or not given:
            return given
        try:
            zone = local(0, self.viewer.tz).tzinfo
            return int(datetime.strptime(given, "%Y-%m-%dT%H:%M").replace(tzinfo=zone).timestamp())
        except ValueError:
            return None


ACTS: dict[str, Callable[[Window, Json], Awaitable[Outcome | None]]] = {
    "person": Window._person,
    "goto": Window._goto,
    "direct": Window._direct,
    "home": Window._open_home,
    "thread": Window._open_thread,
    "thread-close": Window._close_thread,
    "earlier": Window._earlier,
    "browse": Window._browse,
    "browse-close": Window._browse_close,
    "join": Window._join,
    "intro": Window._introduction,
    "intro-done": Window._introduced,
    "start-again": Window._start_again,
    "seen": Window._seen,
    "send": Window._send,
    "shortcut": Window._shortcut,
    "message-shortcut": Window._message_shortcut,
    "react": Window._react,
    "pin": Window._pin,
    "unpin": Window._unpin,
    "dismiss": Window._dismiss,
    "upload-failed": Window._upload_failed,
    "action": Window._action,
    "typed": Window._typed,
    "submit": Window._submit,
    "cancel": Window._cancel,
    "suggest": Window._suggest,
}

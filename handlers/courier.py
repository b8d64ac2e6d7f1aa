"""Carries the outbox to Slack: at once after a commit, again from the clock; in order, and never twice.

Each errand is claimed for a while (a lease), done, and deleted. What Slack refuses for now is put back with its
Retry-After; what may have taken effect without an answer is marked unsure, and looked for before it is done again.
"""

import hashlib
import http.client
import json
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.error import URLError

import structlog
from slack_sdk.errors import SlackApiError, SlackRequestError
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from handlers.blocks import Json
from handlers.desk import Desk, Drawing, Later
from handlers.metrics import ERRAND_SECONDS, ERRANDS
from storage import incidents, outbox, people
from storage.outbox import Errand, Message, Said
from storage.turns import Turns

log = structlog.get_logger(__name__)

Carry = Callable[[Desk, Errand], None]
Draw = Callable[[Desk, Connection, Message], Drawing]

LEASE = timedelta(seconds=40)  # longer than the calls of one errand take with their timeouts
THREADS = 64  # waiting for Slack, not working
PATIENCE_S = 2  # with what is in hand when it has to stop
EVENT = "hotline_message"

# Slack's own trouble: the call may even have taken effect (docs.slack.dev, fatal_error).
PASSING = {"internal_error", "fatal_error", "service_unavailable", "request_timeout", "rollup_error", "unknown"}
# The installation's trouble: somebody mends it, and then what waited is said.
SETUP = {
    "invalid_auth",
    "not_authed",
    "account_inactive",
    "token_revoked",
    "token_expired",
    "missing_scope",
    "not_allowed_token_type",
    "access_denied",
    "team_access_not_granted",
    "ekm_access_denied",
    "team_added_to_org",  # is on its way into an organisation: for a while nothing works
    "org_login_required",
    "accesslimited",
    "message_limit_exceeded",
}
# Of a message: the workspace lets nobody write there until an admin changes that.
FORBIDDEN = "restricted_action"
# There is nothing left to draw on: the channel is archived or gone, the message was deleted, the form was closed.
GONE = {
    "is_archived",
    "is_inactive",
    "message_not_found",
    "not_found",
    "user_disabled",
    "user_not_found",
    "edit_window_closed",  # what is so old, nobody may edit here; the card is said anew instead
}
# The channel is no place for the bot any more: it was removed from it (of a private one it sees nothing then), or
# somebody has archived it.
NO_PLACE = {"channel_not_found", "is_archived", "not_in_channel"}
OUTSIDE = {*NO_PLACE, "is_inactive"}
IN_ITS_CHANNEL = {"invite", "describe", "pin", "keep_message", "find_kept"}  # besides what is said there
WAITS_OUTSIDE = timedelta(days=3)  # for the bot to be let in again; then it is given up
SOON_S = 5  # the clock looks so often by itself


class Courier:
    """Threads that carry errands, taking turns with people's requests. `start()` and `stop()`; `wake()` after a commit.

    `errands` says what does an errand, `drawings` what draws a message. Those of `long` may take seconds by themselves:
    nobody waits for them; `interrupt` breaks off what may take minutes.
    """

    def __init__(
        self,
        desk: Desk,
        errands: Mapping[str, Carry],
        drawings: Mapping[str, Draw],
        turns: Turns,
        holder: str,
        threads: int = THREADS,
        long: Collection[str] = (),
        interrupt: Callable[[], None] = lambda: None,
    ) -> None:
        self._turns = turns
        self._desk = replace(desk, db=desk.db.patiently())
        self._errands = errands
        self._drawings = drawings
        self._holder = holder
        self._size = threads
        self._long = frozenset(long)
        self._interrupt = interrupt
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="courier")
        self._changed = threading.Condition()
        self._busy = 0
        self._news = False
        self._stopping = False
        # Carried, and still to be crossed out, with what was said by it: together with the next claim.
        self._finished: list[tuple[int, Said | None]] = []
        self._dispatcher: threading.Thread | None = None
        self._paused: dict[str, datetime] = {}  # Slack's method -> until when it wants to be left alone

    def start(self) -> None:
        """Carries what waits, and from now on whatever `wake` announces."""
        # All threads at once: where the machine has no room for them it is said now, not in the middle of an incident.
        everybody = threading.Barrier(self._size)
        for _ in range(self._size):
            self._pool.submit(everybody.wait)
        self._dispatcher = threading.Thread(target=self._dispatch, name="courier-dispatch", daemon=True)
        self._dispatcher.start()
        self.wake()

    def wake(self) -> None:
        """Something was written, or its time has come."""
        with self._changed:
            self._news = True
            self._changed.notify_all()

    def stop(self) -> None:
        """Finishes what is in hand, without what takes minutes; what waits is carried after the next start."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._dispatcher:
            self._dispatcher.join(timeout=30)
        with self._changed:
            while not self._changed.wait_for(lambda: not self._busy, PATIENCE_S):
                self._interrupt()
        self._pool.shutdown(wait=True)
        with self._changed:
            finished, self._finished = self._finished, []
        try:
            with self._desk.db.begin() as tx:
                self._write_down(tx, finished)
        except OperationalError as error:
            log.warning("the database can't be reached; what was done is looked for", error=type(error.orig).__name__)

    def settle(self, timeout: float) -> bool:
        """Waits until nothing is in hand and nothing can be done now. Returns False when that took too long."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._news and not self._busy, timeout)

    def _dispatch(self) -> None:
        while True:
            with self._changed:
                while not self._stopping and (not self._news or self._busy >= self._size):
                    self._changed.wait()
                if self._stopping:
                    return
                self._news = False
                finished, self._finished = self._finished, []
                free = self._size - self._busy
                self._busy += 1  # while claiming: `settle` must not think that all is done
            claimed: list[Errand] = []
            try:
                claimed = self._claim(free, finished)
            except SQLAlchemyError as error:  # also when all connections are in use: this thread must not end
                with self._changed:
                    self._finished += finished
                log.warning("the database can't be reached; what waits is carried later", error=type(error).__name__)
            with self._changed:
                self._busy += len(claimed) - 1
                if len(claimed) == free:
                    self._news = True  # there may be more
                self._changed.notify_all()
            for errand in claimed:
                self._pool.submit(self._carry_and_tell, errand)

    def _carry_and_tell(self, errand: Errand) -> None:
        try:
            self._carry(errand)
        finally:
            with self._changed:
                self._busy -= 1
                self._news = True  # what stood behind it in its lane can go now
                self._changed.notify_all()

    def _claim(self, limit: int, finished: Sequence[tuple[int, Said | None]]) -> list[Errand]:
        # After those who work: what they finish meanwhile is crossed out together, and whoever waits for a turn has
        # enough to do already.
        with self._turns.taken(patient=True), self._desk.db.begin() as tx:
            self._write_down(tx, finished)
            return outbox.claim(tx, self._desk.now(), self._holder, LEASE, limit)

    def _write_down(self, tx: Connection, finished: Sequence[tuple[int, Said | None]]) -> None:
        """What was done, and where what was said stands. A card is pinned then."""
        outbox.done(tx, [errand_id for errand_id, _ in finished])
        said = [each for _, each in finished if each is not None]
        outbox.set_said(tx, said)
        for each in said:
            if each.drawing == "card":
                lane = f"pin:{each.incident_id}"
                outbox.ask(tx, "pin", lane, self._desk.now(), each.incident_id, {"message": each.message_id})

    def _carry(self, errand: Errand) -> None:
        """Does one errand, and writes down what became of it. The one place where nothing may get out."""
        try:
            self._check_pause(errand)
            with nullcontext() if errand.errand in self._long else self._turns.taken(patient=True):
                said = self._do(errand)
        except Later as later:
            self._put_back(errand, later.seconds, str(later), unsure=False)
        except SlackApiError as error:
            self._refused(errand, error)
        except (URLError, http.client.HTTPException, OSError, SlackRequestError) as error:
            # No answer: it may have taken effect.
            self._put_back(errand, _backoff(errand.tries), type(error).__name__, unsure=True)
        except OperationalError as error:
            log.warning("the database can't be reached", errand=errand.errand, error=type(error.orig).__name__)
            # Its lease runs out, and then it is tried again.
        except Exception:  # a mistake of ours in one errand must not stop the others
            log.exception("an errand failed", errand=errand.errand, id=errand.id, incident=errand.incident_id)
            self._put_back(errand, _backoff(errand.tries + 4), "mistake", unsure=True)
        else:
            self._cross_out(errand, said)
            ERRANDS.labels(errand.errand, "done").inc()
            ERRAND_SECONDS.labels(errand.errand).observe((self._desk.now() - errand.created_at).total_seconds())

    def _do(self, errand: Errand) -> Said | None:
        if errand.errand == "draw":
            return self._draw(self._desk, errand)
        self._errands[errand.errand](self._desk, errand)
        return None

    def _cross_out(self, errand: Errand, said: Said | None = None) -> None:
        """It is done. One transaction crosses out all that are, and takes what comes next."""
        with self._changed:
            self._finished.append((errand.id, said))

    def _refused(self, errand: Errand, error: SlackApiError) -> None:
        response: Any = error.response
        status, word = response.status_code, str(response.get("error") or "unknown")
        if status == 429 or word in ("ratelimited", "rate_limited", "too_many_requests"):
            seconds = float(response.headers.get("Retry-After") or 1)
            self._paused[_lane_of_limit(errand)] = self._desk.now() + timedelta(seconds=seconds)
            self._put_back(errand, seconds, word, unsure=False)
        elif status >= 500 or word in PASSING or " " in word:  # words of Slack's have no spaces: a proxy's page
            self._put_back(errand, _backoff(errand.tries), word, unsure=True)
        elif word in SETUP or (errand.errand == "draw" and word.startswith(FORBIDDEN)):
            log.error("Slack refuses the bot: run `python -m bot check`", error=word, errand=errand.errand)
            self._put_back(errand, 60, word, unsure=False)
        elif word in OUTSIDE and self._is_of_open_channel(errand):
            # It waits; whatever there is to be done about the channel is an errand of its own.
            with self._desk.db.begin() as tx:
                name = f"find_back:{errand.incident_id}"
                detail = {"word": word}
                outbox.ask(tx, "find_back", name, self._desk.now(), errand.incident_id, detail, collapses=name)
            self._put_back(errand, _backoff(errand.tries), word, unsure=False)
        elif word in GONE:
            self._cross_out(errand)
        else:
            details = (response.get("response_metadata") or {}).get("messages")
            log.error("Slack refused for good", error=word, errand=errand.errand, id=errand.id, details=details)
            ERRANDS.labels(errand.errand, "given_up").inc()
            with self._desk.db.begin() as tx:
                outbox.give_up(tx, errand.id, word, self._desk.now())

    def _is_of_open_channel(self, errand: Errand) -> bool:
        """Whether this belongs into the channel that an open incident has now."""
        if errand.incident_id is None or self._desk.now() - errand.created_at > WAITS_OUTSIDE:
            return False
        with self._desk.db.read() as tx:
            incident = incidents.get(tx, errand.incident_id)
            if not incident.status.is_open:
                return False
            if errand.errand != "draw":
                return errand.errand in IN_ITS_CHANNEL
            message = outbox.message(tx, int(errand.message_id or 0))
        return message.place == "incident" and message.channel_id in (None, incident.channel_id)

    def _put_back(self, errand: Errand, seconds: float, why: str, unsure: bool) -> None:
        ERRANDS.labels(errand.errand, "put_back").inc()
        with self._desk.db.begin() as tx:
            outbox.put_back(tx, errand, self._desk.now() + timedelta(seconds=seconds), why, unsure)
        if seconds < SOON_S:
            self._desk.wake()  # the clock has to know, else it waits for its next look

    def _check_pause(self, errand: Errand) -> None:
        until = self._paused.get(_lane_of_limit(errand))
        if until is not None and (left := (until - self._desk.now()).total_seconds()) > 0:
            raise Later("paused", left)

    def _draw(self, desk: Desk, errand: Errand) -> Said | None:
        """Says a message, or edits it to what is true now. Where it stands now, if it was not said before: written down
        when the errand is crossed out, and looked for if we die before that."""
        assert errand.message_id is not None  # noqa: S101 - storage/outbox.py writes it
        with desk.db.read() as tx:
            message = outbox.message(tx, errand.message_id)
            drawing = self._drawings[message.drawing](desk, tx, message)
            first = outbox.message(tx, message.thread) if message.thread else None
            place = None if message.ts else _place(desk, tx, message)
            if not (message.ts or place) and message.place == "incident":
                incident = incidents.get(tx, message.incident_id)
                if not incident.status.is_open:
                    return None  # its channel was never opened
        if drawing.then:
            with desk.db.begin() as tx:
                name = f"{drawing.then}:{message.incident_id}"
                outbox.ask(tx, drawing.then, name, desk.now(), message.incident_id, collapses=name)
        blocks = [block.to_dict() for block in drawing.blocks]
        if message.place == "person":
            self._show_at_home(desk, str(message.user_id))
        if message.ts and message.channel_id:
            return self._edit(message, drawing.text, blocks)
        if first is not None and first.ts is None:
            raise Later("its thread has not begun", 5)
        thread = first.ts if first else None
        channel_id = str(first.channel_id) if first else place or _find_place(desk, message)
        try:
            ts = _already_said(desk, channel_id, message, thread) if errand.unsure else None
            ts = ts or _say(desk, channel_id, message, drawing.text, blocks, thread)
        except SlackApiError as error:
            if first is None and error.response["error"] in NO_PLACE:
                _look_anew(desk, message)
            raise
        digest = _digest(drawing.text, blocks) if message.drawing in outbox.AT_LEISURE else None
        return Said(message.id, message.incident_id, message.drawing, channel_id, ts, digest)

    def _edit(self, message: Message, text: str, blocks: list[Json]) -> Said | None:
        """What is read at leisure is left alone while it looks the same: its thread stays as people know it. Where it
        stands now, when it could only be said anew."""
        digest = _digest(text, blocks)
        at_leisure = message.drawing in outbox.AT_LEISURE
        if at_leisure and digest == message.digest:
            return None
        try:
            self._desk.client.chat_update(channel=str(message.channel_id), ts=str(message.ts), text=text, blocks=blocks)
        except SlackApiError as error:
            if message.drawing != "card" or error.response["error"] != "edit_window_closed":
                raise
            return self._say_anew(message, text, blocks)
        if at_leisure:
            with self._desk.db.begin() as tx:
                outbox.set_digest(tx, message.id, digest)
        return None

    def _say_anew(self, message: Message, text: str, blocks: list[Json]) -> Said:
        """A card that can't be edited any more is said once more; the new one is pinned in its place."""
        channel_id = str(message.channel_id)
        try:
            self._desk.client.pins_remove(channel=channel_id, timestamp=str(message.ts))
        except SlackApiError as error:
            if error.response["error"] not in ("no_pin", "message_not_found"):
                raise
        ts = _say(self._desk, channel_id, message, text, blocks, None)
        return Said(message.id, message.incident_id, message.drawing, channel_id, ts, None)

    def _show_at_home(self, desk: Desk, user_id: str) -> None:
        """What somebody is told, and what has become of it, is seen in their App Home too while they look at it."""
        with desk.db.read() as tx:
            person = people.get(tx, user_id)
        if person is not None and person.is_at_home(desk.now()):
            with desk.db.begin() as tx:
                outbox.ask_for_home(tx, user_id, desk.now())


def _digest(text: str, blocks: list[Json]) -> str:
    return hashlib.sha256(json.dumps([text, blocks]).encode()).hexdigest()


def _say(desk: Desk, channel_id: str, message: Message, text: str, blocks: list[Json], thread: str | None) -> str:
    """Posts a message that can be found again by its id. Returns its ts."""
    said = desk.client.chat_postMessage(
        channel=channel_id,
        text=text,
        blocks=blocks,
        thread_ts=thread,
        metadata={"event_type": EVENT, "event_payload": {"message": message.id}},
        unfurl_links=False,
        unfurl_media=False,
    )
    return str(said["ts"])


def _place(desk: Desk, tx: Connection, message: Message) -> str | None:
    """Where it is to be said, as far as it is known."""
    if message.place == "incident":
        return incidents.channel_of(tx, message.incident_id)
    if named := _named_place(desk, message.place):
        return people.place(tx, named)
    return people.dm_channel(tx, str(message.user_id))


def _named_place(desk: Desk, place: str) -> str | None:
    """The channel that the procedure names for it, if it names one."""
    channels = desk.procedure.channels
    return {"announcements": channels.announcements, "reviews": channels.reviews}.get(place)


def _look_anew(desk: Desk, message: Message) -> None:
    """Somebody has archived or replaced the channel that the procedure names, if it names one: it is looked for, and
    the message waits. Raises Later then."""
    if named := _named_place(desk, message.place):
        with desk.db.begin() as tx:
            people.forget_place(tx, named)
        raise Later(f"the channel for {message.place} is gone", 60)


def _find_place(desk: Desk, message: Message) -> str:
    """A place that is not known yet. Raises Later when there is none."""
    if message.place == "incident":
        raise Later("the channel is not open yet", 5)
    if named := _named_place(desk, message.place):
        return find_place(desk, named)
    return direct_channel(desk, str(message.user_id))


def direct_channel(desk: Desk, user_id: str) -> str:
    """The id of the direct messages with somebody; opened once, and remembered."""
    with desk.db.read() as tx:
        channel_id = people.dm_channel(tx, user_id)
    if channel_id is None:
        opened = desk.client.conversations_open(users=[user_id])
        channel_id = str(opened["channel"]["id"])
        with desk.db.begin() as tx:
            people.set_dm_channel(tx, user_id, channel_id)
    return channel_id


def find_place(desk: Desk, name: str) -> str:
    """The id of a channel that the procedure names, joined by the bot so that it can look back there: a public one by
    its name, any by its id.

    Raises Later when there is none: somebody creates it, and then what waited is said.
    """
    if not name.startswith("#"):
        return _join(desk, name)
    for page in desk.client.conversations_list(types="public_channel", exclude_archived=True, limit=500):
        for channel in page["channels"]:
            if channel["name"] == name.removeprefix("#"):
                if not channel.get("is_member"):
                    desk.client.conversations_join(channel=channel["id"])
                with desk.db.begin() as tx:
                    people.set_place(tx, name, channel["id"])
                return str(channel["id"])
    log.error("the procedure names a channel that does not exist", channel=name)
    raise Later(f"no channel {name}", 600)


def _join(desk: Desk, channel_id: str) -> str:
    """Raises Later when the bot can't get in: somebody invites it into a private channel, and then it goes on."""
    try:
        desk.client.conversations_join(channel=channel_id)
    except SlackApiError as error:
        if may_pass(error):
            raise
        word = str(error.response["error"])
        if word != "method_not_supported_for_channel_type":  # else it is private, and we are in: others don't see it
            log.warning(
                "the procedure names a channel that the bot can't reach: run `python -m bot check`",
                channel=channel_id,
                error=word,
            )
            raise Later(f"no channel {channel_id}", 60) from None
    with desk.db.begin() as tx:
        people.set_place(tx, channel_id, channel_id)
    return channel_id


def _already_said(desk: Desk, channel_id: str, message: Message, thread: str | None) -> str | None:
    """Looks for a message of which no answer came: by the id in its metadata (Slack has no idempotency key)."""
    oldest = (message.created_at - timedelta(hours=1)).timestamp()  # clocks differ
    if thread is None:
        pages = desk.client.conversations_history(
            channel=channel_id, oldest=str(oldest), limit=200, include_all_metadata=True
        )
    else:
        pages = desk.client.conversations_replies(channel=channel_id, ts=thread, limit=200, include_all_metadata=True)
    for page in pages:
        for said in page["messages"]:
            metadata = said.get("metadata") or {}
            if metadata.get("event_type") == EVENT and metadata.get("event_payload", {}).get("message") == message.id:
                return str(said["ts"])
    return None


def may_pass(error: SlackApiError) -> bool:
    """Whether trying again later may help: Slack is busy or in trouble, or the installation is being mended."""
    response: Any = error.response
    word = str(response.get("error") or "unknown")
    busy = ("ratelimited", "rate_limited", "too_many_requests")
    return (
        response.status_code == 429 or response.status_code >= 500 or word in {*PASSING, *SETUP, *busy} or " " in word
    )


def _lane_of_limit(errand: Errand) -> str:
    """What Slack counts together: messages by channel (about one a second), everything else by method."""
    return errand.lane if errand.errand == "draw" else errand.errand


def _backoff(tries: int) -> float:
    """Seconds until the next try: 1, 2, 4 ... at most a minute."""
    return float(min(2 ** max(tries - 1, 0), 60))

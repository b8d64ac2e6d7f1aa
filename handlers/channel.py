"""An incident's channel: opened (create, invite: two calls), described, and archived in the end.

report -> open_channel -> invite, topic and purpose, card, announcement, link in the form: side by side.
Each errand first looks at what is done already, so that it can be carried again after any failure.
"""

import http.client
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from anyascii import anyascii
from slack_sdk.errors import SlackApiError
from slack_sdk.web import SlackResponse
from sqlalchemy import Connection

from bot import deadlines as rules
from bot.incident import Duty, Incident, Role, Status
from bot.postmortem import State
from bot.wording import Mrkdwn, channel_link, escape, mention
from handlers import courier
from handlers.blocks import beginning, section
from handlers.desk import Desk, Drawing, Later
from storage import deadlines, incidents, journal, outbox, people, postmortems, roles
from storage.outbox import Asked, Errand, Message, Saying

log = structlog.get_logger(__name__)

NAME_LENGTH = 50  # Slack takes 80; people have to find it in a list that shows less than half of that
INVITE_AT_ONCE = 100
TOPIC_LENGTH = 250
ARCHIVED = {"is_archived", "is_inactive"}  # Slack's words for it
CLOCK_SKEW = timedelta(minutes=2)
OF_POSTMORTEM = (Duty.SECTION, Duty.POSTMORTEM, Duty.ACCEPT_POSTMORTEM)
IN_NEW_CHANNEL = ("card", "checklist", "requests")  # what is kept current there, if there was one
ASKS_AGAIN = timedelta(hours=4)  # to be let in, when nobody has done it
LOOKS_AGAIN_AFTER = timedelta(days=1)  # whether a channel can be archived
TRIED_AGAIN_AFTER_S = 60  # when Slack refuses to open a channel: an admin may allow it meanwhile
SHOWN_AGAIN_AFTER = timedelta(seconds=3)  # Slack waits no longer for the answer to a form


def name_of(incident: Incident) -> str:
    """The channel's name: `inc-0042-payment-down`. Slack takes a-z, 0-9, - and _, 80 characters at most.

    Titles in other scripts are romanised; what can't be is left out. A long one ends with a word.
    """
    return _shortened(f"inc-{incident.id:04}-{_slug(incident.title)}".rstrip("-"), NAME_LENGTH)


def open_channel(desk: Desk, errand: Errand) -> None:
    """Makes the channel, brings the first people in (the reporter waits for it), and asks for all that belongs there.

    Between the two calls nothing is written: if we die there, the channel is known by its name and its maker.
    """
    with desk.db.read() as tx:
        incident = incidents.get(tx, _about(errand))
        everybody = _wanted(desk, tx, incident)
    if incident.channel_id is not None:
        return  # opened by an earlier try, which has asked for the rest in the same transaction
    if not incident.status.is_open:
        return  # refused until it was over: nobody needs it any more, and what was to be said there is dropped
    try:
        channel = _create(desk, incident, look_first=errand.unsure)
    except SlackApiError as error:
        if courier.may_pass(error):
            raise
        word = str(error.response["error"])
        _tell_refused(desk, errand, incident, word)
        raise Later(word, TRIED_AGAIN_AFTER_S) from None  # never given up: what waits for the channel is the incident
    wanted = everybody[:INVITE_AT_ONCE]
    not_in: Mapping[str, str] = {}
    after = timedelta(0) if len(everybody) > len(wanted) else None
    try:
        not_in = _invite(desk, channel["id"], wanted)
    except (SlackApiError, OSError, http.client.HTTPException) as error:
        log.warning("invited a little later", incident=incident.id, error=type(error).__name__)
        headers = error.response.headers if isinstance(error, SlackApiError) else {}
        wanted, after = [], timedelta(seconds=float(headers.get("Retry-After") or 1))
    now = desk.now()
    with desk.db.begin() as tx:
        if incidents.get(tx, incident.id, lock=True).channel_id is not None:
            return
        incidents.set_channel(tx, incident.id, channel["id"], channel["name"])
        _note_invited(desk, tx, incident, wanted, not_in)
        said = {each.drawing for each in outbox.of_incident(tx, incident.id)}
        if tells := said & {"announcement", "channel_refused"}:
            outbox.redraw(tx, [incident.id], now, tells)  # it has another channel now
        if "announcement" not in said and not incident.is_private:
            outbox.say(tx, [Saying(incident.id, "announcement", "announcements")], now)
        outbox.ask_these(tx, incident.id, now, _what_follows(errand, incident.id, after, now))
        _go_on(tx, errand, incident.id, now)
    if after:
        desk.wake()  # the courier goes on by itself; the clock has to know what waits for its time


def _go_on(tx: Connection, errand: Errand, incident_id: int, now: datetime) -> None:
    """What has waited for the channel: what the clock says, which names it; and in the incident's lane, unless we are
    in it, what belongs into another channel."""
    outbox.hasten(tx, f"nudge:{incident_id}", now)
    if errand.lane != (lane := f"incident:{incident_id}"):
        outbox.hasten(tx, lane, now)


def _what_follows(errand: Errand, incident_id: int, invite_after: timedelta | None, now: datetime) -> list[Asked]:
    """The rest that belongs to an open channel, side by side."""
    following: list[Asked] = [("describe", f"describe:{incident_id}", {}, timedelta(0))]
    if invite_after is not None:
        following.append(("invite", f"invite:{incident_id}", {}, invite_after))
    return following + _in_form(errand, errand.detail, now)


def _in_form(errand: Errand, detail: Mapping[str, Any], now: datetime) -> list[Asked]:
    """The form, if it still is open, says what became of the channel."""
    if not (view_id := detail.get("view_id")):
        return []
    # The answer to the form may reach Slack after this, and draw over it: so once more when that is past.
    again = [SHOWN_AGAIN_AFTER] if now < errand.created_at + SHOWN_AGAIN_AFTER else []
    return [("show_link", f"form:{view_id}", detail, after) for after in [timedelta(0), *again]]


def _tell_refused(desk: Desk, errand: Errand, incident: Incident, word: str) -> None:
    """Whoever waits for the channel hears once why it does not open: in the form, and in a direct message that later
    says that it is open."""
    log.error("Slack refuses to open a channel; trying again", incident=incident.id, error=word)
    now = desk.now()
    with desk.db.begin() as tx:
        told = outbox.said_as(tx, incident.id, "channel_refused")
        if any(each.detail["errand"] == errand.id for each in told):
            return
        detail = {"errand": errand.id, "error": word}
        to = str(errand.detail.get("user") or incident.reporter_id)
        outbox.say(tx, [Saying(incident.id, "channel_refused", "person", to, detail=detail)], now)
        outbox.ask_these(tx, incident.id, now, _in_form(errand, {**errand.detail, "error": word}, now))
    desk.wake()


def draw_refused(desk: Desk, tx: Connection, message: Message) -> Drawing:
    """Why there is no channel, and who can change that; then, that it is open, or that nobody needs it any more."""
    incident = incidents.get(tx, message.incident_id)
    words = desk.words_for(people.get(tx, str(message.user_id)))
    if incident.channel_id:
        link = channel_link(incident.channel_id)
        text = words.mrkdwn("channel.opened", number=incident.number, channel=link)
    elif incident.status.is_open:
        text = words.mrkdwn("channel.refused", number=incident.number, error=str(message.detail["error"]))
    else:
        text = words.mrkdwn("channel.not_needed", number=incident.number)
    return Drawing(text, [section(text)])


def bring_in(tx: Connection, incident: Incident, user_ids: Iterable[str], now: datetime) -> None:
    """They handle the case from now on, and are invited to its channel unless they are there; an archived one lets
    nobody in any more."""
    incidents.add_participants(tx, incident.id, user_ids)
    if incident.archived_at is None and incidents.not_yet_invited(tx, incident.id):
        outbox.ask(tx, "invite", f"invite:{incident.id}", now, incident.id, collapses=f"invite:{incident.id}")


def invite(desk: Desk, errand: Errand) -> None:
    """Brings everybody in who is to be there, in hundreds; those who cannot be invited are named in the channel."""
    with desk.db.read() as tx:
        incident = incidents.get(tx, _about(errand))
        wanted = _wanted(desk, tx, incident)
    if incident.channel_id is None:
        if not incident.status.is_open:
            return
        raise Later("the channel is not open yet", 5)
    for first in range(0, len(wanted), INVITE_AT_ONCE):
        some = wanted[first : first + INVITE_AT_ONCE]
        not_in = _invite(desk, incident.channel_id, some)
        with desk.db.begin() as tx:
            _note_invited(desk, tx, incident, some, not_in)


def _wanted(desk: Desk, tx: Connection, incident: Incident) -> list[str]:
    """Who is still to be invited; the bot is there."""
    return [who for who in incidents.not_yet_invited(tx, incident.id) if who != desk.identity().user_id]


def on_call_there(desk: Desk, tx: Connection, incident: Incident) -> str | None:
    """The first of those on call who is in the channel, to be asked in place of somebody who is not."""
    there = incidents.invited(tx, incident.id)
    on_call = rules.members(desk.procedure.on_call, people.roster_members(tx))
    return next((who for who in on_call if who in there), None)


def _note_invited(
    desk: Desk, tx: Connection, incident: Incident, asked: Sequence[str], not_in: Mapping[str, str]
) -> None:
    """Who is in; and who could not be, which is said in the same transaction: nobody asks about them again."""
    now = desk.now()
    incidents.set_invited(tx, incident.id, [who for who in asked if who not in not_in], now)
    for error in set(not_in.values()):
        incidents.set_refused(tx, incident.id, [who for who, why in not_in.items() if why == error], error)
    if incident.reporter_id in not_in:  # asked for before it is said who is missing, which names whoever stands in
        outbox.ask(tx, "stand_in", f"incident:{incident.id}", now, incident.id)
    if not_in:
        outbox.say(tx, [Saying(incident.id, "not_invited", "incident", detail={"people": sorted(not_in)})], now)


def describe(desk: Desk, errand: Errand) -> None:
    """Topic: the title in its own script. Purpose: who reported what, when."""
    with desk.db.read() as tx:
        incident = incidents.get(tx, _about(errand))
        reporter = people.get(tx, incident.reporter_id)
    if incident.channel_id is None:
        raise Later("the channel is not open yet", 5)
    words = desk.channel_words
    topic = f"{incident.number} · {incident.title}"
    purpose = words.text(
        "channel.purpose",
        number=incident.number,
        trigger=desk.procedure.trigger_name(incident.trigger, words.language),
        reporter=reporter.name if reporter and reporter.name else incident.reporter_id,
        at=words.clock(incident.reported_at),
    )
    desk.client.conversations_setTopic(channel=incident.channel_id, topic=escape(beginning(topic, TOPIC_LENGTH)))
    desk.client.conversations_setPurpose(channel=incident.channel_id, purpose=escape(beginning(purpose, TOPIC_LENGTH)))


def pin(desk: Desk, errand: Errand) -> None:
    """Pins the card."""
    with desk.db.read() as tx:
        card = outbox.message(tx, int(errand.detail["message"]))
    try:
        desk.client.pins_add(channel=str(card.channel_id), timestamp=str(card.ts))
    except SlackApiError as error:
        if error.response["error"] != "already_pinned":
            raise


def archive(desk: Desk, errand: Errand) -> None:
    """Closes the channel; what was said in it stays. Not when the incident is open again, or was closed anew since:
    that has an errand of its own. When it is opened again while Slack archives, it gets another channel."""
    with desk.db.read() as tx:
        incident = incidents.get(tx, _about(errand))
    if incident.channel_id is None or incident.archived_at is not None:
        return
    if incident.status.is_open:
        if errand.unsure and _is_archived(desk, incident.channel_id):
            _note_archived(desk, incident.id)
        return
    closed_at = errand.detail.get("closed_at")
    if closed_at and (incident.closed_at is None or incident.closed_at.isoformat() != closed_at):
        return
    if _put_off(desk, errand, incident):
        return
    try:
        desk.client.conversations_archive(channel=incident.channel_id)
    except SlackApiError as error:
        if error.response["error"] != "already_archived":
            raise
    _note_archived(desk, incident.id)


def _is_archived(desk: Desk, channel_id: str) -> bool:
    return bool(desk.client.conversations_info(channel=channel_id)["channel"].get("is_archived"))


def _note_archived(desk: Desk, incident_id: int) -> None:
    """Its channel is archived, which no bot can undo: an incident that goes on needs another one."""
    now = desk.now()
    with desk.db.begin() as tx:
        incident = incidents.get(tx, incident_id, lock=True)
        if incident.channel_id is None:
            return
        if incident.status.is_open:
            open_another(tx, incident, now)
        else:
            incidents.set_archived(tx, incident.id, now)
    desk.wake()


def open_another(tx: Connection, incident: Incident, now: datetime) -> None:
    """Another channel in place of an archived one: everybody is invited, and what is kept current stands there too."""
    incidents.set_no_channel(tx, incident.id)
    journal.add(tx, incident.id, "channel_replaced", None, now, archived=incident.channel_id)
    # In a lane of its own: in the incident's there may wait what needs the channel.
    outbox.ask(tx, "open_channel", f"open:{incident.id}", now, incident.id)
    said = {each.drawing for each in outbox.of_incident(tx, incident.id)}
    outbox.say(tx, [Saying(incident.id, each, "incident") for each in IN_NEW_CHANNEL if each in said], now)


def find_back(desk: Desk, errand: Errand) -> None:
    """Somebody has removed the bot from an incident's channel, or archived it by hand, and what belongs there waits: it
    goes back in by itself where Slack lets it, is asked for where only people can let it in, or opens another one."""
    with desk.db.read() as tx:
        incident = incidents.get(tx, _about(errand))
    if incident.channel_id is None or not incident.status.is_open:
        return
    word = str(errand.detail["word"])
    if word not in ARCHIVED:
        word = _gone_in(desk, incident.channel_id)
    if not word:
        log.warning("somebody has removed Hotline from an incident's channel; it is back", incident=incident.id)
        return
    if word in ARCHIVED:
        log.warning("somebody has archived the channel of an open incident; it gets another", incident=incident.id)
        _note_archived(desk, incident.id)
        return
    log.error("Hotline was removed from an incident's channel: somebody there has to invite it", incident=incident.id)
    now = desk.now()
    with desk.db.begin() as tx:
        told = outbox.said_as(tx, incident.id, "removed")
        if not told or now - told[-1].created_at > ASKS_AGAIN:
            holder = roles.holders(roles.of_incident(tx, incident.id)).get(Role.LEAD, incident.reporter_id)
            outbox.say(tx, [Saying(incident.id, "removed", "person", holder)], now)
    desk.wake()


def _gone_in(desk: Desk, channel_id: str) -> str:
    """Joins a channel. Returns Slack's word for why not, or ""."""
    try:
        desk.client.conversations_join(channel=channel_id)
    except SlackApiError as error:
        if courier.may_pass(error):
            raise
        return str(error.response["error"])
    return ""


def draw_removed(desk: Desk, tx: Connection, message: Message) -> Drawing:
    """To whoever can invite the bot into a private channel again."""
    incident, words = incidents.get(tx, message.incident_id), desk.words_for(people.get(tx, str(message.user_id)))
    link = channel_link(incident.channel_id) if incident.channel_id else Mrkdwn("")
    text = words.mrkdwn("channel.removed", number=incident.number, channel=link)
    return Drawing(text, [section(text)])


def _put_off(desk: Desk, errand: Errand, incident: Incident) -> bool:
    """A confidential postmortem stands in its incident's channel: until it is accepted the channel stays open, and is
    looked at again a day later, in a lane of its own."""
    if not incident.is_private or incident.status is not Status.CLOSED:
        return False
    now = desk.now()
    with desk.db.begin() as tx:
        known = postmortems.get(tx, incident.id)
        if known is None or known.state is State.ACCEPTED:
            return False
        is_owed = any(each.duty in OF_POSTMORTEM for each in deadlines.running(tx, incident.id))
        if known.state is State.DRAFT and not is_owed:
            return False
        if outbox.take(tx, errand.id):
            detail = dict(errand.detail)
            outbox.ask(tx, "archive", f"archive:{incident.id}", now, incident.id, detail, after=LOOKS_AGAIN_AFTER)
    return True


def draw_not_invited(desk: Desk, tx: Connection, message: Message) -> Drawing:
    """Names those who could not be invited, what to do, and who does what is the reporter's if that is one of them."""
    missing = message.detail["people"]
    reporter_id = incidents.get(tx, message.incident_id).reporter_id
    acting = roles.holders(roles.of_incident(tx, message.incident_id)).get(Role.REPORTER, reporter_id)
    text = desk.channel_words.message(
        "not_invited",
        people=Mrkdwn(" ".join(mention(user_id) for user_id in missing)),
        stand_in=mention(acting) if reporter_id in missing and acting != reporter_id else "",
    )
    return Drawing(text, [section(text)])


def _create(desk: Desk, incident: Incident, look_first: bool) -> dict[str, Any]:
    for name in _names(name_of(incident)):
        try:
            created = desk.client.conversations_create(name=name, is_private=incident.is_private)
        except SlackApiError as error:
            if error.response["error"] != "name_taken":
                raise
            if look_first and (mine := _made_for(desk, incident, name)):
                return mine
        else:
            channel: dict[str, Any] = created["channel"]
            return channel
    raise AssertionError("unreachable: the names don't end")


def _made_for(desk: Desk, incident: Incident, name: str) -> dict[str, Any] | None:
    """The channel of this name, if the bot made it for this incident in a try of which no answer came."""
    kind = "private_channel" if incident.is_private else "public_channel"
    for page in desk.client.conversations_list(types=kind, exclude_archived=True, limit=500):
        for channel in page["channels"]:
            if channel["name"] != name:
                continue
            mine = channel.get("creator") == desk.identity().user_id
            since_report = channel["created"] >= (incident.reported_at - CLOCK_SKEW).timestamp()
            untouched = not channel["topic"]["value"] and not channel["purpose"]["value"]
            with desk.db.read() as tx:
                used = incidents.has_channel(tx, channel["id"])
            return channel if mine and since_report and untouched and not used else None
    return None


def _invite(desk: Desk, channel_id: str, users: list[str]) -> dict[str, str]:
    """Invites some people; returns Slack's word for each who could not be."""
    try:
        answer: SlackResponse = desk.client.conversations_invite(channel=channel_id, users=users, force=True)
    except SlackApiError as error:
        answer = error.response
        word = str(answer["error"])
        if not answer.get("errors") and word not in ("already_in_channel", "cant_invite", "user_not_found", "no_user"):
            raise
        if not answer.get("errors"):
            return {} if word == "already_in_channel" else dict.fromkeys(users, word)
    refused = {str(item.get("user")): str(item["error"]) for item in answer.get("errors") or () if not item.get("ok")}
    return {user: word for user, word in refused.items() if word not in ("already_in_channel", "cant_invite_self")}


def _names(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{_shortened(name, NAME_LENGTH - len(str(number)) - 1)}-{number}"
        number += 1


def _slug(title: str) -> str:
    spaced = "".join(f" {anyascii(letter)} " if ord(letter) > 0x2E7F else anyascii(letter) for letter in title)
    return "-".join("".join(c if c.isascii() and c.isalnum() else " " for c in spaced.lower()).split())


def _shortened(name: str, length: int) -> str:
    if len(name) <= length:
        return name
    whole_words = name[: length + 1].rpartition("-")[0].rstrip("-")
    return whole_words if len(whole_words) > length // 2 else name[:length].rstrip("-")


def _about(errand: Errand) -> int:
    assert errand.incident_id is not None  # noqa: S101 - these errands are all about an incident
    return errand.incident_id

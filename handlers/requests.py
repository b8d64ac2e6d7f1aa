"""Something is needed from another department: form -> one of its people is asked -> agreed or declined -> it is there.

Who was asked gets a direct message, and a clock until the time that was agreed; the channel has one list of all.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from slack_bolt import Ack, App
from slack_sdk import WebClient
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View
from sqlalchemy import Connection

from bot import deadlines as rules
from bot import lifecycle
from bot.incident import Deadline, Duty, Incident, Person
from bot.plan import Request, RequestState
from bot.procedure import Procedure
from bot.wording import Mrkdwn, Wording, channel_link, escape, mention
from handlers import channel, duties, masks, team
from handlers.approvals import quoted
from handlers.blocks import Json, actions, beginning, button, context, modal, room_for, section
from handlers.card import SHOWN_WITH_INCIDENT
from handlers.desk import Desk, Drawing
from handlers.fields import Answers, Choice, Somebody, Text, When
from handlers.windows import show
from handlers.words import chosen_id
from storage import deadlines, incidents, journal, outbox, people, requests
from storage.outbox import Message, Saying

SHOWN = ("request", "request_told", "requests")  # drawn again whenever something becomes of a request
LINES = 40  # as many as somebody looks through

WHAT = Text("what", "requests", required=True, multiline=True, max_length=500, if_missing="requests.say_what")
DEPARTMENT = Choice("department", "requests", required=True)
OWNER = Somebody("owner", "requests", required=True)
UNTIL = When("until", "requests", required=True, ahead=True)
REASON = Text("reason", "requests", required=True, multiline=True, max_length=500, if_missing="requests.say_why")
ANSWER = Text("answer", "requests", multiline=True, max_length=500)


def register(app: App) -> None:
    """What leads here."""
    app.action("requests.open")(open_form)
    app.view("requests.submit")(submit)
    app.action("requests.agree")(agree)
    app.action("requests.decline")(open_reason)
    app.view("requests.decline_submit")(decline)
    app.action("requests.done")(open_answer)
    app.view("requests.done_submit")(done)


def open_form(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person
) -> None:
    """Says who may when this person may not."""
    with desk.db.read() as tx:
        incident = incidents.get(tx, chosen_id(action))
        team.check_may(desk, tx, "request", incident, person.user_id)
    lifecycle.check_open(incident)
    show(client, body, form(incident, desk.procedure, words))
    ack()


def form(incident: Incident, procedure: Procedure, words: Wording) -> View:
    """What, of which department, of whom, until when."""
    departments = [(key, each.name.in_language(words.language)) for key, each in procedure.departments.items()]
    return modal(
        "requests.submit",
        words.text("requests.title", number=incident.number),
        [
            WHAT.block(words, focus=True),
            DEPARTMENT.block(words, departments),
            OWNER.block(words),
            UNTIL.block(words),
        ],
        close=words.text("form.cancel"),
        submit=words.text("requests.submit"),
        about=str(incident.id),
    )


def submit(ack: Ack, view: Json, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """They are asked in person, handle the case from now on, and a clock runs until the time."""
    answers, key = Answers(view), str(view["id"])
    said, department = WHAT.read(answers), DEPARTMENT.read(answers, desk.procedure.departments)
    owner, until = OWNER.read(answers), UNTIL.read(answers, now)
    if answers.wrong or department is None or owner is None or until is None:
        ack(response_action="errors", errors=answers.sentences(words))
        return
    with desk.db.begin() as tx:
        incident = incidents.get(tx, int(view["private_metadata"]), lock=True)
        if requests.was_saved(tx, key):  # the same form once more
            ack()
            return
        team.check_may(desk, tx, "request", incident, person.user_id)
        lifecycle.check_open(incident)
        team.check_can_be_asked(desk, tx, answers, OWNER.id, incident, owner, person.user_id, now)
        if not answers.wrong:
            _save(desk, tx, incident, key, Request(0, incident.id, person.user_id, now, said, department, owner, until))
    if answers.wrong:
        ack(response_action="errors", errors=answers.sentences(words))
    else:
        ack()
    desk.wake()


def agree(ack: Ack, action: Json, desk: Desk, person: Person, now: datetime) -> None:
    """They do it; the clock goes on."""
    with desk.db.begin() as tx:
        incident, request, owner_id = _locked(tx, chosen_id(action))
        lifecycle.check_open(incident)
        lifecycle.check_can_agree(request, person.user_id, owner_id)
        requests.answer(tx, request.id, RequestState.AGREED, person.user_id, "", now)
        journal.add(tx, incident.id, "request_agreed", person.user_id, now, request=request.id)
        outbox.redraw(tx, [incident.id], now, SHOWN)
    ack()
    desk.wake()


def open_reason(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person
) -> None:
    """Refuses kindly when it is not theirs, or has ended."""
    with desk.db.read() as tx:
        request = requests.get(tx, chosen_id(action))
        incident, owner_id = incidents.get(tx, request.incident_id), _owner(tx, request)
    lifecycle.check_open(incident)
    lifecycle.check_can_decline(request, person.user_id, owner_id)
    show(client, body, reason_form(request, words))
    ack()


def reason_form(request: Request, words: Wording) -> View:
    """Why, and who else could."""
    return modal(
        "requests.decline_submit",
        words.text("requests.decline_title"),
        [REASON.block(words, focus=True)],
        close=words.text("form.cancel"),
        submit=words.text("requests.decline_submit"),
        about=str(request.id),
    )


def decline(ack: Ack, view: Json, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """Nobody owes it any more; whoever has asked is told why, and asks somebody else."""
    answers = Answers(view)
    reason = REASON.read(answers)
    if answers.wrong:
        ack(response_action="errors", errors=answers.sentences(words))
        return
    with desk.db.begin() as tx:
        incident, request, owner_id = _locked(tx, int(view["private_metadata"]))
        if (request.state, request.answered_by) == (RequestState.DECLINED, person.user_id):  # the same form once more
            ack()
            return
        lifecycle.check_open(incident)
        lifecycle.check_can_decline(request, person.user_id, owner_id)
        requests.answer(tx, request.id, RequestState.DECLINED, person.user_id, reason, now)
        stopped = deadlines.stop(tx, incident.id, now, [Duty.REQUEST], str(request.id))
        journal.add(tx, incident.id, "request_declined", person.user_id, now, request=request.id)
        _tell_asker(tx, incident, request, person, now)
        outbox.redraw(tx, [incident.id], now, [*SHOWN_WITH_INCIDENT, *SHOWN], stopped)
    ack()
    desk.wake()


def open_answer(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person
) -> None:
    """Refuses kindly when somebody has said so already."""
    with desk.db.read() as tx:
        request = requests.get(tx, chosen_id(action))
        incident, owner_id = incidents.get(tx, request.incident_id), _owner(tx, request)
        said = masks.of(tx, incident.id)(request.what)
    lifecycle.check_open(incident)
    lifecycle.check_can_end(request, person.user_id, owner_id)
    show(client, body, answer_form(request, said, words))
    ack()


def answer_form(request: Request, said: str, words: Wording) -> View:
    """What was asked for, and a sentence about it if one likes."""
    return modal(
        "requests.done_submit",
        words.text("requests.done_title"),
        [*quoted(said), ANSWER.block(words, focus=True)],
        close=words.text("form.cancel"),
        submit=words.text("requests.done_submit"),
        about=str(request.id),
    )


def done(ack: Ack, view: Json, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """Its clock is met; whoever has asked hears of it."""
    answers = Answers(view)
    said = ANSWER.read(answers)
    if answers.wrong:
        ack(response_action="errors", errors=answers.sentences(words))
        return
    with desk.db.begin() as tx:
        incident, request, owner_id = _locked(tx, int(view["private_metadata"]))
        if (request.state, request.answered_by) == (RequestState.DONE, person.user_id):  # the same form once more
            ack()
            return
        lifecycle.check_open(incident)
        lifecycle.check_can_end(request, person.user_id, owner_id)
        requests.answer(tx, request.id, RequestState.DONE, person.user_id, said, now)
        met = deadlines.meet(tx, incident.id, [Duty.REQUEST], person.user_id, now, str(request.id))
        journal.add(tx, incident.id, "request_done", person.user_id, now, request=request.id)
        _tell_asker(tx, incident, request, person, now)
        outbox.redraw(tx, [incident.id], now, [*SHOWN_WITH_INCIDENT, *SHOWN], met)
    ack()
    desk.wake()


def draw(desk: Desk, tx: Connection, message: Message) -> Drawing:
    """For the channel: who should act first, and a line for each request with what has become of it."""
    incident, words, now = incidents.get(tx, message.incident_id), desk.channel_words, desk.now()
    found, mask = requests.of_incident(tx, incident.id), masks.of(tx, incident.id)
    shown = [replace(each, what=mask(each.what), answer=mask(each.answer)) for each in found]
    clocks = {each.subject: each for each in deadlines.running(tx, incident.id) if each.duty is Duty.REQUEST}
    waits = sorted((each for each in shown if _is_open(each)), key=lambda each: each.until_at)
    if waits and incident.status.is_open:
        first = waits[0]
        who, at = mention(_owed_by(first, clocks)), words.when(first.until_at)
        text = words.mrkdwn("requests.sentence", who=who, what=_short(first.what), at=at)
    else:
        text = words.mrkdwn("requests.sentence_over", number=incident.number)
    lines = {each.id: section(_line(each, _owed_by(each, clocks), desk.procedure, words, now)) for each in shown}
    ended = [each for each in shown if not _is_open(each)]
    over = sorted(ended, key=lambda each: (each.answered_at or now, each.id), reverse=True)
    below: list[Block] = []
    if incident.status.is_open:
        below.append(actions([button(words.text("button.requests.open"), "requests.open", incident.id)]))
    # What is open first, what is over from the latest on; in the list they keep their order.
    in_turn = [each.id for each in [*waits, *over]]
    beside = [section(text), *_left_out(len(waits), len(over), words), *below]
    kept = in_turn[: len(room_for([lines[each] for each in in_turn[:LINES]], beside))]
    left_out = _left_out(sum(each.id not in kept for each in waits), sum(each.id not in kept for each in over), words)
    return Drawing(text, [section(text), *(line for each, line in lines.items() if each in kept), *left_out, *below])


def _left_out(waiting: int, over: int, words: Wording) -> list[Block]:
    """How many find no place in the list, and where they are seen."""
    said = [words.mrkdwn("requests.more_open", n=waiting)] if waiting else []
    said += [words.mrkdwn("requests.more_over", n=over)] if over else []
    return [context(*said)] if said else []


def draw_asked(desk: Desk, tx: Connection, message: Message) -> Drawing:
    """For whoever is asked: what, by when, and two buttons; then what has become of it."""
    user_id, request, incident = str(message.user_id), _of(tx, message), incidents.get(tx, message.incident_id)
    words, mask, owner_id = desk.words_for(people.get(tx, user_id)), masks.of(tx, incident.id), _owner(tx, request)
    values: dict[str, Any] = {"what": _what(incident, words), "to": mention(user_id), "by": mention(request.by)}
    quote = quoted(mask(request.what))
    if request.state in (RequestState.DONE, RequestState.DECLINED) and request.answered_by and request.answered_at:
        who, at = mention(request.answered_by), words.time(request.answered_at)
        text = words.mrkdwn(f"requests.was_{request.state}", what=values["what"], who=who, at=at)
        return Drawing(text, [section(text), *quote])
    if not incident.status.is_open:
        text = words.mrkdwn("requests.over", what=values["what"])
        return Drawing(text, [section(text), *quote])
    if user_id != owner_id:
        text = words.mrkdwn("requests.taken_over", what=values["what"], who=mention(owner_id))
        return Drawing(text, [section(text), *quote])
    text = words.mrkdwn(f"requests.you_are_{request.state}", **values, at=words.when(request.until_at))
    agreed = request.state is RequestState.AGREED
    first = "requests.done" if agreed else "requests.agree"
    buttons = [
        button(words.text(f"button.{first}"), first, request.id, primary=True),
        button(words.text("button.requests.decline"), "requests.decline", request.id),
    ]
    where = [context(channel_link(incident.channel_id))] if incident.channel_id else []
    return Drawing(text, [section(text), *quote, *where, actions(buttons)])


def draw_told(desk: Desk, tx: Connection, message: Message) -> Drawing:
    """For whoever has asked: it is there, or somebody else has to be asked."""
    request, incident = _of(tx, message), incidents.get(tx, message.incident_id)
    words, mask = desk.words_for(people.get(tx, str(message.user_id))), masks.of(tx, incident.id)
    who = mention(request.answered_by or request.owner_id)
    values: dict[str, Any] = {
        "to": mention(request.by),
        "who": who,
        "what": _what(incident, words),
        "asked": _short(mask(request.what)),
    }
    key = "requests.told_done" if request.state is RequestState.DONE else "requests.told_declined"
    text = words.mrkdwn(key, **values)
    blocks = [section(text), *quoted(mask(request.answer))]
    if request.state is RequestState.DECLINED and incident.status.is_open:
        blocks.append(
            actions([button(words.text("button.requests.other"), "requests.open", incident.id, primary=True)])
        )
    return Drawing(text, blocks)


def _save(desk: Desk, tx: Connection, incident: Incident, key: str, new: Request) -> None:
    now, is_first = new.at, not requests.of_incident(tx, incident.id)
    request = requests.save(tx, key, new)
    channel.bring_in(tx, incident, [request.owner_id], now)
    channel.bring_in(tx, incident, [request.by], now)
    outbox.say(tx, [Saying(incident.id, "request", "person", request.owner_id, detail={"request": request.id})], now)
    if is_first:
        outbox.say(tx, [Saying(incident.id, "requests", "incident")], now)
    who = duties.company(desk, tx)
    if Duty.REQUEST in who.procedure.duties:
        clock = rules.plan(
            Duty.REQUEST,
            incident.level,
            request.owner_id,
            now,
            who.procedure,
            who.rosters,
            str(request.id),
            due_at=request.until_at,
        )
        deadlines.start(tx, incident.id, [clock])
    journal.add(
        tx,
        incident.id,
        "request_made",
        request.by,
        now,
        request=request.id,
        department=request.department,
        owner=request.owner_id,
        until=int(request.until_at.timestamp()),
    )
    outbox.redraw(tx, [incident.id], now, [*SHOWN_WITH_INCIDENT, *SHOWN])


def _tell_asker(tx: Connection, incident: Incident, request: Request, person: Person, now: datetime) -> None:
    if request.by != person.user_id:
        detail = {"request": request.id}
        outbox.say(tx, [Saying(incident.id, "request_told", "person", request.by, detail=detail)], now)


def _locked(tx: Connection, request_id: int) -> tuple[Incident, Request, str]:
    """The request as it is now with who owes it, and its incident locked."""
    incident = incidents.get(tx, requests.get(tx, request_id).incident_id, lock=True)
    request = requests.get(tx, request_id)
    return incident, request, _owner(tx, request)


def _owner(tx: Connection, request: Request) -> str:
    """Who owes it now: whoever was asked, or has taken it over."""
    running = deadlines.running(tx, request.incident_id)
    return _owed_by(request, {each.subject: each for each in running if each.duty is Duty.REQUEST})


def _owed_by(request: Request, clocks: dict[str, Deadline]) -> str:
    clock = clocks.get(str(request.id))
    return clock.owner_id if clock else request.owner_id


def _of(tx: Connection, message: Message) -> Request:
    return requests.get(tx, int(message.detail["request"]))


def _is_open(request: Request) -> bool:
    return request.state in (RequestState.ASKED, RequestState.AGREED)


def _line(request: Request, owner_id: str, procedure: Procedure, words: Wording, now: datetime) -> Mrkdwn:
    known = procedure.departments.get(request.department)
    values: dict[str, Any] = {
        "what": _short(request.what),
        "department": known.name.in_language(words.language) if known else request.department,
        "who": mention(request.answered_by if not _is_open(request) and request.answered_by else owner_id),
    }
    if not _is_open(request) and request.answered_at:
        values["at"] = words.time(request.answered_at)
        line = words.mrkdwn(f"requests.line_{request.state}", **values)
        return Mrkdwn(f"{line}\n> {escape(_short(request.answer))}") if request.answer else line
    sign = "⚠️" if request.until_at <= now else "⏱"
    return words.mrkdwn(f"requests.line_{request.state}", **values, sign=sign, at=words.when(request.until_at))


def _short(said: str, length: int = 300) -> str:
    return beginning(" ".join(said.split()), length)


def _what(incident: Incident, words: Wording) -> Mrkdwn:
    return words.mrkdwn("remind.incident", number=incident.number, title=incident.title)

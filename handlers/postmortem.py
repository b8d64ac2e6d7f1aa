"""Step 9. The postmortem: a section's button -> form -> in the thread; submitted -> accepted, or returned with remarks.

The thread is there since the incident was fixed (`handlers/review.py`). When it is accepted, the departments concerned
are told, and its sections change no more.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from slack_bolt import Ack, App
from slack_sdk import WebClient
from slack_sdk.models.blocks import Block, ButtonElement
from slack_sdk.models.views import View
from sqlalchemy import Connection

from bot import deadlines as rules
from bot import lifecycle
from bot.incident import Duty, Incident, NotAllowed, Person, Severity
from bot.postmortem import KIND, WHYS, WORDS, Cause, Postmortem, Section, State, Written
from bot.wording import Mrkdwn, Wording, mention
from handlers import duties, masks, review, team
from handlers.approvals import quoted
from handlers.blocks import Json, actions, button, context, modal, section
from handlers.card import SHOWN_WITH_INCIDENT
from handlers.chapters import Facets
from handlers.desk import Desk
from handlers.fields import Answers, People, Text, When, Word
from handlers.windows import redraw, show
from handlers.words import choice, chosen_id
from storage import actions as items
from storage import deadlines, incidents, journal, notes, outbox, postmortems, roles
from storage.outbox import Saying

SORT = Word("kind", "postmortem", required=True, words_of=Cause, vocabulary="cause")
FIRST_WHY = Text("why_1", "postmortem", required=True, max_length=300, if_missing="postmortem.say_why")
OTHER_WHYS = (
    Text("why_2", "postmortem", max_length=300),
    Text("why_3", "postmortem", max_length=300),
    Text("why_4", "postmortem", max_length=300),
    Text("why_5", "postmortem", max_length=300),
)
WENT_WELL = Text("went_well", "postmortem", required=True, multiline=True, if_missing="postmortem.say_something")
FELL_SHORT = Text("fell_short", "postmortem", required=True, multiline=True, if_missing="postmortem.say_something")
OWN_WORDS = {Section.WENT_WELL: WENT_WELL, Section.FELL_SHORT: FELL_SHORT}
HELD_AT = When("held_at", "postmortem", required=True)
TOOK_PART = People("took_part", "postmortem")
MEETS_AT = When("meets_at", "postmortem", required=True, ahead=True)
REMARKS = Text(
    "remarks", "postmortem", required=True, multiline=True, max_length=2000, if_missing="postmortem.say_what"
)


@dataclass(frozen=True)
class Start:
    """What travels with a section's form: the incident, the section, and the last of what was written when it opened:
    whoever has written something since then is not overwritten unseen."""

    incident_id: int
    section: Section
    seen: int = 0

    @classmethod
    def of(cls, view: Json) -> "Start":
        """As it travelled."""
        said = json.loads(view["private_metadata"])
        return cls(int(said["incident_id"]), Section(said["section"]), int(said["seen"]))

    def about(self) -> str:
        """As it travels."""
        return json.dumps(self.__dict__)


def register(app: App) -> None:
    """What leads here."""
    app.action("postmortem.write")(open_form)
    app.view("postmortem.submit_section")(submit)
    app.action("postmortem.complete")(complete)
    app.action("postmortem.open")(look)
    app.action("card.menu", matchers=[choice("postmortem.open")])(look)
    app.action("postmortem.meeting")(open_meeting)
    app.view("postmortem.plan_meeting")(plan_meeting)
    app.action("postmortem.submit_open")(open_submission)
    app.view("postmortem.submit")(hand_in)
    app.action("postmortem.check")(look)
    app.action("postmortem.accept")(accept)
    app.action("postmortem.refuse")(open_return)
    app.view("postmortem.return")(return_it)


def open_form(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person
) -> None:
    """A section as it was written last, to be written anew."""
    number, _, named = str(action["value"]).partition(":")
    with desk.db.read() as tx:
        incident = incidents.get(tx, int(number))
        _check_may_write(desk, tx, incident, person)
        view = _section_form(tx, incident, Section(named), words)
    show(client, body, view)
    ack()


def form(start: Start, known: Mapping[str, str], words: Wording, notice: Sequence[Block] = ()) -> View:
    """What somebody writes for a section, filled in with what counts until now."""
    if start.section is Section.CAUSES:
        sort = Cause(known[KIND]) if known.get(KIND) in [*Cause] else None
        fields: list[Block] = [
            SORT.block(words, sort),
            FIRST_WHY.block(words, known.get(FIRST_WHY.id, "")),
            *(each.block(words, known.get(each.id, "")) for each in OTHER_WHYS),
        ]
    else:
        fields = [OWN_WORDS[start.section].block(words, known.get(WORDS, ""), focus=True)]
    return modal(
        "postmortem.submit_section",
        words.text(f"postmortem.chapter.{start.section}"),
        [*notice, *fields],
        close=words.text("form.cancel"),
        submit=words.text("postmortem.save"),
        about=start.about(),
    )


def submit(ack: Ack, view: Json, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """It stands in the thread, and its clock is met. When somebody else has written it meanwhile, their words are shown
    first, above what was typed here."""
    start, answers = Start.of(view), Answers(view)
    parts = _read(start.section, answers)
    if answers.wrong:
        ack(response_action="errors", errors=answers.sentences(words))
        return
    with desk.db.begin() as tx:
        incident = incidents.get(tx, start.incident_id, lock=True)
        if postmortems.was_written(tx, str(view["id"])):  # the same form once more
            ack()
            return
        _check_may_write(desk, tx, incident, person)
        written = _written(tx, incident, start.section)
        if (latest := _latest(written)) != start.seen:
            shown = form(replace(start, seen=latest), parts, words, _meanwhile(written, words))
            ack(response_action="update", view=shown.to_dict())
            return
        postmortems.write(tx, incident.id, str(view["id"]), start.section, parts, person.user_id, now)
        met = deadlines.meet(tx, incident.id, [Duty.SECTION], person.user_id, now, str(start.section))
        journal.add(tx, incident.id, "section_written", person.user_id, now, section=start.section)
        outbox.redraw(tx, [incident.id], now, [*SHOWN_WITH_INCIDENT, *review.SHOWN], met)
    ack()
    desk.wake()


def complete(ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person) -> None:
    """The first section that this person owes; who owes none chooses."""
    with desk.db.read() as tx:
        incident = incidents.get(tx, chosen_id(action))
        _check_may_write(desk, tx, incident, person)
        owed = {each.subject: each.owner_id for each in deadlines.running(tx, incident.id) if each.duty is Duty.SECTION}
        mine = next((each for each in Section if owed.get(str(each)) == person.user_id), None)
        view = _section_form(tx, incident, mine, words) if mine else _window(desk, tx, incident, words, person)
    show(client, body, view)
    ack()


def look(ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person) -> None:
    """How far it is, what it says in short, and whatever this person can do about it."""
    with desk.db.read() as tx:
        incident = incidents.get(tx, chosen_id(action))
        _check_may_look(desk, tx, incident, person)
        view = _window(desk, tx, incident, words, person)
    show(client, body, view)
    ack()


def open_meeting(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime
) -> None:
    """When the review meeting is to be."""
    with desk.db.read() as tx:
        incident = incidents.get(tx, chosen_id(action))
        known = _check_may_write(desk, tx, incident, person)
    planned = known.meeting_at if known.meeting_at and known.meeting_at > now else None
    view = modal(
        "postmortem.plan_meeting",
        words.text("postmortem.meeting_title"),
        [MEETS_AT.block(words, planned)],
        close=words.text("form.cancel"),
        submit=words.text("postmortem.plan_meeting"),
        about=str(incident.id),
    )
    show(client, body, view)
    ack()


def plan_meeting(ack: Ack, view: Json, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """The channel reads it; when it is moved, it reads that too, and the earlier message says so."""
    answers = Answers(view)
    at = MEETS_AT.read(answers, now)
    if answers.wrong or at is None:
        ack(response_action="errors", errors=answers.sentences(words))
        return
    with desk.db.begin() as tx:
        incident = incidents.get(tx, int(view["private_metadata"]), lock=True)
        known = _check_may_write(desk, tx, incident, person)
        if known.meeting_at == at:  # the same form once more
            ack()
            return
        postmortems.change(tx, incident.id, meeting_at=at)
        detail = {"at": int(at.timestamp())}
        outbox.say(tx, [Saying(incident.id, "postmortem_meeting", "incident", detail=detail)], now)
        journal.add(tx, incident.id, "meeting_planned", person.user_id, now, at=int(at.timestamp()))
        outbox.redraw(tx, [incident.id], now, review.SHOWN)
    ack()
    desk.wake()


def open_submission(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime
) -> None:
    """What is still missing; without its causes it can't be submitted, and the way to their form is shown."""
    with desk.db.read() as tx:
        incident = incidents.get(tx, chosen_id(action))
        known = _check_may_write(desk, tx, incident, person)
        written = {each.section for each in postmortems.written(tx, incident.id)}
        if Section.CAUSES not in written and known.state is not State.SUBMITTED:
            view = _window(desk, tx, incident, words, person, words.mrkdwn("postmortem.causes_first"))
        else:
            lifecycle.check_can_submit(known, written)
            missing = [section for section in Section if section not in written]
            view = submission_form(incident, known, missing, bool(items.of_incident(tx, incident.id)), words, now)
    show(client, body, view)
    ack()


def submission_form(
    incident: Incident, known: Postmortem, missing: Sequence[Section], has_actions: bool, words: Wording, now: datetime
) -> View:
    """What is missing, and at severity 1 when the review meeting was."""
    blocks: list[Block] = []
    if missing:
        named = words.text("list.comma").join(words.text(f"postmortem.chapter.{each}") for each in missing)
        blocks.append(section(words.mrkdwn("postmortem.still_missing", sections=named)))
    if not has_actions:
        blocks.append(section(words.mrkdwn("postmortem.without_actions")))
    if incident.level is Severity.ONE:
        held_at = known.meeting_at if known.meeting_at and known.meeting_at <= now else None
        blocks += [HELD_AT.block(words, held_at), TOOK_PART.block(words)]
    return modal(
        "postmortem.submit",
        words.text("postmortem.submit_title", number=incident.number),
        [section(words.mrkdwn("postmortem.goes_to")), *blocks],
        close=words.text("form.cancel"),
        submit=words.text("button.postmortem.submit_open"),
        about=str(incident.id),
    )


def hand_in(ack: Ack, view: Json, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """Whoever may accept it is asked, and a clock runs for that."""
    answers = Answers(view)
    with desk.db.begin() as tx:
        incident = incidents.get(tx, int(view["private_metadata"]), lock=True)
        known = _check_may_write(desk, tx, incident, person)
        if known.state is State.SUBMITTED and known.submitted_by == person.user_id:  # the same form once more
            ack(response_action="clear")
            return
        written = {each.section for each in postmortems.written(tx, incident.id)}
        known = lifecycle.check_can_submit(known, written)
        held_at, took_part = known.meeting_at, TOOK_PART.read(answers)
        if answers.shows(HELD_AT.id):
            held_at = HELD_AT.read(answers, now)
            works_since = incident.fixed_at or incident.reported_at  # a meeting of an earlier round does not count
            if held_at is not None and held_at < works_since.replace(second=0, microsecond=0):
                answers.refuse(HELD_AT.id, "postmortem.before_it", at=words.clock(works_since))
        if answers.wrong:
            ack(response_action="errors", errors=answers.sentences(words))
            return
        values = {"submitted_by": person.user_id, "submitted_at": now, "returned_by": None, "returned_at": None}
        postmortems.change(tx, incident.id, meeting_at=held_at, **values)
        known = replace(known, submitted_by=person.user_id, submitted_at=now, returned_by=None, returned_at=None)
        met = deadlines.meet(tx, incident.id, [Duty.POSTMORTEM], person.user_id, now)
        journal.add(tx, incident.id, "postmortem_submitted", person.user_id, now, took_part=took_part)
        review.ask_to_accept(desk, tx, incident, known, now)
        outbox.redraw(tx, [incident.id], now, [*SHOWN_WITH_INCIDENT, *review.SHOWN], met)
    ack(response_action="clear")
    desk.wake()


def accept(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime
) -> None:
    """One click; the departments concerned and those who had roles are told. Nobody accepts their own, or what they
    have not read: what was written since then is shown first."""
    with desk.db.begin() as tx:
        incident = incidents.get(tx, chosen_id(action), lock=True)
        _check_may_answer(desk, tx, incident, person)
        view = _changed(desk, tx, incident, action, words, person)
        if is_read := view is None:
            _accept(desk, tx, incident, person, now)
            view = _window(desk, tx, incident, words, person)
    if "view" in body and body["view"].get("callback_id") == "postmortem.shown":
        redraw(client, body, view)
    elif not is_read:
        show(client, body, view)
    ack()
    desk.wake()


def _accept(desk: Desk, tx: Connection, incident: Incident, person: Person, now: datetime) -> None:
    postmortems.change(tx, incident.id, accepted_by=person.user_id, accepted_at=now, told_at=now)
    met = deadlines.meet(tx, incident.id, [Duty.ACCEPT_POSTMORTEM], person.user_id, now)
    met += deadlines.stop(tx, incident.id, now, [Duty.SECTION])  # they change no more
    told = review.tell_departments(desk, tx, incident, person.user_id, now)
    journal.add(tx, incident.id, "postmortem_accepted", person.user_id, now, told=len(told))
    outbox.redraw(tx, [incident.id], now, [*SHOWN_WITH_INCIDENT, *review.SHOWN], met)


def _changed(
    desk: Desk, tx: Connection, incident: Incident, action: Json, words: Wording, person: Person
) -> View | None:
    """The window with what it says now, when somebody has written since this person was shown it."""
    read = str(action["value"]).partition(":")[0]
    written = postmortems.written(tx, incident.id)
    if read == str(_latest(written)):
        return None
    last = max(written, key=lambda each: each.id)
    notice = words.mrkdwn(
        "postmortem.changed_since",
        who=mention(last.by),
        section=words.text(f"postmortem.chapter.{last.section}"),
        at=words.time(last.at),
    )
    said = [each.words for each in written if each.section is last.section and each.part != KIND]
    return _window(desk, tx, incident, words, person, notice, quoted(masks.of(tx, incident.id)("\n".join(said))))


def open_return(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person
) -> None:
    """What has to change."""
    with desk.db.read() as tx:
        incident = incidents.get(tx, chosen_id(action))
        _check_may_answer(desk, tx, incident, person)
    view = modal(
        "postmortem.return",
        words.text("postmortem.return_title", number=incident.number),
        [REMARKS.block(words, focus=True)],
        close=words.text("form.cancel"),
        submit=words.text("button.postmortem.refuse"),
        about=str(incident.id),
    )
    show(client, body, view)
    ack()


def return_it(ack: Ack, view: Json, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """Its author is told what to change, and has as long for that as its reader had."""
    answers = Answers(view)
    remarks = REMARKS.read(answers)
    if answers.wrong:
        ack(response_action="errors", errors=answers.sentences(words))
        return
    with desk.db.begin() as tx:
        incident = incidents.get(tx, int(view["private_metadata"]), lock=True)
        if notes.was_saved(tx, str(view["id"])):  # the same form once more
            ack(response_action="clear")
            return
        known = _check_may_answer(desk, tx, incident, person)
        postmortems.change(tx, incident.id, returned_by=person.user_id, returned_at=now, remarks=remarks)
        met = deadlines.meet(tx, incident.id, [Duty.ACCEPT_POSTMORTEM], person.user_id, now)
        author = str(known.submitted_by)
        _start_again(desk, tx, incident, author, now)
        notes.save(tx, incident.id, str(view["id"]), "postmortem_returned", person.user_id, now, remarks)
        journal.add(tx, incident.id, "postmortem_returned", person.user_id, now)
        if not any(each.user_id == author for each in outbox.said_as(tx, incident.id, "postmortem_returned")):
            outbox.say(tx, [Saying(incident.id, "postmortem_returned", "person", author)], now)
        outbox.redraw(tx, [incident.id], now, [*SHOWN_WITH_INCIDENT, *review.SHOWN], met)
    ack(response_action="clear")
    desk.wake()


def _start_again(desk: Desk, tx: Connection, incident: Incident, author: str, now: datetime) -> None:
    who = duties.company(desk, tx, author)
    times, level = who.procedure.duties, incident.level
    within = times[Duty.ACCEPT_POSTMORTEM].due_within(level) if times[Duty.ACCEPT_POSTMORTEM].is_owed(level) else None
    if not times[Duty.POSTMORTEM].is_owed(level):
        return
    holders = roles.holders(roles.of_incident(tx, incident.id))
    owner = who.owner(Duty.POSTMORTEM, holders, incident) if author in who.gone else author
    made = rules.plan(Duty.POSTMORTEM, level, owner, now, who.procedure, who.rosters, within=within)
    deadlines.start(tx, incident.id, [made])


# -- what is written ---------------------------------------------------------------------------------------------------


def _section_form(tx: Connection, incident: Incident, mine: Section, words: Wording) -> View:
    written = _written(tx, incident, mine)
    known = {each.part: each.words for each in written}
    return form(Start(incident.id, mine, _latest(written)), known, words)


def _read(mine: Section, answers: Answers) -> dict[str, str]:
    """What was entered, by part; what was left empty is no part."""
    if mine is not Section.CAUSES:
        return {WORDS: OWN_WORDS[mine].read(answers)}
    sort = SORT.read(answers)
    said = [FIRST_WHY.read(answers), *(each.read(answers) for each in OTHER_WHYS)]
    whys = dict(zip(WHYS, [why for why in said if why], strict=False))
    return {**({KIND: str(sort)} if sort else {}), **whys}


def _written(tx: Connection, incident: Incident, mine: Section) -> list[Written]:
    return [each for each in postmortems.written(tx, incident.id) if each.section is mine]


def _latest(written: Sequence[Written]) -> int:
    return max((each.id for each in written), default=0)


def _meanwhile(written: Sequence[Written], words: Wording) -> list[Block]:
    """Who has written it while this form was open, and what."""
    who, at = mention(written[0].by), words.time(written[0].at)
    said = [each.words for each in written if each.part != KIND]
    return [section(words.mrkdwn("postmortem.meanwhile", who=who, at=at)), *quoted("\n".join(said))]


# -- who may, and the window -------------------------------------------------------------------------------------------


def _check_may_look(desk: Desk, tx: Connection, incident: Incident, person: Person) -> None:
    """Those who work on it, and those who may accept it."""
    _check_may_see(tx, incident, person)
    if person.user_id not in review.accepting(desk, tx, incident):
        team.check_may(desk, tx, "review", incident, person.user_id)


def _check_may_write(desk: Desk, tx: Connection, incident: Incident, person: Person) -> Postmortem:
    _check_may_see(tx, incident, person)
    team.check_may(desk, tx, "review", incident, person.user_id)
    return lifecycle.check_can_write(postmortems.get(tx, incident.id))


def _check_may_answer(desk: Desk, tx: Connection, incident: Incident, person: Person) -> Postmortem:
    _check_may_see(tx, incident, person)
    team.check_may(desk, tx, "accept_review", incident, person.user_id)
    return lifecycle.check_can_answer_postmortem(postmortems.get(tx, incident.id), person.user_id)


def _check_may_see(tx: Connection, incident: Incident, person: Person) -> None:
    """A confidential incident is for its people alone (design.md decision 7)."""
    if not lifecycle.may_see(incident, person.user_id, incidents.participants_of(tx, incident.id)):
        raise NotAllowed("allowed.only_its_people", reporter=incident.reporter_id)


def _window(
    desk: Desk,
    tx: Connection,
    incident: Incident,
    words: Wording,
    person: Person,
    notice: Mrkdwn | None = None,
    said: Sequence[Block] = (),
) -> View:
    found = review.facets(desk, tx, incident)
    blocks: list[Block] = [section(notice), *said] if notice else []
    blocks += [*review.short(found, words), *quoted(review.remarks(found))]
    if address := review.link(desk, tx, incident, words):
        blocks.append(context(address))
    if found.postmortem.state is not State.ACCEPTED:
        for each in Section:
            named = words.mrkdwn("postmortem.heading", chapter=words.text(f"postmortem.chapter.{each}"))
            text = Mrkdwn(f"{named}\n{review.standing(found, each, words)}")
            blocks.append(section(text, accessory=review.writing(found, each, words, primary=False)))
    if buttons := _offered(desk, tx, found, words, person):
        blocks.append(actions(buttons))
    return modal(
        "postmortem.shown",
        words.text("postmortem.title", number=incident.number),
        blocks,
        close=words.text("form.close"),
        about=str(incident.id),
    )


def _offered(desk: Desk, tx: Connection, found: Facets, words: Wording, person: Person) -> list[ButtonElement]:
    """What this person can do about the whole of it now."""
    incident, state = found.incident, found.postmortem.state
    if state is State.SUBMITTED:
        is_theirs = found.postmortem.submitted_by == person.user_id
        may = person.user_id in review.accepting(desk, tx, incident) and not is_theirs
        return review.deciding(found, words, is_shown=True) if may else []
    if state is State.ACCEPTED:
        return []
    offered = ["postmortem.submit_open"]
    if incident.level is Severity.ONE:
        offered.append("postmortem.meeting")
    is_complete = not found.missing
    return [
        button(words.text(f"button.{name}"), name, incident.id, primary=is_complete and name == offered[0])
        for name in offered
    ]

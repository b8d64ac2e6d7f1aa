"""The postmortem writes itself: an incident is fixed -> its draft is a thread, drawn again when its facts change.

Not a step of its own: the step `fixed` begins it, the step `postmortem` works on it, `handlers/team.py` hands on what
people owe for it, and App Home shows what waits. What the thread says is in `handlers/chapters.py`.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from slack_sdk.models.blocks import Block, ButtonElement
from sqlalchemy import Connection

from bot import deadlines as rules
from bot import lifecycle
from bot.incident import Deadline, Duty, Incident, Role, Severity
from bot.postmortem import Chapter, Postmortem, Section, State, split
from bot.wording import Mrkdwn, Wording, channel_link, escape, mention
from handlers import card, channel, chapters, duties, masks
from handlers.approvals import quoted
from handlers.blocks import actions, beginning, button, context, header, section
from handlers.chapters import Facets
from handlers.desk import Desk, Drawing
from handlers.duties import Company
from storage import deadlines, incidents, journal, outbox, people, postmortems, roles
from storage.outbox import Errand, Message, Saying

# Drawn again whenever something becomes of the postmortem; its thread is drawn with the incident too.
SHOWN = ("postmortem", "section_asked", "postmortem_asked", "postmortem_returned", "postmortem_meeting")
SECTION_LENGTH = 2900  # Slack takes 3,000 characters in a section
IN_FIRST_MESSAGE = 4000  # letters of why it was returned, below the summary; a direct message has every word
SECTIONS = 3  # of a message: it can still be edited, and read on a telephone
REMEMBERED = 20  # so many threads stay drawn: the messages of one are drawn one after the other
WAITING = 50  # as many as are looked through for App Home
OF_PEOPLE = {Chapter(section): section for section in Section}


@dataclass(frozen=True)
class Thread:
    """A postmortem as it is drawn: its first message, and those of each chapter."""

    text: str
    first: Sequence[Block]
    chapters: Mapping[Chapter, Sequence[Sequence[Block]]]


# -- it begins, and who owes what --------------------------------------------------------------------------------------


def begin(desk: Desk, tx: Connection, incident: Incident, now: datetime) -> None:
    """An incident is fixed: its postmortem is drafted, and who owes a section is asked. When it is fixed once more the
    same thread goes on: it is a draft again, and what was written stays."""
    if postmortems.begin(tx, incident.id, now):
        place = "incident" if incident.is_private else "reviews"
        detail = {"section": Chapter.SUMMARY, "part": 0}
        outbox.say(tx, [Saying(incident.id, "postmortem", place, detail=detail)], now)
        journal.add(tx, incident.id, "postmortem_drafted", None, now)
    else:
        _begin_again(tx, incident, now)
    _ask_for_sections(desk, tx, incident, now)


def pause(tx: Connection, incident: Incident, now: datetime) -> list[int]:
    """It is not solved after all: until it is, nobody owes a section, and nobody is asked to accept what is not over.

    Returns the ids of the deadlines that were running."""
    known = postmortems.get(tx, incident.id)
    if known is None:
        return []
    if known.state is State.SUBMITTED:
        _is_draft_again(tx, incident, now)
    stopped = deadlines.stop(tx, incident.id, now, [Duty.SECTION, Duty.ACCEPT_POSTMORTEM])
    outbox.redraw(tx, [incident.id], now, SHOWN, stopped)
    return stopped


def _begin_again(tx: Connection, incident: Incident, now: datetime) -> None:
    known = postmortems.get(tx, incident.id)
    stopped = []
    if known is not None and known.meeting_at is not None and known.meeting_at <= now:
        postmortems.change(tx, incident.id, meeting_at=None)  # it was about the round before
    if known is not None and known.state is not State.DRAFT:
        _is_draft_again(tx, incident, now)
        stopped = deadlines.stop(tx, incident.id, now, [Duty.ACCEPT_POSTMORTEM])
    outbox.redraw(tx, [incident.id], now, SHOWN, stopped)


def _is_draft_again(tx: Connection, incident: Incident, now: datetime) -> None:
    undone = ("submitted_by", "submitted_at", "returned_by", "returned_at", "accepted_by", "accepted_at", "told_at")
    postmortems.change(tx, incident.id, remarks="", **dict.fromkeys(undone))
    journal.add(tx, incident.id, "postmortem_drafted", None, now)


def _ask_for_sections(desk: Desk, tx: Connection, incident: Incident, now: datetime) -> None:
    """A clock for each section that is not written yet; its owner is told in one message, however many they are."""
    holders = roles.holders(roles.of_incident(tx, incident.id))
    who = duties.company(desk, tx, incident.reporter_id, *holders.values())
    times = who.procedure.duties.get(Duty.SECTION)
    if times is None or not times.is_owed(incident.level):
        return
    known = {each.section for each in postmortems.written(tx, incident.id)}
    known |= {Section(each.subject) for each in _running(tx, incident, Duty.SECTION)}
    asked: list[str] = []
    for each in [each for each in Section if each not in known]:
        owner = who.first_of(who.procedure.review.sections[each], holders, incident)
        made = rules.plan(Duty.SECTION, incident.level, owner, now, who.procedure, who.rosters, str(each))
        deadlines.start(tx, incident.id, [made])
        asked.append(owner)
    _tell_owners(tx, incident, now, asked)


def _tell_owners(tx: Connection, incident: Incident, now: datetime, asked: Sequence[str] = ()) -> None:
    """Who owes a section and has not been told. Those who are `asked` now are told anew: an edit of what they read in
    an earlier round would call nobody."""
    owners = dict.fromkeys(each.owner_id for each in _running(tx, incident, Duty.SECTION))
    told = {message.user_id for message in outbox.said_as(tx, incident.id, "section_asked")} - {*asked}
    new = [user_id for user_id in owners if user_id not in told]
    channel.bring_in(tx, incident, new, now)
    outbox.redraw(tx, [incident.id], now, ["section_asked"])
    outbox.say(tx, [Saying(incident.id, "section_asked", "person", user_id) for user_id in new], now)


def hand_on(desk: Desk, tx: Connection, incident: Incident, before: Mapping[Role, str], now: datetime) -> list[int]:
    """The roles have changed: what somebody owed by one of them goes to their successor, what they have taken over
    stays theirs. Returns the ids of the deadlines that moved."""
    owed = _running(tx, incident, Duty.SECTION)
    asked = _running(tx, incident, Duty.ACCEPT_POSTMORTEM)
    if not owed and not asked:
        return []
    holders = roles.holders(roles.of_incident(tx, incident.id))
    concerned = [*holders.values(), *before.values(), *(each.owner_id for each in (*owed, *asked))]
    who = duties.company(desk, tx, incident.reporter_id, *concerned)
    moved: list[int] = []
    for each in owed:
        some = who.procedure.review.sections[Section(each.subject)]
        if each.owner_id in who.gone or each.owner_id == who.first_of(some, before, incident):
            moved += _moved(tx, incident, each, who.first_of(some, holders, incident), who, now)
    known = postmortems.get(tx, incident.id)
    for each in asked:
        if each.owner_id in who.gone and known is not None and (to := readers(desk, tx, incident, known)):
            moved += _moved(tx, incident, each, to[0], who, now)
            _tell_readers(tx, incident, to[:1], now)
    _tell_owners(tx, incident, now)
    return moved


def _moved(tx: Connection, incident: Incident, clock: Deadline, to: str, who: Company, now: datetime) -> list[int]:
    if clock.owner_id == to:
        return []
    deadlines.change(tx, rules.handed_to(clock, incident.level, to, now, who.procedure, who.rosters))
    return [clock.id]


def _running(tx: Connection, incident: Incident, duty: Duty) -> list[Deadline]:
    return [each for each in deadlines.running(tx, incident.id) if each.duty is duty]


# -- who reads it ------------------------------------------------------------------------------------------------------


def readers(desk: Desk, tx: Connection, incident: Incident, known: Postmortem) -> list[str]:
    """Who is asked to accept it: of the words in the procedure the first that has anybody there but its author."""
    procedure, rosters = desk.procedure, people.roster_members(tx)
    holders = roles.holders(roles.of_incident(tx, incident.id))
    participants = incidents.participants_of(tx, incident.id)
    for word in procedure.may["accept_review"]:
        if word in [*Role]:
            found = rules.members(procedure.rung(Role(word)), rosters)
            found += [holders[Role(word)]] if Role(word) in holders else []
        elif word in ("participants", "reporter", "on_call", "anybody"):
            found = {"participants": participants, "reporter": [incident.reporter_id]}.get(word, [])
        else:
            found = rules.members([word], rosters)
        gone = people.not_there(tx, found)
        if there := [user_id for user_id in found if user_id not in gone and user_id != known.submitted_by]:
            return list(dict.fromkeys(there))
    return []


def accepting(desk: Desk, tx: Connection, incident: Incident) -> set[str]:
    """Everybody who may accept it."""
    holders = roles.holders(roles.of_incident(tx, incident.id))
    participants = incidents.participants_of(tx, incident.id)
    rosters = people.roster_members(tx)
    found = lifecycle.who_may("accept_review", incident, desk.procedure, holders, participants, rosters)
    return found if found is not None else {incident.reporter_id, *participants}


def ask_to_accept(desk: Desk, tx: Connection, incident: Incident, known: Postmortem, now: datetime) -> None:
    """It is submitted: who may accept it is told, and the clock of the first of them runs. A confidential one is shown
    to as few as possible."""
    found = readers(desk, tx, incident, known)
    who = duties.company(desk, tx, incident.reporter_id)
    times = who.procedure.duties.get(Duty.ACCEPT_POSTMORTEM)
    if found and times is not None and times.is_owed(incident.level):
        made = rules.plan(Duty.ACCEPT_POSTMORTEM, incident.level, found[0], now, who.procedure, who.rosters)
        deadlines.start(tx, incident.id, [made])
    to = found[:1] if incident.is_private else found
    if incident.is_private:
        channel.bring_in(tx, incident, to, now)
    _tell_readers(tx, incident, to, now)


def _tell_readers(tx: Connection, incident: Incident, to: Sequence[str], now: datetime) -> None:
    """Each time it is submitted it is asked anew; who was asked before sees in that message what became of it."""
    known = postmortems.get(tx, incident.id)
    submitted_at = int(known.submitted_at.timestamp()) if known and known.submitted_at else 0
    detail = {"submitted": submitted_at}
    outbox.say(tx, [Saying(incident.id, "postmortem_asked", "person", user_id, detail=detail) for user_id in to], now)


def tell_departments(desk: Desk, tx: Connection, incident: Incident, by: str, now: datetime) -> list[str]:
    """It is accepted: the department concerned and those who had roles hear what was learnt, each once. Of a
    confidential one only its own people do. Returns who is told."""
    who = duties.company(desk, tx)
    needs = who.procedure.roles.get(Role.LIAISON)
    department = rules.members(needs.roster(who.procedure.department_of(incident.kind)), who.rosters) if needs else []
    held = [each.user_id for each in roles.of_incident(tx, incident.id) if each.accepted_at is not None]
    found = dict.fromkeys([*department, *held, incident.reporter_id])
    participants = incidents.participants_of(tx, incident.id)
    gone = people.not_there(tx, found)
    to = [
        user_id
        for user_id in found
        if user_id != by and user_id not in gone and lifecycle.may_see(incident, user_id, participants)
    ]
    outbox.say(tx, [Saying(incident.id, "postmortem_lesson", "person", user_id) for user_id in to], now)
    return to


def waiting(
    desk: Desk, tx: Connection, user_id: str, words: Wording
) -> Iterator[tuple[Incident, Mrkdwn, ButtonElement]]:
    """The postmortems that somebody may accept without a clock of their own: for App Home."""
    for known in postmortems.submitted(tx, WAITING):
        incident = incidents.get(tx, known.incident_id)
        clocks = _running(tx, incident, Duty.ACCEPT_POSTMORTEM)
        if any(each.owner_id == user_id for each in clocks) or user_id not in readers(desk, tx, incident, known):
            continue
        if lifecycle.may_see(incident, user_id, incidents.participants_of(tx, incident.id)):
            check = button(words.text("button.postmortem.check"), "postmortem.check", incident.id)
            yield incident, words.mrkdwn(f"duty.{Duty.ACCEPT_POSTMORTEM}"), check


# -- the thread --------------------------------------------------------------------------------------------------------


def draw(desk: Desk, tx: Connection, message: Message) -> Drawing:
    """One message of the thread. When a chapter needs more of them than there are, they are asked for."""
    incident = incidents.get(tx, message.incident_id)
    drawn = thread(desk, tx, incident)
    chapter, part = Chapter(message.detail["section"]), int(message.detail["part"])
    if chapter is Chapter.SUMMARY:
        lacks = bool(_lacking(drawn, outbox.said_as(tx, incident.id, "postmortem")))
        return Drawing(drawn.text, [*drawn.first], then="grow_review" if lacks else "")
    words, parts = desk.channel_words, drawn.chapters[chapter]
    named = words.text(f"postmortem.chapter.{chapter}")
    if part >= len(parts):
        text = words.mrkdwn("postmortem.surplus", chapter=named)
        return Drawing(text, [context(text)])
    return Drawing(words.text("postmortem.reply", number=incident.number, chapter=named), [*parts[part]])


def grow(desk: Desk, errand: Errand) -> None:
    """The chapters that have fewer messages than they need get them at the end of the thread. Once, whoever else
    tries."""
    now = desk.now()
    with desk.db.begin() as tx:
        if not outbox.take(tx, errand.id):
            return
        incident = incidents.get(tx, int(errand.incident_id or 0), lock=True)
        there = outbox.said_as(tx, incident.id, "postmortem")
        first = there[0]
        detail = [
            {"section": chapter, "part": part, "thread": first.id}
            for chapter, part in _lacking(thread(desk, tx, incident), there)
        ]
        outbox.say(tx, [Saying(incident.id, "postmortem", first.place, detail=each) for each in detail], now)
    desk.wake()


def _lacking(drawn: Thread, there: Sequence[Message]) -> list[tuple[Chapter, int]]:
    said = Counter(Chapter(message.detail["section"]) for message in there)
    return [(chapter, part) for chapter, parts in drawn.chapters.items() for part in range(said[chapter], len(parts))]


def thread(desk: Desk, tx: Connection, incident: Incident) -> Thread:
    """The whole of it. Its messages are drawn one by one, so it is put together once for each state of the incident."""
    version = (
        desk.procedure.fingerprint,
        *postmortems.version(tx, incident.id, desk.now()),
    )
    known, drawn = desk.reviews.get(incident.id, (None, None))
    if known == version and isinstance(drawn, Thread):
        return drawn
    drawn = _drawn(desk, facets(desk, tx, incident), desk.channel_words)
    if len(desk.reviews) >= REMEMBERED:
        desk.reviews.clear()
    desk.reviews[incident.id] = (version, drawn)
    return drawn


def facets(desk: Desk, tx: Connection, incident: Incident) -> Facets:
    """Everything that it says. Raises NotAllowed before it is drafted."""
    known = lifecycle.check_has_postmortem(postmortems.get(tx, incident.id))
    return chapters.facets(desk, tx, incident, known)


def _drawn(desk: Desk, found: Facets, words: Wording) -> Thread:
    incident = found.incident
    lines = chapters.summary(found, words)
    first: list[Block] = [
        header(words.text("card.title", sign=card.sign_of(incident), number=incident.number, title=incident.title)),
        section(Mrkdwn("\n".join(lines))),
        context(chapters.state(found, words)),
        *quoted(beginning(remarks(found), IN_FIRST_MESSAGE)),
    ]
    if buttons := _buttons(found, words):
        first.append(actions(buttons))
    text = words.mrkdwn("postmortem.sentence", number=incident.number, title=incident.title)
    return Thread(
        text,
        first,
        {chapter: _messages(desk, found, chapter, words) for chapter in Chapter if chapter is not Chapter.SUMMARY},
    )


def _messages(desk: Desk, found: Facets, chapter: Chapter, words: Wording) -> list[list[Block]]:
    """A chapter in as many messages as it needs: never cut."""
    sections = [Mrkdwn("\n".join(part)) for part in split(chapters.lines(desk, found, chapter, words), SECTION_LENGTH)]
    named = words.text(f"postmortem.chapter.{chapter}")
    messages: list[list[Block]] = []
    for at in range(0, len(sections), SECTIONS):
        heading = words.mrkdwn("postmortem.heading" if at == 0 else "postmortem.continued", chapter=named)
        messages.append([section(heading), *(section(part) for part in sections[at : at + SECTIONS])])
    messages[-1] += _below(found, chapter, words)
    return messages


def _below(found: Facets, chapter: Chapter, words: Wording) -> list[Block]:
    """What somebody can do about a chapter: who owes it until when, who wrote it, and the button."""
    is_over = found.postmortem.state is State.ACCEPTED
    if chapter is Chapter.ACTIONS:
        offer = button(words.text("button.actions.open"), "actions.open", found.incident.id)
        return [] if is_over else [actions([offer])]
    if chapter not in OF_PEOPLE:
        return []
    mine = OF_PEOPLE[chapter]
    blocks: list[Block] = [context(standing(found, mine, words))]
    if not is_over:
        blocks.append(actions([writing(found, mine, words)]))
    return blocks


def standing(found: Facets, mine: Section, words: Wording) -> Mrkdwn:
    """Who has written a section, or who owes it until when."""
    written, clock = found.written.get(mine), found.owed(mine)
    if written:
        return words.mrkdwn("postmortem.written", who=mention(written[0].by), at=words.day(written[0].at))
    if clock is not None:
        return words.mrkdwn("postmortem.owed", who=mention(clock.owner_id), due=words.day(clock.due_at))
    return words.mrkdwn("postmortem.not_written")


def writing(
    found: Facets, mine: Section, words: Wording, label: str = "", primary: bool | None = None
) -> ButtonElement:
    """The button that opens a section's form."""
    is_written = mine in found.written
    key = "postmortem.change" if is_written else "button.postmortem.write"
    value = f"{found.incident.id}:{mine}"
    is_primary = not is_written if primary is None else primary
    return button(label or words.text(key), "postmortem.write", value, primary=is_primary)


def remarks(found: Facets) -> str:
    """Why it was returned, as long as that counts."""
    mine = found.postmortem
    return found.mask(mine.remarks) if mine.state in (State.RETURNED, State.SUBMITTED) else ""


def _buttons(found: Facets, words: Wording) -> list[ButtonElement]:
    """By its state: the primary one is what has to be done next."""
    incident, state = found.incident, found.postmortem.state
    dossier = button(words.text("button.dossier.make"), "dossier.make", incident.id)
    if state is State.SUBMITTED:
        return [*deciding(found, words), dossier]
    if state is State.ACCEPTED:
        return [dossier]
    wants_meeting = incident.level is Severity.ONE and found.postmortem.meeting_at is None
    first = ["postmortem.complete"] if found.missing else ["postmortem.submit_open"]
    then = ["postmortem.meeting"] if wants_meeting else ["postmortem.submit_open"] if found.missing else []
    offered = [*first, *then]
    return [
        *(button(words.text(f"button.{name}"), name, incident.id, primary=name == offered[0]) for name in offered),
        dossier,
    ]


# -- to one person -----------------------------------------------------------------------------------------------------


def draw_section_asked(desk: Desk, tx: Connection, message: Message) -> Drawing:
    """To whoever owes sections: which, until when, each with its button; then that they are written, or whose they are
    now."""
    incident, words, what = _for_person(desk, tx, message)
    user_id = str(message.user_id)
    mine = [each for each in _running(tx, incident, Duty.SECTION) if each.owner_id == user_id]
    if not mine:
        by = {each.section: each.by for each in postmortems.written(tx, incident.id)}
        key = "postmortem.you_wrote" if user_id in by.values() else "postmortem.nothing_owed"
        return _only(words.mrkdwn(key, what=what))
    if any(
        each.user_id == user_id and each.id > message.id for each in outbox.said_as(tx, incident.id, "section_asked")
    ):
        return _only(words.mrkdwn("postmortem.asked_below", what=what))
    text = words.mrkdwn("postmortem.you_write", to=mention(user_id), what=what)
    blocks: list[Block] = [section(text)]
    for number, each in enumerate(mine):
        named = words.text(f"postmortem.chapter.{each.subject}")
        line = words.mrkdwn("postmortem.you_owe", section=named, due=words.when(each.due_at))
        value = f"{incident.id}:{each.subject}"
        write = button(words.text("button.postmortem.write"), "postmortem.write", value, primary=number == 0)
        blocks.append(section(line, accessory=write))
    blocks += _where(desk, tx, incident, words)
    return Drawing(text, blocks)


def draw_asked(desk: Desk, tx: Connection, message: Message) -> Drawing:
    """To whoever may accept it: what it says in short, and the two answers; then what has become of it."""
    incident, words, what = _for_person(desk, tx, message)
    known = postmortems.get(tx, incident.id)
    submitted_at = known.submitted_at if known else None
    if known is None or submitted_at is None or int(submitted_at.timestamp()) != message.detail["submitted"]:
        return _only(words.mrkdwn("postmortem.asked_before", what=what))
    if known.accepted_by and known.accepted_at:
        at = words.time(known.accepted_at)
        return _only(words.mrkdwn("postmortem.they_accepted", what=what, who=mention(known.accepted_by), at=at))
    if known.returned_by and known.returned_at:
        at = words.time(known.returned_at)
        return _only(words.mrkdwn("postmortem.they_returned", what=what, who=mention(known.returned_by), at=at))
    clock = next((each for each in _running(tx, incident, Duty.ACCEPT_POSTMORTEM)), None)
    values: dict[str, Any] = {"to": mention(str(message.user_id)), "what": what, "by": mention(str(known.submitted_by))}
    if clock is not None:
        text = words.mrkdwn("postmortem.you_accept_by", **values, due=words.when(clock.due_at))
    else:
        text = words.mrkdwn("postmortem.you_accept", **values)
    found = facets(desk, tx, incident)
    blocks = [section(text), *short(found, words), *_where(desk, tx, incident, words)]
    return Drawing(text, [*blocks, actions(deciding(found, words))])


def deciding(found: Facets, words: Wording, is_shown: bool = False) -> list[ButtonElement]:
    """The two answers. The first carries the last that its reader has seen: in a window that `is_shown` now all that
    is written, elsewhere what was submitted. A message may be drawn again without being read again."""
    incident, submitted_at = found.incident, found.postmortem.submitted_at
    written = [each for some in found.written.values() for each in some]
    read = max((each.id for each in written if is_shown or (submitted_at and each.at <= submitted_at)), default=0)
    return [
        button(words.text("button.postmortem.accept"), "postmortem.accept", f"{read}:{incident.id}", primary=True),
        button(words.text("button.postmortem.refuse"), "postmortem.refuse", incident.id),
    ]


def short(found: Facets, words: Wording) -> list[Block]:
    """What a manager reads in twenty seconds, in somebody's own language."""
    return [section(Mrkdwn("\n".join(chapters.summary(found, words)))), context(chapters.state(found, words))]


def draw_returned(desk: Desk, tx: Connection, message: Message) -> Drawing:
    """To its author: what is to change, until when; then that it is submitted again."""
    incident, words, what = _for_person(desk, tx, message)
    known = postmortems.get(tx, incident.id)
    if known is None or known.state is not State.RETURNED or not known.returned_by:
        return _only(words.mrkdwn("postmortem.submitted_again", what=what))
    clock = next((each for each in _running(tx, incident, Duty.POSTMORTEM)), None)
    values: dict[str, Any] = {"to": mention(str(message.user_id)), "what": what, "who": mention(known.returned_by)}
    if clock is not None:
        text = words.mrkdwn("postmortem.you_change_by", **values, due=words.when(clock.due_at))
    else:
        text = words.mrkdwn("postmortem.you_change", **values)
    said = quoted(masks.of(tx, incident.id)(known.remarks))
    buttons = [
        button(words.text("button.postmortem.submit_open"), "postmortem.submit_open", incident.id, primary=True),
        button(words.text("button.postmortem.open"), "postmortem.open", incident.id),
    ]
    return Drawing(text, [section(text), *said, *_where(desk, tx, incident, words), actions(buttons)])


def draw_lesson(desk: Desk, tx: Connection, message: Message) -> Drawing:
    """To the department concerned and whoever had a role: what was learnt, in a line, and where the rest is."""
    incident, words, what = _for_person(desk, tx, message)
    found = facets(desk, tx, incident)
    text = words.mrkdwn("postmortem.lesson", what=what)
    lesson = Mrkdwn(f"{chapters.cause(found, words)} {chapters.changes(found, words)}")
    return Drawing(text, [section(Mrkdwn(f"{text}\n{lesson}")), *_where(desk, tx, incident, words)])


def draw_meeting(desk: Desk, tx: Connection, message: Message) -> Drawing:
    """In the incident's channel: when the review meeting is, who leads it, and for whom it is; then that it is at
    another time."""
    incident, words = incidents.get(tx, message.incident_id), desk.channel_words
    known = postmortems.get(tx, incident.id)
    holders = roles.holders(roles.of_incident(tx, incident.id))
    lead = holders.get(Role.LEAD, incident.reporter_id)
    team = Mrkdwn(" ".join(mention(who) for who in dict.fromkeys([lead, *holders.values(), incident.reporter_id])))
    planned_at = datetime.fromtimestamp(message.detail["at"], UTC)
    later = next((each for each in outbox.said_as(tx, incident.id, "postmortem_meeting") if each.id > message.id), None)
    if later is not None and later.created_at < planned_at:
        return _only(words.mrkdwn("postmortem.meeting_moved", number=incident.number))
    if later is None and known is not None and known.meeting_at is not None:
        planned_at = known.meeting_at  # or when it was held, as somebody has said since
    at = words.when(planned_at)
    text = words.mrkdwn("postmortem.meeting", number=incident.number, at=at, lead=mention(lead), team=team)
    return Drawing(text, [section(text)])


def _for_person(desk: Desk, tx: Connection, message: Message) -> tuple[Incident, Wording, Mrkdwn]:
    words, incident = desk.words_for(people.get(tx, str(message.user_id))), incidents.get(tx, message.incident_id)
    return incident, words, words.mrkdwn("remind.incident", number=incident.number, title=incident.title)


def link(desk: Desk, tx: Connection, incident: Incident, words: Wording) -> Mrkdwn | None:
    """The way to the thread; None as long as it is not there."""
    first = next(iter(outbox.said_as(tx, incident.id, "postmortem")), None)
    if first is None or first.ts is None or first.channel_id is None:
        return None
    if not (url := desk.identity().url):
        return channel_link(first.channel_id)
    address = f"{url.rstrip('/')}/archives/{first.channel_id}/p{first.ts.replace('.', '')}"
    return Mrkdwn(f"<{escape(address)}|{escape(words.text('postmortem.read'))}>")


def _where(desk: Desk, tx: Connection, incident: Incident, words: Wording) -> list[Block]:
    found = link(desk, tx, incident, words)
    return [context(found)] if found else []


def _only(text: Mrkdwn) -> Drawing:
    return Drawing(text, [section(text)])

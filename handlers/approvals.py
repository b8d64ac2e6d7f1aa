"""A public statement and its two approvals: who is asked, until when, and the messages that show it.

Not a step of its own: the step `statement` calls this, and whatever changes who has a role; App Home shows what waits.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from slack_sdk.models.blocks import Block, ButtonElement
from sqlalchemy import Connection

from bot import deadlines as rules
from bot.confidential import masking
from bot.contact import next_word_at
from bot.deadlines import Plan
from bot.incident import APPROVERS, RUNGS, Deadline, Duty, Incident, Moment, MomentKind, Role, Statement
from bot.scripts import Flag, flags
from bot.wording import Mrkdwn, Wording, channel_link, escape, mention
from handlers import channel, duties
from handlers.blocks import SECTION_LENGTH, actions, as_fits, button, context, section
from handlers.desk import Desk, Drawing
from handlers.duties import Company
from storage import deadlines, erasure, incidents, outbox, people, roles, statements
from storage.outbox import Message, Saying

SHOWN = ("statement", "statement_asked")  # drawn again whenever something becomes of a statement
CHECK, REVISE, PUBLISH = "check", "revise", "publish"  # what somebody is asked for in a direct message
PIECE = 500  # characters of one line that stay within Slack's limit however they are escaped
UNFINISHED = 50  # as many as are looked through for App Home
FLAGS = 8  # as many as somebody reads


@dataclass(frozen=True)
class Facets:
    """Everything that a statement's messages show, read in one go. `people` are those of each role that approves,
    whoever should act first at the front; `clocks` are what is running for them."""

    incident: Incident
    statement: Statement
    newer: Statement | None
    people: Mapping[Role, Sequence[str]]
    clocks: Mapping[Role, Deadline]
    shown: str  # the words, with what leads to somebody masked; `reason` so too
    reason: str
    flagged: Sequence[Flag]

    @property
    def is_masked(self) -> bool:
        """Whether something of the words can't be seen in a message."""
        return self.shown != self.statement.words

    def roles_of(self, user_id: str) -> list[Role]:
        """What somebody may still answer for."""
        return [role for role in self.statement.waits_for if user_id in self.people[role]]


# -- who is asked ------------------------------------------------------------------------------------------------------


def people_of(desk: Desk, tx: Connection, incident: Incident) -> dict[Role, list[str]]:
    """Who may approve, by role: its holder, then the role's people in the order of the procedure; only who is there."""
    holders, who = roles.holders(roles.of_incident(tx, incident.id)), duties.company(desk, tx)
    department = who.procedure.department_of(incident.kind)
    found = {}
    for role in APPROVERS:
        needs = who.procedure.roles.get(role)
        candidates = rules.members(needs.roster(department), who.rosters) if needs else []
        everybody = dict.fromkeys([*([holders[role]] if role in holders else []), *candidates])
        gone = people.not_there(tx, everybody)
        found[role] = [each for each in everybody if each not in gone]
    return found


def ask(
    desk: Desk, tx: Connection, incident: Incident, statement: Statement, times: Sequence[datetime], now: datetime
) -> None:
    """A new statement: the channel sees it, the first of each role is asked in person, and a clock runs for each role.

    `times` are those on record that its words may name.
    """
    found = people_of(desk, tx, incident)
    detail = {"statement": statement.id, "times": [int(at.timestamp()) for at in times]}
    outbox.say(tx, [Saying(incident.id, "statement", "incident", detail=detail)], now)
    for user_id in dict.fromkeys(some[0] for some in found.values() if some):
        tell(tx, incident, statement, user_id, CHECK, now)
    holders = roles.holders(roles.of_incident(tx, incident.id))
    who = duties.company(desk, tx, incident.reporter_id, *holders.values())
    plans = [_plan(incident, statement, role, found[role], holders, who, now) for role in APPROVERS]
    deadlines.start(tx, incident.id, [plan for plan in plans if plan is not None])


def hand_on(desk: Desk, tx: Connection, incident: Incident, now: datetime) -> list[int]:
    """The roles have changed: whoever comes first for one now is asked. Returns the ids of the deadlines that moved."""
    waiting = [each for each in statements.of_incident(tx, incident.id) if each.waits_for]
    if not waiting or not incident.status.is_open:
        return []
    found, who = people_of(desk, tx, incident), duties.company(desk, tx)
    told = {
        (message.detail.get("statement"), message.user_id)
        for message in outbox.of_incident(tx, incident.id)
        if message.drawing == "statement_asked" and message.detail.get("to") == CHECK
    }
    changed = []
    for statement in waiting:
        clocks = _clocks(tx, statement)
        for role in statement.waits_for:
            first = next(iter(found[role]), None)
            if first is None:
                continue
            clock = clocks.get(role)
            if clock is not None and clock.owner_id != first:
                moved = rules.handed_to(clock, incident.level, first, now, who.procedure, who.rosters)
                deadlines.change(tx, moved)
                changed.append(clock.id)
            if (statement.id, first) not in told:
                told.add((statement.id, first))
                tell(tx, incident, statement, first, CHECK, now)
    return changed


def tell(tx: Connection, incident: Incident, statement: Statement, user_id: str, to: str, now: datetime) -> None:
    """Somebody is asked in person, `to` check, revise or publish it; they handle the case from now on."""
    channel.bring_in(tx, incident, [user_id], now)
    detail = {"statement": statement.id, "to": to}
    outbox.say(tx, [Saying(incident.id, "statement_asked", "person", user_id, detail=detail)], now)


def publishers(facets: Facets) -> list[str]:
    """Who is told that it may go out: its author, and PR."""
    pr = facets.statement.pr_by or next(iter(facets.people[Role.PR]), None)
    return list(dict.fromkeys([facets.statement.by, *([pr] if pr else [])]))


def subject(statement: Statement, role: Role) -> str:
    """What the clock of one approval is about."""
    return f"{statement.id}:{role}"


def _plan(
    incident: Incident,
    statement: Statement,
    role: Role,
    asked: Sequence[str],
    holders: Mapping[Role, str],
    who: Company,
    now: datetime,
) -> Plan | None:
    """The first of the role's people is reminded; when it is late the next of them is asked, then the ladder is told.

    Where there is nobody, whoever fills the roles owes it. None when the procedure gives no time at this severity.
    """
    times = who.procedure.duties.get(Duty.APPROVE_STATEMENT)
    if times is None or not times.is_owed(incident.level):
        return None
    owner = asked[0] if asked else who.owner(Duty.ASSEMBLE_TEAM, holders, incident)
    about = subject(statement, role)
    plan = rules.plan(Duty.APPROVE_STATEMENT, incident.level, owner, now, who.procedure, who.rosters, about)
    if len(asked) < 2:
        return plan
    every, calendar, moments = times.escalates_every(incident.level), who.procedure.worktime, list(plan.moments)
    first = next(number for number, moment in enumerate(moments) if moment.kind is not MomentKind.REMIND)
    later = [replace(moment, at=every.after(moment.at, calendar)) for moment in moments[first:]]
    moments[first:] = [Moment(plan.due_at, MomentKind.ESCALATE, asked[1], role), *later]
    return replace(plan, moments=tuple(moments))


def _clocks(tx: Connection, statement: Statement) -> dict[Role, Deadline]:
    running = deadlines.running(tx, statement.incident_id)
    mine = {each.subject: each for each in running if each.duty is Duty.APPROVE_STATEMENT}
    return {role: mine[subject(statement, role)] for role in APPROVERS if subject(statement, role) in mine}


# -- what is shown -----------------------------------------------------------------------------------------------------


def facets(desk: Desk, tx: Connection, statement: Statement) -> Facets:
    """What the database knows of a statement."""
    incident = incidents.get(tx, statement.incident_id)
    mask = masking(erasure.known_of(tx, incident.id))
    return Facets(
        incident,
        statement,
        statements.version_after(tx, statement.id),
        people_of(desk, tx, incident),
        _clocks(tx, statement),
        mask(statement.words),
        mask(statement.reason),
        flagged(desk, statement.words, statement, _times(tx, statement)),
    )


def known_times(tx: Connection, desk: Desk, incident: Incident, at: datetime) -> list[datetime]:
    """The times on record that a statement written at `at` may name: the next word, and since when."""
    since = incident.began_at
    next_word = next_word_at(incident, deadlines.running(tx, incident.id), at, desk.procedure)
    return [next_word, *([since] if since else [])]


def flagged(desk: Desk, said: str, statement: Statement, times: Sequence[datetime]) -> list[Flag]:
    """What legal and PR should look at twice (domain.md section 6)."""
    words = desk.wordings[statement.language]
    return flags(said, desk.procedure, [words.spoken(at, statement.at) for at in times])


def draw(desk: Desk, tx: Connection, message: Message) -> Drawing:
    """For the incident's channel: who should do what, the words, and how far it is."""
    found, words = facets(desk, tx, statements.get(tx, int(message.detail["statement"]))), desk.channel_words
    text, buttons = _sentence(found, words), _buttons(found, words)
    above = [section(text)]
    if found.reason:
        above.append(section(words.mrkdwn("statement.to_change", reason=found.reason)))
    below = _small_print(found, words, desk.now())
    shown, cut = _as_fits(found, [*above, *below, actions([_look(found, words), *buttons])], words)
    if cut:
        buttons = _with_a_look(buttons, found, words)
    below = [*cut, *below, *([actions(buttons)] if buttons else [])]
    return Drawing(text, [*above, *shown, *below])


def _as_fits(found: Facets, beside: Sequence[Block], words: Wording) -> tuple[list[Block], list[Block]]:
    """As many of its words as a message takes, and a line that says so where these are not all."""
    return as_fits(quoted(found.shown), beside, context(words.mrkdwn("statement.cut")))


def _with_a_look(buttons: list[ButtonElement], found: Facets, words: Wording) -> list[ButtonElement]:
    if any(each.action_id == "statement.check" for each in buttons):
        return buttons
    return [*buttons, _look(found, words)]


def _look(found: Facets, words: Wording, primary: bool = False) -> ButtonElement:
    return button(words.text("button.statement.check"), "statement.check", found.statement.id, primary=primary)


def draw_asked(desk: Desk, tx: Connection, message: Message) -> Drawing:
    """For one person: what is asked of them; then what has become of it."""
    words = desk.words_for(people.get(tx, str(message.user_id)))
    found = facets(desk, tx, statements.get(tx, int(message.detail["statement"])))
    user_id, to = str(message.user_id), str(message.detail["to"])
    if not found.incident.status.is_open and found.statement.published_at is None:
        return _only(words.mrkdwn("statement.over", what=_what(found, words)))
    if to == CHECK:
        return _for_approver(desk, found, user_id, words)
    if to == REVISE:
        return _for_author(found, user_id, words)
    return _for_publisher(desk, found, user_id, words)


def window(desk: Desk, found: Facets, user_id: str, words: Wording) -> list[Block]:
    """Every word of it, for somebody who may read it, with what they can do about it."""
    statement = found.statement
    blocks = [section(_sentence(found, words))]
    if found.reason:
        blocks.append(section(words.mrkdwn("statement.to_change", reason=found.reason)))
    blocks += quoted(statement.words)
    blocks += _small_print(found, words, desk.now(), in_full=True)
    if found.incident.status.is_open and found.roles_of(user_id):
        blocks.append(actions(_answers(statement, words)))
    return blocks


def waiting(
    desk: Desk, tx: Connection, user_id: str, words: Wording
) -> Iterator[tuple[Incident, Mrkdwn, ButtonElement]]:
    """The statements with which somebody has something to do and no clock of their own: for App Home."""
    for statement in statements.unfinished(tx, user_id, UNFINISHED):
        incident, about = incidents.get(tx, statement.incident_id), statement.id
        if statement.refused_at is not None:
            revise = button(words.text("button.statement.revise"), "statement.revise", about)
            yield incident, words.mrkdwn("statement.home_revise"), revise
            continue
        if statement.is_approved:
            publish = button(words.text("button.statement.publish"), "statement.publish", about)
            yield incident, words.mrkdwn("statement.home_publish"), publish
            continue
        found, clocks = people_of(desk, tx, incident), _clocks(tx, statement)
        mine = [role for role in statement.waits_for if _is_asked(user_id, found[role], clocks.get(role))]
        if mine:
            check = button(words.text("button.statement.check"), "statement.check", about)
            duty, subject = words.text(f"duty.{Duty.APPROVE_STATEMENT}"), _named(mine, words)
            yield incident, words.mrkdwn("home.about", duty=duty, subject=subject), check


def _is_asked(user_id: str, found: Sequence[str], clock: Deadline | None) -> bool:
    """Whether somebody was asked for an approval without owing it: that is shown with its clock."""
    if clock is None:
        return user_id in found[:1]
    said = clock.moments[: clock.position]
    return (
        clock.owner_id != user_id
        and user_id in found
        and any(
            moment.user_id == user_id and moment.kind is MomentKind.ESCALATE and moment.role not in RUNGS
            for moment in said
        )
    )


def quoted(words: str) -> list[Block]:
    """People's words as a quotation, escaped and whole: in as many sections as they need."""
    blocks: list[Block] = []
    lines: list[str] = []
    for line in words.splitlines():
        for start in range(0, max(len(line), 1), PIECE):
            piece = f"> {escape(line[start : start + PIECE])}"
            if sum(len(each) + 1 for each in [*lines, piece]) > SECTION_LENGTH:
                blocks.append(section(Mrkdwn("\n".join(lines))))
                lines = []
            lines.append(piece)
    return [*blocks, section(Mrkdwn("\n".join(lines)))] if lines else blocks


def _sentence(found: Facets, words: Wording) -> Mrkdwn:
    """Who should act first, then what; in the end, what has become of it."""
    statement = found.statement
    if statement.published_by and statement.published_at:
        at, by = words.day(statement.published_at), mention(statement.published_by)
        return words.mrkdwn("statement.out", at=at, by=by, approvers=_approvers(statement, words))
    if not found.incident.status.is_open:
        return words.mrkdwn("statement.over", what=_what(found, words))
    return _to_do(found, words)


def _to_do(found: Facets, words: Wording) -> Mrkdwn:
    statement, author = found.statement, mention(found.statement.by)
    if statement.refused_by and statement.refused_at:
        who, at = mention(statement.refused_by), words.time(statement.refused_at)
        if found.newer is not None:
            by, then = mention(found.newer.by), words.time(found.newer.at)
            return words.mrkdwn("statement.rewritten", author=author, who=who, by=by, at=then)
        return words.mrkdwn("statement.refused", author=author, who=who, at=at)
    if statement.is_approved:
        who = _joined([mention(each) for each in publishers(found)], words)
        return words.mrkdwn("statement.goes", who=who, approvers=_approvers(statement, words))
    who = _asked(found, words)
    if found.clocks:
        due_at = min(clock.due_at for clock in found.clocks.values())
        return words.mrkdwn("statement.asks_by", who=who, author=author, at=words.when(due_at))
    return words.mrkdwn("statement.asks", who=who, author=author)


def _small_print(found: Facets, words: Wording, now: datetime, in_full: bool = False) -> list[Block]:
    statement = found.statement
    about = [
        escape(words.text(f"statement_channel.{statement.channel}")),
        escape(words.text(f"language.{statement.language}")),
    ]
    if statement.waits_for:
        about += [_approval(found, role, words, now) for role in APPROVERS]
    blocks = [context(Mrkdwn(" · ".join(about)))]
    if statement.refused_at is None and statement.published_at is None:
        lines = [words.mrkdwn("statement.flag", words=each.words, instead=each.instead) for each in found.flagged]
        if lines:
            blocks.insert(0, section(Mrkdwn("\n".join([words.mrkdwn("statement.flagged"), *lines[:FLAGS]]))))
        if found.is_masked:
            blocks.append(context(words.mrkdwn("statement.names_somebody" if in_full else "statement.masked")))
    return blocks


def _approval(found: Facets, role: Role, words: Wording, now: datetime) -> Mrkdwn:
    """How far one of the two approvals is."""
    name, given = words.text(f"who.{role}"), found.statement.approval(role)
    if given is not None:
        return words.mrkdwn("statement.has_approved", role=name, who=mention(given[0]), at=words.time(given[1]))
    clock, first = found.clocks.get(role), next(iter(found.people[role]), None)
    late = clock is not None and clock.is_late(now)
    who = mention(first) if first else Mrkdwn("–")
    return words.mrkdwn("statement.is_late" if late else "statement.is_asked", role=name, who=who)


def _buttons(found: Facets, words: Wording) -> list[ButtonElement]:
    statement, incident = found.statement, found.incident
    if not incident.status.is_open or statement.published_at is not None or found.newer is not None:
        return []
    if statement.refused_at is not None:
        return [button(words.text("button.statement.revise"), "statement.revise", statement.id, primary=True)]
    if statement.is_approved:
        return _to_publish(found, words)
    buttons = [_look(found, words, primary=True)]
    if not all(found.people[role] for role in statement.waits_for):
        buttons.append(button(words.text("button.roles.open"), "roles.open", incident.id))
    return buttons


def _for_approver(desk: Desk, found: Facets, user_id: str, words: Wording) -> Drawing:
    statement, what = found.statement, _what(found, words)
    mine = found.roles_of(user_id)
    if mine:
        clock = next((found.clocks[role] for role in mine if role in found.clocks), None)
        to, as_, author = mention(user_id), _named(mine, words), mention(statement.by)
        if clock is not None:
            at = words.when(clock.due_at)
            text = words.mrkdwn("statement.you_check_by", what=what, to=to, role=as_, author=author, at=at)
        else:
            text = words.mrkdwn("statement.you_check", what=what, to=to, role=as_, author=author)
        below = [*_small_print(found, words, desk.now()), *_where(found)]
        shown, cut = _as_fits(found, [section(text), *below, actions(_answers(statement, words))], words)
        # Nobody approves words that they can't see.
        buttons = [_look(found, words, primary=True)] if found.is_masked or cut else _answers(statement, words)
        return Drawing(text, [section(text), *shown, *cut, *below, actions(buttons)])
    if statement.refused_by and statement.refused_at:
        who, at = mention(statement.refused_by), words.time(statement.refused_at)
        if statement.refused_by == user_id:
            text = words.mrkdwn("statement.you_refused", what=what, at=at)
        else:
            text = words.mrkdwn("statement.they_refused", what=what, who=who, at=at)
        return Drawing(text, [section(text), *quoted(found.reason)])
    given = [approval for role in APPROVERS if (approval := statement.approval(role))]
    yours = next((approval for approval in given if approval[0] == user_id), None)
    if yours is not None:
        return _only(words.mrkdwn("statement.you_approved", what=what, at=words.time(yours[1])))
    if statement.waits_for and not given:  # the role has gone to somebody else
        return _only(words.mrkdwn("statement.not_yours", what=what, who=_asked(found, words)))
    return _only(words.mrkdwn("statement.they_approved", what=what, who=_approvers(statement, words)))


def _for_author(found: Facets, user_id: str, words: Wording) -> Drawing:
    statement, what = found.statement, _what(found, words)
    if found.newer is not None:
        at, by = words.time(found.newer.at), mention(found.newer.by)
        return _only(words.mrkdwn("statement.new_version", what=what, by=by, at=at))
    text = words.mrkdwn("statement.you_revise", what=what, to=mention(user_id), who=mention(str(statement.refused_by)))
    revise = button(words.text("button.statement.revise"), "statement.revise", statement.id, primary=True)
    return Drawing(text, [section(text), *quoted(found.reason), *_where(found), actions([revise])])


def _for_publisher(desk: Desk, found: Facets, user_id: str, words: Wording) -> Drawing:
    statement, what = found.statement, _what(found, words)
    if statement.published_by and statement.published_at:
        at, by = words.day(statement.published_at), mention(statement.published_by)
        return _only(words.mrkdwn("statement.is_out", what=what, at=at, by=by))
    approvers = _approvers(statement, words)
    text = words.mrkdwn("statement.you_publish", what=what, to=mention(user_id), approvers=approvers)
    below = [*_small_print(found, words, desk.now()), *_where(found)]
    buttons = _to_publish(found, words)
    shown, cut = _as_fits(found, [section(text), *below, actions([_look(found, words), *buttons])], words)
    if cut:
        buttons = _with_a_look(buttons, found, words)
    return Drawing(text, [section(text), *shown, *cut, *below, actions(buttons)])


def _answers(statement: Statement, words: Wording) -> list[ButtonElement]:
    return [
        button(words.text("button.statement.approve"), "statement.approve", statement.id, primary=True),
        button(words.text("button.statement.refuse"), "statement.refuse", statement.id),
    ]


def _to_publish(found: Facets, words: Wording) -> list[ButtonElement]:
    out = button(words.text("button.statement.publish"), "statement.publish", found.statement.id, primary=True)
    if not found.is_masked:
        return [out]
    return [out, button(words.text("statement.read"), "statement.check", found.statement.id)]


def _asked(found: Facets, words: Wording) -> Mrkdwn:
    """`@Lea (legal) and @Pat (PR)`: whose approval is missing; one person for both roles stands there once."""
    by: dict[str, list[Role]] = {}
    for role in found.statement.waits_for:
        by.setdefault(next(iter(found.people[role]), ""), []).append(role)
    parts = []
    for user_id, mine in by.items():
        named = _named(mine, words)
        if user_id:
            parts.append(words.mrkdwn("statement.person", who=mention(user_id), role=named))
        else:
            parts.append(words.mrkdwn("statement.nobody", role=named))
    return _joined(parts, words)


def _approvers(statement: Statement, words: Wording) -> Mrkdwn:
    """Who has approved it so far."""
    given = [approval[0] for role in APPROVERS if (approval := statement.approval(role))]
    return _joined([mention(each) for each in dict.fromkeys(given)], words)


def _named(some: Sequence[Role], words: Wording) -> Mrkdwn:
    return _joined([escape(words.text(f"who.{role}")) for role in some], words)


def _joined(parts: Sequence[Mrkdwn], words: Wording) -> Mrkdwn:
    if len(parts) != 2:
        return Mrkdwn(words.text("list.comma").join(parts))
    return words.mrkdwn("statement.two", first=parts[0], second=parts[1])


def _what(found: Facets, words: Wording) -> Mrkdwn:
    return words.mrkdwn("remind.incident", number=found.incident.number, title=found.incident.title)


def _where(found: Facets) -> list[Block]:
    channel_id = found.incident.channel_id
    return [context(channel_link(channel_id))] if channel_id else []


def _times(tx: Connection, statement: Statement) -> list[datetime]:
    """The times on record when it was written; they stand with its message in the channel."""
    said = outbox.of_incident(tx, statement.incident_id)
    mine = (each for each in said if each.drawing == "statement" and each.detail["statement"] == statement.id)
    found = next(mine, None)
    return [datetime.fromtimestamp(at, UTC) for at in (found.detail["times"] if found else ())]


def _only(text: Mrkdwn) -> Drawing:
    return Drawing(text, [section(text)])

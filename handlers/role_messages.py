"""What is said about roles: to the one who is asked for one, to whoever wanted it, and to the incident's channel.

Not a step of its own: the step `roles` and `handlers/team.py` write these messages, here they are drawn.
"""

from collections.abc import Sequence
from typing import Any

from slack_sdk.models.blocks import Block
from sqlalchemy import Connection

from bot.incident import Assignment, Deadline, Duty, Incident, MomentKind, Role
from bot.wording import Mrkdwn, Wording, channel_link, escape, mention
from handlers import card, duties, masks
from handlers.blocks import actions, button, context, quote, section
from handlers.desk import Desk, Drawing
from storage import deadlines, incidents, notes, people, roles
from storage.outbox import Message

QUOTED = 500  # characters of what somebody wrote


def draw(desk: Desk, tx: Connection, message: Message) -> Drawing:
    """To the one who is asked: the role with its duties and two buttons; then what has become of it."""
    incident, asked = _about(tx, message)
    words = desk.words_for(people.get(tx, str(message.user_id)))
    found = roles.of_incident(tx, incident.id)
    values: dict[str, Any] = {"role": words.text(f"role.{asked.role}"), "what": _what(incident, words)}
    if asked.ended_at is not None:
        text = _ended(asked, found, words, values)
        return Drawing(text, [section(text)])
    if not incident.status.is_open:
        text = words.mrkdwn("roles.over", **values)
        return Drawing(text, [section(text)])
    if asked.accepted_at is not None:
        return _taken(desk, tx, incident, asked, found, words, values)
    return _asked(desk, tx, incident, asked, found, words, values)


def draw_open(desk: Desk, tx: Connection, message: Message) -> Drawing:
    """Nobody is left to ask for a role: to whoever wanted it, and to the channel. Then who has it."""
    incident, left = _about(tx, message)
    words, values = _for_place(desk, tx, message, incident, left)
    found = roles.of_incident(tx, incident.id)
    holder = next((each for each in found if each.role is left.role and each.ended_at is None), None)
    if holder is not None and holder.accepted_at is not None:
        at = words.time(holder.accepted_at)
        text = words.mrkdwn("role_open.taken", **values, holder=mention(holder.user_id), at=at)
        return Drawing(text, [section(text)])
    if holder is not None:
        text = words.mrkdwn("role_open.asked", **values, holder=mention(holder.user_id))
        return Drawing(text, [section(text)])
    if not incident.status.is_open or left.role not in duties.needed(desk.procedure, incident):
        text = words.mrkdwn("role_open.over", **values)
        return Drawing(text, [section(text)])
    text = _in_a_row(words, _why(left, words, values), words.mrkdwn("role_open.choose"))
    assign = button(words.text("button.roles.open"), "roles.open", incident.id, primary=True)
    return Drawing(text, [section(text), *_reason(tx, left), actions([assign])])


def draw_kept(desk: Desk, tx: Connection, message: Message) -> Drawing:
    """Somebody was to take a role from somebody else, and does not: it stays where it is."""
    incident, left = _about(tx, message)
    words, values = _for_place(desk, tx, message, incident, left)
    found = roles.of_incident(tx, incident.id)
    holder, asked = roles.holders(found).get(left.role), roles.asked(found).get(left.role)
    text = _why(left, words, values)
    if asked is not None:
        text = _in_a_row(words, text, words.mrkdwn("role_kept.asked", following=mention(asked.user_id)))
    if holder is None:
        return Drawing(text, [section(text), *_reason(tx, left)])
    is_theirs = holder == message.user_id
    stays = words.mrkdwn("role_kept.yours") if is_theirs else words.mrkdwn("role_kept.stays", holder=mention(holder))
    text = _in_a_row(words, text, stays)
    blocks = [section(text), *_reason(tx, left)]
    if incident.status.is_open and asked is None:
        action = "roles.hand_over" if is_theirs else "roles.open"
        blocks.append(actions([button(words.text(f"button.{action}"), action, incident.id, primary=True)]))
    return Drawing(text, blocks)


def draw_gone(desk: Desk, tx: Connection, message: Message) -> Drawing:
    """Somebody has left the workspace: who has what they had."""
    incident, words, detail = incidents.get(tx, message.incident_id), desk.channel_words, message.detail
    found = {each.id: each for each in roles.of_incident(tx, incident.id)}
    given = {*roles.holders([*found.values()]), *roles.asked([*found.values()])}
    theirs = [each.role for each in found.values() if each.user_id == detail["user"] and each.ended_why == "gone"]
    nobody = [
        words.text(f"role.{role}")
        for role in dict.fromkeys(theirs)
        if role not in given and role in duties.needed(desk.procedure, incident)
    ]
    asked = [
        words.mrkdwn("card.role", role=words.text(f"role.{found[each].role}"), who=mention(found[each].user_id))
        for each in detail["asked"]
    ]
    comma = words.text("list.comma")
    parts = [words.mrkdwn("gone.left", who=mention(detail["user"]))]
    if asked:
        parts.append(words.mrkdwn("gone.asked", roles=Mrkdwn(comma.join(asked))))
    if detail["owners"]:
        owners = Mrkdwn(comma.join(mention(who) for who in detail["owners"]))
        parts.append(words.mrkdwn("gone.owners", owners=owners))
    if nobody:
        parts.append(words.mrkdwn("gone.nobody", roles=comma.join(nobody)))
    text = _in_a_row(words, *parts)
    blocks = [section(text)]
    if nobody and incident.status.is_open:
        blocks.append(actions([button(words.text("button.roles.open"), "roles.open", incident.id, primary=True)]))
    return Drawing(text, blocks)


def draw_handed(desk: Desk, tx: Connection, message: Message) -> Drawing:
    """To the one who owes from now on what somebody else has owed without a role."""
    incident, detail = incidents.get(tx, message.incident_id), message.detail
    words = desk.words_for(people.get(tx, str(message.user_id)))
    text = words.mrkdwn("handed.to_you", who=mention(detail["from"]), what=_what(incident, words))
    owed = [each for each in deadlines.running(tx, incident.id) if each.id in detail["deadlines"]]
    lines = [
        words.mrkdwn("handed.duty", what=words.text(f"duty.{each.duty}"), at=words.when(each.due_at))
        for each in owed
        if each.owner_id == message.user_id
    ]
    blocks = [section(text)]
    if note := notes.get(tx, str(detail["note"])).words:
        blocks.append(section(_quoted(tx, incident.id, note)))
    blocks.append(section(Mrkdwn("\n".join(lines)) if lines else words.mrkdwn("handed.nothing_due")))
    blocks.append(context(_facts(tx, incident, words)))
    return Drawing(text, blocks)


def _asked(
    desk: Desk,
    tx: Connection,
    incident: Incident,
    asked: Assignment,
    found: Sequence[Assignment],
    words: Wording,
    values: dict[str, Any],
) -> Drawing:
    text = words.mrkdwn("roles.asked", **values, to=mention(asked.user_id))
    blocks = [section(text)]
    if before := _before(tx, asked, found, words):
        blocks.append(section(before))
    blocks += _duties(desk, asked.role, words)
    blocks.append(context(_facts(tx, incident, words)))
    take = button(words.text("button.roles.accept"), "roles.accept", asked.id, primary=True)
    blocks.append(actions([take, button(words.text("button.roles.decline"), "roles.decline", asked.id)]))
    if until := _until(tx, asked, found, words):
        blocks.append(context(until))
    return Drawing(text, blocks)


def _taken(
    desk: Desk,
    tx: Connection,
    incident: Incident,
    held: Assignment,
    found: Sequence[Assignment],
    words: Wording,
    values: dict[str, Any],
) -> Drawing:
    assert held.accepted_at is not None  # noqa: S101 - asked by the caller
    text = words.mrkdwn("roles.taken", **values, at=words.time(held.accepted_at))
    blocks = [section(text)]
    if held.hands_over is not None and held.note:
        blocks.append(section(_quoted(tx, incident.id, held.note)))
    blocks += _duties(desk, held.role, words)
    blocks.append(context(_facts(tx, incident, words)))
    if following := roles.asked(found).get(held.role):
        blocks.append(context(words.mrkdwn("roles.until_taken", who=mention(following.user_id))))
    buttons = [
        button(words.text("button.roles.hand_over"), "roles.hand_over", incident.id),
        button(words.text("button.roles.hand_back"), "roles.decline", held.id),
    ]
    if held.role is Role.PR:  # what PR has to do has no other button of its own
        buttons.insert(0, button(words.text("button.statement.open"), "statement.open", incident.id))
    blocks.append(actions(buttons))
    return Drawing(text, blocks)


def _ended(asked: Assignment, found: Sequence[Assignment], words: Wording, values: dict[str, Any]) -> Mrkdwn:
    assert asked.ended_at is not None  # noqa: S101 - asked by the caller
    values = {**values, "at": words.time(asked.ended_at)}
    following = next((each for each in found if each.role is asked.role and each.id > asked.id), None)
    if asked.ended_why == "handed_over":
        taken = next(
            (each for each in found if each.hands_over == asked.id and each.accepted_at is not None), following
        )
        return words.mrkdwn("roles.handed_over", **values, who=mention(taken.user_id if taken else asked.user_id))
    if asked.ended_why == "no_answer" and following is not None and following.asked_at == asked.ended_at:
        return words.mrkdwn("roles.no_answer_asked", **values, who=mention(following.user_id))
    if asked.ended_why == "handed_back" and asked.accepted_at is None:
        return words.mrkdwn("roles.declined", **values)
    return words.mrkdwn(f"roles.{asked.ended_why}", **values)


def _before(tx: Connection, asked: Assignment, found: Sequence[Assignment], words: Wording) -> Mrkdwn | None:
    """Why it is they who are asked: whose role it was, or who could not take it."""
    giver = next((each for each in found if each.id == asked.hands_over), None)
    if giver is not None:
        said = words.mrkdwn("roles.hands_over", who=mention(giver.user_id))
        return Mrkdwn(f"{said}\n{_quoted(tx, asked.incident_id, asked.note)}") if asked.note else said
    earlier = (each for each in reversed(found) if each.role is asked.role and each.id < asked.id)
    left = next((each for each in earlier if each.ended_at == asked.asked_at), None)
    if left is None or left.ended_why not in ("handed_back", "no_answer", "gone"):
        return None
    said = words.mrkdwn(f"roles.after_{left.ended_why}", who=mention(left.user_id))
    return Mrkdwn(f"{said}\n{_quoted(tx, left.incident_id, left.reason)}") if left.reason else said


def _until(tx: Connection, asked: Assignment, found: Sequence[Assignment], words: Wording) -> Mrkdwn | None:
    """Until when they may answer, and what happens then."""
    clock = _clock(tx, asked)
    if clock is None:
        return None
    at = words.time(clock.due_at)
    if holder := roles.holders(found).get(asked.role):
        return words.mrkdwn("roles.until_stays", at=at, who=mention(holder))
    ahead = clock.moments[clock.position :]
    deputy = next((each for each in ahead if each.kind is MomentKind.DEPUTY), None)
    if deputy is not None:
        known = {each.user_id for each in found if each.role is asked.role}
        if deputy.user_id is None or deputy.user_id in known:
            return words.mrkdwn("roles.until_next", at=at)
        return words.mrkdwn("roles.until_asked", at=at, who=mention(deputy.user_id))
    told = next((each.user_id for each in ahead if each.kind is MomentKind.ESCALATE and each.user_id), None)
    return words.mrkdwn("roles.until_told", at=at, who=mention(told)) if told else words.mrkdwn("roles.until", at=at)


def _clock(tx: Connection, asked: Assignment) -> Deadline | None:
    running = deadlines.running(tx, asked.incident_id)
    mine = (each for each in running if each.duty is Duty.ACCEPT_ROLE and each.subject == str(asked.id))
    return next(mine, None)


def _duties(desk: Desk, role: Role, words: Wording) -> list[Block]:
    needs = desk.procedure.roles.get(role)
    if needs is None:  # the company has changed its roles since
        return []
    return [section(Mrkdwn("\n".join(f"• {escape(each.in_language(words.language))}" for each in needs.duties)))]


def _facts(tx: Connection, incident: Incident, words: Wording) -> Mrkdwn:
    """The channel, the lead, the customers, in one line."""
    lead = roles.holders(roles.of_incident(tx, incident.id)).get(Role.LEAD)
    parts = [
        channel_link(incident.channel_id) if incident.channel_id else None,
        words.mrkdwn("roles.lead_is", who=mention(lead)) if lead else None,
        words.mrkdwn("roles.customers", n=incident.customers_affected),
    ]
    return Mrkdwn(" · ".join(part for part in parts if part))


def _about(tx: Connection, message: Message) -> tuple[Incident, Assignment]:
    return incidents.get(tx, message.incident_id), roles.get(tx, int(message.detail["assignment"]))


def _for_place(
    desk: Desk, tx: Connection, message: Message, incident: Incident, left: Assignment
) -> tuple[Wording, dict[str, Any]]:
    """In its own channel the incident's number says enough."""
    in_person = message.place == "person"
    words = desk.words_for(people.get(tx, str(message.user_id))) if in_person else desk.channel_words
    what = _what(incident, words) if in_person else incident.number
    return words, {"role": words.text(f"role.{left.role}"), "what": what, "who": mention(left.user_id)}


def _why(left: Assignment, words: Wording, values: dict[str, Any]) -> Mrkdwn:
    """Why somebody does not have a role, or has it no more; their own words stand below."""
    if left.ended_why == "handed_back" and left.accepted_at is not None:
        return words.mrkdwn("role_left.gave_back", **values)
    return words.mrkdwn(f"role_left.{left.ended_why}", **values)


def _reason(tx: Connection, left: Assignment) -> list[Block]:
    return [section(_quoted(tx, left.incident_id, left.reason))] if left.reason else []


def _quoted(tx: Connection, incident_id: int, said: str) -> Mrkdwn:
    """What somebody wrote, without the customer's name: not everybody who reads it handles the case yet."""
    return quote(masks.of(tx, incident_id)(said), QUOTED)


def _what(incident: Incident, words: Wording) -> Mrkdwn:
    return words.mrkdwn("roles.incident", sign=card.sign_of(incident), number=incident.number, title=incident.title)


def _in_a_row(words: Wording, first: Mrkdwn, *others: Mrkdwn) -> Mrkdwn:
    """Sentences one after the other: with a space between them or, in Chinese, without."""
    for each in others:
        first = words.mrkdwn("roles.then", first=first, then=each)
    return first

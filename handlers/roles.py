"""Step 5. Who does what: button -> form prefilled from the rosters -> asked in person -> "I'll take it" or "I can't".

Handing over: ⋯ on the card, or `/incident handover` -> form -> somebody else is asked, and takes it.
When somebody has left the workspace: what they had goes to the next one, and the channel is told.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from slack_bolt import Ack, App
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View
from sqlalchemy import Connection

from bot import lifecycle
from bot.incident import Assignment, Incident, NotAllowed, Person, Role, Status
from bot.procedure import Procedure
from bot.wording import Mrkdwn, Wording, mention
from handlers import agreed, channel, duties, team
from handlers.blocks import Json, modal, section
from handlers.desk import Desk
from handlers.fields import Answers, Choice, Somebody, Text
from handlers.windows import show
from handlers.words import choice, chosen_id, word
from storage import actions, deadlines, incidents, journal, notes, outbox, people, roles
from storage.outbox import Errand, Saying

OPTIONS = 100  # as many as Slack takes in a menu
ALL = "all"

KIND = Choice("kind", "roles", required=True, tells="roles.route")
REASON = Text("reason", "roles", required=True, multiline=True, max_length=300, if_missing="roles.say_why")
SUGGESTION = Somebody("suggestion", "roles")
WHICH = Choice("which", "roles", required=True)
TO = Somebody("to", "roles", required=True)
NOTE = Text("note", "roles", multiline=True, max_length=500)


@dataclass(frozen=True)
class Start:
    """What travels with the form: the incident, and the last assignment that it knows of."""

    incident_id: int
    after: int = 0

    @classmethod
    def of(cls, view: Json) -> "Start":
        """As it travelled."""
        return cls(**json.loads(view["private_metadata"]))

    def about(self) -> str:
        """As it travels."""
        return json.dumps({"incident_id": self.incident_id, "after": self.after})


@dataclass(frozen=True)
class Seats:
    """The roles of an incident as the form shows them: whom it proposes, and who has one until somebody takes it."""

    needed: Sequence[Role]
    offered: Sequence[Role]
    proposed: Mapping[Role, str]
    until_then: Mapping[Role, str]  # names


def register(app: App) -> None:
    """What leads here."""
    app.action("roles.open")(open_form)
    app.action("card.menu", matchers=[choice("roles.open")])(open_form)
    app.action("roles.route")(route)
    app.view("roles.submit")(submit)
    app.action("roles.accept")(accept)
    app.action("roles.decline")(open_decline)
    app.view("roles.decline_submit")(submit_decline)
    app.action("roles.hand_over")(open_hand_over)
    app.action("card.menu", matchers=[choice("roles.hand_over")])(open_hand_over)
    app.command("/incident", matchers=[word("handover", "交接")])(open_hand_over_of_all)
    app.view("roles.hand_over_submit")(submit_hand_over)


def open_form(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person
) -> None:
    """Says who may when this person may not."""
    with desk.db.read() as tx:
        incident = incidents.get(tx, chosen_id(action))
        team.check_may(desk, tx, "assign_roles", incident, person.user_id)
        lifecycle.check_is_emergency(incident)
        seats, start = seats_of(desk, tx, incident, incident.kind), Start(incident.id, _last_id(tx, incident))
    show(client, body, form(incident, start, seats, desk.procedure, words))
    ack()


def route(ack: Ack, body: Json, client: WebClient, desk: Desk, words: Wording) -> None:
    """It is about something else: another department answers, and its people are proposed."""
    view = body["view"]
    start, procedure = Start.of(view), desk.procedure
    kind = KIND.read(Answers(view), procedure.kinds)
    with desk.db.read() as tx:
        incident = incidents.get(tx, start.incident_id)
        routed = replace(incident, kind=kind or incident.kind)
        seats = seats_of(desk, tx, routed, incident.kind)
    try:
        drawn = form(routed, start, seats, procedure, words)
        client.views_update(view_id=view["id"], hash=view["hash"], view=drawn)
    except SlackApiError as error:
        if error.response["error"] not in ("hash_conflict", "not_found"):
            raise  # the next change draws it
    ack()


def seats_of(desk: Desk, tx: Connection, incident: Incident, kind_before: str) -> Seats:
    """Who is asked for each role, else who has it, else who is proposed for it.

    Where another department answers than before, its people come first. Nobody who has left is proposed.
    """
    procedure, found = desk.procedure, roles.of_incident(tx, incident.id)
    needed = duties.needed(procedure, incident)
    scribe = [Role.SCRIBE] if Role.SCRIBE in procedure.roles and Role.SCRIBE not in needed else []
    asked, holders = roles.asked(found), roles.holders(found)
    rerouted = procedure.department_of(incident.kind) != procedure.department_of(kind_before)
    proposed: dict[Role, str] = {}
    until_then: dict[Role, str] = {}
    for role in (*needed, *scribe):
        candidates = team.proposed_now(desk, tx, incident, role)
        current = asked[role].user_id if role in asked else holders.get(role)
        if current is not None and (people.not_there(tx, [current]) or (rerouted and _is_routed(role, procedure))):
            current = current if current in candidates else None
        if who := current or next(iter(candidates), None):
            proposed[role] = who
        if role in asked and role in holders:
            until_then[role] = _name(tx, holders[role])
    return Seats(needed, (*needed, *scribe), proposed, until_then)


def form(
    incident: Incident,
    start: Start,
    seats: Seats,
    procedure: Procedure,
    words: Wording,
    notice: Mrkdwn | None = None,
) -> View:
    """What it is about, and a field for each role, with the role in one line."""
    kinds = [(key, kind.name.in_language(words.language)) for key, kind in procedure.kinds.items()]
    department = procedure.departments.get(procedure.department_of(incident.kind))
    answers = department.name.in_language(words.language) if department else ""
    blocks: list[Block] = [
        *([section(notice)] if notice else []),
        KIND.block(words, kinds, incident.kind, hint=words.text("roles.answers", department=answers)),
    ]
    for role in seats.offered:
        hint = procedure.roles[role].line.in_language(words.language)
        if role in seats.until_then:
            hint = words.text("roles.until_then", line=hint, who=seats.until_then[role])
        field = _field(role, role in seats.needed, incident.kind, procedure)
        blocks.append(field.block(words, seats.proposed.get(role), hint=hint, label=f"role.{role}"))
    return modal(
        "roles.submit",
        words.text("roles.title", number=incident.number),
        blocks,
        close=words.text("form.cancel"),
        submit=words.text("roles.submit"),
        about=start.about(),
    )


def submit(ack: Ack, view: Json, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """Saved: each role that somebody else is to have is asked of them. Somebody who was faster is named."""
    answers, start, procedure = Answers(view), Start.of(view), desk.procedure
    kind = KIND.read(answers, procedure.kinds)
    with desk.db.begin() as tx:
        incident = incidents.get(tx, start.incident_id, lock=True)
        if notes.was_saved(tx, str(view["id"])):  # the same form once more
            ack()
            return
        team.check_may(desk, tx, "assign_roles", incident, person.user_id)
        lifecycle.check_is_emergency(incident)
        routed = replace(incident, kind=kind or incident.kind)
        seats = seats_of(desk, tx, routed, incident.kind)
        chosen, is_complete = read(desk, tx, answers, routed, seats, words, now)
        if answers.wrong:
            ack(response_action="errors", errors=answers.sentences(words))
            return
        if notice := _changed_meanwhile(tx, incident, start, chosen, is_complete, words):
            again = replace(seats, proposed={**seats.proposed, **chosen})
            latest = replace(start, after=_last_id(tx, incident))
            drawn = form(routed, latest, again, procedure, words, notice)
            ack(response_action="update", view=drawn.to_dict())
            return
        if kind and kind != incident.kind:
            incidents.set_kind(tx, incident.id, kind)
            journal.add(tx, incident.id, "routed", person.user_id, now, kind=kind, was=incident.kind)
        for role in seats.offered:
            _settle(desk, tx, routed, role, chosen.get(role), person.user_id, now)
        met = duties.knows(desk, tx, routed, person.user_id, "roles_assigned", now)
        notes.save(tx, incident.id, str(view["id"]), "roles_assigned", person.user_id, now, "")
        outbox.redraw(tx, [incident.id], now, team.SHOWN_WITH_ROLES, met)
    ack()
    desk.wake()


def read(
    desk: Desk, tx: Connection, answers: Answers, incident: Incident, seats: Seats, words: Wording, now: datetime
) -> tuple[dict[Role, str], bool]:
    """Who is chosen for each role, and whether the form shows all of them; what is wrong about it is in `answers`."""
    chosen: dict[Role, str] = {}
    is_complete = True
    for role in seats.offered:
        field = _field(role, False, incident.kind, desk.procedure)
        if not answers.shows(field.id):
            is_complete = False
            continue
        who = field.read(answers)
        if who is not None:
            chosen[role] = who
            _check_is_there(tx, answers, field.id, who, team.proposed_now(desk, tx, incident, role), words, now)
        elif role in seats.needed:
            answers.refuse(field.id, "roles.choose_role", role=words.text(f"role.{role}"))
    return chosen, is_complete


def accept(ack: Ack, action: Json, desk: Desk, person: Person, now: datetime) -> None:
    """They take it. Whoever clicks twice, or is not asked, is told so."""
    assignment_id = chosen_id(action)
    with desk.db.begin() as tx:
        incident = incidents.get(tx, roles.get(tx, assignment_id).incident_id, lock=True)
        asked = roles.get(tx, assignment_id)
        lifecycle.check_is_asked(asked, person.user_id)
        lifecycle.check_open(incident)
        team.accept(desk, tx, incident, asked, now)
    ack()
    desk.wake()


def open_decline(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person
) -> None:
    """Why not, or why not any more; and who could."""
    with desk.db.read() as tx:
        asked = roles.get(tx, chosen_id(action))
        incident = incidents.get(tx, asked.incident_id)
        holder = roles.holders(roles.of_incident(tx, incident.id)).get(asked.role)
    lifecycle.check_has_or_is_asked(asked, person.user_id)
    lifecycle.check_open(incident)
    show(client, body, decline_form(incident, asked, holder, words))
    ack()


def decline_form(incident: Incident, asked: Assignment, holder: str | None, words: Wording) -> View:
    """Two fields; what happens then is said above them."""
    role, what = words.text(f"role.{asked.role}"), f"{incident.number} · {incident.title}"
    if asked.accepted_at is not None:
        happens = words.mrkdwn("roles.about_giving_back", role=role, what=what)
    elif holder is not None:
        happens = words.mrkdwn("roles.about_not_taking", role=role, what=what, who=mention(holder))
    else:
        happens = words.mrkdwn("roles.about_declining", role=role, what=what)
    return modal(
        "roles.decline_submit",
        words.text("roles.decline_title", number=incident.number),
        [
            section(happens),
            REASON.block(words, focus=True),
            SUGGESTION.block(words),
        ],
        close=words.text("form.cancel"),
        submit=words.text("roles.decline_submit"),
        about=str(asked.id),
    )


def submit_decline(ack: Ack, view: Json, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """Whom they suggest is asked, else the next one; when nobody is left, whoever asked is told, and the channel."""
    answers, assignment_id = Answers(view), int(view["private_metadata"])
    reason, suggested = REASON.read(answers), SUGGESTION.read(answers)
    with desk.db.begin() as tx:
        incident = incidents.get(tx, roles.get(tx, assignment_id).incident_id, lock=True)
        if notes.was_saved(tx, str(view["id"])):  # the same form once more
            ack()
            return
        asked = roles.get(tx, assignment_id)
        lifecycle.check_has_or_is_asked(asked, person.user_id)
        lifecycle.check_open(incident)
        if suggested is not None:
            mine, of_roles = person.user_id, [asked.role]
            _check_can_have(desk, tx, answers, SUGGESTION.id, suggested, incident, of_roles, mine, words, now)
        if answers.wrong:
            ack(response_action="errors", errors=answers.sentences(words))
            return
        if asked.accepted_at is None:
            team.end_asking(tx, incident, asked, "handed_back", now, reason)
        else:
            team.hand_back(desk, tx, incident, asked, "handed_back", now, reason)
        notes.save(tx, incident.id, str(view["id"]), "role_declined", person.user_id, now, "")
        said = {"role": asked.role, "assignment": asked.id, "suggested": suggested}
        journal.add(tx, incident.id, "role_declined", person.user_id, now, **said)
        team.pass_on(desk, tx, incident, roles.get(tx, asked.id), suggested, now)
    ack()
    desk.wake()


def open_hand_over(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person
) -> None:
    """From an incident: one role, or everything of theirs there."""
    with desk.db.read() as tx:
        incident = incidents.get(tx, chosen_id(action))
        lifecycle.check_open(incident)
        offers = _offers(tx, person.user_id, incident, words)
    if not offers or offers[0][0] == ALL:
        raise NotAllowed("allowed.nothing_to_hand_over")
    show(client, body, hand_over_form(offers, words))
    ack()


def open_hand_over_of_all(ack: Ack, body: Json, client: WebClient, desk: Desk, words: Wording, person: Person) -> None:
    """By the command, at the end of a shift: everything first."""
    with desk.db.read() as tx:
        incident = incidents.in_channel(tx, str(body["channel_id"]))
        here = _offers(tx, person.user_id, incident, words) if incident and incident.status.is_open else []
        offers = sorted({**dict(here), **dict(_offers(tx, person.user_id, None, words))}.items(), key=_all_first)
    if not offers:
        raise NotAllowed("allowed.nothing_to_hand_over")
    show(client, body, hand_over_form(offers[:OPTIONS], words))
    ack()


def hand_over_form(offers: Sequence[tuple[str, str]], words: Wording) -> View:
    """What, to whom, and what they need to know."""
    return modal(
        "roles.hand_over_submit",
        words.text("roles.hand_over_title"),
        [WHICH.block(words, offers, initial=offers[0][0]), TO.block(words), NOTE.block(words)],
        close=words.text("form.cancel"),
        submit=words.text("roles.hand_over_submit"),
    )


def submit_hand_over(ack: Ack, view: Json, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """For each role somebody else is asked; what is owed without one, in an incident without one, is theirs at once."""
    answers, key = Answers(view), str(view["id"])
    chosen = str((answers.of(WHICH.id).get("selected_option") or {}).get("value") or "")
    to, note = TO.read(answers), NOTE.read(answers)
    with desk.db.begin() as tx:
        locked = [incidents.get(tx, number, lock=True) for number in _numbers(tx, chosen, person.user_id)]
        if notes.was_saved(tx, key):  # the same form once more
            ack()
            return
        bundles = [_bundle(tx, incident, chosen, person.user_id) for incident in locked if incident.status.is_open]
        bundles = [each for each in bundles if each.roles or each.duties]
        if not bundles:
            raise NotAllowed("allowed.nothing_to_hand_over")
        for each in bundles if to else ():
            of_roles = [held.role for held in each.roles]
            _check_can_have(desk, tx, answers, TO.id, str(to), each.incident, of_roles, each.by, words, now)
        if answers.wrong or to is None:
            ack(response_action="errors", errors=answers.sentences(words))
            return
        for number, each in enumerate(bundles):
            _hand_over(desk, tx, each, to, note, key if number == 0 else f"{key}:{each.incident.id}", now)
    ack(response_action="update", view=handed(bundles, to, words).to_dict())
    desk.wake()


def handed(bundles: Sequence["Bundle"], to: str, words: Wording) -> View:
    """The form's last page: what is asked, and what has moved."""
    lines = []
    for each in bundles:
        number, who = each.incident.number, mention(to)
        if each.roles:
            named = words.text("list.comma").join(words.text(f"role.{role.role}") for role in each.roles)
            lines.append(words.mrkdwn("roles.handed_roles", number=number, who=who, roles=named))
        else:
            lines.append(words.mrkdwn("roles.handed_duties", number=number, who=who))
    return modal(
        "roles.handed",
        words.text("roles.hand_over_title"),
        [section(Mrkdwn("\n".join(lines)))],
        close=words.text("form.close"),
    )


def replace_gone(desk: Desk, errand: Errand) -> None:
    """Somebody has left: in each open incident what they had goes to the next one. Done again, it finds nothing."""
    user_id = str(errand.detail["user"])
    with desk.db.read() as tx:
        if not people.not_there(tx, [user_id]):  # they are back already
            return
        theirs = [*incidents.open_with(tx, user_id), *actions.of_owner(tx, user_id)]
        numbers = sorted({*theirs, *deadlines.that_tell(tx, user_id)})
    for number in numbers:
        now = desk.now()
        with desk.db.begin() as tx:
            incident = incidents.get(tx, number, lock=True)
            if incident.status.is_open:
                team.replace_gone(desk, tx, incident, user_id, now)
            elif incident.status is Status.CLOSED:
                team.replace_gone_later(desk, tx, incident, now)
            agreed.replace_gone(desk, tx, incident, user_id, now)
    desk.wake()


def stand_in(desk: Desk, errand: Errand) -> None:
    """Slack does not let a reporter into the channel (a guest): what they owe is owed by the first on call who is in.
    When nobody is, it stays with the reporter, who is reminded in direct messages."""
    now = desk.now()
    with desk.db.begin() as tx:
        if not outbox.take(tx, errand.id):
            return
        incident = incidents.get(tx, int(errand.incident_id or 0), lock=True)
        somebody = channel.on_call_there(desk, tx, incident)
        if incident.status.is_open and somebody and team.has_something(tx, incident, incident.reporter_id):
            team.give_duties(desk, tx, incident, incident.reporter_id, somebody, now)
    desk.wake()


@dataclass(frozen=True)
class Bundle:
    """What somebody hands over in one incident: roles, and whether everything else of theirs goes along."""

    incident: Incident
    by: str
    roles: Sequence[Assignment]
    duties: bool


def _offers(tx: Connection, user_id: str, here: Incident | None, words: Wording) -> list[tuple[str, str]]:
    """What somebody can hand over: everything and its parts in `here`, or everything in each incident."""
    numbers = _numbers(tx, ALL, user_id)
    every = [(ALL, words.text("roles.everything", n=len(numbers)))] if len(numbers) > 1 else []
    if here is None:
        return every + [_everything_in(incidents.get(tx, number), words) for number in numbers]
    if here.id not in numbers:
        return every
    bundle = _bundle(tx, here, f"in:{here.id}", user_id)
    parts = [
        (f"role:{each.id}", words.text("roles.one_role", role=words.text(f"role.{each.role}"), number=here.number))
        for each in bundle.roles
    ]
    if bundle.roles and team.has_something(tx, here, user_id):
        parts.append((f"duties:{here.id}", words.text("roles.duties_of", number=here.number)))
    return [_everything_in(here, words), *parts, *every]


def _everything_in(incident: Incident, words: Wording) -> tuple[str, str]:
    return f"in:{incident.id}", words.text("roles.everything_in", number=incident.number)


def _all_first(offer: tuple[str, str]) -> bool:
    return offer[0] != ALL


def _numbers(tx: Connection, chosen: str, user_id: str) -> list[int]:
    """The open incidents that a choice is about, in the order in which they are locked."""
    kind, _, id_ = chosen.partition(":")
    if kind == ALL:
        theirs = [incidents.get(tx, number) for number in incidents.open_with(tx, user_id)]
        found = [_bundle(tx, incident, chosen, user_id) for incident in theirs]
        return [each.incident.id for each in found if each.roles or each.duties]
    if not id_.isdigit():
        return []
    return [roles.get(tx, int(id_)).incident_id if kind == "role" else int(id_)]


def _bundle(tx: Connection, incident: Incident, chosen: str, user_id: str) -> Bundle:
    """What a choice means in an incident. A role that somebody else has been asked to take already is on its way."""
    kind, _, id_ = chosen.partition(":")
    found = roles.of_incident(tx, incident.id)
    asked = roles.asked(found)
    held = [
        each
        for each in found
        if each.user_id == user_id
        and each.accepted_at is not None
        and each.ended_at is None
        and each.role is not Role.REPORTER
        and (each.role not in asked or asked[each.role].hands_over == each.id)
    ]
    if kind == "role":
        return Bundle(incident, user_id, [each for each in held if str(each.id) == id_], duties=False)
    has_more = team.has_something(tx, incident, user_id)
    if kind == "duties":
        return Bundle(incident, user_id, [], duties=has_more)
    return Bundle(incident, user_id, held, duties=has_more or bool(held))


def _hand_over(desk: Desk, tx: Connection, bundle: Bundle, to: str, note: str, key: str, now: datetime) -> None:
    incident, asked = bundle.incident, roles.asked(roles.of_incident(tx, bundle.incident.id))
    for held in bundle.roles:
        before = asked.get(held.role)
        if before is not None and before.user_id == to and before.with_duties >= bundle.duties:
            continue  # asked already, and not answered yet
        if before is not None:
            team.end_asking(tx, incident, before, "relieved", now)
        team.ask(desk, tx, incident, held.role, to, bundle.by, now, note, held.id, with_duties=bundle.duties)
    if not bundle.roles:
        given = team.give_duties(desk, tx, incident, bundle.by, to, now)
        detail = {"from": bundle.by, "deadlines": given, "note": key}
        outbox.say(tx, [Saying(incident.id, "handed", "person", to, detail=detail)], now)
    named = [held.role for held in bundle.roles]
    journal.add(tx, incident.id, "handed_over", bundle.by, now, to=to, roles=named, duties=bundle.duties)
    notes.save(tx, incident.id, key, "handed_over", bundle.by, now, "" if bundle.roles else note)


def _settle(
    desk: Desk, tx: Connection, incident: Incident, role: Role, who: str | None, by: str, now: datetime
) -> None:
    """Makes of one role what the form says. Who has it keeps it until somebody else has taken it."""
    found = roles.of_incident(tx, incident.id)
    asked = roles.asked(found).get(role)
    held = next((each for each in found if each.role is role and each.accepted_at and not each.ended_at), None)
    if asked is not None and asked.user_id == who:
        if who == by:  # whoever names themselves takes it
            team.accept(desk, tx, incident, asked, now)
        return
    if asked is not None:
        team.end_asking(tx, incident, asked, "relieved", now)
    if who is None and held is not None:
        team.hand_back(desk, tx, incident, held, "relieved", now)
    elif who is not None and (held is None or held.user_id != who):
        team.ask(desk, tx, incident, role, who, by, now)


def _changed_meanwhile(
    tx: Connection, incident: Incident, start: Start, chosen: Mapping[Role, str], is_complete: bool, words: Wording
) -> Mrkdwn | None:
    """What to say when the form does not fit any more: other roles are needed, or somebody else has assigned some."""
    if not is_complete:
        return words.mrkdwn("roles.changed")
    found = roles.of_incident(tx, incident.id)
    if _last_id(tx, incident) == start.after:
        return None
    current = {**roles.holders(found), **{role: asked.user_id for role, asked in roles.asked(found).items()}}
    lines = [
        words.mrkdwn("roles.now", role=words.text(f"role.{role}"), who=mention(current[role]))
        for role, who in chosen.items()
        if role in current and current[role] != who
    ]
    if not lines:
        return None
    last = found[-1]
    at = words.time(last.asked_at)
    first = words.mrkdwn("roles.faster", by=mention(last.asked_by), at=at) if last.asked_by else None
    return Mrkdwn("\n".join([first or words.mrkdwn("roles.faster_by_itself", at=at), *lines]))


def _check_can_have(
    desk: Desk,
    tx: Connection,
    answers: Answers,
    field_id: str,
    who: str,
    incident: Incident,
    of_roles: Sequence[Role],
    by: str,
    words: Wording,
    now: datetime,
) -> None:
    """Not oneself, nobody who has left; in a confidential incident, nobody whom the procedure keeps out."""
    candidates = [each for role in of_roles[:1] for each in team.proposed_now(desk, tx, incident, role) if each != by]
    if who == by:
        answers.refuse(field_id, "roles.not_yourself")
        return
    _check_is_there(tx, answers, field_id, who, candidates, words, now)
    if incident.is_private and not team.may_let_in(desk, tx, incident, of_roles, who, by):
        answers.refuse(field_id, "roles.only_its_people", number=incident.number)


def _check_is_there(
    tx: Connection,
    answers: Answers,
    field_id: str,
    who: str,
    candidates: Sequence[str],
    words: Wording,
    now: datetime,
) -> None:
    """Refuses who has left, and whom the bot does not know: an app, or somebody so new that it has to ask first."""
    person = people.get(tx, who)
    if person is not None and person.is_active:
        return
    following = next((each for each in candidates if each != who), None)
    example = words.text("roles.for_example", who=_name(tx, following)) if following else ""
    if person is not None:
        answers.refuse(field_id, "roles.has_left", who=person.name or who, example=example)
        return
    answers.refuse(field_id, "roles.not_known", example=example)
    lane = f"learn:{who}"
    outbox.ask(tx, "learn_person", lane, now, detail={"user": who}, collapses=lane)


def _field(role: Role, is_needed: bool, kind: str, procedure: Procedure) -> Somebody:
    """A role's field. Where the department decides who is proposed, another department's is another field for Slack,
    which would keep what was chosen in the old one."""
    id_ = f"{role}_{procedure.department_of(kind)}" if _is_routed(role, procedure) else str(role)
    return Somebody(id_, "roles", required=is_needed)


def _is_routed(role: Role, procedure: Procedure) -> bool:
    return isinstance(procedure.roles[role].people, dict)


def _last_id(tx: Connection, incident: Incident) -> int:
    found = roles.of_incident(tx, incident.id)
    return found[-1].id if found else 0


def _name(tx: Connection, user_id: str) -> str:
    person = people.get(tx, user_id)
    return person.name if person and person.name else user_id

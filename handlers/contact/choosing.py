"""A button or a choice -> the form is drawn for whoever is meant, with the words that fit."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from slack_bolt import Ack
from slack_sdk import WebClient
from slack_sdk.models.views import View
from sqlalchemy import Connection

from bot import contact as rules
from bot import lifecycle
from bot.incident import (
    Duty,
    Incident,
    Listed,
    NotAllowed,
    Person,
)
from bot.wording import Mrkdwn, Wording
from handlers import occasion, team
from handlers.blocks import Json
from handlers.contact.drawing import (
    CHANNEL,
    EVERYBODY,
    STAGE,
    STAGES,
    UNHEARD,
    WHO,
    Start,
    form,
    line,
    next_at,
    outcome_field,
    promised_to,
    start_of,
)
from handlers.desk import Desk
from handlers.fields import Answers
from handlers.windows import show
from handlers.words import chosen_id
from storage import customers, deadlines, incidents, journal

IN_HAND = timedelta(minutes=5)  # so long nobody else is offered the customer whose form is open
FOUND_AT_ONCE = 90  # Slack takes 100 options


def open_form(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime
) -> None:
    """Filled in for whoever's turn it is; that the customer was looked at is on record before it is shown."""
    wanted = replace(_wanted(action), beneath=_beneath(body))
    with desk.db.begin() as tx:
        if wanted.customer_id is not None and not wanted.incident:  # from the list: the customer alone is named
            wanted = replace(wanted, incident=customers.incident_of(tx, wanted.customer_id))
        incident = checked(desk, tx, wanted.incident, person)
        view = next_form(desk, tx, incident, wanted, words, person, now)
    show(client, body, view)
    ack()


def write_to_all(
    ack: Ack, body: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime
) -> None:
    """Who is left is written to at once: the window that named them is the form."""
    view = body["view"]
    start = start_of(view)
    with desk.db.begin() as tx:
        incident = checked(desk, tx, start.incident, person)
        if customers.counts(tx, incident).unheard:  # else somebody was faster
            start = replace(start, who=UNHEARD)
        drawn = next_form(desk, tx, incident, start, words, person, now)
    client.views_update(view_id=view["id"], hash=view["hash"], view=drawn)
    ack()


def find(ack: Ack, body: Json, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """Customers whose name, number or contact has what was typed, in the order of turns; and everybody at once."""
    start = start_of(body["view"])
    said = str(body.get("value") or "")
    with desk.db.read() as tx:  # thousands may be opened: nobody waits for that
        found = customers.in_turn(tx, start.incident, now, FOUND_AT_ONCE, said, person.user_id)
    with desk.db.begin() as tx:
        incident = checked(desk, tx, start.incident, person)
        promised = promised_to(tx, incident.id)
        journal.add(tx, incident.id, "customer_seen", person.user_id, now, form="contact", n=len(found))
        options = []
        for listed in found:
            is_held, next_word_at = listed.is_held(person.user_id, now), next_at(desk, incident, listed)
            shown = line(listed, next_word_at, listed.id in promised, is_held, words, now)
            options.append((f"c{listed.id}", shown))
    several = [(who, words.text(f"contact.{who}")) for who in (UNHEARD, EVERYBODY)]
    options += [(who, text) for who, text in several if said.casefold() in text.casefold()]
    ack(options=[{"value": value, "text": {"type": "plain_text", "text": text}} for value, text in options])


def look(ack: Ack, body: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """A choice has changed: the words, and what is asked, go with it."""
    view = body["view"]
    was, answers = start_of(view), Answers(view)
    start = chosen(was, answers)
    with desk.db.begin() as tx:
        incident = checked(desk, tx, start.incident, person)
        if start.who != was.who:
            listed = customers.get(tx, incident.id, start.customer_id) if start.customer_id else None
            _take(tx, incident, listed, person, now)
            start = _filled_in(desk, tx, replace(start, turn=start.turn + 1), incident, listed, now)
            journal.add(tx, incident.id, "customer_seen", person.user_id, now, form="contact")
            answers = Answers(_only(view, "said"))
        drawn = form(desk, tx, start, words, person, now, answers)
    client.views_update(view_id=view["id"], hash=view["hash"], view=drawn)
    ack()


def use_script(
    ack: Ack, body: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime
) -> None:
    """The script's words in place of what stands there, with the facts as they were filled in."""
    view = body["view"]
    start, answers = chosen(start_of(view), Answers(view)), Answers(view)
    with desk.db.begin() as tx:
        checked(desk, tx, start.incident, person)
        anew = replace(start, draft=start.draft + 1, drawn="")
        drawn = form(desk, tx, anew, words, person, now, answers)
    client.views_update(view_id=view["id"], hash=view["hash"], view=drawn)
    ack()


def show_more(
    ack: Ack, body: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime
) -> None:
    """A promise, or another time, unfolds; what was typed stays."""
    view = body["view"]
    answers = Answers(view)
    start = replace(chosen(start_of(view), answers), more=True)
    with desk.db.begin() as tx:
        checked(desk, tx, start.incident, person)
        drawn = form(desk, tx, start, words, person, now, answers)
    client.views_update(view_id=view["id"], hash=view["hash"], view=drawn)
    ack()


def checked(desk: Desk, tx: Connection, incident_id: int, person: Person) -> Incident:
    """The incident, when this person may speak to its customers."""
    incident = incidents.get(tx, incident_id, lock=True)
    lifecycle.check_handles_case(person.user_id, incident, incidents.participants_of(tx, incident.id))
    team.check_may(desk, tx, "contact", incident, person.user_id)
    goes_on = any(each.duty is Duty.FOLLOW_UP for each in deadlines.running(tx, incident.id))
    lifecycle.check_can_contact(incident, goes_on)
    return incident


def _beneath(body: Json) -> Json | None:
    """The list that lies open under the form, which shows what becomes of it."""
    view = body.get("view") or {}
    if view.get("callback_id") != "ledger.submit":
        return None
    shown = json.loads(view["private_metadata"])
    return {"view": view["id"], "which": shown["which"], "offset": shown["offset"], "turn": int(shown["turn"]) + 1}


def _wanted(action: Json) -> Start:
    """What a button asks for: an incident; with its stage, channel and language, from a script; or one customer."""
    if action.get("action_id") in ("ledger.one", "contact.with"):
        return Start(0, who=f"c{chosen_id(action)}")
    number, *rest = str(action.get("value") or "").split(":")
    stage, channel, language = [*rest, "", "", ""][:3]
    return Start(int(number), stage=stage, channel=channel, language=language)


def next_form(
    desk: Desk,
    tx: Connection,
    incident: Incident,
    wanted: Start,
    words: Wording,
    person: Person,
    now: datetime,
    notice: Sequence[Mrkdwn] = (),
) -> View:
    listed = None
    if wanted.customer_id is not None:
        listed = customers.get(tx, incident.id, wanted.customer_id)
    elif wanted.who != UNHEARD:
        listed = customers.next_to_contact(tx, incident.id, now, person.user_id)
    start = replace(wanted, who=f"c{listed.id}" if listed else UNHEARD)
    _take(tx, incident, listed, person, now)
    start = _filled_in(desk, tx, start, incident, listed, now)
    journal.add(tx, incident.id, "customer_seen", person.user_id, now, form="contact")
    return form(desk, tx, start, words, person, now, None, notice)


def _take(tx: Connection, incident: Incident, listed: Listed | None, person: Person, now: datetime) -> None:
    """The customer is in their hands, unless somebody else has them. Raises NotAllowed for one who is off the list."""
    if listed is not None:
        check_is_listed(listed)
    if listed is None or not listed.is_held(person.user_id, now):
        customers.hold(tx, incident.id, listed.id if listed else None, person.user_id, now + IN_HAND)


def check_is_listed(listed: Listed) -> None:
    """Raises NotAllowed when a customer was taken off the list, or their data were erased."""
    if listed.removed_at is not None:
        raise NotAllowed("allowed.customer_is_off", by=listed.removed_by, at=listed.removed_at)
    if not (listed.customer.name or listed.customer.number or listed.customer.contact):
        raise NotAllowed("allowed.customer_erased")


def _filled_in(
    desk: Desk, tx: Connection, start: Start, incident: Incident, listed: Listed | None, now: datetime
) -> Start:
    """Stage, channel and language that fit this customer, where nobody has asked for others."""
    now_is = occasion.situation(tx, incident)
    same = start.stage and start.turn == 0
    return replace(
        start,
        stage=start.stage if same else occasion.stage_of(now_is, listed, now).value,
        channel=start.channel if same and start.channel else rules.channel_of(listed).value,
        language=start.language if same and start.language else occasion.language_of(desk, tx, listed).value,
        outcome="",
    )


def chosen(start: Start, answers: Answers) -> Start:
    """What the form was drawn with, and what has been chosen since."""
    who = WHO.version(start.turn).read(answers) if answers.shows(WHO.version(start.turn).id) else start.who
    stage = STAGE.version(start.turn).read(answers, [each.value for each in STAGES])
    value = CHANNEL.version(start.turn).read(answers, occasion.CHANNELS)
    channel, _, language = (value or f"{start.channel}:{start.language}").partition(":")
    outcome = str((answers.of(outcome_field(start).id).get("selected_option") or {}).get("value") or "")
    return replace(
        start,
        who=who or start.who,
        stage=stage or start.stage,
        channel=channel,
        language=language,
        outcome=outcome,
    )


def _only(view: Json, name: str) -> Json:
    """The form with what was typed into one field: nothing else goes along to another customer."""
    values = view.get("state", {}).get("values", {})
    kept = {field_id: state for field_id, state in values.items() if field_id.partition("__")[0] == name}
    return {**view, "state": {"values": kept}}

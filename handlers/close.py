"""It is over: button on card -> what is missing, each with its button -> closed; with gaps only for a reason.

Clocks stop, except what is about the lesson; the channel is archived some days later.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from slack_bolt import Ack, App
from slack_sdk import WebClient
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View
from sqlalchemy import Connection

from bot import closing as rules
from bot import lifecycle
from bot.closing import Missing, State, Tally
from bot.incident import Deadline, Duty, Incident, Person, TaskState
from bot.plan import RequestState
from bot.wording import Mrkdwn, Wording
from handlers import duties, review, solved, tally, team
from handlers.blocks import Json, actions, button, modal, section
from handlers.desk import Desk
from handlers.fields import Answers, Text
from handlers.windows import of_channel, redraw, show
from handlers.words import choice, chosen_id, word
from storage import customers, deadlines, incidents, journal, notes, outbox, plans, postmortems, requests, roles, tasks
from storage.outbox import Saying

# The button that does what is missing; the others are done in the channel, where their lists are.
DOES = {
    Missing.VERIFY: "verify.open",
    Missing.GRADE: "grade.open",
    Missing.FIRST_CONTACT: "contact.open",
    Missing.UPDATE: "contact.open",
    Missing.PROMISE: "contact.open",
    Missing.CALL_IN_PERSON: "contact.open",
    Missing.PLAN: "plan.open",
    Missing.SECOND_PLAN: "plan.open",
    Missing.SOLUTION: "solution.open",
    Missing.FIX: "fixed.open",
    Missing.CONFIRMATION: "confirm.open",
    Missing.SATISFACTION: "satisfaction.open",
    Missing.FEEDBACK: "contact.open",
}
UNSOLVED_ONLY = (Missing.PLAN, Missing.SECOND_PLAN)  # what works again needs no plan
FINISHED = (TaskState.DONE, TaskState.NOT_APPLICABLE)
UNANSWERED = (RequestState.ASKED, RequestState.AGREED)
LINES = 10  # of what goes on

REASON = Text("reason", "close", required=True, multiline=True, max_length=500, if_missing="close.say_why")


@dataclass(frozen=True)
class Facets:
    """What the form shows: what is missing, and what goes on."""

    incident: Incident
    missing: Sequence[tuple[Missing, int]]
    goes_on: Sequence[Deadline]
    tally: Tally


def register(app: App) -> None:
    """What leads here."""
    app.command("/incident", matchers=[word("close", "结案")])(of_channel(open_form))
    app.action("close.open")(open_form)
    app.action("card.menu", matchers=[choice("close.open")])(open_form)
    app.action("close.look")(look)
    app.view("close.submit")(submit)


def open_form(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime
) -> None:
    """Says who may when this person may not."""
    with desk.db.read() as tx:
        incident = _checked(desk, tx, chosen_id(action), person)
        view = form(facets(desk, tx, incident, now), words)
    show(client, body, view)
    ack()


def look(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime
) -> None:
    """Something was done meanwhile: the list is drawn anew, and the reason that was typed stays."""
    with desk.db.read() as tx:
        incident = _checked(desk, tx, chosen_id(action), person)
        view = form(facets(desk, tx, incident, now), words)
    redraw(client, body, view)
    ack()


def facets(desk: Desk, tx: Connection, incident: Incident, now: datetime) -> Facets:
    """What the database knows of it."""
    clocks = deadlines.running(tx, incident.id)
    of_round = [each for each in plans.of_incident(tx, incident.id) if each.round == incident.round]
    so_far = tally.of(desk, tx, incident)
    state = State(
        unheard=customers.counts(tx, incident).unheard,
        plan_is_approved=any(each.approved_at is not None for each in of_round) if of_round else None,
        tasks=sum(1 for each in tasks.of_incident(tx, incident.id) if each.state not in FINISHED),
        requests=sum(1 for each in requests.of_incident(tx, incident.id) if each.state in UNANSWERED),
        tally=so_far,
    )
    return Facets(incident, rules.missing(incident, clocks, state, now), rules.going_on(clocks), so_far)


def form(found: Facets, words: Wording, has_changed: bool = False) -> View:
    """Each line that is missing has the button that does it; a reason is asked for only then."""
    incident = found.incident
    blocks: list[Block] = [section(words.mrkdwn("close.has_changed"))] if has_changed else []
    if not found.missing:
        blocks.append(section(words.mrkdwn("close.nothing_missing")))
    else:
        blocks.append(section(words.mrkdwn("close.missing")))
        blocks += [_line(found, what, count, words) for what, count in found.missing]
        blocks.append(actions([button(words.text("button.close.look"), "close.look", incident.id)], "look"))
    if found.goes_on:
        lines = [solved.owed_line(each, words) for each in found.goes_on[:LINES]]
        more = len(found.goes_on) - LINES
        if more > 0:
            lines.append(words.mrkdwn("close.and_more", n=more))
        blocks.append(section(Mrkdwn("\n".join([words.mrkdwn("close.goes_on"), *lines]))))
    if found.missing:
        blocks.append(REASON.block(words))
    return modal(
        "close.submit",
        words.text("close.title", number=incident.number),
        blocks,
        close=words.text("form.cancel"),
        submit=words.text("close.submit"),
        about=json.dumps({"incident": incident.id, "of": _state(incident), "shown": _kinds(found)}),
    )


def submit(ack: Ack, view: Json, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """Closed, unless something has come to be missing since the form was drawn, or it was opened again: then the form
    shows how it is now, and what was typed stays."""
    answers, about = Answers(view), json.loads(view["private_metadata"])
    with desk.db.begin() as tx:
        incident = incidents.get(tx, int(about["incident"]), lock=True)
        if notes.was_saved(tx, str(view["id"])):  # the same form once more
            ack()
            return
        _check(desk, tx, incident, person)
        found = facets(desk, tx, incident, now)
        is_new = bool(set(_kinds(found)) - set(about["shown"])) or about["of"] != _state(incident)
        if is_new or (found.missing and not answers.shows(REASON.id)):
            ack(response_action="update", view=form(found, words, has_changed=True).to_dict())
            return
        reason = REASON.read(answers) if found.missing else ""
        if answers.wrong:
            ack(response_action="errors", errors=answers.sentences(words))
            return
        _close(desk, tx, found, str(view["id"]), reason, person, now)
    ack()
    desk.wake()


def _close(desk: Desk, tx: Connection, found: Facets, key: str, reason: str, person: Person, now: datetime) -> None:
    incident, by = found.incident, person.user_id
    incidents.set_closed(tx, incident.id, by, now, reason)
    stopped = deadlines.stop(tx, incident.id, now, [each for each in Duty if each not in duties.AFTER_CLOSING])
    asked = [each.id for each in roles.of_incident(tx, incident.id) if each.ended_at is None and not each.accepted_at]
    roles.end(tx, asked, "relieved", now)
    if incident.severity is not None and incident.dismissed_at is None and postmortems.get(tx, incident.id) is None:
        # Nobody has said that it is fixed; there is something to learn all the same.
        over = incidents.get(tx, incident.id)
        duties.begin_one(desk, tx, over, Duty.POSTMORTEM, now)
        review.begin(desk, tx, over, now)
    gaps = {what.value: count for what, count in found.missing}
    notes.save(tx, incident.id, key, "closed", by, now, reason)
    journal.add(tx, incident.id, "closed", by, now, round=incident.round, missing=gaps)
    detail = {"round": incident.round, "by": by, "at": now.isoformat()}
    outbox.say(tx, [Saying(incident.id, "closed", "incident", detail=detail)], now)
    shown = (*team.SHOWN_WITH_ROLES, *solved.SHOWN, "script")
    outbox.redraw(tx, [incident.id], now, dict.fromkeys(shown), stopped, asked)
    days = desk.procedure.closing.archive_after_days
    if days is not None:
        # In a lane of its own: what is still to be said in the incident does not wait for it.
        closed = {"closed_at": now.isoformat()}
        outbox.ask(tx, "archive", f"archive:{incident.id}", now, incident.id, closed, after=timedelta(days=days))


def _state(incident: Incident) -> list[str]:
    """What a form is about: after the incident was opened again it is another one."""
    return [str(incident.round), incident.reopened_at.isoformat() if incident.reopened_at else ""]


def _kinds(found: Facets) -> list[str]:
    return [what.value for what, _ in found.missing]


def _line(found: Facets, what: Missing, count: int, words: Wording) -> Block:
    if what is Missing.CONFIRMATION:
        text = words.mrkdwn("close.missing.confirmation", progress=tally.progress(found.tally, words))
    else:
        key = f"close.missing.{what}"
        text = words.mrkdwn(key, n=count) if words.counts(key) else words.mrkdwn(key)
    action = DOES.get(what)
    if action is None or (what in UNSOLVED_ONLY and not found.incident.status.is_unsolved):
        return section(text)
    return section(text, accessory=button(words.text(f"button.{action}"), action, found.incident.id))


def _checked(desk: Desk, tx: Connection, incident_id: int, person: Person) -> Incident:
    incident = incidents.get(tx, incident_id)
    _check(desk, tx, incident, person)
    return incident


def _check(desk: Desk, tx: Connection, incident: Incident, person: Person) -> None:
    team.check_may(desk, tx, "close", incident, person.user_id)
    lifecycle.check_open(incident)

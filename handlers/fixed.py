"""It works again: button on card -> form -> saved -> clocks stop, the customers are asked, the postmortem is drafted.

Or it does not after all: ⋯ on the card -> form with a reason -> open again.
"""

from datetime import datetime

from slack_bolt import Ack, App
from slack_sdk import WebClient
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View
from sqlalchemy import Connection

from bot import lifecycle
from bot.closing import ENDS_WITH_SOLUTION
from bot.incident import Duty, Event, Incident, Person, Stage, TaskState
from bot.plan import Plan, key_of, steps_of
from bot.wording import Wording, mention
from handlers import duties, masks, occasion, review, solved, team
from handlers.blocks import Json, modal, section
from handlers.desk import Desk
from handlers.fields import Answers, Text, When
from handlers.windows import of_channel, show
from handlers.words import choice, chosen_id, word
from storage import confirmations, deadlines, incidents, journal, notes, outbox, plans, tasks
from storage.outbox import Saying

AT = When("at", "fixed", required=True)
WHAT = Text("what", "fixed", required=True, max_length=300, if_missing="fixed.say_what")
REASON = Text("reason", "fixed", required=True, multiline=True, max_length=500, if_missing="fixed.say_why")


def register(app: App) -> None:
    """What leads here."""
    app.command("/incident", matchers=[word("fixed", "修复")])(of_channel(open_form))
    app.action("fixed.open")(open_form)
    app.action("card.menu", matchers=[choice("fixed.open")])(open_form)
    app.view("fixed.submit")(submit)
    app.action("fixed.not_fixed")(open_not_fixed)
    app.action("card.menu", matchers=[choice("fixed.not_fixed")])(open_not_fixed)
    app.view("fixed.not_submit")(submit_not_fixed)


def open_form(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime
) -> None:
    """Refuses kindly when somebody was faster."""
    with desk.db.read() as tx:
        incident = incidents.get(tx, chosen_id(action))
        team.check_may(desk, tx, "say_fixed", incident, person.user_id)
        lifecycle.check_can_say_fixed(incident)
        plan = _approved(tx, incident)
        done = _done(tx, incident, plan, words) if plan else ""
    show(client, body, form(incident, plan, done, words, now))
    ack()


def form(incident: Incident, plan: Plan | None, done: str, words: Wording, now: datetime) -> View:
    """When, and what was done. Without an approved plan a sentence stands for it."""
    blocks: list[Block] = [] if plan else [section(words.mrkdwn("fixed.no_plan"))]
    blocks += [AT.block(words, now), WHAT.block(words, done, focus=not done)]
    blocks.append(section(words.mrkdwn("fixed.what_happens")))
    return modal(
        "fixed.submit",
        words.text("fixed.title", number=incident.number),
        blocks,
        close=words.text("form.cancel"),
        submit=words.text("fixed.submit"),
        about=str(incident.id),
    )


def submit(ack: Ack, view: Json, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """What makes no sense any more stops, and what the solution starts runs."""
    answers = Answers(view)
    at, what = AT.read(answers, now) or now, WHAT.read(answers)
    with desk.db.begin() as tx:
        incident = incidents.get(tx, int(view["private_metadata"]), lock=True)
        if notes.was_saved(tx, str(view["id"])):  # the same form once more
            ack()
            return
        team.check_may(desk, tx, "say_fixed", incident, person.user_id)
        lifecycle.check_can_say_fixed(incident)
        began_at = (incident.reopened_at if incident.round > 1 else None) or incident.began_at
        if began_at and at < began_at:
            answers.refuse(AT.id, "fixed.not_before", at=words.clock(began_at))
        if answers.wrong:
            ack(response_action="errors", errors=answers.sentences(words))
            return
        _fix(desk, tx, incident, str(view["id"]), min(at, now), what, person, now)
    ack()
    desk.wake()


def open_not_fixed(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person
) -> None:
    """Says who may when this person may not."""
    with desk.db.read() as tx:
        incident = incidents.get(tx, chosen_id(action))
        team.check_may(desk, tx, "say_fixed", incident, person.user_id)
    lifecycle.check_is_fixed(incident)
    show(client, body, not_fixed_form(incident, words))
    ack()


def not_fixed_form(incident: Incident, words: Wording) -> View:
    """Who said that it works, and why it does not."""
    by, at = mention(incident.fixed_by or incident.reporter_id), words.time(incident.fixed_at or incident.reported_at)
    return modal(
        "fixed.not_submit",
        words.text("fixed.not_title", number=incident.number),
        [section(words.mrkdwn("fixed.was_said", by=by, at=at)), REASON.block(words, focus=True)],
        close=words.text("form.cancel"),
        submit=words.text("fixed.not_submit"),
        about=str(incident.id),
    )


def submit_not_fixed(ack: Ack, view: Json, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """As if it had not been said, unless a customer has confirmed it already: then another round begins."""
    answers = Answers(view)
    reason = REASON.read(answers)
    if answers.wrong:
        ack(response_action="errors", errors=answers.sentences(words))
        return
    with desk.db.begin() as tx:
        incident = incidents.get(tx, int(view["private_metadata"]), lock=True)
        if notes.was_saved(tx, str(view["id"])):  # the same form once more
            ack()
            return
        team.check_may(desk, tx, "say_fixed", incident, person.user_id)
        lifecycle.check_is_fixed(incident)
        has_answers = bool(confirmations.answers(tx, incident.id, incident.round))
        _take_back_facts(tx, incident)
        if has_answers:
            incident, changed = solved.open_again(desk, tx, incident, person.user_id, now)
        else:
            incidents.set_not_fixed(tx, incident.id)
            incident = incidents.get(tx, incident.id)
            changed = solved.go_on_from(desk, tx, incident, _said_at(tx, incident), ENDS_WITH_SOLUTION, now)
        notes.save(tx, incident.id, str(view["id"]), "not_fixed", person.user_id, now, reason)
        journal.add(tx, incident.id, "not_fixed", person.user_id, now, round=incident.round)
        solved.say_reopened(tx, incident, "not_fixed", person.user_id, now)
        outbox.redraw(tx, [incident.id], now, (*solved.SHOWN, "script"), changed)
    ack()
    desk.wake()


def _fix(
    desk: Desk, tx: Connection, incident: Incident, key: str, at: datetime, what: str, person: Person, now: datetime
) -> None:
    by = person.user_id
    changed: list[int] = []
    if incident.verified_at is None:  # whoever has fixed it knows that it was so
        incidents.set_verified(tx, incident.id, by, now)
        changed += deadlines.meet(tx, incident.id, [Duty.VERIFY], by, now)
    _restore_facts(tx, incident, at)
    incidents.set_fixed(tx, incident.id, by, at)
    incident = incidents.get(tx, incident.id)
    notes.save(tx, incident.id, key, "fixed", by, now, what)
    changed += duties.knows(desk, tx, incident, by, "fixed", now)
    changed += deadlines.stop(tx, incident.id, now, ENDS_WITH_SOLUTION)
    duties.begin(desk, tx, incident, [Event.SOLVED], now)
    journal.add(tx, incident.id, "fixed", by, now, round=incident.round, fixed_at=at.isoformat())
    detail = {"round": incident.round, "by": by, "at": at.isoformat()}
    outbox.say(tx, [Saying(incident.id, "solved", "incident", detail=detail)], now)
    occasion.post(desk, tx, incident, Stage.VERIFICATION, now)
    review.begin(desk, tx, incident, now)
    outbox.redraw(tx, [incident.id], now, solved.SHOWN, changed)


def _restore_facts(tx: Connection, incident: Incident, at: datetime) -> None:
    """A function that was down works since then."""
    core, part = incident.core_down_since, incident.part_faulty_since
    restored = {
        "core_restored_at": at if core and not incident.core_restored_at else incident.core_restored_at,
        "part_restored_at": at if part and not incident.part_restored_at else incident.part_restored_at,
    }
    incidents.set_restored(tx, incident.id, **restored)


def _said_at(tx: Connection, incident: Incident) -> datetime | None:
    """When somebody said last that it works: what stopped then had nothing else against it."""
    said = (each.at for each in reversed(notes.of_incident(tx, incident.id)) if each.occasion == "fixed")
    return next(said, None)


def _take_back_facts(tx: Connection, incident: Incident) -> None:
    """What was said to work since the fix does not."""
    core, part = incident.core_restored_at, incident.part_restored_at
    incidents.set_restored(
        tx,
        incident.id,
        core_restored_at=None if core == incident.fixed_at else core,
        part_restored_at=None if part == incident.fixed_at else part,
    )


def _done(tx: Connection, incident: Incident, plan: Plan, words: Wording) -> str:
    """The steps of the plan that were ticked off: what was planned, and not done, is not said to be done. Whole steps,
    as many as the field takes."""
    mask, told = masks.of(tx, incident.id), ""
    of_plan = {key_of(plan, number) for number, _ in enumerate(steps_of(plan.steps), start=1)}
    for task in tasks.of_incident(tx, incident.id):
        if task.key in of_plan and task.state is TaskState.DONE:
            longer = words.text("fixed.and_then").join(part for part in (told, mask(task.words)) if part)
            told = longer if len(longer) <= WHAT.max_length else told
    return told


def _approved(tx: Connection, incident: Incident) -> Plan | None:
    """This round's plan that was approved last."""
    found = [each for each in plans.of_incident(tx, incident.id) if each.round == incident.round]
    return next((each for each in reversed(found) if each.approved_at is not None), None)

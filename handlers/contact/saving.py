"""The form is submitted -> looked through, logged, what it meets is met -> the next customer, or who is left."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from slack_bolt import Ack
from slack_sdk.models.views import View
from sqlalchemy import Connection

from bot.incident import (
    Consent,
    Contact,
    ContactChannel,
    CustomerLanguage,
    Duty,
    Incident,
    Listed,
    Outcome,
    Person,
    Stage,
    Status,
)
from bot.scripts import Flag, flags, has_gap
from bot.wording import Mrkdwn, Wording
from handlers import duties, occasion
from handlers.blocks import Json
from handlers.card import SHOWN_WITH_INCIDENT
from handlers.contact.choosing import check_is_listed, checked, chosen, next_form
from handlers.contact.drawing import (
    ANSWER,
    AT,
    CHANNEL,
    CONSENT,
    EMOTION,
    FACT,
    KEPT,
    PROMISE,
    RETRY,
    SPOKEN,
    STAGE,
    UNHEARD,
    UNTIL,
    WRITTEN,
    Start,
    form,
    left,
    outcome_field,
    said_field,
    script_for,
    start_of,
    told_facts,
)
from handlers.desk import Desk
from handlers.fields import Answers
from handlers.occasion import Situation, digest
from storage import contacts, customers, deadlines, incidents, journal, outbox, statements


def submit(ack: Ack, view: Json, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """Logged, sealed, and what it meets is met; then the form is the next customer's, or says who is left."""
    start, answers = start_of(view), Answers(view)
    key = f"{view['id']}:{start.turn}"
    with desk.db.begin() as tx:
        incident = incidents.get(tx, start.incident, lock=True)
        if contacts.was_logged(tx, key):  # the same form once more
            ack()
            return
        checked(desk, tx, start.incident, person)
        start = chosen(start, answers)
        listed = customers.get(tx, incident.id, start.customer_id) if start.customer_id else None
        if listed:
            check_is_listed(listed)
        now_is = occasion.situation(tx, incident)
        said = _words_said(desk, now_is, start, listed, answers, person, now)
        contact = _read(incident, start, listed, said, answers, person, now)
        retry_at = RETRY.version(start.turn).read(answers, now) if not contact.outcome.is_heard else None
        _check(tx, start, contact, answers)
        if answers.wrong:
            ack(response_action="errors", errors=answers.sentences(words))
            return
        found = _flags(desk, now_is, contact, now)
        if found and start.warned != digest(contact.said):
            warned = replace(start, warned=digest(contact.said))
            drawn = form(desk, tx, warned, words, person, now, answers, _warnings(found, words))
            ack(response_action="update", view=drawn.to_dict())
            return
        _save(desk, tx, now_is, key, start, contact, retry_at, answers, now, len(found))
        following = _following(desk, tx, incident, start, contact, words, person, now)
    if following:
        ack(response_action="update", view=following.to_dict())
    else:
        ack()
    desk.wake()


def _words_said(
    desk: Desk,
    now_is: Situation,
    start: Start,
    listed: Listed | None,
    answers: Answers,
    person: Person,
    now: datetime,
) -> str:
    """What was said: the words in the form; with facts that were filled in since, the script that says them."""
    said = said_field(start).read(answers)
    if digest(said) != start.drawn:
        if has_gap(said):
            answers.refuse(said_field(start).id, "contact.fill_gap")
        return said
    told, language = told_facts(answers), CustomerLanguage(start.language)
    known = occasion.told(desk, now_is, language, now)
    if not has_gap(said) and occasion.told(desk, now_is, language, now, told) == known:
        return said
    script = script_for(desk, now_is, start, listed, person, now, told)
    for name in script.missing:
        answers.refuse(FACT[name].version(start.turn).id, "contact.fill_in")
    return said if script.missing else script.text


def _flags(desk: Desk, now_is: Situation, contact: Contact, now: datetime) -> list[Flag]:
    """What is never said, and what is promised without being recorded as a promise (domain.md section 6)."""
    language = contact.language or CustomerLanguage.EN
    known = occasion.times(desk, now_is, language, now)
    if contact.promised_until:  # what is recorded as a promise may be promised
        known.append(desk.wordings[language].spoken(contact.promised_until, now))
    return flags(contact.said, desk.procedure, known)


def _warnings(found: Sequence[Flag], words: Wording) -> list[Mrkdwn]:
    lines = [words.mrkdwn("contact.warned")]
    lines += [words.mrkdwn(f"contact.flag.{flag.kind}", words=flag.words, instead=flag.instead) for flag in found[:8]]
    return lines


def _read(
    incident: Incident,
    start: Start,
    listed: Listed | None,
    said: str,
    answers: Answers,
    person: Person,
    now: datetime,
) -> Contact:
    turn = start.turn
    outcome = Outcome.SENT
    if listed is not None:
        known = WRITTEN if start.is_written else SPOKEN
        outcome = Outcome(outcome_field(start).read(answers, known) or known[0])
    consent = None
    if answers.shows(CONSENT.version(turn).id):
        consent = CONSENT.version(turn).read(answers, list(Consent))
    at = AT.version(turn).read(answers, now)
    if at is not None and at < incident.reported_at - timedelta(minutes=1):  # the form knows whole minutes
        answers.refuse(AT.version(turn).id, "contact.before_report")
    return Contact(
        id=0,
        incident_id=incident.id,
        by=person.user_id,
        at=min(at or now, now),
        channel=ContactChannel(start.channel),
        customer=listed.customer.name if listed else "",
        said=said if outcome.is_heard else "",
        answer=ANSWER.version(turn).read(answers),
        customer_id=listed.id if listed else None,
        logged_at=now,
        outcome=outcome,
        stage=Stage(start.stage),
        language=CustomerLanguage(start.language),
        emotion=EMOTION.version(turn).read(answers),
        promise=PROMISE.version(turn).read(answers),
        promised_until=UNTIL.version(turn).read(answers, now),
        consent=Consent(consent) if consent else None,
        measure=told_facts(answers).get("measure", "") if consent else "",
    )


def _check(tx: Connection, start: Start, contact: Contact, answers: Answers) -> None:
    """What is wrong about it goes beside its field; what was not said needs no words."""
    turn = start.turn
    if not contact.outcome.is_heard:
        for field_id in list(answers.wrong):
            if field_id.startswith(("said", "fact_")):
                del answers.wrong[field_id]
    if contact.customer_id is None and not contact.channel.is_written:
        answers.refuse(CHANNEL.version(turn).id, "contact.one_at_a_time")
    if contact.promise and contact.promised_until is None:
        answers.refuse(UNTIL.version(turn).id, "contact.say_until_when")
    if contact.promised_until and not contact.promise:
        answers.refuse(PROMISE.version(turn).id, "contact.say_what_promised")
    if contact.stage is Stage.PUBLIC_STATEMENT and statements.approved(tx, contact.incident_id) is None:
        answers.refuse(STAGE.version(turn).id, "contact.not_approved")


def _save(
    desk: Desk,
    tx: Connection,
    now_is: Situation,
    key: str,
    start: Start,
    contact: Contact,
    retry_at: datetime | None,
    answers: Answers,
    now: datetime,
    flagged: int,
) -> None:
    incident, by = now_is.incident, contact.by
    ids = [contact.customer_id] if contact.customer_id else customers.ids_of(tx, incident.id, start.who == UNHEARD)
    counts = customers.counts(tx, incident)
    others = counts.total - counts.listed if contact.customer_id is None else 0
    contact = replace(contact, customers=len(ids) + others)
    contact = replace(contact, id=contacts.log(tx, key, contact))
    known = occasion.told(desk, now_is, CustomerLanguage(start.language), now)
    told = occasion.told(desk, now_is, CustomerLanguage(start.language), now, told_facts(answers))
    new = {name: said for name, said in told.items() if said != known.get(name)}
    contacts.set_facts(tx, incident.id, new, by, now)
    customers.hold(tx, incident.id, None, by, now)
    customers.set_tried(tx, ids, contact.outcome, by, contact.at, contact.emotion, retry_at)
    if others:
        incidents.set_others_heard(tx, incident.id, others)
    changed = _clocks(desk, tx, contact, ids, retry_at, KEPT.version(start.turn).read(answers), now)
    is_settled = _is_settled(tx, incident, changed)
    if is_settled:
        changed += deadlines.stop(tx, incident.id, now, [Duty.CALL_AGAIN])
        incidents.set_closed(tx, incident.id, by, now)
    journal.add(
        tx,
        incident.id,
        "contacted",
        by,
        now,
        channel=contact.channel,
        outcome=contact.outcome,
        customers=contact.customers,
        flagged=flagged,
    )
    outbox.redraw(tx, [incident.id], now, [*SHOWN_WITH_INCIDENT, *(["script"] if new else [])], changed)
    if start.beneath:
        detail = {**start.beneath, "user": by, "turn": start.beneath["turn"] + start.turn}
        outbox.ask(tx, "show_ledger", f"ledger:{start.beneath['view']}", now, incident.id, detail)
    if is_settled:  # behind everything else: an archived channel takes no more words
        outbox.ask(tx, "archive", f"incident:{incident.id}", now, incident.id)


def _clocks(
    desk: Desk,
    tx: Connection,
    contact: Contact,
    ids: Collection[int],
    retry_at: datetime | None,
    kept: Sequence[str],
    now: datetime,
) -> list[int]:
    """What a contact meets, moves and starts. Returns the ids of the deadlines that are different."""
    incident, by, at = incidents.get(tx, contact.incident_id), contact.by, contact.at
    changed = [met for each in kept for met in deadlines.meet(tx, incident.id, [Duty.PROMISE], by, at, each)]
    again = [each for each in deadlines.running(tx, incident.id) if each.duty is Duty.CALL_AGAIN]
    changed += deadlines.meet_these(tx, [each.id for each in again if int(each.subject) in ids], by, at)
    if contact.outcome.is_heard:
        changed += duties.heard(desk, tx, incident, by, at, now, contact.stage)
    if contact.outcome is Outcome.REACHED:
        changed += duties.called(tx, incident, by, at, contact.channel, contact.customer_id)
    if contact.emotion is not None:
        changed += duties.feelings_changed(desk, tx, incident, now)
        incident = incidents.get(tx, incident.id)
    if contact.promised_until:
        duties.said_so(desk, tx, incident, Duty.PROMISE, contact.id, by, contact.promised_until, now)
    if retry_at and contact.customer_id:
        duties.said_so(desk, tx, incident, Duty.CALL_AGAIN, contact.customer_id, by, retry_at, now)
    return changed


def _following(
    desk: Desk,
    tx: Connection,
    incident: Incident,
    start: Start,
    contact: Contact,
    words: Wording,
    person: Person,
    now: datetime,
) -> View | None:
    """The form for the next one who has heard nothing yet, whose number is known; else who is left beside the one who
    was just tried; None when nobody is."""
    incident = incidents.get(tx, incident.id)
    if contact.customer_id is None or not incident.status.is_open:
        return None
    counts = customers.counts(tx, incident)
    listed = customers.next_to_contact(tx, incident.id, now, person.user_id)
    if listed is None or not _can_be_called(listed, contact, person, now):
        if not counts.nameless and listed is not None and listed.is_held(person.user_id, now):
            return None  # a colleague speaks to who is left
        this_one = customers.get(tx, incident.id, contact.customer_id)
        just_tried = int(this_one is not None and this_one.heard_at is None)
        return left(incident, start, contact, counts, words) if counts.unheard > just_tried else None
    outcome = words.text(f"outcome.{contact.outcome}")
    notice = words.mrkdwn("contact.logged", n=counts.unheard, customer=contact.customer, outcome=outcome)
    return next_form(desk, tx, incident, start.next_turn, words, person, now, [notice])


def _can_be_called(listed: Listed, contact: Contact, person: Person, now: datetime) -> bool:
    """Whether it is the turn of somebody who has heard nothing yet, and nothing speaks against calling them now."""
    if listed.heard_at is not None or listed.id == contact.customer_id or listed.outcome is Outcome.WRONG_NUMBER:
        return False
    return not (listed.retry_at and listed.retry_at > now) and not listed.is_held(person.user_id, now)


def _is_settled(tx: Connection, incident: Incident, met: Sequence[int]) -> bool:
    """A complaint is settled when the customer has heard of its solution (domain.md section 8)."""
    return incident.status is Status.COMPLAINT and any(
        deadline.id in met and deadline.duty is Duty.COMPLAINT_FEEDBACK and deadline.met_at is not None
        for deadline in deadlines.of_incident(tx, incident.id)
    )

"""A customer says whether it is solved: button -> form with what shows it -> counted; enough of them: confirmed.

One who is not satisfied opens the incident again: somebody calls in person, or works out a second plan (domain.md
section 8). Of the others who are not, that is recorded too while it is worked on, and each is called like the first.
"""

import json
import re
from dataclasses import dataclass, replace
from datetime import datetime

from slack_bolt import Ack, App
from slack_sdk import WebClient
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View
from sqlalchemy import Connection

from bot import lifecycle
from bot.closing import Confirmation, Proof, Rating
from bot.incident import Incident, Listed, NotAllowed, Person, YesNo
from bot.wording import Wording, escape
from handlers import solved, tally
from handlers.blocks import Json, context, modal, section
from handlers.desk import Desk
from handlers.fields import Answers, Choice, Files, Found, Number, Somebody, Text
from handlers.windows import show
from handlers.words import choice, chosen_id
from storage import confirmations, customers, journal, outbox

SCORES = ["5", "4", "3", "2", "1"]
PERMALINK = re.compile(r"https://[^/\s]+/archives/([A-Z0-9]+)/p(\d{10})(\d{6})")
LINK = re.compile(r"https?://[^\s/]+\S*")
BY_LINK = (Proof.WRITTEN, Proof.RECORDING)  # a link or a file shows it

WHO = Found("who", "confirm", required=True, tells="confirm.look")
MANY = Number("many", "confirm", required=True, least=1)
SATISFIED = Choice("satisfied", "confirm", required=True)
PROOF = Choice("proof", "confirm", required=True, tells="confirm.look")
URL = Text("url", "confirm", max_length=500)
FILE = Files("file", "confirm", most=1)
WITNESS = Somebody("witness", "confirm", required=True)
SAID = Text("said", "confirm", multiline=True, max_length=2000)
SCORE = Choice("score", "confirm")


@dataclass(frozen=True)
class Start:
    """What travels with the form: ids and words of the procedure. `last` is the confirmation that was there last."""

    incident: int
    last: int = 0
    who: str = ""
    proof: str = Proof.WRITTEN

    def about(self) -> str:
        """As it travels."""
        return json.dumps(vars(self))


def register(app: App) -> None:
    """What leads here."""
    app.action("confirm.open")(open_form)
    app.action("card.menu", matchers=[choice("confirm.open")])(open_form)
    app.options("confirm.look")(find)
    app.action("confirm.look")(look)
    app.view("confirm.submit")(submit)


def open_form(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime
) -> None:
    """For those who handle the case; that they see the customer is on record first."""
    with desk.db.begin() as tx:
        incident = solved.checked(desk, tx, chosen_id(action), person)
        if not _is_after(incident):
            lifecycle.check_is_fixed(incident)
        found = confirmations.answers(tx, incident.id, _round(incident))
        if solved.only_one(tx, incident):
            solved.note_seen(tx, incident, person, now)
        view = form(desk, tx, incident, Start(incident.id, found[-1].id if found else 0), words)
    show(client, body, view)
    ack()


def find(ack: Ack, body: Json, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """Customers who have what was typed; and several at once."""
    with desk.db.begin() as tx:
        incident = solved.checked(desk, tx, _start(body["view"]).incident, person)
        typed = str(body.get("value") or "")
        options = solved.find(tx, incident, typed, "confirm.several", words, person, now)
    ack(options=options)


def look(ack: Ack, body: Json, client: WebClient, desk: Desk, words: Wording, person: Person) -> None:
    """Another choice asks for other things; what was typed stays."""
    view = body["view"]
    start = _chosen(_start(view), Answers(view))
    with desk.db.begin() as tx:
        incident = solved.checked(desk, tx, start.incident, person)
        drawn = form(desk, tx, incident, start, words)
    client.views_update(view_id=view["id"], hash=view["hash"], view=drawn)
    ack()


def form(desk: Desk, tx: Connection, incident: Incident, start: Start, words: Wording) -> View:
    """Who, whether they are satisfied, and what shows it; what they said, and a score, if that is known."""
    alone = solved.only_one(tx, incident)
    proof, several = Proof(start.proof), start.who == solved.SEVERAL
    so_far = tally.of(desk, tx, incident)
    blocks: list[Block] = []
    if alone is not None:
        blocks.append(section(escape(alone.customer.name or words.text("contact.nameless"))))
    elif customers.counts(tx, incident).total > 1:
        blocks.append(context(tally.progress(so_far, words)))
        blocks.append(WHO.block(words, solved.option(tx, incident, start.who, "confirm.several", words)))
    if several:
        blocks.append(MANY.block(words))
    possible = [YesNo.NO] if _is_after(incident) else [*YesNo]
    answers = [(each.value, words.text(f"confirm.{each}")) for each in possible]
    blocks.append(SATISFIED.radio(words, answers, YesNo.NO if _is_after(incident) else None, SATISFIED.label))
    blocks.append(PROOF.block(words, [(each.value, words.text(f"proof.{each}")) for each in Proof], proof))
    if proof in BY_LINK:
        blocks.append(URL.block(words))
    blocks.append(WITNESS.block(words) if proof is Proof.WITNESS else _file(proof).block(words))
    blocks.append(SAID.block(words))
    if not several:
        blocks.append(SCORE.block(words, [(each, words.text(f"score.{each}")) for each in SCORES]))
    return modal(
        "confirm.submit",
        words.text("confirm.title", number=incident.number),
        blocks,
        close=words.text("form.cancel"),
        submit=words.text("confirm.submit"),
        about=start.about(),
    )


def submit(ack: Ack, view: Json, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """Sealed and counted; the first who is not satisfied begins another round."""
    answers = Answers(view)
    start = _chosen(_start(view), answers)
    with desk.db.begin() as tx:
        if confirmations.was_saved(tx, str(view["id"])):  # the same form once more
            ack()
            return
        incident = solved.checked(desk, tx, start.incident, person)
        if confirmations.was_saved(tx, str(view["id"])):
            ack()
            return
        if not _is_after(incident):
            lifecycle.check_is_fixed(incident)
        listed = solved.only_one(tx, incident) or solved.chosen(tx, incident, start.who)
        said = _read(desk, tx, incident, start, listed, answers, person, now)
        score = SCORE.read(answers, SCORES)
        if answers.wrong or said is None:
            ack(response_action="errors", errors=answers.sentences(words))
            return
        _check_is_new(tx, incident, start, said)
        said = confirmations.save(tx, str(view["id"]), said)
        _save(desk, tx, incident, str(view["id"]), said, int(score) if score else None, person, now)
    ack()
    desk.wake()


def _read(
    desk: Desk,
    tx: Connection,
    incident: Incident,
    start: Start,
    listed: Listed | None,
    answers: Answers,
    person: Person,
    now: datetime,
) -> Confirmation | None:
    """What was entered; None when something is wrong, which stands beside its field then."""
    several = start.who == solved.SEVERAL
    if answers.shows(WHO.id):
        WHO.read(answers)
        if listed is None and not several:
            answers.refuse(WHO.id, "form.choose_one")
    if listed is not None and listed.removed_at is not None:
        answers.refuse(WHO.id, "confirm.is_off_the_list")
    is_satisfied = SATISFIED.read(answers, [*YesNo]) == YesNo.YES
    if is_satisfied:  # while it is open again, nothing is there to be satisfied with
        lifecycle.check_is_fixed(incident)
    many = MANY.read(answers) if several else 1
    so_far = tally.of(desk, tx, incident)
    most = so_far.left if is_satisfied else so_far.everybody
    if several and many > most:
        answers.refuse(MANY.id, "confirm.not_so_many", n=most)
    proof = Proof(PROOF.read(answers, [*Proof]) or start.proof)
    ref, url, witness = _evidence(proof, answers)
    if answers.wrong:
        return None
    return Confirmation(
        id=0,
        incident_id=incident.id,
        round=_round(incident),
        by=person.user_id,
        at=now,
        logged_at=now,
        is_satisfied=is_satisfied,
        proof=proof,
        customer_id=listed.id if listed else None,
        customers=many,
        ref=ref,
        url=url,
        witness_id=witness,
        words=SAID.read(answers),
    )


def _evidence(proof: Proof, answers: Answers) -> tuple[str, str, str | None]:
    """What shows it: Slack's id and the address of a message or a file; or who heard it."""
    if proof is Proof.WITNESS:
        return "", "", WITNESS.read(answers)
    files = _file(proof).read(answers)
    if files:
        return files[0].ref, files[0].url, None
    url = URL.read(answers) if proof in BY_LINK else ""
    if proof in BY_LINK and not url:
        answers.refuse(URL.id, "confirm.say_where")
    elif url and not LINK.fullmatch(url):
        answers.refuse(URL.id, "confirm.no_link")
    found = PERMALINK.match(url)
    return (f"{found[1]}:{found[2]}.{found[3]}" if found else ""), url, None


def _check_is_new(tx: Connection, incident: Incident, start: Start, said: Confirmation) -> None:
    """Raises NotAllowed when somebody else has recorded the same of this customer while the form was open."""
    if said.customer_id is None:
        return
    for answer in confirmations.answers(tx, incident.id, said.round):
        is_same = (answer.customer_id, answer.is_satisfied) == (said.customer_id, said.is_satisfied)
        if answer.id > start.last and is_same:
            raise NotAllowed("allowed.already_confirmed", by=answer.by, at=answer.logged_at)


def _save(
    desk: Desk,
    tx: Connection,
    incident: Incident,
    key: str,
    said: Confirmation,
    score: int | None,
    person: Person,
    now: datetime,
) -> None:
    by = person.user_id
    journal.add(
        tx,
        incident.id,
        "customer_confirmed" if said.is_satisfied else "customer_not_satisfied",
        by,
        now,
        confirmation=said.id,
        customer=said.customer_id,
        customers=said.customers,
        proof=said.proof,
        round=said.round,
    )
    if score is not None:
        rating = Rating(0, incident.id, said.round, by, now, score, said.customer_id)
        confirmations.rate(tx, key, rating)
        journal.add(tx, incident.id, "rated", by, now, customer=said.customer_id, score=score, round=said.round)
    if said.is_satisfied:
        changed = solved.reckon(desk, tx, incident, by, now)
    elif _is_after(incident):
        changed = []
        solved.call(desk, tx, incident, said, now)
    else:
        _, changed = solved.not_satisfied(desk, tx, incident, said, now)
        journal.add(tx, incident.id, "opened_again", by, now, round=incident.round + 1)
    outbox.redraw(tx, [incident.id], now, (*solved.SHOWN, "script"), changed)


def _is_after(incident: Incident) -> bool:
    """Whether it is open again because of what was said of the round before."""
    return incident.status.is_unsolved and incident.round > 1


def _round(incident: Incident) -> int:
    """Which solution a customer speaks of."""
    return incident.round - 1 if _is_after(incident) else incident.round


def _file(proof: Proof) -> Files:
    """The field for a file; the only way for some."""
    return replace(FILE, required=proof not in BY_LINK)


def _start(view: Json) -> Start:
    return Start(**json.loads(view["private_metadata"]))


def _chosen(start: Start, answers: Answers) -> Start:
    """What the form was drawn with, and what has been chosen since."""
    who = str((answers.of(WHO.id).get("selected_option") or {}).get("value") or "") if answers.shows(WHO.id) else ""
    proof = str((answers.of(PROOF.id).get("selected_option") or {}).get("value") or "")
    return replace(start, who=who or start.who, proof=proof if proof in [*Proof] else start.proof)

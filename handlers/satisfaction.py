"""How satisfied a customer is: button -> form, 1 to 5 and what they said -> kept; done when everybody was asked."""

from datetime import datetime

from slack_bolt import Ack, App
from slack_sdk import WebClient
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View
from sqlalchemy import Connection

from bot import lifecycle
from bot.closing import Rating
from bot.incident import Incident, Person
from bot.wording import Wording, escape
from handlers import solved, tally
from handlers.blocks import Json, context, modal, section
from handlers.desk import Desk
from handlers.fields import Answers, Choice, Found, Text, Ticks
from handlers.windows import show
from handlers.words import choice, chosen_id
from storage import confirmations, customers, journal, outbox

SCORES = ["5", "4", "3", "2", "1"]
EVERYBODY = "everybody"

WHO = Found("who", "satisfaction", required=True, tells="satisfaction.find")
SCORE = Choice("score", "satisfaction", required=True)
COMMENT = Text("comment", "satisfaction", multiline=True, max_length=2000)
DONE = Ticks("done", "satisfaction")


def register(app: App) -> None:
    """What leads here."""
    app.action("satisfaction.open")(open_form)
    app.action("card.menu", matchers=[choice("satisfaction.open")])(open_form)
    app.options("satisfaction.find")(find)
    app.action("satisfaction.find")(found)
    app.view("satisfaction.submit")(submit)


def open_form(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime
) -> None:
    """For those who handle the case; also after it is closed, when an answer comes late."""
    with desk.db.begin() as tx:
        incident = solved.checked(desk, tx, chosen_id(action), person)
        lifecycle.check_is_solved(incident)
        if solved.only_one(tx, incident):
            solved.note_seen(tx, incident, person, now)
        view = form(tx, incident, words)
    show(client, body, view)
    ack()


def find(ack: Ack, body: Json, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """Customers who have what was typed; and one without a name."""
    with desk.db.begin() as tx:
        incident = solved.checked(desk, tx, int(body["view"]["private_metadata"]), person)
        typed = str(body.get("value") or "")
        options = solved.find(tx, incident, typed, "satisfaction.somebody", words, person, now)
    ack(options=options)


def found(ack: Ack) -> None:
    """Nothing else depends on who it is."""
    ack()


def form(tx: Connection, incident: Incident, words: Wording) -> View:
    """Who, and how satisfied. Among many, the one who asks says when nobody else will answer."""
    alone = solved.only_one(tx, incident)
    blocks: list[Block] = []
    ratings = confirmations.scores(tx, incident.id, incident.round)
    if ratings:
        so_far = tally.satisfaction(ratings, words)
        blocks.append(context(so_far))
    if alone is not None:
        blocks.append(section(escape(alone.customer.name or words.text("contact.nameless"))))
    is_one_of_many = alone is None and customers.counts(tx, incident).total > 1
    if is_one_of_many:
        blocks.append(WHO.block(words, None))
    blocks.append(SCORE.radio(words, [(each, words.text(f"score.{each}")) for each in SCORES], None, SCORE.label))
    blocks.append(COMMENT.block(words))
    if is_one_of_many:
        blocks.append(DONE.block(words, [(EVERYBODY, words.text("satisfaction.everybody"))]))
    return modal(
        "satisfaction.submit",
        words.text("satisfaction.title", number=incident.number),
        blocks,
        close=words.text("form.cancel"),
        submit=words.text("satisfaction.submit"),
        about=str(incident.id),
    )


def submit(ack: Ack, view: Json, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """Kept; a later answer of the same customer counts instead."""
    answers = Answers(view)
    with desk.db.begin() as tx:
        incident = solved.checked(desk, tx, int(view["private_metadata"]), person)
        if confirmations.was_rated(tx, str(view["id"])):  # the same form once more
            ack()
            return
        lifecycle.check_is_solved(incident)
        listed = solved.only_one(tx, incident)
        who = WHO.read(answers) if answers.shows(WHO.id) else ""
        listed = listed or solved.chosen(tx, incident, who)
        if who and listed is None and who != solved.SEVERAL:
            answers.refuse(WHO.id, "form.choose_one")
        score, comment = SCORE.read(answers, SCORES), COMMENT.read(answers)
        if answers.wrong or score is None:
            ack(response_action="errors", errors=answers.sentences(words))
            return
        customer_id, by = listed.id if listed else None, person.user_id
        rating = Rating(0, incident.id, incident.round, by, now, int(score), customer_id, comment)
        confirmations.rate(tx, str(view["id"]), rating)
        journal.add(tx, incident.id, "rated", by, now, customer=customer_id, score=int(score), round=incident.round)
        changed = solved.rated(tx, incident, by, now, is_everybody=EVERYBODY in DONE.read(answers))
        outbox.redraw(tx, [incident.id], now, solved.SHOWN, changed)
    ack()
    desk.wake()

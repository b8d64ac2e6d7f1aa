"""Who the customer is: ⋯ on the card -> an answer for this person alone, and the look is in the journal."""

from datetime import datetime

from slack_bolt import Ack, App
from slack_sdk import WebClient
from slack_sdk.models.views import View

from bot import lifecycle
from bot.incident import Customer, Incident, Person
from bot.wording import Wording
from handlers.blocks import Json, modal, section
from handlers.desk import Desk
from handlers.words import choice, chosen_id
from storage import customers, incidents, journal


def register(app: App) -> None:
    """What leads here."""
    app.action("card.menu", matchers=[choice("customer.show")])(open_form)


def open_form(
    ack: Ack,
    body: Json,
    action: Json,
    client: WebClient,
    desk: Desk,
    words: Wording,
    person: Person,
    now: datetime,
) -> None:
    """Only for those who handle the case (design.md decision 7). The look is committed before anything is shown."""
    with desk.db.begin() as tx:
        incident = incidents.get(tx, chosen_id(action), lock=True)
        lifecycle.check_handles_case(person.user_id, incident, incidents.participants_of(tx, incident.id))
        customer = customers.first_of(tx, incident.id)
        journal.add(tx, incident.id, "customer_seen", person.user_id, now, form="customer")
    client.views_open(trigger_id=body["trigger_id"], view=_page(incident, customer, words))
    ack()


def _page(incident: Incident, customer: Customer, words: Wording) -> View:
    facts = [
        ("customer", customer.name),
        ("customer_number", customer.number),
        ("customer_contact", customer.contact),
        ("customer_tier", words.text(f"tier.{customer.tier}") if customer.tier else ""),
        ("customer_language", words.text(f"language.{customer.language}") if customer.language else ""),
    ]
    blocks = [
        section(words.mrkdwn("card.said", what=words.text(f"report.{key}"), words=value))
        for key, value in facts
        if value
    ]
    return modal(
        "customer.shown",
        words.text("customer.title", number=incident.number),
        [*blocks, section(words.mrkdwn("customer.seen"))],
        close=words.text("form.close"),
    )

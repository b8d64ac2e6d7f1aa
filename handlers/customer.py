"""Who the customer is: ⋯ on the card, or a button -> an answer for this person alone, and the look is in the journal.

"Hide" takes the answer away again; "All customers" leads to the list.
"""

from collections.abc import Sequence
from datetime import datetime

import structlog
from slack_bolt import Ack, App
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.models.blocks import Block
from slack_sdk.webhook import WebhookClient
from sqlalchemy import Connection

from bot import lifecycle
from bot.incident import Incident, Listed, NotAllowed, Person
from bot.wording import Mrkdwn, Wording
from handlers import windows
from handlers.blocks import Json, actions, button, context, modal, section
from handlers.desk import Desk
from handlers.words import choice, chosen_id
from storage import customers, incidents, journal
from storage.customers import Which

log = structlog.get_logger(__name__)

# The person can't be answered where the button is: they are not in that channel, or nobody can write there any more.
NOT_THERE = {"user_not_in_channel", "not_in_channel", "channel_not_found", "is_archived", "messages_tab_disabled"}


def register(app: App) -> None:
    """What leads here."""
    app.action("card.menu", matchers=[choice("customer.show")])(show)
    app.action("customer.show")(show)
    app.action("customer.show_one")(show_one)
    app.action("customer.hide")(hide)


def show(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime
) -> None:
    """The customer whose turn it is. The look is committed before anything is shown."""
    with desk.db.begin() as tx:
        incident = _checked(tx, chosen_id(action), person)
        customer = customers.next_to_contact(tx, incident.id, now)
        if customer is None:  # everybody was taken off the list
            removed = customers.page(tx, incident.id, Which.REMOVED, now, now, 0, 1).shown
            customer = next(iter(removed), None)
        count = customers.counts(tx, incident).listed
        customer = _noted(tx, incident, customer, person, now)
    _reveal(body, client, incident, customer, count, words, person)
    ack()


def show_one(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime
) -> None:
    """The customer that a button is about."""
    customer_id = chosen_id(action)
    with desk.db.begin() as tx:
        incident = _checked(tx, customers.incident_of(tx, customer_id), person)
        customer = customers.get(tx, incident.id, customer_id)
        customer = _noted(tx, incident, customer, person, now)
    _reveal(body, client, incident, customer, 1, words, person)
    ack()


def hide(ack: Ack, body: Json) -> None:
    """The answer goes. Slack lets us for half an hour; later people dismiss it themselves."""
    url = str(body.get("response_url") or "")
    try:
        answer = WebhookClient(url, timeout=2).send_dict({"delete_original": True})
    except OSError as error:
        log.warning("an answer could not be hidden", error=type(error).__name__)
        raise NotAllowed("customer.not_hidden") from None
    if answer.status_code != 200:
        log.warning("an answer could not be hidden", status=answer.status_code)
        raise NotAllowed("customer.not_hidden")
    ack()


def _checked(tx: Connection, incident_id: int, person: Person) -> Incident:
    """The incident, locked. Raises NotAllowed unless this person handles the case, and when nothing is left to see."""
    incident = incidents.get(tx, incident_id, lock=True)
    lifecycle.check_handles_case(person.user_id, incident, incidents.participants_of(tx, incident.id))
    lifecycle.check_not_erased(incident)
    return incident


def _noted(tx: Connection, incident: Incident, customer: Listed | None, person: Person, now: datetime) -> Listed:
    if customer is None or not (customer.customer.name or customer.customer.contact or customer.customer.number):
        raise NotAllowed("allowed.customer_erased")
    journal.add(tx, incident.id, "customer_seen", person.user_id, now, form="customer", customer=customer.id)
    return customer


def _reveal(
    body: Json, client: WebClient, incident: Incident, customer: Listed, count: int, words: Wording, person: Person
) -> None:
    """Below the button, for this person alone; in a window where that can't be."""
    told = _told(customer, count, words)
    place, container = body.get("channel") or {}, body.get("container") or {}
    if place.get("id"):
        others = "ledger.open" if count > 1 else "lists.open"
        gone = button(words.text("button.customer.hide"), "customer.hide", incident.id)
        blocks = [*told, actions([gone, button(words.text(f"button.{others}"), others, incident.id)])]
        try:
            client.chat_postEphemeral(
                channel=place["id"],
                user=person.user_id,
                text=words.text("customer.sentence", number=incident.number),
                blocks=[block.to_dict() for block in blocks],
                thread_ts=container.get("thread_ts"),
            )
        except SlackApiError as error:
            if error.response["error"] not in NOT_THERE:
                raise
        else:
            return
    title = words.text("customer.title", number=incident.number)
    view = modal("customer.shown", title, told, close=words.text("form.close"))
    windows.show(client, body, view)


def _told(listed: Listed, count: int, words: Wording) -> Sequence[Block]:
    customer = listed.customer
    facts = [
        ("customer", customer.name),
        ("customer_contact", customer.contact),
        ("customer_number", customer.number),
        ("customer_tier", words.text(f"tier.{customer.tier}") if customer.tier else ""),
        ("customer_language", words.text(f"language.{customer.language}") if customer.language else ""),
        ("emotion", words.text(f"emotion.{listed.emotion}") if listed.emotion else ""),
    ]
    lines = [words.mrkdwn("card.said", what=words.text(f"report.{key}"), words=value) for key, value in facts if value]
    turn = [section(words.mrkdwn("customer.turn", n=count))] if count > 1 else []
    return [*turn, section(Mrkdwn("\n".join(lines))), context(words.mrkdwn("customer.seen"))]

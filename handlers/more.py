"""Everything that can be done with an incident now: ⋯ More on the card, or a word in its channel -> a window.

Each line says what a step is for and has its button; what the step opens comes above this window.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from slack_bolt import Ack, App
from slack_sdk import WebClient
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View
from sqlalchemy import Connection

from bot import lifecycle
from bot.incident import Incident, NotAllowed, Person, Status
from bot.wording import Wording
from handlers import card, duties, files, solved
from handlers.blocks import Json, button, divider, modal, section
from handlers.desk import Desk
from handlers.windows import of_channel, show
from handlers.words import choice, chosen_id, word
from storage import customers, incidents, postmortems, roles

# In the order of the procedure, as people look for it.
GROUPS: Mapping[str, Sequence[str]] = {
    "begin": ("verify.open", "grade.open", "roles.open", "roles.hand_over"),
    "customers": ("contact.open", "ledger.open", "customer.show", "evidence.send", "statement.open"),
    "work": ("plan.open", "tasks.add", "requests.open", "progress.open"),
    "end": (
        "solution.open",
        "fixed.open",
        "fixed.not_fixed",
        "confirm.open",
        "satisfaction.open",
        "close.open",
        "reopen.open",
        "dismiss.open",
    ),
    "learn": ("actions.open", "postmortem.open", "record.open", "dossier.make"),
}


@dataclass(frozen=True)
class Known:
    """What decides, beside where the incident stands, what can be done. `may_reopen` as long as the procedure lets it
    be opened again; `has_review` once its postmortem is there; `has_files` when a form was given some."""

    is_team_there: bool = False
    customers: int = 1
    has_review: bool = False
    may_reopen: bool = True
    has_files: bool = False


def register(app: App) -> None:
    """What leads here."""
    app.action("card.menu", matchers=[choice("more.open")])(open_form)
    app.action("more.open")(open_form)
    app.command("/incident", matchers=[word("more", "更多")])(of_channel(open_form))


def open_form(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime
) -> None:
    """Whoever may know of the incident sees it; each step says itself who may."""
    with desk.db.read() as tx:
        view = _view(desk, tx, incidents.get(tx, chosen_id(action)), words, person, now)
    show(client, body, view)
    ack()


def _view(desk: Desk, tx: Connection, incident: Incident, words: Wording, person: Person, now: datetime) -> View:
    if not lifecycle.may_see(incident, person.user_id, incidents.participants_of(tx, incident.id)):
        raise NotAllowed("allowed.only_its_people", reporter=incident.reporter_id)
    return form(incident, offered(incident, known(desk, tx, incident, now)), words)


def known(desk: Desk, tx: Connection, incident: Incident, now: datetime) -> Known:
    """Reads what decides."""
    given = {*roles.holders(found := roles.of_incident(tx, incident.id)), *roles.asked(found)}
    return Known(
        is_team_there=set(duties.needed(desk.procedure, incident)) <= given,
        customers=customers.counts(tx, incident).total,
        has_review=postmortems.get(tx, incident.id) is not None,
        may_reopen=now <= solved.reopened_until(desk, incident),
        has_files=incident.customers_erased_at is None and bool(files.attached(tx, incident.id)),
    )


def offered(incident: Incident, known: Known) -> list[str]:
    """What can be done now, in the order of GROUPS: a pure function."""
    status = incident.status
    unsolved, is_open = status.is_unsolved, status.is_open
    is_emergency = is_open and status is not Status.COMPLAINT
    works_again = status in (Status.FIXED, Status.CONFIRMED)
    can = {
        "verify.open": unsolved and incident.verified_at is None,
        "grade.open": is_emergency,
        "roles.open": is_emergency,
        "roles.hand_over": is_open,
        "contact.open": is_open,
        "ledger.open": is_open and known.customers > 1,
        "customer.show": is_open and known.customers == 1,
        "evidence.send": known.has_files,
        "statement.open": is_open,
        "plan.open": unsolved,
        "tasks.add": is_open,
        "requests.open": is_open,
        "progress.open": unsolved,
        "solution.open": status is Status.COMPLAINT,
        "fixed.open": unsolved,
        "fixed.not_fixed": works_again,
        "confirm.open": works_again or (unsolved and incident.round > 1),
        "satisfaction.open": works_again or (status is Status.CLOSED and incident.fixed_at is not None),
        "close.open": is_open,
        "reopen.open": status is Status.CLOSED and known.may_reopen,
        "dismiss.open": unsolved,
        "actions.open": status is not Status.DISMISSED,
        "postmortem.open": known.has_review,
        "record.open": True,
        "dossier.make": True,
    }
    return [action for group in GROUPS.values() for action in group if can[action]]


def form(incident: Incident, actions: Sequence[str], words: Wording) -> View:
    """The steps, each with one line of what it is for. Nothing to submit: each has its button."""
    blocks: list[Block] = [section(card.summary(incident, None, words, incident.reported_at))]
    for group, steps in GROUPS.items():
        here = [action for action in steps if action in actions]
        if not here:
            continue
        blocks += [divider(), section(words.mrkdwn(f"more.group.{group}"))]
        for action in here:
            offer = button(words.text(f"button.{action}"), action, incident.id)
            blocks.append(section(words.mrkdwn(f"more.{action}"), accessory=offer))
    return modal("more.shown", words.text("more.title", number=incident.number), blocks, close=words.text("form.close"))

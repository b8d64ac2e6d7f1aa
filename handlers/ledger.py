"""The customers of an incident: ⋯ on the card or App Home -> the list, searched and turned -> one of them corrected,
taken off or put back; or all of them as a file.

The names stand there in clear, for those who handle the case; each page that is shown is on record.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from slack_bolt import Ack, App
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.models.blocks import ActionsBlock, Block, InputBlock, Option, PlainTextInputElement, StaticSelectElement
from slack_sdk.models.blocks.basic_components import DispatchActionConfig
from slack_sdk.models.views import View
from sqlalchemy import Connection

from bot import lifecycle, lists
from bot.deadlines import interval
from bot.incident import Counts, Customer, CustomerLanguage, Duty, Incident, Listed, NotAllowed, Outcome, Person, Tier
from bot.wording import Mrkdwn, Wording, escape, mention
from handlers import card, duties, files, solved, team
from handlers.blocks import Json, actions, button, context, divider, modal, overflow, section
from handlers.card import SHOWN_WITH_INCIDENT
from handlers.desk import Desk
from handlers.fields import Answers, Text, Word
from handlers.windows import show
from handlers.words import choice, chosen_id
from storage import customers, deadlines, incidents, journal, outbox, people
from storage.customers import Page, Which
from storage.outbox import Errand

PAGE = 10
COLUMNS = ("first_heard", "last_heard", "by", "outcome", "tries", "next_update", "taken_off", "reason")  # of the file
NEVER = datetime.min.replace(tzinfo=UTC)

SEARCH = Text("search", "ledger", max_length=80)
NAME = Text("name", "ledger", required=True, max_length=150, if_missing="ledger.say_who")
NUMBER = Text("number", "ledger", max_length=80)
CONTACT = Text("contact", "ledger", max_length=200)
TIER = Word("tier", "ledger", words_of=Tier, vocabulary="tier")
LANGUAGE = Word("language", "ledger", words_of=CustomerLanguage, vocabulary="language")
REASON = Text("reason", "ledger", required=True, max_length=300, if_missing="ledger.say_why")


@dataclass(frozen=True)
class Shown:
    """Which part of the list is before somebody, and what travels with it (`private_metadata`): ids and words of ours.

    `words` are what they search for: confidential, so they travel in the field alone. `turn` counts how often the field
    was emptied by us.
    """

    incident: int
    which: Which = Which.ALL
    offset: int = 0
    turn: int = 0
    words: str = ""

    def about(self, **more: object) -> str:
        """As it travels."""
        said = {"incident": self.incident, "which": self.which, "offset": self.offset, "turn": self.turn}
        return json.dumps({**said, **more})


def register(app: App) -> None:
    """What leads here."""
    app.action("ledger.open")(open_form)
    app.action("card.menu", matchers=[choice("ledger.open")])(open_form)
    app.action("ledger.search")(search)
    app.action("ledger.which")(search)
    app.view("ledger.submit")(submit)
    app.action("ledger.previous")(turn_page)
    app.action("ledger.next")(turn_page)
    app.action("ledger.one", matchers=[choice("ledger.correct")])(open_correct)
    app.view("ledger.correct_submit")(submit_correct)
    app.action("ledger.one", matchers=[choice("ledger.remove")])(open_remove)
    app.view("ledger.remove_submit")(submit_remove)
    app.action("ledger.one", matchers=[choice("ledger.put_back")])(put_back)
    app.action("ledger.export")(export)


def open_form(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime
) -> None:
    """Its first page; that it was looked at is on record before it is shown."""
    view = form(desk, Shown(chosen_id(action)), person, words, now)
    show(client, body, view)
    ack()


def form(desk: Desk, shown: Shown, person: Person, words: Wording, now: datetime, notice: str = "") -> View:
    """A page of the list. Searching opens every row, so it is done before the incident is locked for the journal.

    Raises NotAllowed for whoever does not handle the case.
    """
    with desk.db.read() as tx:
        incident = incidents.get(tx, shown.incident)
        check_may_see(desk, tx, incident, person.user_id)
        span = interval(Duty.UPDATE, incident.level, now, desk.procedure)
        due_before = now - span if span else NEVER
        page = customers.page(tx, incident.id, shown.which, now, due_before, shown.offset, PAGE, shown.words)
        if shown.offset and not page.shown:  # the last one on a page was taken off
            shown = replace(shown, offset=max(page.count - 1, 0) // PAGE * PAGE)
            page = customers.page(tx, incident.id, shown.which, now, due_before, shown.offset, PAGE, shown.words)
        counts = customers.counts(tx, incident)
        alone = customers.in_turn(tx, incident.id, now, 1) if counts.listed == 1 < counts.total else []
    if seen := len({each.id for each in (*page.shown, *alone)}):
        with desk.db.begin() as tx:
            incident = incidents.get(tx, incident.id, lock=True)
            check_may_see(desk, tx, incident, person.user_id)
            journal.add(tx, incident.id, "customer_seen", person.user_id, now, form="ledger", n=seen)
    blocks = [
        *_above(incident, shown, counts, alone, words, notice),
        *_customers(incident, page, span, words, now),
        *_below(shown, page, words),
    ]
    return modal(
        "ledger.submit",
        words.text("ledger.title", number=incident.number),
        blocks,
        close=words.text("form.close"),
        submit=words.text("ledger.submit"),
        about=shown.about(),
    )


def submit(ack: Ack, view: Json, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """The button under the list searches too: a form with a field has one."""
    drawn = form(desk, replace(_shown(view), offset=0), person, words, now)
    ack(response_action="update", view=drawn.to_dict())


def search(ack: Ack, body: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """Other words, or another part of the list: from its beginning."""
    _redraw(body, client, form(desk, replace(_shown(body["view"]), offset=0), person, words, now))
    ack()


def turn_page(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime
) -> None:
    """Another page of the same."""
    shown = replace(_shown(body["view"]), offset=max(chosen_id(action), 0))
    _redraw(body, client, form(desk, shown, person, words, now))
    ack()


def open_correct(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime
) -> None:
    """Who they are, to be corrected."""
    shown, customer_id = _shown(body["view"]), chosen_id(action)
    with desk.db.begin() as tx:
        incident = _changeable(desk, tx, shown.incident, person)
        listed = _listed(tx, incident, customer_id)
        journal.add(tx, incident.id, "customer_seen", person.user_id, now, form="correct")
    show(client, body, correct_form(shown, listed, str(body["view"]["id"]), words))
    ack()


def correct_form(shown: Shown, listed: Listed, ledger_id: str, words: Wording) -> View:
    """Everything that is known of them."""
    customer = listed.customer
    return modal(
        "ledger.correct_submit",
        words.text("ledger.correct_title"),
        [
            NAME.block(words, initial=customer.name),
            NUMBER.block(words, initial=customer.number),
            CONTACT.block(words, initial=customer.contact, focus=listed.outcome is Outcome.WRONG_NUMBER),
            TIER.block(words, initial=customer.tier),
            LANGUAGE.block(words, initial=customer.language),
        ],
        close=words.text("form.cancel"),
        submit=words.text("ledger.correct_submit"),
        about=shown.about(customer=listed.id, ledger=ledger_id),
    )


def submit_correct(ack: Ack, view: Json, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """Corrected; the list under the form is drawn anew."""
    answers, about = Answers(view), json.loads(view["private_metadata"])
    customer = Customer(
        NAME.read(answers), NUMBER.read(answers), CONTACT.read(answers), TIER.read(answers), LANGUAGE.read(answers)
    )
    if answers.wrong:
        ack(response_action="errors", errors=answers.sentences(words))
        return
    with desk.db.begin() as tx:
        incident = _changeable(desk, tx, int(about["incident"]), person)
        if _listed(tx, incident, int(about["customer"])).customer != customer:  # else the same form once more
            customers.change(tx, int(about["customer"]), customer)
            journal.add(tx, incident.id, "customer_corrected", person.user_id, now, customer=about["customer"])
            _changed(desk, tx, incident, person, now)
        _ask_redraw(tx, incident, view, person, now)
    ack()
    desk.wake()


def open_remove(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime
) -> None:
    """What it means, and why."""
    shown, customer_id = _shown(body["view"]), chosen_id(action)
    with desk.db.begin() as tx:
        incident = _changeable(desk, tx, shown.incident, person)
        listed = _listed(tx, incident, customer_id)
        if listed.removed_at is not None:
            raise NotAllowed("allowed.customer_is_off", by=listed.removed_by, at=listed.removed_at)
        journal.add(tx, incident.id, "customer_seen", person.user_id, now, form="remove")
    show(client, body, remove_form(shown, listed, str(body["view"]["id"]), words))
    ack()


def remove_form(shown: Shown, listed: Listed, ledger_id: str, words: Wording) -> View:
    """Nobody is taken off without a reason."""
    return modal(
        "ledger.remove_submit",
        words.text("ledger.remove_title"),
        [section(words.mrkdwn("ledger.remove_means", customer=listed.customer.name)), REASON.block(words, focus=True)],
        close=words.text("form.cancel"),
        submit=words.text("ledger.remove_submit"),
        about=shown.about(customer=listed.id, ledger=ledger_id),
    )


def submit_remove(ack: Ack, view: Json, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """Off the list, with the reason; nobody owes them a call any more."""
    answers, about = Answers(view), json.loads(view["private_metadata"])
    reason = REASON.read(answers)
    if answers.wrong:
        ack(response_action="errors", errors=answers.sentences(words))
        return
    with desk.db.begin() as tx:
        incident = _changeable(desk, tx, int(about["incident"]), person)
        listed = _listed(tx, incident, int(about["customer"]))
        if listed.removed_at is None:
            customers.remove(tx, listed.id, person.user_id, reason, now)
            deadlines.stop(tx, incident.id, now, [Duty.CALL_AGAIN], str(listed.id))
            journal.add(tx, incident.id, "customer_removed", person.user_id, now, customer=listed.id)
            _changed(desk, tx, incident, person, now)
        elif listed.removed_by != person.user_id:  # else the same form once more
            raise NotAllowed("allowed.customer_is_off", by=listed.removed_by, at=listed.removed_at)
        _ask_redraw(tx, incident, view, person, now)
    ack()
    desk.wake()


def put_back(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime
) -> None:
    """On the list again."""
    shown, customer_id = _shown(body["view"]), chosen_id(action)
    with desk.db.begin() as tx:
        incident = _changeable(desk, tx, shown.incident, person)
        if _listed(tx, incident, customer_id).removed_at is not None:
            customers.put_back(tx, customer_id)
            journal.add(tx, incident.id, "customer_put_back", person.user_id, now, customer=customer_id)
            _changed(desk, tx, incident, person, now)
    desk.wake()
    _redraw(body, client, form(desk, shown, person, words, now))
    ack()


def export(ack: Ack, body: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """The whole list goes to whoever asks for it, as a file in a direct message."""
    shown = _shown(body["view"])
    with desk.db.begin() as tx:
        incident = incidents.get(tx, shown.incident, lock=True)
        check_may_see(desk, tx, incident, person.user_id)
        n = customers.count_all(tx, incident.id)
        journal.add(tx, incident.id, "customers_exported", person.user_id, now, n=n)
        lane = f"export:{incident.id}:{person.user_id}"  # asked twice before it is sent, it is sent once
        outbox.ask(tx, "send_customers", lane, now, incident.id, {"user": person.user_id}, collapses=lane)
    desk.wake()
    _redraw(body, client, form(desk, shown, person, words, now, notice="ledger.exporting"))
    ack()


def send_customers(desk: Desk, errand: Errand) -> None:
    """The list with what became of each, for a spreadsheet."""
    user_id = str(errand.detail["user"])
    with desk.db.read() as tx:
        incident = incidents.get(tx, int(errand.incident_id or 0))
        found = customers.all_of(tx, incident.id)
        words = desk.words_for(people.get(tx, user_id))
        involved = {who for each in found for who in (each.heard_by, each.removed_by) if who}
        names = {who: person.name for who in involved if (person := people.get(tx, who))}
    span = interval(Duty.UPDATE, incident.level, errand.created_at, desk.procedure)
    rows = [
        _headings(words),
        *(_exported(each, names, span if incident.status.is_open else None, words) for each in found),
    ]
    at = words.iso(errand.created_at)[:16].replace("T", "-").replace(":", "")
    files.send(
        desk,
        errand,
        user_id,
        f"{incident.number}-customers-{at}-{errand.id}.csv",
        lists.as_csv(rows),
        words.text("ledger.exported", n=len(found), number=incident.number),
    )


def show_ledger(desk: Desk, errand: Errand) -> None:
    """The list that somebody has open has changed under the form in which they changed it."""
    user_id, detail = str(errand.detail["user"]), errand.detail
    with desk.db.read() as tx:
        person = people.get(tx, user_id) or Person(user_id)
    shown = Shown(int(errand.incident_id or 0), Which(detail["which"]), int(detail["offset"]), int(detail["turn"]))
    try:
        view = form(desk, shown, person, desk.words_for(person), desk.now())
    except NotAllowed:  # they don't handle the case any more
        return
    desk.client.views_update(view_id=detail["view"], view=view)


def check_may_see(desk: Desk, tx: Connection, incident: Incident, user_id: str) -> None:
    """Raises NotAllowed for whoever does not handle the case, and when nothing is left to see."""
    lifecycle.check_handles_case(user_id, incident, incidents.participants_of(tx, incident.id))
    team.check_may(desk, tx, "contact", incident, user_id)
    lifecycle.check_not_erased(incident)


def _changeable(desk: Desk, tx: Connection, incident_id: int, person: Person) -> Incident:
    """The incident, locked, if somebody may change its list now."""
    incident = incidents.get(tx, incident_id, lock=True)
    check_may_see(desk, tx, incident, person.user_id)
    lifecycle.check_open(incident)
    return incident


def _listed(tx: Connection, incident: Incident, customer_id: int) -> Listed:
    listed = customers.get(tx, incident.id, customer_id)
    if listed is None:
        raise NotAllowed("allowed.customer_not_there")
    if not listed.customer.name:
        raise NotAllowed("allowed.customer_erased")
    return listed


def _changed(desk: Desk, tx: Connection, incident: Incident, person: Person, now: datetime) -> None:
    changed = duties.customers_changed(desk, tx, incident, person.user_id, now)
    changed += solved.reckon(desk, tx, incidents.get(tx, incident.id), person.user_id, now)  # fewer have to confirm it
    outbox.redraw(tx, [incident.id], now, SHOWN_WITH_INCIDENT, changed)


def _ask_redraw(tx: Connection, incident: Incident, view: Json, person: Person, now: datetime) -> None:
    """The list below the form: the part that was shown, without the words that were searched for."""
    about = json.loads(view["private_metadata"])
    detail = {"view": about["ledger"], "user": person.user_id, "which": about["which"], "offset": about["offset"]}
    detail["turn"] = int(about["turn"]) + 1
    outbox.ask(tx, "show_ledger", f"ledger:{about['ledger']}", now, incident.id, detail)


def _redraw(body: Json, client: WebClient, view: View) -> None:
    try:
        client.views_update(view_id=body["view"]["id"], hash=body["view"]["hash"], view=view)
    except SlackApiError as error:
        if error.response["error"] != "hash_conflict":  # another click of theirs has drawn it meanwhile
            raise


# -- the page ----------------------------------------------------------------------------------------------------------


def _above(
    incident: Incident, shown: Shown, counts: Counts, alone: Sequence[Listed], words: Wording, notice: str
) -> Iterator[Block]:
    none_yet = [words.mrkdwn("card.heard", n=counts.total, heard=words.number(0))]
    yield section(Mrkdwn(" · ".join(card.progress(counts, words) or none_yet)))
    if notice:
        yield section(words.mrkdwn(notice))
    if missing := counts.total - counts.listed:
        if alone:
            text = words.mrkdwn("ledger.only_one", n=missing, customer=_name(alone[0], words))
        elif counts.listed:
            text = words.mrkdwn("ledger.some", n=missing, listed=words.number(counts.listed))
        else:
            text = words.mrkdwn("ledger.none", n=missing)
        yield section(text)
    field = SEARCH.version(shown.turn)
    element = PlainTextInputElement(
        action_id="ledger.search",
        max_length=field.max_length,
        initial_value=shown.words or None,
        placeholder=words.text("ledger.search.placeholder"),
        dispatch_action_config=DispatchActionConfig(trigger_actions_on=["on_enter_pressed"]),
    )
    label = words.text(field.label)
    yield InputBlock(block_id=field.id, label=label, optional=True, dispatch_action=True, element=element)
    options = [Option(value=which, text=words.text(f"ledger.which.{which}")) for which in Which]
    chosen = next(option for option in options if option.value == shown.which)
    part = StaticSelectElement(action_id="ledger.which", options=options, initial_option=chosen)
    offered = [button(words.text("button.ledger.export"), "ledger.export", incident.id)]
    if incident.status.is_open:
        add = button(words.text("button.lists.open"), "lists.open", incident.id, primary=counts.total > counts.listed)
        offered.insert(0, add)
    yield ActionsBlock(block_id=f"part_{shown.turn}", elements=[part, *offered])
    yield divider()


def _customers(incident: Incident, page: Page, span: timedelta, words: Wording, now: datetime) -> Iterator[Block]:
    for each in page.shown:
        lines = [_who(each, words), _state(incident, each, span, words, now)]
        choices = _choices(incident, each)
        menu = overflow("ledger.one", [(words.text(f"button.{name}"), f"{name}:{each.id}") for name in choices])
        text = Mrkdwn("\n".join(lines))
        yield section(text, accessory=menu if choices else None, block_id=f"customer_{each.id}")


def _below(shown: Shown, page: Page, words: Wording) -> Iterator[Block]:
    if not page.count:
        key = "ledger.not_found" if shown.words else f"ledger.empty.{shown.which}"
        yield section(words.mrkdwn(key, words=shown.words) if shown.words else words.mrkdwn(key))
        return
    if page.count <= PAGE:
        return
    first, last = shown.offset + 1, shown.offset + len(page.shown)
    every = words.number(page.count)
    yield context(words.mrkdwn("ledger.page", first=words.number(first), last=words.number(last), all=every))
    turns = []
    if shown.offset > 0:
        turns.append(button(words.text("button.home.previous"), "ledger.previous", max(shown.offset - PAGE, 0)))
    if last < page.count:
        turns.append(button(words.text("button.home.next"), "ledger.next", shown.offset + PAGE))
    yield actions(turns)


def _choices(incident: Incident, listed: Listed) -> tuple[str, ...]:
    if not incident.status.is_open or not listed.customer.name:
        return ()
    if listed.removed_at is not None:
        return ("ledger.put_back", "ledger.correct")
    return ("contact.with", "ledger.correct", "ledger.remove")


def _name(listed: Listed, words: Wording) -> str:
    """Erased names are said to be so."""
    return listed.customer.name or words.text("ledger.nameless")


def _who(listed: Listed, words: Wording) -> Mrkdwn:
    customer = listed.customer
    parts: list[Mrkdwn] = [words.mrkdwn("ledger.bold", name=_name(listed, words))]
    if customer.tier not in (None, Tier.ORDINARY):
        parts.append(words.mrkdwn(f"tier.{customer.tier}"))
    if listed.emotion:
        parts.append(words.mrkdwn(f"emotion.{listed.emotion}"))
    parts += [escape(said) for said in (customer.number, customer.contact) if said]
    return Mrkdwn(" · ".join(parts))


def _state(incident: Incident, listed: Listed, span: timedelta, words: Wording, now: datetime) -> Mrkdwn:
    """What became of them so far, and what comes next."""
    if listed.removed_at is not None:
        if listed.removed_by is None:
            return words.mrkdwn("ledger.erased", at=words.time(listed.removed_at))
        who = mention(listed.removed_by)
        return words.mrkdwn("ledger.off", who=who, at=words.time(listed.removed_at), reason=listed.removal_reason)
    parts: list[Mrkdwn] = []
    if listed.heard_at is not None:
        who = mention(listed.heard_by or incident.reporter_id)
        parts.append(words.mrkdwn("ledger.heard", who=who, at=words.time(listed.heard_at)))
    if listed.outcome in (Outcome.NO_ANSWER, Outcome.BUSY):
        parts.append(words.mrkdwn(f"ledger.{listed.outcome}", n=listed.tries))
    elif listed.outcome is Outcome.WRONG_NUMBER:
        parts.append(words.mrkdwn("ledger.wrong_number"))
    elif listed.heard_at is None:
        parts.append(words.mrkdwn("ledger.unheard"))
    if not incident.status.is_open:
        return Mrkdwn(" · ".join(parts))
    if listed.retry_at is not None and listed.outcome in (Outcome.NO_ANSWER, Outcome.BUSY):
        parts.append(words.mrkdwn("ledger.again", at=words.time(listed.retry_at)))
    if listed.heard_at is not None and span:
        due_at = listed.heard_at + span
        parts.append(words.mrkdwn("ledger.next" if due_at > now else "ledger.late", at=words.time(due_at)))
    return Mrkdwn(" · ".join(parts))


def _shown(view: Json) -> Shown:
    about = json.loads(view["private_metadata"])
    shown = Shown(int(about["incident"]), Which(about["which"]), int(about["offset"]), int(about["turn"]))
    answers = Answers(view)
    chosen = answers.of(f"part_{shown.turn}").get("selected_option") or {}
    said = SEARCH.version(shown.turn).read(answers)
    return replace(shown, which=Which(chosen.get("value") or shown.which), words=said)


# -- the file ----------------------------------------------------------------------------------------------------------


def _headings(words: Wording) -> list[str]:
    known = [words.text(f"ledger.{name}") for name in ("name", "number", "contact", "tier", "language")]
    return known + [words.text(f"ledger.column.{name}") for name in COLUMNS]


def _exported(listed: Listed, names: dict[str, str], span: timedelta | None, words: Wording) -> list[str]:
    customer, by = listed.customer, listed.heard_by or ""
    is_on = listed.removed_at is None
    next_at = listed.heard_at + span if listed.heard_at and span and is_on else None
    return [
        customer.name,
        customer.number,
        customer.contact,
        words.text(f"tier.{customer.tier}") if customer.tier else "",
        words.text(f"language.{customer.language}") if customer.language else "",
        words.iso(listed.first_heard_at) if listed.first_heard_at else "",
        words.iso(listed.heard_at) if listed.heard_at else "",
        names.get(by) or by,
        words.text(f"outcome.{listed.outcome}") if listed.outcome else "",
        str(listed.tries),
        words.iso(next_at) if next_at else "",
        words.iso(listed.removed_at) if listed.removed_at else "",
        listed.removal_reason,
    ]

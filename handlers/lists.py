"""Customers are put on an incident's list: one, many pasted, or a file -> its columns confirmed -> added, what was left
out named by its line.

A file is fetched, and a long list added, by the courier: the form shows how far it is. Whoever has closed the form goes
on from a direct message. The list itself is kept sealed until its customers are in, and erased then.
"""

import http.client
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from slack_bolt import Ack, App
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View
from sqlalchemy import Connection

from bot import lifecycle
from bot import lists as rules
from bot.incident import Customer, CustomerLanguage, Incident, NotAllowed, Person, Tier
from bot.lists import Bad, Checked, Columns, CustomerList, ListState, Meaning, Row, Unreadable
from bot.wording import Mrkdwn, Wording
from handlers import duties, files, solved, team
from handlers.blocks import Json, actions, button, modal, quote, section
from handlers.card import SHOWN_WITH_INCIDENT
from handlers.desk import Desk, Drawing
from handlers.fields import Answers, Choice, Field, Files, Text, Word
from handlers.windows import show
from handlers.words import chosen_id
from storage import customers, incidents, journal, lists, outbox, people
from storage.customers import Which
from storage.outbox import Errand, Message, Saying

AT_ONCE = 300  # rows that are added while the person waits; more are the courier's
SAMPLES = 3
NAMED = 10  # rows that were left out, on the last page; the file has them all
TRIES = 6  # about a minute until somebody is told that a file can't be fetched
NONE = "none"
SHOW_THE_LIST = ("ledger.submit", "contact.left")  # what lies below and holds nothing typed: it is drawn anew


class Way(StrEnum):
    """How customers are put on the list."""

    PASTE = "paste"
    UPLOAD = "upload"
    ONE = "one"


WAY = Choice("way", "lists", required=True, tells="lists.choose")
PASTE = Text("paste", "lists", required=True, multiline=True, max_length=3000, if_missing="lists.say_who")
FILE = Files("file", "lists", required=True, most=1, kinds=rules.KINDS)
NAME = Text("name", "lists", required=True, max_length=150, if_missing="lists.say_who")
NUMBER = Text("number", "lists", max_length=80)
CONTACT = Text("contact", "lists", max_length=200)
TIER = Word("tier", "lists", words_of=Tier, vocabulary="tier")
LANGUAGE = Word("language", "lists", words_of=CustomerLanguage, vocabulary="language")
TYPED = ("paste", "name", "number", "contact", "tier", "language")

COLUMN = {meaning: Choice(f"column_{meaning}", "lists", required=meaning is Meaning.NAME) for meaning in Meaning}
HEADING = Choice("heading", "lists", required=True)


@dataclass(frozen=True)
class Start:
    """What travels with the form (`private_metadata`): ids only. `turn` counts the lists that were given in it,
    `ledger` is the form below it, whose field was emptied `below` times."""

    incident: int
    turn: int = 0
    ledger: str = ""
    below: int = 0
    list: int = 0

    def about(self) -> str:
        """As it travels."""
        return json.dumps(asdict(self))


def register(app: App) -> None:
    """What leads here."""
    app.action("lists.open")(open_form)
    app.action("lists.again")(start_again)
    app.action("lists.choose")(choose)
    app.view("lists.submit")(submit)
    app.view("lists.columns_submit")(submit_columns)
    app.action("lists.look")(look)
    app.action("lists.resume")(resume)
    app.action("lists.get_bad")(get_bad)


def open_form(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person
) -> None:
    """Over the list of the incident, over a form about a contact, or from a message."""
    below = body.get("view") or {}
    with desk.db.read() as tx:
        incident = incidents.get(tx, chosen_id(action))
        _check_may(desk, tx, incident, person.user_id)
    start = Start(incident.id)
    if below.get("callback_id") in SHOW_THE_LIST:
        turn = int(json.loads(below["private_metadata"])["turn"])
        start = Start(incident.id, ledger=str(below["id"]), below=turn)
    show(client, body, form(incident, start, Way.PASTE, words))
    ack()


def start_again(ack: Ack, body: Json, client: WebClient, desk: Desk, words: Wording, person: Person) -> None:
    """More customers, in the same window."""
    before = _start(body["view"])
    with desk.db.read() as tx:
        incident = incidents.get(tx, before.incident)
        _check_may(desk, tx, incident, person.user_id)
    view = form(incident, replace(before, turn=before.turn + 1, list=0), Way.PASTE, words)
    client.views_update(view_id=body["view"]["id"], hash=body["view"]["hash"], view=view)
    ack()


def choose(ack: Ack, body: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """Another way: what was typed for the one before is kept until they come back to it."""
    view, answers = body["view"], Answers(body["view"])
    start = _start(view)
    said = {name: _said(answers, name) for name in TYPED if answers.shows(name)}
    with desk.db.begin() as tx:
        incident = incidents.get(tx, start.incident, lock=True)
        _check_may(desk, tx, incident, person.user_id)
        key = _key(view, start)
        before = lists.typed(tx, key)
        typed = before | said
        if before or any(said.values()):
            lists.keep_typed(tx, incident.id, key, person.user_id, now, typed)
    way = Way(WAY.read(answers, [*Way]) or Way.PASTE)
    drawn = form(incident, start, way, words, typed)
    client.views_update(view_id=view["id"], hash=view["hash"], view=drawn)
    ack()


def form(
    incident: Incident,
    start: Start,
    way: Way,
    words: Wording,
    typed: dict[str, str] | None = None,
    trouble: Unreadable | None = None,
) -> View:
    """The way, and what it takes. `typed` is what was entered before; `trouble` what was wrong with a file."""
    said = typed or {}
    blocks: list[Block] = []
    if trouble:
        blocks.append(section(words.mrkdwn("lists.trouble", why=words.text(trouble.phrase, **trouble.values))))
    blocks.append(WAY.block(words, [(each.value, words.text(f"lists.way.{each}")) for each in Way], way))
    if way is Way.PASTE:
        blocks.append(PASTE.block(words, initial=said.get("paste", ""), focus=not trouble))
    elif way is Way.UPLOAD:
        blocks.append(FILE.block(words))
    else:
        tier, language = said.get("tier"), said.get("language")
        blocks += [
            NAME.block(words, initial=said.get("name", ""), focus=True),
            NUMBER.block(words, initial=said.get("number", "")),
            CONTACT.block(words, initial=said.get("contact", "")),
            TIER.block(words, initial=Tier(tier) if tier else None),
            LANGUAGE.block(words, initial=CustomerLanguage(language) if language else None),
        ]
    return modal(
        "lists.submit",
        words.text("lists.title", number=incident.number),
        blocks,
        close=words.text("form.cancel"),
        submit=words.text("lists.submit_one" if way is Way.ONE else "lists.submit"),
        about=start.about(),
    )


def submit(ack: Ack, view: Json, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """One customer is added at once; of a list the columns are confirmed first, of a file once it was read."""
    answers, start = Answers(view), _start(view)
    # By the fields that stand there: the way may have been chosen anew a moment ago.
    take = next(read for field, read in READS if answers.shows(field.id))(answers)
    if answers.wrong or take is None:
        ack(response_action="errors", errors=answers.sentences(words))
        return
    key = _key(view, start)
    with desk.db.begin() as tx:
        incident = incidents.get(tx, start.incident, lock=True)
        given = lists.of_form(tx, key)
        if given is None or given.state is ListState.DRAFT:  # else the same form once more
            _check_may(desk, tx, incident, person.user_id)
            given = take(desk, tx, incident, Given(key, str(view["id"]), person.user_id, start), now)
        if given is not None:
            shown = page(tx, incident, given, start, person, words, now)
    if given is None:
        ack(response_action="errors", errors={NAME.id: words.text("lists.is_off")})
        return
    ack(response_action="update", view=shown.to_dict())
    desk.wake()


def submit_columns(ack: Ack, view: Json, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """A short list is added at once, a long one by the courier."""
    answers, start = Answers(view), _start(view)
    with desk.db.read() as tx:
        rows = lists.rows(tx, start.list)
    columns = _columns(answers, rows) if rows else None
    if answers.wrong:
        ack(response_action="errors", errors=answers.sentences(words))
        return
    checked = rules.check(rows, columns) if columns and len(rows) <= AT_ONCE else None
    with desk.db.begin() as tx:
        incident = incidents.get(tx, start.incident, lock=True)
        given = _get(tx, start.list)
        if given.state is ListState.READ and columns:  # else the same form once more
            _check_may(desk, tx, incident, person.user_id)
            lists.set_importing(tx, given.id, columns)
            if checked:
                _import(desk, tx, incident, given, start, rows[0] if columns.heading else None, checked, now)
            else:
                outbox.ask(
                    tx, "import_list", f"list:{given.id}", now, incident.id, asdict(replace(start, list=given.id))
                )
            outbox.redraw(tx, [incident.id], now, ["list"])
        shown = page(tx, incident, _get(tx, given.id), start, person, words, now)
    ack(response_action="update", view=shown.to_dict())
    desk.wake()


def look(ack: Ack, body: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """How far it is, for whoever waits."""
    start = _start(body["view"])
    with desk.db.begin() as tx:
        incident = incidents.get(tx, start.incident, lock=True)
        _check_may_see(desk, tx, incident, person.user_id)
        shown = page(tx, incident, _get(tx, start.list), start, person, words, now)
    client.views_update(view_id=body["view"]["id"], hash=body["view"]["hash"], view=shown)
    ack()


def resume(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime
) -> None:
    """From the direct message: where they stopped when they closed the form."""
    with desk.db.begin() as tx:
        given = _get(tx, chosen_id(action))
        incident = incidents.get(tx, given.incident_id, lock=True)
        _check_may(desk, tx, incident, person.user_id)
        start = Start(incident.id, list=given.id)
        shown = page(tx, incident, _get(tx, given.id), start, person, words, now)
    opened = client.views_open(trigger_id=body["trigger_id"], view=shown)
    with desk.db.begin() as tx:
        lists.set_view(tx, given.id, str(opened["view"]["id"]))
    ack()


def get_bad(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime
) -> None:
    """The rows that were left out, as a file in a direct message: to be corrected and given once more."""
    with desk.db.begin() as tx:
        given = _get(tx, chosen_id(action))
        incident = incidents.get(tx, given.incident_id, lock=True)
        _check_may_see(desk, tx, incident, person.user_id)
        journal.add(tx, incident.id, "customer_seen", person.user_id, now, form="left_out", n=given.bad, list=given.id)
        lane = f"left_out:{given.id}:{person.user_id}"
        detail = {"list": given.id, "user": person.user_id}
        outbox.ask(tx, "send_left_out", lane, now, incident.id, detail, collapses=lane)
    desk.wake()
    if (body.get("view") or {}).get("type") == "modal":
        start = _start(body["view"])
        with desk.db.read() as tx:
            _, left_out = lists.bad_rows(tx, given.id)
        shown = result(incident, given, left_out, start, words, is_sent=True)
        client.views_update(view_id=body["view"]["id"], hash=body["view"]["hash"], view=shown)
    ack()


# -- what the courier does ---------------------------------------------------------------------------------------------


def read_list(desk: Desk, errand: Errand) -> None:
    """Fetches a file and reads it; then the form goes on, or a direct message does."""
    with desk.db.read() as tx:
        given = lists.get(tx, int(errand.detail["list"]))
    if given and given.state is ListState.READING:
        try:
            rows = rules.read_file(_fetched(desk, errand))
        except Unreadable as trouble:
            with desk.db.begin() as tx:
                lists.set_failed(tx, given.id, trouble)
        else:
            columns = rules.guess(rows)
            with desk.db.begin() as tx:
                lists.set_read(tx, given.id, rows, columns)
    _show(desk, errand)


def import_list(desk: Desk, errand: Errand) -> None:
    """Adds a long list: all of it or nothing, once."""
    start = _start_of(errand)
    with desk.db.read() as tx:
        given, rows = lists.get(tx, start.list), lists.rows(tx, start.list)
    if given and given.state is ListState.IMPORTING and given.columns:
        checked = rules.check(rows, given.columns)
        with desk.db.begin() as tx:
            incident = incidents.get(tx, given.incident_id, lock=True)
            now_is = lists.get(tx, given.id)
            if now_is and now_is.state is ListState.IMPORTING:
                heading = rows[0] if given.columns.heading else None
                _import(desk, tx, incident, given, start, heading, checked, desk.now())
                outbox.redraw(tx, [incident.id], desk.now(), ["list"])
        desk.wake()
    _show(desk, errand)


def send_left_out(desk: Desk, errand: Errand) -> None:
    """What was left out, with line and reason, in the columns in which it came."""
    user_id = str(errand.detail["user"])
    with desk.db.read() as tx:
        given = lists.get(tx, int(errand.detail["list"]))
        heading, left_out = lists.bad_rows(tx, given.id) if given else (None, [])
        if not given or not left_out:  # erased meanwhile
            return
        incident = incidents.get(tx, given.incident_id)
        words = desk.words_for(people.get(tx, user_id))
    width = max((len(each.row.cells) for each in left_out), default=0)
    names = heading.cells if heading else tuple(_column_name(given.columns, column, words) for column in range(width))
    table = [
        [words.text("lists.line"), words.text("lists.reason"), *names],
        *([str(each.row.line), _reason(each, words), *each.row.cells] for each in left_out),
    ]
    name = f"{incident.number}-left-out-{given.id}-{errand.id}.csv"
    comment = words.text("lists.left_out_sent", n=len(left_out), number=incident.number)
    files.send(desk, errand, user_id, name, rules.as_csv(table), comment)


def draw(desk: Desk, tx: Connection, message: Message) -> Drawing:
    """The direct message to whoever has closed the form: how far it is, and how it goes on."""
    given, words = lists.get(tx, int(message.detail["list"])), desk.words_for(people.get(tx, str(message.user_id)))
    incident = incidents.get(tx, message.incident_id)
    if given is None:
        text = words.mrkdwn("allowed.list_erased")
        return Drawing(text, [section(text)])
    number, buttons = incident.number, []
    if given.state is ListState.FAILED:
        trouble = words.text(given.why, **given.why_values)
        text = words.mrkdwn("lists.failed", number=number, why=trouble)
        buttons.append(button(words.text("button.lists.open"), "lists.open", incident.id, primary=True))
    elif given.state is ListState.IMPORTED:
        text = words.mrkdwn("lists.imported", number=number, outcome=_outcome(given, words))
        if lists.bad_rows(tx, given.id)[1]:
            buttons.append(button(words.text("button.lists.get_bad"), "lists.get_bad", given.id))
        buttons.append(button(words.text("button.ledger.open"), "ledger.open", incident.id))
    elif given.state is ListState.READ:
        text = words.mrkdwn("lists.was_read", n=len(lists.rows(tx, given.id)), number=number)
        buttons.append(button(words.text("button.lists.resume"), "lists.resume", given.id, primary=True))
    else:
        text = words.mrkdwn("lists.on_its_way", number=number)
    return Drawing(text, [section(text), *([actions(buttons)] if buttons and incident.status.is_open else [])])


def _show(desk: Desk, errand: Errand) -> None:
    """The form shows how far it is. When it was closed, a direct message does."""
    now, start = desk.now(), _start_of(errand)
    with desk.db.begin() as tx:
        given = lists.get(tx, start.list)
        if given is None:
            return
        incident = incidents.get(tx, given.incident_id, lock=True)
        person = people.get(tx, given.by) or Person(given.by)
        view = page(tx, incident, given, start, person, desk.words_for(person), now)
    try:
        desk.client.views_update(view_id=given.view_id, view=view)
    except SlackApiError as error:
        if error.response["error"] != "not_found":
            raise
        with desk.db.begin() as tx:
            told = [each for each in outbox.of_incident(tx, given.incident_id) if each.drawing == "list"]
            if outbox.take(tx, errand.id) and not any(each.detail.get("list") == given.id for each in told):
                outbox.say(tx, [Saying(given.incident_id, "list", "person", given.by, detail={"list": given.id})], now)
        desk.wake()


def _fetched(desk: Desk, errand: Errand) -> bytes:
    """The file; raises Unreadable when it could not be fetched for a while."""
    try:
        return files.fetch(desk, str(errand.detail["file"]), rules.MOST_BYTES)
    except (OSError, http.client.HTTPException):
        if errand.tries < TRIES:
            raise
        raise Unreadable("lists.wrong_away") from None


# -- giving a list -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Given:
    """Which form a list comes from, and from whom."""

    key: str
    view_id: str
    by: str
    start: Start


# Writes down what was given; None when it is one customer, who was taken off the list.
Take = Callable[[Desk, Connection, Incident, Given, datetime], CustomerList | None]


def _pasted(answers: Answers) -> Take | None:
    text = PASTE.read(answers)
    try:
        rows = rules.read_text(text)
    except Unreadable as trouble:
        answers.refuse(PASTE.id, trouble.phrase, **trouble.values)
        return None

    def take(_: Desk, tx: Connection, incident: Incident, given: Given, now: datetime) -> CustomerList:
        list_id = lists.begin(tx, incident.id, given.key, given.by, now, ListState.READING, given.view_id)
        lists.set_read(tx, list_id, rows, rules.guess(rows))
        return _get(tx, list_id)

    return take


def _uploaded(answers: Answers) -> Take | None:
    found = FILE.read(answers)
    file = next(iter(answers.of(FILE.id).get("files") or ()), None)
    if not found or file is None:
        return None
    if int(file.get("size") or 0) > rules.MOST_BYTES:
        answers.refuse(FILE.id, "lists.wrong_large", n=rules.MOST_BYTES // 1_000_000)
    if found[0].name.rpartition(".")[2].lower() not in rules.KINDS:
        answers.refuse(FILE.id, "lists.wrong_kind")

    def take(_: Desk, tx: Connection, incident: Incident, given: Given, now: datetime) -> CustomerList:
        state = ListState.READING
        list_id = lists.begin(tx, incident.id, given.key, given.by, now, state, given.view_id, found[0].name)
        detail = {**asdict(replace(given.start, list=list_id)), "file": found[0].ref}
        outbox.ask(tx, "read_list", f"list:{list_id}", now, incident.id, detail)
        return _get(tx, list_id)

    return take


def _one(answers: Answers) -> Take | None:
    customer = Customer(
        NAME.read(answers), NUMBER.read(answers), CONTACT.read(answers), TIER.read(answers), LANGUAGE.read(answers)
    )

    def take(desk: Desk, tx: Connection, incident: Incident, given: Given, now: datetime) -> CustomerList | None:
        checked = Checked([(Row(1, ()), customer)], ())
        if rules.merge(customers.all_of(tx, incident.id), checked.customers).off:
            return None
        list_id = lists.begin(tx, incident.id, given.key, given.by, now, ListState.IMPORTING, given.view_id)
        _import(desk, tx, incident, _get(tx, list_id), given.start, None, checked, now)
        return _get(tx, list_id)

    return take


READS: Sequence[tuple[Field, Callable[[Answers], Take | None]]] = ((PASTE, _pasted), (FILE, _uploaded), (NAME, _one))


def _import(
    desk: Desk,
    tx: Connection,
    incident: Incident,
    given: CustomerList,
    start: Start,
    heading: Row | None,
    checked: Checked,
    now: datetime,
) -> None:
    """New customers are added, known ones completed; the clocks hear of it, the list below the form is drawn anew."""
    merged = rules.merge(customers.all_of(tx, incident.id), checked.customers)
    customers.add(tx, incident.id, merged.added, given.by, now)
    customers.fill(tx, merged.filled)
    left_out = sorted([*checked.bad, *merged.off], key=lambda each: each.row.line)
    lists.set_imported(tx, given.id, len(merged.added), merged.merged, left_out, heading)
    numbers = {"added": len(merged.added), "merged": merged.merged, "left_out": len(left_out)}
    journal.add(tx, incident.id, "customers_added", given.by, now, list=given.id, **numbers)
    changed = duties.customers_changed(desk, tx, incident, given.by, now)
    changed += solved.reckon(desk, tx, incidents.get(tx, incident.id), given.by, now)
    outbox.redraw(tx, [incident.id], now, SHOWN_WITH_INCIDENT, changed)
    if start.ledger:
        turn = start.below + start.turn + 1
        detail = {"view": start.ledger, "user": given.by, "which": Which.ALL, "offset": 0, "turn": turn}
        outbox.ask(tx, "show_ledger", f"ledger:{start.ledger}", now, incident.id, detail)


# -- the pages ---------------------------------------------------------------------------------------------------------


def page(
    tx: Connection,
    incident: Incident,
    given: CustomerList,
    start: Start,
    person: Person,
    words: Wording,
    now: datetime,
) -> View:
    """What the form shows of a list, by how far it is. The incident is locked: rows that are shown are on record."""
    start = replace(start, incident=incident.id, list=given.id)
    if given.state is ListState.READ and given.columns:
        rows = lists.rows(tx, given.id)
        n = len(given.columns.data(rows)[:SAMPLES])
        journal.add(tx, incident.id, "customer_seen", person.user_id, now, form="columns", n=n, list=given.id)
        return columns_form(given.columns, rows, start, words)
    if given.state is ListState.IMPORTED:
        return result(incident, given, lists.bad_rows(tx, given.id)[1], start, words)
    if given.state is ListState.FAILED:
        trouble = Unreadable(given.why, **given.why_values)
        return form(incident, replace(start, turn=start.turn + 1, list=0), Way.UPLOAD, words, trouble=trouble)
    waiting = words.mrkdwn("lists.reading" if given.state is ListState.READING else "lists.importing")
    return _page(
        incident,
        [section(waiting), actions([button(words.text("button.lists.look"), "lists.look", given.id)])],
        start,
        words,
    )


def columns_form(columns: Columns, rows: Sequence[Row], start: Start, words: Wording) -> View:
    """What is guessed, to be confirmed: with the first rows, so that one sees whether it is right."""
    width = min(max(len(row.cells) for row in rows), rules.MOST_COLUMNS)
    samples = [quote(" · ".join(cell[:60] for cell in row.cells if cell), 300) for row in columns.data(rows)[:SAMPLES]]
    found = words.mrkdwn("lists.found", n=len(columns.data(rows)))
    blocks: list[Block] = [section(Mrkdwn("\n".join([found, *samples])))]
    options = [(str(column), _label(columns, rows, column, words)) for column in range(width)]
    meanings = [*Meaning] if width > 1 else [Meaning.NAME]
    for meaning in meanings:
        none = [] if meaning is Meaning.NAME else [(NONE, words.text("lists.no_column"))]
        guessed = columns.of.get(meaning)
        initial = str(guessed) if guessed is not None else NONE
        blocks.append(COLUMN[meaning].block(words, [*none, *options], initial))
    yes_no = [(answer, words.text(f"yes_no.{answer}")) for answer in ("yes", "no")]
    blocks.append(HEADING.radio(words, yes_no, "yes" if columns.heading else "no", "lists.heading"))
    return modal(
        "lists.columns_submit",
        words.text("lists.columns"),
        blocks,
        close=words.text("form.cancel"),
        submit=words.text("lists.columns_submit"),
        about=start.about(),
    )


def result(
    incident: Incident,
    given: CustomerList,
    left_out: Sequence[Bad],
    start: Start,
    words: Wording,
    is_sent: bool = False,
) -> View:
    """What has become of it, and the first rows that were left out."""
    blocks = [section(_outcome(given, words))]
    if left_out:
        lines = [
            words.mrkdwn("lists.left_out", line=each.row.line, reason=_reason(each, words)) for each in left_out[:NAMED]
        ]
        if len(left_out) > NAMED:
            lines.append(words.mrkdwn("lists.and_more", n=len(left_out) - NAMED))
        blocks.append(section(Mrkdwn("\n".join(lines))))
        blocks.append(section(words.mrkdwn("lists.sent" if is_sent else "lists.correct_them")))
    offered = []
    if left_out and not is_sent:
        offered.append(button(words.text("button.lists.get_bad"), "lists.get_bad", given.id))
    if incident.status.is_open:
        offered.append(button(words.text("button.lists.again"), "lists.again", incident.id))
    return _page(incident, [*blocks, *([actions(offered)] if offered else [])], replace(start, list=given.id), words)


def _page(incident: Incident, blocks: Sequence[Block], start: Start, words: Wording) -> View:
    title = words.text("lists.title", number=incident.number)
    return modal("lists.shown", title, blocks, close=words.text("form.close"), about=start.about())


def _outcome(given: CustomerList, words: Wording) -> Mrkdwn:
    """`4,987 added, 11 merged with customers in the list already, 2 left out.`"""
    counted = (("added", given.added), ("merged", given.merged), ("bad", given.bad))
    parts = [words.mrkdwn(f"lists.{key}", n=n) for key, n in counted if n or key == "added"]
    return words.mrkdwn("lists.outcome", parts=Mrkdwn(words.text("lists.between").join(parts)))


def _reason(bad: Bad, words: Wording) -> str:
    """Why a row was left out, in the reader's language."""
    values = dict(bad.values)
    if column := values.get("column"):
        values["column"] = words.text(f"lists.{column}")
    if bad.phrase == "lists.bad_tier":
        values["known"] = _known(words, "tier", Tier)
    if bad.phrase == "lists.bad_language":
        values["known"] = _known(words, "language", CustomerLanguage)
    return words.text(bad.phrase, **values)


def _known(words: Wording, vocabulary: str, words_of: Iterable[StrEnum]) -> str:
    return words.text("list.comma").join(words.text(f"{vocabulary}.{word}") for word in words_of)


def _label(columns: Columns, rows: Sequence[Row], column: int, words: Wording) -> str:
    """A column as one recognises it: its heading, or what stands in it first."""
    heading = rows[0].cell(column) if columns.heading else ""
    sample = next((cell for row in columns.data(rows) if (cell := row.cell(column))), "")
    if heading:
        return heading[:75]
    label = words.text("lists.column", n=column + 1)
    return words.text("lists.column_with", column=label, sample=f"{sample[:40]}") if sample else label


def _column_name(columns: Columns | None, column: int, words: Wording) -> str:
    """A heading for a column that had none: what it was said to be."""
    meaning = next((meaning for meaning, at in (columns.of if columns else {}).items() if at == column), None)
    return words.text(f"lists.{meaning}") if meaning else words.text("lists.column", n=column + 1)


# -- what was entered --------------------------------------------------------------------------------------------------


def _columns(answers: Answers, rows: Sequence[Row]) -> Columns:
    """What was confirmed; a column can't be two things, and must be readable as what it is said to be."""
    heading = HEADING.read(answers, ("yes", "no")) == "yes"
    known = [NONE, *(str(column) for column in range(rules.MOST_COLUMNS))]
    of: dict[Meaning, int] = {}
    for meaning, chosen in _chosen(answers, known):
        if chosen in of.values():
            answers.refuse(COLUMN[meaning].id, "lists.column_twice")
        elif not rules.is_understood(rows[1:] if heading else rows, chosen, meaning):
            answers.refuse(COLUMN[meaning].id, *_not_understood(meaning))
        else:
            of[meaning] = chosen
    columns = Columns(heading, of)
    if not columns.data(rows):
        answers.refuse(HEADING.id, "lists.only_heading")
    return columns


def _chosen(answers: Answers, known: Sequence[str]) -> Iterator[tuple[Meaning, int]]:
    for meaning, field in COLUMN.items():
        if answers.shows(field.id):
            chosen = field.read(answers, known)
            if chosen not in (None, NONE):
                yield meaning, int(str(chosen))


def _not_understood(meaning: Meaning) -> tuple[str]:
    return (f"lists.not_{meaning}",)


def _said(answers: Answers, name: str) -> str:
    """What stands in a field, as it was typed or chosen."""
    entered = answers.of(name)
    return str(entered.get("value") or (entered.get("selected_option") or {}).get("value") or "")


def _get(tx: Connection, list_id: int) -> CustomerList:
    given = lists.get(tx, list_id)
    if given is None:
        raise NotAllowed("allowed.list_erased")
    return given


def _key(view: Json, start: Start) -> str:
    return f"{view['id']}.{start.turn}"


def _start(view: Json) -> Start:
    return Start(**json.loads(view["private_metadata"]))


def _start_of(errand: Errand) -> Start:
    detail: dict[str, Any] = {key: value for key, value in errand.detail.items() if key != "file"}
    return Start(**detail)


# -- who may -----------------------------------------------------------------------------------------------------------


def _check_may_see(desk: Desk, tx: Connection, incident: Incident, user_id: str) -> None:
    lifecycle.check_handles_case(user_id, incident, incidents.participants_of(tx, incident.id))
    team.check_may(desk, tx, "contact", incident, user_id)


def _check_may(desk: Desk, tx: Connection, incident: Incident, user_id: str) -> None:
    """Raises NotAllowed unless somebody may change the incident's list now."""
    _check_may_see(desk, tx, incident, user_id)
    lifecycle.check_open(incident)

"""Action items: list -> form -> its owner is told, a clock runs -> done with a sentence or a link, changed, or dropped.

`/incident actions`, the menus of the card, the postmortem and App Home lead here, also when the incident is closed.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime

from slack_bolt import Ack, App
from slack_sdk import WebClient
from slack_sdk.models.blocks import Block, ButtonElement
from slack_sdk.models.views import View
from sqlalchemy import Connection

from bot import action as rules
from bot import lifecycle
from bot.action import Action, ActionKind, ActionState
from bot.incident import Duty, Incident, Person
from bot.wording import Mrkdwn, Wording
from handlers import agreed, masks, team, windows
from handlers.agreed import SHOWN
from handlers.blocks import Json, button, context, modal, section
from handlers.blocks import actions as row
from handlers.desk import Desk
from handlers.fields import Answers, Day, Somebody, Text, Word
from handlers.windows import show
from handlers.words import choice, chosen_id, word
from storage import actions, deadlines, incidents, journal, outbox, people

LISTED = 40  # each takes two blocks, and Slack takes 100
OF_INCIDENT, OVERDUE, MINE = "of", "overdue", "mine"  # which of them a window lists

WHAT = Text("what", "actions", required=True, multiline=True, max_length=300, if_missing="actions.say_what")
KIND = Word("kind", "actions", required=True, words_of=ActionKind, vocabulary="action_kind")
OWNER = Somebody("owner", "actions", required=True)
DUE_ON = Day("due_on", "actions", required=True)
OUTCOME = Text("outcome", "actions", required=True, multiline=True, max_length=500, if_missing="actions.say_outcome")
WHY = Text("why", "actions", required=True, multiline=True, max_length=300, if_missing="actions.say_why")


def register(app: App) -> None:
    """What leads here."""
    app.command("/incident", matchers=[word("actions", "措施", "改进措施")])(open_in_channel)
    app.action("actions.open")(open_list)
    app.action("card.menu", matchers=[choice("actions.open")])(open_list)
    app.action("actions.overdue")(open_overdue)
    app.action("actions.mine")(open_mine)
    app.action("actions.add")(open_form)
    app.view("actions.add_submit")(submit)
    app.action("actions.done_open")(open_done)
    app.view("actions.done_submit")(finish)
    app.action("actions.change_open")(open_change)
    app.view("actions.change_submit")(change)
    app.action("actions.drop_open")(open_drop)
    app.view("actions.drop_submit")(drop)


def open_in_channel(
    ack: Ack, body: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime
) -> None:
    """The incident is the one of the channel; elsewhere one's own are listed."""
    with desk.db.read() as tx:
        incident = incidents.in_channel(tx, str(body["channel_id"]))
        about = f"{OF_INCIDENT}:{incident.id}" if incident else f"{MINE}:0"
        view = _window(desk, tx, about, person, words, now)
    client.views_open(trigger_id=body["trigger_id"], view=view)
    ack()


def open_list(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime
) -> None:
    """What was agreed in an incident, and what has become of it."""
    with desk.db.read() as tx:
        view = _window(desk, tx, f"{OF_INCIDENT}:{chosen_id(action)}", person, words, now)
    show(client, body, view)
    ack()


def open_overdue(
    ack: Ack, body: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime
) -> None:
    """What is overdue in all incidents that somebody may know of."""
    with desk.db.read() as tx:
        view = _window(desk, tx, f"{OVERDUE}:0", person, words, now)
    show(client, body, view)
    ack()


def open_mine(
    ack: Ack, body: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime
) -> None:
    """What somebody has still to do."""
    with desk.db.read() as tx:
        view = _window(desk, tx, f"{MINE}:0", person, words, now)
    show(client, body, view)
    ack()


def open_form(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime
) -> None:
    """Says who may when this person may not. From another window it lies above that one."""
    with desk.db.read() as tx:
        incident = incidents.get(tx, chosen_id(action))
        _check_may_plan(desk, tx, incident, person)
    procedure = desk.procedure
    within = procedure.duties[Duty.ACTION].due_within(incident.level)
    day = rules.proposed_day(within, now, procedure.worktime)
    show(client, body, form(incident, day, words, _below(body)))
    ack()


def form(incident: Incident, day: date, words: Wording, below: str = "") -> View:
    """What, which kind, who and until when; the day is proposed."""
    return modal(
        "actions.add_submit",
        words.text("actions.add_title"),
        [WHAT.block(words, focus=True), KIND.block(words), OWNER.block(words), DUE_ON.block(words, day)],
        close=words.text("form.cancel"),
        submit=words.text("actions.add"),
        about=f"{incident.id}|{below}",
    )


def submit(ack: Ack, view: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """Agreed: its owner is told, and its clock runs."""
    answers = Answers(view)
    what, kind, owner = WHAT.read(answers), KIND.read(answers), OWNER.read(answers)
    due_on = DUE_ON.read(answers, rules.day_in_hand(now, desk.procedure.worktime))
    incident_id, below = _about(view)
    with desk.db.begin() as tx:
        incident = incidents.get(tx, incident_id, lock=True)
        if actions.was_saved(tx, view["id"]):  # the same form once more
            ack()
            return
        _check_may_plan(desk, tx, incident, person)
        if owner is not None:
            _check_owner(tx, answers, incident, owner, now)
        if answers.wrong or kind is None or owner is None or due_on is None:
            ack(response_action="errors", errors=answers.sentences(words))
            return
        added = actions.save(
            tx, view["id"], Action(0, incident.id, what, kind, owner, due_on, by=person.user_id, at=now)
        )
        agreed.start_clock(desk, tx, incident, added, now)
        agreed.tell(tx, added, person.user_id, now)
        journal.add(
            tx,
            incident.id,
            "action_added",
            person.user_id,
            now,
            action=added.id,
            kind=kind,
            owner=owner,
            due=due_on.isoformat(),
        )
        outbox.redraw(tx, [incident.id], now, SHOWN)
    _redraw_below(client, desk, view, below, person, words, now)
    ack()
    desk.wake()


def open_done(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person
) -> None:
    """Refuses kindly when somebody was faster."""
    item, said = _readable(desk, chosen_id(action), person)
    view = modal(
        "actions.done_submit",
        words.text("actions.done_title"),
        [section(words.mrkdwn("actions.which", what=said)), OUTCOME.block(words, focus=True)],
        close=words.text("form.cancel"),
        submit=words.text("actions.done_submit"),
        about=f"{item.id}|{_below(body)}",
    )
    show(client, body, view)
    ack()


def finish(ack: Ack, view: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """Done, with what shows it; its clock is met."""
    _end(ack, view, client, desk, words, person, now, ActionState.DONE, OUTCOME)


def open_drop(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person
) -> None:
    """It is not to be done any more."""
    item, said = _readable(desk, chosen_id(action), person)
    view = modal(
        "actions.drop_submit",
        words.text("actions.drop_title"),
        [section(words.mrkdwn("actions.which", what=said)), WHY.block(words, focus=True)],
        close=words.text("form.cancel"),
        submit=words.text("actions.drop_submit"),
        about=f"{item.id}|{_below(body)}",
    )
    show(client, body, view)
    ack()


def drop(ack: Ack, view: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """Nobody owes it any more; the reason stays on record."""
    _end(ack, view, client, desk, words, person, now, ActionState.DROPPED, WHY)


def open_change(
    ack: Ack, body: Json, action: Json, client: WebClient, desk: Desk, words: Wording, person: Person
) -> None:
    """Somebody else does it, or it takes longer."""
    item, said = _readable(desk, chosen_id(action), person)
    view = modal(
        "actions.change_submit",
        words.text("actions.change_title"),
        [
            section(words.mrkdwn("actions.which", what=said)),
            OWNER.block(words, item.owner_id),
            DUE_ON.block(words, item.due_on),
        ],
        close=words.text("form.cancel"),
        submit=words.text("actions.change_submit"),
        about=f"{item.id}|{_below(body)}",
    )
    show(client, body, view)
    ack()


def change(ack: Ack, view: Json, client: WebClient, desk: Desk, words: Wording, person: Person, now: datetime) -> None:
    """A new owner is told, its clock moves; what it was stays in the journal."""
    answers = Answers(view)
    action_id, below = _about(view)
    with desk.db.begin() as tx:
        incident, item = _locked(desk, tx, action_id, person)
        day = rules.day_in_hand(now, desk.procedure.worktime)
        owner, due_on = OWNER.read(answers), DUE_ON.read(answers, min(day, item.due_on))
        if due_on is not None and due_on != item.due_on and due_on < day:
            answers.refuse(DUE_ON.id, "form.day_is_past")
        if owner is not None and owner != item.owner_id:
            _check_owner(tx, answers, incident, owner, now)
        if answers.wrong or owner is None or due_on is None:
            ack(response_action="errors", errors=answers.sentences(words))
            return
        if (owner, due_on) == (item.owner_id, item.due_on):  # nothing is different, or the same form once more
            ack()
            return
        lifecycle.check_action_is_open(item)
        changed = replace(item, owner_id=owner, due_on=due_on)
        actions.change(tx, item.id, owner, due_on)
        moved = agreed.move_clock(desk, tx, incident, item, now)
        if owner != item.owner_id:
            agreed.tell(tx, changed, person.user_id, now)
        journal.add(
            tx,
            incident.id,
            "action_changed",
            person.user_id,
            now,
            action=item.id,
            owner=owner,
            was=item.owner_id,
            due=due_on.isoformat(),
            was_due=item.due_on.isoformat(),
        )
        outbox.redraw(tx, [incident.id], now, SHOWN, moved)
    _redraw_below(client, desk, view, below, person, words, now)
    ack()
    desk.wake()


def _end(
    ack: Ack,
    view: Json,
    client: WebClient,
    desk: Desk,
    words: Wording,
    person: Person,
    now: datetime,
    state: ActionState,
    said: Text,
) -> None:
    answers = Answers(view)
    outcome = said.read(answers)
    if answers.wrong:
        ack(response_action="errors", errors=answers.sentences(words))
        return
    action_id, below = _about(view)
    with desk.db.begin() as tx:
        incident, item = _locked(desk, tx, action_id, person)
        if (item.state, item.ended_by, item.outcome) == (state, person.user_id, outcome):  # the same form once more
            ack()
            return
        lifecycle.check_action_is_open(item)
        actions.end(tx, item.id, state, person.user_id, outcome, now)
        subject = str(item.id)
        if state is ActionState.DONE:
            ended = deadlines.meet(tx, incident.id, [Duty.ACTION], person.user_id, now, subject)
        else:
            ended = deadlines.stop(tx, incident.id, now, [Duty.ACTION], subject)
        journal.add(tx, incident.id, f"action_{state}", person.user_id, now, action=item.id)
        outbox.redraw(tx, [incident.id], now, SHOWN, ended)
    _redraw_below(client, desk, view, below, person, words, now)
    ack()
    desk.wake()


def _check_may_plan(desk: Desk, tx: Connection, incident: Incident, person: Person) -> None:
    lifecycle.check_can_plan_actions(incident, person.user_id, incidents.participants_of(tx, incident.id))
    team.check_may(desk, tx, "plan_actions", incident, person.user_id)


def _check_may_work_on(desk: Desk, tx: Connection, incident: Incident, item: Action, person: Person) -> None:
    """Its owner may, and whoever may agree on one."""
    if item.owner_id != person.user_id:
        _check_may_plan(desk, tx, incident, person)


def _check_owner(tx: Connection, answers: Answers, incident: Incident, owner: str, now: datetime) -> None:
    """Refuses who has left, whom the bot does not know, and in a confidential incident who may not know of it."""
    somebody = people.get(tx, owner)
    if somebody is None:
        answers.refuse(OWNER.id, "roles.not_known", example="")
        lane = f"learn:{owner}"
        outbox.ask(tx, "learn_person", lane, now, detail={"user": owner}, collapses=lane)
    elif not somebody.is_active:
        answers.refuse(OWNER.id, "roles.has_left", who=somebody.name or owner, example="")
    elif not lifecycle.may_see(incident, owner, incidents.participants_of(tx, incident.id)):
        answers.refuse(OWNER.id, "actions.not_in_channel", who=somebody.name or owner)


def _locked(desk: Desk, tx: Connection, action_id: int, person: Person) -> tuple[Incident, Action]:
    """The item as it is now, with its incident locked. Raises NotAllowed when this person may not work on it."""
    incident = incidents.get(tx, actions.get(tx, action_id).incident_id, lock=True)
    item = actions.get(tx, action_id)
    _check_may_work_on(desk, tx, incident, item, person)
    return incident, item


def _readable(desk: Desk, action_id: int, person: Person) -> tuple[Action, str]:
    """An open item with its words, masked. Raises NotAllowed when it is not open, or not for this person."""
    with desk.db.read() as tx:
        item = actions.get(tx, action_id)
        incident = incidents.get(tx, item.incident_id)
        _check_may_work_on(desk, tx, incident, item, person)
        lifecycle.check_action_is_open(item)
        return item, masks.of(tx, incident.id)(item.what)


# -- the window ----------------------------------------------------------------------------------------------------


def _window(desk: Desk, tx: Connection, about: str, person: Person, words: Wording, now: datetime) -> View:
    """A list of them. Raises NotAllowed when it is of an incident that this person may not know of."""
    which, _, number = about.partition(":")
    title = words.text("actions.title_overdue" if which == OVERDUE else "actions.title_mine")
    blocks: list[Block] = []
    if which == OF_INCIDENT:
        incident = incidents.get(tx, int(number))
        lifecycle.check_can_plan_actions(incident, person.user_id, incidents.participants_of(tx, incident.id))
        title = words.text("actions.title_of", number=incident.number)
        found = actions.of_incident(tx, incident.id)
        found.sort(key=lambda each: (each.state is not ActionState.OPEN, each.due_on, each.id))
        add = button(words.text("button.actions.add"), "actions.add", incident.id, primary=not found)
        blocks += [*([] if found else [section(words.mrkdwn("actions.none"))]), row([add])]
    elif which == OVERDUE:
        found = actions.overdue(tx, rules.day_in_hand(now, desk.procedure.worktime), LISTED + 1, person.user_id)
        blocks += [] if found else [section(words.mrkdwn("actions.none_overdue"))]
    else:
        found = actions.open_of(tx, person.user_id, LISTED + 1)
        blocks += [] if found else [section(words.mrkdwn("actions.none_mine"))]
    for item in found[:LISTED]:
        blocks += _item(desk, tx, item, which, words, now)
    if len(found) > LISTED:
        blocks.append(context(words.mrkdwn("actions.more", n=LISTED)))
    return modal("actions.shown", title, blocks, close=words.text("form.close"), about=about)


def _item(desk: Desk, tx: Connection, item: Action, which: str, words: Wording, now: datetime) -> Sequence[Block]:
    if item.state is not ActionState.OPEN:
        return [section(agreed.ended(tx, item, words))]
    text = agreed.line(desk, tx, item, words, now)
    if which != OF_INCIDENT:
        text = Mrkdwn(f"{text}\n{agreed.where(incidents.get(tx, item.incident_id), words)}")
    drop_it = button(words.text("button.actions.drop_open"), "actions.drop_open", item.id)
    buttons: list[ButtonElement] = [agreed.done_button(item, words), agreed.change_button(item, words), drop_it]
    return [section(text), row(buttons, block_id=f"action_{item.id}")]


def _below(body: Json) -> str:
    """Which list lies below a form that is opened now: it is drawn anew when the form is saved."""
    view = body.get("view") or {}
    return str(view.get("private_metadata")) if view.get("callback_id") == "actions.shown" else ""


def _about(view: Json) -> tuple[int, str]:
    number, _, below = str(view["private_metadata"]).partition("|")
    return int(number), below


def _redraw_below(
    client: WebClient, desk: Desk, view: Json, below: str, person: Person, words: Wording, now: datetime
) -> None:
    if below and view.get("previous_view_id"):
        with desk.db.read() as tx:
            drawn = _window(desk, tx, below, person, words, now)
        windows.redraw(client, {"view": {"id": view["previous_view_id"]}}, drawn)

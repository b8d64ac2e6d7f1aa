"""Everything that reacts, to people and to the clock.

The steps in the order in which people meet them; what each may ask for by name; and how an error becomes a sentence.
"""

import http.client
import json
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.error import URLError

import structlog
from slack_bolt import App, BoltContext, BoltResponse
from slack_bolt.listener.listener_completion_handler import CustomListenerCompletionHandler
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.webhook import WebhookClient
from sqlalchemy.exc import OperationalError

from bot.incident import NotAllowed, Person
from bot.lifecycle import Permitted
from bot.wording import Wording, escape, mention
from handlers import (
    acknowledge,
    actions,
    agreed,
    approvals,
    brief,
    card,
    channel,
    checklist,
    clock,
    close,
    confirm,
    contact,
    customer,
    decisions,
    dismiss,
    dossier,
    evidence,
    fixed,
    grade,
    home,
    ledger,
    lists,
    more,
    overdue,
    overview,
    people,
    plan,
    postmortem,
    progress,
    record,
    reminders,
    reopen,
    report,
    requests,
    review,
    role_messages,
    roles,
    satisfaction,
    scripts,
    solution,
    solved,
    statement,
    tasks,
    verify,
)
from handlers.blocks import Json, modal, section
from handlers.courier import Carry, Draw
from handlers.desk import Desk
from handlers.metrics import ANSWER_SECONDS
from storage import people as known

log = structlog.get_logger(__name__)

# Bolt tries listeners in this order: what people wait for stands first; then what Slack tells with each channel that is
# opened; `/incident` with an unknown word last.
STEPS = (
    report,
    people,
    verify,
    acknowledge,
    grade,
    roles,
    contact,
    ledger,
    lists,
    scripts,
    reminders,
    solution,
    tasks,
    plan,
    requests,
    progress,
    statement,
    fixed,
    confirm,
    satisfaction,
    close,
    reopen,
    dismiss,
    actions,
    postmortem,
    customer,
    more,
    record,
    dossier,
    evidence,
    home,
    overview,
)

# What a listener may ask for by name besides Bolt's own words; a test holds every listener to it.
ASKED_FOR = ("desk", "words", "person", "now")

# What the courier is sent for.
ERRANDS: Mapping[str, Carry] = {
    "open_channel": channel.open_channel,
    "invite": channel.invite,
    "describe": channel.describe,
    "pin": channel.pin,
    "archive": channel.archive,
    "find_back": channel.find_back,
    "show_link": report.show_link,
    "show_left_out": report.show_left_out,
    "find_permalink": report.find_permalink,
    "show_home": home.show_home,
    "nudge": clock.nudge,
    "grow_review": review.grow,
    "learn_person": people.learn_person,
    "learn_everybody": people.learn_everybody,
    "learn_groups": people.learn_groups,
    "replace_gone": roles.replace_gone,
    "stand_in": roles.stand_in,
    "show_ledger": ledger.show_ledger,
    "send_customers": ledger.send_customers,
    "read_list": lists.read_list,
    "import_list": lists.import_list,
    "send_left_out": lists.send_left_out,
    "keep_message": record.keep_message,
    "find_kept": record.find_kept,
    "show_record": record.show_record,
    "make_dossier": dossier.make,
    "send_file": evidence.send,
}
# Of these, what may take seconds by itself, whatever Slack does: files are read, written or printed.
LONG = ("send_customers", "read_list", "import_list", "send_left_out", "make_dossier", "send_file")

# What draws a message.
DRAWINGS: Mapping[str, Draw] = {
    "card": card.draw,
    "announcement": card.draw_announcement,
    "reminder": reminders.draw,
    "script": scripts.draw,
    "graded": grade.draw_graded,
    "role": role_messages.draw,
    "role_open": role_messages.draw_open,
    "role_kept": role_messages.draw_kept,
    "gone": role_messages.draw_gone,
    "handed": role_messages.draw_handed,
    "checklist": checklist.draw,
    "list": lists.draw,
    "statement": approvals.draw,
    "statement_asked": approvals.draw_asked,
    "solved": solved.draw_solved,
    "confirmed": solved.draw_confirmed,
    "reopened": solved.draw_reopened,
    "closed": solved.draw_closed,
    "postmortem": review.draw,
    "section_asked": review.draw_section_asked,
    "postmortem_asked": review.draw_asked,
    "postmortem_returned": review.draw_returned,
    "postmortem_lesson": review.draw_lesson,
    "postmortem_meeting": review.draw_meeting,
    "plan": decisions.draw,
    "plan_asked": decisions.draw_asked,
    "plan_question": decisions.draw_question,
    "requests": requests.draw,
    "request": requests.draw_asked,
    "request_told": requests.draw_told,
    "action": agreed.draw,
    "overdue": overdue.draw,
    "not_invited": channel.draw_not_invited,
    "channel_refused": channel.draw_refused,
    "removed": channel.draw_removed,
    "dossier": dossier.draw,
    "file": evidence.draw,
    "progress": progress.draw,
    "brief": brief.draw,
}

TOO_LATE = {"expired_trigger_id", "exchanged_trigger_id", "invalid_trigger_id", "trigger_expired", "trigger_exchanged"}


def register(app: App, desk: Desk, client: WebClient) -> None:
    """Joins all steps to a Bolt app; they speak to Slack through this client while somebody waits."""

    @app.middleware
    def bring(context: BoltContext, next: Callable[[], BoltResponse]) -> BoltResponse:  # noqa: A002 - Bolt's word
        """Who it is, in which language, and what time it is."""
        context["began"] = time.perf_counter()
        user_id = context.user_id or ""
        person = people.recall(desk, user_id)
        context["client"] = client
        context["desk"] = desk
        context["person"] = person or Person(user_id)
        context["is_known"] = person is not None
        context["words"] = desk.words_for(person)
        context["now"] = desk.now()
        return next()

    for step in STEPS:
        step.register(app)

    def look_back(context: BoltContext, body: Json) -> None:
        """When a listener has run (a middleware ends before it begins): who is new here, and what App Home shows."""
        ANSWER_SECONDS.labels(_kind(body)).observe(time.perf_counter() - context["began"])
        person: Person = context["person"]
        try:
            if not context["is_known"] and person.user_id:
                people.ask_for_person(desk, person.user_id)
            in_home = (body.get("view") or {}).get("type") == "home"
            if in_home or (body.get("type") == "view_submission" and person.is_at_home(context["now"])):
                home.ask_for(desk, person.user_id)
        except OperationalError as error:
            log.warning("the database can't be reached", error=type(error.orig).__name__)

    app.listener_runner.listener_completion_handler = CustomListenerCompletionHandler(app.logger, look_back)

    @app.error
    def explain(error: Exception, body: Json, context: BoltContext, client: WebClient) -> BoltResponse:
        """The one place where an error becomes a sentence."""
        if body.get("type") == "event_callback" and isinstance(error, OperationalError):
            # Nobody reads a sentence; without a 200 Slack delivers it again, over HTTP and through its socket.
            log.error("the database can't be reached", error=type(error.orig).__name__)
            return BoltResponse(status=503, body="")
        words: Wording = context.get("words") or desk.channel_words
        if body.get("type") == "view_submission":  # under a field Slack shows plain text, without mentions and dates
            return tell(body, client, sentence(error, words.text, lambda value: _named(value, words, desk)), words)
        return tell(body, client, sentence(error, words.mrkdwn, lambda value: _mentioned(value, words)), words)


def sentence(error: Exception, say: Callable[..., str], shown: Callable[[object], object]) -> str:
    """What a person is told: what the procedure says, or what to do when something is broken.

    `say` and `shown` write a phrase, and a time or a person in it, for where the sentence will stand.
    """
    if isinstance(error, NotAllowed):
        values: dict[str, Any] = {name: shown(value) for name, value in error.values.items()}
        return say(error.phrase, **values)
    if _is_slacks_trouble(error):
        log.warning("Slack did not take it", error=type(error).__name__)
        return say("error.too_late")
    if isinstance(error, SlackApiError) and error.response["error"] == "hash_conflict":
        return say("error.again")
    if isinstance(error, OperationalError):
        log.error("the database can't be reached", error=type(error.orig).__name__)
        return say("error.database")
    log.error("a mistake of ours", exc_info=error)
    return say("error.mistake")


def tell(body: Json, client: WebClient, text: str, words: Wording) -> BoltResponse:
    """Says it where the person is looking: under the form's first field, in a window, or below the command."""
    if body.get("type") == "view_submission":
        first = next((block["block_id"] for block in body["view"]["blocks"] if block["type"] == "input"), None)
        if first is not None:
            return _answer({"response_action": "errors", "errors": {first: text}})
        view = modal("told", words.text("error.title"), [section(escape(text))], close=words.text("form.close"))
        return _answer({"response_action": "update", "view": view.to_dict()})  # a form without a field
    if "command" in body:
        return _answer({"response_type": "ephemeral", "text": text})
    if "trigger_id" in body:
        view = modal("told", words.text("error.title"), [section(escape(text))], close=words.text("form.close"))
        try:
            if body.get("view", {}).get("type") == "modal":
                client.views_push(trigger_id=body["trigger_id"], view=view)
            else:
                client.views_open(trigger_id=body["trigger_id"], view=view)
        except (SlackApiError, OSError) as error:
            log.warning("could not show a window", error=type(error).__name__)
            if url := body.get("response_url"):
                WebhookClient(str(url), timeout=2).send(text=text, response_type="ephemeral", replace_original=False)
    return BoltResponse(status=200, body="")


def _is_slacks_trouble(error: Exception) -> bool:
    """Whether clicking once more helps: Slack was slow, busy, or away."""
    if isinstance(error, SlackApiError):
        status: int = error.response.status_code
        return error.response["error"] in TOO_LATE or status == 429 or status >= 500
    return isinstance(error, (URLError, http.client.HTTPException, OSError))


def _kind(body: Json) -> str:
    """What it is in Slack's words: command, block_actions, view_submission, shortcut, event ..."""
    return "command" if "command" in body else str(body.get("type") or "event")


def _answer(payload: dict[str, Any]) -> BoltResponse:
    return BoltResponse(status=200, body=json.dumps(payload), headers={"content-type": "application/json"})


def _mentioned(value: object, words: Wording) -> object:
    if isinstance(value, datetime):
        return words.day(value)
    if isinstance(value, Permitted):
        return _permitted(value, words, words.mrkdwn, mention(value.somebody) if value.somebody else "")
    return mention(value) if isinstance(value, str) else value


def _named(value: object, words: Wording, desk: Desk) -> object:
    if isinstance(value, datetime):
        return words.clock(value)
    if isinstance(value, Permitted):
        return _permitted(value, words, words.text, _name(value.somebody, desk) if value.somebody else "")
    return _name(value, desk) if isinstance(value, str) else value


def _name(user_id: str, desk: Desk) -> str:
    with desk.db.read() as tx:
        person = known.get(tx, user_id)
    return person.name if person and person.name else user_id


def _permitted(value: Permitted, words: Wording, say: Callable[..., str], somebody: str) -> str:
    """`people on call, lead or supervisor, for example @Mei`."""
    names = [words.text(f"who.{word}") if words.has(f"who.{word}") else _role(word, words) for word in value.words]
    listed = words.text("list.comma").join(names)
    return say("who.for_example", who=listed, somebody=somebody) if somebody else listed


def _role(word: str, words: Wording) -> str:
    """A role in running text; a group or a person stands for themselves."""
    return words.text(f"role.{word}").lower() if words.has(f"role.{word}") else word

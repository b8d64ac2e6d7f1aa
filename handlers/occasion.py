"""What a script needs to know of an incident, and the messages in its channel that show one.

Not a step of its own: the steps `contact`, `scripts` and `statement` ask it, and whatever changes where an incident
stands has the script for it posted (domain.md section 6).
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache

import structlog
from sqlalchemy import Connection

from bot import contact as rules
from bot.incident import (
    ContactChannel,
    CustomerLanguage,
    Deadline,
    Duty,
    Emotion,
    Incident,
    Listed,
    Person,
    Stage,
    Tier,
)
from bot.plan import Plan, in_force
from bot.scripts import BrokenScript, Flag, Occasion, Script, Scripts, flags
from bot.wording import Mrkdwn, Wording
from handlers import duties
from handlers.desk import Desk
from storage import contacts, customers, deadlines, notes, outbox, plans, roles
from storage.outbox import Saying

log = structlog.get_logger(__name__)

CHANNELS = [f"{channel}:{language}" for language in CustomerLanguage for channel in ContactChannel]
# What a customer waits for, in the order in which it is said to them.
NEXT_WORD = (
    Duty.COMPLAINT_FEEDBACK,
    Duty.FIRST_CONTACT,
    Duty.COMPLAINT_RESPONSE,
    Duty.UPDATE,
    Duty.CONFIRMATION,
    Duty.FOLLOW_UP,
)
FLEETING = ("news", "delay_reason", "eta")  # facts that hold for one round of updates
UNKNOWN_EMOTION = Emotion.WORRIED  # whoever is told that something is wrong is at least that


@dataclass(frozen=True)
class Situation:
    """Where an incident stands, as far as the words to its customers depend on it. `expected_at` is when it is expected
    to work again, where that is known as a time: `told` puts it into words. `measure` is the plan of something that is
    done for the time being; `answered` are the customers who have said yes or no to it."""

    incident: Incident
    clocks: Sequence[Deadline]
    facts: Mapping[str, str] = field(default_factory=dict)
    expected_at: datetime | None = None
    measure: Plan | None = None
    answered: Collection[int] = ()

    @property
    def solution_is_known(self) -> bool:
        """Whether there is a solution to speak of: what is only temporary is none."""
        return "solution" in self.facts and self.measure is None

    def asks_consent(self, listed: Listed | None) -> bool:
        """Whether a customer, or anybody (None), has still to agree to what is done."""
        return self.measure is not None and (listed is None or listed.id not in self.answered)


def situation(tx: Connection, incident: Incident) -> Situation:
    """Reads it. The solution is known to the scripts without being entered once more: of an emergency what the plan
    says that was approved last, and nothing else; of an ordinary complaint what was named. What was news in an earlier
    round of updates is news no more."""
    clocks = deadlines.running(tx, incident.id)
    told = contacts.facts_of(tx, incident.id)
    plan, is_emergency = None, incident.dismissed_at is None
    if is_emergency:
        told.pop("solution", None)
        plan = in_force(plans.of_incident(tx, incident.id), incident.round)
    if plan is not None and plan.approved_at is not None:
        told["solution"] = (plan.told, plan.approved_at)
        if plan.is_temporary and ("measure" not in told or told["measure"][1] < plan.approved_at):
            told["measure"] = (plan.told, plan.approved_at)
    for note in notes.of_incident(tx, incident.id) if not is_emergency else ():
        if note.occasion == "solution" and ("solution" not in told or told["solution"][1] < note.at):
            told["solution"] = (note.words, note.at)
    began = max((each.started_at for each in clocks if each.duty is Duty.UPDATE), default=None)
    facts = {name: words for name, (words, at) in told.items() if name not in FLEETING or began is None or at > began}
    expected_at = moment_of(facts.get("eta", ""))
    if expected_at is not None:
        del facts["eta"]
    if plan is None or plan.approved_at is None or not plan.is_temporary:
        return Situation(incident, clocks, facts, expected_at)
    answered = contacts.answered_since(tx, incident.id, plan.approved_at)
    return Situation(incident, clocks, facts, expected_at, plan, answered)


def moment_of(words: str) -> datetime | None:
    """The time that a fact is, when it was chosen as one and not put into words."""
    try:
        at = datetime.fromisoformat(words)
    except ValueError:
        return None
    return at if at.tzinfo is not None else None


def told(
    desk: Desk, now_is: Situation, language: CustomerLanguage, now: datetime, typed: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The facts in the words of a language, and over them those that were `typed` into a form. A time is said in each
    language in its own way, also when a form still shows it in another's."""
    known, ways = dict(now_is.facts), set()
    if now_is.expected_at is not None:
        known["eta"] = desk.wordings[language].spoken(now_is.expected_at, now)
        ways = {desk.wordings[each].spoken(now_is.expected_at, now) for each in CustomerLanguage}
    return known | {name: said for name, said in (typed or {}).items() if name != "eta" or said not in ways}


def stage_of(now_is: Situation, listed: Listed | None, now: datetime) -> Stage:
    """The stage that is proposed for one customer, or for everybody who has heard nothing yet (None)."""
    subjects = ("", str(listed.id) if listed else "")
    if any(each.duty is Duty.CALL_IN_PERSON and each.subject in subjects for each in now_is.clocks):
        return Stage.APOLOGY  # they were not satisfied with what was done
    has_heard = listed is not None and listed.heard_at is not None
    asks = now_is.asks_consent(listed)
    return rules.stage_of(now_is.incident, now_is.clocks, has_heard, now_is.solution_is_known, now, asks)


def language_of(desk: Desk, tx: Connection, listed: Listed | None) -> CustomerLanguage:
    """The language to speak to a customer in; the workspace's to several."""
    workspaces = CustomerLanguage(desk.language)
    if listed is None:
        return workspaces
    last_spoken = contacts.language_with(tx, listed.id)
    return rules.language_of(listed.customer.language, last_spoken, listed.customer.name, workspaces)


def occasion(
    desk: Desk,
    now_is: Situation,
    stage: Stage,
    channel: ContactChannel,
    language: CustomerLanguage,
    now: datetime,
    agent: Person | None = None,
    listed: Listed | None = None,
    facts: Mapping[str, str] | None = None,
    reached: int = 0,
) -> Occasion:
    """Everything that the scripts may say. Without `listed` no customer is named: others read along, or it is for
    many."""
    incident, words = now_is.incident, desk.wordings[language]
    since = incident.began_at
    next_word = rules.next_word_at(incident, now_is.clocks, now, desk.procedure)
    return Occasion(
        stage=stage,
        channel=channel,
        language=language,
        severity=incident.level,
        trigger=incident.trigger,
        tier=(listed.customer.tier if listed else incident.customer_tier) or Tier.ORDINARY,
        emotion=(listed.emotion if listed else None) or incident.emotion or UNKNOWN_EMOTION,
        company=desk.procedure.company.name.in_language(language),
        number=incident.number,
        next_word=words.spoken(next_word, now),
        customers_affected=incident.customers_affected,
        reached=reached,
        agent=agent.name or None if agent else None,
        customer=listed.customer.name or None if listed else None,
        product=incident.product if incident.product and _is_written_in(incident.product, language) else None,
        since=words.spoken(since, now) if since else None,
        facts=told(desk, now_is, language, now, facts),
    )


def times(desk: Desk, now_is: Situation, language: CustomerLanguage, now: datetime) -> list[str]:
    """The times that a script has said within the last hour: who reads it aloud may say them."""
    incident, words = now_is.incident, desk.wordings[language]
    moments = [now - timedelta(minutes=minutes) for minutes in range(0, 65, 5)]
    said = [words.spoken(rules.next_word_at(incident, now_is.clocks, at, desk.procedure), now) for at in moments]
    since = incident.began_at
    return list(dict.fromkeys([*said, *([words.spoken(since, now)] if since else [])]))


def flagged(
    desk: Desk, tx: Connection, incident: Incident, said: str, now: datetime, until: datetime | None = None
) -> list[Flag]:
    """What is never said, in words that the scripts will say (domain.md section 6), before a customer hears them. They
    may name the times on record, and `until`."""
    now_is, known = situation(tx, incident), []
    for language in CustomerLanguage:
        known += times(desk, now_is, language, now)
        moments = [at for at in (until, now_is.expected_at) if at is not None]
        known += [desk.wordings[language].spoken(at, now) for at in moments]
    return flags(said, desk.procedure, known)


def warnings(found: Sequence[Flag], button: str, words: Wording) -> list[Mrkdwn]:
    """What to say instead, for beside the field; who presses this form's `button` once more means what stands there."""
    lines = [words.mrkdwn("told.warned", button=words.text(button))]
    for each in found[:8]:
        key = "told.time" if each.kind == "time" else f"contact.flag.{each.kind}"
        lines.append(words.mrkdwn(key, words=each.words, instead=each.instead))
    return lines


def digest(said: str) -> str:
    """Tells words from others, for a form to travel with: never the words themselves."""
    return hashlib.sha256(" ".join(said.split()).encode()).hexdigest()[:12]


def channels(words: Wording) -> list[tuple[str, str]]:
    """Each channel in each language, as options of a form: `sms:zh`."""
    every = [(channel, language) for language in CustomerLanguage for channel in ContactChannel]
    return [(f"{channel}:{language}", how(channel, language, words)) for channel, language in every]


def how(channel: ContactChannel, language: CustomerLanguage, words: Wording) -> str:
    """A channel and a language in a few words: `phone · English`."""
    return words.text(
        "contact.how", channel=words.text(f"contact_channel.{channel}"), language=words.text(f"language.{language}")
    )


def render(desk: Desk, asked: Occasion) -> Script:
    """The words for an occasion: the shipped ones while a file of the company's own can't be used."""
    try:
        return desk.scripts.render(asked)
    except BrokenScript as error:
        log.error("a script can't be used: run `python -m bot scripts --check`", script=error.path.name)  # noqa: TRY400 - a script may hold anything
        return _shipped().render(asked)


@cache
def _shipped() -> Scripts:
    return Scripts()


def post(
    desk: Desk, tx: Connection, incident: Incident, stage: Stage, now: datetime, plan_id: int | None = None
) -> None:
    """Where the incident stands has changed, maybe by a plan: the script for what its customers have to hear now, in
    its channel, for who owes them the next word."""
    clocks = {deadline.duty: deadline for deadline in deadlines.running(tx, incident.id)}
    waiting = next((clocks[duty] for duty in NEXT_WORD if duty in clocks), None)
    _say(desk, tx, incident, stage, waiting, now, plan_id)


def post_due(desk: Desk, tx: Connection, incident: Incident, deadline: Deadline, now: datetime) -> None:
    """A contact or an update falls due: the script for it. Nothing for what is not owed to a customer."""
    if deadline.duty is Duty.FIRST_CONTACT:
        stage = Stage.FIRST_CONTACT
    elif deadline.duty is Duty.COMPLAINT_FEEDBACK:
        stage = Stage.SOLUTION
    elif deadline.duty in NEXT_WORD:
        now_is, counts = situation(tx, incident), customers.counts(tx, incident)
        asks = now_is.measure is not None and len(now_is.answered) < max(counts.listed, 1)
        stage = rules.stage_of(incident, now_is.clocks, counts.heard > 0, now_is.solution_is_known, now, asks)
    else:
        return
    _say(desk, tx, incident, stage, deadline, now)


def post_first(desk: Desk, tx: Connection, incident: Incident, now: datetime) -> None:
    """The report holds: who is to call first has the words at once."""
    for deadline in deadlines.running(tx, incident.id):
        if deadline.duty is Duty.FIRST_CONTACT:
            post_due(desk, tx, incident, deadline, now)


def _say(
    desk: Desk,
    tx: Connection,
    incident: Incident,
    stage: Stage,
    deadline: Deadline | None,
    now: datetime,
    plan_id: int | None = None,
) -> None:
    """Once for a deadline and stage, and for each plan. A script that was posted before makes room."""
    shown = [message for message in outbox.of_incident(tx, incident.id) if message.drawing == "script"]
    deadline_id = deadline.id if deadline else None
    same = [each for each in shown if each.detail.get("stage") == stage and each.deadline_id == deadline_id]
    if any(plan_id in (None, each.detail.get("plan")) for each in same):
        return
    detail: dict[str, object] = {
        "stage": stage,
        "owner": deadline.owner_id if deadline else _owner(desk, tx, incident),
    }
    if plan_id is not None:
        detail["plan"] = plan_id
    outbox.say(tx, [Saying(incident.id, "script", "incident", None, deadline_id, None, detail)], now)
    if shown:
        outbox.redraw(tx, [incident.id], now, ["script"])


def _owner(desk: Desk, tx: Connection, incident: Incident) -> str:
    holders = roles.holders(roles.of_incident(tx, incident.id))
    who = duties.company(desk, tx, incident.reporter_id, *holders.values())
    return who.owner(Duty.UPDATE, holders, incident)


def _is_written_in(words: str, language: CustomerLanguage) -> bool:
    """Whether people's words can stand in a text of this language: Chinese characters only in Chinese."""
    has_chinese = any("\u4e00" <= letter <= "\u9fff" for letter in words)
    return has_chinese == (language is CustomerLanguage.ZH) or words.isascii()

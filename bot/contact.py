"""Where an incident stands -> what a customer has to hear next (domain.md sections 6 to 8)."""

import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime, timedelta

from bot.deadlines import interval
from bot.incident import (
    ContactChannel,
    CustomerLanguage,
    Deadline,
    Duty,
    Incident,
    Listed,
    Severity,
    Stage,
    Status,
)
from bot.procedure import Procedure

ADDRESS = re.compile(r"\S+@\S+")
NEAR = timedelta(hours=6)  # so long before its time a talk is the follow-up; before, it is about the solution
SHORTEST_NUMBER = 5  # digits of a telephone number
IN_STEPS_OF = timedelta(minutes=5)
HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
NOT_CHINESE = re.compile("[\u3040-\u30ff\u31f0-\u31ff\u1100-\u11ff\uac00-\ud7af]")  # kana, hangul
LATIN_WORD = re.compile("[A-Za-z\u00c0-\u024f]{2,}")


def stage_of(
    incident: Incident,
    clocks: Iterable[Deadline],
    has_heard: bool,
    solution_is_known: bool,
    now: datetime,
    asks_consent: bool = False,
) -> Stage:
    """The stage that is proposed. `clocks` are the incident's running deadlines; `has_heard`: the customer has been
    spoken to before; `asks_consent`: there is a temporary measure, and they have not said yes or no to it."""
    running = {deadline.duty: deadline for deadline in clocks}
    follow_up, is_open = running.get(Duty.FOLLOW_UP), incident.status.is_open
    is_a_day_later = follow_up is not None and (not is_open or now >= follow_up.due_at - NEAR)
    is_back = incident.status.is_unsolved and incident.reopened_at is None and is_restored(incident)
    is_late = any(duty in running and running[duty].is_late(now) for duty in (Duty.UPDATE, Duty.PROMISE))
    stands = {
        Stage.FIRST_CONTACT: not has_heard,
        Stage.FOLLOW_UP: is_a_day_later,
        Stage.SURVEY: incident.status is Status.CLOSED,
        Stage.VERIFICATION: incident.status is Status.FIXED or is_back,
        Stage.CLOSING: incident.status is Status.CONFIRMED,
        Stage.TEMPORARY_MEASURE: asks_consent,
        Stage.SOLUTION: solution_is_known or Duty.COMPLAINT_FEEDBACK in running,
        Stage.DELAY: is_late,
        Stage.PROGRESS: True,
    }
    return next(stage for stage, holds in stands.items() if holds)


def is_restored(incident: Incident) -> bool:
    """Whether what was down works again."""
    core, part = incident.core_down_since, incident.part_faulty_since
    is_down = (core and not incident.core_restored_at) or (part and not incident.part_restored_at)
    return bool(core or part) and not is_down


def channel_of(listed: Listed | None) -> ContactChannel:
    """How a customer is spoken to unless somebody chooses otherwise: a call; in writing where there is only an address,
    and when it goes to several at once."""
    if listed is None:
        return ContactChannel.SMS
    written, count = ADDRESS.subn("", listed.customer.contact)
    has_number = sum(letter.isdigit() for letter in written) >= SHORTEST_NUMBER
    return ContactChannel.EMAIL if count and not has_number else ContactChannel.PHONE


def language_of(
    known: CustomerLanguage | None, last_spoken: CustomerLanguage | None, name: str, workspaces: CustomerLanguage
) -> CustomerLanguage:
    """In which language a customer is spoken to: what is on record, else as they were spoken to last; else Chinese for
    a name in Chinese characters alone; else the workspace's."""
    plain = unicodedata.normalize("NFKC", name)
    is_chinese = HAN.search(plain) and not NOT_CHINESE.search(plain) and not LATIN_WORD.search(plain)
    return known or last_spoken or (CustomerLanguage.ZH if is_chinese else workspaces)


def next_word_at(incident: Incident, clocks: Iterable[Deadline], now: datetime, procedure: Procedure) -> datetime:
    """By when a customer who hears from us at `now` hears again (domain.md section 6).

    An update's time after the contact that is due now: everybody who is called in one round hears the same time. At
    severity 3 the preliminary solution, while that is owed. In steps of five minutes, and never before our own clock:
    what was said is kept when the clock is.
    """
    due = {each.duty: each.due_at for each in clocks}
    distance = interval(Duty.UPDATE, incident.level, now, procedure) or timedelta(hours=24)
    waited_for = due.get(Duty.FIRST_CONTACT, due.get(Duty.UPDATE, now))
    is_of_this_round = now < waited_for <= now + distance / 4
    at = (waited_for if is_of_this_round else now) + distance
    solution = due.get(Duty.PRELIMINARY_SOLUTION)
    if incident.level is Severity.THREE and solution and now < solution < at:
        at = solution
    return at + timedelta(seconds=-at.timestamp() % IN_STEPS_OF.total_seconds())

"""What happened in an incident, in order, as sentences: from the journal, the clocks, and what people kept.

Not a step of its own: the record, the postmortem and the dossier show these lines.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from bot.incident import Incident, Outcome
from bot.record import Kept, KeptKind
from bot.wording import Mrkdwn, Wording, escape, mention, unescape
from handlers import masks
from handlers.blocks import beginning
from handlers.desk import Desk
from storage import (
    actions,
    deadlines,
    gradings,
    journal,
    notes,
    people,
    plans,
    progress,
    record,
    requests,
    roles,
    tasks,
)
from storage.journal import Entry

TOGETHER = timedelta(hours=1)  # what somebody does many times within this is one line
MANY = 3
QUOTED = 300  # characters of what stands whole in a chapter of its own, where a line is to be short
ELSEWHERE = ("graded", "plan_made", "plan_refused", "action_done", "action_dropped")
KEPT = ("kept", "corrected")  # what was kept stands there itself
OCCASIONS = {"solution": "solution_named"}  # which entry a note was written with, where it has another word
COUNTED = {  # the number that decides about the plural
    "confirmed": "counted",
    "contacted": "customers",
    "customer_confirmed": "customers",
    "customer_not_satisfied": "customers",
    "customers_added": "added",
    "customers_erased": "customers",
    "customers_exported": "n",
}

Mask = Callable[[str], str]


@dataclass(frozen=True)
class Line:
    """One thing that happened; `key` says what it is: `journal:12`, `kept:3`, `deadline:7`. `about` is the key of the
    line that it corrects, under which it stands. `text` is markup with mentions; see `plain`."""

    at: datetime
    text: Mrkdwn
    by: str | None
    key: str
    about: str = ""


@dataclass(frozen=True)
class _Happened:
    """A line before it is put into words: `what` chooses the sentence, `said` is what somebody wrote with it."""

    at: datetime
    what: str
    by: str | None
    detail: Mapping[str, Any]
    key: str
    said: str = ""


def lines(
    desk: Desk,
    tx: Connection,
    incident: Incident,
    words: Wording,
    full: bool = True,
    mask: Mask | None = None,
) -> list[Line]:
    """Everything that the bot knows of an incident, oldest first; corrections stand under what they correct.

    Unless it is `full`, what one person did many times within an hour is one line, and what stands whole in a chapter
    of its own is cut. What people wrote is masked, by `mask` when it is given.
    """
    mask = mask or masks.of(tx, incident.id)
    quoted = None if full else QUOTED
    kept = record.of_incident(tx, incident.id)
    happened = [*_journal(desk, tx, incident, words, mask), *_late(tx, incident, desk.now())]
    corrected = {each.about for each in kept if each.about}
    if full:
        found = [_line(each, words, mask, quoted) for each in happened]
    else:
        found = [_many(run, words, mask, quoted) for run in _runs(happened, corrected, words)]
    found += [_kept(each, words, mask) for each in kept if not each.about]
    corrections: dict[str, list[Line]] = {}
    there = {line.key for line in found} | {f"kept:{each.id}" for each in kept}
    for each in sorted(kept, key=lambda each: each.id):
        if each.about in there:
            corrections.setdefault(each.about, []).append(_kept(each, words, mask))
        elif each.about:  # what it corrects has gone from the record, as a clock does that is stopped
            found.append(_kept(each, words, mask))
    found.sort(key=lambda line: line.at)
    return list(_with_corrections(found, corrections))


def plain(text: str, names: Mapping[str, str]) -> str:
    """A line's text where no Slack shows it: people by name, times as the workspace's clock, links as their words."""

    def shown(found: re.Match[str]) -> str:
        what, _, label = found[1].partition("|")
        if what.startswith("@"):
            return names.get(what[1:], label or what[1:])
        return label or what

    said = re.sub(r"<([^<>]*)>", shown, text)
    return unescape(said)


def people_in(texts: Iterable[str]) -> set[str]:
    """Whom these texts mention."""
    return {found for text in texts for found in re.findall(r"<@([A-Z0-9]+)>", text)}


def named(tx: Connection, found: Sequence[Line]) -> list[Line]:
    """The same lines in plain text, with people by their names."""
    names = people.names(tx, people_in(line.text for line in found))
    return [replace(line, text=Mrkdwn(plain(line.text, names))) for line in found]


def _journal(desk: Desk, tx: Connection, incident: Incident, words: Wording, mask: Mask) -> list[_Happened]:
    entries = [entry for entry in journal.of_incident(tx, incident.id) if entry.what not in KEPT]
    said, shown = _said(tx, incident), _shown(desk, tx, incident, words, mask)
    return [
        _Happened(
            entry.at,
            entry.what,
            entry.by,
            shown(entry),
            f"journal:{entry.id}",
            said.get((entry.what, entry.at, entry.by), ""),
        )
        for entry in entries
    ]


def _said(tx: Connection, incident: Incident) -> dict[tuple[str, datetime, str | None], str]:
    """What people wrote in the forms whose entries the journal has, by word, time and person: read once for all."""
    found: dict[tuple[str, datetime, str | None], str] = {}
    for grading in gradings.of_incident(tx, incident.id):
        found["graded", grading.at, grading.by] = grading.reason
    for assignment in roles.of_incident(tx, incident.id):
        if assignment.ended_at and assignment.reason:
            found["role_declined", assignment.ended_at, assignment.user_id] = assignment.reason
        if assignment.note:
            found["handed_over", assignment.asked_at, assignment.asked_by] = assignment.note
    for note in notes.of_incident(tx, incident.id):
        found[OCCASIONS.get(note.occasion, note.occasion), note.at, note.by] = note.words
    if incident.dismissed_at:
        found["dismissed", incident.dismissed_at, incident.dismissed_by] = incident.dismissal_reason
    if incident.closed_at:
        found["closed", incident.closed_at, incident.closed_by] = incident.closing_reason
    return found | _said_of_solution(tx, incident)


def _said_of_solution(tx: Connection, incident: Incident) -> dict[tuple[str, datetime, str | None], str]:
    found: dict[tuple[str, datetime, str | None], str] = {}
    for plan in plans.of_incident(tx, incident.id):
        found["plan_made", plan.at, plan.by] = plan.steps
        if plan.refused_at:
            found["plan_refused", plan.refused_at, plan.refused_by] = plan.reason
    for request in requests.of_incident(tx, incident.id):
        if request.answered_at:
            found[f"request_{request.state}", request.answered_at, request.answered_by] = request.answer
    for said in progress.of_incident(tx, incident.id):
        found["progress", said.at, said.by] = said.words
    for action in actions.of_incident(tx, incident.id):
        if action.ended_at:
            found[f"action_{action.state}", action.ended_at, action.ended_by] = action.outcome
    return found


def _shown(
    desk: Desk, tx: Connection, incident: Incident, words: Wording, mask: Mask
) -> Callable[[Entry], dict[str, Any]]:
    """How people read an entry's ids, numbers and words of the procedure. What ids stand for is read once for all."""
    procedure, language = desk.procedure, words.language
    todo = {each.id: mask(procedure.task_words(each, language)) for each in tasks.of_incident(tx, incident.id)}
    versions = {each.id: each.version for each in plans.of_incident(tx, incident.id)}
    asked = {each.id: mask(each.what) for each in requests.of_incident(tx, incident.id)}
    agreed = {each.id: mask(each.what) for each in actions.of_incident(tx, incident.id)}
    holders = {each.id: each.user_id for each in roles.of_incident(tx, incident.id)}

    def word(vocabulary: str) -> Callable[[Any], str]:
        return lambda value: words.text(f"{vocabulary}.{value}")

    def named_(value: Any) -> Mrkdwn:
        every = value if isinstance(value, list) else [value]
        return Mrkdwn(words.text("list.comma").join(mention(each) for each in every))

    def department(value: Any) -> str:
        found = procedure.departments.get(value)
        return found.name.in_language(language) if found else str(value)

    ways: dict[str, Callable[[Any], Any]] = {
        **dict.fromkeys(("user", "to", "of", "owner"), named_),
        **{name: word(name) for name in ("duty", "role", "becomes")},
        "department": department,
        "action": lambda value: agreed.get(value, ""),
        "fixed_at": lambda value: words.time(datetime.fromisoformat(value)),
        "channel": word("contact_channel"),
        "form": word("timeline.form"),
        "why": word("timeline.why"),
        "did": word("timeline.did"),
        "section": word("postmortem.chapter"),
        "roles": lambda value: words.text("list.comma").join(words.text(f"role.{role}") for role in value),
        "kind": lambda value: procedure.kinds[value].name.in_language(language) if value in procedure.kinds else value,
        "trigger": lambda value: procedure.trigger_name(value, language),
        "assignment": lambda value: mention(holders[value]) if value in holders else words.text("timeline.somebody"),
        "task": lambda value: todo.get(value, ""),
        "plan": lambda value: versions.get(value, value),
        "request": lambda value: asked.get(value, ""),
        **dict.fromkeys(("at", "until"), lambda value: words.time(datetime.fromtimestamp(value, tz=UTC))),
    }

    def values(entry: Entry) -> dict[str, Any]:
        return {
            name: ways[name](value) if name in ways else value
            for name, value in entry.detail.items()
            if value is not None
        }

    return values


def _late(tx: Connection, incident: Incident, now: datetime) -> list[_Happened]:
    """What was not done in time, at the time at which it was due."""
    return [
        _Happened(each.due_at, "late", each.was_due_from, {"duty": each.duty}, f"deadline:{each.id}")
        for each in deadlines.of_incident(tx, incident.id)
        if each.is_late(now)
    ]


def _runs(happened: Sequence[_Happened], corrected: set[str], words: Wording) -> list[list[_Happened]]:
    """What one person did many times within an hour, together; everything else alone, in its order."""
    runs: list[list[_Happened]] = []
    latest: dict[tuple[str, str | None, Any], list[_Happened]] = {}
    for each in happened:
        kind = (each.what, each.by, each.detail["duty"] if each.what == "late" else None)
        run = latest.get(kind)
        if each.said or each.key in corrected or not words.has(f"journal.{each.what}.many"):
            runs.append([each])
        elif run is not None and each.at - run[0].at <= TOGETHER:
            run.append(each)
        else:
            latest[kind] = [each]
            runs.append(latest[kind])
    order = {each.key: number for number, each in enumerate(happened)}
    parts = [part for run in runs for part in ([run] if len(run) >= MANY else [[each] for each in run])]
    return sorted(parts, key=lambda part: order[part[0].key])


def _many(run: Sequence[_Happened], words: Wording, mask: Mask, quoted: int | None) -> Line:
    first = run[0]
    if len(run) == 1:
        return _line(first, words, mask, quoted)
    values = _values(first, words) | {"since": words.time(first.at), "until": words.time(run[-1].at)}
    values["heard"] = words.number(sum(_is_heard(each) for each in run))
    text = words.mrkdwn(f"journal.{first.what}.many", n=len(run), **values)
    return Line(first.at, text, first.by, first.key)


def _line(happened: _Happened, words: Wording, mask: Mask, quoted: int | None) -> Line:
    text = _sentence(happened, words)
    if happened.said:
        most = quoted if happened.what in ELSEWHERE else None
        text = words.mrkdwn("timeline.said", line=text, words=_one_line(mask(happened.said), most))
    return Line(happened.at, text, happened.by, happened.key)


def _sentence(happened: _Happened, words: Wording) -> Mrkdwn:
    values, key = _values(happened, words), f"journal.{happened.what}"
    # An entry of an older version may lack what its sentence says by now; then its word stands for it.
    if not words.has(key):
        return words.mrkdwn("journal.other", who=values["who"], what=happened.what)
    counted = happened.detail.get(COUNTED.get(happened.what, ""))
    try:
        return words.mrkdwn(key, **values, **({"n": int(counted)} if counted is not None else {}))
    except KeyError:
        return words.mrkdwn("journal.other", who=values["who"], what=happened.what)


def _values(happened: _Happened, words: Wording) -> dict[str, Any]:
    """What stands in a sentence besides its number."""
    values = {name: value for name, value in happened.detail.items() if name != "n"}
    values["who"] = mention(happened.by) if happened.by else words.text("timeline.hotline")
    if happened.what == "late":
        values["duty"] = words.text(f"duty.{values['duty']}")
    if "outcome" in values:  # it is counted before it is shown
        values["outcome"] = words.text(f"outcome.{values['outcome']}")
    return values


def _is_heard(happened: _Happened) -> bool:
    return "outcome" in happened.detail and Outcome(happened.detail["outcome"]).is_heard


def _kept(kept: Kept, words: Wording, mask: Mask) -> Line:
    """A message, a file or a correction."""
    by, key = mention(kept.by), f"kept:{kept.id}"
    said = _one_line(mask(kept.words))
    at = words.time(kept.added_at)
    if kept.kind is KeptKind.CORRECTION:
        phrase = "timeline.correction" if kept.about else "timeline.added"
        text = words.mrkdwn(phrase, who=by, at=at, words=said)
        return Line(kept.added_at if kept.about else kept.at, text, kept.by, key, kept.about)
    author = mention(kept.author_id) if kept.author_id else Mrkdwn(words.text("timeline.somebody"))
    phrase = "timeline.kept_file" if kept.kind is KeptKind.FILE else "timeline.kept_message"
    shown = mask(kept.name) if kept.kind is KeptKind.FILE else said
    text = words.mrkdwn(phrase, who=author, by=by, words=shown or words.text("timeline.no_words"))
    if kept.url:  # the address of a file may end with its name
        address = kept.url if kept.name == mask(kept.name) else kept.url.rpartition("/")[0]
        link = Mrkdwn(f"<{escape(address).replace('|', '%7C')}|{words.text('timeline.link')}>")
        text = words.mrkdwn("timeline.with_link", line=text, link=link)
    return Line(kept.at, text, kept.author_id, key)


def _with_corrections(found: Iterable[Line], corrections: Mapping[str, Sequence[Line]]) -> Iterable[Line]:
    for line in found:
        yield line
        # Of a correction there may be another one.
        yield from _with_corrections(corrections.get(line.key, ()), corrections)


def _one_line(said: str, quoted: int | None = None) -> str:
    said = " ".join(said.split())
    return said if quoted is None else beginning(said, quoted)

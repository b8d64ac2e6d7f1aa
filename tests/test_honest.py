"""Tests that keep us honest: rooms keep to themselves, words exist in both languages, the manifest is what is used."""

import ast
import inspect
import os
import re
import string
import subprocess
import sys
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
import yaml
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from babel.messages.pofile import read_po
from cryptography.fernet import Fernet

import handlers
from bot import wording
from bot.action import ActionKind, ActionState
from bot.closing import Missing, Proof
from bot.incident import (
    APPROVERS,
    Complaint,
    Consent,
    ContactChannel,
    CustomerLanguage,
    Duty,
    Emotion,
    HighRisk,
    Outcome,
    Publicity,
    Role,
    Source,
    Stage,
    Status,
    Tier,
    Urgency,
    YesNo,
)
from bot.lists import Meaning
from bot.plan import RequestState
from bot.postmortem import Cause, Chapter, Section, Standing, State
from bot.procedure import NUMBERS, VOCABULARIES, WHO
from bot.procedure_file import load
from bot.scripts import FACTS
from handlers import (
    card,
    checklist,
    close,
    contact,
    ledger,
    lists,
    more,
    plan,
    reminders,
    satisfaction,
    statement,
    timeline,
)
from handlers.dismiss import Becomes
from storage.customers import Which
from storage.db import Database
from storage.encryption import Cipher
from storage.schema import look, migrate
from storage.tables import metadata
from tests.workspace import MANIFEST, PROCEDURE, ROOT

CHOSEN: dict[str, type[StrEnum]] = {
    "publicity": Publicity,
    "high_risk": HighRisk,
    "complaint": Complaint,
    "yes_no": YesNo,
    "becomes": Becomes,
}
TEMPLATES = ROOT / "message_templates"

# Who may use whom (design.md). bot/__main__.py joins the others.
MAY_USE = {
    "bot": {"bot"},
    "storage": {"bot", "storage"},
    "handlers": {"bot", "storage", "handlers"},
    "sandbox": {"sandbox"},
}


def sources(room: str) -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted((ROOT / room).rglob("*.py")):
        yield path, ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.Module) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


@pytest.mark.parametrize("room", sorted(MAY_USE))
def test_rooms_keep_to_themselves(room: str) -> None:
    rooms = set(MAY_USE) | {"tests", "bench"}
    for path, tree in sources(room):
        if path == ROOT / "bot" / "__main__.py":
            continue
        used = {name.split(".")[0] for name in imported(tree)} & rooms
        assert used <= MAY_USE[room], f"{path.relative_to(ROOT)} uses {used - MAY_USE[room]}"


def test_the_map_names_every_file_and_every_step_in_its_order() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    sentence = re.search(r"The steps, in their order: ([^.]+)\.", text)
    assert sentence
    steps = re.split(r",\s+", sentence[1])
    assert steps == [step.__name__.split(".")[1] for step in handlers.STEPS]
    plan_of_rooms = text.split("```")[1]
    for room, told in (("bot", set()), ("handlers", set(steps))):
        about = re.split(r"^(?=\S)", plan_of_rooms.split(f"\n{room}/", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
        named = set(re.findall(r"\b(\w+)\.py\b", about))
        there = {path.stem for path in (ROOT / room).glob("*.py")} - {"__init__"}
        assert there <= named | told, f"{room}: {there - named - told} is not in the map"
        assert named - {"__init__"} <= there, f"{room}: {named - there} is in the map, and not there"


def run_make(*arguments: str, check: bool = False) -> subprocess.CompletedProcess[str]:
    """`make`, as from a shell: also when the tests themselves were started by it."""
    of_make = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")
    environment = {name: value for name, value in os.environ.items() if name not in of_make}
    return subprocess.run(["make", *arguments], cwd=ROOT, capture_output=True, text=True, check=check, env=environment)


def test_make_lists_everything_that_it_can_do() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.search(r"^\.PHONY: (.+)$", text, re.MULTILINE)
    assert targets
    listed = run_make(check=True).stdout
    assert {line.split()[1] for line in listed.splitlines()} == set(targets[1].split())


def test_a_python_without_venv_is_said_in_one_sentence(tmp_path: Path) -> None:
    python = tmp_path / "python3"
    python.write_text(f'#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; esac\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    ended = run_make("setup", f"PYTHON={python}", f"VENV={tmp_path / 'venv'}")
    assert ended.returncode == 2
    said = [line for line in ended.stdout.splitlines() if line]
    assert len(said) == 1
    assert "apt-get install python3-venv" in said[0]
    assert not (tmp_path / "venv").exists()


def test_steps_do_not_use_steps() -> None:
    steps = {step.__name__ for step in handlers.STEPS}
    shared = {"handlers.overview", "handlers.reminders"}  # App Home shows the same list and the same buttons
    for step in handlers.STEPS:
        files = [path for path, _ in sources("handlers") if path.stem == step.__name__.split(".")[1]]
        folder = ROOT / "handlers" / step.__name__.split(".")[1]
        source = "\n".join(path.read_text(encoding="utf-8") for path in [*files, *folder.rglob("*.py")])
        used = imported(ast.parse(source)) & (steps - shared - {step.__name__})
        assert not used, f"{step.__name__} uses {used}"


def test_only_the_start_button_looks_at_a_clock() -> None:
    looks = re.compile(r"datetime\.now\(|time\.time\(|utcnow\(")
    for room in ("bot", "handlers", "storage"):
        for path, _ in sources(room):
            if path.name in ("__main__.py", "clock.py", "transport.py"):  # times of APScheduler's and the SDK's own
                continue
            assert not looks.search(path.read_text(encoding="utf-8")), path


class Recorder:
    """Stands in for Bolt's App: writes down what is registered."""

    def __init__(self) -> None:
        self.found: list[tuple[str, str, Callable[..., Any]]] = []

    def __getattr__(self, kind: str) -> Callable[..., Any]:
        def register(name: Any = None, **_: Any) -> Callable[..., Any]:
            def listen(function: Callable[..., Any]) -> Callable[..., Any]:
                self.found.append((kind, str(name), function))
                return function

            return listen

        return register


@pytest.fixture
def registered() -> list[tuple[str, str, Callable[..., Any]]]:
    app = Recorder()
    for step in handlers.STEPS:
        step.register(app)
    return app.found


def test_listeners_ask_only_for_what_there_is(registered: list[tuple[str, str, Callable[..., Any]]]) -> None:
    bolts = {"ack", "body", "client", "action", "view", "event", "context"}
    for _, _, listener in registered:
        asked = set(inspect.signature(listener).parameters)
        assert asked <= bolts | set(handlers.ASKED_FOR), f"{listener.__module__}.{listener.__name__}: {asked}"


def test_ids_are_file_and_verb(registered: list[tuple[str, str, Callable[..., Any]]]) -> None:
    for kind, name, listener in registered:
        if kind in ("action", "view", "shortcut") and name not in ("card.menu", "ledger.one"):
            assert name.split(".")[0] == listener.__module__.split(".")[1], name


def test_each_button_is_listened_for(registered: list[tuple[str, str, Callable[..., Any]]]) -> None:
    heard = {name for kind, name, _ in registered if kind in ("action", "view", "shortcut", "options")}
    drawn, chosen = set(), set()
    for _, tree in sources("handlers"):
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            words = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
            if node.func.id == "choice":
                chosen |= set(words)
            if node.func.id in ("button", "overflow", "modal"):
                drawn |= {word for word in words if isinstance(word, str) and "." in word}
    # There is nothing to submit in these.
    windows = {
        "report.done",
        "customer.shown",
        "contact.left",
        "roles.handed",
        "statement.shown",
        "plan.shown",
        "lists.shown",
        "actions.shown",
        "more.shown",
        "record.shown",
        "dossier.asked",
        "evidence.asked",
        "postmortem.shown",
    }
    assert drawn - windows <= heard
    assert {*card.NEXT, *reminders.DOES.values(), *reminders.OF_A_SUBJECT} <= heard
    assert {
        *card.MENU,
        *card.COMPLAINT_MENU,
        *(word for words in checklist.CHOICES.values() for word in words),
    } <= chosen


def test_the_manifest_has_what_the_code_listens_for_and_no_more(
    registered: list[tuple[str, str, Callable[..., Any]]],
) -> None:
    manifest = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))
    features = manifest["features"]
    assert {command["command"] for command in features["slash_commands"]} == {
        n for k, n, _ in registered if k == "command"
    }
    assert {shortcut["callback_id"] for shortcut in features["shortcuts"]} == {
        n for k, n, _ in registered if k == "shortcut"
    }
    assert set(manifest["settings"]["event_subscriptions"]["bot_events"]) == {
        n for k, n, _ in registered if k == "event"
    }


def test_every_word_after_the_command_stands_in_the_help_of_its_language() -> None:
    words = set()
    for _, tree in sources("handlers"):
        if imported(tree) & {"handlers.words.word", "handlers.words.after_word"}:
            calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
            heard = [
                call for call in calls if isinstance(call.func, ast.Name) and call.func.id in ("word", "after_word")
            ]
            words |= {given.value for call in heard for given in call.args if isinstance(given, ast.Constant)}
    words -= {"", "?"}
    for language in ("en", "zh"):
        quoted = re.findall("`(.+?)`", catalogue(language)["help.commands"][0])
        shown = {word for said in quoted for word in said.removeprefix("/incident").split()[:1]}
        missing = {word for word in words if str(word).isascii() == (language == "en")} - shown
        assert not missing, f"{missing} in {language}"


SCOPES = {  # Slack's documentation of each method and event: the scopes of a bot token
    "chat_postEphemeral": {"chat:write"},
    "chat_postMessage": {"chat:write"},
    "chat_update": {"chat:write"},
    "chat_getPermalink": set(),
    "conversations_create": {"channels:manage", "groups:write"},
    "conversations_invite": {"channels:manage", "groups:write"},
    "conversations_setTopic": {"channels:manage", "groups:write"},
    "conversations_setPurpose": {"channels:manage", "groups:write"},
    "conversations_archive": {"channels:manage", "groups:write"},
    "conversations_list": {"channels:read", "groups:read"},
    "conversations_join": {"channels:join"},
    "conversations_info": {"channels:read", "groups:read"},
    "files_info": {"files:read"},
    "files_upload_v2": {"files:write"},
    "conversations_open": {"im:write"},
    "conversations_history": {"channels:history", "groups:history", "im:history"},
    "conversations_replies": {"channels:history", "groups:history", "im:history"},
    "pins_add": {"pins:write"},
    "pins_remove": {"pins:write"},
    "usergroups_list": {"usergroups:read"},
    "users_list": {"users:read"},
    "users_info": {"users:read"},
    "views_open": set(),
    "views_push": set(),
    "views_update": set(),
    "views_publish": set(),
    "auth_test": set(),
    "apps_connections_open": set(),
}


def test_the_manifest_asks_for_the_scopes_of_what_is_called_and_no_more() -> None:
    called = set()
    for _, tree in sources("handlers"):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in SCOPES:
                called.add(node.func.attr)
            if isinstance(node, ast.Attribute) and re.match(r"(chat|conversations|users|files|pins|views)_", node.attr):
                assert node.attr in SCOPES, f"which scopes does {node.attr} need?"
    needed = set().union(*(SCOPES[method] for method in called)) | {"commands", "files:read", "reactions:read"}
    granted = set(yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))["oauth_config"]["scopes"]["bot"])
    assert granted == needed


def catalogue(language: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path in sorted((TEMPLATES / "interface").glob(f"*.{language}.po")):
        with path.open("rb") as file:
            for message in read_po(file, abort_invalid=True):
                if message.id:
                    key = message.id if isinstance(message.id, str) else message.id[0]
                    found[key] = [message.string] if isinstance(message.string, str) else list(message.string or ())
    return found


def holes(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_phrase_exists_in_both_languages_with_the_same_values() -> None:
    english, chinese = catalogue("en"), catalogue("zh")
    assert english.keys() == chinese.keys()
    for key, forms in english.items():
        assert all(form for form in [*forms, *chinese[key]]), f"{key} is empty"
        assert holes(chinese[key][0]) == holes(forms[-1]), key


def test_every_phrase_that_the_code_names_exists_and_none_is_left_over() -> None:
    known = set(catalogue("en"))
    named = re.compile(r"[\"']([a-z_]+\.[a-z_.]+)[\"']")
    source = "\n".join(path.read_text(encoding="utf-8") for room in ("bot", "handlers") for path, _ in sources(room))
    for folder in ("channel", "dossier"):
        source += "\n".join(path.read_text(encoding="utf-8") for path in (TEMPLATES / folder).glob("*.j2"))
    composed = {
        *(f"duty.{word}" for word in Duty),
        *(f"role.{word}" for word in Role if word is not Role.OWNER),
        *(f"status.{word}" for word in Status),
        *(f"tier.{word}" for word in Tier),
        *(f"emotion.{word}" for word in Emotion),
        *(f"urgency.{word}" for word in Urgency),
        *(f"source.{word}" for word in Source),
        *(f"contact_channel.{word}" for word in ContactChannel),
        *(f"stage.{word}" for word in Stage),
        *(f"outcome.{word}" for word in Outcome),
        "outcome.wrong_number.written",
        *(f"consent.{word}" for word in Consent),
        *(f"contact.fact_{name}" for name in FACTS),
        *(f"contact.flag.{kind}" for kind in ("never_said", "unsafe", "time")),
        *(f"contact.{who}" for who in (contact.UNHEARD, contact.EVERYBODY)),
        *(f"card.{count}" for count in ("no_answer", "wrong_number")),
        *(f"language.{word}" for word in CustomerLanguage),
        *(f"reason.{fact}.{word}" for fact, words in VOCABULARIES.items() for word in words),
        *(f"reason.{fact}.{kind}" for fact in NUMBERS for kind in ("at_least", "more_than")),
        "reason.trigger",
        *(f"{vocabulary}.{word}" for vocabulary, words in CHOSEN.items() for word in words),
        *(f"who.{word}" for word in (*WHO, *APPROVERS)),
        *(f"action_kind.{kind}" for kind in ActionKind),
        *(f"actions.{state}" for state in ActionState if state is not ActionState.OPEN),
        *(f"statement_channel.{word}" for word in statement.CHANNELS),
        *(f"plan_kind.{kind}" for kind in plan.KINDS),
        *(f"plan.{who}_{did}" for who in ("you", "they") for did in ("approved", "refused")),
        "button.requests.agree",
        *(f"requests.line_{state}" for state in RequestState),
        *(f"requests.was_{state}" for state in (RequestState.DONE, RequestState.DECLINED)),
        *(f"requests.you_are_{state}" for state in (RequestState.ASKED, RequestState.AGREED)),
        *(f"allowed.role_{why}" for why in ("no_answer", "handed_back", "handed_over", "relieved", "gone")),
        *(f"{kind}.{duty}" for duty in Duty for kind in ("remind", "met")),
        *(f"late.{duty}" for duty in Duty if duty is not Duty.REGRADE),
        *(f"proof.{proof}" for proof in Proof),
        *(f"score.{score}" for score in satisfaction.SCORES),
        *(f"confirm.{word}" for word in YesNo),
        *(f"close.missing.{what}" for what in Missing),
        *(f"closing.{key}" for key in ("dissatisfied", "not_fixed", "reopened", "call_in_person", "second_plan")),
        *(f"card.note.{occasion}" for occasion in ("fixed", "not_fixed", "reopened")),
        *(f"button.{action}" for action in close.DOES.values()),
        *(
            key for key in known if re.fullmatch(r"journal\.[a-z_]+(\.many)?", key)
        ),  # see the test of the journal's words
        *(f"timeline.why.{why}" for why in ("no_answer", "handed_back", "handed_over", "relieved", "gone")),
        *(key for key in known if key.startswith("timeline.form.")),
        *(f"timeline.did.{word}" for word in what_shows_that_somebody_knows()),
        *(f"dossier.request.{state}" for state in RequestState),
        *(f"dossier.proof.{proof}" for proof in Proof),
        *(f"dossier.review.{state}" for state in State),
        *(f"dossier.section.{section}" for section in Section),
        *(f"dossier.cause.{cause}" for cause in Cause),
        *(f"dossier.action.{kind}" for kind in ActionKind),
        *(f"dossier.state.{state}" for state in ActionState),
        *(f"dossier.standing.{standing}" for standing in Standing),
        *(f"dossier.fact.{fact}" for fact in ("core_down_minutes", "part_faulty_minutes")),
        "card.note.solution",
        *(f"cause.{word}" for word in Cause),
        *(f"postmortem.chapter.{each}" for each in Chapter if each is not Chapter.SUMMARY),
        *(f"postmortem.nothing.{each}" for each in Chapter if each is not Chapter.SUMMARY),
        *(f"postmortem.{each}" for each in Standing if each is not Standing.NOT_OWED),
        *(f"postmortem.{key}" for key in ("updates", "promises")),
        *(f"postmortem.action.{state}" for state in ActionState),
        *(f"button.postmortem.{name}" for name in ("complete", "meeting", "accept", "refuse", "submit_open")),
        *(f"ledger.{kind}.{which}" for kind in ("which", "empty") for which in Which),
        *(f"ledger.{outcome}" for outcome in ("no_answer", "busy")),
        *(f"button.{name}" for name in ("contact.with", "ledger.correct", "ledger.remove", "ledger.put_back")),
        *(f"ledger.column.{name}" for name in ledger.COLUMNS),
        *(f"lists.way.{way}" for way in lists.Way),
        *(f"lists.column_{meaning}" for meaning in Meaning),
        *(f"lists.not_{meaning}" for meaning in ("name", "tier", "language")),
        *(f"lists.{key}" for key in ("added", "merged", "bad")),
        *(key for key in known if re.fullmatch(r"(tell|remind)\.[a-z_]+(\.addressee)?", key)),
        *(f"graded.{key}" for key in ("joined", "relieved")),
        *(
            f"button.{action}"
            for action in (*card.NEXT, *card.MENU, *reminders.DOES.values(), *reminders.OF_A_SUBJECT, reminders.KNOW)
        ),
        *(f"card.note.{occasion}" for occasion in ("verified", "also_reported", "handed_over", "stated")),
        *(f"roles.{why}" for why in ("no_answer", "handed_back", "relieved", "gone")),
        *(f"roles.after_{why}" for why in ("no_answer", "handed_back", "gone")),
        *(f"role_left.{why}" for why in ("no_answer", "handed_back", "gone")),
        *(f"button.{word}" for words in checklist.CHOICES.values() for word in words),
        *(f"more.group.{group}" for group in more.GROUPS),
        *(f"{kind}.{word}" for words in more.GROUPS.values() for word in words for kind in ("more", "button")),
        *(f"button.{name}" for name in ("report.open", "verify.open", "contact.open", "dismiss.open", "customer.show")),
    }
    fields = re.findall(
        r"(?:Text|Number|Amount|Somebody|People|Choice|Word|Found|Ticks|When|Day|Files)\(\s*\"(\w+)\",\s*\"(\w+)\"",
        source,
    )
    composed |= {f"{form}.{name}" for name, form in fields}
    hints = {key for key in known if key.endswith((".hint", ".placeholder"))}
    assert {key.rpartition(".")[0] for key in hints} <= composed
    assert composed <= known, composed - known
    left_over = known - composed - hints - set(named.findall(source))
    assert not left_over, left_over


def is_raw(line: str) -> bool:
    """Whether something in a line of mrkdwn stays between its marks: Slack makes it bold or struck through only where
    a space, the line's end or ASCII punctuation is on either side of it."""
    told = re.sub("`[^`]*`", "x", line)
    found = re.finditer(r"([*~])(?=[^\s*~])[^*~]*?[^\s*~]\1", told)
    sides = [side for each in found for side in (told[: each.start()][-1:], told[each.end() :][:1])]
    return any(side and not re.match(r"[\s!-/:-@\[-^|]", side) for side in sides)


@pytest.mark.parametrize(
    ("line", "raw"),
    [
        ("⚠️ *请先修改措辞再记录。*如已对客户说出", True),
        ("⚠️ *请先修改措辞再记录。* 如已对客户说出", False),
        ("*共 {n} 行*，开头如下：", True),
        ("请完成：*{what}*", True),
        ("*{what}：*{words}", True),
        ("*{what}：* {words}", False),
        ("*{number}*, ({sign} *{n}*).", False),
        ("*Not*bold", True),
        ("~{what}~，已取消", True),
        ("~{what}~ · `a*b*c`，5 * 3", False),
    ],
)
def test_what_slack_does_not_make_bold_is_found(line: str, raw: bool) -> None:
    assert is_raw(line) is raw


def test_nothing_that_is_meant_bold_shows_its_asterisks() -> None:
    said = [
        (key, line)
        for language in ("en", "zh")
        for key, forms in catalogue(language).items()
        for form in forms
        for line in form.splitlines()
    ]
    for path in (TEMPLATES / "channel").glob("*.j2"):
        lines = re.sub(r"\{%.*?%\}", "", path.read_text(encoding="utf-8")).splitlines()
        said += [(path.name, line) for line in lines]
    assert not [(where, line) for where, line in said if is_raw(line)]


def test_each_duty_has_its_messages() -> None:
    for words in wording.load().values():
        for duty in Duty:
            said = ["remind", "met"] if duty is Duty.REGRADE else ["remind", "late", "met"]
            assert all(words.has(f"{kind}.{duty}") for kind in said), duty
            times = load(PROCEDURE).duties.get(duty)
            if times and times.to:
                assert words.has(f"tell.{duty}")
                assert words.has(f"remind.{duty}.addressee")


def test_every_template_exists_in_both_languages() -> None:
    names = {path.name.removesuffix(".j2") for path in (TEMPLATES / "channel").glob("*.j2")}
    stems = {name.rpartition(".")[0] for name in names}
    assert names == {f"{stem}.{language}" for stem in stems for language in ("en", "zh")}


def entries_written() -> Iterator[tuple[str, set[str] | None]]:
    """What is written into the journal of an incident: each word, and what it is told with; None when not all of that
    stands there."""
    for room in ("handlers", "storage"):
        for _, tree in sources(room):
            for node in ast.walk(tree):
                if not isinstance(node, ast.Call) or ast.unparse(node.func) != "journal.add":
                    continue
                told = None if any(each.arg is None for each in node.keywords) else {str(e.arg) for e in node.keywords}
                what = node.args[2]
                if isinstance(what, ast.JoinedStr):
                    assert ast.unparse(what) == "f'action_{state}'"
                    yield from ((f"action_{state}", told) for state in (ActionState.DONE, ActionState.DROPPED))
                    continue
                for word in [what.body, what.orelse] if isinstance(what, ast.IfExp) else [what]:
                    assert isinstance(word, ast.Constant), ast.unparse(word)
                    yield str(word.value), told


def what_shows_that_somebody_knows() -> set[str]:
    """The word of everything that a step counts as knowing of an incident."""
    calls = (
        node
        for _, tree in sources("handlers")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "duties.knows"
    )
    return {str(call.args[4].value) for call in calls if isinstance(call.args[4], ast.Constant)}


def test_every_word_of_the_journal_has_its_sentence() -> None:
    english = catalogue("en")
    written = [*entries_written()]
    words = {word for word, _ in written} - {*timeline.KEPT, "procedure_changed"}
    missing = {word for word in words if f"journal.{word}" not in english}
    assert not missing
    for word, told in written:
        if word not in words or told is None:
            continue
        needed = holes(english[f"journal.{word}"][0]) - {"who"}
        assert needed <= told | ({"n"} if word in timeline.COUNTED else set()), word
        assert timeline.COUNTED.get(word, "n" if "n" in needed else None) in {None, *told}, word
    for key in english:
        if key.startswith("journal."):
            word = key.removeprefix("journal.").removesuffix(".many")
            assert word in words | {"other", "late"}, key
            if key.endswith(".many"):
                assert holes(english[key][0]) <= {"who", "n", "since", "until", "heard", "duty"}, key


def test_every_form_in_which_customers_are_seen_has_its_name() -> None:
    forms = set()
    for _, tree in sources("handlers"):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "journal.add":
                forms |= {
                    each.value.value
                    for each in node.keywords
                    if each.arg == "form" and isinstance(each.value, ast.Constant)
                }
    named = {key.removeprefix("timeline.form.") for key in catalogue("en") if key.startswith("timeline.form.")}
    assert forms == named


def test_no_text_for_people_stands_in_the_code() -> None:
    for path, _ in sources("handlers"):
        for line in path.read_text(encoding="utf-8").splitlines():
            code = line.partition("#")[0]
            assert not re.search(r"[\u4e00-\u9fff]", code) or "word(" in code or "rstrip" in code, (
                f"{path.name}: {line.strip()}"
            )


def test_the_migrations_lead_to_the_tables(database_url: str) -> None:
    db = Database(database_url, Cipher([Fernet.generate_key().decode()]))
    migrate(db)
    assert look(db)
    with db.read() as tx:
        context = MigrationContext.configure(tx, opts={"compare_type": False})
        assert compare_metadata(context, metadata) == []
    migrate(db)
    db.close()

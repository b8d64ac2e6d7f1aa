"""Reads the procedure file. A mistake is named by line and field, also one that no single field shows."""

import hashlib
import re
import threading
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from bot.incident import RUNGS, TEAM, Duty, Role, Severity
from bot.procedure import (
    ACTIONS,
    CURRENCY,
    EMOJI,
    KEY,
    NUMBERS,
    OWED,
    PLACE,
    WHO,
    WHO_OR_GROUP,
    Criterion,
    Procedure,
    Threshold,
    everybody,
)
from bot.settings import WrongSetup

# They start whenever somebody is asked, at any severity.
ASKED = (Duty.ACCEPT_ROLE, Duty.TASK, Duty.APPROVE_PLAN, Duty.REQUEST, Duty.ACCEPT_POSTMORTEM, Duty.ACTION)
Mistake = tuple[tuple[str | int, ...], str]  # where it stands, and what to do

# What is written without quotes and is no word.
PLAIN = (
    ("null", "|~|null|Null|NULL"),
    ("bool", "true|True|TRUE|false|False|FALSE"),
    ("int", "[-+]?(?:0|[1-9][0-9]*)"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?"),
    ("merge", "<<"),
)


def load(path: Path) -> Procedure:
    """Reads and checks a procedure file.

    Raises WrongSetup with one sentence for each mistake, each with its line and field.
    """
    return _checked(path.name, _content(path))


@dataclass(frozen=True)
class Change:
    """What a look at the file has found; `is_news` when the look before has not."""

    has_changed: bool = False  # the procedure is another one
    wrong: tuple[str, ...] = ()  # why the file can't be used, a sentence for each mistake: what it said before counts
    is_news: bool = False


class ProcedureFile:
    """The file while the bot runs: `current` is what it says, or what it said before while it can't be used."""

    def __init__(self, path: Path) -> None:
        """Raises WrongSetup like `load`."""
        self.path = path
        self.noted: str | None = None  # the fingerprint of what the journal has last, as far as this process knows
        self._looking = threading.Lock()
        self._stamp = _stamp(path)
        content = _content(path)
        self._seen = hashlib.sha256(content).hexdigest()
        self._wrong: tuple[str, ...] = ()
        self.current = _checked(path.name, content)

    def look(self) -> Change:
        """Reads the file again when it is another one. Never raises: a wrong file leaves `current` as it is."""
        with self._looking:
            stamp = _stamp(self.path)
            if stamp is not None and stamp == self._stamp:
                return Change(wrong=self._wrong)
            try:
                content = _content(self.path)
            except WrongSetup as error:
                self._stamp = None
                return self._found(str(error), None, error.sentences)
            if stamp != _stamp(self.path):  # it is being written at this moment: the next look sees the whole
                return Change(wrong=self._wrong)
            self._stamp = stamp
            seen = hashlib.sha256(content).hexdigest()
            if seen == self._seen:
                return Change(wrong=self._wrong)
            try:
                return self._found(seen, _checked(self.path.name, content))
            except WrongSetup as error:
                return self._found(seen, None, error.sentences)

    def _found(self, seen: str, procedure: Procedure | None, wrong: tuple[str, ...] = ()) -> Change:
        is_news, self._seen, self._wrong = seen != self._seen, seen, wrong
        has_changed = procedure is not None and procedure.fingerprint != self.current.fingerprint
        if procedure is not None:
            self.current = procedure
        return Change(has_changed, wrong, is_news)


def _stamp(path: Path) -> tuple[int, ...] | None:
    """Tells cheaply whether a file may have changed; None when it is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise WrongSetup(
            f"The procedure file {path} can't be read ({type(error).__name__}): "
            "name one that can (HOTLINE_PROCEDURE, or --procedure)."
        ) from None


def _checked(name: str, content: bytes) -> Procedure:
    tree, data = _read(name, content)
    try:
        procedure = Procedure.model_validate(data)
    except ValidationError as error:
        raise WrongSetup(*(_sentence(name, tree, each["loc"], _words(each)) for each in error.errors())) from None
    if wrong := [_sentence(name, tree, where, message) for where, message in mistakes(procedure)]:
        raise WrongSetup(*wrong)
    return procedure


class _Loader(yaml.SafeLoader):
    """YAML 1.2, as editors read it: `18:00`, `2026-12-31`, `yes` and `NO` are words. No key stands twice."""

    yaml_implicit_resolvers: ClassVar[dict[None, Any]] = {  # type: ignore[misc]  # the library's is the class's too
        None: [(f"tag:yaml.org,2002:{kind}", re.compile(f"(?:{pattern})$")) for kind, pattern in PLAIN]
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"{key.value} stands here twice", problem_mark=key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


def _read(name: str, content: bytes) -> tuple[yaml.Node, object]:
    """The file as a tree with its lines, and as values."""
    text = content.decode("utf-8-sig", "replace")
    try:
        content.decode("utf-8")
        loader = _Loader(text)
        tree = loader.get_single_node()
        data = _with_text_keys(loader.construct_document(tree)) if tree else None
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise WrongSetup(f"{name} line {line}: this is not UTF-8: save the file in that encoding.") from None
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        raise WrongSetup(f"{name} line {line}: a text can't have the character {error.character:#x}.") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise WrongSetup(f"{name} line {line}: {error.problem or 'it is not YAML'}.") from None
    except RecursionError:
        raise WrongSetup(f"{name}: it is nested too deeply, or in a circle.") from None
    if tree is None or not isinstance(data, dict):
        raise WrongSetup(
            f"{name} line 1: there are no sections; start from the file that comes with Hotline, bot/procedure.yml."
        )
    return tree, data


def _with_text_keys(value: object) -> object:
    """YAML reads the severities 1, 2, 3 as numbers where they are keys."""
    if isinstance(value, dict):
        return {str(key): _with_text_keys(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_text_keys(item) for item in value]
    return value


# What pydantic says to programmers, for people: by the kind of mistake, or by the pattern that a text does not have.
SENTENCES = {
    "missing": "is missing",
    "extra_forbidden": "is no key of this part; docs/procedure.md has them all",
    "string_type": "must be a text",
    "list_type": "must be a list, like [a, b]",
    "dict_type": "must have keys of its own, like {a: b}",
    "model_type": "must have keys of its own, like {a: b}",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "decimal_type": "must be a number",
    "decimal_parsing": "must be a number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
    WHO_OR_GROUP: "must be a person's id (U0123456789) or a user group (@support-oncall)",
    PLACE: "must be a channel's name (#incidents) or its id",
    KEY: "must begin with a small letter and have small letters, digits and _ only, 40 at most",
    CURRENCY: "must be a currency's three capital letters, like CNY",
    EMOJI: "must be an emoji's name without colons, like pushpin",
}
TAGS = ("one", "by_severity", "list", "parts")  # pydantic's words for which way it is written: no keys of the file


def _words(mistake: ErrorDetails) -> str:
    values = mistake.get("ctx", {})
    if found := SENTENCES.get(values.get("pattern", "")) or SENTENCES.get(mistake["type"]):
        return found
    if mistake["type"] in ("enum", "literal_error"):
        known = re.findall(r"'([^']*)'|(\d+)", values["expected"])
        return f"can't be {mistake['input']}; it can be {', '.join(word or number for word, number in known)}"
    return re.sub(r"^(?:Input|String|List|Dictionary) should ", "must ", mistake["msg"].removeprefix("Value error, "))


def _sentence(name: str, tree: yaml.Node | None, where: tuple[int | str, ...], message: str) -> str:
    line, path = 1, []
    node = tree
    for step in where:
        child = _child(node, step)
        if child is None:
            if isinstance(step, str) and re.fullmatch(r"[a-z_0-9]+", step) and step == where[-1] and step not in TAGS:
                path.append(step)
            continue
        path.append(str(step))
        line, node = child[0], child[1]
    field = f" {'.'.join(path)}:" if path else ""
    return f"{name} line {line}:{field} {message}."


def _child(node: yaml.Node | None, step: int | str) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(step):
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        child = node.value[step]
        return child.start_mark.line + 1, child
    return None


def mistakes(procedure: Procedure) -> Iterator[Mistake]:
    """What no single field shows: names that lead nowhere, a ladder in a circle, thresholds that overlap."""
    if missing := [duty for duty in OWED if duty not in procedure.duties]:
        yield ("duties",), f"{', '.join(missing)} must have its times"
    if missing_roles := [role for role in TEAM if role not in procedure.roles]:
        yield ("roles",), f"{', '.join(missing_roles)} must be there"
    for check in (_ladder, _kinds, _triggers, _duties, _roles, _permissions):
        yield from check(procedure)
    yield from _thresholds(procedure.grading)
    yield from _one_severity_each(procedure.grading)


def _ladder(procedure: Procedure) -> Iterator[Mistake]:
    seen: set[Role] = set()
    for number, rung in enumerate(procedure.ladder):
        where = ("ladder", number, "role")
        if rung.role in seen:
            yield where, f"{rung.role} stands on the ladder already: it would go in a circle"
        seen.add(rung.role)


def _kinds(procedure: Procedure) -> Iterator[Mistake]:
    for name, kind in procedure.kinds.items():
        if kind.department not in procedure.departments:
            yield ("kinds", name, "department"), _not_in(kind.department, "departments", procedure.departments)


def _triggers(procedure: Procedure) -> Iterator[Mistake]:
    for name, trigger in procedure.triggers.items():
        if trigger.kind not in procedure.kinds:
            yield ("triggers", name, "kind"), _not_in(trigger.kind, "kinds", procedure.kinds)
    for number, criterion in enumerate(procedure.grading):
        named = criterion.when.get("trigger", [])
        for name in named if isinstance(named, list) else ():
            if name not in procedure.triggers:
                yield ("grading", number), f"the trigger {name} is not in triggers"
    for name in procedure.playbooks:
        if name not in procedure.triggers:
            yield ("playbooks", name), _not_in(name, "triggers", procedure.triggers)


def _duties(procedure: Procedure) -> Iterator[Mistake]:
    rungs = RUNGS if any(_ladder(procedure)) else [rung.role for rung in procedure.ladder]
    owners = {Role.REPORTER, *TEAM, *rungs}
    for duty, times in procedure.duties.items():
        for number, role in enumerate(times.owner):
            if role not in owners:
                yield (
                    ("duties", duty, "owner", number),
                    f"nobody can be {role}: it is no role and no rung of the ladder",
                )
        if times.to is not None and times.to not in owners:
            yield ("duties", duty, "to"), f"nobody can be {times.to}: it is no role and no rung of the ladder"
        if duty in ASKED and not all(times.is_owed(severity) for severity in Severity):
            yield ("duties", duty, "within"), "must have a time for each severity: it starts whenever somebody is asked"
        if not times.owner and duty is not Duty.ACCEPT_ROLE:
            yield ("duties", duty, "owner"), "somebody must owe it"


def _roles(procedure: Procedure) -> Iterator[Mistake]:
    for role, needs in procedure.roles.items():
        for department in needs.people if isinstance(needs.people, dict) else ():
            if department != "otherwise" and department not in procedure.departments:
                where = ("roles", role, "people", department)
                yield where, _not_in(department, "departments", procedure.departments)
        if needs.needed_at and not everybody(needs.people):
            yield ("roles", role, "people"), "it is needed, but nobody is proposed for it"


def _permissions(procedure: Procedure) -> Iterator[Mistake]:
    if missing := [action for action in ACTIONS if not any(action == named for named in procedure.may)]:
        yield ("may",), f"{', '.join(missing)} must say who may"
    for action, who in procedure.may.items():
        for number, word in enumerate(who):
            if word not in (*WHO, *TEAM, *RUNGS) and not re.fullmatch(WHO_OR_GROUP, word):
                known = f"{', '.join(WHO)}, a role, a rung, a group (@legal) or a person's id"
                yield ("may", action, number), f"{word} is nobody: write {known}"
    for severity in Severity:
        for number, word in enumerate(procedure.plans.approval.at(severity)):
            if word not in (*TEAM, *RUNGS) and not re.fullmatch(WHO_OR_GROUP, word):
                where = ("plans", "approval", str(int(severity)), number)
                yield where, f"{word} is nobody: write a role, a rung, a group (@legal) or a person's id"


def _thresholds(grading: Sequence[Criterion]) -> Iterator[Mistake]:
    """Of one fact, they go down with the severity: else one could never be proposed, or has nothing to stand on."""
    for fact in NUMBERS:
        found: list[tuple[Severity, int, Threshold]] = []
        for number, criterion in enumerate(grading):
            test = criterion.when.get(fact)
            if isinstance(test, Threshold) and len(criterion.when) == 1:
                found.append((criterion.severity, number, test))
        for (severity, _, test), (below, number, lower) in pairwise(sorted(found, key=lambda one: one[:2])):
            where = ("grading", number)
            if severity == below:
                yield where, f"{fact} has two thresholds for severity {severity}: they overlap"
            elif not test.is_above(lower):
                yield (
                    where,
                    f"{fact}: the threshold of severity {below} is not below severity {severity}'s: they overlap",
                )
            elif below - severity > 1 and len({one[0] for one in found}) == len(found):
                yield where, f"{fact} leaves a hole: severities {severity} and {below} have a threshold, 2 has none"


def _one_severity_each(grading: Sequence[Criterion]) -> Iterator[Mistake]:
    """A word alone stands for one severity."""
    seen: dict[tuple[str, str], Severity] = {}
    for number, criterion in enumerate(grading):
        fact, test = next(iter(criterion.when.items()))
        if len(criterion.when) > 1 or isinstance(test, Threshold):
            continue
        for word in test:
            if (first := seen.setdefault((fact, word), criterion.severity)) != criterion.severity:
                yield (
                    ("grading", number),
                    f"{fact} {word} stands for severity {first} and for severity {criterion.severity}: they overlap",
                )


def _not_in(name: str, section: str, known: Mapping[str, object]) -> str:
    return f"{name} is not in {section}, which has {', '.join(known)}"

"""Writes docs/procedure.md and docs/procedure.schema.json: the schema of bot/procedure.py, the examples of the file."""

import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import yaml

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS.parent))

from bot.procedure import CLOCK, CURRENCY, DAY, EMOJI, KEY, NUMBERS, PLACE, VOCABULARIES, WHO_OR_GROUP, Procedure  # noqa: E402

SHIPPED = DOCS.parent / "bot" / "procedure.yml"
LEAST_SHOWN = 8  # lines of a section's example
LONGEST_SHOWN = 60  # characters of a key's example

INTRODUCTION = """\
# The procedure file

[bot/procedure.yml](../bot/procedure.yml) is the procedure of a company: who is told, what is owed and until when, \
how bad it is. Copy it, change it, and point `HOTLINE_PROCEDURE` to the copy. This page explains each key. `make \
docs` writes it, from the schema that the file is checked with.

Try a change before the bot sees it. None of these needs Slack or a database:

```
python -m bot check --procedure ours.yml
python -m bot grade --procedure ours.yml customers_affected=120 emotion=furious
python -m bot due --procedure ours.yml --severity 2 --from 2026-02-13T17:00+08:00
```

`check` names each mistake by its line and key. Without `--procedure` it also asks Slack for the groups and channels \
that the file names.

A running bot reads the file again within seconds of a change, and notes the change in its journal. Deadlines that \
run already keep their times; what starts from then on goes by the new file. A file with a mistake is not taken \
over: what it said before stays in force, the log says why, and the metric `hotline_procedure_is_old` is 1. Nothing \
starts with a wrong file.

The file is YAML 1.2. Nothing unknown is passed over: a key that is not on this page is a mistake, and so is a key \
that stands twice. An editor with YAML support completes and checks the keys by the first line of the file, which \
names [procedure.schema.json](procedure.schema.json); in a copy elsewhere, change the path there.

In the tables `*` stands for any key, `[]` for each entry of a list. What has no default must be there, except the \
facts of a `when`.
"""

BELOW = "the keys below"
TIME_MARK = "Minutes, or a time like"  # how the schema of a time begins
TIMES = """\
### Times

A length of time is a number of minutes (`15`), or a number with its unit: `15 min`, `2 h`, `3 working days`; a year \
at most. Working days are counted by `calendar`: three working days after 17:00 is 17:00 on the third day on which \
the company works, and what comes due so is said in working time only. Refused: 0, fractions, other units.
"""

# What a text with one of these patterns is.
WRITTEN = {
    WHO_OR_GROUP: "a person's id (`U0123456789`) or a user group (`@support-oncall`)",
    PLACE: "a channel's name (`#incidents`) or its id",
    KEY: "small letters, digits and `_`, a letter first, 40 at most",
    CURRENCY: "three capital letters",
    EMOJI: "an emoji's name without colons",
    CLOCK: 'hours and minutes (`"09:00"`)',
    DAY: 'a day (`"2026-12-31"`)',
}
# What is written the same way in several places has a heading of its own at the end.
SHARED = {
    "Words": "Words",
    "LongWords": "Long words",
    "Item": "Lines",
    "Threshold": "Thresholds",
    "Phrases": "Flagged words",
    "TimesBySeverity": "Times by severity",
    "EventsBySeverity": "Events by severity",
}
FACTS = {
    "customers_affected": "How many customers are affected.",
    "money_lost": "What customers have lost; the threshold is in the currency of `money`.",
    "core_down_minutes": "For how many minutes a core function has been down.",
    "part_faulty_minutes": "For how many minutes a part of a function has been faulty.",
    "business_stopped": "Whether the customer's business is stopped.",
    "trigger": "What has happened: keys of `triggers`.",
}

Schema = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """A key as the page shows it."""

    path: str
    about: str
    takes: str
    default: str = ""
    example: str = ""


def schema() -> Schema:
    """The JSON Schema of the file, for editors: with the facts by name, and without what only programmers need."""
    made: Schema = Procedure.model_json_schema(by_alias=True)
    words: Schema = {
        fact: {
            "description": FACTS.get(fact) or str(vocabulary.__doc__),
            "type": "array",
            "items": {"enum": [*vocabulary], "type": "string"},
        }
        for fact, vocabulary in VOCABULARIES.items()
    }
    facts: Schema = {fact: {"description": FACTS[fact], "$ref": "#/$defs/Threshold"} for fact in NUMBERS}
    facts |= words
    facts["trigger"] = {"description": FACTS["trigger"], "type": "array", "items": {"type": "string"}}
    for part, known in (("Criterion", facts), ("DutyTimes", words)):
        when = made["$defs"][part]["properties"]["when"]
        when |= {"properties": known, "additionalProperties": False}
    title = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Hotline's procedure file"}
    plain: Schema = _plain(made)
    return title | plain


def _plain(value: Any) -> Any:
    """Without titles made from names, and without references to papers that the reader does not have."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, dict):
        return re.sub(r" \(domain\.md [^)]*\)", "", value) if isinstance(value, str) else value
    return {name: _plain(item) for name, item in value.items() if name != "title"}


def page() -> str:
    """The page: a section for each key of the file, then what is written the same way in several places."""
    return Page(schema(), SHIPPED.read_text(encoding="utf-8")).written()


class Page:
    """A schema, and a file to take examples from."""

    def __init__(self, whole: Schema, text: str) -> None:
        self.whole = whole
        self.text = text
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        assert isinstance(tree, yaml.MappingNode)
        self.tree = tree

    def written(self) -> str:
        """All of it."""
        parts = [INTRODUCTION]
        for name, part in self.whole["properties"].items():
            optional = "" if name in self.whole["required"] else " May be left out."
            rows = list(self.rows(part, name, _inside([self.tree], name)))
            parts.append(f"## `{name}`\n\n{part['description']}{optional}\n\n```yaml\n{self.example(name)}\n```\n")
            parts.append(_table(rows or [Row(name, part["description"], self.takes(part))]))
        parts += ["## Written the same way everywhere\n", TIMES]
        for name, heading in SHARED.items():
            shared = self.whole["$defs"][name]
            parts += [f"### {heading}\n\n{shared['description']}\n", _table(list(self.keys(shared, "", [])))]
        return "\n".join(parts)

    def rows(self, part: Schema, path: str, nodes: list[yaml.Node]) -> Iterator[Row]:
        """The keys of a part and of what is in it; `nodes` are what the file has in such places."""
        if self.is_shared(part):
            return
        part = self.resolved(part)
        if "properties" in part:
            yield from self.keys(part, f"{path}.", nodes)
        elif "items" in part:
            yield from self.rows(part["items"], f"{path}[]", _entries(nodes))
        elif inner := _values(part):
            allowed = self.resolved(part.get("propertyNames", {})).get("enum")
            pattern = next(iter(part.get("patternProperties", {})), "")
            about = f"The keys are {_list(allowed)}." if allowed else f"A key of your own: {WRITTEN[pattern]}."
            own = [pair for node in nodes if isinstance(node, yaml.MappingNode) for pair in node.value]
            yield Row(f"{path}.*", about, self.takes(inner), "", self.shown([key for key, _ in own]))
            yield from self.rows(inner, f"{path}.*", [value for _, value in own])

    def keys(self, part: Schema, prefix: str, nodes: list[yaml.Node]) -> Iterator[Row]:
        """The keys of a part by name, each with what is in it."""
        for name, inner in part["properties"].items():
            inside = _inside(nodes, name)
            default = _default(inner) if "default" in inner else ""
            yield Row(f"{prefix}{name}", inner["description"], self.takes(inner), default, self.shown(inside))
            yield from self.rows(inner, f"{prefix}{name}", inside)

    def takes(self, part: Schema) -> str:
        """What may be written there, in words."""
        if name := self.is_shared(part):
            return f"[{SHARED[name].lower()}](#{SHARED[name].lower().replace(' ', '-')})"
        part = self.resolved(part)
        if str(part.get("description")).startswith(TIME_MARK):
            return "a [time](#times)"
        if choices := _choices(part):
            return " or ".join(dict.fromkeys(self.takes(one) for one in choices))
        if "enum" in part:
            return f"one of {_list(part['enum'])}"
        words: dict[str, Callable[[Schema], str]] = {
            "array": self.takes_list,
            "object": lambda part: BELOW if "properties" in part else "keys of your own",
            "boolean": lambda _: "`true` or `false`",
            "integer": lambda part: f"a whole number{_limits(part)}",
            "number": lambda part: f"a number{_limits(part)}",
            "string": _text,
        }
        return words[part["type"]](part)

    def takes_list(self, part: Schema) -> str:
        """A list: of what, and how long."""
        each = self.takes(part["items"])
        least = ", not empty" if part.get("minItems") else ""
        most = f", {part['maxItems']} at most" if "maxItems" in part else ""
        return f"a list{'' if each == BELOW else f', each {each}'}{least}{most}"

    def is_shared(self, part: Schema) -> str | None:
        """The name of what has a heading of its own at the end."""
        name = str(part.get("$ref", "")).rpartition("/")[2]
        return name if name in SHARED else None

    def resolved(self, part: Schema) -> Schema:
        """What a reference leads to, with what is said about it here."""
        name = str(part.get("$ref", "")).rpartition("/")[2]
        return {**self.whole["$defs"][name], **part} if name else part

    def example(self, name: str) -> str:
        """The first entries of a section, as the file has them."""
        key, value = next(pair for pair in self.tree.value if pair[0].value == name)
        lines, first = self.text.splitlines(), key.start_mark.line
        end = last = value.end_mark.line + (1 if value.end_mark.column else 0)
        if isinstance(value, (yaml.MappingNode, yaml.SequenceNode)) and not value.flow_style:
            starts = [(item[0] if isinstance(item, tuple) else item).start_mark.line for item in value.value]
            last = next((line for line in starts if line - first > LEAST_SHOWN), end)
        shown = lines[first:last]
        while not shown[-1].strip() or shown[-1].lstrip().startswith("#"):
            shown.pop()
        return "\n".join([*shown, *(["  # ..."] if last < end else [])])

    def shown(self, nodes: list[yaml.Node]) -> str:
        """The first of these values that is short and not empty, as the file writes it."""
        written = [self.text[node.start_mark.index : node.end_mark.index] for node in nodes]
        short = [words for words in written if "\n" not in words and len(words) <= LONGEST_SHOWN]
        found = next((words for words in short if words not in ("[]", "{}")), next(iter(short), ""))
        return f"`{found}`" if found else ""


def _inside(nodes: list[yaml.Node], step: str) -> list[yaml.Node]:
    mappings = [node for node in nodes if isinstance(node, yaml.MappingNode)]
    return [value for node in mappings for key, value in node.value if key.value == step]


def _entries(nodes: list[yaml.Node]) -> list[yaml.Node]:
    return [entry for node in nodes if isinstance(node, yaml.SequenceNode) for entry in node.value]


def _values(part: Schema) -> Schema | None:
    """What each value is, where the keys are one's own."""
    inner = part.get("additionalProperties") or next(iter(part.get("patternProperties", {}).values()), None)
    return inner if isinstance(inner, dict) else None


def _choices(part: Schema) -> list[Schema]:
    """The ways in which it can be written; a number that may also stand in quotes is a number."""
    ways: list[Schema] = part.get("anyOf") or part.get("oneOf") or []
    choices = [one for one in ways if one.get("type") != "null"]
    numbers = [one for one in choices if one.get("type") == "number"]
    return numbers or choices


def _limits(part: Schema) -> str:
    if "minimum" in part and "maximum" in part:
        return f", {part['minimum']:g} to {part['maximum']:g}"
    words = {"minimum": "{} or more", "exclusiveMinimum": "more than {}", "maximum": "{} at most"}
    found = [word.format(f"{part[name]:g}") for name, word in words.items() if name in part]
    return f", {', '.join(found)}" if found else ""


def _text(part: Schema) -> str:
    if "pattern" in part:
        return WRITTEN[part["pattern"]]
    return f"a text, {part['maxLength']} characters at most" if "maxLength" in part else "a text"


def _default(part: Schema) -> str:
    default = part["default"]
    return "nothing" if default is None else f"`{json.dumps(default)}`"


def _list(words: list[Any]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _table(found: list[Row]) -> str:
    """The rows, with those of the columns that have something in them."""
    columns = ("Key", "What it is", "What it takes", "Default", "Example")
    cells = [(f"`{row.path}`", *astuple(row)[1:]) for row in found]
    kept = [number for number in range(len(columns)) if any(row[number] for row in cells)]
    lines = [[columns[number] for number in kept], ["---" for _ in kept]]
    lines += [[str(row[number]).replace("|", "\\|") for number in kept] for row in cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def files() -> dict[Path, str]:
    """What belongs into each file."""
    return {
        DOCS / "procedure.md": page(),
        DOCS / "procedure.schema.json": json.dumps(schema(), indent=2, ensure_ascii=False) + "\n",
    }


if __name__ == "__main__":
    for path, content in files().items():
        path.write_text(content, encoding="utf-8")
        print(f"{path.relative_to(DOCS.parent)} is written.")

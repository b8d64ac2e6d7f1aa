"""The scripts in proof, for whoever writes them: `python -m bot scripts`, without Slack and without a database.

It lists what there is, shows one script as it will be said, gives all of them to programs (`--json`), and reads them
all in every way they can come out (`--check`).
"""

import argparse
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import yaml

from bot import settings
from bot.incident import ContactChannel, Emotion, Severity, Stage, Tier
from bot.paper import severity_of
from bot.procedure import Procedure
from bot.procedure_file import load
from bot.scripts import CHANNELS, FACTS, SMS, BrokenScript, Flag, Occasion, Script, Scripts, flags, is_gsm
from bot.settings import WrongSetup
from bot.wording import LANGUAGES, TEMPLATES

VALUES = Path(__file__).parent / "proof.yml"
OTHER = "something_else"  # a trigger that no script knows: a company's own
# The most that a script may take, in characters; of an SMS, in segments.
LONGEST = {
    "en": {"phone": 2400, "email": 2000, "chat": 600, "social": 280},
    "zh": {"phone": 2400, "email": 2000, "chat": 300, "social": 140},
}
SEGMENTS = {"en": 2, "zh": 3}


@dataclass(frozen=True)
class Values:
    """What is put into scripts when nobody has asked for anything else."""

    next_word: str
    facts: Mapping[str, str]
    company: str = ""
    agent: str | None = None
    customer: str | None = None
    product: str | None = None
    since: str | None = None

    @property
    def times(self) -> list[str]:
        """The times that a script may name with them."""
        return [time for time in (self.next_word, self.since, self.facts.get("eta")) if time]


def _values(kind: str) -> dict[str, Values]:
    """The values of a kind, by language."""
    written = yaml.safe_load(VALUES.read_text(encoding="utf-8"))[kind]
    return {language: Values(**values) for language, values in written.items()}


@dataclass(frozen=True)
class Answer:
    """What is printed: `lines` for standard output, `note` for whoever sits in front of it; and the exit code."""

    lines: Iterable[str]
    code: int = 0
    note: str = ""


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command and what it takes."""
    command = commands.add_parser(
        "scripts",
        help="list, show and check what is said to customers (no Slack needed)",
        description="Without STAGE and CHANNEL: lists the scripts. With them: shows one, as it would be said.",
        epilog=f"stages: {', '.join(Stage)}. channels: {', '.join(CHANNELS)}. facts: {', '.join(FACTS)}.",
    )
    command.add_argument("stage", nargs="?", metavar="STAGE", help="what the talk is for")
    command.add_argument("channel", nargs="?", metavar="CHANNEL", help="how it is said")
    command.add_argument("--check", action="store_true", help="read each one in every way; exit code 1 if one is wrong")
    command.add_argument("--json", action="store_true", help="one line of JSON for each way that a script can come out")
    for option, default, about in (
        ("language", "en", "en or zh"),
        ("severity", "2", "1, 2 or 3"),
        ("trigger", None, "what happened; the first of the procedure when left out"),
        ("tier", "ordinary", ", ".join(Tier)),
        ("emotion", "calm", ", ".join(Emotion)),
        ("agent", None, "who speaks; nobody's name when left out"),
        ("customer", None, "who listens; nobody's name when left out"),
        ("product", None, "what it is about; not named when left out"),
        ("since", None, "when it began; not said when left out"),
        ("next-word", "16:00", "when the customer hears from us again"),
        ("number", "INC-42", "the reference"),
    ):
        shown = f"{about} (default: {default})" if default else about
        command.add_argument(f"--{option}", default=default, metavar="WORDS", help=shown)
    command.add_argument(
        "--fact", action="append", default=[], metavar="NAME=WORDS", help="what is known; each fact once"
    )
    command.add_argument("--procedure", type=Path, metavar="FILE", help="another file than HOTLINE_PROCEDURE")
    command.add_argument("--templates", type=Path, metavar="FOLDER", help="another folder than HOTLINE_TEMPLATES")


def answer(asked: argparse.Namespace) -> Answer:
    """What is printed. Raises WrongSetup with a sentence for each mistake in what was asked."""
    if asked.templates and not asked.templates.is_dir():
        raise WrongSetup(f"--templates {asked.templates} is no folder.")
    own = asked.templates or settings.own_templates()
    procedure, scripts = load(asked.procedure or settings.procedure_path()), Scripts(own)
    stages = [Stage(_one_of("STAGE", asked.stage, [*Stage]))] if asked.stage else [*Stage]
    channels = [ContactChannel(_one_of("CHANNEL", asked.channel, CHANNELS))] if asked.channel else [*CHANNELS]
    try:
        if asked.check:
            return _checked(scripts, procedure, stages, channels)
        if asked.json:
            return Answer(_as_json(scripts, procedure, stages, channels))
        if asked.channel:
            return _shown(scripts, procedure, asked, stages[0], channels[0])
        return Answer([*_list(scripts, stages, channels)])
    except BrokenScript as error:
        raise WrongSetup(_broken(error)) from error


# -- one of them, and a list -------------------------------------------------------------------------------------------


def _shown(
    scripts: Scripts, procedure: Procedure, asked: argparse.Namespace, stage: Stage, channel: ContactChannel
) -> Answer:
    language = _one_of("--language", asked.language, LANGUAGES)
    trigger = asked.trigger or next(iter(procedure.triggers))
    script = scripts.render(
        Occasion(
            stage=stage,
            channel=channel,
            language=language,
            severity=severity_of(asked.severity),
            trigger=_one_of("--trigger", trigger, [*procedure.triggers]),
            tier=Tier(_one_of("--tier", asked.tier, [*Tier])),
            emotion=Emotion(_one_of("--emotion", asked.emotion, [*Emotion])),
            company=procedure.company.name.in_language(language),
            number=asked.number,
            next_word=asked.next_word,
            agent=asked.agent,
            customer=asked.customer,
            product=asked.product,
            since=asked.since,
            facts=_facts(asked.fact),
        )
    )
    missing = [f"--fact {name}=..." for name in script.missing]
    return Answer([script.text], note=f"Not told yet: {' '.join(missing)}" if missing else "")


def _facts(pairs: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    wrong = []
    for pair in pairs:
        name, is_pair, words = pair.partition("=")
        if name not in FACTS or not is_pair:
            wrong.append(f"--fact {pair} is none: write NAME=WORDS; known are {', '.join(FACTS)}.")
        elif name in found:
            wrong.append(f"--fact {name} stands there twice: give each fact once.")
        else:
            found[name] = words
    if wrong:
        raise WrongSetup(*wrong)
    return found


def _one_of(option: str, written: str, known: Sequence[str]) -> str:
    if written not in known:
        raise WrongSetup(f"{option} can't be {written}; it can be {', '.join(known)}.")
    return written


def _list(scripts: Scripts, stages: Sequence[Stage], channels: Sequence[ContactChannel]) -> Iterator[str]:
    """A line for each stage and channel: in which languages, what has to be told for it, and what may be."""
    rows = [("STAGE", "CHANNEL", "LANGUAGES", "NEEDS", "TAKES ALSO")]
    for stage in stages:
        needs, welcome = ", ".join(scripts.needs(stage)) or "-", ", ".join(scripts.welcome(stage)) or "-"
        for channel in channels:
            languages = [
                f"{language} (own)" if scripts.is_own(stage, channel, language) else language
                for language in LANGUAGES
                if scripts.path(stage, channel, language)
            ]
            rows.append((stage, channel, ", ".join(languages) or "none", needs, welcome))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


# -- all of them -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """One script, and the file in which it stands."""

    stage: Stage
    channel: ContactChannel
    language: str
    path: Path


@dataclass(frozen=True)
class Way:
    """How a script can come out."""

    severity: Severity
    trigger: str
    emotion: Emotion
    tier: Tier

    def __str__(self) -> str:
        return f"severity {self.severity}, {self.trigger}, {self.emotion}, {self.tier}"


def _occasion(place: Place, way: Way, values: Values, procedure: Procedure) -> Occasion:
    company = procedure.company.name.in_language(place.language)
    return Occasion(
        stage=place.stage,
        channel=place.channel,
        language=place.language,
        severity=way.severity,
        trigger=way.trigger,
        tier=way.tier,
        emotion=way.emotion,
        company=max(company, values.company, key=len),
        number="INC-1234",
        next_word=values.next_word,
        customers_affected=1200,
        reached=370,
        agent=values.agent,
        customer=values.customer,
        product=values.product,
        since=values.since,
        facts=values.facts,
    )


def _ways(procedure: Procedure, tiers: Iterable[Tier] = Tier) -> Iterator[Way]:
    for severity, trigger, emotion, tier in product(Severity, [*procedure.triggers, OTHER], Emotion, tiers):
        yield Way(severity, trigger, emotion, tier)


def _places(scripts: Scripts, stages: Sequence[Stage], channels: Sequence[ContactChannel]) -> Iterator[Place]:
    for stage, channel, language in product(stages, channels, LANGUAGES):
        if path := scripts.path(stage, channel, language):
            yield Place(stage, channel, language, path)


def _as_json(
    scripts: Scripts, procedure: Procedure, stages: Sequence[Stage], channels: Sequence[ContactChannel]
) -> Iterator[str]:
    """A line for each way, for programs. Raises WrongSetup at the first script that can't be filled in."""
    values = _values("usual")
    for place in _places(scripts, stages, channels):
        for way in _ways(procedure, [Tier.ORDINARY]):
            if way.trigger == OTHER:
                continue
            try:
                script = scripts.render(_occasion(place, way, values[place.language], procedure))
            except BrokenScript as error:
                raise WrongSetup(_broken(error)) from error
            found = {
                "stage": place.stage,
                "channel": place.channel,
                "language": place.language,
                "severity": int(way.severity),
                "trigger": way.trigger,
                "tier": way.tier,
                "emotion": way.emotion,
                "text": script.text,
                "segments": script.segments,
            }
            yield json.dumps(found, ensure_ascii=False)


# -- what is wrong with them -------------------------------------------------------------------------------------------


def _checked(
    scripts: Scripts, procedure: Procedure, stages: Sequence[Stage], channels: Sequence[ContactChannel]
) -> Answer:
    wrong = [*_strays(scripts, procedure)]
    reader = Reader(scripts, procedure)
    for stage, channel in product(stages, channels):
        needs = {}
        for language in LANGUAGES:
            path = scripts.path(stage, channel, language)
            if path is None:
                wrong.append(f"customer/{stage}/{channel}.{language}.j2: is not there.")
                continue
            place = Place(stage, channel, language, path)
            try:
                wrong += reader.mistakes(place)
                needs[language] = reader.needs(place)
            except BrokenScript as error:
                wrong.append(_broken(error))
        for language, facts in needs.items():
            for name in sorted(set().union(*needs.values()) - facts):
                others = ", ".join(other for other in needs if name in needs[other])
                path = scripts.path(stage, channel, language)
                wrong.append(f"{_name(path)}: does not say {name}, which the same script says in {others}.")
    if wrong:
        return Answer([*dict.fromkeys(wrong)], 1)
    return Answer([f"{reader.read} scripts are in order, read in {reader.ways} ways."])


def _strays(scripts: Scripts, procedure: Procedure) -> Iterator[str]:
    """Files of the company's folder that no script would ever be looked for in: usually a name with a mistake."""
    if scripts.own_folder is None:
        return
    if not (scripts.own_folder / "customer").is_dir():
        yield f"{scripts.own_folder}: has no folder customer, in which its scripts would be."
        return
    known = {
        f"customer/{stage}/{channel}.{language}.j2" for stage, channel, language in product(Stage, CHANNELS, LANGUAGES)
    }
    known |= {f"customer/_voice.{language}.j2" for language in LANGUAGES}
    known |= {
        f"customer/questions/{trigger}.{language}.j2"
        for trigger, language in product([*procedure.triggers, "_other"], LANGUAGES)
    }
    for path in sorted((scripts.own_folder / "customer").rglob("*")):
        if path.is_file() and path.relative_to(scripts.own_folder).as_posix() not in known:
            yield f"{path}: is never looked at: its name is no stage, channel and language, and no trigger."


class Reader:
    """Reads scripts in every way they can come out, and remembers the sentences that it has read."""

    def __init__(self, scripts: Scripts, procedure: Procedure) -> None:
        self.read = 0
        self.ways = 0
        self._scripts = scripts
        self._procedure = procedure
        self._longest = _values("longest")
        self._needs: dict[Place, set[str]] = {}
        self._flags: dict[str, list[Flag]] = {}

    def mistakes(self, place: Place) -> Iterator[str]:
        """A sentence with its file for each kind of mistake, with the way in which it comes out worst. Raises
        BrokenScript."""
        self.read += 1
        found: dict[tuple[Path, str], tuple[int, Way]] = {}
        seen: set[str] = set()
        for way, values in self._readings(place):
            script = self._script(place, way, values)
            if script.text in seen:
                continue
            seen.add(script.text)
            for path, sentence, size in self._wrong(place, script, values, way):
                if size > found.get((path, sentence), (-1, way))[0]:
                    found[path, sentence] = size, way
        for (path, sentence), (size, way) in found.items():
            yield f"{_name(path)}: {sentence.format(size=size)} ({way})."

    def needs(self, place: Place) -> set[str]:
        """The facts that it says in any way. Raises BrokenScript."""
        if place not in self._needs:
            nothing = Values("16:00", {})
            ways = [way for way in _ways(self._procedure, [Tier.ORDINARY]) if way.emotion is Emotion.CALM]
            self._needs[place] = {name for way in ways for name in self._script(place, way, nothing).missing}
        return self._needs[place]

    def _readings(self, place: Place) -> Iterator[tuple[Way, Values]]:
        """Every way with everything known, as long as it gets; and with nothing known that can be done without."""
        longest = self._longest[place.language]
        for way in _ways(self._procedure):
            yield way, longest
        bare = Values(longest.next_word, {name: longest.facts[name] for name in self.needs(place)})
        for way in _ways(self._procedure):
            if way.emotion is Emotion.FURIOUS and way.severity is Severity.ONE:
                yield way, bare

    def _script(self, place: Place, way: Way, values: Values) -> Script:
        self.ways += 1
        return self._scripts.render(_occasion(place, way, values, self._procedure))

    def _wrong(self, place: Place, script: Script, values: Values, way: Way) -> Iterator[tuple[Path, str, int]]:
        """The file, a sentence with a place for its size, and the size."""
        longest = LONGEST[place.language].get(place.channel)
        if longest and len(script.text) > longest:
            yield place.path, f"has {{size}} characters, {longest} at most", len(script.text)
        if script.segments and script.segments > SEGMENTS[place.language]:
            yield place.path, f"takes {{size}} SMS, {SEGMENTS[place.language]} at most", script.segments
        if place.channel is SMS and place.language == "en" and not is_gsm(script.text):
            yield place.path, "has letters that no plain SMS has, so that it takes twice as many", 0
        if re.search(r"\bNone\b", script.text):
            yield place.path, "says None where something is not known", 0
        for sentence in re.split(r"(?<=[.?])\s+|(?<=[。？])|\n", script.text):
            for flag in self._flagged(sentence, values):
                why = {"never_said": "is never said", "unsafe": "promises too much", "time": "is a time on no record"}
                words = flag.words.replace("{", "{{").replace("}", "}}")
                yield self._where(flag.words, place, way), f"“{words}” {why[flag.kind]}", 0

    def _flagged(self, sentence: str, values: Values) -> list[Flag]:
        if sentence not in self._flags:
            self._flags[sentence] = flags(sentence, self._procedure, values.times)
        return self._flags[sentence]

    def _where(self, words: str, place: Place, way: Way) -> Path:
        """The file in which these words stand: the script's own, or one that it uses."""
        names = [f"_voice.{place.language}.j2"]
        names += [f"questions/{trigger}.{place.language}.j2" for trigger in (way.trigger, "_other")]
        used = [place.path, *(folder / "customer" / name for name in names for folder in self._scripts.folders)]
        found = (path for path in used if path.is_file() and words.casefold() in path.read_text("utf-8").casefold())
        return next(found, place.path)


def _broken(error: BrokenScript) -> str:
    return f"{_name(error.path)}: {error.sentence.rstrip('.')}."


def _name(path: Path | None) -> str:
    """A file as its author knows it."""
    if path is None:
        return ""
    return str(path.relative_to(TEMPLATES.parent) if path.is_relative_to(TEMPLATES) else path)

"""The form about a contact, in an incident with 5,000 customers beside one with 5; and the words that it renders."""

import itertools
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

from cryptography.fernet import Fernet

from bench import databases, figures
from bench.figures import Line
from bench.workspace import BOT, Workspace, answers, workspace
from bot.incident import Customer, Emotion, Outcome, Severity, Stage, Tier
from bot.scripts import CHANNELS, FACTS, Occasion, Scripts
from storage import customers
from storage.db import Database
from storage.encryption import Cipher

WARM_UP = 10
MANY, FEW = 5000, 5
LONGEST_RENDER_MS = 5


def measure(kind: str, quick: bool) -> Iterator[Line]:
    """What the person waits, from the click to its acknowledgement, which is when the form stands."""
    with ExitStack() as stack:
        url = stack.enter_context(databases.database(kind))
        key = Fernet.generate_key().decode()
        place = stack.enter_context(workspace(BOT, {"DATABASE_URL": url, "HOTLINE_ENCRYPTION_KEYS": key}))
        cards = [_incident(place, title) for title in ("Payments fail", "Messages are late")]
        db = Database(url, Cipher([key]))
        stack.callback(db.close)
        for number, count in ((1, MANY), (2, FEW)):
            _fill(db, number, count)
        _in_turn(place, cards, WARM_UP)
        many, few = (figures.of(took) for took in _in_turn(place, cards, 20 if quick else 150))
        ratio = many.median / few.median
        yield Line(f"contact form, {MANY:,} customers / {FEW}, {kind}", many, few, ratio, "<= 1.3 x", ratio <= 1.3)
    if kind == databases.SQLITE:  # no database in it: once is enough
        rendered = figures.of(list(_rendered()))
        worst = rendered.median
        yield Line("a script is rendered", rendered, None, None, "median < 5 ms", worst < LONGEST_RENDER_MS)


def _incident(place: Workspace, title: str) -> tuple[str, str]:
    place.open_form("ada")
    place.act("act/submit", user="ada", values=answers(title))
    place.act("act/close", user="ada", all=True)
    assert place.is_quiet()
    for channel in place.get("state")["channels"].values():
        for message in channel["messages"]:
            if title in str(message.get("blocks")) and "contact.open" in str(message.get("blocks")):
                return channel["id"], message["ts"]
    raise AssertionError("there is no card")


def _fill(db: Database, incident_id: int, count: int) -> None:
    now = datetime.now(UTC)
    with db.begin() as tx:
        new = [Customer(f"Customer {number}", f"N{number}", f"+44 20 7946 {number:04}") for number in range(count - 1)]
        customers.add(tx, incident_id, new, "U0ADA", now)
        ids = customers.ids_of(tx, incident_id, unheard_only=True)
        # Half of them have heard, and some did not answer.
        customers.set_tried(tx, ids[: count // 2], Outcome.REACHED, "U0ADA", now - timedelta(minutes=5), Emotion.CALM)
        customers.set_tried(tx, ids[count // 2 : count * 6 // 10], Outcome.NO_ANSWER, "U0ADA", now)


def _in_turn(place: Workspace, cards: list[tuple[str, str]], times: int) -> tuple[list[float], list[float]]:
    took: tuple[list[float], list[float]] = ([], [])
    for number in range(times):
        for index in (0, 1) if number % 2 else (1, 0):
            channel, ts = cards[index]
            outcome = place.act("act/click", user="ada", channel=channel, ts=ts, action_id="contact.open")
            assert outcome["view"], outcome
            took[index].append(outcome["took_ms"])
            place.act("act/close", user="ada", all=True)
    return took


def _rendered() -> Iterator[float]:
    """Each script once, as it comes: what was compiled before is kept, as in the bot."""
    scripts = Scripts()
    facts = dict.fromkeys(FACTS, "The faulty part is being replaced")
    for stage, channel, language, severity in itertools.product(Stage, CHANNELS, ("en", "zh"), Severity):
        occasion = Occasion(
            stage=stage,
            channel=channel,
            language=language,
            severity=severity,
            trigger="system_failure",
            tier=Tier.VIP,
            emotion=Emotion.ANGRY,
            company="Northlight Support",
            number="INC-42",
            next_word="16:00",
            agent="Ada Okafor",
            customer="Acme Ltd",
            facts=facts,
        )
        began = time.perf_counter()
        scripts.render(occasion)
        yield (time.perf_counter() - began) * 1000

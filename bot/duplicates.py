"""Which open incidents are likely the same as the one that is being reported."""

import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from bot.incident import Incident
from bot.procedure import Duplicates

MOST = 3


@dataclass(frozen=True)
class Draft:
    """What a form says so far; empty is what it does not say yet."""

    title: str
    trigger: str
    product: str = ""


def likely(draft: Draft, incidents: Iterable[Incident], rule: Duplicates, now: datetime) -> list[Incident]:
    """The open incidents that are likely the same, the likeliest first, at most three.

    Those of the same kind, reported a short while ago, with a similar title or about the same product. Another product
    makes another incident.
    """
    since, found = earliest(rule, now), []
    for incident in incidents:
        if not incident.status.is_open or incident.trigger != draft.trigger or incident.reported_at < since:
            continue
        mine, theirs = _plain(draft.product), _plain(incident.product)
        same_product = bool(mine) and mine == theirs
        if mine and theirs and not same_product:
            continue
        likeness = similarity(draft.title, incident.title)
        similar = likeness >= rule.similarity
        if similar or same_product:
            found.append(((similar, same_product, likeness, incident.reported_at), incident))
    found.sort(key=lambda each: each[0], reverse=True)
    return [incident for _, incident in found[:MOST]]


def earliest(rule: Duplicates, now: datetime) -> datetime:
    """Since when an incident must have been reported to be the same."""
    return now - timedelta(minutes=rule.within)


def similarity(one: str, other: str) -> float:
    """How alike two titles are, from 0 to 1: the share of pairs of neighbouring characters that they have in common.

    Pairs need no words, so that Chinese is compared like English.
    """
    ours, theirs = _pairs(one), _pairs(other)
    together = ours.total() + theirs.total()
    return 2 * (ours & theirs).total() / together if together else 0.0


def _pairs(title: str) -> Counter[tuple[str, str]]:
    letters = [letter for letter in _plain(title) if letter.isalnum()]
    return Counter(pairwise(letters))


def _plain(words: str) -> str:
    """Without what makes no difference: case, width of letters, space around."""
    return unicodedata.normalize("NFKC", words).casefold().strip()

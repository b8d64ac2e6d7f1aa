"""How far the customers have confirmed that it is solved, and how satisfied they are, in one line each.

Not a step of its own: the card shows it, and whatever goes on between fixed and closed goes by it.
"""

from collections.abc import Sequence
from decimal import Decimal

from sqlalchemy import Connection

from bot import closing as rules
from bot.closing import Answer, Rating, Tally
from bot.incident import Incident
from bot.wording import Mrkdwn, Wording
from handlers.desk import Desk
from storage import confirmations, customers


def of(desk: Desk, tx: Connection, incident: Incident, answers: Sequence[Answer] | None = None) -> Tally:
    """How far this round is confirmed (domain.md section 8)."""
    if answers is None:
        answers = confirmations.answers(tx, incident.id, incident.round)
    total = customers.counts(tx, incident).total
    listed, counted = customers.ids_of(tx, incident.id, False), customers.counted_ids(tx, incident.id)
    return rules.tally(answers, listed, counted, total, desk.procedure.closing.enough(total))


def progress(tally: Tally, words: Wording) -> Mrkdwn:
    """`Confirmed by 41 of 120 (96 needed)`."""
    needed, total = words.number(tally.needed), words.number(tally.total)
    return words.mrkdwn("closing.progress", counted=words.number(tally.counted), total=total, needed=needed)


def satisfaction(ratings: Sequence[Rating], words: Wording) -> Mrkdwn:
    """`Satisfaction 4.1 of 5 (12 answers)`."""
    mean = words.number(rules.average(ratings) or Decimal(0))
    return words.mrkdwn("closing.satisfaction", n=len(rules.counting(ratings)), average=mean)

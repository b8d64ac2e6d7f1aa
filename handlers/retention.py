"""Customers' data are not kept for ever: so many days after an incident is over they are erased, and figures stay.

The clock's own job, once an hour: procedure file -> incidents whose time has come -> storage/erasure.py, one by one ->
what was said about them is drawn again without the customers.
"""

import threading
from datetime import datetime, timedelta

import structlog
from sqlalchemy.exc import OperationalError

from bot.confidential import masking
from handlers.desk import Desk
from storage import erasure, incidents, journal, outbox
from storage.encryption import WrongKey

log = structlog.get_logger(__name__)

EVERY = timedelta(hours=1)
BATCH = 100


class Retention:
    """Looks now and then whether there is something to erase."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._looking = threading.Lock()
        self._looked_at: datetime | None = None

    def look(self) -> None:
        """Erases what is due, unless somebody has just looked. Several replicas may: each incident is erased once."""
        now = self._desk.now()
        with self._looking:
            if self._looked_at is not None and now - self._looked_at < EVERY:
                return
            try:
                erase_due(self._desk)
            except OperationalError as error:
                log.warning(
                    "the database can't be reached; what is due is erased later", error=type(error.orig).__name__
                )
                return  # the next sweep looks again
            self._looked_at = now


def erase_due(desk: Desk) -> int:
    """Erases the customers' data of all incidents whose time has come. Returns of how many."""
    days, now = desk.procedure.confidentiality.erase_after_days, desk.now()
    if days is None:
        return 0
    before, count = now - timedelta(days=days), 0
    while True:
        with desk.db.read() as tx:
            found = erasure.due(tx, before, BATCH)
        erased = sum(_erase(desk, number, now) for number in found)
        count += erased
        desk.wake()
        if len(found) < BATCH or not erased:
            return count


def _erase(desk: Desk, number: int, now: datetime) -> bool:
    """One incident; False when another replica was faster, or its customers can't be read."""
    try:
        with desk.db.read() as tx:
            mask = masking(erasure.known_of(tx, number))  # thousands of names are opened outside of the transaction
    except WrongKey:
        log.warning("customers' data can't be erased: their key is not in HOTLINE_ENCRYPTION_KEYS", incident=number)
        return False
    with desk.db.begin() as tx:
        incident = incidents.get(tx, number, lock=True)
        if incident.customers_erased_at is not None or incident.status.is_open:
            return False
        erased = erasure.erase_all(tx, number, mask, now)
        journal.add(tx, number, "customers_erased", None, now, **vars(erased))
        archived = "incident" if incident.archived_at else ""  # nobody can draw there any more
        outbox.redraw_all(tx, number, now, but_not_in=archived, by_and_by=True)
    log.info("customers' data erased", incident=number, customers=erased.customers)
    return True

"""The procedure file changes while the bot runs: looked at with each sweep -> taken over, noted once in the journal.

A wrong file is not taken over: what it said before stays in force, and the log says so. Deadlines that run keep their
times (design.md decision 4); what starts from then on goes by the new file.
"""

import structlog
from sqlalchemy.exc import OperationalError

from handlers import people
from handlers.desk import Desk
from handlers.metrics import PROCEDURE_IS_OLD
from storage import journal, procedures

log = structlog.get_logger(__name__)


def reread(desk: Desk) -> bool:
    """Looks at the file. Returns whether another procedure than before is in force, so that its gaps can be looked for.

    Called at the start too: a file that was changed while nothing ran is noted as well.
    """
    found = desk.file.look()
    PROCEDURE_IS_OLD.set(bool(found.wrong))
    if found.is_news and found.wrong:
        log.warning("the procedure file can't be used: what it said before stays in force", mistakes=len(found.wrong))
        for sentence in found.wrong:
            log.warning(sentence)
    elif found.is_news:
        log.info("the procedure file was read again", changed=found.has_changed)
    fingerprint = desk.file.current.fingerprint
    if desk.file.noted != fingerprint:
        _note(desk, fingerprint)
    return found.has_changed


def _note(desk: Desk, fingerprint: str) -> None:
    """Drawn forms are forgotten, the user groups that the file names are asked for, and the journal has it once."""
    desk.drawn.clear()
    try:
        with desk.db.begin() as tx:
            if procedures.set_current(tx, fingerprint):
                journal.add(tx, None, "procedure_changed", None, desk.now(), fingerprint=fingerprint)
        people.ask_for_groups(desk)
    except OperationalError as error:
        log.warning("the database can't be reached; the change is noted later", error=type(error.orig).__name__)
        return
    desk.file.noted = fingerprint

"""Which content of the procedure file is in force, by its fingerprint: so that a change is noted once."""

from sqlalchemy import Connection, update

from storage.db import upsert
from storage.tables import facts

NAME = "procedure"


def set_current(tx: Connection, fingerprint: str) -> bool:
    """Remembers what is in force. Returns whether it was something else before: of several that tell, one hears it."""
    first = upsert(tx, facts).values(name=NAME, value=fingerprint).on_conflict_do_nothing(index_elements=["name"])
    if tx.execute(first.returning(facts.c.name)).one_or_none():
        return False
    changed = update(facts).where(facts.c.name == NAME, facts.c.value != fingerprint).values(value=fingerprint)
    return bool(tx.execute(changed).rowcount)

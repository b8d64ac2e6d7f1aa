"""A new encryption key comes, the old one goes: everything that is sealed is sealed again with the first key."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Table, bindparam, select, update

from storage.db import Database
from storage.encryption import cipher_of
from storage.schema import KEY_CHECK
from storage.tables import SEALED, facts

BATCH = 500


@dataclass(frozen=True)
class Rotated:
    """How many rows of each table were sealed again, and how many in all have something sealed."""

    again: Mapping[str, int]
    all: int


def rotate(db: Database, batch: int = BATCH) -> Rotated:
    """Seals everything with the first key, in batches.

    The bot may run meanwhile: what it writes at the same moment wins, and is looked at once more. Broken off, it goes
    on where it stopped. The proof of the keys comes last: until then nobody can start without the old key.
    Raises WrongKey when something was sealed with a key that is not there.
    """
    again: Counter[str] = Counter()
    while True:
        before, every = again.total(), 0
        for table in SEALED:
            if table is not facts:
                every += _rotate(db, table, batch, again)
        if again.total() == before:
            break
    every += _rotate(db, facts, batch, again)
    return Rotated(dict(again), every)


def _rotate(db: Database, table: Table, batch: int, again: Counter[str]) -> int:
    """One table; counts in `again` what was sealed again. Returns how many rows have something sealed."""
    key, names = next(iter(table.primary_key)), SEALED[table]
    question = select(key, *(table.c[name] for name in names)).where(_part(table)).order_by(key).limit(batch)
    every, last = 0, None
    while True:
        with db.read() as tx:  # what is slow stands outside of the transaction that writes
            cipher = cipher_of(tx)
            rows = tx.execute(question if last is None else question.where(key > last)).all()
        old = [
            (row[0], name, sealed)
            for row in rows
            for name, sealed in zip(names, row[1:], strict=True)
            if not cipher.has_first_key(sealed)
        ]
        changes = [(name, {"row": row, "old": sealed, "new": cipher.seal_again(sealed)}) for row, name, sealed in old]
        if changes:
            with db.begin() as tx:
                for name, values in changes:
                    here = update(table).where(key == bindparam("row"), table.c[name] == bindparam("old"))
                    tx.execute(here.values({name: bindparam("new")}), values)
            again[table.name] += len({row for row, _, _ in old})
        every += sum(any(row[1:]) for row in rows)
        if len(rows) < batch:
            return every
        last = rows[-1][0]


def _part(table: Table) -> ColumnElement[bool]:
    return facts.c.name == KEY_CHECK if table is facts else table.c.id > 0

"""Who is who: people with their language, user groups, and the channels that the procedure names."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, select

from bot.incident import Person
from storage.db import upsert
from storage.tables import as_dict, people, places, rosters

ONE = select(people).where(people.c.user_id == bindparam("user"))
DM_CHANNEL = select(people.c.dm_channel_id).where(people.c.user_id == bindparam("user"))
PLACE = select(places.c.channel_id).where(places.c.name == bindparam("name"))
ROSTERS = select(rosters.c.handle, rosters.c.members)
NOT_THERE = select(people.c.user_id).where(
    people.c.user_id.in_(bindparam("users", expanding=True)), people.c.is_active.is_(False)
)


def get(tx: Connection, user_id: str) -> Person | None:
    """A person the bot knows."""
    row = tx.execute(ONE, {"user": user_id}).one_or_none()
    if row is None or row.learned_at is None:
        return None
    return _person(as_dict(row))


def names(tx: Connection, user_ids: Iterable[str]) -> dict[str, str]:
    """How these people are called, those who have left too; without those whom the bot does not know."""
    question = select(people.c.user_id, people.c.name).where(people.c.user_id.in_(list(user_ids)), people.c.name != "")
    return {row.user_id: row.name for row in tx.execute(question)}


def learn(tx: Connection, known: Sequence[Person], now: datetime) -> None:
    """Remembers people as Slack describes them now."""
    if not known:
        return
    statement = upsert(tx, people)
    learned = {name: statement.excluded[name] for name in ("name", "language", "timezone", "is_active", "learned_at")}
    rows = [{**asdict(person), "learned_at": now} for person in known]
    for row in rows:
        del row["dm_channel_id"], row["home_at"], row["home_page"]
    tx.execute(statement.on_conflict_do_update(index_elements=["user_id"], set_=learned), rows)


def dm_channel(tx: Connection, user_id: str) -> str | None:
    """The direct message channel with somebody, if it was opened before."""
    return tx.execute(DM_CHANNEL, {"user": user_id}).scalar_one_or_none()


def set_dm_channel(tx: Connection, user_id: str, channel_id: str) -> None:
    """Remembers the direct message channel with somebody, whether or not they are known."""
    statement = upsert(tx, people).values(user_id=user_id, is_active=True, dm_channel_id=channel_id)
    tx.execute(statement.on_conflict_do_update(index_elements=["user_id"], set_={"dm_channel_id": channel_id}))


def set_home(tx: Connection, user_id: str, now: datetime, page: int | None = None) -> None:
    """Somebody looks at their App Home, whether or not they are known; at this page, or at the one as before."""
    looks = {"home_at": now} if page is None else {"home_at": now, "home_page": page}
    statement = upsert(tx, people).values(user_id=user_id, is_active=True, **looks)
    tx.execute(statement.on_conflict_do_update(index_elements=["user_id"], set_=looks))


def not_there(tx: Connection, user_ids: Iterable[str]) -> set[str]:
    """Who of them has left the workspace."""
    return set(tx.execute(NOT_THERE, {"users": list(user_ids)}).scalars())


def there(tx: Connection, user_ids: Iterable[str]) -> set[str]:
    """Who of them was in the workspace when we last looked."""
    question = select(people.c.user_id).where(people.c.user_id.in_(list(user_ids)), people.c.is_active.is_(True))
    return set(tx.execute(question).scalars())


def set_roster(tx: Connection, handle: str, members: Sequence[str], now: datetime) -> None:
    """Remembers who is in a user group."""
    statement = upsert(tx, rosters).values(handle=handle, members=list(members), learned_at=now)
    tx.execute(
        statement.on_conflict_do_update(index_elements=["handle"], set_={"members": list(members), "learned_at": now})
    )


def roster_members(tx: Connection) -> dict[str, list[str]]:
    """The members of the user groups, by handle, without those who have left the workspace."""
    known = {row.handle: list(row.members) for row in tx.execute(ROSTERS)}
    gone = not_there(tx, {user for users in known.values() for user in users})
    return {handle: [user for user in users if user not in gone] for handle, users in known.items()}


def place(tx: Connection, name: str) -> str | None:
    """The id of a channel that the procedure names, by its name or its id, once the bot has reached it."""
    return tx.execute(PLACE, {"name": name}).scalar_one_or_none()


def set_place(tx: Connection, name: str, channel_id: str) -> None:
    """Remembers which channel the procedure means by this name or id."""
    # Two incidents may look for the same channel at the same moment.
    statement = upsert(tx, places).values(name=name, channel_id=channel_id)
    tx.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"channel_id": channel_id}))


def forget_place(tx: Connection, name: str) -> None:
    """The channel of this name is gone; it is looked for again."""
    tx.execute(delete(places).where(places.c.name == name))


def _person(row: dict[str, object]) -> Person:
    del row["learned_at"]
    return Person(**row)  # type: ignore[arg-type]  # the columns are the fields

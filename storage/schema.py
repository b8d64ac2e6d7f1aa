"""Brings the database's tables to the shape of this version, and proves that the encryption keys are its own."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, insert, select, text

from bot.settings import WrongSetup
from storage.db import Database
from storage.encryption import WrongKey, cipher_of
from storage.tables import facts

MIGRATIONS = Path(__file__).parent / "migrations"
KEY_CHECK = "key_check"
LOCK = 4815162342  # any number, the same in every replica


def migrate(db: Database) -> None:
    """Runs what is missing of `storage/migrations/`; of several that start together one does it, the others wait.

    Raises WrongSetup when the database belongs to a newer version, or to other encryption keys.
    """
    with db.begin() as tx:  # on SQLite this takes the write lock
        if tx.dialect.name == "postgresql":
            tx.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        _check_version(tx)
        config = _config()
        config.attributes["connection"] = tx
        command.upgrade(config, "head")
        _check_keys(tx)


def check(db: Database) -> None:
    """Raises WrongSetup when the database has another shape than this version's, or belongs to other keys."""
    if not look(db):
        raise WrongSetup("The database is not in the shape of this version: `python -m bot migrate` brings it there.")
    with db.begin() as tx:
        _check_keys(tx)


def look(db: Database) -> bool:
    """Whether the tables have the shape of this version; changes nothing.

    Raises WrongSetup like `migrate`, when the database belongs to a newer version, or to other encryption keys.
    """
    with db.read() as tx:
        _check_version(tx)
        version = _version(tx)
        if version is not None:
            _has_proof(tx)
        return version == ScriptDirectory.from_config(_config()).get_current_head()


def _check_version(tx: Connection) -> None:
    version = _version(tx)
    if version is not None and version not in _known():
        raise WrongSetup(
            f"The database was written by a newer version of Hotline (migration {version}): "
            "start that version, or a newer one."
        )


def _version(tx: Connection) -> str | None:
    return MigrationContext.configure(tx).get_current_revision()


def _known() -> set[str]:
    return {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _check_keys(tx: Connection) -> None:
    if not _has_proof(tx):
        tx.execute(insert(facts).values(name=KEY_CHECK, value=cipher_of(tx).seal("hotline")))


def _has_proof(tx: Connection) -> bool:
    """Whether the database has what proves the keys. Raises WrongSetup when they are not its own."""
    sealed = tx.execute(select(facts.c.value).where(facts.c.name == KEY_CHECK)).scalar_one_or_none()
    if sealed is None:
        return False
    try:
        cipher_of(tx).open(sealed)
    except WrongKey:
        raise WrongSetup(
            "HOTLINE_ENCRYPTION_KEYS has none of the keys that this database was written with: "
            "put the old key behind the new one, separated by a comma. Without it customers' data can't be read."
        ) from None
    return True

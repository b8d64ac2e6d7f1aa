"""Customers' data are encrypted at rest (design.md decision 7): the first key encrypts, all can decrypt."""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import Connection

from bot.settings import WrongSetup


class Cipher:
    """Seals and opens words with the installation's keys.

    Raises WrongSetup when there is no key, or one is not a Fernet key; the keys are never in the sentence.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise WrongSetup(HOW_TO_MAKE_A_KEY)
        try:
            every = [Fernet(key) for key in keys]
            self._first, self._fernet = every[0], MultiFernet(every)
        except ValueError:
            raise WrongSetup(
                f"HOTLINE_ENCRYPTION_KEYS has a key that is not one (32 bytes, url-safe base64). {HOW_TO_MAKE_A_KEY}"
            ) from None

    def seal(self, words: str) -> str:
        """Encrypts; nothing stays nothing."""
        return self._fernet.encrypt(words.encode()).decode() if words else ""

    def open(self, sealed: str) -> str:
        """Decrypts. Raises WrongKey when none of the keys fits."""
        if not sealed:
            return ""
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise WrongKey from None

    def has_first_key(self, sealed: str) -> bool:
        """Whether it was sealed with the first key, or is nothing."""
        try:
            if sealed:
                self._first.decrypt(sealed.encode())
        except InvalidToken:
            return False
        return True

    def seal_again(self, sealed: str) -> str:
        """The same words sealed with the first key, by the time at which they were sealed before. Raises WrongKey."""
        try:
            return self._fernet.rotate(sealed.encode()).decode() if sealed else ""
        except InvalidToken:
            raise WrongKey from None


class WrongKey(Exception):  # noqa: N818 - it says what it is
    """What is in the database was encrypted with a key that is not in HOTLINE_ENCRYPTION_KEYS."""


HOW_TO_MAKE_A_KEY = (
    "Set HOTLINE_ENCRYPTION_KEYS: customers' names and contact details are encrypted with it. "
    "`python -m bot keys new` prints a new key; keep it where you keep passwords."
)


def cipher_of(tx: Connection) -> Cipher:
    """The cipher that the database was opened with."""
    cipher = tx.get_execution_options()["cipher"]
    assert isinstance(cipher, Cipher)  # noqa: S101 - storage/db.py puts it there
    return cipher


def how_to_rotate(beside: Path | None) -> str:
    """What to do while there is one key: a new one comes in front of it. `beside` is its file, if it is in one."""
    if beside is None:
        return (
            "There is one key, so there is nothing to rotate. Put a new one (`python -m bot keys new`) in front of it "
            "in HOTLINE_ENCRYPTION_KEYS, separated by a comma, and restart the bot; then rotate."
        )
    return (
        f"The key of this database is in {beside}. To change it, set HOTLINE_ENCRYPTION_KEYS to a new one "
        "(`python -m bot keys new`), a comma, and what is in that file, and restart the bot; then rotate. After that "
        "set HOTLINE_ENCRYPTION_KEYS to the new key alone, and delete the file."
    )


def key_beside(path: Path) -> str:
    """The key of an embedded database: in a file of its own, made once, readable by its owner alone.

    Raises WrongSetup when there is no key in it.
    """
    if not path.exists():
        _make_key(path)
    try:
        key = path.read_text().strip()
        Fernet(key)
    except ValueError:
        raise WrongSetup(
            f"There is no key in the file {path}, which has the key of this database: restore it from the backup. "
            "With a new one customers' data can't be read."
        ) from None
    return key


def _make_key(path: Path) -> None:
    """The file is there with the whole key in it, or not at all: whoever loses power finds no half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")  # its owner alone can read it
    try:
        with os.fdopen(handle, "w") as file:
            file.write(Fernet.generate_key().decode())
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, path)
        except FileExistsError:
            pass  # another process that starts beside this one was a moment faster
        except OSError:  # not every file system has links
            Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)

"""Remembers the workspace across restarts: one JSON document per object, written through at every change."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class Store:
    """With a folder: SQLite in WAL mode, so that what was written survives `kill -9`. Without one: nothing is kept."""

    def __init__(self, folder: Path | None) -> None:
        self._db: sqlite3.Connection | None = None
        if folder is None:
            return
        folder.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(folder / "workspace.db", isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=OFF")  # the process may die at any time, the machine need not
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS objects (kind TEXT, id TEXT, doc TEXT, PRIMARY KEY (kind, id)) WITHOUT ROWID"
        )
        self._db.execute("CREATE TABLE IF NOT EXISTS blobs (id TEXT PRIMARY KEY, data BLOB)")

    def save(self, kind: str, id_: str, doc: Any) -> None:
        """`doc` is a dataclass instance that holds nothing but JSON values, or a dict."""
        if self._db is not None:
            fields = doc if isinstance(doc, dict) else vars(doc)
            text = json.dumps(fields, ensure_ascii=False)
            self._db.execute("INSERT OR REPLACE INTO objects VALUES (?, ?, ?)", (kind, id_, text))

    def remove(self, kind: str, id_: str) -> None:
        if self._db is not None:
            self._db.execute("DELETE FROM objects WHERE kind = ? AND id = ?", (kind, id_))

    def load(self, kind: str) -> Iterator[dict[str, Any]]:
        if self._db is not None:
            for (text,) in self._db.execute("SELECT doc FROM objects WHERE kind = ? ORDER BY id", (kind,)):
                yield json.loads(text)

    def save_bytes(self, id_: str, data: bytes) -> None:
        if self._db is not None:
            self._db.execute("INSERT OR REPLACE INTO blobs VALUES (?, ?)", (id_, data))

    def load_bytes(self) -> Iterator[tuple[str, bytes]]:
        if self._db is not None:
            yield from self._db.execute("SELECT id, data FROM blobs")

    def clear(self) -> None:
        if self._db is not None:
            self._db.execute("DELETE FROM objects")
            self._db.execute("DELETE FROM blobs")

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

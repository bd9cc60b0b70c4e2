"""SQLite alone, as Python has it: a table with a key, and the same journal."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from benchmarks.rivals.adding import main

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.texts import Row

_TABLE = "CREATE TABLE documents (id TEXT PRIMARY KEY, title TEXT, text TEXT, metadata TEXT)"
_SYNCHRONOUS = {"full": "FULL", "relaxed": "NORMAL"}


class _Sqlite:
    def open(self, folder: Path, durability: str) -> None:
        self._connection = sqlite3.connect(folder / "added.sqlite", isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute(f"PRAGMA synchronous = {_SYNCHRONOUS[durability]}")
        self._connection.execute(_TABLE)

    def prepared(self, some: list[Row]) -> list[Row]:
        return some

    def add(self, some: list[Row]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany("INSERT INTO documents VALUES (?, ?, ?, ?)", some)
        self._connection.execute("COMMIT")

    def count(self) -> int:
        (count,) = self._connection.execute("SELECT count(*) FROM documents").fetchone()
        return int(count)


if __name__ == "__main__":
    main(_Sqlite())

"""The least that can be done: lines at the end of a file, and for "full" a flush."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from benchmarks.rivals.adding import main

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.texts import Row


class _File:
    def open(self, folder: Path, durability: str) -> None:
        self._path, self._flushed = folder / "added.jsonl", durability == "full"
        self._file = self._path.open("ab", buffering=0)

    def prepared(self, some: list[Row]) -> bytes:
        return "".join(f"{json.dumps(row)}\n" for row in some).encode("utf-8")

    def add(self, some: bytes) -> None:
        self._file.write(some)
        if self._flushed:
            os.fsync(self._file.fileno())

    def count(self) -> int:
        with self._path.open("rb") as lines:
            return sum(1 for _ in lines)


if __name__ == "__main__":
    main(_File())

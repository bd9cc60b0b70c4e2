"""Our own record, through `Workspace.add`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import embedsearch as es
from benchmarks.rivals.adding import main

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.texts import Row


class _Embedsearch:
    def open(self, folder: Path, durability: str) -> None:
        es.create(folder / "added.es").close()
        self._workspace = es.open(folder / "added.es", mode="w", durability=durability)

    def prepared(self, some: list[Row]) -> list[es.Document]:
        return [es.Document(id, text, json.loads(facts), title) for id, title, text, facts in some]

    def add(self, some: list[es.Document]) -> None:
        self._workspace.add(some)

    def count(self) -> int:
        return len(self._workspace.documents)


if __name__ == "__main__":
    main(_Embedsearch())

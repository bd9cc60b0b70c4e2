"""What keeps documents is told and tells: one process each, asked in turn over a pipe."""

from __future__ import annotations

import time
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from benchmarks.rivals.neighbors import serve
from benchmarks.texts import rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.texts import Row


class Keeper(Protocol):
    """Keeps documents."""

    def open(self, folder: Path, durability: str, /) -> None:
        """Make what they are kept in: "full" or "relaxed"."""

    def prepared(self, some: list[Row], /) -> Any:
        """Return documents in the form in which `add` takes them; this is not timed."""

    def add(self, some: Any, /) -> None:
        """Add documents with new ids, all or none; they are kept when this returns."""

    def count(self) -> int:
        """Count what is kept."""


class Server:
    """Answers requests, one JSON object a line.

    Args:
        keeper: What is measured.
    """

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._rows: Iterator[Row] = iter(())
        self._added = 0

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do one of the steps below, by its name in `do`."""
        steps: dict[str, Callable[..., dict[str, Any]]] = {
            "open": self.open,
            "measure": self.measure,
            "check": self.check,
        }
        return steps[request.pop("do")](**request)

    def open(self, folder: str, durability: str, corpus: str | None) -> dict[str, Any]:
        """Make an empty store."""
        self._keeper.open(Path(folder), durability)
        self._rows = rows(corpus)
        return {}

    def measure(self, batch: int, seconds: float) -> dict[str, Any]:
        """Add documents for about so many seconds, so many at once; texts are made beforehand."""
        done, wall, cpu = 0, 0.0, 0.0
        while not done or wall < seconds:
            some = self._keeper.prepared(list(islice(self._rows, batch)))
            start = time.perf_counter(), time.process_time()
            self._keeper.add(some)
            wall += time.perf_counter() - start[0]
            cpu += time.process_time() - start[1]
            done += batch
        self._added += done
        return {"documents": done, "seconds": wall, "cpu_seconds": cpu}

    def check(self) -> dict[str, Any]:
        """Tell whether all that was added is there."""
        return {"added": self._added, "kept": self._keeper.count()}


def main(keeper: Keeper) -> None:
    """Serve one."""
    serve(Server(keeper).answer)

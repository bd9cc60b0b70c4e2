"""What every index of vectors is told and tells: one process each, asked in turn over a pipe.

All processes live until the end, so that measurements of different rivals can take turns.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.rivals.common import held_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Find = Callable[[NDArray[np.float32]], NDArray[np.int64]]

TOPN = 10
# Of graphs, and of inverted lists.
WIDTHS = [10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512]
PROBES = [1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256]


@dataclass(frozen=True)
class Job:
    """What is to be indexed, and how.

    Attributes:
        X: `(n, d)`, mapped; of length 1 where the metric is not Euclidean.
        euclidean: Find the smallest distances, not the largest inner products.
        settings: The rival's own.
        threads: To build with.
    """

    X: NDArray[np.float32]
    euclidean: bool
    settings: dict[str, Any]
    threads: int


class How(NamedTuple):
    """How to search: the value of the search parameter, None for the usual one, and threads."""

    parameter: int | None
    threads: int


class Engine(Protocol):
    """An index of vectors."""

    def build(self, job: Job, /) -> dict[str, Any]:
        """Index vectors; say what there is to say of it, `spec` at least."""

    def parameters(self) -> list[int | None]:
        """Return the values of the search parameter to try."""

    def finder(self, how: How, /) -> Find:
        """Return what finds the ten nearest: queries `(nq, d)` to rows `(nq, 10)`, -1 for none."""


class Server:
    """Answers requests, one JSON object a line.

    Args:
        engine: What is measured.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._queries = np.empty((0, 0), np.float32)

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do one of the steps below, by its name in `do`."""
        steps = {"build": self.build, "answers": self.answers, "measure": self.measure}
        return steps[request.pop("do")](**request)

    def build(
        self, vectors: str, queries: str, euclidean: bool, settings: dict[str, Any], threads: int
    ) -> dict[str, Any]:
        """Build; memory is counted from where all pages of the vectors are in."""
        X = np.load(vectors, mmap_mode="r")
        self._queries = np.load(queries)
        float(X.sum())
        before = _memory()
        with threadpool_limits(threads):
            wall, cpu = time.perf_counter(), time.process_time()
            facts = self._engine.build(Job(X, euclidean, settings, threads))
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        peak = held_bytes("VmHWM")
        after = _memory()
        return {
            "build_seconds": wall,
            "build_cpu_seconds": cpu,
            "kept_bytes": after[1] - before[1],
            "peak_bytes": peak - before[0],
            "parameters": self._engine.parameters(),
            **facts,
        }

    def answers(self, parameter: int | None, out: str, threads: int) -> dict[str, Any]:
        """Write the rows found for all queries to a file."""
        with threadpool_limits(threads):
            np.save(out, self._engine.finder(How(parameter, threads))(self._queries))
        return {}

    def measure(
        self, parameter: int | None, batch: bool, threads: int, seconds: float
    ) -> dict[str, Any]:
        """Search for about so many seconds, one query at a time or all at once."""
        with threadpool_limits(threads):
            find = self._engine.finder(How(parameter, threads))
            return (_batches if batch else _singles)(find, self._queries, seconds)


def _singles(find: Find, Q: NDArray[np.float32], seconds: float) -> dict[str, Any]:
    find(Q[:1])
    done, wall, cpu = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - wall < seconds:
        row = done % len(Q)
        find(Q[row : row + 1])
        done += 1
    return _taken(done, wall, cpu)


def _batches(find: Find, Q: NDArray[np.float32], seconds: float) -> dict[str, Any]:
    find(Q[:1])
    done, wall, cpu = 0, time.perf_counter(), time.process_time()
    while done == 0 or time.perf_counter() - wall < seconds:
        find(Q)
        done += len(Q)
    return _taken(done, wall, cpu)


def _taken(queries: int, wall: float, cpu: float) -> dict[str, Any]:
    return {
        "queries": queries,
        "seconds": time.perf_counter() - wall,
        "cpu_seconds": time.process_time() - cpu,
    }


def _memory() -> tuple[int, int]:
    """Return the bytes held, and those held but not mapped from a file; begin a new peak."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return held_bytes("VmRSS"), held_bytes("RssAnon")


def serve(answer: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Answer standard input on standard output; what is printed besides goes to the errors."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), file=out, flush=True)


def main(engine: Engine) -> None:
    """Serve an engine."""
    serve(Server(engine).answer)

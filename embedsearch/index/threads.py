"""Cores shared among the searches that are under way in this process."""

from __future__ import annotations

import os
from functools import cache
from itertools import pairwise
from threading import Condition
from typing import TYPE_CHECKING

from embedsearch._processes import count_cores
from embedsearch.index.faiss_tools import load_faiss

if TYPE_CHECKING:
    from collections.abc import Callable

# Queries for which a thread keeps its core before others get a turn: some 30 ms of exact search
# among 100,000 vectors.
_TURN = 128


class Cores:
    """Cores that threads take and release; never more are taken than exist."""

    def __init__(self, total: int) -> None:
        self.total = self.free = total
        self._waiting = 0
        self._changed = Condition()

    def take(self, most: int) -> int:
        """Take up to `most` cores, fewer if others want some; wait until one is free."""
        with self._changed:
            self._waiting += 1
            try:
                while self.free < 1:
                    self._changed.wait()
                # Those who wait share all cores.
                count = max(1, min(most, self.free, self.total // self._waiting))
                self.free -= count
            finally:
                self._waiting -= 1
            return count

    def release(self, count: int) -> None:
        """Let others take so many cores."""
        with self._changed:
            self.free += count
            if self._waiting:
                self._changed.notify_all()


@cache
def shared_cores() -> Cores:
    """Return the cores of this process, always the same ones."""
    if hasattr(os, "register_at_fork"):
        # A fork copies what other threads had taken, but not the threads.
        os.register_at_fork(after_in_child=shared_cores.cache_clear)
    return Cores(count_cores())


class omp_threads:  # noqa: N801 - used like a function; a generator would take 1 us more
    """Let FAISS use `count` threads for what this Python thread asks of it; None for all cores.

    With two, a single query of an exact index takes four times as long as with one: they meet
    after each block of vectors.
    """

    def __init__(self, count: int | None) -> None:
        self._count = count or count_cores()

    def __enter__(self) -> None:
        faiss = load_faiss()
        # OpenMP keeps this number for each thread apart.
        self._before = faiss.omp_get_max_threads()
        faiss.omp_set_num_threads(self._count)

    def __exit__(self, *_: object) -> None:
        load_faiss().omp_set_num_threads(self._before)


def run_in_threads(
    work: Callable[[slice], None],
    count: int,
    least: int = 1,
    threads: int | None = None,
    cores: Cores | None = None,
) -> None:
    """Answer queries, each thread a share of at least `least`, to be worth its start.

    The threads are Python's, in each of which FAISS works alone: it lets the interpreter go while
    it searches, and its own threads meet after every block of vectors. With `threads` None, cores
    are taken as they become free, turn by turn, so that batches wait for one another's.
    """
    if threads is not None or count == 1:
        _share(work, slice(0, count), min(threads or 1, max(1, count // least)))
        return
    cores = cores or shared_cores()
    done = 0
    while done < count:
        left = count - done
        taken = cores.take(max(1, min(left // least, cores.total)))
        try:
            turn = slice(done, done + min(left, max(_TURN, least) * taken))
            _share(work, turn, taken)
        finally:
            cores.release(taken)
        done = turn.stop


def _share(work: Callable[[slice], None], turn: slice, threads: int) -> None:
    if threads == 1:
        _work_alone(work, turn)
        return
    # Imported by batches alone: it takes 5 ms.
    from concurrent.futures import ThreadPoolExecutor

    count = turn.stop - turn.start
    bounds = [turn.start + count * i // threads for i in range(threads + 1)]
    shares = [slice(a, b) for a, b in pairwise(bounds)]
    with ThreadPoolExecutor(threads - 1) as pool:
        others = [pool.submit(_work_alone, work, share) for share in shares[1:]]
        _work_alone(work, shares[0])
        for other in others:
            other.result()


def _work_alone(work: Callable[[slice], None], share: slice) -> None:
    with omp_threads(1):
        work(share)

"""Threads that take the pieces of a plan one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Lock
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from embedsearch.training.plan import Plan

TrainPiece = Callable[[int, int, float, int], object]
"""Trains start .. stop at a rate, with a key for the draws; lets go of the GIL."""


class Crew(Protocol):
    """Trains pieces; between two calls of `run` nothing is being trained."""

    def run(self, first: int, last: int) -> None:
        """Train the pieces from `first` up to `last`."""

    @property
    def position(self) -> int:
        """The first piece that is not trained yet."""

    def close(self) -> None:
        """Let the threads go."""


class Hogwild:
    """Threads write to the same matrices without locks.

    Source: Recht et al. 2011, "Hogwild!: A Lock-Free Approach to Parallelizing Stochastic
    Gradient Descent". With one thread the result is the same on every run.
    """

    def __init__(self, train: TrainPiece, plan: Plan, workers: int) -> None:
        self._train, self._plan, self._workers = train, plan, workers
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="embedsearch-training")
        self._lock, self._next, self._last = Lock(), 0, 0

    @property
    def position(self) -> int:
        """The first piece that is not trained yet."""
        return self._next

    def run(self, first: int, last: int) -> None:
        """Train the pieces; an interrupt waits for those under way."""
        self._next, self._last = first, last
        futures = [self._pool.submit(self._work) for _ in range(self._workers)]
        try:
            for future in futures:
                future.result()
        except BaseException:
            self._last = 0
            raise
        finally:
            wait(futures)

    def close(self) -> None:
        """Let the threads go."""
        self._pool.shutdown()

    def _work(self) -> None:
        while (piece := self._take()) is not None:
            self._train(*self._plan.piece(piece))

    def _take(self) -> int | None:
        with self._lock:
            if self._next >= self._last:
                return None
            self._next += 1
            return self._next - 1


class Rounds:
    """Each worker trains a piece against the same state; the changes are added in order.

    The result depends on the number of workers, but is the same on every run.

    Args:
        train: For each worker, a function that trains a piece on rows of its own.
        merge: Adds the changes of the first n workers, in their order; called with (part,
            parts, n) by as many threads as there are parts.
        plan: The pieces.
    """

    def __init__(
        self, train: Sequence[TrainPiece], merge: Callable[[int, int, int], object], plan: Plan
    ) -> None:
        self._train, self._merge, self._plan = train, merge, plan
        self._pool = ThreadPoolExecutor(len(train), thread_name_prefix="embedsearch-training")
        self._next = 0

    @property
    def position(self) -> int:
        """The first piece that is not trained yet."""
        return self._next

    def run(self, first: int, last: int) -> None:
        """Train the pieces; an interrupt loses the round under way, or comes after it."""
        self._next = first
        workers = len(self._train)
        while self._next < last:
            active = min(workers, last - self._next)
            pieces = [self._plan.piece(self._next + i) for i in range(active)]
            work = zip(self._train, pieces, strict=False)
            _finish([self._pool.submit(train, *piece) for train, piece in work])
            self._next += active
            parts = range(workers)
            _finish([self._pool.submit(self._merge, part, workers, active) for part in parts])

    def close(self) -> None:
        """Let the threads go."""
        self._pool.shutdown()


def _finish(futures: Sequence[Future[object]]) -> None:
    """Wait for all, also when interrupted, and raise what one of them raised."""
    try:
        for future in futures:
            future.result()
    finally:
        wait(futures)

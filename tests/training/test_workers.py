"""Threads share the pieces out among themselves, and stop cleanly."""

from __future__ import annotations

import threading
import time

import pytest

from embedsearch.training.plan import Plan
from embedsearch.training.settings import training_settings
from embedsearch.training.workers import Hogwild, Rounds

PLAN = Plan(100_000, training_settings(epochs=3, workers=2))


@pytest.mark.parametrize("workers", [1, 4])
def test_every_piece_is_trained_once(workers: int) -> None:
    seen: list[tuple[int, int]] = []
    crew = Hogwild(lambda start, _stop, _rate, key: seen.append((start, key)), PLAN, workers)
    crew.run(0, 10)
    assert crew.position == 10
    crew.run(10, PLAN.pieces)
    crew.close()
    expected = [(PLAN.piece(i)[0], PLAN.piece(i)[3]) for i in range(PLAN.pieces)]
    assert sorted(seen) == sorted(expected)
    assert workers > 1 or seen == expected


def test_several_threads_work() -> None:
    names: set[str] = set()

    def train(*_: object) -> None:
        names.add(threading.current_thread().name)
        time.sleep(0.01)

    crew = Hogwild(train, PLAN, 3)
    crew.run(0, 30)
    crew.close()
    assert len(names) == 3


def test_a_failure_stops_all_and_the_position_tells_what_was_done() -> None:
    done: list[int] = []

    def train(start: int, _stop: int, _rate: float, _key: int) -> None:
        if len(done) == 5:
            raise MemoryError
        done.append(start)

    crew = Hogwild(train, PLAN, 1)
    with pytest.raises(MemoryError):
        crew.run(0, PLAN.pieces)
    assert crew.position == 6
    crew.close()


def test_rounds_merge_in_order_after_all_have_trained() -> None:
    events: list[str] = []
    lock = threading.Lock()

    def note(event: str) -> None:
        with lock:
            events.append(event)

    train = [lambda *_, i=i: note(f"train {i}") for i in range(2)]
    crew = Rounds(train, lambda part, parts, n: note(f"merge {part}/{parts} of {n}"), PLAN)
    crew.run(0, 3)
    crew.close()
    assert crew.position == 3
    rounds = [set(events[:2]), set(events[2:4]), set(events[4:5]), set(events[5:])]
    merges = {"merge 0/2 of 2", "merge 1/2 of 2"}
    last = {"merge 0/2 of 1", "merge 1/2 of 1"}
    assert rounds == [{"train 0", "train 1"}, merges, {"train 0"}, last]

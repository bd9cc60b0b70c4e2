"""Every word is trained once an epoch, by threads that share the pieces and stop cleanly."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from embedsearch.training.network import Hogwild, Plan, Rounds
from embedsearch.training.settings import TrainingSettings, training_settings

PLAN = Plan(100_000, training_settings(epochs=3, workers=2))


def plan_of(total: int, epochs: int = 2, workers: int = 2, piece: int | None = None) -> Plan:
    return Plan(total, training_settings(epochs=epochs, workers=workers, alpha=0.05), piece)


@settings(max_examples=50)
@given(st.integers(0, 3_000_000), st.integers(1, 8))
def test_each_word_is_trained_once_an_epoch_or_kept_out(total: int, workers: int) -> None:
    plan = plan_of(total, workers=workers)
    seen = np.zeros(total, np.int8)
    for start, stop in zip(plan.starts, plan.stops):
        assert 0 < stop - start <= 16_384
        seen[start:stop] += 1
    for start, stop in plan.held_out:
        assert not seen[start:stop].any()
        seen[start:stop] += 1
    assert (seen == 1).all()
    held = total - plan.words
    assert held <= min(20_000, total // 100)
    assert held == 0 or held >= 200 - 40


# The rate of CBOW falls in the second half only, if its vectors are random at first.
@pytest.mark.parametrize(
    ("sg", "untrained", "shape"), [(1, True, [0, 1]), (0, True, [0, 0, 1]), (0, False, [0, 1])]
)
def test_the_rate_falls_in_a_straight_line(sg: int, untrained: bool, shape: list[float]) -> None:
    chosen = training_settings(epochs=4, workers=2, alpha=0.05, sg=sg)
    plan = Plan(500_000, chosen, untrained=untrained)
    rates = np.array([plan.piece(i)[2] for i in range(plan.pieces)])
    done = np.array([plan.words_before(i) for i in range(plan.pieces)]) / (plan.words * 4)
    fallen = np.interp(done, np.linspace(0, 1, len(shape)), shape)
    np.testing.assert_allclose(rates, 0.05 - (0.05 - 0.0001) * fallen)
    assert rates[0] == 0.05


def test_no_two_pieces_share_their_draws() -> None:
    plan = plan_of(500_000, epochs=3)
    keys = [plan.piece(i)[3] for i in range(plan.pieces)]
    assert len(set(keys)) == len(keys)
    other = Plan(500_000, training_settings(epochs=3, workers=2, seed=2))
    assert not set(keys) & {other.piece(i)[3] for i in range(other.pieces)}


def test_positions_and_epochs_fit_together() -> None:
    plan = plan_of(100_000, epochs=3)
    size = len(plan.starts)
    assert plan.pieces == 3 * size
    assert plan.epoch_end(0) == plan.epoch_end(size - 1) == size
    assert plan.epoch_end(size) == 2 * size
    assert plan.words_before(2 * size) == 2 * plan.words


@pytest.mark.parametrize("total", [0, 1, 100])
def test_tiny_corpora_keep_nothing_out(total: int) -> None:
    plan = Plan(total, TrainingSettings(epochs=1))
    assert len(plan.held_out) == 0
    assert plan.words == total


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

"""Every word is trained once an epoch, except those that are kept out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedsearch.training.plan import Plan
from embedsearch.training.settings import TrainingSettings, training_settings


def plan_of(total: int, epochs: int = 2, workers: int = 2, piece: int | None = None) -> Plan:
    return Plan(total, training_settings(epochs=epochs, workers=workers, alpha=0.05), piece)


@settings(max_examples=50, deadline=None)
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


def test_the_rate_falls_in_a_straight_line() -> None:
    plan = plan_of(500_000, epochs=4)
    rates = np.array([plan.piece(i)[2] for i in range(plan.pieces)])
    done = np.array([plan.words_before(i) for i in range(plan.pieces)]) / (plan.words * 4)
    np.testing.assert_allclose(rates, 0.05 - (0.05 - 0.0001) * done)
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

"""The choice of weights, against drawn gains of which it is known what is best."""

from __future__ import annotations

import numpy as np
import pytest

from embedsearch.search.model import Fusion
from embedsearch.search.tuning import choices, choose, cross_validated, is_gain


def drawn(means: list[float], queries: int, seed: int) -> np.ndarray:
    """Draw how much each of some choices differs from the first, with a spread as of real ones."""
    rng = np.random.default_rng(seed)
    return 0.5 + np.array(means)[:, None] + rng.normal(0, 0.15, (len(means), queries))


def test_the_usual_weights_come_first_and_no_others_twice() -> None:
    found = choices()
    assert found[0] == Fusion()
    assert len({*found}) == len(found) > 10
    assert all(other.latent or not other.feedback for other in found)


def test_the_best_of_many_queries_is_chosen() -> None:
    assert choose(drawn([0.0, 0.02, 0.1, -0.1], 400, 1)) == 2
    assert choose(drawn([0.0, -0.05, -0.1], 400, 1)) == 0


def test_a_choice_is_the_one_most_above_its_standard_error() -> None:
    gains = drawn([0.0, 0.03, 0.04, 0.05], 25, 2)
    differences = gains - gains[0]
    bounds = [d.mean() - d.std(ddof=1) / 5 for d in differences]
    assert choose(gains) == int(np.argmax(bounds))


def test_chance_alone_is_seldom_kept() -> None:
    kept = [is_gain(cross_validated(drawn([0.0] * 13, 30, seed))) for seed in range(100)]
    assert sum(kept) < 15


def test_a_real_gain_is_kept_and_estimated_without_bias() -> None:
    found = [cross_validated(drawn([0.0, 0.08, *[0.0] * 11], 200, seed)) for seed in range(20)]
    assert sum(map(is_gain, found)) >= 19
    assert np.mean(found) == pytest.approx(0.08, abs=0.015)


def test_no_query_has_a_say_in_what_it_gains() -> None:
    gains = np.full((2, 20), 0.5)
    gains[1, 7] = 1.0
    # Of the one query alone that gains, the others know nothing.
    assert cross_validated(gains)[7] == 0

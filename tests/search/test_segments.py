"""Rows in segments, held against plain arrays that are made again at each change."""

from __future__ import annotations

import numpy as np
import pytest

from embedsearch.search.segments import DocumentRows, Growing, Segmented


def random_rows(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, 5)).astype(np.float32)


def test_appending_moves_few_rows_and_leaves_earlier_states_as_they_are() -> None:
    base, added = random_rows(50), random_rows(2_000, 1)
    base.flags.writeable = False
    states = [Segmented(base)]
    for row in added:
        states.append(states[-1].appended(row[np.newaxis]))
    buffers = {id(state.tail.base): len(state.tail.base) for state in states[1:]}
    assert all(state.base is base for state in states)
    # All that was ever copied from one buffer to a larger one.
    assert sum(buffers.values()) - max(buffers.values()) < 3 * len(added)
    for n in (0, 1, 700, 2_000):
        assert np.array_equal(states[n].tail, added[:n])
        assert states[n].shape == (50 + n, 5)


def test_two_states_that_follow_the_same_one_do_not_share_rows() -> None:
    first = Growing(random_rows(4)).appended(random_rows(1, 1))
    left, right = first.appended(random_rows(2, 2)), first.appended(random_rows(2, 3))
    assert np.array_equal(left.rows, np.concatenate((first.rows, random_rows(2, 2))))
    assert np.array_equal(right.rows, np.concatenate((first.rows, random_rows(2, 3))))


@pytest.mark.parametrize("stored", [0, 1, 30])
def test_rows_and_products_are_those_of_the_whole(stored: int) -> None:
    base, query = random_rows(stored), random_rows(1, 9)[0]
    for tail in (0, 1, 20):
        if not stored + tail:
            continue
        X = Segmented(base).appended(random_rows(tail, 2))
        whole = np.concatenate((base, random_rows(tail, 2)))
        rows = np.random.default_rng(1).integers(0, len(whole), 40)
        assert np.array_equal(X.take(rows), whole[rows])
        np.testing.assert_allclose(X.products(query), whole @ query, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("order", ["ascending", "mixed"])
def test_documents_are_found_after_random_changes(
    order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("embedsearch.search.segments._SPARE", 10)
    rng = np.random.default_rng(0)
    numbers = np.arange(5, 105) if order == "ascending" else rng.permutation(np.arange(5, 105))
    counts = rng.integers(1, 4, 100)
    rows = DocumentRows.of(numbers, np.concatenate(([0], np.cumsum(counts))))
    # What identifies a row: the number of its document, and how many passages it has.
    expected = dict(zip(numbers.tolist(), counts.tolist(), strict=True))
    compactions, before = 0, (rows, dict(expected))
    for step in range(300):
        changed = rng.choice(np.arange(5, 110 + step // 4), 3, replace=False)
        counts = rng.integers(1, 4, 2)
        rows = rows.without(changed).appended(changed[:2], counts)
        expected.pop(int(changed[2]), None)
        expected |= dict(zip(changed[:2].tolist(), counts.tolist(), strict=True))
        if rows.wasted:
            rows, compactions = rows.compacted(), compactions + 1
        if step == 100:
            before = (rows, dict(expected))
    for state, wanted in ((rows, expected), before):
        assert len(state) == len(wanted)
        in_order = state.in_order
        assert state.numbers[in_order].tolist() == sorted(wanted)
        passages, bounds = state.passages(in_order)
        assert np.diff(bounds).tolist() == [wanted[n] for n in sorted(wanted)]
        assert len(set(passages.tolist())) == len(passages)
        assert state.owners(passages).tolist() == state.alive.tolist()
        assert state.find(np.array([*sorted(wanted), 3, 10**6])).tolist() == [*in_order, -1, -1]
    assert compactions
    assert rows.size - rows.stored <= 2 * len(rows.later) + 13

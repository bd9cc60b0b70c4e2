"""Additions, deletions and replacements that every kind of index must take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from embedsearch._errors import ParameterError
from embedsearch.index.vector_index import VectorIndex

Floats = NDArray[np.float32]


def test_what_is_added_is_found_by_the_next_ids(
    own: VectorIndex, kind: Any, metric: str, Q: Floats
) -> None:
    added = 3 * Q[:20] if metric == "ip" else Q[:20]
    assert own.add(added).tolist() == list(range(1200, 1220))
    assert (len(own), 1205 in own, 1220 in own) == (1220, True, False)
    ids = own.search(added, 5)[1]
    share = (ids == np.arange(1200, 1220)[:, np.newaxis]).any(axis=1).mean()
    assert share >= (0.6 if kind.held == "roughly" else 0.95)


def test_what_is_deleted_is_never_found(
    own: VectorIndex, metric: str, Q: Floats, tmp_path: Path
) -> None:
    gone = np.unique(own.search(Q, 10)[1])
    assert own.delete(gone) == len(gone)
    assert own.delete(gone) == 0
    assert len(own) == 1200 - len(gone)
    for index in (own, _reopened(own, tmp_path)):
        _, ids = index.search(Q, 10)
        assert ids.shape == (len(Q), 10)
        assert not np.isin(ids, gone).any()
        assert all(len(set(row)) == 10 for row in ids.tolist())
        assert not np.isin(index.range_search(Q[:3], -1e9)[2], gone).any()
        everything = index.search(Q[:2], 5000)[1]
        np.testing.assert_array_equal(np.sort(everything[1]), np.setdiff1d(np.arange(1200), gone))
        np.testing.assert_array_equal(index.ids, np.setdiff1d(np.arange(1200), gone))
        assert gone[0] not in index
    with pytest.raises(ParameterError, match="allowed"):
        own.search(Q[0], allowed=[int(gone[0])])
    with pytest.raises(ParameterError, match="id must be an id that the index has"):
        own.vector(int(gone[0]))


def test_nearly_everything_may_be_deleted(own: VectorIndex, Q: Floats) -> None:
    own.delete(np.arange(1195))
    _, ids = own.search(Q, 10)
    np.testing.assert_array_equal(np.sort(ids), np.tile(np.arange(1195, 1200), (len(Q), 1)))
    own.delete(np.arange(1195, 1200))
    assert own.search(Q, 10)[1].shape == (len(Q), 0)
    assert own.add(Q[:2]).tolist() == [1200, 1201]
    assert sorted(own.search(Q[0])[1][0].tolist()) == [1200, 1201]


def test_what_is_replaced_is_found_as_it_is_now(
    own: VectorIndex, kind: Any, metric: str, X: Floats, Q: Floats
) -> None:
    fresh = 3 * Q[:10] if metric == "ip" else Q[:10]
    own.update(np.arange(50, 60), fresh)
    assert len(own) == 1200
    ids = own.search(fresh, 5)[1]
    share = (ids == np.arange(50, 60)[:, np.newaxis]).any(axis=1).mean()
    assert share >= (0.6 if kind.held == "roughly" else 0.9)
    own.update([53], Q[3])
    wanted = Q[3] / (np.linalg.norm(Q[3]) if metric == "cosine" else 1)
    apart = np.linalg.norm(own.vector(53) - wanted) / np.linalg.norm(wanted)
    assert apart < {"exactly": 1e-5, "nearly": 0.05, "roughly": 0.9}[kind.held]


def test_a_compacted_index_answers_as_before_with_less_memory(
    own: VectorIndex, kind: Any, Q: Floats, tmp_path: Path
) -> None:
    own.delete(np.arange(0, 1200, 2))
    own.add(Q[:5], np.array([4, 0, 5000, 2, 9000]))
    before, size = own.search(Q, 10), own.nbytes
    held = {id: own.vector(id) for id in (1, 601, 5000)}
    own.compact()
    assert own.nbytes < 0.9 * size
    expected = [*range(1, 1200, 2), 4, 0, 5000, 2, 9000]
    for index in (own, _reopened(own, tmp_path)):
        assert index.ids.tolist() == expected
        _, ids = index.search(Q, 10)
        same = np.mean([np.isin(a, b).mean() for a, b in zip(before[1], ids)])
        assert same >= (0.9 if kind.spec not in ("flat", "auto") else 1)
        for id, vector in held.items():
            np.testing.assert_allclose(index.vector(id), vector, rtol=1e-5, atol=1e-5)
    assert own.add(Q[:1]).tolist() == [9001]


def test_ids_may_be_given(kind: Any, metric: str, X: Floats, Q: Floats, tmp_path: Path) -> None:
    names = np.random.default_rng(5).permutation(10**12 + np.arange(len(X)))
    index = VectorIndex.build(X, metric, kind.spec, ids=names, threads=1)
    plain = VectorIndex.build(X, metric, kind.spec, threads=1)
    for one in (index, _reopened(index, tmp_path)):
        np.testing.assert_array_equal(np.sort(one.search(Q)[1]), np.sort(names[plain.search(Q)[1]]))
        np.testing.assert_array_equal(one.ids, names)
        among = names[:30]
        assert np.isin(one.search(Q, 20, allowed=among)[1], among).all()
        low = range(10**12, 10**12 + 50)
        assert np.isin(one.search(Q, 20, allowed=low)[1], np.arange(low.start, low.stop)).all()
        mask = np.arange(len(X)) < 30
        np.testing.assert_array_equal(
            np.sort(one.search(Q, 20, allowed=mask)[1]),
            np.sort(one.search(Q, 20, allowed=among)[1]),
        )


def _reopened(index: VectorIndex, folder: Path) -> VectorIndex:
    index.save(folder / "reopened.faiss")
    return VectorIndex.load(folder / "reopened.faiss")

"""Indexes of more vectors than fit into memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import faiss
import numpy as np
import pytest

from embedsearch._errors import ParameterError, VectorError
from embedsearch.index import VectorIndex

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

N, D = 6000, 16


def vectors() -> NDArray[np.float32]:
    rng = np.random.default_rng(0)
    centers = rng.standard_normal((40, D))
    X = centers[rng.integers(0, 40, N)] + 0.4 * rng.standard_normal((N, D))
    return X.astype(np.float32)


def blocks(X: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    return (X[start : start + 700] for start in range(0, len(X), 700))


@pytest.mark.parametrize("metric", ["cosine", "ip", "euclidean"])
@pytest.mark.parametrize("offset", [0, 50])
def test_lists_on_the_disk_find_what_exact_search_finds(
    metric: str, offset: int, tmp_path: Path
) -> None:
    X = vectors() + offset
    index = VectorIndex.from_blocks(
        blocks(X), D, metric, recall=0.9, memory="50KB", folder=tmp_path / "big"
    )
    assert index.spec.startswith("IVF")
    assert index.spec.endswith(",Flat")
    assert index.recall is not None
    assert index.recall >= 0.9
    exact = VectorIndex.build(X, metric, spec="flat")
    Q = X[::50] + np.random.default_rng(1).normal(0, 0.05, (120, D)).astype(np.float32)
    found, wanted = index.search(Q, 10)[1], exact.search(Q, 10)[1]
    assert np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found, wanted)]) >= 0.88
    np.testing.assert_allclose(
        index.search(Q, N)[0][:, :50], exact.search(Q, 50)[0], rtol=1e-3, atol=1e-4
    )
    assert [path.name for path in (tmp_path / "big").iterdir()] == ["index.faiss"]


@pytest.mark.parametrize("spec", ["IVF30,Flat", "IVF30,SQ8", "IVF30,PQ8x4", "IVF30,SQfp16"])
def test_the_lists_are_those_that_faiss_makes(spec: str, tmp_path: Path) -> None:
    X = vectors()
    index = VectorIndex.from_blocks(blocks(X), D, "ip", spec=spec, folder=tmp_path)
    ours = faiss.read_index(str(tmp_path / "index.faiss"))
    theirs = faiss.clone_index(ours)
    theirs.reset()
    theirs.add(X)
    assert ours.ntotal == theirs.ntotal == N
    for number in range(ours.nlist):
        size = ours.invlists.list_size(number)
        assert size == theirs.invlists.list_size(number)
        for part, width in (("codes", ours.code_size), ("ids", 1)):
            pointers = [getattr(one.invlists, f"get_{part}")(number) for one in (ours, theirs)]
            one, other = (faiss.rev_swig_ptr(pointer, size * width) for pointer in pointers)
            np.testing.assert_array_equal(one, other)
    assert len(index) == N


def test_the_file_may_be_moved_and_saved_elsewhere(tmp_path: Path) -> None:
    X = vectors()
    index = VectorIndex.from_blocks(blocks(X), D, memory=1, folder=tmp_path / "a")
    scores, rows = index.search(X[:20])
    index.save(tmp_path / "copy.faiss")
    (tmp_path / "a").rename(tmp_path / "b")
    for place in (tmp_path / "b" / "index.faiss", tmp_path / "copy.faiss"):
        for mapped in (True, False):
            opened = VectorIndex.load(place, mapped=mapped, verify=True)
            np.testing.assert_array_equal(opened.search(X[:20])[1], rows)
            np.testing.assert_array_equal(opened.search(X[:20])[0], scores)
            assert opened.choice == index.choice


def test_what_fits_into_memory_is_built_there(tmp_path: Path) -> None:
    X = vectors()
    index = VectorIndex.from_blocks(blocks(X), D, memory="10MB", folder=tmp_path)
    assert index.spec == "flat"
    wanted = VectorIndex.build(X, spec="flat").search(X[:9])
    np.testing.assert_array_equal(index.search(X[:9])[1], wanted[1])
    assert [path.name for path in tmp_path.iterdir()] == ["index.faiss"]
    graph = VectorIndex.from_blocks(blocks(X), D, spec="HNSW8,Flat")
    assert (graph.spec, len(graph)) == ("HNSW8,Flat", N)


@pytest.mark.parametrize("n", [0, 1, 30, 999])
@pytest.mark.parametrize("spec", ["auto", "ivf"])
def test_few_vectors_are_indexed_too(n: int, spec: str) -> None:
    X = vectors()[:n]
    index = VectorIndex.from_blocks(blocks(X), D, spec=spec, memory=1)
    assert len(index) == n
    np.testing.assert_array_equal(index.search(X, 1)[1][:, :1], np.arange(n)[:, None][:, :n])


def test_ids_come_in_blocks_too() -> None:
    X = vectors()
    ids = np.random.default_rng(2).permutation(N) + 500
    index = VectorIndex.from_blocks(blocks(X), D, memory=1, ids=blocks(ids))
    np.testing.assert_array_equal(index.ids, ids)
    np.testing.assert_array_equal(index.search(X[:30], 1)[1][:, 0], ids[:30])
    with pytest.raises(ParameterError, match="6,000"):
        VectorIndex.from_blocks(blocks(X), D, ids=blocks(ids[:-1]))


def test_a_matrix_or_a_file_is_read_in_place(tmp_path: Path) -> None:
    X = vectors()
    np.save(tmp_path / "x.npy", X)
    from_file = VectorIndex.from_blocks(str(tmp_path / "x.npy"), D, memory=1)
    from_array = VectorIndex.from_blocks(X, D, memory=1)
    from_stream = VectorIndex.from_blocks(blocks(X), D, memory=1)
    wanted = from_stream.search(X[:40])[1]
    for index in (from_file, from_array):
        np.testing.assert_array_equal(index.search(X[:40])[1], wanted)


def test_it_can_be_changed_like_any_other() -> None:
    X = vectors()
    index = VectorIndex.from_blocks(blocks(X[:-1]), D, memory=1)
    assert index.add(X[-1]).tolist() == [N - 1]
    assert index.search(X[-1], 1)[1].tolist() == [[N - 1]]
    assert index.delete([3]) == 1
    assert 3 not in index.search(X[3], 10)[1]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_bad_block_leaves_nothing_behind(bad: float, tmp_path: Path) -> None:
    X = vectors()
    X[4321, 5] = bad
    with pytest.raises(VectorError, match="row 4321 of X"):
        VectorIndex.from_blocks(blocks(X), D, folder=tmp_path)
    with pytest.raises(VectorError, match="must have 7 dimensions, got 16"):
        VectorIndex.from_blocks(blocks(vectors()), 7, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_index_that_is_there_is_not_replaced(tmp_path: Path) -> None:
    X = vectors()
    index = VectorIndex.from_blocks(blocks(X), D, memory=1, folder=tmp_path)
    with pytest.raises(ParameterError, match=r"folder must be one without index\.faiss"):
        VectorIndex.from_blocks(blocks(X), D, memory=1, folder=tmp_path)
    again = VectorIndex.load(tmp_path / "index.faiss")
    np.testing.assert_array_equal(again.search(X[:5])[1], index.search(X[:5])[1])

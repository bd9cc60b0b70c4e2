from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from embedsearch._errors import VectorError
from embedsearch.index.candidate_index import CandidateIndex
from embedsearch.index.vector_index import VectorIndex

if TYPE_CHECKING:
    from pathlib import Path

    from embedsearch._types import FloatMatrix

# Not a multiple of 16: the index is wider than the vectors.
N, D = 2_000, 20


@pytest.fixture(scope="module")
def vectors() -> FloatMatrix:
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((30, D))
    X = centres[rng.integers(0, 30, N)] + 0.3 * rng.standard_normal((N, D))
    return np.asarray(X / np.linalg.norm(X, axis=1, keepdims=True), np.float32)


@pytest.fixture(scope="module")
def index(vectors: FloatMatrix) -> CandidateIndex:
    return CandidateIndex.build(vectors)


def test_nearly_all_of_the_nearest_are_proposed(
    index: CandidateIndex, vectors: FloatMatrix
) -> None:
    shares = []
    for query in vectors[:50]:
        nearest = np.argsort(-(vectors @ query))[:20]
        shares.append(np.isin(nearest, index.search(query, 40)).mean())
    assert np.mean(shares) > 0.95


def test_no_row_is_proposed_twice(index: CandidateIndex, vectors: FloatMatrix) -> None:
    rows = index.search(vectors[0], 100)
    assert len(rows) == 100
    assert len(set(rows.tolist())) == 100


def test_only_allowed_rows_are_proposed(index: CandidateIndex, vectors: FloatMatrix) -> None:
    allowed = np.arange(0, N, 3)
    rows = index.search(vectors[0], 50, allowed)
    assert len(rows) == 50
    assert np.isin(rows, allowed).all()


def test_a_saved_index_proposes_the_same(
    index: CandidateIndex, vectors: FloatMatrix, tmp_path: Path
) -> None:
    index.save(tmp_path / "documents.faiss")
    opened = CandidateIndex.load(tmp_path / "documents.faiss")
    assert len(opened) == len(index) == N
    for query in vectors[:20]:
        np.testing.assert_array_equal(opened.search(query, 30), index.search(query, 30))


def test_many_vectors_are_added_in_their_order() -> None:
    X = np.zeros((10_050, 3), np.float32)
    X[:, 0] = 1
    X[10_020] = (0, 1, 0)
    assert CandidateIndex.build(X).search(X[10_020], 1).tolist() == [10_020]


def test_a_damaged_index_is_named(tmp_path: Path) -> None:
    path = tmp_path / "documents.faiss"
    path.write_bytes(b"not an index")
    with pytest.raises(VectorError, match=r"documents\.faiss: damaged"):
        CandidateIndex.load(path)


def test_a_filter_is_searched_as_well_as_everything(
    index: CandidateIndex, vectors: FloatMatrix
) -> None:
    allowed = np.flatnonzero(np.random.default_rng(1).random(N) < 0.3)
    shares = []
    for query in vectors[:50]:
        nearest = allowed[np.argsort(-(vectors[allowed] @ query))[:20]]
        shares.append(np.isin(nearest, index.search(query, 40, allowed)).mean())
    assert np.mean(shares) > 0.95
    assert len(index.search(vectors[0], 40, np.zeros(0, np.int64))) == 0


@pytest.mark.parametrize("n", [1, 2, 7, 40])
def test_few_vectors_are_all_proposed_without_a_word(
    vectors: FloatMatrix, n: int, capfd: pytest.CaptureFixture[str]
) -> None:
    assert sorted(CandidateIndex.build(vectors[:n]).search(vectors[0], 100).tolist()) == list(
        range(n)
    )
    assert capfd.readouterr() == ("", "")


def test_an_index_of_another_kind_and_one_that_is_not_there_are_different_errors(
    tmp_path: Path,
) -> None:
    VectorIndex.build(np.eye(4), "ip", "flat").save(tmp_path / "flat.faiss")
    with pytest.raises(VectorError, match=r"flat\.faiss: damaged: another kind"):
        CandidateIndex.load(tmp_path / "flat.faiss")
    with pytest.raises(FileNotFoundError):
        CandidateIndex.load(tmp_path / "none.faiss")


def test_a_flipped_bit_is_found_before_faiss_reads_it(
    index: CandidateIndex, tmp_path: Path
) -> None:
    path = tmp_path / "documents.faiss"
    index.save(path)
    content = path.read_bytes()
    for place in np.random.default_rng(0).integers(0, len(content) - 100, 20).tolist():
        flipped = bytearray(content)
        flipped[place] ^= 8
        path.write_bytes(bytes(flipped))
        with pytest.raises(VectorError, match="another hash"):
            CandidateIndex.load(path)

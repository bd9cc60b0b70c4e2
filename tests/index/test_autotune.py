"""The index that "auto" finds: never below its target, within its memory, and explained."""

from __future__ import annotations

import gc
import json
import threading
from typing import TYPE_CHECKING, Any

import faiss
import numpy as np
import pytest

from embedsearch._errors import ParameterError, VectorError
from embedsearch._progress import SilentProgress
from embedsearch.index import VectorIndex
from embedsearch.index.autotune import AutoLimits, BuildOptions, build_parts
from embedsearch.index.engine import as_metric
from embedsearch.index.ids import IdMap
from embedsearch.index.sources import as_source
from embedsearch.index.tuning import TuningReport

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from numpy.typing import NDArray

    from embedsearch._progress import Task

    Data = tuple[NDArray[np.float32], NDArray[np.float32]]

N, D, FRESH = 12_000, 12, 400
LISTS = "IVF307,PQ6x4fsr,RFlat"


def measured(
    X: NDArray[np.float32], metric: str = "cosine", ids: Any = None, **options: Any
) -> VectorIndex:
    """Let a small index be measured, not only those for which it pays."""
    limits = AutoLimits(exact_numbers=0, cheaper=1e-9)
    given = {"spec": "auto", "recall": 0.95, "memory": None, "threads": None, "seed": 0}
    given |= {"progress": SilentProgress(), "limits": limits, **options}
    build = BuildOptions(metric=as_metric(metric), **given)
    return VectorIndex(build_parts(as_source(X), build), IdMap.of(len(X), ids))


def clustered(rng: np.random.Generator) -> Data:
    centers = rng.standard_normal((150, D))
    X = centers[rng.integers(0, 150, N + FRESH)] + 0.5 * rng.standard_normal((N + FRESH, D))
    return X[:N], X[N:]


def uniform(rng: np.random.Generator) -> Data:
    X = rng.random((N + FRESH, D))
    return X[:N], X[N:]


def duplicates(rng: np.random.Generator) -> Data:
    X = clustered(rng)[0][: N // 30]
    return X[rng.integers(0, len(X), N)], X[rng.integers(0, len(X), FRESH)]


def low_rank(rng: np.random.Generator) -> Data:
    X = rng.standard_normal((N + FRESH, 4)) @ rng.standard_normal((4, D))
    return X[:N], X[N:]


def of_all_lengths(rng: np.random.Generator) -> Data:
    X, Q = clustered(rng)
    return X * np.exp(0.5 * rng.standard_normal((N, 1))), Q


def far_from_the_origin(rng: np.random.Generator) -> Data:
    X, Q = clustered(rng)
    return X + 100, Q + 100


def too_near_for_codes(rng: np.random.Generator) -> NDArray[np.float64]:
    """Return vectors whose neighbours differ by less than codes of 8 or 16 bits can tell."""
    centers = rng.standard_normal((100, D))
    return centers[rng.integers(0, 100, 4_000)] + 1e-4 * rng.standard_normal((4_000, D))


def recall_by_brute_force(
    index: VectorIndex, X: NDArray[np.float32], Q: NDArray[np.float32], metric: str
) -> float:
    """Count what scores as high as the tenth of all, with NumPy."""
    A, B = Q.astype(np.float64), X.astype(np.float64)
    if metric == "cosine":
        B = B / np.linalg.norm(B, axis=1, keepdims=True)
    scores = A @ B.T
    if metric == "euclidean":
        scores = 2 * scores - np.einsum("nd,nd->n", B, B)
    border = np.partition(scores, -10, axis=1)[:, -10]
    rows = index.search(Q, 10)[1]
    found = np.take_along_axis(scores, rows, axis=1)
    return float((found >= border[:, None] - 1e-5 * np.abs(border[:, None])).mean())


@pytest.mark.parametrize(
    ("data", "metric", "target"),
    [
        (clustered, "cosine", 0.95),
        (uniform, "euclidean", 0.9),
        (duplicates, "cosine", 0.9),
        (low_rank, "cosine", 0.97),
        (of_all_lengths, "ip", 0.9),
        (far_from_the_origin, "euclidean", 0.9),
    ],
)
def test_new_queries_of_the_same_kind_reach_the_target(
    data: Callable[[np.random.Generator], Data], metric: str, target: float
) -> None:
    X, Q = data(np.random.default_rng(5))
    index = measured(X, metric, recall=target)
    assert index.recall is not None
    assert index.recall >= target
    # 400 queries tell a mean of recalls to about 0.005.
    assert recall_by_brute_force(index, X, Q, metric) >= target - 0.01
    assert len(index) == N
    np.testing.assert_array_equal(index.ids, np.arange(N))
    np.testing.assert_array_equal(index.search(X[:5], 1)[0], index.search(X[:5], 3)[0][:, :1])


def test_the_choice_says_what_was_seen_and_is_saved(tmp_path: Path) -> None:
    X = clustered(np.random.default_rng(0))[0]
    index = measured(X, recall=0.9)
    choice = index.choice
    assert choice.spec == index.spec
    assert choice.curve.chosen.parameters == index.parameters
    assert choice.curve.chosen.recall == index.recall
    assert choice.curve.count in (N, N - 600)
    assert {other.spec for other in choice.others} <= {"Pad16,HNSW24,SQfp16", LISTS}
    assert choice.reasons[0].startswith("exact search: ")
    assert any(f"{index.spec}: " in reason for reason in choice.reasons)
    assert TuningReport.from_json(json.loads(json.dumps(choice.to_json()))) == choice
    index.save(tmp_path / "i.faiss")
    opened = VectorIndex.load(tmp_path / "i.faiss")
    assert (opened.choice, opened.recall) == (choice, index.recall)
    assert opened.parameters == index.parameters


def test_queries_that_are_given_are_measured_with() -> None:
    X = clustered(np.random.default_rng(1))[0]
    far = uniform(np.random.default_rng(2))[1] - 0.5
    index = measured(X, recall=0.9, queries=far)
    assert recall_by_brute_force(index, X, far, "cosine") >= 0.9
    for spec in ("auto", "IVF64,Flat"):
        few = measured(X, spec=spec, recall=0.9, queries=far[:7])
        assert any("7 queries are too few" in note for note in few.choice.notes)
    with pytest.raises(VectorError, match="queries must have 12 dimensions, got 3"):
        measured(X, queries=far[:, :3])


def test_a_memory_limit_is_kept() -> None:
    X = clustered(np.random.default_rng(3))[0]
    index = measured(X, recall=0.8, memory=N * D * 2)
    assert index.nbytes <= N * D * 2
    assert index.recall is not None
    assert index.recall >= 0.8


def test_a_limit_that_nothing_fits_names_the_least_that_would_do() -> None:
    X = clustered(np.random.default_rng(3))[0]
    with pytest.raises(ParameterError, match=r"memory must be .*KB or more for a recall of 0.9"):
        measured(X, recall=0.9, memory=50_000)
    with pytest.raises(ParameterError, match=r"memory must be 576KB or more for a recall of 1"):
        measured(X, recall=1.0, memory=500_000)


def test_what_would_do_is_tried_on_a_sample_with_fewer_lists() -> None:
    X = too_near_for_codes(np.random.default_rng(3))
    # 4,000 vectors have 102 lists, more than a sample of 120 has left without its queries.
    limits = AutoLimits(exact_numbers=0, sample=120)
    with pytest.raises(ParameterError, match=r"memory must be 192KB or more for a recall of 0\.99"):
        measured(X, "ip", recall=0.99, memory=1_000, limits=limits)


def filled_indexes() -> set[int]:
    """Return the identities of all FAISS indexes in memory that hold vectors."""
    return {
        id(each)
        for each in gc.get_objects()
        if issubclass(type(each), faiss.Index) and each.thisown and each.ntotal > 0
    }


class LiveIndexes(SilentProgress):
    """Counts the filled indexes that are in memory while another one is filled."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: list[int] = []
        # Other tests may have left some.
        self._before = filled_indexes()

    def task(
        self, name: str, total: float | None = None, unit: str = "items"
    ) -> AbstractContextManager[Task]:
        self.counts.append(len(filled_indexes() - self._before))
        return super().task(name, total, unit)


def test_an_index_that_was_not_taken_is_not_in_memory_beside_the_next() -> None:
    X, live = too_near_for_codes(np.random.default_rng(3)), LiveIndexes()
    # Only codes fit, and none of them reaches the target.
    with pytest.raises(ParameterError, match="memory must be"):
        measured(X, "ip", recall=0.99, memory=4 * X.size - 1, progress=live)
    assert len(live.counts) >= 3
    assert set(live.counts) == {0}


def test_little_data_is_compared_exactly() -> None:
    X = np.random.default_rng(4).standard_normal((500, 8))
    index = VectorIndex.build(X)
    assert (index.spec, index.recall, index.parameters) == ("flat", 1.0, {})
    assert "exact search costs little" in index.choice.reasons[0]
    assert VectorIndex.build(np.empty((0, 8))).spec == "flat"


@pytest.mark.parametrize("recall", [0, -0.1, 1.01, None, "0.9", True, float("nan")])
def test_a_recall_that_is_none_is_refused(recall: object) -> None:
    with pytest.raises(ParameterError, match="recall must be a number above 0 and at most 1"):
        VectorIndex.build(np.ones((5, 3)), recall=recall)


def test_given_ids_name_the_answers() -> None:
    X = clustered(np.random.default_rng(6))[0]
    ids = np.random.default_rng(7).permutation(N) + 1_000_000
    index = measured(X, recall=0.9, ids=ids)
    _, found = index.search(X[:50], 1)
    assert (found[:, 0] == ids[:50]).mean() >= 0.9
    np.testing.assert_array_equal(index.ids, ids)


def test_few_vectors_of_many_dimensions_are_compared_exactly() -> None:
    index = VectorIndex.build(np.eye(900, 6_000, dtype=np.float32))
    assert index.spec == "flat"
    assert "too few vectors" in index.choice.reasons[0]
    with pytest.raises(ParameterError, match="memory must be"):
        VectorIndex.build(np.eye(900, 6_000, dtype=np.float32), memory="1MB")


def busy(stop: threading.Event) -> None:
    while not stop.is_set():
        np.linalg.svd(np.ones((120, 120)))


@pytest.mark.parametrize("for_", ["single", "batch"])
def test_the_same_index_is_built_whatever_else_the_machine_does(for_: str, tmp_path: Path) -> None:
    X = clustered(np.random.default_rng(8))[0][:2_000]
    stop = threading.Event()
    others = [threading.Thread(target=busy, args=(stop,)) for _ in range(2)]
    digests = []
    for number in range(3):
        if number == 1:
            for other in others:
                other.start()
        try:
            index = measured(X, recall=0.97, for_=for_, threads=1 + number % 2)
        except BaseException:
            stop.set()
            raise
        digests.append((index.save(tmp_path / f"{number}"), repr(index)))
    stop.set()
    for other in others:
        other.join()
    # The report with what was measured is a part of the file.
    assert len(set(digests)) == 1


def test_batches_are_searched_by_lists_and_single_queries_by_a_graph() -> None:
    X = clustered(np.random.default_rng(9))[0]
    alone, many = (measured(X, recall=0.9, for_=use) for use in ("single", "batch"))
    assert alone.spec == "Pad16,HNSW24,SQfp16"
    assert many.spec == LISTS
    with pytest.raises(ParameterError, match="for_ must be one of single, batch"):
        VectorIndex.build(X, for_="both")


def test_exact_search_is_kept_unless_another_kind_costs_half_as_much() -> None:
    X = np.random.default_rng(10).standard_normal((4_000, 300)).astype(np.float32)
    index = VectorIndex.build(X, recall=0.99, for_="batch")
    assert index.spec == "flat"
    assert "exact search: " in index.choice.reasons[0]

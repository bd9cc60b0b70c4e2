"""Costs that are computed: they grow with the work, and agree with what FAISS counts."""

from __future__ import annotations

from typing import Any

import faiss
import numpy as np
import pytest

from embedsearch._types import Metric
from embedsearch.index.cost import exact_cost, expected_cost
from embedsearch.index.settings import make_index, train_index
from embedsearch.index.sources import as_source

N, D = 4000, 32
X = np.random.default_rng(0).standard_normal((N, D)).astype(np.float32)


def filled(spec: str) -> Any:
    index = make_index(spec, D, Metric.EUCLIDEAN, 0)
    train_index(index, as_source(X), spec, 0)
    index.add(X)
    return index


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("HNSW16,Flat", "efSearch"),
        ("HNSW24,SQfp16", "efSearch"),
        ("IVF64,Flat", "nprobe"),
        ("IVF64,PQ16x4fsr,RFlat", "nprobe"),
        ("IVF64,PQ16x4fsr,RFlat", "k_factor"),
    ],
)
def test_looking_wider_costs_more(spec: str, name: str, batch: bool) -> None:
    index = filled(spec)
    costs = [expected_cost(index, {name: value}, batch) for value in (4, 16, 64)]
    assert 0 < costs[0] < costs[1] < costs[2]


def test_what_a_graph_compares_is_about_what_faiss_counts() -> None:
    index = filled("HNSW24,Flat")
    costs, counted = [], []
    for width in (20, 160):
        faiss.cvar.hnsw_stats.reset()
        index.search(X[:200] + 0.1, 10, params=faiss.SearchParametersHNSW(efSearch=width))
        counted.append(faiss.cvar.hnsw_stats.ndis)
        costs.append(expected_cost(index, {"efSearch": width}, True))
    assert costs[1] / costs[0] == pytest.approx(counted[1] / counted[0], rel=0.5)


def test_exact_search_costs_less_in_a_batch_and_grows_with_the_vectors() -> None:
    one, batch = (exact_cost(N, D, 4 * D, batch) for batch in (False, True))
    assert batch < one
    assert exact_cost(2 * N, D, 4 * D, False) == 2 * one
    assert expected_cost(filled("Flat"), {}, False) == one
    assert expected_cost(filled("SQ8"), {}, False) == exact_cost(N, D, D, False)


def test_an_empty_index_costs_what_it_will_with_vectors() -> None:
    empty = make_index("HNSW24,Flat", D, Metric.EUCLIDEAN, 0)
    full = filled("HNSW24,Flat")
    asked = {"efSearch": 32.0}
    assert expected_cost(empty, asked, False, N) == expected_cost(full, asked, False)

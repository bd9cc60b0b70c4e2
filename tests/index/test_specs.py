from __future__ import annotations

import numpy as np
import pytest

from embedsearch._errors import ParameterError
from embedsearch.index.specs import KINDS, plan_for
from embedsearch.index.vector_index import VectorIndex


@pytest.mark.parametrize("d", [1, 2, 5, 7, 50, 96, 101, 300])
@pytest.mark.parametrize("kind", KINDS)
def test_every_name_fits_every_dimension(kind: str, d: int) -> None:
    X = np.random.default_rng(0).standard_normal((300, d)).astype(np.float32)
    index = VectorIndex.build(X, "euclidean", kind, threads=1)
    assert index.search(X[:3], 5)[1].shape == (3, 5)


@pytest.mark.parametrize(
    ("kind", "n", "d", "spec"),
    [
        ("hnsw", 10**6, 100, "HNSW32,Flat"),
        ("ivf", 10**6, 100, "IVF4000_HNSW32,Flat"),
        ("ivf", 10**4, 100, "IVF256,Flat"),
        ("int8", 10**6, 100, "Pad112,SQ8"),
        ("fp16", 10**6, 100, "Pad112,SQfp16"),
        ("pq", 10**6, 100, "PQ25np"),
        ("pq", 10**6, 101, "OPQ25_100,PQ25np"),
        ("ivfpq", 10**4, 96, "IVF256,PQ24np"),
        ("rabitq", 10**4, 96, "IVF256,RaBitQ"),
        ("rabitq", 100, 96, "RaBitQ"),
        ("FLAT", 10, 96, "flat"),
    ],
)
def test_names_stand_for_factory_strings(kind: str, n: int, d: int, spec: str) -> None:
    plan = plan_for(kind, n, d)
    assert (plan.spec, plan.notes) == (spec, ())


@pytest.mark.parametrize(
    ("given", "n", "spec", "note"),
    [
        ("IVF4096,Flat", 1000, "IVF25,Flat", "too few for 4,096 lists: 25"),
        ("IVF4096,PQ8", 1000, "IVF25,PQ8x7", "too few for codes of 8 bits: 7"),
        ("PQ8", 200, "PQ8x5", "codes of 8 bits: 5"),
        ("OPQ8_16,PQ8", 500, "RR16,PQ8x6", "too few to learn a rotation"),
        ("OPQ8,PQ8", 500, "PQ8x6", "too few to learn a rotation"),
        ("PQ8", 40, "flat", "search is exact"),
        ("IVF4096,Flat", 5, "flat", "search is exact"),
        ("ivf", 5, "flat", "search is exact"),
        ("pq", 0, "flat", "search is exact"),
    ],
)
def test_too_little_data_makes_it_smaller_and_says_so(
    given: str, n: int, spec: str, note: str
) -> None:
    plan = plan_for(given, n, 16)
    assert plan.spec == spec
    assert any(note in text for text in plan.notes)


def test_the_notes_are_in_the_choice_of_the_index() -> None:
    X = np.random.default_rng(0).standard_normal((90, 16)).astype(np.float32)
    index = VectorIndex.build(X, "cosine", "IVF4096,Flat")
    assert index.spec == "IVF2,Flat"
    assert "90 vectors are too few for 4,096 lists" in index.choice.notes[0]
    assert VectorIndex.build(X[:3], "cosine", "pq").choice.notes == (
        "3 vectors are too few to train pq: search is exact",
    )


@pytest.mark.parametrize("spec", ["nonsense", "IVF,Flat", "PQ7", "HNSW16,Nope", "", 7, None])
def test_a_factory_string_that_faiss_refuses_is_named(spec: str) -> None:
    X = np.random.default_rng(0).standard_normal((300, 16)).astype(np.float32)
    with pytest.raises(ParameterError, match="spec must be"):
        VectorIndex.build(X, "cosine", spec)


def test_idmap_is_refused_as_every_index_keeps_ids() -> None:
    with pytest.raises(ParameterError, match="without IDMap"):
        VectorIndex.build(np.eye(3), "cosine", "IDMap,Flat")


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"recall": 0}, "recall"),
        ({"recall": 1.5}, "recall"),
        ({"threads": 0}, "threads"),
        ({"ids": [1, 2]}, "ids"),
        ({"ids": [1] * 600}, "ids"),
        ({"metric": "manhattan"}, "metric"),
    ],
)
def test_a_setting_out_of_range_is_named(settings: dict[str, object], name: str) -> None:
    with pytest.raises(ParameterError, match=f"{name} must be"):
        VectorIndex.build(np.eye(600, 8), **{"spec": "hnsw", **settings})


def test_memory_is_four_and_sixteen_times_less() -> None:
    X = np.random.default_rng(0).standard_normal((20_000, 64)).astype(np.float32)
    whole = VectorIndex.build(X, "cosine", "flat").nbytes
    assert whole == X.nbytes
    for spec, times in (("fp16", 2), ("int8", 4), ("pq", 13)):
        assert VectorIndex.build(X, "cosine", spec, threads=1).nbytes < whole / times * 1.01

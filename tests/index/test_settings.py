from __future__ import annotations

import numpy as np
import pytest

from embedsearch._errors import ParameterError
from embedsearch.index.settings import KINDS, IndexSettings, changed_index, index_options, plan_for
from embedsearch.index.vector_index import VectorIndex

X = np.random.default_rng(0).standard_normal((300, 12)).astype(np.float32)


@pytest.mark.parametrize("spec", ["auto", "flat", "HNSW", "IVF64,PQ6", "PQ25", "OPQ8_64,IVF16,PQ8"])
def test_what_some_dimension_can_have_is_allowed(spec: str) -> None:
    IndexSettings(spec=spec).check()


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"spec": "nonsense"}, "spec"),
        ({"spec": ""}, "spec"),
        ({"spec": 7}, "spec"),
        ({"spec": "IDMap,Flat"}, "spec"),
        ({"recall": 0}, "recall"),
        ({"recall": "0.9"}, "recall"),
        ({"memory": "much"}, "memory"),
        ({"memory": 0}, "memory"),
    ],
)
def test_what_is_wrong_without_vectors_is_refused(settings: dict[str, object], name: str) -> None:
    with pytest.raises(ParameterError, match=f"{name} must be"):
        IndexSettings(**settings).check()


def test_a_known_dimension_is_the_one_that_counts() -> None:
    IndexSettings(spec="PQ25").check(100)
    with pytest.raises(ParameterError, match="16 dimensions"):
        IndexSettings(spec="PQ25").check(16)


def test_options_replace_settings_and_the_others_are_returned() -> None:
    before = IndexSettings(spec="ivf", memory="1MB")
    settings, rest = index_options({"recall": 0.9, "memory": "none", "epochs": 3}, before)
    assert settings == IndexSettings(spec="ivf", recall=0.9)
    assert rest == {"epochs": 3}
    assert changed_index(before) == before
    with pytest.raises(ParameterError, match="recall must be"):
        changed_index(before, recall=2.0)


def test_little_is_exact_unless_another_kind_is_asked_for() -> None:
    assert VectorIndex.build(X, **IndexSettings().options(X.size)).spec == "flat"
    assert VectorIndex.build(X, **IndexSettings(recall=0.9).options(X.size)).spec == "flat"
    assert VectorIndex.build(X, **IndexSettings(spec="hnsw").options(X.size)).spec == "HNSW32,Flat"


def test_settings_come_back_from_a_manifest() -> None:
    settings = IndexSettings(spec="hnsw", recall=0.9, memory="1GB")
    facts = {"settings": {"spec": "hnsw", "recall": 0.9, "memory": "1GB"}, "bytes": 3}
    assert IndexSettings.from_facts(facts) == settings


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

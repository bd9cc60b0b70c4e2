from __future__ import annotations

import numpy as np
import pytest

from embedsearch._errors import ParameterError
from embedsearch._progress import SilentProgress
from embedsearch.index.settings import IndexSettings, changed_index, index_options

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
    assert IndexSettings().build(X, SilentProgress()).spec == "flat"
    assert IndexSettings(recall=0.9).build(X, SilentProgress()).spec == "flat"
    assert IndexSettings(spec="hnsw").build(X, SilentProgress()).spec == "HNSW32,Flat"


def test_settings_come_back_from_a_manifest() -> None:
    settings = IndexSettings(spec="hnsw", recall=0.9, memory="1GB")
    facts = {"settings": {"spec": "hnsw", "recall": 0.9, "memory": "1GB"}, "bytes": 3}
    assert IndexSettings.from_facts(facts) == settings

"""Phrases are joined in the corpus, in queries and in documents added later alike."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

import embedsearch as es

FILLING = [
    "boat",
    "lamp",
    "river",
    "stone",
    "cloud",
    "bread",
    "garden",
    "silver",
    "winter",
    "candle",
    "harbour",
    "bridge",
]


@pytest.fixture
def ws(tmp_path: Path) -> es.Workspace:
    """Words in any order, among which `new` and `york` always stand together."""
    choose = random.Random(0)  # noqa: S311 - text, not secrets
    workspace = es.create(tmp_path / "towns.es")
    for number in range(60):
        words = choose.sample(FILLING, 10)
        words.insert(choose.randrange(10), "new york")
        workspace.add([es.Document(str(number), " ".join(words))])
    workspace.train(phrases="default", phrase_threshold=5.0, epochs=2, workers=1)
    return workspace


def test_a_phrase_is_a_word(ws: es.Workspace) -> None:
    assert "new_york" in ws.words.key_to_index
    assert "new" not in ws.words.key_to_index
    np.testing.assert_array_equal(ws.words["New York"], ws.words["new_york"])


def test_queries_and_later_documents_are_joined_too(ws: es.Workspace) -> None:
    assert ws.search("new york").unknown == ()
    ws.add([es.Document("later", "new york new york")])
    assert ws.search("new york", topn=1)[0].id == "later"
    ws.index()
    with es.open(ws.path) as reader:
        assert reader.search("new york", topn=1)[0].id == "later"


def test_an_update_joins_the_same_phrases(ws: es.Workspace) -> None:
    ws.add([es.Document(f"more-{i}", "new york greets new york and the wombat") for i in range(5)])
    ws.train(update=True, epochs=1)
    assert "new_york" in ws.words.key_to_index
    assert "wombat" in ws.words.key_to_index
    assert "new" not in ws.words.key_to_index


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"phrases": "magic"}, "phrases"),
        ({"phrases": "npmi", "phrase_threshold": 2.0}, "phrase_threshold"),
        ({"phrases": "default", "phrase_passes": 0}, "phrase_passes"),
    ],
)
def test_settings_of_phrases_are_checked(
    ws: es.Workspace, options: dict[str, object], name: str
) -> None:
    with pytest.raises(es.ParameterError) as caught:
        ws.train(**options)
    assert caught.value.name == name

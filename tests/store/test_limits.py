"""What is too large is refused by name, and nothing of its batch is kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from embedsearch._errors import ParameterError
from embedsearch._types import Document
from embedsearch.store import limits
from embedsearch.store.documents import DocumentStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DocumentStore]:
    store = DocumentStore(tmp_path / "documents.sqlite", writable=True)
    yield store
    store.close()


LARGEST: dict[str, tuple[Any, Any]] = {
    "id": (lambda n: Document("i" * (limits.MOST_ID + n), "x"), "the id 'iiii"),
    "title": (
        lambda n: Document("a", "x", {}, "t" * (limits.MOST_TITLE + n)),
        "the title of document 'a' must be at most 100,000 characters long, got 100001",
    ),
    "metadata": (
        lambda n: Document("a", "x", {"k": "v" * (limits.MOST_METADATA - 8 + n)}),
        "the metadata of document 'a' must be at most 1,000,000 characters long, got 1000001",
    ),
    "names": (
        lambda n: Document("a", "x", {"k" * (limits.MOST_NAME + n): 1}),
        "the metadata name 'kkkk",
    ),
    "entries": (
        lambda n: Document("a", "x", {f"k{i}": 1 for i in range(limits.MOST_FIELDS + n)}),
        "the metadata of document 'a' must be at most 10,000 entries, got 10001",
    ),
    "entries of lists and objects": (
        lambda n: Document("a", "x", {"k": [{"n": i} for i in range(4_999)], "l": [1] * n}),
        "the metadata of document 'a' must be at most 10,000 entries, got 10001",
    ),
    "names within": (
        lambda n: Document("a", "x", {"k": [{"k" * (limits.MOST_NAME + n): 1}]}),
        "the metadata name 'kkkk",
    ),
    "depth": (
        lambda n: Document(
            "a", "x", json.loads('{"k":' * (32 + n) + '{"a":[]}'[5:] + "}" * (31 + n))
        ),
        "metadata 'k' of document 'a' must be nested at most 32 deep, got 33",
    ),
}


@pytest.mark.parametrize(("make", "told"), LARGEST.values(), ids=LARGEST)
def test_the_largest_is_kept_and_one_more_is_refused(
    store: DocumentStore, make: Any, told: str
) -> None:
    largest = make(0)
    store.add([largest])
    assert store.get(largest.id) == largest
    with pytest.raises(ParameterError) as caught:
        store.add([Document("b", "y"), make(1)])
    assert str(caught.value).startswith(told)
    assert len(str(caught.value)) < 300
    assert list(store.ids()) == [largest.id]


def test_texts_have_a_limit(store: DocumentStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_TEXT", 1_000)
    store.add([Document("a", "x" * 1_000)])
    with pytest.raises(ParameterError, match="the text of document 'b' must be at most 1,000 char"):
        store.add([Document("b", "x" * 1_001)])

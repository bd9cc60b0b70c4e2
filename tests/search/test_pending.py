"""A lexical index that is behind, held against one that has caught up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embedsearch._types import Document
from embedsearch.index.lexical import LexicalIndex, LexicalQuery
from embedsearch.search.pending import MergedLexicalIndex, PendingDocuments
from embedsearch.store.documents import DocumentStore

QUERIES = (
    "galaxy of stars",
    "mayor",
    "zyzzyva engine",
    '"engine room"',
    '"room engine" mayor',
    "+engine mayor",
    "galaxy king -engine",
    "galaxy king -mayor -unheard",
    "+zyzzyva",
    "the of",
    '"to be or not"',
    "well-known harbours",
)


@dataclass(frozen=True)
class Both:
    behind: MergedLexicalIndex
    caught_up: LexicalIndex
    store: DocumentStore

    def parse(self, text: str) -> LexicalQuery:
        return self.behind.snapshot.parse(text)


@pytest.fixture(scope="module")
def both(planted: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """An index behind by additions, changes and deletions, and one that is not."""
    store = DocumentStore(tmp_path_factory.mktemp("store") / "r.sqlite", writable=True)
    store.add(planted.documents.values())
    analyzer = planted.lexical.analyzer
    with LexicalIndex.temporary(analyzer) as old, LexicalIndex.temporary(analyzer) as new:
        old.apply(store.changed_since(0), change=store.change)
        change(store)
        pending = PendingDocuments.after(old, planted.model.space.statistics.mean_length)
        new.apply(store.changed_since(0), change=store.change)
        yield Both(MergedLexicalIndex(old.snapshot, pending.updated(store, analyzer)), new, store)
    store.close()


def change(store: DocumentStore) -> None:
    ids = list(store.ids())
    store.delete(ids[:10])
    new = [
        ("n0", "The engine room of a well-known harbour. Zyzzyva!", "Engine room"),
        ("n1", "A room with an engine, a mayor and a galaxy of stars.", ""),
        ("n2", "To be or not to be, that is the question of the harbours.", "The question"),
        ("n3", "", ""),
        ("n4", "engine " * 50 + "room " * 20, ""),
        (ids[20], "Zyzzyva zyzzyva in the galaxy.", "King"),
    ]
    store.add(Document(id, text, {}, title) for id, text, title in new)
    store.delete([ids[30]])
    store.add([Document("n5", "mayor king engine")])
    store.delete(["n5"])


@pytest.mark.parametrize("text", QUERIES)
def test_the_same_documents_are_found_with_nearly_the_same_scores(both: Both, text: str) -> None:
    scores, numbers = both.behind.search(both.parse(text), 500)
    expected = both.caught_up.snapshot.search(text, 500)
    assert sorted(numbers.tolist()) == sorted(expected[1].tolist())
    wanted = dict(zip(expected[1].tolist(), expected[0].tolist()))
    if both.caught_up.snapshot.parse(text).stops or text.startswith('"to'):
        return
    # The index rounds lengths, and what has gone still counts in idf: much only for words that
    # nearly all documents have.
    np.testing.assert_allclose(scores, [wanted[n] for n in numbers.tolist()], rtol=0.15)
    assert scores.tolist() == sorted(scores.tolist(), reverse=True)


@pytest.mark.parametrize("text", QUERIES)
def test_few_are_the_first_of_many(both: Both, text: str) -> None:
    scores, numbers = both.behind.search(both.parse(text), 500)
    for topn in (1, 3):
        np.testing.assert_array_equal(both.behind.search(both.parse(text), topn)[1], numbers[:topn])
    allowed = np.arange(1, 300, 2)
    kept = np.isin(numbers, allowed)
    found = both.behind.search(both.parse(text), 4, allowed)
    np.testing.assert_array_equal(found[1], numbers[kept][:4])
    np.testing.assert_allclose(found[0], scores[kept][:4], rtol=1e-6)


@pytest.mark.parametrize("text", QUERIES)
def test_scores_of_documents_are_those_of_the_search(both: Both, text: str) -> None:
    found = dict(
        zip(*(part.tolist() for part in reversed(both.behind.search(both.parse(text), 500))))
    )
    numbers = np.arange(0, 260)
    expected = [found.get(number, 0.0) for number in numbers.tolist()]
    np.testing.assert_allclose(
        both.behind.scores_of(both.parse(text), numbers), expected, atol=1e-5
    )


@pytest.mark.parametrize("text", QUERIES)
def test_explanations_add_up_to_the_scores(both: Both, text: str) -> None:
    scores, numbers = both.behind.search(both.parse(text), 30)
    for score, parts in zip(
        scores.tolist(), both.behind.explain(both.parse(text), numbers), strict=True
    ):
        assert sum(part.score for part in parts) == pytest.approx(score, rel=1e-5)
        assert [p.score for p in parts] == sorted((p.score for p in parts), reverse=True)


@pytest.mark.parametrize("text", QUERIES)
def test_what_is_required_and_excluded_holds(both: Both, text: str) -> None:
    there = np.array([number for number, _ in both.store.changed_since(0)])
    expected = both.caught_up.snapshot.admits(text, there)
    np.testing.assert_array_equal(both.behind.admits(both.parse(text), there), expected)


def test_a_changed_document_loses_the_words_it_had(both: Both, planted: Any) -> None:
    changed = planted.documents[21]
    words = [w for w in planted.lexical.analyzer.words(changed.text) if w not in ("king", "galaxi")]
    assert both.behind.scores_of(both.parse(" ".join(words)), np.array([21])).tolist() == [0]
    assert both.behind.snapshot.scores_of(" ".join(words), [21])[0] > 0


def test_frequencies_count_both(both: Both) -> None:
    words = ["zyzzyva", "engine", "unheard", "the"]
    behind, caught_up = (
        x.document_frequencies(words) for x in (both.behind, both.caught_up.snapshot)
    )
    assert behind[0] == caught_up[0] == 2
    assert behind[1] >= caught_up[1] > 0
    assert behind[2] == 0


def test_what_came_later_is_followed_step_by_step(planted: Any, tmp_path: Path) -> None:
    analyzer = planted.lexical.analyzer
    # Of the first two numbers there may be documents in the index.
    at_first = with_steps = PendingDocuments(0, 10.0, lambda number: number < 3, 0)
    store = DocumentStore(tmp_path / "r.sqlite", writable=True)
    for step in range(40):
        store.add([Document(str(step), f"step {step}"), Document("same", f"changed {step}")])
        with_steps = with_steps.updated(store, analyzer)
        assert len(with_steps.segments) < 8
    before = with_steps
    store.delete(["1", "30"])
    with_steps = with_steps.updated(store, analyzer)
    at_once = at_first.updated(store, analyzer)
    store.close()
    assert with_steps.numbers.tolist() == at_once.numbers.tolist()
    assert (len(before), len(with_steps), len(at_once)) == (41, 39, 39)
    assert with_steps.stale == at_once.stale == {1, 2}
    assert with_steps.change == at_once.change
    query = planted.lexical.parse("step +changed 39 -30")
    found, expected = (each.explain(query, planted.lexical) for each in (with_steps, at_once))
    assert found.keys() == expected.keys() == {2}
    query = planted.lexical.parse("step 30")
    found, expected = (each.explain(query, planted.lexical) for each in (with_steps, at_once))
    assert len(found) == 38
    assert found == expected
    # A state that another thread still reads stays as it was.
    assert len(before.explain(query, planted.lexical)) == 40


def test_of_many_documents_those_are_admitted_that_each_would_be(planted: Any) -> None:
    index, numbers = planted.lexical, planted.numbers
    for text in ("+king -queen paris", "mayor -king", '+"the mayor" rome', "king"):
        query = index.parse(text)
        expected = [index.admits(query, numbers[i : i + 1])[0] for i in range(len(numbers))]
        assert index.admits(query, numbers).tolist() == expected
        assert index.admits(query, numbers[:0]).tolist() == []

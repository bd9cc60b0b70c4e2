"""Explanations, snippets and expansion through the facade, for all that is in the record."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import embedsearch as es

MODES = ("auto", "hybrid", "latent", "lexical", "rrf")


def words_of(workspace: es.Workspace) -> str:
    """Some words of the corpus."""
    return " ".join(workspace.words.index_to_key[40:46])


@pytest.mark.parametrize("mode", MODES)
def test_a_hit_says_what_its_score_is_made_of(planted: Path, mode: str) -> None:
    with es.open(planted) as workspace:
        for hit in workspace.search(words_of(workspace), 5, mode, explain=True):
            assert hit.explanation is not None
            added = sum(part.contribution for part in hit.explanation.parts)
            assert added + hit.explanation.rest == pytest.approx(hit.score, abs=1e-6)


@pytest.mark.parametrize("mode", MODES)
def test_what_is_found_and_what_is_explained_alone_are_the_same(planted: Path, mode: str) -> None:
    with es.open(planted) as workspace:
        text = words_of(workspace)
        for hit in workspace.search(text, 5, mode):
            explanation = workspace.explain(text, hit.id, mode, pairs=None)
            assert explanation.score == pytest.approx(hit.score, abs=1e-4)
            assert abs(explanation.rest) < 1e-4


def test_nothing_is_explained_unasked(planted: Path) -> None:
    with es.open(planted) as workspace:
        assert workspace.search(words_of(workspace), 1)[0].explanation is None


def test_later_documents_are_explained_like_the_others(writable: Path) -> None:
    with es.open(writable, mode="w") as workspace, es.open(writable) as reader:
        text = words_of(workspace)
        workspace.add([es.Document("later", f"{text}. {text}! Something else.", title="A title")])
        for one in (workspace, reader):
            explanation = one.explain(f"{text} something", "later", pairs=None)
            assert explanation.encoders["BM25"] > 0
            assert abs(explanation.rest) < 1e-4
            hits = {hit.id: hit for hit in one.search(f"{text} something", explain=True)}
            assert hits["later"].score == pytest.approx(explanation.score, abs=1e-4)
            (mark, *_) = hits["later"].highlights
            assert hits["later"].snippet[mark.start : mark.stop] in text


def test_an_explanation_needs_a_document_and_a_query(planted: Path) -> None:
    with es.open(planted) as workspace:
        with pytest.raises(es.UnknownDocumentError, match="nobody"):
            workspace.explain("words", "nobody")
        with pytest.raises(es.QueryError):
            workspace.explain("", next(iter(workspace.documents)))
        with pytest.raises(es.ParameterError, match="mode"):
            workspace.explain("words", next(iter(workspace.documents)), mode="best")


def test_a_word_that_no_document_has_finds_what_is_near_it(small: es.Workspace) -> None:
    small.train(vector_size=10, epochs=2, workers=1)
    with pytest.raises(es.UnknownWordError):
        small.search("automobile", expand=True)
    known = small.words.index_to_key[-1]
    rows = [[1.0, 0.1], [0.9, 0.2]]
    small.import_vectors(es.WordVectors(np.array(rows, np.float32), ["automobile", known]))
    found = small.search("automobile", expand=True)
    assert [word[:2] for word in found.expanded] == [("automobile", known)]
    assert known in small.documents[found[0].id].text


def test_feedback_changes_what_scores_are_made_of_and_can_be_left_out(planted: Path) -> None:
    with es.open(planted) as workspace:
        text = words_of(workspace)
        for feedback in (0, 2):
            for hit in workspace.search(text, 5, feedback=feedback, explain=True):
                assert hit.explanation is not None
                first = {part.through for part in hit.explanation.parts if part.through}
                assert len(first) <= feedback
                added = sum(part.contribution for part in hit.explanation.parts)
                assert added + hit.explanation.rest == pytest.approx(hit.score, abs=1e-6)


@pytest.mark.parametrize(
    ("feedback", "mode"), [(-1, "auto"), (1.5, "auto"), (True, "auto"), (3, "lexical"), (1, "rrf")]
)
def test_feedback_that_cannot_be_is_refused(planted: Path, feedback: object, mode: str) -> None:
    with es.open(planted) as workspace, pytest.raises(es.ParameterError, match="feedback"):
        workspace.search("king", 5, mode, feedback=feedback)  # type: ignore[arg-type]

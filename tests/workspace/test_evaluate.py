"""What `Workspace.evaluate` measures is what search uses."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest

import embedsearch as es
from embedsearch.evaluation import IndexReport
from embedsearch.index.candidate_index import CandidateIndex
from embedsearch.search.document_index import SCANNED, DocumentVectors
from embedsearch.search.documents import DocumentSearch
from embedsearch.search.model import Fusion
from embedsearch.vectors.rounded import RoundedRows
from embedsearch.workspace.evaluate import _document_recall


def recall(path: Path) -> IndexReport:
    with es.open(path) as ws:
        return ws.evaluate.index("documents", queries=100)


def test_where_all_documents_are_compared_a_note_says_so(writable: Path) -> None:
    report = recall(writable)
    assert report.recall == {1: 1, 10: 1, 100: 1}
    assert report.index.startswith("exact search of 2,000 passages")
    assert any("cannot miss any" in note for note in report.notes)
    assert report.queries == 100
    assert report.latency_ms[50] > 0


def test_the_clusters_that_search_looks_into_are_measured(writable: Path) -> None:
    with es.open(writable) as ws:
        generation = ws._session.trained()
        latent = np.array(generation.document_vectors.latent.base)
        clusters = generation.files.document_index
    CandidateIndex.build(latent).save(clusters)
    report = recall(writable)
    assert report.index.startswith("clusters of 2,000 passages")
    assert not any("cannot miss any" in note for note in report.notes)
    assert min(report.recall.values()) > 0.9
    # Clusters that stand for other documents find nothing but by chance.
    clusters.unlink()
    CandidateIndex.build(latent[::-1].copy()).save(clusters)
    assert max(recall(writable).recall.values()) < 0.5


def test_recall_is_that_of_a_comparison_with_numpy(
    writable: Path, cluster: Callable[[Path], None]
) -> None:
    cluster(writable)
    with es.open(writable) as ws:
        latent = np.array(ws._session.trained().document_vectors.latent.base)
        hybrid = ws._session.search().hybrid()
        rows = np.sort(np.random.default_rng(0).choice(len(latent), 100, replace=False))
        right = 0
        for row in rows:
            query = hybrid.weighted(latent[row], Fusion(latent=1.0))
            scores = latent @ query
            scores[row] = -np.inf
            border = np.sort(scores)[-10]
            found = [at for at in hybrid.latent.nearest(query, 201)[1] if at != row][:10]
            right += int((scores[found] >= border - 1e-6).sum())
        report = ws.evaluate.index("documents", queries=100)
    assert report.recall[10] == pytest.approx(right / 1000, abs=0.002)


def test_one_document_has_no_neighbours_to_look_for(small: es.Workspace) -> None:
    with pytest.raises(es.NotTrainedError):
        _ = small.evaluate
    small.replace_all([es.Document("a", "a cow and a calf in a barn")], min_count=1, epochs=1)
    with pytest.raises(es.InputError, match="fewer than two documents"):
        small.evaluate.index("documents")
    with pytest.raises(es.ParameterError, match="what must be one of words, documents"):
        small.evaluate.index("chairs")


def test_many_passages_are_not_read_again_for_each_question(writable: Path) -> None:
    read = 0

    def counted(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal read
        read += event == "call" and frame.f_code is RoundedRows.__getitem__.__code__

    with es.open(writable) as ws:
        small = ws._session.search()
        latent = small.current().latent
        X = RoundedRows.of(latent.take(np.arange(SCANNED + 1) % len(latent)), np.int16)
        numbers = np.arange(len(X))
        vectors = DocumentVectors.of(numbers, np.zeros((len(X), 1)), X, small.store.change)
        clusters = CandidateIndex.build(X)
        search = DocumentSearch(small.store, None, vectors, small.model, None, lambda: clusters)
        sys.setprofile(counted)
        try:
            report = _document_recall(search, True, 10, 20, 0)
        finally:
            sys.setprofile(None)
    assert report.queries == 20
    # Search reads what the clusters propose, once to compare and once to be timed.
    assert read < 3 * report.queries

"""Test collections with judgements: what each mode finds, beside bm25s if it is installed."""

from __future__ import annotations

import time
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

import embedsearch as es
from embedsearch import evaluation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from embedsearch.evaluation import Collection

    Found = list[list[tuple[str, float]]]

MODES = ("lexical", "auto", "latent")
METRICS = ("ndcg@10", "map")
_TOPN = 10


def measure(folder: Path, split: str | None, kept: Path) -> list[dict[str, Any]]:
    """Search a collection in the layout of BEIR in every way; a row for each."""
    path = kept / f"{folder.name}.es"
    collection = evaluation.load_collection(folder, split)
    with es.open(path) if path.exists() else es.build(folder / "corpus.jsonl", path) as workspace:
        # There is no public way to rank without what is shown to people.
        search = workspace._session.search()  # noqa: SLF001
        searchers = {mode: search.ranker(mode) for mode in MODES}
        if find_spec("bm25s"):
            searchers = {"bm25s": _bm25s(workspace), **searchers}
        return list(_rows(folder.name, searchers, collection))


def _rows(name: str, searchers: Any, collection: Collection) -> Iterator[dict[str, Any]]:
    report = evaluation.retrieval(searchers, collection, metrics=METRICS)
    for way in report.modes:
        times = []
        for text in collection.queries.values():
            start = time.process_time()
            searchers[way.mode]([text], _TOPN)
            times.append(1e3 * (time.process_time() - start))
        low, high = way.intervals["ndcg@10"]
        yield {
            "collection": name,
            "way": way.mode,
            **{metric: way.means[metric] for metric in METRICS},
            "± ndcg@10": (high - low) / 2,
            "cpu_p50_ms": float(np.median(times)),
        }


def _bm25s(workspace: es.Workspace) -> Any:
    import bm25s
    import Stemmer

    stemmer = Stemmer.Stemmer("english")

    def tokenized(texts: Sequence[str]) -> Any:
        return bm25s.tokenize(list(texts), stopwords="en", stemmer=stemmer, show_progress=False)

    ids = list(workspace.documents)
    documents = workspace.documents.values()
    engine = bm25s.BM25(k1=1.2, b=0.75)
    engine.index(tokenized([f"{d.title}\n{d.text}" for d in documents]), show_progress=False)

    def search(texts: Sequence[str], topn: int) -> Found:
        rows, scores = engine.retrieve(tokenized(texts), k=min(topn, len(ids)), show_progress=False)
        return [
            [(ids[row], float(score)) for row, score in zip(*found, strict=True) if score > 0]
            for found in zip(rows, scores, strict=True)
        ]

    return search

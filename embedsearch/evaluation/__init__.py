"""How good vectors, search and indexes are, on standard sets and on the user's own.

Names are imported when they are first used, so that one evaluation does not pay for another.
A module is never called like a public function: importing it would hide the function.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from embedsearch.evaluation.base import Report
    from embedsearch.evaluation.classification_quality import ClassificationReport, classification
    from embedsearch.evaluation.collections import Collection, load_collection
    from embedsearch.evaluation.lee_corpus import LeeReport, lee
    from embedsearch.evaluation.metrics import METRICS, parse_metrics
    from embedsearch.evaluation.neighbor_stability import StabilityReport, stability
    from embedsearch.evaluation.recall import IndexReport, index_recall
    from embedsearch.evaluation.retrieval_quality import RetrievalReport, Searcher, retrieval
    from embedsearch.evaluation.trec_runs import read_run, write_run
    from embedsearch.evaluation.word_analogies import AnalogyReport, analogies
    from embedsearch.evaluation.word_pairs import PairReport, pairs
    from embedsearch.evaluation.word_sets import STANDARD_SETS, resolve_set

_HOMES = {
    "embedsearch.evaluation.base": ("Report",),
    "embedsearch.evaluation.classification_quality": ("ClassificationReport", "classification"),
    "embedsearch.evaluation.collections": ("Collection", "load_collection"),
    "embedsearch.evaluation.lee_corpus": ("LeeReport", "lee"),
    "embedsearch.evaluation.metrics": ("METRICS", "parse_metrics"),
    "embedsearch.evaluation.neighbor_stability": ("StabilityReport", "stability"),
    "embedsearch.evaluation.recall": ("IndexReport", "index_recall"),
    "embedsearch.evaluation.retrieval_quality": ("RetrievalReport", "Searcher", "retrieval"),
    "embedsearch.evaluation.trec_runs": ("read_run", "write_run"),
    "embedsearch.evaluation.word_analogies": ("AnalogyReport", "analogies"),
    "embedsearch.evaluation.word_pairs": ("PairReport", "pairs"),
    "embedsearch.evaluation.word_sets": ("STANDARD_SETS", "resolve_set"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "METRICS",
    "STANDARD_SETS",
    "AnalogyReport",
    "ClassificationReport",
    "Collection",
    "IndexReport",
    "LeeReport",
    "PairReport",
    "Report",
    "RetrievalReport",
    "Searcher",
    "StabilityReport",
    "analogies",
    "classification",
    "index_recall",
    "lee",
    "load_collection",
    "pairs",
    "parse_metrics",
    "read_run",
    "resolve_set",
    "retrieval",
    "stability",
    "write_run",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)

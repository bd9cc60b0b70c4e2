"""Documents by their words: BM25 over an inverted index (tantivy)."""

from __future__ import annotations

from embedsearch.index.lexical.analysis import LexicalAnalyzer, detect_language
from embedsearch.index.lexical.index import LexicalIndex
from embedsearch.index.lexical.query import LexicalQuery
from embedsearch.index.lexical.scoring import Contribution, LexicalSnapshot

__all__ = [
    "Contribution",
    "LexicalAnalyzer",
    "LexicalIndex",
    "LexicalQuery",
    "LexicalSnapshot",
    "detect_language",
]

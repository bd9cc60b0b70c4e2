"""Documents by their words: BM25 over an inverted index (tantivy)."""

from __future__ import annotations

from embedsearch.index.lexical.analysis import LexicalAnalyzer
from embedsearch.index.lexical.index import LexicalIndex
from embedsearch.index.lexical.languages import detect_language
from embedsearch.index.lexical.query import LexicalQuery
from embedsearch.index.lexical.scoring import Contribution

__all__ = ["Contribution", "LexicalAnalyzer", "LexicalIndex", "LexicalQuery", "detect_language"]

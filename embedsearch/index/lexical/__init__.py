"""Documents by their words: BM25 over an inverted index (tantivy).

Names are imported when they are first used: a workspace is opened by the names of files alone.
"""

from __future__ import annotations

from embedsearch._lazy import public_names

__getattr__, __dir__, __all__ = public_names(__name__, __file__)

"""Documents by their words: BM25 over an inverted index (tantivy).

Names are imported when they are first used. Those of files stand here because every opening of a
workspace compares them, and few read the index.
"""

from __future__ import annotations

from embedsearch._lazy import public_names

# What tantivy writes; a file that it is about to rename has a random name.
TANTIVY_FILES = r"[0-9a-f]{32}(\.\w+)+|\.tantivy-(writer|meta)\.lock|\.tmp\w{6}"
FILE_NAMES = rf"lexical\.json(\.new)?|meta\.json|\.managed\.json|{TANTIVY_FILES}"

__getattr__, __dir__, __all__ = public_names(__name__, __file__)

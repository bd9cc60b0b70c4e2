"""The names of the files of a lexical index.

They stand alone because every opening of a workspace compares names, and few read the index.
"""

from __future__ import annotations

TANTIVY = r"[0-9a-f]{32}(\.\w+)+|\.tantivy-(writer|meta)\.lock|\.tmp\w{6}"
"""What tantivy writes; a file that it is about to rename has a random name."""

FILE_NAMES = rf"lexical\.json(\.new)?|meta\.json|\.managed\.json|{TANTIVY}"
"""All of them."""

"""What may be chosen of, for surfaces to show without importing what does the work."""

from __future__ import annotations

SEARCH_MODES = ("auto", "latent")
"""Ways to search for documents."""

KINDS = ("words", "documents")
"""What has vectors."""

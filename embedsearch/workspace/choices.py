"""What may be chosen of, for surfaces to show without importing what does the work."""

from __future__ import annotations

from embedsearch._errors import ParameterError

SEARCH_MODES = ("auto", "lexical", "latent", "hybrid", "rrf")
"""Ways to search for documents."""

KINDS = ("words", "documents")
"""What has vectors."""


def check_mode(mode: str) -> None:
    """Raise `ParameterError` unless documents can be searched so."""
    if mode not in SEARCH_MODES:
        raise ParameterError("mode", f"one of {', '.join(SEARCH_MODES)}", mode)

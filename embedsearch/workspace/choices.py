"""Names that options take, for the command line to list without importing what does the work."""

from __future__ import annotations

from embedsearch._checks import Choice, check
from embedsearch.search.options import SEARCH_MODES as SEARCH_MODES

KINDS = ("words", "documents")
"""What has vectors."""

METRICS = ("cosine", "ip", "euclidean")
"""Ways to measure how near two vectors are: the values of `Metric`."""


def check_mode(mode: str) -> None:
    """Raise `ParameterError` unless documents can be searched so."""
    check("mode", mode, Choice(SEARCH_MODES))

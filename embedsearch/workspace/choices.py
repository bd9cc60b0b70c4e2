"""What may be chosen of, for surfaces to show without importing what does the work."""

from __future__ import annotations

from embedsearch._errors import ParameterError

SEARCH_MODES = ("auto", "lexical", "latent", "hybrid", "rrf")
"""Ways to search for documents."""

KINDS = ("words", "documents")
"""What has vectors."""

METRICS = ("cosine", "ip", "euclidean")
"""Ways to measure how near two vectors are: the values of `Metric`."""


def check_mode(mode: str) -> None:
    """Raise `ParameterError` unless documents can be searched so."""
    if mode not in SEARCH_MODES:
        raise ParameterError("mode", f"one of {', '.join(SEARCH_MODES)}", mode)


def check_feedback(feedback: int | None, mode: str) -> None:
    """Raise `ParameterError` unless so many hits can move a query in this mode."""
    if feedback is None:
        return
    if isinstance(feedback, bool) or not isinstance(feedback, int) or feedback < 0:
        raise ParameterError("feedback", "a whole number, 0 or more", feedback)
    if feedback and mode in ("lexical", "rrf"):
        raise ParameterError("feedback", f"0 in the mode {mode!r}, which has none", feedback)

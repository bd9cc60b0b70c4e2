"""What may be chosen for search: how it is fitted to documents, and how one query is answered."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from embedsearch._checks import (
    BOOLEAN,
    COUNT,
    NATURAL,
    Choice,
    Constraint,
    Optional,
    as_strings,
    check_fields,
)
from embedsearch._errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SEARCH_MODES = ("auto", "lexical", "latent", "hybrid", "rrf")
"""Ways to search for documents."""

WORD_ORDERS = ("count", "df", "word")
"""Orders of words that were counted."""

LINE_ORDERS = ("document", "left", "right")
"""Orders of the lines of a concordance."""

KINDS = ("words", "documents")
"""What has vectors."""

METHODS = ("3cosadd", "3cosmul")
"""Ways to complete an analogy."""

METRICS = ("cosine", "ip", "euclidean")
"""The values of `Metric`, for options, which are listed without importing numpy."""

_CONSTRAINTS: dict[str, Constraint] = {
    "topn": COUNT,
    "mode": Choice(SEARCH_MODES),
    "explain": BOOLEAN,
    "expand": BOOLEAN,
    "feedback": Optional(NATURAL),
    "snippets": BOOLEAN,
}


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """How one query is answered; see `Workspace.search`."""

    topn: int = 10  # the number of hits
    mode: str = "auto"  # one of `SEARCH_MODES`
    where: str | None = None  # a condition on metadata
    explain: bool = False  # say of each hit what its score is made of
    expand: bool = False  # look for words near rare ones of the query, too
    # Towards how many documents of a first pass the query is moved in latent space; None for as
    # many as go with the weights of the mode.
    feedback: int | None = None
    snippets: bool = True  # show the passage of each hit that answers best

    def __post_init__(self) -> None:
        check_fields(self, _CONSTRAINTS)
        if self.feedback and self.mode in ("lexical", "rrf"):
            allowed = f"0 in the mode {self.mode!r}, which has none"
            raise ParameterError("feedback", allowed, self.feedback)


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSettings:
    """How search is fitted to documents."""

    encoders: tuple[str, ...] = ()  # to plug in beside our own: `NAME` or `NAME:ARGUMENT` each
    # Whose stop words and stems the lexical index uses: "auto" detects it, "none" has neither.
    language: str = "auto"

    def to_json(self) -> dict[str, Any]:
        """Return what a manifest says of them."""
        return {"encoders": list(self.encoders), "language": self.language}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> SearchSettings:
        """Read what `to_json` wrote."""
        return cls(encoders=tuple(values["encoders"]), language=str(values["language"]))


def changed_search(
    settings: SearchSettings,
    encoders: Sequence[str] | str | None = None,
    language: str | None = None,
) -> SearchSettings:
    """Return settings with those replaced that are given; None leaves one as it is."""
    if encoders is not None:
        named = tuple([encoders] if isinstance(encoders, str) else as_strings("encoders", encoders))
        settings = replace(settings, encoders=named)
    return settings if language is None else replace(settings, language=language)

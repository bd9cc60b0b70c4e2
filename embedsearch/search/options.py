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
    Interval,
    Optional,
    as_strings,
    check,
    check_fields,
)
from embedsearch._errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SEARCH_MODES = ("auto", "hybrid", "lexical", "latent")
"""Ways to search for documents."""

LOW_RELEVANCE = 0.25
"""Below this the best document of a collection is seldom an answer."""

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
    "lean": Interval(-2, 2, whole=True),
    "min_relevance": Interval(0, 1),
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
    # many as the weights say.
    feedback: int | None = None
    lean: int = 0  # from words alone, -2, to meaning alone, 2
    min_relevance: float = 0.0  # the least that a hit must have
    snippets: bool = True  # show the passage of each hit that answers best

    def __post_init__(self) -> None:
        check_fields(self, _CONSTRAINTS)
        if self.lean and self.mode in ("lexical", "latent"):
            raise ParameterError("lean", f"0 in the mode {self.mode!r}", self.lean)
        if self.feedback and self.settled.mode == "lexical":
            raise ParameterError("feedback", "0 in the mode 'lexical'", self.feedback)

    @property
    def settled(self) -> SearchOptions:
        """The same with the mode that the ends of `lean` stand for."""
        if abs(self.lean) < 2:
            return self
        return replace(self, mode="lexical" if self.lean < 0 else "latent", lean=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSettings:
    """How search is fitted to documents."""

    encoders: tuple[str, ...] = ()  # to plug in beside our own: `NAME` or `NAME:ARGUMENT` each
    # Whose stop words and stems the lexical index uses: "auto" detects it, "none" has neither.
    language: str = "auto"
    search: bool = True  # False: words alone are learned, and documents found by their words

    def to_json(self) -> dict[str, Any]:
        """Return what a manifest says of them."""
        return {"encoders": list(self.encoders), "language": self.language, "search": self.search}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> SearchSettings:
        """Read what `to_json` wrote."""
        return cls(
            encoders=tuple(values["encoders"]),
            language=str(values["language"]),
            search=bool(values.get("search", True)),
        )


def changed_search(
    settings: SearchSettings,
    encoders: Sequence[str] | str | None = None,
    language: str | None = None,
    search: bool | None = None,
) -> SearchSettings:
    """Return settings with those replaced that are given; None leaves one as it is."""
    if search is not None:
        check("search", search, BOOLEAN)
        settings = replace(settings, search=search)
    if encoders is not None:
        named = tuple([encoders] if isinstance(encoders, str) else as_strings("encoders", encoders))
        settings = replace(settings, encoders=named)
    return settings if language is None else replace(settings, language=language)

"""Small frozen values that pass between the stages."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import Enum
from html import escape
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from embedsearch._errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date, time

FloatMatrix = NDArray[np.float32]
FloatVector = NDArray[np.float32]
IntVector = NDArray[np.int64]
MetadataScalar = str | int | float | bool | None
MetadataValue: TypeAlias = (
    "MetadataScalar | date | time | Sequence[MetadataValue] | Mapping[str, MetadataValue]"
)

METADATA_DEPTH = 32
"""How many lists and objects within each other metadata may have."""

MOST_DIGITS = 4_300
"""Of an integer in JSON; Python refuses to read or write more (CVE-2020-10735)."""


class Metric(Enum):
    """How near two vectors are. Every metric is scored so that higher is nearer."""

    COSINE = "cosine"
    INNER_PRODUCT = "ip"
    EUCLIDEAN = "euclidean"


@dataclass(frozen=True, slots=True)
class Document:
    """One text of the user's.

    Attributes:
        id: What the user calls it; unique in a workspace.
        text: The body.
        metadata: Facts about it, by name: strings, finite numbers, booleans and None, and lists
            and mappings of these. Dates and times are kept as ISO text; tuples come back as lists.
        title: Its title, if it has one; read, indexed and shown together with the text.
    """

    id: str
    text: str
    metadata: Mapping[str, MetadataValue] = field(default_factory=dict)
    title: str = ""


class Neighbor(NamedTuple):
    """A word and how near it is: compares equal to gensim's `(word, score)` tuples."""

    word: str
    score: float


class Highlight(NamedTuple):
    """A word of a snippet that answers a word of the query.

    Attributes:
        start: Where it begins in the snippet, in characters.
        stop: Where it ends.
        query_word: The word of the query.
        score: 1 where it is the same word, or another form of it; else how near in meaning the
            two are.
    """

    start: int
    stop: int
    query_word: str
    score: float


@dataclass(frozen=True, slots=True)
class Part:
    """What adds to the score of a document.

    Attributes:
        encoder: "BM25", "BM25 title" or "BM25 stop words", or the name of an encoder.
        query_word: The word of the query; empty where the part is not of a single one.
        word: The word of the document that it met; empty where the part is of no single one.
        contribution: What this adds to the score; below 0 where it takes away.
        through: The id of a document found at first, towards which the query was moved; the
            part is then what both documents share.
        rank: The place of the document in the list of this encoder, from 1, where scores are
            made of ranks; else 0.
    """

    encoder: str
    query_word: str
    word: str
    contribution: float
    through: str = ""
    rank: int = 0

    @property
    def pair(self) -> tuple[str, str, str]:
        """What has met, by whichever encoder; "rank 3 by BM25" in place of words for a rank."""
        if self.rank:
            return f"rank {self.rank} by {self.encoder}", "", ""
        return self.query_word, self.word, self.through


class Pair(NamedTuple):
    """A word of the query and one of the document, and what both add to the score together.

    Attributes:
        query_word: As in `Part`.
        word: As in `Part`.
        through: As in `Part`.
        contribution: The sum over all encoders.
    """

    query_word: str
    word: str
    through: str
    contribution: float

    def __str__(self) -> str:
        if self.through:
            return f"like {self.through} {self.contribution:.2f}"
        same = self.query_word == self.word or not self.word
        met = self.query_word if same else f"{self.query_word} ~ {self.word}"
        return f"{met or 'whole text'} {self.contribution:.2f}"


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a score is made of: `score` is the sum of `parts` and of `rest`.

    Attributes:
        score: That of the document.
        parts: What adds to it; those of the strongest pairs of words come first.
        rest: What the parts that are not listed add. Where all are, it is the rounding error of
            single precision, below 1e-4 for scores below 10.
        encoders: What each encoder adds in all.
    """

    score: float
    parts: tuple[Part, ...] = ()
    rest: float = 0.0
    encoders: Mapping[str, float] = field(default_factory=dict)

    def strongest(self, topn: int = 10) -> list[Pair]:
        """Return the pairs of words that add most, summed over all encoders."""
        sums: dict[tuple[str, str, str], float] = {}
        for part in self.parts:
            sums[part.pair] = sums.get(part.pair, 0.0) + part.contribution
        ordered = sorted(sums.items(), key=lambda item: -item[1])
        return [Pair(*pair, total) for pair, total in ordered[:topn]]

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "score": self.score,
            "encoders": dict(self.encoders),
            "parts": [asdict(part) for part in self.parts],
            "rest": self.rest,
        }


@dataclass(frozen=True, slots=True)
class Hit:
    """A document found.

    Attributes:
        id: The id of the document.
        score: Higher is nearer.
        title: Its title, or an empty string.
        snippet: The passage that answers the query best.
        metadata: As the document was added with.
        highlights: Words of the snippet that answer words of the query, in their order.
        explanation: What the score is made of, where that was asked for.
    """

    id: str
    score: float
    title: str = ""
    snippet: str = ""
    metadata: Mapping[str, MetadataValue] = field(default_factory=dict)
    highlights: tuple[Highlight, ...] = ()
    explanation: Explanation | None = None


class Neighbors(list[Neighbor]):
    """A list of neighbours, shown as a table in notebooks.

    Attributes:
        inferred: Query words that were not in the vocabulary and were given a vector
            from their character n-grams.
    """

    def __init__(self, items: Iterable[Neighbor] = (), inferred: Iterable[str] = ()) -> None:
        super().__init__(items)
        self.inferred = tuple(inferred)

    def to_frame(self) -> Any:
        """Return a data frame of pandas with the columns "word" and "score".

        Raises:
            MissingExtraError: pandas is not installed.
        """
        return _frame(Neighbor._fields, [neighbor._asdict() for neighbor in self])

    def _repr_html_(self) -> str:
        return html_table(("word", "score"), ((n.word, f"{n.score:.4f}") for n in self))


class ExpandedWord(NamedTuple):
    """A word that was looked for too, as it is near a rare word of the query.

    Attributes:
        query_word: The word of the query.
        word: The word that was added.
        score: How near the two are, as a cosine.
        weight: What the added word weighs; a word of the query weighs 1.
    """

    query_word: str
    word: str
    score: float
    weight: float


class Hits(list[Hit]):
    """A list of documents found, shown as a table in notebooks.

    Attributes:
        unknown: Words of the query that the vocabulary does not have.
        expanded: Words that were looked for too, where that was asked for.
    """

    def __init__(
        self,
        items: Iterable[Hit] = (),
        unknown: Iterable[str] = (),
        expanded: Iterable[ExpandedWord] = (),
    ) -> None:
        super().__init__(items)
        self.unknown = tuple(unknown)
        self.expanded = tuple(expanded)

    def to_frame(self) -> Any:
        """Return a data frame of pandas: "id", "score", "title", "snippet", and the metadata.

        A field of the metadata that is called like one of these is `metadata.NAME`.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        rows = []
        for hit in self:
            row: dict[str, Any] = {name: getattr(hit, name) for name in _HIT_COLUMNS}
            for name, value in hit.metadata.items():
                row[f"metadata.{name}" if name in _HIT_COLUMNS else name] = value
            rows.append(row)
        return _frame(tuple(dict.fromkeys([*_HIT_COLUMNS, *chain(*rows)])), rows)

    def _repr_html_(self) -> str:
        rows = (
            (hit.id, f"{hit.score:.4f}", hit.title, Html(_marked(hit) + _folded(hit)))
            for hit in self
        )
        return html_table(_HIT_COLUMNS, rows)


_HIT_COLUMNS = ("id", "score", "title", "snippet")


class Html(str):
    """What is HTML already."""

    __slots__ = ()


def html_table(header: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """Draw a plain HTML table; every cell is escaped, unless it is `Html`."""
    head = "".join(f"<th>{escape(str(name))}</th>" for name in header)
    body = "".join(
        "<tr>" + "".join(f"<td>{_cell(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(cell: object) -> str:
    return cell if isinstance(cell, Html) else escape(str(cell))


def _marked(hit: Hit) -> str:
    """Return the snippet of a hit as HTML, with its highlights marked."""
    parts, end = [], 0
    for found in hit.highlights:
        marked = f"<mark>{escape(hit.snippet[found.start : found.stop])}</mark>"
        parts += [escape(hit.snippet[end : found.start]), marked]
        end = found.stop
    return "".join([*parts, escape(hit.snippet[end:])])


def _folded(hit: Hit) -> str:
    """Return the metadata of a hit and what its score is made of, to be unfolded."""
    tables = {}
    if hit.metadata:
        tables["metadata"] = html_table(("name", "value"), hit.metadata.items())
    if hit.explanation is not None:
        pairs = hit.explanation.strongest()
        rows = ((str(pair).rpartition(" ")[0], f"{pair.contribution:.4f}") for pair in pairs)
        tables["explanation"] = html_table(("what was met", "adds"), rows)
    return "".join(
        f"<details><summary>{name}</summary>{table}</details>" for name, table in tables.items()
    )


def _frame(columns: Sequence[str], rows: list[dict[str, Any]]) -> Any:
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingExtraError("a data frame", "pandas") from error
    return pd.DataFrame(rows, columns=list(columns))

"""Small frozen values that pass between the stages."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from enum import Enum
from html import escape
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from embedsearch._checks import STRING, check
from embedsearch._errors import MissingExtraError, QueryError
from embedsearch._fields import (
    NOT_COMPARED,
    distinct_of,
    field_value,
    names_in,
    object_field,
    ranks_of,
    scalars_of,
    split_sort,
    unknown_field,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date, time

    from typing_extensions import Self

T = TypeVar("T")

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


# Characters of a text that a table in a notebook shows.
_BEGINNING = 160


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


class WordNeighbor(NamedTuple):
    """A word that is near, and how sure that is.

    Attributes:
        word: The word.
        score: The cosine.
        count: How often the corpus has the word; None if that is not known.
        low: The lower end of the confidence interval of the cosine, by which words are ranked;
            None without counts.
        high: The upper end.
    """

    word: str
    score: float
    # The tuple's own method of this name is of no use here.
    count: int | None = None  # type: ignore[assignment]
    low: float | None = None
    high: float | None = None


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
        encoder: "BM25", "BM25 title" or "BM25 stop words"; "BM25 expanded" for the words of the
            document and of those nearest to it; or the name of an encoder.
        query_word: The word of the query; empty where the part is not of a single one.
        word: The word of the document that it met; empty where the part is of no single one.
        contribution: What this adds to the score; below 0 where it takes away.
        through: The id of a document found at first, towards which the query was moved; the
            part is then what both documents share.
    """

    encoder: str
    query_word: str
    word: str
    contribution: float
    through: str = ""

    @property
    def pair(self) -> tuple[str, str, str]:
        """What has met, by whichever encoder."""
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
        weights: Those that search goes by: of BM25 (`lexical`), of BM25 of expanded documents, of
            each encoder (`latent`) and of each of the user's (`plugged`); and `feedback`. Empty
            where it goes by BM25 alone.
    """

    score: float
    parts: tuple[Part, ...] = ()
    rest: float = 0.0
    encoders: Mapping[str, float] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)

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
            "weights": dict(self.weights),
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
        source: The file, `-` or `corpus:NAME` that it comes from; None where that is not known.
        relevance: How well it answers the query, from 0 to 1, on one scale for all queries; None
            where no text was searched for, or one of stop words alone.
    """

    id: str
    score: float
    title: str = ""
    snippet: str = ""
    metadata: Mapping[str, MetadataValue] = field(default_factory=dict)
    highlights: tuple[Highlight, ...] = ()
    explanation: Explanation | None = None
    source: str | None = None
    relevance: float | None = None


class _Near(list[T]):
    """What `Neighbors` and `WordNeighbors` share: the same but for the fields of their items."""

    _columns: ClassVar[tuple[str, ...]]

    def __init__(self, items: Iterable[T] = (), inferred: Iterable[str] = ()) -> None:
        super().__init__(items)
        self.inferred = tuple(inferred)

    def to_frame(self) -> Any:
        """Return a data frame of pandas with a column for each field, "word" and "score" first.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        return _frame(self._columns, list(self))


class Neighbors(_Near[Neighbor]):
    """A list of neighbours, shown as a table in notebooks.

    Attributes:
        inferred: Query words that were not in the vocabulary and were given a vector
            from their character n-grams.
    """

    _columns = Neighbor._fields

    def _repr_html_(self) -> str:
        return html_table(("word", "score"), ((n.word, f"{n.score:.4f}") for n in self))


class WordNeighbors(_Near[WordNeighbor]):
    """A list of near words with their evidence, shown as a table in notebooks.

    Attributes:
        inferred: See `Neighbors`.
    """

    _columns = WordNeighbor._fields

    def _repr_html_(self) -> str:
        rows = ((n.word, f"{n.score:.4f}", "" if n.count is None else n.count) for n in self)
        return html_table(("word", "score", "count"), rows)


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


class FacetCount(NamedTuple):
    """How many documents have a value.

    Attributes:
        value: The value; None for documents without one.
        documents: How many documents have it.
        share: That, as a share of all that were counted.
    """

    value: MetadataScalar
    documents: int
    share: float


class Facet(list[FacetCount]):
    """The values of a field, the most frequent first; documents without a value come last.

    A document with a list counts once for each distinct value in it, so that the shares may add
    up to more than 1. Equal counts are in the order of the values; see `Documents.list`.

    Attributes:
        field: The name of the field.
        total: How many documents were counted.
    """

    def __init__(self, field: str, items: Iterable[FacetCount] = (), total: int = 0) -> None:
        super().__init__(items)
        self.field, self.total = field, total

    @classmethod
    def of(
        cls,
        field: str,
        values: Sequence[MetadataScalar],
        counts: Sequence[int],
        *,
        total: int,
        missing: int,
    ) -> Self:
        """Make it of distinct values and their counts."""
        best = sorted(zip(counts, ranks_of(values), values, strict=True), key=_by_count)
        items = [(value, count) for count, _, value in best if count]
        items += [(None, missing)] if missing else []
        return cls(field, (FacetCount(*item, item[1] / total) for item in items), total)

    def _repr_html_(self) -> str:
        rows = ((value, f"{count:,}", f"{share:.1%}") for value, count, share in self)
        return html_table((self.field, "documents", "share"), rows)


def _by_count(item: tuple[int, int, MetadataScalar]) -> tuple[int, int]:
    count, rank, _ = item
    return -count, rank


class DocumentList(list[Document]):
    """Some documents, shown as a table in notebooks.

    Attributes:
        total: How many there are of which these are some.
    """

    def __init__(self, items: Iterable[Document] = (), total: int = 0) -> None:
        super().__init__(items)
        self.total = total

    def _repr_html_(self) -> str:
        rows = [(d.id, d.title, " ".join(d.text[:_BEGINNING].split())) for d in self]
        note = f"<p>{len(self):,} of {self.total:,} documents</p>"
        return note + html_table(("id", "title", "text"), rows)


class HitGroup(NamedTuple):
    """The hits that have a value in common.

    Attributes:
        value: The value; None for hits without one.
        hits: Best first.
    """

    value: MetadataScalar
    hits: Hits


class Hits(list[Hit]):
    """A list of documents found, shown as a table in notebooks.

    Attributes:
        unknown: Words of the query that no document has.
        expanded: Words that were looked for too, where that was asked for.
        mode: How they were searched for: the mode that was asked for, the one that is at the end of
            `lean`, or "lexical" where that was "auto" and there are no word vectors; None if they
            were not.
        suggestions: For each unknown word those that are spelled like it, best first.
        unexpanded: Why no word was looked for too, where that was asked for.
        relevance: That of the best document, even if it is less than was asked for; None where
            there is none, and for stop words alone.
        warnings: What is wrong with the query, a sentence each: a quote that is not closed, a
            phrase that no document has. Of one of several queries also why it has no answer.
    """

    def __init__(
        self,
        items: Iterable[Hit] = (),
        unknown: Iterable[str] = (),
        expanded: Iterable[ExpandedWord] = (),
        mode: str | None = None,
        suggestions: Mapping[str, Sequence[str]] | None = None,
        unexpanded: str = "",
        relevance: float | None = None,
        warnings: Iterable[str] = (),
    ) -> None:
        super().__init__(items)
        self.mode, self.unexpanded, self.relevance = mode, unexpanded, relevance
        self.warnings = tuple(warnings)
        self.suggestions = {word: tuple(near) for word, near in (suggestions or {}).items()}
        self.unknown = tuple(unknown)
        self.expanded = tuple(expanded)

    def sort_by(self, field: str) -> Hits:
        """Return the same hits in the order of a field: "year", or "-year" for descending order.

        Fields are named as in a condition on metadata (`meta.agent`); there are also "id", "title"
        and "source". For the order see `Documents.list`.

        Raises:
            QueryError: No hit has such a field.
            ParameterError: `field` is not a string.
        """
        name, descending = split_sort("field", field)
        values = self._values(name)
        sign, last = (-1, max) if descending else (1, min)
        flat = iter(ranks_of([value for each in values for value in each]))
        ranks = [[next(flat) for _ in each] for each in values]
        keys = [(not each, sign * last(each, default=0)) for each in ranks]
        order = sorted(range(len(self)), key=keys.__getitem__)
        return self._at(order)

    def facet(self, field: str) -> Facet:
        """Count the hits by what they have in a field; fields are named as for `sort_by`.

        Raises:
            QueryError: No hit has such a field.
            ParameterError: `field` is not a string.
        """
        groups, without = self._grouped(field)
        values, counts = [value for value, _ in groups], [len(places) for _, places in groups]
        return Facet.of(field, values, counts, total=len(self), missing=len(without))

    def group_by(self, field: str) -> list[HitGroup]:
        """Put the hits with the same value together; fields are named as for `sort_by`.

        The group with the best hit comes first, and that of the hits without a value last. A hit
        whose value is a list is in several groups.

        ```python
        by_source = ws.search("boundary layer", topn=100).group_by("source")
        best = {source: hits[0].title for source, hits in by_source}
        ```

        Raises:
            QueryError: No hit has such a field.
            ParameterError: `field` is not a string.
        """
        groups, without = self._grouped(field)
        if without:
            groups = [*groups, (None, without)]
        return [HitGroup(value, self._at(places)) for value, places in groups]

    def _at(self, places: Iterable[int]) -> Hits:
        return self.with_hits(self[place] for place in places)

    def with_hits(self, hits: Iterable[Hit]) -> Hits:
        """Return other hits with the same facts about the query."""
        other = Hits(hits)
        other.__dict__.update(self.__dict__)
        return other

    def _grouped(self, field: str) -> tuple[list[tuple[MetadataScalar, list[int]]], list[int]]:
        """Return the places of hits by their values, and of those without."""
        check("field", field, STRING)
        values = self._values(field)
        pairs = [(value, place) for place, each in enumerate(values) for value in each]
        distinct, found = distinct_of([value for value, _ in pairs])
        places: list[dict[int, None]] = [{} for _ in distinct]
        for group, (_, place) in zip(found, pairs, strict=True):
            places[group][place] = None
        without = [place for place, each in enumerate(values) if not each]
        return [(value, list(each)) for value, each in zip(distinct, places, strict=True)], without

    def _values(self, field: str) -> list[list[MetadataScalar]]:
        """Return the values of each hit in a field; `QueryError` if it cannot have any."""
        found = [field_value(field, hit.metadata, _own_fields(hit)) for hit in self]
        values = [scalars_of(value) for value in found]
        if self and not any(values) and field not in _own_fields(self[0]):
            names = Counter(name for hit in self for name in dict.fromkeys(names_in(hit.metadata)))
            if any(isinstance(value, dict) for value in found):
                raise QueryError(object_field(field, sorted(names), NOT_COMPARED))
            known = [*(name for name, _ in names.most_common()), *_own_fields(self[0])]
            raise QueryError(unknown_field(field, list(dict.fromkeys(known)), "no hit"))
        return values

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


def _own_fields(hit: Hit) -> dict[str, str | None]:
    return {"id": hit.id, "title": hit.title, "source": hit.source}


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


def _frame(columns: Sequence[str], rows: Sequence[Any]) -> Any:
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingExtraError("a data frame", "pandas") from error
    return pd.DataFrame(rows, columns=list(columns))

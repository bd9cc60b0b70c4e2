"""Small frozen values that pass between the stages."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FloatMatrix = NDArray[np.float32]
FloatVector = NDArray[np.float32]
IntVector = NDArray[np.int64]
MetadataValue = str | int | float | bool | None


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
        metadata: Flat facts about it; values are strings, numbers, booleans or None.
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


@dataclass(frozen=True, slots=True)
class Hit:
    """A document found.

    Attributes:
        id: The id of the document.
        score: Higher is nearer.
        title: Its title, or an empty string.
        snippet: The passage that answers the query best.
        metadata: As the document was added with.
    """

    id: str
    score: float
    title: str = ""
    snippet: str = ""
    metadata: Mapping[str, MetadataValue] = field(default_factory=dict)


class Neighbors(list[Neighbor]):
    """A list of neighbours, shown as a table in notebooks.

    Attributes:
        inferred: Query words that were not in the vocabulary and were given a vector
            from their character n-grams.
    """

    def __init__(self, items: Iterable[Neighbor] = (), inferred: Iterable[str] = ()) -> None:
        super().__init__(items)
        self.inferred = tuple(inferred)

    def _repr_html_(self) -> str:
        return html_table(("word", "score"), ((n.word, f"{n.score:.4f}") for n in self))


class Hits(list[Hit]):
    """A list of documents found, shown as a table in notebooks.

    Attributes:
        unknown: Words of the query that the vocabulary does not have.
    """

    def __init__(self, items: Iterable[Hit] = (), unknown: Iterable[str] = ()) -> None:
        super().__init__(items)
        self.unknown = tuple(unknown)

    def _repr_html_(self) -> str:
        rows = ((hit.id, f"{hit.score:.4f}", hit.title, hit.snippet) for hit in self)
        return html_table(("id", "score", "title", "snippet"), rows)


def html_table(header: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """Draw a plain HTML table; every cell is escaped."""
    head = "".join(f"<th>{escape(str(name))}</th>" for name in header)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

"""The answer to "what is this, in words?" for any vector."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from embedsearch._types import html_table

if TYPE_CHECKING:
    from embedsearch.space.readout import WeightedWord


class NearbyDocument(NamedTuple):
    """A document near a vector.

    Attributes:
        id: Its id.
        score: The cosine of its vector, or of that of its best passage, with that one.
        title: Its title, or how its text begins.
    """

    id: str
    score: float
    title: str


@dataclass(frozen=True, slots=True)
class Description:
    """What a point or a direction of a space says.

    Attributes:
        what: What was described, such as "document a1".
        encoder: Whose space it is in.
        method: How the words were found: "back-projection" or "nearest words".
        words: What it says most, strongest first.
        opposite: Of a direction, the words at its other end.
        documents: The documents nearest to it, best first; itself left out.
        opposite_documents: Of a direction, those nearest to its other end.
    """

    what: str
    encoder: str
    method: str
    words: list[WeightedWord]
    opposite: list[WeightedWord]
    documents: list[NearbyDocument]
    opposite_documents: list[NearbyDocument]

    @property
    def two_ended(self) -> bool:
        """Whether it is a direction: then there are words at its other end."""
        return bool(self.opposite or self.opposite_documents)

    def __str__(self) -> str:
        return ", ".join(each.word for each in self.words)

    def to_json(self) -> dict[str, Any]:
        """Return plain values; words and documents are objects."""
        values = asdict(self)
        for name in ("words", "opposite", "documents", "opposite_documents"):
            values[name] = [each._asdict() for each in getattr(self, name)]
        return values

    def _repr_html_(self) -> str:
        words = [(each.word, f"{each.weight:.3f}") for each in self.words]
        documents = [(each.id, f"{each.score:.3f}", each.title) for each in self.documents]
        return html_table((self.what, "weight"), words) + html_table(
            ("id", "score", "title"), documents
        )

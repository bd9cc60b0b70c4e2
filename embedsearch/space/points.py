"""Points of a latent space: words, documents, topics, or vectors of the user's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from embedsearch._errors import QueryError
from embedsearch.vectors.arrays import unit_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from embedsearch._types import FloatMatrix, FloatVector


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Named points of one space.

    `np.asarray(points)` are their vectors, so that they go into any estimator; `points[:10]`,
    `points[mask]` are some of them.

    Attributes:
        names: (n) what each is called: a word, the id of a document, the name of a topic.
        vectors: (n, d) float32, as the encoder gives them: those of documents have length 1.
        kinds: (n) "word", "document", "topic" or "vector" each.
        titles: (n) what to show of each: the title of a document, or its first words.
        encoder: Whose space it is: "lsa-100", "words" and so on, or "vectors" for the user's own.
    """

    names: tuple[str, ...]
    vectors: FloatMatrix
    kinds: tuple[str, ...]
    titles: tuple[str, ...]
    encoder: str

    @classmethod
    def of(
        cls,
        names: Sequence[str],
        vectors: FloatMatrix,
        kind: str,
        encoder: str,
        titles: Sequence[str] | None = None,
    ) -> Points:
        """Make points of one kind; without titles, their names are shown."""
        names = tuple(names)
        shown = names if titles is None else tuple(titles)
        return cls(names, vectors, (kind,) * len(names), shown, encoder)

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[tuple[str, FloatVector]]:
        return zip(self.names, self.vectors, strict=True)

    @overload
    def __getitem__(self, which: int | str) -> FloatVector: ...
    @overload
    def __getitem__(self, which: slice | NDArray[Any] | list[int]) -> Points: ...
    def __getitem__(self, which: Any) -> FloatVector | Points:
        if isinstance(which, str | int | np.integer):
            row = self.row(which) if isinstance(which, str) else which
            vector: FloatVector = self.vectors[row]
            return vector
        rows = np.arange(len(self))[which].tolist()
        names, kinds, titles = (
            tuple(each[row] for row in rows) for each in (self.names, self.kinds, self.titles)
        )
        return Points(names, self.vectors[rows], kinds, titles, self.encoder)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        array = self.vectors if dtype is None else self.vectors.astype(dtype, copy=False)
        return array.copy() if copy else array

    def __repr__(self) -> str:
        kinds = ", ".join(f"{kind}s" for kind in dict.fromkeys(self.kinds))
        return f"Points({len(self):,} {kinds} × {self.vectors.shape[1]}, {self.encoder})"

    def row(self, name: str) -> int:
        """Return the row of a name; `QueryError` if there is none."""
        try:
            return self.names.index(name)
        except ValueError:
            message = f"there is no point called {name!r} among these {len(self):,}"
            raise QueryError(message) from None

    @property
    def units(self) -> FloatMatrix:
        """The vectors at length 1: (n, d); zeros stay zeros."""
        return unit_rows(self.vectors)

    def __add__(self, other: Points) -> Points:
        if self.encoder != other.encoder:
            raise QueryError(
                f"points of {self.encoder} and of {other.encoder} are not in one space"
            )
        return Points(
            self.names + other.names,
            np.concatenate((self.vectors, other.vectors)),
            self.kinds + other.kinds,
            self.titles + other.titles,
            self.encoder,
        )

"""The parts of one document's score, and which of them to list."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from embedsearch._types import Explanation, Part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedsearch._types import FloatMatrix

_Key = tuple[str, str, str]


class DocumentParts:
    """What adds to the score of one document.

    Args:
        query_words: The S words of the query.
        words: The T words of the document, those that the query has too as they are there.
        linear: For each linear encoder its name and `(T, S)` what each pair of words adds.
        others: All other parts.
    """

    def __init__(
        self,
        query_words: Sequence[str],
        words: Sequence[str],
        linear: Sequence[tuple[str, FloatMatrix]],
        others: Sequence[Part],
    ) -> None:
        self._query_words, self._words = query_words, words
        self._linear, self._others = linear, others

    def explanation(self, score: float, pairs: int | None) -> Explanation:
        """Explain a score by the parts of the strongest pairs, or of all for None."""
        parts = tuple(self._listed(pairs))
        rest = score - sum(part.contribution for part in parts)
        return Explanation(score, parts, rest, self._encoders())

    def _encoders(self) -> dict[str, float]:
        sums: dict[str, float] = defaultdict(float)
        for part in self._others:
            sums[part.encoder] += part.contribution
        for name, added in self._linear:
            sums[name] += float(added.sum(dtype=np.float64))
        return dict(sums)

    def _listed(self, pairs: int | None) -> list[Part]:
        cells, keys = self._totals()
        ranked = sorted(
            [
                *((abs(total), None, cell) for cell, total in self._largest(cells, pairs)),
                *((abs(total), key, -1) for key, total in keys.items()),
            ],
            key=lambda found: -found[0],
        )[:pairs]
        by_key: dict[_Key, list[Part]] = defaultdict(list)
        for part in self._others:
            by_key[part.pair].append(part)
        listed = list[Part]()
        for _, key, cell in ranked:
            listed += by_key[key] if key else self._met(cell, by_key)
        return listed

    def _met(self, cell: int, by_key: dict[_Key, list[Part]]) -> list[Part]:
        row, column = divmod(cell, len(self._query_words))
        key = self._query_words[column], self._words[row], ""
        latent = [Part(name, *key[:2], float(added[row, column])) for name, added in self._linear]
        return by_key[key] + latent

    def _totals(self) -> tuple[FloatMatrix, dict[_Key, float]]:
        """Sum up each pair: `(T, S)` those of two words, and other kinds by their names."""
        cells = np.zeros((len(self._words), len(self._query_words)), np.float32)
        for _, added in self._linear:
            cells += added
        wanted = set(self._query_words)
        rows = {word: row for row, word in enumerate(self._words) if word in wanted}
        columns = {word: column for column, word in enumerate(self._query_words)}
        keys: dict[_Key, float] = defaultdict(float)
        for part in self._others:
            if self._linear and part.word in rows and part.query_word in columns:
                cells[rows[part.word], columns[part.query_word]] += part.contribution
            else:
                keys[part.pair] += part.contribution
        return cells, keys

    @staticmethod
    def _largest(cells: FloatMatrix, most: int | None) -> list[tuple[int, float]]:
        flat = cells.ravel()
        places = np.flatnonzero(flat)
        if most is not None and most < len(places):
            places = places[np.argpartition(-np.abs(flat[places]), most)[:most]]
        return list(zip(places.tolist(), flat[places].tolist(), strict=True))

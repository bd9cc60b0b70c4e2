"""How much the neighbours of words change from one training to the next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from embedsearch._checks import NATURAL, Instance, as_count, check
from embedsearch._errors import InputError, ParameterError
from embedsearch._progress import listener_of
from embedsearch.evaluation.base import Report
from embedsearch.evaluation.recall import nearest
from embedsearch.index.vector_index import VectorIndex
from embedsearch.vectors.word_vectors import WordVectors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embedsearch._progress import Progress
    from embedsearch._types import IntVector


class Drawn(NamedTuple):
    """Words `(m,)` drawn from the `words` ones of a band, the ranks `first` to `last`."""

    first: int
    last: int
    words: int
    places: IntVector


def draw(ranks: IntVector, edges: Sequence[int], most: int, seed: int) -> list[Drawn]:
    """Draw at most so many words from each band of ranks; bands without words are left out.

    `edges` are the last ranks of the bands, rising; what lies beyond is a band too.
    """
    rng = np.random.default_rng(seed)
    band_of = np.searchsorted(edges, ranks)
    firsts = [1, *(edge + 1 for edge in edges)]
    highest = int(ranks.max())
    drawn = []
    for band in np.unique(band_of).tolist():
        places = np.flatnonzero(band_of == band)
        last = min(edges[band], highest) if band < len(edges) else highest
        some = np.sort(rng.permutation(places)[:most])
        drawn.append(Drawn(firsts[band], last, len(places), some))
    return drawn


# One mean over all words would hide how much it depends on their frequency.
_BANDS = (100, 1_000, 10_000, 100_000)


@dataclass(frozen=True, slots=True)
class BandStability:
    """The overlap of neighbours among words of about the same frequency.

    Attributes:
        first: The rank of the most frequent of them, from 1.
        last: The rank of the rarest.
        words: Words of the band that all vocabularies have.
        sampled: How many of them were compared.
        overlap: The mean share of nearest neighbours that two models have in common.
        error: The standard error of that mean over words; None for a single word.
    """

    first: int
    last: int
    words: int
    sampled: int
    overlap: float
    error: float | None

    def to_json(self) -> dict[str, Any]:
        return {
            "ranks": [self.first, self.last],
            "words": self.words,
            "sampled": self.sampled,
            "overlap": self.overlap,
            "error": self.error,
        }


@dataclass(frozen=True, slots=True)
class StabilityReport(Report):
    """How stable the neighbours of words are.

    Attributes:
        bands: By frequency, the most frequent words first.
        models: How many models were compared, each with each.
        topn: How many neighbours of a word.
        common: Words that all vocabularies have.
        seed: Of the sample.
        notes: What was left out or assumed, a line each.
    """

    kind: ClassVar[str] = "stability"
    bands: tuple[BandStability, ...]
    models: int
    topn: int
    common: int
    seed: int
    notes: tuple[str, ...]

    @property
    def overlap(self) -> float:
        """The mean over all common words, estimated from the bands by their size."""
        return sum(band.words * band.overlap for band in self.bands) / self.common

    @property
    def error(self) -> float | None:
        """The standard error of `overlap` (a stratified sample); None if a band has none."""
        # Bands are drawn apart, so that their variances add up, by the squares of the shares.
        parts = [(band.words / self.common, band.error) for band in self.bands]
        known = [share * error for share, error in parts if error is not None]
        return float(np.sqrt(np.square(known).sum())) if len(known) == len(parts) else None

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "overlap": self.overlap,
            "error": self.error,
            "bands": [band.to_json() for band in self.bands],
            "models": self.models,
            "topn": self.topn,
            "common_words": self.common,
            "seed": self.seed,
            "notes": list(self.notes),
        }

    def rows(self) -> list[dict[str, Any]]:
        """Return a line for each band, then one for all words."""
        lines = [
            (f"{band.first}-{band.last}", band.words, band.sampled, band.overlap, band.error)
            for band in self.bands
        ]
        sampled = sum(band.sampled for band in self.bands)
        lines.append(("all", self.common, sampled, self.overlap, self.error))
        names = ("ranks", "words", "sampled", "overlap", "error")
        return [dict(zip(names, line, strict=True)) for line in lines]


def stability(
    models: Sequence[WordVectors],
    *,
    topn: int = 10,
    bands: Sequence[int] = _BANDS,
    words: int = 200,
    seed: int = 0,
    progress: Progress | None = None,
) -> StabilityReport:
    """Compare the nearest neighbours of words between models, such as trainings of other seeds.

    For a word and two models: the share of its `topn` nearest words by cosine that are nearest in
    both (Wendlandt, Kummerfeld and Mihalcea, "Factors Influencing the Surprising Instability of
    Word Embeddings", NAACL 2018; also Hellrich and Hahn, COLING 2016, and Antoniak and Mimno,
    TACL 2018). It is averaged over all pairs of models, then over the words of a band. Only words
    that all vocabularies have are compared, and only these are neighbours.

    Args:
        models: Two or more, the most frequent words first; their dimensions may differ.
        topn: How many neighbours.
        bands: The last rank of each band of frequency, rising; the ranks are those of the first
            model, from 1. Words beyond are a band of their own.
        words: At most so many words of each band, drawn without repetition.
        seed: Of the draw.
        progress: A listener.

    Raises:
        ParameterError: A setting out of range, fewer than two models, or `topn` not less than
            the number of common words.
        InputError: The models have no word in common.
    """
    if not isinstance(models, Sequence):
        raise ParameterError("models", "a list of word vectors", models)
    if len(models) < 2:
        raise ParameterError("models", "two or more", len(models))
    for model in models:
        check("models", model, Instance(WordVectors, "a list of word vectors (es.WordVectors)"))
    check("seed", seed, NATURAL)
    if not isinstance(bands, Iterable):
        raise ParameterError("bands", "a list of ranks", bands)
    topn, words = as_count("topn", topn), as_count("words", words)
    edges = _edges(bands)
    common = _common_rows(models)
    count = common.shape[1]
    if topn >= count:
        raise ParameterError("topn", f"less than the {count:,} words that all models have", topn)
    drawn = draw(common[0] + 1, edges, words, seed)
    places = np.concatenate([places for *_, places in drawn])
    overlaps = _overlaps(models, common, places, topn, listener_of(progress))
    ends = np.cumsum([len(places) for *_, places in drawn])
    parts = np.split(overlaps, ends[:-1])
    return StabilityReport(
        bands=tuple(_band(one, part) for one, part in zip(drawn, parts, strict=True)),
        models=len(models),
        topn=topn,
        common=count,
        seed=seed,
        notes=_notes(models, count),
    )


def _edges(bands: Sequence[int]) -> list[int]:
    edges = [as_count("bands", edge) for edge in bands]
    if edges != sorted(set(edges)):
        raise ParameterError("bands", "rising ranks", list(bands))
    return edges


def _common_rows(models: Sequence[WordVectors]) -> IntVector:
    """Return the rows `(models, n)` of the common words, in the order of the first model."""
    others = [model.key_to_index for model in models[1:]]
    shared = [word for word in models[0].index_to_key if all(word in other for other in others)]
    if not shared:
        raise InputError("the models have no word in common; train them on the same text")
    return np.array([[model.key_to_index[word] for word in shared] for model in models])


def _overlaps(
    models: Sequence[WordVectors],
    common: IntVector,
    places: IntVector,
    topn: int,
    progress: Progress,
) -> NDArray[np.float64]:
    """Return for the words at `places` `(m,)` the mean overlap over pairs of models, `(m,)`."""
    found = []
    with progress.task("stability", len(models), "models") as task:
        for model, rows in zip(models, common, strict=True):
            # An index of the common words alone: no other word may be a neighbour.
            X = model.vectors[rows]
            found.append(nearest(VectorIndex.build(X, spec="flat"), X[places], places, topn)[1])
            task.advance(1)
    shares = [_shared(one, other) / topn for one, other in combinations(found, 2)]
    mean: NDArray[np.float64] = np.mean(shares, axis=0)
    return mean


def _shared(one: IntVector, other: IntVector) -> IntVector:
    """Count the values that two lists `(m, k)` of distinct values have in common, `(m,)`."""
    both = np.sort(np.concatenate([one, other], axis=1), axis=1)
    counts: IntVector = (both[:, 1:] == both[:, :-1]).sum(axis=1)
    return counts


def _band(drawn: Drawn, overlaps: NDArray[np.float64]) -> BandStability:
    m = len(overlaps)
    error = float(overlaps.std(ddof=1) / np.sqrt(m)) if m > 1 else None
    mean = float(overlaps.mean())
    return BandStability(drawn.first, drawn.last, drawn.words, m, mean, error)


def _notes(models: Sequence[WordVectors], common: int) -> tuple[str, ...]:
    largest = max(len(model) for model in models)
    if common == largest:
        return ()
    return (f"compared the {common:,} words that all models have, of up to {largest:,}",)

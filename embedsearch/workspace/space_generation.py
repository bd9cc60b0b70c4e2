"""Made-up points of a workspace's space: `Space.generate`; and the networks that are kept."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from embedsearch._checks import NATURAL, Choice, as_count, check
from embedsearch._errors import CorpusTooSmallError, QueryError, WorkspaceError
from embedsearch._progress import listener_of
from embedsearch._types import html_table
from embedsearch.space.autoencoder import VariationalAutoencoder
from embedsearch.space.describe import NearbyDocument
from embedsearch.space.gan import WassersteinGAN
from embedsearch.space.generation import (
    GaussianGenerator,
    GenerationQuality,
    Generator,
    NeighborMixture,
    generation_quality,
)
from embedsearch.space.options import GENERATORS, POINTS, VECTORS, WORDS
from embedsearch.vectors.arrays import best_first, unit_rows
from embedsearch.workspace.space_results import keep, kept

if TYPE_CHECKING:
    from embedsearch._progress import Progress
    from embedsearch._types import FloatMatrix
    from embedsearch.space.base import SpaceEstimator
    from embedsearch.space.points import Points
    from embedsearch.space.readout import WeightedWord
    from embedsearch.workspace.session import Session
    from embedsearch.workspace.space_points import SpacePoints

_KINDS: dict[str, type[Generator]] = dict(
    zip(
        GENERATORS,
        (VariationalAutoencoder, NeighborMixture, GaussianGenerator, WassersteinGAN),
        strict=True,
    )
)
# Points that are held out to measure quality by: a fifth, at most so many; of fewer points none.
_HELD_OUT, _MOST_HELD_OUT, _FEWEST = 0.2, 3_000, 100
# Rarer words are often no words.
_MOST_WORDS = 20_000
# Points that are listed with each sample.
_NEAREST = 3
Fitted = TypeVar("Fitted", bound="SpaceEstimator")


class Sample(NamedTuple):
    """A made-up vector, and what it says.

    Attributes:
        words: What it says most, strongest first; none in the space of the user's own vectors.
        nearest: The points nearest to it, with their cosines, best first.
    """

    words: list[WeightedWord]
    nearest: list[NearbyDocument]


@dataclass(frozen=True, slots=True, eq=False)
class Generated:
    """Made-up vectors of a space.

    Attributes:
        method: "vae", "neighbors", "gaussian" or "gan".
        encoder: Whose space they are in.
        samples: What each says.
        vectors: (n, d) float32.
        quality: How good the generator is, by points that it has not seen; None for fewer than
            100 points.
    """

    method: str
    encoder: str
    samples: list[Sample]
    vectors: FloatMatrix
    quality: GenerationQuality | None

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        samples = [
            {name: [each._asdict() for each in values] for name, values in one._asdict().items()}
            for one in self.samples
        ]
        quality = None if self.quality is None else self.quality._asdict()
        return {
            "method": self.method,
            "encoder": self.encoder,
            "quality": quality,
            "samples": samples,
        }

    def _repr_html_(self) -> str:
        rows = [
            (
                ", ".join(word.word for word in one.words),
                one.nearest[0].title,
                f"{one.nearest[0].score:.3f}",
            )
            for one in self.samples
        ]
        return html_table(("words", "nearest", "score"), rows)


def generate(
    space: SpacePoints,
    session: Session,
    n_samples: int,
    *,
    method: str,
    of: str,
    encoder: str | None,
    where: str | None,
    topn: int,
    seed: int,
    progress: Progress | None,
) -> Generated:
    """Make up points; see `Space.generate`."""
    count, topn = as_count("n_samples", n_samples), as_count("topn", topn)
    check("method", method, Choice(GENERATORS))
    check("seed", seed, NATURAL)
    points = points_of(space, of, encoder, where)
    order = np.random.default_rng(0).permutation(len(points))
    held = int(min(_HELD_OUT * len(points), _MOST_HELD_OUT)) if len(points) >= _FEWEST else 0
    held_out, training = points.vectors[order[:held]], points.vectors[order[held:]]
    name = f"generator-{method}-{of}"
    made_of = {"encoder": points.encoder, "where": where, "points": len(training)}
    model = fitted(session, name, _KINDS[method](), training, made_of, progress)
    quality = None
    if held:
        quality = generation_quality(model.sample(held, random_state=0), held_out, training)
    vectors = model.sample(count, random_state=seed)
    words = words_of(space, points.encoder, vectors, topn)
    samples = [
        Sample(said, _nearest(points, vector)) for said, vector in zip(words, vectors, strict=True)
    ]
    return Generated(method, points.encoder, samples, vectors, quality)


def points_of(space: SpacePoints, of: str, encoder: str | None, where: str | None) -> Points:
    """Return the points that something is learned of."""
    check("of", of, Choice(POINTS))
    if of == WORDS and where is not None:
        raise QueryError("a condition is met by documents, not by words")
    most = _MOST_WORDS if of == WORDS else None
    points = space.points(of, encoder=encoder, where=where, topn=most)
    if len(points) < 2:
        raise CorpusTooSmallError(f"two {of} are needed at least, there are {len(points)}")
    return points


def fitted(
    session: Session,
    name: str,
    model: Fitted,
    X: FloatMatrix,
    made_of: dict[str, Any],
    progress: Progress | None,
) -> Fitted:
    """Return the model that was kept under a name if it was made of the same, or fit it to X."""
    listener = listener_of(progress)
    # A damaged one is made again, too.
    with suppress(WorkspaceError):
        found = kept(session, name, name)
        if found.change == session.store.change and found.facts["made_of"] == made_of:
            return type(model).restore(found.facts["state"], found.tensors)
    model.reported_to(listener).fit(X)
    state, tensors = model.state()
    # It is as good if it cannot be kept: the folder may be read-only.
    with suppress(WorkspaceError):
        keep(session, name, {"made_of": made_of, "state": state}, tensors)
    return model


def words_of(
    space: SpacePoints, encoder: str, vectors: FloatMatrix, topn: int
) -> list[list[WeightedWord]]:
    """Return what vectors (n, d) say; nothing in a space that cannot be read."""
    if encoder == VECTORS:
        return [[] for _ in vectors]
    return space.readout(encoder).words(vectors, topn)


def _nearest(points: Points, vector: FloatMatrix) -> list[NearbyDocument]:
    cosines = points.units @ unit_rows(vector)
    best = best_first(cosines, np.arange(len(points)), _NEAREST).tolist()
    return [NearbyDocument(points.names[n], float(cosines[n]), points.titles[n]) for n in best]

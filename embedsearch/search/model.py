"""What was fitted to documents to search them: analyser, encoders, and how scores are fused."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._errors import VectorError
from embedsearch.search.latent_space import LatentSpace, Spreads, Terms
from embedsearch.search.part_terms import PartTerms
from embedsearch.vectors.arrays import check_finite
from embedsearch.vectors.lsa import LinearEncoder
from embedsearch.vectors.rounded import RoundedRows
from embedsearch.vectors.sparse import TermStatistics

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from embedsearch.index.lexical import LexicalAnalyzer
    from embedsearch.search.options import SearchOptions
    from embedsearch.vectors.encoders import CheckedEncoder

Tensors = dict[str, "NDArray[Any]"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fusion:
    """What each search adds to a score, in standard deviations of its scores over all documents."""

    lexical: float = 1.0  # BM25
    expanded: float = 1.5  # BM25 of the expanded documents, in deviations of BM25
    latent: float = 0.5  # each of our encoders
    plugged: float = 1.0  # each encoder of the user's
    feedback: int = 0  # how many documents of a first pass move the latent query towards them

    def leaning(self, lean: int) -> Fusion:
        """Halve all weights but that of BM25, at -1, or those of words, at 1."""
        halved = {-1: ("expanded", "latent", "plugged"), 1: ("lexical", "expanded")}.get(lean, ())
        return replace(self, **{name: getattr(self, name) / 2 for name in halved})

    def used(self, options: SearchOptions) -> dict[str, float]:
        """Return the weights that an answer goes by; by words alone nothing is weighed."""
        if options.mode == "lexical":
            return {}
        used = asdict(self)
        if options.feedback is not None:
            used["feedback"] = options.feedback
        if options.mode == "latent":
            del used["lexical"], used["expanded"]
        return used


@dataclass(frozen=True, eq=False)
class SearchModel:
    """How documents and queries are encoded, and how the scores become one."""

    analyzer: LexicalAnalyzer  # cuts documents and queries into terms
    space: LatentSpace  # the encoders
    spreads: Spreads  # the standard deviations of scores
    mean_length: float  # terms in a document, on average; the space has that of passages
    fusion: Fusion = Fusion()

    @cached_property
    def part_terms(self) -> PartTerms:
        """The numbers of the terms of texts: their columns in the space, if they have one."""
        return PartTerms(self.analyzer, self.space.terms.columns)

    def to_tensors(self) -> Tensors:
        """Return the arrays for a file."""
        tensors = {f"statistics.{k}": v for k, v in self.space.statistics.to_tensors().items()}
        for encoder in self.space.linear:
            found = encoder.to_tensors()
            # Encoders of one decomposition are columns of the same matrix.
            if not encoder.name.startswith("lsa") or encoder is self._widest:
                tensors |= {f"{encoder.name}.{name}": array for name, array in found.items()}
        for place, covariance in enumerate(self.spreads.covariances):
            tensors[f"covariance.{place}"] = covariance
        return tensors | {"first": self.spreads.first, "second": self.spreads.second}

    @classmethod
    def unfitted(cls, analyzer: LexicalAnalyzer) -> SearchModel:
        """Return one that knows no encoder: by it, documents are found by their words alone."""
        none = np.zeros(0, np.float32)
        statistics = TermStatistics.guessed(np.zeros(0, np.int64))
        space = LatentSpace(Terms(()), statistics, ())
        return cls(analyzer, space, Spreads((), none, none), statistics.mean_length)

    @property
    def _widest(self) -> LinearEncoder:
        return max(
            (encoder for encoder in self.space.linear if encoder.name.startswith("lsa")),
            key=lambda encoder: encoder.dimension,
        )

    def to_json(self) -> dict[str, Any]:
        """Return what the manifest says."""
        return {
            "analyzer": self.analyzer.to_json(),
            "encoders": [
                {"name": encoder.name, "kind": encoder.kind, "dimension": encoder.dimension}
                for encoder in self.space.linear
            ],
            "plugged": [encoder.name for encoder in self.space.external],
            "mean_length": self.mean_length,
        }


def restore_model(
    values: Mapping[str, Any],
    tensors: Tensors,
    terms: Terms,
    load: Callable[[str, int], CheckedEncoder],
) -> SearchModel:
    """Restore a model from what `SearchModel.to_json` and `to_tensors` returned.

    `load` returns an external encoder, by its name and its dimensions.
    """
    from embedsearch.index.lexical import LexicalAnalyzer

    for name, tensor in tensors.items():
        if not name.endswith("projection"):
            check_finite(name, tensor)
    statistics = TermStatistics.from_tensors(
        {name: tensors[f"statistics.{name}"] for name in ("idf", "mean_length")}
    )
    if len(terms) != len(statistics.idf):
        raise VectorError(f"damaged: {len(terms)} terms, {len(statistics.idf)} were written")
    linear = [_encoder(entry, tensors) for entry in values["encoders"]]
    count = len(linear) + len(values["plugged"])
    covariances = tuple(tensors[f"covariance.{place}"] for place in range(count))
    analyzer = LexicalAnalyzer.from_json(values["analyzer"])
    external = [
        load(spec, len(covariance))
        for spec, covariance in zip(values["plugged"], covariances[len(linear) :], strict=True)
    ]
    return SearchModel(
        analyzer,
        LatentSpace(terms, statistics, linear, external),
        Spreads(covariances, tensors["first"], tensors["second"]),
        float(values["mean_length"]),
    )


def _encoder(entry: Mapping[str, Any], tensors: Tensors) -> LinearEncoder:
    name, kind, dimension = str(entry["name"]), str(entry["kind"]), int(entry["dimension"])
    stem = name
    if kind == "lsa":
        stem = max(
            (key.rpartition(".")[0] for key in tensors if key.endswith("projection")),
            key=lambda key: (key.startswith("lsa"), tensors[f"{key}.projection"].shape[1]),
        )
    projection = tensors[f"{stem}.projection"]
    removed = tensors[f"{stem}.removed"]
    if f"{stem}.factors" not in tensors:
        return LinearEncoder(name, projection[:, :dimension], kind, removed)
    places = tensors.get(f"{stem}.places")
    if places is not None and places.max(initial=0) >= max(len(projection), 1):
        raise VectorError("damaged: vectors of terms that are not there")
    rounded = RoundedRows(projection, tensors[f"{stem}.factors"], places)
    return LinearEncoder(name, rounded.first_columns(dimension), kind, removed)

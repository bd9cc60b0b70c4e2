"""What a generation knows of how its documents are searched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from embedsearch._errors import VectorError
from embedsearch.search.fusion import Fusion
from embedsearch.search.latent_space import LatentSpace, Spreads
from embedsearch.vectors.latent import LinearEncoder
from embedsearch.vectors.sparse import TermStatistics

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from embedsearch.index.lexical import LexicalAnalyzer
    from embedsearch.search.terms import Terms
    from embedsearch.vectors.encoders.checked import CheckedEncoder

Tensors = dict[str, "NDArray[Any]"]


@dataclass(frozen=True, slots=True, eq=False)
class SearchModel:
    """How documents and queries are encoded, and how the scores become one.

    Attributes:
        analyzer: Cuts documents and queries into terms.
        space: The encoders.
        spreads: How far scores are apart.
        fusion: What "auto" goes by.
        mean_length: Terms in a document, on average; 0 for that of the statistics of the space,
            which are those of passages.
    """

    analyzer: LexicalAnalyzer
    space: LatentSpace
    spreads: Spreads
    fusion: Fusion
    mean_length: float = 0.0

    def __post_init__(self) -> None:
        if not self.mean_length:
            object.__setattr__(self, "mean_length", self.space.statistics.mean_length)

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
            "fusion": self.fusion.to_json(),
            "mean_length": self.mean_length,
        }


def restore_model(
    values: Mapping[str, Any],
    tensors: Tensors,
    terms: Terms,
    load: Callable[[str, int], CheckedEncoder],
) -> SearchModel:
    """Make a model of what `SearchModel.to_json` and `to_tensors` gave.

    Args:
        values: What `to_json` gave.
        tensors: What `to_tensors` gave.
        terms: Those of the space.
        load: Gives an encoder that was plugged in, by its name and its dimensions.

    Raises:
        VectorError: There are more or fewer terms than there were.
    """
    from embedsearch.index.lexical import LexicalAnalyzer

    statistics = TermStatistics.from_tensors(
        {name: tensors[f"statistics.{name}"] for name in ("idf", "mean_length")}
    )
    if len(terms) != len(statistics.idf):
        raise VectorError(f"damaged: {len(terms)} terms, {len(statistics.idf)} were written")
    linear = [_encoder(said, tensors) for said in values["encoders"]]
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
        Fusion.from_json(values["fusion"]),
        float(values.get("mean_length", 0.0)),
    )


def _encoder(said: Mapping[str, Any], tensors: Tensors) -> LinearEncoder:
    name, kind, dimension = str(said["name"]), str(said["kind"]), int(said["dimension"])
    stem = name
    if kind == "lsa":
        stem = max(
            (key.rpartition(".")[0] for key in tensors if key.endswith("projection")),
            key=lambda key: (key.startswith("lsa"), tensors[f"{key}.projection"].shape[1]),
        )
    projection = tensors[f"{stem}.projection"][:, :dimension]
    return LinearEncoder(name, projection, kind, tensors[f"{stem}.removed"])

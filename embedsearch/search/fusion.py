"""How the scores of several searches become one."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

PLAIN = {"lsa-100": 0.5, "lsa-300": 0.5, "words": 0.5}
"""Weights where nothing was learned: those that are good on average."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fusion:
    """What each search adds to a score, in standard deviations of its scores over all documents.

    Attributes:
        weights: Of the latent encoders by name; BM25 has 1.
        feedback: How many documents of a first pass move the latent query towards them.
        evidence: How the weights were found, for people.
    """

    weights: Mapping[str, float] = field(default_factory=lambda: dict(PLAIN))
    feedback: int = 0
    evidence: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a manifest."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Fusion:
        """Read what `to_json` wrote."""
        weights = {str(name): float(weight) for name, weight in values["weights"].items()}
        evidence = dict(values.get("evidence", {}))
        return cls(weights=weights, feedback=int(values["feedback"]), evidence=evidence)

"""What "auto" saw, and why it chose as it did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from embedsearch._errors import VectorError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Point:
    """One setting of an index, measured.

    Attributes:
        parameters: `nprobe`, `efSearch`, `k_factor`; nothing for an exact index.
        recall: The mean share of the 10 nearest that were found.
        queries_per_second: With one thread: the geometric mean of queries asked one by one and
            of queries in a batch.
        cpu_seconds: Of a thousand queries, likewise.
    """

    parameters: dict[str, float]
    recall: float
    queries_per_second: float
    cpu_seconds: float

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "parameters": self.parameters,
            "recall": self.recall,
            "queries_per_second": self.queries_per_second,
            "cpu_seconds": self.cpu_seconds,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Point:
        """Undo `to_json`."""
        parameters = {str(key): _number(number) for key, number in value["parameters"].items()}
        numbers = (_number(value[name]) for name in _MEASURED)
        return cls(parameters, *map(float, numbers))


@dataclass(frozen=True, slots=True)
class Curve:
    """Recall against speed of one kind of index.

    Attributes:
        spec: FAISS's factory string.
        count: How many vectors it held when this was measured.
        points: In the order of their recall.
        chosen: The one of the points that reaches the target; None where none does.
        expected_queries_per_second: What the chosen one is expected to reach with all vectors.
        nbytes: What the index is expected to take with all vectors.
    """

    spec: str
    count: int
    points: tuple[Point, ...]
    chosen: Point | None = None
    expected_queries_per_second: float | None = None
    nbytes: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "spec": self.spec,
            "count": self.count,
            "points": [point.to_json() for point in self.points],
            "chosen": self.chosen and self.chosen.to_json(),
            "expected_queries_per_second": self.expected_queries_per_second,
            "nbytes": self.nbytes,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Curve:
        """Undo `to_json`."""
        chosen, expected, nbytes = (value[name] for name in ("chosen", _EXPECTED, "nbytes"))
        return cls(
            str(value["spec"]),
            int(value["count"]),
            tuple(Point.from_json(point) for point in value["points"]),
            None if chosen is None else Point.from_json(chosen),
            None if expected is None else float(expected),
            None if nbytes is None else int(nbytes),
        )


@dataclass(frozen=True, slots=True)
class Choice:
    """How an index came to be what it is.

    Attributes:
        spec: FAISS's factory string, or "flat".
        reasons: Why this one, in sentences.
        curve: What was measured on the whole index; None for an exact one.
        samples: What was measured on a sample of the vectors, by kind.
        notes: What was changed for want of data, and what else the user should know.
    """

    spec: str
    reasons: tuple[str, ...] = ()
    curve: Curve | None = None
    samples: tuple[Curve, ...] = ()
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain values, for a file and for `embedsearch index --explain --json`."""
        return {
            "spec": self.spec,
            "reasons": list(self.reasons),
            "curve": self.curve and self.curve.to_json(),
            "samples": [curve.to_json() for curve in self.samples],
            "notes": list(self.notes),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Choice:
        """Undo `to_json`.

        Raises:
            VectorError: Something that `to_json` does not write.
        """
        try:
            curve = value["curve"]
            return cls(
                str(value["spec"]),
                tuple(map(str, value["reasons"])),
                None if curve is None else Curve.from_json(curve),
                tuple(Curve.from_json(sample) for sample in value["samples"]),
                tuple(map(str, value["notes"])),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise VectorError(f"not what is known of the choice of an index ({error!r})") from error


_MEASURED = ("recall", "queries_per_second", "cpu_seconds")
_EXPECTED = "expected_queries_per_second"


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"no number: {value!r}")
    return value

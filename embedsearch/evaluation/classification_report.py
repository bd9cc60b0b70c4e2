"""The outcome of a classification."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from embedsearch.evaluation.base import Report


@dataclass(frozen=True, slots=True)
class ClassResult:
    """How well one class is told from the others.

    Attributes:
        label: The class.
        count: Documents of it among those that were classified; 0 where some were only taken
            for it.
        precision: Of the documents that were taken for this class, the share that are of it.
        recall: Of the documents of this class, the share that were taken for it.
        f1: The harmonic mean of the two; 0 where either is.
    """

    label: str
    count: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class ClassificationReport(Report):
    """How well the classes of documents can be told from their vectors.

    Attributes:
        accuracy: The share of documents whose class was told.
        interval: Its 95 % confidence interval (Wilson 1927), documents being independent.
        macro_f1: The mean of the F1 of all classes, each counting alike.
        majority: The accuracy of always saying the most frequent class: what to beat.
        documents: How many documents were classified.
        classes: The result of each class, the most frequent first.
        folds: Of the cross-validation; None where a test set was given.
        notes: What was left out or assumed, a line each.
    """

    kind: ClassVar[str] = "classification"
    accuracy: float
    interval: tuple[float, float]
    macro_f1: float
    majority: float
    documents: int
    classes: tuple[ClassResult, ...]
    folds: int | None
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the figures and those of each class."""
        return {
            "accuracy": self.accuracy,
            "ci": {"accuracy": list(self.interval)},
            "macro_f1": self.macro_f1,
            "majority": self.majority,
            "documents": self.documents,
            "folds": self.folds,
            "classes": [asdict(found) for found in self.classes],
            "notes": list(self.notes),
        }

    def rows(self) -> list[dict[str, Any]]:
        """Return a line for each class, and one for all: its recall is the accuracy."""
        total = {
            "class": "all",
            "documents": self.documents,
            "precision": None,
            "recall": self.accuracy,
            "f1": self.macro_f1,
        }
        return [*map(_row, self.classes), total]


def _row(found: ClassResult) -> dict[str, Any]:
    return {
        "class": found.label,
        "documents": found.count,
        "precision": found.precision,
        "recall": found.recall,
        "f1": found.f1,
    }

"""What every evaluation returns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import isfinite
from typing import Any, ClassVar

from embedsearch._types import html_table


class Report(ABC):
    """The outcome of an evaluation; each kind is a frozen dataclass.

    Attributes:
        kind: What was evaluated: "analogies", "pairs", "retrieval", "documents",
            "classification", "index" or "stability".
        notes: What was left out or assumed, a line each.
    """

    kind: ClassVar[str]
    notes: tuple[str, ...]

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Return plain values, the metrics under their usual names; None where there is none."""

    @abstractmethod
    def rows(self) -> list[dict[str, Any]]:
        """Return what a table shows, a mapping for each line, all with the same keys in order."""

    def _repr_html_(self) -> str:
        rows = self.rows()
        header = list(rows[0]) if rows else []
        return html_table(header, ([_cell(value) for value in row.values()] for row in rows))


def number(value: float) -> float | None:
    """Return a plain float; None for NaN and infinity, which JSON does not have."""
    return float(value) if isfinite(value) else None


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4f}" if isinstance(value, float) else str(value)

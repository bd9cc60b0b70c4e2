"""What every evaluation returns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import isfinite
from typing import TYPE_CHECKING, Any, ClassVar

from embedsearch._messages import first_few
from embedsearch._types import html_table

if TYPE_CHECKING:
    from collections.abc import Iterable

# Of all intervals.
CONFIDENCE = 0.95


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
        """Return plain values, metrics under their usual names; None for one without a value."""

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


def quoted_ids(ids: Iterable[str]) -> str:
    """Return the first few of some ids in quotation marks, and how many more there are."""
    return first_few(map(repr, ids))


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4f}" if isinstance(value, float) else str(value)

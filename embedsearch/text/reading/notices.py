"""What reading has to tell the user, without telling it ten thousand times."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from embedsearch._progress import Progress

FEW = 3
"""How many files are named before the rest are only counted."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file, or a part of one, that could not be read.

    Attributes:
        file: Its path.
        reason: Why.
        line: The line that cannot be read, counted from 1, where one is known.
        kept: How many documents before it were read, and kept.
    """

    file: str
    reason: str
    line: int | None = None
    kept: int = 0

    def __str__(self) -> str:
        """Say all of it, as in `b.jsonl, line 3: broken JSON; 2 documents before it are kept`."""
        place = self.file if self.line is None else f"{self.file}, line {self.line}"
        if not self.kept:
            return f"{place}: {self.reason}"
        are = "is" if self.kept == 1 else "are"
        return f"{place}: {self.reason}; {counted(self.kept, 'document')} before it {are} kept"

    def to_json(self) -> dict[str, Any]:
        """Return plain values, without a line that is not known."""
        line = {} if self.line is None else {"line": self.line}
        return {"file": self.file, "reason": self.reason, **line, "kept": self.kept}


class Notices:
    """Passes notes on to a `Progress`, the same kind of note a few times only.

    Args:
        progress: Who listens.

    Attributes:
        left_out: What could not be read.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._said: set[str] = set()
        self._kinds: Counter[str] = Counter()
        self._empty: Counter[str] = Counter()
        self.left_out: list[LeftOut] = []

    def once(self, name: str, message: str) -> None:
        """Note `message` for the first file that it is true of."""
        if message not in self._said:
            self._said.add(message)
            self._progress.note(f"{name}: {message}")

    def few(self, kind: str, name: str, message: str) -> None:
        """Note `message` for the first few files of one kind; `close` counts the rest."""
        self._kinds[kind] += 1
        if self._kinds[kind] <= FEW:
            self._progress.note(f"{name}: {message}")

    def empty(self, unit: str) -> None:
        """Count a file, row or line that has no text and was passed over."""
        self._empty[unit] += 1

    def leave_out(self, left_out: LeftOut) -> None:
        """Take note of a file, or the member of one, that cannot be read."""
        self.left_out.append(left_out)

    def close(self) -> None:
        """Note what was only counted so far, and what was left out."""
        for kind, count in self._kinds.items():
            if count > FEW:
                self._progress.note(f"{counted(count - FEW, 'more file')} {kind}")
        for unit, count in self._empty.items():
            self._progress.note(f"left out {counted(count, unit)} without text")
        for each in self.left_out[:FEW]:
            self._progress.note(f"left out {each}")
        if more := _more(self.left_out):
            self._progress.note(f"left out {more}")


def counted(count: int, noun: str) -> str:
    """Return "1 file" or "3 files"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def listed(left_out: list[LeftOut]) -> str:
    """Name the first few files that were left out, and count the others."""
    more = _more(left_out)
    return "; ".join(map(str, left_out[:FEW])) + (f"; and {more}" if more else "")


def _more(left_out: list[LeftOut]) -> str:
    """Count the files that are not named, and say where they are."""
    rest = len(left_out) - FEW
    return f"{counted(rest, 'more file')} (all: --report FILE, or --json)" if rest > 0 else ""

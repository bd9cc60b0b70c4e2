"""What reading has to tell the user, without telling it ten thousand times."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from embedsearch._progress import Progress

FEW = 3
"""How many files are named before the rest are only counted."""


class Notices:
    """Passes notes on to a `Progress`, the same kind of note a few times only.

    Args:
        progress: Who listens.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._said: set[str] = set()
        self._kinds: Counter[str] = Counter()
        self._empty: Counter[str] = Counter()

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

    def left_out(self, files: list[tuple[str, str]]) -> None:
        """Note the files of folders that could not be read: `(name, reason)` of each."""
        if files:
            named = "; ".join(f"{name} ({reason})" for name, reason in files[:FEW])
            self._progress.note(
                f"left out {counted(len(files), 'file')}: {named}{more(len(files))}"
            )

    def close(self) -> None:
        """Note what was only counted so far."""
        for kind, count in self._kinds.items():
            if count > FEW:
                self._progress.note(f"{counted(count - FEW, 'more file')} {kind}")
        for unit, count in self._empty.items():
            self._progress.note(f"left out {counted(count, unit)} without text")


def counted(count: int, noun: str) -> str:
    """Return "1 file" or "3 files"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def more(count: int) -> str:
    """Return what follows the first few of `count` names."""
    return f"; and {count - FEW:,} more" if count > FEW else ""

"""How long work reports what it is doing, without knowing who listens.

The command line draws bars on a terminal and prints plain lines elsewhere
(`embedsearch.cli.progress`); a library call is silent unless it is given a listener.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Protocol

from embedsearch._errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Iterator


class Task(Protocol):
    """One stretch of work under way."""

    def advance(self, amount: float) -> None:
        """Report that `amount` more units are done."""

    def describe(self, text: str) -> None:
        """Replace the short text that stands beside the bar (a loss, a file name)."""


class Progress(Protocol):
    """A listener for progress."""

    def task(
        self, name: str, total: float | None = None, unit: str = "items"
    ) -> AbstractContextManager[Task]:
        """Begin a stretch of work of `total` units (None where that is not known)."""

    def note(self, message: str) -> None:
        """Say one line that the user should read: a choice made, something left out."""


class _SilentTask:
    def advance(self, amount: float) -> None:
        pass

    def describe(self, text: str) -> None:
        pass


class SilentProgress:
    """Listens to nothing, but keeps the notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    @contextmanager
    def task(self, name: str, total: float | None = None, unit: str = "items") -> Iterator[Task]:
        yield _SilentTask()

    def note(self, message: str) -> None:
        self.notes.append(message)


def listener_of(progress: Progress | None) -> Progress:
    """Return a listener, a silent one for None; `ParameterError` if it is none."""
    if progress is None:
        return SilentProgress()
    if not all(callable(getattr(progress, name, None)) for name in ("task", "note")):
        raise ParameterError("progress", "a listener (see es.Progress), or None", progress)
    return progress

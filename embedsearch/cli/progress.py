"""Progress on standard error: bars on a terminal, plain lines anywhere else."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from embedsearch._messages import duration, per_second
from embedsearch._progress import Progress, SilentProgress
from embedsearch.cli.output import echo_err, terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECONDS_BETWEEN_LINES = 5.0


def make_progress(*, quiet: bool) -> Progress:
    """Return bars on a terminal, plain lines elsewhere, silence with `quiet`."""
    if quiet:
        return SilentProgress()
    if terminal(err=True).isatty():
        from embedsearch.cli.bars import BarProgress

        return BarProgress()
    return LineProgress()


class LineProgress:
    """Writes progress in plain lines, at most one per task in every five seconds."""

    def __init__(
        self,
        write: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._write = write or echo_err
        self._clock = clock

    @contextmanager
    def task(
        self, name: str, total: float | None = None, unit: str = "items"
    ) -> Iterator[LineTask]:
        """Start a stretch of work."""
        task = LineTask(name, total, unit, self._write, self._clock)
        yield task
        task.finish()

    def note(self, message: str) -> None:
        """Write the line."""
        self._write(message)


class LineTask:
    """One stretch of work, reported in lines."""

    def __init__(
        self,
        name: str,
        total: float | None,
        unit: str,
        write: Callable[[str], None],
        clock: Callable[[], float],
    ) -> None:
        self._name, self._total, self._unit = name, total, unit
        self._write, self._clock = write, clock
        self._done, self._text = 0.0, ""
        self._begun = self._written = clock()

    def advance(self, amount: float) -> None:
        """Report progress, in a line if the last one was long ago."""
        self._done += amount
        now = self._clock()
        if now - self._written >= SECONDS_BETWEEN_LINES:
            self._written = now
            self._write(self._line(now - self._begun))

    def describe(self, text: str) -> None:
        """Replace the text at the end of a line."""
        self._text = text

    def finish(self) -> None:
        """Write the total and the rate."""
        seconds = self._clock() - self._begun
        rate = f", {per_second(self._done, seconds)} {self._unit}/s" if seconds >= 1 else ""
        text = f", {self._text}" if self._text else ""
        done = _amount(self._done, self._unit)
        self._write(f"{self._name}: {done} in {seconds:.1f} s{rate}{text}")

    def _line(self, seconds: float) -> str:
        done = _amount(self._done, self._unit)
        if self._total is not None:
            done = f"{self._done:,.0f} of {_amount(self._total, self._unit)}"
        parts = [
            done,
            f"{per_second(self._done, seconds)} {self._unit}/s",
        ]
        if self._total and self._done:
            left = seconds * max(self._total - self._done, 0) / self._done
            parts.append(f"{duration(left)} left")
        if self._text:
            parts.append(self._text)
        return f"{self._name}: {', '.join(parts)}"


def _amount(number: float, units: str) -> str:
    """Write a number of units, whose name is a plural in `s`."""
    written = f"{number:,.0f}"
    return f"{written} {units.removesuffix('s') if written == '1' else units}"

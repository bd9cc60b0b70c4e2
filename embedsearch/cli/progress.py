"""Progress on standard error: bars on a terminal, plain lines anywhere else."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from embedsearch._progress import Progress, SilentProgress
from embedsearch.cli.output import tell, terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECONDS_BETWEEN_LINES = 5.0


def make_progress(*, quiet: bool) -> Progress:
    """Choose how to tell what is being done.

    Args:
        quiet: Tell nothing at all.
    """
    if quiet:
        return SilentProgress()
    if terminal(err=True).isatty():
        from embedsearch.cli.bars import BarProgress

        return BarProgress()
    return LineProgress()


class LineProgress:
    """Tells progress in plain lines, at most one per task in every five seconds.

    Args:
        write: Where a line goes; standard error by default.
        clock: Seconds on a clock that never goes back.
    """

    def __init__(
        self,
        write: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._write = write or tell
        self._clock = clock

    @contextmanager
    def task(
        self, name: str, total: float | None = None, unit: str = "items"
    ) -> Iterator[LineTask]:
        """See `Progress.task`."""
        task = LineTask(name, total, unit, self._write, self._clock)
        yield task
        task.finish()

    def note(self, message: str) -> None:
        """See `Progress.note`."""
        self._write(message)


class LineTask:
    """One stretch of work, told in lines."""

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
        self._begun = self._told = clock()

    def advance(self, amount: float) -> None:
        """See `Task.advance`."""
        self._done += amount
        now = self._clock()
        if now - self._told >= SECONDS_BETWEEN_LINES:
            self._told = now
            self._write(self._line(now - self._begun))

    def describe(self, text: str) -> None:
        """See `Task.describe`."""
        self._text = text

    def finish(self) -> None:
        """Tell the total and the rate."""
        seconds = self._clock() - self._begun
        rate = f", {per_second(self._done, seconds)} {self._unit}/s" if seconds >= 1 else ""
        text = f", {self._text}" if self._text else ""
        done = _amount(self._done, self._unit)
        self._write(f"{self._name}: {done} in {seconds:.1f} s{rate}{text}")

    def _line(self, seconds: float) -> str:
        whole = _amount(self._done, self._unit)
        if self._total is not None:
            whole = f"{self._done:,.0f} of {_amount(self._total, self._unit)}"
        parts = [
            whole,
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


def per_second(amount: float, seconds: float) -> str:
    """Write a rate with thousands apart, and one decimal where it is small."""
    rate = amount / seconds if seconds > 0 else 0.0
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"


def duration(seconds: float) -> str:
    """Write a span of time: `34 s`, `2 min 05 s`, `1 h 12 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"

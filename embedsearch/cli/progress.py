"""Progress on standard error: bars on a terminal, plain lines anywhere else."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from embedsearch._messages import duration, per_second
from embedsearch._progress import Progress, SilentProgress
from embedsearch.cli.output import console, echo_err, terminal
from embedsearch.cli.streams import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console
    from rich.progress import Progress as Bars, Task as BarState, TaskID
    from rich.text import Text

SECONDS_BETWEEN_LINES = 5.0
WIDTH = 79
"""The most characters of a line, so that no terminal wraps it."""
_BAR = 12


def make_progress(*, quiet: bool) -> Progress:
    """Return bars on a terminal, plain lines elsewhere, silence with `quiet`."""
    if quiet:
        return SilentProgress()
    return BarProgress() if terminal(err=True).isatty() else LineProgress()


class LineProgress:
    """Writes progress in plain lines, at most one per task in every five seconds."""

    def __init__(
        self,
        write: Callable[[str], None] = echo_err,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._write, self._clock = write, clock

    @contextmanager
    def task(
        self, name: str, total: float | None = None, unit: str = "items"
    ) -> Iterator[LineTask]:
        task = LineTask(name, total, unit, self._write, self._clock)
        yield task
        task.finish()

    def note(self, message: str) -> None:
        self._write(message)


@dataclass
class LineTask:
    """One stretch of work, reported in lines."""

    name: str
    total: float | None
    unit: str
    write: Callable[[str], None]
    clock: Callable[[], float]

    def __post_init__(self) -> None:
        self._done, self._text = 0.0, ""
        self._begun = self._written = self.clock()

    def advance(self, amount: float) -> None:
        self._done += amount
        now = self.clock()
        if now - self._written >= SECONDS_BETWEEN_LINES:
            self._written = now
            self.write(self._line(now - self._begun))

    def describe(self, text: str) -> None:
        self._text = text

    def finish(self) -> None:
        """Write the total and the rate."""
        seconds = self.clock() - self._begun
        done = f"{_amount(self._done, self.unit)} in {seconds:.1f} s"
        # Of less than a second, the rate says nothing.
        self.write(self._fitted(done, seconds if seconds >= 1 else None))

    def _line(self, seconds: float) -> str:
        done = _amount(self._done, self.unit)
        if self.total is not None:
            done = f"{self._done:,.0f} of {_amount(self.total, self.unit)}"
        left = ""
        if self.total and self._done:
            left = f"{duration(seconds * max(self.total - self._done, 0) / self._done)} left"
        return self._fitted(done, seconds, left)

    def _fitted(self, done: str, seconds: float | None, left: str = "") -> str:
        """Return a line of at most `WIDTH` characters; the text at its end is cut if need be."""
        rate = "" if seconds is None else per_second(self._done, seconds)
        line = ""
        for unit in (f" {self.unit}/s", "/s"):
            parts = [done, f"{rate}{unit}" if rate else "", left, self._text]
            line = f"{self.name}: {', '.join(filter(None, parts))}"
            if len(line) <= WIDTH:
                return line
        return f"{line[: WIDTH - 3]}..."


def _amount(number: float, units: str) -> str:
    """Write a number of units, whose name is a plural in `s`."""
    written = f"{number:,.0f}"
    return f"{written} {units.removesuffix('s') if written == '1' else units}"


class BarProgress:
    """Draws a bar with rate and time left for every task under way; notes stand above the bars."""

    def __init__(self, made: Console | None = None) -> None:
        self._console = made or console(err=True)
        self._bars = _make_bars(self._console)
        self._open = 0

    @contextmanager
    def task(self, name: str, total: float | None = None, unit: str = "items") -> Iterator[BarTask]:
        if not self._open:
            # Anew, or the bars of earlier work would be drawn once more.
            self._bars = _make_bars(self._console)
            self._bars.start()
        self._open += 1
        id = self._bars.add_task(one_line(name), total=total, unit=unit, text="")
        task = BarTask(self._bars, id)
        try:
            yield task
            task.finish()
        finally:
            self._open -= 1
            if not self._open:
                self._bars.stop()

    def note(self, message: str) -> None:
        from rich.text import Text

        # The terminal folds long lines itself: then a command in them can be copied whole.
        self._console.print(Text(one_line(message)), soft_wrap=True)


class BarTask:
    """One bar."""

    def __init__(self, bars: Bars, id: TaskID) -> None:
        self._bars, self._id = bars, id

    def advance(self, amount: float) -> None:
        self._bars.advance(self._id, amount)

    def describe(self, text: str) -> None:
        self._bars.update(self._id, text=one_line(text))

    def finish(self) -> None:
        """Leave a full bar behind, also where the total was not known."""
        done = self._bars.tasks[self._bars.task_ids.index(self._id)].completed
        self._bars.update(self._id, total=done, completed=done)


def _make_bars(console: Console) -> Bars:
    # rich takes a tenth of a second to import, which commands in a pipe do not pay.
    from rich import progress
    from rich.table import Column
    from rich.text import Text

    class Line(progress.ProgressColumn):
        """How much is done, and how much a second, the time left, and what there is room for."""

        def render(self, task: BarState) -> Text:
            rate = per_second(task.completed, task.elapsed or 0.0)
            line = f"{task.completed:,.0f} {task.fields['unit']}, {rate}/s"
            if task.time_remaining:
                line += f", {duration(task.time_remaining)} left"
            if task.fields["text"]:
                line += f", {task.fields['text']}"
            text = Text(line)
            text.truncate(max(console.width - len(task.description) - _BAR - 3, 0))
            return text

    return progress.Progress(
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(bar_width=_BAR),
        Line(Column(no_wrap=True)),
        console=console,
        refresh_per_second=4,
        # Its own way to keep lines above the bars would obey what is in them.
        redirect_stdout=False,
        redirect_stderr=False,
    )

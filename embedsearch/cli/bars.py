"""Progress bars on a terminal, drawn by rich."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import (
    BarColumn,
    Progress as Bars,
    ProgressColumn,
    Task as BarState,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from embedsearch._messages import per_second
from embedsearch.cli.output import console
from embedsearch.cli.streams import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console


class BarProgress:
    """Draws a bar with rate and time left for every task under way; notes stand above the bars."""

    def __init__(self, made: Console | None = None) -> None:
        self._console = made or console(err=True)
        self._bars = _make_bars(self._console)
        self._open = 0

    @contextmanager
    def task(self, name: str, total: float | None = None, unit: str = "items") -> Iterator[BarTask]:
        """Draw a bar for a stretch of work."""
        if not self._open:
            self._bars = _make_bars(self._console)
            self._bars.start()
        self._open += 1
        task = BarTask(
            self._bars, self._bars.add_task(one_line(name), total=total, unit=unit, text="")
        )
        try:
            yield task
            task.finish()
        finally:
            self._open -= 1
            if not self._open:
                self._bars.stop()

    def note(self, message: str) -> None:
        """Print a line above the bars."""
        self._console.print(Text(one_line(message)))


class BarTask:
    """One bar."""

    def __init__(self, bars: Bars, id: TaskID) -> None:
        self._bars, self._id = bars, id

    def advance(self, amount: float) -> None:
        """Report progress."""
        self._bars.advance(self._id, amount)

    def describe(self, text: str) -> None:
        """Replace the text beside the bar."""
        self._bars.update(self._id, text=one_line(text))

    def finish(self) -> None:
        """Leave a full bar behind, also where the total was not known."""
        done = self._bars.tasks[self._bars.task_ids.index(self._id)].completed
        self._bars.update(self._id, total=done, completed=done)


class _Rate(ProgressColumn):
    """How much is done, and how much a second."""

    def render(self, task: BarState) -> Text:
        unit = task.fields["unit"]
        rate = per_second(task.completed, task.elapsed or 0.0)
        return Text(f"{task.completed:,.0f} {unit}, {rate} {unit}/s")


def _make_bars(console: Console) -> Bars:
    return Bars(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        _Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[text]}", markup=False),
        console=console,
        refresh_per_second=4,
        # Its own way to keep lines above the bars would obey what is in them.
        redirect_stdout=False,
        redirect_stderr=False,
    )

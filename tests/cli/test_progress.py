"""Progress as plain lines, against a clock that the test turns."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from embedsearch._messages import duration, per_second
from embedsearch._progress import SilentProgress
from embedsearch.cli.progress import WIDTH, BarProgress, LineProgress, make_progress


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def lines_of(seconds: list[float], amount: float, total: float | None) -> list[str]:
    """The lines told when `amount` is done after each of `seconds`."""
    lines: list[str] = []
    clock = Clock()
    with LineProgress(lines.append, clock).task("training", total, "words") as task:
        for step in seconds:
            clock.now += step
            task.advance(amount)
    return lines


def test_a_line_has_amount_rate_and_time_left() -> None:
    assert lines_of([10.0], 1000, 4000) == [
        "training: 1,000 of 4,000 words, 100 words/s, 30 s left",
        "training: 1,000 words in 10.0 s, 100 words/s",
    ]


def test_one_is_no_plural() -> None:
    assert lines_of([10.0], 1, 1) == [
        "training: 1 of 1 word, 0.1 words/s, 0 s left",
        "training: 1 word in 10.0 s, 0.1 words/s",
    ]


def test_without_a_total_no_time_is_left() -> None:
    assert lines_of([10.0], 50, None)[0] == "training: 50 words, 5.0 words/s"


def test_lines_are_at_least_five_seconds_apart() -> None:
    lines = lines_of([0.1] * 200, 1, 200)
    assert 3 <= len(lines[:-1]) <= 4
    assert lines[-1] == "training: 200 words in 20.0 s, 10 words/s"


def test_a_short_task_tells_its_total_without_a_rate() -> None:
    assert lines_of([0.25], 3, 3) == ["training: 3 words in 0.2 s"]


def test_a_task_that_fails_tells_no_total() -> None:
    lines: list[str] = []
    with pytest.raises(ValueError, match="broken"), LineProgress(lines.append).task("reading"):
        raise ValueError("broken")
    assert lines == []


def test_a_description_stands_at_the_end_of_a_line() -> None:
    lines: list[str] = []
    clock = Clock()
    with LineProgress(lines.append, clock).task("training", None, "words") as task:
        task.describe("epoch 2")
        clock.now += 6
        task.advance(60)
    assert lines[0] == "training: 60 words, 10 words/s, epoch 2"


def test_notes_and_lines_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    progress = make_progress(quiet=False)
    progress.note("read as latin-1")
    with progress.task("reading", unit="documents") as task:
        task.advance(7)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == ["read as latin-1", "reading: 7 documents in 0.0 s"]


def test_quiet_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    progress = make_progress(quiet=True)
    progress.note("read as latin-1")
    assert isinstance(progress, SilentProgress)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.4, "59 s"), (125, "2 min 05 s"), (4320, "1 h 12 min")],
)
def test_a_duration_is_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_rate_before_any_time_has_passed_is_nought() -> None:
    assert per_second(10, 0) == "0.0"


def test_bars_show_the_amount_and_keep_notes_above() -> None:
    drawn = io.StringIO()
    progress = BarProgress(Console(file=drawn, force_terminal=True, width=120))
    with progress.task("reading", unit="documents") as outer, progress.task("words", 10) as inner:
        outer.advance(1234)
        progress.note("read [as] latin-1")
        inner.describe("loss 0.5")
        inner.advance(10)
    with progress.task("training", 5, "epochs") as task:
        task.advance(5)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", drawn.getvalue())
    assert "1,234 documents" in text
    assert "loss 0.5" in text
    assert "read [as] latin-1\n" in text
    assert text.rstrip().splitlines()[-1].startswith("training")


def test_no_line_is_longer_than_a_terminal_is_wide() -> None:
    lines: list[str] = []
    clock = Clock()
    with LineProgress(lines.append, clock).task("training", 89_463_600, "words") as task:
        task.describe("epoch 1/5, loss 2.902")
        clock.now += 10
        task.advance(17_892_720)
    start = "training: 17,892,720 of 89,463,600 words, 1,789,272/s, 40 s left, epoch 1/5"
    assert lines[0].startswith(start)
    assert max(map(len, lines)) <= WIDTH


@pytest.mark.parametrize("text", ["epoch 1/5, loss 2.902", "papers/" * 30])
def test_no_bar_is_wrapped(text: str) -> None:
    drawn = io.StringIO()
    progress = BarProgress(Console(file=drawn, force_terminal=True, width=80))
    with progress.task("learning to search", 89_463_600, "documents") as task:
        task.advance(17_892_720)
        task.describe(text)
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", drawn.getvalue()).replace("\r", "\n")
    told = [line.rstrip() for line in lines.splitlines() if line.strip()]
    assert all(line.startswith("learning to search ") for line in told)
    assert "17,892,720 documents, " in told[-1]
    assert max(map(len, told)) <= 80

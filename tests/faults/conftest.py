"""The nursery, and small workspaces that it has made."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import embedsearch

HERE = Path(__file__).parent
LONG = os.environ.get("FAULTS") == "long"
# Forks, signals and a preloaded library: the faults are those of a Unix.
collect_ignore_glob = [] if sys.platform == "linux" else ["test_*.py"]


@dataclass
class Ended:
    """How a task ended.

    Attributes:
        status: 0, or minus the signal.
        value: What it returned; None where it was killed.
        seconds: How long it took.
        hit: What the disk was told to let go wrong: the call and the path.
        late: It took too long.
    """

    status: int
    value: Any
    seconds: float
    hit: str
    late: bool


class Nursery:
    """Does tasks in processes of their own; see `nursery.py`."""

    def __init__(self, library: Path) -> None:
        one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
        roots = f"{Path(embedsearch.__file__).parents[1]}"
        preloaded = {"LD_PRELOAD": str(library), "PYTHONPATH": roots}
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "nursery.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            env={**os.environ, **one, **preloaded},
        )
        assert self._answer() == "ready"

    def attempt(self, task: str, *, kill_after: float | None = None, **arguments: Any) -> Ended:
        """Do a task, which may end in any way."""
        assert self._process.stdin is not None
        request = {"task": task, "arguments": arguments, "kill_after": kill_after, "timeout": 400}
        self._process.stdin.write(json.dumps(request, default=str) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._answer())
        value = answer["value"] or {"result": None, "seconds": 0.0}
        ended = Ended(
            hit=answer["hit"],
            status=answer["status"],
            late=answer["late"],
            value=value["result"],
            seconds=value["seconds"],
        )
        assert not ended.late, f"{task} {arguments} did not come to an end"
        return ended

    def do(self, task: str, **arguments: Any) -> Any:
        """Do a task that ends well, and return its result."""
        ended = self.attempt(task, **arguments)
        assert ended.status == 0, f"{task} ended with {ended.status}"
        return ended.value

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the nursery is gone"
        return line.strip()


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The disk that fails, compiled."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    assert compiler, "these tests need a C compiler: apt-get install gcc libc6-dev"
    path = tmp_path_factory.mktemp("library") / "failing.so"
    options = ("-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC")
    source = str(HERE / "failing.c")
    subprocess.run([compiler, *options, "-o", str(path), source, "-ldl"], check=True)
    return path


@pytest.fixture(scope="session")
def nursery(library: Path) -> Iterator[Nursery]:
    """One for all tests."""
    started = Nursery(library)
    yield started
    started.close()


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Callable[[str, object], None]:
    """Keep a figure, which is shown when all tests are over."""
    return lambda name, value: request.node.user_properties.append((name, value))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the figures, of whatever process."""
    reports = [each for group in terminalreporter.stats.values() for each in group]
    called = [each for each in reports if getattr(each, "when", "") == "call"]
    if figures := [figure for each in called for figure in each.user_properties]:
        terminalreporter.section("faults")
        for name, value in figures:
            terminalreporter.write_line(f"{name}: {value}")


@pytest.fixture(scope="session")
def long() -> bool:
    """Whether to take minutes: FAULTS=long."""
    return LONG


@pytest.fixture(scope="session")
def made(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int]]:
    """A small trained workspace, and the versions of its documents."""
    path = tmp_path_factory.mktemp("made") / "small.es"
    return path, nursery.do("make", path=path)


Copied = Callable[[], tuple[Path, dict[str, int]]]


@pytest.fixture
def copied(made: tuple[Path, dict[str, int]], tmp_path: Path) -> Iterator[Copied]:
    """Make copies of it; only the last is kept."""
    copies: list[Path] = []

    def copy() -> tuple[Path, dict[str, int]]:
        for old in copies:
            shutil.rmtree(old, ignore_errors=True)
        folder = tmp_path / f"{len(copies)}"
        copies.append(folder)
        shutil.copytree(made[0], folder / "copy.es")
        return folder / "copy.es", dict(made[1])

    yield copy
    for old in copies:
        shutil.rmtree(old, ignore_errors=True)

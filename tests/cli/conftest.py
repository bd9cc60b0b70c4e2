"""One small workspace for all tests, made as a user makes it, and a way to run commands."""

from __future__ import annotations

import io
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

import embedsearch
from embedsearch.cli.main import main

Run = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., subprocess.Popen[str]]
COMMAND = (sys.executable, "-m", "embedsearch")
TOPICS = {
    "farm": (
        ["cow", "horse", "sheep", "goat", "donkey"],
        ["grazed in the meadow", "slept in the barn", "ate the hay", "followed the farmer home"],
    ),
    "sky": (
        ["star", "planet", "moon", "comet", "galaxy"],
        ["shone in the night", "crossed the telescope", "rose over the horizon", "faded at dawn"],
    ),
}


def documents() -> Iterator[dict[str, str]]:
    """Documents about animals and about the sky, whose words share no sentence."""
    choose = random.Random(0)  # noqa: S311 - sentences, not secrets
    for number in range(40):
        for topic, (names, deeds) in TOPICS.items():
            sentences = [f"The {choose.choice(names)} {choose.choice(deeds)}." for _ in range(10)]
            title = f"{topic.title()} {number}"
            text = " ".join(sentences)
            yield {"id": f"{topic}-{number}", "title": title, "text": text, "topic": topic}


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    """The variables of a process that has none of the user's settings."""
    others = {k: v for k, v in os.environ.items() if not k.startswith("EMBEDSEARCH")}
    root = Path(embedsearch.__file__).parents[1]
    return {**others, "PYTHONPATH": str(root), "PYTHONUTF8": "1"}


@pytest.fixture(scope="session")
def run(environment: dict[str, str]) -> Run:
    """Run `embedsearch` as a process of its own."""

    def run(
        *arguments: str | Path, stdin: str = "", **env: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *map(str, arguments)],
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            env={**environment, **env},
            check=False,
        )

    return run


@pytest.fixture
def invoke(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `embedsearch` in this process, which spares the import of the training."""

    def invoke(*arguments: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        out, err = io.StringIO(), io.StringIO()
        given = [str(argument) for argument in arguments]
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
            main(given, prog_name="embedsearch")
        code = int(ended.value.code or 0)
        return subprocess.CompletedProcess(given, code, out.getvalue(), err.getvalue())

    return invoke


@pytest.fixture(scope="session")
def start(environment: dict[str, str]) -> Start:
    """Start `embedsearch` and talk to it through pipes while it runs."""
    # A shell's background jobs ignore interrupts, and so do the processes that they start.
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def start(*arguments: str | Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*COMMAND, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            env=environment,
        )

    return start


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The documents as a JSONL file."""
    path = tmp_path_factory.mktemp("corpus") / "documents.jsonl"
    path.write_text("".join(json.dumps(document) + "\n" for document in documents()))
    return path


@pytest.fixture(scope="session")
def built(
    corpus: Path, run: Run, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """The workspace, and the process that made it."""
    path = tmp_path_factory.mktemp("workspaces") / "small.es"
    settings = ("--vector-size", "20", "--epochs", "30", "--min-count", "1", "--workers", "1")
    return path, run("build", corpus, "-w", path, *settings)


@pytest.fixture(scope="session")
def workspace(built: tuple[Path, subprocess.CompletedProcess[str]]) -> Path:
    """The workspace; tests only read it."""
    path, process = built
    assert process.returncode == 0, process.stderr
    return path

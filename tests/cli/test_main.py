"""What holds for every command: what it costs, where it writes, how it ends."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from embedsearch._version import __version__
from embedsearch.cli.main import ALIASES, SECTIONS, main

Run = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., subprocess.Popen[str]]
HEAVY = ("gensim", "nltk", "numba", "sklearn", "torch", "scipy")


def imported(run: Run, *arguments: str | Path) -> set[str]:
    """The packages that a command imports, told by Python itself."""
    process = run(*arguments, PYTHONPROFILEIMPORTTIME="1")
    assert process.returncode == 0, process.stderr
    times = [line for line in process.stderr.splitlines() if line.startswith("import time:")]
    return {line.rsplit("|")[-1].strip().split(".")[0] for line in times}


def test_help_imports_nothing_heavy(run: Run) -> None:
    packages = imported(run, "--help")
    assert "click" in packages
    assert packages.isdisjoint({*HEAVY, "numpy", "faiss", "rich", "sqlite3"})


@pytest.mark.parametrize(
    "arguments",
    [
        ("similar", "cow"),
        ("similarity", "cow", "goat"),
        ("analogy", "cow + star"),
        ("words",),
        ("keywords", "farm-1"),
    ],
)
def test_word_queries_import_nothing_heavy(
    run: Run, workspace: Path, arguments: tuple[str, ...]
) -> None:
    packages = imported(run, *arguments, "-w", workspace)
    assert "numpy" in packages
    assert packages.isdisjoint({*HEAVY, "rich"})


@pytest.mark.parametrize("mode", ["auto", "lexical"])
def test_searches_import_neither_scipy_nor_faiss(run: Run, workspace: Path, mode: str) -> None:
    packages = imported(run, "search", "cow", "--mode", mode, "-w", workspace)
    assert "tantivy" in packages
    assert packages.isdisjoint({*HEAVY, "faiss", "rich"})


def test_words_are_searched_without_encoding_what_was_added(
    run: Run, workspace: Path, tmp_path: Path
) -> None:
    path = tmp_path / "more.es"
    shutil.copytree(workspace, path)
    (tmp_path / "new.txt").write_text("A cow went to the moon by zeppelin.")
    assert run("add", tmp_path / "new.txt", "-w", path).returncode == 0
    question = ("search", "zeppelin", "--mode", "lexical", "-w", path)
    assert "new.txt" in run(*question).stdout
    assert imported(run, *question).isdisjoint({*HEAVY, "faiss"})


def test_help_names_every_command(run: Run) -> None:
    process = run("--help")
    listed = {line.split()[0] for line in process.stdout.splitlines() if line.startswith("  ")}
    assert {name for section in SECTIONS.values() for name in section} <= listed
    assert process.stderr == ""
    # Each sentence fits.
    assert "..." not in process.stdout.partition("\nMake a workspace:")[2]


def test_an_alias_is_the_same_command() -> None:
    ctx = main.make_context("embedsearch", ["--help"], resilient_parsing=True)
    for alias, name in ALIASES.items():
        assert main.get_command(ctx, alias) is main.get_command(ctx, name)


def test_the_version_is_that_of_the_package(run: Run) -> None:
    assert __version__ in run("--version").stdout


def test_a_command_that_does_not_exist_is_a_usage_error(run: Run) -> None:
    process = run("xyzzy")
    assert process.returncode == 2
    assert "Error: no such command 'xyzzy'; `embedsearch --help` lists all" in process.stderr


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("neighbours", "neighbors"), ("Search", "search"), ("similr", "neighbors or similarity")],
)
def test_a_command_that_is_nearly_right_gets_a_suggestion(run: Run, typed: str, meant: str) -> None:
    assert f"no such command {typed!r}; did you mean {meant}?" in run(typed, "cow").stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("similar", "cow"),
        ("similar", "cow", "-w", "x.es", "-k", "0"),
        ("similarity", "cow", "-w", "x.es"),
        ("build", "-w", "x.es"),
        ("build", "x.txt", "-w", "x.es", "--epochs", "many"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_nothing_on_stdout(
    run: Run, arguments: tuple[str, ...]
) -> None:
    process = run(*arguments)
    assert (process.returncode, process.stdout) == (2, "")
    assert "Usage: embedsearch" in process.stderr


def test_a_missing_workspace_is_one_line_and_1(run: Run, tmp_path: Path) -> None:
    process = run("similar", "cow", "-w", tmp_path / "none.es")
    assert (process.returncode, process.stdout) == (1, "")
    assert process.stderr.startswith("Error: ")
    assert "none.es" in process.stderr
    assert len(process.stderr.splitlines()) == 1


def test_the_workspace_can_come_from_the_environment(run: Run, workspace: Path) -> None:
    given = run("similar", "cow", "-w", workspace)
    assert run("similar", "cow", EMBEDSEARCH_WORKSPACE=str(workspace)).stdout == given.stdout


@pytest.mark.parametrize("name", ["neighbors", "similar"])
def test_any_option_can_come_from_the_environment(run: Run, workspace: Path, name: str) -> None:
    process = run(
        name,
        "cow",
        "-w",
        workspace,
        EMBEDSEARCH_NEIGHBORS_TOPN="2",
        EMBEDSEARCH_NEIGHBORS_OUTPUT="csv",
    )
    lines = process.stdout.splitlines()
    assert lines[0] == "word,score,count,low,high"
    assert len(lines) == 3


def test_an_interrupt_ends_with_130(start: Start, workspace: Path) -> None:
    with start("shell", "--jsonl", "-w", workspace) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdin.write("cow\n")
        process.stdin.flush()
        assert process.stdout.readline().startswith("{")
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130
        assert process.stderr.read() == "Interrupted\n"


def test_a_reader_that_goes_away_ends_the_command_silently(start: Start, workspace: Path) -> None:
    with start("shell", "--jsonl", "-w", workspace) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdin.write("cow\n")
        process.stdin.flush()
        assert process.stdout.readline().startswith("{")
        process.stdout.close()
        process.stdin.write("goat\n")
        process.stdin.flush()
        assert process.wait() == 141
        assert process.stderr.read() == ""


def test_completion_has_a_script_for_bash(run: Run) -> None:
    process = run(_EMBEDSEARCH_COMPLETE="bash_source")
    assert process.returncode == 0
    assert "complete" in process.stdout
    assert "_EMBEDSEARCH_COMPLETE=bash_complete" in process.stdout


def test_completion_knows_commands_and_choices(run: Run) -> None:
    words = run(_EMBEDSEARCH_COMPLETE="bash_complete", COMP_WORDS="embedsearch ne", COMP_CWORD="1")
    assert "neighbors" in words.stdout

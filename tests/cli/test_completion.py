"""What Tab completes, in a process of its own as a terminal starts it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import embedsearch as es

Run = Callable[..., subprocess.CompletedProcess[str]]


def completed(run: Run, *typed: str, **env: str) -> list[str]:
    """The values that bash is given for the last word of a line."""
    process = run(
        COMP_WORDS=" ".join(["embedsearch", *typed]),
        COMP_CWORD=str(len(typed)),
        _EMBEDSEARCH_COMPLETE="bash_complete",
        **env,
    )
    assert process.stderr == ""
    return [line.partition(",")[2] for line in process.stdout.splitlines() if line]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_a_script(run: Run, shell: str) -> None:
    process = run("completion", shell)
    assert process.returncode == 0
    assert f"_EMBEDSEARCH_COMPLETE={shell}_complete" in process.stdout


@pytest.mark.parametrize(
    ("typed", "values"),
    [
        (("neigh",), ["neighbors"]),
        (("search", "--expl"), ["--explain"]),
        (("build", "corpus:gensim"), ["corpus:gensim-lee", "corpus:gensim-wikipedia"]),
        (("train", "--trainer", "gensim"), ["gensim", "gensim-fasttext"]),
        (("train", "--stem", "engl"), ["english"]),
        (("train", "--stop-words", "engl"), ["english"]),
        (("index", "--language", "no"), ["none", "norwegian"]),
        # Without a workspace there are no words.
        (("neighbors", "donk"), []),
    ],
)
def test_names_that_do_not_depend_on_a_workspace(
    run: Run, typed: tuple[str, ...], values: list[str]
) -> None:
    assert completed(run, *typed) == values


@pytest.mark.parametrize(
    ("typed", "values"),
    [
        (("neighbors", "donk"), ["donkey"]),
        (("neighbors", "DONK"), ["donkey"]),
        (("similarity", "cow", "hors"), ["horse"]),
        (("related", "sky-39"), ["sky-39"]),
        (("delete", "farm-39"), ["farm-39"]),
        (("search", "hay", "--where", "top"), ["topic"]),
        (("search", "hay", "--where", "t"), ["topic", "title"]),
    ],
)
def test_names_of_the_workspace(
    run: Run, workspace: Path, typed: tuple[str, ...], values: list[str]
) -> None:
    assert completed(run, *typed, EMBEDSEARCH_WORKSPACE=str(workspace)) == values
    command, *rest = typed
    assert completed(run, command, "-w", str(workspace), *rest) == values


def test_bash_completes_words_that_have_colons(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "lines.es"
    with es.create(path) as ws:
        ws.add(es.Document(f"notes.txt:{n}", "text") for n in (1, 21, 22, 3, "4\nplain,x"))
    for typed, values in (
        (("related", "-w", str(path), "notes.txt", ":", "2"), ["21", "22"]),
        (("related", "-w", str(path), "notes.txt", ":"), ["1", "21", "22", "3"]),
        (("related", "-w", str(path), "notes.txt", ":", "1", "notes.txt", ":", "3"), ["3"]),
        (("related", "-w", str(path), "not"), [f"notes.txt:{n}" for n in (1, 21, 22, 3)]),
        (("build", "corpus", ":", "gensim"), ["gensim-lee", "gensim-wikipedia"]),
    ):
        assert completed(run, *typed) == values


def test_what_is_no_workspace_completes_nothing(run: Run, tmp_path: Path) -> None:
    (tmp_path / "workspace.json").write_text("{}")
    for path in (tmp_path, tmp_path / "none"):
        assert completed(run, "neighbors", "-w", str(path), "a") == []
        assert completed(run, "related", "-w", str(path), "a") == []


def test_what_a_shell_would_run_or_expand_is_not_offered(run: Run, tmp_path: Path) -> None:
    with es.create(tmp_path / "odd.es") as ws:
        odd = ["a;id", "a$(id)", "a`id`", "a*", "a b", "a|b", "a'b", "a&b", "a>b", "a\\nb"]
        ws.add(es.Document(id, "text") for id in ("a/b:1.txt", *odd))
    found = completed(run, "show", "a", EMBEDSEARCH_WORKSPACE=str(tmp_path / "odd.es"))
    assert found == ["a/b:1.txt"]

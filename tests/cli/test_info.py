"""`info` and `corpora` as processes."""

from __future__ import annotations

import csv
import io
import json
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import embedsearch as es
from embedsearch.cli.info import QUESTIONS

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_info_is_that_of_the_library(invoke: Run, workspace: Path) -> None:
    facts = json.loads(invoke("info", "-w", workspace, "--json").stdout)
    with es.open(workspace) as ws:
        assert facts == json.loads(json.dumps(ws.info().to_json()))


def test_info_as_a_table_has_a_line_for_each_fact(invoke: Run, workspace: Path) -> None:
    lines = invoke("info", "-w", workspace).stdout.splitlines()
    facts = dict(line.split(maxsplit=1) for line in lines)
    assert facts["documents"] == "80"
    assert facts["vector_size"] == "20"
    assert "epochs=30" in facts["parameters"]


def test_corpora_list_has_the_catalogue(invoke: Run) -> None:
    listed = json.loads(invoke("corpora", "list", "--json").stdout)
    assert [entry["name"] for entry in listed] == [entry.name for entry in es.list_corpora()]
    assert {"gensim-wikipedia", "planted"} <= {entry["name"] for entry in listed}
    rows = list(csv.DictReader(io.StringIO(invoke("corpora", "list", "--csv").stdout)))
    assert [row["name"] for row in rows] == [entry["name"] for entry in listed]


def test_corpora_show_has_licence_and_source(invoke: Run) -> None:
    entry = json.loads(invoke("corpora", "show", "gensim-wikipedia", "--json").stdout)
    assert entry["name"] == "gensim-wikipedia"
    assert entry["licence"]
    assert entry["source"]
    assert "licence" in invoke("corpora", "show", "gensim-wikipedia").stdout


def test_a_corpus_that_is_not_in_the_catalogue_is_an_error(invoke: Run) -> None:
    process = invoke("corpora", "show", "no-such")
    assert (process.returncode, process.stdout) == (1, "")
    assert "gensim-wikipedia" in process.stderr


HEAVY = {"gensim", "nltk", "numba", "scipy", "sklearn"}


@pytest.fixture
def writable(workspace: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(workspace, tmp_path / "copy.es"))


def test_a_small_index_is_exact_and_says_why(writable: Path, invoke: Run) -> None:
    words = json.loads(invoke("info", "--json", "-w", writable).stdout)["vocabulary"]
    done = invoke("index", "--explain", "-w", writable)
    assert done.returncode == 0, done.stderr
    assert f"words: {words} × 20: exact search costs little" in done.stderr
    header, row = done.stdout.splitlines()
    names = ["index", "spec", "vectors", "parameters", "recall", "microseconds", "chosen"]
    assert header.split() == names
    assert row.split() == ["words", "flat", str(words), "-", "1.0000", "-", "yes"]


def test_another_kind_is_made_and_told_of(writable: Path, invoke: Run) -> None:
    done = invoke("index", "--spec", "hnsw", "--recall", 0.95, "-w", writable)
    assert done.returncode == 0, done.stderr
    assert "Index of words: HNSW32,Flat, efSearch" in done.stderr
    told = json.loads(invoke("info", "--json", "-w", writable).stdout)["word_index"]
    assert told["spec"] == "HNSW32,Flat"
    report = json.loads(invoke("index", "-q", "--explain", "--json", "-w", writable).stdout)
    assert report["words"]["settings"] == {
        "spec": "hnsw",
        "recall": 0.95,
        "memory": None,
        "for_": "single",
    }
    assert report["words"]["recall"] >= 0.95


def test_exact_answers_pass_the_index_by(writable: Path, invoke: Run) -> None:
    exact = invoke("neighbors", "cow", "--json", "-w", writable).stdout
    sums = invoke("analogy", "cow + star", "--json", "-w", writable).stdout
    assert invoke("index", "--spec", "pq", "-q", "-w", writable).returncode == 0
    coarse = invoke("neighbors", "cow", "--json", "-w", writable).stdout
    assert coarse != exact
    assert invoke("neighbors", "cow", "--exact", "--json", "-w", writable).stdout == exact
    assert invoke("analogy", "cow + star", "--exact", "--json", "-w", writable).stdout == sums


def test_queries_of_an_approximate_index_import_nothing_heavy(
    writable: Path, invoke: Run, run: Run
) -> None:
    assert invoke("index", "--spec", "hnsw", "-q", "-w", writable).returncode == 0
    for arguments in (("similar", "cow"), ("similar", "cow", "--exact")):
        process = run(*arguments, "-w", writable, PYTHONPROFILEIMPORTTIME="1")
        assert process.returncode == 0
        times = [line for line in process.stderr.splitlines() if line.startswith("import time:")]
        packages = {line.rsplit("|")[-1].strip().split(".")[0] for line in times}
        assert "faiss" in packages
        assert packages.isdisjoint(HEAVY)


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("--spec", "tree"), 1, "Error: spec must be"),
        (("--memory", "much"), 1, "Error: memory must be"),
        (("--recall", "2"), 2, "--recall"),
        (("--json",), 2, "--json needs --explain"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(
    writable: Path, invoke: Run, arguments: tuple[str, ...], code: int, told: str
) -> None:
    done = invoke("index", *arguments, "-w", writable)
    assert (done.returncode, done.stdout) == (code, "")
    assert told in done.stderr


def test_what_auto_measured_is_shown(tmp_path: Path, invoke: Run) -> None:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(100, 16))
    X = centres[rng.integers(100, size=4_000)] + 0.3 * rng.normal(size=(4_000, 16))
    with es.create(tmp_path / "v.es") as ws:
        # A limit that the vectors themselves, 4 bytes a number, do not fit.
        ws.add_vectors(X, memory="200KB", recall=0.5)
    done = invoke("index", "--explain", "--jsonl", "-w", tmp_path / "v.es")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)["vectors"]
    assert report["bytes"] <= 200_000
    assert report["recall"] >= 0.5
    assert report["choice"]["curve"]["points"]
    table = invoke("index", "--explain", "-q", "--csv", "-w", tmp_path / "v.es")
    rows = table.stdout.splitlines()
    assert rows[0] == "index,spec,vectors,parameters,recall,microseconds,chosen"
    assert sum(row.endswith(",True") for row in rows) >= 1
    assert len(rows) > 3


def test_each_command_is_shown_with_the_output_it_has(invoke: Run, tmp_path: Path) -> None:
    words = " ".join(" ".join(question[1:]) for question in QUESTIONS)
    for number in range(8):
        (tmp_path / f"{number}.txt").write_text(f"number{number} {words}")
    (tmp_path / "ids.jsonl").write_text(
        "".join(
            f'{{"id": "{question[1]}", "text": "{words}"}}\n'
            for question in QUESTIONS
            if question[0] == "related"
        )
    )
    path = tmp_path / "demo.es"
    settings = ("--vector-size", "4", "--epochs", "1", "--min-count", "1", "-q")
    built = invoke("build", tmp_path, "-w", path, *settings)
    assert built.returncode == 0, built.stderr

    shown = invoke("demo", "-w", path)
    assert shown.returncode == 0, shown.stderr
    expected = ""
    for question in QUESTIONS:
        arguments = (*question, "-w", str(path))
        output = invoke(*arguments).stdout
        expected += f"\n$ embedsearch {shlex.join(arguments)}\n{output}"
    assert shown.stdout == expected

"""The index of the words, from the command line: `index --spec`, `--explain`, `--exact`."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import embedsearch as es

Run = Callable[..., subprocess.CompletedProcess[str]]
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
    names = ["index", "spec", "vectors", "parameters", "recall", "queries/s", "chosen"]
    assert header.split() == names
    assert row.split() == ["words", "flat", str(words), "-", "1.0000", "-", "yes"]


def test_another_kind_is_made_and_told_of(writable: Path, invoke: Run) -> None:
    done = invoke("index", "--spec", "hnsw", "--recall", 0.95, "-w", writable)
    assert done.returncode == 0, done.stderr
    assert "Index of words: HNSW32,Flat, efSearch" in done.stderr
    told = json.loads(invoke("info", "--json", "-w", writable).stdout)["word_index"]
    assert told["spec"] == "HNSW32,Flat"
    report = json.loads(invoke("index", "-q", "--explain", "--json", "-w", writable).stdout)
    assert report["words"]["settings"] == {"spec": "hnsw", "recall": 0.95, "memory": None}
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
    assert len(report["choice"]["samples"]) > 1
    table = invoke("index", "--explain", "-q", "--csv", "-w", tmp_path / "v.es")
    rows = table.stdout.splitlines()
    assert rows[0] == "index,spec,vectors,parameters,recall,queries/s,chosen"
    assert sum(row.endswith(",True") for row in rows) >= 1
    assert len(rows) > 3

"""How search is learned: the options of `build`, `train` and `index`, and what `info` says."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]
FAST = ("--vector-size", "8", "--epochs", "2", "--min-count", "1", "--workers", "1", "-q")


def info(invoke: Run, path: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(invoke("info", "-w", path, "--json").stdout)
    return facts


@pytest.fixture
def copy(workspace: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(workspace, tmp_path / "copy.es"))


def test_a_language_is_given_to_build_train_and_index(
    invoke: Run, corpus: Path, tmp_path: Path
) -> None:
    path = tmp_path / "a.es"
    built = invoke("build", corpus, "-w", path, "--language", "none", *FAST)
    assert (built.returncode, built.stderr) == (0, "")
    assert info(invoke, path)["language"] == "none"
    assert invoke("train", "-w", path, "--language", "french", *FAST).returncode == 0
    assert info(invoke, path)["language"] == "french"
    process = invoke("index", "-w", path, "--language", "english")
    assert process.returncode == 0
    assert "The index is up to date." in process.stderr
    assert process.stderr.splitlines()[-1].startswith("Documents are found by bm25 1.00")
    assert process.stderr.rstrip().endswith("(language: english).")
    assert info(invoke, path)["language"] == "english"


def test_refit_publishes_another_generation_with_the_same_words(invoke: Run, copy: Path) -> None:
    before = info(invoke, copy)
    neighbors = invoke("neighbors", "cow", "-w", copy, "--json").stdout
    assert invoke("index", "-w", copy, "-q").returncode == 0
    assert info(invoke, copy)["generation"] == before["generation"]
    assert invoke("index", "--refit", "-w", copy, "-q").returncode == 0
    after = info(invoke, copy)
    assert after["generation"] == before["generation"] + 1
    assert after["weights"] == before["weights"]
    assert invoke("neighbors", "cow", "-w", copy, "--json").stdout == neighbors


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [("--encoder", "hous:x", "encoder must be NAME"), ("--language", "klingon", "language must")],
)
def test_what_is_not_known_is_an_error_of_every_command(
    invoke: Run, corpus: Path, copy: Path, tmp_path: Path, option: str, value: str, reason: str
) -> None:
    asked = (
        ("build", corpus, "-w", tmp_path / "a.es"),
        ("train", "-w", copy),
        ("index", "-w", copy),
    )
    for command in asked:
        process = invoke(*command, option, value, "-q")
        assert (process.returncode, process.stdout) == (1, "")
        assert process.stderr.startswith(f"Error: {reason}")


def test_none_takes_encoders_away(invoke: Run, copy: Path) -> None:
    assert invoke("index", "-w", copy, "--encoder", "none", "-q").returncode == 0
    assert info(invoke, copy)["encoders"] == []


def test_info_tells_how_documents_are_found(invoke: Run, workspace: Path) -> None:
    lines = invoke("info", "-w", workspace).stdout.splitlines()
    facts = dict(line.split(maxsplit=1) for line in lines)
    assert facts["weights"].startswith("bm25=1.0, ")
    assert "ndcg@10" in facts["evidence"]
    assert facts["language"] == "english"
    assert facts["advice"] == "no documents were added since the training"
    assert "drift" not in facts


def test_adding_much_that_is_new_is_answered_with_advice(invoke: Run, copy: Path) -> None:
    lines = "".join(f'{{"id": "q{n}", "text": "quark gluon boson lepton"}}\n' for n in range(40))
    process = invoke("add", "-", "--format", "jsonl", "-w", copy, stdin=lines)
    assert process.returncode == 0, process.stderr
    assert process.stderr.splitlines()[-1].startswith("Advice: train again: ")

"""`embedsearch import` and `embedsearch export`."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_vectors_go_out_and_come_in(invoke: Run, workspace: Path, tmp_path: Path) -> None:
    file, copy = tmp_path / "vectors.txt", tmp_path / "copy.es"
    out = invoke("export", file, "--format", "glove", "-w", workspace)
    assert out.returncode == 0, out.stderr
    assert f"to {file}." in out.stderr
    back = invoke("import", file, "-w", copy)
    assert back.returncode == 0, back.stderr
    assert "Imported" in back.stderr
    assert "Try: embedsearch neighbors" in back.stderr
    question = ("neighbors", "cow", "--rare", "--json")
    # The format has no counts.
    asked = [
        [(near["word"], near["score"]) for near in json.loads(invoke(*question, "-w", path).stdout)]
        for path in (workspace, copy)
    ]
    assert asked[0] == asked[1]


def test_document_vectors_go_out_with_their_ids(
    invoke: Run, workspace: Path, tmp_path: Path
) -> None:
    file = tmp_path / "documents.txt"
    out = invoke("export", file, "--format", "word2vec", "--what", "documents", "-w", workspace)
    assert out.returncode == 0, out.stderr
    head, *lines = file.read_text().splitlines()
    assert head.split() == ["80", "20"]
    assert {line.split()[0] for line in lines} == {
        f"{t}-{n}" for t in ("farm", "sky") for n in range(40)
    }


def test_a_file_in_the_way_is_named(invoke: Run, workspace: Path, tmp_path: Path) -> None:
    file = tmp_path / "vectors.txt"
    file.write_text("mine")
    out = invoke("export", file, "--format", "glove", "-w", workspace)
    assert out.returncode == 1
    assert file.read_text() == "mine"
    again = invoke("export", file, "--format", "glove", "--overwrite", "-w", workspace)
    assert again.returncode == 0


@pytest.mark.parametrize("content", ["", "a 1 2\nb 1\n", "3 2\na 1 2\n"])
def test_a_broken_file_makes_no_workspace(invoke: Run, tmp_path: Path, content: str) -> None:
    file = tmp_path / "vectors.txt"
    file.write_text(content)
    done = invoke("import", file, "-w", tmp_path / "new.es")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"Error: {file}")
    assert not (tmp_path / "new.es").exists()

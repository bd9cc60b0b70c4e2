"""`related` with many documents, and `duplicates`."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import embedsearch as es

Run = Callable[..., subprocess.CompletedProcess[str]]


def ids(process: subprocess.CompletedProcess[str]) -> list[str]:
    assert process.returncode == 0, process.stderr
    return [hit["id"] for hit in json.loads(process.stdout)]


def test_several_documents_and_unwanted_ones_are_those_of_the_library(
    invoke: Run, workspace: Path
) -> None:
    process = invoke(
        "related",
        "farm-3",
        "sky-5",
        "--less",
        "sky-1",
        "--less",
        "farm-7",
        "-w",
        workspace,
        "--json",
    )
    with es.open(workspace) as ws:
        hits = ws.documents.most_similar(["farm-3", "sky-5"], ["sky-1", "farm-7"])
    assert ids(process) == [hit.id for hit in hits]


def test_a_text_can_be_what_to_be_like(invoke: Run, workspace: Path) -> None:
    found = ids(invoke("related", "--text", "A comet rose at dawn.", "-w", workspace, "--json"))
    assert all(id.startswith("sky-") for id in found)


def test_there_must_be_something_to_be_like(invoke: Run, workspace: Path) -> None:
    process = invoke("related", "-w", workspace)
    assert (process.returncode, process.stdout) == (2, "")
    assert "Missing argument 'ID...' or option '--text'" in process.stderr


def test_each_line_may_name_several(invoke: Run, workspace: Path) -> None:
    lines = "farm-3\nfarm-3\tsky-5\nno-such\n"
    process = invoke("related", "-", "-w", workspace, "--jsonl", "-k", "3", stdin=lines)
    one, two, none = map(json.loads, process.stdout.splitlines())
    single = invoke("related", "farm-3", "-w", workspace, "--json", "-k", "3")
    both = invoke("related", "farm-3", "sky-5", "-w", workspace, "--json", "-k", "3")
    assert one["results"] == json.loads(single.stdout)
    assert two["results"] == json.loads(both.stdout)
    assert "no-such" in none["error"]
    assert process.returncode == 1


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three copies of a text and one of another, not trained."""
    path = tmp_path_factory.mktemp("copies") / "copies.es"
    text = "the cow grazed in the meadow and followed the farmer home to the old barn at night"
    with es.create(path) as ws:
        ws.add(es.Document(f"copy-{n}", text) for n in range(3))
        ws.add([es.Document("other", "a comet crossed the telescope over the horizon at dawn")])
        ws.add([es.Document("near", text.replace("night", "noon"))])
    return path


def duplicates(invoke: Run, path: Path, *options: str) -> list[dict[str, Any]]:
    process = invoke("duplicates", "-w", path, "-q", "--json", *options)
    assert (process.returncode, process.stderr) == (0, "")
    found: list[dict[str, Any]] = json.loads(process.stdout)
    return found


def test_duplicates_are_pairs_with_their_score(invoke: Run, copies: Path) -> None:
    pairs = [("copy-0", "copy-1"), ("copy-0", "copy-2"), ("copy-1", "copy-2")]
    same = [{"a": a, "b": b, "score": 1.0} for a, b in pairs]
    assert duplicates(invoke, copies, "--threshold", "1") == same
    # Of 15 runs of three words each, 14 are in both.
    near = [{"a": f"copy-{n}", "b": "near", "score": 0.875} for n in range(3)]
    assert duplicates(invoke, copies) == same + near


def test_groups_name_all_that_belong_together(invoke: Run, copies: Path) -> None:
    group = {"documents": 4, "ids": ["copy-0", "copy-1", "copy-2", "near"]}
    assert duplicates(invoke, copies, "--groups") == [group]
    table = invoke("duplicates", "-w", copies, "-q", "--groups").stdout.splitlines()
    assert table[1].split() == ["4", "copy-0,", "copy-1,", "copy-2,", "near"]


def test_without_duplicates_nothing_is_listed(invoke: Run, workspace: Path) -> None:
    assert duplicates(invoke, workspace, "--threshold", "0.99") == []
    assert duplicates(invoke, workspace, "--groups", "--threshold", "0.99") == []


@pytest.mark.parametrize("threshold", ["0", "1.5", "much"])
def test_a_threshold_out_of_range_is_a_usage_error(
    invoke: Run, copies: Path, threshold: str
) -> None:
    process = invoke("duplicates", "-w", copies, "--threshold", threshold)
    assert (process.returncode, process.stdout) == (2, "")
    assert "--threshold" in process.stderr

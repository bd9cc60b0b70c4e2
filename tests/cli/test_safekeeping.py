"""`backup`, `restore`, `compact`, `--wait` and `--durability` as a user calls them."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import embedsearch as es

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def copy(workspace: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(workspace, tmp_path / "copy.es"))


def test_a_backup_and_back(invoke: Run, copy: Path, tmp_path: Path) -> None:
    file, new = tmp_path / "a.backup", tmp_path / "new.es"
    done = invoke("backup", file, "-w", copy)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.splitlines()[-1].startswith(f"Wrote 80 documents to {file}, ")
    again = invoke("backup", file, "-w", copy)
    assert again.returncode == 1
    assert again.stderr == f"Error: {file}: is there already; give --overwrite to replace it\n"
    report = json.loads(invoke("backup", file, "-w", copy, "--overwrite", "--json").stdout)
    assert (report["documents"], report["bytes"]) == (80, file.stat().st_size)
    restored = invoke("restore", file, "-w", new)
    assert restored.returncode == 0
    assert restored.stderr.splitlines()[-1] == f"Restored {new}: 80 documents."
    assert invoke("restore", file, "-w", new).returncode == 1
    assert invoke("restore", file, "-w", new, "--overwrite", "-q").stderr == ""
    searched = [invoke("search", "cow hay", "-w", path, "--json").stdout for path in (copy, new)]
    assert searched[0] == searched[1]


def test_compact_says_what_it_gave_back(invoke: Run, copy: Path) -> None:
    assert invoke("delete", "farm-1", "farm-2", "-w", copy, "-q").returncode == 0
    done = invoke("compact", "-w", copy)
    assert (done.returncode, done.stdout) == (0, "")
    assert "the vectors of 2 changes were stored" in done.stderr
    assert " before, " in done.stderr.splitlines()[-1]
    report = json.loads(invoke("compact", "-w", copy, "--json").stdout)
    assert report["after"] <= report["before"]


def test_a_writer_waits_when_told_to(invoke: Run, copy: Path, tmp_path: Path) -> None:
    text = tmp_path / "more.txt"
    text.write_text("The cow flew over the moon.")
    holder = es.open(copy, "w")
    refused = invoke("add", text, "-w", copy)
    assert refused.returncode == 1
    assert "another process is writing to it (process " in refused.stderr
    for command in (("train", "--epochs", "1"), ("index",), ("delete", "farm-1"), ("compact",)):
        waited = invoke(*command, "-w", copy, "--wait", "0.05")
        assert waited.returncode == 1
        assert "still after 0.05 seconds" in waited.stderr
    closing = threading.Timer(0.3, holder.close)
    closing.start()
    done = invoke("add", text, "-w", copy, "--wait", "30", "--durability", "relaxed")
    closing.join()
    assert done.returncode == 0, done.stderr
    assert "Added 1, updated 0" in done.stderr
    assert invoke("add", text, "-w", copy, "--durability", "none").returncode == 2
    assert invoke("add", text, "-w", copy, "--wait", "-1").returncode == 2

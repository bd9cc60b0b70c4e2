"""`verify`, `repair` and `migrate` as a user calls them."""

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


def test_a_sound_workspace_ends_with_0(invoke: Run, copy: Path) -> None:
    done = invoke("verify", "-w", copy)
    assert (done.returncode, done.stdout) == (0, "")
    assert "sound: contents, state, record, generation" in done.stderr
    assert invoke("verify", "-w", copy, "--quiet").stderr == ""
    report = json.loads(invoke("verify", "--quick", "--json", "-w", copy).stdout)
    assert (report["sound"], report["problems"]) == (True, [])


def test_each_problem_is_a_line_and_repair_ends_them(invoke: Run, copy: Path) -> None:
    (name,) = copy.glob("generations/*/words.faiss")
    name.write_bytes(b"damaged")
    done = invoke("verify", "-w", copy)
    assert done.returncode == 1
    (line,) = done.stdout.splitlines()
    assert "words.faiss: it has 7 bytes" in line
    assert "run `embedsearch repair`" in line
    assert json.loads(invoke("verify", "-w", copy, "--json").stdout)["problems"][0]["derived"]
    planned = invoke("repair", "-w", copy, "--dry-run")
    assert "nothing was changed" in planned.stderr
    assert invoke("verify", "-w", copy).returncode == 1
    repaired = invoke("repair", "-w", copy)
    assert (repaired.returncode, repaired.stdout) == (0, "")
    assert "word vectors of generation 1 are written again" in repaired.stderr
    assert invoke("verify", "-w", copy).returncode == 0
    assert "nothing to repair" in invoke("repair", "-w", copy).stderr


def test_a_lost_document_is_named_and_ends_with_1(invoke: Run, copy: Path) -> None:
    record = copy / "documents.sqlite"
    content = record.read_bytes()
    place = content.index(b"Farm 17The ")
    record.write_bytes(content[: place + 20] + b"#" * 9 + content[place + 29 :])
    planned = invoke("repair", "-w", copy, "--dry-run", "--json")
    assert planned.returncode == 1
    assert json.loads(planned.stdout)["lost"] == ["farm-17"]
    lost, what_to_do = invoke("repair", "-w", copy, "--dry-run").stderr.splitlines()[-2:]
    assert lost == "lost: the document farm-17"
    assert "add their sources again, or restore a backup" in what_to_do
    done = invoke("repair", "-w", copy, "--quiet")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"{lost}\n"
    assert len(list(copy.glob("damaged-*"))) == 1
    assert invoke("verify", "-w", copy).returncode == 0


def test_words_that_must_be_trained_again_end_with_1(invoke: Run, copy: Path) -> None:
    for name in ("words.safetensors", "words.faiss"):
        next(iter(copy.glob(f"generations/*/{name}"))).unlink()
    planned = invoke("repair", "-w", copy, "--dry-run", "--quiet")
    done = invoke("repair", "-w", copy, "--quiet")
    assert planned.returncode == done.returncode == 1
    assert planned.stderr == done.stderr == "lost: all word vectors; run `embedsearch train`\n"


def test_migrate_says_that_there_is_nothing_to_do(invoke: Run, copy: Path) -> None:
    done = invoke("migrate", "-w", copy)
    assert done.returncode == 0
    assert "nothing to do" in done.stderr


def test_no_workspace_is_one_error(invoke: Run, tmp_path: Path) -> None:
    for command in ("verify", "repair", "migrate"):
        done = invoke(command, "-w", tmp_path / "none.es")
        assert done.returncode == 1
        assert done.stderr.startswith("Error: ")


def test_a_backup_and_back(invoke: Run, copy: Path, tmp_path: Path) -> None:
    file, new = tmp_path / "a.backup", tmp_path / "new.es"
    done = invoke("backup", file, "-w", copy)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.splitlines()[-1].startswith(f"Wrote 80 documents to {file}, ")
    again = invoke("backup", file, "-w", copy)
    assert again.returncode == 1
    assert again.stderr == f"Error: {file}: exists already; give --overwrite to replace it\n"
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

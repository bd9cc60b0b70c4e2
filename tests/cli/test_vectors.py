"""Vectors of anything, from the command line: `import --vectors`, `related`, `delete`, `info`."""

from __future__ import annotations

import gzip
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import embedsearch as es
from embedsearch.vectors.tensors import save_tensors

Run = Callable[..., subprocess.CompletedProcess[str]]
N = 60


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Vectors on a quarter of a circle, from 0 to 59, and what goes with them."""
    folder = tmp_path_factory.mktemp("vectors")
    angles = np.linspace(0, np.pi / 2, N)
    np.save(folder / "rows.npy", np.stack([np.cos(angles), np.sin(angles)], axis=1))
    lines = [
        json.dumps({"_id": f"p{i}", "title": f"point {i}", "even": i % 2 == 0}) for i in range(N)
    ]
    (folder / "rows.jsonl").write_text("\n".join(lines))
    return folder


@pytest.fixture
def filled(files: Path, tmp_path: Path, invoke: Run) -> Path:
    path = tmp_path / "points.es"
    done = invoke(
        "import", "--vectors", files / "rows.npy", "--metadata", files / "rows.jsonl", "-w", path
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert f"{path} has 60 vectors of 2 dimensions; search is exact." in done.stderr
    assert f"Try: embedsearch related p0 -w {path}" in done.stderr
    return path


def ids(done: subprocess.CompletedProcess[str]) -> list[str]:
    assert done.returncode == 0, done.stderr
    return [hit["id"] for hit in json.loads(done.stdout)]


def test_neighbours_are_found_by_their_vectors(filled: Path, invoke: Run) -> None:
    done = invoke("related", "p0", "-k", 3, "--json", "-w", filled)
    hits = json.loads(done.stdout)
    assert [hit["id"] for hit in hits] == ["p1", "p2", "p3"]
    assert hits[0]["score"] == pytest.approx(np.cos(np.pi / 2 / 59), abs=1e-6)
    assert (hits[0]["title"], hits[0]["metadata"]) == ("point 1", {"even": False})
    where = ("--where", "even = true")
    assert ids(invoke("related", "p0", *where, "-k", 2, "--json", "-w", filled)) == ["p2", "p4"]
    between = invoke("related", "p10", "p20", "-k", 1, "--json", "-w", filled)
    assert ids(between) == ["p15"]
    away = ids(invoke("related", "p30", "--less", "p40", "-k", 59, "--json", "-w", filled))
    # 30 less half of 40: between 25 and 17.
    assert 17 <= int(away[0][1:]) <= 25
    assert not {"p30", "p40"} & set(away)


def test_a_text_is_no_vector(filled: Path, invoke: Run) -> None:
    done = invoke("related", "--text", "a point", "-w", filled)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Error: texts cannot be compared with vectors; give ids\n"


def test_more_are_added_and_some_deleted(filled: Path, invoke: Run, tmp_path: Path) -> None:
    more = tmp_path / "more.safetensors"
    save = {"a": np.array([[1.0, 0.001]]), "b": np.ones(3)}
    save_tensors(more, save)
    rows = tmp_path / "more.jsonl.gz"
    rows.write_bytes(gzip.compress(b'{"id": 7, "text": "seven", "metadata": {"even": false}}\n'))
    again = ("import", "--vectors", f"{more}:a", "--metadata", rows, "-w", filled)
    refused = invoke(*again)
    assert refused.returncode == 1
    assert refused.stderr == f"Error: {filled}: has vectors already; add to them with --update\n"
    done = invoke(*again, "--update")
    assert done.returncode == 0, done.stderr
    assert ids(invoke("related", "p0", "-k", 1, "--json", "-w", filled)) == ["7"]
    assert invoke("delete", "7", "p1", "-w", filled).returncode == 0
    assert ids(invoke("related", "p0", "-k", 2, "--json", "-w", filled)) == ["p2", "p3"]
    indexed = invoke("index", "-w", filled)
    assert indexed.stderr == "Indexed 2 changes.\n"
    assert ids(invoke("related", "p0", "-k", 2, "--json", "-w", filled)) == ["p2", "p3"]


def test_info_tells_of_them(filled: Path, invoke: Run) -> None:
    told = json.loads(invoke("info", "--json", "-w", filled).stdout)["vectors"]
    assert told.pop("bytes") >= N * 2 * 4
    assert told == {
        "count": N,
        "dimension": 2,
        "metric": "cosine",
        "spec": "flat",
        "parameters": {},
        "recall": 1.0,
    }
    table = invoke("info", "-w", filled).stdout
    assert "count=60, dimension=2, metric=cosine, spec=flat, parameters=(-), recall=1.0" in table


def test_metric_and_kind_are_options(files: Path, tmp_path: Path, invoke: Run) -> None:
    path = tmp_path / "e.es"
    options = ("--metric", "euclidean", "--spec", "hnsw", "--recall", 0.9)
    done = invoke("import", "--vectors", files / "rows.npy", *options, "-w", path)
    assert done.returncode == 0, done.stderr
    assert "HNSW32,Flat, efSearch" in done.stderr
    hits = json.loads(invoke("related", "5", "-k", 1, "--json", "-w", path).stdout)
    assert hits[0]["score"] == pytest.approx(-2 * np.sin(np.pi / 4 / 59), abs=1e-5)
    told = json.loads(invoke("info", "--json", "-w", path).stdout)["vectors"]
    assert (told["metric"], told["spec"]) == ("euclidean", "HNSW32,Flat")


def test_an_empty_workspace_is_filled(files: Path, tmp_path: Path, invoke: Run) -> None:
    es.create(tmp_path / "empty.es").close()
    done = invoke("import", "--vectors", files / "rows.npy", "-q", "-w", tmp_path / "empty.es")
    assert (done.returncode, done.stderr) == (0, "")
    assert ids(invoke("related", "0", "-k", 1, "--json", "-w", tmp_path / "empty.es")) == ["1"]


BAD_ROWS = {
    "fewer": ('{"id": 1}\n', "has 1 rows, {npy} 60 vectors; give one row for each vector"),
    "more": ("{}\n" * 61, "has 61 rows, {npy} 60 vectors; give one row for each vector"),
    "twice": ('{"id": "a"}\n' * 60, "'a' (line 1 and line 2)"),
    "broken": ('{"id": "a"}\n{"id": \n', "line 2: broken JSON"),
    "list": ("[1, 2]\n", "line 1: is no JSON object"),
    "object": ('{"title": {"a": 1}}\n', "line 1: 'title' holds an object where text is needed"),
}


@pytest.mark.parametrize(("content", "told"), BAD_ROWS.values(), ids=BAD_ROWS.keys())
def test_rows_that_do_not_fit_make_no_workspace(
    files: Path, tmp_path: Path, invoke: Run, content: str, told: str
) -> None:
    rows, npy = tmp_path / "bad.jsonl", files / "rows.npy"
    rows.write_text(content)
    done = invoke("import", "--vectors", npy, "--metadata", rows, "-q", "-w", tmp_path / "new.es")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1
    assert told.format(npy=npy) in done.stderr
    assert list(tmp_path.iterdir()) == [rows]


class Pickled:
    """Leaves a file behind where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path(self.path),)  # type: ignore[return-value]


def bad_array(kind: str, folder: Path) -> Path:
    path = folder / "bad.npy"
    if kind == "pickle":
        np.save(path, np.array([[Pickled(folder / "ran")]], dtype=object), allow_pickle=True)
    elif kind == "nan":
        np.save(path, np.array([[1.0, 2], [3, np.nan]]))
    elif kind == "one dimension":
        np.save(path, np.ones(5))
    elif kind == "cut":
        np.save(path, np.ones((5, 5)))
        path.write_bytes(path.read_bytes()[:-8])
    elif kind == "absurd":
        np.save(path, np.ones((5, 5)))
        path.write_bytes(path.read_bytes().replace(b"(5, 5)", b"(5, 9999999999)"))
    elif kind == "text":
        path.write_text("1 2 3\n")
    elif kind == "ending":
        path = folder / "bad.txt"
        path.write_text("1 2 3\n")
    return path


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("pickle", "must be a matrix of real numbers"),
        ("nan", "row 1 of"),
        ("one dimension", "must be a matrix of real numbers"),
        ("cut", "undamaged file (mmap length"),
        ("absurd", "undamaged file (mmap length"),
        ("text", "undamaged file (EOF"),
        ("ending", "a .npy file or a .safetensors file"),
        ("missing", "there is no such file"),
    ],
)
def test_arrays_that_cannot_be_used_make_no_workspace(
    tmp_path: Path, invoke: Run, kind: str, told: str
) -> None:
    path = bad_array(kind, tmp_path)
    done = invoke("import", "--vectors", path, "-q", "-w", tmp_path / "new.es")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1
    assert told in done.stderr
    assert [p for p in tmp_path.iterdir() if p != path] == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "Give one of FILE"),
        (("words.txt", "--vectors", "rows.npy"), "Give only one of FILE"),
        (("words.txt", "--update"), "--update goes with --vectors"),
        (("--vectors", "rows.npy", "--stem", "english"), "--stem goes with FILE"),
        (("--vectors", "rows.npy", "--allow-pickle"), "--allow-pickle goes with FILE"),
    ],
)
def test_options_of_words_and_of_rows_are_not_mixed(
    tmp_path: Path, invoke: Run, arguments: tuple[str, ...], told: str
) -> None:
    done = invoke("import", *arguments, "-w", tmp_path / "new.es")
    assert done.returncode == 2
    assert told in done.stderr


def test_words_are_asked_for_in_vain(filled: Path, invoke: Run) -> None:
    done = invoke("neighbors", "p0", "-w", filled)
    assert done.returncode == 1
    assert "has no word vectors yet" in done.stderr


def test_the_shell_answers_from_vectors(filled: Path, invoke: Run) -> None:
    done = invoke("shell", "--jsonl", "-k", 1, "-w", filled, stdin="related p0 p1\nquit\n")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["id"] == "p2"

"""The saved example opens, answers as when it was written, and is as docs/format.md says."""

from __future__ import annotations

import hashlib
import json
import re
import runpy
import sqlite3
import tarfile
from contextlib import closing
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embedsearch as es

HERE = Path(__file__).parent
FORMAT = 2
NAME = f"v{FORMAT}"
DTYPES = {"F32": "<f4", "F64": "<f8", "I64": "<i8"}
FILES = {
    "vocabulary.tsv", "phrases.tsv", "words.safetensors", "words.faiss", "training.safetensors",
    "encoder.safetensors", "search.safetensors", "terms.txt", "documents.safetensors",
}  # fmt: skip
WITH_BLOCKS = {"vocabulary.tsv", "phrases.tsv", "words.safetensors", "training.safetensors"}


@pytest.fixture
def example(tmp_path: Path) -> Path:
    with tarfile.open(HERE / f"{NAME}.tar.gz") as tar:
        tar.extraction_filter = lambda member, _: member
        tar.extractall(tmp_path)  # noqa: S202 - our own
    return tmp_path / "example.es"


def test_the_saved_example_answers_as_when_it_was_written(example: Path) -> None:
    expected = json.loads((HERE / f"{NAME}.json").read_text(encoding="utf-8"))
    found = runpy.run_path(str(HERE / "make_example.py"))["answers"](example)
    assert found.keys() == expected.keys()
    for question, wanted in expected.items():
        assert len(found[question]) == len(wanted) > 0, question
        if question.startswith("unknown"):
            assert found[question] == pytest.approx(wanted, rel=1e-5), question
        elif question == "phrases":
            assert found[question] == wanted
        else:
            assert [id for id, _ in found[question]] == [id for id, _ in wanted], question
            scores = [score for _, score in wanted]
            assert [score for _, score in found[question]] == pytest.approx(scores, rel=1e-4)


def test_the_saved_example_is_sound_and_takes_changes(example: Path) -> None:
    report = es.verify(example)
    assert (report.problems, report.notes) == ([], [])
    assert es.migrate(example).done == []
    with es.open(example, "w") as ws:
        ws.add([es.Document("new", "a comet")])
        ws.index()
        assert "new" in [hit.id for hit in ws.search("comet", topn=20)]
        assert ws.vectors.vector("sky-1").shape == (3,)
    assert es.verify(example).sound


def own_hash(values: dict[str, Any]) -> str:
    rest = {name: value for name, value in values.items() if name != "sha256"}
    text = json.dumps(rest, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def load(path: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(path.read_bytes())
    assert values["sha256"] == own_hash(values), path
    return values


def tensors(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Read a file of safetensors by its specification, without our code or its library."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header, found = json.loads(content[8 : 8 + length]), {}
    for name, entry in header.items():
        if name != "__metadata__":
            begin, end = (8 + length + place for place in entry["data_offsets"])
            flat = np.frombuffer(content[begin:end], DTYPES[entry["dtype"]])
            found[name] = flat.reshape(entry["shape"])
    return found


def check_listed(folder: Path, values: dict[str, Any], with_blocks: set[str]) -> None:
    assert {path.name for path in folder.iterdir()} == {*values["files"], "manifest.json"}
    for name, entry in values["files"].items():
        content = (folder / name).read_bytes()
        assert (entry["size"], entry["sha256"]) == (
            len(content),
            hashlib.sha256(content).hexdigest(),
        )
        assert ("blocks" in entry) is (name in with_blocks), name
        if "blocks" in entry:
            size = entry["blocks"]["bytes"]
            parts = [content[at : at + size] for at in range(0, len(content), size)]
            sums = [blake2b(part, digest_size=8).hexdigest() for part in parts]
            assert entry["blocks"] == {"bytes": size, "blake2b": "".join(sums)}
            assert size == 256 or (len(content) + size // 2 - 1) // (size // 2) > 2048


def test_the_saved_example_is_as_the_format_says(example: Path) -> None:
    state = load(example / "workspace.json")
    assert state.keys() == {"format", "generation", "vectors", "tokenizer", "sha256"}
    assert (state["format"], state["generation"], state["vectors"]) == (FORMAT, 1, 1)
    assert {path.name for path in example.iterdir()} == {
        "workspace.json", "documents.sqlite", "generations", "vectors", "lexical",
    }  # fmt: skip
    folder = example / "generations" / "0001"
    manifest = load(folder / "manifest.json")
    assert manifest.keys() == {
        "format", "generation", "created", "change", "trained_change", "expected_share",
        "fitted_documents", "tokenizer", "training", "word_index", "search", "files", "sha256",
    }  # fmt: skip
    assert (manifest["format"], manifest["generation"], manifest["change"]) == (FORMAT, 1, 16)
    assert manifest["word_index"].keys() == {
        "settings", "spec", "parameters", "recall", "bytes", "digest",
    }  # fmt: skip
    assert set(manifest["files"]) == FILES
    check_listed(folder, manifest, WITH_BLOCKS)


def test_the_documents_of_the_saved_example_are_as_the_format_says(example: Path) -> None:
    with closing(sqlite3.connect(f"file:{example}/documents.sqlite?mode=ro", uri=True)) as store:
        rows = store.execute("SELECT id, title, text, metadata, digest, change FROM documents")
        found = {row[0]: row[1:] for row in rows}
        assert store.execute("SELECT change FROM latest").fetchall() == [(18,)]
        assert store.execute("SELECT number, change FROM deletions").fetchall() == [(7, 17)]
    assert len(found) == 16
    assert found["sky-1"][2] == '{"year":1991}'
    for title, text, metadata, digest, _ in found.values():
        content = "\0".join((title, text, metadata)).encode()
        assert digest == blake2b(content, digest_size=16).digest()


def test_the_vectors_of_the_saved_example_are_as_the_format_says(example: Path) -> None:
    folder = example / "generations" / "0001"
    manifest = load(folder / "manifest.json")
    lines = (folder / "vocabulary.tsv").read_text(encoding="utf-8").split("\n")
    words = [line.split("\t") for line in lines[:-1]]
    counts = [int(count) for _, count in words]
    assert lines[-1] == ""
    assert counts == sorted(counts, reverse=True)
    found = tensors(folder / "words.safetensors")
    assert found["vectors"].shape == (len(words), manifest["training"]["parameters"]["vector_size"])
    assert (np.diff(found["ngram_ids"]) > 0).all()
    assert len(found["ngram_ids"]) == len(found["ngram_vectors"])
    documents = tensors(folder / "documents.safetensors")
    assert documents.keys() == {"numbers", "vectors", "latent", "owners"}
    assert documents["owners"][-1] == len(documents["latent"])
    assert len(documents["owners"]) - 1 == len(documents["numbers"]) == len(documents["vectors"])
    terms = (folder / "terms.txt").read_text(encoding="utf-8").split("\n")[:-1]
    search = tensors(folder / "search.safetensors")
    assert len(search["statistics.idf"]) == len(search["first"]) == len(terms)

    own = example / "vectors" / "0001"
    manifest = load(own / "manifest.json")
    assert manifest.keys() == {
        "format", "generation", "created", "change", "metric", "count", "dimension", "following",
        "built", "index", "files", "sha256",
    }  # fmt: skip
    assert (manifest["metric"], manifest["count"], manifest["dimension"]) == ("euclidean", 16, 3)
    check_listed(own, manifest, {"vectors.safetensors"})
    X = np.random.default_rng(5).normal(size=(16, 3)).astype(np.float32)
    found = tensors(own / "vectors.safetensors")
    np.testing.assert_array_equal(found["numbers"], np.arange(1, 17))
    np.testing.assert_array_equal(found["vectors"], X)


@pytest.mark.parametrize("name", ["generations/0001/words.faiss", "vectors/0001/vectors.faiss"])
def test_the_indexes_of_the_saved_example_are_as_the_format_says(example: Path, name: str) -> None:
    content = (example / name).read_bytes()
    assert content.endswith(b"ESINDEX\n")
    length = int.from_bytes(content[-16:-8], "little")
    description = content[-48 - length : -48]
    assert content[-48:-16] == hashlib.sha256(description).digest()
    values = json.loads(description)
    manifest = load((example / name).with_name("manifest.json"))
    section = manifest["word_index" if "words" in name else "index"]
    assert section["digest"] == hashlib.sha256(description).hexdigest()
    assert values["size"] == len(content) - 48 - length


def test_the_lexical_index_of_the_saved_example_is_as_the_format_says(example: Path) -> None:
    folder = example / "lexical"
    values = load(folder / "lexical.json")
    assert values.keys() == {"format", "change", "analyzer", "opstamp", "files", "sha256"}
    assert values["change"] == 18
    for name, entry in values["files"].items():
        assert name == "meta.json" or re.match("[0-9a-f]{32}", name)
        content = (folder / name).read_bytes()
        assert (entry["size"], entry["sha256"]) == (
            len(content),
            hashlib.sha256(content).hexdigest(),
        )

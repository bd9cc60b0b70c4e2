"""Vectors of damaged files: rows that hold are kept, rows of an index too, all else is named."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embedsearch as es
from embedsearch._io import write_json

OWN, WORDS = "vectors/0001", "generations/0001"
TOPICS = ("new york galaxy star planet orbit comet", "cow horse barn hay meadow field farmer")


def documents() -> list[es.Document]:
    choose = random.Random(1)  # noqa: S311
    texts = (f"new york {' '.join(choose.choices(TOPICS[n % 2].split(), k=30))}" for n in range(90))
    return [es.Document(f"d{n}", f"{text} w{n % 30} w{n % 30}") for n, text in enumerate(texts)]


def matrix(metric: str) -> np.ndarray[Any, np.dtype[np.float32]]:
    X = np.random.default_rng(5).normal(size=(90, 100)).astype(np.float32) * 3
    return X + 100 if metric == "euclidean" else X


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Words with phrases and n-grams, and vectors of the user's own."""
    path = tmp_path_factory.mktemp("made") / "made.es"
    settings: dict[str, Any] = {"vector_size": 8, "epochs": 1, "workers": 1, "min_count": 1}
    with es.create(path) as ws:
        ws.add(documents())
        ws.train("fasttext", bucket=2000, phrases="default", phrase_threshold=1.0, **settings)
        ws.add_vectors(matrix("ip"), [f"d{n}" for n in range(90)], metric="ip")
    return path


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "copy.es"))


def content(path: Path) -> dict[str, Any]:
    """Return all that could be lost."""
    with es.open(path) as ws:
        generation = ws._session.generation
        assert generation is not None
        subwords = generation.vectors.subwords
        return {
            "words": {w: ws.words[w].tolist() for w in ws.words.index_to_key},
            "counts": generation.vectors.counts.tolist(),
            "unknown": [] if subwords is None else list(subwords.infer("galaxie")),
            "phrases": generation.phrases.passes,
            "own": {id: ws.vectors.vector(id).tolist() for id in ws.vectors},
            "metric": ws.vectors.metric,
            "found": [hit.id for hit in ws.search("galaxy barn", 9)],
        }


def scramble(path: Path, start: int, size: int) -> None:
    held = bytearray(path.read_bytes())
    held[start : start + size] = random.Random(2).randbytes(len(held[start : start + size]))  # noqa: S311
    path.write_bytes(held)


def repaired(path: Path) -> es.RepairReport:
    """Repair, after a dry run that must say the same and change nothing."""
    before = {f: f.read_bytes() for f in path.rglob("*") if f.is_file() and f.name != "lock"}
    planned = es.repair(path, dry_run=True).to_json()
    assert {f: f.read_bytes() for f in before} == before
    report = es.repair(path)
    done = report.to_json()
    assert report.remaining == []
    different = {name for name in planned if planned[name] != done[name]}
    assert different <= {"done", "aside"}
    assert es.verify(path).sound
    return report


def test_a_flipped_bit_in_what_cannot_be_made_again_costs_nothing(made: Path, copy: Path) -> None:
    choose, expected = random.Random(3), content(made)  # noqa: S311
    names = [f"{OWN}/manifest.json", f"{OWN}/vectors.safetensors", "workspace.json"]
    words = ("manifest.json", "vocabulary.tsv", "phrases.tsv", "words.safetensors")
    for name in [*names, *(f"{WORDS}/{each}" for each in (*words, "training.safetensors"))]:
        shutil.rmtree(copy)
        shutil.copytree(made, copy)
        held = bytearray((copy / name).read_bytes())
        held[choose.randrange(len(held))] ^= 1 << choose.randrange(8)
        (copy / name).write_bytes(held)
        assert repaired(copy).complete, name
        assert content(copy) == expected, name


@pytest.mark.parametrize("key", ["documents", "created", "files", "sha256", "parameters"])
def test_a_flipped_key_of_a_manifest_is_mended(made: Path, copy: Path, key: str) -> None:
    manifest = copy / WORDS / "manifest.json"
    text = manifest.read_bytes()
    place = text.index(f'"{key}"'.encode())
    manifest.write_bytes(text[: place + 3] + bytes([text[place + 3] ^ 1]) + text[place + 4 :])
    assert repaired(copy).complete
    assert content(copy) == content(made)


def test_without_an_index_rows_of_sound_blocks_are_kept_and_others_named(
    made: Path, copy: Path
) -> None:
    (copy / OWN / "vectors.faiss").unlink()
    scramble(copy / OWN / "vectors.safetensors", 10_000, 50)
    report, expected = repaired(copy), content(made)["own"]
    kept = content(copy)["own"]
    # A block of 256 bytes has a part of one row of 400, or of two.
    assert 1 <= len(report.lost_vectors) <= 3
    assert set(report.lost_vectors) == expected.keys() - kept.keys()
    assert all(kept[id] == expected[id] for id in kept)
    assert (report.complete, report.lost) == (False, [])


@pytest.mark.parametrize("metric", ["ip", "euclidean", "cosine"])
def test_rows_that_only_the_index_has_come_from_there(tmp_path: Path, metric: str) -> None:
    path, X = tmp_path / "own.es", matrix(metric)
    with es.create(path) as ws:
        ws.add_vectors(X, [f"d{n}" for n in range(90)], metric=metric)
    shutil.copytree(path, tmp_path / "gone.es")
    scramble(path / OWN / "vectors.safetensors", 10_000, 50)
    report = repaired(path)
    (tmp_path / "gone.es" / OWN / "vectors.safetensors").unlink()
    without = repaired(tmp_path / "gone.es")
    assert report.lost_vectors == without.lost_vectors == []
    with es.open(path) as ws, es.open(tmp_path / "gone.es") as other:
        kept = np.array([ws.vectors.vector(f"d{n}") for n in range(90)])
        bare = np.array([other.vectors.vector(f"d{n}") for n in range(90)])
        assert [h.id for h in other.vectors.search(X[7], 5)] == [
            h.id for h in ws.vectors.search(X[7], 5)
        ]
    if metric == "ip":
        assert (report.complete, without.complete) == (True, True)
        assert np.array_equal(kept, X)
        assert np.array_equal(bare, X)
        return
    # By the cosine an index has no lengths; those of damaged rows are in what is left of them.
    assert {f"d{n}" for n in np.flatnonzero((kept != X).any(axis=1))} <= {*report.rounded_vectors}
    assert 1 <= len(report.rounded_vectors) <= 2
    assert np.allclose(kept, X, rtol=1e-4, atol=1e-4)
    assert not without.complete
    lengths = np.linalg.norm(X, axis=1, keepdims=True) if metric == "cosine" else 1
    assert np.allclose(bare, X / lengths, rtol=1e-4, atol=1e-4)


def test_codes_of_an_index_are_no_copy_of_a_row(tmp_path: Path) -> None:
    path = tmp_path / "own.es"
    with es.create(path) as ws:
        ws.add_vectors(matrix("ip"), metric="ip", spec="int8")
    scramble(path / OWN / "vectors.safetensors", 10_000, 50)
    report = repaired(path)
    assert any("codes of vectors" in line for line in report.done)
    assert 1 <= len(report.lost_vectors) <= 3
    with es.open(path) as ws:
        assert len(ws.vectors) == 90 - len(report.lost_vectors)


def test_numbers_of_documents_come_from_the_index_or_the_record(made: Path, copy: Path) -> None:
    for with_index in (True, False):
        shutil.rmtree(copy)
        shutil.copytree(made, copy)
        # The header and all the numbers.
        scramble(copy / OWN / "vectors.safetensors", 0, 900)
        if not with_index:
            (copy / OWN / "vectors.faiss").unlink()
        report, expected, kept = repaired(copy), content(made)["own"], content(copy)["own"]
        assert all(kept[id] == expected[id] for id in kept)
        # Without the index, the rows of the same block are lost.
        assert report.complete is with_index
        assert len(kept) == (90 if with_index else 90 - len(report.lost_vectors))
        assert len(report.lost_vectors) <= 9


def test_a_manifest_of_which_nothing_is_left_costs_no_vectors(made: Path, copy: Path) -> None:
    expected = content(made)
    for name in (OWN, WORDS):
        (copy / name / "manifest.json").write_text("gone")
    report = repaired(copy)
    found = content(copy)
    # How n-grams are hashed is told by the manifest alone.
    assert report.lost_parts == ["how n-grams are hashed, and with it their vectors"]
    assert (found["own"], found["metric"]) == (expected["own"], expected["metric"])
    assert found["words"] == expected["words"]
    assert (found["phrases"], found["found"]) == (expected["phrases"], expected["found"])


@pytest.mark.parametrize("name", ["vocabulary.tsv", "phrases.tsv", "words.faiss", "terms.txt"])
def test_what_follows_from_the_documents_is_found_in_them_again(
    made: Path, copy: Path, name: str
) -> None:
    (copy / WORDS / name).write_text("gone")
    assert repaired(copy).complete
    assert content(copy) == content(made)


def test_words_without_a_sound_copy_are_named(made: Path, copy: Path) -> None:
    expected = content(made)
    (copy / WORDS / "words.faiss").unlink()
    words = copy / WORDS / "words.safetensors"
    start = words.read_bytes().index(
        np.array(next(iter(expected["words"].values())), np.float32).tobytes()
    )
    scramble(words, start, 20)
    report = repaired(copy)
    found = content(copy)["words"]
    assert report.lost_words
    assert set(report.lost_words) == expected["words"].keys() - found.keys()
    assert all(found[word] == expected["words"][word] for word in found)
    assert not report.untrained


def test_lines_that_hold_keep_their_words_where_documents_have_changed(
    made: Path, copy: Path
) -> None:
    expected = content(made)["words"]
    with es.open(copy, "w") as ws:
        ws.delete([f"d{n}" for n in range(0, 90, 2)])
    vocabulary = copy / WORDS / "vocabulary.tsv"
    vocabulary.write_bytes(vocabulary.read_bytes()[:-40])
    report = repaired(copy)
    found = content(copy)["words"]
    assert all(found[word] == expected[word] for word in found)
    assert len(expected) - 60 < len(found) < len(expected)
    (missing,) = report.lost_parts
    assert missing == f"{len(expected) - len(found)} words whose spelling is not known"


def test_only_without_words_must_be_trained_again(copy: Path) -> None:
    for name in ("words.safetensors", "words.faiss"):
        (copy / WORDS / name).unlink()
    other = Path(shutil.copytree(copy, copy.with_name("other.es")))
    report = repaired(copy)
    assert (report.untrained, report.complete) == (True, False)
    assert es.repair(other, retrain=True).untrained is False
    with es.open(other) as ws:
        assert ws.words.most_similar("galaxy")


def test_words_that_were_imported_need_no_documents(tmp_path: Path) -> None:
    path, words = tmp_path / "words.es", [f"word{n}" for n in range(50)]
    X = np.random.default_rng(1).normal(size=(50, 12)).astype(np.float32)
    with es.create(path) as ws:
        ws.import_vectors(es.WordVectors(X, words))
    for name in ("encoder.safetensors", "words.faiss", "manifest.json"):
        target = next(iter(sorted(path.glob("generations/*"))), path) / name
        target.write_bytes(target.read_bytes()[:-30])
        report = repaired(path)
        assert report.complete, (name, report.lost_parts)
        with es.open(path) as ws:
            assert ws.words.index_to_key == words
            assert np.array_equal(ws.words.vectors, X)


def test_repair_without_checksums_of_blocks_keeps_what_the_index_proves(copy: Path) -> None:
    manifest = copy / OWN / "manifest.json"
    values = json.loads(manifest.read_text())
    for entry in values["files"].values():
        entry.pop("blocks", None)
    write_json(manifest, values)
    scramble(copy / OWN / "vectors.safetensors", 10_000, 50)
    report = repaired(copy)
    assert report.complete
    assert content(copy)["own"] == {f"d{n}": row.tolist() for n, row in enumerate(matrix("ip"))}


def test_the_vector_of_a_lost_document_is_kept_with_its_id(tmp_path: Path) -> None:
    path, X = tmp_path / "own.es", matrix("ip")
    with es.create(path) as ws:
        rows = [es.Document(f"d{n}", f"about {n} " * 300) for n in range(90)]
        ws.add_vectors(X, rows, metric="ip")
    database = path / "documents.sqlite"
    scramble(database, database.read_bytes().index(b"about 7 about 7") + 50, 9)
    report = repaired(path)
    assert (report.lost, report.lost_vectors, report.complete) == (["d7"], [], False)
    with es.open(path) as ws:
        assert np.array_equal([ws.vectors.vector(f"d{n}") for n in range(90)], X)
        assert (ws.documents["d7"].text, ws.documents["d8"].text) == ("", "about 8 " * 300)


def test_names_that_lead_out_of_a_folder_are_not_followed(made: Path, copy: Path) -> None:
    manifest = copy / WORDS / "manifest.json"
    values = json.loads(manifest.read_text())
    values["files"]["../../../../evil"] = values["files"]["terms.txt"]
    write_json(manifest, values)
    (copy.parent / "evil").write_text("of somebody else")
    report = repaired(copy)
    assert (report.complete, content(copy)) == (True, content(made))
    assert sorted(file.name for file in copy.parent.iterdir()) == ["copy.es", "evil"]
    assert (copy.parent / "evil").stat().st_nlink == 1

"""The index of the words: what kind it is, that it is kept, and that it can be passed by."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import embedsearch as es
from embedsearch._io import with_checksum


def test_a_small_vocabulary_is_searched_exactly(planted: Path) -> None:
    with es.open(planted) as ws:
        facts = ws.info().word_index
        assert facts is not None
        assert (facts["spec"], facts["parameters"], facts["recall"]) == ("flat", {}, 1.0)
        assert facts["bytes"] >= ws.words.vectors.nbytes
        report = ws.indexes()["words"]
        assert report["settings"] == {"spec": "auto", "recall": None, "memory": None}
        assert report["reasons"] == [
            f"{len(ws.words):,} × {ws.words.vector_size}: exact search costs little"
        ]


def test_another_kind_is_measured_and_kept_for_later_trainings(writable: Path) -> None:
    with es.open(writable, "w") as ws:
        before = ws.words.most_similar("paris")
        assert ws.index(spec="hnsw", recall=0.9) == 0
        facts = ws.info().word_index
        assert facts is not None
        assert facts["spec"].startswith("HNSW")
        assert 0.9 <= facts["recall"] <= 1
        assert ws.words.index.spec == facts["spec"]
        assert ws.words.most_similar("paris", exact=True) == before
        assert ws.search("paris", 1)
        ws.train(epochs=1, vector_size=8, workers=1)
        assert ws.words.index.spec.startswith("HNSW")
        assert ws.indexes()["words"]["settings"]["recall"] == 0.9
        ws.index(spec="flat")
        assert ws.words.index.spec == "flat"


def test_exact_answers_are_those_of_numpy(writable: Path) -> None:
    with es.open(writable, "w") as ws:
        # Codes of one byte for four numbers: far from exact.
        ws.index(spec="pq")
        words = ws.words
        units = words.vectors / np.linalg.norm(words.vectors, axis=1, keepdims=True)
        scores = units @ units[words.key_to_index["paris"]]
        order = [row for row in np.argsort(-scores) if words.index_to_key[row] != "paris"][:10]
        wanted = [words.index_to_key[row] for row in order]
        exact = words.most_similar("paris", exact=True)
        assert [word for word, _ in exact] == wanted
        assert [score for _, score in exact] == pytest.approx(scores[order], abs=1e-6)
        assert words.similar_by_word("paris", exact=True) == exact
        assert words.most_similar_batch(["paris"], exact=True) == [exact]
        by_vector = words.similar_by_vector(words["paris"], 11, exact=True)
        assert [word for word, _ in by_vector] == ["paris", *wanted]
        assert words.analogy("paris", exact=True) == exact
        assert [score for _, score in words.most_similar("paris")] != [s for _, s in exact]


def test_a_training_and_an_import_take_the_settings(tmp_path: Path, planted: Path) -> None:
    with es.open(planted) as ws:
        ws.export(tmp_path / "words.safetensors")
    with es.import_vectors(
        tmp_path / "words.safetensors", tmp_path / "imported.es", spec="int8"
    ) as ws:
        assert ws.words.index.spec == "Pad64,SQ8"
        assert ws.evaluate.index(queries=50).recall[10] > 0.9
    options = {"vector_size": 8, "epochs": 1, "workers": 1}
    built = es.build("corpus:planted", tmp_path / "built.es", spec="SQfp16", **options)
    with built as ws:
        assert ws.words.index.spec == "SQfp16"
        ws.train(spec="auto", **options)
        assert ws.words.index.spec == "flat"


def test_a_kind_that_does_not_exist_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    for wrong in ({"spec": "tree"}, {"recall": 1.5}, {"memory": "much"}, {"spec": ""}):
        with pytest.raises(es.ParameterError, match=next(iter(wrong))):
            es.build("corpus:planted", tmp_path / "w.es", **wrong)
    assert list(tmp_path.iterdir()) == []


def test_a_kind_that_does_not_fit_the_vectors_is_refused_before_training(
    writable: Path,
) -> None:
    with es.open(writable, "w") as ws:
        with pytest.raises(es.ParameterError, match="10 dimensions"):
            ws.train(vector_size=10, spec="PQ7")
        assert ws.info().generation == 1


def test_a_memory_limit_can_be_taken_away(writable: Path) -> None:
    with es.open(writable, "w") as ws:
        ws.index(memory="1GB")
        assert ws.indexes()["words"]["settings"]["memory"] == "1GB"
        ws.index(memory="none")
        assert ws.indexes()["words"]["settings"]["memory"] is None


def test_a_workspace_from_before_has_an_exact_index(writable: Path) -> None:
    folder = writable / "generations" / "0001"
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["word_index"]
    (folder / "manifest.json").write_text(json.dumps(with_checksum(manifest)))
    state = json.loads((writable / "workspace.json").read_text())
    del state["vectors"]
    (writable / "workspace.json").write_text(json.dumps(with_checksum(state)))
    with es.open(writable, "w") as ws:
        assert ws.info().word_index == {
            "spec": "flat",
            "parameters": {},
            "recall": 1.0,
            "bytes": None,
        }
        assert ws.words.most_similar("paris")
        ws.index(spec="fp16")
        assert ws.words.index.spec == "Pad64,SQfp16"

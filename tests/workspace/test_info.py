"""What `info` says of search and of drift."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import embedsearch as es
from embedsearch._io import with_checksum
from embedsearch.workspace.info import drift_since


def test_search_is_told_as_the_manifest_has_it(planted: Path) -> None:
    with es.open(planted) as ws:
        info = ws.info()
    (path,) = planted.glob("generations/*/manifest.json")
    search = json.loads(path.read_text())["search"]
    assert info.language == search["analyzer"]["language"]
    assert (info.encoders, info.missing_encoders) == ([], [])


def test_the_share_to_expect_is_that_of_words_just_frequent_enough(tmp_path: Path) -> None:
    common = "cow horse sheep goat donkey meadow barn hay farm field " * 3
    with es.create(tmp_path / "a.es") as ws:
        ws.add(es.Document(str(n), f"{common} twice{n // 2} once{n}") for n in range(20))
        ws.train(vector_size=8, epochs=1, workers=1, min_count=2)
        drift = ws.info().drift
    assert drift is not None
    # 20 words stand there once, and 10 twice, which is what is just enough.
    assert drift["expected"] == pytest.approx((20 + 10 * 2) / (20 * 32))


def test_drift_is_told_with_advice(writable: Path) -> None:
    with es.open(writable, "w") as ws:
        assert ws.info().advice == "no documents were added since the training"
        old = [document.text for document in ws.documents.values()][:50]
        ws.add(es.Document(f"same-{n}", text) for n, text in enumerate(old))
        info = ws.info()
        assert info.drift is not None
        assert (info.drift["documents"], info.drift["unknown_tokens"]) == (50, 0)
        assert info.advice is not None
        assert info.advice.startswith("no need to train again")
        ws.add(es.Document(f"new-{n}", "quark gluon boson lepton " * 20) for n in range(50))
        info = ws.info()
        assert info.drift is not None
        assert dict(info.drift["frequent_unknown"]).keys() == {"quark", "gluon", "boson", "lepton"}
        assert info.advice is not None
        assert info.advice.startswith("train again: ")
        assert "4 new words would be learned" in info.advice
        ws.index()
        assert ws.info().drift == info.drift
        ws.train(vector_size=10, epochs=1, workers=1)
        assert ws.info().advice == "no documents were added since the training"


def test_of_very_many_documents_a_part_is_read(writable: Path) -> None:
    with es.open(writable, "w") as ws:
        ws.add(es.Document(f"new-{n}", "quark gluon " * (1 + n % 2)) for n in range(100))
        drift = drift_since(ws._session.store, ws._session.trained(), most_read=40)
    assert drift is not None
    assert (drift.documents, drift.share) == (34, 1)


def test_a_manifest_of_before_drift_was_kept_still_opens(writable: Path) -> None:
    (path,) = writable.glob("generations/*/manifest.json")
    manifest = json.loads(path.read_text())
    del manifest["expected_share"]
    path.write_text(json.dumps(with_checksum(manifest)))
    with es.open(writable, "w") as ws:
        assert (ws.info().drift, ws.info().advice) == (None, None)
        ws.add([es.Document("new", "paris france")])
        ws.index()
        assert ws.info().drift is None


def test_imported_vectors_are_expected_to_miss_what_they_miss(
    planted: Path, tmp_path: Path
) -> None:
    with es.open(planted) as source:
        source.export(tmp_path / "v.npy", format="npy")
        documents = list(source.documents.values())[:20]
        vectors = es.load_vectors(tmp_path / "v.npy")
    with es.create(tmp_path / "new.es") as ws:
        ws.add(documents)
        ws.add([es.Document("odd", "xyzzy " * 100)])
        ws.import_vectors(vectors)
        tokens = sum(len(document.text.split()) for document in documents)
        ws.add([es.Document("more", documents[0].text)])
        drift = ws.info().drift
    assert drift is not None
    assert drift["expected"] == pytest.approx(100 / (tokens + 100))
    with es.import_vectors(vectors, tmp_path / "bare.es") as bare:
        assert bare.info().drift is None


def test_the_state_of_the_lexical_index_is_told(writable: Path) -> None:
    with es.open(writable, "w") as ws:
        ws.search("paris")
        assert ws.info().lexical == "up to date"
        ws.add([es.Document("a", "x"), es.Document("b", "y")])
        assert ws.info().lexical == "2 changes behind; the next search catches up"
        ws.search("paris")
        assert ws.info().lexical == "up to date"
    shutil.rmtree(writable / "lexical")
    with es.open(writable) as ws:
        assert ws.info().lexical == "not there yet"


def test_before_the_training_there_is_nothing_to_tell(small: es.Workspace) -> None:
    info = small.info()
    assert (info.lexical, info.drift, info.advice) == (None, None, None)

"""Word vectors from elsewhere in a workspace, and those of a workspace elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from gensim.models import KeyedVectors

import embedsearch as es


@pytest.fixture
def exported(planted: Path, tmp_path: Path) -> Path:
    path = tmp_path / "vectors.txt"
    with es.open(planted) as ws:
        ws.export(path, format="word2vec")
    return path


def test_what_is_exported_is_what_gensim_reads(planted: Path, exported: Path) -> None:
    keyed = KeyedVectors.load_word2vec_format(exported)
    with es.open(planted) as ws:
        assert keyed.index_to_key == ws.words.index_to_key
        np.testing.assert_array_equal(keyed.vectors, ws.words.vectors)


@pytest.mark.parametrize("name", ["v.bin", "v.npy", "v.safetensors", "v.parquet", "v.tsv"])
def test_vectors_come_back_from_every_kind_of_file(
    planted: Path, tmp_path: Path, name: str
) -> None:
    formats = {"v.bin": "word2vec-binary", "v.tsv": "projector"}
    with es.open(planted) as ws:
        written = ws.export(tmp_path / name, format=formats.get(name, "auto"))
        with es.import_vectors(tmp_path / name, tmp_path / "back.es") as back:
            assert written == len(back.words) == len(ws.words)
            assert back.words.index_to_key == ws.words.index_to_key
            np.testing.assert_array_equal(back.words.vectors, ws.words.vectors)
            assert back.words.most_similar("king") == ws.words.most_similar("king")


def test_every_word_query_works_on_imported_vectors(exported: Path, tmp_path: Path) -> None:
    with es.import_vectors(exported, tmp_path / "new.es") as ws:
        assert len(ws.documents) == 0
        assert ws.words.analogy("king - man + woman", topn=1)[0].word == "queen"
        assert ws.info().trainer == "import"
        assert ws.info().parameters["vector_size"] == 50
        assert ws.words.get_count("king") is None


def test_documents_added_later_are_found_by_imported_vectors(
    planted: Path, exported: Path, tmp_path: Path
) -> None:
    with es.open(planted) as source:
        documents = list(source.documents.values())
    with es.import_vectors(exported, tmp_path / "new.es") as ws:
        ws.add(documents)
        text = documents[7].text
        assert ws.search(text, topn=1)[0].id == documents[7].id
        ws.index()
        assert ws.search(text, topn=1)[0].id == documents[7].id


def test_indexing_fits_the_encoder_to_documents_that_came_after_the_import(
    planted: Path, exported: Path, tmp_path: Path
) -> None:
    with es.import_vectors(exported, tmp_path / "new.es") as ws, es.open(planted) as source:
        ws.add(source.documents.values())
        before = ws.documents.vectors
        ws.index()
        after = ws.documents.vectors
        # Without the direction that all documents share, they are less alike.
        assert np.mean(after @ after.T) < np.mean(before @ before.T) - 0.05
        first = next(iter(source.documents))
        np.testing.assert_allclose(ws.documents.vector(first), after[0], atol=1e-6)


def test_a_workspace_with_documents_takes_vectors_in_place_of_its_own(
    writable: Path, exported: Path
) -> None:
    with es.open(writable, "w") as ws:
        size, documents = ws.words.vector_size, len(ws.documents)
        words = ws.words.index_to_key[:100]
        ws.import_vectors(
            es.WordVectors(np.asarray(ws.words.vectors)[:100, :20], words, check=False)
        )
        assert (size, ws.words.vector_size) == (50, 20)
        assert len(ws.documents) == documents == len(ws.documents.vectors)
        ws.train(epochs=1, vector_size=10)
        assert ws.words.vector_size == 10


def test_training_goes_on_from_imported_vectors(
    planted: Path, exported: Path, tmp_path: Path
) -> None:
    with es.import_vectors(exported, tmp_path / "new.es") as ws:
        before = np.array(ws.words.vectors)
        ws.add([es.Document(str(n), "king zebra queen zebra man zebra") for n in range(30)])
        ws.train(update=True, min_count=2, epochs=1)
        assert "zebra" in ws.words
        kept = [word for word in ws.words.index_to_key if word not in ("zebra",)]
        assert len(kept) == len(before)


def test_case_is_kept_where_the_vocabulary_has_capital_letters(tmp_path: Path) -> None:
    words = ["Paris", "London", "city", "the", "Berlin"]
    cased = es.WordVectors(np.eye(5, dtype=np.float32), words)
    with es.import_vectors(cased, tmp_path / "cased.es") as ws:
        ws.add([es.Document("p", "Paris"), es.Document("c", "city")])
        assert ws.search("Paris")[0].id == "p"
        assert not ws.tokenizer.lowercase
    with es.import_vectors(cased, tmp_path / "folded.es", lowercase=True) as ws:
        assert ws.tokenizer.lowercase


def test_vectors_that_cannot_be_read_leave_no_workspace(tmp_path: Path) -> None:
    broken = tmp_path / "broken.txt"
    broken.write_text("2 3\na 1 2 3\nb 1 2\n")
    with pytest.raises(es.SourceFormatError, match="line 3"):
        es.import_vectors(broken, tmp_path / "new.es")
    assert not (tmp_path / "new.es").exists()


def test_vectors_that_cannot_be_read_leave_a_workspace_as_it_was(
    writable: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.txt"
    broken.write_text("2 3\na 1 2 3\nb nan 2 3\n")
    with es.open(writable) as ws:
        before = ws.words.most_similar("king")
    with pytest.raises(es.SourceFormatError):
        es.import_vectors(broken, writable)
    with es.open(writable) as ws:
        assert ws.words.most_similar("king") == before


def test_options_that_nobody_knows_are_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(es.ParameterError, match="colour"):
        es.import_vectors(tmp_path / "missing.txt", tmp_path / "new.es", colour="red")
    with pytest.raises(es.ParameterError, match="phrases"):
        es.import_vectors(tmp_path / "missing.txt", tmp_path / "new.es", phrases="npmi")


@pytest.mark.parametrize("word", ["", "a\tb", "a\nb", "a\rb"])
def test_a_word_that_a_workspace_cannot_keep_is_named(tmp_path: Path, word: str) -> None:
    vectors = es.WordVectors(np.eye(3, dtype=np.float32), ["x", word, "y"])
    with pytest.raises(es.VectorError, match="row 1"):
        es.import_vectors(vectors, tmp_path / "new.es")


def test_vectors_of_documents_are_exported_under_their_ids(planted: Path, tmp_path: Path) -> None:
    with es.open(planted) as ws:
        ws.export(tmp_path / "documents.safetensors", "documents")
        loaded = es.load_vectors(tmp_path / "documents.safetensors")
        assert loaded.index_to_key == list(ws.documents)
        np.testing.assert_array_equal(loaded.vectors, ws.documents.vectors)
        for id in loaded.index_to_key[:5]:
            np.testing.assert_array_equal(
                loaded.vectors[loaded.key_to_index[id]], ws.documents.vector(id)
            )


def test_a_file_is_not_replaced_unless_that_is_said(exported: Path, planted: Path) -> None:
    with es.open(planted) as ws:
        with pytest.raises(es.ParameterError, match="overwrite"):
            ws.export(exported, format="word2vec")
        ws.export(exported, format="word2vec", overwrite=True)
        with pytest.raises(es.ParameterError, match="what"):
            ws.export(exported, "letters")


def test_ngrams_make_the_journey_through_a_file_of_fasttext(tmp_path: Path) -> None:
    with es.build("corpus:lantern-bay", tmp_path / "a.es", trainer="fasttext", epochs=2) as ws:
        ws.export(tmp_path / "model.bin", format="fasttext")
        with es.import_vectors(tmp_path / "model.bin", tmp_path / "b.es") as back:
            np.testing.assert_allclose(back.words.vectors, ws.words.vectors, atol=1e-6)
            unknown = "lanternists"
            assert unknown not in ws.words
            # fastText divides by all n-grams, ours by those that were trained.
            one, other = back.words.get_vector(unknown, norm=True), ws.words[unknown]
            np.testing.assert_allclose(one, other / np.linalg.norm(other), atol=1e-5)

"""Files of gensim's save(): refused, unless the user trusts them; then all of them is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gensim.models import Doc2Vec, FastText, KeyedVectors, Word2Vec
from gensim.models.doc2vec import TaggedDocument
from gensim.models.phrases import Phrases

from embedsearch._errors import SourceFormatError
from embedsearch.vectors.formats import detect
from embedsearch.vectors.formats.base import LoadOptions
from embedsearch.vectors.formats.files import load_vectors, read_into
from embedsearch.vectors.formats.gensim import FORMAT

SENTENCES = [["king", "queen", "kingdom"], ["man", "woman", "king"]] * 10


def keyed_vectors() -> KeyedVectors:
    keyed = KeyedVectors(4)
    keyed.add_vectors(["b", "a"], np.random.default_rng(0).normal(size=(2, 4)))
    return keyed


def word2vec() -> Word2Vec:
    return Word2Vec(SENTENCES, vector_size=4, min_count=1, workers=1)


def fasttext() -> FastText:
    return FastText(SENTENCES, vector_size=4, min_count=1, bucket=30, workers=1)


def saved(tmp_path: Path, model: Any, **options: Any) -> Path:
    path = tmp_path / "model.kv"
    model.save(str(path), **options)
    return path


@pytest.mark.parametrize("make", [keyed_vectors, word2vec, fasttext])
def test_a_pickle_is_refused_with_advice(tmp_path: Path, make: Any) -> None:
    path = saved(tmp_path, make())
    assert detect(path) is FORMAT
    with pytest.raises(SourceFormatError, match="runs whatever code") as caught:
        load_vectors(path)
    for advice in ("save_word2vec_format", "save_facebook_model", "allow_pickle"):
        assert advice in str(caught.value)


class Trap:
    """What a pickle of this does is seen in the folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_a_refused_file_is_not_run(tmp_path: Path) -> None:
    keyed = keyed_vectors()
    keyed.trap = Trap(tmp_path / "ran")
    path = saved(tmp_path, keyed)
    with pytest.raises(SourceFormatError, match="runs whatever code"):
        load_vectors(path)
    assert not (tmp_path / "ran").exists()
    load_vectors(path, allow_pickle=True)
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize("options", [{}, {"sep_limit": 1}])
@pytest.mark.parametrize("make", [keyed_vectors, word2vec, fasttext])
def test_a_trusted_file_is_read_whole(tmp_path: Path, make: Any, options: dict[str, int]) -> None:
    model = make()
    keyed = getattr(model, "wv", model)
    path = saved(tmp_path, model, **options)
    ours = load_vectors(path, allow_pickle=True)
    assert ours.index_to_key == keyed.index_to_key
    np.testing.assert_array_equal(ours.vectors, keyed.vectors)
    if make is not keyed_vectors:
        assert ours.counts is not None
        np.testing.assert_array_equal(ours.counts, keyed.expandos["count"])
    if make is fasttext:
        assert ours.subwords is not None
        np.testing.assert_allclose(ours.subwords.infer("kings"), keyed["kings"], atol=1e-6)


def test_the_user_is_told_that_code_was_run(tmp_path: Path) -> None:
    options = LoadOptions(allow_pickle=True, limit=2)
    read = read_into(tmp_path, saved(tmp_path, fasttext()), options=options)
    assert len(read.words) == 2
    assert "code in the file was run" in read.rest.notes[0]
    assert read.rest.inputs is not None
    assert read.rest.counts is not None
    assert len(read.rest.inputs) == len(read.rest.counts) == 2


def test_models_of_documents_give_their_words(tmp_path: Path) -> None:
    documents = [TaggedDocument(words, [i]) for i, words in enumerate(SENTENCES)]
    model = Doc2Vec(documents, vector_size=4, min_count=1, workers=1)
    ours = load_vectors(saved(tmp_path, model), allow_pickle=True)
    np.testing.assert_array_equal(ours.vectors, model.wv.vectors)


def test_a_file_without_its_arrays_names_what_is_missing(tmp_path: Path) -> None:
    path = saved(tmp_path, word2vec(), sep_limit=1)
    (tmp_path / "model.kv.syn1neg.npy").unlink()
    with pytest.raises(SourceFormatError, match=r"syn1neg\.npy belongs next to it"):
        load_vectors(path, allow_pickle=True)


def test_models_without_word_vectors_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, Phrases(SENTENCES))
    with pytest.raises(SourceFormatError, match="no word vectors"):
        load_vectors(path, allow_pickle=True)
    path = saved(tmp_path, KeyedVectors(4))
    with pytest.raises(SourceFormatError, match="holds no words"):
        load_vectors(path, allow_pickle=True)


def test_numbers_that_are_none_are_refused(tmp_path: Path) -> None:
    keyed = keyed_vectors()
    keyed.vectors[1, 2] = np.nan
    with pytest.raises(SourceFormatError, match="row 1 of vectors holds NaN"):
        load_vectors(saved(tmp_path, keyed), allow_pickle=True)


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, keyed_vectors())
    data = path.read_bytes()
    for length in range(0, len(data), 3):
        path.write_bytes(data[:length])
        with pytest.raises(SourceFormatError):
            load_vectors(path, "gensim", allow_pickle=True)


def test_other_files_are_no_pickles(tmp_path: Path) -> None:
    path = tmp_path / "a.kv"
    path.write_text("2 1\na 1\nb 2\n")
    with pytest.raises(SourceFormatError, match="no pickle"):
        load_vectors(path, "gensim", allow_pickle=True)
    assert load_vectors(path).index_to_key == ["a", "b"]

"""Folders of static embeddings: a vector for each token, as model2vec and others give it."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from model2vec import StaticModel
from safetensors.numpy import save_file
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

from embedsearch._errors import EmbedSearchError, SourceFormatError, SourceNotFoundError
from embedsearch.vectors.formats import detect
from embedsearch.vectors.formats.base import LoadOptions
from embedsearch.vectors.formats.files import Imported, load_vectors, read_into
from embedsearch.vectors.formats.model2vec import FORMAT
from embedsearch.vectors.word_vectors import WordVectors

X = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
UNKNOWN = "[UNK]"
WORDPIECE = {"[PAD]": 0, "[UNK]": 1, "king": 2, "##dom": 3, "café": 4}


def folder(
    path: Path, vocabulary: Any = WORDPIECE, tensors: dict[str, Any] | None = None, **parts: Any
) -> Path:
    """Write a folder by hand; `parts` go into the tokenizer."""
    path.mkdir(exist_ok=True, parents=True)
    save_file(tensors or {"embeddings": X}, path / "model.safetensors")
    model = {"type": "WordPiece", "unk_token": "[UNK]", "vocab": vocabulary}
    special = [{"id": 0, "content": "[PAD]", "special": True}]
    tokenizer = {"model": model, "added_tokens": special, **parts}
    (path / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    return path


def read(path: Path, **options: Any) -> tuple[WordVectors, Imported]:
    with TemporaryDirectory() as folder:
        read = read_into(Path(folder), path, "model2vec", LoadOptions(**options))
    return WordVectors(read.vectors, read.words), read


def saved(path: Path, tokenizer: Tokenizer, **tensors: Any) -> StaticModel:
    """Save as model2vec does, and return its model."""
    model = StaticModel(tokenizer=tokenizer, normalize=False, **tensors)
    model.save_pretrained(path)
    return StaticModel.from_pretrained(path)


def wordpiece() -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(WORDPIECE, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens([AddedToken("[PAD]", special=True)])
    return tokenizer


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8"])
def test_words_are_encoded_as_model2vec_encodes_them(tmp_path: Path, dtype: str) -> None:
    theirs = saved(tmp_path / "m", wordpiece(), vectors=(X * 40).astype(dtype))
    ours = load_vectors(tmp_path / "m")
    assert detect(tmp_path / "m") is FORMAT
    assert ours.index_to_key == ["king", "##dom", "café"]
    for word in ("king", "café"):
        np.testing.assert_allclose(ours.vectors[ours.key_to_index[word]], theirs.encode(word))
    mean = ours.vectors[:2].mean(axis=0)
    np.testing.assert_allclose(theirs.encode("kingdom"), mean, rtol=1e-3)


def test_shared_vectors_are_spread_and_weighed_as_model2vec_does(tmp_path: Path) -> None:
    mapping, weights = np.array([0, 1, 1, 0, 1]), np.linspace(0.5, 2.5, 5)
    theirs = saved(
        tmp_path / "m", wordpiece(), vectors=X[:2], token_mapping=mapping, weights=weights
    )
    ours, _ = read(tmp_path / "m")
    for row, word in ((0, "king"), (2, "café")):
        np.testing.assert_allclose(ours.vectors[row], theirs.encode(word), rtol=1e-6)


def test_marks_of_word_starts_are_taken_off_in_unigram_vocabularies(tmp_path: Path) -> None:
    pieces = [("<unk>", 0.0), ("▁king", -1.0), ("dom", -2.0), ("▁new▁york", -3.0), ("▁", -4.0)]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=0))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    theirs = saved(tmp_path / "m", tokenizer, vectors=X)
    ours, reading = read(tmp_path / "m")
    assert ours.index_to_key == ["king", "##dom", "new york"]
    np.testing.assert_array_equal(ours.vectors[0], theirs.encode("king"))
    assert reading.rest.notes[0].startswith("tokens are words")
    assert "1 special tokens were left out" in reading.rest.notes


def test_bytes_of_bpe_vocabularies_become_text_again(tmp_path: Path) -> None:
    alphabet = "Ġ", "Ã", "©", "a"
    tokens = {"Ġ": 0, "Ã": 1, "©": 2, "a": 3, "Ã©": 4, "Ġa": 5, "ĠaÃ©": 6}
    assert set(alphabet) <= set(pre_tokenizers.ByteLevel.alphabet())
    merges = [("Ã", "©"), ("Ġ", "a"), ("Ġa", "Ã©")]
    tokenizer = Tokenizer(models.BPE(tokens, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    vectors = np.arange(21, dtype=np.float32).reshape(7, 3)
    theirs = saved(tmp_path / "m", tokenizer, vectors=vectors)
    ours, reading = read(tmp_path / "m")
    assert ours.index_to_key == ["##a", "##é", "a", "aé"]
    np.testing.assert_array_equal(ours.vectors[3], theirs.encode("aé"))
    assert "3 tokens that hold no whole character were left out" in reading.rest.notes


def test_folders_of_sentence_transformers_are_read(tmp_path: Path) -> None:
    folder(tmp_path / "m" / "0_StaticEmbedding", tensors={"embedding.weight": X})
    assert detect(tmp_path / "m") is FORMAT
    ours, _ = read(tmp_path / "m")
    np.testing.assert_array_equal(ours.vectors, X[2:])


def test_words_without_unknown_and_special_tokens_all_count(tmp_path: Path) -> None:
    tokens = {"zebra": 1, "ant": 0, "added": 2}
    folder(tmp_path, tokens, model={"type": "WordLevel", "vocab": tokens}, added_tokens=[])
    ours, reading = read(tmp_path)
    assert ours.index_to_key == ["ant", "zebra", "added"]
    np.testing.assert_array_equal(ours.vectors, X[:3])
    assert len(reading.rest.notes) == 1


def test_a_limit_counts_words(tmp_path: Path) -> None:
    ours, _ = read(folder(tmp_path), limit=2)
    assert ours.index_to_key == ["king", "##dom"]


def test_half_a_character_is_treated_as_the_options_say(tmp_path: Path) -> None:
    folder(tmp_path, {"\ud800": 0, "king": 1}, added_tokens=[])
    with pytest.raises(SourceFormatError, match="not UTF-8"):
        read(tmp_path)
    assert read(tmp_path, encoding_errors="skip")[0].index_to_key == ["king"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tensors": {"other.weight": X}}, "no tensor 'embeddings' but 'other.weight'"),
        ({"tensors": {"embeddings": X[:4]}}, "5 tokens, but vectors only for 4"),
        ({"tensors": {"embeddings": X[0]}}, "must be a matrix"),
        ({"tensors": {"embeddings": X > 0}}, "must be a matrix"),
        ({"tensors": {"embeddings": X * np.nan}}, "'king' holds NaN"),
        ({"tensors": {"embeddings": X, "weights": X[0]}}, "5 tokens, but weights only for 3"),
        ({"tensors": {"embeddings": X, "weights": X}}, "real numbers in one row"),
        ({"tensors": {"embeddings": X, "mapping": X[0]}}, "whole numbers in one row"),
        ({"tensors": {"embeddings": X, "mapping": np.arange(5) + 1}}, "beyond its 5"),
        ({"tensors": {"embeddings": X, "mapping": np.arange(5) - 1}}, "beyond its 5"),
        ({"vocabulary": {"[UNK]": 0}}, "holds no words"),
        ({"vocabulary": {}}, "holds no words"),
        ({"vocabulary": {"a": -1}}, "has the id -1"),
        ({"vocabulary": {"a": "b"}}, "has the id 'b'"),
        ({"vocabulary": [["a", 0.5], 7]}, "not that of a tokenizer"),
        ({"vocabulary": 7}, "not that of a tokenizer"),
        ({"model": {"vocab": [["a", 0.5]], "unk_id": 9}}, "not that of a tokenizer"),
        ({"added_tokens": [{"id": 0}]}, "not that of a tokenizer"),
        ({"added_tokens": [{"id": 0, "content": []}]}, "not that of a tokenizer"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(SourceFormatError, match=message):
        read(folder(tmp_path, **change))


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"\xff", b"{}", b"[" * 100_000, b'{"model": 1}']
)
def test_a_tokenizer_that_is_none_is_refused(tmp_path: Path, text: bytes) -> None:
    (folder(tmp_path) / "tokenizer.json").write_bytes(text)
    with pytest.raises(SourceFormatError, match=r"tokenizer\.json"):
        read(tmp_path)


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFoundError):
        read(tmp_path / "nowhere")
    with pytest.raises(SourceFormatError, match=r"model\.safetensors and tokenizer\.json"):
        read(tmp_path)
    (folder(tmp_path) / "tokenizer.json").unlink()
    with pytest.raises(SourceNotFoundError, match=r"tokenizer\.json"):
        read(tmp_path)
    assert not FORMAT.recognises(tmp_path, b"")
    assert not FORMAT.recognises(tmp_path / "model.safetensors", b"")


def test_vectors_cut_short_anywhere_are_refused(tmp_path: Path) -> None:
    path = folder(tmp_path) / "model.safetensors"
    data = path.read_bytes()
    for length in range(len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(SourceFormatError):
            read(tmp_path)


values = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 9) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


@settings(max_examples=80, derandomize=True)
@given(values, values, values, values)
def test_odd_tokenizers_raise_nothing_but_our_errors(
    vocabulary: Any, added: Any, pre_tokenizer: Any, unknown: Any
) -> None:
    model = {"vocab": vocabulary, "unk_token": unknown, "unk_id": unknown}
    parts = {"model": model, "added_tokens": added, "pre_tokenizer": pre_tokenizer}
    with TemporaryDirectory() as name, suppress(EmbedSearchError):
        found, _ = read(folder(Path(name), **parts))
        assert 0 < len(found) <= len(X)
        assert all(isinstance(word, str) and word for word in found.index_to_key)

"""What search may rely on, whatever an encoder does; and how encoders are found by name."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embedsearch._errors import MissingExtraError, ParameterError, QueryError, VectorError
from embedsearch._types import FloatMatrix
from embedsearch.vectors.encoders import CheckedEncoder, Encoder, encoder_names, load_encoder


class Letters:
    """Counts a, b and c; queries are counted twice."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def encode_documents(self, texts: Sequence[str]) -> Any:
        self.batches.append(len(texts))
        return [[text.count(letter) for letter in "abc"] for text in texts]

    def encode_queries(self, texts: Sequence[str]) -> Any:
        return np.array(self.encode_documents(texts), np.float64) * [2, 1, 1]


class Answers:
    """Gives one answer after the other, or raises it."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)

    def encode_documents(self, texts: Sequence[str]) -> Any:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    encode_queries = encode_documents


def test_rows_are_scaled_to_length_one_and_zeros_stay() -> None:
    encoder = CheckedEncoder(Letters(), "letters")
    made = encoder.encode_documents(["aab", "xyz", "c"])
    expected = [[2 / 5**0.5, 1 / 5**0.5, 0], [0, 0, 0], [0, 0, 1]]
    np.testing.assert_allclose(made, expected, rtol=1e-6)
    assert made.dtype == np.float32


def test_queries_are_encoded_by_their_own_method() -> None:
    made = CheckedEncoder(Letters(), "letters").encode_queries(["ab"])
    np.testing.assert_allclose(made, [[2 / 5**0.5, 1 / 5**0.5, 0]], rtol=1e-6)


def test_texts_come_in_batches_and_stay_in_order() -> None:
    letters = Letters()
    texts = ["a" * n + "b" for n in range(10)]
    made = CheckedEncoder(letters, "letters", batch_size=4).encode_documents(texts)
    assert letters.batches == [4, 4, 2]
    np.testing.assert_allclose(made[:, 0] / made[:, 1], np.arange(10), atol=1e-5)


def test_an_encoder_says_how_many_texts_it_takes() -> None:
    letters: Any = Letters()
    letters.batch_size = 3
    CheckedEncoder(letters, "letters").encode_documents(["a"] * 7)
    assert letters.batches == [3, 3, 1]


def test_the_dimension_is_found_without_texts() -> None:
    encoder = CheckedEncoder(Letters(), "letters")
    assert encoder.encode_queries([]).shape == (0, 3)
    assert encoder.vector_size == 3


def test_a_checked_encoder_is_an_encoder() -> None:
    assert isinstance(CheckedEncoder(Letters(), "letters"), Encoder)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ([[1.0, 2.0]], "1 vectors for 2 texts"),
        ([[1.0, 2.0], [np.nan, 0.0]], "row 1 .*'odd'.* NaN"),
        ([[1.0, 2.0], [1e300, 0.0]], "beyond float32"),
        ([[1.0, 2.0], [1.0]], "'odd'.*array of numbers"),
        ([["a", "b"], ["c", "d"]], "'odd'.*real numbers"),
        ([[[1.0]], [[2.0]]], "'odd'.*shape"),
        (None, "'odd'"),
        (ConnectionError("no route"), "'odd' failed .ConnectionError: no route"),
        (KeyError("vectors"), "'odd' failed .KeyError"),
    ],
)
def test_a_wrong_answer_names_the_encoder(answer: Any, reason: str) -> None:
    with pytest.raises(VectorError, match=reason):
        CheckedEncoder(Answers(answer), "odd").encode_documents(["one", "two"])


def test_the_dimension_may_not_change() -> None:
    encoder = CheckedEncoder(Answers([[1.0, 2.0]], [[1.0, 2.0, 3.0]]), "odd", batch_size=1)
    with pytest.raises(VectorError, match=r"'odd'.*from 1 on must have 2 dimensions, got 3"):
        encoder.encode_documents(["one", "two"])


def test_our_own_errors_pass_as_they_are() -> None:
    with pytest.raises(QueryError, match="too long"):
        CheckedEncoder(Answers(QueryError("too long")), "odd").encode_queries(["one"])


@pytest.mark.parametrize("texts", ["one text", ["a", None], [b"bytes"]])
def test_only_lists_of_texts_are_taken(texts: Any) -> None:
    with pytest.raises(ParameterError, match="text"):
        CheckedEncoder(Letters(), "letters").encode_documents(texts)


@pytest.mark.parametrize("size", [0, 2.5, "many"])
def test_a_batch_has_one_text_or_more(size: Any) -> None:
    with pytest.raises(ParameterError, match="batch_size"):
        CheckedEncoder(Letters(), "letters", batch_size=size)


ENTRY_POINTS = """
[embedsearch.encoders]
lengths = house_encoders:Lengths
broken = house_encoders:Broken
gone = house_encoders:Gone
absent = no_such_module:Encoder
half = house_encoders:Half
"""
MODULE = """
class Lengths:
    batch_size = 2

    def __init__(self, unit="letters"):
        if unit not in ("letters", "words"):
            raise ValueError(unit)
        self.count = len if unit == "letters" else lambda text: len(text.split())

    def encode_documents(self, texts):
        return [[self.count(text), 1] for text in texts]

    def encode_queries(self, texts):
        return [[1, self.count(text)] for text in texts]

class Broken(Lengths):
    def __init__(self, path):
        pass

class Half:
    def encode_documents(self, texts):
        return [[1.0] for text in texts]
"""


@pytest.fixture
def _installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "house_encoders-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: house-encoders\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    (tmp_path / "house_encoders.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("_installed")
def test_an_installed_encoder_is_used_by_its_name() -> None:
    encoder = load_encoder("lengths")
    assert "lengths" in encoder_names()
    made = encoder.encode_documents(["abc", "a", ""])
    np.testing.assert_allclose(made, [[0.9**0.5, 0.1**0.5], [0.5**0.5, 0.5**0.5], [0, 1]])
    np.testing.assert_allclose(encoder.encode_queries(["abc"]), [[0.1**0.5, 0.9**0.5]])
    assert encoder.batch_size == 2


@pytest.mark.usefixtures("_installed")
def test_what_follows_the_colon_is_given_to_it() -> None:
    made = load_encoder("lengths:words").encode_documents(["one two three"])
    np.testing.assert_allclose(made, [[0.9**0.5, 0.1**0.5]])


@pytest.mark.usefixtures("_installed")
@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("gone", "Gone"),
        ("absent", "no_such_module"),
        ("half", "encode_queries"),
        ("broken", "written broken:ARGUMENT"),
        ("lengths:miles", "ValueError: miles.*got 'lengths:miles'"),
        ("os:system", "model2vec.*sentence-transformers.*got 'os:system'"),
        ("", "NAME or NAME:ARGUMENT"),
    ],
)
def test_what_cannot_be_used_says_why(spec: str, reason: str) -> None:
    with pytest.raises(ParameterError, match=reason):
        load_encoder(spec)


@pytest.mark.parametrize("name", ["model2vec", "sentence-transformers"])
def test_a_missing_package_names_its_extra(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name.replace("-", "_"), None)
    with pytest.raises(MissingExtraError, match=rf"pip install 'embedsearch-engine\[{name}\]'"):
        load_encoder(f"{name}:folder")


def test_names_are_listed_without_loading_anything() -> None:
    assert {"model2vec", "sentence-transformers"} <= set(encoder_names())


# Before 0.10 it leaves files open.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception ignored in.*json:pytest.PytestUnraisableExceptionWarning"
)


@pytest.fixture
def static_model(tmp_path: Path, tokenizer: Any, token_vectors: FloatMatrix) -> Path:
    from model2vec import StaticModel

    folder = tmp_path / "tiny"
    StaticModel(token_vectors, tokenizer).save_pretrained(folder)
    return folder


def test_a_text_is_the_mean_of_its_tokens(static_model: Path, token_vectors: FloatMatrix) -> None:
    encoder = load_encoder(f"model2vec:{static_model}")
    mean = token_vectors[[2, 3, 3]].mean(axis=0)
    for encode in (encoder.encode_documents, encoder.encode_queries):
        made = encode(["cat dog dog", ""])
        np.testing.assert_allclose(made[0], mean / np.linalg.norm(mean), rtol=1e-5)
        assert not made[1].any()


@pytest.mark.parametrize("name", ["nowhere", "no/where"])
def test_a_model_that_is_not_there_is_named(name: str) -> None:
    with pytest.raises(ParameterError, match=rf"model2vec model .*got '{name}'"):
        load_encoder(f"model2vec:{name}")


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ParameterError, match="model2vec model"):
        load_encoder(f"model2vec:{tmp_path}")


@pytest.fixture
def model(tmp_path: Path, tokenizer: Any, token_vectors: FloatMatrix) -> Path:
    """A model of five words that puts "find" before every query."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    tokens = StaticEmbedding(tokenizer, embedding_weights=token_vectors)
    folder = tmp_path / "tiny"
    made = SentenceTransformer(modules=[tokens], device="cpu", prompts={"query": "find "})
    made.save(str(folder), create_model_card=False)
    return folder


def _unit_mean(vectors: FloatMatrix) -> FloatMatrix:
    mean = vectors.mean(axis=0)
    unit: FloatMatrix = mean / np.linalg.norm(mean)
    return unit


@pytest.mark.extras
def test_documents_are_encoded_as_they_are(model: Path, token_vectors: FloatMatrix) -> None:
    made = load_encoder(f"sentence-transformers:{model}").encode_documents(["cat dog dog", "sea"])
    np.testing.assert_allclose(made[0], _unit_mean(token_vectors[[2, 3, 3]]), rtol=1e-5)
    np.testing.assert_allclose(made[1], _unit_mean(token_vectors[[4]]), rtol=1e-5)


@pytest.mark.extras
def test_queries_get_the_prompt_of_the_model(model: Path, token_vectors: FloatMatrix) -> None:
    made = load_encoder(f"sentence-transformers:{model}").encode_queries(["cat dog"])
    np.testing.assert_allclose(made[0], _unit_mean(token_vectors[[1, 2, 3]]), rtol=1e-5)


@pytest.mark.extras
def test_many_texts_stay_in_order(model: Path, token_vectors: FloatMatrix) -> None:
    texts = ["cat " * n + "sea" for n in range(100)]
    made = load_encoder(f"sentence-transformers:{model}").encode_documents(texts)
    expected = [_unit_mean(token_vectors[[2] * n + [4]]) for n in range(100)]
    np.testing.assert_allclose(made, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.extras
def test_an_empty_text_is_a_row_of_zeros(model: Path) -> None:
    made = load_encoder(f"sentence-transformers:{model}").encode_documents(["", "sea"])
    assert made.any(axis=1).tolist() == [False, True]


@pytest.mark.extras
def test_a_transformer_that_is_not_there_is_named() -> None:
    with pytest.raises(ParameterError, match=r"model must be a folder or .*got 'no/where'"):
        load_encoder("sentence-transformers:no/where")


@pytest.mark.extras
def test_code_in_a_model_is_not_run(model: Path) -> None:
    (model / "evil.py").write_text("raise SystemExit('run')\n")
    modules = [{"idx": 0, "name": "0", "path": "", "type": "evil.Module"}]
    (model / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(ParameterError, match="model must be"):
        load_encoder(f"sentence-transformers:{model}")


@pytest.mark.extras
def test_an_old_version_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    from sentence_transformers import SentenceTransformer

    monkeypatch.delattr(SentenceTransformer, "encode_query")
    with pytest.raises(MissingExtraError, match=r"5\.0 or newer.*sentence-transformers\]"):
        load_encoder("sentence-transformers:tiny")

"""Models of model2vec and sentence-transformers, against means computed here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embedsearch._errors import MissingExtraError, ParameterError
from embedsearch._types import FloatMatrix
from embedsearch.vectors.encoders import load_encoder

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

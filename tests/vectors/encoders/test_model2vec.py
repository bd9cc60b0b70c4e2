"""Models of model2vec, against means made by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embedsearch._errors import ParameterError
from embedsearch._types import FloatMatrix
from embedsearch.vectors.encoders.plugins import load_encoder

# Before 0.10 it leaves files open.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception ignored in.*json:pytest.PytestUnraisableExceptionWarning"
)


@pytest.fixture
def model(tmp_path: Path, tokenizer: Any, token_vectors: FloatMatrix) -> Path:
    from model2vec import StaticModel

    folder = tmp_path / "tiny"
    StaticModel(token_vectors, tokenizer).save_pretrained(folder)
    return folder


def test_a_text_is_the_mean_of_its_tokens(model: Path, token_vectors: FloatMatrix) -> None:
    encoder = load_encoder(f"model2vec:{model}")
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

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

from embedsearch._types import FloatMatrix

# Read once, when the client of the hub is imported by whichever test comes first.
os.environ["HF_HUB_OFFLINE"] = "1"
UNKNOWN = "[UNK]"
WORDS = (UNKNOWN, "find", "cat", "dog", "sea")


@pytest.fixture
def token_vectors() -> FloatMatrix:
    """A vector for each of [UNK], find, cat, dog and sea."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(len(WORDS), 8)).astype(np.float32)


@pytest.fixture
def tokenizer() -> Any:
    """Cuts at spaces; knows five words."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    rows = {word: row for row, word in enumerate(WORDS)}
    made = Tokenizer(models.WordLevel(rows, unk_token=UNKNOWN))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    return made

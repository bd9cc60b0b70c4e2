from __future__ import annotations

import numpy as np
import pytest

TOPICS = (
    ["sea", "ship", "wave", "sail", "harbour", "captain", "storm", "tide", "anchor", "fish"],
    ["oven", "bread", "butter", "flour", "cake", "sugar", "kitchen", "recipe", "spoon", "dough"],
)


@pytest.fixture(scope="session")
def texts() -> list[str]:
    """120 texts of a dozen words, about the sea and about the kitchen in turn."""
    rng = np.random.default_rng(7)
    shared = ["the", "and", "with", "of"]
    return [
        " ".join([*rng.choice(TOPICS[place % 2], 8), *rng.choice(shared, 4)])
        for place in range(120)
    ]


@pytest.fixture(scope="session")
def labels() -> list[str]:
    """What each text is about."""
    return ["sea", "kitchen"] * 60

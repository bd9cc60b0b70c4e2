"""Estimators of the latent space are saved and restored without pickle."""

import json
from typing import Any

import numpy as np
import pytest

from embedsearch._errors import ParameterError
from embedsearch.space.base import SpaceEstimator


class Mean(SpaceEstimator):
    """The mean of the rows, times a factor."""

    def __init__(self, factor: float = 1.0, random_state: Any = None) -> None:
        self.factor, self.random_state = factor, random_state

    def fit(self, X: Any, y: Any = None) -> "Mean":
        self.mean_, self.count_ = np.mean(X, axis=0) * self.factor, np.int64(len(X))
        self._scratch_ = "not saved"
        return self


def test_what_was_learned_comes_back_from_json_and_arrays() -> None:
    made = Mean(factor=2.0, random_state=np.random.RandomState(0)).fit([[1.0, 2.0], [3.0, 4.0]])
    facts, tensors = made.state()
    again = Mean.restore(json.loads(json.dumps(facts)), tensors)
    assert again.get_params() == {"factor": 2.0, "random_state": None}
    assert again.mean_.tolist() == [4.0, 6.0]
    assert again.count_ == 2
    assert not hasattr(again, "_scratch_")


def test_parameters_of_a_later_version_are_an_error() -> None:
    with pytest.raises(ParameterError, match="power"):
        Mean.restore({"parameters": {"power": 2}, "learned": {}}, {})

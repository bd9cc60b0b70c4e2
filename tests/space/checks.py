"""scikit-learn's own checks of estimators."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator

# It is about arrays of other packages and skips itself.
_LEFT_OUT = {"check_array_api_input"}


def estimator_checks(*estimators: Any) -> Iterator[Any]:
    """Yield parameters `estimator, check` for a test of each check."""
    for one in estimators:
        for estimator, check in estimator_checks_generator(one):
            name = getattr(check, "func", check).__name__
            if name not in _LEFT_OUT:
                yield pytest.param(estimator, check, id=f"{type(estimator).__name__}-{name}")

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from embedsearch.space.outliers import (
    ForestOutliers,
    LocalOutliers,
    NeighborOutliers,
    ReconstructionOutliers,
)
from tests.space.checks import estimator_checks

ALL = (
    NeighborOutliers(),
    NeighborOutliers(metric="euclidean"),
    LocalOutliers(),
    ForestOutliers(10),
    ReconstructionOutliers(),
)


@pytest.mark.parametrize(("estimator", "check"), list(estimator_checks(*ALL)))
def test_scikit_learn_accepts_it(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)

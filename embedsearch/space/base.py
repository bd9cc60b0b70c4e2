"""What the estimators of the latent space share: how they are saved, and who hears of progress."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import validate_data

from embedsearch._errors import EmbedSearchError, ParameterError, VectorError
from embedsearch._progress import SilentProgress

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray
    from typing_extensions import Self

    from embedsearch._progress import Progress
    from embedsearch._types import FloatMatrix


class SpaceEstimator(BaseEstimator):  # type: ignore[misc]
    """An estimator in scikit-learn's shape that can be saved without pickle.

    What it has learned are public attributes that end in `_`: arrays of numbers, or plain values
    of JSON. Nothing else may be needed to go on after `restore`.
    """

    _progress: Progress = SilentProgress()

    def reported_to(self, progress: Progress) -> Self:
        """Let `progress` hear of long steps of `fit`; it is neither a parameter nor saved."""
        self._progress = progress
        return self

    def _points(self, X: ArrayLike, *, reset: bool = False, **options: Any) -> FloatMatrix:
        """Return checked points (n, d) float32; `reset` in `fit`, `options` of scikit-learn.

        Raises:
            VectorError: The array has a wrong shape, too few rows, or holds NaN or infinity.
        """
        try:
            points: FloatMatrix = validate_data(self, X, dtype=np.float32, reset=reset, **options)
        except EmbedSearchError:
            raise
        except ValueError as error:
            raise VectorError(str(error)) from error
        return points

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return its parameters and what it has learned: plain values, and arrays by name."""
        facts: dict[str, Any] = {}
        tensors: dict[str, NDArray[Any]] = {}
        for name, value in vars(self).items():
            if name.startswith("_") or not name.endswith("_"):
                continue
            if isinstance(value, np.ndarray):
                tensors[name] = value
            else:
                facts[name] = value.item() if isinstance(value, np.generic) else value
        parameters = self.get_params(deep=False)
        # A generator cannot be written down; what it drew is in the attributes.
        if not isinstance(parameters.get("random_state"), int | None):
            parameters["random_state"] = None
        return {"parameters": parameters, "learned": facts}, tensors

    @classmethod
    def restore(cls, facts: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> Self:
        """Make it again from what `state` returned.

        Raises:
            ParameterError: The facts have parameters that it does not know.
        """
        names = cls._get_param_names()
        unknown = sorted(set(facts["parameters"]) - set(names))
        if unknown:
            raise ParameterError("parameters", f"some of {', '.join(names)}", unknown)
        made = cls(**facts["parameters"])
        for name, value in (*facts["learned"].items(), *tensors.items()):
            setattr(made, name, value)
        return made


class SpaceTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, SpaceEstimator):  # type: ignore[misc]
    """A `SpaceEstimator` that turns points into others; its output is float32."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

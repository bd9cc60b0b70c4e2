"""How the loops of this stage are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba

# Otherwise numba counts references to every array at every call: four times slower.
_OPTIONS: dict[str, Any] = {"_nrt": False}
F = TypeVar("F", bound=Callable[..., Any])


def jit(function: F) -> F:
    """Compile a function that makes no objects, for any thread."""
    compiled: F = numba.njit(nogil=True, cache=True, error_model="numpy", **_OPTIONS)(function)
    return compiled

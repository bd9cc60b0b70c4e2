"""numba's `njit` as every kernel here uses it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numba

from embedsearch.kernels._cache import KernelCache

if TYPE_CHECKING:
    from collections.abc import Callable


def jit(*, fastmath: bool = False, allocates: bool = False) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function when it is first called, keep it on disk, run it without the GIL.

    Division by zero gives infinity, since a check for it stops LLVM from vectorising a loop.

    Args:
        fastmath: Let LLVM reorder sums, and assume that there is no NaN.
        allocates: Whether the function makes arrays. Where it does not, numba need not count
            references to those that are passed, which takes longer than many a small function.
    """

    def wrap(function: Callable[..., Any]) -> Any:
        njit: Any = numba.njit
        options = {"nogil": True, "fastmath": fastmath, "error_model": "numpy", "_nrt": allocates}
        compiled = njit(**options)(function)
        name = f"{function.__module__}.{function.__qualname__}"
        compiled._cache = KernelCache(name)  # noqa: SLF001 - numba has no public place for one
        return compiled

    return wrap


# For a function of a few operations: its body is copied into its callers.
inline: Any = numba.njit(inline="always")

"""FAISS, imported when first needed; untyped, for its own types leave its Python wrappers out."""

from __future__ import annotations

import os
from functools import cache
from importlib import import_module
from typing import Any

# Queries times dimensions. FAISS 1.15 has 128,000 and so leaves most batches to slower loops;
# from 20, the default of versions that counted queries alone, single queries would be slower.
_MATRIX_PRODUCTS_FROM = 4_096
_WAITING = "OMP_WAIT_POLICY"


@cache
def load_faiss() -> Any:
    """Import FAISS, and let all but small batches be compared by matrix products."""
    faiss = _import_waiting_idly()
    threshold = faiss.cvar.distance_compute_blas_threshold
    faiss.cvar.distance_compute_blas_threshold = min(threshold, _MATRIX_PRODUCTS_FROM)
    return faiss


def scans_residuals_soundly() -> bool:
    """Say whether codes of 4 bits of residuals may be searched with parameters of a call.

    Before FAISS 1.13 that wrote beyond its tables.
    """
    version = load_faiss().__version__.split(".")
    return (int(version[0]), int(version[1])) >= (1, 13)


def reason(error: BaseException) -> str:
    """Give what FAISS found wrong, without the C++ around it."""
    # FAISS begins with a C++ signature and a source line; the reason comes last.
    return str(error).strip().rpartition("\n")[2].rpartition(": ")[2] or type(error).__name__


def _import_waiting_idly() -> Any:
    """Import FAISS so that its threads sleep, not spin, while they wait for one another.

    Spinning takes the cores from the very threads that are waited for, once others use them
    too: a batch took 20 times as long. OpenMP reads this setting when it is loaded, only then.
    """
    if _WAITING in os.environ:
        return import_module("faiss")
    os.environ[_WAITING] = "passive"
    try:
        return import_module("faiss")
    finally:
        del os.environ[_WAITING]

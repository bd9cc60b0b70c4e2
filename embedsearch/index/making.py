"""Empty FAISS indexes from factory strings, and their training."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from embedsearch._errors import ParameterError
from embedsearch.index._faiss import load_faiss, reason, scans_residuals_soundly
from embedsearch.index.candidates import assembled, trained
from embedsearch.index.selecting import innermost, scans_residuals
from embedsearch.index.threads import omp_threads

if TYPE_CHECKING:
    from embedsearch._types import Metric
    from embedsearch.index.heldout import Vectors

# Multiplications of one round of k-means.
_LITTLE = 2e9


def made(spec: str, d: int, metric: Metric, seed: int) -> Any:
    """Make an empty index.

    Raises:
        ParameterError: FAISS refuses the factory string for this dimension and metric.
    """
    try:
        index = assembled(spec, d, metric, seed)
    except (RuntimeError, AttributeError) as error:
        raise _refused(spec, d, metric, error) from error
    inner = innermost(index)
    _settle_codes(inner)
    if isinstance(inner, load_faiss().IndexHNSW):
        _settle_codes(load_faiss().downcast_index(inner.storage))
    if scans_residuals(inner) and not scans_residuals_soundly():
        inner.by_residual = False
    _quieten_rotations(index)
    return index


def train(index: Any, vectors: Vectors, spec: str, seed: int) -> None:
    """Train an index on as many of the vectors as it needs.

    Raises:
        ParameterError: FAISS cannot train it on these vectors.
    """
    try:
        with omp_threads(1) if _little(index, vectors) else nullcontext():
            trained(index, vectors, seed)
    except RuntimeError as error:
        n, d = vectors.shape
        allowed = f"one that {n:,} vectors of {d} dimensions can train ({reason(error)})"
        raise ParameterError("spec", allowed, spec) from error


def _little(index: Any, vectors: Vectors) -> bool:
    """Say whether training is so little work that threads would mostly wait for one another."""
    codes = int(getattr(innermost(index), "nlist", 256))
    sample = min(vectors.shape[0], max(64 * codes, 1 << 14))
    return sample * vectors.shape[1] * codes < _LITTLE


def _settle_codes(index: Any) -> None:
    if hasattr(getattr(index, "pq", None), "cp"):
        _without_warnings(index.pq)
    if hasattr(index, "do_polysemous_training"):
        # It orders codes for a filter that is never used, and takes minutes.
        index.do_polysemous_training = False


def _without_warnings(codes: Any) -> None:
    # FAISS would print one where there are fewer than 39 vectors for each code.
    codes.cp.min_points_per_centroid = 1


def _quieten_rotations(index: Any) -> None:
    faiss = load_faiss()
    if not isinstance(index, faiss.IndexPreTransform):
        return
    for number in range(index.chain.size()):
        step = faiss.downcast_VectorTransform(index.chain.at(number))
        if isinstance(step, faiss.OPQMatrix):
            step.pq = faiss.ProductQuantizer(step.d_out, step.M, 8)
            _without_warnings(step.pq)
            step.pq.this.disown()


def _refused(spec: str, d: int, metric: Metric, error: BaseException) -> ParameterError:
    faiss = load_faiss()
    allowed = f"a factory string that FAISS {faiss.__version__} takes for {d} dimensions and "
    return ParameterError("spec", f"{allowed}{metric.value} ({reason(error)})", spec)

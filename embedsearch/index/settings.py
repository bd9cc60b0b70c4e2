"""What kind of index a user asks for: from settings and names of kinds to an empty FAISS index."""

from __future__ import annotations

import re
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, fields, replace
from math import log2, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._checks import Choice, Interval, as_bytes, check
from embedsearch._errors import ParameterError
from embedsearch._types import Metric
from embedsearch.index.faiss_tools import (
    innermost,
    load_faiss,
    reason,
    scans_residuals,
    scans_residuals_soundly,
)
from embedsearch.index.threads import omp_threads

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from embedsearch.index.sources import Vectors


RECALL = Interval(0, 1, open_least=True)
FOR = Choice(("single", "batch"))
KINDS = ("flat", "hnsw", "ivf", "int8", "fp16", "pq", "ivfpq", "rabitq")

# So many numbers are compared in about 20 ms, a million vectors of 100 dimensions: unasked,
# nothing is worth an answer missed, nor the minutes of finding a better index.
_EXACT = 100_000_000
# And so many in 2 ms, at which no index is worth having.
_SMALL = 10_000_000
_RECALL = 0.99
NO_LIMIT = "none"
# Tried if the dimension is not known, besides multiples of the numbers in a string.
_DIMENSIONS = (64, 100, 300)
_MULTIPLE, _LARGEST = 8, 4096
# So many vectors can train any index.
_MANY = 1_000_000
# What FAISS asks for to train well, and what it takes at least for a codebook.
_PER_LIST, _PER_CODE = 39, 4
# With fewer lists, leaving some out wins nothing.
_FEW_LISTS = 8
# Among so many centroids, a graph finds the nearest for less than comparing with all.
_MANY_LISTS = 4000
_FLOATS_PER_BYTE = 4
_FAST_MULTIPLE = 16
_LISTS = re.compile(r"IVF(\d+)")
_CODES = re.compile(r"PQ(\d+)(?:x(\d+))?")
_ROTATION = re.compile(r"(O?PQ(?=\d+(?:_\d+)?,)|ITQ)(\d+)(?:_(\d+))?,")

# As in hnswlib; FAISS has 40. Half of it builds in half the time, and graphs of word vectors
# then answer 15 % to 20 % fewer queries a second at a recall of 0.95 (M = 16).
_EF_CONSTRUCTION = 200
# How many times as many centroids are compared exactly as lists are looked into.
_COARSE_FACTOR = 4
# By default FAISS takes up to 256 for each list: four times the memory and time of training.
_TRAINED_ON_PER_LIST, _ROUNDS = 64, 10
# Multiplications of one round of k-means.
_LITTLE = 2e9


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSettings:
    """What kind of index is asked for; see `VectorIndex.build`."""

    spec: str = "auto"  # "auto" is exact for up to 100 million numbers, and measures beyond
    # What "auto" promises; if it is given, "auto" measures from 10 million numbers on. None for
    # 0.99 beyond what is exact.
    recall: float | None = None
    memory: int | str | None = None  # the most that "auto" may use; None for no limit
    for_: str = "single"  # what "auto" makes fast: queries one at a time, or in a "batch"

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> IndexSettings:
        """Read the entry of an index in a manifest; one without settings asks for the default."""
        return cls(**facts.get("settings", {}))

    def check(self, dimension: int | None = None) -> None:
        """Raise `ParameterError` for what is known to be wrong without vectors."""
        if not isinstance(self.spec, str) or not self.spec.strip():
            raise ParameterError("spec", "auto, a kind, or a string of FAISS", self.spec)
        if self.recall is not None:
            check("recall", self.recall, RECALL)
        if self.memory is not None:
            as_bytes("memory", self.memory)
        check("for_", self.for_, FOR)
        if self.spec != "auto":
            _check_spec(self.spec, _dimensions(self.spec) if dimension is None else [dimension])

    def options(self, size: int) -> dict[str, Any]:
        """Return what `VectorIndex.build` is asked for, if the vectors have so many numbers."""
        least = _EXACT if self.recall is None else _SMALL
        exact = self.spec == "auto" and self.memory is None and size <= least
        recall = _RECALL if self.recall is None else self.recall
        return {**asdict(self), "spec": "flat" if exact else self.spec, "recall": recall}


def changed_index(
    settings: IndexSettings,
    spec: str | None = None,
    recall: float | None = None,
    memory: int | str | None = None,
    for_: str | None = None,
) -> IndexSettings:
    """Return settings with those replaced that are given; None leaves one as it is.

    "none" takes a memory limit away.
    """
    given: dict[str, Any] = {"spec": spec, "recall": recall, "memory": memory, "for_": for_}
    new = replace(settings, **{name: value for name, value in given.items() if value is not None})
    if new.memory == NO_LIMIT:
        new = replace(new, memory=None)
    new.check()
    return new


def index_options(
    options: Mapping[str, Any], before: IndexSettings
) -> tuple[IndexSettings, dict[str, Any]]:
    """Complete the settings of the index by options; return them and the other options."""
    rest = dict(options)
    given = {each.name: rest.pop(each.name, None) for each in fields(IndexSettings)}
    return changed_index(before, **given), rest


def _check_spec(spec: str, dimensions: Iterable[int]) -> None:
    if spec.lower() in KINDS:
        return
    refusals = [_refusal(spec, dimension) for dimension in dimensions]
    if None not in refusals and refusals[-1] is not None:
        raise refusals[-1]


def _dimensions(spec: str) -> list[int]:
    named = (_MULTIPLE * int(number) for number in re.findall(r"\d{1,4}", spec))
    return [*_DIMENSIONS, *(number for number in named if 0 < number <= _LARGEST)]


def _refusal(spec: str, dimension: int) -> ParameterError | None:
    try:
        make_index(plan_for(spec, _MANY, dimension).spec, dimension, Metric.COSINE, 0)
    except ParameterError as error:
        return error
    return None


@dataclass(frozen=True, slots=True)
class Plan:
    """What to build."""

    spec: str  # FAISS's factory string, or "flat"
    parameters: dict[str, float] = field(default_factory=dict)  # for searches, to begin with
    notes: tuple[str, ...] = ()  # what was made smaller for want of data


def plan_for(spec: str, n: int, d: int) -> Plan:
    """Return what to build for a name or a factory string.

    In a factory string, lists and codes that n vectors are too few to train are made fewer.
    """
    if not isinstance(spec, str) or not spec.strip():
        raise ParameterError("spec", f"auto, {', '.join(KINDS)} or a factory string", spec)
    if "IDMap" in spec:
        raise ParameterError("spec", "without IDMap; every index has ids", spec)
    if spec.lower() in KINDS:
        return _named(spec.lower(), n, d)
    return _fitted(spec, n)


def lists_for(n: int) -> int:
    """Return into how many lists n vectors are put: `4 √n`, each of 39 vectors or more."""
    return max(1, min(round(4 * sqrt(n)), n // _PER_LIST))


def _named(kind: str, n: int, d: int) -> Plan:
    if kind == "flat":
        return Plan("flat")
    if kind == "hnsw":
        return Plan("HNSW32,Flat", {"efSearch": 64})
    if kind in ("int8", "fp16"):
        # A single vector has no range to divide into steps.
        codes = "SQ8" if kind == "int8" else "SQfp16"
        return Plan(padding(d)[0] + codes) if n > 1 else _too_few(kind, n)
    lists = lists_for(n)
    coarse = f"IVF{lists}_HNSW32" if lists >= _MANY_LISTS else f"IVF{lists}"
    probes: dict[str, float] = {"nprobe": _first_nprobe(lists)}
    if kind == "ivf":
        return Plan(f"{coarse},Flat", probes) if n >= _PER_LIST else _too_few(kind, n)
    if kind == "rabitq":
        spec = "RaBitQ" if lists < _FEW_LISTS else f"{coarse},RaBitQ"
        return Plan(spec, {} if lists < _FEW_LISTS else probes) if n > 1 else _too_few(kind, n)
    if n < _PER_CODE * 16:
        return _too_few(kind, n)
    rotation, codes = _codes(d)
    full = f"{rotation}{codes}" if kind == "pq" else f"{rotation}{coarse},{codes}"
    return _fitted(full, n)


def padding(d: int) -> tuple[str, int]:
    """Return what adds zeros up to a multiple of 16 dimensions, and how many these are.

    FAISS needs that to compare compressed vectors fast: 100 dimensions take it 9 to 20 times as
    long as 112.
    """
    wide = -(-d // _FAST_MULTIPLE) * _FAST_MULTIPLE
    return "" if wide == d else f"Pad{wide},", wide


def _codes(d: int) -> tuple[str, str]:
    """Cut d dimensions into parts of about four, a byte each; pad them if that cannot be.

    "np": without the order of codes for which FAISS would spend most of the training, unused.
    """
    wanted = max(1, d // _FLOATS_PER_BYTE)
    parts = [m for m in range(1, d + 1) if d % m == 0 and 3 <= d / m <= 5]
    if parts:
        return "", f"PQ{min(parts, key=lambda m: abs(m - wanted))}np"
    if d <= 5:
        return "", "PQ1np"
    return f"OPQ{wanted}_{wanted * _FLOATS_PER_BYTE},", f"PQ{wanted}np"


def _fitted(spec: str, n: int) -> Plan:
    """Make lists and codes of a factory string fewer if FAISS could not train them."""
    notes: list[str] = []

    def fewer_lists(match: re.Match[str]) -> str:
        lists = int(match[1])
        # Some of the vectors may be held out of the training.
        if 1.25 * lists <= n:
            return match[0]
        fewer = max(1, n // _PER_LIST)
        notes.append(f"{n:,} vectors are too few for {lists:,} lists: {fewer:,} were made")
        return f"IVF{fewer}"

    def fewer_codes(match: re.Match[str]) -> str:
        bits = int(match[2] or 8)
        most = max(1, int(log2(max(2, n / _PER_CODE))))
        if 2**bits * _PER_CODE <= n or (bits == 4 and n >= 16):
            return match[0]
        notes.append(f"{n:,} vectors are too few for codes of {bits} bits: {most} were used")
        return f"PQ{match[1]}x{most}"

    rotation = _ROTATION.match(spec)
    if rotation and n < 1024:
        given = f"RR{rotation[3]}," if rotation[3] else ""
        notes.append(f"{n:,} vectors are too few to learn a rotation: none was learned")
        spec = given + spec[rotation.end() :]
    spec = _LISTS.sub(fewer_lists, spec)
    spec = re.sub(r"(?<!O)" + _CODES.pattern, fewer_codes, spec)
    if not n or (notes and n < _PER_CODE * 16):
        return _too_few(spec, n)
    return Plan(spec, _first_parameters(spec), tuple(notes))


def _first_parameters(spec: str) -> dict[str, float]:
    """Return search parameters that a factory string can be searched with, untuned."""
    parameters: dict[str, float] = {}
    lists = _LISTS.search(spec)
    if lists:
        parameters["nprobe"] = _first_nprobe(int(lists[1]))
    if "HNSW" in spec and not lists:
        parameters["efSearch"] = 64
    if "RFlat" in spec or "Refine(" in spec:
        parameters["k_factor"] = 8
    return parameters


def _first_nprobe(lists: int) -> int:
    return min(lists, max(8, lists // 16))


def _too_few(kind: str, n: int) -> Plan:
    return Plan("flat", notes=(f"{n:,} vectors are too few to train {kind}: search is exact",))


def make_index(spec: str, d: int, metric: Metric, seed: int) -> Any:
    """Return an empty FAISS index, with the settings that a factory string has no word for."""
    faiss = load_faiss()
    euclidean = metric is Metric.EUCLIDEAN
    kind = faiss.METRIC_L2 if euclidean else faiss.METRIC_INNER_PRODUCT
    try:
        index = faiss.index_factory(d, spec, kind)
        inner = innermost(index)
        if isinstance(inner, faiss.IndexHNSW):
            inner.hnsw.efConstruction = _EF_CONSTRUCTION
        lists = faiss.try_extract_index_ivf(index)
        if lists is not None:
            _settle_lists(faiss.downcast_index(lists), seed)
    except (RuntimeError, AttributeError) as error:
        allowed = f"a factory string that FAISS {faiss.__version__} takes for {d} dimensions and "
        raise ParameterError("spec", f"{allowed}{metric.value} ({reason(error)})", spec) from error
    _settle_codes(inner)
    if isinstance(inner, faiss.IndexHNSW):
        _settle_codes(faiss.downcast_index(inner.storage))
    if scans_residuals(inner) and not scans_residuals_soundly():
        inner.by_residual = False
    _quieten_rotations(index)
    return index


def train_index(index: Any, vectors: Vectors, spec: str, seed: int) -> None:
    """Train an index on as many of the vectors as it needs, drawn at random."""
    if index.is_trained:
        return
    lists = load_faiss().try_extract_index_ivf(index)
    many = _TRAINED_ON_PER_LIST * (lists.nlist if lists is not None else 256)
    n, d = vectors.shape
    rows = np.random.default_rng(seed).choice(n, min(n, max(many, 1 << 14)), replace=False)
    try:
        with omp_threads(1) if _is_little(index, vectors) else nullcontext():
            index.train(vectors.take(np.sort(rows)))
    except RuntimeError as error:
        allowed = f"one that {n:,} vectors of {d} dimensions can train ({reason(error)})"
        raise ParameterError("spec", allowed, spec) from error


def _is_little(index: Any, vectors: Vectors) -> bool:
    """Whether training is so little work that threads would mostly wait for one another."""
    codes = int(getattr(innermost(index), "nlist", 256))
    sample = min(vectors.shape[0], max(64 * codes, 1 << 14))
    return sample * vectors.shape[1] * codes < _LITTLE


def _settle_lists(lists: Any, seed: int) -> None:
    faiss = load_faiss()
    lists.cp.seed, lists.cp.niter = seed + 1, _ROUNDS
    _without_warnings(lists)
    lists.cp.max_points_per_centroid = _TRAINED_ON_PER_LIST
    coarse = faiss.downcast_index(lists.quantizer)
    if isinstance(coarse, faiss.IndexRefine):
        coarse.k_factor = _COARSE_FACTOR


def _settle_codes(index: Any) -> None:
    if hasattr(getattr(index, "pq", None), "cp"):
        _without_warnings(index.pq)
    if hasattr(index, "do_polysemous_training"):
        # It orders codes for a filter that is never used, and takes minutes.
        index.do_polysemous_training = False


def _without_warnings(trained: Any) -> None:
    # FAISS would print one if there are fewer than 39 vectors for each centroid.
    trained.cp.min_points_per_centroid = 1


def _quieten_rotations(index: Any) -> None:
    faiss = load_faiss()
    if not isinstance(index, faiss.IndexPreTransform):
        return
    for number in range(index.chain.size()):
        step = faiss.downcast_VectorTransform(index.chain.at(number))
        if isinstance(step, faiss.OPQMatrix):
            # It trains a product quantizer of its own, which would print the same.
            step.pq = faiss.ProductQuantizer(step.d_out, step.M, 8)
            _without_warnings(step.pq)
            step.pq.this.disown()

"""From the name of a kind of index to FAISS's factory string for n vectors of d dimensions."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from math import log2, sqrt

from embedsearch._errors import ParameterError

KINDS = ("flat", "hnsw", "ivf", "int8", "fp16", "pq", "ivfpq", "rabitq")
# What FAISS asks for to train well, and what it takes at least for a codebook.
_PER_LIST, _PER_CODE = 39, 4
_FEW_LISTS, _MANY_LISTS = 8, 4000
_FLOATS_PER_BYTE = 4
_FAST_MULTIPLE = 16
_LISTS = re.compile(r"IVF(\d+)")
_CODES = re.compile(r"PQ(\d+)(?:x(\d+))?")
_ROTATION = re.compile(r"(O?PQ(?=\d+(?:_\d+)?,)|ITQ)(\d+)(?:_(\d+))?,")


@dataclass(frozen=True, slots=True)
class Plan:
    """What to build.

    Attributes:
        spec: FAISS's factory string, or "flat".
        parameters: For searches, to begin with.
        notes: What was made smaller for want of data.
    """

    spec: str
    parameters: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def planned(spec: str, n: int, d: int) -> Plan:
    """Find what to build for a name or a factory string.

    Args:
        spec: One of `KINDS`, or a factory string, in which lists and codes that n vectors are
            too few to train are made fewer.
        n: How many vectors there are.
        d: Their dimension.

    Raises:
        ParameterError: Not a string, or one with IDMap, as ids are kept otherwise.
    """
    if not isinstance(spec, str) or not spec.strip():
        raise ParameterError("spec", f"auto, {', '.join(KINDS)} or a factory string", spec)
    if "IDMap" in spec:
        raise ParameterError("spec", "without IDMap; every index keeps ids", spec)
    if spec.lower() in ("flat", *KINDS):
        return _named(spec.lower(), n, d)
    return _fitted(spec, n)


def lists_for(n: int) -> int:
    """Say into how many lists n vectors are put: `4 √n`, each of 39 vectors or more."""
    return max(1, min(round(4 * sqrt(n)), n // _PER_LIST))


def _named(kind: str, n: int, d: int) -> Plan:
    if kind == "flat":
        return Plan("flat")
    if kind == "hnsw":
        return Plan("HNSW32,Flat", {"efSearch": 64})
    if kind in ("int8", "fp16"):
        # A single vector has no range to divide into steps.
        codes = "SQ8" if kind == "int8" else "SQfp16"
        return Plan(_padded(codes, d)) if n > 1 else _too_few(kind, n)
    lists = lists_for(n)
    coarse = f"IVF{lists}_HNSW32" if lists >= _MANY_LISTS else f"IVF{lists}"
    probes: dict[str, float] = {"nprobe": min(lists, max(8, lists // 16))}
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


def _padded(codes: str, d: int) -> str:
    """Add dimensions of zeros up to a multiple of 16, which FAISS needs to compare fast.

    With 100 dimensions it takes 9 to 20 times as long as with 112.
    """
    wide = -(-d // _FAST_MULTIPLE) * _FAST_MULTIPLE
    return codes if wide == d else f"Pad{wide},{codes}"


def _codes(d: int) -> tuple[str, str]:
    """Cut d dimensions into parts of about four, a byte each; pad them where that cannot be.

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
    """Make lists and codes of a factory string fewer where FAISS could not train them."""
    notes: list[str] = []

    def fewer_lists(match: re.Match[str]) -> str:
        lists = int(match[1])
        # Some of the vectors may be held back from the training.
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
    return Plan(spec, _beginnings(spec), tuple(notes))


def _beginnings(spec: str) -> dict[str, float]:
    """Give search parameters that a factory string can be searched with, untuned."""
    parameters: dict[str, float] = {}
    lists = _LISTS.search(spec)
    if lists:
        parameters["nprobe"] = min(int(lists[1]), max(8, int(lists[1]) // 16))
    if "HNSW" in spec and not lists:
        parameters["efSearch"] = 64
    if "RFlat" in spec or "Refine(" in spec:
        parameters["k_factor"] = 8
    return parameters


def _too_few(kind: str, n: int) -> Plan:
    return Plan("flat", notes=(f"{n:,} vectors are too few to train {kind}: search is exact",))

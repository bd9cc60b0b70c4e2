"""Vectors of floats as LLVM IR, so that no compiler has to guess the layout: the building blocks.

LLVM lowers a vector to whatever the processor has (AVX-512, AVX2, SSE, NEON). All matrices are
float32, C-contiguous, with rows padded to a multiple of `matrices.PAD` floats.
"""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Any

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils

if TYPE_CHECKING:
    from collections.abc import Callable

I32, I64 = ir.IntType(32), ir.IntType(64)
_FAST = ("fast",)


def _shape() -> tuple[int, int]:
    """Return the floats of a vector, and the output rows that registers can hold at once.

    A pass over the columns keeps two vectors for each output row, and some three more.
    """
    if platform.machine().lower() in {"aarch64", "arm64"}:
        return 8, 6  # 32 registers of 4 floats, taken in pairs
    try:
        features = binding.get_host_cpu_features()
    except RuntimeError:  # llvmlite cannot name the features of every processor
        features = {}
    if features.get("avx512f"):
        return 16, 14  # 32 registers of 16 floats
    return (8, 6) if features.get("avx") else (4, 6)  # 16 registers


LANES, GROUP = _shape()
VECTOR = ir.VectorType(ir.FloatType(), LANES)
_NONE = ir.Constant(VECTOR, ir.Undefined)


class Matrix:
    """Address arithmetic on a numba array inside an intrinsic.

    Attributes:
        width: The length of its last axis, an i64.
    """

    def __init__(self, context: Any, builder: Any, array_type: Any, value: Any) -> None:
        array = context.make_array(array_type)(context, builder, value)
        self._builder, self._data = builder, array.data
        self.width = builder.extract_value(array.shape, array_type.ndim - 1)

    def row(self, index: Any) -> Any:
        """Return the address of a row."""
        return self.item(self._builder.mul(index, self.width))

    def item(self, index: Any) -> Any:
        """Return the address of an element of the flattened array."""
        return self._builder.gep(self._data, [index])


def operands(context: Any, builder: Any, signature: Any, args: Any) -> list[Any]:
    """Return the arguments of an intrinsic, arrays as `Matrix`."""
    return [
        Matrix(context, builder, kind, value) if isinstance(kind, types.Array) else value
        for kind, value in zip(signature.args, args, strict=True)
    ]


def load(builder: Any, row: Any, column: Any) -> Any:
    """Read a vector at a column of a row."""
    place = builder.bitcast(builder.gep(row, [column]), VECTOR.as_pointer())
    return builder.load(place, align=4)


def store(builder: Any, value: Any, row: Any, column: Any) -> None:
    """Write a vector, of any number of lanes, at a column of a row."""
    place = builder.bitcast(builder.gep(row, [column]), value.type.as_pointer())
    builder.store(value, place, align=4)


def zeroed(builder: Any) -> Any:
    """Return a place for a vector, zero from here on, which LLVM turns into a register."""
    make: Any = cgutils.alloca_once_value
    return make(builder, ir.Constant(VECTOR, None))


def splat(builder: Any, scalar: Any) -> Any:
    """Return a vector of one number."""
    one = builder.insert_element(_NONE, scalar, ir.Constant(I32, 0))
    zeros = ir.Constant(ir.VectorType(I32, LANES), [0] * LANES)
    return builder.shuffle_vector(one, _NONE, zeros)


def fma(builder: Any, a: Any, b: Any, c: Any) -> Any:
    """Return `a * b + c`, rounded once where the processor can."""
    return builder.fadd(builder.fmul(a, b, flags=_FAST), c, flags=_FAST)


def columns(builder: Any, width: Any) -> Any:
    """Loop over the columns of a row, a vector a step; gives (column, count)."""
    zero, step = ir.Constant(I64, 0), ir.Constant(I64, LANES)
    return cgutils.for_range_slice(builder, zero, width, step, I64)


def horizontal_sums(builder: Any, vectors: list[Any]) -> Any:
    """Return the sum of each of up to LANES vectors, as the lanes of one.

    Each round halves the number of vectors, so n sums take about 3 n operations where n
    reductions would take 8 n. The lanes are len(vectors) rounded up to a power of two.
    """
    n = 1 << (len(vectors) - 1).bit_length()
    vectors = vectors + [ir.Constant(VECTOR, None)] * (n - len(vectors))
    while len(vectors) > 1:
        pairs = zip(vectors[::2], vectors[1::2], strict=True)
        vectors = [_sum_neighbours(builder, a, b, LANES) for a, b in pairs]
    total, lanes = vectors[0], LANES
    while lanes > n:
        lanes //= 2
        total = _sum_neighbours(builder, total, total, lanes)
    return total


def _sum_neighbours(builder: Any, a: Any, b: Any, lanes: int) -> Any:
    # The neighbours are those of a with b behind it; as many sums as there are lanes to give.
    halves = []
    for odd in (0, 1):
        order = ir.Constant(ir.VectorType(I32, lanes), list(range(odd, 2 * lanes, 2)))
        halves.append(builder.shuffle_vector(a, b, order))
    return builder.fadd(*halves, flags=_FAST)


def in_groups(builder: Any, size: int, body: Callable[[Any, int], None]) -> None:
    """Emit `body(first, count)` for groups of equal size, a loop, and for the rest.

    More rows than registers would move between registers and memory at every step, and code
    that is unrolled over hundreds of rows would take minutes to compile.
    """
    count = group_size(size)
    groups, rest = divmod(size, count)
    with cgutils.for_range(builder, ir.Constant(I64, groups), intp=I64) as loop:
        body(builder.mul(loop.index, ir.Constant(I64, count)), count)
    if rest:
        body(ir.Constant(I64, groups * count), rest)


def group_size(n_out: int) -> int:
    """Return how many of n_out output rows are worked on at a time."""
    groups = -(-n_out // GROUP)
    return -(-n_out // groups)

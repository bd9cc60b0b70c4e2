"""Padded float32 matrices, and vectors of floats as LLVM IR: no compiler guesses the layout.

LLVM lowers a vector to whatever the processor has (AVX-512, AVX2, SSE, NEON). All matrices are
float32, C-contiguous, with rows padded to a multiple of `PAD` floats.
"""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

if TYPE_CHECKING:
    from collections.abc import Callable


Floats = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int32]
Offsets = npt.NDArray[np.int64]
Keep = npt.NDArray[np.uint32]
Table = npt.NDArray[np.uint64]

PAD = 16  # floats in a cache line of 64 bytes
_CHUNK = 1 << 22


def aligned(rows: int, width: int) -> Floats:
    """Return float32 zeros, `(rows, width)`, whose rows start on cache lines.

    The width is rounded up to a multiple of PAD. The columns that pad a row stay zero in training,
    as nothing but zeros ever meets them.
    """
    width = -(-width // PAD) * PAD
    flat = np.zeros(rows * width + PAD, np.float32)
    first = -(flat.ctypes.data // flat.itemsize) % PAD
    return flat[first : first + rows * width].reshape(rows, width)


def fresh_vectors(rows: int, vector_size: int, seed: int) -> Floats:
    """Return the input matrix of an untrained model; the output matrix starts as `aligned`.

    Uniform in ±1 / vector_size, as in gensim: from half of that, as in word2vec, training learns
    less from little text. The same seed gives the same vectors, and the first rows of a larger
    matrix are those of a smaller one.
    """
    x = aligned(rows, vector_size)
    rng = np.random.default_rng(seed)
    step = max(1, _CHUNK // vector_size)
    for start in range(0, rows, step):
        part = x[start : start + step, :vector_size]
        noise = rng.random(part.shape, dtype=np.float32)
        part[:] = (noise * np.float32(2) - np.float32(1)) / np.float32(vector_size)
    return x


def compacted(x: Floats, vector_size: int) -> Floats:
    """Take the padding out of a matrix of `aligned`, in its own memory; `x` is of no use then."""
    flat = x.reshape(-1)
    step = max(1, _CHUNK // (4 * vector_size))
    for start in range(0, len(x), step):
        part = x[start : start + step, :vector_size].copy()
        flat[start * vector_size : start * vector_size + part.size] = part.reshape(-1)
    return flat[: len(x) * vector_size].reshape(len(x), vector_size)


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
    """Address arithmetic on a numba array inside an intrinsic."""

    def __init__(self, context: Any, builder: Any, array_type: Any, value: Any) -> None:
        array = context.make_array(array_type)(context, builder, value)
        self._builder, self._data = builder, array.data
        # The length of the last axis, an i64.
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


MOST_NEGATIVE = 500
"""The largest `negative`: compiling takes ever longer, and from 1,000 on numba refuses."""


def unroll(negative: int) -> tuple[int, ...]:
    """Return the last argument of a kernel for so many negatives, 1 to MOST_NEGATIVE."""
    return (0,) * (negative + 1)


def _dots(
    _typing: Any,
    x: Any,
    _row: Any,
    y: Any,
    targets: Any,
    _first: Any,
    out: Any,
    _at: Any,
    n_out: Any,
) -> tuple[Any, Callable[..., Any]]:
    """`out[at + k] = x[row] . y[targets[first + k]]` for k < len(n_out).

    May write zeros behind them, so call in the order of `at`, with room to spare.
    """
    size = len(n_out)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        x, row, y, targets, first, out, at, _ = operands(context, builder, signature, args)

        def group(start: Any, count: int) -> None:
            y_rows = _output_rows(builder, y, targets, builder.add(first, start), count)
            sums = _row_sums(builder, x.row(row), y_rows, x.width)
            target = out.item(builder.add(at, start))
            for k in range(0, count, LANES):
                totals = [builder.load(place) for place in sums[k : k + LANES]]
                store(builder, horizontal_sums(builder, totals), target, ir.Constant(I64, k))

        in_groups(builder, size, group)
        return context.get_dummy_value()

    i64 = types.int64
    return types.void(x, i64, y, targets, i64, out, i64, n_out), generate


def _update(
    _typing: Any,
    x: Any,
    rows: Any,
    _begin: Any,
    _n: Any,
    y: Any,
    targets: Any,
    _first: Any,
    g: Any,
    n_out: Any,
) -> tuple[Any, Callable[..., Any]]:
    """One pass of both updates, with `G = g[:n * len(n_out)].reshape(n, len(n_out))`.

    For each c and `row = rows[begin + c]` in order: `dY += outer(G[c], x[row])` and
    `x[row] += G[c] @ Y`; then `Y += dY`, where Y is `y[targets[first : first + len(n_out)]]`.
    Where Y is worked on in groups, one group is finished before the next.
    """
    size = len(n_out)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        x, rows, begin, n, y, targets, first, g, _ = operands(context, builder, signature, args)

        def group(start: Any, count: int) -> None:
            y_rows = _output_rows(builder, y, targets, builder.add(first, start), count)
            with columns(builder, x.width) as (column, _):
                y_parts = [load(builder, y_row, column) for y_row in y_rows]
                sums = [zeroed(builder) for _ in y_rows]
                with cgutils.for_range(builder, n, intp=I64) as loop:
                    place = rows.item(builder.add(begin, loop.index))
                    index = builder.zext(builder.load(place), I64)
                    weights = builder.add(builder.mul(loop.index, ir.Constant(I64, size)), start)
                    _exchange(builder, x.row(index), column, g.item(weights), y_parts, sums)
                _add_sums(builder, y_rows, column, sums)

        in_groups(builder, size, group)
        return context.get_dummy_value()

    i64 = types.int64
    return types.void(x, rows, i64, i64, y, targets, i64, g, n_out), generate


def _output_rows(builder: Any, y: Matrix, targets: Matrix, first: Any, count: int) -> list[Any]:
    rows = []
    for k in range(count):
        place = targets.item(builder.add(first, ir.Constant(I64, k)))
        rows.append(y.row(builder.zext(builder.load(place), I64)))
    return rows


def _row_sums(builder: Any, x_row: Any, y_rows: list[Any], width: Any) -> list[Any]:
    # Vectors whose lanes add up to the dot products of one row with the others.
    sums = [zeroed(builder) for _ in y_rows]
    with columns(builder, width) as (column, _):
        x_part = load(builder, x_row, column)
        for y_row, place in zip(y_rows, sums, strict=True):
            y_part = load(builder, y_row, column)
            builder.store(fma(builder, x_part, y_part, builder.load(place)), place)
    return sums


def _exchange(
    builder: Any, x_row: Any, column: Any, weights: Any, y_parts: list[Any], sums: list[Any]
) -> None:
    # One context word: its part of the change of all output rows, and its own.
    x_part = x_new = load(builder, x_row, column)
    for k, place in enumerate(sums):
        weight = splat(builder, builder.load(builder.gep(weights, [ir.Constant(I64, k)])))
        builder.store(fma(builder, weight, x_part, builder.load(place)), place)
        x_new = fma(builder, weight, y_parts[k], x_new)
    store(builder, x_new, x_row, column)


def _add_sums(builder: Any, y_rows: list[Any], column: Any, sums: list[Any]) -> None:
    # Loaded again, because a row may be drawn twice and must receive both sums.
    for y_row, place in zip(y_rows, sums, strict=True):
        y_new = builder.fadd(load(builder, y_row, column), builder.load(place))
        store(builder, y_new, y_row, column)


def _gather(
    _typing: Any,
    x: Any,
    rows: Any,
    _first: Any,
    _n: Any,
    _scale: Any,
    out: Any,
    copy: Any,
    _at: Any,
) -> tuple[Any, Callable[..., Any]]:
    """`out[at] = copy[at] = scale * x[rows[first : first + n]].sum(0)`."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        x, rows, first, n, scale, out, copy, at = operands(context, builder, signature, args)
        scale, places = splat(builder, scale), (out.row(at), copy.row(at))
        with columns(builder, x.width) as (column, _):
            total = zeroed(builder)
            with cgutils.for_range(builder, n, intp=I64) as loop:
                index = builder.load(rows.item(builder.add(first, loop.index)))
                part = load(builder, x.row(builder.zext(index, I64)), column)
                builder.store(builder.fadd(builder.load(total), part), total)
            mean = builder.fmul(builder.load(total), scale)
            for place in places:
                store(builder, mean, place, column)
        return context.get_dummy_value()

    i64 = types.int64
    return types.void(x, rows, i64, i64, types.float32, out, copy, i64), generate


def _scatter(
    _typing: Any,
    x: Any,
    rows: Any,
    _first: Any,
    _n: Any,
    _scale: Any,
    new: Any,
    old: Any,
    _at: Any,
) -> tuple[Any, Callable[..., Any]]:
    """`x[row] += scale * (new[at] - old[at])` for row in `rows[first : first + n]`."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        x, rows, first, n, scale, new, old, at = operands(context, builder, signature, args)
        scale, after, before = splat(builder, scale), new.row(at), old.row(at)
        with cgutils.for_range(builder, n, intp=I64) as loop:
            index = builder.load(rows.item(builder.add(first, loop.index)))
            row = x.row(builder.zext(index, I64))
            with columns(builder, x.width) as (column, _):
                change = builder.fsub(load(builder, after, column), load(builder, before, column))
                changed = fma(builder, scale, change, load(builder, row, column))
                store(builder, changed, row, column)
        return context.get_dummy_value()

    i64 = types.int64
    return types.void(x, rows, i64, i64, types.float32, new, old, i64), generate


def _prefetch(_typing: Any, x: Any, _row: Any) -> tuple[Any, Callable[..., Any]]:
    """Ask for `x[row]`, every cache line of it, for writing."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        x, row = operands(context, builder, signature, args)
        start, byte = x.row(row), ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [byte, I32, I32, I32])
        function = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
        write, near, data = (ir.Constant(I32, n) for n in (1, 3, 1))
        zero, step = ir.Constant(I64, 0), ir.Constant(I64, PAD)
        with cgutils.for_range_slice(builder, zero, x.width, step, I64) as (column, _):
            place = builder.bitcast(builder.gep(start, [column]), byte)
            builder.call(function, [place, write, near, data])
        return context.get_dummy_value()

    return types.void(x, types.int64), generate


# Numba's stubs know the Python signature of the generator, not that of what it generates.
dots: Any = intrinsic(_dots)
update: Any = intrinsic(_update)
gather: Any = intrinsic(_gather)
scatter: Any = intrinsic(_scatter)
prefetch: Any = intrinsic(_prefetch)

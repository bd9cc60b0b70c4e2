"""The two loops where training spends its time: dot products, and the update of both matrices.

The output rows are held in registers while the input rows of a window stream past. `n_out` is a
tuple whose length, part of its type, is the number of output rows: so the code is unrolled over
it, and the cache keeps one entry for each. (A closure over a number would be compiled again by
every process, since the functions that it captures are pickled with a fresh identity.) Kernels
take its length as an `np.int64`, as numba compiles what is called with a literal number for that
number alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from embedsearch.training.kernels.simd import (
    I64,
    LANES,
    Matrix,
    columns,
    fma,
    horizontal_sums,
    in_groups,
    load,
    operands,
    splat,
    store,
    zeroed,
)

if TYPE_CHECKING:
    from collections.abc import Callable


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


# Numba's stubs know the Python signature of the generator, not that of what it generates.
dots: Any = intrinsic(_dots)
update: Any = intrinsic(_update)

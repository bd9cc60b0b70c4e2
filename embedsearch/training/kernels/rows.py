"""Moving whole rows: prefetch them, average them into a buffer, spread a change over them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from embedsearch.training.kernels.matrices import PAD
from embedsearch.training.kernels.simd import (
    I32,
    I64,
    columns,
    fma,
    load,
    operands,
    splat,
    store,
    zeroed,
)

if TYPE_CHECKING:
    from collections.abc import Callable


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
gather: Any = intrinsic(_gather)
scatter: Any = intrinsic(_scatter)
prefetch: Any = intrinsic(_prefetch)

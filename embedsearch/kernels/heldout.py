"""The loss on text that was kept out of training, with the windows and draws of training.

It is the loss that training itself sums, with a learning rate of zero: one code, one meaning. The
same key gives the same windows and negatives, so that two models, or two moments of one, are
compared on the same sample. Vectors do not change, but they are written, so nobody else may train
at the time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedsearch.kernels import cbow, skipgram, subword

if TYPE_CHECKING:
    from embedsearch.kernels.matrices import Floats, Ids, Keep, Offsets, Table

_STILL = np.float32(0.0)


def loss(
    x: Floats,
    y: Floats,
    ids: Ids,
    offsets: Offsets,
    start: int,
    stop: int,
    keep: Keep,
    table: Table,
    window: int,
    key: int,
    n_out: tuple[int, ...],
) -> tuple[float, int]:
    """Measure skip-gram; the arguments are those of `skipgram.train`.

    Returns:
        Summed loss in nats; pairs of context word and centre, 0 where subsampling left none.
    """
    measured: tuple[float, int] = skipgram.train(
        x, y, ids, offsets, start, stop, keep, table, window, _STILL, key, True, n_out
    )
    return measured


def cbow_loss(
    x: Floats,
    y: Floats,
    ids: Ids,
    offsets: Offsets,
    start: int,
    stop: int,
    keep: Keep,
    table: Table,
    window: int,
    key: int,
    cbow_mean: bool,
    n_out: tuple[int, ...],
) -> tuple[float, int]:
    """Measure CBOW; the arguments are those of `cbow.train`.

    Returns:
        Summed loss in nats; windows that have a context.
    """
    measured: tuple[float, int] = cbow.train(
        x, y, ids, offsets, start, stop, keep, table, window, _STILL, key, cbow_mean, True, n_out
    )
    return measured


def subword_loss(
    x: Floats,
    y: Floats,
    first: Offsets,
    rows: Ids,
    ids: Ids,
    offsets: Offsets,
    start: int,
    stop: int,
    keep: Keep,
    table: Table,
    window: int,
    key: int,
    n_out: tuple[int, ...],
) -> tuple[float, int]:
    """Measure skip-gram with n-grams; the arguments are those of `subword.train`.

    Returns:
        Summed loss in nats; pairs of context word and centre.
    """
    measured: tuple[float, int] = subword.train(
        x,
        y,
        first,
        rows,
        ids,
        offsets,
        start,
        stop,
        keep,
        table,
        window,
        _STILL,
        key,
        True,
        n_out,
    )
    return measured

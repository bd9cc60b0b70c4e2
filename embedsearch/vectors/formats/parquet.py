"""Parquet tables of words and vectors, through the `parquet` extra (pyarrow).

Columns: `word` (string), `vector` (a list of float32, of one length in all rows) and, where
counts are known, `count` (int64). Lists of other real types are read too; other columns are not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._errors import SourceFormatError
from embedsearch.text.readers.tables import arrow_errors, import_arrow
from embedsearch.vectors.formats.base import (
    Block,
    Reading,
    Rest,
    VectorFormat,
    as_float32,
    check_size,
    reading,
    row_slices,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from embedsearch._progress import Progress
    from embedsearch._types import FloatMatrix, IntVector
    from embedsearch.vectors.formats.base import LoadOptions
    from embedsearch.vectors.word_vectors import WordVectors

_MAGIC = b"PAR1"
_NEEDED = ("word", "vector")
_BATCH = 4096
# By default all that will be read is fetched ahead, and with it goes the bound on memory.
_STREAMED = {"pre_buffer": False, "buffer_size": 2**20}
# What a row group may take without compression, in any file and for each byte of the file: real
# vectors hardly compress.
_ALWAYS_FINE, _RATIO = 1 << 28, 100


def _read(path: Path, options: LoadOptions) -> Reading:
    with reading(path):
        pa, pq = import_arrow("reading Parquet")
    with arrow_errors(path, pa), pq.ParquetFile(path, **_STREAMED) as table:
        names, count = table.schema_arrow.names, table.metadata.num_rows
        _check_columns(path, names)
        _check_lists(pa, path, table.schema_arrow.field("vector").type)
        check_row_groups(path, table.metadata)
        # A list type need not say how long the lists are.
        sample = next(table.iter_batches(1, columns=["vector"], use_threads=False), None)
        lengths = [] if sample is None else sample.column(0).value_lengths().to_pylist()
    if not lengths or not lengths[0]:
        raise SourceFormatError(path, "the first row has no vector")
    check_size(path, lengths[0])
    rest = Rest()
    columns = [*_NEEDED, *(["count"] if "count" in names else [])]
    blocks = _blocks(path, lengths[0], columns, options.limit, rest)
    return Reading(lengths[0], count, blocks, rest)


def _write(
    path: Path, vectors: WordVectors, progress: Progress, _inputs: FloatMatrix | None
) -> None:
    pa, pq = import_arrow("writing Parquet")
    counts = vectors.counts
    fields = [("word", pa.string()), ("vector", pa.list_(pa.float32()))]
    schema = pa.schema([*fields, *([("count", pa.int64())] if counts is not None else [])])
    task = progress.task("writing vectors", len(vectors), "words")
    with pq.ParquetWriter(path, schema, use_dictionary=False) as writer, task as written:
        for rows in row_slices(len(vectors), vectors.vector_size):
            numbers = np.ascontiguousarray(vectors.vectors[rows])
            # A block has fewer than 2^31 numbers, so that short offsets will do.
            bounds = np.arange(len(numbers) + 1, dtype=np.int32) * vectors.vector_size
            columns = [
                pa.array(vectors.index_to_key[rows], pa.string()),
                pa.ListArray.from_arrays(bounds, numbers.reshape(-1)),
                *([pa.array(counts[rows], pa.int64())] if counts is not None else []),
            ]
            writer.write_table(pa.table(columns, schema=schema))
            written.advance(len(numbers))


def check_row_groups(path: Path, metadata: Any, always_fine: int = _ALWAYS_FINE) -> None:
    """Refuse row groups that claim more bytes than the file could hold."""
    most = max(always_fine, _RATIO * path.stat().st_size)
    for group in range(metadata.num_row_groups):
        # Its columns are not looked at: making the objects for them aborts the process if some
        # bytes of the footer are damaged (pyarrow 26).
        size = metadata.row_group(group).total_byte_size
        if not 0 <= size <= most:
            reason = f"row group {group} claims {size:,} bytes"
            raise SourceFormatError(path, f"the Parquet file is damaged: {reason}")


def _blocks(
    path: Path, vector_size: int, columns: list[str], limit: int | None, rest: Rest
) -> Iterator[Block]:
    counts: list[IntVector] = []
    step = max(1, min(_BATCH, 2**19 // vector_size))
    done = 0
    pa, pq = import_arrow("reading Parquet")
    with arrow_errors(path, pa), pq.ParquetFile(path, **_STREAMED) as table:
        for batch in table.iter_batches(step, columns=columns, use_threads=False):
            if limit is not None:
                batch = batch.slice(0, limit - done)
            words, vectors = _rows(pa, path, batch, vector_size, done)
            if "count" in columns:
                counts.append(_counts(path, batch.column("count")))
            yield Block(words, vectors, done + 1)
            done += len(words)
            if done == limit:
                break
    if counts:
        rest.counts = np.concatenate(counts)


def _rows(
    pa: Any, path: Path, batch: Any, vector_size: int, done: int
) -> tuple[list[bytes], FloatMatrix]:
    # Null lists and numbers would leave the flattened numbers too few, or NaN.
    words, lists = batch.column("word"), batch.column("vector")
    if words.null_count or lists.null_count:
        raise SourceFormatError(path, f"a word or a vector is null in rows {done + 1:,} and on")
    lengths = lists.value_lengths().to_numpy(zero_copy_only=False)
    if (wrong := np.flatnonzero(lengths != vector_size)).size:
        found = f"{lengths[wrong[0]]:,} numbers, not {vector_size:,}"
        raise SourceFormatError(path, f"the vector in row {done + int(wrong[0]) + 1:,} has {found}")
    numbers = lists.flatten()
    if numbers.null_count:
        raise SourceFormatError(path, f"a number is null in rows {done + 1:,} and on")
    flat = numbers.to_numpy(zero_copy_only=False)
    # As bytes: pyarrow does not check that strings are UTF-8.
    texts = words.cast(pa.large_binary()).to_pylist()
    return texts, as_float32(flat.reshape(len(texts), vector_size))


def _counts(path: Path, column: Any) -> IntVector:
    counts = column.to_numpy(zero_copy_only=False)
    if column.null_count or counts.dtype.kind not in "iu" or (counts < 0).any():
        raise SourceFormatError(path, "the column 'count' must hold whole numbers from 0")
    integers: IntVector = counts.astype(np.int64)
    return integers


def _check_columns(path: Path, names: list[str]) -> None:
    for name in _NEEDED:
        if names.count(name) != 1:
            found = ", ".join(map(repr, names))
            reason = f"needs one column {name!r}; its columns are {found}"
            raise SourceFormatError(path, f"{reason}; rename the one with the {name}s")


def _check_lists(pa: Any, path: Path, kind: Any) -> None:
    types = pa.types
    is_list = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    if not is_list or not (types.is_floating(kind.value_type) or types.is_integer(kind.value_type)):
        raise SourceFormatError(path, f"the vectors must be lists of numbers, not {kind}")


FORMAT = VectorFormat(
    "parquet",
    "Parquet table of words and vectors",
    (".parquet",),
    _read,
    _write,
    lambda _path, head: head.startswith(_MAGIC),
    keeps=frozenset({"counts"}),
)

"""Parquet tables, through the `parquet` extra (pyarrow)."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from embedsearch._errors import MissingExtraError, SourceError, SourceFormatError
from embedsearch.text.records import Record, RecordKind, read_records
from embedsearch.text.source_stream import DOCUMENT_LIMIT, SourceStream, too_long

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from embedsearch.text.settings import ReadSettings
    from embedsearch.text.source_stream import ReadDocument

# Rows; all their values are Python objects at once.
_BATCH = 512
# Batches of more bytes are turned into values row by row.
_AT_ONCE = 2**24
_ROW_LIMIT = 4 * DOCUMENT_LIMIT
# Apart from its own errors: names that are not UTF-8, dates that Python does not have.
_PARSER_ERRORS = (ArithmeticError, LookupError, MemoryError, OSError, TypeError, ValueError)


def read_parquet(source: SourceStream, settings: ReadSettings) -> Iterator[ReadDocument]:
    """Yield a document for each row; rows are read in batches."""
    pa, pq = import_arrow("reading Parquet")
    with source.seekable() as file, arrow_errors(source.name, pa):
        names = [field.name for field in pq.read_schema(file) if _is_text(field.type)]
        # As text each row of a batch would have its own copy of what the file has once.
        table = pq.ParquetFile(file, read_dictionary=names)
        kind = RecordKind("row", names=tuple(table.schema_arrow.names))
        rows = enumerate(_rows(source.name, table), 1)
        yield from read_records(source, rows, kind, settings)


def import_arrow(what: str) -> tuple[Any, Any]:
    """Return `pyarrow` and `pyarrow.parquet`; `what` is what they are needed for."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtraError(what, "parquet") from error
    return pa, pq


@contextmanager
def arrow_errors(name: str | Path, pa: Any) -> Iterator[None]:
    """Raise our errors in place of those of pyarrow."""
    try:
        yield
    except SourceError:
        raise
    except (pa.ArrowException, *_PARSER_ERRORS) as error:
        reason = f"the Parquet file is damaged or not supported ({error}); write it again"
        raise SourceFormatError(name, reason) from error


def _rows(name: str, table: Any) -> Iterator[Record]:
    for batch in table.iter_batches(batch_size=_BATCH):
        if _size(batch) <= _AT_ONCE:
            yield from batch.to_pylist()
            continue
        for start in range(len(batch)):
            row = batch.slice(start, 1)
            if row.nbytes > _ROW_LIMIT:
                raise too_long(name, _ROW_LIMIT, "bytes")
            yield from row.to_pylist()


def _is_text(type_: Any) -> bool:
    return str(type_) in ("string", "large_string", "binary", "large_binary")


def _size(batch: Any) -> int:
    """Return the most bytes that the values of a batch have, each by itself."""
    size = 0
    for column in batch.columns:
        words = getattr(column, "dictionary", None)
        if words is None:
            size += column.nbytes
        elif len(words):
            size += max(len(word.as_buffer() or b"") for word in words) * len(batch)
    return size

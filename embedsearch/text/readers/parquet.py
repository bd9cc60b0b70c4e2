"""Parquet tables, through the `parquet` extra (pyarrow)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from embedsearch._errors import MissingExtraError, SourceError, SourceFormatError
from embedsearch.text.reading.records import Record, RecordKind, found_in_records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embedsearch.text.base import Found
    from embedsearch.text.reading.opening import Opened
    from embedsearch.text.settings import ReadSettings

_BATCH = 512
# Beside its own errors: names that are not UTF-8, dates that Python does not have.
_PARSER_ERRORS = (ArithmeticError, LookupError, OSError, TypeError, ValueError)


def read_parquet(source: Opened, settings: ReadSettings) -> Iterator[Found]:
    """Yield a document for each row; rows are read in batches.

    Raises:
        MissingExtraError: pyarrow is not installed.
        SourceFormatError: The file is damaged.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtraError("reading Parquet", "parquet") from error
    with source.seekable() as file:
        try:
            yield from _read(source, settings, pq.ParquetFile(file))
        except SourceError:
            raise
        except (pa.ArrowException, *_PARSER_ERRORS) as error:
            reason = f"the Parquet file is damaged or not supported ({error}); write it again"
            raise SourceFormatError(source.name, reason) from error


def _read(source: Opened, settings: ReadSettings, table: Any) -> Iterator[Found]:
    kind = RecordKind("row", names=tuple(table.schema_arrow.names))
    yield from found_in_records(source, enumerate(_rows(table), 1), kind, settings)


def _rows(table: Any) -> Iterator[Record]:
    for batch in table.iter_batches(batch_size=_BATCH):
        yield from batch.to_pylist()

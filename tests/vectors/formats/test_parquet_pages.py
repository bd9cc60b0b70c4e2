"""Pages of Parquet that claim to be larger than they are."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from embedsearch._errors import SourceFormatError
from embedsearch.vectors.formats.loading import load_vectors
from embedsearch.vectors.formats.parquet_pages import check_pages


def varint(value: int) -> bytes:
    """Thrift's zigzag varint."""
    value, found = value << 1, b""
    while value > 127:
        found += bytes([value & 127 | 128])
        value >>= 7
    return found + bytes([value])


def written(path: Path, rows: int = 3, **options: Any) -> Path:
    words = [f"w{row}" for row in range(rows)]
    vectors = np.arange(rows * 4, dtype=np.float32).reshape(rows, 4).tolist()
    pq.write_table(pa.table({"word": words, "vector": vectors}), path, **options)
    return path


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "zstd"},
        {"compression": "none", "use_dictionary": False},
        {"data_page_version": "2.0"},
        {"row_group_size": 7, "data_page_size": 64},
        {"write_page_checksum": True},
    ],
)
def test_sound_files_of_every_kind_pass(tmp_path: Path, options: dict[str, Any]) -> None:
    path = written(tmp_path / "a.parquet", 500, **options)
    check_pages(path, ("word", "vector"))
    assert len(load_vectors(path)) == 500


def test_a_page_that_claims_gigabytes_is_refused_before_they_are_allocated(tmp_path: Path) -> None:
    path = written(tmp_path / "a.parquet", compression="none", use_dictionary=False)
    chunk = pq.ParquetFile(path).metadata.row_group(0).column(0)
    content = bytearray(path.read_bytes())
    start = chunk.data_page_offset
    # The header: field 1 (type), field 2 (size without compression), each an i32.
    assert content[start : start + 3] == bytes([0x15, 0x00, 0x15])
    old = varint(chunk.total_uncompressed_size)
    size = content[start + 3 : start + 3 + len(old)]
    claim = varint(2**31 - 1)
    content[start + 3 : start + 3 + len(claim)] = claim
    path.write_bytes(content)
    assert size
    tracemalloc.start()
    with pytest.raises(SourceFormatError, match="damaged"):
        load_vectors(path)
    assert tracemalloc.get_traced_memory()[1] < 50_000_000
    tracemalloc.stop()


def test_every_changed_byte_of_a_page_header_is_survived(tmp_path: Path) -> None:
    path = written(tmp_path / "a.parquet", compression="none", use_dictionary=False)
    start = pq.ParquetFile(path).metadata.row_group(0).column(0).data_page_offset
    content = path.read_bytes()
    for place in range(start, start + 40):
        for value in (0, 0x7F, 0x80, 0xFF, 0x1C, 0x19):
            path.write_bytes(content[:place] + bytes([value]) + content[place + 1 :])
            try:
                check_pages(path, ("word", "vector"))
            except SourceFormatError:
                continue


def test_every_changed_byte_of_the_footer_is_survived(tmp_path: Path) -> None:
    path = written(tmp_path / "a.parquet")
    content = path.read_bytes()
    length = int.from_bytes(content[-8:-4], "little")
    for place in range(len(content) - 8 - length, len(content) - 4):
        for value in (0, 0x7F, 0xFF):
            path.write_bytes(content[:place] + bytes([value]) + content[place + 1 :])
            try:
                check_pages(path, ("word", "vector"))
            except SourceFormatError:
                continue

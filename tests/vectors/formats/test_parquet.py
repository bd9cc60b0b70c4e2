"""Parquet tables: against pyarrow, and bad input."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from embedsearch._errors import MissingExtraError, SourceFormatError
from embedsearch.vectors.formats.files import load_vectors, save_vectors
from embedsearch.vectors.formats.parquet import check_row_groups
from embedsearch.vectors.word_vectors import WordVectors

X = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]


def table(path: Path, **columns: Any) -> Path:
    base = {"word": ["a", "b", "c"], "vector": X}
    arrays = {name: value for name, value in (base | columns).items() if value is not None}
    pq.write_table(pa.table(arrays), path, row_group_size=2)
    return path


def test_pyarrow_reads_what_we_write(counted_vectors: WordVectors, tmp_path: Path) -> None:
    save_vectors(counted_vectors, tmp_path / "a.parquet")
    read = pq.read_table(tmp_path / "a.parquet")
    assert read.schema.names == ["word", "vector", "count"]
    assert read["word"].to_pylist() == counted_vectors.index_to_key
    numbers = np.array(read["vector"].to_pylist(), dtype=np.float32)
    assert numbers.tobytes() == counted_vectors.vectors.tobytes()
    assert counted_vectors.counts is not None
    assert read["count"].to_pylist() == counted_vectors.counts.tolist()


@pytest.mark.parametrize(
    "kind",
    [
        pa.list_(pa.float32()),
        pa.list_(pa.float32(), 2),
        pa.large_list(pa.float64()),
        pa.list_(pa.float16()),
        pa.list_(pa.int8()),
    ],
)
def test_lists_of_any_real_type_are_read(kind: pa.DataType, tmp_path: Path) -> None:
    vectors = pa.array(X, pa.list_(pa.float32())).cast(kind)
    words = pa.array(["a", "b", "c"], pa.large_string()).dictionary_encode()
    read = load_vectors(table(tmp_path / "a", vector=vectors, word=words, other=[1, 2, 3]))
    assert read.index_to_key == ["a", "b", "c"]
    assert (read.vectors.tolist(), read.vectors.dtype) == (X, np.float32)


def test_many_batches_are_read_in_order(tmp_path: Path) -> None:
    numbers = np.random.default_rng(0).normal(size=(9000, 3)).astype(np.float32)
    vectors = WordVectors(numbers, [f"w{row}" for row in range(9000)], np.arange(9000))
    save_vectors(vectors, tmp_path / "a.parquet")
    read = load_vectors(tmp_path / "a.parquet", limit=8999)
    assert read.index_to_key == vectors.index_to_key[:8999]
    assert read.vectors.tobytes() == numbers[:8999].tobytes()
    assert read.counts is not None
    assert read.counts.tolist() == list(range(8999))


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"word": None}, "needs one column 'word'; its columns are 'vector'"),
        ({"vector": None}, "needs one column 'vector'; its columns are 'word'"),
        ({"vector": [1.0, 2.0, 3.0]}, "not supported|lists of numbers"),
        ({"vector": [["a"], ["b"], ["c"]]}, "lists of numbers"),
        ({"vector": pa.array([[], [], []], pa.list_(pa.float32()))}, "no vector"),
        ({"vector": [None, [1.0], [1.0]]}, "no vector|null"),
        ({"vector": [[1.0, 2.0], [3.0], [5.0, 6.0]]}, "row 2 has 1 numbers, not 2"),
        ({"vector": [[1.0, 2.0], [3.0, 4.0], None]}, "null"),
        ({"vector": [[1.0, 2.0], [3.0, None], [5.0, 6.0]]}, "null"),
        ({"vector": [[1.0, 2.0], [3.0, float("nan")], [5.0, 6.0]]}, "row 2: .*'b' holds NaN"),
        ({"word": ["a", None, "c"]}, "null"),
        ({"word": [1, 2, 3]}, "not supported|words"),
        ({"count": ["1", "2", "3"]}, "'count' must hold"),
        ({"count": [1, None, 3]}, "'count' must hold"),
        ({"count": [1, -2, 3]}, "'count' must hold"),
    ],
)
def test_tables_that_do_not_fit_are_refused(
    columns: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    with pytest.raises(SourceFormatError, match=reason):
        load_vectors(table(tmp_path / "a.parquet", **columns))


def test_a_table_without_rows_is_refused(tmp_path: Path) -> None:
    schema = pa.schema([("word", pa.string()), ("vector", pa.list_(pa.float32()))])
    pq.write_table(schema.empty_table(), tmp_path / "a.parquet")
    with pytest.raises(SourceFormatError, match="no vector"):
        load_vectors(tmp_path / "a.parquet")


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    whole = table(tmp_path / "a.parquet").read_bytes()
    for size in range(0, len(whole), 7):
        (tmp_path / "a.parquet").write_bytes(whole[:size])
        with pytest.raises(SourceFormatError, match=r"damaged|is empty"):
            load_vectors(tmp_path / "a.parquet")


def test_a_missing_extra_names_its_command(
    odd_vectors: WordVectors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table(tmp_path / "a.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    command = r"pip install 'embedsearch-engine\[parquet\]'"
    with pytest.raises(MissingExtraError, match=command):
        load_vectors(tmp_path / "a.parquet")
    with pytest.raises(MissingExtraError, match=command):
        save_vectors(odd_vectors, tmp_path / "b.parquet")
    assert [file.name for file in tmp_path.iterdir()] == ["a.parquet"]


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
    assert len(load_vectors(path)) == 500


def test_a_row_group_that_claims_more_than_the_file_could_hold_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    zeros = np.zeros((2_000, 500), np.float32).tolist()
    words = [str(row) for row in range(len(zeros))]
    options = {"compression": "zstd", "use_dictionary": False}
    pq.write_table(pa.table({"word": words, "vector": zeros}), path, **options)
    metadata = pq.read_metadata(path)
    assert metadata.row_group(0).total_byte_size > 100 * path.stat().st_size
    check_row_groups(path, metadata)
    with pytest.raises(SourceFormatError, match=r"damaged: row group 0 claims 8,\d\d\d,\d+ bytes"):
        check_row_groups(path, metadata, always_fine=1 << 20)


TRY = """
import sys
from pathlib import Path
from embedsearch._errors import SourceFormatError
from embedsearch.vectors.formats.files import load_vectors

path, start, stop = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
content = path.read_bytes()
for place in range(start, stop):
    for value in (0, 0x7F, 0x80, 0xFF, 0x1C, 0x19):
        print(place, value, flush=True)
        path.write_bytes(content[:place] + bytes([value]) + content[place + 1 :])
        try:
            load_vectors(path, "parquet", encoding_errors="replace")
        except SourceFormatError:
            continue
"""


@pytest.mark.parametrize("part", ["page header", "footer"])
def test_every_changed_byte_is_survived(part: str, tmp_path: Path) -> None:
    path = written(tmp_path / "a.parquet", compression="none", use_dictionary=False)
    content = path.read_bytes()
    length = int.from_bytes(content[-8:-4], "little")
    start = pq.ParquetFile(path).metadata.row_group(0).column(0).data_page_offset
    bounds = {
        "page header": (start, start + 40),
        "footer": (len(content) - 8 - length, len(content) - 4),
    }
    # In a process of its own, which damage must not end.
    command = [sys.executable, "-c", TRY, path, *map(str, bounds[part])]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, (run.stdout[-20:], run.stderr[-300:])

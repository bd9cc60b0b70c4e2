from __future__ import annotations

import datetime as dt
import decimal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from embedsearch._errors import MissingExtraError, SourceFormatError
from embedsearch._types import Document

Read = Callable[..., list[Document]]
Put = Callable[[str, str | bytes], Path]


def parquet(columns: Mapping[str, list[Any]]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink, row_group_size=700)
    return bytes(sink.getvalue().to_pybytes())


def test_rows_of_many_batches_are_read_in_order(put: Put, read: Read) -> None:
    count = 2000
    columns: dict[str, list[Any]] = {
        "docid": list(range(count)),
        "text": [f"text {i}" for i in range(count)],
    }
    put("a.parquet", parquet(columns))
    assert read("a.parquet") == [Document(str(i), f"text {i}") for i in range(count)]


def test_values_become_metadata(put: Put, read: Read) -> None:
    columns: dict[str, list[Any]] = {
        "text": ["t"], "day": [dt.date(2020, 1, 31)], "price": [decimal.Decimal("1.50")],
        "tags": [["a", "b"]],
        "who": [{"name": "Ann", "born": [dt.date(1990, 2, 3)]}],
        "none": [None], "raw": [b"bytes"], "x": [float("nan")],
        "at": [dt.datetime(2020, 1, 31, 12, 30)],
    }  # fmt: skip
    put("a.parquet", parquet(columns))
    assert read("a.parquet")[0].metadata == {
        "day": "2020-01-31", "price": 1.5, "tags": ["a", "b"], "none": None, "raw": "bytes",
        "x": None, "at": "2020-01-31T12:30:00",
        "who": {"name": "Ann", "born": ["1990-02-03"]},
    }  # fmt: skip


def test_a_table_is_known_by_its_first_bytes(put: Put, read: Read) -> None:
    data = parquet({"text": ["one", "two"]})
    put("table", data)
    assert [d.id for d in read("table")] == ["table:1", "table:2"]
    assert [d.text for d in read("-", stdin=data)] == ["one", "two"]


def test_a_missing_column_names_those_that_exist(put: Put, read: Read) -> None:
    put("a.parquet", parquet({"text": ["one"], "n": [1]}))
    with pytest.raises(SourceFormatError, match="no column 'body'; its columns are 'text', 'n'"):
        read("a.parquet", text_column="body")


@pytest.mark.parametrize("kept", [0, 10, 100, -20])
def test_a_damaged_table_is_an_error(kept: int, put: Put, read: Read) -> None:
    put("a.parquet", parquet({"text": ["word " * 50]})[:kept])
    with pytest.raises(SourceFormatError, match="damaged"):
        read("a.parquet")


def test_a_missing_extra_names_its_command(
    put: Put, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    put("a.parquet", parquet({"text": ["one"]}))
    with pytest.raises(MissingExtraError, match=r"pip install 'embedsearch-engine\[parquet\]'"):
        read("a.parquet")

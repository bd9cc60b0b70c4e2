from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from embedsearch._errors import SourceFormatError
from embedsearch._progress import SilentProgress
from embedsearch._types import Document
from embedsearch.text.readers.delimited import read_csv, read_tsv
from embedsearch.text.reading.opening import Opened
from embedsearch.text.settings import ReadSettings

Read = Callable[..., list[Document]]
Put = Callable[[str, str | bytes], Path]


def test_columns_are_guessed_without_regard_to_case(
    put: Put, read: Read, progress: SilentProgress
) -> None:
    put("a.csv", "DocID, Headline ,Body,Year\n7,Hello,World,1999\n")
    assert read("a.csv") == [Document("7", "World", {"Year": 1999}, "Hello")]
    assert "text from 'Body', title from 'Headline', id from 'DocID'" in progress.notes[0]


def test_the_longest_column_is_the_text_where_no_name_is_known(put: Put, read: Read) -> None:
    put("a.csv", "city,story,mood\nOslo,It rained all day,sad\nRome,The sun came out,glad\n")
    assert read("a.csv")[1] == Document(
        "a.csv:2", "The sun came out", {"city": "Rome", "mood": "glad"}
    )


def test_cells_that_are_numbers_become_numbers(put: Put, read: Read) -> None:
    cells = {
        "007": "007", "-12": -12, "0": 0, "1.50": 1.5, "1e5": "1e5", "2020-01-31": "2020-01-31",
        "+49": "+49", "": None, "nan": "nan", "9" * 19: "9" * 19, str(2**63 - 1): 2**63 - 1,
        "٣": "٣", " 5 ": 5, "1,5": "1,5",
    }  # fmt: skip
    out = io.StringIO()
    csv.writer(out).writerows([["text", "cell"], *(["t", cell] for cell in cells)])
    put("a.csv", out.getvalue())
    assert [d.metadata["cell"] for d in read("a.csv")] == list(cells.values())


def test_quoted_cells_hold_line_ends_marks_and_quotes(put: Put, read: Read) -> None:
    put("a.csv", b'\xef\xbb\xbfid,text\r\n1,"two\r\nlines, ""quoted"""\r\n\r\n2,x\r\n')
    assert [(d.id, d.text) for d in read("a.csv")] == [("1", 'two\nlines, "quoted"'), ("2", "x")]


def test_a_cell_may_be_larger_than_the_csv_module_allows_at_first(put: Put, read: Read) -> None:
    put("a.csv", f"id,text\n1,{'word ' * 100_000}\n")
    assert len(read("a.csv")[0].text) == 500_000


def test_semicolons_part_cells_where_the_first_row_has_no_comma(put: Put, read: Read) -> None:
    put("a.csv", "id;text\n1;Hello, world\n")
    assert read("a.csv") == [Document("1", "Hello, world")]


def test_quotes_in_a_tsv_without_quoting_are_text(put: Put, read: Read) -> None:
    put("a.tsv", 'id\ttext\n1\t"Stop" he said\n2\t"open\n3\tend\n')
    assert [d.text for d in read("a.tsv")] == ['"Stop" he said', '"open', "end"]


def test_quotes_in_a_tsv_with_quoting_are_removed(put: Put, read: Read) -> None:
    put("a.tsv", 'id\ttext\n1\t"two\nlines"\n2\t"a ""b"""\n')
    assert [d.text for d in read("a.tsv")] == ["two\nlines", 'a "b"']


def test_a_short_row_is_filled_and_a_long_one_is_an_error(put: Put, read: Read) -> None:
    put("a.csv", "id,text,mood\n1,a\n")
    assert read("a.csv") == [Document("1", "a", {"mood": None})]
    put("b.csv", 'id,text\n1,"a\nb"\n2,a,b\n')
    with pytest.raises(SourceFormatError, match=r"line 4: the row has 3 cells.*2 columns"):
        read("b.csv")


def test_a_quote_that_is_never_closed_names_the_line_of_its_row(put: Put, read: Read) -> None:
    put("a.csv", 'id,text\n1,a\n2,"open\n3,b\n')
    with pytest.raises(SourceFormatError, match=r"line 3: broken table.*quotation marks"):
        read("a.csv")


def test_a_missing_column_names_those_that_exist(put: Put, read: Read) -> None:
    put("a.csv", "id,text\n1,a\n")
    with pytest.raises(SourceFormatError, match="no column 'body'; its columns are 'id', 'text'"):
        read("a.csv", text_column="body")


def test_a_first_row_of_data_is_an_error(put: Put, read: Read) -> None:
    put("a.csv", "1,Hello there\n2,Hello again\n")
    with pytest.raises(SourceFormatError, match="line 1: its first row does not name columns"):
        read("a.csv")


def test_columns_of_one_name_and_of_none_are_kept_apart(put: Put, read: Read) -> None:
    put("a.csv", "text,a,a,\nt,1,2,3\n")
    assert read("a.csv")[0].metadata == {"a": 1, "a.3": 2, "column 4": 3}


CELL = st.text(st.characters(codec="utf-8", categories=["L", "P", "S", "Zs"])).map(str.strip)
ROWS = st.lists(st.tuples(CELL.filter(bool), CELL.filter(bool)), max_size=5)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(ROWS, st.sampled_from([",", "\t"]))
def test_what_the_csv_module_writes_is_read_back(rows: list[tuple[str, str]], mark: str) -> None:
    out = io.StringIO()
    csv.writer(out, delimiter=mark, quoting=csv.QUOTE_ALL).writerows([("id", "text"), *rows])
    opened = Opened("a", io.BytesIO(out.getvalue().encode()))
    reader = read_csv if mark == "," else read_tsv
    found = reader(opened, ReadSettings(encoding="utf-8"))
    assert [(item.document.id, item.document.text) for item in found] == rows

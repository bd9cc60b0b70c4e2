"""Tables in every way of writing, read as the csv module, pandas or pyarrow would."""

from __future__ import annotations

import csv
import datetime as dt
import decimal
import io
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from embedsearch._errors import MissingExtraError, ParameterError, SourceFormatError
from embedsearch._progress import SilentProgress
from embedsearch._types import Document
from embedsearch.text.readers.tables import read_csv, read_tsv
from embedsearch.text.settings import ReadSettings
from embedsearch.text.source_stream import SourceStream

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


TEXTS = [
    "Hello there, my dear; how are you?",
    "The sun | came out, and then it went.",
    "It rained all day",
    "Nothing to see; move along, please",
]
DELIMITERS = ",;\t|"


def spelled(rows: list[list[str]], mark: str, end: str = "\n", **options: Any) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=mark, lineterminator=end, **options).writerows(rows)
    return out.getvalue()


def bare(rows: list[list[str]], mark: str, behind: str = "") -> str:
    return "".join(f"{mark.join(row)}{behind}\n" for row in rows)


def tables(mark: str) -> dict[str, tuple[str, list[str]]]:
    """Tables of one delimiter: how each is written, and the texts of its rows."""
    head = ["id", "title", "text"]

    def rows(texts: list[str], title: str = "A title") -> list[list[str]]:
        return [head, *([str(number), title, text] for number, text in enumerate(texts))]

    plain = [text.replace(mark, "") for text in TEXTS]
    broken = [f"{text}\nand; a second, line|" for text in TEXTS]
    said = [f'He said "{text}" to me' for text in TEXTS]
    naive = [f'"Stop" he said {text}' for text in plain]
    other = ";" if mark != ";" else ","
    names = [[f"Name{other} Vorname", "Text"], *([f"Muster{other} Max", text] for text in plain)]
    prices = [["Nr", "Preis", "Datum", "Text"], *([f"{n}", "1,5", "1.2.2024", "hi, you"]
              for n in range(4))]  # fmt: skip
    pairs = [("id", "text"), *enumerate(TEXTS)]
    comments = "# made, by hand; today\n# and | again\n\n"
    every, paths = csv.QUOTE_ALL, [r"C:\new\x", r"D:\ "]
    return {
        "minimal": (spelled(rows(TEXTS), mark), TEXTS),
        "all quoted": (spelled(rows(TEXTS), mark, "\r\n", quoting=every), TEXTS),
        "numbers not quoted": (
            f"text{mark}n\n" + "".join(f'"{text}"{mark}{n}\n' for n, text in enumerate(TEXTS)),
            TEXTS,
        ),
        "mark and CRLF": ("\ufeff" + spelled(rows(TEXTS), mark, "\r\n"), TEXTS),
        "CR": (spelled(rows(TEXTS), mark, "\r"), TEXTS),
        "nothing quoted": (bare(rows(plain), mark), plain),
        "an empty cell too many": (bare(rows(plain), mark, mark), plain),
        "rows of empty cells": (bare(rows(plain), mark) + mark * 4 + "\n", plain),
        "header with empty cells": (bare([[*head, "", ""], *rows(plain)[1:]], mark), plain),
        "line breaks": (spelled(rows(broken), mark), broken),
        "doubled marks": (spelled(rows(said), mark), said),
        "backslashes": (
            spelled(rows(said), mark, doublequote=False, escapechar="\\", quoting=every),
            said,
        ),
        "a mark inside": (bare(rows(plain, '5" pipe'), mark), plain),
        "marks that are text": (bare(rows(naive), mark), naive),
        "Excel's line": (f"sep={mark}\r\n" + spelled(rows(TEXTS), mark, "\r\n"), TEXTS),
        "comments": (comments + spelled(rows(TEXTS), mark), TEXTS),
        "a header in a comment": ("# " + bare(rows(plain), mark), plain),
        "blank lines": (f"\n \n{mark * 3}\n" + spelled(rows(TEXTS), mark), TEXTS),
        "another delimiter in names": (spelled(names, mark, quoting=every), plain),
        "the same, not quoted": (bare(names, mark), plain),
        "decimal commas": (spelled(prices, mark), ["hi, you"] * 4),
        "spaces around marks": (
            "".join(f'"{n}" {mark} "{text}" \n' for n, text in pairs),
            TEXTS,
        ),
        "single marks": (
            "".join(f"'{n}'{mark}'{text}'\n" for n, text in pairs),
            TEXTS,
        ),
        "apostrophes": (spelled(rows(TEXTS, "don't 'tis"), mark), TEXTS),
        "paths": (spelled(rows(paths), mark, quoting=every), paths),
        "one row": (spelled(rows(TEXTS[:1]), mark), TEXTS[:1]),
    }  # fmt: skip


@pytest.mark.parametrize("mark", DELIMITERS)
def test_however_a_table_is_written_its_rows_are_read(
    mark: str, put: Put, read: Read, progress: SilentProgress
) -> None:
    wrong = {}
    for name, (data, texts) in tables(mark).items():
        put("a.csv", data)
        found = [document.text for document in read("a.csv")]
        if found != texts:
            wrong[name] = found
    assert not wrong
    says = any("cells are separated by" in note for note in progress.notes)
    assert says == (mark != ",")


def test_a_list_of_texts_has_one_column(put: Put, read: Read) -> None:
    put("a.csv", 'text\n"two\nlines, here"\nhello, there\n"5"\nso; what\n')
    assert [d.text for d in read("a.csv")] == ["two\nlines, here", "hello, there", "5", "so; what"]
    put("b.csv", '"Comments, please"\ngood, but dear\nbad\n')
    assert [d.text for d in read("b.csv")] == ["good, but dear", "bad"]


def test_a_title_above_a_table_is_not_taken_for_a_column(put: Put, read: Read) -> None:
    put("a.csv", "Report 2024\nid,text\n1,a\n2,b\n")
    put("b.csv", "Report\n\na;b;c\n1;x;y\n2;z;z\n")
    for name, line in [("a.csv", 2), ("b.csv", 3)]:
        with pytest.raises(SourceFormatError, match="but the header has 1 column;") as caught:
            read(name)
        assert caught.value.line == line


def test_the_known_names_of_columns_decide_between_delimiters(put: Put, read: Read) -> None:
    put("a.csv", "id;text, more\n1;a, b\n2;c, d\n")
    assert [(d.id, d.text) for d in read("a.csv")] == [("1", "a, b"), ("2", "c, d")]


def test_comments_before_the_header_are_counted(
    put: Put, read: Read, progress: SilentProgress
) -> None:
    put("a.csv", "# by hand\n# twice\nid,text\n1,a\n#2,no comment\n")
    assert [d.id for d in read("a.csv")] == ["1", "#2"]
    assert any("a.csv: skipped 2 comment lines" in note for note in progress.notes)
    put("b.csv", "#,Artikel,Preis\n1,Schraube,2\n")
    assert read("b.csv") == [Document("b.csv:1", "Schraube", {"#": 1, "Preis": 2})]


def test_a_delimiter_that_is_given_wins(put: Put, read: Read) -> None:
    put("a.csv", "sep=;\nid:text\n1:a; b, c\n")
    assert read("a.csv", delimiter=":") == [Document("1", "a; b, c")]
    put("b.tsv", "id;text\n1;a\tb\n")
    assert read("b.tsv", delimiter="semicolon") == [Document("1", "a\tb")]
    put("c.csv", "id text\n1 a,b\n")
    assert read("c.csv", delimiter="space") == [Document("1", "a,b")]
    for spelling in ("tab", "\\t", "\t", "TAB"):
        assert ReadSettings(delimiter=spelling).delimiter == "\t"


@pytest.mark.parametrize(
    "given", ["", ",,", "x", "7", '"', "'", "\n", "\0", "\\", "comma ", 5, b","]
)
def test_what_is_no_delimiter_is_refused(given: Any) -> None:
    with pytest.raises(ParameterError, match=r"delimiter must be one character.*, tab, "):
        ReadSettings(delimiter=given)


def test_tsv_has_tabs_unless_it_says_otherwise(put: Put, read: Read) -> None:
    put("a.tsv", "id\ttext\n1\ta, b; c\n")
    put("b.tsv", "sep=;\nid;text\n2;a\n")
    assert [d.text for d in read("a.tsv", "b.tsv")] == ["a, b; c", "a"]


@pytest.mark.parametrize(
    ("data", "line", "reason"),
    [
        ('id,text\n1,"x\ny","open\n3,b\n', 3, "opens a cell here and is never closed"),
        ('id,text\n1,a\n2,"open\n3,b\n4,"c"\n', 3, "text follows the quotation mark"),
        ('id,text\n"1","x\ny"\n"2","z" z\n', 4, "text follows the quotation mark"),
        ("text,n\n" + '"a, b",1\n' * 40_000 + '"open\n3,b\n', 40_002, "never closed"),
        ("id,text\n1,a,\n2,a,b\n", 3, "3 cells, but the header has 2 columns"),
        ("# x\n\nid,text,,\n1,a,,,\n2,a,,,b\n", 5, "5 cells, but the header has 4 columns"),
        ("2024-01-01;hello\n", 1, "does not name columns"),
    ],
)
def test_a_broken_table_names_the_line(
    data: str, line: int, reason: str, put: Put, read: Read
) -> None:
    put("a.csv", data)
    with pytest.raises(SourceFormatError, match=reason) as caught:
        read("a.csv")
    assert caught.value.line == line


def test_rows_inside_a_cell_are_noted(put: Put, read: Read, progress: SilentProgress) -> None:
    put("a.csv", 'id,text\n1,"open\n2,b\n3,c\n4,d\n5,closed"\n6,"two\nlines"\n')
    assert len(read("a.csv")) == 2
    notes = [note for note in progress.notes if "is a quotation mark not closed there?" in note]
    assert [note.partition(": ")[2][:26] for note in notes] == ["lines 2 to 6 are one row; "]
    poem = "roses are red\nviolets, blue\nsugar is sweet\nand so, and so, are you\nmy dear"
    put("b.csv", spelled([["id", "text"], ["7", poem]], ","))
    read("b.csv")
    assert sum("not closed there?" in note for note in progress.notes) == 1


def test_a_nul_is_named_with_its_line(put: Put, read: Read) -> None:
    put("a.csv", "id,text\n1,a\0b\n")
    with pytest.raises(SourceFormatError, match="line 2: holds a NUL character"):
        read("a.csv", encoding="utf-8")


def test_a_cell_beyond_the_limit_names_its_row(
    put: Put, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("a.csv", 'id,text\n1,a\n2,"' + "a\n" * 100_000 + '"\n')
    before = csv.field_size_limit(100_000)
    with monkeypatch.context() as patched:
        patched.setattr("csv.field_size_limit", lambda *_: 0)
        with pytest.raises(SourceFormatError, match=r"line 3: a cell of the row.*100,000,000"):
            read("a.csv")
    csv.field_size_limit(before)


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
    put("a.csv", "text,,a,a,,\nt,,1,2,3,\nu\n")
    assert [d.metadata for d in read("a.csv")] == [
        {"column 2": None, "a": 1, "a.4": 2, "column 5": 3},
        {"column 2": None, "a": None, "a.4": None, "column 5": None},
    ]


CELL = st.text(st.characters(codec="utf-8", categories=["L", "P", "S", "Zs"])).map(str.strip)
ROWS = st.lists(st.tuples(CELL.filter(bool), CELL.filter(bool)), max_size=5)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(ROWS, st.sampled_from([",", "\t"]))
def test_what_the_csv_module_writes_is_read_back(rows: list[tuple[str, str]], mark: str) -> None:
    out = io.StringIO()
    csv.writer(out, delimiter=mark, quoting=csv.QUOTE_ALL).writerows([("id", "text"), *rows])
    opened = SourceStream("a", io.BytesIO(out.getvalue().encode()))
    reader = read_csv if mark == "," else read_tsv
    found = reader(opened, ReadSettings(encoding="utf-8"))
    assert [(item.document.id, item.document.text) for item in found] == rows


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


def test_a_missing_column_of_parquet_names_those_that_exist(put: Put, read: Read) -> None:
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

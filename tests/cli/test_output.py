"""One answer in each form of output, read back by the standard library."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedsearch.cli.answers import Answer
from embedsearch.cli.output import csv_line, json_array, json_line, show

CapSys = pytest.CaptureFixture[str]
FOUND = [{"word": "zoë", "score": 0.5}, {"word": 'a "b", c', "score": -0.25}]
LIST = Answer(FOUND, ("word", "score"), notes=("a note",))
ONE = Answer.one({"a": "x", "b": "y", "score": 1.0})


def written(answer: Answer, output: str, capsys: CapSys) -> str:
    show(answer, output)
    return capsys.readouterr().out


def test_json_of_many_is_a_list_with_one_a_line(capsys: CapSys) -> None:
    out = written(LIST, "json", capsys)
    assert json.loads(out) == FOUND
    assert len(out.splitlines()) == 2
    assert "zoë" in out


def test_json_of_none_is_an_empty_list(capsys: CapSys) -> None:
    assert json.loads(written(Answer([], ("word",)), "json", capsys)) == []


def test_json_of_one_is_an_object(capsys: CapSys) -> None:
    assert json.loads(written(ONE, "json", capsys)) == ONE.records[0]


def test_jsonl_has_an_object_a_line(capsys: CapSys) -> None:
    assert [json.loads(line) for line in written(LIST, "jsonl", capsys).splitlines()] == FOUND


def test_csv_has_a_header_and_is_read_back(capsys: CapSys) -> None:
    rows = list(csv.DictReader(io.StringIO(written(LIST, "csv", capsys))))
    assert rows == [{"word": "zoë", "score": "0.5"}, {"word": 'a "b", c', "score": "-0.25"}]


def test_csv_of_nothing_is_a_header(capsys: CapSys) -> None:
    assert written(Answer([], ("word", "score")), "csv", capsys) == "word,score\n"


def test_notes_go_to_standard_error(capsys: CapSys) -> None:
    show(LIST, None)
    captured = capsys.readouterr()
    assert captured.err == "a note\n"
    assert "a note" not in captured.out


def test_a_nested_cell_of_csv_is_json() -> None:
    cells = next(csv.reader([csv_line(["a", {"year": 1999, "tags": ["x", "é"]}, None])]))
    assert cells[0] == "a"
    assert json.loads(cells[1]) == {"year": 1999, "tags": ["x", "é"]}
    assert cells[2] == ""


@given(st.lists(st.dictionaries(st.text(), st.text() | st.integers() | st.none())))
def test_any_values_come_back_from_json(values: list[dict[str, Any]]) -> None:
    assert json.loads(json_array(values)) == values
    assert [json.loads(json_line(value)) for value in values] == values


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=1)
)
def test_any_cells_come_back_from_csv(cells: list[str]) -> None:
    written = io.StringIO(csv_line(cells, raw=True), newline="")
    assert next(csv.reader(written)) == cells

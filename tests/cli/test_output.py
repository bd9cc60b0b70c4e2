"""One answer in each form of output, read back by the standard library."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st
from rich.cells import cell_len

from embedsearch.cli.output import Answer, align, csv_line, draw, json_array, json_line, show, width

CapSys = pytest.CaptureFixture[str]
Run = Callable[..., subprocess.CompletedProcess[str]]
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


def test_columns_are_aligned_and_numbers_stand_right() -> None:
    drawn = align(["word", "score"], [["a", "0.5000"], ["much longer", "-12.0000"]], [False, True])
    assert drawn == ("word            score\na              0.5000\nmuch longer  -12.0000\n")


def test_wide_characters_take_two_places_as_rich_counts_them() -> None:
    for text in ("plain", "naïve", "東京タワー", "한국", "e\u0301te\u0301", "ｆｕｌｌ"):
        assert width(text) == cell_len(text)


def test_a_table_drops_titles_that_no_document_has(capsys: CapSys) -> None:
    records = [{"id": "a", "score": 0.5, "title": "", "snippet": "one\n two", "metadata": {}}]
    draw(Answer(records, tuple(records[0]), hidden=frozenset({"metadata"})))
    assert capsys.readouterr().out.split("\n") == [
        "id   score  snippet",
        "a   0.5000  one two",
        "",
    ]


def test_a_document_cannot_send_control_sequences_to_the_terminal(capsys: CapSys) -> None:
    draw(Answer([{"id": "\x1b[2Jgone\x9b1m"}], ("id",)))
    assert "\x1b" not in (out := capsys.readouterr().out)
    assert "\x9b" not in out
    assert "gone" in out


def test_no_records_draw_nothing(capsys: CapSys) -> None:
    draw(Answer([], ("word", "score")))
    assert capsys.readouterr().out == ""


def test_a_vertical_table_has_a_line_for_each_fact(capsys: CapSys) -> None:
    facts = {"documents": 12345, "ok": True, "left": None, "parameters": {"sg": 1, "hs": 0}}
    draw(Answer.facts({**facts, "report": {}}, hidden=["report"]))
    assert capsys.readouterr().out.splitlines() == [
        "documents   12,345",
        "ok          yes",
        "left        -",
        "parameters  sg=1, hs=0",
    ]


Start = Callable[..., subprocess.Popen[str]]


def single(invoke: Run, workspace: Path, *arguments: str) -> object:
    return json.loads(invoke(*arguments, "-w", workspace, "-k", "2", "--json").stdout)


def test_json_has_each_query_with_its_results(invoke: Run, workspace: Path) -> None:
    process = invoke("similar", "-", "-w", workspace, "-k", "2", "--json", stdin="cow\n\n  star \n")
    assert (process.returncode, process.stderr) == (0, "")
    assert json.loads(process.stdout) == [
        {"query": word, "results": single(invoke, workspace, "similar", word)}
        for word in ("cow", "star")
    ]


def test_jsonl_has_a_query_a_line(invoke: Run, workspace: Path) -> None:
    process = invoke("search", "-", "-w", workspace, "-k", "2", "--jsonl", stdin="the barn\nhay\n")
    assert [json.loads(line) for line in process.stdout.splitlines()] == [
        {"query": text, "results": single(invoke, workspace, "search", text)}
        for text in ("the barn", "hay")
    ]


def test_what_is_said_of_a_query_is_in_json_too(invoke: Run, workspace: Path) -> None:
    lines = 'the barn\nbarn "hay hay hay\n'
    process = invoke("search", "-", "-w", workspace, "-k", "2", "--jsonl", stdin=lines)
    first, second = map(json.loads, process.stdout.splitlines())
    assert "notes" not in first
    assert second["notes"] == ["a quote is not closed, so it means nothing"]
    assert process.stderr.strip() == second["notes"][0]


def test_jsonl_is_answered_line_by_line(start: Start, workspace: Path) -> None:
    with start("similar", "-", "--jsonl", "-w", workspace) as process:
        assert process.stdin
        assert process.stdout
        for word in ("cow", "star"):
            process.stdin.write(f"{word}\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["query"] == word
        process.stdin.close()
        assert process.wait() == 0


def test_csv_has_the_query_in_its_first_column(invoke: Run, workspace: Path) -> None:
    process = invoke("similar", "-", "-w", workspace, "-k", "2", "--csv", stdin="cow\nstar\n")
    rows = list(csv.DictReader(io.StringIO(process.stdout)))
    assert list(rows[0])[:4] == ["query", "word", "score", "count"]
    assert [row["query"] for row in rows] == ["cow", "cow", "star", "star"]


def test_a_table_stands_below_each_query(invoke: Run, workspace: Path) -> None:
    process = invoke("similar", "-", "-w", workspace, "-k", "1", stdin="cow\nstar\n")
    lines = process.stdout.splitlines()
    assert [lines[0], lines[3], lines[4]] == ["cow", "", "star"]
    assert lines[1].split() == ["word", "score", "count"]


@pytest.mark.parametrize("output", ["--json", "--jsonl", "--csv", "--table"])
def test_an_unknown_word_does_not_stop_the_others(
    invoke: Run, workspace: Path, output: str
) -> None:
    process = invoke("similar", "-", "-w", workspace, output, stdin="cow\nxyzzy\nstar\n")
    assert process.returncode == 1
    assert process.stderr.startswith("Error: 'xyzzy' is not in the vocabulary")
    assert len(process.stderr.splitlines()) == 1
    assert "planet" in process.stdout


def test_an_unknown_word_is_an_error_in_its_place(invoke: Run, workspace: Path) -> None:
    process = invoke("similar", "-", "-w", workspace, "--json", stdin="cow\nxyzzy\nstar\n")
    found = json.loads(process.stdout)
    assert [list(entry) for entry in found] == [
        ["query", "results"],
        ["query", "error"],
        ["query", "results"],
    ]
    assert found[1]["error"] in process.stderr


def test_pairs_are_cut_at_tabs_or_blanks(invoke: Run, workspace: Path) -> None:
    process = invoke(
        "similarity", "-", "-w", workspace, "--json", stdin="cow goat\ncow\tgoat\ncow\n"
    )
    first, second, third = json.loads(process.stdout)
    assert first["results"] == second["results"]
    assert [first["results"][0][name] for name in "ab"] == ["cow", "goat"]
    assert "two words" in third["error"]
    assert process.returncode == 1


def test_groups_are_read_one_a_line(invoke: Run, workspace: Path) -> None:
    lines = "cow goat star\nmoon comet sheep\n"
    process = invoke("odd-one-out", "-", "-w", workspace, "--csv", stdin=lines)
    assert [row["word"] for row in csv.DictReader(io.StringIO(process.stdout))] == ["star", "sheep"]


def test_no_queries_give_no_answers(invoke: Run, workspace: Path) -> None:
    assert json.loads(invoke("similar", "-", "-w", workspace, "--json").stdout) == []
    assert invoke("similar", "-", "-w", workspace).stdout == ""


def test_queries_that_are_not_text_are_an_error_that_names_the_line(
    start: Start, workspace: Path
) -> None:
    with start("similar", "-", "--jsonl", "-w", workspace) as process:
        assert process.stdin
        assert process.stderr
        process.stdin.buffer.write(b"cow\n\xff\xfe\n")
        process.stdin.close()
        assert process.wait() == 1
        assert process.stderr.read() == "Error: -, line 2: queries must be UTF-8 text\n"


def test_a_byte_order_mark_is_not_part_of_the_first_query(invoke: Run, workspace: Path) -> None:
    process = invoke("similar", "-", "-w", workspace, "--json", stdin="\ufeffcow\n")
    assert json.loads(process.stdout)[0]["query"] == "cow"

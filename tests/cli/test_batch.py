"""Many queries from standard input."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]
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
    assert list(rows[0]) == ["query", "word", "score"]
    assert [row["query"] for row in rows] == ["cow", "cow", "star", "star"]


def test_a_table_stands_below_each_query(invoke: Run, workspace: Path) -> None:
    process = invoke("similar", "-", "-w", workspace, "-k", "1", stdin="cow\nstar\n")
    lines = process.stdout.splitlines()
    assert [lines[0], lines[3], lines[4]] == ["cow", "", "star"]
    assert lines[1].split() == ["word", "score"]


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

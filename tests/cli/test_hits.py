"""Why documents were found, and where: `--explain`, `--expand` and highlights."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from embedsearch._types import ExpandedWord, Explanation, Highlight, Hit, Hits, Part
from embedsearch.cli.hits import documents_found
from embedsearch.cli.output import show

Run = Callable[..., subprocess.CompletedProcess[str]]

PARTS = (
    Part("BM25", "car", "car", 2.0),
    Part("words", "car", "car", 0.25),
    Part("words", "car", "vehicle", 0.5),
    Part("words", "", "", 1.0, "b"),
)
EXPLANATION = Explanation(4.0, PARTS, 0.25, {"BM25": 2.0, "words": 2.0})
MARKS = (Highlight(2, 9, "car", 0.5), Highlight(13, 16, "car", 1.0))
HIT = Hit("a", 4.0, "", "A vehicle or car.", {}, MARKS, EXPLANATION)


def test_json_says_what_each_score_is_made_of(invoke: Run, workspace: Path) -> None:
    process = invoke("search", "comet in the barn", "-w", workspace, "--explain", "--json")
    for hit in json.loads(process.stdout):
        told = hit["explanation"]
        added = sum(part["contribution"] for part in told["parts"])
        assert added + told["rest"] == pytest.approx(told["score"], abs=1e-6)
        assert sum(told["encoders"].values()) == pytest.approx(told["score"], abs=1e-4)
        assert told["score"] == pytest.approx(hit["score"], abs=1e-6)
        assert {part["query_word"] for part in told["parts"]} <= {"comet", "barn", ""}


def test_json_says_where_the_words_of_the_query_are(invoke: Run, workspace: Path) -> None:
    process = invoke("search", "Comets at dawn", "-w", workspace, "--json", "-k", "3")
    for hit in json.loads(process.stdout):
        marks = {hit["snippet"][m["start"] : m["stop"]]: m for m in hit["highlights"]}
        assert {"comet", "dawn"} & set(marks)
        assert all(m["query_word"] in ("Comets", "comets", "dawn") for m in marks.values())


def test_a_table_shows_the_strongest_pairs_and_they_add_up(invoke: Run, workspace: Path) -> None:
    process = invoke("search", "comet at dawn", "-w", workspace, "--explain", "-k", "2")
    header, *lines = process.stdout.splitlines()
    assert header.split() == ["id", "score", "title", "snippet", "explanation"]
    for line in lines:
        score = float(line.split()[1])
        told = line.rpartition("  ")[2]
        numbers = [float(part.rpartition(" ")[2]) for part in told.split(", ")]
        assert sum(numbers) == pytest.approx(score, abs=0.005 * (len(numbers) + 1))
        assert re.search(r"\bcomet \d", told)


def test_a_table_shows_the_rank_in_each_list(invoke: Run, workspace: Path) -> None:
    options = ("-w", workspace, "--mode", "rrf", "--explain", "-k", "3")
    _, *lines = invoke("search", "comet at dawn", *options).stdout.splitlines()
    for line in lines:
        told = re.findall(r"rank (\d+) by ([\w-]+) (0\.\d{4})", line.rpartition("  ")[2])
        assert "BM25" in {name for _, name, _ in told}
        assert all(float(added) == round(1 / (60 + int(rank)), 4) for rank, _, added in told)
        assert sum(1 / (60 + int(rank)) for rank, _, _ in told) == pytest.approx(
            float(line.split()[1]), abs=6e-5
        )
    (first, *_) = json.loads(invoke("search", "comet at dawn", *options, "--json").stdout)
    told = first["explanation"]
    assert all(part["contribution"] == 1 / (60 + part["rank"]) for part in told["parts"])
    assert sum(told["encoders"].values()) == pytest.approx(told["score"], abs=1e-8)


def test_without_the_option_nothing_is_explained(invoke: Run, workspace: Path) -> None:
    process = invoke("search", "comet", "-w", workspace, "--json")
    assert all("explanation" not in hit for hit in json.loads(process.stdout))


def test_words_that_were_added_are_told(invoke: Run, workspace: Path) -> None:
    plain = invoke("search", "comet", "-w", workspace, "--json")
    process = invoke("search", "comet", "-w", workspace, "--json", "--expand")
    assert process.returncode == 0
    # The word is frequent here, so that nothing is added.
    assert (process.stdout, process.stderr) == (plain.stdout, "")
    answer = documents_found(Hits([HIT], expanded=[ExpandedWord("automobile", "car", 0.7, 0.21)]))
    assert answer.notes == ("looked for, too: car (near automobile 0.70)",)


def test_pairs_of_all_encoders_are_summed_up() -> None:
    answer = documents_found(Hits([HIT]), explained=True)
    told = answer.texts["explanation"](answer.records[0]["explanation"])
    assert told == "car 2.25, car ~ vehicle 0.50, first hits 1.00, others 0.25"


def test_words_are_bold_on_a_terminal_and_plain_in_a_pipe(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = documents_found(Hits([HIT]))
    show(answer, None)
    assert "A vehicle or car." in capsys.readouterr().out
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    for name, value in {"FORCE_COLOR": "1", "TERM": "xterm", "COLUMNS": "80"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)
    show(answer, None)
    assert "A \x1b[1mvehicle\x1b[0m or \x1b[1mcar\x1b[0m." in capsys.readouterr().out

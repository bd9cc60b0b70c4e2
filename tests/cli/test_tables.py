"""Tables as plain text."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from embedsearch.cli.answers import Answer
from embedsearch.cli.tables import align, draw, width

CapSys = pytest.CaptureFixture[str]


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


def test_no_records_leave_the_header(capsys: CapSys) -> None:
    draw(Answer([], ("word", "score")))
    assert capsys.readouterr().out == "word  score\n"


def test_a_vertical_table_has_a_line_for_each_fact(capsys: CapSys) -> None:
    facts = {"documents": 12345, "ok": True, "left": None, "parameters": {"sg": 1, "hs": 0}}
    draw(Answer.facts({**facts, "report": {}}, hidden=["report"]))
    assert capsys.readouterr().out.splitlines() == [
        "documents   12,345",
        "ok          yes",
        "left        -",
        "parameters  sg=1, hs=0",
    ]

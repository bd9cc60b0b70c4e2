"""`search` and `related` as processes."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import embedsearch as es

Run = Callable[..., subprocess.CompletedProcess[str]]
FIELDS = ["id", "score", "title", "snippet", "metadata", "source", "highlights"]


def test_search_finds_documents_of_the_topic(invoke: Run, workspace: Path, corpus: Path) -> None:
    process = invoke("search", "a comet at night", "-w", workspace, "-k", "10", "--json")
    found = json.loads(process.stdout)
    assert process.returncode == 0
    assert [list(hit) for hit in found] == [FIELDS] * 10
    assert {hit["metadata"]["topic"] for hit in found} == {"sky"}
    assert {hit["source"] for hit in found} == {str(corpus.resolve())}
    assert [hit["score"] for hit in found] == sorted((h["score"] for h in found), reverse=True)


def test_a_search_needs_no_quotes(invoke: Run, workspace: Path) -> None:
    quoted = invoke("search", "hay in the barn", "-w", workspace, "--json")
    assert invoke("search", "hay", "in", "the", "barn", "-w", workspace, "--json").stdout == (
        quoted.stdout
    )


def test_related_documents_are_of_the_same_topic_and_not_the_same(
    invoke: Run, workspace: Path
) -> None:
    found = json.loads(invoke("related", "farm-3", "-w", workspace, "-k", "5", "--json").stdout)
    assert {hit["metadata"]["topic"] for hit in found} == {"farm"}
    assert "farm-3" not in {hit["id"] for hit in found}


def test_csv_holds_metadata_as_json(invoke: Run, workspace: Path) -> None:
    process = invoke("search", "hay", "-w", workspace, "-k", "1", "--csv")
    (row,) = csv.DictReader(io.StringIO(process.stdout))
    assert list(row) == FIELDS
    assert json.loads(row["metadata"]) == {"topic": "farm"}


def test_a_table_has_a_line_for_each_document(invoke: Run, workspace: Path) -> None:
    lines = invoke("search", "hay", "-w", workspace, "-k", "3").stdout.splitlines()
    assert lines[0].split() == ["id", "score", "title", "snippet"]
    assert len(lines) == 4


def test_words_that_are_not_known_are_told_on_standard_error(invoke: Run, workspace: Path) -> None:
    process = invoke("search", "hay for the xyzzy", "-w", workspace, "--json")
    assert process.returncode == 0
    assert process.stderr.startswith("words not in the vocabulary: ")
    assert "xyzzy" in process.stderr
    assert json.loads(process.stdout)


def test_a_search_for_nothing_known_is_an_error(invoke: Run, workspace: Path) -> None:
    for text in ("xyzzy", "", "..."):
        process = invoke("search", text, "-w", workspace, "--json")
        assert (process.returncode, process.stdout) == (1, "")
        assert process.stderr.startswith("Error: ")


def test_an_unknown_id_is_an_error(invoke: Run, workspace: Path) -> None:
    process = invoke("related", "farm-999", "-w", workspace)
    assert (process.returncode, process.stdout) == (1, "")
    assert "'farm-999'" in process.stderr


@pytest.mark.parametrize("mode", ["auto", "lexical", "latent", "hybrid", "rrf"])
def test_a_mode_is_that_of_the_library(invoke: Run, workspace: Path, mode: str) -> None:
    found = json.loads(
        invoke("search", "hay in the barn", "-w", workspace, "--mode", mode, "--json").stdout
    )
    with es.open(workspace) as ws:
        expected = ws.search("hay in the barn", mode=mode)
    assert [(hit["id"], hit["score"]) for hit in found] == [
        (hit.id, round(hit.score, 6)) for hit in expected
    ]


def test_a_condition_holds_for_all_that_is_found(invoke: Run, workspace: Path) -> None:
    options = ("-w", workspace, "-k", "100", "--json", "--where", "topic = 'sky'")
    found = json.loads(invoke("search", "hay in the barn", *options).stdout)
    assert {hit["metadata"]["topic"] for hit in found} == {"sky"}
    related = json.loads(invoke("related", "farm-3", *options).stdout)
    assert {hit["id"] for hit in related} == {f"sky-{n}" for n in range(40)}


def test_a_condition_that_is_wrong_is_an_error(invoke: Run, workspace: Path) -> None:
    for command in (("search", "hay"), ("related", "farm-3")):
        process = invoke(*command, "-w", workspace, "--where", "topic =\t=")
        assert (process.returncode, process.stdout) == (1, "")
        reason, shown, mark = process.stderr.splitlines()
        assert reason.startswith("Error: the filter, at character 9: ")
        assert (shown, mark) == ("  topic = =", "          ^")


def test_words_may_be_required_and_excluded(invoke: Run, workspace: Path) -> None:
    def texts(*arguments: str) -> list[str]:
        found = json.loads(invoke("search", "-w", workspace, "-k80", "--json", *arguments).stdout)
        with es.open(workspace) as ws:
            return [ws.documents[hit["id"]].text for hit in found]

    required = texts("hay +cow")
    assert required
    assert all("cow" in text for text in required)
    excluded = texts("hay -cow")
    assert excluded
    assert not any("cow" in text for text in excluded)
    assert texts("--", "-cow", "hay") == excluded
    phrase = texts('+"goat slept"')
    assert phrase
    assert all("goat slept" in text for text in phrase)


def test_an_excluded_word_in_front_is_taken_for_an_option(invoke: Run, workspace: Path) -> None:
    process = invoke("search", "-cow hay", "-w", workspace)
    assert (process.returncode, process.stdout) == (2, "")
    assert "No such option" in process.stderr
    assert "after --" in " ".join(invoke("search", "--help").stdout.split())


def test_a_search_for_excluded_words_alone_is_an_error(invoke: Run, workspace: Path) -> None:
    process = invoke("search", "-w", workspace, "--", "-cow")
    assert (process.returncode, process.stdout) == (1, "")
    assert process.stderr.startswith("Error: ")

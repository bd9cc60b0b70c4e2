"""Counting on the command line, against the library."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest

import embedsearch as es
from embedsearch.cli.output import width

Run = Callable[..., subprocess.CompletedProcess[str]]


def answered(process: subprocess.CompletedProcess[str]) -> list[dict[str, object]]:
    assert (process.returncode, process.stderr) == (0, "")
    found = json.loads(process.stdout)
    assert isinstance(found, list)
    return found


def test_words_are_those_of_the_library(invoke: Run, workspace: Path) -> None:
    options = ("--sort", "df", "--pattern", "*e*", "--where", "topic = 'farm'")
    found = answered(invoke("words", "-k", "7", *options, "-w", workspace, "--json"))
    with es.open(workspace) as ws:
        expected = ws.texts.words(7, sort="df", pattern="*e*", where="topic = 'farm'")
    assert found == [each._asdict() for each in expected]


def test_keywords_of_a_topic_are_its_words(invoke: Run, workspace: Path) -> None:
    chosen = ("--where", "topic = 'farm'", "-w", workspace, "--json")
    found = answered(invoke("keywords", "-k", "5", *chosen))
    with es.open(workspace) as ws:
        expected = ws.texts.keywords(where="topic = 'farm'", topn=5)
    assert [each["word"] for each in found] == [each.word for each in expected]
    assert found[0]["score"] == pytest.approx(expected[0].score, abs=1e-4)
    assert {each["reference_count"] for each in found} == {0}
    assert answered(invoke("words", "-k", "5", "--against", "rest", *chosen)) == found


def test_keywords_of_documents_and_of_lines(invoke: Run, workspace: Path) -> None:
    one = answered(invoke("keywords", "farm-1", "sky-1", "-w", workspace, "--json"))
    lines = "farm-1\tsky-1\nnowhere\n"
    batch = invoke("keywords", "-", "-w", workspace, "--json", stdin=lines)
    first, second = json.loads(batch.stdout)
    assert (first["results"], batch.returncode) == (one, 1)
    assert "no document has the id 'nowhere'" in second["error"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("keywords",), "Missing argument 'ID...' or option '--where'"),
        (("words", "--against", "rest"), "--against needs --where"),
        (("words", "--against", "rest", "--where", "id = 'x'", "--sort", "df"), "does not go with"),
        (("compare", "cow"), "Missing option '--by'"),
        (("concordance",), "Missing argument 'WORD...'"),
    ],
)
def test_what_is_missing_is_said(
    invoke: Run, workspace: Path, arguments: tuple[str, ...], message: str
) -> None:
    process = invoke(*arguments, "-w", workspace)
    assert process.returncode == 2
    assert message in process.stderr


def test_a_concordance_has_places(invoke: Run, workspace: Path) -> None:
    arguments = ("concordance", "ate", "the", "hay", "-k", "3", "--width", "9", "--sort", "left")
    found = answered(invoke(*arguments, "-w", workspace, "--json"))
    assert list(found[0]) == ["left", "match", "right", "id", "field", "offset"]
    with es.open(workspace) as ws:
        for line in found:
            text = ws.documents[str(line["id"])].text
            assert text.startswith(f"{line['left']}ate the hay", int(str(line["offset"])) - 9)


def test_nothing_found_is_said(invoke: Run, workspace: Path) -> None:
    process = invoke("concordance", "unicorn", "-w", workspace, "--csv")
    assert (process.stdout, process.returncode) == ("left,match,right,id,field,offset\n", 0)
    assert process.stderr == "'unicorn' is in none of the documents\n"


def test_a_table_is_aligned_at_the_word(invoke: Run, tmp_path: Path) -> None:
    texts = ["北京大学在北京,a star in 日本", "the star", "é star e\u0301e\u0301e\u0301 far"]
    with es.create(tmp_path / "wide.es") as ws:
        ws.add(es.Document(f"d{n}", text) for n, text in enumerate(texts))
    process = invoke("concordance", "star", "--width", "12", "-w", tmp_path / "wide.es")
    header, *lines = process.stdout.splitlines()
    assert [line.count("star") for line in lines] == [1, 1, 1]
    places = {width(line[: line.index("star")]) for line in lines}
    assert places == {header.index("match")} == {14}
    assert {width(line[: line.rindex("d")]) for line in lines} == {
        width(header[: header.index("id")])
    }


@pytest.mark.parametrize("columns", [45, 60, 120])
def test_lines_fit_on_a_terminal(
    workspace: Path, environment: dict[str, str], columns: int
) -> None:
    command = ["-m", "embedsearch", "concordance", "ate the hay", "--width", "50", "-k", "5"]
    drawn = pexpect.run(
        shlex.join([sys.executable, *command, "-w", str(workspace)]),
        env={**environment, "NO_COLOR": "1", "TERM": "dumb"},
        encoding="utf-8",
        dimensions=(24, columns),
    )
    plain = re.sub(r"\x1b\[[0-9;]*m", "", drawn)
    lines = [line for line in plain.splitlines() if "ate the hay" in line]
    # One that does not fit would be broken.
    assert len(lines) == 5
    (place,) = {line.index("match") for line in plain.splitlines() if "match" in line}
    assert all(line[place:].startswith("ate the hay") for line in lines)
    assert all(re.search(r"farm-\d+ *$", line) for line in lines)


def test_groups_are_compared(invoke: Run, workspace: Path) -> None:
    arguments = ("compare", "night", "--by", "topic", "-k", "2", "-w", workspace)
    found = answered(invoke(*arguments, "--json"))
    assert [(each["group"], each["documents"], each["df"]) for each in found] == [
        ("farm", 40, 0),
        ("sky", 40, found[1]["df"]),
    ]
    assert found[0]["company"] == []
    (_, farm, sky) = invoke(*arguments).stdout.splitlines()
    assert farm.split() == ["farm", "40", "0", "0", "0.0", "-"]
    company = found[1]["company"]
    assert isinstance(company, list)
    assert sky.endswith(", ".join(each["word"] for each in company))
    rows = list(csv.DictReader(io.StringIO(invoke(*arguments, "--csv").stdout)))
    assert json.loads(rows[1]["company"]) == company


def test_counting_needs_no_training(run: Run, tmp_path: Path) -> None:
    with es.create(tmp_path / "new.es") as ws:
        ws.add([es.Document("a", "red fish", {"year": 1}), es.Document("b", "blue", {"year": 2})])
    for arguments in (
        ("words",),
        ("concordance", "fish"),
        ("keywords", "a"),
        ("compare", "fish", "--by", "year"),
    ):
        process = run(*arguments, "-w", tmp_path / "new.es")
        assert process.returncode == 0, process.stderr
        assert process.stdout

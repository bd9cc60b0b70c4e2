"""`show`, `list` and `sample`, and what `search` and `delete` do with fields and sources."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pexpect
import pytest

import embedsearch as es
from embedsearch.cli import listing, questions

Run = Callable[..., subprocess.CompletedProcess[str]]
TEXT = "First line.\nSecond = \x1b[31mred\nThird.\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Three documents, not trained, and a fourth that comes from a file."""
    with es.create(tmp_path / "a.es") as ws:
        ws.add(
            [
                es.Document("one", TEXT, {"year": 1990, "tags": ["x", "y"]}, "A title"),
                es.Document("two 2", "Short.", {"year": "1985", "at": {"place": "Ulm"}}),
                es.Document("three", "", {"score": 0.5}, "=1+1"),
            ]
        )
        (tmp_path / "four.txt").write_text("From a file.")
        ws.add_sources(tmp_path / "four.txt")
    return tmp_path / "a.es"


def answer(process: subprocess.CompletedProcess[str]) -> Any:
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout)


def test_show_writes_a_document_as_it_is_read(invoke: Run, path: Path) -> None:
    process = invoke("show", "one", "-w", path)
    assert process.stdout == (
        "id     one\ntitle  A title\ntags   x, y\nyear   1990\n\n"
        "First line.\nSecond = \\x1b[31mred\nThird.\n"
    )
    source = path.parent / "four.txt"
    both = invoke("show", "two 2", "four.txt", "-w", path).stdout
    assert both == (
        "id        two 2\nat.place  Ulm\nyear      1985\n\nShort.\n\n"
        f"id      four.txt\nsource  {source}\n\nFrom a file.\n"
    )


def test_show_as_json_is_a_list_of_whole_documents(invoke: Run, path: Path) -> None:
    metadata = {"tags": ["x", "y"], "year": 1990}
    one = {"id": "one", "title": "A title", "text": TEXT, "metadata": metadata, "source": None}
    assert answer(invoke("show", "one", "--json", "-w", path)) == [one]
    found = answer(invoke("show", "-", "--json", "-w", path, stdin="one\nthree\tfour.txt\n"))
    assert found[0] == {"query": "one", "results": [one]}
    assert [each["id"] for each in found[1]["results"]] == ["three", "four.txt"]
    (row,) = csv.DictReader(io.StringIO(invoke("show", "three", "--csv", "-w", path).stdout))
    assert (row["title"], row["metadata"]) == ("'=1+1", '{"score": 0.5}')


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("--lines=2", "Second = \x1b[31mred"),
        ("--lines=2-3", "Second = \x1b[31mred\nThird."),
        ("--lines=3-", "Third.\n"),
        ("--lines=1-99", TEXT),
        ("--chars=1-5", "First"),
        ("--chars=7-", TEXT[6:]),
        ("--chars=3", "r"),
    ],
)
def test_show_a_part(invoke: Run, path: Path, option: str, text: str) -> None:
    (found,) = answer(invoke("show", "one", option, "--json", "-w", path))
    assert found["text"] == text


@pytest.mark.parametrize(
    ("options", "told", "code"),
    [
        (["on"], "no document has the id 'on'; did you mean 'one'?", 1),
        (["thre"], "did you mean 'three'?", 1),
        (["one", "--lines", "9-"], "document 'one' has only 4 lines", 1),
        (["three", "--chars", "1"], "document 'three' has only 0 characters", 1),
        (["one", "--lines", "0-3"], "'0-3' is no range such as 5, 5-20 or 5-.", 2),
        (["one", "--lines", "3-2"], "'3-2' is no range", 2),
        (["one", "--lines", "x"], "'x' is no range", 2),
        (["one", "--lines", "1", "--chars", "1"], "do not go together", 2),
        ([], "Missing argument 'ID...'", 2),
    ],
)
def test_what_cannot_be_shown_is_an_error(
    invoke: Run, path: Path, options: list[str], told: str, code: int
) -> None:
    process = invoke("show", *options, "-w", path)
    assert process.returncode == code
    assert told in process.stderr
    assert process.stdout == ""


def test_list_is_a_short_table_and_whole_documents_as_json(invoke: Run, path: Path) -> None:
    process = invoke("list", "-k", "2", "-w", path)
    assert process.stdout.splitlines() == [
        "id     title    text",
        "one    A title  First line. Second = �[31mred Third.",
        "two 2           Short.",
    ]
    assert process.stderr == "1 to 2 of 4 documents\n"
    process = invoke("list", "-k", "0", "--jsonl", "-w", path)
    rows = [json.loads(line) for line in process.stdout.splitlines()]
    assert [row["id"] for row in rows] == ["one", "two 2", "three", "four.txt"]
    assert (rows[0]["text"], process.stderr) == (TEXT, "")
    process = invoke("list", "--offset", "3", "--columns", "id,source", "--json", "-w", path)
    assert answer(process) == [{"id": "four.txt", "source": str(path.parent / "four.txt")}]
    assert process.stderr == "4 to 4 of 4 documents\n"


def test_what_list_writes_can_be_read_again(invoke: Run, path: Path, tmp_path: Path) -> None:
    file = tmp_path / "all.jsonl"
    file.write_text(invoke("list", "-k", "0", "--jsonl", "-w", path).stdout)
    assert invoke("add", file, "-w", tmp_path / "copy.es").returncode == 0
    with es.open(path) as old, es.open(tmp_path / "copy.es") as new:
        assert list(new.documents.values()) == list(old.documents.values())


def test_list_shows_chosen_columns_in_a_chosen_order(invoke: Run, path: Path) -> None:
    options = ("--columns", "id, year,at.place", "--sort", "-year", "-w", path)
    process = invoke("list", *options)
    header, first, second, *_ = [line.split() for line in process.stdout.splitlines()]
    assert header == ["id", "year", "at.place"]
    assert (first, second) == (["one", "1990", "-"], ["two", "2", "1985", "Ulm"])
    assert answer(invoke("list", *options, "--offset", "1", "--json"))[0] == {
        "id": "two 2",
        "year": "1985",
        "at.place": "Ulm",
    }
    some = answer(invoke("list", "--where", "year < 1990", "--columns", "id", "--json", "-w", path))
    assert some == [{"id": "two 2"}]
    process = invoke("list", "--where", "year < 1900", "-w", path)
    assert (process.stdout, process.stderr) == ("", "no document meets year < 1900\n")


def test_list_counts_by_a_field(invoke: Run, path: Path) -> None:
    process = invoke("list", "--facet", "year", "-w", path)
    assert [line.split() for line in process.stdout.splitlines()] == [
        ["value", "documents", "share"],
        ["1985", "1", "25.0%"],
        ["1990", "1", "25.0%"],
        ["-", "2", "50.0%"],
    ]
    assert process.stderr == "of 4 documents, 2 without year\n"
    process = invoke("list", "--facet", "year", "-k", "1", "--json", "-w", path)
    assert answer(process) == [{"value": "1985", "documents": 1, "share": 0.25}]
    told = "of 4 documents, 2 without year, the 1 most frequent of 2 values\n"
    assert process.stderr == told


@pytest.mark.parametrize(
    ("options", "told", "code"),
    [
        (["--sort", "yaer"], "no document has a field 'yaer'; did you mean 'year'?", 1),
        (["--columns", "id,yaer"], "no document has a field 'yaer'; did you mean 'year'?", 1),
        (["--facet", "at"], "'at' is an object, which has no order and is not counted", 1),
        (["--facet", "year", "--sort", "year"], "--facet does not go with", 2),
        (["-k", "-1"], "-1 is not in the range x>=0", 2),
    ],
)
def test_what_cannot_be_listed_is_an_error(
    invoke: Run, path: Path, options: list[str], told: str, code: int
) -> None:
    process = invoke("list", *options, "-w", path)
    assert process.returncode == code
    assert told in process.stderr


def test_sample_is_random_unless_a_seed_is_given(invoke: Run, path: Path) -> None:
    options = ("--columns", "id", "--json", "-w", path)
    seeded = [answer(invoke("sample", "2", "--seed", "3", *options)) for _ in range(2)]
    with es.open(path) as ws:
        expected = [{"id": document.id} for document in ws.documents.sample(2, 3)]
    assert seeded == [expected, expected]
    process = invoke("sample", "9", *options)
    assert len(answer(process)) == 4
    assert process.stderr == "there are only 4 documents\n"
    orders = {str(answer(invoke("sample", "4", *options))) for _ in range(20)}
    assert len(orders) > 1


def test_search_counts_groups_and_orders_its_hits(invoke: Run, workspace: Path) -> None:
    options = ("search", "comet", "hay", "-k", "30", "--json", "-w", workspace)
    hits = answer(invoke(*options))
    topics = Counter(hit["metadata"]["topic"] for hit in hits)
    assert len(topics) == 2
    process = invoke(*options, "--facet", "topic")
    assert {each["value"]: each["documents"] for each in answer(process)} == topics
    assert process.stderr == "of 30 hits\n"
    process = invoke(*options, "--group-by", "topic")
    best: dict[str, Any] = {}
    for hit in hits:
        best.setdefault(hit["metadata"]["topic"], hit)
    expected = [{"group": topic, "hits": topics[topic], **hit} for topic, hit in best.items()]
    assert answer(process) == expected
    assert process.stderr == "2 groups of 30 hits\n"
    by_title = answer(invoke(*options, "--sort", "-title"))
    assert by_title == sorted(hits, key=lambda hit: hit["title"], reverse=True)
    (source,) = answer(invoke(*options, "--group-by", "source"))
    assert (source["group"], source["hits"]) == (hits[0]["source"], 30)


def test_search_tells_what_is_wrong_with_a_field(invoke: Run, workspace: Path) -> None:
    process = invoke("search", "comet", "--facet", "topik", "-w", workspace)
    assert (process.returncode, process.stdout) == (1, "")
    assert "no hit has a field 'topik'; did you mean 'topic'?" in process.stderr
    process = invoke("search", "comet", "--facet", "topic", "--sort", "topic", "-w", workspace)
    assert process.returncode == 2
    assert "one of --sort, --group-by and --facet" in process.stderr
    process = invoke("search", "-", "--facet", "topic", "--csv", "-w", workspace, stdin="comet\n")
    assert process.stdout.splitlines()[0] == "query,value,documents,share"


def test_the_shell_shows_lists_and_counts(workspace: Path, invoke: Run) -> None:
    lines = (
        "topn 2\nwhere topic = 'sky'\nlist\nlist --facet topic\nshow sky-1\nsample 1\nsample x\n"
    )
    process = invoke("shell", "--jsonl", "-w", workspace, stdin=lines)
    assert process.returncode == 1
    assert "Error: sample: Invalid value for 'N': 'x'" in process.stderr
    with es.open(workspace) as ws:
        where = "topic = 'sky'"
        expected = [
            *listing.listed(ws, 2, where=where).records,
            *questions.counts(ws.documents.facet("topic", where)).records,
            *listing.show.ask(ws, "sky-1").records,
        ]
        found = [json.loads(line) for line in process.stdout.splitlines()]
        assert found[:-1] == expected
        assert found[-1]["metadata"] == {"topic": "sky"}


@pytest.fixture
def farm(tmp_path: Path, corpus: Path) -> Path:
    """The documents of two topics from a file each, not trained."""
    lines = corpus.read_text().splitlines(keepends=True)
    with es.create(tmp_path / "farm.es") as ws:
        for topic in ("farm", "sky"):
            file = tmp_path / f"{topic}.jsonl"
            file.write_text("".join(line for line in lines if json.loads(line)["topic"] == topic))
            ws.add_sources(file)
    return tmp_path / "farm.es"


def count(path: Path) -> int:
    with es.open(path) as ws:
        return len(ws.documents)


def test_delete_by_a_condition_or_a_source(invoke: Run, farm: Path) -> None:
    process = invoke("delete", "--where", "id in ('sky-1', 'farm-1')", "--dry-run", "-w", farm)
    assert (process.stderr, count(farm)) == ("Would delete 2 documents.\n", 80)
    process = invoke("delete", "--where", "id in ('sky-1', 'farm-1')", "--json", "-w", farm)
    assert (answer(process), count(farm)) == ({"deleted": 2, "dry_run": False}, 78)
    process = invoke("delete", "--source", farm.parent / "sky.jsonl", "-w", farm)
    assert (process.stderr, count(farm)) == ("Deleted 39 documents.\n", 39)
    process = invoke("delete", "--source", farm.parent / "sky.jsonl", "-w", farm)
    assert process.returncode == 1
    assert "no document comes from" in process.stderr
    for wrong in ([], ["farm-2", "--where", "topic = 'sky'"]):
        process = invoke("delete", *wrong, "-w", farm)
        assert process.returncode == 2
        assert "ID..., --where or --source, one of them" in process.stderr
    assert count(farm) == 39


def delete_sky(farm: Path, environment: dict[str, str], *options: str) -> Any:
    """Delete on a terminal; pexpect has no types."""
    command = ["-m", "embedsearch", "delete", "--where", "topic = 'sky'", "-w", str(farm)]
    env: Any = environment
    return pexpect.spawn(sys.executable, [*command, *options], encoding="utf-8", env=env)


@pytest.mark.parametrize(
    ("typed", "told", "left"),
    [
        ("n\n", "Nothing was deleted.", 80),
        ("\n", "Nothing was deleted.", 80),
        ("y\n", "Deleted 40 documents.", 40),
    ],
)
def test_on_a_terminal_delete_asks_first(
    farm: Path, environment: dict[str, str], typed: str, told: str, left: int
) -> None:
    child = delete_sky(farm, environment)
    child.expect_exact("Delete 40 documents? [y/N]:")
    child.send(typed)
    child.expect_exact(told)
    child.expect(pexpect.EOF)
    child.close()
    assert (child.exitstatus, count(farm)) == (0 if left == 40 else 1, left)


def test_yes_does_not_ask(farm: Path, environment: dict[str, str]) -> None:
    child = delete_sky(farm, environment, "--yes")
    child.expect_exact("Deleted 40 documents.")
    child.expect(pexpect.EOF)
    child.close()
    assert (child.exitstatus, count(farm)) == (0, 40)

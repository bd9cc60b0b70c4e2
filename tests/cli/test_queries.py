"""Why documents were found, and where: `--explain`, `--expand` and highlights."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import embedsearch as es
from embedsearch._types import ExpandedWord, Explanation, Highlight, Hit, Hits, Part
from embedsearch.cli.output import show
from embedsearch.cli.queries import documents_found

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


FAST = ("--vector-size", "8", "--epochs", "2", "--min-count", "1", "--workers", "1", "-q")


def info(invoke: Run, path: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(invoke("info", "-w", path, "--json").stdout)
    return facts


@pytest.fixture
def copy(workspace: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(workspace, tmp_path / "copy.es"))


def test_a_language_is_given_to_build_train_and_index(
    invoke: Run, corpus: Path, tmp_path: Path
) -> None:
    path = tmp_path / "a.es"
    built = invoke("build", corpus, "-w", path, "--language", "none", *FAST)
    assert (built.returncode, built.stderr) == (0, "")
    assert info(invoke, path)["language"] == "none"
    assert invoke("train", "-w", path, "--language", "french", *FAST).returncode == 0
    assert info(invoke, path)["language"] == "french"
    process = invoke("index", "-w", path, "--language", "english")
    assert process.returncode == 0
    assert "The index is up to date." in process.stderr
    assert process.stderr.splitlines()[-1].startswith("Documents are found by bm25 1.00")
    assert process.stderr.rstrip().endswith("(language: english).")
    assert info(invoke, path)["language"] == "english"


def test_refit_publishes_another_generation_with_the_same_words(invoke: Run, copy: Path) -> None:
    before = info(invoke, copy)
    neighbors = invoke("neighbors", "cow", "-w", copy, "--json").stdout
    assert invoke("index", "-w", copy, "-q").returncode == 0
    assert info(invoke, copy)["generation"] == before["generation"]
    assert invoke("index", "--refit", "-w", copy, "-q").returncode == 0
    after = info(invoke, copy)
    assert after["generation"] == before["generation"] + 1
    assert after["weights"] == before["weights"]
    assert invoke("neighbors", "cow", "-w", copy, "--json").stdout == neighbors


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [("--encoder", "hous:x", "encoder must be NAME"), ("--language", "klingon", "language must")],
)
def test_what_is_not_known_is_an_error_of_every_command(
    invoke: Run, corpus: Path, copy: Path, tmp_path: Path, option: str, value: str, reason: str
) -> None:
    asked = (
        ("build", corpus, "-w", tmp_path / "a.es"),
        ("train", "-w", copy),
        ("index", "-w", copy),
    )
    for command in asked:
        process = invoke(*command, option, value, "-q")
        assert (process.returncode, process.stdout) == (1, "")
        assert process.stderr.startswith(f"Error: {reason}")


def test_none_takes_encoders_away(invoke: Run, copy: Path) -> None:
    assert invoke("index", "-w", copy, "--encoder", "none", "-q").returncode == 0
    assert info(invoke, copy)["encoders"] == []


def test_info_tells_how_documents_are_found(invoke: Run, workspace: Path) -> None:
    lines = invoke("info", "-w", workspace).stdout.splitlines()
    facts = dict(line.split(maxsplit=1) for line in lines)
    assert facts["weights"].startswith("bm25=1.0, ")
    assert "ndcg@10" in facts["evidence"]
    assert facts["language"] == "english"
    assert facts["advice"] == "no documents were added since the training"
    assert "drift" not in facts


def test_adding_much_that_is_new_is_answered_with_advice(invoke: Run, copy: Path) -> None:
    lines = "".join(f'{{"id": "q{n}", "text": "quark gluon boson lepton"}}\n' for n in range(40))
    process = invoke("add", "-", "--format", "jsonl", "-w", copy, stdin=lines)
    assert process.returncode == 0, process.stderr
    assert process.stderr.splitlines()[-1].startswith("Advice: train again: ")


def ids(process: subprocess.CompletedProcess[str]) -> list[str]:
    assert process.returncode == 0, process.stderr
    return [hit["id"] for hit in json.loads(process.stdout)]


def test_several_documents_and_unwanted_ones_are_those_of_the_library(
    invoke: Run, workspace: Path
) -> None:
    process = invoke(
        "related",
        "farm-3",
        "sky-5",
        "--less",
        "sky-1",
        "--less",
        "farm-7",
        "-w",
        workspace,
        "--json",
    )
    with es.open(workspace) as ws:
        hits = ws.documents.most_similar(["farm-3", "sky-5"], ["sky-1", "farm-7"])
    assert ids(process) == [hit.id for hit in hits]


def test_a_text_can_be_what_to_be_like(invoke: Run, workspace: Path) -> None:
    found = ids(invoke("related", "--text", "A comet rose at dawn.", "-w", workspace, "--json"))
    assert all(id.startswith("sky-") for id in found)


def test_there_must_be_something_to_be_like(invoke: Run, workspace: Path) -> None:
    process = invoke("related", "-w", workspace)
    assert (process.returncode, process.stdout) == (2, "")
    assert "Missing argument 'ID...' or option '--text'" in process.stderr


def test_each_line_may_name_several(invoke: Run, workspace: Path) -> None:
    lines = "farm-3\nfarm-3\tsky-5\nno-such\n"
    process = invoke("related", "-", "-w", workspace, "--jsonl", "-k", "3", stdin=lines)
    one, two, none = map(json.loads, process.stdout.splitlines())
    single = invoke("related", "farm-3", "-w", workspace, "--json", "-k", "3")
    both = invoke("related", "farm-3", "sky-5", "-w", workspace, "--json", "-k", "3")
    assert one["results"] == json.loads(single.stdout)
    assert two["results"] == json.loads(both.stdout)
    assert "no-such" in none["error"]
    assert process.returncode == 1


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three copies of a text and one of another, not trained."""
    path = tmp_path_factory.mktemp("copies") / "copies.es"
    text = "the cow grazed in the meadow and followed the farmer home to the old barn at night"
    with es.create(path) as ws:
        ws.add(es.Document(f"copy-{n}", text) for n in range(3))
        ws.add([es.Document("other", "a comet crossed the telescope over the horizon at dawn")])
        ws.add([es.Document("near", text.replace("night", "noon"))])
    return path


def duplicates(invoke: Run, path: Path, *options: str) -> list[dict[str, Any]]:
    process = invoke("duplicates", "-w", path, "-q", "--json", *options)
    assert (process.returncode, process.stderr) == (0, "")
    found: list[dict[str, Any]] = json.loads(process.stdout)
    return found


def test_duplicates_are_pairs_with_their_score(invoke: Run, copies: Path) -> None:
    pairs = [("copy-0", "copy-1"), ("copy-0", "copy-2"), ("copy-1", "copy-2")]
    same = [{"a": a, "b": b, "score": 1.0} for a, b in pairs]
    assert duplicates(invoke, copies, "--threshold", "1") == same
    # Of 15 runs of three words each, 14 are in both.
    near = [{"a": f"copy-{n}", "b": "near", "score": 0.875} for n in range(3)]
    assert duplicates(invoke, copies) == same + near


def test_groups_name_all_that_belong_together(invoke: Run, copies: Path) -> None:
    group = {"documents": 4, "ids": ["copy-0", "copy-1", "copy-2", "near"]}
    assert duplicates(invoke, copies, "--groups") == [group]
    table = invoke("duplicates", "-w", copies, "-q", "--groups").stdout.splitlines()
    assert table[1].split() == ["4", "copy-0,", "copy-1,", "copy-2,", "near"]


def test_without_duplicates_nothing_is_listed(invoke: Run, workspace: Path) -> None:
    assert duplicates(invoke, workspace, "--threshold", "0.99") == []
    assert duplicates(invoke, workspace, "--groups", "--threshold", "0.99") == []


@pytest.mark.parametrize("threshold", ["0", "1.5", "much"])
def test_a_threshold_out_of_range_is_a_usage_error(
    invoke: Run, copies: Path, threshold: str
) -> None:
    process = invoke("duplicates", "-w", copies, "--threshold", threshold)
    assert (process.returncode, process.stdout) == (2, "")
    assert "--threshold" in process.stderr

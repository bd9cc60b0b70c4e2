"""`embedsearch topics` and `clusters`."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

import embedsearch as es
from embedsearch.cli.main import main

THEMES = (["wing", "lift", "drag", "flow"], ["moon", "star", "comet", "orbit"])


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("topics") / "s.es"
    with es.create(path) as ws:
        texts = [
            " ".join(THEMES[n % 3 // 2][k] for k in (n % 4, n % 3, (n + 1) % 4)) for n in range(30)
        ]
        ws.add(es.Document(f"d{n}", text, {"half": n // 15}) for n, text in enumerate(texts))
        ws.train("ppmi", min_count=1, vector_size=4, workers=1, language="english")
    return str(path)


def run(path: str, *arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(main, [*arguments, "-w", path])
    return done.exit_code, done.stdout, done.stderr


def test_topics_as_a_table(path: str) -> None:
    status, out, err = run(path, "topics", "-n", "2", "-k", "3")
    lines = [line.split(maxsplit=3) for line in out.splitlines()]
    assert status == 0
    assert lines[0] == ["topic", "size", "coherence", "words"]
    assert [line[:2] for line in lines[1:]] == [["0", "20"], ["1", "10"]]
    assert {*lines[1][3].split(", ")} <= {*THEMES[0]}
    assert "of 30 fit nowhere" in err


def test_members_as_csv(path: str) -> None:
    _, out, _ = run(path, "topics", "-n", "2", "--members", "--csv")
    rows = [line.split(",") for line in out.splitlines()]
    assert rows[0] == ["id", "topic", "words", "membership", "fits"]
    assert [row[:2] for row in rows[1:4]] == [["d0", "0"], ["d1", "0"], ["d2", "1"]]


def test_shares_over_a_field_as_json(path: str) -> None:
    _, out, _ = run(path, "topics", "-n", "2", "--over", "half", "--json")
    found = json.loads(out)
    assert found["values"] == [0, 1]
    assert found["shares"] == [[0.666667, 0.333333]] * 2
    assert len(found["assignments"]) == 30


def test_topics_are_merged_reduced_and_kept(path: str) -> None:
    status, out, _ = run(path, "topics", "-n", "3", "--merge", "0,1", "--keep", "--csv")
    assert status == 0
    _, again, _ = run(path, "topics", "--kept", "--csv")
    assert [line.split(",")[:2] for line in again.splitlines()] == [
        line.split(",")[:2] for line in out.splitlines()
    ]
    assert len(run(path, "topics", "-n", "3", "--reduce", "1", "--csv")[1].splitlines()) == 2


def test_methods_are_compared(path: str) -> None:
    status, out, _ = run(path, "topics", "-n", "2", "--compare", "--json")
    found = {each["method"]: each for each in json.loads(out)}
    assert status == 0
    assert [*found] == ["clusters", "plsa", "lda", "nmf", "lsa"]
    assert found["clusters"]["stability"] == found["clusters"]["diversity"] == 1
    assert found["clusters"]["npmi"] > found["lsa"]["npmi"]


def test_clusters_of_words(path: str) -> None:
    status, out, _ = run(path, "clusters", "-n", "2", "--of", "words", "--csv")
    assert status == 0
    assert [line.split(",")[1] for line in out.splitlines()] == ["size", "4", "4"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--kept", "-n", "3"), "--kept goes with no other"),
        (("--members", "--over", "half"), "--members does not go"),
        (("-n", "2", "--merge", "a,b"), "is not a list of topics"),
        (("-n", "2", "--merge", "0,7"), "groups[0] must be"),
        (("-n", "40"), "fewer than"),
        (("--method", "nmf"), "n_topics must be given"),
        (("--over", "nothing"), "no document has the field"),
    ],
)
def test_what_cannot_be_done_is_said(path: str, arguments: tuple[str, ...], message: str) -> None:
    status, _, err = run(path, "topics", *arguments)
    assert status != 0
    assert message in err

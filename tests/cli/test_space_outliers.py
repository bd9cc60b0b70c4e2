"""`embedsearch outliers` shows what does not belong, and why."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

import embedsearch as es
from embedsearch.cli.main import main

THEMES = (["wing", "lift", "drag", "flow"], ["moon", "star", "comet", "orbit"])


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("outliers") / "s.es"
    with es.create(path) as ws:
        texts = [" ".join(THEMES[n % 2][k] for k in (n % 4, n % 3, (n + 1) % 4)) for n in range(40)]
        ws.add(es.Document(f"d{n}", text, {"n": n}) for n, text in enumerate(texts))
        ws.add([es.Document("x", "fiddle wing moon zither", {"n": 99}, title="Music")])
        ws.train("ppmi", min_count=1, vector_size=4, workers=1, language="english")
    return str(path)


def run(path: str, *arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(main, ["outliers", *arguments, "-q", "-w", path])
    return done.exit_code, done.stdout, done.stderr


def test_the_strangest_document_comes_first_with_its_words(path: str) -> None:
    status, out, err = run(path, "-k", "2")
    lines = [line.split() for line in out.splitlines()]
    assert status == 0
    assert lines[0] == ["name", "score", "p", "title", "words"]
    assert lines[1][:1] == ["x"]
    assert "Music" in lines[1]
    assert {"zither", "fiddle"} & {word.strip(",") for word in lines[1][4:]}
    assert "41 documents compared by neighbors in lsa-100" in err
    assert "p-values are ranks" in err


def test_a_reference_and_a_level_in_json_and_csv(path: str) -> None:
    _, out, err = run(path, "--reference", "n < 35", "--alpha", "0.2", "--json")
    found = json.loads(out)
    assert (found["reference"], found["compared"], found["chosen"]) == (35, 6, 1)
    assert [each["id"] for each in found["outliers"]] == ["x"]
    assert "1 of them are called outliers" in err
    _, out, _ = run(path, "--of", "words", "--method", "lof", "-k", "1", "--csv")
    assert out.splitlines()[0] == "name,score,p,title,words,nearest"


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (("--of", "words", "--where", "n = 1"), 2, "do not go with --of words"),
        (("--alpha", "0.1"), 2, "--alpha needs a --reference."),
        (("--where", "n = 1"), 1, "outliers need others"),
        (("--of", "vectors"), 1, "no vectors of its own"),
    ],
)
def test_what_has_no_outliers_is_named(
    path: str, arguments: tuple[str, ...], status: int, says: str
) -> None:
    code, out, err = run(path, *arguments)
    assert (code, out) == (status, "")
    assert says in err

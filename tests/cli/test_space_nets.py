"""`embedsearch path` and `generate`."""

from __future__ import annotations

import csv
import io
import json

import pytest
from click.testing import CliRunner

import embedsearch as es
from embedsearch.cli.main import main

THEMES = (["wing", "lift", "drag", "flow"], ["moon", "star", "comet", "orbit"])


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("space") / "s.es"
    with es.create(path) as ws:
        texts = [" ".join(THEMES[n % 2][k] for k in (n % 4, n % 3, (n + 1) % 4)) for n in range(99)]
        texts.append("wing lift moon star")
        ws.add(es.Document(f"d{n}", text, title=f"Title {n}") for n, text in enumerate(texts))
        ws.train("ppmi", min_count=1, vector_size=4, workers=1, language="english")
    return str(path)


def run(path: str, *arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(main, [*arguments, "-w", path])
    return done.exit_code, done.stdout, done.stderr


def test_a_path_is_a_table_of_its_places_and_the_weakest_step_is_said(path: str) -> None:
    status, out, err = run(path, "path", "d0", "d1", "-k", "2")
    lines = out.splitlines()
    assert status == 0
    assert lines[0].split() == ["position", "name", "title", "score", "step", "words"]
    assert [lines[1].split()[1], lines[-1].split()[1]] == ["d0", "d1"]
    assert any("d99" in line for line in lines)
    assert err.startswith("weakest step: Title ")


def test_a_path_between_words_has_no_titles_and_csv_has_all_columns(path: str) -> None:
    _, out, _ = run(path, "path", "wing", "lift")
    assert out.splitlines()[0].split() == ["position", "name", "score", "step", "words"]
    _, out, err = run(path, "path", "d0", "d1", "--method", "spherical", "--steps", "3", "--csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["position"] for row in rows] == ["0.0", "0.5", "1.0"]
    assert rows[0]["kind"] == "document"
    assert rows[0]["step"] == ""
    assert err == ""


def test_made_up_points_have_words_and_their_quality_is_said(path: str) -> None:
    status, out, err = run(path, "generate", "-n", "3", "--method", "neighbors", "-k", "4")
    lines = out.splitlines()
    assert status == 0
    assert lines[0].split() == ["sample", "words", "name", "score", "title"]
    assert len(lines) == 4
    assert "by points held out: density" in err
    _, out, _ = run(path, "generate", "-n", "2", "--method", "neighbors", "--json")
    found = json.loads(out)
    assert set(found["quality"]) == {"density", "coverage", "copying", "frechet"}
    assert {word["word"] for word in found["samples"][0]["words"]} & {*THEMES[0], *THEMES[1]}


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (("path", "d0"), 2, "Missing argument 'END'"),
        (("path", "d0", "d0"), 1, "both ends are 'd0'"),
        (("path", "d0", "d1", "--method", "around"), 2, "'around' is not one of"),
        (("path", "d0", "d1", "--steps", "1"), 2, "--steps"),
        (("generate", "--of", "words", "--where", "n = 1"), 1, "not by words"),
        (("generate", "--encoder", "bert"), 1, "encoder must be one of"),
        (("generate", "--of", "vectors"), 1, "has no vectors"),
    ],
)
def test_what_cannot_be_done_is_said(
    path: str, arguments: tuple[str, ...], status: int, says: str
) -> None:
    code, out, err = run(path, *arguments)
    assert (code, out) == (status, "")
    assert says in err

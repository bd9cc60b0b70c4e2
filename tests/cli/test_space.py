"""`embedsearch describe` says in words what points and directions are about."""

from __future__ import annotations

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
        texts = [" ".join(THEMES[n % 2][k] for k in (n % 4, n % 3, (n + 1) % 4)) for n in range(24)]
        ws.add(es.Document(f"d{n}", text, {"n": n % 2}) for n, text in enumerate(texts))
        ws.train("ppmi", min_count=1, vector_size=4, workers=1, language="english")
    return str(path)


def run(path: str, *arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(main, ["describe", *arguments, "-w", path])
    return done.exit_code, done.stdout, done.stderr


def test_a_document_is_described_as_a_table(path: str) -> None:
    status, out, err = run(path, "d1", "-k", "2")
    lines = [line.split() for line in out.splitlines()]
    assert status == 0
    assert lines[0] == ["kind", "name", "score", "title"]
    assert {line[1] for line in lines[1:3]} <= {*THEMES[1]}
    assert [line[0] for line in lines[1:]] == ["word", "word", "document", "document"]
    assert err == "the document d1, read from lsa-100 by back-projection\n"


def test_a_direction_is_one_json_object_with_two_ends(path: str) -> None:
    _, out, _ = run(path, "wing", "lift", "--minus", "moon", "--json")
    found = json.loads(out)
    assert found["what"] == "from the word moon to the text"
    assert {each["word"] for each in found["opposite"][:2]} <= {*THEMES[1]}


def test_a_selection_has_both_ends_in_csv(path: str) -> None:
    _, out, _ = run(path, "--where", "n = 1", "-k", "1", "--csv")
    rows = [line.split(",") for line in out.splitlines()]
    assert rows[0] == ["end", "kind", "name", "score", "title"]
    assert [row[:2] for row in rows[1:]] == [
        ["to", "word"],
        ["to", "document"],
        ["from", "word"],
        ["from", "document"],
    ]
    assert rows[1][2] in THEMES[1]


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        ((), 2, "Give either WHAT or --where."),
        (("d1", "--where", "n = 1"), 2, "Give either WHAT or --where."),
        (("--where", "n = 1", "--minus", "d1"), 2, "--minus does not go with --where."),
        (("qqq",), 1, "no word of 'qqq' is known"),
        (("d77", "--kind", "document"), 1, "no document has the id 'd77'"),
        (("wing", "--encoder", "bert"), 1, "encoder must be one of lsa-100"),
    ],
)
def test_what_cannot_be_described_is_named(
    path: str, arguments: tuple[str, ...], status: int, says: str
) -> None:
    code, out, err = run(path, *arguments)
    assert (code, out) == (status, "")
    assert says in err


def test_many_are_described_from_standard_input(path: str) -> None:
    done = CliRunner().invoke(main, ["describe", "-", "--json", "-w", path], input="wing\nqqq\n")
    first, second = json.loads(done.stdout)
    assert first["query"] == "wing"
    assert first["results"][0]["name"] in THEMES[0]
    assert "no word of 'qqq'" in second["error"]
    assert done.exit_code == 1


def axis(path: str, *arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(main, ["axis", *arguments, "-w", path])
    return done.exit_code, done.stdout, done.stderr


def test_an_axis_between_poles_has_both_ends_and_says_if_they_agree(path: str) -> None:
    status, out, err = axis(path, "--from", "moon, star", "--to", "wing,lift", "-k", "1", "--json")
    found = json.loads(out)
    assert status == 0
    assert found["words"][0]["word"] in THEMES[0]
    assert found["opposite"][0]["word"] in THEMES[1]
    assert f"(p = {found['p_value']:.3f})" in err
    _, _, err = axis(path, "--from", "moon", "--to-where", "n = 0")
    assert "give two words or more" in err


def test_axes_that_the_points_have_are_a_line_each(path: str) -> None:
    status, out, _ = axis(path, "--of", "words", "--method", "pca", "-q", "--csv")
    assert status == 0
    assert out.splitlines()[0] == "axis,words,opposite,coherence,agreement"
    assert out.splitlines()[1].startswith("1,")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--from", "moon"), "Give each end once"),
        (("--from", "moon", "--from-where", "n = 1", "--to", "wing"), "Give each end once"),
        (("--of", "words", "--where", "n = 1"), "does not go with --of words"),
    ],
)
def test_wrong_ends_are_a_usage_error(path: str, arguments: tuple[str, ...], says: str) -> None:
    status, out, err = axis(path, *arguments)
    assert (status, out) == (2, "")
    assert says in err

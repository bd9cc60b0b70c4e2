"""The word queries as processes, against numpy on the workspace's own vectors."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import embedsearch as es

Run = Callable[..., subprocess.CompletedProcess[str]]
FARM = {"cow", "horse", "sheep", "goat", "donkey"}
SKY = {"star", "planet", "moon", "comet", "galaxy"}


class Space:
    """The vectors, and the definitions of the questions in numpy."""

    def __init__(self, path: Path) -> None:
        with es.open(path) as ws:
            self.words = list(ws.words.index_to_key)
            vectors = np.array(ws.words.vectors, dtype=np.float64)
        self.unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        self.vectors = vectors

    def __getitem__(self, word: str) -> np.ndarray:
        return self.unit[self.words.index(word)]

    def nearest(self, query: np.ndarray, *without: str) -> list[tuple[str, float]]:
        scores = self.unit @ (query / np.linalg.norm(query))
        order = np.argsort(-scores, kind="stable")
        return [(self.words[i], scores[i]) for i in order if self.words[i] not in without]


@pytest.fixture(scope="module")
def space(workspace: Path) -> Space:
    return Space(workspace)


def answered(process: subprocess.CompletedProcess[str]) -> list[dict[str, object]]:
    assert (process.returncode, process.stderr) == (0, "")
    found = json.loads(process.stdout)
    assert isinstance(found, list)
    return found


def assert_same(found: list[dict[str, object]], expected: list[tuple[str, float]]) -> None:
    assert [record["word"] for record in found] == [word for word, _ in expected]
    assert [record["score"] for record in found] == pytest.approx(
        [score for _, score in expected], abs=1e-5
    )


def test_neighbors_are_those_of_numpy(invoke: Run, workspace: Path, space: Space) -> None:
    found = answered(invoke("neighbors", "cow", "-w", workspace, "-k", "7", "--json"))
    assert_same(found, space.nearest(space["cow"], "cow")[:7])


def test_neighbors_mean_something(invoke: Run, workspace: Path) -> None:
    found = answered(invoke("similar", "cow", "-w", workspace, "-k", "4", "--json"))
    assert {str(record["word"]) for record in found} == FARM - {"cow"}


def test_a_query_word_is_treated_like_the_corpus(invoke: Run, workspace: Path) -> None:
    lower, upper = (invoke("similar", word, "-w", workspace, "--json") for word in ("cow", "COW"))
    assert lower.stdout == upper.stdout


def test_euclidean_scores_are_minus_the_distance(
    invoke: Run, workspace: Path, space: Space
) -> None:
    arguments = ("neighbors", "cow", "--metric", "euclidean", "-k", "3", "-w", workspace, "--json")
    apart = np.linalg.norm(space.vectors - space.vectors[space.words.index("cow")], axis=1)
    order = [i for i in np.argsort(apart) if space.words[i] != "cow"][:3]
    assert_same(answered(invoke(*arguments)), [(space.words[i], -apart[i]) for i in order])


def test_an_analogy_adds_and_subtracts(invoke: Run, workspace: Path, space: Space) -> None:
    query = space["cow"] - space["meadow"] + space["night"]
    expected = space.nearest(query, "cow", "meadow", "night")[:5]
    for expression in (["cow - meadow + night"], ["cow", "-", "meadow", "+", "night"]):
        arguments = ("analogy", *expression, "-w", workspace, "-k", "5", "--json")
        assert_same(answered(invoke(*arguments)), expected)


def test_similarity_is_the_cosine(invoke: Run, workspace: Path, space: Space) -> None:
    process = invoke("similarity", "cow", "goat", "-w", workspace, "--json")
    found = json.loads(process.stdout)
    assert list(found) == ["a", "b", "score"]
    assert (found["a"], found["b"]) == ("cow", "goat")
    assert found["score"] == pytest.approx(space["cow"] @ space["goat"], abs=1e-5)


def test_the_odd_one_is_of_the_other_topic(invoke: Run, workspace: Path) -> None:
    process = invoke("odd-one-out", "cow", "goat", "comet", "sheep", "-w", workspace, "--json")
    assert json.loads(process.stdout) == {
        "word": "comet",
        "words": ["cow", "goat", "comet", "sheep"],
    }


def test_rank_and_closer_agree_with_the_order_of_neighbors(
    invoke: Run, workspace: Path, space: Space
) -> None:
    order = [word for word, _ in space.nearest(space["cow"], "cow")]
    third = order[2]
    ranked = invoke("rank", "cow", third, "-w", workspace, "--json")
    assert json.loads(ranked.stdout) == {"a": "cow", "b": third, "rank": 3}
    closer = answered(invoke("closer", "cow", third, "-w", workspace, "--json"))
    assert {record["word"] for record in closer} == set(order[:2])


def test_more_neighbors_than_words_gives_all(invoke: Run, workspace: Path, space: Space) -> None:
    found = answered(invoke("neighbors", "cow", "-w", workspace, "-k", "100000", "--json"))
    assert len(found) == len(space.words) - 1


def test_every_form_of_output_has_the_same_answer(invoke: Run, workspace: Path) -> None:
    arguments = ("neighbors", "cow", "-w", workspace, "-k", "3")
    as_json = json.loads(invoke(*arguments, "--json").stdout)
    as_lines = [json.loads(line) for line in invoke(*arguments, "--jsonl").stdout.splitlines()]
    as_csv = list(csv.DictReader(io.StringIO(invoke(*arguments, "--csv").stdout)))
    as_table = [line.split() for line in invoke(*arguments).stdout.splitlines()]
    assert as_json == as_lines
    assert as_json == [{"word": r["word"], "score": float(r["score"])} for r in as_csv]
    assert as_table[0] == ["word", "score"]
    assert as_table[1:] == [[r["word"], f"{r['score']:.4f}"] for r in as_json]


def test_an_unknown_word_is_an_error_with_suggestions(invoke: Run, workspace: Path) -> None:
    process = invoke("similar", "hores", "-w", workspace, "--json")
    assert (process.returncode, process.stdout) == (1, "")
    assert process.stderr.startswith("Error: 'hores' is not in the vocabulary")
    assert "'horse'" in process.stderr


@pytest.mark.parametrize("expression", ["cow - ", "+ - cow", "cow ** goat", " "])
def test_an_expression_that_does_not_parse_is_an_error(
    invoke: Run, workspace: Path, expression: str
) -> None:
    process = invoke("analogy", expression, "-w", workspace)
    assert (process.returncode, process.stdout) == (1, "")
    assert process.stderr.startswith("Error: ")
    assert "Traceback" not in process.stderr


def test_the_place_of_a_fault_is_marked_wherever_an_expression_is_given(
    invoke: Run, workspace: Path
) -> None:
    expression = "cow - + goat"
    for given, lines in (
        (("analogy", expression), ""),
        (("analogy", "-"), expression),
        (("shell",), f"analogy {expression}"),
    ):
        process = invoke(*given, "-w", workspace, stdin=lines)
        reason, shown, mark = process.stderr.splitlines()
        assert reason.startswith("Error: at character 7: ")
        assert (shown, mark) == ("  cow - + goat", "        ^")


def test_a_word_inferred_from_its_parts_is_told_on_standard_error(
    invoke: Run, corpus: Path, tmp_path: Path
) -> None:
    path = tmp_path / "parts.es"
    settings = ("--trainer", "gensim-fasttext", "--vector-size", "8", "--epochs", "5")
    built = invoke("build", corpus, "-w", path, "--min-count", "1", "-q", *settings)
    assert built.returncode == 0, built.stderr
    process = invoke("similar", "donkeys", "-w", path, "-k", "3", "--json")
    assert process.returncode == 0
    assert process.stderr.endswith("inferred from parts of words: donkeys\n")
    assert "donkey" in {record["word"] for record in json.loads(process.stdout)}

"""Analogies: every section is held against gensim's evaluation of the same vectors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gensim.models import KeyedVectors

from embedsearch._errors import ParameterError, SourceNotFoundError
from embedsearch._progress import SilentProgress
from embedsearch.evaluation import analogies, analogy_scoring
from embedsearch.evaluation.analogy_accuracy import AnalogyReport
from embedsearch.vectors.word_vectors import WordVectors

Counts = list[tuple[str, int, int]]


def keyed(vectors: WordVectors) -> KeyedVectors:
    kv = KeyedVectors(vectors.vector_size)
    kv.add_vectors(vectors.index_to_key, vectors.vectors)
    return kv


def gensim_counts(vectors: WordVectors, path: Path, **options: Any) -> Counts:
    _, sections = keyed(vectors).evaluate_word_analogies(str(path), **options)
    return [
        (one["section"], len(one["correct"]), len(one["correct"]) + len(one["incorrect"]))
        for one in sections[:-1]
    ]


def counts(report: AnalogyReport) -> Counts:
    return [(one.name, one.right, one.asked) for one in report.sections]


def small(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "questions.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture
def royal() -> WordVectors:
    """King, man and their women, apart by the same step; others; last one without a direction."""
    places = {"king": [3, 1], "Queen": [3, 2], "man": [1, 1], "woman": [1, 2], "apple": [-2, 0.5]}
    spelt = {"queen": [2.9, 2.1], "KING": [2, 1], "nothing": [0, 0]}
    X = np.array([*places.values(), *spelt.values()], np.float32)
    return WordVectors(X, [*places, *spelt])


@pytest.mark.parametrize("case_insensitive", [True, False])
@pytest.mark.parametrize("restrict_vocab", [None, 450, 60, 5])
def test_every_section_is_that_of_gensim(
    analogous: WordVectors, questions: Path, case_insensitive: bool, restrict_vocab: int | None
) -> None:
    options = {"case_insensitive": case_insensitive, "restrict_vocab": restrict_vocab}
    report = analogies(analogous, questions, **options)
    assert counts(report) == gensim_counts(analogous, questions, **options)


def test_the_comparison_has_right_and_wrong_answers(
    analogous: WordVectors, questions: Path
) -> None:
    report = analogies(analogous, questions)
    assert [0.1 < one.accuracy < 0.95 for one in report.sections] == [True] * 4
    assert report.total.left_out > 0


# gensim's 3CosMul calls a function that gensim has deprecated.
@pytest.mark.filterwarnings("ignore:Call to deprecated")
@pytest.mark.parametrize("method", ["3cosadd", "3cosmul"])
def test_equal_scores_fall_as_they_do_in_gensim(
    analogous: WordVectors, questions: Path, method: str
) -> None:
    # Of 81 possible vectors most words share one, so nearly every answer is a tie.
    X = np.random.default_rng(2).integers(1, 4, (len(analogous), 4)).astype(np.float32)
    tied = WordVectors(X, analogous.index_to_key)
    found = counts(analogies(tied, questions, method=method))
    if method == "3cosadd":
        assert found == gensim_counts(tied, questions)
    assert [count for _, count, _ in found] == right_by_query(tied, questions, method)


def right_by_query(vectors: WordVectors, path: Path, method: str) -> list[int]:
    """Ask gensim each question by itself: what its evaluation does, with either method."""
    kv, rows = keyed(vectors), {}
    for word in vectors.index_to_key:
        rows.setdefault(word.upper(), word)
    ask = kv.most_similar if method == "3cosadd" else kv.most_similar_cosmul
    right: list[int] = []
    for line in path.read_text(encoding="utf-8").split("\n"):
        if line.startswith(":"):
            right.append(0)
        elif all(word.upper() in rows for word in line.split()):
            a, b, c, d = (rows[word.upper()] for word in line.split())
            best = [word.upper() for word, _ in ask([b, c], [a], topn=5)]
            own = {a.upper(), b.upper(), c.upper()}
            right[-1] += next((word for word in best if word not in own), "") == d.upper()
    return right


@pytest.mark.filterwarnings("ignore:Call to deprecated")
def test_3cosmul_answers_as_gensims_own_query(analogous: WordVectors, questions: Path) -> None:
    report = analogies(analogous, questions, method="3cosmul")
    found = [one.right for one in report.sections]
    assert found == right_by_query(analogous, questions, "3cosmul")
    assert found != [one.right for one in analogies(analogous, questions).sections]


@pytest.mark.parametrize("method", ["3cosadd", "3cosmul"])
def test_the_size_of_blocks_does_not_matter(
    analogous: WordVectors, questions: Path, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = analogies(analogous, questions, method=method)
    for name, size in (("_PORTION", 97), ("_COSINES", 3000), ("_BATCH", 10)):
        monkeypatch.setattr(analogy_scoring, name, size)
    assert analogies(analogous, questions, method=method) == whole


def test_where_rounding_may_decide_gensims_operations_do(
    analogous: WordVectors, questions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = analogies(analogous, questions)
    monkeypatch.setattr(analogy_scoring, "_rounding", lambda vectors: 9.0)
    assert analogies(analogous, questions) == whole


def test_any_spelling_of_the_answer_is_right_and_none_of_the_question(
    royal: WordVectors, tmp_path: Path
) -> None:
    # The nearest to queen - woman + man is KING, but for that the answer is king; and the other
    # way about it is Queen, which stands before queen.
    path = small(tmp_path, ": royal", "MAN woman KING QuEEn", "woman man queen king")
    found = counts(analogies(royal, path, restrict_vocab=7))
    assert found == [("royal", 2, 2)] == gensim_counts(royal, path, restrict_vocab=7)


def test_a_question_whose_answer_is_its_own_word_is_never_right(
    royal: WordVectors, tmp_path: Path
) -> None:
    path = small(tmp_path, ": odd", "man woman king king", "man man man man")
    found = counts(analogies(royal, path, restrict_vocab=7))
    assert found == [("odd", 0, 2)] == gensim_counts(royal, path, restrict_vocab=7)


def test_where_all_words_that_gensim_looks_at_are_variants_it_takes_the_last(
    tmp_path: Path,
) -> None:
    boys = ["boy", "Boy", "bOy", "boY", "BOy", "bOY", "BoY"]
    X = [[1, 0.01 * row] for row in range(len(boys))] + [[1, 1], [0, 1], [-1, 0]]
    vectors = WordVectors(np.array(X, np.float32), [*boys, "man", "son", "sea"])
    path = small(tmp_path, ": odd", "sea boy boy boy", "sea boy boy man", "man son boy sea")
    assert counts(analogies(vectors, path)) == gensim_counts(vectors, path) == [("odd", 1, 3)]


def test_a_vector_of_zeros_is_no_answer_and_answers_nothing(
    royal: WordVectors, tmp_path: Path
) -> None:
    # Without its first word the third question would be right.
    questions = ("king apple woman nothing", "nothing man nothing woman", "nothing king man queen")
    path = small(tmp_path, ": empty", *questions)
    assert counts(analogies(royal, path)) == [("empty", 0, 3)]


def test_sections_that_begin_with_gram_are_syntactic(
    analogous: WordVectors, questions: Path
) -> None:
    report = analogies(analogous, questions)
    one, two, three, four = report.sections
    assert report.semantic.right == one.right + two.right
    assert report.syntactic.asked == three.asked + four.asked
    assert report.total.left_out == sum(section.left_out for section in report.sections)
    assert report.accuracy == report.total.right / report.total.asked
    names = [row["section"] for row in report.rows()]
    assert names == [section.name for section in report.sections] + [
        "semantic",
        "syntactic",
        "total",
    ]


def test_other_names_are_semantic(royal: WordVectors, tmp_path: Path) -> None:
    lines = (": grammar", "man woman king queen", ": grand", "a b c d", ": my gram", "a b c d")
    report = analogies(royal, small(tmp_path, *lines))
    assert (report.syntactic.asked, report.semantic.left_out) == (1, 2)


def test_the_report_is_json_and_html(royal: WordVectors, tmp_path: Path) -> None:
    path = small(tmp_path, ": royal", "man woman king queen", "man woman king emperor")
    report = analogies(royal, path)
    plain = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert plain["kind"] == "analogies"
    assert (plain["accuracy"], plain["right"], plain["asked"]) == (1.0, 1, 1)
    assert (plain["left_out"], plain["coverage"]) == (1, 0.5)
    assert plain["syntactic"]["accuracy"] is None
    assert plain["sections"][0]["section"] == "royal"
    assert plain["notes"] == list(report.notes)
    assert "first 8 of the vocabulary: 1" in report.notes[0]
    assert "<td>royal</td><td>1.0000</td>" in report._repr_html_()


def test_a_set_of_which_nothing_is_known_has_no_accuracy(
    royal: WordVectors, tmp_path: Path
) -> None:
    report = analogies(royal, small(tmp_path, ": far", "a b c d"))
    assert report.accuracy is None
    assert report.total.coverage == 0
    assert "no question" in report.notes[0]
    json.dumps(report.to_json(), allow_nan=False)


def test_progress_hears_of_every_question(analogous: WordVectors, questions: Path) -> None:
    class Listener(SilentProgress):
        def __init__(self) -> None:
            super().__init__()
            self.total, self.done = 0.0, 0.0

        @contextmanager
        def task(
            self, name: str, total: float | None = None, unit: str = "items"
        ) -> Iterator[Listener]:
            self.total = total or 0.0
            yield self

        def advance(self, amount: float) -> None:
            self.done += amount

        def describe(self, text: str) -> None: ...

    listener = Listener()
    report = analogies(analogous, questions, progress=listener)
    assert report.total.asked == listener.total == pytest.approx(listener.done)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"method": "3cosinus"}, "method must be one of 3cosadd, 3cosmul"),
        ({"restrict_vocab": 0}, "restrict_vocab must be a whole number"),
        ({"encoding": "klingon"}, "encoding must be a text encoding"),
    ],
)
def test_a_setting_out_of_range_is_named(
    royal: WordVectors, tmp_path: Path, options: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ParameterError, match=reason):
        analogies(royal, small(tmp_path, ": one", "a b c d"), **options)


def test_a_missing_file_is_named(royal: WordVectors, tmp_path: Path) -> None:
    with pytest.raises(SourceNotFoundError, match="nowhere"):
        analogies(royal, tmp_path / "nowhere.txt")

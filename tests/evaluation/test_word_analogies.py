"""Analogies: the file, and every section compared with gensim's evaluation of the same vectors."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gensim.models import KeyedVectors
from gensim.test.utils import datapath
from hypothesis import HealthCheck, given, settings, strategies as st

from embedsearch._errors import (
    EmbedSearchError,
    ParameterError,
    SourceError,
    SourceFormatError,
    SourceNotFoundError,
)
from embedsearch._progress import SilentProgress
from embedsearch.evaluation import analogies
from embedsearch.evaluation.word_analogies import (
    AnalogyReport,
    Blocks,
    Section,
    question_rows,
    read_analogies,
    right_answers,
)
from embedsearch.evaluation.word_sets import RestrictedVocabulary
from embedsearch.vectors.word_vectors import WordVectors

TWO = ": capital cities\nAthens Greece\tOslo  Norway\n\n: gram1\nbig bigger old older\n"
WANTED = [
    Section("capital cities", [("Athens", "Greece", "Oslo", "Norway")]),
    Section("gram1", [("big", "bigger", "old", "older")]),
]


def write(tmp_path: Path, data: str | bytes, name: str = "questions.txt") -> Path:
    path = tmp_path / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def test_googles_set_has_its_published_sizes() -> None:
    # Mikolov et al. 2013, table 1: 8,869 semantic and 10,675 syntactic questions.
    sections = read_analogies(datapath("questions-words.txt"))
    sizes = {section.name: len(section.questions) for section in sections}
    syntactic = sum(size for name, size in sizes.items() if name.startswith("gram"))
    assert (len(sizes), syntactic, sum(sizes.values()) - syntactic) == (14, 10_675, 8_869)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (TWO.encode(), "questions.txt"),
        (TWO.replace("\n", "\r\n").encode(), "questions.txt"),
        (b"\xef\xbb\xbf" + TWO.encode(), "questions.txt"),
        (gzip.compress(TWO.encode(), mtime=0), "questions.txt.gz"),
    ],
)
def test_sections_hold_their_questions(tmp_path: Path, data: bytes, name: str) -> None:
    assert read_analogies(write(tmp_path, data, name)) == WANTED


def test_another_encoding_is_read_by_its_name(tmp_path: Path) -> None:
    path = write(tmp_path, ": a\né è ê ë".encode("latin-1"))
    assert read_analogies(path, "latin-1") == [Section("a", [("é", "è", "ê", "ë")])]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "holds no questions"),
        (b": only\n: names\n", "holds no questions"),
        (b"a b c d\n", "line 1: a question comes before the first section"),
        (b": a\n\na b c d\na b c\n", "line 4: a question has four words, here are 3"),
        (b": a\na b c d e\n", "line 2: .* here are 5"),
        (b": a\na b c \xff\n", "line 2: byte 0xff, .* is not utf-8"),
        (b": a\n" + b"a " * 40_000, "more than 65,536"),
        (b"\x1f\x8bjunk", "gzip data are damaged"),
    ],
)
def test_a_broken_file_is_named_with_its_line(tmp_path: Path, data: bytes, reason: str) -> None:
    with pytest.raises(SourceFormatError, match=f"questions.txt.*{reason}"):
        read_analogies(write(tmp_path, data))


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFoundError, match="there is no such file"):
        read_analogies(tmp_path / "nowhere.txt")
    with pytest.raises(SourceError, match="cannot be read"):
        read_analogies(tmp_path)
    with pytest.raises(SourceError, match="null"):
        read_analogies("a\0b")


def test_an_unknown_encoding_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="klingon"):
        read_analogies(write(tmp_path, TWO), "klingon")


pieces = st.sampled_from([b": ", b"a b c d", b"\n", b"\r", b"\x1f\x8b", b"\xff", b"\0", b" "])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.lists(pieces | st.binary(max_size=12), max_size=12).map(b"".join))
def test_any_bytes_are_read_or_refused(tmp_path: Path, data: bytes) -> None:
    try:
        sections = read_analogies(write(tmp_path, data))
    except EmbedSearchError:
        return
    assert all(len(question) == 4 for section in sections for question in section.questions)


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


def answers(vectors: WordVectors, path: Path, method: str, **options: Any) -> list[bool]:
    vocabulary = RestrictedVocabulary(vectors, None, True)
    rows = np.concatenate([question_rows(vocabulary, one) for one in read_analogies(path)])
    with SilentProgress().task("") as task:
        found = right_answers(vectors.vectors, vocabulary, rows, method, task, **options)
    return found.tolist()


@pytest.mark.parametrize("method", ["3cosadd", "3cosmul"])
def test_the_size_of_blocks_does_not_matter(
    analogous: WordVectors, questions: Path, method: str
) -> None:
    small = Blocks(questions=97, cosines=3000, batch=10)
    expected = answers(analogous, questions, method)
    assert answers(analogous, questions, method, blocks=small) == expected


def test_where_rounding_may_decide_gensims_operations_do(
    analogous: WordVectors, questions: Path
) -> None:
    expected = answers(analogous, questions, "3cosadd")
    assert answers(analogous, questions, "3cosadd", tolerance=9.0) == expected


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

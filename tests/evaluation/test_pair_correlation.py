"""Correlations with human judgements: held against gensim's evaluation, and scipy."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from gensim.models import KeyedVectors
from gensim.test.utils import datapath
from scipy import stats

from embedsearch._errors import ParameterError
from embedsearch.evaluation import pairs
from embedsearch.evaluation.pair_file import read_pairs
from embedsearch.vectors.word_vectors import WordVectors


@pytest.fixture(scope="module", params=["wordsim353.tsv", "simlex999.txt"])
def path(request: pytest.FixtureRequest) -> str:
    return datapath(request.param)


@pytest.fixture(scope="module")
def vectors(path: str) -> WordVectors:
    """Vectors of most words of the set; some have two spellings, one is zero."""
    rng = np.random.default_rng(0)
    judged, _ = read_pairs(path)
    known = sorted({word for pair in judged for word in pair[:2]})[12:]
    words = rng.permutation([*known, *(word.upper() for word in known[::3])]).tolist()
    words = list(dict.fromkeys(words))
    X = rng.standard_normal((len(words), 8)) * rng.uniform(0.1, 50, (len(words), 1))
    X[7] = 0
    return WordVectors(X.astype(np.float32), words)


def small(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "pairs.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture
def few() -> WordVectors:
    return WordVectors(np.array([[1, 0], [1, 1], [0, 1], [3, 0]], np.float32), ["a", "b", "c", "A"])


@pytest.mark.parametrize("dummy4unknown", [False, True])
@pytest.mark.parametrize("case_insensitive", [False, True])
@pytest.mark.parametrize("restrict_vocab", [150, 300_000])
def test_the_numbers_are_those_of_gensim(
    vectors: WordVectors,
    path: str,
    dummy4unknown: bool,
    case_insensitive: bool,
    restrict_vocab: int,
) -> None:
    options = {
        "dummy4unknown": dummy4unknown,
        "case_insensitive": case_insensitive,
        "restrict_vocab": restrict_vocab,
    }
    kv = KeyedVectors(vectors.vector_size)
    kv.add_vectors(vectors.index_to_key, vectors.vectors)
    pearson, spearman, unknown = kv.evaluate_word_pairs(path, **options)
    report = pairs(vectors, path, **options)
    assert report.spearman == pytest.approx(tuple(spearman), rel=1e-6)
    assert report.pearson == pytest.approx(tuple(pearson), rel=1e-5)
    assert 1 - report.coverage == pytest.approx(unknown / 100)


def test_the_numbers_are_those_of_scipy(few: WordVectors, tmp_path: Path) -> None:
    report = pairs(few, small(tmp_path, "a b 7", "a c 3", "b c 5", "a a 10", "a d 9", "c e 1"))
    human, cosines = [7, 3, 5, 10], [0.5**0.5, 0, 0.5**0.5, 1]
    assert report.spearman == pytest.approx(tuple(stats.spearmanr(human, cosines)))
    assert report.pearson == pytest.approx(tuple(stats.pearsonr(human, cosines)))
    assert (report.pairs, report.known, report.unknown_words) == (6, 4, ("d", "e"))


def test_what_was_done_with_unknown_words_is_said(few: WordVectors, tmp_path: Path) -> None:
    path = small(tmp_path, "a b 7", "a c 3", "a d 9")
    left_out, counted = pairs(few, path), pairs(few, path, dummy4unknown=True)
    assert (left_out.unknown, counted.unknown) == ("left out", "counted as similarity 0")
    assert left_out.spearman.value == pytest.approx(1)
    assert counted.spearman == pytest.approx(tuple(stats.spearmanr([7, 3, 9], [0.7, 0, 0])))
    assert "left out: 1" in left_out.notes[0]
    assert "counted as similarity 0: 1" in counted.notes[0]


def test_the_first_of_equal_words_is_taken(few: WordVectors, tmp_path: Path) -> None:
    path = small(tmp_path, "A a 1", "A c 2", "B c 3")
    assert pairs(few, path).known == 3
    report = pairs(few, path, case_insensitive=False)
    assert (report.known, report.unknown_words) == (2, ("B",))


def test_the_tags_of_men_are_taken_off(few: WordVectors, tmp_path: Path) -> None:
    report = pairs(few, small(tmp_path, "a-n b-v 7", "a-n c-j 3"))
    assert report.known == 2
    assert "taken off" in report.notes[0]


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (("x y 1", "y z 2"), "none is known"),
        (("a b 1", "y z 2"), "one is known"),
        (("a b 5", "b c 5", "a c 5"), "all judgements are equal"),
        (("a b 1", "b c 2"), "all cosines are equal"),
    ],
)
def test_where_there_is_no_correlation_a_note_says_why(
    few: WordVectors, tmp_path: Path, lines: tuple[str, ...], reason: str
) -> None:
    report = pairs(few, small(tmp_path, *lines))
    assert report.spearman == report.pearson == (None, None)
    assert reason in report.notes[-1]
    plain = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert plain["spearman"] is None
    assert plain["coverage"] == report.known / report.pairs


def test_the_report_is_json_and_html(few: WordVectors, tmp_path: Path) -> None:
    report = pairs(few, small(tmp_path, "a b 7", "a c 3", "b c 5", "a <d> 9"))
    plain = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert plain["kind"] == "pairs"
    assert plain["spearman"] == report.spearman.value
    assert plain["pearson_p"] == report.pearson.p
    assert plain["unknown_words"] == ["<d>"]
    assert f"<td>{report.pearson.value:.4f}</td>" in report._repr_html_()


def test_a_setting_out_of_range_is_named(few: WordVectors, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="restrict_vocab"):
        pairs(few, small(tmp_path, "a b 1"), restrict_vocab=-1)

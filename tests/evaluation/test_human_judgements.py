"""Word pairs and the Lee documents: their files, with faults, and correlations as of gensim."""

from __future__ import annotations

import bz2
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from gensim.models import KeyedVectors
from gensim.test.utils import datapath
from hypothesis import HealthCheck, given, settings, strategies as st
from scipy import stats
from sklearn.feature_extraction.text import TfidfVectorizer

from embedsearch._errors import (
    EmbedSearchError,
    ParameterError,
    SourceFormatError,
    SourceNotFoundError,
    VectorError,
)
from embedsearch.evaluation import pairs
from embedsearch.evaluation.human_judgements import JudgedPair, lee, read_pairs
from embedsearch.vectors.word_vectors import WordVectors

WANTED = [("old", "new", 1.58), ("smart", "intelligent", 9.2)]


def write(tmp_path: Path, data: str | bytes, name: str = "pairs.txt") -> Path:
    path = tmp_path / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


LAYOUTS = {
    "WordSim-353, gensim's": "# Word 1\tWord 2\told\t1\nold\tnew\t1.58\nsmart\tintelligent\t9.2\n",
    "WordSim-353, combined.csv": (
        "Word 1,Word 2,Human (mean)\nold,new,1.58\nsmart,intelligent,9.2\n"
    ),
    "WordSim-353, set1.csv": (
        "Word 1,Word 2,Human (mean),1,2\nold,new,1.58,1,2\nsmart,intelligent,9.2,9,9\n"
    ),
    "SimLex-999": (
        "word1\tword2\tPOS\tSimLex999\tconc(w1)\tconcQ\r\n"
        "old\tnew\tA\t1.58\t2.72\t2\r\nsmart\tintelligent\tA\t9.2\t1.75\t1\r\n"
    ),
    "MEN, natural form": "old new 1.58\nsmart intelligent 9.200000",
    "MEN, lemma form": "old-j new-j 1.58\nsmart-j intelligent-j 9.2\n",
    "SimVerb-3500": "old\tnew\tV\t1.58\tNONE\nsmart\tintelligent\tV\t9.2\tSYNONYMS\n",
    "RG-65": "old;new;1.58\nsmart;intelligent;9.2\n",
    "MTurk-771": "old,new,1.58\nsmart,intelligent,9.2\n",
    "RareWords": "old\tnew\t1.58\t1\t2\nsmart\tintelligent\t9.20\t9\t9\n",
    "quoted": '"old","new","1.58"\n"smart", "intelligent", 9.2\n',
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_layout_is_told_from_the_file(tmp_path: Path, layout: str) -> None:
    pairs, tagged = read_pairs(write(tmp_path, LAYOUTS[layout]))
    assert pairs == WANTED
    assert tagged == (layout == "MEN, lemma form")


@pytest.mark.parametrize(("name", "size"), [("wordsim353.tsv", 353), ("simlex999.txt", 999)])
def test_the_files_of_gensim_are_whole(name: str, size: int) -> None:
    pairs, _ = read_pairs(datapath(name))
    assert len(pairs) == size
    assert all(0 <= pair.score <= 10 for pair in pairs)


def test_words_with_hyphens_keep_them(tmp_path: Path) -> None:
    pairs, tagged = read_pairs(write(tmp_path, "x-n ray 1\nsun-n moon-n 2\n"))
    assert pairs == [("x-n", "ray", 1), ("sun-n", "moon-n", 2)]
    assert not tagged


def test_phrases_may_stand_between_tabs(tmp_path: Path) -> None:
    assert read_pairs(write(tmp_path, "New York\tParis\t-1e1\n"))[0] == [("New York", "Paris", -10)]


def test_a_compressed_file_is_read(tmp_path: Path) -> None:
    assert read_pairs(write(tmp_path, bz2.compress(b"a b 1"), "p.bz2"))[0] == [("a", "b", 1)]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("", "holds no pairs"),
        ("# only\n# remarks\n", "holds no pairs"),
        ("a b\nc d\n", "line 2: no number follows two words"),
        ("a\tb\tc\n", "line 1: no number follows two words"),
        ("a b 1\n\nc d\n", "line 3: no number"),
        ("a b 1\nc d 2\ne f\n", "line 3: column 3 must be a number, .* got nothing"),
        ("a b 1\nc d 2\ne f g\n", "line 3: column 3 must be a number, .* got 'g'"),
        ("a\tb\t1\nc\td\t7,35\n", "line 2: no number"),
        ("a b 1\nc d nan\n", "line 2: column 3 must be a number, .* got 'nan'"),
        ("a b -inf\nc d 2\n", "line 1: column 3 must be a number, .* got '-inf'"),
        ("a b 1\nc d 1_0\n", "line 2: no number"),
        ("a\t\t1\n", "line 1: a word is empty"),
        (b"a b 1\nc \xe9 2\n", "line 2: byte 0xe9"),
    ],
)
def test_a_broken_file_is_named_with_its_line(
    tmp_path: Path, data: str | bytes, reason: str
) -> None:
    with pytest.raises(SourceFormatError, match=f"pairs.txt.*{reason}"):
        read_pairs(write(tmp_path, data))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFoundError, match="nowhere"):
        read_pairs(tmp_path / "nowhere.tsv")


words = st.text("abcdé-'", min_size=1, max_size=8)
scores = st.floats(-100, 100)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.lists(st.tuples(words, words, scores), min_size=1), st.sampled_from("\t;, "))
def test_what_was_written_is_read(
    tmp_path: Path, pairs: list[tuple[str, str, float]], sign: str
) -> None:
    text = "".join(f"{sign.join((one, other, repr(score)))}\n" for one, other, score in pairs)
    found, tagged = read_pairs(write(tmp_path, text))
    assert tagged or found == pairs


pieces = st.sampled_from([b"a", b"\t", b",", b";", b'"', b" ", b"1", b"nan", b"\n", b"\xff", b"\0"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.lists(pieces, max_size=30).map(b"".join) | st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(tmp_path: Path, data: bytes) -> None:
    try:
        pairs, _ = read_pairs(write(tmp_path, data))
    except EmbedSearchError:
        return
    assert pairs
    assert all(isinstance(pair, JudgedPair) and abs(pair.score) < float("inf") for pair in pairs)


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


def test_the_tags_of_men_are_removed(few: WordVectors, tmp_path: Path) -> None:
    report = pairs(few, small(tmp_path, "a-n b-v 7", "a-n c-j 3"))
    assert report.known == 2
    assert "were removed" in report.notes[0]


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


def tfidf(texts: Sequence[str]) -> np.ndarray:
    vectors: np.ndarray = TfidfVectorizer(stop_words="english").fit_transform(texts).toarray()
    return vectors


def human() -> np.ndarray:
    judged: np.ndarray = np.loadtxt(datapath("similarities0-1.txt"))
    return judged


def test_correlations_are_those_of_scipy_over_the_distinct_pairs() -> None:
    texts: list[str] = []

    def encode(given: Sequence[str]) -> np.ndarray:
        texts.extend(given)
        return 3 * tfidf(given)

    report = lee(encode)
    X = tfidf(texts)
    pairs = [(i, j) for i in range(50) for j in range(i + 1, 50)]
    cosines = [X[i] @ X[j] / np.linalg.norm(X[i]) / np.linalg.norm(X[j]) for i, j in pairs]
    judged = [human()[i, j] for i, j in pairs]
    assert report.pearson == pytest.approx(stats.pearsonr(cosines, judged)[0], abs=1e-5)
    assert report.spearman == pytest.approx(stats.spearmanr(cosines, judged)[0], abs=1e-3)
    assert (report.documents, report.pairs, report.notes) == (50, 1225, ())
    assert 0.4 < (report.pearson or 0) < 0.7


def test_vectors_made_of_the_judgements_correlate_fully() -> None:
    upper = np.triu(human(), 1)
    similarity = upper + upper.T + 60 * np.eye(50)
    report = lee(lambda texts: np.linalg.cholesky(similarity))
    assert report.pearson == pytest.approx(1, abs=1e-6)
    assert report.to_json()["pearson"] == report.rows()[0]["pearson"] == report.pearson


def test_vectors_that_tell_nothing_have_no_correlation() -> None:
    report = lee(lambda texts: np.ones((50, 3)))
    assert (report.pearson, report.spearman) == (None, None)
    assert report.notes == ("all cosines are the same, so that nothing correlates with them",)


def test_documents_without_a_vector_are_noted() -> None:
    def encode(texts: Sequence[str]) -> np.ndarray:
        vectors = tfidf(texts)
        vectors[[3, 7]] = 0
        return vectors

    report = lee(encode)
    assert report.notes == ("documents with a vector of zeros, whose cosines are 0: 2",)
    assert report.pearson is not None


@pytest.mark.parametrize("shape", [(49, 3), (1, 3), (50, 0)])
def test_each_document_needs_a_vector(shape: tuple[int, int]) -> None:
    with pytest.raises(VectorError):
        lee(lambda texts: np.ones(shape))
    with pytest.raises(VectorError, match="row 0"):
        lee(lambda texts: np.full((50, 2), np.nan))

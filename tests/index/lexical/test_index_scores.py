"""BM25 against a plain reference, filters, and explanations against scores."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from embedsearch._errors import ParameterError, QueryError
from embedsearch.index.lexical import LexicalQuery
from embedsearch.index.lexical.index import as_numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from embedsearch.index.lexical import LexicalIndex

    Build = Callable[..., LexicalIndex]

K1, B = 1.2, 0.75
WORDS = [f"w{i}x" for i in range(60)]
TITLE_WEIGHT = 0.2


def one_byte(length: int) -> int:
    """Round a length as Lucene's SmallFloat does: 24 free values, then four significant bits."""
    if length < 24:
        return length
    shift = max(0, (length - 24).bit_length() - 4)
    return 24 + ((length - 24) >> shift << shift)


def bm25(
    query: Sequence[str], documents: list[list[str]], rounded: bool = True
) -> NDArray[np.float64]:
    counts = np.array([[doc.count(word) for word in query] for doc in documents], dtype=float)
    lengths = np.array([len(doc) for doc in documents])
    mean = lengths.mean()
    if rounded:
        lengths = np.array([one_byte(length) for length in lengths.tolist()])
    n = (counts > 0).sum(axis=0)
    idf = np.log(1 + (len(documents) - n + 0.5) / (n + 0.5))
    norms = K1 * (1 - B + B * lengths / mean)
    return (idf * counts * (K1 + 1) / (counts + norms[:, np.newaxis])).sum(axis=1)


@pytest.fixture
def texts() -> list[list[str]]:
    rng = np.random.default_rng(7)
    chances = 1 / np.arange(1, 61)
    sizes = [0, 1, 39, 40, 41, 900, *rng.integers(5, 300, 54)]
    return [list(rng.choice(WORDS, size, p=chances / chances.sum())) for size in sizes]


def test_scores_are_those_of_bm25(build: Build, texts: list[list[str]]) -> None:
    index = build({i + 10: " ".join(text) for i, text in enumerate(texts)})
    for query in (["w3x"], ["w0x", "w50x", "w7x"], ["w3x", "w3x", "w40x"]):
        scores, numbers = index.snapshot.search(" ".join(query), topn=100)
        wanted = bm25(query, texts)
        found = np.flatnonzero(wanted)
        assert sorted(numbers) == (found + 10).tolist()
        np.testing.assert_allclose(scores, wanted[numbers - 10], rtol=1e-5)
        assert (np.diff(scores) <= 0).all()
        assert (scores.dtype, numbers.dtype) == (np.float32, np.int64)


def test_rounded_lengths_raise_a_score_by_an_eighth_at_most(
    build: Build, texts: list[list[str]]
) -> None:
    index = build({i: " ".join(text) for i, text in enumerate(texts)})
    query = ["w1x", "w2x"]
    scores, numbers = index.snapshot.search(" ".join(query), topn=100)
    exact = bm25(query, texts, rounded=False)[numbers]
    assert (scores >= exact * (1 - 1e-6)).all()
    assert (scores <= exact * 1.125).all()


def test_a_title_counts_as_text_and_once_more_by_its_weight(
    build: Build, texts: list[list[str]]
) -> None:
    titles = [text[:4] for text in texts]
    index = build({i: (" ".join(t), " ".join(x)) for i, (t, x) in enumerate(zip(titles, texts))})
    query = ["w0x", "w9x"]
    both = [title + text for title, text in zip(titles, texts)]
    wanted = bm25(query, both) + TITLE_WEIGHT * bm25(query, titles)
    np.testing.assert_allclose(
        index.snapshot.scores_of(" ".join(query), range(len(texts))), wanted, rtol=1e-5
    )


def test_stop_words_count_neither_as_words_nor_in_lengths(build: Build) -> None:
    texts = ["the cat and the dog", "cat", "a dog is on the mat", "mat of a cat cat"]
    without = [["cat", "dog"], ["cat"], ["dog", "mat"], ["mat", "cat", "cat"]]
    index = build(dict(enumerate(texts)))
    np.testing.assert_allclose(
        index.snapshot.scores_of("is the cat on a mat", range(4)),
        bm25(["cat", "mat"], without),
        rtol=1e-5,
    )


def test_a_phrase_is_scored_as_a_word_with_the_idf_of_all_its_words(build: Build) -> None:
    texts = ["x y z", "x y x y", "y x", "x x y", "z z"]
    index = build(
        dict(enumerate(texts)),
    )
    split = [text.split() for text in texts]
    counts = np.array([text.count("x y") for text in texts])
    lengths = np.array([len(text) for text in split])
    idf = sum(np.log(1 + (5 - n + 0.5) / (n + 0.5)) for n in (4, 4))
    norms = K1 * (1 - B + B * lengths / lengths.mean())
    wanted = idf * counts * (K1 + 1) / (counts + norms)
    words = index.snapshot.scores_of("x y", range(5))
    expected = words + 4 * wanted
    np.testing.assert_allclose(index.snapshot.scores_of('"x y"', range(5)), expected, rtol=1e-5)
    found = index.snapshot.scores_of('"x y" w', range(5))
    np.testing.assert_allclose(found, words + wanted, rtol=1e-5)


@pytest.mark.parametrize("query", ["w0x w9x", '"w0x w1x" w2x', "+w0x w9x -w30x", '"w1x w0x"'])
def test_scores_of_given_documents_are_those_of_the_search(
    build: Build, texts: list[list[str]], query: str
) -> None:
    index = build({3 * i: " ".join(text) for i, text in enumerate(texts)})
    scores, numbers = index.snapshot.search(query, topn=100)
    assert len(numbers)
    everything = dict(zip(numbers.tolist(), scores, strict=True))
    for asked in ([0, 3, 3, 999, 1], range(200), numbers[::-1], []):
        wanted = [everything.get(int(number), 0) for number in asked]
        np.testing.assert_allclose(index.snapshot.scores_of(query, asked), wanted, rtol=1e-6)


@pytest.mark.parametrize("query", ["w0x w9x w9x", '"w0x w1x" w2x', "+w0x w9x -w30x", "the"])
def test_the_parts_of_an_explanation_add_up_to_the_score(
    build: Build, texts: list[list[str]], query: str
) -> None:
    pairs = {i: (" ".join(text[:5]), f"the {' '.join(text)}") for i, text in enumerate(texts)}
    index = build(pairs)
    scores, numbers = index.snapshot.search(query, topn=100)
    parts = index.snapshot.explain(query, numbers)
    sums = [sum(part.score for part in of_one) for of_one in parts]
    np.testing.assert_allclose(sums, scores, rtol=1e-6)


def test_an_explanation_names_words_as_they_were_typed(build: Build) -> None:
    index = build({1: ("Boundary layers", "the flow in boundary layers"), 2: "heat"})
    (parts, nothing) = index.snapshot.explain('Flows "boundary layer"', [1, 2])
    assert {(part.field, part.word) for part in parts} == {
        ("text", "flows"),
        *((field, word) for field in ("text", "title") for word in ("boundary", "layer")),
        ("text", '"boundary layer"'),
        ("title", '"boundary layer"'),
    }
    assert nothing == []


def test_weights_multiply_the_scores_of_words(build: Build) -> None:
    index = build({0: "cat", 1: "dog cat", 2: "dog"})
    cat, dog = (
        index.snapshot.scores_of(LexicalQuery({word: 1.0}), range(3)) for word in ("cat", "dog")
    )
    both = index.snapshot.scores_of(LexicalQuery({"cat": 0.5, "dog": 3.0}), range(3))
    np.testing.assert_allclose(both, 0.5 * cat + 3 * dog, rtol=1e-6)


@pytest.mark.parametrize("weight", [0, -1, float("nan"), float("inf")])
def test_weights_that_are_not_above_zero_are_refused(build: Build, weight: float) -> None:
    index = build({0: "cat"})
    with pytest.raises(QueryError, match="weight of 'cat'"):
        index.snapshot.search(LexicalQuery({"cat": weight}))
    with pytest.raises(QueryError, match="empty"):
        index.snapshot.search(LexicalQuery({}))


def test_document_frequencies_are_counts_of_documents(build: Build) -> None:
    index = build({0: "the cats", 1: "a cat, a dog", 2: "dog-house"})
    assert index.snapshot.document_frequencies(["Cat", "dogs", "the", "dog-house", "bird", ""]) == [
        2, 2, 1, 1, 0, 0,
    ]  # fmt: skip


if TYPE_CHECKING:
    from collections.abc import Callable

    from embedsearch.index.lexical import LexicalIndex

    Build = Callable[..., LexicalIndex]

COUNT = 3000


@pytest.fixture(scope="module")
def index(build: Build) -> LexicalIndex:
    rng = np.random.default_rng(3)
    texts = {}
    for number in range(COUNT):
        # The best documents for `rare` have the lowest numbers.
        rare = "rare " * (20 - number // 50)
        texts[number] = rare + " ".join(rng.choice(["alpha", "beta", "gamma", "delta"], 9))
    return build(texts)


ALLOWED = {
    "none": [],
    "one": [2999],
    "few": [2900, 17, 17, 5, 123456],
    "a range": range(1500, 2600),
    "a range with steps": range(0, 10**6, 7),
    "most": np.arange(COUNT) % 10 != 0,
    "the worst": np.arange(990, COUNT),
    "a short mask": [True, False, True],
    "unsigned": np.arange(20, 700, dtype=np.uint32),
}


@pytest.mark.parametrize("name", ALLOWED)
@pytest.mark.parametrize("topn", [1, 10, 400, 5000])
@pytest.mark.parametrize("query", ["rare", "rare alpha", "+rare alpha -beta"])
def test_the_best_of_those_allowed_are_found(
    index: LexicalIndex, name: str, topn: int, query: str
) -> None:
    everything, numbers = index.snapshot.search(query, topn=COUNT)
    kept = np.isin(numbers, as_numbers("allowed", ALLOWED[name]))
    scores, found = index.snapshot.search(query, topn, ALLOWED[name])
    np.testing.assert_allclose(scores, everything[kept][:topn], rtol=1e-6)
    assert set(found.tolist()) <= set(numbers[kept].tolist())
    assert len(set(found.tolist())) == len(found)


def test_a_filter_does_not_import_masked_arrays() -> None:
    code = (
        "import sys\n"
        "from embedsearch._types import Document\n"
        "from embedsearch.index.lexical import LexicalAnalyzer, LexicalIndex\n"
        "with LexicalIndex.temporary(LexicalAnalyzer.for_language('english')) as index:\n"
        "    index.apply([(n, Document(str(n), 'cats')) for n in range(5)], change=1)\n"
        "    print(index.snapshot.search('cat', 9, [3, 1, 3])[1], 'numpy.ma' in sys.modules)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[1 3] False\n"


def test_equal_scores_are_ordered_by_number(build: Build) -> None:
    index = build(dict.fromkeys((5, 90, 3, 41, 7), "same words"))
    assert index.snapshot.search("words")[1].tolist() == [3, 5, 7, 41, 90]
    assert index.snapshot.search("words", 10, [90, 3, 41])[1].tolist() == [3, 41, 90]


@pytest.mark.parametrize("bad", ["ab", [0.5], [[1, 2]], [None]])
def test_what_are_no_numbers_is_refused(index: LexicalIndex, bad: object) -> None:
    with pytest.raises(ParameterError, match="allowed"):
        index.snapshot.search("alpha", 10, bad)
    with pytest.raises(ParameterError, match="numbers"):
        index.snapshot.scores_of("alpha", bad)


def test_documents_found_elsewhere_are_held_against_what_is_required(build: Build) -> None:
    index = build({1: "a red car", 2: "a blue car", 3: "a red bus", 4: "the car is red not blue"})
    numbers = [4, 3, 2, 1, 77]
    assert index.snapshot.admits("car red", numbers).tolist() == [True] * 5
    assert index.snapshot.admits("+red car -blue", numbers).tolist() == [
        False,
        True,
        False,
        True,
        False,
    ]
    assert index.snapshot.admits("bus -blue", numbers).tolist() == [False, True, False, True, True]
    assert index.snapshot.admits('+"red car"', []).tolist() == []

"""Terms of texts as numbers, which are remembered."""

from __future__ import annotations

import random
import tracemalloc

import pytest

from embedsearch.index.lexical import LexicalAnalyzer
from embedsearch.search.part_terms import CACHED, PartTerms
from embedsearch.text.settings import TokenizerSettings

ENGLISH = LexicalAnalyzer.for_language("english")


def test_terms_with_columns_have_these_as_numbers_and_others_higher_ones() -> None:
    terms = PartTerms(ENGLISH, {"cat": 0, "dog": 1})
    assert terms.of("Cats (and dogs), a cat: CAT") == [
        0,
        terms.number("and", stop=True),
        1,
        terms.number("a", stop=True),
        0,
        0,
    ]
    others = {terms.number("and", stop=True), terms.number("and"), terms.number("mous")}
    assert len(others) == 3
    assert min(others) >= 2
    assert terms.of("mouse mouse-cat") == [*[terms.number("mous")] * 2, 0]
    assert terms.of_part("Cats,") == (0,)
    assert terms.of_part("...") == ()


def test_what_is_remembered_has_a_limit() -> None:
    terms = PartTerms(ENGLISH, {})
    parts = [f"x{number}" for number in range(CACHED)]
    terms.of(" ".join(parts))
    assert len(terms) == CACHED
    assert terms.of("cats x1") == [terms.number("cat"), terms.number("x1")]
    assert set(terms) == {"cats", "x1"}
    # A search by words alone asks for single parts.
    for part in parts:
        terms.of_part(part)
    assert terms.of_part("dogs") == (terms.number("dog"),)
    assert len(terms) < CACHED


@pytest.mark.parametrize(
    ("settings", "blank"),
    [(TokenizerSettings(), ""), (TokenizerSettings(tokenizer="regexp", pattern=r"\w+"), " ")],
)
def test_no_sentence_is_kept(settings: TokenizerSettings, blank: str) -> None:
    analyzer, choose = LexicalAnalyzer(settings), random.Random(0)  # noqa: S311 - no secrets
    letters = [chr(0x4E00 + place) for place in range(300)]
    texts = [blank.join(choose.sample(letters, 200)) for _ in range(100)]
    for text in texts:
        analyzer.words(text)
    terms = PartTerms(analyzer, {})
    tracemalloc.start()
    try:
        assert all(len(terms.of(text)) > 100 for text in texts)
        left = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    # A sentence of so many terms would take 20 kilobytes.
    assert left < 200_000

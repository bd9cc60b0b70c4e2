"""Documents in bulk have the token streams that each has alone."""

from __future__ import annotations

import pytest

import embedsearch as es
from embedsearch.index.lexical import LexicalAnalyzer
from embedsearch.index.lexical.bulk import fields_of

TEXTS = [
    "The boundary-layer of l'avion, “quoted” (in brackets) and state-of-the-art.",
    "北京大学 is a university; Straße, naïve café, ΣΊΣΥΦΟΣ, İstanbul.",
    "",
    "  \n\t",
    "Running runners ran. The of and.",
    "don't e.g. 3.14 1,000 #tag user@example.org snake_case C++ \x00 end",
]
SETTINGS = [
    es.TokenizerSettings(),
    es.TokenizerSettings(lowercase=False, accents="strip", digits="zero"),
    es.TokenizerSettings(stop_words=("quoted",), stem="porter"),
    es.TokenizerSettings(tokenizer="toktok"),
]


@pytest.mark.parametrize("settings", SETTINGS, ids=repr)
@pytest.mark.parametrize("language", ["english", "french", "none"])
@pytest.mark.parametrize("block", [1, 200, 1 << 18])
def test_streams_are_those_of_each_document(
    settings: es.TokenizerSettings, language: str, block: int
) -> None:
    texts = enumerate(TEXTS * 3)
    documents = [(n, es.Document(str(n), text, title=TEXTS[n % 5])) for n, text in texts]
    analyzer = LexicalAnalyzer.for_language(language, settings)
    expected = [(number, analyzer.document_fields(each)) for number, each in documents]
    assert list(fields_of(documents, analyzer, block)) == expected

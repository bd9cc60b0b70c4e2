"""Small lexical indexes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import pytest

from embedsearch._types import Document
from embedsearch.index.lexical import LexicalAnalyzer, LexicalIndex

Build = Callable[..., LexicalIndex]


@pytest.fixture(scope="session")
def english() -> LexicalAnalyzer:
    return LexicalAnalyzer.for_language("english")


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory, english: LexicalAnalyzer) -> Iterator[Build]:
    """Return a function that indexes texts, or (title, text) pairs, by number."""
    made: list[LexicalIndex] = []

    def build(
        texts: Mapping[int, str | tuple[str, str]], analyzer: LexicalAnalyzer = english
    ) -> LexicalIndex:
        folder = tmp_path_factory.mktemp("lexical")
        index = LexicalIndex.create(folder, analyzer)
        index.apply(((n, document(n, text)) for n, text in texts.items()), change=1)
        made.append(index)
        return index

    yield build
    for index in made:
        index.close()


def document(number: int, text: str | tuple[str, str]) -> Document:
    title, body = text if isinstance(text, tuple) else ("", text)
    return Document(f"document {number}", body, {}, title)

"""Many documents as token streams at once: each distinct chunk of text is cut once."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from embedsearch.index.lexical.analysis import Fields
from embedsearch.text.stream_writer import PIECE, ChunkEncoder, TokenIds
from embedsearch.text.tokenizers import CACHED_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from embedsearch._types import Document
    from embedsearch.index.lexical.analysis import LexicalAnalyzer
    from embedsearch.text.tokenizers import Edges

    Numbered = tuple[int, Document]


def fields_of(
    documents: Iterable[Numbered], analyzer: LexicalAnalyzer, block: int = PIECE
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each number with the fields of its document, as `document_fields` returns them.

    What is less than a `block` of characters is not worth the compiled code that cuts chunks.
    """
    edges = analyzer.cutter.edges
    bulk = None
    for some in _blocks(documents, block):
        if edges is not None and bulk is None and _size(some) >= block:
            bulk = _Bulk(analyzer, edges)
        fields = analyzer.fields if bulk is None else bulk.of(some).__getitem__
        for number, document in some:
            yield number, analyzer.document_fields(document, fields)


def _size(documents: list[Numbered]) -> int:
    return sum(len(document.title) + len(document.text) for _, document in documents)


def _blocks(documents: Iterable[Numbered], block: int) -> Iterator[list[Numbered]]:
    waiting: list[Numbered] = []
    size = 0
    for number, document in documents:
        waiting.append((number, document))
        size += len(document.title) + len(document.text)
        if size >= block:
            yield waiting
            waiting, size = [], 0
    if waiting:
        yield waiting


class _Bulk:
    """Cuts texts into chunks, and looks up the forms of their tokens."""

    def __init__(self, analyzer: LexicalAnalyzer, edges: Edges) -> None:
        self._analyzer, self._edges = analyzer, edges
        self._forget()

    def _forget(self) -> None:
        self._ids = TokenIds()
        self._encoder = ChunkEncoder(self._analyzer.cutter, self._edges, self._ids)
        # By id, what a token is in each of the two streams.
        self._words, self._stops = list[str](), list[str]()

    def of(self, documents: list[Numbered]) -> dict[str, Fields]:
        """Return the streams of all titles and texts."""
        if len(self._ids) >= CACHED_TYPES:
            self._forget()
        texts = list(dict.fromkeys(text for _, d in documents for text in (d.title, d.text)))
        ids, ends = self._encoder.encode(texts)
        for token in islice(self._ids, len(self._words), None):
            form = self._analyzer.forms(token)
            self._words.append(form.words)
            self._stops.append(form.stops)
        places, start, found = ids.tolist(), 0, dict[str, Fields]()
        for text, stop in zip(texts, ends.tolist(), strict=True):
            own = places[start:stop]
            words = " ".join(map(self._words.__getitem__, own))
            stops = ""
            if self._analyzer.settings.stop_words:
                stops = " ".join(map(self._stops.__getitem__, own))
            found[text] = Fields(words, stops)
            start = stop
        return found

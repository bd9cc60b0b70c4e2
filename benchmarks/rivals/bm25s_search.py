"""bm25s with the stems and stop words of English, from a mapped index."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import bm25s
import Stemmer

from benchmarks.bed import read_documents
from benchmarks.rivals.searching import TOPN, main

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from benchmarks.rivals.searching import Find

_tokenized = partial(
    bm25s.tokenize, stopwords="en", stemmer=Stemmer.Stemmer("english"), show_progress=False
)


class _Bm25s:
    def build(self, bed: Path, folder: Path) -> dict[str, Any]:
        documents = list(read_documents(bed))
        texts = [f"{document['title']}\n{document['text']}" for document in documents]
        engine = bm25s.BM25(k1=1.2, b=0.75)
        engine.index(_tokenized(texts), show_progress=False)
        engine.save(str(folder))
        ids = [document["id"] for document in documents]
        (folder / "ids.json").write_text(json.dumps(ids))
        return {}

    def ways(self, folder: Path) -> Iterator[tuple[str, Find]]:
        engine = bm25s.BM25.load(str(folder), mmap=True)
        ids = json.loads((folder / "ids.json").read_text())
        yield "lexical", partial(_found, engine, ids)


def _found(engine: Any, ids: list[str], texts: Sequence[str]) -> list[list[str]]:
    tokens = _tokenized(list(texts))
    rows = engine.retrieve(tokens, k=TOPN, show_progress=False).documents
    return [[ids[row] for row in found] for found in rows]


if __name__ == "__main__":
    main(_Bm25s())

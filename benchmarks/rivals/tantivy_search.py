"""tantivy as it comes: title and text in one field, English stems, its own reader of queries."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import tantivy

from benchmarks.bed import read_documents
from benchmarks.rivals.searching import TOPN, main

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from benchmarks.rivals.searching import Find


class _Tantivy:
    def build(self, bed: Path, folder: Path) -> dict[str, Any]:
        builder = tantivy.SchemaBuilder()
        builder.add_text_field("id", stored=True, tokenizer_name="raw", index_option="basic")
        builder.add_text_field("text", tokenizer_name="en_stem")
        index = tantivy.Index(builder.build(), path=str(folder))
        writer = index.writer()
        for document in read_documents(bed):
            text = f"{document['title']}\n{document['text']}"
            writer.add_document(tantivy.Document(id=document["id"], text=text))
        writer.commit()
        writer.wait_merging_threads()
        return {}

    def ways(self, folder: Path) -> Iterator[tuple[str, Find]]:
        index = tantivy.Index.open(str(folder))
        yield "lexical", partial(_found, index, index.searcher())


def _found(index: Any, searcher: Any, texts: Sequence[str]) -> list[list[str]]:
    found = []
    for text in texts:
        query, _ = index.parse_query_lenient(text, ["text"])
        hits = searcher.search(query, TOPN).hits
        found.append([searcher.doc(address)["id"][0] for _, address in hits])
    return found


if __name__ == "__main__":
    main(_Tantivy())

"""A bed of known items: sentences are taken out of documents, which are then looked for by them."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import asdict, dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_END = re.compile(r"(?<=[.!?])\s+")
_WORD = re.compile(r"[^\W\d_]{4,}")
_WORDS, _FEWEST_SENTENCES = 5, 4


@dataclass(frozen=True)
class Query:
    """What a document is looked for by.

    Attributes:
        id: Of the document.
        sentence: One that was taken out of it.
        words: Five words of four or more letters of that sentence, drawn at random.
    """

    id: str
    sentence: str
    words: str


def make_bed(corpus: Path, folder: Path, most: int | None, queries: int) -> int:
    """Write `documents.jsonl` and `queries.json`, and return how many documents there are."""
    documents = list(islice(_read(corpus), most))
    rng = np.random.default_rng(0)
    found: list[Query] = []
    for place in rng.permutation(len(documents)).tolist():
        if len(found) < queries and (query := _taken_out(documents[place], rng)):
            found.append(query)
    with (folder / "documents.jsonl").open("w", encoding="utf-8") as out:
        out.writelines(f"{json.dumps(document)}\n" for document in documents)
    (folder / "queries.json").write_text(json.dumps([asdict(query) for query in found]))
    return len(documents)


def read_documents(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the documents of a bed: "id", "title" and "text"."""
    return _lines(folder / "documents.jsonl")


def read_queries(folder: Path) -> list[Query]:
    """Read the queries of a bed."""
    return [Query(**query) for query in json.loads((folder / "queries.json").read_text())]


def _taken_out(document: dict[str, Any], rng: np.random.Generator) -> Query | None:
    """Take a sentence out of a document, if it has several."""
    sentences = _END.split(document["text"])
    rich = [n for n, text in enumerate(sentences) if len(set(_WORD.findall(text))) >= _WORDS]
    if len(sentences) < _FEWEST_SENTENCES or not rich:
        return None
    sentence = sentences.pop(int(rng.choice(rich)))
    document["text"] = " ".join(sentences)
    words = list(dict.fromkeys(_WORD.findall(sentence)))
    chosen = np.sort(rng.permutation(len(words))[:_WORDS])
    return Query(document["id"], sentence, " ".join(words[place] for place in chosen.tolist()))


def _read(corpus: Path) -> Iterator[dict[str, Any]]:
    for line in _lines(corpus):
        id = line.get("_id", line.get("id"))
        yield {"id": str(id), "title": line.get("title", ""), "text": line["text"]}


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)

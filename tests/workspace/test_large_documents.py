"""What a huge document or query costs grows as it does: counted in calls, not in time."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import embedsearch as es
from embedsearch.text.corpora import PlantedCorpus

TEXTS: dict[str, Callable[[int], str]] = {
    "distinct words": lambda n: "galaxy " + " ".join(f"q{n}w{i}" for i in range(n)),
    "copies of one word": lambda n: "galaxy " * n,
    "one long word": lambda n: "galaxy " + f"z{n}" * n,
    "sentences": lambda n: "".join(f"The king {n}k{i} saw a galaxy. " for i in range(n)),
    "one sentence": lambda n: " ".join(f"galaxy {n}s{i % 50}" for i in range(n)),
    "joined words": lambda n: f"galaxy {n}" + "-a" * n,
    "words of other letters": lambda n: "galaxy " + " ".join(f"é{n}w{i}" for i in range(n)),
    "characters without spaces": lambda n: "galaxy " + "漢字" * n,
}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("large") / "w.es"
    with es.create(path) as ws:
        ws.add(PlantedCorpus(documents=80))
        ws.train("ppmi", vector_size=20, workers=1)
    return path


def calls(act: Callable[[], object]) -> int:
    """Count the functions that are called, those written in C among them."""
    count = 0

    def counted(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(counted)
    try:
        act()
    finally:
        sys.setprofile(None)
    return count


def documents(writer: es.Workspace, reader: es.Workspace, text: str) -> Iterator[int]:
    """Count what each use of a document costs, by a writer and by a reader that follows."""
    writer.add([es.Document("big", text)])
    for ws in (reader, writer):
        yield calls(lambda ws=ws: ws.search("galaxy", topn=3))
        yield calls(lambda ws=ws: ws.search("galaxy king", topn=3, explain=True, expand=True))
        yield calls(lambda ws=ws: ws.explain("galaxy", "big"))
        yield calls(lambda ws=ws: ws.documents.most_similar("big", topn=3))
    yield calls(lambda: writer.documents.most_similar(es.Document("x", text), topn=3))
    yield calls(lambda: list(writer.documents.duplicates()))
    yield calls(lambda: writer.search(text, topn=3, expand=True))


def test_costs_grow_as_the_text_does(path: Path) -> None:
    with es.open(path, "w") as writer, es.open(path) as reader:
        for name, text in TEXTS.items():
            # Imports, and what is made once.
            list(documents(writer, reader, text(30)))
            once, twice = (list(documents(writer, reader, text(n))) for n in (300, 600))
            for place, (few, many) in enumerate(zip(once, twice, strict=True)):
                assert many < 2.3 * few + 600, (name, place)

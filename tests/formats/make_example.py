"""Make a small workspace of sixteen documents about farms and the sky.

Run as a program it writes the saved example of the present format, `v2.tar.gz`, with what it
answers, `v2.json`: `python tests/formats/make_example.py`. That is to be done only for a new
format, under a new name.
"""

from __future__ import annotations

import json
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import embedsearch as es

HERE = Path(__file__).parent
NAME = "v2"
SUBJECTS = {
    "farm": ("cow", "horse", "sheep", "goat", "donkey"),
    "sky": ("star", "planet", "moon", "comet", "galaxy"),
}
ACTS = {
    "farm": ("grazed in the meadow", "slept in the barn", "ate the hay"),
    "sky": ("shone in the night", "crossed the telescope", "faded at dawn"),
}
QUERIES = ("galaxy", "horse meadow", "the planet shone", '"faded at dawn"')
MODES = ("auto", "lexical", "latent")
WORDS = ("galaxy", "cow", "night")


def documents() -> Iterator[es.Document]:
    for number in range(8):
        for topic, names in SUBJECTS.items():
            text = " ".join(
                f"The {names[(number + place) % 5]} {ACTS[topic][number * place % 3]}."
                for place in range(4)
            )
            title = f"{topic.title()} {number}"
            yield es.Document(f"{topic}-{number}", text, {"year": 1990 + number}, title=title)


def make_example(path: Path, *, full: bool = False) -> None:
    """Make the workspace.

    Args:
        path: Where.
        full: With phrases, n-grams and vectors of the user's own; without, words are the same
            on every machine.
    """
    settings: dict[str, Any] = {"vector_size": 4, "min_count": 1, "workers": 1, "seed": 3}
    with es.create(path) as ws:
        ws.add(documents())
        if full:
            phrases = {"phrases": "default", "phrase_threshold": 1.0, "phrase_min_count": 3}
            ws.train("fasttext", bucket=500, epochs=5, **phrases, **settings)
            X = np.random.default_rng(5).normal(size=(16, 3)).astype(np.float32)
            ws.add_vectors(X, [document.id for document in documents()], metric="euclidean")
        else:
            ws.train("ppmi", **settings)
        ws.delete(["farm-3"])
        ws.add([es.Document("later", "the galaxy came later", {"year": 2020})])
        ws.search("galaxy")
    if not full:
        # BM25 counts deleted documents until their segment is merged. Here the scores are those of
        # a lexical index that was made again.
        shutil.rmtree(path / "lexical")
        with es.open(path) as reader:
            reader.search("galaxy")


def answers(path: Path) -> dict[str, Any]:
    """Return what the workspace answers, as JSON."""
    with es.open(path) as ws:
        found: dict[str, Any] = {
            f"{mode}: {query}": [[hit.id, hit.score] for hit in ws.search(query, mode=mode)]
            for mode in MODES
            for query in QUERIES
        }
        for word in WORDS:
            found[f"words: {word}"] = [[w, score] for w, score in ws.words.most_similar(word)]
        found["unknown: galaxies"] = np.asarray(ws.words["galaxies"]).tolist()
        found["related: sky-1"] = [[h.id, h.score] for h in ws.documents.most_similar("sky-1")]
        near = ws.vectors.search(ws.vectors.vector("sky-1"), 5)
        found["vectors: sky-1"] = [[hit.id, hit.score] for hit in near]
        found["phrases"] = sorted(w for w in ws.words.index_to_key if " " in w or "_" in w)
        return found


def main() -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "example.es"
        make_example(path, full=True)
        text = json.dumps(answers(path), ensure_ascii=False, indent=1)
        (HERE / f"{NAME}.json").write_text(f"{text}\n", encoding="utf-8")
        with tarfile.open(HERE / f"{NAME}.tar.gz", "w:gz") as tar:
            # Locks and notes of processes are no part of a workspace.
            left_out = ("lock", "writer.json", "documents.sqlite-wal", "documents.sqlite-shm")
            tar.add(path, path.name, filter=lambda m: None if Path(m.name).name in left_out else m)


if __name__ == "__main__":
    main()

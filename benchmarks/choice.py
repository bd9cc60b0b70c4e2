"""What a person chooses and reads: `python -m benchmarks.choice --keep FOLDER DIR...`.

Each DIR is a collection in the layout of BEIR. Measured are: the steps of `lean` (nDCG@10); how
well the relevance of the best hit distinguishes queries that a collection answers from others
(area under the ROC), of the same collection with their relevant documents taken out, and of the
other collections, also how often a line at 0.5 is wrong; and what `tune` gains on the other half of
the queries from 20, 50 and half of them, on average over random halves.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

import numpy as np

import embedsearch as es
from benchmarks.search import table
from embedsearch._progress import SilentProgress
from embedsearch.evaluation import Collection, load_collection
from embedsearch.evaluation.retrieval_quality import measure_run, parse_metrics
from embedsearch.search.tuning import choose, cross_validated, is_gain
from embedsearch.workspace.tuning import measured

LEANS = (-2, -1, 0, 1, 2)
_MOST, _OTHERS, _SPLITS = 100, 20, 60
_LINE = 0.5


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.choice", description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR")
    parser.add_argument("--keep", type=Path, required=True, help="where the workspaces are kept")
    parser.add_argument("--queries", type=int, default=200, help="of each collection at most")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def drawn(collection: Collection, most: int) -> list[str]:
    """Draw some of the queries, always the same."""
    queries = sorted(collection.queries)
    random.Random(5).shuffle(queries)  # noqa: S311 - no secrets
    return queries[:most]


def opened(folder: Path, path: Path, without: set[str] = frozenset()) -> es.Workspace:  # type: ignore[assignment]
    """Open the workspace of a collection without some documents; build it if it is not there."""
    if not path.exists():
        lines = (folder / "corpus.jsonl").read_text(encoding="utf-8").splitlines()
        corpus = path.with_suffix(".jsonl")
        corpus.write_text("\n".join(ln for ln in lines if json.loads(ln)["_id"] not in without))
        es.build(corpus, path).close()
    return es.open(path)


def area(good: list[float], bad: list[float]) -> float:
    """Return the probability that a good one is above a bad one: the area under the ROC."""
    a, b = np.array(good)[:, np.newaxis], np.array(bad)
    return float((a > b).mean() + (a == b).mean() / 2)


def best_of(ws: es.Workspace, text: str) -> dict[str, float]:
    """Return the relevance and the scores of the best hits; 0 where there are none."""
    found = {}
    for name, mode in (("score", "auto"), ("BM25", "lexical"), ("cosine", "latent")):
        try:
            hits = ws.search(text, 1, mode)
        except es.EmbedSearchError:
            hits = es.Hits()
        found[name] = hits[0].score if hits else 0.0
        if mode == "auto":
            found["relevance"] = hits.relevance or 0.0
    return found


def measure_lean(ws: es.Workspace, collection: Collection) -> dict[str, float]:
    """Return the nDCG@10 of each step."""
    search, measures = ws._session.search(), parse_metrics(["ndcg@10"])  # noqa: SLF001
    found = {}
    for lean in LEANS:
        rank = search.ranker("auto", lean=lean)
        run = {query: rank([text], 10)[0] for query, text in collection.queries.items()}
        found[f"{lean:+}"] = float(measure_run(run, collection.qrels, measures).mean())
    return found


def measure_relevance(
    folder: Path, path: Path, collection: Collection, others: list[str]
) -> dict[str, dict[str, float]]:
    """Return the areas, by which queries are to be told and by what they are."""
    queries = drawn(collection, len(collection.queries))
    relevant = {q: {d for d, g in collection.qrels[q].items() if g > 0} for q in queries}
    gone, kept = queries[: len(queries) // 2], queries[len(queries) // 2 :]
    without = set().union(*(relevant[q] for q in gone))
    with opened(folder, path, without) as ws:
        answered = [q for q in kept if relevant[q] - without][:_MOST]
        asked = {
            "answered": [collection.queries[q] for q in answered],
            "taken out": [collection.queries[q] for q in gone[:_MOST]],
            "others": others,
        }
        found = {name: [best_of(ws, text) for text in texts] for name, texts in asked.items()}
    told = {
        kind: {
            name: area([f[name] for f in found["answered"]], [f[name] for f in found[kind]])
            for name in ("relevance", "score", "BM25", "cosine")
        }
        for kind in ("taken out", "others")
    }
    fits = {name: [f["relevance"] >= _LINE for f in each] for name, each in found.items()}
    told["others"]["missed"] = 1 - float(np.mean(fits["answered"]))
    told["others"]["false alarms"] = float(np.mean(fits["others"]))
    return told


def measure_tuning(ws: es.Workspace, collection: Collection, most: int) -> dict[str, float]:
    """Return the gains on halves of the queries by weights tuned on some of the others."""
    judged = {collection.queries[q]: collection.qrels[q] for q in drawn(collection, most)}
    gains = measured(ws._session.search(), judged, SilentProgress())  # noqa: SLF001
    sums = {"20": 0.0, "50": 0.0, "half": 0.0}
    for split in range(_SPLITS):
        order = np.random.default_rng(split).permutation(gains.shape[1])
        half = len(order) // 2
        for name in sums:
            known = gains[:, order[half:][: None if name == "half" else int(name)]]
            row = choose(known) if is_gain(cross_validated(known)) else 0
            sums[name] += float((gains[row] - gains[0])[order[:half]].mean()) / _SPLITS
    return sums


def main() -> None:
    """Measure all collections."""
    options = arguments()
    options.keep.mkdir(parents=True, exist_ok=True)
    splits = {
        folder: sorted((folder / "qrels").glob("*.tsv"))[0].stem for folder in options.folders
    }
    collections = {folder: load_collection(folder, split) for folder, split in splits.items()}
    rows = []
    for folder, collection in collections.items():
        others = [
            c.queries[q] for f, c in collections.items() if f != folder for q in drawn(c, _OTHERS)
        ]
        with opened(folder, options.keep / f"{folder.name}.es") as ws:
            lean = measure_lean(ws, collection)
            tuned = measure_tuning(ws, collection, options.queries)
        path = options.keep / f"{folder.name}-half.es"
        told = measure_relevance(folder, path, collection, others)
        rows.append({"collection": folder.name, "lean": lean, "tuned": tuned, **told})
        if not options.json:
            print(json.dumps(rows[-1]), flush=True)
    if options.json:
        print(json.dumps(rows, indent=1))
        return
    for part in ("lean", "tuned", "taken out", "others"):
        print(f"\n{part}\n{table([{'': r['collection'], **r[part]} for r in rows])}")


if __name__ == "__main__":
    main()

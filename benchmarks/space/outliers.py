"""Strangers among related documents: `python -m benchmarks.space.outliers --data FOLDER`.

FOLDER has `newsgroups/train.jsonl.gz` and collections in the layout of BEIR. Four related
newsgroups with 5 % of strangers from elsewhere, and collections with 3 % of another. Printed are
the average precision of the strangers, beside PyOD's detectors with their defaults on the usual
unit vectors (where PyOD is installed); and how many of the held-out documents of a collection are
called outliers at three rates of false alarms.
"""

from __future__ import annotations

import argparse
import gzip
import json
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.metrics import average_precision_score

from benchmarks.search import table
from embedsearch.index.lexical import LexicalAnalyzer
from embedsearch.space.outliers import (
    ForestOutliers,
    LocalOutliers,
    NeighborOutliers,
    ReconstructionOutliers as Reconstruction,
)
from embedsearch.vectors.arrays import unit_rows
from embedsearch.vectors.lsa import fit_lsa
from embedsearch.vectors.sparse import TermStatistics, unit_sparse

if TYPE_CHECKING:
    from collections.abc import Iterator

PAIRS = (
    ("cranfield", "cisi"),
    ("cranfield", "npl"),
    ("cisi", "cranfield"),
    ("cisi", "time"),
    ("scifact", "cranfield"),
)
RELATED = ("comp.", "rec.", "sci.", "talk.")
# Of talk.*, more is about religion than its name says.
KINDRED = {"talk.": ("alt.atheism", "soc.religion.christian")}
RIVALS = {"knn": "KNN", "lof": "LOF", "iforest": "IForest", "pca": "PCA", "ecod": "ECOD"}
RATES = (0.01, 0.05, 0.1)
_GROUPS, _RANKS, _SPLITS = 4, (100, 300), 10
_MANY, _FEW = 0.05, 0.03


class Case(NamedTuple):
    """Documents, and which of them are strangers."""

    name: str
    counts: Any  # (n, V)
    strangers: np.ndarray  # (n,) 0 or 1


def newsgroups(file: Path, count: Any) -> Iterator[Case]:
    """Plant 5 % of strangers among four related groups: two draws of each of four cases."""
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        posts = [json.loads(line) for line in lines]
    counts = count([f"{post.get('title', '')} {post['text']}" for post in posts])
    groups = np.array([post["metadata"]["group"] for post in posts])
    for prefix in RELATED:
        kin = KINDRED.get(prefix, ())
        related = [g for g in np.unique(groups) if g.startswith(prefix) or g in kin]
        own = np.flatnonzero(np.isin(groups, related[:_GROUPS]))
        others = np.flatnonzero(~np.isin(groups, related))
        for seed in (0, 1):
            n = int(_MANY * len(own) / (1 - _MANY))
            drawn = np.random.default_rng(seed).choice(others, n, replace=False)
            strangers = np.repeat([0, 1], (len(own), n))
            yield Case(f"{prefix}* {seed}", counts[np.r_[own, drawn]], strangers)


def collections(folder: Path, count: Any) -> Iterator[Case]:
    """Plant 3 % of one collection among another."""
    for one, other in PAIRS:
        texts, more = (_texts(folder / name / "corpus.jsonl") for name in (one, other))
        n = int(_FEW * len(texts))
        drawn = np.random.default_rng(0).choice(len(more), n, replace=False)
        strangers = np.repeat([0, 1], (len(texts), n))
        yield Case(f"{other} in {one}", count(texts + [more[at] for at in drawn]), strangers)


def _texts(file: Path) -> list[str]:
    lines = file.read_text(encoding="utf-8").splitlines()
    return ["{title}\n{text}".format(**json.loads(line)) for line in lines]


def encoded(counts: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return documents with the lengths that they have, as unit vectors, and how many terms."""
    statistics = TermStatistics.of(counts)
    spaces = [np.asarray(each.projection) for each in fit_lsa(counts, statistics, _RANKS)]
    weights = unit_sparse(statistics.bm25(counts))
    lengths = np.asarray(counts.sum(axis=1)).ravel()
    return weights @ spaces[-1], unit_rows(weights @ spaces[0]), lengths


def precisions(case: Case) -> dict[str, Any]:
    """Measure the average precision of each detector."""
    X, units, lengths = encoded(case.counts)
    detectors = {
        "neighbors": NeighborOutliers(metric="ip"),
        "lof": LocalOutliers(),
        "forest": ForestOutliers(),
        "reconstruction": Reconstruction(),
    }
    scores = {}
    for name, detector in detectors.items():
        # The others take short vectors, of which the space knows little, for the most usual.
        given = X if name == "neighbors" else unit_rows(X)
        scores[name] = detector.fit(given, lengths=lengths).score_samples(given, lengths)
    if find_spec("pyod"):
        for module, name in RIVALS.items():
            rival = getattr(import_module(f"pyod.models.{module}"), name)()
            scores[f"PyOD {name}"] = rival.fit(units).decision_scores_
    area = {k: average_precision_score(case.strangers, s) for k, s in scores.items()}
    return {"case": case.name, "chance": case.strangers.mean(), **area}


def false_alarms(case: Case) -> dict[str, Any]:
    """Measure which share of clean documents that were held out is called outliers."""
    X, _, lengths = encoded(case.counts[case.strangers == 0])
    shares = []
    for seed in range(_SPLITS):
        order = np.random.default_rng(seed).permutation(len(X))
        fitted, held = np.array_split(order, 2)
        model = NeighborOutliers(metric="ip").fit(X[fitted], lengths=lengths[fitted])
        p_values = model.p_values(X[held], lengths[held])
        shares.append([(p_values <= rate).mean() for rate in RATES])
    measured = np.mean(shares, axis=0)
    return {"case": case.name, **{f"at {r}": m for r, m in zip(RATES, measured, strict=True)}}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.space.outliers", description=__doc__
    )
    parser.add_argument("--data", type=Path, required=True, metavar="FOLDER")
    folder = parser.parse_args().data
    analyzer = LexicalAnalyzer.for_language("english")

    def count(texts: list[str]) -> Any:
        return CountVectorizer(analyzer=analyzer.words, dtype=np.float32).fit_transform(texts)

    news = list(newsgroups(folder / "newsgroups" / "train.jsonl.gz", count))
    others = list(collections(folder, count))
    rows = [precisions(case) for case in news]
    mean = {name: np.mean([row[name] for row in rows]) for name in list(rows[0])[1:]}
    rows.append({"case": "newsgroups, mean", **mean})
    print(table(rows + [precisions(case) for case in others]))
    print(table([false_alarms(case) for case in (*news[::2], others[0], others[2], others[4])]))


if __name__ == "__main__":
    main()

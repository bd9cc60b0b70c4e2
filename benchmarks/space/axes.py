"""Axes beside what is simpler: `python -m benchmarks.space.axes WORKSPACE... --pairs WORKSPACE`.

Of each workspace, the axes of its 20,000 most frequent words: independent components (ours: those
that come back), features, principal components, and the dimensions as they are. Of one with
newsgroups (metadata `group`), axes between a few words for each of two groups, by the AUC of
labels that were never seen.
"""

from __future__ import annotations

import argparse
import resource
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import roc_auc_score

import embedsearch as es
from embedsearch.sklearn import IndependentAxes, SemanticAxis, SparseFeatures
from embedsearch.space.axes import coherence

if TYPE_CHECKING:
    from collections.abc import Callable

# Of the two groups, and words that anybody would think of.
PAIRS = (
    ("rec.sport.hockey", "hockey goalie puck", "rec.sport.baseball", "baseball pitcher inning"),
    ("talk.politics.guns", "gun firearms weapon", "talk.politics.mideast", "israel arab turkish"),
    ("comp.sys.mac.hardware", "mac apple powerbook", "comp.sys.ibm.pc.hardware", "pc dos ide"),
    ("sci.space", "space orbit shuttle", "sci.med", "doctor disease patient"),
    ("rec.autos", "car cars engine", "rec.motorcycles", "motorcycle bike helmet"),
    ("alt.atheism", "atheist atheism", "soc.religion.christian", "christ church jesus"),
    ("comp.graphics", "image graphics", "comp.windows.x", "window server widget"),
)
STRONGEST, SAME = 30, 0.8


def own_axes(X: Any) -> None:
    """Print how alike the ten points farthest out are on axes of each kind, and the cost."""
    ways: dict[str, Callable[[], Any]] = {
        "independent": lambda: IndependentAxes().fit(X).transform(X),
        "independent, one run": lambda: IndependentAxes(n_runs=1).fit(X).transform(X),
        "sparse features": lambda: SparseFeatures().fit(X).transform(X),
        "principal": lambda: _principal(X),
        "as they are": lambda: X,
    }
    print(f"{'axes':22} {'n':>4} {'coherence':>9} {'of 30':>6} {'CPU':>5}")
    for name, find in ways.items():
        started = _spent()
        S = find()
        spent = _spent() - started
        # The longer end.
        S = S * np.where(((S - S.mean(axis=0)) ** 3).mean(axis=0) < 0, -1, 1)
        found = [coherence(X, positions) for positions in S.T]
        first = np.mean(found[:STRONGEST])
        print(f"{name:22} {len(found):4} {np.mean(found):9.3f} {first:6.3f} {spent:5.1f}")
    first, *others = (
        IndependentAxes(n_runs=1, random_state=seed).fit(X).transform(X) for seed in range(4)
    )
    for seed, other in enumerate(others, 1):
        cosines = np.abs(np.corrcoef(first[:, :STRONGEST].T, other.T))[:STRONGEST, STRONGEST:]
        print(f"of the 30 strongest return with seed {seed}: {np.mean(cosines.max(1) >= SAME):.0%}")


def _principal(X: Any) -> Any:
    centred = X - X.mean(axis=0)
    return centred @ np.linalg.eigh(centred.T @ centred)[1][:, ::-1]


def pole_axes(ws: es.Workspace) -> None:
    """Print the AUC for each pair of groups, and their mean."""
    points = ws.space.points(encoder=ws.space.usual_encoder)
    words = ws.space.points("words", encoder=points.encoder)
    counts, terms = ws.space.term_counts()
    column = {word: n for n, word in enumerate(ws.space.spelled(terms))}
    groups = np.array([each.metadata["group"] for each in ws.documents.values()])
    found = []
    print(f"\n{'poles':55} {'counting':>8} {'mean':>6} {'refined':>7}")
    for a, from_, b, to in PAIRS:
        inside = (groups == a) | (groups == b)
        X, y = points.vectors[inside], groups[inside] == b
        if not y.any() or y.all():
            continue
        ends = [[word for word in end.split() if word in column] for end in (from_, to)]
        counted = [
            sum(counts[inside][:, column[word]].toarray().ravel() for word in end) for end in ends
        ]
        poles = [ws.space.pole(end, points.encoder) for end in ends]
        row = [roc_auc_score(y, counted[1] - counted[0])]
        for refine in (False, True):
            axis = SemanticAxis(refine=refine).fit_poles(*poles, X, words)
            row.append(roc_auc_score(y, axis.transform(X)[:, 0]))
        found.append(row)
        print(f"{a + ' - ' + b:55} {row[0]:8.3f} {row[1]:6.3f} {row[2]:7.3f}")
    mean = np.mean(found, axis=0)
    print(f"{'mean':55} {mean[0]:8.3f} {mean[1]:6.3f} {mean[2]:7.3f}")


def _spent() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workspaces", nargs="*")
    parser.add_argument("--pairs", metavar="WORKSPACE", help="one of newsgroups")
    options = parser.parse_args()
    for path in options.workspaces:
        with es.open(path) as ws:
            print(f"\n{path}")
            own_axes(ws.space.points("words", topn=20_000).units)
    if options.pairs:
        with es.open(options.pairs) as ws:
            pole_axes(ws)


if __name__ == "__main__":
    main()

"""Recommendation by interactions, beside `implicit`: `python -m benchmarks.space.recommend`.

Of each user a fifth of what they have read is held out, and looked for in the first 20
recommendations. The interactions are planted, or made from documents with groups: a user reads
documents of two groups, near to one of each. Without `implicit` (`pip install implicit`) its rows
are left out.
"""

from __future__ import annotations

import argparse
import resource
from importlib.util import find_spec
from typing import Any

import numpy as np
from scipy import sparse

import embedsearch as es
from embedsearch.sklearn import ImplicitFactors

K, FACTORS, ROUNDS = 20, 64, 15


def planted(n_users: int = 5_000, n_items: int = 4_000, f: int = 20, seed: int = 0) -> Any:
    """Return interactions (n_users, n_items) drawn by products of factors."""
    draw = np.random.default_rng(seed)
    U, Y = draw.standard_normal((n_users, f)), draw.standard_normal((n_items, f))
    popularity = draw.standard_normal(n_items)
    rows = [
        # The greatest of scores with Gumbel noise are a sample without replacement.
        np.argsort(-(1.2 * Y @ u + popularity + draw.gumbel(size=n_items)))[:25]
        for u in U
    ]
    return _matrix(rows, n_items)


def readers(X: Any, groups: Any, n_users: int = 2_500, seed: int = 0) -> Any:
    """Return interactions of users who read documents of two groups, near to one of each."""
    draw = np.random.default_rng(seed)
    names = np.unique(groups)
    rows = []
    for _ in range(n_users):
        read = []
        for group in draw.choice(names, 2, replace=False):
            own = np.flatnonzero(groups == group)
            near = X[own] @ X[draw.choice(own)]
            read.append(own[np.argsort(-(6 * near + draw.gumbel(size=len(own))))[:10]])
        rows.append(np.concatenate(read))
    return _matrix(rows, len(X))


def _matrix(rows: list[Any], n_items: int) -> Any:
    indptr = np.cumsum([0, *map(len, rows)])
    columns = np.concatenate(rows)
    return sparse.csr_matrix(
        (np.ones(len(columns), np.float32), columns, indptr), (len(rows), n_items)
    )


def parted(R: Any, seed: int = 1) -> tuple[Any, Any]:
    """Return a fifth of the interactions, held out, after the rest."""
    held = np.random.default_rng(seed).random(R.nnz) < 0.2
    parts = []
    for chosen in (~held, held):
        part = R.copy()
        part.data = part.data * chosen
        part.eliminate_zeros()
        parts.append(part)
    return parts[0], parts[1]


def quality(found: Any, held: Any) -> tuple[float, float]:
    """Return recall and nDCG of the items found (n_users, k), in the mean over users."""
    recall, gain = [], []
    discounts = 1 / np.log2(np.arange(2, found.shape[1] + 2))
    for user, items in enumerate(found):
        wanted = held.indices[held.indptr[user] : held.indptr[user + 1]]
        if len(wanted):
            hits = np.isin(items, wanted)
            best = min(len(wanted), len(items))
            recall.append(hits.sum() / best)
            gain.append((hits * discounts).sum() / discounts[:best].sum())
    return float(np.mean(recall)), float(np.mean(gain))


def ours(R: Any, regularization: float, alpha: float, content: Any = None, seed: int = 0) -> Any:
    """Return our recommendations (n_users, K)."""
    model = ImplicitFactors(FACTORS, regularization, alpha, ROUNDS, random_state=seed)
    return model.fit(R, content=content).recommend(R, K)[0]


def theirs(R: Any, regularization: float, alpha: float, seed: int = 0) -> Any:
    """Return those of `implicit`, with the same confidences."""
    from implicit.als import AlternatingLeastSquares

    confidence = R.copy()
    confidence.data = 1 + alpha * R.data
    model = AlternatingLeastSquares(
        factors=FACTORS,
        regularization=regularization,
        alpha=1.0,
        iterations=ROUNDS,
        num_threads=1,
        random_state=seed,
    )
    model.fit(confidence, show_progress=False)
    return model.recommend(np.arange(R.shape[0]), R, N=K)[0]


def _spent() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def compare(name: str, R: Any, content: Any, settings: list[tuple[float, float]]) -> None:
    """Print a line for each setting and library."""
    known, held = parted(R)
    popular = np.tile(np.argsort(-np.asarray(known.sum(axis=0)).ravel())[:K], (R.shape[0], 1))
    _line(name, "the most read", quality(popular, held), 0)
    if content is not None:
        profiles = known @ content
        scores = profiles @ content.T
        scores[known.nonzero()] = -np.inf
        _line(name, "content alone", quality(np.argsort(-scores, axis=1)[:, :K], held), 0)
    for regularization, alpha in settings:
        asked: dict[str, Any] = {"ours": lambda: ours(known, regularization, alpha)}  # noqa: B023 - called in the loop
        if content is not None:
            asked["ours, with content"] = lambda: ours(known, regularization, alpha, content)  # noqa: B023
        if find_spec("implicit"):
            asked["implicit"] = lambda: theirs(known, regularization, alpha)  # noqa: B023
        for who, ask in asked.items():
            started = _spent()
            found = ask()
            spent = _spent() - started
            _line(
                name,
                f"{who}, regularization {regularization:g}, alpha {alpha:g}",
                quality(found, held),
                spent,
            )


def _line(data: str, what: str, found: tuple[float, float], spent: float) -> None:
    print(f"{data:12} {what:50} recall {found[0]:.3f}  nDCG {found[1]:.3f}  CPU {spent:5.1f} s")


def cold(X: Any, R: Any, regularization: float, alpha: float) -> None:
    """Print how documents that nobody has read are found: a tenth, of the others' readers."""
    draw = np.random.default_rng(2)
    new = draw.random(R.shape[1]) < 0.1
    known = (R @ sparse.diags((~new).astype(np.float32))).tocsr()
    held = (R @ sparse.diags(new.astype(np.float32))).tocsr()
    for part in (known, held):
        part.eliminate_zeros()
    model = ImplicitFactors(FACTORS, regularization, alpha, ROUNDS).fit(known, content=X)
    rows = np.flatnonzero(new)
    ways = {
        "by their content": model.transform(known) @ model.item_factors_[new].T,
        "content alone": known @ X @ X[new].T,
        "at random": draw.random((R.shape[0], len(rows))),
    }
    for way, scores in ways.items():
        found = rows[np.argsort(-scores, axis=1)[:, :K]]
        _line("new items", way, quality(found, held), 0)


def main() -> None:
    """Print a line for each way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workspace", nargs="?", help="documents with metadata `group`")
    parser.add_argument("--settings", default="20:10", help="regularization:alpha,...")
    options = parser.parse_args()
    settings = [
        (float(a), float(b)) for a, b in (each.split(":") for each in options.settings.split(","))
    ]
    compare("planted", planted(), None, settings)
    if options.workspace:
        with es.open(options.workspace) as ws:
            X = ws.space.points().vectors
            groups = np.array([each.metadata["group"] for each in ws.documents.values()])
        some = np.random.default_rng(0).permutation(len(X))[:2_000]
        X, groups = X[some], groups[some]
        R = readers(X, groups)
        compare("readers", R, X, settings)
        cold(X, R, *settings[0])


if __name__ == "__main__":
    main()

"""Maps: CPU-seconds and faithfulness, beside umap-learn, PaCMAP and openTSNE alone.

```
python -m benchmarks.space.maps my.es --of words --topn 20000
```

Rivals search their own neighbours; those that are not installed are left out. Last, a twentieth
of the points is placed on a map of the others, and compared with the map of all.
"""

from __future__ import annotations

import argparse
import json
import resource
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.spatial import cKDTree

import embedsearch as es
from embedsearch.space.maps import SpaceMap, faithfulness
from embedsearch.vectors.arrays import unit_rows

if TYPE_CHECKING:
    from collections.abc import Callable

K, PLACED = 15, 1_000
OURS = ("pca", "svd", "factor-analysis", "ica", "localmap", "tsne", "umap")


def cpu() -> float:
    """Return the CPU-seconds of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def umap_alone(X: Any) -> Any:
    """Make a map by umap-learn as it comes."""
    import umap

    return umap.UMAP(metric="cosine", random_state=0, n_jobs=1).fit_transform(X)


def pacmap_alone(X: Any) -> Any:
    """Make a map by PaCMAP as it comes."""
    import pacmap

    return pacmap.PaCMAP(distance="angular", random_state=0).fit_transform(X)


def opentsne_alone(X: Any) -> Any:
    """Make a map by openTSNE as it comes."""
    import openTSNE

    return np.asarray(openTSNE.TSNE(metric="cosine", n_jobs=1, random_state=0).fit(X))


RIVALS: dict[str, Callable[[Any], Any]] = {
    "umap-learn alone": umap_alone,
    "pacmap alone": pacmap_alone,
    "openTSNE alone": opentsne_alone,
}


def measured(name: str, make: Callable[[Any], Any], X: Any) -> dict[str, Any]:
    """Return what a map costs, without imports and compilation, and how faithful it is."""
    make(X[:500])
    start = cpu()
    Z = np.asarray(make(X), np.float32)
    seconds = cpu() - start
    true = faithfulness(X, Z)
    return {
        "map": name,
        "cpu_s": round(seconds, 2),
        "trustworthiness": round(true.trustworthiness, 4),
        "neighbors_kept": round(true.neighbors_kept, 4),
    }


def placing(method: str, X: Any) -> dict[str, Any]:
    """Place some points on a map of the others: the share of their true neighbours there."""
    order = np.random.default_rng(0).permutation(len(X))
    new, old = order[:PLACED], order[PLACED:]
    true = np.argsort(-(X[new] @ X[old].T), axis=1)[:, :K]

    def kept(places: Any, others: Any) -> float:
        shown = cKDTree(others).query(places, K)[1]
        return float((shown[:, :, None] == true[:, None, :]).any(axis=1).mean())

    made, every = SpaceMap(method).fit(X[old]), SpaceMap(method).fit_transform(X)
    start = cpu()
    places = made.transform(X[new])
    return {
        "map": method,
        "placed": len(new),
        "cpu_s": round(cpu() - start, 2),
        "kept_placed": round(kept(places, made.embedding_), 4),
        "kept_refitted": round(kept(every[new], every[old]), 4),
    }


def main() -> None:
    """Print a line of JSON for each map."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workspace")
    parser.add_argument("--of", default="documents", choices=("documents", "words"))
    parser.add_argument("--topn", type=int, default=20_000)
    parser.add_argument("--methods", nargs="*", default=[*OURS, *RIVALS])
    parser.add_argument("--placing", nargs="*", default=["tsne"])
    given = parser.parse_args()
    with es.open(given.workspace) as ws:
        points = ws.space.points(given.of)
    X = unit_rows(points.vectors)
    if len(X) > given.topn:
        some = np.random.default_rng(0).permutation(len(X))[: given.topn]
        # Words are in the order of their frequency.
        X = X[: given.topn] if given.of == "words" else X[np.sort(some)]
    print(json.dumps({"of": given.of, "encoder": points.encoder, "shape": X.shape}))
    for name in given.methods:
        make = RIVALS.get(name) or SpaceMap(name).fit_transform
        try:
            print(json.dumps(measured(name, make, X)), flush=True)
        except ImportError as error:
            print(json.dumps({"map": name, "left_out": str(error)}), flush=True)
    for name in given.placing:
        print(json.dumps(placing(name, X)), flush=True)


if __name__ == "__main__":
    main()

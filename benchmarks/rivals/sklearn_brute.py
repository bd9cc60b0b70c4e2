"""scikit-learn's brute force, by the Euclidean distance: the same order for unit vectors.

It would bring all vectors to length 1 again for each search by the cosine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn.neighbors import NearestNeighbors

from benchmarks.rivals.neighbors import TOPN, main

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from benchmarks.rivals.neighbors import Find, How, Job


class _Brute:
    def build(self, job: Job) -> dict[str, Any]:
        self._index = NearestNeighbors(n_neighbors=TOPN, algorithm="brute", **job.settings).fit(
            job.X
        )
        return {"spec": "brute"}

    def parameters(self) -> list[int | None]:
        return [None]

    def finder(self, _: How) -> Find:
        return self._found

    def _found(self, Q: NDArray[np.float32]) -> NDArray[np.int64]:
        rows: NDArray[np.int64] = self._index.kneighbors(Q, return_distance=False)
        return rows


if __name__ == "__main__":
    main(_Brute())

"""hnswlib; by default as its README builds: M=16, ef_construction=200."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import hnswlib
import numpy as np

from benchmarks.rivals.neighbors import TOPN, WIDTHS, main

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from benchmarks.rivals.neighbors import Find, How, Job


class _Hnswlib:
    def build(self, job: Job) -> dict[str, Any]:
        how = {"M": 16, "ef_construction": 200, **job.settings}
        self._index = hnswlib.Index("l2" if job.euclidean else "ip", job.X.shape[1])
        self._index.init_index(len(job.X), random_seed=0, **how)
        self._index.add_items(job.X, num_threads=job.threads)
        return {"spec": f"M={how['M']}, ef_construction={how['ef_construction']}"}

    def parameters(self) -> list[int | None]:
        return [*WIDTHS]

    def finder(self, how: How) -> Find:
        self._index.set_ef(how.parameter or TOPN)
        self._index.set_num_threads(how.threads)
        return self._found

    def _found(self, Q: NDArray[np.float32]) -> NDArray[np.int64]:
        return self._index.knn_query(Q, TOPN)[0].astype(np.int64)


if __name__ == "__main__":
    main(_Hnswlib())

"""usearch with its defaults (connectivity 16, expansion 128), over float32 unless told."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from usearch.index import Index

from benchmarks.rivals.neighbors import TOPN, WIDTHS, main

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from benchmarks.rivals.neighbors import Find, How, Job


class _Usearch:
    def build(self, job: Job) -> dict[str, Any]:
        how = {"dtype": "f32", **job.settings}
        self._index = Index(ndim=job.X.shape[1], metric="l2sq" if job.euclidean else "ip", **how)
        self._index.add(np.arange(len(job.X)), job.X, threads=job.threads)
        return {"spec": f"connectivity={self._index.connectivity}, {how['dtype']}"}

    def parameters(self) -> list[int | None]:
        return [*WIDTHS]

    def finder(self, how: How) -> Find:
        self._index.expansion_search = how.parameter or TOPN
        return partial(self._found, how.threads)

    def _found(self, threads: int, Q: NDArray[np.float32]) -> NDArray[np.int64]:
        keys = self._index.search(Q, TOPN, threads=threads).keys
        return np.asarray(keys).astype(np.int64).reshape(len(Q), TOPN)


if __name__ == "__main__":
    main(_Usearch())

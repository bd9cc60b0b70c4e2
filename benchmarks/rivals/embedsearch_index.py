"""Our own index of vectors; the settings are those of `VectorIndex.build`, `spec` above all.

With `blocks` it is built block by block, as for more vectors than fit into memory.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import embedsearch as es
from benchmarks.rivals.neighbors import PROBES, TOPN, WIDTHS, main
from embedsearch.index.faiss_engine import FaissEngine
from embedsearch.index.storage import IndexParts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from benchmarks.rivals.neighbors import Find, How, Job

_BLOCK = 1 << 17


class _Embedsearch:
    def build(self, job: Job) -> dict[str, Any]:
        metric = "euclidean" if job.euclidean else "cosine"
        settings = {name: value for name, value in job.settings.items() if name != "blocks"}
        if job.settings.get("blocks"):
            blocks = (job.X[start : start + _BLOCK] for start in range(0, len(job.X), _BLOCK))
            index = es.VectorIndex.from_blocks(
                blocks, job.X.shape[1], metric, threads=job.threads, **settings
            )
        else:
            index = es.VectorIndex.build(job.X, metric, threads=job.threads, **settings)
        self._index, self._auto = index, settings["spec"] == "auto"
        return {
            "spec": index.spec,
            "uses": index.parameters,
            "promised_recall": index.recall,
            "nbytes": index.nbytes,
            "choice": index.choice.to_json() if index.choice else None,
        }

    def parameters(self) -> list[int | None]:
        """Try what was chosen, then the others."""
        for name, tried in (("nprobe", PROBES), ("efSearch", WIDTHS)):
            if name in self._index.parameters:
                return [*([None] if self._auto else []), *tried]
        return [None]

    def finder(self, how: How) -> Find:
        index = self._index
        if how.parameter is not None:
            index = _with_parameter(index, how.parameter)
        return partial(_found, index, how.threads)


def _with_parameter(index: Any, value: int) -> Any:
    """Return an index on the same vectors that searches with another nprobe or efSearch."""
    name = "nprobe" if "nprobe" in index.parameters else "efSearch"
    parameters = {**index.parameters, name: value}
    # An index has but one setting in public: that for which its recall was measured.
    engine = FaissEngine(index._engine.index, index.metric, index.spec, parameters)  # noqa: SLF001
    return es.VectorIndex(IndexParts(engine, index._preprocessing))  # noqa: SLF001


def _found(index: Any, threads: int, Q: NDArray[np.float32]) -> NDArray[np.int64]:
    rows: NDArray[np.int64] = index.search(Q, TOPN, threads=threads)[1]
    return rows


if __name__ == "__main__":
    main(_Embedsearch())

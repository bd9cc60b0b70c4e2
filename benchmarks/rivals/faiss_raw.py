"""FAISS itself, from a factory string, as its wheel comes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import faiss

from benchmarks.rivals.faiss_searches import found_rows, search_parameters
from benchmarks.rivals.neighbors import PROBES, WIDTHS, main

if TYPE_CHECKING:
    from benchmarks.rivals.neighbors import Find, How, Job


class FaissRaw:
    """See `Engine`; the setting is `spec`."""

    def build(self, job: Job) -> dict[str, Any]:
        """See `Engine.build`."""
        faiss.omp_set_num_threads(job.threads)
        metric = faiss.METRIC_L2 if job.euclidean else faiss.METRIC_INNER_PRODUCT
        self._index = faiss.index_factory(job.X.shape[1], job.settings["spec"], metric)
        self._index.train(job.X)
        self._index.add(job.X)
        return {"spec": job.settings["spec"]}

    def parameters(self) -> list[int | None]:
        """See `Engine.parameters`."""
        return swept(self._index)

    def finder(self, how: How) -> Find:
        """See `Engine.finder`."""
        faiss.omp_set_num_threads(how.threads)
        name = "efSearch" if _is_graph(self._index) else "nprobe"
        settings = {} if how.parameter is None else {name: how.parameter}
        return partial(found_rows, self._index, search_parameters(self._index, settings))


def swept(index: Any) -> list[int | None]:
    """Return the values of nprobe or efSearch to try with an index of FAISS."""
    if faiss.try_extract_index_ivf(index):
        lists = faiss.extract_index_ivf(index).nlist
        return [probed for probed in PROBES if probed <= lists]
    return [*WIDTHS] if _is_graph(index) else [None]


def _is_graph(index: Any) -> bool:
    return isinstance(index, faiss.IndexHNSW)


if __name__ == "__main__":
    main(FaissRaw())

"""gensim's `most_similar` by vector: the cosine, one query at a time; words are row numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from gensim.models import KeyedVectors

from benchmarks.rivals.neighbors import TOPN, main

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from benchmarks.rivals.neighbors import Find, How, Job


class _Gensim:
    def build(self, job: Job) -> dict[str, Any]:
        if job.euclidean:
            raise ValueError("gensim knows the cosine alone")
        self._vectors = KeyedVectors(job.X.shape[1], count=len(job.X))
        self._vectors.index_to_key = [str(row) for row in range(len(job.X))]
        self._vectors.key_to_index = {
            word: row for row, word in enumerate(self._vectors.index_to_key)
        }
        self._vectors.vectors = np.array(job.X)
        self._vectors.fill_norms()
        return {"spec": "most_similar"}

    def parameters(self) -> list[int | None]:
        return [None]

    def finder(self, _: How) -> Find:
        return self._found

    def _found(self, Q: NDArray[np.float32]) -> NDArray[np.int64]:
        found = [self._vectors.most_similar(positive=[q], topn=TOPN) for q in Q]
        return np.array([[int(word) for word, _ in words] for words in found])


if __name__ == "__main__":
    main(_Gensim())

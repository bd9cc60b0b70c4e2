"""What kind of index a user asks for, and the index that the settings lead to."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from embedsearch._checks import as_bytes, check
from embedsearch._errors import ParameterError
from embedsearch._types import Metric

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from embedsearch._progress import Progress
    from embedsearch._types import FloatMatrix, IntVector
    from embedsearch.index.vector_index import VectorIndex

# So many numbers are compared in about 20 ms, a million vectors of 100 dimensions: unasked,
# nothing is worth an answer missed, nor the minutes of finding a better index.
_EXACT = 100_000_000
# And so many in 2 ms, at which no index is worth having.
_SMALL = 10_000_000
_RECALL = 0.99
NO_LIMIT = "none"
# Tried if the dimension is not known, besides multiples of the numbers in a string.
_DIMENSIONS = (64, 100, 300)
_MULTIPLE, _LARGEST = 8, 4096
# So many vectors can train any index.
_MANY = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSettings:
    """What kind of index is asked for; see `VectorIndex.build`."""

    spec: str = "auto"  # "auto" is exact for up to 100 million numbers, and measures beyond
    # What "auto" promises; if it is given, "auto" measures from 10 million numbers on. None for
    # 0.99 beyond what is exact.
    recall: float | None = None
    memory: int | str | None = None  # the most that "auto" may use; None for no limit

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> IndexSettings:
        """Take the settings out of `IndexFacts`; nothing there asks for the default."""
        return cls(**facts.get("settings", {}))

    def check(self, dimension: int | None = None) -> None:
        """Raise `ParameterError` for what is known to be wrong without vectors."""
        from embedsearch.index.specs import RECALL

        if not isinstance(self.spec, str) or not self.spec.strip():
            raise ParameterError("spec", "auto, a kind, or a string of FAISS", self.spec)
        if self.recall is not None:
            check("recall", self.recall, RECALL)
        if self.memory is not None:
            as_bytes("memory", self.memory)
        if self.spec != "auto":
            _check_spec(self.spec, _dimensions(self.spec) if dimension is None else [dimension])

    def build(
        self,
        X: FloatMatrix,
        progress: Progress,
        metric: Metric = Metric.COSINE,
        ids: IntVector | None = None,
    ) -> VectorIndex:
        """Index vectors `(n, d)` as the settings say."""
        from embedsearch.index.vector_index import VectorIndex

        least = _EXACT if self.recall is None else _SMALL
        exact = self.spec == "auto" and self.memory is None and X.size <= least
        return VectorIndex.build(
            X,
            metric,
            "flat" if exact else self.spec,
            _RECALL if self.recall is None else self.recall,
            self.memory,
            ids,
            progress=progress,
        )


def changed_index(
    settings: IndexSettings,
    spec: str | None = None,
    recall: float | None = None,
    memory: int | str | None = None,
) -> IndexSettings:
    """Return settings with those replaced that are given; None leaves one as it is.

    "none" takes a memory limit away.
    """
    given: dict[str, Any] = {"spec": spec, "recall": recall, "memory": memory}
    new = replace(settings, **{name: value for name, value in given.items() if value is not None})
    if new.memory == NO_LIMIT:
        new = replace(new, memory=None)
    new.check()
    return new


def index_options(
    options: Mapping[str, Any], before: IndexSettings
) -> tuple[IndexSettings, dict[str, Any]]:
    """Complete the settings of the index by options; return them and the other options."""
    rest = dict(options)
    given = {name: rest.pop(name, None) for name in ("spec", "recall", "memory")}
    return changed_index(before, **given), rest


def _check_spec(spec: str, dimensions: Iterable[int]) -> None:
    from embedsearch.index.specs import KINDS

    if spec.lower() in KINDS:
        return
    refusals = [_refusal(spec, dimension) for dimension in dimensions]
    if None not in refusals and refusals[-1] is not None:
        raise refusals[-1]


def _dimensions(spec: str) -> list[int]:
    named = (_MULTIPLE * int(number) for number in re.findall(r"\d{1,4}", spec))
    return [*_DIMENSIONS, *(number for number in named if 0 < number <= _LARGEST)]


def _refusal(spec: str, dimension: int) -> ParameterError | None:
    from embedsearch.index.specs import make_index, plan_for

    try:
        make_index(plan_for(spec, _MANY, dimension).spec, dimension, Metric.COSINE, 0)
    except ParameterError as error:
        return error
    return None

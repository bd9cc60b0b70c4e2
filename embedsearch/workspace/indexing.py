"""How a workspace indexes its vectors, and what it says of the index."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._errors import ParameterError
from embedsearch._types import Metric
from embedsearch.index.base import VectorIndex

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from embedsearch._progress import Progress
    from embedsearch._types import FloatMatrix, IntVector

# So many numbers are compared in about 20 ms, a million vectors of 100 dimensions: unasked,
# nothing is worth an answer missed, nor the minutes of finding a better index.
_EXACT = 100_000_000
# And so many in 2 ms, where no index is worth having.
_SMALL = 10_000_000
_RECALL = 0.99
NO_LIMIT = "none"
# Tried where it is not known, beside multiples of the numbers in a string.
_DIMENSIONS = (64, 100, 300)
_MULTIPLE, _LARGEST = 8, 4096
_DECIMALS = 4
_MANY = 1_000_000
_NEAREST, _QUERIES = 10, 200


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSettings:
    """What kind of index is asked for; see `VectorIndex.build`.

    Attributes:
        spec: "auto" is exact for up to 100 million numbers, and measures beyond.
        recall: What "auto" promises; where it is given, "auto" measures from 10 million numbers
            on. None for 0.99 beyond what is exact.
        memory: The most that "auto" may use; None for no limit.
    """

    spec: str = "auto"
    recall: float | None = None
    memory: int | str | None = None

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> IndexSettings:
        """Take the settings out of `IndexFacts`, which has none for older workspaces."""
        return cls(**facts.get("settings", {}))

    def check(self, dimension: int | None = None) -> None:
        """Raise `ParameterError` for what can be told to be wrong without vectors.

        Args:
            dimension: Of the vectors, where that is known.
        """
        from embedsearch._checks import as_bytes
        from embedsearch.index.automatic import as_recall

        if not isinstance(self.spec, str) or not self.spec.strip():
            raise ParameterError("spec", "auto, a kind, or a string of FAISS", self.spec)
        if self.recall is not None:
            as_recall(self.recall)
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

    Args:
        settings: Those before.
        spec: See `IndexSettings`.
        recall: See `IndexSettings`.
        memory: See `IndexSettings`; "none" takes a limit away.

    Raises:
        ParameterError: One is out of its range.
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


def save_index(
    index: VectorIndex, settings: IndexSettings, path: Path, recall: float | None
) -> dict[str, Any]:
    """Write an index, and return what a manifest says of it.

    Args:
        index: The index.
        settings: What was asked.
        path: The file.
        recall: What was measured.

    Returns:
        `settings`; `spec`, `parameters` and `recall` of what they led to; its `bytes` in memory;
        and the `digest` by which it is known again.
    """
    digest = index.save(path)
    return {
        "settings": asdict(settings),
        "spec": index.spec,
        "parameters": dict(index.parameters),
        "recall": None if recall is None else round(recall, _DECIMALS),
        "bytes": index.nbytes,
        "digest": digest,
    }


def measured_recall(
    index: VectorIndex, X: FloatMatrix, ids: IntVector | None = None
) -> float | None:
    """Measure what share of the 10 nearest an index finds, for 200 of its own vectors.

    Args:
        index: The index.
        X: What it holds, `(n, d)`.
        ids: Their ids, `(n,)`; None for rows.

    Returns:
        The mean share, each vector not counting as its own neighbour; None where there are too
        few vectors to ask.
    """
    from embedsearch.evaluation.recall import nearest

    if index.spec == "flat" or len(X) <= _NEAREST:
        return index.recall
    exact = VectorIndex.build(X, index.metric, "flat", ids=ids)
    count = min(len(X), _QUERIES)
    rows = np.sort(np.random.default_rng(0).choice(len(X), count, replace=False))
    own = rows if ids is None else ids[rows]
    wanted = nearest(exact, X[rows], own, _NEAREST)[1]
    found = nearest(index, X[rows], own, _NEAREST)[1]
    right = [np.isin(some, all_).sum() for some, all_ in zip(found, wanted, strict=True)]
    return float(sum(right)) / wanted.size


def told_of(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `info` says of an index, from what the manifest does."""
    known = {name: facts.get(name) for name in ("spec", "parameters", "recall", "bytes")}
    return known if facts else {"spec": "flat", "parameters": {}, "recall": 1.0, "bytes": None}


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
    from embedsearch.index.making import made
    from embedsearch.index.specs import planned

    try:
        made(planned(spec, _MANY, dimension).spec, dimension, Metric.COSINE, 0)
    except ParameterError as error:
        return error
    return None

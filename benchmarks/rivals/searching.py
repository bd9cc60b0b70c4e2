"""What every search engine is told and tells: a bed in, times and ranks out."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from benchmarks.bed import Query, read_queries
from benchmarks.rivals.common import peak_mb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Find = Callable[[Sequence[str]], list[list[str]]]

TOPN, _WARM = 10, 50


class Engine(Protocol):
    """A search engine."""

    def build(self, bed: Path, folder: Path) -> dict[str, Any]:
        """Index the documents of a bed, and say what there is to say of it."""

    def ways(self, folder: Path) -> Iterator[tuple[str, Find]]:
        """Open what was built; yield the ways to search: texts to the ids of ten documents."""


def main(engine: Engine) -> None:
    """Run one step of an engine as a process; figures as JSON on standard output."""
    parser = argparse.ArgumentParser()
    parser.add_argument("step", choices=("build", "search"))
    parser.add_argument("bed", type=Path)
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    step = _build if given.step == "build" else _search
    print(json.dumps(step(engine, given.bed, given.folder)))


def _build(engine: Engine, bed: Path, folder: Path) -> dict[str, Any]:
    wall, cpu = time.perf_counter(), time.process_time()
    facts = engine.build(bed, folder)
    return {
        "build_seconds": time.perf_counter() - wall,
        "build_cpu_seconds": time.process_time() - cpu,
        "build_peak_mb": peak_mb(),
        "disk_mb": sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) / 2**20,
        **facts,
    }


def _search(engine: Engine, bed: Path, folder: Path) -> dict[str, Any]:
    queries = read_queries(bed)
    ways = [{"way": name, **_measured(find, queries)} for name, find in engine.ways(folder)]
    return {"ways": ways, "search_peak_mb": peak_mb()}


def _measured(find: Find, queries: list[Query]) -> dict[str, float]:
    texts = [query.words for query in queries]
    for text in texts[:_WARM]:
        find([text])
    found, times = [], []
    for text in texts:
        (ids,), taken = _timed(find, [text])
        found.append(ids)
        times.append(taken)
    _, batch = _timed(find, texts)
    figures = {}
    for name, values in zip(("wall", "cpu"), np.transpose(times), strict=True):
        for percent in (50, 90, 99):
            figures[f"{name}_p{percent}_ms"] = float(np.percentile(values, percent))
    for name, value in zip(("wall", "cpu"), batch, strict=True):
        figures[f"batch_{name}_ms"] = value / len(texts)
    by_sentence = find([query.sentence for query in queries])
    return {
        **figures,
        "mrr@10 words": _mean_reciprocal_rank(found, queries),
        "mrr@10 sentence": _mean_reciprocal_rank(by_sentence, queries),
    }


def _timed(find: Find, texts: list[str]) -> tuple[list[list[str]], tuple[float, float]]:
    """Return what is found, and the milliseconds by the wall and of the processor."""
    wall, cpu = time.perf_counter(), time.process_time()
    found = find(texts)
    return found, (1e3 * (time.perf_counter() - wall), 1e3 * (time.process_time() - cpu))


def _mean_reciprocal_rank(found: list[list[str]], queries: list[Query]) -> float:
    ranks = [
        ids.index(query.id) + 1 if query.id in ids else 0
        for ids, query in zip(found, queries, strict=True)
    ]
    return float(np.mean([1 / rank if rank else 0.0 for rank in ranks]))

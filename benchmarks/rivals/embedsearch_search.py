"""Our own search, in all its modes, as a ranking alone and with snippets."""

from __future__ import annotations

import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import embedsearch as es
from benchmarks.rivals.searching import TOPN, main
from embedsearch._progress import SilentProgress

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from benchmarks.rivals.searching import Find
    from embedsearch._progress import Task

_MODES = ("lexical", "latent", "auto")


class _Phases(SilentProgress):
    """Takes the wall and processor seconds of each stretch of a build."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: dict[str, tuple[float, float]] = {}

    @contextmanager
    def task(self, name: str, total: float | None = None, unit: str = "items") -> Iterator[Task]:
        """See `Progress.task`."""
        wall, cpu = time.perf_counter(), time.process_time()
        with super().task(name, total, unit) as task:
            yield task
        self.seconds[name] = time.perf_counter() - wall, time.process_time() - cpu


class _Embedsearch:
    def build(self, bed: Path, folder: Path) -> dict[str, Any]:
        phases = _Phases()
        with es.build(bed / "documents.jsonl", folder, progress=phases) as workspace:
            facts = workspace.info().to_json()
        sizes = {
            part.name: sum(p.stat().st_size for p in part.rglob("*") if p.is_file()) / 2**20
            for part in folder.iterdir()
            if part.is_dir()
        }
        return {"phases": phases.seconds, "parts_mb": sizes, "info": facts}

    def ways(self, folder: Path) -> Iterator[tuple[str, Find]]:
        with es.open(folder) as workspace:
            for mode in _MODES:
                # There is no public way to rank without what is shown to people.
                rank = workspace._session.search().ranker(mode)  # noqa: SLF001
                yield mode, partial(_ranked, rank)
            for mode in _MODES:
                yield f"{mode}, with snippets", partial(_shown, workspace, mode, TOPN)
            yield "auto, 100 with snippets", partial(_shown, workspace, "auto", 100)


def _ranked(rank: Any, texts: Sequence[str]) -> list[list[str]]:
    return [[id for id, _ in found] for found in rank(texts, TOPN)]


def _shown(workspace: es.Workspace, mode: str, topn: int, texts: Sequence[str]) -> list[list[str]]:
    found = workspace.search_batch(texts, topn=topn, mode=mode)
    return [[hit.id for hit in hits[:TOPN]] for hits in found]


if __name__ == "__main__":
    main(_Embedsearch())

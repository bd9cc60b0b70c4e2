"""A workspace whose writer was killed: `python -m benchmarks.rivals.crashed STEP PATH SETTINGS`.

Each step is a process of its own; what it took is told as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import time
from itertools import islice
from typing import TYPE_CHECKING, Any

from benchmarks.rivals.common import peak_mb
from benchmarks.texts import rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import embedsearch as es
    from benchmarks.texts import Row

_BATCH = 1000
MARK = "xylographwick"
"""A word of the last document alone."""


def make(path: str, trained: int, corpus: str | None) -> dict[str, Any]:
    """Make a workspace and train it on the first documents."""
    import embedsearch as es

    with es.create(path) as workspace:
        workspace.add(_documents(islice(rows(corpus), trained)))
        workspace.train()
        return {"vocabulary": len(workspace.words.index_to_key)}


def crash(path: str, trained: int, later: int, corpus: str | None) -> dict[str, Any]:
    """Add the others, and be killed after the last was acknowledged."""
    import embedsearch as es

    workspace = es.open(path, "w")
    rest = islice(rows(corpus, trained), later - 1)
    while some := list(islice(rest, _BATCH)):
        workspace.add(_documents(iter(some)))
    workspace.add([es.Document("last", f"{MARK} is the mark of the last")])
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


def read(path: str, query: str = MARK) -> dict[str, Any]:
    """Open to read, and ask."""
    return _asked(path, "r", query)


def write(path: str, query: str = MARK) -> dict[str, Any]:
    """Open to write, and ask."""
    return _asked(path, "w", query)


def index(path: str) -> dict[str, Any]:
    """Store what had to be caught up with."""
    import embedsearch as es

    with es.open(path, "w") as workspace:
        return _timed({}, "index", workspace.index)


def _asked(path: str, mode: str, query: str) -> dict[str, Any]:
    told: dict[str, Any] = {}
    _timed(told, "import", _imported)
    import embedsearch as es

    kept: list[es.Workspace] = []
    _timed(told, "open", lambda: kept.append(es.open(path, mode)))
    workspace = kept[0]
    _timed(told, "first", lambda: workspace.search(query))
    _timed(told, "second", lambda: workspace.search(query))
    told["documents"] = len(workspace.documents)
    told["found"] = [hit.id for hit in workspace.search(query, 1, "lexical")]
    told["peak_mb"] = peak_mb()
    workspace.close()
    return told


def _imported() -> None:
    import embedsearch  # noqa: F401


def _timed(told: dict[str, Any], name: str, work: Callable[[], object]) -> dict[str, Any]:
    """Note the wall and processor seconds of a step, in the process and its threads."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    told[name] = {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}
    return told


def _documents(some: Iterator[Row]) -> Iterator[es.Document]:
    import embedsearch as es

    for id, title, text, metadata in some:
        yield es.Document(id, text, json.loads(metadata), title)


def main() -> None:
    """Do one step."""
    parser = argparse.ArgumentParser()
    parser.add_argument("step")
    parser.add_argument("path")
    parser.add_argument("settings", type=json.loads)
    options = parser.parse_args()
    steps: dict[str, Callable[..., dict[str, Any]]] = {
        "make": make,
        "crash": crash,
        "read": read,
        "write": write,
        "index": index,
    }
    print(json.dumps(steps[options.step](options.path, **options.settings)))


if __name__ == "__main__":
    main()

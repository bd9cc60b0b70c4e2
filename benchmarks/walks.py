"""Which of our own files and functions one query, document or word goes through.

`python -m benchmarks.walks NAME WORKSPACE` prints one JSON object; `benchmarks.layout` runs it in
processes of their own, so that imports count where they belong.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_QUERY = "the structure of the atom"


class Walk:
    """Counts calls of functions of ours in this thread while it is active.

    Attributes:
        files: The modules whose code ran, as paths below the package.
        functions: How many functions ran.
        calls: How often they were called.
        depth: The most of them that were on the stack at once.
    """

    def __init__(self, package: str) -> None:
        self._package = package + os.sep
        self._functions: set[Any] = set()
        self._level = 0
        self.files: set[str] = set()
        self.calls = self.depth = 0

    @property
    def functions(self) -> int:
        """How many functions ran."""
        return len(self._functions)

    def __enter__(self) -> Walk:
        sys.setprofile(self._event)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _event(self, frame: Any, event: str, _: object) -> None:
        code = frame.f_code
        if event not in ("call", "return") or not code.co_filename.startswith(self._package):
            return
        if event == "return":
            self._level = max(0, self._level - 1)
            return
        self._level += 1
        self.calls += 1
        self.depth = max(self.depth, self._level)
        self._functions.add(code)
        self.files.add(code.co_filename[len(self._package) :])


def _cold(workspace: str) -> Callable[[], Any]:
    def search() -> None:
        from embedsearch.cli.main import main

        sys.argv = ["embedsearch", "search", _QUERY, "-w", workspace]
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - until the end
        try:
            main()
        except SystemExit as ended:
            if ended.code:
                raise

    return search


def _warm(workspace: str, **options: Any) -> Callable[[], Any]:
    import embedsearch as es

    ws = es.open(workspace)
    ws.search("the king of Troy", **options)
    return lambda: ws.search(_QUERY, **options)


def _word(workspace: str) -> Callable[[], Any]:
    import embedsearch as es

    ws = es.open(workspace)
    ws.words.most_similar("king")
    return lambda: ws.words.most_similar("achilles")


def _build(workspace: str) -> Callable[[], Any]:
    import embedsearch as es

    folder = Path(workspace).parent
    with es.open(workspace) as ws:
        documents = [ws.documents[id] for id in list(ws.documents)[:60]]
    lines = [json.dumps({"id": each.id, "text": each.text}) for each in documents]
    source = folder / "sixty.jsonl"
    source.write_text("\n".join(lines), encoding="utf-8")
    return lambda: es.build([str(source)], folder / "sixty.es")


def _add(workspace: str) -> Callable[[], Any]:
    import embedsearch as es

    ws = es.open(workspace, mode="w")
    ws.add([es.Document("walk-0", "One more text.")])
    return lambda: ws.add([es.Document("walk-1", "The atom has a nucleus, and electrons.")])


WALKS: dict[str, Callable[[str], Callable[[], Any]]] = {
    "embedsearch search, cold, imports counted": _cold,
    "ws.search, warm": _warm,
    'ws.search(mode="lexical"), warm': lambda workspace: _warm(workspace, mode="lexical"),
    "ws.words.most_similar, warm": _word,
    "es.build of 60 documents": _build,
    "ws.add of one document": _add,
}


def main() -> None:
    """Walk once, and print what was seen."""
    import embedsearch

    name, workspace = sys.argv[1:3]
    package = str(Path(embedsearch.__file__).parent)
    step = WALKS[name](workspace)
    with Walk(package) as walk:
        step()
    seen = {
        "files": len(walk.files),
        "functions": walk.functions,
        "calls": walk.calls,
        "depth": walk.depth,
        "names": sorted(walk.files),
    }
    sys.__stdout__.write(json.dumps(seen) + "\n")  # type: ignore[union-attr]


if __name__ == "__main__":
    main()

"""What a workspace can be made to do, a step each; every step knows what it will change."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from documents import State, document

import embedsearch as es

SMALL: dict[str, Any] = {"vector_size": 8, "workers": 1, "min_count": 1}


@dataclass
class Step:
    """A step, and the documents that are there when it is done.

    Attributes:
        name: What it does.
        after: Versions by id, when it has ended well.
        act: Does it, and returns the workspace, open.
    """

    name: str
    after: State
    act: Callable[[es.Workspace], es.Workspace] = field(repr=False)


def _add(choose: random.Random, state: State) -> Step:
    first = choose.randrange(10**6)
    new = {f"d{first + n}": 0 for n in range(choose.randint(1, 6))}
    return Step("add", {**state, **new}, lambda ws: _put(ws, new))


def _update(choose: random.Random, state: State) -> Step:
    some = choose.sample(sorted(state), min(len(state), choose.randint(1, 6)))
    new = {id: state[id] + 1 for id in some}
    return Step("update", {**state, **new}, lambda ws: _put(ws, new))


def _put(ws: es.Workspace, new: State) -> es.Workspace:
    ws.add(document(id, version) for id, version in new.items())
    return ws


def _delete(choose: random.Random, state: State) -> Step:
    gone = choose.sample(sorted(state), min(len(state) // 2, choose.randint(1, 3)))
    after = {id: version for id, version in state.items() if id not in gone}
    return Step("delete", after, lambda ws: _did(ws, ws.delete(gone)))


def _reopen(choose: random.Random, state: State) -> Step:
    def act(ws: es.Workspace) -> es.Workspace:
        ws.close()
        return es.open(ws.path, "w")

    return Step("reopen", state, act)


def _did(ws: es.Workspace, result: object) -> es.Workspace:
    return ws


def _unchanging(name: str, act: Callable[[es.Workspace], object]) -> Callable[..., Step]:
    return lambda choose, state: Step(name, state, lambda ws: _did(ws, act(ws)))


def backup_of(path: Path) -> Path:
    """Return where the backup of a workspace is put."""
    return path.with_suffix(".backup")


STEPS: dict[str, Callable[[random.Random, State], Step]] = {
    "add": _add,
    "update": _update,
    "delete": _delete,
    "reopen": _reopen,
    "search": _unchanging("search", lambda ws: ws.search("everywhere galaxy barn")),
    "ppmi": _unchanging("ppmi", lambda ws: ws.train("ppmi", **SMALL)),
    "word2vec": _unchanging("word2vec", lambda ws: ws.train("word2vec", epochs=1, **SMALL)),
    "index": _unchanging("index", lambda ws: ws.index()),
    "refit": _unchanging("refit", lambda ws: ws.index(refit=True)),
    "compact": _unchanging("compact", lambda ws: ws.compact()),
    "backup": _unchanging("backup", lambda ws: ws.backup(backup_of(ws.path), overwrite=True)),
}
# By how often they are drawn.
USUAL = {"add": 6, "update": 5, "delete": 3, "search": 3, "index": 2, "reopen": 1}
RARE = {name: 1 for name in STEPS if name not in USUAL}

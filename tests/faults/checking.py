"""What must be true of a workspace after anything at all has happened to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from documents import EVERYWHERE, State, state_of

import embedsearch as es

KNOWN = {
    *("workspace.json", "documents.sqlite", "lock", "generations", "lexical", "vectors"),
    *("documents.sqlite-wal", "documents.sqlite-shm", "checkpoint.safetensors", "reports"),
}


def complaints_of(path: Path, allowed: list[State] | None = None) -> tuple[State, list[str]]:
    """Open a workspace to read, to write and to read; return its state and what is wrong.

    Args:
        path: The workspace.
        allowed: The states that it may be in; None for any.
    """
    complaints: list[str] = []
    states = []
    for mode in ("r", "w", "r"):
        with es.open(path, mode) as ws:
            states.append(state_of(ws, complaints))
            complaints += [f"{mode}: {each}" for each in _of_queries(ws, states[-1])]
    complaints += [f"left behind: {name}" for name in leftovers(path)]
    if states[0] != states[-1] or states[0] != states[1]:
        complaints.append(f"the state changed: {states}")
    if allowed is not None and states[0] not in allowed:
        complaints.append(f"lost or torn: {_difference(states[0], allowed[0])}")
    return states[0], complaints + verified(path)


def leftovers(path: Path) -> list[str]:
    """Return what nobody will ever need."""
    named = {entry.name for entry in path.iterdir()} - KNOWN
    generations = [f"generations/{g.name}" for g in path.glob("generations/*")]
    hidden = [e.name for e in path.parent.iterdir() if e.name.startswith(f".{path.name}.")]
    return [*sorted(named), *sorted(generations)[:-1], *hidden]


def verified(path: Path) -> list[str]:
    """Return the problems that the workspace finds in itself."""
    return [f"verify: {problem}" for problem in es.verify(path).problems]


def _of_queries(ws: es.Workspace, state: State) -> list[str]:
    if ws.info().generation is None:
        return []
    found, wrong = _found(ws, EVERYWHERE), []
    if found != set(state):
        wrong.append(f"words find {_difference(dict.fromkeys(found, 0), dict.fromkeys(state, 0))}")
    for version in sorted({*state.values(), *(v + 1 for v in state.values())}):
        expected = {id for id, held in state.items() if held == version}
        found = _found(ws, f"version{version}")
        if found != expected:
            wrong.append(f"version{version} finds {sorted(found)}, not {sorted(expected)}")
    return wrong + _of_vectors(ws, state)


def _of_vectors(ws: es.Workspace, state: State) -> list[str]:
    wrong, size = [], len(state) + 5
    rows = ws._session.search().current().rows
    if rows.numbers[rows.in_order].tolist() != ws._session.store.numbers_since(0):
        wrong.append("the vectors are of other documents than those of the store")
    for mode in ("latent", "auto"):
        ids = [hit.id for hit in ws.search("galaxy barn everywhere", size, mode)]
        if sorted(ids) != sorted(state):
            wrong.append(f"{mode} finds {len(ids)} documents of {len(state)}")
    if ws.documents.vectors.shape[0] != len(state) or not ws.words.most_similar("galaxy"):
        wrong.append("vectors are missing")
    return wrong


def _found(ws: es.Workspace, word: str) -> set[str]:
    try:
        return {hit.id for hit in ws.search(word, 10_000, "lexical")}
    except es.UnknownWordError:
        return set()


def _difference(found: Any, expected: Any) -> dict[str, Any]:
    return {
        id: (found.get(id), expected.get(id))
        for id in sorted({*found, *expected})
        if found.get(id) != expected.get(id)
    }

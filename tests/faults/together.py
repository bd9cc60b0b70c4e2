"""Readers and a writer at once: every answer is of one state of the workspace."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from documents import document
from steps import SMALL

import embedsearch as es

PAIRS = 12


def pair(number: int, version: int) -> list[es.Document]:
    """Make two documents that are only ever changed together."""
    made = []
    for side in ("left", "right"):
        held = document(f"{side}{number}", version)
        made.append(es.Document(held.id, f"pair{number} {held.text}", held.metadata, held.title))
    return made


def is_whole(held: es.Document) -> bool:
    """Tell whether a document is one that was added."""
    number = int(held.id.removeprefix("left").removeprefix("right"))
    return held in pair(number, int(str(held.metadata["version"])))


def write(path: str, seconds: float, seed: int) -> dict[str, Any]:
    """Change pairs and publish generations until the time is over."""
    choose, versions, done = random.Random(seed), [0] * PAIRS, Counter[str]()  # noqa: S311
    end = time.monotonic() + seconds
    with es.open(path, "w") as ws:
        while time.monotonic() < end:
            number, kind = choose.randrange(PAIRS), choose.choices(list(_KINDS), (60, 6, 1, 1))[0]
            versions[number] += 1
            _KINDS[kind](ws, number, versions[number])
            done[kind] += 1
    return {"done": dict(done), "complaints": []}


_KINDS: dict[str, Callable[[es.Workspace, int, int], object]] = {
    "update": lambda ws, number, version: ws.add(pair(number, version)),
    "search": lambda ws, number, version: ws.search(f"pair{number}"),
    "index": lambda ws, number, version: ws.index(),
    "train": lambda ws, number, version: ws.train("ppmi", **SMALL),
}


def read(path: str, seconds: float, seed: int) -> dict[str, Any]:
    """Ask all kinds of questions until the time is over; tell what was no sound answer."""
    choose, done, complaints = random.Random(seed), Counter[str](), list[str]()  # noqa: S311
    end, seen = time.monotonic() + seconds, dict[int, int]()
    ws = es.open(path)
    while time.monotonic() < end and len(complaints) < 5:
        kind, number = choose.choice(list(_QUESTIONS)), choose.randrange(PAIRS)
        if choose.random() < 0.05:
            ws.close()
            ws = es.open(path)
            done["open"] += 1
        try:
            complaints += [f"{kind}: {wrong}" for wrong in _QUESTIONS[kind](ws, number, seen)]
        except es.EmbedSearchError as error:
            complaints.append(f"{kind}: {type(error).__name__} {error}")
        done[kind] += 1
    ws.close()
    return {"done": dict(done), "complaints": complaints}


def _words(ws: es.Workspace, number: int, seen: dict[int, int]) -> list[str]:
    hits = ws.search(f"pair{number}", 10, "lexical")
    found = {hit.id: int(str(hit.metadata["version"])) for hit in hits}
    if set(found) != {f"left{number}", f"right{number}"} or len(set(found.values())) > 1:
        return [f"pair{number} is torn: {found}"]
    version = found[f"left{number}"]
    backwards = version < seen.get(number, 0)
    seen[number] = version
    return [f"pair{number} went back to {version}"] if backwards else []


def _versions(ws: es.Workspace, number: int, seen: dict[int, int]) -> list[str]:
    version = seen.get(number, 0)
    try:
        hits = ws.search(f"+pair{number} +version{version}", 10, "lexical")
    except es.UnknownWordError:
        return []
    others = {hit.id: hit.metadata["version"] for hit in hits if hit.metadata["version"] != version}
    return [f"version{version} finds {others}"] if others else []


def _meaning(ws: es.Workspace, number: int, seen: dict[int, int]) -> list[str]:
    hits = ws.search("galaxy barn everywhere", 2 * PAIRS + 5, "auto")
    ids = [hit.id for hit in hits]
    whole = len(ids) == len(set(ids)) == 2 * PAIRS
    return [] if whole else [f"{len(ids)} hits, {len(set(ids))} ids"]


def _record(ws: es.Workspace, number: int, seen: dict[int, int]) -> list[str]:
    held = ws.documents[f"right{number}"]
    return [] if is_whole(held) else [f"{held} is torn"]


def _neighbors(ws: es.Workspace, number: int, seen: dict[int, int]) -> list[str]:
    rows = len(ws.documents.vectors)
    found = ws.words.most_similar("galaxy")
    return [] if found and rows == 2 * PAIRS else [f"{rows} vectors, {len(found)} neighbours"]


_QUESTIONS: dict[str, Callable[[es.Workspace, int, dict[int, int]], list[str]]] = {
    "words": _words,
    "versions": _versions,
    "meaning": _meaning,
    "record": _record,
    "neighbors": _neighbors,
}

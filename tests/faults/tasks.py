"""What the children of the nursery do: each by its name, with arguments that JSON can hold."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import resource
import shutil
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import faults
import numpy as np
from checking import complaints_of
from documents import State, document
from forking import in_child
from steps import RARE, SMALL, STEPS, USUAL
from together import PAIRS, pair, read, write

import embedsearch as es
from embedsearch._io import read_json, sha256, write_json
from embedsearch.cli.main import main
from embedsearch.index.candidate_index import CandidateIndex
from embedsearch.training.checkpoint import Checkpoint
from embedsearch.workspace.generation import Generation
from embedsearch.workspace.layout import MANIFEST


def make(path: str, documents: int = 40, trained: bool = True) -> State:
    """Make a workspace, and leave one change that was not merged from the log of SQLite."""
    state = {f"d{n}": 0 for n in range(documents)}
    with es.create(path) as ws:
        ws.add(document(id, version) for id, version in state.items())
        if trained:
            ws.train("word2vec", epochs=2, **SMALL)
    return state


def make_everything(path: str) -> State:
    """Make a workspace that has every kind of file, and two generations."""
    state = {f"d{n}": 0 for n in range(40)}
    place = Path(path)
    phrases = {"phrases": "default", "phrase_min_count": 2, "phrase_threshold": 0.01}
    with es.create(path) as ws:
        ws.add(document(id, version) for id, version in state.items())
        ws.train("fasttext", epochs=1, bucket=500, **phrases, **SMALL)
        shutil.copytree(place / "generations/0001", place.parent / "old")
        ws.train("fasttext", epochs=1, bucket=500, seed=2, **SMALL)
        ws.evaluate.index()
        X = np.random.default_rng(1).normal(size=(40, 20)).astype(np.float32)
        ws.add_vectors(X, list(state), metric="ip")
        Checkpoint(place / "checkpoint.safetensors", {"seed": 2}).save(X, X, 1, [0.5])
        _cluster(ws._session.trained())
    # A reader that is gone would have kept it.
    (place.parent / "old").rename(place / "generations/0001")
    return state


def _cluster(generation: Generation) -> None:
    """Add the clusters that a generation of many documents has."""
    clusters, manifest = generation.files.document_index, generation.files.root / MANIFEST
    CandidateIndex.build(np.array(generation.document_vectors.latent.base)).save(clusters)
    values = read_json(manifest, generation.workspace)
    entry = {"size": clusters.stat().st_size, "sha256": sha256(clusters)}
    values["files"][clusters.name] = entry
    write_json(manifest, values)


def change(
    path: str,
    state: State,
    names: list[str],
    log: str,
    seed: int,
    *,
    arm: Any = None,
    die: bool = False,
) -> int:
    """Do steps one after another, and write down each before and after.

    Args:
        path: The workspace.
        state: What it holds.
        names: The steps; those that are empty are drawn.
        log: The file to write to; it is there after the process was killed, too.
        seed: Of the draws.
        arm: What the disk does wrong in the last step; None for nothing.
        die: Leave all open, and be killed in the end.

    Returns:
        How many calls there were that the disk could have failed at.
    """
    choose = random.Random(seed)  # noqa: S311
    weights = {**USUAL, **RARE}
    ws = es.open(path, "w")
    for place, name in enumerate(names):
        drawn = name or choose.choices(list(weights), list(weights.values()))[0]
        step = STEPS[drawn](choose, state)
        _write_down(log, {"begins": step.name, "after": step.after})
        if arm is not None and place == len(names) - 1:
            faults.arm(**arm)
        ws = step.act(ws)
        state = step.after
        _write_down(log, {"ended": step.name})
    faults.disarm()
    if die:
        os.kill(os.getpid(), signal.SIGKILL)
    ws.close()
    return faults.calls()


def _write_down(log: str, entry: dict[str, Any]) -> None:
    # One write to the end of the file: another process sees all of it or nothing.
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, json.dumps(entry).encode() + b"\n")
    os.close(file)


def check(path: str, allowed: list[State] | None = None) -> dict[str, Any]:
    """Open the workspace and tell what is wrong; nothing should be."""
    state, complaints = complaints_of(Path(path), allowed)
    return {"state": state, "complaints": complaints}


def command(arguments: list[str], most_bytes: int | None = None, arm: Any = None) -> dict[str, Any]:
    """Run `embedsearch` with arguments, and tell how it ended.

    Args:
        arguments: Those of the command line.
        most_bytes: No file may grow beyond this.
        arm: What the disk does wrong.
    """
    if most_bytes is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
    out, err, code = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        if arm is not None:
            faults.arm(**arm)
        try:
            main(arguments, prog_name="embedsearch")
        except SystemExit as ended:
            code = int(ended.code or 0)
        finally:
            faults.disarm()
    return {"code": code, "out": out.getvalue(), "err": err.getvalue(), "calls": faults.calls()}


def write_documents(path: str, state: State) -> None:
    """Write documents as JSON lines."""
    lines = []
    for held in (document(id, version) for id, version in state.items()):
        fields = {"id": held.id, "title": held.title, "text": held.text, **held.metadata}
        lines.append(json.dumps(fields) + "\n")
    Path(path).write_text("".join(lines), encoding="utf-8")


def add_text(path: str, id: str, text: str, arm: Any) -> None:
    """Add one document while the disk fails."""
    faults.arm(**arm)
    with es.open(path, "w") as ws:
        ws.add([es.Document(id, text)])
        if ws.info().generation is not None:
            ws.search("galaxy barn")


def make_pairs(path: str) -> None:
    """Make a workspace of pairs of documents."""
    with es.create(path) as ws:
        ws.add(held for number in range(PAIRS) for held in pair(number, 0))
        ws.train("ppmi", **SMALL)


def together(path: str, seconds: float, readers: int) -> list[Any]:
    """Read and write at once, in processes of their own; the writer's answer is the first."""
    tasks = [partial(write, path, seconds, 0)]
    tasks += [partial(read, path, seconds, seed) for seed in range(1, readers + 1)]
    return [started() for started in [in_child(task) for task in tasks]]


def look(path: str) -> dict[str, Any]:
    """Ask a workspace that may be damaged; tell the errors that are ours by their kinds."""
    return {name: _answer(path, ask) for name, ask in _QUESTIONS.items()}


def _answer(path: str, ask: Callable[[es.Workspace], Any]) -> Any:
    try:
        with es.open(path) as ws:
            return ask(ws)
    except es.EmbedSearchError as error:
        return f"{type(error).__name__}: {error}"


_QUESTIONS: dict[str, Callable[[es.Workspace], Any]] = {
    "documents": lambda ws: sorted((d.id, d.title, d.text) for d in ws.documents.values()),
    "lexical": lambda ws: sorted(h.id for h in ws.search("galaxy barn", 999, "lexical")),
    "latent": lambda ws: sorted(h.id for h in ws.search("galaxy barn", 999, "latent")),
    "auto": lambda ws: sorted(h.id for h in ws.search("galaxy barn", 999)),
    "words": lambda ws: [word for word, _ in ws.words.most_similar("galaxy")],
    "word vectors": lambda ws: _unit_rows(ws.words.index_to_key, ws.words.vectors),
    "own vectors": lambda ws: {id: ws.vectors.vector(id).tolist() for id in ws.vectors},
    "own nearest": lambda ws: [h.id for h in ws.vectors.most_similar("d1", topn=5)],
    "info": lambda ws: ws.info().documents,
}


def _unit_rows(words: list[str], X: Any) -> dict[str, Any]:
    """Return directions: the index of words has no lengths."""
    lengths = np.linalg.norm(X, axis=1, keepdims=True)
    return dict(zip(words, (X / lengths).round(3).tolist(), strict=True))


def verify(path: str) -> list[str]:
    """Return what the workspace finds wrong in itself."""
    try:
        return [str(problem) for problem in es.verify(path).problems]
    except es.EmbedSearchError as error:
        return [str(error)]

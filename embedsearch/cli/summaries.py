"""The lines after a command: what was done, and what could be done next."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from embedsearch._messages import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from embedsearch.workspace import Changes, TrainingReport, Workspace

# Shorter words are seldom what a corpus is about: the most frequent of them are "the" and "of".
TELLING_LETTERS = 8


def of_build(ws: Workspace, path: str) -> list[str]:
    """Say what a new workspace holds, and give a question that it can answer."""
    info = ws.info()
    seconds = float(info.report["seconds"])
    rest = [] if ws.changes is None else _rest(ws.changes)
    return [
        *([f"Read: {', '.join(rest)}."] if rest else []),
        f"Built {path}: {counted(info.documents, 'document')}, {counted(info.tokens, 'token')}, "
        f"{counted(info.vocabulary, 'word')} in {info.vector_size} dimensions; "
        f"trained in {seconds:.1f} s.",
        f"Try: embedsearch neighbors {_example(ws.words.index_to_key)} -w {shlex.quote(path)}",
    ]


def json_of_build(ws: Workspace, path: str) -> dict[str, Any]:
    """Give what a new workspace holds, and what was read for it."""
    info = ws.info()
    return {
        "workspace": path,
        "documents": info.documents,
        "tokens": info.tokens,
        "vocabulary": info.vocabulary,
        "vector_size": info.vector_size,
        "seconds": float(info.report["seconds"]),
        **({} if ws.changes is None else ws.changes.to_json()),
    }


def of_changes(changes: Changes, ws: Workspace, path: str) -> list[str]:
    """Say what was added, and what makes use of it."""
    rest = "".join(f"; {each}" for each in _rest(changes))
    lines = [
        f"Added {changes.added:,}, updated {changes.updated:,}, "
        f"unchanged {counted(changes.unchanged, 'document')}{rest}."
    ]
    info = ws.info()
    if info.generation is None:
        lines.append(f"Next: embedsearch train -w {shlex.quote(path)}")
    elif info.advice is not None and info.advice.startswith("train"):
        lines.append(f"Advice: {info.advice}.")
    return lines


def _rest(changes: Changes) -> list[str]:
    """Say what is seldom: only as far as it happened."""
    counts = {
        "renamed": changes.renamed,
        "in the place of others": changes.replaced,
        "gone from the sources": changes.vanished - changes.pruned,
        "pruned": changes.pruned,
        "without a text": changes.empty,
    }
    parts = [f"{number:,} {what}" for what, number in counts.items() if number]
    files = len(changes.left_out)
    return [*parts, f"{counted(files, 'file')} left out"] if files else parts


def of_training(report: TrainingReport) -> list[str]:
    """Say what was trained."""
    if not report.documents:
        return [f"Nothing to train: {report.choices}."]
    return [
        f"Trained {counted(report.vocabulary, 'word')} on {counted(report.tokens, 'token')} of "
        f"{counted(report.documents, 'document')} in {report.seconds:.1f} s."
    ]


def of_import(ws: Workspace, path: str) -> list[str]:
    """Say what was imported, and give a question that it can answer."""
    info = ws.info()
    what = f"{counted(info.vocabulary, 'word')} in {info.vector_size} dimensions"
    documents = f"; {counted(info.documents, 'document')} encoded" if info.documents else ""
    return [
        f"Imported {what} into {path}{documents}.",
        f"Try: embedsearch neighbors {_example(ws.words.index_to_key)} -w {shlex.quote(path)}",
    ]


def of_vectors(vectors: int, ws: Workspace, path: str) -> list[str]:
    """Say how many vectors there are now, and give a question that they can answer."""
    facts = ws.info().vectors or {}
    first = next(iter(ws.vectors))
    return [
        f"{path} has {counted(vectors, 'vector')} of {facts['dimension']} dimensions; "
        f"{_index_line(facts)}.",
        f"Try: embedsearch related {shlex.quote(first)} -w {shlex.quote(path)}",
    ]


def of_index(changes: int, ws: Workspace, *, learned: bool, reindexed: bool) -> list[str]:
    """Say what was indexed, and what was learned."""
    lines = [f"Indexed {counted(changes, 'change')}." if changes else "The index is up to date."]
    if learned:
        info = ws.info()
        weights = ", ".join(f"{name} {weight:.2f}" for name, weight in info.weights.items())
        lines.append(f"Documents are found by {weights} (language: {info.language}).")
    if reindexed:
        info = ws.info()
        found = {"words": info.word_index, "vectors": info.vectors}
        lines += [
            f"Index of {name}: {_index_line(facts)}." for name, facts in found.items() if facts
        ]
    return lines


def _index_line(facts: Mapping[str, Any]) -> str:
    """Say what kind of index there is, and how much it finds."""
    spec, recall = facts["spec"], facts["recall"]
    if spec == "flat":
        return "search is exact"
    settings = "".join(f", {name} {value:g}" for name, value in facts["parameters"].items())
    found = "" if recall is None else f", recall {recall:.3f}"
    return f"{spec}{settings}{found}"


def _example(words: Sequence[str]) -> str:
    """Choose a frequent word that is likely to mean something, quoted for a shell."""
    telling = (word for word in words if len(word) >= TELLING_LETTERS and word.isalpha())
    return shlex.quote(next(telling, words[0]))

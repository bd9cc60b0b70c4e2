"""The documents of these tests: what they hold follows from their id and version alone."""

from __future__ import annotations

import random

import embedsearch as es

TOPICS = (
    ("star", "planet", "moon", "comet", "galaxy", "telescope", "orbit", "night", "horizon"),
    ("cow", "horse", "sheep", "goat", "donkey", "meadow", "barn", "hay", "farmer", "field"),
)
EVERYWHERE = "everywhere"
"""A word that all documents have."""

State = dict[str, int]
"""Versions by id."""


def document(id: str, version: int) -> es.Document:
    """Make a version of a document; its text says which it is at the beginning and the end."""
    choose = random.Random(f"{id} {version}")  # noqa: S311
    topic = choose.choice(TOPICS)
    sentences = (" ".join(choose.choices(topic, k=6)).capitalize() for _ in range(5))
    mark = f"version{version}"
    text = f"{mark} {EVERYWHERE}. {'. '.join(sentences)}. {mark}."
    return es.Document(id, text, {"version": version}, f"Title of {id}")


def state_of(workspace: es.Workspace, complaints: list[str]) -> State:
    """Read all versions, and complain of each document that is not what was added."""
    found = {}
    for id, held in workspace.documents.items():
        found[id] = int(str(held.metadata["version"]))
        if held != document(id, found[id]):
            complaints.append(f"{id} is not what was added: {held}")
    return found

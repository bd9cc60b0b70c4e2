"""The passage of a document that answers a query best."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embedsearch._types import Document, FloatVector
    from embedsearch.search.encoding import TextEncoder

_SENTENCE_END = re.compile(
    r"(?<=[.!?])[\"')\]]*\s+(?=[^\Wa-z_])|(?<=[。！？])|\n\s*\n|\n(?=[^a-z])"
)
_LENGTH = 240
_MOST_PASSAGES = 400


def best_passage(document: Document, vector: FloatVector, encoder: TextEncoder) -> str:
    """Return about 240 characters of whole sentences, the nearest to the query by cosine."""
    passages = list(_passages(document.text))[:_MOST_PASSAGES]
    if len(passages) <= 1:
        return passages[0] if passages else ""
    scores = encoder.passages(passages) @ vector
    return passages[int(scores.argmax())]


def _passages(text: str) -> Iterator[str]:
    """Join neighbouring sentences up to the length, and cut what is longer at a space."""
    joined = ""
    for sentence in _SENTENCE_END.split(text):
        sentence = " ".join(sentence.split())
        if joined and len(joined) + len(sentence) > _LENGTH:
            yield joined
            joined = ""
        joined = f"{joined} {sentence}".strip()
        while len(joined) > _LENGTH * 3 // 2:
            cut = joined.rfind(" ", _LENGTH // 2, _LENGTH)
            cut = _LENGTH if cut < 0 else cut
            yield joined[:cut]
            joined = joined[cut:].strip()
    if joined:
        yield joined

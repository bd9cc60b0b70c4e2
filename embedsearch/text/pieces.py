"""Long texts, piece by piece."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embedsearch.text.tokenizers.unicode import Edges

PIECE = 1 << 18


def in_pieces(text: str, edges: Edges, size: int = PIECE) -> Iterator[str]:
    """Yield `text` in pieces of about `size` characters, cut where no token is.

    A run that is longer than that, and has no separator, stays whole. There is at least one
    piece.
    """
    start = 0
    while len(text) - start > size:
        end = max(text.rfind(" ", start, start + size), text.rfind("\n", start, start + size))
        if end <= start:
            found = _any_of(edges.separators).search(text, start + size)
            end = found.start() if found else len(text)
        yield text[start:end]
        start = end
    yield text[start:]


@cache
def _any_of(characters: str) -> re.Pattern[str]:
    return re.compile(f"[{re.escape(characters)}]")

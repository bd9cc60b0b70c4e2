"""Text cut into sentences, and the parts of a long text that are worth a look."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from embedsearch.text.folding import fold

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

LENGTH = 240
"""A passage has about so many characters."""

SHORT = 2_000
"""Of texts up to this length all is looked at."""

_SENTENCE_END = re.compile(
    r"""(?:(?<=[.!?])|(?<=[.!?]["')\]]))\s+(?=["'(\[]?[^\Wa-z_])"""
    r"|(?<=\s[.!?])\s+|(?<=[。！？])|\n\s*\n|\n(?=[^a-z])"
)
_LONGEST = LENGTH * 3 // 2
_MOST_FOUND = 50
_WINDOWS, _SPREAD = 3, 3
_BEFORE, _AFTER = 240, 480
# Words that are only near in meaning are not worth going through a book for.
_LOOKED_THROUGH = 200_000


def sentences(text: str) -> Iterator[str]:
    """Give the sentences of a text, with single blanks; long ones are cut at a blank.

    One that says the same as the one before is left out, as a title at the head of a text.
    """
    before = ""
    for sentence in _SENTENCE_END.split(text):
        left = " ".join(sentence.split())
        if left == before:
            continue
        before = left
        while len(left) > _LONGEST:
            cut = left.rfind(" ", LENGTH // 2, LENGTH)
            cut = LENGTH if cut < 0 else cut
            yield left[:cut]
            left = left[cut:].strip()
        if left:
            yield left


def runs(pieces: Sequence[str]) -> list[tuple[int, int]]:
    """Return the runs of neighbours, as (start, stop), that are as long as a passage may be.

    There is one from each piece on, but for those that are a part of the one before.
    """
    found, stop, length = list[tuple[int, int]](), 0, -1
    for start in range(len(pieces)):
        before = stop
        while stop < len(pieces) and (stop <= start or length + 1 + len(pieces[stop]) <= LENGTH):
            length += 1 + len(pieces[stop])
            stop += 1
        if stop > before:
            found.append((start, stop))
        length -= 1 + len(pieces[start])
    return found


def promising(
    text: str,
    needles: Mapping[str, float],
    near: Mapping[str, float] | None = None,
) -> list[list[str]]:
    """Return parts of a text that may answer a query, as sentences; all of it if it is short.

    In a long text they are where most of the words looked for meet; and if that is not often, the
    start and some parts spread evenly. So the time that it takes grows with the length only as
    finding a string does.

    Args:
        text: The text.
        needles: Beginnings of the words looked for, in lower case, with weights.
        near: The same of words near in meaning.
    """
    if len(text) <= SHORT:
        return [list(sentences(text))]
    folded = fold(text)
    starts = _densest(folded, needles, near or {})
    if len(folded) != len(text):
        # A window has room for what it is off by.
        starts = [start * len(text) // len(folded) for start in starts]
    if len(starts) < _WINDOWS:
        starts += [len(text) * i // _SPREAD for i in range(_SPREAD)]
    return [_around(text, start) for start in sorted(set(starts))]


def in_lower_case(text: str) -> str:
    """Return a text in lower case, of the same length."""
    # The dotted capital I is the only character that becomes two.
    return (text.replace("\u0130", "I") if "\u0130" in text else text).lower()


def _densest(text: str, needles: Mapping[str, float], near: Mapping[str, float]) -> list[int]:
    """Return where the windows begin in which most words meet, the best ones first."""
    lowered = in_lower_case(text)
    met: dict[int, dict[str, float]] = {}
    for words, size in ((needles, len(text)), (near, _LOOKED_THROUGH)):
        for word, weight in words.items():
            for place in _places(lowered, word, size):
                # Windows overlap by half, so that no border parts two words.
                for window in (place // LENGTH, place // LENGTH - 1):
                    met.setdefault(window, {})[word] = weight
    chosen = list[int]()
    for window in sorted(met, key=lambda window: (-sum(met[window].values()), window)):
        if all(abs(window - other) > 1 for other in chosen):
            chosen.append(window)
        if len(chosen) == _WINDOWS:
            break
    return [max(window, 0) * LENGTH for window in chosen]


def _places(text: str, needle: str, size: int) -> Iterator[int]:
    place = text.find(needle, 0, size)
    for _ in range(_MOST_FOUND):
        if place < 0:
            return
        yield place
        place = text.find(needle, (place // LENGTH + 1) * LENGTH, size)


def _around(text: str, start: int) -> list[str]:
    """Return the sentences around a place, without what is cut off at either end."""
    begin, end = max(start - _BEFORE, 0), min(start + _AFTER, len(text))
    part = text[begin:end]
    if begin:
        found = _SENTENCE_END.search(part, 0, _BEFORE)
        part = part[found.end() if found else part.find(" ") + 1 :]
    pieces = list(sentences(part))
    return pieces[:-1] if end < len(text) and len(pieces) > 1 else pieces

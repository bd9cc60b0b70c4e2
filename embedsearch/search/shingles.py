"""Texts as sets of shingles: the runs of words that stand in them."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from embedsearch._errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from embedsearch._progress import Progress
    from embedsearch._types import IntVector

# It leaves 3 when divided by 4, so that words which change places change the fingerprint.
_BASE = np.uint64(0x9E3779B97F4A7C17)


class Sets(NamedTuple):
    """Sets of fingerprints, one after the other.

    Attributes:
        members: The fingerprints of all sets; those of one rise and are distinct.
        starts: (n + 1,) where each set begins in `members`.
        sizes: (n,) how many shingles each text has, also where some were left out of `members`.
    """

    members: NDArray[np.uint64]
    starts: IntVector
    sizes: IntVector


def shingles(tokens: Sequence[str], words: int) -> NDArray[np.uint64]:
    """Return the distinct shingles of a text as rising fingerprints.

    A shingle is `words` tokens in a row (Broder, "On the Resemblance and Containment of
    Documents", 1997). A shorter text is one shingle; a text without tokens has none.

    A fingerprint has 64 bits, made of Python's hashes of strings, so it differs from one process
    to another. Among n distinct shingles any two collide with a chance of about n² / 2^65: one in
    100,000 for the 16 million shingles of 126,000 encyclopedia articles.
    """
    hashes = np.fromiter(map(hash, tokens), np.int64, len(tokens)).view(np.uint64)
    words = min(words, len(tokens))
    prints = np.zeros(len(tokens) - words + 1 if words else 0, np.uint64)
    for place in range(words):
        prints *= _BASE
        prints += hashes[place : place + len(prints)]
    prints.sort()
    new: NDArray[np.bool_] = np.diff(prints, prepend=~prints[:1]) != 0
    return prints[new]


def shingle_sets(
    documents: Iterable[tuple[int, str]],
    tokenize: Callable[[str], Sequence[str]],
    words: int,
    progress: Progress,
) -> tuple[IntVector, Sets]:
    """Read documents once, and keep 8 bytes for each distinct shingle of each.

    Args:
        documents: Numbers and texts.
        tokenize: Text to tokens.
        words: See `shingles`.
        progress: Hears of documents read.

    Returns:
        The numbers, and the set of each document.

    Raises:
        ParameterError: A number is there twice.
    """
    numbers, sizes, members = array("q"), array("q"), array("Q")
    with progress.task("shingles", unit="documents") as task:
        for number, text in documents:
            found = shingles(tokenize(text), words)
            numbers.append(number)
            sizes.append(len(found))
            members.frombytes(found.tobytes())
            task.advance(1)
    lengths = np.array(sizes, np.int64)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    named = np.array(numbers, np.int64)
    _check_distinct(named)
    return named, Sets(np.frombuffer(members, np.uint64), starts, lengths)


def _check_distinct(numbers: IntVector) -> None:
    values, counts = np.unique(numbers, return_counts=True)
    if len(values) < len(numbers):
        twice = int(values[counts.argmax()])
        raise ParameterError("documents", "numbered differently, each once", twice)

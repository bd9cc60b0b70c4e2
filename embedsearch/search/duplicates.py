"""Documents that are nearly the same."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from embedsearch._errors import InputError, ParameterError
from embedsearch._progress import SilentProgress
from embedsearch.search.equal_sets import collapsed, expanded
from embedsearch.search.set_join import joined, pruned
from embedsearch.search.shingles import shingle_sets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from embedsearch._progress import Progress
    from embedsearch._types import IntVector
    from embedsearch.search.equal_sets import EqualSets

SHINGLE_WORDS = 3
MOST_PAIRS = 5_000_000


class Duplicate(NamedTuple):
    """Two documents that are nearly the same.

    Attributes:
        number_a: The lower number.
        number_b: The higher number.
        score: The Jaccard similarity of their shingles; 1 where they have the same.
    """

    number_a: int
    number_b: int
    score: float


def near_duplicates(
    documents: Iterable[tuple[int, str]],
    threshold: float = 0.8,
    progress: Progress | None = None,
    *,
    tokenize: Callable[[str], Sequence[str]] | None = None,
    shingle_words: int = SHINGLE_WORDS,
    most: int = MOST_PAIRS,
) -> list[Duplicate]:
    """List all pairs of documents that share most of their runs of words.

    The score is the Jaccard similarity `|A ∩ B| / |A ∪ B|` of the sets of shingles, runs of three
    words (Broder 1997): 0.8 lets one word in about thirty differ. No pair is missed
    (`embedsearch.search.set_join`). A text of fewer words is one shingle, so it equals only
    the same text; a text without words is like no other.

    It keeps no text. At its peak it takes up to 17 bytes for each distinct shingle of each
    document, then about 40 for each of those documents that may have a partner: of 126,000
    encyclopedia articles one in nine at 0.8, nearly all below 0.3. What the pairs take is
    on top; where many documents are alike, time grows with the number of pairs.

    Args:
        documents: Numbers, each once, and texts; read once.
        threshold: The lowest score listed, above 0 and up to 1.
        progress: Hears of documents read and compared.
        tokenize: Text to tokens; None takes words of any script, in lower case.
        shingle_words: Words in a shingle; fewer find texts that are alike more loosely.
        most: More pairs are an error, since m copies of one text are m·(m - 1)/2 pairs. A pair
            takes about 200 bytes.

    Returns:
        The best pairs first; equal ones by their numbers.

    Raises:
        ParameterError: A setting out of its range, or a number that is there twice.
        InputError: There are more than `most` pairs.
    """
    threshold = _checked(threshold, shingle_words, most)
    heard = progress or SilentProgress()
    owners = _read(documents, threshold, tokenize, shingle_words, heard)
    rows, scores = _all_pairs(owners, threshold, most, heard)
    pairs, places = expanded(owners, rows)
    scores = scores[places]
    order = np.lexsort((pairs[:, 1], pairs[:, 0], -scores))
    columns = (*pairs[order].T.tolist(), scores[order].tolist())
    return list(map(Duplicate, *columns))


def duplicate_groups(
    documents: Iterable[tuple[int, str]],
    threshold: float = 0.8,
    progress: Progress | None = None,
    *,
    tokenize: Callable[[str], Sequence[str]] | None = None,
    shingle_words: int = SHINGLE_WORDS,
) -> list[tuple[int, ...]]:
    """Group documents that pairs of `near_duplicates` link, without listing these pairs.

    Two documents of a group may be less alike than the threshold where others stand between
    them (single linkage). Memory does not grow with the number of pairs.

    Args:
        documents: See `near_duplicates`.
        threshold: See `near_duplicates`.
        progress: See `near_duplicates`.
        tokenize: See `near_duplicates`.
        shingle_words: See `near_duplicates`.

    Returns:
        Rising numbers of two or more documents each; the largest groups first, equal ones by
        their first number.

    Raises:
        ParameterError: A setting out of its range, or a number that is there twice.
    """
    threshold = _checked(threshold, shingle_words)
    heard = progress or SilentProgress()
    owners = _read(documents, threshold, tokenize, shingle_words, heard)
    firsts = owners.numbers[owners.starts[:-1]]
    links = list(
        zip(np.repeat(firsts, owners.copies).tolist(), owners.numbers.tolist(), strict=True)
    )
    for rows, _ in joined(owners.sets, threshold, heard, forest=True):
        links += map(tuple, firsts[rows].tolist())
    return linked(links)


def linked(pairs: Iterable[Sequence[int]]) -> list[tuple[int, ...]]:
    """Group numbers that pairs link, directly or through others, by union-find.

    Returns:
        Rising numbers of two or more each; the largest groups first, equal ones by their first
        number.
    """
    parents: dict[int, int] = {}
    for a, b in pairs:
        one, other = sorted((_root(a, parents), _root(b, parents)))
        parents[other] = one
    groups = defaultdict(list)
    for number in sorted(parents):
        groups[_root(number, parents)].append(number)
    found = [tuple(group) for group in groups.values() if len(group) > 1]
    return sorted(found, key=lambda group: (-len(group), group))


def _root(number: int, parents: dict[int, int]) -> int:
    parents.setdefault(number, number)
    while parents[number] != number:
        parents[number] = parents[parents[number]]
        number = parents[number]
    return number


def _read(
    documents: Iterable[tuple[int, str]],
    threshold: float,
    tokenize: Callable[[str], Sequence[str]] | None,
    words: int,
    progress: Progress,
) -> EqualSets:
    numbers, sets = shingle_sets(documents, tokenize or _default_tokenize(), words, progress)
    rows, sets = pruned(sets, threshold)
    return collapsed(numbers[rows], sets)


def _all_pairs(
    owners: EqualSets, threshold: float, most: int, progress: Progress
) -> tuple[IntVector, NDArray[np.float64]]:
    """Return the pairs of similar sets, those of a set with itself first, and their scores."""
    copies = owners.copies
    several = np.flatnonzero(copies > 1)
    rows, scores = [np.stack([several, several], axis=1)], [np.ones(len(several))]
    room = most - int((copies * (copies - 1) // 2).sum())
    _check_room(room, most)
    for found in joined(owners.sets, threshold, progress):
        room -= int(copies[found.rows].prod(axis=1).sum())
        _check_room(room, most)
        rows.append(found.rows)
        scores.append(found.scores)
    return np.concatenate(rows), np.concatenate(scores)


def _default_tokenize() -> Callable[[str], list[str]]:
    from embedsearch.text.processing import TextProcessor
    from embedsearch.text.settings import TokenizerSettings

    return TextProcessor(TokenizerSettings()).process


def _checked(threshold: float, shingle_words: int, most: int = MOST_PAIRS) -> float:
    from embedsearch._checks import as_count

    if not 0 < threshold <= 1:
        raise ParameterError("threshold", "above 0 and up to 1", threshold)
    as_count("shingle_words", shingle_words)
    as_count("most", most)
    return float(threshold)


def _check_room(left: int, most: int) -> None:
    if left < 0:
        raise InputError(
            f"there are more than {most:,} pairs of near-duplicates: raise the threshold, "
            "or ask for groups"
        )

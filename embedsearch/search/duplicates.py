"""Documents that are nearly the same: sets of shingles whose Jaccard similarity is high.

All pairs of sets that reach a threshold are found without trying all pairs, by an exact join with
filters that lose no pair: Bayardo, Ma and Srikant, "Scaling Up All Pairs Similarity Search" (WWW
2007), and Xiao, Wang, Lin and Yu, "Efficient Similarity Joins for Near-Duplicate Detection" (WWW
2008, PPJoin). Sets x and y of similarity t or more share at least `t·max(|x|, |y|)` and
`t/(1+t)·(|x|+|y|)` members. So with members in one order, rare ones first, the first
`|x| - t·|x| + 1` of x and the first `|y| - 2t/(1+t)·|y| + 1` of the smaller set y have one in
common, and only sets that share one of these rare members are compared.

A member that no other set has can be in no overlap; a set with too many of these has no partner
and is dropped at once, which may leave others without a partner. m copies of a text are compared
once.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from embedsearch._checks import Interval, check
from embedsearch._errors import InputError, ParameterError
from embedsearch._progress import listener_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from embedsearch._progress import Progress
    from embedsearch._types import IntVector
    from embedsearch.kernels.set_join import Pairs, Postings


SHINGLE_WORDS = 3
# It leaves 3 when divided by 4, so that words which change places change the fingerprint.
_BASE = np.uint64(0x9E3779B97F4A7C17)


class Sets(NamedTuple):
    """Sets of fingerprints, one after the other."""

    members: NDArray[np.uint64]  # the fingerprints of all sets; those of one rise and are distinct
    starts: IntVector  # (n + 1,) where each set begins in `members`
    sizes: IntVector  # (n,) how many shingles each text has, also those left out of `members`


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
    # Before the first comes anything else, so that it counts as new.
    new: NDArray[np.bool_] = np.diff(prints, prepend=~prints[:1]) != 0
    return prints[new]


def shingle_sets(
    documents: Iterable[tuple[int, str]], progress: Progress
) -> tuple[IntVector, Sets]:
    """Read documents, and return their numbers and sets: 8 bytes for each distinct shingle."""
    from embedsearch.text.settings import TokenizerSettings
    from embedsearch.text.tokenizers import TextProcessor

    tokenize = TextProcessor(TokenizerSettings()).process
    numbers, sizes, members = array("q"), array("q"), array("Q")
    with progress.task("reading documents", unit="documents") as task:
        for number, text in documents:
            found = shingles(tokenize(text), SHINGLE_WORDS)
            numbers.append(number)
            sizes.append(len(found))
            members.frombytes(found.tobytes())
            task.advance(1)
    lengths = np.array(sizes, np.int64)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    values, counts = np.unique(numbers, return_counts=True)
    if len(values) < len(numbers):
        twice = int(values[counts.argmax()])
        raise ParameterError("documents", "numbered differently, each once", twice)
    return np.array(numbers, np.int64), Sets(np.frombuffer(members, np.uint64), starts, lengths)


class EqualSets(NamedTuple):
    """Distinct sets, and the documents that have them."""

    numbers: IntVector  # of documents, set by set
    starts: IntVector  # (n + 1,) where those of each set begin in `numbers`
    sets: Sets

    @property
    def copies(self) -> IntVector:
        """(n,) how many documents have each set."""
        return np.diff(self.starts)


def merge_equal(numbers: IntVector, sets: Sets) -> EqualSets:
    """Merge equal sets; `numbers` are those of their documents."""
    first: dict[tuple[int, bytes], int] = {}
    places = np.empty(len(numbers), np.int64)
    for row in range(len(numbers)):
        members = sets.members[sets.starts[row] : sets.starts[row + 1]]
        # A set that has lost members to pruning equals no other.
        alone = row if len(members) < sets.sizes[row] else -1
        digest = blake2b(members.tobytes(), digest_size=16).digest()
        places[row] = first.setdefault((alone, digest), len(first))
    firsts = np.unique(places, return_index=True)[1]
    starts = np.concatenate([[0], np.cumsum(np.bincount(places))])
    return EqualSets(numbers[np.argsort(places, kind="stable")], starts, _take(sets, firsts))


def document_pairs(owners: EqualSets, rows: IntVector) -> tuple[IntVector, IntVector]:
    """Turn pairs of sets (m, 2) into pairs of documents; a set with itself gives each pair once.

    Returned are `(k, 2)` pairs of numbers, the lower first, and the place in `rows` of each.
    """
    one, other = owners.copies[rows].T
    sizes = one * other
    places = np.repeat(np.arange(len(rows)), sizes)
    within = np.arange(len(places)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    first, second = np.divmod(within, other[places])
    once = (rows[places, 0] != rows[places, 1]) | (first < second)
    places, chosen = places[once], np.stack([first[once], second[once]], axis=1)
    pairs = owners.numbers[owners.starts[rows[places]] + chosen]
    return np.sort(pairs, axis=1), places


def _take(sets: Sets, rows: IntVector) -> Sets:
    """Return some of the sets; `rows` must rise."""
    lengths = np.diff(sets.starts)
    mask = np.zeros(len(lengths), bool)
    mask[rows] = True
    starts = np.concatenate([[0], np.cumsum(lengths[rows])])
    return Sets(sets.members[np.repeat(mask, lengths)], starts, sets.sizes[rows])


# Rounding must not exclude a pair that reaches the threshold exactly.
_SLACK = 1e-6
# Pruning is repeated as long as at least a tenth of the members goes.
_SLOTS_PER_MEMBER, _WORTHWHILE = 4, 0.9
# Rows between reports of progress, and pairs in a block.
_BLOCK, _ROOM = 1 << 12, 1 << 18
_LOW = np.uint64((1 << 32) - 1)


def prune_sets(sets: Sets, threshold: float) -> tuple[IntVector, Sets]:
    """Drop members that no other set has, and sets that can have no partner.

    Returned are the rows of the sets that are left, and these. A hash table of 4 to 8 bytes a
    member counts them; where two share a slot, one may stay for nothing. `sets.members` is
    overwritten.
    """
    from embedsearch.kernels.set_join import prune, tally

    members, starts = sets.members, sets.starts.copy()
    rows, before = np.arange(len(sets.sizes)), -1
    while before < 0 or len(members) < _WORTHWHILE * before:
        before = len(members)
        table = np.zeros(1 << (_SLOTS_PER_MEMBER * before).bit_length(), np.uint8)
        tally(members, table)
        places = np.empty(len(rows), np.int64)
        needs = _least(threshold, sets.sizes[rows])
        count = prune(members, starts, needs, table, places)
        rows, starts = rows[places[:count]], starts[: count + 1]
        members = members[: starts[-1]]
    return rows, Sets(members.copy(), starts, sets.sizes[rows])


def similar_pairs(
    sets: Sets, threshold: float, progress: Progress, *, forest: bool = False
) -> Iterator[Pairs]:
    """Yield all pairs of sets that are similar, each once.

    Besides the pairs under way it takes about 40 bytes for each member that several sets have.
    Where m sets are much alike it compares them all, which takes time in proportion to m².

    `forest` leaves out pairs that other pairs link already: fewer pairs than sets are left, and
    they link the same sets.
    """
    rows, rest = prune_sets(sets._replace(members=sets.members.copy()), threshold)
    order = np.argsort(rest.sizes, kind="stable")
    ranked = _by_frequency(rest, order)
    found = _blocks(ranked, _prefix_index(ranked, threshold), threshold, forest, progress)
    for pairs in found:
        yield pairs._replace(rows=rows[order][pairs.rows])


def _least(share: float, sizes: IntVector) -> IntVector:
    """Return `share` of each size, rounded up, one at least."""
    least: IntVector = np.maximum(np.ceil(share * sizes - _SLACK), 1).astype(np.int64)
    return least


def _by_frequency(sets: Sets, order: IntVector) -> Sets:
    """Put sets into an order, and replace members by the ranks of their frequency."""
    _, inverse, counts = np.unique(sets.members, return_inverse=True, return_counts=True)
    ranks = np.empty(len(counts), np.uint64)
    ranks[np.argsort(counts, kind="stable")] = np.arange(len(counts), dtype=np.uint64)
    lengths = np.diff(sets.starts)
    places = np.empty(len(order), np.uint64)
    places[order] = np.arange(len(order), dtype=np.uint64)
    # One sort orders the sets, and the members of each.
    keys = (np.repeat(places, lengths) << np.uint64(32)) | ranks[inverse]
    keys.sort()
    starts = np.concatenate([[0], np.cumsum(lengths[order])])
    return Sets(keys & _LOW, starts, sets.sizes[order])


def _prefix_index(sets: Sets, threshold: float) -> Postings:
    from embedsearch.kernels import set_join

    lengths = np.diff(sets.starts)
    share = 2 * threshold / (1 + threshold)
    prefixes = np.clip(lengths - _least(share, sets.sizes) + 1, 0, lengths)
    rows = np.repeat(np.arange(len(lengths), dtype=np.int32), prefixes)
    begins = np.cumsum(prefixes) - prefixes
    places = np.arange(len(rows)) - np.repeat(begins, prefixes)
    members = sets.members[sets.starts[rows] + places].astype(np.int64)
    order = np.argsort(members, kind="stable")
    distinct = int(sets.members.max()) + 1 if len(sets.members) else 0
    ends = np.cumsum(np.bincount(members, minlength=distinct))
    heads = np.stack([np.concatenate([[0], ends[:-1]])[: len(ends)], ends], axis=1)
    return set_join.Postings(heads, rows[order], places[order].astype(np.int32))


def _blocks(
    sets: Sets, postings: Postings, threshold: float, forest: bool, progress: Progress
) -> Iterator[Pairs]:
    from embedsearch.kernels import set_join

    n, row = len(sets.sizes), 0
    ranked = set_join.RankedSets(sets.members.astype(np.uint32), sets.starts, sets.sizes)
    scratch = set_join.Scratch(np.arange(n), np.zeros(n, np.int32), np.empty(n, np.int32))
    pairs = set_join.Pairs(np.empty((max(_ROOM, n), 2), np.int64), np.empty(max(_ROOM, n)))
    # The kernel is compiled for one type of threshold.
    limit = (float(threshold), forest)
    with progress.task("comparing documents", n, "documents") as task:
        while row < n:
            block = (row, min(row + _BLOCK, n))
            after, count = set_join.join(block, ranked, postings, limit, scratch, pairs)
            task.advance(after - row)
            row = after
            yield set_join.Pairs(pairs.rows[:count].copy(), pairs.scores[:count].copy())


# A gigabyte of tuples.
MOST_PAIRS = 5_000_000


class Duplicate(NamedTuple):
    """Two documents that are nearly the same."""

    number_a: int  # the lower of the two
    number_b: int
    score: float  # the Jaccard similarity of their shingles; 1 where they have the same


def near_duplicates(
    documents: Iterable[tuple[int, str]],
    threshold: float = 0.8,
    progress: Progress | None = None,
    *,
    most: int = MOST_PAIRS,
) -> list[Duplicate]:
    """List all pairs of documents that share most of their runs of words.

    The score is the Jaccard similarity `|A ∩ B| / |A ∪ B|` of the sets of shingles, runs of three
    words (Broder 1997): 0.8 lets one word in about thirty differ. No pair is missed.
    A text of fewer words is one shingle, so it equals only the same text; a text without words is
    like no other.

    It keeps no text. At its peak it takes up to 17 bytes for each distinct shingle of each
    document, then about 40 for each of those documents that may have a partner: of 126,000
    encyclopedia articles one in nine at 0.8, nearly all below 0.3. What the pairs take is
    on top; where many documents are alike, time grows with the number of pairs.

    The best pairs come first, equal ones by their numbers. More than `most` are an error, as m
    copies of one text are m·(m - 1)/2 pairs, of about 200 bytes each.
    """
    progress = listener_of(progress)
    owners = _read(documents, threshold, progress)
    rows, scores = _all_pairs(owners, threshold, most, progress)
    pairs, places = document_pairs(owners, rows)
    scores = scores[places]
    order = np.lexsort((pairs[:, 1], pairs[:, 0], -scores))
    columns = (*pairs[order].T.tolist(), scores[order].tolist())
    return list(map(Duplicate, *columns))


def duplicate_groups(
    documents: Iterable[tuple[int, str]],
    threshold: float = 0.8,
    progress: Progress | None = None,
) -> list[tuple[int, ...]]:
    """Group documents that pairs of `near_duplicates` link, without listing these pairs.

    Two documents of a group may be less alike than the threshold if others stand between them
    (single linkage). Memory does not grow with the number of pairs. The largest groups come first,
    equal ones by their first number.
    """
    progress = listener_of(progress)
    owners = _read(documents, threshold, progress)
    firsts = owners.numbers[owners.starts[:-1]]
    links = [np.stack([np.repeat(firsts, owners.copies), owners.numbers], axis=1)]
    links += [
        firsts[rows] for rows, _ in similar_pairs(owners.sets, threshold, progress, forest=True)
    ]
    return connected_groups(np.concatenate(links))


def connected_groups(links: IntVector) -> list[tuple[int, ...]]:
    """Group numbers that links `(m, 2)` connect, directly or through others.

    The largest groups come first, equal ones by their first number.
    """
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

    numbers, places = np.unique(links, return_inverse=True)
    # NumPy 1 returns them flat.
    ends = places.reshape(-1, 2).T
    graph = csr_matrix((np.ones(len(links), bool), tuple(ends)), shape=(len(numbers),) * 2)
    labels = connected_components(graph, directed=False)[1]
    groups = defaultdict(list)
    for number, label in zip(numbers.tolist(), labels.tolist(), strict=True):
        groups[label].append(number)
    found = [tuple(group) for group in groups.values() if len(group) > 1]
    return sorted(found, key=lambda group: (-len(group), group))


def _read(documents: Iterable[tuple[int, str]], threshold: float, progress: Progress) -> EqualSets:
    check("threshold", threshold, Interval(0, 1, open_least=True))
    numbers, sets = shingle_sets(documents, progress)
    rows, sets = prune_sets(sets, threshold)
    return merge_equal(numbers[rows], sets)


def _all_pairs(
    owners: EqualSets, threshold: float, most: int, progress: Progress
) -> tuple[IntVector, NDArray[np.float64]]:
    """Return the pairs of similar sets, those of a set with itself first, and their scores."""
    copies = owners.copies
    several = np.flatnonzero(copies > 1)
    rows, scores = [np.stack([several, several], axis=1)], [np.ones(len(several))]
    room = most - int((copies * (copies - 1) // 2).sum())
    _check_room(room, most)
    for found in similar_pairs(owners.sets, threshold, progress):
        room -= int(copies[found.rows].prod(axis=1).sum())
        _check_room(room, most)
        rows.append(found.rows)
        scores.append(found.scores)
    return np.concatenate(rows), np.concatenate(scores)


def _check_room(left: int, most: int) -> None:
    if left < 0:
        raise InputError(
            f"there are more than {most:,} pairs of near-duplicates: raise the threshold, "
            "or ask for groups"
        )

"""The words of a fastText model.

The layout is that of `Dictionary::save` in Facebook's fastText: the number of entries, of words
and of labels (int32); of tokens, and of pruned n-grams or -1 (int64); then for each entry its
text, a NUL, its count (int64) and its kind (int8: 0 a word, 1 a label). Words come first.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from embedsearch._errors import SourceFormatError, VectorError
from embedsearch.vectors.formats.words import check_writable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedsearch._types import IntVector
    from embedsearch.vectors.formats.fasttext_mapped import MappedFile

COMPRESSED = (
    "a compressed model (.ftz), whose vectors are only approximations; "
    "take the .bin file that it was made from"
)
_SHORTEST_ENTRY = 10  # bytes
_LONGEST_WORD = 1 << 16
_WORD, _LABEL = 0, 1


class Dictionary(NamedTuple):
    """The words that are wanted, from the first row on.

    Attributes:
        words: The words, as bytes that should be UTF-8.
        counts: How often each was seen.
        total: How many words the file has; the rows of the n-grams begin behind them.
        labels: How many labels it has.
    """

    words: list[bytes]
    counts: IntVector
    total: int
    labels: int


def read_dictionary(file: MappedFile, limit: int | None) -> Dictionary:
    """Read the first `limit` words, or all, and pass over what follows them.

    Raises:
        SourceFormatError: Counts that do not fit the file, a pruned dictionary, or no words.
    """
    size, total, labels, _, pruned = file.take("3i2q", "the dictionary's size")
    if total < 1:
        raise file.wrong("it has no words")
    if labels < 0 or size != total + labels:
        raise file.wrong(f"{total:,} words and {labels:,} labels are not {size:,} entries")
    if pruned >= 0:
        raise SourceFormatError(file.path, COMPRESSED)
    file.need(size * _SHORTEST_ENTRY, f"a dictionary of {size:,} entries")
    wanted = min(total, limit or total)
    entries = [_read_entry(file, number, _WORD) for number in range(wanted)]
    for number in range(wanted, size):
        _read_entry(file, number, _WORD if number < total else _LABEL)
    counts = np.fromiter((count for _, count in entries), np.int64, wanted)
    return Dictionary([word for word, _ in entries], counts, total, labels)


def pack_dictionary(words: Sequence[str], counts: Sequence[int]) -> bytes:
    """Return the bytes of a dictionary without labels.

    Raises:
        VectorError: There are no words; one that cannot be saved, such as with a line break;
            or one with a NUL character, or a very long one.
    """
    check_writable(words, spaces=True)
    head = struct.pack("<3i2q", len(words), len(words), 0, sum(counts), -1)
    tails = (struct.pack("<qb", count, _WORD) for count in counts)
    pieces = (_packed(word) + tail for word, tail in zip(words, tails, strict=True))
    return head + b"".join(pieces)


def _read_entry(file: MappedFile, number: int, expected: int) -> tuple[bytes, int]:
    text = file.take_text(_LONGEST_WORD, f"entry {number:,} of the dictionary")
    count, kind = file.take("qb", f"entry {number:,} of the dictionary")
    if kind != expected or count < 0:
        raise file.wrong(f"entry {number:,} of the dictionary, {text[:40]!r}, makes no sense")
    return text, count


def _packed(word: str) -> bytes:
    text = word.encode()
    if b"\0" in text or len(text) > _LONGEST_WORD:
        raise VectorError(
            f"a fastText model cannot hold the word {word[:40]!r}: it has a NUL character, or "
            f"more than {_LONGEST_WORD:,} bytes; leave it out"
        )
    return text + b"\0"

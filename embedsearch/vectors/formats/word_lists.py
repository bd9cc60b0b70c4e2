"""Lists of words in files of their own: a word on each line, and maybe its count."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedsearch._errors import SourceFormatError
from embedsearch.vectors.formats.opening import open_plain
from embedsearch.vectors.formats.text_rows import line_blocks

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from embedsearch._types import IntVector

_MOST_WORDS = 10**8
_MOST = 2**63


def read_lines(path: Path) -> list[bytes]:
    r"""Read all lines of a file, without `\n` or `\r\n`.

    Raises:
        SourceFormatError: There are more than `_MOST_WORDS`.
        SourceError: See `open_plain`.
    """
    words: list[bytes] = []
    with open_plain(path) as plain:
        for _, lines in line_blocks(plain.stream, path):
            words += [line.removesuffix(b"\r") for line in lines]
            if len(words) > _MOST_WORDS:
                raise SourceFormatError(path, f"has more than {_MOST_WORDS:,} lines")
    return words


def split_counts(path: Path, lines: list[bytes]) -> tuple[list[bytes], IntVector | None]:
    """Split `word<TAB>count` lines; where the first has no tab, lines are words.

    Raises:
        SourceFormatError: Some line has no count.
    """
    if not lines or b"\t" not in lines[0]:
        return lines, None
    fields = [line.rpartition(b"\t") for line in lines]
    return [word for word, _, _ in fields], parse_counts(path, [field[2] for field in fields])


def parse_counts(path: Path, fields: Sequence[bytes], first: int = 1) -> IntVector:
    """Read counts, whole numbers from 0.

    Args:
        path: The file, for messages.
        fields: A count for each row.
        first: The line of the first.

    Raises:
        SourceFormatError: A field is not such a number.
    """
    counts = np.empty(len(fields), dtype=np.int64)
    for row, field in enumerate(fields):
        if not field.isdigit() or len(field) > 19 or int(field) >= _MOST:
            shown = repr(field[:40].decode(errors="replace"))
            raise SourceFormatError(path, f"{shown} is not the count of a word", first + row)
        counts[row] = int(field)
    return counts

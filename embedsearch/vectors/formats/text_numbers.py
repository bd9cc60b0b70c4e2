"""Numbers as text: read in bulk, written so that they come back exactly."""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embedsearch._types import FloatMatrix

_PLAIN = b"0123456789+-.eE "
_NUMBER = re.compile(rb"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|[+-]?(?:nan|inf)", re.I)
_DECIMAL_COMMA = re.compile(rb"[+-]?\d*,\d+(?:[eE][+-]?\d+)?")
_NUMBERS_IN_BLOCK = 2**16
_SHORT = 6
_BELOW = 1000


def is_number(field: bytes) -> bool:
    """Tell whether a field is a number, in decimal notation, or NaN or infinity."""
    return _NUMBER.fullmatch(field) is not None


def is_like_number(field: bytes) -> bool:
    """Tell whether a field is a number, or would be one with a point for its decimal comma."""
    return is_number(field) or _DECIMAL_COMMA.fullmatch(field) is not None


def not_a_number(field: bytes) -> str:
    """Say why a field cannot be read."""
    shown = repr(field[:40].decode(errors="replace"))
    if _DECIMAL_COMMA.fullmatch(field):
        return f"{shown} has a decimal comma; write numbers with a point, in every line"
    return f"{shown} is not a number; mend or remove the line"


def parse_rows(rows: list[bytes], vector_size: int) -> FloatMatrix | None:
    """Read rows of numbers with single spaces between them, all at once.

    Args:
        rows: Each with `vector_size - 1` spaces.
        vector_size: Numbers in a row, d.

    Returns:
        `(len(rows), d)`, or None where some field is no number: `first_bad` finds it.
    """
    text = b" ".join(rows)
    # With nothing but single spaces between, each row has as many fields as it has to.
    if b"  " in text or not (text[:1].strip() and text[-1:].strip()):
        return None
    if text.translate(None, _PLAIN) and not all(map(is_number, text.split(b" "))):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", DeprecationWarning)  # NumPy before 2.3
            flat = np.fromstring(text, np.float32, len(rows) * vector_size, sep=" ")
    except (ValueError, DeprecationWarning):
        return None
    return flat.reshape(len(rows), vector_size)


def first_bad(rows: list[bytes]) -> tuple[int, bytes]:
    """Find the first row with a field that is no number: the row and the field."""
    for row, text in enumerate(rows):
        for field in text.split(b" "):
            if not is_number(field):
                return row, field
    return 0, rows[0]


def format_rows(vectors: FloatMatrix, separator: str = " ") -> Iterator[tuple[int, list[str]]]:
    """Write rows as text, from which the same float32 values are read.

    Nine significant digits tell all float32 values apart; a value that some number of six
    decimals stands for is written as that number (0.418, not 0.418000013).

    Args:
        vectors: `(V, d)` float32.
        separator: What stands between two numbers.

    Yields:
        The place of the first row, and a text for each row.
    """
    pattern = separator.join(["%.9g"] * vectors.shape[1])
    step = max(1, _NUMBERS_IN_BLOCK // vectors.shape[1])
    for start in range(0, len(vectors), step):
        block = vectors[start : start + step]
        exact = block.astype(np.float64)
        short = np.round(exact, _SHORT)
        # Below a thousand, six decimals are no more than nine digits.
        same = (short.astype(np.float32) == block) & (np.abs(exact) < _BELOW)
        values = np.where(same, short, exact).tolist()
        yield start, [pattern % tuple(row) for row in values]

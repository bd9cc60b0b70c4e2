"""Numbers as they are spelled, in filters and in strings of the metadata."""

from __future__ import annotations

import math
import re

NUMERAL = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"

# More digits make a number that no float reaches; and Python refuses thousands of them.
_WHOLE = re.compile(r"[+-]?[0-9]{1,308}")
_NUMERAL = re.compile(NUMERAL)


def number_of(text: str) -> int | float | None:
    """Return the number that a text spells, whole numbers exactly.

    None where it spells none, or one beyond the range of floating-point numbers.
    """
    text = text.strip()
    if _WHOLE.fullmatch(text):
        return int(text)
    if not _NUMERAL.fullmatch(text):
        return None
    number = float(text)
    return number if math.isfinite(number) else None

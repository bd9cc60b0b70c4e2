"""Sizes in bytes, as people write them."""

from __future__ import annotations

import re

from embedsearch._errors import ParameterError

_UNITS = {"": 1, "B": 1}
_UNITS |= {f"{prefix}B": 1000 ** (i + 1) for i, prefix in enumerate("KMGT")}
_UNITS |= {f"{prefix}IB": 1024 ** (i + 1) for i, prefix in enumerate("KMGT")}
_SIZE = re.compile(r"(\d{1,18}(?:\.\d{1,18})?)\s*([A-Za-z]{0,3})")


def as_bytes(name: str, size: int | str) -> int:
    """Read a size.

    Args:
        name: The parameter, for the message.
        size: Bytes, or a number with a unit: "500MB" is 500,000,000, "1.5GiB" 1,610,612,736.

    Raises:
        ParameterError: Something else, or less than 1 byte.
    """
    number = -1
    match = _SIZE.fullmatch(size.strip()) if isinstance(size, str) else None
    if match and match[2].upper() in _UNITS:
        number = int(float(match[1]) * _UNITS[match[2].upper()])
    elif isinstance(size, int) and not isinstance(size, bool):
        number = size
    if number < 1:
        raise ParameterError(name, 'a number of bytes, or a size such as "500MB"', size)
    return number


def shown_bytes(size: float) -> str:
    """Write a size, rounded up to three digits: 1,234,567 bytes are "1.24MB"."""
    unit, size = next(
        (unit, size / 1000**power)
        for power, unit in enumerate(("B", "KB", "MB", "GB", "TB"))
        if size < 1000 ** (power + 1) or unit == "TB"
    )
    digits = 0 if size >= 100 or unit == "B" else 1 if size >= 10 else 2
    rounded = -(-size * 10**digits // 1) / 10**digits
    return f"{rounded:g}{unit}"

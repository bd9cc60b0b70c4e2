"""Words for messages: numbers with their nouns, lists that end, text that is cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

FEW = 5
"""How many of many are named in a message."""


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun: "1 file", "1,200 files"."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def cut(text: str, most: int = 60) -> str:
    """Return the beginning of a text that may be long."""
    return text if len(text) <= most else f"{text[:most]}..."


def quoted(text: str, most: int = 60) -> str:
    """Return the beginning of a text in quotation marks, safe for a terminal."""
    return repr(text) if len(text) <= most else f"{text[:most]!r}..."


def first_few(names: Iterable[str], most: int = FEW) -> str:
    """Return the first names of a list, and how many more there are: "a, b, c and 9 more"."""
    names = list(names)
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest:,} more" if rest > 0 else "")


def shown_bytes(size: float) -> str:
    """Return a size for people, rounded up to three digits: 1,234,567 bytes are "1.24MB"."""
    unit, size = next(
        (unit, size / 1000**power)
        for power, unit in enumerate(("B", "KB", "MB", "GB", "TB"))
        if size < 1000 ** (power + 1) or unit == "TB"
    )
    digits = 0 if size >= 100 or unit == "B" else 1 if size >= 10 else 2
    rounded = -(-size * 10**digits // 1) / 10**digits
    return f"{rounded:g}{unit}"


def per_second(amount: float, seconds: float) -> str:
    """Return a rate with thousands apart, and one decimal where it is small."""
    rate = amount / seconds if seconds > 0 else 0.0
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"


def duration(seconds: float) -> str:
    """Return a span of time: `34 s`, `2 min 05 s`, `1 h 12 min`."""
    total = round(seconds)
    if total < 60:
        return f"{total} s"
    if total < 3600:
        return f"{total // 60} min {total % 60:02} s"
    return f"{total // 3600} h {total % 3600 // 60:02} min"

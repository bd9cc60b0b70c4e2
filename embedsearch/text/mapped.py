"""Files as arrays, without keeping what was read in memory."""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray


def release(array: NDArray[Any]) -> None:
    """Let go of the pages of a mapped file that were read; reading on brings them back.

    Otherwise a process holds as much of a file as memory allows, and looks as large.
    """
    mapped = getattr(array, "_mmap", None)
    if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)

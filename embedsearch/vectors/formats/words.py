"""Which words a file or a workspace can hold."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from embedsearch._errors import VectorError

if TYPE_CHECKING:
    from collections.abc import Sequence

# Half a character, which UTF-8 does not have, ends up here from JSON and broken file names.
_UNUSABLE = re.compile("[\t\n\r\ud800-\udfff]")
_ADVICE = "rename the word, or leave it out"


def is_usable(word: str) -> bool:
    """Tell whether a word can be kept: not empty, no tab, no line break, and valid Unicode."""
    return bool(word) and _UNUSABLE.search(word) is None


def are_usable(words: Sequence[str]) -> bool:
    """Tell whether all words can be kept."""
    return "" not in words and _UNUSABLE.search("".join(words)) is None


def check_writable(words: Sequence[str], *, spaces: bool) -> None:
    """Make sure that a file can hold the words, before anything is written.

    Args:
        words: The words.
        spaces: Whether it can hold words with spaces.

    Raises:
        VectorError: There are no words, or one cannot be written.
    """
    if not words:
        raise VectorError("there are no words to save")
    for row, word in enumerate(words):
        if not is_usable(word):
            what = "tabs, line breaks, halves of characters and empty words cannot be saved"
            raise VectorError(f"the word {word!r} (row {row:,}): {what}; {_ADVICE}")
        if not spaces and " " in word:
            advice = "save as 'safetensors', 'npy', 'projector' or 'parquet', which can"
            reason = "this format cannot hold a word with a space"
            raise VectorError(f"the word {word!r} (row {row:,}): {reason}; {advice}")

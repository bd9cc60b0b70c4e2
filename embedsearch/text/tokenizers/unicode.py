"""The default tokenizer: words of any script, by Unicode's letters, marks and digits."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import NamedTuple

from embedsearch.text.settings import FOLDING
from embedsearch.text.tokenizers.folding import fold
from embedsearch.text.tokenizers.scripts import space_out

# Hyphen, apostrophe, the middle dot of Catalan, geresh and gershayim of Hebrew.
_JOINER = "[-'\u00b7\u05f3\u05f4]"
_EMOJI = "[\U0001f1e6-\U0001f1ff]{2}|[\u2600-\u26ff\u2702-\u27b0\U0001f300-\U0001faff]"
_BEYOND = re.compile("[\u2600-\u27bf\U00010000-\U0001ffff]")


class Edges(NamedTuple):
    """ASCII characters at which a text may be cut without changing its tokens.

    Attributes:
        separators: These part tokens whatever stands beside them.
        leading: At the start of a text, or behind a separator, these are in no token.
        trailing: The same at the end, or before a separator; all of them are leading too.
    """

    separators: str
    leading: str
    trailing: str


# Left out are < = > (a stroke that follows makes one sign of them), and ^ and `, over which
# lower case looks when it asks whether a sigma is the last letter.
EDGES = Edges("".join(map(chr, range(33))) + '\x7f!"$%&()*/;?@[\\]{|}~', "-'.,:+#", "-'.,:")


class UnicodeTokenizer:
    """Cuts text into words, numbers and emoji; other punctuation and symbols are left out.

    - A word is a run of letters, marks and digits. Hyphens, apostrophes and underscores inside
      it are part of it (`mother-in-law`, `don't`, `new_york`), those around it are not.
    - A number keeps its inner points, commas and colons (`3.14`, `1,000`, `10:30`); so do single
      letters that are parted by points, without the last one (`U.S.A`, `e.g`).
    - `C++` and `C#`, a letter with that sign behind it, are words; `.NET` is `NET`.
    - Addresses and tags are cut like other text: `jane@example.com` is `jane`, `example`, `com`.
    - An emoji is a token, and so is a flag; joined sequences give their parts.
    - Chinese, Japanese, Thai, Lao, Khmer and Burmese come out as overlapping pairs
      (`embedsearch.text.tokenizers.scripts`); katakana and Korean words stay whole.

    No word is left out for its length, and every letter of the folded text is in some token.

    Args:
        folding: The version of `fold`.
    """

    def __init__(self, folding: int = FOLDING) -> None:
        self._folding = folding

    def tokenize(self, text: str) -> list[str]:
        """Return the tokens of `text` in order; they are slices of `fold(text)`."""
        return cut_words(fold(text, self._folding))


def cut_words(folded: str) -> list[str]:
    """Return the tokens of a text that `fold` has been through already."""
    if folded.isascii():
        return _ascii_words().findall(folded)
    spaced = space_out(folded)
    words = _every_word() if _BEYOND.search(spaced) else _plane_words()
    return words.findall(spaced)


@cache
def _ascii_words() -> re.Pattern[str]:
    return re.compile(_word_pattern(r"\w"))


@cache
def _plane_words() -> re.Pattern[str]:
    """Words of the basic plane; letters beyond it are words too, but their marks are not."""
    return re.compile(_word_pattern(r"A-Za-z0-9\w" + _marks(0, 0x10000)))


@cache
def _every_word() -> re.Pattern[str]:
    # Python tests the ranges beyond the basic plane one by one: less than half the speed.
    return re.compile(_word_pattern(r"A-Za-z0-9\w" + _marks(0, 0x20000)) + "|" + _EMOJI)


def _word_pattern(inside: str) -> str:
    """Return the expression of a word whose characters after the first are `[inside]`."""
    part = rf"[^\W_][{inside}]*"
    number = r"[.,:](?<=\d.)(?=\d)"
    initials = rf"\.(?<=\b[^\W\d_]\.)(?=[^\W\d_](?![{inside}]))"
    sign = r"(?:\+\+(?<=\b[^\W\d_]\+\+)|\#(?<=\b[^\W\d_]\#))(?![^\W\d])"
    return rf"{part}(?:(?:{_JOINER}|{number}|{initials}){part})*(?<!_)(?:{sign})?"


def _marks(start: int, stop: int) -> str:
    """Return the combining marks from `start` to `stop` as the inside of a character class.

    For Python a word has letters and digits, but not the marks that Indian vowels are
    written with.
    """
    marks = (code for code in range(start, stop) if unicodedata.category(chr(code))[0] == "M")
    ranges: list[list[int]] = []
    for code in marks:
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges)

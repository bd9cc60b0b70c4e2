"""Scripts that are written without spaces between words: their runs, and how these are cut."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_HAN = "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_HIRAGANA = "\u3041-\u309a\u309d-\u309f"
_IDEOGRAPHS = _HAN + _HIRAGANA
_SYLLABIC = (
    "\u0e01-\u0e3a\u0e40-\u0e4e"  # Thai
    "\u0e81-\u0ece\u0edc-\u0edf"  # Lao
    "\u1000-\u103f\u1050-\u108f\u109a-\u109d\ua9e0-\ua9ef\ua9fa-\ua9fe\uaa60-\uaa76\uaa7a-\uaa7f"
    "\u1780-\u17d3\u17d7\u17dc\u17dd"  # Khmer; the line above is Burmese
)
# The long vowel sign belongs to katakana, but is written among hiragana too.
_RUN = re.compile(f"[{_IDEOGRAPHS}{_SYLLABIC}][{_IDEOGRAPHS}{_SYLLABIC}\u30fc]*")
# Where Chinese characters and hiragana meet, a word of one of them nearly always ends.
_OF_ONE_SCRIPT = re.compile(f"[{_SYLLABIC}]+|[{_HAN}]+|[^{_SYLLABIC}{_HAN}]+")
_OF_ONE_KIND = re.compile(f"[{_SYLLABIC}]+|[^{_SYLLABIC}]+")
_BEFORE, _AFTER = "\u0e40-\u0e44\u0ec0-\u0ec4", "\u0e30\u0e32\u0e33\u0e45\u0e46\u0eb0\u0eb2\u0eb3"
_STACK, _ASAT = "\u1039\u17d2", "\u103a"
# In these scripts `\w` is a letter and anything else of a run is a mark.
_SYLLABLE = re.compile(
    rf"[{_BEFORE}]?\w[^\w{_STACK}]*(?:[{_STACK}]\w[^\w{_STACK}]*)*"
    rf"(?:[\u1000-\u1021][^\w{_ASAT}{_STACK}]*{_ASAT}[^\w{_STACK}]*(?![{_STACK}]))*"
    rf"[{_AFTER}]*|."
)
_SYLLABIC_START = re.compile(f"[{_SYLLABIC}]")


def space_out(text: str, cut: Callable[[str], Sequence[str]] | None = None) -> str:
    """Return `text` with each run of a script without spaces replaced by its tokens, spaced.

    `cut` returns the tokens of a run; None is `pairs`.
    """
    cut = cut or pairs
    return _RUN.sub(lambda run: f" {' '.join(cut(run[0]))} ", text)


def runs(text: str) -> list[str]:
    """Return the longest stretches of `text` in scripts without spaces."""
    return [] if text.isascii() else _RUN.findall(text)


def pairs(run: str) -> list[str]:
    """Return the overlapping pairs of a run; no dictionary is used.

    Chinese characters and hiragana are paired as Lucene's CJK analyser does; Thai, Lao, Khmer and
    Burmese by written syllable. A lone character or syllable stays as it is.
    """
    return [pair for part in _OF_ONE_KIND.findall(run) for pair in _pairs(units(part))]


def _pairs(units: Sequence[str]) -> list[str]:
    return list(map(str.__add__, units, units[1:])) if len(units) > 1 else list(units)


def parts(run: str) -> list[str]:
    """Return the stretches of one script in a run: a word is in one of them."""
    return _OF_ONE_SCRIPT.findall(run)


def units(part: str) -> Sequence[str]:
    """Return the units of a stretch of one script: its characters, or its written syllables.

    A syllable of Thai, Lao, Khmer or Burmese is a consonant with all that is attached to it: vowel
    letters before or after it, its marks, the consonants stacked below it, a Burmese consonant
    silenced by asat.
    """
    return _SYLLABLE.findall(part) if _SYLLABIC_START.match(part) else part

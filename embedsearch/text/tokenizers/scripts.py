"""Scripts that put no spaces between words, cut into overlapping pairs.

No dictionary is used. Chinese characters and hiragana are paired as Lucene's CJK analyser
does; Thai, Lao, Khmer and Burmese are paired by written syllable: a consonant with all that
is attached to it (vowel letters before or after it, its marks, the consonants stacked
below it, a Burmese consonant silenced by asat). Words of two syllables are therefore tokens;
longer ones are chains of tokens.
"""

from __future__ import annotations

import re

_IDEOGRAPHS = (
    "\u3005-\u3007\u3041-\u309a\u309d-\u309f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U000323af"
)
_SYLLABIC = (
    "\u0e01-\u0e3a\u0e40-\u0e4e"  # Thai
    "\u0e81-\u0ece\u0edc-\u0edf"  # Lao
    "\u1000-\u103f\u1050-\u108f\u109a-\u109d\ua9e0-\ua9ef\ua9fa-\ua9fe\uaa60-\uaa76\uaa7a-\uaa7f"
    "\u1780-\u17d3\u17d7\u17dc\u17dd"  # Khmer; the line above is Burmese
)
# The long vowel sign belongs to katakana, but is written among hiragana too.
_RUN = re.compile(f"[{_IDEOGRAPHS}{_SYLLABIC}][{_IDEOGRAPHS}{_SYLLABIC}\u30fc]*")
_OF_ONE_KIND = re.compile(f"[{_SYLLABIC}]+|[^{_SYLLABIC}]+")
_BEFORE, _AFTER = "\u0e40-\u0e44\u0ec0-\u0ec4", "\u0e30\u0e32\u0e33\u0e45\u0e46\u0eb0\u0eb2\u0eb3"
_STACK, _ASAT = "\u1039\u17d2", "\u103a"
# In these scripts `\w` is a letter and anything else of a run is a mark.
_SYLLABLE = re.compile(
    rf"[{_BEFORE}]?\w[^\w{_STACK}]*(?:[{_STACK}]\w[^\w{_STACK}]*)*"
    rf"(?:[\u1000-\u1021][^\w{_ASAT}{_STACK}]*{_ASAT}[^\w{_STACK}]*(?![{_STACK}]))*"
    rf"[{_AFTER}]*|."
)


def space_out(text: str) -> str:
    """Return `text` with each run of such a script replaced by its pairs, between spaces.

    A lone character, or a lone syllable, stays as it is.
    """
    return _RUN.sub(_paired, text)


def _paired(run: re.Match[str]) -> str:
    return f" {' '.join(map(_pairs, _OF_ONE_KIND.findall(run[0])))} "


def _pairs(run: str) -> str:
    units = _SYLLABLE.findall(run) if re.match(f"[{_SYLLABIC}]", run) else run
    if len(units) == 1:
        return run
    return " ".join(map(str.__add__, units, units[1:]))

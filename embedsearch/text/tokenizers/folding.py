"""Spellings that look alike are made alike, before any tokenizer sees the text."""

from __future__ import annotations

import re
import unicodedata

_APOSTROPHES = {"\u2019": "'", "\u2018": "'", "\u02bc": "'"}
_HYPHENS = {"\u2010": "-", "\u2011": "-"}
_INVISIBLE = (
    "\u00ad\u200c-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe00-\ufe0f\ufeff"
    "\U0001f3fb-\U0001f3ff\U000e0100-\U000e01ef"
)
# Ligatures come out of PDF files; full-width forms are typed with East Asian keyboards.
_COMPATIBLE = "\ufb00-\ufb06\uff01-\uff9f"
_INVISIBLE_RUN = re.compile(f"[{_INVISIBLE}]+")
_RARE = re.compile(f"[\u2018\u02bc\u2010\u2011{_INVISIBLE}{_COMPATIBLE}]")
_COMPATIBLE_RUN = re.compile(f"[{_COMPATIBLE}]+")
_PLAIN = str.maketrans({**_APOSTROPHES, **_HYPHENS})


def fold(text: str) -> str:
    """Return `text` with one spelling for what readers take to be the same.

    Curly and modifier apostrophes become `'`; the Unicode hyphens become `-`; ligatures and
    full-width forms become plain letters; soft hyphens, joiners, direction marks, variation
    selectors and emoji skin tones are taken out; the rest is composed (NFC). The zero width
    space stays, because it separates words. Folding twice changes nothing more.
    """
    if text.isascii():
        return text
    # The curly apostrophe is in most printed English, so it does not pay for the search.
    text = text.replace("\u2019", "'")
    if _RARE.search(text):
        text = _INVISIBLE_RUN.sub("", text).translate(_PLAIN)
        text = _COMPATIBLE_RUN.sub(lambda run: unicodedata.normalize("NFKC", run[0]), text)
    return compose(text)


def compose(text: str) -> str:
    """Return `text` in Unicode's composed form (NFC)."""
    if unicodedata.is_normalized("NFC", text):
        return text
    return unicodedata.normalize("NFC", text)


def strip_accents(text: str) -> str:
    """Return `text` without accents, and without Hebrew and Arabic points.

    Vowel signs, tone marks and viramas of South and South-East Asian scripts and the voicing
    marks of kana stay: there they make another letter. So do letters that Unicode does not
    take apart, such as `ł` and `ø`.
    """
    if text.isascii():
        return text
    parts = unicodedata.normalize("NFD", text)
    return compose("".join(mark for mark in parts if not _is_accent(mark)))


def _is_accent(character: str) -> bool:
    # Combining classes: 10 to 36 are the points of Hebrew, Arabic and Syriac; from 200 on a
    # class tells where a mark stands, and these are the accents.
    place = unicodedata.combining(character)
    return 10 <= place <= 36 or place >= 200

"""Spellings that look alike are made alike, before any tokenizer sees the text."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_INVISIBLE = (  # soft hyphen, joiners, marks of direction, variation selectors, Mongolian ones
    "\u00ad\u034f\u061c\u180b-\u180f\u200c-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f"
    "\ufe00-\ufe0f\ufeff\u0640"  # the tatweel only makes an Arabic word longer
)
_INVISIBLE_BEYOND = "\U0001f3fb-\U0001f3ff\U000e0100-\U000e01ef"  # skin tones, more selectors
# Ligatures and presentation forms come out of PDF files; full-width forms are typed with East
# Asian keyboards.
_COMPATIBLE = (
    "\u017f\u0132\u0133\u013f\u0140\u0149\u01c4-\u01cc\u01f1-\u01f3\u1e9b"  # Latin letters
    "\u02b0-\u02b8\u02e0-\u02e4\u2071\u207f-\u2089\u2090-\u209c\u1d2c-\u1d6a"  # high, low
    "\u2103\u2109\u210a-\u2113\u2115\u2119-\u211d\u2124\u2128\u212c-\u2131\u2133\u2134\u2139"
    "\u2145-\u2149\u2160-\u217f"  # degrees; letters of formulas, as above; Roman numerals
    "\u2e9f\u2ef3\u2f00-\u2fd5\u3300-\u33ff"  # radicals, which PDF files have; squared units
    "\ufb00-\ufd3d\ufd50-\ufdcf\ufdf0-\ufdfc\ufe70-\ufefc"  # Latin, Hebrew and Arabic forms
    "\uff01-\uffdc"
)
_COMPATIBLE_BEYOND = "\U0001d400-\U0001d7ff"  # the letters of formulas again
_APOSTROPHES = (
    "\u2018\u2019\u02bc\u00b4\u02b9\u02bb\u02bd\u02c8\u02ca\u02cb\u0374"  # quotes, the acute accent
    "\u05f3\u1fbd\u1fbf\u1fef\u1ffd\u201b\u2032\ua78c"  # geresh, breathings, the prime, saltillo
)
_HYPHENS = "\u2010\u2011"
# The zeros of scripts that write numbers with ten digits, as we do.
_ZEROS = (
    "\u0660\u06f0\u07c0\u0966\u09e6\u0a66\u0ae6\u0b66\u0be6\u0c66\u0ce6\u0d66\u0de6\u0e50\u0ed0"
    "\u0f20\u1040\u1090\u17e0\u1810\u1946\u19d0\u1a80\u1a90\u1b50\u1bb0\u1c40\u1c50\ua620\ua8d0"
    "\ua900\ua9d0\ua9f0\uaa50\uabf0"
)
_DIGITS = {chr(ord(zero) + digit): str(digit) for zero in _ZEROS for digit in range(10)}
_DIGITS |= {"\u066b": ".", "\u066c": ","}
_SUPERSCRIPTS = {"\u2070": "0", "\u00b9": "1", "\u00b2": "2", "\u00b3": "3"} | {
    chr(0x2070 + digit): str(digit) for digit in range(4, 10)
}
_HIGH = "".join(_SUPERSCRIPTS)
_LOW = str.maketrans(_SUPERSCRIPTS)
# Of letters: mol² is a power, and a number behind a longer word is that of a footnote.
_LONGEST_UNIT = 3
_PLAIN = str.maketrans(
    {
        **dict.fromkeys(_APOSTROPHES, "'"),
        **dict.fromkeys(_HYPHENS, "-"),
        **_DIGITS,
        "\u00b5": "\u03bc",
    }
)
# All that makes a text worth a closer look, but for the curly apostrophe, which has gone by then.
_ALIKE = (
    f"{_APOSTROPHES.replace(chr(0x2019), '')}{_HYPHENS}\u00b5\u0307{''.join(_DIGITS)}"
    f"{_INVISIBLE}{_COMPATIBLE}"
)

_HIGH_RUN = re.compile(f"[{_HIGH}]+")
_ASCII, _BASIC = bytes(range(0x80)), bytes(range(0xF0))  # bytes of UTF-8
# An isolated mark of vowels is a space and the mark in Unicode, and part of its word in a PDF.
_SPACED_MARK = re.compile("[ \u0640](?=[\u064b-\u0652\u0670])")
_DOTTED = re.compile("([ij])\u0307+")
_GRAVE = re.compile(r"`(?<=[^\W\d_]`)(?=[^\W\d_])")
# What is plain stays as it is: words of ASCII are taken many at once.
_PIECE = re.compile(r"[\x00-_a-\x7f]+(?!\S)|\s+|\S+")
# Punctuation is no mark; that of Chinese and Japanese stands next to words without a space.
_WITH_MARKS = re.compile(r"(?s).[^\w\s!-~\u2010-\u2027\u3001-\u3020\uff01-\uff65]*")


def fold(text: str) -> str:
    """Return `text` with one spelling for what readers take to be the same.

    Apostrophes, primes and the accents typed in their place become `'` (a grave accent only
    between letters), Unicode hyphens `-`, the micro sign `μ`. Ligatures, full-width and Arabic
    presentation forms, Roman numerals, letters of formulas and digits of any script become plain
    ones; so do digits set low (`H₂O`) or high behind up to three letters (`m²`), while behind a
    longer word they mark a footnote and go. Soft hyphens, joiners, direction marks, variation
    selectors, skin tones, the tatweel and the dot above i and j go; the rest is composed (NFC).
    The zero width space stays, because it separates words; ß, ı, the final sigma and accents
    stay, as letters of their own. Folding twice changes nothing more.
    """
    # Whoever changes what this does changes `FOLDING` of the settings, too.
    if not text.isascii():
        # The curly apostrophe is in most printed English, so it does not pay for the search.
        text = _fold_beyond_ascii(text.replace("\u2019", "'"))
    return _GRAVE.sub("'", text) if "`" in text else text


def _fold_beyond_ascii(text: str) -> str:
    data = text.encode("utf-8", "surrogatepass")
    # Deleting bytes and searching what is left takes less than searching all.
    others = data.translate(None, _ASCII)
    rare, alike = _finders(beyond=bool(others.translate(None, _BASIC)))
    few = 2 * len(others) < len(data)
    if not rare.search(others.decode("utf-8", "surrogatepass") if few else text):
        return compose(text)
    text = _composed(alike.sub(_plain_run, text))
    if any(mark in text for mark in _HIGH):
        text = _composed(_plain_numbers(text))
    return text


def _composed(text: str) -> str:
    # Composing brings marks into order, and a dot beside its letter.
    return compose(without_dots(compose(text)))


@cache
def _finders(*, beyond: bool) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return what finds texts to fold, and what finds the runs in them.

    Without characters beyond the basic plane, which few texts have, they take half the time.
    """
    alike = _ALIKE + (_INVISIBLE_BEYOND + _COMPATIBLE_BEYOND if beyond else "")
    return re.compile(f"[{alike}{_HIGH}]"), re.compile(f"[{alike}]+")


@cache
def _runs() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return what finds forms of other characters, and what is left out."""
    compatible = re.compile(f"[{_COMPATIBLE}{_COMPATIBLE_BEYOND}]+")
    return compatible, re.compile(f"[{_INVISIBLE}{_INVISIBLE_BEYOND}]+")


def _plain_run(run: re.Match[str]) -> str:
    compatible, invisible = _runs()
    return invisible.sub("", compatible.sub(_plain_forms, run[0])).translate(_PLAIN)


def _plain_forms(run: re.Match[str]) -> str:
    return _SPACED_MARK.sub("", unicodedata.normalize("NFKC", run[0]))


def _plain_numbers(text: str) -> str:
    """Write numbers that are set high behind a unit as usual, and leave out those of footnotes."""
    parts, end, letters = list[str](), 0, 0
    for run in _HIGH_RUN.finditer(text):
        parts.append(text[end : run.start()])
        letters = _letters_at_end(parts[-1], letters)
        if letters <= _LONGEST_UNIT:
            parts.append(run[0].translate(_LOW) if letters else run[0])
        end = run.end()
    return "".join([*parts, text[end:]])


def _letters_at_end(text: str, before: int) -> int:
    """Count the letters that a text ends with, up to one more than a unit has.

    Marks belong to their letter: whether a letter with its accent is one character may depend on
    its case. Behind nothing but marks, it is `before`, what it was before them.
    """
    letters = 0
    for character in reversed(text):
        if character.isalpha():
            letters += 1
        elif not unicodedata.combining(character):
            return letters
        if letters > _LONGEST_UNIT:
            return letters
    return letters or before


def fold_aligned(text: str) -> tuple[str, Sequence[tuple[int, int]]]:
    """Return the folded text, and (start, stop) in `text` for each of its characters."""
    folded, places = list[str](), list[tuple[int, int]]()
    for piece in _PIECE.finditer(text):
        for part, start in _folded_parts(piece[0]):
            new = fold(part)
            folded.append(new)
            begin = piece.start() + start
            end = begin + len(part)
            if new == part:
                places += zip(range(begin, end), range(begin + 1, end + 1), strict=True)
            else:
                places += [(begin, end)] * len(new)
    return "".join(folded), places


def _folded_parts(piece: str) -> list[tuple[str, int]]:
    """Cut a piece into characters with their marks, if these fold by themselves as together."""
    folded = fold(piece)
    if folded == piece:
        return [(piece, 0)]
    parts = [(part[0], part.start()) for part in _WITH_MARKS.finditer(piece)]
    apart = "".join(fold(part) for part, _ in parts)
    return parts if apart == folded else [(piece, 0)]


def in_lower_case(text: str) -> str:
    """Return a text in lower case, of the same length."""
    # The dotted capital I is the only character that becomes two.
    return (text.replace("\u0130", "I") if "\u0130" in text else text).lower()


def without_dots(text: str) -> str:
    """Return `text` without dots above i and j, as the lower case of the Turkish İ has one."""
    return _DOTTED.sub(r"\1", text) if "\u0307" in text else text


def compose(text: str) -> str:
    """Return `text` in Unicode's composed form (NFC)."""
    if unicodedata.is_normalized("NFC", text):
        return text
    return unicodedata.normalize("NFC", text)


def strip_accents(text: str) -> str:
    """Return `text` without accents, and without Hebrew and Arabic points.

    Marks of South and South-East Asian scripts and the voicing marks of kana stay: there they make
    another letter. So do letters that Unicode does not take apart, such as `ł` and `ø`.
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

"""Analogies written as sums of words, `king - man + woman`, and their product form, 3CosMul."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, NoReturn

import numpy as np

from embedsearch._errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedsearch._types import FloatMatrix, FloatVector

# As in word2vec and gensim: keeps the divisor of 3CosMul away from zero.
EPSILON = np.float32(1e-6)

_SPACE = re.compile(r"\s*")
_SIGN = re.compile(r"[+\-−–]")
_WEIGHT = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*\*\s*")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
# Only where it closes before a space: an apostrophe may begin a word ('tis).
_APOSTROPHES = re.compile(r"'([^']+)'(?=\s|$)")
_BARE = re.compile(r'[^\s"*]\S*')


class Term(NamedTuple):
    """A word of an expression and its weight, negative where it is taken away."""

    word: str
    weight: float


def parse_expression(expression: str) -> list[Term]:
    """Read a weighted sum of words.

    A sign stands at the beginning or after a space, so `mother-in-law` and `c++` are words. A
    weight is a number and `*` before a word: `0.5*king + 2 * queen`. A word with spaces, or one
    that looks like a sign or a weight, is put in quotes: `"new york" - usa`.
    """
    terms: list[Term] = []
    place = _skip(_SPACE, expression, 0)
    while place < len(expression):
        sign, place = _read_sign(expression, place, first=not terms)
        weight, place = _read_weight(expression, place)
        word, place = _read_word(expression, place)
        terms.append(Term(word, sign * weight))
        place = _skip(_SPACE, expression, place)
    if not terms:
        raise QueryError("the expression is empty; write for example: king - man + woman")
    return terms


def cosmul_scores(
    vectors: FloatMatrix, norms: FloatVector, units: FloatMatrix, weights: Sequence[float]
) -> FloatVector:
    """Score every word by 3CosMul: the product of its likeness to some over that to others.

    Levy and Goldberg, "Linguistic Regularities in Sparse and Explicit Word Representations"
    (CoNLL 2014), equation 4, with cosines moved to [0, 1] as in its footnote 7. A weight other
    than 1 or -1 is the power of its factor.

    `units` `(m, d)` are the terms' vectors at length 1. Scores are not bounded above.
    """
    lengths = np.where(norms == 0, np.float32(1), norms)[:, np.newaxis]
    likeness = np.maximum(1 + (vectors @ units.T) / lengths, 0) / 2
    powers = likeness ** np.abs(np.asarray(weights, dtype=np.float32))
    above = np.asarray(weights) > 0
    scores: FloatVector = powers[:, above].prod(axis=1) / (powers[:, ~above].prod(axis=1) + EPSILON)
    return scores


def _skip(pattern: re.Pattern[str], text: str, place: int) -> int:
    found = pattern.match(text, place)
    return found.end() if found else place


def _read_sign(text: str, place: int, first: bool) -> tuple[float, int]:
    if _SIGN.match(text, place):
        return (1.0 if text[place] == "+" else -1.0), _skip(_SPACE, text, place + 1)
    if not first:
        _fail(text, place, "expected + or - (a word with spaces goes in double quotes)")
    return 1.0, place


def _read_weight(text: str, place: int) -> tuple[float, int]:
    found = _WEIGHT.match(text, place)
    if not found:
        return 1.0, place
    weight = float(found[1])
    if weight == 0 or weight > np.finfo(np.float32).max:
        _fail(text, place, "a weight must be above zero and finite")
    return weight, found.end()


def _read_word(text: str, place: int) -> tuple[str, int]:
    if place == len(text):
        _fail(text, place, "expected a word")
    quoted = _QUOTED.match(text, place) or _APOSTROPHES.match(text, place)
    if quoted:
        word = re.sub(r"\\(.)", r"\1", quoted[1], flags=re.DOTALL)
        if not word.strip():
            _fail(text, place, "expected a word between the quotes")
        if quoted.end() < len(text) and not text[quoted.end()].isspace():
            _fail(text, quoted.end(), "expected a space after the closing quote")
        return word, quoted.end()
    if text[place] == '"':
        _fail(text, place, "the quote is not closed")
    bare = _BARE.match(text, place)
    if not bare or _SIGN.fullmatch(bare[0]):
        _fail(text, place, "expected a word (a sign that is a word goes in double quotes)")
    return bare[0], bare.end()


def _fail(text: str, place: int, reason: str) -> NoReturn:
    raise QueryError.at(text, place, f"at character {place + 1}: {reason}")

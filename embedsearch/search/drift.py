"""How far the words of a collection have moved since word vectors were trained."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from embedsearch._checks import Interval, as_count, check
from embedsearch._messages import counted

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from numpy.typing import ArrayLike

# The error of a ratio is known well enough from 30 documents (Cochran, "Sampling Techniques", 3rd
# edition 1977, section 6.4).
FEWEST_DOCUMENTS = 30

# Words without a vector beyond the expected: of queries of five words, drawn like the documents,
# one in ten (`1 - 0.98^5`) or one in four (`1 - 0.95^5`) loses a word that it would have kept.
CONSIDER, RETRAIN = 0.02, 0.05

# Of the unknown words, the most frequent are named.
_NAMED = 10
# Drift that is within two standard errors may be chance.
_ERRORS = 2.0


@dataclass(frozen=True, slots=True)
class Drift:
    """What `vocabulary_drift` found."""

    documents: int  # how many were added
    tokens: int  # their words, each as often as it occurs
    unknown_tokens: int  # those that have no vector
    share: float  # `unknown_tokens / tokens`; 0 without tokens
    # The standard error of `share`, documents being drawn as a whole; None for fewer than two.
    error: float | None
    expected: float  # the share to be expected without drift
    learnable: int  # unknown words that occur often enough to be trained
    frequent_unknown: tuple[tuple[str, int], ...]  # the most frequent ones, with their counts
    advice: str  # one line, for people


def vocabulary_drift(
    documents: Iterable[Iterable[str]],
    known: Container[str],
    expected: float = 0.0,
    *,
    min_count: int = 5,
    most_unknown: int = 1_000_000,
) -> Drift:
    """Compare the share of words without a vector in later documents with the expected share.

    The advice is to train again if the share is above the expected one by `RETRAIN` (5 points) or
    more, to consider it from `CONSIDER` (2 points), and in both cases only if that is more than
    twice the standard error: a single document about something else is no drift. From fewer than
    `FEWEST_DOCUMENTS` (30) nothing is concluded.

    Of more than `most_unknown` distinct unknown words the rarer half is dropped; only `learnable`
    and `frequent_unknown` can then be too low.

    `documents` are the tokens of each document added since the training, read once; `expected`
    comes from `expected_share`.
    """
    check("expected", expected, Interval(0, 1))
    least = as_count("min_count", min_count)
    sums = _Sums(most_unknown)
    for tokens in documents:
        sums.add(tokens, known)
    return _drift(sums, expected, least)


def expected_share(counts: ArrayLike, min_count: int) -> float:
    """Return the share of words in new text of the same kind that training leaves without vector.

    It is the estimate of Good ("The Population Frequencies of Species", Biometrika 1953):
    words that occur r times in the training text have the share `(r + 1) n(r + 1) / N` of new text,
    where n(r) words occur r times among N. Summed for r below `min_count`, that is the share in
    the training text of words that occur up to `min_count` times.

    The formula takes words as independent. In documents they come in bursts, so that it is low:
    by 0.8 to 1.8 points for parts of an encyclopedia, which is why `CONSIDER` is not less.

    `counts` are those of all words of the training text, also the rare ones.
    """
    occurrences = np.asarray(counts, np.int64)
    total = int(occurrences.sum())
    return float(occurrences[occurrences <= min_count].sum()) / total if total else 0.0


@dataclass(slots=True)
class _Sums:
    """Sums over documents; `cross` is that of unknown tokens times tokens."""

    most_unknown: int
    documents: int = 0
    tokens: int = 0
    unknown: int = 0
    tokens_squared: int = 0
    unknown_squared: int = 0
    cross: int = 0
    words: Counter[str] = field(default_factory=Counter)

    def add(self, tokens: Iterable[str], known: Container[str]) -> None:
        listed = list(tokens)
        missing = [word for word in listed if word not in known]
        n, u = len(listed), len(missing)
        self.documents += 1
        self.tokens, self.tokens_squared = self.tokens + n, self.tokens_squared + n * n
        self.unknown, self.unknown_squared = self.unknown + u, self.unknown_squared + u * u
        self.cross += u * n
        self.words.update(missing)
        if len(self.words) > self.most_unknown:
            self.words = Counter(dict(self.words.most_common(self.most_unknown // 2)))

    def error(self) -> float | None:
        """Return the standard error of the ratio (Cochran 1977, equation 6.13)."""
        if self.documents < 2 or not self.tokens:
            return None
        ratio = self.unknown / self.tokens
        squares = (
            self.unknown_squared - 2 * ratio * self.cross + ratio * ratio * self.tokens_squared
        )
        correction = self.documents / (self.documents - 1)
        return math.sqrt(max(squares, 0.0) * correction) / self.tokens


def _drift(sums: _Sums, expected: float, min_count: int) -> Drift:
    share = sums.unknown / sums.tokens if sums.tokens else 0.0
    error = sums.error()
    learnable = sum(count >= min_count for count in sums.words.values())
    frequent = sorted(sums.words.items(), key=lambda item: (-item[1], item[0]))[:_NAMED]
    return Drift(
        documents=sums.documents,
        tokens=sums.tokens,
        unknown_tokens=sums.unknown,
        share=share,
        error=error,
        expected=expected,
        learnable=learnable,
        frequent_unknown=tuple(frequent),
        advice=_advice(sums, expected, error, learnable),
    )


def _advice(sums: _Sums, expected: float, error: float | None, learnable: int) -> str:
    if not sums.documents:
        return "no documents were added since the training"
    if sums.documents < FEWEST_DOCUMENTS or error is None:
        return (
            f"too few documents ({sums.documents:,}, with {sums.tokens:,} words) were added "
            "since the training to say whether to train again"
        )
    share = sums.unknown / sums.tokens
    found = (
        f"{share:.1%} of the words in {sums.documents:,} documents added since the training "
        f"have no vector, {expected:.1%} was to be expected"
    )
    excess = share - expected
    if excess < CONSIDER or excess <= _ERRORS * error:
        return f"no need to train again: {found}"
    call = "train again" if excess >= RETRAIN else "training again may be worth it"
    return f"{call}: {found}; {_gain(learnable)}"


def _gain(learnable: int) -> str:
    if not learnable:
        return "but no new word is frequent enough yet to be learned"
    return f"{counted(learnable, 'new word')} would be learned"

"""How often words occur, and which of them are characteristic of some texts among others."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from fnmatch import translate
from math import log, sqrt
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    Masses = NDArray[np.float64]


class WordCount(NamedTuple):
    """A word of the texts, and how often it occurs.

    Attributes:
        word: As it is spelled, in lower case unless the tokenizer keeps case.
        count: How often it occurs.
        df: The document frequency: in how many documents.
    """

    word: str
    count: int  # type: ignore[assignment]  # hides the method of tuples
    df: int


class Keyword(NamedTuple):
    """A word that is characteristic of some texts.

    Attributes:
        word: As it is spelled.
        score: The z-score of the log-odds ratio: how many standard deviations above 0.
        count: How often these texts have it.
        df: How many of these documents have it.
        reference_count: How often the texts have it that these are compared with.
        reference_df: How many of those documents have it.
    """

    word: str
    score: float
    count: int  # type: ignore[assignment]  # hides the method of tuples
    df: int
    reference_count: int
    reference_df: int


@dataclass(slots=True)
class Tally:
    """The words of some documents, counted."""

    counts: Counter[str] = field(default_factory=Counter)
    df: Counter[str] = field(default_factory=Counter)
    # For each word that a document has n > 1 times, the sum of the logarithms of n.
    bursts: dict[str, float] = field(default_factory=dict)
    documents: int = 0

    def add(self, tokens: Sequence[str]) -> None:
        """Count the tokens of one document."""
        counts = Counter(tokens)
        # Lists are counted by compiled code, other counters are not.
        self.counts.update(tokens)
        self.df.update(list(counts))
        self.documents += 1
        for word, count in counts.items():
            if count > 1:
                self.bursts[word] = self.bursts.get(word, 0.0) + log(count)

    def without(self, part: Tally) -> Tally:
        """Return the count of all documents but those of `part`, which are among them."""
        rest = {w: max(b - part.bursts.get(w, 0.0), 0.0) for w, b in self.bursts.items()}
        return Tally(
            self.counts - part.counts, self.df - part.df, rest, self.documents - part.documents
        )

    def masses(self, words: Iterable[str], *, damped: bool) -> Masses:
        """Return how often each word occurs; `damped`, n times in a document are 1 + ln n."""
        if not damped:
            return np.array([self.counts[word] for word in words], np.float64)
        bursts = self.bursts.get
        return np.array([self.df[word] + bursts(word, 0.0) for word in words], np.float64)

    def mass(self, *, damped: bool) -> float:
        """Return the sum of the masses of all words."""
        return self.df.total() + sum(self.bursts.values()) if damped else self.counts.total()


def frequencies(tally: Tally, sort: str, fits: Callable[[str], bool]) -> list[WordCount]:
    """List the words that fit, by one of `WORD_ORDERS`; equal ones by the alphabet."""
    found = [WordCount(w, count, tally.df[w]) for w, count in tally.counts.items() if fits(w)]
    orders: dict[str, Callable[[WordCount], tuple[int, str]]] = {
        "count": lambda each: (-each.count, each.word),
        "df": lambda each: (-each.df, each.word),
        "word": lambda each: (0, each.word),
    }
    return sorted(found, key=orders[sort])


def matcher(pattern: str) -> Callable[[str], bool]:
    """Return what says whether a word is like a pattern, as names of files are.

    `*` is any text, `?` any character, and `[ab]` one of several.
    """
    compiled = re.compile(translate(pattern))
    return lambda word: compiled.match(word) is not None


def keywords(chosen: Tally, reference: Tally, leave_out: Callable[[str], bool]) -> list[Keyword]:
    """List the words that `chosen` has more of than `reference`, the most certain first.

    The score is the z-score of the log-odds ratio with an informative Dirichlet prior: Monroe,
    Colaresi and Quinn, "Fightin' Words" (Political Analysis 2008), equations 16, 18 and 22. The
    prior is the distribution of the words in both together, and weighs as many words as the
    geometric mean of both sizes.

    Words come in bursts, and a single document could decide: one attachment fills a newsgroup
    with `ax`. So, if there are several documents, a word that one has n times counts 1 + ln n.
    """
    damped = chosen.documents > 1
    words = [word for word in chosen.counts if not leave_out(word)]
    ours, theirs = (part.masses(words, damped=damped) for part in (chosen, reference))
    scores = log_odds(
        ours, theirs, chosen.mass(damped=damped), reference.mass(damped=damped)
    ).tolist()
    found = [
        Keyword(w, s, chosen.counts[w], chosen.df[w], reference.counts[w], reference.df[w])
        for w, s in zip(words, scores, strict=True)
        if s > 0
    ]
    return sorted(found, key=lambda each: (-each.score, each.word))


def log_odds(ours: Masses, theirs: Masses, our_total: float, their_total: float) -> Masses:
    """Return the z-scores `(n,)` of words that two collections have so often; see `keywords`."""
    if not (our_total and their_total):
        return np.zeros(len(ours), np.float64)
    weight = sqrt(our_total * their_total)
    prior = weight * (ours + theirs) / (our_total + their_total)
    one, other = ours + prior, theirs + prior
    ratio = np.log(one / (our_total + weight - one)) - np.log(
        other / (their_total + weight - other)
    )
    scores: Masses = ratio / np.sqrt(1 / one + 1 / other)
    return scores

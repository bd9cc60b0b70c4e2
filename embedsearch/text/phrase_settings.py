"""What makes two words a phrase."""

from __future__ import annotations

from dataclasses import dataclass

from embedsearch._errors import ParameterError
from embedsearch.text.settings import check_choice

SCORINGS = ("default", "npmi")
# Few enough that a candidate is one 64-bit number.
MOST_CONNECTORS = 50
MOST_PASSES = 5
# Lists that are known by a name.
CONNECTORS = {
    "english": (
        *("a", "an", "and", "as", "at", "by", "for", "from"),
        *("in", "of", "on", "or", "the", "to", "with"),
    ),
}
_THRESHOLDS = {"default": 200.0, "npmi": 0.6}


@dataclass(frozen=True, slots=True, kw_only=True)
class PhraseSettings:
    """How collocations are found.

    The default score is word2phrase's (Mikolov et al. 2013, "Distributed Representations of
    Words and Phrases and their Compositionality"):
    `(count(ab) - min_count) / (count(a) * count(b)) * total`. gensim multiplies by the number
    of its distinct words and pairs in place of all tokens, so its thresholds are lower.
    The other is normalised pointwise mutual information (Bouma 2009, "Normalized (Pointwise)
    Mutual Information in Collocation Extraction"), from -1 to 1.

    Attributes:
        scoring: "default" or "npmi".
        min_count: Rarer pairs are no phrases; neither are pairs of rarer words.
        threshold: Only pairs with a higher score are phrases; None is 200, or 0.6 for npmi.
        passes: After each, phrases are words: two passes give phrases of up to four.
        connectors: Words that may stand inside a phrase, up to two at a place, but neither
            begin nor end it: with `of` and `the`, `lord of the rings` is scored as a pair.
            `CONNECTORS` has a list.
    """

    scoring: str = "default"
    min_count: int = 10
    threshold: float | None = None
    passes: int = 1
    connectors: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_choice("phrases", self.scoring, SCORINGS)
        _check_whole("phrase_min_count", self.min_count, 1, 2**31 - 1)
        _check_whole("phrase_passes", self.passes, 1, MOST_PASSES)
        most = 1.0 if self.scoring == "npmi" else 1e18
        least = -1.0 if self.scoring == "npmi" else 0.0
        value = self.threshold
        # NaN is in no range.
        if value is not None and not (isinstance(value, int | float) and least <= value <= most):
            raise ParameterError("phrase_threshold", f"a number from {least:g} to {most:g}", value)
        if len(set(self.connectors)) > MOST_CONNECTORS:
            allowed = f"at most {MOST_CONNECTORS} words"
            raise ParameterError("phrase_connectors", allowed, len(set(self.connectors)))

    @property
    def least_score(self) -> float:
        """The threshold in use."""
        return _THRESHOLDS[self.scoring] if self.threshold is None else self.threshold


def _check_whole(name: str, value: object, least: int, most: int) -> None:
    if not (isinstance(value, int) and not isinstance(value, bool) and least <= value <= most):
        raise ParameterError(name, f"a whole number from {least:,} to {most:,}", value)

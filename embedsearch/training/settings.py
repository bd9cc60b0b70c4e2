"""The settings of training: gensim's names and meanings, None where the corpus decides."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from embedsearch._errors import ParameterError

if TYPE_CHECKING:
    from embedsearch._types import IntVector

_WHOLE_NUMBERS: dict[str, tuple[int, int]] = {
    "vector_size": (1, 10_000),
    "window": (1, 1_000),
    "min_count": (1, 10**12),
    "max_final_vocab": (2, 2**31 - 1),
    "epochs": (1, 100_000),
    "sg": (0, 1),
    "hs": (0, 1),
    "negative": (0, 1_000),
    "cbow_mean": (0, 1),
    "workers": (1, 1_024),
    "deterministic": (0, 1),
    "patience": (1, 100_000),
    "seed": (0, 2**32 - 1),
    "min_n": (1, 100),
    "max_n": (1, 100),
    "bucket": (1, 2**31 - 1),
}
# About ten seconds for one thread; the same bytes on every run are worth more than five.
_SECONDS_OF_WORK = 40_000_000
_NUMBERS: dict[str, tuple[float, float]] = {
    "ns_exponent": (-10, 10),
    "sample": (0, 1),
    "alpha": (1e-9, 10),
    "min_alpha": (0, 10),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings:
    """How word vectors are trained. Names and meanings are gensim's, and so are the defaults.

    The exceptions: `sg` is 1, as skip-gram is the better of the two on corpora of the size
    that people have; and what is None is fitted to the corpus: by `fit_to_corpus`, and with
    `trainer="auto"` by `training.auto`.

    Attributes:
        vector_size: Dimensions of a vector.
        window: The largest distance between a word and its context; 5.
        min_count: Rarer words get no vector.
        max_final_vocab: At most so many words, the most frequent; None is no limit.
        epochs: Passes over the corpus.
        sg: 1 is skip-gram, 0 is CBOW.
        hs: 1 is hierarchical softmax (with `negative=0`), gensim's trainers alone.
        negative: Noise words for each word; 5; 0 turns negative sampling off.
        ns_exponent: The power of a word's count with which noise is drawn.
        cbow_mean: 1 averages the context vectors of CBOW, 0 sums them.
        sample: Words more frequent than this share of the corpus are thinned out; 0.001.
        alpha: The learning rate at the start; 0.025.
        min_alpha: The learning rate at the end.
        workers: Threads; with 1 and a seed the result is the same on every run. None takes 1
            for what takes seconds, and all processors for more.
        deterministic: 1 gives the same result on every run with several workers, too.
        patience: Stop when the held-out loss has not fallen for so many epochs; None never does.
        seed: Of the random numbers.
        min_n: Shortest character n-gram of FastText.
        max_n: Longest character n-gram of FastText.
        bucket: Rows that FastText's n-grams are hashed into; None fits the vocabulary.
    """

    vector_size: int | None = None
    window: int | None = None
    min_count: int | None = None
    max_final_vocab: int | None = None
    epochs: int | None = None
    sg: int = 1
    hs: int = 0
    negative: int | None = None
    ns_exponent: float = 0.75
    cbow_mean: int = 1
    sample: float | None = None
    alpha: float | None = None
    min_alpha: float = 0.0001
    workers: int | None = None
    deterministic: int = 0
    patience: int | None = None
    seed: int = 1
    min_n: int = 3
    max_n: int = 6
    bucket: int | None = None

    def __post_init__(self) -> None:
        for name, (low, high) in _WHOLE_NUMBERS.items():
            value = getattr(self, name)
            if value is not None and not (isinstance(value, int) and low <= value <= high):
                raise ParameterError(name, f"a whole number from {low:,} to {high:,}", value)
        for name, (least, most) in _NUMBERS.items():
            value = getattr(self, name)
            # NaN is in no range.
            if value is not None and not (
                isinstance(value, int | float) and least <= value <= most
            ):
                raise ParameterError(name, f"a number from {least:g} to {most:g}", value)
        if self.alpha is not None and self.min_alpha > self.alpha:
            raise ParameterError("min_alpha", f"at most alpha ({self.alpha})", self.min_alpha)
        if self.min_n > self.max_n:
            raise ParameterError("min_n", f"at most max_n ({self.max_n})", self.min_n)
        if bool(self.hs) == bool(self.negative is None or self.negative):
            message = "above 0 without hs, or 0 together with hs=1"
            raise ParameterError("negative", message, self.negative)

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a manifest."""
        return asdict(self)


def training_settings(**parameters: Any) -> TrainingSettings:
    """Make settings of keyword parameters.

    Raises:
        ParameterError: A name is not known, or a value is out of its range.
    """
    known = [field.name for field in fields(TrainingSettings)]
    for name, value in parameters.items():
        if name not in known:
            raise ParameterError("a training parameter", f"one of {', '.join(known)}", name)
        if isinstance(value, bool):
            parameters[name] = int(value)
    if parameters.get("hs") and parameters.get("negative") is None:
        parameters["negative"] = 0
    return TrainingSettings(**{k: v for k, v in parameters.items() if v is not None})


def fit_to_corpus(
    settings: TrainingSettings, counts: IntVector
) -> tuple[TrainingSettings, tuple[str, ...]]:
    """Fill in what was left open, from the occurrences of all distinct tokens.

    Small corpora need many epochs: 453,000 tokens of Wikipedia gave a Spearman correlation of
    0.18 with WordSim-353 after 5 epochs and 0.53 after 60. The epochs fall with the square
    root of the corpus, from 100 below 160,000 tokens to gensim's 5 above 60 million.

    Returns:
        Complete settings, and the names of those that were fitted to the corpus here.
    """
    tokens = int(counts.sum())
    fitted: dict[str, Any] = {
        "vector_size": 50 if tokens < 50_000 else 100,
        "min_count": 2 if tokens < 300_000 else 3 if tokens < 2_000_000 else 5,
        "epochs": int(min(100, max(5, round(40 / (max(tokens, 1) / 1e6) ** 0.5)))),
        "bucket": bucket_for(counts),
    }
    chosen = {name: value for name, value in fitted.items() if getattr(settings, name) is None}
    usual: dict[str, Any] = {"window": 5, "negative": 5, "sample": 1e-3, "alpha": 0.025}
    others = {name: value for name, value in usual.items() if getattr(settings, name) is None}
    complete = replace(settings, **chosen, **others)
    if complete.workers is None:
        words = tokens * (complete.epochs or 1)
        complete = replace(complete, workers=1 if words < _SECONDS_OF_WORK else default_workers())
    return complete, tuple(chosen)


_FEW_WORDS = 2_000
LITTLE_TEXT = 5_000_000
"""Tokens below which training begins from counts."""


def choose(counts: IntVector) -> dict[str, Any]:
    """Return the settings of `trainer="auto"` for a corpus, from the occurrences of its tokens.

    Below `LITTLE_TEXT`: wide windows, ten passes of fine-tuning at a gentle rate. Above: as
    word2vec, but frequent words thinned out tenfold and twice the rate, which beat gensim's
    defaults on analogies and similarities alike, in less time. Where there are few words, each
    of them is frequent and stands beside all others: then no word is thinned out that is rarer
    than the mean, and windows stay narrow.
    """
    tokens = int(counts.sum())
    little = tokens < LITTLE_TEXT
    min_count = 2 if tokens < 1_000_000 else 3 if little else 5
    words = max(int((counts >= min_count).sum()), 1)
    return {
        "vector_size": 100,
        "min_count": min_count,
        "window": 10 if little and words >= _FEW_WORDS else 5,
        "epochs": 10 if little else 5,
        "alpha": 0.025 if little else 0.05,
        "sample": max(1e-4, 1 / words),
        "negative": 5,
    }


def fit_auto(
    settings: TrainingSettings, counts: IntVector
) -> tuple[TrainingSettings, tuple[str, ...]]:
    """Fill in what was left open; return the settings and the names of what was chosen."""
    chosen = {n: v for n, v in choose(counts).items() if getattr(settings, n) is None}
    return replace(settings, **chosen), tuple(chosen)


def default_workers() -> int:
    """Return the processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def bucket_for(counts: IntVector) -> int:
    """Return rows for about one n-gram each: a word has some 20, many of them shared."""
    words = int((counts >= 2).sum())
    return min(2_000_000, max(20_000, 10 * words))

"""The settings of training: gensim's names and meanings, None if the corpus decides."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from embedsearch._checks import (
    Choice,
    Constraint,
    Interval,
    Optional,
    as_number,
    check,
    check_fields,
)
from embedsearch._errors import ParameterError
from embedsearch._processes import count_cores

if TYPE_CHECKING:
    from embedsearch._types import IntVector

# As in gensim, 0 or 1.
_FLAG = Interval(0, 1, whole=True)
_CONSTRAINTS: dict[str, Constraint] = {
    "vector_size": Optional(Interval(1, 10_000, whole=True)),
    "window": Optional(Interval(1, 1_000, whole=True)),
    "min_count": Optional(Interval(1, 10**12, whole=True)),
    "max_final_vocab": Optional(Interval(2, 2**31 - 1, whole=True)),
    "epochs": Optional(Interval(1, 100_000, whole=True)),
    "sg": _FLAG,
    "hs": _FLAG,
    "negative": Optional(Interval(0, 1_000, whole=True)),
    "ns_exponent": Interval(-10, 10),
    "cbow_mean": _FLAG,
    "sample": Optional(Interval(0, 1)),
    "alpha": Optional(Interval(1e-9, 10)),
    "min_alpha": Interval(0, 10),
    "workers": Optional(Interval(1, 1_024, whole=True)),
    "deterministic": _FLAG,
    "patience": Optional(Interval(1, 100_000, whole=True)),
    "seed": Interval(0, 2**32 - 1, whole=True),
    "min_n": Interval(1, 100, whole=True),
    "max_n": Interval(1, 100, whole=True),
    "bucket": Optional(Interval(1, 2**31 - 1, whole=True)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings:
    """How word vectors are trained. Names and meanings are gensim's, and so are the defaults.

    The exceptions: `sg` is 1, as skip-gram is the better of the two on corpora of the size
    that people have; and what is None is fitted to the corpus: by `fit_to_corpus`, and with
    `trainer="auto"` by `fit_auto`.

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
        alpha: The learning rate at the start; 0.025. It falls linearly; CBOW that begins from
            random vectors holds it for the first half of the training.
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
        check_fields(self, _CONSTRAINTS)
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


_NAMES = tuple(field.name for field in fields(TrainingSettings))


def training_settings(**parameters: Any) -> TrainingSettings:
    """Make settings of keyword parameters; a bool stands for 0 or 1, None for the default."""
    for name in parameters:
        check("a training parameter", name, Choice(_NAMES))
    given = {name: _plain(value) for name, value in parameters.items() if value is not None}
    if given.get("hs"):
        given.setdefault("negative", 0)
    return TrainingSettings(**given)


def _plain(value: Any) -> Any:
    """Return numbers of numpy as Python's, which a manifest can hold."""
    if isinstance(value, bool):
        return int(value)
    number = as_number(value)
    return value if number is None else number


# With fewer words, those that occur once get vectors, too: there is nothing else to ask for.
_FEWEST_WORDS = 100


def _min_count(counts: IntVector, usual: int) -> int:
    return usual if int((counts >= usual).sum()) >= _FEWEST_WORDS else 1


# About ten seconds for one thread; the same bytes on every run are worth more than five.
_WORDS_FOR_ONE_WORKER = 40_000_000


def fit_to_corpus(
    settings: TrainingSettings, counts: IntVector
) -> tuple[TrainingSettings, tuple[str, ...]]:
    """Fill in what was left open, from the counts of all distinct tokens; return its names, too.

    Small corpora need many epochs: 453,000 tokens of Wikipedia gave a Spearman correlation of
    0.18 with WordSim-353 after 5 epochs and 0.53 after 60. The epochs fall with the square
    root of the corpus, from 100 below 160,000 tokens to gensim's 5 above 60 million.
    """
    tokens = int(counts.sum())
    settings, chosen = _fill(
        settings,
        vector_size=50 if tokens < 50_000 else 100,
        min_count=_min_count(counts, 2 if tokens < 300_000 else 3 if tokens < 2_000_000 else 5),
        epochs=int(min(100, max(5, round(40 / (max(tokens, 1) / 1e6) ** 0.5)))),
        bucket=_bucket_for(counts),
    )
    settings, _ = _fill(settings, window=5, negative=5, sample=1e-3, alpha=0.025)
    few = tokens * (settings.epochs or 1) < _WORDS_FOR_ONE_WORKER
    settings, _ = _fill(settings, workers=1 if few else count_cores())
    return settings, chosen


# Fewer words in wide windows: nearly every word would be in the context of every other.
_FEW_WORDS = 2_000
LITTLE_TEXT = 5_000_000
"""Tokens below which training starts from counts."""


def fit_auto(
    settings: TrainingSettings, counts: IntVector
) -> tuple[TrainingSettings, tuple[str, ...]]:
    """Fill in what `trainer="auto"` chooses for a corpus; return the names of that, too.

    Below `LITTLE_TEXT`: wide windows, ten passes of fine-tuning at a gentle rate. Above: as
    word2vec, but frequent words thinned out tenfold and twice the rate, which beat gensim's
    defaults on analogies and similarities alike, in less time. Few words are each frequent, and
    near all others: no word rarer than the mean is thinned out, and windows stay narrow.
    """
    tokens = int(counts.sum())
    little = tokens < LITTLE_TEXT
    min_count = _min_count(counts, 2 if tokens < 1_000_000 else 3 if little else 5)
    words = max(int((counts >= min_count).sum()), 1)
    return _fill(
        settings,
        vector_size=100,
        min_count=min_count,
        window=10 if little and words >= _FEW_WORDS else 5,
        epochs=10 if little else 5,
        alpha=0.025 if little else 0.05,
        sample=max(1e-4, 1 / words),
        negative=5,
    )


def _fill(settings: TrainingSettings, **values: Any) -> tuple[TrainingSettings, tuple[str, ...]]:
    """Set what is None; return the names of it, too."""
    chosen = {name: value for name, value in values.items() if getattr(settings, name) is None}
    return replace(settings, **chosen), tuple(chosen)


def _bucket_for(counts: IntVector) -> int:
    """Return rows for about one n-gram each: a word has some 20, many of them shared."""
    words = int((counts >= 2).sum())
    return min(2_000_000, max(20_000, 10 * words))

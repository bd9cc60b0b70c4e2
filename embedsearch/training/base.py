"""The protocol of a trainer, and what goes in and comes out of every training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from embedsearch._errors import CorpusTooSmallError, ParameterError
from embedsearch._messages import counted
from embedsearch.text.stream import Vocabulary

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from embedsearch._progress import Progress
    from embedsearch._types import FloatMatrix, IntVector
    from embedsearch.text.stream import TokenStream
    from embedsearch.training.settings import TrainingSettings
    from embedsearch.vectors.word_vectors import WordVectors


@dataclass(frozen=True, slots=True, eq=False)
class TrainedModel:
    """Word vectors, and what is needed to continue their training.

    Attributes:
        vectors: What queries use.
        context: (V, d) the output side of the network, or None if there is none.
        inputs: (V, d) the input side, if it is not `vectors.vectors` itself; the words' own
            rows, if vectors are composed with n-grams.
    """

    vectors: WordVectors
    context: FloatMatrix | None = None
    inputs: FloatMatrix | None = None

    @property
    def start(self) -> FloatMatrix:
        """(V, d) the vectors that a further training begins from."""
        if self.inputs is None or self.vectors.subwords is not None:
            # Without their n-grams, own rows are only a part of what was learnt.
            return self.vectors.vectors
        return self.inputs


@dataclass(frozen=True, slots=True, eq=False)
class EpochReport:
    """The state of a training after an epoch; given to callbacks.

    Attributes:
        epoch: Epochs done.
        epochs: Epochs planned.
        loss: Mean negative-sampling loss of a word and its context on text that is held
            out of training, in nats; None if the corpus is too small to hold any out.
        words_per_second: Tokens a second of wall time, since the start.
        index_to_key: The words.
        vectors: (V, d) their vectors as they are now; copy what you keep.
    """

    epoch: int
    epochs: int
    loss: float | None
    words_per_second: float
    index_to_key: Sequence[str]
    vectors: FloatMatrix


Callback = Callable[[EpochReport], object]
"""Called after every epoch; training stops if it returns True."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """What a training may start from, and what it calls."""

    callbacks: Sequence[Callback] = ()
    # A model to continue from; words that it does not have start at random.
    start: TrainedModel | None = None
    # The file that an interrupted training continues from, and how often it is written at most.
    checkpoint: Path | None = None
    seconds: float = 60.0
    # What else must be the same for a checkpoint to fit; stored in it as JSON.
    facts: dict[str, Any] = field(default_factory=dict)


class Trainer(Protocol):
    """Turns tokens into word vectors. Settings go to the constructor, the corpus to `fit`."""

    losses: list[float]  # the held-out loss after each epoch, if one was measured

    def __init__(self, settings: TrainingSettings) -> None: ...

    def fit(self, corpus: Corpus, progress: Progress, hooks: Hooks) -> TrainedModel:
        """Train on the corpus; the rows of the result are those of its vocabulary."""


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """What was trained, with what, and how fast.

    Attributes:
        trainer: The name of the trainer.
        parameters: All settings, those chosen for the corpus included.
        documents: Documents read.
        tokens: Tokens in them.
        vocabulary: Words that got a vector.
        seconds: Wall time of training alone.
        cpu_seconds: Processor time of the same.
        choices: One line: which settings were chosen for this corpus, and why.
        losses: The held-out loss after each epoch; see `EpochReport.loss`.
    """

    trainer: str
    parameters: dict[str, Any]
    documents: int
    tokens: int
    vocabulary: int
    seconds: float
    cpu_seconds: float
    choices: str
    losses: tuple[float, ...] = ()

    @property
    def words_per_second(self) -> float:
        """Tokens read by all epochs together, for each second of wall time."""
        return self.tokens * int(self.parameters["epochs"]) / max(self.seconds, 1e-9)

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {**asdict(self), "losses": list(self.losses)}


@dataclass(frozen=True, slots=True, eq=False)
class Corpus:
    """What a trainer reads: the stream, and the words of it that get a vector."""

    stream: TokenStream
    vocabulary: Vocabulary
    rows: IntVector  # (types,) the row of each distinct token in the vocabulary, or -1
    folder: Path  # for temporary files of the trainer


@dataclass(frozen=True, slots=True, eq=False)
class EncodedCorpus:
    """Words of the vocabulary, in order; other tokens are gone."""

    ids: NDArray[np.int32]  # (n,) int32 rows of the vocabulary, mapped from disk
    offsets: IntVector  # (documents + 1,) int64, where each document begins; the last is n
    counts: IntVector  # (V,) int64 occurrences


def encode(corpus: Corpus) -> EncodedCorpus:
    """Write the rows of all known words into the corpus's folder, and map them."""
    path = corpus.folder / "rows.i32"
    rows = corpus.rows.astype(np.int32)
    lengths = [np.zeros(1, np.int64)]
    with path.open("wb") as file:
        for _, tokens, bounds in corpus.stream.blocks():
            block = rows[tokens]
            known = block >= 0
            file.write(block[known].tobytes())
            ends = np.concatenate(([0], np.cumsum(known)))[bounds]
            lengths.append(np.diff(ends))
    offsets = np.cumsum(np.concatenate(lengths))
    # An empty file cannot be mapped.
    ids = np.memmap(path, dtype=np.int32, mode="r") if offsets[-1] else np.empty(0, np.int32)
    return EncodedCorpus(ids, offsets, corpus.vocabulary.counts)


def extend_vocabulary(
    vectors: WordVectors, types: Sequence[str], counts: IntVector, min_count: int
) -> tuple[Vocabulary, IntVector]:
    """Add the words of more text, at least `min_count` times in it, to a vocabulary.

    Returns it with the counts of old and new text together, and for each type its row, or -1.
    """
    old = vectors.key_to_index
    new = [t for t, count in zip(types, counts, strict=True) if count >= min_count and t not in old]
    words = [*vectors.index_to_key, *new]
    totals = np.zeros(len(words), np.int64)
    if vectors.counts is not None:
        totals[: len(old)] = vectors.counts
    place = {word: row for row, word in enumerate(words)}
    where = np.fromiter((place.get(t, -1) for t in types), np.int64, len(types))
    if not (where >= 0).any():
        raise CorpusTooSmallError("the new text has no known word, and no new one often enough")
    np.add.at(totals, where[where >= 0], counts[where >= 0])
    order = np.argsort(-totals, kind="stable")
    # One row more than words, for the types whose place is -1.
    rows = np.full(len(words) + 1, -1)
    rows[order] = np.arange(len(words))
    return Vocabulary([words[i] for i in order], totals[order]), rows[where]


def start_from(
    model: TrainedModel, words: Sequence[str], x: FloatMatrix, y: FloatMatrix, progress: Progress
) -> None:
    """Copy the rows of the words that the model knows into both sides of a network."""
    size = model.start.shape[1]
    if size != x.shape[1]:
        raise ParameterError("vector_size", f"{size}, as in the model to continue from", x.shape[1])
    known = model.vectors.key_to_index
    rows = np.fromiter((known.get(word, -1) for word in words), np.int64, len(words))
    here = np.flatnonzero(rows >= 0)
    x[here] = model.start[rows[here]]
    if model.context is not None:
        y[here] = model.context[rows[here]]
    progress.note(f"continuing from {counted(len(here), 'word')}, {len(words) - len(here):,} new")

"""The protocol of a trainer, and what goes in and comes out of every training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from embedsearch._progress import Progress
    from embedsearch._types import FloatMatrix
    from embedsearch.training.corpus import Corpus
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

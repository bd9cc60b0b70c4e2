"""The protocol of a trainer, and what every training reports."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from embedsearch._progress import Progress
    from embedsearch.text.stream import TokenStream
    from embedsearch.text.vocabulary import Vocabulary
    from embedsearch.training.settings import TrainingSettings
    from embedsearch.vectors.word_vectors import WordVectors


@dataclass(frozen=True, slots=True)
class Corpus:
    """What a trainer reads: the stream, and the words of it that get a vector.

    Attributes:
        stream: The tokens of all documents.
        vocabulary: The words that are trained.
        rows: For each distinct token of the stream its row in the vocabulary, or -1.
    """

    stream: TokenStream
    vocabulary: Vocabulary
    rows: Any


class Trainer(Protocol):
    """Turns tokens into word vectors. Settings go to the constructor, the corpus to `fit`."""

    def __init__(self, settings: TrainingSettings) -> None: ...

    def fit(self, corpus: Corpus, progress: Progress) -> WordVectors:
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
    """

    trainer: str
    parameters: dict[str, Any]
    documents: int
    tokens: int
    vocabulary: int
    seconds: float
    cpu_seconds: float
    choices: str

    @property
    def words_per_second(self) -> float:
        """Tokens read by all epochs together, for each second of wall time."""
        return self.tokens * int(self.parameters["epochs"]) / max(self.seconds, 1e-9)

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

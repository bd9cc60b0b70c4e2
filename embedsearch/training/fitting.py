"""From a token stream to word vectors: settings completed, vocabulary chosen, trainer run."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from embedsearch._errors import ParameterError
from embedsearch.text.vocabulary import select
from embedsearch.training.base import Corpus, TrainingReport
from embedsearch.training.settings import fit_to_corpus

if TYPE_CHECKING:
    from collections.abc import Callable

    from embedsearch._progress import Progress
    from embedsearch.text.stream import TokenStream
    from embedsearch.training.base import Trainer
    from embedsearch.training.settings import TrainingSettings
    from embedsearch.vectors.word_vectors import WordVectors


def _word2vec(settings: TrainingSettings) -> Trainer:
    from embedsearch.training.gensim import GensimWord2Vec

    return GensimWord2Vec(settings)


def _fasttext(settings: TrainingSettings) -> Trainer:
    from embedsearch.training.gensim import GensimFastText

    return GensimFastText(settings)


_FACTORIES: dict[str, Callable[[TrainingSettings], Trainer]] = {
    "gensim": _word2vec,
    "gensim-fasttext": _fasttext,
}
TRAINERS = ("auto", *_FACTORIES)


def resolve_trainer(name: str) -> str:
    """Return the trainer that `name` stands for; "auto" is gensim's word2vec.

    Raises:
        ParameterError: There is no such trainer.
    """
    if name not in TRAINERS:
        raise ParameterError("trainer", f"one of {', '.join(TRAINERS)}", name)
    return "gensim" if name == "auto" else name


def train_word_vectors(
    stream: TokenStream, trainer: str, settings: TrainingSettings, progress: Progress
) -> tuple[WordVectors, TrainingReport]:
    """Train word vectors on a stream.

    Raises:
        CorpusTooSmallError: Fewer than two words are frequent enough.
        ParameterError: There is no such trainer.
    """
    name = resolve_trainer(trainer)
    settings, chosen = fit_to_corpus(settings, stream.counts)
    vocabulary, rows = select(
        stream.types, stream.counts, settings.min_count or 1, settings.max_final_vocab
    )
    choices = _explain(name, settings, chosen, stream.total, len(vocabulary))
    progress.note(choices)
    wall, cpu = time.perf_counter(), time.process_time()
    vectors = _FACTORIES[name](settings).fit(Corpus(stream, vocabulary, rows), progress)
    report = TrainingReport(
        trainer=name,
        parameters=settings.to_json(),
        documents=len(stream),
        tokens=stream.total,
        vocabulary=len(vocabulary),
        seconds=time.perf_counter() - wall,
        cpu_seconds=time.process_time() - cpu,
        choices=choices,
    )
    return vectors, report


def _explain(
    name: str, settings: TrainingSettings, chosen: tuple[str, ...], tokens: int, words: int
) -> str:
    kind = "fastText" if name.endswith("fasttext") else "word2vec"
    architecture = "skip-gram" if settings.sg else "CBOW"
    sentence = f"training {kind} ({architecture}) on {tokens:,} tokens, {words:,} words"
    shown = [n for n in ("vector_size", "min_count", "epochs") if n in chosen]
    if not shown:
        return sentence
    values = ", ".join(f"{n}={getattr(settings, n)}" for n in shown)
    return f"{sentence}; chosen for a corpus of this size: {values}"

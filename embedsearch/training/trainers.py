"""From a token stream, or from texts, to word vectors: the trainers by name."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from embedsearch._checks import Choice, check
from embedsearch._processes import count_cores
from embedsearch.text.languages import settle_elision
from embedsearch.text.lexicon import Lexicon, learn_lexicon
from embedsearch.text.phrases import PhraseTable, with_phrases
from embedsearch.text.stream import select
from embedsearch.text.stream_writer import write_stream, write_texts
from embedsearch.text.tokenizers import TextProcessor
from embedsearch.training.base import (
    Corpus,
    Hooks,
    TrainedModel,
    TrainingReport,
    extend_vocabulary,
)
from embedsearch.training.settings import (
    LITTLE_TEXT,
    fit_auto,
    fit_to_corpus,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from embedsearch._progress import Progress
    from embedsearch.text.settings import TokenizerSettings
    from embedsearch.text.stream import TokenStream
    from embedsearch.training.base import Trainer
    from embedsearch.training.settings import TrainingSettings


# Characters that tell the language and the words of texts that are read only once.
_HEAD = 1 << 24
TRAINERS = ("auto", "word2vec", "fasttext", "ppmi", "gensim", "gensim-fasttext")


def _trainer(name: str, settings: TrainingSettings) -> Trainer:
    # Imported by name, so that none pays for gensim or kernels that it does not use.
    if name.startswith("gensim"):
        from embedsearch.training.gensim import GensimTrainer

        return GensimTrainer(settings, ngrams=name == "gensim-fasttext")
    if name == "ppmi":
        from embedsearch.training.ppmi import Ppmi

        return Ppmi(settings)
    from embedsearch.training.word2vec import Auto, FastText, Word2Vec

    if name == "fasttext":
        return FastText(settings)
    return Auto(settings) if name == "auto" else Word2Vec(settings)


def check_trainer(name: str) -> None:
    """Raise `ParameterError` unless there is a trainer of this name."""
    check("trainer", name, Choice(TRAINERS))


def train_word_vectors(
    stream: TokenStream,
    trainer: str,
    settings: TrainingSettings,
    progress: Progress,
    *,
    folder: Path,
    hooks: Hooks | None = None,
) -> tuple[TrainedModel, TrainingReport]:
    """Train word vectors on a stream; `folder` is for temporary files."""
    check_trainer(trainer)
    hooks = hooks or Hooks()
    settings, chosen = _complete(trainer, settings, stream)
    fitted = _trainer(trainer, settings)
    corpus = _corpus(stream, settings, folder, hooks)
    words = len(corpus.vocabulary)
    kind = _kind(trainer, settings, from_counts=hooks.start is None and stream.total < LITTLE_TEXT)
    choices = f"training {kind} on {stream.total:,} tokens, {words:,} words"
    choices += _shown(trainer, settings, chosen)
    if "min_count" in chosen and settings.min_count == 1:
        choices += "; as there is so little text, words that occur once get a vector, too"
    progress.note(choices)
    wall, cpu = time.perf_counter(), time.process_time()
    model = fitted.fit(corpus, progress, hooks)
    report = TrainingReport(
        trainer=trainer,
        parameters=settings.to_json(),
        documents=len(stream),
        tokens=stream.total,
        vocabulary=words,
        seconds=time.perf_counter() - wall,
        cpu_seconds=time.process_time() - cpu,
        choices=choices,
        losses=tuple(fitted.losses),
    )
    return model, report


def _complete(
    name: str, settings: TrainingSettings, stream: TokenStream
) -> tuple[TrainingSettings, tuple[str, ...]]:
    """Fill in what was left open; return the names of what the size of the corpus decided."""
    chosen: tuple[str, ...] = ()
    if name.startswith("gensim") and settings.workers is None:
        # It takes minutes for what our own take seconds.
        settings = replace(settings, workers=count_cores())
    if name == "auto":
        settings, chosen = fit_auto(settings, stream.counts)
    settings, others = fit_to_corpus(settings, stream.counts)
    return settings, (*chosen, *others)


def _corpus(stream: TokenStream, settings: TrainingSettings, folder: Path, hooks: Hooks) -> Corpus:
    types, counts, least = stream.types, stream.counts, settings.min_count or 1
    if hooks.start is None:
        vocabulary, rows = select(types, counts, least, settings.max_final_vocab)
    else:
        vocabulary, rows = extend_vocabulary(hooks.start.vectors, types, counts, least)
    return Corpus(stream, vocabulary, rows, folder)


def _kind(name: str, settings: TrainingSettings, *, from_counts: bool) -> str:
    if name == "ppmi":
        return "PPMI with SVD"
    kind = "fastText" if name.endswith("fasttext") else "word2vec"
    kind += " (skip-gram)" if settings.sg else " (CBOW)"
    if name == "auto" and from_counts:
        kind += " from PPMI vectors, as text is scarce,"
    return kind


def _shown(name: str, settings: TrainingSettings, chosen: tuple[str, ...]) -> str:
    names = ["vector_size", "min_count", "window", "epochs", "alpha", "sample"]
    if name == "ppmi":
        names.remove("epochs")
    values = [f"{name}={getattr(settings, name):g}" for name in names if name in chosen]
    return f"; chosen for a corpus of this size: {', '.join(values)}" if values else ""


def learn_texts(
    texts: Iterable[Any],
    trainer: str,
    tokenizer: TokenizerSettings,
    settings: TrainingSettings,
    progress: Progress,
    hooks: Hooks | None = None,
    *,
    are_tokens: bool = False,
) -> tuple[TrainedModel, TextProcessor]:
    """Train word vectors on texts, or lists of tokens; also return what cuts text as these were."""
    rest = iter(texts)
    head = [] if are_tokens else _head(rest)
    tokenizer = settle_elision(tokenizer, head)
    phrases = PhraseTable((), learn_lexicon(head) if tokenizer.finds_words else Lexicon())
    with TemporaryDirectory(prefix="embedsearch-") as name:
        folder, processor = Path(name), TextProcessor(tokenizer, phrases)
        if are_tokens:
            stream = write_stream(folder, enumerate(rest))
        else:
            stream = write_texts(folder, enumerate(chain(head, rest)), processor, progress)
        if tokenizer.phrase_settings is not None:
            stream, found = with_phrases(stream, tokenizer.phrase_settings, folder, progress)
            phrases = PhraseTable(found.passes, phrases.lexicon)
        model, _ = train_word_vectors(
            stream, trainer, settings, progress, folder=folder, hooks=hooks
        )
    return model, TextProcessor(tokenizer, phrases)


def _head(texts: Iterator[str]) -> list[str]:
    """Take texts of some million characters, as texts can be read only once."""
    head, size = list[str](), 0
    for text in texts:
        head.append(text)
        size += len(text)
        if size >= _HEAD:
            break
    return head

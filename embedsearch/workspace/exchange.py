"""Word vectors from elsewhere, and vectors for other programs."""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedsearch._checks import Choice, check
from embedsearch._errors import ParameterError, VectorError
from embedsearch._io import storage_errors
from embedsearch._progress import Progress, SilentProgress, listener_of
from embedsearch.index.settings import IndexSettings, index_options
from embedsearch.search.options import KINDS, SearchSettings
from embedsearch.text.phrases import PhraseTable
from embedsearch.text.settings import TokenizerSettings, apply_options
from embedsearch.training.base import TrainedModel, TrainingReport
from embedsearch.vectors.formats.base import LoadOptions
from embedsearch.vectors.word_vectors import WordVectors
from embedsearch.workspace.fitted_search import FitSettings, fit_search
from embedsearch.workspace.generation import IMPORTED
from embedsearch.workspace.layout import check_outside
from embedsearch.workspace.publishing import temporary_folder, temporary_work, undone_on_failure
from embedsearch.workspace.train import (
    GenerationContent,
    TokenizedDocuments,
    trained_model,
    unknown_share,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from embedsearch.workspace.session import Session

# What separates fields and lines of `vocabulary.tsv`.
_SEPARATORS = frozenset("\t\n\r")
# A vocabulary of names in lower-case text has a few capitals; one that was never folded has many.
_LOOKED_AT, _CASED = 20_000, 0.02


def import_word_vectors(
    session: Session,
    source: object,
    tokenizer: TokenizerSettings | str | None,
    progress: Progress,
    *,
    format: str = "auto",
    **options: Any,
) -> None:
    """Take word vectors from elsewhere as the current ones; see `Workspace.import_vectors`."""
    current, layout = session.generation, session.layout
    index = IndexSettings() if current is None else current.index_settings
    index, options = index_options(options, index)
    reading, cutting = _split_options(tokenizer, options)
    with temporary_work(layout):
        folder = temporary_folder(layout, "reading")
        model, name = _import_from(source, format, reading, folder, progress)
    fitting = TokenizerSettings(lowercase=not _has_case(model.vectors.index_to_key))
    if not fitting.lowercase and "lowercase" not in cutting:
        progress.note("the vocabulary has capital letters, so case is kept in documents too")
    settings, _ = apply_options(tokenizer or fitting, cutting, fitting)
    search = SearchSettings() if current is None else current.search_settings
    fit = FitSettings.load(settings, search, learned=False)
    # Not kept by a name: what it holds is opened again from the disk.
    number = _import_content(session, model, name, fit, progress).publish(layout, index, progress)
    session.commit(replace(session.state, tokenizer=settings, generation=number), progress)


def export_vectors(
    session: Session,
    path: str | Path,
    what: str = "words",
    *,
    format: str = "auto",
    overwrite: bool = False,
    progress: Progress | None = None,
) -> int:
    """Write the vectors of words or documents and return how many; see `Workspace.export`."""
    from embedsearch.vectors.formats.files import save_vectors

    check("what", what, Choice(KINDS))
    check_outside(path, "path")
    if what == "documents":
        ids = list(session.store.ids())
        model = TrainedModel(WordVectors(session.search().matrix(), ids, check=False))
    else:
        model = trained_model(session.trained())
    save_vectors(
        model.vectors,
        path,
        format,
        inputs=None if model.vectors.subwords is None else model.inputs,
        overwrite=overwrite,
        progress=listener_of(progress),
    )
    return len(model.vectors)


def _split_options(
    tokenizer: TokenizerSettings | str | None, options: dict[str, Any]
) -> tuple[LoadOptions, dict[str, Any]]:
    """Tell options of reading vectors from those of cutting text, before anything is read."""
    names = {field.name for field in fields(LoadOptions)}
    reading = LoadOptions(**{name: value for name, value in options.items() if name in names})
    cutting = {name: value for name, value in options.items() if name not in names}
    settings, unknown = apply_options(tokenizer or "unicode", cutting, TokenizerSettings())
    if unknown:
        raise ParameterError("options", "those of LoadOptions and TokenizerSettings", unknown)
    if settings.phrases is not None:
        raise ParameterError("phrases", "left out: they are found by a training", settings.phrases)
    return reading, cutting


def _import_from(
    source: object, format: str, options: LoadOptions, folder: Path, progress: Progress
) -> tuple[TrainedModel, str]:
    """Take vectors from memory, or stream them from a file into a folder, and map them.

    Also returns where they are from.
    """
    if isinstance(source, TrainedModel):
        model, name = source, "memory"
    elif isinstance(source, WordVectors):
        model, name = TrainedModel(source), "memory"
    elif isinstance(source, str | Path):
        from embedsearch.vectors.formats.files import read_into

        read = read_into(folder, Path(source), format, options, progress)
        rest = read.rest
        vectors = WordVectors(read.vectors, read.words, rest.counts, rest.subwords, check=False)
        model = TrainedModel(vectors, inputs=rest.inputs)
        name = f"{Path(source).name} ({read.format})"
    else:
        allowed = "a file, WordVectors or a TrainedModel (es.from_gensim makes one)"
        raise ParameterError("source", allowed, type(source))
    _check_words(model.vectors)
    return model, name


def _check_words(vectors: WordVectors) -> None:
    if len(vectors) < 2:
        raise VectorError(f"a workspace needs two words or more, got {len(vectors)}")
    for row, word in enumerate(vectors.index_to_key):
        if not word or not _SEPARATORS.isdisjoint(word):
            raise VectorError(
                f"the word {word!r} (row {row}) is empty or has a tab or line break, "
                "which a workspace cannot keep; leave it out"
            )


def _has_case(words: Iterable[str]) -> bool:
    """Whether more than a few of the first words have capital letters."""
    letters = [word for word in islice(words, _LOOKED_AT) if word.lower() != word.upper()]
    cased = sum(word != word.lower() for word in letters)
    return cased > _CASED * len(letters)


def _import_content(
    session: Session, model: TrainedModel, name: str, fit: FitSettings, progress: Progress
) -> GenerationContent:
    """Encode the documents by word vectors that were trained elsewhere."""
    layout, store, vectors = session.layout, session.store, model.vectors
    # A bar for no documents would only flicker.
    listener = progress if len(store) else SilentProgress()
    # The temporary folder stays: vectors that came from a file are mapped from there.
    with storage_errors(layout.root), undone_on_failure(layout):
        documents = TokenizedDocuments(layout, store, fit.tokenizer, PhraseTable(), listener)
        stream = documents.since(0)
        search = fit_search(stream, store, vectors, fit, listener)
    facts = {
        "trained_change": store.change,
        "tokenizer": fit.tokenizer.to_json(),
        "training": _report(vectors, name, len(stream)).to_json(),
        "expected_share": unknown_share(stream, vectors),
    }
    return GenerationContent(model, PhraseTable(), search, facts)


def _report(vectors: WordVectors, name: str, documents: int) -> TrainingReport:
    """Return what the manifest has in place of the report of a training."""
    parameters: dict[str, Any] = {"vector_size": vectors.vector_size, "epochs": 0}
    if (subwords := vectors.subwords) is not None:
        parameters["min_n"], parameters["max_n"] = subwords.min_n, subwords.max_n
        parameters["bucket"] = subwords.bucket
    return TrainingReport(
        trainer=IMPORTED,
        parameters=parameters,
        documents=documents,
        tokens=0 if vectors.counts is None else int(vectors.counts.sum()),
        vocabulary=len(vectors),
        seconds=0.0,
        cpu_seconds=0.0,
        choices=f"imported from {name}",
    )

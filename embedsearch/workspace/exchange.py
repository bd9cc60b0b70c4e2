"""Vectors into a workspace from elsewhere, and out of it."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from embedsearch._errors import ParameterError
from embedsearch._io import storage_errors
from embedsearch._progress import Progress, SilentProgress
from embedsearch.index.settings import index_options
from embedsearch.text.settings import TokenizerSettings, apply_options
from embedsearch.vectors.formats.base import LoadOptions
from embedsearch.vectors.word_vectors import WordVectors
from embedsearch.workspace.choices import KINDS
from embedsearch.workspace.contents import check_outside
from embedsearch.workspace.imported import fitting_tokenizer, imported_vectors
from embedsearch.workspace.publishing import clear_temporary, temporary_folder, undone_on_failure

if TYPE_CHECKING:
    from pathlib import Path

    from embedsearch.index.settings import IndexSettings
    from embedsearch.search.options import SearchSettings
    from embedsearch.store.documents import DocumentStore
    from embedsearch.workspace.layout import Layout
    from embedsearch.workspace.workspace import Workspace


def take_vectors(
    layout: Layout,
    store: DocumentStore,
    source: object,
    tokenizer: TokenizerSettings | str | None,
    search: SearchSettings,
    index: IndexSettings,
    progress: Progress,
    *,
    format: str = "auto",
    **options: Any,
) -> tuple[int, TokenizerSettings]:
    """Publish a generation with vectors from elsewhere; return its number and tokenizer."""
    from embedsearch.workspace.pipeline import import_generation

    index, options = index_options(options, index)
    reading, cutting = _divided(tokenizer, options)
    with storage_errors(layout.root), undone_on_failure(layout):
        clear_temporary(layout)
        folder = temporary_folder(layout, "reading")
        imported = imported_vectors(source, format, reading, folder, progress)
    fitting = fitting_tokenizer(imported.model.vectors)
    if not fitting.lowercase and "lowercase" not in cutting:
        progress.note("the vocabulary has capital letters, so case is kept in documents too")
    settings, _ = apply_options(tokenizer or fitting, cutting, fitting)
    number = import_generation(layout, store, imported, settings, search, index, progress)
    return number, settings


def _divided(
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


def export_vectors(
    workspace: Workspace,
    path: str | Path,
    what: str = "words",
    *,
    format: str = "auto",
    overwrite: bool = False,
    progress: Progress | None = None,
) -> int:
    """Write the vectors of a workspace and return how many; see `Workspace.export`."""
    from embedsearch.vectors.formats.saving import save_vectors

    if what not in KINDS:
        raise ParameterError("what", f"one of {', '.join(KINDS)}", what)
    check_outside(path, "path")
    vectors, inputs = _vectors_of(workspace, what)
    save_vectors(
        vectors,
        path,
        format,
        inputs=inputs,
        overwrite=overwrite,
        progress=progress or SilentProgress(),
    )
    return len(vectors)


def _vectors_of(workspace: Workspace, what: str) -> tuple[WordVectors, Any]:
    if what == "documents":
        documents = workspace.documents
        return WordVectors(documents.vectors, list(documents), check=False), None
    model = workspace.model()
    composed = model.vectors.subwords is not None
    return model.vectors, model.inputs if composed else None

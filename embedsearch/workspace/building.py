"""How workspaces come into being: empty ones, and whole ones from text."""

from __future__ import annotations

import os
import shutil
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from filelock import FileLock, Timeout

from embedsearch._errors import (
    CorpusTooSmallError,
    EmbedSearchError,
    ParameterError,
    WorkspaceExistsError,
)
from embedsearch._progress import Progress, SilentProgress
from embedsearch.store.documents import DocumentStore
from embedsearch.text.settings import ReadSettings, TokenizerSettings
from embedsearch.workspace.files import storage_errors
from embedsearch.workspace.layout import Layout
from embedsearch.workspace.sources import documents_of
from embedsearch.workspace.state import State, load_state
from embedsearch.workspace.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from embedsearch._types import Document
    from embedsearch.training.base import TrainedModel
    from embedsearch.vectors.word_vectors import WordVectors

_UNFINISHED = "building"


def open(path: str | Path, mode: str = "r") -> Workspace:
    """Open a workspace, for reading ("r") or writing ("w"); see `Workspace`."""
    return Workspace(path, mode)


def create(path: str | Path, *, tokenizer: TokenizerSettings | None = None) -> Workspace:
    """Make an empty workspace and open it for writing.

    Raises:
        WorkspaceExistsError: There is something at the path.
    """
    _create(Path(path), tokenizer or TokenizerSettings(), ())
    return Workspace(path, "w")


def build(
    sources: str | Path | Sequence[str | Path],
    path: str | Path,
    *,
    overwrite: bool = False,
    read: ReadSettings | None = None,
    tokenizer: TokenizerSettings | str | None = None,
    trainer: str = "auto",
    progress: Progress | None = None,
    stdin: BinaryIO | None = None,
    **options: Any,
) -> Workspace:
    """Read text, train word vectors on it, and index words and documents.

    Args:
        sources: Files, folders, "-" for standard input, or "corpus:NAME" of the catalogue.
        path: Where the workspace is made.
        overwrite: Replace the documents of a workspace that is there; should anything fail, it
            stays as it was.
        read: How sources become documents.
        tokenizer: How text becomes tokens: settings, or the name of a tokenizer.
        trainer: One of `embedsearch.TRAINERS`.
        progress: A listener.
        stdin: What "-" reads, if not the standard input.
        **options: Any setting of reading, tokenizing (where `read` and `tokenizer` are not
            given) and training, by its name: `split="line"`, `stem="english"`, `epochs=20`;
            `encoders` and `language` are as for `Workspace.index`.

    Returns:
        The workspace, open for writing.

    Raises:
        WorkspaceExistsError: There is something at the path, and `overwrite` is off.
        InputError: A source cannot be read, a setting is wrong, or there is too little text.
            No new workspace is left behind then.
    """
    from embedsearch.workspace.requests import check_options

    path, listener = Path(path), progress or SilentProgress()
    read, options = _settings(ReadSettings, read, options)
    tokenizer, options = tokenizer_settings(tokenizer, options)
    check_options(trainer, tokenizer, options)
    documents = documents_of(sources, read, listener, stdin)
    if overwrite and Layout(path).state.exists():
        return _rebuild(path, documents, tokenizer, trainer, listener, options)
    _create(path, tokenizer, documents)
    return _train_new(path, trainer, listener, options)


def import_vectors(
    source: str | Path | WordVectors | TrainedModel,
    path: str | Path,
    *,
    tokenizer: TokenizerSettings | str | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Workspace:
    """Make a workspace of word vectors that were trained elsewhere.

    It has no documents; `add` some, and they are found by these vectors. In a workspace that
    is there already, they take the place of its word vectors.

    Args:
        source: See `Workspace.import_vectors`.
        path: The workspace.
        tokenizer: See `Workspace.import_vectors`.
        progress: A listener.
        **options: See `Workspace.import_vectors`.

    Returns:
        The workspace, open for writing.

    Raises:
        InputError: The vectors cannot be read. No new workspace is left behind then.
    """
    path = Path(path)
    is_new = not Layout(path).state.exists()
    if is_new:
        _create(path, TokenizerSettings(), ())
    workspace = Workspace(path, "w")
    try:
        workspace.import_vectors(source, tokenizer=tokenizer, progress=progress, **options)
    except BaseException:
        workspace.close()
        if is_new:
            shutil.rmtree(path)
        raise
    return workspace


def _train_new(path: Path, trainer: str, progress: Progress, options: dict[str, Any]) -> Workspace:
    workspace = Workspace(path, "w")
    try:
        workspace.train(trainer, progress=progress, **options)
    except EmbedSearchError:
        workspace.close()
        shutil.rmtree(path)
        raise
    except BaseException:
        workspace.close()
        progress.note(f"all documents are kept; go on with: embedsearch train -w {path}")
        raise
    return workspace


def _rebuild(
    path: Path,
    documents: Iterable[Document],
    tokenizer: TokenizerSettings,
    trainer: str,
    progress: Progress,
    options: dict[str, Any],
) -> Workspace:
    workspace = Workspace(path, "w")
    try:
        workspace.replace_all(
            documents, trainer=trainer, tokenizer=tokenizer, progress=progress, **options
        )
    except BaseException:
        workspace.close()
        raise
    return workspace


def _create(path: Path, tokenizer: TokenizerSettings, documents: Iterable[Document]) -> None:
    """Make a workspace of documents beside its place, and rename it: all of it or nothing."""
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise WorkspaceExistsError(path, _in_the_way(Layout(path)))
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_unfinished(path)
        beside = path.with_name(f".{path.name}.{_UNFINISHED}-{os.getpid()}")
        beside.mkdir()
    lock = FileLock(Layout(beside).lock)
    try:
        with storage_errors(path), lock.acquire(timeout=0):
            _fill(Layout(beside), tokenizer, documents, path)
            beside.rename(path)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise


def _in_the_way(layout: Layout) -> str:
    """Say what is at a path, and what can be done instead of building there."""
    if not layout.state.exists():
        return "exists and is not a workspace; choose another path"
    if load_state(layout).generation is None:
        return "exists already, untrained; go on with `embedsearch train`, or give --overwrite"
    return "exists already; add to it with `embedsearch add`, or give --overwrite"


def _fill(
    layout: Layout, tokenizer: TokenizerSettings, documents: Iterable[Document], path: Path
) -> None:
    store = DocumentStore(layout.record, writable=True)
    try:
        changes = store.add(documents)
    finally:
        store.close()
    if not changes.added and documents != ():
        raise CorpusTooSmallError(f"nothing to read for {path}: the sources hold no text")
    State(tokenizer).save(layout)


def _remove_unfinished(path: Path) -> None:
    """Remove what a build of this workspace left that was killed."""
    for folder in path.parent.glob(f".{path.name}.{_UNFINISHED}-*"):
        lock = FileLock(Layout(folder).lock)
        try:
            with lock.acquire(timeout=0):
                shutil.rmtree(folder, ignore_errors=True)
        except Timeout:
            continue


def tokenizer_settings(
    given: TokenizerSettings | str | None, options: dict[str, Any]
) -> tuple[TokenizerSettings, dict[str, Any]]:
    """Complete the settings of tokenizing by options; return them and the other options."""
    if isinstance(given, str):
        given, options = None, {**options, "tokenizer": given}
    settings, rest = _settings(TokenizerSettings, given, options)
    return settings, rest


def _settings(kind: Any, given: Any, options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Take the options that belong to a kind of settings out of `options`."""
    names = {field.name for field in fields(kind)}
    own = {name: value for name, value in options.items() if name in names}
    rest = {name: value for name, value in options.items() if name not in names}
    if given is not None and own:
        reason = f"given inside {kind.__name__} or as options, not both"
        raise ParameterError("/".join(own), reason, own)
    return given if given is not None else kind(**own), rest

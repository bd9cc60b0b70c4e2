"""New workspaces: empty ones, and complete ones from text, vectors or a backup."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

from embedsearch._errors import CorpusTooSmallError, EmbedSearchError, WorkspaceExistsError
from embedsearch._io import checked_path, flush_folder, make_folder, storage_errors
from embedsearch._progress import Progress, listener_of
from embedsearch.store.connection import check_durability
from embedsearch.store.documents import Changes, DocumentStore
from embedsearch.store.ingestion import ingest
from embedsearch.text.settings import ReadSettings, TokenizerSettings, extract_settings
from embedsearch.workspace.layout import Layout
from embedsearch.workspace.locks import check_wait
from embedsearch.workspace.session import Session
from embedsearch.workspace.sources import Sources
from embedsearch.workspace.staging import resolve_target, staging
from embedsearch.workspace.state import State, load_state
from embedsearch.workspace.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import ArrayLike

    from embedsearch.vectors.word_vectors import WordVectors
    from embedsearch.workspace.locks import WriterLock
    from embedsearch.workspace.models import TrainedModel
    from embedsearch.workspace.train import TrainingOptions
    from embedsearch.workspace.vector_import import Rows


def create(path: str | Path, *, tokenizer: TokenizerSettings | None = None) -> Workspace:
    """Make an empty workspace and open it for writing.

    Raises:
        WorkspaceExistsError: The path exists.
    """
    return _create(checked_path(path), tokenizer or TokenizerSettings())[0]


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
    wait: float | None = None,
    **options: Any,
) -> Workspace:
    """Read text, train word vectors on it, and index words and documents.

    Args:
        sources: Files, folders, "-" for standard input, or "corpus:NAME" of the catalogue.
        path: Where the workspace is made; it is returned, open for writing.
        overwrite: Replace the documents of an existing workspace; if anything fails, it stays
            as it was.
        read: How sources become documents.
        tokenizer: How text becomes tokens: settings, or the name of a tokenizer.
        trainer: One of `embedsearch.TRAINERS`.
        progress: A listener.
        stdin: What "-" reads, if not the standard input.
        wait: With `overwrite`, how long to wait for another process that writes; see
            `Workspace`.
        **options: Any setting of reading, tokenizing (where `read` and `tokenizer` are not
            given) and training, by its name: `split="line"`, `stem="english"`, `epochs=20`;
            `encoders`, `language`, `spec`, `recall`, `memory` and `for_` are as for
            `Workspace.index`. With `search=False` words alone are learned, in less time:
            documents are found by their words until `Workspace.index` learns the rest.

    Raises:
        WorkspaceExistsError: The path exists, and `overwrite` is off.
        InputError: A source cannot be read, a setting is wrong, or there is too little text.
            No new workspace is left behind then.
    """
    # Imported only here, as it brings training with it: `add` needs none.
    from embedsearch.workspace.train import TrainingOptions, check_options

    path, listener = checked_path(path), listener_of(progress)
    read, options = extract_settings(ReadSettings, read, options)
    tokenizer, options = tokenizer_settings(tokenizer, options)
    check_options(trainer, tokenizer, options)
    reading, changes = Sources(sources, read, listener, stdin), list[Changes]()

    def fill(store: DocumentStore) -> None:
        changes.append(ingest(store, reading, read, listener))

    if overwrite and Layout(path).state.exists():
        asked = TrainingOptions(trainer, tokenizer, parameters=options)
        workspace = _rebuild(Session(path, "w", wait=wait), fill, asked, listener)
    else:
        workspace, lock = _create(path, tokenizer, fill)
        workspace = _train_new(workspace, lock, trainer, listener, options)
    workspace.changes = changes[0]
    return workspace


def import_vectors(
    source: str | Path | WordVectors | TrainedModel,
    path: str | Path,
    *,
    tokenizer: TokenizerSettings | str | None = None,
    progress: Progress | None = None,
    wait: float | None = None,
    **options: Any,
) -> Workspace:
    """Make a workspace of word vectors that were trained elsewhere.

    It has no documents; `add` some, and they are found by these vectors. In an existing
    workspace, they replace its word vectors. `wait` is as for `Workspace`, the rest as for
    `Workspace.import_vectors`. Returns the workspace, open for writing.

    Raises:
        InputError: The vectors cannot be read. No new workspace is left behind then.
    """

    def fill(workspace: Workspace) -> None:
        workspace.import_vectors(source, tokenizer=tokenizer, progress=progress, **options)

    return _open_or_create(checked_path(path), fill, wait)


def add_vectors(
    X: str | Path | ArrayLike,
    path: str | Path,
    rows: Rows = None,
    *,
    wait: float | None = None,
    **options: Any,
) -> Workspace:
    """Add vectors of anything to a workspace, which is made if it does not exist.

    `wait` is as for `Workspace`, the rest as for `Workspace.add_vectors`. Returns the workspace,
    open for writing.

    Raises:
        InputError: The vectors or rows cannot be used. No new workspace is left behind then.
    """

    def fill(workspace: Workspace) -> None:
        workspace.add_vectors(X, rows, **options)

    return _open_or_create(checked_path(path), fill, wait)


def restore(
    file: str | Path,
    path: str | Path,
    *,
    overwrite: bool = False,
    wait: float | None = None,
    progress: Progress | None = None,
) -> Workspace:
    """Make a workspace of a backup.

    The file may come from anybody: nothing is written but the files of a workspace, at their
    places, of the sizes and hashes that its list has, and only if there is room for all.

    Args:
        file: What `Workspace.backup` wrote.
        path: Where the workspace is to be; it is returned, open for writing.
        overwrite: Replace an existing workspace; it stays until the new one is complete.
        wait: How long to wait for another process that writes to that one; see `Workspace`.
        progress: A listener.

    Raises:
        WorkspaceNotFoundError: There is no such file.
        WorkspaceDamagedError: It is no backup, or not what was written.
        WorkspaceVersionError: Another version of embedsearch wrote it.
        WorkspaceExistsError: The path exists, and `overwrite` is off, or it is not a workspace.
        WorkspaceLockedError: Another process is writing to the existing workspace.
        StorageError: There is too little room.
    """
    from embedsearch.workspace.maintenance.backup import restore_files

    source, path = checked_path(file, "file"), checked_path(path)
    check_wait(wait)
    listener = listener_of(progress)
    lock = restore_files(
        source, resolve_target(path), overwrite=overwrite, wait=wait, progress=listener
    )
    try:
        return Workspace.of(Session(path, "w", lock=lock))
    except BaseException:
        lock.release()
        raise


@contextmanager
def opened_or_created(
    path: str | Path, *, wait: float | None = None, durability: str = "full"
) -> Iterator[Workspace]:
    """Open a workspace for writing, or make one; a new one that gets no documents is removed."""
    path = checked_path(path)
    if path.exists():
        with Workspace(path, "w", wait=wait, durability=durability) as workspace:
            yield workspace
        return
    check_wait(wait)
    check_durability(durability)
    workspace, lock = _create_unless_there(path, wait, durability)
    try:
        yield workspace
    finally:
        if lock is not None and not workspace.documents:
            _remove(path, lock)
        workspace.close()


def _open_or_create(
    path: Path, fill: Callable[[Workspace], object], wait: float | None
) -> Workspace:
    """Open a workspace and fill it; a new one is removed if that fails."""
    check_wait(wait)
    workspace, lock = _create_unless_there(path, wait)
    try:
        fill(workspace)
    except BaseException:
        if lock is not None:
            _remove(path, lock)
        workspace.close()
        raise
    return workspace


def _create_unless_there(
    path: Path, wait: float | None, durability: str = "full"
) -> tuple[Workspace, WriterLock | None]:
    """Open a workspace for writing, or make it; the lock is that of a new one."""
    if not Layout(path).state.exists():
        try:
            return _create(path, TokenizerSettings(), None, durability)
        except WorkspaceExistsError:
            # Another process may have made it in this moment.
            if not Layout(path).state.exists():
                raise
    return Workspace(path, "w", wait=wait, durability=durability), None


def _remove(path: Path, lock: WriterLock) -> None:
    """Remove a new workspace. Its lock was held since before it had its name: all in it is ours."""
    if lock.folder.is_at(path):
        shutil.rmtree(resolve_target(path), ignore_errors=True)


def _train_new(
    workspace: Workspace,
    lock: WriterLock,
    trainer: str,
    progress: Progress,
    options: dict[str, Any],
) -> Workspace:
    try:
        workspace.train(trainer, progress=progress, **options)
    except EmbedSearchError:
        # It cannot be trained: keeping it would only block the path.
        _remove(workspace.path, lock)
        workspace.close()
        raise
    except BaseException:
        # Interrupted: reading may have taken hours.
        workspace.close()
        advice = f"embedsearch train -w {workspace.path}"
        progress.note(f"all documents are kept; go on with: {advice}")
        raise
    return workspace


def _rebuild(
    session: Session,
    fill: Callable[[DocumentStore], object],
    options: TrainingOptions,
    progress: Progress,
) -> Workspace:
    from embedsearch.workspace.train import refill

    try:
        refill(session, fill, options, progress)
    except BaseException:
        session.close()
        raise
    return Workspace.of(session)


def _create(
    path: Path,
    tokenizer: TokenizerSettings,
    fill: Callable[[DocumentStore], object] | None = None,
    durability: str = "full",
) -> tuple[Workspace, WriterLock]:
    """Make a workspace next to its place, fill it, rename it, and open it.

    The writer's lock is taken before the renaming and goes along, so that nobody else can write
    to the workspace before the caller has closed it.
    """
    target = resolve_target(path)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise WorkspaceExistsError(path, _in_the_way(Layout(path)))
    with storage_errors(path):
        make_folder(target.parent)
        # Beside its place, as a folder can be renamed only within a disk.
        with staging(target, "building") as work:
            _fill(Layout(work.folder), tokenizer, fill, path)
            flush_folder(work.folder)
            lock = work.publish(target)
        try:
            flush_folder(target.parent)
            return Workspace.of(Session(path, "w", durability=durability, lock=lock)), lock
        except BaseException:
            _remove(path, lock)
            lock.release()
            raise


def _in_the_way(layout: Layout) -> str:
    """Return what is at a path, and what can be done instead of building there."""
    if not layout.state.exists():
        return "exists and is not a workspace; choose another path"
    if load_state(layout).generation is None:
        return "exists already, untrained; go on with `embedsearch train`, or give --overwrite"
    return "exists already; add to it with `embedsearch add`, or give --overwrite"


def _fill(
    layout: Layout,
    tokenizer: TokenizerSettings,
    fill: Callable[[DocumentStore], object] | None,
    path: Path,
) -> None:
    store = DocumentStore(layout.documents, writable=True)
    try:
        if fill is not None:
            fill(store)
        empty = not len(store)
    finally:
        store.close()
    if empty and fill is not None:
        raise CorpusTooSmallError(f"nothing to read for {path}: the sources hold no text")
    State(tokenizer).save(layout)


def tokenizer_settings(
    given: TokenizerSettings | str | None, options: dict[str, Any]
) -> tuple[TokenizerSettings, dict[str, Any]]:
    """Complete the settings of tokenizing by options; return them and the other options."""
    if isinstance(given, str):
        given, options = None, {**options, "tokenizer": given}
    return extract_settings(TokenizerSettings, given, options)

"""Word vectors to files."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from embedsearch._errors import ParameterError, StorageError
from embedsearch._io import flush_file, flush_folder
from embedsearch._progress import SilentProgress
from embedsearch.text.byte_streams import without_suffix
from embedsearch.vectors.formats.registry import VECTOR_FORMATS, by_suffix, vector_format

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embedsearch._progress import Progress
    from embedsearch._types import FloatMatrix
    from embedsearch.vectors.formats.base import VectorFormat, Writer
    from embedsearch.vectors.word_vectors import WordVectors

_TITLES = {"counts": "counts", "subwords": "n-gram vectors"}


def save_vectors(
    vectors: WordVectors,
    path: str | Path,
    format: str = "auto",
    *,
    inputs: FloatMatrix | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> list[Path]:
    """Write word vectors to a file, from which the same float32 values are read.

    The file is written to a temporary folder next to it and renamed: it is whole or not there.

    Args:
        vectors: What to write.
        path: The file.
        format: One of `VECTOR_FORMATS`; "auto" uses the ending of the name.
        inputs: `(V, d)`, the words' own rows if `vectors` are composed with n-grams.
        overwrite: Replace files that exist.
        progress: A listener; gets a note of what the format cannot hold.

    Returns:
        The files that were written; some formats have two.

    Raises:
        ParameterError: The format is not known or cannot be written, or a file is in the way.
        VectorError: A word that the format cannot hold; nothing is written.
        MissingExtraError: The format needs an optional package.
        StorageError: The folder cannot be written to, or the disk is full.
    """
    path, progress = Path(path), progress or SilentProgress()
    found = _format_for(path) if format == "auto" else vector_format(format)
    write = _writer(found)
    with _storage_errors(path):
        _check_place(path, overwrite=overwrite)
        _note_losses(found, vectors, progress)
        with _staging_folder(path) as folder:
            write(folder / path.name, vectors, progress, inputs)
            return _move(folder, path.parent, overwrite=overwrite)


def _format_for(path: Path) -> VectorFormat:
    writable = [found for found in by_suffix(path.name) if found.write]
    if len(writable) == 1:
        return writable[0]
    names = " or ".join(found.name for found in writable) or f"one of {', '.join(VECTOR_FORMATS)}"
    raise ParameterError("format", f"named for a file called {path.name!r}: {names}", "auto")


def _writer(target: VectorFormat) -> Writer:
    if target.write is None:
        allowed = (name for name in VECTOR_FORMATS if vector_format(name).write)
        raise ParameterError(
            "format", f"one that can be written: {', '.join(allowed)}", target.name
        )
    return target.write


def _check_place(path: Path, *, overwrite: bool) -> None:
    if path.name != without_suffix(path.name):
        raise ParameterError("path", "a name without .gz and the like; compress it later", path)
    if not path.parent.is_dir():
        raise ParameterError("path", "in a folder that exists", path)
    _check_free(path, overwrite=overwrite)


def _check_free(path: Path, *, overwrite: bool) -> None:
    if path.exists() and not path.is_file():
        raise ParameterError("path", "a file, not a folder, a device or a pipe", path)
    if not overwrite and os.path.lexists(path):
        raise ParameterError("path", "a file that is not there yet (or overwrite=True)", path)


def _note_losses(target: VectorFormat, vectors: WordVectors, progress: Progress) -> None:
    present = {"counts": vectors.counts, "subwords": vectors.subwords}
    lost = [
        _TITLES[name]
        for name, value in present.items()
        if value is not None and name not in target.keeps
    ]
    if lost:
        reason = f"{target.title} has no place for {' and '.join(lost)}"
        progress.note(f"{reason}; 'safetensors' keeps everything")


@contextmanager
def _staging_folder(path: Path) -> Iterator[Path]:
    # In the same file system, so that renaming is atomic; names may have 255 bytes.
    folder = Path(tempfile.mkdtemp(prefix=f".{path.name[:100]}.", dir=path.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _move(folder: Path, target: Path, *, overwrite: bool) -> list[Path]:
    files = sorted(folder.iterdir())
    # Some formats write a second file, whose name is known only now.
    for file in files:
        _check_free(target / file.name, overwrite=overwrite)
    # Else a crash could leave the new name with an empty file.
    for file in files:
        flush_file(file)
    moved = [file.replace(target / file.name) for file in files]
    flush_folder(target)
    return moved


@contextmanager
def _storage_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        raise StorageError(path, f"cannot be written ({error.strerror or error})") from error

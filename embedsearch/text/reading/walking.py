"""From the sources that were named to the files that will be read."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from embedsearch._errors import ParameterError, SourceError, SourceNotFoundError
from embedsearch.text.reading.globs import Glob

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

STDIN = "-"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file to read.

    Attributes:
        path: Where it is; None is standard input.
        name: What messages call it.
        root: The source it belongs to: the folder, or the folder of a file named by itself.
        relative: Its path below `root`, with `/` between the parts.
        size: Bytes, or None for pipes and standard input.
        explicit: Whether it was named by itself, so that it must be readable.
    """

    path: Path | None
    name: str
    root: Path
    relative: str
    size: int | None
    explicit: bool


def find_files(sources: Sequence[str | Path], glob: str) -> tuple[list[SourceFile], list[str]]:
    """List the files of all sources in order, each once.

    Args:
        sources: Files, folders, or `-` for standard input.
        glob: Which files of folders to take; a pattern without `/` is matched against the name
            of a file at any depth, one with `/` against its path below the folder.

    Returns:
        The files, and the folders below that could not be listed.

    Raises:
        ParameterError: There are no sources.
        SourceNotFoundError: One does not exist.
        SourceError: One cannot be listed, or has no matching file.
    """
    if not sources:
        raise ParameterError("sources", "one file or folder or more, or - for standard input", [])
    files: dict[str, SourceFile] = {}
    closed: list[str] = []
    for source in sources:
        for file in _files_of(str(source), glob, closed):
            key = os.path.realpath(file.path) if file.path else STDIN
            files.setdefault(key, file)
    return list(files.values()), closed


def unreadable(name: str, error: OSError) -> SourceError:
    """Return the clear error for what the operating system refused."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return SourceNotFoundError(name, "there is no such file or folder; check the path")
    if isinstance(error, PermissionError):
        return SourceError(name, "no permission to read it; change its mode, or leave it out")
    return SourceError(name, f"cannot be read: {error.strerror or error}")


def _files_of(source: str, glob: str, closed: list[str]) -> Iterator[SourceFile]:
    if source == STDIN:
        yield SourceFile(None, STDIN, Path(STDIN), STDIN, None, explicit=True)
        return
    path = Path(source)
    try:
        info = path.stat()
    except (OSError, ValueError) as error:
        known = error if isinstance(error, OSError) else OSError(str(error))
        raise unreadable(source, known) from error
    if stat.S_ISDIR(info.st_mode):
        yield from _in_folder(path, glob, closed)
    else:
        size = info.st_size if stat.S_ISREG(info.st_mode) else None
        yield SourceFile(path, source, path.absolute().parent, path.name, size, explicit=True)


def _in_folder(folder: Path, glob: str, closed: list[str]) -> Iterator[SourceFile]:
    matches = Glob(glob).matches
    found = False
    for path in sorted(_walk(folder, closed), key=lambda path: path.parts):
        relative = path.relative_to(folder).as_posix()
        size = _regular_size(path) if matches(relative) else None
        if size is not None:
            found = True
            yield SourceFile(path, str(path), folder.absolute(), relative, size, explicit=False)
    if not found:
        reason = f"the folder has no file that matches {glob!r} (hidden ones are left out)"
        raise SourceError(folder, f"{reason}; add files, or choose another glob")


def _walk(folder: Path, closed: list[str]) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        if error.filename == str(folder):
            raise unreadable(str(folder), error) from error
        closed.append(str(error.filename))

    for parent, folders, names in os.walk(folder, onerror=refuse):
        here = Path(parent)
        folders[:] = [n for n in folders if not n.startswith(".") and not _is_workspace(here / n)]
        yield from (here / name for name in names if not name.startswith("."))


def _is_workspace(folder: Path) -> bool:
    # `embedsearch build . -w my.es` must not read its own results the next time.
    return (folder / "workspace.json").is_file() and (folder / "documents.sqlite").is_file()


def _regular_size(path: Path) -> int | None:
    try:
        info = path.stat()
    except OSError:
        return 0  # a broken link, or not ours to look at: opening it will say so
    return info.st_size if stat.S_ISREG(info.st_mode) else None

"""From the sources that were named to the files that will be read."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from embedsearch._errors import ParameterError, SourceError, SourceNotFoundError
from embedsearch.text.reading.globs import Glob
from embedsearch.text.reading.naming import STREAM, Source, printable
from embedsearch.text.reading.notices import LeftOut

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file to read.

    Attributes:
        path: Where it is; None is standard input.
        source: What it is known by, and the ids that it gives.
        size: Bytes, or None for pipes and standard input.
        explicit: Whether it was named by itself, so that it must be readable.
    """

    path: Path | None
    source: Source
    size: int | None
    explicit: bool


@dataclass(slots=True)
class Listing:
    """What there is to read.

    Attributes:
        files: The files in order, each once.
        named: The real paths of the files and folders that were named.
        left_out: What is there and will not be read.
        closed: The real paths of folders that could not be listed.
    """

    files: list[SourceFile] = field(default_factory=list)
    named: list[str | bytes] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    closed: list[str | bytes] = field(default_factory=list)


def find_files(sources: Sequence[str | Path], glob: str, *, skip_errors: bool = False) -> Listing:
    """List the files of all sources in order, each once.

    Args:
        sources: Files, folders, or `-` for standard input.
        glob: Which files of folders to take; a pattern without `/` is matched against the name
            of a file at any depth, one with `/` against its path below the folder.
        skip_errors: Leave out sources that cannot be listed.

    Raises:
        ParameterError: There are no sources.
        SourceNotFoundError: One does not exist.
        SourceError: One cannot be listed, or has no matching file.
    """
    if not sources:
        raise ParameterError("sources", "one file or folder or more, or - for standard input", [])
    listing, files = Listing(), dict[str, SourceFile]()
    for source in map(str, sources):
        for key, file in _listed(source, glob, listing, skip_errors=skip_errors):
            first = files.setdefault(key, file)
            if file.explicit and not first.explicit:
                files[key] = replace(first, explicit=True)
    listing.files = list(files.values())
    return listing


def _listed(
    source: str, glob: str, listing: Listing, *, skip_errors: bool
) -> list[tuple[str, SourceFile]]:
    try:
        found = list(_files_of(source, glob, listing))
    except SourceError as error:
        if not skip_errors:
            raise
        listing.left_out.append(LeftOut(error.source, error.short_reason))
        return []
    if source != STREAM:
        listing.named.append(known_path(source))
    return found


def unreadable(name: str, error: OSError) -> SourceError:
    """Return the clear error for what the operating system refused."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return SourceNotFoundError(name, "there is no such file or folder; check the path")
    if isinstance(error, PermissionError):
        return SourceError(name, "no permission to read it; change its mode, or leave it out")
    return SourceError(name, f"cannot be read: {error.strerror or error}")


def known_path(path: str | Path) -> str | bytes:
    """Return the real path by which a file is remembered; bytes where it is not UTF-8."""
    return _storable(os.path.realpath(path))


def is_file(path: str | bytes) -> bool:
    """Tell whether a remembered file is there; one that cannot be looked at may be."""
    try:
        return not stat.S_ISDIR(os.lstat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError):
        return True


def _storable(real: str) -> str | bytes:
    try:
        real.encode()
    except UnicodeEncodeError:
        return os.fsencode(real)
    return real


def _files_of(source: str, glob: str, listing: Listing) -> Iterator[tuple[str, SourceFile]]:
    """Yield each file with its real path."""
    if source == STREAM:
        yield STREAM, SourceFile(None, _stream(STREAM), None, explicit=True)
        return
    path = Path(source)
    try:
        info = path.stat()
    except (OSError, ValueError) as error:
        refused = error if isinstance(error, OSError) else OSError(str(error))
        raise unreadable(source, refused) from error
    if stat.S_ISDIR(info.st_mode):
        if _is_workspace(source):
            reason = "is a workspace; name the files and folders that its documents are from"
            raise SourceError(source, reason)
        yield from _in_folder(path, glob, listing)
    elif stat.S_ISREG(info.st_mode):
        real, name = os.path.realpath(path), printable(path.name)
        above = _parts(os.path.realpath(path.parent))
        known = Source(_storable(real), source, name, above, name)
        yield real, SourceFile(path, known, info.st_size, explicit=True)
    else:
        # A pipe has no content of its own: what comes next time is something else.
        yield os.path.realpath(path), SourceFile(path, _stream(source), None, explicit=True)


def _stream(name: str) -> Source:
    return Source(STREAM, name, STREAM, (), STREAM)


def _parts(folder: str) -> tuple[str, ...]:
    return tuple(map(printable, Path(folder).parts))


def _in_folder(folder: Path, glob: str, listing: Listing) -> Iterator[tuple[str, SourceFile]]:
    matches = Glob(glob).matches
    *above, name = _parts(os.path.realpath(folder))
    found = False
    for path in sorted(_walk(folder, listing), key=lambda path: path.parts):
        relative = path.relative_to(folder).as_posix()
        if not matches(relative):
            continue
        size = _regular_size(path)
        if size is None:
            listing.left_out.append(LeftOut(str(path), "it is not a regular file"))
            continue
        found = True
        real, former = os.path.realpath(path), printable(relative)
        # The root of all folders has no name.
        base = f"{name.rstrip('/')}/{former}".lstrip("/")
        source = Source(_storable(real), str(path), base, tuple(above), former)
        yield real, SourceFile(path, source, size, explicit=False)
    if not found:
        reason = f"the folder has no file that matches {glob!r} (hidden ones are left out)"
        raise SourceError(folder, f"{reason}; add files, or choose another glob")


def _walk(folder: Path, listing: Listing) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        if error.filename == str(folder):
            raise unreadable(str(folder), error) from error
        closed = str(error.filename)
        listing.closed.append(known_path(closed))
        listing.left_out.append(LeftOut(closed, unreadable(closed, error).short_reason))

    for parent, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [n for n in folders if not n.startswith(".") and _enters(parent, n, listing)]
        yield from (Path(parent, name) for name in names if not name.startswith("."))


def _enters(parent: str, name: str, listing: Listing) -> bool:
    """Tell whether to look into a folder; a link to one could lead round in a circle."""
    path = os.path.join(parent, name)  # noqa: PTH118 - called for every folder
    if os.path.islink(path):  # noqa: PTH114
        reason = "it is a link to a folder; name it by itself to read it"
        listing.left_out.append(LeftOut(path, reason))
        return False
    return not _is_workspace(path)


def _is_workspace(folder: str) -> bool:
    # `embedsearch build . -w my.es` must not read its own results the next time. Those of
    # pathlib raise where a folder is closed.
    names = ("workspace.json", "documents.sqlite")
    return all(os.path.isfile(f"{folder}/{name}") for name in names)  # noqa: PTH113


def _regular_size(path: Path) -> int | None:
    try:
        info = path.stat()
    except OSError:
        return 0  # a broken link, or not ours to look at: opening it will say so
    return info.st_size if stat.S_ISREG(info.st_mode) else None

"""Reading: files, folders and standard input become a stream of documents."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from embedsearch._errors import (
    CorpusTooSmallError,
    MissingExtraError,
    SourceChangedError,
    SourceError,
)
from embedsearch.text.readers import READERS
from embedsearch.text.reading.byte_streams import counting
from embedsearch.text.reading.encodings import check_encoding
from embedsearch.text.reading.formats import TABULAR, check_is_text, format_of
from embedsearch.text.reading.naming import IdBook, base_ids
from embedsearch.text.reading.notices import FEW, Notices, more
from embedsearch.text.reading.opening import Opened
from embedsearch.text.reading.walking import SourceFile, find_files, unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from embedsearch._progress import Progress, Task
    from embedsearch._types import Document
    from embedsearch.text.base import Found
    from embedsearch.text.settings import ReadSettings


def read_sources(
    sources: Sequence[str | Path],
    settings: ReadSettings,
    progress: Progress,
    stdin: BinaryIO | None = None,
) -> Iterator[Document]:
    """Stream the documents of all sources, in the order of the sources.

    Documents that have no id get one that stays the same when they are read again: a file its
    path below the source, and a line, paragraph or row this path with its number, `notes.txt:7`.
    Files of a folder that cannot be read are left out, with one note; a file that was named by
    itself must be readable. A file that is named twice is read once.

    Args:
        sources: Files, folders, or `-` for standard input.
        settings: How sources become documents.
        progress: Hears of bytes read, choices made and files left out.
        stdin: Standard input; None takes that of the process.

    Raises:
        ParameterError: There are no sources, or the encoding has no such name.
        SourceError: A source is missing, empty, damaged or changes while it is read.
        DuplicateIdError: Two documents have one id.
        CorpusTooSmallError: No source has any text.
        MissingExtraError: A format needs a package that is not installed.
    """
    check_encoding(settings.encoding)
    sources = [sources] if isinstance(sources, str | Path) else sources
    files, closed = find_files(sources, settings.glob)
    return _Reading(settings, progress, stdin).documents(files, closed)


class _Reading:
    """One pass over all files."""

    def __init__(self, settings: ReadSettings, progress: Progress, stdin: BinaryIO | None) -> None:
        self._settings, self._progress, self._stdin = settings, progress, stdin
        self._notices, self._ids = Notices(progress), IdBook()
        self._left_out: list[tuple[str, str]] = []
        self._format: str | None = None

    def documents(self, files: list[SourceFile], closed: list[str]) -> Iterator[Document]:
        self._left_out += [(name, "no permission") for name in closed]
        count = 0
        with self._progress.task("reading", _total(files), "bytes") as task:
            for file, base in zip(files, base_ids(files), strict=True):
                self._ids.begin(file.name, base)
                for document in self._of_file(file, task):
                    count += 1
                    yield document
        if not count:
            raise _no_text(files, self._left_out)
        self._notices.left_out(self._left_out)
        self._notices.close()

    def _of_file(self, file: SourceFile, task: Task) -> Iterator[Document]:
        any_found = False
        try:
            for found in self._found(file, task):
                any_found = True
                yield self._ids.identify(found)
        except (SourceError, MissingExtraError) as error:
            if any_found or file.explicit or not self._may_be_left_out(error):
                raise
            reason = str(error)
            if isinstance(error, SourceError):
                # The rest is advice for a file that was named by itself.
                reason = error.reason.partition("; ")[0]
            self._left_out.append((file.name, reason))
        else:
            if not any_found:
                self._left_out.append((file.name, "it has no text"))

    def _may_be_left_out(self, error: SourceError | MissingExtraError) -> bool:
        """Tell a file that does not belong here from one that does, and is wrong inside."""
        if isinstance(error, SourceChangedError):
            return False
        content = isinstance(error, SourceError) and self._format in TABULAR
        return not content and getattr(error, "line", None) is None

    def _found(self, file: SourceFile, task: Task) -> Iterator[Found]:
        self._format = None
        with self._opened(file, task) as source:
            wanted = self._settings.format
            name = format_of(source) if wanted == "auto" else wanted
            check_is_text(source, name, self._settings.encoding)
            self._format = name
            yield from READERS[name](source, self._settings)

    @contextmanager
    def _opened(self, file: SourceFile, task: Task) -> Iterator[Opened]:
        meter = _Meter(task, file.size)
        if file.path is None:
            stdin = self._stdin or sys.stdin.buffer
            yield Opened(file.name, counting(stdin, meter.seen), None, self._notices)
            return
        try:
            with file.path.open("rb", buffering=0) as raw:
                before = _stamp(os.fstat(raw.fileno()))
                path = file.path if file.size is not None else None
                try:
                    stream = counting(raw, meter.seen)
                    yield Opened(file.name, stream, path, self._notices)
                except SourceError:
                    _check_unchanged(file, before)
                    raise
                _check_unchanged(file, before)
        except SourceError:
            raise
        except FileNotFoundError as error:
            if file.path.is_symlink():
                raise unreadable(file.name, error) from error
            raise _changed(file) from error
        except OSError as error:
            raise unreadable(file.name, error) from error
        finally:
            meter.finish()


class _Meter:
    """Tells a task how many bytes of one file are done, however often some are read."""

    def __init__(self, task: Task, size: int | None) -> None:
        self._task, self._left = task, size

    def seen(self, count: int) -> None:
        if self._left is not None:
            count = min(count, self._left)
            self._left -= count
        if count:
            self._task.advance(count)

    def finish(self) -> None:
        self.seen(self._left or 0)


def _total(files: list[SourceFile]) -> int | None:
    sizes = [file.size for file in files if file.size is not None]
    return sum(sizes) if len(sizes) == len(files) else None


def _stamp(info: os.stat_result) -> tuple[int, ...]:
    return info.st_size, info.st_mtime_ns, info.st_ino


def _check_unchanged(file: SourceFile, before: tuple[int, ...]) -> None:
    if file.path is None or file.size is None:
        return
    try:
        after = _stamp(file.path.stat())
    except OSError:
        after = ()
    if after != before:
        raise _changed(file)


def _changed(file: SourceFile) -> SourceChangedError:
    reason = "the file changed while it was read; read it again when nothing writes to it"
    return SourceChangedError(file.name, reason)


def _no_text(files: list[SourceFile], left_out: list[tuple[str, str]]) -> CorpusTooSmallError:
    reasons = "; ".join(f"{name} ({reason})" for name, reason in left_out[:FEW])
    return CorpusTooSmallError(
        f"there is no text to read in the {len(files):,} files that were found: "
        f"{reasons}{more(len(left_out))}"
    )

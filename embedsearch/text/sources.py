"""Reading: files, folders and standard input become a stream of documents."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from embedsearch._errors import (
    CorpusTooSmallError,
    MissingExtraError,
    SourceChangedError,
    SourceError,
    SourceFormatError,
)
from embedsearch._io import stamp_of
from embedsearch._messages import counted
from embedsearch.text.archives import members
from embedsearch.text.encodings import check_encoding
from embedsearch.text.formats import READERS, archive_of, check_is_text, format_of
from embedsearch.text.readers.json import check_holds_texts
from embedsearch.text.source_files import (
    Glob,
    SourcedDocument,
    SourceFile,
    find_files,
    is_file,
    unreadable,
)
from embedsearch.text.source_stream import FEW, LeftOut, Notices, SourceStream, summarize_left_out

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from embedsearch._errors import InputError
    from embedsearch._progress import Progress, Task
    from embedsearch._types import Document
    from embedsearch.text.settings import ReadSettings
    from embedsearch.text.source_stream import ReadDocument


def read_sources(
    sources: Sequence[str | Path],
    settings: ReadSettings,
    progress: Progress,
    stdin: BinaryIO | None = None,
) -> Iterator[Document]:
    """Stream the documents of all sources, each with the id that it prefers, unique or not."""
    for arrival in SourceReader(sources, settings, progress, stdin):
        document = arrival.document
        yield document if document.id else replace(document, id=arrival.first_id())


class SourceReader:
    """One pass over sources; iterate it once, for the documents in the order of the sources.

    Files of a folder that cannot be read are left out, with one note; the documents before the
    fault are kept. A file that was named by itself must be readable.
    """

    def __init__(
        self,
        sources: Sequence[str | Path],
        settings: ReadSettings,
        progress: Progress,
        stdin: BinaryIO | None = None,
    ) -> None:
        check_encoding(settings.encoding)
        named = [sources] if isinstance(sources, str | Path) else sources
        self._settings, self._progress, self._stdin = settings, progress, stdin
        self._listing = find_files(named, settings.glob, skip_errors=settings.skip_errors)
        self._notices = Notices(progress, sys.maxsize if settings.all_notes else FEW)
        self._notices.left_out += self._listing.left_out
        self._read: set[str | bytes] = set()
        # Whether a glob left out files of the archive that is being read.
        self._skipped_members = False
        self._refusal: InputError | None = None
        self._count = 0

    @property
    def left_out(self) -> list[LeftOut]:
        """What could not be read so far."""
        return self._notices.left_out

    @property
    def named(self) -> list[str | bytes]:
        """The real paths of the files and folders that were named."""
        return self._listing.named

    def __iter__(self) -> Iterator[SourcedDocument]:
        """Yield each document with the source that it is from."""
        files = self._listing.files
        with self._progress.task("reading", _total(files), "bytes") as task:
            for file in files:
                yield from self._of_file(file, task)
        if self._settings.strict and self.left_out:
            raise _not_all_read(self.left_out)
        if not self._count:
            raise _no_text(files, self.left_out)
        self._notices.close()

    def refuse(self, error: InputError) -> None:
        """Treat the document that was yielded last as a fault of its file: it cannot be stored."""
        self._refusal = error

    def may_have_lost(self, path: str | bytes) -> bool:
        """Return whether documents of an earlier reading that were not yielded now are gone.

        They are if their file was read to its end, or no longer exists.
        """
        if path in self._read:
            return True
        folders = tuple(os.fsencode(each) + os.fsencode(os.sep) for each in self._listing.closed)
        if os.fsencode(path).startswith(folders):
            return False
        return not is_file(path)

    def _of_file(self, file: SourceFile, task: Task) -> Iterator[SourcedDocument]:
        kept, before = 0, len(self.left_out)
        self._skipped_members = False
        name = file.source.name
        try:
            for found in self._found(file, task):
                yield SourcedDocument(found, file.source)
                self._check_accepted(name)
                kept += 1
                self._count += 1
        except (SourceError, MissingExtraError) as error:
            if file.explicit and not self._settings.skip_errors:
                raise
            self._notices.left_out.append(_left_out(name, error, kept))
        else:
            if len(self.left_out) > before:
                return
            reason = "it has no file with text that matches the glob"
            if not self._skipped_members:
                reason = "it has no text"
                self._read.add(file.source.path)
            if not kept:
                self._notices.left_out.append(LeftOut(name, reason))

    def _check_accepted(self, name: str) -> None:
        if self._refusal is not None:
            error, self._refusal = self._refusal, None
            raise SourceFormatError(name, str(error)) from error

    def _found(self, file: SourceFile, task: Task) -> Iterator[ReadDocument]:
        with self._opened(file, task) as source:
            kind = archive_of(source, self._settings.format)
            if kind is None:
                yield from self._documents(source, explicit=file.explicit)
            else:
                # A glob has chosen the archive already, where it is a file of a folder.
                yield from self._inside(source, kind, self._settings.glob if file.explicit else "*")

    def _inside(self, archive: SourceStream, kind: str, glob: str) -> Iterator[ReadDocument]:
        """Yield what is in the files of an archive; one that cannot be read is left out."""
        matches = Glob(glob).matches
        for name, stream in members(archive, kind):
            if not matches(name):
                self._skipped_members = True
                continue
            place, kept = f"{archive.name}/{name}", 0
            try:
                inner = SourceStream(place, stream, None, self._notices)
                if archive_of(inner, self._settings.format):
                    raise SourceFormatError(place, "is an archive in an archive; unpack it")
                for found in self._documents(inner, explicit=False):
                    yield found._replace(member=name)
                    kept += 1
            except (SourceError, MissingExtraError) as error:
                self._notices.left_out.append(_left_out(place, error, kept))

    def _documents(self, source: SourceStream, *, explicit: bool) -> Iterator[ReadDocument]:
        wanted = self._settings.format
        name = format_of(source) if wanted == "auto" else wanted
        check_is_text(source, name, self._settings.encoding)
        if name == "jsonl" and not explicit and self._settings.text_column is None:
            check_holds_texts(source)
        return READERS[name].read(source, self._settings)

    @contextmanager
    def _opened(self, file: SourceFile, task: Task) -> Iterator[SourceStream]:
        meter, name = _Meter(task, file.size), file.source.name
        if file.path is None:
            stdin = self._stdin or sys.stdin.buffer
            yield SourceStream(name, stdin, None, self._notices, meter.add)
            return
        try:
            with file.path.open("rb", buffering=0) as raw:
                before = stamp_of(raw.fileno())
                path = file.path if file.size is not None else None
                try:
                    yield SourceStream(name, raw, path, self._notices, meter.add)
                except SourceError:
                    _check_unchanged(file, before)
                    raise
                _check_unchanged(file, before)
        except SourceError:
            raise
        except FileNotFoundError as error:
            if file.path.is_symlink():
                raise unreadable(name, error) from error
            raise _changed(file) from error
        except OSError as error:
            raise unreadable(name, error) from error
        finally:
            meter.finish()


class _Meter:
    """Advances a task by the bytes of one file, at most its size and at the end all of it."""

    def __init__(self, task: Task, size: int | None) -> None:
        self._task, self._left = task, size

    def add(self, count: int) -> None:
        if self._left is not None:
            count = min(count, self._left)
            self._left -= count
        if count:
            self._task.advance(count)

    def finish(self) -> None:
        self.add(self._left or 0)


def _total(files: list[SourceFile]) -> int | None:
    sizes = [file.size for file in files if file.size is not None]
    return sum(sizes) if len(sizes) == len(files) else None


def _check_unchanged(file: SourceFile, before: tuple[int, ...] | None) -> None:
    if file.path is not None and file.size is not None and stamp_of(file.path) != before:
        raise _changed(file)


def _changed(file: SourceFile) -> SourceChangedError:
    reason = "the file changed while it was read; read it again when nothing writes to it"
    return SourceChangedError(file.source.name, reason)


def _left_out(name: str, error: SourceError | MissingExtraError, kept: int) -> LeftOut:
    if isinstance(error, MissingExtraError):
        return LeftOut(name, str(error), None, kept)
    return LeftOut(name, error.short_reason, error.line, kept)


def _not_all_read(left_out: list[LeftOut]) -> SourceError:
    first, others = left_out[0], len(left_out) - 1
    more = f"; {counted(others, 'more file')} cannot be read" if others else ""
    strict = "a strict reading leaves nothing out; remove what cannot be read, or read without it"
    reason = f"{first.reason}{more}; {strict}"
    error = SourceError(first.file, reason, first.line)
    error.left_out = tuple(left_out)
    return error


def _no_text(files: list[SourceFile], left_out: list[LeftOut]) -> CorpusTooSmallError:
    error = CorpusTooSmallError(
        f"there is no text to read in the {counted(len(files), 'file')} that "
        f"{'was' if len(files) == 1 else 'were'} found: {summarize_left_out(left_out)}"
    )
    error.left_out = tuple(left_out)
    return error

"""Which files are read: folders are walked, paths are matched, and each file is named."""

from __future__ import annotations

import json
import os
import re
import stat
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from embedsearch._errors import ParameterError, SourceError, SourceNotFoundError
from embedsearch.text.source_stream import LeftOut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from embedsearch._types import Document
    from embedsearch.text.source_stream import ReadDocument

STREAM = "-"
"""The path of standard input."""

CORPUS = "corpus:"
"""What the path of a corpus begins with."""

# As long as a path may be on Linux.
_LONGEST_GLOB = 4_096


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A file, standard input or a corpus."""

    # The real path of a file (bytes if it is not UTF-8), `-`, or `corpus:NAME`.
    path: str | bytes
    name: str  # in messages
    # The shortest id that it has as one document: for a file of a folder the folder's name and the
    # path below it, for one that was named by itself its name.
    base: str
    above: tuple[str, ...] = ()  # the folders above that, from the root

    @property
    def is_stream(self) -> bool:
        """Whether it cannot be read again, so that two of them are never the same source."""
        return self.path == STREAM

    def bases(self) -> Iterator[str]:
        """Yield `base`, and the same with one more folder in front each time."""
        base = self.base
        yield base
        for folder in reversed(self.above):
            base = f"{folder.rstrip('/')}/{base}"
            yield base


class SourcedDocument(NamedTuple):
    """A document that was read, and where."""

    found: ReadDocument
    source: Source

    @property
    def document(self) -> Document:
        """The document, with the id that its source gives."""
        return self.found.document

    @property
    def key(self) -> str:
        """What identifies it within its source: its id, or what is added to the path."""
        given, member = self.found.document.id, self.found.member
        if not given:
            return member + self._numbered
        # A given id is never taken for a number.
        return f"{member}::{given}" if member or given.startswith(":") else given

    @property
    def place(self) -> str:
        """Where it is, for messages: `notes.txt, line 7`."""
        name = "/".join(filter(None, (self.source.name, self.found.member)))
        number = self.found.number
        return f"{name}, {self.found.unit} {number}" if number else name

    def first_id(self) -> str:
        """Return the first of `ids`."""
        return self.found.document.id or self.source.base + self._ending()

    def ids(self, repeated: str = "") -> Iterator[str]:
        """Yield the ids that it may have, the preferred one first, with `repeated` behind each."""
        given, ending = self.found.document.id, self._ending() + repeated
        own = [given] if given and not repeated else []
        return chain(own, (base + ending for base in self.source.bases()))

    @property
    def _numbered(self) -> str:
        return f":{self.found.number}" if self.found.number else ""

    def _ending(self) -> str:
        given, member = self.found.document.id, self.found.member
        if self.source.is_stream and not given:
            return f":{_digest(self.found.document)}"
        return (f"/{member}" if member else "") + (f":{given}" if given else self._numbered)


def _digest(document: Document) -> str:
    """Return a name for a text that has no place to be named by, made of its content."""
    metadata = json.dumps(document.metadata, sort_keys=True, default=str)
    content = "\0".join((document.title, document.text, metadata))
    return blake2b(content.encode("utf-8", "replace"), digest_size=8).hexdigest()


def printable(name: str) -> str:
    r"""Return a name that can be written as UTF-8: those of files may hold stray bytes."""
    return name.encode("utf-8", "backslashreplace").decode()


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file to read."""

    path: Path | None  # None is standard input
    source: Source
    size: int | None  # None for pipes and standard input
    explicit: bool  # named by itself, so that it must be readable


@dataclass(slots=True)
class Listing:
    """The files that will be read, and what will not."""

    files: list[SourceFile] = field(default_factory=list)
    # Real paths of the files and folders that were named, and of folders that cannot be listed.
    named: list[str | bytes] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    closed: list[str | bytes] = field(default_factory=list)


def find_files(sources: Sequence[str | Path], glob: str, *, skip_errors: bool = False) -> Listing:
    """List the files of all sources in order, each once."""
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
        listing.named.append(stored_path(source))
    return found


def unreadable(name: str, error: OSError) -> SourceError:
    """Return our error for what the operating system refused."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return SourceNotFoundError(name, "there is no such file or folder; check the path")
    if isinstance(error, PermissionError):
        return SourceError(name, "no permission to read it; change its mode, or leave it out")
    return SourceError(name, f"cannot be read: {error.strerror or error}")


def stored_path(path: str | Path) -> str | bytes:
    """Return the real path by which a file is remembered; bytes where it is not UTF-8."""
    real = os.path.realpath(path)
    try:
        real.encode()
    except UnicodeEncodeError:
        return os.fsencode(real)
    return real


def is_file(path: str | bytes) -> bool:
    """Return whether a remembered file exists; one that cannot be looked at may."""
    try:
        return not stat.S_ISDIR(os.lstat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError):
        return True


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
        known = Source(stored_path(real), source, name, above)
        yield real, SourceFile(path, known, info.st_size, explicit=True)
    else:
        # A pipe has no content of its own: what comes next time is something else.
        yield os.path.realpath(path), SourceFile(path, _stream(source), None, explicit=True)


def _stream(name: str) -> Source:
    return Source(STREAM, name, STREAM)


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
        real = os.path.realpath(path)
        # The root of all folders has no name.
        base = f"{name.rstrip('/')}/{printable(relative)}".lstrip("/")
        source = Source(stored_path(real), str(path), base, tuple(above))
        yield real, SourceFile(path, source, size, explicit=False)
    if not found:
        reason = f"the folder has no file that matches {glob!r} (hidden ones are left out)"
        raise SourceError(folder, f"{reason}; add files, or choose another glob")


def _walk(folder: Path, listing: Listing) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        if error.filename == str(folder):
            raise unreadable(str(folder), error) from error
        closed = str(error.filename)
        listing.closed.append(stored_path(closed))
        listing.left_out.append(LeftOut(closed, unreadable(closed, error).short_reason))

    for parent, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [n for n in folders if not n.startswith(".") and _enters(parent, n, listing)]
        yield from (Path(parent, name) for name in names if not name.startswith("."))


def _enters(parent: str, name: str, listing: Listing) -> bool:
    """Return whether to look into a folder; a link to one could lead round in a circle."""
    path = os.path.join(parent, name)  # noqa: PTH118 - called for every folder
    if os.path.islink(path):  # noqa: PTH114
        reason = "it is a link to a folder; name it by itself to read it"
        listing.left_out.append(LeftOut(path, reason))
        return False
    return not _is_workspace(path)


def _is_workspace(folder: str) -> bool:
    # `embedsearch build . -w my.es` must not read its own results the next time. The functions
    # of pathlib raise if a folder cannot be entered.
    names = ("workspace.json", "documents.sqlite")
    return all(os.path.isfile(f"{folder}/{name}") for name in names)  # noqa: PTH113


def _regular_size(path: Path) -> int | None:
    try:
        info = path.stat()
    except OSError:
        return 0  # a broken link, or not ours to look at: opening it will say so
    return info.st_size if stat.S_ISREG(info.st_mode) else None


class Glob:
    """A pattern of paths: `*` and `?` stay within a name, `**/` is any number of folders.

    A regular expression would try the places of each `*` with those of all others. Here all ways
    through the pattern are followed at once: each bit of a number is a place in it.
    """

    def __init__(self, glob: str) -> None:
        self._singles: list[tuple[int, Callable[[str], object]]] = []
        self._stars, self._deep_stars, self._folders = 0, 0, 0
        self._known: dict[str, int] = {}
        self._end = 0
        if len(glob) > _LONGEST_GLOB:
            raise ParameterError("glob", f"at most {_LONGEST_GLOB:,} characters long", len(glob))
        # A pattern without a `/` is one of names, in any folder.
        self._read(glob if "/" in glob else f"**/{glob}")

    def matches(self, path: str) -> bool:
        """Return whether the whole of a path, with `/` between its names, fits."""
        states = self._onward(1)
        for letter in path:
            single = self._known.get(letter)
            if single is None:
                single = self._known[letter] = self._accepting(letter)
            inside = self._folders << 1
            if letter == "/":
                staying = states & self._deep_stars | (states & inside) >> 1
            else:
                looping = self._stars | self._deep_stars | inside
                staying = states & looping | (states & self._folders) << 1
            states = self._onward(staying | (states & single) << 1)
            if not states:
                return False
        return bool(states >> self._end & 1)

    def _onward(self, states: int) -> int:
        """Add the places that are reached without a character, as a star may be empty."""
        empty, more = self._stars | self._deep_stars, 0
        while more != states:
            more = states
            states |= (states & empty) << 1 | (states & self._folders) << 2
        return states

    def _accepting(self, letter: str) -> int:
        return sum(1 << place for place, accepts in self._singles if accepts(letter))

    def _read(self, glob: str) -> None:
        at = 0
        while at < len(glob):
            if glob.startswith("**/", at):
                self._folders |= 1 << self._end
                self._end, at = self._end + 2, at + 3
            elif glob[at] == "*":
                deep = glob.startswith("**", at)
                self._deep_stars |= deep << self._end
                self._stars |= (not deep) << self._end
                self._end, at = self._end + 1, at + 1 + deep
            else:
                accepts, at = _single(glob, at)
                self._singles.append((self._end, accepts))
                self._end += 1


def _single(glob: str, at: int) -> tuple[Callable[[str], object], int]:
    """Return the test of one character, and the place in the pattern behind it."""
    if glob[at] == "?":
        return "/".__ne__, at + 1
    first = at + 1 + glob.startswith("[!", at)
    close = glob.find("]", first + 1) if glob[at] == "[" else -1
    if close < 0:
        return glob[at].__eq__, at + 1
    inside = glob[first:close].replace("\\", "\\\\").replace("[", "\\[").replace("^", "\\^")
    inside = inside.replace("]", "\\]", 1)
    try:
        return re.compile(f"[{'^' * (first > at + 1)}{inside}]", re.DOTALL).match, close + 1
    except re.error as error:
        raise ParameterError("glob", f"a pattern of paths ({error})", glob) from error

"""The files of a lexical index: what tantivy writes, and whether it is still what was written.

`lexical.json` names the analyser, the last change that was applied, and the commit of tantivy
(its `opstamp`) that holds it, and lists the files of the commit with their hashes. It is replaced
after the commit, as tantivy's Python package has no payload for commits. If a process dies between
the two, the index is newer than the file says, and applying the same changes again gives the same
index.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import shutil
import time
import zlib
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from embedsearch._errors import (
    EmbedSearchError,
    ParameterError,
    StorageError,
    WorkspaceDamagedError,
    WorkspaceError,
    WorkspaceExistsError,
    WorkspaceLockedError,
    WorkspaceReadOnlyError,
    WorkspaceVersionError,
)
from embedsearch._io import checksum_holds, read_json, read_json_value, replace_file, with_checksum
from embedsearch._schemas import COUNT, HASH, POSITIVE, Anything, Fields, Named, Text, fault
from embedsearch.index.lexical import FILE_NAMES, TANTIVY_FILES
from embedsearch.index.lexical.analysis import GAP, STOPS, TEXT, TITLE, LexicalAnalyzer
from embedsearch.index.storage import full_hash, hash_of_places

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


NUMBER = "number"
_TOKENIZER = "spaces"


def load_tantivy() -> Any:
    """Import tantivy, which takes some milliseconds, when it is first needed."""
    import tantivy

    return tantivy


def make_schema() -> Any:
    """Return tantivy's schema: the token streams of a document, and its number."""
    builder = load_tantivy().SchemaBuilder()
    for name in (TEXT, TITLE, STOPS):
        builder.add_text_field(name, tokenizer_name=_TOKENIZER, index_option="position")
    # With an unsigned field, deletion by a Python integer silently deletes nothing.
    builder.add_integer_field(NUMBER, indexed=True, fast=True)
    return builder.build()


def prepare(index: Any) -> None:
    """Set up an opened index: split at spaces, skip gaps, reload only on request."""
    tantivy = load_tantivy()
    spaces = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace())
    index.register_tokenizer(
        _TOKENIZER, spaces.filter(tantivy.Filter.custom_stopword([GAP])).build()
    )
    index.config_reader(reload_policy="manual")


@contextmanager
def _errors_as(
    error_of: Callable[[Path, Exception], WorkspaceError], folder: Path
) -> Iterator[None]:
    try:
        yield
    except EmbedSearchError:
        raise
    except (ValueError, OSError) as error:
        raise error_of(folder, error) from error
    except BaseException as error:
        # A panic of tantivy: its class is made inside the extension and cannot be imported.
        if type(error).__name__ != "PanicException":
            raise
        raise _damaged(folder, error) from error


def _damaged(folder: Path, error: BaseException) -> WorkspaceDamagedError:
    reason = f"the lexical index is damaged and must be built again ({_first_line(error)})"
    return WorkspaceDamagedError(folder, reason)


def _unwritable(folder: Path, error: Exception) -> WorkspaceError:
    message = str(error)
    if "LockBusy" in message:
        return WorkspaceLockedError(folder, "another process is writing to the lexical index")
    if any(sign in message for sign in ("PermissionDenied", "ReadOnlyFilesystem")):
        return WorkspaceReadOnlyError(folder, "the lexical index cannot be written to")
    if "corrupt" in message or "DoesNotExist" in message:
        return _damaged(folder, error)
    reason = f"the lexical index cannot be written; is the disk full? ({_first_line(error)})"
    return StorageError(folder, reason)


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0][:200] or type(error).__name__


# Raise our errors for what tantivy raises as it reads a damaged index, or cannot write.
reading_errors = partial(_errors_as, _damaged)
writing_errors = partial(_errors_as, _unwritable)


STATE, META = "lexical.json", "meta.json"
_MANAGED = ".managed.json"
_SEGMENT = re.compile("[0-9a-f]{32}")
_SEGMENT_FILE = re.compile(TANTIVY_FILES)
FORMAT = 2
_ENTRY = Fields({"size": COUNT, "sha256": HASH}, {"places": HASH})
_SCHEMA = Fields(
    {
        "format": POSITIVE,
        "change": COUNT,
        "opstamp": COUNT,
        "analyzer": Fields({"language": Text(), "tokenizer": Named(Anything())}),
        "files": Named(_ENTRY, FILE_NAMES),
    }
)
_SUFFIXES = ("fast", "fieldnorm", "idx", "pos", "store", "term")
# The last bytes of every file of tantivy.
_MAGIC = 1337
_BLOCK = 1 << 20

# Of larger files only samples are compared at opening: hashing this much takes 10 ms.
MOST_CHECKED = 16 << 20

# Facts of files that this process has compared: path, inode, size, time, expected hash.
# A younger file may change again within one tick of the file system's clock, unseen: as in git, it
# is not remembered. Some file systems tick every two seconds.
_MOST_REMEMBERED = 10_000
_SETTLED_NS = 2_000_000_000
_checked: set[tuple[str, int, int, int, str]] = set()


@dataclass(frozen=True, slots=True)
class State:
    """What `lexical.json` holds."""

    analyzer: LexicalAnalyzer  # how the documents were cut
    change: int  # the last change applied
    opstamp: int  # the commit that holds it


def write_state(folder: Path, state: State, most_checked: int = MOST_CHECKED) -> None:
    """Replace the state; larger files than `most_checked` get a hash of samples, too."""
    try:
        known = _table(_read_state(folder), folder)
    except (WorkspaceDamagedError, WorkspaceVersionError):
        known = {}

    def entry(name: str) -> dict[str, Any]:
        path, before = folder / name, known.get(name)
        size = path.stat().st_size
        # No file but meta.json is ever written to twice: only new ones must be hashed.
        if before is not None and before["size"] == size and name != META:
            return before
        with path.open("rb") as file:
            hashes = {"sha256": full_hash(file, size)}
            if size > most_checked:
                hashes["places"] = hash_of_places(file, size)
        return {"size": size, **hashes}

    values = {
        "format": FORMAT,
        "change": state.change,
        "opstamp": state.opstamp,
        "analyzer": state.analyzer.to_json(),
        "files": {name: entry(name) for name in (META, *read_commit(folder).files)},
    }
    replace_file(folder / STATE, json.dumps(with_checksum(values), ensure_ascii=False))


def read_state(folder: Path) -> State:
    """Read the state."""
    return _state_of(_read_state(folder), folder)


def _read_state(folder: Path) -> dict[str, Any]:
    values = read_json(folder / STATE, folder)
    version = values.get("format")
    if type(version) is int and version > FORMAT:
        raise WorkspaceVersionError(folder, "the lexical index is of a newer embedsearch; update")
    if version != FORMAT:
        raise WorkspaceDamagedError(folder, f"{STATE} is of an older version of embedsearch")
    return values


def _table(values: dict[str, Any], folder: Path) -> dict[str, dict[str, Any]]:
    """Return the size and the hashes of each file, by its name."""
    if found := fault(values, _SCHEMA):
        raise WorkspaceDamagedError(folder, f"{STATE} is not what was written: {found}")
    table: dict[str, dict[str, Any]] = values["files"]
    return table


def _state_of(values: dict[str, Any], folder: Path) -> State:
    _table(values, folder)
    try:
        analyzer = LexicalAnalyzer.from_json(values["analyzer"])
    except (ParameterError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise WorkspaceDamagedError(folder, f"{STATE} is not what was written") from error
    return State(analyzer, values["change"], values["opstamp"])


@dataclass(frozen=True, slots=True)
class Commit:
    """What tantivy's `meta.json` says of its last commit."""

    opstamp: int
    # Documents that are deleted but still take space, and still count in the statistics of BM25
    # until their segment is merged.
    deleted: int
    segments: tuple[str, ...]  # the beginnings of the names of its files
    deletions: tuple[str, ...] = ()  # the names of the files that list deleted documents

    @property
    def files(self) -> list[str]:
        """The names of its files."""
        return [
            *(f"{name}.{kind}" for name in self.segments for kind in _SUFFIXES),
            *self.deletions,
        ]


def read_commit(folder: Path) -> Commit:
    """Read what the last commit is."""
    values = read_json(folder / META, folder)
    try:
        segments = values["segments"]
        deleted = sum((segment["deletes"] or {}).get("num_deleted_docs", 0) for segment in segments)
        names = tuple(_as_segment(segment["segment_id"]) for segment in segments)
        deletions = tuple(
            f"{name}.{_as_opstamp(segment['deletes']['opstamp'])}.del"
            for name, segment in zip(names, segments, strict=True)
            if segment["deletes"]
        )
        return Commit(_as_opstamp(values["opstamp"]), deleted, names, deletions)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise WorkspaceDamagedError(folder, f"{META} is not what was written") from error


def _as_opstamp(value: object) -> int:
    if type(value) is not int or value < 0:
        raise TypeError(value)
    return value


def _as_segment(identifier: str) -> str:
    name = identifier.replace("-", "")
    if not _SEGMENT.fullmatch(name):
        raise ValueError(name)
    return name


def are_ours(names: set[str]) -> bool:
    """Whether files are those of a lexical index, or what damage has left of one."""
    return bool(names & {STATE, META, _MANAGED}) or all(map(_SEGMENT_FILE.fullmatch, names))


def clear(folder: Path) -> None:
    """Remove an index, or what damage has left of one; leave anything else."""
    if not folder.exists():
        return
    with writing_errors(folder):
        names = {path.name for path in folder.iterdir()}
    if not are_ours(names):
        raise WorkspaceExistsError(folder, "there is something else than a lexical index in it")
    with writing_errors(folder):
        # Without it, what a crash leaves from here on counts as damaged.
        (folder / STATE).unlink(missing_ok=True)
        shutil.rmtree(folder)


def make_mirror(folder: Path) -> TemporaryDirectory[str]:
    """Make a folder of links to the files of one that cannot be written to."""
    # tantivy creates a file for its lock even if it only reads.
    mirror = TemporaryDirectory(prefix="embedsearch-", ignore_cleanup_errors=True)
    for path in folder.resolve().iterdir():
        if not path.name.endswith(".lock"):
            (Path(mirror.name) / path.name).symlink_to(path)
    return mirror


def missing_files(folder: Path) -> list[str]:
    """Return the names of the files of the last commit that are missing, or were cut short."""
    while True:
        committed = read_commit(folder)
        missing = [name for name in committed.files if not _ends_well(folder / name)]
        # A writer may have merged segments in between.
        if not missing or read_commit(folder) == committed:
            return missing


def damaged_files(folder: Path) -> list[str]:
    """Return the names of the files of the last commit that are not what was written.

    Every byte is read. No writer may be at work.
    """
    return [*_damaged_states(folder), *_damaged_parts(folder, _is_same)]


def unreadable_files(folder: Path) -> list[str]:
    """Return the names of files that tantivy must not see: damage can end the process.

    Samples of large files are compared. A writer may be at work. Files that were compared before
    are not compared again.
    """
    while True:
        before = _states_of(folder)
        found = [*_damaged_states(folder), *_damaged_parts(folder, _is_readable)]
        # A writer may have merged segments in between.
        if not found or _states_of(folder) == before:
            return found


def identity(folder: Path) -> str | None:
    """Return a digest of all files of an index, once these were compared with their hashes.

    It covers the inode and the time of large files, as only their samples are compared. None if
    the state was not written after the last commit, and lists other files.
    """
    state, meta = _states_of(folder)
    listed = _table(_read_state(folder), folder)
    if hashlib.sha256(meta).hexdigest() != listed.get(META, {}).get("sha256"):
        return None
    digest = hashlib.sha256(state)
    for name, entry in sorted(listed.items()):
        if "places" in entry:
            facts = (folder / name).stat()
            digest.update(f"{name} {facts.st_ino} {facts.st_mtime_ns}".encode())
    return digest.hexdigest()


def _states_of(folder: Path) -> list[bytes]:
    paths = (folder / STATE, folder / META)
    return [path.read_bytes() if path.exists() else b"" for path in paths]


def _damaged_parts(
    folder: Path, is_sound: Callable[[Path, dict[str, Any] | None], bool]
) -> Iterator[str]:
    listed = _table(_read_state(folder), folder)
    for name in read_commit(folder).files:
        # What was committed since the state was written is not listed, and has its own checksum.
        if not is_sound(folder / name, listed.get(name)):
            yield name


def _is_same(path: Path, entry: dict[str, Any] | None) -> bool:
    try:
        return _has_own_checksum(path) if entry is None else _has_hash(path, entry, "sha256")
    except FileNotFoundError:
        return False


def _is_readable(path: Path, entry: dict[str, Any] | None) -> bool:
    try:
        facts = path.stat()
        expected = "" if entry is None else entry["sha256"]
        key = (str(path.absolute()), facts.st_ino, facts.st_size, facts.st_mtime_ns, expected)
        if key in _checked:
            return True
        if entry is not None:
            readable = _has_hash(path, entry, "places" if "places" in entry else "sha256")
        elif facts.st_size <= MOST_CHECKED:
            readable = _has_own_checksum(path)
        else:
            readable = _ends_well(path)
    except FileNotFoundError:
        return False
    if len(_checked) >= _MOST_REMEMBERED:
        _checked.clear()
    if readable and time.time_ns() - facts.st_mtime_ns > _SETTLED_NS:
        _checked.add(key)
    return readable


def _has_hash(path: Path, entry: dict[str, Any], kind: str) -> bool:
    hashed = hash_of_places if kind == "places" else full_hash
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        return bool(size == entry["size"] and hashed(file, size) == entry[kind])


def _damaged_states(folder: Path) -> list[str]:
    values = _read_state(folder)
    if checksum_holds(values) is False:
        return [STATE]
    if not _lists_own_files(folder):
        return [_MANAGED]
    committed, listed = read_commit(folder), _table(values, folder)
    # After a crash within a commit the file is newer than the state says.
    if committed.opstamp > _state_of(values, folder).opstamp:
        return []
    sound = META in listed and _is_same(folder / META, listed[META])
    return [] if sound and set(committed.files) <= listed.keys() else [META]


def _lists_own_files(folder: Path) -> bool:
    """Whether tantivy's list of files, which it removes later, has no path to another folder."""
    if not (folder / _MANAGED).exists():
        return True
    try:
        names = read_json_value(folder / _MANAGED, folder)
    except WorkspaceDamagedError:
        return False
    return isinstance(names, list) and all(
        isinstance(name, str) and re.fullmatch(FILE_NAMES, name) for name in names
    )


def _ends_well(path: Path) -> bool:
    # tantivy before 0.27 opens some files only when a query needs them.
    try:
        with path.open("rb") as file:
            file.seek(max(file.seek(0, os.SEEK_END) - 4, 0))
            return int.from_bytes(file.read(4), "little") == _MAGIC
    except FileNotFoundError:
        return False


def _has_own_checksum(path: Path) -> bool:
    # At the end: JSON with the CRC-32 of what is before it, its length, and a magic number.
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - 8, 0))
        length, magic = (int.from_bytes(file.read(4), "little") for _ in range(2))
        content = size - 8 - length
        if magic != _MAGIC or content < 0:
            return False
        file.seek(content)
        try:
            expected = json.loads(file.read(length))["crc"]
        except (ValueError, KeyError, TypeError):
            return False
        file.seek(0)
        return bool(_crc(file, content) == expected)


def _crc(file: Any, length: int) -> int:
    crc = 0
    while length:
        block = file.read(min(_BLOCK, length))
        crc = zlib.crc32(block, crc)
        length -= len(block)
    return crc


# One thread keeps up with the analysis, which Python does; it writes a segment when this is full.
HEAP = 64 << 20


class Writer:
    """Adds and deletes documents, within `writing`; none has a number above `highest`."""

    def __init__(self, writer: Any, folder: Path, highest: float = math.inf) -> None:
        self._writer, self._folder, self._highest = writer, folder, highest
        self._document = load_tantivy().Document

    def delete(self, number: int) -> None:
        """Delete a document, if it is there."""
        with writing_errors(self._folder):
            self._writer.delete_documents_by_term(NUMBER, number)

    def put(self, number: int, fields: Mapping[str, str]) -> None:
        """Add a document as its token streams, or replace the one of this number."""
        stored = self._document()
        stored.add_integer(NUMBER, number)
        for name, text in fields.items():
            stored.add_text(name, text)
        # A deletion costs as much as the analysis of a document.
        if number <= self._highest:
            self.delete(number)
        self._highest = max(self._highest, number)
        with writing_errors(self._folder):
            self._writer.add_document(stored)


@contextmanager
def writing(index: Any, folder: Path) -> Iterator[Writer]:
    """Open tantivy's writer; commit if the block succeeds, undo everything if it fails.

    When it is over, no thread of the writer is left.
    """
    with writing_errors(folder):
        writer = index.writer(heap_size=HEAP, num_threads=1)
        # Files of a process that died while it committed have the names of those to come.
        writer.garbage_collect_files()
        index.reload()
        highest = math.inf if index.searcher().num_docs else -1
    try:
        yield Writer(writer, folder, highest)
        with writing_errors(folder):
            writer.commit()
    except BaseException:
        # A writer that died of a full disk cannot undo; what it wrote was never named.
        with suppress(ValueError, OSError):
            writer.rollback()
        raise
    finally:
        with suppress(ValueError, OSError):
            writer.wait_merging_threads()

"""The files of a lexical index: what it has applied, and whether they are what was written.

`lexical.json` names the analyser and the last change that was applied, and the commit of
tantivy (its `opstamp`) that holds it, and lists the files of the commit with their hashes. It is
replaced after the commit. Where a process dies between the two, the index is newer than it says,
and applying the same changes once more gives the same index; tantivy's Python package has no
payload for commits.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from embedsearch._errors import ParameterError, WorkspaceDamagedError, WorkspaceVersionError
from embedsearch._io import checksum_holds, read_json, read_json_value, with_checksum, write_whole
from embedsearch._schemas import COUNT, HASH, POSITIVE, Anything, Fields, Named, Text, fault
from embedsearch.index.lexical.analysis import LexicalAnalyzer
from embedsearch.index.storage import hash_of_places, whole_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STATE, META = "lexical.json", "meta.json"
_MANAGED = ".managed.json"
_TANTIVY = r"[0-9a-f]{32}(\.\w+)+|\.tantivy-(writer|meta)\.lock|\.tmp\w{6}"
# Of a file that is being replaced by tantivy, the name is a random one.
FILE_NAMES = re.compile(rf"lexical\.json(\.new)?|meta\.json|\.managed\.json|{_TANTIVY}")
_SEGMENT = re.compile("[0-9a-f]{32}")
_SEGMENT_FILE = re.compile(_TANTIVY)
FORMAT = 2
_ENTRY = Fields({"size": COUNT, "sha256": HASH}, {"places": HASH})
_SCHEMA = Fields(
    {
        "format": POSITIVE,
        "change": COUNT,
        "opstamp": COUNT,
        "analyzer": Fields({"language": Text(), "tokenizer": Named(Anything())}),
        "files": Named(_ENTRY, FILE_NAMES.pattern),
    }
)
_KINDS = ("fast", "fieldnorm", "idx", "pos", "store", "term")
_MAGIC = 1337
_BLOCK = 1 << 20
# Of larger files some places are compared when they are opened: this much takes 10 ms.
_MOST_CHECKED = 16 << 20
_MOST_KEPT = 10_000
# Files that were compared by this process, by all that tells whether they have changed.
_sound: set[tuple[str, int, int, int, str]] = set()


@dataclass(frozen=True, slots=True)
class State:
    """What `lexical.json` holds.

    Attributes:
        analyzer: How the documents were cut.
        change: The last change applied.
        opstamp: The commit that holds it.
    """

    analyzer: LexicalAnalyzer
    change: int
    opstamp: int


def write_state(folder: Path, state: State) -> None:
    """Replace the state; a crash leaves the old one or the new one.

    Files are never written to twice, so that only new ones are hashed.
    """
    try:
        known = _table(_read_state(folder), folder)
    except (WorkspaceDamagedError, WorkspaceVersionError):
        known = {}
    names = [META, *read_committed(folder).files]
    values = {
        "format": FORMAT,
        "change": state.change,
        "opstamp": state.opstamp,
        "analyzer": state.analyzer.to_json(),
        "files": {name: _entry(folder / name, known.get(name)) for name in names},
    }
    write_whole(folder / STATE, json.dumps(with_checksum(values), ensure_ascii=False))


def _entry(path: Path, known: dict[str, Any] | None) -> dict[str, Any]:
    size = path.stat().st_size
    if known is not None and known["size"] == size and path.name != META:
        return known
    with path.open("rb") as file:
        entry = {"size": size, "sha256": whole_hash(file, size)}
        if size > _MOST_CHECKED:
            entry["places"] = hash_of_places(file, size)
    return entry


def _table(values: dict[str, Any], folder: Path) -> dict[str, dict[str, Any]]:
    """Return what is said of each file, by its name.

    Raises:
        WorkspaceDamagedError: The state is not one.
    """
    if found := fault(values, _SCHEMA):
        raise WorkspaceDamagedError(folder, f"{STATE} is not what was written: {found}")
    table: dict[str, dict[str, Any]] = values["files"]
    return table


def read_state(folder: Path) -> State:
    """Read the state.

    Raises:
        WorkspaceDamagedError: It is missing, is not what was written, or an older version wrote
            it, which listed no files.
        WorkspaceVersionError: A newer embedsearch wrote it.
    """
    return _state_of(_read_state(folder), folder)


def _read_state(folder: Path) -> dict[str, Any]:
    values = read_json(folder / STATE, folder)
    version = values.get("format")
    if type(version) is int and version > FORMAT:
        raise WorkspaceVersionError(folder, "the lexical index is of a newer embedsearch; update")
    if version != FORMAT:
        raise WorkspaceDamagedError(folder, f"{STATE} is of an older version of embedsearch")
    return values


def is_of_older_version(folder: Path) -> bool:
    """Tell whether an older version wrote the index; it is made again when it is next needed."""
    try:
        version = read_json(folder / STATE, folder).get("format")
    except WorkspaceDamagedError:
        return False
    return type(version) is int and 0 < version < FORMAT


def _state_of(values: dict[str, Any], folder: Path) -> State:
    _table(values, folder)
    try:
        analyzer = LexicalAnalyzer.from_json(values["analyzer"])
    except (ParameterError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise WorkspaceDamagedError(folder, f"{STATE} is not what was written") from error
    return State(analyzer, values["change"], values["opstamp"])


@dataclass(frozen=True, slots=True)
class Committed:
    """What tantivy's `meta.json` says of its last commit.

    Attributes:
        opstamp: The number of the commit.
        deleted: Documents that are deleted but still take space, and still count in the
            statistics of BM25 until their segment is merged.
        segments: The beginnings of the names of the files that belong to it.
        deletions: The names of the files that say which documents are deleted.
    """

    opstamp: int
    deleted: int
    segments: tuple[str, ...]
    deletions: tuple[str, ...] = ()

    @property
    def files(self) -> list[str]:
        """The names of the files that belong to it."""
        named = [f"{segment}.{kind}" for segment in self.segments for kind in _KINDS]
        return [*named, *self.deletions]


def read_committed(folder: Path) -> Committed:
    """Read what the last commit is.

    Raises:
        WorkspaceDamagedError: It is missing or is not what was written.
    """
    values = read_json(folder / META, folder)
    try:
        segments = values["segments"]
        gone = sum((segment["deletes"] or {}).get("num_deleted_docs", 0) for segment in segments)
        names = tuple(_as_segment(segment["segment_id"]) for segment in segments)
        deletions = tuple(
            f"{name}.{_as_number(segment['deletes']['opstamp'])}.del"
            for name, segment in zip(names, segments, strict=True)
            if segment["deletes"]
        )
        return Committed(_as_number(values["opstamp"]), gone, names, deletions)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise WorkspaceDamagedError(folder, f"{META} is not what was written") from error


def _as_number(value: object) -> int:
    if type(value) is not int or value < 0:
        raise TypeError(value)
    return value


def _as_segment(identifier: str) -> str:
    name = identifier.replace("-", "")
    if not _SEGMENT.fullmatch(name):
        raise ValueError(name)
    return name


def are_ours(names: set[str]) -> bool:
    """Tell whether files are those of a lexical index, or what damage has left of one."""
    return bool(names & {STATE, META, _MANAGED}) or all(map(_SEGMENT_FILE.fullmatch, names))


def mirrored(folder: Path) -> TemporaryDirectory[str]:
    """Make a folder of links to the files of one that cannot be written to.

    tantivy makes a file for its lock even where it only reads.
    """
    mirror = TemporaryDirectory(prefix="embedsearch-", ignore_cleanup_errors=True)
    for path in folder.resolve().iterdir():
        if not path.name.endswith(".lock"):
            (Path(mirror.name) / path.name).symlink_to(path)
    return mirror


def missing_files(folder: Path) -> list[str]:
    """Return the names of the files of the last commit that are not there, or were cut short."""
    while True:
        committed = read_committed(folder)
        missing = [name for name in committed.files if not _is_whole(folder / name)]
        # A writer may have merged segments in between.
        if not missing or read_committed(folder) == committed:
            return missing


def damaged_files(folder: Path) -> list[str]:
    """Return the names of the files of the last commit that are not what was written.

    No writer may be at work.
    """
    return [*_damaged_states(folder), *_damaged_parts(folder, _is_same)]


def unreadable_files(folder: Path) -> list[str]:
    """Return the names of files that tantivy must not see: damage can end the process.

    Large files are compared in some places. A writer may be at work. What was compared once is
    not compared again.
    """
    while True:
        before = _states_of(folder)
        found = [*_damaged_states(folder), *_damaged_parts(folder, _is_readable)]
        # A writer may have merged segments in between.
        if not found or _states_of(folder) == before:
            return found


def identity(folder: Path) -> str | None:
    """Return what stands for all files of an index, once these were compared with their hashes.

    Of large files, which are compared in some places only, it holds the inode and the time, too.
    None where the state was not written after the last commit, and lists others.
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
    for name in read_committed(folder).files:
        # What was committed since the state was written is not listed, and has its own checksum.
        if not is_sound(folder / name, listed.get(name)):
            yield name


def _is_same(path: Path, entry: dict[str, Any] | None) -> bool:
    try:
        return _is_sound(path) if entry is None else _has_hash(path, entry, "sha256")
    except FileNotFoundError:
        return False


def _is_readable(path: Path, entry: dict[str, Any] | None) -> bool:
    try:
        facts = path.stat()
        wanted = "" if entry is None else entry["sha256"]
        seen = (str(path.absolute()), facts.st_ino, facts.st_size, facts.st_mtime_ns, wanted)
        if seen in _sound:
            return True
        if entry is None:
            readable = _is_sound(path) if facts.st_size <= _MOST_CHECKED else _is_whole(path)
        else:
            readable = _has_hash(path, entry, "places" if "places" in entry else "sha256")
    except FileNotFoundError:
        return False
    if len(_sound) >= _MOST_KEPT:
        _sound.clear()
    if readable:
        _sound.add(seen)
    return readable


def _has_hash(path: Path, entry: dict[str, Any], kind: str) -> bool:
    hashed = hash_of_places if kind == "places" else whole_hash
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        return bool(size == entry["size"] and hashed(file, size) == entry[kind])


def _damaged_states(folder: Path) -> list[str]:
    values = _read_state(folder)
    if checksum_holds(values) is False:
        return [STATE]
    if not _leads_nowhere(folder):
        return [_MANAGED]
    committed, listed = read_committed(folder), _table(values, folder)
    # After a crash within a commit the file is newer than what is said of it.
    if committed.opstamp > _state_of(values, folder).opstamp:
        return []
    sound = META in listed and _is_same(folder / META, listed[META])
    return [] if sound and set(committed.files) <= listed.keys() else [META]


def _leads_nowhere(folder: Path) -> bool:
    """Tell whether tantivy's list of files has only names: it removes the files that it lists."""
    if not (folder / _MANAGED).exists():
        return True
    try:
        names = read_json_value(folder / _MANAGED, folder)
    except WorkspaceDamagedError:
        return False
    return isinstance(names, list) and all(
        isinstance(name, str) and FILE_NAMES.fullmatch(name) for name in names
    )


def _is_whole(path: Path) -> bool:
    """Tell whether a file is there to its end. tantivy before 0.27 opens some only when asked."""
    try:
        with path.open("rb") as file:
            file.seek(max(file.seek(0, os.SEEK_END) - 4, 0))
            return int.from_bytes(file.read(4), "little") == _MAGIC
    except FileNotFoundError:
        return False


def _is_sound(path: Path) -> bool:
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
            wanted = json.loads(file.read(length))["crc"]
        except (ValueError, KeyError, TypeError):
            return False
        file.seek(0)
        return bool(_crc(file, content) == wanted)


def _crc(file: Any, length: int) -> int:
    crc = 0
    while length:
        block = file.read(min(_BLOCK, length))
        crc = zlib.crc32(block, crc)
        length -= len(block)
    return crc

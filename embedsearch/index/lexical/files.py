"""The files of a lexical index: what it has applied, and whether they are what was written.

`lexical.json` names the analyser and the last change that was applied, and the commit of
tantivy (its `opstamp`) that holds it. It is replaced after the commit. Where a process dies
between the two, the index is newer than it says, and applying the same changes once more gives
the same index; tantivy's Python package has no payload for commits.
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
from embedsearch._files import checksum_holds, with_checksum, write_whole
from embedsearch.index._hashes import hash_of_places
from embedsearch.index.lexical.analysis import LexicalAnalyzer

if TYPE_CHECKING:
    from collections.abc import Iterator

STATE, META = "lexical.json", "meta.json"
_MANAGED = ".managed.json"
_TANTIVY = r"[0-9a-f]{32}(\.\w+)+|\.tantivy-(writer|meta)\.lock|\.tmp\w{6}"
# Of a file that is being replaced by tantivy, the name is a random one.
FILE_NAMES = re.compile(rf"lexical\.json(\.new)?|meta\.json|\.managed\.json|{_TANTIVY}")
_SEGMENT_FILE = re.compile(_TANTIVY)
FORMAT = 1
_KINDS = ("fast", "fieldnorm", "idx", "pos", "store", "term")
_MAGIC = 1337
_BLOCK = 1 << 20
# Of larger files some places are compared when they are opened: this much takes 10 ms.
_MOST_CHECKED = 16 << 20
_MOST_KEPT = 10_000
# Files that were compared by this process, by all that tells whether they have changed.
_sound: set[tuple[str, int, int, int]] = set()


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
    """Replace the state; a crash leaves the old one or the new one."""
    values = {
        "format": FORMAT,
        "change": state.change,
        "opstamp": state.opstamp,
        "analyzer": state.analyzer.to_json(),
        "meta": _meta_digest(folder),
        "places": _hashes_of_places(folder),
    }
    write_whole(folder / STATE, json.dumps(with_checksum(values), ensure_ascii=False))


def read_state(folder: Path) -> State:
    """Read the state.

    Raises:
        WorkspaceDamagedError: It is missing or is not what was written.
        WorkspaceVersionError: A newer embedsearch wrote it.
    """
    values = _read_object(folder, STATE)
    version = values.get("format")
    if isinstance(version, int) and version > FORMAT:
        raise WorkspaceVersionError(folder, "the lexical index is of a newer embedsearch; update")
    try:
        analyzer = LexicalAnalyzer.from_json(values["analyzer"])
        return State(analyzer, int(values["change"]), int(values["opstamp"]))
    except (ParameterError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise WorkspaceDamagedError(folder, f"{STATE} is not what was written") from error


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
    values = _read_object(folder, META)
    try:
        segments = values["segments"]
        gone = sum((segment["deletes"] or {}).get("num_deleted_docs", 0) for segment in segments)
        names = tuple(segment["segment_id"].replace("-", "") for segment in segments)
        deletions = tuple(
            f"{name}.{int(segment['deletes']['opstamp'])}.del"
            for name, segment in zip(names, segments, strict=True)
            if segment["deletes"]
        )
        return Committed(int(values["opstamp"]), gone, names, deletions)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise WorkspaceDamagedError(folder, f"{META} is not what was written") from error


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
    """Return the names of the files of the last commit whose checksum is not the one in them.

    No writer may be at work.
    """
    files = _committed_files(folder, read_committed(folder))
    broken = [path.name for path in files if not _is_sound(path)]
    return [*_damaged_states(folder), *broken]


def unreadable_files(folder: Path) -> list[str]:
    """Return the names of files that tantivy must not see: damage can end the process.

    What has a checksum is compared with it, of large files some places. A writer may be at work.
    What was compared once is not compared again.
    """
    while True:
        before = _states_of(folder)
        found = [*_damaged_states(folder), *_damaged_parts(folder)]
        # A writer may have merged segments in between.
        if not found or _states_of(folder) == before:
            return found


def _states_of(folder: Path) -> list[bytes]:
    paths = (folder / STATE, folder / META)
    return [path.read_bytes() if path.exists() else b"" for path in paths]


def _damaged_parts(folder: Path) -> Iterator[str]:
    places = _read_object(folder, STATE).get("places")
    for name in read_committed(folder).files:
        wanted = places.get(name) if isinstance(places, dict) else None
        if not _is_readable(folder / name, wanted):
            yield name


def _is_readable(path: Path, places: str | None) -> bool:
    try:
        facts = path.stat()
        seen = (str(path.absolute()), facts.st_ino, facts.st_size, facts.st_mtime_ns)
        if seen in _sound:
            return True
        if facts.st_size <= _MOST_CHECKED:
            readable = _is_sound(path)
        else:
            readable = _is_whole(path) and places in (None, _hash_of_places(path))
    except FileNotFoundError:
        return False
    if len(_sound) >= _MOST_KEPT:
        _sound.clear()
    if readable:
        _sound.add(seen)
    return readable


def _hashes_of_places(folder: Path) -> dict[str, str]:
    if not (folder / META).exists():
        return {}
    paths = (folder / name for name in read_committed(folder).files)
    large = (path for path in paths if path.exists() and path.stat().st_size > _MOST_CHECKED)
    return {path.name: _hash_of_places(path) for path in large}


def _hash_of_places(path: Path) -> str:
    with path.open("rb") as file:
        return hash_of_places(file, path.stat().st_size)


def _damaged_states(folder: Path) -> list[str]:
    values = _read_object(folder, STATE)
    if checksum_holds(values) is False:
        return [STATE]
    # After a crash within a commit the file is newer than what is said of it.
    as_said = "meta" not in values or read_committed(folder).opstamp > read_state(folder).opstamp
    return [] if as_said or values["meta"] == _meta_digest(folder) else [META]


def _meta_digest(folder: Path) -> str | None:
    path = folder / META
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None


def _committed_files(folder: Path, committed: Committed) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.partition(".")[0] in committed.segments:
            yield path


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


def _read_object(folder: Path, name: str) -> dict[str, Any]:
    try:
        values = json.loads((folder / name).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise WorkspaceDamagedError(folder, f"{name} of the lexical index is missing") from error
    except (ValueError, RecursionError) as error:
        raise WorkspaceDamagedError(folder, f"{name} is not JSON ({error})") from error
    if not isinstance(values, dict):
        raise WorkspaceDamagedError(folder, f"{name} does not hold an object")
    return values

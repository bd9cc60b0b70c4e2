"""One file for one index: what FAISS writes, then arrays, then a description of it all.

`faiss.read_index` reads the file too, as it stops where its own bytes end, and gets the same
neighbours: the cosine is kept as "scale to length 1, then inner product", and shifted vectors
as "subtract the mean, then Euclidean distance".

After the arrays come the description (JSON), its SHA-256 (32 bytes), its length (8 bytes,
little-endian) and `MAGIC`. The description has the hashes of what stands before it, so that
the hash of the description stands for the whole file.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from embedsearch._errors import StorageError, VectorError
from embedsearch._io import replacing
from embedsearch.index._hashes import MOST_HASHED, hash_of_places, whole_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

MAGIC = b"ESINDEX\n"
_FORMAT = 1
_LENGTH_BYTES, _HASH_BYTES = 8, 32
_END = _HASH_BYTES + _LENGTH_BYTES + len(MAGIC)
_LONGEST_DESCRIPTION = 64 << 20
_DTYPES = ("int64", "uint8")
_written: set[str] = set()


@dataclass(frozen=True)
class IndexFile:
    """A file that was found whole.

    Attributes:
        path: Where it is.
        description: What `write_index_file` was given, and `size`, the bytes before the
            description; `faiss_size`, those that are FAISS's.
        arrays: Arrays by name.
        digest: The hash of the whole.
    """

    path: Path
    description: dict[str, Any]
    arrays: dict[str, NDArray[Any]]
    digest: str


def write_index_file(
    path: str | Path,
    write_faiss: Callable[[Path], None],
    description: Mapping[str, Any],
    arrays: Mapping[str, NDArray[Any]],
) -> str:
    """Write an index: beside the old file, flushed, then renamed.

    Args:
        path: The file.
        write_faiss: Writes FAISS's part to the path that it is given.
        description: Anything that JSON can hold.
        arrays: int64 or uint8, one-dimensional.

    Returns:
        A hash of all of it.

    Raises:
        StorageError: The file cannot be written.
    """
    path = Path(path)
    try:
        with replacing(path) as new:
            write_faiss(new)
            with new.open("r+b") as file:
                digest = _append(file, description, arrays)
                _written.add(_told_apart(digest, file))
                return digest
    except StorageError:
        raise
    except OSError as error:
        raise StorageError(path, f"the index cannot be written ({error})") from error


def read_index_file(path: str | Path, verify: bool) -> IndexFile | None:
    """Find out whether a file is whole, and read all but FAISS's part of it.

    Args:
        path: The file.
        verify: Hash all of it, however large it is.

    Returns:
        None where FAISS alone may have written it.

    Raises:
        VectorError: It is damaged, or from a newer version.
        OSError: It cannot be opened.
    """
    path = Path(path)
    with path.open("rb") as file:
        end = _read_end(file, path)
        if end is None:
            return None
        description, digest = end
        _check_hashes(file, description, path, verify)
        arrays = {
            name: _read_array(file, place, description["size"], path)
            for name, place in _entries(description, path).items()
        }
    return IndexFile(path, description, arrays, digest)


def identity(path: str | Path) -> str | None:
    """Return what stands for a file, once it was found whole; None where FAISS alone wrote it.

    Of a large file, of which only some places are hashed, it holds the inode and the time, too.

    Raises:
        VectorError: Its description is damaged.
        OSError: It cannot be opened.
    """
    path = Path(path)
    with path.open("rb") as file:
        end = _read_end(file, path)
        return None if end is None else _told_apart(end[1], file)


def was_written_here(identity: str | None) -> bool:
    """Tell whether this process wrote the file that is called so."""
    return identity in _written


def _told_apart(digest: str, file: BinaryIO) -> str:
    file.flush()
    facts = os.fstat(file.fileno())
    if facts.st_size <= MOST_HASHED:
        return digest
    return f"{digest} {facts.st_ino} {facts.st_mtime_ns}"


def damaged(path: str | Path, what: str) -> VectorError:
    """Make the error for a file that is not what was written."""
    return VectorError(f"{path}: damaged: {what}; build the index again or restore the file")


def _append(
    file: BinaryIO, description: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> str:
    file.seek(0, 2)
    faiss_size = file.tell()
    places = {}
    for name, array in arrays.items():
        file.write(bytes(-file.tell() % 8))
        places[name] = [array.dtype.name, file.tell(), len(array)]
        little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        file.write(little.view(np.uint8).data)
    size = file.tell()
    hashes = {"sha256": whole_hash(file, size), "places": hash_of_places(file, size)}
    whole = {"format": _FORMAT, "size": size, "faiss_size": faiss_size, "arrays": places, **hashes}
    content = json.dumps({**description, **whole}, allow_nan=False).encode()
    hashed = sha256(content)
    file.seek(size)
    file.write(content + hashed.digest() + len(content).to_bytes(_LENGTH_BYTES, "little") + MAGIC)
    return hashed.hexdigest()


def _read_end(file: BinaryIO, path: Path) -> tuple[dict[str, Any], str] | None:
    size = file.seek(0, 2)
    file.seek(max(0, size - _END))
    end = file.read()
    if len(end) < _END or not end.endswith(MAGIC):
        return None
    length = int.from_bytes(end[_HASH_BYTES : _HASH_BYTES + _LENGTH_BYTES], "little")
    if length > min(size - _END, _LONGEST_DESCRIPTION):
        raise damaged(path, "its description is longer than the file")
    file.seek(size - _END - length)
    content = file.read(length)
    if sha256(content).digest() != end[:_HASH_BYTES]:
        raise damaged(path, "its description has another hash than when it was written")
    description = _parsed(content, path)
    if description["size"] != size - _END - length:
        raise damaged(path, f"it has {size:,} bytes, another size than when it was written")
    return description, sha256(content).hexdigest()


def _parsed(content: bytes, path: Path) -> dict[str, Any]:
    try:
        description = json.loads(content)
        version = description["format"]
        sizes = description["size"], description["faiss_size"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise damaged(path, "its description cannot be read") from error
    if version != _FORMAT:
        raise VectorError(f"{path}: written by a newer embedsearch; update to open it")
    if not all(isinstance(size, int) for size in sizes) or not 0 <= sizes[1] <= sizes[0]:
        raise damaged(path, "its description gives sizes that are none")
    return dict(description)


def _check_hashes(file: BinaryIO, description: Mapping[str, Any], path: Path, verify: bool) -> None:
    size = description["size"]
    if verify or size <= MOST_HASHED:
        same = whole_hash(file, size) == description.get("sha256")
    else:
        same = hash_of_places(file, size) == description.get("places")
    if not same:
        raise damaged(path, "it has another hash than when it was written")


def _entries(description: Mapping[str, Any], path: Path) -> dict[str, Any]:
    entries = description.get("arrays")
    if not isinstance(entries, dict):
        raise damaged(path, "its description names no arrays")
    return entries


def _read_array(file: BinaryIO, place: Any, size: int, path: Path) -> NDArray[Any]:
    try:
        name, start, count = place
        whole = isinstance(start, int) and isinstance(count, int) and name in _DTYPES
    except (ValueError, TypeError):
        whole = False
    dtype = np.dtype(name if whole else "uint8").newbyteorder("<")
    if not whole or start < 0 or count < 0 or start + count * dtype.itemsize > size:
        raise damaged(path, "an array is said to be where it cannot be")
    file.seek(start)
    return np.frombuffer(file.read(count * dtype.itemsize), dtype).astype(name)

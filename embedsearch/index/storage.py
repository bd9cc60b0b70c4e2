"""One file for one index: what FAISS writes, then arrays, then a description of it all.

`faiss.read_index` reads the file too, as it stops where its own bytes end, and gets the same
neighbours: the cosine is stored as "scale to length 1, then inner product", and shifted vectors
as "subtract the mean, then Euclidean distance".

After the arrays come the description (JSON), its SHA-256 (32 bytes), its length (8 bytes,
little-endian) and `MAGIC`. The description has the hashes of what stands before it, so that
the hash of the description stands for the whole file.
"""

from __future__ import annotations

import json
import os
import weakref
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from embedsearch._errors import StorageError, VectorError
from embedsearch._io import replacing
from embedsearch._types import Metric
from embedsearch.index.engine import Preprocessing
from embedsearch.index.faiss_tools import load_faiss, reason
from embedsearch.index.ids import IdMap

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from embedsearch.index.engine import Engine
    from embedsearch.index.tuning import TuningReport

MAGIC = b"ESINDEX\n"
_FORMAT = 1
_LENGTH_BYTES, _HASH_BYTES = 8, 32
_END = _HASH_BYTES + _LENGTH_BYTES + len(MAGIC)
_LONGEST_DESCRIPTION = 64 << 20
_DTYPES = ("int64", "uint8")
# Larger files are hashed in places when they are opened: this much takes a tenth of a second.
MOST_HASHED = 64 << 20
_BLOCK = 1 << 20
_PLACES, _PLACE_BYTES = 256, 8 << 10
# What this process has written, or has had read in a process apart. It is kept here, as there may
# be no folder for the state of programs.
TRUSTED: set[str] = set()


def full_hash(file: BinaryIO, size: int) -> str:
    """Return the SHA-256 of the first `size` bytes of a file."""
    hashed = sha256()
    file.seek(0)
    left = size
    while left and (block := file.read(min(_BLOCK, left))):
        hashed.update(block)
        left -= len(block)
    return hashed.hexdigest()


def hash_of_places(file: BinaryIO, size: int) -> str:
    """Hash the ends of the first `size` bytes of a file, and 255 places between, evenly.

    That is enough to find a file that was cut, or blocks of another file in it.
    """
    hashed = sha256(size.to_bytes(8, "little"))
    last = max(0, size - _BLOCK)
    places = [(0, _BLOCK), *((last * i // _PLACES, _PLACE_BYTES) for i in range(1, _PLACES))]
    for start, length in [*places, (last, _BLOCK)]:
        file.seek(start)
        hashed.update(file.read(min(length, size - start)))
    return hashed.hexdigest()


@dataclass(frozen=True)
class IndexFile:
    """A file whose hashes are right."""

    path: Path
    # What was written, and `size`, the bytes before the description; `faiss_size`, those that are
    # FAISS's.
    description: dict[str, Any]
    arrays: dict[str, NDArray[Any]]
    digest: str


def write_index_file(
    path: str | Path,
    write_faiss: Callable[[Path], object],
    description: Mapping[str, Any],
    arrays: Mapping[str, NDArray[Any]],
) -> str:
    """Write an index: next to the old file, flushed, then renamed.

    `write_faiss` writes FAISS's part to the path that it is given; arrays are int64 or uint8,
    one-dimensional. Returned is a hash of all of it.
    """
    path = Path(path)
    try:
        with replacing(path) as new:
            write_faiss(new)
            with new.open("r+b") as file:
                digest = _append(file, description, arrays)
                TRUSTED.add(_with_file_facts(digest, file))
                return digest
    except StorageError:
        raise
    except OSError as error:
        raise StorageError(path, f"the index cannot be written ({error})") from error


def read_index_file(path: str | Path, verify: bool) -> IndexFile:
    """Check the hashes of a file, and read all but FAISS's part of it.

    `verify` hashes all of it, however large it is.
    """
    path = Path(path)
    with path.open("rb") as file:
        description, digest = _read_end(file, path)
        _check_hashes(file, description, path, verify)
        places = description.get("arrays")
        if not isinstance(places, dict):
            raise damaged(path, "its description names no arrays")
        arrays = {
            name: _read_array(file, place, description["size"], path)
            for name, place in places.items()
        }
    return IndexFile(path, description, arrays, digest)


def identity(path: str | Path) -> str:
    """Return what stands for a file whose hashes are right.

    As only some places of a large file are hashed, it then has the inode and the time, too.
    """
    path = Path(path)
    with path.open("rb") as file:
        return _with_file_facts(_read_end(file, path)[1], file)


def _with_file_facts(digest: str, file: BinaryIO) -> str:
    file.flush()
    facts = os.fstat(file.fileno())
    if facts.st_size <= MOST_HASHED:
        return digest
    return f"{digest} {facts.st_ino} {facts.st_mtime_ns}"


def damaged(path: str | Path, what: str) -> VectorError:
    """Return the error for a file that is not what was written."""
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
    hashes = {"sha256": full_hash(file, size), "places": hash_of_places(file, size)}
    facts = {"format": _FORMAT, "size": size, "faiss_size": faiss_size, "arrays": places, **hashes}
    content = json.dumps({**description, **facts}, allow_nan=False).encode()
    hashed = sha256(content)
    file.seek(size)
    file.write(content + hashed.digest() + len(content).to_bytes(_LENGTH_BYTES, "little") + MAGIC)
    return hashed.hexdigest()


def _read_end(file: BinaryIO, path: Path) -> tuple[dict[str, Any], str]:
    size = file.seek(0, 2)
    file.seek(max(0, size - _END))
    end = file.read()
    if len(end) < _END or not end.endswith(MAGIC):
        raise damaged(path, "it does not end as an index of embedsearch does")
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
        raise damaged(path, "its description has impossible sizes")
    return dict(description)


def _check_hashes(file: BinaryIO, description: Mapping[str, Any], path: Path, verify: bool) -> None:
    size = description["size"]
    if verify or size <= MOST_HASHED:
        same = full_hash(file, size) == description.get("sha256")
    else:
        same = hash_of_places(file, size) == description.get("places")
    if not same:
        raise damaged(path, "it has another hash than when it was written")


def _read_array(file: BinaryIO, place: Any, size: int, path: Path) -> NDArray[Any]:
    try:
        name, start, count = place
        valid = isinstance(start, int) and isinstance(count, int) and name in _DTYPES
    except (ValueError, TypeError):
        valid = False
    dtype = np.dtype(name if valid else "uint8").newbyteorder("<")
    if not valid or start < 0 or count < 0 or start + count * dtype.itemsize > size:
        raise damaged(path, "the place of an array is not in the file")
    file.seek(start)
    return np.frombuffer(file.read(count * dtype.itemsize), dtype).astype(name)


@dataclass(frozen=True, slots=True)
class IndexParts:
    """What is built or read, without the ids."""

    engine: Engine
    preprocessing: Preprocessing
    # The measured share of the 10 nearest that are found; None if it is not known.
    recall: float | None = None
    # What "auto" saw, or what was changed for want of data; None for neither.
    report: TuningReport | None = None


# What the description of a `VectorIndex` says, besides what FAISS's part does.


def write_index(
    path: str | Path,
    parts: IndexParts,
    ids: IdMap,
    write_faiss: Callable[[Path], object] | None = None,
) -> str:
    """Write an index and return its hash; FAISS's part is `parts.engine.index` if not given."""
    engine, preprocessing = parts.engine, parts.preprocessing
    center = preprocessing.center
    description = {
        "kind": engine.kind,
        "spec": engine.spec,
        "metric": preprocessing.metric.value,
        "dimension": int(engine.index.d),
        "count": ids.count,
        "total": ids.total,
        "following": ids.next_id,
        "center": None if center is None else [float(value) for value in center],
        "parameters": dict(engine.parameters),
        "recall": parts.recall,
        "choice": None if parts.report is None else parts.report.to_json(),
    }
    write = write_faiss or faiss_writer(engine.index, preprocessing)
    return write_index_file(path, write, description, ids.arrays())


def read_preprocessing(file: IndexFile) -> Preprocessing:
    """Read the metric and the centre."""
    description = file.description
    try:
        metric = Metric(description["metric"])
        given = description["center"]
        center = None if given is None else np.array(given, np.float32)
        dimension = description["dimension"]
    except (KeyError, ValueError, TypeError) as error:
        raise damaged(file.path, "its metric or centre cannot be read") from error
    if center is not None and center.shape != (dimension,):
        raise damaged(file.path, "its centre has another dimension than its vectors")
    return Preprocessing(metric, center)


def read_ids(file: IndexFile, index: Any) -> IdMap:
    """Read the ids, and compare them with FAISS's part of the file."""
    description, arrays = file.description, file.arrays
    total, deleted = int(index.ntotal), arrays.get("deleted")
    ids = arrays.get("ids")
    mask = None
    if deleted is not None:
        mask = np.unpackbits(deleted, count=total, bitorder="little").astype(bool)
    fits = (
        description.get("total") == total
        and description.get("dimension") == index.d
        and (ids is None or len(ids) == total)
        and (deleted is None or len(deleted) == (total + 7) // 8)
    )
    if not fits:
        raise damaged(file.path, "its ids do not fit its vectors")
    return IdMap(total, ids, mask, int(description.get("following", 0)))


# FAISS's part of a file.


class MappedFile:
    """An open file of which FAISS's part is mapped.

    It stays reachable, also when another file takes its name.
    """

    def __init__(self, file: IndexFile) -> None:
        self._size = file.description["faiss_size"]
        self._descriptor = os.open(file.path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._descriptor)

    def copy(self, path: Path) -> None:
        """Copy FAISS's bytes to a new file."""
        with self._reopened() as source, path.open("wb") as target:
            left = self._size
            while left and (block := source.read(min(_BLOCK, left))):
                target.write(block)
                left -= len(block)

    def in_memory(self, preprocessing: Preprocessing) -> Any:
        """Read the FAISS index again, all of it into memory."""
        faiss = load_faiss()
        with self._reopened() as file:
            index = faiss.read_index(faiss.PyCallbackIOReader(file.read))
        return _unwrapped(index, preprocessing)

    def _reopened(self) -> BinaryIO:
        # A copy of the descriptor can be closed, but shares its place in the file.
        file = os.fdopen(os.dup(self._descriptor), "rb")
        file.seek(0)
        return file


def faiss_writer(index: Any, preprocessing: Preprocessing) -> Callable[[Path], None]:
    """Return what writes a FAISS index, and the preprocessing as a transformation before it."""

    def write(path: Path) -> None:
        transform = _transform(index.d, preprocessing)
        faiss = load_faiss()
        write_faiss(index if transform is None else faiss.IndexPreTransform(transform, index), path)

    return write


def write_faiss(index: Any, path: Path) -> None:
    """Let FAISS write an index."""
    try:
        load_faiss().write_index(index, str(path))
    except RuntimeError as error:
        raise StorageError(path, f"the index cannot be written ({reason(error)})") from error


def read_faiss(path: Path, mapped: bool, preprocessing: Preprocessing) -> Any:
    """Read what `faiss_writer` wrote, from a file whose hashes are right."""
    faiss = load_faiss()
    try:
        index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC if mapped else 0)
    except (RuntimeError, MemoryError) as error:
        raise damaged(path, f"not a FAISS index ({reason(error)})") from error
    return _unwrapped(index, preprocessing)


def _unwrapped(index: Any, preprocessing: Preprocessing) -> Any:
    faiss = load_faiss()
    if _transform(index.d, preprocessing) is None:
        return index
    inner = faiss.downcast_index(index.index)
    # The inner index lives in the outer one and would vanish with it.
    inner.referenced_objects = [index]
    return inner


def _transform(dimension: int, preprocessing: Preprocessing) -> Any:
    faiss = load_faiss()
    if preprocessing.metric is Metric.COSINE:
        return faiss.NormalizationTransform(dimension, 2.0)
    if preprocessing.center is None:
        return None
    centering = faiss.CenteringTransform(dimension)
    faiss.copy_array_to_vector(preprocessing.center, centering.mean)
    centering.is_trained = True
    return centering

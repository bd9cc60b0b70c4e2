"""Files of indexes: found damaged before FAISS reads them, and replaced whole."""

from __future__ import annotations

import hashlib
import json
import resource
from collections.abc import Callable
from pathlib import Path

import faiss
import numpy as np
import pytest

from embedsearch._errors import StorageError, VectorError
from embedsearch.index.storage import MOST_HASHED
from embedsearch.index.vector_index import VectorIndex

X = np.random.default_rng(0).standard_normal((400, 8)).astype(np.float32)
KINDS = ("flat", "HNSW8,Flat", "IVF8,SQ8")


@pytest.fixture(params=KINDS)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    index = VectorIndex.build(X, "euclidean", request.param, ids=np.arange(5, 405), threads=1)
    index.delete([7, 8])
    index.save(tmp_path / "i.faiss")
    return tmp_path / "i.faiss"


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note each file that FAISS is asked to read."""
    asked: list[str] = []
    read = faiss.read_index

    def noting(*arguments: object) -> object:
        asked.append(str(arguments[0]))
        return read(*arguments)

    monkeypatch.setattr(faiss, "read_index", noting)
    return asked


def described(content: bytes, change: Callable[[dict], None]) -> bytes:
    """Change the description at the end of a file, and make its hash fit again."""
    length = int.from_bytes(content[-16:-8], "little")
    description = json.loads(content[-48 - length : -48])
    change(description)
    text = json.dumps(description).encode()
    end = hashlib.sha256(text).digest() + len(text).to_bytes(8, "little") + content[-8:]
    return content[: -48 - length] + text + end


def test_a_file_cut_short_is_refused_before_faiss_reads_it(path: Path, unread: list[str]) -> None:
    whole = path.read_bytes()
    rng = np.random.default_rng(1)
    for size in [*rng.integers(0, len(whole), 200), len(whole) - 1]:
        path.write_bytes(whole[:size])
        with pytest.raises(VectorError, match="damaged"):
            VectorIndex.load(path)
    assert unread == []


def test_a_flipped_bit_is_found_before_faiss_reads_it(path: Path, unread: list[str]) -> None:
    whole = path.read_bytes()
    rng = np.random.default_rng(2)
    for place in [*rng.integers(0, len(whole), 200), *range(len(whole) - 60, len(whole))]:
        content = bytearray(whole)
        content[place] ^= 1 << rng.integers(0, 8)
        path.write_bytes(content)
        with pytest.raises(VectorError, match=r"damaged|newer"):
            VectorIndex.load(path, mapped=False)
    assert unread == []


def test_sizes_that_cannot_be_are_refused_before_memory_is_asked_for(path: Path) -> None:
    whole = path.read_bytes()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    absurd = [
        lambda d: d["arrays"].update(ids=["int64", 0, 2**60]),
        lambda d: d["arrays"].update(ids=["int64", 2**62, 1]),
        lambda d: d["arrays"].update(ids=["float64", 0, 1]),
        lambda d: d["arrays"].update(ids=["int64", -8, 1]),
        lambda d: d["arrays"].update(ids=None),
        lambda d: d.update(arrays=[]),
        lambda d: d.update(faiss_size=2**60),
        lambda d: d.update(size=2**60),
        lambda d: d.update(size="many"),
        lambda d: d.update(total=10**9),
        lambda d: d.update(dimension=3),
        lambda d: d.update(center=[1.0, 2.0]),
        lambda d: d.update(metric="hamming"),
        lambda d: d.pop("kind"),
        lambda d: d.pop("choice"),
        lambda d: d.update(choice={"spec": 1}),
    ]
    for change in absurd:
        path.write_bytes(described(whole, change))
        with pytest.raises(VectorError):
            VectorIndex.load(path)
    content = whole[:-16] + (2**62).to_bytes(8, "little") + whole[-8:]
    path.write_bytes(content)
    with pytest.raises(VectorError, match="longer than the file"):
        VectorIndex.load(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


def test_a_newer_version_is_named(path: Path) -> None:
    path.write_bytes(described(path.read_bytes(), lambda d: d.update(format=2)))
    with pytest.raises(VectorError, match="newer embedsearch"):
        VectorIndex.load(path)


def test_an_index_of_another_generation_is_refused(path: Path, tmp_path: Path) -> None:
    index = VectorIndex.load(path)
    digest = index.save(tmp_path / "same.faiss")
    assert len(VectorIndex.load(path, expected=digest)) == 398
    index.delete([5])
    other = index.save(path)
    assert other != digest
    with pytest.raises(VectorError, match="not the index that was expected"):
        VectorIndex.load(path, expected=digest)


def test_a_larger_file_is_hashed_in_places_and_whole_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "large.faiss"
    VectorIndex.build(np.ones((280_000, 64), np.float32), "ip", "flat").save(path)
    assert path.stat().st_size > MOST_HASHED
    assert len(VectorIndex.load(path)) == len(VectorIndex.load(path, verify=True)) == 280_000
    inside, between = 500_000, (1 << 20) + 50_000
    for place, found_at_once in ((inside, True), (between, False)):
        flip(path, place)
        if found_at_once:
            with pytest.raises(VectorError, match="hash"):
                VectorIndex.load(path)
        else:
            VectorIndex.load(path)
        with pytest.raises(VectorError, match="hash"):
            VectorIndex.load(path, verify=True)
        flip(path, place)


def flip(path: Path, place: int) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ 1]))


def test_faiss_alone_reads_the_file_and_finds_the_same(path: Path) -> None:
    index = VectorIndex.load(path)
    alone = faiss.read_index(str(path))
    if "nprobe" in index.parameters:
        faiss.ParameterSpace().set_index_parameter(alone, "nprobe", 8)
    Q = X[100:110]
    found = alone.search(Q, 3)[1] + 5
    wanted = index.search(Q, 3)[1]
    assert np.mean(found[:, 0] == wanted[:, 0]) >= 0.9


def test_nothing_is_left_where_a_file_cannot_be_written(tmp_path: Path) -> None:
    index = VectorIndex.build(X, spec="flat")
    with pytest.raises(StorageError, match="absent"):
        index.save(tmp_path / "absent" / "i.faiss")
    (tmp_path / "taken").mkdir()
    with pytest.raises(StorageError, match="taken"):
        index.save(tmp_path / "taken")
    assert [other.name for other in tmp_path.iterdir()] == ["taken"]


def test_processes_may_go_on_with_a_file_that_was_replaced(path: Path) -> None:
    mapped = VectorIndex.load(path)
    wanted = mapped.search(X[:20])
    VectorIndex.build(X[:30] * 5, "ip", "flat").save(path)
    for one, other in zip(mapped.search(X[:20]), wanted, strict=True):
        np.testing.assert_array_equal(one, other)
    mapped.add(X[:1], [9000])
    assert 9000 in mapped.search(X[0])[1]


def test_a_file_that_is_no_index_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "i.faiss"
    for content in (b"", b"not an index at all", bytes(200)):
        path.write_bytes(content)
        with pytest.raises(VectorError, match="damaged"):
            VectorIndex.load(path)
    for alone in (faiss.IndexHNSWFlat(4, 8), faiss.IndexFlatIP(4)):
        faiss.write_index(alone, str(path))
        with pytest.raises(VectorError, match="embedsearch"):
            VectorIndex.load(path)
    with pytest.raises(FileNotFoundError):
        VectorIndex.load(tmp_path / "absent.faiss")

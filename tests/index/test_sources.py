"""Vectors from anywhere, in blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from safetensors.numpy import save_file

from embedsearch._errors import (
    ParameterError,
    SourceFormatError,
    SourceNotFoundError,
    StorageError,
    VectorError,
)
from embedsearch._types import Metric
from embedsearch.index.engine import Preprocessing
from embedsearch.index.sources import (
    Block,
    DiskSource,
    HeldOutView,
    NormalizedSource,
    as_source,
    stream_blocks,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray


def vectors(n: int = 50, d: int = 6) -> NDArray[np.float32]:
    return np.random.default_rng(0).standard_normal((n, d)).astype(np.float32)


def together(blocks: Iterable[Block]) -> NDArray[np.float32]:
    return np.concatenate([block.X for block in blocks])


def test_blocks_are_the_rows_in_their_order() -> None:
    X = vectors()
    blocks = list(as_source(X).blocks(20))
    assert [block.start for block in blocks] == [0, 20, 40]
    np.testing.assert_array_equal(np.concatenate([block.X for block in blocks]), X)
    norms = np.concatenate([block.norms for block in blocks])
    np.testing.assert_allclose(norms, np.linalg.norm(X.astype(np.float64), axis=1))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int8, np.bool_])
def test_any_real_type_and_layout_is_converted(dtype: type) -> None:
    X = (vectors(50, 12) * 5).astype(dtype)
    for given in (X, np.asfortranarray(X), X[::-2, 1::3], X.tolist()):
        wanted = np.asarray(given).astype(np.float32)
        source = as_source(given)
        got = together(source.blocks(7))
        np.testing.assert_array_equal(got, wanted)
        assert got.dtype == np.float32
        rows = np.array([3, 0, 3, len(wanted) - 1])
        np.testing.assert_array_equal(source.take(rows), wanted[rows])


def test_files_are_mapped_and_not_read(tmp_path: Path) -> None:
    X = vectors()
    np.save(tmp_path / "x.npy", X.astype(np.float64))
    save_file({"image": X, "bias": X[0]}, tmp_path / "one.safetensors")
    save_file({"a": X, "b": 2 * X}, tmp_path / "two.safetensors")
    for place, wanted in (
        (tmp_path / "x.npy", X),
        (str(tmp_path / "one.safetensors"), X),
        (f"{tmp_path / 'two.safetensors'}:b", 2 * X),
    ):
        source = as_source(place)
        assert source.shape == (50, 6)
        np.testing.assert_array_equal(together(source.blocks(16)), wanted)
        np.testing.assert_array_equal(source.take(np.array([9, 4])), wanted[[9, 4]])


def test_a_map_is_never_copied_whole(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", vectors(1000))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert np.shares_memory(next(as_source(mapped).blocks(10)).X, mapped)


def test_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    save_file({"a": vectors(), "b": vectors()}, tmp_path / "two.safetensors")
    np.save(tmp_path / "cut.npy", vectors())
    (tmp_path / "cut.npy").write_bytes((tmp_path / "cut.npy").read_bytes()[:-4])
    (tmp_path / "x.txt").write_text("1 2 3")
    np.save(tmp_path / "objects.npy", np.array([{}, {}]), allow_pickle=True)
    with pytest.raises(SourceNotFoundError, match=r"absent\.npy"):
        as_source(tmp_path / "absent.npy")
    with pytest.raises(ParameterError, match=r"a, b"):
        as_source(tmp_path / "two.safetensors")
    with pytest.raises(ParameterError, match="'c'"):
        as_source(f"{tmp_path / 'two.safetensors'}:c")
    with pytest.raises(ParameterError, match=r"\.npy file or a \.safetensors"):
        as_source(tmp_path / "x.txt")
    for name in ("cut.npy", "objects.npy"):
        with pytest.raises(SourceFormatError):
            as_source(tmp_path / name)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e300])
def test_the_row_that_is_not_finite_is_named(bad: float) -> None:
    X = vectors().astype(np.float64)
    X[33, 2] = bad
    with pytest.raises(VectorError, match="row 33 of X"):
        together(as_source(X).blocks(8))
    with pytest.raises(VectorError, match="row 33 of X"):
        as_source(X).take(np.array([2, 33]))
    with pytest.raises(VectorError, match="row 33 of X"):
        together(stream_blocks([X[:30], X[30:]], 6, size=8))


def test_a_stream_gives_blocks_as_they_come() -> None:
    X = vectors()
    blocks = list(stream_blocks(iter([X[:13], X[13:14], X[14:]]), 6, size=10))
    assert [(block.start, len(block.X)) for block in blocks] == [
        (0, 10),
        (10, 3),
        (13, 1),
        (14, 10),
        (24, 10),
        (34, 10),
        (44, 6),
    ]
    np.testing.assert_array_equal(np.concatenate([block.X for block in blocks]), X)


def test_other_dimensions_are_refused() -> None:
    with pytest.raises(VectorError, match="must have 6 dimensions, got 5"):
        list(stream_blocks([vectors(), vectors(9, 5)], 6))
    with pytest.raises(VectorError, match="must have 4 dimensions, got 6"):
        as_source(vectors(), dimension=4)
    for shape in ((2, 3, 4), (3, 0)):
        with pytest.raises(VectorError, match="shape"):
            as_source(np.zeros(shape))
    with pytest.raises(VectorError, match="real numbers"):
        as_source(["a", "b"])


def on_disk(X: NDArray[np.float32], path: Path) -> DiskSource:
    return DiskSource.write(path, stream_blocks([X], X.shape[1]), X.shape[1])


def test_what_is_written_to_a_file_is_read_from_it(tmp_path: Path) -> None:
    X = vectors(1000)
    source = on_disk(X, tmp_path / "x")
    assert source.shape == (1000, 6)
    np.testing.assert_array_equal(together(source.blocks(300)), X)
    assert [block.start for block in source.blocks(300)] == [0, 300, 600, 900]
    rows = np.array([999, 0, 500, 0])
    np.testing.assert_array_equal(source.take(rows), X[rows])
    assert source.take(rows[:0]).shape == (0, 6)


def test_a_file_that_became_shorter_gives_no_vectors(tmp_path: Path) -> None:
    source = on_disk(vectors(100), tmp_path / "x")
    with (tmp_path / "x").open("r+b") as file:
        file.truncate(24 * 80 + 10)
    assert len(source.take(np.arange(80))) == 80
    for rows in ([80], [99], [3, 99, 5]):
        with pytest.raises(StorageError, match="too early"):
            source.take(np.array(rows))
    with pytest.raises(StorageError, match="too early"):
        list(source.blocks(30))


def test_vectors_without_some_are_the_others() -> None:
    X = np.random.default_rng(4).standard_normal((50, 3)).astype(np.float32)
    left_out = np.array([0, 7, 8, 20, 49])
    rest = HeldOutView(
        NormalizedSource(as_source(X), Preprocessing(Metric.INNER_PRODUCT)), left_out
    )
    wanted = np.delete(X, left_out, axis=0)
    blocks = list(rest.blocks(9))
    np.testing.assert_array_equal(np.concatenate([block.X for block in blocks]), wanted)
    assert [block.start for block in blocks] == np.cumsum(
        [0, *(len(block.X) for block in blocks[:-1])]
    ).tolist()
    np.testing.assert_array_equal(rest.take(np.array([5, 44])), wanted[[5, 44]])

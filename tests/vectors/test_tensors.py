"""Tensor files: the bytes of the format, both ways with its own library, and damage."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from embedsearch._errors import VectorError
from embedsearch.vectors.tensors import Blocks, open_tensors, read_metadata, save_tensors

if TYPE_CHECKING:
    from numpy.typing import NDArray


def some_tensors() -> dict[str, NDArray[Any]]:
    return {
        "vectors": np.arange(12, dtype=np.float32).reshape(4, 3),
        "counts": np.array([5, 3, 2, 2**40], dtype=np.int64),
        "flags": np.array([True, False, True]),
        "empty": np.empty((0, 3), dtype=np.float32),
        "one": np.array(2.5, dtype=np.float64),
    }


def raw_file(path: Path, header: object, data: bytes = b"") -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def test_an_array_in_blocks_has_the_bytes_of_the_whole(tmp_path: Path) -> None:
    X = np.arange(30, dtype=np.float32).reshape(10, 3)
    blocks = Blocks(X.dtype, X.shape, (X[start : start + 4] for start in range(0, 10, 4)))
    counts = np.arange(10)
    save_tensors(tmp_path / "whole", {"X": X, "counts": counts})
    save_tensors(tmp_path / "blocks", {"X": blocks, "counts": counts})
    assert (tmp_path / "whole").read_bytes() == (tmp_path / "blocks").read_bytes()


def test_a_file_has_the_bytes_of_the_format(tmp_path: Path) -> None:
    save_tensors(tmp_path / "a", {"b": np.array([1.0], dtype=np.float32)}, {"k": "v"})
    header = b'{"__metadata__":{"k":"v"},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}} '
    expected = len(header).to_bytes(8, "little") + header + b"\x00\x00\x80\x3f"
    assert (tmp_path / "a").read_bytes() == expected
    assert len(header) % 8 == 0


def test_the_library_of_the_format_reads_what_we_write(tmp_path: Path) -> None:
    save_tensors(tmp_path / "a", some_tensors(), {"name": "Zoë"})
    read = load_file(tmp_path / "a")
    for name, array in some_tensors().items():
        np.testing.assert_array_equal(read[name], array)
        assert (read[name].dtype, read[name].shape) == (array.dtype, array.shape)
    with safe_open(tmp_path / "a", "numpy") as file:
        assert file.metadata() == {"name": "Zoë"}


def test_we_read_what_the_library_of_the_format_writes(tmp_path: Path) -> None:
    save_file(some_tensors(), tmp_path / "a", {"k": "v"})
    read = open_tensors(tmp_path / "a")
    assert set(read) == set(some_tensors())
    for name, array in some_tensors().items():
        np.testing.assert_array_equal(read[name], array)
        assert (read[name].dtype, read[name].shape) == (array.dtype, array.shape)
    assert read_metadata(tmp_path / "a") == {"k": "v"}


def test_arrays_are_mapped_and_cannot_be_written(tmp_path: Path) -> None:
    save_tensors(tmp_path / "a", some_tensors())
    array = open_tensors(tmp_path / "a")["vectors"]
    assert not array.flags.owndata
    assert type(array) is np.ndarray
    with pytest.raises(ValueError, match="read-only"):
        array[0, 0] = 1


def test_strided_and_big_endian_arrays_are_saved_by_value(tmp_path: Path) -> None:
    square = np.arange(16, dtype=">f4").reshape(4, 4)
    save_tensors(tmp_path / "a", {"x": square[:, ::2], "y": square.T})
    read = open_tensors(tmp_path / "a")
    np.testing.assert_array_equal(read["x"], square[:, ::2])
    np.testing.assert_array_equal(read["y"], square.T)


@pytest.mark.parametrize("array", [np.array(["a"]), np.array([1j]), np.array([None])])
def test_dtypes_that_the_format_lacks_are_refused(tmp_path: Path, array: NDArray[Any]) -> None:
    with pytest.raises(VectorError, match="'x' of dtype"):
        save_tensors(tmp_path / "a", {"x": array})


def test_a_file_cut_short_is_refused_wherever_it_is_cut(tmp_path: Path) -> None:
    save_tensors(tmp_path / "a", some_tensors())
    whole = (tmp_path / "a").read_bytes()
    for size in range(len(whole)):
        (tmp_path / "b").write_bytes(whole[:size])
        with pytest.raises(VectorError, match="damaged"):
            open_tensors(tmp_path / "b")


def test_bytes_behind_the_end_are_refused(tmp_path: Path) -> None:
    save_tensors(tmp_path / "a", some_tensors())
    with (tmp_path / "a").open("ab") as file:
        file.write(b"more")
    with pytest.raises(VectorError, match="promised"):
        open_tensors(tmp_path / "a")


def entry(shape: object, offsets: object, dtype: object = "F32") -> dict[str, object]:
    return {"x": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}


@pytest.mark.parametrize(
    "header",
    [
        entry([2**62, 2**62], [0, 8]),
        entry([2], [0, 2**60]),
        entry([-2], [0, 8]),
        entry([2.0], [0, 8]),
        entry([True], [0, 4]),
        entry([2], [8, 0]),
        entry([2], [0, 8], "BF16"),
        entry([2], [0, 8], ["F32"]),
        entry([1], [4, 8]),
        entry(None, [0, 8]),
        entry([2], [0]),
        {"x": 1},
        [],
        {"__metadata__": 3},
        b"{" * 100_000,
        b'{"x":' * 100_000,
        b"[" * 100_000,
        b"\xff\xfe",
        b'{"x":1,"x":1}',
    ],
)
def test_headers_that_lie_are_refused(tmp_path: Path, header: object) -> None:
    with pytest.raises(VectorError, match="damaged"):
        open_tensors(raw_file(tmp_path / "a", header, bytes(8)))


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz"
    path.write_bytes(content)
    with pytest.raises(VectorError):
        open_tensors(path)


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_tensors(tmp_path / "absent")


@given(st.permutations([np.int8, np.float64, np.float16, np.float32, np.int64, np.bool_]))
def test_every_array_begins_at_a_multiple_of_its_size(dtypes: list[Any]) -> None:
    tensors = {f"{n}": np.arange(1, 4).astype(dtype) for n, dtype in enumerate(dtypes)}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.safetensors"
        save_tensors(path, tensors)
        content = path.read_bytes()
        length = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + length])
        for name, array in tensors.items():
            begin, end = header[name]["data_offsets"]
            assert (8 + length + begin) % array.itemsize == 0
            assert content[8 + length + begin : 8 + length + end] == array.tobytes()

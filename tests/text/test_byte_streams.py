from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from embedsearch._errors import SourceFormatError
from embedsearch._types import Document
from embedsearch.text.byte_streams import SUFFIXES, decompress
from embedsearch.text.source_stream import SourceStream

Read = Callable[..., list[Document]]
Put = Callable[[str, str | bytes], Path]

PACK: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstandard.ZstdCompressor().compress,
}
LINES = "".join(f"line {i} of {i * i}\n" for i in range(4_000)).encode()
EVERY = pytest.mark.parametrize("suffix", PACK)


@EVERY
def test_a_suffix_and_the_first_bytes_both_tell(suffix: str, put: Put, read: Read) -> None:
    packed = PACK[suffix](LINES)
    put(f"a.txt{suffix}", packed)
    put("b", packed)
    for name in (f"a.txt{suffix}", "b"):
        texts = [document.text for document in read(name, split="line")]
        assert "\n".join(texts).encode() + b"\n" == LINES


@EVERY
@pytest.mark.parametrize(
    ("name", "plain"),
    [("a.csv", "id,text\n1,Hi\n"), ("a.jsonl", '{"id": 1, "text": "Hi"}'),
     ("a.tsv", "id\ttext\n1\tHi\n"), ("a.md", "Hi"), ("a.html", "<p>Hi")],
)  # fmt: skip
def test_every_format_may_be_compressed(
    suffix: str, name: str, plain: str, put: Put, read: Read
) -> None:
    put(name + suffix, PACK[suffix](plain.encode()))
    assert [document.text for document in read(name + suffix)] == ["Hi"]


@EVERY
@pytest.mark.parametrize("kept", [0.3, 0.9, 0.999])
def test_data_cut_short_are_an_error(suffix: str, kept: float, put: Put, read: Read) -> None:
    packed = PACK[suffix](LINES * 10)
    put(f"a.txt{suffix}", packed[: int(len(packed) * kept)])
    with pytest.raises(SourceFormatError, match="damaged or cut short"):
        read(f"a.txt{suffix}")


@EVERY
def test_damaged_data_are_an_error(suffix: str, put: Put, read: Read) -> None:
    packed = bytearray(PACK[suffix](LINES))
    packed[len(packed) // 2 : len(packed) // 2 + 40] = bytes(40)
    put(f"a.txt{suffix}", bytes(packed))
    with pytest.raises(SourceFormatError):
        read(f"a.txt{suffix}")


@EVERY
def test_parts_one_after_another_are_all_read(suffix: str, put: Put, read: Read) -> None:
    put(f"a.txt{suffix}", PACK[suffix](b"one\n") + PACK[suffix](b"two\n"))
    assert read(f"a.txt{suffix}")[0].text == "one\ntwo\n"


@EVERY
@pytest.mark.parametrize("data", [b"plain text", b""])
def test_a_name_that_promises_what_is_not_there_is_an_error(
    suffix: str, data: bytes, put: Put, read: Read
) -> None:
    put(f"a.txt{suffix}", data)
    with pytest.raises(SourceFormatError, match="does not begin like"):
        read(f"a.txt{suffix}")


def test_a_text_that_begins_like_bzip2_is_a_text(put: Put, read: Read) -> None:
    put("a.txt", "BZh9 is how a bzip2 file begins")
    assert read("a.txt")[0].text.startswith("BZh9 is")


def test_padding_between_parts_of_xz_is_passed_over(put: Put, read: Read) -> None:
    put("a.txt.xz", lzma.compress(b"one\n") + bytes(8) + lzma.compress(b"two\n") + bytes(4))
    assert read("a.txt.xz")[0].text == "one\ntwo\n"


@EVERY
def test_a_few_bytes_never_unpack_to_much_at_once(suffix: str) -> None:
    kind = SUFFIXES[suffix]
    zeros = 100_000_000
    packed = PACK[suffix](bytes(zeros))
    assert len(packed) < 200_000
    tracemalloc.start()
    try:
        stream = decompress(kind, io.BytesIO(packed), "a")
        size = sum(map(len, iter(lambda: stream.read(2**20), b"")))
        assert size == zeros
        assert tracemalloc.get_traced_memory()[1] < 40_000_000
    finally:
        tracemalloc.stop()


def test_a_window_beyond_the_limit_is_refused(put: Put, read: Read) -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 2**28}]
    put("a.txt.xz", lzma.compress(b"text", filters=filters))
    # The frame header claims a window of 2 GiB.
    put("a.txt.zst", b"\x28\xb5\x2f\xfd\x00\xa8" + b"\x21\x00\x00text")
    for name in ("a.txt.xz", "a.txt.zst"):
        with pytest.raises(SourceFormatError, match="need more than 128 MiB to unpack"):
            read(name)


def test_what_is_read_from_its_end_is_unpacked_up_to_a_limit() -> None:
    plain = b"PAR1" + bytes(10**6)
    with SourceStream("a.gz", io.BytesIO(gzip.compress(plain))).seekable(len(plain)) as file:
        assert file.read() == plain
    source = SourceStream("a.gz", io.BytesIO(gzip.compress(plain)))
    with pytest.raises(SourceFormatError, match="more than 1,000,003 bytes; unpack it"):
        source.seekable(len(plain) - 1).__enter__()

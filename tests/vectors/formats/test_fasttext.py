"""Models of fastText: the same words and vectors as gensim has, read and written."""

from __future__ import annotations

import struct
import tracemalloc
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from gensim.models.fasttext import (
    FastText,
    ft_ngram_hashes,
    load_facebook_model,
    load_facebook_vectors,
    save_facebook_model,
)
from hypothesis import given, settings, strategies as st

from embedsearch._errors import EmbedSearchError, SourceFormatError, VectorError
from embedsearch.vectors.formats import detect
from embedsearch.vectors.formats.base import LoadOptions, Rest
from embedsearch.vectors.formats.fasttext import FORMAT, word_slices
from embedsearch.vectors.formats.files import load_vectors, read_into, save_vectors
from embedsearch.vectors.subwords import Subwords, compose
from embedsearch.vectors.word_vectors import WordVectors

MAGIC = 793712314
SENTENCES = [["king", "queen", "kingdom"], ["naïve", "café", "東京都", "king"]] * 20
UNKNOWN = ["queens", "kin", "zebra", "cafés", "東京", "unheard-of"]


@cache
def gensim_model(max_n: int = 4) -> FastText:
    return FastText(
        SENTENCES, vector_size=8, min_count=1, bucket=50, min_n=2, max_n=max_n, workers=1
    )


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    path = tmp_path / "gensim.bin"
    save_facebook_model(gensim_model(), str(path))
    return path


def read(path: Path, **options: Any) -> tuple[WordVectors, Rest]:
    with TemporaryDirectory() as folder:
        read = read_into(Path(folder), path, "fasttext", LoadOptions(**options))
    return WordVectors(read.vectors, read.words, read.rest.counts, read.rest.subwords), read.rest


def write(path: Path, vectors: WordVectors, inputs: Any = None) -> None:
    save_vectors(vectors, path, "fasttext", inputs=inputs, overwrite=True)


def by_hand(
    entries: list[tuple[bytes, int, int]],
    rows: list[list[float]],
    *,
    version: int = 12,
    model: int = 2,
    bucket: int = 2,
    n: tuple[int, int] = (3, 3),
    pruned: int = -1,
    compressed: bool = False,
) -> bytes:
    """Pack a model of two dimensions, part by part."""
    labels = sum(kind for _, _, kind in entries)
    parts = [
        struct.pack("<2i", MAGIC, version),
        struct.pack("<12id", 2, 5, 5, 1, 5, 1, 2, model, bucket, *n, 100, 1e-4),
        struct.pack("<3i", len(entries), len(entries) - labels, labels),
        struct.pack("<2q", sum(count for _, count, _ in entries), pruned),
        *(word + b"\0" + struct.pack("<qb", count, kind) for word, count, kind in entries),
        struct.pack("<?", compressed),
        struct.pack("<2q", len(rows), 2),
        np.array(rows, "<f4").tobytes(),
        struct.pack("<?2q", False, len(entries) - labels, 2),
        np.zeros((len(entries) - labels, 2), "<f4").tobytes(),
    ]
    return b"".join(parts)


ENTRIES = [(b"cat", 7, 0), (b"</s>", 3, 0)]
ROWS = [[1.0, 2.0], [3.0, 4.0], [10.0, 0.0], [0.0, 100.0]]


def hand_made(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "hand.bin"
    path.write_bytes(data)
    return path


def test_words_counts_and_vectors_are_those_of_gensim(model_file: Path) -> None:
    theirs = load_facebook_vectors(str(model_file))
    ours, rest = read(model_file)
    assert detect(model_file) is FORMAT
    assert ours.index_to_key == theirs.index_to_key
    assert ours.counts is not None
    np.testing.assert_array_equal(ours.counts, theirs.expandos["count"])
    np.testing.assert_allclose(ours.vectors, theirs.vectors, atol=1e-7)
    np.testing.assert_array_equal(rest.inputs, theirs.vectors_vocab)
    assert ours.subwords is not None
    np.testing.assert_array_equal(ours.subwords.vectors, theirs.vectors_ngrams)


@pytest.mark.parametrize("word", UNKNOWN)
def test_unknown_words_are_answered_as_by_gensim(model_file: Path, word: str) -> None:
    theirs = load_facebook_vectors(str(model_file))
    subwords = load_vectors(model_file).subwords
    assert subwords is not None
    np.testing.assert_allclose(subwords.infer(word), theirs[word], atol=1e-6)


def test_a_model_without_ngrams_has_only_words(tmp_path: Path) -> None:
    path = tmp_path / "plain.bin"
    save_facebook_model(gensim_model(max_n=0), str(path))
    ours, rest = read(path)
    assert ours.subwords is rest.inputs is None
    np.testing.assert_array_equal(ours.vectors, load_facebook_vectors(str(path)).vectors)


def test_a_file_packed_by_hand_is_read(tmp_path: Path) -> None:
    ours, rest = read(hand_made(tmp_path, by_hand(ENTRIES, ROWS)))
    ngrams = [ROWS[2 + row] for row in ft_ngram_hashes("cat", 3, 3, 2)]
    assert len(ngrams) == 3
    np.testing.assert_allclose(ours.vectors[0], np.mean([ROWS[0], *ngrams], axis=0), rtol=1e-6)
    np.testing.assert_array_equal(ours.vectors[1], ROWS[1])  # fastText does not compose </s>
    np.testing.assert_array_equal(rest.inputs, ROWS[:2])
    assert ours.counts is not None
    assert ours.counts.tolist() == [7, 3]


def test_what_is_written_is_what_is_packed_by_hand(tmp_path: Path) -> None:
    subwords = Subwords(3, 3, 2, np.array([1]), np.array([[0, 100]], np.float32))
    vectors = WordVectors(
        np.array([[9, 9], [3, 4]], np.float32), ["cat", "</s>"], np.array([7, 3]), subwords
    )
    write(tmp_path / "a.bin", vectors, np.array([[1, 2], [5, 5]], np.float32))
    rows = [*ROWS[:2], [0.0, 0.0], ROWS[3]]
    assert (tmp_path / "a.bin").read_bytes() == by_hand(ENTRIES, rows)


def test_labels_are_left_out(tmp_path: Path) -> None:
    entries = [*ENTRIES, (b"__label__a", 1, 1)]
    reading = FORMAT.read(hand_made(tmp_path, by_hand(entries, ROWS)), LoadOptions())
    assert [block.words for block in reading.blocks] == [[b"cat", b"</s>"]]
    assert reading.rest.notes == ["1 words that it took for labels have no vectors"]


def test_a_classifier_of_version_11_has_no_ngrams(tmp_path: Path) -> None:
    entries = [*ENTRIES, (b"__label__a", 1, 1)]
    ours, rest = read(hand_made(tmp_path, by_hand(entries, ROWS, version=11, model=3)))
    np.testing.assert_array_equal(ours.vectors, ROWS[:2])
    assert ours.subwords is None
    assert "a classifier" in rest.notes[0]
    newer, _ = read(hand_made(tmp_path, by_hand(entries, ROWS, model=3)))
    assert newer.subwords is not None


def test_words_come_in_blocks_of_few_bytes() -> None:
    words = [b"aaaa", b"bbbb", b"c", b"d" * 30, b"e"]
    assert [words[part] for part in word_slices(words, most_bytes=9)] == [
        words[:3],
        [words[3]],
        [words[4]],
    ]
    many = [b"word"] * 5000
    assert [len(many[part]) for part in word_slices(many)] == [2048, 2048, 904]


def test_words_of_several_blocks_keep_their_vectors(tmp_path: Path) -> None:
    words = [f"w{row:040}" for row in range(5000)]
    subwords = Subwords(3, 3, 2, np.arange(2), np.array([[10, 0], [0, 100]], np.float32))
    inputs = np.random.default_rng(0).normal(size=(5000, 2)).astype(np.float32)
    expected = compose(inputs, [word.encode() for word in words], subwords)
    write(tmp_path / "a.bin", WordVectors(expected, words, None, subwords), inputs)
    assert len(list(FORMAT.read(tmp_path / "a.bin", LoadOptions()).blocks)) > 2
    np.testing.assert_array_equal(read(tmp_path / "a.bin")[0].vectors, expected)


def test_a_limit_keeps_the_first_words_and_all_ngrams(model_file: Path) -> None:
    whole, everything = read(model_file)
    some, rest = read(model_file, limit=3)
    assert some.index_to_key == whole.index_to_key[:3]
    np.testing.assert_array_equal(some.vectors, whole.vectors[:3])
    assert rest.inputs is not None
    assert everything.inputs is not None
    np.testing.assert_array_equal(rest.inputs, everything.inputs[:3])
    assert rest.subwords is not None
    assert len(rest.subwords.ids) == 50


def test_words_that_are_not_utf8_are_refused_replaced_or_skipped(tmp_path: Path) -> None:
    entries = [(b"caf\xe9", 7, 0), (b"cat", 3, 0)]
    path = hand_made(tmp_path, by_hand(entries, ROWS, n=(2, 2)))
    with pytest.raises(SourceFormatError, match=r"row 1: .*not UTF-8"):
        read(path)
    replaced, _ = read(path, encoding_errors="replace")
    assert replaced.index_to_key == ["caf\ufffd", "cat"]
    skipped, rest = read(path, encoding_errors="skip")
    assert skipped.index_to_key == ["cat"]
    np.testing.assert_array_equal(skipped.vectors, replaced.vectors[1:])
    np.testing.assert_array_equal(rest.inputs, ROWS[1:2])
    assert rest.counts is not None
    assert rest.counts.tolist() == [3]
    assert rest.notes == ["1 word left out: not UTF-8"]


def test_a_round_trip_is_exact(model_file: Path, tmp_path: Path) -> None:
    first, rest = read(model_file)
    write(tmp_path / "again.bin", first, rest.inputs)
    second, again = read(tmp_path / "again.bin")
    assert second.index_to_key == first.index_to_key
    np.testing.assert_array_equal(second.counts, first.counts)
    np.testing.assert_array_equal(again.inputs, rest.inputs)
    np.testing.assert_array_equal(second.vectors, first.vectors)
    assert first.subwords is not None
    assert second.subwords is not None
    np.testing.assert_array_equal(second.subwords.vectors, first.subwords.vectors)
    theirs, copy = (
        load_facebook_vectors(str(model_file)),
        load_facebook_vectors(str(tmp_path / "again.bin")),
    )
    np.testing.assert_array_equal(copy.vectors, theirs.vectors)


def test_gensim_goes_on_training_what_was_written(model_file: Path, tmp_path: Path) -> None:
    vectors, rest = read(model_file)
    write(tmp_path / "ours.bin", vectors, rest.inputs)
    theirs = load_facebook_model(str(tmp_path / "ours.bin"))
    np.testing.assert_allclose(theirs.wv.vectors, vectors.vectors, atol=1e-7)
    theirs.train(SENTENCES * 20, total_examples=20 * len(SENTENCES), epochs=5)
    assert np.isfinite(theirs.wv.vectors).all()
    assert theirs.syn1neg.any()
    assert not np.array_equal(theirs.wv.vectors, vectors.vectors)


def test_without_own_rows_gensim_composes_the_same_vectors(
    model_file: Path, tmp_path: Path
) -> None:
    vectors, _ = read(model_file)
    write(tmp_path / "ours.bin", vectors)
    theirs = load_facebook_vectors(str(tmp_path / "ours.bin"))
    np.testing.assert_allclose(theirs.vectors, vectors.vectors, atol=1e-7)


def test_vectors_without_ngrams_and_counts_are_read_by_gensim(tmp_path: Path) -> None:
    X = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    write(tmp_path / "ours.bin", WordVectors(X, ["b", "a", "c c"]))
    theirs = load_facebook_vectors(str(tmp_path / "ours.bin"))
    assert theirs.index_to_key == ["b", "a", "c c"]
    np.testing.assert_array_equal(theirs.vectors, X)
    assert "unknown" not in theirs


def test_rows_that_ours_does_not_have_shorten_unknown_words_only(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    ids = np.arange(0, 50, 2)
    subwords = Subwords(2, 4, 50, ids, rng.normal(size=(25, 6)).astype(np.float32))
    X = rng.normal(size=(2, 6)).astype(np.float32)
    write(tmp_path / "ours.bin", WordVectors(X, ["king", "queen"], np.array([0, 9]), subwords))
    theirs = load_facebook_vectors(str(tmp_path / "ours.bin"))
    np.testing.assert_allclose(theirs.vectors, X, atol=1e-6)
    for word in ("queens", "kingdoms", "unheard-of"):
        ours = subwords.infer(word)
        assert ours is not None
        cosine = ours @ theirs[word] / np.linalg.norm(ours) / np.linalg.norm(theirs[word])
        assert cosine == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("word", ["a\0b", "a\nb", "", "\ud800", "x" * 70_000])
def test_words_that_the_format_cannot_hold_are_named(tmp_path: Path, word: str) -> None:
    vectors = WordVectors(np.eye(2, dtype=np.float32), ["fine", word])
    with pytest.raises(VectorError, match="word"):
        write(tmp_path / "ours.bin", vectors)
    assert not (tmp_path / "ours.bin").exists()


def test_own_rows_of_another_shape_are_refused(tmp_path: Path) -> None:
    vectors = WordVectors(np.eye(2, dtype=np.float32), ["a", "b"])
    with pytest.raises(VectorError, match="own rows"):
        write(tmp_path / "ours.bin", vectors, np.eye(3, dtype=np.float32))


def test_a_bucket_that_the_format_has_no_room_for_is_refused(tmp_path: Path) -> None:
    subwords = Subwords(3, 3, 2**40, np.empty(0, np.int64), np.empty((0, 2), np.float32))
    vectors = WordVectors(np.eye(2, dtype=np.float32), ["a", "b"], None, subwords)
    with pytest.raises(VectorError, match="no room"):
        write(tmp_path / "ours.bin", vectors)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (by_hand(ENTRIES, ROWS, compressed=True), r"\.ftz"),
        (by_hand(ENTRIES, ROWS, pruned=1), r"\.ftz"),
        (by_hand(ENTRIES, ROWS, version=13), "version 13"),
        (by_hand([], ROWS), "no words"),
        (by_hand(ENTRIES[::-1], ROWS[:3]), "not 3 rows"),
        (by_hand([(b"__label__a", 1, 1), *ENTRIES], ROWS), "makes no sense"),
        (by_hand([(b"cat", -1, 0)], ROWS), "makes no sense"),
        (by_hand([(b"x" * 70_000, 1, 0)], ROWS), "too long"),
        (by_hand(ENTRIES, ROWS, n=(3, 1000)), "1,000 characters"),
        (by_hand(ENTRIES, [[np.nan, 1], *ROWS[1:]]), "'cat' holds NaN"),
        (by_hand(ENTRIES, [[np.inf, 1], *ROWS[1:]]), "'cat' holds NaN, infinity"),
        (by_hand(ENTRIES, [*ROWS[:3], [np.inf, 1]]), "n-gram 1 holds NaN or infinity"),
        (by_hand(ENTRIES, ROWS) + b"x", "1 bytes follow its end"),
        (b"2 3\na 1 2 3\n", "magic number"),
        (b"", "is empty"),
    ],
)
def test_broken_files_say_what_is_wrong(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(SourceFormatError, match=message):
        read(hand_made(tmp_path, data))


def test_a_file_cut_short_anywhere_is_refused(tmp_path: Path) -> None:
    data = by_hand(ENTRIES, ROWS)
    for length in range(len(data)):
        with pytest.raises(SourceFormatError):
            read(hand_made(tmp_path, data[:length]))


@pytest.mark.parametrize(
    ("offset", "number"),
    [
        pytest.param(8, "i", id="dimensions"),
        pytest.param(40, "i", id="bucket"),
        pytest.param(64, "2i", id="entries and words"),
        pytest.param(68, "i", id="words"),
        pytest.param(72, "i", id="labels"),
        pytest.param(120, "q", id="rows"),
        pytest.param(128, "q", id="columns"),
        pytest.param(120, "2q", id="rows and columns"),
        pytest.param(169, "q", id="rows of the output side"),
    ],
)
@pytest.mark.parametrize("claim", [-1, 2**20, 2**31 - 1, 2**61 + 1])
def test_claims_are_compared_with_the_size_of_the_file(
    tmp_path: Path, offset: int, number: str, claim: int
) -> None:
    data = bytearray(by_hand(ENTRIES, ROWS))
    assert struct.unpack_from("<q", data, 120) == (4,)
    if number[-1] == "i":
        claim = min(claim, 2**31 - 1)
    claims = [claim] * (2 if number[0] == "2" else 1)
    struct.pack_into(f"<{number}", data, offset, *claims)
    path = hand_made(tmp_path, bytes(data))
    tracemalloc.start()
    with pytest.raises(SourceFormatError):
        read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


@settings(max_examples=300, derandomize=True)
@given(
    st.lists(
        st.tuples(st.integers(0, 2**16), st.binary(min_size=1, max_size=8), st.booleans()),
        min_size=1,
        max_size=3,
    )
)
def test_damage_raises_nothing_but_our_errors(
    changes: list[tuple[int, bytes, bool]],
) -> None:
    entries = [(b"cat", 7, 0), ("naïve".encode(), 4, 0), (b"</s>", 3, 0)]
    data = bytearray(by_hand(entries, [[0.5, 1.0], *ROWS]))
    for at, piece, insert in changes:
        at %= len(data)
        data[at : at if insert else at + len(piece)] = piece
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.bin"
        path.write_bytes(data)
        for errors in ("strict", "replace", "skip"):
            with suppress(EmbedSearchError):
                found, _ = read(path, encoding_errors=errors)
                assert found.vectors.shape == (len(found), found.vector_size)
                assert np.isfinite(found.vectors).all()

"""Files of judged pairs: every layout of the usual sets, and where they are wrong."""

from __future__ import annotations

import bz2
from pathlib import Path

import pytest
from gensim.test.utils import datapath
from hypothesis import HealthCheck, given, settings, strategies as st

from embedsearch._errors import EmbedSearchError, SourceFormatError, SourceNotFoundError
from embedsearch.evaluation.pair_file import JudgedPair, read_pairs

WANTED = [("old", "new", 1.58), ("smart", "intelligent", 9.2)]


def write(tmp_path: Path, data: str | bytes, name: str = "pairs.txt") -> Path:
    path = tmp_path / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


LAYOUTS = {
    "WordSim-353, gensim's": "# Word 1\tWord 2\told\t1\nold\tnew\t1.58\nsmart\tintelligent\t9.2\n",
    "WordSim-353, combined.csv": (
        "Word 1,Word 2,Human (mean)\nold,new,1.58\nsmart,intelligent,9.2\n"
    ),
    "WordSim-353, set1.csv": (
        "Word 1,Word 2,Human (mean),1,2\nold,new,1.58,1,2\nsmart,intelligent,9.2,9,9\n"
    ),
    "SimLex-999": (
        "word1\tword2\tPOS\tSimLex999\tconc(w1)\tconcQ\r\n"
        "old\tnew\tA\t1.58\t2.72\t2\r\nsmart\tintelligent\tA\t9.2\t1.75\t1\r\n"
    ),
    "MEN, natural form": "old new 1.58\nsmart intelligent 9.200000",
    "MEN, lemma form": "old-j new-j 1.58\nsmart-j intelligent-j 9.2\n",
    "SimVerb-3500": "old\tnew\tV\t1.58\tNONE\nsmart\tintelligent\tV\t9.2\tSYNONYMS\n",
    "RG-65": "old;new;1.58\nsmart;intelligent;9.2\n",
    "MTurk-771": "old,new,1.58\nsmart,intelligent,9.2\n",
    "RareWords": "old\tnew\t1.58\t1\t2\nsmart\tintelligent\t9.20\t9\t9\n",
    "quoted": '"old","new","1.58"\n"smart", "intelligent", 9.2\n',
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_layout_is_told_from_the_file(tmp_path: Path, layout: str) -> None:
    pairs, tagged = read_pairs(write(tmp_path, LAYOUTS[layout]))
    assert pairs == WANTED
    assert tagged == (layout == "MEN, lemma form")


@pytest.mark.parametrize(("name", "size"), [("wordsim353.tsv", 353), ("simlex999.txt", 999)])
def test_the_files_of_gensim_are_whole(name: str, size: int) -> None:
    pairs, _ = read_pairs(datapath(name))
    assert len(pairs) == size
    assert all(0 <= pair.score <= 10 for pair in pairs)


def test_words_with_hyphens_keep_them(tmp_path: Path) -> None:
    pairs, tagged = read_pairs(write(tmp_path, "x-n ray 1\nsun-n moon-n 2\n"))
    assert pairs == [("x-n", "ray", 1), ("sun-n", "moon-n", 2)]
    assert not tagged


def test_phrases_may_stand_between_tabs(tmp_path: Path) -> None:
    assert read_pairs(write(tmp_path, "New York\tParis\t-1e1\n"))[0] == [("New York", "Paris", -10)]


def test_a_compressed_file_is_read(tmp_path: Path) -> None:
    assert read_pairs(write(tmp_path, bz2.compress(b"a b 1"), "p.bz2"))[0] == [("a", "b", 1)]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("", "holds no pairs"),
        ("# only\n# remarks\n", "holds no pairs"),
        ("a b\nc d\n", "line 2: no number follows two words"),
        ("a\tb\tc\n", "line 1: no number follows two words"),
        ("a b 1\n\nc d\n", "line 3: no number"),
        ("a b 1\nc d 2\ne f\n", "line 3: column 3 must be a number, .* got nothing"),
        ("a b 1\nc d 2\ne f g\n", "line 3: column 3 must be a number, .* got 'g'"),
        ("a\tb\t1\nc\td\t7,35\n", "line 2: no number"),
        ("a b 1\nc d nan\n", "line 2: column 3 must be a number, .* got 'nan'"),
        ("a b -inf\nc d 2\n", "line 1: column 3 must be a number, .* got '-inf'"),
        ("a b 1\nc d 1_0\n", "line 2: no number"),
        ("a\t\t1\n", "line 1: a word is empty"),
        (b"a b 1\nc \xe9 2\n", "line 2: byte 0xe9"),
    ],
)
def test_a_broken_file_is_named_with_its_line(
    tmp_path: Path, data: str | bytes, reason: str
) -> None:
    with pytest.raises(SourceFormatError, match=f"pairs.txt.*{reason}"):
        read_pairs(write(tmp_path, data))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFoundError, match="nowhere"):
        read_pairs(tmp_path / "nowhere.tsv")


words = st.text("abcdé-'", min_size=1, max_size=8)
scores = st.floats(-100, 100)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40
)
@given(st.lists(st.tuples(words, words, scores), min_size=1), st.sampled_from("\t;, "))
def test_what_was_written_is_read(
    tmp_path: Path, pairs: list[tuple[str, str, float]], sign: str
) -> None:
    text = "".join(f"{sign.join((one, other, repr(score)))}\n" for one, other, score in pairs)
    found, tagged = read_pairs(write(tmp_path, text))
    assert tagged or found == pairs


pieces = st.sampled_from([b"a", b"\t", b",", b";", b'"', b" ", b"1", b"nan", b"\n", b"\xff", b"\0"])


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)
@given(st.lists(pieces, max_size=30).map(b"".join) | st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(tmp_path: Path, data: bytes) -> None:
    try:
        pairs, _ = read_pairs(write(tmp_path, data))
    except EmbedSearchError:
        return
    assert pairs
    assert all(isinstance(pair, JudgedPair) and abs(pair.score) < float("inf") for pair in pairs)

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from embedsearch._errors import EmbedSearchError, SourceFormatError
from embedsearch.evaluation.collection_qrels import GRADE_LIMIT, read_qrels


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "qrels"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    "content",
    [
        "query-id\tcorpus-id\tscore\n1\ta\t1\n1\tb\t0\n2\ta\t3\n",
        "1\ta\t1.0\n1\tb\t0\n2\ta\t+3\n",
        "1 0 a 1\n1 0 b 0\n\n2 Q0 a 3",
        "\ufeff1\t0\ta\t1\r\n1\t0\tb\t0\r\n2\t0\ta\t3\r\n",
    ],
)
def test_the_layouts_mean_the_same(content: str, tmp_path: Path) -> None:
    qrels, notes = read_qrels(written(tmp_path, content))
    assert qrels == {"1": {"a": 1, "b": 0}, "2": {"a": 3}}
    assert notes == []


def test_ids_between_tabs_may_have_spaces(tmp_path: Path) -> None:
    content = "query-id\tcorpus-id\tscore\nquery 1\tdoc a\t1\n"
    assert read_qrels(written(tmp_path, content))[0] == {"query 1": {"doc a": 1}}


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("1\ta", "has 2 columns where the first line has 3"),
        ("1\t0\ta\t1", "has 4 columns where the first line has 3"),
        ("\ta\t1", "has no id of a query or a document"),
        ("1\t\t1", "has no id of a query or a document"),
        ("1\ta\thigh", "whole number of at most 10,000, got 'high'"),
        ("1\ta\t0.5", "whole number"),
        ("1\ta\tnan", "whole number"),
        ("1\ta\t1_0", "whole number"),
        (f"1\ta\t{GRADE_LIMIT + 1}", "whole number"),
        ("1\ta\t" + "9" * 5000, "whole number"),
        ("9\tz\t2", "grades document 'z' for query '9' 2, and an earlier line 1"),
    ],
)
def test_a_bad_line_names_its_number(bad: str, reason: str, tmp_path: Path) -> None:
    path = written(tmp_path, f"query-id\tcorpus-id\tscore\n9\tz\t1\n\n{bad}\n")
    with pytest.raises(SourceFormatError, match=reason) as caught:
        read_qrels(path)
    assert caught.value.line == 4
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("first", ["one", "1 2", "1 0 a 1 tag", '{"_id": "1"}', "a,b,c"])
def test_a_first_line_of_another_layout_is_an_error(first: str, tmp_path: Path) -> None:
    with pytest.raises(SourceFormatError, match="line 1: is not a judgement"):
        read_qrels(written(tmp_path, f"{first}\n"))


@pytest.mark.parametrize("content", ["", "\n\n", "query-id\tcorpus-id\tscore\n"])
def test_a_file_without_judgements_is_an_error(content: str, tmp_path: Path) -> None:
    with pytest.raises(SourceFormatError, match="holds no judgements"):
        read_qrels(written(tmp_path, content))


def test_trec_judgements_have_no_header(tmp_path: Path) -> None:
    with pytest.raises(SourceFormatError, match="line 1: the grade must be"):
        read_qrels(written(tmp_path, "query iteration document grade\n1 0 a 1\n"))


_PIECES = st.sampled_from(["1", "a", "0", "-1", "\t", " ", "\n", "2.0", "x", "\x00", "\u2028", "é"])
_CONTENT = st.binary(max_size=60) | st.lists(_PIECES, max_size=24).map(
    lambda p: "".join(p).encode()
)


@settings(max_examples=150, deadline=None)
@given(content=_CONTENT)
def test_any_bytes_are_read_or_refused_clearly(
    content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = written(tmp_path_factory.getbasetemp(), content)
    try:
        qrels, _ = read_qrels(path)
    except EmbedSearchError:
        return
    assert all(qrels.values())
    assert all(abs(g) <= GRADE_LIMIT for judged in qrels.values() for g in judged.values())

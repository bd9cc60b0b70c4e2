from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from embedsearch._errors import EmbedSearchError, SourceFormatError
from embedsearch.evaluation.collection_queries import read_queries


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "queries"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    "content",
    [
        '{"_id": "1", "text": "a b"}\n\n{"_id": 2, "text": "c", "metadata": {"x": 1}}\n',
        '[{"id": "1", "query": "a b"}, {"qid": "2", "question": "c"}]',
        "\ufeff1\ta b\n\n2\tc",
        "qid\ttext\r\n1\ta b\r\n2\tc\r\n",
    ],
)
def test_the_layouts_mean_the_same(content: str, tmp_path: Path) -> None:
    assert read_queries(written(tmp_path, content)) == ({"1": "a b", "2": "c"}, [])


def test_a_query_may_be_long_and_in_any_script(tmp_path: Path) -> None:
    long = "wing " * 100_000
    records = [{"_id": "ü", "text": long}, {"_id": "2", "text": "日本"}]
    content = "\n".join(json.dumps(record) for record in records)
    assert read_queries(written(tmp_path, content))[0] == {"ü": long, "2": "日本"}


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ('{"_id": "b", "text": "open', "broken JSON"),
        ('["b"]', "no object"),
        ('{"text": "b"}', "has no '_id'; its columns are 'text'"),
        ('{"_id": "b"}', "has no 'text'"),
        ('{"_id": "", "text": "b"}', "the id must be a string or a number"),
        ('{"_id": true, "text": "b"}', "the id must be a string or a number"),
        ('{"_id": ["b"], "text": "b"}', "the id must be a string or a number"),
        ('{"_id": "b", "text": {"a": 1}}', "not a string"),
        ('{"_id": "a", "text": "again"}', "a second query has the id 'a'"),
    ],
)
def test_a_bad_record_names_its_line(bad: str, reason: str, tmp_path: Path) -> None:
    path = written(tmp_path, '{"_id": "a", "text": "fine"}\n\n' + bad + "\n")
    with pytest.raises(SourceFormatError, match=reason) as caught:
        read_queries(path)
    assert caught.value.line == 3
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("bad", ["no tab", "\tno id", "1\tagain"])
def test_a_bad_line_names_its_number(bad: str, tmp_path: Path) -> None:
    with pytest.raises(SourceFormatError, match="line 2") as caught:
        read_queries(written(tmp_path, f"1\tfine\n{bad}\n"))
    assert caught.value.line == 2


@pytest.mark.parametrize("content", ["", "\n \n", "[]", '{"_id": "a", "text": ""}', "id\ttext\n"])
def test_a_file_without_queries_is_an_error(content: str, tmp_path: Path) -> None:
    with pytest.raises(SourceFormatError, match="holds no queries"):
        read_queries(written(tmp_path, content))


@pytest.mark.parametrize("content", [b"1\tcaf\xe9\n", b'{"_id": "1", "text": "caf\xe9"}'])
def test_text_that_is_not_utf8_is_an_error(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(SourceFormatError, match=r"0xe9.*is not utf-8"):
        read_queries(written(tmp_path, content))


_PIECES = st.sampled_from(
    ['{"_id": ', '"a"', ', "text": ', '"b"}', "\n", "\t", "[", "]", "{", "1", "null", "1e999",
     '"\\ud800"', "\x00", "é", "\x1f\x8b", " ", "{}", ","]
)  # fmt: skip
_CONTENT = st.binary(max_size=60) | st.lists(_PIECES, max_size=16).map(
    lambda p: "".join(p).encode()
)


@settings(max_examples=150, deadline=None)
@given(content=_CONTENT)
def test_any_bytes_are_read_or_refused_clearly(
    content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = written(tmp_path_factory.getbasetemp(), content)
    try:
        queries, _ = read_queries(path)
    except EmbedSearchError:
        return
    assert queries
    assert all(id.encode() and text.encode() for id, text in queries.items())

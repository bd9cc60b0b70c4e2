from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from embedsearch._errors import SourceFormatError
from embedsearch._progress import SilentProgress
from embedsearch._types import Document
from embedsearch.text.readers.json import json_values

Read = Callable[..., list[Document]]
Put = Callable[[str, str | bytes], Path]


def lines(*records: object) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def test_beir_records_become_documents(put: Put, read: Read, progress: SilentProgress) -> None:
    record = {"_id": "d1", "title": "Wings", "text": "Lift.", "metadata": {"group": "aero"}}
    put("corpus.jsonl", lines(record, {**record, "_id": 2}))
    assert read("corpus.jsonl") == [
        Document("d1", "Lift.", {"group": "aero"}, "Wings"),
        Document("2", "Lift.", {"group": "aero"}, "Wings"),
    ]
    assert "text from 'text', title from 'title', id from '_id'" in progress.notes[0]


def test_metadata_keeps_its_shape_and_only_what_json_has(put: Put, read: Read) -> None:
    record = {"text": "t", "n": 3, "x": 1.5, "ok": True, "no": None, "tags": ["a", "é"],
              "big": 2**70, "deep": {"a": [1]}, "metadata": {"n": 4, "m": "s"}}  # fmt: skip
    put("a.jsonl", lines(record))
    assert read("a.jsonl")[0].metadata == {
        "n": 3, "x": 1.5, "ok": True, "no": None, "tags": ["a", "é"], "big": str(2**70),
        "deep": {"a": [1]}, "metadata.n": 4, "m": "s",
    }  # fmt: skip


def test_lists_of_strings_are_joined_and_numbers_that_are_none_are_none(
    put: Put, read: Read
) -> None:
    put("a.jsonl", '{"text": ["One.", "Two."], "mean": NaN, "max": Infinity}\n')
    assert read("a.jsonl") == [Document("a.jsonl:1", "One.\nTwo.", {"mean": None, "max": None})]


def test_columns_are_chosen_by_option(put: Put, read: Read) -> None:
    put("a.jsonl", lines({"key": "k", "head": "h", "story": "s", "text": "other", "year": 1999}))
    chosen = {"id_column": "key", "title_column": "head", "text_column": "story"}
    assert read("a.jsonl", **chosen) == [Document("k", "s", {"text": "other", "year": 1999}, "h")]
    assert read("a.jsonl", **chosen, metadata_columns=("year",))[0].metadata == {"year": 1999}


def test_a_missing_column_names_those_that_exist(put: Put, read: Read) -> None:
    put("a.jsonl", lines({"id": 1, "story": "s"}))
    with pytest.raises(SourceFormatError, match=r"no column 'body'; its columns are 'id', 'story'"):
        read("a.jsonl", text_column="body")
    with pytest.raises(SourceFormatError, match="no column 'year'"):
        read("a.jsonl", metadata_columns=("year",))


def test_a_later_record_without_text_is_a_document_without_one(put: Put, read: Read) -> None:
    put("a.jsonl", lines({"id": "1", "text": "a"}, {"id": "2", "title": "T", "k": 1}))
    assert read("a.jsonl")[1] == Document("2", "", {"k": 1}, "T")


@pytest.mark.parametrize(
    "bad",
    ['{"text": "open', '{"text": 1,}', "{'text': 1}", "nonsense", '["a"]', '"a"', "3", "null",
     "[" * 100_000, '{"text": ' + "9" * 5000 + "}", '{"text": {"a": 1}}'],
)  # fmt: skip
def test_a_broken_line_names_its_number(bad: str, put: Put, read: Read) -> None:
    put("a.jsonl", '{"text": "fine"}\n\n' + bad + '\n{"text": "fine"}\n')
    with pytest.raises(SourceFormatError) as caught:
        read("a.jsonl")
    assert caught.value.line == 3
    assert "line 3" in str(caught.value)


def test_a_broken_first_line_names_its_number(put: Put, read: Read) -> None:
    put("a.jsonl", '{"text": "open\n{"text": "fine"}\n')
    with pytest.raises(SourceFormatError, match="line 1: broken JSON"):
        read("a.jsonl")


def test_ids_can_be_made_though_there_are_some(put: Put, read: Read) -> None:
    put("a.jsonl", lines({"id": "x", "text": "1"}, {"id": "x", "text": "2"}))
    put("b.jsonl", lines({"none": "x", "text": "1"}))
    made = read("a.jsonl", id_column="none")
    assert [(d.id, d.metadata) for d in made] == [
        ("a.jsonl:1", {"id": "x"}),
        ("a.jsonl:2", {"id": "x"}),
    ]
    assert [d.id for d in read("b.jsonl", id_column="none")] == ["x"]


def test_records_without_text_title_and_id_are_counted(
    put: Put, read: Read, progress: SilentProgress
) -> None:
    put("a.jsonl", lines({"text": ""}, {"text": "t"}, {"id": "kept", "text": None}, {"text": " "}))
    assert [d.id for d in read("a.jsonl")] == ["a.jsonl:2", "kept"]
    assert progress.notes[-1] == "left out 2 lines without text"


def test_halves_of_surrogate_pairs_become_replacement_characters(put: Put, read: Read) -> None:
    put("a.jsonl", r'{"text": "\ud83d\ude00 \ud83d", "k\ud83d": "\udc00"}')
    document = read("a.jsonl")[0]
    assert document.text == "😀 \ufffd"
    assert document.metadata == {"k\ufffd": "\ufffd"}


def test_line_separators_within_strings_do_not_end_a_line(put: Put, read: Read) -> None:
    put("a.jsonl", '{"text": "a\u2028b\u0085c"}\n')
    assert read("a.jsonl")[0].text == "a\u2028b\u0085c"


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_list_of_objects_is_read_item_by_item(
    indent: int | None, encoding: str, put: Put, read: Read
) -> None:
    records = [{"id": f"é{i}", "text": "[{," * i} for i in range(5)]
    put("a.json", json.dumps(records, indent=indent, ensure_ascii=False).encode(encoding))
    assert [(d.id, d.text) for d in read("a.json")] == [(f"é{i}", "[{," * i) for i in range(5)]


def test_objects_over_several_lines_are_read(put: Put, read: Read) -> None:
    put(
        "a.json",
        json.dumps({"text": "one"}, indent=1) + "\n" + json.dumps({"text": "two"}, indent=1),
    )
    assert [(d.id, d.text) for d in read("a.json")] == [("a.json:1", "one"), ("a.json:2", "two")]


@pytest.mark.parametrize(
    ("bad", "line"),
    [("[\n{}\n{}]", 3), ('[\n{"text": "a"},\n', 3), ("[{}] x", 1), ("[\n1]", 2),
     ('{\n"text": x}', 2),
     ('[{"text": "a"},\n\n{"text": "b" 3}]', 3), ('[\n{"text": "never ends', 2), ("[" * 99_999, 1)],
)  # fmt: skip
def test_a_broken_list_names_the_line(bad: str, line: int, put: Put, read: Read) -> None:
    put("a.json", bad)
    with pytest.raises(SourceFormatError) as caught:
        read("a.json")
    assert caught.value.line == line


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=9,
)


@given(st.lists(JSON), st.integers(1, 7), st.sampled_from([None, 1]))
def test_values_survive_any_cut(values: list[object], step: int, indent: int | None) -> None:
    text = json.dumps(values, indent=indent)
    chunks = (text[i : i + step] for i in range(0, len(text), step))
    assert [value for _, value in json_values("a", chunks, json.JSONDecoder())] == values


def test_a_value_beyond_the_limit_is_an_error() -> None:
    with pytest.raises(SourceFormatError, match="more than 50 characters"):
        list(json_values("a", ["[", '"' + "x" * 60, '"]'], json.JSONDecoder(), limit=50))


def test_a_name_without_suffix_is_known_by_its_first_line(put: Put, read: Read) -> None:
    put("dump", gzip.compress(lines({"text": "a"}, {"text": "b"}).encode()))
    assert [d.text for d in read("dump")] == ["a", "b"]
    assert [d.text for d in read("-", stdin=lines({"text": "c"}).encode())] == ["c"]

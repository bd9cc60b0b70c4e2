"""Files of test collections and runs: layouts, faults, and anything at all."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path

import ir_measures
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from embedsearch._errors import (
    EmbedSearchError,
    InputError,
    ParameterError,
    SourceError,
    SourceFormatError,
    SourceNotFoundError,
    StorageError,
)
from embedsearch.evaluation.collections import (
    GRADE_LIMIT,
    Collection,
    load_collection,
    read_qrels,
    read_queries,
    read_run,
    write_run,
)


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "file"
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
def test_the_layouts_of_judgements_mean_the_same(content: str, tmp_path: Path) -> None:
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
def test_a_bad_judgement_names_its_line(bad: str, reason: str, tmp_path: Path) -> None:
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


_QREL_PIECES = st.sampled_from(
    ["1", "a", "0", "-1", "\t", " ", "\n", "2.0", "x", "\x00", "\u2028", "é"]
)
_QREL_CONTENT = st.binary(max_size=60) | st.lists(_QREL_PIECES, max_size=24).map(
    lambda p: "".join(p).encode()
)


@settings(max_examples=150)
@given(content=_QREL_CONTENT)
def test_any_judgements_are_read_or_refused_clearly(
    content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = written(tmp_path_factory.getbasetemp(), content)
    try:
        qrels, _ = read_qrels(path)
    except EmbedSearchError:
        return
    assert all(qrels.values())
    assert all(abs(g) <= GRADE_LIMIT for judged in qrels.values() for g in judged.values())


@pytest.mark.parametrize(
    "content",
    [
        '{"_id": "1", "text": "a b"}\n\n{"_id": 2, "text": "c", "metadata": {"x": 1}}\n',
        '[{"id": "1", "query": "a b"}, {"qid": "2", "question": "c"}]',
        "\ufeff1\ta b\n\n2\tc",
        "qid\ttext\r\n1\ta b\r\n2\tc\r\n",
    ],
)
def test_the_layouts_of_queries_mean_the_same(content: str, tmp_path: Path) -> None:
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
def test_a_bad_query_names_its_line(bad: str, tmp_path: Path) -> None:
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


_QUERY_PIECES = st.sampled_from(
    ['{"_id": ', '"a"', ', "text": ', '"b"}', "\n", "\t", "[", "]", "{", "1", "null", "1e999",
     '"\\ud800"', "\x00", "é", "\x1f\x8b", " ", "{}", ","]
)  # fmt: skip
_QUERY_CONTENT = st.binary(max_size=60) | st.lists(_QUERY_PIECES, max_size=16).map(
    lambda p: "".join(p).encode()
)


@settings(max_examples=150)
@given(content=_QUERY_CONTENT)
def test_any_queries_are_read_or_refused_clearly(
    content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = written(tmp_path_factory.getbasetemp(), content)
    try:
        queries, _ = read_queries(path)
    except EmbedSearchError:
        return
    assert queries
    assert all(id.encode() and text.encode() for id, text in queries.items())


QUERIES = '{"_id": "q1", "text": "lift"}\n{"_id": "q2", "text": "drag"}\n'
HEADER = "query-id\tcorpus-id\tscore\n"


def folder_of(path: Path, files: Mapping[str, str | bytes]) -> Path:
    for name, content in files.items():
        place = path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def beir(path: Path, *splits: str) -> Path:
    qrels = {f"qrels/{split}.tsv": f"{HEADER}q1\t{split}\t1\n" for split in splits}
    return folder_of(path, {"queries.jsonl": QUERIES, **qrels})


def test_a_beir_folder_is_read(tmp_path: Path) -> None:
    qrels = f"{HEADER}q2\td1\t2\nq2\td3\t0\nq1\td1\t1\n"
    files = {"corpus.jsonl": "{}", "queries.jsonl": QUERIES, "qrels/test.tsv": qrels}
    collection = load_collection(folder_of(tmp_path, files))
    assert collection.queries == {"q1": "lift", "q2": "drag"}
    assert collection.qrels == {"q1": {"d1": 1}, "q2": {"d1": 2, "d3": 0}}
    assert list(collection.qrels) == list(collection.queries)
    assert (collection.split, collection.corpus) == ("test", tmp_path / "corpus.jsonl")
    assert collection.notes == ()


def test_compressed_files_are_read(tmp_path: Path) -> None:
    files = {
        "corpus.jsonl.gz": b"",
        "queries.jsonl.gz": gzip.compress(QUERIES.encode()),
        "qrels/dev.tsv.gz": gzip.compress(f"{HEADER}q1\td1\t1\n".encode()),
    }
    collection = load_collection(folder_of(tmp_path, files))
    assert collection.qrels == {"q1": {"d1": 1}}
    assert collection.split == "dev"
    assert collection.corpus == tmp_path / "corpus.jsonl.gz"


def test_the_split_is_the_one_given_else_test_else_the_only_one(tmp_path: Path) -> None:
    all_three = beir(tmp_path / "a", "dev", "test", "train")
    assert load_collection(all_three, "dev").qrels == {"q1": {"dev": 1}}
    assert load_collection(all_three).split == "test"
    assert load_collection(beir(tmp_path / "b", "train")).split == "train"


def test_a_split_that_must_be_chosen_names_those_there_are(tmp_path: Path) -> None:
    folder = beir(tmp_path, "train", "dev")
    with pytest.raises(ParameterError, match=r"split must be one of .*'dev', 'train', got None"):
        load_collection(folder)
    with pytest.raises(ParameterError, match="'dev', 'train', got 'test'"):
        load_collection(folder, "test")


@pytest.mark.parametrize(
    ("name", "split"),
    [("qrels", "all"), ("qrels.txt", "all"), ("qrels.dev.tsv", "dev"), ("test-qrels.txt", "test"),
     ("cran.qrel", "cran"), ("qrels.train.txt.gz", "train")],
)  # fmt: skip
def test_a_folder_of_trec_files_is_read(name: str, split: str, tmp_path: Path) -> None:
    qrels = b"q1 0 d1 1\nq1 0 d2 0\nq2 0 d1 2\n"
    files = {name: gzip.compress(qrels) if name.endswith(".gz") else qrels,
             "topics.tsv": "q1\tlift\nq2\tdrag\n"}  # fmt: skip
    collection = load_collection(folder_of(tmp_path, files))
    assert collection.qrels == {"q1": {"d1": 1, "d2": 0}, "q2": {"d1": 2}}
    assert collection.queries == {"q1": "lift", "q2": "drag"}
    assert collection.split == split


def test_files_can_be_named_one_by_one(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, {"mine.txt": "q1 0 d9 1\n", "asked.tsv": "q1\tthrust\n"})
    beir(tmp_path / "beir", "test")
    named = load_collection(folder / "mine.txt", queries=folder / "asked.tsv")
    assert (named.queries, named.qrels) == ({"q1": "thrust"}, {"q1": {"d9": 1}})
    assert named.split == "mine"
    assert load_collection(qrels=folder / "mine.txt", queries=folder / "asked.tsv") == named
    mixed = load_collection(tmp_path / "beir", qrels=folder / "mine.txt")
    assert (mixed.queries, mixed.qrels) == ({"q1": "lift"}, {"q1": {"d9": 1}})


def test_what_cannot_be_chosen_together_is_an_error(tmp_path: Path) -> None:
    folder = folder_of(beir(tmp_path, "test"), {"q.txt": "q1 0 d9 1\n"})
    with pytest.raises(ParameterError, match="queries must be the file of queries"):
        load_collection(folder / "q.txt")
    with pytest.raises(ParameterError, match="split must be left out"):
        load_collection(folder, "test", qrels=folder / "q.txt")
    with pytest.raises(ParameterError, match="qrels must be left out"):
        load_collection(folder / "q.txt", qrels=folder / "q.txt")
    with pytest.raises(ParameterError, match="path must be a folder or a file of judgements"):
        load_collection(queries=folder / "queries.jsonl")


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, {"queries.jsonl": QUERIES})
    with pytest.raises(SourceNotFoundError, match="has no judgements"):
        load_collection(folder)
    (folder / "queries.jsonl").rename(folder / "asked.jsonl")
    folder_of(folder, {"qrels/test.tsv": f"{HEADER}q1\td1\t1\n"})
    with pytest.raises(SourceNotFoundError, match="has no file of queries"):
        load_collection(folder)
    with pytest.raises(SourceNotFoundError, match=r"none\.tsv: there is no such file"):
        load_collection(folder, queries=folder / "none.tsv")
    with pytest.raises(SourceNotFoundError, match="nowhere: there is no such file or folder"):
        load_collection(folder / "nowhere")
    with pytest.raises(SourceError, match="null"):
        load_collection(folder / "\0")


def test_queries_and_judgements_that_lack_each_other_are_left_out_and_noted(tmp_path: Path) -> None:
    queries = QUERIES + '{"_id": "q3", "text": " "}\n{"_id": "q4", "text": "yaw"}\n'
    qrels = f"{HEADER}q1\td1\t1\nq3\td1\t1\nq9\td1\t1\nq2\td1\t0\nq2\td2\t-1\nq1\td1\t1\n"
    files = {"queries.jsonl": queries, "qrels/test.tsv": qrels}
    collection = load_collection(folder_of(tmp_path, files))
    assert collection.qrels == {"q1": {"d1": 1}, "q2": {"d1": 0, "d2": -1}}
    assert collection.notes == (
        "queries left out because they have no text: 'q3'",
        "judgements given twice, which count once: 1",
        "judgements below 0, which count as not relevant: 1",
        "judged queries left out because they have no text: 'q3', 'q9'",
        "queries left out because they have no judgement: 1",
        "queries without a relevant document, which score 0 as in trec_eval: 'q2'",
    )


def test_files_that_do_not_belong_together_are_an_error_with_examples(tmp_path: Path) -> None:
    records = "".join(json.dumps({"_id": f"x{n}", "text": "t"}) + "\n" for n in range(7))
    qrels = f"{HEADER}q1\td1\t1\n"
    folder = folder_of(tmp_path, {"queries.jsonl": records, "qrels/test.tsv": qrels})
    with pytest.raises(InputError, match=r"'x0', 'x1', .* and 2 more, the judgements are for 'q1'"):
        load_collection(folder)


def test_a_collection_has_queries_and_judgements_of_the_same_ids() -> None:
    with pytest.raises(InputError, match="not both: 'b'"):
        Collection({"a": "text"}, {"a": {"d": 1}, "b": {"d": 1}})


def test_the_file_is_in_the_layout_of_trec(tmp_path: Path) -> None:
    run = {"q1": [("d2", 2.5), ("d1", 1.0)], "q2": [("d3", 0.1)]}
    path = write_run(run, tmp_path / "my.run", "mine")
    assert path.read_text(encoding="utf-8").splitlines() == [
        "q1 Q0 d2 1 2.5 mine",
        "q1 Q0 d1 2 1 mine",
        "q2 Q0 d3 1 0.100000001 mine",
    ]
    assert list(tmp_path.iterdir()) == [path]


_SCORES = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0.0, 1.0, 1 + 1e-9])


@settings(max_examples=60)
@given(scores=st.lists(_SCORES, min_size=1, max_size=12), data=st.data())
def test_the_order_survives_whatever_the_scores_and_ids(
    scores: list[float], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    ids = data.draw(st.permutations([f"d{n}" for n in range(len(scores))]))
    path = tmp_path_factory.getbasetemp() / "any.run"
    write_run({"q": list(zip(ids, scores))}, path)
    assert [document for document, _ in read_run(path)["q"]] == list(ids)
    # trec_eval itself, which reads float32 and breaks ties by id: only the last is relevant.
    qrels = [ir_measures.Qrel("q", ids[-1], 1)]
    found = ir_measures.read_trec_run(str(path))
    rank = ir_measures.pytrec_eval.calc_aggregate([ir_measures.RR], qrels, found)
    assert rank[ir_measures.RR] == pytest.approx(1 / len(ids))


def test_scores_that_differ_as_float32_are_kept(tmp_path: Path) -> None:
    scores = np.sort(np.random.default_rng(0).normal(size=50).astype(np.float32))[::-1]
    ranking = [(f"d{rank}", float(score)) for rank, score in enumerate(scores)]
    found = read_run(write_run({"q": ranking}, tmp_path / "a.run"))["q"]
    assert [(document, np.float32(score)) for document, score in found] == ranking


def test_a_foreign_run_is_put_in_the_order_of_trec_eval(tmp_path: Path) -> None:
    lines = [
        "1 Q0 a 1 0.5 x",
        "1 Q0 c 2 0.5 x",
        "1 Q0 b 3 0.50000000001 x",
        "1 Q0 d 4 7e-1 x",
        "2 Q0 a 1 -inf x",
    ]
    (tmp_path / "r.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    run = read_run(tmp_path / "r.gz")
    assert [document for document, _ in run["1"]] == ["d", "c", "b", "a"]
    assert list(run) == ["1", "2"]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("1 Q0 b 2 0.5", "has 5 columns"),
        ("1 Q0 b c 2 0.5 x", "has 7 columns"),
        ("1 Q0 b 2 best x", "score 'best' is not a number"),
        ("1 Q0 b 2 nan x", "score 'nan' is not a number"),
        ("1 Q0 a 2 0.5 x", "document 'a' comes twice for query '1'"),
    ],
)
def test_a_bad_line_names_its_number(bad: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.run"
    path.write_text(f"1 Q0 a 1 0.9 x\n\n{bad}\n", encoding="utf-8")
    with pytest.raises(SourceFormatError, match=reason) as caught:
        read_run(path)
    assert caught.value.line == 3


def test_an_empty_run_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    with pytest.raises(SourceFormatError, match="holds no run"):
        read_run(tmp_path / "empty")


@pytest.mark.parametrize("id", ["two words", "", "a\u00a0b", "tab\t"])
def test_an_id_that_the_layout_cannot_hold_is_named(id: str, tmp_path: Path) -> None:
    path = tmp_path / "a.run"
    path.write_text("before", encoding="utf-8")
    with pytest.raises(InputError, match="the document id") as caught:
        write_run({"q": [("d", 1.0)], "r": [(id, 1.0)]}, path)
    assert repr(id) in str(caught.value)
    with pytest.raises(InputError, match="the query id"):
        write_run({id: [("d", 1.0)]}, path)
    assert path.read_text(encoding="utf-8") == "before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_a_score_that_is_not_finite_is_an_error(score: float, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the score of document 'd'"):
        write_run({"q": [("d", score)]}, tmp_path / "a.run")


def test_a_tag_is_one_word(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="tag must be one word"):
        write_run({}, tmp_path / "a.run", "my run")


def test_a_place_that_cannot_be_written_to_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be written"):
        write_run({"q": [("d", 1.0)]}, tmp_path / "nowhere" / "a.run")


_PIECES = st.sampled_from(["1 ", "Q0 ", "a ", "0.5 ", "x\n", "\n", "\x00", "1e999 ", "é", "\t"])
_CONTENT = st.binary(max_size=60) | st.lists(_PIECES, max_size=24).map(
    lambda p: "".join(p).encode()
)


@settings(max_examples=100)
@given(content=_CONTENT)
def test_any_bytes_are_read_or_refused_clearly(
    content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed.run"
    path.write_bytes(content)
    try:
        run = read_run(path)
    except EmbedSearchError:
        return
    assert all(run.values())

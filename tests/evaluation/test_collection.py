from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from embedsearch._errors import (
    InputError,
    ParameterError,
    SourceError,
    SourceNotFoundError,
)
from embedsearch.evaluation.collection import Collection, load_collection

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
        "judgements that stand twice and count once: 1",
        "judgements below 0, which count as not relevant: 1",
        "judged queries left out because they have no text: 'q3', 'q9'",
        "queries left out because they have no judgement: 1",
        "queries without a relevant document, which score 0 as in trec_eval: 'q2'",
    )


def test_files_that_do_not_belong_together_are_an_error_with_examples(tmp_path: Path) -> None:
    records = "".join(json.dumps({"_id": f"x{n}", "text": "t"}) + "\n" for n in range(7))
    qrels = f"{HEADER}q1\td1\t1\n"
    folder = folder_of(tmp_path, {"queries.jsonl": records, "qrels/test.tsv": qrels})
    with pytest.raises(InputError, match=r"'x0', 'x1', .* 7 in all, the judgements are for 'q1'"):
        load_collection(folder)


def test_a_collection_has_queries_and_judgements_of_the_same_ids() -> None:
    with pytest.raises(InputError, match="not both: 'b'"):
        Collection({"a": "text"}, {"a": {"d": 1}, "b": {"d": 1}})

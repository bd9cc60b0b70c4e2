from __future__ import annotations

import gzip
from pathlib import Path

import ir_measures
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from embedsearch._errors import (
    EmbedSearchError,
    InputError,
    ParameterError,
    SourceFormatError,
    StorageError,
)
from embedsearch.evaluation.trec_runs import read_run, write_run


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


@settings(max_examples=60, deadline=None)
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


@settings(max_examples=100, deadline=None)
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

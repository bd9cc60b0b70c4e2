"""Documents in all forms become the same documents."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import embedsearch as es
from embedsearch.workspace.inputs import as_documents

WANTED = [
    es.Document("a", "The cat sat.", {"year": 2024, "tags": ["x", "y"]}, "Cats"),
    es.Document("b", "The dog ran.", {"year": 2025}),
]
ROWS = [
    {"id": "a", "text": "The cat sat.", "title": "Cats", "year": 2024, "tags": ["x", "y"]},
    {"_id": "b", "text": "The dog ran.", "metadata": {"year": 2025}},
]


class Polars:
    """The part of a frame of polars by which rows are read; that package is not installed here."""

    columns = tuple(ROWS[0])

    def iter_rows(self, *, named: bool = False) -> Iterator[Any]:
        return iter(ROWS) if named else iter([tuple(row.values()) for row in ROWS])


class Dataset:
    """The part of a dataset of Hugging Face: it is a sequence of mappings."""

    def __getitem__(self, row: int) -> dict[str, Any]:
        return ROWS[row]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(ROWS)


@pytest.mark.parametrize(
    "given",
    [
        WANTED,
        tuple(WANTED),
        iter(WANTED),
        ROWS,
        [WANTED[0], ROWS[1]],
        {1: WANTED[0], 2: WANTED[1]}.values(),
        pd.DataFrame([ROWS[0], {"id": "b", "text": "The dog ran.", "year": 2025}]),
        Polars(),
        Dataset(),
    ],
    ids=["list", "tuple", "iterator", "mappings", "mixed", "values", "pandas", "polars", "dataset"],
)
def test_every_form_gives_the_same_documents(given: Any) -> None:
    assert list(as_documents(given)) == WANTED


def test_one_is_as_many() -> None:
    assert list(as_documents(WANTED[0])) == list(as_documents(ROWS[0])) == WANTED[:1]
    (text,) = as_documents("The cat sat.")
    assert (text.text, text.title, text.metadata) == ("The cat sat.", "", {})


def test_a_made_id_says_what_the_content_is(tmp_path: Path) -> None:
    with es.create(tmp_path / "a.es") as ws:
        texts = ["The cat sat.", "The dog ran.", "The cat sat."]
        assert ws.add(texts).added == 2
        assert ws.add(iter(texts)).added == 0
        assert ws.add([{"text": "The cat sat.", "year": 2024}]).added == 1
        assert ws.add({"text": "The cat sat.", "title": "Cats"}).added == 1
        assert len(ws.documents) == 4


def test_what_a_table_does_not_have_is_left_out() -> None:
    frame = pd.DataFrame(
        {
            "id": pd.array([1, None], "Int64"),
            "text": ["one", np.nan],
            "title": [None, "two"],
            "stars": [4.5, np.nan],
            "date": [pd.Timestamp("2020-06-01"), pd.NaT],
            "vector": [np.array([1, 2]), np.array([3])],
        }
    )
    first, second = as_documents(frame)
    assert (first.id, first.text, first.title) == ("1", "one", "")
    assert first.metadata == {
        "stars": 4.5,
        "date": dt.datetime(2020, 6, 1),
        "vector": [1, 2],
    }
    assert second.id.startswith("-:")
    assert (second.text, second.title, second.metadata) == ("", "two", {"vector": [3]})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "documents must be"),
        (5, "documents must be"),
        (b"text", "documents must be"),
        (Path("notes.txt"), "documents must be"),
        ([None], r"documents\[0\]"),
        ([WANTED[0], 5], r"documents\[1\]"),
        ([{"body": "x"}], "'body'"),
        ({}, "text"),
        ([{"text": 5}], "text"),
        ([{"text": "x", "id": ["a"]}], "id"),
        ([{"text": "x", "metadata": {"y": object()}}], "y"),
        (pd.DataFrame({"review": ["x"]}), "'review'"),
    ],
)
def test_what_is_no_document_is_named_and_nothing_is_added(
    tmp_path: Path, given: Any, message: str
) -> None:
    with es.create(tmp_path / "a.es") as ws:
        with pytest.raises(es.ParameterError, match=message):
            ws.add(given)
        assert not len(ws.documents)


def test_whole_ids_of_a_column_with_a_missing_one_are_ids(tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": [1, None, 3], "text": ["one", "two", "three"]})
    with es.create(tmp_path / "new.es") as ws:
        ws.add(frame)
        assert {id for id in ws.documents if id[0] != "-"} == {"1", "3"}
        assert len(ws.documents) == 3
        with pytest.raises(es.EmbedSearchError):
            ws.add({"text": "x", "a": Decimal("sNaN")})

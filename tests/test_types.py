"""Answers: ordered, counted and grouped by a field; tables of notebooks and pandas."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from typing import Any

import pytest

import embedsearch as es
from embedsearch import Hit, Hits, ParameterError, QueryError
from embedsearch._types import Explanation, Highlight, Neighbor, Neighbors, Part

FOUND = Hits(
    (
        Hit("a", 9.0, "Zebra", metadata={"year": 1990, "tags": ["x", "y"]}, source="one.txt"),
        Hit("b", 8.0, "ant", metadata={"year": "200", "tags": "y"}, source="two.txt"),
        Hit("c", 7.0, metadata={"tags": []}),
        Hit("d", 6.0, "Bee", metadata={"year": "1990", "at": {"place": "Ulm"}}, source="one.txt"),
        Hit("e", 5.0, "Émile", metadata={"year": None, "at": {"place": "Bonn"}}),
        Hit("f", 4.0, "cow", metadata={"year": 2001.0, "tags": ["z", "z"]}),
    ),
    unknown=("frobnicate",),
)


def ids(hits: Hits) -> str:
    return "".join(hit.id for hit in hits)


@pytest.mark.parametrize(
    ("field", "order"),
    [
        ("year", "badfce"),
        ("-year", "fadbce"),
        ("title", "bdfeac"),
        ("-title", "aefdbc"),
        ("tags", "abfcde"),
        ("-tags", "fabcde"),
        ("at.place", "edabcf"),
        ("source", "adbcef"),
        ("-id", "fedcba"),
    ],
)
def test_hits_are_put_in_order_and_those_without_a_value_come_last(field: str, order: str) -> None:
    ordered = FOUND.sort_by(field)
    assert ids(ordered) == order
    assert ordered.unknown == ("frobnicate",)
    assert ids(FOUND) == "abcdef"


def test_hits_are_counted() -> None:
    facet = FOUND.facet("year")
    assert facet == [(1990, 2, 2 / 6), ("200", 1, 1 / 6), (2001, 1, 1 / 6), (None, 2, 2 / 6)]
    assert (facet.field, facet.total) == ("year", 6)
    assert [(each.value, each.documents) for each in FOUND.facet("tags")] == [
        ("y", 2),
        ("x", 1),
        ("z", 1),
        (None, 3),
    ]


def test_groups_have_all_their_hits_and_the_best_comes_first() -> None:
    assert [(value, ids(hits)) for value, hits in FOUND.group_by("source")] == [
        ("one.txt", "ad"),
        ("two.txt", "b"),
        (None, "cef"),
    ]
    assert [(value, ids(hits)) for value, hits in FOUND.group_by("tags")] == [
        ("x", "a"),
        ("y", "ab"),
        ("z", "f"),
        (None, "cde"),
    ]


@pytest.mark.parametrize("field", ["year", "tags", "title", "source", "at.place"])
def test_groups_are_as_large_as_counts(field: str) -> None:
    sizes = Counter({value: len(hits) for value, hits in FOUND.group_by(field)})
    assert sizes == {each.value: each.documents for each in FOUND.facet(field)}


def test_metadata_come_before_what_every_document_has() -> None:
    hits = Hits([Hit("a", 2.0, metadata={"source": "Reuters"}, source="a.txt"), Hit("b", 1.0)])
    assert [value for value, _ in hits.group_by("source")] == ["Reuters", None]


def test_parts_of_hits_know_how_they_were_searched_for() -> None:
    hits = Hits([Hit("a", 1.0)], ["unknown"], mode="lexical")
    for part in (hits.sort_by("id"), hits.group_by("id")[0].hits):
        assert (part.mode, part.unknown) == ("lexical", ("unknown",))


def test_no_hits_have_nothing() -> None:
    assert Hits().sort_by("year") == []
    assert Hits().facet("year") == []
    assert Hits().group_by("year") == []


@pytest.mark.parametrize("method", ["sort_by", "facet", "group_by"])
def test_a_field_that_no_hit_has_is_an_error(method: str) -> None:
    with pytest.raises(QueryError, match=r"no hit has a field 'yaer'; did you mean 'year'\? .*'at"):
        getattr(FOUND, method)("yaer")
    with pytest.raises(QueryError, match=r"'at' is an object.*within it are 'at.place'"):
        getattr(FOUND, method)("at")
    named = Hits([Hit("a", 1.0, "ox", metadata={"title": "cow", "source": "x"})])
    with pytest.raises(QueryError, match=r"the fields are 'title', 'source', 'id'$"):
        getattr(named, method)("year")
    wrong: Any
    for wrong in (3, None, ["year"]):
        with pytest.raises(ParameterError, match="field must be a string"):
            getattr(FOUND, method)(wrong)


def test_tables_in_notebooks_are_escaped() -> None:
    hits = Hits([Hit("a", 1.0, metadata={"<b>": "<i>"})])
    assert "&lt;i&gt;" in hits.facet("<b>")._repr_html_()
    shown = es.DocumentList([es.Document("<a>", "text")], total=7)._repr_html_()
    assert "&lt;a&gt;" in shown
    assert "1 of 7 documents" in shown


EVIL = '<script>alert("x")</script>&'
NEIGHBORS = Neighbors([Neighbor("troy", 0.81234), Neighbor(EVIL, 0.5)])
HITS = Hits(
    [
        Hit(
            EVIL,
            1.25,
            "A <b>title</b>",
            f"the king of {EVIL} Troy",
            {"year": 2020, EVIL: EVIL, "title": "other"},
            (Highlight(4, 8, "king", 1.0), Highlight(12, 12 + len(EVIL), "x", 0.7)),
            Explanation(1.25, (Part("BM25", "king", "king", 1.0), Part("lsa", EVIL, "y", 0.25))),
        ),
        Hit("plain", 0.5),
    ]
)


class Reader(HTMLParser):
    """Collects the elements, and the text inside of each kind."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: dict[str, list[str]] = {}

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.open.append(tag)
        self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in set(self.open):
            self.texts[tag][-1] += data


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert not reader.open
    return reader


def test_neighbours_are_a_table_with_everything_escaped() -> None:
    found = read(NEIGHBORS._repr_html_()).texts
    assert found["td"] == ["troy", "0.8123", EVIL, "0.5000"]
    assert "script" not in found


def test_hits_are_a_table_with_highlights_marked_and_the_rest_folded() -> None:
    found = read(HITS._repr_html_()).texts
    assert found["mark"] == ["king", EVIL]
    assert found["summary"] == ["metadata", "explanation"]
    assert set(found) == {
        "table", "thead", "tbody", "tr", "th", "td", "mark", "details", "summary",
    }  # fmt: skip
    for cell in ("2020", "1.2500", "1.0000", "0.2500", "king", f"{EVIL} ~ y", "A <b>title</b>"):
        assert cell in found["td"]
    assert f"the king of {EVIL} Troy" in "".join(found["table"])


def test_frames_have_a_column_for_each_field() -> None:
    words = NEIGHBORS.to_frame()
    assert words.to_dict("list") == {"word": ["troy", EVIL], "score": [0.81234, 0.5]}
    hits = HITS.to_frame()
    assert list(hits) == ["id", "score", "title", "snippet", "year", EVIL, "metadata.title"]
    assert hits["title"].tolist() == ["A <b>title</b>", ""]
    assert hits["metadata.title"][0] == "other"
    assert hits["year"].isna().tolist() == [False, True]
    assert list(Hits().to_frame()) == ["id", "score", "title", "snippet"]
    assert list(Neighbors().to_frame()) == ["word", "score"]


@pytest.mark.parametrize("kind", ["Hits", "Neighbors"])
def test_without_pandas_a_frame_says_how_to_get_it(kind: str) -> None:
    code = (
        "import sys; sys.modules['pandas'] = None\n"
        f"from embedsearch import {kind}, MissingExtraError\n"
        f"try: {kind}().to_frame()\n"
        "except MissingExtraError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'embedsearch-engine[pandas]'" in done.stdout

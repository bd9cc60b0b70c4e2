"""Answers as tables, of notebooks and of pandas."""

from __future__ import annotations

import subprocess
import sys
from html.parser import HTMLParser

import pytest

from embedsearch._types import Explanation, Highlight, Hit, Hits, Neighbor, Neighbors, Part

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

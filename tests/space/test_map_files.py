"""Files of a map, read by other programs: a browser, an XML parser, matplotlib."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from matplotlib.image import imread

from embedsearch._errors import ParameterError
from embedsearch.space.map_files import Map, Region
from embedsearch.space.points import Points

# What a title could do to a page, an XML file or a table.
EVIL = '</script><b id="evil">&amp;\t"x"\x07<!--'


@pytest.fixture
def made() -> Map:
    names, titles = ["a", "b", "c"], ["Moon", EVIL, "Sea — 海"]
    points = Points.of(names, np.eye(3, 4, dtype=np.float32), "document", "lsa-100", titles)
    return Map(
        points,
        np.array([[0, 0], [10, 0], [0, 5]], np.float32),
        "tsne",
        np.array([0, 1, 0]),
        ("night & day", EVIL),
        (Region(5.0, 0.0, 2, "moon, star"), Region(0.0, 5.0, 1, EVIL)),
        0.99,
        0.5,
        np.array([1.0, 0.0, 0.5], np.float32),
    )


def test_a_table_has_a_line_for_each_point(made: Map, tmp_path: Path) -> None:
    path = made.save(tmp_path / "map.tsv")
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert [row["name"] for row in rows] == ["a", "b", "c"]
    assert [float(row["x"]) for row in rows] == [0, 10, 0]
    assert [float(row["faithfulness"]) for row in rows] == [1, 0, 0.5]
    assert rows[0]["group"] == "night & day"
    assert rows[2]["title"] == "Sea — 海"


def test_a_drawing_is_sound_xml_with_all_points_and_labels(made: Map, tmp_path: Path) -> None:
    root = ET.fromstring(made.save(tmp_path / "map.svg").read_text("utf-8"))  # noqa: S314
    circles = root.findall(".//{*}circle")
    places = [(float(c.attrib["cx"]), float(c.attrib["cy"])) for c in circles]
    # The wider side fills the picture, and up is up.
    assert places == [(60, 870), (1140, 870), (60, 330)]
    titles = [c.findtext("{*}title") for c in circles]
    assert titles == ["Moon", EVIL.replace("\t", " ").replace("\x07", " "), "Sea — 海"]
    texts = [text.text for text in root.findall(".//{*}text")]
    assert texts[0] == "moon, star"
    assert "trustworthiness 0.990" in str(texts[-1])


def test_a_picture_has_the_points_in_their_colours(made: Map, tmp_path: Path) -> None:
    pixels = imread(made.save(tmp_path / "map.png"))
    assert pixels.shape == (1200, 1200, 3)
    color = np.array([int(made.colors[0][i : i + 2], 16) for i in (1, 3, 5)]) / 255
    np.testing.assert_allclose(pixels[870, 60], color, atol=0.01)
    faint = np.array([int(made.colors[1][i : i + 2], 16) for i in (1, 3, 5)]) / 255
    np.testing.assert_allclose(pixels[870, 1140], 0.75 + 0.25 * faint, atol=0.01)
    assert (pixels < 1).any(axis=2).sum() == 3 * 29


def test_a_page_holds_all_it_needs(made: Map, tmp_path: Path) -> None:
    text = made.save(tmp_path / "map.html", EVIL).read_text("utf-8")
    # The data, and the script: nothing of a title ends either.
    assert len(re.findall("</script>", text)) == 2
    assert not re.findall(r"(?:src|href)\s*=|https?:", text)
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    data = json.loads(found[1])
    assert data["titles"] == list(made.points.titles)
    assert data["regions"][1] == [0, 5, EVIL]


@pytest.mark.skipif(shutil.which("chromium") is None, reason="there is no chromium")
def test_a_browser_shows_the_page(made: Map, tmp_path: Path) -> None:
    path = made.save(tmp_path / "map.html", "A map")
    run = subprocess.run(
        [
            *(
                "chromium",
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--virtual-time-budget=2000",
            ),
            *(f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", path.as_uri()),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    page = run.stdout
    # Written by the script, which has gone through to its end.
    assert ">3 points</small>" in page
    assert page.count('<button aria-pressed="true">') == 2
    assert "night &amp; day</button>" in page
    assert '<b id="evil">' not in page.split('<script id="data"')[0]


def test_what_cannot_be_drawn_is_an_error(made: Map, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"\.html, \.svg, \.png, \.tsv"):
        made.save(tmp_path / "map.pdf")
    deep = np.zeros((3, 3), np.float32)
    kept = {name: getattr(made, name) for name in Map.__slots__}
    solid = Map(**{**kept, "embedding": deep})
    with pytest.raises(ParameterError, match=r"2 for \.svg"):
        solid.save(tmp_path / "map.svg")
    assert solid.save(tmp_path / "map.tsv").read_text("utf-8").startswith("name\tkind\tx\ty\tz\t")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["map.tsv"]

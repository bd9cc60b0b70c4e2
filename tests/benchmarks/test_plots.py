from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np

from benchmarks.plots import _stretched, _unstretched, best_points, recall_plot, sizes_plot

SVG = "{http://www.w3.org/2000/svg}"
# Okabe and Ito's colours of these rivals.
GRAPH, EXACT = "#d55e00", "#999999"


def report(count: int) -> dict[str, Any]:
    def point(recall: float, speed: float) -> dict[str, Any]:
        return {"recall": recall, "single": {"per_cpu_second": speed}}

    graph = [point(0.7, 5000), point(0.96, 1000), point(0.9, 900)]
    return {
        "count": count,
        "dimension": 8,
        "results": [
            {"engine": "embedsearch hnsw", "points": graph},
            {"engine": "embedsearch flat", "points": [point(1.0, 1e7 / count)]},
        ],
    }


def curve(root: ET.Element, colour: str) -> list[tuple[float, float]]:
    """Return the places of the markers of one colour, without the one in the legend."""
    places = [
        (float(marker.attrib["x"]), float(marker.attrib["y"]))
        for marker in root.iter(f"{SVG}use")
        if re.search(rf"fill: {colour}", marker.attrib["style"])
    ]
    return places[:-1]


def test_points_that_another_beats_are_left_out() -> None:
    assert best_points([(0.7, 5.0), (0.96, 1.0), (0.9, 0.9)]) == [(0.7, 5.0), (0.96, 1.0)]


def test_a_plot_has_a_curve_for_each_rival() -> None:
    drawn = recall_plot(report(1000), "single")
    assert drawn == recall_plot(report(1000), "single")
    root = ET.fromstring(drawn)  # noqa: S314 - our own
    graph, exact = curve(root, GRAPH), curve(root, EXACT)
    assert (len(graph), len(exact)) == (2, 1)
    places = [*graph, *exact]
    # Further right with recall, further down with slowness.
    assert places[0][0] < places[1][0] < places[2][0]
    assert places[2][1] < places[0][1] < places[1][1]
    assert "embedsearch hnsw" in {text.text for text in root.iter(f"{SVG}text")}


def test_sizes_are_drawn_from_several_reports() -> None:
    root = ET.fromstring(sizes_plot([report(100_000), report(1000)], "single"))  # noqa: S314
    for colour in (GRAPH, EXACT):
        smaller, larger = curve(root, colour)
        assert smaller[0] < larger[0]


def test_the_axis_of_recall_is_stretched_and_back() -> None:
    recalls = np.array([0.5, 0.9, 0.99, 1.0])
    np.testing.assert_allclose(_unstretched(_stretched(recalls)), recalls)

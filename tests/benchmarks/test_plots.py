from __future__ import annotations

import math
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from benchmarks.plots import best_points, recall_plot, sizes_plot
from benchmarks.svg import Axis

SVG = "{http://www.w3.org/2000/svg}"


def report(count: int) -> dict[str, Any]:
    def point(recall: float, speed: float) -> dict[str, Any]:
        return {"recall": recall, "single": {"per_cpu_second": speed}}

    graph = [point(0.7, 5000), point(0.96, 1000), point(0.9, 900)]
    return {
        "count": count,
        "dimension": 8,
        "results": [
            {"engine": "graph & co", "points": graph},
            {"engine": "exact", "points": [point(1.0, 1e7 / count)]},
        ],
    }


def test_points_that_another_beats_are_left_out() -> None:
    assert best_points([(0.7, 5.0), (0.96, 1.0), (0.9, 0.9)]) == [(0.7, 5.0), (0.96, 1.0)]


def test_a_plot_has_a_curve_for_each_rival() -> None:
    drawn = recall_plot(report(1000), "single")
    assert drawn == recall_plot(report(1000), "single")
    root = ET.fromstring(drawn)  # noqa: S314 - our own
    first, second = (line.attrib["points"].split() for line in root.iter(f"{SVG}polyline"))
    assert (len(first), len(second)) == (2, 1)
    places = [tuple(map(float, place.split(","))) for place in (*first, *second)]
    # Further right with recall, further down with slowness.
    assert places[0][0] < places[1][0] < places[2][0]
    assert places[2][1] < places[0][1] < places[1][1]
    assert "graph & co" in {text.text for text in root.iter(f"{SVG}text")}


def test_sizes_are_drawn_from_several_reports() -> None:
    root = ET.fromstring(sizes_plot([report(100_000), report(1000)], "single"))  # noqa: S314
    lines = [line.attrib["points"].split() for line in root.iter(f"{SVG}polyline")]
    assert [len(points) for points in lines] == [2, 2]
    assert all(float(a.split(",")[0]) < float(b.split(",")[0]) for a, b in lines)


def test_equal_ratios_are_equal_steps() -> None:
    axis = Axis("", 1, 10_000, [], math.log)
    assert [axis.share(value) for value in (1, 10, 100, 10_000)] == pytest.approx([0, 0.25, 0.5, 1])

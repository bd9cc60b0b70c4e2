"""Draw reports of `benchmarks.index --json` as SVG.

`python -m benchmarks.plots words=glove.json ... --out docs/images` draws recall against queries
per second, as ann-benchmarks does: `recall-words.svg`, one file for each report.
`--sizes A.json B.json ...` draws how the speed at recall 0.95 falls with the number of vectors:
`sizes.svg`.
"""

from __future__ import annotations

import argparse
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from benchmarks.index import ENOUGH

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    Point = tuple[float, float]

# Okabe and Ito's colours: the colour-blind can tell them apart.
COLOURS = {
    "embedsearch auto": "#000000",
    "embedsearch flat": "#999999",
    "embedsearch hnsw": "#d55e00",
    "embedsearch ivf": "#e69f00",
    "embedsearch ivfpq": "#cc79a7",
    "faiss flat": "#999999",
    "faiss hnsw": "#d55e00",
    "faiss ivf": "#e69f00",
    "hnswlib": "#0072b2",
    "usearch": "#009e73",
    "usearch bf16": "#009e73",
    "scikit-learn": "#56b4e9",
    "gensim": "#8c6bb1",
}
_OTHER = "#777777"
_RECALLS = [0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 1.0]
_SPEED = "queries per second of one thread"
# Text stays text, and the ids within the file are the same on every run.
_STYLE = {"svg.fonttype": "none", "svg.hashsalt": "embedsearch", "font.family": "sans-serif"}


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plots", description=__doc__)
    parser.add_argument("reports", nargs="*", help="NAME=FILE")
    parser.add_argument("--sizes", nargs="*", type=Path, default=[], metavar="FILE")
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    parser.add_argument("--way", default="single", help="single, batch, or another of the report")
    return parser.parse_args()


def recall_plot(report: dict[str, Any], way: str) -> str:
    """Draw recall against queries per second of one thread, only the best points of each rival."""
    curves = {
        result["engine"]: [
            point for point in best_points(_points(result, way)) if point[0] >= _RECALLS[0]
        ]
        for result in report["results"]
    }
    figure, axes = _axes(f"{report['count']:,} vectors of {report['dimension']} dimensions")
    axes.set(xlabel="recall@10", xlim=(_RECALLS[0], _RECALLS[-1]))
    axes.set_xscale("function", functions=(_stretched, _unstretched))
    axes.set_xticks(_RECALLS, [f"{recall:g}" for recall in _RECALLS])
    _draw(axes, curves)
    return _as_svg(figure)


def sizes_plot(reports: Sequence[dict[str, Any]], way: str) -> str:
    """Draw the queries per second at recall 0.95 against the number of vectors."""
    curves: dict[str, list[Point]] = {}
    for report in sorted(reports, key=lambda report: report["count"]):
        for result in report["results"]:
            enough = [y for x, y in _points(result, way) if x >= ENOUGH]
            if enough:
                curves.setdefault(result["engine"], []).append((report["count"], max(enough)))
    figure, axes = _axes(f"at recall {ENOUGH}")
    axes.set(xlabel="vectors", xscale="log")
    _draw(axes, {name: points for name, points in curves.items() if len(points) > 1})
    return _as_svg(figure)


def best_points(points: Sequence[Point]) -> list[Point]:
    """Leave out points that another beats in recall and in speed."""
    best: list[Point] = []
    for point in sorted(points, reverse=True):
        if not best or point[1] > best[-1][1]:
            best.append(point)
    return best[::-1]


def _points(result: dict[str, Any], way: str) -> list[Point]:
    return [(point["recall"], point[way]["per_cpu_second"]) for point in result["points"]]


def _axes(title: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(7.6, 4.4), layout="constrained")
    axes = figure.add_subplot(title=title, yscale="log", ylabel=_SPEED)
    axes.grid(color="#dddddd")
    axes.yaxis.set_major_formatter("{x:,.0f}")
    return figure, axes


def _draw(axes: Axes, curves: Mapping[str, Sequence[Point]]) -> None:
    for name, points in curves.items():
        if not points:
            continue
        # Rivals that share a colour differ in their lines: ours are solid.
        is_dashed = name.startswith(("faiss", "usearch bf"))
        axes.plot(
            *zip(*points, strict=True),
            label=name,
            color=COLOURS.get(name, _OTHER),
            linestyle="--" if is_dashed else "-",
            marker="o",
            markersize=5,
            markerfacecolor="white" if is_dashed else None,
            # Exact search lies on the border.
            clip_on=False,
        )
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)


def _as_svg(figure: Figure) -> str:
    file = io.StringIO()
    with rc_context(_STYLE):
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return file.getvalue()


def _stretched(recall: Any) -> Any:
    """Give the last percent of recall as much room as the halves of what is missing before it."""
    # Recalls outside the axis are asked for as well, while it is laid out.
    return -np.log(np.maximum(1.01 - recall, 1e-9))


def _unstretched(place: Any) -> Any:
    return 1.01 - np.exp(-place)


def main() -> None:
    """Write all that was asked for."""
    options = arguments()
    options.out.mkdir(parents=True, exist_ok=True)
    for given in options.reports:
        name, _, file = given.partition("=")
        drawn = recall_plot(json.loads(Path(file).read_text()), options.way)
        (options.out / f"recall-{name}.svg").write_text(drawn)
    if options.sizes:
        reports = [json.loads(file.read_text()) for file in options.sizes]
        (options.out / "sizes.svg").write_text(sizes_plot(reports, options.way))


if __name__ == "__main__":
    main()

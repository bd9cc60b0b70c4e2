"""Draw reports of `benchmarks.index --json` as SVG.

`python -m benchmarks.plots words=glove.json ... --out docs/images` draws, for each report, recall
against queries a second, as ann-benchmarks does: `recall-words.svg`. `--sizes A.json B.json ...`
draws how the speed at recall 0.95 falls with the number of vectors: `sizes.svg`.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.index import ENOUGH
from benchmarks.svg import Axis, Curve, draw

if TYPE_CHECKING:
    from collections.abc import Sequence

    Point = tuple[float, float]

# Okabe and Ito's colours, told apart by the colour-blind too.
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


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plots", description=__doc__)
    parser.add_argument("reports", nargs="*", help="NAME=FILE")
    parser.add_argument("--sizes", nargs="*", type=Path, default=[], metavar="FILE")
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    parser.add_argument("--way", default="single", help="single, or batch, or as in the report")
    return parser.parse_args()


def recall_plot(report: dict[str, Any], way: str) -> str:
    """Draw recall against queries a second of one thread, each rival's best points alone."""
    curves = [
        _curve(result["engine"], best_points(_points(result, way))) for result in report["results"]
    ]
    title = f"{report['count']:,} vectors of {report['dimension']} dimensions"
    return draw(
        title,
        Axis("recall@10", 0.5, 1.0, [0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 1.0], _stretched),
        _logarithmic("queries a second of one thread", [y for c in curves for _, y in c.points]),
        [curve for curve in curves if curve.points],
    )


def sizes_plot(reports: Sequence[dict[str, Any]], way: str) -> str:
    """Draw the queries a second at recall 0.95 against the number of vectors."""
    curves: dict[str, list[Point]] = {}
    for report in sorted(reports, key=lambda report: report["count"]):
        for result in report["results"]:
            enough = [y for x, y in _points(result, way) if x >= ENOUGH]
            if enough:
                curves.setdefault(result["engine"], []).append((report["count"], max(enough)))
    drawn = [_curve(name, points) for name, points in curves.items() if len(points) > 1]
    return draw(
        f"at recall {ENOUGH}",
        _logarithmic("vectors", [x for curve in drawn for x, _ in curve.points]),
        _logarithmic("queries a second of one thread", [y for c in drawn for _, y in c.points]),
        drawn,
    )


def best_points(points: Sequence[Point]) -> list[Point]:
    """Leave out points that another beats in recall and in speed."""
    best: list[Point] = []
    for point in sorted(points, reverse=True):
        if not best or point[1] > best[-1][1]:
            best.append(point)
    return best[::-1]


def _points(result: dict[str, Any], way: str) -> list[Point]:
    return [(point["recall"], point[way]["per_cpu_second"]) for point in result["points"]]


def _curve(name: str, points: list[Point]) -> Curve:
    return Curve(name, points, COLOURS.get(name, _OTHER), name.startswith(("faiss", "usearch bf")))


def _stretched(recall: float) -> float:
    """Give the last percent of recall as much room as the halves of what is missing before it."""
    return -math.log(1.01 - recall)


def _logarithmic(label: str, values: Sequence[float]) -> Axis:
    """Return an axis that goes from one 1, 2 or 5 of a power of ten to another."""
    least, most = min(values, default=1), max(values, default=10)
    powers = range(math.floor(math.log10(least)) - 1, math.ceil(math.log10(most)) + 1)
    steps = [step * 10.0**power for power in powers for step in (1, 2, 5)]
    first = max(step for step in steps if step < least)
    last = min(step for step in (*steps, 10 * steps[-1]) if step > most)
    ticks = [step for step in steps if first <= step <= last]
    return Axis(label, first, last, ticks, math.log)


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

"""Indexes of vectors against FAISS, hnswlib, usearch, scikit-learn and gensim.

`python -m benchmarks.index --vectors FILE.npy`, or `--generated 1000000 100`, or `--workspace W`.
Some vectors at random are held out, and the ten nearest of each are looked for among the others.
Every rival has a process of its own; all of them live until the end, and take turns at being
timed. One thread is judged by its processor time, all threads by the wall.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from contextlib import ExitStack
from itertools import zip_longest
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import embedsearch as es
from benchmarks.processes import Process
from benchmarks.search import table
from benchmarks.vectors import Clustered, Truth, open_vectors, split

Turn = tuple[str, int | None]

OURS, FAISS = "benchmarks.rivals.embedsearch_index", "benchmarks.rivals.faiss_raw"
HNSWLIB, USEARCH = "benchmarks.rivals.hnswlib_graph", "benchmarks.rivals.usearch_graph"
ENGINES: dict[str, tuple[str, dict[str, Any]]] = {
    "embedsearch auto": (OURS, {"spec": "auto"}),
    "embedsearch auto batch": (OURS, {"spec": "auto", "for_": "batch"}),
    "embedsearch flat": (OURS, {"spec": "flat"}),
    "embedsearch hnsw": (OURS, {"spec": "hnsw"}),
    "embedsearch ivf": (OURS, {"spec": "ivf"}),
    "embedsearch int8": (OURS, {"spec": "int8"}),
    "embedsearch fp16": (OURS, {"spec": "fp16"}),
    "embedsearch pq": (OURS, {"spec": "pq"}),
    "embedsearch ivfpq": (OURS, {"spec": "ivfpq"}),
    "embedsearch rabitq": (OURS, {"spec": "rabitq"}),
    "embedsearch blocks": (OURS, {"spec": "ivfpq", "blocks": True}),
    # With the factory strings that ours had.
    "faiss flat": (FAISS, {"spec": "Flat"}),
    "faiss hnsw": (FAISS, {"like": "embedsearch hnsw", "spec": "HNSW32"}),
    "faiss ivf": (FAISS, {"like": "embedsearch ivf", "spec": "IVF1024,Flat"}),
    "hnswlib": (HNSWLIB, {}),
    "usearch": (USEARCH, {}),
    "usearch bf16": (USEARCH, {"dtype": "bf16"}),
    "scikit-learn": ("benchmarks.rivals.sklearn_brute", {}),
    "gensim": ("benchmarks.rivals.gensim_words", {}),
}
SOME = (
    "embedsearch auto,embedsearch auto batch,embedsearch flat,embedsearch hnsw,embedsearch ivf,"
    "embedsearch int8,embedsearch pq,embedsearch ivfpq,faiss flat,faiss hnsw,faiss ivf,hnswlib,"
    "usearch,scikit-learn,gensim"
)
ENOUGH, LAYERED = 0.95, ("flat", "hnsw", "ivf")


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.index", description=__doc__)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--vectors", help="FILE.npy, or FILE.safetensors:NAME")
    source.add_argument("--workspace", type=Path, help="its words, and `most_similar` by word")
    source.add_argument("--generated", nargs=2, type=int, metavar=("N", "D"), help="clustered")
    parser.add_argument("--metric", default="cosine", choices=("cosine", "euclidean"))
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--recall", type=float, default=ENOUGH, help="asked of all")
    parser.add_argument("--memory", help="what auto may keep, such as 500MB")
    parser.add_argument("--seconds", type=float, default=0.5, help="for each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--rivals", default=SOME, help=f"of {', '.join(ENGINES)}")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def opened(options: argparse.Namespace, folder: Path) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return the vectors that were asked for; generated ones are written to a file."""
    if options.workspace:
        with es.open(options.workspace) as workspace:
            return np.array(workspace.words.vectors)
    if options.vectors:
        return open_vectors(options.vectors)
    count, dimension = options.generated
    Clustered(dimension).write(folder / "generated.npy", count + options.queries)
    return open_vectors(str(folder / "generated.npy"))


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Have all rivals index and search the same vectors."""
    euclidean = options.metric == "euclidean"
    files = split(opened(options, folder), folder, options.queries, unit=not euclidean)
    X, Q = (np.load(file, mmap_mode="r") for file in files)
    report = {
        "vectors": options.vectors or str(options.workspace or "generated"),
        "count": len(X),
        "dimension": X.shape[1],
        "metric": options.metric,
        "queries": len(Q),
        "recall": options.recall,
        "threads": options.threads,
        "layer": layer(options, files),
    }
    if options.workspace:
        report["words"] = most_similar(options)
    contest = Contest(files, Truth(X, Q, euclidean), options)
    return {**report, "results": contest.run(chosen(options))}


def chosen(options: argparse.Namespace) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return the rivals that were asked for."""
    engines = {name: ENGINES[name] for name in options.rivals.split(",") if name}
    for name, (module, settings) in engines.items():
        if settings.get("spec") == "auto":
            own = {"recall": options.recall, "memory": options.memory}
            engines[name] = module, {**settings, **own}
    return engines


def layer(options: argparse.Namespace, files: tuple[Path, Path]) -> list[dict[str, Any]]:
    """Measure what our layer adds to FAISS, on the first 100,000 vectors."""
    if not any(name.startswith("embedsearch") for name in options.rivals.split(",")):
        return []
    asked = {"vectors": str(files[0]), "queries": str(files[1]), "most": 100_000}
    euclidean = options.metric == "euclidean"
    with Process("layer", "benchmarks.rivals.layer") as process:
        return [process.ask(**asked, euclidean=euclidean, spec=spec) for spec in LAYERED]


def most_similar(options: argparse.Namespace) -> dict[str, Any]:
    """Measure `most_similar` by word against gensim's."""
    with Process("most_similar", "benchmarks.rivals.most_similar") as process:
        return process.ask(workspace=str(options.workspace), words=300)


class Contest:
    """A contest on one set of vectors.

    Args:
        files: The vectors, and the queries.
        truth: Knows what is right.
        options: `metric`, `seconds`, `rounds` and `threads`.
    """

    def __init__(self, files: tuple[Path, Path], truth: Truth, options: argparse.Namespace) -> None:
        self._files, self._truth, self._options = files, truth, options
        # Name, all queries at once, threads.
        self._ways = [("single", False, 1), ("batch", True, 1)]
        if options.threads > 1:
            self._ways.append((f"batch, {options.threads} threads", True, options.threads))

    def run(self, engines: dict[str, tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
        """Build with all, one after the other, then measure them in turn."""
        with ExitStack() as stack:
            built: dict[str, dict[str, Any]] = {}
            processes = {}
            for name, (module, settings) in engines.items():
                processes[name] = stack.enter_context(Process(name, module))
                built[name] = self._build(processes[name], settings, built)
                _say(f"{name} ({built[name]['spec']}): {built[name]['build_cpu_seconds']:.1f} s")
            turns = _turns({name: facts.pop("parameters") for name, facts in built.items()})
            recalls = {turn: self._recall(processes[turn[0]], turn[1]) for turn in turns}
            times = self._times(processes, turns)
        return [
            {
                "engine": name,
                **facts,
                "points": [
                    {"parameter": turn[1], "recall": recalls[turn], **_summary(times[turn])}
                    for turn in turns
                    if turn[0] == name
                ],
            }
            for name, facts in built.items()
        ]

    def _build(
        self, process: Process, settings: dict[str, Any], built: dict[str, dict[str, Any]]
    ) -> dict[str, Any]:
        model = built.get(settings.get("like", ""))
        settings = {name: value for name, value in settings.items() if name != "like"}
        if model:
            settings["spec"] = model["spec"]
        vectors, queries = map(str, self._files)
        return process.ask(
            do="build",
            vectors=vectors,
            queries=queries,
            euclidean=self._options.metric == "euclidean",
            settings=settings,
            threads=self._options.threads,
        )

    def _recall(self, process: Process, parameter: int | None) -> float:
        out = self._files[0].parent / "answers.npy"
        threads = self._options.threads
        process.ask(do="answers", parameter=parameter, out=str(out), threads=threads)
        return self._truth.recall(np.load(out))

    def _times(
        self, processes: dict[str, Process], turns: list[Turn]
    ) -> dict[Turn, dict[str, list[dict[str, float]]]]:
        times: dict[Turn, dict[str, list[dict[str, float]]]] = {turn: {} for turn in turns}
        for number in range(self._options.rounds):
            _say(f"round {number + 1} of {self._options.rounds}")
            for name, batch, threads in self._ways:
                for engine, parameter in turns:
                    taken = processes[engine].ask(
                        do="measure",
                        parameter=parameter,
                        batch=batch,
                        threads=threads,
                        seconds=self._options.seconds,
                    )
                    times[engine, parameter].setdefault(name, []).append(taken)
        return times


def _turns(parameters: dict[str, list[int | None]]) -> list[Turn]:
    """Order what is measured so that rivals take turns."""
    rows = zip_longest(*([(name, p) for p in ps or [None]] for name, ps in parameters.items()))
    return [turn for row in rows for turn in row if turn]


def _summary(ways: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    """Return medians of the rounds: queries a second, by the wall and by the processor."""
    return {
        name: {
            "per_second": median(t["queries"] / t["seconds"] for t in rounds),
            "per_cpu_second": median(t["queries"] / t["cpu_seconds"] for t in rounds),
        }
        for name, rounds in ways.items()
    }


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def tables(report: dict[str, Any]) -> str:
    """Draw a report as Markdown: building, searching, our layer, words."""
    results = report["results"]
    size = report["count"] * report["dimension"] * 4
    drawn = [
        f"{report['count']:,} × {report['dimension']}, {report['metric']}, "
        f"{report['queries']:,} queries, {report['threads']} threads",
        table([_built(result, size) for result in results]),
        table([_searched(result, report["recall"]) for result in results]),
        *([table([_layered(row) for row in report["layer"]])] if report["layer"] else []),
        *([table(report["words"]["ways"])] if "words" in report else []),
    ]
    return "\n\n".join(drawn)


def _built(result: dict[str, Any], size: int) -> dict[str, str]:
    return {
        "": result["engine"],
        "what": result["spec"],
        "building, wall": f"{result['build_seconds']:,.1f} s",
        "building, CPU": f"{result['build_cpu_seconds']:,.1f} s",
        "memory": f"{result['kept_bytes'] / 2**20:,.0f} MB",
        "of the vectors": f"{result['kept_bytes'] / size:.2f}",
        "peak while building": f"{result['peak_bytes'] / 2**20:,.0f} MB",
    }


def _searched(result: dict[str, Any], target: float) -> dict[str, str]:
    point = _shown_point(result["points"], target)
    shown = {"": result["engine"], "parameter": point["parameter"] or result.get("uses") or ""}
    shown["recall@10"] = f"{point['recall']:.3f}"
    for name, way in point.items():
        if isinstance(way, dict):
            one = "threads" not in name
            shown[name] = f"{way['per_cpu_second' if one else 'per_second']:,.0f}"
    return shown


def _shown_point(points: list[dict[str, Any]], target: float) -> dict[str, Any]:
    """Choose what a rival chose itself, else the first of enough recall, else of the most."""
    own = [point for point in points if point["parameter"] is None]
    enough = [point for point in points if point["recall"] >= target]
    best = max(points, key=lambda point: point["recall"])
    return [*own, *enough, best][0]


def _layered(row: dict[str, Any]) -> dict[str, str]:
    return {
        "index": row["spec"],
        "FAISS, single": f"{row['single_faiss_us']:,.0f} µs",
        "ours adds": f"{row['single_added_us']:,.0f} µs",
        "FAISS, batch": f"{row['batch_faiss_us']:,.1f} µs",
        "ours takes": f"{row['batch_ratio']:.2f}×",
    }


def main() -> None:
    """Measure all rivals and print what they did."""
    options = arguments()
    with TemporaryDirectory() as folder:
        report = measure(options, Path(folder))
    print(json.dumps(report) if options.json else tables(report))


if __name__ == "__main__":
    main()

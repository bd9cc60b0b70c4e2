"""Search against bm25s and tantivy: `python -m benchmarks.search --corpus FILE --beir DIR ...`.

From some documents a sentence is taken out; five of its words are a query whose time is taken,
and they and the whole sentence should find the document again. Every engine builds and searches
in processes of its own, one after the other. All rank; `with snippets` is what users get.

Collections with judgements (`--beir`, folders in the layout of BEIR; `DIR:SPLIT` for other
judgements than those of the test) show how good the ranking is: `benchmarks.judged`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import answers
from benchmarks.bed import make_bed
from benchmarks.judged import measure as measure_judged

ENGINES = {
    "embedsearch": "benchmarks.rivals.embedsearch_search",
    "bm25s": "benchmarks.rivals.bm25s_search",
    "tantivy": "benchmarks.rivals.tantivy_search",
}
BUILDING = ("build_seconds", "build_cpu_seconds", "build_peak_mb", "search_peak_mb", "disk_mb")
BUDGET_MS = 5.0


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search", description=__doc__)
    parser.add_argument("--corpus", type=Path, help="JSON lines, .gz or not")
    parser.add_argument("--beir", nargs="+", default=[], metavar="DIR[:SPLIT]")
    parser.add_argument("--documents", type=int, help="only so many of them")
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--rivals", default=",".join(ENGINES), help=f"of {', '.join(ENGINES)}")
    parser.add_argument(
        "--keep", type=Path, help="a folder for what is built; what is there is not built again"
    )
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def run(engine: str, step: str, bed: Path, folder: Path) -> dict[str, Any]:
    """Run one step of an engine in a process of its own."""
    command = [sys.executable, "-m", ENGINES[engine], step, str(bed), str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{engine} failed to {step}")
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def measure(engine: str, bed: Path, kept: Path) -> dict[str, Any]:
    """Build with an engine, unless that was done before, and search."""
    folder, told = kept / engine, kept / f"{engine}.json"
    if not told.exists():
        folder.mkdir()
        told.write_text(json.dumps(run(engine, "build", bed, folder)))
    built = json.loads(told.read_text())
    return {"engine": engine, **built, **run(engine, "search", bed, folder)}


def measure_all(options: argparse.Namespace, kept: Path) -> dict[str, Any]:
    """Measure all engines in turn, on one bed."""
    kept.mkdir(parents=True, exist_ok=True)
    count = kept / "documents.txt"
    if not count.exists():
        documents = make_bed(options.corpus, kept, options.documents, options.queries)
        count.write_text(str(documents))
    results = [measure(engine, kept, kept) for engine in options.rivals.split(",")]
    report = {"documents": int(count.read_text()), "cores": os.cpu_count(), "results": results}
    if "embedsearch" in options.rivals:
        report["processes"] = answers.measure(kept / "embedsearch")
    return report


def judged(folders: list[str], kept: Path) -> list[dict[str, Any]]:
    """Measure all collections with judgements, in this process."""
    kept.mkdir(parents=True, exist_ok=True)
    rows = []
    for given in folders:
        folder, _, split = given.partition(":")
        rows += measure_judged(Path(folder), split or None, kept)
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """Draw rows as Markdown."""
    names = list(rows[0])
    cells = [[_shown(row.get(name, "")) for name in names] for row in rows]
    lines = [names, ["---"] * len(names), *cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def tables(report: dict[str, Any]) -> str:
    """Draw a report as Markdown: building, its phases, searching, what is found."""
    results = report.get("results", [])
    building = [
        {"engine": result["engine"], **{name: result[name] for name in BUILDING}}
        for result in results
    ]
    phases = [
        {"phase": name, "seconds": wall, "cpu_seconds": cpu}
        for result in results
        for name, (wall, cpu) in result.get("phases", {}).items()
    ]
    ways = [{"engine": r["engine"], **way} for r in results for way in r["ways"]]
    processes = report.get("processes", [])
    drawn = [table(rows) for rows in (building, phases, ways, processes, report["judged"]) if rows]
    return "\n\n".join([*drawn, *_verdict(ways)])


def _verdict(ways: list[dict[str, Any]]) -> list[str]:
    return [
        f"{way['way']}: median {way['wall_p50_ms']:.2f} ms, budget {BUDGET_MS} ms"
        for way in ways
        if way["way"] == "auto"
    ]


def _shown(value: object) -> str:
    return f"{value:,.3f}" if isinstance(value, float) else str(value)


def main() -> None:
    """Measure all engines and print what they did."""
    options = arguments()
    with TemporaryDirectory() as folder:
        kept = options.keep or Path(folder)
        report = measure_all(options, kept) if options.corpus else {}
        report["judged"] = judged(options.beir, kept)
    print(json.dumps(report) if options.json else tables(report))


if __name__ == "__main__":
    main()

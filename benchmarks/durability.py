"""What it costs that nothing is lost: `python -m benchmarks.durability`.

Documents acknowledged in a second, against SQLite alone and a file that is flushed; catching up
with documents that were added before a crash; opening. Rivals live in processes of their own and
take turns; ratios are medians over the rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.processes import Process
from benchmarks.search import table
from benchmarks.texts import rows

KEEPERS = {
    "embedsearch": "benchmarks.rivals.embedsearch_adding",
    "SQLite alone": "benchmarks.rivals.sqlite_adding",
    "file": "benchmarks.rivals.file_adding",
}
LEVELS, BATCHES = ("full", "relaxed"), (1, 10, 100, 1000)
SMALL, TRAINED = 100, 10_000
TAKEN = ("seconds", "cpu_seconds")


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.durability", description=__doc__)
    parser.add_argument("--documents", type=int, default=100_000, help="added before the crash")
    parser.add_argument("--trained", type=int, default=TRAINED, help="that are there before")
    parser.add_argument("--corpus", type=Path, help="JSON lines, .gz or not; else texts made up")
    parser.add_argument("--folder", type=Path, help="on the disk that is measured")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.3, help="for each measurement")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Measure all three."""
    before = os.getloadavg()
    report = {"cores": os.cpu_count(), "adding": adding(options, folder)}
    report |= after_a_crash(options, folder)
    return {**report, "load": [before[0], os.getloadavg()[0]]}


def adding(options: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    """Have all keepers add documents in turn."""
    rivals = [(name, level) for level in LEVELS for name in KEEPERS]
    times: dict[tuple[str, str, int], list[dict[str, float]]] = {}
    with ExitStack() as stack:
        processes = {
            rival: stack.enter_context(Process(" ".join(rival), KEEPERS[rival[0]]))
            for rival in rivals
        }
        for rival, process in processes.items():
            own = folder / " ".join(rival)
            own.mkdir()
            process.ask(do="open", folder=str(own), durability=rival[1], corpus=_corpus(options))
        for _ in range(options.rounds):
            for batch in BATCHES:
                for rival, process in processes.items():
                    taken = process.ask(do="measure", batch=batch, seconds=options.seconds)
                    times.setdefault((*rival, batch), []).append(taken)
        for rival, process in processes.items():
            _check_kept(rival, process)
    return [_added(times, level, batch) for level in LEVELS for batch in BATCHES]


def _check_kept(rival: tuple[str, str], process: Process) -> None:
    told = process.ask(do="check")
    if told["added"] != told["kept"]:
        raise SystemExit(f"{' '.join(rival)} was given {told['added']} and kept {told['kept']}")


def _added(
    times: dict[tuple[str, str, int], list[dict[str, float]]], level: str, batch: int
) -> dict[str, Any]:
    """Return documents a second, and how ours compare with those of SQLite, round by round."""
    row: dict[str, Any] = {"durability": level, "batch": batch}
    for name in KEEPERS:
        for taken in TAKEN:
            rates = [each["documents"] / each[taken] for each in times[name, level, batch]]
            row[f"{name}, per {taken}"] = median(rates)
    ours, theirs = (times[name, level, batch] for name in ("embedsearch", "SQLite alone"))
    for taken in TAKEN:
        row[f"ratio of {taken}"] = median(
            (a[taken] / a["documents"]) / (b[taken] / b["documents"])
            for a, b in zip(ours, theirs, strict=True)
        )
    return row


def after_a_crash(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Kill a writer after its last document, open what it leaves, and measure opening later."""
    small, large, corpus = folder / "small.es", folder / "large.es", _corpus(options)
    crashed_step("make", small, trained=SMALL, corpus=corpus)
    crashed_step("make", large, trained=options.trained, corpus=corpus)
    crashed_step("crash", large, trained=options.trained, later=options.documents, corpus=corpus)
    copies = {mode: shutil.copytree(large, folder / f"{mode}.es") for mode in ("read", "write")}
    caught_up = {mode: crashed_step(mode, path) for mode, path in copies.items()}
    _check_found(caught_up, options)
    stored = crashed_step("index", copies["write"])
    opening = openings(
        {SMALL: small, options.trained + options.documents: copies["write"]}, options
    )
    return {"caught_up": caught_up, "stored": stored, "opening": opening}


def _check_found(told: dict[str, dict[str, Any]], options: argparse.Namespace) -> None:
    for mode, each in told.items():
        if each["documents"] != options.trained + options.documents or each["found"] != ["last"]:
            raise SystemExit(f"after the crash, opening to {mode} gives {each}")


def openings(paths: dict[int, Path], options: argparse.Namespace) -> list[dict[str, Any]]:
    """Open workspaces in fresh processes, in turn; what follows from the record is up to date."""
    told: dict[tuple[int, str], list[dict[str, Any]]] = {}
    query = " ".join(next(rows(_corpus(options)))[2].split()[:5])
    for _ in range(options.rounds):
        for count, path in paths.items():
            sqlite = [sys.executable, "-m", "benchmarks.rivals.sqlite_opening", str(path)]
            told.setdefault((count, "SQLite alone"), []).append(_told(sqlite))
            for mode in ("read", "write"):
                told.setdefault((count, mode), []).append(crashed_step(mode, path, query=query))
    return [
        {
            "documents": count,
            "opened": name,
            **{
                step: {taken: median(each[step][taken] for each in rounds) for taken in TAKEN}
                for step in ("import", "open", "first", "second")
                if step in rounds[0]
            },
        }
        for (count, name), rounds in told.items()
    ]


def crashed_step(step: str, path: Path, **settings: Any) -> dict[str, Any]:
    """Do a step in a process of its own; the one that crashes tells nothing."""
    module = "benchmarks.rivals.crashed"
    return _told([sys.executable, "-m", module, step, str(path), json.dumps(settings)])


def _told(command: list[str]) -> dict[str, Any]:
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode == -signal.SIGKILL and "crash" in command:
        return {}
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}")
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def _corpus(options: argparse.Namespace) -> str | None:
    return None if options.corpus is None else str(options.corpus)


def tables(report: dict[str, Any]) -> str:
    """Draw a report as Markdown: adding, catching up, opening."""
    caught_up = report["caught_up"]
    stored = {"": "then `index`", "index": _shown(report["stored"]["index"])}
    return "\n\n".join(
        [
            f"load {report['load'][0]:.1f} to {report['load'][1]:.1f}, {report['cores']} cores",
            table([_shown_adding(row) for row in report["adding"]]),
            table(
                [
                    {"": f"after the crash, {mode}", **_steps(told)}
                    for mode, told in caught_up.items()
                ]
            ),
            table([stored]),
            table([_shown_opening(row) for row in report["opening"]]),
        ]
    )


def _shown_adding(row: dict[str, Any]) -> dict[str, str]:
    shown = {"durability": row["durability"], "batch": f"{row['batch']:,}"}
    for name in KEEPERS:
        wall, cpu = (row[f"{name}, per {taken}"] for taken in TAKEN)
        shown[f"{name}, per second"] = f"{wall:,.0f}"
        shown[f"{name}, per CPU second"] = f"{cpu:,.0f}"
    shown["time, ratio"] = f"{row['ratio of seconds']:.2f}"
    shown["CPU, ratio"] = f"{row['ratio of cpu_seconds']:.2f}"
    return shown


def _shown_opening(row: dict[str, Any]) -> dict[str, str]:
    return {"documents": f"{row['documents']:,}", "opened": row["opened"], **_steps(row)}


def _steps(told: dict[str, Any]) -> dict[str, str]:
    names = ("import", "open", "first", "second")
    return {name: _shown(told[name]) if name in told else "" for name in names}


def _shown(taken: dict[str, float]) -> str:
    return f"{taken['seconds']:.3f} s ({taken['cpu_seconds']:.3f})"


def main() -> None:
    """Measure, and print what was found."""
    options = arguments()
    with TemporaryDirectory(dir=options.folder) as folder:
        report = measure(options, Path(folder))
    print(json.dumps(report) if options.json else tables(report))


if __name__ == "__main__":
    main()

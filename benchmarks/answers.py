"""What one answer costs as a process of its own: `python -m benchmarks.answers WORKSPACE`.

CPU seconds and memory of commands, beside importing what others would answer with; the lowest of
several runs, as JSON. Then the same for a copy of the workspace to which one document was added.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import embedsearch as es

RUNS = 5
IMPORTS = ("numpy", "numpy, faiss", "tantivy", "numpy, scipy.sparse", "gensim.models")
_COMMAND = (sys.executable, "-m", "embedsearch")


def cost_of(command: tuple[str, ...], runs: int = RUNS) -> dict[str, float]:
    """Run a command several times; the lowest CPU seconds, and the memory of that run in MB."""
    found = []
    for _ in range(runs):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"failed: {' '.join(command)}")
        found.append((used.ru_utime + used.ru_stime, used.ru_maxrss / 1024))
    cpu, memory = min(found)
    return {"cpu_seconds": cpu, "peak_mb": memory}


def commands_of(workspace: Path) -> dict[str, tuple[str, ...]]:
    """Return the commands to measure, by what they are called in the table."""
    with es.open(workspace) as ws:
        # Words from the middle of the vocabulary, as people ask for.
        words = ws.words.index_to_key[200:1_200:200]
    options = ("-w", str(workspace))
    search = (*_COMMAND, "search", " ".join(words), *options)
    return {
        "search": search,
        "search --no-snippets": (*search, "--no-snippets"),
        "search --mode lexical": (*search, "--mode", "lexical"),
        "neighbors": (*_COMMAND, "neighbors", words[0], *options),
    }


def measure(workspace: Path, runs: int = RUNS) -> list[dict[str, Any]]:
    """Measure imports, and commands on a workspace and on one with a document more."""
    rows = [
        {"process": f"import {name}", **cost_of((sys.executable, "-c", f"import {name}"), runs)}
        for name in IMPORTS
    ]
    rows += [
        {"process": name, **cost_of(command, runs)}
        for name, command in commands_of(workspace).items()
    ]
    with TemporaryDirectory() as folder:
        copy = Path(folder, "copy.es")
        shutil.copytree(workspace, copy)
        with es.open(copy, mode="w") as ws:
            ws.add([es.Document("added", "A document that was added.")])
        rows += [
            {"process": f"{name}, one document added", **cost_of(command, runs)}
            for name, command in commands_of(copy).items()
            if name.startswith("search")
        ]
    return rows


def main() -> None:
    """Measure a workspace."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.answers", description=__doc__)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--runs", type=int, default=RUNS)
    options = parser.parse_args()
    for row in measure(options.workspace, options.runs):
        print(json.dumps(row))


if __name__ == "__main__":
    main()

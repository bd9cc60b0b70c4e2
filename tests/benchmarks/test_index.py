from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_rivals_index_and_search_the_same_vectors() -> None:
    command = [sys.executable, "-m", "benchmarks.index", "--generated", "1000", "8", "--json"]
    settings = ["--queries", "20", "--rounds", "1", "--seconds", "0.01", "--threads", "1"]
    rivals = ["--rivals", "faiss flat,faiss hnsw,scikit-learn"]
    done = subprocess.run(
        [*command, *settings, *rivals], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    report = json.loads(done.stdout)
    assert (report["count"], report["dimension"], report["queries"]) == (1000, 8, 20)
    flat, graph, brute = report["results"]
    assert [point["recall"] for point in (*flat["points"], *brute["points"])] == [1, 1]
    widths = [point["parameter"] for point in graph["points"]]
    assert widths == sorted(widths)
    assert graph["points"][-1]["recall"] > 0.95
    assert all(point["single"]["per_cpu_second"] > 0 for point in graph["points"])
    assert graph["kept_bytes"] >= 0

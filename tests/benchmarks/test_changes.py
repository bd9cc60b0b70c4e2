from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import embedsearch as es
from embedsearch.text.corpora import PlantedCorpus

ROOT = Path(__file__).parents[2]


def test_each_part_is_measured_on_a_copy(tmp_path: Path) -> None:
    path = tmp_path / "w.es"
    with es.create(path) as ws:
        ws.add(PlantedCorpus(documents=60))
        ws.train("ppmi", vector_size=10, workers=1)
    command = [sys.executable, "-m", "benchmarks.changes", "--workspace", str(path), "--json"]
    settings = ["--alternations", "3", "--threads", "2", "--seconds", "0.2"]
    done = subprocess.run(
        [*command, *settings], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    found = json.loads(done.stdout)
    for who in ("writer", "reader"):
        assert [row["added"] for row in found[who]] == [0, 1, 3]
        assert found[who][-1]["cpu_ms"] > 0
    assert [row["pause of the writer"] for row in found["threads"]] == [
        "None",
        "0.1",
        "0.01",
        "0.0",
    ]
    assert all(row["answers/s"] > 0 for row in found["threads"])
    with es.open(path) as ws:
        assert len(ws.documents) == 60

"""Ctrl-C at any time leaves the last good state, and nothing beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path


def test_interrupted_at_any_time_nothing_is_left_of_it(tmp_path: Path) -> None:
    script = Path(__file__).with_name("interrupted.py")
    command = [sys.executable, str(script), str(tmp_path)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert {result["status"] for result in results} <= {0, 130}, done.stderr
    assert sum(result["status"] == 130 for result in results) >= len(results) // 4
    for result in results:
        added = result["held"] - 150 if result["what"].startswith("add") else 0
        assert added in range(0, 501, 10), result
        assert result["held"] == result["found"] == 150 + added, result
        assert result["problems"] == [], result
        assert result["left"] == [], result

"""`embedsearch map` answers with regions and writes files."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from embedsearch.cli.main import main
from tests.workspace.test_space import path as path


def run(path: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["map", "-w", str(path), "-q", *arguments])


def test_the_answer_is_the_regions(path: Path) -> None:
    answer = json.loads(run(path, "--method", "pca", "--json").stdout)
    assert answer["points"] == 90
    assert sum(region["size"] for region in answer["regions"]) == 90
    assert 0.5 < answer["trustworthiness"] <= 1
    rows = list(csv.DictReader(io.StringIO(run(path, "--new", "--csv").stdout)))
    assert [row["label"] for row in rows] == [region["label"] for region in answer["regions"]]


@pytest.mark.parametrize("suffix", ["html", "svg", "png", "tsv"])
def test_a_map_is_written_to_a_file(path: Path, tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"map.{suffix}"
    result = run(path, "--method", "svd", "--of", "words", "-o", str(file))
    assert result.exit_code == 0, result.output
    assert f"written to {file}" in result.stderr
    assert file.stat().st_size > 500


def test_a_kept_map_is_not_made_otherwise(path: Path) -> None:
    result = run(path, "--new", "--method", "pca")
    assert result.exit_code == 2
    assert "--new takes the map as it is: without --method." in result.stderr

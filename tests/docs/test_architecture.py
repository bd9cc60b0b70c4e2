"""ARCHITECTURE.md names files and types that exist, and its walks go where it says."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import embedsearch as es

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "embedsearch"
PAGE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
DEFINED = {
    node.name: str(path.relative_to(PACKAGE))
    for path in PACKAGE.rglob("*.py")
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    if isinstance(node, ast.ClassDef)
}


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`([\w/]+\.py)`", PAGE))))
def test_a_file_that_is_named_exists(name: str) -> None:
    assert any((folder / name).is_file() for folder in (PACKAGE, ROOT))


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`([\w/]+/)`", PAGE))))
def test_a_folder_that_is_named_exists(name: str) -> None:
    assert any(path.is_dir() for path in [PACKAGE / name, *PACKAGE.glob(f"*/{name}")])


@pytest.mark.parametrize(
    ("type_", "home"), re.findall(r"^\| `(\w+)`(?:, `\w+`)? \| `([\w/]+\.py)` \|", PAGE, re.M)
)
def test_central_types_are_where_the_page_says(type_: str, home: str) -> None:
    assert DEFINED[type_] == home


def walked(name: str, workspace: Path) -> set[str]:
    """Return the files that take part in a walk, without the leaves."""
    command = [sys.executable, str(ROOT / "benchmarks" / "walks.py"), name, str(workspace)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    names: list[str] = json.loads(done.stdout.splitlines()[-1])["names"]
    return {name for name in names if not name.startswith("_")}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("walks") / "walk.es"
    texts = ("king troy structure atom", "achilles king war", "atom water the structure")
    with es.create(path) as ws:
        ws.add(es.Document(f"d{n}", f"{texts[n % 3]} number {n}") for n in range(60))
        ws.train("ppmi", min_count=1, vector_size=8, workers=1)
    return path


@pytest.mark.parametrize(
    ("heading", "walk"),
    [("### A query", "ws.search, warm"), ("### A word", "ws.words.most_similar, warm")],
)
def test_a_walk_touches_the_files_that_the_page_says(
    heading: str, walk: str, workspace: Path
) -> None:
    section = PAGE.split(heading, 1)[1].split("\n#", 1)[0]
    assert walked(walk, workspace) == set(re.findall(r"`([\w/]+\.py)`", section))

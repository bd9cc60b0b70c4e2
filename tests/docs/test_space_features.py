"""The page on features: its pictures are those that its example prints."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "space-features.md").read_text(encoding="utf-8")
EXAMPLE = next(
    block for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "load_digits" in block
)
SHOWN = re.search(r"^```\n(    ::.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("digits")


def test_the_example_prints_the_pictures_without_a_library_for_plots(folder: Path) -> None:
    watched = f"{EXAMPLE}\nimport sys\nassert 'matplotlib' not in sys.modules\n"
    done = subprocess.run(
        [sys.executable, "-c", watched], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert SHOWN is not None
    printed = [line.rstrip() for line in done.stdout.splitlines()]
    # Of the two ways; which pictures are the strangest depends on rounding.
    assert printed[:16] == SHOWN[1].splitlines()[:16]
    assert len(printed) == 24


def test_the_example_finds_its_kind_and_what_is_between(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = folder / "again"
    where.mkdir()
    monkeypatch.chdir(where)
    names: dict[str, Any] = {}
    exec(EXAMPLE, names)  # noqa: S102 - our own page
    assert {hit.metadata["digit"] for hit in names["near"]} == {0}
    assert len(names["points"]) == np.count_nonzero(names["digits"] == 0)
    X = names["X"]
    assert np.linalg.norm(X[names["strangest"]] - X.mean(axis=0), axis=1).min() > np.median(
        np.linalg.norm(X - X.mean(axis=0), axis=1)
    )

    def distance(pictures: Any) -> float:
        V = np.array(pictures).reshape(5, 64)[1:4]
        return float(np.linalg.norm(V[:, np.newaxis] - X, axis=2).min(axis=1).mean())

    assert distance(names["through"]) < distance(names["straight"])

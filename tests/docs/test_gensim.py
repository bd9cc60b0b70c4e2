"""The page for people from gensim: its example runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import embedsearch as es

PAGE = (Path(__file__).parents[2] / "docs" / "gensim.md").read_text(encoding="utf-8")


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(example, names)  # noqa: S102 - our own page
    model = names["model"]
    assert isinstance(model, es.TrainedModel)
    assert es.load_vectors("words.bin").index_to_key == model.wv.index_to_key

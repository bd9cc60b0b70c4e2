"""The guide's examples of vectors of your own print what the guide says they do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

GUIDE = (Path(__file__).parents[2] / "docs" / "guide.md").read_text(encoding="utf-8")
SECTION = GUIDE.partition("## Vectors of your own\n")[2].partition("\n## ")[0]


def test_the_digits_are_found_as_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    examples = re.findall(r"```python\n(.*?)```\n\n(?:```\n(.*?)```)?", SECTION, re.DOTALL)
    shown = [output for _, output in examples if output]
    assert len(shown) == 2
    names: dict[str, object] = {}
    for code, output in examples:
        exec(code, names)  # noqa: S102 - our own guide
        assert capsys.readouterr().out == output

"""The guide's examples print what the guide says they do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

GUIDE = (Path(__file__).parents[2] / "docs" / "guide.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "outputs"), [("Vectors of your own", 2), ("From Python", 3)])
def test_the_examples_print_what_is_shown(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    outputs: int,
) -> None:
    monkeypatch.chdir(tmp_path)
    section = GUIDE.partition(f"## {name}\n")[2].partition("\n## ")[0]
    examples = re.findall(r"```python\n(.*?)```\n\n(?:```\n(.*?)```)?", section, re.DOTALL)
    assert sum(bool(output) for _, output in examples) == outputs
    names: dict[str, object] = {}
    for code, output in examples:
        exec(code, names)  # noqa: S102 - our own guide
        assert capsys.readouterr().out == output

"""The guide's examples print what the guide says they do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

GUIDE = (Path(__file__).parents[2] / "docs" / "guide.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("heading", "outputs"), [("Vectors of your own", 2), ("Languages", 1)])
def test_examples_print_what_is_shown(
    heading: str,
    outputs: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    section = GUIDE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    monkeypatch.chdir(tmp_path)
    examples = re.findall(r"```python\n(.*?)```\n\n(?:```\n(.*?)```)?", section, re.DOTALL)
    shown = [output for _, output in examples if output]
    assert len(shown) == outputs
    names: dict[str, object] = {}
    for code, output in examples:
        exec(code, names)  # noqa: S102 - our own guide
        assert capsys.readouterr().out == output

"""The guide's examples print what the guide says they do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

GUIDE = (Path(__file__).parents[2] / "docs" / "guide.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("section", "outputs"), [("Vectors of your own", 2), ("Looking at documents", 1)]
)
def test_examples_print_what_is_shown(
    section: str,
    outputs: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    text = GUIDE.partition(f"## {section}\n")[2].partition("\n## ")[0]
    examples = re.findall(r"```python\n(.*?)```\n\n(?:```\n(.*?)```)?", text, re.DOTALL)
    assert len([output for _, output in examples if output]) == outputs
    names: dict[str, object] = {}
    for code, output in examples:
        exec(code, names)  # noqa: S102 - our own guide
        assert capsys.readouterr().out == output

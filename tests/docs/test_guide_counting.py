"""The guide's examples of counting print what the guide says they do."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

GUIDE = (Path(__file__).parents[2] / "docs" / "guide.md").read_text(encoding="utf-8")
SECTION = GUIDE.partition("## Counting words\n")[2].partition("\n## ")[0]


def test_the_commands_print_what_is_shown(tmp_path: Path) -> None:
    block = SECTION.split("```console\n")[1].split("```")[0]
    shown = [piece.split("\n", 1) for piece in block.split("$ ")[1:]]
    assert len(shown) == 4
    for command, output in shown:
        done = subprocess.run(
            [sys.executable, "-m", *shlex.split(command)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONUTF8": "1"},
            capture_output=True,
            encoding="utf-8",
            check=True,
        )
        assert done.stdout == output


def test_the_example_prints_what_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    ((code, output),) = re.findall(r"```python\n(.*?)```\n\n```\n(.*?)```", SECTION, re.DOTALL)
    exec(code, {})  # noqa: S102 - our own guide
    assert capsys.readouterr().out == output

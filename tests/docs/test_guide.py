"""The guide's examples of the shell and of vectors of your own print what it says they do."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
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


def test_the_shell_answers_as_shown(tmp_path: Path) -> None:
    section = GUIDE.partition("## The shell, and Tab\n")[2].partition("\n## ")[0]
    commands, *exchanges = section.split("```\n")[1].split("embedsearch> ")
    build, shell = (shlex.split(line.removeprefix("$ ")) for line in commands.splitlines())
    assert run(build, tmp_path).returncode == 0
    typed, shown = zip(*(exchange.split("\n", 1) for exchange in exchanges), strict=True)
    process = run(shell, tmp_path, "\n".join(typed))
    # Answers and errors go to streams of their own.
    said = [*process.stdout.splitlines(), *process.stderr.splitlines()]
    assert sorted(said) == sorted("".join(shown).splitlines())


def run(command: list[str], folder: Path, typed: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env={**os.environ, "COLUMNS": "1000"},
        input=typed,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

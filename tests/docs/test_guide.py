"""The guide's examples print what the guide says they do."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

GUIDE = (Path(__file__).parents[2] / "docs" / "guide.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("heading", "outputs"),
    [
        ("Vectors of your own", 2),
        ("From Python", 3),
        ("Looking at documents", 1),
        ("Languages", 1),
    ],
)
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
    assert len([output for _, output in examples if output]) == outputs
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

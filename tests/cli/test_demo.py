"""`demo`, on a text with the words that it asks for."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

from embedsearch.cli.demo import QUESTIONS

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_each_command_is_shown_with_the_output_it_has(invoke: Run, tmp_path: Path) -> None:
    words = " ".join(" ".join(question[1:]) for question in QUESTIONS)
    for number in range(8):
        (tmp_path / f"{number}.txt").write_text(f"number{number} {words}")
    (tmp_path / "ids.jsonl").write_text(
        "".join(
            f'{{"id": "{question[1]}", "text": "{words}"}}\n'
            for question in QUESTIONS
            if question[0] == "related"
        )
    )
    path = tmp_path / "demo.es"
    settings = ("--vector-size", "4", "--epochs", "1", "--min-count", "1", "-q")
    built = invoke("build", tmp_path, "-w", path, *settings)
    assert built.returncode == 0, built.stderr

    shown = invoke("demo", "-w", path)
    assert shown.returncode == 0, shown.stderr
    expected = ""
    for question in QUESTIONS:
        arguments = (*question, "-w", str(path))
        output = invoke(*arguments).stdout
        expected += f"\n$ embedsearch {shlex.join(arguments)}\n{output}"
    assert shown.stdout == expected

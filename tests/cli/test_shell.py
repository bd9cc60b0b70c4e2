"""`shell` in a pipe and on a true terminal."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]
PROMPT = "embedsearch> "


def test_a_pipe_is_answered_without_a_prompt(run: Run, workspace: Path) -> None:
    lines = "topn 1\ncow\n? hay in the barn\nquit\nstar\n"
    process = run("shell", "-w", workspace, "--jsonl", stdin=lines)
    word, document = map(json.loads, process.stdout.splitlines())
    assert (process.returncode, process.stderr) == (0, "")
    assert word == json.loads(run("similar", "cow", "-w", workspace, "-k1", "--jsonl").stdout)
    assert document["metadata"] == {"topic": "farm"}


def test_an_error_in_a_pipe_does_not_stop_it(run: Run, workspace: Path) -> None:
    process = run("shell", "-w", workspace, "--jsonl", "-k", "1", stdin="xyzzy\ncow\n")
    assert process.returncode == 1
    assert process.stderr.startswith("Error: 'xyzzy' is not in the vocabulary")
    assert len(process.stdout.splitlines()) == 1


class Terminal:
    """A shell on a pseudo-terminal, with a home of its own."""

    def __init__(self, environment: dict[str, str], workspace: Path, home: Path) -> None:
        self._env = {
            **environment,
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home),
            "INPUTRC": "/dev/null",
            "TERM": "xterm",
        }
        self._arguments = ["-m", "embedsearch", "shell", "-w", str(workspace), "-k", "3"]

    def __enter__(self) -> pexpect.spawn[str]:
        self._child = pexpect.spawn(
            sys.executable,
            self._arguments,
            env=self._env,
            encoding="utf-8",
            timeout=30,
            dimensions=(40, 100),
        )
        self._child.expect_exact(PROMPT)
        return self._child

    def __exit__(self, *_: object) -> None:
        self._child.close(force=True)


@pytest.fixture
def terminal(environment: dict[str, str], workspace: Path, tmp_path: Path) -> Terminal:
    return Terminal(environment, workspace, tmp_path)


def test_words_are_answered_with_a_table(terminal: Terminal) -> None:
    with terminal as child:
        child.sendline("cow")
        child.expect_exact("sheep")
        child.expect_exact(PROMPT)
        child.sendline("xyzzy")
        child.expect_exact("Error: 'xyzzy' is not in the vocabulary")
        child.expect_exact(PROMPT)
        child.sendeof()
        child.expect(pexpect.EOF)
        child.wait()
        assert child.exitstatus == 0


def test_tab_completes_words(terminal: Terminal) -> None:
    with terminal as child:
        child.send("donk\t")
        child.expect_exact("donkey")
        child.sendline("")
        child.expect_exact("sheep")


def test_an_interrupt_drops_the_line_and_goes_on(terminal: Terminal) -> None:
    with terminal as child:
        child.send("half a li")
        child.expect_exact("half a li")
        # Python loses a signal that comes just before it waits for the next key.
        for _ in range(3):
            child.sendintr()
            if child.expect_exact([PROMPT, pexpect.TIMEOUT], timeout=5) == 0:
                break
        child.sendline("quit")
        child.expect(pexpect.EOF)
        child.wait()
        assert child.exitstatus == 0


def test_lines_are_remembered_by_the_next_shell(terminal: Terminal) -> None:
    with terminal as child:
        child.sendline("galaxy")
        child.expect_exact(PROMPT)
        child.sendline("quit")
        child.expect(pexpect.EOF)
    with terminal as child:
        child.send("\x1b[A\x1b[A")
        child.expect_exact("galaxy")

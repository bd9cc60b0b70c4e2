"""Functions run in processes of their own: what they print, how they end, what they may take."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from embedsearch._processes import limit_resources, run_apart


def echo(*arguments: str) -> int:
    sys.stdout.write("|".join([*arguments, sys.stdin.read()]))
    return 3


def swallow(megabytes: str) -> None:
    limit_resources(AS=2**30, CORE=0)
    try:
        sys.stdout.write(str(len(bytes(int(megabytes) << 20))))
    except MemoryError:
        sys.stdout.write("no memory")


def spin() -> None:
    limit_resources(CPU=1)
    while True:
        pass


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))


def test_a_function_gets_its_arguments_and_its_input(tmp_path: Path) -> None:
    path = tmp_path / "input.txt"
    path.write_text("from a file")
    with path.open("rb") as file:
        done = run_apart("test_processes:echo", "a", 1, stdin=file)
    assert (done.stdout, done.returncode) == (b"a|1|from a file", 3)
    assert run_apart("test_processes:echo").stdout == b""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems limit less")
def test_a_process_gets_no_more_than_its_limits() -> None:
    assert run_apart("test_processes:swallow", 1).stdout == b"1048576"
    assert run_apart("test_processes:swallow", 1 << 11).stdout == b"no memory"
    assert run_apart("test_processes:spin").returncode < 0
    with pytest.raises(subprocess.TimeoutExpired):
        run_apart("test_processes:echo", stdin=subprocess.PIPE, timeout=0.01)


def test_modules_in_the_current_folder_are_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('imported')")
    monkeypatch.chdir(tmp_path)
    assert run_apart("test_processes:echo", "a").stdout == b"a|"

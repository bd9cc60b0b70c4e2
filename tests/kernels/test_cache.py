"""Compiled code on disk: found again, never stale, and never a reason to fail."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import pytest

from embedsearch.kernels import _cache as cache
from embedsearch.kernels._jit import jit

PROCESS = """
import numpy as np
from embedsearch.kernels import cbow, heldout, rounds, skipgram, subword, windows
from embedsearch.kernels.scores import pair_loss
for kernel in (skipgram.train, windows.draw, pair_loss):
    assert not kernel.signatures, kernel
loss = pair_loss(np.full(2, 0.5, np.float32), 1, 2)
print(round(loss, 4), sum(pair_loss.stats.cache_hits.values()))
"""


def add_one(n: int) -> int:
    return n + 1


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where compiled code goes in this test."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    return tmp_path / "embedsearch"


def hits() -> int:
    """Call a fresh compiled function, as a new process would; say if it came from disk."""
    compiled: Any = jit()(add_one)
    assert compiled(1) == 2
    return sum(compiled.stats.cache_hits.values())


def process(folder: Path) -> subprocess.Popen[str]:
    variables = {**os.environ, "NUMBA_CACHE_DIR": str(folder)}
    command = [sys.executable, "-c", PROCESS]
    return subprocess.Popen(command, env=variables, text=True, stdout=subprocess.PIPE)


def test_code_is_compiled_once(folder: Path) -> None:
    assert [hits(), hits(), hits()] == [0, 1, 1]
    assert len(list(folder.iterdir())) == 1


def test_other_types_have_a_file_of_their_own(folder: Path) -> None:
    hits()
    compiled: Any = jit()(add_one)
    assert compiled(0.5) == 1.5
    assert len(list(folder.iterdir())) == 2
    assert hits() == 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: b"no compiled code",
        lambda data: data[: len(data) // 2],
        lambda data: data[:-1],
        lambda data: data[:500] + bytes(64) + data[564:],
        lambda data: data + b"more",
    ],
    ids=["empty", "other", "half", "short", "hole", "long"],
)
def test_a_damaged_file_is_compiled_again(folder: Path, damage: Callable[[bytes], bytes]) -> None:
    hits()
    (file,) = folder.iterdir()
    file.write_bytes(damage(file.read_bytes()))
    assert [hits(), hits()] == [0, 1]


def test_a_change_of_any_kernel_compiles_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hits()
    monkeypatch.setattr(cache, "sources_digest", lambda: "changed")
    assert [hits(), hits()] == [0, 1]


def test_another_version_of_numba_compiles_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hits()
    monkeypatch.setattr(numba, "__version__", "1.0")
    assert [hits(), hits()] == [0, 1]


def test_a_cache_can_be_turned_off(folder: Path) -> None:
    compiled: Any = jit()(add_one)
    compiled._cache.disable()
    assert compiled(1) == 2
    assert not folder.exists()


def test_a_folder_that_cannot_be_made_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "file"))
    assert [hits(), hits()] == [0, 0]


def test_a_user_without_a_home_can_compile(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    assert [hits(), hits()] == [0, 0]


def test_the_folder_is_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    hits()
    assert (tmp_path / "embedsearch").stat().st_mode & 0o777 == 0o700
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache.cache_folder() == Path.home() / ".cache" / "embedsearch"


def test_importing_compiles_nothing_and_processes_share_what_they_compile(tmp_path: Path) -> None:
    together = [process(tmp_path), process(tmp_path)]
    for output in [running.communicate()[0] for running in together]:
        assert output.split()[0] == "1.3863"
    assert process(tmp_path).communicate()[0].split() == ["1.3863", "1"]

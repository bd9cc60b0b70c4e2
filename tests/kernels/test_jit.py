"""Compiled code on disk: found again, never stale, and never a reason to fail."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import pytest

from embedsearch.kernels._jit import cache_folder, digest_of, jit, kernel_folder, remove_unused

SOURCES = Path(sys.modules[jit.__module__].__file__ or "").parent
PROCESS = """
import numpy as np
from embedsearch.kernels import (
    chunks, phrases, ppmi, rounds, sampling, set_join, word2vec
)

for module in (chunks, phrases, ppmi, rounds, sampling, set_join, word2vec):
    for kernel in vars(module).values():
        assert not getattr(kernel, "signatures", None), kernel
loss = word2vec.pair_loss(np.full(2, 0.5, np.float32), 1, 2)
print(round(loss, 4), sum(word2vec.pair_loss.stats.cache_hits.values()))
"""


def add_one(n: int) -> int:
    return n + 1


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where compiled code goes in this test."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    return kernel_folder()


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


def test_a_folder_in_the_place_of_a_file_is_done_without(folder: Path) -> None:
    hits()
    (file,) = folder.iterdir()
    file.unlink()
    file.mkdir()
    assert [hits(), hits()] == [0, 0]
    assert list(folder.iterdir()) == [file]


def test_a_change_of_any_kernel_compiles_again(tmp_path: Path) -> None:
    copy = tmp_path / "kernels"
    shutil.copytree(SOURCES, copy, ignore=shutil.ignore_patterns("__pycache__"))
    before = digest_of(copy.glob("*.py"))
    assert cache_folder() / f"kernels-{before}" == kernel_folder()
    with (copy / "_simd.py").open("a") as file:
        file.write("\n")
    assert digest_of(copy.glob("*.py")) != before


def test_another_version_of_numba_compiles_again(monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest_of(SOURCES.glob("*.py"))
    monkeypatch.setattr(numba, "__version__", "1.0")
    assert digest_of(SOURCES.glob("*.py")) != before


def test_sources_that_are_not_on_disk_have_no_digest(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        digest_of(tmp_path.glob("*.py"))


def test_versions_that_are_long_unused_are_removed_and_nothing_else(
    folder: Path, tmp_path: Path
) -> None:
    ours, outside = cache_folder(), tmp_path / "outside"
    names = ["kernels-" + "0" * 32, "kernels-" + "1" * 32, "kernels-other", "mine"]
    for path in [*(ours / name for name in names), outside]:
        path.mkdir(parents=True)
        (path / "file").touch()
    (ours / ("kernels-" + "2" * 32)).symlink_to(outside)
    long_ago = time.time() - 31 * 24 * 3600
    for path in ours.iterdir():
        if path.name != names[1]:
            os.utime(path, (long_ago, long_ago))
    hits()
    left = {path.name for path in ours.iterdir()}
    assert left == {*names[1:], "kernels-" + "2" * 32, folder.name}
    assert (outside / "file").exists()


def test_a_version_that_is_used_is_not_removed(tmp_path: Path) -> None:
    process(tmp_path).communicate()
    (folder,) = (tmp_path / "embedsearch").iterdir()
    long_ago = time.time() - 31 * 24 * 3600
    os.utime(folder, (long_ago, long_ago))
    assert process(tmp_path).communicate()[0].split() == ["1.3863", "1"]
    remove_unused(tmp_path / "embedsearch")
    assert folder.exists()


def test_a_folder_that_disappears_is_made_again(folder: Path) -> None:
    hits()
    shutil.rmtree(folder.parent)
    assert [hits(), hits()] == [0, 1]
    remove_unused(folder.parent / "missing")


def test_a_folder_that_cannot_be_made_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "file"))
    assert [hits(), hits()] == [0, 0]


def test_where_nothing_can_be_written_what_is_there_is_read(folder: Path) -> None:
    hits()
    (kept,) = folder.iterdir()
    assert jit()(add_one)(0.5) == 1.5
    (other,) = set(folder.iterdir()) - {kept}
    other.unlink()
    # Unlike permissions, a folder in the place of the file stops root, too.
    (other / "in the way").mkdir(parents=True)
    assert hits() == 1
    compiled: Any = jit()(add_one)
    assert compiled(0.5) == 1.5
    assert not compiled.stats.cache_hits
    assert set(folder.iterdir()) == {kept, other}


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
    for folder in (tmp_path / "embedsearch", kernel_folder()):
        assert folder.stat().st_mode & 0o777 == 0o700
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "embedsearch"


def test_importing_compiles_nothing_and_processes_share_what_they_compile(tmp_path: Path) -> None:
    together = [process(tmp_path), process(tmp_path)]
    for output in [running.communicate()[0] for running in together]:
        assert output.split()[0] == "1.3863"
    assert process(tmp_path).communicate()[0].split() == ["1.3863", "1"]

"""Disks that are full and folders that cannot be written to."""

from __future__ import annotations

import gc
import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import embedsearch as es
from embedsearch.store.documents import DocumentStore


def run_with_files_up_to(size: int, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run `embedsearch` where no file may grow beyond `size` bytes: writes fail like on a full
    disk."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    command = [sys.executable, "-m", "embedsearch", *map(str, arguments), "--quiet"]
    return subprocess.run(
        command,
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("size", [5_000, 300_000, 1_000_000])
def test_a_build_on_a_full_disk_leaves_nothing(tmp_path: Path, size: int) -> None:
    path = tmp_path / "full.es"
    done = run_with_files_up_to(size, "build", "corpus:planted", "-w", path, "--epochs", "1")
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: {path}: ")
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [40_000, 400_000, 520_000])
def test_vectors_that_a_full_disk_cannot_take_leave_all_as_it_was(
    tmp_path: Path, size: int
) -> None:
    path, array = tmp_path / "v.es", tmp_path / "rows.npy"
    X = np.random.default_rng(0).normal(size=(2_000, 64)).astype(np.float32)
    with es.create(path) as ws:
        ws.add_vectors(X[:1])
    np.save(array, X)
    arguments = ("import", "--vectors", array, "--update", "-w", path)
    done = run_with_files_up_to(size, *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: {path}: ")
    assert done.stderr.count("\n") == 1
    with es.open(path, "w") as ws:
        assert len(ws.documents) == len(ws.vectors) == 1
        assert ws.add_vectors(X, update=True) == 2_001
    assert [p.name for p in (path / "vectors").iterdir()] == ["0002"]
    new = run_with_files_up_to(size, "import", "--vectors", array, "-w", tmp_path / "new.es")
    assert new.returncode == 1
    assert not (tmp_path / "new.es").exists()


def test_a_training_on_a_full_disk_leaves_the_old_generation(writable: Path) -> None:
    with es.open(writable) as ws:
        before = ws.words.most_similar("paris")
    done = run_with_files_up_to(200_000, "train", "-w", writable, "--vector-size", "300")
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: {writable}: ")
    with es.open(writable) as ws:
        assert ws.info().generation == 1
        assert ws.words.most_similar("paris") == before
    with es.open(writable, "w") as ws:
        ws.train(epochs=1, vector_size=8, workers=1)
    assert sorted(p.name for p in (writable / "generations").iterdir()) == ["0002"]


def test_documents_on_a_full_disk_are_all_refused(writable: Path, tmp_path: Path) -> None:
    (tmp_path / "more.txt").write_text("more of the same words\n" * 200_000)
    arguments = ("add", tmp_path / "more.txt", "--split", "line", "-w", writable)
    done = run_with_files_up_to(1_900_000, *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: {writable}: ")
    with es.open(writable) as ws:
        assert len(ws.documents) == 2000
        assert ws.info().behind == 0


@pytest.fixture
def read_only(planted: Path) -> Iterator[Path]:
    """A copy that its owner may read and nobody may write, in folders that others may enter."""
    folder = Path(tempfile.mkdtemp())
    path = Path(shutil.copytree(planted, folder / "fixed.es"))
    for part in (folder, path, *path.rglob("*")):
        part.chmod(0o555 if part.is_dir() else 0o444)
    yield path
    for part in (folder, path, *path.rglob("*")):
        if part.is_dir():
            part.chmod(stat.S_IRWXU)
    shutil.rmtree(folder)


def as_nobody(work: Callable[[], None]) -> int:
    """Do `work` in a child without the rights of root, and return its exit status."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            if os.getuid() == 0:
                os.setuid(65534)
            work()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_folder_that_cannot_be_written_to_is_read(read_only: Path, planted: Path) -> None:
    with es.open(planted) as ws:
        expected = ([h.id for h in ws.search("paris")], ws.words.most_similar("paris"))

    def read() -> None:
        with es.open(read_only) as ws:
            found = ([h.id for h in ws.search("paris")], ws.words.most_similar("paris"))
        assert found == expected

    assert as_nobody(read) == 0


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_folder_that_cannot_be_written_to_is_named_when_written(read_only: Path) -> None:
    def write() -> None:
        with pytest.raises(es.WorkspaceReadOnlyError, match="cannot be written to"):
            es.open(read_only, "w")

    def build() -> None:
        with pytest.raises(es.WorkspaceReadOnlyError, match="cannot be written to"):
            es.build("corpus:planted", read_only.parent / "new.es")

    es.open(read_only).close()
    assert (as_nobody(write), as_nobody(build)) == (0, 0)
    assert [p.name for p in read_only.parent.iterdir()] == ["fixed.es"]


def test_too_many_open_files_are_not_taken_for_damage(read_only: Path) -> None:
    """There is nothing to repair then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with es.open(read_only) as ws:
        len(ws.words.vectors)
    seen = set()
    for files in range(8, 24):
        gc.collect()
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
        try:
            with es.open(read_only) as ws:
                len(ws.words.vectors)
            seen.add("nothing")
        except (es.EmbedSearchError, OSError) as error:
            seen.add(type(error).__name__)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert {"nothing", "WorkspaceError"} <= seen
    assert "WorkspaceDamagedError" not in seen


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_changes_in_a_log_that_cannot_be_read_are_not_left_out(
    read_only: Path, planted: Path, tmp_path: Path
) -> None:
    shutil.copy(planted / "documents.sqlite", tmp_path)
    read_only.chmod(0o755)
    store = DocumentStore(tmp_path / "documents.sqlite", writable=True)
    store.add([es.Document("logged", "only in the log")])
    for name in ("documents.sqlite", "documents.sqlite-wal"):
        (read_only / name).unlink(missing_ok=True)
        shutil.copy(tmp_path / name, read_only)
    (read_only / "documents.sqlite-shm").unlink(missing_ok=True)
    store.close()
    read_only.chmod(0o555)

    def read() -> None:
        with es.open(read_only) as ws:
            # Words are answered without the documents.
            assert ws.words.most_similar("paris")
            for ask in (lambda: len(ws.documents), lambda: ws.search("paris")):
                with pytest.raises(es.WorkspaceReadOnlyError, match="copy the workspace"):
                    ask()

    assert as_nobody(read) == 0
    moved = shutil.copytree(read_only, tmp_path / "moved.es")
    moved.chmod(0o755)
    with es.open(moved) as ws:
        assert "logged" in ws.documents

"""Backups, and what is made of them: all of it, or nothing."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
import tracemalloc
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest

import embedsearch as es
from embedsearch import workspace
from embedsearch._io import with_checksum
from embedsearch.workspace import locks
from embedsearch.workspace.maintenance import backup as backup_module

SMALL: dict[str, Any] = {"vector_size": 8, "workers": 1, "min_count": 1}
Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    path = tmp_path / "a [1].es"
    with es.create(path) as ws:
        ws.add(es.Document(f"d{n}", f"a galaxy of barns, number {n}") for n in range(30))
        ws.train("ppmi", **SMALL)
    return path


@pytest.fixture
def backup(trained: Path, tmp_path: Path) -> Path:
    with es.open(trained) as ws:
        ws.backup(tmp_path / "a.backup")
    return tmp_path / "a.backup"


def hidden(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_a_backup_holds_everything(trained: Path, backup: Path, tmp_path: Path) -> None:
    with es.open(trained) as ws:
        before = ws.search("galaxy barns")
        told = ws.info()
    with es.restore(backup, tmp_path / "deep" / "b.es") as ws:
        assert ws.search("galaxy barns") == before
        assert (ws.info().documents, ws.info().generation) == (told.documents, told.generation)
        assert ws.verify().sound
        assert ws.add([es.Document("later", "galaxy")]).added == 1
    assert hidden(tmp_path) == []


def test_vectors_of_ones_own_are_in_it(tmp_path: Path) -> None:
    with es.create(tmp_path / "v.es") as ws:
        ws.add_vectors([[1.0, 0.0], [0.0, 1.0]])
        ws.backup(tmp_path / "v.backup")
    with es.restore(tmp_path / "v.backup", tmp_path / "w.es") as ws:
        assert len(ws.vectors) == 2
        assert ws.verify().sound


def test_a_backup_of_a_workspace_that_changes_is_one_state(trained: Path, tmp_path: Path) -> None:
    stop = threading.Event()

    def change() -> None:
        with es.open(trained, "w") as ws:
            for version in range(10_000):
                ws.add(es.Document(f"pair{side}", f"version {version}") for side in range(2))
                if stop.is_set():
                    break

    writer = threading.Thread(target=change)
    writer.start()
    try:
        for number in range(5):
            with es.open(trained) as ws:
                ws.backup(tmp_path / f"{number}.backup")
    finally:
        stop.set()
        writer.join()
    for number in range(5):
        with es.restore(tmp_path / f"{number}.backup", tmp_path / f"{number}.es") as ws:
            texts = {ws.documents[id].text for id in ("pair0", "pair1") if id in ws.documents}
            assert len(texts) <= 1
            assert ws.verify().sound


def test_where_a_backup_may_not_be(trained: Path, backup: Path, tmp_path: Path) -> None:
    before = backup.read_bytes()
    with es.open(trained) as ws:
        with pytest.raises(es.WorkspaceExistsError, match="--overwrite"):
            ws.backup(backup)
        with pytest.raises(es.ParameterError, match="outside of the workspace"):
            ws.backup(trained / "generations" / "a.backup")
        with pytest.raises(es.ParameterError, match="folder that exists"):
            ws.backup(tmp_path / "absent" / "a.backup")
        with pytest.raises(es.ParameterError, match="not that of a folder"):
            ws.backup(tmp_path)
        if hasattr(os, "mkfifo"):
            # For the administrator, replacing `/dev/null` would succeed.
            os.mkfifo(tmp_path / "pipe")
            with pytest.raises(es.ParameterError, match="a device or a pipe"):
                ws.backup(tmp_path / "pipe", overwrite=True)
        assert backup.read_bytes() == before
        ws.backup(backup, overwrite=True)
    assert hidden(tmp_path) == []


def test_a_damaged_generation_is_not_backed_up(trained: Path, tmp_path: Path) -> None:
    path = trained / "generations" / "0001" / "words.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with es.open(trained) as ws, pytest.raises(es.WorkspaceDamagedError, match="repair") as told:
        ws.backup(tmp_path / "a.backup")
    assert "words.safetensors" in str(told.value)
    assert not (tmp_path / "a.backup").exists()
    assert hidden(tmp_path) == []


def test_a_workspace_is_replaced_only_when_asked(trained: Path, backup: Path) -> None:
    with es.open(trained, "w") as ws:
        ws.add([es.Document("later", "galaxy")])
        with pytest.raises(es.WorkspaceLockedError, match="another process is writing"):
            es.restore(backup, trained, overwrite=True)
    with pytest.raises(es.WorkspaceExistsError, match="--overwrite"):
        es.restore(backup, trained)
    with es.open(trained) as reader:
        assert "later" in reader.documents
        with es.restore(backup, trained, overwrite=True) as ws:
            assert "later" not in ws.documents
        assert "later" in reader.documents
    assert hidden(trained.parent) == []


def test_what_is_no_workspace_is_never_replaced(backup: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_text("meow")
    for place in (tmp_path / "photos", tmp_path / "photos" / "cat.jpg"):
        with pytest.raises(es.WorkspaceExistsError, match="not a workspace"):
            es.restore(backup, place, overwrite=True)
    assert (tmp_path / "photos" / "cat.jpg").read_text() == "meow"


def test_damage_anywhere_is_noticed(backup: Path, tmp_path: Path) -> None:
    choose, content = random.Random(7), backup.read_bytes()  # noqa: S311
    for _ in range(60):
        damaged = bytearray(content)
        damaged[choose.randrange(len(content))] ^= 1 << choose.randrange(8)
        (tmp_path / "bad.backup").write_bytes(damaged)
        try:
            es.restore(tmp_path / "bad.backup", tmp_path / "b.es").close()
        except es.WorkspaceDamagedError:
            assert not (tmp_path / "b.es").exists()
        else:
            # Padding; all that was written is there.
            assert es.verify(tmp_path / "b.es").sound
            shutil.rmtree(tmp_path / "b.es")
    for length in (0, 100, 512, 5_000, len(content) // 2, len(content) - 20_000):
        (tmp_path / "bad.backup").write_bytes(content[:length])
        with pytest.raises(es.WorkspaceDamagedError, match="no backup, or not what was written"):
            es.restore(tmp_path / "bad.backup", tmp_path / "b.es")
    assert not (tmp_path / "b.es").exists()
    assert hidden(tmp_path) == []


def hostile(path: Path, entries: list[tuple[tarfile.TarInfo, bytes]], **changes: Any) -> Path:
    """Write a backup whose list fits its entries, whatever these are."""
    files = {
        entry.name: {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for entry, content in entries
    }
    facts = {"created": "2026-12-01T00:00:00+00:00", "documents": 1, "change": 1}
    head = {"format": 1, "kind": "embedsearch backup", **facts, "files": files, **changes}
    text = json.dumps(with_checksum(head)).encode()
    with tarfile.open(path, "w") as tar:
        for entry, content in [(tarfile.TarInfo("backup.json"), text), *entries]:
            entry.size = len(content) if entry.isreg() else 0
            tar.addfile(entry, io.BytesIO(content))
    return path


def plain(name: str, content: bytes = b"{}") -> tuple[tarfile.TarInfo, bytes]:
    return tarfile.TarInfo(name), content


def special(name: str, kind: bytes) -> tuple[tarfile.TarInfo, bytes]:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, "/etc/passwd"
    return entry, b""


NEEDED = [plain("workspace.json"), plain("documents.sqlite", b"")]
HOSTILE = {
    "a path that leads out": [*NEEDED, plain("../out.txt")],
    "an absolute path": [*NEEDED, plain("/tmp/out.txt")],  # noqa: S108
    "a path that leads out later": [*NEEDED, plain("generations/0001/../../../out.txt")],
    "an unknown place": [*NEEDED, plain("lock")],
    "a journal of the store": [*NEEDED, plain("documents.sqlite-journal")],
    "a file that a generation has not": [*NEEDED, plain("generations/0001/run.sh")],
    "a hidden file": [*NEEDED, plain("generations/0001/.profile")],
    "a link": [*NEEDED, special("generations/0001/words.faiss", tarfile.SYMTYPE)],
    "a hard link": [*NEEDED, special("generations/0001/words.faiss", tarfile.LNKTYPE)],
    "a device": [*NEEDED, special("generations/0001/words.faiss", tarfile.CHRTYPE)],
    "a pipe": [*NEEDED, special("generations/0001/words.faiss", tarfile.FIFOTYPE)],
    "a folder": [*NEEDED, special("generations/0001/words.faiss", tarfile.DIRTYPE)],
    "a file twice": [*NEEDED, plain("workspace.json")],
    "a store that is none": NEEDED,
    "no store": NEEDED[:1],
}


@pytest.mark.parametrize("entries", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_backup_writes_nothing(
    entries: list[tuple[tarfile.TarInfo, bytes]], tmp_path: Path
) -> None:
    file = hostile(tmp_path / "bad.backup", entries)
    with pytest.raises(es.WorkspaceDamagedError, match="no backup, or not what was written"):
        es.restore(file, tmp_path / "deep" / "b.es")
    assert [path.name for path in tmp_path.iterdir() if path != file] == ["deep"]
    assert list((tmp_path / "deep").iterdir()) == []


def test_sizes_that_are_only_promised_are_not_believed(tmp_path: Path) -> None:
    promised = {"size": 10**15, "sha256": "0" * 64}
    files = dict.fromkeys(("workspace.json", "documents.sqlite"), promised)
    file = hostile(tmp_path / "bad.backup", NEEDED, files=files)
    with pytest.raises(es.WorkspaceDamagedError, match="not so large"):
        es.restore(file, tmp_path / "b.es")


def test_a_newer_backup_is_named(tmp_path: Path) -> None:
    file = hostile(tmp_path / "new.backup", NEEDED, format=2)
    with pytest.raises(es.WorkspaceVersionError, match="format 2"):
        es.restore(file, tmp_path / "b.es")
    with pytest.raises(es.WorkspaceNotFoundError, match="no such file"):
        es.restore(tmp_path / "absent", tmp_path / "b.es")


def test_without_room_nothing_is_begun(
    trained: Path, backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**6, 10**6, 1_000))
    with pytest.raises(es.StorageError, match=r"needs about .* the disk has 1KB left"):
        es.restore(backup, tmp_path / "b.es")
    with es.open(trained, "w") as ws:
        with pytest.raises(es.StorageError, match="the backup needs about"):
            ws.backup(tmp_path / "b.backup")
        with pytest.raises(es.StorageError, match="compacting needs about"):
            ws.compact()
        with pytest.raises(es.StorageError, match="what is learned needs about"):
            ws.train("ppmi", **SMALL)
        with pytest.raises(es.StorageError, match="the vectors needs about"):
            ws.add_vectors([[1.0] * 500] * 2, [f"d{n}" for n in range(2)])
        assert ws.search("galaxy")
    assert hidden(tmp_path) == []


def test_a_restoring_that_was_killed_between_two_renamings_is_mended(
    trained: Path, backup: Path
) -> None:
    aside = trained.with_name(f".{trained.name}.replaced")
    trained.rename(aside)
    with pytest.raises(es.WorkspaceNotFoundError, match="a restoring was interrupted"):
        es.open(trained)
    with pytest.raises(es.WorkspaceExistsError, match="--overwrite"):
        es.restore(backup, trained)
    with es.restore(backup, trained, overwrite=True) as ws:
        assert len(ws.documents) == 30
    assert not aside.exists()


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT])
def test_an_interrupted_backup_leaves_none(trained: Path, tmp_path: Path, sent: int) -> None:
    code = (
        "import sys, time, embedsearch as es\n"
        "from embedsearch.workspace.maintenance import backup\n"
        "def slow(*_):\n"
        "    print('here', flush=True)\n"
        "    time.sleep(60)\n"
        "backup._write_archive = slow\n"
        "es.open(sys.argv[1]).backup(sys.argv[2])\n"
    )
    target = tmp_path / "a.backup"
    command = [sys.executable, "-c", code, str(trained), str(target)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"here\n"
        assert len(hidden(tmp_path)) == 1
        time.sleep(0.1)
        process.send_signal(sent)
        process.wait()
    assert not target.exists()
    with es.open(trained) as ws:
        ws.backup(target)
    assert hidden(tmp_path) == []


STRANGE: tuple[Any, ...] = (
    None,
    True,
    -1,
    1.5,
    10**30,
    "x",
    "\ud800\0../" * 9,
    [],
    [[[]]],
    {},
    {"size": -5, "sha256": []},
)


def mutated(value: Any, choose: random.Random) -> Any:
    """The same JSON with a strange value in one place, or without one, or with one more."""
    place, path = value, []
    while isinstance(place, dict) and place and (not path or choose.random() < 0.7):
        path.append(choose.choice(list(place)))
        place = place[path[-1]]
    changed = json.loads(json.dumps(value))
    holder = changed
    for name in path[:-1]:
        holder = holder[name]
    how = choose.random()
    if how < 0.2:
        del holder[path[-1]]
    elif how < 0.4:
        holder[choose.choice(("a\0b", "\ud800", "/etc/x", "reports/" + "y" * 9_999))] = place
    else:
        holder[path[-1]] = choose.choice(STRANGE)
    return changed


def test_no_list_of_a_backup_raises_anything_else(backup: Path, tmp_path: Path) -> None:
    choose, content = random.Random(3), backup.read_bytes()  # noqa: S311
    with tarfile.open(backup) as tar:
        entry = tar.next()
        assert entry is not None
        size = entry.size
    head = json.loads(content[512 : 512 + size])
    (tmp_path / "deep").mkdir()
    longest = 0
    for _ in range(150):
        text = json.dumps(with_checksum(mutated(head, choose))).encode()
        new = tarfile.TarInfo("backup.json")
        new.size = len(text)
        rest = content[512 + -(-size // 512) * 512 :]
        packed = new.tobuf() + text + bytes(-len(text) % 512) + rest
        (tmp_path / "bad.backup").write_bytes(packed)
        try:
            es.restore(tmp_path / "bad.backup", tmp_path / "deep" / "b.es").close()
        except (es.WorkspaceDamagedError, es.WorkspaceVersionError) as error:
            longest = max(longest, len(str(error)))
            assert list((tmp_path / "deep").iterdir()) == []
        else:
            shutil.rmtree(tmp_path / "deep" / "b.es")
    assert 0 < longest < 1_000
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"a [1].es", "a.backup", "bad.backup", "deep"}


def header(name: str, size: bytes, kind: bytes = b"0", content: bytes = b"") -> bytes:
    """An entry of a tar file whose size may be anything."""
    entry = tarfile.TarInfo(name)
    block = bytearray(entry.tobuf(tarfile.USTAR_FORMAT))
    block[124:136], block[156:157], block[148:156] = size, kind, b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + content + bytes(-len(content) % 512)


TERABYTE = b"\x80" + (1 << 40).to_bytes(11, "big")
TARS = {
    "nothing": b"",
    "gzip": gzip.compress(b"x" * 9_999),
    "text": b"hello" * 999,
    "zeros": bytes(10_240),
    "a negative size": header("backup.json", b"\xff" * 12),
    "a size beyond all": header("backup.json", b"\x80" + b"\xff" * 11),
    "a large list": header("backup.json", TERABYTE),
    "a large name": header("././@LongLink", TERABYTE, b"L") + bytes(99_999),
    "large headers": header("x", TERABYTE, b"x") + bytes(99_999),
    "many headers": b"".join(header("x", b"00000000000\0", b"x") for _ in range(5_000)),
    "a sparse file": header(
        "x",
        b"%011o\0" % 60,
        b"x",
        b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n16 x=abcdefghij\n",
    )
    + header("backup.json", b"%011o\0" % (1 << 20), b"0", b"1\n" * (1 << 19)),
}


@pytest.mark.parametrize("content", TARS.values(), ids=TARS)
def test_no_tar_takes_memory_or_raises_anything_else(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "bad.backup").write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(es.WorkspaceDamagedError, match="no backup, or not what was written"):
            es.restore(tmp_path / "bad.backup", tmp_path / "b.es")
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()
    assert [path.name for path in tmp_path.iterdir()] == ["bad.backup"]


def test_what_no_workspace_can_be_opened_of_replaces_none(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with es.open(trained) as ws:
        ws.backup(tmp_path / "a.backup")
    monkeypatch.setattr(backup_module, "verify_parts", lambda *_, **__: workspace.VerifyReport(""))
    with tarfile.open(tmp_path / "a.backup") as tar:
        parts = [(entry, tar.extractfile(entry)) for entry in tar if entry.name != "backup.json"]
        files = [
            (entry, b"[]" if "manifest" in entry.name else f.read()) for entry, f in parts if f
        ]
    hostile(tmp_path / "bad.backup", files)
    with pytest.raises(es.WorkspaceDamagedError, match="no backup, or not what was written"):
        es.restore(tmp_path / "bad.backup", trained, overwrite=True)
    assert es.verify(trained).sound


def test_of_two_restores_one_does_not_undo_the_other(trained: Path, backup: Path) -> None:
    aside = trained.with_name(f".{trained.name}.replaced")
    lock = locks.lock_for_writing(trained / "lock", trained)
    # Where another process is just between its two renamings.
    trained.rename(aside)
    with pytest.raises(es.WorkspaceLockedError):
        es.restore(backup, trained, overwrite=True)
    assert aside.exists()
    lock.release()
    es.restore(backup, trained, overwrite=True).close()
    assert hidden(trained.parent) == []

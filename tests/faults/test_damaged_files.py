"""Files that were cut, or in which a bit was flipped: noticed, never a crash, and mended."""

from __future__ import annotations

import random
import shutil
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

# Locks are empty; the memory of the log of SQLite is made anew whenever it is not in use.
WITHOUT_CONTENT = ("lock", "documents.sqlite-shm", ".tantivy-meta.lock", ".tantivy-writer.lock")


@pytest.fixture(scope="module")
def crowded(library: Path, nursery_type: Callable[..., Any]) -> Iterator[Any]:
    """A nursery that clusters 30 documents as if they were many, so that all files are there."""
    started = nursery_type(library, "30")
    yield started
    started.close()


@pytest.fixture(scope="module")
def sound(crowded: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with every kind of file, and with changes in the log of SQLite."""
    path = tmp_path_factory.mktemp("sound") / "sound.es"
    state = crowded.do("make", path=path)
    arguments = {"path": path, "state": state, "log": path.with_suffix(".log"), "seed": 1}
    ended = crowded.attempt("change", names=["add", "search", "update"], die=True, **arguments)
    assert ended.status == -signal.SIGKILL
    assert (path / "documents.sqlite-wal").stat().st_size
    return path


def kind_of(path: Path) -> str:
    """Name a file by what it is; tantivy's names are random."""
    return f"lexical/*{path.suffix}" if len(path.stem) == 32 else path.name


def flipped(content: bytes, choose: random.Random) -> bytes:
    place = choose.randrange(len(content))
    changed = bytes([content[place] ^ 1 << choose.randrange(8)])
    return content[:place] + changed + content[place + 1 :]


def cut(content: bytes, choose: random.Random) -> bytes:
    return content[: choose.randrange(len(content))]


def files_of(path: Path) -> list[Path]:
    files = (file for file in sorted(path.rglob("*")) if file.is_file())
    return [file for file in files if file.name not in WITHOUT_CONTENT and file.stat().st_size]


@pytest.mark.parametrize("damage", [flipped, cut])
def test_a_damaged_file_is_noticed_and_mended_and_never_crashes(
    damage: Callable[[bytes, random.Random], bytes],
    crowded: Any,
    sound: Path,
    tmp_path: Path,
    long: bool,
    figure: Callable[[str, object], None],
) -> None:
    expected = crowded.do("look", path=shutil.copytree(sound, tmp_path / "expected.es"))
    assert not [each for each in expected.values() if isinstance(each, str)]
    tried: Counter[str] = Counter()
    told, noticed, mended = Counter(tried), Counter(tried), Counter(tried)
    complaints = []
    files = files_of(sound)
    # Short of time, each damage is done to every other file.
    for file in files if long else files[damage is cut :: 2]:
        for number in range(25 if long else 1):
            choose = random.Random(f"{kind_of(file)} {number}")  # noqa: S311
            bad = damage(file.read_bytes(), choose)
            case = Case(crowded, sound, file.relative_to(sound), bad, tmp_path / "case.es")
            kind = kind_of(file)
            tried[kind] += 1
            told[kind] += case.tells(expected)
            noticed[kind] += case.notices()
            mended[kind] += case.mends(expected)
            complaints += [f"{kind} {damage.__name__} {number}: {each}" for each in case.wrong]
    for name, counts in (
        ("tried", tried),
        ("told", told),
        ("noticed", noticed),
        ("mended", mended),
    ):
        figure(f"{damage.__name__}: {name}", dict(counts))
    assert complaints == []


class Case:
    """One file of a workspace replaced by other content."""

    def __init__(self, nursery: Any, sound: Path, name: Path, content: bytes, place: Path) -> None:
        self.nursery, self.sound, self.name, self.content = nursery, sound, name, content
        self.place, self.wrong, self.harmless = place, list[str](), False

    def tells(self, expected: dict[str, Any]) -> bool:
        """Ask all questions, and return whether each was answered as before, or refused."""
        ended = self.nursery.attempt("look", path=self._damaged())
        if ended.status:
            self.wrong.append(f"opening ends with {ended.status}")
            return False
        errors = {k for k, answer in ended.value.items() if isinstance(answer, str)}
        other = {
            k for k, answer in ended.value.items() if k not in errors and answer != expected[k]
        }
        self.harmless = not errors and not other
        if self.name.name == "words.faiss" and "words" not in errors:
            self.wrong.append("FAISS read what is not what was written")
        return not other

    def notices(self) -> bool:
        """Verify, and return whether anything was found.

        It may overlook what changes no answer, and the end of a log that was cut off: that is
        what a process leaves that was killed before its commit.
        """
        ended = self.nursery.attempt("verify", path=self._damaged())
        as_killed = self.name.name.endswith("-wal") and self.is_cut
        if ended.status or not (ended.value or self.harmless or as_killed):
            self.wrong.append(f"verify ends with {ended.status}, and finds {ended.value}")
        return ended.status == 0 and bool(ended.value)

    def mends(self, expected: dict[str, Any]) -> bool:
        """Repair, and return whether the documents are those of before."""
        path = self._damaged()
        ended = self.nursery.attempt("repair", path=path)
        after = self.nursery.attempt("look", path=path)
        if ended.status or after.status:
            self.wrong.append(f"repair ends with {ended.status}, opening with {after.status}")
            return False
        lost = [d for d in expected["documents"] if d not in after.value["documents"]]
        silent = [d[0] for d in lost if d[0] not in ended.value]
        # A log that ends early is what a process leaves that was killed before its commit.
        if silent and not (self.is_cut and self.name.name.endswith("-wal")):
            self.wrong.append(f"repair says nothing of {silent}")
        if not self.name.name.startswith("documents.sqlite") and lost:
            self.wrong.append(f"documents were lost: {[d[0] for d in lost]}")
        if left := self.nursery.do("verify", path=path):
            self.wrong.append(f"after the repair: {left}")
        return not lost

    @property
    def is_cut(self) -> bool:
        """Whether the end is missing."""
        return len(self.content) < (self.sound / self.name).stat().st_size

    def _damaged(self) -> Path:
        shutil.rmtree(self.place, ignore_errors=True)
        shutil.copytree(self.sound, self.place)
        (self.place / self.name).write_bytes(self.content)
        return self.place

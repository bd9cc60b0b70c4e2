"""Files that were cut, or in which a bit was flipped: noticed, never a crash, and mended."""

from __future__ import annotations

import json
import random
import shutil
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

# Locks are empty; the memory of the log of SQLite is made anew whenever it is not in use.
WITHOUT_CONTENT = ("lock", "documents.sqlite-shm", ".tantivy-meta.lock", ".tantivy-writer.lock")


@pytest.fixture(scope="module")
def sound(nursery: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with every kind of file, and with changes in the log of SQLite."""
    path = tmp_path_factory.mktemp("sound") / "sound.es"
    state = nursery.do("make_everything", path=path)
    arguments = {"path": path, "state": state, "log": path.with_suffix(".log"), "seed": 1}
    ended = nursery.attempt("change", names=["add", "search", "update"], die=True, **arguments)
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


def scrambled(content: bytes, choose: random.Random) -> bytes:
    place = choose.randrange(len(content))
    size = min(choose.randint(2, 600), len(content) - place)
    return content[:place] + choose.randbytes(size) + content[place + size :]


def cut(content: bytes, choose: random.Random) -> bytes:
    return content[: choose.randrange(len(content))]


def files_of(path: Path) -> list[Path]:
    files = (file for file in sorted(path.rglob("*")) if file.is_file())
    return [file for file in files if file.name not in WITHOUT_CONTENT and file.stat().st_size]


DAMAGES = (flipped, cut, scrambled)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_noticed_and_mended_and_never_crashes(
    damage: Callable[[bytes, random.Random], bytes],
    nursery: Any,
    sound: Path,
    tmp_path: Path,
    long: bool,
    figure: Callable[[str, object], None],
) -> None:
    expected = nursery.do("look", path=shutil.copytree(sound, tmp_path / "expected.es"))
    assert not [each for each in expected.values() if isinstance(each, str)]
    tried: Counter[str] = Counter()
    told, noticed, mended = Counter(tried), Counter(tried), Counter(tried)
    complaints = []
    files = files_of(sound)
    # Short of time, each damage is done to every fourth file.
    for file in files if long else files[DAMAGES.index(damage) :: 4]:
        for number in range(6 if long else 1):
            choose = random.Random(f"{kind_of(file)} {number}")  # noqa: S311
            bad = damage(file.read_bytes(), choose)
            case = Case(nursery, sound, file.relative_to(sound), bad, tmp_path / "case.es")
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
        if ended.status or not (ended.value or self.harmless or self._is_as_killed):
            self.wrong.append(f"verify ends with {ended.status}, and finds {ended.value}")
        return ended.status == 0 and bool(ended.value)

    def mends(self, expected: dict[str, Any]) -> bool:
        """Repair, and return whether all is as before."""
        path = self._damaged()
        arguments = ["repair", "-w", str(path), "--quiet", "--json"]
        ended = self.nursery.attempt("command", arguments=arguments)
        after = self.nursery.attempt("look", path=path)
        if ended.status or after.status or ended.value["code"] not in (0, 1):
            self.wrong.append(f"repair ends with {ended}, opening with {after.status}")
            return False
        if not ended.value["out"]:
            self.wrong.append(f"repair refuses: {ended.value['err']}")
            return False
        report, found = json.loads(ended.value["out"]), after.value
        documents = found["documents"]
        lost = [d for d in expected["documents"] if d not in documents]
        silent = [d[0] for d in lost if d[0] not in report["lost"]]
        # A log that ends early is what a process leaves that was killed before its commit.
        if silent and not report["nameless"] and not self._is_as_killed:
            self.wrong.append(f"repair says nothing of {silent}")
        if not self.name.name.startswith("documents.sqlite") and lost:
            self.wrong.append(f"documents were lost: {[d[0] for d in lost]}")
        if lost and ended.value["code"] == 0 and not self._is_as_killed:
            self.wrong.append("repair ends with 0")
        self._compare_vectors(expected, found, {d[0] for d in documents}, report["lost_parts"])
        if left := self.nursery.do("verify", path=path):
            self.wrong.append(f"after the repair: {left}")
        return not lost and report["complete"]

    def _compare_vectors(
        self, expected: dict[str, Any], found: Any, ids: set[str], told: list[str]
    ) -> None:
        """Of every vector there is a second copy in an index, and one file alone is damaged.

        Of how words are spelled there is none, as the documents have changed since the training.
        """
        own, words = found["own vectors"], found["word vectors"]
        if {id: own.get(id) for id in expected["own vectors"] if id in ids} != {
            id: row for id, row in expected["own vectors"].items() if id in ids
        }:
            self.wrong.append("own vectors were lost")
        lost = expected["word vectors"].keys() - words.keys()
        changed = [
            word
            for word, row in expected["word vectors"].items()
            if word in words and max(abs(a - b) for a, b in zip(row, words[word])) > 0.002
        ]
        spelled = f"{len(lost)} words whose spelling is not known"
        if self.name.name == "vocabulary.tsv" and spelled in told:
            lost = set()
        if lost or changed:
            self.wrong.append(f"words were lost: {sorted(lost)}, changed: {changed}")

    @property
    def _is_as_killed(self) -> bool:
        return self.is_cut and self.name.name.endswith("-wal")

    @property
    def is_cut(self) -> bool:
        """Whether the end is missing."""
        return len(self.content) < (self.sound / self.name).stat().st_size

    def _damaged(self) -> Path:
        shutil.rmtree(self.place, ignore_errors=True)
        shutil.copytree(self.sound, self.place)
        (self.place / self.name).write_bytes(self.content)
        return self.place

"""Changes to the index: kept in step, all or nothing, one writer."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from embedsearch._errors import (
    ParameterError,
    StorageError,
    WorkspaceExistsError,
    WorkspaceLockedError,
    WorkspaceReadOnlyError,
)
from embedsearch._types import Document
from embedsearch.index.lexical import LexicalAnalyzer, LexicalIndex
from embedsearch.index.lexical.storage import read_commit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WRITER = """
import os, resource, signal, sys
from pathlib import Path
from embedsearch._types import Document
from embedsearch.index.lexical import LexicalIndex

def documents(how):
    for number in range(3000):
        yield number, Document(str(number), f"new word{number} " * 20)
        if how == "killed" and number == 2000:
            os.kill(os.getpid(), signal.SIGKILL)

how = sys.argv[2]
with LexicalIndex.open(Path(sys.argv[1]), writable=True) as index:
    if how == "full":
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
    if how == "well":
        index.apply([(1, Document("1", "new word"))], change=2)
    else:
        index.apply(documents(how), change=2)
"""


def numbered(*numbers: int, text: str = "old words") -> list[tuple[int, Document]]:
    return [(number, Document(f"id {number}", text)) for number in numbers]


def hits(index: LexicalIndex, query: str) -> list[int]:
    return sorted(index.snapshot.search(query, topn=10**6)[1].tolist())


def run_writer(folder: Path, how: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WRITER, str(folder), how]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "lexical"


@pytest.fixture
def index(folder: Path, english: LexicalAnalyzer) -> Iterator[LexicalIndex]:
    with LexicalIndex.create(folder, english) as index:
        index.apply(numbered(1, 2, 3), change=1)
        yield index


def test_documents_are_added_replaced_and_removed(index: LexicalIndex) -> None:
    index.apply(numbered(2, 9, text="new words"), [3, 77], change=8)
    assert (len(index), index.change) == (3, 8)
    assert hits(index, "old") == [1]
    assert hits(index, "new") == [2, 9]
    assert hits(index, "words") == [1, 2, 9]
    index.apply(numbered(3), removed=[3], change=9)
    assert hits(index, "old") == [1, 3]


def test_applying_a_change_again_changes_nothing(index: LexicalIndex) -> None:
    for _ in range(3):
        index.apply(numbered(2, 4, text="new words"), [1], change=2)
        assert (hits(index, "new"), hits(index, "old")) == ([2, 4], [3])


def test_a_number_that_comes_twice_keeps_the_last_document(index: LexicalIndex) -> None:
    index.apply([*numbered(5, text="first"), *numbered(5, text="second")], change=2)
    assert hits(index, "first second") == [5]
    assert hits(index, "first") == []


def test_a_number_that_comes_twice_into_a_new_index_keeps_the_last_document(
    tmp_path: Path, english: LexicalAnalyzer
) -> None:
    first, last = Document("a", "salt"), Document("a", "pepper")
    with LexicalIndex.create(tmp_path / "lexical", english) as index:
        index.apply([(5, first), (3, first), (5, last), (3, last)], change=1)
        assert len(index) == 2
        assert index.snapshot.search("pepper")[1].tolist() == [3, 5]
        assert len(index.snapshot.search("salt")[1]) == 0


def test_large_numbers_are_kept(index: LexicalIndex) -> None:
    index.apply(numbered(2**40, 2**62, text="huge"), change=2**50)
    assert hits(index, "huge") == [2**40, 2**62]
    assert index.change == 2**50
    index.apply([], [2**62], change=2**51)
    assert hits(index, "huge") == [2**40]


def test_many_small_changes_leave_few_segments(index: LexicalIndex, folder: Path) -> None:
    for number in range(24):
        index.apply(numbered(number, text=f"word{number}"), change=number + 2)
    assert all(hits(index, f"word{number}") == [number] for number in range(24))
    assert len(list(folder.glob("*.term"))) < 16


def test_deleted_documents_are_counted_until_their_segment_is_merged(index: LexicalIndex) -> None:
    assert read_commit(index.folder).deleted == 0
    index.apply([], [2], change=2)
    assert (read_commit(index.folder).deleted, len(index)) == (1, 2)


def test_empty_and_huge_documents_are_indexed(index: LexicalIndex) -> None:
    huge = "ten megabytes of words " * 450_000
    odd = Document('"; DROP TABLE\n\x00', "", {}, "")
    index.apply([(4, odd), (5, Document("h", huge)), (6, Document("", "", {}, "title"))], change=2)
    assert hits(index, "megabyte") == [5]
    assert hits(index, "title") == [6]
    index.apply([(7, Document("long", "x" * 1_000_000 + " tail"))], change=3)
    assert hits(index, "tail") == [7]


def test_an_empty_index_finds_nothing(tmp_path: Path, english: LexicalAnalyzer) -> None:
    with LexicalIndex.create(tmp_path / "empty", english) as index:
        index.apply([], change=4)
        scores, numbers = index.snapshot.search("words")
        assert (len(index), len(scores), len(numbers), index.change) == (0, 0, 0, 4)
        assert index.snapshot.scores_of("+a words", [1, 2]).tolist() == [0, 0]
        assert index.snapshot.explain("words", [1]) == [[]]
        np.testing.assert_array_equal(index.snapshot.admits("+a words", [1]), [False])
        np.testing.assert_array_equal(index.snapshot.admits("-a words", [1]), [True])


def test_a_failing_source_undoes_all(index: LexicalIndex) -> None:
    def documents() -> Iterator[tuple[int, Document]]:
        yield from numbered(1, 5, text="new words")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        index.apply(documents(), [2], change=2)
    assert (index.change, hits(index, "words"), hits(index, "new")) == (1, [1, 2, 3], [])
    index.apply(numbered(5), change=2)
    assert hits(index, "words") == [1, 2, 3, 5]


def test_a_reader_sees_what_another_process_wrote_when_it_opens_again(folder: Path) -> None:
    with LexicalIndex.create(folder, LexicalAnalyzer.for_language("english")) as index:
        index.apply(numbered(1, 2), change=1)
    with LexicalIndex.open(folder) as reader:
        assert run_writer(folder, "well").returncode == 0
        assert (hits(reader, "new"), reader.change) == ([], 1)
    with LexicalIndex.open(folder) as later:
        assert (hits(later, "new"), later.change, len(later)) == ([1], 2, 2)


def test_killed_within_a_change_the_old_index_remains(index: LexicalIndex, folder: Path) -> None:
    assert run_writer(folder, "killed").returncode == -signal.SIGKILL
    with LexicalIndex.open(folder, writable=True) as left:
        assert (left.change, len(left)) == (1, 3)
        assert (hits(left, "new"), hits(left, "words")) == ([], [1, 2, 3])
        left.apply(numbered(4), change=2)
        assert hits(left, "words") == [1, 2, 3, 4]
    # What the dead process wrote is gone too.
    assert sum(path.stat().st_size for path in folder.iterdir()) < 100_000


def test_killed_between_commit_and_record_the_change_is_applied_again(
    index: LexicalIndex, folder: Path
) -> None:
    record = (folder / "lexical.json").read_bytes()
    index.apply(numbered(7), [1], change=2)
    (folder / "lexical.json").write_bytes(record)
    with LexicalIndex.open(folder, writable=True) as left:
        assert left.change == 1
        left.apply(numbered(7), [1], change=2)
        assert (left.change, hits(left, "old")) == (2, [2, 3, 7])


def test_what_a_death_within_a_commit_left_does_not_block_the_next(
    index: LexicalIndex, folder: Path
) -> None:
    before = {name: (folder / name).read_bytes() for name in ("meta.json", "lexical.json")}
    index.apply([], [2], change=2)
    assert list(folder.glob("*.del"))
    for name, content in before.items():
        (folder / name).write_bytes(content)
    with LexicalIndex.open(folder, writable=True) as left:
        assert (left.change, hits(left, "old")) == (1, [1, 2, 3])
        left.apply([], [2], change=2)
        assert (left.change, hits(left, "old")) == (2, [1, 3])


def test_a_full_disk_leaves_the_old_index(index: LexicalIndex, folder: Path) -> None:
    done = run_writer(folder, "full")
    assert f"{StorageError.__name__}: {folder}: " in done.stderr
    assert done.returncode == 1
    with LexicalIndex.open(folder, writable=True) as left:
        assert (left.change, hits(left, "words")) == (1, [1, 2, 3])
        left.apply(numbered(4), change=2)
        assert hits(left, "words") == [1, 2, 3, 4]


def test_a_second_writer_is_refused(index: LexicalIndex, folder: Path) -> None:
    def documents() -> Iterator[tuple[int, Document]]:
        with (
            LexicalIndex.open(folder, writable=True) as other,
            pytest.raises(WorkspaceLockedError),
        ):
            other.apply([], change=3)
        yield from numbered(4)

    index.apply(documents(), change=2)
    assert hits(index, "old") == [1, 2, 3, 4]


def test_an_index_opened_for_reading_is_not_written_to(index: LexicalIndex, folder: Path) -> None:
    with LexicalIndex.open(folder) as reader, pytest.raises(WorkspaceReadOnlyError, match="open"):
        reader.apply([], change=5)


def test_changes_only_rise(index: LexicalIndex) -> None:
    with pytest.raises(ParameterError, match="1 or more, got 0"):
        index.apply([], change=0)


def test_an_index_made_again_is_empty(index: LexicalIndex, folder: Path) -> None:
    with LexicalIndex.create(folder, LexicalAnalyzer.for_language("none")) as again:
        assert (len(again), again.change, again.analyzer.language) == (0, 0, "none")
    assert repr(LexicalIndex.open(folder)) == "LexicalIndex(0 documents, none)"


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(WorkspaceExistsError):
        LexicalIndex.create(tmp_path, LexicalAnalyzer.for_language("none"))
    assert (tmp_path / "thesis.txt").read_text() == "precious"

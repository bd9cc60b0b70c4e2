"""Checking that a workspace is what was written, and that its parts fit together."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._errors import (
    EmbedSearchError,
    WorkspaceDamagedError,
    WorkspaceError,
    WorkspaceLockedError,
    WorkspaceNotFoundError,
    WorkspaceVersionError,
)
from embedsearch._io import REPAIR, checked_path, what_is_wrong
from embedsearch._progress import Progress, listener_of
from embedsearch.index.lexical.storage import damaged_files
from embedsearch.store.documents import DocumentStore
from embedsearch.store.integrity import database_faults
from embedsearch.workspace.generation import Generation
from embedsearch.workspace.layout import (
    GENERATION_FILES,
    MANIFEST,
    VECTORS_FILES,
    WORDS,
    Layout,
    foreign_entries,
)
from embedsearch.workspace.lexical_sync import open_checked
from embedsearch.workspace.locks import lock_for_writing
from embedsearch.workspace.preferences import load_preferences
from embedsearch.workspace.publishing import folder_faults
from embedsearch.workspace.space_results import damaged_results
from embedsearch.workspace.state import State, state_of_file
from embedsearch.workspace.trust import check_vectors
from embedsearch.workspace.vectors import StoredVectors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from embedsearch._types import IntVector

# A writer may publish and remove generations while one is checked.
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it was written, or does not fit the rest.

    Attributes:
        part: "contents", "state", "preferences", "space", "record", "generation", "vectors" or
            "lexical".
        path: The file or folder, as seen from the workspace.
        what: What is wrong with it.
        advice: What to do.
        derived: Whether it can be made again from the rest without a loss.
    """

    part: str
    path: str
    what: str
    advice: str
    derived: bool

    def __str__(self) -> str:
        return f"{self.path}: {self.what}; {self.advice}"


@dataclass(slots=True)
class VerifyReport:
    """What a check of a workspace found.

    Attributes:
        path: The workspace.
        problems: What is wrong; nothing if it is sound.
        notes: What is unusual but does no harm.
        checked: The parts that were looked at.
    """

    path: str
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    checked: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def of(self, part: str) -> list[Problem]:
        """Return the problems of a part."""
        return [problem for problem in self.problems if problem.part == part]

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {"sound": self.sound, **asdict(self)}


def verify(
    path: str | Path,
    *,
    quick: bool = False,
    held: bool = False,
    progress: Progress | None = None,
) -> VerifyReport:
    """Compare every part of a workspace with what was written, and with the others.

    Nothing is changed. While another process writes, the log of the documents and the lexical index
    are left out, and a note says so. With `quick`, sizes, the pages of the database and the states
    are compared, but not contents. `held` says that the caller has opened it for writing.

    Raises:
        WorkspaceNotFoundError: There is no workspace at the path.
    """
    layout = Layout(checked_path(path))
    if not layout.root.is_dir() or not (layout.state.exists() or layout.documents.exists()):
        raise WorkspaceNotFoundError(layout.root, "no workspace here")
    foreign = [
        Problem("contents", each.name, each.what, each.advice, False)
        for each in foreign_entries(layout.root)
    ]
    if foreign:
        # No library may open a file that has these beside it.
        return VerifyReport(str(path), foreign, checked=["contents"])
    other_version = [problem for problem in _state_problems(layout) if not problem.derived]
    if other_version:
        # Nothing is known of its files, and SQLite would write beside a record that it opens.
        return VerifyReport(str(path), other_version, checked=["contents", "state"])
    if held:
        return verify_parts(layout, quick=quick, progress=progress)
    try:
        lock = lock_for_writing(layout.lock, layout.root)
    except WorkspaceLockedError:
        return _verify_busy(layout, quick, progress)
    except (WorkspaceError, OSError):
        # Where the folder cannot be written to, there is no writer either.
        return verify_parts(layout, quick=quick, progress=progress)
    try:
        return verify_parts(layout, quick=quick, progress=progress)
    finally:
        lock.release()


def _verify_busy(layout: Layout, quick: bool, progress: Progress | None) -> VerifyReport:
    for _ in range(_ATTEMPTS):
        before = layout.state.read_bytes() if layout.state.exists() else b""
        report = verify_parts(layout, quick=quick, busy=True, progress=progress)
        # What was named first may have been replaced and removed meanwhile.
        if report.sound or before == layout.state.read_bytes():
            break
    report.notes.append("another process is writing: the log and the lexical index were left out")
    return report


def verify_parts(
    layout: Layout, *, quick: bool = False, busy: bool = False, progress: Progress | None = None
) -> VerifyReport:
    """Check everything except for foreign files; unless `busy`, the writer's lock is held."""
    listener, report = listener_of(progress), VerifyReport(str(layout.root))
    report.notes += [] if busy else _leftovers(layout)
    report.checked += ["contents", "state", "record"]
    if layout.preferences.exists():
        report.checked.append("preferences")
    if layout.space.exists():
        report.checked.append("space")
    report.problems += _state_problems(layout)
    report.problems += _preferences_problems(layout)
    report.problems += _space_problems(layout)
    for what in database_faults(layout.documents, quick=quick, busy=busy, progress=listener):
        report.problems.append(Problem("record", layout.documents.name, what, REPAIR, False))
    state = _state_of(layout)
    with listener.task("checking files", None, "folders") as task:
        for part, folder, needed in _named(layout, state):
            report.checked.append(part)
            report.problems += _folder_problems(layout, part, folder, needed, quick)
            if not quick and not report.of(part):
                report.problems += _unreadable_indexes(layout, part, folder)
            task.advance(1)
    if layout.lexical.exists() and not busy:
        report.checked.append("lexical")
        report.problems += _lexical_problems(layout, quick)
    if not report.of("record"):
        report.problems += _relations(layout, state, report)
    return report


def _state_of(layout: Layout) -> State | None:
    try:
        return state_of_file(layout, checksum=False)
    except WorkspaceError:
        return None


def _state_problems(layout: Layout) -> Iterator[Problem]:
    name = layout.state.name
    try:
        state_of_file(layout)
    except WorkspaceVersionError as error:
        what, _, advice = error.reason.rpartition("; ")
        yield Problem("state", name, what, advice, False)
    except WorkspaceError as error:
        if layout.documents.exists() or layout.state.exists():
            yield Problem("state", name, what_is_wrong(error), REPAIR, True)


def _preferences_problems(layout: Layout) -> Iterator[Problem]:
    try:
        load_preferences(layout)
    except WorkspaceError as error:
        what = what_is_wrong(error)
        yield Problem("preferences", layout.preferences.name, what, REPAIR, False)


def _space_problems(layout: Layout) -> Iterator[Problem]:
    for path, what in damaged_results(layout):
        yield Problem("space", _shown(layout, path), what.partition("; ")[0], REPAIR, True)


def _named(layout: Layout, state: State | None) -> Iterator[tuple[str, Path, tuple[str, ...]]]:
    if state is not None and state.generation is not None:
        yield "generation", layout.generation(state.generation).root, GENERATION_FILES
    if state is not None and state.vectors is not None:
        yield "vectors", layout.vectors_of(state.vectors).root, VECTORS_FILES


def _folder_problems(
    layout: Layout, part: str, folder: Path, needed: tuple[str, ...], quick: bool
) -> Iterator[Problem]:
    if not folder.is_dir():
        yield Problem(part, _shown(layout, folder), "it is missing", REPAIR, False)
        return
    for name, what in folder_faults(folder, layout.root, needed, quick=quick):
        derived = part == "generation" and name not in (*WORDS, MANIFEST)
        derived = derived or name == "vectors.faiss"
        yield Problem(part, _shown(layout, folder / name), what, REPAIR, derived)


def _unreadable_indexes(layout: Layout, part: str, folder: Path) -> Iterator[Problem]:
    """Read each index in a separate process, unless it is trusted."""
    for path in sorted(folder.glob("[!.]*.faiss")):
        if fault := _index_fault(layout, path):
            yield Problem(part, _shown(layout, path), fault, REPAIR, True)


def _index_fault(layout: Layout, path: Path) -> str | None:
    try:
        check_vectors(layout, path.stem, path)
    except (EmbedSearchError, OSError) as error:
        return what_is_wrong(error)
    return None


def _lexical_problems(layout: Layout, quick: bool) -> Iterator[Problem]:
    try:
        # Before it is opened, as tantivy writes to the terminal if it meets damage.
        broken = [] if quick else damaged_files(layout.lexical)
        if broken:
            what = f"{', '.join(broken)} are not what was written"
        else:
            with open_checked(layout) as index:
                index.snapshot.numbers()
            return
    except (EmbedSearchError, OSError) as error:
        what = what_is_wrong(error)
    yield Problem("lexical", layout.lexical.name, what, REPAIR, True)


def _relations(layout: Layout, state: State | None, report: VerifyReport) -> Iterator[Problem]:
    """Compare what follows from the documents with them."""
    with closing(DocumentStore(layout.documents, writable=False)) as store:
        if "lexical" in report.checked and not report.of("lexical"):
            with open_checked(layout) as index:
                found = (index.change, index.snapshot.numbers())
            yield from _relation("lexical", layout.lexical.name, *found, store)
        if state is not None and state.generation is not None and not report.of("generation"):
            yield from _generation_relation(layout, state.generation, store)
        if state is not None and state.vectors is not None and not report.of("vectors"):
            yield from _vectors_relation(layout, state.vectors, store)


def _generation_relation(layout: Layout, number: int, store: DocumentStore) -> Iterator[Problem]:
    with closing(Generation(layout, number)) as generation:
        try:
            found = (generation.change, generation.document_vectors.rows.numbers)
        except WorkspaceDamagedError as error:
            # A manifest may promise what the files do not have.
            yield Problem("generation", MANIFEST, what_is_wrong(error), REPAIR, True)
            return
        name = _shown(layout, generation.files.documents)
        yield from _relation("generation", name, *found, store)


def _vectors_relation(layout: Layout, number: int, store: DocumentStore) -> Iterator[Problem]:
    with closing(StoredVectors(layout, number)) as vectors:
        name = _shown(layout, vectors.files.root)
        try:
            if vectors.change > store.change:
                yield _backwards(name, vectors.change, store.change)
            elif extra := _unknown(vectors.numbers, vectors.change, store):
                yield Problem("vectors", name, _unknown_documents(extra), REPAIR, True)
        except WorkspaceDamagedError as error:
            yield Problem("vectors", name, what_is_wrong(error), REPAIR, False)


def _relation(
    part: str, name: str, change: int, numbers: IntVector, store: DocumentStore
) -> Iterator[Problem]:
    if change > store.change:
        yield _backwards(name, change, store.change)
        return
    later = set(store.numbers_since(change))
    expected = [number for number in store.numbers_since(0) if number not in later]
    if missing := len(np.setdiff1d(np.array(expected, np.int64), numbers)):
        what = f"it lacks {missing:,} documents of change {change:,}"
        yield Problem(part, name, what, REPAIR, True)
    if extra := _unknown(numbers, change, store):
        yield Problem(part, name, _unknown_documents(extra), REPAIR, True)


def _unknown(numbers: IntVector, change: int, store: DocumentStore) -> int:
    known = np.array(store.numbers_since(0) + store.removed_since(change), np.int64)
    return len(np.setdiff1d(numbers, known))


def _unknown_documents(count: int) -> str:
    return f"it has {count:,} documents that the store has lost, or never had"


def _backwards(name: str, change: int, latest: int) -> Problem:
    what = f"its last change is {latest:,}, but {name} has change {change:,}: changes were lost"
    return Problem("record", "documents.sqlite", what, REPAIR, False)


def _leftovers(layout: Layout) -> Iterator[str]:
    for path in sorted(layout.root.iterdir()):
        if path == layout.temporary or path.name.endswith(".new"):
            yield f"{path.name} is left from work that was interrupted; the next writer clears it"
        elif path.name.startswith("damaged-"):
            yield f"{path.name} was put aside by a repair; remove it when you like"


def _shown(layout: Layout, path: Path) -> str:
    return path.relative_to(layout.root).as_posix()

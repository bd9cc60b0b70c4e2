"""Making a damaged workspace sound again: what can be read is kept, the rest follows from it."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from embedsearch._errors import EmbedSearchError, WorkspaceError
from embedsearch._io import (
    CHECKSUM,
    checked_path,
    flush_file,
    flush_folder,
    free_name,
    place_aside,
    read_json,
    storage_errors,
)
from embedsearch._progress import Progress, SilentProgress
from embedsearch.index.lexical.files import are_ours, damaged_files
from embedsearch.store.documents import DocumentStore
from embedsearch.store.salvaging import salvage
from embedsearch.text.settings import TokenizerSettings
from embedsearch.vectors.tensors import open_tensors
from embedsearch.workspace.contents import STRANGE, check_links, foreign_entries
from embedsearch.workspace.generation import Generation
from embedsearch.workspace.healing import read_facts
from embedsearch.workspace.layout import WORDS, Layout
from embedsearch.workspace.lexical_sync import open_checked, open_lexical
from embedsearch.workspace.locks import lock_for_writing
from embedsearch.workspace.publishing import reuse
from embedsearch.workspace.rebuilding import (
    is_sound,
    newest_first,
    rebuild_generation,
    republish_generation,
)
from embedsearch.workspace.sound_folders import MANIFEST, folder_faults, manifest_faults
from embedsearch.workspace.state import State, load_state, parsed_state, state_of_file
from embedsearch.workspace.vector_recovery import RecoveredVectors, recover_vectors
from embedsearch.workspace.verifying import NEEDED, VECTORS, Problem, verify_parts
from embedsearch.workspace.word_recovery import RecoveredWords, recover_words, tokenizer_of
from embedsearch.workspace.workspace import Workspace

if TYPE_CHECKING:
    from embedsearch.store.salvaging import Salvage


@dataclass(slots=True)
class RepairReport:
    """What a repair did.

    Attributes:
        path: The workspace.
        done: What was done, or with a dry run would be, a sentence each.
        lost: The ids of documents that could not be read.
        nameless: How many more were lost whose ids are not known.
        doubtful: Ids of which the record had two forms; the one that is named was kept.
        lost_vectors: The ids of documents whose own vectors were lost.
        rounded_vectors: The ids of those that only the index had: they are so but for rounding,
            or for the length that the index does not keep.
        lost_words: Words whose vectors were lost.
        rounded_words: Words whose vectors only the index had; see `rounded_vectors`.
        lost_parts: What else was lost, a sentence each.
        untrained: Whether word vectors must be trained again.
        aside: The folder that has the damaged originals; None where there are none.
        remaining: What is still wrong.
    """

    path: str
    done: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    nameless: int = 0
    doubtful: list[str] = field(default_factory=list)
    lost_vectors: list[str] = field(default_factory=list)
    rounded_vectors: list[str] = field(default_factory=list)
    lost_words: list[str] = field(default_factory=list)
    rounded_words: list[str] = field(default_factory=list)
    lost_parts: list[str] = field(default_factory=list)
    untrained: bool = False
    aside: str | None = None
    remaining: list[Problem] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether nothing was lost, nothing must be trained again, and nothing is wrong."""
        kinds = (self.lost, self.lost_vectors, self.lost_words, self.lost_parts)
        rounded = self.rounded_vectors or self.rounded_words
        return not (any(kinds) or rounded or self.nameless or self.untrained or self.remaining)

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {"complete": self.complete, **asdict(self)}


def repair(
    path: str | Path,
    *,
    dry_run: bool = False,
    retrain: bool = False,
    progress: Progress | None = None,
) -> RepairReport:
    """Make a workspace sound again.

    What follows from the rest is made again. Of a damaged record every document is kept whose
    text, title and metadata are what was written; of damaged vectors, the user's own and those
    of words, every row that is what was written or that an index has. The damaged originals
    are moved to a folder `damaged-DATE` in the workspace.

    Args:
        path: The workspace.
        dry_run: Say what would be done, and which documents would be lost; change nothing.
        retrain: Train again where no word vectors are left.
        progress: A listener.

    Raises:
        WorkspaceNotFoundError: There is no workspace at the path.
        WorkspaceLockedError: Another process is writing.
        WorkspaceDamagedError: There are links in it, which only its owner can judge.
        WorkspaceVersionError: A newer embedsearch wrote it.
    """
    layout, listener = Layout(checked_path(path)), progress or SilentProgress()
    if not layout.record.exists() and not layout.generations.exists():
        # Says that nothing is there.
        load_state(layout)
    check_links(layout.root)
    report = RepairReport(str(layout.root))
    if layout.lock.is_dir() and not dry_run:
        # Nobody can hold it.
        _put_aside(layout, report, layout.lock)
    with storage_errors(layout.root):
        lock = lock_for_writing(layout.lock, layout.root)
    try:
        if _put_foreign_aside(layout, report, dry_run=dry_run) and dry_run:
            # No library may open a file that has these beside it.
            return report
        work = _Repair(layout, listener, report, retrain=retrain)
        if work.found.problems:
            work.plan(dry_run)
    finally:
        shutil.rmtree(layout.temporary, ignore_errors=True)
        lock.release()
    if work.found.problems and not dry_run:
        work.follow()
        work.report.remaining = verify_parts(layout, progress=listener).problems
    return work.report


def _put_foreign_aside(layout: Layout, report: RepairReport, *, dry_run: bool) -> bool:
    """Move away what does not belong in a workspace, unopened; tell whether there was any."""
    foreign = [each.name for each in foreign_entries(layout.root) if each.what == STRANGE]
    for name in foreign:
        if not dry_run:
            _put_aside(layout, report, layout.root / name)
        done = "would be" if dry_run else "was"
        report.done.append(f"{name} {done} put aside: it does not belong in a workspace")
    return bool(foreign)


def _put_aside(layout: Layout, report: RepairReport, path: Path) -> None:
    if os.path.lexists(path):
        path.rename(_place_aside(layout, report, path))


def _place_aside(layout: Layout, report: RepairReport, path: Path) -> Path:
    if report.aside is None:
        report.aside = str(place_aside(layout.root, "damaged"))
    target = Path(report.aside) / path.relative_to(layout.root)
    target.parent.mkdir(parents=True, exist_ok=True)
    # Something that was in this folder may be there already.
    return free_name(target)


class _Repair:
    """One repair, with the lock held."""

    def __init__(
        self, layout: Layout, progress: Progress, report: RepairReport, *, retrain: bool
    ) -> None:
        self.layout, self.progress, self.retrain = layout, progress, retrain
        self.found = verify_parts(layout, progress=progress)
        self.report = report
        for problem in self.found.of("state"):
            if problem.advice == "use that version":
                load_state(layout)

    def plan(self, dry_run: bool) -> None:
        """Find out what is left, and unless it is a dry run, put it in place.

        The record comes first, which all else follows from, and the state last.
        """
        if dry_run:
            with TemporaryDirectory(prefix="embedsearch-") as folder:
                self._plan(Path(folder), act=False)
            return
        shutil.rmtree(self.layout.temporary, ignore_errors=True)
        with storage_errors(self.layout.root):
            self._plan(self.layout.temporary / "repair", act=True)

    def _plan(self, scratch: Path, *, act: bool) -> None:
        scratch.mkdir(parents=True, exist_ok=True)
        state, record = self._state(), self.layout.record
        if self.found.of("record"):
            new, merged = scratch / "salvaged.sqlite", scratch / "merged.sqlite"
            self._told(self._salvaged(new, merged if act else None))
            if act:
                self._renew_record(new, merged)
            else:
                record = new
        store = DocumentStore(record, writable=act)
        try:
            vectors = self._vectors(state, store, scratch)
            words = self._generation(state, store, scratch)
            if act:
                self._act(state, store, words, vectors)
            elif self.found.of("lexical") or self.found.of("record"):
                self.report.done.append("the lexical index is made again")
        finally:
            store.close()

    def _act(
        self,
        state: State,
        store: DocumentStore,
        words: RecoveredWords | int | None,
        vectors: RecoveredVectors | int | None,
    ) -> None:
        if isinstance(vectors, RecoveredVectors):
            vectors = vectors.publish(self.layout, self.progress)
        if isinstance(words, RecoveredWords):
            words = self._published(words, store)
        new = replace(state, generation=words, vectors=vectors)
        if new != state or self.found.of("state"):
            self._renew_state(new)
        self._put_aside_replaced(state, new)
        if self.found.of("lexical") or self.found.of("record"):
            self._renew_lexical(new.generation, store)

    def follow(self) -> None:
        """Bring what follows from the record up to it, as every writer does."""
        with Workspace(self.layout.root, "w") as workspace:
            if self.report.untrained and self.retrain and len(workspace.documents):
                workspace.train(progress=self.progress)
                self.report.untrained = False
                self.report.done.append("word vectors were trained again")
            elif load_state(self.layout).generation is not None:
                workspace.index(progress=self.progress)

    def _state(self) -> State:
        """Return what the state is to be, as far as it can be known."""
        if not self.found.of("state"):
            return state_of_file(self.layout)
        values, trusted = read_facts(self.layout.state)
        newest = (
            newest_first(self.layout.generations, None),
            newest_first(self.layout.vectors, None),
        )
        if trusted:
            with suppress(WorkspaceError):
                return parsed_state(values, self.layout)
        return State(
            self._tokenizer(values, newest[0]), *(each[0] if each else None for each in newest)
        )

    def _tokenizer(self, values: dict[str, Any], generations: list[int]) -> TokenizerSettings:
        """Return the settings of a generation, or else what can be read of the state."""
        for number in generations:
            facts, trusted = read_facts(self.layout.generation(number).manifest)
            if trusted and (found := tokenizer_of(facts)):
                return found
        found = tokenizer_of(values)
        what = "may be others than before" if found else "were lost; the usual ones are taken"
        self.report.lost_parts.append(f"the tokenizer settings of workspace.json: they {what}")
        return found or TokenizerSettings()

    def _renew_record(self, new: Path, merged: Path) -> None:
        flush_file(new)
        # At no moment there is no record, nor a new one beside the log of the old one.
        old = self.layout.record
        if old.exists():
            reuse(old, self._place_aside(old))
        if merged.exists():
            # Should this process die, the next repair still has what was in the log alone.
            flush_file(merged)
            merged.replace(old)
            flush_folder(self.layout.root)
        for ending in ("-wal", "-shm"):
            self._put_aside(old.with_name(old.name + ending))
        new.replace(old)
        flush_folder(self.layout.root)

    def _salvaged(self, new: Path, merged: Path | None) -> Salvage:
        known, reached = self._known()
        return salvage(
            self.layout.record,
            new,
            known=known,
            reached=reached,
            vectored=self._vectored(),
            merged=merged,
        )

    def _vectored(self) -> set[int]:
        """Return the numbers of documents that have vectors of the user's own."""
        for number in newest_first(self.layout.vectors, None):
            files = self.layout.vectors_of(number)
            if is_sound(self.layout, files.root, (files.tensors.name,)):
                return set(open_tensors(files.tensors)["numbers"].tolist())
        return set()

    def _known(self) -> tuple[set[int], int]:
        """Return what follows from the record knows of it: numbers, and the highest change."""
        layout, known, reached = self.layout, set(), 0
        for folder, name in (
            (layout.generations, "documents.safetensors"),
            (layout.vectors, "vectors.safetensors"),
        ):
            for number in newest_first(folder, None):
                root = folder / f"{number:04d}"
                if is_sound(layout, root, (name,)):
                    reached = max(reached, int(read_json(root / "manifest.json", root)["change"]))
                    known.update(open_tensors(root / name)["numbers"].tolist())
        try:
            if damaged_files(layout.lexical):
                return known, reached
            with open_checked(layout) as index:
                return known | set(index.numbers().tolist()), max(reached, index.change)
        except (EmbedSearchError, OSError):
            return known, reached

    def _told(self, result: Salvage) -> None:
        self.report.done += [f"{result.kept:,} documents are read from the record", *result.notes]
        self.report.done += result.mended
        self.report.lost_parts += result.losses
        self.report.lost, self.report.nameless = result.lost, result.nameless
        self.report.doubtful = result.doubtful

    def _generation(
        self, state: State, store: DocumentStore, scratch: Path
    ) -> RecoveredWords | int | None:
        """Return the generation to name, or what one is made of; None where no words are left."""
        layout, best = self.layout, None
        if state.generation is None or not self._is_wrong("generation", state.generation):
            return state.generation
        for number in newest_first(layout.generations, state.generation):
            words = recover_words(layout, number, store, state.tokenizer, scratch, self.progress)
            if words is not None and (best is None or words.count > best.count):
                best = words
            if best is not None and best.complete:
                break
        if best is None:
            self.report.untrained = True
            self.report.done.append("no word vectors are left; run `embedsearch train`")
            return None
        self.report.lost_words, self.report.rounded_words = best.lost, best.rounded
        self.report.lost_parts += best.parts
        self.report.done.append(f"the word vectors of generation {best.number} are written again")
        if best.number != state.generation:
            newest = f"the words of generation {state.generation}"
            self.report.lost_parts.append(f"{newest}; those of {best.number} are taken")
        return best

    def _published(self, words: RecoveredWords, store: DocumentStore) -> int:
        """Publish words with all that follows from them; what is sound of that is used again."""
        root = self.layout.generation(words.number).root
        faults = {name for name, _ in folder_faults(root, self.layout.root, NEEDED)}
        facts = {name: value for name, value in words.facts.items() if name != CHECKSUM}
        usable = words.trusted and not any(manifest_faults(root, facts))
        derived = any(problem.derived for problem in self.found.of("generation"))
        if usable and words.complete and faults <= {*WORDS, MANIFEST} and not derived:
            return republish_generation(self.layout, words.number, words)
        return rebuild_generation(self.layout, store, words, self.progress)

    def _is_wrong(self, part: str, number: int) -> bool:
        """Whether the folder that the state names is damaged; one that it lost may be, too."""
        if not self.found.of("state"):
            return bool(self.found.of(part))
        if part == "vectors":
            return not is_sound(self.layout, self.layout.vectors_of(number).root, VECTORS)
        return not is_sound(self.layout, self.layout.generation(number).root, NEEDED)

    def _vectors(
        self, state: State, store: DocumentStore, scratch: Path
    ) -> RecoveredVectors | int | None:
        """Return the vectors to name, or what new ones are made of; None where none are left."""
        layout = self.layout
        if state.vectors is None or not self._is_wrong("vectors", state.vectors):
            return state.vectors
        for number in newest_first(layout.vectors, state.vectors):
            found = recover_vectors(layout, number, store, scratch / f"vectors-{number}")
            if found is not None:
                self._tell_vectors(found, state, store)
                return found
        self.report.lost_parts.append("all of your own vectors; import them again")
        return None

    def _tell_vectors(self, found: RecoveredVectors, state: State, store: DocumentStore) -> None:
        report = self.report
        report.done += [f"{len(found.numbers):,} of your vectors are kept, with a new index"]
        report.done += found.notes
        for numbers, ids in (
            (found.lost, report.lost_vectors),
            (found.rounded, report.rounded_vectors),
        ):
            names = store.ids_of(numbers)
            ids += sorted(names.values())
        if found.nameless:
            report.lost_parts.append(f"{found.nameless:,} of your vectors, of unknown documents")
        if found.number != state.vectors:
            report.lost_parts.append(f"your newest vectors; those of {found.number} are taken")

    def _renew_state(self, state: State) -> None:
        if self.found.of("state"):
            self._put_aside(self.layout.state)
        state.save(self.layout)
        self.report.done.append("workspace.json is written again")

    def _put_aside_replaced(self, old: State, new: State) -> None:
        if old.generation is not None and old.generation != new.generation:
            self._put_aside(self.layout.generation(old.generation).root)
        if old.vectors is not None and old.vectors != new.vectors:
            self._put_aside(self.layout.vectors_of(old.vectors).root)

    def _renew_lexical(self, generation: int | None, store: DocumentStore) -> None:
        folder = self.layout.lexical
        if folder.is_dir() and are_ours({path.name for path in folder.iterdir()}):
            shutil.rmtree(folder)
        else:
            self._put_aside(folder)
        if generation is not None:
            current = Generation(self.layout, generation)
            analyzer = current.search_model.analyzer
            current.close()
            open_lexical(
                self.layout, store, analyzer, writable=True, progress=self.progress
            ).close()
        self.report.done.append("the lexical index is made again")

    def _put_aside(self, path: Path) -> None:
        _put_aside(self.layout, self.report, path)

    def _place_aside(self, path: Path) -> Path:
        return _place_aside(self.layout, self.report, path)

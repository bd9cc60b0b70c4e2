"""Making a damaged workspace sound again: what can be read is kept, the rest follows from it."""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from embedsearch._errors import EmbedSearchError, WorkspaceError
from embedsearch._files import checksum_holds
from embedsearch._progress import Progress, SilentProgress
from embedsearch.index.lexical import LexicalIndex
from embedsearch.index.lexical.files import are_ours, damaged_files
from embedsearch.store.documents import DocumentStore
from embedsearch.store.salvaging import salvage
from embedsearch.text.settings import TokenizerSettings
from embedsearch.vectors.tensors import open_tensors
from embedsearch.workspace.files import (
    checked_path,
    flush_file,
    flush_folder,
    read_json,
    storage_errors,
)
from embedsearch.workspace.following import open_lexical
from embedsearch.workspace.generation import Generation
from embedsearch.workspace.layout import Layout
from embedsearch.workspace.links import check_links
from embedsearch.workspace.locks import lock_for_writing
from embedsearch.workspace.publishing import reuse
from embedsearch.workspace.rebuilding import (
    has_sound_vectors,
    has_sound_words,
    is_sound,
    newest_first,
    rebuild_generation,
    rebuild_vectors,
)
from embedsearch.workspace.state import State, load_state
from embedsearch.workspace.verifying import NEEDED, VECTORS, Problem, VerifyReport, verify_parts
from embedsearch.workspace.workspace import Workspace

if TYPE_CHECKING:
    from embedsearch.store.salvaging import Salvage

_PLAN = {
    "state": "workspace.json would be written anew",
    "generation": "the generation would be made anew from its words",
    "vectors": "the index of the vectors would be made anew, or older vectors taken",
    "lexical": "the lexical index would be made anew",
}


@dataclass(slots=True)
class RepairReport:
    """What a repair did.

    Attributes:
        path: The workspace.
        done: What was done, or with a dry run would be, a sentence each.
        lost: The ids of documents that could not be read.
        nameless: How many more were lost whose ids are not known.
        doubtful: Ids of which the record had two forms; the one that is named was kept.
        lost_parts: What else was lost, a sentence each.
        aside: The folder that has the damaged originals; None where there are none.
        remaining: What is still wrong.
    """

    path: str
    done: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    nameless: int = 0
    doubtful: list[str] = field(default_factory=list)
    lost_parts: list[str] = field(default_factory=list)
    aside: str | None = None
    remaining: list[Problem] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def repair(
    path: str | Path,
    *,
    dry_run: bool = False,
    retrain: bool = False,
    progress: Progress | None = None,
) -> RepairReport:
    """Make a workspace sound again.

    What follows from the rest is made anew. Of a damaged record every document is kept whose
    text, title and metadata are what was written. The damaged originals are moved to a folder
    `damaged-DATE` in the workspace.

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
    with storage_errors(layout.root):
        lock = lock_for_writing(layout.lock, layout.root)
    try:
        work = _Repair(layout, listener, retrain=retrain)
        if dry_run:
            work.plan()
            return work.report
        work.run()
    finally:
        lock.release()
    if work.found.problems:
        work.follow()
        work.report.remaining = _found(layout, listener).problems
    return work.report


def _found(layout: Layout, progress: Progress) -> VerifyReport:
    return verify_parts(layout, progress=progress)


class _Repair:
    """One repair, with the lock held."""

    def __init__(self, layout: Layout, progress: Progress, *, retrain: bool) -> None:
        self.layout, self.progress, self.retrain = layout, progress, retrain
        self.found = _found(layout, progress)
        self.report = RepairReport(str(layout.root))
        self._train = False
        for problem in self.found.of("state"):
            if problem.advice == "use that version":
                load_state(layout)

    def plan(self) -> None:
        """Say what would be done."""
        if self.found.of("record"):
            with TemporaryDirectory(prefix="embedsearch-") as folder:
                self._told(self._salvaged(Path(folder) / "new.sqlite"))
        parts = dict.fromkeys(problem.part for problem in self.found.problems)
        self.report.done += [_PLAN[part] for part in parts if part in _PLAN]

    def run(self) -> None:
        """Do it: the record first, which all else follows from, and the state last."""
        if not self.found.problems:
            return
        shutil.rmtree(self.layout.temporary, ignore_errors=True)
        state = self._state()
        if self.found.of("record"):
            self._renew_record()
        store = DocumentStore(self.layout.record, writable=True)
        try:
            new = replace(state, generation=self._generation(state, store))
            new = replace(new, vectors=self._vectors(state))
            if new != state or self.found.of("state"):
                self._renew_state(new)
            self._put_aside_replaced(state, new)
            if self.found.of("lexical") or self.found.of("record"):
                self._renew_lexical(new.generation, store)
        finally:
            store.close()
        shutil.rmtree(self.layout.temporary, ignore_errors=True)

    def follow(self) -> None:
        """Bring what follows from the record up to it, as every writer does."""
        with Workspace(self.layout.root, "w") as workspace:
            if self._train:
                workspace.train(progress=self.progress)
                self.report.done.append("word vectors were trained again")
            elif load_state(self.layout).generation is not None:
                workspace.index(progress=self.progress)

    def _state(self) -> State:
        """Return what the state is to be, as far as it can be known."""
        if not self.found.of("state"):
            return load_state(self.layout)
        try:
            values = read_json(self.layout.state, self.layout.root)
            if checksum_holds(values) is not False:
                return load_state(self.layout)
        except WorkspaceError:
            pass
        layout = self.layout
        generations = [n for n in newest_first(layout.generations, None) if self._usable(n)]
        vectors = [n for n in newest_first(layout.vectors, None) if has_sound_vectors(layout, n)]
        named = (generations[0] if generations else None, vectors[0] if vectors else None)
        return State(self._tokenizer(named[0]), *named)

    def _tokenizer(self, generation: int | None) -> TokenizerSettings:
        if generation is None:
            self.report.done.append("the tokenizer settings were lost; the usual ones are taken")
            return TokenizerSettings()
        manifest = read_json(self.layout.generation(generation).manifest, self.layout.root)
        return TokenizerSettings.from_json(manifest["tokenizer"])

    def _usable(self, number: int) -> bool:
        return has_sound_words(self.layout, number)

    def _renew_record(self) -> None:
        new = self.layout.temporary / "salvaged.sqlite"
        new.parent.mkdir(parents=True, exist_ok=True)
        self._told(self._salvaged(new))
        flush_file(new)
        # At no moment there is no record, nor a new one beside the log of the old one.
        old = self.layout.record
        if old.exists():
            reuse(old, self._place_aside(old))
        for ending in ("-wal", "-shm"):
            self._put_aside(old.with_name(old.name + ending))
        new.replace(old)
        flush_folder(self.layout.root)

    def _salvaged(self, new: Path) -> Salvage:
        known, reached = self._known()
        return salvage(self.layout.record, new, known=known, reached=reached)

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
            with LexicalIndex.open(layout.lexical) as index:
                return known | set(index.numbers().tolist()), max(reached, index.change)
        except (EmbedSearchError, OSError):
            return known, reached

    def _told(self, result: Salvage) -> None:
        self.report.done.append(f"{result.kept:,} documents were read from the record")
        self.report.lost, self.report.nameless = result.lost, result.nameless
        self.report.doubtful = result.doubtful
        self.report.done += result.mended
        self.report.lost_parts += result.losses

    def _generation(self, state: State, store: DocumentStore) -> int | None:
        """Return the generation to name: the current one, one made anew, an older one, none."""
        if state.generation is None or not self._is_wrong("generation", state.generation):
            return state.generation
        for number in newest_first(self.layout.generations, state.generation):
            root = self.layout.generation(number).root
            if number != state.generation and is_sound(self.layout, root, NEEDED):
                self.report.done.append(f"the older generation {number} was taken")
                return number
            if self._usable(number) and len(store):
                return self._rebuilt(number, store, state)
        self._train = self.retrain and bool(len(store))
        if not self._train:
            self.report.done.append("no word vectors are left; run `embedsearch train`")
        return None

    def _rebuilt(self, number: int, store: DocumentStore, state: State) -> int:
        manifest = read_json(self.layout.generation(number).manifest, self.layout.root)
        trusted = checksum_holds(manifest) is not False
        tokenizer = None if trusted else state.tokenizer
        new = rebuild_generation(self.layout, store, number, self.progress, tokenizer)
        self.report.done.append(f"generation {new} was made from the words of {number}")
        return new

    def _is_wrong(self, part: str, number: int) -> bool:
        wrong = bool(self.found.of(part))
        if self.found.of("state") and part == "generation":
            wrong = not is_sound(self.layout, self.layout.generation(number).root, NEEDED)
        return wrong

    def _vectors(self, state: State) -> int | None:
        layout = self.layout
        if state.vectors is None or not self.found.of("vectors"):
            return state.vectors
        for number in newest_first(layout.vectors, state.vectors):
            root = layout.vectors_of(number).root
            if number != state.vectors and is_sound(layout, root, VECTORS):
                self.report.done.append(f"the older vectors {number} were taken")
                return number
            if has_sound_vectors(layout, number):
                self.report.done.append("the index of the vectors was made anew")
                return rebuild_vectors(layout, number, self.progress)
        self.report.done.append("your vectors cannot be read; import them again")
        return None

    def _renew_state(self, state: State) -> None:
        if self.found.of("state"):
            self._put_aside(self.layout.state)
        state.save(self.layout)
        self.report.done.append("workspace.json was written anew")

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
        self.report.done.append("the lexical index was made anew")

    def _put_aside(self, path: Path) -> None:
        if path.exists():
            path.rename(self._place_aside(path))

    def _place_aside(self, path: Path) -> Path:
        if self.report.aside is None:
            now = datetime.now(timezone.utc)
            self.report.aside = str(self.layout.root / f"damaged-{now:%Y%m%d-%H%M%S}")
        target = Path(self.report.aside) / path.relative_to(self.layout.root)
        target.parent.mkdir(parents=True, exist_ok=True)
        return target

"""Repairing a workspace: what can be read is kept, and the rest is made again from it."""

from __future__ import annotations

import os
import shutil
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from itertools import chain, count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from embedsearch._errors import (
    EmbedSearchError,
    InputError,
    MissingExtraError,
    WorkspaceError,
    WorkspaceVersionError,
)
from embedsearch._io import (
    checked_path,
    flush_file,
    flush_folder,
    read_json,
    storage_errors,
    with_checksum,
)
from embedsearch._messages import counted
from embedsearch._progress import Progress, listener_of
from embedsearch.index.lexical.storage import are_ours, damaged_files
from embedsearch.search.options import SearchSettings
from embedsearch.store.documents import DocumentStore
from embedsearch.store.salvage import salvage
from embedsearch.text.settings import TokenizerSettings
from embedsearch.vectors.tensors import open_tensors
from embedsearch.workspace.generation import Generation
from embedsearch.workspace.indexing import build_index
from embedsearch.workspace.layout import (
    GENERATION_FILES,
    MANIFEST,
    STRANGE,
    VECTORS_FILES,
    WORDS,
    Layout,
    check_links,
    foreign_entries,
)
from embedsearch.workspace.lexical_sync import open_checked, open_lexical
from embedsearch.workspace.locks import lock_for_writing
from embedsearch.workspace.maintenance.file_recovery import read_facts
from embedsearch.workspace.maintenance.vector_recovery import (
    RecoveredVectors,
    index_settings,
    recover_vectors,
)
from embedsearch.workspace.maintenance.verify import (
    Problem,
    verify_parts,
)
from embedsearch.workspace.maintenance.word_recovery import (
    RecoveredWords,
    recover_words,
    tokenizer_of,
)
from embedsearch.workspace.preferences import Preferences, readable_judgements
from embedsearch.workspace.publishing import (
    folder_faults,
    manifest_faults,
    numbered,
    publish,
    reuse,
)
from embedsearch.workspace.schemas import version_fault
from embedsearch.workspace.session import Session
from embedsearch.workspace.space_results import damaged_results
from embedsearch.workspace.state import State, load_state, parsed_state, state_of_file
from embedsearch.workspace.train import (
    IndexRequest,
    TrainingOptions,
    index,
    refit_generation,
    train,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embedsearch.index.settings import IndexSettings
    from embedsearch.store.salvage import Salvage
    from embedsearch.workspace.layout import GenerationLayout


_OF_THE_TRAINING = ("trained_change", "tokenizer", "training", "expected_share")
# What `publish` writes itself; the time of creation stays that of the words.
_OF_THE_FOLDER = ("format", "generation", "files", "sha256")


@dataclass(slots=True)
class RepairReport:
    """What a repair did.

    Attributes:
        path: The workspace.
        done: What was done, or with a dry run would be, a sentence each.
        lost: The ids of documents that could not be read.
        nameless: How many more were lost whose ids are not known.
        doubtful: Ids that the store had in two forms; the one that is named was kept.
        lost_vectors: The ids of documents whose own vectors were lost.
        rounded_vectors: The ids of those that only the index had: they are so but for rounding,
            or for the length that the index does not keep.
        lost_words: Words whose vectors were lost.
        rounded_words: Words whose vectors only the index had; see `rounded_vectors`.
        lost_parts: What else was lost, a sentence each.
        untrained: Whether word vectors must be trained again.
        aside: The folder that has the damaged originals; None if there are none.
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

    What follows from the rest is made again. Of a damaged store every document is kept whose
    text, title and metadata are what was written; of damaged vectors, the user's own and those
    of words, every row that is what was written or that an index has. The damaged originals
    are moved to a folder `damaged-DATE` in the workspace.

    With `dry_run`, nothing is changed: the report says what would be done, and which documents
    would be lost. With `retrain`, words are trained again if no word vectors are left.

    Raises:
        WorkspaceNotFoundError: There is no workspace at the path.
        WorkspaceLockedError: Another process is writing.
        WorkspaceDamagedError: There are links in it, which only its owner can judge.
        WorkspaceVersionError: Another version of embedsearch wrote it.
    """
    layout, listener = Layout(checked_path(path)), listener_of(progress)
    report = RepairReport(str(layout.root))
    damaged = _repair_parts(layout, report, listener, dry_run=dry_run)
    if damaged and not dry_run:
        _bring_up_to_date(layout, report, listener, retrain=retrain)
        report.remaining = verify_parts(layout, progress=listener).problems
    return report


def _bring_up_to_date(
    layout: Layout, report: RepairReport, progress: Progress, *, retrain: bool
) -> None:
    with closing(Session(layout.root, "w")) as session:
        if report.untrained and retrain and len(session.store):
            train(session, TrainingOptions(), progress)
            report.untrained = False
            report.done.append("word vectors were trained again")
        elif session.generation is not None:
            index(session, IndexRequest(), progress)


def _repair_parts(
    layout: Layout, report: RepairReport, progress: Progress, *, dry_run: bool
) -> bool:
    """Repair all but what follows from the documents; see `repair`.

    Returns whether anything was wrong with what belongs in a workspace.
    """
    if not layout.documents.exists() and not layout.generations.exists():
        # Says that nothing is there.
        load_state(layout)
    check_links(layout.root)
    aside = _Aside(layout, report)
    if layout.lock.is_dir() and not dry_run:
        # Nobody can hold it.
        aside.put(layout.lock)
    with storage_errors(layout.root):
        lock = lock_for_writing(layout.lock, layout.root)
    try:
        if _put_foreign_aside(aside, report, dry_run=dry_run) and dry_run:
            # No library may open a file that has these beside it.
            return False
        work = _Repair(layout, progress, report, aside)
        if work.found.problems:
            work.run(dry_run)
        return bool(work.found.problems)
    finally:
        shutil.rmtree(layout.temporary, ignore_errors=True)
        lock.release()


class _Aside:
    """The folder for damaged originals, made when the first is put there."""

    def __init__(self, layout: Layout, report: RepairReport) -> None:
        self.root, self._report = layout.root, report

    def put(self, path: Path) -> None:
        if os.path.lexists(path):
            path.rename(self.place(path))

    def place(self, path: Path) -> Path:
        if self._report.aside is None:
            now = datetime.now(timezone.utc)
            self._report.aside = str(free_name(self.root / f"damaged-{now:%Y%m%d-%H%M%S}"))
        target = Path(self._report.aside) / path.relative_to(self.root)
        target.parent.mkdir(parents=True, exist_ok=True)
        # Something that was in this folder may be there already.
        return free_name(target)


def free_name(path: Path) -> Path:
    """Return a path, or if something is there, one with a number at its end."""
    numbered = (path.with_name(f"{path.name}-{number}") for number in count(2))
    return next(each for each in chain([path], numbered) if not os.path.lexists(each))


def _put_foreign_aside(aside: _Aside, report: RepairReport, *, dry_run: bool) -> bool:
    """Move away what does not belong in a workspace, unopened; return whether there was any."""
    foreign = [each.name for each in foreign_entries(aside.root) if each.what == STRANGE]
    for name in foreign:
        if not dry_run:
            aside.put(aside.root / name)
        done = "would be" if dry_run else "was"
        report.done.append(f"{name} {done} put aside: it does not belong in a workspace")
    return bool(foreign)


class _Repair:
    """One repair, with the lock held.

    The documents come first, which all else follows from, and the state last.
    """

    def __init__(
        self, layout: Layout, progress: Progress, report: RepairReport, aside: _Aside
    ) -> None:
        self.layout, self.progress, self.report, self.aside = layout, progress, report, aside
        values, _ = read_facts(layout.state)
        if found := version_fault(values):
            raise WorkspaceVersionError(layout.root, found)
        self.found = verify_parts(layout, progress=progress)

    def run(self, dry_run: bool) -> None:
        if dry_run:
            with TemporaryDirectory(prefix="embedsearch-") as folder:
                self._run(Path(folder), act=False)
            return
        shutil.rmtree(self.layout.temporary, ignore_errors=True)
        with storage_errors(self.layout.root):
            self._run(self.layout.temporary / "repair", act=True)

    def _run(self, scratch: Path, *, act: bool) -> None:
        scratch.mkdir(parents=True, exist_ok=True)
        state = self._state()
        if self.found.of("preferences"):
            kept = counted(len(readable_judgements(self.layout)), "judgement")
            self.report.done.append(f"{kept} could be read and kept")
            lost = "tuned weights, and judgements that cannot be read"
            self.report.lost_parts.append(f"{self.layout.preferences.name}: {lost}")
        for problem in self.found.of("space"):
            self.report.lost_parts.append(f"{problem.path}: make it again")
        documents = self._documents(scratch, act=act)
        with closing(DocumentStore(documents, writable=act)) as store:
            vectors = self._vectors(state, store, scratch)
            words = self._generation(state, store, scratch)
            if act:
                self._publish(state, store, words, vectors)
            elif self._lexical_is_renewed:
                self.report.done.append("the lexical index is made again")

    def _publish(
        self,
        state: State,
        store: DocumentStore,
        words: RecoveredWords | int | None,
        vectors: RecoveredVectors | int | None,
    ) -> None:
        if isinstance(vectors, RecoveredVectors):
            vectors = vectors.publish(self.layout, self.progress)
        if isinstance(words, RecoveredWords):
            words = self._publish_words(words, store)
        new = replace(state, generation=words, vectors=vectors)
        if self.found.of("preferences"):
            kept = Preferences(readable_judgements(self.layout))
            self.aside.put(self.layout.preferences)
            kept.save(self.layout)
        for path, _ in list(damaged_results(self.layout)):
            self.aside.put(path)
        if new != state or self.found.of("state"):
            self._renew_state(new)
        self._put_replaced_aside(state, new)
        if self._lexical_is_renewed:
            self._renew_lexical(new.generation, store)

    # The state

    def _state(self) -> State:
        """Return what the state is to be, as far as it can be known."""
        if not self.found.of("state"):
            return state_of_file(self.layout)
        values, trusted = read_facts(self.layout.state)
        if trusted:
            with suppress(WorkspaceError):
                return parsed_state(values, self.layout)
        generations = _newest_first(self.layout.generations)
        vectors = _newest_first(self.layout.vectors)
        return State(
            self._tokenizer(values, generations),
            generations[0] if generations else None,
            vectors[0] if vectors else None,
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

    def _renew_state(self, state: State) -> None:
        if self.found.of("state"):
            self.aside.put(self.layout.state)
        state.save(self.layout)
        self.report.done.append("workspace.json is written again")

    # The documents

    def _documents(self, scratch: Path, *, act: bool) -> Path:
        """Return where the documents are; if damaged, a new file of what can be read."""
        old = self.layout.documents
        if not self.found.of("record"):
            return old
        new, merged = scratch / "salvaged.sqlite", scratch / "merged.sqlite"
        known, reached = self._known()
        result = salvage(
            old,
            new,
            known=known,
            reached=reached,
            vectored=self._vectored(),
            merged=merged if act else None,
        )
        self._report_salvage(result)
        if not act:
            return new
        self._replace_store(new, merged)
        return old

    def _replace_store(self, new: Path, merged: Path) -> None:
        flush_file(new)
        # At every moment there is a database, and never a new one beside the log of the old one.
        old = self.layout.documents
        if old.exists():
            reuse(old, self.aside.place(old))
        if merged.exists():
            # If this process dies, the next repair still has what was in the log alone.
            flush_file(merged)
            merged.replace(old)
            flush_folder(self.layout.root)
        for ending in ("-wal", "-shm"):
            self.aside.put(old.with_name(old.name + ending))
        new.replace(old)
        flush_folder(self.layout.root)

    def _vectored(self) -> set[int]:
        """Return the numbers of documents that have vectors of the user's own."""
        sound = self._sound(self.layout.vectors, "vectors.safetensors")
        return next((numbers for _, numbers in sound), set())

    def _known(self) -> tuple[set[int], int]:
        """Return the numbers of documents that all else knows, and the highest change."""
        layout, known, reached = self.layout, set[int](), 0
        for change, numbers in (
            *self._sound(layout.generations, "documents.safetensors"),
            *self._sound(layout.vectors, "vectors.safetensors"),
        ):
            known |= numbers
            reached = max(reached, change)
        try:
            if damaged_files(layout.lexical):
                return known, reached
            with open_checked(layout) as index:
                return known | set(index.snapshot.numbers().tolist()), max(reached, index.change)
        except (EmbedSearchError, OSError):
            return known, reached

    def _sound(self, parent: Path, name: str) -> Iterator[tuple[int, set[int]]]:
        """Yield the change and the documents of each undamaged folder, the newest first."""
        for number in _newest_first(parent):
            root = parent / f"{number:04d}"
            if self._is_sound(root, (name,)):
                numbers = open_tensors(root / name)["numbers"].tolist()
                yield int(read_json(root / MANIFEST, root)["change"]), set(numbers)

    def _report_salvage(self, result: Salvage) -> None:
        read = f"{result.documents:,} documents are read from the store"
        self.report.done += [read, *result.notes, *result.mended]
        self.report.lost_parts += result.losses
        self.report.lost, self.report.nameless = result.lost, result.nameless
        self.report.doubtful = result.doubtful

    # What the state names

    def _is_sound(self, folder: Path, needed: tuple[str, ...]) -> bool:
        return folder.is_dir() and not list(folder_faults(folder, self.layout.root, needed))

    def _is_damaged(self, part: str, folder: Path, needed: tuple[str, ...]) -> bool:
        """Whether a folder that the state names is damaged; one that it lost was not verified."""
        if self.found.of("state"):
            return not self._is_sound(folder, needed)
        return bool(self.found.of(part))

    def _generation(
        self, state: State, store: DocumentStore, scratch: Path
    ) -> RecoveredWords | int | None:
        """Return the generation to name, or what to make one of; None if no words are left."""
        named, best = state.generation, None
        if named is None or not self._is_damaged(
            "generation", self.layout.generation(named).root, GENERATION_FILES
        ):
            return named
        for number in _newest_first(self.layout.generations, named):
            words = recover_words(
                self.layout, number, store, state.tokenizer, scratch, self.progress
            )
            if words is not None and (best is None or words.count > best.count):
                best = words
            if best is not None and best.complete:
                break
        if best is None:
            self.report.untrained = True
            self.report.done.append("no word vectors are left; run `embedsearch train`")
            return None
        self._report_words(best, named)
        return best

    def _report_words(self, words: RecoveredWords, named: int) -> None:
        self.report.lost_words, self.report.rounded_words = words.lost, words.rounded
        self.report.lost_parts += words.parts
        self.report.done.append(f"the word vectors of generation {words.number} are written again")
        if words.number != named:
            lost = f"the words of generation {named}; those of {words.number} are taken"
            self.report.lost_parts.append(lost)

    def _publish_words(self, words: RecoveredWords, store: DocumentStore) -> int:
        """Publish words with all that follows from them; what is sound of that is used again."""
        root = self.layout.generation(words.number).root
        faults = {name for name, _ in folder_faults(root, self.layout.root, GENERATION_FILES)}
        usable = words.trusted and not any(manifest_faults(root, with_checksum(words.facts)))
        derived = any(problem.derived for problem in self.found.of("generation"))
        if usable and words.complete and faults <= {*WORDS, MANIFEST} and not derived:
            return _republish(self.layout, words)
        return _rebuild(self.layout, store, words, self.progress)

    def _vectors(
        self, state: State, store: DocumentStore, scratch: Path
    ) -> RecoveredVectors | int | None:
        """Return the vectors to name, or what to make new ones of; None if none are left."""
        layout, named = self.layout, state.vectors
        if named is None or not self._is_damaged(
            "vectors", layout.vectors_of(named).root, VECTORS_FILES
        ):
            return named
        for number in _newest_first(layout.vectors, named):
            found = recover_vectors(layout, number, store, scratch / f"vectors-{number}")
            if found is not None:
                self._report_vectors(found, named, store)
                return found
        self.report.lost_parts.append("all of your own vectors; import them again")
        return None

    def _report_vectors(self, found: RecoveredVectors, named: int, store: DocumentStore) -> None:
        report = self.report
        report.done += [f"{len(found.numbers):,} of your vectors are kept, with a new index"]
        report.done += found.notes
        report.lost_vectors += sorted(store.ids_of(found.lost).values())
        report.rounded_vectors += sorted(store.ids_of(found.rounded).values())
        if found.nameless:
            report.lost_parts.append(f"{found.nameless:,} of your vectors, of unknown documents")
        if found.number != named:
            report.lost_parts.append(f"your newest vectors; those of {found.number} are taken")

    def _put_replaced_aside(self, old: State, new: State) -> None:
        if old.generation is not None and old.generation != new.generation:
            self.aside.put(self.layout.generation(old.generation).root)
        if old.vectors is not None and old.vectors != new.vectors:
            self.aside.put(self.layout.vectors_of(old.vectors).root)

    # The lexical index

    @property
    def _lexical_is_renewed(self) -> bool:
        return bool(self.found.of("lexical") or self.found.of("record"))

    def _renew_lexical(self, generation: int | None, store: DocumentStore) -> None:
        folder = self.layout.lexical
        if folder.is_dir() and are_ours({path.name for path in folder.iterdir()}):
            shutil.rmtree(folder)
        else:
            self.aside.put(folder)
        if generation is not None:
            with closing(Generation(self.layout, generation)) as current:
                analyzer = current.search_model.analyzer
            open_lexical(
                self.layout, store, analyzer, writable=True, progress=self.progress
            ).close()
        self.report.done.append("the lexical index is made again")


def _newest_first(parent: Path, current: int | None = None) -> list[int]:
    """Return the numbers of published folders: the current one, then the newest."""
    numbers = (number for number, _ in numbered(parent))
    return sorted(numbers, key=lambda number: (number == current, number), reverse=True)


# A generation from its words


def _rebuild(
    layout: Layout, store: DocumentStore, words: RecoveredWords, progress: Progress
) -> int:
    """Publish words with everything derived from them made again; return the new number."""
    index = index_settings(words.facts.get("word_index"))
    # Encoders are fitted to a generation: one of the words alone, which is never named, so that
    # the next writer removes it.
    number = publish(layout, lambda new: _write_words(words, new, index, progress))
    search = _search_settings(words.facts)
    with closing(Generation(layout, number)) as generation:
        try:
            return refit_generation(layout, store, generation, search, index, progress)
        except (MissingExtraError, InputError) as error:
            # An encoder that was plugged in may be gone; the documents must stay searchable.
            if not search.encoders:
                raise
            progress.note(f"search goes without {', '.join(search.encoders)}: {error}")
            plain = SearchSettings(language=search.language)
            return refit_generation(layout, store, generation, plain, index, progress)


def _republish(layout: Layout, words: RecoveredWords) -> int:
    """Publish a generation, in which only words were damaged, again; return the new number."""
    old = layout.generation(words.number).root

    def write(new: GenerationLayout) -> dict[str, Any]:
        for name in words.facts["files"]:
            reuse(words.files.get(name, old / name), new.root / name)
        facts = words.facts.items()
        return {name: value for name, value in facts if name not in _OF_THE_FOLDER}

    return publish(layout, write)


def _write_words(
    words: RecoveredWords, new: GenerationLayout, settings: IndexSettings, progress: Progress
) -> dict[str, Any]:
    for name, path in words.files.items():
        reuse(path, new.root / name)
    X = open_tensors(new.words)["vectors"]
    index = build_index(X, settings, new.word_index, progress)
    facts = {name: words.facts[name] for name in _OF_THE_TRAINING if name in words.facts}
    return {"change": 0, **facts, "word_index": index}


def _search_settings(manifest: dict[str, Any]) -> SearchSettings:
    try:
        return SearchSettings.from_json(manifest["search"]["settings"])
    except (EmbedSearchError, KeyError, TypeError):
        return SearchSettings()

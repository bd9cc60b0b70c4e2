"""Where everything is in a workspace (see docs/format.md), and that nothing else is opened.

A workspace may come from somebody else, and the libraries that read it open files beside the
one that they are given: SQLite takes a `documents.sqlite-journal` for work to be undone, and
removes the file, wherever it is, that the journal names. Through a link, opening a workspace
would read, and changing it would write or remove, what is elsewhere; reading a pipe may never
end.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from embedsearch._errors import ParameterError, WorkspaceDamagedError, WorkspaceError
from embedsearch._io import bytes_of
from embedsearch.index.lexical import FILE_NAMES as LEXICAL_FILES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Protocol

    from embedsearch.workspace.locks import OpenFolder

    class _Rooted(Protocol):
        @property
        def root(self) -> Path: ...


FORMAT_VERSION = 2
MANIFEST = "manifest.json"
WORDS = ("vocabulary.tsv", "phrases.tsv", "words.safetensors", "training.safetensors")
IRREPLACEABLE = {*WORDS, "vectors.safetensors"}
"""Files that follow from nothing else; manifests have checksums of their blocks."""


class _Child:
    """An attribute that is a path below the root of a layout."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, layout: _Rooted, kind: type | None = None) -> Path:
        return layout.root / self._name


@dataclass(frozen=True, slots=True)
class GenerationLayout:
    """The files of one generation: a trained model and all that follows from it."""

    root: Path

    # Settings, the change number reached, and size and hash of every other file.
    manifest = _Child(MANIFEST)
    # A word and its count a line; the line is the row. Then the phrases that words are joined to.
    vocabulary, phrases = _Child("vocabulary.tsv"), _Child("phrases.tsv")
    # Word vectors, and those of n-grams if they were trained; their FAISS index.
    words, word_index = _Child("words.safetensors"), _Child("words.faiss")
    # The other side of the network, to go on training.
    training = _Child("training.safetensors")
    # What encodes documents in the space of words.
    encoder = _Child("encoder.safetensors")
    # What encodes documents for search, and the terms that it knows, one a line.
    search, terms = _Child("search.safetensors"), _Child("terms.txt")
    # Document vectors with the numbers of their documents; their clusters, if they are many.
    documents, document_index = _Child("documents.safetensors"), _Child("documents.faiss")

    @property
    def of_the_model(self) -> tuple[Path, ...]:
        """The files that follow from a training alone, not from documents added later."""
        words = (self.vocabulary, self.phrases, self.words, self.word_index)
        return (*words, self.training, self.encoder, self.search, self.terms)

    @property
    def of_the_documents(self) -> tuple[Path, ...]:
        """The files that follow from the documents that were indexed; the last may be absent."""
        return self.documents, self.document_index


@dataclass(frozen=True, slots=True)
class VectorsLayout:
    """The files of one state of the user's own vectors."""

    root: Path

    # Metric, counts, the change number reached, and size and hash of the other files.
    manifest = _Child(MANIFEST)
    # The vectors with the numbers of their documents; their FAISS index.
    tensors, index = _Child("vectors.safetensors"), _Child("vectors.faiss")


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of one workspace."""

    root: Path
    # The folder as it was opened, so that no other that takes its place is written to.
    opened: OpenFolder | None = field(default=None, compare=False, repr=False)

    # Format version, settings and the current generation; replaced as a whole.
    state = _Child("workspace.json")
    # Every document, in SQLite: the truth that all else is derived from.
    documents = _Child("documents.sqlite")
    # What the user has judged, and the weights that were tuned to it; replaced as a whole.
    preferences = _Child("preferences.json")
    # The lexical index: follows the documents, and can be built again from them.
    lexical = _Child("lexical")
    # Held by the one process that writes.
    lock = _Child("lock")
    # The folders of generations, and of states of the user's own vectors.
    generations, vectors = _Child("generations"), _Child("vectors")
    # Where an interrupted training continues.
    checkpoint = _Child("checkpoint.safetensors")
    # What evaluations found, a file each.
    reports = _Child("reports")
    # What was learned of the latent space, a file each; can be made again.
    space = _Child("space")
    # Work under way; what a new holder of the lock finds here is left from a crash.
    temporary = _Child("tmp")

    @property
    def replaced(self) -> Path:
        """Where `restore` keeps a workspace until the new one has its place."""
        return self.root.parent / f".{self.root.name}.replaced"

    @property
    def in_place(self) -> bool:
        """Whether the folder at the path is the one that was opened."""
        return self.opened is None or self.opened.is_at(self.root)

    def check_in_place(self) -> None:
        """Raise `WorkspaceError` unless the folder at the path is the one that was opened."""
        if self.opened is not None and self.opened.closed:
            raise WorkspaceError(self.root, "was closed; open the workspace again")
        if not self.in_place:
            reason = (
                "the folder was moved, removed or replaced since it was opened; nothing was "
                "changed; open the workspace where it is now"
            )
            raise WorkspaceError(self.root, reason)

    @property
    def documents_bytes(self) -> int:
        """How large the documents are, with the log of SQLite."""
        return bytes_of([self.documents, self.root / f"{self.documents.name}-wal"])

    @property
    def total_bytes(self) -> int:
        """The size of all files; those shared by two generations count once."""
        files = [path.lstat() for path in self.root.rglob("*") if path.is_file()]
        return sum({(stat.st_dev, stat.st_ino): stat.st_size for stat in files}.values())

    def generation(self, number: int) -> GenerationLayout:
        """Return the paths of a generation."""
        return GenerationLayout(self.generations / f"{number:04d}")

    def vectors_of(self, number: int) -> VectorsLayout:
        """Return the paths of a state of the user's own vectors."""
        return VectorsLayout(self.vectors / f"{number:04d}")


# What may be in a workspace

# Finder, Explorer and KDE; and the names of files that were removed while they were open.
_LITTER = re.compile(
    r"\.DS_Store|\._.+|\.localized|Icon\r|Thumbs\.db|[Dd]esktop\.ini|\.directory"
    r"|\.nfs[0-9a-f]+|\.fuse_hidden[0-9a-f]+"
)
LINK = "it is a link, or neither a file nor a folder; a workspace has none"
STRANGE = "it does not belong in a workspace"


@dataclass(frozen=True, slots=True)
class Foreign:
    """Something in a workspace that has no place there; `what` is `LINK` or `STRANGE`."""

    name: str
    what: str

    @property
    def advice(self) -> str:
        """What to do about it."""
        if self.what == LINK:
            return "remove it, or move there what it stands for"
        return "move it out, or run `embedsearch repair`, which puts it aside"

    def __str__(self) -> str:
        # A name may be made to drive a terminal.
        shown = self.name if self.name.isprintable() else ascii(self.name)
        return f"{shown}: {self.what}; {self.advice}"


@dataclass(frozen=True, slots=True)
class _Folder:
    """What a folder may have in it: patterns of names; None where nothing ever looks inside."""

    files: str = ""
    folders: Mapping[str, _Folder | None] = field(default_factory=dict)

    def entry(self, name: str, *, is_file: bool) -> tuple[bool, _Folder | None]:
        """Whether a name belongs here, and what may be in the folder of this name."""
        if is_file:
            return bool(re.fullmatch(self.files, name)), None
        for pattern, folder in self.folders.items():
            if re.fullmatch(pattern, name):
                return True, folder
        return False, None


def _numbered(*paths: Path) -> _Folder:
    """Return a folder of published folders, each of which may have these files."""
    names = "|".join(re.escape(path.name) for path in paths)
    return _Folder(folders={"[0-9]{4,9}": _Folder(names)})


_GENERATION = GenerationLayout(Path())
_VECTORS = VectorsLayout(Path())
GENERATION_FILES = tuple(p.name for p in (*_GENERATION.of_the_model, _GENERATION.documents))
VECTORS_FILES = (_VECTORS.tensors.name, _VECTORS.index.name)
_WORK = _Folder(".*", {".*": _Folder(".*", {".*": _Folder(".*")})})
_PUBLISHED = {
    "generations": _numbered(
        _GENERATION.manifest, *_GENERATION.of_the_model, *_GENERATION.of_the_documents
    ),
    "vectors": _numbered(_VECTORS.manifest, _VECTORS.tensors, _VECTORS.index),
}
_REPORT = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,200}\.json"
_SPACE = r"[a-z0-9][a-z0-9_-]{0,49}\.safetensors"
_BACKUP = _Folder(
    r"(workspace|preferences)\.json|documents\.sqlite",
    {**_PUBLISHED, "reports": _Folder(_REPORT), "space": _Folder(_SPACE)},
)
_WORKSPACE = _Folder(
    r"(workspace|preferences)\.json(\.new)?|documents\.sqlite(-wal|-shm)?|lock|writer\.json"
    r"|checkpoint\.(safetensors|new)",
    {
        **_PUBLISHED,
        "lexical": _Folder(LEXICAL_FILES),
        "reports": _Folder(rf"{_REPORT}(\.new)?"),
        "space": _Folder(rf"{_SPACE}(\.[0-9]+\.new)?"),
        "tmp": _WORK,
        # Put aside by a repair.
        r"damaged-[A-Za-z0-9.-]+": None,
    },
)


def check_contents(root: Path) -> None:
    """Raise `WorkspaceDamagedError` for something that does not belong in a workspace.

    The workspace itself may be a link. What systems leave in every folder (`.DS_Store`,
    `Thumbs.db`) is ignored.
    """
    for foreign in foreign_entries(root):
        raise WorkspaceDamagedError(root, str(foreign))


def check_links(root: Path) -> None:
    """Raise `WorkspaceDamagedError` for something that is neither a file nor a folder."""
    for foreign in foreign_entries(root):
        if foreign.what == LINK:
            raise WorkspaceDamagedError(root, str(foreign))


def foreign_entries(root: Path) -> Iterator[Foreign]:
    """Yield what has no place in a workspace, by names and kinds alone: nothing is opened.

    In a folder that is no workspace, nothing has.
    """
    layout = Layout(root)
    if os.path.lexists(layout.state) or os.path.lexists(layout.documents):
        yield from _foreign(root, root, _WORKSPACE)


def has_only_our_files(folder: Path) -> bool:
    """Whether a folder has nothing but what a workspace, or the rest of one, may have."""
    return not any(_foreign(folder, folder, _WORKSPACE))


def enclosing_workspace(path: Path) -> Path | None:
    """Return the workspace that a path is in, which a file of others would make unusable."""
    folders = Path(os.path.realpath(path)).parents
    layouts = map(Layout, folders)
    return next((each.root for each in layouts if _is_workspace(each)), None)


def _is_workspace(layout: Layout) -> bool:
    # Other programs have files called workspace.json, too.
    return layout.state.is_file() and layout.documents.is_file()


def check_outside(path: str | Path, name: str) -> None:
    """Raise `ParameterError` if a file to be written would be in a workspace, or is no path."""
    try:
        found = enclosing_workspace(Path(path))
    except (TypeError, ValueError) as error:
        raise ParameterError(name, "a path", path) from error
    if found is not None:
        raise ParameterError(name, "a name outside of the workspace", str(path))


def may_be_in_backup(name: str) -> bool:
    """Whether a backup may hold a file of this name, with slashes between folders."""
    *folders, file = name.split("/")
    place: _Folder | None = _BACKUP
    for folder in folders:
        place = None if place is None else place.entry(folder, is_file=False)[1]
    return place is not None and place.entry(file, is_file=True)[0]


def is_litter(name: str) -> bool:
    """Whether a file of this name is one that systems leave in every folder."""
    return bool(_LITTER.fullmatch(name))


def _foreign(root: Path, folder: Path, allowed: _Folder) -> Iterator[Foreign]:
    for entry in _entries(folder):
        path = folder / entry.name
        shown, is_file = path.relative_to(root).as_posix(), entry.is_file(follow_symlinks=False)
        if not is_file and not entry.is_dir(follow_symlinks=False):
            if not os.path.lexists(path):
                # Removed since it was listed; some file systems know the kind only by asking again.
                continue
            yield Foreign(shown, LINK)
            continue
        if is_file and is_litter(entry.name):
            continue
        belongs, within = allowed.entry(entry.name, is_file=is_file)
        if not belongs:
            yield Foreign(shown, STRANGE)
        elif within is not None:
            yield from _foreign(root, path, within)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        # Opening says what is wrong with it.
        return []

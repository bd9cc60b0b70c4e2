"""The names that files and folders in a workspace may have; nothing else is opened.

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

from embedsearch._errors import ParameterError, WorkspaceDamagedError
from embedsearch.index.lexical import FILE_NAMES as LEXICAL_FILES
from embedsearch.workspace.layout import GenerationLayout, Layout, VectorsLayout

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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
_WORK = _Folder(".*", {".*": _Folder(".*", {".*": _Folder(".*")})})
_PUBLISHED = {
    "generations": _numbered(
        _GENERATION.manifest, *_GENERATION.of_the_model, *_GENERATION.of_the_documents
    ),
    "vectors": _numbered(_VECTORS.manifest, _VECTORS.tensors, _VECTORS.index),
}
_REPORT = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,200}\.json"
_BACKUP = _Folder(r"workspace\.json|documents\.sqlite", {**_PUBLISHED, "reports": _Folder(_REPORT)})
_WORKSPACE = _Folder(
    r"workspace\.json(\.new)?|documents\.sqlite(-wal|-shm)?|lock|writer\.json"
    r"|checkpoint\.(safetensors|new)",
    {
        **_PUBLISHED,
        "lexical": _Folder(LEXICAL_FILES),
        "reports": _Folder(rf"{_REPORT}(\.new)?"),
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

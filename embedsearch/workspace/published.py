"""A folder that was published, opened for reading."""

from __future__ import annotations

import errno
import os
import weakref
from typing import TYPE_CHECKING, Any

from embedsearch._errors import EmbedSearchError, InputError, WorkspaceDamagedError, WorkspaceError
from embedsearch._io import read_json
from embedsearch.workspace.layout import Layout
from embedsearch.workspace.locks import hold, is_held_by_others, is_same_file
from embedsearch.workspace.schemas import check
from embedsearch.workspace.trust import check_vectors

if TYPE_CHECKING:
    from pathlib import Path

    from embedsearch._schemas import Schema
    from embedsearch.index.vector_index import VectorIndex


class Published:
    """A folder with a manifest; closing it lets the writer remove it when it is old.

    Args:
        layout: The workspace.
        number: That of the folder.
        manifest: Where its manifest is.
        schema: What the manifest must hold.

    Raises:
        FileNotFoundError: It is not there (any more).
        WorkspaceDamagedError: A file is missing, or has another size than the manifest says.
    """

    def __init__(self, layout: Layout, number: int, manifest: Path, schema: Schema) -> None:
        self.number, self.workspace = number, layout.root
        self._manifest_path = manifest
        # What was taken from here may outlive the workspace's interest in this folder.
        self._descriptor = hold(manifest)
        self._let_go = weakref.finalize(self, os.close, self._descriptor)
        self.manifest = read_json(manifest, layout.root)
        check(self.manifest, schema, manifest, layout.root)
        self._check_sizes()

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return self._manifest_path.parent

    def held_by_others(self) -> bool:
        """Return whether others have opened the folder, too. Where locks are missing: yes."""
        return is_held_by_others(self._manifest_path, self._descriptor)

    def close(self) -> None:
        """Let go of the folder; safe to call twice."""
        self._let_go()

    def _entry(self, name: str) -> Any:
        if name not in self.manifest:
            raise WorkspaceDamagedError(self.workspace, f"{self._manifest_path} has no {name!r}")
        return self.manifest[name]

    def _check_sizes(self) -> None:
        for name, facts in self.manifest["files"].items():
            path, expected = self.folder / name, facts["size"]
            size = path.stat().st_size if path.exists() else None
            if size != expected:
                found = "is missing" if size is None else f"has {size:,} bytes"
                reason = f"{path} {found}, {expected:,} were written"
                raise WorkspaceDamagedError(self.workspace, reason)

    def _opened_index(self, part: str, path: Path, digest: str | None) -> VectorIndex:
        """Map an index; one of another folder, or damaged, or that ends a process, is refused."""
        from embedsearch.index.vector_index import VectorIndex

        with self._intact(path):
            check_vectors(Layout(self.workspace), part, path)
            return VectorIndex.load(path, expected=digest)

    def _intact(self, path: Path) -> _Intact:
        """Read a file of the folder; one of another that has taken its place is refused."""
        if not is_same_file(self._manifest_path, self._descriptor):
            reason = (
                f"{self._manifest_path.parent} was moved, removed or replaced since it was opened; "
                "open the workspace again"
            )
            raise WorkspaceError(self.workspace, reason)
        return _Intact(self.workspace, path)


_WRONG_CONTENT = (
    InputError,
    LookupError,
    ArithmeticError,
    ValueError,
    TypeError,
    AttributeError,
    OSError,
)
# It says nothing of the file, and nothing is to be repaired.
_NOT_ITS_FAULT = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EACCES, errno.EPERM)


class _Intact:
    """Raises `WorkspaceDamagedError` for whatever is wrong with a file that we once wrote."""

    def __init__(self, workspace: Path, path: Path) -> None:
        self.workspace, self.path = workspace, path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError) and error.errno in _NOT_ITS_FAULT:
            reason = f"{self.path} cannot be read: {error.strerror}"
            raise WorkspaceError(self.workspace, reason) from error
        expected = isinstance(error, _WRONG_CONTENT)
        if expected and not isinstance(error, WorkspaceDamagedError):
            raise WorkspaceDamagedError(self.workspace, self._told(error)) from error

    def _told(self, error: BaseException | None) -> str:
        if isinstance(error, FileNotFoundError):
            return (
                f"{self.path} is missing; an older version wrote none: run `embedsearch verify`, "
                "which tells whether to migrate or to repair"
            )
        told = error if isinstance(error, EmbedSearchError) else repr(error)
        return f"{self.path} is damaged: {told}"

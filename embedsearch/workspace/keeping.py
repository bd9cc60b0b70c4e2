"""A workspace kept safe: backups, compaction, verification."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedsearch._io import checked_path
from embedsearch._progress import Progress, SilentProgress
from embedsearch.workspace.info import size_on_disk
from embedsearch.workspace.learning import LearningWorkspace
from embedsearch.workspace.publishing import remove_unused

if TYPE_CHECKING:
    from pathlib import Path

    from embedsearch.workspace.maintenance.backup import BackupReport
    from embedsearch.workspace.maintenance.compact import CompactReport
    from embedsearch.workspace.maintenance.verify import VerifyReport
    from embedsearch.workspace.published import Published


class KeptWorkspace(LearningWorkspace):
    """Backs up, compacts and verifies; see `Workspace`."""

    def backup(
        self, file: str | Path, *, overwrite: bool = False, progress: Progress | None = None
    ) -> BackupReport:
        """Copy the workspace to one file, while other processes may read and write it.

        The file has one state of the documents, and the word vectors and vectors of your own that
        this object has opened. `embedsearch.restore` makes a workspace of it. It is written
        beside its place, flushed and renamed.

        Args:
            file: The file.
            overwrite: Replace a file that is there.
            progress: A listener.

        Raises:
            WorkspaceExistsError: The file is there, and `overwrite` is off.
            ParameterError: The file would be in the workspace, or is a folder.
            WorkspaceDamagedError: A file of the workspace is not what was written.
            StorageError: There is too little room, or the disk fails.
        """
        from embedsearch.workspace.maintenance.backup import write_backup

        return write_backup(
            self._layout,
            self._state,
            self._published,
            checked_path(file, "file"),
            overwrite=overwrite,
            progress=progress,
        )

    def compact(self, *, progress: Progress | None = None) -> CompactReport:
        """Give back space that deletions and changes have left.

        What changed since is indexed first (see `index`); then the lexical index and the record
        are written anew without what was deleted. Readers go on meanwhile.

        Args:
            progress: A listener.

        Raises:
            WorkspaceReadOnlyError: Opened for reading.
            StorageError: There is too little room for the new before the old goes.
        """
        from embedsearch.workspace.maintenance import compact as compacting

        self._check_writable()
        listener, report = progress or SilentProgress(), compacting.CompactReport(str(self.path))
        compacting.check_room(self._layout)
        report.before = size_on_disk(self._layout)
        if self._generation is not None or self._stored is not None:
            behind = self.index(progress=listener)
            report.done += [f"the vectors of {behind:,} changes were stored"] if behind else []
        if self._generation is not None:
            self._document_search(listener)
            analyzer = self._generation.search_model.analyzer
            # Nothing may hold what is replaced.
            self._forget_search()
            if compacting.compact_lexical(self._layout, self._store, analyzer, listener):
                report.done.append("the lexical index was written anew")
        forgotten = compacting.forget_deletions(self._layout, self._store, self._published)
        report.done += [f"old deletions were forgotten: {forgotten:,}"] if forgotten else []
        with listener.task("compacting documents", None, "steps") as task:
            self._store.compact()
            task.advance(1)
        remove_unused(self._layout, self._state)
        report.after = size_on_disk(self._layout)
        return report

    @property
    def _published(self) -> list[Published]:
        return [each for each in (self._generation, self._stored) if each is not None]

    def verify(self, *, quick: bool = False, progress: Progress | None = None) -> VerifyReport:
        """Compare every part with what was written, and with the others.

        Args:
            quick: Look at sizes, the pages of the record and the states, but not at contents.
            progress: A listener.
        """
        from embedsearch.workspace.maintenance.verify import verify

        return verify(self.path, quick=quick, held=self.mode == "w", progress=progress)

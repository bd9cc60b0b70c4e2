"""Bringing a workspace to the present format."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from embedsearch._io import checked_path
from embedsearch.workspace.contents import check_contents
from embedsearch.workspace.layout import Layout
from embedsearch.workspace.state import load_state

if TYPE_CHECKING:
    from pathlib import Path

    from embedsearch._progress import Progress


@dataclass(slots=True)
class MigrateReport:
    """What a migration did.

    Attributes:
        path: The workspace.
        done: What was done, a sentence each; empty if there was nothing to do.
    """

    path: str
    done: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def migrate(path: str | Path, *, progress: Progress | None = None) -> MigrateReport:  # noqa: ARG001
    """Bring a workspace to the present format.

    No released version has written another format yet, so there is nothing to do: a workspace
    either has the present format, or is refused.

    Args:
        path: The workspace.
        progress: A listener.

    Raises:
        WorkspaceNotFoundError: There is no workspace at the path.
        WorkspaceDamagedError: It must be repaired first.
        WorkspaceVersionError: A newer embedsearch wrote it, or an unreleased one.
    """
    layout = Layout(checked_path(path))
    load_state(layout)
    check_contents(layout.root)
    return MigrateReport(str(layout.root))

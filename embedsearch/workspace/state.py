"""The state of a workspace: `workspace.json`, and the format that it is of."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedsearch._errors import (
    InputError,
    WorkspaceDamagedError,
    WorkspaceNotFoundError,
)
from embedsearch._io import REPAIR, checked_path, read_json, write_json
from embedsearch.text.settings import TokenizerSettings
from embedsearch.workspace.layout import FORMAT_VERSION, Layout, check_contents
from embedsearch.workspace.locks import named_writer
from embedsearch.workspace.schemas import WORKSPACE, check
from embedsearch.workspace.staging import under_construction

if TYPE_CHECKING:
    from embedsearch._progress import Progress


@dataclass(frozen=True, slots=True)
class State:
    """What `workspace.json` says."""

    # How the next training cuts text; a generation has its own.
    tokenizer: TokenizerSettings = field(default_factory=TokenizerSettings)
    # The numbers of the current generation, and of the vectors of the user's own.
    generation: int | None = None
    vectors: int | None = None

    def save(self, layout: Layout) -> None:
        """Write the state; readers see the old one or the new one."""
        layout.check_in_place()
        values: dict[str, Any] = {
            "format": FORMAT_VERSION,
            "generation": self.generation,
            "tokenizer": self.tokenizer.to_json(),
            "vectors": self.vectors,
        }
        write_json(layout.state, values)


def load_state(layout: Layout, *, checksum: bool = True) -> State:
    """Read the state, and check that the documents exist."""
    if not layout.state.exists():
        _explain_missing(layout)
    state = state_of_file(layout, checksum=checksum)
    if not layout.documents.exists():
        advice = "run `embedsearch repair`, or restore a backup"
        raise WorkspaceDamagedError(layout.root, f"{layout.documents.name} is missing; {advice}")
    return state


def state_of_file(layout: Layout, *, checksum: bool = True) -> State:
    """Read the state of a workspace that may have lost its documents; see `load_state`."""
    return parsed_state(read_json(layout.state, layout.root), layout, checksum=checksum)


def parsed_state(values: dict[str, Any], layout: Layout, *, checksum: bool = True) -> State:
    """Return the state of the values of a file; see `load_state`."""
    check(values, WORKSPACE, layout.state, layout.root, checksum=checksum)
    try:
        tokenizer = TokenizerSettings.from_json(values["tokenizer"])
    except (InputError, KeyError, TypeError, AttributeError) as error:
        reason = f"workspace.json has unusable tokenizer settings ({error}); {REPAIR}"
        raise WorkspaceDamagedError(layout.root, reason) from error
    return State(tokenizer, values["generation"], values["vectors"])


def _explain_missing(layout: Layout) -> None:
    if layout.documents.exists() or layout.generations.exists():
        raise WorkspaceDamagedError(layout.root, f"workspace.json is missing; {REPAIR}")
    replaced = Layout(Path(os.path.realpath(layout.root))).replaced
    if replaced.exists():
        reason = f"a restoring was interrupted; restore again, or rename {replaced.name} to it"
        raise WorkspaceNotFoundError(layout.root, reason)
    if (folder := under_construction(layout.root)) is not None:
        who = named_writer(Layout(folder).lock)
        reason = f"is being made by {who}; try again when that is done, or wait (--wait SECONDS)"
        raise WorkspaceNotFoundError(layout.root, reason)
    if layout.root.exists():
        reason = "exists, but is not a workspace: `embedsearch build TEXT -w NAME` makes one"
        raise WorkspaceNotFoundError(layout.root, reason)
    raise WorkspaceNotFoundError(
        layout.root, f"no workspace here; make one with: embedsearch build TEXT -w {layout.root}"
    )


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

    Raises:
        WorkspaceNotFoundError: There is no workspace at the path.
        WorkspaceDamagedError: It must be repaired first.
        WorkspaceVersionError: A newer embedsearch wrote it, or an unreleased one.
    """
    layout = Layout(checked_path(path))
    load_state(layout)
    check_contents(layout.root)
    return MigrateReport(str(layout.root))

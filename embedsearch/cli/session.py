"""Opening the workspace that a command works on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from embedsearch.workspace import Workspace


def open_workspace(path: str, mode: str = "r", **how: Any) -> Workspace:
    """Open a workspace; its code is imported only here.

    Args:
        path: Its folder.
        mode: "r" to ask, "w" to change.
        **how: `wait` and `durability`, as for `Workspace`.
    """
    from embedsearch.workspace import Workspace

    return Workspace(path, mode, **how)

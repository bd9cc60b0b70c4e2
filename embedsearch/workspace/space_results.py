"""What was learned of a space and kept: `space/NAME.safetensors`, a file for each result.

A file has the arrays and, as JSON in its header, the facts, the generation and the change of the
documents that it was made of, and a checksum of all of it. It can be made again at any time:
nothing else depends on it, so a reader may write one, and the last one stays.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._errors import ParameterError, VectorError, WorkspaceDamagedError, WorkspaceError
from embedsearch._io import canonical, flush_folder, replacing, storage_errors
from embedsearch._schemas import fault
from embedsearch.vectors.tensors import open_tensors, read_metadata, save_tensors
from embedsearch.workspace.schemas import SPACE_RESULT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from embedsearch.workspace.layout import Layout
    from embedsearch.workspace.session import Session

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,49}")
_SUFFIX = ".safetensors"
# Seconds after which nobody is still writing a file.
_OLD = 3_600


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """What was kept under a name."""

    name: str
    generation: int  # that of the vectors it was made of
    change: int  # the last change of the documents in it
    facts: Mapping[str, Any]  # plain values
    tensors: Mapping[str, NDArray[Any]]


def keep(
    session: Session, name: str, facts: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]
) -> None:
    """Keep a result under a name, in the place of an earlier one.

    A crash leaves the old one or the new one.

    Raises:
        ParameterError: The name is not of small letters, digits, - and _.
        StorageError, WorkspaceReadOnlyError: The disk is full, fails or cannot be written to.
    """
    layout = session.layout
    path = _path(layout, name)
    layout.check_in_place()
    head = {
        "generation": session.trained().number,
        "change": session.store.change,
        "facts": facts,
    }
    text = canonical(head)
    with storage_errors(layout.root):
        layout.space.mkdir(exist_ok=True)
        _remove_leftovers(layout)
        # Two readers may write at the same time.
        with replacing(path, path.with_name(f"{path.name}.{os.getpid()}.new")) as new:
            save_tensors(new, tensors, {"facts": text, "sha256": _checksum(text, tensors)})
        flush_folder(layout.root)


def kept(session: Session, name: str, command: str) -> Result:
    """Return what was kept under a name, if it is of the current generation.

    `command` makes it again, and is what an error advises.

    Raises:
        WorkspaceError: There is none, or it was made of another generation.
        WorkspaceDamagedError: The file is not what was written.
    """
    path = _path(session.layout, name)
    advice = f"make it with: embedsearch {command} -w {shlex.quote(str(session.path))}"
    if not path.exists():
        raise WorkspaceError(session.path, f"has no {name} yet; {advice}")
    result = _read(path, session.path)
    current = session.trained().number
    if result.generation != current:
        reason = (
            f"its {name} was made of generation {result.generation}, "
            f"and the vectors are of generation {current} now; {advice}"
        )
        raise WorkspaceError(session.path, reason)
    return result


def results(layout: Layout) -> list[str]:
    """Return the names under which something is kept."""
    paths = layout.space.iterdir() if layout.space.is_dir() else ()
    return sorted(path.stem for path in paths if path.suffix == _SUFFIX)


def damaged_results(layout: Layout) -> Iterator[tuple[Path, str]]:
    """Yield the files that are not what was written, and what is wrong with them."""
    for name in results(layout):
        path = layout.space / f"{name}{_SUFFIX}"
        try:
            _read(path, layout.root)
        except WorkspaceDamagedError as error:
            yield path, error.reason


def _read(path: Path, workspace: Path) -> Result:
    try:
        metadata, tensors = read_metadata(path), open_tensors(path)
        text = metadata.get("facts", "")
        sound = metadata.get("sha256") == _checksum(text, tensors)
        head: Any = json.loads(text) if sound else None
    except (VectorError, ValueError) as error:
        raise _damaged(path, workspace, str(error)) from error
    # A checksum proves that a file is as it was written, not that we wrote it.
    if (what := fault(head, SPACE_RESULT)) is not None:
        raise _damaged(path, workspace, what if sound else "its checksum does not hold")
    return Result(path.stem, head["generation"], head["change"], head["facts"], tensors)


def _damaged(path: Path, workspace: Path, what: str) -> WorkspaceDamagedError:
    reason = f"space/{path.name} is damaged ({what}); run `embedsearch repair`, then make it again"
    return WorkspaceDamagedError(workspace, reason)


def _remove_leftovers(layout: Layout) -> None:
    """Remove what processes that were killed have left half-written."""
    for path in layout.space.glob(f"*{_SUFFIX}.*.new"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _OLD:
                path.unlink()


def _path(layout: Layout, name: str) -> Path:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ParameterError("name", "small letters, digits, - and _, at most 50", name)
    return layout.space / f"{name}{_SUFFIX}"


def _checksum(text: str, tensors: Mapping[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        array = np.ascontiguousarray(tensors[name])
        digest.update(f"\n{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()

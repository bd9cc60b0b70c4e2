"""The checkpoint of a training: one file, replaced as a whole.

The file is a safetensors file with the matrices `x` and `y`; its metadata has the position in
the plan, the losses so far, and the facts that must be the same for it to fit: trainer,
settings, text and tokenizer.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._checks import NATURAL, check
from embedsearch._errors import InputError
from embedsearch._io import replacing
from embedsearch.vectors.tensors import open_tensors, read_metadata, save_tensors

if TYPE_CHECKING:
    from pathlib import Path

    from embedsearch._progress import Progress
    from embedsearch._types import FloatMatrix


@dataclass(frozen=True, slots=True, eq=False)
class Saved:
    """What a checkpoint holds."""

    x: FloatMatrix
    y: FloatMatrix
    position: int
    losses: list[float]


class Checkpoint:
    """A file that an interrupted training continues from; without a path it does nothing."""

    def __init__(self, path: Path | None, facts: dict[str, Any], seconds: float = 60.0) -> None:
        self._path, self._facts, self._seconds = path, facts, seconds
        self._written = time.monotonic()

    @property
    def due(self) -> bool:
        """Whether it is time to write."""
        return self._path is not None and time.monotonic() - self._written >= self._seconds

    def save(self, x: FloatMatrix, y: FloatMatrix, position: int, losses: list[float]) -> None:
        """Replace the file by one of this state."""
        if self._path is None:
            return
        state = {"position": position, "losses": losses, "facts": self._facts}
        tensors = {"x": np.ascontiguousarray(x), "y": np.ascontiguousarray(y)}
        with replacing(self._path, self._path.with_suffix(".new")) as new:
            save_tensors(new, tensors, {"state": json.dumps(state)})
        self._written = time.monotonic()

    def load(self, rows: int, words: int, progress: Progress) -> Saved | None:
        """Read the file, if it is there and fits; otherwise say why it is not used."""
        if self._path is None or not self._path.exists():
            return None
        try:
            # A damaged checkpoint must not keep anybody from starting again.
            state = read_state(self._path)
            tensors = open_tensors(self._path)
            x, y = tensors["x"], tensors["y"]
            position, losses = state["position"], [float(loss) for loss in state["losses"]]
            check("position", position, NATURAL)
        except (InputError, KeyError, TypeError, ValueError) as error:
            progress.note(f"the checkpoint cannot be read and is not used ({error})")
            return None
        if state["facts"] != self._facts or len(x) != rows or len(y) != words:
            progress.note("the checkpoint is of other settings or other text, and is not used")
            return None
        return Saved(x, y, position, losses)

    def remove(self) -> None:
        """Remove the file: the training is done."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def read_state(path: Path) -> dict[str, Any]:
    """Return the position, losses and facts of a checkpoint; ValueError if it is none."""
    state = json.loads(read_metadata(path)["state"])
    if not isinstance(state, dict) or not {"position", "losses", "facts"} <= set(state):
        raise ValueError(f"{path.name} is not a checkpoint")
    return state

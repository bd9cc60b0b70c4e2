"""From a file to the index that is in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedsearch._errors import VectorError
from embedsearch.index._files import damaged, read_index_file

if TYPE_CHECKING:
    from embedsearch.index._files import IndexFile
    from embedsearch.index.base import VectorIndex


def load_index(path: str | Path, mapped: bool, verify: bool, expected: str | None) -> VectorIndex:
    """See `VectorIndex.load`."""
    file = read_index_file(path, verify)
    if expected is not None and (file is None or file.digest != expected):
        raise VectorError(f"{path}: not the index that was expected, by its hash")
    if file is None:
        from embedsearch.index.flat import flat_from_faiss

        return flat_from_faiss(Path(path), mapped)
    try:
        return _opened(file, mapped)
    except (KeyError, TypeError, AttributeError) as error:
        raise damaged(path, "its description is incomplete") from error


def _opened(file: IndexFile, mapped: bool) -> VectorIndex:
    # Whoever searches exactly does not wait for what the other kinds need.
    kind = file.description["kind"]
    if kind == "flat":
        from embedsearch.index.flat import flat_from_file

        return flat_from_file(file, mapped, _choice(file))
    if kind == "approximate":
        from embedsearch.index.approximate import approximate_from_file

        return approximate_from_file(file, mapped, _choice(file))
    raise VectorError(f"{file.path}: an index of the kind {kind!r}; update embedsearch to open it")


def _choice(file: IndexFile) -> Any:
    from embedsearch.index.choice import Choice

    noted = file.description["choice"]
    return None if noted is None else Choice.from_json(noted)

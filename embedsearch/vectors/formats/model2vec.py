"""Folders of static embeddings, as model2vec and sentence-transformers save them; read only.

`model.safetensors` has a vector for each token, the tensor `embeddings` (model2vec) or
`embedding.weight` (sentence-transformers); `tokenizer.json` beside it has the tokens. What is
made of tokens is said in `model2vec_tokens`. Vectors may be shared: then `mapping` tells the row
of each token, and `weights` what that row is multiplied by. Vectors in int8 are taken as they
are: their scale is not in the file, and cosines do not need it.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from embedsearch._errors import SourceFormatError, SourceNotFoundError, VectorError
from embedsearch.vectors.formats.base import Reading, Rest, VectorFormat
from embedsearch.vectors.formats.model2vec_tokens import read_tokens
from embedsearch.vectors.formats.opening import check_file, reading_errors
from embedsearch.vectors.formats.rows import RowChecker, row_slices
from embedsearch.vectors.formats.stored import as_float32, check_matrix
from embedsearch.vectors.tensors import open_tensors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from embedsearch._types import FloatMatrix, IntVector
    from embedsearch.vectors.formats.base import Block, LoadOptions
    from embedsearch.vectors.formats.model2vec_tokens import Tokens

_VECTORS, _TOKENIZER = "model.safetensors", "tokenizer.json"
_TENSORS = ("embeddings", "embedding.weight")
_FOLDERS = (Path(), Path("0_StaticEmbedding"))


class _Table(NamedTuple):
    """Vectors, and for each token its row and its weight."""

    vectors: NDArray[Any]
    mapping: NDArray[Any] | None
    weights: NDArray[Any] | None

    def rows(self, ids: IntVector) -> FloatMatrix:
        """Take the vectors of tokens, `(len(ids), d)`."""
        rows = self.vectors[ids if self.mapping is None else self.mapping[ids]]
        if self.weights is None:
            return as_float32(rows)
        return as_float32(rows * self.weights[ids].astype(np.float64)[:, np.newaxis])


def read(path: Path, options: LoadOptions) -> Reading:
    """Open a folder; see `base.Reader`.

    Raises:
        SourceNotFoundError: There is no such folder.
        SourceFormatError: A file is missing or damaged, or vectors and tokens do not fit.
    """
    folder = _folder(path)
    tokens = read_tokens(folder / _TOKENIZER)
    file = folder / _VECTORS
    table = _table(file, tokens)
    words, ids = tokens.words[: options.limit], np.array(tokens.ids[: options.limit], np.int64)
    if not words:
        raise SourceFormatError(folder / _TOKENIZER, "holds no words")
    rest = Rest(notes=_notes(tokens, table))
    checker = RowChecker(file, options)
    blocks = _blocks(words, ids, table, checker, rest)
    return Reading(int(table.vectors.shape[1]), len(words), blocks, rest)


def recognises(path: Path, _head: bytes) -> bool:
    """Tell such a folder by the names in it."""
    return any((path / inner / _TOKENIZER).is_file() for inner in _FOLDERS)


def _folder(path: Path) -> Path:
    if not path.exists():
        raise SourceNotFoundError(path, "there is no such folder")
    found = [path / inner for inner in _FOLDERS if (path / inner / _VECTORS).is_file()]
    if not path.is_dir() or not found:
        reason = f"is not a folder with {_VECTORS} and {_TOKENIZER}"
        raise SourceFormatError(path, reason)
    return found[0]


def _table(path: Path, tokens: Tokens) -> _Table:
    with reading_errors(path):
        check_file(path)
        try:
            tensors = open_tensors(path)
        except VectorError as error:
            reason = str(error).removeprefix(f"{path}: ")
            raise SourceFormatError(path, f"{reason}; fetch or save it again") from error
    name = next((name for name in _TENSORS if name in tensors), None)
    if name is None:
        found = ", ".join(map(repr, islice(tensors, 3))) or "nothing"
        reason = f"has no tensor 'embeddings' but {found}; only static embeddings can be read"
        raise SourceFormatError(path, reason)
    vectors, mapping, weights = tensors[name], tensors.get("mapping"), tensors.get("weights")
    check_matrix(path, vectors, len(vectors) if vectors.ndim else 0)
    table = _Table(vectors, mapping, weights)
    _check_size(path, table, tokens)
    return table


def _check_size(path: Path, table: _Table, tokens: Tokens) -> None:
    mapping, weights, rows = table.mapping, table.weights, len(table.vectors)
    if mapping is not None and (mapping.dtype.kind not in "iu" or mapping.ndim != 1):
        raise SourceFormatError(path, "the tensor 'mapping' must be whole numbers in one row")
    if weights is not None and (weights.dtype.kind != "f" or weights.ndim != 1):
        raise SourceFormatError(path, "the tensor 'weights' must be real numbers in one row")
    sizes = {"vectors": rows} if mapping is None else {"mapping": len(mapping)}
    if weights is not None:
        sizes["weights"] = len(weights)
    for name, size in sizes.items():
        if size < tokens.size:
            reason = f"{tokens.size:,} tokens, but {name} only for {size:,}"
            raise SourceFormatError(path, f"{reason}; tokenizer.json is not its own")
    if mapping is not None and len(mapping) and not 0 <= mapping.min() <= mapping.max() < rows:
        raise SourceFormatError(path, f"the tensor 'mapping' names rows beyond its {rows:,}")


def _notes(tokens: Tokens, table: _Table) -> list[str]:
    notes = [
        "tokens are words: those that begin a word are written plain, pieces that continue one "
        "begin with ##"
    ]
    if tokens.special:
        notes.append(f"{tokens.special:,} special tokens were left out")
    if tokens.fragments:
        notes.append(f"{tokens.fragments:,} tokens that hold no whole character were left out")
    if table.vectors.dtype.kind != "f":
        notes.append(f"the vectors are {table.vectors.dtype} numbers without their scale")
    return notes


def _blocks(
    words: list[bytes], ids: IntVector, table: _Table, checker: RowChecker, rest: Rest
) -> Iterator[Block]:
    for part in row_slices(len(words), table.vectors.shape[1]):
        yield checker.block(words[part], table.rows(ids[part]), part.start + 1)
    checker.finish(rest)


FORMAT = VectorFormat("model2vec", "static embeddings folder", (), read, recognises=recognises)

r"""safetensors: everything that we know of word vectors, in one file.

| tensor | | |
|---|---|---|
| `vectors` | `(V, d)` float32 | the word vectors |
| `words` | `(n,)` uint8 | the words in UTF-8, row by row, with `\n` between two |
| `counts` | `(V,)` int64 | how often each word was seen, if that is known |
| `inputs` | `(V, d)` float32 | the words' own rows, if `vectors` are composed with n-grams |
| `ngram_ids`, `ngram_vectors` | `(m,)` int64, `(m, d)` float32 | see `Subwords` |

The metadata hold `format` ("embedsearch-word-vectors"), `version` ("1") and, with n-grams,
`min_n`, `max_n` and `bucket`. The words are a tensor since headers end at 100 MB. Read with the
library of Hugging Face:

```python
tensors = safetensors.numpy.load_file("vectors.safetensors")
words = bytes(tensors["words"]).decode().split("\n")
```
Only `vectors` and `words` must be there; `vectors` may be of any real type that NumPy has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._errors import InputError, SourceFormatError, VectorError
from embedsearch.vectors.formats.base import (
    Reading,
    Rest,
    VectorFormat,
    as_float32,
    check_matrix,
    matrix_blocks,
    reading,
)
from embedsearch.vectors.subwords import Subwords
from embedsearch.vectors.tensors import open_tensors, read_metadata, save_tensors

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from embedsearch._progress import Progress
    from embedsearch._types import FloatMatrix, IntVector
    from embedsearch.vectors.formats.base import LoadOptions
    from embedsearch.vectors.word_vectors import WordVectors

_LONGEST_HEADER = 100_000_000
_SETTINGS = ("min_n", "max_n", "bucket")
_METADATA = {"format": "embedsearch-word-vectors", "version": "1"}


def _read(path: Path, options: LoadOptions) -> Reading:
    tensors, metadata = open_file(path)
    missing = [name for name in ("vectors", "words") if name not in tensors]
    if missing:
        found = ", ".join(map(repr, tensors)) or "none"
        reason = f"has no tensor {missing[0]!r} (its tensors: {found})"
        raise SourceFormatError(path, f"{reason}; name the format, if it is of another")
    matrix, words = tensors["vectors"], _words(path, tensors["words"])
    check_matrix(path, matrix, len(words))
    try:
        rest = _rest(tensors, metadata, matrix.shape)
    except (InputError, KeyError, ValueError) as error:
        raise SourceFormatError(path, f"counts, inputs or n-grams do not fit: {error}") from error
    blocks = matrix_blocks(words, matrix, options.limit)
    return Reading(matrix.shape[1], len(words), blocks, rest)


def _write(
    path: Path, vectors: WordVectors, progress: Progress, inputs: FloatMatrix | None
) -> None:
    words = np.frombuffer("\n".join(vectors.index_to_key).encode(), np.uint8)
    tensors: dict[str, NDArray[Any]] = {"vectors": vectors.vectors, "words": words}
    metadata = dict(_METADATA)
    if vectors.counts is not None:
        tensors["counts"] = vectors.counts.astype(np.int64)
    if inputs is not None:
        tensors["inputs"] = inputs
    if (subwords := vectors.subwords) is not None:
        tensors |= {"ngram_ids": subwords.ids, "ngram_vectors": subwords.vectors}
        metadata |= {name: str(getattr(subwords, name)) for name in _SETTINGS}
    with progress.task("writing vectors", len(vectors), "words") as task:
        save_tensors(path, tensors, metadata)
        task.advance(len(vectors))


def _recognises(_path: Path, head: bytes) -> bool:
    """Whether the length of a header comes first, and then its brace."""
    return head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= _LONGEST_HEADER


def open_file(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Map the tensors of any file in this format, and read its metadata."""
    with reading(path):
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
        if length > _LONGEST_HEADER:
            raise SourceFormatError(path, "is not a safetensors file: its header has no end")
        try:
            return open_tensors(path), read_metadata(path)
        except VectorError as error:
            reason = str(error).removeprefix(f"{path}: ")
            raise SourceFormatError(path, f"{reason}; fetch or save it again") from error


def _words(path: Path, tensor: NDArray[Any]) -> list[bytes]:
    if tensor.dtype != np.uint8 or tensor.ndim != 1:
        raise SourceFormatError(path, "the tensor 'words' must be bytes, of dtype U8")
    return tensor.tobytes().split(b"\n") if tensor.size else []


def _rest(
    tensors: dict[str, NDArray[Any]], metadata: dict[str, str], shape: tuple[int, ...]
) -> Rest:
    rest = Rest()
    if "counts" in tensors:
        rest.counts = _counts(tensors["counts"], shape[0])
    if "inputs" in tensors:
        rest.inputs = _floats(tensors["inputs"], shape[1])
        if len(rest.inputs) != shape[0]:
            raise VectorError(f"{len(rest.inputs):,} inputs for {shape[0]:,} words")
    if "ngram_vectors" in tensors:
        min_n, max_n, bucket = (int(metadata[name]) for name in _SETTINGS)
        ids = tensors["ngram_ids"].astype(np.int64)
        rest.subwords = Subwords(
            min_n, max_n, bucket, ids, _floats(tensors["ngram_vectors"], shape[1])
        )
    return rest


def _counts(tensor: NDArray[Any], words: int) -> IntVector:
    if tensor.dtype.kind not in "iu" or tensor.shape != (words,):
        raise VectorError(f"counts of {tensor.dtype} and shape {tensor.shape}")
    counts: IntVector = tensor.astype(np.int64)
    if (counts < 0).any():
        raise VectorError("a count is less than 0")
    return counts


def _floats(tensor: NDArray[Any], vector_size: int) -> FloatMatrix:
    if tensor.dtype.kind not in "fiu" or tensor.ndim != 2 or tensor.shape[1] != vector_size:
        raise VectorError(f"an array of {tensor.dtype} and shape {tensor.shape}")
    floats = as_float32(tensor)
    if not np.isfinite(floats).all():
        raise VectorError("NaN or infinity")
    return floats


FORMAT = VectorFormat(
    "safetensors",
    "safetensors",
    (".safetensors",),
    _read,
    _write,
    _recognises,
    keeps=frozenset({"counts", "subwords", "inputs"}),
)

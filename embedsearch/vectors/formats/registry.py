"""All formats by name, and how to tell which a file is of."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from embedsearch._errors import ParameterError, SourceFormatError

if TYPE_CHECKING:
    from pathlib import Path

    from embedsearch.vectors.formats.base import VectorFormat

# In the order in which files are asked about: what has a magic string comes first.
_MODULES = {
    "npy": "npy",
    "parquet": "parquet",
    "fasttext": "fasttext_binary",
    "safetensors": "safetensors",
    "model2vec": "model2vec",
    "gensim": "gensim_file",
    "word2vec": "word2vec_text",
    "word2vec-binary": "word2vec_binary",
    "projector": "projector",
    "glove": "glove",
}
VECTOR_FORMATS = tuple(sorted(_MODULES))
"""The names of all formats."""


def vector_format(name: str) -> VectorFormat:
    """Return a format by its name.

    Raises:
        ParameterError: There is no such format.
    """
    if name not in _MODULES:
        raise ParameterError("format", f"'auto' or one of {', '.join(VECTOR_FORMATS)}", name)
    package = __name__.rpartition(".")[0]
    found: VectorFormat = import_module(f"{package}.{_MODULES[name]}").FORMAT
    return found


def detect(path: Path) -> VectorFormat:
    """Tell which format a file or a folder is of.

    Its first bytes decide, as far as they can: magic strings, then text with or without a first
    line of two whole numbers (word2vec or GloVe). Otherwise the ending of its name does.

    Raises:
        SourceError: It cannot be read.
        SourceFormatError: It is of none of the formats.
    """
    # The command line wants the names alone, at every start.
    from embedsearch.text.byte_streams import without_suffix
    from embedsearch.vectors.formats.opening import head_of

    head = head_of(path)
    for name in _MODULES:
        if (found := vector_format(name)).recognises(path, head):
            return found
    named = by_suffix(without_suffix(path.name))
    if len(named) == 1:
        return named[0]
    asked = " or ".join(found.name for found in named) or "any format of word vectors"
    known = ", ".join(VECTOR_FORMATS)
    raise SourceFormatError(path, f"does not look like {asked}; name its format: {known}")


def by_suffix(name: str) -> list[VectorFormat]:
    """Return the formats that the ending of a file's name may stand for."""
    formats = map(vector_format, VECTOR_FORMATS)
    return [found for found in formats if name.lower().endswith(found.suffixes)]

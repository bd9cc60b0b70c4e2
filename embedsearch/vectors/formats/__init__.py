"""Files of word vectors, from anywhere and for anywhere: one module for each format."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from embedsearch._errors import ParameterError, SourceFormatError

if TYPE_CHECKING:
    from pathlib import Path

    from embedsearch.vectors.formats.base import VectorFormat

# By module and object, in the order in which they look at a file: magic strings come first.
_FORMATS = {
    "npy": "npy:FORMAT",
    "parquet": "parquet:FORMAT",
    "fasttext": "fasttext:FORMAT",
    "safetensors": "safetensors:FORMAT",
    "model2vec": "model2vec:FORMAT",
    "gensim": "gensim:FORMAT",
    "word2vec": "word2vec:TEXT",
    "word2vec-binary": "word2vec:BINARY",
    "projector": "projector:FORMAT",
    "glove": "word2vec:GLOVE",
}
VECTOR_FORMATS = tuple(sorted(_FORMATS))
"""The names of all formats."""
WRITABLE_FORMATS = tuple(name for name in VECTOR_FORMATS if name not in ("gensim", "model2vec"))
"""The names of those that can be written, too."""


def vector_format(name: str) -> VectorFormat:
    """Return a format by its name; its module is imported."""
    if not isinstance(name, str) or name not in _FORMATS:
        raise ParameterError("format", f"'auto' or one of {', '.join(VECTOR_FORMATS)}", name)
    module, _, attribute = _FORMATS[name].partition(":")
    found: VectorFormat = getattr(import_module(f"{__name__}.{module}"), attribute)
    return found


def detect(path: Path) -> VectorFormat:
    """Return the format that a file or a folder is of.

    Its first bytes decide, as far as they can: magic strings, then text with or without a first
    line of two whole numbers (word2vec or GloVe). Otherwise the ending of its name does.
    """
    # The command line needs the names alone, at every start.
    from embedsearch.text.byte_streams import without_suffix
    from embedsearch.vectors.formats.base import head_of

    head = head_of(path)
    for name in _FORMATS:
        if (found := vector_format(name)).recognises(path, head):
            return found
    named = by_suffix(without_suffix(path.name))
    if len(named) == 1:
        return named[0]
    expected = " or ".join(found.name for found in named) or "any format of word vectors"
    known = ", ".join(VECTOR_FORMATS)
    raise SourceFormatError(path, f"does not look like {expected}; name its format: {known}")


def by_suffix(name: str) -> list[VectorFormat]:
    """Return the formats that the ending of a file's name may stand for."""
    formats = map(vector_format, VECTOR_FORMATS)
    return [found for found in formats if name.lower().endswith(found.suffixes)]

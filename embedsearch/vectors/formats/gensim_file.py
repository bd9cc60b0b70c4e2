"""Files that gensim's own `save` wrote: pickles, which run code when they are opened.

They are refused unless the user says that the file can be trusted. Big arrays of such a file
stand beside it, in `.npy` files that its name begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._errors import InputError, SourceFormatError
from embedsearch.vectors.formats.base import Block, Reading, Rest, VectorFormat
from embedsearch.vectors.formats.gensim_objects import from_keyed
from embedsearch.vectors.formats.opening import check_file, reading_errors
from embedsearch.vectors.formats.rows import row_slices

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from embedsearch.vectors.formats.base import LoadOptions
    from embedsearch.vectors.word_vectors import WordVectors

_MARK, _PROTOCOLS = 0x80, range(2, 6)
_REFUSED = (
    "is a pickle, as gensim's save() writes it, and opening one runs whatever code is in it. "
    "Where it was made, write it with save_word2vec_format() or, with n-grams, "
    "save_facebook_model(), and read that; or, if you trust whoever made this very file, "
    "allow it with allow_pickle"
)
_RAN = "code in the file was run, as allow_pickle said; save the vectors in a format without code"


def read(path: Path, options: LoadOptions) -> Reading:
    """Load a Word2Vec, FastText or KeyedVectors that gensim saved.

    Raises:
        SourceFormatError: It is a pickle and `allow_pickle` is not set; or it is no such model.
    """
    with reading_errors(path):
        check_file(path)
        with path.open("rb") as file:
            if not recognises(path, file.read(2)):
                raise SourceFormatError(path, "is not a file of gensim's save(): no pickle")
    if not options.allow_pickle:
        raise SourceFormatError(path, _REFUSED)
    try:
        vectors, inputs = from_keyed(_unpickled(path))
    except SourceFormatError:
        raise
    except InputError as error:
        raise SourceFormatError(path, f"holds no word vectors that can be used: {error}") from error
    count = min(len(vectors), options.limit or len(vectors))
    if not count:
        raise SourceFormatError(path, "holds no words")
    rest = Rest(vectors.counts, vectors.subwords, inputs, [_RAN])
    if rest.counts is not None:
        rest.counts = rest.counts[:count]
    if rest.inputs is not None:
        rest.inputs = rest.inputs[:count]
    return Reading(vectors.vector_size, count, _blocks(vectors, count), rest)


def recognises(_path: Path, head: bytes) -> bool:
    """Tell a pickle by its first two bytes, the mark and number of its protocol."""
    return len(head) > 1 and head[0] == _MARK and head[1] in _PROTOCOLS


def _unpickled(path: Path) -> Any:
    from gensim.utils import SaveLoad

    try:
        return SaveLoad.load(str(path))
    except FileNotFoundError as error:
        reason = f"its arrays are missing; {error.filename} belongs beside it"
        raise SourceFormatError(path, reason) from error
    except Exception as error:  # code of any kind was run, which may raise anything
        reason = f"cannot be loaded by gensim ({type(error).__name__}: {error})"
        raise SourceFormatError(path, reason) from error


def _blocks(vectors: WordVectors, count: int) -> Iterator[Block]:
    for rows in row_slices(count, vectors.vector_size):
        yield Block(vectors.index_to_key[rows], np.array(vectors.vectors[rows]))


FORMAT = VectorFormat(
    "gensim",
    "gensim save()",
    (".kv", ".wordvectors"),
    read,
    recognises=recognises,
)

"""An encoder of someone else's, held to what search relies on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._errors import EmbedSearchError, ParameterError, VectorError
from embedsearch.vectors.arrays import as_measured_matrix, unit_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from embedsearch._types import FloatMatrix
    from embedsearch.vectors.base import Encoder

BATCH_SIZE = 256
# What clients of APIs and of models raise when they cannot answer.
FAILURES = (OSError, RuntimeError, ValueError, TypeError, LookupError)


class CheckedEncoder:
    """Gives texts to an encoder in batches; checks what comes back and scales it to length 1.

    It is an `Encoder` itself.

    Args:
        encoder: The encoder.
        name: What errors call it.
        batch_size: The most texts given to it at once; None takes its own `batch_size`, or 256.
        vector_size: The dimensions that it must have; None takes those that it has.

    Raises:
        ParameterError: It lacks a method, or the batch size is no whole number of 1 or more.
    """

    def __init__(
        self,
        encoder: Encoder,
        name: str,
        batch_size: int | None = None,
        vector_size: int | None = None,
    ) -> None:
        for method in ("encode_documents", "encode_queries"):
            if not callable(getattr(encoder, method, None)):
                raise ParameterError("encoder", f"one with {method}(texts)", name)
        if batch_size is None:
            batch_size = getattr(encoder, "batch_size", BATCH_SIZE)
        if not isinstance(batch_size, int) or batch_size < 1:
            raise ParameterError("batch_size", "a whole number, 1 or more", batch_size)
        self.encoder, self.name, self.batch_size = encoder, name, batch_size
        self._vector_size = vector_size

    def __repr__(self) -> str:
        return f"CheckedEncoder({self.name!r})"

    @property
    def vector_size(self) -> int:
        """The number of dimensions, d; to find it out, one word is encoded if nothing was yet."""
        if self._vector_size is None:
            self.encode_documents(["word"])
        return self._vector_size or 0

    def encode_documents(self, texts: Sequence[str]) -> FloatMatrix:
        """Encode texts that are to be found.

        Args:
            texts: n of them.

        Returns:
            (n, d) float32, each row of length 1, or zeros where the encoder gave zeros.

        Raises:
            VectorError: The encoder failed, or gave another number of vectors, other dimensions
                than before, or no finite numbers; the message names it.
            ParameterError: `texts` is one text, or holds something else.
        """
        return self._encode(self.encoder.encode_documents, texts)

    def encode_queries(self, texts: Sequence[str]) -> FloatMatrix:
        """Encode texts that are looked for; see `encode_documents`."""
        return self._encode(self.encoder.encode_queries, texts)

    def _encode(self, encode: Callable[[Sequence[str]], Any], texts: Sequence[str]) -> FloatMatrix:
        asked = _as_texts(texts)
        if not asked:
            return np.zeros((0, self.vector_size), np.float32)
        starts = range(0, len(asked), self.batch_size)
        return np.concatenate([self._batch(encode, asked, start) for start in starts])

    def _batch(
        self, encode: Callable[[Sequence[str]], Any], texts: list[str], start: int
    ) -> FloatMatrix:
        batch = texts[start : start + self.batch_size]
        try:
            made = encode(batch)
        except EmbedSearchError:
            raise
        except FAILURES as error:
            reason = f"{type(error).__name__}: {error}"
            raise VectorError(f"the encoder {self.name!r} failed ({reason})") from error
        said = f"what the encoder {self.name!r} gave for the texts from {start} on"
        matrix, norms = as_measured_matrix(made, said, self._vector_size)
        if len(matrix) != len(batch):
            raise VectorError(
                f"the encoder {self.name!r} gave {len(matrix)} vectors for {len(batch)} texts"
            )
        self._vector_size = matrix.shape[1]
        return unit_rows(matrix, norms)


def _as_texts(texts: Sequence[str]) -> list[str]:
    if isinstance(texts, str):
        raise ParameterError("texts", "a list of texts, not one text", texts)
    asked = list(texts)
    for text in asked:
        if not isinstance(text, str):
            raise ParameterError("every text", "a str", text)
    return asked

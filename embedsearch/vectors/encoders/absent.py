"""What stands in for an encoder that cannot be loaded here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from embedsearch._errors import EmbedSearchError
    from embedsearch._types import FloatMatrix
    from embedsearch.vectors.encoders.checked import CheckedEncoder


class AbsentEncoder:
    """Keeps the place of an encoder: documents get zeros, a query raises.

    What needs no encoder goes on working: questions about words, and search by words.

    Args:
        vector_size: The dimensions of the encoder that is missing.
        error: What a query raises.
    """

    def __init__(self, vector_size: int, error: EmbedSearchError) -> None:
        self.vector_size, self.error = vector_size, error

    def encode_documents(self, texts: Sequence[str]) -> FloatMatrix:
        """Return zeros, (n, d)."""
        return np.zeros((len(texts), self.vector_size), np.float32)

    def encode_queries(self, texts: Sequence[str]) -> FloatMatrix:  # noqa: ARG002 - a protocol
        """Raise the error."""
        raise self.error


def absent_names(encoders: Iterable[CheckedEncoder]) -> list[str]:
    """Name the encoders that are missing."""
    return [checked.name for checked in encoders if isinstance(checked.encoder, AbsentEncoder)]


def check_present(encoders: Iterable[CheckedEncoder]) -> None:
    """Raise the error of the first encoder that is missing."""
    for checked in encoders:
        if isinstance(checked.encoder, AbsentEncoder):
            raise checked.encoder.error

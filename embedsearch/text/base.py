"""The protocols of the text stage."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from embedsearch._types import Document
from embedsearch.text.settings import ReadSettings


class Tokenizer(Protocol):
    """Cuts text into tokens, without changing them."""

    def tokenize(self, text: str) -> list[str]:
        """Return the tokens of `text` in order; an empty text has none."""


class Reader(Protocol):
    """Streams the documents of one file of one format."""

    def __call__(self, path: Path, settings: ReadSettings) -> Iterator[Document]:
        """Yield documents in the order of the file; `id` is empty where the file has none."""

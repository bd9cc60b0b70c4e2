"""The protocols of the text stage."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embedsearch._types import Document
    from embedsearch.text.reading.opening import Opened
    from embedsearch.text.settings import ReadSettings


class Tokenizer(Protocol):
    """Cuts text into tokens; what becomes of a token is the processor's business.

    The text has been folded (`embedsearch.text.tokenizers.folding`) and keeps its case.
    """

    def tokenize(self, text: str) -> list[str]:
        """Return the tokens of `text` in order; an empty text has none."""


class Found(NamedTuple):
    """A document as a reader finds it, and where.

    Attributes:
        document: The document; its `id` is empty where the file gives none.
        unit: What the file was cut into ("line", "paragraph", "row", "page", "item"); empty
            where the file is one document.
        number: Which of these units it is, counted from 1; 0 where the file is one document.
        member: The path of the file inside this one, where it holds several, as an archive does.
    """

    document: Document
    unit: str = ""
    number: int = 0
    member: str = ""


class Reader(Protocol):
    """Streams the documents of one file of one format."""

    def __call__(self, source: Opened, settings: ReadSettings) -> Iterator[Found]:
        """Yield documents in the order of the file.

        Raises:
            SourceError: What the file holds cannot be read; names the line where one is known.
            MissingExtraError: The format needs a package that is not installed.
        """

"""A corpus as integers on disk: tokenized once, read by every epoch and every encoder.

`tokens.i32` holds one little-endian int32 for each token, the number that its word got when
it was first seen. The documents and the words stay in memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from embedsearch.text.chunks import ChunkEncoder, TokenEncoder
from embedsearch.text.mapped import release
from embedsearch.text.numbering import MOST_TYPES, Numbering
from embedsearch.text.pieces import in_pieces
from embedsearch.text.stream_writer import StreamWriter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from embedsearch._progress import Progress
    from embedsearch._types import IntVector
    from embedsearch.text.processing import TextProcessor

TokenArray = NDArray[np.int32]
_CHUNK = 1 << 18


class TokenStream:
    """The tokens of a corpus, document by document.

    Attributes:
        types: Distinct tokens in the order of their first appearance; an empty string, of
            count 0, stands for tokens that were too rare to be remembered.
        counts: (len(types),) how often each occurs.
        numbers: (n,) the record's number of each document.
        ends: (n,) where the tokens of each document end.
        tokens: (total,) int32 indexes into `types`, mapped from disk.
    """

    def __init__(
        self, folder: Path, types: Sequence[str], counts: IntVector, documents: IntVector
    ) -> None:
        self.types, self.counts = types, counts
        self.numbers, self.ends = documents[:, 0], documents[:, 1]
        self.tokens = _mapped(tokens_path(folder))

    @property
    def total(self) -> int:
        """Tokens in the corpus."""
        return len(self.tokens)

    def __len__(self) -> int:
        return len(self.ends)

    def document(self, place: int) -> TokenArray:
        """Return the tokens of the document at `place`."""
        start = self.ends[place - 1] if place else 0
        return self.tokens[start : self.ends[place]]

    def blocks(self, size: int = _CHUNK) -> Iterator[tuple[slice, TokenArray, IntVector]]:
        """Yield runs of whole documents of about `size` tokens.

        Yields:
            The places of the documents, their tokens, and the (m + 1,) bounds of each
            document within those tokens.
        """
        first = start = 0
        while first < len(self):
            last = max(int(np.searchsorted(self.ends, start + size, side="right")), first + 1)
            bounds = np.concatenate(([start], self.ends[first:last]))
            yield slice(first, last), self.tokens[start : bounds[-1]], bounds - start
            release(self.tokens)
            first, start = last, int(bounds[-1])


def write_texts(
    folder: Path,
    documents: Iterable[tuple[int, str]],
    processor: TextProcessor,
    progress: Progress | None = None,
    *,
    most_types: int = MOST_TYPES,
) -> TokenStream:
    """Tokenize (number, text) pairs into `folder` and return the stream, mapped.

    Memory does not grow with the length of the text: distinct tokens are forgotten where there
    are too many (`embedsearch.text.numbering`), and their places in the stream then have a
    type that is an empty string. About 200 bytes are needed for a distinct token.

    Args:
        folder: Where the stream is written.
        documents: Read once. A long one is taken in pieces where the tokenizer allows it.
        processor: How text becomes tokens.
        progress: Is told where tokens were forgotten.
        most_types: Distinct tokens that are remembered at a time.
    """
    numbering, edges = Numbering(most_types), processor.edges
    if edges is None:
        writer = StreamWriter(tokens_path(folder), TokenEncoder(processor.process, numbering))
        writer.write((number, (text,)) for number, text in documents)
    else:
        writer = StreamWriter(tokens_path(folder), ChunkEncoder(processor, edges, numbering))
        writer.write((number, in_pieces(text, edges)) for number, text in documents)
    if progress is not None and numbering.threshold:
        progress.note(
            f"more than {most_types:,} distinct words: on the way, those with a count of up to "
            f"{numbering.threshold:,} were forgotten"
        )
    return _opened(folder, writer)


def write_stream(folder: Path, documents: Iterable[tuple[int, list[str]]]) -> TokenStream:
    """Write (number, tokens) pairs into `folder` and return the stream, mapped."""
    encoder: TokenEncoder[list[str]] = TokenEncoder(list, Numbering())
    writer = StreamWriter(tokens_path(folder), encoder)
    writer.write((number, (tokens,)) for number, tokens in documents)
    return _opened(folder, writer)


def _opened(folder: Path, writer: StreamWriter[Any]) -> TokenStream:
    numbering = writer.encoder.numbering
    types = numbering.types()
    return TokenStream(folder, types, numbering.counts[: len(types)], writer.documents)


def tokens_path(folder: Path) -> Path:
    """Return where the tokens of a stream are."""
    return folder / "tokens.i32"


def _mapped(path: Path) -> TokenArray:
    if path.stat().st_size == 0:
        return np.empty(0, dtype=np.int32)
    return np.memmap(path, dtype="<i4", mode="r")

"""Text to token numbers, fast: what stands between spaces is tokenized once, then looked up.

A chunk is what is left of a text between separators, without the marks at its ends
(`embedsearch.text.tokenizers.unicode.Edges`). The tokens of a text are those of its chunks,
so it is enough to run the processor on every distinct chunk. Stems, stop words and accents
then cost nothing more.
"""

from __future__ import annotations

from array import array
from collections.abc import Sized
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from embedsearch._types import IntVector
    from embedsearch.text.numbering import Numbering
    from embedsearch.text.processing import TextProcessor
    from embedsearch.text.tokenizers.unicode import Edges

TokenArray = NDArray[np.int32]
T = TypeVar("T", bound=Sized)
_CHUNKS = 1 << 20


class TokenEncoder(Generic[T]):
    """Turns texts into token numbers one token after the other: exact for every tokenizer.

    Args:
        process: Returns the tokens of a text.
        numbering: Where new tokens get their numbers.
    """

    def __init__(self, process: Callable[[T], list[str]], numbering: Numbering) -> None:
        self.process, self.numbering = process, numbering

    def encode(self, texts: Sequence[T]) -> tuple[TokenArray, IntVector]:
        """Number and count the tokens of `texts`.

        Returns:
            The numbers of all tokens, and (len(texts),) where those of each text end. Both
            are good until the next call.
        """
        ids, ends, numbering = array("i"), list[int](), self.numbering
        for text in texts:
            ids.extend([numbering[token] for token in self.process(text)])
            ends.append(len(ids))
        tokens = np.frombuffer(ids, np.intc).astype(np.int32, copy=False)
        numbering.count(tokens)
        return tokens, np.asarray(ends, np.int64)

    def reset(self) -> None:
        """Remember no numbers; must be called when the numbering has forgotten some."""


class ChunkEncoder(TokenEncoder[str]):
    """Turns texts into token numbers by way of chunks.

    Args:
        processor: Returns the tokens of a chunk.
        edges: Those of the processor.
        numbering: Where new tokens get their numbers.
        most: Distinct chunks that are remembered; then it starts anew. 36 bytes each,
            a power of 2.
    """

    def __init__(
        self, processor: TextProcessor, edges: Edges, numbering: Numbering, most: int = _CHUNKS
    ) -> None:
        super().__init__(processor.process, numbering)
        self._word = processor.word
        self._kinds = _kinds(edges)
        self._spelling = _spelling(lowercase=processor.settings.lowercase)
        self._most = most
        self._arena = np.zeros(16 * most, np.uint8)
        self._bounds = np.zeros(most + 1, np.int32)
        self._chunks, self._found = np.zeros(0, np.int32), np.zeros((0, 2), np.int64)
        self._out = np.zeros(0, np.int32)
        self.reset()

    def reset(self) -> None:
        """Forget all chunks."""
        self._table = np.zeros(2 * self._most, np.uint64)
        self._state = np.zeros(2, np.int64)
        self._firsts, self._ids = array("q", [0]), array("i")

    def encode(self, texts: Sequence[str]) -> tuple[TokenArray, IntVector]:
        """See `TokenEncoder.encode`."""
        parts = [text.encode("utf-8", "surrogatepass") for text in texts]
        block = b"".join(parts)
        if not self._make_room(block, len(parts)):
            return super().encode(texts)
        chunk_ends = self._cut(block, np.cumsum([len(part) for part in parts], dtype=np.int64))
        self._resolve(block)
        return self._expand(chunk_ends)

    def _make_room(self, block: bytes, parts: int) -> bool:
        """Say whether the block fits, if need be after forgetting all chunks."""
        most = len(block) // 2 + parts
        if most >= len(self._bounds) or len(block) > len(self._arena):
            return False
        count = int(self._state[0])
        used = int(self._bounds[count])
        if count + most >= len(self._bounds) or used + len(block) > len(self._arena):
            self.reset()
        if most > len(self._chunks):
            self._chunks, self._found = np.empty(most, np.int32), np.empty((most, 2), np.int64)
        return True

    def _cut(self, block: bytes, ends: IntVector) -> IntVector:
        from embedsearch.kernels.chunks import cut

        chunk_ends = np.empty(len(ends), np.int64)
        cut(
            np.frombuffer(block, np.uint8),
            ends,
            self._kinds,
            self._spelling,
            self._table,
            self._arena,
            self._bounds,
            self._state,
            self._chunks,
            chunk_ends,
            self._found,
        )
        return chunk_ends

    def _resolve(self, block: bytes) -> None:
        """Find the tokens of the chunks that are new."""
        ids, firsts, numbering = self._ids, self._firsts, self.numbering
        process, word = self.process, self._word
        for first, last in self._found[: self._state[1]].tolist():
            chunk = block[first:last]
            if chunk.isalnum():
                token = word(chunk.decode("ascii"))
                if token:
                    ids.append(numbering[token])
            else:
                tokens = process(chunk.decode("utf-8", "surrogatepass"))
                ids.extend([numbering[token] for token in tokens])
            firsts.append(len(ids))

    def _expand(self, chunk_ends: IntVector) -> tuple[TokenArray, IntVector]:
        from embedsearch.kernels.chunks import expand, tally

        firsts = np.frombuffer(self._firsts, np.int64)
        ids = np.frombuffer(self._ids, np.intc)
        ends = np.empty(len(chunk_ends), np.int64)
        while (size := expand(self._chunks, chunk_ends, firsts, ids, self._out, ends)) > len(
            self._out
        ):
            self._out = np.empty(2 * size, np.int32)
        self.numbering.make_room()
        tally(self._out[:size], self.numbering.counts)
        return self._out[:size], ends


def _kinds(edges: Edges) -> NDArray[np.uint8]:
    from embedsearch.kernels.chunks import LEADING, SEPARATOR, TRAILING

    kinds = np.zeros(256, np.uint8)
    for characters, kind in zip(edges, (SEPARATOR, LEADING, TRAILING), strict=True):
        kinds[list(characters.encode("ascii"))] |= kind
    return kinds


def _spelling(*, lowercase: bool) -> NDArray[np.uint8]:
    """Return (512,): ASCII may be lowered byte by byte, other text is left to the processor."""
    kept = bytes(range(256))
    return np.array([*(kept.lower() if lowercase else kept), *kept], np.uint8)

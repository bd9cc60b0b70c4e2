"""Writes token streams: texts are tokenized, each distinct token gets an id, ids go to disk.

Tokenizing is fast because what stands between spaces is tokenized once, and then looked up. A
chunk is what is left of a text between separators, without the marks at its ends
(`embedsearch.text.tokenizers.Edges`). The tokens of a text are those of its chunks, so it is
enough to run the processor on every distinct chunk; stems, stop words and accents then cost
nothing more.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Sized
from functools import cache
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from embedsearch.text.stream import TokenArray, TokenStream, tokens_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path
    from typing import BinaryIO

    from numpy.typing import NDArray

    from embedsearch._progress import Progress
    from embedsearch._types import IntVector
    from embedsearch.text.tokenizers import Edges, TextProcessor

T = TypeVar("T", bound=Sized)

MAX_TYPES = 2_000_000
"""Distinct tokens that are remembered; about 200 bytes each."""

PIECE = 1 << 18
"""Characters of a long text that are tokenized at a time, and of short ones together."""

# The more are left, the better are the counts, and the sooner it is time to prune again.
_LEFT_AFTER_PRUNING = 0.75
# 38 MB of memory.
_CHUNKS = 1 << 20
# Tokens that are read and written again at a time: 4 MB.
_REWRITTEN = 1 << 20


def write_texts(
    folder: Path,
    documents: Iterable[tuple[int, str]],
    processor: TextProcessor,
    progress: Progress | None = None,
    *,
    max_types: int = MAX_TYPES,
    block: int = PIECE,
) -> TokenStream:
    """Tokenize (id, text) pairs into `folder` and return the stream, mapped.

    Memory does not grow with the length of the text: distinct tokens are forgotten if there
    are too many (`TokenIds`), and their places in the stream then have a type that is an empty
    string.
    """
    ids, edges = TokenIds(max_types), processor.edges
    if edges is None:
        writer = _StreamWriter(tokens_path(folder), TokenEncoder(processor.process, ids), block)
        writer.write((number, (text,)) for number, text in documents)
    else:
        writer = _StreamWriter(tokens_path(folder), ChunkEncoder(processor, edges, ids), block)
        writer.write((number, split_text(text, edges)) for number, text in documents)
    if progress is not None and ids.threshold:
        progress.note(
            f"more than {max_types:,} distinct words: on the way, those with a count of up to "
            f"{ids.threshold:,} were forgotten"
        )
    return writer.stream(folder)


def write_stream(folder: Path, documents: Iterable[tuple[int, list[str]]]) -> TokenStream:
    """Write (id, tokens) pairs into `folder` and return the stream, mapped."""
    encoder: TokenEncoder[list[str]] = TokenEncoder(list, TokenIds())
    writer = _StreamWriter(tokens_path(folder), encoder)
    writer.write((number, (tokens,)) for number, tokens in documents)
    return writer.stream(folder)


def split_text(text: str, edges: Edges, size: int = PIECE) -> Iterator[str]:
    """Yield `text` in pieces of about `size` characters, cut between tokens; at least one.

    A run that is longer than that, and has no separator, stays whole.
    """
    start = 0
    while len(text) - start > size:
        # Searching backwards for the usual separators is much faster than a pattern.
        end = max(text.rfind(" ", start, start + size), text.rfind("\n", start, start + size))
        if end <= start:
            found = _any_of(edges.separators).search(text, start + size)
            end = found.start() if found else len(text)
        yield text[start:end]
        start = end
    yield text[start:]


@cache
def _any_of(characters: str) -> re.Pattern[str]:
    return re.compile(f"[{re.escape(characters)}]")


class TokenIds(dict[str, int]):
    """Gives each new token an id, counts it, and forgets the rarest if there are too many.

    As in word2vec.c (`ReduceVocab`), all tokens go that were seen no more often than a
    threshold; here it is the lowest that leaves three quarters of the limit. An id that has
    become free is used again.
    """

    def __init__(self, limit: int = MAX_TYPES) -> None:
        super().__init__()
        # The highest count of a token that was forgotten, and how many ids are in use.
        self.limit, self.threshold, self.size = limit, 0, 0
        # By id; only the first `size` are in use.
        self.counts: IntVector = np.zeros(1 << 12, np.int64)
        # The place in the stream from which on an id has its present meaning.
        self.since: IntVector | None = None
        self._free: list[int] = []

    def __missing__(self, token: str) -> int:
        if self._free:
            number = self._free.pop()
        else:
            number, self.size = self.size, self.size + 1
        self[token] = number
        return number

    @property
    def unknown(self) -> int:
        """The id of all tokens that were forgotten."""
        return self.size

    def grow_counts(self) -> None:
        """Lengthen `counts` so that it has a place for every id, and for `unknown`."""
        if self.size >= len(self.counts):
            longer = np.zeros(2 * self.size + 1, np.int64)
            longer[: len(self.counts)] = self.counts
            self.counts = longer

    def count(self, ids: NDArray[np.int32]) -> None:
        """Count occurrences."""
        self.grow_counts()
        found = np.bincount(ids)
        self.counts[: len(found)] += found

    def prune(self, place: int) -> bool:
        """Forget the rarest tokens beyond the limit; return whether ids have become invalid."""
        if len(self) <= self.limit:
            return False
        self.grow_counts()
        counts = self.counts[np.fromiter(self.values(), np.int64, len(self))]
        excess = len(self) - int(_LEFT_AFTER_PRUNING * self.limit)
        self._forget(int(np.partition(counts, excess - 1)[excess - 1]), place)
        return True

    def _forget(self, threshold: int, place: int) -> None:
        self.threshold = max(self.threshold, threshold)
        rare = [token for token, number in self.items() if self.counts[number] <= threshold]
        freed = [self.pop(token) for token in rare]
        since = np.zeros(self.size, np.int64)
        if self.since is not None:
            since[: len(self.since)] = self.since
        since[freed] = place
        self.since = since
        self.counts[freed] = 0
        self._free += freed

    def types(self) -> list[str]:
        """Return the tokens by id; an empty string for those that were forgotten."""
        types = [""] * (self.size + (self.since is not None))
        for token, number in self.items():
            types[number] = token
        return types


class TokenEncoder(Generic[T]):
    """Turns texts into token ids one token after the other: exact for every tokenizer."""

    def __init__(self, process: Callable[[T], list[str]], ids: TokenIds) -> None:
        self.process, self.ids = process, ids

    def encode(self, texts: Sequence[T]) -> tuple[TokenArray, IntVector]:
        """Count all tokens; return their ids, and each text's end, valid until the next call."""
        found, ends, ids = array("i"), list[int](), self.ids
        for text in texts:
            found.extend([ids[token] for token in self.process(text)])
            ends.append(len(found))
        tokens = np.frombuffer(found, np.intc).astype(np.int32, copy=False)
        ids.count(tokens)
        return tokens, np.asarray(ends, np.int64)

    def reset(self) -> None:
        """Remember no ids; must be called after tokens were forgotten."""


class ChunkEncoder(TokenEncoder[str]):
    """Turns texts into token ids by way of chunks; of more than `max_chunks` it forgets all."""

    def __init__(
        self, processor: TextProcessor, edges: Edges, ids: TokenIds, max_chunks: int = _CHUNKS
    ) -> None:
        super().__init__(processor.process, ids)
        self._word = processor.word
        self._kinds = _kinds(edges)
        self._spelling = _spelling(lowercase=processor.settings.lowercase)
        self._max_chunks = max_chunks
        # The bytes of all chunks (a power of 2), one after another, and where each ends.
        self._arena = np.zeros(16 * max_chunks, np.uint8)
        self._bounds = np.zeros(max_chunks + 1, np.int32)
        self._chunks, self._new = np.zeros(0, np.int32), np.zeros((0, 2), np.int64)
        self._out = np.zeros(0, np.int32)
        self.reset()

    def reset(self) -> None:
        """Forget all chunks."""
        # Half full at most, so that the kernel finds a free slot soon.
        self._table = np.zeros(2 * self._max_chunks, np.uint64)
        self._state = np.zeros(2, np.int64)
        self._firsts, self._token_ids = array("q", [0]), array("i")

    def encode(self, texts: Sequence[str]) -> tuple[TokenArray, IntVector]:
        """Do what `TokenEncoder.encode` does."""
        parts = [text.encode("utf-8", "surrogatepass") for text in texts]
        block = b"".join(parts)
        if not self._fits(block, len(parts)):
            return super().encode(texts)
        chunk_ends = self._cut(block, np.cumsum([len(part) for part in parts], dtype=np.int64))
        self._tokenize_new(block)
        return self._expand(chunk_ends)

    def _fits(self, block: bytes, parts: int) -> bool:
        """Return whether the block fits, if need be after forgetting all chunks."""
        most = len(block) // 2 + parts
        if most >= len(self._bounds) or len(block) > len(self._arena):
            return False
        count = int(self._state[0])
        used = int(self._bounds[count])
        if count + most >= len(self._bounds) or used + len(block) > len(self._arena):
            self.reset()
        if most > len(self._chunks):
            self._chunks, self._new = np.empty(most, np.int32), np.empty((most, 2), np.int64)
        return True

    def _cut(self, block: bytes, ends: IntVector) -> IntVector:
        from embedsearch.kernels.chunks import Alphabet, ChunkTable, TextChunks, Texts, cut

        chunk_ends = np.empty(len(ends), np.int64)
        cut(
            Texts(np.frombuffer(block, np.uint8), ends),
            Alphabet(self._kinds, self._spelling),
            ChunkTable(self._table, self._arena, self._bounds, self._state),
            TextChunks(self._chunks, chunk_ends, self._new),
        )
        return chunk_ends

    def _tokenize_new(self, block: bytes) -> None:
        found, firsts, ids = self._token_ids, self._firsts, self.ids
        process, word = self.process, self._word
        for first, last in self._new[: self._state[1]].tolist():
            chunk = block[first:last]
            if chunk.isalnum():
                token = word(chunk.decode("ascii"))
                if token:
                    found.append(ids[token])
            else:
                tokens = process(chunk.decode("utf-8", "surrogatepass"))
                found.extend([ids[token] for token in tokens])
            firsts.append(len(found))

    def _expand(self, chunk_ends: IntVector) -> tuple[TokenArray, IntVector]:
        from embedsearch.kernels.chunks import expand, tally

        firsts = np.frombuffer(self._firsts, np.int64)
        ids = np.frombuffer(self._token_ids, np.intc)
        ends = np.empty(len(chunk_ends), np.int64)
        while (size := expand(self._chunks, chunk_ends, firsts, ids, self._out, ends)) > len(
            self._out
        ):
            self._out = np.empty(2 * size, np.int32)
        self.ids.grow_counts()
        tally(self._out[:size], self.ids.counts)
        return self._out[:size], ends


def _kinds(edges: Edges) -> NDArray[np.uint8]:
    from embedsearch.kernels.chunks import LEADING, SEPARATOR, TRAILING

    kinds = np.zeros(256, np.uint8)
    for characters, kind in zip(edges, (SEPARATOR, LEADING, TRAILING), strict=True):
        kinds[list(characters.encode("ascii"))] |= kind
    return kinds


def _spelling(*, lowercase: bool) -> NDArray[np.uint8]:
    """Return (512,): ASCII may be lowered byte by byte, other text is left to the processor."""
    same = bytes(range(256))
    return np.array([*(same.lower() if lowercase else same), *same], np.uint8)


class _StreamWriter(Generic[T]):
    """Gathers pieces of documents into blocks, and writes the ids of their tokens."""

    def __init__(self, path: Path, encoder: TokenEncoder[T], block: int = PIECE) -> None:
        self._path, self._encoder, self._block, self._total = path, encoder, block, 0
        # For each document its internal key in the store, and where its tokens end.
        self._documents = array("q")
        self._waiting: list[T] = []
        self._last_pieces: list[tuple[int, int]] = []

    def write(self, documents: Iterable[tuple[int, Iterable[T]]]) -> None:
        """Write documents, each its id and its pieces, one or more."""
        size = 0
        with self._path.open("wb") as file:
            for number, pieces in documents:
                for piece in pieces:
                    if size + len(piece) > self._block and self._waiting:
                        self._flush(file)
                        size = 0
                    self._waiting.append(piece)
                    size += len(piece)
                self._last_pieces.append((len(self._waiting) - 1, number))
            self._flush(file)
        self._erase_forgotten()

    def stream(self, folder: Path) -> TokenStream:
        """Return what was written, mapped."""
        types = self._encoder.ids.types()
        documents = np.asarray(self._documents, np.int64).reshape(-1, 2)
        return TokenStream(folder, types, self._encoder.ids.counts[: len(types)], documents)

    def _flush(self, file: BinaryIO) -> None:
        ids, ends = self._encoder.encode(self._waiting)
        file.write(np.ascontiguousarray(ids, "<i4").data)
        for piece, number in self._last_pieces:
            self._documents.extend((number, self._total + int(ends[piece])))
        self._total += len(ids)
        self._waiting.clear()
        self._last_pieces.clear()
        if self._encoder.ids.prune(self._total):
            self._encoder.reset()

    def _erase_forgotten(self) -> None:
        """Write the id for unknown tokens wherever one had an id that was used again."""
        ids = self._encoder.ids
        if ids.since is None:
            return
        since = np.append(ids.since, np.zeros(ids.size - len(ids.since), np.int64))
        # Not mapped: that would bring the whole file into memory.
        with self._path.open("r+b") as file:
            for start in range(0, self._total, _REWRITTEN):
                block = np.fromfile(file, "<i4", _REWRITTEN)
                places = np.arange(start, start + len(block))
                block[since[block] > places] = ids.unknown
                file.seek(4 * start)
                file.write(block.data)
                file.flush()

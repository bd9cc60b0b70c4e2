"""Collocations such as `new_york`: found in a corpus, and joined in texts and token streams.

With them goes the lexicon that the corpus was cut by, if it has scripts without spaces.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from embedsearch._errors import VectorError
from embedsearch._messages import counted
from embedsearch.text.lexicon import Lexicon, LexiconWord
from embedsearch.text.settings import MOST_CONNECTORS
from embedsearch.text.stream import TokenArray, TokenStream, tokens_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from embedsearch._progress import Progress
    from embedsearch._types import IntVector
    from embedsearch.text.settings import PhraseSettings

DELIMITER = "_"
MOST_BETWEEN = 2
"""Connectors between two words; the keys of the kernel have room for so many."""
_HEADER = "pass\tphrase\tcount\tscore"
STRETCH = 1 << 20
"""Tokens that are looked at together."""
# Slots have 12 bytes each; five of eight are filled at most.
_MOST_SLOTS = 1 << 23
_LEAST_SLOTS = 1 << 10


@dataclass(frozen=True, slots=True)
class Phrase:
    """Tokens that become one."""

    words: tuple[str, ...]  # the first, up to two connectors, and the last
    count: int
    score: float  # by `PhraseSettings.scoring`

    @property
    def joined(self) -> str:
        """The token that they become."""
        return DELIMITER.join(self.words)


class PhraseTable:
    """The phrases of a corpus, and the lexicon that it was cut by; the length counts phrases.

    Each pass goes through a document from the left and joins what it finds; what is joined
    takes no more part in that pass. It is what gensim's `FrozenPhrases` does.
    """

    def __init__(
        self, passes: Iterable[Iterable[Phrase]] = (), lexicon: Lexicon | None = None
    ) -> None:
        self.passes = tuple(tuple(phrases) for phrases in passes)
        self.lexicon = Lexicon() if lexicon is None else lexicon

    @classmethod
    def of_rows(cls, rows: Iterable[tuple[int, Phrase]]) -> PhraseTable:
        """Make a table of phrases with their passes, and of words of the lexicon with a 0."""
        passes: dict[int, list[Phrase]] = {}
        for number, phrase in rows:
            passes.setdefault(number, []).append(phrase)
        words = [LexiconWord(w.joined, w.count, w.score) for w in passes.pop(0, ())]
        return cls((passes[number] for number in sorted(passes)), Lexicon(words))

    def __len__(self) -> int:
        return sum(map(len, self.passes))

    def apply(self, tokens: Sequence[str]) -> list[str]:
        """Return the tokens of one document with phrases joined."""
        joined = list(tokens)
        for joiner in self._joiners:
            joined = joiner.join(joined)
        return joined

    @cached_property
    def _joiners(self) -> tuple[_WordJoiner, ...]:
        return tuple(map(_WordJoiner, self.passes))

    def save(self, path: Path) -> None:
        """Write a heading, then a line for each phrase: pass, words, count and score.

        The words of the lexicon come first, as of a pass 0, with their costs.
        """
        with path.open("w", encoding="utf-8", newline="\n") as file:
            file.write(_HEADER + "\n")
            words = self.lexicon.words
            file.writelines(f"0\t{w.text}\t{w.count}\t{w.cost:.6g}\n" for w in words)
            for number, phrases in enumerate(self.passes, start=1):
                file.writelines(
                    f"{number}\t{' '.join(p.words)}\t{p.count}\t{p.score:.6g}\n" for p in phrases
                )

    @classmethod
    def load(cls, path: Path) -> PhraseTable:
        """Read what `save` wrote."""
        text = path.read_text(encoding="utf-8")
        if text and not text.endswith("\n"):
            raise VectorError(f"{path}: its end is missing")
        header, *lines = text.split("\n")[:-1] or [""]
        if header != _HEADER:
            raise VectorError(f"{path}, line 1: not the heading of a table of phrases")
        rows, last = list[tuple[int, Phrase]](), 0
        for row, line in enumerate(lines, start=2):
            number, phrase = _parsed(line, f"{path}, line {row}")
            if not last <= number <= last + 1:
                raise VectorError(f"{path}, line {row}: pass {number} is out of order")
            last = number
            rows.append((number, phrase))
        table = cls.of_rows(rows)
        if any(len(_WordJoiner(each).connectors) > MOST_CONNECTORS for each in table.passes):
            raise VectorError(f"{path}: more than {MOST_CONNECTORS} words inside phrases")
        return table

    @staticmethod
    def parsed(line: bytes) -> tuple[int, Phrase] | None:
        """Read a line that `save` wrote: the pass, or 0, and the phrase; None for any other."""
        try:
            return _parsed(line.decode("utf-8"), "")
        except (VectorError, UnicodeDecodeError):
            return None


def _parsed(line: str, place: str) -> tuple[int, Phrase]:
    fields = line.split("\t")
    try:
        number, words, count, score = fields
        phrase = Phrase(tuple(words.split(" ")), int(count), float(score))
        least, most = (1, 1) if number == "0" else (2, 2 + MOST_BETWEEN)
        valid = least <= len(phrase.words) <= most and all(phrase.words)
        if valid and phrase.count > 0 and math.isfinite(phrase.score):
            return int(number), phrase
    except ValueError:
        pass
    raise VectorError(f"{place}: not pass, words, count and score of a phrase")


class _WordJoiner:
    """Joins the phrases of one pass in lists of words."""

    def __init__(self, phrases: Sequence[Phrase]) -> None:
        self.joined = {phrase.words: phrase.joined for phrase in phrases}
        self.connectors = {word for words in self.joined for word in words[1:-1]}
        self._firsts = {words[0] for words in self.joined}

    def join(self, tokens: list[str]) -> list[str]:
        if self._firsts.isdisjoint(tokens):
            return tokens
        out: list[str] = []
        start = -1
        for token in tokens:
            out.append(token)
            if token in self.connectors:
                start = start if start >= 0 and len(out) - start <= 1 + MOST_BETWEEN else -1
            elif start >= 0 and (joined := self.joined.get(tuple(out[start:]))):
                out[start:] = [joined]
                start = -1
            else:
                start = len(out) - 1
        return out


def find_phrases(
    stream: TokenStream,
    settings: PhraseSettings,
    progress: Progress | None = None,
    *,
    slots: int = _MOST_SLOTS,
    stretch: int = STRETCH,
) -> PhraseTable:
    """Find the collocations of a corpus, the most frequent of each pass first.

    Pairs are counted exactly. If there are more than the table of counts can hold, they are
    counted in parts, each in a reading of the stream of its own.
    """
    table = PhraseTable()
    for _ in range(settings.passes):
        phrases = _Search(_StreamJoiner(table, stream, stretch), settings, slots).run()
        if not phrases:
            break
        table = PhraseTable((*table.passes, phrases))
    if progress is not None:
        progress.note(_described(table))
    return table


def _described(table: PhraseTable) -> str:
    if not table:
        return "no phrases were found"
    examples = ", ".join(phrase.joined for phrase in table.passes[0][:3])
    return f"{counted(len(table), 'phrase')} found, such as {examples}"


def with_phrases(
    stream: TokenStream, settings: PhraseSettings, folder: Path, progress: Progress
) -> tuple[TokenStream, PhraseTable]:
    """Find the phrases of a stream, and write it with them joined into a folder of `folder`."""
    table = find_phrases(stream, settings, progress)
    joined = folder / "phrases"
    joined.mkdir()
    return rewrite(table, stream, joined), table


def rewrite(
    table: PhraseTable, stream: TokenStream, folder: Path, *, stretch: int = STRETCH
) -> TokenStream:
    """Write a stream with phrases joined into another folder, and return it, mapped.

    Types keep their ids, and a word may be left with a count of none; phrases come after them.
    """
    joiner = _StreamJoiner(table, stream, stretch)
    counts = np.zeros(len(joiner.types), np.int64)
    ends, total = array("q"), 0
    with tokens_path(folder).open("wb") as file:
        for tokens, places in joiner.stretches():
            file.write(tokens.astype("<i4", copy=False).data)
            joiner.add_counts(counts, tokens)
            ends.frombytes((places + total).astype(np.int64).tobytes())
            total += len(tokens)
    documents = np.stack((stream.numbers, np.asarray(ends, np.int64)), axis=1)
    return TokenStream(folder, joiner.types, counts, documents)


class _StreamJoiner:
    """Joins the phrases of a table in a stream, stretch by stretch, with ids in place of words."""

    def __init__(self, table: PhraseTable, stream: TokenStream, stretch: int) -> None:
        self._stream, self._stretch = stream, stretch
        ids = {token: number for number, token in enumerate(stream.types) if token}
        types = list(stream.types)
        for phrase in chain.from_iterable(table.passes):
            if phrase.joined not in ids:
                ids[phrase.joined] = len(types)
                types.append(phrase.joined)
        # The phrases come behind the types of the stream.
        self.types: Sequence[str] = types
        self._is_known = np.fromiter(map(bool, types), bool, len(types))
        self._passes = [_IdJoiner(phrases, ids, len(types)) for phrases in table.passes]
        self._in_no_phrase = np.ones(len(types), bool)
        for joiner in self._passes:
            self._in_no_phrase &= joiner.kinds < 0

    def stretches(self) -> Iterator[tuple[TokenArray, IntVector]]:
        """Yield the joined tokens of each stretch, and where documents end in it."""
        ends, start, first = self._stream.ends, 0, 0
        while start < self._stream.total or first < len(ends):
            stop = self._border(start)
            last = int(np.searchsorted(ends, stop, side="right"))
            tokens, places = np.array(self._stream.tokens[start:stop]), ends[first:last] - start
            for joiner in self._passes:
                tokens = joiner.join(tokens, places)
            yield tokens, places
            start, first = stop, last

    def add_counts(self, counts: IntVector, tokens: TokenArray) -> None:
        """Add the tokens of a stretch to `counts`; those that were forgotten count nothing."""
        found = np.bincount(tokens, minlength=len(counts))
        counts += np.where(self._is_known, found, 0)

    def _border(self, start: int) -> int:
        """Return where a stretch may end: at a document's end, or after a word of no phrase."""
        stream = self._stream
        stop = start + self._stretch
        while stop < stream.total:
            outside = np.flatnonzero(self._in_no_phrase[stream.tokens[start:stop]])
            place = int(np.searchsorted(stream.ends, stop, side="right"))
            end = int(stream.ends[place - 1]) if place else 0
            border = max(end, start + int(outside[-1]) + 1 if len(outside) else 0)
            if border > start:
                return border
            stop += self._stretch
        return stream.total


class _IdJoiner:
    """Joins the phrases of one pass in arrays of ids."""

    def __init__(self, phrases: Sequence[Phrase], ids: dict[str, int], types: int) -> None:
        known = [p for p in phrases if all(word in ids for word in p.words)]
        between = sorted({word for phrase in known for word in phrase.words[1:-1]})
        connectors = {word: place for place, word in enumerate(between, start=1)}
        self.base = len(connectors) + 1
        # -1 for words of no phrase, 0 for those that begin or end one, else which connector.
        self.kinds = np.full(types, -1, np.int16)
        for phrase in known:
            self.kinds[[ids[phrase.words[0]], ids[phrase.words[-1]]]] = 0
        for word, place in connectors.items():
            self.kinds[ids[word]] = place
        keys = [self._key(phrase, ids, connectors) for phrase in known]
        self._fill(np.asarray(keys, np.int64), [ids[phrase.joined] for phrase in known])

    def _key(self, phrase: Phrase, ids: dict[str, int], connectors: dict[str, int]) -> int:
        gap = 0
        for word in phrase.words[1:-1]:
            gap = gap * self.base + connectors[word]
        first, second = ids[phrase.words[0]], ids[phrase.words[-1]]
        return (first * len(self.kinds) + second) * self.base**2 + gap

    def _fill(self, keys: IntVector, joined: Sequence[int]) -> None:
        from embedsearch.kernels.phrases import KeyTable, fill

        size = 1 << (2 * len(keys) + 1).bit_length()
        self._table = KeyTable(np.zeros(size, np.int64), np.zeros(size, np.int32))
        fill(keys, np.asarray(joined, np.int32), self._table)

    def join(self, tokens: TokenArray, ends: IntVector) -> TokenArray:
        """Join phrases in place; `ends` moves along."""
        from embedsearch.kernels.phrases import WordKinds, join

        size = join(tokens, ends, WordKinds(self.kinds, self.base), self._table)
        return tokens[:size]


class _Search:
    """One pass: candidates are counted, scored and chosen."""

    def __init__(self, joiner: _StreamJoiner, settings: PhraseSettings, slots: int) -> None:
        self._joiner, self._settings = joiner, settings
        self._counts = np.zeros(len(joiner.types), np.int64)
        self._total = 0
        for tokens, _ in joiner.stretches():
            joiner.add_counts(self._counts, tokens)
            self._total += len(tokens)
        self._slots = min(max(1 << (2 * self._total).bit_length(), _LEAST_SLOTS), slots)
        ids = {token: number for number, token in enumerate(joiner.types)}
        self._connectors = sorted(word for word in set(settings.connectors) if word in ids)
        self._base = len(self._connectors) + 1
        self._kinds = np.where(self._counts >= settings.min_count, 0, -1).astype(np.int16)
        for place, word in enumerate(self._connectors, start=1):
            self._kinds[ids[word]] = place

    def run(self) -> list[Phrase]:
        """Return the phrases, the most frequent first."""
        chosen: list[Phrase] = []
        parts = [(0, 1)]
        while parts:
            part, of = parts.pop()
            candidates = self._count(part, of)
            if candidates is None:
                parts += [(part, 2 * of), (part + of, 2 * of)]
            else:
                chosen += self._chosen(*candidates)
        return sorted(chosen, key=lambda phrase: (-phrase.count, phrase.words))

    def _count(self, part: int, parts: int) -> tuple[IntVector, IntVector] | None:
        """Return keys and counts of the frequent pairs of a part; None if the table is full."""
        from embedsearch.kernels.phrases import KeyTable, Part, WordKinds, count

        words = WordKinds(self._kinds, self._base)
        table = KeyTable(np.zeros(self._slots, np.int64), np.zeros(self._slots, np.int32))
        state = np.array([-1, 0, 0])
        for tokens, ends in self._joiner.stretches():
            if not count(tokens, ends, words, Part(part, parts), table, state):
                return None
        keys, counts = table
        frequent = np.flatnonzero(counts >= self._settings.min_count)
        return keys[frequent] - 1, counts[frequent].astype(np.int64)

    def _chosen(self, keys: IntVector, counts: IntVector) -> list[Phrase]:
        words, gaps = np.divmod(keys, self._base**2)
        firsts, seconds = np.divmod(words, len(self._kinds))
        scores = self._scores(self._counts[firsts], self._counts[seconds], counts)
        passing = np.flatnonzero(scores > self._settings.least_score)
        columns = (each[passing].tolist() for each in (firsts, seconds, gaps, counts, scores))
        types = self._joiner.types
        return [
            Phrase((types[a], *self._between(gap), types[b]), n, score)
            for a, b, gap, n, score in zip(*columns, strict=True)
        ]

    def _between(self, gap: int) -> Sequence[str]:
        places = [place for place in divmod(gap, self._base) if place]
        return [self._connectors[place - 1] for place in places]

    def _scores(self, a: IntVector, b: IntVector, ab: IntVector) -> NDArray[np.float64]:
        pa, pb, pab = a / self._total, b / self._total, ab / self._total
        if self._settings.scoring == "default":
            return (ab - self._settings.min_count) / self._total / (pa * pb)
        scores: NDArray[np.float64] = np.log(pab / (pa * pb)) / -np.log(pab)
        return scores

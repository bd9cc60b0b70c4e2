"""Collocations such as `new_york`: a table of them, applied to tokens and to streams."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from embedsearch._errors import VectorError
from embedsearch.text.phrase_settings import MOST_CONNECTORS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from embedsearch.text.stream import TokenStream

DELIMITER = "_"
MOST_BETWEEN = 2
_HEADER = "pass\tphrase\tcount\tscore"


@dataclass(frozen=True, slots=True)
class Phrase:
    """Tokens that become one.

    Attributes:
        words: The first, up to two connectors, and the last.
        count: How often they follow each other in the corpus.
        score: See `embedsearch.text.phrase_settings`.
    """

    words: tuple[str, ...]
    count: int
    score: float

    @property
    def joined(self) -> str:
        """The token that they become."""
        return DELIMITER.join(self.words)


class PhraseTable:
    """The phrases of a corpus.

    Each pass goes through a document from the left and joins what it finds; what is joined
    takes no more part in that pass. It is what gensim's `FrozenPhrases` does.

    Args:
        passes: The phrases of each pass.
    """

    def __init__(self, passes: Iterable[Iterable[Phrase]] = ()) -> None:
        self.passes = tuple(tuple(phrases) for phrases in passes)

    def __len__(self) -> int:
        return sum(map(len, self.passes))

    def apply(self, tokens: Sequence[str]) -> list[str]:
        """Return the tokens of one document with phrases joined."""
        joined = list(tokens)
        for pairs in self._pairs:
            joined = pairs.apply(joined)
        return joined

    def rewrite(self, stream: TokenStream, folder: Path) -> TokenStream:
        """Write the stream with phrases joined into another folder, and return it, mapped.

        Types keep their numbers; the phrases come after them. Counts are those of the new
        stream, so a word may be left with none.
        """
        from embedsearch.text.phrase_rewriting import rewrite

        return rewrite(self, stream, folder)

    @staticmethod
    def parsed(line: bytes) -> tuple[int, Phrase] | None:
        """Read a line that `save` wrote: the pass and the phrase; None for any other."""
        try:
            return _parsed(line.decode("utf-8"), "")
        except (VectorError, UnicodeDecodeError):
            return None

    @cached_property
    def _pairs(self) -> tuple[_Pairs, ...]:
        return tuple(map(_Pairs, self.passes))

    def save(self, path: Path) -> None:
        """Write a heading, then a line for each phrase: pass, words, count and score."""
        with path.open("w", encoding="utf-8", newline="\n") as file:
            file.write(_HEADER + "\n")
            for number, phrases in enumerate(self.passes, start=1):
                file.writelines(
                    f"{number}\t{' '.join(p.words)}\t{p.count}\t{p.score:.6g}\n" for p in phrases
                )

    @classmethod
    def load(cls, path: Path) -> PhraseTable:
        """Read what `save` wrote.

        Raises:
            VectorError: A line is not a phrase.
        """
        header, *lines = path.read_text(encoding="utf-8").split("\n")[:-1] or [""]
        if header != _HEADER:
            raise VectorError(f"{path}, line 1: not the heading of a table of phrases")
        passes: list[list[Phrase]] = []
        for row, line in enumerate(lines, start=2):
            number, phrase = _parsed(line, f"{path}, line {row}")
            if number == len(passes) + 1:
                passes.append([])
            if number != len(passes):
                raise VectorError(f"{path}, line {row}: pass {number} is out of order")
            passes[-1].append(phrase)
        table = cls(passes)
        if any(len(pairs.connectors) > MOST_CONNECTORS for pairs in table._pairs):
            raise VectorError(f"{path}: more than {MOST_CONNECTORS} words inside phrases")
        return table


class _Pairs:
    """The phrases of one pass, to be looked up."""

    def __init__(self, phrases: Sequence[Phrase]) -> None:
        self.joined = {phrase.words: phrase.joined for phrase in phrases}
        self.connectors = {word for words in self.joined for word in words[1:-1]}
        self._firsts = {words[0] for words in self.joined}

    def apply(self, tokens: list[str]) -> list[str]:
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


def _parsed(line: str, place: str) -> tuple[int, Phrase]:
    fields = line.split("\t")
    try:
        number, words, count, score = fields
        phrase = Phrase(tuple(words.split(" ")), int(count), float(score))
        valid = 2 <= len(phrase.words) <= 2 + MOST_BETWEEN and all(phrase.words)
        if valid and phrase.count > 0:
            return int(number), phrase
    except ValueError:
        pass
    raise VectorError(f"{place}: not pass, words, count and score of a phrase")

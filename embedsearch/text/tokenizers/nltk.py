"""NLTK's tokenizers that work without downloaded data; NLTK is imported on the first text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

from embedsearch._errors import InputError, ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# NLTK gives a call five seconds, so a long text is handed over in pieces.
PIECE = 100_000
_PIECES = re.compile(rf"[\s\S]{{1,{PIECE}}}(?=\s|\Z)|\s*\S+")
_SENTENCE_END = re.compile(r"(?<=\w\w[.!?])\s+|\n+")


class RegexpTokenizer:
    """Tokens are what a regular expression matches (`nltk.tokenize.RegexpTokenizer`).

    The flags are NLTK's: `^` and `$` stand at lines, `.` matches a line break too.

    Args:
        pattern: The expression, without capturing groups.

    Raises:
        ParameterError: NLTK refuses the expression.
    """

    def __init__(self, pattern: str) -> None:
        from nltk.tokenize import RegexpTokenizer as Cutter

        self.pattern = pattern
        cutter = Cutter(pattern)
        try:
            # NLTK compiles on the first text.
            cutter.tokenize("")
        except re.error as error:
            raise ParameterError("pattern", f"a regular expression ({error})", pattern) from error
        self._cut = cast("Callable[[str], list[str]]", cutter.tokenize)

    def tokenize(self, text: str) -> list[str]:
        """Return the matches in order.

        Raises:
            ParameterError: The expression did not end in NLTK's time limit.
        """
        try:
            return [token for piece in pieces(text) for token in self._cut(piece)]
        except TimeoutError as error:
            allowed = "an expression without repeats inside repeats (this one took too long)"
            raise ParameterError("pattern", allowed, self.pattern) from error


class TweetTokenizer:
    """Keeps emoticons, handles, hashtags and addresses whole (`nltk.TweetTokenizer`)."""

    def __init__(self) -> None:
        from nltk.tokenize import TweetTokenizer as Cutter

        self._cut = cast("Callable[[str], list[str]]", Cutter().tokenize)

    def tokenize(self, text: str) -> list[str]:
        """Return the tokens, punctuation among them, in order.

        Raises:
            InputError: A text without spaces took longer than NLTK's time limit.
        """
        try:
            return [token for piece in pieces(text) for token in self._cut(piece)]
        except TimeoutError as error:
            raise InputError("a text took NLTK's tweet tokenizer too long; use another") from error


class SentenceTokenizer:
    """One of NLTK's tokenizers that expect a sentence, given one after the other.

    Sentences are told by their last mark and by line breaks, which is enough for what these
    tokenizers do with the end of a sentence: to part the full stop from the word.

    Args:
        name: "treebank" (`TreebankWordTokenizer`) or "toktok" (`ToktokTokenizer`).
    """

    def __init__(self, name: str) -> None:
        from nltk.tokenize import ToktokTokenizer, TreebankWordTokenizer

        cutter = TreebankWordTokenizer() if name == "treebank" else ToktokTokenizer()
        self._cut = cast("Callable[[str], list[str]]", cutter.tokenize)

    def tokenize(self, text: str) -> list[str]:
        """Return the tokens, punctuation among them, in order."""
        sentences = (part for piece in pieces(text) for part in _SENTENCE_END.split(piece))
        return [token for sentence in sentences for token in self._cut(sentence)]


def pieces(text: str) -> Iterator[str]:
    """Yield `text` in pieces of at most `PIECE` characters, cut before white space.

    A longer run without white space stays whole.
    """
    if len(text) <= PIECE:
        yield text
        return
    for piece in _PIECES.finditer(text):
        yield piece[0]

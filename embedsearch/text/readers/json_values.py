"""JSON values one after another, or in a list, read without holding them all."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from embedsearch._errors import SourceFormatError
from embedsearch.text.reading.opening import DOCUMENT_LIMIT, too_long

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_MOST_PARTS = 1_000_000
_SPACE = re.compile(r"[\ufeff \t\r\n]*")


def json_values(
    name: str, chunks: Iterable[str], decoder: json.JSONDecoder, limit: int = DOCUMENT_LIMIT
) -> Iterator[tuple[int, object]]:
    """Yield `(line, value)` for each value of a stream, or of the list that it is.

    Args:
        name: The file, for the error.
        chunks: The text, cut anywhere.
        decoder: Decodes one value.
        limit: Characters that one value may have.

    Raises:
        SourceFormatError: The JSON is broken or ends too early; names the line.
    """
    values = _Values(name, chunks, decoder, limit)
    return values.of_list() if values.skip("[") else values.of_stream()


def check_parts(name: str, text: str, line: int) -> None:
    """Refuse a value that may have more than a million lists and objects: each takes memory.

    Args:
        name: The file, for the error.
        text: The JSON.
        line: Where it begins.

    Raises:
        SourceFormatError: It has so many brackets.
    """
    if len(text) > _MOST_PARTS and text.count("[") + text.count("{") > _MOST_PARTS:
        reason = f"a value has more than {_MOST_PARTS:,} brackets; cut it into smaller ones"
        raise SourceFormatError(name, reason, line)


def broken_json(error: json.JSONDecodeError) -> str:
    """Say what is wrong with a line of JSON, and where in it."""
    # Some of Python's messages end so that a place can follow, and some with a colon.
    message = error.msg.rstrip(": ").removesuffix(" at")
    return f"broken JSON: {message} at column {error.colno}"


class _Values:
    """Text that has arrived so far, and how far it is parsed."""

    def __init__(
        self, name: str, chunks: Iterable[str], decoder: json.JSONDecoder, limit: int
    ) -> None:
        self._name, self._chunks = name, iter(chunks)
        self._decoder, self._limit = decoder, limit
        self._text, self._at, self._line = "", 0, 1

    def of_list(self) -> Iterator[tuple[int, object]]:
        if self.skip("]"):
            return
        while True:
            yield self._value()
            if self.skip("]"):
                break
            if not self.skip(","):
                raise self._error("',' or ']' is missing")
        if self._more():
            raise self._error("there is text after the end of the list")

    def of_stream(self) -> Iterator[tuple[int, object]]:
        while self._more():
            yield self._value()

    def skip(self, mark: str) -> bool:
        """Pass over `mark` if it comes next."""
        if not self._more() or self._text[self._at] != mark:
            return False
        self._at += 1
        return True

    def _value(self) -> tuple[int, object]:
        self._more()
        line = self._line
        while (decoded := self._decode()) is None:
            pass
        self._move(decoded[1])
        return line, decoded[0]

    def _decode(self) -> tuple[object, int] | None:
        """Decode the value that comes next, or add text and return None where it is cut short."""
        try:
            value, end = self._decoder.raw_decode(self._text, self._at)
        except json.JSONDecodeError as error:
            if not self._may_continue(error) or not self._fill():
                raise self._error(error.msg, error.pos) from error
        except (ValueError, RecursionError) as error:
            raise self._error(f"beyond limits: {error}") from error
        else:
            # A number has no end of its own: the text after 1 may go on with 2, or .5, or e+3.
            is_open = isinstance(value, int | float) and end + 3 > len(self._text)
            return None if is_open and self._fill() else (value, end)
        return None

    def _may_continue(self, error: json.JSONDecodeError) -> bool:
        if len(self._text) - self._at > self._limit:
            raise too_long(self._name, self._limit, "characters", self._line)
        # What is cut short fails at the end of the text, or at the start of an open string.
        return error.msg.startswith("Unterminated") or error.pos >= len(self._text) - 16

    def _more(self) -> bool:
        """Go to the next text that is not space; False at the end."""
        while True:
            space = _SPACE.match(self._text, self._at)
            self._move(space.end() if space else self._at)
            if self._at < len(self._text):
                return True
            if not self._fill():
                return False

    def _move(self, end: int) -> None:
        self._line += self._text.count("\n", self._at, end)
        self._at = end

    def _fill(self) -> bool:
        """Add at least as much text as is still there, so that trying again stays cheap."""
        wanted, got = len(self._text) - self._at, 0
        pieces = [self._text[self._at :]]
        check_parts(self._name, pieces[0], self._line)
        for chunk in self._chunks:
            pieces.append(chunk)
            got += len(chunk)
            if got and got >= wanted:
                break
        if got:
            self._text, self._at = "".join(pieces), 0
        return got > 0

    def _error(self, problem: str, at: int | None = None) -> SourceFormatError:
        line = self._line + self._text.count("\n", self._at, self._at if at is None else at)
        return SourceFormatError(self._name, f"broken JSON: {problem}; repair the file", line)

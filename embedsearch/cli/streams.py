"""Standard output and error as the command writes to them: no text there drives a terminal.

Documents, ids, names of files and messages that quote them may come from anybody. All that is
written, by us, by click, or as a warning or traceback of a library, goes through `SafeStream`.
"""

from __future__ import annotations

import errno
import io
import os
import re
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import click

from embedsearch._errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import NoReturn, TextIO

# Controls but for tab and line break; separators of lines and paragraphs; format characters that
# reorder or hide text, but not those that words of some scripts are spelled with; lone surrogates.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e007f\ud800-\udfff]"
)
# What a shell reports for a program that SIGPIPE has ended.
READER_GONE = 141


def visible(text: str) -> str:
    r"""Write what could drive a terminal as escapes, such as `\x1b`; line breaks stay."""
    return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def one_line(text: str) -> str:
    """Make a text visible, and its line breaks, too: a name must not look like a line of ours."""
    return visible(text).replace("\n", "\\n")


def replaced(text: str) -> str:
    """Put one replacement character for each that could drive a terminal: places stay."""
    return _UNSAFE.sub("\N{REPLACEMENT CHARACTER}", text)


def escaped_json(text: str) -> str:
    """Write what could drive a terminal as escapes of JSON, which stand for the same."""
    return _UNSAFE.sub(lambda found: _json_escape(found[0]), text)


def _json_escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


class SafeStream(io.TextIOBase):
    """Passes text on to a stream; its errors become the end of the command, or none.

    There is no `buffer` to write bytes to. `stream` is None if the process was started without;
    `needed` says that an error matters, as what was asked for is written here.
    """

    def __init__(
        self, stream: TextIO | None, *, needed: bool, clean: Callable[[str], str] = visible
    ) -> None:
        self._stream, self._needed, self._clean = stream, needed, clean

    @property
    def trusted(self) -> SafeStream:
        """The same stream for text that was made visible before, and is drawn with colours."""
        return SafeStream(self._stream, needed=self._needed, clean=str)

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """That of the stream."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]
        """What is done with characters that it cannot encode."""
        return getattr(self._stream, "errors", None) or "backslashreplace"

    def write(self, text: str | bytes) -> int:
        """Write text; click writes its completions as bytes."""
        if not text:
            # By this TypeError click recognises a stream of text; it hides other errors.
            if isinstance(text, bytes):
                raise TypeError("this is a stream of text")
            return 0
        if isinstance(text, bytes):
            text = text.decode("utf-8", "backslashreplace")
        if self._stream is None:
            self._failed(OSError(errno.EBADF, "it is closed"))
            return len(text)
        try:
            self._stream.write(self._clean(text))
        except (OSError, ValueError) as error:
            self._failed(error)
        return len(text)

    def flush(self) -> None:
        """Write out what is buffered; raises as `write` does."""
        if self._stream is not None:
            try:
                self._stream.flush()
            except (OSError, ValueError) as error:
                self._failed(error)

    def isatty(self) -> bool:
        """Return whether somebody looks."""
        try:
            return self._stream is not None and self._stream.isatty()
        except ValueError:
            return False

    def writable(self) -> bool:
        """Return True."""
        return True

    def close(self) -> None:
        """Leave the stream open: it is not ours."""

    def fileno(self) -> int:
        """Return the descriptor of the stream, if it has one."""
        if self._stream is None:
            raise io.UnsupportedOperation("fileno")
        return self._stream.fileno()

    def _failed(self, error: Exception) -> None:
        self._drop()
        if not self._needed:
            return
        if isinstance(error, BrokenPipeError):
            raise click.exceptions.Exit(READER_GONE) from None
        reason = getattr(error, "strerror", None) or str(error)
        raise click.ClickException(f"standard output cannot be written: {reason}") from error

    def _drop(self) -> None:
        """Let what is still buffered go nowhere: Python would try once more when it ends."""
        with suppress(OSError, ValueError, AttributeError):
            descriptor = self.fileno()
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, descriptor)
            os.close(nowhere)


class _ClosedInput:
    """Standard input of a process that was started without it."""

    @property
    def buffer(self) -> NoReturn:
        """Raise `SourceError`."""
        raise SourceError("-", "standard input is closed")

    def isatty(self) -> bool:
        """Return False."""
        return False


@contextmanager
def safe_streams() -> Iterator[None]:
    """Let all that is written go through `SafeStream`, and nothing else get its descriptors."""
    _fill_descriptors()
    before: tuple[Any, Any, Any] = sys.stdin, sys.stdout, sys.stderr
    waiting = _let_wait(before)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # What it cannot encode is shown as an escape; in JSON that stands for the same.
            stream.reconfigure(errors="backslashreplace")
    fake: Any = _ClosedInput()
    out: Any = SafeStream(sys.stdout, needed=True)
    err: Any = SafeStream(sys.stderr, needed=False)
    sys.stdin, sys.stdout, sys.stderr = sys.stdin or fake, out, err
    try:
        yield
    finally:
        sys.stdin, sys.stdout, sys.stderr = before
        for descriptor in waiting:
            with suppress(OSError):
                os.set_blocking(descriptor, False)


def _let_wait(streams: Iterable[Any]) -> list[int]:
    """Set non-blocking streams to block; return their descriptors.

    The process that started us may have set them so. Python then drops what a pipe has no room
    for, and takes an empty pipe for one that has ended, both without an error.
    """
    changed = []
    for stream in streams:
        # Windows has no such streams.
        with suppress(OSError, ValueError, AttributeError):
            descriptor = stream.fileno()
            if not os.get_blocking(descriptor):
                os.set_blocking(descriptor, True)
                changed.append(descriptor)
    return changed


def _fill_descriptors() -> None:
    """Open what the process was started without.

    The next file that is opened would get its number, a database perhaps, and what a library
    writes to standard error would go into it.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) < 3:
        pass
    os.close(descriptor)

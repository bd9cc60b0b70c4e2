"""Files of test sets and collections: opened, compressed or not, and read with line numbers."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from embedsearch._checks import PATH, STRING, check
from embedsearch._errors import EmbedSearchError, SourceNotFoundError
from embedsearch.text.encodings import check_encoding
from embedsearch.text.source_files import unreadable
from embedsearch.text.source_stream import SourceStream

if TYPE_CHECKING:
    from collections.abc import Iterator

# UTF-8, with or without a byte order mark.
UTF8 = "utf-8-sig"

# Below the longest field of the csv module, which would raise an error of its own.
_LONGEST_LINE = 2**16


@contextmanager
def open_source(path: str | Path) -> Iterator[SourceStream]:
    """Open a file; gzip, bzip2, xz and zstd are known by its first bytes."""
    check("path", path, PATH)
    with _source_errors(path), Path(path).open("rb", buffering=0) as raw:
        yield SourceStream(str(path), raw, Path(path))


def numbered_lines(path: str | Path, encoding: str = "utf-8") -> Iterator[tuple[int, str]]:
    """Yield `(number, line)` of every line that is not blank, counted from 1."""
    check("encoding", encoding, STRING)
    check_encoding(encoding)
    codec = UTF8 if encoding.lower() in {"utf-8", "utf8"} else encoding
    with open_source(path) as source:
        for number, line in source.lines(codec, _LONGEST_LINE):
            if line.strip():
                yield number, line


def check_folder(folder: Path) -> None:
    """Raise `SourceError` unless the folder exists and can be listed."""
    with _source_errors(folder):
        next(folder.iterdir(), None)


@contextmanager
def _source_errors(path: str | Path) -> Iterator[None]:
    try:
        yield
    except EmbedSearchError:
        raise
    except OSError as error:
        raise unreadable(str(path), error) from error
    except ValueError as error:
        # A path that no system could have, with a null character in it.
        raise SourceNotFoundError(repr(str(path)), f"is no name of a file: {error}") from error

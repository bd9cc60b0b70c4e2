"""The lines of a small file that a person may have edited, numbered for error messages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from embedsearch._errors import SourceError
from embedsearch.text.encodings import check_encoding
from embedsearch.text.source_files import unreadable
from embedsearch.text.source_stream import SourceStream

if TYPE_CHECKING:
    from collections.abc import Iterator

# Below the longest field of the csv module.
_LONGEST = 2**16


def numbered_lines(path: str | Path, encoding: str = "utf-8") -> Iterator[tuple[int, str]]:
    """Yield `(number, line)` of every line that is not blank, counted from 1.

    Args:
        path: The file; compressed by gzip, bzip2, xz or zstd if its first bytes say so.
        encoding: Of the text; a byte order mark is taken off.

    Raises:
        ParameterError: No such encoding.
        SourceNotFoundError: There is no such file.
        SourceError: The file cannot be read.
        SourceFormatError: The text is not in the encoding, or a line is longer than 65,536
            characters.
    """
    check_encoding(encoding)
    codec = "utf-8-sig" if encoding.lower() in {"utf-8", "utf8"} else encoding
    try:
        with Path(path).open("rb") as stream:
            for number, line in SourceStream(str(path), stream).lines(codec, _LONGEST):
                if line.strip():
                    yield number, line
    except SourceError:
        raise
    except OSError as error:
        raise unreadable(str(path), error) from error
    except ValueError as error:
        # A path that no system could have, with a null character in it.
        raise unreadable(str(path), OSError(str(error))) from error

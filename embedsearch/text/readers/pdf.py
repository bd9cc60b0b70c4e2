"""PDF, through the `pdf` extra (pypdf)."""

from __future__ import annotations

import logging
import re
from typing import IO, TYPE_CHECKING

from embedsearch._errors import MissingExtraError, SourceFormatError
from embedsearch._types import Document
from embedsearch.text.base import Found
from embedsearch.text.reading.opening import DOCUMENT_LIMIT, Opened, too_long

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embedsearch.text.settings import ReadSettings

# A damaged PDF can lead pypdf into any of these, beside its own errors.
_PARSER_ERRORS = (
    ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, OSError,
    RuntimeError, TypeError, ValueError,
)  # fmt: skip
_HYPHEN = re.compile(r"(?<=[^\W\d_])-\n(?=[^\W\d_])")


def read_pdf(source: Opened, settings: ReadSettings) -> Iterator[Found]:  # noqa: ARG001
    """Yield the file as one document: the text of its pages, words cut at line ends joined.

    Raises:
        MissingExtraError: pypdf is not installed.
        SourceFormatError: The file is damaged, or needs a password.
    """
    try:
        from pypdf.errors import PyPdfError
    except ImportError as error:
        raise MissingExtraError("reading PDF", "pdf") from error
    # Without a handler, warnings about odd but readable files would reach the terminal.
    logging.getLogger("pypdf").addHandler(logging.NullHandler())
    with source.seekable() as file:
        try:
            title, text = _title_and_text(source.name, file)
        except SourceFormatError:
            raise
        except (PyPdfError, *_PARSER_ERRORS) as error:
            reason = f"the PDF is damaged or not supported ({error}); leave it out or print it anew"
            raise SourceFormatError(source.name, reason) from error
    if text.strip():
        yield Found(Document("", text, {}, title))


def _title_and_text(name: str, file: IO[bytes]) -> tuple[str, str]:
    from pypdf import PasswordType, PdfReader

    reader = PdfReader(file)
    if reader.is_encrypted and reader.decrypt("") == PasswordType.NOT_DECRYPTED:
        raise SourceFormatError(name, "the PDF needs a password; save it without one")
    pages: list[str] = []
    length = 0
    for page in reader.pages:
        pages.append(page.extract_text().strip())
        length += len(pages[-1])
        if length > DOCUMENT_LIMIT:
            raise too_long(name, DOCUMENT_LIMIT, "characters")
    title = reader.metadata.title if reader.metadata else None
    return str(title or "").strip(), _HYPHEN.sub("", "\n".join(pages))

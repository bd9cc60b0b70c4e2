"""The text of a PDF, extracted in a process of its own whose time and memory are limited.

A PDF is a program of sorts: a few kilobytes can unpack to gigabytes, refer to themselves, or
name a million pages. pypdf knows some of these and not all, and so the system sets the bounds.
The process imports this module, and nothing of the package that is large.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import IO, Any

from embedsearch._processes import limit_resources, run_apart

MEMORY_LIMIT = 2**31
"""Bytes that the process may have, if the system can limit them."""

CPU_LIMIT = 60
"""Seconds of CPU time that any PDF gets; one that is large gets more."""

_BYTES_A_SECOND = 50_000
# A damaged PDF can lead pypdf into any of these, apart from its own errors.
_PARSER_ERRORS = (
    ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, OSError,
    RuntimeError, TypeError, ValueError,
)  # fmt: skip


def title_and_text(
    file: IO[bytes], size: int, limit: int, memory: int = MEMORY_LIMIT, seconds: int = CPU_LIMIT
) -> tuple[str, str]:
    """Return the title and the text of a PDF; a `ValueError` says why there is none."""
    seconds += size // _BYTES_A_SECOND
    done = run_apart(f"{__name__}:main", limit, memory, seconds, stdin=file)
    head, end, text = done.stdout.partition(b"\n")
    if not end:
        raise ValueError(f"it takes more than {seconds} seconds, or {memory >> 20:,} MiB")
    facts = json.loads(head)
    if facts["error"]:
        raise ValueError(facts["error"])
    return facts["title"], text.decode()


def main(limit: str, memory: str, seconds: str) -> None:
    """Read a PDF from standard input; write a line of JSON, and its text."""
    limit_resources(AS=int(memory), CPU=int(seconds))
    title, text, error = extracted(sys.stdin.buffer, int(limit))
    sys.stdout.buffer.write(json.dumps({"title": title, "error": error}).encode() + b"\n")
    sys.stdout.buffer.write(text.encode("utf-8", "replace"))


def extracted(file: IO[bytes], limit: int) -> tuple[str, str, str]:
    """Return the title and the text of a PDF, in this process, or what is wrong with it."""
    from pypdf.errors import PyPdfError

    try:
        return (*_extract(file, limit), "")
    except MemoryError:
        return "", "", "it takes too much memory"
    except (PyPdfError, *_PARSER_ERRORS) as error:
        return "", "", str(error) or type(error).__name__


def _extract(file: IO[bytes], limit: int) -> tuple[str, str]:
    from pypdf import PasswordType, PdfReader

    # Warnings about odd but readable files have nobody to read them here.
    logging.getLogger("pypdf").addHandler(logging.NullHandler())
    reader: Any = PdfReader(file)
    if reader.is_encrypted and reader.decrypt("") == PasswordType.NOT_DECRYPTED:
        raise ValueError("it needs a password; save it without one")
    pages: list[str] = []
    length = 0
    for page in reader.pages:
        pages.append(page.extract_text().strip())
        length += len(pages[-1]) + 1
        if length > limit:
            raise ValueError(f"its text has more than {limit:,} characters")
    title = reader.metadata.title if reader.metadata else None
    return str(title or "").strip(), "\n".join(pages)

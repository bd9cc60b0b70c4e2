"""Text with a word and its numbers on each line, written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedsearch.vectors.formats.text_numbers import format_rows
from embedsearch.vectors.formats.words import check_writable

if TYPE_CHECKING:
    from pathlib import Path

    from embedsearch._progress import Progress
    from embedsearch.vectors.word_vectors import WordVectors


def write_text(path: Path, vectors: WordVectors, progress: Progress, header: str = "") -> None:
    """Write a line for each word, behind a header.

    Args:
        path: The file; replaced if it exists.
        vectors: The words and their vectors.
        progress: A listener.
        header: What stands first, with its line end.

    Raises:
        VectorError: A word that such a text cannot hold, before anything is written.
    """
    check_writable(vectors.index_to_key, spaces=False)
    task = progress.task("writing vectors", len(vectors), "words")
    with path.open("w", encoding="utf-8", newline="\n") as file, task as written:
        file.write(header)
        for start, rows in format_rows(vectors.vectors):
            words = vectors.index_to_key[start : start + len(rows)]
            file.write("".join(f"{word} {row}\n" for word, row in zip(words, rows, strict=True)))
            written.advance(len(rows))

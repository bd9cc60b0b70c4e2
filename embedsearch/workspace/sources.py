"""Sources of text as the user names them: files, folders, "-" and corpora of the catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from embedsearch._errors import ParameterError
from embedsearch.text.corpora.catalogue import get_corpus
from embedsearch.text.reading.sources import read_sources
from embedsearch.text.settings import ReadSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from embedsearch._progress import Progress
    from embedsearch._types import Document

_CORPUS = "corpus:"


def documents_of(
    sources: str | Path | Sequence[str | Path],
    read: ReadSettings | None,
    progress: Progress,
    stdin: BinaryIO | None = None,
) -> Iterator[Document]:
    """Stream the documents of all sources; `corpus:NAME` is read as the catalogue says."""
    named = [sources] if isinstance(sources, str | Path) else list(sources)
    if not named:
        raise ParameterError("sources", "at least one file or folder", sources)
    plain = [source for source in named if not str(source).startswith(_CORPUS)]
    for source in named:
        if source not in plain:
            yield from get_corpus(str(source)[len(_CORPUS) :]).documents(progress)
    if plain:
        yield from read_sources(plain, read or ReadSettings(), progress, stdin)

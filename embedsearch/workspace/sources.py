"""Sources of text as the user names them: files, folders, "-" and corpora of the catalogue."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from embedsearch._errors import ParameterError
from embedsearch.text.corpora import get_corpus
from embedsearch.text.source_files import CORPUS, Source, SourcedDocument
from embedsearch.text.source_stream import ReadDocument
from embedsearch.text.sources import SourceReader

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from embedsearch._errors import InputError
    from embedsearch._progress import Progress
    from embedsearch.text.settings import ReadSettings
    from embedsearch.text.source_stream import LeftOut


class Sources:
    """All that the user names in one call; `corpus:NAME` is read as the catalogue says.

    Iterate it once; see `embedsearch.text.sources.SourceReader`.
    """

    def __init__(
        self,
        sources: str | Path | Sequence[str | Path],
        read: ReadSettings,
        progress: Progress,
        stdin: BinaryIO | None = None,
    ) -> None:
        named = [sources] if isinstance(sources, str | Path) else sources
        of_paths = isinstance(named, Iterable) and not isinstance(named, bytes)
        named = list(named) if of_paths else []
        if not named or not all(isinstance(each, str | Path) for each in named):
            raise ParameterError("sources", "a file, a folder, or a list of them", sources)
        self._corpora = [str(each) for each in named if str(each).startswith(CORPUS)]
        plain = [each for each in named if not str(each).startswith(CORPUS)]
        self._progress = progress
        self._reading = SourceReader(plain, read, progress, stdin) if plain else None
        self._of_corpus = False

    def __iter__(self) -> Iterator[SourcedDocument]:
        """Yield each document with the source that it is from."""
        self._of_corpus = True
        # One that is named twice is read once.
        for path in dict.fromkeys(self._corpora):
            name = path[len(CORPUS) :]
            source = Source(path, path, name)
            for document in get_corpus(name).documents(self._progress):
                yield SourcedDocument(ReadDocument(document), source)
        self._of_corpus = False
        if self._reading is not None:
            yield from self._reading

    def refuse(self, error: InputError) -> None:
        """Report that the document that was yielded last cannot be kept."""
        if self._reading is None or self._of_corpus:
            raise error
        self._reading.refuse(error)

    def may_have_lost(self, path: str | bytes) -> bool:
        """Whether documents of a file that did not come now are gone."""
        return self._reading is not None and self._reading.may_have_lost(path)

    @property
    def named(self) -> Sequence[str | bytes]:
        """The real paths of the files and folders that were named."""
        return () if self._reading is None else self._reading.named

    @property
    def left_out(self) -> Sequence[LeftOut]:
        """What could not be read."""
        return () if self._reading is None else self._reading.left_out

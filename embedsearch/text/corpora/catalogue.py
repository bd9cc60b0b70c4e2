"""The catalogue of corpora: what there is, where it comes from, and how it is read."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from embedsearch._errors import SourceFormatError, SourceNotFoundError, UnknownCorpusError
from embedsearch.text.corpora.locating import Place, data_folder, locate
from embedsearch.text.settings import ReadSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from embedsearch._progress import Progress
    from embedsearch._types import Document


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusEntry:
    """One corpus of the catalogue.

    Attributes:
        name: What it is asked for by.
        title: Its name for people.
        description: What is in it.
        source: Where it comes from.
        licence: On what terms it may be used.
        language: A code such as "en".
        size: How many `documents`, `tokens` and `bytes` it has, as far as this is known, in
            round numbers for what changes; the tokens are those of the default tokenizer, the
            bytes those of the files as they lie.
        read_settings: How its files are read.
        place: Where they are looked for.
        sha256: The checksum of each file, by its name; empty for what changes over time.
        remove: A regular expression of what is not text, such as tags, or None.
    """

    name: str
    title: str
    description: str
    source: str
    licence: str
    language: str
    size: Mapping[str, int]
    read_settings: ReadSettings
    place: Place
    sha256: Mapping[str, str] = field(default_factory=dict)
    remove: str | None = None

    @property
    def available(self) -> bool:
        """Whether the corpus can be read on this machine, as it is."""
        if self.place.kind == "planted":
            return True
        try:
            return bool(self.locate())
        except SourceNotFoundError:
            return False

    def locate(self) -> list[Path]:
        """Return its files, or its folder.

        Raises:
            SourceNotFoundError: It is not here, or has no files; the message says what to do.
        """
        return locate(self.place)

    def verify(self) -> bool:
        """Compare the files with the checksums; False where the catalogue has none.

        Raises:
            SourceNotFoundError: The corpus is not here.
            SourceFormatError: A file is not what the catalogue describes.
        """
        if not self.sha256:
            return False
        for path in self.locate():
            if (found := _checksum(path)) != (expected := self.sha256[path.name]):
                reason = f"not the file that the catalogue has: SHA-256 {found}, not {expected}"
                raise SourceFormatError(path, reason)
        return True

    def documents(self, progress: Progress) -> Iterator[Document]:
        """Stream the documents.

        Raises:
            SourceError: The corpus is not here, or cannot be read.
        """
        if self.place.kind == "planted":
            from embedsearch.text.corpora.planted import PlantedCorpus

            return iter(PlantedCorpus())
        from embedsearch.text.reading.sources import read_sources

        return map(self._cleaned, read_sources(self.locate(), self.read_settings, progress))

    def to_json(self) -> dict[str, Any]:
        """Return plain values, with `available`."""
        return {**asdict(self), "available": self.available}

    def _cleaned(self, document: Document) -> Document:
        if self.remove is None:
            return document
        return replace(document, text=re.sub(self.remove, "", document.text))


def list_corpora() -> list[CorpusEntry]:
    """Return all entries of the catalogue, by name."""
    return list(_catalogue().values())


def get_corpus(name: str) -> CorpusEntry:
    """Return the entry of this name.

    Raises:
        UnknownCorpusError: The catalogue has none.
    """
    if name not in _catalogue():
        raise UnknownCorpusError(name, list(_catalogue()))
    return _catalogue()[name]


@cache
def _catalogue() -> dict[str, CorpusEntry]:
    paths = sorted(data_folder().glob("*.json"))
    entries = (_entry(json.loads(path.read_text(encoding="utf-8"))) for path in paths)
    return {entry.name: entry for entry in entries}


def _entry(values: dict[str, Any]) -> CorpusEntry:
    # The generator keeps its word lists in its entry.
    values.pop("words", None)
    place = values.pop("locate")
    return CorpusEntry(
        read_settings=ReadSettings(**values.pop("read")),
        place=Place(**{**place, "files": tuple(place.get("files", ()))}),
        **values,
    )


def _checksum(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()

"""Where documents come from, and the ids that they may have."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embedsearch._types import Document
    from embedsearch.text.base import Found

STREAM = "-"
"""The path of standard input."""

CORPUS = "corpus:"
"""What the path of a corpus begins with."""

_BYTES = 8


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A file, standard input or a corpus.

    Attributes:
        path: What it is known by: the real path of a file (bytes where it is not UTF-8), `-`, or
            `corpus:NAME`.
        name: What messages call it.
        base: The shortest id that it has as one document: for a file of a folder the folder's
            name and the path below it, for one that was named by itself its name.
        above: The folders above that, from the root.
        former: What `base` was before ids began with the name of the folder.
    """

    path: str | bytes
    name: str
    base: str
    above: tuple[str, ...] = ()
    former: str = ""

    @property
    def is_stream(self) -> bool:
        """Whether it cannot be read again, so that two of them are never the same source."""
        return self.path == STREAM

    def bases(self) -> Iterator[str]:
        """Yield `base`, and the same with one more folder in front each time."""
        base = self.base
        yield base
        for folder in reversed(self.above):
            base = f"{folder.rstrip('/')}/{base}"
            yield base


class Arrival(NamedTuple):
    """A document that was read, and where.

    Attributes:
        found: The document; its id is empty where the source gives none.
        source: Where it was found.
    """

    found: Found
    source: Source

    @property
    def document(self) -> Document:
        """The document, with the id that its source gives."""
        return self.found.document

    @property
    def key(self) -> str:
        """What tells it from the others of its source: its id, or what is added to the path."""
        given, member = self.found.document.id, self.found.member
        if not given:
            return member + self._numbered
        # A given id is never taken for a number.
        return f"{member}::{given}" if member or given.startswith(":") else given

    @property
    def place(self) -> str:
        """Where it is, for messages: `notes.txt, line 7`."""
        name = "/".join(filter(None, (self.source.name, self.found.member)))
        number = self.found.number
        return f"{name}, {self.found.unit} {number}" if number else name

    def first_id(self) -> str:
        """Return the first of `ids`."""
        return self.found.document.id or self.source.base + self._ending()

    def ids(self, repeated: str = "") -> Iterator[str]:
        """Yield the ids that it may have, the preferred one first.

        Args:
            repeated: Added to all of them, where its source has the same key more than once.
        """
        given, ending = self.found.document.id, self._ending() + repeated
        own = [given] if given and not repeated else []
        return chain(own, (base + ending for base in self.source.bases()))

    def former_id(self) -> str:
        """Return the id that earlier versions made; empty for a given one."""
        if self.found.document.id or not self.source.former:
            return ""
        return self.source.former + self._numbered

    @property
    def _numbered(self) -> str:
        return f":{self.found.number}" if self.found.number else ""

    def _ending(self) -> str:
        given, member = self.found.document.id, self.found.member
        if self.source.is_stream and not given:
            return f":{_digest(self.found.document)}"
        return (f"/{member}" if member else "") + (f":{given}" if given else self._numbered)


def _digest(document: Document) -> str:
    """Return what stands for the content of a text that has no place to be named by."""
    metadata = json.dumps(document.metadata, sort_keys=True, default=str)
    content = "\0".join((document.title, document.text, metadata))
    return blake2b(content.encode("utf-8", "replace"), digest_size=_BYTES).hexdigest()


def printable(name: str) -> str:
    r"""Return a name that can be written as UTF-8: those of files may hold stray bytes."""
    return name.encode("utf-8", "backslashreplace").decode()

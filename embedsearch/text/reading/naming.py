"""Ids: stable ones for documents that have none, and the search for ids given twice."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from hashlib import blake2b
from typing import TYPE_CHECKING

from embedsearch._errors import DuplicateIdError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from embedsearch._types import Document
    from embedsearch.text.base import Found
    from embedsearch.text.reading.walking import SourceFile

_NUMBERS = 2**44
_UNITS = 2**4


def base_ids(files: Sequence[SourceFile]) -> list[str]:
    """Return the id of each file: its path below its source.

    Where two sources have files of the same path, all ids of both begin with the end of the
    sources' own paths, as much of it as tells them apart. So the ids of a source do not depend
    on the order of the sources.
    """
    depth: dict[Path, int] = dict.fromkeys((file.root for file in files), 0)
    while True:
        ids = [_prefixed(file, depth[file.root]) for file in files]
        roots: dict[str, set[Path]] = defaultdict(set)
        for id_, file in zip(ids, files, strict=True):
            roots[id_].add(file.root)
        clashing = {root for group in roots.values() if len(group) > 1 for root in group}
        if not clashing:
            return ids
        for root in clashing:
            depth[root] += 1


def _prefixed(file: SourceFile, depth: int) -> str:
    if not depth:
        return file.relative
    parts = [*file.root.parts[-depth:], file.relative]
    # Once the whole path is used up, the longer one says so by its root.
    return "/".join(part.strip("/\\") if index else part for index, part in enumerate(parts))


class IdBook:
    """Gives ids to documents that have none, and finds ids that were given twice.

    A given id costs about 160 bytes of memory, a made one nothing: a file's own ids differ.
    """

    def __init__(self) -> None:
        self._names: list[str] = []
        self._units: list[str] = []
        self._base = ""
        self._given: dict[bytes, int] = {}
        self._made: dict[str, int] = {}

    def begin(self, name: str, base: str) -> None:
        """Begin a file.

        Args:
            name: What messages call it.
            base: The id that it has as one document.
        """
        self._names.append(name)
        self._base = _printable(base)

    def identify(self, found: Found) -> Document:
        """Return the document with its id.

        Raises:
            DuplicateIdError: Another document has this id; says both places.
        """
        document, place = found.document, self._place(found)
        id_ = document.id or (f"{self._base}:{found.number}" if found.number else self._base)
        key = blake2b(id_.encode(), digest_size=16).digest()
        first = self._given.get(key, self._made_at(id_) if document.id else None)
        if first is not None:
            raise DuplicateIdError(id_, self._say(first), self._say(place))
        if document.id:
            self._given[key] = place
        else:
            self._made[self._base] = place
        return document if id_ == document.id else replace(document, id=id_)

    def _made_at(self, id_: str) -> int | None:
        """Return the place of the document whose id was made and is `id_`."""
        if id_ in self._made:
            return self._made[id_]
        base, _, number = id_.rpartition(":")
        last = self._made.get(base)
        if last is None or not re.fullmatch("[1-9][0-9]{0,12}", number):
            return None
        back = last % _NUMBERS - int(number)
        return last - back if back >= 0 else None

    def _place(self, found: Found) -> int:
        # One integer, because millions of them are kept.
        if found.unit not in self._units:
            self._units.append(found.unit)
        file = len(self._names) - 1
        return (file * _UNITS + self._units.index(found.unit)) * _NUMBERS + found.number

    def _say(self, place: int) -> str:
        rest, number = divmod(place, _NUMBERS)
        file, unit = divmod(rest, _UNITS)
        name = self._names[file]
        return f"{name}, {self._units[unit]} {number}" if number else name


def _printable(name: str) -> str:
    r"""Return a name that can be written as UTF-8: those of files may hold stray bytes."""
    return name.encode("utf-8", "backslashreplace").decode()

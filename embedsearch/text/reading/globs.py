"""Globs: patterns of paths, matched in time that grows with the path, whatever the pattern."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from embedsearch._errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable


_LONGEST = 4_096


class Glob:
    """A pattern of paths: `*` and `?` stay within a name, `**/` is any number of folders.

    A regular expression would try the places of each `*` with those of all others. Here all ways
    through the pattern are followed at once: each bit of a number is a place in it.

    Args:
        glob: The pattern; without a `/` it is one of names, in any folder.

    Raises:
        ParameterError: It is too long, or a range within brackets is backwards.
    """

    def __init__(self, glob: str) -> None:
        self._singles: list[tuple[int, Callable[[str], object]]] = []
        self._stars, self._deep_stars, self._folders = 0, 0, 0
        self._known: dict[str, int] = {}
        self._end = 0
        if len(glob) > _LONGEST:
            raise ParameterError("glob", f"at most {_LONGEST:,} characters long", len(glob))
        self._read(glob if "/" in glob else f"**/{glob}")

    def matches(self, path: str) -> bool:
        """Tell whether the whole of a path, with `/` between its names, fits."""
        states = self._onward(1)
        for letter in path:
            single = self._known.get(letter)
            if single is None:
                single = self._known[letter] = self._accepting(letter)
            inside = self._folders << 1
            if letter == "/":
                kept = states & self._deep_stars | (states & inside) >> 1
            else:
                looping = self._stars | self._deep_stars | inside
                kept = states & looping | (states & self._folders) << 1
            states = self._onward(kept | (states & single) << 1)
            if not states:
                return False
        return bool(states >> self._end & 1)

    def _onward(self, states: int) -> int:
        """Add the places that are reached without a character, as a star may be empty."""
        empty, more = self._stars | self._deep_stars, 0
        while more != states:
            more = states
            states |= (states & empty) << 1 | (states & self._folders) << 2
        return states

    def _accepting(self, letter: str) -> int:
        return sum(1 << place for place, accepts in self._singles if accepts(letter))

    def _read(self, glob: str) -> None:
        at = 0
        while at < len(glob):
            if glob.startswith("**/", at):
                self._folders |= 1 << self._end
                self._end, at = self._end + 2, at + 3
            elif glob[at] == "*":
                deep = glob.startswith("**", at)
                self._deep_stars |= deep << self._end
                self._stars |= (not deep) << self._end
                self._end, at = self._end + 1, at + 1 + deep
            else:
                accepts, at = _single(glob, at)
                self._singles.append((self._end, accepts))
                self._end += 1


def _single(glob: str, at: int) -> tuple[Callable[[str], object], int]:
    """Return the test of one character, and where the pattern goes on."""
    if glob[at] == "?":
        return "/".__ne__, at + 1
    first = at + 1 + glob.startswith("[!", at)
    close = glob.find("]", first + 1) if glob[at] == "[" else -1
    if close < 0:
        return glob[at].__eq__, at + 1
    inside = glob[first:close].replace("\\", "\\\\").replace("[", "\\[").replace("^", "\\^")
    inside = inside.replace("]", "\\]", 1)
    try:
        return re.compile(f"[{'^' * (first > at + 1)}{inside}]", re.DOTALL).match, close + 1
    except re.error as error:
        raise ParameterError("glob", f"a pattern of paths ({error})", glob) from error

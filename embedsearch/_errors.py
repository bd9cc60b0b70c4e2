"""Every error that embedsearch raises on purpose.

```
EmbedSearchError
├── InputError (ValueError)                 what was given cannot be used
│   ├── ParameterError                      a setting: its name, what is allowed, what was got
│   ├── SourceError                         text that cannot be read: the place and the reason
│   │   ├── SourceNotFoundError (FileNotFoundError)
│   │   ├── SourceFormatError               broken JSON, a missing column, a binary file
│   │   └── SourceChangedError              a file changed while it was read
│   ├── DuplicateIdError                    two documents with one id
│   ├── CorpusTooSmallError                 nothing left to train on
│   ├── QueryError                          an empty query, an expression that does not parse
│   └── VectorError                         a wrong dimension, NaN or infinity
├── UnknownKeyError (KeyError)
│   ├── UnknownWordError                    not in the vocabulary, with suggestions
│   ├── UnknownDocumentError                not in the workspace
│   └── UnknownCorpusError                  not in the catalogue
├── WorkspaceError
│   ├── WorkspaceNotFoundError (FileNotFoundError)
│   ├── WorkspaceExistsError (FileExistsError)
│   ├── WorkspaceLockedError                another process is writing
│   ├── WorkspaceReadOnlyError              opened for reading, or a folder that refuses writes
│   ├── WorkspaceDamagedError               a file is missing or is not what was written
│   ├── WorkspaceVersionError               written by a newer embedsearch
│   ├── NotTrainedError                     has documents but no vectors yet
│   └── StorageError (OSError)              a full disk, a failing disk
└── MissingExtraError (ImportError)         an optional package is absent: the pip command
```

Each error carries its data as attributes, says in its message what was wrong and what to do,
and is also the builtin that it resembles, so that `except KeyError` keeps working.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

# How much of a query that is wrong is shown.
_SHOWN = 60


class EmbedSearchError(Exception):
    """The root of all errors raised on purpose by embedsearch."""

    def __str__(self) -> str:
        # KeyError would show the repr of its message.
        return str(self.args[0]) if self.args else ""


class InputError(EmbedSearchError, ValueError):
    """Something that was given cannot be used.

    Attributes:
        left_out: Where files were read, those that could not be, with their reasons.
    """

    left_out: Sequence[Any] = ()


class ParameterError(InputError):
    """A setting is outside what is allowed.

    Attributes:
        name: The parameter.
        allowed: What it may be, in words.
        got: What it was.
    """

    def __init__(self, name: str, allowed: str, got: object) -> None:
        super().__init__(f"{name} must be {allowed}, got {got!r}")
        self.name, self.allowed, self.got = name, allowed, got


class SourceError(InputError):
    """A source of text cannot be read.

    Attributes:
        source: The file, or `-` for standard input.
        line: The line, counted from 1, where one is known.
    """

    def __init__(self, source: str | Path, reason: str, line: int | None = None) -> None:
        place = f"{source}, line {line}" if line is not None else f"{source}"
        super().__init__(f"{place}: {reason}")
        self.source, self.reason, self.line = str(source), reason, line

    @property
    def short_reason(self) -> str:
        """The reason without its advice, which is for a file that was named by itself."""
        return self.reason.partition("; ")[0]


class SourceNotFoundError(SourceError, FileNotFoundError):
    """A source does not exist."""


class SourceFormatError(SourceError):
    """A source is not in the format that it was read as."""


class SourceChangedError(SourceError):
    """A file changed while it was being read."""


class DuplicateIdError(InputError):
    """Two documents have the same id.

    Attributes:
        id: The id.
        first: The place of one of them.
        second: The place of the other.
    """

    def __init__(
        self,
        id: str,
        first: str,
        second: str,
        advice: str = "give each its own, or leave the id out to have one made",
    ) -> None:
        super().__init__(f"two documents have the id {id!r} ({first} and {second}); {advice}")
        self.id, self.first, self.second = id, first, second


class CorpusTooSmallError(InputError):
    """After reading and pruning there is nothing left to train on."""


class QueryError(InputError):
    """A query is empty or does not parse.

    Attributes:
        excerpt: The part of the query that is wrong and, in a second line, a mark below the
            place; empty where no place is known. The message ends with it.
    """

    excerpt = ""

    @classmethod
    def at(cls, query: str, place: int, reason: str) -> QueryError:
        """Return an error that shows the query and marks the character at an index."""
        start = max(0, place - _SHOWN // 2)
        part = query[start : start + _SHOWN]
        # A mark belongs below one line, and a query may come from anybody.
        shown = "".join(letter if letter.isprintable() else " " for letter in part)
        excerpt = f"  {shown}\n  {' ' * (place - start)}^"
        error = cls(f"{reason}\n{excerpt}")
        error.excerpt = excerpt
        return error


class VectorError(InputError):
    """A vector has a wrong dimension, or holds NaN or infinity."""


class UnknownKeyError(EmbedSearchError, KeyError):
    """Nothing has the name or id that was asked for."""


class UnknownWordError(UnknownKeyError):
    """A word is not in the vocabulary.

    Attributes:
        word: The word.
        suggestions: Words of the vocabulary that are spelled like it, best first.
    """

    def __init__(
        self,
        word: str,
        suggestions: Sequence[str] = (),
        reason: str | None = None,
    ) -> None:
        reason = reason or "is not in the vocabulary"
        hint = f"; did you mean {_either(suggestions)}?" if suggestions else ""
        super().__init__(f"{word!r} {reason}{hint}")
        self.word, self.suggestions = word, tuple(suggestions)


class UnknownDocumentError(UnknownKeyError):
    """No document has this id."""

    def __init__(self, id: str, suggestions: Sequence[str] = ()) -> None:
        hint = f"; did you mean {_either(suggestions)}?" if suggestions else ""
        super().__init__(f"no document has the id {id!r}{hint}")
        self.id, self.suggestions = id, tuple(suggestions)


class UnknownCorpusError(UnknownKeyError):
    """The catalogue has no corpus of this name."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(f"no corpus is called {name!r}; the catalogue has {', '.join(known)}")
        self.name, self.known = name, tuple(known)


class WorkspaceError(EmbedSearchError):
    """A workspace cannot do what was asked of it.

    Attributes:
        path: The folder of the workspace.
    """

    def __init__(self, path: str | Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path, self.reason = Path(path), reason


class WorkspaceNotFoundError(WorkspaceError, FileNotFoundError):
    """There is no workspace at this path."""


class WorkspaceExistsError(WorkspaceError, FileExistsError):
    """Something else is at the path where a workspace was to be made."""


class WorkspaceLockedError(WorkspaceError):
    """Another process is writing to the workspace."""


class WorkspaceReadOnlyError(WorkspaceError):
    """The workspace cannot be written to."""


class WorkspaceDamagedError(WorkspaceError):
    """A file of the workspace is missing, or is not what was written."""


class WorkspaceVersionError(WorkspaceError):
    """The workspace was written by a newer embedsearch."""


class NotTrainedError(WorkspaceError):
    """The workspace has no word vectors yet."""


class StorageError(WorkspaceError, OSError):
    """The disk is full, or fails."""


class MissingExtraError(EmbedSearchError, ImportError):
    """An optional package is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs an extra: pip install 'embedsearch-engine[{extra}]'")
        self.extra = extra


def _either(words: Sequence[str]) -> str:
    quoted = [repr(word) for word in words]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"

"""Where the files of a test collection are, and opening them."""

from __future__ import annotations

import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from embedsearch._errors import ParameterError, SourceError, SourceNotFoundError
from embedsearch.text.byte_streams import SUFFIXES, without_suffix
from embedsearch.text.source_files import unreadable
from embedsearch.text.source_stream import SourceStream

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from io import FileIO

ENCODING = "utf-8-sig"
"""UTF-8, with or without a byte order mark."""

_QUERY_NAMES = ("queries.jsonl", "queries.tsv", "queries.txt", "topics.tsv", "topics.txt")
_QRELS_SUFFIXES = ("", ".tsv", ".txt", ".qrels", ".qrel")
_USUAL = "test"
_UNNAMED = "all"
_FEW = 5


@contextmanager
def opened(path: Path) -> Iterator[SourceStream]:
    """Open a file, compressed or not.

    Raises:
        SourceNotFoundError: There is no such file.
        SourceError: It cannot be read, or its compression is damaged.
    """
    with _open(path) as raw:
        try:
            yield SourceStream(str(path), raw, path)
        except SourceError:
            raise
        except OSError as error:
            raise unreadable(str(path), error) from error


def _open(path: Path) -> FileIO:
    try:
        return path.open("rb", buffering=0)
    except OSError as error:
        raise unreadable(str(path), error) from error
    except ValueError as error:
        raise SourceNotFoundError(repr(str(path)), f"is no name of a file: {error}") from error


def named(ids: Sequence[str]) -> str:
    """Return the first few of some ids, and how many there are where they are more."""
    few = ", ".join(map(repr, ids[:_FEW]))
    return few if len(ids) <= _FEW else f"{few} and others, {len(ids):,} in all"


def check_folder(folder: Path) -> None:
    """Raise `SourceError` unless the folder is there and can be listed."""
    try:
        next(folder.iterdir(), None)
    except (OSError, ValueError) as error:
        known = error if isinstance(error, OSError) else OSError(str(error))
        raise unreadable(str(folder), known) from error


def find_corpus(folder: Path) -> Path | None:
    """Return the documents that a folder brings along, or None."""
    return _first(folder, ("corpus.jsonl",))


def find_queries(folder: Path) -> Path:
    """Return the file of queries of a folder.

    Raises:
        SourceNotFoundError: It has none of the usual names.
    """
    found = _first(folder, _QUERY_NAMES)
    if found is None:
        reason = "has no file of queries (queries.jsonl or queries.tsv); name it with `queries`"
        raise SourceNotFoundError(folder, reason)
    return found


def find_qrels(folder: Path, split: str | None) -> tuple[str, Path]:
    """Return the split and its file of judgements.

    Args:
        folder: The collection. Judgements are in `qrels/SPLIT.tsv`, or in a file of the folder
            with "qrel" in its name, such as `qrels.SPLIT.txt` or plain `qrels`.
        split: The split; None takes "test" if it is there, else the only one.

    Raises:
        SourceNotFoundError: There are no judgements.
        ParameterError: There is no such split, or several and none is called "test".
    """
    splits = _splits(folder)
    if not splits:
        reason = "has no judgements (qrels/test.tsv or qrels.txt); name them with `qrels`"
        raise SourceNotFoundError(folder, reason)
    if split is None and len(splits) == 1:
        return next(iter(splits.items()))
    wanted = _USUAL if split is None else split
    if wanted not in splits:
        raise ParameterError("split", f"one of those in {folder}: {named(list(splits))}", split)
    return wanted, splits[wanted]


def split_of(qrels: Path) -> str:
    """Return the name of the split that a file of judgements is for: `qrels.dev.txt` is "dev"."""
    stem = without_suffix(qrels.name)
    for suffix in filter(None, _QRELS_SUFFIXES):
        stem = stem.removesuffix(suffix)
    return re.sub(r"[._-]*qrels?[._-]*", "", stem, flags=re.IGNORECASE) or _UNNAMED


def _splits(folder: Path) -> dict[str, Path]:
    inside = folder / "qrels"
    if inside.is_dir():
        check_folder(inside)
        files = [path for path in inside.iterdir() if not path.name.startswith(".")]
    else:
        files = [path for path in folder.iterdir() if "qrel" in path.name.lower()]
    known = [path for path in files if _is_qrels(path)]
    splits: dict[str, Path] = {}
    for path in sorted(known):
        splits.setdefault(split_of(path), path)
    return splits


def _is_qrels(path: Path) -> bool:
    return Path(without_suffix(path.name)).suffix in _QRELS_SUFFIXES and path.is_file()


def _first(folder: Path, names: Sequence[str]) -> Path | None:
    paths = (folder / f"{name}{suffix}" for name in names for suffix in ("", *SUFFIXES))
    return next((path for path in paths if path.is_file()), None)

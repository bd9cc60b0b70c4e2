"""What can be typed: names that a workspace has, found without opening more of it than needed.

A terminal asks at every press of Tab, in a process of its own.
"""

from __future__ import annotations

import re
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from embedsearch.workspace.layout import Layout, check_contents
from embedsearch.workspace.state import load_state

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from embedsearch.store.documents import DocumentStore

MOST = 100
"""How many names are listed."""

# The scripts of shells put names on the command line as they are: what a shell would run, expand or
# cut is not offered, as documents may come from anybody.
_IS_PLAIN = re.compile(r"[\w.,:@%+=/-]+").fullmatch


def complete_words(path: str | Path, beginning: str) -> list[str]:
    """List words of the vocabulary that begin so, frequent ones first; case may differ."""
    layout = _layout(path)
    number = load_state(layout).generation
    if number is None:
        return []
    text = layout.generation(number).vocabulary.read_bytes().decode()
    words = list(filter(_IS_PLAIN, (line.partition("\t")[0] for line in text.split("\n")[:-1])))
    exact = list(islice(_starting(words, beginning), MOST))
    return exact or list(islice(_starting(words, beginning.lower()), MOST))


def complete_ids(path: str | Path, beginning: str) -> list[str]:
    """List ids of documents that begin so, in alphabetical order."""
    with closing(_store(path)) as store:
        return list(filter(_IS_PLAIN, store.ids_from(beginning, MOST)))


def complete_fields(path: str | Path, beginning: str) -> list[str]:
    """List the fields that a condition can name and that begin so, frequent ones first."""
    with closing(_store(path)) as store:
        return list(islice(_starting(filter(_IS_PLAIN, store.field_names()), beginning), MOST))


def complete_languages(beginning: str, *, stems: bool = False) -> list[str]:
    """List the languages that search knows, or only those with stems."""
    import Stemmer

    from embedsearch.text.languages import stop_word_languages

    names = set(Stemmer.algorithms())
    return sorted(_starting(names if stems else names | {*stop_word_languages()}, beginning))


def _layout(path: str | Path) -> Layout:
    # Nothing is opened in a folder that is no workspace.
    check_contents(Path(path))
    return Layout(Path(path))


def _store(path: str | Path) -> DocumentStore:
    from embedsearch.store.documents import DocumentStore

    layout = _layout(path)
    load_state(layout)
    return DocumentStore(layout.documents, writable=False)


def _starting(names: Iterable[str], beginning: str) -> Iterator[str]:
    return (name for name in names if name.startswith(beginning))

"""Documents in the forms that people have them in Python: one or many, plain, rows or tables."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from embedsearch._checks import as_integer
from embedsearch._errors import ParameterError
from embedsearch._types import Document
from embedsearch.store.rows import content_digest, metadata_json
from embedsearch.text.records import flatten_metadata

Given = Document | str | Mapping[str, Any]
"""What may stand for one document."""

_ALLOWED = (
    'documents: es.Document(id, text), mappings with "text", texts, or a table (pandas, polars, '
    "Hugging Face) with such columns"
)
ID_NAMES = ("id", "_id")
"""Where a mapping has its id."""
OWN_NAMES = (*ID_NAMES, "title", "text")
"""What is no metadata."""


def as_documents(given: Given | Iterable[Given]) -> Iterator[Document]:
    """Yield the documents that are given; see `Workspace.add`."""
    if isinstance(given, Document | str | Mapping):
        given = [given]
    for number, item in enumerate(_rows(given)):
        yield _as_document(item, f"documents[{number}]")


def as_document(row: Mapping[str, Any], place: str) -> Document:
    """Make a document of a mapping; one without an id gets one made of its content."""
    row = flatten_metadata(row)
    if "text" not in row and "title" not in row:
        raise ParameterError(place, 'a mapping with "text" (or "title")', list(row))
    # Rows of a table have every column, whether they have a value or not.
    values = {name: _plain(value) for name, value in row.items() if not _is_missing(value)}
    id_ = id_in(values)
    # A column of whole numbers of which one is missing is one of floats in pandas.
    is_whole = isinstance(id_, float) and id_.is_integer()
    number = int(id_) if is_whole else as_integer(id_)
    title, text = values.get("title", ""), values.get("text", "")
    metadata = {name: value for name, value in values.items() if name not in OWN_NAMES}
    if id_ is None:
        return _named(text, metadata, title, place)
    return Document(id_ if number is None else str(number), text, metadata, title)


def id_in(values: Mapping[str, Any]) -> Any:
    """Return the first id of a mapping that is not empty; None if it has none."""
    return next((values[name] for name in ID_NAMES if values.get(name) not in (None, "")), None)


def _rows(given: Any) -> Iterable[Any]:
    """Return the rows of a table, or the items of anything else; no package is imported."""
    if callable(iter_rows := getattr(given, "iter_rows", None)):
        return iter_rows(named=True)  # type: ignore[no-any-return]
    if hasattr(given, "columns") and callable(to_dict := getattr(given, "to_dict", None)):
        return to_dict("records")  # type: ignore[no-any-return]
    # Paths are read by `add_sources`.
    if isinstance(given, bytes | os.PathLike) or not isinstance(given, Iterable):
        raise ParameterError("documents", _ALLOWED, given)
    return given


def _as_document(item: object, place: str) -> Document:
    if isinstance(item, Document):
        return item
    if isinstance(item, str):
        return _named(item, {}, "", place)
    if isinstance(item, Mapping):
        return as_document(item, place)
    raise ParameterError(place, _ALLOWED, item)


def _named(text: object, metadata: Mapping[str, Any], title: object, place: str) -> Document:
    """Make a document whose id is a digest of its content: the same one is the same document."""
    if not isinstance(text, str) or not isinstance(title, str):
        raise ParameterError(f"the text and the title of {place}", "strings", (text, title))
    content = metadata_json(Document(place, "", metadata)).encode()
    digest = content_digest(
        title.encode("utf-8", "replace"), text.encode("utf-8", "replace"), content
    )
    return Document(f"-:{digest.hex()[:16]}", text, metadata, title)


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value


def _is_missing(value: Any) -> bool:
    """Whether a table has no value there: None, NaN, NaT or pandas' NA."""
    try:
        return value is None or bool(value != value)
    except (ValueError, ArithmeticError):
        # An array of several values, or a signalling NaN of decimal, which is no missing value.
        return False
    except TypeError:
        # Nothing but pandas' NA neither is itself nor is not.
        return True

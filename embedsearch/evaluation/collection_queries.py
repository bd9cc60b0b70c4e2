"""The queries of a test collection: JSON lines as in BEIR, or `id, tab, text`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from embedsearch._errors import SourceFormatError
from embedsearch.evaluation.collection_files import ENCODING, named, opened
from embedsearch.text.readers.json import json_values
from embedsearch.text.records import missing_column, replace_surrogates, text_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from embedsearch.text.source_stream import SourceStream

_ID_NAMES = ("_id", "id", "qid", "query_id", "query-id")
_TEXT_NAMES = ("text", "query", "question", "title")


def read_queries(path: Path) -> tuple[dict[str, str], list[str]]:
    """Read queries: JSON objects with an id and a text, or lines of `id, tab, text`.

    Ids are under `_id`, `id`, `qid` or `query_id`, texts under `text`, `query`, `question` or
    `title`. A first line of such names is a header.

    Args:
        path: The file; `.gz`, `.bz2`, `.xz` and `.zst` are read too.

    Returns:
        The text of each query by its id, in the order of the file, and notes. Queries without
        text are left out, which a note says.

    Raises:
        SourceNotFoundError: There is no such file.
        SourceFormatError: A line is malformed, an id stands twice, or there is no query.
    """
    queries: dict[str, str] = {}
    blank: dict[str, int] = {}
    with opened(path) as source:
        for line, id_, text in _entries(source):
            if id_ in queries or id_ in blank:
                reason = f"a second query has the id {id_!r}; give each its own"
                raise SourceFormatError(source.name, reason, line)
            if text.strip():
                queries[id_] = text
            else:
                blank[id_] = line
    if not queries:
        reason = "holds no queries; it should have lines of JSON with _id and text"
        raise SourceFormatError(path, reason)
    notes = [f"queries left out because they have no text: {named(list(blank))}"] if blank else []
    return queries, notes


def _entries(source: SourceStream) -> Iterator[tuple[int, str, str]]:
    head = source.head(ENCODING).lstrip("\ufeff \t\r\n")
    return _of_json(source) if head.startswith(("{", "[")) else _of_lines(source)


def _of_json(source: SourceStream) -> Iterator[tuple[int, str, str]]:
    for line, value in json_values(source.name, source.chunks(ENCODING), json.JSONDecoder()):
        if not isinstance(value, Mapping):
            raise SourceFormatError(source.name, "holds JSON that is no object", line)
        id_ = _field(source, line, value, _ID_NAMES)
        text = text_value(_field(source, line, value, _TEXT_NAMES))
        if isinstance(id_, bool) or not isinstance(id_, str | int) or id_ == "":
            raise SourceFormatError(source.name, "the id must be a string or a number", line)
        if text is None:
            raise SourceFormatError(source.name, "the text of the query is not a string", line)
        yield line, replace_surrogates(str(id_)), text


def _field(
    source: SourceStream, line: int, record: Mapping[str, object], names: Sequence[str]
) -> object:
    for name in names:
        if name in record:
            return record[name]
    raise missing_column(source.name, f"has no {names[0]!r}", list(record), line)


def _of_lines(source: SourceStream) -> Iterator[tuple[int, str, str]]:
    for number, line in source.lines(ENCODING):
        if not line.strip():
            continue
        id_, tab, text = line.partition("\t")
        if not (tab and id_.strip()):
            reason = "is neither JSON nor an id, a tab and the text of a query"
            raise SourceFormatError(source.name, reason, number)
        is_header = id_.strip().lower() in _ID_NAMES and text.strip().lower() in _TEXT_NAMES
        if not (is_header and number == 1):
            yield number, id_.strip(), text.strip()

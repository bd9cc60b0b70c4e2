"""Looking at documents: `show`, `list` and `sample`; counts by field."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import click

from embedsearch._errors import QueryError
from embedsearch._messages import counted, cut
from embedsearch.cli.options import (
    Decorator,
    count_option,
    on_workspace,
    output_options,
    together,
    where_option,
)
from embedsearch.cli.output import Answer, align, show as show_answer
from embedsearch.cli.questions import counts, plain, question

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embedsearch._types import DocumentList
    from embedsearch.cli.output import Record
    from embedsearch.workspace import Workspace

    Range = tuple[int, int | None]

# All that `build` needs to make the same documents again.
_COLUMNS: tuple[str, ...] = ("id", "title", "text", "metadata")
_HIDDEN = frozenset({"metadata"})
# Of a text in a table.
_SHOWN = 80


def _as_range(_: click.Context, param: click.Parameter, value: str | None) -> Range | None:
    """Return the ends of `5`, `5-20` or `5-`, counted from 1; None for an open one."""
    if value is None:
        return None
    found = re.fullmatch(r"([0-9]{1,15})(-?)([0-9]{0,15})", value)
    first = int(found[1]) if found else 0
    last = int(found[3] or 0) if found and found[2] else first
    if not found or first < 1 or (found[3] and last < first):
        raise click.BadParameter(f"{value!r} is no range such as 5, 5-20 or 5-.", param=param)
    return first, last or None


def _range_option(flag: str, what: str) -> Decorator:
    text = f"Only these {what} of the text, counted from 1: 5, 5-20 or 5-."
    return click.option(flag, callback=_as_range, metavar="FIRST-LAST", help=text)


def _check_parts(lines: Range | None, chars: Range | None, **_: Any) -> str | None:
    return "--lines and --chars do not go together." if lines and chars else None


@question(
    click.Argument(["ids"], nargs=-1, required=True, metavar="ID..."),
    between="\t",
    check=_check_parts,
)
@_range_option("--lines", "lines")
@_range_option("--chars", "characters")
@output_options
def show(
    ws: Workspace, line: str, lines: Range | None = None, chars: Range | None = None
) -> Answer:
    """Show documents: title, source, metadata and text.

    \b
    embedsearch show 305 -w my.es
    embedsearch show 305 --chars 1-500 -w my.es
    embedsearch show 305 --json -w my.es

    With - as ID, ids are read from standard input: one per line, or several separated by tabs.
    """  # noqa: D301 - click ends its own wrapping at a backspace
    documents = [ws.documents[id] for id in line.split("\t")]
    columns = (*_COLUMNS, "source")
    records = ws.documents.table(documents, columns)
    if part := lines or chars:
        separator = "\n" if lines else ""
        records = [{**record, "text": _part(record, separator, *part)} for record in records]
    return Answer(records, columns, page=_page)


def _part(record: Record, separator: str, first: int, last: int | None) -> str:
    pieces = record["text"].split("\n") if separator else record["text"]
    if first > len(pieces):
        has = counted(len(pieces), "line" if separator else "character")
        raise QueryError(f"document {record['id']!r} has only {has}")
    return separator.join(pieces[first - 1 : last])


def _page(record: Record) -> str:
    """Write a document as it is read: facts, an empty line, the text."""
    own = {name: record[name] for name in ("id", "title", "source") if record[name]}
    lines = [[name, value] for name, value in _facts({**own, **record["metadata"]}) if value]
    return f"{align([], lines, [False, False])}\n{record['text'].rstrip()}\n"


def _facts(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield names, those in objects as `--where` has them, and values on one line."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _facts(inner, f"{name}.{key}" if name else key)
    elif isinstance(value, list) and not any(isinstance(part, list | dict) for part in value):
        yield name, ", ".join(text for part in value for _, text in _facts(part))
    elif value is not None:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        yield name, " ".join(text.split())


listing_options = together(
    where_option,
    click.option(
        "--columns",
        metavar="NAME,...",
        help="What to show: id, title, text, source, and fields of the metadata.",
    ),
)


def _check_listing(
    facet: str | None, sort: str | None, columns: str | None, offset: int, **_: Any
) -> str | None:
    if facet is not None and (sort is not None or columns is not None or offset):
        return "--facet does not go with --sort, --columns or --offset."
    return None


@click.command("list")
@on_workspace(check=_check_listing)
@count_option("-k", "--topn", default=10, help="How many to show; 0 for all.", least=0)
@click.option(
    "--offset", type=click.IntRange(min=0), default=0, metavar="N", help="Skip the first N."
)
@click.option("--sort", metavar="FIELD", help="Order by a field; -FIELD in descending order.")
@listing_options
@click.option("--facet", metavar="FIELD", help="Count the documents by the values of a field.")
@output_options
def list_(ws: Workspace, output: str | None, **options: Any) -> None:
    """List documents, in the order of their addition.

    \b
    embedsearch list --columns id,title,year --sort -year -w my.es
    embedsearch list --where "lang = 'en'" --facet year -w my.es
    embedsearch list -k 0 --jsonl -w my.es > all.jsonl

    Fields are named as in --where: `meta.agent` is within an object; `source` is the file that a
    document comes from. Values are ordered as numbers first, then dates, then texts; documents
    without one come last. --json, --jsonl and --csv have the whole texts and metadata;
    `embedsearch build` reads what --jsonl writes.
    """  # noqa: D301 - click ends its own wrapping at a backspace
    show_answer(listed(ws, **options), output)


def listed(
    ws: Workspace,
    topn: int = 10,
    offset: int = 0,
    sort: str | None = None,
    where: str | None = None,
    columns: str | None = None,
    facet: str | None = None,
) -> Answer:
    """Return the answer of `list`."""
    if facet is not None:
        return counts(ws.documents.facet(facet, where), topn)
    found = ws.documents.list(where, sort, topn or None, offset)
    shown = f"{offset + 1:,} to {offset + len(found):,}" if found else "none"
    note = f"{shown} of {counted(found.total, 'document')}"
    if where is not None and not found.total:
        note = f"no document meets {where}"
    return _documents(ws, found, columns, "" if found and len(found) == found.total else note)


@click.command()
@click.argument("n", type=click.IntRange(min=1), metavar="N")
@on_workspace()
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    metavar="N",
    help="Choose the same documents each time.  [others each time]",
)
@listing_options
@output_options
def sample(ws: Workspace, n: int, output: str | None, **options: Any) -> None:
    """Show N documents at random.

    \b
    embedsearch sample 5 -w my.es
    embedsearch sample 100 --seed 1 --where "year > 1990" --jsonl -w my.es
    """  # noqa: D301 - click ends its own wrapping at a backspace
    show_answer(sampled(ws, n, **options), output)


def sampled(
    ws: Workspace,
    n: int,
    seed: int | None = None,
    where: str | None = None,
    columns: str | None = None,
) -> Answer:
    """Return the answer of `sample`."""
    found = ws.documents.sample(n, seed, where)
    note = f"there are only {counted(found.total, 'document')}" if found.total < n else ""
    return _documents(ws, found, columns, note)


def _documents(ws: Workspace, found: DocumentList, columns: str | None, note: str) -> Answer:
    if columns is None:
        names, hidden = _COLUMNS, _HIDDEN
    else:
        names, hidden = tuple(dict.fromkeys(map(str.strip, columns.split(",")))), frozenset[str]()
    texts = {name: _cut if name == "text" else plain for name in names}
    records, notes = ws.documents.table(found, names), (note,) if note else ()
    return Answer(records, names, hidden, texts=texts, notes=notes, empty="")


def _cut(text: str) -> str:
    return cut(" ".join(text[: 10 * _SHOWN].split()), _SHOWN)

"""The pair of TSV files that the TensorFlow Embedding Projector loads.

One file has the vectors: a row on each line, numbers with tabs between. The other has the
metadata: with a single column, a word on each line and no header; with more, a first line that
names the columns. The words are the column `word`, `label` or `name`, or else the first; a
column `count` holds counts.

Of `vectors.tsv` the metadata are `metadata.tsv`: `vectors`, `tensors`, `tensor` or `vecs` in the
name gives way to `metadata` or `meta`. Beside any other `NAME.tsv` they are `NAME.metadata.tsv`
or `NAME_metadata.tsv`. Written are `metadata` and `NAME.metadata.tsv`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from embedsearch._errors import SourceFormatError, SourceNotFoundError
from embedsearch.text.byte_streams import without_suffix
from embedsearch.vectors.formats.base import Reading, Rest, VectorFormat
from embedsearch.vectors.formats.opening import LONGEST_VECTOR, open_plain
from embedsearch.vectors.formats.rows import RowChecker, without_rows
from embedsearch.vectors.formats.text_numbers import (
    first_bad,
    format_rows,
    is_like_number,
    not_a_number,
    parse_rows,
)
from embedsearch.vectors.formats.text_rows import (
    filled_blocks,
    first_line,
    line_blocks,
    without_bom,
)
from embedsearch.vectors.formats.word_lists import parse_counts, read_lines
from embedsearch.vectors.formats.words import check_writable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from embedsearch._progress import Progress
    from embedsearch._types import FloatMatrix, IntVector
    from embedsearch.vectors.formats.base import Block, LoadOptions
    from embedsearch.vectors.word_vectors import WordVectors

_VECTORS = re.compile(r"(vector|tensor)s?(?![a-z])|vecs?(?![a-z])")
_WORD_COLUMNS = (b"word", b"label", b"name")


def read(path: Path, options: LoadOptions) -> Reading:
    """Open a pair of files; see `base.Reader`."""
    vector_size = first_line(path).count(b"\t") + 1
    if vector_size > LONGEST_VECTOR:
        raise SourceFormatError(path, f"the vectors have {vector_size:,} dimensions", 1)
    beside = _metadata_beside(path)
    words, counts = _parse_metadata(beside, read_lines(beside))
    rest = Rest(counts=counts)
    blocks = _blocks(path, beside, words, vector_size, options, rest)
    return Reading(vector_size, None, blocks, rest)


def write(
    path: Path, vectors: WordVectors, progress: Progress, _inputs: FloatMatrix | None = None
) -> None:
    """Write a pair of files; see `base.Writer`."""
    words, counts = vectors.index_to_key, vectors.counts
    check_writable(words, spaces=True)
    beside = path.with_name(_metadata_names(path.stem)[0])
    with beside.open("w", encoding="utf-8", newline="\n") as file:
        if counts is None:
            file.writelines(f"{word}\n" for word in words)
        else:
            file.write("word\tcount\n")
            pairs = zip(words, counts.tolist(), strict=True)
            file.writelines(f"{word}\t{count}\n" for word, count in pairs)
    task = progress.task("writing vectors", len(words), "words")
    with path.open("w", encoding="ascii", newline="\n") as file, task as written:
        for _, rows in format_rows(vectors.vectors, "\t"):
            file.write("\n".join((*rows, "")))
            written.advance(len(rows))


def recognises(_path: Path, head: bytes) -> bool:
    """Tell vectors by a first line that is numbers with tabs between."""
    fields = without_bom(head).partition(b"\n")[0].rstrip(b"\r").split(b"\t")
    return len(fields) > 1 and all(map(is_like_number, fields[:-1]))


def _blocks(
    path: Path,
    beside: Path,
    words: list[bytes],
    vector_size: int,
    options: LoadOptions,
    rest: Rest,
) -> Iterator[Block]:
    checker = RowChecker(path, options, by_line=True)
    wanted = min(len(words), options.limit or len(words))
    done = 0
    with open_plain(path) as plain:
        for first, lines in filled_blocks(line_blocks(plain.stream, path), path):
            if part := lines[: wanted - done]:
                vectors = _parse(path, part, vector_size, first)
                yield checker.block(words[done : done + len(part)], vectors, first)
            if done + len(lines) > wanted == len(words):
                raise _other_count(beside, len(words), "more")
            done += len(part)
            if done == options.limit:
                break
    if done < wanted and any(words[done:]):
        raise _other_count(beside, len(words), f"{done:,}")
    if rest.counts is not None:
        rest.counts = without_rows(rest.counts[:done], [line - 1 for line in checker.skipped])
    checker.finish(rest)


def _parse(path: Path, lines: list[bytes], vector_size: int, first: int) -> FloatMatrix:
    rows: list[bytes] = []
    for line in lines:
        row = line.removesuffix(b"\r")
        if row.count(b"\t") != vector_size - 1 or b" " in row:
            fields = row.split(b"\t")
            found = f"has {len(fields):,} fields, not {vector_size:,} numbers with tabs"
            raise SourceFormatError(path, f"{found} between", first + len(rows))
        rows.append(row.replace(b"\t", b" "))
    vectors = parse_rows(rows, vector_size)
    if vectors is None:
        row_number, field = first_bad(rows)
        raise SourceFormatError(path, not_a_number(field), first + row_number)
    return vectors


def _parse_metadata(path: Path, lines: list[bytes]) -> tuple[list[bytes], IntVector | None]:
    names = lines[0].split(b"\t") if lines else []
    if len(names) < 2:
        return lines, None
    while lines and not lines[-1]:
        lines.pop()
    rows = [line.split(b"\t") for line in lines[1:]]
    for number, row in enumerate(rows, 2):
        if len(row) != len(names):
            raise SourceFormatError(path, f"has {len(row)} columns, not {len(names)}", number)
    columns = {name.lower(): place for place, name in reversed(list(enumerate(names)))}
    column = next((columns[name] for name in _WORD_COLUMNS if name in columns), 0)
    counts = columns.get(b"count")
    found = None if counts is None else parse_counts(path, [row[counts] for row in rows], 2)
    return [row[column] for row in rows], found


def _metadata_beside(path: Path) -> Path:
    plain = without_suffix(path.name)
    packed = path.name[len(plain) :]
    names = _metadata_names(plain.rpartition(".")[0] or plain)
    for name in names:
        for beside in (path.with_name(name), path.with_name(name + packed)):
            if beside.is_file():
                return beside
    reason = f"its metadata are not beside it; put the words into {' or '.join(names)}"
    raise SourceNotFoundError(path, reason)


def _metadata_names(stem: str) -> list[str]:
    found = list(_VECTORS.finditer(stem))
    if not found:
        return [f"{stem}.metadata.tsv", f"{stem}_metadata.tsv"]
    before, after = stem[: found[-1].start()], stem[found[-1].end() :]
    return [f"{before}{word}{after}.tsv" for word in ("metadata", "meta")]


def _other_count(path: Path, words: int, vectors: str) -> SourceFormatError:
    reason = f"names {words:,} words, and there are {vectors} vectors"
    advice = "a single column has no header, more columns must have one"
    return SourceFormatError(path, f"{reason}; {advice}")


FORMAT = VectorFormat(
    "projector",
    "TensorFlow Projector's vectors.tsv and metadata.tsv",
    (".tsv",),
    read,
    write,
    recognises,
    compressed=True,
    keeps=frozenset({"counts"}),
)

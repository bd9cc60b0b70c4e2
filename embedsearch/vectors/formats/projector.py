"""The pair of TSV files that the TensorFlow Embedding Projector loads.

One file has the vectors: a row on each line, numbers with tabs between. The other has the
metadata: with a single column, a word on each line and no header; with more, a first line that
names the columns. The words are the column `word`, `label` or `name`, or else the first; a
column `count` holds counts.

The metadata of `vectors.tsv` are in `metadata.tsv`: `vectors`, `tensors`, `tensor` or `vecs` in the
name is replaced by `metadata` or `meta`. Those of any other `NAME.tsv` are in `NAME.metadata.tsv`
or `NAME_metadata.tsv`. What is written is called `metadata` or `NAME.metadata.tsv`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from embedsearch._errors import SourceFormatError, SourceNotFoundError
from embedsearch.text.byte_streams import without_suffix
from embedsearch.vectors.formats.base import (
    Block,
    Reading,
    Rest,
    VectorFormat,
    check_size,
    open_plain,
)
from embedsearch.vectors.formats.text_table import (
    filled_blocks,
    first_line,
    format_rows,
    is_like_number,
    line_blocks,
    parse_counts,
    parse_numbers,
    read_lines,
    without_bom,
    write_words,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from embedsearch._progress import Progress
    from embedsearch._types import FloatMatrix, IntVector
    from embedsearch.vectors.formats.base import LoadOptions
    from embedsearch.vectors.word_vectors import WordVectors

# The last of these words that is not the beginning of another, such as `vectorial`.
_VECTORS = re.compile(r"(vector|tensor)s?(?![a-z])|vecs?(?![a-z])")
_WORD_COLUMNS = (b"word", b"label", b"name")


def _read(path: Path, options: LoadOptions) -> Reading:
    vector_size = first_line(path).count(b"\t") + 1
    check_size(path, vector_size, 1)
    metadata = _metadata_file(path)
    words, counts = _parse_metadata(metadata, read_lines(metadata))
    blocks = _blocks(path, metadata, words, vector_size, options.limit)
    return Reading(vector_size, None, blocks, Rest(counts=counts), by_line=True)


def _write(
    path: Path, vectors: WordVectors, progress: Progress, _inputs: FloatMatrix | None
) -> None:
    words, counts = vectors.index_to_key, vectors.counts
    metadata = path.with_name(_metadata_names(path.stem)[0])
    write_words(metadata, words, counts, "" if counts is None else "word\tcount\n")
    task = progress.task("writing vectors", len(words), "words")
    with path.open("w", encoding="ascii", newline="\n") as file, task as written:
        for _, rows in format_rows(vectors.vectors, "\t"):
            file.write("\n".join((*rows, "")))
            written.advance(len(rows))


def _recognises(_path: Path, head: bytes) -> bool:
    """Whether the first line is numbers with tabs between."""
    fields = without_bom(head).partition(b"\n")[0].rstrip(b"\r").split(b"\t")
    return len(fields) > 1 and all(map(is_like_number, fields[:-1]))


def _blocks(
    path: Path, metadata: Path, words: list[bytes], vector_size: int, limit: int | None
) -> Iterator[Block]:
    wanted = min(len(words), limit or len(words))
    done = 0
    with open_plain(path) as plain:
        for first, lines in filled_blocks(line_blocks(plain.stream, path), path):
            if part := lines[: wanted - done]:
                vectors = _parse(path, part, vector_size, first)
                yield Block(words[done : done + len(part)], vectors, first)
            if done + len(lines) > wanted == len(words):
                raise _wrong_count(metadata, len(words), "more")
            done += len(part)
            if done == limit:
                break
    # Empty lines at the end of the metadata are no words.
    if done < wanted and any(words[done:]):
        raise _wrong_count(metadata, len(words), f"{done:,}")


def _parse(path: Path, lines: list[bytes], vector_size: int, first: int) -> FloatMatrix:
    rows: list[bytes] = []
    for line in lines:
        row = line.removesuffix(b"\r")
        if row.count(b"\t") != vector_size - 1 or b" " in row:
            fields = row.split(b"\t")
            found = f"has {len(fields):,} fields, not {vector_size:,} numbers with tabs"
            raise SourceFormatError(path, f"{found} between", first + len(rows))
        rows.append(row.replace(b"\t", b" "))
    return parse_numbers(path, rows, vector_size, first)


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
    # Of two columns with one name the first counts.
    columns = {name.lower(): place for place, name in reversed(list(enumerate(names)))}
    column = next((columns[name] for name in _WORD_COLUMNS if name in columns), 0)
    counts = columns.get(b"count")
    found = None if counts is None else parse_counts(path, [row[counts] for row in rows], 2)
    return [row[column] for row in rows], found


def _metadata_file(path: Path) -> Path:
    plain = without_suffix(path.name)
    packed = path.name[len(plain) :]
    names = _metadata_names(plain.rpartition(".")[0] or plain)
    for name in names:
        for metadata in (path.with_name(name), path.with_name(name + packed)):
            if metadata.is_file():
                return metadata
    reason = f"its metadata are not there; put the words into {' or '.join(names)}, next to it"
    raise SourceNotFoundError(path, reason)


def _metadata_names(stem: str) -> list[str]:
    found = list(_VECTORS.finditer(stem))
    if not found:
        return [f"{stem}.metadata.tsv", f"{stem}_metadata.tsv"]
    before, after = stem[: found[-1].start()], stem[found[-1].end() :]
    return [f"{before}{word}{after}.tsv" for word in ("metadata", "meta")]


def _wrong_count(path: Path, words: int, vectors: str) -> SourceFormatError:
    reason = f"names {words:,} words, and there are {vectors} vectors"
    advice = "a single column has no header, more columns must have one"
    return SourceFormatError(path, f"{reason}; {advice}")


FORMAT = VectorFormat(
    "projector",
    "TensorFlow Projector's vectors.tsv and metadata.tsv",
    (".tsv",),
    _read,
    _write,
    _recognises,
    compressed=True,
    keeps=frozenset({"counts"}),
)

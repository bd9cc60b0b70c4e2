"""Test collections and runs: queries, which documents answer them, and what a search found.

The files have the layouts of BEIR and TREC.
"""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from embedsearch._checks import PATH, STRING, Optional, check
from embedsearch._errors import (
    InputError,
    ParameterError,
    SourceFormatError,
    SourceNotFoundError,
    StorageError,
)
from embedsearch._io import output
from embedsearch.evaluation.base import quoted_ids
from embedsearch.evaluation.files import UTF8, check_folder, numbered_lines, open_source
from embedsearch.text.byte_streams import SUFFIXES, without_suffix
from embedsearch.text.readers.json import json_values
from embedsearch.text.records import missing_column, replace_surrogates, text_value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embedsearch.text.source_stream import SourceStream

_QUERY_NAMES = ("queries.jsonl", "queries.tsv", "queries.txt", "topics.tsv", "topics.txt")
_QRELS_SUFFIXES = ("", ".tsv", ".txt", ".qrels", ".qrel")
# The one that BEIR reports.
_USUAL = "test"
_UNNAMED = "all"


@dataclass(frozen=True, slots=True)
class Collection:
    """Queries with judgements.

    Attributes:
        queries: The text of each query by its id. Each has a judgement.
        qrels: For each of these queries, in the same order, the grade of each judged document:
            above 0 is relevant, more is better. A document that is not judged is not relevant.
        split: Which part of the collection this is, such as "test".
        corpus: The file of documents, if the collection has one.
        notes: What was left out or assumed, a line each.

    Raises:
        InputError: A query has no judgements, or judgements have no query.
    """

    queries: Mapping[str, str]
    qrels: Mapping[str, Mapping[str, int]]
    split: str = "all"
    corpus: Path | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if odd := self.queries.keys() ^ self.qrels.keys():
            ids = quoted_ids(sorted(odd))
            raise InputError(f"these have a query or judgements, but not both: {ids}")


def load_collection(
    path: str | Path | None = None,
    split: str | None = None,
    *,
    queries: str | Path | None = None,
    qrels: str | Path | None = None,
) -> Collection:
    """Read a test collection.

    A folder in BEIR's layout has `corpus.jsonl`, `queries.jsonl` and `qrels/SPLIT.tsv`. The
    judgements may also be in TREC's layout and the queries lines of `id, tab, text`; see
    `read_qrels` and `read_queries`.

    Judged queries that have no text, and queries without judgements, are left out; the notes say
    so.

    Args:
        path: The folder, or a file of judgements.
        split: Which judgements of the folder; None takes "test" if it exists, else the only
            ones.
        queries: The file of queries; None looks in the folder.
        qrels: The file of judgements; None looks in the folder.

    Raises:
        SourceNotFoundError: The folder or a file is missing.
        SourceFormatError: A file is malformed; names the line.
        ParameterError: The split does not exist, must be chosen, or cannot be chosen.
        InputError: No query has a judgement.
    """
    for name, value in {"path": path, "queries": queries, "qrels": qrels}.items():
        check(name, value, Optional(PATH))
    check("split", split, Optional(STRING))
    if path is not None and Path(path).is_file():
        if qrels is not None:
            raise ParameterError("qrels", "left out if the path is a file of judgements", qrels)
        path, qrels = None, path
    folder = None if path is None else Path(path)
    if folder is not None:
        check_folder(folder)
    split, qrels_path = _qrels_of(folder, split, qrels)
    texts, text_notes = read_queries(_queries_of(folder, queries))
    grades, grade_notes = read_qrels(qrels_path)
    corpus = None if folder is None else _first(folder, ("corpus.jsonl",))
    judged, notes = _joined(texts, grades)
    notes = [*text_notes, *grade_notes, *notes]
    return Collection(judged, {id: grades[id] for id in judged}, split, corpus, tuple(notes))


# The highest grade: trec_eval, to which qrels are passed on, keeps a table of all up to it.
GRADE_LIMIT = 10_000

Qrels = dict[str, dict[str, int]]

_GRADE = re.compile(r"[+-]?[0-9]{1,9}(?:\.0*)?", re.ASCII)


def read_qrels(path: Path) -> tuple[Qrels, list[str]]:
    """Read judgements: `query, document, grade` (BEIR) or `query, 0, document, grade` (TREC).

    BEIR's columns have tabs between them and a header above them, TREC's any white space and no
    header; the first line decides. A grade is a whole number, above 0 for a relevant document. A
    pair that is judged twice alike counts once.
    """
    qrels: Qrels = {}
    count = 0
    separator, columns = None, 0
    for number, line in numbered_lines(path):
        if not columns:
            separator, columns = _layout(path, number, line)
            # Grades have digits; the name of their column has none.
            if columns == 3 and not any(map(str.isdigit, _fields(line, separator)[-1])):
                continue
        query, document, grade = _judgement(path, number, _fields(line, separator), columns)
        known = qrels.setdefault(query, {}).setdefault(document, grade)
        if known != grade:
            pair = f"document {document!r} for query {query!r}"
            reason = f"grades {pair} {grade}, and an earlier line {known}; remove one of them"
            raise SourceFormatError(path, reason, number)
        count += 1
    if not count:
        reason = "holds no judgements; it should have lines of query, document and grade"
        raise SourceFormatError(path, reason)
    return qrels, _grade_notes(qrels, count)


def _grade_notes(qrels: Qrels, count: int) -> list[str]:
    grades = [grade for judged in qrels.values() for grade in judged.values()]
    negative = sum(grade < 0 for grade in grades)
    notes = []
    if count > len(grades):
        notes.append(f"judgements given twice, which count once: {count - len(grades):,}")
    if negative:
        notes.append(f"judgements below 0, which count as not relevant: {negative:,}")
    return notes


def _judgement(path: Path, line: int, fields: list[str], columns: int) -> tuple[str, str, int]:
    if len(fields) != columns:
        reason = f"has {len(fields)} columns where the first line has {columns}; repair the line"
        raise SourceFormatError(path, reason, line)
    query, document, grade = fields[0], fields[-2], fields[-1]
    if not (query and document):
        raise SourceFormatError(path, "has no id of a query or a document; repair the line", line)
    return query, document, _grade(path, line, grade)


def _layout(path: Path, number: int, line: str) -> tuple[str | None, int]:
    for separator in ("\t", None):
        columns = len(_fields(line, separator))
        if columns in (3, 4):
            return separator, columns
    reason = "is not a judgement: neither query, document, grade nor query, 0, document, grade"
    raise SourceFormatError(path, reason, number)


def _fields(line: str, separator: str | None) -> list[str]:
    return [field.strip() for field in line.split(separator)]


def _grade(path: Path, line: int, text: str) -> int:
    grade = int(text.partition(".")[0]) if _GRADE.fullmatch(text) else None
    if grade is None or abs(grade) > GRADE_LIMIT:
        reason = f"the grade must be a whole number of at most {GRADE_LIMIT:,}, got {text[:40]!r}"
        raise SourceFormatError(path, reason, line)
    return grade


_ID_NAMES = ("_id", "id", "qid", "query_id", "query-id")
_TEXT_NAMES = ("text", "query", "question", "title")


def read_queries(path: Path) -> tuple[dict[str, str], list[str]]:
    """Read queries: JSON objects with an id and a text, or lines of `id, tab, text`.

    Ids are under `_id`, `id`, `qid` or `query_id`, texts under `text`, `query`, `question` or
    `title`. A first line of such names is a header. Queries without text are left out.
    """
    queries: dict[str, str] = {}
    blank: dict[str, int] = {}
    with open_source(path) as source:
        is_json = source.head(UTF8).lstrip("\ufeff \t\r\n").startswith(("{", "["))
        for line, id_, text in _of_json(source) if is_json else _of_lines(source):
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
    notes = [f"queries left out because they have no text: {quoted_ids(blank)}"] if blank else []
    return queries, notes


def _of_json(source: SourceStream) -> Iterator[tuple[int, str, str]]:
    for line, value in json_values(source.name, source.chunks(UTF8), json.JSONDecoder()):
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
    source: SourceStream, line: int, query: Mapping[str, object], names: Sequence[str]
) -> object:
    for name in names:
        if name in query:
            return query[name]
    raise missing_column(source.name, f"has no {names[0]!r}", list(query), line)


def _of_lines(source: SourceStream) -> Iterator[tuple[int, str, str]]:
    for number, line in source.lines(UTF8):
        if not line.strip():
            continue
        id_, tab, text = line.partition("\t")
        if not (tab and id_.strip()):
            reason = "is neither JSON nor an id, a tab and the text of a query"
            raise SourceFormatError(source.name, reason, number)
        is_header = id_.strip().lower() in _ID_NAMES and text.strip().lower() in _TEXT_NAMES
        if not (is_header and number == 1):
            yield number, id_.strip(), text.strip()


def _qrels_of(folder: Path | None, split: str | None, qrels: str | Path | None) -> tuple[str, Path]:
    """Return the split and its file of judgements.

    That is `qrels/SPLIT.tsv`, or a file of the folder with "qrel" in its name, such as
    `qrels.SPLIT.txt` or plain `qrels`.
    """
    if qrels is not None:
        if split is not None:
            raise ParameterError("split", "left out if a file of judgements is given", split)
        return _split_of(Path(qrels)), Path(qrels)
    if folder is None:
        raise ParameterError("path", "a folder or a file of judgements", None)
    splits = _splits(folder)
    if not splits:
        reason = "has no judgements (qrels/test.tsv or qrels.txt); name them with `qrels`"
        raise SourceNotFoundError(folder, reason)
    if split is None and len(splits) == 1:
        return next(iter(splits.items()))
    wanted = _USUAL if split is None else split
    if wanted not in splits:
        raise ParameterError("split", f"one of those in {folder}: {quoted_ids(splits)}", split)
    return wanted, splits[wanted]


def _queries_of(folder: Path | None, queries: str | Path | None) -> Path:
    if queries is not None:
        return Path(queries)
    if folder is None:
        raise ParameterError("queries", "the file of queries, as there is no folder", None)
    found = _first(folder, _QUERY_NAMES)
    if found is None:
        reason = "has no file of queries (queries.jsonl or queries.tsv); name it with `queries`"
        raise SourceNotFoundError(folder, reason)
    return found


def _joined(texts: dict[str, str], grades: Qrels) -> tuple[dict[str, str], list[str]]:
    """Return the queries that are judged, and notes of what does not fit together."""
    queries = {id: text for id, text in texts.items() if id in grades}
    unknown = [id for id in grades if id not in texts]
    if not queries:
        raise InputError(
            f"no query has a judgement: the queries are {quoted_ids(texts)}, "
            f"the judgements are for {quoted_ids(unknown)}; give files that belong together"
        )
    hopeless = [id for id in queries if max(grades[id].values()) <= 0]
    notes = []
    if unknown:
        notes.append(f"judged queries left out because they have no text: {quoted_ids(unknown)}")
    if len(queries) < len(texts):
        count = len(texts) - len(queries)
        notes.append(f"queries left out because they have no judgement: {count:,}")
    if hopeless:
        what = "queries without a relevant document, which score 0 as in trec_eval"
        notes.append(f"{what}: {quoted_ids(hopeless)}")
    return queries, notes


def _split_of(qrels: Path) -> str:
    """Return the name of the split that a file of judgements is for: `qrels.dev.txt` is "dev"."""
    stem = without_suffix(qrels.name)
    for suffix in filter(None, _QRELS_SUFFIXES):
        stem = stem.removesuffix(suffix)
    return re.sub(r"[._-]*qrels?[._-]*", "", stem, flags=re.IGNORECASE) or _UNNAMED


def _splits(folder: Path) -> dict[str, Path]:
    inside = folder / "qrels"
    if inside.is_dir():
        check_folder(inside)
        # macOS leaves `._test.tsv` beside a file that it has copied.
        files = [path for path in inside.iterdir() if not path.name.startswith(".")]
    else:
        files = [path for path in folder.iterdir() if "qrel" in path.name.lower()]
    splits: dict[str, Path] = {}
    for path in sorted(files):
        if Path(without_suffix(path.name)).suffix in _QRELS_SUFFIXES and path.is_file():
            splits.setdefault(_split_of(path), path)
    return splits


def _first(folder: Path, names: Sequence[str]) -> Path | None:
    paths = (folder / f"{name}{suffix}" for name in names for suffix in ("", *SUFFIXES))
    return next((path for path in paths if path.is_file()), None)


Ranking = Sequence[tuple[str, float]]
"""Documents and their scores, best first."""

Run = Mapping[str, Ranking]
"""The ranking of each query, by its id."""

# A line is `query Q0 document rank score tag`. Only the score counts for trec_eval: it reads it
# with the precision of float32, ignores the rank, and puts the documents of one score in
# descending order of their ids. So a file is written with scores that are different as float32,
# and read in that order.
_COLUMNS = 6
# Below what float32 holds, so that a score can be lowered further.
_LARGEST = 1e38


def write_run(run: Run, path: str | Path, tag: str = "embedsearch") -> Path:
    """Write a run file as a whole, or not at all.

    A score that is not below the one before, as float32, is lowered by as little as float32
    allows, so that trec_eval keeps the order of `run`.

    Args:
        run: The rankings.
        path: The file, replaced if it is there; it is also what is returned.
        tag: What the run is called in the last column.

    Raises:
        InputError: An id has white space or is empty, which the layout cannot hold, or a score
            is not finite; names it.
        ParameterError: The tag has white space or is empty.
        StorageError: The file cannot be written.
    """
    check("path", path, PATH)
    path = Path(path)
    if not isinstance(run, Mapping):
        raise ParameterError("run", "a mapping of queries to rankings", run)
    if not isinstance(tag, str) or not _is_word(tag):
        raise ParameterError("tag", "one word", tag)
    try:
        with output(path) as place, place.open("w", encoding="utf-8", newline="\n") as file:
            for query, ranking in run.items():
                file.writelines(_lines(query, ranking, tag))
    except (OSError, UnicodeEncodeError) as error:
        reason = f"cannot be written ({error}); choose a file in a folder that can be written to"
        raise StorageError(path, reason) from error
    return path


def read_run(path: str | Path) -> dict[str, list[tuple[str, float]]]:
    """Read a run file: the ranking of each query, in the order that trec_eval gives it.

    Args:
        path: The file; `.gz`, `.bz2`, `.xz` and `.zst` are read too.

    Raises:
        SourceNotFoundError: There is no such file.
        SourceFormatError: A line is malformed, a score is not a number, a document comes twice
            for a query, or the file is empty.
    """
    scores: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for number, line in numbered_lines(path):
        query, document, score = _entry(path, number, line)
        if document in scores[query]:
            reason = f"document {document!r} comes twice for query {query!r}; remove one of them"
            raise SourceFormatError(path, reason, number)
        scores[query][document] = score
    if not scores:
        reason = "holds no run; it should have lines of query, Q0, document, rank, score and tag"
        raise SourceFormatError(path, reason)
    return {query: _as_trec_eval(found) for query, found in scores.items()}


def _lines(query: str, ranking: Ranking, tag: str) -> Iterator[str]:
    for id_, what in ((query, "query"), *((document, "document") for document, _ in ranking)):
        if not _is_word(id_):
            raise InputError(
                f"the {what} id {id_!r} has white space or is empty, which a TREC run cannot hold; "
                "give it another id, or evaluate without writing a run"
            )
    scores = _falling(query, ranking)
    for rank, ((document, _), score) in enumerate(zip(ranking, scores, strict=True), 1):
        # Nine digits tell any two float32 apart.
        yield f"{query} Q0 {document} {rank} {score:.9g} {tag}\n"


def _falling(query: str, ranking: Ranking) -> list[float]:
    scores = np.array([score for _, score in ranking], dtype=np.float64)
    finite = np.isfinite(scores)
    if not finite.all():
        document, score = ranking[int(finite.argmin())]
        raise InputError(f"the score of document {document!r} for query {query!r} is {score}")
    falling = np.clip(scores, -_LARGEST, _LARGEST).astype(np.float32)
    if (falling[1:] >= falling[:-1]).any():
        for rank in range(1, len(falling)):
            below = np.nextafter(falling[rank - 1], np.float32(-np.inf))
            falling[rank] = min(falling[rank], below)
    return [float(score) for score in falling]


def _entry(path: str | Path, number: int, line: str) -> tuple[str, str, float]:
    fields = line.split()
    if len(fields) != _COLUMNS:
        reason = f"has {len(fields)} columns; a run has query, Q0, document, rank, score and tag"
        raise SourceFormatError(path, reason, number)
    try:
        score = float(fields[4])
    except ValueError:
        score = math.nan
    if math.isnan(score):
        raise SourceFormatError(path, f"the score {fields[4][:40]!r} is not a number", number)
    return fields[0], fields[2], score


def _as_trec_eval(scores: Mapping[str, float]) -> list[tuple[str, float]]:
    # A score beyond float32 is infinite for trec_eval, too.
    with np.errstate(over="ignore"):
        return sorted(scores.items(), key=lambda item: (np.float32(item[1]), item[0]), reverse=True)


def _is_word(text: str) -> bool:
    return text.split() == [text]

"""Run files, in which the field passes on what a search found: TREC's layout.

A line is `query Q0 document rank score tag`. Only the score counts for trec_eval: it reads it
with the precision of float32, ignores the rank, and puts the documents of one score in
descending order of their ids. So a file is written with scores that are different as float32,
and read in that order.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from embedsearch._errors import InputError, ParameterError, SourceFormatError, StorageError
from embedsearch._io import output
from embedsearch.evaluation.files import numbered_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

Ranking = Sequence[tuple[str, float]]
"""Documents and their scores, best first."""

Run = Mapping[str, Ranking]
"""The ranking of each query, by its id."""

# Below what float32 holds, so that a score can be lowered further.
_LARGEST = 1e38
_COLUMNS = 6


def write_run(run: Run, path: str | Path, tag: str = "embedsearch") -> Path:
    """Write a run file as a whole, or not at all.

    A score that is not below the one before, as float32, is lowered by as little as float32
    allows, so that trec_eval keeps the order of `run`.

    Args:
        run: The rankings.
        path: The file, replaced if it is there.
        tag: What the run is called in the last column.

    Returns:
        The path.

    Raises:
        InputError: An id has white space or is empty, which the layout cannot hold, or a score
            is not finite; names it.
        ParameterError: The tag has white space or is empty.
        StorageError: The file cannot be written.
    """
    path = Path(path)
    if not _is_word(tag):
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
    """Read a run file, of embedsearch or of any other program.

    Args:
        path: The file; `.gz`, `.bz2`, `.xz` and `.zst` are read too.

    Returns:
        The ranking of each query, in the order that trec_eval gives it.

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
    with np.errstate(over="ignore"):
        return sorted(scores.items(), key=lambda item: (np.float32(item[1]), item[0]), reverse=True)


def _is_word(text: str) -> bool:
    return text.split() == [text]

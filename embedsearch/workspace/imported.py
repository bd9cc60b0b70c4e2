"""Word vectors that were trained elsewhere, on their way into a workspace."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedsearch._errors import ParameterError, VectorError
from embedsearch.text.settings import TokenizerSettings
from embedsearch.training.base import TrainedModel, TrainingReport
from embedsearch.vectors.word_vectors import WordVectors

if TYPE_CHECKING:
    from collections.abc import Iterable

    from embedsearch._progress import Progress
    from embedsearch.vectors.formats.base import LoadOptions

IMPORTED = "import"
_UNKEPT = frozenset("\t\n\r")
_LOOKED_AT = 20_000
_CASED = 0.02


@dataclass(frozen=True, slots=True, eq=False)
class ImportedVectors:
    """Word vectors with what a workspace tells of them.

    Attributes:
        model: The vectors, with the words' own rows where they are composed of n-grams.
        source: Where they came from, in a few words.
    """

    model: TrainedModel
    source: str

    def report(self, documents: int) -> TrainingReport:
        """Return what the manifest has in place of the report of a training."""
        vectors = self.model.vectors
        subwords = vectors.subwords
        parameters: dict[str, Any] = {"vector_size": vectors.vector_size, "epochs": 0}
        if subwords is not None:
            parameters["min_n"], parameters["max_n"] = subwords.min_n, subwords.max_n
            parameters["bucket"] = subwords.bucket
        return TrainingReport(
            trainer=IMPORTED,
            parameters=parameters,
            documents=documents,
            tokens=0 if vectors.counts is None else int(vectors.counts.sum()),
            vocabulary=len(vectors),
            seconds=0.0,
            cpu_seconds=0.0,
            choices=f"imported from {self.source}",
        )


def imported_vectors(
    source: object,
    format: str,
    options: LoadOptions,
    folder: Path,
    progress: Progress,
) -> ImportedVectors:
    """Take vectors from memory, or stream them from a file into `folder`, and map them.

    Raises:
        InputError: The file cannot be read, or a word cannot be kept in a workspace.
    """
    if isinstance(source, TrainedModel):
        found = ImportedVectors(source, "memory")
    elif isinstance(source, WordVectors):
        found = ImportedVectors(TrainedModel(source), "memory")
    elif isinstance(source, str | Path):
        found = _from_file(Path(source), format, options, folder, progress)
    else:
        allowed = "a file, WordVectors or a TrainedModel (es.from_gensim makes one)"
        raise ParameterError("source", allowed, type(source))
    _check(found.model.vectors)
    return found


def fitting_tokenizer(vectors: WordVectors) -> TokenizerSettings:
    """Choose how documents are cut to match a vocabulary: case is folded unless it has case."""
    return TokenizerSettings(lowercase=not has_case(vectors.index_to_key))


def has_case(words: Iterable[str]) -> bool:
    """Tell whether more than a few of the first words have capital letters."""
    looked_at = [word for word in islice(words, _LOOKED_AT) if word.lower() != word.upper()]
    cased = sum(word != word.lower() for word in looked_at)
    return cased > _CASED * len(looked_at)


def _from_file(
    path: Path, format: str, options: LoadOptions, folder: Path, progress: Progress
) -> ImportedVectors:
    from embedsearch.vectors.formats.loading import read_into

    read = read_into(folder, path, format, options, progress)
    rest = read.rest
    vectors = WordVectors(read.vectors, read.words, rest.counts, rest.subwords, check=False)
    return ImportedVectors(
        TrainedModel(vectors, inputs=rest.inputs), f"{path.name} ({read.format})"
    )


def _check(vectors: WordVectors) -> None:
    if len(vectors) < 2:
        raise VectorError(f"a workspace needs two words or more, got {len(vectors)}")
    for row, word in enumerate(vectors.index_to_key):
        if not word or not _UNKEPT.isdisjoint(word):
            raise VectorError(
                f"the word {word!r} (row {row}) is empty or has a tab or line break, "
                "which a workspace cannot keep; leave it out"
            )

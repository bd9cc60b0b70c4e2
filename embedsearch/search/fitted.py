"""Encoders by name that are fitted to the documents, where others are loaded."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from embedsearch._errors import CorpusTooSmallError, ParameterError, VectorError
from embedsearch.training.doc2vec import Doc2VecEncoder
from embedsearch.training.doc2vec_state import check_settings
from embedsearch.vectors.base import Encoder
from embedsearch.vectors.encoders.checked import CheckedEncoder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from embedsearch._progress import Progress
    from embedsearch._types import FloatMatrix, IntVector
    from embedsearch.search.terms import TermDocuments, Terms

_SIZE = 100


@runtime_checkable
class FittedEncoder(Encoder, Protocol):
    """An encoder that has learned from the documents which it encodes.

    What it makes of a document says more than that of one that it has not seen, so the trial of
    search has it learn anew without the words that it hides.
    """

    def refitted(self, passages: Sequence[str]) -> Encoder:
        """Learn the same from other passages.

        Args:
            passages: Their terms, with spaces between.

        Returns:
            An encoder of texts that are written in this way.

        Raises:
            CorpusTooSmallError: There is too little to learn from.
        """

    def to_tensors(self) -> dict[str, NDArray[Any]]:
        """Return the arrays for a file."""


class Doc2VecOfTerms:
    """gensim's Doc2Vec, learned from the terms of passages; see `Doc2VecEncoder`.

    Stems without stop words serve search best.

    Args:
        learned: What was learned; its words are terms.
        columns: `(V',)` which terms they are.
    """

    def __init__(self, learned: Doc2VecEncoder, columns: IntVector) -> None:
        self.learned, self.columns = learned, columns

    @classmethod
    def fit(
        cls,
        passages: TermDocuments,
        terms: Terms,
        tokenize: Callable[[str], list[str]],
        vector_size: int = _SIZE,
        progress: Progress | None = None,
    ) -> Doc2VecOfTerms:
        """Learn from passages.

        Args:
            passages: Of all documents.
            terms: What they consist of.
            tokenize: Cuts texts into terms.
            vector_size: Dimensions of a vector.
            progress: A listener.

        Raises:
            CorpusTooSmallError: Fewer than two passages have a term that occurs twice.
        """
        lists = term_lists(passages, terms)
        learned = Doc2VecEncoder.fit(lists, tokenize, vector_size=vector_size, progress=progress)
        columns = np.array([terms.columns[word] for word in learned.state.words], np.int64)
        return cls(learned, columns)

    @classmethod
    def restore(
        cls,
        tensors: Mapping[str, NDArray[Any]],
        terms: Terms,
        tokenize: Callable[[str], list[str]],
    ) -> Doc2VecOfTerms:
        """Make an encoder of what `to_tensors` gave.

        Raises:
            VectorError: An array is missing, or does not fit the others or the terms.
            ParameterError: A setting is out of its range.
        """
        columns = tensors.get("terms", np.zeros(0, np.int64))
        whole = columns.dtype == np.int64 and columns.ndim == 1
        if not whole or ((columns < 0) | (columns >= len(terms))).any():
            raise VectorError(f"damaged: Doc2Vec has words that are none of {len(terms)} terms")
        words = [terms.terms[column] for column in columns.tolist()]
        return cls(Doc2VecEncoder.from_tensors(words, tensors, tokenize), columns)

    def encode_documents(self, texts: Sequence[str]) -> FloatMatrix:
        """Infer the vectors of texts: `(n, d)`, zeros where no term is known."""
        return self.learned.encode_documents(texts)

    def encode_queries(self, texts: Sequence[str]) -> FloatMatrix:
        """Infer the vectors of queries; see `encode_documents`."""
        return self.learned.encode_queries(texts)

    def refitted(self, passages: Sequence[str]) -> Doc2VecEncoder:
        """Learn the same from other passages; see `FittedEncoder`."""
        size = self.learned.state.settings.vector_size
        return Doc2VecEncoder.fit(map(_parted, passages), _parted, vector_size=size)

    def to_tensors(self) -> dict[str, NDArray[Any]]:
        """Return the arrays for a file; the terms are kept apart."""
        return {**self.learned.to_tensors(), "terms": self.columns}


def fitted_size(spec: str) -> int | None:
    """Return the dimensions of the encoder `doc2vec` or `doc2vec:SIZE`; None for any other.

    Raises:
        ParameterError: SIZE is no whole number between 1 and 10,000.
    """
    name, colon, argument = spec.partition(":")
    if name != "doc2vec":
        return None
    if not colon:
        return _SIZE
    try:
        check_settings(vector_size=int(argument))
    except ValueError as error:
        allowed = "doc2vec or doc2vec:SIZE, with 1 to 10,000 dimensions"
        raise ParameterError("encoder", allowed, spec) from error
    return int(argument)


def fit_encoders(
    specs: Sequence[str],
    loaded: Sequence[CheckedEncoder],
    passages: TermDocuments,
    terms: Terms,
    tokenize: Callable[[str], list[str]],
    progress: Progress,
) -> tuple[list[CheckedEncoder], dict[str, str]]:
    """Fit those of some encoders that are fitted to documents.

    Args:
        specs: Their names.
        loaded: Those that are not fitted.
        passages: Of all documents.
        terms: What they consist of.
        tokenize: Cuts texts into terms.
        progress: A listener.

    Returns:
        The encoders, in the order of their names, without those that there is too little to
        learn from; and what is the matter with each of these.
    """
    found, left_out = {encoder.name: encoder for encoder in loaded}, dict[str, str]()
    for spec in specs:
        size = fitted_size(spec)
        if size is None:
            continue
        try:
            made = Doc2VecOfTerms.fit(passages, terms, tokenize, size, progress)
        except CorpusTooSmallError as error:
            left_out[spec] = str(error)
            progress.note(f"the encoder {spec} is left out for now: {error}")
        else:
            found[spec] = CheckedEncoder(made, spec, vector_size=size)
    return [found[spec] for spec in specs if spec in found], left_out


def restore_encoder(
    spec: str,
    vector_size: int,
    tensors: Mapping[str, NDArray[Any]],
    terms: Terms,
    tokenize: Callable[[str], list[str]],
) -> CheckedEncoder:
    """Make an encoder that was fitted of the arrays that are stored under its name.

    Args:
        spec: Its name.
        vector_size: The dimensions that documents were encoded with.
        tensors: The arrays of all encoders.
        terms: Those of the space.
        tokenize: Cuts texts into terms.

    Raises:
        VectorError: An array is missing, or does not fit the others or the terms.
        ParameterError: A setting is out of its range.
    """
    start = f"{spec}."
    own = {key[len(start) :]: array for key, array in tensors.items() if key.startswith(start)}
    made = Doc2VecOfTerms.restore(own, terms, tokenize)
    found = made.learned.state.settings.vector_size
    if found != vector_size:
        raise VectorError(f"damaged: {spec} has {found} dimensions, {vector_size} were written")
    return CheckedEncoder(made, spec, vector_size=vector_size)


def refitted_scores(
    encoder: FittedEncoder, terms: Terms, passages: TermDocuments, queries: TermDocuments
) -> FloatMatrix:
    """Score passages for queries by an encoder fitted to these passages and nothing else.

    Returns:
        `(nq, p)` cosines; zeros where there is too little to fit it to.
    """
    texts, asked = (list(map(" ".join, term_lists(some, terms))) for some in (passages, queries))
    try:
        learned = CheckedEncoder(encoder.refitted(texts), "fitted anew")
    except CorpusTooSmallError:
        return np.zeros((len(asked), len(texts)), np.float32)
    scores: FloatMatrix = learned.encode_queries(asked) @ learned.encode_documents(texts).T
    return scores


def term_lists(documents: TermDocuments, terms: Terms) -> Iterator[list[str]]:
    """Yield the terms of each document."""
    names = np.array(terms.terms, object)
    for start, stop in pairwise(documents.bounds.tolist()):
        yield names[documents.ids[start:stop]].tolist()


def _parted(text: str) -> list[str]:
    return text.split(" ") if text else []

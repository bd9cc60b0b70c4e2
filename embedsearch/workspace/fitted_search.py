"""How the documents of a workspace are found, as learned from all of them."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._errors import CorpusTooSmallError
from embedsearch._processes import one_blas_thread
from embedsearch._progress import SilentProgress
from embedsearch.index.candidate_index import CandidateIndex
from embedsearch.index.neighbor_graph import neighbor_graph
from embedsearch.search.document_expansion import ExpandedDocuments, neighbors_of
from embedsearch.search.document_index import (
    SCANNED,
    DocumentVectors,
    PassageVectors,
    passage_means,
    shrinks,
)
from embedsearch.search.fitting import StreamTerms, TermVectors, fit_space
from embedsearch.search.latent_space import Spreads, all_pieces, full_text, split
from embedsearch.search.model import SearchModel
from embedsearch.text.lexicon import unspaced_tokens
from embedsearch.text.settings import ELIDED
from embedsearch.text.stream_writer import write_texts
from embedsearch.text.tokenizers import TextProcessor
from embedsearch.vectors.arrays import row_blocks
from embedsearch.vectors.encoders import load_encoder
from embedsearch.vectors.rounded import RoundedRows, row_factors
from embedsearch.vectors.sif import SifEncoder, zipf_counts
from embedsearch.vectors.tensors import Blocks, open_tensors, save_tensors
from embedsearch.workspace.lexical_sync import analyzer_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from embedsearch._progress import Progress, Task
    from embedsearch._types import FloatMatrix, IntVector
    from embedsearch.search.latent_space import Block, TermDocuments
    from embedsearch.search.options import SearchSettings
    from embedsearch.search.segments import Segmented
    from embedsearch.store.documents import DocumentStore
    from embedsearch.text.settings import TokenizerSettings
    from embedsearch.text.stream import TokenStream
    from embedsearch.vectors.encoders import CheckedEncoder
    from embedsearch.vectors.sif import RowBlock
    from embedsearch.vectors.word_vectors import WordVectors
    from embedsearch.workspace.layout import GenerationLayout


# Documents whose texts are in memory at once.
_BATCH = 1_000
# Of the vectors of terms, which a search index is fitted with.
_TERM_SIZE, _TERM_WINDOW = 100, 10


@dataclass(frozen=True, slots=True, eq=False)
class FitSettings:
    """How search is fitted to documents; use `load`, which loads the encoders."""

    tokenizer: TokenizerSettings
    search: SearchSettings
    # That of the documents, where it was detected already.
    language: str
    encoders: Sequence[CheckedEncoder]
    # Whether the word vectors were learned from these documents.
    learned: bool

    @classmethod
    def load(
        cls,
        tokenizer: TokenizerSettings,
        search: SearchSettings,
        language: str | None = None,
        *,
        learned: bool = True,
    ) -> FitSettings:
        """Load the encoders that the settings of search name; see `load_encoder`."""
        encoders = [load_encoder(spec) for spec in search.encoders]
        return cls(tokenizer, search, language or search.language, encoders, learned)


@dataclass(frozen=True, slots=True, eq=False)
class FittedSearch:
    """How documents are found, as learned from all of them, and their vectors."""

    # Encodes texts in the space of the words; the model, in that of search.
    encoder: SifEncoder
    model: SearchModel
    documents: DocumentVectors
    settings: SearchSettings

    @property
    def facts(self) -> dict[str, Any]:
        """What the manifest says of it."""
        return {
            "change": self.documents.change,
            "fitted_documents": len(self.documents),
            "search": {**self.model.to_json(), "settings": self.settings.to_json()},
        }

    def save(self, files: GenerationLayout) -> None:
        """Write its files."""
        save_tensors(files.encoder, self.encoder.to_tensors(), {})
        save_tensors(files.search, self.model.to_tensors(), {})
        text = "".join(f"{term}\n" for term in self.model.space.terms.terms)
        files.terms.write_text(text, encoding="utf-8", newline="\n")
        write_document_vectors(files, self.documents, self.model.space.ranks)


@one_blas_thread()
def fit_search(
    stream: TokenStream,
    store: DocumentStore,
    vectors: WordVectors,
    fit: FitSettings,
    progress: Progress,
) -> FittedSearch:
    """Learn how documents are encoded and found, and encode them, unless words alone are wanted.

    If the counts of the words are not known, words weigh by how often the documents have them;
    without documents, by Zipf's law.
    """
    analyzer = analyzer_of(store, fit.tokenizer, fit.language)
    if not fit.search.search:
        rows = np.full(len(stream.types), -1)
        encoder = SifEncoder(vectors.vectors, _counts(vectors, rows, stream.counts))
        model = SearchModel.unfitted(analyzer)
        return FittedSearch(encoder, model, DocumentVectors.empty(), fit.search)
    encoder, encoded = _in_word_space(stream, vectors, progress)
    with progress.task("learning to search", len(stream), "documents") as task:
        # Pairs of characters are not the words that have vectors.
        paired = fit.learned and _words_found(stream, fit.tokenizer) > stream.total // 2
        with _plain_tokens(stream, store, fit.tokenizer) as words:
            cut = StreamTerms(words, analyzer, () if paired else vectors.index_to_key)
            terms = cut.documents()
        known = None if paired else vectors
        term_vectors = _term_vectors(cut, known, fit.tokenizer)
        statistics = cut.statistics(terms)
        passages, bounds = split(terms)
        parts = statistics.of_parts(len(passages) / max(len(terms), 1))
        space = fit_space(passages, cut.terms, parts, term_vectors, fit.encoders)
        task.advance(len(stream))
    with progress.task("encoding passages", len(passages), "passages") as task:
        latent = space.linear_documents(passages.counts)
        # Encoders that are plugged in take nearly all of the time.
        if fit.encoders:
            external = _encode_external(stream, store, fit.encoders, bounds, task)
            latent = np.concatenate((latent, external), axis=1)
        else:
            task.advance(len(passages))
    shrink = shrinks(np.diff(passages.bounds), parts.mean_length)
    spreads = Spreads.of(latent, space.blocks, statistics.bm25(terms.counts), shrink)
    with progress.task("comparing documents", len(stream), "documents") as task:
        vectors_of = PassageVectors(latent, bounds, shrink)
        expanded = expanded_documents(terms, vectors_of, space.blocks[:1])
        task.advance(len(stream))
    documents = DocumentVectors.of(
        stream.numbers, encoded, latent, store.change, bounds, shrink, expanded
    )
    model = SearchModel(analyzer, space, spreads, statistics.mean_length)
    return FittedSearch(encoder, model, documents, fit.search)


def expanded_documents(
    terms: TermDocuments, passages: PassageVectors, blocks: Sequence[Block]
) -> ExpandedDocuments:
    """Find the neighbours of all documents by the mean of their passages in some blocks."""
    width = blocks[-1].columns.stop if blocks else 0
    X = passage_means(passages.X[:, :width], passages.bounds, blocks)
    return ExpandedDocuments.of(terms.counts, *neighbor_graph(X, neighbors_of(len(X))))


def write_document_vectors(
    files: GenerationLayout, documents: DocumentVectors, ranks: tuple[int, ...] = ()
) -> None:
    """Write the vectors of documents, and if there are many, their clusters.

    `ranks` are those of the space, whose columns need not be kept.
    """
    rows = documents.rows.in_order
    passages, bounds = documents.rows.passages(rows)
    tensors: dict[str, NDArray[Any] | Blocks] = {
        "numbers": documents.rows.numbers[rows],
        **_rounded("vectors", documents.vectors, rows),
        **_rounded("latent", documents.latent, passages, sum(ranks)),
        "owners": bounds,
    }
    if documents.shrink is not None:
        tensors["shrink"] = documents.shrink.rows[passages]
    if documents.expanded is not None:
        tensors |= documents.expanded.to_tensors(rows)
    save_tensors(files.documents, tensors, {})
    if len(passages) > SCANNED and documents.latent.shape[1]:
        latent = RoundedRows.from_tensors(open_tensors(files.documents), "latent", ranks)
        CandidateIndex.build(latent).save(files.document_index)


def _rounded(
    name: str, X: Segmented, rows: IntVector, first: int = 0
) -> dict[str, NDArray[Any] | Blocks]:
    """Return rounded rows to be written a block at a time: those of the base stay in their file.

    Columns before the `first` are left out.

    In two bytes; in one, of the ten nearest documents less than 99 % would be the same.
    """
    parts = [rows[block] for block in row_blocks(len(rows))]
    factors = [row_factors(X.take(part)[:, first:], np.int16) for part in parts]
    steps = (RoundedRows.of(X.take(part)[:, first:], np.int16).steps for part in parts)
    return {
        name: Blocks(np.dtype(np.int16), (len(rows), X.shape[1] - first), steps),
        f"{name}.factors": np.concatenate([np.zeros(0, np.float32), *factors]),
    }


@contextmanager
def _plain_tokens(
    stream: TokenStream, store: DocumentStore, tokenizer: TokenizerSettings
) -> Iterator[TokenStream]:
    """Yield the tokens of the same documents with their accents and endings, as search cuts."""
    same = tokenizer.stem is None and tokenizer.accents == "keep"
    if same and tokenizer.elision not in ELIDED and not _words_found(stream, tokenizer):
        yield stream
        return
    plain = replace(
        tokenizer,
        stop_words=(),
        stem=None,
        accents="keep",
        digits="keep",
        phrases=None,
        segmentation="pairs",
        elision="none",
    )
    texts = ((number, full_text(document)) for number, document in store.changed_since(0))
    with TemporaryDirectory(prefix="embedsearch-") as name:
        yield write_texts(Path(name), texts, TextProcessor(plain))


def _words_found(stream: TokenStream, tokenizer: TokenizerSettings) -> int:
    """Count the tokens that may be words of scripts without spaces, of which search has pairs."""
    return unspaced_tokens(stream) if tokenizer.finds_words else 0


def _term_vectors(
    cut: StreamTerms, known: WordVectors | None, tokenizer: TokenizerSettings
) -> TermVectors:
    """Choose whose vectors encode documents for search: those of the workspace, if they are known.

    Pairs of characters get vectors of their own.
    """
    if known is None:
        return trained_vectors
    vectors = cut.vectors(known, TextProcessor(tokenizer).lookup)
    return lambda _: vectors


def trained_vectors(documents: TermDocuments, seed: int = 1) -> FloatMatrix:
    """Train term vectors on the documents.

    Every term gets one, however rare, as rare words are what queries are about; and the window
    is wide, as what stands in one passage is about one thing.
    """
    from embedsearch.text.stream_writer import write_stream
    from embedsearch.training.settings import training_settings
    from embedsearch.training.trainers import train_word_vectors

    vectors = np.zeros((documents.size, _TERM_SIZE), np.float32)
    # With one worker, the same documents give the same vectors.
    settings = training_settings(
        vector_size=_TERM_SIZE, window=_TERM_WINDOW, min_count=1, seed=seed, workers=1
    )
    names = np.array([str(term) for term in range(documents.size)], object)
    bounds = documents.bounds.tolist()
    tokens = (
        (place, names[documents.ids[start:stop]].tolist())
        for place, (start, stop) in enumerate(pairwise(bounds))
    )
    with TemporaryDirectory(prefix="embedsearch-") as name:
        folder = Path(name)
        stream = write_stream(folder, tokens)
        try:
            model, _ = train_word_vectors(stream, "auto", settings, SilentProgress(), folder=folder)
        except CorpusTooSmallError:
            return vectors
    rows = np.fromiter(map(int, model.vectors.index_to_key), np.int64)
    vectors[rows] = model.vectors.vectors
    return vectors


def _in_word_space(
    stream: TokenStream, vectors: WordVectors, progress: Progress
) -> tuple[SifEncoder, FloatMatrix]:
    index = vectors.key_to_index
    rows = np.fromiter((index.get(t, -1) for t in stream.types), np.int64, len(stream.types))
    encoder = SifEncoder(vectors.vectors, _counts(vectors, rows, stream.counts))

    def blocks() -> Iterator[RowBlock]:
        for places, tokens, bounds in stream.blocks():
            yield rows[tokens], bounds
            task.advance(places.stop - places.start)

    with progress.task("encoding documents", len(stream), "documents") as task:
        return encoder, encoder.fit_transform(blocks())


def _counts(vectors: WordVectors, rows: IntVector, occurrences: IntVector) -> IntVector:
    if vectors.counts is not None:
        return vectors.counts
    known = rows >= 0
    if not known.any():
        return zipf_counts(len(vectors))
    counts = np.zeros(len(vectors), np.int64)
    np.add.at(counts, rows[known], occurrences[known])
    return counts


def _encode_external(
    stream: TokenStream,
    store: DocumentStore,
    encoders: Sequence[CheckedEncoder],
    bounds: IntVector,
    task: Task,
) -> FloatMatrix:
    """Encode all passages by encoders of texts, in the order of the stream."""
    blocks = []
    for start in range(0, len(stream), _BATCH):
        numbers = stream.numbers[start : start + _BATCH].tolist()
        found = store.by_number(numbers)
        texts = [full_text(found[number]) for number in numbers]
        texts = all_pieces(texts, bounds[start : start + len(texts) + 1])
        blocks.append(np.concatenate([e.encode_documents(texts) for e in encoders], axis=1))
        task.advance(len(texts))
    empty = np.zeros((0, sum(encoder.vector_size for encoder in encoders)), np.float32)
    return np.concatenate(blocks) if blocks else empty

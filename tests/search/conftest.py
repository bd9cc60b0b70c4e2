"""A small collection, searched by words and by meaning, made without a workspace."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from embedsearch._types import Document, FloatMatrix, FloatVector
from embedsearch.index.lexical import LexicalAnalyzer, LexicalIndex, LexicalSnapshot
from embedsearch.index.neighbor_graph import neighbor_graph
from embedsearch.search.document_expansion import ExpandedDocuments
from embedsearch.search.document_index import LatentIndex, PassageVectors, shrinks
from embedsearch.search.fitting import fit_space
from embedsearch.search.hybrid import HybridSearch
from embedsearch.search.latent_space import (
    Spreads,
    TermDocuments,
    Terms,
    all_pieces,
    full_text,
    split,
)
from embedsearch.search.model import Fusion, SearchModel
from embedsearch.text.corpora import PlantedCorpus
from embedsearch.vectors.encoders import CheckedEncoder
from embedsearch.vectors.sparse import TermStatistics

TOPICS = {
    "road": (["car", "vehicle", "truck"], "engine wheel road driver brake lorries"),
    "farm": (["cow", "goat", "sheep"], "meadow barn hay farmer milk grazing"),
    "sky": (["comet", "planet", "star"], "telescope orbit night dawn light moons"),
}


class Letters:
    """An encoder of someone else's: how often a text has each letter."""

    def encode_documents(self, texts: Sequence[str]) -> FloatMatrix:
        counts = [[text.lower().count(letter) for letter in "abcdefgh"] for text in texts]
        return np.array(counts, np.float32).reshape(len(texts), 8)

    encode_queries = encode_documents


@dataclass(frozen=True)
class Collection:
    """Documents, and a search of them; document i has the number 10 + i."""

    documents: list[Document]
    search: HybridSearch

    def by_number(self, number: int) -> Document:
        return self.documents[number - 10]

    def texts_of(self, numbers: Sequence[int]) -> list[str]:
        return [full_text(self.by_number(number)) for number in numbers]


def written() -> list[Document]:
    """Documents in which words for one thing seldom meet, but stand beside the same words."""
    choose = random.Random(0)  # noqa: S311 - sentences, not secrets
    documents = []
    for number in range(60):
        topic = list(TOPICS)[number % 3]
        names, others = TOPICS[topic][0], TOPICS[topic][1].split()
        name = names[number // 3 % 3]
        sentences = [
            f"The {name} was {choose.choice(others)}-{choose.choice(others)} near a "
            f"{choose.choice(others)}."
            for _ in range(4)
        ]
        title = f"About the {name}" if number % 2 else ""
        documents.append(Document(f"{topic}-{number}", " ".join(sentences), {}, title))
    return [*documents, Document("empty", ""), Document("foreign", "xyzzy plugh")]


def cooccurring(documents: TermDocuments) -> FloatMatrix:
    """Term vectors by a decomposition of which terms share documents."""
    C = documents.counts.toarray()
    values, directions = np.linalg.eigh(C.T @ C)
    vectors: FloatMatrix = (directions[:, -4:] * np.sqrt(values[-4:])).astype(np.float32)
    return vectors


def searched(documents: list[Document], lexical: LexicalIndex, feedback: int) -> HybridSearch:
    """Fit the encoders to the documents, and index them."""
    analyzer, texts = lexical.analyzer, [full_text(document) for document in documents]
    cut = [analyzer.words(text) for text in texts]
    # The last document is of words that no encoder knows, as one that was added later.
    terms = Terms(sorted({term for words in cut[:-1] for term in words}))
    counted = terms.documents(cut)
    statistics = TermStatistics.of(counted.counts)
    passages, bounds = split(counted)
    external = [CheckedEncoder(Letters(), "letters")]
    vectors = cooccurring(counted)
    parts = statistics.of_parts(len(passages) / len(counted))
    space = fit_space(passages, terms, parts, lambda _: vectors, external)
    X = space.documents(passages.counts, all_pieces(texts, bounds))
    shrink = shrinks(np.diff(passages.bounds), parts.mean_length)
    spreads = Spreads.of(X, space.blocks, statistics.bm25(counted.counts), shrink)
    fusion = Fusion(latent=0.6, plugged=0.75, feedback=feedback)
    model = SearchModel(analyzer, space, spreads, statistics.mean_length, fusion)
    numbers = np.arange(10, 10 + len(documents))
    latent = LatentIndex.of(numbers, X, bounds=bounds, shrink=shrink)
    means = PassageVectors(X, bounds, shrink).means(space.blocks)
    expanded = ExpandedDocuments.of(counted.counts, *neighbor_graph(means, 3))
    return HybridSearch(lexical.snapshot, latent, model, expanded=expanded)


@pytest.fixture(scope="session")
def lexical_index() -> Iterator[LexicalIndex]:
    """The words of the documents."""
    with LexicalIndex.temporary(LexicalAnalyzer.for_language("english")) as index:
        index.apply(((10 + i, document) for i, document in enumerate(written())), change=1)
        yield index


@pytest.fixture(scope="session", params=[0, 3], ids=["no feedback", "feedback"])
def collection(request: pytest.FixtureRequest, lexical_index: LexicalIndex) -> Collection:
    """The collection, searched without and with feedback."""
    documents = written()
    return Collection(documents, searched(documents, lexical_index, request.param))


@pytest.fixture(scope="session")
def plain(lexical_index: LexicalIndex) -> Collection:
    """The collection, searched without feedback."""
    documents = written()
    return Collection(documents, searched(documents, lexical_index, 0))


@pytest.fixture(scope="session", params=[0, 2], ids=["no feedback", "feedback"])
def long_collection(request: pytest.FixtureRequest) -> Iterator[Collection]:
    """Documents of one to four passages, and of many topics each."""
    short, choose = written(), random.Random(1)  # noqa: S311 - sentences, not secrets
    documents = [
        Document(f"long-{n}", " ".join(d.text for d in choose.sample(short[:60], 9 * (n % 4) + 5)))
        for n in range(24)
    ]
    documents += short[-2:]
    with LexicalIndex.temporary(LexicalAnalyzer.for_language("english")) as lexical:
        lexical.apply(((10 + i, document) for i, document in enumerate(documents)), change=1)
        yield Collection(documents, searched(documents, lexical, request.param))


@dataclass(frozen=True)
class Planted:
    """Planted documents, numbered from 1, every fifth with a title, and all that was learned."""

    documents: dict[int, Document]
    terms: Terms
    counted: TermDocuments
    term_vectors: FloatMatrix
    model: SearchModel
    X: FloatMatrix
    shrink: FloatVector
    expanded: ExpandedDocuments
    lexical: LexicalSnapshot

    @property
    def numbers(self) -> NDArray[np.int64]:
        return np.arange(1, len(self.documents) + 1)

    @property
    def search(self) -> HybridSearch:
        latent = LatentIndex.of(self.numbers, self.X, shrink=self.shrink)
        return HybridSearch(self.lexical, latent, self.model, expanded=self.expanded)


@pytest.fixture(scope="session")
def planted() -> Iterator[Planted]:
    """Some 240 planted documents."""
    documents = dict(enumerate(map(titled, PlantedCorpus(documents=240)), 1))
    with LexicalIndex.temporary(LexicalAnalyzer.for_language("english")) as lexical:
        lexical.apply(documents.items(), change=1)
        cut = [lexical.analyzer.words(full_text(document)) for document in documents.values()]
        terms = Terms(list(dict.fromkeys(term for words in cut for term in words)))
        counted = terms.documents(cut)
        statistics = TermStatistics.of(counted.counts)
        random = np.random.default_rng(0).standard_normal((len(documents), 30))
        vectors = np.asarray(counted.counts.T @ random, np.float32)
        space = fit_space(counted, terms, statistics, lambda _: vectors)
        X = space.linear_documents(counted.counts)
        shrink = shrinks(np.diff(counted.bounds), statistics.mean_length)
        spreads = Spreads.of(X, space.blocks, statistics.bm25(counted.counts), shrink)
        expanded = ExpandedDocuments.of(counted.counts, *neighbor_graph(X, 20))
        fusion = Fusion(latent=0.7, feedback=3)
        model = SearchModel(lexical.analyzer, space, spreads, statistics.mean_length, fusion)
        found = documents, terms, counted, vectors, model, X, shrink, expanded
        yield Planted(*found, lexical.snapshot)


def titled(document: Document) -> Document:
    """Give every fifth document its first sentence as a title."""
    title = document.text.split(".")[0] if document.id[-1] in "05" else ""
    return Document(document.id, document.text, document.metadata, title)

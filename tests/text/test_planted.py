"""What is planted can be learnt, and is the same on every run."""

from __future__ import annotations

import hashlib
from collections import Counter
from itertools import chain

import numpy as np
import pytest
from gensim.models import KeyedVectors, Word2Vec

from embedsearch._errors import ParameterError
from embedsearch.text.corpora.planted import PlantedCorpus
from embedsearch.text.processing import TextProcessor
from embedsearch.text.settings import TokenizerSettings


def learnt(corpus: PlantedCorpus) -> KeyedVectors:
    processor = TextProcessor(TokenizerSettings())
    texts = [processor.process(document.text) for document in corpus]
    settings = {"vector_size": 50, "window": 4, "epochs": 4, "alpha": 0.1, "sg": 1}
    return Word2Vec(texts, min_count=1, workers=1, seed=1, **settings).wv


def analogy_accuracy(vectors: KeyedVectors, corpus: PlantedCorpus) -> float:
    """Return how often d is the word nearest to b - a + c, among all words but a, b and c."""
    rows = np.array([[vectors.key_to_index[w] for w in line] for line in corpus.analogies()])
    U = vectors.get_normed_vectors()
    a, b, c, d = rows.T
    scores = (U[b] - U[a] + U[c]) @ U.T
    np.put_along_axis(scores, rows[:, :3], -np.inf, axis=1)
    return float(np.mean(scores.argmax(axis=1) == d))


@pytest.mark.parametrize("seed", [0, 1])
def test_word2vec_learns_analogies_capitals_and_topics(seed: int) -> None:
    corpus = PlantedCorpus(seed=seed)
    vectors = learnt(corpus)
    assert analogy_accuracy(vectors, corpus) >= 0.8
    for peers in [[p[1] for p in corpus.relations()["capitals"]], *corpus.topics.values()]:
        nearest = [vectors.most_similar(word, topn=1)[0][0] for word in peers]
        assert np.mean([word in peers for word in nearest]) >= 0.8


def test_documents_are_the_same_on_every_run_and_version() -> None:
    first = next(iter(PlantedCorpus(seed=3)))
    assert list(PlantedCorpus(seed=3, documents=9)) == list(PlantedCorpus(seed=3, documents=9))
    assert list(PlantedCorpus(seed=3, documents=9)) != list(PlantedCorpus(seed=4, documents=9))
    assert hashlib.sha256(first.text.encode()).hexdigest()[:16] == "48aa282044a0549d"


def test_the_words_of_a_relation_are_about_equally_frequent() -> None:
    corpus = PlantedCorpus(documents=500)
    processor = TextProcessor(TokenizerSettings())
    counts = Counter(chain.from_iterable(processor.process(d.text) for d in corpus))
    used = [
        counts[word] for words in corpus.relations().values() for pair in words for word in pair
    ]
    assert min(used) >= 10
    assert max(used) <= min(used) + 3


def test_every_word_has_one_meaning() -> None:
    corpus = PlantedCorpus()
    pairs = chain.from_iterable(corpus.relations().values())
    words = [*chain.from_iterable(pairs), *chain.from_iterable(corpus.topics.values())]
    assert len(words) == len(set(words))


def test_relations_are_many_and_include_the_capitals() -> None:
    relations = PlantedCorpus().relations()
    names = {"capitals", "plurals", "opposites", "families", "comparatives"}
    assert relations.keys() == names
    assert all(len(pairs) >= 19 for pairs in relations.values())
    assert ("france", "paris") in relations["capitals"]
    assert ("france", "paris", "italy", "rome") in set(PlantedCorpus().analogies())


def test_the_analogy_file_has_googles_layout() -> None:
    corpus = PlantedCorpus()
    lines = corpus.analogy_file().splitlines()
    sections = [line[2:] for line in lines if line.startswith(": ")]
    questions = [tuple(line.split(" ")) for line in lines if not line.startswith(":")]
    assert lines[0] == ": capitals"
    assert sections == list(corpus.relations())
    assert questions == list(corpus.analogies())


def test_topics_are_even_and_speak_of_their_words() -> None:
    corpus = PlantedCorpus(documents=200)
    assert set(Counter(d.metadata["topic"] for d in corpus).values()) == {20}
    for document in corpus:
        words = set(document.text.lower().replace(".", "").split())
        assert len(words & set(corpus.topics[str(document.metadata["topic"])])) >= 3


def test_queries_are_about_one_topic_and_miss_many_of_its_documents() -> None:
    corpus = PlantedCorpus(documents=500)
    texts = [(set(d.text.lower().replace(".", "").split()), d.metadata["topic"]) for d in corpus]
    missed = []
    for query, topic in corpus.queries():
        assert set(query.split()) <= set(corpus.topics[topic])
        missed += [not words & set(query.split()) for words, about in texts if about == topic]
    assert 0.3 < np.mean(missed) < 0.5


def test_there_is_at_least_one_document() -> None:
    assert len(PlantedCorpus(documents=1)) == len(list(PlantedCorpus(documents=1))) == 1
    with pytest.raises(ParameterError, match="documents"):
        PlantedCorpus(documents=0)

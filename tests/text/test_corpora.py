"""The corpora of the catalogue are what it says, and the planted one has the answers it plants."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import subprocess
import sys
from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import pytest
from gensim.models import KeyedVectors, Word2Vec

from embedsearch._errors import (
    ParameterError,
    SourceFormatError,
    SourceNotFoundError,
    UnknownCorpusError,
)
from embedsearch._progress import SilentProgress
from embedsearch.text.corpora import CorpusEntry, PlantedCorpus, get_corpus, list_corpora
from embedsearch.text.settings import TokenizerSettings
from embedsearch.text.tokenizers import TextProcessor

if TYPE_CHECKING:
    from pathlib import Path


NAMES = [entry.name for entry in list_corpora()]
HERE = ["gensim-lee", "gensim-wikipedia", "lantern-bay"]


@pytest.fixture
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("NLTK_DATA", str(tmp_path / "nltk"))
    monkeypatch.setenv("EMBEDSEARCH_CORPORA", str(tmp_path / "downloads"))


def counted(entry: CorpusEntry) -> dict[str, int]:
    processor = TextProcessor(TokenizerSettings())
    documents = list(entry.documents(SilentProgress()))
    tokens = sum(
        len(processor.process(d.title)) + len(processor.process(d.text)) for d in documents
    )
    return {"documents": len(documents), "tokens": tokens}


def test_the_corpora_that_come_along_are_listed() -> None:
    assert sorted(NAMES) == NAMES
    assert {*HERE, "planted", "simplewiki", "nltk-brown"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_entry_says_what_a_user_needs_to_know(name: str) -> None:
    entry = get_corpus(name)
    assert all([entry.title, entry.description, entry.source, entry.licence, entry.language])
    assert entry.size.keys() <= {"documents", "tokens", "bytes"}
    assert json.loads(json.dumps(entry.to_json()))["name"] == name


@pytest.mark.parametrize("name", HERE)
def test_files_are_found_and_are_what_the_checksum_says(name: str) -> None:
    entry = get_corpus(name)
    assert entry.available
    assert entry.verify()
    assert sum(path.stat().st_size for path in entry.locate()) == entry.size["bytes"]


@pytest.mark.parametrize("name", ["gensim-lee", "lantern-bay", "planted"])
def test_the_size_is_what_is_read(name: str) -> None:
    entry = get_corpus(name)
    assert counted(entry) == {key: entry.size[key] for key in ("documents", "tokens")}


def test_our_own_news_has_titles_topics_and_years() -> None:
    documents = {d.id: d for d in get_corpus("lantern-bay").documents(SilentProgress())}
    storm = documents["great-storm"]
    assert storm.title == "Storm takes roofs and boats"
    assert storm.metadata == {"topic": "weather", "year": 1990}


def test_a_file_that_differs_is_refused() -> None:
    entry = get_corpus("lantern-bay")
    altered = dataclasses.replace(entry, sha256={"lantern-bay.jsonl": "0" * 64})
    with pytest.raises(SourceFormatError, match="SHA-256"):
        altered.verify()


@pytest.mark.usefixtures("_nowhere")
@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("simplewiki", r"download https://dumps\.wikimedia\.org/.* into .*downloads"),
        ("nltk-inaugural", "python -m nltk.downloader inaugural"),
        ("planted", "generated"),
    ],
)
def test_what_is_not_here_says_how_to_get_it(name: str, advice: str) -> None:
    with pytest.raises(SourceNotFoundError, match=advice):
        get_corpus(name).locate()


@pytest.mark.usefixtures("_nowhere")
def test_a_corpus_becomes_available_when_it_is_put_in_place(tmp_path: Path) -> None:
    entry = get_corpus("simplewiki")
    assert not entry.available
    (tmp_path / "downloads").mkdir()
    dump = tmp_path / "downloads" / "simplewiki-latest-pages-articles.xml.bz2"
    dump.touch()
    assert get_corpus(entry.name).available
    assert entry.locate() == [dump]
    assert not entry.verify()


@pytest.mark.usefixtures("_nowhere")
def test_a_packed_nltk_corpus_is_to_be_unpacked(tmp_path: Path) -> None:
    folder = tmp_path / "nltk" / "corpora"
    folder.mkdir(parents=True)
    (folder / "reuters.zip").touch()
    with pytest.raises(SourceNotFoundError, match="unpack"):
        get_corpus("nltk-reuters").locate()


@pytest.mark.usefixtures("_nowhere")
def test_brown_is_read_without_its_tags(tmp_path: Path) -> None:
    folder = tmp_path / "nltk" / "corpora" / "brown"
    folder.mkdir(parents=True)
    (folder / "ca01").write_text("\n\tThe/at jury/nn said/vbd ``/`` 1/2/cd ./.\n")
    (folder / "README").write_text("not a text of the corpus")
    (document,) = get_corpus("nltk-brown").documents(SilentProgress())
    assert document.text.split() == ["The", "jury", "said", "``", "1/2", "."]


def test_an_unknown_name_lists_the_catalogue() -> None:
    with pytest.raises(UnknownCorpusError, match="lantern-bay") as caught:
        get_corpus("nope")
    assert caught.value.name == "nope"


def test_gensims_files_are_found_without_importing_it() -> None:
    script = (
        "import sys\n"
        "from embedsearch.text.corpora import get_corpus, list_corpora\n"
        "assert get_corpus('gensim-lee').available and list_corpora()\n"
        "assert not {'gensim', 'nltk', 'numba'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


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

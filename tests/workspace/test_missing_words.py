"""A word without a vector: the error says why."""

from __future__ import annotations

from pathlib import Path

import pytest

import embedsearch as es

TEXTS = ("The owl saw a Kestrel and an owl.", "A kestrel saw the heron.", "The owl saw the heron.")


@pytest.fixture
def birds(tmp_path: Path) -> Path:
    path = tmp_path / "birds.es"
    with es.create(path) as ws:
        ws.add(es.Document(str(n), text) for n, text in enumerate(TEXTS))
        ws.train(min_count=3, vector_size=5, epochs=1)
    return path


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("kestrel", "'kestrel' is in the text 2 times, below --min-count 3"),
        ("KESTREL", "'KESTREL' is in the text 2 times, below --min-count 3"),
        ("owls", "'owls' is not in the vocabulary; did you mean 'owl'?"),
        ("zebra", "'zebra' is not in the vocabulary"),
        ('"', "'\"' is not in the vocabulary"),
    ],
)
def test_a_rare_word_is_counted(birds: Path, word: str, reason: str) -> None:
    with es.open(birds) as ws, pytest.raises(es.UnknownWordError) as error:
        ws.words.most_similar(word)
    assert str(error.value) == reason


def test_words_of_later_documents_wait_for_a_training(birds: Path) -> None:
    with es.open(birds, mode="w") as ws:
        ws.add([es.Document("later", "zebra zebra zebra")])
        ws.search("zebra")
        with pytest.raises(es.UnknownWordError, match="'zebra' was added after the training"):
            ws.words["zebra"]
        ws.train(min_count=3, vector_size=5, epochs=1)
        assert "zebra" in ws.words


def test_a_word_that_is_no_token_says_so(birds: Path) -> None:
    with es.open(birds, mode="w") as ws:
        ws.train(min_count=1, vector_size=5, epochs=1, stop_words=("the", "a"))
        with pytest.raises(es.UnknownWordError, match="'the' is left out when text is cut"):
            ws.words["the"]


def test_without_a_lexical_index_the_word_is_only_unknown(birds: Path) -> None:
    for file in (birds / "lexical").iterdir():
        file.unlink()
    with (
        es.open(birds) as ws,
        pytest.raises(es.UnknownWordError, match="'kestrel' is not in the vocabulary"),
    ):
        ws.words["kestrel"]


def test_imported_words_have_no_text_to_be_rare_in(birds: Path, tmp_path: Path) -> None:
    with es.open(birds) as ws:
        ws.export(tmp_path / "words.txt", format="glove")
    with es.import_vectors(tmp_path / "words.txt", tmp_path / "other.es") as other:
        other.add([es.Document("a", "a kestrel")])
        with pytest.raises(es.UnknownWordError, match="'kestrel' is not in the vocabulary"):
            other.words["kestrel"]


def test_a_rare_word_is_counted_behind_its_elided_article(tmp_path: Path) -> None:
    texts = ["L'école est dans la ville, et le maître lit à l'école.", "Un livre de l'école."]
    with es.create(tmp_path / "fr.es") as ws:
        ws.add(es.Document(str(n), texts[n % 2]) for n in range(20))
        ws.add(es.Document("rare", "Le maître regarde l'écran."))
        ws.train(min_count=2, vector_size=5, epochs=1, elision="french")
        for word in ("l'écran", "écran"):
            with pytest.raises(es.UnknownWordError, match="in the text 1 time, below --min-count"):
                ws.words[word]

"""Words of a workspace counted and in context: the same before and after training."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import embedsearch as es

TEXTS = [
    ("The cow grazed in the meadow. The cows slept.", {"topic": "farm", "year": 1990}),
    ("A horse and a cow ate the hay.", {"topic": "farm", "year": 1995}),
    ("The moon rose over the meadow, a comet followed.", {"topic": "sky", "year": 2004}),
    ("The comet shone; the moon shone. A cow jumped over the moon.", {"topic": "sky"}),
    ("Stars and planets", {"topic": ["sky", "space"], "year": "2009"}),
]
DOCUMENTS = [
    es.Document(f"d{n}", text, metadata, title="Comet night" if n == 3 else "")
    for n, (text, metadata) in enumerate(TEXTS)
]


@pytest.fixture(scope="module", params=["untrained", "trained"])
def ws(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    path = tmp_path_factory.mktemp("texts") / "t.es"
    with es.create(path) as made:
        made.add(DOCUMENTS)
        if request.param == "trained":
            made.train("ppmi", min_count=1, vector_size=4, workers=1, language="english")
    with es.open(path) as opened:
        yield opened


def cut(document: es.Document) -> list[str]:
    return re.findall(r"\w+", f"{document.title} {document.text}".lower())


def test_every_word_of_titles_and_texts_is_counted(ws: es.Workspace) -> None:
    counts = Counter(word for document in DOCUMENTS for word in cut(document))
    df = Counter(word for document in DOCUMENTS for word in set(cut(document)))
    found = ws.texts.words(None)
    assert {each.word: (each.count, each.df) for each in found} == {
        word: (count, df[word]) for word, count in counts.items()
    }
    assert ws.texts.words(3) == found[:3]


def test_words_of_some_documents(ws: es.Workspace) -> None:
    found = ws.texts.words(None, where="topic = 'farm'", pattern="COW*", sort="word")
    assert [tuple(each) for each in found] == [("cow", 2, 2), ("cows", 1, 1)]
    assert ws.texts.words(where="year > 3000") == []


def test_keywords_of_a_subset_leave_stop_words_out(ws: es.Workspace) -> None:
    found = ws.texts.keywords(where="topic = 'sky'")
    assert {each.word for each in found[:3]} == {"moon", "comet", "shone"}
    moon = next(each for each in found if each.word == "moon")
    assert moon[2:] == (3, 2, 0, 0)
    assert "the" not in {each.word for each in found}
    every = {each.word for each in ws.texts.keywords(where="topic = 'sky'", stop_words=True)}
    assert every > {each.word for each in found}


def test_keywords_of_documents(ws: es.Workspace) -> None:
    one = ws.texts.keywords("d0")
    assert one == ws.texts.keywords(["d0", "d0"]) == ws.texts.keywords(where="id = 'd0'")
    assert one[0].word in {"cows", "grazed", "slept"}
    assert ws.texts.keywords(["d0"], pattern="gr*") == [e for e in one if e.word == "grazed"]


def test_keywords_against_others(ws: es.Workspace) -> None:
    against = ws.texts.keywords(where="topic = 'farm'", against="topic = 'space'")
    assert {each.reference_count for each in against} == {0}
    rest = ws.texts.keywords(where="topic = 'farm'", against="rest")
    assert rest == ws.texts.keywords(where="topic = 'farm'")
    # With ids, a condition says what to compare with.
    sky = ws.texts.keywords("d0", against="topic = 'sky'")
    assert ws.texts.keywords("d0", where="topic = 'sky'") == sky
    early = ws.texts.keywords("d0", where="topic = 'sky'", against="year < 2005")
    assert early == ws.texts.keywords("d0", against="topic = 'sky' and year < 2005") != sky
    # What is chosen is not compared with itself.
    assert ws.texts.keywords("d0", against="id is not null") == ws.texts.keywords("d0")


@pytest.mark.parametrize(
    ("ask", "error", "message"),
    [
        (lambda t: t.keywords(), es.ParameterError, "ids must be given, or else a condition"),
        (lambda t: t.keywords("d0", where="id = 'd0'"), es.QueryError, "no other documents"),
        (lambda t: t.keywords(7), es.ParameterError, "ids must be the id of a document"),
        (lambda t: t.keywords("zz"), es.UnknownDocumentError, "'zz'"),
        (lambda t: t.keywords(where="id is not null"), es.QueryError, "no other documents"),
        (lambda t: t.keywords("d0", stop_words=1), es.ParameterError, "stop_words must be"),
        (lambda t: t.keywords("d0", against=7), es.EmbedSearchError, "7"),
        (lambda t: t.words(sort="length"), es.ParameterError, "sort must be one of count, df"),
        (lambda t: t.words(0), es.ParameterError, "topn must be"),
        (lambda t: t.words(pattern=7), es.ParameterError, "pattern must be a string"),
        (lambda t: t.concordance("?"), es.QueryError, "no words in it"),
        (lambda t: t.concordance("cow", width=0), es.ParameterError, "width must be"),
        (lambda t: t.concordance("cow", sort="up"), es.ParameterError, "sort must be one of"),
        (lambda t: t.concordance(None), es.ParameterError, "word must be a string"),
        (lambda t: t.compare("cow", "topics"), es.QueryError, "no document has a field 'topics'"),
        (lambda t: t.compare("cow", 7), es.ParameterError, "by must be a string"),
        (lambda t: t.compare("cow", "topic", bins=2), es.ParameterError, "bins must be left out"),
        (lambda t: t.compare("cow", "year", bins=0), es.ParameterError, "bins must be"),
    ],
)
def test_what_cannot_be_answered(
    ws: es.Workspace, ask: Callable[[Any], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=re.escape(message)):
        ask(ws.texts)


def test_a_concordance_has_all_forms_in_the_order_of_the_documents(ws: es.Workspace) -> None:
    found = ws.texts.concordance("cow", width=10)
    assert [(line.id, line.match) for line in found] == [
        ("d0", "cow"),
        ("d0", "cows"),
        ("d1", "cow"),
        ("d3", "cow"),
    ]
    for line in found:
        assert ws.documents[line.id].text[line.offset :].startswith(line.match)
    assert ws.texts.concordance("cow", 2, width=10) == found[:2]
    assert [line.match for line in ws.texts.concordance("cows", exact=True)] == ["cows"]
    assert [line.id for line in ws.texts.concordance("cow", where="topic = 'sky'")] == ["d3"]


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        ("over the", [("d2", "text"), ("d3", "text")]),
        ("comet", [("d2", "text"), ("d3", "title"), ("d3", "text")]),
        ('"the moon"', [("d2", "text"), ("d3", "text"), ("d3", "text")]),
        ("unicorn", []),
    ],
)
def test_a_concordance_of_phrases_and_titles(
    ws: es.Workspace, phrase: str, expected: list[tuple[str, str]]
) -> None:
    assert [(line.id, line.field) for line in ws.texts.concordance(phrase)] == expected


def test_groups_of_a_field_are_compared(ws: es.Workspace) -> None:
    found = ws.texts.compare("cow", "topic")
    assert [(g.group, g.documents, g.df, g.count) for g in found] == [
        ("farm", 2, 2, 3),
        ("sky", 3, 1, 1),
        ("space", 1, 0, 0),
    ]
    words = sum(len(cut(document)) for document in DOCUMENTS[:2])
    assert found[0].per_million == pytest.approx(3e6 / words)


def test_a_field_that_is_unknown_is_not_called_a_filter(ws: es.Workspace) -> None:
    with pytest.raises(es.QueryError) as raised:
        ws.texts.compare("cow", "topics")
    hint = "did you mean 'topic'? the fields are 'topic', 'year', 'id', 'title', 'source'"
    assert str(raised.value) == f"no document has a field 'topics'; {hint}"


def test_a_second_comparison_by_a_field_is_as_if_it_were_the_first(tmp_path: Path) -> None:
    with es.create(tmp_path / "t.es") as ws:
        ws.add(DOCUMENTS)
        ws.train("ppmi", min_count=1, vector_size=4, workers=1, language="english")

        def same(word: str, by: str, **options: Any) -> None:
            with es.open(tmp_path / "t.es") as fresh:
                expected = fresh.texts.compare(word, by, **options)
            assert ws.texts.compare(word, by, **options) == expected

        for word in ("cow", "moon", "the moon", "nothing"):
            same(word, "topic")
        same("cow", "topic", where="year < 2000")
        same("cow", "year")
        same("cow", "year", bins=2)
        same("comet", "topic")
        ws.add([es.Document("d9", "A cow and a comet", {"topic": "sky"})])
        same("comet", "topic")
        same("cow", "topic")


def test_years_are_compared_by_ranges(ws: es.Workspace) -> None:
    found = ws.texts.compare("cow", "year", bins=2)
    assert [(g.group, g.documents, g.count) for g in found] == [
        ("1990 to 1999", 2, 3),
        ("2000 to 2009", 2, 0),
    ]
    (one,) = ws.texts.compare("cow", "topic", where="year = 1990")
    assert (one.group, one.documents, one.count) == ("farm", 1, 2)


def test_changes_are_counted_at_once(tmp_path: Path) -> None:
    with es.create(tmp_path / "w.es") as writer:
        writer.add([es.Document("a", "red fish"), es.Document("b", "blue fish")])
        with es.open(tmp_path / "w.es") as reader:
            assert reader.texts.words(1)[0] == ("fish", 2, 2)
            writer.add([es.Document("c", "fish fish")])
            for each in (reader, writer):
                assert each.texts.words(1)[0] == ("fish", 4, 3)
                assert len(each.texts.concordance("fish")) == 4
        writer.train("ppmi", min_count=1, vector_size=2, workers=1)
        with es.open(tmp_path / "w.es") as reader:
            assert len(reader.texts.concordance("fish")) == 4
            writer.add([es.Document("d", "one more fish")])
            assert [line.id for line in reader.texts.concordance("fish")][-1] == "d"
            writer.delete(["a"])
            assert "a" not in {line.id for line in reader.texts.concordance("fish")}


def test_words_are_cut_as_search_cuts_them(ws: Any) -> None:
    generation = ws._session.generation
    if generation is not None:
        assert generation.analyzer.to_json() == generation.search_model.analyzer.to_json()
    assert {each.word for each in ws.texts.words(pattern="moo?")} == {"moon"}


def test_a_workspace_without_documents_has_no_words(tmp_path: Path) -> None:
    with es.create(tmp_path / "w.es") as ws:
        assert ws.texts.words() == []
        assert ws.texts.concordance("fish") == []


def test_the_groups_of_a_field_are_those_that_are_counted(tmp_path: Path) -> None:
    values = [1, 1.0, "1", " 1", True, "true", 2.5, "2.5", "x"]
    (tmp_path / "notes").mkdir()
    for name in ("one", "two"):
        (tmp_path / "notes" / f"{name}.txt").write_text("a cow ate hay", encoding="utf-8")
    with es.create(tmp_path / "new.es") as ws:
        ws.add(es.Document(str(n), "a cow", {"f": value}) for n, value in enumerate(values))
        ws.add_sources(tmp_path / "notes")
        for field in ("f", "source"):
            counted = Counter(each.documents for each in ws.documents.facet(field) if each.value)
            assert Counter(g.documents for g in ws.texts.compare("cow", field)) == counted

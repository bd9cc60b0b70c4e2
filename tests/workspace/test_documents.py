"""Documents of a workspace: listed, counted, sampled, deleted; near-duplicates by shingles."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

import embedsearch as es

TEXT = "the quick brown fox jumps over the lazy dog and runs into the dark green wood by the river"
DOCUMENTS = [
    es.Document("one", TEXT),
    es.Document("other", "nothing of this is anywhere else in the whole collection of texts"),
    es.Document("two", TEXT.replace("river", "sea")),
    es.Document("three", TEXT.replace("lazy", "sleepy").replace("dark", "bright")),
    es.Document("four", TEXT, {}, "With a title"),
]


@pytest.fixture
def ws(tmp_path: Path) -> es.Workspace:
    """Documents that nothing was trained on."""
    workspace = es.create(tmp_path / "a.es")
    workspace.add(DOCUMENTS)
    return workspace


def shingles(document: es.Document) -> set[tuple[str, ...]]:
    words = f"{document.title} {document.text}".lower().split()
    return {tuple(words[start : start + 3]) for start in range(len(words) - 2)}


def jaccard(a: es.Document, b: es.Document) -> float:
    return len(shingles(a) & shingles(b)) / len(shingles(a) | shingles(b))


@pytest.mark.parametrize("threshold", [0.2, 0.6, 0.8, 1.0])
def test_pairs_are_those_of_all_compared_one_by_one(ws: es.Workspace, threshold: float) -> None:
    scores = {(a.id, b.id): jaccard(a, b) for a, b in combinations(DOCUMENTS, 2)}
    expected = {pair: score for pair, score in scores.items() if score >= threshold}
    found = ws.documents.duplicates(threshold)
    assert {(a, b): score for a, b, score in found} == pytest.approx(expected)
    assert [pair.score for pair in found] == sorted(expected.values(), reverse=True)


def test_groups_are_what_pairs_link(ws: es.Workspace) -> None:
    linked = {id for pair in ws.documents.duplicates(0.6) for id in (pair.a, pair.b)}
    assert linked == {"one", "two", "four"}
    assert ws.documents.duplicate_groups(0.6) == [("one", "two", "four")]
    assert ws.documents.duplicate_groups(1.0) == []


@pytest.mark.parametrize("threshold", [0, -0.5, 1.1])
def test_a_threshold_out_of_its_range_is_refused(ws: es.Workspace, threshold: float) -> None:
    with pytest.raises(es.ParameterError, match="threshold must be a number above 0 and at most 1"):
        ws.documents.duplicates(threshold)
    with pytest.raises(es.ParameterError, match="threshold must be a number above 0 and at most 1"):
        ws.documents.duplicate_groups(threshold)


def test_no_documents_have_no_duplicates(tmp_path: Path) -> None:
    with es.create(tmp_path / "empty.es") as ws:
        assert ws.documents.duplicates() == []
        assert ws.documents.duplicate_groups() == []


YEARS = [1990, None, "1985", 2001.5, 1990, "unknown"]


@pytest.fixture
def dated(tmp_path: Path) -> es.Workspace:
    """Documents d0 to d5 with years, not trained, and one without."""
    workspace = es.create(tmp_path / "dated.es")
    workspace.add(
        es.Document(f"d{n}", f"text {n}", {"year": year, "at": {"n": n}}, f"Title {n}")
        for n, year in enumerate(YEARS)
    )
    workspace.add([es.Document("d6", "text 6")])
    return workspace


def ids(documents: es.DocumentList) -> list[str]:
    return [document.id for document in documents]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "0123456"),
        ({"topn": 2}, "01"),
        ({"topn": None, "offset": 5}, "56"),
        ({"offset": 7}, ""),
        ({"sort": "year"}, "2043516"),
        ({"sort": "-year"}, "5304216"),
        ({"sort": "-year", "topn": 2, "offset": 1}, "30"),
        ({"sort": "-at.n"}, "5432106"),
        ({"sort": "-title", "topn": 1}, "5"),
        ({"where": "year < 2000"}, "024"),
        ({"where": "year < 2000", "sort": "-id"}, "420"),
    ],
)
def test_documents_are_listed(dated: es.Workspace, options: dict[str, Any], expected: str) -> None:
    found = dated.documents.list(**options)
    assert ids(found) == [f"d{n}" for n in expected]
    assert found == [dated.documents[id] for id in ids(found)]
    assert found.total == (3 if "where" in options else 7)


def test_documents_are_counted_by_a_field(dated: es.Workspace) -> None:
    assert dated.documents.facet("year") == [
        (1990, 2, 2 / 7),
        ("1985", 1, 1 / 7),
        (2001.5, 1, 1 / 7),
        ("unknown", 1, 1 / 7),
        (None, 2, 2 / 7),
    ]
    some = dated.documents.facet("at.n", where="year < 2000")
    assert [value for value, *_ in some] == [0, 2, 4]
    assert (some.field, some.total) == ("at.n", 3)


def test_a_sample_is_of_different_documents_and_a_seed_chooses_it(dated: es.Workspace) -> None:
    samples = [ids(dated.documents.sample(3, seed)) for seed in range(40)]
    assert all(len(set(each)) == 3 for each in samples)
    assert {id for each in samples for id in each} == set(dated.documents)
    assert len({tuple(each) for each in samples}) > 20
    assert ids(dated.documents.sample(3, 7)) == samples[7]
    assert set(ids(dated.documents.sample(99, where="year < 2000"))) == {"d0", "d2", "d4"}
    assert dated.documents.sample(1).total == 7


def test_a_table_has_the_columns_that_are_named(dated: es.Workspace) -> None:
    found = dated.documents.list(sort="-year", topn=1)
    names = ["title", "at.n", "year", "source", "id", "text", "metadata"]
    (row,) = dated.documents.table(found, names)
    metadata = {"year": "unknown", "at": {"n": 5}}
    assert row == {
        "title": "Title 5",
        "at.n": 5,
        "year": "unknown",
        "source": None,
        "id": "d5",
        "text": "text 5",
        "metadata": metadata,
    }
    assert list(row) == names
    assert dated.documents.table(found, "id") == [{"id": "d5"}]
    # A field that only others have is empty.
    assert dated.documents.table([dated.documents["d6"]], ["year", "at"]) == [
        {"year": None, "at": None}
    ]


def test_a_table_knows_where_documents_come_from(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("one.txt", "two.txt")]
    for file in files:
        file.write_text(file.name)
    with es.create(tmp_path / "a.es") as ws:
        ws.add_sources(files)
        rows = ws.documents.table(ws.documents.list(), ["text", "source"])
        assert rows == [{"text": file.name, "source": str(file)} for file in files]
        ws.add([es.Document("own", "text")])
        assert ws.documents.facet("source") == [
            (str(files[0]), 1, 1 / 3),
            (str(files[1]), 1, 1 / 3),
            (None, 1, 1 / 3),
        ]
        assert ids(ws.documents.list(sort="-source")) == ["two.txt", "one.txt", "own"]
        assert ids(ws.documents.list(f"source = '{files[1]}'")) == ["two.txt"]
        assert ids(ws.documents.list("source like '%/one.txt' or not exists source")) == [
            "one.txt",
            "own",
        ]
        assert [count.word for count in ws.texts.words(where="source contains 'two'")] == [
            "two",
            "txt",
        ]
        assert ws.delete(where=f"source = '{files[0]}'") == 1
        assert ids(ws.documents.list("source is null or source contains 'one'")) == ["own"]
        ws.add([es.Document("other", "text", {"source": "Reuters"})])
        assert ws.documents.facet("source")[0] == ("Reuters", 1, 1 / len(ws.documents))
        assert ids(ws.documents.list("source exists")) == ["other"]


def test_a_document_of_two_sources_has_the_first_until_that_is_gone(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("one.jsonl", "two.jsonl")]
    for file in files:
        file.write_text('{"id": "a", "text": "text"}\n')
    with es.create(tmp_path / "a.es") as ws:
        ws.add_sources(files)
        assert ws.documents.facet("source") == [(str(files[0]), 1, 1.0)]
        assert ws.delete(source=files[0]) == 0
        assert ws.documents.facet("source") == [(str(files[1]), 1, 1.0)]


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (lambda d: d.list(topn=0), "topn must be a whole number, 1 or more, or None, got 0"),
        (lambda d: d.list(offset=-1), "offset must be a whole number, 0 or more"),
        (lambda d: d.list(sort=3), "sort must be a string, got 3"),
        (lambda d: d.list(where=3), "where must be a string"),
        (lambda d: d.list(sort="yaer"), "no document has a field 'yaer'; did you mean 'year'"),
        (lambda d: d.list(sort="-at"), "'at' is an object.*within it are 'at.n'"),
        (lambda d: d.facet(None), "field must be a string, got None"),
        (lambda d: d.facet("at"), "'at' is an object"),
        (lambda d: d.sample(0), "n must be a whole number, 1 or more"),
        (lambda d: d.sample(1, seed="x"), "seed must be a whole number, 0 or more, or None"),
        (lambda d: d.table(d.list(), ["id", "yaer"]), "no document has a field 'yaer'"),
        (lambda d: d.table(5, ["id"]), "documents must be documents, got 5"),
        (lambda d: d.table(["d1"], ["id"]), "a document must be an es.Document, got 'd1'"),
        (lambda d: d.table(d.list(), None), "columns must be names of fields, got None"),
        (lambda d: d.table(d.list(), [1]), "a column must be a string, got 1"),
    ],
)
def test_what_cannot_be_listed_is_an_error(
    dated: es.Workspace, ask: Callable[[Any], object], told: str
) -> None:
    with pytest.raises(es.InputError, match=told):
        ask(dated.documents)


def test_an_empty_workspace_lists_nothing(tmp_path: Path) -> None:
    with es.create(tmp_path / "empty.es") as ws:
        assert ws.documents.list(sort="year") == []
        assert ws.documents.facet("year") == []
        assert ws.documents.sample(5) == []


def test_a_reader_lists_what_a_writer_changes(dated: es.Workspace) -> None:
    with es.open(dated.path) as reader:
        assert ids(reader.documents.list(sort="year", topn=2)) == ["d2", "d0"]
        dated.delete(["d2"])
        dated.add([es.Document("d6", "text 6", {"year": -1})])
        assert ids(reader.documents.list(sort="year", topn=2)) == ["d6", "d0"]
        assert reader.documents.facet("year").total == 6
        assert len(reader.documents.sample(9)) == 6


def test_documents_are_deleted_by_a_condition(dated: es.Workspace) -> None:
    assert dated.delete(where="year < 2000", dry_run=True) == 3
    assert len(dated.documents) == 7
    assert dated.delete(where="year < 2000") == 3
    assert list(dated.documents) == ["d1", "d3", "d5", "d6"]
    assert dated.delete(where="year < 2000") == 0
    assert dated.delete(["d1", "d1"], dry_run=True) == 1
    assert dated.delete("d1") == 1


def test_documents_are_deleted_by_their_source(tmp_path: Path) -> None:
    texts = tmp_path / "texts"
    (texts / "inner").mkdir(parents=True)
    lines = {"a.jsonl": "12", "inner/b.jsonl": "34", "inner/c.jsonl": "235"}
    for name, numbers in lines.items():
        text = "".join(f'{{"id": "{n}", "text": "text {n}"}}\n' for n in numbers)
        (texts / name).write_text(text)
    with es.create(tmp_path / "a.es") as ws:
        ws.add_sources(texts)
        ws.add([es.Document("own", "text")])
        (texts / "inner" / "c.jsonl").unlink()
        # 2 and 3 come from other files, too.
        assert ws.delete(source=texts / "inner" / "c.jsonl", dry_run=True) == 1
        assert ws.delete(source=str(texts / "inner" / "c.jsonl")) == 1
        assert set(ws.documents) == {"1", "2", "3", "4", "own"}
        with pytest.raises(es.InputError, match=r"no document comes from .*c.jsonl.*a.jsonl', "):
            ws.delete(source=texts / "inner" / "c.jsonl")
        assert ws.delete(source=texts / "inner") == 2
        # What the deleted file had is new when it is read again.
        assert ws.add_sources(texts / "inner" / "b.jsonl").added == 2
        assert ws.delete(source=texts) == 4
        assert list(ws.documents) == ["own"]
        with pytest.raises(es.InputError, match="no document has a known source"):
            ws.delete(source="-")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "by ids, by where or by source"),
        ({"ids": ["d1"], "where": "year = 1"}, "by ids, by where or by source"),
        ({"ids": 5}, "ids must be ids of documents, got 5"),
        ({"ids": ["d1", "nix"]}, "no document has the id 'nix'"),
        ({"where": 5}, "where must be a string"),
        ({"where": "yaer = 1"}, "did you mean 'year'"),
        ({"source": 5}, "source must be a path"),
        ({"ids": ["d1"], "dry_run": 1}, "dry_run must be True or False"),
    ],
)
def test_what_cannot_be_deleted_is_an_error_and_deletes_nothing(
    dated: es.Workspace, options: dict[str, Any], told: str
) -> None:
    with pytest.raises((es.InputError, es.UnknownDocumentError), match=told):
        dated.delete(**options)
    assert len(dated.documents) == 7


def test_a_word_that_came_later_puts_its_document_first(tmp_path: Path) -> None:
    words = ["wing", "flow", "heat", "plate", "drag"]
    with es.create(tmp_path / "a.es") as ws:
        texts = [" ".join(words[(n + i) % 5] for i in range(4)) + f" w{n % 9}" for n in range(60)]
        ws.add(es.Document(str(n), text) for n, text in enumerate(texts))
        ws.train("ppmi", vector_size=8, workers=1, min_count=1)
        ws.add([es.Document("late", "quetzalcoatl drag")])
        for text in ("quetzalcoatl flow", "quetzalcoatl"):
            (first, *_) = ws.search(text, explain=True)
            assert first.id == "late"
            parts = [part.contribution for part in first.explanation.parts]
            assert sum(parts) + first.explanation.rest == pytest.approx(first.score, rel=1e-4)


def test_the_relevance_of_a_hit_does_not_depend_on_earlier_questions(tmp_path: Path) -> None:
    texts = [f"wing flow{n % 7} heat{n % 5} plate{n % 3}" for n in range(90)]
    with es.create(tmp_path / "a.es") as ws:
        ws.add(es.Document(str(n), text) for n, text in enumerate(texts[:30]))
        ws.train("ppmi", vector_size=8, workers=1, min_count=1)
        ws.add(es.Document(str(n), text) for n, text in enumerate(texts[30:], 30))
    relevances = []
    for questions in (("lexical",), ("auto", "lexical")):
        with es.open(tmp_path / "a.es") as ws:
            for mode in questions:
                (hit, *_) = ws.search("flow3 heat1", mode=mode)
        relevances.append(hit.relevance)
    assert relevances[0] == pytest.approx(relevances[1], abs=1e-6)


def test_documents_are_no_neighbours_of_all_others_because_they_are_few(tmp_path: Path) -> None:
    topics = ("cat mat milk", "court contract void", "violin piano sonata", "wind coast rain")
    with es.create(tmp_path / "a.es") as ws:
        ws.add(es.Document(f"{n}", f"{topics[n % 4]} number{n}") for n in range(12))
        ws.train("ppmi", vector_size=8, workers=1, min_count=1)
        for added in (False, True):
            if added:
                ws.add([es.Document("12", f"{topics[0]} later"), es.Document("13", topics[1])])
            found = {hit.id: hit.relevance for hit in ws.search("milk mat", 20)}
            near = {f"{n}" for n in range(13) if n % 4 == 0 and f"{n}" in found}
            assert min(found[id] for id in near) > 0.5
            assert max(found[id] for id in found.keys() - near) < 0.1

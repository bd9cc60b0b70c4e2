"""What a user does with a workspace: build, ask, add, delete, train again."""

from __future__ import annotations

import csv
import gc
import io
import json
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gensim.models import KeyedVectors

import embedsearch as es
from embedsearch._progress import SilentProgress
from embedsearch._types import Hits
from embedsearch.cli.output import show
from embedsearch.cli.questions import documents_found
from embedsearch.text.corpora import PlantedCorpus


@pytest.fixture(scope="module")
def ws(planted: Path) -> es.Workspace:
    return es.open(planted)


@pytest.fixture(scope="module")
def reference(ws: es.Workspace) -> KeyedVectors:
    """gensim's own queries on the same vectors."""
    keyed = KeyedVectors(ws.words.vector_size)
    keyed.add_vectors(ws.words.index_to_key, np.array(ws.words.vectors))
    return keyed


def test_neighbours_are_those_of_gensim(ws: es.Workspace, reference: KeyedVectors) -> None:
    for word in ("paris", "king", "rome"):
        ours, theirs = ws.words.most_similar(word, topn=10), reference.most_similar(word, topn=10)
        assert [n.word for n in ours] == [word for word, _ in theirs]
        assert [n.score for n in ours] == pytest.approx([score for _, score in theirs], abs=1e-5)


def test_analogies_are_those_of_gensim(ws: es.Workspace, reference: KeyedVectors) -> None:
    ours = ws.words.analogy("paris - france + italy", topn=5)
    theirs = reference.most_similar(["paris", "italy"], ["france"], topn=5)
    assert [n.word for n in ours] == [word for word, _ in theirs]
    assert [n.score for n in ours] == pytest.approx([score for _, score in theirs], abs=1e-5)


def test_similarity_and_the_odd_one_are_those_of_gensim(
    ws: es.Workspace, reference: KeyedVectors
) -> None:
    pair = ("paris", "rome")
    assert ws.words.similarity(*pair) == pytest.approx(reference.similarity(*pair), abs=1e-5)
    words = ["paris", "rome", "berlin", "queen"]
    assert ws.words.doesnt_match(words) == reference.doesnt_match(words) == "queen"


def test_planted_relations_are_found(ws: es.Workspace) -> None:
    questions = list(PlantedCorpus().analogies())[::20]
    answers = [ws.words.most_similar([b, c], [a], topn=1)[0].word for a, b, c, _ in questions]
    right = sum(answer == d for answer, (_, _, _, d) in zip(answers, questions))
    assert right / len(questions) > 0.8


def test_a_search_finds_documents_of_the_topic(ws: es.Workspace) -> None:
    for query, topic in PlantedCorpus().queries():
        found = [hit.metadata["topic"] for hit in ws.search(query, topn=10)]
        assert found.count(topic) >= 8, (topic, query, found)


def test_similar_documents_share_the_topic_and_leave_out_the_document(ws: es.Workspace) -> None:
    id = next(iter(ws.documents))
    hits = ws.documents.most_similar(id, topn=10)
    assert id not in [hit.id for hit in hits]
    topics = [hit.metadata["topic"] for hit in hits]
    assert topics.count(ws.documents[id].metadata["topic"]) >= 8
    assert [h.score for h in hits] == sorted((h.score for h in hits), reverse=True)


def test_scores_by_meaning_alone_are_means_of_cosines(ws: es.Workspace) -> None:
    query, _ = PlantedCorpus().queries()[0]
    scores = [hit.score for hit in ws.search(query, topn=100, mode="latent")]
    assert scores == sorted(scores, reverse=True)
    assert 0.4 < scores[0] <= 1.0001


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"topn": 3, "mode": "latent", "where": "topic != 'none'"},
        {"topn": 4, "mode": "hybrid", "explain": True},
        {"expand": True, "feedback": 0},
        {"snippets": False},
        {"mode": "hybrid", "feedback": 5},
    ],
)
def test_batches_answer_like_single_queries(ws: es.Workspace, options: dict[str, Any]) -> None:
    queries = [query for query, _ in PlantedCorpus().queries()]
    single = [ws.search(query, **options) for query in queries]
    found = ws.search_batch(queries, **options)
    assert found == single == ws.search(queries, **options) == ws.search(tuple(queries), **options)
    assert [hits.expanded for hits in found] == [hits.expanded for hits in single]
    assert [hits.unknown for hits in found] == [hits.unknown for hits in single]
    assert ws.search_batch([]) == ws.search([]) == []


def test_a_query_without_an_answer_does_not_stop_the_others(ws: es.Workspace) -> None:
    good, other = (query for query, _ in PlantedCorpus().queries()[:2])
    texts = [good, "", "qux quux", "-paris", other]
    found = ws.search(texts)
    assert found == ws.search_batch(texts)
    assert [found[0], found[4]] == [ws.search(good), ws.search(other)]
    for text, hits in zip(texts[1:4], found[1:4], strict=True):
        assert (list(hits), hits.relevance) == ([], None)
        with pytest.raises((es.QueryError, es.UnknownWordError)) as caught:
            ws.search(text)
        assert hits.warnings == (str(caught.value),)
    with pytest.raises(es.UnknownWordError) as unknown:
        ws.search("pariss")
    (missed,) = ws.search(["pariss"])
    assert missed.unknown == ("pariss",)
    assert missed.suggestions == {"pariss": unknown.value.suggestions}
    assert found[0].warnings == found[4].warnings == ()
    # What is wrong for all is an error.
    for options in ({"where": "year >"}, {"where": "nobody = 1"}):
        with pytest.raises(es.QueryError):
            ws.search(["", good], **options)


@pytest.mark.parametrize("mode", ["auto", "lexical", "latent"])
def test_answers_say_what_is_wrong_with_the_query(ws: es.Workspace, mode: str) -> None:
    words = next(iter(ws.documents.values())).text.split()[3:5]
    there, absent = f'"{words[0]} {words[1]}"', f'"{words[1]} {words[1]} {words[0]}"'
    missing = f"no document has the phrase {absent[1:-1]!r}"
    for query, warnings in (
        (there, ()),
        (absent, (missing,)),
        (f"{there} {words[1]} {absent}", (missing,)),
        (f'{there} "{words[0]}', ("a quote is not closed, so it means nothing",)),
        (f'{words[0]} 5" {there} "" " ', ()),
        (f'{words[0]} -"{words[1]} x y"', ()),
    ):
        assert ws.search(query, mode=mode).warnings == warnings, query
    assert not ws.search(f"{words[0]} +{absent}", mode="lexical")
    assert missing in ws.search(f"{words[0]} +{absent}", mode="lexical").warnings


@pytest.mark.parametrize("mode", ["auto", "lexical", "latent"])
def test_stop_words_alone_have_no_relevance(ws: es.Workspace, mode: str) -> None:
    hits = ws.search("there were so", mode=mode)
    assert bool(hits) == (mode != "latent")
    assert {hit.relevance for hit in hits} <= {None}
    assert hits.relevance is None
    assert ["stop words alone" in warning for warning in hits.warnings] == [True]
    assert not ws.search("there were so", mode=mode, min_relevance=0.1)


class Counted(SilentProgress):
    """A listener that counts."""

    def __init__(self) -> None:
        super().__init__()
        self.tasks: list[tuple[str, float | None]] = []
        self.done = 0.0

    @contextmanager
    def task(self, name: str, total: float | None = None, unit: str = "") -> Iterator[Any]:
        self.tasks.append((name, total))
        yield self

    def advance(self, amount: float) -> None:
        self.done += amount

    def describe(self, text: str) -> None:
        raise AssertionError(text)


def test_a_batch_reports_its_progress(ws: es.Workspace) -> None:
    listener = Counted()
    ws.search_batch(["paris", "rome", "berlin"], mode="lexical", progress=listener)
    assert (listener.tasks, listener.done) == ([("searching", 3)], 3)


@pytest.mark.parametrize("mode", ["auto", "lexical", "latent", "hybrid"])
def test_a_condition_is_met_by_every_hit_of_a_search(ws: es.Workspace, mode: str) -> None:
    query, topic = PlantedCorpus().queries()[0]
    held = {id: document.metadata["topic"] for id, document in ws.documents.items()}
    everything = ws.search(query, len(held), mode)
    for condition, met in (
        (f"topic = '{topic}'", {id for id, of in held.items() if of == topic}),
        (f"topic != '{topic}'", {id for id, of in held.items() if of != topic}),
        ("topic = 'no such'", set()),
    ):
        hits = ws.search(query, len(held), mode, condition)
        assert {hit.id for hit in hits} == {hit.id for hit in everything if hit.id in met}
        few = ws.search(query, 2, mode, condition)
        assert len(few) == min(2, len(hits))
        assert {hit.id for hit in few} <= met
        assert [hit.score for hit in hits] == sorted((h.score for h in hits), reverse=True)


def test_similar_documents_meet_a_condition_and_leave_out_all_examples(ws: es.Workspace) -> None:
    like, unlike = list(ws.documents)[:2], list(ws.documents)[7:8]
    topic = ws.documents[like[0]].metadata["topic"]
    met = {id for id, each in ws.documents.items() if each.metadata["topic"] != topic}
    found = ws.documents.most_similar(like, unlike, 9, f"topic != '{topic}'")
    assert len(found) == 9
    assert {hit.id for hit in found} <= met - {*like, *unlike}
    everything = ws.documents.most_similar(like, unlike, len(ws.documents))
    assert len(everything) == len(ws.documents) - 3
    of_others = [(hit.id, hit.score) for hit in everything if hit.id in met][:9]
    assert [hit.id for hit in found] == [id for id, _ in of_others]
    assert [hit.score for hit in found] == pytest.approx([score for _, score in of_others])


def test_the_vector_of_a_text_is_near_those_of_documents_of_its_topic(ws: es.Workspace) -> None:
    for query, topic in PlantedCorpus().queries():
        vector = ws.vector_of(query)
        assert (vector.shape, vector.dtype) == ((ws.words.vector_size,), np.float32)
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
        scores = ws.documents.vectors @ vector
        ids = list(ws.documents)
        best = [ids[row] for row in np.argsort(-scores)[:10]]
        assert [ws.documents[id].metadata["topic"] for id in best].count(topic) >= 7
    id = next(iter(ws.documents))
    np.testing.assert_array_equal(ws.documents.vector(id), ws.documents.vectors[0])


def test_unknown_words_of_a_query_are_reported(ws: es.Workspace) -> None:
    query, _ = PlantedCorpus().queries()[0]
    assert ws.search(f"{query} xyzzyq").unknown == ("xyzzyq",)
    with pytest.raises(es.UnknownWordError, match="'xyzzyq' is in no document"):
        ws.search("xyzzyq")


def test_misspelled_words_of_a_query_come_with_words_of_documents(ws: es.Workspace) -> None:
    first, second = (w for w in PlantedCorpus().queries()[0][0].split()[:2])
    found = ws.search(f"{first}q {second}")
    assert found.unknown == (f"{first}q",)
    assert first in found.suggestions[f"{first}q"]
    assert all(ws.search(word).unknown == () for word in found.suggestions[f"{first}q"])
    assert ws.search(second).suggestions == {}
    with pytest.raises(es.UnknownWordError) as caught:
        ws.search(f"{first}q")
    assert first in caught.value.suggestions


@pytest.mark.parametrize("mode", ["lexical", "auto"])
def test_a_word_whose_documents_were_deleted_is_unknown(small: es.Workspace, mode: str) -> None:
    small.add([es.Document(f"rare-{n}", "the wombats of the zoo") for n in range(3)])
    small.train(vector_size=10, epochs=2, min_count=1, workers=1)
    assert small.search("wombats zoo", mode=mode).unknown == ()
    small.delete(["rare-0", "rare-1"])
    assert small.search("wombats zoo", mode=mode).unknown == ()
    small.delete(["rare-2"])
    known = PlantedCorpus().queries()[0][0].split()[0]
    found = small.search(f"wombats {known}", mode=mode)
    assert found.unknown == ("wombats",)
    assert found.suggestions["wombats"] == ()


@pytest.mark.parametrize("query", ["", "   ", "\n", "...", "—"])
def test_a_query_without_words_is_refused(ws: es.Workspace, query: str) -> None:
    with pytest.raises(es.QueryError, match="the query"):
        ws.search(query)


@pytest.mark.parametrize("query", [None, 5, b"paris", {"paris": 1}])
def test_a_query_is_a_string(ws: es.Workspace, query: Any) -> None:
    with pytest.raises(es.ParameterError, match="text must be a string"):
        ws.search(query)
    for ask in (ws.search, ws.search_batch):
        with pytest.raises(es.ParameterError, match=r"texts\[1\] must be a string"):
            ask(["paris", query])
    with pytest.raises(es.ParameterError, match="texts must be a list"):
        ws.search_batch("paris")
    with pytest.raises(es.ParameterError, match="text must be a string"):
        ws.explain(query, "0")


@pytest.mark.parametrize("topn", [0, -1, 2.5, True])
def test_topn_is_checked(ws: es.Workspace, topn: int) -> None:
    with pytest.raises(es.ParameterError, match="topn must be"):
        ws.search("paris", topn=topn)
    if topn:
        with pytest.raises(es.ParameterError, match="topn must be"):
            ws.words.most_similar("paris", topn=topn)


def test_more_hits_than_documents_gives_all(ws: es.Workspace) -> None:
    assert len(ws.search("paris", topn=10**6)) == len(ws.documents)
    assert len(ws.words.most_similar("paris", topn=10**6)) == len(ws.words) - 1


def test_an_unknown_mode_lists_those_there_are(ws: es.Workspace) -> None:
    with pytest.raises(
        es.ParameterError, match="mode must be one of auto, hybrid, lexical, latent"
    ):
        ws.search("paris", mode="magic")


def test_added_documents_are_found_at_once_without_training(writable: Path) -> None:
    query, topic = PlantedCorpus().queries()[0]
    with es.open(writable, "w") as ws:
        before = ws.info().generation
        assert ws.add([es.Document("new", f"{query} " * 3, {"topic": topic}, "New")]).added == 1
        assert ws.search(query, topn=1)[0].id == "new"
        assert ws.info().behind == 1
        assert ws.info().generation == before
    with es.open(writable) as reader:
        assert reader.search(query, topn=1)[0].id == "new"


def test_deleted_and_changed_documents_are_answered_as_they_are_now(writable: Path) -> None:
    query, _ = PlantedCorpus().queries()[0]
    with es.open(writable, "w") as ws:
        first, second = (hit.id for hit in ws.search(query, topn=2))
        ws.delete([first])
        for mode in ("auto", "lexical", "latent", "hybrid"):
            assert first not in [hit.id for hit in ws.search(query, topn=2000, mode=mode)]
        ws.add([es.Document(second, "paris france")])
        assert second not in [hit.id for hit in ws.search(query, topn=20)]
        assert ws.search("paris france", topn=1)[0].id == second


def test_index_stores_what_queries_had_to_catch_up_with(writable: Path) -> None:
    query, _ = PlantedCorpus().queries()[0]
    with es.open(writable, "w") as ws:
        ws.add([es.Document("new", f"{query} " * 3)])
        vectors = np.array(ws.words.vectors)
        found = [(h.id, h.score) for h in ws.search(query)]
        assert ws.index() == 1
        assert ws.index() == 0
        assert ws.info().behind == 0
        assert ws.info().generation == 2
        assert [(h.id, pytest.approx(h.score, abs=1e-6)) for h in ws.search(query)] == found
        np.testing.assert_array_equal(ws.words.vectors, vectors)


def test_a_reader_keeps_its_generation_while_a_writer_publishes(writable: Path) -> None:
    with es.open(writable) as reader, es.open(writable, "w") as writer:
        before = reader.words.most_similar("paris", topn=5)
        writer.train(vector_size=10, epochs=1, workers=1)
        assert writer.words.vector_size == 10
        assert reader.words.vector_size == 50
        assert reader.words.most_similar("paris", topn=5) == before
        assert len(reader.search("paris")) == 10
    assert es.open(writable).words.vector_size == 10


def test_old_generations_go_when_nobody_reads_them(writable: Path) -> None:
    with es.open(writable, "w") as ws:
        reader = es.open(writable)
        ws.train(vector_size=10, epochs=1, workers=1)
        assert {p.name for p in (writable / "generations").iterdir()} == {"0001", "0002"}
        reader.close()
        ws.train(vector_size=10, epochs=1, workers=1)
    assert {p.name for p in (writable / "generations").iterdir()} == {"0003"}


def test_words_taken_before_a_training_go_on_answering(writable: Path) -> None:
    with es.open(writable, "w") as ws:
        words = ws.words
        ws.train(vector_size=10, epochs=1, workers=1)
        assert words.most_similar("paris", topn=1)[0].word in words


def test_one_seed_and_one_worker_give_the_same_bytes(small: es.Workspace) -> None:
    settings = {"workers": 1, "seed": 7, "epochs": 2, "vector_size": 16}
    small.train(**settings)
    first = np.array(small.words.vectors)
    small.train(**settings)
    np.testing.assert_array_equal(small.words.vectors, first)


@pytest.mark.parametrize(
    "parameters", [{"sg": 0}, {"hs": 1}, {"sg": 0, "hs": 1}, {"negative": 8}, {"sg": 1}]
)
def test_every_architecture_trains(small: es.Workspace, parameters: dict[str, int]) -> None:
    report = small.train("gensim", epochs=2, vector_size=16, workers=1, **parameters)
    assert report.parameters["epochs"] == 2
    assert small.words.vectors.shape == (report.vocabulary, 16)
    assert np.isfinite(small.words.vectors).all()


def test_subwords_answer_for_unknown_words_and_say_so(small: es.Workspace) -> None:
    small.train("gensim-fasttext", epochs=3, vector_size=16, workers=1)
    word = max(small.words.index_to_key, key=len)
    neighbors = small.words.most_similar(word + "s", topn=5)
    assert neighbors.inferred == (word + "s",)
    assert word in [n.word for n in neighbors]
    assert small.search(f"{word} zzyzx").unknown == ("zzyzx",)


def test_the_tokenizer_is_recorded_and_used_for_queries(tmp_path: Path) -> None:
    text = "The runners were RUNNING beside the rivers. " * 5
    source = tmp_path / "a.txt"
    source.write_text(text)
    options = {"stem": "english", "stop_words": ("the", "were"), "min_count": 1, "workers": 1}
    es.build(source, tmp_path / "a.es", **options).close()
    ws = es.open(tmp_path / "a.es")
    assert set(ws.words.index_to_key) == {"runner", "run", "besid", "river"}
    assert ws.words.similarity("Running", "run") == pytest.approx(1)


def test_one_way_of_cutting_text_can_be_changed_by_training(small: es.Workspace) -> None:
    small.train(digits="zero", epochs=1, workers=1, vector_size=8)
    small.train(stem="english", epochs=1, workers=1, vector_size=8)
    assert (small.tokenizer.digits, small.tokenizer.stem) == ("zero", "english")
    assert "stem" in small.info().tokenizer


def test_info_tells_what_is_there(ws: es.Workspace, planted: Path) -> None:
    info = ws.info()
    assert (info.documents, info.trained_documents, info.behind) == (2000, 2000, 0)
    assert (info.vocabulary, info.vector_size) == ws.words.vectors.shape
    assert info.trainer == "auto"
    assert info.parameters["epochs"] == 10
    assert info.size_bytes == sum(p.stat().st_size for p in planted.rglob("*") if p.is_file())


def test_a_notebook_shows_tables(ws: es.Workspace) -> None:
    assert "2,000 documents" in repr(ws)
    assert "<td>paris</td>" not in ws.words.most_similar("paris")._repr_html_()
    assert "<table>" in ws._repr_html_()
    assert "<b>" not in es.Hits([es.Hit("<b>", 1.0)])._repr_html_()
    assert "2,000 documents" in ws.documents._repr_html_()


MODES = ("auto", "hybrid", "latent", "lexical")


def words_of(workspace: es.Workspace) -> str:
    """Some words of the corpus."""
    return " ".join(workspace.words.index_to_key[40:46])


@pytest.mark.parametrize("mode", MODES)
def test_a_hit_says_what_its_score_is_made_of(planted: Path, mode: str) -> None:
    with es.open(planted) as workspace:
        for hit in workspace.search(words_of(workspace), 5, mode, explain=True):
            assert hit.explanation is not None
            added = sum(part.contribution for part in hit.explanation.parts)
            assert added + hit.explanation.rest == pytest.approx(hit.score, abs=1e-6)


@pytest.mark.parametrize("mode", MODES)
def test_what_is_found_and_what_is_explained_alone_are_the_same(planted: Path, mode: str) -> None:
    with es.open(planted) as workspace:
        text = words_of(workspace)
        for hit in workspace.search(text, 5, mode):
            explanation = workspace.explain(text, hit.id, mode, pairs=None)
            assert explanation.score == pytest.approx(hit.score, abs=1e-4)
            assert abs(explanation.rest) < 1e-4


@pytest.mark.parametrize("lean", [-2, -1, 0, 1, 2])
def test_an_explanation_leans_as_its_search_and_names_the_weights(planted: Path, lean: int) -> None:
    usual = {"lexical": 1.0, "expanded": 1.5, "latent": 0.5, "plugged": 1.0, "feedback": 0}
    expected = {
        -2: {},
        -1: {**usual, "expanded": 0.75, "latent": 0.25, "plugged": 0.5},
        0: usual,
        1: {**usual, "lexical": 0.5, "expanded": 0.75},
        2: {"latent": 0.5, "plugged": 1.0, "feedback": 0},
    }[lean]
    with es.open(planted) as workspace:
        text = words_of(workspace)
        for hit in workspace.search(text, 3, lean=lean, explain=True):
            explanation = workspace.explain(text, hit.id, lean=lean, pairs=None)
            assert explanation.score == pytest.approx(hit.score, abs=1e-4)
            assert abs(explanation.rest) < 1e-4
            assert hit.explanation is not None
            assert hit.explanation.weights == explanation.weights == expected
        for wrong in (3, 0.5, "1", None, True):
            with pytest.raises(es.ParameterError, match="lean"):
                workspace.explain(text, "0", lean=wrong)  # type: ignore[arg-type]


def test_nothing_is_explained_unasked(planted: Path) -> None:
    with es.open(planted) as workspace:
        assert workspace.search(words_of(workspace), 1)[0].explanation is None


def test_later_documents_are_explained_like_the_others(writable: Path) -> None:
    with es.open(writable, mode="w") as workspace, es.open(writable) as reader:
        text = words_of(workspace)
        workspace.add([es.Document("later", f"{text}. {text}! Something else.", title="A title")])
        for one in (workspace, reader):
            explanation = one.explain(f"{text} something", "later", pairs=None)
            assert explanation.encoders["BM25"] > 0
            assert abs(explanation.rest) < 1e-4
            hits = {hit.id: hit for hit in one.search(f"{text} something", explain=True)}
            assert hits["later"].score == pytest.approx(explanation.score, abs=1e-4)
            (mark, *_) = hits["later"].highlights
            assert hits["later"].snippet[mark.start : mark.stop] in text


def test_an_explanation_needs_a_document_and_a_query(planted: Path) -> None:
    with es.open(planted) as workspace:
        with pytest.raises(es.UnknownDocumentError, match="nobody"):
            workspace.explain("words", "nobody")
        with pytest.raises(es.QueryError):
            workspace.explain("", next(iter(workspace.documents)))
        with pytest.raises(es.ParameterError, match="mode"):
            workspace.explain("words", next(iter(workspace.documents)), mode="best")


def test_a_word_that_no_document_has_finds_what_is_near_it(small: es.Workspace) -> None:
    small.train(vector_size=10, epochs=2, workers=1)
    with pytest.raises(es.UnknownWordError):
        small.search("automobile", expand=True)
    known = small.words.index_to_key[-1]
    rows = [[1.0, 0.1], [0.9, 0.2]]
    small.import_vectors(es.WordVectors(np.array(rows, np.float32), ["automobile", known]))
    found = small.search("automobile", expand=True)
    assert [word[:2] for word in found.expanded] == [("automobile", known)]
    assert known in small.documents[found[0].id].text
    assert (found.unknown, found.unexpanded) == (("automobile",), "")
    assert found.relevance is not None
    assert found.relevance > 0.5
    far = small.search(f"xyzzy {known}", expand=True)
    assert far.expanded == ()
    assert far.unexpanded == f"no word is close enough to xyzzy, {known}"


def test_added_words_are_words_of_documents_not_stems(ws: es.Workspace) -> None:
    ids = list(ws.documents)
    words = {word for id in ids for word in ws.documents[id].text.lower().replace(".", "").split()}
    added = [
        word
        for query, _ in PlantedCorpus().queries()
        for word in ws.search(query, expand=True).expanded
    ]
    assert all(word.word in words for word in added)


def test_leaning_goes_from_words_to_meaning(planted: Path) -> None:
    with es.open(planted) as workspace:
        text = words_of(workspace)

        def found(**options: Any) -> list[tuple[str, float]]:
            return [(hit.id, hit.score) for hit in workspace.search(text, 20, **options)]

        assert found(lean=-2) == found(mode="lexical")
        assert found(lean=2) == found(mode="latent")
        assert found(lean=0) == found()
        steps = [workspace.search(text, 20, lean=lean, explain=True) for lean in (-1, 0, 1)]
        shares = []
        for hits in steps:
            assert hits[0].explanation is not None
            parts = hits[0].explanation.encoders
            words = sum(value for name, value in parts.items() if name.startswith("BM25"))
            shares.append(words / sum(parts.values()))
        assert shares[0] > shares[1] > shares[2] > 0


def test_hits_of_less_relevance_are_left_out(planted: Path) -> None:
    with es.open(planted) as workspace:
        text = words_of(workspace)
        everything = workspace.search(text, 30)
        relevant = [hit.relevance for hit in everything]
        assert everything.relevance == relevant[0]
        middle = relevant[10]
        assert middle is not None
        kept = workspace.search(text, 30, min_relevance=middle)
        assert [hit.id for hit in kept] == [
            hit.id for hit in everything if hit.relevance is not None and hit.relevance >= middle
        ]
        nothing = workspace.search(f"{text} qux quux", min_relevance=1.0)
        assert (list(nothing), nothing.relevance is not None) == ([], True)


def test_feedback_changes_what_scores_are_made_of_and_can_be_left_out(planted: Path) -> None:
    with es.open(planted) as workspace:
        text = words_of(workspace)
        for feedback in (0, 2):
            for hit in workspace.search(text, 5, feedback=feedback, explain=True):
                assert hit.explanation is not None
                first = {part.through for part in hit.explanation.parts if part.through}
                assert len(first) <= feedback
                added = sum(part.contribution for part in hit.explanation.parts)
                assert added + hit.explanation.rest == pytest.approx(hit.score, abs=1e-6)


@pytest.mark.parametrize(
    ("feedback", "mode"), [(-1, "auto"), (1.5, "auto"), (True, "auto"), (3, "lexical")]
)
def test_feedback_that_cannot_be_is_refused(planted: Path, feedback: object, mode: str) -> None:
    with es.open(planted) as workspace, pytest.raises(es.ParameterError, match="feedback"):
        workspace.search("king", 5, mode, feedback=feedback)  # type: ignore[arg-type]


RECORDS = [
    {
        "id": f"n{k}",
        "text": f"a galaxy of {k} stars",
        "meta": {"agent": name, "at": {"year": 2000 + k}},
        "tags": ["x", name],
        "metadata": {"date": f"2020-0{k + 1}-15"},
        "kind": {"name": name[:1]},
    }
    for k, name in enumerate(("bob", "ann", "bea", "al"))
]


@pytest.fixture
def filled(example: Path) -> Path:
    source = example.with_name("nested.jsonl")
    source.write_text("".join(json.dumps(record) + "\n" for record in RECORDS))
    with es.open(example, "w") as ws:
        ws.add_sources(str(source))
    return example


def test_a_file_with_nested_metadata_can_be_asked(
    filled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = {}
    with es.open(filled) as ws:
        for where in (
            "meta.agent = 'bob'",
            "'ann' in tags and meta.at.year = 2001",
            "date >= 2020-03 and 'x' in tags",
        ):
            found[where] = sorted(hit.id for hit in ws.search("galaxy", where=where))
        hits = ws.search("galaxy", topn=1, where="meta.agent = 'bob'")
    assert list(found.values()) == [["n0"], ["n1"], ["n2", "n3"]]
    expected = {
        "date": "2020-01-15",
        "kind": {"name": "b"},
        "meta": {"agent": "bob", "at": {"year": 2000}},
        "tags": ["x", "bob"],
    }
    assert hits[0].metadata == expected
    for output, read in (
        ("json", lambda text: json.loads(text)[0]["metadata"]),
        ("csv", lambda text: json.loads(next(csv.DictReader(io.StringIO(text)))["metadata"])),
    ):
        show(documents_found(Hits(hits)), output)
        assert read(capsys.readouterr().out) == expected


def test_a_label_may_be_within_an_object_but_is_one_value(filled: Path) -> None:
    with es.open(filled) as ws:
        report = ws.evaluate.classification("metadata.kind.name", folds=2)
        assert sorted(report.notes) == []
        for name, what in (("tags", "a list"), ("meta", "an object")):
            with pytest.raises(es.InputError, match=f"'{name}' of document 'n0' is {what}"):
                ws.evaluate.classification(name)
        with pytest.raises(es.InputError, match="no document of the workspace"):
            ws.evaluate.classification("meta.none")


def test_a_reader_searches_by_words_and_by_meaning_in_turn(small: es.Workspace) -> None:
    small.train(min_count=1, epochs=1)
    with es.open(small.path) as reader:
        for number, mode in enumerate(["lexical", "auto", "lexical", "lexical", "auto", "lexical"]):
            small.add([es.Document(f"new{number}", f"a zeppelin with the number{number}")])
            assert [hit.id for hit in reader.search(f"number{number}", mode=mode, topn=1)] == [
                f"new{number}"
            ]
            found = {hit.id for hit in reader.search("zeppelin", mode="lexical")}
            assert found == {f"new{i}" for i in range(number + 1)}
        small.delete(["new1", "new5"])
        found = {hit.id for hit in reader.search("zeppelin", mode="lexical")}
        assert found == {"new0", "new2", "new3", "new4"}


def test_what_was_searched_by_words_alone_is_let_go_with_the_next_search_by_meaning(
    small: es.Workspace,
) -> None:
    small.train(min_count=1, epochs=1)
    with es.open(small.path) as reader:
        search = reader._session.search()
        reader.search("paris")
        small.add([es.Document("new", "a zeppelin")])
        by_words = weakref.ref(search._by_words())
        reader.search("zeppelin", mode="lexical")
        assert by_words() is search._by_words()
        reader.search("zeppelin")
        gc.collect()
        assert by_words() is None

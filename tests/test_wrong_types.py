"""Whatever a public function is given, it answers, or raises one of our errors."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gensim.models import KeyedVectors

import embedsearch as es
from embedsearch.evaluation.collections import Collection
from embedsearch.training.settings import TrainingSettings
from embedsearch.workspace.documents import Documents
from embedsearch.workspace.evaluate import Evaluation
from embedsearch.workspace.space import Space
from embedsearch.workspace.texts import Texts
from embedsearch.workspace.vectors import VectorCollection

WRONG = (None, 5, -1, 1.5, math.nan, "", "x", b"x", object(), [], {}, [None], [5], ["x"])
# For what takes long if a value is taken after all.
FEW = (5, "x", b"x", object(), [None])

TEXTS = ["the king rules the land", "the queen rules the land", "a cat sleeps on a mat"] * 4
QUICK: dict[str, Any] = {"trainer": "ppmi", "min_count": 1, "vector_size": 4, "workers": 1}
X = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)

FUNCTIONS: dict[str, dict[str, Any]] = {
    "build": {"sources": "text.txt", "path": "new.es", "split": "line", **QUICK},
    "create": {"path": "new.es"},
    "from_gensim": {"model": KeyedVectors(3)},
    "get_corpus": {"name": "planted"},
    "import_vectors": {"source": "words.txt", "path": "new.es"},
    "list_corpora": {},
    "load_vectors": {"path": "words.txt"},
    "migrate": {"path": "read.es"},
    "open": {"path": "read.es"},
    "repair": {"path": "read.es"},
    "restore": {"file": "backup", "path": "new.es"},
    "save_vectors": {"vectors": es.WordVectors(X, list("abcdef")), "path": "saved.txt"},
    "to_gensim": {"model": es.WordVectors(X, list("abcdef"))},
    "train_texts": {"texts": TEXTS, **QUICK},
    "verify": {"path": "read.es"},
}
EVALUATIONS: dict[str, dict[str, Any]] = {
    "analogies": {"vectors": es.WordVectors(X, list("abcdef")), "path": "questions.txt"},
    "classification": {"X": X, "labels": [0, 1] * 3, "folds": 2},
    "index_recall": {"index": es.VectorIndex.build(X), "X": X, "ks": (1,), "topn": 1},
    "lee": {"encode": lambda texts: np.ones((len(texts), 2))},
    "load_collection": {"path": "collection"},
    "pairs": {"vectors": es.WordVectors(X, list("abcdef")), "path": "pairs.txt"},
    "parse_metrics": {"names": ["map"]},
    "read_run": {"path": "run.txt"},
    "resolve_set": {"path": "google"},
    "retrieval": {
        "searchers": {"a": lambda texts, _: [[("d", 1.0)] for _ in texts]},
        "collection": Collection({"q": "king"}, {"q": {"d": 1}}),
    },
    "stability": {"models": [es.WordVectors(X, list("abcdef"))] * 2},
    "write_run": {"run": {"q": [("d", 1.0)]}, "path": "written.txt"},
}
WORDS: dict[str, dict[str, Any]] = {
    "add_vector": {"key": "new", "vector": X[0]},
    "add_vectors": {"keys": ["new"], "weights": X[:1]},
    "analogy": {"expression": "king - queen + cat"},
    "closer_than": {"key1": "king", "key2": "queen"},
    "cosine_similarities": {"vector_1": X[0], "vectors_all": X},
    "distance": {"w1": "king", "w2": "queen"},
    "distances": {"word_or_vector": "king"},
    "doesnt_match": {"words": ["king", "queen", "cat"]},
    "evaluate_word_analogies": {"analogies": "questions.txt"},
    "evaluate_word_pairs": {"pairs": "pairs.txt"},
    "fill_norms": {},
    "find": {"word": "king"},
    "find_all": {"words": ["king"]},
    "get_count": {"word": "king"},
    "get_index": {"key": "king"},
    "get_mean_vector": {"keys": ["king", "queen"]},
    "get_normed_vectors": {},
    "get_vecattr": {"key": "king", "attr": "count"},
    "get_vector": {"word": "king"},
    "has_index_for": {"key": "king"},
    "load": {"path": "words.txt"},
    "load_word2vec_format": {"fname": "words.txt"},
    "most_similar": {"positive": "king"},
    "most_similar_batch": {"words": ["king"]},
    "most_similar_cosmul": {"positive": "king"},
    "most_similar_to_given": {"key1": "king", "keys_list": ["queen"]},
    "n_similarity": {"ws1": ["king"], "ws2": ["queen"]},
    "neighbors": {"positive": "king"},
    "rank": {"key1": "king", "key2": "queen"},
    "rank_by_centrality": {"words": ["king", "queen"]},
    "relative_cosine_similarity": {"wa": "king", "wb": "queen"},
    "save": {"path": "saved.txt"},
    "save_word2vec_format": {"fname": "saved.txt"},
    "set_vecattr": {"key": "king", "attr": "count", "val": 3},
    "similar_by_key": {"key": "king"},
    "similar_by_vector": {"vector": X[0]},
    "similar_by_word": {"word": "king"},
    "similarity": {"w1": "king", "w2": "queen"},
    "sort_by_descending_frequency": {},
    "vectors_for_all": {"keys": ["king"]},
    "wmdistance": {"document1": ["king"], "document2": ["queen"]},
    "__getitem__": {"words": "king"},
    "__contains__": {"word": "king"},
}
READER: dict[str, dict[str, Any]] = {
    "backup": {"file": "new.backup"},
    "explain": {"text": "king", "id": "d0"},
    "export": {"path": "saved.txt"},
    "indexes": {},
    "info": {},
    "model": {},
    "search": {"text": "king"},
    "search_batch": {"texts": ["king"]},
    "vector_of": {"text": "king"},
    "verify": {},
}
WRITER: dict[str, dict[str, Any]] = {
    "add": {"documents": es.Document("new", "text")},
    "add_sources": {"sources": "text.txt"},
    "add_vectors": {"X": X},
    "compact": {},
    "delete": {"ids": []},
    "import_vectors": {"source": "words.txt"},
    "index": {},
    "judge": {"query": "king", "id": "d0"},
    "replace_all": {"documents": TEXTS, **QUICK},
    "train": QUICK,
    "tune": {"judgements": {f"king {n}": {"d0": 1} for n in range(20)}},
    "untune": {},
}
DOCUMENTS: dict[str, dict[str, Any]] = {
    "count": {},
    "duplicate_groups": {},
    "duplicates": {},
    "facet": {"field": "kind"},
    "get": {"key": "d0"},
    "list": {},
    "most_similar": {"positive": "d0"},
    "sample": {"n": 2},
    "source": {"id": "d0"},
    "table": {"documents": [], "columns": ["id"]},
    "vector": {"id": "d0"},
    "__getitem__": {"id": "d0"},
    "__contains__": {"id": "d0"},
}
SPACE: dict[str, dict[str, Any]] = {
    "axes": {"method": "pca"},
    "axis": {"positive": ["king"], "negative": ["cat"]},
    "clusters": {"n_clusters": 2},
    "compare_topics": {"n_topics": 2, "methods": ["lsa"]},
    "describe": {"what": "king"},
    "generate": {"method": "gaussian"},
    "kept_topics": {},
    "map": {"method": "pca"},
    "path": {"start": "king", "end": "cat"},
    "place_on_map": {},
    "odd_one_out": {"items": ["king", "cat", "d0"]},
    "outliers": {},
    "points": {},
    "pole": {"given": ["king"], "encoder": "words"},
    "readout": {"encoder": "words"},
    "recommend": {"read": ["d0"]},
    "spelled": {"terms": ["king"]},
    "term_counts": {},
    "topics": {"n_topics": 2},
}
TEXTS_OF: dict[str, dict[str, Any]] = {
    "compare": {"word": "king", "by": "kind"},
    "concordance": {"word": "king"},
    "keywords": {"ids": "d0"},
    "words": {},
}
EVALUATE: dict[str, dict[str, Any]] = {
    "analogies": {"path": "questions.txt"},
    "classification": {"label": "kind", "folds": 2},
    "index": {"topn": 2, "queries": 3},
    "lee": {},
    "pairs": {"path": "pairs.txt"},
    "retrieval": {"path": "collection"},
    "stability": {"seeds": 2, "topn": 2},
}
COLLECTION: dict[str, dict[str, Any]] = {
    "most_similar": {"positive": "d0"},
    "search": {"q": X[0]},
    "search_batch": {"Q": X[:2]},
    "vector": {"id": "d0"},
}
INDEX: dict[str, dict[str, Any]] = {
    "add": {"X": X[:1]},
    "build": {"X": X},
    "compact": {},
    "delete": {"ids": [0]},
    "from_blocks": {"blocks": [X], "dimension": 4},
    "load": {"path": "saved.index"},
    "range_search": {"Q": X[:1], "score": 0.5},
    "save": {"path": "again.index"},
    "search": {"Q": X[:1]},
    "search_combined": {"V": X[:2]},
    "update": {"ids": [0], "X": X[:1]},
    "vector": {"id": 0},
}
CLASSES: dict[str, dict[str, Any]] = {
    "ReadSettings": {},
    "TokenizerSettings": {},
    "WordVectors": {"vectors": X, "index_to_key": list("abcdef")},
    "TrainedModel": {"vectors": es.WordVectors(X, list("abcdef"))},
    "Workspace": {"path": "read.es"},
}
LONG = {"build", "import_vectors", "train", "replace_all", "restore", "repair", "compact", "lee"}
# They make an object of one of ours, or are those of every list and mapping.
INTERNAL = {"of", "close", "items", "keys", "values"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the calls above name."""
    folder = tmp_path_factory.mktemp("wrong")
    documents = [es.Document(f"d{n}", text, {"kind": n % 2}) for n, text in enumerate(TEXTS)]
    for name in ("read.es", "write.es"):
        with es.create(folder / name) as ws:
            ws.add(documents)
            ws.train(**QUICK)
            ws.add_vectors(X, documents[:6])
            if name == "read.es":
                ws.words.save_word2vec_format(folder / "words.txt")
                ws.backup(folder / "backup")
    es.VectorIndex.build(X).save(folder / "saved.index")
    (folder / "text.txt").write_text("\n".join(TEXTS), encoding="utf-8")
    (folder / "questions.txt").write_text(": a\nking queen cat mat\na b c d\n", encoding="utf-8")
    (folder / "pairs.txt").write_text("king\tqueen\t3\ncat\tmat\t2\na\tb\t1\nb\tc\t2\n", "utf-8")
    (folder / "run.txt").write_text("q Q0 d 1 1.0 x\n", encoding="utf-8")
    (folder / "collection" / "qrels").mkdir(parents=True)
    (folder / "collection" / "queries.jsonl").write_text('{"_id": "q", "text": "king"}', "utf-8")
    judged = "query-id\tcorpus-id\tscore\nq\td0\t1\n"
    (folder / "collection" / "qrels" / "test.tsv").write_text(judged, "utf-8")
    return folder


@pytest.fixture(autouse=True)
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


def public(kind: type) -> set[str]:
    names = {name for name, _ in inspect.getmembers(kind, callable) if name[0] != "_"}
    return names - INTERNAL


def test_every_public_function_is_listed() -> None:
    functions = [n for n in es.__all__ if inspect.isfunction(getattr(es, n))]
    assert set(functions) == set(FUNCTIONS)
    measures = es.evaluation.__all__
    assert {n for n in measures if inspect.isfunction(getattr(es.evaluation, n))} == set(
        EVALUATIONS
    )
    assert public(es.Workspace) == set(READER) | set(WRITER)
    for kind, listed in (
        (es.WordVectors, WORDS),
        (Documents, DOCUMENTS),
        (Texts, TEXTS_OF),
        (Space, SPACE),
        (Evaluation, EVALUATE),
        (VectorCollection, COLLECTION),
        (es.VectorIndex, INDEX),
    ):
        assert public(kind) == {name for name in listed if name[0] != "_"}


def cases(listed: dict[str, dict[str, Any]]) -> Any:
    return pytest.mark.parametrize("name", listed)


def attempt(call: Callable[..., Any], given: dict[str, Any]) -> Exception | None:
    """Call, and return an error that is neither ours nor documented."""
    try:
        found = call(**given)
        if isinstance(found, es.Workspace):
            found.close()
        elif isinstance(found, Iterator):
            list(found)
    except es.EmbedSearchError:
        pass
    except OSError as error:
        # An index needs no workspace, and its files are like any other.
        return None if call.__qualname__.startswith("VectorIndex") else error
    except Exception as error:  # noqa: BLE001 - any is a failure
        return error
    return None


def try_all(call: Callable[..., Any], needed: dict[str, Any], wrong: tuple[Any, ...]) -> None:
    """Put every wrong value in the place of every parameter."""
    errors = {
        f"{parameter.name}={value!r}": attempt(call, {**needed, parameter.name: value})
        for parameter in inspect.signature(call).parameters.values()
        if parameter.kind is not parameter.VAR_KEYWORD and parameter.name[0] != "_"
        for value in wrong
    }
    assert not {given: error for given, error in errors.items() if error is not None}


def few(name: str) -> tuple[Any, ...]:
    return FEW if name in LONG else WRONG


@cases(FUNCTIONS)
def test_functions(name: str) -> None:
    try_all(getattr(es, name), FUNCTIONS[name], few(name))


@cases(EVALUATIONS)
def test_evaluations(name: str) -> None:
    try_all(getattr(es.evaluation, name), EVALUATIONS[name], few(name))


@cases(CLASSES)
def test_classes(name: str) -> None:
    try_all(getattr(es, name), CLASSES[name], WRONG)


@cases(WORDS)
def test_words(name: str) -> None:
    with es.open("read.es") as ws:
        try_all(getattr(ws.words, name), WORDS[name], few(name))


@cases(READER)
def test_a_reader(name: str) -> None:
    with es.open("read.es") as ws:
        try_all(getattr(ws, name), READER[name], few(name))


@cases(WRITER)
def test_a_writer(name: str) -> None:
    with es.open("write.es", "w") as ws:
        try_all(getattr(ws, name), WRITER[name], few(name))


@cases(DOCUMENTS)
def test_documents(name: str) -> None:
    with es.open("read.es") as ws:
        try_all(getattr(ws.documents, name), DOCUMENTS[name], few(name))


@cases(TEXTS_OF)
def test_texts(name: str) -> None:
    with es.open("read.es") as ws:
        try_all(getattr(ws.texts, name), TEXTS_OF[name], few(name))


@cases(SPACE)
def test_space(name: str) -> None:
    with es.open("read.es") as ws:
        try_all(getattr(ws.space, name), SPACE[name], few(name))


@cases(EVALUATE)
def test_evaluate(name: str) -> None:
    with es.open("read.es") as ws:
        try_all(getattr(ws.evaluate, name), EVALUATE[name], few(name))


@cases(COLLECTION)
def test_own_vectors(name: str) -> None:
    with es.open("read.es") as ws:
        try_all(getattr(ws.vectors, name), COLLECTION[name], few(name))


@cases(INDEX)
def test_an_index(name: str) -> None:
    try_all(getattr(es.VectorIndex.build(X), name), INDEX[name], few(name))


@pytest.mark.parametrize("name", TrainingSettings.__dataclass_fields__)
def test_parameters_of_training(name: str) -> None:
    for value in (-1, math.nan, "x", b"x", object(), [], {}):
        assert attempt(es.train_texts, {"texts": TEXTS, **QUICK, name: value}) is None

"""Options of the command line do what they say: compared with the library, numpy or bytes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr

import embedsearch as es

Run = Callable[..., subprocess.CompletedProcess[str]]


def answered(process: subprocess.CompletedProcess[str]) -> Any:
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout)


TRAINED: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "word2vec": (
        ("--vector-size", "6", "--window", "3", "--min-count", "2", "--max-final-vocab", "30",
         "--epochs", "2", "--cbow", "--negative", "4", "--ns-exponent", "0.5", "--cbow-sum",
         "--sample", "0.01", "--alpha", "0.04", "--min-alpha", "0.002", "--workers", "1",
         "--patience", "9", "--seed", "7"),
        {"vector_size": 6, "window": 3, "min_count": 2, "max_final_vocab": 30, "epochs": 2,
         "sg": 0, "negative": 4, "ns_exponent": 0.5, "cbow_mean": 0, "sample": 0.01,
         "alpha": 0.04, "min_alpha": 0.002, "workers": 1, "patience": 9, "seed": 7},
    ),
    "fasttext": (
        ("--vector-size", "5", "--min-n", "2", "--max-n", "4", "--bucket", "300", "--epochs", "1",
         "--workers", "2", "--deterministic", "--sg"),
        {"vector_size": 5, "min_n": 2, "max_n": 4, "bucket": 300, "epochs": 1,
         "workers": 2, "deterministic": 1, "sg": 1},
    ),
    "gensim": (
        ("--vector-size", "5", "--hs", "--epochs", "1", "--workers", "1", "--cbow-mean"),
        {"vector_size": 5, "hs": 1, "negative": 0, "epochs": 1, "workers": 1, "cbow_mean": 1},
    ),
}  # fmt: skip


@pytest.mark.parametrize("trainer", TRAINED)
def test_options_of_the_training_reach_it(
    invoke: Run, corpus: Path, tmp_path: Path, trainer: str
) -> None:
    options, parameters = TRAINED[trainer]
    done = invoke("build", corpus, "-w", tmp_path / "a.es", "--trainer", trainer, "-q", *options)
    assert done.returncode == 0, done.stderr
    with es.open(tmp_path / "a.es") as ws:
        used = ws.info().parameters
        assert {name: used[name] for name in parameters} == parameters
        vectors, words = np.array(ws.words.vectors), ws.words.index_to_key
    assert len(words) <= parameters.get("max_final_vocab", 1000)
    # The library itself, without the command line.
    with es.build(str(corpus), tmp_path / "b.es", trainer=trainer, **parameters) as ws:
        assert ws.words.index_to_key == words
        np.testing.assert_array_equal(ws.words.vectors, vectors)


def test_options_of_the_tokenizer_are_kept_and_used(invoke: Run, tmp_path: Path) -> None:
    lines = "".join(f"le café de new york numéro {n % 7}\n" for n in range(40))
    phrases = ("--phrases", "npmi", "--phrase-min-count", "3", "--phrase-threshold", "0.4")
    options = ("--accents", "strip", *phrases, "--phrase-passes", "2", "--digits", "drop")
    quick = ("--trainer", "ppmi", "--vector-size", "4", "--min-count", "1", "-q")
    process = invoke(
        "build", "-", "--split", "line", "-w", tmp_path / "a.es", *options, *quick, stdin=lines
    )
    assert process.returncode == 0, process.stderr
    with es.open(tmp_path / "a.es") as ws:
        found = ws.tokenizer
        assert (found.accents, found.digits, found.phrases) == ("strip", "drop", "npmi")
        assert (found.phrase_min_count, found.phrase_threshold) == (3, 0.4)
        assert found.phrase_passes == 2
        vocabulary = set(ws.words.index_to_key)
    assert any(word.count("_") > 1 for word in vocabulary), vocabulary
    assert any("cafe" in word.split("_") for word in vocabulary), vocabulary
    letters = "".join(vocabulary)
    assert "é" not in letters
    assert not any(map(str.isdecimal, letters))


def test_options_of_reading_choose_files_encodings_and_columns(invoke: Run, tmp_path: Path) -> None:
    docs, path = tmp_path / "docs", tmp_path / "a.es"
    (docs / "deep").mkdir(parents=True)
    table = "ref,name,body\n1,Ärger,Viel Ärger über nichts.\n2,Öl,Öl für Öfen.\n"
    (docs / "deep" / "table.csv").write_bytes(table.encode("cp1252"))
    (docs / "other.txt").write_text("not wanted")
    columns = ("--id-column", "ref", "--title-column", "name", "--text-column", "body")
    options = ("--glob", "deep/*.csv", "--encoding", "cp1252", *columns)
    assert invoke("add", docs, "-w", path, "-q", *options).returncode == 0
    with es.open(path) as ws:
        found = [(d.id, d.title, d.text, dict(d.metadata)) for d in ws.documents.values()]
    assert found == [
        ("1", "Ärger", "Viel Ärger über nichts.", {}),
        ("2", "Öl", "Öl für Öfen.", {}),
    ]
    mixed = invoke("add", docs, "-w", path, "--glob", "**/*.csv", "--encoding", "ascii", "--strict")
    assert mixed.returncode == 1
    assert "table.csv" in mixed.stderr


def test_neighbours_come_from_the_most_frequent_words_that_are_asked_for(
    invoke: Run, workspace: Path
) -> None:
    with es.open(workspace) as ws:
        words, X = ws.words.index_to_key, np.array(ws.words.vectors, np.float64)
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    word = words[3]
    for most, topn in ((12, 5), (2, 5)):
        best = [i for i in np.argsort(-X[:most] @ X[3], kind="stable") if i != 3][:topn]
        options = ("--restrict-vocab", most, "--topn", topn, "--rare", "--json")
        found = answered(invoke("neighbors", word, "-w", workspace, *options))
        assert [each["word"] for each in found] == [words[i] for i in best]


def test_an_analogy_multiplies_if_told(invoke: Run, workspace: Path) -> None:
    with es.open(workspace) as ws:
        words, X = ws.words.index_to_key, np.array(ws.words.vectors, np.float64)
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    near = {word: (1 + X @ X[words.index(word)]) / 2 for word in ("cow", "meadow", "night")}
    scores = near["cow"] * near["night"] / (near["meadow"] + 1e-6)
    best = [i for i in np.argsort(-scores, kind="stable") if words[i] not in near][:6]
    options = ("--method", "3cosmul", "-k", "6", "--json")
    found = answered(invoke("analogy", "cow - meadow + night", "-w", workspace, *options))
    assert [each["word"] for each in found] == [words[i] for i in best]
    assert [each["score"] for each in found] == pytest.approx(scores[best].tolist(), abs=1e-4)


@pytest.mark.parametrize("mode", ["auto", "latent"])
def test_the_query_moves_towards_as_many_hits_as_are_asked_for(
    invoke: Run, workspace: Path, mode: str
) -> None:
    given = ("search", "comet in the barn", "-w", workspace, "--mode", mode, "-k", "5", "--json")
    answers = []
    for feedback in (0, 4):
        found = answered(invoke(*given, "--feedback", feedback))
        with es.open(workspace) as ws:
            hits = ws.search("comet in the barn", 5, mode, feedback=feedback)
        assert [each["id"] for each in found] == [hit.id for hit in hits]
        assert [each["score"] for each in found] == pytest.approx([h.score for h in hits], abs=1e-5)
        answers.append([each["score"] for each in found])
    assert answers[0] != answers[1]


@pytest.fixture
def pairs(tmp_path: Path) -> tuple[Path, list[tuple[str, str, float]]]:
    judged = [("cow", "sheep", 9.0), ("Cow", "star", 1.5), ("goat", "comet", 2.0)]
    judged += [("moon", "galaxy", 7.0), ("cow", "unicorn", 4.0), ("horse", "donkey", 8.0)]
    path = tmp_path / "pairs.tsv"
    path.write_text("".join(f"{a}\t{b}\t{score}\n" for a, b, score in judged))
    return path, judged


@pytest.mark.parametrize("dummy", [False, True])
@pytest.mark.parametrize("insensitive", [False, True])
def test_pairs_with_unknown_words_are_left_out_or_count_as_zero(
    invoke: Run, workspace: Path, pairs: Any, dummy: bool, insensitive: bool
) -> None:
    path, judged = pairs
    with es.open(workspace) as ws:
        rows, X = ws.words.key_to_index, np.array(ws.words.vectors, np.float64)
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    ours, theirs = [], []
    for one, two, score in judged:
        a, b = (rows.get(w.lower() if insensitive else w) for w in (one, two))
        if a is not None and b is not None:
            ours.append(X[a] @ X[b])
            theirs.append(score)
        elif dummy:
            ours.append(0.0)
            theirs.append(score)
    case = "--case-insensitive" if insensitive else "--case-sensitive"
    options = [case, *(["--dummy4unknown"] if dummy else []), "--json", "-q"]
    found = answered(invoke("evaluate", "pairs", path, "-w", workspace, *options))
    assert found["spearman"] == pytest.approx(spearmanr(ours, theirs).statistic, abs=1e-6)
    known = len(judged) - (1 if insensitive else 2)
    assert found["coverage"] == pytest.approx(known / len(judged))


def test_rare_words_are_no_answers_if_the_vocabulary_is_cut(
    invoke: Run, workspace: Path, tmp_path: Path
) -> None:
    with es.open(workspace) as ws:
        words = ws.words.index_to_key
    frequent, rare = words[:4], words[20]
    questions, pairs = tmp_path / "questions.txt", tmp_path / "pairs.tsv"
    questions.write_text(f": some\n{' '.join(frequent)}\n{' '.join([*frequent[:3], rare])}\n")
    both = [(frequent[a], frequent[b], a + b) for a in range(4) for b in range(a)]
    lines = [*both, (frequent[0], rare, 9)]
    pairs.write_text("".join(f"{a}\t{b}\t{score}\n" for a, b, score in lines))
    for kind, file, share in (("analogies", questions, 1 / 2), ("pairs", pairs, 6 / 7)):
        given = ("evaluate", kind, file, "-w", workspace, "-q", "--json")
        assert answered(invoke(*given))["coverage"] == 1
        cut = answered(invoke(*given, "--restrict-vocab", "20"))
        assert cut["coverage"] == pytest.approx(share, abs=1e-6)


def test_judgements_and_queries_may_lie_elsewhere(
    invoke: Run, workspace: Path, tmp_path: Path
) -> None:
    folder, queries, qrels = tmp_path / "empty", tmp_path / "q.jsonl", tmp_path / "j.tsv"
    folder.mkdir()
    queries.write_text(json.dumps({"_id": "q1", "text": "comet galaxy telescope"}) + "\n")
    with es.open(workspace) as ws:
        ranked = [hit.id for hit in ws.search("comet galaxy telescope", 20, "lexical")]
    # Only the second and the fifth are right.
    right = {ranked[1], ranked[4]}
    lines = "".join(f"q1\t{id}\t1\n" for id in right)
    qrels.write_text(f"query-id\tcorpus-id\tscore\n{lines}")
    metrics = ("--metric", "mrr", "--metric", "precision@5", "--metric", "ndcg@10")
    options = ("--mode", "lexical", "--queries", queries, "--qrels", qrels, *metrics)
    found = answered(
        invoke("evaluate", "retrieval", folder, "-w", workspace, *options, "-q", "--json")
    )
    assert found["mrr"] == pytest.approx(1 / 2)
    assert found["precision@5"] == pytest.approx(2 / 5)
    ideal = 1 + 1 / np.log2(3)
    assert found["ndcg@10"] == pytest.approx((1 / np.log2(3) + 1 / np.log2(6)) / ideal)


@pytest.mark.parametrize("folds", [2, 4])
def test_the_folds_are_those_that_are_asked_for(invoke: Run, workspace: Path, folds: int) -> None:
    options = ("--label", "topic", "--folds", folds, "--json", "-q")
    found = answered(invoke("evaluate", "documents", "-w", workspace, *options))
    with es.open(workspace) as ws:
        expected = ws.evaluate.classification("topic", folds=folds).to_json()
    assert found == expected
    (saved, *_) = sorted((workspace / "reports").glob("*classification*"), reverse=True)
    assert json.loads(saved.read_text())["arguments"]["folds"] == folds


def test_as_many_neighbours_are_compared_as_are_asked_for(invoke: Run, workspace: Path) -> None:
    given = ("evaluate", "index", "-w", workspace, "--topn", "3", "--queries", "17", "--json", "-q")
    assert answered(invoke(*given))["queries"] == 17
    (saved, *_) = sorted((workspace / "reports").glob("*index*"), reverse=True)
    arguments = json.loads(saved.read_text())["arguments"]
    assert (arguments["topn"], arguments["queries"]) == (3, 17)


def test_so_many_words_are_imported_and_broken_ones_are_treated_as_told(
    invoke: Run, tmp_path: Path
) -> None:
    file = tmp_path / "words.txt"
    file.write_bytes(b"4 2\none 1 0\nb\xffd 0 1\nthree 1 1\nfour 0.5 1\n")
    expected = {
        "skip": ["one", "three", "four"],
        "replace": ["one", "b\N{REPLACEMENT CHARACTER}d", "three", "four"],
    }
    for errors, words in expected.items():
        path = tmp_path / f"{errors}.es"
        options = ("--encoding-errors", errors, "--no-lowercase", "-q")
        assert invoke("import", file, "-w", path, *options).returncode == 0
        with es.open(path) as ws:
            assert ws.words.index_to_key == words
    refused = invoke("import", file, "-w", tmp_path / "strict.es")
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
    options = ("--limit", "3", "--encoding-errors", "replace", "-q")
    assert invoke("import", file, "-w", tmp_path / "few.es", *options).returncode == 0
    with es.open(tmp_path / "few.es") as ws:
        assert ws.words.index_to_key == expected["replace"][:3]
        np.testing.assert_array_equal(ws.words.vectors, [[1, 0], [0, 1], [1, 1]])

"""Questions about words and documents, against numpy and the library."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embedsearch as es
from embedsearch._types import ExpandedWord, Explanation, Highlight, Hit, Hits, Part
from embedsearch.cli.output import show
from embedsearch.cli.questions import documents_found
from embedsearch.text.tokenizers import resolve_stop_words

Run = Callable[..., subprocess.CompletedProcess[str]]
FARM = {"cow", "horse", "sheep", "goat", "donkey"}
SKY = {"star", "planet", "moon", "comet", "galaxy"}


class Space:
    """The vectors, and the definitions of the questions in numpy."""

    def __init__(self, path: Path) -> None:
        with es.open(path) as ws:
            self.words = list(ws.words.index_to_key)
            vectors = np.array(ws.words.vectors, dtype=np.float64)
            self.counts = np.array([ws.words.get_count(word) for word in self.words])
        self.unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        self.vectors = vectors

    def __getitem__(self, word: str) -> np.ndarray:
        return self.unit[self.words.index(word)]

    def nearest(
        self, query: np.ndarray, *without: str, z: float = 1.645
    ) -> list[tuple[str, float]]:
        """Rank by the lower end of the interval, or with a `z` of 0 by the cosine."""
        scores = self.unit @ (query / np.linalg.norm(query))
        asked = [self.counts[self.words.index(word)] for word in without]
        errors = np.sqrt(1 / self.counts + np.mean(1 / np.array(asked)))
        order = np.argsort(z * errors - np.arctanh(np.clip(scores, -1, 1 - 1e-9)), kind="stable")
        return [(self.words[i], scores[i]) for i in order if self.words[i] not in without]


@pytest.fixture(scope="module")
def space(workspace: Path) -> Space:
    return Space(workspace)


def answered(process: subprocess.CompletedProcess[str]) -> list[dict[str, object]]:
    assert (process.returncode, process.stderr) == (0, "")
    found = json.loads(process.stdout)
    assert isinstance(found, list)
    return found


def assert_same(found: list[dict[str, object]], expected: list[tuple[str, float]]) -> None:
    assert [record["word"] for record in found] == [word for word, _ in expected]
    assert [record["score"] for record in found] == pytest.approx(
        [score for _, score in expected], abs=1e-5
    )


def test_neighbors_are_those_of_numpy(invoke: Run, workspace: Path, space: Space) -> None:
    found = answered(invoke("neighbors", "cow", "-w", workspace, "-k", "7", "--json"))
    assert_same(found, space.nearest(space["cow"], "cow")[:7])
    assert [record["count"] for record in found] == [
        space.counts[space.words.index(str(record["word"]))] for record in found
    ]
    assert all(record["low"] < record["score"] < record["high"] for record in found)


def test_rare_neighbors_are_ranked_by_the_score(invoke: Run, workspace: Path, space: Space) -> None:
    found = answered(invoke("neighbors", "cow", "-w", workspace, "-k", "30", "--rare", "--json"))
    assert_same(found, space.nearest(space["cow"], "cow", z=0)[:30])


def test_neighbors_mean_something(invoke: Run, workspace: Path) -> None:
    found = answered(invoke("similar", "cow", "-w", workspace, "-k", "4", "--json"))
    assert {str(record["word"]) for record in found} == FARM - {"cow"}


def test_a_query_word_is_treated_like_the_corpus(invoke: Run, workspace: Path) -> None:
    lower, upper = (invoke("similar", word, "-w", workspace, "--json") for word in ("cow", "COW"))
    assert lower.stdout == upper.stdout


def test_euclidean_scores_are_minus_the_distance(
    invoke: Run, workspace: Path, space: Space
) -> None:
    arguments = ("neighbors", "cow", "--metric", "euclidean", "-k", "3", "-w", workspace, "--json")
    apart = np.linalg.norm(space.vectors - space.vectors[space.words.index("cow")], axis=1)
    order = [i for i in np.argsort(apart) if space.words[i] != "cow"][:3]
    assert_same(answered(invoke(*arguments)), [(space.words[i], -apart[i]) for i in order])


def test_an_analogy_adds_and_subtracts(invoke: Run, workspace: Path, space: Space) -> None:
    query = space["cow"] - space["meadow"] + space["night"]
    expected = space.nearest(query, "cow", "meadow", "night")[:5]
    for expression in (["cow - meadow + night"], ["cow", "-", "meadow", "+", "night"]):
        arguments = ("analogy", *expression, "-w", workspace, "-k", "5", "--json")
        assert_same(answered(invoke(*arguments)), expected)


def test_similarity_is_the_cosine(invoke: Run, workspace: Path, space: Space) -> None:
    process = invoke("similarity", "cow", "goat", "-w", workspace, "--json")
    found = json.loads(process.stdout)
    assert list(found) == ["a", "b", "score"]
    assert (found["a"], found["b"]) == ("cow", "goat")
    assert found["score"] == pytest.approx(space["cow"] @ space["goat"], abs=1e-5)


def test_the_odd_one_is_of_the_other_topic(invoke: Run, workspace: Path) -> None:
    process = invoke("odd-one-out", "cow", "goat", "comet", "sheep", "-w", workspace, "--json")
    assert json.loads(process.stdout) == {
        "word": "comet",
        "words": ["cow", "goat", "comet", "sheep"],
    }


def test_rank_and_closer_agree_with_the_order_of_scores(
    invoke: Run, workspace: Path, space: Space
) -> None:
    order = [word for word, _ in space.nearest(space["cow"], "cow", z=0)]
    third = order[2]
    ranked = invoke("rank", "cow", third, "-w", workspace, "--json")
    assert json.loads(ranked.stdout) == {"a": "cow", "b": third, "rank": 3}
    closer = answered(invoke("closer", "cow", third, "-w", workspace, "--json"))
    assert {record["word"] for record in closer} == set(order[:2])


def test_more_neighbors_than_words_gives_all(invoke: Run, workspace: Path, space: Space) -> None:
    arguments = ("neighbors", "cow", "-w", workspace, "-k", "100000", "--json")
    assert len(answered(invoke(*arguments, "--rare"))) == len(space.words) - 1
    stop = set(resolve_stop_words("english"))
    assert stop & {*space.words}
    expected = {w for w, score in space.nearest(space["cow"], "cow") if score > 0 and w not in stop}
    assert {record["word"] for record in answered(invoke(*arguments))} == expected


def test_every_form_of_output_has_the_same_answer(invoke: Run, workspace: Path) -> None:
    arguments = ("neighbors", "cow", "-w", workspace, "-k", "3")
    as_json = json.loads(invoke(*arguments, "--json").stdout)
    as_lines = [json.loads(line) for line in invoke(*arguments, "--jsonl").stdout.splitlines()]
    as_csv = list(csv.DictReader(io.StringIO(invoke(*arguments, "--csv").stdout)))
    as_table = [line.split() for line in invoke(*arguments).stdout.splitlines()]
    assert as_json == as_lines
    assert [list(map(str, r.values())) for r in as_json] == [list(r.values()) for r in as_csv]
    assert as_table[0] == ["word", "score", "count"]
    assert as_table[1:] == [[r["word"], f"{r['score']:.4f}", f"{r['count']:,}"] for r in as_json]


def test_an_unknown_word_is_an_error_with_suggestions(invoke: Run, workspace: Path) -> None:
    process = invoke("similar", "hores", "-w", workspace, "--json")
    assert (process.returncode, process.stdout) == (1, "")
    assert process.stderr.startswith("Error: 'hores' is not in the vocabulary")
    assert "'horse'" in process.stderr


@pytest.mark.parametrize("expression", ["cow - ", "+ - cow", "cow ** goat", " "])
def test_an_expression_that_does_not_parse_is_an_error(
    invoke: Run, workspace: Path, expression: str
) -> None:
    process = invoke("analogy", expression, "-w", workspace)
    assert (process.returncode, process.stdout) == (1, "")
    assert process.stderr.startswith("Error: ")
    assert "Traceback" not in process.stderr


def test_the_place_of_a_fault_is_marked_wherever_an_expression_is_given(
    invoke: Run, workspace: Path
) -> None:
    expression = "cow - + goat"
    for given, lines in (
        (("analogy", expression), ""),
        (("analogy", "-"), expression),
        (("shell",), f"analogy {expression}"),
    ):
        process = invoke(*given, "-w", workspace, stdin=lines)
        reason, shown, mark = process.stderr.splitlines()
        assert reason.startswith("Error: at character 7: ")
        assert (shown, mark) == ("  cow - + goat", "        ^")


def test_a_word_inferred_from_its_parts_is_told_on_standard_error(
    invoke: Run, corpus: Path, tmp_path: Path
) -> None:
    path = tmp_path / "parts.es"
    settings = ("--trainer", "gensim-fasttext", "--vector-size", "8", "--epochs", "5")
    built = invoke("build", corpus, "-w", path, "--min-count", "1", "-q", *settings)
    assert built.returncode == 0, built.stderr
    process = invoke("similar", "donkeys", "-w", path, "-k", "3", "--json")
    assert process.returncode == 0
    assert process.stderr.endswith("inferred from parts of words: donkeys\n")
    assert "donkey" in {record["word"] for record in json.loads(process.stdout)}


Run = Callable[..., subprocess.CompletedProcess[str]]
FIELDS = ["id", "score", "relevance", "title", "snippet", "metadata", "source", "highlights"]


def test_search_finds_documents_of_the_topic(invoke: Run, workspace: Path, corpus: Path) -> None:
    process = invoke("search", "a comet at night", "-w", workspace, "-k", "10", "--json")
    found = json.loads(process.stdout)
    assert process.returncode == 0
    assert [list(hit) for hit in found] == [FIELDS] * 10
    assert {hit["metadata"]["topic"] for hit in found} == {"sky"}
    assert {hit["source"] for hit in found} == {str(corpus.resolve())}
    assert [hit["score"] for hit in found] == sorted((h["score"] for h in found), reverse=True)


def test_a_search_needs_no_quotes(invoke: Run, workspace: Path) -> None:
    quoted = invoke("search", "hay in the barn", "-w", workspace, "--json")
    assert invoke("search", "hay", "in", "the", "barn", "-w", workspace, "--json").stdout == (
        quoted.stdout
    )


def test_related_documents_are_of_the_same_topic_and_not_the_same(
    invoke: Run, workspace: Path
) -> None:
    found = json.loads(invoke("related", "farm-3", "-w", workspace, "-k", "5", "--json").stdout)
    assert {hit["metadata"]["topic"] for hit in found} == {"farm"}
    assert "farm-3" not in {hit["id"] for hit in found}


def test_csv_holds_metadata_as_json(invoke: Run, workspace: Path) -> None:
    process = invoke("search", "hay", "-w", workspace, "-k", "1", "--csv")
    (row,) = csv.DictReader(io.StringIO(process.stdout))
    assert list(row) == FIELDS
    assert json.loads(row["metadata"]) == {"topic": "farm"}


def test_a_table_has_a_line_for_each_document(invoke: Run, workspace: Path) -> None:
    lines = invoke("search", "hay", "-w", workspace, "-k", "3").stdout.splitlines()
    assert lines[0].split() == ["id", "relevance", "title", "snippet"]
    assert len(lines) == 4


def test_words_that_are_not_known_are_told_on_standard_error(invoke: Run, workspace: Path) -> None:
    process = invoke("search", "hay for the xyzzy", "-w", workspace, "--json")
    assert process.returncode == 0
    assert process.stderr.startswith("words in no document: ")
    assert "xyzzy" in process.stderr
    assert json.loads(process.stdout)


def test_a_search_for_nothing_known_is_an_error(invoke: Run, workspace: Path) -> None:
    for text in ("xyzzy", "", "..."):
        process = invoke("search", text, "-w", workspace, "--json")
        assert (process.returncode, process.stdout) == (1, "")
        assert process.stderr.startswith("Error: ")


def test_an_unknown_id_is_an_error(invoke: Run, workspace: Path) -> None:
    process = invoke("related", "farm-999", "-w", workspace)
    assert (process.returncode, process.stdout) == (1, "")
    assert "'farm-999'" in process.stderr


@pytest.mark.parametrize("mode", ["auto", "lexical", "latent", "hybrid"])
def test_a_mode_is_that_of_the_library(invoke: Run, workspace: Path, mode: str) -> None:
    found = json.loads(
        invoke("search", "hay in the barn", "-w", workspace, "--mode", mode, "--json").stdout
    )
    with es.open(workspace) as ws:
        expected = ws.search("hay in the barn", mode=mode)
    assert [(hit["id"], hit["score"]) for hit in found] == [
        (hit.id, round(hit.score, 6)) for hit in expected
    ]


def test_a_condition_holds_for_all_that_is_found(invoke: Run, workspace: Path) -> None:
    options = ("-w", workspace, "-k", "100", "--json", "--where", "topic = 'sky'")
    found = json.loads(invoke("search", "hay in the barn", *options).stdout)
    assert {hit["metadata"]["topic"] for hit in found} == {"sky"}
    related = json.loads(invoke("related", "farm-3", *options).stdout)
    assert {hit["id"] for hit in related} == {f"sky-{n}" for n in range(40)}


def test_a_condition_that_is_wrong_is_an_error(invoke: Run, workspace: Path) -> None:
    for command in (("search", "hay"), ("related", "farm-3")):
        process = invoke(*command, "-w", workspace, "--where", "topic =\t=")
        assert (process.returncode, process.stdout) == (1, "")
        reason, shown, mark = process.stderr.splitlines()
        assert reason.startswith("Error: the filter, at character 9: ")
        assert (shown, mark) == ("  topic = =", "          ^")


def test_words_may_be_required_and_excluded(invoke: Run, workspace: Path) -> None:
    def texts(*arguments: str) -> list[str]:
        found = json.loads(invoke("search", "-w", workspace, "-k80", "--json", *arguments).stdout)
        with es.open(workspace) as ws:
            return [ws.documents[hit["id"]].text for hit in found]

    required = texts("hay +cow")
    assert required
    assert all("cow" in text for text in required)
    excluded = texts("hay -cow")
    assert excluded
    assert not any("cow" in text for text in excluded)
    assert texts("--", "-cow", "hay") == excluded
    phrase = texts('+"goat slept"')
    assert phrase
    assert all("goat slept" in text for text in phrase)


def test_an_excluded_word_in_front_is_taken_for_an_option(invoke: Run, workspace: Path) -> None:
    process = invoke("search", "-cow hay", "-w", workspace)
    assert (process.returncode, process.stdout) == (2, "")
    assert "No such option" in process.stderr
    assert "after --" in " ".join(invoke("search", "--help").stdout.split())


def test_a_search_for_excluded_words_alone_is_an_error(invoke: Run, workspace: Path) -> None:
    process = invoke("search", "-w", workspace, "--", "-cow")
    assert (process.returncode, process.stdout) == (1, "")
    assert process.stderr.startswith("Error: ")


Run = Callable[..., subprocess.CompletedProcess[str]]

PARTS = (
    Part("BM25", "car", "car", 2.0),
    Part("words", "car", "car", 0.25),
    Part("words", "car", "vehicle", 0.5),
    Part("words", "", "", 1.0, "b"),
)
EXPLANATION = Explanation(4.0, PARTS, 0.25, {"BM25": 2.0, "words": 2.0})
MARKS = (Highlight(2, 9, "car", 0.5), Highlight(13, 16, "car", 1.0))
HIT = Hit("a", 4.0, "", "A vehicle or car.", {}, MARKS, EXPLANATION)


def test_json_says_what_each_score_is_made_of(invoke: Run, workspace: Path) -> None:
    process = invoke("search", "comet in the barn", "-w", workspace, "--explain", "--json")
    for hit in json.loads(process.stdout):
        told = hit["explanation"]
        added = sum(part["contribution"] for part in told["parts"])
        assert added + told["rest"] == pytest.approx(told["score"], abs=1e-6)
        assert sum(told["encoders"].values()) == pytest.approx(told["score"], abs=1e-4)
        assert told["score"] == pytest.approx(hit["score"], abs=1e-6)
        assert {part["query_word"] for part in told["parts"]} <= {"comet", "barn", ""}


def test_json_says_where_the_words_of_the_query_are(invoke: Run, workspace: Path) -> None:
    process = invoke("search", "Comets at dawn", "-w", workspace, "--json", "-k", "3")
    for hit in json.loads(process.stdout):
        marks = {hit["snippet"][m["start"] : m["stop"]]: m for m in hit["highlights"]}
        assert {"comet", "dawn"} & set(marks)
        assert all(m["query_word"] in ("Comets", "comets", "dawn") for m in marks.values())


def test_a_table_shows_the_strongest_pairs_and_they_add_up(invoke: Run, workspace: Path) -> None:
    process = invoke("search", "comet at dawn", "-w", workspace, "--explain", "-k", "2")
    header, *lines = process.stdout.splitlines()
    assert header.split() == ["id", "score", "relevance", "title", "snippet", "explanation"]
    for line in lines:
        score = float(line.split()[1])
        told = line.rpartition("  ")[2]
        numbers = [float(part.rpartition(" ")[2]) for part in told.split(", ")]
        assert sum(numbers) == pytest.approx(score, abs=0.005 * (len(numbers) + 1))
        assert re.search(r"\bcomet \d", told)


def test_without_the_option_nothing_is_explained(invoke: Run, workspace: Path) -> None:
    process = invoke("search", "comet", "-w", workspace, "--json")
    assert all("explanation" not in hit for hit in json.loads(process.stdout))


def test_snippets_can_be_left_out(invoke: Run, workspace: Path) -> None:
    options = ("search", "comet at dawn", "-w", workspace)
    whole = json.loads(invoke(*options, "--json").stdout)
    short = json.loads(invoke(*options, "--json", "--no-snippets").stdout)
    assert whole[0]["snippet"]
    assert short == [{**hit, "snippet": "", "highlights": []} for hit in whole]
    header = invoke(*options, "--csv", "--no-snippets").stdout.splitlines()[0]
    assert header == "id,score,relevance,title,metadata,source"
    assert "snippet" not in invoke(*options, "--no-snippets").stdout


def test_words_that_were_added_are_told(invoke: Run, workspace: Path) -> None:
    plain = invoke("search", "comet", "-w", workspace, "--json")
    process = invoke("search", "comet", "-w", workspace, "--json", "--expand")
    assert process.returncode == 0
    assert process.stdout == plain.stdout
    why = "each of its words is in more than 2 documents"
    assert process.stderr == f"no word was added: {why}\n"
    answer = documents_found(Hits([HIT], expanded=[ExpandedWord("automobile", "car", 0.7, 0.21)]))
    assert answer.notes[-1] == "looked for, too: car (near automobile 0.70)"


def test_pairs_of_all_encoders_are_summed_up() -> None:
    answer = documents_found(Hits([HIT]), columns=("id", "explanation"))
    told = answer.texts["explanation"](answer.records[0]["explanation"])
    assert told == "car 2.25, car ~ vehicle 0.50, first hits 1.00, others 0.25"


def test_words_are_bold_on_a_terminal_and_plain_in_a_pipe(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = documents_found(Hits([HIT]))
    show(answer, None)
    assert "A vehicle or car." in capsys.readouterr().out
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    for name, value in {"FORCE_COLOR": "1", "TERM": "xterm", "COLUMNS": "80"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)
    show(answer, None)
    assert "A \x1b[1mvehicle\x1b[0m or \x1b[1mcar\x1b[0m." in capsys.readouterr().out


FAST = ("--vector-size", "8", "--epochs", "2", "--min-count", "1", "--workers", "1", "-q")


def info(invoke: Run, path: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(invoke("info", "-w", path, "--json").stdout)
    return facts


@pytest.fixture
def copy(workspace: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(workspace, tmp_path / "copy.es"))


def test_a_language_is_given_to_build_train_and_index(
    invoke: Run, corpus: Path, tmp_path: Path
) -> None:
    path = tmp_path / "a.es"
    built = invoke("build", corpus, "-w", path, "--language", "none", *FAST)
    assert (built.returncode, built.stderr) == (0, "")
    assert info(invoke, path)["language"] == "none"
    assert invoke("train", "-w", path, "--language", "french", *FAST).returncode == 0
    assert info(invoke, path)["language"] == "french"
    process = invoke("index", "-w", path, "--language", "english")
    assert process.returncode == 0
    assert "The index is up to date." in process.stderr
    assert process.stderr.rstrip().endswith("(language: english).")
    assert info(invoke, path)["language"] == "english"


def test_refit_publishes_another_generation_with_the_same_words(invoke: Run, copy: Path) -> None:
    before = info(invoke, copy)
    neighbors = invoke("neighbors", "cow", "-w", copy, "--json").stdout
    assert invoke("index", "-w", copy, "-q").returncode == 0
    assert info(invoke, copy)["generation"] == before["generation"]
    assert invoke("index", "--refit", "-w", copy, "-q").returncode == 0
    after = info(invoke, copy)
    assert after["generation"] == before["generation"] + 1
    assert invoke("neighbors", "cow", "-w", copy, "--json").stdout == neighbors


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [("--encoder", "hous:x", "encoder must be NAME"), ("--language", "klingon", "language must")],
)
def test_what_is_not_known_is_an_error_of_every_command(
    invoke: Run, corpus: Path, copy: Path, tmp_path: Path, option: str, value: str, reason: str
) -> None:
    asked = (
        ("build", corpus, "-w", tmp_path / "a.es"),
        ("train", "-w", copy),
        ("index", "-w", copy),
    )
    for command in asked:
        process = invoke(*command, option, value, "-q")
        assert (process.returncode, process.stdout) == (1, "")
        assert process.stderr.startswith(f"Error: {reason}")


def test_none_takes_encoders_away(invoke: Run, copy: Path) -> None:
    assert invoke("index", "-w", copy, "--encoder", "none", "-q").returncode == 0
    assert info(invoke, copy)["encoders"] == []


def test_info_tells_how_documents_are_found(invoke: Run, workspace: Path) -> None:
    lines = invoke("info", "-w", workspace).stdout.splitlines()
    facts = dict(line.split(maxsplit=1) for line in lines)
    assert facts["language"] == "english"
    assert facts["advice"] == "no documents were added since the training"
    assert "drift" not in facts


def test_adding_much_that_is_new_is_answered_with_advice(invoke: Run, copy: Path) -> None:
    lines = "".join(f'{{"id": "q{n}", "text": "quark gluon boson lepton"}}\n' for n in range(40))
    process = invoke("add", "-", "--format", "jsonl", "-w", copy, stdin=lines)
    assert process.returncode == 0, process.stderr
    assert process.stderr.splitlines()[-1].startswith("Advice: train again: ")


def ids(process: subprocess.CompletedProcess[str]) -> list[str]:
    assert process.returncode == 0, process.stderr
    return [hit["id"] for hit in json.loads(process.stdout)]


def test_several_documents_and_unwanted_ones_are_those_of_the_library(
    invoke: Run, workspace: Path
) -> None:
    process = invoke(
        "related",
        "farm-3",
        "sky-5",
        "--less",
        "sky-1",
        "--less",
        "farm-7",
        "-w",
        workspace,
        "--json",
    )
    with es.open(workspace) as ws:
        hits = ws.documents.most_similar(["farm-3", "sky-5"], ["sky-1", "farm-7"])
    assert ids(process) == [hit.id for hit in hits]


def test_a_text_can_be_what_to_be_like(invoke: Run, workspace: Path) -> None:
    found = ids(invoke("related", "--text", "A comet rose at dawn.", "-w", workspace, "--json"))
    assert all(id.startswith("sky-") for id in found)


def test_there_must_be_something_to_be_like(invoke: Run, workspace: Path) -> None:
    process = invoke("related", "-w", workspace)
    assert (process.returncode, process.stdout) == (2, "")
    assert "Missing argument 'ID...' or option '--text'" in process.stderr


def test_each_line_may_name_several(invoke: Run, workspace: Path) -> None:
    lines = "farm-3\nfarm-3\tsky-5\nno-such\n"
    process = invoke("related", "-", "-w", workspace, "--jsonl", "-k", "3", stdin=lines)
    one, two, none = map(json.loads, process.stdout.splitlines())
    single = invoke("related", "farm-3", "-w", workspace, "--json", "-k", "3")
    both = invoke("related", "farm-3", "sky-5", "-w", workspace, "--json", "-k", "3")
    assert one["results"] == json.loads(single.stdout)
    assert two["results"] == json.loads(both.stdout)
    assert "no-such" in none["error"]
    assert process.returncode == 1


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three copies of a text and one of another, not trained."""
    path = tmp_path_factory.mktemp("copies") / "copies.es"
    text = "the cow grazed in the meadow and followed the farmer home to the old barn at night"
    with es.create(path) as ws:
        ws.add(es.Document(f"copy-{n}", text) for n in range(3))
        ws.add([es.Document("other", "a comet crossed the telescope over the horizon at dawn")])
        ws.add([es.Document("near", text.replace("night", "noon"))])
    return path


def duplicates(invoke: Run, path: Path, *options: str) -> list[dict[str, Any]]:
    process = invoke("duplicates", "-w", path, "-q", "--json", *options)
    assert (process.returncode, process.stderr) == (0, "")
    found: list[dict[str, Any]] = json.loads(process.stdout)
    return found


def test_duplicates_are_pairs_with_their_score(invoke: Run, copies: Path) -> None:
    pairs = [("copy-0", "copy-1"), ("copy-0", "copy-2"), ("copy-1", "copy-2")]
    untitled = {"title_a": "", "title_b": ""}
    same = [{"a": a, "b": b, "score": 1.0, **untitled} for a, b in pairs]
    assert duplicates(invoke, copies, "--threshold", "1") == same
    # Of 15 runs of three words each, 14 are in both.
    near = [{"a": f"copy-{n}", "b": "near", "score": 0.875, **untitled} for n in range(3)]
    assert duplicates(invoke, copies) == same + near
    assert duplicates(invoke, copies, "-k", "2") == same[:2]
    table = invoke("duplicates", "-w", copies, "-q").stdout.splitlines()
    assert table[0].split() == ["a", "b", "score"]


def test_duplicates_have_their_titles(invoke: Run, tmp_path: Path) -> None:
    text = "the comet crossed the telescope over the horizon in the night"
    with es.create(tmp_path / "titled.es") as ws:
        ws.add([es.Document("a", text, title="Comets"), es.Document("b", text, title="Comets")])
    (pair,) = duplicates(invoke, tmp_path / "titled.es")
    assert pair == {"a": "a", "b": "b", "score": 1.0, "title_a": "Comets", "title_b": "Comets"}
    (group,) = duplicates(invoke, tmp_path / "titled.es", "--groups")
    assert group == {"documents": 2, "ids": ["a", "b"], "titles": ["Comets", "Comets"]}
    table = invoke("duplicates", "-w", tmp_path / "titled.es", "-q").stdout.splitlines()
    assert table[0].split() == ["a", "b", "score", "title_a", "title_b"]


def test_groups_name_all_that_belong_together(invoke: Run, copies: Path) -> None:
    ids = ["copy-0", "copy-1", "copy-2", "near"]
    group = {"documents": 4, "ids": ids, "titles": [""] * 4}
    assert duplicates(invoke, copies, "--groups") == [group]
    table = invoke("duplicates", "-w", copies, "-q", "--groups").stdout.splitlines()
    assert table[1].split() == ["4", "copy-0,", "copy-1,", "copy-2,", "near"]


def test_without_duplicates_nothing_is_listed(invoke: Run, workspace: Path) -> None:
    assert duplicates(invoke, workspace, "--threshold", "0.99") == []
    assert duplicates(invoke, workspace, "--groups", "--threshold", "0.99") == []
    said = invoke("duplicates", "-w", workspace, "--threshold", "0.99").stderr
    assert "nothing found: no two documents share 99% of their three-word sequences" in said


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("search", "hay", "--where", "topic = 'sea'"), "no document meets topic = 'sea'"),
        (("related", "farm-3", "--where", "topic = 'sea'"), "no document meets topic = 'sea'"),
        (
            ("search", "hay +telescope", "--where", "topic = 'farm'"),
            "nothing found among the 40 documents that meet topic = 'farm'",
        ),
        (("search", "+hay +telescope"), "nothing found"),
        (("closer", "cow", "cow"), "no word is closer to 'cow' than 'cow'"),
    ],
)
def test_an_empty_answer_says_so(
    invoke: Run, workspace: Path, arguments: tuple[str, ...], why: str
) -> None:
    process = invoke(*arguments, "-w", workspace, "--json")
    assert (process.returncode, json.loads(process.stdout)) == (0, [])
    assert process.stderr.splitlines()[-1].endswith(why)
    assert invoke(*arguments, "-w", workspace).stdout == ""


@pytest.mark.parametrize(("typed", "hint"), [("-hay", True), ("-x", True), ("--hay", False)])
def test_a_query_that_begins_with_a_dash_gets_a_hint(
    invoke: Run, workspace: Path, typed: str, hint: bool
) -> None:
    process = invoke("search", typed, "barn", "-w", workspace)
    assert (process.returncode, process.stdout) == (2, "")
    assert ("goes after --" in process.stderr) is hint


def test_texts_are_found_by_words_before_any_training(invoke: Run, tmp_path: Path) -> None:
    path = tmp_path / "untrained.es"
    with es.create(path) as ws:
        ws.add([es.Document("a", "Cows graze in meadows."), es.Document("b", "Comets shine.")])
    process = invoke("search", "meadow", "-w", path, "--json")
    assert [hit["id"] for hit in json.loads(process.stdout)] == ["a"]
    assert "by words alone" in process.stderr
    assert f"embedsearch train -w {path}" in process.stderr
    asked = invoke("search", "meadow", "-w", path, "--json", "--mode", "lexical")
    assert (asked.stdout, asked.stderr) == (process.stdout, "")
    refused = invoke("search", "meadow", "-w", path, "--mode", "latent")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "has no word vectors yet" in refused.stderr
    unknown = invoke("search", "goats", "-w", path)
    assert "'goats' is in no document" in unknown.stderr


@pytest.mark.parametrize("threshold", ["0", "1.5", "much"])
def test_a_threshold_out_of_range_is_a_usage_error(
    invoke: Run, copies: Path, threshold: str
) -> None:
    process = invoke("duplicates", "-w", copies, "--threshold", threshold)
    assert (process.returncode, process.stdout) == (2, "")
    assert "--threshold" in process.stderr

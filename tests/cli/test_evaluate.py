"""`embedsearch evaluate`."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    """Queries for the documents of the workspace."""
    folder = tmp_path / "collection"
    (folder / "qrels").mkdir(parents=True)
    queries = [{"_id": "q1", "text": "a cow in the meadow"}, {"_id": "q2", "text": "comet galaxy"}]
    (folder / "queries.jsonl").write_text("".join(json.dumps(q) + "\n" for q in queries))
    judged = [f"q1\tfarm-{n}\t1\n" for n in range(40)] + [f"q2\tsky-{n}\t1\n" for n in range(40)]
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(judged))
    return folder


def reports(workspace: Path) -> list[dict[str, object]]:
    return [json.loads(path.read_text()) for path in sorted((workspace / "reports").iterdir())]


def test_analogies_are_counted_and_the_report_is_kept(
    invoke: Run, workspace: Path, tmp_path: Path
) -> None:
    questions = tmp_path / "questions.txt"
    questions.write_text(": animals\ncow horse sheep goat\ncow horse sheep unicorn\n")
    done = invoke("evaluate", "analogies", questions, "-w", workspace, "--json", "-q")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["accuracy"] in (0.0, 1.0)
    assert found["coverage"] == 0.5
    assert "left out" in done.stderr
    kept = reports(workspace)[-1]
    assert kept["kind"] == "analogies"
    assert kept["results"] == found
    assert kept["arguments"]["restrict_vocab"] == 300_000  # type: ignore[index]


def test_pairs_are_correlated(invoke: Run, workspace: Path, tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("cow\tsheep\t9\ncow\tgoat\t8\ncow\tstar\t1\nhorse\tcomet\t0\n")
    done = invoke("evaluate", "pairs", pairs, "-w", workspace)
    assert done.returncode == 0, done.stderr
    header, line = done.stdout.splitlines()
    assert float(dict(zip(header.split(), line.split()))["spearman"]) > 0.5


def test_search_is_measured_on_a_collection(
    invoke: Run, workspace: Path, collection: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run.trec"
    done = invoke("evaluate", "retrieval", collection, "-w", workspace, "--json", "--run", run)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["ndcg@10"] > 0.9
    assert set(found) >= {"ndcg@10", "map", "mrr", "recall@100", "precision@10"}
    first = run.read_text().splitlines()[0].split()
    assert first[0] == "q1"
    assert first[2].startswith("farm-")


def test_modes_are_compared_in_one_table(invoke: Run, workspace: Path, collection: Path) -> None:
    modes = ("--mode", "latent", "--mode", "lexical", "--mode", "auto")
    done = invoke("evaluate", "retrieval", collection, "-w", workspace, *modes, "-q")
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == [
        "mode",
        "latent",
        "lexical",
        "auto",
    ]
    done = invoke("evaluate", "retrieval", collection, "-w", workspace, *modes, "-q", "--json")
    assert set(json.loads(done.stdout)["modes"]) == {"latent", "lexical", "auto"}


def test_a_label_is_told_from_vectors(invoke: Run, workspace: Path) -> None:
    arguments = ("evaluate", "documents", "--label", "metadata.topic", "-w", workspace, "--json")
    done = invoke(*arguments)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["accuracy"] > 0.95


def test_documents_are_compared_with_people_on_the_lee_corpus(invoke: Run, workspace: Path) -> None:
    done = invoke("evaluate", "documents", "-w", workspace, "--json")
    assert done.returncode == 0, done.stderr
    assert -1 <= json.loads(done.stdout)["pearson"] <= 1


def test_an_exact_index_has_a_recall_of_one(invoke: Run, workspace: Path) -> None:
    for what in ("words", "documents"):
        done = invoke("evaluate", "index", "--what", what, "-w", workspace, "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["recall@10"] == 1.0


def test_stability_trains_again(invoke: Run, workspace: Path) -> None:
    done = invoke("evaluate", "stability", "--seeds", "2", "-w", workspace, "--json", "-q")
    assert done.returncode == 0, done.stderr
    assert 0 < json.loads(done.stdout)["overlap"] <= 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("analogies", "missing.txt"), "missing.txt"),
        (("pairs", "missing.txt"), "missing.txt"),
        (("retrieval", "missing"), "missing"),
        (("documents", "--label", "colour"), "colour"),
    ],
)
def test_what_is_not_there_is_named(
    invoke: Run, workspace: Path, arguments: tuple[str, ...], said: str
) -> None:
    done = invoke("evaluate", *arguments, "-w", workspace, "-q")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert said in done.stderr


def test_a_test_source_needs_a_label(invoke: Run, workspace: Path) -> None:
    assert invoke("evaluate", "documents", "--test", "x", "-w", workspace).returncode == 2

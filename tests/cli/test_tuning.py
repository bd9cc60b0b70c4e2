"""The commands `judge` and `tune`, and leaning in the shell."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import embedsearch as es
from embedsearch.cli.shell import Conversation
from embedsearch.workspace.preferences import Preferences, Tuning

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def path(workspace: Path, tmp_path: Path) -> Path:
    shutil.copytree(workspace, tmp_path / "own.es")
    return tmp_path / "own.es"


def test_judgements_are_made_listed_and_forgotten(invoke: Run, path: Path) -> None:
    with es.open(path) as ws:
        first, second = list(ws.documents)[:2]
    made = [
        invoke("judge", "hay", first, "-w", path),
        invoke("judge", "hay", second, "--not", "-w", path),
        invoke("judge", "barn", first, "-w", path),
        invoke("judge", "hay", first, "--forget", "-w", path),
    ]
    assert [process.returncode for process in made] == [0] * 4
    assert [process.stderr.strip() for process in made] == [
        "1 judgement of 1 query.",
        "2 judgements of 1 query.",
        "3 judgements of 2 queries.",
        "2 judgements of 2 queries.",
    ]
    listed = json.loads(invoke("judge", "--list", "--json", "-w", path).stdout)
    assert listed == [
        {"query": "hay", "id": second, "relevant": False},
        {"query": "barn", "id": first, "relevant": True},
    ]
    as_csv = invoke("judge", "--list", "--csv", "-w", path).stdout.splitlines()
    assert as_csv[0] == "query,id,relevant"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("judge",), "Missing argument 'QUERY'"),
        (("judge", "hay"), "Missing argument 'ID'"),
        (("judge", "hay", "x", "--list"), "--list takes no arguments"),
        (("judge", "hay", "nobody"), "no document has the id 'nobody'"),
        (("tune", "setup.cfg"), "Missing argument 'QRELS'"),
        (("tune",), "20 queries or more"),
    ],
)
def test_what_cannot_be_done_is_said(
    invoke: Run, path: Path, arguments: tuple[str, ...], message: str
) -> None:
    process = invoke(*arguments, "-w", path)
    assert process.returncode != 0
    assert message in process.stderr


def test_tuning_says_what_it_found_and_can_be_reset(
    invoke: Run, path: Path, tmp_path: Path
) -> None:
    with es.open(path) as ws:
        texts = [f"{word} {n}" for n, word in enumerate(ws.words.index_to_key[:30])]
        found = {text: ws.search(text, 1, "lexical") for text in texts}
    queries, qrels = tmp_path / "queries.tsv", tmp_path / "qrels.tsv"
    lines = [(n, text, hits[0].id) for n, (text, hits) in enumerate(found.items()) if hits]
    queries.write_text("".join(f"q{n}\t{text}\n" for n, text, _ in lines))
    qrels.write_text("q\td\ts\n" + "".join(f"q{n}\t{id}\t1\n" for n, _, id in lines))
    process = invoke("tune", queries, qrels, "-w", path, "--json")
    assert process.returncode == 0, process.stderr
    told = json.loads(process.stdout)
    assert (told["queries"], set(told["weights"]) >= {"lexical", "latent"}) == (len(lines), True)
    info = json.loads(invoke("info", "-w", path, "--json").stdout)
    assert info["tuning"] == (told if told["kept"] else None)
    with es.open(path, mode="w") as ws:
        Preferences((), Tuning(True, 20, 0.1, 0.2, {})).save(ws._session.layout)
    assert "queries=20" in invoke("info", "-w", path).stdout
    reset = invoke("tune", "--reset", "-w", path)
    assert reset.stderr == "Search goes by the usual weights.\n"
    assert json.loads(invoke("info", "-w", path, "--json").stdout)["tuning"] is None


def test_leaning_holds_in_the_shell(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with es.open(path) as ws:
        conversation = Conversation(ws, topn=3, output="json")
        for line in ("lean -2", "? hay barn"):
            assert conversation.answer(line)
        found = json.loads(capsys.readouterr().out)
        expected = ws.search("hay barn", 3, "lexical")
        assert [hit["id"] for hit in found] == [hit.id for hit in expected]
        with pytest.raises(es.QueryError, match="lean needs a whole number from -2 to 2"):
            conversation.answer("lean 3")

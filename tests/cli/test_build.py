"""Making workspaces with `build`, `add`, `delete`, `train` and `index`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import embedsearch as es
from embedsearch.cli.build import build
from embedsearch.workspace import TRAINERS

Run = Callable[..., subprocess.CompletedProcess[str]]
Built = tuple[Path, subprocess.CompletedProcess[str]]
FAST = ("--vector-size", "8", "--epochs", "2", "--min-count", "1", "--workers", "1")
LINES = "".join(f"the cat number{n} sat on the warm mat\n" for n in range(12))


def info(invoke: Run, path: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(invoke("info", "-w", path, "--json").stdout)
    return facts


def test_build_tells_what_it_made_on_standard_error(built: Built) -> None:
    path, process = built
    assert (process.returncode, process.stdout) == (0, "")
    summary, language, advice = process.stderr.splitlines()[-3:]
    assert "language english" in language
    assert "80 documents" in summary
    assert "in 20 dimensions" in summary
    assert advice.startswith("Try: embedsearch neighbors ")
    assert advice.endswith(f"-w {path}")


def test_build_says_what_to_do_if_no_language_is_found(invoke: Run, tmp_path: Path) -> None:
    lines = "".join(f"robur{n % 3} lupus quercus canis\n" for n in range(12))
    path = tmp_path / "a.es"
    made = invoke("build", "-", "--split", "line", "-w", path, *FAST, "--json", stdin=lines)
    assert json.loads(made.stdout)["language"] == "none"
    assert f"embedsearch index --language NAME -w {path}" in made.stderr


def test_the_question_that_build_advises_can_be_asked(built: Built, invoke: Run) -> None:
    advice = built[1].stderr.splitlines()[-1]
    words = advice.removeprefix("Try: embedsearch ").split()
    assert invoke(*words).returncode == 0


def test_build_uses_the_settings_that_are_given(built: Built, invoke: Run) -> None:
    facts = info(invoke, built[0])
    parameters = facts["parameters"]
    assert (parameters["vector_size"], parameters["epochs"]) == (20, 30)
    assert (parameters["min_count"], parameters["workers"]) == (1, 1)
    assert facts["documents"] == facts["trained_documents"] == 80


def test_the_delimiter_of_tables_can_be_given(invoke: Run, tmp_path: Path) -> None:
    table = "id:text\n" + "".join(f"{n}:the cat {n} sat; warm, on the mat\n" for n in range(12))
    options = ("--format", "csv", "-w", tmp_path / "a.es")
    refused = invoke("add", "-", *options, "--delimiter", "xx", stdin=table)
    assert refused.returncode == 1
    assert "delimiter must be one character" in refused.stderr
    assert not (tmp_path / "a.es").exists()
    done = invoke("add", "-", *options, "--delimiter", ":", stdin=table)
    assert done.returncode == 0, done.stderr
    with es.open(tmp_path / "a.es") as ws:
        assert ws.documents["11"].text == "the cat 11 sat; warm, on the mat"


def test_build_reads_standard_input_quietly(invoke: Run, tmp_path: Path) -> None:
    path = tmp_path / "in.es"
    process = invoke(
        "build", "-", "--split", "line", "-w", path, "-q", "--cbow", *FAST, stdin=LINES
    )
    assert (process.returncode, process.stdout, process.stderr) == (0, "", "")
    facts = info(invoke, path)
    assert facts["documents"] == 12
    assert facts["parameters"]["sg"] == 0


def test_tokenizer_options_reach_the_workspace(invoke: Run, tmp_path: Path) -> None:
    stop_words = tmp_path / "stop.txt"
    stop_words.write_text("the\non\n")
    path = tmp_path / "stems.es"
    options = ("--stem", "english", "--stop-words", f"@{stop_words}", "--digits", "zero", "-q")
    invoke(
        "build", "-", "--split", "line", "-w", path, *options, *FAST, stdin="Cats sitting\n" + LINES
    )
    with es.open(path) as ws:
        assert {"sit", "cat"} <= set(ws.words.index_to_key)
        assert {"the", "on", "sitting", "cats"}.isdisjoint(ws.words.index_to_key)


def test_columns_are_chosen_by_options(invoke: Run, tmp_path: Path) -> None:
    table = tmp_path / "reviews.csv"
    rows = "".join(f"r{n},a warm mat for the cat,{n},x\n" for n in range(10))
    table.write_text("key,review,stars,other\n" + rows)
    path = tmp_path / "reviews.es"
    columns = ("--id-column", "key", "--text-column", "review", "--metadata-column", "stars")
    process = invoke("build", table, "-w", path, *columns, *FAST)
    assert process.returncode == 0, process.stderr
    with es.open(path) as ws:
        assert ws.documents["r3"].text == "a warm mat for the cat"
        assert list(ws.documents["r3"].metadata) == ["stars"]


def test_a_workspace_that_is_there_is_kept_unless_told(invoke: Run, tmp_path: Path) -> None:
    path = tmp_path / "there.es"
    arguments = ("build", "-", "--split", "line", "-w", path, "-q", *FAST)
    assert invoke(*arguments, stdin=LINES).returncode == 0
    refused = invoke(*arguments, stdin="one two three\n")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("Error: ")
    assert "--overwrite" in refused.stderr
    assert info(invoke, path)["documents"] == 12
    assert invoke(*arguments, "--overwrite", stdin=LINES + "a dog\n").returncode == 0
    assert info(invoke, path)["documents"] == 13


def test_what_was_done_and_left_out_can_be_had_as_json_and_in_a_file(
    invoke: Run, tmp_path: Path
) -> None:
    docs, path, report = tmp_path / "docs", tmp_path / "w.es", tmp_path / "left-out.jsonl"
    docs.mkdir()
    (docs / "a.txt").write_text(LINES)
    (docs / "b.jsonl").write_text('{"id": "1", "text": "the cat"}\n{"id": "2", "title": "T"}\n{')
    (docs / "c.bin").write_bytes(b"a\0b")
    done = invoke("build", docs, "-w", path, "-q", "--json", "--report", report, *FAST)
    assert (done.returncode, done.stderr) == (0, "")
    facts = json.loads(done.stdout)
    listed = [json.loads(line) for line in report.read_text().splitlines()]
    assert facts["left_out"] == listed
    assert [(Path(each["file"]).name, each.get("line"), each["kept"]) for each in listed] == [
        ("b.jsonl", 3, 2),
        ("c.bin", None, 0),
    ]
    counts = ("documents", "added", "unchanged", "renamed", "vanished", "pruned", "empty")
    assert [facts[name] for name in counts] == [3, 3, 0, 0, 0, 0, 1]

    (docs / "a.txt").rename(docs / "d.txt")
    added = invoke("add", docs, "-w", path, "--id-prefix", "new/")
    assert "Added 1, updated 0, unchanged 2 documents; 1 gone from the sources" in added.stderr
    assert "1 document comes from a file or row that is gone; --prune removes it" in added.stderr
    pruned = invoke("add", docs, "-w", path, "--prune", "--json")
    assert [json.loads(pruned.stdout)[name] for name in ("vanished", "pruned")] == [1, 1]
    assert "; 1 pruned" in pruned.stderr
    assert "gone" not in pruned.stderr
    with es.open(path) as ws:
        assert list(ws.documents) == ["1", "2", "new/docs/d.txt"]

    report.unlink()
    for option, code in (("--strict", 1), ("--skip-errors", 0)):
        tried = invoke("add", docs, docs / "c.bin", "-w", path, option, "--report", report)
        assert tried.returncode == code
        assert report.exists() == (code == 0)
    refused = invoke("add", docs, "-w", path, "--strict", "--report", report)
    assert refused.returncode == 1
    assert "a strict reading leaves nothing out" in refused.stderr
    assert len(report.read_text().splitlines()) == 2
    nowhere = invoke("add", docs, "-w", path, "--report", tmp_path / "no" / "r.jsonl")
    assert nowhere.returncode == 2
    assert "The folder of --report does not exist" in nowhere.stderr
    for no_file in ("", tmp_path):
        refused = invoke("add", docs, "-w", path, "--report", no_file)
        assert refused.returncode in (1, 2)
        assert "Traceback" not in refused.stderr


def test_a_text_may_be_missing_in_a_record(invoke: Run, tmp_path: Path) -> None:
    path, records = tmp_path / "w.es", tmp_path / "records.jsonl"
    records.write_text(
        '{"id": "1", "title": "One", "text": "hello there"}\n'
        '{"id": "2", "title": "only a title there"}\n'
        '{"id": "3", "text": "hello again"}\n'
    )
    built = invoke("build", records, "-w", path, *FAST)
    assert built.returncode == 0
    assert "1 document without a text" in built.stderr
    assert invoke("index", "-w", path).returncode == 0
    hits = json.loads(invoke("search", "title", "-w", path, "--json").stdout)
    assert [hit["id"] for hit in hits][:1] == ["2"]
    assert info(invoke, path)["documents"] == 3


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv to give up rights")
def test_a_closed_folder_is_left_out(
    invoke: Run, tmp_path: Path, environment: dict[str, str]
) -> None:
    docs, closed = tmp_path / "docs", tmp_path / "docs" / "closed"
    closed.mkdir(parents=True)
    (docs / "a.txt").write_text(LINES)
    (closed / "b.txt").write_text(LINES)
    rights = "-dac_override,-dac_read_search"
    ordinary = ["setpriv", "--bounding-set", rights, "--inh-caps", rights]

    given = ["add", str(docs), "-w", str(tmp_path / "w.es")]

    def add(option: str) -> subprocess.CompletedProcess[str]:
        command = [*(ordinary if os.geteuid() == 0 else []), sys.executable, "-m", "embedsearch"]
        return subprocess.run(
            [*command, *given, option], capture_output=True, text=True, env=environment, check=False
        )

    assert "Added 2" in invoke(*given).stderr
    closed.chmod(0)
    try:
        again, strict = add("--prune"), add("--strict")
    finally:
        closed.chmod(0o700)
    assert f"left out {closed}: no permission to read it" in again.stderr
    assert "unchanged 1 document; 1 file left out" in again.stderr
    assert (again.returncode, strict.returncode) == (0, 1)
    assert "Added 0, updated 0, unchanged 2 documents." in invoke(*given).stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("missing.txt",), "missing.txt"),
        (("empty.txt",), "no text"),
        (("corpus:no-such",), "no corpus is called 'no-such'"),
        (("-", "--epochs", "0"), "epochs must be"),
        (("-", "--trainer", "magic"), "trainer"),
        (("-", "--stem", "klingon"), "stem"),
        (("-", "--stop-words", "klingon"), "stop_words"),
        (("-", "--stop-words", "@missing.txt"), "missing.txt"),
        (("-", "--tokenizer", "regexp", "--pattern", "("), "pattern"),
    ],
)
def test_what_cannot_be_built_is_one_line_and_leaves_nothing(
    invoke: Run, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    empty = tmp_path / "empty.txt"
    empty.write_text("")
    given = [empty if argument == "empty.txt" else argument for argument in arguments]
    process = invoke("build", *given, "-w", tmp_path / "w.es", "-q", stdin=LINES)
    assert (process.returncode, process.stdout) == (1, "")
    assert process.stderr.startswith("Error: ")
    assert said in process.stderr
    assert len(process.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == [empty]


def test_words_alone_are_built_and_a_search_says_so(invoke: Run, tmp_path: Path) -> None:
    options = ("--format", "text", "--split", "line", *FAST)
    done = invoke("build", "-", "-w", tmp_path / "a.es", "--words-only", *options, stdin=LINES)
    assert done.returncode == 0, done.stderr
    found = invoke("search", "number7", "-w", tmp_path / "a.es", "--json")
    assert "words alone were learned" in found.stderr
    assert "embedsearch index -w" in found.stderr
    assert invoke("index", "-w", tmp_path / "a.es").returncode == 0
    assert "words alone" not in invoke("search", "number7", "-w", tmp_path / "a.es").stderr


def test_the_steps_one_by_one(invoke: Run, tmp_path: Path) -> None:
    path = tmp_path / "steps.es"
    added = invoke("add", "-", "--split", "line", "-w", path, stdin=LINES)
    assert added.returncode == 0, added.stderr
    assert "Added 12, updated 0, unchanged 0 documents." in added.stderr
    assert f"embedsearch train -w {path}" in added.stderr.splitlines()[-1]
    asked = invoke("similar", "cat", "-w", path)
    assert asked.returncode == 1
    assert "embedsearch train" in asked.stderr

    trained = invoke("train", "-w", path, *FAST)
    assert (trained.returncode, trained.stdout) == (0, "")
    assert "12 documents" in trained.stderr.splitlines()[-1]
    assert invoke("similar", "cat", "-w", path).returncode == 0

    document = json.dumps({"id": "new", "text": "the cat sat on number3"})
    invoke("add", "-", "--format", "jsonl", "-w", path, "-q", stdin=document)
    assert info(invoke, path)["behind"] == 1
    assert "Indexed 1 change" in invoke("index", "-w", path).stderr
    assert info(invoke, path)["behind"] == 0
    assert "up to date" in invoke("index", "-w", path).stderr

    deleted = invoke("delete", "-", "-w", path, stdin="new\n")
    assert deleted.stderr == "Deleted 1 document.\n"
    assert info(invoke, path)["documents"] == 12


def test_a_new_workspace_that_gets_nothing_is_not_left_behind(invoke: Run, tmp_path: Path) -> None:
    process = invoke("add", tmp_path / "missing.txt", "-w", tmp_path / "new.es")
    assert (process.returncode, process.stdout) == (1, "")
    assert "missing.txt" in process.stderr
    assert list(tmp_path.iterdir()) == []


def test_deleting_what_is_not_there_deletes_nothing(invoke: Run, tmp_path: Path) -> None:
    path = tmp_path / "keep.es"
    document = json.dumps({"id": "kept", "text": "some text"})
    invoke("add", "-", "--format", "jsonl", "-w", path, stdin=document)
    process = invoke("delete", "kept", "lost", "-w", path)
    assert process.returncode == 1
    assert "'lost'" in process.stderr
    assert info(invoke, path)["documents"] == 1


def test_training_again_keeps_the_tokenizer_unless_told(invoke: Run, tmp_path: Path) -> None:
    path = tmp_path / "again.es"
    invoke(
        "build", "-", "--split", "line", "-w", path, "--no-lowercase", *FAST, stdin=f"CAT {LINES}"
    )
    invoke("train", "-w", path, *FAST)
    assert invoke("rank", "CAT", "cat", "-w", path).returncode == 0
    invoke("train", "-w", path, "--lowercase", *FAST)
    with es.open(path) as ws:
        assert "CAT" not in ws.words.index_to_key


def test_an_update_without_new_documents_says_so_and_is_no_error(
    invoke: Run, workspace: Path, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(workspace, tmp_path / "copy.es"))
    done = invoke("train", "--update", "-w", copy)
    assert done.returncode == 0
    assert "no document is new or changed since the last training" in done.stderr


def test_the_help_of_build_names_every_trainer() -> None:
    (option,) = [p for p in build.params if p.name == "trainer"]
    said = getattr(option, "help", "")
    assert all(name in said for name in TRAINERS)


def test_a_tokenizer_is_chosen_by_its_name(invoke: Run, corpus: Path, tmp_path: Path) -> None:
    path = tmp_path / "tweets.es"
    done = invoke("build", corpus, "-w", path, "--tokenizer", "tweet", "--epochs", "1")
    assert done.returncode == 0, done.stderr
    assert "tweet words" in invoke("info", "-w", path).stdout

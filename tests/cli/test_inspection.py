"""`info` and `corpora` as processes."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import embedsearch as es

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_info_is_that_of_the_library(invoke: Run, workspace: Path) -> None:
    facts = json.loads(invoke("info", "-w", workspace, "--json").stdout)
    with es.open(workspace) as ws:
        assert facts == json.loads(json.dumps(ws.info().to_json()))


def test_info_as_a_table_has_a_line_for_each_fact(invoke: Run, workspace: Path) -> None:
    lines = invoke("info", "-w", workspace).stdout.splitlines()
    facts = dict(line.split(maxsplit=1) for line in lines)
    assert facts["documents"] == "80"
    assert facts["vector_size"] == "20"
    assert "epochs=30" in facts["parameters"]


def test_corpora_list_has_the_catalogue(invoke: Run) -> None:
    listed = json.loads(invoke("corpora", "list", "--json").stdout)
    assert [entry["name"] for entry in listed] == [entry.name for entry in es.list_corpora()]
    assert {"gensim-wikipedia", "planted"} <= {entry["name"] for entry in listed}
    rows = list(csv.DictReader(io.StringIO(invoke("corpora", "list", "--csv").stdout)))
    assert [row["name"] for row in rows] == [entry["name"] for entry in listed]


def test_corpora_show_has_licence_and_source(invoke: Run) -> None:
    entry = json.loads(invoke("corpora", "show", "gensim-wikipedia", "--json").stdout)
    assert entry["name"] == "gensim-wikipedia"
    assert entry["licence"]
    assert entry["source"]
    assert "licence" in invoke("corpora", "show", "gensim-wikipedia").stdout


def test_a_corpus_that_is_not_in_the_catalogue_is_an_error(invoke: Run) -> None:
    process = invoke("corpora", "show", "no-such")
    assert (process.returncode, process.stdout) == (1, "")
    assert "gensim-wikipedia" in process.stderr

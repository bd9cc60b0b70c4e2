"""Nothing of ours is put where it would make a workspace unusable, or takes what is of others."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

import embedsearch as es
from embedsearch.cli.main import main
from embedsearch.workspace.trust import state_folder


@pytest.fixture
def backup(example: Path, tmp_path: Path) -> Path:
    with es.open(example) as ws:
        ws.backup(tmp_path / "of.backup")
    return tmp_path / "of.backup"


def contents(path: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in path.rglob("*.json")}


def test_no_file_of_an_answer_is_written_into_a_workspace(example: Path, tmp_path: Path) -> None:
    shutil.copytree(example, other := tmp_path / "other.es")
    (tmp_path / "link").symlink_to(other)
    qrels = tmp_path / "qrels.tsv"
    with es.open(example) as ws:
        id = next(iter(ws.documents))
        qrels.write_text(f"query-id\tcorpus-id\tscore\nq\t{id}\t1\n")
        (tmp_path / "queries.jsonl").write_text('{"_id": "q", "text": "galaxy"}\n')
        for place in (
            example / "o.txt",
            other / "generations" / "o.txt",
            tmp_path / "link" / "o.txt",
        ):
            with pytest.raises(es.ParameterError, match="outside of the workspace"):
                ws.export(place)
            with pytest.raises(es.ParameterError, match="outside of the workspace"):
                ws.backup(place)
            with pytest.raises(es.ParameterError, match="outside of the workspace"):
                ws.evaluate.retrieval(tmp_path, run=place)
        for wrong in (None, 5, b"o.txt", "a\0.txt"):
            with pytest.raises(es.ParameterError, match="path must be a path"):
                ws.export(wrong)  # type: ignore[arg-type]
    before = contents(example)
    arguments = ["add", str(qrels), "-w", str(example), "--report"]
    answer = CliRunner().invoke(main, [*arguments, str(example / "workspace.json")])
    assert answer.exit_code == 1
    assert contents(example) == before
    assert es.verify(example).sound


def test_no_workspace_is_made_in_another(example: Path, backup: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one two three")
    inner = example / "generations" / "inner.es"
    for make in (
        lambda: es.create(inner),
        lambda: es.build(tmp_path / "a.txt", inner),
        lambda: es.restore(backup, inner),
        lambda: es.restore(backup, example / "inner.es", overwrite=True),
    ):
        with pytest.raises(es.WorkspaceExistsError, match="has no other in it"):
            make()
    assert es.verify(example).sound
    # Other programs have a workspace.json, too.
    (tmp_path / "workspace.json").write_text("{}")
    es.create(tmp_path / "mine.es").close()


def test_a_folder_that_is_called_like_a_replaced_workspace_stays(
    example: Path, backup: Path, tmp_path: Path
) -> None:
    aside = tmp_path / f".{example.name}.replaced"
    aside.mkdir()
    (aside / "thesis.txt").write_text("precious")
    with pytest.raises(es.WorkspaceExistsError, match="in the way"):
        es.restore(backup, example, overwrite=True)
    shutil.rmtree(example)
    with pytest.raises(es.WorkspaceExistsError, match="in the way"):
        es.restore(backup, example)
    assert [path.name for path in aside.iterdir()] == ["thesis.txt"]


def test_what_systems_leave_is_not_in_a_backup(example: Path, tmp_path: Path) -> None:
    (example / "reports").mkdir()
    for name in ("._20261122-lee.json", "20261122-lee.json"):
        (example / "reports" / name).write_text(json.dumps({"kind": "lee"}))
    with es.open(example) as ws:
        ws.backup(tmp_path / "b")
    es.restore(tmp_path / "b", tmp_path / "new.es").close()
    assert [path.name for path in (tmp_path / "new.es" / "reports").iterdir()] == [
        "20261122-lee.json"
    ]


def test_notes_are_not_kept_in_a_relative_folder(
    example: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(example)
    for name in ("XDG_STATE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, "state")
    with pytest.raises(RuntimeError):
        state_folder()
    with es.open(".") as ws:
        assert ws.search("galaxy")
    assert es.verify(".").sound

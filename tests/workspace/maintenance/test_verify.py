"""What is not as it was written is noticed and named; what leads out of a workspace is refused."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest

import embedsearch as es
from embedsearch._io import read_json, write_json


def answers(path: Path) -> object:
    with es.open(path) as ws:
        hits = [hit.id for mode in ("auto", "lexical") for hit in ws.search("galaxy", mode=mode)]
        texts = [ws.documents[id] for id in ws.documents]
        return hits, texts, ws.words.most_similar("galaxy")


def flip(path: Path, bit: int) -> None:
    damaged = bytearray(path.read_bytes())
    damaged[bit // 8] ^= 1 << bit % 8
    path.write_bytes(damaged)


def files_of(path: Path) -> list[Path]:
    found = [file for file in path.rglob("*") if file.is_file() and file.stat().st_size]
    return sorted(file for file in found if not file.name.endswith("-shm"))


@pytest.mark.parametrize("quick", [False, True])
def test_a_sound_workspace_has_no_problems(example: Path, quick: bool) -> None:
    report = es.verify(example, quick=quick)
    assert (report.sound, report.problems, report.notes) == (True, [], [])
    assert report.checked == ["contents", "state", "record", "generation", "lexical"]
    for mode in "rw":
        with es.open(example, mode) as ws:
            assert ws.verify().sound
    assert es.verify(example).to_json()["sound"] is True


def test_a_flipped_bit_in_any_file_is_noticed_or_changes_nothing(example: Path) -> None:
    expected = answers(example)
    choose = random.Random(1)  # noqa: S311 - places, not secrets
    for file in files_of(example):
        sound = file.read_bytes()
        for _ in range(3):
            flip(file, choose.randrange(8 * len(sound)))
            if es.verify(example).sound:
                assert file.name in ("documents.sqlite", ".managed.json")
                assert answers(example) == expected
            file.write_bytes(sound)


@pytest.mark.parametrize("name", ["workspace.json", "generations/0001/manifest.json"])
def test_every_byte_of_the_small_files_counts(example: Path, name: str) -> None:
    file = example / name
    sound = file.read_bytes()
    for byte in range(0, len(sound), max(1, len(sound) // 40)):
        flip(file, 8 * byte + byte % 8)
        assert not es.verify(example, quick=True).sound
        file.write_bytes(sound)


def test_a_checksum_whose_name_is_damaged_is_no_older_file(example: Path) -> None:
    state = example / "workspace.json"
    state.write_text(state.read_text().replace('"sha256"', '"sha356"'))
    assert [problem.part for problem in es.verify(example).problems] == ["state"]


def test_a_missing_file_and_a_foreign_one_are_named(example: Path) -> None:
    generation = example / "generations" / "0001"
    (generation / "encoder.safetensors").unlink()
    (generation / "documents.faiss").write_bytes(b"not ours")
    found = {problem.path: problem for problem in es.verify(example, quick=True).problems}
    assert "missing" in found["generations/0001/encoder.safetensors"].what
    assert "not in the list" in found["generations/0001/documents.faiss"].what
    assert all(problem.derived and "repair" in problem.advice for problem in found.values())


def test_a_store_that_went_backwards_is_noticed(example: Path, tmp_path: Path) -> None:
    shutil.copy(example / "documents.sqlite", tmp_path / "older.sqlite")
    with es.open(example, "w") as ws:
        ws.add([es.Document("new", "a galaxy")])
        ws.index()
    shutil.copy(tmp_path / "older.sqlite", example / "documents.sqlite")
    for ending in ("-wal", "-shm"):
        (example / f"documents.sqlite{ending}").unlink(missing_ok=True)
    assert any("changes were lost" in problem.what for problem in es.verify(example).problems)


def test_parts_that_do_not_fit_the_store_are_noticed(example: Path) -> None:
    manifest = example / "generations" / "0001" / "manifest.json"
    said = read_json(manifest, example)
    for change, told in ((18, "it lacks 1 documents"), (18, "it has 1 documents that")):
        write_json(manifest, {**said, "change": change})
        assert any(told in problem.what for problem in es.verify(example).problems)


def test_preferences_and_results_of_the_space_are_looked_at(example: Path) -> None:
    (example / "preferences.json").write_text("{")
    (example / "space").mkdir()
    report = es.verify(example)
    assert report.checked[:5] == ["contents", "state", "record", "preferences", "space"]
    (problem,) = report.problems
    assert problem.part == "preferences"
    assert str(problem).count("embedsearch repair") == 1


@pytest.mark.parametrize("content", ["{", "[]"])
@pytest.mark.parametrize("name", ["workspace.json", "preferences.json", "manifest.json"])
def test_damage_of_a_small_file_says_once_what_to_do(
    example: Path, name: str, content: str
) -> None:
    if name == "preferences.json":
        (example / name).write_text("{}")
    (file,) = example.rglob(name)
    file.write_text(content)
    said = [str(problem) for problem in es.verify(example).problems]
    try:
        with es.open(example) as ws:
            said += ws.search(ws.documents[next(iter(ws.documents))].text).warnings
    except es.WorkspaceError as error:
        said.append(str(error))
    assert len(said) == 2
    assert all(each.count("embedsearch repair") == 1 for each in said)


def test_what_is_left_over_is_noted(example: Path) -> None:
    (example / "tmp").mkdir()
    (example / "damaged-20260101-000000").mkdir()
    report = es.verify(example)
    assert report.sound
    assert [note.split()[0] for note in report.notes] == ["damaged-20260101-000000", "tmp"]


def test_while_another_process_writes_it_is_said_what_was_left_out(example: Path) -> None:
    with es.open(example, "w") as writer:
        writer.add([es.Document("new", "text")])
        report = es.verify(example)
    assert report.sound
    assert "lexical" not in report.checked
    assert "another process is writing" in report.notes[-1]


def test_there_must_be_a_workspace(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(es.WorkspaceNotFoundError):
            es.verify(path)


@pytest.mark.parametrize(
    "name",
    [
        "workspace.json.new",
        "lock",
        "documents.sqlite",
        "lexical",
        "generations",
        "tmp",
        "reports",
        "generations/0001/words.faiss",
        "lexical/meta.json",
        "checkpoint.safetensors",
        "vectors",
    ],
)
@pytest.mark.parametrize("mode", ["r", "w"])
def test_nothing_is_read_or_written_through_a_link(
    example: Path, tmp_path: Path, name: str, mode: str
) -> None:
    outside = tmp_path / "outside"
    (outside / "2019").mkdir(parents=True)
    (outside / "2019" / "photo.jpg").write_text("precious")
    path = example / name
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.symlink_to(outside)
    with pytest.raises(es.WorkspaceDamagedError, match="is a link"):
        es.open(example, mode)
    assert (outside / "2019" / "photo.jpg").read_text() == "precious"
    assert [problem.path for problem in es.verify(example).problems] == [name]
    for change in (es.repair, es.migrate):
        with pytest.raises(es.EmbedSearchError):
            change(example)


def test_a_pipe_is_not_waited_for(example: Path) -> None:
    (example / "workspace.json").unlink()
    os.mkfifo(example / "workspace.json")
    with pytest.raises(es.WorkspaceDamagedError, match="neither a file nor a folder"):
        es.open(example)


def test_the_workspace_itself_may_be_a_link(example: Path, tmp_path: Path) -> None:
    (tmp_path / "link.es").symlink_to(example)
    assert es.verify(tmp_path / "link.es").sound
    with es.open(tmp_path / "link.es") as ws:
        assert ws.search("galaxy")


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a": ' * 100_000, "1" * 5000, "\udcff"])
def test_a_state_that_is_made_to_hurt_is_damage(example: Path, text: str) -> None:
    state = example / "workspace.json"
    state.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(es.WorkspaceDamagedError, match=r"workspace\.json"):
        es.open(example)
    assert not es.verify(example).sound


@pytest.mark.parametrize("files", [[], {"..": {"size": 1, "sha256": ""}}, {"../a": {}}, {"a": 1}])
def test_a_list_of_files_that_leads_elsewhere_is_told(example: Path, files: object) -> None:
    manifest = example / "generations" / "0001" / "manifest.json"
    write_json(manifest, {**read_json(manifest, example), "files": files})
    told = [problem.what for problem in es.verify(example).problems]
    assert any("files" in what for what in told)

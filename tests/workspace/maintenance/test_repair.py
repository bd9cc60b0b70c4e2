"""A damaged workspace is made sound again; nothing that can be read is lost, all else is named."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pytest

import embedsearch as es
from embedsearch.store.documents import DocumentStore
from embedsearch.workspace.maintenance.repair import free_name

GENERATION = "generations/0001"


def scramble(path: Path, start: int = 0, stop: int | None = None) -> None:
    content = bytearray(path.read_bytes())
    places = range(start, len(content) if stop is None else stop)
    content[start:stop] = random.Random(2).randbytes(len(places))  # noqa: S311
    path.write_bytes(content)


def found(path: Path) -> list[str]:
    with es.open(path) as ws:
        return [hit.id for hit in ws.search("galaxy", topn=5)]


def test_there_may_be_nothing_to_repair(example: Path) -> None:
    before = {file: file.read_bytes() for file in example.rglob("*") if file.is_file()}
    report = es.repair(example)
    assert (report.done, report.lost, report.aside, report.remaining) == ([], [], None, [])
    assert {file: file.read_bytes() for file in before} == before
    assert not list(example.glob("damaged-*"))


@pytest.mark.parametrize(
    "name",
    [
        f"{GENERATION}/documents.safetensors",
        f"{GENERATION}/encoder.safetensors",
        f"{GENERATION}/search.safetensors",
        f"{GENERATION}/terms.txt",
        f"{GENERATION}/training.safetensors",
        f"{GENERATION}/words.faiss",
        "lexical/lexical.json",
        "lexical/meta.json",
        "workspace.json",
    ],
)
@pytest.mark.parametrize("damage", [scramble, Path.unlink])
def test_what_follows_from_the_rest_is_made_anew(example: Path, name: str, damage: object) -> None:
    fresh = Path(shutil.copytree(example, example.with_name("fresh.es")))
    if name.startswith(GENERATION):
        with es.open(fresh, "w") as ws:
            ws.index(refit=True)
    expected = found(fresh)
    original = (example / name).read_bytes()
    assert callable(damage)
    damage(example / name)
    assert not es.verify(example).sound
    report = es.repair(example)
    assert (report.lost, report.nameless, report.remaining) == ([], 0, [])
    assert es.verify(example).sound
    assert found(example) == expected
    if report.aside is not None and (Path(report.aside) / name).exists():
        assert (Path(report.aside) / name).read_bytes() != original


@pytest.mark.parametrize("names", [("vocabulary.tsv",), ("words.safetensors", "words.faiss")])
def test_lost_words_are_trained_again_where_that_is_asked(
    example: Path, names: tuple[str, ...]
) -> None:
    copy = Path(shutil.copytree(example, example.with_name("copy.es")))
    for path in (example, copy):
        for name in names:
            scramble(path / GENERATION / name)
    advised = es.repair(example)
    assert (advised.untrained, advised.complete) == (True, False)
    assert any("embedsearch train" in line for line in advised.done)
    with es.open(example) as ws:
        assert ws.search("galaxy").mode == "lexical"
        with pytest.raises(es.NotTrainedError):
            _ = ws.words
    assert es.repair(copy, retrain=True).untrained is False
    for path in (example, copy):
        assert es.verify(path).sound
        with es.open(path) as ws:
            assert len(ws.documents) == 16
    assert found(copy)


def test_a_flipped_manifest_leaves_the_words(example: Path) -> None:
    manifest = example / GENERATION / "manifest.json"
    with es.open(example) as ws:
        neighbors = ws.words.most_similar("galaxy")
    manifest.write_text(manifest.read_text().replace('"lowercase": true', '"lowercase": false'))
    with pytest.raises(es.WorkspaceDamagedError, match="its checksum does not match"):
        es.open(example)
    report = es.repair(example)
    assert any("word vectors of generation 1 are written again" in line for line in report.done)
    with es.open(example) as ws:
        assert ws.words.most_similar("galaxy") == neighbors
        assert "lowercase" in ws.info().tokenizer or ws.search("GALAXY")


def test_documents_that_can_be_read_are_kept_and_others_are_named(example: Path) -> None:
    with es.open(example, "w") as ws:
        ws.add(es.Document(f"more-{n}", f"the galaxy {n} " * 200) for n in range(20))
        ws.index()
        everything = {id: ws.documents[id] for id in ws.documents}
    database = example / "documents.sqlite"
    place = database.read_bytes().index(b"the galaxy 7 the galaxy 7")
    scramble(database, place + 20, place + 40)
    before = database.read_bytes()
    dry = es.repair(example, dry_run=True)
    assert dry.lost == ["more-7"]
    assert database.read_bytes() == before
    report = es.repair(example)
    assert (report.lost, report.nameless, report.remaining) == (["more-7"], 0, [])
    assert report.aside is not None
    assert (Path(report.aside) / "documents.sqlite").read_bytes() == before
    assert es.verify(example).sound
    del everything["more-7"]
    with es.open(example) as ws:
        assert {id: ws.documents[id] for id in ws.documents} == everything
        for mode in ("auto", "lexical", "latent"):
            assert "more-7" not in [hit.id for hit in ws.search("galaxy", topn=40, mode=mode)]
        assert ws.info().behind == 0


def test_a_store_that_went_backwards_goes_on_beyond_what_follows_from_it(
    example: Path, tmp_path: Path
) -> None:
    shutil.copy(example / "documents.sqlite", tmp_path / "older.sqlite")
    with es.open(example, "w") as ws:
        ws.add([es.Document("new", "zyzzyva galaxy"), es.Document("later", "quite another")])
        ws.index()
        ahead = ws.info().change
    shutil.copy(tmp_path / "older.sqlite", example / "documents.sqlite")
    for ending in ("-wal", "-shm"):
        (example / f"documents.sqlite{ending}").unlink(missing_ok=True)
    report = es.repair(example)
    assert report.nameless == 1
    assert es.verify(example).sound
    with es.open(example) as ws:
        assert ws.info().change > ahead
        assert "later" in [hit.id for hit in ws.search("galaxy came later", mode="lexical")]
        with pytest.raises(es.UnknownWordError):
            ws.search("zyzzyva", mode="lexical")


def test_without_documents_the_words_are_kept_and_all_documents_are_lost(example: Path) -> None:
    for path in example.glob("documents.sqlite*"):
        path.unlink()
    derived = example / "generations" / "0001" / "words.faiss"
    derived.write_bytes(derived.read_bytes()[:-1])
    assert {problem.part for problem in es.verify(example).problems} == {"record", "generation"}
    report = es.repair(example)
    assert (report.nameless, report.remaining, report.complete) == (16, [], False)
    assert es.verify(example).sound
    with es.open(example) as ws:
        assert not len(ws.documents)
        assert ws.words.most_similar("galaxy")


def test_what_was_put_aside_before_stays(example: Path) -> None:
    damaged = example / "generations" / "0001" / "words.faiss"
    original = damaged.read_bytes()
    for number in range(2):
        # Both a part of a folder, and later the folder.
        newest = max((example / "generations").iterdir())
        (newest / "notes.txt").write_text(f"notes {number}")
        (newest / "words.faiss").write_bytes(original[:-1])
        assert es.repair(example).remaining == []
    notes = [path.read_text() for path in sorted(example.rglob("notes.txt"))]
    assert sorted(notes) == ["notes 0", "notes 1"]
    assert len([*example.glob("damaged-*/generations/*/words.faiss")]) == 2
    first = free_name(example / "new")
    assert first == free_name(example / "new")
    first.mkdir()
    assert free_name(example / "new") != first


def test_a_repair_that_dies_beside_the_log_loses_nothing_of_it(
    example: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with es.open(example, "w") as ws:
        ws.add([es.Document("large", "zyxwvut " * 9_000)])
    store = DocumentStore(example / "documents.sqlite", writable=True)
    store.add([es.Document("logged", "zyzzyva galaxy")])
    shutil.copytree(example, died := tmp_path / "died.es")
    store.close()
    database = died / "documents.sqlite"
    damaged = bytearray(database.read_bytes())
    # In the middle of the text: the log has no page of that.
    damaged[(damaged.find(b"zyxwvut") + damaged.rfind(b"zyxwvut")) // 2] ^= 1
    database.write_bytes(damaged)
    log = (died / "documents.sqlite-wal").read_bytes()
    replace = Path.replace

    def die(path: Path, target: Path) -> Path:
        if path.name == "salvaged.sqlite":
            raise KeyboardInterrupt
        return replace(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", die)
        with pytest.raises(KeyboardInterrupt):
            es.repair(died)
    (aside,) = died.glob("damaged-*")
    assert (aside / "documents.sqlite").read_bytes() == damaged
    assert (aside / "documents.sqlite-wal").read_bytes() == log
    report = es.repair(died)
    assert (report.lost, report.nameless, report.remaining) == (["large"], 0, [])
    with es.open(died) as ws:
        assert ws.documents["logged"].text == "zyzzyva galaxy"


def test_the_log_of_another_store_costs_nothing(example: Path, tmp_path: Path) -> None:
    with es.open(example, "w") as ws:
        ws.add(es.Document(f"more-{n}", f"galaxy {n} " * n) for n in range(1, 80))
        everything = {id: ws.documents[id] for id in ws.documents}
    other = DocumentStore(tmp_path / "other.sqlite", writable=True)
    other.add(es.Document(f"more-{n}", f"of another {n}") for n in range(40, 70))
    shutil.copy(tmp_path / "other.sqlite-wal", example / "documents.sqlite-wal")
    other.close()
    assert not es.verify(example).sound
    report = es.repair(example)
    assert any("log of the database is that of another" in line for line in report.done)
    assert (report.lost, report.remaining) == ([], [])
    assert es.verify(example).sound
    with es.open(example) as ws:
        assert {id: ws.documents[id] for id in ws.documents} == everything


def test_a_flipped_bit_in_the_number_of_the_format_is_undone(example: Path) -> None:
    state = example / "workspace.json"
    sound = state.read_bytes()
    state.write_bytes(sound.replace(b'"format": 2', b'"format": 3'))
    with pytest.raises(es.WorkspaceVersionError, match="has format 3"):
        es.open(example)
    report = es.repair(example)
    assert (report.complete, report.done) == (True, ["workspace.json is written again"])
    before, after = json.loads(sound), json.loads(state.read_bytes())
    assert (after["format"], after["tokenizer"]) == (2, before["tokenizer"])

"""Opening a workspace that is missing, locked, damaged, newer or moved: one clear error."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import embedsearch as es
from embedsearch.workspace.staging import staging


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("text", "options", "error", "message"),
    [
        ("", {}, es.CorpusTooSmallError, "no text"),
        ("word " * 50, {}, es.CorpusTooSmallError, "one distinct word, 'word'"),
        ("... !!!", {}, es.CorpusTooSmallError, "the corpus has no words"),
        ("one two three", {"min_count": 9}, es.CorpusTooSmallError, "min_count=9 leaves no word"),
        ("one two", {"epochs": 0}, es.ParameterError, "epochs must be"),
        ("one two", {"trainer": "magic"}, es.ParameterError, "trainer must be one of auto"),
        ("one two", {"stemm": "english"}, es.ParameterError, "'stemm'"),
        ("one two", {"stem": "klingon"}, es.ParameterError, "stem"),
    ],
)
def test_a_build_that_cannot_be_leaves_nothing(
    tmp_path: Path, text: str, options: dict[str, object], error: type[Exception], message: str
) -> None:
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(error, match=message):
        es.build(tmp_path / "a.txt", tmp_path / "a.es", **options)
    assert listing(tmp_path) == ["a.txt"]


def test_one_document_is_enough(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("the cat sat on the mat and the dog sat on the cat " * 4)
    with es.build(tmp_path / "a.txt", tmp_path / "a.es", workers=1) as ws:
        assert "cat" in ws.words
        assert [hit.id for hit in ws.search("cat")] == ["a.txt"]
        assert ws.documents.most_similar("a.txt") == []


def test_what_is_there_is_not_overwritten_unasked(planted: Path, tmp_path: Path) -> None:
    with pytest.raises(es.WorkspaceExistsError, match="--overwrite"):
        es.build("corpus:planted", planted)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "thesis.doc").write_text("precious")
    with pytest.raises(es.WorkspaceExistsError, match="is not a workspace"):
        es.build("corpus:planted", tmp_path / "folder", overwrite=True)
    assert listing(tmp_path / "folder") == ["thesis.doc"]


def test_overwriting_replaces_all_documents(writable: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("the cat sat on the mat " * 9)
    with es.build(tmp_path / "a.txt", writable, overwrite=True, workers=1) as ws:
        assert list(ws.documents) == ["a.txt"]
        assert "paris" not in ws.words


def test_overwriting_that_fails_leaves_all_as_it_was(writable: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("word " * 9)
    with pytest.raises(es.CorpusTooSmallError):
        es.build(tmp_path / "a.txt", writable, overwrite=True)
    with es.open(writable) as ws:
        assert len(ws.documents) == 2000
        assert ws.info().behind == 0
        assert ws.words.most_similar("paris")


def test_a_missing_workspace_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="embedsearch build") as caught:
        es.open(tmp_path / "none.es")
    assert isinstance(caught.value, es.WorkspaceNotFoundError)
    with pytest.raises(es.WorkspaceNotFoundError, match="exists, but is not a workspace"):
        es.open(tmp_path)


def test_a_second_writer_is_turned_away(writable: Path) -> None:
    with es.open(writable, "w"):
        with pytest.raises(es.WorkspaceLockedError, match="another process is writing"):
            es.open(writable, "w")
        es.open(writable).close()
    es.open(writable, "w").close()


def test_the_lock_dies_with_its_process(writable: Path) -> None:
    code = (
        "import embedsearch as es, sys, time; w = es.open(sys.argv[1], 'w');"
        " print('open', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(writable)], stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        with pytest.raises(es.WorkspaceLockedError):
            es.open(writable, "w")
        process.send_signal(signal.SIGKILL)
    es.open(writable, "w").close()


def test_a_workspace_opened_for_reading_is_not_written(planted: Path) -> None:
    with es.open(planted) as ws:
        for change in (ws.train, ws.index, lambda: ws.add([]), lambda: ws.delete([])):
            with pytest.raises(es.WorkspaceReadOnlyError, match='mode="w"'):
                change()


def test_a_newer_format_is_named(writable: Path) -> None:
    state = json.loads((writable / "workspace.json").read_text())
    (writable / "workspace.json").write_text(json.dumps({**state, "format": 99}))
    with pytest.raises(
        es.WorkspaceVersionError, match="has format 99, this embedsearch reads format 2; upgrade"
    ):
        es.open(writable)


def test_an_untrained_workspace_says_what_to_do(small: es.Workspace) -> None:
    for ask in (
        lambda: small.words,
        lambda: small.search("x", mode="latent"),
        lambda: small.search("x", expand=True),
        lambda: small.documents.most_similar(next(iter(small.documents))),
        lambda: small.documents.vectors,
        small.index,
    ):
        with pytest.raises(es.NotTrainedError, match="embedsearch train"):
            ask()


def test_texts_are_searched_by_words_before_any_training(small: es.Workspace) -> None:
    def found(ws: es.Workspace, mode: str) -> list[tuple[str, float]]:
        hits = ws.search("paris france", topn=20, mode=mode)
        assert hits.mode == "lexical"
        assert all("paris" in hit.snippet or "france" in hit.snippet for hit in hits)
        return [(hit.id, hit.score) for hit in hits]

    before = found(small, "auto")
    assert before
    with es.open(small.path) as reader:
        assert found(reader, "auto") == before
        (best, *_) = before
        explained = reader.explain("paris france", best[0])
        assert sum(part.contribution for part in explained.parts) == pytest.approx(best[1])
        # What is added later is found, too, and what is deleted no more.
        small.add([es.Document("later", "paris paris paris")])
        small.delete([best[0]])
        ids = {id for id, _ in found(reader, "lexical")}
        assert "later" in ids
        assert best[0] not in ids
    after = found(small, "lexical")
    small.train(min_count=1, epochs=1)
    assert found(small, "lexical") == after


def test_a_word_that_no_document_has_is_named_before_any_training(small: es.Workspace) -> None:
    with pytest.raises(es.UnknownWordError, match="'xyzzy' is in no document"):
        small.search("xyzzy")
    assert small.search("paris xyzzy").unknown == ("xyzzy",)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def scramble(path: Path) -> None:
    path.write_bytes(b"\xff" * path.stat().st_size)


@pytest.mark.parametrize("damage", [Path.unlink, cut, scramble])
@pytest.mark.parametrize(
    "name",
    [
        "workspace.json",
        "documents.sqlite",
        "generations/0001/manifest.json",
        "generations/0001/vocabulary.tsv",
        "generations/0001/words.safetensors",
        "generations/0001/words.faiss",
        "generations/0001/encoder.safetensors",
        "generations/0001/documents.safetensors",
        "generations/0001/search.safetensors",
    ],
)
def test_damage_is_noticed_and_named(
    writable: Path, name: str, damage: Callable[[Path], None]
) -> None:
    damage(writable / name)
    with pytest.raises(es.WorkspaceDamagedError, match=r"missing|damaged|bytes|not JSON"):
        use_everything(writable)


def use_everything(path: Path) -> None:
    with es.open(path) as ws:
        ws.words.most_similar("paris")
        ws.search("paris", expand=True)
        _ = [ws.documents[id] for id in ws.documents]


@pytest.mark.parametrize("after", [0.4, 0.8, 1.2, 1.8, 2.5])
def test_a_killed_build_leaves_nothing_or_a_whole_workspace(tmp_path: Path, after: float) -> None:
    path = tmp_path / "killed.es"
    code = "import embedsearch as es, sys; es.build('corpus:planted', sys.argv[1], epochs=5)"
    process = subprocess.Popen([sys.executable, "-c", code, str(path)])
    time.sleep(after)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    if path.exists():
        with es.open(path, "w") as ws:
            assert len(ws.documents) == 2000
            ws.train(epochs=1, vector_size=10, workers=1)
    else:
        with es.build("corpus:planted", path, epochs=1, vector_size=10, workers=1) as ws:
            assert len(ws.documents) == 2000
    assert listing(tmp_path) == ["killed.es"]
    assert "tmp" not in listing(path)


@pytest.mark.parametrize("after", [0.5, 1.0, 1.5, 2.0])
def test_a_killed_training_leaves_the_old_generation_or_the_new(
    writable: Path, after: float
) -> None:
    code = "import embedsearch as es, sys; es.open(sys.argv[1], 'w').train(epochs=2, seed=5)"
    process = subprocess.Popen([sys.executable, "-c", code, str(writable)])
    time.sleep(after)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    use_everything(writable)
    with es.open(writable, "w") as ws:
        ws.train(epochs=1, vector_size=10, workers=1)
        assert ws.words.vector_size == 10
    assert len(listing(writable / "generations")) == 1


@pytest.mark.parametrize("files", [[], {"terms.txt": 3}, {"terms.txt": {}}, "all", None])
def test_a_manifest_that_lists_no_files_is_damage(writable: Path, files: object) -> None:
    (manifest,) = writable.glob("generations/*/manifest.json")
    said = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**said, "files": files}))
    with pytest.raises(es.WorkspaceDamagedError, match="files"):
        es.open(writable)


SMALL: dict[str, Any] = {"vector_size": 4, "workers": 1, "min_count": 1}
NEW = [es.Document("new", "a galaxy of cows")]
WRITES: dict[str, Callable[[es.Workspace], object]] = {
    "add": lambda ws: ws.add(NEW),
    "delete": lambda ws: ws.delete(["d1"]),
    "train": lambda ws: ws.train("ppmi", **SMALL),
    "index": lambda ws: ws.index(refit=True),
    "compact": lambda ws: ws.compact(),
    "add_vectors": lambda ws: ws.add_vectors([[1.0]]),
    "replace_all": lambda ws: ws.replace_all(NEW, trainer="ppmi", **SMALL),
}


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    with es.create(tmp_path / "a.es") as ws:
        ws.add(es.Document(f"d{n}", f"a galaxy of barns, number {n}") for n in range(30))
        ws.train("ppmi", **SMALL)
    return tmp_path / "a.es"


def contents(folder: Path) -> dict[str, bytes]:
    """What a workspace has, but for the files that SQLite changes whenever it is read."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "sqlite-" not in path.name
    }


def move(path: Path) -> None:
    path.rename(path.with_name("moved.es"))


def remove(path: Path) -> None:
    shutil.rmtree(path)


def replace(path: Path) -> None:
    other = path.with_name("other.es")
    es.restore(path.with_name("other.backup"), other).close()
    move(path)
    other.rename(path)


@pytest.mark.parametrize("change", [move, remove, replace])
def test_nothing_is_acknowledged_and_nothing_made_where_the_folder_was(
    trained: Path, change: Callable[[Path], None]
) -> None:
    with es.create(trained.with_name("other.es")) as other:
        other.add([es.Document("d1", "another")])
        other.backup(trained.with_name("other.backup"))
    shutil.rmtree(other.path)
    with es.open(trained, "w") as ws:
        ws.search("galaxy")
        change(trained)
        before = contents(trained) if trained.exists() else None
        for name, write in WRITES.items():
            with pytest.raises(es.WorkspaceError, match="moved, removed or replaced"):
                write(ws)
            assert (contents(trained) if trained.exists() else None) == before, name
        if change is not remove:
            if trained.exists():
                shutil.rmtree(trained)
            trained.with_name("moved.es").rename(trained)
            # Where it was again, the same object goes on, and its lock was never gone.
            with pytest.raises(es.WorkspaceLockedError):
                es.open(trained, "w")
            assert ws.add(NEW).added == 1
    if change is not remove:
        assert es.verify(trained).sound
        with es.open(trained) as ws:
            assert len(ws.documents) == 31


@pytest.mark.parametrize("change", [move, replace])
def test_a_folder_that_goes_while_it_is_written_is_noticed(
    trained: Path, change: Callable[[Path], None]
) -> None:
    with es.create(trained.with_name("other.es")) as other:
        other.backup(trained.with_name("other.backup"))
    shutil.rmtree(other.path)
    with es.open(trained, "w") as ws:

        def late() -> Any:
            yield NEW[0]
            change(trained)

        with pytest.raises(es.WorkspaceError, match="moved, removed or replaced"):
            ws.add(late())
        before = contents(trained) if trained.exists() else None
        if trained.exists():
            shutil.rmtree(trained)
        trained.with_name("moved.es").rename(trained)

        def stop(_: Any) -> None:
            if not trained.with_name("moved.es").exists():
                change(trained)

        with pytest.raises(es.WorkspaceError, match=r"moved, removed or replaced|not there"):
            ws.train("word2vec", epochs=2, callbacks=[stop], **SMALL)
        assert (contents(trained) if trained.exists() else None) == before
    assert es.verify(trained.with_name("moved.es")).sound
    with es.open(trained.with_name("moved.es")) as ws:
        assert len(ws.documents) == 30


@pytest.mark.parametrize("name", ["documents.sqlite", "documents.sqlite-wal"])
def test_a_store_that_was_taken_away_is_noticed(trained: Path, name: str) -> None:
    with es.open(trained, "w") as ws:
        ws.add(NEW)
        (trained / name).rename(trained.with_name(name))
        with pytest.raises(es.WorkspaceError, match=f"{name} was moved, removed or replaced"):
            ws.add([es.Document("later", "text")])
        trained.with_name(name).rename(trained / name)
        assert ws.add([es.Document("later", "text")]).added == 1
    assert es.verify(trained).sound


QUESTIONS: list[Callable[[es.Workspace], object]] = [
    lambda ws: [hit.id for hit in ws.search("galaxy barns", 3)],
    lambda ws: ws.words.most_similar("galaxy", topn=2),
    lambda ws: ws.documents["d1"].text,
    lambda ws: ws.documents.most_similar("d1", topn=2),
    lambda ws: ws.info().documents,
    lambda ws: ws.backup(ws.path.with_name("new.backup"), overwrite=True).documents,
    lambda ws: ws.evaluate.index(queries=3).rows(),
]


def answered(ws: es.Workspace, ask: Callable[[es.Workspace], object]) -> object:
    """The answer, or None where the workspace says that it is gone."""
    try:
        return ask(ws)
    except es.WorkspaceError:
        return None


@pytest.mark.parametrize("change", [move, remove, replace])
def test_a_reader_goes_on_or_is_told(trained: Path, change: Callable[[Path], None]) -> None:
    with es.create(trained.with_name("other.es")) as other:
        # Of the same names, so that only the files themselves tell them apart.
        other.add(es.Document(f"d{n}", f"a galaxy of other cows, {n}") for n in range(30))
        other.train("ppmi", **SMALL)
        other.backup(trained.with_name("other.backup"))
    shutil.rmtree(other.path)
    with es.open(trained) as ws:
        answers = [ask(ws) for ask in QUESTIONS[:5]]
    with es.open(trained) as used, es.open(trained) as fresh:
        assert [ask(used) for ask in QUESTIONS[:5]] == answers
        change(trained)
        before = contents(trained) if trained.exists() else None
        for reader in (used, fresh):
            found = [answered(reader, ask) for ask in QUESTIONS]
            # What cannot be written is told, at least; no answer is another.
            assert found[5:] == [None, None]
            pairs = zip(found, answers, strict=False)
            assert all(new in (None, old) for new, old in pairs)
        assert (contents(trained) if trained.exists() else None) == before


def test_who_waits_for_a_workspace_that_goes_is_told(trained: Path) -> None:
    with es.open(trained, "w"):
        going = threading.Timer(0.3, move, [trained])
        going.start()
        with pytest.raises(es.WorkspaceNotFoundError, match="there is no such folder"):
            es.open(trained, "w", wait=60)
        going.join()


def test_what_was_closed_says_so(trained: Path) -> None:
    with es.open(trained, "w") as ws:
        pass
    for name, write in WRITES.items():
        with pytest.raises(es.WorkspaceError, match="was closed; open the workspace again"):
            write(ws)
        assert es.verify(trained).sound, name


WORDS_ALONE = ("store", "training", "search.documents", "search.hybrid", "workspace.publishing")


@pytest.mark.parametrize(
    ("ask", "absent"),
    [
        ("ws.words.most_similar('paris')", WORDS_ALONE),
        ("ws.search('paris')", ("training", "evaluation", "workspace.train")),
    ],
)
def test_a_question_imports_what_it_needs(planted: Path, ask: str, absent: tuple[str]) -> None:
    code = f"import sys, embedsearch as es\nws = es.open(sys.argv[1])\n{ask}\nprint(*sys.modules)"
    command = [sys.executable, "-c", code, str(planted)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    prefixes = tuple(f"embedsearch.{name}" for name in absent)
    assert [name for name in done.stdout.split() if name.startswith(prefixes)] == []


def test_a_reader_that_was_closed_opens_nothing_any_more(planted: Path) -> None:
    with es.open(planted) as ws:
        pass
    with pytest.raises(es.WorkspaceError, match="was closed; open the workspace again"):
        _ = ws.documents["d1"]


def test_documents_are_not_taken_from_a_folder_that_came_later(trained: Path) -> None:
    with es.create(trained.with_name("other.es")) as other:
        other.add([es.Document("d1", "of another workspace")])
    with es.open(trained) as ws:
        move(trained)
        trained.with_name("other.es").rename(trained)
        with pytest.raises(es.WorkspaceError, match="moved, removed or replaced"):
            _ = ws.documents["d1"]


def test_a_workspace_that_is_being_made_is_named_so(tmp_path: Path) -> None:
    path = tmp_path / "new.es"
    with staging(path, "building"):
        for wait in (None, 0.1):
            with pytest.raises(es.WorkspaceNotFoundError, match="is being made by another process"):
                es.open(path, wait=wait)
    with pytest.raises(es.WorkspaceNotFoundError, match="no workspace here"):
        es.open(path, wait=30)


def test_a_reader_can_wait_for_the_first_training(small: es.Workspace) -> None:
    with (
        es.open(small.path, wait=0.1) as early,
        pytest.raises(es.NotTrainedError, match=r"another process .* is working on it"),
    ):
        _ = early.words
    with ThreadPoolExecutor(1) as pool:
        opening = pool.submit(es.open, small.path, wait=300)
        small.train(min_count=1, epochs=1)
        small.close()
        with opening.result() as reader:
            assert "paris" in reader.words


def test_a_reader_does_not_wait_for_a_workspace_that_nobody_trains(small: es.Workspace) -> None:
    small.close()
    with es.open(small.path, wait=300) as reader:
        with pytest.raises(es.NotTrainedError, match="train it with"):
            _ = reader.words
        assert reader.search("paris")

"""Search follows the documents: for writers, readers, after crashes, damage and restored files."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embedsearch as es
from embedsearch.text.corpora import PlantedCorpus

MODES = ("auto", "lexical", "latent", "hybrid")
KILLED = """
import os, signal, sys
import embedsearch as es
from contextlib import contextmanager
from embedsearch._progress import SilentProgress

class Killer(SilentProgress):
    @contextmanager
    def task(self, name, total=None, unit="items"):
        class Task:
            left = 5
            def advance(self, amount):
                self.left -= 1
                if name == "index words" and not self.left:
                    os.kill(os.getpid(), signal.SIGKILL)
            def describe(self, text): pass
        yield Task()

with es.open(sys.argv[1], "w") as ws:
    ws.add(es.Document(f"killed-{n}", f"zyzzyva {n} galaxy") for n in range(9))
    ws.delete(["planted-00000"])
    ws._session.search(Killer())
"""


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small trained workspace; tests copy it."""
    path = tmp_path_factory.mktemp("following") / "built.es"
    with es.create(path) as ws:
        ws.add(PlantedCorpus(documents=120))
        ws.train("ppmi", vector_size=20, workers=1)
    return path


@pytest.fixture
def path(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "copy.es"))


@pytest.fixture
def clustered(path: Path, cluster: Callable[[Path], None]) -> Path:
    """The workspace as if it had many documents: clusters propose what is near."""
    cluster(path)
    return path


def ids(ws: es.Workspace, text: str, topn: int = 500, mode: str = "auto") -> list[str]:
    """Search without the cost of snippets."""
    return [id for id, _ in ws._session.search().ranker(mode)([text], topn)[0]]


def change(ws: es.Workspace) -> None:
    """Add a document, change one and delete one."""
    ws.add([es.Document("new", "A zyzzyva among stars of the galaxy. " * 3)])
    ws.add([es.Document("planted-00004", "The zyzzyva is the king of france.")])
    ws.delete(["planted-00007"])


def check_changed(ws: es.Workspace) -> None:
    for mode in MODES:
        found = ids(ws, "galaxy stars king zyzzyva france", 500, mode)
        assert "planted-00007" not in found, mode
        assert {"new", "planted-00004"} <= set(found[:10]), mode
        assert len(found) == len(set(found))
        assert mode == "lexical" or len(found) == 120
    for mode in ("auto", "lexical", "hybrid"):
        assert set(ids(ws, "zyzzyva", 2, mode)) == {"new", "planted-00004"}
        assert ids(ws, "+zyzzyva -king galaxy", 9, mode) == ["new"]
        assert set(ids(ws, "+zyzzyva galaxy", 9, mode)) == {"new", "planted-00004"}
        assert ids(ws, '"zyzzyva is the king"', 1, mode) == ["planted-00004"]
    before = ws_text("planted-00004")
    assert ids(ws, f"+{before} galaxy", 500).count("planted-00004") == 0


def ws_text(id: str) -> str:
    """A word that the document had before it was changed."""
    document = next(d for d in PlantedCorpus(documents=120) if d.id == id)
    return max(document.text.replace(".", "").split(), key=len)


@pytest.mark.parametrize("fixture", ["path", "clustered"])
def test_a_writer_and_all_readers_see_changes_at_once(
    fixture: str, request: pytest.FixtureRequest
) -> None:
    path: Path = request.getfixturevalue(fixture)
    with es.open(path) as early, es.open(path, "w") as writer:
        ids(early, "galaxy")
        change(writer)
        with es.open(path) as late:
            check_changed(early)
            check_changed(late)
            check_changed(writer)
            check_changed(early)
            writer.index()
            check_changed(late)
        check_changed(writer)
    with es.open(path) as after:
        check_changed(after)


def test_a_reader_takes_up_the_index_that_a_writer_has_caught_up(path: Path) -> None:
    with es.open(path) as reader, es.open(path, "w") as writer:
        ids(reader, "galaxy")
        for n in range(3):
            writer.add([es.Document(f"n{n}", f"zyzzyva {n}")])
            assert len(ids(reader, "zyzzyva", mode="lexical")) == n + 1
        ids(writer, "galaxy")
        writer.delete(["n1"])
        assert sorted(ids(reader, "zyzzyva", mode="lexical")) == ["n0", "n2"]
        behind = reader._session.search().lexical
        assert behind is not None
        assert behind.change == writer.info().change - 1


def test_scores_of_a_reader_that_is_behind_are_nearly_those_of_one_that_is_not(
    path: Path,
) -> None:
    text = "galaxy stars king zyzzyva"
    with es.open(path, "w") as writer:
        change(writer)
        with es.open(path) as reader:
            behind = {hit.id: hit.score for hit in reader.search(text, 20)}
        caught_up = {hit.id: hit.score for hit in writer.search(text, 20)}
    assert len(set(behind) & set(caught_up)) >= 18
    for id in set(behind) & set(caught_up):
        assert behind[id] == pytest.approx(caught_up[id], rel=0.15, abs=0.1)


@pytest.mark.parametrize("fixture", ["path", "clustered"])
def test_after_random_changes_answers_are_those_of_vectors_that_were_stored(
    fixture: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    path: Path = request.getfixturevalue(fixture)
    choose = random.Random(3)  # noqa: S311 - documents, not secrets
    texts = [document.text for document in PlantedCorpus(documents=120)]
    queries = [query for query, _ in PlantedCorpus(documents=120).queries()][:6]

    def answers(ws: es.Workspace) -> dict[object, list[tuple[str, float]]]:
        ranked = ws._session.search().ranker
        found: dict[object, list[tuple[str, float]]] = {
            (mode, query): ranked(mode)([query], 30)[0] for mode in MODES for query in queries
        }
        for id in list(ws.documents)[::9]:
            found[id] = [(hit.id, hit.score) for hit in ws.documents.most_similar(id, topn=8)]
        where = ws.search(queries[0], topn=9, where="step > 3", explain=True)
        return found | {"where": [(hit.id, hit.score) for hit in where]}

    with es.open(path, "w") as writer:
        stored = writer._session.search().current().vectors.base
        for step in range(25):
            ids = list(writer.documents)
            writer.delete(choose.sample(ids, 2))
            ids = [*choose.sample(list(writer.documents), 2), f"new-{step}", f"newer-{step}"]
            some = [" ".join(choose.sample(texts, 1 + 20 * (step == 7))) for _ in ids]
            writer.add(
                es.Document(id, text, {"step": step}) for id, text in zip(ids, some, strict=True)
            )
            writer.search(queries[0], topn=1)
        followed, vectors = answers(writer), writer.documents.vectors
        assert writer._session.search().current().vectors.base is stored
        writer.index()
        assert writer._session.search().current().vectors.base is not stored
        for key, expected in answers(writer).items():
            assert [id for id, _ in followed[key]] == [id for id, _ in expected], key
            scores = [score for _, score in followed[key]]
            assert scores == pytest.approx([score for _, score in expected], abs=1e-6), key
        np.testing.assert_allclose(writer.documents.vectors, vectors, atol=1e-6)


def test_killed_while_catching_up_nothing_is_lost(path: Path) -> None:
    process = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert process.returncode == -9
    for mode in ("r", "w", "r"):
        with es.open(path, mode) as ws:
            assert len(ids(ws, "zyzzyva", mode="lexical")) == 9
            assert "planted-00000" not in ids(ws, "galaxy")
            assert len(ids(ws, "zyzzyva galaxy")) == 128


def remove_all(folder: Path) -> None:
    shutil.rmtree(folder)


def remove_names(folder: Path) -> None:
    for name in ("lexical.json", "meta.json", ".managed.json"):
        (folder / name).unlink()


def scramble_state(folder: Path) -> None:
    (folder / "lexical.json").write_text("{")


def cut_segments(folder: Path) -> None:
    for part in folder.glob("*.idx"):
        part.write_bytes(part.read_bytes()[:10])


@pytest.mark.parametrize("damage", [remove_all, remove_names, scramble_state, cut_segments])
@pytest.mark.parametrize("who", ["writer", "reader", "reader beside a writer"])
def test_a_damaged_index_of_words_is_made_anew(
    path: Path, damage: Callable[[Path], None], who: str
) -> None:
    with es.open(path) as ws:
        expected = {mode: ids(ws, "galaxy stars", 20, mode) for mode in MODES}
    damage(path / "lexical")
    if who == "reader beside a writer":
        with es.open(path, "w") as writer, es.open(path) as ws:
            assert {mode: ids(ws, "galaxy stars", 20, mode) for mode in MODES} == expected
            writer.add([es.Document("new", "zyzzyva")])
            assert ids(ws, "zyzzyva", 1, "lexical") == ["new"]
    else:
        with es.open(path, "w" if who == "writer" else "r") as ws:
            assert {mode: ids(ws, "galaxy stars", 20, mode) for mode in MODES} == expected


def test_what_is_not_ours_is_not_removed(path: Path) -> None:
    shutil.rmtree(path / "lexical")
    (path / "lexical").mkdir()
    (path / "lexical" / "thesis.doc").write_text("precious")
    for mode in "rw":
        with pytest.raises(es.WorkspaceDamagedError, match=r"lexical/thesis\.doc"):
            es.open(path, mode)
    assert (path / "lexical" / "thesis.doc").read_text() == "precious"


def test_readers_of_two_languages_do_not_take_the_index_from_each_other(path: Path) -> None:
    with es.open(path) as early, es.open(path) as unused:
        before = ids(early, "galaxies", 20, "lexical")
        assert before
        with es.open(path, "w") as writer:
            writer.index(language="none")
            assert ids(writer, "galaxy", 20, "lexical")
            with pytest.raises(es.UnknownWordError):
                writer.search("galaxies", mode="lexical")
        made = (path / "lexical" / "lexical.json").stat().st_mtime_ns
        # One has its index already; the other opens one for the first time.
        assert ids(early, "galaxies", 20, "lexical") == before
        assert ids(unused, "galaxies", 20, "lexical") == before
        assert (path / "lexical" / "lexical.json").stat().st_mtime_ns == made
    with es.open(path) as ws:
        assert ids(ws, "galaxy", 20, "lexical")
        assert (path / "lexical" / "lexical.json").stat().st_mtime_ns == made


@pytest.mark.parametrize("who", ["writer", "reader", "reader beside a writer"])
def test_a_store_that_was_restored_is_searched_as_it_is(path: Path, who: str) -> None:
    backup = path.with_name("backup.sqlite")
    shutil.copy(path / "documents.sqlite", backup)
    with es.open(path, "w") as ws:
        change(ws)
        ws.index()
        expected_gone = ids(ws, "zyzzyva", 2, "lexical")
    assert len(expected_gone) == 2
    shutil.copy(backup, path / "documents.sqlite")
    for name in ("documents.sqlite-wal", "documents.sqlite-shm"):
        (path / name).unlink(missing_ok=True)
    writer = es.open(path, "w") if who == "reader beside a writer" else None
    with es.open(path, "w" if who == "writer" else "r") as ws:
        for mode in MODES:
            found = ids(ws, "galaxy stars king france", 500, mode)
            assert "new" not in found
            assert mode == "lexical" or len(found) == 120
        assert "planted-00007" in ids(ws, "galaxy")
        with pytest.raises(es.UnknownWordError):
            ws.search("zyzzyva", mode="lexical")
    if writer is not None:
        writer.close()
    with es.open(path, "w") as ws:
        assert ws.info().behind == 120
        ws.index()
        assert ws.info().behind == 0
        assert len(ids(ws, "galaxy")) == 120


def test_threads_of_one_reader_find_what_one_thread_does_while_a_writer_adds(path: Path) -> None:
    texts = [query for query, _ in PlantedCorpus().queries()] * 4
    with es.open(path) as reader, es.open(path, "w") as writer:
        expected = [ids(reader, text, 10) for text in texts]
        reader._session.close_search()
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(lambda text: ids(reader, text, 10), texts)) == expected
            for n in range(4):
                writer.add([es.Document(f"n{n}", f"zyzzyva number {n}")])
                found = list(pool.map(lambda _: ids(reader, "zyzzyva", 9, "lexical"), range(16)))
                assert all(len(each) == n + 1 for each in found)


def test_a_document_of_ten_megabytes_is_found_beside_others(path: Path) -> None:
    sentence = "The zyzzyva of the huge document looks at the galaxy and its stars. "
    with es.open(path, "w") as ws:
        ws.add([es.Document("huge", sentence * (10_000_000 // len(sentence)))])
        for mode in MODES:
            assert "huge" in ids(ws, "zyzzyva galaxy", 3, mode)
        with es.open(path) as reader:
            assert ids(reader, "zyzzyva", 1, "lexical") == ["huge"]


class OvertakenStore:
    """A store in which something changes just before the documents found are read."""

    def __init__(self, store: Any, change: Callable[[], object]) -> None:
        self._store, self._change, self.read = store, change, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def by_number(self, numbers: list[int]) -> Any:
        self.read += 1
        self._change()
        return self._store.by_number(numbers)


def test_an_answer_is_tried_again_only_if_what_it_found_has_changed(path: Path) -> None:
    with es.open(path) as reader, es.open(path, "w") as writer:
        writer.add([es.Document("found", "zyzzyva galaxy one")])
        others = [es.Document(f"other-{n}", "king of france") for n in range(2)]
        changed = [es.Document("found", f"zyzzyva galaxy changed{n}") for n in range(4)]
        added = iter(others + changed)
        search = reader._session.search()
        store = OvertakenStore(search.store, lambda: writer.add([next(added)]))
        search.store = store  # type: ignore[assignment]

        found = reader.search("zyzzyva", 1, mode="lexical")
        assert (store.read, [hit.id for hit in found]) == (1, ["found"])
        assert reader.documents.most_similar("found", topn=2)
        assert store.read == 2

        # Thrice in vain; then the documents stand still.
        (hit,) = reader.search("zyzzyva", 1, mode="lexical")
        assert (store.read, hit.snippet) == (6, "zyzzyva galaxy changed2")


VERSIONS = """
import sys, embedsearch as es
with es.open(sys.argv[1], "w") as ws:
    print("ready", flush=True)
    for version in range(2, 10_000):
        text = f"zyzzyva version{version} galaxy"
        ws.add([es.Document(id, text, {"version": version}) for id in ("left", "right")])
"""


@pytest.mark.parametrize("tried", [3, 0])
def test_an_answer_is_of_one_change_while_another_process_writes(path: Path, tried: int) -> None:
    with es.open(path, "w") as ws:
        text = "zyzzyva version1 galaxy"
        ws.add([es.Document(id, text, {"version": 1}) for id in ("left", "right")])
    command = [sys.executable, "-c", VERSIONS, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout
        assert writer.stdout.readline() == "ready\n"
        seen = set()
        with es.open(path) as ws:
            # On a busy machine the writer may get on slowly.
            while len(seen) < 4:
                assert writer.poll() is None
                hits = ws.search("+zyzzyva galaxy", mode="lexical", explain=True)
                versions = {hit.metadata["version"] for hit in hits}
                assert len(hits) == 2
                assert len(versions) == 1
                (version,) = versions
                assert all(f"version{version} " in hit.snippet for hit in hits)
                found = ws.search(f"+version{version} galaxy", mode="lexical")
                assert all(hit.metadata["version"] == version for hit in found)
                seen |= versions
        writer.kill()

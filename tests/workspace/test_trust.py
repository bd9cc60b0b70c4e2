"""Indexes with right checksums that were made to hurt: never a signal, never another file."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest

import embedsearch as es
from embedsearch._io import with_checksum
from embedsearch.index import isolation as apart, storage as index_files
from embedsearch.workspace import trust
from embedsearch.workspace.layout import Layout

# Ends with 0 or with an error of ours; what it says is what verify found.
ASK = """
import sys, embedsearch as es
sound = es.verify(sys.argv[1]).sound
try:
    with es.open(sys.argv[1]) as ws:
        for query in ("galaxy", '"the galaxy"', "+comet -farm", "farm later the sky"):
            ws.search(query, topn=20)
            ws.search(query, topn=2, mode="lexical", explain=True)
        ws.words.most_similar("galaxy")
except es.EmbedSearchError as error:
    print(error)
print("sound" if sound else "damaged")
"""


@pytest.fixture(autouse=True)
def _a_stranger(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let nothing be known from other tests."""
    index_files.TRUSTED.clear()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def asked(path: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", ASK, str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def relist_lexical(path: Path) -> None:
    state = path / "lexical" / "lexical.json"
    values = json.loads(state.read_text())
    for name, entry in values["files"].items():
        file = path / "lexical" / name
        entry |= {"size": file.stat().st_size, "sha256": sha256(file)}
    state.write_text(json.dumps(with_checksum(values)))


def relist(folder: Path, **changes: Any) -> None:
    manifest = folder / "manifest.json"
    values = {**json.loads(manifest.read_text()), **changes}
    for name, entry in values["files"].items():
        entry |= {"size": (folder / name).stat().st_size, "sha256": sha256(folder / name)}
    manifest.write_text(json.dumps(with_checksum(values)))


def forge_segment(file: Path, change: Callable[[bytearray], None]) -> None:
    """Change what tantivy wrote, and give it the right CRC-32."""
    content = file.read_bytes()
    length = int.from_bytes(content[-8:-4], "little")
    body = bytearray(content[: -8 - length])
    change(body)
    footer = {**json.loads(content[-8 - length : -8]), "crc": zlib.crc32(body)}
    text = json.dumps(footer, separators=(",", ":")).encode()
    file.write_bytes(bytes(body) + text + len(text).to_bytes(4, "little") + content[-4:])


@pytest.mark.parametrize("seed", range(3))
def test_forged_segments_end_no_process(example: Path, seed: int) -> None:
    choose = random.Random(seed)  # noqa: S311 - places, not secrets

    def scramble(body: bytearray) -> None:
        for _ in range(min(8, len(body))):
            body[choose.randrange(len(body))] = choose.choice((0, 255, choose.randrange(256)))

    for kind in ("term", "idx", "pos"):
        for file in (example / "lexical").glob(f"*.{kind}"):
            forge_segment(file, scramble)
    relist_lexical(example)
    *said, verified = asked(example)
    assert verified in ("sound", "damaged")
    assert len(said) <= 1


def test_a_segment_that_ends_a_process_is_named_and_made_again(example: Path) -> None:
    expected = answers(example)
    for file in (example / "lexical").glob("*.term"):
        forge_segment(file, lambda body: body.__setitem__(slice(0, None), b"\xff" * len(body)))
    relist_lexical(example)
    (problem,) = es.verify(example).problems
    assert (problem.part, problem.derived) == ("lexical", True)
    assert answers(example) == expected
    assert es.verify(example).sound


def answers(path: Path) -> list[tuple[str, float]]:
    with es.open(path) as ws:
        hits = [hit for mode in ("auto", "lexical") for hit in ws.search("galaxy", mode=mode)]
        return [(hit.id, hit.score) for hit in hits]


def test_lengths_of_another_index_change_no_score(example: Path) -> None:
    with es.open(example, "w") as ws:
        ws.add([es.Document("long", "galaxy " * 300)])
        ws.index()
        changed = lengths(example)
        ws.delete(["long"])
    expected = answers(example)
    for file in (example / "lexical").glob("*.fieldnorm"):
        other = max((text for name, text in changed.items() if name != file.name), key=len)
        if file.read_bytes() != other:
            file.write_bytes(other)
            break
    assert [problem.part for problem in es.verify(example).problems] == ["lexical"]
    assert answers(example) == expected


def lengths(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.glob("lexical/*.fieldnorm")}


def test_the_list_of_tantivy_removes_nothing_outside(example: Path) -> None:
    victim = example.with_name("thesis.txt")
    victim.write_text("precious")
    managed = example / "lexical" / ".managed.json"
    for names in (["../../thesis.txt"], [str(victim)], {"a": 1}, [1]):
        managed.write_text(json.dumps(names))
        assert [problem.part for problem in es.verify(example).problems] == ["lexical"]
        with es.open(example, "w") as ws:
            ws.add([es.Document(f"new {len(str(names))}", "galaxy")])
            assert ws.search("galaxy")
            ws.index()
        assert victim.read_text() == "precious"


def forge_index(example: Path, index: Any, name: str = "words.faiss") -> None:
    """Put an index of FAISS in the place of one of ours, with all checksums."""
    folder = example / "generations" / "0001"
    old = index_files.read_index_file(folder / name, verify=False)
    assert old is not None
    description = {**old.description, "total": int(index.ntotal), "count": int(index.ntotal)}
    digest = index_files.write_index_file(
        folder / name, lambda path: faiss.write_index(index, str(path)), description, {}
    )
    index_files.TRUSTED.clear()
    word_index = {**json.loads((folder / "manifest.json").read_text())["word_index"]}
    relist(folder, word_index={**word_index, "digest": digest})


def on_disk(lists: Path, d: int) -> Any:
    """Make an index whose lists are in another file."""
    X = np.random.default_rng(0).standard_normal((100, d)).astype(np.float32)
    index = faiss.index_factory(d, "IVF4,Flat", faiss.METRIC_INNER_PRODUCT)
    index.train(X)
    index.add(X)
    outside = faiss.OnDiskInvertedLists(4, index.code_size, str(lists))
    for number in range(4):
        size = index.invlists.list_size(number)
        ids, codes = index.invlists.get_ids(number), index.invlists.get_codes(number)
        outside.add_entries(number, size, ids, codes)
    index.replace_invlists(outside, False)
    index.referenced_objects = [outside]
    return index


def test_an_index_that_names_a_file_opens_none(example: Path, tmp_path: Path) -> None:
    lists = tmp_path / "lists"
    forge_index(example, on_disk(lists, 4))
    victim = lists
    victim.write_text("precious")
    (problem,) = es.verify(example).problems
    assert problem.path == "generations/0001/words.faiss"
    with es.open(example) as ws, pytest.raises(es.WorkspaceDamagedError, match=r"words\.faiss"):
        ws.words.most_similar("galaxy")
    said = asked(example)
    assert said[-1] == "damaged"
    assert "words.faiss" in said[0]
    assert victim.read_text() == "precious"
    assert es.repair(example).remaining == []
    with es.open(example) as ws:
        assert ws.words.most_similar("galaxy")


def graph(d: int) -> Any:
    index = faiss.IndexHNSWFlat(d, 8, faiss.METRIC_INNER_PRODUCT)
    index.add(np.random.default_rng(0).standard_normal((100, d)).astype(np.float32))
    links = faiss.vector_to_array(index.hnsw.neighbors)
    links[links >= 0] = 2**30
    faiss.copy_array_to_vector(links, index.hnsw.neighbors)
    return index


def lists_beyond(d: int) -> Any:
    X = np.random.default_rng(0).standard_normal((100, d)).astype(np.float32)
    index = faiss.index_factory(d, "IVF4,Flat", faiss.METRIC_INNER_PRODUCT)
    index.train(X)
    index.add_with_ids(X, np.arange(100) + 10**12)
    return index


@pytest.mark.parametrize("make", [graph, lists_beyond])
def test_an_index_that_leads_out_of_itself_is_refused(
    example: Path, make: Callable[[int], Any]
) -> None:
    forge_index(example, make(4))
    said = asked(example)
    assert said[-1] == "damaged"
    assert "words.faiss" in said[0]


@pytest.mark.parametrize("seed", range(2))
def test_scrambled_indexes_end_no_process(example: Path, seed: int) -> None:
    choose = random.Random(seed)  # noqa: S311 - places, not secrets
    folder = example / "generations" / "0001"
    old = index_files.read_index_file(folder / "words.faiss", verify=False)
    assert old is not None
    body = bytearray((folder / "words.faiss").read_bytes()[: old.description["faiss_size"]])
    for _ in range(3):
        body[choose.randrange(120)] = choose.choice((0, 255, 127, choose.randrange(256)))
    digest = index_files.write_index_file(
        folder / "words.faiss", lambda path: path.write_bytes(body) and None, old.description, {}
    )
    index_files.TRUSTED.clear()
    manifest = json.loads((folder / "manifest.json").read_text())
    relist(folder, word_index={**manifest["word_index"], "digest": digest})
    assert asked(example)[-1] in ("sound", "damaged")


def test_what_is_known_is_not_read_apart_again(
    example: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    read: list[str] = []
    fault_of = apart.fault_of

    def counting(kind: str, path: Path) -> str | None:
        read.append(path.name)
        return fault_of(kind, path)

    monkeypatch.setattr(apart, "fault_of", counting)

    def use(path: Path) -> list[str]:
        index_files.TRUSTED.clear()
        read.clear()
        with es.open(path) as ws:
            ws.search("galaxy")
            ws.words.most_similar("galaxy")
        return sorted(read)

    assert use(example) == ["lexical", "words.faiss"]
    assert use(example) == []
    # What this user has written is known, whatever was done.
    with es.open(example, "w") as ws:
        ws.add([es.Document("new", "galaxy comet")])
        ws.search("galaxy")
        ws.index(refit=True)
    assert use(example) == []
    with es.open(example, "w") as ws:
        ws.delete(["new"])
        ws.compact()
        ws.backup(tmp_path / "a.backup")
    assert use(example) == []
    copy = tmp_path / "moved.es"
    example.rename(copy)
    assert use(copy) == ["lexical", "words.faiss"]
    assert use(copy) == []
    # Readers of several generations do not undo what the others note; the oldest go.
    for number in range(20):
        trust.mark_trusted(Layout(copy), "words", f"generation {number}")
    index_files.TRUSTED.clear()
    known = [
        trust.is_trusted(Layout(copy), "words", f"generation {number}") for number in range(20)
    ]
    assert known == [False] * 4 + [True] * 16
    # Where nothing can be noted, all works, too.
    state = tmp_path / "state" / "embedsearch"
    shutil.rmtree(state)
    state.write_text("in the way")
    assert use(copy) == use(copy) == ["lexical", "words.faiss"]
    assert trust.is_trusted(Layout(copy), "words", "another") is False

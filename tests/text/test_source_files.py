from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, strategies as st

from embedsearch._errors import ParameterError, SourceError, SourceNotFoundError
from embedsearch._progress import SilentProgress
from embedsearch._types import Document
from embedsearch.text.source_files import Glob, Source, SourcedDocument, find_files, unreadable
from embedsearch.text.source_stream import Notices, ReadDocument


def test_what_the_system_refuses_is_said_clearly() -> None:
    denied = unreadable("a.txt", PermissionError(errno.EACCES, "Permission denied"))
    assert str(denied) == "a.txt: no permission to read it; change its mode, or leave it out"
    assert isinstance(unreadable("a", FileNotFoundError(errno.ENOENT, "")), SourceNotFoundError)
    assert str(unreadable("a", OSError(errno.EIO, "Input/output error"))).endswith(
        "cannot be read: Input/output error"
    )
    assert isinstance(denied, SourceError)


NAMES = st.text("ab.-[]", min_size=1, max_size=4)


@given(st.lists(NAMES, min_size=1, max_size=3), NAMES)
def test_a_pattern_for_names_agrees_with_pathlib(folders: list[str], start: str) -> None:
    path = "/".join([*folders, start + "x"])
    for glob in ("*x", "?x", "a*", "[ab]*", "[!a]?x"):
        name = PurePosixPath(path).name
        assert Glob(glob).matches(path) == PurePosixPath("/", name).match(glob)


def fits(glob: str, path: str) -> bool:
    """Match by trying every way, one after another."""
    if not glob:
        return not path
    if glob.startswith("**/"):
        ends = (i for i, letter in enumerate(path) if letter == "/" and i)
        return fits(glob[3:], path) or any(
            fits(glob[3:], path[i + 1 :]) for i in ends if "//" not in "/" + path[: i + 1]
        )
    if glob.startswith("**"):
        return any(fits(glob[2:], path[i:]) for i in range(len(path) + 1))
    if glob[0] == "*":
        name = path.partition("/")[0]
        return any(fits(glob[1:], path[i:]) for i in range(len(name) + 1))
    return bool(path) and (glob[0] == path[0] or (glob[0] == "?" and path[0] != "/")) and fits(
        glob[1:], path[1:]
    )  # fmt: skip


@given(
    st.text("ab/*?", max_size=9).filter(lambda glob: "***" not in glob), st.text("ab/", max_size=8)
)
def test_a_pattern_of_paths_agrees_with_trying_every_way(glob: str, path: str) -> None:
    assert Glob(f"/{glob}").matches(f"/{path}") == fits(f"/{glob}", f"/{path}")


def test_brackets_of_a_pattern() -> None:
    for glob, path, fitting in [
        ("[]x]", "]", True), ("[!a]", "a", False), ("[!a]", "b", True), ("[a", "[a", True),
        ("[^a]", "^", True), ("[a-c]x", "bx", True), ("[\\\\]", "\\", True), ("[!]", "[!]", True),
    ]:  # fmt: skip
        assert Glob(glob).matches(path) == fitting, glob
    with pytest.raises(ParameterError, match="glob must be a pattern of paths"):
        Glob("[z-a]")
    with pytest.raises(ParameterError, match="at most 4,096 characters"):
        Glob("*" * 5000)


def test_many_stars_take_no_longer_than_few() -> None:
    # A regular expression would try 10**40 ways.
    assert not Glob("*a" * 40 + "b").matches("a" * 250)
    assert Glob("**/*a" * 20 + "*").matches("a/" * 30 + "a" * 100)


def _bases(path: Path, folder: Path) -> list[str]:
    files = find_files([folder], "*").files
    return next(list(file.source.bases()) for file in files if file.path == path)


def test_a_file_is_called_by_its_folder_and_then_by_more_of_its_path(tmp_path: Path) -> None:
    path = tmp_path / "p" / "docs" / "a" / "b.txt"
    path.parent.mkdir(parents=True)
    path.touch()
    bases = _bases(path, tmp_path / "p" / "docs")
    assert bases[:2] == ["docs/a/b.txt", "p/docs/a/b.txt"]
    assert bases[-1] == str(path.resolve())
    assert len(set(bases)) == len(bases)
    (own,) = find_files([path], "*").files
    assert list(own.source.bases())[:2] == ["b.txt", "a/b.txt"]
    assert own.source.path == str(path.resolve())


def test_what_a_folder_is_called_by_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "docs" / "a.txt"
    path.parent.mkdir()
    path.touch()
    (tmp_path / "link").symlink_to("docs")
    monkeypatch.chdir(path.parent)
    for name in (".", "../docs/", "../link", str(path.parent)):
        (file,) = find_files([name], "*").files
        assert (file.source.base, file.source.path) == ("docs/a.txt", str(path.resolve()))


def test_the_key_of_a_document_is_its_id_or_its_place() -> None:
    source = Source("/p/f.zip", "f.zip", "f.zip", ("/", "p"))
    found = {
        ("a", 3, ""): ("a", ["a", "f.zip:a", "p/f.zip:a", "/p/f.zip:a"]),
        ("", 3, ""): (":3", ["f.zip:3", "p/f.zip:3", "/p/f.zip:3"]),
        ("", 0, ""): ("", ["f.zip", "p/f.zip", "/p/f.zip"]),
        ("", 0, "in/a.txt"): ("in/a.txt", ["f.zip/in/a.txt", "p/f.zip/in/a.txt"]),
        ("", 3, "in/a.txt"): ("in/a.txt:3", ["f.zip/in/a.txt:3", "p/f.zip/in/a.txt:3"]),
        ("a", 3, "in/a.csv"): ("in/a.csv::a", ["a", "f.zip/in/a.csv:a"]),
        (":3", 3, ""): (":::3", [":3", "f.zip::3"]),
    }
    for (id, number, member), (key, ids) in found.items():
        arrival = SourcedDocument(ReadDocument(Document(id, "text"), "row", number, member), source)
        assert arrival.key == key
        assert list(arrival.ids())[: len(ids)] == ids
        assert arrival.first_id() == ids[0]


def test_notes_of_one_kind_are_said_three_times_and_then_counted() -> None:
    progress = SilentProgress()
    notices = Notices(progress)
    for number in range(1500):
        notices.few("read as Latin", f"{number}.txt", "read as Latin")
        notices.once(f"{number}.txt", "the text is in 'body'")
        notices.empty("row")
    notices.close()
    assert progress.notes == [
        "0.txt: read as Latin", "0.txt: the text is in 'body'", "1.txt: read as Latin",
        "2.txt: read as Latin", "1,497 more files read as Latin (all: --all-notes)",
        "left out 1,500 rows without text",
    ]  # fmt: skip


def test_a_workspace_is_no_source(
    put: Callable[[str, str], Path], read: Callable[..., list[Document]]
) -> None:
    for name in ("workspace.json", "documents.sqlite", "notes.txt"):
        put(f"my.es/{name}", "text")
    with pytest.raises(SourceError, match="is a workspace"):
        read("my.es")

"""ZIP and tar archives: read as folders, within bounds, and nothing is ever unpacked to a disk."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

import embedsearch as es
from embedsearch._progress import SilentProgress
from embedsearch._types import Document
from embedsearch.text.archives import members
from embedsearch.text.byte_streams import read_up_to
from embedsearch.text.settings import ReadSettings
from embedsearch.text.source_stream import SourceStream
from embedsearch.text.sources import SourceReader

Read = Callable[..., list[Document]]
Put = Callable[[str, str | bytes], Path]

FILES = {
    "a.txt": b"First text.",
    "deep/b.csv": b"id,text\nb1,Second text\nb2,Third text\n",
    "deep/c.md": b"# Head\n\nFourth text.",
    "../../out.txt": b"Fifth text.",
    "/srv/root.txt": b"Sixth text.",
    ".hidden": b"no",
    "__MACOSX/a.txt": b"no",
    "deep/.DS_Store": b"no",
}


def zipped(files: Mapping[str, bytes], pack: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", pack) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def tarred(files: Mapping[str, bytes], mode: str = "w:gz") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


PACKED = {
    "x.zip": zipped(FILES),
    "x.tar": tarred(FILES, "w:"),
    "x.tar.gz": tarred(FILES),
    "x.tgz": tarred(FILES),
    "x.tar.bz2": tarred(FILES, "w:bz2"),
    "x.tar.xz": tarred(FILES, "w:xz"),
    "nameless-zip": zipped(FILES, zipfile.ZIP_STORED),
    "nameless-tar": tarred(FILES),
}


def opened(data: bytes) -> SourceStream:
    return SourceStream("x", io.BytesIO(data))


def left_out(path: Path, **settings: object) -> tuple[list[str], list[str]]:
    """Return the texts of a source, and what was left out of it."""
    reading = SourceReader([path], ReadSettings(**settings), SilentProgress())  # type: ignore[arg-type]
    texts = [arrival.document.text for arrival in reading]
    return texts, [f"{each.file}: {each.reason}" for each in reading.left_out]


@pytest.mark.parametrize("name", PACKED)
def test_an_archive_is_read_as_a_folder(put: Put, read: Read, name: str) -> None:
    put(f"box/{name}", PACKED[name])
    texts = [
        "First text.",
        "Second text",
        "Third text",
        "Fourth text.",
        "Fifth text.",
        "Sixth text.",
    ]
    found = read(f"box/{name}")
    assert [document.text for document in found] == texts
    ids = [f"{name}/a.txt", "b1", "b2", f"{name}/deep/c.md", f"{name}/../../out.txt"]
    assert [document.id for document in found[:5]] == ids
    assert not Path("/srv/root.txt").exists()
    assert [document.text for document in read("box")] == texts
    assert [document.text for document in read(f"box/{name}", glob="*.md")] == ["Fourth text."]


def test_what_cannot_be_read_in_an_archive_is_left_out(put: Put) -> None:
    files = {
        "ok.txt": b"Kept.",
        "broken.jsonl": b'{"text": "one"}\n{broken\n',
        "inner.zip": zipped({"x.txt": b"inner"}),
        "picture.png": b"\x89PNG\r\n" + bytes(50),
    }
    texts, said = left_out(put("x.zip", zipped(files)))
    assert texts == ["Kept.", "one"]
    assert [each.rpartition("/")[2].partition(":")[0] for each in said] == [
        "broken.jsonl",
        "inner.zip",
        "picture.png",
    ]
    assert "archive in an archive" in said[1]


def test_a_backup_among_texts_is_left_out_as_a_whole(put: Put) -> None:
    head = b'{"format": 1, "kind": "embedsearch backup", "files": {}}'
    parts = {"backup.json": head, "generations/0001/terms.txt": b"cow goat"}
    put("box/my.backup", tarred(parts, "w:"))
    put("box/other.tar", tarred({"backup.json": b'{"text": "mine"}', "a.txt": b"words"}, "w:"))
    texts, said = left_out(put("box/my.backup.gz", tarred(parts)).parent)
    assert sorted(texts) == ["mine", "words"]
    assert [each.partition("box/")[2] for each in said] == [
        f"my.backup{packed}: is a backup of a workspace, not text" for packed in ("", ".gz")
    ]


def test_an_archive_is_told_from_documents_that_are_zip_files(put: Put, read: Read) -> None:
    body = '<w:document xmlns:w="w"><w:p><w:r><w:t>In Word</w:t></w:r></w:p></w:document>'
    word = {"[Content_Types].xml": b"<Types/>", "word/document.xml": body.encode()}
    stored = zipped(
        {"word/a.txt": b"A", "b.docx": zipped(word), "mimetypes.txt": b"M"}, zipfile.ZIP_STORED
    )
    put("x.zip", stored)
    put("nameless", stored)
    for name in ("x.zip", "nameless"):
        assert [found.text for found in read(name)] == ["A", "In Word", "M"]
    sheet = b"<sheetData>" + b"<row><c><v>1</v></c></row>" * 50_000 + b"</sheetData>"
    # openpyxl writes the list of types last.
    workbook = {"docProps/app.xml": b"", "xl/worksheets/sheet1.xml": sheet, "xl/workbook.xml": b""}
    book = zipped({**workbook, "[Content_Types].xml": b"<Types/>"}, zipfile.ZIP_STORED)
    for name in ("book.xlsx", "book"):
        with pytest.raises(es.SourceFormatError, match="such as a spreadsheet"):
            left_out(put(name, book))


def test_links_and_devices_in_a_tar_are_left_out(put: Put) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for kind, target in ((tarfile.SYMTYPE, "/etc/passwd"), (tarfile.FIFOTYPE, "")):
            info = tarfile.TarInfo(f"odd{kind!r}.txt")
            info.type, info.linkname = kind, target
            archive.addfile(info)
        info = tarfile.TarInfo("ok.txt")
        info.size = 2
        archive.addfile(info, io.BytesIO(b"ok"))
    texts, said = left_out(put("x.tar", out.getvalue()))
    assert texts == ["ok"]
    assert len(said) == 2
    assert all("a link or a device" in each for each in said)


def test_what_came_before_the_fault_is_kept(put: Put) -> None:
    many = {f"{i}.txt": f"text {i}".encode() * 50 for i in range(20)}
    put("box/x.tar.gz", tarred(many)[:-60])
    put("box/y.tar", tarred(many, "w:")[:6_000])
    texts, said = left_out(put("box/ok.txt", "ok").parent)
    assert 2 < len(texts) < 42
    assert len(said) == 2
    assert all("before it are kept" in each or "cut short" in each for each in said)


def test_a_tar_that_ends_within_a_file_is_left_out_from_there(put: Put) -> None:
    whole = tarred({"a.txt": b"first", "b.txt": b"second " * 1_000, "c.txt": b"third"}, "w:")
    put("box/a.tar", whole[:3_000])
    texts, said = left_out(put("box/ok.txt", "ok").parent)
    assert texts == ["first", "ok"]
    assert "a.tar/b.txt: is damaged or cut short" in said[0]
    assert "a.tar: the tar archive is damaged or cut short" in said[1]


def test_bombs_end_with_a_reason(put: Put) -> None:
    texts, said = left_out(put("a.zip", zipped({"a.txt": b"kept", "bomb.txt": bytes(1 << 27)})))
    assert texts == ["kept"]
    assert "bomb.txt" in said[0]
    for kind, packed in (("zip", zipped(many := {f"{i}": bytes(400_000) for i in range(9)})),
                         ("tar", tarred(many))):  # fmt: skip
        with pytest.raises(es.SourceFormatError, match="unpacks to far more"):
            _ = [read_up_to(stream, 1 << 20) for _, stream in members(opened(packed), kind, 9_000)]


def test_headers_that_claim_gigabytes_are_refused(put: Put) -> None:
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 1 << 33
    with pytest.raises(es.SourceError, match="damaged or cut short"):
        left_out(put("x.tar", info.tobuf(tarfile.PAX_FORMAT) + bytes(1 << 20)))


def test_a_zip_that_lies_about_its_parts_is_refused(put: Put) -> None:
    whole = zipped({"a.txt": b"text"})
    end = whole.index(b"PK\5\6")
    lie = whole[: end + 8] + b"\xff\xff\xff\xff" + b"\xff\xff\xff\x7f" + whole[end + 16 :]
    with pytest.raises(es.SourceError):
        left_out(put("x.zip", lie))
    with pytest.raises(es.SourceError, match="damaged"):
        left_out(put("y.zip", b"PK\3\4" + bytes(100)))

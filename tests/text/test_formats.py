"""What a file is, by its name and its first bytes: literal bytes, and what is read of them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from embedsearch._errors import SourceFormatError
from embedsearch._types import Document

Read = Callable[..., list[Document]]
Put = Callable[[str, str | bytes], Path]

MAIL = b"Message-ID: <1@x>\nFrom: Ann <a@x>\nSubject: Greeting\n\nThe cow says hello.\n"
LETTER = b"From: Ann\nTo: Bob\nSubject: Greeting\n\nThe cow says hello.\n"
HTML = b"<!DOCTYPE html><title>Cows</title><body><p>The cow &amp; the calf.</p></body>"
WIKI = (
    b"<mediawiki><page><title>Cow</title><ns>0</ns><id>7</id><revision>"
    b"<text>The '''cow''' in the barn.</text></revision></page></mediawiki>"
)


def zipped(*parts: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in parts:
            archive.writestr(name, content)
    return out.getvalue()


DOCX = zipped(
    ("[Content_Types].xml", b"<Types/>"),
    (
        "word/document.xml",
        b'<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
        b"<w:body><w:p><w:r><w:t>The cow in Word.</w:t></w:r></w:p></w:body></w:document>",
    ),
)


@pytest.mark.parametrize(
    ("name", "data", "texts"),
    [
        # The ending of the name decides, where there is one that we know.
        ("a.txt", b'{"text": "x"}', ['{"text": "x"}']),
        ("a.TXT", b"<html>no tags</html>", ["<html>no tags</html>"]),
        ("a.jsonl", b'{"text": "one"}\n{"text": "two"}\n', ["one", "two"]),
        ("a.ndjson", b'{"text": "one"}\n{"text": "two"}\n', ["one", "two"]),
        ("a.json", b'[{"text": "one"}, {"text": "two"}]', ["one", "two"]),
        ("a.csv", b"id,text\n1,one\n2,two\n", ["one", "two"]),
        ("a.tsv", b"id\ttext\n1\tone\n2\ttwo\n", ["one", "two"]),
        ("a.tab", b"id\ttext\n1\tone\n2\ttwo\n", ["one", "two"]),
        ("a.markdown", b"A *cow* here.\n", ["A cow here."]),
        ("a.htm", HTML, ["The cow & the calf."]),
        ("a.eml", MAIL, ["The cow says hello."]),
        ("a.docx", DOCX, ["The cow in Word."]),
        # Without one, the first bytes do.
        ("mail", MAIL, ["The cow says hello."]),
        ("letter", LETTER, ["The cow says hello."]),
        ("box", b"From ann@x Mon Jan  1 00:00:00 2024\n" + MAIL + b"\n", ["The cow says hello."]),
        ("page.xml", HTML, ["The cow & the calf."]),
        ("page", HTML.replace(b"DOCTYPE", b"doctype"), ["The cow & the calf."]),
        ("dump.xml", WIKI, ["The cow in the barn."]),
        ("dump", b"\xef\xbb\xbf \n" + WIKI, ["The cow in the barn."]),
        ("word", DOCX, ["The cow in Word."]),
        ("lines", b'{"text": "one"}\n{"text": "two"}\n', ["one", "two"]),
        ("lines.data", b'\xef\xbb\xbf{"text": "one"}\n', ["one"]),
        # What only looks like something else is text.
        ("braces", b"{ a set of words }", ["{ a set of words }"]),
        ("number", b"12\n", ["12\n"]),
        ("note", b"From: the start\nto the end of it.", ["From: the start\nto the end of it."]),
        ("memo", b"Subject: cows\n\nHello.", ["Subject: cows\n\nHello."]),
        ("less", b"<3 cows and <b>more", ["<3 cows and <b>more"]),
        ("tag", b"<htmlx> is no tag", ["<htmlx> is no tag"]),
    ],
)
def test_a_file_is_what_its_name_or_its_beginning_says(
    name: str, data: bytes, texts: list[str], put: Put, read: Read
) -> None:
    put(name, data)
    assert [document.text for document in read(name)] == texts


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"\x89PNG\r\n\x1a\n" + b"x" * 99, "a PNG image"),
        (b"\xff\xd8\xff\xe0" + b"x" * 99, "a JPEG image"),
        (b"GIF89a" + b"x" * 99, "a GIF image"),
        (b"\x7fELF\x02\x01", "a program"),
        (b"SQLite format 3\x00", "an SQLite database"),
        (b"{\\rtf1 cows}", "a document in RTF"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 9, "an old Office document"),
        (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
        (b"Rar!\x1a\x07", "a RAR archive"),
        (b"\x93NUMPY\x01\x00", "a NumPy array"),
        (b"a cow\0 and a calf", "a binary file"),
        (b"cow \x01\x02\x03", "a binary file"),
    ],
)
def test_what_is_no_text_is_called_by_its_name(
    data: bytes, what: str, put: Put, read: Read
) -> None:
    for name in ("data", "data.txt"):
        put(name, data)
        with pytest.raises(SourceFormatError, match=what):
            read(name)


def test_a_few_stray_controls_are_still_text(put: Put, read: Read) -> None:
    for controls, kept in ((2, True), (3, False)):
        put("a.txt", b"\x01" * controls + b"x" * (100 - controls))
        if kept:
            assert len(read("a.txt")) == 1
        else:
            with pytest.raises(SourceFormatError, match="binary"):
                read("a.txt")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
def test_text_in_wide_characters_is_no_binary_file(encoding: str, put: Put, read: Read) -> None:
    text = "Die Kühe stehen auf der Wiese. " * 20
    put("a.txt", text.encode(encoding))
    assert [document.text.strip() for document in read("a.txt", encoding=encoding)] == [
        text.strip()
    ]


def test_a_zip_is_an_archive_unless_it_is_a_document(put: Put, read: Read) -> None:
    put("some.zip", zipped(("a.txt", b"one"), ("b/c.txt", b"two")))
    put("unnamed", zipped(("a.txt", b"one"), ("b/c.txt", b"two")))
    for name in ("some.zip", "unnamed"):
        assert [document.text for document in read(name)] == ["one", "two"]
    sheet = zipped(("[Content_Types].xml", b""), ("xl/workbook.xml", b""))
    for name in ("cows.xlsx", "cows"):
        put(name, sheet)
        with pytest.raises(SourceFormatError, match="spreadsheet"):
            read(name)
    put("plain.docx", zipped(("word/other.xml", b"")))
    with pytest.raises(SourceFormatError):
        read("plain.docx")


def test_the_format_that_is_given_goes_before_name_and_beginning(put: Put, read: Read) -> None:
    put("a.csv", b'{"text": "one"}\n{"text": "two"}\n')
    assert [d.text for d in read("a.csv", format="jsonl")] == ["one", "two"]
    put("mail.txt", MAIL)
    assert [d.text for d in read("mail.txt", format="eml")] == ["The cow says hello."]
    (plain,) = read("mail.txt", format="text")
    assert plain.text.startswith("Message-ID:")

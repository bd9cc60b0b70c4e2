"""A book is its chapters, in reading order."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

import embedsearch as es
from embedsearch._progress import SilentProgress
from embedsearch._types import Document

Read = Callable[..., list[Document]]


Put = Callable[[str, str | bytes], Path]


def zipped(parts: Mapping[str, str | bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in parts.items():
            file.writestr(name, data)
    return out.getvalue()


def epub(**others: str | bytes) -> bytes:
    return zipped(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": '<container><rootfiles><rootfile full-path="O/b.opf"/>'
            "</rootfiles></container>",
            "O/b.opf": '<package xmlns:dc="d"><metadata><dc:title>The Book</dc:title><dc:creator>'
            "Ada</dc:creator><dc:creator>Bo</dc:creator></metadata><manifest>"
            '<item id="two" href="c%202.xhtml"/><item id="one" href="c1.xhtml"/>'
            '<item id="pic" href="p.xhtml"/></manifest><spine><itemref idref="one"/>'
            '<itemref idref="pic"/><itemref idref="two"/></spine></package>',
            "O/c1.xhtml": "<html><head><title>The Book</title></head><body>Once.</body></html>",
            "O/p.xhtml": "<html><body><img src='x'/></body></html>",
            "O/c 2.xhtml": "<html><body><h1>End</h1><p>Then.</p></body></html>",
            **{name.replace("__", "/"): data for name, data in others.items()},
        }
    )


def test_a_book_is_its_chapters_in_reading_order(put: Put, read: Read) -> None:
    put("b.epub", epub())
    assert [(found.id.partition(":")[2], found.title, found.text) for found in read("b.epub")] == [
        ("1", "The Book", "Once."),
        ("3", "The Book: End", "Then."),
    ]
    assert read("b.epub")[0].metadata == {"author": "Ada; Bo"}


def test_the_chapters_of_a_book_are_xhtml_and_one_may_be_missing(
    put: Put, read: Read, progress: SilentProgress
) -> None:
    page = "<?xml version='1.0' encoding='windows-1251'?><html><head><title/></head>{}</html>"
    spine = epub(**{"O__c1.xhtml": page.format("<body><p>Мир</p></body>").encode("cp1251")})
    put("b.epub", spine.replace(b"O/p.xhtml", b"O/q.xhtml"))
    assert [(found.title, found.text) for found in read("b.epub")] == [
        ("The Book", "Мир"),
        ("The Book: End", "Then."),
    ]
    assert any("b.epub, chapter 2: O/p.xhtml is missing" in note for note in progress.notes)


def test_an_encrypted_book_is_refused(put: Put, read: Read) -> None:
    locked = '<encryption><CipherData><CipherReference URI="O/c1.xhtml"/></CipherData></encryption>'
    put("b.epub", epub(**{"META-INF__encryption.xml": locked}))
    with pytest.raises(es.SourceFormatError, match="encrypted"):
        read("b.epub")

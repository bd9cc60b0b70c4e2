"""Documents of Word and LibreOffice; what cannot be read of any kind is one error."""

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


W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


MC = 'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'


RELS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/'
    'relationships/officeDocument" Target="/word/document.xml"/></Relationships>'
)


CORE = (
    '<cp:coreProperties xmlns:cp="urn:cp" xmlns:dc="http://purl.org/dc/elements/1.1/" '
    'xmlns:dcterms="http://purl.org/dc/terms/"><dc:title>{title}</dc:title>'
    "<dc:creator>Ada</dc:creator><dcterms:created>2020-05-01T10:00:00Z</dcterms:created>"
    "</cp:coreProperties>"
)


def zipped(parts: Mapping[str, str | bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in parts.items():
            file.writestr(name, data)
    return out.getvalue()


def run(text: str, properties: str = "") -> str:
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def paragraph(*runs: str, style: str = "") -> str:
    named = f'<w:pStyle w:val="{style}"/>' if style else ""
    tabs = '<w:tabs><w:tab w:val="left" w:pos="720"/></w:tabs>'
    return f"<w:p><w:pPr>{named}{tabs}</w:pPr>{''.join(runs)}</w:p>"


def docx(body: str, title: str = "", **others: str) -> bytes:
    return zipped(
        {
            "[Content_Types].xml": "<Types/>",
            "_rels/.rels": RELS,
            "word/document.xml": f"<w:document {W} {MC}><w:body>{body}</w:body></w:document>",
            "docProps/core.xml": CORE.format(title=title),
            **{f"word/{name}.xml": data for name, data in others.items()},
        }
    )


WORD_BODY = "".join(
    [
        paragraph(run("The Harbour", "<w:b/>"), style="Title"),
        paragraph(run("Where "), run("boats"), run(" lie")),
        paragraph(
            run("kept"),
            '<w:ins w:id="1">' + run(" and added") + "</w:ins>",
            '<w:del w:id="2"><w:r><w:delText>gone</w:delText></w:r></w:del>',
            run("secret", "<w:vanish/>"),
            run(" seen", '<w:vanish w:val="0"/>'),
        ),
        paragraph("<w:r><w:t>one</w:t><w:tab/><w:t>two</w:t><w:br/><w:t>three</w:t></w:r>"),
        paragraph("<w:r><w:instrText>PAGE \\* MERGEFORMAT</w:instrText></w:r>", run("7")),
        "<w:tbl><w:tr><w:tc><w:p><w:r><w:t>pier</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r>"
        "<w:t>10 m</w:t></w:r></w:p></w:tc></w:tr></w:tbl>",
        "<w:p><w:r><mc:AlternateContent><mc:Choice><w:txbxContent>"
        + paragraph(run("in a box"))
        + "</w:txbxContent></mc:Choice><mc:Fallback><w:txbxContent>"
        + paragraph(run("in a box"))
        + "</w:txbxContent></mc:Fallback></mc:AlternateContent></w:r></w:p>",
    ]
)


def test_word_keeps_what_a_reader_sees(put: Put, read: Read) -> None:
    notes = f"<w:footnotes {W}>{paragraph(run('A note below.'))}</w:footnotes>"
    put("a.docx", docx(WORD_BODY, "Document1", footnotes=notes))
    text = (
        "Where boats lie\nkept and added seen\none two\nthree\n7\npier\n10 m\nin a box\n"
        "A note below."
    )
    (found,) = read("a.docx")
    assert (found.title, found.text) == ("The Harbour", text)
    assert found.metadata == {"author": "Ada", "created": "2020-05-01T10:00:00Z"}
    assert read("a.docx", metadata_columns=("created",))[0].metadata == {
        "created": "2020-05-01T10:00:00Z"
    }


@pytest.mark.parametrize(
    ("title", "style", "expected"), [("Said", "Heading1", "Said"), ("", "Heading1", "First")]
)
def test_the_title_of_word(put: Put, read: Read, title: str, style: str, expected: str) -> None:
    put("a.docx", docx(paragraph(run("First"), style=style) + paragraph(run("Rest")), title))
    assert read("a.docx")[0].title == expected


def test_open_documents(put: Put, read: Read) -> None:
    content = (
        '<office:document-content xmlns:office="o" xmlns:text="t" xmlns:table="b"><office:body>'
        "<office:text><text:tracked-changes><text:p>gone</text:p></text:tracked-changes>"
        "<text:h>The <text:span>Harbour</text:span></text:h><text:p>two<text:s/>words"
        "<office:annotation><text:p>a comment</text:p></office:annotation><text:line-break/>next"
        "<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>a note"
        "</text:p></text:note-body></text:note></text:p><table:table><table:table-row>"
        "<table:table-cell><text:p>pier</text:p></table:table-cell></table:table-row>"
        "</table:table></office:text></office:body></office:document-content>"
    )
    mimetype = "application/vnd.oasis.opendocument.text"
    put("a.odt", zipped({"mimetype": mimetype, "content.xml": content}))
    (found,) = read("a.odt")
    assert found.title == "The Harbour"
    assert found.text == "two words\nnext\na note\npier"


def test_a_subtitle_is_no_title(put: Put, read: Read) -> None:
    below, above = paragraph(run("below"), style="Untertitel"), paragraph(run("T"), style="Titel")
    put("a.docx", docx(paragraph(run("sub"), style="Subtitle") + below + above))
    assert (read("a.docx")[0].title, read("a.docx")[0].text) == ("T", "sub\nbelow")


BOMBS = {
    "laughs.xml": "<!DOCTYPE a [<!ENTITY x '0123456789'><!ENTITY y '&x;&x;&x;'>]><a>&y;</a>",
    "outside.xml": "<!DOCTYPE a SYSTEM 'none.dtd' [<!ENTITY x SYSTEM '{here}'>]><a>&x;safe</a>",
    "deep.xml": "<a>" * 100_000,
    "comment.xml": "<a><!--" + "x" * (1 << 25),
    "declares.xml": f"<!DOCTYPE a [{'<!ATTLIST a b CDATA #IMPLIED>' * 6_000}]><a/>",
    "cut.xml": "<a><p>text</p>",
    "no.docx": "text",
    "no.epub": zipped({"mimetype": "application/epub+zip"}),
    "bomb.docx": docx(f"<w:p>{' ' * (1 << 27)}</w:p>"),
    "old.doc": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
    "sheet.xlsx": zipped({"[Content_Types].xml": "<Types/>", "xl/workbook.xml": "<w/>"}),
    "note.rtf": "{\\rtf1 text}",
    "list.ipynb": "[1, 2]",
    "many.ipynb": "[" * 1_000_001,
    "odd.ipynb": '{"cells": [3]}',
    "no.mbox": "text without mail",
}


@pytest.mark.parametrize("name", BOMBS)
def test_what_cannot_be_read_is_one_clear_error(put: Put, read: Read, name: str) -> None:
    secret = put("secret.txt", "hidden words")
    data = BOMBS[name]
    path = put(name, data.replace("{here}", secret.as_uri()) if isinstance(data, str) else data)
    if name == "outside.xml":
        assert read(name)[0].text == "safe"
        return
    with pytest.raises(es.SourceError) as error:
        read(name)
    assert str(path) in str(error.value)


def test_a_word_document_with_a_password_is_named_as_such(put: Put, read: Read) -> None:
    put("locked.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
    with pytest.raises(es.SourceFormatError, match="needs a password"):
        read("locked.docx")


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

"""Documents of Word, LibreOffice and Jupyter, books, mail, and XML of any vocabulary."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from email.message import EmailMessage
from pathlib import Path
from typing import Any

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


def mail(**headers: str) -> EmailMessage:
    message = EmailMessage()
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    return message


def test_a_mail_is_its_text_with_its_headers(put: Put, read: Read) -> None:
    message = mail(
        Subject="Grüße aus Köln",
        From="Jörg <j@example.org>",
        To="a@example.org",
        Date="Fri, 01 May 2020 10:00:00 +0200",
        Message_ID="<1@example.org>",
    )
    message.set_content("Schöne Grüße!\nFrom here\n> quoted")
    message.add_alternative("<p>Schöne <b>Grüße!</b></p>", subtype="html")
    message.add_attachment(b"%PDF-", maintype="application", subtype="pdf", filename="bild.pdf")
    put("m.eml", message.as_bytes())
    (found,) = read("m.eml")
    assert (found.title, found.text) == (
        "Grüße aus Köln",
        "Schöne Grüße!\nFrom here\n> quoted",
    )
    assert found.metadata == {
        "from": "Jörg <j@example.org>",
        "to": "a@example.org",
        "date": "2020-05-01T10:00:00+02:00",
        "message_id": "1@example.org",
        "attachments": ["bild.pdf"],
    }


def test_a_mail_of_html_alone_and_wrong_charsets(put: Put, read: Read) -> None:
    head = "From: a@b\nSubject: x\nDate: never\nContent-Type: "
    put("a.eml", head + "text/html\n\n<p>One</p><p>two</p>")
    put("b.eml", (head + "text/plain; charset=punycode\n\n").encode() + "café".encode("cp1252"))
    assert [read(name)[0].text for name in ("a.eml", "b.eml")] == ["One\ntwo", "café"]
    assert read("a.eml")[0].metadata == {"from": "a@b"}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_mailbox_is_its_mails(put: Put, read: Read, end: str) -> None:
    box = (
        "From a@b Fri May  1 10:00:00 2020\nFrom: a@b\nSubject: one\nMessage-ID: <1@b>\n\n"
        "Text.\n>From me\nFrom within\n\nFrom c@d Fri May  1 11:00:00 2020\nSubject: two\n\nMore.\n"
    )
    for name in ("box.mbox", "box"):
        put(name, box.replace("\n", end))
        found = read(name)
        assert [(each.title, each.text) for each in found] == [
            ("one", "Text.\nFrom me\nFrom within"),
            ("two", "More."),
        ]
        assert [each.id.rpartition("/")[2] for each in found] == ["1@b", f"{name}:2"]


def test_ids_are_made_for_mails_and_records_of_xml_if_asked(put: Put, read: Read) -> None:
    put("box.mbox", "From a@b Fri May  1 10:00:00 2020\nSubject: x\nMessage-ID: <1@b>\n\nText.\n")
    record = "<a id='{}'><p>one <b>two</b></p><q><r>three</r></q></a>"
    put("a.xml", f"<all>{record.format(7)}{record.format(8)}</all>")
    assert [each.id for each in read("box.mbox", "a.xml")] == ["1@b", "7", "8"]
    made = read("box.mbox", "a.xml", id_column="none")
    assert [each.id for each in made] == ["box.mbox:1", "a.xml:1", "a.xml:2"]


THUNDERBIRD = (
    "From {}\nX-Mozilla-Status: 0001\nFrom: a@b\nSubject: one\nMessage-ID: <1@b>\n\nHello\n\n"
    "From here on we walk.\nMore\n\nFrom {}\nX-Mozilla-Status: 0001\nFrom: c@d\nSubject: two\n\n"
    "Bye\n"
)


@pytest.mark.parametrize(
    "sent", ["", "- Tue Mar 05 10:00:00 2024", "17@xxx Mon Jan 01 12:00:00 +0000 2024"]
)
def test_a_line_of_a_mail_that_begins_with_from_stays(put: Put, read: Read, sent: str) -> None:
    put("Inbox", THUNDERBIRD.format(sent, sent))
    assert [(each.title, each.text) for each in read("Inbox")] == [
        ("one", "Hello\n\nFrom here on we walk.\nMore"),
        ("two", "Bye"),
    ]


def test_one_enormous_mail_does_not_end_a_mailbox(put: Put) -> None:
    to, parts = "someone@example.org, " * 60_000, "--z\nContent-Disposition: attachment\n\nx\n"
    put(
        "box.mbox",
        f"From a@b Fri May  1 10:00:00 2020\nMessage-ID: <{'m' * 9_000}@b>\nTo: {to}\nCc: {to}\n"
        f"Subject: {'long ' * 30_000}\nContent-Type: multipart/mixed; boundary=z\n\n"
        f"{parts * 12_000}--z\n\ntext\n--z--\n\n"
        "From a@b Fri May  1 10:00:00 2020\nSubject: next\n\nmore\n",
    )
    with es.create(put("x", "").parent / "w.es") as ws:
        changes = ws.add_sources(put("x", "").parent / "box.mbox")
        assert (changes.added, changes.left_out) == (2, ())
        assert [ws.documents[id].text for id in ws.documents] == ["text", "more"]


def test_mail_as_programs_write_it(put: Put, read: Read) -> None:
    put("raw.eml", "From: Jürgen <a@b>\nSubject: Grüße\n\nText\n")
    assert (read("raw.eml")[0].title, read("raw.eml")[0].metadata["from"]) == (
        "Grüße",
        "Jürgen <a@b>",
    )
    head = "From: a@b\nSubject: x\nContent-Type: text/plain; charset="
    for charset, codec, text in (
        ("gb2312", "gbk", "朱镕基"), ("iso-8859-1", "cp1252", "“yes” é"),
        ("ks_c_5601-1987", "cp949", "똠방"), ("us-ascii", "utf-8", "“é”"),
    ):  # fmt: skip
        put("a.eml", f"{head}{charset}\n\n".encode() + text.encode(codec))
        assert read("a.eml")[0].text == text
    received = "Received: from x by y\n\tfor <a@b>; Tue, 5 Mar 2024 10:00:00 +0100\n" * 90
    put("1700.M1P1.host,U=1:2,S", f"{received}From: a@b\nSubject: s\n\nbody\n")
    assert [(each.title, each.text) for each in read("1700.M1P1.host,U=1:2,S")] == [("s", "body")]
    put("memo", "From: Bob\nDate: 3 May\nRe: bridges\n\nText")
    assert "Re: bridges" in read("memo")[0].text
    parts = "From: a@b\nSubject: {}\nContent-Type: multipart/{}; boundary=zz\n\n--zz\n{}\n--zz\n{}"
    inner = "Content-Type: message/rfc822\n\nSubject: inner\n\nits text\n--zz--"
    put("forwarded.eml", parts.format("f", "mixed", "\nsee", inner))
    assert read("forwarded.eml")[0].text == "see\ninner\nits text"
    page, dates = "Content-Type: text/html\n\n<p>page</p>", "Content-Type: text/calendar\n\nBEGIN"
    put("invitation.eml", parts.format("i", "alternative", page, dates))
    assert read("invitation.eml")[0].text == "page"
    words = "the boundary of it\n" * 200
    put("words.eml", parts.format("w", "mixed", "\n" + words, "\nlast\n--zz--"))
    assert read("words.eml")[0].text == words + "last"


NOTEBOOK: dict[str, Any] = {
    "nbformat": 4,
    "metadata": {"kernelspec": {"language": "python"}},
    "cells": [
        {"cell_type": "markdown", "source": ["# Tides\n", "\n", "How *high* they are."]},
        {"cell_type": "code", "source": "high = 3", "outputs": [{"text": "printed"}]},
    ],
}


def test_a_notebook_is_its_cells(put: Put, read: Read) -> None:
    put("n.ipynb", json.dumps(NOTEBOOK))
    (found,) = read("n.ipynb")
    assert (found.title, found.text) == ("Tides", "How high they are.\nhigh = 3")
    assert found.metadata == {"language": "python"}
    picture = {"cell_type": "code", "source": "", "outputs": [{"image/png": "A" * (1 << 25)}]}
    put("n.ipynb", json.dumps({**NOTEBOOK, "cells": [*NOTEBOOK["cells"], picture]}))
    assert read("n.ipynb")[0].text == found.text
    cells = [{"cell_type": "heading", "source": "Old"}, {"cell_type": "code", "input": ["x\n"]}]
    put("n.ipynb", json.dumps({"nbformat": 3, "worksheets": [{"cells": cells}]}))
    assert (read("n.ipynb")[0].title, read("n.ipynb")[0].text) == ("Old", "x")


@pytest.mark.parametrize(
    ("xml", "expected"),
    [
        (
            "<doc><title>On &eacute;t&eacute;</title><p>One <b>two</b> three</p>"
            "<p><i>E. coli</i> <b>x</b></p><l><n>a</n><n>b</n></l></doc>",
            [("On été", "One two three\nE. coli x\na\nb")],
        ),
        (
            "<rss><channel><title>News</title><item><title>A</title><description>First text."
            "</description></item><item><title>B</title><description>Second.</description>"
            "<category>x</category></item></channel></rss>",
            [("A", "First text."), ("B", "Second.")],
        ),
        (
            "<feed xmlns='http://www.w3.org/2005/Atom'><entry><id>u1</id><title>A</title><content>"
            "One</content><author><name>Bo</name></author></entry><entry><id>u2</id><content>Two"
            "</content><author><name>Cy</name></author></entry></feed>",
            [("A", "One\nBo"), ("", "Two\nCy")],
        ),
        (
            "<article><front><journal-title>J</journal-title><article-title>On <i>E. coli</i>"
            "</article-title></front><body><sec><title>In</title><p>Hi <xref>1</xref>.</p></sec>"
            "<sec><title>Out</title><p>Bye.</p></sec></body><back/></article>",
            [("On E. coli", "J\nIn\nHi 1.\nOut\nBye.")],
        ),
    ],
)
def test_xml_of_any_vocabulary(
    put: Put, read: Read, xml: str, expected: list[tuple[str, str]]
) -> None:
    put("a.xml", f"<?xml version='1.0'?>{xml}")
    assert [(found.title, found.text) for found in read("a.xml")] == expected


def test_no_text_beside_the_records_of_xml_is_lost_unsaid(
    put: Put, read: Read, progress: SilentProgress
) -> None:
    book = "<book id='b{}'><title>T{}</title><abstract>Of books</abstract></book>"
    put(
        "a.xml",
        "<shelf><info>About it</info>"
        + "".join(book.format(n, n) for n in range(2))
        + "<map><title>M</title><abstract>Of maps</abstract></map>"
        + "<book>Loose <title>T3</title><abstract>Last</abstract> words</book></shelf>",
    )
    found = read("a.xml")
    assert [(each.title, each.text) for each in found] == [
        ("T0", "Of books"),
        ("T1", "Of books"),
        ("M", "Of maps"),
        ("T3", "Last"),
    ]
    assert found[3].metadata == {"book": "Loose words"}
    assert any("left out what is beside its records: <info>" in note for note in progress.notes)
    long = "<r><t>word</t><u>v</u></r>" * 60_000
    put("b.xml", f"<a><rows>{long}</rows><more><p>The rest</p></more></a>")
    assert len(read("b.xml")) == 60_000
    assert any("b.xml: left out what is beside its records: <more>" in n for n in progress.notes)


@pytest.mark.parametrize(
    ("name", "xml", "expected"),
    [
        (
            "feed.rss",
            "<rss xmlns:content='c' xmlns:media='m'><channel><title>News</title><link>x</link>"
            "<description>All</description><image><title>News</title><url>u</url></image>"
            "<item><title>A</title><media:title>A</media:title><guid>g1</guid>"
            "<description>In short</description>"
            "<content:encoded>&lt;p&gt;In &lt;b&gt;full&lt;/b&gt;&lt;/p&gt;</content:encoded>"
            "</item></channel></rss>",
            [("g1", "A", "In full")],
        ),
        (
            "posts.xml",
            "<posts><row Id='4' Title='Why' Body='&lt;p&gt;How so?&lt;/p&gt;'/>"
            "<row Id='5' Body='So.'/></posts>",
            [("4", "Why", "How so?"), ("5", "", "So.")],
        ),
        (
            "fields.xml",
            "<add>"
            + "<doc><field name='id'>s</field><field name='text'>One</field></doc>" * 2
            + "</add>",
            [("s", "", "One"), ("s", "", "One")],
        ),
        (
            "papers.xml",
            "<PubmedArticleSet>"
            + "<PubmedArticle><MedlineCitation><PMID>7</PMID><Article><ArticleTitle>On"
            "</ArticleTitle><Abstract>Of it</Abstract></Article></MedlineCitation></PubmedArticle>"
            * 2
            + "</PubmedArticleSet>",
            [("7", "On", "Of it"), ("7", "On", "Of it")],
        ),
        (
            "endnote.xml",
            "<xml><records>"
            + "<record><titles><title><style face='normal'>On it</style></title></titles>"
            "<abstract><style>Words</style></abstract></record>" * 2 + "</records></xml>",
            [("endnote.xml:1", "On it", "Words"), ("endnote.xml:2", "On it", "Words")],
        ),
        (
            "book.xml",
            "<book><title>B</title>"
            + "<chapter><title>C</title><para>P</para><code>c</code><para>Q</para></chapter>" * 2
            + "</book>",
            [("book.xml:1", "C", "P\nc\nQ"), ("book.xml:2", "C", "P\nc\nQ")],
        ),
        (
            "picture.svg",
            "<?xml version='1.0'?><svg><style>a {b: c}</style><title>T</title><text>Seen</text>"
            "</svg>",
            [("picture.svg", "T", "Seen")],
        ),
        (
            "list.opml",
            "<opml><head><title>Subs</title></head><body><outline text='Of boats'/></body></opml>",
            [("list.opml", "Subs", "Of boats")],
        ),
    ],
)
def test_xml_as_programs_write_it(
    put: Put, read: Read, name: str, xml: str, expected: list[tuple[str, str, str]]
) -> None:
    put(name, xml)
    assert [(each.id, each.title, each.text) for each in read(name)] == expected


def test_xml_that_is_nearly_sound_is_read(put: Put, read: Read) -> None:
    put(
        "a.xml",
        "\n<?xml version='1.0'?><a><p>one \x0b &#x1F; &#55357;&#56832; &#233;&lt;</p>"
        + "<x:b>" + "w&#55357;&#56832;" * 100_000 + "</x:b></a>",
    )  # fmt: skip
    first, last = read("a.xml")[0].text.split("\n")
    assert first == "one \U0001f600 é<"
    assert last == "w\U0001f600" * 100_000


def test_xml_is_read_in_the_encoding_it_declares(put: Put, read: Read) -> None:
    put("a.xml", "<?xml version='1.0' encoding='windows-1251'?><d><p>Мир</p></d>".encode("cp1251"))
    put("b.xml", "<d><p>Мир</p></d>".encode("utf-16"))
    assert [read(name)[0].text for name in ("a.xml", "b.xml")] == ["Мир", "Мир"]


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


def test_a_mail_with_parts_without_end_is_read_all_the_same(put: Put, read: Read) -> None:
    parts = "".join(
        f'Content-Type: multipart/mixed; boundary="b{n}"\n\n--b{n}\n' for n in range(2_000)
    )
    put("deep.eml", f"From: a@b\nSubject: deep\n{parts}\nhello")
    put(
        "wide.eml",
        "Subject: wide\nContent-Type: multipart/mixed; boundary=b\n\n" + "--b\n\nx\n" * 20_000,
    )
    assert "hello" in read("deep.eml")[0].text
    assert read("wide.eml")[0].text.count("x") == 20_000

"""XML of any vocabulary: records, or one text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from embedsearch._progress import SilentProgress
from embedsearch._types import Document

Read = Callable[..., list[Document]]


Put = Callable[[str, str | bytes], Path]


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
    assert any("left out what is between its records: <info>" in note for note in progress.notes)
    long = "<r><t>word</t><u>v</u></r>" * 60_000
    put("b.xml", f"<a><rows>{long}</rows><more><p>The rest</p></more></a>")
    assert len(read("b.xml")) == 60_000
    assert any("b.xml: left out what is between its records: <more>" in n for n in progress.notes)


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

from __future__ import annotations

import bz2
import re
from collections.abc import Callable
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from gensim.corpora.wikicorpus import extract_pages
from gensim.test.utils import datapath

from embedsearch._errors import SourceFormatError
from embedsearch._progress import SilentProgress
from embedsearch._types import Document
from embedsearch.text.readers.mediawiki import plain_text
from embedsearch.text.settings import ReadSettings
from embedsearch.text.sources import read_sources

Read = Callable[..., list[Document]]
Put = Callable[[str, str | bytes], Path]

SHIPPED = datapath("enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2")


def page(title: str, text: str, id_: int = 1, ns: str = "<ns>0</ns>", more: str = "") -> str:
    return (
        f"<page><title>{title}</title>{ns}<id>{id_}</id>{more}<revision><id>99</id>"
        f"<text>{escape(text)}</text></revision></page>"
    )


def dump(*pages: str, version: str = "0.11") -> str:
    space = f"http://www.mediawiki.org/xml/export-{version}/"
    return f'<mediawiki xmlns="{space}"><siteinfo/>{"".join(pages)}</mediawiki>'


@pytest.mark.parametrize("version", ["0.3", "0.11"])
def test_articles_are_read_without_redirects_and_talk(version: str, put: Put, read: Read) -> None:
    pages = [page("Cat", "A '''cat'''.", 7), page("Talk", "No.", 8, "<ns>1</ns>"),
             page("Kitty", "#REDIRECT [[Cat]]", 9, more='<redirect title="Cat"/>'),
             page("Old", "No namespace.", 10, ""), page("Empty", "", 11)]  # fmt: skip
    put("wiki.xml", dump(*pages, version=version))
    assert read("wiki.xml") == [
        Document("7", "A cat.", {}, "Cat"),
        Document("10", "No namespace.", {}, "Old"),
    ]


def test_a_dump_that_is_cut_short_names_its_line(put: Put, read: Read) -> None:
    put("wiki.xml", dump(page("Cat", "A cat.\n" * 5))[:-30])
    with pytest.raises(SourceFormatError, match="line 6: broken XML"):
        read("wiki.xml")


def test_xml_that_is_no_dump_is_an_error(put: Put, read: Read) -> None:
    put("a.xml", "<rss/>")
    with pytest.raises(SourceFormatError, match="XML of <rss>, not a MediaWiki dump"):
        read("a.xml", format="mediawiki")


@pytest.fixture(scope="module")
def shipped() -> list[Document]:
    return list(read_sources([SHIPPED], ReadSettings(), SilentProgress()))


def test_the_dump_that_gensim_ships_has_its_articles(shipped: list[Document]) -> None:
    with bz2.open(SHIPPED) as file:
        pages = list(extract_pages(file, filter_namespaces=("0",)))
    articles = [(i, t) for t, text, i in pages if text and not text.upper().startswith("#REDIRECT")]
    assert [(document.id, document.title) for document in shipped] == articles
    assert len(shipped) == 106
    assert 430_000 < sum(len(document.text.split()) for document in shipped) < 500_000


def test_the_dump_that_gensim_ships_leaves_no_markup(shipped: list[Document]) -> None:
    marks = re.compile(
        r"\{\{|\}\}|\[\[|\]\]|''|^==|^\||<ref|</|(color|style|class|align|span)=|https?:|"
        r"&[a-z]+;|\d+px\b|__[A-Z]|\(\s*\)",
        re.MULTILINE,
    )
    left = [(d.title, m[0]) for d in shipped for m in marks.finditer(d.text)]
    assert not left
    anarchism = shipped[0].text
    assert anarchism.startswith("Anarchism is a political philosophy that advocates self-governed")
    assert "from the Greek ἀναρχία, i.e. anarchy" in anarchism


@pytest.mark.parametrize(
    ("wikitext", "text"),
    [
        ("'''Bold''' and ''italic'' at Ada's", "Bold and italic at Ada's"),
        ("A [[link]], a [[page|label]], [http://x.y word], http://y.z.", "A link, a label, word,"),
        ("One<ref name=a>{{c|x}} see <br/> it</ref> two<ref name=a /> three.", "One two three."),
        ("If 1 < 2 and a > b, <b>then</b> so.", "If 1 < 2 and a > b, then so."),
        ("x<!-- a {{ comment -->y", "xy"),
        ("a {{nested {{template|x}} y}}b {{lang|el|λόγος}} {{convert|5|km|mi}}", "a b λόγος 5 km"),
        ("a {{never closed b", "a never closed b"),
        ("a }} b ]] c", "a b c"),
        ("== Past ==\nText\n* one\n** two\n# three\n: four", "Past\nText\none\ntwo\nthree\nfour"),
        ("[[File:a.jpg|thumb|200px|alt=x|A [[cat|tom cat]] sits]]\nText", "A tom cat sits\nText"),
        ("[[Datei:a.png|mini|200px]]Text", "Text"),
        ("<gallery>\nFile:a.jpg|First ''one''\nb.png|Second\n</gallery>", "First one\nSecond"),
        ("Text\n[[Category:Cats]]\n[[Kategorie:Katzen]]\n[[de:Katze]]", "Text"),
        ("{|class=x\n|+ Name\n! c=d | A !! B\n|-\n| a=b | [[p|q]] || 2\n|}", "Name\nA, B\nq, 2"),
        ("<math>E = mc^2</math>Mass ({{IPA|x}}; ''mass'') ( )", "Mass (mass)"),
        ("__NOTOC__ a&nbsp;&amp; b &lt; c", "a & b < c"),
        ("<syntaxhighlight lang=c>int x;</syntaxhighlight>end", "end"),
    ],
)  # fmt: skip
def test_wikitext_becomes_plain(wikitext: str, text: str) -> None:
    assert plain_text(wikitext) == text

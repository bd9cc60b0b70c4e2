"""HTML becomes what a reader sees, with or without a tree."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from embedsearch._progress import SilentProgress
from embedsearch._types import Document
from embedsearch.text.readers.html import html_text, is_costly, title_and_text

Read = Callable[..., list[Document]]


Put = Callable[[str, str | bytes], Path]


def test_html_keeps_what_a_reader_sees(put: Put, read: Read) -> None:
    put(
        "a.html",
        "<!doctype html><html><head><title>The &eacute;tude</title><style>p {}</style></head><body>"
        "<nav>Home</nav><h1>Big</h1><p>One <b>bo</b>ld\nword&nbsp;&lt;here&gt;<br>new</p>em&shy;bed"
        "<script>alert(1)</script><template>x</template><ul><li>a<li>b</ul>"
        "<pre><i>x\n y</i></pre>m\nn"
        "<table><tr><td>1<td>2</table></body></html>",
    )
    text = "Big\nOne bold word <here>\nnew\nembed\na\nb\nx\ny\nm n\n1 2"
    assert read("a.html") == [Document("a.html", text, {}, "The étude")]


def test_the_first_heading_is_the_title_of_a_page_without_one(put: Put, read: Read) -> None:
    put("a.htm", "<p>before<h1>The <i>head</i></h1>after")
    assert read("a.htm") == [Document("a.htm", "before\nafter", {}, "The head")]


@pytest.mark.parametrize(
    ("meta", "codec", "said"),
    [('<meta charset="windows-1251">', "cp1251", "windows-1251"),
     ('<meta http-equiv=Content-Type content="text/html; charset=Shift_JIS">', "shift_jis",
      "cp932"),
     ("<meta charset=utf-8>", "utf-8", None), ("", "utf-8", None)],
)  # fmt: skip
def test_the_declared_encoding_is_honoured(
    meta: str, codec: str, said: str | None, put: Put, read: Read, progress: SilentProgress
) -> None:
    text = "日本" if codec == "shift_jis" else "Москва"
    put("a.html", f"<html><head>{meta}</head><body>{text}</body></html>".encode(codec))
    assert read("a.html")[0].text == text
    assert bool(progress.notes) == bool(said)
    assert not said or f"read as {said}" in progress.notes[0]


def test_a_wrong_declaration_does_not_spoil_the_text(put: Put, read: Read) -> None:
    german = "Die Straße über den Fluss führt nach Österreich, viele Grüße."
    page = f"<html><head><meta charset=utf-8></head><body>{german}</body></html>"
    put("a.html", page.encode("cp1252"))
    assert read("a.html")[0].text == german


def test_a_page_nested_very_deep_is_read() -> None:
    assert html_text("<div>" * 5000 + "deep" + "</div>" * 5000) == "deep"
    assert html_text("<div>" * 200_000 + "deep" + "</div>" * 200_000) == "deep"


PAGES = [
    "<!doctype html><html><head><title>The &eacute;tude</title><style>p {}</style></head><body>"
    "<nav>Home</nav><h1>Big</h1><p>One <b>bo</b>ld\nword&nbsp;&lt;here&gt;<br>new</p>em&shy;bed"
    "<script>alert('<p>')</script><template>x</template><ul><li>a<li>b</ul><pre><i>x\n y</i></pre>"
    "m\nn<table><tr><td>1<td>2</table></body></html>",
    "<p>before<h1>The <i>head</i></h1>after<h1>second</h1>",
    "<p>a<!-- x > --> b<a title='1 > 2' href=x>c</a><img alt=\"a>b\">d<textarea>t<b></textarea>"
    "<select><option>x</select>e",
    "a < b and c > d <3 </ x>y &#99999999999; &#x110000; &amp;amp;",
    "<svg><title>no</title><text>no</text></svg>z<video>no</video>",
    "<head><meta charset=utf-8><title>T</title><body>B<nav><nav>x</nav>y</nav>z",
]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_read_tag_by_tag_says_what_its_tree_does(page: str) -> None:
    # So many attributes are too much for a tree, and say nothing.
    costly = f"{page}<wbr {' '.join(f'a{i}' for i in range(300))}>"
    assert is_costly(costly) > is_costly(page)
    assert title_and_text(costly) == title_and_text(page)
    assert title_and_text(page)[1]


@given(st.lists(st.from_regex(r"[a-z]{1,5}", fullmatch=True), min_size=1))
def test_paragraphs_come_back_in_order(words: list[str]) -> None:
    assert html_text("".join(f"<p><em>{word}</em></p>" for word in words)) == "\n".join(words)


@given(st.text())
def test_any_text_can_be_read_as_html(text: str) -> None:
    assert "<script" not in html_text(f"<p>{text}<script>x</script>").split()


def test_a_tag_of_xhtml_that_closes_itself_holds_nothing(put: Put, read: Read) -> None:
    xmlns = '<!DOCTYPE html PUBLIC "x" "y"><html xmlns="http://www.w3.org/1999/xhtml">'
    for begin in ('<?xml version="1.0"?><html>', xmlns):
        head = '<head><title/><style/><script src="x"/></head>'
        put("a.xhtml", f"{begin}{head}<body><p>a<br/>b</p><iframe/><select />c</body></html>")
        assert [(page.title, page.text) for page in read("a.xhtml")] == [("", "a\nb\nc")]

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from embedsearch._progress import SilentProgress
from embedsearch._types import Document
from embedsearch.text.reading.flat_html import is_costly
from embedsearch.text.reading.front_matter import front_matter
from embedsearch.text.reading.markup import html_text, title_and_text
from embedsearch.text.reading.values import plain_value

Read = Callable[..., list[Document]]
Put = Callable[[str, str | bytes], Path]

PAGE = """# Growing *beans*

See [the guide](https://example.org/x "t") and ![a green bean](b.png)
for `soil`, **sun** &amp; <b>water</b>.

<!-- not this --><div>A <i>block</i> of HTML</div>

- first
- second

> quoted

| pod | length |
|-----|--------|
| red | 10 cm  |

```python
sow(bean)
```
"""


def test_markdown_loses_its_marks_and_keeps_its_words(put: Put, read: Read) -> None:
    put("beans.md", PAGE)
    assert read("beans.md") == [
        Document(
            "beans.md",
            "See the guide and a green bean\nfor soil, sun & water.\nA block of HTML\n"
            "first\nsecond\nquoted\npod\nlength\nred\n10 cm\nsow(bean)",
            {},
            "Growing beans",
        )
    ]


def test_front_matter_is_title_and_metadata(put: Put, read: Read) -> None:
    front = '---\ntitle: "On: beans"\nyear: 1999\ndraft: false\ntags:\n  - a\nnote: \n---\n'
    put("a.md", front + "# Heading\n\nText.\n\n---\n\nmore")
    facts = {"year": 1999, "draft": False, "tags": plain_value(["a"])}
    assert read("a.md") == [Document("a.md", "Heading\nText.\nmore", facts, "On: beans")]
    assert read("a.md", metadata_columns=("year",))[0].metadata == {"year": 1999}


FACTS: dict[str, tuple[str, dict[str, object]]] = {
    "yaml": (
        "---\n# comment\nog:type: book\n'the key': v\n\ntags: [a, 'b, c', 3, \"d\\u0065\"]\n"
        "list:\n- x\n- y: z\n  more\nobject:\n  k: v\n  deeper:\n    m: 1\n"
        "folded: >\n  long\n  text\nblock: |\n  a\n  b\nplain: first\n  second\nit: 'it''s'\n"
        "odd: [a, [b]]\nurl: http://x.y/z\n--- \n",
        {"og:type": "book", "the key": "v", "tags": ["a", "b, c", 3, "de"],
         "list": ["x", "y: z more"], "object": {"k": "v", "deeper": {"m": 1}},
         "folded": "long text", "block": "a\nb", "plain": "first second", "it": "it's",
         "odd": "[a, [b]]", "url": "http://x.y/z"},
    ),
    "dots": ("\ufeff---\na: b\n...\n", {"a": "b"}),
    "toml": (
        '+++\nname = "X"\ndate = 2020-01-31\ntags = ["a", "b"]\n[extra]\nn = 3\nyes = true\n+++\n',
        {"name": "X", "date": "2020-01-31", "tags": ["a", "b"], "extra.n": 3, "extra.yes": True},
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", FACTS)
def test_lists_objects_and_long_values_of_front_matter_are_read(kind: str) -> None:
    front, facts = FACTS[kind]
    assert front_matter(f"{front}Body\n---\n") == (facts, "Body\n---\n")


@pytest.mark.parametrize(
    "text",
    [
        "---\nFirst slide about bridges\n\n---\nSecond slide about tunnels",
        "---\n---\ntext", "---\n# Heading\n---\ntext", "---\n- a\n- b\n---\ntext",
        "---\nkey: value\nand then a sentence\n---\ntext", "---\nkey: value\nnot closed",
        "---\nA sentence that says one more thing: this\n---\ntext", "---\nkey:value\n---\ntext",
        "---\nkey: value\n- item\n---\ntext", "---\n  indented: first\n---\ntext",
        "+++\na sentence\n+++\ntext", "+++\nkey = [\n1]\n+++\ntext", " ---\nkey: value\n---\nx",
        "---\n" + "key: value\n" * 10_000 + "---\ntext", "---", "",
    ],
)  # fmt: skip
def test_what_is_no_front_matter_stays_text(text: str, put: Put, read: Read) -> None:
    assert front_matter(text) == ({}, text)
    put("a.md", text + "\n\nlast words")
    document = read("a.md")[0]
    assert document.metadata == {}
    left = re.findall(r"\w+", f"{document.title} {document.text}")
    assert sorted(left) == sorted([*re.findall(r"\w+", text), "last", "words"])


@given(st.text(st.sampled_from("ab:- \n'\"[]|>#,{}=+")))
def test_front_matter_never_raises_and_keeps_the_rest(text: str) -> None:
    facts, body = front_matter(f"---\n{text}\n---\nBody")
    assert body.endswith("Body")
    assert facts or body == f"---\n{text}\n---\nBody"


def test_a_long_page_of_markdown_is_read_in_parts_like_a_short_one(put: Put, read: Read) -> None:
    section = (
        "## Part\n\nSee [the *guide*][g] and [b].\n\n- one\n\n  two\n\n- three\n\n"
        "~~~~\ncode\n\n# no heading\n~~~\n~~~~\n\n<!-- a\n\nb -->\n\n> quoted\nlazy\n\n"
    )
    links = "[g]: http://x.y\n[b]: http://x.z 'title'\n"
    put("short.md", section * 2 + links)
    put("long.md", section * 5000 + links)
    short, long = read("short.md")[0], read("long.md")[0]
    unit = short.text.rpartition("Part\n")[2]
    assert unit == (
        "See the guide and b.\none\ntwo\nthree\ncode\n\n# no heading\n~~~\nquoted\nlazy"
    )
    assert long.title == "Part"
    assert long.text == "\nPart\n".join([unit] * 5000)


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

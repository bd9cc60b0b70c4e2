from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedsearch._progress import SilentProgress
from embedsearch._types import Document
from embedsearch.text.reading.markup import html_text

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
    facts = {"year": 1999, "draft": False}
    assert read("a.md") == [Document("a.md", "Heading\nText.\nmore", facts, "On: beans")]
    assert read("a.md", metadata_columns=("year",))[0].metadata == {"year": 1999}


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
     ('<meta http-equiv=Content-Type content="text/html; charset=Shift_JIS">', "shift_jis", "shi"),
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


@given(st.lists(st.from_regex(r"[a-z]{1,5}", fullmatch=True), min_size=1))
def test_paragraphs_come_back_in_order(words: list[str]) -> None:
    assert html_text("".join(f"<p><em>{word}</em></p>" for word in words)) == "\n".join(words)


@given(st.text())
def test_any_text_can_be_read_as_html(text: str) -> None:
    assert "<script" not in html_text(f"<p>{text}<script>x</script>").split()

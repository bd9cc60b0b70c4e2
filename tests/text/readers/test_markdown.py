"""Markdown becomes its words, and its front matter facts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from embedsearch._types import Document
from embedsearch.text.readers.markdown import front_matter
from embedsearch.text.records import plain_value

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

"""Whatever a file or a query holds, reading it ends: inputs that make worse code take hours."""

from __future__ import annotations

import gzip
import io
import json
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from embedsearch.store.rows import MOST_TEXT
from embedsearch.text.source_stream import DOCUMENT_LIMIT

Put = Callable[[str, str | bytes], Path]
Limited = Callable[..., tuple[list[str], int]]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="limits belong to POSIX")

N = 100_000
"""At this size a square takes minutes, a cube years."""
H = 40_000
M = 8_000
"""The same, for what takes more time for each character."""

WIKITEXT = [
    " " * N, "=" + " " * N, "= " * N, "=" * N, "<ref>" * N, "<ref " * N, "<ref>" * N + "</ref>" * N,
    "</ref" + " " * N, "<gallery>" * N, "<gallery>\n" * N + "a|b\n" * N + "</gallery>",
    "<!--" * N, "{{" * N, "{{lang|a" * N + "}}" * N, "[[" * N, "[[a|b" * N + "]]" * N,
    "{|" * N, "{|\n|a" * N + "\n|}" * N, "[[a:b]] " * N + "x", "[http://a" * N, "[//" * N,
    "'" * N, "__A" * N, "( " * N, "(" + " " * N, "x" + " " * N + "x", "* " * N,
    "{|\n|" + "|" * N + "\n|}", '{|\n|' + 'a="b" ' * N + "x\n|}", "{|\n| " + " " * N + "x\n|}",
    "[[File:" + ".jpg " * N + "|x]]", "[[File:a.jpg|" + " " * N + "x]]", "<a" * N,
    "&#" + "1" * N + ";", "&" * N, "|\n" * N,
]  # fmt: skip
HTML = [
    "<div>" * H, "<div>" * H + "</div>" * H, "".join(f"<b a{i}>" for i in range(H)) + "<p>x" * H,
    "<p>" + "".join(f"<b a{i}>" for i in range(60)) + "</p>" + "<p>x" * H,
    "<div><table></div></table>" * H, "<svg>" + "<td></x>" * H, "<ul><li>a" * H,
    "<a " + " ".join(f"a{i}" for i in range(H)) + ">",
    "".join(f"<body a{i}></body>" for i in range(H)), "<a b='" * H, "<!--" * H, "<" * H,
    "<nav>" * H, "<nav>" * H + "</nav>" * H, "<title>" * H, "<script>" * H, "&#" + "1" * H,
]  # fmt: skip
MARKDOWN = [
    "[" * M, "![" * M, "[" * M + "]" * M, "[a](" * M, "*a " * M, "a**b" * M, "_a " * M + "a_ " * M,
    "*_" * M, "`a``b" * M, ">" * M, "- " * M, "- a\n" * M, "[a]: " * M, "<a " * M, "<!--" * M,
    "a <![CDATA[ " * M, "|a" * M + "\n" + "|-" * M + "\n",
    "|a" * 300 + "\n" + "|-" * 300 + "\n|\n" * M,
    "~~a " * M, "> a\n" + "a\n" * M, "---\n" + "a" + " " * N + "x\n---\n", "---\n" + "a: b\n" * N,
    "---\na: [" + "," * 60_000 + "]\n---\n", "---\n" + "a: '" * 15_000 + "\n---\n",
]  # fmt: skip
TEXT: dict[str, list[Any]] = {
    "embedsearch.text.readers.mediawiki:plain_text": WIKITEXT,
    "embedsearch.text.readers.html:html_text": HTML,
    "embedsearch.search.analogy:parse_expression": [
        '"' + "\\a" * N, "'a " * N, "1" * N, "1" + " " * N, '"a" ' * N, "a + " * N, ".1" * N,
    ],
    "embedsearch.store.filter_parser:tokenize": [
        "'" + "''" * 49_000, "1" * 99_000, "a " * 49_000, " " * 99_000, "'" + "\\a" * 49_000,
    ],
    "embedsearch.text.tokenizers:cut_words": [
        "a" + "_" * N, "a-" * N, "a_-" * N, "a." * N, "1," * N, "a" + "\u0301" * N, "\u1000" * N,
        "\u1000" + "\u103b" * N, "\u1000\u1039" * N, "a++" * N, "\u3042" * N, "\u0e40" * N,
    ],
    "embedsearch.search.snippets:promising": [
        (text, {"a": 1.0}) for text in
        ("." + " " * N, "\n " * N, "a. " * N, "\n" + " " * N + "x", ".'" * N, "a" * N)
    ],
    "embedsearch.text.folding:fold": ["\u00ad" * N, "\ufb01" * N, "a\u0301" * N],
}  # fmt: skip


@pytest.mark.parametrize("function", TEXT)
def test_no_text_takes_longer_than_its_length(function: str, limited: Limited) -> None:
    calls = [(function, text) for text in TEXT[function]]
    results, peak = limited(calls, seconds=60)
    assert len(results) == len(calls)
    assert peak < 600 * 2**20


def test_no_query_takes_longer_than_its_length(limited: Limited) -> None:
    queries = ['"' * N, ' "a' * N, "+" * N, " -a" * N, ' "a"b' * N, " a" * N, ' "' + "a " * N]
    results, _ = limited([("parse_query", query) for query in queries])
    assert len(results) == len(queries)


def test_no_page_of_markdown_takes_longer_than_its_length(put: Put, limited: Limited) -> None:
    calls = [
        ("read", str(put(f"{i}.md", "x\n" * (page[0] != "-") + page)))
        for i, page in enumerate(MARKDOWN)
    ]
    results, peak = limited(calls, seconds=60)
    assert len(results) == len(MARKDOWN)
    assert not [result for result in results if "Error" in result and "no text" not in result]
    assert peak < 900 * 2**20


def test_what_unpacks_to_more_than_a_document_is_refused_before_memory_is_taken(
    put: Put, limited: Limited
) -> None:
    assert DOCUMENT_LIMIT == MOST_TEXT
    size = DOCUMENT_LIMIT + 10**6
    letters = b"a" * size
    pack = zstandard.ZstdCompressor().compress
    dump = (
        b"<mediawiki><page><title>a</title><revision><text>%b</text></revision></page></mediawiki>"
    )
    files = {
        "a.txt.gz": gzip.compress(letters, 1), "b.txt.zst": pack(letters),
        "c.md.zst": pack(letters), "d.html.zst": pack(b"<p>" + letters),
        "e.jsonl.zst": pack(b'{"text": "' + letters), "f.csv.zst": pack(b"id,text\n1," + letters),
        "g.json.zst": pack(b'[{"text": "' + letters),
        "h.xml.zst": pack(dump % letters),
    }  # fmt: skip
    results, peak = limited([("read", str(put(name, data))) for name, data in files.items()])
    assert all("one document has more than" in result for result in results[:-1]), results
    assert "one document has more than 16,777,216 characters" in results[-1]
    assert peak < 700 * 2**20


def test_empty_titles_within_titles_are_not_each_flattened(put: Put, limited: Limited) -> None:
    def nested(tag: str, inside: str = "") -> str:
        return f"<{tag}>{inside}" * 400 + "<x/>" * 100_000 + f"</{tag}>" * 400

    body = nested("p", "<pPr><pStyle val='Title'/></pPr>")
    files = {
        "a.xml": f"<?xml version='1.0'?><a>{nested('title')}<p>t</p></a>".encode(),
        "b.docx": zipped({"word/document.xml": f"<d>{body}<p><t>t</t></p></d>"}),
        "c.odt": zipped({"content.xml": f"<d>{nested('h')}<p>t</p></d>"}),
    }
    results, _ = limited([("read", str(put(name, data))) for name, data in files.items()])
    assert results == ["(1, 1)"] * 3


def test_no_mail_takes_longer_than_its_length(put: Put, limited: Limited) -> None:
    head = "From: a@b\nSubject: x\n"
    files = {
        "parameters.eml": f"{head}Content-Type: text/plain; {'a=b;' * 2_000_000}\n\nx",
        "lines.eml": f"{head}\n" + "a\n" * 20_000_000,
        "lines.mbox": f"From a@b Fri May  1 10:00:00 2020\n{head}\n" + "a\n" * 20_000_000,
    }
    results, peak = limited([("read", str(put(name, text))) for name, text in files.items()])
    assert results[0] == "(1, 1)"
    assert all(result.startswith("(1, 4") for result in results[1:])
    assert peak < 600 * 2**20


def zipped(parts: dict[str, str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in parts.items():
            file.writestr(name, text)
    return out.getvalue()


def test_hostile_xml_is_refused(put: Put, limited: Limited) -> None:
    entities = "".join(f"<!ENTITY e{i} '{f'&e{i - 1};' * 10}'>" for i in range(1, 12))
    doctype = "<?xml version='1.0'?><!DOCTYPE mediawiki [<!ENTITY e0 'lol'>%s]>"
    page = "<mediawiki><page><title>%s</title></page></mediawiki>"
    files = {
        "laughs": doctype % entities + page % "&e11;",
        "outside": doctype % "<!ENTITY x SYSTEM 'file:///etc/passwd'>" + page % "&x;",
        "attributes": doctype % "<!ATTLIST page a CDATA 'x'>" + page % "x",
        "deep": "<mediawiki>" + "<a>" * 10**6,
        "comment": "<mediawiki><!--" + "x" * (20 * 2**20),
        "tag": "<mediawiki><page a='" + "x" * (20 * 2**20),
    }
    results, peak = limited([("read", str(put(f"{k}.xml", text))) for k, text in files.items()])
    for result, said in zip(
        results,
        ["declares"] * 3
        + ["more than 500 elements"]
        + ["one tag or comment has more than 16,777,216 bytes"] * 2,
        strict=True,
    ):
        assert said in result
    assert peak < 200 * 2**20
    text = (
        "<?xml version='1.0'?><!DOCTYPE mediawiki SYSTEM 'http://localhost:1/x.dtd'>"
        "<mediawiki><page><id>1</id><revision><text>kept</text></revision></page></mediawiki>"
    )
    assert limited([("read", str(put("dtd.xml", text)))])[0] == ["(1, 4)"]


def test_hostile_json_is_refused(put: Put, limited: Limited) -> None:
    deep, many = "[" * 900_000, "[" + "[]," * 1_500_000 + "[]]"
    files = {
        "deep": f'{{"text": {deep}', "digits": f'{{"text": "a", "n": {"1" * 10**6}}}',
        "many": f'{{"text": "a", "n": {many}}}', "list": f'[{{"text": "a", "n": {many}}}]',
    }  # fmt: skip
    results, peak = limited([("read", str(put(f"{k}.json", text))) for k, text in files.items()])
    assert all(result.startswith("SourceFormatError") for result in results), results
    assert "more than 1,000,000 brackets" in results[2]
    assert "more than 1,000,000 brackets" in results[3]
    assert peak < 400 * 2**20


def test_a_dictionary_of_parquet_is_never_spread_out(tmp_path: Path, limited: Limited) -> None:
    indices, words = pa.array([0] * 500_000, pa.int32()), pa.array(["x" * 2_000_000])
    table = pa.table({"text": pa.DictionaryArray.from_arrays(indices, words)})
    pq.write_table(table, tmp_path / "a.parquet", compression="zstd")
    wide = pa.table({name: ["x" * 150_000_000] for name in ("text", "b", "c")})
    pq.write_table(wide, tmp_path / "b.parquet", compression="zstd", use_dictionary=False)
    assert (tmp_path / "a.parquet").stat().st_size < 10_000
    results, peak = limited(
        [("read", str(tmp_path / "a.parquet")), ("read", str(tmp_path / "b.parquet"))]
    )
    assert results[0] == "(20, 40000000)"
    assert "one document has more than 400,000,000 bytes" in results[1]
    assert peak < 2500 * 2**20


def test_a_record_of_json_lines_of_text_alone_is_read(put: Put, limited: Limited) -> None:
    line = json.dumps({"text": "[word] " * 10**5})
    assert limited([("read", str(put("a.jsonl", line)))])[0] == ["(1, 700000)"]

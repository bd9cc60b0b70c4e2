"""HTML: the text that a reader of the page would see."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from embedsearch._types import Document
from embedsearch.text.base import Found
from embedsearch.text.reading.encodings import bom_encoding, browsers_codec, decoded, known_codec
from embedsearch.text.reading.markup import title_and_text
from embedsearch.text.reading.xml_tree import declared_encoding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embedsearch.text.reading.opening import Opened
    from embedsearch.text.settings import ReadSettings

_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
# A page whose declaration can be read is not in UTF-16.
_OF_PAGES = {"ascii": "cp1252", "utf-16": "utf-8"}


def read_html(source: Opened, settings: ReadSettings) -> Iterator[Found]:
    """Yield the page as one document; scripts, styles and navigation are left out.

    The encoding is the one given, else that of a byte order mark, else what the page declares,
    else the one detected.
    """
    title, text = title_and_text(_decode(source, settings.encoding))
    if title or text:
        yield Found(Document("", text, {}, title))


def _decode(source: Opened, wanted: str | None) -> str:
    declared = None if wanted or bom_encoding(source.sample) else _declared(source.sample)
    if declared is None:
        return source.text(wanted)
    data = source.data()
    try:
        text = data.decode(declared)
    except UnicodeDecodeError:
        encoding = source.encoding(None)
        return "".join(decoded([data], encoding, source.name, source.repairs()))
    if not declared.startswith("utf-8"):
        source.say_encoding(declared)
    return text


def decode_html(data: bytes) -> str:
    """Return the text of a page within another file, whose bytes are all here."""
    encoding = bom_encoding(data) or _declared(data) or "utf-8"
    return data.decode(encoding, "replace")


def _declared(sample: bytes) -> str | None:
    match = _CHARSET.search(sample[:4096])
    if match is None:
        return declared_encoding(sample)
    name = known_codec(match[1].decode("ascii", "replace"))
    return None if name is None else _OF_PAGES.get(name) or browsers_codec(name)

"""The formats of files: which one a source is in, by its name and first bytes, and its reader."""

from __future__ import annotations

import json
import re
from pathlib import PurePath
from typing import TYPE_CHECKING, NamedTuple

from embedsearch._errors import SourceFormatError
from embedsearch.text.byte_streams import without_suffix
from embedsearch.text.encodings import bom_encoding, wide_encoding
from embedsearch.text.readers.html import read_html
from embedsearch.text.readers.json import read_json
from embedsearch.text.readers.mail import MAIL_BEGINS, read_eml, read_mbox
from embedsearch.text.readers.markdown import read_markdown, read_notebook
from embedsearch.text.readers.mediawiki import read_mediawiki
from embedsearch.text.readers.office import read_docx, read_epub, read_odt
from embedsearch.text.readers.pdf import read_pdf
from embedsearch.text.readers.plain import read_plain
from embedsearch.text.readers.tables import read_csv, read_parquet, read_tsv
from embedsearch.text.readers.xml import read_xml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from embedsearch.text.settings import ReadSettings
    from embedsearch.text.source_stream import ReadDocument, SourceStream


class Format(NamedTuple):
    """How files of a format are known and read."""

    read: Callable[[SourceStream, ReadSettings], Iterator[ReadDocument]]
    suffixes: tuple[str, ...] = ()
    is_text: bool = True  # others are read as bytes: not decoded, and they may look like anything


READERS = {
    "text": Format(read_plain, (".txt", ".text")),
    "jsonl": Format(read_json, (".jsonl", ".ndjson", ".json")),
    "csv": Format(read_csv, (".csv",)),
    "tsv": Format(read_tsv, (".tsv", ".tab")),
    "markdown": Format(read_markdown, (".md", ".markdown", ".mdown", ".mkd")),
    "html": Format(read_html, (".html", ".htm", ".xhtml")),
    "xml": Format(read_xml),
    "mediawiki": Format(read_mediawiki, is_text=False),
    "pdf": Format(read_pdf, (".pdf",), is_text=False),
    "docx": Format(read_docx, (".docx", ".docm", ".dotx"), is_text=False),
    "odt": Format(read_odt, (".odt", ".ott"), is_text=False),
    "epub": Format(read_epub, (".epub",), is_text=False),
    "eml": Format(read_eml, (".eml",), is_text=False),
    "mbox": Format(read_mbox, (".mbox", ".mbx"), is_text=False),
    "notebook": Format(read_notebook, (".ipynb",)),
    "parquet": Format(read_parquet, (".parquet", ".pq"), is_text=False),
}
_BY_SUFFIX = {suffix: name for name, each in READERS.items() for suffix in each.suffixes}

_ZIPPED = frozenset({"docx", "odt", "epub"})
# Documents that are ZIP files, too, and cannot be read.
_OTHER_ZIPPED = frozenset({
    ".xlsx", ".xlsm", ".xltx", ".xlsb", ".pptx", ".pptm", ".ppsx", ".potx", ".vsdx", ".ods",
    ".odp", ".odg",
})  # fmt: skip
# Programs put the parts of documents of Microsoft's Office in different orders.
_OFFICE = re.compile(
    rb".{30}(\[Content_Types\]\.xml|_rels/\.rels|docProps/\w+\.xml|(word|xl|ppt|visio)/\w[\w/]*\.xml)",
    re.DOTALL,
)
# A header of 30 bytes, which has the length of the name, and the name of the first part.
_TYPED = re.compile(rb".{26}\x08\0..mimetype", re.DOTALL)

_XML = frozenset({".xml", ".rss", ".atom", ".rdf", ".opml", ".fb2", ".tei", ".nxml"})

# How a backup begins: a tar whose first file has this name.
_BACKUP = b"backup.json\0"

_MAGIC = (
    (_BACKUP, "a backup of a workspace"),
    (b"%PDF-", "a PDF"),
    (b"PAR1", "a Parquet file"),
    (b"PK\x03\x04", "a document of another kind (such as a spreadsheet)"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document (.doc, .xls, .ppt)"),
    (b"{\\rtf", "a document in RTF"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3", "an SQLite database"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a", "a RAR archive"),
    (b"\x93NUMPY", "a NumPy array"),
)
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1b") | {127})
# Some texts have a few stray controls; of random bytes one in ten is one.
_CONTROL_SHARE = 0.02
_HEADERS = 2**16
# Headers that hardly anything but a mail has.
_OF_MAIL = frozenset({b"message-id", b"mime-version", b"received", b"return-path"})
# All that a letter in plain text may have and lose nothing if it is read as a mail.
_READ_HEADERS = frozenset({b"from", b"to", b"cc", b"date", b"subject"})


def format_of(source: SourceStream) -> str:
    """Return the format of a source, one of `FORMATS`, never "auto"."""
    suffix = PurePath(without_suffix(source.name)).suffix.lower()
    return _BY_SUFFIX.get(suffix) or _sniffed(source, suffix)


def archive_of(source: SourceStream, wanted: str) -> str | None:
    """Return "zip" or "tar" for an archive of files; None for all else.

    Some formats are ZIP files themselves: those are no archives if one of them is `wanted`.
    """
    sample, name = source.sample, without_suffix(source.name).lower()
    if sample.startswith(_BACKUP) and b'"embedsearch backup"' in sample[:1024]:
        return None
    if sample.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        suffix = PurePath(name).suffix
        is_document = _TYPED.match(sample) or _OFFICE.match(sample) or suffix in _OTHER_ZIPPED
        return None if is_document or _ZIPPED & {wanted, _BY_SUFFIX.get(suffix)} else "zip"
    return "tar" if sample[257:262] == b"ustar" or name.endswith((".tar", ".tgz")) else None


def _sniffed(source: SourceStream, suffix: str) -> str:
    start = source.sample[:4096].removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"%PDF-"):
        return "pdf"
    if start.startswith(b"PAR1"):
        return "parquet"
    if start.startswith(b"PK\x03\x04"):
        return _zipped(source)
    if suffix in _XML or re.match(rb"<(\?xml|!doctype html|html|mediawiki)\b", start, re.I):
        return _markup(start)
    line = MAIL_BEGINS.match(start)
    if line is not None and re.match(rb"[\w-]+:", start[line.end() :]):
        return "mbox"
    if _is_mail(source.sample[:_HEADERS].lstrip()):
        return "eml"
    return "jsonl" if _is_json_line(start, source) else "text"


def _markup(start: bytes) -> str:
    if b"<mediawiki" in start:
        return "mediawiki"
    return "html" if re.search(rb"<(!doctype )?html\b", start, re.IGNORECASE) else "xml"


def _zipped(source: SourceStream) -> str:
    """Return the format of a document that is a ZIP file, by the first parts in it."""
    sample = source.sample
    if _TYPED.match(sample):
        kind = sample[38:100]
        if kind.startswith(b"application/epub+zip"):
            return "epub"
        if kind.startswith(b"application/vnd.oasis.opendocument.text"):
            return "odt"
    # What is no document of Word is refused by `check_is_text`.
    return "docx" if b"word/" in sample and _OFFICE.match(sample) else "text"


def _is_mail(start: bytes) -> bool:
    """Return whether a text is a mail, by its headers."""
    head = start.replace(b"\r\n", b"\n").partition(b"\n\n")[0].lower()
    lines = head.split(b"\n")
    if not all(re.match(rb"[\w-]+:|[ \t]", line) for line in lines[:-1]):
        return False
    names = {line.partition(b":")[0] for line in lines if b":" in line and not line[:1].isspace()}
    return b"from" in names and (
        bool(names & _OF_MAIL) or (len(names) > 1 and names <= _READ_HEADERS)
    )


def _is_json_line(start: bytes, source: SourceStream) -> bool:
    if not start.startswith(b"{"):
        return False
    line = source.sample.removeprefix(b"\xef\xbb\xbf").lstrip().partition(b"\n")[0]
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def check_is_text(source: SourceStream, format_name: str, encoding: str | None) -> None:
    """Refuse binary bytes that would be read as a text format."""
    if not READERS[format_name].is_text:
        return
    for magic, what in _MAGIC:
        if source.sample.startswith(magic):
            raise SourceFormatError(source.name, f"is {what}, not text; leave it out")
    # Text in UTF-16 has NUL bytes.
    known = encoding or bom_encoding(source.sample) or wide_encoding(source.sample)
    if known not in (None, "utf-8-sig"):
        return
    controls = len(source.sample) - len(source.sample.translate(None, _CONTROLS))
    if b"\0" in source.sample or controls > _CONTROL_SHARE * len(source.sample):
        raise SourceFormatError(source.name, "is a binary file, not text; leave it out")

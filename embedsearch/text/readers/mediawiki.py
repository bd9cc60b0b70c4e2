"""Dumps of MediaWiki: Wikipedia and its sisters."""

from __future__ import annotations

import re
from collections import defaultdict, deque
from functools import cache
from typing import TYPE_CHECKING

from embedsearch._errors import SourceFormatError
from embedsearch._types import Document
from embedsearch.text.readers.html import unescape_references
from embedsearch.text.readers.xml import elements, xml_chunks
from embedsearch.text.records import given_id
from embedsearch.text.source_stream import ReadDocument

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from embedsearch.text.readers.xml import Path
    from embedsearch.text.settings import ReadSettings
    from embedsearch.text.source_stream import SourceStream

_PAGE = ("mediawiki", "page")
_REVISION = (*_PAGE, "revision")
_FIELDS = {
    *((*_PAGE, name) for name in ("title", "ns", "id", "redirect")), (*_REVISION, "text")
}  # fmt: skip

# Every pattern here is linear: after its first character it takes no text twice.
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_DROPPED = "ref|math|chem|timeline|score|hiero|imagemap|syntaxhighlight|source|graph|templatedata"
_EMPTY_ELEMENT = re.compile(rf"<(?:{_DROPPED}|references)\b[^<>]*/>", re.IGNORECASE)
_OPENING = re.compile(rf"<({_DROPPED}|gallery)\b[^<>]*>", re.IGNORECASE)
_CLOSING = re.compile(rf"</({_DROPPED}|gallery)\s*>", re.IGNORECASE)
_BREAK = re.compile(r"<(?:br|hr|p|div|li|tr|/p|/div|/li|/tr)\b[^<>]*>", re.IGNORECASE)
_TAG = re.compile(r"<[a-zA-Z/!][^<>]*>")
# Categories and links to other languages: on a line of their own, and with a namespace.
_LONE_LINK = re.compile(r"^[ \t]*(?:\[\[[^\[\]|:\n]+:[^\[\]\n]*\]\][ \t]*)+$", re.MULTILINE)
_OUTSIDE_LINK = re.compile(r"\[(?:[a-z]{2,9}:)?//[^\s\[\]]+([^\[\]\n]*)\]", re.IGNORECASE)
# By their suffix, since the namespace has another name in each language.
_MEDIA = re.compile(
    r"[^\[\]|\n]+\.(?:jpe?g|png|svg|gif|tiff?|webp|og[gvag]|web[mp]|pdf|djvu|mp[34]|wav|flac|midi?)\s*",
    re.IGNORECASE,
)
# Of pictures: what is no caption.
_OPTION = re.compile(
    r"\s*(?:thumb(?:nail)?|frame(?:d|less)?|border|left|right|center|none|baseline|middle|sub|"
    r"super|top|bottom|text-top|text-bottom|upright.*|(?:x?\d+|\d+x\d+)\s*px|"
    r"(?:alt|link|page|lang|class|thumbtime|start|end)\s*=.*)\s*",
    re.IGNORECASE | re.DOTALL,
)
# Attributes before the text of a cell, or in place of it.
_CELL_STYLE = re.compile(r"^[^|\[\]]*\||^\s*(?:\w+\s*=\s*\"[^\"]*\"\s*)+$")

# Each branch begins with a character of its own, which is several times faster than a `\b`.
_MARKS = re.compile(r"''+|\[\[|\]\]|__[A-Z]+__|http(?<=\bhttp)s?://\S+")
# Parentheses whose text was in a template.
_HOLLOW = re.compile(r"\([\s,;:/–-]*\)")
_HOLLOW_START = re.compile(r"\([\s,;:]+(?=\S)")
# A lone space, which most are, is no match.
_SPACES = re.compile(r"[ \t\xa0]{2,}|[\t\xa0]")
_SPACE_BEFORE = re.compile(r" (?=[,.;:)](?:\s|$))", re.MULTILINE)
_NO_WORDS = re.compile(r"[\W_]*")

# MediaWiki itself follows templates forty deep; of marks that are deeper the text stays.
_DEEPEST = 64
_HIGHEST_HEADING = 6


def read_mediawiki(source: SourceStream, settings: ReadSettings) -> Iterator[ReadDocument]:
    """Yield the articles (namespace 0) of an XML dump; redirects are left out.

    The id is that of the page, the text that of its first revision: of a dump of all revisions
    the others are not held. Nothing outside the file is read, and a file that declares entities
    is refused.
    """
    filter_ = _PageFilter(source.name)
    chunks = xml_chunks(source, settings.encoding)
    # A few bytes of entities, or of attributes by default, can stand for gigabytes.
    pages = elements(source.name, chunks, filter_.is_page, filter_.is_kept, declarations=0)
    for number, (page, _) in enumerate(pages, 1):
        fields = {name: page.findtext(name, "").strip() for name in ("title", "ns", "id")}
        if fields["ns"] not in ("", "0") or page.find("redirect") is not None:
            continue
        if text := plain_text(page.findtext("revision/text", "").strip()):
            id = given_id(fields["id"], settings)
            yield ReadDocument(Document(id, text, {}, fields["title"]), "page", number)


class _PageFilter:
    """Chooses the elements of a dump that are read; of revisions the first of each page."""

    def __init__(self, name: str) -> None:
        self._name, self._has_revision = name, False

    def is_page(self, path: Path) -> bool:
        if path[0] != "mediawiki":
            raise SourceFormatError(self._name, f"is XML of <{path[0]}>, not a MediaWiki dump")
        self._has_revision = False
        return path == _PAGE

    def is_kept(self, path: Path) -> bool:
        if path == _REVISION:
            is_first, self._has_revision = not self._has_revision, True
            return is_first
        return path in _FIELDS


def plain_text(wikitext: str) -> str:
    """Return the words of an article.

    Of `lang`, `nowrap` and `convert` templates the words are kept, of pictures the captions.
    """
    text = _without_elements(wikitext)
    text = _replace_balanced(text, "{{", "}}", _template)
    text = _replace_balanced(text, "[[", "]]", _link)
    text = _replace_balanced(text, "{|", "|}", _table)
    text = _OUTSIDE_LINK.sub(r"\1", _TAG.sub("", text))
    return _polished(unescape_references(text))


def _without_elements(text: str) -> str:
    text = _cut_elements(_EMPTY_ELEMENT.sub("", _COMMENT.sub("", text)))
    return _BREAK.sub("\n", _LONE_LINK.sub("", text))


def _cut_elements(text: str) -> str:
    """Remove elements with what is in them, but for the captions of galleries."""
    closings: defaultdict[str, deque[re.Match[str]]] = defaultdict(deque)
    for closing in _CLOSING.finditer(text):
        closings[closing[1].lower()].append(closing)
    parts, at = list[str](), 0
    for opening in _OPENING.finditer(text):
        name = opening[1].lower()
        left = closings[name]
        while left and left[0].start() < opening.end():
            left.popleft()
        if opening.start() < at or not left:
            continue
        inside = text[opening.end() : left[0].start()]
        parts += text[at : opening.start()], _captions(inside) if name == "gallery" else ""
        at = left.popleft().end()
    return "".join([*parts, text[at:]])


def _captions(gallery: str) -> str:
    return "\n".join(line.partition("|")[2] for line in gallery.split("\n"))


def _replace_balanced(text: str, opening: str, closing: str, replace: Callable[[str], str]) -> str:
    """Replace every `opening ... closing`, the innermost first; what has no partner stays."""
    parts, at, deeper = [list[str]()], 0, 0
    for mark in _marks(opening, closing).finditer(text):
        parts[-1].append(text[at : mark.start()])
        at = mark.end()
        if mark[0] == opening:
            if len(parts) > _DEEPEST:
                deeper += 1
            else:
                parts.append([])
        elif deeper:
            deeper -= 1
        elif len(parts) > 1:
            inside = "".join(parts.pop())
            parts[-1].append(replace(inside))
    return "".join("".join(part) for part in parts) + text[at:]


@cache
def _marks(opening: str, closing: str) -> re.Pattern[str]:
    return re.compile(f"({re.escape(opening)}|{re.escape(closing)})")


def _template(inside: str) -> str:
    name, *arguments = inside.split("|")
    words = [argument for argument in arguments if "=" not in argument]
    name = name.strip().lower()
    if name in ("lang", "transl", "transliteration", "nowrap", "nobr", "small", "big") and words:
        return words[-1]
    if name in ("convert", "cvt") and len(words) > 1:
        return " ".join(words[:2])
    return ""


def _link(inside: str) -> str:
    target, *options = inside.split("|")
    if not _MEDIA.match(inside):
        is_category = target.lstrip().lower().startswith("category:")
        return options[-1] if options else "" if is_category else target
    caption = options[-1] if options else ""
    return "" if _OPTION.fullmatch(caption) else f"\n{caption}\n"


def _table(inside: str) -> str:
    rows: list[list[str]] = [[]]
    for line in inside.split("\n")[1:]:
        line = line.strip()
        if line.startswith("|-"):
            rows.append([])
        elif line.startswith("|+"):
            rows.append([_CELL_STYLE.sub("", line[2:])])
            rows.append([])
        else:
            begins_cells = line[:1] in ("|", "!")
            cells = re.split(r"\|\||!!" if line[:1] == "!" else r"\|\|", line[begins_cells:])
            if begins_cells:
                cells = [_CELL_STYLE.sub("", cell) for cell in cells]
            rows[-1].extend(map(str.strip, cells))
    return "\n" + "\n".join(", ".join(filter(None, row)) for row in rows) + "\n"


def _polished(text: str) -> str:
    text = _SPACES.sub(" ", _MARKS.sub("", text))
    text = _HOLLOW_START.sub("(", _HOLLOW.sub("", text))
    text = _SPACE_BEFORE.sub("", _SPACES.sub(" ", text))
    lines = map(_line, text.split("\n"))
    return "\n".join(line for line in lines if not _NO_WORDS.fullmatch(line))


def _line(line: str) -> str:
    """Return a line without the marks of a heading, a list, or a table that is not closed."""
    line = line.strip()
    if line.startswith(("{|", "|-", "|}")):
        return ""
    if line.startswith("|"):
        return line.rpartition("|")[2].strip()
    if line.startswith("=") and line.endswith("="):
        level = min(len(line) - len(line.lstrip("=")), len(line) - len(line.rstrip("=")))
        level = min(level, _HIGHEST_HEADING, len(line) // 2)
        return line[level : len(line) - level].strip()
    return line.lstrip("*#:;").lstrip()

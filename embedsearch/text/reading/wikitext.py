"""Wikitext to plain text: gensim's filter, and what it leaves or loses."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_DROPPED = "ref|math|chem|timeline|score|hiero|imagemap|syntaxhighlight|source|graph|templatedata"
_EMPTY_ELEMENT = re.compile(rf"<(?:{_DROPPED}|references)\b[^<>]*/>", re.IGNORECASE)
_ELEMENT = re.compile(rf"<({_DROPPED})\b[^<>]*>.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
_GALLERY = re.compile(r"<gallery\b[^<>]*>(.*?)</gallery\s*>", re.DOTALL | re.IGNORECASE)
_BREAK = re.compile(r"<(?:br|hr|p|div|li|tr|/p|/div|/li|/tr)\b[^<>]*>", re.IGNORECASE)
_LESS_THAN = re.compile(r"(?:<|&lt;)(?![a-zA-Z/!])")
_LESS_MARK = "\ue000"
_LONE_LINK = re.compile(r"^[ \t]*(?:\[\[[^\[\]|:\n]+:[^\[\]\n]*\]\][ \t]*)+$", re.MULTILINE)
_MEDIA = re.compile(
    r"[^\[\]|\n]+\.(?:jpe?g|png|svg|gif|tiff?|webp|og[gvag]|web[mp]|pdf|djvu|mp[34]|wav|flac|midi?)\s*",
    re.IGNORECASE,
)
_OPTION = re.compile(
    r"\s*(?:thumb(?:nail)?|frame(?:d|less)?|border|left|right|center|none|baseline|middle|sub|"
    r"super|top|bottom|text-top|text-bottom|upright.*|(?:x?\d+|\d+x\d+)\s*px|"
    r"(?:alt|link|page|lang|class|thumbtime|start|end)\s*=.*)\s*",
    re.IGNORECASE | re.DOTALL,
)
_CELL_STYLE = re.compile(r"^[^|\[\]]*\||^\s*(?:\w+\s*=\s*\"[^\"]*\"\s*)+$")

_MARKS = re.compile(r"'{2,}")
_HEADING = re.compile(r"^[ \t]*(={1,6})[ \t]*(.*?)[ \t]*\1[ \t]*$", re.MULTILINE)
_LIST = re.compile(r"^[ \t]*[*#:;]+[ \t]*", re.MULTILINE)
_SWITCH = re.compile(r"__[A-Z]+__")
_HOLLOW = re.compile(r"\([\s,;:/–-]*\)")
_HOLLOW_START = re.compile(r"\([\s,;:]+(?=\S)")
_SPACE_BEFORE = re.compile(r"[ \t\xa0]+(?=[,.;:)](?:\s|$))", re.MULTILINE)
_SPACES = re.compile(r"[ \t\xa0]+")
_NO_WORDS = re.compile(r"^[\W_]*$")
_URL = re.compile(r"\bhttps?://\S+")


def plain_text(wikitext: str) -> str:
    """Return the words of an article.

    References, formulas, source code and templates are removed; of `lang`, `nowrap` and
    `convert` templates the words are kept. Pictures leave their captions, links their labels,
    and a row of a table becomes a line.

    Args:
        wikitext: The page as its authors wrote it.
    """
    from gensim.corpora.wikicorpus import filter_wiki

    text = _without_elements(wikitext)
    text = _replace_balanced(text, "{{", "}}", _template)
    text = _replace_balanced(text, "[[", "]]", _link)
    text = _replace_balanced(text, "{|", "|}", _table)
    # The filter takes a lone `<` for a tag, up to a `>` that may be pages away.
    text = filter_wiki(_LESS_THAN.sub(_LESS_MARK, text)).replace(_LESS_MARK, "<")
    return _polished(text)


def _without_elements(text: str) -> str:
    text = _EMPTY_ELEMENT.sub("", _COMMENT.sub("", text))
    text = _GALLERY.sub(_captions, _ELEMENT.sub("", text))
    return _BREAK.sub("\n", _LONE_LINK.sub("", text))


def _captions(gallery: re.Match[str]) -> str:
    return "\n".join(line.partition("|")[2] for line in gallery[1].split("\n"))


def _replace_balanced(text: str, opening: str, closing: str, replace: Callable[[str], str]) -> str:
    """Replace every `opening ... closing`, the innermost first; what has no partner stays."""
    parts: list[list[str]] = [[]]
    for piece in _marks(opening, closing).split(text):
        if piece == opening:
            parts.append([])
        elif piece == closing and len(parts) > 1:
            inside = "".join(parts.pop())
            parts[-1].append(replace(inside))
        elif piece != closing:
            parts[-1].append(piece)
    return "".join("".join(part) for part in parts)


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
        # What names a namespace and has no label is a category or a sister wiki.
        return options[-1] if options else f"[[{target}]]" if ":" in target else target
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
        elif line[:1] in ("|", "!"):
            cells = re.split(r"\|\||!!" if line[0] == "!" else r"\|\|", line[1:])
            rows[-1].extend(_CELL_STYLE.sub("", cell).strip() for cell in cells)
        else:
            rows[-1].append(line)
    return "\n" + "\n".join(", ".join(filter(None, row)) for row in rows) + "\n"


def _polished(text: str) -> str:
    text = _SWITCH.sub("", _URL.sub("", _MARKS.sub("", text)))
    text = _LIST.sub("", _HEADING.sub(r"\n\2\n", text))
    text = _HOLLOW_START.sub("(", _HOLLOW.sub("", text))
    text = _SPACES.sub(" ", _SPACE_BEFORE.sub("", text))
    lines = [line.strip() for line in text.split("\n")]
    return "\n".join(line for line in lines if not _NO_WORDS.fullmatch(line))

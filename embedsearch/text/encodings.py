"""Which encoding a text is in, and decoding it as it streams by."""

from __future__ import annotations

import codecs
import io
import re
import unicodedata
from itertools import chain
from typing import TYPE_CHECKING

from embedsearch._errors import ParameterError, SourceFormatError
from embedsearch._messages import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark begins it
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WIDE = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
_WIDE_SAMPLE, _LEAST = 2**12, 4
# Controls, and what Unicode has not assigned, left to private use, or made half a character.
_NOT_IN_TEXT = ("Cc", "Cn", "Co", "Cs")
# Codecs of Python that turn text into other text, in the square of its length.
_NO_ENCODINGS = {"punycode", "idna", "unicode-escape", "raw-unicode-escape", "undefined"}
# charset-normalizer decides by five samples of 512 bytes, and decodes the rest with each codec.
_EVIDENCE = 2**16

_SEQUENCES = re.compile(
    rb"([\xc2-\xdf][\x80-\xbf])|([\xe1-\xef][\x80-\xbf]{2})|([\xf0-\xf4][\x80-\xbf]{3})"
)
# Three bytes in a row are a word of another encoding, not a letter that was pasted.
_BAD_RUN = re.compile(rb"[\x80-\xff]{3}")
_HIGH = bytes(range(128, 256))
# What is left out is rare, and taken for the others when texts are short: fewer candidates, fewer
# mistakes. Where none of these fits, all codecs are tried.
_CANDIDATES = [
    "cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258",
    "iso8859_2", "iso8859_7", "koi8_r", "cp437", "cp850", "cp866", "mac_roman", "cp874",
    "cp932", "shift_jis", "euc_jp", "gb18030", "big5", "euc_kr", "cp949",
]  # fmt: skip
# A letter of Latin-1 between ASCII characters, and nothing else beyond ASCII.
_NOT_LATIN_1 = re.compile(rb"[\x80-\xbf\xd7\xf7]|[\x80-\xff]{2}")
# Of so few a detector can tell nothing, and such texts are mostly Western.
_FEW_LETTERS = 8
# A Polish "leży" read as windows-1252 is "le¿y". A middle dot or a soft hyphen may stand there.
_SIGN_IN_WORD = re.compile(r"[^\W\d_][¡-¬®-¶¸-¿][^\W\d_]")

# Bounded, so that a file of nothing but such bytes is not held as one run.
_LONGEST_RUN = 64
_ESCAPED = re.compile(f"[\udc80-\udcff]{{1,{_LONGEST_RUN}}}")
# The least byte that begins a character of several bytes in UTF-8.
_LEAD = 0xC2
# Four bytes in a row are hardly windows-1252, but a word of another script.
_WORD, _MOST_WORDS = 4, 10
_SHOWN = 3

_IN_PRACTICE = {
    "iso8859-1": "cp1252", "iso8859-9": "cp1254", "gb2312": "gb18030", "gbk": "gb18030",
    "euc_kr": "cp949", "shift_jis": "cp932",
}  # fmt: skip
_DECLARED = re.compile(rb"<\?xml[^>]{0,200}?encoding\s{0,9}=\s{0,9}[\"']([\w.:-]{1,40})[\"']")


def check_encoding(encoding: str | None) -> None:
    """Raise `ParameterError` unless Python can decode text in `encoding` (None is allowed)."""
    try:
        "".encode("utf-8" if encoding is None else encoding)
    except (LookupError, TypeError, ValueError) as error:
        raise ParameterError("encoding", 'a text encoding, such as "utf-8"', encoding) from error


def known_codec(name: str) -> str | None:
    """Return Python's name of an encoding that a file says it is in; None if it has none."""
    try:
        found = codecs.lookup(name).name
        "".encode(found)
    except (LookupError, ValueError):
        return None
    return None if found in _NO_ENCODINGS else found


def browsers_codec(codec: str) -> str:
    """Return what a codec is in practice (WHATWG Encoding, 4.2): Latin-1 is windows-1252."""
    return _IN_PRACTICE.get(codec, codec)


def declared_xml_encoding(sample: bytes) -> str | None:
    """Return the encoding that an XML declaration names, if Python knows it; None if not."""
    match = _DECLARED.match(sample.lstrip()[:400])
    name = known_codec(match[1].decode("ascii")) if match is not None else None
    # The declaration could be read as it is, so it is not UTF-16.
    return None if name is None or name.startswith(("utf-16", "utf-32", "utf-8")) else name


def bom_encoding(sample: bytes) -> str | None:
    """Return the encoding that a byte order mark at the start declares."""
    return next((name for mark, name in _BOMS if sample.startswith(mark)), None)


def wide_encoding(sample: bytes) -> str | None:
    """Return UTF-16 or UTF-32 in the byte order of a text without a mark; None if neither."""
    start = sample[:_WIDE_SAMPLE]
    if b"\0" not in start:
        return None
    # Spaces, line ends and digits are ASCII in every script; in the right byte order the other
    # characters are letters and marks, without controls.
    counts = {name: _ascii_of_wide(start, name) for name in _WIDE}
    best = max(_WIDE, key=counts.__getitem__)
    return best if counts[best] else None


def _ascii_of_wide(start: bytes, encoding: str) -> int:
    """Count the ASCII characters of a text; 0 if it is no text in this encoding."""
    complete = len(start) < _WIDE_SAMPLE
    try:
        text = codecs.getincrementaldecoder(encoding)("strict").decode(start, final=complete)
    except UnicodeDecodeError:
        return 0
    unusual = {c for c in text if unicodedata.category(c) in _NOT_IN_TEXT}
    count = sum(map(str.isascii, text))
    spaced = any(space in text for space in " \n") or 2 * count > len(text)
    return count if len(text) >= _LEAST and spaced and unusual <= set("\t\n\f\r") else 0


def detect_encoding(sample: bytes, complete: bool, name: str) -> str:
    """Return the encoding of a text; a sample that is not `complete` may cut a character."""
    known = bom_encoding(sample) or wide_encoding(sample)
    return known or ("utf-8" if _is_utf8(sample, complete) else _guess(sample, name))


def _is_utf8(sample: bytes, complete: bool) -> bool:
    """Return whether this is UTF-8, even if damaged.

    Reading damaged UTF-8 as anything else would spoil every good character. In encodings of one
    byte per character, hardly any bytes look like a sequence of UTF-8; in those of East Asia some
    do, mostly of two bytes: their weight is up to half the number of bad bytes from thirty
    characters on, and up to three times it in a word. There, most bytes are not ASCII. If most
    are, single bad ones are letters of windows-1252 that somebody added.
    """
    try:
        codecs.getincrementaldecoder("utf-8")("strict").decode(sample, final=complete)
    except UnicodeDecodeError as error:
        weight = sum(2 * len(found[0]) - 3 for found in _SEQUENCES.finditer(sample))
        if weight and error.reason == "unexpected end of data":
            return True
        bad = sample.decode("utf-8", "replace").count("\N{REPLACEMENT CHARACTER}")
        if 2 * len(sample.translate(None, _HIGH)) < len(sample):
            return weight >= 2 * bad
        return weight >= bad or (weight > 0 and not _BAD_RUN.search(_SEQUENCES.sub(b" ", sample)))
    return True


def _guess(sample: bytes, name: str) -> str:
    from charset_normalizer import from_bytes

    # Lines of plain ASCII are alike in most encodings; the others carry the evidence.
    lines = b"\n".join(line for line in sample.split(b"\n") if not line.isascii())[:_EVIDENCE]
    letters = len(lines) - len(lines.translate(None, _HIGH))
    if letters <= _FEW_LETTERS and not _NOT_LATIN_1.search(lines):
        return "cp1252"
    matches = from_bytes(lines, cp_isolation=_CANDIDATES)
    if not matches:
        matches = from_bytes(lines)
    best = matches.best()
    if best is None:
        reason = "is not text in an encoding that can be detected; name it with the encoding option"
        raise SourceFormatError(name, f"{reason}, or leave the file out")
    # Short Western texts fit many encodings equally well; of these the usual one is meant.
    usual = "cp1254" if best.language == "Turkish" else "cp1252"
    for match in matches:
        fits = match.chaos <= best.chaos + 0.1 and match.coherence >= best.coherence - 0.04
        if fits and usual in (match.encoding, *match.could_be_from_charset):
            return best.encoding if _SIGN_IN_WORD.search(lines.decode(usual, "ignore")) else usual
    return best.encoding


def encoding_title(encoding: str) -> str:
    """Return the name that people know an encoding by: cp1252 is windows-1252."""
    name = encoding.removesuffix("-sig").replace("_", "-")
    return name.replace("cp125", "windows-125") if name.startswith("cp125") else name


def decode_blocks(
    blocks: Iterable[bytes],
    encoding: str,
    name: str,
    repairs: Repairs | None = None,
    first_line: int = 1,
) -> Iterator[str]:
    r"""Decode a stream of bytes, cut anywhere; every line end becomes `\n`.

    With `repairs` bytes that are not UTF-8 are repaired, if that is the encoding.
    """
    if repairs is not None and encoding.startswith("utf-8"):
        return _repaired(blocks, encoding, repairs)
    return _checked(blocks, encoding, name, first_line)


def _repaired(blocks: Iterable[bytes], encoding: str, repairs: Repairs) -> Iterator[str]:
    decoder = _newline_decoder(encoding, "surrogateescape")
    for block in chain(blocks, (b"",)):
        yield repairs.repair(decoder.decode(block, final=not block), final=not block)
    repairs.close()


def _checked(blocks: Iterable[bytes], encoding: str, name: str, line: int) -> Iterator[str]:
    decoder, place = _newline_decoder(encoding, "strict"), 0
    for block in chain(blocks, (b"",)):
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            before = error.object[: error.start].decode(encoding, "ignore")
            at = place + len(block) - len(error.object) + error.start
            reason = (
                f"byte 0x{error.object[error.start]:02x}, {at:,} bytes into the text, is not "
                f"{encoding_title(encoding)}; name another encoding, or repair the file"
            )
            raise SourceFormatError(name, reason, line + before.count("\n")) from error
        except UnicodeError as error:
            raise SourceFormatError(name, f"is not {encoding_title(encoding)}: {error}") from error
        place += len(block)
        line += text.count("\n")
        yield text


def _newline_decoder(encoding: str, errors: str) -> io.IncrementalNewlineDecoder:
    inner = codecs.getincrementaldecoder(encoding)(errors)
    return io.IncrementalNewlineDecoder(inner, translate=True)


class Repairs:
    """Repairs and reports single bytes that are not UTF-8, in a text that otherwise is.

    Such a byte is most often a character of windows-1252 that was pasted: a dash, a quote, or a
    letter between Latin ones. What remains of a damaged character becomes U+FFFD.
    """

    def __init__(self, name: str, report: Callable[[str], None], line: int = 1) -> None:
        self._name, self._report = name, report
        # A run of bad bytes that the next block may continue, and the character before it.
        self._pending, self._before = "", ""
        self._line, self._count, self._words = line, 0, 0
        self._shown: list[str] = []

    def repair(self, text: str, *, final: bool) -> str:
        """Return text without lone surrogates, which stand for bytes; may keep back its end."""
        text = self._pending + text
        end = len(text) if final else _before_escaped(text)
        text, self._pending = text[:end], text[end:]
        if not text:
            return ""
        parts: list[str] = []
        start = 0
        for run in _ESCAPED.finditer(text) if _has_escaped(text) else ():
            self._line += text.count("\n", start, run.start())
            before = text[run.start() - 1] if run.start() else self._before
            parts += text[start : run.start()], self._decode(run[0], before, text[run.end() :][:1])
            start = run.end()
        self._line += text.count("\n", start)
        self._before = text[-1]
        parts.append(text[start:])
        return "".join(parts)

    def close(self) -> None:
        """Report what was repaired."""
        if self._count:
            more = ", ..." if self._count > len(self._shown) else ""
            are = "is" if self._count == 1 else "are"
            what = f"{counted(self._count, 'byte')} that {are} not UTF-8"
            self._report(f"has {what}: {', '.join(self._shown)}{more}")

    def _decode(self, run: str, before: str, after: str) -> str:
        data = run.encode("ascii", "surrogateescape")
        text = _from_windows(data) if before + after and _is_western(before + after) else None
        cut = not after and data[0] >= _LEAD
        if text is None or cut or _is_cut_short(data):
            text = data.decode("utf-8", "replace")
        elif len(data) >= _WORD:
            self._add_word(data)
        self._count += len(data)
        if len(self._shown) < _SHOWN:
            self._shown.append(f"0x{data.hex()} in line {self._line:,} (read as {text!r})")
        return text

    def _add_word(self, data: bytes) -> None:
        self._words += 1
        if self._words > _MOST_WORDS:
            reason = (
                f"begins as UTF-8, and continues in another encoding (byte 0x{data[0]:02x}); name "
                "one with the encoding option, or repair the file"
            )
            raise SourceFormatError(self._name, reason, self._line)


def _has_escaped(text: str) -> bool:
    # Encoding takes a tenth of the time of a search.
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _before_escaped(text: str) -> int:
    """Return where a run of escaped bytes at the end of `text` begins, and its context."""
    end = len(text)
    least = max(0, end - _LONGEST_RUN)
    while end > least and "\udc80" <= text[end - 1] <= "\udcff":
        end -= 1
    return end


def _is_western(text: str) -> bool:
    return all(c < "\u0250" or "\u2010" <= c <= "\u203a" for c in text)


def _from_windows(data: bytes) -> str | None:
    """Return what bytes are in windows-1252; None if they are unlikely to be that."""
    try:
        return None if b"\xfe" in data or b"\xff" in data else data.decode("cp1252")
    except UnicodeDecodeError:
        return None


def _is_cut_short(data: bytes) -> bool:
    """Return whether this is the beginning of a character of UTF-8, of two bytes or more."""
    try:
        codecs.utf_8_decode(data, "strict", False)
    except UnicodeDecodeError:
        return False
    return len(data) > 1

"""Which encoding a text is in, and decoding it as it streams by."""

from __future__ import annotations

import codecs
import io
import re
from typing import TYPE_CHECKING

from embedsearch._errors import ParameterError, SourceFormatError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark begins it
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_EVIDENCE = 2**16
# A Polish "leży" read as windows-1252 is "le¿y". A middle dot or a soft hyphen may stand there.
_SIGN_IN_WORD = re.compile(r"[^\W\d_][¡-¬®-¶¸-¿][^\W\d_]")


def check_encoding(encoding: str | None) -> None:
    """Raise `ParameterError` unless Python can decode text in `encoding` (None is allowed)."""
    try:
        "".encode(encoding or "utf-8")
    except LookupError as error:
        raise ParameterError("encoding", 'a text encoding, such as "utf-8"', encoding) from error


def bom_encoding(sample: bytes) -> str | None:
    """Return the encoding that a byte order mark at the start declares."""
    return next((name for mark, name in _BOMS if sample.startswith(mark)), None)


def detect_encoding(sample: bytes, whole: bool, name: str) -> str:
    """Return the encoding of a text: by its byte order mark, else UTF-8, else a guess.

    Args:
        sample: The first bytes of the text.
        whole: Whether these are all its bytes, so that none is the first half of a character.
        name: The file, for the error.

    Raises:
        SourceFormatError: No encoding fits.
    """
    return bom_encoding(sample) or ("utf-8" if _is_utf8(sample, whole) else _guess(sample, name))


def _is_utf8(sample: bytes, whole: bool) -> bool:
    """Tell UTF-8 from other encodings.

    Text of many good UTF-8 sequences and a rare bad one is UTF-8 with damage: reading it as
    anything else would spoil every good character, so that decoding may name the bad one.
    """
    try:
        codecs.getincrementaldecoder("utf-8")("strict").decode(sample, final=whole)
    except UnicodeDecodeError:
        text = sample.decode("utf-8", "replace")
        bad = text.count("\N{REPLACEMENT CHARACTER}")
        return len(text) - len(text.encode("ascii", "ignore")) > 11 * bad
    return True


def _guess(sample: bytes, name: str) -> str:
    from charset_normalizer import from_bytes

    # Lines of plain ASCII are alike in most encodings; the others carry the evidence.
    lines = b"\n".join(line for line in sample.split(b"\n") if not line.isascii())
    matches = from_bytes(lines[:_EVIDENCE])
    best = matches.best()
    if best is None:
        raise SourceFormatError(name, "is not text in an encoding that can be told; name it with "
                                "the encoding option, or leave the file out")  # fmt: skip
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


def decoded(blocks: Iterable[bytes], encoding: str, name: str) -> Iterator[str]:
    r"""Decode a stream of bytes; every line end becomes `\n`.

    Args:
        blocks: The bytes, cut anywhere.
        encoding: A codec of Python's.
        name: The file, for the error.

    Raises:
        SourceFormatError: A byte does not belong to the encoding; names its line and place.
    """
    inner = codecs.getincrementaldecoder(encoding)("strict")
    decoder = io.IncrementalNewlineDecoder(inner, translate=True)
    place, lines = 0, 1
    for block in _with_end(blocks):
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            before = error.object[: error.start].decode(encoding, "ignore")
            at = place + len(block) - len(error.object) + error.start
            raise _undecodable(error, encoding, name, lines + before.count("\n"), at) from error
        except UnicodeError as error:
            raise SourceFormatError(name, f"is not {encoding_title(encoding)}: {error}") from error
        place += len(block)
        lines += text.count("\n")
        yield text


def _with_end(blocks: Iterable[bytes]) -> Iterator[bytes]:
    yield from filter(None, blocks)
    yield b""


def _undecodable(
    error: UnicodeDecodeError, encoding: str, name: str, line: int, at: int
) -> SourceFormatError:
    reason = (
        f"byte 0x{error.object[error.start]:02x}, {at:,} bytes into the text, is not "
        f"{encoding_title(encoding)}; name another encoding, or repair the file"
    )
    return SourceFormatError(name, reason, line)

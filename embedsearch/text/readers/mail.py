"""Mail: a file for each (.eml), or one after another (.mbox)."""

from __future__ import annotations

import re
from contextlib import suppress
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header
from email.policy import Compat32
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, NamedTuple

from embedsearch._errors import SourceFormatError
from embedsearch._types import Document
from embedsearch.text.byte_streams import buffered_reader
from embedsearch.text.encodings import browsers_codec, known_codec
from embedsearch.text.readers.html import html_text
from embedsearch.text.records import given_id, replace_surrogates, select_metadata
from embedsearch.text.source_stream import LeftOut, ReadDocument

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import Message

    from embedsearch._types import MetadataValue
    from embedsearch.text.settings import ReadSettings
    from embedsearch.text.source_stream import SourceStream

MAIL_BEGINS = re.compile(rb"From (?:-|\S+@\S+|[^\r\n]*\d:\d\d[^\r\n]*)?[ \t]*\r?(?:\n|\Z)")
"""The line before a mail in a mailbox (RFC 4155): from whom, and when; Thunderbird leaves out one
or both."""

MAIL_LIMIT = 2**26
"""Bytes of one mail, with its attachments."""

# Looking for encoded words takes the square of a header's length.
_HEADER_LIMIT = 4_000
# The parser holds each line apart. Files in Base64 have a million within the limit of a mail.
_LINES_LIMIT = 4_000_000
_HTML, _FORWARDED = "text/html", "message/rfc822"
# The store would refuse more of a header, an id or a list, and with it the rest of a mailbox.
_LONGEST_HEADER, _LONGEST_ID, _ATTACHMENTS = 50_000, 1_000, 1_000
_ADDRESSES = ("from", "to", "cc")
# Each line is compared with the boundaries of all parts that it is within.
_BOUNDARIES_LIMIT = 100
_BOUNDARY = re.compile(rb"boundary\s*\*?=", re.IGNORECASE)
# What a program that writes mailboxes has put before such a line of a mail, to be taken away.
_QUOTED_FROM = re.compile(rb"^>(>*From )", re.MULTILINE)
# What email's parser, its decoders and codecs raise for what is no mail.
_PARSER_ERRORS = (
    AssertionError, AttributeError, LookupError, MessageError, OverflowError, RecursionError,
    TypeError, ValueError,
)  # fmt: skip


class _Bounded(Compat32):
    """A policy of the parser; the parameters of a header take it the square of their length."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        return name, value[:_HEADER_LIMIT] if name.lower().startswith("content-") else value


class _Mail(NamedTuple):
    """What a mail says."""

    title: str
    text: str
    facts: dict[str, MetadataValue]


def read_eml(source: SourceStream, settings: ReadSettings) -> Iterator[ReadDocument]:
    """Yield the mail: its subject is the title, its plain text (else its HTML) the text.

    Metadata are `from`, `to`, `cc`, `date` (ISO 8601), `message_id`, and `attachments`: the names
    of files that came with it, which are not read.
    """
    mail = _parsed(source.data(MAIL_LIMIT))
    if mail.text or mail.title:
        yield ReadDocument(
            Document("", mail.text, select_metadata(mail.facts, settings), mail.title)
        )


def read_mbox(source: SourceStream, settings: ReadSettings) -> Iterator[ReadDocument]:
    """Yield each mail of a mailbox, one at a time; see `read_eml`.

    The id is the Message-ID, since the number of a mail changes when an earlier one is deleted.
    """
    for number, data in _split(source):
        mail = _parsed(data)
        id = given_id(str(mail.facts.get("message_id", "")), settings)
        if mail.text or mail.title:
            facts = select_metadata(mail.facts, settings)
            yield ReadDocument(Document(id, mail.text, facts, mail.title), "mail", number)
        else:
            source.notices.empty("mail")


def _split(source: SourceStream) -> Iterator[tuple[int, bytes]]:
    """Yield number and bytes of each mail, which begins with `From ` after an empty line."""
    stream = buffered_reader(source.read)
    if not stream.readline(MAIL_LIMIT).startswith(b"From "):
        reason = 'is not a mailbox: its first line does not begin with "From "'
        raise SourceFormatError(source.name, reason)
    number, data, size, after_empty = 1, bytearray(), 0, False
    while line := stream.readline(MAIL_LIMIT):
        # Within a mail `>` stands before such lines, but not all programs write it.
        if after_empty and line.startswith(b"From ") and MAIL_BEGINS.match(line[:1000]):
            yield number, _QUOTED_FROM.sub(rb"\1", data)
            number, data, size = number + 1, bytearray(), 0
            continue
        after_empty = not line.strip()
        before, size = size, size + len(line)
        if size <= MAIL_LIMIT:
            data += line
        elif before <= MAIL_LIMIT:
            reason = f"has more than {MAIL_LIMIT:,} bytes; what is beyond was not read"
            source.notices.left_out.append(LeftOut(f"{source.name}, mail {number}", reason))
    yield number, _QUOTED_FROM.sub(rb"\1", data)


def _parsed(data: bytes) -> _Mail:
    """Return what a mail says; what cannot be parsed as one is its text."""
    if data.count(b"\n") + data.count(b"\r") > _LINES_LIMIT:
        return _Mail("", _decoded(data, None).strip(), {})
    try:
        if len(_BOUNDARY.findall(data)) > _BOUNDARIES_LIMIT:
            data = data.replace(b"multipart/", b"text/")
        message = message_from_bytes(data, policy=_Bounded())
        texts, attachments = _contents(message)
        facts = _facts(message)
    except _PARSER_ERRORS:
        return _Mail("", _decoded(data, None).strip(), {})
    if attachments:
        facts["attachments"] = attachments[:_ATTACHMENTS]
    return _Mail(_header(message, "subject"), "\n".join(texts), facts)


def _facts(message: Message) -> dict[str, MetadataValue]:
    facts: dict[str, MetadataValue] = {
        name: value for name in _ADDRESSES if (value := _header(message, name))
    }
    if date := _date(_header(message, "date")):
        facts["date"] = date
    id_ = _header(message, "message-id").strip("<> ")
    if 0 < len(id_) <= _LONGEST_ID:
        facts["message_id"] = id_
    return facts


def _header(message: Message, name: str) -> str:
    """Return a header as text, its encoded words decoded (RFC 2047)."""
    value = next((str(value) for key, value in message.raw_items() if key.lower() == name), "")
    if "=?" not in value:
        return replace_surrogates(" ".join(_unescaped(value[:_LONGEST_HEADER]).split()))
    value = value[:_HEADER_LIMIT]
    try:
        parts = decode_header(value)
    except _PARSER_ERRORS:
        parts = [(value, None)]
    pieces = [
        _unescaped(part) if isinstance(part, str) else _decoded(part, charset)
        for part, charset in parts
    ]
    return replace_surrogates(" ".join("".join(pieces).split()))


def _unescaped(value: str) -> str:
    """Return what the bytes of a header beyond ASCII say, which should have been encoded."""
    return value if value.isascii() else _decoded(value.encode("utf-8", "surrogateescape"), None)


def _date(value: str) -> str:
    try:
        return parsedate_to_datetime(value).isoformat()
    except (*_PARSER_ERRORS, IndexError):
        return ""


def _contents(message: Message) -> tuple[list[str], list[MetadataValue]]:
    """Return the texts of a mail, in order, and the names of its attachments."""
    texts, attachments = list[str](), list["MetadataValue"]()
    waiting = [message]
    while waiting:
        part = waiting.pop()
        if part.is_multipart():
            if part.get_content_type() == _FORWARDED:
                texts.extend(filter(None, (_header(each, "subject") for each in _wanted(part))))
            waiting.extend(reversed(_wanted(part)))
        elif part.get_content_disposition() == "attachment" or part.get_filename():
            attachments.append(_file_name(part))
        elif part.get_content_maintype() == "text" and (text := _text(part)):
            texts.append(text)
    return texts, attachments


def _wanted(part: Message) -> list[Message]:
    """Return the parts to read of one that has parts: of several forms of a text the plain one."""
    parts = [each for each in part.get_payload() if not isinstance(each, str)]
    if part.get_content_subtype() != "alternative":
        return parts
    plain = [each for each in parts if each.get_content_type() == "text/plain" and _text(each)]
    pages = [each for each in parts if each.is_multipart() or each.get_content_type() == _HTML]
    return plain[:1] or pages[-1:] or parts[-1:]


def _text(part: Message) -> str:
    payload = part.get_payload(decode=True)
    text = _decoded(payload if isinstance(payload, bytes) else b"", part.get_content_charset())
    if part.get_content_subtype() == "html":
        return html_text(text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def _file_name(part: Message) -> str:
    name = part.get_filename() or "without a name"
    return replace_surrogates(" ".join(str(name)[:_HEADER_LIMIT].split()))


def _decoded(data: bytes, charset: str | None) -> str:
    """Return bytes as text: as they say, else as UTF-8, else as windows-1252."""
    codec = known_codec(charset or "")
    for name in (codec and browsers_codec(codec), codec, "utf-8"):
        with suppress(ValueError):
            if name:
                return data.decode(name)
    return data.decode("cp1252", "replace")

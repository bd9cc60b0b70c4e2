"""Mails and mailboxes, as programs write them."""

from __future__ import annotations

from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

import pytest

import embedsearch as es
from embedsearch._types import Document

Read = Callable[..., list[Document]]


Put = Callable[[str, str | bytes], Path]


def mail(**headers: str) -> EmailMessage:
    message = EmailMessage()
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    return message


def test_a_mail_is_its_text_with_its_headers(put: Put, read: Read) -> None:
    message = mail(
        Subject="Grüße aus Köln",
        From="Jörg <j@example.org>",
        To="a@example.org",
        Date="Fri, 01 May 2020 10:00:00 +0200",
        Message_ID="<1@example.org>",
    )
    message.set_content("Schöne Grüße!\nFrom here\n> quoted")
    message.add_alternative("<p>Schöne <b>Grüße!</b></p>", subtype="html")
    message.add_attachment(b"%PDF-", maintype="application", subtype="pdf", filename="bild.pdf")
    put("m.eml", message.as_bytes())
    (found,) = read("m.eml")
    assert (found.title, found.text) == (
        "Grüße aus Köln",
        "Schöne Grüße!\nFrom here\n> quoted",
    )
    assert found.metadata == {
        "from": "Jörg <j@example.org>",
        "to": "a@example.org",
        "date": "2020-05-01T10:00:00+02:00",
        "message_id": "1@example.org",
        "attachments": ["bild.pdf"],
    }


def test_a_mail_of_html_alone_and_wrong_charsets(put: Put, read: Read) -> None:
    head = "From: a@b\nSubject: x\nDate: never\nContent-Type: "
    put("a.eml", head + "text/html\n\n<p>One</p><p>two</p>")
    put("b.eml", (head + "text/plain; charset=punycode\n\n").encode() + "café".encode("cp1252"))
    assert [read(name)[0].text for name in ("a.eml", "b.eml")] == ["One\ntwo", "café"]
    assert read("a.eml")[0].metadata == {"from": "a@b"}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_mailbox_is_its_mails(put: Put, read: Read, end: str) -> None:
    box = (
        "From a@b Fri May  1 10:00:00 2020\nFrom: a@b\nSubject: one\nMessage-ID: <1@b>\n\n"
        "Text.\n>From me\nFrom within\n\nFrom c@d Fri May  1 11:00:00 2020\nSubject: two\n\nMore.\n"
    )
    for name in ("box.mbox", "box"):
        put(name, box.replace("\n", end))
        found = read(name)
        assert [(each.title, each.text) for each in found] == [
            ("one", "Text.\nFrom me\nFrom within"),
            ("two", "More."),
        ]
        assert [each.id.rpartition("/")[2] for each in found] == ["1@b", f"{name}:2"]


def test_ids_are_made_for_mails_and_records_of_xml_if_asked(put: Put, read: Read) -> None:
    put("box.mbox", "From a@b Fri May  1 10:00:00 2020\nSubject: x\nMessage-ID: <1@b>\n\nText.\n")
    record = "<a id='{}'><p>one <b>two</b></p><q><r>three</r></q></a>"
    put("a.xml", f"<all>{record.format(7)}{record.format(8)}</all>")
    assert [each.id for each in read("box.mbox", "a.xml")] == ["1@b", "7", "8"]
    made = read("box.mbox", "a.xml", id_column="none")
    assert [each.id for each in made] == ["box.mbox:1", "a.xml:1", "a.xml:2"]


THUNDERBIRD = (
    "From {}\nX-Mozilla-Status: 0001\nFrom: a@b\nSubject: one\nMessage-ID: <1@b>\n\nHello\n\n"
    "From here on we walk.\nMore\n\nFrom {}\nX-Mozilla-Status: 0001\nFrom: c@d\nSubject: two\n\n"
    "Bye\n"
)


@pytest.mark.parametrize(
    "sent", ["", "- Tue Mar 05 10:00:00 2024", "17@xxx Mon Jan 01 12:00:00 +0000 2024"]
)
def test_a_line_of_a_mail_that_begins_with_from_stays(put: Put, read: Read, sent: str) -> None:
    put("Inbox", THUNDERBIRD.format(sent, sent))
    assert [(each.title, each.text) for each in read("Inbox")] == [
        ("one", "Hello\n\nFrom here on we walk.\nMore"),
        ("two", "Bye"),
    ]


def test_one_enormous_mail_does_not_end_a_mailbox(put: Put) -> None:
    to, parts = "someone@example.org, " * 60_000, "--z\nContent-Disposition: attachment\n\nx\n"
    put(
        "box.mbox",
        f"From a@b Fri May  1 10:00:00 2020\nMessage-ID: <{'m' * 9_000}@b>\nTo: {to}\nCc: {to}\n"
        f"Subject: {'long ' * 30_000}\nContent-Type: multipart/mixed; boundary=z\n\n"
        f"{parts * 12_000}--z\n\ntext\n--z--\n\n"
        "From a@b Fri May  1 10:00:00 2020\nSubject: next\n\nmore\n",
    )
    with es.create(put("x", "").parent / "w.es") as ws:
        changes = ws.add_sources(put("x", "").parent / "box.mbox")
        assert (changes.added, changes.left_out) == (2, ())
        assert [ws.documents[id].text for id in ws.documents] == ["text", "more"]


def test_mail_as_programs_write_it(put: Put, read: Read) -> None:
    put("raw.eml", "From: Jürgen <a@b>\nSubject: Grüße\n\nText\n")
    assert (read("raw.eml")[0].title, read("raw.eml")[0].metadata["from"]) == (
        "Grüße",
        "Jürgen <a@b>",
    )
    head = "From: a@b\nSubject: x\nContent-Type: text/plain; charset="
    for charset, codec, text in (
        ("gb2312", "gbk", "朱镕基"), ("iso-8859-1", "cp1252", "“yes” é"),
        ("ks_c_5601-1987", "cp949", "똠방"), ("us-ascii", "utf-8", "“é”"),
    ):  # fmt: skip
        put("a.eml", f"{head}{charset}\n\n".encode() + text.encode(codec))
        assert read("a.eml")[0].text == text
    received = "Received: from x by y\n\tfor <a@b>; Tue, 5 Mar 2024 10:00:00 +0100\n" * 90
    put("1700.M1P1.host,U=1:2,S", f"{received}From: a@b\nSubject: s\n\nbody\n")
    assert [(each.title, each.text) for each in read("1700.M1P1.host,U=1:2,S")] == [("s", "body")]
    put("memo", "From: Bob\nDate: 3 May\nRe: bridges\n\nText")
    assert "Re: bridges" in read("memo")[0].text
    parts = "From: a@b\nSubject: {}\nContent-Type: multipart/{}; boundary=zz\n\n--zz\n{}\n--zz\n{}"
    inner = "Content-Type: message/rfc822\n\nSubject: inner\n\nits text\n--zz--"
    put("forwarded.eml", parts.format("f", "mixed", "\nsee", inner))
    assert read("forwarded.eml")[0].text == "see\ninner\nits text"
    page, dates = "Content-Type: text/html\n\n<p>page</p>", "Content-Type: text/calendar\n\nBEGIN"
    put("invitation.eml", parts.format("i", "alternative", page, dates))
    assert read("invitation.eml")[0].text == "page"
    words = "the boundary of it\n" * 200
    put("words.eml", parts.format("w", "mixed", "\n" + words, "\nlast\n--zz--"))
    assert read("words.eml")[0].text == words + "last"


def test_a_mail_with_parts_without_end_is_read_all_the_same(put: Put, read: Read) -> None:
    parts = "".join(
        f'Content-Type: multipart/mixed; boundary="b{n}"\n\n--b{n}\n' for n in range(2_000)
    )
    put("deep.eml", f"From: a@b\nSubject: deep\n{parts}\nhello")
    put(
        "wide.eml",
        "Subject: wide\nContent-Type: multipart/mixed; boundary=b\n\n" + "--b\n\nx\n" * 20_000,
    )
    assert "hello" in read("deep.eml")[0].text
    assert read("wide.eml")[0].text.count("x") == 20_000

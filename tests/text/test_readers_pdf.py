from __future__ import annotations

import gzip
import io
import random
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from pypdf import PdfReader, PdfWriter

from embedsearch._errors import CorpusTooSmallError, MissingExtraError, SourceFormatError
from embedsearch._progress import SilentProgress
from embedsearch._types import Document

Read = Callable[..., list[Document]]
Put = Callable[[str, str | bytes], Path]


def pdf(*pages: list[str], title: str = "") -> bytes:
    """Write a PDF by hand: a page per list, a line of text per string."""
    font = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", "", font, f"<< /Title ({title}) >>"]
    kids = []
    for lines in pages:
        shown = " ".join(f"({line}) Tj 0 -20 Td" for line in lines)
        stream = f"BT /F1 12 Tf 72 700 Td {shown} ET"
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
        content = len(objects)
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {content} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>"
        )
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>"
    out, places = "%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n"
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    size = len(objects) + 1
    tail = f"trailer << /Size {size} /Root 1 0 R /Info 4 0 R >>\nstartxref\n{len(out)}\n%%EOF\n"
    return f"{out}xref\n0 {size}\n0000000000 65535 f \n{table}{tail}".encode()


PAPER = pdf(["The first page has exam-", "ples of text."], ["The second page."], title="A paper")


def test_the_text_of_all_pages_is_one_document(put: Put, read: Read) -> None:
    put("papers/a.pdf", PAPER)
    text = "The first page has examples of text.\nThe second page."
    assert read("papers") == [Document("papers/a.pdf", text, {}, "A paper")]


def test_a_pdf_without_suffix_compressed_or_from_stdin_is_read(put: Put, read: Read) -> None:
    put("a.pdf.gz", gzip.compress(PAPER))
    put("b", PAPER)
    texts = {read("a.pdf.gz")[0].text, read("b")[0].text, read("-", stdin=PAPER)[0].text}
    assert texts == {"The first page has examples of text.\nThe second page."}


def test_a_pdf_with_a_password_is_an_error(put: Put, read: Read) -> None:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(PAPER)))
    writer.encrypt("secret", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    put("a.pdf", out.getvalue())
    with pytest.raises(SourceFormatError, match="needs a password"):
        read("a.pdf")


def test_a_pdf_that_opens_without_its_password_is_read(put: Put, read: Read) -> None:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(PAPER)))
    writer.encrypt("", "owner", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    put("a.pdf", out.getvalue())
    assert "second page" in read("a.pdf")[0].text


def test_a_pdf_without_text_is_said_to_have_none(put: Put, read: Read) -> None:
    put("a.pdf", pdf([""]))
    with pytest.raises(CorpusTooSmallError, match=r"a\.pdf: it has no text"):
        read("a.pdf")


def test_a_damaged_pdf_is_an_error_or_left_out_of_a_folder(
    put: Put, read: Read, progress: SilentProgress
) -> None:
    put("docs/a.pdf", b"%PDF-1.4\nnothing")
    put("docs/b.txt", "text")
    with pytest.raises(SourceFormatError, match="damaged"):
        read("docs/a.pdf")
    assert [document.id for document in read("docs")] == ["docs/b.txt"]
    assert "a.pdf: the PDF is damaged" in progress.notes[0]


def test_no_damage_of_one_byte_escapes_as_a_foreign_error(put: Put, read: Read) -> None:
    chance = random.Random(1)  # noqa: S311
    for _ in range(60):
        damaged = bytearray(PAPER)
        damaged[chance.randrange(8, len(PAPER))] = chance.randrange(256)
        put("a.pdf", bytes(damaged))
        with suppress(SourceFormatError, CorpusTooSmallError):
            read("a.pdf")


def test_a_missing_extra_names_its_command_and_is_left_out_of_a_folder(
    put: Put, read: Read, progress: SilentProgress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pypdf.errors", None)
    put("docs/a.pdf", PAPER)
    put("docs/b.txt", "text")
    with pytest.raises(MissingExtraError, match=r"pip install 'embedsearch-engine\[pdf\]'"):
        read("docs/a.pdf")
    assert [document.id for document in read("docs")] == ["docs/b.txt"]
    assert "pip install" in progress.notes[0]

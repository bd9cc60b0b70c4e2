from __future__ import annotations

import gzip
import io
import random
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from pypdf import PdfReader, PdfWriter

from embedsearch._errors import CorpusTooSmallError, MissingExtraError, SourceFormatError
from embedsearch._progress import SilentProgress
from embedsearch._types import Document
from embedsearch.text.readers.pdf_text import extracted, title_and_text

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
    with pytest.raises(SourceFormatError, match="the PDF cannot be read"):
        read("docs/a.pdf")
    assert [document.id for document in read("docs")] == ["docs/b.txt"]
    assert "a.pdf: the PDF cannot be read" in progress.notes[0]


def test_no_damage_of_one_byte_escapes_as_a_foreign_error() -> None:
    chance = random.Random(1)  # noqa: S311
    errors = 0
    for _ in range(200):
        damaged = bytearray(PAPER)
        damaged[chance.randrange(8, len(PAPER))] = chance.randrange(256)
        title, text, error = extracted(io.BytesIO(damaged), 10**6)
        errors += bool(error)
        assert not (error and (title or text))
    assert 0 < errors < 200


def flate_only(data: bytes) -> bytes:
    return zlib.compress(data, 1)


def flate(data: bytes, filters: int = 1) -> bytes:
    """Return a packed stream; the outermost of its `filters` is applied here."""
    packed = flate_only(data)
    names = "/FlateDecode " * filters
    head = f"<< /Length {len(packed)} /Filter [{names}] >>\nstream\n"
    return head.encode() + packed + b"\nendstream"


def written(objects: list[bytes]) -> bytes:
    """Write a PDF of these objects, the first of which is its catalogue; 5 is a font."""
    nothing = [b"null"] * (4 - len(objects))
    font = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
    objects = [*objects, *nothing, font]
    out, places = b"%PDF-1.5\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    size = len(objects) + 1
    tail = f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer << /Size {size} /Root 1 0 R >>"
    return out + f"{tail}\nstartxref\n{len(out)}\n%%EOF\n".encode()


CATALOGUE = b"<< /Type /Catalog /Pages 2 0 R >>"
PAGES = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
_PAGE = b"<< /Type /Page /Parent 2 0 R /Resources << /Font << /F 5 0 R >> >> /MediaBox [0 0 9 9] "
PAGE = _PAGE + b"/Contents 4 0 R >>"
MANY = _PAGE + b"/Contents [" + b"4 0 R " * 2000 + b"] >>"
HOSTILE = {
    "300 MB in one stream": lambda: [CATALOGUE, PAGES, PAGE, flate(bytes(3 * 10**8))],
    "packed twice": lambda: [CATALOGUE, PAGES, PAGE, flate(flate_only(bytes(3 * 10**8)), 2)],
    "one stream 2,000 times": lambda: [CATALOGUE, PAGES, MANY, flate(b"BT (a) Tj ET " * 10**5)],
    "pages in themselves": lambda: [CATALOGUE, b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 9 >>"],
    "a million pages": lambda: [
        CATALOGUE, b"<< /Type /Pages /Kids [" + b"3 0 R " * 10**6 + b"] /Count 1000000 >>", PAGE,
        flate(b"")],
    "brackets": lambda: [CATALOGUE, PAGES, PAGE, flate(b"[" * 10**7)],
    "a length": lambda: [
        CATALOGUE, PAGES, PAGE, b"<< /Length 999999999999 >>\nstream\nx\nendstream"],
}  # fmt: skip


def within(data: bytes, tmp_path: Path, memory: int, seconds: int) -> str:
    """Read with limits; return what was wrong, or the text."""
    path = tmp_path / "a.pdf"
    path.write_bytes(data)
    with path.open("rb") as file:
        try:
            return title_and_text(file, 0, 10**6, memory, seconds)[1]
        except ValueError as error:
            return str(error)


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_pdf_ends_soon(kind: str, tmp_path: Path) -> None:
    result = within(written(HOSTILE[kind]()), tmp_path, 2**30, 60)
    assert "more than 60 seconds" not in result
    assert len(result) < 200


def test_a_pdf_gets_no_more_time_and_memory_than_its_limits(tmp_path: Path) -> None:
    heavy = written([CATALOGUE, PAGES, PAGE, flate(b"BT /F 9 Tf (word) Tj ET " * 400_000)])
    assert "more than 1 seconds, or 2,048 MiB" in within(heavy, tmp_path, 2**31, 1)
    memory = within(heavy, tmp_path, 150 * 2**20, 60)
    assert memory == "it takes too much memory" or "more than 60 seconds, or 150 MiB" in memory
    assert within(PAPER, tmp_path, 2**31, 60).endswith("The second page.")


def test_a_missing_extra_names_its_command_and_is_left_out_of_a_folder(
    put: Put, read: Read, progress: SilentProgress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pypdf", None)
    put("docs/a.pdf", PAPER)
    put("docs/b.txt", "text")
    with pytest.raises(MissingExtraError, match=r"pip install 'embedsearch-engine\[pdf\]'"):
        read("docs/a.pdf")
    assert [document.id for document in read("docs")] == ["docs/b.txt"]
    assert "pip install" in progress.notes[0]

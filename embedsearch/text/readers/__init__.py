"""One reader per format."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from embedsearch.text.readers.delimited import read_csv, read_tsv
from embedsearch.text.readers.epub import read_epub
from embedsearch.text.readers.html import read_html
from embedsearch.text.readers.json_lines import read_json
from embedsearch.text.readers.mail import read_eml, read_mbox
from embedsearch.text.readers.markdown import read_markdown
from embedsearch.text.readers.mediawiki import read_mediawiki
from embedsearch.text.readers.notebook import read_notebook
from embedsearch.text.readers.office import read_docx, read_odt
from embedsearch.text.readers.parquet import read_parquet
from embedsearch.text.readers.pdf import read_pdf
from embedsearch.text.readers.plain import read_plain
from embedsearch.text.readers.xml import read_xml

if TYPE_CHECKING:
    from collections.abc import Mapping

    from embedsearch.text.base import Reader

READERS: Mapping[str, Reader] = MappingProxyType(
    {
        "text": read_plain,
        "jsonl": read_json,
        "csv": read_csv,
        "tsv": read_tsv,
        "markdown": read_markdown,
        "html": read_html,
        "pdf": read_pdf,
        "parquet": read_parquet,
        "mediawiki": read_mediawiki,
        "xml": read_xml,
        "docx": read_docx,
        "odt": read_odt,
        "epub": read_epub,
        "eml": read_eml,
        "mbox": read_mbox,
        "notebook": read_notebook,
    }
)

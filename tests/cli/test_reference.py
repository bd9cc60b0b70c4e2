"""The reference in docs/ is what `--help` says."""

from __future__ import annotations

from pathlib import Path

from embedsearch.cli.main import SECTIONS
from embedsearch.cli.reference import reference

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"


def test_the_page_is_up_to_date() -> None:
    """If not: python -m embedsearch.cli.reference > docs/cli.md."""
    assert PAGE.read_text(encoding="utf-8") == reference()


def test_every_command_is_in_it() -> None:
    page = reference()
    for section in SECTIONS.values():
        for name in section:
            assert f"## embedsearch {name}\n" in page
    assert "## embedsearch corpora list\n" in page
    assert "## embedsearch corpora show\n" in page

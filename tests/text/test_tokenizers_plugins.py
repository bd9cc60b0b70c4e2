"""Installed packages can bring tokenizers; nothing else is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from embedsearch._errors import ParameterError
from embedsearch.text.processing import TextProcessor
from embedsearch.text.settings import TokenizerSettings
from embedsearch.text.tokenizers.plugins import plugin_names

if TYPE_CHECKING:
    from pathlib import Path

ENTRY_POINTS = """
[embedsearch.tokenizers]
commas = comma_tokenizer:CommaTokenizer
gone = comma_tokenizer:Gone
number = comma_tokenizer:Number
"""
MODULE = """
class CommaTokenizer:
    def tokenize(self, text):
        return text.split(",")

Number = int
"""


@pytest.fixture
def _installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "comma_tokenizer-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: comma-tokenizer\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    (tmp_path / "comma_tokenizer.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("_installed")
def test_an_installed_tokenizer_is_used_by_its_name() -> None:
    processor = TextProcessor(TokenizerSettings(tokenizer="commas"))
    assert "commas" in plugin_names()
    assert processor.process("New York,Rome,, ,Caf\u00e9") == ["new_york", "rome", "café"]


@pytest.mark.usefixtures("_installed")
@pytest.mark.parametrize(("name", "reason"), [("gone", "loaded"), ("number", "tokenize")])
def test_a_broken_plug_in_says_what_is_wrong(name: str, reason: str) -> None:
    with pytest.raises(ParameterError, match=reason):
        TextProcessor(TokenizerSettings(tokenizer=name)).process("a")


@pytest.mark.usefixtures("_installed")
def test_an_unknown_name_lists_what_there_is() -> None:
    with pytest.raises(ParameterError, match=r"unicode.*toktok.*commas.*got 'os:system'"):
        TokenizerSettings(tokenizer="os:system")

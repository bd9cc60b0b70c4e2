"""Stop words by language, from a file, and as given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from embedsearch._errors import ParameterError, SourceFormatError, SourceNotFoundError
from embedsearch.text.stop_words import resolve_stop_words

if TYPE_CHECKING:
    from pathlib import Path


def test_a_language_is_known_by_name_and_by_code() -> None:
    words = resolve_stop_words("English")
    assert words == resolve_stop_words("en")
    assert {"the", "and", "don't"} <= set(words)
    assert {"der", "und"} <= set(resolve_stop_words("german"))


def test_words_are_folded_sorted_and_unique() -> None:
    assert resolve_stop_words(["The", "a", " don\u2019t ", "the", ""]) == ("a", "don't", "the")
    assert resolve_stop_words(None) == ()


def test_a_file_has_a_word_on_each_line(tmp_path: Path) -> None:
    path = tmp_path / "stop.txt"
    path.write_text("\ufeffThe\n\nund\r\n", encoding="utf-8")
    assert resolve_stop_words(f"@{path}") == ("the", "und")


def test_an_unknown_language_lists_the_known_ones() -> None:
    with pytest.raises(ParameterError, match=r"@FILE.*english.*got 'klingon'"):
        resolve_stop_words("klingon")


def test_a_missing_or_a_binary_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFoundError, match=r"gone\.txt"):
        resolve_stop_words(f"@{tmp_path / 'gone.txt'}")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(SourceFormatError, match="UTF-8"):
        resolve_stop_words(f"@{tmp_path / 'binary.txt'}")
